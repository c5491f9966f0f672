"""Makes a development copy usable where it lies: later stages ask the warehouse who is in a batch and what happened.

Records the copy's batches and their members, all pseudonyms, in the warehouse the settings name, and loads the copied
timeline into it. `documents/patient_batches` then registers the batches as partitions, and what follows the documents
runs on the copy as on the original.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from clinical_assets.documents.development_copy.column_rules import COPIED
from clinical_assets.documents.timeline import timeline_store
from clinical_assets.documents.timeline.events import EVENT_SCHEMA, PATIENT_SCHEMA
from resources import patient_batches
from resources.lake import Lake
from resources.warehouse import Warehouse

CONTENT = "development copy"
"""What the lake of a copy says it holds."""
TIMELINE = "documents/timeline"


class OpeningError(Exception):
    """The copy cannot be opened; the message says what was expected, what was found and what to do."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is now known in the warehouse: batches, their patients, and events of their timelines."""

    batches: int
    patients: int
    events: int


def open_copy(copy: Lake, warehouse: Warehouse) -> Opened:
    """Record a copy's batches in a warehouse and load its timeline; the same again changes nothing.

    Args:
        copy: the lake `copying.write_copy` wrote.
        warehouse: the developer's own.

    Raises:
        OpeningError: the lake is no copy, or the warehouse has batches of these names with other patients.
    """
    content = copy.identity().get("content")
    if content != CONTENT:
        raise OpeningError(
            f"expected the lake of a development copy at {copy.root}; found one of {content or 'nothing'}; point "
            "CLINICAL_LAKE at the copy"
        )
    held = {path: copy.partitions(path) for path in COPIED}
    members: dict[str, list[str]] = {}
    events = 0
    for batch in sorted({name for names in held.values() for name in names}):
        own = [copy.scan(path, [batch]).select("patient_id") for path, names in held.items() if batch in names]
        members[batch] = sorted(set(pl.concat(own).collect()["patient_id"].drop_nulls()))
        if not members[batch]:
            continue
        try:
            patient_batches.record(warehouse, batch, members[batch])
        except ValueError as error:
            raise OpeningError(
                f"{error}; open a copy with a warehouse of its own: name another CLINICAL_HOME or "
                "CLINICAL_WAREHOUSE_URL"
            ) from None
        if batch in held[TIMELINE]:
            events += _load(warehouse, members[batch], copy.scan(TIMELINE, [batch]).collect())
    return Opened(len(members), len({p for own in members.values() for p in own}), events)


def _load(warehouse: Warehouse, patients: list[str], timeline: pl.DataFrame) -> int:
    nobody = pl.DataFrame(schema=PATIENT_SCHEMA)
    unlinked = pl.DataFrame(schema=timeline_store.SOURCE_DOCUMENT_SCHEMA)
    return timeline_store.load(warehouse, patients, nobody, timeline.select(list(EVENT_SCHEMA)), unlinked).events
