"""What must hold of every extraction, whatever the document was."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

from clinical_assets.documents.readers import worker_messages
from clinical_assets.documents.readers.extraction import Extraction
from clinical_assets.documents.readers.reading import Reason, Span, SpanKind, clean

OUR_FAULT = frozenset((Reason.READER_ERROR, Reason.TIMED_OUT, Reason.OUT_OF_MEMORY, Reason.WORKER_DIED))
# Words that stand for what a document says of a patient: no message of ours has one of them by accident.
SECRETS = ("Zoraquin", "velmorath", "KUPRANTOS", "x-wyndolek")
_LOWER = tuple(secret.lower() for secret in SECRETS)

# A document may cost this much processor time: a fixed part, and a part for each of its bytes and of its characters.
SECONDS = 1.0
SECONDS_A_BYTE = 10e-6


def finding(data: bytes, extraction: Extraction) -> str | None:
    """What is wrong with an extraction, the same words for the same kind; None where nothing is."""
    if extraction.reason in OUR_FAULT:
        return f"{extraction.extractor}: {extraction.reason} {extraction.detail}"
    wrong = next(_contradictions(data, extraction), None)
    return f"{extraction.extractor}: {wrong}" if wrong else None


def too_slow(data: bytes, extraction: Extraction, seconds: float) -> str | None:
    """Says so where a document took more processor time than its length allows."""
    allowed = SECONDS + SECONDS_A_BYTE * (len(data) + len(extraction.text))
    return f"{extraction.extractor}: slow" if seconds > allowed else None


def _contradictions(data: bytes, extraction: Extraction) -> Iterator[str]:
    text = extraction.text
    if extraction.success != bool(text.strip()) or extraction.success != (extraction.reason is None):
        yield "success, text and reason contradict each other"
    if not extraction.success and (text or extraction.spans or extraction.text_sha256):
        yield "a failure with text, spans or a hash"
    if extraction.size != len(data) or extraction.bytes_sha256 != hashlib.sha256(data).hexdigest():
        yield "not the identity of its bytes"
    if clean(text) != text:
        yield "text is not clean"
    if any(not storable(string) for string in _strings(extraction)):
        yield "a string that PostgreSQL refuses"
    elif extraction.success and extraction.text_sha256 != hashlib.sha256(text.encode()).hexdigest():
        yield "not the hash of its text"
    elif worker_messages.read(worker_messages.written(extraction)) != extraction:
        yield "another extraction from a worker"
    yield from _of_spans(extraction)
    said = " ".join([extraction.detail, *(warning.detail for warning in extraction.warnings)]).lower()
    if any(secret in said for secret in _LOWER):
        yield "a word of the document in a detail"


def storable(string: str) -> bool:
    """Whether PostgreSQL takes it: no NUL, and nothing that UTF-8 cannot write."""
    try:
        string.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in string


def _strings(extraction: Extraction) -> Iterator[str]:
    yield from (extraction.text, extraction.method, extraction.encoding or "", extraction.detail)
    for span in extraction.spans:
        yield from (span.title or "", span.code or "", span.code_system or "", span.method or "")
    yield from (warning.detail for warning in extraction.warnings)
    for name, value in extraction.facts.items():
        yield from (name, value)


def _of_spans(extraction: Extraction) -> Iterator[str]:
    spans, length = extraction.spans, len(extraction.text)
    if any(not 0 <= span.start <= span.end <= length for span in spans):
        yield "a span outside the text"
    if [span.start for span in spans] != sorted(span.start for span in spans):
        yield "spans out of order"
    if any(span.level < 1 for span in spans):
        yield "a span of no level"
    if any(span.confidence is not None and not 0 <= span.confidence <= 100 for span in spans):
        yield "a confidence out of its range"
    parts = [span for span in spans if span.kind is not SpanKind.PAGE]
    if _crossing(parts):
        yield "sections or attachments that cross"
    # A section may run over several pages, but no character stands on two of them.
    pages = [span for span in spans if span.kind is SpanKind.PAGE and span.end > span.start]
    if any(first.end > second.start for first, second in itertools.pairwise(pages)):
        yield "pages that overlap"


def _crossing(spans: list[Span]) -> bool:
    """Whether one of them begins inside another and ends outside it."""
    open_ends: list[int] = []
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        while open_ends and open_ends[-1] <= span.start:
            open_ends.pop()
        if open_ends and span.end > open_ends[-1]:
            return True
        open_ends.append(span.end)
    return False
