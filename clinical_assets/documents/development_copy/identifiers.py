"""What an identifier is, and the pattern that finds one kind of them.

Kinds follow the 18 identifiers of the HIPAA Safe Harbor method (45 CFR 164.514(b)(2)).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME, DATE, AGE, NUMBER, PHONE, LOCATION, ORGANISATION = (
    "name", "date", "age", "number", "phone", "place", "organisation",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier found: `text[start:end]` is a `kind`."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Detector:
    """A pattern; its group `it`, or all of it, is an identifier of that kind."""

    kind: str
    pattern: re.Pattern[str]


def detector(kind: str, pattern: str, flags: int = 0) -> Detector:
    """A detector of one pattern."""
    return Detector(kind, re.compile(pattern, flags))
