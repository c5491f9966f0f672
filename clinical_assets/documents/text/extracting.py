"""Documents of some batches to rows of text: through the cache, read by worker processes, written in pieces.

Batches come in waves of a thousand documents or so: what the cache lacks is read by the workers and stored as it comes,
then each batch's rows are taken from the cache in order, a few megabytes at a time. So the cache is asked once for many
small batches, the memory needed does not grow with the number of documents, and a killed run has lost only the wave's
last seconds. What failed in several runs is not read again (see `failed_attempts`). Documents whose bytes cannot be
read and that come in other formats are read in those (see `batches`).
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
from clinical_assets.documents.readers.worker import Unread
from clinical_assets.documents.readers.worker_pool import Workers
from clinical_assets.documents.tables import MISSING, TEXT, UNREADABLE
from clinical_assets.documents.text import failed_attempts, text_cache
from clinical_assets.documents.text.batches import Batch, Document, Outcome, tell
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


@dataclass
class Wave:
    """Batches that are read together.

    Attributes:
        batches: the batches.
        cached: the texts the cache has, by key; those read are added.
    """

    batches: list[Batch] = field(default_factory=list)
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
                self._read(wave, self._lacking(wave, _first_formats(wave)), workers)
                while others := self._other_formats(wave):
                    self._read(wave, self._lacking(wave, others), workers)
                self._look_up_times(wave)
                tell(self.warehouse, wave.batches)
                for batch in wave.batches:
                    outcome = self._outcome(batch, wave)
                    self.tally.reasons.update(outcome.reasons)
                    self.tally.given_up += outcome.given_up
                    yield batch, outcome, self._rows(batch, wave)

    def still_given_up(self, outcome: Outcome) -> bool:
        """Whether this run would leave alone all that was given up when it came out so."""
        keys = {_key(name) for name in outcome.dead}
        past = failed_attempts.of_keys(self.warehouse, keys)
        return not self.retry_dead_letters and all(key in past and past[key].given_up(self.limits) for key in keys)

    def _outcome(self, batch: Batch, wave: Wave) -> Outcome:
        reasons: Counter[str] = Counter()
        unsettled = given_up = 0
        dead: set[Key] = set()
        for position, (key, status) in enumerate(zip(batch.keys_read, batch.documents["status"], strict=True)):
            formats = batch.formats.get(position)
            lost, tried_again = (set(formats.dead), formats.not_had) if formats else (set[Key](), False)
            reason = reason_without_bytes(status).value if key is None else self._reason(key, wave)
            if key in self.failures:
                lost |= {key} if self._given_up(key) else set()
                tried_again |= not self._given_up(key)
            if reason is not None:
                reasons[reason] += 1
                unsettled += tried_again
            given_up += bool(lost)
            dead |= lost
        return Outcome(reasons, unsettled, given_up, tuple(sorted(map(_name, dead))))

    def _reason(self, key: Key, wave: Wave) -> str | None:
        return self.failures[key]["reason"] if key in self.failures else wave.cached[key].reason

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
        self.tally.documents += sum(len(batch.keys) for batch in batches)
        return Wave(batches)

    def _lacking(self, wave: Wave, wanted: Mapping[Key, tuple[Batch, int]]) -> dict[Key, Document]:
        """Of some texts those that neither the cache nor this run has: a document of each, as it is to be read."""
        new = {key for key in wanted if key not in self.failures and key not in wave.cached}
        found = text_cache.known(self.warehouse, new)
        wave.cached |= found
        self.tally.hits += len(found)
        missing = new - set(found)
        self._leave_dead_letters(missing)
        return {
            key: instead.document if (instead := batch.instead(position)) else batch.rows[position]
            for key, (batch, position) in wanted.items()
            if key in missing and key not in self.failures
        }

    def _other_formats(self, wave: Wave) -> dict[Key, tuple[Batch, int]]:
        """The next format of every document that cannot be read in the one it is at, as long as it has another."""
        turning = [
            (batch, position)
            for batch in wave.batches
            for position, written in enumerate(batch.documents["other_formats"])
            if written and self._turned(batch, position, wave)
        ]
        if turning:
            with ThreadPoolExecutor(FETCHED_AHEAD[0]) as pool:
                list(pool.map(self._go_on, *zip(*turning, strict=True)))
        return {now.key: (batch, position) for batch, position in turning if (now := batch.instead(position))}

    def _turned(self, batch: Batch, position: int, wave: Wave) -> bool:
        """Whether the format a document is at can never be read; that is then noted."""
        known, now = batch.formats.get(position), batch.instead(position)
        if known and not now:  # back at the first: it has no other
            return False
        key, row = (now.key, now.document) if now else (batch.keys[position], batch.rows[position])
        if key is None:
            reason = reason_without_bytes(row["status"]).value if row["status"] in (MISSING, UNREADABLE) else None
        else:
            reason = self._reason(key, wave) if key not in self.failures or self._given_up(key) else None
        if reason is None:
            return False
        formats = batch.begin(position)
        formats.pass_over(row["declared_type"], row["content_type"], reason)
        if key in self.failures and key is not None:
            formats.dead.append(key)
        return True

    def _go_on(self, batch: Batch, position: int) -> None:
        """Put a document at the next of its formats whose bytes can be had; else back at the index's."""
        formats = batch.formats[position]
        formats.now = None
        while formats.waiting and formats.now is None:
            chosen = formats.waiting.popleft()
            try:
                identity = self.bodies.identity(chosen.uri, chosen.declared_type)
            except UnreadableError as error:
                formats.pass_over(chosen.declared_type, None, error.reason.value)
            except OSError:
                formats.not_had = True
            else:
                formats.take(batch.rows[position], chosen, identity, self.limits)

    def _look_up_times(self, wave: Wave) -> None:
        """When S3 stored the other formats that were read: not in the index, where it would be a change of rows."""
        ways = [formats.now.format for batch in wave.batches for formats in batch.formats.values() if formats.now]
        times = self.bodies.s3_last_modified({each.uri: each.version for each in ways})
        for batch in wave.batches:
            batch.s3_last_modified = times

    def _leave_dead_letters(self, keys: set[Key]) -> None:
        """What was given up counts as failed in this run too, without being read."""
        before = failed_attempts.of_keys(self.warehouse, keys)
        self.attempts |= before
        for key, past in before.items():
            if past.given_up(self.limits) and not self.retry_dead_letters:
                self.failures[key] = text_not_read(key, past.reason, past.detail)

    def _read(self, wave: Wave, lacking: Mapping[Key, Document], workers: Workers) -> None:
        waiting: list[Row] = []
        characters = 0
        by_name = {_name(key): key for key in lacking}
        for name, extraction in workers.read(self._unread(wave, lacking)):
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
        failed_attempts.forget(self.warehouse, [key for key in lacking if key in self.attempts and key in wave.cached])

    def _fail(self, key: Key, row: Row) -> None:
        """Keep a failure for this run's rows, and count it for the runs to come where it lies with the bytes."""
        reason = Reason(row["reason"])
        self.failures[key] = row
        if reason in failed_attempts.COUNTED:
            self.attempts[key] = failed_attempts.count(
                self.warehouse, key, self.run, self.limits, reason, row["detail"] or ""
            )

    def _unread(self, wave: Wave, lacking: Mapping[Key, Document]) -> Iterator[Unread]:
        """What the workers are given, one document at a time."""
        columns = {"patient_id": pl.String, "uri": pl.String}
        in_lake = [row for row in lacking.values() if row["uri"].startswith(LAKE)]
        notes = self.bodies.notes(pl.DataFrame(in_lake, schema=columns)) if in_lake else {}
        for key, row, source in self._sources(lacking, notes):
            charset = parse_declared(row["declared_type"]).charset
            settled = f"{row['content_type']}; charset={charset}" if charset else row["content_type"]
            if not isinstance(source, Exception):
                yield Unread(_name(key), source, settled)
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
        keys = batch.keys_read
        for piece in text_cache.in_pieces(keys, lengths):
            wanted = {key for position in piece if (key := keys[position]) is not None}
            texts = {**text_cache.read(self.warehouse, wanted - set(self.failures)), **self.failures}
            rows = [self._row(batch, position, keys[position], texts) for position in piece]
            yield pl.DataFrame(rows, schema=TEXT.polars_schema, orient="row")
        self.tell(self.tally)

    @cached_property
    def _zone(self) -> ZoneInfo | None:
        return ZoneInfo(self.zone) if self.zone else None

    def _row(self, batch: Batch, position: int, key: Key | None, texts: Mapping[Key, Row]) -> dict[str, Any]:
        document, formats, instead = batch.rows[position], batch.formats.get(position), batch.instead(position)
        text = texts[key] if key else text_without_bytes(document["status"])
        # The last that was given up: of a document that was read in another format after all nobody need know.
        lost = key if key in self.failures else next(reversed(formats.dead), None) if formats else None
        past = self.attempts.get(lost) if lost and not text["success"] else None
        return text_row(
            instead.document if instead else document,
            text,
            self._zone,
            past.attempts(self.limits) if past else 0,
            given_up=past.given_up(self.limits) if past else False,
            read_instead=instead.as_written(document["sha256"]) if instead else None,
            not_read=formats.not_read if formats else (),
        )


def _first_formats(wave: Wave) -> dict[Key, tuple[Batch, int]]:
    """Of every text that a wave's documents need in the index's formats the first document."""
    found: dict[Key, tuple[Batch, int]] = {}
    for batch in wave.batches:
        for position, key in enumerate(batch.keys):
            if key is not None:
                found.setdefault(key, (batch, position))
    return found


def _name(key: Key) -> str:
    return "|".join(key)


def _key(name: str) -> Key:
    sha256, extractor, extractor_version = name.split("|", 2)
    return Key(sha256, extractor, extractor_version)


def _as_indexed(key: Key, extraction: Extraction) -> Extraction:
    """The extraction, unless it is of other bytes than the index knows: the text of those is nobody's."""
    if extraction.bytes_sha256 in (key.sha256, None):
        return extraction
    return failed(b"", Reason.SOURCE_CHANGED, "the bytes changed since they were indexed")
