"""Sepsis within the next hours (six, unless told otherwise), predicted at every hour of an ICU stay.

One row per ICU stay and full hour since admission, as long as the patient is in the unit and alive, from what was known
by then. At the index time a chart entry counts once it had happened and was stored, a laboratory result once it was
drawn and stored (one without a store time was never known). A measurement is the newest known and holds for a time; a
trend is what it is now less what was known so many hours ago, null where nothing was measured since.

The label is made apart from the features, from `concepts/sepsis_onset` alone: `features_of` never sees an onset and
`labelled` never sees a measurement. Onset is `onset_known_time`, the later of suspicion and organ dysfunction.
Prediction stops there: later hours have no label and are not eligible. Nothing else about how the stay goes on chooses
rows: a stay that ends without onset keeps its last hours, labelled 0.

Two sets of features: `FEATURES` (36), and `LABEL_DERIVED` (6), the organ points the label is made of. Antibiotics and
cultures, which also make the label, are no features at all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import polars as pl

from clinical_assets.concepts.anthropometry import BODY_HEIGHT, BODY_WEIGHT, CM_PER_INCH, HEIGHT_INCHES
from clinical_assets.concepts.measurements import is_item, items_of
from clinical_assets.concepts.vitals import CELSIUS, FAHRENHEIT, TEMPERATURE
from clinical_assets.features import organ_points
from clinical_assets.features.hourly_grid import HOUR, admissions, change_over, grid, known_in_stay, with_latest
from clinical_assets.features.sepsis_features import (
    ALL_FEATURES,
    BLOODS,
    BLOODS_HOLD,
    ELIGIBLE,
    FEATURES,
    GAP_HOURS,
    GASES,
    HORIZON_HOURS,
    LABEL,
    LABEL_DERIVED,
    LATEST,
    SEPSIS_HOURLY,
    TRENDS,
    VITAL_SIGNS,
    Latest,
)

__all__ = ["ALL_FEATURES", "ELIGIBLE", "FEATURES", "LABEL", "LABEL_DERIVED", "PARTS", "SEPSIS_HOURLY"]

HORIZON = timedelta(hours=6)
GAP = timedelta(0)
_KEYS = ["subject_id", "stay_id", "hr"]


def sepsis_hourly(
    icu_stays: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    labevents: pl.LazyFrame,
    inputevents: pl.LazyFrame,
    outputevents: pl.LazyFrame,
    sepsis_onset: pl.LazyFrame,
    horizon: timedelta = HORIZON,
    gap: timedelta = GAP,
) -> pl.LazyFrame:
    """One row per ICU stay and hour, with features and label; columns as in `SEPSIS_HOURLY`.

    Args:
        icu_stays: as in `stays/icu_stays`; a stay without an `outtime` has no rows.
        chartevents: of the ICU.
        labevents: of the patient, in or out of the ICU.
        inputevents: of the ICU; the vasopressors are used, for organ points alone.
        outputevents: of the ICU; urine, for organ points alone.
        sepsis_onset: as in `concepts/sepsis_onset`, for the label alone.
        horizon: how far the label looks, in full hours.
        gap: between the index time and the hours the label looks at, in full hours: time to act.
    """
    rows = features_of(icu_stays, chartevents, labevents, inputevents, outputevents)
    return labelled(rows, sepsis_onset, horizon=horizon, gap=gap).select(SEPSIS_HOURLY.column_names)


def features_of(
    icu_stays: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    labevents: pl.LazyFrame,
    inputevents: pl.LazyFrame,
    outputevents: pl.LazyFrame,
) -> pl.LazyFrame:
    """The features without any label, for training and for serving: keys, `index_time` and `ALL_FEATURES`."""
    stays = admissions(icu_stays)
    hours = _measured(grid(stays), stays, chartevents, labevents)
    hours = organ_points.respiration(hours, stays, labevents, chartevents)
    hours = organ_points.circulation(hours, stays, chartevents, inputevents)
    hours = organ_points.liver(hours, stays, labevents)
    hours = organ_points.coagulation(hours, stays, labevents)
    hours = organ_points.renal(hours, stays, labevents, outputevents)
    hours = organ_points.consciousness(hours, stays, chartevents)
    return _as_declared(_with_stay_facts(hours, icu_stays).filter(_alive()))


def labelled(
    rows: pl.LazyFrame, sepsis_onset: pl.LazyFrame, *, horizon: timedelta = HORIZON, gap: timedelta = GAP
) -> pl.LazyFrame:
    """The rows with `eligible`, the label and what it asks; of each row only `stay_id` and `index_time` are looked at.

    The label asks for an onset in (index time + gap, index time + gap + horizon]. An onset within the gap comes too
    soon to be of use and is no negative either: no label.

    Raises:
        ValueError: horizon or gap are no full hours, or there is no horizon.
    """
    hours = {HORIZON_HOURS: horizon / HOUR, GAP_HOURS: gap / HOUR}
    if horizon < HOUR or gap < timedelta(0) or any(h != int(h) for h in hours.values()):
        raise ValueError(
            f"expected a horizon of 1 h or more and a gap of 0 h or more, both in full hours; found {horizon} and "
            f"{gap}; rows are an hour apart, so nothing in between can be told"
        )
    onset, now = pl.col("onset_known_time"), pl.col("index_time")
    ahead = onset.is_null() | (onset > now)
    answered = onset.is_null() | (onset > now + gap)
    return rows.join(sepsis_onset.select("stay_id", "onset_known_time"), on="stay_id", how="left").select(
        pl.exclude("onset_known_time"),
        ahead.alias(ELIGIBLE),
        pl.when(answered).then((onset <= now + gap + horizon).fill_null(value=False).cast(pl.Int64)).alias(LABEL),
        *(pl.lit(int(h), pl.Int64).alias(name) for name, h in hours.items()),
    )


def _measured(
    hours: pl.LazyFrame, stays: pl.LazyFrame, chartevents: pl.LazyFrame, labevents: pl.LazyFrame
) -> pl.LazyFrame:
    """The hours with the newest values known, trends and body mass index."""
    hours = _with_vital_signs(hours, stays, chartevents, VITAL_SIGNS)
    hours = _with_bloods(hours, stays, labevents, BLOODS)
    hours = _with_gases(hours, stays, labevents, GASES)
    hours = hours.with_columns(change_over(*TRENDS[name]).alias(name) for name in TRENDS)
    return _with_bmi(hours, stays, chartevents).drop(f"{name}__at" for name in LATEST)


def _believable(latest: Latest, value: pl.Expr) -> pl.Expr:
    return value.is_between(latest.low, latest.high)


def _with_vital_signs(
    hours: pl.LazyFrame, stays: pl.LazyFrame, chartevents: pl.LazyFrame, signs: tuple[Latest, ...]
) -> pl.LazyFrame:
    entries = organ_points.charted(stays, chartevents, items_of(sign.measurement for sign in signs))
    celsius = pl.coalesce(CELSIUS.reading(), (FAHRENHEIT.reading() - 32) / 1.8)
    for sign in signs:
        reading = celsius if sign.measurement is TEMPERATURE else sign.measurement.reading()
        known = entries.filter(sign.measurement.carried()).with_columns(value=reading)
        believed = known.filter(_believable(sign, pl.col("value")))
        hours = with_latest(hours, believed, sign.name, holds_for=sign.holds_for)
    return hours


def _with_bloods(
    hours: pl.LazyFrame, stays: pl.LazyFrame, labevents: pl.LazyFrame, bloods: tuple[Latest, ...]
) -> pl.LazyFrame:
    items = items_of(blood.measurement for blood in bloods)
    results = organ_points.resulted(stays, labevents, items, BLOODS_HOLD + organ_points.DAY)
    for blood in bloods:
        known = results.filter(blood.measurement.carried()).with_columns(value=blood.measurement.reading())
        believed = known.filter(_believable(blood, pl.col("value")))
        hours = with_latest(hours, believed, blood.name, holds_for=blood.holds_for)
    return hours


def _with_gases(
    hours: pl.LazyFrame, stays: pl.LazyFrame, labevents: pl.LazyFrame, gases: tuple[Latest, ...]
) -> pl.LazyFrame:
    for gas in gases:
        arterial = organ_points.arterial_gases(labevents, gas.measurement).with_columns(value=pl.col("valuenum"))
        believed = arterial.filter(_believable(gas, pl.col("value")))
        known = known_in_stay(stays, believed, by="subject_id", no_older_than=organ_points.BACK)
        hours = with_latest(hours, known, gas.name, holds_for=gas.holds_for)
    return hours


def _with_bmi(hours: pl.LazyFrame, stays: pl.LazyFrame, chartevents: pl.LazyFrame) -> pl.LazyFrame:
    entries = organ_points.charted(stays, chartevents, (*BODY_HEIGHT.itemids, *BODY_WEIGHT.itemids))
    value = pl.col("valuenum")
    in_cm = pl.when(is_item((HEIGHT_INCHES,))).then(value * CM_PER_INCH).otherwise(value)
    heights = entries.filter(BODY_HEIGHT.carried()).with_columns(value=in_cm)
    weights = entries.filter(BODY_WEIGHT.carried(), BODY_WEIGHT.believed(value)).with_columns(value=value)
    hours = with_latest(hours, heights.filter(BODY_HEIGHT.believed(pl.col("value"))), "height", holds_for=None)
    hours = with_latest(hours, weights, "weight", holds_for=None)
    return hours.with_columns(bmi=pl.col("weight") / (pl.col("height") / 100) ** 2).drop(
        "height", "weight", "height__at", "weight__at"
    )


def _with_stay_facts(hours: pl.LazyFrame, icu_stays: pl.LazyFrame) -> pl.LazyFrame:
    """The hours from admission on, with what the admission record says."""
    facts = icu_stays.select("stay_id", "hadm_id", "age", "gender", "deathtime", "intime")
    return (
        hours.filter(pl.col("hr") >= 0)
        .join(facts, on="stay_id", how="left", maintain_order="left")
        .with_columns(hour_of_admission=pl.col("intime").dt.hour(), icu_los_so_far="hr")
    )


def _alive() -> pl.Expr:
    """There is nobody to predict for after death, even where the record's `outtime` is later."""
    return pl.col("deathtime").is_null() | (pl.col("deathtime") > pl.col("index_time"))


