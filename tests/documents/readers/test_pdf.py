import base64
import json
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_pdf import FONTS, assembled, encrypted, lines, many_pages, pdf, scanned, show, stream

from clinical_assets.documents.readers import ocr, worker_messages
from clinical_assets.documents.readers import pdf as reader
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import (
    Caution,
    Circumstances,
    Limits,
    Reason,
    SpanKind,
    UnreadableError,
    span_record,
)

EXAMPLES = Path(__file__).parents[3] / "../shared/data/documents/hl7-ccda-examples/Unstructured"


@pytest.fixture(autouse=True)
def _no_recogniser(monkeypatch):
    """Whatever the machine has, these tests choose: none, unless a test installs one."""
    monkeypatch.setattr(ocr, "version", lambda: None)


IMAGE = b"q 500 0 0 700 50 50 cm /Im Do Q"
MIXED = scanned(IMAGE, lines("typed"))


@pytest.fixture
def recogniser(monkeypatch, tmp_path):
    """A stand-in for tesseract: answers with the given shell script, to which `$ANSWERS` is where the tables lie."""

    def install(script: str, *tables: str) -> None:
        for number, table in enumerate(tables):
            (tmp_path / f"table {number}").write_text(table)
        monkeypatch.setenv("ANSWERS", str(tmp_path))
        program = tmp_path / "tesseract"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setattr(ocr, "version", lambda: "tesseract-5.3.0")

    return install


def refusal(data: bytes, **limits) -> Reason:
    with pytest.raises(UnreadableError) as refused:
        reader.read(data, Circumstances(limits=Limits(**limits)))
    return refused.value.reason


def test_pages_are_mapped():
    reading = reader.read(pdf(lines("FINDINGS:", "Clear lungs."), lines("IMPRESSION:", "Normal.")))
    assert reading.text == "FINDINGS:\nClear lungs.\n\nIMPRESSION:\nNormal."
    assert [(s.kind, s.number, s.code, reading.text[s.start : s.end].replace("\n", "/")) for s in reading.spans] == [
        (SpanKind.PAGE, 1, None, "FINDINGS:/Clear lungs."),
        (SpanKind.SECTION, 1, "18782-3", "FINDINGS:/Clear lungs."),
        (SpanKind.PAGE, 2, None, "IMPRESSION:/Normal."),
        (SpanKind.SECTION, 2, "19005-8", "IMPRESSION:/Normal."),
    ]
    assert (reading.cautions, reading.facts) == ((), {"pages": "2"})


def test_a_hyphen_at_a_line_end_keeps_its_line_end():
    reading = reader.read(pdf(lines("Oxycodone 5-", "10 mg as needed, gross-", "total resection")))
    assert reading.text == "Oxycodone 5-\n10 mg as needed, gross-\ntotal resection"


def test_cells_of_a_row_do_not_glue():
    reading = reader.read(
        pdf(show("Hgb", 50, 700) + show("9.1", 75, 700) + show("WBC", 50, 680) + show("7.2", 200, 680))
    )
    assert [line.split() for line in reading.text.splitlines()] == [["Hgb", "9.1"], ["WBC", "7.2"]]


@pytest.mark.parametrize("rise", [1, 2.5, 3, 4])
def test_raised_digits_are_exponents_and_marks_not_more_digits(rise):
    content = (
        b"BT /F1 11 Tf 50 700 Td (WBC 12.4 x 10) Tj %g Ts /F1 7 Tf (9) Tj 0 Ts /F1 11 Tf (/L and Hgb 9.1) Tj %g Ts"
        b" /F1 6 Tf (12) Tj 0 Ts /F1 11 Tf ( low) Tj ET" % (rise, rise)
    )
    reading = reader.read(pdf(content))
    assert reading.text == "WBC 12.4 x 10^9/L and Hgb 9.1^12 low"
    assert [(c.code, c.detail) for c in reading.cautions] == [(Caution.SUPERSCRIPT_MARKED, "2 places")]


def test_a_raised_digit_placed_by_itself_is_one_too():
    reading = reader.read(pdf(show("7.2 x 10", 50, 700) + show("9", 92, 704, 7) + show("/L", 96, 700)))
    assert reading.text == "7.2 x 10^9/L"


