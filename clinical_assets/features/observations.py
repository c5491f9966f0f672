"""Features from any hospital's observations in the long format: one row per observation, read as a stream.

An observation is a visit, a code, a value, the range its laboratory calls normal, and when it was made. For each visit
the observations *before* its index time are summed up per code, in five families:

- base: mean, median, std, min, max, count, nan_count, violation_rate, avg_violation_magnitude;
- temporal (two values at least): first, last, value_change, value_trend, value_volatility, max_jump;
- statistical: median, q25, q75, iqr, skew, kurtosis, range, cv;
- aggregated, over all codes: total_mean, total_std, total_max, total_min, total_range, non_null_count. Values of
  different units can't be averaged, so each is taken as its distance from the middle of its reference range, in widths
  of that range; values without a range count in non_null_count alone;
- pairwise: products and ratios of the codes' means, of the first 20 codes at most.

`Plan` fixes codes and families, and with them the columns and their order: the same plan serves training and
prediction, whatever codes a batch happens to hold. Reading and checking are in `observation_files`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from clinical_assets.features.feature import SIGNIFICANT_DIGITS

CODES = (
    "pulseRate",
    "bpUpper",
    "bpLower",
    "bodyTemp",
    "tempF",
    "tempC",
    "pltCount",
    "leucocyteCount",
    "immaturePct",
    "immatureCount",
    "renalMarker",
    "liverEnzA",
    "liverEnzB",
    "lactateLevel",
    "cardiacMarker",
    "natriureticPeptide",
    "inflammMarker",
    "infectionMarker",
)
"""The 18 codes such data usually hold."""

BASE = ("mean", "median", "std", "min", "max", "count", "nan_count", "violation_rate", "avg_violation_magnitude")
TEMPORAL = ("first", "last", "value_change", "value_trend", "value_volatility", "max_jump")
STATISTICAL = ("median", "q25", "q75", "iqr", "skew", "kurtosis", "range", "cv")
AGGREGATED = ("total_mean", "total_std", "total_max", "total_min", "total_range", "non_null_count")
MOST_PAIRED = 20

COMBINATIONS: Mapping[str, tuple[str, ...]] = {
    "base": ("base",),
    "base+temporal": ("base", "temporal"),
    "base+statistical": ("base", "statistical"),
    "base+aggregated": ("base", "aggregated"),
    "base+pairwise": ("base", "pairwise"),
    "base+temporal+statistical": ("base", "temporal", "statistical"),
    "base+temporal+aggregated": ("base", "temporal", "aggregated"),
    "base+statistical+aggregated": ("base", "statistical", "aggregated"),
    "base+temporal+statistical+aggregated": ("base", "temporal", "statistical", "aggregated"),
    "all": ("base", "temporal", "statistical", "aggregated", "pairwise"),
}
"""The ten combinations of families that are compared."""
_PER_CODE = {"base": BASE, "temporal": TEMPORAL, "statistical": STATISTICAL}
_COUNTS = ("count", "nan_count")

VISIT, CODE, VALUE, TIME = "visit_id", "observation_type_code", "observation_value", "observation_date"
KNOWN = "observation_known"
"""Optional: when an observation was known, where that is later than when it was made."""
LOW, HIGH = "reference_range_min", "reference_range_max"
INDEX_TIME = "index_time"


@dataclass(frozen=True)
class Plan:
    """Which features: the codes, in an order that is kept, and the combination of families.

    Attributes:
        codes: observations of other codes are left out of the features per code and of the pairs.
        combination: one of `COMBINATIONS`.

    Raises:
        ValueError: no code, a code twice, or an unknown combination.
    """

    codes: tuple[str, ...] = CODES
    combination: str = "base"

    def __post_init__(self) -> None:
        if not self.codes or len(set(self.codes)) != len(self.codes):
            raise ValueError(f"expected different codes, at least one; found {list(self.codes)}")
        if self.combination not in COMBINATIONS:
            raise ValueError(f"expected a combination of {list(COMBINATIONS)}; found {self.combination!r}")

    @property
    def families(self) -> tuple[str, ...]:
        """The families of the combination."""
        return COMBINATIONS[self.combination]

    @property
    def statistics(self) -> tuple[str, ...]:
        """What is worked out per code; what two families share is there once."""
        return tuple(dict.fromkeys(s for family in self.families for s in _PER_CODE.get(family, ())))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs of codes, of the first `MOST_PAIRED`."""
        return tuple(combinations(self.codes[:MOST_PAIRED], 2)) if "pairwise" in self.families else ()

    @property
    def feature_names(self) -> list[str]:
        """Every feature, in column order."""
        names = [f"{code}_{statistic}" for code in self.codes for statistic in self.statistics]
        names += AGGREGATED if "aggregated" in self.families else ()
        return names + [f"{a}_{sign}_{b}" for a, b in self.pairs for sign in ("x", "per")]


