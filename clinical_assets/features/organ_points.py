"""SOFA points of the last 24 hours, at every hour of an ICU stay, from what was known by then.

The published SOFA dates a blood result by when it was drawn and a dose by when it began; at that hour nobody knew them.
Here an event counts from the hour at which it was known. Thresholds are the published ones (`concepts/sofa`); what
differs, because only the past may be used:

- an organ not observed in the last 24 h is null, not 0: a model may see that it was not measured;
- PaO2/FiO2 is made when the gas is reported, from the inspired oxygen known then: the gas's own, else the newest
  charted in the 4 h before the gas; it counts as ventilated if the newest device or mode of the 14 h before says so;
- consciousness is scored from the newest eye, verbal and motor response, each up to 6 h old, all three known; a tube
  scores as normal, as published;
- urine is the sum of the last 24 h, believed once 22 h are covered and while entries come at least every 6 h.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from clinical_assets.concepts.blood_gas import ARTERIAL, FIO2, FIO2_CHART, FIO2_CHART_FOR, PO2, SPECIMEN
from clinical_assets.concepts.gcs import CARRIED_ON_FOR, COMPONENTS, HIGHEST, TUBE
from clinical_assets.concepts.laboratory import BLOOD_COUNT, CHEMISTRY_RESULTS, ENZYMES_AND_BILIRUBIN
from clinical_assets.concepts.measurements import Measurement, is_item
from clinical_assets.concepts.respiratory import BREAK_HOURS, O2_DEVICE, VENTILATOR_TEXTS
from clinical_assets.concepts.scoring import all_null, at_least, below, first_true
from clinical_assets.concepts.sofa import BILIRUBIN, GCS, PLATELETS, URINE_COVERED
from clinical_assets.concepts.urine import IRRIGANT_IN, URINE_ITEMS
from clinical_assets.concepts.vasoactive import dobutamine, dopamine, epinephrine, norepinephrine
from clinical_assets.concepts.ventilation_modes import INVASIVE_DEVICES, INVASIVE_HAMILTON_MODES, INVASIVE_MODES
from clinical_assets.concepts.vitals import BLOOD_PRESSURES
from clinical_assets.features.hourly_grid import HOUR, known_in_stay, microseconds, with_latest, with_sum, with_worst
from clinical_assets.features.known import charted_known, resulted_known

DAY = timedelta(hours=24)
MOST = 4
BACK = timedelta(hours=36)
"""No result older than this at admission can count: 24 h at the first grid row, which is 12 h before admission."""
URINE_ENTRY_EVERY = timedelta(hours=6)
CREATININE = {5.0: 4, 3.5: 3, 2.0: 2, 1.2: 1}
URINE = {200: 4, 500: 3}
MEAN_PRESSURE = {70: 1}
OXYGENATION_VENTILATED = {100: 4, 200: 3, 300: 2, 400: 1}
OXYGENATION_FREE = {300: 2, 400: 1}
"""Without a ventilator no more than 2 points."""
PLAUSIBLE_RATIO = (10, 1000)

_MBP = next(m for m in BLOOD_PRESSURES if m.name == "mbp")
_PLATELET = next(m for m in BLOOD_COUNT if m.name == "platelet")
_BILIRUBIN = next(m for m in ENZYMES_AND_BILIRUBIN if m.name == "bilirubin_total")
_CREATININE = next(m for m in CHEMISTRY_RESULTS if m.name == "creatinine")
_DRUGS = {"epinephrine": epinephrine, "norepinephrine": norepinephrine, "dopamine": dopamine, "dobutamine": dobutamine}


def charted(stays: pl.LazyFrame, chartevents: pl.LazyFrame, itemids: tuple[int, ...]) -> pl.LazyFrame:
    """Entries of those items with `itemid`, `valuenum`, `value` and their place in the grid."""
    entries = chartevents.filter(is_item(itemids)).select(
        "stay_id", "charttime", "itemid", "valuenum", "value", known=charted_known()
    )
    return known_in_stay(stays, entries, by="stay_id")


def resulted(stays: pl.LazyFrame, labevents: pl.LazyFrame, itemids: tuple[int, ...], back: timedelta) -> pl.LazyFrame:
    """Results of those items with `itemid`, `valuenum` and their place in the grid; the bloods of the patient."""
    results = labevents.filter(is_item(itemids)).select(
        "subject_id", "charttime", "itemid", "valuenum", known=resulted_known()
    )
    return known_in_stay(stays, results, by="subject_id", no_older_than=back)


def _scored(events: pl.LazyFrame, measurement: Measurement, points: pl.Expr) -> pl.LazyFrame:
    value = pl.col("valuenum")
    usable = events.filter(measurement.carried(), measurement.believed(value), value > 0)
    return usable.select("row", "first_row", "at", points=points)


def coagulation(hours: pl.LazyFrame, stays: pl.LazyFrame, labevents: pl.LazyFrame) -> pl.LazyFrame:
    """The hours with `coagulation_sofa`, by platelets in 10^9/L."""
    events = resulted(stays, labevents, _PLATELET.itemids, BACK)
    scored = _scored(events, _PLATELET, first_true(below("valuenum", PLATELETS), unknown=all_null("valuenum")))
    return with_worst(hours, scored, "coagulation_sofa", window=DAY, most=MOST)


def liver(hours: pl.LazyFrame, stays: pl.LazyFrame, labevents: pl.LazyFrame) -> pl.LazyFrame:
    """The hours with `hepatic_sofa`, by total bilirubin in mg/dL."""
    events = resulted(stays, labevents, _BILIRUBIN.itemids, BACK)
    scored = _scored(events, _BILIRUBIN, first_true(at_least("valuenum", BILIRUBIN), unknown=all_null("valuenum")))
    return with_worst(hours, scored, "hepatic_sofa", window=DAY, most=MOST)


def renal(
    hours: pl.LazyFrame, stays: pl.LazyFrame, labevents: pl.LazyFrame, outputevents: pl.LazyFrame
) -> pl.LazyFrame:
    """The hours with `renal_sofa`, by creatinine in mg/dL or urine in mL a day, whichever is worse."""
    events = resulted(stays, labevents, _CREATININE.itemids, BACK)
    scored = _scored(events, _CREATININE, first_true(at_least("valuenum", CREATININE), unknown=all_null("valuenum")))
    value = pl.col("value")
    flushed_in = (pl.col("itemid") == IRRIGANT_IN) & (value > 0)
    output = outputevents.filter(is_item(URINE_ITEMS)).select(
        "stay_id", "charttime", known=charted_known(), value=pl.when(flushed_in).then(-value).otherwise(value)
    )
    summed = with_sum(
        with_worst(hours, scored, "by_creatinine", window=DAY, most=MOST),
        known_in_stay(stays, output, by="stay_id"),
        "urine",
        window=DAY,
    )
    now = pl.col("hr") * pl.lit(microseconds(HOUR))
    covered = pl.min_horizontal(now - pl.col("urine__first"), pl.lit(microseconds(DAY))) / microseconds(HOUR)
    believed = (covered >= URINE_COVERED[0]) & (now - pl.col("urine__last") <= microseconds(URINE_ENTRY_EVERY))
    per_day = pl.when(believed).then(pl.col("urine") / covered * 24)
    by_urine = first_true(below("urine", URINE), unknown=all_null("urine"))
    return (
        summed.with_columns(urine=per_day)
        .with_columns(renal_sofa=pl.max_horizontal("by_creatinine", by_urine))
        .drop("by_creatinine", "urine", "urine__first", "urine__last")
    )


def circulation(
    hours: pl.LazyFrame, stays: pl.LazyFrame, chartevents: pl.LazyFrame, inputevents: pl.LazyFrame
) -> pl.LazyFrame:
    """The hours with `cardiovascular_sofa`, by mean pressure in mm Hg and vasopressor rates in ug/kg/min."""
    pressures = _scored(
        charted(stays, chartevents, _MBP.itemids),
        _MBP,
        first_true(below("valuenum", MEAN_PRESSURE), unknown=all_null("valuenum")),
    )
    # A rate is known from when it had begun and was stored; it was last "measured" when it ended.
    begun = inputevents.with_columns(starttime=charted_known("starttime"))
    rate = pl.col("vaso_rate")
    points = {
        "epinephrine": [(rate > 0.1, 4), (rate <= 0.1, 3)],
        "norepinephrine": [(rate > 0.1, 4), (rate <= 0.1, 3)],
        "dopamine": [(rate > 15, 4), (rate > 5, 3), (rate > 0, 2)],
        "dobutamine": [(rate > 0, 2)],
    }
    infusions = pl.concat(
        drug(begun).select(
            "stay_id",
            known="starttime",
            charttime=pl.col("endtime"),
            points=first_true(points[name], unknown=rate.is_null()),
        )
        for name, drug in _DRUGS.items()
    )
    place = ["row", "first_row", "at", "points"]
    scored = pl.concat([pressures.select(place), known_in_stay(stays, infusions, by="stay_id").select(place)])
    return with_worst(hours, scored, "cardiovascular_sofa", window=DAY, most=MOST)


def consciousness(hours: pl.LazyFrame, stays: pl.LazyFrame, chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """The hours with `neurological_sofa`, by the worst total of the hourly Glasgow Coma Scale of the last 24."""
    entries = charted(stays, chartevents, tuple(COMPONENTS.values()))
    tube = (pl.col("itemid") == COMPONENTS["gcs_verbal"]) & (pl.col("value") == TUBE).fill_null(value=False)
    values = entries.with_columns(value=pl.when(tube).then(0.0).otherwise("valuenum"))
    for name, itemid in COMPONENTS.items():
        hours = with_latest(hours, values.filter(pl.col("itemid") == itemid), name, holds_for=CARRIED_ON_FOR)
    total = (
        pl.when(pl.col("gcs_verbal") == 0)
        .then(pl.lit(float(HIGHEST)))
        .otherwise(pl.col("gcs_motor") + pl.col("gcs_verbal") + pl.col("gcs_eyes"))
    )
    worst = first_true(below("gcs", GCS), unknown=all_null("gcs"))
    scored = hours.with_columns(gcs=total).with_columns(neurological_sofa=worst)
    last_day = pl.col("neurological_sofa").rolling_max(24, min_samples=1).over("first_row", order_by="row")
    return scored.with_columns(last_day).drop("gcs", *COMPONENTS, *(f"{name}__at" for name in COMPONENTS))


def respiration(
    hours: pl.LazyFrame, stays: pl.LazyFrame, labevents: pl.LazyFrame, chartevents: pl.LazyFrame
) -> pl.LazyFrame:
    """The hours with `respiratory_sofa`, by arterial PaO2/FiO2 in mm Hg; never by oxygen saturation."""
    ratios = _oxygenation(stays, labevents, chartevents)
    low, high = PLAUSIBLE_RATIO
    ventilated = pl.col("ventilated").fill_null(value=False)
    points = (
        pl.when(ventilated)
        .then(first_true(below("ratio", OXYGENATION_VENTILATED), unknown=all_null("ratio")))
        .otherwise(first_true(below("ratio", OXYGENATION_FREE), unknown=all_null("ratio")))
    )
    scored = known_in_stay(stays, ratios.filter(pl.col("ratio").is_between(low, high)), by="stay_id")
    return with_worst(hours, scored.with_columns(points=points), "respiratory_sofa", window=DAY, most=MOST)


def arterial_gases(labevents: pl.LazyFrame, gas: Measurement) -> pl.LazyFrame:
    """Results of one gas measurement in arterial blood: known once both result and specimen type are.

    One row per result and entry of the type: a later entry adds a row that is known later, and changes none.

    Returns:
        `subject_id`, `specimen_id`, `charttime`, `known`, `valuenum`.
    """
    value = pl.col("valuenum")
    results = labevents.filter(gas.carried(), gas.believed(value), value > 0).select(
        "subject_id", "specimen_id", "charttime", "valuenum", known=resulted_known()
    )
    arterial = labevents.filter(pl.col("itemid") == SPECIMEN, pl.col("value") == ARTERIAL).select(
        "subject_id", "specimen_id", type_known=resulted_known()
    )
    return (
        results.join(arterial, on=["subject_id", "specimen_id"])
        .filter(pl.col("known").is_not_null(), pl.col("type_known").is_not_null())
        .with_columns(known=pl.max_horizontal("known", "type_known"))
        .drop("type_known")
    )


def inspired_oxygen() -> pl.Expr:
    """Inspired oxygen in percent; some enter it as a fraction. What lies between can't be read and is null."""
    value = pl.col("valuenum")
    return pl.when((value > 0.2) & (value <= 1)).then(value * 100).when(value.is_between(20, 100)).then(value)


