"""Documents of some batches to rows of text: through the cache, read by worker processes, written in pieces.

Batches come in waves of a few hundred unread documents: what the cache lacks is read by the workers and stored as it
comes, then each batch's rows are taken from the cache in order, a few megabytes at a time. So the memory needed does
not grow with the number of documents, and a killed run has lost only the wave's last seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from clinical_assets.documents.index.bodies import LAKE, Bodies
from clinical_assets.documents.readers.extraction import Extraction, failed
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Caution, Limits, Reason, UnreadableError
from clinical_assets.documents.readers.sniffing import contradicts, parse_declared
from clinical_assets.documents.readers.worker import Unread, Workers
from clinical_assets.documents.tables import INDEXED, TEXT
from clinical_assets.documents.text import text_cache
from clinical_assets.documents.text.text_cache import Key, Row
from resources.warehouse import Warehouse

WAVE = 500
"""Unread documents after which a wave is full."""
MOST_BATCHES = 50
"""Batches in a wave, however few of their documents are unread."""
FETCHED_AHEAD = (8, 64_000_000)
"""Documents of a remote store, and bytes, that are held before a worker takes them."""
STORED_AT_ONCE = (100, 4_000_000)
"""Documents, and characters of text, that are held before they are stored."""

NEEDED = ("patient_id", "document_id", "uri", "declared_type", "content_type", "size_bytes", "sha256", "status")
"""Columns of `documents/index` that decide a text."""
_NO_BYTES = {
    Reason.UNRESOLVED_REFERENCE.value: Reason.UNRESOLVED_REFERENCE,
    Reason.ENTERED_IN_ERROR.value: Reason.ENTERED_IN_ERROR,
}


@dataclass
class Batch:
    """A batch's documents on their way to text.

    Attributes:
        name: the batch.
        documents: rows of the index (`NEEDED`), by patient and document.
        limits: for each document.
    """

    name: str
    documents: pl.DataFrame
    limits: Limits = DEFAULT_LIMITS

    @classmethod
    def of(cls, name: str, index: pl.DataFrame, limits: Limits = DEFAULT_LIMITS) -> Batch:
        """A batch from its index."""
        return cls(name, index.lazy().select(NEEDED).sort("patient_id", "document_id").collect(), limits)

    @cached_property
    def keys(self) -> list[Key | None]:
        """The key of each document's text; None where there are no bytes."""
        columns = ("status", "sha256", "content_type", "declared_type")
        return [
            text_cache.key_of(sha256, kind, declared, self.limits) if status == INDEXED else None
            for status, sha256, kind, declared in self.documents.select(columns).iter_rows()
        ]

    @property
    def version(self) -> str:
        """The same for the same documents read by the same extractors: then the rows are the same too."""
        types = set(self.documents.select("status", "content_type", "declared_type").iter_rows())
        # Who reads a document depends on its type alone, and a store has few of them.
        readers = sorted(
            repr((kind, declared, text_cache.key_of("", kind, declared, self.limits)))
            for status, kind, declared in types
            if status == INDEXED
        )
        return hashlib.sha256(f"{readers}{self.documents.drop('uri', 'size_bytes').write_csv()}".encode()).hexdigest()[
            :16
        ]


@dataclass
class Tally:
    """What a run has done so far.

    Attributes:
        documents: documents of the batches begun.
        hits: distinct texts wanted that the cache had.
        extracted: documents read, and their bytes in `size_bytes`.
        reasons: documents without text in the rows written, by reason.
    """

    documents: int = 0
    hits: int = 0
    extracted: int = 0
    size_bytes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def hit_rate(self) -> float:
        """Hits in parts of distinct texts wanted."""
        return self.hits / (self.hits + self.extracted) if self.hits + self.extracted else 0.0


