"""The same features as a straightforward pandas program makes them, for `features` to be compared with.

Written the way such pipelines usually are: events joined with stays, then a groupby per stay. Every value is what the
project's own rules say it is, so results must be equal. It makes fewer features than the project does (no blood gases,
body mass, organ points, treatments or infection), so a comparison of times flatters pandas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clinical_assets.concepts.laboratory import BLOOD_COUNT, CHEMISTRY_RESULTS, COAGULATION_RESULTS
from clinical_assets.concepts.laboratory import ENZYMES_AND_BILIRUBIN as ENZYMES
from clinical_assets.concepts.measurements import Measurement
from clinical_assets.concepts.urine import IRRIGANT_IN, URINE_ITEMS
from clinical_assets.concepts.vitals import BLOOD_PRESSURES, CELSIUS, FAHRENHEIT, HEART_RATE, RESP_RATE, SPO2
from clinical_assets.features.mortality_features import FEATURES as MORTALITY
from clinical_assets.features.sepsis_features import BLOODS, TRENDS, VITAL_SIGNS
from clinical_assets.features.sepsis_features import LATEST as SEPSIS

Tables = Mapping[str, pd.DataFrame]
HOUR = pd.Timedelta(hours=1)
HOURLY = [*(latest.name for latest in (*VITAL_SIGNS, *BLOODS)), *(n for n, (of, _) in TRENDS.items() if of in SEPSIS)]
"""Features of `sepsis_hourly` that are made here."""
_PANELS = {"platelet": "platelets"}
_SIGNS = (HEART_RATE, *BLOOD_PRESSURES, RESP_RATE, SPO2)
_RESULTS = {_PANELS.get(m.name, m.name): m for m in (*BLOOD_COUNT, *CHEMISTRY_RESULTS, *COAGULATION_RESULTS, *ENZYMES)}
FIRST_DAY = [
    f.name for f in MORTALITY if f.source in ("first_day_vitalsign", "first_day_lab", "first_day_urine_output")
    and not f.name.startswith("worst_")
]  # fmt: skip
"""Features of `mortality_first_day` that are made here."""


def believed(values: pd.Series[Any], measurement: Measurement) -> pd.Series[Any]:
    """Which values lie within a measurement's bounds."""
    keep = values.notna()
    if measurement.above is not None:
        keep &= values > measurement.above
    if measurement.below is not None:
        keep &= values < measurement.below
    if measurement.at_most is not None:
        keep &= values <= measurement.at_most
    return keep


def with_celsius(chart: pd.DataFrame) -> pd.DataFrame:
    """The chart with Fahrenheit temperatures as Celsius ones, implausible temperatures left out."""
    is_c, is_f = chart["itemid"].isin(CELSIUS.itemids), chart["itemid"].isin(FAHRENHEIT.itemids)
    bad = (is_c & ~believed(chart["valuenum"], CELSIUS)) | (is_f & ~believed(chart["valuenum"], FAHRENHEIT))
    value = chart["valuenum"].where(~is_f, (chart["valuenum"] - 32) / 1.8)
    return chart.assign(valuenum=value)[~bad]


def sepsis_hourly(tables: Tables, *, stay_by_stay: bool) -> pd.DataFrame:
    """One row per stay and hour with the features named in `HOURLY`.

    Args:
        tables: `icu_stays`, `chartevents`, `labevents`.
        stay_by_stay: a groupby over stays with a function for each, as such programs usually are; else whole columns.
    """
    stays = tables["icu_stays"]
    stays = stays[stays["outtime"] > stays["intime"]]
    hours = _grid(stays)
    items = {i for latest in VITAL_SIGNS for i in latest.measurement.itemids}
    chart = with_celsius(tables["chartevents"][lambda t: t["itemid"].isin(items)])
    known = chart[["charttime", "storetime"]].max(axis=1).where(chart["storetime"].notna(), chart["charttime"])
    charted = chart.assign(known=known).merge(stays[["stay_id", "intime"]], on="stay_id")
    items = {i for latest in BLOODS for i in latest.measurement.itemids}
    labs = tables["labevents"][lambda t: t["itemid"].isin(items) & t["storetime"].notna()]
    labs = labs.assign(known=labs[["charttime", "storetime"]].max(axis=1))
    resulted = labs.merge(stays[["subject_id", "stay_id", "intime"]], on="subject_id")
    resulted = resulted[resulted["charttime"] >= resulted["intime"] - 72 * HOUR]
    events = pd.concat(
        [t[["stay_id", "itemid", "intime", "charttime", "known", "valuenum"]] for t in (charted, resulted)]
    )
    since = (events["known"] - events["intime"]) / HOUR
    events["hr"] = np.ceil(since).clip(lower=-12).astype("int64")
    if not stay_by_stay:
        return _hourly(hours, events)
    of_stay = dict(list(events.groupby("stay_id")))
    nothing = events.head(0)
    return pd.concat([_hourly(group, of_stay.get(stay_id, nothing)) for stay_id, group in hours.groupby("stay_id")])


def _grid(stays: pd.DataFrame) -> pd.DataFrame:
    last = np.ceil((stays["outtime"] - stays["intime"]) / HOUR).astype("int64") - 1
    counts = last + 13
    hours = stays[["stay_id", "intime"]].loc[stays.index.repeat(counts)].reset_index(drop=True)
    hours["hr"] = hours.groupby("stay_id").cumcount() - 12
    hours["index_time"] = hours["intime"] + hours["hr"] * HOUR
    return hours