@pytest.mark.parametrize("second", [["5", "6", "7"], ["+", "-", "+"], ["a", "b", "c"]])
def test_single_characters_below_one_another_do_not_become_one_number(second):
    columns = zip((50, 400), (["1", "2", "3"], second), strict=True)
    reading = reader.read(
        pdf(b"".join(show(v, x, 700 - 14 * i) for x, column in columns for i, v in enumerate(column)))
    )
    assert reading.text.split() == ["1", "2", "3", *second]


def test_text_that_runs_up_the_page_is_left_alone():
    reading = reader.read(pdf(b"BT /F1 11 Tf 0 1 -1 0 300 100 Tm (Hgb 9.12) Tj ET" + lines("WBC 7.25")))
    assert sorted(reading.text.split()) == ["7.25", "9.12", "Hgb", "WBC"]


def test_numbers_in_small_print_are_left_alone():
    reading = reader.read(
        pdf(show("Sodium 140", 50, 700) + show("range 135 145", 50, 680, 6) + show("Day 1 2 3", 50, 660))
    )
    assert reading.text == "Sodium 140\nrange 135 145\nDay 1 2 3"


def test_the_symbol_font_is_read_as_shown():
    assert reader.read(pdf(show("20 ", 50, 700) + show("m", 66, 700, font="F2") + show("g", 73, 700))).text == "20 µg"


@pytest.mark.parametrize(
    "kind", [b"/Subtype /Widget /FT /Tx /T (a) /V (Hgb 9.1)", b"/Subtype /FreeText /Contents (Hgb 9.1)"]
)
def test_what_was_typed_into_a_form_is_read(kind):
    note = b"<< /Type /Annot %s /Rect [50 600 300 620] /DA (/F1 11 Tf) /P 3 0 R /F 4 >>" % kind
    fonts = b"<< /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    form = b"/AcroForm << /Fields [5 0 R] /NeedAppearances true /DR << /Font %s >> /DA (/F1 11 Tf) >>" % fonts
    data = pdf(lines("Form:"), catalog=form if b"Widget" in kind else b"", more=[note], page_entries=b"/Annots [5 0 R]")
    if b"Widget" in kind:
        assert reader.read(data).text == "Form:\nHgb 9.1"
    else:  # PDFium draws no appearance of its own for notes: without one in the file there is nothing to see
        assert reader.read(data).text == "Form:"


def test_an_empty_password_is_no_obstacle_and_a_real_one_is():
    assert reader.read(encrypted("Hello", b"")).text == "Hello"
    assert refusal(encrypted("Hello", b"secret")) is Reason.ENCRYPTED


def test_a_document_without_pages_is_not_taken_for_the_encrypted_one_read_before_it():
    empty = assembled([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"])
    assert refusal(encrypted("Hello", b"secret")) is Reason.ENCRYPTED
    assert refusal(empty) is Reason.CORRUPT


WHOLE = pdf(lines("FINDINGS: clear"), lines("IMPRESSION: normal"))


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9, 0.97, 0.99])
def test_a_cut_file_is_refused(kept):
    assert refusal(WHOLE[: int(len(WHOLE) * kept)]) is Reason.CORRUPT


def test_a_cut_update_does_not_show_the_older_state():
    update = b"4 0 obj\n<< /Length 5 >>\nstream\nnewer text that was cut off"
    assert refusal(WHOLE + update) is Reason.CORRUPT


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.4\n%%EOF", b"PK\x03\x04 zip %%EOF", b"%PDF-1.7\n" + b"\x00" * 500 + b"%%EOF"]
)
def test_what_is_no_pdf_is_refused(data):
    assert refusal(data) is Reason.CORRUPT


def test_ten_thousand_pages_are_refused_at_once():
    started = time.process_time()
    assert refusal(many_pages(10_000)) is Reason.TOO_MANY_PAGES
    assert time.process_time() - started < 1
    assert len([s for s in reader.read(many_pages(30)).spans if s.kind is SpanKind.PAGE]) == 30


def test_too_much_text_is_refused():
    assert refusal(many_pages(30), max_characters=100) is Reason.TOO_LONG


