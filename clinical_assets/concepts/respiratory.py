"""Oxygen devices, ventilator settings, and the periods of each kind of ventilation derived from them.

The kinds are told from texts of the chart (device, mode). The open demo's chart carries no texts: there, nobody is
ventilated.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import (
    CHARTTIME,
    STAY_ID,
    SUBJECT_ID,
    concept,
    conform,
    text,
    timestamp,
)
from clinical_assets.concepts.measurements import Measurement, is_item, items_of, text_of
from clinical_assets.concepts.published_arithmetic import hours_crossed
from clinical_assets.concepts.ventilation_modes import (
    HIGH_FLOW_DEVICES,
    INVASIVE_DEVICES,
    INVASIVE_HAMILTON_MODES,
    INVASIVE_MODES,
    KINDS,
    NO_DEVICE,
    NON_INVASIVE_DEVICES,
    NON_INVASIVE_HAMILTON_MODES,
    SUPPLEMENTAL_OXYGEN_DEVICES,
    TRACHEOSTOMY_DEVICES,
)

O2_FLOW = Measurement(name="o2_flow", itemids=(223834, 227582), unit="L/min", meaning="Oxygen flow")
O2_FLOW_ADDITIONAL = Measurement(
    name="o2_flow_additional", itemids=(227287,), unit="L/min", meaning="Oxygen flow of an additional cannula"
)
O2_DEVICE = 226732
DEVICES = tuple(f"o2_delivery_device_{n}" for n in range(1, 5))

OXYGEN_DELIVERY = concept(
    "oxygen_delivery",
    grain="one row per patient and chart time of an oxygen flow",
    meaning="Oxygen flow and the devices charted with it. A device charted without a flow has no row, as published.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        CHARTTIME,
        O2_FLOW.column(", the entry stored last"),
        O2_FLOW_ADDITIONAL.column(", the entry stored last"),
        *(
            text(name, f"Device {n} charted at this time, from the one stored last.")
            for n, name in enumerate(DEVICES, 1)
        ),
    ),
    primary_key=("subject_id", "charttime"),
    happened="charttime",
)


def oxygen_delivery(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Oxygen flow and devices. One row per patient and chart time of a flow; up to four devices."""
    time = ["subject_id", "charttime"]
    flows = (
        chartevents.filter(is_item((*O2_FLOW.itemids, *O2_FLOW_ADDITIONAL.itemids)), pl.col("value").is_not_null())
        .select(*time, "stay_id", "valuenum", "storetime", additional=O2_FLOW_ADDITIONAL.carried())
        .sort("storetime", "valuenum", descending=True, nulls_last=True)
        .group_by(*time, "additional", maintain_order=True)
        .agg(pl.col("valuenum", "stay_id").first())
        .group_by(time)
        .agg(
            pl.col("stay_id").max(),
            o2_flow=pl.col("valuenum").filter(~pl.col("additional")).max(),
            o2_flow_additional=pl.col("valuenum").filter("additional").max(),
        )
    )
    devices = (
        chartevents.filter(pl.col("itemid") == O2_DEVICE)
        .select(*time, "value", "storetime")
        .sort("storetime", "value", descending=True, nulls_last=True)
        .group_by(time, maintain_order=True)
        .agg(pl.col("value"))
        .select(*time, *(pl.col("value").list.get(n, null_on_oob=True).alias(name) for n, name in enumerate(DEVICES)))
    )
    return conform(flows.join(devices, on=time, how="left"), OXYGEN_DELIVERY)


FIO2_SET = 223835
SETTINGS = (
    Measurement(name="respiratory_rate_set", itemids=(224688,), unit="/min", meaning="Respiratory rate set"),
    Measurement(name="respiratory_rate_total", itemids=(224690,), unit="/min", meaning="Respiratory rate in total"),
    Measurement(name="respiratory_rate_spontaneous", itemids=(224689,), unit="/min", meaning="Spontaneous breaths"),
    Measurement(name="minute_volume", itemids=(224687,), unit="L/min", meaning="Minute volume"),
    Measurement(name="tidal_volume_set", itemids=(224684,), unit="mL", meaning="Tidal volume set"),
    Measurement(name="tidal_volume_observed", itemids=(224685,), unit="mL", meaning="Tidal volume observed"),
    Measurement(name="tidal_volume_spontaneous", itemids=(224686,), unit="mL", meaning="Spontaneous tidal volume"),
    Measurement(name="plateau_pressure", itemids=(224696,), unit="cm[H2O]", meaning="Plateau pressure"),
    Measurement(
        name="peep",
        itemids=(220339, 224700),
        unit="cm[H2O]",
        meaning="Positive end-expiratory pressure, set or total",
        at_least=0,
        at_most=100,
    ),
    Measurement(name="fio2", itemids=(FIO2_SET,), unit="%", meaning="Inspired oxygen, fractions converted"),
    Measurement(name="flow_rate", itemids=(224691,), unit="L/min", meaning="Flow rate"),
)
VENTILATOR_TEXTS = {"ventilator_mode": 223849, "ventilator_mode_hamilton": 229314, "ventilator_type": 223848}

