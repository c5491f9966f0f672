"""Fuzzes the document readers guided by coverage: `python tests/fuzz/atheris_documents.py [--seconds 600] [...]`.

Optional, and no dependency of the project: it needs `atheris` in an environment of its own beside the project's
packages. libFuzzer mutates documents, keeps those that reach new lines of the readers (and of pydicom), and tries them
again; the seeds are the examples and a synthetic document of each format, the dictionary is `damage.WORDS`. What must
hold is the same as for `read_documents.py`. The readers run in this process: C code that crashes or hangs ends the run,
with the document kept in the current directory (`crash-*`, `timeout-*`, `oom-*`).

Other arguments are libFuzzer's. A finding of Python code is printed once a kind and kept as `found-*`; the run goes on.
The exit status is 1 where there was one.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/fuzz"), str(ROOT / "tests/documents")]

import atheris  # noqa: E402

with atheris.instrument_imports(include=["clinical_assets.documents.readers", "pydicom"]):
    import pydicom  # noqa: F401 - the reader imports it when it needs it

    from clinical_assets.documents.readers.extraction import extract
    from clinical_assets.documents.readers.reading import Limits

from damage import MOST_BYTES, WORDS  # noqa: E402
from invariants import finding, too_slow  # noqa: E402
from made_documents import seeds  # noqa: E402

LIMITS = Limits(max_ocr_pages=0)
LONGEST = 200_000


@dataclass
class Run:
    """One run: until when, what became of the documents, and what was found, by kind."""

    until: float
    outcomes: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)

    def read(self, data: bytes) -> None:
        """Read one document; a finding is told and kept."""
        if time.monotonic() > self.until:
            self.told()
            # libFuzzer takes a Python exit for a finding, and its own end calls nothing of ours.
            os._exit(bool(self.found))
        started = time.process_time()
        extraction = extract(data, None, LIMITS)
        seconds = time.process_time() - started
        self.outcomes[f"{extraction.extractor} {extraction.reason or 'read'}"] += 1
        # Counting lines makes Python several times slower.
        kind = finding(data, extraction) or too_slow(data, extraction, seconds / 5)
        if kind is None:
            return
        self.found[kind] += 1
        if self.found[kind] == 1:
            path = Path(f"found-{hashlib.sha256(data).hexdigest()[:12]}")
            path.write_bytes(data)
            sys.stdout.write(f"{kind}\n  {len(data):,} bytes, kept in {path}\n  {data[:1_000]!r}\n")
            sys.stdout.flush()

    def told(self) -> None:
        """Say what was read and found."""
        sys.stdout.write(f"{self.outcomes.total():,} cases, {len(self.found)} kinds of findings\n")
        for outcome, count in sorted(self.outcomes.items()):
            sys.stdout.write(f"{count:>10,}  {outcome}\n")
        for kind, count in sorted(self.found.items()):
            sys.stdout.write(f"{count:>10,}  found: {kind}\n")
        sys.stdout.flush()


def prepared(folder: Path) -> list[str]:
    """The seeds and the dictionary, as libFuzzer wants them: its arguments."""
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for data in dict.fromkeys(seeds()):
        if len(data) <= min(LONGEST, MOST_BYTES):
            (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in WORDS]
    (folder / "words.dict").write_text("\n".join(words) + "\n")
    return [f"-dict={folder / 'words.dict'}", f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=3000", str(corpus)]


def main() -> None:
    """Fuzz until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    wanted, others = parser.parse_known_args()
    logging.disable()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(time.monotonic() + wanted.seconds)
        atheris.Setup([sys.argv[0], *prepared(Path(folder)), *others], run.read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
