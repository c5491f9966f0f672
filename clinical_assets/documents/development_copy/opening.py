"""Makes a development copy usable where it lies: later stages ask the warehouse who is in a batch and what happened.

Records the copy's batches and their members, all pseudonyms, in the warehouse the settings name, and loads the copied
timeline into it, with the documents that describe its events; where the copy does not have those, they are inferred
from its documents by `timeline_links`, as the original's were, without what only a source said.
`documents/patient_batches` then registers the batches as partitions, and what follows the documents runs on the copy as
on the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from clinical_assets.documents.development_copy.column_rules import COPIED, INDEX, LINKS, TEXT, TIMELINE
from clinical_assets.documents.timeline import timeline_links, timeline_store
from clinical_assets.documents.timeline.events import EVENT_SCHEMA, LINK_SCHEMA, PATIENT_SCHEMA
from resources import patient_batches
from resources.lake import Lake
from resources.warehouse import Warehouse

CONTENT = "development copy"
"""What the lake of a copy says it holds."""

_TEXTS = sa.ARRAY(sa.Text)


class OpeningError(Exception):
    """The copy cannot be opened; the message says what was expected, what was found and what to do."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is now known in the warehouse: batches, their patients, their events, and the documents' links to them."""

    batches: int
    patients: int
    events: int
    links: int


def open_copy(copy: Lake, warehouse: Warehouse) -> Opened:
    """Record a copy's batches in a warehouse and load its timeline, all or nothing; the same again changes nothing.

    Args:
        copy: the lake `copying.write_copy` wrote.
        warehouse: the developer's own.

    Raises:
        OpeningError: the lake is no copy, or the warehouse has batches of these names with other patients, or any with
            patients of another.
        TimelineError: events break a rule of the tables.
    """
    content = copy.identity().get("content")
    if content != CONTENT:
        raise OpeningError(
            f"expected the lake of a development copy at {copy.root}; found one of {content or 'nothing'}; point "
            "CLINICAL_LAKE at the copy"
        )
    held = {path: copy.partitions(path) for path in COPIED}
    members: dict[str, list[str]] = {}
    for batch in sorted({name for names in held.values() for name in names}):
        own = [copy.scan(path, [batch]).select("patient_id") for path, names in held.items() if batch in names]
        members[batch] = sorted(set(pl.concat(own).collect()["patient_id"].drop_nulls()))
    peopled = {batch: own for batch, own in members.items() if own}
    timelines = [batch for batch in peopled if batch in held[TIMELINE]]
    try:
        _refuse_others(warehouse, peopled)
        with patient_batches.recording(warehouse, peopled) as new:
            events, links = _load_all(warehouse, copy, {batch: peopled[batch] for batch in timelines}, new)
    except ValueError as error:
        raise OpeningError(
            f"{error}; open a copy with a warehouse of its own: name another CLINICAL_HOME or CLINICAL_WAREHOUSE_URL"
        ) from None
    return Opened(len(members), len({p for own in members.values() for p in own}), events, links)


def _refuse_others(warehouse: Warehouse, members: Mapping[str, list[str]]) -> None:
    """A warehouse with people who are not in the copy is another's: a hospital's own, or another copy's.

    A cohort in which nobody is says nothing: `documents/patient_batches` remembers all that are declared. Batches of
    the copy's names are left to `patient_batches.recording`.
    """
    ours = {patient for own in members.values() for patient in own}
    there = [name for name in patient_batches.batches(warehouse)[patient_batches.AXIS] if name not in members]
    found = patient_batches.members(warehouse, there).filter(~pl.col("patient_id").is_in(ours))
    others = found[patient_batches.AXIS].unique().sort().to_list()
    if others:
        raise ValueError(
            f"expected a warehouse that holds no patients but this copy's; found {len(others)} batches of others, "
            f"{others[0]} the first"
        )


def _load_all(
    warehouse: Warehouse, copy: Lake, members: Mapping[str, list[str]], new: Iterable[str]
) -> tuple[int, int]:
    """Load timelines batch by batch; where one cannot be loaded, those of new batches are removed again."""
    loaded: list[str] = []
    events = links = 0
    try:
        for batch, patients in members.items():
            held = _load(warehouse, patients, copy, batch)
            events, links = events + held.events, links + held.source_documents
            loaded += patients if batch in new else []
    except BaseException:
        with warehouse.transaction() as connection:
            for table in (timeline_store.EVENTS, timeline_store.PATIENTS):
                connection.execute(sa.delete(table).where(table.c.patient_id == sa.any_(sa.literal(loaded, _TEXTS))))
        raise
    return events, links


def _load(warehouse: Warehouse, patients: list[str], copy: Lake, batch: str) -> timeline_store.Loaded:
    nobody = pl.DataFrame(schema=PATIENT_SCHEMA)
    events = copy.scan(TIMELINE, [batch]).select(list(EVENT_SCHEMA)).collect()
    return timeline_store.load(warehouse, patients, nobody, events, _links(copy, batch, events))


def _links(copy: Lake, batch: str, events: pl.DataFrame) -> pl.DataFrame:
    """The documents that describe events: those copied, else those the rules find."""
    if batch in copy.partitions(LINKS):
        return copy.scan(LINKS, [batch]).select(list(timeline_store.SOURCE_DOCUMENT_SCHEMA)).collect()
    if batch not in copy.partitions(INDEX) or batch not in copy.partitions(TEXT):
        return pl.DataFrame(schema=timeline_store.SOURCE_DOCUMENT_SCHEMA)
    stated = copy.scan(TEXT, [batch]).select("document_id", "stated_date").collect()
    documents = timeline_links.written(copy.scan(INDEX, [batch]).collect(), stated)
    return timeline_links.source_documents(documents, events, pl.DataFrame(schema=LINK_SCHEMA))
