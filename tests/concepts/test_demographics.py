from datetime import datetime

import polars as pl
import pytest

from clinical_assets.concepts.demographics import age, icustay_detail, icustay_hourly, icustay_times

HEART_RATE = 220045


def test_age_moves_with_the_year_of_admission(mimic_rows):
    patients = mimic_rows("patients", {"subject_id": 1, "anchor_age": 60, "anchor_year": 2150})
    admissions = mimic_rows(
        "admissions",
        {"subject_id": 1, "hadm_id": 10, "admittime": datetime(2149, 12, 31, 23)},
        {"subject_id": 1, "hadm_id": 11, "admittime": datetime(2153, 1, 1, 1)},
    )
    assert sorted(age(patients, admissions).collect().select("hadm_id", "age").rows()) == [(10, 59), (11, 63)]


@pytest.fixture
def two_hospital_stays(mimic_rows, at):
    patients = mimic_rows("patients", {"subject_id": 1, "anchor_age": 60, "anchor_year": 2150, "gender": "F"})
    admissions = mimic_rows(
        "admissions",
        {"subject_id": 1, "hadm_id": 9, "admittime": at(-500), "dischtime": at(-400)},
        {"subject_id": 1, "hadm_id": 10, "admittime": at(0.5), "dischtime": at(49)},
        {"subject_id": 1, "hadm_id": 11, "admittime": at(500), "dischtime": at(501)},
    )
    stays = mimic_rows(
        "icustays",
        {"subject_id": 1, "hadm_id": 10, "stay_id": 100, "intime": at(1.5), "outtime": at(7.25)},
        {"subject_id": 1, "hadm_id": 10, "stay_id": 101, "intime": at(20), "outtime": at(44)},
        {"subject_id": 1, "hadm_id": 11, "stay_id": 102, "intime": at(500), "outtime": at(501)},
    )
    return icustay_detail(stays, admissions, patients).collect().sort("stay_id")


def test_stays_are_ranked_within_hospital_stay_and_patient(two_hospital_stays):
    assert two_hospital_stays["icustay_seq"].to_list() == [1, 2, 1]
    assert two_hospital_stays["first_icu_stay"].to_list() == [True, False, True]
    # The hospital stay without an ICU stay does not count.
    assert two_hospital_stays["hospstay_seq"].to_list() == [1, 1, 2]
    assert two_hospital_stays["first_hosp_stay"].to_list() == [True, True, False]


def test_lengths_of_stay_count_midnights_and_clock_hours(two_hospital_stays):
    assert two_hospital_stays["los_hospital"].to_list() == [2, 2, 0]
    assert two_hospital_stays["los_icu"].to_list() == [0.25, 1.0, 0.04]


def test_times_are_those_of_the_heart_rate(one_stay, chart, at):
    entries = chart((20, 220277, 98), (24.5, HEART_RATE, 80), (30, HEART_RATE, 90), (40, 220277, 98))
    row = icustay_times(one_stay, entries).collect().row(0, named=True)
    assert (row["intime_hr"], row["outtime_hr"]) == (at(24.5), at(30))


@pytest.mark.parametrize(
    ("first", "last", "zero", "hours"),
    [
        (24.5, 30.25, 25, 6),
        (25.0, 30.0, 25, 5),  # on the hour: not rounded up
        (24.1, 24.9, 25, 0),
    ],
)
def test_hours_end_on_full_hours_from_24_before_the_first_heart_rate(one_stay, chart, at, first, last, zero, hours):
    times = icustay_times(one_stay, chart((first, HEART_RATE, 80), (last, HEART_RATE, 80)))
    grid = icustay_hourly(times).collect().sort("hr")
    assert grid["hr"].to_list() == list(range(-24, hours + 1))
    assert grid.filter(pl.col("hr") == 0)["endtime"].to_list() == [at(zero)]
    assert grid["endtime"][-1] == at(zero + hours)


def test_a_stay_without_a_heart_rate_has_no_hours(one_stay, chart):
    times = icustay_times(one_stay, chart((24, 220277, 98)))
    assert times.collect()["intime_hr"].to_list() == [None]
    assert icustay_hourly(times).collect().is_empty()
