"""Which stay an X-ray belongs to: every branch by hand, and what holds whatever the stays."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.imaging import linkage
from clinical_assets.imaging.tables import CXR_IMAGE_LINKS, CXR_STAY_LINKS

START = datetime(2150, 1, 1)


def hours(number):
    return START + timedelta(hours=number)


def stays(kind, records):
    """(subject, id, begin, end) with hours for times; an ED or ICU stay's admission is its id plus 1000."""
    if kind == "hospital":
        schema = {
            "subject_id": pl.Int64,
            "hadm_id": pl.Int64,
            "admittime": pl.Datetime("us"),
            "dischtime": pl.Datetime("us"),
        }
        return pl.LazyFrame([(s, i, b, e) for s, i, b, e in records], schema, orient="row")
    schema = {
        "subject_id": pl.Int64,
        "stay_id": pl.Int64,
        "intime": pl.Datetime("us"),
        "outtime": pl.Datetime("us"),
        "hadm_id": pl.Int64,
        "admission_found": pl.Boolean,
    }
    return pl.LazyFrame([(s, i, b, e, i + 1000, i % 2 == 1) for s, i, b, e in records], schema, orient="row")


def link(studies, ed=(), icu=(), hospital=(), look_back=None):
    schema = {"subject_id": pl.Int64, "study_id": pl.Int64, "study_time": pl.Datetime("us")}
    frame = pl.LazyFrame(list(studies), schema, orient="row")
    links = linkage.cxr_stay_links(
        frame, stays("ed", ed), stays("icu", icu), stays("hospital", hospital), look_back=look_back
    )
    return links.select(CXR_STAY_LINKS.column_names).collect()


def only(*args, **kwargs):
    return link([(1, 5, hours(10))], *args, **kwargs).row(0, named=True)


ED, ICU, ADMISSION = (1, 31, hours(8), hours(12)), (1, 21, hours(9), hours(40)), (1, 11, hours(7), hours(90))


def test_the_ed_stay_comes_before_the_icu_stay_before_the_admission():
    assert only([ED], [ICU], [ADMISSION])["match_type"] == "ed"
    assert only([], [ICU], [ADMISSION])["match_type"] == "icu"
    assert only([], [], [ADMISSION])["match_type"] == "hospital"
    assert only()["match_type"] == "none"


def test_a_link_names_the_stay_and_its_distance():
    found = only([ED], [ICU], [ADMISSION])
    assert (found["ed_stay_id"], found["icu_stay_id"], found["hadm_id"]) == (31, None, 1031)
    assert (found["stay_intime"], found["offset_minutes"], found["n_candidates"]) == (hours(8), 120.0, 1)
    found = only([], [ICU], [])
    assert (found["ed_stay_id"], found["icu_stay_id"], found["hadm_id"]) == (None, 21, 1021)
    found = only([], [], [ADMISSION])
    assert (found["ed_stay_id"], found["icu_stay_id"], found["hadm_id"], found["offset_minutes"]) == (
        None,
        None,
        11,
        180.0,
    )


def test_an_admission_that_is_not_found_is_not_named():
    assert only([(1, 32, hours(8), hours(12))])["hadm_id"] is None


@pytest.mark.parametrize(
    ("begin", "end", "match"), [(10, 12, "ed"), (8, 10, "ed"), (10, 10, "ed"), (10.01, 12, "none"), (8, 9.99, "none")]
)
def test_both_ends_of_a_stay_belong_to_it(begin, end, match):
    assert only([(1, 31, hours(begin), hours(end))])["match_type"] == match


def test_of_several_stays_the_nearest_beginning_wins_then_the_smallest_id():
    far, near, same = (1, 31, hours(2), hours(12)), (1, 35, hours(9), hours(12)), (1, 33, hours(9), hours(11))
    for order in ([far, near, same], [same, near, far]):
        found = only(order)
        assert (found["ed_stay_id"], found["n_candidates"], found["offset_minutes"]) == (33, 3, 60.0)


def test_candidates_are_those_of_the_match_type_only():
    assert only([ED], [ICU, (1, 23, hours(1), hours(20))])["n_candidates"] == 1


def test_another_patients_stay_is_none():
    assert only([(2, 31, hours(8), hours(12))])["match_type"] == "none"


