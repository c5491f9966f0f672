"""What fuzzing found, kept: each case once took a reader down or without end (see tests/fuzz/read_documents.py)."""

import base64
import json
import time

import pytest

from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import Reason

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
