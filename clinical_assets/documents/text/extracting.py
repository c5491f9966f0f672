"""Documents of some batches to rows of text: through the cache, read by worker processes, written in pieces.

Batches come in waves of a thousand documents or so: what the cache lacks is read by the workers and stored as it comes,
then each batch's rows are taken from the cache in order, a few megabytes at a time. So the cache is asked once for many
small batches, the memory needed does not grow with the number of documents, and a killed run has lost only the wave's
last seconds. What failed in several runs is not read again (see `failed_attempts`).
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from clinical_assets.documents.index.bodies import LAKE, Bodies
from clinical_assets.documents.readers.extraction import Extraction, extractor_of, failed
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits, Reason, UnreadableError
from clinical_assets.documents.readers.sniffing import ContentType, parse_declared
from clinical_assets.documents.readers.worker import Unread, Workers
from clinical_assets.documents.tables import INDEXED, TEXT
from clinical_assets.documents.text import failed_attempts, text_cache
from clinical_assets.documents.text.failed_attempts import Failed
from clinical_assets.documents.text.text_cache import Cached, Key, Row
from clinical_assets.documents.text.text_rows import (
    reason_without_bytes,
    text_not_read,
    text_row,
    text_without_bytes,
)
from resources.warehouse import Warehouse

WAVE = 1_000
"""Documents after which a wave is full."""
MOST_BATCHES = 50
"""Batches in a wave, however few documents they have."""
FETCHED_AHEAD = (8, 64_000_000)
"""Documents of a remote store, and bytes, that are held before a worker takes them."""
STORED_AT_ONCE = (100, 4_000_000)
"""Documents, and characters of text, that are held before they are stored."""

NEEDED = ("patient_id", "document_id", "uri", "declared_type", "content_type", "size_bytes", "sha256", "status")
"""Columns of `documents/index` that decide a text."""


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


def readers_version(limits: Limits, zone: str | None) -> str:
    """The same as long as every reader makes the same of the same bytes, and rows are made of that the same way."""
    readers = [(kind.value, extractor_of(kind).version) for kind in ContentType]
    decisive = text_cache.key_of("", ContentType.PLAIN.value, None, limits)
    return hashlib.sha256(repr((readers, decisive, zone)).encode()).hexdigest()[:16]


@dataclass
class Tally:
    """What a run has done so far.

    Attributes:
        documents: documents of the batches begun.
        hits: distinct texts wanted that the cache had.
        extracted: documents read, and their bytes in `size_bytes`.
        reasons: documents without text, by reason.
        given_up: documents among them that are not tried again.
    """

    documents: int = 0
    hits: int = 0
    extracted: int = 0
    size_bytes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    given_up: int = 0

    @property
    def hit_rate(self) -> float:
        """Hits in parts of distinct texts wanted."""
        return self.hits / (self.hits + self.extracted) if self.hits + self.extracted else 0.0


@dataclass(frozen=True)
class Outcome:
    """How a batch's documents came out.

    Attributes:
        reasons: documents without text, by reason.
        unsettled: documents that failed for the circumstances and are worth another try.
        given_up: documents that failed too often for one.
    """

    reasons: Counter[str]
    unsettled: int = 0
    given_up: int = 0


@dataclass
class Wave:
    """Batches that are read together.

    Attributes:
        batches: the batches.
        lacking: one document of every text that the cache lacks, by key.
        cached: the texts the cache has, by key; those read are added.
    """

    batches: list[Batch] = field(default_factory=list)
    lacking: dict[Key, dict[str, Any]] = field(default_factory=dict)
    cached: dict[Key, Cached] = field(default_factory=dict)


@dataclass
class Extractor:
    """One run's way from the index to text.

    Attributes:
        warehouse: holds the cache and the failed attempts.
        bodies: gives the bytes.
        limits: for each document.
        workers: processes; None for one a core.
        tell: called now and then with the tally so far.
        zone: name of the hospital's time zone, see `moments.parse`.
        run: the run's id: each run counts once in a document's failed attempts, see `failed_attempts`.
        retry_dead_letters: whether documents that were given up are tried again.
    """

    warehouse: Warehouse
    bodies: Bodies
    limits: Limits = DEFAULT_LIMITS
    workers: int | None = None
    tell: Callable[[Tally], None] = lambda tally: None
    zone: str | None = None
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    retry_dead_letters: bool = False
    tally: Tally = field(default_factory=Tally)
    # What failed for the circumstances: not in the cache, and not tried again in this run.
    failures: dict[Key, Row] = field(default_factory=dict)
    # How often what is among the failures has failed, or failed before.
    attempts: dict[Key, Failed] = field(default_factory=dict)

    def extract(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Outcome, Iterator[pl.DataFrame]]]:
        """Each batch with how it came out and its rows of `TEXT`, in pieces, to be taken before the next is asked for.

        A batch's texts are then all in the cache, save for failures.
        """
        with Workers(self.limits, self.workers) as workers:
            for wave in self._waves(batches):
                self._read(wave, workers)
                for batch in wave.batches:
                    outcome = self._outcome(batch, wave)
                    self.tally.reasons.update(outcome.reasons)
                    self.tally.given_up += outcome.given_up
                    yield batch, outcome, self._rows(batch, wave)

    def dead_letters(self, batch: Batch) -> int:
        """Documents of a batch that this run would leave alone because they were given up."""
        if self.retry_dead_letters:
            return 0
        past = failed_attempts.of_keys(self.warehouse, {key for key in batch.keys if key is not None})
        return sum(key in past and past[key].given_up(self.limits) for key in batch.keys if key is not None)

    def _outcome(self, batch: Batch, wave: Wave) -> Outcome:
        reasons: Counter[str] = Counter()
        unsettled = given_up = 0
        for key, status in zip(batch.keys, batch.documents["status"], strict=True):
            if key is None:
                reasons[reason_without_bytes(status).value] += 1
            elif key in self.failures:
                reasons[self.failures[key]["reason"]] += 1
                lost = self._given_up(key)
                given_up, unsettled = given_up + lost, unsettled + (not lost)
            elif (reason := wave.cached[key].reason) is not None:
                reasons[reason] += 1
        return Outcome(reasons, unsettled, given_up)

    def _given_up(self, key: Key) -> bool:
        return key in self.attempts and self.attempts[key].given_up(self.limits)

    def _waves(self, batches: Iterable[Batch]) -> Iterator[Wave]:
        """Batches, with what the cache has and what it lacks of them."""
        together: list[Batch] = []
        for batch in batches:
            together.append(batch)
            if sum(len(each.keys) for each in together) >= WAVE or len(together) >= MOST_BATCHES:
                yield self._wave(together)
                together = []
        if together:
            yield self._wave(together)

    def _wave(self, batches: list[Batch]) -> Wave:
        wave = Wave(batches)
        wanted = {key for batch in batches for key in batch.keys if key is not None and key not in self.failures}
        wave.cached = text_cache.known(self.warehouse, wanted)
        self.tally.documents += sum(len(batch.keys) for batch in batches)
        self.tally.hits += len(wave.cached)
        missing = wanted - set(wave.cached)
        self._leave_dead_letters(missing)
        for batch in batches if missing else ():
            for key, row in zip(batch.keys, batch.documents.iter_rows(named=True), strict=True):
                if key in missing and key not in self.failures and key not in wave.lacking:
                    wave.lacking[key] = row
        return wave

    def _leave_dead_letters(self, keys: set[Key]) -> None:
        """What was given up counts as failed in this run too, without being read."""
        before = failed_attempts.of_keys(self.warehouse, keys)
        self.attempts |= before
        for key, past in before.items():
            if past.given_up(self.limits) and not self.retry_dead_letters:
                self.failures[key] = text_not_read(key, past.reason, past.detail)

    def _read(self, wave: Wave, workers: Workers) -> None:
        waiting: list[Row] = []
        characters = 0
        by_name = {"|".join(key): key for key in wave.lacking}
        for name, extraction in workers.read(self._unread(wave)):
            key = by_name[name]
            row = text_cache.row_of(key, _as_indexed(key, extraction))
            self.tally.extracted += 1
            self.tally.size_bytes += extraction.size
            if row["reason"] and not Reason(row["reason"]).about_the_bytes:
                self._fail(key, row)
            else:
                waiting.append(row)
                characters += row["characters"]
                wave.cached[key] = Cached(row["characters"], row["reason"])
            if len(waiting) >= STORED_AT_ONCE[0] or characters >= STORED_AT_ONCE[1]:
                text_cache.store(self.warehouse, waiting)
                waiting, characters = [], 0
            self.tell(self.tally)
        text_cache.store(self.warehouse, waiting)
        failed_attempts.forget(
            self.warehouse, [key for key in wave.lacking if key in self.attempts and key in wave.cached]
        )

    def _fail(self, key: Key, row: Row) -> None:
        """Keep a failure for this run's rows, and count it for the runs to come where it lies with the bytes."""
        reason = Reason(row["reason"])
        self.failures[key] = row
        if reason in failed_attempts.COUNTED:
            self.attempts[key] = failed_attempts.count(
                self.warehouse, key, self.run, self.limits, reason, row["detail"] or ""
            )

    def _unread(self, wave: Wave) -> Iterator[Unread]:
        """What the workers are given, one document at a time."""
        columns = {"patient_id": pl.String, "uri": pl.String}
        in_lake = [row for row in wave.lacking.values() if row["uri"].startswith(LAKE)]
        notes = self.bodies.notes(pl.DataFrame(in_lake, schema=columns)) if in_lake else {}
        for key, row, source in self._sources(wave.lacking, notes):
            charset = parse_declared(row["declared_type"]).charset
            settled = f"{row['content_type']}; charset={charset}" if charset else row["content_type"]
            if not isinstance(source, Exception):
                yield Unread("|".join(key), source, settled)
            elif row["size_bytes"] > self.limits.max_bytes:
                detail = f"{row['size_bytes']} bytes, limit {self.limits.max_bytes}"
                lies = {name: row[name] for name in ("content_type", "size_bytes")}
                text_cache.store(self.warehouse, [{**text_not_read(key, Reason.TOO_LARGE, detail), **lies}])
                wave.cached[key] = Cached(0, Reason.TOO_LARGE)
            else:
                self._fail(key, text_not_read(key, Reason.SOURCE_UNREADABLE, type(source).__name__))

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
            return self.bodies.whole(row["uri"], row["size_bytes"], row["sha256"])
        except (OSError, KeyError, UnreadableError) as error:
            return error

    def _rows(self, batch: Batch, wave: Wave) -> Iterator[pl.DataFrame]:
        lengths = {key: cached.characters for key, cached in wave.cached.items()}
        documents = batch.documents.rows(named=True)
        for piece in text_cache.in_pieces(batch.keys, lengths):
            wanted = {key for position in piece if (key := batch.keys[position]) is not None}
            texts = {**text_cache.read(self.warehouse, wanted - set(self.failures)), **self.failures}
            rows = [self._row(documents[position], batch.keys[position], texts) for position in piece]
            yield pl.DataFrame(rows, schema=TEXT.polars_schema, orient="row")
        self.tell(self.tally)

    @cached_property
    def _zone(self) -> ZoneInfo | None:
        return ZoneInfo(self.zone) if self.zone else None

    def _row(self, document: Mapping[str, Any], key: Key | None, texts: Mapping[Key, Row]) -> dict[str, Any]:
        if key is None:
            return text_row(document, text_without_bytes(document["status"]))
        past = self.attempts.get(key) if key in self.failures else None
        attempts = past.attempts if past else 0
        return text_row(document, texts[key], self._zone, attempts, given_up=self._given_up(key) if past else False)


def _as_indexed(key: Key, extraction: Extraction) -> Extraction:
    """The extraction, unless it is of other bytes than the index knows: the text of those is nobody's."""
    if extraction.bytes_sha256 in (key.sha256, None):
        return extraction
    return failed(b"", Reason.SOURCE_CHANGED, "the bytes changed since they were indexed")
