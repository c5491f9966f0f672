"""A note that only repeats another kept one gives its place to the next; no trigger and no sentence is lost by it."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.prioritised.note_profiles import ONCOLOGY
from clinical_assets.documents.prioritised.prioritisation import NOTE_SCHEMA, prioritise
from clinical_assets.documents.prioritised.repeated_text import SAID_SCHEMA
from clinical_assets.documents.prioritised.site_profiles import profile_from
from clinical_assets.documents.timeline.events import EVENT_SCHEMA
from clinical_assets.documents.timeline.timeline_links import REFERENCE
from clinical_assets.documents.timeline.timeline_store import SOURCE_DOCUMENT_SCHEMA

ONCOLOGIST, DERMATOLOGIST, REPORT = "Oncology progress note", "Dermatology progress note", "MRI Brain"
WITHOUT_FINAL = profile_from({"name": "oncology", "keep_final_note": False})
SAME, OTHER = (1, 2, 3, 4), (5, 6, 7, 8)


def day(offset: int) -> dt.date:
    return dt.date(2150, 3, 10) + dt.timedelta(days=offset)


def notes(*rows) -> pl.DataFrame:
    """Rows of (document id, day, type, what it says)."""
    made = [(name, "p", day(at), None, kind, None, None) for name, at, kind, _ in rows]
    return pl.DataFrame(made, schema=NOTE_SCHEMA, orient="row")


def told(*rows) -> pl.DataFrame:
    return pl.DataFrame([(name, list(says)) for name, _, _, says in rows], schema=SAID_SCHEMA, orient="row")


def events(*rows) -> pl.DataFrame:
    """Rows of (event id, type, day)."""
    made = [{"event_id": name, "patient_id": "p", "event_type": kind, "start_date": day(at)} for name, kind, at in rows]
    return pl.DataFrame(made, schema=EVENT_SCHEMA)


def links(*pairs) -> pl.DataFrame:
    made = [("p", event, document, REFERENCE) for event, document in pairs]
    return pl.DataFrame(made, schema=SOURCE_DOCUMENT_SCHEMA, orient="row")


SCANS = events(("first", "imaging", 0), ("second", "imaging", 100))


def why(*rows, profile=WITHOUT_FINAL, happened=SCANS, linked=None) -> dict[str, list[str]]:
    kept = prioritise(notes(*rows), happened, profile, linked, told(*rows)).kept
    return dict(kept.select("document_id", "reasons").iter_rows())


ORIGINAL = ("original", 1, ONCOLOGIST, SAME)
COPY = ("copy", 101, ONCOLOGIST, SAME)


def test_a_copy_gives_its_place_to_the_next():
    assert why(ORIGINAL, COPY, ("next", 103, ONCOLOGIST, OTHER)) == {
        "original": ["post_imaging"], "next": ["instead_of_repeat", "post_imaging"]
    }  # fmt: skip


def test_what_takes_its_place_is_no_copy_either():
    rows = (ORIGINAL, COPY, ("again", 102, ONCOLOGIST, SAME[:4]), ("next", 107, ONCOLOGIST, (*SAME, 9)))
    assert why(*rows) == {"original": ["post_imaging"], "next": ["instead_of_repeat", "post_imaging"]}


def test_a_copy_stays_where_there_is_no_other():
    assert why(ORIGINAL, COPY) == {"original": ["post_imaging"], "copy": ["post_imaging", "repeat"]}
    result = prioritise(notes(ORIGINAL, COPY), SCANS, WITHOUT_FINAL, None, told(ORIGINAL, COPY))
    assert result.repeats.rows() == [("p", "copy", "original", True)]


def test_a_copy_of_a_note_that_is_not_kept_is_the_only_one_to_say_it():
    rows = (("original", 50, ONCOLOGIST, SAME), COPY, ("next", 103, ONCOLOGIST, OTHER))
    assert why(*rows) == {"copy": ["post_imaging"]}


def test_the_copy_that_says_more_is_kept_beside_the_original():
    rows = (ORIGINAL, ("copy", 101, ONCOLOGIST, (*SAME, 9)), ("next", 103, ONCOLOGIST, OTHER))
    assert why(*rows) == {"original": ["post_imaging"], "copy": ["post_imaging"]}


@pytest.mark.parametrize(("at_the_visit", "stays"), [(("copy",), True), (("copy", "next"), False), ((), False)])
def test_the_only_note_of_a_visit_is_never_passed_over(at_the_visit, stays):
    happened = pl.concat([SCANS, events(("visit", "encounter", 101))])
    rows = (ORIGINAL, COPY, ("next", 103, ONCOLOGIST, OTHER))
    kept = why(*rows, happened=happened, linked=links(*(("visit", name) for name in at_the_visit)))
    assert ("copy" in kept) == stays


def test_a_report_is_never_a_repeat():
    rows = (("scan", 0, REPORT, SAME), ("same again", 100, REPORT, SAME), ("later", 102, REPORT, OTHER))
    assert why(*rows) == {"scan": ["post_imaging"], "same again": ["post_imaging"]}


def test_a_linked_copy_stays_where_it_is():
    rows = (ORIGINAL, COPY, ("next", 103, ONCOLOGIST, OTHER))
    assert why(*rows, linked=links(("second", "copy"))) == {
        "original": ["post_imaging"], "copy": ["linked", "post_imaging"]
    }  # fmt: skip


def test_the_oncologists_copy_stays_beside_the_dermatologists_note_where_he_wrote_no_other():
    rows = (ORIGINAL, COPY, ("skin", 102, DERMATOLOGIST, OTHER))
    assert why(*rows) == {
        "original": ["post_imaging"],
        "copy": ["post_imaging_specialty", "repeat"],
        "skin": ["instead_of_repeat", "post_imaging"],
    }


def test_the_last_note_is_the_last_that_says_something():
    rows = (ORIGINAL, ("last word", 50, ONCOLOGIST, OTHER), ("copy", 300, ONCOLOGIST, SAME))
    assert why(*rows, profile=ONCOLOGY) == {
        "original": ["post_imaging"], "last word": ["final_note", "instead_of_repeat"]
    }  # fmt: skip


@pytest.mark.parametrize("settings_of_site", [{"pass_over_repeats": False}, None])
def test_where_nobody_looks_or_nobody_asks_copies_count_as_others(settings_of_site):
    rows = (ORIGINAL, COPY, ("next", 103, ONCOLOGIST, OTHER))
    profile = profile_from({"keep_final_note": False, **(settings_of_site or {})})
    result = prioritise(notes(*rows), SCANS, profile, None, told(*rows) if settings_of_site else None)
    assert result.kept["document_id"].to_list() == ["original", "copy"]
    assert result.repeats.is_empty()


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.sampled_from([ONCOLOGIST, ONCOLOGIST, DERMATOLOGIST, REPORT]),
                       st.sampled_from([SAME, OTHER, (*SAME, 9), (*SAME, *OTHER), (1,)])), min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from(["imaging", "surgery", "radiation"]), st.integers(-9, 9)), max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), max_size=3),
    st.randoms(use_true_random=False),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_no_trigger_goes_without_its_note_and_no_sentence_is_lost(documents, happened, pairs, rng):
    rows = [(f"d{i}", *row) for i, row in enumerate(documents)]
    timeline = events(*((f"e{i}", kind, at) for i, (kind, at) in enumerate(happened)))
    linked = links(*((f"e{e}", f"d{d}") for e, d in pairs))
    blind = prioritise(notes(*rows), timeline, ONCOLOGY, linked)
    result = prioritise(notes(*rows), timeline, ONCOLOGY, linked, told(*rows))
    assert result.reduction.triggers_with_note == blind.reduction.triggers_with_note
    says = {name: set(said) for name, _, _, said in rows}
    kept = set(result.kept["document_id"])
    passed = set(blind.kept["document_id"]) - kept
    for document, stands, is_kept in result.repeats.select("document_id", "repeated", "kept").iter_rows():
        assert stands in kept
        assert says[document] <= says[stands]
        assert is_kept == (document in kept)
    # Whoever has no place any more is a repeat, or was beside one whose place the one beside it now has.
    of_repeats = set(result.repeats["document_id"])
    assert of_repeats or not passed
    assert of_repeats & kept == set(result.kept.filter(pl.col("reasons").list.contains("repeat"))["document_id"])
    rng.shuffle(rows)
    again = prioritise(notes(*rows), timeline, ONCOLOGY, linked, told(*rows))
    assert again.kept.equals(result.kept)
    assert again.reasons.equals(result.reasons)
