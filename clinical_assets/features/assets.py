"""The assets of `features/`: one table per feature set; the rules are in the module of that name."""

from __future__ import annotations

import polars as pl

from clinical_assets.declaration import declared
from clinical_assets.features import mortality_first_day as first_day
from clinical_assets.features import sepsis_hourly as hourly


@declared(
    first_day.MORTALITY_FIRST_DAY,
    parts=first_day.PARTS,
    icu_stays="stays/icu_stays",
    hospital_stays="stays/hospital_stays",
    chartevents="mimic/icu/chartevents",
    labevents="mimic/hosp/labevents",
    outputevents="mimic/icu/outputevents",
)
def mortality_first_day(
    icu_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    labevents: pl.LazyFrame,
    outputevents: pl.LazyFrame,
) -> pl.LazyFrame:
    """Features of the first ICU day."""
    return first_day.mortality_first_day(icu_stays, hospital_stays, chartevents, labevents, outputevents)


@declared(
    hourly.SEPSIS_HOURLY,
    parts=hourly.PARTS,
    icu_stays="stays/icu_stays",
    chartevents="mimic/icu/chartevents",
    labevents="mimic/hosp/labevents",
    inputevents="mimic/icu/inputevents",
    outputevents="mimic/icu/outputevents",
    sepsis_onset="concepts/sepsis_onset",
)
def sepsis_hourly(
    icu_stays: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    labevents: pl.LazyFrame,
    inputevents: pl.LazyFrame,
    outputevents: pl.LazyFrame,
    sepsis_onset: pl.LazyFrame,
) -> pl.LazyFrame:
    """Features and label of every hour of an ICU stay."""
    return hourly.sepsis_hourly(icu_stays, chartevents, labevents, inputevents, outputevents, sepsis_onset)


ASSETS = (mortality_first_day, sepsis_hourly)