def features(observations: pl.LazyFrame, index_times: pl.LazyFrame, plan: Plan) -> pl.LazyFrame:
    """One row per visit of `index_times`: `visit_id`, `index_time` and the plan's features.

    Args:
        observations: as `observation_files.scan` gives them. An observation counts if it was made, and where
            `observation_known` says so was known, before the index time; at the index time itself is too late.
        index_times: `visit_id`, `index_time`: one row per visit. A visit without observations has nulls and counts 0.
        plan: which features.
    """
    seen = before_index(observations, index_times)
    rows = index_times.select(VISIT, INDEX_TIME)
    per_code = _per_code(seen.filter(pl.col(CODE).is_in(plan.codes)))
    rows = rows.join(_wide(per_code, plan), on=VISIT, how="left")
    if "aggregated" in plan.families:
        rows = rows.join(_over_all_codes(seen), on=VISIT, how="left")
    rows = rows.with_columns(_pairs(plan))
    counts = [n for n in plan.feature_names if n.endswith(_COUNTS) and n in _count_names(plan)]
    return rows.select(VISIT, INDEX_TIME, *(_settled(n) for n in plan.feature_names)).with_columns(
        pl.col(counts).fill_null(0)
    )


def before_index(observations: pl.LazyFrame, index_times: pl.LazyFrame) -> pl.LazyFrame:
    """The observations made and known before their visit's index time; visits without one are left out."""
    known = pl.max_horizontal(TIME, KNOWN) if KNOWN in observations.collect_schema() else pl.col(TIME)
    return observations.join(index_times.select(VISIT, INDEX_TIME), on=VISIT).filter(known < pl.col(INDEX_TIME))


def _count_names(plan: Plan) -> set[str]:
    names = {f"{code}_{count}" for code in plan.codes for count in _COUNTS}
    return names | {"non_null_count"}


