"""Vital signs, intracranial pressure and heart rhythm, from the ICU chart.

`happened` is the chart time. The chart also says when a value was stored; a caller who needs what was known by some
time filters `chartevents` first.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import CHARTTIME, STAY_ID, SUBJECT_ID, concept, conform, text
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

# Open bounds outside which a charted value is an artefact; as published.
_CUFF = {"sbp_ni": 220179, "dbp_ni": 220180, "mbp_ni": 220181}

HEART_RATE = Measurement(name="heart_rate", itemids=(220045,), unit="/min", meaning="Heart rate", above=0, below=300)
BLOOD_PRESSURES = (
    Measurement(
        name="sbp",
        itemids=(220179, 220050, 225309),
        unit="mm[Hg]",
        meaning="Systolic blood pressure, cuff or arterial line",
        above=0,
        below=400,
    ),
    Measurement(
        name="dbp",
        itemids=(220180, 220051, 225310),
        unit="mm[Hg]",
        meaning="Diastolic blood pressure, cuff or arterial line",
        above=0,
        below=300,
    ),
    Measurement(
        name="mbp",
        itemids=(220052, 220181, 225312),
        unit="mm[Hg]",
        meaning="Mean arterial pressure, cuff or arterial line",
        above=0,
        below=300,
    ),
)
CUFF_PRESSURES = (
    Measurement(
        name="sbp_ni",
        itemids=(_CUFF["sbp_ni"],),
        unit="mm[Hg]",
        meaning="Systolic blood pressure, cuff only",
        above=0,
        below=400,
    ),
    Measurement(
        name="dbp_ni",
        itemids=(_CUFF["dbp_ni"],),
        unit="mm[Hg]",
        meaning="Diastolic blood pressure, cuff only",
        above=0,
        below=300,
    ),
    Measurement(
        name="mbp_ni",
        itemids=(_CUFF["mbp_ni"],),
        unit="mm[Hg]",
        meaning="Mean arterial pressure, cuff only",
        above=0,
        below=300,
    ),
)
RESP_RATE = Measurement(
    name="resp_rate", itemids=(220210, 224690), unit="/min", meaning="Respiratory rate", above=0, below=70
)
# Each scale is judged by its own bounds before any conversion: 98.6 is no Celsius temperature, 37 no Fahrenheit one.
FAHRENHEIT = Measurement(
    name="fahrenheit", itemids=(223761,), unit="[degF]", meaning="Temperature", above=70, below=120
)
CELSIUS = Measurement(name="celsius", itemids=(223762,), unit="Cel", meaning="Temperature", above=10, below=50)
TEMPERATURE = Measurement(
    name="temperature", itemids=(223761, 223762), unit="Cel", meaning="Body temperature, Fahrenheit values converted"
)
TEMPERATURE_SITE = 224642
SPO2 = Measurement(
    name="spo2", itemids=(220277,), unit="%", meaning="Oxygen saturation by pulse oximeter", above=0, at_most=100
)
GLUCOSE = Measurement(
    name="glucose",
    itemids=(225664, 220621, 226537),
    unit="mg/dL",
    meaning="Glucose as charted in the ICU, fingerstick, serum or whole blood",
    above=0,
)
VITAL_SIGNS = (HEART_RATE, *BLOOD_PRESSURES, *CUFF_PRESSURES, RESP_RATE, TEMPERATURE, SPO2, GLUCOSE)
"""In the published column order; `temperature_site` stands after `temperature`."""

_AVERAGED = ", mean of the values charted at this time"

VITALSIGN = concept(
    "vitalsign",
    grain="one row per ICU stay and chart time at which any vital sign was charted",
    meaning="Vital signs side by side, artefacts outside plausible bounds removed.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        CHARTTIME,
        *(m.column(_AVERAGED) for m in (HEART_RATE, *BLOOD_PRESSURES, *CUFF_PRESSURES, RESP_RATE, TEMPERATURE)),
        text("temperature_site", "Where the temperature was taken; of several the last in alphabetical order."),
        SPO2.column(_AVERAGED),
        GLUCOSE.column(_AVERAGED),
    ),
    primary_key=("stay_id", "charttime"),
    happened="charttime",
)


def vitalsign(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Vital signs. One row per ICU stay and chart time; columns and units as in `VITALSIGN`."""
    averaged = [m for m in VITAL_SIGNS if m is not TEMPERATURE]
    celsius = pl.coalesce(CELSIUS.reading(), (FAHRENHEIT.reading() - 32) / 1.8).alias("temperature")
    rows = (
        chartevents.filter(is_item((*items_of(VITAL_SIGNS), TEMPERATURE_SITE)), pl.col("stay_id").is_not_null())
        .select(
            "subject_id",
            "stay_id",
            "charttime",
            *(m.reading() for m in averaged),
            celsius,
            text_of(TEMPERATURE_SITE, "temperature_site"),
        )
        .group_by("subject_id", "stay_id", "charttime")
        .agg(
            *(pl.col(m.name).mean() for m in averaged),
            rounded(pl.col("temperature").mean(), 2),
            pl.col("temperature_site").max(),
        )
    )
    return conform(rows, VITALSIGN)


