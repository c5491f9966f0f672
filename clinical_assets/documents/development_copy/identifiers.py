"""What an identifier is, and the pattern that finds one kind of them.

Kinds follow the 18 identifiers of the HIPAA Safe Harbor method (45 CFR 164.514(b)(2)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

NAME, DATE, AGE, NUMBER, PHONE, LOCATION, ORGANISATION = (
    "name", "date", "age", "number", "phone", "place", "organisation",
)  # fmt: skip
_LOOKS_BACK = 50


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier found: `text[start:end]` is a `kind`.

    Attributes:
        start: of it.
        end: behind it.
        kind: one of the kinds above, or a further one of a detector.
        weak: a date that may as well be a result of that form. It is replaced by a token: a date that moves is another
            date, a result that moves is a wrong result nobody can tell from a right one.
    """

    start: int
    end: int
    kind: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Detector:
    """A pattern; its group `it`, or all of it, is an identifier of that kind.

    Attributes:
        kind: of what it finds.
        pattern: what it looks for.
        weak: whether what it finds is weak, see `Identifier`.
        unless_after: what makes it something else when it stands right before; anchored to its end.
    """

    kind: str
    pattern: re.Pattern[str]
    weak: bool = False
    unless_after: re.Pattern[str] | None = None

    def find(self, text: str) -> Iterator[Identifier]:
        """What it finds in a text, in order."""
        group = "it" if "it" in self.pattern.groupindex else 0
        for match in self.pattern.finditer(text):
            start, end = match.span(group)
            before = text[max(0, start - _LOOKS_BACK) : start]
            if self.unless_after is None or not self.unless_after.search(before):
                yield Identifier(start, end, self.kind, self.weak)


def detector(
    kind: str, pattern: str, flags: int = 0, *, weak: bool = False, unless_after: re.Pattern[str] | None = None
) -> Detector:
    """A detector of one pattern."""
    return Detector(kind, re.compile(pattern, flags), weak, unless_after)
