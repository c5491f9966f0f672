"""How the fuzzer makes a document bad: damage to bytes, splices, grammar words in wrong places, nesting without end.

Every mutation is a function of (random numbers, document, the whole corpus) to bytes. The same random numbers give the
same bytes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from random import Random

MOST_BYTES = 3_000_000
LARGE = (b"2147483647", b"4294967296", b"-1", b"0", b"99999999999999999999", b"1e308", b"\xff\xff\xff\xff", b"65536")
WORDS = (
    b"<section>", b"</section>", b"<text>", b"</text>", b"<table>", b"<tr>", b"<td rowspan=9999 colspan=9999>",
    b"</td>",
    b"<paragraph>", b"<list>", b"<item>", b"<br/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x", b"?>", b"&amp;",
    b"&#0;", b"&#xD800;", b"&#x10FFFF;", b"&bogus;", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<nonXMLBody>", b"<script>",
    b"</script>", b"<style>", b"p{display:none}", b"<div hidden>", b"<pre>", b"<sup>", b"<h1>", b"<h6>", b"<svg>",
    b"<template>", b"<noscript>", b"<select><option>", b"<textarea>", b"<title>", b"<plaintext>", b"<a href=data:,>",
    b"{\\rtf1", b"{", b"}", b"\\par ", b"\\u-3 ?", b"\\u55357 ?", b"\\'", b"\\'ff", b"\\bin9999999 ", b"\\bin-1 ",
    b"\\cell", b"\\row", b"\\trowd", b"\\cellx-1", b"\\v ", b"\\v0", b"\\deleted", b"{\\*\\x", b"\\fonttbl",
    b"\\f999999", b"\\uc9999", b"\\field", b"\\object", b"\\pict", b"\\ansicpg932", b"\\ansicpg99999", b"\\upr",
    b"obj", b"endobj", b"stream\n", b"\nendstream", b"xref", b"trailer", b"startxref", b"%%EOF", b"<<", b">>", b"[",
    b"]", b"/Kids [2 0 R]", b"/Parent 3 0 R", b"/Type /Pages", b"/Count 999999", b"/Length 99999999", b"BT", b"ET",
    b"(", b")", b"Tj", b"TJ", b"/Encrypt 1 0 R", b"/Filter [/FlateDecode /FlateDecode /ASCIIHexDecode]",
    b"/MediaBox [0 0 1e9 1e9]", b"/MediaBox [0 0 0 0]", b"/Rotate 45", b"/AcroForm << /XFA 4 0 R >>",
    b'"resourceType"', b'"Bundle"', b'"entry":', b'"data":', b'"url":"#x"', b'"contained":', b"null", b"[]", b"{}",
    b'"',
    b"\\ud800", b"\\u0000", b",", b":", b'"contentType":"application/pdf"', b"DICM", b"SQ\x00\x00\xff\xff\xff\xff",
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\x0d\xe0\x00\x00\x00\x00", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\xfe\xff",
    b"\x00", b"\x00\x00\x00", b"\x1b$B", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x0c", b"\r", b"\x85",
    b"\xe2\x80\xa8", b"\xef\xac\x81", b"PK\x03\x04", b"\x1f\x8b", b"%PDF-", b"<?xml version='1.0' encoding='utf-7'?>",
    b"<?xml version='1.0' encoding='utf-16'?>", b"<meta charset=utf-16>", b"<meta charset=iso-2022-jp>",
)  # fmt: skip
_NESTED = (
    (b"<div>", b"x", b"</div>"),
    (b"<div><table><tr><td>", b"x", b"</td></tr></table></div>"),
    (b"<b><i>", b"x", b"</i></b>"),
    (b"<ul><li>", b"x", b"</li></ul>"),
    (b"<section><text>", b"x", b"</text></section>"),
    (b"<component><section>", b"x", b"</section></component>"),
    (b"<span style='display:none'>", b"x", b"</span>"),
    (b"<span style='color:red", b"", b"'>"),
    (b"{", b"x", b"}"),
    (b"{\\*\\a ", b"x", b"}"),
    (b"{\\field{\\fldrslt ", b"x", b"}}"),
    (b"{\\upr{", b"x", b"}{}}"),
    (b"[", b"1", b"]"),
    (b'{"contained":[', b"{}", b"]}"),
    (b'{"resourceType":"Bundle","entry":[{"resource":', b"{}", b"}]}"),
    (b'{"resourceType":"Composition","section":[', b"{}", b"]}"),
    (b"<!--", b"-", b"-->"),
    (b"<", b"", b""),
    (b"&", b"", b""),
    (b"(", b"", b")"),
    (b"\\", b"", b""),
    (b"-", b"", b""),
    (b"A ", b"", b""),
    (b"Plan: ", b"", b""),
    (b"\n", b"", b""),
    (b"\t", b"", b""),
    (b"1.", b"", b""),
    (b"\xe9", b"", b""),
    (b"=", b"", b""),
)
_NUMBER = re.compile(rb"\d+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{80,}={0,2}")

Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]


def _cut(rng: Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def bits(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64))):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def noise(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    at = _cut(rng, data)
    return data[:at] + rng.randbytes(rng.choice((1, 4, 30, 400))) + data[at + rng.choice((0, 1, 30)) :]


def truncated(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    return data[: _cut(rng, data)]


def beheaded(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    return data[_cut(rng, data) :]


def without_a_piece(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    at = _cut(rng, data)
    return data[:at] + data[at + rng.choice((1, 10, 200, 5_000)) :]


def doubled_piece(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    at, length = _cut(rng, data), rng.choice((1, 10, 200, 5_000))
    return data[:at] + data[at : at + length] * rng.choice((2, 3, 50)) + data[at:]


def spliced(rng: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    other = rng.choice(corpus)
    return data[: _cut(rng, data)] + other[_cut(rng, other) :]


def grafted(rng: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    other, at = rng.choice(corpus), _cut(rng, data)
    begin = _cut(rng, other)
    return data[:at] + other[begin : begin + rng.choice((20, 500, 20_000))] + data[at:]


def with_words(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    for _ in range(rng.choice((1, 3, 12))):
        at = _cut(rng, data)
        data = data[:at] + rng.choice(WORDS) + data[at + rng.choice((0, 0, 5)) :]
    return data


def other_numbers(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    places = list(_NUMBER.finditer(data[:200_000]))
    for place in sorted(rng.sample(places, min(len(places), rng.choice((1, 3)))), key=lambda m: -m.start()):
        data = data[: place.start()] + rng.choice(LARGE) + data[place.end() :]
    return data


def nested(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    opening, inside, closing = rng.choice(_NESTED)
    times = rng.choice((10, 300, 3_000, 60_000))
    bomb = opening * times + inside + (closing * times if rng.random() < 0.6 else b"")
    at = rng.choice((0, len(data), _cut(rng, data), max(data.find(b"<body"), 0), max(data.find(b"<text>"), 0)))
    return data[:at] + bomb + data[at:]


def soup(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    words = b"".join(rng.choice(WORDS) + rng.choice((b"", b" x ", b"\n")) for _ in range(rng.randrange(1, 300)))
    return data[: rng.choice((0, 20, 60, 200, 1_000))] + words


def damaged_inside(rng: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Damage to a document inside base64, which damage to the outside seldom reaches."""
    places = list(_BASE64.finditer(data))
    if not places:
        return json.dumps(
            {
                "resourceType": "DocumentReference",
                "status": "current",
                "content": [{"attachment": {"contentType": "text/plain", "data": base64.b64encode(data).decode()}}],
            }
        ).encode()
    place = rng.choice(places)
    whole = place[0][: len(place[0]) // 4 * 4]
    try:
        inner = base64.b64decode(whole)
    except ValueError:
        return data
    changed = base64.b64encode(rng.choice(PLAIN_MUTATIONS)(rng, inner, corpus))
    return data[: place.start()] + changed + data[place.end() :]


def other_encoding(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    text = data.decode("utf-8", errors="replace")
    encoding = rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp1252", "shift_jis", "utf-8-sig"))
    return text.encode(encoding, errors="replace")


def long_line(rng: Random, data: bytes, _corpus: Sequence[bytes]) -> bytes:
    return data.replace(rng.choice((b"\n", b" ", b">", b"\\", b".")), rng.choice((b"", b"A", b" " * 50, b"\x0c")))


PLAIN_MUTATIONS: tuple[Mutation, ...] = (
    bits, noise, truncated, beheaded, without_a_piece, doubled_piece, spliced, grafted, with_words, other_numbers,
    nested, soup, other_encoding, long_line,
)  # fmt: skip
MUTATIONS: tuple[Mutation, ...] = (*PLAIN_MUTATIONS, damaged_inside, damaged_inside)


def mutated(rng: Random, corpus: Sequence[bytes]) -> bytes:
    """One bad document: a document of the corpus after one to four mutations."""
    data = rng.choice(corpus)
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        data = rng.choice(MUTATIONS)(rng, data, corpus)[:MOST_BYTES]
    return data
