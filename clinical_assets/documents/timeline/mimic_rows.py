"""Rows of MIMIC's tables as rows of the timeline: what every kind of event has in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from clinical_assets.documents.timeline.event_rules import SUBTYPES, TYPES, Coding, EventRule, classify
from clinical_assets.documents.timeline.events import EVENT_SCHEMA

Tables = Mapping[str, pl.LazyFrame]
"""MIMIC's tables by the last part of their path."""

NOTHING = pl.lit(None)


def event_rows(
    frame: pl.LazyFrame,
    event_id: pl.Expr,
    start: pl.Expr,
    *,
    end: pl.Expr = NOTHING,
    known: pl.Expr = NOTHING,
    known_day: pl.Expr = NOTHING,
    **said: pl.Expr,
) -> pl.DataFrame:
    """Rows of `EVENT_SCHEMA`; moments are dates or datetimes, a date leaving the time unknown.

    `known_day` is the day an event was known where `known` is null: nobody can say at what time of it.
    """
    moments = frame.select(
        "subject_id", event_id=event_id, start=start, end=end, known=known, known_day=known_day, **said
    ).collect()
    columns = {"event_id": pl.col("event_id"), "patient_id": pl.col("subject_id").cast(pl.String)}
    columns |= {name: pl.col(name) for name in said}
    for edge in ("start", "end", "known"):
        timed = isinstance(moments.schema[edge], pl.Datetime)
        columns[f"{edge}_date"] = pl.col(edge).cast(pl.Date)
        columns[f"{edge}_time"] = pl.col(edge).cast(pl.Datetime("us")) if timed else NOTHING
    columns["known_date"] = pl.coalesce(columns["known_date"], pl.col("known_day").cast(pl.Date))
    missing = {name: NOTHING for name in EVENT_SCHEMA if name not in columns}
    made = moments.select(**columns, **missing).select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())
    return made.filter(pl.col("start_date").is_not_null())


def literal(value: str) -> pl.Expr:
    """A text that is the same for every row."""
    return pl.lit(value, pl.String)


def row_id(table: str, *columns: str) -> pl.Expr:
    """The event's id: its table and the row's key there."""
    # Not pl.format: in polars 2.1 it panics where a filter leaves nothing of a chunk.
    first, *others = (pl.col(name).cast(pl.String) for name in columns)
    return sum((literal("-") + other for other in others), literal(f"{table}/") + first)


def discharges(tables: Tables) -> pl.LazyFrame:
    """When each admission ended."""
    return tables["admissions"].select("subject_id", "hadm_id", "dischtime")


def with_types(rows: pl.DataFrame, resource: str) -> pl.DataFrame:
    """Type and rule of each row by the table `TYPES`, as of the FHIR resource it would be; none where no rule holds."""
    return _judged(rows.drop("event_type", "rule"), TYPES, pl.lit(resource), ("event_type", "rule"))


def with_subtypes(rows: pl.DataFrame) -> pl.DataFrame:
    """Subtype of each row by the table `SUBTYPES`."""
    return _judged(rows.drop("event_subtype"), SUBTYPES, pl.col("event_type"), ("event_subtype", "_rule"))


def _judged(rows: pl.DataFrame, rules: Iterable[EventRule], of: pl.Expr, names: tuple[str, str]) -> pl.DataFrame:
    """Each row with the kind and the name of the first rule that decides it; each distinct case is judged once."""
    case = ("_of", "code_system", "code", "description")
    rules = tuple(rules)
    cases = rows.with_columns(of.cast(pl.String).alias("_of")).select(case).unique()
    found = [
        classify(rules, resource, (Coding(system, code),) if code else (), words or "")
        for resource, system, code, words in cases.iter_rows()
    ]
    kinds = pl.Series(names[0], [rule.kind if rule else None for rule in found], pl.String)
    why = pl.Series(names[1], [rule.name if rule else None for rule in found], pl.String)
    return (
        rows.with_columns(of.cast(pl.String).alias("_of"))
        .join(cases.with_columns(kinds, why), on=case, how="left", nulls_equal=True)
        .select(list(EVENT_SCHEMA))
    )
