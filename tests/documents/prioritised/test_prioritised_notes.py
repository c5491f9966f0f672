"""A batch's documents prioritised: unreadable ones are no candidates, and every document is accounted for."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.prioritised.note_profiles import GENERAL, ONCOLOGY
from clinical_assets.documents.prioritised.prioritised_checks import one_profile
from clinical_assets.documents.prioritised.prioritised_notes import (
    COUNTS,
    TEXT_COLUMNS,
    by_trigger,
    kept_notes,
    prioritised,
    profile_version,
    reduction,
    trigger_outcomes,
)
from clinical_assets.documents.prioritised.site_profiles import profile_from
from clinical_assets.documents.tables import INDEX, PRIORITISED, PRIORITISED_TRIGGERS, TEXT, TIMELINE
from clinical_assets.documents.timeline.timeline_store import SOURCE_DOCUMENT_SCHEMA

DAY = dt.date(2150, 3, 10)
NOTE = "Oncology progress note"
PAIR = profile_from({"triggers": [
    {"event_type": "surgery", "edge": "start", "direction": way, "reason": way} for way in ("before", "after")
]})  # fmt: skip
"""Keeps the first and the last note of a day of surgery."""


def day(offset: int) -> dt.date:
    return DAY + dt.timedelta(days=offset)


def batch(*documents: tuple) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Index and text of rows of (document id, day, kind, patient, characters or None where it cannot be read)."""
    rows = [{"document_id": name, "patient_id": patient, "source": "manifest", "document_type": kind,
             "authored_date": None if at is None else day(at), "uri": name, "status": "indexed"}
            for name, at, kind, patient, _ in documents]  # fmt: skip
    read = [(name, characters is not None, characters or 0) for name, _, _, _, characters in documents]
    text = pl.DataFrame(read, schema=["document_id", "extraction_success", "characters"], orient="row")
    absent = [pl.lit(None, TEXT.polars_schema[n]).alias(n) for n in TEXT_COLUMNS if n not in text.columns]
    schema = {name: TEXT.polars_schema[name] for name in TEXT_COLUMNS}
    return pl.DataFrame(rows, schema=INDEX.polars_schema, orient="row"), text.with_columns(absent).cast(schema)


def surgeries(*rows: tuple[str, int, str]) -> pl.DataFrame:
    made = [{"event_id": name, "patient_id": patient, "event_type": "surgery", "start_date": day(at), "rule": "test",
             "n_documents": 0} for name, at, patient in rows]  # fmt: skip
    return pl.DataFrame(made, schema=TIMELINE.polars_schema, orient="row")


def test_a_note_that_cannot_be_read_leaves_its_place_to_the_next():
    index, text = batch(("broken", 1, NOTE, "p1", None), ("empty", 2, NOTE, "p1", 0), ("read", 3, NOTE, "p1", 9))
    result = prioritised(index, text, surgeries(("s", 0, "p1")), ONCOLOGY)
    kept = kept_notes(result, ONCOLOGY)
    assert kept.schema == PRIORITISED.polars_schema
    columns = ("document_id", "reasons", "event_id", "days", "characters", "rule", "profile")
    assert kept.select(columns).rows() == [
        ("read", "final_note, post_surgery", "s", 3, 9, "include: oncology", "oncology")
    ]


def test_a_document_the_index_does_not_date_is_placed_by_what_it_states_itself():
    index, text = batch(
        *((name, None, NOTE, "p1", 9) for name in ("day", "time", "nothing")), ("both", 5, NOTE, "p1", 9)
    )
    said = pl.DataFrame(
        {
            "document_id": ["day", "time", "both"],
            "stated_date": [day(2), day(1), day(0)],
            "stated_at": [None, dt.datetime(2150, 3, 11, 9, 30), dt.datetime(2150, 3, 10, 8)],
            "stated_by": ["effective_time", "author_time", "author_time"],
        }
    )
    text = text.drop("stated_date", "stated_at", "stated_by").join(said, on="document_id", how="left").cast(text.schema)
    result = prioritised(index, text, surgeries(("s", 0, "p1"), ("t", 2, "p1")), ONCOLOGY)
    columns = ("document_id", "note_date", "note_time", "dated_by", "days", "order_known")
    assert kept_notes(result, ONCOLOGY).select(columns).rows() == [
        ("time", day(1), dt.datetime(2150, 3, 11, 9, 30), "author_time", 1, True),
        ("day", day(2), None, "effective_time", 0, False),
        # The index's day, and not the time of what the document says: that may be another day's.
        ("both", day(5), None, "index", None, None),
    ]
    counts = reduction(index, text, result).row(0, named=True)
    assert (counts["dated by themselves"], counts["undated"]) == (2, 1)