def _hourly(hours: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    rows = hours.sort_values(["hr", "stay_id"])
    for latest in (*VITAL_SIGNS, *BLOODS):
        measurement = latest.measurement
        mine = events[events["itemid"].isin(measurement.itemids) & believed(events["valuenum"], measurement)]
        mine = mine[mine["valuenum"].between(latest.low, latest.high)]
        mean = mine.groupby(["stay_id", "hr", "charttime"], as_index=False)["valuenum"].mean()
        newest = mean.sort_values(["stay_id", "hr", "charttime"]).drop_duplicates(["stay_id", "hr"], keep="last")
        newest = newest[newest["charttime"] >= newest.groupby("stay_id")["charttime"].cummax()].sort_values("hr")
        rows = pd.merge_asof(rows, newest, on="hr", by="stay_id")
        holds = rows["index_time"] - rows["charttime"] <= pd.Timedelta(latest.holds_for)
        rows[latest.name], rows[f"{latest.name} at"] = rows["valuenum"].where(holds), rows["charttime"].where(holds)
        rows = rows.drop(columns=["valuenum", "charttime"])
    rows = rows.sort_values(["stay_id", "hr"])
    by_stay = rows.groupby("stay_id")
    for name, (of, span) in TRENDS.items():
        then, then_at = by_stay[of].shift(span), by_stay[f"{of} at"].shift(span)
        rows[name] = (rows[of] - then).where(rows[f"{of} at"] > then_at)
    return rows.loc[rows["hr"] >= 0, ["stay_id", "hr", *HOURLY]]


def mortality_first_day(tables: Tables) -> pd.DataFrame:
    """One row per stay with the features named in `FIRST_DAY`."""
    stays = tables["icu_stays"][["subject_id", "stay_id", "intime"]]
    made = [_first_day_signs(stays, tables["chartevents"]), _first_day_results(stays, tables["labevents"])]
    rows = stays[["stay_id"]].set_index("stay_id").join([*made, _first_day_urine(stays, tables["outputevents"])])
    bounds = {f.name: f.plausible for f in MORTALITY}
    for name in FIRST_DAY:
        rows[name] = rows[name].where(rows[name].between(*bounds[name]))
    return rows[FIRST_DAY].reset_index()


def _of_first_day(events: pd.DataFrame, stays: pd.DataFrame, by: str, before: int = 6) -> pd.DataFrame:
    others = [name for name in ("subject_id", "stay_id") if name != by]
    joined = events.drop(columns=others, errors="ignore").merge(stays, on=by)
    known = joined[["charttime", "storetime"]].max(axis=1).where(joined["storetime"].notna(), joined["charttime"])
    since = joined["charttime"] - joined["intime"]
    return joined[(since >= -before * HOUR) & (since <= 24 * HOUR) & (known <= joined["intime"] + 24 * HOUR)]


def _first_day_signs(stays: pd.DataFrame, chartevents: pd.DataFrame) -> pd.DataFrame:
    temperature = (*CELSIUS.itemids, *FAHRENHEIT.itemids)
    items = {i for m in _SIGNS for i in m.itemids} | set(temperature)
    chart = with_celsius(_of_first_day(chartevents[chartevents["itemid"].isin(items)], stays, "stay_id"))
    made = {}
    for name, itemids, measurement in [*((m.name, m.itemids, m) for m in _SIGNS), ("temperature", temperature, None)]:
        mine = chart[chart["itemid"].isin(itemids)]
        mine = mine[believed(mine["valuenum"], measurement)] if measurement else mine.dropna(subset="valuenum")
        at_once = mine.groupby(["stay_id", "charttime"])["valuenum"].mean()
        at_once = at_once.round(2) if name == "temperature" else at_once
        for statistic in ("min", "max", "mean"):
            made[f"{name}_{statistic}"] = at_once.groupby("stay_id").agg(statistic)
    return pd.DataFrame(made)


def _first_day_results(stays: pd.DataFrame, labevents: pd.DataFrame) -> pd.DataFrame:
    items = {i for m in _RESULTS.values() for i in m.itemids}
    labs = labevents[labevents["itemid"].isin(items) & labevents["storetime"].notna() & labevents["valuenum"].notna()]
    labs = _of_first_day(labs, stays, "subject_id")
    made = {}
    for name, measurement in _RESULTS.items():
        mine = labs[labs["itemid"].isin(measurement.itemids) & believed(labs["valuenum"], measurement)]
        mine = mine[(mine["valuenum"] > 0) | (name in ("aniongap", "inr", "pt", "ptt"))]
        highest = mine.groupby(["stay_id", "specimen_id"])["valuenum"].max()
        for statistic in ("min", "max"):
            made[f"{'lab_glucose' if name == 'glucose' else name}_{statistic}"] = highest.groupby("stay_id").agg(
                statistic
            )
    return pd.DataFrame(made)


def _first_day_urine(stays: pd.DataFrame, outputevents: pd.DataFrame) -> pd.DataFrame:
    output = _of_first_day(outputevents[outputevents["itemid"].isin(URINE_ITEMS)], stays, "stay_id", before=0)
    flushed_in = (output["itemid"] == IRRIGANT_IN) & (output["value"] > 0)
    output = output.assign(urine_output=output["value"].where(~flushed_in, -output["value"]))
    return output.groupby("stay_id")[["urine_output"]].sum(min_count=1)
