"""Dead letters among documents: what failed in several runs, and is not tried again.

A document that runs out of time or memory, or brings its worker or a reader down, is worth another try: the machine
may have been busy. After `MOST_ATTEMPTS` runs it is given up: not read again until its reader's version changes, a run
gives it more time or memory than those did, or a run is told to try dead letters. Attempts are kept in PostgreSQL
(`document_cache.failed_attempts`), each written as it happens, so that a run that is killed has counted what failed
until then. A run counts once for a document however often it meets it, and of the runs within `BETWEEN_ATTEMPTS` one:
a range run over batches that share a document is worth as much as runs of those batches one by one.

Every attempt is kept with its own limits, time and memory. It counts against a run that gives no more of either: what
failed with more time and as much memory would fail with less. So runs that give now more of the one, now more of the
other say what they say about each other's limits and take nothing back, in whatever order they come.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

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


class Attempt(NamedTuple):
    """One run that failed: which, when, and the time and memory it gave; None for no limit of memory."""

    run: str
    at: dt.datetime
    seconds: float
    memory_bytes: int | None

    def gave_as_much_as(self, limits: Limits) -> bool:
        """Whether a run with these limits gives no more time and no more memory than this one did."""
        offered = limits.worker_memory_bytes
        enough = self.memory_bytes is None or (offered is not None and self.memory_bytes >= offered)
        return enough and self.seconds >= limits.seconds


@dataclass(frozen=True, slots=True)
class Failed:
    """How often some bytes could not be read by one version of a reader.

    Attributes:
        tried: every attempt, in the order they were written down.
        reason: of the last attempt.
        detail: more on it, free of the document's words.
    """

    tried: tuple[Attempt, ...]
    reason: Reason
    detail: str

    def attempts(self, limits: Limits) -> int:
        """Attempts that count against a run with these limits."""
        counted: list[Attempt] = []
        for each in sorted(self.tried, key=lambda attempt: attempt.at):
            again = any(before.run == each.run for before in counted)
            soon = bool(counted) and each.at < counted[-1].at + BETWEEN_ATTEMPTS
            if each.gave_as_much_as(limits) and not again and not soon:
                counted.append(each)
        return len(counted)

    def given_up(self, limits: Limits) -> bool:
        """Whether a run with these limits leaves it alone."""
        return self.attempts(limits) >= MOST_ATTEMPTS


_KEY = "sha256 = :sha256 AND extractor = :extractor AND extractor_version = :extractor_version"
_VALUES = "runs, tried_at, tried_seconds, tried_memory, reason, detail"
# Made if need be, and locked: whoever fails at the same time waits for the count.
_BEGIN = """
INSERT INTO document_cache.failed_attempts AS f (sha256, extractor, extractor_version, attempts, runs, tried_at,
    tried_seconds, tried_memory, reason, detail)
VALUES (:sha256, :extractor, :extractor_version, 1, '{}', '{}', '{}', '{}', :reason, :detail)
ON CONFLICT (sha256, extractor, extractor_version) DO UPDATE SET
    reason = excluded.reason, detail = excluded.detail, last_failed_at = now()
"""
_BEGUN = f"SELECT coalesce(CAST(:at AS timestamptz), now()), {_VALUES} FROM document_cache.failed_attempts WHERE {_KEY}"  # noqa: S608
_WRITE = f"""
UPDATE document_cache.failed_attempts SET attempts = :attempts, runs = :runs, tried_at = :tried_at,
    tried_seconds = CAST(:tried_seconds AS float8[]), tried_memory = CAST(:tried_memory AS bigint[]) WHERE {_KEY}
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
        The attempts so far, with this one.
    """
    own = key._asdict()
    with warehouse.transaction() as connection:
        connection.execute(sa.text(_BEGIN), {**own, "reason": reason.value, "detail": detail})
        now, *known = connection.execute(sa.text(_BEGUN), {**own, "at": at}).one()
        failed = _failed(*known)
        attempt = Attempt(run, now, limits.seconds, limits.worker_memory_bytes)
        if not any(each.run == run and each.gave_as_much_as(limits) for each in failed.tried):
            failed = Failed((*failed.tried, attempt), failed.reason, failed.detail)
        runs, times, seconds, memory = map(list, zip(*failed.tried, strict=True))
        tried = {"runs": runs, "tried_at": times, "tried_seconds": seconds, "tried_memory": memory}
        connection.execute(sa.text(_WRITE), {**own, **tried, "attempts": failed.attempts(limits)})
    return failed


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


def _failed(
    runs: list[str],
    times: list[dt.datetime],
    seconds: list[float],
    memory: list[int | None],
    reason: str,
    detail: str,
) -> Failed:
    tried = map(Attempt, runs, times, seconds, memory)
    return Failed(tuple(tried), Reason(reason), detail)
