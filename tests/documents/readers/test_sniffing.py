import codecs
import contextlib
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers.decoding import decode
from clinical_assets.documents.readers.reading import UnreadableError
from clinical_assets.documents.readers.sniffing import ContentType, contradicts, parse_declared, sniff


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ContentType.EMPTY),
        (b" \r\n\t\x00 ", ContentType.EMPTY),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", ContentType.PDF),
        (b"\x00junk before\n%PDF-1.4\n1 0 obj <<>> endobj\n%%EOF", ContentType.PDF),
        (b"The scan was saved as %PDF-1.4 and filed.", ContentType.PLAIN),
        (b"{\\rtf1\\ansi hello}", ContentType.RTF),
        (codecs.BOM_UTF8 + b"  {\\rtf1 hello}", ContentType.RTF),
        (b"<!DOCTYPE html><p>x", ContentType.HTML),
        (b"<!-- a > b --><HTML><body>x", ContentType.HTML),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html/>', ContentType.HTML),
        (b"<div>Hgb</div>", ContentType.HTML),
        (b"<section><h1>Plan</h1><p>rest</p></section>", ContentType.HTML),
        (b"Report<br>Findings<br/><b>Clear</b> lungs", ContentType.HTML),
        (b"temp <37 and BP <90, a < b", ContentType.PLAIN),
        (b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>', ContentType.CCDA),
        (b'<?xml version="1.0"?><!-- t --><?s x?><cda:ClinicalDocument xmlns:cda="urn:hl7-org:v3"/>', ContentType.CCDA),
        (b'<section><templateId root="1"/><code code="8648-8" codeSystem="2.16"/></section>', ContentType.CCDA),
        (b'<Bundle xmlns="http://hl7.org/fhir"/>', ContentType.FHIR_XML),
        (b'<?xml version="1.0"?><note/>', ContentType.XML),
        (b'{"resourceType": "DocumentReference"}', ContentType.FHIR_JSON),
        (b'{"id": 1}', ContentType.JSON),
        (b"[1, 2]", ContentType.JSON),
        (b"{illegible} dictated", ContentType.PLAIN),
        (b"[doctor] hello", ContentType.PLAIN),
        (b"\x00" * 128 + b"DICM" + b"\x02\x00", ContentType.DICOM),
        (zipped("a.txt"), ContentType.ZIP),
        (zipped("[Content_Types].xml", "word/document.xml"), ContentType.WORD),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), ContentType.OFFICE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", ContentType.OLE),
        (b"\xff\xd8\xff\xe0rest", ContentType.JPEG),
        (bytes(range(256)) * 8, ContentType.BINARY),
        ("Patient stable".encode("utf-16"), ContentType.PLAIN),
        ("<html><body>x</body></html>".encode("utf-16-le"), ContentType.HTML),
        ("Température 38°, état général conservé".encode("cp1252"), ContentType.PLAIN),
    ],
)
def test_type_comes_from_the_bytes(data, expected):
    assert sniff(data) is expected


@pytest.mark.parametrize(
    ("declared", "content_type", "charset"),
    [
        (None, None, None),
        ("", None, None),
        ("text/html; charset=windows-1252", ContentType.HTML, "windows-1252"),
        ('TEXT/RTF; charset="utf-8"', ContentType.RTF, "utf-8"),
        ("application/rtf", ContentType.RTF, None),
        ("application/made-up", None, None),
        ("text/plain;;;=", ContentType.PLAIN, None),
        ("text/plain\r\nX: y; charset=utf-8", None, "utf-8"),
    ],
)
def test_declared_type_is_parsed_leniently(declared, content_type, charset):
    parsed = parse_declared(declared)
    assert (parsed.content_type, parsed.charset) == (content_type, charset)


def test_a_general_declared_type_does_not_contradict_a_special_one():
    assert not contradicts(ContentType.XML, ContentType.CCDA)
    assert not contradicts(None, ContentType.PDF)
    assert not contradicts(ContentType.BINARY, ContentType.PDF)
    assert contradicts(ContentType.PDF, ContentType.ZIP)
    assert contradicts(ContentType.PLAIN, ContentType.HTML)


@given(
    st.binary(max_size=400) | st.text(max_size=200).map(lambda t: t.encode("utf-16")), st.none() | st.text(max_size=30)
)
@settings(max_examples=200, deadline=None)
def test_sniffing_and_decoding_never_raise_anything_else(data, declared):
    assert isinstance(sniff(data), ContentType)
    with contextlib.suppress(UnreadableError):
        decode(data, parse_declared(declared).charset)
