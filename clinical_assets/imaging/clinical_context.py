"""What was known about the patient before each linked chest X-ray, one row per study.

Nothing in a row could be read later than the study time: windows and the moment each kind of event becomes known are
those of `known_before`. The ED's triage carries no time; it counts from `TRIAGE_KNOWN_AFTER` after arrival on. What
coding, discharge or death would tell later is not here: diagnoses are those of earlier admissions, and whether an ED
stay leads to an admission is not told.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from clinical_assets.concepts.blood_gas import REST as BLOOD_GAS
from clinical_assets.concepts.laboratory import (
    BLOOD_COUNT,
    CHEMISTRY_RESULTS,
    COAGULATION_RESULTS,
    ENZYMES_AND_BILIRUBIN,
    HEART_MARKERS,
    INFLAMMATION_MARKERS,
)
from clinical_assets.concepts.measurements import Measurement
from clinical_assets.imaging.known_before import (
    ED_SIGNS,
    STUDY,
    VITAL_SIGNS,
    earlier_admissions,
    ed_sign,
    known_results,
    latest_readings,
    latest_vital_signs,
    linked_studies,
    minutes_before,
)
from clinical_assets.imaging.tables import MATCH_TYPES, STUDY_ID, SUBJECT_ID
from clinical_assets.mimic.catalogue.columns import boolean, integer, number, text, timestamp
from clinical_assets.tables import Column, Table

TRIAGE_WITHIN = timedelta(hours=24)
"""Triage of an ED stay that began within this, or of the very stay the study was taken in."""
TRIAGE_KNOWN_AFTER = timedelta(minutes=15)
"""An assumption: triage comes shortly after arrival and no time is published."""

# fmt: off
_WANTED = (
    "hemoglobin", "hematocrit", "platelet", "wbc", "sodium", "potassium", "chloride", "bicarbonate", "bun",
    "creatinine", "glucose", "calcium", "albumin", "bilirubin_total", "lactate", "troponin_t", "ntprobnp", "crp",
    "inr", "pt", "ptt",
)
# fmt: on
_PANELS = (
    *BLOOD_COUNT,
    *CHEMISTRY_RESULTS,
    *ENZYMES_AND_BILIRUBIN,
    *HEART_MARKERS,
    *INFLAMMATION_MARKERS,
    *COAGULATION_RESULTS,
)
LABS: tuple[Measurement, ...] = tuple(
    # The blood gas panel names sodium, potassium and glucose too; of it only lactate is meant.
    next(m for m in (BLOOD_GAS if name == "lactate" else _PANELS) if m.name == name)
    for name in _WANTED
)
"""Item ids are the published concepts': an earlier system had creatinine, calcium and others under each other's."""

TRIAGE_SIGNS = (*ED_SIGNS, "temperature")
_MINUTES = "Minutes from"


def _measured() -> tuple[Column, ...]:
    columns: list[Column] = []
    for prefix, measurements in (("", VITAL_SIGNS.values()), ("lab_", LABS)):
        for m in measurements:
            name = f"{prefix}{m.name}"
            columns += [
                number(name, f"{m.meaning}, the latest known of the 24 h before the study.", unit=m.unit),
                number(
                    f"{name}_minutes_before",
                    f"{_MINUTES} that {'specimen' if prefix else 'reading'} to the study.",
                    unit="min",
                    plausible=(0, 1440),
                ),
            ]
    return tuple(columns)


CLINICAL_CONTEXT = Table(
    key=("imaging", "clinical_context"),
    grain="one row per chest X-ray study taken in a stay",
    meaning="What was known about the patient when the study was taken: triage, vital signs, laboratory results, "
    "prescriptions, earlier admissions. Nothing that could be read later.",
    primary_key=("study_id",),
    happened="study_time",
    known="study_time",
    source="MIMIC-IV, MIMIC-IV-ED; windows as in imaging/known_before.py",
    columns=(
        SUBJECT_ID,
        STUDY_ID,
        timestamp("study_time", "When the study was taken; the row's index time.", required=True),
        text("match_type", "Kind of stay the study was taken in.", required=True, allowed=MATCH_TYPES),
        integer("age", "anchor_age plus the years to the study; null outside MIMIC-IV.", unit="a", plausible=(0, 120)),
        text("gender", "Administrative gender.", allowed=("F", "M")),
        number("minutes_since_triage", "Minutes from arrival in the ED to the study.", unit="min"),
        *(
            number(f"triage_{n}", f"{VITAL_SIGNS[n].meaning} at triage.", unit=VITAL_SIGNS[n].unit)
            for n in TRIAGE_SIGNS
        ),
        number("triage_pain", "Pain as rated at triage; words and numbers over 10 are null.", plausible=(0, 10)),
        number("triage_acuity", "Emergency Severity Index, 1 most urgent.", plausible=(1, 5)),
        text("triage_chiefcomplaint", "Complaint as typed. It may name a diagnosis: see the leakage filter."),
        *_measured(),
        integer("n_lab_results", "Results known of the 24 h before.", required=True),
        integer("n_abnormal_lab_results", "Of them marked abnormal by the laboratory.", required=True),
        integer("n_medications", "Different drugs prescribed and active in the 48 h before.", required=True),
        boolean("has_antibiotic", "One of them is an antibiotic.", required=True),
        text("antibiotics", "Which, in alphabetical order, parted by |."),
        integer("n_earlier_admissions", "Admissions that were over before the study.", required=True),
        integer("n_earlier_diagnoses", "Different codes billed for them.", required=True),
    ),
)

# What follows from no row at all.
_NONE = {
    "n_lab_results": 0,
    "n_abnormal_lab_results": 0,
    "n_medications": 0,
    "has_antibiotic": False,
    "n_earlier_admissions": 0,
    "n_earlier_diagnoses": 0,
}


def clinical_context(
    cxr_stay_links: pl.LazyFrame,
    patients: pl.LazyFrame,
    ed_stays: pl.LazyFrame,
    triage: pl.LazyFrame,
    ed_vitalsign: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    labevents: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    context_medications: pl.LazyFrame,
    context_diagnoses: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row per linked study; see `CLINICAL_CONTEXT`."""
    studies = linked_studies(cxr_stay_links)
    results = known_results(studies, labevents)
    # Below the assay's limit a result has no number; a zero or less is an error of entry in all of these tests.
    positive = results.filter(pl.col("valuenum") > 0)
    parts = [
        _triage(studies, ed_stays, triage),
        _wide(latest_vital_signs(studies, chartevents, ed_vitalsign), tuple(VITAL_SIGNS), ""),
        _wide(latest_readings(positive, LABS), tuple(m.name for m in LABS), "lab_"),
        results.group_by(STUDY).agg(
            n_lab_results=pl.len().cast(pl.Int64),
            n_abnormal_lab_results=pl.col("flag").count().cast(pl.Int64),
        ),
        _medications(context_medications),
        earlier_admissions(cxr_stay_links, hospital_stays)
        .group_by(STUDY)
        .agg(n_earlier_admissions=pl.col("hadm_id").n_unique().cast(pl.Int64)),
        context_diagnoses.group_by(STUDY).agg(n_earlier_diagnoses=pl.len().cast(pl.Int64)),
    ]
    known = studies.join(patients.select("subject_id", "gender", "anchor_age", "anchor_year"), "subject_id", how="left")
    for part in parts:
        known = known.join(part, on=STUDY, how="left")
    years = pl.col("study_time").dt.year().cast(pl.Int64) - pl.col("anchor_year")
    return known.with_columns(
        *(pl.col(name).fill_null(value) for name, value in _NONE.items()), age=pl.col("anchor_age") + years
    ).select(CLINICAL_CONTEXT.column_names)


