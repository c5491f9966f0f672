"""What each feature of long-format observations is: name, meaning, unit, window and bounds, generated per code.

A `Code` says what a code measures and in which unit; the statistics say what is made of it. Both together declare every
column of a feature table, in the order of `Plan.feature_names`. How the values are made is in `observations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clinical_assets.features.feature import Feature
from clinical_assets.features.observations import AGGREGATED, Plan

BEFORE = "observations made and known before the index time"
WINDOW = "the visit, up to its index time"
ANY = 1.0
"""A hospital may not measure a code at all."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """What observations of one code measure.

    Attributes:
        meaning: a noun phrase, e.g. "heart rate".
        unit: of the values; None where each hospital has its own: then nothing is converted and none is claimed.
        plausible: bounds of a single value; None where the unit is not known.
    """

    meaning: str
    unit: str | None = None
    plausible: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """One summary of a code's values.

    Attributes:
        meaning: with `{}` for what is measured.
        aggregation: how the values become one.
        unit: with `{}` for the unit of the values; None: none.
        is_level: whether it lies between the lowest and the highest value, and so within their bounds.
        bounds: its own bounds.
    """

    meaning: str
    aggregation: str
    unit: str | None = "{}"
    is_level: bool = False
    bounds: tuple[float, float] | None = None


MOST_COUNTED = 1e7
"""More observations of one code than any visit holds."""
_COUNT = (0.0, MOST_COUNTED)
STATISTICS: Mapping[str, Statistic] = {
    "mean": Statistic(meaning="Mean {}.", aggregation="mean", is_level=True),
    "median": Statistic(meaning="Median {}.", aggregation="median", is_level=True),
    "std": Statistic(meaning="Spread of {}.", aggregation="standard deviation, n - 1"),
    "min": Statistic(meaning="Lowest {}.", aggregation="minimum", is_level=True),
    "max": Statistic(meaning="Highest {}.", aggregation="maximum", is_level=True),
    "count": Statistic(meaning="How often {} has a value.", aggregation="count", unit="1", bounds=_COUNT),
    "nan_count": Statistic(
        meaning="How often {} was looked at without a value.", aggregation="count of empty values", unit="1",
        bounds=_COUNT,
    ),
    "violation_rate": Statistic(
        meaning="Share of {} outside its reference range.", aggregation="share of the values that have a range",
        unit="1", bounds=(0.0, 1.0),
    ),
    "avg_violation_magnitude": Statistic(
        meaning="How far {} lies outside its reference range where it does.",
        aggregation="mean distance of the values outside from the nearer limit",
    ),
    "first": Statistic(meaning="First {}.", aggregation="earliest of two values at least", is_level=True),
    "last": Statistic(meaning="Last {}.", aggregation="newest of two values at least", is_level=True),
    "value_change": Statistic(meaning="Change of {}.", aggregation="last less first"),
    "value_trend": Statistic(
        meaning="Trend of {}.", aggregation="slope of the least-squares line over time", unit="{}/h"
    ),
    "value_volatility": Statistic(
        meaning="How unsteady {} is.", aggregation="standard deviation of the differences of successive values"
    ),
    "max_jump": Statistic(meaning="Largest jump of {}.", aggregation="largest difference of successive values"),
    "q25": Statistic(meaning="Lower quartile of {}.", aggregation="quantile, interpolated", is_level=True),
    "q75": Statistic(meaning="Upper quartile of {}.", aggregation="quantile, interpolated", is_level=True),
    "iqr": Statistic(meaning="Distance of the quartiles of {}.", aggregation="q75 less q25"),
    "skew": Statistic(meaning="Skewness of {}.", aggregation="third standardised moment, biased", unit="1"),
    "kurtosis": Statistic(
        meaning="Excess kurtosis of {}.", aggregation="fourth standardised moment less 3, biased", unit="1"
    ),
    "range": Statistic(meaning="Distance of the extremes of {}.", aggregation="max less min"),
    "cv": Statistic(meaning="Coefficient of variation of {}.", aggregation="std over |mean|", unit="1"),
}  # fmt: skip
_DISTANCE = "distance of a value from the middle of its reference range, in widths of the range, over all codes"
TOTALS: Mapping[str, tuple[str, str]] = {
    "total_mean": (f"Mean {_DISTANCE}.", "mean"),
    "total_std": (f"Spread of the {_DISTANCE}.", "standard deviation, n - 1"),
    "total_max": (f"Highest {_DISTANCE}.", "maximum"),
    "total_min": (f"Lowest {_DISTANCE}.", "minimum"),
    "total_range": (f"Spread of the extremes of the {_DISTANCE}.", "maximum less minimum"),
    "non_null_count": ("How many observations of any code have a value.", "count"),
}

COMMON_CODES: Mapping[str, Code] = {
    "pulseRate": Code(meaning="heart rate"),
    "bpUpper": Code(meaning="systolic blood pressure"),
    "bpLower": Code(meaning="diastolic blood pressure"),
    "bodyTemp": Code(meaning="body temperature, in the file's unit"),
    "tempF": Code(meaning="body temperature in degrees Fahrenheit", unit="[degF]"),
    "tempC": Code(meaning="body temperature in degrees Celsius", unit="Cel"),
    "pltCount": Code(meaning="platelet count"),
    "leucocyteCount": Code(meaning="white cell count"),
    "immaturePct": Code(meaning="share of immature granulocytes"),
    "immatureCount": Code(meaning="count of immature granulocytes"),
    "renalMarker": Code(meaning="kidney marker (creatinine)"),
    "liverEnzA": Code(meaning="liver enzyme A (alanine aminotransferase)"),
    "liverEnzB": Code(meaning="liver enzyme B (aspartate aminotransferase)"),
    "lactateLevel": Code(meaning="lactate"),
    "cardiacMarker": Code(meaning="heart marker (troponin)"),
    "natriureticPeptide": Code(meaning="natriuretic peptide (NT-proBNP)"),
    "inflammMarker": Code(meaning="inflammation marker (C-reactive protein)"),
    "infectionMarker": Code(meaning="infection marker (procalcitonin)"),
}
"""The 18 codes such files hold. Their units are each hospital's own, so none is claimed but where the code names it."""


