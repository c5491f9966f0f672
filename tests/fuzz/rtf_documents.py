"""RTF as a hypothesis strategy: groups, control words, code pages, fonts, fields and binary parts."""

from __future__ import annotations

from hypothesis import strategies as st
from words import LINES, NUMBER, TEXT, TIMES, several

from clinical_assets.documents.readers.rtf_words import OWN_PARAGRAPH, SHOWN_THOUGH_IGNORABLE, SKIPPED, WRITTEN

_PROPERTIES = (
    "v", "v0", "deleted", "strike", "striked0", "super", "up", "sub", "dn", "nosupersub", "plain", "uc", "f", "deff",
    "ansicpg", "ansi", "mac", "pc", "pca", "fcharset", "cpg", "fftype", "ffres", "ffdefres", "b", "fs", "u", "pard",
    "bin", "rtf", "Zoraquin",
)  # fmt: skip
_DESTINATIONS = ("fonttbl", "formfield", "upr", "ud", "shpinst", "shptxt", "fldinst", "fldrslt", "field", "footnote",
                 "object", "result", *sorted(SKIPPED | OWN_PARAGRAPH | SHOWN_THOUGH_IGNORABLE))  # fmt: skip
_WORDS = (*_PROPERTIES, *sorted(WRITTEN), "trowd", "cellx", "intbl", "lastrow")
_CODE_PAGES = st.sampled_from((0, 37, 437, 932, 936, 1200, 1252, 1361, 10000, 65000, 65001, 99999))
_ESCAPED = ("\\'", "\\'e9", "\\'ff", "\\'00", "\\'zz", "\\~", "\\_", "\\-", "\\\\", "\\{", "\\}", "\\*", "\\\n",
            "\\|", "\\u-3 ?", "\\u55357 ?\\u56832 ?", "\\u57344?", "\\u61549?", "\\u0 ?", "\\u10", "\\u9999999999",
            "\\")  # fmt: skip


def _safe(text: str) -> str:
    return text.replace("\\", "\\\\").replace("{", "\\{").replace("}", "\\}")


_WORD = st.builds(
    lambda word, number, end: f"\\{word}{'' if number is None else number}{end}",
    st.sampled_from(_WORDS), st.none() | NUMBER | _CODE_PAGES, st.sampled_from((" ", " ", "", ";", "\n")),
)  # fmt: skip
_FONT = st.builds(
    "{{\\f{}\\fcharset{} {}{};}}".format, NUMBER, st.sampled_from((0, 2, 77, 128, 161, 204, 255)),
    st.sampled_from(("", "{\\*\\panose 05050102010706020507}", "{\\*\\falt Symbol}")),
    st.sampled_from(("Symbol", "Wingdings", "Arial", "KUPRANTOS", "Wing")),
)  # fmt: skip
_BEGUN = st.builds(
    lambda ignorable, word: f"{{{ignorable}\\{word} ",
    st.sampled_from(("", "", "\\*", "\\*\\*")), st.sampled_from(_DESTINATIONS),
)  # fmt: skip
# Most end where they should: what follows a word that skips its group is not shown.
_DESTINATION = st.builds(
    lambda begun, word, text, end: begun + word + text + end,
    _BEGUN, _WORD | st.just(""), TEXT.map(_safe), st.sampled_from(("}", "}", "}", "")),
)  # fmt: skip
_PIECE = st.one_of(
    TEXT.map(_safe),
    _WORD,
    st.sampled_from(_ESCAPED),
    st.just("{"),
    st.just("}"),
    _DESTINATION,
    _DESTINATION,
    TEXT.map(_safe),
    st.lists(_FONT, max_size=3).map(lambda fonts: "{\\fonttbl" + "".join(fonts) + "}"),
    st.builds(str.__mul__, st.sampled_from(("{", "}", "\\par ", "\\'e9", "\\u9 ", "{\\v ")), TIMES),
    st.builds(lambda number, inside: f"\\bin{number} {inside}", NUMBER, LINES),
)
_HEADS = ("{\\rtf1\\ansi ", "{\\rtf1\\ansi\\ansicpg1252\\deff0 ", "{\\rtf1\\mac ", "{\\rtf",
          "{\\rtf1\\ansi\\ansicpg932 ", " \n{\\rtf1 ", "\ufeff{\\rtf1\\ansi ")  # fmt: skip


def _written(head: str, pieces: list[str], closed: bool, encoding: str) -> bytes:
    inside = "".join(pieces)
    # Open groups close at the end, unless the document is a cut one.
    braces = (head + inside).replace("\\{", "").replace("\\}", "")
    missing = max(0, braces.count("{") - braces.count("}"))
    return (head + inside + "}" * (missing if closed else 0)).encode(encoding, errors="replace")


RTF: st.SearchStrategy[bytes] = st.builds(
    _written,
    st.sampled_from(_HEADS),
    several(_PIECE, 36),
    st.sampled_from((True, True, True, False)),
    st.sampled_from(("cp1252", "utf-8", "latin-1")),
)
