import base64
import csv
import dataclasses
import io
import json
import logging
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_pdf import encrypted, lines, many_pages, pdf, scanned

from clinical_assets.documents.readers import extraction, ocr, worker_messages
from clinical_assets.documents.readers.extraction import READERS, components_of, extract, extractor_of
from clinical_assets.documents.readers.reading import Caution, Limits, Reason, SpanKind
from clinical_assets.documents.readers.sniffing import ContentType

DOCUMENTS = Path(__file__).parents[3] / "../shared/data/documents"
EXAMPLES = DOCUMENTS / "hl7-ccda-examples"
needs_examples = pytest.mark.skipif(not EXAMPLES.exists(), reason="shared open documents absent: hl7-ccda-examples")


@pytest.fixture(autouse=True)
def _no_recogniser(monkeypatch):
    monkeypatch.setattr(ocr, "version", lambda: None)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unstructured(body: bytes, media_type: str) -> bytes:
    text = f'<text mediaType="{media_type}" representation="B64">{b64(body)}</text>'
    return f"<ClinicalDocument><component><nonXMLBody>{text}</nonXMLBody></component></ClinicalDocument>".encode()


def binary(body: bytes, media_type: str) -> bytes:
    return json.dumps({"resourceType": "Binary", "contentType": media_type, "data": b64(body)}).encode()


PDF = pdf(lines("IMPRESSION: stable disease"))


@pytest.mark.parametrize(
    ("data", "content_type", "method"),
    [
        (b"IMPRESSION: stable disease", ContentType.PLAIN, "plain"),
        (b"<html><body><p><b>IMPRESSION:</b> stable disease</p></body></html>", ContentType.HTML, "html"),
        (rb"{\rtf1\ansi {\b IMPRESSION:} stable disease}", ContentType.RTF, "rtf"),
        (PDF, ContentType.PDF, "pdf"),
        (unstructured(PDF, "application/pdf"), ContentType.CCDA, "ccda(pdf)"),
        (binary(b"IMPRESSION: stable disease", "text/plain"), ContentType.FHIR_JSON, "fhir(plain)"),
        (binary(unstructured(PDF, "application/pdf"), "application/xml"), ContentType.FHIR_JSON, "fhir(ccda(pdf))"),
    ],
)
def test_one_sentence_in_every_format(data, content_type, method):
    got = extract(data)
    assert (got.success, got.content_type, got.method) == (True, content_type, method)
    assert got.text == "IMPRESSION: stable disease"
    assert [(s.code, got.passage(s)) for s in got.sections] == [("19005-8", "IMPRESSION: stable disease")]
    assert got.warnings == ()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("note.txt", "x")
    return out.getvalue()


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
BOMB = f'<!DOCTYPE l [<!ENTITY l0 "lol">{LAUGHS}]><ClinicalDocument>&l9;</ClinicalDocument>'.encode()


@pytest.mark.parametrize(
    ("data", "declared", "reason"),
    [
        (b"", "application/pdf", Reason.EMPTY),
        (b" \n ", "text/plain", Reason.EMPTY),
        ("\ufeff \n".encode("utf-16"), None, Reason.NO_TEXT),
        (encrypted("secret"), "application/pdf", Reason.ENCRYPTED),
        (PDF[:-200], "application/pdf", Reason.CORRUPT),
        (zipped(), "application/pdf", Reason.UNSUPPORTED_TYPE),
        (many_pages(10_000), "application/pdf", Reason.TOO_MANY_PAGES),
        (scanned(), "application/pdf", Reason.NO_TEXT),
        (BOMB, "application/xml", Reason.ENTITIES_REFUSED),
        (binary(b"x", "text/plain").replace(b'"eA=="', b'"eA="'), None, Reason.BAD_BASE64),
        (b"<html>" + b"<div>" * 100_000, "text/html", Reason.TOO_DEEP),
        (b"\xef\xbb\xbf" + b"note text\xff" * 40, "text/plain", Reason.UNDECODABLE),
        (b"<html><style>p{}</style><p hidden>x</p></html>", "text/html", Reason.NO_TEXT),
        (b'<?xml version="1.0"?><other/>', None, Reason.UNSUPPORTED_TYPE),
        (b'{"resourceType": "Patient"}', None, Reason.UNSUPPORTED_TYPE),
        (b"{\\rtf1 {{{", None, Reason.CORRUPT),
        (b"\x89PNG\r\n\x1a\n....", "image/png", Reason.UNSUPPORTED_TYPE),
    ],
)
def test_bad_input_gives_a_reason_never_an_exception(data, declared, reason):
    got = extract(data, declared)
    assert (got.success, got.text, got.reason, got.text_sha256) == (False, "", reason, None)
    assert got.size == len(data)


