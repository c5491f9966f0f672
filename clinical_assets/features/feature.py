"""What a feature is: declared once; its column, bounds, documentation and serving contract follow from that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import polars as pl

from clinical_assets.tables import Column, Type

SIGNIFICANT_DIGITS = 9
"""More than any measurement has, fewer than arithmetic in another order disturbs."""
EXPECTED_MISSING: Mapping[str, float] = MappingProxyType(
    {
        # always recorded, or concluded for everybody
        **dict.fromkeys(("stays", "patients", "ed_stays", "treatments", "services", "other features"), 0.05),
        **dict.fromkeys(("suspicion_of_infection", "diagnoses_icd", "hospital_stays", "icu_stays"), 0.05),
        # charted by the hour in an ICU
        **dict.fromkeys(("first_day_vitalsign", "first_day_gcs", "first_day_urine_output"), 0.15),
        **dict.fromkeys(("first_day_weight", "triage"), 0.35),
        **dict.fromkeys(("vitalsign", "first_day_lab"), 0.6),
        # on indication only
        **dict.fromkeys(("first_day_bg", "first_day_bg_art", "first_day_sofa", "inspired oxygen", "body mass"), 0.85),
        **dict.fromkeys(("sofa", "weight_durations", "coagulation", "enzyme", "chemistry"), 0.9),
        **dict.fromkeys(("complete_blood_count", "bg", "earlier stays"), 0.95),
    }
)
"""By source, the largest share of rows expected to have no value; ours, from the open demo and its published tables,
rounded up. A feature that differs from its source says so itself."""
SELDOM = 0.99
"""Of sources not named there: a feature of which nearly nothing is left is worth a look."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One input of a model.

    Attributes:
        name: the column's name.
        meaning: what it is, in a sentence; the window belongs in it.
        unit: of the values after normalisation.
        source: the concept table it is taken from, or the stays table.
        column: the source's column; the feature's own name where not given.
        plausible: inclusive bounds; values outside are artefacts and become null.
        categories: the closed set of values of a text feature; others become null.
        window: the time it looks at, in words; empty where `meaning` says it.
        aggregation: how the window's values become one, in words.
        available: what must have happened for a value to count at the index time, in words.
        missing_at_most: the largest share of rows expected without a value, where it differs from the source's in
            `EXPECTED_MISSING`.
        label_derived: made of what the label is made of (SOFA points for a sepsis label): kept in a set of its own, so
            that models with and without such features can be compared.
    """

    name: str
    meaning: str
    source: str
    unit: str | None = None
    column: str | None = None
    plausible: tuple[float, float] | None = None
    categories: tuple[str, ...] | None = None
    window: str = ""
    aggregation: str = ""
    available: str = ""
    missing_at_most: float | None = None
    label_derived: bool = False

    def value(self) -> pl.Expr:
        """The feature from its source's column: implausible numbers and unknown categories are null."""
        source = pl.col(self.column or self.name)
        if self.categories is not None:
            return pl.when(source.is_in(list(self.categories))).then(source).alias(self.name)
        # Means differ in the last digits with the order rows are added in; a model must not see that.
        number = source.cast(pl.Float64).round_sig_figs(SIGNIFICANT_DIGITS)
        if self.plausible is None:
            return number.alias(self.name)
        return pl.when(number.is_between(*self.plausible)).then(number).alias(self.name)

    @property
    def expected_missing(self) -> float:
        """The largest share of rows expected without a value."""
        return EXPECTED_MISSING.get(self.source, SELDOM) if self.missing_at_most is None else self.missing_at_most

    def serving_schema(self) -> dict[str, Any]:
        """The feature as a property of a JSON Schema: what a request for a prediction may give; null where unknown."""
        described = {"description": self.described(), "x-source": self.source}
        if self.unit:
            described["x-unit"] = self.unit
        if self.categories is not None:
            return {**described, "type": ["string", "null"], "enum": [*self.categories, None]}
        bounds = dict(zip(("minimum", "maximum"), self.plausible or (), strict=False))
        return {**described, "type": ["number", "null"], **bounds}

    def declared(self) -> Column:
        """The column's declaration."""
        return Column(
            name=self.name,
            type=Type.FLOAT if self.categories is None else Type.TEXT,
            meaning=self.described(),
            unit=self.unit,
            plausible=self.plausible,
            allowed=self.categories,
        )

    def described(self) -> str:
        """The meaning with window, aggregation, availability and descent from the label, each where there is one."""
        parts = {"Window": self.window, "Aggregation": self.aggregation, "Counts": self.available}
        said = [self.meaning, *(f"{name}: {text}." for name, text in parts.items() if text)]
        return " ".join([*said, "Derived from what the label is made of."] if self.label_derived else said)


JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def serving_schema(table: str, features: Sequence[Feature], meaning: str) -> dict[str, Any]:
    """The JSON Schema of one row of features as a model is served: exactly these names, in this order.

    A value outside its bounds or categories is refused when serving; in a table such values have become null. No
    feature may be left out: what is not known is null, so that a forgotten one can't pass for an unknown one.

    Args:
        table: path of the feature table.
        features: of the set.
        meaning: what a row is.
    """
    return {
        "$schema": JSON_SCHEMA,
        "title": table,
        "description": meaning,
        "type": "object",
        "properties": {feature.name: feature.serving_schema() for feature in features},
        "required": [feature.name for feature in features],
        "additionalProperties": False,
    }
