"""The timeline on a real PostgreSQL server: loading, window queries and the index that serves them."""

import datetime as dt
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import ARRAY

from clinical_assets.documents.timeline.event_rules import EVENT_TYPES
from clinical_assets.documents.timeline.events import EVENT_SCHEMA, PATIENT_SCHEMA, near
from clinical_assets.documents.timeline.timeline_store import (
    EVENTS,
    PATIENTS,
    SOURCE_DOCUMENT_SCHEMA,
    SOURCE_DOCUMENTS,
    Loaded,
    TimelineError,
    Window,
    each_query,
    events_around,
    events_around_each,
    events_between,
    events_of,
    load,
    source_documents_of,
)

DAY = dt.date(2150, 3, 10)


def day(offset: int) -> dt.date:
    return DAY + dt.timedelta(days=offset)


def moment(at) -> tuple[dt.date | None, dt.datetime | None]:
    return (at.date(), at) if isinstance(at, dt.datetime) else (at, None)


def event(event_id: str, start, end=None, known=None, kind: str = "surgery", patient: str = "p1") -> dict:
    edges = {"start": start, "end": end, "known": known}
    said = {f"{edge}_{part}": value for edge, at in edges.items()
            for part, value in zip(("date", "time"), moment(at), strict=True)}  # fmt: skip
    return {"event_id": event_id, "patient_id": patient, "event_type": kind, "rule": "test", **said}


def events(*rows: dict) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=EVENT_SCHEMA, orient="row").sort(
        "patient_id", "start_date", "start_time", "event_id", nulls_last=False
    )


def documents(*pairs: tuple[str, str]) -> pl.DataFrame:
    rows = [("p1", event_id, document_id, "reference") for event_id, document_id in pairs]
    return pl.DataFrame(rows, schema=SOURCE_DOCUMENT_SCHEMA, orient="row")


NOBODY = pl.DataFrame(schema=PATIENT_SCHEMA)


def put(warehouse, rows: pl.DataFrame, patients=("p1",), linked: pl.DataFrame | None = None) -> Loaded:
    return load(warehouse, patients, NOBODY, rows, documents() if linked is None else linked)


def ids(found: pl.DataFrame) -> list[str]:
    return found["event_id"].to_list()


def counts(warehouse) -> list[int]:
    with warehouse.transaction() as connection:
        return [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (PATIENTS, EVENTS, SOURCE_DOCUMENTS)
        ]


# --- Loading ------------------------------------------------------------------------------------------------------


def test_the_tables_are_those_of_the_newest_migration(warehouse):
    for table in (PATIENTS, EVENTS, SOURCE_DOCUMENTS):
        stored = sa.Table(table.name, sa.MetaData(), schema="timeline", autoload_with=warehouse.engine())
        assert {c.name: c.type.python_type for c in stored.columns} == {
            c.name: c.type.python_type for c in table.columns
        }


def test_what_is_loaded_comes_back(warehouse):
    rows = events(
        event("a", dt.datetime(2150, 3, 10, 9, 30), day(4), dt.datetime(2150, 3, 11), "encounter"),
        event("b", day(0), kind="imaging"),
        event("c", day(0), patient="p2"),
    )
    people = pl.DataFrame([("p1", 2100, None, day(400))], schema=PATIENT_SCHEMA, orient="row")
    assert load(warehouse, ["p2", "p1"], people, rows, documents(("a", "d1"), ("a", "d2"))) == Loaded(2, 3, 2)
    assert events_of(warehouse, ["p1", "p2"]).equals(rows)
    assert source_documents_of(warehouse, "p1", ["a", "b"])["document_id"].to_list() == ["d1", "d2"]
    with warehouse.transaction() as connection:
        stored = connection.execute(sa.select(PATIENTS).order_by(PATIENTS.c.patient_id)).all()
    assert [tuple(row) for row in stored] == [("p1", 2100, None, day(400)), ("p2", None, None, None)]


def test_loading_again_replaces_and_takes_away_what_is_gone(warehouse):
    put(warehouse, events(event("a", day(0)), event("b", day(1))), linked=documents(("a", "d"), ("b", "d")))
    put(warehouse, events(event("other", day(0), patient="p2")), patients=["p2"])
    changed = events(event("b", day(2)))
    for _ in range(2):
        assert put(warehouse, changed, linked=documents(("b", "d"))) == Loaded(1, 1, 1)
        assert counts(warehouse) == [2, 2, 1]
        assert events_of(warehouse, ["p1"]).equals(changed)
    put(warehouse, events())
    assert counts(warehouse) == [2, 1, 0]


