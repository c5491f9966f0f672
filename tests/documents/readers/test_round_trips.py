"""A text rendered to a format comes back through that format's reader, word for word."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers import ocr
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import Caution, Limits
from clinical_assets.sample.documents.defects import DEFECTS, READ
from clinical_assets.sample.documents.formats import Filed
from clinical_assets.sample.documents.pages import PRINTED, scan
from clinical_assets.sample.documents.store import FORMATS, SCAN
from clinical_assets.sample.documents.templates import KINDS, templates
from clinical_assets.sample.documents.text import Note, Section, laid_out, stated

FILED = Filed("d1", "p1", "Abel, Zoe", "Doe, Jon", "2145-03-14T10:00:00", "2145-03-14T12:00:00")
READ_EXACTLY = [f for f in FORMATS if f.name != SCAN]
MARKED_SECTIONS = ("html", "fhir html", "ccda", "dicom sr")
"""Formats that say what a heading is; in the others a heading is known by its words."""
WORD = st.text(alphabet="abcXYZ019.,%µé<>&\"'{}\\()/–-", min_size=1, max_size=8)
SENTENCE = st.lists(WORD, min_size=1, max_size=25).map(" ".join)
ROWS = st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[WORD] * width), min_size=1, max_size=3).map(tuple))
SECTIONS = st.lists(
    st.builds(
        Section,
        st.sampled_from(["Findings", "IMPRESSION", "Hospital Course", "Something Else", "Plan"]),
        st.lists(SENTENCE | ROWS, min_size=1, max_size=4).map(tuple),
        st.sampled_from([None, "18782-3"]),
    ),
    min_size=1,
    max_size=4,
).map(tuple)


def words_of_templates() -> dict[str, str]:
    """Something for every slot: clinical words with the characters formats stumble over."""

    class Anything(dict):
        def __missing__(self, key):
            return f"{key} <1.5 & >98% «{key}» café µg 2.1 x 1.8 cm"

    return Anything()


@pytest.mark.parametrize("form", READ_EXACTLY, ids=lambda form: form.name)
@given(sections=SECTIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_words_come_back_in_order(form, sections):
    note = Note("OPERATIVE REPORT", ("Date: 2145-03-14",), sections, "11504-8")
    extraction = extract(form.write(note, FILED), form.content_type)
    assert extraction.text.split() == laid_out(note, form.layout).text.split()


@pytest.mark.parametrize("form", READ_EXACTLY, ids=lambda form: form.name)
def test_every_template_comes_back_character_by_character(form):
    kinds = [k for k, of in KINDS.items() if of.category == "Radiology" or not form.imaging_only]
    filled = [t.filled(words_of_templates(), ("Patient: Abel, Zoe",)) for kind in kinds for t in templates(kind)]
    assert len(filled) >= (50 if not form.imaging_only else 15)
    for note in filled:
        extraction = extract(form.write(note, FILED), form.content_type)
        assert extraction.text.rstrip("\n") == laid_out(note, form.layout).text
        if form.name in MARKED_SECTIONS:
            headings = [section.heading for section in note.sections]
            assert [span.title for span in extraction.sections if span.title in headings] == headings
        assert not {w.code for w in extraction.warnings} & {Caution.UNDECODABLE_BYTES, Caution.POSSIBLE_MOJIBAKE}


@pytest.mark.parametrize("form", READ_EXACTLY, ids=lambda form: form.name)
def test_a_note_of_many_pages_keeps_the_places_of_its_facts(form):
    sentences = tuple(
        f"Line {i} of the course with enough words to be broken in two lines of a page, said so." for i in range(90)
    )
    fact = stated("Finally «a gross total resection was achieved» that day.", {"operative_report.extent": "GTR"})
    note = Note(
        "DISCHARGE SUMMARY", (), (Section("Hospital Course", (*sentences, fact, *sentences), "8648-8"),), "18842-5"
    )
    extraction = extract(form.write(note, FILED), form.content_type)
    (evidence,) = laid_out(note, form.layout).evidence
    assert extraction.text[evidence.start : evidence.end].replace("\n", " ") == "a gross total resection was achieved"


def test_what_is_hidden_in_a_file_is_not_read():
    note = Note("NOTE", (), (Section("Plan", ("Nothing more.",)),), "11506-3")
    for form in READ_EXACTLY:
        assert "99.9" not in extract(form.write(note, FILED), form.content_type).text


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_every_kind_of_broken_file_gets_its_reason(defect):
    note = templates("operative")[0].filled(words_of_templates(), ())
    extraction = extract(defect.write(note, FILED), defect.content_type)
    assert (extraction.reason.value if extraction.reason else READ) == defect.expected
    assert bool(extraction.text) == (defect.expected == READ)


needs_tesseract = pytest.mark.skipif(
    ocr.version() is None, reason="tesseract is not installed (Debian package tesseract-ocr)"
)
SCANNED = Note(
    "OPERATIVE REPORT",
    ("Date: 2145-03-14",),
    (Section("Findings", ("Complete removal was achieved under the microscope.",)),),
    "11504-8",
)


@needs_tesseract
def test_a_scan_is_recognised_by_tesseract_and_says_how_surely():
    extraction = extract(scan(SCANNED, FILED), "application/pdf", Limits(ocr_seconds=600))
    assert extraction.method == "pdf(tesseract)"
    assert [w.code for w in extraction.warnings] == [Caution.PAGE_READ_BY_OCR]
    assert extraction.text.split() == laid_out(SCANNED, PRINTED).text.split()
    (page,) = extraction.pages
    assert 90 < page.confidence <= 100


@needs_tesseract
def test_a_scan_too_coarse_to_be_read_well_is_said_to_be_doubtful():
    extraction = extract(scan(SCANNED, FILED), "application/pdf", Limits(ocr_seconds=600, ocr_dpi=60))
    assert extraction.text.split() != laid_out(SCANNED, PRINTED).text.split()
    assert [w.code for w in extraction.warnings] == [Caution.PAGE_READ_BY_OCR, Caution.OCR_DOUBTFUL]
    (page,) = extraction.pages
    assert 0 < page.confidence < 75
