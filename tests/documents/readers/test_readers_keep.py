"""What fuzzing and hostile documents found, kept: each case was once misread or without end (see tests/fuzz)."""

import base64
import json
import time

import pydicom
import pytest

from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import Caution, Limits, Reason
from clinical_assets.documents.readers.worker import Unread
from clinical_assets.documents.readers.worker_pool import extract_all

LONG = 40_000
MANY_BLANKS = b"\t" * (2 * LONG)


def seconds(data: bytes, declared: str | None = None):
    """The extraction and the processor time it took, whatever else the machine does."""
    started = time.process_time()
    extraction = extract(data, declared)
    return extraction, time.process_time() - started


def page(head: bytes, body: bytes = b"<p>words</p>") -> bytes:
    return b"<html><head>" + head + b"</head><body>" + body + b"</body></html>"


@pytest.mark.parametrize(
    "sheet",
    [
        b"a" * LONG,
        b"{" * LONG,
        b"a{" * LONG,
        b"}" * LONG,
        b"; " * LONG,
        b" ;" * LONG,
        b"/*" * LONG,
        b"@media " * LONG,
        b"p{text-decoration:" + b"text-decoration:" * LONG + b"}",
    ],
    ids=lambda sheet: sheet[:12].decode(),
)
def test_a_long_style_sheet_costs_its_length(sheet):
    extraction, took = seconds(page(b"<style>" + sheet + b"</style>"))
    assert extraction.text == "words"
    assert took < 2


def test_a_style_sheet_still_hides_what_it_hides():
    sheet = (
        b"<style>/* c */ @media print { p { display:none } } .a, #b { display: none } .c { color: red } i{/*</style>"
    )
    body = b"<p>seen</p><p class=a>hidden</p><p id=b>hidden</p><p class=c>red</p>"
    assert extract(page(sheet, body)).text == "seen\n\nred"


@pytest.mark.parametrize("style", ["font:" + " " * LONG, "font: '" + " " * LONG, "font:" + "a" * LONG])
def test_a_long_style_attribute_costs_its_length(style):
    extraction, took = seconds(page(b"", f'<p style="{style}">words</p>'.encode()))
    assert extraction.text == "words"
    assert took < 2


def test_a_text_of_form_feeds_is_too_many_pages():
    extraction, took = seconds(b"words" + b"\x0c" * 3_000_000)
    assert (extraction.reason, extraction.detail) == (Reason.TOO_MANY_PAGES, "3000000 form feeds")
    assert took < 2


def test_blanks_before_words_in_rtf_cost_their_length():
    extraction, took = seconds(rb"{\rtf1\ansi one" + MANY_BLANKS + rb"two   \par three\par}")
    assert extraction.text.split() == ["one", "two", "three"]
    assert not any(line.endswith((" ", "\t")) for line in extraction.text.split("\n"))
    assert took < 2


def test_the_same_inside_a_fhir_attachment():
    sheet = page(b"<style>" + b"a" * LONG + b"</style>")
    attachment = {"contentType": "text/html", "data": base64.b64encode(sheet).decode()}
    resource = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]}
    extraction, took = seconds(json.dumps(resource).encode())
    assert extraction.text == "words"
    assert took < 2


@pytest.mark.parametrize("odd", [[], {}, ["final"], 1, None, True, " "])
@pytest.mark.parametrize("name", ["status", "docStatus"])
def test_a_status_that_is_no_word_is_none(name, odd):
    resource = {"resourceType": "DiagnosticReport", name: odd, "conclusion": "words"}
    assert extract(json.dumps(resource).encode()).text == "words"


@pytest.mark.parametrize("odd", [[], {}, ["Binary"], 1, None])
def test_a_resource_type_that_is_no_word_is_none(odd):
    alone = extract(json.dumps({"resourceType": odd, "data": "eA=="}).encode())
    assert alone.reason is Reason.UNSUPPORTED_TYPE
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": odd}}]}
    assert extract(json.dumps(bundle).encode()).reason is Reason.NO_TEXT


@pytest.mark.parametrize(
    ("code", "said"), [("10157-6", "10157-6"), ("Zoraquin", "no code"), ("A. Zoraquin", "no code")]
)
def test_a_name_where_a_code_should_be_is_not_repeated(code, said):
    section = f"<section><title>x</title><code code='{code}' codeSystem='1'/><text/></section>"
    (warning,) = extract(section.encode()).warnings
    assert (warning.code, warning.detail) == (Caution.SECTION_WITHOUT_NARRATIVE, said)


@pytest.mark.parametrize("data", [b"<html>" + b"<p>" * 600_000, b"<section>" + b"<text/>" * 600_000 + b"</section>"])
def test_memory_that_ran_out_in_libxml_is_not_taken_for_broken_markup(data):
    limits = Limits(worker_memory_bytes=80 * 1024 * 1024)
    ((_, extraction),) = extract_all([Unread("large", data)], limits, workers=1)
    assert extraction.reason is Reason.OUT_OF_MEMORY
    assert not extraction.reason.about_the_bytes


def test_memory_that_ran_out_in_pydicom_is_not_taken_for_a_broken_file(monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError

    monkeypatch.setattr(pydicom, "dcmread", exhausted)
    assert extract(bytes(128) + b"DICM").reason is Reason.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("font", "shown"),
    [
        ("Symbol;", "μ"),
        ("{\\*\\panose 05050102010706020507}Symbol;", "μ"),
        ("Symbol{\\*\\falt Arial};", "μ"),
        ("{\\*\\panose 05000000000000000000}Wingdings;", "●"),
        ("\\fcharset2\\fprq2{\\*\\panose 05000000000000000000}Wingdings;", "●"),
        ("{\\*\\panose 02020603050405020304}Arial{\\*\\falt Symbol};", "l"),
        ("Arial " * 50 + ";", "l"),
    ],
)
def test_a_font_is_known_by_its_name_whatever_else_is_said_of_it(font, shown):
    letter = "m" if shown == "μ" else "l"
    assert extract(f"{{\\rtf1\\ansi{{\\fonttbl{{\\f1\\fnil {font}}}}}{{\\f1 {letter}}}g}}".encode()).text == f"{shown}g"