def test_a_load_that_fails_leaves_everything_as_it_was(warehouse):
    before = events(event("a", day(0)))
    put(warehouse, before, linked=documents(("a", "d")))
    with pytest.raises(TimelineError, match=r"source_documents: .* ForeignKeyViolation by source_docu"):
        put(warehouse, events(event("b", day(0))), linked=documents(("missing", "d")))
    backwards = events({**event("b", day(0), day(-1)), "description": "Mrs Doe"})
    with pytest.raises(TimelineError, match="CheckViolation by ends_after_start") as refused:
        put(warehouse, backwards)
    assert "Doe" not in "".join(traceback.format_exception(refused.value)), "the row is a patient's"
    with pytest.raises(TimelineError, match="UniqueViolation by events_pkey"):
        put(warehouse, events(event("b", day(0)), event("b", day(1))))
    assert events_of(warehouse, ["p1"]).equals(before)
    assert counts(warehouse) == [1, 1, 1]


def test_rows_of_other_patients_are_refused(warehouse):
    with pytest.raises(ValueError, match=r"expected events of the 1 patients loaded only; found 1 rows of others"):
        put(warehouse, events(event("a", day(0), patient="p2")))
    assert counts(warehouse) == [0, 0, 0]


class Slow:
    """A warehouse whose transactions wait to be let go before they commit."""

    def __init__(self, warehouse):
        self.warehouse, self.written, self.go = warehouse, threading.Event(), threading.Event()

    @contextmanager
    def transaction(self):
        with self.warehouse.transaction() as connection:
            yield connection
            self.written.set()
            assert self.go.wait(timeout=60)


def test_two_loads_of_the_same_patients_wait_for_one_another(warehouse):
    put(warehouse, events(event("old", day(0)), event("old", day(0), patient="p2")), patients=["p1", "p2"])
    slow = Slow(warehouse)
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def rows(name: str) -> pl.DataFrame:
        return events(*(event(f"{name} {n}", day(n), patient=p) for n in range(9) for p in ("p1", "p2")))

    with ThreadPoolExecutor(2) as pool, warehouse.engine().connect() as watching:
        first = pool.submit(put, slow, rows("first"), ["p1", "p2"])
        assert slow.written.wait(timeout=60)
        second = pool.submit(put, warehouse, rows("second"), ["p2", "p1"])
        while not second.done() and not watching.execute(waiting).scalar_one():
            watching.rollback()  # each look at the activity is a new one
        assert not second.done(), "it waits for the first"
        slow.go.set()
        assert first.result() == second.result() == Loaded(2, 18, 0)
    assert events_of(warehouse, ["p1", "p2"]).equals(rows("second")), "the last one's rows, never a mixture"


# --- Windows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "away"),
    [
        (-30, None, 30), (-31, None, None), (30, None, -30), (31, None, None), (0, None, 0),
        (-90, -30, 30), (-90, -31, None), (-90, 90, 0), (-90, 0, 0), (5, 90, -5), (31, 90, None),
    ],
)  # fmt: skip
def test_thirty_days_on_either_side_both_included(warehouse, start, end, away):
    put(warehouse, events(event("a", day(start), None if end is None else day(end))))
    found = events_around(warehouse, "p1", DAY)
    assert found["days_from_event"].to_list() == ([] if away is None else [away])
    assert events_between(warehouse, "p1", day(-30), day(30)).equals(found.drop("days_from_event"))


def test_only_the_patients_own_and_of_the_types_asked_for(warehouse):
    put(warehouse, events(event("a", day(0)), event("b", day(0), kind="imaging"), event("c", day(0), patient="p2")),
        patients=["p1", "p2"])  # fmt: skip
    assert ids(events_around(warehouse, "p1", DAY)) == ["a", "b"]
    assert ids(events_around(warehouse, "p1", DAY, types=["imaging", "pathology"])) == ["b"]
    assert ids(events_around(warehouse, "nobody", DAY)) == []
    with pytest.raises(ValueError, match=r"expected types out of \['surgery', .*found \['surgeries'\]"):
        events_around(warehouse, "p1", DAY, types=["surgeries"])


NOON = dt.datetime(2150, 3, 10, 12)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (NOON, True), (NOON + dt.timedelta(seconds=1), False), (day(-1), True),
        (DAY, False),  # of the day only the day is known: it may be later than noon
        (None, False),
    ],
)  # fmt: skip
def test_what_was_not_known_by_then_is_not_told(warehouse, known, told):
    put(warehouse, events(event("a", day(-2), known=known)))
    assert ids(events_around(warehouse, "p1", DAY, known_by=NOON)) == (["a"] if told else [])
    assert ids(events_around(warehouse, "p1", DAY)) == ["a"]


