"""Known data in the long format of observations: the CinC 2019 challenge, and MIMIC's charts and laboratory.

One row per observation. Temperatures are in degrees Celsius throughout (code `tempC`); reference ranges are the
laboratory's own where it prints them, else the usual ones for adults.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from clinical_assets.concepts.laboratory import (
    BLOOD_COUNT,
    CHEMISTRY_RESULTS,
    ENZYMES_AND_BILIRUBIN,
    HEART_MARKERS,
    IMMATURE_CELLS,
    INFLAMMATION_MARKERS,
)
from clinical_assets.concepts.measurements import Measurement
from clinical_assets.concepts.vitals import BLOOD_PRESSURES, CELSIUS, FAHRENHEIT, HEART_RATE
from clinical_assets.features.known import charted_known, resulted_known
from clinical_assets.features.observation_files import CLIENT, LABEL
from clinical_assets.features.observations import CODE, HIGH, KNOWN, LOW, TIME, VALUE, VISIT

RANGES: Mapping[str, tuple[float, float]] = {
    "pulseRate": (60, 100),
    "bpUpper": (90, 140),
    "bpLower": (60, 90),
    "tempC": (36.0, 38.0),
    "pltCount": (150, 400),
    "leucocyteCount": (4, 11),
    "renalMarker": (0.5, 1.2),
    "liverEnzA": (0, 40),
    "liverEnzB": (0, 40),
    "lactateLevel": (0.5, 2.0),
    "cardiacMarker": (0, 0.04),
}
"""Adults, in the units of the data: /min, mm[Hg], Cel, 10*3/uL, mg/dL, [IU]/L, mmol/L, ng/mL."""
CINC_CODES = {
    "HR": "pulseRate",
    "SBP": "bpUpper",
    "DBP": "bpLower",
    "Temp": "tempC",
    "Platelets": "pltCount",
    "WBC": "leucocyteCount",
    "Creatinine": "renalMarker",
    "AST": "liverEnzB",
    "Lactate": "lactateLevel",
    "TroponinI": "cardiacMarker",
}
CINC_START = datetime(2000, 1, 1)
"""The challenge has hours of stay and no dates: every stay is taken to begin here."""
CINC_EARLY = timedelta(hours=6)
"""The challenge labels hours from six before onset on."""


def from_cinc2019(hours: pl.LazyFrame) -> pl.LazyFrame:
    """Observations of the challenge's hourly rows; values not measured in an hour give no row.

    Args:
        hours: the challenge's columns with `patient_id`.
    """
    label = (pl.col("SepsisLabel") == 1).any().over("patient_id")
    long = hours.with_columns(label=label).unpivot(
        on=list(CINC_CODES), index=["patient_id", "ICULOS", "label"], variable_name="column", value_name=VALUE
    )
    code = pl.col("column").replace_strict(CINC_CODES)
    return (
        long.drop_nulls(VALUE)
        .filter(pl.col(VALUE).is_finite())
        .with_columns(code.alias(CODE))
        .select(
            pl.col("patient_id").alias(CLIENT),
            pl.col("patient_id").alias(VISIT),
            CODE,
            VALUE,
            _usual(0).alias(LOW),
            _usual(1).alias(HIGH),
            (pl.lit(CINC_START) + pl.duration(hours=pl.col("ICULOS").cast(pl.Int64))).alias(TIME),
            pl.col("label").alias(LABEL),
        )
    )


def cinc2019_index_times(hours: pl.LazyFrame, after: int) -> pl.LazyFrame:
    """Index times `after` hours into the stay, of patients still there and without sepsis by then.

    Both are known at that hour. Sepsis begins six hours after the first labelled hour.
    """
    labelled = pl.col("ICULOS").filter(pl.col("SepsisLabel") == 1).min().cast(pl.Int64)
    stays = hours.group_by("patient_id").agg(
        last=pl.col("ICULOS").max().cast(pl.Int64), first=pl.col("ICULOS").min().cast(pl.Int64), labelled=labelled
    )
    # A stay labelled from its first hour on may have begun septic: when is not told, so it is taken as there.
    onset = pl.when(pl.col("labelled") > pl.col("first")).then(pl.col("labelled") + CINC_EARLY // timedelta(hours=1))
    septic = pl.col("labelled").is_not_null() & (onset.fill_null(0) <= after)
    return stays.filter(pl.col("last") >= after, ~septic).select(
        pl.col("patient_id").alias(VISIT), index_time=pl.lit(CINC_START) + pl.duration(hours=after)
    )


def _one(panel: tuple[Measurement, ...], name: str) -> Measurement:
    return next(m for m in panel if m.name == name)


MIMIC_CHARTED = {"pulseRate": HEART_RATE, "bpUpper": BLOOD_PRESSURES[0], "bpLower": BLOOD_PRESSURES[1]}
MIMIC_RESULTS = {
    "pltCount": _one(BLOOD_COUNT, "platelet"),
    "leucocyteCount": _one(BLOOD_COUNT, "wbc"),
    "immaturePct": _one(IMMATURE_CELLS, "immature_granulocytes"),
    "renalMarker": _one(CHEMISTRY_RESULTS, "creatinine"),
    "liverEnzA": _one(ENZYMES_AND_BILIRUBIN, "alt"),
    "liverEnzB": _one(ENZYMES_AND_BILIRUBIN, "ast"),
    "lactateLevel": Measurement(name="lactate", itemids=(50813,), unit="mmol/L", meaning="Lactate", at_most=10_000),
    "cardiacMarker": _one(HEART_MARKERS, "troponin_t"),
    "natriureticPeptide": _one(HEART_MARKERS, "ntprobnp"),
    "inflammMarker": _one(INFLAMMATION_MARKERS, "crp"),
}


def from_mimic(icu_stays: pl.LazyFrame, chartevents: pl.LazyFrame, labevents: pl.LazyFrame) -> pl.LazyFrame:
    """Observations of ICU stays, with `observation_known`; the label is death in the hospital stay.

    A visit is an ICU stay; laboratory results are the patient's between entering and leaving it. A result without a
    store time was never known and is left out, and so is a stay whose outcome is not recorded.
    """
    return every_observation(icu_stays, chartevents, labevents).drop_nulls(LABEL)


def every_observation(icu_stays: pl.LazyFrame, chartevents: pl.LazyFrame, labevents: pl.LazyFrame) -> pl.LazyFrame:
    """The same of all stays; the label is null where the outcome is not recorded."""
    return pl.concat([charted(icu_stays, chartevents), resulted(icu_stays, labevents)])


def charted(icu_stays: pl.LazyFrame, chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """The observations `from_mimic` takes from the ICU's chart."""
    value = pl.coalesce(*(m.reading() for m in MIMIC_CHARTED.values()), CELSIUS.reading(), _fahrenheit())
    events = (
        chartevents.with_columns(_code({**MIMIC_CHARTED, "tempC": CELSIUS}, also={"tempC": FAHRENHEIT}))
        .drop_nulls(CODE)
        .select("stay_id", CODE, "charttime", known=charted_known(), value=value, low=_usual(0), high=_usual(1))
    )
    return _long(events.join(_stays(icu_stays), on="stay_id"))


