"""Bad documents through the whole way: real workers, then a batch of the graph. Each is a row; none harms another."""

import base64
import gzip
import importlib
import io
import json
import pkgutil
import re
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from document_graph import Graph, write_store
from made_up_pdf import assembled, encrypted, lines, many_pages, pdf, stream

from clinical_assets.documents import readers
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import Caution, Limits, Reason
from clinical_assets.documents.readers.worker import Unread
from clinical_assets.documents.readers.worker_pool import extract_all

NOTE = "IMPRESSION:\nNo evidence of pneumonia. Hgb 9.1.\n"
WHOLE = pdf(lines("FINDINGS: clear"), lines("IMPRESSION: normal"))
LIMITS = Limits(max_ocr_pages=0)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, NOTE * 20)
    return out.getvalue()


def cda(inside: str, prolog: str = "") -> str:
    return f"{prolog}<ClinicalDocument xmlns='urn:hl7-org:v3'>{inside}</ClinicalDocument>"


def body(packed: str, attributes: str = "") -> bytes:
    text = f"<text mediaType='application/pdf' representation='B64' {attributes}>{packed}</text>"
    return cda(f"<component><nonXMLBody>{text}</nonXMLBody></component>").encode()


def narrated(narrative: str, entries: str = "") -> bytes:
    section = f"<section><text>{narrative}</text>{entries}</section>"
    return cda(f"<component><structuredBody><component>{section}</component></structuredBody></component>").encode()


def attached(packed: str, content_type: str = "text/plain") -> bytes:
    attachment = {"contentType": content_type, "data": packed}
    return json.dumps({"resourceType": "DocumentReference", "content": [{"attachment": attachment}]}).encode()


def laughs(*, expanding: str) -> str:
    declared = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return cda(expanding, f'<!DOCTYPE l [<!ENTITY l0 "lol">{declared}]>')


@dataclass(frozen=True)
class Bad:
    """A bad document: its bytes, what it is declared as, and the reason it is refused or the text it gives."""

    data: bytes
    declared: str
    reason: Reason | None = None
    text: str = ""
    caution: Caution | None = None


