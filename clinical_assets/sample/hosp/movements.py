"""Where patients were, when, and under whose care: patients, admissions, transfers, services, icustays and omr."""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Integers
from clinical_assets.sample.columns import spread, where, words
from clinical_assets.sample.course.encounters import ED, FIRST_STAY, ICU, SECOND_ICU, STEPS, WARD
from clinical_assets.sample.course.people import DAY, OLDEST, YEAR_GROUPS
from clinical_assets.sample.course.problems import CCU, MICU, MIXED, REASONS, SICU
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.drawing import picked
from clinical_assets.sample.hosp.staff import provider_ids

DISCHARGED_TO = {
    "HOME": 0.37,
    "HOME HEALTH CARE": 0.24,
    "SKILLED NURSING FACILITY": 0.13,
    "REHAB": 0.05,
    "CHRONIC/LONG TERM ACUTE CARE": 0.03,
    "HOSPICE": 0.02,
    "AGAINST ADVICE": 0.01,
    "PSYCH FACILITY": 0.01,
    "ACUTE HOSPITAL": 0.005,
    "": 0.12,
}
INSURANCE = {"Medicare": 0.45, "Private": 0.31, "Medicaid": 0.19, "Other": 0.03, "No charge": 0.005, "": 0.015}
ADMISSION_TYPES = {
    "emergency": {
        "EW EMER.": 0.55,
        "OBSERVATION ADMIT": 0.22,
        "EU OBSERVATION": 0.15,
        "URGENT": 0.05,
        "DIRECT EMER.": 0.03,
    },
    "urgent": {"URGENT": 0.7, "DIRECT EMER.": 0.2, "DIRECT OBSERVATION": 0.1},
    "elective": {"SURGICAL SAME DAY ADMISSION": 0.6, "ELECTIVE": 0.35, "AMBULATORY OBSERVATION": 0.05},
}
FROM_ED = {
    "EMERGENCY ROOM": 0.75,
    "PHYSICIAN REFERRAL": 0.1,
    "TRANSFER FROM HOSPITAL": 0.09,
    "WALK-IN/SELF REFERRAL": 0.06,
}
NOT_FROM_ED = {
    "PHYSICIAN REFERRAL": 0.62,
    "TRANSFER FROM HOSPITAL": 0.2,
    "CLINIC REFERRAL": 0.08,
    "PROCEDURE SITE": 0.05,
    "TRANSFER FROM SKILLED NURSING FACILITY": 0.03,
    "PACU": 0.015,
    "INFORMATION NOT AVAILABLE": 0.005,
}
OTHER_UNITS = (MICU, SICU, MIXED, CCU)
"""Where an ICU patient is moved to within a stay."""
RESULTS_OF_RECORD = ("Blood Pressure", "Weight (Lbs)", "BMI (kg/m2)", "Height (Inches)")


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """The six tables of where patients were."""
    moves = transfers(story)
    return {
        "mimic/hosp/patients": patients(story),
        "mimic/hosp/admissions": admissions(story),
        "mimic/hosp/transfers": moves,
        "mimic/hosp/services": services(story),
        "mimic/hosp/omr": outpatient_record(story),
        "mimic/icu/icustays": icustays(story),
    }


def patients(story: Story) -> pl.DataFrame:
    """One row per patient; deaths at home only within a year of the last discharge."""
    people, told = story.people, story.encounters
    n = len(people.subject_id)
    left, discharged, death = np.full(n, -1, np.int64), np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    np.maximum.at(left, told.patient, told.bounds[:, -1])
    np.maximum.at(discharged, told.patient, np.where(told.admitted, told.discharge, -1))
    np.maximum.at(death, told.patient, told.death)
    wait = np.where(np.isfinite(people.dies_later), people.dies_later, 0).astype(np.int64) * DAY
    followed_until = np.where(discharged >= 0, discharged, left) + 365 * DAY
    at_home = (death < 0) & (left >= 0) & np.isfinite(people.dies_later) & (left + wait <= followed_until)
    death = np.where(at_home, left + wait, death)
    return pl.DataFrame(
        {
            "subject_id": people.subject_id,
            "gender": words(("M", "F"), people.female.astype(np.int64)),
            "anchor_age": np.where(people.age > 89, OLDEST, people.age).astype(np.int64),
            "anchor_year": people.anchor_year,
            "anchor_year_group": words(YEAR_GROUPS, people.group),
            "dod": where(death >= 0, death),
        }
    )


