"""Each check of timeline and prioritised notes, passing and failing."""

import datetime as dt

import polars as pl
import pytest

from clinical_assets.documents.prioritised import prioritised_checks
from clinical_assets.documents.prioritised.prioritised_checks import (
    everybody_has_a_note,
    one_profile,
    share_kept_as_expected,
    triggers_find_notes,
)
from clinical_assets.documents.tables import PRIORITISED, TIMELINE
from clinical_assets.documents.timeline import timeline_checks, timeline_store
from clinical_assets.documents.timeline.events import EVENT_SCHEMA, PATIENT_SCHEMA
from clinical_assets.documents.timeline.timeline_checks import (
    both_stores_agree,
    known_once_begun,
    reports_found,
    rows_of,
    types_known,
    within_life,
)
from clinical_assets.documents.timeline.timeline_store import SOURCE_DOCUMENT_SCHEMA

DAY = dt.date(2150, 3, 10)


def frame(columns: str, rows: list[tuple]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=columns.split(), orient="row")


# --- Timeline -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unknown", "passed"), [(0, True), (5, True), (6, False)])
def test_few_events_of_no_known_kind(unknown, passed):
    rules = ["procedures no rule knows"] * unknown + ["CPT surgery"] * (100 - unknown)
    finding = types_known(frame("event_type rule", [("other" if "no rule" in r else "surgery", r) for r in rules]))
    assert finding.passed == passed
    assert finding.counts["of no known kind"] == unknown


def test_no_events_are_all_known_and_documented():
    assert types_known(TIMELINE.empty()).passed
    assert reports_found(TIMELINE.empty()).passed


@pytest.mark.parametrize(
    ("events", "passed", "scarce"),
    [
        ([("surgery", 1), ("surgery", 0)], True, "none"),
        ([("surgery", 1), ("surgery", 0), ("surgery", 0)], False, "surgery"),
        ([("medication", 0), ("encounter", 0), ("other", 0)], True, "none"),
        ([("imaging", 3), ("pathology", 0)], False, "pathology"),
    ],
)
def test_what_is_reported_has_documents(events, passed, scarce):
    finding = reports_found(frame("event_type n_documents", events))
    assert finding.passed == passed
    assert finding.description.endswith(f"found fewer for {scarce}")


@pytest.mark.parametrize(
    ("person", "early", "late"),
    [
        ((2100, None, None), 0, 0),
        ((2150, None, None), 0, 0),  # in the year of birth
        ((2151, None, None), 1, 0),
        ((2150, dt.date(2150, 3, 10), None), 0, 0),
        ((2150, dt.date(2150, 3, 11), None), 1, 0),
        ((None, None, dt.date(2150, 3, 10)), 0, 0),
        ((None, None, dt.date(2150, 3, 9)), 0, 1),
        ((None, None, None), 0, 0),
    ],
)
def test_events_lie_within_life(warehouse, person, early, late):
    people = pl.DataFrame([("p1", *person)], schema=PATIENT_SCHEMA, orient="row")
    event = {"event_id": "e", "patient_id": "p1", "event_type": "surgery", "start_date": DAY, "rule": "test"}
    events = pl.DataFrame([event], schema=EVENT_SCHEMA, orient="row")
    timeline_store.load(warehouse, ["p1"], people, events, pl.DataFrame(schema=SOURCE_DOCUMENT_SCHEMA))
    outside = timeline_store.events_outside_life(warehouse)
    assert outside.rows() == ([("surgery", early, late)] if early or late else [])
    result = timeline_checks.events_within_life(warehouse=warehouse)
    assert result.passed == (not early and not late)
    assert within_life(outside).counts == {"before birth": early, "after death": late}


@pytest.mark.parametrize(
    ("start", "known", "passed"),
    [
        ((DAY, None), (None, None), True),
        ((DAY, None), (DAY, None), True),
        ((DAY, dt.datetime(2150, 3, 10, 9)), (DAY, dt.datetime(2150, 3, 10, 9)), True),
        ((DAY, dt.datetime(2150, 3, 10, 9)), (DAY, None), True),
        ((DAY, dt.datetime(2150, 3, 10, 9)), (DAY, dt.datetime(2150, 3, 10, 8)), False),
        ((DAY, None), (dt.date(2150, 3, 9), None), False),
    ],
)
def test_no_event_is_known_before_it_began(lake, start, known, passed):
    event = {"event_id": "e", "patient_id": "p1", "event_type": "surgery", "rule": "t", "n_documents": 0}
    names = ("start_date", "start_time", "known_date", "known_time")
    event |= dict(zip(names, (*start, *known), strict=True))
    rows = pl.DataFrame([event], schema=TIMELINE.polars_schema, orient="row")
    finding = known_once_begun(rows)
    assert finding.passed == passed
    assert finding.counts == {"events": 1, "known before they began": not passed, "never known": known[0] is None}
    with lake.write(TIMELINE.path, rows.to_arrow().schema, ["a-00001"], {}) as writer:
        writer.write("a-00001", rows.to_arrow())
    result = timeline_checks.events_known_once_begun(lake=lake)
    assert (result.passed, result.severity.value) == (passed, "ERROR")


