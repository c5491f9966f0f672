"""The characters of a textual document, from its bytes: which encoding they are in, whatever is declared.

A byte order mark, then valid UTF-8, then the declaration, then windows-1252: see `decode`. Which format the characters
are in is told by `sniffing`.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from clinical_assets.documents.readers.reading import Caution, ExtractionWarning, Reason, UnreadableError

HEAD_BYTES = 4096
"""The beginning of a document, where its declarations stand."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Bytes as characters: the text (byte order mark removed), the encoding that was right, and cautions."""

    text: str
    encoding: str
    cautions: tuple[ExtractionWarning, ...] = ()


_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_HTML_CHARSET = re.compile(
    rb"""<meta[^>]{0,300}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE
)
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


def byte_order_mark(data: bytes) -> tuple[str | None, int]:
    """The encoding a byte order mark stands for and the length of the mark; None and 0 where there is none."""
    for mark, name in _BOMS if data.startswith(_MARKS) else ():
        if data.startswith(mark):
            return name, len(mark)
    return None, 0


def wide(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of western text is NUL."""
    head = data[: HEAD_BYTES & ~1]
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
    head = data[:HEAD_BYTES]
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
    marked, skip = byte_order_mark(data)
    if marked:
        return _finished(data[skip:], marked, ())
    declared = declared_encoding(data, charset)
    unmarked = wide(data)
    if unmarked:
        return _finished(data, unmarked, ())
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