def admissions(story: Story) -> pl.DataFrame:
    """One row per admission."""
    told, people, rng = story.encounters, story.people, story.block.rng("admissions")
    by_ed = told.lasts(ED) > 0
    n = len(told.patient)
    kinds = {kind: picked(rng, shares, n) for kind, shares in ADMISSION_TYPES.items()}
    arrival = words([reason.arrival for reason in REASONS], told.reason)
    kind = pl.select(pl.coalesce(pl.when(arrival == name).then(drawn) for name, drawn in kinds.items())).to_series()
    gone_to = picked(rng, DISCHARGED_TO, n)
    source = pl.select(
        pl.when(pl.Series(by_ed)).then(picked(rng, FROM_ED, n)).otherwise(picked(rng, NOT_FROM_ED, n))
    ).to_series()
    frame = pl.DataFrame(
        {
            "subject_id": story.subject_of(np.arange(n)),
            "hadm_id": told.hadm_id,
            "admittime": told.admit,
            "dischtime": told.discharge,
            "deathtime": where(told.died, told.death),
            "admission_type": kind,
            "admit_provider_id": provider_ids(rng, n, missing=0.01),
            "admission_location": source,
            "discharge_location": pl.select(
                pl.when(pl.Series(told.died)).then(pl.lit("DIED")).otherwise(gone_to)
            ).to_series(),
            "insurance": picked(rng, INSURANCE, n),
            "language": people.language.gather(pl.Series(told.patient)),
            "marital_status": people.marital.gather(pl.Series(told.patient)),
            "race": people.race.gather(pl.Series(told.patient)),
            "edregtime": where(by_ed, told.arrival),
            "edouttime": where(by_ed, told.bounds[:, ED + 1]),
            "hospital_expire_flag": told.died.astype(np.int64),
        }
    )
    return frame.filter(pl.Series(told.admitted))


def _units(story: Story, encounter: Integers, leg: Integers) -> pl.Series:
    """The care unit of each leg."""
    reason = story.encounters.reason[encounter]
    ward = words([r.ward for r in REASONS], reason)
    unit = words([r.careunit for r in REASONS], reason)
    legs = pl.Series(leg)
    return pl.select(
        pl.when(legs == ED)
        .then(pl.lit("Emergency Department"))
        .when(legs.is_in([ICU, SECOND_ICU]))
        .then(unit)
        .otherwise(ward)
    ).to_series()


def _other_units(story: Story) -> pl.Series:
    """The unit each ICU stay would be moved to."""
    rng = story.block.rng("other units")
    return words(OTHER_UNITS, rng.integers(0, len(OTHER_UNITS), len(story.stays.encounter)))


def transfers(story: Story) -> pl.DataFrame:
    """One row per leg and unit, plus one per discharge."""
    told, stays, n_legs = story.encounters, story.stays, len(STEPS)
    happened = np.stack([told.lasts(leg) > 0 for leg in range(n_legs)], axis=1)
    encounter, leg = np.nonzero(happened)
    first_in_hospital = np.cumsum(happened[:, WARD:], axis=1)[encounter, np.maximum(leg - WARD, 0)] == 1
    legs = pl.DataFrame(
        {
            "encounter": encounter,
            "eventtype": words(("ED", "admit", "transfer"), np.where(leg == ED, 0, np.where(first_in_hospital, 1, 2))),
            "careunit": _units(story, encounter, leg),
            "intime": told.bounds[encounter, leg],
            "outtime": told.bounds[encounter, leg + 1],
            "leg": leg,
        }
    )
    moved = stays.changes_unit >= 0
    moves = pl.DataFrame(
        {
            "encounter": stays.encounter[moved],
            "leg": stays.leg[moved],
            "changed": stays.changes_unit[moved],
            "other": _other_units(story).filter(pl.Series(moved)),
        }
    )
    legs = legs.join(moves, on=["encounter", "leg"], how="left")
    before = legs.with_columns(outtime=pl.coalesce("changed", "outtime"))
    after = legs.filter(pl.col("changed").is_not_null()).with_columns(
        intime="changed", careunit="other", eventtype=pl.lit("transfer")
    )
    everyone = np.flatnonzero(told.admitted)
    gone = pl.DataFrame({"encounter": everyone, "intime": told.bounds[everyone, -1]}).with_columns(
        eventtype=pl.lit("discharge"),
        careunit=pl.lit(None, pl.String),
        outtime=pl.lit(None, pl.Int64),
    )
    columns = ["encounter", "eventtype", "careunit", "intime", "outtime"]
    rows = pl.concat([part.select(columns) for part in (before, after, gone)]).sort(
        "encounter", "intime", maintain_order=True
    )
    which = rows["encounter"].to_numpy()
    return rows.select(
        subject_id=pl.Series(story.subject_of(which)),
        hadm_id=where(told.hadm_id[which] > 0, told.hadm_id[which]),
        transfer_id=pl.Series(story.block.identifiers("transfer_id", len(which), lowest=FIRST_STAY)),
        eventtype="eventtype",
        careunit="careunit",
        intime="intime",
        outtime="outtime",
    )


