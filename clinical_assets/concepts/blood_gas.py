"""Blood gases, each with the inspired oxygen charted at the bedside shortly before, and their first day.

The gas's own oxygen entry goes before the chart's. Times are the specimen's; `laboratory` says when a result is known.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from clinical_assets.concepts.declaration import (
    DRAWN,
    HADM_ID,
    STAY_ID,
    SUBJECT_ID,
    concept,
    conform,
    number,
    text,
)
from clinical_assets.concepts.measurements import (
    Measurement,
    around_admission,
    extreme_columns,
    extremes,
    is_item,
    items_of,
    per_stay,
    text_of,
)
from clinical_assets.concepts.published_arithmetic import rounded
from clinical_assets.tables import Column


def _gas(name: str, itemid: int, unit: str | None, meaning: str, at_most: float | None = None) -> Measurement:
    return Measurement(name=name, itemids=(itemid,), unit=unit, meaning=meaning, at_most=at_most)


SPECIMEN = 52033
"""Specimen type: `ART.` arterial, `VEN.` venous, `MIX.`, `CENTRAL VENOUS.`; null where not entered."""
ARTERIAL = "ART."
SO2 = _gas("so2", 50817, "%", "Oxygen saturation of the blood", 100)
PO2 = _gas("po2", 50821, "mm[Hg]", "Partial pressure of oxygen")
PCO2 = _gas("pco2", 50818, "mm[Hg]", "Partial pressure of carbon dioxide")
FIO2 = _gas("fio2", 50816, "%", "Inspired oxygen as entered with the gas, fractions converted")
AADO2 = _gas("aado2", 50801, "mm[Hg]", "Alveolar-arterial oxygen gradient as reported")
PH = _gas("ph", 50820, "[pH]", "pH")
REST = (
    PH,
    _gas("baseexcess", 50802, "meq/L", "Base excess"),
    _gas("bicarbonate", 50803, "meq/L", "Bicarbonate, calculated"),
    _gas("totalco2", 50804, "meq/L", "Total carbon dioxide, calculated"),
    _gas("hematocrit", 50810, "%", "Hematocrit, calculated", 100),
    _gas("hemoglobin", 50811, "g/dL", "Hemoglobin"),
    _gas("carboxyhemoglobin", 50805, "%", "Carboxyhemoglobin"),
    _gas("methemoglobin", 50814, "%", "Methemoglobin"),
    _gas("chloride", 50806, "meq/L", "Chloride"),
    _gas("calcium", 50808, "mmol/L", "Free (ionised) calcium"),
    _gas("temperature", 50825, "Cel", "Temperature the gas was corrected for"),
    _gas("potassium", 50822, "meq/L", "Potassium"),
    _gas("sodium", 50824, "meq/L", "Sodium"),
    _gas("lactate", 50813, "mmol/L", "Lactate", 10_000),
    _gas("glucose", 50809, "mg/dL", "Glucose", 10_000),
)
FIO2_CHART = 223835
FIO2_CHART_FOR = timedelta(hours=4)
"""A charted inspired oxygen counts for gases up to this long after."""
AADO2_CALC = Measurement(
    name="aado2_calc", itemids=(), unit="mm[Hg]", meaning="Alveolar-arterial oxygen gradient, computed"
)
PAO2FIO2RATIO = Measurement(
    name="pao2fio2ratio", itemids=(), unit="mm[Hg]", meaning="PO2 divided by the inspired oxygen fraction"
)
AIR_PRESSURE, WATER_VAPOUR, RESPIRATORY_QUOTIENT = 760, 47, 0.8
"""Alveolar gas equation: mm Hg at sea level, mm Hg at 37 degrees, and carbon dioxide made per oxygen used."""

BG = concept(
    "bg",
    grain="one row per specimen with a partial pressure of oxygen",
    meaning="Blood gases, arterial and other, with the inspired oxygen of the time.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        DRAWN,
        text("specimen", "Specimen type as entered: ART., VEN., MIX., CENTRAL VENOUS.; null is unknown."),
        *(m.column() for m in (SO2, PO2, PCO2)),
        number("fio2_chartevents", "Inspired oxygen charted last in the 4 h before the gas.", "%"),
        FIO2.column(),
        AADO2.column(),
        AADO2_CALC.column(" from fio2, else fio2_chartevents, to 4 decimals"),
        PAO2FIO2RATIO.column(", of fio2, else fio2_chartevents"),
        *(m.column() for m in REST),
    ),
    happened="charttime",
)


def _charted_oxygen(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Inspired oxygen in percent; some chart it as a fraction. What lies between can't be read and is dropped."""
    value = pl.col("valuenum")
    percent = pl.when((value > 0.2) & (value <= 1)).then(value * 100).when((value >= 20) & (value <= 100)).then(value)
    return (
        chartevents.filter(is_item((FIO2_CHART,)))
        .select("subject_id", "charttime", fio2_chartevents=percent)
        .group_by("subject_id", "charttime")
        .agg(pl.col("fio2_chartevents").max())
        .filter(pl.col("fio2_chartevents") > 0)
    )