@dataclass
class Extractor:
    """One run's way from the index to text.

    Attributes:
        warehouse: holds the cache.
        bodies: gives the bytes.
        limits: for each document.
        workers: processes; None for one a core.
        tell: called now and then with the tally so far.
    """

    warehouse: Warehouse
    bodies: Bodies
    limits: Limits = DEFAULT_LIMITS
    workers: int | None = None
    tell: Callable[[Tally], None] = lambda tally: None
    tally: Tally = field(default_factory=Tally)
    # What failed for the circumstances: not in the cache, and not tried again in this run.
    failures: dict[Key, Row] = field(default_factory=dict)

    def run(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Iterator[pl.DataFrame]]]:
        """Each batch with its rows of `TEXT`, in pieces; to be taken before the next batch is asked for."""
        with Workers(self.limits, self.workers) as workers:
            for wave, lacking in self._waves(batches):
                self._read(lacking, workers)
                for batch in wave:
                    yield batch, self._rows(batch)

    def unsettled(self, batch: Batch) -> int:
        """Documents of a batch that failed for the circumstances and are worth another try; once it was read."""
        return sum(key in self.failures for key in batch.keys)

    def _waves(self, batches: Iterable[Batch]) -> Iterator[tuple[list[Batch], dict[Key, dict[str, Any]]]]:
        """Batches, and one document of every text that the cache lacks."""
        wave: list[Batch] = []
        lacking: dict[Key, dict[str, Any]] = {}
        for batch in batches:
            wanted = {key for key in batch.keys if key is not None and key not in lacking and key not in self.failures}
            has = text_cache.known(self.warehouse, wanted)
            documents = batch.documents.iter_rows(named=True)
            lacking |= {
                key: row
                for key, row in zip(batch.keys, documents, strict=True)
                if key is not None and key in wanted and key not in has
            }
            self.tally.documents += len(batch.keys)
            self.tally.hits += len(has)
            wave.append(batch)
            if len(lacking) >= WAVE or len(wave) >= MOST_BATCHES:
                yield wave, lacking
                wave, lacking = [], {}
        if wave:
            yield wave, lacking

    def _read(self, lacking: Mapping[Key, Mapping[str, Any]], workers: Workers) -> None:
        waiting: list[Row] = []
        characters = 0
        by_name = {"|".join(key): key for key in lacking}
        for name, extraction in workers.read(self._unread(lacking)):
            key = by_name[name]
            row = text_cache.row_of(key, _as_indexed(key, extraction))
            self.tally.extracted += 1
            self.tally.size_bytes += extraction.size
            if row["reason"] and not Reason(row["reason"]).about_the_bytes:
                self.failures[key] = row
            else:
                waiting.append(row)
                characters += row["characters"]
            if len(waiting) >= STORED_AT_ONCE[0] or characters >= STORED_AT_ONCE[1]:
                text_cache.store(self.warehouse, waiting)
                waiting, characters = [], 0
            self.tell(self.tally)
        text_cache.store(self.warehouse, waiting)

    def _unread(self, lacking: Mapping[Key, Mapping[str, Any]]) -> Iterator[Unread]:
        """What the workers are given, one document at a time."""
        columns = {"patient_id": pl.String, "uri": pl.String}
        in_lake = [row for row in lacking.values() if row["uri"].startswith(LAKE)]
        notes = self.bodies.notes(pl.DataFrame(in_lake, schema=columns)) if in_lake else {}
        for key, row, source in self._sources(lacking, notes):
            charset = parse_declared(row["declared_type"]).charset
            settled = f"{row['content_type']}; charset={charset}" if charset else row["content_type"]
            if isinstance(source, Exception):
                too_large = row["size_bytes"] > self.limits.max_bytes
                reason = Reason.TOO_LARGE if too_large else Reason.SOURCE_UNREADABLE
                self.failures[key] = text_cache.row_of(key, failed(b"", reason, type(source).__name__))
            else:
                yield Unread("|".join(key), source, settled)

    def _sources(
        self, lacking: Mapping[Key, Mapping[str, Any]], notes: Mapping[str, bytes]
    ) -> Iterator[tuple[Key, Mapping[str, Any], bytes | Path | Exception]]:
        """Local files as they are; what lies elsewhere fetched a little ahead of the workers, several at once."""
        ahead: deque[tuple[Key, Mapping[str, Any], Future[bytes | Exception]]] = deque()
        with ThreadPoolExecutor(FETCHED_AHEAD[0]) as pool:
            for key, row in lacking.items():
                local = self.bodies.local(row["uri"])
                if local is not None:
                    yield key, row, local
                    continue
                ahead.append((key, row, pool.submit(self._fetched, row, notes)))
                size = sum(waiting["size_bytes"] for _, waiting, _ in ahead)
                while ahead and (len(ahead) >= FETCHED_AHEAD[0] or size > FETCHED_AHEAD[1]):
                    first, its_row, fetched = ahead.popleft()
                    size -= its_row["size_bytes"]
                    yield first, its_row, fetched.result()
            for key, row, fetched in ahead:
                yield key, row, fetched.result()

    def _fetched(self, row: Mapping[str, Any], notes: Mapping[str, bytes]) -> bytes | Exception:
        try:
            if row["uri"].startswith(LAKE):
                return notes[row["uri"]]
            return self.bodies.whole(row["uri"], row["size_bytes"])
        except (OSError, KeyError, UnreadableError) as error:
            return error

    def _rows(self, batch: Batch) -> Iterator[pl.DataFrame]:
        keys = {key for key in batch.keys if key is not None}
        lengths = text_cache.known(self.warehouse, keys - set(self.failures))
        documents = batch.documents.rows(named=True)
        for piece in text_cache.in_pieces(batch.keys, lengths):
            wanted = {key for position in piece if (key := batch.keys[position]) is not None}
            texts = {**text_cache.read(self.warehouse, wanted), **self.failures}
            rows = [self._row(documents[position], batch.keys[position], texts) for position in piece]
            self.tally.reasons.update(row["reason"] for row in rows if row["reason"])
            yield pl.DataFrame(rows, schema=TEXT.polars_schema, orient="row")
        self.tell(self.tally)

    def _row(self, document: Mapping[str, Any], key: Key | None, texts: Mapping[Key, Row]) -> dict[str, Any]:
        if key is None:
            reason = _NO_BYTES.get(document["status"], Reason.SOURCE_UNREADABLE)
            none = text_cache.row_of(Key("", "none", "0"), failed(b"", reason, document["status"]))
            return _row(document, {**none, "method": "none"})
        return _row(document, texts[key])


