"""Acute kidney injury after KDIGO 2012: creatinine against its own past, urine output, and dialysis.

The urine output itself is in `urine_rate.kdigo_uo`.
"""

from __future__ import annotations

from datetime import timedelta

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
    points,
    text,
    timestamp,
)
from clinical_assets.concepts.icd import coded_as, flags_of_stays
from clinical_assets.concepts.scoring import first_true

CREATININE = 50912
MOST_CREATININE = 150
LOOK_BACK = timedelta(days=7)
CHANGE_WITHIN_48_HOURS = 0.3
SMOOTHED_OVER = timedelta(hours=6)

_CREATININE_COLUMNS = (
    number("creat", "Creatinine, mean of the results of this time.", "mg/dL"),
    number("creat_low_past_48hr", "Lowest creatinine of the 48 h before, this time excluded.", "mg/dL"),
    number("creat_low_past_7day", "Lowest creatinine of the 7 days before, this time excluded.", "mg/dL"),
)

KDIGO_CREATININE = concept(
    "kdigo_creatinine",
    grain="one row per ICU stay and time of a creatinine; one with a null time for a stay without any",
    meaning="Creatinine from 7 days before ICU admission to ICU discharge, with its recent lows.",
    columns=(HADM_ID, STAY_ID, timestamp("charttime", "When the blood was drawn."), *_CREATININE_COLUMNS),
    happened="charttime",
)


def kdigo_creatinine(icustays: pl.LazyFrame, labevents: pl.LazyFrame) -> pl.LazyFrame:
    """Creatinine with its recent lows. One row per ICU stay and time; results are matched by patient."""
    drawn = pl.col("charttime")
    results = (
        icustays.select("subject_id", "stay_id", "intime", "outtime")
        .join(
            labevents.filter(pl.col("itemid") == CREATININE, pl.col("valuenum") <= MOST_CREATININE).select(
                "subject_id", "charttime", "valuenum"
            ),
            on="subject_id",
        )
        .filter(drawn >= pl.col("intime") - LOOK_BACK, drawn <= pl.col("outtime"))
        .group_by("stay_id", "charttime")
        .agg(creat=pl.col("valuenum").mean())
        .sort("stay_id", "charttime")
        .with_columns(creat_low_past_48hr=_low_of("48h"), creat_low_past_7day=_low_of("7d"))
    )
    stays = icustays.select("subject_id", "hadm_id", "stay_id")
    return conform(stays.join(results, on="stay_id", how="left"), KDIGO_CREATININE)


def _low_of(window: str) -> pl.Expr:
    return pl.col("creat").rolling_min_by("charttime", window, closed="left").over("stay_id")


KDIGO_STAGES = concept(
    "kdigo_stages",
    grain="one row per ICU stay and time of a creatinine, urine output or continuous dialysis (null without any)",
    meaning="Stage of acute kidney injury, 0 to 3, by creatinine, urine output and dialysis.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        timestamp("charttime", "When any of the three was observed."),
        *(_CREATININE_COLUMNS[n] for n in (2, 1, 0)),
        points("aki_stage_creat", "Stage by creatinine; null at times without one.", 3),
        *(number(f"uo_rt_{h}hr", f"Urine output per weight and hour over {h} h.", "mL/kg/h") for h in (6, 12, 24)),
        points("aki_stage_uo", "Stage by urine output; null where `uo_rt_6hr` is, as published.", 3),
        points("aki_stage_crrt", "Stage 3 while continuous dialysis has a mode; else null.", 3),
        points("aki_stage", "Highest of the three stages, missing ones taken as 0.", 3),
        points("aki_stage_smoothed", "Highest `aki_stage` of the 6 h up to this time.", 3),
    ),
    happened="charttime",
)


def _creatinine_stage() -> pl.Expr:
    creat, low_48, low_7 = pl.col("creat"), pl.col("creat_low_past_48hr"), pl.col("creat_low_past_7day")
    rise = creat >= low_48 + CHANGE_WITHIN_48_HOURS
    rules = [
        (creat >= low_7 * 3.0, 3),
        ((creat >= 4) & (rise | (creat >= 1.5 * low_7)), 3),
        (creat >= low_7 * 2.0, 2),
        (rise, 1),
        (creat >= low_7 * 1.5, 1),
    ]
    return first_true(rules, unknown=pl.lit(value=False)).alias("aki_stage_creat")


def _urine_stage() -> pl.Expr:
    rate = {h: pl.col(f"uo_rt_{h}hr") for h in (6, 12, 24)}
    enough = {h: pl.col(f"uo_tm_{h}hr") >= h for h in (6, 12, 24)}
    rules = [
        (pl.col("charttime") <= pl.col("intime") + timedelta(hours=6), 0),
        (enough[24] & (rate[24] < 0.3), 3),
        (enough[12] & (rate[12] == 0), 3),
        (enough[12] & (rate[12] < 0.5), 2),
        (enough[6] & (rate[6] < 0.5), 1),
    ]
    staged = first_true(rules, unknown=pl.lit(value=False))
    return pl.when(rate[6].is_not_null()).then(staged).alias("aki_stage_uo")


