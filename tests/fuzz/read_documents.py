"""Fuzzes the document readers: `python tests/fuzz/read_documents.py --minutes 60 [--seed 1] [--out DIR]`.

Not collected by pytest: it takes as long as it is told to. Every example document and a synthetic one of each format
is damaged over and over and read through the sniffer and the readers in a worker process, with its limits. A case
counts as a finding where the reader failed for a reason of its own (`reader_error`, `timed_out`, `out_of_memory`,
`worker_died`), was slow, or gave an extraction that contradicts itself. What took long is read again: a busy machine is
no finding. Up to ten findings of a kind are kept, in OUT, with the number that makes them again (`--only N`). A finding
becomes a fix in the reader and a test in
`tests/documents/readers/test_readers_keep.py`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from mutations import mutated  # noqa: E402

from clinical_assets.documents.readers.extraction import Extraction, extract  # noqa: E402
from clinical_assets.documents.readers.reading import Limits, Reason, clean  # noqa: E402
from clinical_assets.documents.readers.worker import Unread, extract_all  # noqa: E402
from clinical_assets.sample.documents import formats as document_formats  # noqa: E402
from clinical_assets.sample.documents import pages as document_pages  # noqa: E402
from clinical_assets.sample.documents.text import Note, Section  # noqa: E402

EXAMPLES = ROOT / "../shared/data/documents"
LIMITS = Limits(seconds=20.0, worker_memory_bytes=1_500_000_000, max_ocr_pages=0)
SLOW_SECONDS = 5.0
KEPT_OF_A_KIND = 10
OUR_FAULT = frozenset((Reason.READER_ERROR, Reason.TIMED_OUT, Reason.OUT_OF_MEMORY, Reason.WORKER_DIED))
FILED = document_formats.Filed("d1", "p1", "Abel, Zoe", "Doe, Jon", "2145-03-14T10:00:00", "2145-03-14T12:00:00")
NOTE = Note(
    "OPERATIVE REPORT",
    ("Patient: Abel, Zoe", "Date of service: 03/14/2145"),
    (
        Section("Findings", ("Firm & vascular <not cystic> mass, 2.1 x 1.8 cm – café.", "No residual."), "59776-5"),
        Section("Results", ((("Marker", "Result"), ("IDH1", "mutant"), ("Ki-67", "< 5 %")),), "30954-2"),
        Section("Impression", ("1. Gross total resection.", "2. Follow-up MRI."), "19005-8"),
    ),
    "11504-8",
)


def corpus() -> list[bytes]:
    """Every example document and one synthetic document of each format."""
    made = [
        write(NOTE, FILED)
        for write in (
            document_formats.plain, document_formats.plain_1252, document_formats.html, document_formats.rtf,
            document_formats.ccda, document_formats.fhir, document_formats.fhir_html, document_formats.fhir_binary,
            document_pages.pdf, document_pages.scan, document_pages.dicom_sr,
        )
    ]  # fmt: skip
    found = [p for p in sorted(EXAMPLES.rglob("*")) if p.suffix.lower() in (".xml", ".pdf", ".rtf", ".html", ".md")]
    examples = [p.read_bytes() for p in found if p.stat().st_size < 1_000_000]
    # Half of the cases begin with a synthetic document: they are small, so damage meets structure.
    return examples + made * max(1, len(examples) // len(made))


def case(seed: int, number: int, documents: list[bytes]) -> bytes:
    """The case of a number; the same for the same corpus."""
    return mutated(Random(f"{seed}:{number}"), documents)


def contradiction(extraction: Extraction) -> str | None:
    """What is wrong with an extraction, whatever the document was; None where nothing is."""
    text = extraction.text
    if extraction.success != bool(text.strip()) or extraction.success != (extraction.reason is None):
        return "success, text and reason contradict each other"
    if clean(text) != text or "\x00" in text:
        return "text is not clean"
    if any(not 0 <= span.start <= span.end <= len(text) for span in extraction.spans):
        return "span outside the text"
    if [s.start for s in extraction.spans] != sorted(s.start for s in extraction.spans):
        return "spans out of order"
    return None


def finding(extraction: Extraction, seconds: float) -> str | None:
    """What a case found, the same words for the same kind; None for a case well taken."""
    if extraction.reason in OUR_FAULT:
        return f"{extraction.extractor} {extraction.reason} {extraction.detail}"
    wrong = contradiction(extraction)
    if wrong:
        return f"{extraction.extractor} {wrong}"
    return f"{extraction.extractor} slow" if seconds > SLOW_SECONDS else None


def again(data: bytes) -> str | None:
    """What a second reading of a case that took long finds."""
    started = time.monotonic()
    ((_, extraction),) = extract_all([Unread("again", data)], LIMITS, workers=1)
    # A new worker takes its time to begin.
    return finding(extraction, time.monotonic() - started - SLOW_SECONDS)


def main(arguments: list[str] | None = None) -> int:
    """Run for a while and say what was found; the exit status is 1 where anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--only", type=int, help="read this case alone, in this process, and say what comes of it")
    wanted = parser.parse_args(arguments)
    documents = corpus()
    if wanted.only is not None:
        extraction = extract(case(wanted.seed, wanted.only, documents), None, LIMITS)
        sys.stdout.write(f"{extraction.content_type} {extraction.reason} {extraction.detail} {len(extraction.text)}\n")
        return 0
    started = time.monotonic()
    outcomes: Counter[str] = Counter()
    found: Counter[str] = Counter()
    asked = started

    def unread() -> Iterator[Unread]:
        nonlocal asked
        number = wanted.first
        while time.monotonic() - started < wanted.minutes * 60:
            data = case(wanted.seed, number, documents)
            asked = time.monotonic()
            yield Unread(str(number), data)
            number += 1

    for key, extraction in extract_all(unread(), LIMITS, workers=1):
        outcomes[f"{extraction.extractor} {extraction.reason or 'read'}"] += 1
        what = finding(extraction, time.monotonic() - asked)
        if what and ("slow" in what or extraction.reason is Reason.TIMED_OUT):
            what = again(case(wanted.seed, int(key), documents))
        if what:
            found[what] += 1
        if what and found[what] <= KEPT_OF_A_KIND:
            wanted.out.mkdir(parents=True, exist_ok=True)
            (wanted.out / f"{wanted.seed}-{key}.bin").write_bytes(case(wanted.seed, int(key), documents))
            sys.stdout.write(f"case {key}: {what}\n")
            sys.stdout.flush()
    total = sum(outcomes.values())
    minutes = (time.monotonic() - started) / 60
    kinds = f"{found.total()} findings of {len(found)} kinds"
    sys.stdout.write(f"{total:,} cases in {minutes:.1f} min, {kinds}\n")
    for outcome, count in sorted(outcomes.items()):
        sys.stdout.write(f"{count:>10,}  {outcome}\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