def test_pages_without_text_are_named_where_nothing_can_recognise_them():
    reading = reader.read(scanned(lines("typed"), IMAGE, b"", IMAGE))
    assert [(c.code, c.detail) for c in reading.cautions] == [(Caution.PAGE_WITHOUT_TEXT, "pages 2, 4")]
    assert refusal(scanned()) is Reason.NO_TEXT


def test_pages_without_text_are_recognised_and_say_so_and_how_surely(recogniser, word_table):
    asked = (
        'head -c 2 >&2; test "$*" = "stdin stdout -l eng --dpi 200 -c tessedit_create_tsv=1" && cat "$ANSWERS/table 0"'
    )
    recogniser(asked, word_table("Seen by\nthe recogniser", [80.0, 96.0, 96.0, 92.26]))
    reading = reader.read(scanned(lines("typed"), IMAGE))
    typed, page = (s for s in reading.spans if s.kind is SpanKind.PAGE)
    assert (reading.text[page.start : page.end], page.method) == ("Seen by\nthe recogniser", "tesseract")
    assert (typed.method, typed.confidence, page.confidence) == (None, None, 90.7)
    assert (reading.method, [(c.code, c.detail) for c in reading.cautions]) == (
        "pdf(tesseract)",
        [(Caution.PAGE_READ_BY_OCR, "pages 2")],
    )


def test_pages_recognised_with_little_confidence_are_named(recogniser, word_table):
    sure = (79.94, 80.0, 12.3)
    which = (
        'n=$(cat "$ANSWERS/count" 2>/dev/null || echo 0); echo $((n + 1)) > "$ANSWERS/count"; cat "$ANSWERS/table $n"'
    )
    recogniser(which, *(word_table(f"page {n}", confidence) for n, confidence in enumerate(sure)))
    reading = reader.read(scanned(IMAGE, IMAGE, IMAGE))
    assert [(s.number, s.confidence) for s in reading.spans] == [(1, 79.9), (2, 80.0), (3, 12.3)]
    assert [(c.code, c.detail) for c in reading.cautions] == [
        (Caution.PAGE_READ_BY_OCR, "pages 1-3"),
        (Caution.OCR_DOUBTFUL, "pages 1 (79.9), 3 (12.3): mean confidence below 80 of 100"),
    ]


def test_confidence_goes_with_its_page_into_a_document_that_holds_the_pdf_and_over_to_another_process(
    recogniser, word_table
):
    recogniser('cat "$ANSWERS/table 0"', word_table("Seen", 41.0))
    attachment = {"contentType": "application/pdf", "data": base64.b64encode(scanned()).decode()}
    data = json.dumps({"resourceType": "Binary", **attachment}).encode()
    extraction = extract(data)
    (page,) = extraction.pages
    assert (extraction.method, page.confidence) == ("fhir(pdf(tesseract))", 41.0)
    assert Caution.OCR_DOUBTFUL in {warning.code for warning in extraction.warnings}
    assert worker_messages.read(worker_messages.written(extraction)) == extraction
    assert span_record(page)["confidence"] == 41.0


def test_an_answer_that_is_no_table_of_words_is_a_failure_of_the_recogniser(recogniser):
    recogniser("echo Seen by the recogniser")
    (caution, _) = reader.read(MIXED).cautions
    assert caution.code is Caution.OCR_FAILED
    assert caution.detail.startswith("page 1: no table of words, expected the columns level, page_num")


def test_the_recogniser_gets_a_grey_image_of_the_page(recogniser, word_table, tmp_path):
    recogniser('cat > "$ANSWERS/image"; cat "$ANSWERS/table 0"', word_table("text"))
    reader.read(scanned(), Circumstances(limits=Limits(ocr_dpi=72)))
    image = (tmp_path / "image").read_bytes()
    assert image.startswith(b"P5\n612 792\n255\n")
    assert len(image) == len(b"P5\n612 792\n255\n") + 612 * 792
    assert image[-612 * 400 + 300] == 0x80


def test_a_failing_recogniser_is_a_caution_not_a_crash(recogniser):
    recogniser("exit 3")
    assert refusal(scanned()) is Reason.NO_TEXT
    reading = reader.read(MIXED)
    assert (Caution.OCR_FAILED, "page 1: exit status 3") in [(c.code, c.detail) for c in reading.cautions]


