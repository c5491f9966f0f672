"""Age, the ICU stay in its hospital stay, and the hours of an ICU stay."""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import (
    HADM_ID,
    STAY_ID,
    SUBJECT_ID,
    concept,
    conform,
    flag,
    integer,
    number,
    text,
    timestamp,
)
from clinical_assets.concepts.measurements import is_item
from clinical_assets.concepts.published_arithmetic import days_crossed, hours_crossed, rounded
from clinical_assets.concepts.vitals import HEART_RATE
from clinical_assets.tables import Column, Type

AGE = concept(
    "age",
    grain="one row per hospital stay",
    meaning="Age at hospital admission. Ages over 89 are 91 in the release and can't be told apart.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        timestamp("admittime", "Hospital admission."),
        integer("anchor_age", "Age in the anchor year.", "a"),
        integer("anchor_year", "The patient's anchor year in the shifted calendar."),
        integer("age", "Age in the year of admission.", "a"),
    ),
    primary_key=("hadm_id",),
    happened="admittime",
)


def _age_at_admission() -> pl.Expr:
    """Birthdays are not released, only years: the age is right to a year."""
    return pl.col("anchor_age") + pl.col("admittime").dt.year() - pl.col("anchor_year")


def age(patients: pl.LazyFrame, admissions: pl.LazyFrame) -> pl.LazyFrame:
    """Age at admission. One row per hospital stay."""
    rows = admissions.join(patients, on="subject_id").with_columns(age=_age_at_admission())
    return conform(rows, AGE)


ICUSTAY_DETAIL = concept(
    "icustay_detail",
    grain="one row per ICU stay",
    meaning="The ICU stay with its patient and hospital stay. `dod` and `hospital_expire_flag` are outcomes.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        text("gender", "Administrative sex.", allowed=("F", "M")),
        Column(
            name="dod", type=Type.DATE, meaning="Date of death, in or out of hospital, up to a year after discharge."
        ),
        timestamp("admittime", "Hospital admission."),
        timestamp("dischtime", "Hospital discharge."),
        integer("los_hospital", "Midnights between hospital admission and discharge.", "d"),
        integer("admission_age", "Age in the year of hospital admission.", "a"),
        text("race", "As registered."),
        flag("hospital_expire_flag", "1 where the patient died in this hospital stay."),
        integer("hospstay_seq", "Rank of the hospital stay among the patient's stays with an ICU stay, from 1."),
        Column(name="first_hosp_stay", type=Type.BOOLEAN, meaning="Whether that rank is 1."),
        timestamp("icu_intime", "ICU admission."),
        timestamp("icu_outtime", "ICU discharge."),
        number("los_icu", "Full clock hours between ICU admission and discharge, divided by 24.", "d"),
        integer("icustay_seq", "Rank of the ICU stay within its hospital stay, from 1."),
        Column(name="first_icu_stay", type=Type.BOOLEAN, meaning="Whether that rank is 1."),
    ),
    primary_key=("stay_id",),
    happened="icu_intime",
)


def icustay_detail(icustays: pl.LazyFrame, admissions: pl.LazyFrame, patients: pl.LazyFrame) -> pl.LazyFrame:
    """The ICU stay in its hospital stay. One row per ICU stay."""
    rows = (
        icustays.select("subject_id", "hadm_id", "stay_id", icu_intime="intime", icu_outtime="outtime")
        .join(admissions.drop("subject_id"), on="hadm_id")
        .join(patients, on="subject_id")
        .with_columns(
            los_hospital=days_crossed(pl.col("admittime"), pl.col("dischtime")),
            admission_age=_age_at_admission(),
            hospstay_seq=pl.col("admittime").rank("dense").over("subject_id"),
            los_icu=rounded(hours_crossed(pl.col("icu_intime"), pl.col("icu_outtime")) / 24, 2),
            icustay_seq=pl.col("icu_intime").rank("dense").over("hadm_id"),
        )
        .with_columns(first_hosp_stay=pl.col("hospstay_seq") == 1, first_icu_stay=pl.col("icustay_seq") == 1)
    )
    return conform(rows, ICUSTAY_DETAIL)


ICUSTAY_TIMES = concept(
    "icustay_times",
    grain="one row per ICU stay",
    meaning="First and last charted heart rate: when the patient was in the unit, rather than when a bed was booked.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        timestamp("intime_hr", "First charted heart rate."),
        timestamp("outtime_hr", "Last charted heart rate."),
    ),
    primary_key=("stay_id",),
    happened="intime_hr",
)


def icustay_times(icustays: pl.LazyFrame, chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """First and last heart rate. One row per ICU stay, null where no heart rate was charted."""
    heart_rates = (
        chartevents.filter(is_item(HEART_RATE.itemids))
        .group_by("stay_id")
        .agg(intime_hr=pl.col("charttime").min(), outtime_hr=pl.col("charttime").max())
    )
    return conform(icustays.join(heart_rates, on="stay_id", how="left"), ICUSTAY_TIMES)


HOURS_BEFORE = 24
_HOUR = pl.duration(hours=1)

ICUSTAY_HOURLY = concept(
    "icustay_hourly",
    grain="one row per ICU stay and hour",
    meaning="The hours of an ICU stay from 24 before the first heart rate to the last; none without a heart rate.",
    columns=(
        STAY_ID,
        integer("hr", "Hour, 0 being the one that ends at the first heart rate's full hour.", "h"),
        timestamp("endtime", "The hour's end on the full clock hour; the hour is (endtime - 1 h, endtime]."),
    ),
    primary_key=("stay_id", "hr"),
    happened="endtime",
)


def icustay_hourly(icustay_times: pl.LazyFrame) -> pl.LazyFrame:
    """The hours of each ICU stay. One row per stay and hour, `hr` from -24 on."""
    first, last = pl.col("intime_hr"), pl.col("outtime_hr")
    rounded_up = first.dt.truncate("1h") + pl.when(first == first.dt.truncate("1h")).then(0).otherwise(1) * _HOUR
    rows = (
        icustay_times.filter(first.is_not_null())
        .with_columns(hr=pl.int_ranges(-HOURS_BEFORE, hours_crossed(first, last) + 1), anchor=rounded_up)
        .explode("hr")
        .with_columns(endtime=pl.col("anchor") + pl.col("hr") * _HOUR)
    )
    return conform(rows, ICUSTAY_HOURLY)