def icustays(story: Story) -> pl.DataFrame:
    """One row per ICU stay."""
    told, stays = story.encounters, story.stays
    unit = words([r.careunit for r in REASONS], told.reason[stays.encounter])
    return pl.DataFrame(
        {
            "subject_id": story.subject_of(stays.encounter),
            "hadm_id": told.hadm_id[stays.encounter],
            "stay_id": stays.stay_id,
            "first_careunit": unit,
            "last_careunit": pl.select(
                pl.when(pl.Series(stays.changes_unit >= 0)).then(_other_units(story)).otherwise(unit)
            ).to_series(),
            "intime": stays.start,
            "outtime": stays.end,
            "los": (stays.end - stays.start) / DAY,
        }
    )


def services(story: Story) -> pl.DataFrame:
    """One row per admission, and another where another service takes over."""
    told, rng = story.encounters, story.block.rng("services")
    encounter = np.flatnonzero(told.admitted)
    first = words([r.service for r in REASONS], told.reason[encounter])
    frame = pl.DataFrame(
        {
            "subject_id": story.subject_of(encounter),
            "hadm_id": told.hadm_id[encounter],
            "transfertime": told.admit[encounter] + 38,
            "prev_service": pl.Series([None] * len(encounter), dtype=pl.String),
            "curr_service": first,
        }
    )
    change = rng.random(len(encounter)) < 0.12
    later = told.admit[encounter] + (
        rng.uniform(0.2, 0.9, len(encounter)) * (told.bounds[encounter, -1] - told.admit[encounter])
    ).astype(np.int64)
    changed = frame.with_columns(
        transfertime=pl.Series(later),
        prev_service="curr_service",
        curr_service=pl.when(pl.col("curr_service") == "MED").then(pl.lit("SURG")).otherwise(pl.lit("MED")),
    ).filter(pl.Series(change & (later > told.admit[encounter] + 60)))
    return pl.concat([frame, changed]).sort("subject_id", "transfertime", maintain_order=True)


def outpatient_record(story: Story) -> pl.DataFrame:
    """Weights, heights and blood pressures at visits to the clinic, days to months before an encounter."""
    told, people, rng = story.encounters, story.people, story.block.rng("omr")
    encounter, _ = spread(rng.poisson(0.9, len(told.patient)))
    day = told.arrival[encounter] // DAY * DAY - rng.integers(2, 200, len(encounter)) * DAY
    patient = told.patient[encounter]
    weight = people.weight[patient] * rng.normal(1, 0.03, len(patient))
    height = people.height[patient]
    systolic, diastolic = rng.normal(130, 16, len(patient)), rng.normal(74, 10, len(patient))

    def rows(name: str, value: pl.Expr, keep: float) -> pl.DataFrame:
        visits = pl.DataFrame(
            {
                "subject_id": people.subject_id[patient],
                "chartdate": day,
                "w": weight,
                "h": height,
                "sbp": systolic.astype(np.int64),
                "dbp": diastolic.astype(np.int64),
            }
        )
        asked = visits.select("subject_id", "chartdate", result_name=pl.lit(name), result_value=value)
        return asked.filter(pl.Series(rng.random(len(patient)) < keep))

    pounds, inches = (pl.col("w") * 2.20462).round(1), (pl.col("h") / 2.54).round(0).cast(pl.Int64)
    parts = [
        rows("Blood Pressure", pl.format("{}/{}", "sbp", "dbp"), 0.9),
        rows("Weight (Lbs)", pounds.cast(pl.String), 0.9),
        rows("BMI (kg/m2)", (pl.col("w") / (pl.col("h") / 100) ** 2).round(1).cast(pl.String), 0.75),
        rows("Height (Inches)", inches.cast(pl.String), 0.4),
    ]
    return (
        pl.concat(parts)
        .sort("subject_id", "chartdate", "result_name", maintain_order=True)
        .with_columns(seq_num=pl.int_range(1, pl.len() + 1).over("subject_id", "chartdate", "result_name"))
    )
