"""Renal replacement therapy: the settings of continuous machines, and any dialysis, running or merely present."""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import (
    CHARTTIME,
    GIVEN_STAY_ID,
    STAY_ID,
    SUBJECT_ID,
    concept,
    conform,
    flag,
    text,
)
from clinical_assets.concepts.dialysis_items import PERITONEAL_ITEMS, PRESENT_ITEMS, RUNNING_ITEMS
from clinical_assets.concepts.interval_joins import left_join_where
from clinical_assets.concepts.measurements import Measurement, around_admission, is_item, per_stay, text_of
from clinical_assets.tables import Column


def _setting(name: str, itemid: int, unit: str, meaning: str) -> Measurement:
    return Measurement(name=name, itemids=(itemid,), unit=unit, meaning=meaning)


CRRT_SETTINGS = (
    _setting("access_pressure", 224149, "mm[Hg]", "Access pressure"),
    _setting("blood_flow", 224144, "mL/min", "Blood flow"),
    _setting("citrate", 228004, "mL/h", "Citrate (ACD-A) rate"),
    _setting("current_goal", 225183, "mL", "Goal of fluid balance for the hour"),
    _setting("dialysate_rate", 224154, "mL/h", "Dialysate rate"),
    _setting("effluent_pressure", 224151, "mm[Hg]", "Effluent pressure"),
    _setting("filter_pressure", 224150, "mm[Hg]", "Filter pressure"),
    _setting("heparin_dose", 224145, "[U]/h", "Heparin dose"),
    _setting("hourly_patient_fluid_removal", 224191, "mL", "Fluid removed from the patient in the hour"),
    _setting("prefilter_replacement_rate", 228005, "mL/h", "Replacement rate before the filter"),
    _setting("postfilter_replacement_rate", 228006, "mL/h", "Replacement rate after the filter"),
    _setting("replacement_rate", 224153, "mL/h", "Replacement rate"),
    _setting("return_pressure", 224152, "mm[Hg]", "Return pressure"),
    _setting("ultrafiltrate_output", 226457, "mL", "Ultrafiltrate output"),
)
CRRT_TEXTS = {
    "crrt_mode": (227290, "Mode: CVVH, CVVHD, CVVHDF or SCUF."),
    "dialysate_fluid": (225977, "Dialysate fluid."),
    "heparin_concentration": (225958, "Concentration of the heparin."),
    "replacement_fluid": (225976, "Replacement fluid."),
}
SYSTEM_INTEGRITY = 224146
SYSTEM_STATES = {
    "system_active": (("Active", "Initiated", "Reinitiated", "New Filter"), ("Recirculating", "Discontinued")),
    "clots": (("Clots Present",), ("No Clot Present",)),
    "clots_increasing": (("Clots Increasing", "Clot Increasing"), ()),
    "clotted": (("Clotted",), ()),
}
"""Texts of the system's integrity that mean yes, and those that mean no."""
_STATE_MEANINGS = {
    "system_active": "1 where running, 0 where recirculating or discontinued, null where not charted.",
    "clots": "1 where clots are present, 0 where there are none, null where not charted.",
    "clots_increasing": "1 where clots increase, else null.",
    "clotted": "1 where the system has clotted, else null.",
}
_CRRT_ORDER = (
    "crrt_mode access_pressure blood_flow citrate current_goal dialysate_fluid dialysate_rate effluent_pressure "
    "filter_pressure heparin_concentration heparin_dose hourly_patient_fluid_removal prefilter_replacement_rate "
    "postfilter_replacement_rate replacement_fluid replacement_rate return_pressure ultrafiltrate_output"
)


def _crrt_columns() -> list[Column]:
    declared = {m.name: m.column(", the highest charted at this time") for m in CRRT_SETTINGS}
    declared |= {name: text(name, meaning) for name, (_, meaning) in CRRT_TEXTS.items()}
    return [declared[name] for name in _CRRT_ORDER.split(" ")]


CRRT = concept(
    "crrt",
    grain="one row per ICU stay and chart time of any setting of a continuous machine",
    meaning="Settings and state of continuous renal replacement therapy.",
    columns=(STAY_ID, CHARTTIME, *_crrt_columns(), *(flag(*state) for state in _STATE_MEANINGS.items())),
    primary_key=("stay_id", "charttime"),
    happened="charttime",
)


def _state(name: str) -> pl.Expr:
    yes, no = SYSTEM_STATES[name]
    value = pl.col("value")
    state = pl.when(value.is_in(yes)).then(1).when(value.is_in(no)).then(0)
    return pl.when(pl.col("itemid") == SYSTEM_INTEGRITY).then(state).alias(name)


