"""Fonts whose letters are not letters: Symbol and Wingdings.

A drug chart that writes "m" in the Symbol font followed by "g" shows "µg"; read as Latin text it is "mg", a
thousandfold dose. RTF and HTML name the font, so the character that was shown can be recovered.

Source: Adobe Symbol encoding (PDF 32000-1, Annex D.5); Wingdings: the check boxes and bullets seen in clinical forms.
"""

from __future__ import annotations

from collections.abc import Mapping

_SYMBOL_RUNS: Mapping[int, str] = {
    0x22: "∀",
    0x24: "∃",
    0x27: "∋",
    0x2A: "∗",
    0x2D: "−",
    0x40: "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ",
    0x5C: "∴",
    0x5E: "⊥",
    0x61: "αβχδεφγηιϕκλμνοπθρστυϖωξψζ",
    0x7E: "∼",
    0xA1: "ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…",
    0xBF: "↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊",
    0xE5: "∑",
    0xF2: "∫",
}
SYMBOL: Mapping[str, str] = {
    chr(start + offset): character for start, run in _SYMBOL_RUNS.items() for offset, character in enumerate(run)
}
WINGDINGS: Mapping[str, str] = {
    "\x6c": "●",
    "\x6e": "■",
    "\x6f": "□",
    "\x71": "❑",
    "\x9f": "•",
    "\xa7": "▪",
    "\xa8": "☐",
    "\xd8": "➢",
    "\xe0": "→",
    "\xfb": "✗",
    "\xfc": "✓",
    "\xfd": "☒",
    "\xfe": "☑",
}
UNKNOWN_GLYPH = "\ufffd"


def table_of(font_name: str) -> Mapping[str, str] | None:
    """The glyph table of a font by its name, None for a font whose letters are letters."""
    name = font_name.strip().strip("'\"").lower()
    if name == "symbol" or name.startswith("symbol "):
        return SYMBOL
    return WINGDINGS if name.startswith("wingdings") else None


def shown(text: str, table: Mapping[str, str]) -> str:
    """The characters a symbol font shows for `text`.

    The private-use copies (U+F020-F0FF) count as the bytes they stand for. In Symbol, digits and punctuation not
    listed are themselves; an unlisted Wingdings glyph is U+FFFD.
    """
    return "".join(_glyph(character, table) for character in text)


def _glyph(character: str, table: Mapping[str, str]) -> str:
    plain = chr(ord(character) - 0xF000) if "\uf020" <= character <= "\uf0ff" else character
    if plain in table:
        return table[plain]
    if plain.isspace() or ord(plain) > 0xFF:
        return plain
    return plain if table is SYMBOL and plain.isascii() else UNKNOWN_GLYPH