def _as_declared(hours: pl.LazyFrame) -> pl.LazyFrame:
    names = [name for name in hours.collect_schema().names() if name in {f.name for f in ALL_FEATURES}]
    values = [feature.value() for feature in ALL_FEATURES if feature.name in names]
    return hours.select("subject_id", "hadm_id", "stay_id", "hr", "index_time", *values)


def _part(make: Callable[..., pl.LazyFrame], *sources: str) -> Callable[..., pl.LazyFrame]:
    """A rule of all inputs that makes some columns of the hours from the named ones."""

    def part(**inputs: pl.LazyFrame) -> pl.LazyFrame:
        stays = admissions(inputs["icu_stays"])
        hours = make(grid(stays), stays, *(inputs[source] for source in sources))
        names = {feature.name for feature in ALL_FEATURES}
        made = [name for name in hours.collect_schema().names() if name in names]
        return hours.filter(pl.col("hr") >= 0).select(*_KEYS, *made)

    return part


def _from_stay(icu_stays: pl.LazyFrame, **_: pl.LazyFrame) -> pl.LazyFrame:
    return _as_declared(_with_stay_facts(grid(admissions(icu_stays)), icu_stays))


def _label(icu_stays: pl.LazyFrame, sepsis_onset: pl.LazyFrame, **_: pl.LazyFrame) -> pl.LazyFrame:
    hours = grid(admissions(icu_stays)).select(*_KEYS, "index_time")
    return labelled(hours, sepsis_onset).select(*_KEYS, ELIGIBLE, LABEL, HORIZON_HOURS, GAP_HOURS)