def _oxygenation(stays: pl.LazyFrame, labevents: pl.LazyFrame, chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """PaO2/FiO2 as it could be worked out when each arterial gas was reported: with `ventilated`, per stay."""
    gases = (
        arterial_gases(labevents, PO2)
        .rename({"valuenum": "po2"})
        .join(stays.select("subject_id", "stay_id", "intime"), on="subject_id")
        .filter(pl.col("charttime") >= pl.col("intime") - BACK)
        .select("stay_id", "specimen_id", "charttime", "known", "po2")
    )
    own = (
        labevents.filter(FIO2.carried())
        .select("specimen_id", entered=resulted_known(), oxygen=inspired_oxygen())
        .drop_nulls(["entered", "oxygen"])
    )
    chart = chartevents.filter(pl.col("itemid") == FIO2_CHART).select(
        "stay_id", at="charttime", entered=charted_known(), oxygen=inspired_oxygen()
    )
    gas = ["stay_id", "specimen_id", "charttime", "known", "po2"]
    known_then = pl.col("entered") <= pl.col("known")
    own_oxygen = gases.join(own, on="specimen_id").filter(known_then).group_by(gas).agg(own=pl.col("oxygen").max())
    charted_oxygen = _newest_before(gases, chart.drop_nulls("oxygen"), "oxygen", gas, FIO2_CHART_FOR)
    kinds = _newest_before(gases, _airways(chartevents), "ventilated", gas, timedelta(hours=BREAK_HOURS))
    return (
        gases.unique()
        .join(own_oxygen, on=gas, how="left")
        .join(charted_oxygen, on=gas, how="left")
        .join(kinds, on=gas, how="left")
        .select(
            "stay_id",
            "charttime",
            "known",
            "ventilated",
            ratio=100 * pl.col("po2") / pl.coalesce("own", "oxygen"),
        )
    )


def _newest_before(
    gases: pl.LazyFrame, entries: pl.LazyFrame, value: str, gas: list[str], within: timedelta
) -> pl.LazyFrame:
    """Per gas the entry charted last in the time before it, of those known when the gas was; of equals the highest."""
    before = (pl.col("at") <= pl.col("charttime")) & (pl.col("at") >= pl.col("charttime") - within)
    return (
        gases.unique()
        .join(entries.select("stay_id", "at", "entered", value), on="stay_id")
        .filter(before, pl.col("entered") <= pl.col("known"))
        .sort("at", value)
        .unique(gas, keep="last", maintain_order=True)
        .select(*gas, value)
    )


def _airways(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Entries of a device or mode, and whether it is invasive ventilation."""
    item, value = pl.col("itemid"), pl.col("value")
    mode, hamilton = VENTILATOR_TEXTS["ventilator_mode"], VENTILATOR_TEXTS["ventilator_mode_hamilton"]
    invasive = (
        ((item == O2_DEVICE) & value.is_in(INVASIVE_DEVICES))
        | ((item == mode) & value.is_in(INVASIVE_MODES))
        | ((item == hamilton) & value.is_in(INVASIVE_HAMILTON_MODES))
    )
    return chartevents.filter(is_item((O2_DEVICE, mode, hamilton)), value.is_not_null()).select(
        "stay_id", at="charttime", entered=charted_known(), ventilated=invasive
    )
