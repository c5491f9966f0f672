"""Dead letters among documents: what failed in several runs, and is not tried again.

A document that runs out of time or memory, or brings its worker or a reader down, is worth another try: the machine
may have been busy. After `MOST_ATTEMPTS` runs it is given up: not read again until its reader's version changes, a run
gives it more time or memory than any before, or a run is told to try dead letters. Attempts are kept in PostgreSQL
(`document_cache.failed_attempts`), each written as it happens, so that a run that is killed has counted what failed
until then; a run counts once for a document however often it meets it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from clinical_assets.documents.readers.reading import Limits, Reason
from clinical_assets.documents.text.text_cache import Key
from resources.warehouse import Warehouse

MOST_ATTEMPTS = 3
"""Runs that fail before a document is given up. Two may meet a busy machine; a third is hardly chance, and each costs
a worker the whole of `Limits.seconds`."""

COUNTED = frozenset({Reason.TIMED_OUT, Reason.OUT_OF_MEMORY, Reason.WORKER_DIED, Reason.READER_ERROR})
"""Reasons that lie with the bytes and their reader. A source that cannot be read, or has changed meanwhile, may be
there the next time, however often it was not; and costs nothing to ask for."""


@dataclass(frozen=True, slots=True)
class Failed:
    """How often some bytes could not be read by one version of a reader.

    Attributes:
        attempts: runs that failed, since limits were last raised.
        seconds: the most time a failed attempt was given.
        memory_bytes: the most memory; None for no limit.
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
        """Whether these limits are larger than those it failed with."""
        return limits.seconds > self.seconds or _more_memory(limits.worker_memory_bytes, self.memory_bytes)


def _more_memory(offered: int | None, had: int | None) -> bool:
    return had is not None and (offered is None or offered > had)


_KEY = "sha256 = :sha256 AND extractor = :extractor AND extractor_version = :extractor_version"
_VALUES = "attempts, seconds, memory_bytes, reason, detail"
_LARGER = "(excluded.seconds > f.seconds OR f.memory_bytes < coalesce(excluded.memory_bytes, 'Infinity'::float8))"
_COUNT = f"""
INSERT INTO document_cache.failed_attempts AS f
    (sha256, extractor, extractor_version, last_run, {_VALUES})
VALUES (:sha256, :extractor, :extractor_version, :run, 1, :seconds, :memory_bytes, :reason, :detail)
ON CONFLICT (sha256, extractor, extractor_version) DO UPDATE SET
    attempts = CASE WHEN {_LARGER} THEN 1 WHEN f.last_run = excluded.last_run THEN f.attempts ELSE f.attempts + 1 END,
    seconds = greatest(f.seconds, excluded.seconds),
    memory_bytes = CASE WHEN f.memory_bytes IS NULL OR excluded.memory_bytes IS NULL THEN NULL
                        ELSE greatest(f.memory_bytes, excluded.memory_bytes) END,
    last_run = excluded.last_run, reason = excluded.reason, detail = excluded.detail, last_failed_at = now()
RETURNING {_VALUES}
"""  # noqa: S608 - of constants


def count(warehouse: Warehouse, key: Key, run: str, limits: Limits, reason: Reason, detail: str) -> Failed:
    """Write down that a run could not read some bytes; the same run again changes nothing but the reason.

    Args:
        warehouse: where attempts are kept.
        key: the bytes and who read them.
        run: the run's id.
        limits: what the attempt was given.
        reason: why it failed, one of `COUNTED`.
        detail: more on it, free of the document's words.

    Returns:
        The attempts so far, with this one.
    """
    given = {"run": run, "seconds": limits.seconds, "memory_bytes": limits.worker_memory_bytes}
    with warehouse.transaction() as connection:
        values = {**key._asdict(), **given, "reason": reason.value, "detail": detail}
        row = connection.execute(sa.text(_COUNT), values).one()
    return _failed(*row)


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