def crrt(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Continuous renal replacement therapy. One row per ICU stay and chart time; needs the chart's texts."""
    numbers = [itemid for m in CRRT_SETTINGS for itemid in m.itemids]
    texts = [itemid for itemid, _ in CRRT_TEXTS.values()]
    rows = (
        chartevents.filter(is_item((*numbers, *texts, SYSTEM_INTEGRITY)), pl.col("value").is_not_null())
        .select(
            "subject_id",
            "stay_id",
            "charttime",
            *(m.reading() for m in CRRT_SETTINGS),
            *(text_of(itemid, name) for name, (itemid, _) in CRRT_TEXTS.items()),
            *(_state(name) for name in SYSTEM_STATES),
        )
        .group_by("subject_id", "stay_id", "charttime")
        .agg(pl.all().max())
    )
    return conform(rows, CRRT)


HEMODIALYSIS_OUTPUT = 226499
CRRT_MODE = 227290
PERITONEAL_CATHETER_STATUS, IN_USE = 225965, "In use"
CRRT_ADDITIVES = (227536, 227525)
"""Potassium chloride and calcium gluconate given into the continuous circuit (`inputevents`)."""
CATHETER, FILTER_CHANGE = 224270, 225436
PROCEDURES = {
    225441: "IHD",
    225802: "CRRT",
    225803: "CVVHD",
    225805: "Peritoneal",
    225809: "CVVHDF",
    225955: "SCUF",
}
"""Items of `procedureevents` during which dialysis runs, and its kind."""

RRT = concept(
    "rrt",
    grain="one row per ICU stay, chart time and kind of dialysis entry (repeated within overlapping procedures)",
    meaning="Any sign of dialysis, whether it was running, and of which kind.",
    columns=(
        GIVEN_STAY_ID,
        CHARTTIME,
        flag(
            "dialysis_present", "1 where the patient is on dialysis, also by a mere catheter; there are no other rows."
        ),
        flag("dialysis_active", "1 where dialysis was running."),
        text("dialysis_type", "IHD, CRRT, CVVH, CVVHD, CVVHDF, SCUF or Peritoneal; null where not told."),
    ),
    happened="charttime",
)


def _chart_signs(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    itemid, value = pl.col("itemid"), pl.col("value")
    running = is_item(RUNNING_ITEMS) | ((itemid == PERITONEAL_CATHETER_STATUS) & (value == IN_USE))
    kind = (
        pl.when(itemid == CRRT_MODE)
        .then(value)
        .when(is_item(PERITONEAL_ITEMS))
        .then(pl.lit("Peritoneal"))
        .when(itemid == HEMODIALYSIS_OUTPUT)
        .then(pl.lit("IHD"))
    )
    return chartevents.filter(is_item((*RUNNING_ITEMS, *PRESENT_ITEMS)), value.is_not_null()).select(
        "subject_id", "stay_id", "charttime", dialysis_active=running.cast(pl.Int64), dialysis_type=kind
    )


def _periods(inputevents: pl.LazyFrame, procedureevents: pl.LazyFrame) -> pl.LazyFrame:
    """Intervals of dialysis, each once: `starttime`, `endtime`, `dialysis_active`, `dialysis_type`."""
    time = ["subject_id", "stay_id", "starttime", "endtime"]
    itemid = pl.col("itemid")
    additives = inputevents.filter(is_item(CRRT_ADDITIVES), pl.col("amount") > 0).select(
        *time, dialysis_active=pl.lit(1, pl.Int64), dialysis_type=pl.lit("CRRT")
    )
    procedures = procedureevents.filter(
        is_item((*PROCEDURES, CATHETER, FILTER_CHANGE)), pl.col("value").is_not_null()
    ).select(
        *time,
        dialysis_active=itemid.is_in(list(PROCEDURES)).cast(pl.Int64),
        dialysis_type=itemid.replace_strict(PROCEDURES, default=None, return_dtype=pl.String),
    )
    return pl.concat([additives, procedures]).unique()


def rrt(chartevents: pl.LazyFrame, inputevents: pl.LazyFrame, procedureevents: pl.LazyFrame) -> pl.LazyFrame:
    """Dialysis. One row per ICU stay, chart time and kind of entry; a procedure that covers an entry overrules it."""
    periods = _periods(inputevents, procedureevents)
    signs = pl.concat([_chart_signs(chartevents), periods.drop("endtime").rename({"starttime": "charttime"})]).unique()
    charted = pl.col("charttime")
    covered = left_join_where(
        signs,
        periods.select("stay_id", "starttime", "endtime", active="dialysis_active", kind="dialysis_type"),
        on="stay_id",
        where=(charted >= pl.col("starttime")) & (charted <= pl.col("endtime")),
        by=["charttime"],
        values=["active", "kind"],
    )
    rows = covered.with_columns(
        dialysis_present=1,
        dialysis_active=pl.coalesce("active", "dialysis_active"),
        dialysis_type=pl.coalesce("kind", "dialysis_type"),
    )
    return conform(rows, RRT)


FIRST_DAY_RRT = concept(
    "first_day_rrt",
    grain="one row per ICU stay",
    meaning="Dialysis from 6 h before to 24 h after ICU admission.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        flag("dialysis_present", "1 where there was any sign of dialysis, else null."),
        flag("dialysis_active", "1 where dialysis was running, 0 where only signs of it were charted, else null."),
        text("dialysis_type", "The kinds, each once, in alphabetical order, separated by ', '."),
    ),
    primary_key=("stay_id",),
)


def first_day_rrt(icustays: pl.LazyFrame, rrt: pl.LazyFrame) -> pl.LazyFrame:
    """First-day dialysis. One row per ICU stay."""
    kinds = pl.col("dialysis_type").drop_nulls().unique().sort()
    summaries = (
        around_admission(icustays, rrt, by="stay_id")
        .group_by("stay_id")
        .agg(
            pl.col("dialysis_present", "dialysis_active").max(),
            pl.when(pl.col("dialysis_type").count() > 0).then(kinds.str.join(", ")),
        )
    )
    return conform(per_stay(icustays, summaries), FIRST_DAY_RRT)