def deflated_dicom(inflated: int) -> bytes:
    """A DICOM file in the deflated transfer syntax (PS3.5, A.5) that inflates to so many bytes."""
    syntax = b"1.2.840.10008.1.2.1.99"
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = b"".join(deflater.compress(bytes(1_000_000)) for _ in range(inflated // 1_000_000)) + deflater.flush()
    return bytes(128) + b"DICM\x02\x00\x10\x00UI" + len(syntax).to_bytes(2, "little") + syntax + packed


CAFE = "IMPRESSION: café 38 °C, no change since the café was seen before. "
BAD = {
    "empty file": Bad(b"", "application/pdf", Reason.EMPTY),
    "blanks": Bad(b" \r\n\x00" * 500, "text/plain", Reason.EMPTY),
    "encrypted PDF": Bad(encrypted("secret"), "application/pdf", Reason.ENCRYPTED),
    "truncated PDF": Bad(WHOLE[:-300], "application/pdf", Reason.CORRUPT),
    "PDF of its first bytes": Bad(WHOLE[:9], "application/pdf", Reason.CORRUPT),
    "zip called .pdf": Bad(zipped("note.txt"), "application/pdf", Reason.UNSUPPORTED_TYPE),
    "Word called .rtf": Bad(zipped("word/document.xml"), "text/rtf", Reason.UNSUPPORTED_TYPE),
    "gzip called .html": Bad(gzip.compress(NOTE.encode()), "text/html", Reason.UNSUPPORTED_TYPE),
    "10,000 pages": Bad(many_pages(10_000), "application/pdf", Reason.TOO_MANY_PAGES),
    "page tree that is its own leaf": Bad(
        assembled([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 9999999 >>"]),
        "application/pdf", Reason.CORRUPT,
    ),
    "PDF that inflates without end": Bad(
        assembled([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                   b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
                   stream(b"\x00" * 50, b"/Filter [" + b"/FlateDecode " * 5_000 + b"]")]),
        "application/pdf", Reason.NO_TEXT,
    ),
    "billion laughs": Bad(laughs(expanding="<title>&l9;</title>").encode(), "application/xml", Reason.ENTITIES_REFUSED),
    "billion laughs in an attribute": Bad(
        laughs(expanding="<title a='&l9;'/>").encode("utf-16"), "application/xml", Reason.ENTITIES_REFUSED
    ),
    "billion laughs in UTF-7": Bad(
        b"<?xml version='1.0' encoding='utf-7'?>" + laughs(expanding="&l9;").encode("utf-7"),
        "application/xml", Reason.ENTITIES_REFUSED,
    ),
    "one long entity, often": Bad(
        cda("&a;" * 10_000, f"<!DOCTYPE a [<!ENTITY a '{'a' * 10_000}'>]>").encode(), "application/xml",
        Reason.ENTITIES_REFUSED,
    ),
    "entity of a file": Bad(
        cda("<title>&a;</title>", "<!DOCTYPE a [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>").encode(),
        "application/xml", Reason.ENTITIES_REFUSED,
    ),
    "laughs in an attachment": Bad(
        attached(b64(laughs(expanding="&l9;").encode()), "application/xml"), "application/fhir+json",
        Reason.ENTITIES_REFUSED,
    ),
    "laughs as HTML": Bad(
        b"<!DOCTYPE html [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;'>]><p>&b; words</p>", "text/html", None,
        "]>\n\n&b; words",
    ),
    "base64 with a wrong letter": Bad(body(b64(WHOLE)[:-9] + "*" + b64(WHOLE)[-8:]), "text/xml", Reason.BAD_BASE64),
    "base64 cut": Bad(body(b64(WHOLE)[:-3]), "text/xml", Reason.BAD_BASE64),
    "base64 of half a file": Bad(body(b64(WHOLE[: len(WHOLE) // 3 * 2])), "text/xml", Reason.CORRUPT),
    "base64 in FHIR": Bad(attached("bm90ZQ==*"), "application/fhir+json", Reason.BAD_BASE64),
    "base64 of base64": Bad(attached(b64(b"")), "application/fhir+json", Reason.EMPTY),
    "deflated bomb": Bad(body(b64(gzip.compress(bytes(80_000_000), 1)), "compression='GZ'"), "text/xml",
                         Reason.TOO_LARGE),
    "cp1252 that says UTF-8": Bad(
        CAFE.encode("cp1252"), "text/plain; charset=utf-8", None, CAFE, Caution.ENCODING_MISMATCH
    ),
    "UTF-8 that says cp1252": Bad(
        CAFE.encode(), "text/plain; charset=windows-1252", None, CAFE, Caution.ENCODING_MISMATCH
    ),
    "UTF-16 that says UTF-8": Bad(CAFE.encode("utf-16"), "text/plain; charset=utf-8", None, CAFE),
    "an encoding nobody knows": Bad(CAFE.encode("cp1252"), "text/plain; charset=hospital-7", None, CAFE,
                                    Caution.ENCODING_GUESSED),
    "UTF-8 broken everywhere": Bad(b"\xef\xbb\xbf" + b"note text\xff" * 40, "text/plain", Reason.UNDECODABLE),
    "deep HTML": Bad(b"<html>" + b"<div>" * 300_000 + b"words", "text/html", Reason.TOO_DEEP),
    "HTML of one tag": Bad(b"<html>" + b"<br>" * 100_000 + b"words", "text/html", None, "words"),
    "HTML of open brackets": Bad(b"<html><p>words" + b"<" * 3_000_000, "text/html", None, "words" + "<" * 3_000_000),
    "a huge attribute": Bad(b"<html><p title='" + b"a" * 12_000_000 + b"'>words</p>", "text/html", None, "words"),
    "a huge style": Bad(b"<html><p style='" + b"font:'" * 200_000 + b"'>words</p>", "text/html", None, "words"),
    "a table of spans": Bad(
        b"<table><tr>" + b"<td rowspan=1000 colspan=1000>a" * 3_000 + b"<tr><td>b</table>", "text/html",
        Reason.TOO_MANY_PARTS,
    ),
    "nothing but headings": Bad(b"PE:\n" * 100_001, "text/plain", Reason.TOO_MANY_PARTS),
    "nothing but sections": Bad(
        b'{"resourceType":"Composition","title":"x","section":[' + b"{}," * 20_000 + b"{}]}", "application/fhir+json",
        Reason.TOO_MANY_PARTS,
    ),
    "deflated DICOM bomb": Bad(deflated_dicom(LIMITS.max_bytes + 1_000_000), "application/dicom", Reason.TOO_LARGE),
    "deep JSON": Bad(b'{"resourceType":"Bundle","entry":' + b"[" * 200_000, "application/fhir+json", Reason.TOO_DEEP),
    "deep RTF": Bad(b"{\\rtf1 " + b"{" * 500_000, "text/rtf", Reason.TOO_DEEP),
    "RTF that skips to the end": Bad(b"{\\rtf1 words\\bin999999999 hidden}", "text/rtf", None, "words"),
}  # fmt: skip
NEIGHBOURS = {f"neighbour {i}": f"{NOTE}{i}" for i in range(8)}


@pytest.fixture(scope="module")
def read():
    """Everything read by two workers, a good note after every few bad documents."""
    documents = [Unread(name, bad.data, bad.declared) for name, bad in BAD.items()]
    apart = len(documents) // len(NEIGHBOURS)
    for i, (name, text) in enumerate(NEIGHBOURS.items()):
        documents.insert(i * (apart + 1), Unread(name, text.encode(), "text/plain"))
    found = list(extract_all(documents, LIMITS, workers=2))
    assert len(found) == len(documents)
    return dict(found)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_gives_a_reason_or_its_right_text(read, name):
    bad, got = BAD[name], read[name]
    assert (got.success, got.reason, got.text) == (bad.reason is None, bad.reason, bad.text)
    assert got.size == len(bad.data)
    if bad.caution:
        assert bad.caution in {warning.code for warning in got.warnings}


def test_its_neighbours_are_unharmed(read):
    assert {name: read[name].text for name in NEIGHBOURS} == NEIGHBOURS
    assert all(read[name].reason is None or read[name].reason.about_the_bytes for name in BAD)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zip called .pdf", "declared application/pdf, is application/zip"),
        ("Word called .rtf", "declared text/rtf, is application/vnd.openxmlformats-officedocument.wordprocessingml"),
        ("gzip called .html", "declared text/html, is application/gzip"),
    ],
)
def test_what_it_is_in_fact_is_said(read, name, said):
    (warning,) = read[name].warnings
    assert (warning.code, warning.detail[: len(said)]) == (Caution.DECLARED_TYPE_MISMATCH, said)


def test_every_bad_document_is_a_row_of_the_batch_and_the_check_warns(tmp_path, warehouse):
    files = {
        (name, "p1", f"p1/{i}", bad.declared): bad.data
        for i, (name, bad) in enumerate(BAD.items())
        if len(bad.data) < 1_000_000
    }
    files |= {(name, "p1", f"p1/{name}.txt", "text/plain"): text.encode() for name, text in NEIGHBOURS.items()}
    graph = Graph(tmp_path / "home", write_store(tmp_path / "store", files), warehouse)
    (batch,) = graph.cut()
    metadata = graph.run(batch)["documents/text"]
    rows = graph.text()
    assert rows.keys() == {name for name, *_ in files}
    for name, row in rows.items():
        expected = BAD.get(name) or Bad(b"", "", None, NEIGHBOURS.get(name, ""))
        found = (row["extraction_success"], row["reason"], row["text"])
        assert found == (expected.reason is None, expected.reason, expected.text), name
    refused = [BAD[name].reason for name in rows if name in BAD and BAD[name].reason]
    for reason in set(refused):
        assert metadata[f"without_text: {reason}"].value == refused.count(reason)
    verdict = graph.verdicts["documents/text:extracted"]
    assert (verdict.passed, verdict.severity.value) == (False, "WARN")
    counted = {r.data["reason"]: r.data["documents"] for r in verdict.metadata["findings"].records}
    assert counted == {reason.value: refused.count(reason) for reason in refused}


def grown(make, count: int) -> float:
    """Processor seconds of a document, the better of two readings."""
    data, times = make(count), []
    for _ in range(2):
        started = time.process_time()
        extract(data, "text/html", LIMITS)
        times.append(time.process_time() - started)
    return min(times)


GROWING = {
    "style sheet of blanks": lambda n: b"<style>" + b"\r" * 10 * n + b"</style><i>x",
    "blocks and blanks": lambda n: b"<style>" + b"a{}\n\n\n" * n + b"</style><i>x",
    "at-rule without end": lambda n: b"<style>@a" + b" ;" * n + b"</style><i>x",
    "selectors": lambda n: b"<style>" + b"p," * n + b"{display:none}</style><i>x",
    "headings in headings": lambda n: b"<html>" + b"<h1><span>" * 100 + b"x<br>" * n + b"</span></h1>" * 100,
    "nested tables": lambda n: b"<table><tr><td>x" * 100 + b"y<br>" * n,
    "cells in cells": lambda n: narrated(
        f"<td>a{'<td>' * (n // 25)}{'<content/>' * n}{'</td>' * (n // 25)}</td>" + "<td>b</td>"
    ),
    "entries and identifiers": lambda n: narrated(
        "<content/>" * n,
        "<entry>" + "<text mediaType='text/rtf'>x<reference value='#a'/></text>" * (n // 4) + "</entry>",
    ),
    "RTF fonts": lambda n: b"{\\rtf1 {\\fonttbl" + b"{\\f1 Arial;}" * n + b"}x}",
    "RTF surrogates": lambda n: b"{\\rtf1 " + b"\\u55357 ?" * n + b"x}",
    "RTF footnotes": lambda n: b"{\\rtf1 " + b"\\footnote x" * n + b"}",
    "headings": lambda n: b"\n\nPLAN: x\n" * n,
    "capitals": lambda n: b"A " * n + b"\n" + b"A" * n,
    "contained": lambda n: b'{"resourceType":"Binary","data":"eA==","contained":[' + b'{"id":"a"},' * n + b"{}]}",
}


@pytest.mark.parametrize("make", GROWING.values(), ids=GROWING)
def test_ten_times_the_document_takes_about_ten_times_as_long(make):
    assert grown(make, 10_000) < 30 * max(grown(make, 1_000), 0.004)


# Matched at one place of the text, not searched for.
ANCHORED = {
    "html._CSS_AT_RULE": "at the beginning of a block",
    "safe_xml._DECLARATION": "at the beginning of the document",
    "sniffing._MISC": "at the beginning of the first 4,096 bytes",
    "decoding._XML_ENCODING": "at the beginning of the document",
}
PATTERNS = {
    f"{module.name}.{name}": value
    for module in pkgutil.iter_modules(readers.__path__)
    if module.name != "worker"
    for name, value in vars(importlib.import_module(f"{readers.__name__}.{module.name}")).items()
    if isinstance(value, re.Pattern)
}
UNITS = (
    *"aA1 \t\n\r.,:;-+_<>{}[]\\/*=?!'\"&#%@x0é", "<!--", "<?", "<meta ", "<p ", "font:", "text-decoration:", "display:",
    "opacity:0", "\\'", "\\a", "/*", "A ", "a ", "1 ", "Plan:", "\r\n", "a\n", "1.", "%PDF", "&a", "</", "; ",
    "<?xml ", "charset=", "white-space:", "visibility:", " ;",
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_no_pattern_costs_more_than_the_length_of_the_text(name):
    pattern = PATTERNS[name]
    for unit in UNITS:
        text = unit * (20_000 // len(unit))
        hostile = text.encode() if isinstance(pattern.pattern, bytes) else text
        started = time.process_time()
        if name in ANCHORED:
            pattern.match(hostile)
        else:
            for _ in pattern.finditer(hostile):
                pass
        # A pattern that costs the square of it takes half a second and more.
        assert time.process_time() - started < 0.2, unit


def test_the_readers_have_patterns_to_look_at():
    assert len(PATTERNS) > 20
    assert ANCHORED.keys() <= PATTERNS.keys()
    assert Path(readers.__path__[0]).name == "readers"