def declared_features(codes: Mapping[str, Code], plan: Plan, source: str) -> tuple[Feature, ...]:
    """The declaration of each feature of a plan, in its order.

    Args:
        codes: what the plan's codes measure.
        plan: codes and families.
        source: the table or file the observations come from.
    """
    made = {f"{code}_{name}": _per_code(f"{code}_{name}", codes[code], STATISTICS[name], source)
            for code in plan.codes for name in plan.statistics}  # fmt: skip
    made |= {name: _total(name, source) for name in AGGREGATED}
    made |= {f"{a}_{sign}_{b}": _pair(a, sign, b, source) for a, b in plan.pairs for sign in ("x", "per")}
    return tuple(made[name] for name in plan.feature_names)


def _per_code(name: str, code: Code, statistic: Statistic, source: str) -> Feature:
    unit = statistic.unit.format(code.unit) if statistic.unit and (code.unit or "{}" not in statistic.unit) else None
    return Feature(
        name=name,
        meaning=statistic.meaning.format(code.meaning),
        unit=unit,
        source=source,
        plausible=code.plausible if statistic.is_level else statistic.bounds,
        window=WINDOW,
        aggregation=statistic.aggregation,
        available=BEFORE,
        missing_at_most=ANY,
    )


def _total(name: str, source: str) -> Feature:
    meaning, aggregation = TOTALS[name]
    bounds = _COUNT if name == "non_null_count" else None
    return Feature(
        name=name, meaning=meaning, unit="1", source=source, plausible=bounds, window=WINDOW, aggregation=aggregation,
        available=BEFORE,
        missing_at_most=ANY,
    )  # fmt: skip


def _pair(first: str, sign: str, second: str, source: str) -> Feature:
    how = "product" if sign == "x" else "ratio, null where the second mean is 0"
    return Feature(
        name=f"{first}_{sign}_{second}",
        meaning=f"{first} {'times' if sign == 'x' else 'over'} {second}.",
        source=source,
        window=WINDOW,
        aggregation=f"{how} of the two means",
        available=BEFORE,
        missing_at_most=ANY,
    )
