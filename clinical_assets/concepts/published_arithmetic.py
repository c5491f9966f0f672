"""Arithmetic that must agree with the published SQL to the last digit: rounding, sums and counted time boundaries.

What does not belong here: anything about a table or an item.
"""

from __future__ import annotations

import polars as pl

DECIMAL = pl.Decimal(38, 9)
"""The published rounding goes through a decimal of nine places, so that 0.285 (a float just below it) becomes 0.29."""


def rounded(value: pl.Expr, decimals: int) -> pl.Expr:
    """`value` rounded half away from zero as written in decimal, not as stored in binary."""
    return value.cast(DECIMAL, strict=False).round(decimals, mode="half_away_from_zero").cast(pl.Float64)


def total(value: pl.Expr) -> pl.Expr:
    """The sum of the known values; null, not 0, where none is known."""
    return pl.when(value.count() > 0).then(value.sum())


def hours_crossed(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """How many full hours of the clock lie between two times: 10:59 to 11:01 is 1, 10:01 to 10:59 is 0."""
    return (end.dt.truncate("1h") - start.dt.truncate("1h")).dt.total_hours()


def days_crossed(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """How many midnights lie between two times."""
    return (end.dt.date() - start.dt.date()).dt.total_days()