def _fio2_reading() -> pl.Expr:
    """The gas's own oxygen entry in percent. Exactly 20 % is not believed here, though the chart's is; as published."""
    value = pl.col("valuenum")
    percent = pl.when((value > 20) & (value <= 100)).then(value).when((value > 0.2) & (value <= 1)).then(value * 100)
    return pl.when(FIO2.carried()).then(percent).alias(FIO2.name)


def bg(labevents: pl.LazyFrame, chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Blood gases. One row per specimen with a PO2; columns as in `BG`. Charted oxygen is matched by patient."""
    measured = (SO2, PO2, PCO2, AADO2, *REST)
    gases = (
        labevents.filter(is_item((SPECIMEN, *items_of((*measured, FIO2)))))
        .select(
            "subject_id",
            "hadm_id",
            "charttime",
            "specimen_id",
            text_of(SPECIMEN, "specimen"),
            _fio2_reading(),
            *(m.reading() for m in measured),
        )
        .group_by("specimen_id")
        .agg(pl.all().max())
        .filter(pl.col("po2").is_not_null())
    )
    oxygen = pl.coalesce("fio2", "fio2_chartevents")
    alveolar = oxygen / 100 * (AIR_PRESSURE - WATER_VAPOUR) - pl.col("pco2") / RESPIRATORY_QUOTIENT
    rows = (
        gases.sort("charttime")
        .join_asof(
            _charted_oxygen(chartevents).sort("charttime"),
            on="charttime",
            by="subject_id",
            tolerance=FIO2_CHART_FOR,
            check_sortedness=False,
        )
        .with_columns(aado2_calc=rounded(alveolar - pl.col("po2"), 4), pao2fio2ratio=100 * pl.col("po2") / oxygen)
    )
    return conform(rows, BG)


_FIRST_DAY = tuple(
    {m.name: m for m in (SO2, PO2, PCO2, AADO2, AADO2_CALC, PAO2FIO2RATIO, *REST)}[name]
    for name in [
        "lactate",
        "ph",
        "so2",
        "po2",
        "pco2",
        "aado2",
        "aado2_calc",
        "pao2fio2ratio",
        "baseexcess",
        "bicarbonate",
        "totalco2",
        "hematocrit",
        "hemoglobin",
        "carboxyhemoglobin",
        "methemoglobin",
        "temperature",
        "chloride",
        "calcium",
        "glucose",
        "potassium",
        "sodium",
    ]
)


def _first_day_columns() -> tuple[Column, ...]:
    return (SUBJECT_ID, STAY_ID, *extreme_columns([(m, m.name) for m in _FIRST_DAY], "of the first ICU day"))


def _first_day(icustays: pl.LazyFrame, gases: pl.LazyFrame) -> pl.LazyFrame:
    summaries = (
        around_admission(icustays, gases, by="subject_id")
        .group_by("stay_id")
        .agg(extremes([(m.name, m.name) for m in _FIRST_DAY]))
    )
    return per_stay(icustays, summaries)


FIRST_DAY_BG = concept(
    "first_day_bg",
    grain="one row per ICU stay",
    meaning="Extremes of all blood gases, venous too, from 6 h before to 24 h after ICU admission.",
    columns=_first_day_columns(),
    primary_key=("stay_id",),
)


def first_day_bg(icustays: pl.LazyFrame, bg: pl.LazyFrame) -> pl.LazyFrame:
    """First-day blood gases of any specimen. One row per ICU stay."""
    return conform(_first_day(icustays, bg), FIRST_DAY_BG)


FIRST_DAY_BG_ART = concept(
    "first_day_bg_art",
    grain="one row per ICU stay",
    meaning="Extremes of the arterial blood gases from 6 h before to 24 h after ICU admission.",
    columns=_first_day_columns(),
    primary_key=("stay_id",),
)


def first_day_bg_art(icustays: pl.LazyFrame, bg: pl.LazyFrame) -> pl.LazyFrame:
    """First-day arterial blood gases. One row per ICU stay."""
    return conform(_first_day(icustays, bg.filter(pl.col("specimen") == ARTERIAL)), FIRST_DAY_BG_ART)
