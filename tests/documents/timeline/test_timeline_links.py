"""Which documents describe which events: by reference, else by kind and day."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.timeline.events import EVENT_SCHEMA, LINK_SCHEMA
from clinical_assets.documents.timeline.timeline_links import RULES, source_documents, written

DAY = dt.date(2150, 3, 10)
INDEX_SCHEMA = {
    "document_id": pl.String, "patient_id": pl.String, "document_type": pl.String, "category": pl.String,
    "description": pl.String, "authored_date": pl.Date,
}  # fmt: skip


def day(offset: int) -> dt.date:
    return DAY + dt.timedelta(days=offset)


def index(*rows: tuple) -> pl.DataFrame:
    """Rows of (document id, kind, day[, patient])."""
    made = [(doc, rest[0] if rest else "p1", kind, None, None, None if at is None else day(at))
            for doc, kind, at, *rest in rows]  # fmt: skip
    return pl.DataFrame(made, schema=INDEX_SCHEMA, orient="row")


def events(*rows: tuple) -> pl.DataFrame:
    """Rows of (event id, type, first day[, last day])."""
    made = [{"event_id": name, "patient_id": "p1", "event_type": kind, "start_date": day(start), "rule": "test",
             "end_date": day(end[0]) if end else None} for name, kind, start, *end in rows]  # fmt: skip
    return pl.DataFrame(made, schema=EVENT_SCHEMA, orient="row")


def referred(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame([(d, e, "p1") for d, e in pairs], schema=LINK_SCHEMA, orient="row")


def linked(documents, happened, links=()) -> list[tuple[str, str, str]]:
    return source_documents(documents, happened, referred(*links)).select("document_id", "event_id", "method").rows()


@pytest.mark.parametrize(
    ("kind", "event_type", "offset", "method"),
    [
        ("Operative report", "surgery", 0, "operative report"), ("OPERATIVE NOTE", "surgery", 3, "operative report"),
        ("Operative report", "surgery", 4, None), ("Operative report", "surgery", -1, None),
        ("Operative report", "imaging", 0, None), ("Progress note", "surgery", 0, None),
        ("Radiology report", "imaging", 1, "imaging report"),
        ("Surgical pathology", "pathology", 21, "pathology report"),
        ("Surgical pathology", "pathology", 22, None), ("Radiation oncology", "radiation", -1, "radiation note"),
        ("Discharge summary", "encounter", 7, "discharge summary"), ("Progress note", "encounter", 1, "visit note"),
        ("Progress note", "encounter", 2, None), (None, "encounter", 0, None),
        ("Operative report", "surgery", None, None),
    ],
)  # fmt: skip
def test_a_kind_of_document_describes_a_type_of_event_within_its_days(kind, event_type, offset, method):
    found = linked(index(("d", kind, offset)), events(("e", event_type, 0)))
    assert found == ([("d", "e", method)] if method else [])


def test_the_days_run_from_the_events_last_day():
    stay = events(("e", "encounter", -30, 0))
    assert [e for _, e, _ in linked(index(("d", "Discharge summary", 7), ("x", "Discharge summary", 8)), stay)] == ["e"]
    assert linked(index(("d", "Discharge summary", -10)), stay) == [("d", "e", "discharge summary")]


def test_a_document_goes_to_the_nearest_event():
    two = events(("first", "surgery", 0), ("second", "surgery", 2))
    documents = index(("a", "Operative report", 1), ("b", "Operative report", 2))
    assert linked(documents, two) == [("a", "first", "operative report"), ("b", "second", "operative report")]


def test_where_the_index_has_no_day_the_one_the_document_states_counts():
    stay = events(("e", "surgery", 0))
    documents = index(("undated", "Operative report", None), ("dated", "Operative report", 40),
                      ("silent", "Operative report", None), ("unread", "Operative report", None))  # fmt: skip
    text = pl.DataFrame(
        [("undated", day(1)), ("dated", day(1)), ("silent", None), ("nobody's", day(0))],
        schema={"document_id": pl.String, "stated_date": pl.Date}, orient="row",
    )  # fmt: skip
    told = written(documents, text)
    assert told.columns == documents.columns
    assert dict(told.select("document_id", "authored_date").iter_rows()) == {
        "undated": day(1), "dated": day(40), "silent": None, "unread": None,
    }  # fmt: skip
    assert linked(documents, stay) == []
    assert linked(told, stay) == [("undated", "e", "operative report")]


def test_what_the_source_refers_to_comes_first_and_counts_whatever_the_day():
    happened = events(("e", "surgery", 0))
    documents = index(("d", "Operative report", 0), ("far", "Letter", 300))
    assert linked(documents, happened, [("d", "e"), ("far", "e")]) == [
        ("d", "e", "reference"),
        ("far", "e", "reference"),
    ]


def test_links_to_unknown_documents_and_to_others_are_left_out():
    happened = events(("e", "surgery", 0))
    documents = index(("d", "Letter", 0, "p2"))
    assert linked(documents, happened, [("missing", "e"), ("d", "e")]) == []


@settings(max_examples=40, deadline=None)
@given(
    written=st.lists(st.tuples(st.integers(-40, 40), st.sampled_from(["Operative report", "MRI report", "Letter"])),
                     max_size=6),
    happened=st.lists(st.tuples(st.integers(-40, 40), st.integers(0, 10), st.sampled_from(["surgery", "imaging"])),
                      max_size=6),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_every_link_is_within_its_rule_and_order_does_not_matter(written, happened, seed):
    documents = index(*((f"d{i}", kind, at) for i, (at, kind) in enumerate(written)))
    timeline = events(*((f"e{i}", kind, at, at + length) for i, (at, length, kind) in enumerate(happened)))
    found = source_documents(documents, timeline, referred())
    mixed = source_documents(documents.sample(fraction=1, shuffle=True, seed=seed),
                             timeline.sample(fraction=1, shuffle=True, seed=seed), referred())  # fmt: skip
    assert found.equals(mixed)
    rules = {rule.name: rule for rule in RULES}
    for document_id, event_id, method in found.select("document_id", "event_id", "method").iter_rows():
        (at, _), (start, length, kind) = written[int(document_id[1:])], happened[int(event_id[1:])]
        assert kind == rules[method].event_type
        assert start - rules[method].days_before <= at <= start + length + rules[method].days_after
