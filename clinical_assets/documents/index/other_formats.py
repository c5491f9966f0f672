"""The other formats of a document: where they lie, for when the bytes of the best cannot be read.

The index names one address for a document, that of the best format whose bytes can be had, and reads its bytes alone.
The formats behind it are kept as JSON in `other_formats` of its row, the best first: address, version, declared type,
id of a Binary. One without a version is not there now, or refused: what a document's first format must not be read
from, no other is read from either. Nothing of them is read before it is wanted.

Source: FHIR R4 DocumentReference.content, "the same document in different formats".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

MOST = 20
"""Formats of a document that are kept besides the first: nobody writes a document in so many."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format of a document.

    Attributes:
        uri: where its bytes lie, or would.
        declared_type: content type as declared.
        binary_id: id of the FHIR Binary that holds them, if one does.
        version: of the bytes there; None where there are none, or they are not looked for.
        refused: why its bytes are not looked for; None where they are.
    """

    uri: str
    declared_type: str | None = None
    binary_id: str | None = None
    version: str | None = None
    refused: str | None = None


_FIELDS = tuple(each.name for each in fields(Format))


def as_written(formats: Iterable[Format]) -> str | None:
    """Formats as the column of the index has them; None for none."""
    several = [{name: value for name, value in asdict(each).items() if value is not None} for each in formats]
    return json.dumps(several, separators=(",", ":"), sort_keys=True, ensure_ascii=False) if several else None


def as_read(written: str | None) -> tuple[Format, ...]:
    """The formats that a column's value holds; what earlier versions wrote beside is left aside."""
    several = json.loads(written) if written else ()
    return tuple(Format(**{name: each.get(name) for name in _FIELDS}) for each in several)
