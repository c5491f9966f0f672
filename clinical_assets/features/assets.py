"""The assets of `features/`: one table per feature set; the rules are in the module of that name."""

from __future__ import annotations

import polars as pl

from clinical_assets.declaration import declared
from clinical_assets.features import mortality_first_day as first_day


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


ASSETS = (mortality_first_day,)
