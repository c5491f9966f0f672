"""The timeline in PostgreSQL (schema `timeline`): a batch of patients goes in whole, windows around a day come out.

Loading replaces everything known of the patients it names, in one transaction: the same rows twice change nothing, an
event that is gone at the source is gone here, and a failure leaves everything as it was. Two loads of the same patient
wait for one another.

Questions may say by when an event must have been known. Then what was recorded later, or nobody knows when, is not
answered, and an end that lay in the future is not told: the event counts as lasting until then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl
import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from clinical_assets.documents.timeline.event_rules import EVENT_TYPES
from clinical_assets.documents.timeline.events import EVENT_SCHEMA, PATIENT_SCHEMA
from resources.warehouse import Warehouse

WINDOW_DAYS = 30
"""Days on either side of a document within which events are its context."""

SOURCE_DOCUMENT_SCHEMA: dict[str, pl.DataType] = {
    "patient_id": pl.String(),
    "event_id": pl.String(),
    "document_id": pl.String(),
    "method": pl.String(),
}
"""Source documents: one row per event and document that describes it; `method` says how that is known."""

_METADATA = sa.MetaData(schema="timeline")
_SQL_TYPES: dict[pl.DataType, sa.types.TypeEngine[Any]] = {
    pl.String(): sa.Text(),
    pl.Int64(): sa.Integer(),
    pl.Date(): sa.Date(),
    pl.Datetime("us"): sa.DateTime(),
}


def _table(name: str, schema: dict[str, pl.DataType]) -> sa.Table:
    """A table of the newest migration (a test compares the two)."""
    return sa.Table(name, _METADATA, *(sa.Column(column, _SQL_TYPES[kind]) for column, kind in schema.items()))


PATIENTS = _table("patients", PATIENT_SCHEMA)
EVENTS = _table("events", EVENT_SCHEMA)
SOURCE_DOCUMENTS = _table("source_documents", SOURCE_DOCUMENT_SCHEMA)
# The end, else the start: computed by the database, and part of the index.
EVENTS.append_column(sa.Column("last_date", sa.Date(), sa.Computed("coalesce(end_date, start_date)", persisted=True)))
_EVENT_COLUMNS = [EVENTS.columns[name] for name in EVENT_SCHEMA]


class TimelineError(RuntimeError):
    """Rows cannot be stored; the message names table and rule, and quotes no row."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows a load left in the warehouse for its patients."""

    patients: int
    events: int
    source_documents: int


def load(
    warehouse: Warehouse,
    patient_ids: Collection[str],
    patients: pl.DataFrame,
    events: pl.DataFrame,
    source_documents: pl.DataFrame,
) -> Loaded:
    """Replace the timelines of `patient_ids`, in one transaction.

    Args:
        warehouse: where to.
        patient_ids: whose timelines these are; one without events ends up without events.
        patients: see `timeline.PATIENT_SCHEMA`; patients it does not name are kept without dates.
        events: see `timeline.EVENT_SCHEMA`; of these patients only.
        source_documents: see `SOURCE_DOCUMENT_SCHEMA`; of these events only.

    Raises:
        ValueError: rows of other patients; nothing is loaded.
        TimelineError: rows that break a rule of the tables (an event twice, an end before its start); as above.
    """
    members = pl.DataFrame({"patient_id": sorted(set(patient_ids))}, schema={"patient_id": pl.String})
    for name, rows in (("patients", patients), ("events", events), ("source documents", source_documents)):
        strangers = rows.join(members, on="patient_id", how="anti").height
        if strangers:
            raise ValueError(
                f"timeline: expected {name} of the {members.height} patients loaded only; found {strangers:,} rows of "
                "others. Load them with their own batch."
            )
    known = members.join(patients, on="patient_id", how="left", maintain_order="left").select(list(PATIENT_SCHEMA))
    mine = EVENTS.c.patient_id.in_(members["patient_id"].to_list())
    with warehouse.transaction() as connection:
        # First and in order: whoever loads one of these patients too waits here until this transaction ends.
        _upsert_people(connection, known)
        connection.execute(sa.delete(EVENTS).where(mine))  # and its source documents with it
        _copy(connection, EVENTS, events.select(list(EVENT_SCHEMA)))
        _copy(connection, SOURCE_DOCUMENTS, source_documents.select(list(SOURCE_DOCUMENT_SCHEMA)))
    return Loaded(known.height, events.height, source_documents.height)


