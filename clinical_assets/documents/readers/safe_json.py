"""JSON parsed to a depth that depends on the document alone.

Python's parser takes a frame of the stack for every level, so that how deep it gets depends on who calls it. Levels are
counted here before anything is parsed, and a document of too many is refused.

Source: RFC 8259 (grammar; 9 lets a parser limit the depth).
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

from clinical_assets.documents.readers.reading import Limits, Reason, UnreadableError

DEEPEST = 300
"""Levels of lists and objects. Fifty resources inside one another, which is as deep as `fhir` reads, have 150; and a
third of Python's stack is there wherever the call comes from, or `extraction` makes room."""

# A string up to its end, or to the end of the text; possessive, so that one without an end is gone through once.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _STEPS)


def parse(text: str, limits: Limits) -> Any:  # noqa: ANN401 - any JSON value
    """The value of a JSON text.

    Raises:
        UnreadableError: TOO_DEEP beyond `DEEPEST` or `limits.max_depth`, CORRUPT for what is no JSON (with the line).
    """
    most = min(DEEPEST, limits.max_depth)
    if deeper_than(text, most):
        raise UnreadableError(Reason.TOO_DEEP, f"JSON nested more than {most} deep")
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnreadableError(Reason.CORRUPT, f"not JSON, line {getattr(error, 'lineno', 0)}") from None


def deeper_than(text: str, most: int) -> bool:
    """Whether lists and objects are nested more than so many levels, in what is JSON or is not."""
    # Most documents have not so many brackets at all, and they are counted a hundred times as fast.
    if text.count("[") + text.count("{") <= most:
        return False
    brackets = _STRING.sub("", text).encode(errors="replace").translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > most
