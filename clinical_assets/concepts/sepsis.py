"""Sepsis-3: suspected infection with organ dysfunction (Singer et al. 2016), as published, and its onset.

Two times make up sepsis, and a third is when a clinician could have known. They differ by hours to days, so each
table says which it holds. Onset may precede ICU admission.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from clinical_assets.concepts.declaration import STAY_ID, SUBJECT_ID, concept, conform, integer, points, timestamp
from clinical_assets.concepts.sofa import ORGANS, organ_columns
from clinical_assets.tables import Column, Type

ORGAN_DYSFUNCTION = 2
"""SOFA points; the baseline before admission is unknown and taken as 0."""
BEFORE_SUSPICION = timedelta(hours=48)
AFTER_SUSPICION = timedelta(hours=24)

_ANTIBIOTIC_TIME = timestamp("antibiotic_time", "Start of the antibiotic of the suspicion.")
_CULTURE_TIME = timestamp("culture_time", "Culture of the suspicion; midnight where only its day is known.")
_SUSPECTED_TIME = timestamp("suspected_infection_time", "The earlier of culture and antibiotic.")

SEPSIS3 = concept(
    "sepsis3",
    grain="one row per ICU stay with sepsis",
    meaning="The first suspicion of infection with a SOFA score of 2 or more from 48 h before to 24 h after it.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        _ANTIBIOTIC_TIME,
        _CULTURE_TIME,
        _SUSPECTED_TIME,
        timestamp("sofa_time", "End of the first hour within that window with a SOFA score of 2 or more."),
        points("sofa_score", "SOFA score of the 24 h up to `sofa_time`.", 24),
        *organ_columns(period=", worst of the 24 h up to `sofa_time`"),
        Column(name="sepsis3", type=Type.BOOLEAN, meaning="Always true; stays without sepsis have no row."),
    ),
    primary_key=("stay_id",),
    happened="sofa_time",
)


def _first_per_stay(suspicion_of_infection: pl.LazyFrame, dysfunction: pl.LazyFrame) -> pl.LazyFrame:
    """Per ICU stay the first suspicion with an hour of `dysfunction` around it, and the first such hour."""
    suspected, hour_end = pl.col("suspected_infection_time"), pl.col("endtime")
    order = ["stay_id", "suspected_infection_time", "antibiotic_time", "culture_time", "endtime"]
    return (
        suspicion_of_infection.filter(pl.col("suspected_infection") == 1)
        .select("subject_id", *order[:-1])
        .unique()
        .join(dysfunction.select("stay_id", "endtime"), on="stay_id")
        .filter(hour_end >= suspected - BEFORE_SUSPICION, hour_end <= suspected + AFTER_SUSPICION)
        .sort(order)
        .unique("stay_id", keep="first", maintain_order=True)
        .join(dysfunction, on=["stay_id", "endtime"])
    )


def sepsis3(suspicion_of_infection: pl.LazyFrame, sofa: pl.LazyFrame) -> pl.LazyFrame:
    """Sepsis-3 as published. One row per ICU stay with sepsis; antibiotics outside an ICU stay don't count."""
    dysfunction = sofa.filter(pl.col("sofa_24hours") >= ORGAN_DYSFUNCTION).select(
        "stay_id",
        "endtime",
        *(pl.col(f"{organ}_24hours").alias(organ) for organ in ORGANS),
        sofa_time="endtime",
        sofa_score="sofa_24hours",
        sepsis3=pl.lit(value=True),
    )
    return conform(_first_per_stay(suspicion_of_infection, dysfunction), SEPSIS3)


SEPSIS_ONSET = concept(
    "sepsis_onset",
    grain="one row per ICU stay with sepsis after `sepsis3`",
    meaning=(
        "When sepsis began, after two definitions of organ dysfunction: a SOFA score of 2 or more (as in `sepsis3`), "
        "and a rise by 2 or more over the lowest score of the ICU stay so far (null where there was none)."
    ),
    columns=(
        SUBJECT_ID,
        STAY_ID,
        _SUSPECTED_TIME,
        timestamp("sofa_time", "End of the first hour with a SOFA score of 2 or more around the suspicion."),
        timestamp("onset_known_time", "The later of suspicion and SOFA time: before it one of the two has not begun."),
        timestamp(
            "criteria_complete_time",
            "The latest of antibiotic, culture and SOFA time: before it no one can say that the criteria are met.",
        ),
        timestamp("delta_suspected_infection_time", "First suspicion with a rise of SOFA around it."),
        timestamp("delta_sofa_time", "End of the first hour with a rise around that suspicion."),
        integer("delta_sofa", "Rise at that hour over the lowest score of the stay so far.", "points"),
        timestamp("delta_onset_known_time", "The later of the two."),
        timestamp(
            "delta_criteria_complete_time", "The latest of that suspicion's antibiotic and culture and the rise."
        ),
    ),
    primary_key=("stay_id",),
    happened="onset_known_time",
    source="Singer et al. 2016 (Sepsis-3); the running minimum as baseline as in YAIB",
)


def sepsis_onset(suspicion_of_infection: pl.LazyFrame, sofa: pl.LazyFrame, sepsis3: pl.LazyFrame) -> pl.LazyFrame:
    """Times of sepsis onset. One row per ICU stay of `sepsis3`, with the SOFA-rise variant beside it.

    The rise is measured against the lowest `sofa_24hours` of the ICU stay up to that hour, so it uses no later hour; a
    patient who arrives ill and stays as ill has no rise. Blood results enter SOFA when drawn, not when reported: by the
    laboratory's delay these times are earlier than anyone could know.
    """
    score = pl.col("sofa_24hours")
    lowest_so_far = score.cum_min().over("stay_id", order_by="hr")
    rises = (
        sofa.with_columns(delta_sofa=score - lowest_so_far)
        .filter(pl.col("delta_sofa") >= ORGAN_DYSFUNCTION)
        .select("stay_id", "endtime", "delta_sofa")
    )
    rising = _first_per_stay(suspicion_of_infection, rises).select(
        "stay_id",
        "delta_sofa",
        delta_suspected_infection_time="suspected_infection_time",
        delta_sofa_time="endtime",
        delta_onset_known_time=pl.max_horizontal("suspected_infection_time", "endtime"),
        delta_criteria_complete_time=pl.max_horizontal("antibiotic_time", "culture_time", "endtime"),
    )
    rows = sepsis3.with_columns(
        onset_known_time=pl.max_horizontal("suspected_infection_time", "sofa_time"),
        criteria_complete_time=pl.max_horizontal("antibiotic_time", "culture_time", "sofa_time"),
    ).join(rising, on="stay_id", how="left")
    return conform(rows, SEPSIS_ONSET)