def _row(document: Mapping[str, Any], text: Row) -> dict[str, Any]:
    """One row of `TEXT`: a document with the text of its bytes, and what the document itself adds to the cautions."""
    mismatch = _mismatch(document["declared_type"], document["content_type"])
    warnings = [*mismatch, *json.loads(text["warnings"])]
    return {
        "patient_id": document["patient_id"],
        "document_id": document["document_id"],
        "sha256": document["sha256"],
        "extraction_success": text["success"],
        "reason": text["reason"],
        "detail": text["detail"] or None,
        "text": text["text"],
        "characters": text["characters"],
        "text_sha256": text["text_sha256"],
        "n_pages": text["pages"],
        "n_sections": text["sections"],
        "spans": text["spans"],
        "method": text["method"],
        "extractor": text["extractor"],
        "extractor_version": text["extractor_version"],
        "encoding": text["encoding"],
        "n_warnings": len(warnings),
        "warnings": json.dumps(warnings, ensure_ascii=False),
        "facts": text["facts"],
    }


def _mismatch(declared_type: str | None, content_type: str | None) -> Sequence[Mapping[str, str]]:
    declared = parse_declared(declared_type).content_type
    if declared is None or content_type is None:
        return []
    found = parse_declared(content_type).content_type
    if found is None or not contradicts(declared, found):
        return []
    return [{"code": Caution.DECLARED_TYPE_MISMATCH.value, "detail": f"declared {declared.value}, is {content_type}"}]


def _as_indexed(key: Key, extraction: Extraction) -> Extraction:
    """The extraction, unless it is of other bytes than the index knows: the text of those is nobody's."""
    if extraction.bytes_sha256 in (key.sha256, None):
        return extraction
    return failed(b"", Reason.SOURCE_CHANGED, "the bytes changed since they were indexed")