def kdigo_stages(
    icustays: pl.LazyFrame, kdigo_creatinine: pl.LazyFrame, kdigo_uo: pl.LazyFrame, crrt: pl.LazyFrame
) -> pl.LazyFrame:
    """KDIGO stages. One row per ICU stay and time of any of the three.

    As published, the smoothing looks at all the stays of a patient by the seconds since each one's own admission, so a
    stay's first hours may be smoothed with those of the patient's other stays.
    """
    time = ["stay_id", "charttime"]
    stays = icustays.select("subject_id", "hadm_id", "stay_id", "intime")
    creatinine = kdigo_creatinine.select(
        *time, "creat", "creat_low_past_48hr", "creat_low_past_7day", _creatinine_stage()
    )
    urine = kdigo_uo.join(stays.select("stay_id", "intime"), on="stay_id").select(
        *time, "uo_rt_6hr", "uo_rt_12hr", "uo_rt_24hr", _urine_stage()
    )
    dialysis = crrt.filter(pl.col("crrt_mode").is_not_null()).select(*time, aki_stage_crrt=pl.lit(3, pl.Int64))
    times = pl.concat([frame.select(time) for frame in (creatinine, urine, dialysis)]).unique()
    stages = ("aki_stage_creat", "aki_stage_uo", "aki_stage_crrt")
    rows = (
        stays.join(times, on="stay_id", how="left")
        .join(creatinine, on=time, how="left")
        .join(urine, on=time, how="left")
        .join(dialysis, on=time, how="left")
        .with_columns(
            aki_stage=pl.max_horizontal(pl.col(name).fill_null(0) for name in stages),
            since_admission=(pl.col("charttime") - pl.col("intime")).dt.total_seconds(),
        )
    )
    smoothed = pl.col("aki_stage").rolling_max_by(
        "since_admission", f"{int(SMOOTHED_OVER.total_seconds())}i", closed="both"
    )
    known = pl.col("since_admission").is_not_null()
    timed = rows.filter(known).with_columns(aki_stage_smoothed=smoothed.over("subject_id"))
    untimed = rows.filter(~known).with_columns(aki_stage_smoothed=pl.col("aki_stage").max().over("subject_id"))
    return pl.concat([conform(timed, KDIGO_STAGES), conform(untimed, KDIGO_STAGES)])


CHRONIC_KIDNEY_DISEASE = coded_as("585", "N18")
NORMAL_CREATININE = 1.1
"""mg/dL; a lowest value up to this is taken as the baseline itself."""
ASSUMED_FILTRATION = 75.0
"""mL/min/1.73 m2, from which the MDRD equation (186, powers -1.154 and -0.203, 0.742 for women) gives a creatinine."""

CREATININE_BASELINE = concept(
    "creatinine_baseline",
    grain="one row per hospital stay of an adult",
    meaning="Creatinine the kidneys are taken to have had before. Uses later results and coded diagnoses of the stay.",
    columns=(
        HADM_ID,
        text("gender", "Administrative sex.", allowed=("F", "M")),
        integer("age", "Age at hospital admission.", "a"),
        number("scr_min", "Lowest creatinine of the whole hospital stay.", "mg/dL"),
        flag("ckd", "1 where chronic kidney disease is among the coded diagnoses."),
        number("mdrd_est", "Creatinine that a filtration rate of 75 mL/min/1.73 m2 would give.", "mg/dL"),
        number("scr_baseline", "The lowest where normal or with chronic disease, else the estimate.", "mg/dL"),
    ),
    primary_key=("hadm_id",),
)


def creatinine_baseline(
    age: pl.LazyFrame, patients: pl.LazyFrame, chemistry: pl.LazyFrame, diagnoses_icd: pl.LazyFrame
) -> pl.LazyFrame:
    """Baseline creatinine. One row per hospital stay of a patient of 18 or more."""
    woman = pl.when(pl.col("gender") == "F").then(0.742).otherwise(1.0)
    estimate = (ASSUMED_FILTRATION / 186.0 / pl.col("age").cast(pl.Float64).pow(-0.203) / woman).pow(-1 / 1.154)
    lowest = pl.col("scr_min")
    rows = (
        age.filter(pl.col("age") >= 18)
        .select("subject_id", "hadm_id", "age")
        .join(patients.select("subject_id", "gender"), on="subject_id", how="left")
        .join(chemistry.group_by("hadm_id").agg(scr_min=pl.col("creatinine").min()), on="hadm_id", how="left")
        .join(flags_of_stays(diagnoses_icd, ckd=CHRONIC_KIDNEY_DISEASE), on="hadm_id", how="left")
        .with_columns(pl.col("ckd").fill_null(0), mdrd_est=estimate)
        .with_columns(
            scr_baseline=pl.when((lowest <= NORMAL_CREATININE) | (pl.col("ckd") == 1))
            .then(lowest)
            .otherwise("mdrd_est")
        )
    )
    return conform(rows, CREATININE_BASELINE)
