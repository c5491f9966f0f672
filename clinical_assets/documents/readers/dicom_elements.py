"""A regular DICOM data set as mappings of its elements, for the elements `dicom_sr` asks for; anything else is None.

Nearly every report is written by the book: explicit or implicit VR in little endian, tags ascending, lengths that add
up, one usual character set. Those are read here, without building an object for each of their elements and without
pydicom, whose import takes longer than reading a hundred reports. What is irregular in any way (another syntax,
a cut file, values of several parts, escapes, undecodable characters) is left to pydicom: `data_set` gives None, never
a guess. For what is regular it gives the values pydicom gives, as text.

Source: DICOM PS3.5 (6.2 value representations, 7 data set, 7.5 sequences), PS3.6 (tags), PS3.10 (7.1 file meta).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

Elements = Mapping[str, Any]
"""Values by keyword: text, bytes, whole numbers, and lists of `Elements` for sequences."""

TAGS: Mapping[int, tuple[str, str]] = {
    0x0008_0005: ("SpecificCharacterSet", "CS"),
    0x0008_0016: ("SOPClassUID", "UI"),
    0x0008_0023: ("ContentDate", "DA"),
    0x0008_0033: ("ContentTime", "TM"),
    0x0008_0100: ("CodeValue", "SH"),
    0x0008_0102: ("CodingSchemeDesignator", "SH"),
    0x0008_0104: ("CodeMeaning", "LO"),
    0x0008_0119: ("LongCodeValue", "UC"),
    0x0008_0120: ("URNCodeValue", "UR"),
    0x0040_08EA: ("MeasurementUnitsCodeSequence", "SQ"),
    0x0040_A010: ("RelationshipType", "CS"),
    0x0040_A040: ("ValueType", "CS"),
    0x0040_A043: ("ConceptNameCodeSequence", "SQ"),
    0x0040_A120: ("DateTime", "DT"),
    0x0040_A121: ("Date", "DA"),
    0x0040_A122: ("Time", "TM"),
    0x0040_A123: ("PersonName", "PN"),
    0x0040_A160: ("TextValue", "UT"),
    0x0040_A168: ("ConceptCodeSequence", "SQ"),
    0x0040_A300: ("MeasuredValueSequence", "SQ"),
    0x0040_A301: ("NumericValueQualifierCodeSequence", "SQ"),
    0x0040_A30A: ("NumericValue", "DS"),
    0x0040_A491: ("CompletionFlag", "CS"),
    0x0040_A493: ("VerificationFlag", "CS"),
    0x0040_A496: ("PreliminaryFlag", "CS"),
    0x0040_A730: ("ContentSequence", "SQ"),
    0x0042_0011: ("EncapsulatedDocument", "OB"),
    0x0042_0012: ("MIMETypeOfEncapsulatedDocument", "LO"),
    0x0042_0015: ("EncapsulatedDocumentLength", "UL"),
}
"""Keyword and value representation of every element that is read (PS3.6); the others are passed over."""

# PS3.5, 7.1.2: the representations whose length has two bytes, and those whose length has four.
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_EXPLICIT, _IMPLICIT, _LENGTH = struct.Struct("<HH2sH"), struct.Struct("<HHL"), struct.Struct("<L")
_UNDEFINED = 0xFFFFFFFF
_ITEM, _END_OF_ITEM, _END_OF_ITEMS = 0xFFFE_E000, 0xFFFE_E00D, 0xFFFE_E0DD
_FILE_META, _TRANSFER_SYNTAX = 2, 0x0002_0010
_CHARACTER_SET = 0x0008_0005
_PREFIX, _META_BEGINS = slice(128, 132), 132
_EXPLICIT_OF_SYNTAX = {b"1.2.840.10008.1.2.1": True, b"1.2.840.10008.1.2": False}
# PS3.3, C.12.1.1.2. Several sets at once, and those that switch by escapes, are pydicom's.
_CODECS = {"ISO_IR 6": "latin-1", "ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}
_DEFAULT_CODEC = "latin-1"
_DEEPEST = 60
# PS3.5, 6.2: a decimal string has sixteen characters at most.
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)


class _IrregularError(Exception):
    """Something pydicom is to judge."""


def data_set(data: bytes) -> Elements | None:
    """The elements of a whole DICOM file; None where it is not regular to its last byte.

    Elements without a value are there with empty text, bytes or lists.
    """
    if data[_PREFIX] != b"DICM":
        return None
    try:
        explicit, begin = _file_meta(data)
        # A command set, and a syntax other than the one declared, are guessed at by pydicom.
        looks_explicit = data[begin + 4 : begin + 6].isalpha() and data[begin + 4 : begin + 6].isupper()
        if explicit is None or looks_explicit is not explicit or data[begin : begin + 2] == b"\0\0":
            return None
        found, _ = _Reader(data, explicit).elements(begin, len(data), 0)
    except (_IrregularError, struct.error, UnicodeDecodeError):
        return None
    return found


def _file_meta(data: bytes) -> tuple[bool | None, int]:
    """Whether the data set has explicit VR, None for a syntax not read here, and where it begins."""
    at, before, explicit = _META_BEGINS, 0, None
    while True:
        group, number, vr, length = _EXPLICIT.unpack_from(data, at)
        if group != _FILE_META:
            return explicit, at
        at += _EXPLICIT.size
        if vr in _LONG:
            (length,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size
        elif vr not in _SHORT:
            raise _IrregularError
        tag = group << 16 | number
        if tag <= before or at + length > len(data):
            raise _IrregularError
        if tag == _TRANSFER_SYNTAX:
            explicit = _EXPLICIT_OF_SYNTAX.get(data[at : at + length].rstrip(b"\0 "))
        before = tag
        at += length


class _Reader:
    """One pass over a data set."""

    def __init__(self, data: bytes, explicit: bool) -> None:
        self.data = data
        self.explicit = explicit
        self.codec = _DEFAULT_CODEC

    def elements(self, at: int, end: int, depth: int, delimited: bool = False) -> tuple[dict[str, Any], int]:
        """The elements from a place on, and where what follows them begins: `end`, or behind the delimiter."""
        data, explicit, known = self.data, self.explicit, TAGS
        found: dict[str, Any] = {}
        before = -1
        while at < end:
            if explicit:
                group, number, vr, length = _EXPLICIT.unpack_from(data, at)
            else:
                group, number, length = _IMPLICIT.unpack_from(data, at)
                vr = b""
            tag = group << 16 | number
            at += 8
            if tag <= before:
                raise _IrregularError
            if tag >= _ITEM:
                if delimited and tag == _END_OF_ITEM and data[at - 4 : at] == bytes(4):
                    return found, at
                # Of the tags from here on only the padding at the end of a file is an element.
                if group == _ITEM >> 16:
                    raise _IrregularError
            before = tag
            if vr in _LONG:
                (length,) = _LENGTH.unpack_from(data, at)
                at += 4
            elif explicit and vr not in _SHORT:
                raise _IrregularError
            value: Any = None
            keyword, own = known.get(tag, ("", "SQ" if vr == b"SQ" else ""))
            if explicit and own and vr != own.encode():
                raise _IrregularError
            if own == "SQ" and (keyword or length == _UNDEFINED):
                value, at = self._items(at, length, end, depth + 1)
            else:
                value = self._value(tag, own, data[at : at + length]) if keyword else None
                at += length
            if keyword:
                found[keyword] = value
            if at > end or (tag == _CHARACTER_SET and depth):
                raise _IrregularError
        if at != end or delimited:
            raise _IrregularError
        return found, at

    def _items(self, at: int, length: int, end: int, depth: int) -> tuple[list[dict[str, Any]], int]:
        """The items of a sequence, and where what follows it begins."""
        delimited = length == _UNDEFINED
        if depth > _DEEPEST or (not delimited and at + length > end):
            raise _IrregularError
        end = end if delimited else at + length
        items: list[dict[str, Any]] = []
        while at < end:
            group, number, size = _IMPLICIT.unpack_from(self.data, at)
            at += 8
            tag = group << 16 | number
            if delimited and tag == _END_OF_ITEMS and not size:
                return items, at
            if tag != _ITEM or (size != _UNDEFINED and at + size > end):
                raise _IrregularError
            until = end if size == _UNDEFINED else at + size
            item, at = self.elements(at, until, depth, delimited=size == _UNDEFINED)
            items.append(item)
        if delimited or at != end:
            raise _IrregularError
        return items, at

    def _value(self, tag: int, vr: str, raw: bytes) -> Any:  # noqa: ANN401 - text, bytes or a whole number
        value = _VALUES[vr](raw, self.codec)
        if tag == _CHARACTER_SET:
            if value not in _CODECS:
                raise _IrregularError
            self.codec = _CODECS[value]
        return value


def _text(raw: bytes, codec: str) -> str:
    """Text that may hold line ends and backslashes."""
    if b"\x1b" in raw:
        raise _IrregularError
    return raw.decode(codec).rstrip("\0 ")


def _one_text(raw: bytes, codec: str) -> str:
    """Text of one value; a backslash would begin a second."""
    text = _text(raw, codec)
    if "\\" in text:
        raise _IrregularError
    return text


def _one_code(raw: bytes, _codec: str) -> str:
    return _one_text(raw, _DEFAULT_CODEC)


def _name(raw: bytes, codec: str) -> str:
    """A name in one alphabet; those in several are separated by `=`."""
    name = _one_text(raw, codec)
    if "=" in name:
        raise _IrregularError
    return name


def _decimal(raw: bytes, _codec: str) -> str:
    written = _one_text(raw, _DEFAULT_CODEC).strip()
    if len(written) > 16 or not _DECIMAL.fullmatch(written):
        raise _IrregularError
    return written


def _location(raw: bytes, _codec: str) -> str:
    return raw.decode(_DEFAULT_CODEC).rstrip()


def _whole_number(raw: bytes, _codec: str) -> int:
    if len(raw) != _LENGTH.size:
        raise _IrregularError
    return int.from_bytes(raw, "little")


def _bytes(raw: bytes, _codec: str) -> bytes:
    return raw


_VALUES: Mapping[str, Callable[[bytes, str], Any]] = {
    **dict.fromkeys(("CS", "DA", "DT", "TM", "UI"), _one_code),
    **dict.fromkeys(("LO", "SH", "UC"), _one_text),
    "DS": _decimal,
    "OB": _bytes,
    "PN": _name,
    "UL": _whole_number,
    "UR": _location,
    "UT": _text,
}