_FIRST_DAY_SIGNS = (HEART_RATE, *BLOOD_PRESSURES, RESP_RATE, TEMPERATURE, SPO2, GLUCOSE)
_STATISTICS = ("min", "max", "mean")

FIRST_DAY_VITALSIGN = concept(
    "first_day_vitalsign",
    grain="one row per ICU stay",
    meaning="Extremes and means of the vital signs from 6 h before to 24 h after ICU admission.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        *extreme_columns([(m, m.name) for m in _FIRST_DAY_SIGNS], "of the first ICU day", _STATISTICS),
    ),
    primary_key=("stay_id",),
)


def first_day_vitalsign(icustays: pl.LazyFrame, vitalsign: pl.LazyFrame) -> pl.LazyFrame:
    """First-day vital signs. One row per ICU stay, all null where nothing was charted."""
    summaries = (
        around_admission(icustays, vitalsign, by="stay_id")
        .group_by("stay_id")
        .agg(extremes([(m.name, m.name) for m in _FIRST_DAY_SIGNS], _STATISTICS))
    )
    return conform(per_stay(icustays, summaries), FIRST_DAY_VITALSIGN)


INTRACRANIAL_PRESSURE = Measurement(
    name="icp", itemids=(220765, 227989), unit="mm[Hg]", meaning="Intracranial pressure", above=0, below=100
)

ICP = concept(
    "icp",
    grain="one row per ICU stay and chart time of an intracranial pressure",
    meaning="Intracranial pressure; of two probes the higher value.",
    columns=(SUBJECT_ID, STAY_ID, CHARTTIME, INTRACRANIAL_PRESSURE.column(", the highest charted at this time")),
    primary_key=("stay_id", "charttime"),
    happened="charttime",
)


def icp(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Intracranial pressure. One row per ICU stay and chart time; null where every value was implausible."""
    rows = (
        chartevents.filter(INTRACRANIAL_PRESSURE.carried())
        .select("subject_id", "stay_id", "charttime", INTRACRANIAL_PRESSURE.reading())
        .group_by("subject_id", "stay_id", "charttime")
        .agg(pl.col("icp").max())
    )
    return conform(rows, ICP)


HEART_RHYTHM = 220048
ECTOPY = {
    "ectopy_type": 224650,
    "ectopy_frequency": 224651,
    "ectopy_type_secondary": 226479,
    "ectopy_frequency_secondary": 226480,
}

RHYTHM = concept(
    "rhythm",
    grain="one row per patient and chart time of a heart rhythm or ectopy entry",
    meaning="Heart rhythm and ectopic beats as the nurse charted them.",
    columns=(
        SUBJECT_ID,
        CHARTTIME,
        text("heart_rhythm", "The rhythms charted at this time, each once, in alphabetical order, separated by '; '."),
        text("ectopy_type", "Kind of ectopic beats."),
        text("ectopy_frequency", "How often they occur."),
        text("ectopy_type_secondary", "Second kind of ectopic beats."),
        text("ectopy_frequency_secondary", "How often the second kind occurs."),
    ),
    primary_key=("subject_id", "charttime"),
    happened="charttime",
)


def rhythm(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Heart rhythm. One row per patient and chart time (not per stay, as published)."""
    rhythms = pl.col("heart_rhythm").drop_nulls().unique().sort()
    rows = (
        chartevents.filter(is_item((HEART_RHYTHM, *ECTOPY.values())), pl.col("stay_id").is_not_null())
        .select(
            "subject_id",
            "charttime",
            text_of(HEART_RHYTHM, "heart_rhythm"),
            *(text_of(itemid, name) for name, itemid in ECTOPY.items()),
        )
        .group_by("subject_id", "charttime")
        .agg(
            pl.when(pl.col("heart_rhythm").count() > 0).then(rhythms.str.join("; ")),
            *(pl.col(name).max() for name in ECTOPY),
        )
    )
    return conform(rows, RHYTHM)
