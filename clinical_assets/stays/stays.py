"""Hospital, ICU and ED stays from the tables of the release. See `tables` for columns and their meaning."""

from __future__ import annotations

import polars as pl


def hospital_stays(admissions: pl.LazyFrame, patients: pl.LazyFrame) -> pl.LazyFrame:
    """One row per admission, with the patient's age at admission."""
    return admissions.join(
        patients.select("subject_id", "gender", "anchor_age", "anchor_year"), on="subject_id", how="left"
    ).select(
        "subject_id",
        "hadm_id",
        "admittime",
        "dischtime",
        "deathtime",
        "admission_type",
        "admission_location",
        "discharge_location",
        "edregtime",
        "edouttime",
        "gender",
        age=_age_at("admittime"),
        hospital_expire_flag="hospital_expire_flag",
        los_days=_hours("admittime", "dischtime") / 24,
        hospital_stay_number=_number_within("subject_id", by=["admittime", "hadm_id"]),
        died_after_discharge_time=pl.col("deathtime") > pl.col("dischtime"),
    )


def icu_stays(icustays: pl.LazyFrame, hospital_stays: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ICU stay; a stay whose admission is missing or another patient's is kept, without its facts."""
    facts = hospital_stays.select(
        "subject_id",
        "hadm_id",
        "admittime",
        "dischtime",
        "deathtime",
        "gender",
        "age",
        "hospital_expire_flag",
        admission_found=pl.lit(True),
    )
    return icustays.join(facts, on=["subject_id", "hadm_id"], how="left").select(
        "subject_id",
        "hadm_id",
        "stay_id",
        "first_careunit",
        "last_careunit",
        "intime",
        "outtime",
        los_hours=_hours("intime", "outtime"),
        admittime="admittime",
        dischtime="dischtime",
        deathtime="deathtime",
        gender="gender",
        age="age",
        hospital_expire_flag="hospital_expire_flag",
        icu_stay_number=_number_within("hadm_id", by=["intime", "stay_id"]),
        admission_found=pl.col("admission_found").fill_null(False),
        began_before_admission=pl.col("intime") < pl.col("admittime"),
        ended_after_discharge=pl.col("outtime") > pl.col("dischtime"),
    )


def ed_stays(edstays: pl.LazyFrame, hospital_stays: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ED stay."""
    admitted = hospital_stays.select("subject_id", "hadm_id", admission_found=pl.lit(True))
    return edstays.join(admitted, on=["subject_id", "hadm_id"], how="left").select(
        "subject_id",
        "hadm_id",
        "stay_id",
        "intime",
        "outtime",
        los_hours=_hours("intime", "outtime"),
        gender="gender",
        arrival_transport="arrival_transport",
        disposition="disposition",
        ed_stay_number=_number_within("subject_id", by=["intime", "stay_id"]),
        admission_found=pl.col("admission_found").fill_null(False),
    )


def _age_at(time: str) -> pl.Expr:
    """Age as MIMIC defines it: only years count, since the release shifts dates by whole patients."""
    return pl.col("anchor_age") + pl.col(time).dt.year().cast(pl.Int64) - pl.col("anchor_year")


def _hours(start: str, end: str) -> pl.Expr:
    return (pl.col(end) - pl.col(start)).dt.total_seconds() / 3600


def _number_within(group: str, by: list[str]) -> pl.Expr:
    return pl.struct(by).rank("ordinal").over(group).cast(pl.Int64)
