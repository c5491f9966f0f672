"""Dead letters among documents: what failed in several runs, and is not tried again.

A document that runs out of time or memory, or brings its worker or a reader down, is worth another try: the machine
may have been busy. After `MOST_ATTEMPTS` runs it is given up: not read again until its reader's version changes, a run
gives it more time or memory than those did, or a run is told to try dead letters. Attempts are kept in PostgreSQL
(`document_cache.failed_attempts`), each written as it happens, so that a run that is killed has counted what failed
until then. A run counts once for a document however often it meets it, and of the runs within `BETWEEN_ATTEMPTS` one:
a range run over batches that share a document is worth as much as runs of those batches one by one.

Attempts are of one pair of limits, time and memory. With more of either they begin anew; a run that gave no more of
either, and less of one, says nothing about these limits and changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from clinical_assets.documents.readers.reading import Limits, Reason
from clinical_assets.documents.text.text_cache import Key
from resources.warehouse import Warehouse

MOST_ATTEMPTS = 3
"""Runs that fail before a document is given up. Two may meet a busy machine; a third is hardly chance, and each costs
a worker the whole of `Limits.seconds`."""

BETWEEN_ATTEMPTS = dt.timedelta(hours=1)
"""Time that passes on the database's clock from one attempt that counts to the next. Failures closer together are met
by the same busy machine; a document that cannot be read at all is given up on the third day of daily runs either way.
"""

COUNTED = frozenset({Reason.TIMED_OUT, Reason.OUT_OF_MEMORY, Reason.WORKER_DIED, Reason.READER_ERROR})
"""Reasons that lie with the bytes and their reader. A source that cannot be read, or has changed meanwhile, may be
there the next time, however often it was not; and costs nothing to ask for."""


@dataclass(frozen=True, slots=True)
class Failed:
    """How often some bytes could not be read by one version of a reader.

    Attributes:
        attempts: runs counted with these limits.
        seconds: time each of them gave it.
        memory_bytes: memory each of them gave it; None for no limit.
        reason: of the last attempt.
        detail: more on it, free of the document's words.
    """

    attempts: int
    seconds: float
    memory_bytes: int | None
    reason: Reason
    detail: str

    def given_up(self, limits: Limits) -> bool:
        """Whether a run with these limits leaves it alone."""
        return self.attempts >= MOST_ATTEMPTS and not self.below(limits)

    def below(self, limits: Limits) -> bool:
        """Whether these limits give more time or memory than those it failed with."""
        return limits.seconds > self.seconds or _more_memory(limits.worker_memory_bytes, self.memory_bytes)


def _more_memory(offered: int | None, had: int | None) -> bool:
    return had is not None and (offered is None or offered > had)


_KEY = "sha256 = :sha256 AND extractor = :extractor AND extractor_version = :extractor_version"
_VALUES = "attempts, seconds, memory_bytes, reason, detail"
_MEMORY = "coalesce({}.memory_bytes, 'Infinity'::float8)"
_SMALLER, _LARGER = (
    f"(excluded.seconds {than} f.seconds OR {_MEMORY.format('excluded')} {than} {_MEMORY.format('f')})" for than in "<>"
)
_COUNTS = "(excluded.counted_at >= f.counted_at + CAST(:between AS interval) AND NOT f.runs @> excluded.runs)"
_COUNT = f"""
INSERT INTO document_cache.failed_attempts AS f
    (sha256, extractor, extractor_version, last_run, runs, counted_at, {_VALUES})
VALUES (:sha256, :extractor, :extractor_version, :run, ARRAY[CAST(:run AS text)],
    coalesce(CAST(:at AS timestamptz), now()), 1, :seconds, :memory_bytes, :reason, :detail)
ON CONFLICT (sha256, extractor, extractor_version) DO UPDATE SET
    attempts = CASE WHEN {_LARGER} THEN 1 WHEN {_COUNTS} THEN f.attempts + 1 ELSE f.attempts END,
    runs = CASE WHEN {_LARGER} THEN excluded.runs WHEN {_COUNTS} THEN f.runs || excluded.runs ELSE f.runs END,
    counted_at = CASE WHEN {_LARGER} OR {_COUNTS} THEN excluded.counted_at ELSE f.counted_at END,
    seconds = excluded.seconds, memory_bytes = excluded.memory_bytes,
    last_run = excluded.last_run, reason = excluded.reason, detail = excluded.detail, last_failed_at = now()
    WHERE {_LARGER} OR NOT {_SMALLER}
RETURNING {_VALUES}
"""  # noqa: S608 - of constants


def count(
    warehouse: Warehouse, key: Key, run: str, limits: Limits, reason: Reason, detail: str, at: dt.datetime | None = None
) -> Failed:
    """Write down that a run could not read some bytes; the same run again changes nothing but the reason.

    Args:
        warehouse: where attempts are kept.
        key: the bytes and who read them.
        run: the run's id.
        limits: what the attempt was given.
        reason: why it failed, one of `COUNTED`.
        detail: more on it, free of the document's words.
        at: when, with a time zone; now by the database's clock where it is not given.

    Returns:
        The attempts so far, with this one where it counts.
    """
    given = {"run": run, "seconds": limits.seconds, "memory_bytes": limits.worker_memory_bytes}
    values = {**key._asdict(), **given, "reason": reason.value, "detail": detail}
    own = sa.text(f"SELECT {_VALUES} FROM document_cache.failed_attempts WHERE {_KEY}")  # noqa: S608
    with warehouse.transaction() as connection:
        row = connection.execute(sa.text(_COUNT), {**values, "at": at, "between": BETWEEN_ATTEMPTS}).one_or_none()
        # Nothing comes back where smaller limits changed nothing; the row is locked and there.
        return _failed(*(row or connection.execute(own, key._asdict()).one()))


def of_keys(warehouse: Warehouse, keys: Collection[Key]) -> dict[Key, Failed]:
    """The failed attempts at some keys; a key that never failed is left out."""
    if not keys:
        return {}
    query = sa.text(
        f"SELECT sha256, extractor, extractor_version, {_VALUES} FROM document_cache.failed_attempts "  # noqa: S608
        "WHERE sha256 = ANY(:hashes)"
    )
    with warehouse.transaction() as connection:
        rows = connection.execute(query, {"hashes": sorted({key.sha256 for key in keys})}).all()
    found = {Key(*row[:3]): _failed(*row[3:]) for row in rows}
    return {key: found[key] for key in keys if key in found}


def forget(warehouse: Warehouse, keys: Iterable[Key]) -> None:
    """Remove the attempts at what was read after all."""
    rows = [key._asdict() for key in sorted(keys)]
    if rows:
        with warehouse.transaction() as connection:
            connection.execute(sa.text(f"DELETE FROM document_cache.failed_attempts WHERE {_KEY}"), rows)  # noqa: S608


def _failed(attempts: int, seconds: float, memory_bytes: int | None, reason: str, detail: str) -> Failed:
    return Failed(attempts, seconds, memory_bytes, Reason(reason), detail)
