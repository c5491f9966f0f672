"""Fuzzes the document readers: `python tests/fuzz/read_documents.py --minutes 60 [--seed 1] [--only pdf] [--out DIR]`.

Not collected by pytest: it takes as long as it is told to (a few seconds of the same are ordinary tests in
`test_fuzz.py`). Hypothesis makes the documents, format by format in turns: by a grammar of each format, with documents
inside documents, whole or damaged, and damaged examples. Each is read by two worker processes with their limits,
which must give the same. A case is a finding where anything in `invariants` does not hold, where the two readings
differ, or where it took more processor time than its length allows; hypothesis is told the time, and looks for
documents that take longer.

A finding is shrunk to its smallest document, printed as bytes and kept in OUT, with hypothesis' own database beside it:
the next run begins with what the last one found. It becomes a fix in a reader and a test in
`tests/documents/readers/test_readers_keep.py`. The exit status is 1 where anything was found.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/fuzz"), str(ROOT / "tests/documents")]

import psutil  # noqa: E402
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings, target  # noqa: E402
from hypothesis.database import DirectoryBasedExampleDatabase  # noqa: E402
from hypothesis.errors import HypothesisException  # noqa: E402
from invariants import finding, too_slow  # noqa: E402
from made_documents import documents  # noqa: E402
from words import DECLARED  # noqa: E402

from clinical_assets.documents.readers.extraction import Extraction  # noqa: E402
from clinical_assets.documents.readers.reading import Limits, Reason  # noqa: E402
from clinical_assets.documents.readers.worker import Unread  # noqa: E402
from clinical_assets.documents.readers.worker_pool import Workers  # noqa: E402

LIMITS = Limits(seconds=30.0, worker_memory_bytes=1_500_000_000, max_ocr_pages=0)
CASES_A_TURN = 200
# Printed in full up to here; OUT has all of it.
PRINTED_BYTES = 3_000
_KILLED = frozenset((Reason.TIMED_OUT, Reason.WORKER_DIED, Reason.OUT_OF_MEMORY))


class FoundError(AssertionError):
    """A case that is a finding; the message is its kind."""


class TimeIsUp(BaseException):
    """The run is over; not an `Exception`, which hypothesis would take for a finding."""


@dataclass
class Reader:
    """A worker, and the processor time it takes."""

    pool: Workers
    process: psutil.Process | None = None

    def read(self, unread: Unread) -> tuple[Extraction, float]:
        """A reading and its seconds; 0 for a worker that has just begun."""
        before = self._seconds()
        ((_, extraction),) = self.pool.read([unread])
        return extraction, self._seconds() - before if before else 0.0

    def _seconds(self) -> float:
        try:
            if self.process is None:
                others = [w.process.pid for w in self.pool.workers]
                self.process = psutil.Process(others[0]) if others else None
            return sum(self.process.cpu_times()[:2]) if self.process else 0.0
        except psutil.NoSuchProcess:
            self.process = None
            return 0.0


@dataclass
class Fuzzer:
    """One run.

    Attributes:
        readers: two, each with a worker of its own.
        until: when the run is over, on the monotonic clock.
        outcomes: cases by format and what became of them.
        kinds: findings by kind; one that is known is not looked for again.
    """

    readers: tuple[Reader, Reader]
    until: float
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    smallest: tuple[bytes, str | None] = (b"", None)
    unshrunk: str | None = None

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    def read(self, format_name: str, data: bytes, declared: str | None) -> None:
        """Read one case; raises `FoundError` where it is a finding of a new kind."""
        if self.over:
            raise TimeIsUp
        unread = Unread("case", data, declared)
        first, _ = self.readers[0].read(unread)
        second, seconds = self.readers[1].read(unread) if first.reason not in _KILLED else (first, 0.0)
        self.outcomes[format_name, f"{first.extractor} {first.reason or 'read'}"] += 1
        target(seconds / (10_000 + len(data)), label="seconds a byte")
        kind = finding(data, first) or too_slow(data, first, seconds)
        if second != first:
            kind = f"{first.extractor}: not the same in another process"
        if kind is not None:
            kind = f"{format_name}: {kind}"
            if kind not in self.kinds:
                self.smallest, self.unshrunk = (data, declared), kind
                raise FoundError(kind)
            self.kinds[kind] += 1

    def turn(self, format_name: str, number: int, cases: int, database: Path) -> FoundError | None:
        """Some cases of a format; the finding among them, as small as it gets."""

        self.unshrunk = None

        # Above `seed`, which takes the database away.
        @settings(
            max_examples=cases,
            deadline=None,
            database=DirectoryBasedExampleDatabase(database),
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
        )
        @seed(number)
        @given(documents()[format_name], DECLARED)
        def case(data: bytes, declared: str | None) -> None:
            self.read(format_name, data, declared)

        # The key of its findings in the database: the same in every turn and run.
        vars(case)["_hypothesis_internal_database_key"] = format_name.encode()
        try:
            case()
        except FoundError as found:
            return found
        except TimeIsUp:
            return FoundError(self.unshrunk) if self.unshrunk else None
        except HypothesisException as error:  # e.g. a finding that did not come again: a busy machine
            return FoundError(f"{format_name}: {type(error).__name__}, not found again")
        return None


def told(kind: str, data: bytes, declared: str | None, out: Path) -> None:
    """Print a finding as bytes and keep it."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    shown = repr(data) if len(data) <= PRINTED_BYTES else f"{data[:PRINTED_BYTES]!r}..."
    sys.stdout.write(f"{kind}\n  {len(data):,} bytes, declared {declared!r}, kept in {path}\n  {shown}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run for a while and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=list(documents()), help="this format alone")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    wanted = parser.parse_args(arguments)
    started = time.monotonic()
    # Libraries' warnings repeat what they complain about, in their own time.
    logging.disable()
    warnings.simplefilter("ignore")
    with Workers(LIMITS, 1) as one, Workers(LIMITS, 1) as another:
        fuzzer = Fuzzer((Reader(one), Reader(another)), started + 60 * wanted.minutes)
        turn = 0
        while not fuzzer.over:
            for format_name in [wanted.only] if wanted.only else list(documents()):
                number = wanted.seed * 1_000_000 + turn
                found = None if fuzzer.over else fuzzer.turn(format_name, number, CASES_A_TURN, wanted.out / "database")
                if found is not None:
                    fuzzer.kinds[str(found)] += 1
                    told(str(found), *fuzzer.smallest, wanted.out)
            turn += 1
    minutes = (time.monotonic() - started) / 60
    sys.stdout.write(f"{fuzzer.outcomes.total():,} cases in {minutes:.1f} min, {len(fuzzer.kinds)} kinds of findings\n")
    for (format_name, outcome), count in sorted(fuzzer.outcomes.items()):
        sys.stdout.write(f"{count:>10,}  {format_name:<8} {outcome}\n")
    for kind, count in sorted(fuzzer.kinds.items()):
        sys.stdout.write(f"{count:>10,}  found: {kind}\n")
    return 1 if fuzzer.kinds else 0


if __name__ == "__main__":
    raise SystemExit(main())