def _per_code(observations: pl.LazyFrame) -> pl.LazyFrame:
    """One row per visit and code with every statistic of the three families."""
    value = pl.col(VALUE)
    in_time = value.sort_by(TIME, VALUE).drop_nulls()
    # Whole numbers: fractions of hours of one moment can differ in their last digit, and a slope through two values of
    # one moment would then be a number.
    since_index = (pl.col(TIME) - pl.col(INDEX_TIME)).dt.total_microseconds().cast(pl.Float64)
    outside = pl.max_horizontal(pl.col(LOW) - value, value - pl.col(HIGH))
    judged = observations.with_columns(
        microseconds=pl.when(value.is_not_null()).then(since_index),
        beyond=pl.when(value.is_not_null()).then(pl.max_horizontal(outside, pl.lit(0.0))),
        ranged=outside.is_not_null() & value.is_not_null(),
    )
    beyond, several = pl.col("beyond").filter("ranged"), value.count() > 1
    moment = pl.col("microseconds")
    slope_per_hour = pl.cov(moment, value) / moment.var() * 3_600_000_000
    quarter, three_quarters = value.quantile(0.25, "linear"), value.quantile(0.75, "linear")
    return judged.group_by(VISIT, CODE).agg(
        mean=_mean(value),
        median=value.median(),
        std=value.std(),
        min=value.min(),
        max=value.max(),
        count=value.count().cast(pl.Int64),
        nan_count=value.null_count().cast(pl.Int64),
        violation_rate=(beyond > 0).mean(),
        avg_violation_magnitude=beyond.filter(beyond > 0).mean(),
        first=pl.when(several).then(in_time.first()),
        last=pl.when(several).then(in_time.last()),
        value_change=pl.when(several).then(in_time.last() - in_time.first()),
        value_trend=pl.when(moment.max() > moment.min()).then(slope_per_hour),
        value_volatility=in_time.diff().std(),
        max_jump=in_time.diff().abs().max(),
        q25=quarter,
        q75=three_quarters,
        iqr=three_quarters - quarter,
        # Of the order of 1; where either is 0, sums leave what the order of their rows makes of the last digits.
        skew=pl.when(value.max() > value.min()).then(value.skew().round(9)),
        kurtosis=pl.when(value.max() > value.min()).then(value.kurtosis().round(9)),
        range=value.max() - value.min(),
        cv=pl.when(_mean(value) != 0).then(value.std() / _mean(value).abs()),
    )


def _mean(values: pl.Expr) -> pl.Expr:
    """The mean, and 0 where all that is left of the sum is its rounding: 0.1 + 0.2 - 0.3 must divide nothing."""
    mean = values.mean()
    return pl.when(mean.abs() <= 1e-12 * values.abs().max()).then(0.0).otherwise(mean)


def _wide(per_code: pl.LazyFrame, plan: Plan) -> pl.LazyFrame:
    return per_code.group_by(VISIT).agg(
        pl.col(statistic).filter(pl.col(CODE) == code).first().alias(f"{code}_{statistic}")
        for code in plan.codes
        for statistic in dict.fromkeys((*plan.statistics, "mean"))
    )


def _over_all_codes(observations: pl.LazyFrame) -> pl.LazyFrame:
    width, middle = pl.col(HIGH) - pl.col(LOW), (pl.col(HIGH) + pl.col(LOW)) / 2
    off = pl.when(width > 0).then((pl.col(VALUE) - middle) / width).alias("off")
    distance = pl.col("off")
    return (
        observations.with_columns(off)
        .group_by(VISIT)
        .agg(
            total_mean=_mean(distance),
            total_std=distance.std(),
            total_max=distance.max(),
            total_min=distance.min(),
            total_range=distance.max() - distance.min(),
            non_null_count=pl.col(VALUE).count().cast(pl.Int64),
        )
    )


def _pairs(plan: Plan) -> Iterator[pl.Expr]:
    for first, second in plan.pairs:
        # Without the digits the order of addition decides, which a product at the edge of rounding would show.
        one, other = (pl.col(f"{code}_mean").round_sig_figs(12) for code in (first, second))
        yield (one * other).alias(f"{first}_x_{second}")
        yield pl.when(other != 0).then(one / other).alias(f"{first}_per_{second}")


def _settled(name: str) -> pl.Expr:
    """Sums in another order differ in the last digits; a model must not see that, nor a number that is none."""
    number = pl.col(name).cast(pl.Float64)
    return pl.when(number.is_finite()).then(number.round_sig_figs(SIGNIFICANT_DIGITS)).alias(name)


def at_hours_after_first(observations: pl.LazyFrame, hours: float, visits: Sequence[str] | None = None) -> pl.LazyFrame:
    """Index times so many hours after each visit's first observation: known without looking at any outcome.

    Args:
        observations: as `observation_files.scan` gives them.
        hours: after the first observation of any code.
        visits: only these, where given.
    """
    rows = observations.group_by(VISIT).agg(index_time=pl.col(TIME).min() + pl.duration(minutes=round(hours * 60)))
    return rows if visits is None else rows.filter(pl.col(VISIT).is_in(list(visits)))
