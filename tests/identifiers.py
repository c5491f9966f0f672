"""Identifiers of patients, looked for in texts that must hold none.

An eight-digit identifier looked for as a run of characters is found by chance: the fractions of a second in the events
of one run of the graph hold some fifty thousand runs of eight digits. So numbers are looked for as whole numbers, where
chance has a few hundred of them at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Digests and ids of runs are hexadecimal, and the digits behind a decimal point are a measurement's: neither is written
# by anyone as the number of a patient. What stands before the point stays, for a number read as a float.
CHANCE = re.compile(r"\b[0-9a-f]{32,}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|(?<=\d)\.\d+(?:[eE][-+]?\d+)?")


def found_in(text: str, identifiers: Iterable[int]) -> list[int]:
    """Those identifiers which stand in the text as whole numbers, whatever else touches them."""
    numbers = set(re.findall(r"\d+", CHANCE.sub(" ", text)))
    return [identifier for identifier in identifiers if str(identifier) in numbers]