@pytest.mark.parametrize(
    ("end", "told", "away"),
    [
        (NOON, NOON, 0), (NOON + dt.timedelta(hours=1), None, 0), (day(-3), day(-3), 3), (DAY, None, 0),
        (day(200), None, 0), (None, None, 10),
    ],
)  # fmt: skip
def test_an_end_in_the_future_is_not_told(warehouse, end, told, away):
    put(warehouse, events(event("a", day(-10), end, day(-10), "encounter")))
    found = events_around(warehouse, "p1", DAY, known_by=NOON).row(0, named=True)
    assert (found["end_date"], found["end_time"]) == moment(told)
    assert found["days_from_event"] == away


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lasting=st.lists(st.tuples(st.integers(-80, 80), st.none() | st.integers(0, 60), st.sampled_from(EVENT_TYPES)),
                     max_size=12),
    days=st.integers(0, 40),
)  # fmt: skip
def test_the_database_finds_what_the_frames_find(warehouse, lasting, days):
    rows = events(*(event(f"{i:02}", day(start), None if length is None else day(start + length), kind=kind)
                    for i, (start, length, kind) in enumerate(lasting)))  # fmt: skip
    put(warehouse, rows)
    note = pl.DataFrame({"patient_id": ["p1"], "note_date": [DAY]})
    expected = near(note, rows, days).select("event_id", "days_from_event").sort("event_id")
    found = events_around(warehouse, "p1", DAY, days=days).select("event_id", "days_from_event").sort("event_id")
    assert found.equals(expected)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    began=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=1, max_size=6),
    later=st.lists(st.integers(1, 100), min_size=6, max_size=6),
    otherwise=st.lists(st.integers(1, 100), min_size=6, max_size=6),
    unheard=st.integers(0, 60),
    before_the_day=st.integers(0, 40),
)
def test_no_later_fact_changes_what_was_known_by_then(warehouse, began, later, otherwise, unheard, before_the_day):
    known_by = NOON - dt.timedelta(days=before_the_day)

    def then(offset: int) -> dt.date:
        return known_by.date() + dt.timedelta(days=offset)

    def told(ends: list[int], more: tuple[dict, ...] = ()) -> pl.DataFrame:
        known = (
            event(f"{i}", then(-ago), then(ends[i]), then(-ago - delay - 1)) for i, (ago, delay) in enumerate(began)
        )
        put(warehouse, events(*known, *more))
        return events_around(warehouse, "p1", DAY, known_by=known_by)

    before = told(later)
    unknown_then = event("later", then(-unheard), then(unheard), then(0))
    assert told(otherwise, (unknown_then,)).equals(before)
    assert before["end_date"].null_count() == before.height


MOMENTS = {"patient_id": pl.String, "day": pl.Date, "known_by": pl.Datetime("us"), "note": pl.String}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lasting=st.lists(st.tuples(st.integers(-60, 60), st.none() | st.integers(0, 60), st.integers(0, 40),
                               st.sampled_from(["p1", "p2"]), st.sampled_from(["surgery", "imaging"])), max_size=10),
    notes=st.lists(st.tuples(st.sampled_from(["p1", "p2", "nobody"]), st.integers(-50, 50),
                             st.none() | st.integers(-60, 60)), max_size=6),
    days=st.integers(0, 40),
    types=st.sampled_from([(), ("surgery",)]),
)  # fmt: skip
def test_many_days_at_once_give_what_each_gives_alone(warehouse, lasting, notes, days, types):
    rows = events(*(
        event(f"{i:02}", day(start), None if length is None else day(start + length), day(start + late), kind, patient)
        for i, (start, length, late, patient, kind) in enumerate(lasting)
    ))  # fmt: skip
    put(warehouse, rows, patients=["p1", "p2"])
    made = [(patient, day(on), None if by is None else NOON + dt.timedelta(days=by), f"n{i}")
            for i, (patient, on, by) in enumerate(notes)]  # fmt: skip
    moments = pl.DataFrame(made, schema=MOMENTS, orient="row")
    alone = [
        events_around(warehouse, patient, on, days=days, types=types, known_by=by).with_columns(note=pl.lit(note))
        for patient, on, by, note in made
        if by is not None
    ]
    found = events_around_each(warehouse, moments, days=days, types=types)
    told = ["note", *EVENT_SCHEMA, "days_from_event"]
    empty = found.select(told).clear()
    assert found.select(told).equals(pl.concat([empty, *(part.select(told) for part in alone)]))
    whole = [
        events_around(warehouse, patient, on, days=days, types=types).with_columns(note=pl.lit(note))
        for patient, on, _, note in made
    ]
    found = events_around_each(warehouse, moments.drop("known_by"), days=days, types=types)
    assert found.select(told).equals(pl.concat([empty, *(part.select(told) for part in whole)]))