@pytest.mark.parametrize("document", [scanned(), MIXED], ids=["a scan", "a typed page beside it"])
@pytest.mark.parametrize(
    ("script", "seconds", "reason"),
    [("exec sleep 600", 0.2, Reason.TIMED_OUT), ("kill -9 $$", 600.0, Reason.WORKER_DIED)],
)
def test_a_page_the_recogniser_had_no_time_or_memory_for_is_tried_again(recogniser, script, seconds, reason, document):
    recogniser(script)
    found = refusal(document, ocr_seconds=seconds)
    assert found is reason
    assert not found.about_the_bytes, "it may not be cached"


def test_recognition_stops_at_its_page_limit(recogniser, word_table):
    recogniser('cat "$ANSWERS/table 0"', word_table("seen"))
    reading = reader.read(scanned(IMAGE, IMAGE, IMAGE), Circumstances(limits=Limits(max_ocr_pages=1)))
    assert {(c.code, c.detail) for c in reading.cautions} == {
        (Caution.PAGE_READ_BY_OCR, "pages 1"),
        (Caution.PAGE_WITHOUT_TEXT, "pages 2-3"),
    }


WORDS = st.lists(st.text(alphabet="abcXYZ019.,%µé()\\", min_size=1, max_size=8), min_size=1, max_size=6)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=6), min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_text_rendered_to_pdf_comes_back(pages):
    rendered = pdf(*(lines(*(" ".join(words) for words in page)) for page in pages))
    reading = reader.read(rendered)
    assert reading.text.split() == [word for page in pages for words in page for word in words]
    mapped = [s for s in reading.spans if s.kind is SpanKind.PAGE]
    for span, page in zip(mapped, pages, strict=True):
        assert reading.text[span.start : span.end].split() == [word for words in page for word in words]


@given(st.binary(max_size=60), st.integers(0, len(WHOLE)), st.integers(0, 80))
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_read_or_refused(noise, at, removed):
    data = WHOLE[:at] + noise + WHOLE[at + removed :]
    try:
        reading = reader.read(data)
    except UnreadableError:
        return
    for span in reading.spans:
        assert 0 <= span.start <= span.end <= len(reading.text)


@pytest.mark.skipif(not EXAMPLES.exists(), reason="shared open documents absent: hl7-ccda-examples")
@pytest.mark.parametrize(
    ("name", "pages", "sections", "characters"),
    [
        ("McBee_L1_20151116_Embedded.pdf", 7, 0, 11902),
        ("C-CDA_R2_UD_sample.pdf", 3, 6, 6502),
        ("UD_sample.pdf", 3, 6, 6502),
    ],
)
def test_every_example_is_read_with_its_pages(name, pages, sections, characters):
    (path,) = EXAMPLES.rglob(name)
    reading = reader.read(path.read_bytes())
    kinds = [s.kind for s in reading.spans]
    counted = (kinds.count(SpanKind.PAGE), kinds.count(SpanKind.SECTION), len(reading.text))
    assert counted == (pages, sections, characters)
    assert reading.cautions == ()


def test_characters_outside_the_text_at_the_ends_of_a_page_are_left_out():
    # A font whose A is U+FFFE, no character at all: PDFium counts it and has no text for it.
    cmap = (
        b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange 2 beginbfchar <41> <FFFE> <42> <0042>"
        b" endbfchar endcmap"
    )
    fonts = reader_fonts(b"/F3 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 5 0 R >>")
    page = b"BT /F3 11 Tf 50 700 Td (AABBA) Tj ET"
    reading = reader.read(pdf(page, more=[stream(cmap)]).replace(FONTS, fonts))
    assert reading.text == "BB"


def reader_fonts(more: bytes) -> bytes:
    return FONTS[:-2] + more + b" >>"


def test_pages_read_one_after_the_other_keep_their_own_text():
    counts = (50, 1, 52, 2, 30)  # lines: one buffer, made larger where it must be, serves every page
    contents = [lines(*(f"{page}.{line} {'x' * 95}" for line in range(count))) for page, count in enumerate(counts)]
    reading = reader.read(pdf(*contents))
    pages = [reading.text[s.start : s.end].splitlines() for s in reading.spans if s.kind is SpanKind.PAGE]
    assert [[line.split()[0] for line in page] for page in pages] == [
        [f"{page}.{line}" for line in range(count)] for page, count in enumerate(counts)
    ]
