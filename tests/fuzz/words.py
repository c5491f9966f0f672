"""Words and passages the made-up documents are made of: clinical, awkward, and secret."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st
from invariants import SECRETS

PASSAGES = (
    *SECRETS, "IMPRESSION:", "Impression: none", "PLAN", "Plan", "\nFindings\n", "\n\nFAMILY HISTORY:\n", "Hgb 9.1",
    "5-", "10", "9", "m", "-", "+", "No evidence of pneumonia.", "1. ", "Medications: ", "A:B:C", "café", "2.1 °C",
    "µg", "m²", "’", "ﬁ", "\xad", "\u200b", "\u2028", "\xa0", "\x0c", "\r\n", "\r", "\t", "\n", "\n\n\n", " ", "   ",
    "\x00", "\x1b", "\ufeff", "\ufffd", "Ã©", "漢字", "\U0001f600", "\u0301", "\u202e", "<b>", "]]>", "&amp;", "&", "<",
    ">", "\\", "{", "}", "(", ")", '"', "'", "%", "\x85", "=", "&nbsp;", "|", "٣", "²", "½",
)  # fmt: skip
T = TypeVar("T")


def several(value: st.SearchStrategy[T], most: int) -> st.SearchStrategy[list[T]]:
    """Many of them or a few: lists that may be empty are nearly always short."""
    # What shrinks to nothing in a list of fixed length is left out, so that a long list is no longer than it must be.
    many = st.lists(st.none() | value, min_size=most // 3, max_size=most)
    return st.lists(value, max_size=2) | many.map(lambda found: [each for each in found if each is not None])


PASSAGE = st.sampled_from(PASSAGES)
TEXT = st.lists(PASSAGE | st.text(st.characters(codec="utf-8"), max_size=5), min_size=1, max_size=5).map("".join)
LINES = several(TEXT, 15).map("\n".join)
TIMES = st.sampled_from((1, 1, 1, 2, 3, 10, 300, 3_000))
"""How often something is repeated."""
NUMBER = st.sampled_from((0, 1, 2, 3, 8, 25, 255, 1_000, 65_535, 2**31, 10**12, -1, -3, -(2**31)))

ENCODINGS = (
    "utf-8", "utf-8", "utf-8", "cp1252", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7",
    "shift_jis", "cp037", "iso2022_jp", "iso8859-15", "gb18030", "big5",
)  # fmt: skip
ENCODING = st.sampled_from(ENCODINGS)
TYPES = (
    "text/plain", "text/html", "text/rtf", "application/pdf", "application/xml", "application/hl7-cda+xml",
    "application/fhir+json", "application/dicom", "image/png", "application/octet-stream", "", " ", "nonsense",
    *SECRETS, "application/pdf; name=Zoraquin.pdf", "text/plain;;=",
)  # fmt: skip
_CHARSETS = ("", "", "; charset=utf-8", "; charset=windows-1252", '; charset="utf-16"', "; charset=rot13",
             "; charset=idna", "; charset=punycode", "; charset=KUPRANTOS", "; charset=utf-7",
             "; charset*=x")  # fmt: skip
DECLARED = st.none() | st.builds(str.__add__, st.sampled_from(TYPES), st.sampled_from(_CHARSETS))
"""Content types as senders declare them, right or wrong."""


def encoded(text: str, encoding: str) -> bytes:
    """Its bytes; what the encoding lacks is replaced."""
    return text.encode(encoding, errors="replace")