def at(day_of_month: int, hour: int | None = None) -> tuple:
    moment = dt.datetime(2150, 3, day_of_month, hour or 0)
    return moment.date(), None if hour is None else moment


@pytest.mark.parametrize(
    ("written", "stored", "known"),
    [
        (at(10, 9), at(12, 18), at(12, 18)), (at(10, 9), at(10, 18), at(10, 18)), (at(10, 9), at(10, 8), at(10, 9)),
        (at(10, 9), at(9, 8), at(10, 9)), (at(10), at(12, 18), at(12, 18)), (at(10), at(10, 18), at(10)),
        (at(10, 9), at(10), at(10)), (at(10), at(9, 8), at(10)), (at(10, 9), at(12), at(12)),
        (at(10, 9), (None, None), (None, None)),
    ],
)  # fmt: skip
def test_a_note_is_known_when_it_was_stored_and_never_before_it_was_written(written, stored, known):
    index, text = batch(("a", 0, NOTE, "p1", 9))
    moments = dict(zip(("authored_date", "authored_at", "stored_date", "stored_at"), (*written, *stored), strict=True))
    said = [pl.lit(value, INDEX.polars_schema[name]).alias(name) for name, value in moments.items()]
    kept = kept_notes(prioritised(index.with_columns(said), text, surgeries(), ONCOLOGY), ONCOLOGY)
    assert kept.select("known_date", "known_time").rows() == [known]


def test_what_a_report_states_as_its_effective_time_places_it_and_is_not_when_it_was_known():
    index, text = batch(("a", None, NOTE, "p1", 9), ("b", None, NOTE, "p1", 9))
    said = {"stated_date": day(0), "stated_at": dt.datetime(2150, 3, 10, 9), "stated_by": "effective_time"}
    text = text.with_columns(pl.lit(value, text.schema[name]).alias(name) for name, value in said.items())
    stored = pl.when(document_id="b").then(pl.lit(day(5))).alias("stored_date")
    result = prioritised(index.with_columns(stored), text, surgeries(("s", 0, "p1")), PAIR)
    assert kept_notes(result, PAIR).select("document_id", "note_date", "known_date").rows() == [
        ("a", day(0), None), ("b", day(0), day(5))
    ]  # fmt: skip


def test_the_nearest_event_is_named():
    index, text = batch(("a", 3, NOTE, "p1", 9))
    happened = surgeries(("far", -2, "p1"), ("near", 2, "p1"), ("same far", -2, "p1"))
    kept = kept_notes(prioritised(index, text, happened, ONCOLOGY), ONCOLOGY)
    assert kept.select("event_id", "days").rows() == [("near", 1)]


def test_a_trigger_without_a_note_is_a_row():
    index, text = batch(("a", 3, NOTE, "p1", 9))
    happened = surgeries(("with", 0, "p1"), ("without", 100, "p1"), ("nobody's", 0, "p2"))
    outcomes = trigger_outcomes(prioritised(index, text, happened, ONCOLOGY), happened, ONCOLOGY)
    assert outcomes.schema == PRIORITISED_TRIGGERS.polars_schema
    assert outcomes.filter(pl.col("kind") == "pathology")["document_id"].null_count() == 3
    assert dict(outcomes.filter(pl.col("kind") == "note").select("event_id", "document_id").iter_rows()) == {
        "with": "a", "without": None, "nobody's": None
    }  # fmt: skip
    assert dict(outcomes.select("kind", "window_days").iter_rows()) == {"note": 7, "operative": 7, "pathology": 21}


def test_windows_may_differ_by_kind_but_not_by_batch():
    index, text = batch(("a", 3, NOTE, "p1", 9))
    happened = surgeries(("s", 0, "p1"))

    def made(profile):
        return trigger_outcomes(prioritised(index, text, happened, profile), happened, profile)

    assert made(ONCOLOGY)["window_days"].n_unique() == 2
    assert one_profile(index.clear().with_columns(profile=pl.lit("oncology")), made(ONCOLOGY)).passed
    earlier = profile_from({"name": "oncology", "kind_windows": {"pathology": 14}})
    finding = one_profile(
        index.clear().with_columns(profile=pl.lit("oncology")), pl.concat([made(ONCOLOGY), made(earlier)])
    )
    assert not finding.passed
    assert finding.counts == {"profiles": 1, "settings": 2}


