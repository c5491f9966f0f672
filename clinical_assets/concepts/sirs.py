"""Systemic inflammatory response syndrome on the first ICU day (Bone et al. 1992)."""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import HADM_ID, STAY_ID, SUBJECT_ID, concept, conform, points
from clinical_assets.concepts.scoring import all_null, first_true, of_first_day

CRITERIA = ("temp_score", "heart_rate_score", "resp_score", "wbc_score")

SIRS = concept(
    "sirs",
    grain="one row per ICU stay",
    meaning="SIRS criteria met from 6 h before to 24 h after ICU admission.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        points("sirs", "Number of criteria met, unobserved ones taken as not met.", 4),
        points("temp_score", "Temperature below 36 or above 38 degrees Celsius.", 1),
        points("heart_rate_score", "Heart rate above 90/min.", 1),
        points("resp_score", "Respiratory rate above 20/min or arterial PCO2 below 32 mm Hg.", 1),
        points("wbc_score", "White cells below 4 or above 12 (10*3/uL), or more than 10 % bands.", 1),
    ),
    primary_key=("stay_id",),
)


def sirs(
    icustays: pl.LazyFrame,
    first_day_bg_art: pl.LazyFrame,
    first_day_vitalsign: pl.LazyFrame,
    first_day_lab: pl.LazyFrame,
) -> pl.LazyFrame:
    """SIRS. One row per ICU stay; a criterion nothing was observed for is null."""
    value = pl.col
    rows = of_first_day(
        icustays,
        first_day_bg_art.select("stay_id", paco2_min="pco2_min"),
        first_day_vitalsign,
        first_day_lab,
    ).with_columns(
        temp_score=first_true(
            [(value("temperature_min") < 36.0, 1), (value("temperature_max") > 38.0, 1)],
            unknown=all_null("temperature_min"),
        ),
        heart_rate_score=first_true([(value("heart_rate_max") > 90, 1)], unknown=all_null("heart_rate_max")),
        resp_score=first_true(
            [(value("resp_rate_max") > 20, 1), (value("paco2_min") < 32, 1)],
            unknown=all_null("resp_rate_max", "paco2_min"),
        ),
        wbc_score=first_true(
            [(value("wbc_min") < 4, 1), (value("wbc_max") > 12, 1), (value("bands_max") > 10, 1)],
            unknown=all_null("wbc_min", "bands_max"),
        ),
    )
    return conform(rows.with_columns(sirs=pl.sum_horizontal(CRITERIA)), SIRS)
