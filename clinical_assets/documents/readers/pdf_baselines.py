"""Puts back what PDFium's text loses about height: raised digits, and characters standing below one another.

PDFium returns "10" with a raised "9" as 109, a value with a raised footnote mark as one more digit of the value, and a
column of single digits, on pages with little text across, as one number. All three show in the baselines of the
characters. Every question about a character is a call into PDFium, so only pages with more text rectangles than lines
are looked at, on them only numbers and the ends of lines, and of the numbers only those made of several rectangles:
PDFium begins a rectangle with every text object, and the characters of one object stand on one baseline.

Source: PDFium's public header fpdf_text.h.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass, field
from typing import Any

_NUMBER = re.compile(r"[\d+−-][\d.,+−-]*[\d+−-]|(?<=\d )\d")
# Only short lines are made of single characters that stood below one another; digits among them are found in any line.
_SHORT_LINE = re.compile(r"(?:(?<=\n)|\A)[^\r\n]{2,30}(?=\r|\Z)")
# In parts of the character's size: less is the same line, more is the next.
_SAME_BASELINE = 0.05
_NEXT_LINE = 0.8
_UPRIGHT = 0.05  # radians
LINE_END_HYPHEN = "\ufffe"
"""PDFium's mark for a hyphen at a line end, where it also drops the line break."""


@dataclass
class _Characters:
    """Sizes and places of a text page's characters, by their index in its text."""

    textpage: Any
    same_index: bool
    _x: ctypes.c_double = field(default_factory=ctypes.c_double)
    _y: ctypes.c_double = field(default_factory=ctypes.c_double)

    def index(self, at: int) -> int:
        import pypdfium2.raw as pdfium

        return at if self.same_index else int(pdfium.FPDFText_GetCharIndexFromTextIndex(self.textpage, at))

    def baseline(self, at: int) -> float:
        import pypdfium2.raw as pdfium

        pdfium.FPDFText_GetCharOrigin(self.textpage, self.index(at), self._x, self._y)
        return self._y.value

    def on_one_line(self, first: int, last: int) -> bool:
        return self.baseline(first) == self.baseline(last)

    def broken(self, text: str) -> list[re.Match[str]]:
        """The numbers that do not stand on one line."""
        import pypdfium2.raw as pdfium

        rectangles, index = pdfium.FPDFText_CountRects, self.index
        found = []
        for number in _NUMBER.finditer(text):
            first, last = _first(number), number.end() - 1
            at = first if self.same_index else index(first)
            until = last if self.same_index else index(last)
            # None where every character is as good as invisible: then the baselines are asked.
            if rectangles(self.textpage, at, until + 1 - at) != 1 and not self.on_one_line(first, last):
                found.append(number)
        return found

    def size(self, at: int) -> float:
        import pypdfium2.raw as pdfium

        return float(pdfium.FPDFText_GetFontSize(self.textpage, self.index(at)))

    def upright(self, at: int) -> bool:
        import pypdfium2.raw as pdfium

        angle = float(pdfium.FPDFText_GetCharAngle(self.textpage, self.index(at)))
        return abs(angle) < _UPRIGHT or abs(angle - 6.2832) < _UPRIGHT


@dataclass(frozen=True, slots=True)
class _Edit:
    """Replace `text[start:end]`."""

    start: int
    end: int
    replacement: str


def restored(textpage: Any, text: str) -> tuple[str, int]:  # noqa: ANN401 - pypdfium2's text page
    """The page's text with raised digits as `^9`, lowered ones as `_2` and stacked characters on lines of their own.

    Args:
        textpage: PDFium's handle of the text page.
        text: what PDFium returned for it.

    Returns:
        The text, and how many raised or lowered digits were marked.
    """
    import pypdfium2.raw as pdfium

    lines = text.count("\r\n") + 1
    if not text or pdfium.FPDFText_CountRects(textpage, 0, -1) <= lines:
        return text, 0
    characters = _Characters(textpage, len(text) == pdfium.FPDFText_CountChars(textpage))
    edits: list[_Edit] = []
    for line in _SHORT_LINE.finditer(text):
        if not characters.on_one_line(line.start(), line.end() - 1):
            edits += _stacked(characters, text, line)
    apart = {edit.start for edit in edits}
    for number in characters.broken(text):
        if apart.isdisjoint(range(_first(number), number.end() + 1)):
            edits += _stacked(characters, text, number) or _raised(characters, text, number)
    edits.sort(key=lambda edit: edit.start)
    out: list[str] = []
    done = 0
    for edit in edits:
        out += [text[done : edit.start], edit.replacement]
        done = edit.end
    return "".join([*out, text[done:]]), sum(edit.replacement in ("^", "_") for edit in edits)


def _stacked(characters: _Characters, text: str, run: re.Match[str]) -> list[_Edit]:
    """Line ends to put between characters of one run of which each stands below the one before."""
    first, last = run.start(), run.end() - 1
    height, size = characters.baseline(first), characters.size(first)
    if abs(height - characters.baseline(last)) < _NEXT_LINE * size or not characters.upright(first):
        return []
    edits = []
    before = first
    for at in range(first + 1, last + 1):
        if text[at].isspace():
            continue
        baseline = characters.baseline(at)
        # A hyphen at a line end is followed by the next line anyway.
        if abs(height - baseline) >= _NEXT_LINE * size and text[before] != LINE_END_HYPHEN:
            edits.append(_Edit(before + 1, at, "\n"))
        before, height = at, baseline
    return edits


def _first(number: re.Match[str]) -> int:
    """Where a number begins; a lone digit after a digit and a space belongs to that number."""
    return number.start() if number.end() - number.start() > 1 else number.start() - 2


def _raised(characters: _Characters, text: str, number: re.Match[str]) -> list[_Edit]:
    """The mark to put before digits that stand higher or lower than the number they follow."""
    last = number.end() - 1
    first = _first(number)
    base, height = characters.baseline(first), characters.baseline(last)
    size = characters.size(first)
    if not _SAME_BASELINE * size < abs(base - height) < _NEXT_LINE * size or not characters.upright(first):
        return []
    begin = last
    while begin - 1 > first and abs(characters.baseline(begin - 1) - height) < _SAME_BASELINE * size:
        begin -= 1
    before = begin - 2 if text[begin - 1] == " " else begin - 1
    if not text[begin].isdigit() or not text[before].isdigit():
        return []
    edits = [_Edit(before + 1, begin, "^" if height > base else "_")]
    # PDFium ends the line after a raised digit although the line goes on.
    following = last + 3 + text.startswith("\r\n ", last + 1)
    if text.startswith("\r\n", last + 1) and following < len(text):
        goes_on = abs(characters.baseline(following) - base) < _SAME_BASELINE * size
        edits += [_Edit(last + 1, last + 3, "")] if goes_on else []
    return edits
