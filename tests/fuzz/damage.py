"""Damage to bytes as a hypothesis strategy: cuts, noise, doubled pieces, grafts, words in wrong places, nesting.

A damaged document is a document and a short list of edits; shrinking drops edits and simplifies the document under
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

MOST_BYTES = 3_000_000
WORDS = (
    b"<section>", b"</section>", b"<text>", b"</text>", b"<table>", b"<tr>", b"<td rowspan=9999 colspan=9999>",
    b"</td>", b"<paragraph>", b"<list>", b"<item>", b"<br/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x", b"?>",
    b"&amp;", b"&#0;", b"&#xD800;", b"&#x10FFFF;", b"&bogus;", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<nonXMLBody>",
    b"<script>", b"</script>", b"<style>", b"p{display:none}", b"<div hidden>", b"<pre>", b"<sup>", b"<h1>", b"<h6>",
    b"<svg>", b"<template>", b"<noscript>", b"<select><option>", b"<textarea>", b"<title>", b"<plaintext>",
    b"<a href=data:,>", b"{\\rtf1", b"{", b"}", b"\\par ", b"\\u-3 ?", b"\\u55357 ?", b"\\'", b"\\'ff",
    b"\\bin9999999 ", b"\\bin-1 ", b"\\cell", b"\\row", b"\\trowd", b"\\cellx-1", b"\\v ", b"\\v0", b"\\deleted",
    b"{\\*\\x", b"\\fonttbl", b"\\f999999", b"\\uc9999", b"\\field", b"\\object", b"\\pict", b"\\ansicpg932",
    b"\\ansicpg99999", b"\\upr", b"obj", b"endobj", b"stream\n", b"\nendstream", b"xref", b"trailer", b"startxref",
    b"%%EOF", b"<<", b">>", b"[", b"]", b"/Kids [2 0 R]", b"/Parent 3 0 R", b"/Type /Pages", b"/Count 999999",
    b"/Length 99999999", b"BT", b"ET", b"(", b")", b"Tj", b"TJ", b"/Encrypt 1 0 R",
    b"/Filter [/FlateDecode /FlateDecode /ASCIIHexDecode]", b"/MediaBox [0 0 1e9 1e9]", b"/MediaBox [0 0 0 0]",
    b"/Rotate 45", b"/AcroForm << /XFA 4 0 R >>", b'"resourceType"', b'"Bundle"', b'"entry":', b'"data":',
    b'"url":"#x"', b'"contained":', b"null", b"[]", b"{}", b'"', b"\\ud800", b"\\u0000", b",", b":",
    b'"contentType":"application/pdf"', b"DICM", b"SQ\x00\x00\xff\xff\xff\xff", b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\x0d\xe0\x00\x00\x00\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00", b"\x00\x00\x00",
    b"\x1b$B", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x0c", b"\r", b"\x85", b"\xe2\x80\xa8",
    b"\xef\xac\x81", b"PK\x03\x04", b"\x1f\x8b", b"%PDF-", b"<?xml version='1.0' encoding='utf-7'?>",
    b"<?xml version='1.0' encoding='utf-16'?>", b"<meta charset=utf-16>", b"<meta charset=iso-2022-jp>", b"<", b"&",
    b"\\", b"-", b"A ", b"Plan: ", b"\n", b"\t", b" ", b"1.", b"\xe9", b"=", b";", b"/*", b"@media ", b"style='", b"a:",
    b"2147483647", b"4294967296", b"-1", b"0", b"99999999999999999999", b"1e308", b"\xff\xff\xff\xff", b"65536",
)  # fmt: skip
_ENCLOSURES = (
    (b"<div>", b"</div>"), (b"<table><tr><td>", b"</td></tr></table>"), (b"<b><i>", b"</i></b>"),
    (b"<ul><li>", b"</li></ul>"), (b"<section><text>", b"</text></section>"), (b"<!--", b"-->"), (b"(", b")"),
    (b"<component><section>", b"</section></component>"), (b"<span style='display:none'>", b"</span>"),
    (b"{", b"}"), (b"{\\*\\a ", b"}"), (b"{\\field{\\fldrslt ", b"}}"), (b"{\\upr{", b"}{}}"), (b"[", b"]"),
    (b'{"contained":[', b"]}"), (b'{"resourceType":"Bundle","entry":[{"resource":', b"}]}"),
    (b'{"resourceType":"Composition","section":[', b"]}"), (b"<style>", b"</style>"), (b"<p style='", b"'>"),
)  # fmt: skip


@dataclass(frozen=True)
class Edit:
    """One change to bytes.

    Attributes:
        at: where, in millionths of the length.
        removed: how many bytes go from there on.
        inserted: what comes there instead.
        doubled: how often the removed bytes come back.
        closing: what comes at the end of the document.
    """

    at: int
    removed: int = 0
    inserted: bytes = b""
    doubled: int = 0
    closing: bytes = b""

    def applied(self, data: bytes) -> bytes:
        """The bytes after it."""
        start = self.at * len(data) // 1_000_000
        end = start + self.removed
        back = data[start:end] * self.doubled
        return (data[:start] + self.inserted + back + data[end:] + self.closing)[:MOST_BYTES]


_AT = st.one_of(st.integers(0, 1_000_000), st.sampled_from((0, 1_000_000)))
_REMOVED = st.sampled_from((0, 0, 0, 1, 4, 30, 400, 5_000))
_MANY = st.sampled_from((1, 2, 10, 300, 3_000, 60_000))
_WORD = st.sampled_from(WORDS)
_SOUP = st.lists(_WORD | st.sampled_from((b" x ", b"\n")), max_size=20).map(b"".join)
EDITS = (
    st.builds(Edit, _AT, _REMOVED, _WORD),
    st.builds(Edit, _AT, _REMOVED, st.binary(min_size=1, max_size=30)),
    st.builds(Edit, _AT, st.sampled_from((1, 10, 200, 5_000, 10**9))),
    st.builds(Edit, _AT, st.sampled_from((10, 200, 5_000)), st.just(b""), st.sampled_from((2, 3, 50))),
    st.builds(Edit, _AT, _REMOVED, _SOUP),
    st.builds(lambda at, word, times: Edit(at, 0, word * times), _AT, _WORD, _MANY),
    st.builds(
        lambda at, around, times, closed: Edit(at, 0, around[0] * times, 0, around[1] * (times if closed else 0)),
        _AT, st.sampled_from(_ENCLOSURES), _MANY, st.booleans(),
    ),
)  # fmt: skip
_RECODED = ("utf-16", "utf-16-le", "utf-32", "utf-7", "cp1252", "shift_jis", "utf-8-sig", "cp037")


def grafts(seeds: Sequence[bytes]) -> st.SearchStrategy[Edit]:
    """Pieces of other documents in this one."""

    def graft(at: int, removed: int, number: int, begin: int, length: int) -> Edit:
        start = begin * len(seeds[number]) // 1_000_000
        return Edit(at, removed, seeds[number][start : start + length])

    lengths = st.sampled_from((20, 500, 20_000, 10**9))
    return st.builds(graft, _AT, st.sampled_from((0, 30, 10**9)), st.integers(0, len(seeds) - 1), _AT, lengths)


def recoded(data: bytes, encoding: str) -> bytes:
    """Text in another encoding than it says."""
    return data.decode("utf-8", errors="replace").encode(encoding, errors="replace")


def damaged(
    documents: st.SearchStrategy[bytes], seeds: Sequence[bytes] = (), *, least: int = 0
) -> st.SearchStrategy[bytes]:
    """Documents after at most four edits, a few in another encoding besides; most are left as they are if they may."""
    edit = st.one_of(*EDITS, grafts(seeds)) if seeds else st.one_of(EDITS)
    edits = st.lists(edit, min_size=least, max_size=4) if least else st.just([]) | st.lists(edit, max_size=4)
    encodings = st.integers(0, 19).flatmap(lambda n: st.sampled_from(_RECODED) if n == 19 else st.none())

    def done(data: bytes, edits: Sequence[Edit], encoding: str | None) -> bytes:
        for each in edits:
            data = each.applied(data)
        return (recoded(data, encoding) if encoding else data)[:MOST_BYTES]

    return st.builds(done, documents, edits, encodings)