def test_a_stay_that_ends_before_it_begins_holds_nothing():
    assert only([(1, 31, hours(12), hours(8))], [], [ADMISSION])["match_type"] == "hospital"
    assert only([(1, 31, hours(12), hours(8))], look_back=timedelta(hours=5))["match_type"] == "none"


def test_a_study_without_time_is_kept_unlinked():
    found = link([(1, 5, None)], [ED]).row(0, named=True)
    assert (found["match_type"], found["n_candidates"], found["ed_stay_id"]) == ("no study time", 0, None)


def test_without_a_look_back_a_stay_that_has_ended_is_none():
    assert only([(1, 31, hours(1), hours(9))])["match_type"] == "none"


def test_a_look_back_reaches_stays_that_ended_within_it_and_prefers_current_ones():
    ended = (1, 31, hours(1), hours(9))
    found = only([ended], look_back=timedelta(hours=1))
    assert (found["match_type"], found["ed_stay_id"], found["offset_minutes"]) == ("ed look-back", 31, 540.0)
    assert only([ended], look_back=timedelta(minutes=59))["match_type"] == "none"
    assert only([ended], [], [ADMISSION], look_back=timedelta(hours=1))["match_type"] == "hospital"
    assert (
        only([], [(1, 21, hours(0), hours(9))], [(1, 11, hours(0), hours(9))], look_back=timedelta(1))["match_type"]
        == "icu look-back"
    )


@pytest.mark.parametrize("look_back", [None, timedelta(days=7)])
def test_a_stay_that_begins_later_is_never_taken(look_back):
    assert only([(1, 31, hours(10.001), hours(12))], look_back=look_back)["match_type"] == "none"


def test_images_of_one_study_may_lie_in_two_stays():
    images = pl.LazyFrame(
        [(1, 5, "a", hours(10)), (1, 5, "b", hours(13))],
        {"subject_id": pl.Int64, "study_id": pl.Int64, "dicom_id": pl.String, "taken_at": pl.Datetime("us")},
        orient="row",
    )
    links = linkage.cxr_image_links(images, stays("ed", [ED]), stays("icu", [ICU]), stays("hospital", []))
    found = links.select(CXR_IMAGE_LINKS.column_names).collect()
    assert dict(found.select("dicom_id", "match_type").iter_rows()) == {"a": "ed", "b": "icu"}
    assert dict(found.schema) == dict(CXR_IMAGE_LINKS.polars_schema)


moments = st.integers(0, 30).map(hours)
records = st.lists(st.tuples(st.integers(1, 3), moments, moments), max_size=6).map(
    lambda found: [(s, i + 1, b, e) for i, (s, b, e) in enumerate(found)]
)
studies = st.lists(st.tuples(st.integers(1, 3), st.none() | moments), min_size=1, max_size=6).map(
    lambda found: [(s, i + 1, t) for i, (s, t) in enumerate(found)]
)
look_backs = st.sampled_from([None, timedelta(hours=3)])


@given(studies, records, records, records, look_backs, st.randoms(use_true_random=False))
def test_whatever_the_stays(taken, ed, icu, hospital, look_back, random):
    found = link(taken, ed, icu, hospital, look_back).sort("study_id")
    assert dict(found.schema) == dict(CXR_STAY_LINKS.polars_schema)
    assert found["study_id"].to_list() == [number for _, number, _ in taken]  # one row per study, none lost

    shuffled = [random.sample(rows, len(rows)) for rows in (taken, ed, icu, hospital)]
    assert link(*shuffled, look_back).sort("study_id").equals(found)  # the order of rows decides nothing

    owners = {("ed", i): (s, b, e) for s, i, b, e in ed}
    owners |= {("icu", i): (s, b, e) for s, i, b, e in icu}
    owners |= {("hospital", i): (s, b, e) for s, i, b, e in hospital}
    for row in found.to_dicts():
        kind = row["match_type"].split()[0]
        if kind in ("none", "no"):
            continue
        stay = {"ed": row["ed_stay_id"], "icu": row["icu_stay_id"], "hospital": row["hadm_id"]}[kind]
        subject, begin, end = owners[(kind, stay)]
        assert subject == row["subject_id"]  # never crosses patients
        assert begin == row["stay_intime"] <= row["study_time"]  # never looks ahead
        assert row["study_time"] <= end or (look_back and row["study_time"] - end <= look_back)
        assert row["offset_minutes"] >= 0
        assert row["n_candidates"] >= 1