def test_a_zip_called_pdf_is_said_to_be_a_zip():
    got = extract(zipped(), "application/pdf")
    assert [(w.code, w.detail) for w in got.warnings] == [
        (Caution.DECLARED_TYPE_MISMATCH, "declared application/pdf, is application/zip")
    ]


def test_the_declared_type_decides_only_what_bytes_cannot_tell():
    assert extract(b"Hgb 9.1<br>WBC 7.2", "text/html").text == "Hgb 9.1\nWBC 7.2"
    assert extract(b"Hgb 9.1 <10", "text/html").text == "Hgb 9.1 <10"
    assert extract(PDF, "text/html").method == "pdf"


def test_the_declared_charset_reaches_the_reader():
    assert extract("żółć".encode("iso-8859-2"), "text/plain; charset=iso-8859-2").text == "żółć"


def test_size_is_limited_before_anything_is_parsed(monkeypatch):
    monkeypatch.setattr(extraction, "READERS", {})
    got = extract(PDF * 10, limits=Limits(max_bytes=1000))
    assert (got.reason, got.detail) == (Reason.TOO_LARGE, f"{len(PDF) * 10} bytes, limit 1000")


def test_documents_inside_documents_have_an_end():
    data = b"innermost"
    for _ in range(6):
        data = binary(data, "application/fhir+json")
    assert extract(data).reason is Reason.TOO_DEEP
    assert extract(data, limits=Limits(max_embedding=6)).text == "innermost"


def test_urls_go_to_the_callers_resolver():
    data = b'{"resourceType": "DocumentReference", "content": [{"attachment": {"url": "Binary/7"}}]}'
    assert extract(data).reason is Reason.UNRESOLVED_REFERENCE
    assert not extract(data).reason.about_the_bytes
    assert extract(data, resolve={"Binary/7": b"Found."}.get).text == "Found."


def test_a_fault_of_a_reader_costs_one_document_and_repeats_no_word_of_it(monkeypatch, caplog):
    def broken(data, circumstances):
        raise ValueError(f"cannot read {data!r}")

    reader = dataclasses.replace(READERS[ContentType.PLAIN], read=broken)
    monkeypatch.setattr(extraction, "READERS", {ContentType.PLAIN: reader})
    with caplog.at_level(logging.DEBUG):
        got = extract(b"Jane Doe")
    assert (got.reason, got.success) == (Reason.READER_ERROR, False)
    assert got.detail.startswith("ValueError at test_extraction.py:")
    assert "Jane" not in repr(got)
    assert "Jane" not in caplog.text


@pytest.mark.parametrize(("error", "reason"), [(MemoryError, Reason.OUT_OF_MEMORY), (RecursionError, Reason.TOO_DEEP)])
def test_exhaustion_is_a_reason(monkeypatch, error, reason):
    def exhausted(data, circumstances):
        raise error

    monkeypatch.setattr(
        extraction, "READERS", {ContentType.PLAIN: dataclasses.replace(READERS[ContentType.PLAIN], read=exhausted)}
    )
    assert extract(b"x").reason is reason


def test_equal_cautions_are_counted():
    got = extract(b"<p>x</p>" + b"<style>a > b{display:none}</style>" + b"<div>y</div>" * 3)
    assert [(w.code, w.detail) for w in got.warnings] == [(Caution.STYLE_RULE_NOT_APPLIED, "1 elements")]
    merged = extraction._merged([got.warnings[0]] * 3)
    assert [w.detail for w in merged] == ["1 elements (3 times)"]


def test_identity_is_known_before_reading_and_changes_with_what_matters(monkeypatch):
    before = {kind: extractor_of(kind) for kind in (ContentType.PDF, ContentType.CCDA, ContentType.HTML)}
    assert extract(PDF).extractor == before[ContentType.PDF].name
    assert extract(PDF).version == before[ContentType.PDF].version
    assert components_of(ContentType.PDF)["tesseract"] == "absent"
    assert "pypdfium2" in components_of(ContentType.CCDA)
    newer = {**READERS, ContentType.PDF: dataclasses.replace(READERS[ContentType.PDF], version="2")}
    monkeypatch.setattr(extraction, "READERS", newer)
    extractor_of.cache_clear()
    try:
        after = {kind: extractor_of(kind) for kind in before}
    finally:
        extractor_of.cache_clear()
    changed = {kind for kind in before if before[kind] != after[kind]}
    assert changed == {ContentType.PDF, ContentType.CCDA}  # a C-CDA may hold a PDF


@pytest.mark.parametrize("data", [PDF, unstructured(PDF, "application/pdf"), b"", zipped(), "é\u2028°".encode()])
def test_an_extraction_comes_back_from_a_worker_as_it_was(data):
    got = extract(data, "application/pdf")
    assert worker_messages.read(worker_messages.written(got)) == got