def _upsert_people(connection: sa.Connection, people: pl.DataFrame) -> None:
    statement = insert(PATIENTS)
    new = {name: statement.excluded[name] for name in PATIENT_SCHEMA if name != "patient_id"}
    if people.height:
        upsert = statement.on_conflict_do_update(index_elements=["patient_id"], set_=new)
        connection.execute(upsert, people.to_dicts())


def _copy(connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> None:
    """Add rows by COPY, an order of magnitude faster than INSERT."""
    columns = ", ".join(rows.columns)
    driver = connection.connection.driver_connection
    assert driver is not None
    try:
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {table.schema}.{table.name} ({columns}) FROM STDIN") as copy,
        ):
            for row in rows.iter_rows():
                copy.write_row(row)
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        # PostgreSQL's own message quotes the row: a patient's.
        raise TimelineError(
            f"{table.schema}.{table.name}: expected rows that keep its rules; {type(error).__name__} by "
            f"{error.diag.constraint_name or 'a value'}. Nothing of this batch was loaded. Correct the source's rows, "
            "or the rule that made them."
        ) from None


@dataclass(frozen=True, slots=True)
class Window:
    """Which of a patient's events are asked for: those that began by `last` and had not ended before `first`.

    Attributes:
        patient_id: the patient.
        first: first day, included.
        last: last day, included.
        types: event types wanted; empty for all.
        known_by: nothing that was not known then is told, see the module; None for all that is known today.
    """

    patient_id: str
    first: dt.date
    last: dt.date
    types: tuple[str, ...] = ()
    known_by: dt.datetime | None = None

    def __post_init__(self) -> None:
        _refuse_unknown(self.types)

    def query(self, *further: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """The question as SQL: the columns of `EVENT_SCHEMA`, then `further`."""
        query = _asked(self.patient_id, self.first, self.last, self.types, _moment(self.known_by), *further)
        return query.order_by(EVENTS.c.start_date, EVENTS.c.start_time.nulls_first(), EVENTS.c.event_id)

    @property
    def last_told(self) -> sa.ColumnElement[dt.date]:
        """The last day an event is said to matter; see `_last_told`."""
        return _last_told(_moment(self.known_by))


def _refuse_unknown(types: Collection[str]) -> None:
    unknown = sorted(set(types) - set(EVENT_TYPES))
    if unknown:
        raise ValueError(f"events: expected types out of {list(EVENT_TYPES)}; found {unknown}")


Moment = sa.ColumnElement[dt.datetime]


def _moment(known_by: dt.datetime | None) -> Moment | None:
    return None if known_by is None else sa.literal(known_by, sa.DateTime)


def _asked(
    patient_id: str | sa.ColumnElement[str],
    first: dt.date | sa.ColumnElement[dt.date],
    last: dt.date | sa.ColumnElement[dt.date],
    types: Collection[str],
    known_by: Moment | None,
    *further: sa.ColumnElement[Any],
) -> sa.Select[Any]:
    """The events of a window, whose edges are values or columns of another table; without an order."""
    told = [_told(column, known_by) if column.name in ("end_date", "end_time") else column for column in _EVENT_COLUMNS]
    query = sa.select(*told, *further).where(
        EVENTS.c.patient_id == patient_id, EVENTS.c.start_date <= last, EVENTS.c.last_date >= first
    )
    if types:
        query = query.where(EVENTS.c.event_type == sa.any_(sa.literal(list(types), ARRAY(sa.Text))))
    if known_by is None:
        return query
    return query.where(_by(EVENTS.c.known_date, EVENTS.c.known_time, known_by), _last_told(known_by) >= first)


def _last_told(known_by: Moment | None) -> sa.ColumnElement[dt.date]:
    """The last day an event is said to matter: its end, else its start; while its end is not told, `known_by`."""
    if known_by is None:
        return EVENTS.c.last_date
    ongoing = sa.and_(EVENTS.c.end_date.is_not(None), ~_over(known_by))
    until = sa.func.greatest(EVENTS.c.start_date, sa.cast(known_by, sa.Date))
    return sa.case((ongoing, until), else_=EVENTS.c.last_date)


def _over(known_by: Moment) -> sa.ColumnElement[bool]:
    return _by(EVENTS.c.end_date, EVENTS.c.end_time, known_by)


def _told(column: sa.Column[Any], known_by: Moment | None) -> sa.ColumnElement[Any]:
    return column if known_by is None else sa.case((_over(known_by), column)).label(column.name)


def _by(day: sa.Column[Any], time: sa.Column[Any], moment: Moment) -> sa.ColumnElement[bool]:
    """Whether something was by then; of a day without a time, that the day was over. Unknown is no."""
    over = sa.case((time.is_not(None), time <= moment), else_=day < sa.cast(moment, sa.Date))
    return sa.func.coalesce(over, sa.false())


def _days_from(day: sa.ColumnElement[dt.date], last_told: sa.ColumnElement[dt.date]) -> sa.ColumnElement[int]:
    """Days from the event to a day: negative before it begins, 0 while it lasts."""
    away = sa.case((EVENTS.c.start_date > day, day - EVENTS.c.start_date), (last_told < day, day - last_told), else_=0)
    return away.label("days_from_event")


def events_between(
    warehouse: Warehouse,
    patient_id: str,
    first: dt.date,
    last: dt.date,
    *,
    types: Collection[str] = (),
    known_by: dt.datetime | None = None,
) -> pl.DataFrame:
    """A patient's events between two days, both included; see `Window`.

    Returns:
        One row per event, `timeline.EVENT_SCHEMA`, by start and id.

    Raises:
        ValueError: for a type there is none of, naming those there are.
    """
    window = Window(patient_id, first, last, tuple(types), known_by)
    return _answer(warehouse, window.query(), EVENT_SCHEMA)


def events_around(
    warehouse: Warehouse,
    patient_id: str,
    day: dt.date,
    *,
    days: int = WINDOW_DAYS,
    types: Collection[str] = (),
    known_by: dt.datetime | None = None,
) -> pl.DataFrame:
    """A patient's events at most `days` days before or after a day; see `Window`.

    Returns:
        One row per event, `timeline.EVENT_SCHEMA` and `days_from_event`: days from the event to the day, negative
        before it begins, 0 while it lasts.

    Raises:
        ValueError: for a type there is none of, naming those there are.
    """
    reach = dt.timedelta(days=days)
    window = Window(patient_id, day - reach, day + reach, tuple(types), known_by)
    away = _days_from(sa.literal(day, sa.Date), window.last_told)
    return _answer(warehouse, window.query(away), EVENT_SCHEMA | _DAYS)


_DAYS: dict[str, pl.DataType] = {"days_from_event": pl.Int64()}


def events_around_each(
    warehouse: Warehouse, moments: pl.DataFrame, *, days: int = WINDOW_DAYS, types: Collection[str] = ()
) -> pl.DataFrame:
    """The events around many days at once, e.g. around every note of a batch: one question, whatever the patients.

    Args:
        warehouse: where to ask.
        moments: `patient_id`, `day`, and maybe `known_by`: then of each only what was known by its own moment, and
            nothing where it is null.
        days: on either side of each.
        types: event types wanted; empty for all.

    Returns:
        One row per moment and event: the columns of `moments`, then as `events_around` gives; by moment, start and id.

    Raises:
        ValueError: for a type there is none of, naming those there are.
    """
    _refuse_unknown(types)
    asked = moments.select(sorted({"patient_id", "day", "known_by"} & set(moments.columns))).unique()
    query = each_query(asked, days, types)
    schema = {name: asked.schema[name] for name in asked.columns} | {
        f"event_{name}" if name == "patient_id" else name: kind for name, kind in EVENT_SCHEMA.items()
    }
    found = _answer(warehouse, query, schema | _DAYS).drop("event_patient_id")
    by = [pl.col("_moment"), pl.col("start_date"), pl.col("start_time"), pl.col("event_id")]
    numbered = moments.with_row_index("_moment")
    joined = numbered.join(found, on=asked.columns, how="inner", nulls_equal=True)
    return joined.sort(by, nulls_last=False).drop("_moment")


def each_query(asked: pl.DataFrame, days: int, types: Collection[str] = ()) -> sa.Select[Any]:
    """The question of `events_around_each` as SQL: the columns asked with, those of `EVENT_SCHEMA`, the days."""
    kinds: dict[str, sa.types.TypeEngine[Any]] = {"patient_id": sa.Text(), "day": sa.Date(), "known_by": sa.DateTime()}
    wanted = (
        sa.func.unnest(*(sa.literal(asked[name].to_list(), ARRAY(kinds[name])) for name in asked.columns))
        .table_valued(*(sa.column(name, kinds[name]) for name in asked.columns), name="wanted")
        .render_derived()
    )
    known_by = wanted.c.known_by if "known_by" in asked.columns else None
    day = wanted.c.day
    away = _days_from(day, _last_told(known_by))
    around = _asked(wanted.c.patient_id, day - days, day + days, types, known_by, away)
    # OFFSET 0 keeps the windows apart, each served by the index. As one join the planner, who takes windows for a ninth
    # of the table each, would read all of it.
    each = around.offset(0).lateral("around")
    return sa.select(*wanted.c, *each.c).select_from(wanted.join(each, sa.true()))


def events_of(warehouse: Warehouse, patient_ids: Collection[str]) -> pl.DataFrame:
    """The whole timelines of patients: one row per event, `timeline.EVENT_SCHEMA`, by patient, start and id."""
    query = (
        sa.select(*_EVENT_COLUMNS)
        .where(EVENTS.c.patient_id.in_(sorted(set(patient_ids))))
        .order_by(EVENTS.c.patient_id, EVENTS.c.start_date, EVENTS.c.start_time.nulls_first(), EVENTS.c.event_id)
    )
    return _answer(warehouse, query, EVENT_SCHEMA)


def source_documents_of(warehouse: Warehouse, patient_id: str, event_ids: Collection[str]) -> pl.DataFrame:
    """The documents that describe a patient's events: one row per pair, `SOURCE_DOCUMENT_SCHEMA`."""
    query = (
        sa.select(*SOURCE_DOCUMENTS.columns)
        .where(SOURCE_DOCUMENTS.c.patient_id == patient_id, SOURCE_DOCUMENTS.c.event_id.in_(sorted(set(event_ids))))
        .order_by(SOURCE_DOCUMENTS.c.event_id, SOURCE_DOCUMENTS.c.document_id)
    )
    return _answer(warehouse, query, SOURCE_DOCUMENT_SCHEMA)


def _answer(warehouse: Warehouse, query: sa.Select[Any], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    with warehouse.transaction() as connection:
        rows = connection.execute(query).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def events_outside_life(warehouse: Warehouse) -> pl.DataFrame:
    """Events that began before their patient's birth or after his death.

    Returns:
        One row per event type that has any: `event_type`, `before_birth`, `after_death`.
    """
    unborn = sa.or_(
        EVENTS.c.start_date < PATIENTS.c.birth_date,
        sa.extract("year", EVENTS.c.start_date) < PATIENTS.c.birth_year,
    )
    counted = [
        sa.func.count().filter(condition).label(name)
        for name, condition in (("before_birth", unborn), ("after_death", EVENTS.c.start_date > PATIENTS.c.death_date))
    ]
    query = (
        sa.select(EVENTS.c.event_type, *counted)
        .join(PATIENTS, PATIENTS.c.patient_id == EVENTS.c.patient_id)
        .group_by(EVENTS.c.event_type)
        .having(sa.or_(*(count > 0 for count in (c.element for c in counted))))
        .order_by(EVENTS.c.event_type)
    )
    schema = {"event_type": pl.String(), "before_birth": pl.Int64(), "after_death": pl.Int64()}
    return _answer(warehouse, query, schema)


def event_count(warehouse: Warehouse) -> int:
    """How many events the warehouse holds."""
    with warehouse.transaction() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(EVENTS)).scalar_one())


def forget(warehouse: Warehouse) -> None:
    """Remove every timeline: for a home that is made anew for another hospital."""
    with warehouse.transaction() as connection:
        connection.execute(sa.delete(EVENTS))
        connection.execute(sa.delete(PATIENTS))