def test_many_days_of_types_there_are_none_of_are_refused(warehouse):
    with pytest.raises(ValueError, match=r"expected types out of \['surgery', .*found \['surgeries'\]"):
        events_around_each(warehouse, pl.DataFrame(schema=MOMENTS), types=["surgeries"])


# --- The index ----------------------------------------------------------------------------------------------------


INDEX = "events_by_patient_and_day"
BOUNDS = ("patient_id", "start_date", "last_date")


@pytest.fixture
def ten_thousand_events(warehouse):
    """Events of a hundred patients, and the planner's knowledge of them."""
    with warehouse.transaction() as connection:
        connection.execute(sa.text("INSERT INTO timeline.patients SELECT 'p' || n FROM generate_series(0, 99) n"))
        connection.execute(
            sa.text(
                "INSERT INTO timeline.events (patient_id, event_id, event_type, start_date, known_date, rule) "
                "SELECT 'p' || n % 100, n::text, (ARRAY['surgery', 'imaging', 'medication'])[n % 3 + 1], "
                "DATE '2150-01-01' + n / 10, DATE '2150-01-01' + n / 10, 'test' FROM generate_series(0, 9999) n"
            )
        )
        connection.execute(sa.text("ANALYZE timeline.events"))
    return warehouse


def plan_of(connection, query) -> list[dict]:
    """What the server would do: the nodes of its plan."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", compiled.params).scalar_one()
    return list(nodes(plan["Plan"]))


def nodes(node: dict):
    yield node
    for below in node.get("Plans", ()):
        yield from nodes(below)


def served_by_the_index(plan: list[dict]) -> bool:
    """Events are found by the index alone, and every bound of the window bounds the scan, not what it finds."""
    found_by = [node for node in plan if "Index Name" in node]
    return (
        bool(found_by)
        and not any(node["Node Type"] == "Seq Scan" for node in plan)
        and all(node["Index Name"] == INDEX for node in found_by)
        and all(bound in node["Index Cond"] for node in found_by for bound in BOUNDS)
    )


def batch(*, known_by: bool) -> pl.DataFrame:
    """Four notes of each of 25 patients."""
    rows = [(f"p{n}", day(90 * turn), NOON) for n in range(25) for turn in range(4)]
    asked = pl.DataFrame(
        rows, schema={"patient_id": pl.String, "day": pl.Date, "known_by": pl.Datetime("us")}, orient="row"
    )
    return asked if known_by else asked.drop("known_by")


QUESTIONS = {
    f"{'batch' if each else 'patient'} {types} {known_by}": (
        each_query(batch(known_by=known_by), 30, types)
        if each
        else Window("p7", day(-30), day(30), types, NOON if known_by else None).query()
    )
    for each, types, known_by in product([False, True], [(), ("surgery",), ("surgery", "imaging")], [False, True])
}


def test_windows_of_a_patient_and_of_a_batch_are_served_by_the_index(ten_thousand_events):
    with ten_thousand_events.transaction() as connection:
        plans = {name: plan_of(connection, question) for name, question in QUESTIONS.items()}
    assert len(plans) == 12
    assert [name for name, plan in plans.items() if not served_by_the_index(plan)] == []


def test_a_plan_without_the_index_is_seen(ten_thousand_events):
    with ten_thousand_events.engine().connect() as connection:
        connection.execute(sa.text(f"DROP INDEX timeline.{INDEX}"))
        plans = [plan_of(connection, question) for question in QUESTIONS.values()]
        connection.rollback()
        # With the index, and yet not served by it: everything of many patients.
        joined = sa.text(
            "SELECT * FROM timeline.events e JOIN unnest(:patients) AS p (patient_id) USING (patient_id)"
        ).bindparams(sa.bindparam("patients", [f"p{n}" for n in range(90)], ARRAY(sa.Text)))
        plans.append(plan_of(connection, joined))
    assert not any(map(served_by_the_index, plans))
