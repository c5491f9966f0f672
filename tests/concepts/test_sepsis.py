from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.concepts.sepsis import sepsis3, sepsis_onset
from clinical_assets.concepts.tables import TABLES


@pytest.fixture
def stay(concept_rows, at):
    """`sepsis3` and `sepsis_onset` of one stay from suspicions (suspected, antibiotic, culture) and scores by hour."""

    def tables(suspicions, scores):
        infection = concept_rows(
            "suspicion_of_infection",
            *(
                {
                    "subject_id": 1,
                    "stay_id": 100,
                    "ab_id": n,
                    "suspected_infection": 1,
                    "suspected_infection_time": at(suspected),
                    "antibiotic_time": at(given),
                    "culture_time": at(culture),
                }
                for n, (suspected, given, culture) in enumerate(suspicions)
            ),
        )
        hours = concept_rows(
            "sofa",
            *(
                {"subject_id": 1, "stay_id": 100, "hr": hour, "endtime": at(hour), "sofa_24hours": score}
                for hour, score in scores.items()
            ),
        )
        found = sepsis3(infection, hours)
        return found.collect(), sepsis_onset(infection, hours, found).collect()

    return tables


@pytest.mark.parametrize(
    ("hour", "septic"), [(51.9, False), (52, True), (100, True), (124, True), (124.1, False)], ids=str
)
def test_organ_dysfunction_from_48_h_before_to_24_h_after_suspicion(stay, hour, septic):
    found, _ = stay([(100, 110, 100)], {int(hour * 10) / 10: 2})
    assert found.height == septic


def test_a_score_of_one_is_not_sepsis(stay):
    assert stay([(100, 110, 100)], {100: 1})[0].is_empty()


def test_no_suspicion_no_sepsis(stay):
    assert stay([], {100: 10})[0].is_empty()


def test_the_first_suspicion_with_dysfunction_and_its_first_hour(stay, at):
    found, _ = stay([(10, 12, 10), (200, 200, 205)], {160: 2, 170: 5})
    row = found.row(0, named=True)
    assert (row["suspected_infection_time"], row["sofa_time"], row["sofa_score"]) == (at(200), at(160), 2)
    assert row["sepsis3"] is True


def test_antibiotics_outside_the_icu_do_not_count(concept_rows, at):
    infection = concept_rows(
        "suspicion_of_infection",
        {"subject_id": 1, "suspected_infection": 1, "suspected_infection_time": at(1), "antibiotic_time": at(1)},
    )
    hours = concept_rows("sofa", {"subject_id": 1, "stay_id": 100, "hr": 1, "endtime": at(1), "sofa_24hours": 4})
    assert sepsis3(infection, hours).collect().is_empty()


def test_onset_is_known_only_once_both_have_begun(stay, at):
    early_sofa = stay([(100, 130, 100)], {90: 3})[1].row(0, named=True)
    assert (early_sofa["onset_known_time"], early_sofa["criteria_complete_time"]) == (at(100), at(130))
    late_sofa = stay([(100, 101, 100)], {110: 3})[1].row(0, named=True)
    assert (late_sofa["onset_known_time"], late_sofa["criteria_complete_time"]) == (at(110), at(110))


def test_an_antibiotic_before_its_culture_completes_with_the_culture(stay, at):
    assert stay([(100, 100, 120)], {100: 2})[1]["criteria_complete_time"].to_list() == [at(120)]


def test_a_patient_who_stays_as_ill_as_he_came_has_no_rise(stay):
    row = stay([(100, 101, 100)], dict.fromkeys(range(90, 110), 6))[1].row(0, named=True)
    assert row["sofa_time"] is not None
    assert (row["delta_sofa_time"], row["delta_sofa"], row["delta_onset_known_time"]) == (None, None, None)


def test_a_rise_is_over_the_lowest_score_so_far(stay, at):
    row = stay([(100, 101, 100)], {90: 6, 95: 4, 99: 5, 105: 6, 106: 9})[1].row(0, named=True)
    assert (row["delta_sofa_time"], row["delta_sofa"], row["delta_onset_known_time"]) == (at(105), 2, at(105))


@settings(max_examples=25, deadline=None)
@given(scores=st.lists(st.integers(0, 6), min_size=1, max_size=12), cut=st.integers(0, 12))
def test_later_hours_never_change_an_onset_already_known(scores, cut):
    """A property of early warning: what is found in the hours so far stays as it is when more hours come."""
    start = datetime(2150, 1, 1)
    infection = pl.LazyFrame(
        [
            dict.fromkeys(TABLES["suspicion_of_infection"].column_names)
            | {
                "subject_id": 1,
                "stay_id": 100,
                "ab_id": 1,
                "suspected_infection": 1,
                "suspected_infection_time": start,
                "antibiotic_time": start,
                "culture_time": start + timedelta(hours=2),
            }
        ],
        schema=TABLES["suspicion_of_infection"].polars_schema,
    )
    hours = [
        dict.fromkeys(TABLES["sofa"].column_names)
        | {"subject_id": 1, "stay_id": 100, "hr": n, "endtime": start + timedelta(hours=n), "sofa_24hours": score}
        for n, score in enumerate(scores)
    ]

    def onsets(known):
        sofa = pl.LazyFrame(known, schema=TABLES["sofa"].polars_schema)
        return sepsis_onset(infection, sofa, sepsis3(infection, sofa)).collect()

    so_far, whole = onsets(hours[:cut]), onsets(hours)
    for name in ("onset_known_time", "delta_onset_known_time", "delta_sofa"):
        found = so_far[name].drop_nulls().to_list()
        assert found in ([], whole[name].to_list()[: len(found)])
