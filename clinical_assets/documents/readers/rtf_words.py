"""The control words of RTF: what is written for them, which groups hold no text, which code page a character set means.

Source: Rich Text Format Specification 1.9.1.
"""

from __future__ import annotations

import codecs
import functools
from collections.abc import Mapping

WRITTEN: Mapping[str, str] = {
    **dict.fromkeys(("par", "line", "sect", "page", "column", "row", "nestrow", "softline", "softpage"), "\n"),
    **dict.fromkeys(("tab", "cell", "nestcell"), "\t"),
    **dict.fromkeys(("emspace", "enspace", "qmspace"), " "),
    "emdash": "—",
    "endash": "–",
    "bullet": "•",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "zwj": "\u200d",
    "zwnj": "\u200c",
}
SYMBOLS: Mapping[str, str] = {"\\": "\\", "{": "{", "}": "}", "~": " ", "_": "-", "\n": "\n", "\r": "\n", "\t": "\t"}
SKIPPED = frozenset(
    [
        "colortbl",
        "stylesheet",
        "info",
        "pict",
        "nonshppict",
        "objdata",
        "objclass",
        "objname",
        "fldinst",
        "filetbl",
        "template",
        "nextfile",
        "xe",
        "rxe",
        "tc",
        "tcl",
        "txe",
        "private",
        "bkmkstart",
        "bkmkend",
        "shprslt",
        "listtable",
        "revtbl",
        "rsidtbl",
        "footnotesep",
        "ftnsep",
        "ftnsepc",
        "aftnsep",
        "aftnsepc",
    ]
)
# Groups marked ignorable that show text all the same.
SHOWN_THOUGH_IGNORABLE = frozenset(("ud", "shpinst", "shptxt", "shppict", "nesttableprops"))
OWN_PARAGRAPH = frozenset(
    ["header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf", "shptxt"]
)
PROPERTIES = frozenset(
    [
        *("v", "deleted", "strike", "striked", "super", "up", "sub", "dn", "nosupersub", "plain", "uc", "f", "deff"),
        *("ansicpg", "ansi", "mac", "pc", "pca", "fcharset", "cpg", "fftype", "ffres", "ffdefres"),
    ]
)
MEANT = PROPERTIES | SKIPPED | OWN_PARAGRAPH | {"bin", "fonttbl", "footnote", "formfield", "shpinst", "upr"}
"""Every word that does something unmarked; the many others, how text looks, are passed over."""

# \fcharset to code page. Source: RTF specification, font table; 0 and 1 mean the document's own.
CODE_PAGE_OF_CHARSET: Mapping[int, str] = {
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "cp936",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
}
CODE_PAGE_OF_WORD: Mapping[str, str] = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}


def known_code_page(number: int | None) -> str | None:
    """Python's name of a Windows code page, None for one it does not know."""
    name = {65001: "utf-8", 10000: "mac_roman", 0: "cp1252", 1361: "johab"}.get(number or 0, f"cp{number}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


@functools.cache
def extends_ascii(code_page: str) -> bool:
    """Whether bytes below 128 are ASCII in a code page and need no decoding; not so in EBCDIC or UTF-7."""
    ascii_only = bytes(range(128))
    return ascii_only.decode(code_page, errors="replace") == ascii_only.decode("ascii")
