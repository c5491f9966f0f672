"""What a feature table looks like, column by column, and how far it has moved from the version before.

A summary holds shares and rounded bounds, never a patient's value: bounds of bins are quantiles to three significant
digits, and levels of fewer than `FEWEST` rows are put together. It is small enough to be kept beside the
table.

Drift is measured by the population stability index over the bins of the version before, with a bin for missing values:
the sum of (now - then) * ln(now / then) over all bins. By convention more than 0.2 is a shift to act on (Siddiqi 2006).
A few patients differ by chance alone: there only what chance can't explain counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from clinical_assets.features.feature import Feature
from clinical_assets.table_rules import Finding, Record

SHARES = tuple(n / 20 for n in range(1, 20))
"""Quantiles that bound the bins of a number."""
BOUND_DIGITS = 3
MOST_LEVELS = 8
"""Numbers with no more different values (flags, points) are told apart one by one."""
FEWEST = 5
OTHER = "other"
MOVED = 0.2
BY_CHANCE_Z = 4.0
"""Standard normal quantile beyond which a shift is not chance, with hundreds of features looked at: one in 30,000."""


@dataclass(frozen=True, kw_only=True)
class ColumnSummary:
    """One feature's values.

    Attributes:
        missing: share of rows without a value.
        bounds: upper bounds of all bins but the last; empty for levels.
        levels: names of the levels, the last one `OTHER`; empty for bins.
        shares: of the values, by bin or level.
    """

    missing: float
    bounds: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableSummary:
    """One version of a feature table.

    Attributes:
        version: of the stored table.
        rows: looked at.
        patients: whose rows they are.
        columns: by feature.
    """

    version: str
    rows: int
    patients: int
    columns: Mapping[str, ColumnSummary]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> TableSummary:
        """From what `to_dict` gave."""
        columns = {
            name: ColumnSummary(
                missing=column["missing"],
                bounds=tuple(column["bounds"]),
                levels=tuple(column["levels"]),
                shares=tuple(column["shares"]),
            )
            for name, column in stored["columns"].items()
        }
        return cls(version=stored["version"], rows=stored["rows"], patients=stored["patients"], columns=columns)


def summary_of(values: pl.Series, like: ColumnSummary | None = None) -> ColumnSummary:
    """A column's summary, in bins of its own or in those of another.

    Args:
        values: of a feature: numbers or text.
        like: bins and levels are taken from it; what it does not name is `OTHER`.
    """
    values = values.fill_nan(None) if values.dtype.is_float() else values
    present = values.drop_nulls()
    missing = 1 - present.len() / values.len() if values.len() else 0.0
    if like is not None and like.levels:
        return _levels(_as_text(present), like.levels, missing)
    if like is not None and like.bounds and present.dtype.is_numeric():
        return _bins(present, like.bounds, missing)
    if present.dtype.is_numeric() and present.n_unique() > MOST_LEVELS:
        found = np.quantile(present.to_numpy(), SHARES)
        return _bins(present, tuple(sorted({_rounded(bound) for bound in found.tolist()})), missing)
    text = _as_text(present)
    counts = text.value_counts()
    known = counts.filter(pl.col("count") >= FEWEST)[text.name].sort().to_list()
    return _levels(text, (*known, OTHER), missing)


def _as_text(present: pl.Series) -> pl.Series:
    return present.round_sig_figs(BOUND_DIGITS).cast(pl.String) if present.dtype.is_numeric() else present


def _rounded(bound: float) -> float:
    return float(f"{bound:.{BOUND_DIGITS}g}")


def _bins(present: pl.Series, bounds: tuple[float, ...], missing: float) -> ColumnSummary:
    at = np.searchsorted(np.array(bounds), present.to_numpy(), side="left")
    counts = np.bincount(at, minlength=len(bounds) + 1)
    return ColumnSummary(missing=missing, bounds=bounds, shares=_shares(counts))


def _levels(text: pl.Series, levels: tuple[str, ...], missing: float) -> ColumnSummary:
    counted = dict(text.value_counts().iter_rows())
    named = [counted.pop(level, 0) for level in levels[:-1]]
    return ColumnSummary(missing=missing, levels=levels, shares=_shares(np.array([*named, sum(counted.values())])))


def _shares(counts: npt.NDArray[Any]) -> tuple[float, ...]:
    return tuple((counts / max(int(counts.sum()), 1)).tolist())


def stability_index(then: ColumnSummary, now: ColumnSummary, patients: tuple[int, int]) -> float:
    """The population stability index of two summaries with the same bins.

    Args:
        then: the version before.
        now: in its bins.
        patients: of both; half a patient is added to every bin, so that an empty one can be compared.
    """
    p, q = (_with_missing(column, count) for column, count in ((then, patients[0]), (now, patients[1])))
    return float(np.sum((q - p) * np.log(q / p)))


def _with_missing(column: ColumnSummary, patients: int) -> npt.NDArray[np.float64]:
    shares = np.array([column.missing, *(share * (1 - column.missing) for share in column.shares)])
    smoothed = shares + 0.5 / max(patients, 1)
    return np.asarray(smoothed / smoothed.sum(), dtype=np.float64)


def limit(bins: int, patients: tuple[int, int]) -> float:
    """The index above which a feature has drifted: 0.2, or what chance explains where patients are few.

    Without drift the index, divided by 1/n + 1/m, follows a chi-square distribution with `bins` - 1 degrees of freedom;
    its quantile is that of Wilson and Hilferty (1931). Rows of one patient go together, so n and m are patients.
    """
    k = max(bins - 1, 1)
    quantile = k * (1 - 2 / (9 * k) + BY_CHANCE_Z * math.sqrt(2 / (9 * k))) ** 3
    return max(MOVED, quantile * (1 / max(patients[0], 1) + 1 / max(patients[1], 1)))


@dataclass(frozen=True)
class Drift:
    """How far one feature has moved: its index, and what it may be."""

    feature: str
    index: float
    limit: float

    @property
    def moved(self) -> bool:
        """Whether it is more than chance and more than 0.2."""
        return self.index > self.limit


def drifts(then: TableSummary, now: Mapping[str, ColumnSummary], patients: int) -> list[Drift]:
    """The drift of every feature both versions have, the farthest moved first.

    Args:
        then: the version before.
        now: the columns as they are, in the bins of `then`.
        patients: whose rows these are.
    """
    both = (then.patients, patients)
    found = [
        Drift(name, stability_index(column, now[name], both), limit(len(column.shares) + 1, both))
        for name, column in then.columns.items()
        if name in now
    ]
    return sorted(found, key=lambda drift: (-drift.index, drift.feature))


def missing_as_expected(features: Sequence[Feature], columns: Mapping[str, ColumnSummary], rows: int) -> Finding:
    """No feature lacks a larger share of its values than its declaration expects.

    Args:
        features: the declaration.
        columns: what was found.
        rows: looked at; without any nothing can be said.
    """
    table: tuple[Record, ...] = tuple(
        {
            "feature": feature.name,
            "missing %": round(100 * columns[feature.name].missing, 2),
            "expected at most %": round(100 * feature.expected_missing, 2),
        }
        for feature in features
        if feature.name in columns and columns[feature.name].missing > 0
    )
    too_many = [r for r in table if float(r["missing %"]) > float(r["expected at most %"])] if rows else []
    named = ", ".join(f"{r['feature']} ({r['missing %']} %)" for r in too_many[:8])
    return Finding(
        not too_many,
        f"expected no more missing than declared; found more in {len(too_many)}: {named}"
        if too_many
        else f"{len(features)} features, none missing more often than declared",
        {"rows": rows, "features": len(features), "too often missing": len(too_many)},
        tuple(too_many) or table,
    )


def not_drifted(found: Sequence[Drift] | None, then: TableSummary | None, rows: int) -> Finding:
    """No feature has moved from the version before.

    Args:
        found: as from `drifts`; None where there is no version before.
        then: the version before.
        rows: looked at now.
    """
    if found is None or then is None:
        return Finding(True, "the first version: nothing to compare with", {"rows": rows})
    moved = [drift for drift in found if drift.moved]
    table: tuple[Record, ...] = tuple(
        {"feature": d.feature, "stability index": round(d.index, 4), "limit": round(d.limit, 4)} for d in found[:40]
    )
    named = ", ".join(f"{d.feature} ({d.index:.2f})" for d in moved[:8])
    return Finding(
        not moved,
        f"expected no feature to move from version {then.version}; found {len(moved)} moved: {named}"
        if moved
        else f"{len(found)} features, none moved from version {then.version}",
        {"rows": rows, "rows before": then.rows, "features": len(found), "moved": len(moved)},
        table,
    )
