import csv
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers import plain
from clinical_assets.documents.readers.reading import ALONE, Circumstances, Limits, Reason, SpanKind, UnreadableError

ACI_BENCH = Path(__file__).parents[3] / "../shared/data/documents/aci-bench/train.csv"


def test_layout_stays_and_line_breaks_become_one_kind():
    reading = plain.read(b"WBC    7.2\r\nHgb    9.1\rPlt   200\n")
    assert reading.text == "WBC    7.2\nHgb    9.1\nPlt   200\n"
    assert reading.spans == ()


def test_form_feeds_make_pages():
    reading = plain.read(b"one\ntwo\fthree\f")
    pages = [s for s in reading.spans if s.kind is SpanKind.PAGE]
    assert [reading.text[p.start : p.end] for p in pages] == ["one\ntwo", "three"]
    assert [p.number for p in pages] == [1, 2]


def test_declared_charset_is_used():
    assert plain.read("żółć".encode("iso-8859-2"), Circumstances(charset="iso-8859-2")).text == "żółć"


def test_too_long_is_refused_whole():
    with pytest.raises(UnreadableError) as refused:
        plain.read(b"a" * 11, Circumstances(limits=Limits(max_characters=10)))
    assert refused.value.reason is Reason.TOO_LONG


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_spans_always_slice(text):
    reading = plain.read(text.encode("utf-8", errors="ignore"), ALONE)
    for span in reading.spans:
        assert 0 <= span.start <= span.end <= len(reading.text)
        if span.kind is SpanKind.SECTION:
            assert reading.text[span.start : span.end].startswith(span.title)


@pytest.mark.skipif(not ACI_BENCH.exists(), reason="shared open documents absent: aci-bench")
def test_every_visit_note_is_read_with_its_sections():
    csv.field_size_limit(10**8)
    with ACI_BENCH.open(encoding="utf-8", newline="") as rows:
        notes = [row["note"] for row in csv.DictReader(rows)]
    assert len(notes) == 67
    counts = []
    capitals = re.compile(
        r"^(?:CHIEF COMPLAINT|HISTORY OF PRESENT ILLNESS|ASSESSMENT AND PLAN|PHYSICAL EXAM(?:INATION)?)\s*$", re.M
    )
    for note in notes:
        reading = plain.read(note.encode())
        assert reading.text.split() == note.replace("\u200b", "").split()
        titles = {s.title for s in reading.spans}
        assert set(map(str.strip, capitals.findall(note))) <= titles
        counts.append(len(reading.spans))
    assert (sum(counts), min(counts), max(counts)) == (551, 4, 13)