def _triage(studies: pl.LazyFrame, ed_stays: pl.LazyFrame, triage: pl.LazyFrame) -> pl.LazyFrame:
    """One row per study with a triage: that of the ED stay that began last."""
    moment, arrival = pl.col("study_time"), pl.col("intime")
    recent = (arrival >= moment - TRIAGE_WITHIN) | (pl.col("stay_id") == pl.col("ed_stay_id"))
    last = (
        studies.select(*STUDY, "study_time", "ed_stay_id")
        .join(ed_stays.select("subject_id", "stay_id", "intime"), on="subject_id")
        .join(triage, on=["subject_id", "stay_id"])
        .filter(arrival + TRIAGE_KNOWN_AFTER <= moment, recent.fill_null(value=False))
        .group_by(STUDY)
        .agg(pl.all().sort_by("intime", "stay_id").last())
    )
    pain = pl.col("pain").str.strip_chars().cast(pl.Float64, strict=False)
    return last.select(
        *STUDY,
        minutes_since_triage=minutes_before("intime"),
        **{f"triage_{n}": ed_sign(n) for n in TRIAGE_SIGNS},
        triage_pain=pl.when(pain.is_between(0, 10)).then(pain),
        triage_acuity=pl.when(pl.col("acuity").is_between(1, 5)).then("acuity"),
        triage_chiefcomplaint="chiefcomplaint",
    )


def _wide(latest: pl.LazyFrame, names: tuple[str, ...], prefix: str) -> pl.LazyFrame:
    """One row per study with the value and the age of each name."""
    of = {name: pl.col("name") == name for name in names}
    aged = latest.with_columns(before=minutes_before("charttime"))
    return aged.group_by(STUDY).agg(
        *(pl.col("value").filter(chosen).first().alias(f"{prefix}{n}") for n, chosen in of.items()),
        *(pl.col("before").filter(chosen).first().alias(f"{prefix}{n}_minutes_before") for n, chosen in of.items()),
    )


def _medications(context_medications: pl.LazyFrame) -> pl.LazyFrame:
    drug = pl.col("drug").str.strip_chars()
    treated = pl.col("antibiotic").any()
    return context_medications.group_by(STUDY).agg(
        n_medications=drug.str.to_lowercase().n_unique().cast(pl.Int64),
        has_antibiotic=treated,
        antibiotics=pl.when(treated).then(drug.filter(pl.col("antibiotic")).unique().sort().str.join("|")),
    )
