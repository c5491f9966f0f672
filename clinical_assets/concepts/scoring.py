"""Score points as tables of thresholds, and their conversion to expressions.

A missing measurement has no points (null): whether it counts as normal is for the score to say, not for the component.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl


def first_true(rules: Sequence[tuple[pl.Expr, int]], *, unknown: pl.Expr, otherwise: int = 0) -> pl.Expr:
    """The points of the first rule that is true; null where `unknown` holds and no rule did; else `otherwise`.

    A comparison with a missing value is not true, so the order of the rules decides as it does in SQL.
    """
    result = pl.when(unknown).then(None).otherwise(pl.lit(otherwise, pl.Int64))
    for condition, points in reversed(rules):
        result = pl.when(condition).then(pl.lit(points, pl.Int64)).otherwise(result)
    return result


def below(name: str, thresholds: Mapping[float, int] | Mapping[int, int]) -> list[tuple[pl.Expr, int]]:
    """Rules "less than the threshold", lowest threshold first."""
    return [(pl.col(name) < threshold, points) for threshold, points in sorted(thresholds.items())]


def at_least(name: str, thresholds: Mapping[float, int] | Mapping[int, int]) -> list[tuple[pl.Expr, int]]:
    """Rules "the threshold or more", highest threshold first."""
    return [(pl.col(name) >= threshold, points) for threshold, points in sorted(thresholds.items(), reverse=True)]


def all_null(*names: str) -> pl.Expr:
    """Whether none of the columns is known."""
    return pl.coalesce(*names).is_null() if len(names) > 1 else pl.col(names[0]).is_null()


def of_first_day(icustays: pl.LazyFrame, *observed: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ICU stay with the columns of the observations (one row per `stay_id` each)."""
    rows = icustays.select("subject_id", "hadm_id", "stay_id", "intime", "outtime")
    for frame in observed:
        rows = rows.join(frame.drop("subject_id", "hadm_id", strict=False), on="stay_id", how="left")
    return rows


def probability(log_odds: pl.Expr) -> pl.Expr:
    """The probability of those log odds."""
    return 1 / (1 + (-log_odds).exp())