def test_a_linked_document_says_which_event_it_is_of():
    index, text = batch(
        ("near", 1, NOTE, "p1", 9), ("linked", 30, "Operative report", "p1", 9), ("broken", 2, NOTE, "p1", None)
    )
    linked = pl.DataFrame(
        [("p1", "s", name, "reference") for name in ("linked", "broken")], schema=SOURCE_DOCUMENT_SCHEMA, orient="row"
    )
    result = prioritised(index, text, surgeries(("s", 0, "p1")), ONCOLOGY, linked)
    assert kept_notes(result, ONCOLOGY).select("document_id", "reasons", "event_id", "days").rows() == [
        ("near", "final_note, post_surgery", "s", 1), ("linked", "linked", "s", 30)
    ]  # fmt: skip


def test_what_became_of_every_document():
    index, text = batch(
        ("kept", 1, NOTE, "p1", 9), ("last", 50, NOTE, "p1", 9), ("between", 20, NOTE, "p1", 9),
        ("phone", 1, "Telephone encounter", "p1", 9), ("undated", None, NOTE, "p1", 9), ("broken", 1, NOTE, "p1", None),
        ("other", 1, "Telephone encounter", "p2", 9),
    )  # fmt: skip
    happened = surgeries(("s", 0, "p1"), ("t", 30, "p1"))
    counts = reduction(index, text, prioritised(index, text, happened, ONCOLOGY))
    assert counts.rows(named=True) == [
        {"patient_id": "p1", "documents": 6, "without text": 1, "dated by themselves": 0, "undated": 1, "relevant": 4,
         "kept": 2, "triggers": 2, "triggers with a note": 1},
        {"patient_id": "p2", "documents": 1, "without text": 0, "dated by themselves": 0, "undated": 0, "relevant": 0,
         "kept": 0, "triggers": 0, "triggers with a note": 0},
    ]  # fmt: skip


def test_each_trigger_says_how_many_of_its_events_found_a_document():
    index, text = batch(("a", 1, NOTE, "p1", 9), ("report", 2, "Operative report", "p1", 9), ("b", 99, NOTE, "p1", 9))
    result = prioritised(index, text, surgeries(("s", 0, "p1"), ("t", 30, "p1"), ("u", 98, "p1")), ONCOLOGY)
    assert by_trigger(result.triggers).rows() == [("post_surgery", 3, 2)]
    assert by_trigger(result.triggers.clear()).is_empty()


def test_nothing_gives_tables_of_nothing():
    index, text = batch()
    result = prioritised(index, text, surgeries(), GENERAL)
    assert kept_notes(result, GENERAL).schema == PRIORITISED.polars_schema
    assert trigger_outcomes(result, surgeries(), GENERAL).schema == PRIORITISED_TRIGGERS.polars_schema
    assert reduction(index, text, result).is_empty()


def test_a_profile_that_says_something_else_is_another_version():
    same = profile_from({"name": "oncology", "base": "oncology"})
    wider = profile_from({"name": "oncology", "base": "oncology", "window_days": 8})
    assert profile_version(same) == profile_version(ONCOLOGY)
    assert len({profile_version(p) for p in (ONCOLOGY, GENERAL, wider)}) == 3


@settings(max_examples=30, deadline=None)
@given(
    documents=st.lists(st.tuples(st.none() | st.integers(-20, 20), st.sampled_from([NOTE, "Telephone encounter"]),
                                 st.sampled_from(["p1", "p2"]), st.none() | st.integers(0, 2)), max_size=10),
    happened=st.lists(st.tuples(st.integers(-20, 20), st.sampled_from(["p1", "p2"])), max_size=4),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_patients_one_by_one_in_any_order_give_what_all_give(documents, happened, seed):
    index, text = batch(*((f"d{i}", *row) for i, row in enumerate(documents)))
    events = surgeries(*((f"s{i}", *row) for i, row in enumerate(happened)))

    def made(patients: list[str]):
        def own(frame):
            return frame.filter(pl.col("patient_id").is_in(patients)).sample(fraction=1, shuffle=True, seed=seed)

        result = prioritised(own(index), text, own(events), ONCOLOGY)
        return (
            kept_notes(result, ONCOLOGY),
            trigger_outcomes(result, own(events), ONCOLOGY),
            reduction(own(index), text, result),
        )

    whole, parts = made(["p1", "p2"]), [made(["p1"]), made(["p2"])]
    for table, *pieces in zip(whole, *parts, strict=True):
        key = [
            name for name in ("patient_id", "document_id", *PRIORITISED_TRIGGERS.primary_key) if name in table.columns
        ]
        assert table.sort(key).equals(pl.concat(pieces).sort(key))
    counts = whole[2].select(pl.col(COUNTS).sum()).row(0, named=True) if whole[2].height else None
    if counts:
        assert counts["kept"] <= counts["relevant"] <= counts["documents"] - counts["without text"]
        assert counts["triggers with a note"] <= counts["triggers"]
