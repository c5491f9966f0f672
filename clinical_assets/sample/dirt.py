"""The slips of real records, at about the rates of the open MIMIC-IV demo: what readers and rules must withstand.

Each slip is one entry of a table: which rows it may strike, how often, and what it writes. Slips that belong to the
story itself (discharge before the end of the ICU stay, rows charted before it) are told there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Slip:
    """One kind of slip.

    Attributes:
        name: what goes wrong, for tests and readers.
        share: of the rows it may strike that are struck.
        where: the rows it may strike.
        writes: new content by column.
    """

    name: str
    share: float
    where: pl.Expr
    writes: dict[str, pl.Expr]


def _item(*items: int) -> pl.Expr:
    return pl.col("itemid").is_in(items)


def _number(value: float) -> dict[str, pl.Expr]:
    return {"valuenum": pl.lit(float(value)), "warning": pl.lit(1, pl.Int64)}


_FAHRENHEIT, _CELSIUS = 223761, 223762
CHART_SLIPS: tuple[Slip, ...] = (
    Slip("heart rate 0", 0.0008, _item(220045), _number(0)),
    Slip("heart rate 999", 0.0005, _item(220045), _number(999)),
    Slip(
        "systolic pressure without its decimal point",
        0.0004,
        _item(220050, 220179),
        {"valuenum": pl.col("valuenum") * 100},
    ),
    Slip("systolic pressure 10000", 0.0002, _item(220050, 220179), _number(10_000)),
    Slip("arterial pressure of a flushed line", 0.003, _item(220050, 220051, 220052), _number(300)),
    Slip("mean pressure 0 or below", 0.001, _item(220052), _number(-5)),
    Slip("breaths 0", 0.0008, _item(220210), _number(0)),
    Slip("saturation of a probe that fell off", 0.0006, _item(220277), _number(1)),
    Slip(
        "Fahrenheit under the Celsius item",
        0.05,
        _item(_CELSIUS),
        {"valuenum": (pl.col("valuenum") * 1.8 + 32).round(1)},
    ),
    Slip(
        "Celsius under the Fahrenheit item",
        0.004,
        _item(_FAHRENHEIT),
        {"valuenum": ((pl.col("valuenum") - 32) / 1.8).round(1)},
    ),
    Slip("temperature 0", 0.001, _item(_FAHRENHEIT, _CELSIUS), _number(0)),
)
REPEATED_ROWS = 0.004
"""Share of chart rows charted twice at one time, half of them with another value."""
REPEATED_ALIKE = (226512, 224639)
"""Weights are repeated with the same value only: of two weights of one minute the published tables may take either."""


def struck(frame: pl.DataFrame, slips: tuple[Slip, ...], rng: np.random.Generator) -> pl.DataFrame:
    """The frame after each slip struck its share."""
    for slip in slips:
        chance = pl.Series(rng.random(frame.height) < slip.share)
        frame = frame.with_columns(
            pl.when(slip.where & chance).then(new).otherwise(pl.col(column)).alias(column)
            for column, new in slip.writes.items()
        )
    return frame


def chart(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Slips of the chart (columns as in chartevents)."""
    frame = struck(frame, CHART_SLIPS, rng)
    twice = frame.filter(pl.Series(rng.random(frame.height) < REPEATED_ROWS))
    other = pl.Series(rng.random(twice.height) < 0.5) & twice["value"].is_null()
    other &= ~twice["itemid"].is_in(REPEATED_ALIKE)
    return pl.concat(
        [frame, twice.with_columns(valuenum=pl.when(other).then(pl.col("valuenum") + 2).otherwise("valuenum"))]
    )


LAB_SLIPS: tuple[Slip, ...] = (
    # De-identification blanks the text of numbers that look like dates or ages; the number mostly stays.
    Slip("value blanked", 0.062, pl.col("valuenum").is_not_null(), {"value": pl.lit("___")}),
    Slip(
        "value and number blanked",
        0.0016,
        pl.col("valuenum").is_not_null(),
        {"value": pl.lit("___"), "valuenum": pl.lit(None)},
    ),
    Slip(
        "negative where nothing can be",
        0.0012,
        pl.col("valuenum") < 5,
        {"value": pl.format("-{}", "value"), "valuenum": -pl.col("valuenum")},
    ),
    Slip(
        "comment with commas and quotes",
        0.012,
        pl.lit(True),
        {"comments": pl.lit('___, "CRITICAL" VALUE, CALLED TO ___ AT 0430, READ BACK')},
    ),
    Slip(
        "comment of two lines",
        0.003,
        pl.lit(True),
        {"comments": pl.lit("HEMOLYSIS FALSELY ELEVATES THIS TEST.\nINTERPRET WITH CAUTION, SEE ___.")},
    ),
    Slip("comment with nothing but a placeholder", 0.03, pl.lit(True), {"comments": pl.lit("___")}),
)

PAIN_WORDS = {
    "13": 0.24,
    "unable": 0.22,
    "UA": 0.10,
    "uta": 0.09,
    "o": 0.05,
    "ett": 0.05,
    "Critical": 0.06,
    "asleep": 0.08,
    "denies": 0.05,
    "8.5": 0.03,
    "does not scale": 0.02,
    "5-6, when moving": 0.01,
}
PAIN_IN_WORDS = 0.09
"""Share of pain scores that are none of 0 to 10."""

ED_SLIPS: tuple[Slip, ...] = (
    Slip(
        "Celsius in a Fahrenheit column",
        0.006,
        pl.col("temperature") > 60,
        {"temperature": ((pl.col("temperature") - 32) / 1.8).round(1)},
    ),
    Slip(
        "temperature without its decimal point",
        0.001,
        pl.col("temperature") > 60,
        {"temperature": pl.col("temperature") * 10},
    ),
    Slip("diastolic pressure with a digit too many", 0.0015, pl.col("dbp") > 0, {"dbp": pl.col("dbp") * 10}),
    Slip("systolic pressure 0", 0.001, pl.col("sbp") > 0, {"sbp": pl.lit(0.0)}),
    Slip(
        "breaths and saturation swapped",
        0.0015,
        pl.col("o2sat") > 0,
        {"o2sat": pl.col("resprate"), "resprate": pl.col("o2sat")},
    ),
    Slip("saturation with a digit too many", 0.0008, pl.col("o2sat") > 0, {"o2sat": pl.col("o2sat") * 10 + 5}),
)

STOPS_BEFORE_START = 0.042
"""Share of prescriptions whose stop lies before their start, mostly by an hour."""
