"""A few seconds of fuzzing as ordinary tests, the same each time; and that a finding would be found."""

import dataclasses
import math

import pytest
import read_documents
from hypothesis import HealthCheck, Phase, given, settings
from invariants import finding
from made_documents import documents
from read_documents import Fuzzer, told

from clinical_assets.documents.readers.extraction import Extraction, extract
from clinical_assets.documents.readers.reading import Caution, ExtractionWarning, Limits, Reason, Span, SpanKind
from clinical_assets.documents.readers.worker import Unread

LIMITS = Limits(max_ocr_pages=0)
DATA = b"<h1>Plan</h1><p>Zoraquin rests.</p>"


@pytest.mark.parametrize("format_name", list(documents()))
def test_made_up_documents_are_read_or_refused(format_name):
    @settings(
        max_examples=50, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    @given(documents()[format_name])
    def read(data):
        extraction = extract(data, None, LIMITS)
        assert finding(data, extraction) is None
        reached.add(extraction.extractor)

    reached: set[str] = set()
    read()
    # Not all of them are damaged beyond recognition.
    assert format_name in reached or format_name == "damaged"


def section(start: int, end: int) -> Span:
    return Span(SpanKind.SECTION, start, end)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": Reason.READER_ERROR}, "reader_error"),
        ({"reason": Reason.CORRUPT}, "contradict each other"),
        ({"success": False, "reason": Reason.CORRUPT, "text": ""}, "a failure with text, spans or a hash"),
        ({"size": 3}, "identity"),
        ({"bytes_sha256": "0"}, "identity"),
        ({"text": "a\u00a0b"}, "not clean"),
        ({"text_sha256": "0"}, "not the hash of its text"),
        ({"encoding": "\x00"}, "PostgreSQL"),
        ({"spans": (dataclasses.replace(section(0, 4), title="\ud800"),)}, "PostgreSQL"),
        ({"facts": {"code": "\x00"}}, "PostgreSQL"),
        ({"spans": [section(0, 4)]}, "from a worker"),
        ({"spans": (section(0, 400),)}, "outside"),
        ({"spans": (section(4, 3),)}, "outside"),
        ({"spans": (section(4, 5), section(1, 2))}, "out of order"),
        ({"spans": (section(0, 4), section(2, 8))}, "cross"),
        ({"spans": (dataclasses.replace(section(0, 4), level=0),)}, "no level"),
        ({"spans": (Span(SpanKind.PAGE, 0, 4, confidence=100.5),)}, "confidence"),
        ({"spans": (Span(SpanKind.PAGE, 0, 4), Span(SpanKind.PAGE, 3, 8))}, "overlap"),
        ({"warnings": (ExtractionWarning(Caution.NOT_FINAL, "of zoraquin"),)}, "a word of the document"),
        ({"detail": "Zoraquin"}, "a word of the document"),
    ],
)
def test_whatever_is_wrong_with_an_extraction_is_a_finding(changes, said):
    extraction = extract(DATA)
    assert finding(DATA, extraction) is None
    assert said in (finding(DATA, dataclasses.replace(extraction, **changes)) or "")


class InThisProcess:
    def read(self, unread: Unread) -> tuple[Extraction, float]:
        return extract(unread.source, unread.declared_type, LIMITS), 0.0


def test_a_finding_ends_as_its_smallest_document_printed_as_bytes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(read_documents, "finding", lambda data, _: "a par" if b"\\par" in data else None)
    fuzzer = Fuzzer((InThisProcess(), InThisProcess()), math.inf)
    found = fuzzer.turn("rtf", 1, 500, tmp_path / "database")
    assert str(found) == "rtf: a par"
    told(str(found), *fuzzer.smallest, tmp_path)
    (kept,) = tmp_path.glob("*.bin")
    assert b"\\par" in kept.read_bytes()
    assert len(kept.read_bytes()) < 40
    assert repr(kept.read_bytes()) in capsys.readouterr().out
    # The next run begins with it; a kind that is known is counted, not found again.
    again = Fuzzer(fuzzer.readers, math.inf)
    assert str(again.turn("rtf", 2, 3, tmp_path / "database")) == "rtf: a par"
    again.kinds[str(found)] += 1
    assert again.turn("rtf", 3, 3, tmp_path / "database") is None
    assert again.kinds[str(found)] > 1
