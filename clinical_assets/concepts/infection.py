"""Suspicion of infection: an antibiotic and a culture close to each other in time (Seymour et al. 2016, Sepsis-3).

Culture first: the antibiotic follows within 72 h. Antibiotic first: the culture follows within 24 h. Many cultures have
a day but no time; for them whole days are compared. An antibiotic at the very minute of the culture matches neither
rule, as published.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from clinical_assets.concepts.declaration import (
    HADM_ID,
    SUBJECT_ID,
    concept,
    conform,
    flag,
    integer,
    text,
    timestamp,
)

NOT_AN_ORGANISM = (90856, 90760)
"""`org_itemid` of "no growth"-like results: the culture was not positive."""
CANCELLED = "CANCELLED"
CULTURE_THEN_ANTIBIOTIC = timedelta(hours=72)
ANTIBIOTIC_THEN_CULTURE = timedelta(hours=24)

SUSPICION_OF_INFECTION = concept(
    "suspicion_of_infection",
    grain="one row per prescription of an antibiotic",
    meaning="Whether a culture was taken near the antibiotic, and when infection was suspected.",
    columns=(
        SUBJECT_ID,
        integer("stay_id", "The ICU stay the antibiotic began in; null outside the ICU."),
        HADM_ID,
        integer("ab_id", "Number of the antibiotic in the patient's life, from 1, in order of time."),
        text("antibiotic", "Drug as prescribed."),
        timestamp("antibiotic_time", "When the antibiotic was to begin."),
        flag("suspected_infection", "1 where a culture was taken near the antibiotic."),
        timestamp(
            "suspected_infection_time",
            "The earlier of culture and antibiotic; midnight of the culture's day where only the day is known.",
        ),
        timestamp("culture_time", "When the culture was taken; midnight of its day where only the day is known."),
        text("specimen", "What was cultured."),
        flag("positive_culture", "1 where the culture grew an organism; known only days later."),
    ),
    primary_key=("subject_id", "ab_id"),
    happened="antibiotic_time",
)


def _cultures(microbiologyevents: pl.LazyFrame) -> pl.LazyFrame:
    """One row per specimen: `chartdate` (day), `charttime` (null where unknown), `specimen`, `positive_culture`."""
    organism = pl.col("org_name")
    # A name without an item id does not count, because SQL's NOT IN is unknown for a null.
    grew = (
        organism.is_not_null()
        & ~pl.col("org_itemid").is_in(NOT_AN_ORGANISM)
        & (organism != "")
        & (organism != CANCELLED)
    )
    return microbiologyevents.group_by("micro_specimen_id").agg(
        pl.col("subject_id").max(),
        pl.col("charttime").max(),
        chartdate=pl.col("chartdate").max().cast(pl.Date),
        specimen=pl.col("spec_type_desc").max(),
        positive_culture=grew.fill_null(value=False).cast(pl.Int64).max(),
    )


def _earliest_culture(antibiotics: pl.LazyFrame, cultures: pl.LazyFrame, near: pl.Expr, prefix: str) -> pl.LazyFrame:
    """Per antibiotic the first culture for which `near` holds; its columns begin with `prefix`."""
    return (
        antibiotics.select("subject_id", "ab_id", "antibiotic_time")
        .join(cultures, on="subject_id")
        .filter(near)
        .sort(
            "subject_id",
            "ab_id",
            "chartdate",
            "charttime",
            "positive_culture",
            "micro_specimen_id",
            descending=[False, False, False, False, True, False],
            nulls_last=[False, False, False, True, True, False],
        )
        .unique(["subject_id", "ab_id"], keep="first", maintain_order=True)
        .select(
            "subject_id",
            "ab_id",
            pl.coalesce("charttime", pl.col("chartdate").cast(pl.Datetime("us"))).alias(f"{prefix}_time"),
            pl.col("positive_culture").alias(f"{prefix}_positive"),
            pl.col("specimen").alias(f"{prefix}_specimen"),
        )
    )


def suspicion_of_infection(antibiotic: pl.LazyFrame, microbiologyevents: pl.LazyFrame) -> pl.LazyFrame:
    """Suspicion of infection. One row per antibiotic prescription.

    Cultures are matched by patient: a third of them carry no hospital stay. A culture before the antibiotic goes before
    one after it. Of antibiotics that agree in all that orders them, any may come first: they differ in nothing shown.
    """
    in_order = ["starttime", "stoptime", "antibiotic", "hadm_id", "stay_id"]
    antibiotics = antibiotic.with_columns(
        ab_id=pl.struct(in_order).rank("ordinal").over("subject_id"), antibiotic_time=pl.col("starttime")
    )
    cultures = _cultures(microbiologyevents)
    given, taken, taken_on = pl.col("antibiotic_time"), pl.col("charttime"), pl.col("chartdate")
    given_on = given.dt.date()
    culture_first = (
        pl.when(taken.is_not_null())
        .then((given > taken) & (given <= taken + CULTURE_THEN_ANTIBIOTIC))
        .otherwise((given_on >= taken_on) & (given_on <= taken_on + CULTURE_THEN_ANTIBIOTIC))
    )
    antibiotic_first = (
        pl.when(taken.is_not_null())
        .then((given >= taken - ANTIBIOTIC_THEN_CULTURE) & (given < taken))
        .otherwise((given_on >= taken_on - ANTIBIOTIC_THEN_CULTURE) & (given_on <= taken_on))
    )
    rows = antibiotics
    for near, prefix in ((culture_first, "before"), (antibiotic_first, "after")):
        rows = rows.join(_earliest_culture(antibiotics, cultures, near, prefix), on=["subject_id", "ab_id"], how="left")
    suspected = pl.coalesce("before_specimen", "after_specimen").is_not_null()
    return conform(
        rows.with_columns(
            suspected_infection=suspected,
            suspected_infection_time=pl.when(suspected).then(pl.coalesce("before_time", "antibiotic_time")),
            culture_time=pl.coalesce("before_time", "after_time"),
            specimen=pl.coalesce("before_specimen", "after_specimen"),
            positive_culture=pl.coalesce("before_positive", "after_positive"),
        ),
        SUSPICION_OF_INFECTION,
    )
