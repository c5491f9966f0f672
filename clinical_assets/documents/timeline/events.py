"""One timeline per patient: surgery, imaging, pathology, medication, radiation and encounters.

Events are flat records with a start and maybe an end, each a day and maybe a time (`moments`). Documents are linked to
the events they describe. FHIR resources, MIMIC tables and CSV files reach this schema in `fhir_events`,
`timeline_mimic` and `timeline_csv`; everything after them reads `EVENT_SCHEMA` only.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from clinical_assets.documents.moments import Moment

EVENT_SCHEMA: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "patient_id": pl.String(),
    "event_type": pl.String(),
    "event_subtype": pl.String(),
    "description": pl.String(),
    "code": pl.String(),
    "code_system": pl.String(),
    "status": pl.String(),
    "start_date": pl.Date(),
    "start_time": pl.Datetime("us"),
    "end_date": pl.Date(),
    "end_time": pl.Datetime("us"),
    "known_date": pl.Date(),
    "known_time": pl.Datetime("us"),
    "encounter_id": pl.String(),
    "rule": pl.String(),
}
"""Events: one row per event. `event_id` is `<resource type or table>/<id>`. `known_*` is when it was recorded or issued
(an arrival and an examination are as they begin), never before the start, and null where the source does not say. Times
are the hospital's local time."""

LINK_SCHEMA: dict[str, pl.DataType] = {"document_id": pl.String(), "event_id": pl.String(), "patient_id": pl.String()}
"""Links: one row per document and event it describes; `document_id` is the id the document has at its source."""

PATIENT_SCHEMA: dict[str, pl.DataType] = {
    "patient_id": pl.String(),
    "birth_year": pl.Int64(),
    "birth_date": pl.Date(),
    "death_date": pl.Date(),
}
"""Patients: one row per patient; `birth_date` is null where only the year is known. Death is an outcome: it may judge
the data and never feed a feature."""


class EventFileError(ValueError):
    """A file of events cannot be read; the message says what was expected, found, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events, document links and patients of what was read, and what was left out.

    Attributes:
        events: see `EVENT_SCHEMA`, by patient and start.
        links: see `LINK_SCHEMA`.
        patients: see `PATIENT_SCHEMA`.
        left_out: records that gave no event, by reason.
        doubtful: events that lost a part that could not be true, by reason.
    """

    events: pl.DataFrame
    links: pl.DataFrame
    patients: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PATIENT_SCHEMA))
    left_out: dict[str, int] = field(default_factory=dict)
    doubtful: dict[str, int] = field(default_factory=dict)


def merged(timelines: Iterable[Timeline]) -> Timeline:
    """Several sources as one timeline, whatever their order.

    Of a patient's birth and death the earliest said is taken; an event that two sources give under one id is kept once.
    """
    parts = list(timelines)
    events = pl.concat([pl.DataFrame(schema=EVENT_SCHEMA), *(part.events for part in parts)])
    links = pl.concat([pl.DataFrame(schema=LINK_SCHEMA), *(part.links for part in parts)])
    patients = pl.concat([pl.DataFrame(schema=PATIENT_SCHEMA), *(part.patients for part in parts)])
    return Timeline(
        # By every column: of two rows with one id the same one stays whatever order they came in.
        events.sort(pl.all()).unique(["patient_id", "event_id"], keep="first").sort(_ORDER),
        links.unique().sort(pl.all()),
        patients.group_by("patient_id").agg(pl.all().min()).sort("patient_id"),
        dict(sorted(sum((Counter(part.left_out) for part in parts), Counter()).items())),
        dict(sorted(sum((Counter(part.doubtful) for part in parts), Counter()).items())),
    )


_ORDER = ("patient_id", "start_date", "start_time", "event_id")


def ends_before(start: Moment, end: Moment | None) -> bool:
    """Whether an end is before its start, as far as their precision tells."""
    if end is None:
        return False
    if start.time is None or end.time is None:
        return end.date < start.date
    return end.time < start.time


def known_from(start: Moment, recorded: Moment | None) -> Moment | None:
    """When it was known that an event had begun, which is never before it did: an order may be older than its start.

    Of a day without a time nobody knows but that it was known when the day was over: of two moments of one day that is
    later than any time. None where nobody says when it was recorded.
    """
    if recorded is None or recorded.date != start.date:
        return recorded and max(start, recorded, key=lambda moment: moment.date)
    if recorded.time is None or start.time is None:
        return Moment(start.date)
    return max(start, recorded, key=lambda moment: moment.time or dt.datetime.min)


def medication_courses(events: pl.DataFrame, longest_gap_days: int = 28) -> pl.DataFrame:
    """Merge doses of one drug into courses, so that a change of treatment is one event and not every dose.

    Medication events of one patient with the same code (or description, where there is no code) that lie at most
    `longest_gap_days` apart, four weeks being the usual cycle, become one: the first one's row with the last one's
    end. Other events pass unchanged. A course still running at the end of the data ends with its last dose known.
    """
    doses = events.filter(pl.col("event_type") == "medication")
    if doses.is_empty():
        return events
    drug = pl.coalesce("code", pl.col("description").str.to_lowercase(), "event_id")
    last_date = pl.max_horizontal("start_date", "end_date")
    ordered = doses.with_columns(drug.alias("_drug"), last_date.alias("_last")).sort(
        "patient_id", "_drug", "start_date", "start_time", "event_id"
    )
    group = ["patient_id", "_drug"]
    seen = pl.col("_last").cum_max().shift(1).over(group)
    begins = ((pl.col("start_date") - seen).dt.total_days() > longest_gap_days).fill_null(True)
    ordered = ordered.with_columns(begins.cum_sum().over(group).alias("_course"))
    latest = pl.struct("_last", pl.coalesce("end_time", "start_time"))
    courses = ordered.group_by([*group, "_course"], maintain_order=True).agg(
        *(pl.col(name).first() for name in events.columns if name not in ("patient_id", "end_date", "end_time")),
        pl.when(pl.len() > 1).then(pl.col("_last").max()).otherwise(pl.col("end_date").first()).alias("end_date"),
        pl.when(pl.len() > 1).then(pl.coalesce("end_time", "start_time").sort_by(latest).last())
        .otherwise(pl.col("end_time").first()).alias("end_time"),
    )  # fmt: skip
    # A time belongs to the end only if it is of that day.
    same_day = pl.col("end_time").dt.date() == pl.col("end_date")
    courses = courses.with_columns(pl.when(same_day).then("end_time").alias("end_time")).select(events.columns)
    others = events.filter(pl.col("event_type").ne_missing("medication"))
    return pl.concat([others, courses]).sort("patient_id", "start_date", "start_time", "event_id")


def near(moments: pl.DataFrame, events: pl.DataFrame, days: int = 30) -> pl.DataFrame:
    """Every event within `days` calendar days of a patient's moments (an event with an end counts as long as it lasts).

    Args:
        moments: with `patient_id` and `note_date`, e.g. prioritised notes.
        events: see `EVENT_SCHEMA`.
        days: on either side.

    Returns:
        One row per moment and event: the columns of both, and `days_from_event` (negative before its start, 0 while
        it lasts).
    """
    end = pl.coalesce("end_date", "start_date")
    before = (pl.col("note_date") - pl.col("start_date")).dt.total_days()
    after = (pl.col("note_date") - end).dt.total_days()
    away = pl.when(before < 0).then(before).when(after > 0).then(after).otherwise(0)
    return (
        moments.join(events, on="patient_id", suffix="_event", maintain_order="left")
        .with_columns(away.alias("days_from_event"))
        .filter(pl.col("days_from_event").abs() <= days)
    )