def resulted(icu_stays: pl.LazyFrame, labevents: pl.LazyFrame) -> pl.LazyFrame:
    """The observations `from_mimic` takes from the laboratory. A negative number is no result: its value is null."""
    value = pl.coalesce(m.reading() for m in MIMIC_RESULTS.values())
    events = (
        labevents.with_columns(_code(MIMIC_RESULTS))
        .drop_nulls(CODE)
        .select(
            "subject_id",
            CODE,
            "charttime",
            known=resulted_known(),
            value=pl.when(value >= 0).then(value),
            low="ref_range_lower",
            high="ref_range_upper",
        )
        .drop_nulls("known")
    )
    of_stays = events.join(_stays(icu_stays), on="subject_id")
    return _long(of_stays.filter(pl.col("charttime").is_between("intime", "outtime")))


def _stays(icu_stays: pl.LazyFrame) -> pl.LazyFrame:
    died = pl.col("hospital_expire_flag") == 1
    return icu_stays.select("subject_id", "stay_id", "intime", "outtime", label=died)


def _long(events: pl.LazyFrame) -> pl.LazyFrame:
    ordered = pl.col("low") <= pl.col("high")
    return events.select(
        pl.col("subject_id").cast(pl.String).alias(CLIENT),
        pl.col("stay_id").cast(pl.String).alias(VISIT),
        CODE,
        pl.col("value").alias(VALUE),
        pl.when(ordered).then("low").alias(LOW),
        pl.when(ordered).then("high").alias(HIGH),
        pl.col("charttime").alias(TIME),
        pl.col("label").alias(LABEL),
        pl.col("known").alias(KNOWN),
    )


def _fahrenheit() -> pl.Expr:
    return (FAHRENHEIT.reading() - 32) / 1.8


def _code(measurements: Mapping[str, Measurement], also: Mapping[str, Measurement] | None = None) -> pl.Expr:
    """The code of an event's item, null for items of none."""
    pairs = [*measurements.items(), *(also or {}).items()]
    codes = {itemid: code for code, measurement in pairs for itemid in measurement.itemids}
    return pl.col("itemid").replace_strict(codes, default=None, return_dtype=pl.String).alias(CODE)


def _usual(bound: int) -> pl.Expr:
    bounds = {code: float(limits[bound]) for code, limits in RANGES.items()}
    return pl.col(CODE).replace_strict(bounds, default=None, return_dtype=pl.Float64)