def test_lake_and_warehouse_agree_on_every_patient_once(warehouse, lake):
    event = {
        "event_id": "e",
        "patient_id": "p1",
        "event_type": "surgery",
        "start_date": DAY,
        "rule": "t",
        "n_documents": 0,
    }
    rows = pl.DataFrame([event], schema=TIMELINE.polars_schema, orient="row")
    with lake.write(TIMELINE.path, rows.to_arrow().schema, ["a-00001", "b-00001"], {}) as writer:
        for batch in ("a-00001", "b-00001"):  # he is in batches of two cohorts
            writer.write(batch, rows.to_arrow())
    assert rows_of(lake, TIMELINE, "event_type").height == 1
    assert not timeline_checks.stores_agree(lake=lake, warehouse=warehouse).passed
    timeline_store.load(
        warehouse, ["p1"], pl.DataFrame(schema=PATIENT_SCHEMA), rows, pl.DataFrame(schema=SOURCE_DOCUMENT_SCHEMA)
    )
    assert timeline_checks.stores_agree(lake=lake, warehouse=warehouse).passed
    assert both_stores_agree(1, 2).description.startswith(
        "expected as many events in PostgreSQL as in the lake; found 2"
    )


def test_a_table_never_made_has_no_rows(lake):
    assert rows_of(lake, PRIORITISED, "profile").is_empty()
    assert timeline_checks.event_types_known(lake=lake).passed


# --- Prioritised notes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("without", "passed"), [(0, True), (1, True), (2, False)])
def test_few_patients_are_left_without_a_note(without, passed):
    patients = [f"p{i}" for i in range(20)]
    index = frame("patient_id", [(p,) for p in patients for _ in range(3)])
    finding = everybody_has_a_note(index, frame("patient_id", [(p,) for p in patients[without:]]))
    assert finding.passed == passed
    assert finding.counts == {"patients": 20, "without a note kept": without}


@pytest.mark.parametrize(
    ("triggers", "passed", "scarce"),
    [
        ([("s1", "post_surgery", "note", "d"), ("s2", "post_surgery", "note", None)], True, "none"),
        ([("s1", "post_surgery", "note", "d"), *((s, "post_surgery", "note", None) for s in ("s2", "s3"))], False,
         "post_surgery"),
        ([("s1", "post_surgery", "note", None), ("s1", "post_surgery", "report", "d")], True, "none"),
        ([("s1", "post_surgery", "note", "d"), ("i1", "post_imaging", "note", None)], False, "post_imaging"),
        ([], True, "none"),
    ],
)  # fmt: skip
def test_most_triggers_of_each_kind_find_a_note(triggers, passed, scarce):
    schema = {"event_id": pl.String, "reason": pl.String, "kind": pl.String, "document_id": pl.String}
    rows = pl.DataFrame(triggers, schema=schema, orient="row").with_columns(
        patient_id=pl.lit("p1"), edge=pl.lit("start"), direction=pl.lit("after")
    )
    finding = triggers_find_notes(rows)
    assert finding.passed == passed
    assert finding.description.endswith(f"found fewer for {scarce}")


@pytest.mark.parametrize(
    ("profile", "kept", "passed"),
    [
        ("oncology", 0, False), ("oncology", 10, True), ("oncology", 500, True), ("oncology", 501, False),
        ("general", 501, True), ("general", 951, False), ("ours", 501, True), ("ours", 901, False),
    ],
)  # fmt: skip
def test_the_share_kept_is_what_the_profile_usually_keeps(profile, kept, passed):
    index = frame("document_id", [(str(i),) for i in range(1000)])
    rows = pl.DataFrame({"profile": [profile] * kept}, schema={"profile": pl.String})
    assert share_kept_as_expected(index, rows).passed == passed


def test_no_documents_are_no_fault():
    assert share_kept_as_expected(frame("document_id", []), PRIORITISED.empty()).passed


@pytest.mark.parametrize(
    ("settings", "passed"),
    [([("a", 7), ("a", 7)], True), ([("a", 7), ("a", 3)], False), ([("a", 7), ("b", 7)], False), ([], True)],
)
def test_all_batches_are_made_with_one_profile(settings, passed):
    triggers = pl.DataFrame(settings, schema={"profile": pl.String, "window_days": pl.Int64}, orient="row")
    assert one_profile(triggers.select("profile"), triggers).passed == passed


def test_every_check_has_a_description_and_blocks_nothing():
    checks = [*timeline_checks.CHECKS, *prioritised_checks.CHECKS]
    specs = [spec for check in checks for spec in check.check_specs]
    assert len({spec.name for spec in specs}) == len(checks) == 9
    assert all(spec.description and not spec.blocking for spec in specs)
