"""What a document is, from its bytes: content type and character encoding.

The extension and the declared type are hearsay: a zip called `.pdf` is a zip. The declared type is kept for the
comparison and for its charset. Nothing is parsed here; the readers do that.
"""

from __future__ import annotations

import codecs
import enum
import re
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache

from clinical_assets.documents.readers.reading import Caution, ExtractionWarning, Reason, UnreadableError


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

_HEAD = 4096
_BLANK = b"\x00 \t\r\n\x0c"
# Control characters but those that occur in text: white space, escape and the separators.
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r\x0b\x0c\x1b\x1c\x1d\x1e\x1f")
_PDF_HEADER = re.compile(rb"%PDF-\d")
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_HTML_CHARSET = re.compile(
    rb"""<meta[^>]{0,300}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE
)
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
    if not data[:_HEAD].strip(_BLANK) and not data.strip(_BLANK):
        return ContentType.EMPTY
    if data[128:132] == b"DICM":
        return ContentType.DICOM
    for signature, content_type in _SIGNATURES if data.startswith(_FIRST_BYTES) else ():
        if data.startswith(signature):
            return _inside_zip(data) if content_type is ContentType.ZIP else content_type
    if _is_pdf(data):
        return ContentType.PDF
    encoding = _bom(data)[0] or _wide(data)
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
    if sniffed is ContentType.XML and b"<?xml" not in data[:_HEAD]:
        return ContentType.HTML
    if sniffed is ContentType.PLAIN:
        head = data[:_HEAD].decode("latin-1")
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
    head = data[:_HEAD]
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


@dataclass(frozen=True, slots=True)
class Decoded:
    """Bytes as characters: the text (byte order mark removed), the encoding that was right, and cautions."""

    text: str
    encoding: str
    cautions: tuple[ExtractionWarning, ...] = ()


# The encodings whose label browsers and hospitals use for what is windows-1252 in fact. Source: WHATWG Encoding,
# section 4.2.
_REALLY_CP1252 = frozenset({"ascii", "us-ascii", "iso8859-1", "latin-1", "iso-8859-1", "latin1", "l1", "cp819"})
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARKS = tuple(mark for mark, _ in _BOMS)
# UTF-8 read as windows-1252 and stored again: é as Ã©, ° as Â°, ’ as â€™.
_MOJIBAKE = re.compile("Ã[\u0080-¿]|Â[°±²³µ·½ ]|â€[™œ\u009d“”˜¢¦]")


def _bom(data: bytes) -> tuple[str | None, int]:
    for mark, name in _BOMS if data.startswith(_MARKS) else ():
        if data.startswith(mark):
            return name, len(mark)
    return None, 0


def _wide(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of western text is NUL."""
    head = data[: _HEAD & ~1]
    if len(head) < 4 or 0 not in head:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if odd > half * 0.4 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.05:
        return "utf-16-be"
    return None


def declared_encoding(data: bytes, charset: str | None = None) -> str | None:
    """The encoding the transport, the XML declaration or the HTML head names, as Python knows it; None for none."""
    head = data[:_HEAD]
    found = _XML_ENCODING.match(head) or _HTML_CHARSET.search(head)
    for name in (charset, found[1].decode("ascii") if found else None):
        if not name:
            continue
        try:
            known = codecs.lookup(name).name
        except (LookupError, ValueError):
            continue
        # Python's lookup also knows transformations (base64, rot13) that are no character encodings.
        if not codecs.lookup(name)._is_text_encoding:
            continue
        return "cp1252" if known in _REALLY_CP1252 or name.lower() in _REALLY_CP1252 else known
    return None


def decode(data: bytes, charset: str | None = None) -> Decoded:
    """Decode a textual document: byte order mark, then UTF-8, then the declared encoding, then windows-1252.

    Valid multi-byte UTF-8 outranks a declaration that contradicts it: other encodings practically never form valid
    UTF-8 by accident, while declarations are wrong daily. A wrong declaration, a guess and replaced bytes are
    cautions.

    Raises:
        UnreadableError: UNDECODABLE where more than one character in fifty (and more than three) would have to be
            replaced.
    """
    marked, skip = _bom(data)
    if marked:
        return _finished(data[skip:], marked, ())
    declared = declared_encoding(data, charset)
    wide = _wide(data)
    if wide:
        return _finished(data, wide, ())
    if data.isascii() and (declared is None or _extends_ascii(declared)):
        return Decoded(data.decode("ascii"), "utf-8")
    utf8 = _strict(data, "utf-8")
    if utf8 is not None and (declared is None or not _is_stateful(declared)):
        contradicted = declared not in (None, "utf-8")
        cautions = (
            [ExtractionWarning(Caution.ENCODING_MISMATCH, f"declared {declared}, is utf-8")] if contradicted else []
        )
        return Decoded(utf8, "utf-8", (*cautions, *_mojibake(utf8)))
    if declared and declared != "utf-8" and not declared.startswith(("utf-16", "utf-32")):
        text = _strict(data, declared)
        if text is not None:
            return Decoded(text, declared, _mojibake(text))
    cautions = [ExtractionWarning(Caution.ENCODING_MISMATCH, f"declared {declared}, is not")] if declared else []
    return _guessed(data, cautions)


def _guessed(data: bytes, cautions: list[ExtractionWarning]) -> Decoded:
    text = _strict(data, "cp1252")
    if text is not None:
        return Decoded(
            text, "cp1252", (*cautions, ExtractionWarning(Caution.ENCODING_GUESSED, "cp1252"), *_mojibake(text))
        )
    damaged_utf8 = data.decode("utf-8", errors="replace")
    if damaged_utf8.count("\ufffd") * 50 <= len(damaged_utf8) and _has_multibyte(damaged_utf8):
        return _finished(data, "utf-8", tuple(cautions))
    import charset_normalizer

    best = charset_normalizer.from_bytes(data[: 256 * 1024]).best()
    if best is not None:
        text = _strict(data, best.encoding)
        if text is not None:
            guessed = ExtractionWarning(Caution.ENCODING_GUESSED, best.encoding)
            return Decoded(text, best.encoding, (*cautions, guessed))
    return _finished(data, "cp1252", (*cautions, ExtractionWarning(Caution.ENCODING_GUESSED, "cp1252")))


def _has_multibyte(text: str) -> bool:
    return any(character > "\x7f" and character != "\ufffd" for character in text)


def _finished(data: bytes, encoding: str, cautions: tuple[ExtractionWarning, ...]) -> Decoded:
    """Decode for good, replacing what does not decode, within bounds."""
    text = data.decode(encoding, errors="replace").removeprefix("\ufeff")
    own_sign = "\ufffd".encode(encoding, errors="ignore")
    replaced = text.count("\ufffd") - (data.count(own_sign) if own_sign else 0)
    if replaced <= 0:
        return Decoded(text, encoding, cautions)
    if replaced > max(3, len(text) // 50):
        raise UnreadableError(Reason.UNDECODABLE, f"{replaced} of {len(text)} characters do not decode as {encoding}")
    return Decoded(text, encoding, (*cautions, ExtractionWarning(Caution.UNDECODABLE_BYTES, f"{replaced} replaced")))


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError, ValueError):
        return None


def _extends_ascii(encoding: str) -> bool:
    """Whether bytes below 128 mean ASCII there (not in EBCDIC, UTF-7, ISO-2022 or UTF-16)."""
    if _is_stateful(encoding):
        return False
    probe = bytes(range(0x20, 0x7F))
    return _strict(probe, encoding) == probe.decode("ascii")


def _is_stateful(encoding: str) -> bool:
    return encoding.startswith(("iso2022", "utf-7", "hz"))


def _mojibake(text: str) -> tuple[ExtractionWarning, ...]:
    count = len(_MOJIBAKE.findall(text))
    return (ExtractionWarning(Caution.POSSIBLE_MOJIBAKE, f"{count} places"),) if count else ()
