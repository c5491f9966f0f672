"""Code status: how far treatment is to go, as charted in the ICU and as ordered in the hospital."""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import CHARTTIME, HADM_ID, SUBJECT_ID, concept, conform, flag, integer
from clinical_assets.concepts.interval_joins import left_join_where

CODE_STATUS_ITEM = 223758
CHARTED = {
    "fullcode": ("Full code",),
    "cmo": ("Comfort measures only",),
    "dni": ("DNI (do not intubate)", "DNR / DNI"),
    "dnr": ("DNR (do not resuscitate)", "DNR / DNI"),
}
"""Texts of the chart."""
ORDERED = {
    "fullcode": ("Resuscitate (Full code)", "Full code  (attempt resuscitation)"),
    "cmo": (),
    "dni": ("Do not resuscitate (DNR/DNI)",),
    "dnr": ("DNAR (DO NOT attempt resuscitation for cardiac arrest) ", "Do not resuscitate (DNR/DNI)"),
}
"""Texts of provider orders; the double and the final blank are part of them."""

CODE_STATUS = concept(
    "code_status",
    grain="one row per charted or ordered code status (rows may repeat)",
    meaning="Code status; an entry of another text has 0 in all four.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        integer("stay_id", "The ICU stay; null for orders outside the ICU."),
        CHARTTIME,
        flag("fullcode", "1 where everything is to be done."),
        flag("cmo", "1 where only comfort measures are wanted; never in orders."),
        flag("dni", "1 where the patient is not to be intubated."),
        flag("dnr", "1 where the patient is not to be resuscitated."),
    ),
    happened="charttime",
)


def code_status(
    chartevents: pl.LazyFrame, poe: pl.LazyFrame, poe_detail: pl.LazyFrame, icustays: pl.LazyFrame
) -> pl.LazyFrame:
    """Code status. One row per chart entry and per detail of an order; needs the chart's texts."""
    charted = chartevents.filter(pl.col("itemid") == CODE_STATUS_ITEM).with_columns(_flags("value", CHARTED))
    ordered = (
        poe.filter(pl.col("order_type") == "General Care", pl.col("order_subtype") == "Code status")
        .select("subject_id", "hadm_id", "poe_id", charttime="ordertime")
        .join(poe_detail.select("poe_id", "field_value"), on="poe_id")
        .with_columns(_flags("field_value", ORDERED))
    )
    in_stay = left_join_where(
        ordered,
        icustays.select("hadm_id", "stay_id", "intime", "outtime"),
        on="hadm_id",
        where=pl.col("charttime").is_between(pl.col("intime"), pl.col("outtime")),
        by=["charttime"],
        values=["stay_id"],
    )
    return pl.concat([conform(charted, CODE_STATUS), conform(in_stay, CODE_STATUS)])


def _flags(column: str, texts: dict[str, tuple[str, ...]]) -> list[pl.Expr]:
    said = pl.col(column)
    return [
        said.is_in(list(meant)).fill_null(value=False).cast(pl.Int64).alias(name) if meant else pl.lit(0).alias(name)
        for name, meant in texts.items()
    ]