VENTILATOR_SETTING = concept(
    "ventilator_setting",
    grain="one row per patient and chart time of any ventilator setting",
    meaning="Ventilator settings and readings side by side.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        CHARTTIME,
        *(m.column(", the highest charted at this time") for m in SETTINGS),
        text("ventilator_mode", "Mode of ventilation."),
        text("ventilator_mode_hamilton", "Mode of ventilation of a Hamilton ventilator."),
        text("ventilator_type", "Make of the ventilator."),
    ),
    primary_key=("subject_id", "charttime"),
    happened="charttime",
)


def _setting(measurement: Measurement) -> pl.Expr:
    """Inspired oxygen of 20 % charted as the fraction 0.2 counts here, unlike in `blood_gas`; both as published."""
    if measurement.name != "fio2":
        return measurement.reading()
    value = pl.col("valuenum")
    percent = pl.when(value.is_between(0.2, 1)).then(value * 100).when(value.is_between(20, 100)).then(value)
    return pl.when(measurement.carried()).then(percent).alias(measurement.name)


def ventilator_setting(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Ventilator settings. One row per patient and chart time; entries without a text `value` are left out."""
    items = (*items_of(SETTINGS), *VENTILATOR_TEXTS.values())
    rows = (
        chartevents.filter(is_item(items), pl.col("value").is_not_null(), pl.col("stay_id").is_not_null())
        .select(
            "subject_id",
            "stay_id",
            "charttime",
            *(_setting(m) for m in SETTINGS),
            *(text_of(itemid, name) for name, itemid in VENTILATOR_TEXTS.items()),
        )
        .group_by("subject_id", "charttime")
        .agg(pl.all().max())
    )
    return conform(rows, VENTILATOR_SETTING)


BREAK_HOURS = 14
"""A gap of so many clock hours between two entries ends a period of ventilation."""

VENTILATION = concept(
    "ventilation",
    grain="one row per ICU stay and period of one kind of ventilation",
    meaning="Periods of ventilation by kind, from device and mode; a period ends where the next kind is first charted.",
    columns=(
        STAY_ID,
        timestamp("starttime", "First entry of this kind.", nullable=False),
        timestamp("endtime", "First entry of the next kind, or the last of this before a gap.", nullable=False),
        text("ventilation_status", "Kind of ventilation.", allowed=KINDS),
    ),
    primary_key=("stay_id", "starttime"),
    happened="starttime",
)


def _kind() -> pl.Expr:
    """The kind of ventilation an entry speaks of; the most invasive first, null where it names none."""
    device, mode, hamilton = pl.col(DEVICES[0]), pl.col("ventilator_mode"), pl.col("ventilator_mode_hamilton")
    invasive = device.is_in(INVASIVE_DEVICES) | mode.is_in(INVASIVE_MODES) | hamilton.is_in(INVASIVE_HAMILTON_MODES)
    mask = pl.any_horizontal(pl.col(name).is_in(NON_INVASIVE_DEVICES) for name in DEVICES)
    return (
        pl.when(device.is_in(TRACHEOSTOMY_DEVICES))
        .then(pl.lit("Tracheostomy"))
        .when(invasive)
        .then(pl.lit("InvasiveVent"))
        .when(mask | hamilton.is_in(NON_INVASIVE_HAMILTON_MODES))
        .then(pl.lit("NonInvasiveVent"))
        .when(device.is_in(HIGH_FLOW_DEVICES))
        .then(pl.lit("HFNC"))
        .when(device.is_in(SUPPLEMENTAL_OXYGEN_DEVICES))
        .then(pl.lit("SupplementalOxygen"))
        .when(device == NO_DEVICE)
        .then(pl.lit("None"))
        .alias("ventilation_status")
    )


def ventilation(ventilator_setting: pl.LazyFrame, oxygen_delivery: pl.LazyFrame) -> pl.LazyFrame:
    """Periods of ventilation. One row per ICU stay and period; a kind charted only once makes no period."""
    time = ["subject_id", "stay_id", "charttime"]
    entries = (
        pl.concat([ventilator_setting.select(time), oxygen_delivery.select(time)])
        .unique()
        .join(ventilator_setting.select(*time, "ventilator_mode", "ventilator_mode_hamilton"), on=time, how="left")
        .join(oxygen_delivery.select(*time, *DEVICES), on=time, how="left")
        .select(*time, _kind())
        .filter(pl.col("ventilation_status").is_not_null())
    )
    charted, kind = pl.col("charttime"), pl.col("ventilation_status")
    new_kind = kind != kind.shift(1).over("stay_id", order_by="charttime")
    gap = hours_crossed(charted.shift(1).over("stay_id", "ventilation_status", order_by="charttime"), charted)
    following = charted.shift(-1).over("stay_id", order_by="charttime")
    rows = (
        entries.with_columns(
            begins=(new_kind | (gap >= BREAK_HOURS)).fill_null(value=False),
            until=pl.when(hours_crossed(charted, following) < BREAK_HOURS).then(following).otherwise(charted),
        )
        .with_columns(period=pl.col("begins").cum_sum().over("stay_id", order_by="charttime"))
        .group_by("subject_id", "stay_id", "period")
        .agg(
            starttime=charted.min(),
            last=charted.max(),
            endtime=pl.col("until").max(),
            ventilation_status=kind.max(),
        )
        .filter(pl.col("starttime") != pl.col("last"))
    )
    return conform(rows, VENTILATION)
