"""Texts whose letters are composed with their accents (NFC), and where each character stood before.

A file made on some systems writes é as e and a mark: patterns of letters, and names that are known, read it composed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# A letter with its marks, and the parts of Korean syllables, which compose with one another.
_MARK = r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_COMPOSING = re.compile(rf"[\u1100-\u11ff]+|.{_MARK}+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ComposedText:
    """A text composed.

    Attributes:
        text: composed; the original where that was.
        places: by position in it, and one more for its end: the position in the original. None where they are the same.
    """

    text: str
    places: tuple[int, ...] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """A part of the composed text as a part of the original."""
        return (start, end) if self.places is None else (self.places[start], self.places[end])


def composed(text: str) -> ComposedText:
    """Compose a text's letters."""
    if unicodedata.is_normalized("NFC", text):
        return ComposedText(text)
    parts: list[str] = []
    places: list[int] = []
    done = 0
    for match in _COMPOSING.finditer(text):
        places += range(done, match.start())
        letters = unicodedata.normalize("NFC", match[0])
        places += [match.start()] * len(letters)
        parts += [text[done : match.start()], letters]
        done = match.end()
    places += range(done, len(text) + 1)
    return ComposedText("".join([*parts, text[done:]]), tuple(places))
