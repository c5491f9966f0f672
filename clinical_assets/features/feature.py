"""What a feature is: declared once; its column, bounds, documentation and serving contract follow from that."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from clinical_assets.tables import Column, Type

SIGNIFICANT_DIGITS = 9
"""More than any measurement has, fewer than arithmetic in another order disturbs."""


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