@needs_examples
@pytest.mark.parametrize(
    ("name", "method", "pages", "sections"),
    [
        ("Unstructured_Document_embed.xml", "ccda(pdf)", 3, 6),
        ("CDA_with_Embedded_PDF.xml", "ccda(pdf)", 7, 0),
        ("CDA_Embedded_Text_Plain_Surgical_Consult.xml", "ccda(plain)", 0, 2),
        ("RTF Note (C-CDA R2.1).xml", "ccda", 0, 1),
    ],
)
def test_embedded_examples_are_read_by_their_own_reader(name, method, pages, sections):
    (path,) = EXAMPLES.rglob(name)
    got = extract(path.read_bytes(), "application/xml")
    assert (got.success, got.method, len(got.pages), len(got.sections)) == (True, method, pages, sections)


@needs_examples
def test_a_referenced_body_is_read_through_the_resolver():
    (path,) = EXAMPLES.rglob("Unstructured_Document_reference.xml")
    assert extract(path.read_bytes()).reason is Reason.UNRESOLVED_REFERENCE
    got = extract(path.read_bytes(), resolve=lambda name: (path.parent / name).read_bytes())
    assert (got.method, len(got.pages), len(got.text)) == ("ccda(pdf)", 3, 6558)


@needs_examples
def test_every_example_is_read_and_every_offset_slices():
    paths = [p for p in EXAMPLES.rglob("*") if p.suffix.lower() in (".xml", ".pdf")]
    assert len(paths) == 23
    for path in paths:
        got = extract(path.read_bytes(), resolve=lambda name, folder=path.parent: (folder / name).read_bytes())
        assert got.success, path.name
        for span in got.spans:
            assert 0 <= span.start <= span.end <= len(got.text)
            if span.kind is SpanKind.SECTION and span.end > span.start and got.method == "ccda":
                assert got.passage(span).split()[0] == (span.title or got.passage(span)).split()[0]


@pytest.mark.skipif(not DOCUMENTS.exists(), reason="shared open documents absent: aci-bench")
def test_a_note_comes_back_token_by_token_from_every_format():
    from xml.sax.saxutils import escape

    csv.field_size_limit(10**8)
    with (DOCUMENTS / "aci-bench/train.csv").open(encoding="utf-8", newline="") as rows:
        notes = [row["note"].replace("\u200b", "") for row in csv.DictReader(rows)][:8]
    for note in notes:
        paragraphs = [p for p in note.splitlines() if p.strip()]
        body = "".join(f"<p>{escape(p)}</p>" for p in paragraphs)
        narrative = "".join(f"<paragraph>{escape(p)}</paragraph>" for p in paragraphs)
        units = [
            "".join(c if ord(c) < 128 and c not in "{}\\" else f"\\u{ord(c)}?" for c in p) + "\\par "
            for p in paragraphs
        ]
        words = note.encode("cp1252", "ignore").decode("cp1252").split()
        wrapped = [" ".join(words[i : i + 12]) for i in range(0, len(words), 12)]
        rendered = {
            "html": f"<html><body>{body}</body></html>".encode(),
            "ccda": f"<section><templateId/><text>{narrative}</text></section>".encode(),
            "rtf": ("{\\rtf1\\ansi " + "".join(units) + "}").encode("ascii"),
            "plain": note.encode("cp1252", "ignore"),
        }
        for method, data in rendered.items():
            got = extract(data)
            assert got.method == method
            expected = words if method == "plain" else note.split()
            assert got.text.split() == expected
        pages = [lines(*wrapped[i : i + 50]) for i in range(0, len(wrapped), 50)]
        assert extract(pdf(*pages)).text.split() == words


HEADS = st.sampled_from(
    (b"", b"%PDF-1.4\n", b"{\\rtf1 ", b"<html>", b"<ClinicalDocument>", b'{"resourceType":"Bundle",', b"PK\x03\x04",
     b"\x00" * 128 + b"DICM", b"\xff\xfe", b"\xef\xbb\xbf", b"<?xml version='1.0' encoding='utf-16'?>")
)  # fmt: skip


@given(
    HEADS,
    st.binary(max_size=300) | st.text(max_size=150).map(lambda t: t.encode("utf-8", "replace")),
    st.none() | st.text(),
)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_it_raise(head, body, declared):
    got = extract(head + body, declared)
    assert got.success is (got.reason is None)
    assert got.reason is not Reason.READER_ERROR, got.detail
    assert worker_messages.read(worker_messages.written(got)) == got
    for span in got.spans:
        assert 0 <= span.start <= span.end <= len(got.text)
    if got.success:
        assert got.text.strip()
        assert "\x00" not in got.text


def test_a_fragment_that_looks_like_xml_is_html_where_it_is_declared_so():
    fragment = b"<label class=x>Blood pressure</label> 120/80<br>"
    assert extract(fragment, "text/html").text == "Blood pressure 120/80"
    prologue = b"<?xml version='1.0'?><label>120/80</label>"
    assert extract(prologue, "text/html").reason is Reason.UNSUPPORTED_TYPE