def _changes(
    make: Callable[..., pl.LazyFrame], hours: pl.LazyFrame, stays: pl.LazyFrame, events: pl.LazyFrame, latest: Latest
) -> pl.LazyFrame:
    made = make(hours, stays, events, (latest,))
    return made.with_columns(change_over(of, n).alias(name) for name, (of, n) in TRENDS.items() if of == latest.name)


PARTS: tuple[Callable[..., pl.LazyFrame], ...] = (
    _from_stay,
    _label,
    *(_part(partial(_changes, _with_vital_signs, latest=sign), "chartevents") for sign in VITAL_SIGNS),
    *(_part(partial(_changes, _with_bloods, latest=blood), "labevents") for blood in BLOODS),
    *(_part(partial(_changes, _with_gases, latest=gas), "labevents") for gas in GASES),
    _part(_with_bmi, "chartevents"),
    _part(organ_points.respiration, "labevents", "chartevents"),
    _part(organ_points.circulation, "chartevents", "inputevents"),
    _part(organ_points.liver, "labevents"),
    _part(organ_points.coagulation, "labevents"),
    _part(organ_points.renal, "labevents", "outputevents"),
    _part(organ_points.consciousness, "chartevents"),
)
"""The rule as independent parts: the lineage of a column is that of the part that makes it."""
