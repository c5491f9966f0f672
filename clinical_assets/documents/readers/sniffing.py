"""What a document is, from its bytes.

The extension and the declared type are hearsay: a zip called `.pdf` is a zip. The declared type is kept for the
comparison and for its charset. Nothing is parsed here, the readers do that, and nothing decoded, `decoding` does.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache

from clinical_assets.documents.readers.decoding import HEAD_BYTES, byte_order_mark, wide


class ContentType(enum.StrEnum):
    """The formats told apart; those without a reader are named so that the refusal can say what it was."""

    PDF = "application/pdf"
    HTML = "text/html"
    RTF = "text/rtf"
    CCDA = "application/cda+xml"
    FHIR_JSON = "application/fhir+json"
    PLAIN = "text/plain"
    DICOM = "application/dicom"
    FHIR_XML = "application/fhir+xml"
    XML = "application/xml"
    JSON = "application/json"
    ZIP = "application/zip"
    WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    OFFICE = "application/vnd.openxmlformats-officedocument"
    OLE = "application/x-ole-storage"
    GZIP = "application/gzip"
    JPEG = "image/jpeg"
    PNG = "image/png"
    TIFF = "image/tiff"
    GIF = "image/gif"
    EMPTY = "application/x-empty"
    BINARY = "application/octet-stream"


# First bytes of the binary formats. Sources: ISO 32000 (PDF is treated apart: junk may precede it), PKWARE APPNOTE,
# MS-CFB 2.2, RFC 1952, ITU T.81, RFC 2083, TIFF 6.0, GIF89a.
_SIGNATURES: tuple[tuple[bytes, ContentType], ...] = (
    (b"PK\x03\x04", ContentType.ZIP),
    (b"PK\x05\x06", ContentType.ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ContentType.OLE),
    (b"\x1f\x8b", ContentType.GZIP),
    (b"\xff\xd8\xff", ContentType.JPEG),
    (b"\x89PNG\r\n\x1a\n", ContentType.PNG),
    (b"II*\x00", ContentType.TIFF),
    (b"MM\x00*", ContentType.TIFF),
    (b"GIF87a", ContentType.GIF),
    (b"GIF89a", ContentType.GIF),
)
_FIRST_BYTES = tuple(signature for signature, _ in _SIGNATURES)

# What senders write for the types above. Source: RFC 6838 registrations and C-CDA value set
# 2.16.840.1.113883.11.20.7.1.
_SAME_TYPE: dict[str, ContentType] = {
    "application/rtf": ContentType.RTF,
    "application/x-rtf": ContentType.RTF,
    "text/richtext": ContentType.RTF,
    "application/xhtml+xml": ContentType.HTML,
    "application/hl7-cda+xml": ContentType.CCDA,
    "application/hl7-sda+xml": ContentType.CCDA,
    "application/dicom+json": ContentType.JSON,
    "application/json+fhir": ContentType.FHIR_JSON,
    "application/xml+fhir": ContentType.FHIR_XML,
    "application/x-pdf": ContentType.PDF,
    "text/xml": ContentType.XML,
    "text/json": ContentType.JSON,
    "text": ContentType.PLAIN,
    "image/jpg": ContentType.JPEG,
    "application/msword": ContentType.OLE,
    "application/x-zip-compressed": ContentType.ZIP,
}
# A declared general type is not contradicted by a sniffed special one.
_GENERAL: dict[ContentType, frozenset[ContentType]] = {
    ContentType.XML: frozenset({ContentType.CCDA, ContentType.FHIR_XML, ContentType.HTML}),
    ContentType.JSON: frozenset({ContentType.FHIR_JSON}),
    ContentType.ZIP: frozenset({ContentType.WORD, ContentType.OFFICE}),
    ContentType.BINARY: frozenset(ContentType),
}

SNIFFING_VERSION = "2"
"""Raise it when the same bytes are found to be of another type than before: they are then looked at again."""

_BLANK = b"\x00 \t\r\n\x0c"
# Control characters but those that occur in text: white space, escape and the separators.
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r\x0b\x0c\x1b\x1c\x1d\x1e\x1f")
_PDF_HEADER = re.compile(rb"%PDF-\d")
_MISC = re.compile(r"(?:\s+|<\?(?:(?!\?>).)*\?>|<!--(?:(?!-->).)*-->)+", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE\s+([\w:.-]+)", re.IGNORECASE)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)")
_HTML_TAG = re.compile(
    r"</?(?:html|head|body|div|p|br|table|tr|td|th|span|ul|ol|li|h[1-6]|b|i|u|strong|em|font|pre|meta|title|style|center|hr|a)"
    r"(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_FHIR_RESOURCE = re.compile(r'"resourceType"\s*:\s*"[A-Z]')
_MEDIA_TYPE = re.compile(r"(?:application|text|image|audio|video|multipart)/[a-z0-9.+-]{1,80}")
_ENTITY_REFERENCE = re.compile(r"&(?:[a-z]{2,8}|#\d{2,5});", re.IGNORECASE)
_CDA_ROOTS = frozenset({"ClinicalDocument", "section", "structuredBody", "nonXMLBody"})
_FHIR_NAMESPACE = "http://hl7.org/fhir"


@dataclass(frozen=True, slots=True)
class Declared:
    """A Content-Type as declared: its type where it is one of ours, its charset, and whether it was declared at all."""

    content_type: ContentType | None
    charset: str | None


@lru_cache(maxsize=1024)  # a store declares the same few types over and over
def parse_declared(value: str | None) -> Declared:
    """Read a declared content type such as `text/html; charset=windows-1252`; unknown types give None."""
    if not value or not value.strip():
        return Declared(None, None)
    message = Message()
    try:
        message["Content-Type"] = " ".join(value.split())[:500]
        charset = message.get_param("charset")
    except (ValueError, TypeError, AttributeError):
        return Declared(None, None)
    name = value.split(";")[0].strip().lower()
    known = _SAME_TYPE.get(name)
    if known is None and name in ContentType._value2member_map_:
        known = ContentType(name)
    return Declared(known, charset if isinstance(charset, str) and charset else None)


def type_name(declared: str | None) -> str:
    """A declared type as it may stand in a caution; anything that does not look like a media type is not repeated."""
    name = (declared or "").split(";")[0].strip().lower()
    return name if _MEDIA_TYPE.fullmatch(name) else "no known type"


def contradicts(declared: ContentType | None, sniffed: ContentType) -> bool:
    """Whether the declared type says something else than the bytes do."""
    if declared is None or declared is sniffed:
        return False
    return sniffed not in _GENERAL.get(declared, frozenset())


def sniff(data: bytes) -> ContentType:
    """The content type of a document from its bytes alone. Never raises."""
    if not data[:HEAD_BYTES].strip(_BLANK) and not data.strip(_BLANK):
        return ContentType.EMPTY
    if data[128:132] == b"DICM":
        return ContentType.DICOM
    for signature, content_type in _SIGNATURES if data.startswith(_FIRST_BYTES) else ():
        if data.startswith(signature):
            return _inside_zip(data) if content_type is ContentType.ZIP else content_type
    if _is_pdf(data):
        return ContentType.PDF
    encoding = byte_order_mark(data)[0] or wide(data)
    head = _readable_head(data, encoding)
    if head is None:
        return ContentType.BINARY
    return _textual(head)


def settle(sniffed: ContentType, declared: ContentType | None, data: bytes) -> ContentType:
    """The type to read a document as: the sniffed one, save that declared HTML with a tag or entity in it is HTML.

    A line of text with a single `<br>` cannot be told from plain text by its bytes, nor a fragment that begins with a
    rare element from XML without a declaration.
    """
    if declared is not ContentType.HTML:
        return sniffed
    if sniffed is ContentType.XML and b"<?xml" not in data[:HEAD_BYTES]:
        return ContentType.HTML
    if sniffed is ContentType.PLAIN:
        head = data[:HEAD_BYTES].decode("latin-1")
        if _HTML_TAG.search(head) or _ENTITY_REFERENCE.search(head):
            return ContentType.HTML
    return sniffed


def _is_pdf(data: bytes) -> bool:
    """A PDF header within the first 1,024 bytes (ISO 32000-1 Annex H.3.4.1), not merely words about one."""
    found = _PDF_HEADER.search(data, 0, 1024 + 8)
    if found is None:
        return False
    return found.start() == 0 or b" obj" in data or b"%%EOF" in data[-2048:]


def _inside_zip(data: bytes) -> ContentType:
    names = data[: 64 * 1024] + data[-64 * 1024 :]
    if b"word/document.xml" in names:
        return ContentType.WORD
    return ContentType.OFFICE if b"[Content_Types].xml" in names else ContentType.ZIP


def _readable_head(data: bytes, encoding: str | None) -> str | None:
    """The beginning as characters, or None where the bytes are no text in any encoding we read."""
    head = data[:HEAD_BYTES]
    if encoding is None:
        if len(head) - len(head.translate(None, _CONTROLS)) > len(head) // 50:
            return None
        return head.decode("latin-1")
    text = head.decode(encoding, errors="replace").lstrip("\ufeff")
    return None if text.count("\ufffd") > max(2, len(text) // 10) else text


def _textual(head: str) -> ContentType:
    start = head.removeprefix("ï»¿").lstrip("\ufeff\x00 \t\r\n")
    if start.startswith("{\\rtf"):
        return ContentType.RTF
    if start[:1] in "{[":
        return _json_kind(start)
    if start.startswith("<"):
        return _markup_kind(start)
    tags = _HTML_TAG.findall(head)
    return ContentType.HTML if len(tags) >= 4 else ContentType.PLAIN


def _json_kind(start: str) -> ContentType:
    if not re.match(r'\{\s*(?:"|\})|\[\s*(?:[{\["\]\d-]|true|false|null)', start):
        return ContentType.PLAIN
    return ContentType.FHIR_JSON if _FHIR_RESOURCE.search(start) else ContentType.JSON


def _markup_kind(start: str) -> ContentType:
    declared_xml = start.startswith("<?xml")
    skipped = _MISC.match(start)
    rest = start[skipped.end() :] if skipped else start
    doctype = _DOCTYPE.match(rest)
    if doctype:
        return ContentType.HTML if doctype[1].lower() == "html" else ContentType.XML
    root = _ROOT.match(rest)
    name = root[1] if root else ""
    if name in _CDA_ROOTS and (name != "section" or _is_cda_section(rest)):
        return ContentType.CCDA
    if _FHIR_NAMESPACE in rest[:1000]:
        return ContentType.FHIR_XML
    if name.lower() == "html" or (not declared_xml and _HTML_TAG.match(rest)):
        return ContentType.HTML
    if declared_xml:
        return ContentType.XML
    if _HTML_TAG.search(rest):
        return ContentType.HTML
    return ContentType.XML if root else ContentType.PLAIN


def _is_cda_section(rest: str) -> bool:
    """HTML has a `section` too; CDA's begins with template ids and a code."""
    return "urn:hl7-org:v3" in rest or "<templateId" in rest or "codeSystem=" in rest
