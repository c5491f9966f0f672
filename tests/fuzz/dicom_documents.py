"""DICOM as a hypothesis strategy: content trees with odd values, in every transfer syntax, and documents inside.

Written by a few lines of our own: a library refuses the values that are wanted here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from words import ENCODING, NUMBER, TEXT, several

Value = str | bytes | Sequence["Item"]
Item = Mapping[int, tuple[str, Value]]
"""Elements by their tag: value representation and value."""

_LONG = ("OB", "UT", "SQ", "UN")
_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_BIG_ENDIAN, _DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"


@dataclass(frozen=True)
class Syntax:
    """How elements are written: transfer syntax, sequences of stated length or not, and the encoding of text."""

    uid: str = _EXPLICIT
    stated: bool = True
    encoding: str = "latin-1"

    def packed(self, form: str, *values: int) -> bytes:
        return struct.pack((">" if self.uid == _BIG_ENDIAN else "<") + form, *values)

    def written(self, item: Item) -> bytes:
        """The elements of an item or a data set, in order of their tags."""
        return b"".join(self._element(tag, *item[tag]) for tag in sorted(item))

    def _element(self, tag: int, kind: str, value: Value) -> bytes:
        if isinstance(value, str):
            data = value.encode(self.encoding, errors="replace")
        else:
            data = value if isinstance(value, bytes) else b"".join(map(self._item, value))
        data += b" " * (len(data) % 2)
        stated = kind != "SQ" or self.stated
        length = len(data) if stated else 0xFFFFFFFF
        end = b"" if stated else self.packed("HHI", 0xFFFE, 0xE0DD, 0)
        head = self.packed("HH", tag >> 16, tag & 0xFFFF)
        if self.uid == _IMPLICIT:
            return head + self.packed("I", length) + data + end
        if kind in _LONG:
            return head + kind.encode() + self.packed("HI", 0, length) + data + end
        return head + kind.encode() + self.packed("H", len(data) & 0xFFFF) + data

    def _item(self, item: Item) -> bytes:
        inside = self.written(item)
        if self.stated:
            return self.packed("HHI", 0xFFFE, 0xE000, len(inside)) + inside
        return self.packed("HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inside + self.packed("HHI", 0xFFFE, 0xE00D, 0)

    def file(self, item: Item) -> bytes:
        """A file: preamble, meta information, data set."""
        meta = Syntax(encoding="latin-1").written(
            {0x00020002: ("UI", str(item[0x00080016][1])), 0x00020003: ("UI", "1.2.3"), 0x00020010: ("UI", self.uid)}
        )
        length = Syntax().written({0x00020000: ("UL", struct.pack("<I", len(meta)))})
        body = self.written(item)
        return bytes(128) + b"DICM" + length + meta + (zlib.compress(body)[2:-4] if self.uid == _DEFLATED else body)


_VALUE_TYPES = ("TEXT", "TEXT", "NUM", "CODE", "DATE", "TIME", "DATETIME", "PNAME", "UIDREF", "IMAGE", "CONTAINER",
                "CONTAINER", "", "ZORAQUIN")  # fmt: skip
_RELATIONS = ("CONTAINS", "CONTAINS", "HAS CONCEPT MOD", "HAS PROPERTIES", "INFERRED FROM", "")
_STAMP = st.sampled_from(("21450314", "101500.5", "20450314101500", "Zoraquin", "", "9999", "2145031", "\\", "1\\2"))
_SCHEME = st.sampled_from(("LN", "SCT", "UCUM", "99LOCAL", "", "Zoraquin"))
_WRITTEN = TEXT | st.sampled_from(("12.5", "1E99", "-0", "12.5\\13", "^^", "Abel^Zoe=velmorath", "x" * 70_000))


def _code(value: str, scheme: str, meaning: str) -> Item:
    return {0x00080100: ("SH", value), 0x00080102: ("SH", scheme), 0x00080104: ("LO", meaning)}


def _leaf(kind: str, relation: str, name: Item, value: str, stamp: str, unit: Item) -> Item:
    measured = {0x0040A30A: ("DS", value), 0x004008EA: ("SQ", [unit])}
    return {
        0x0040A040: ("CS", kind),
        0x0040A010: ("CS", relation),
        0x0040A043: ("SQ", [name]),
        0x0040A160: ("UT", value),
        0x0040A120: ("DT", stamp),
        0x0040A121: ("DA", stamp),
        0x0040A122: ("TM", stamp),
        0x0040A123: ("PN", value),
        0x0040A124: ("UI", stamp),
        0x0040A168: ("SQ", [unit]),
        0x0040A300: ("SQ", [measured] if value else []),
        0x0040A301: ("SQ", [name]),
    }


_CODE = st.builds(_code, _STAMP | st.sampled_from(("121071", "1", "mm")), _SCHEME, TEXT)
_LEAF = st.tuples(
    st.builds(
        _leaf, st.sampled_from(_VALUE_TYPES), st.sampled_from(_RELATIONS), _CODE, _WRITTEN, _STAMP, _CODE
    ),
    st.integers(0, 3),
)  # fmt: skip


def _tree(leaves: list[tuple[Item, int]]) -> list[Item]:
    """Content items; each takes as many of those after it as children as it says."""
    waiting = list(leaves)

    def item() -> Item:
        made, below = waiting.pop(0)
        return {**made, 0x0040A730: ("SQ", [item() for _ in range(below) if waiting])}

    found = []
    while waiting:
        found.append(item())
    return found


def _object(sop_class: str, content: list[Item], depth: int, flags: list[int], charset: str, stamp: str,
            inside: bytes | None, media_type: str, length: int | None) -> Item:  # fmt: skip
    for _ in range(depth):
        around: Item = {0x0040A040: ("CS", "CONTAINER"), 0x0040A730: ("SQ", content)}
        content = [around]
    made: dict[int, tuple[str, Value]] = {
        0x00080005: ("CS", charset),
        0x00080016: ("UI", sop_class),
        0x00080023: ("DA", stamp),
        0x00080033: ("TM", stamp),
        0x00100010: ("PN", "Zoraquin^velmorath"),
        0x0040A043: ("SQ", [_code("11504-8", "LN", "Report")]),
        0x0040A730: ("SQ", content),
    }
    made |= {flag: ("CS", "PARTIAL" if flag == 0x0040A491 else "UNVERIFIED") for flag in flags}
    if inside is not None:
        made |= {0x00420011: ("OB", inside), 0x00420012: ("LO", media_type)}
        made |= {0x00420015: ("UL", struct.pack("<q", length)[:4])} if length is not None else {}
    return made


def dicom(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Structured reports, encapsulated documents of `inner`, and other objects."""
    report, encapsulated = "1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104."
    reports = st.sampled_from((report + "11", report + "22", report + "33", "1.2.840.10008.5.1.4.1.1.2", "", "1.2\\3"))
    others = st.sampled_from((encapsulated + "1", encapsulated + "2", report + "11"))
    media_types = st.sampled_from(("application/pdf", "text/XML", "Zoraquin", "", "text/plain\\text/html"))
    content = several(_LEAF, 12).map(_tree)
    depth = st.sampled_from((0, 0, 0, 1, 5, 90, 120))
    flags = st.lists(st.sampled_from((0x0040A491, 0x0040A493)), max_size=2)
    charsets = st.sampled_from(("ISO_IR 100", "ISO_IR 192", "", "ISO 2022 IR 87", "\\ISO 2022 IR 87", "Zoraquin"))
    made: Callable[..., st.SearchStrategy[Item]] = st.builds
    objects = made(
        _object, reports, content, depth, flags, charsets, _STAMP, st.none(), st.just(""), st.none()
    ) | made(
        _object, others, content, st.just(0), flags, charsets, _STAMP, inner, media_types,
        st.none() | NUMBER.filter(lambda number: abs(number) < 2**62),
    )  # fmt: skip
    syntaxes = st.builds(
        Syntax, st.sampled_from((_EXPLICIT, _IMPLICIT, _BIG_ENDIAN, _DEFLATED)), st.booleans(), ENCODING
    )
    return st.builds(Syntax.file, syntaxes, objects)
