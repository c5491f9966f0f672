"""Features from abstracted values: what was read out of documents, by rules or a language model, and was known.

An abstracted value has the moment it was *known*: when the text it was read from could first be read in the record; for
a document completed or corrected later, that is later. When the abstraction itself was run does not count: it may be
run years after, on a text that stood in the record at the index time. A value is a text; a feature says whether it is
read as a number or as one of a closed set of categories, and how confident the abstraction must have been.

Of the values of a field that were known by the index time, with at least that confidence, the newest known counts; of
equally new ones the most confident, then the document with the highest id: which is arbitrary, and the same every time.
A newer value that can't be read, or is not believed, hides an older one: the record had moved on.

Any feature set may take such features: `with_abstracted` adds them to its rows. Without abstractions (`None`) they are
null, so that a site without documents has the same columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from clinical_assets.features.feature import Feature
from clinical_assets.tables import Column, Table, Type

FIELD, VALUE, KNOWN, CONFIDENCE = "field", "value", "known_time", "confidence"
SOURCE = "abstracted values"
MORE_OFTEN_MISSING_THAN_NOT = 1.0
"""Most patients have no document that says it."""

ABSTRACTED_VALUES = Table(
    key=("abstractions", "abstracted_values"),
    grain="one row per document, field and method",
    meaning="What was read out of documents: one value of one field, by rules, a language model or a person.",
    primary_key=("document_id", FIELD, "method", KNOWN),
    known=KNOWN,
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient. Never a feature."),
        Column(name="document_id", type=Type.TEXT, nullable=False, meaning="The document. Never a feature."),
        Column(name=FIELD, type=Type.TEXT, nullable=False, meaning="What was asked, e.g. extent_of_resection."),
        Column(name=VALUE, type=Type.TEXT, meaning="The answer as text; null where the document does not say."),
        Column(
            name=KNOWN,
            type=Type.TIMESTAMP,
            nullable=False,
            meaning="When the text it was read from could first be read in the record; not when it was abstracted.",
        ),
        Column(
            name=CONFIDENCE,
            type=Type.FLOAT,
            plausible=(0, 1),
            meaning="How sure the method is, 0 to 1; null where it does not say, which counts as 0.",
        ),
        Column(name="method", type=Type.TEXT, nullable=False, meaning="What read it: rules, a model's name, a person."),
    ),
)
"""What abstractions must give a feature set; further columns are left alone."""


@dataclass(frozen=True, kw_only=True)
class AbstractedFeature:
    """A feature that is the newest value known of a field of the abstractions.

    Attributes:
        name: of the feature.
        meaning: what it is, in a sentence.
        field: of the abstractions.
        confidence_at_least: values the method was less sure of do not count.
        unit: of a number.
        plausible: bounds of a number.
        categories: the closed set of a text; None for a number.
        methods: only values read by these count; empty: any.

    Raises:
        ValueError: the confidence is not one, or neither a unit, bounds nor categories say how to read the text.
    """

    name: str
    meaning: str
    field: str
    confidence_at_least: float
    unit: str | None = None
    plausible: tuple[float, float] | None = None
    categories: tuple[str, ...] | None = None
    methods: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.confidence_at_least <= 1:
            raise ValueError(
                f"feature {self.name}: expected a confidence from 0 to 1, found {self.confidence_at_least}"
            )
        if self.categories is None and (self.unit is None or self.plausible is None):
            raise ValueError(
                f"feature {self.name}: expected categories, or a unit and bounds of a number; found neither. A text "
                "can't be read as a feature without them."
            )

    def feature(self) -> Feature:
        """Its declaration: column, bounds, documentation and serving schema follow from it."""
        by = f" by {' or '.join(self.methods)}" if self.methods else ""
        return Feature(
            name=self.name,
            meaning=self.meaning,
            unit=self.unit,
            source=SOURCE,
            plausible=self.plausible,
            categories=self.categories,
            window="all documents of the patient",
            aggregation=f"newest value of {self.field} known",
            available=f"its text was in the record by the index time, abstracted{by} with a confidence of at least "
            f"{self.confidence_at_least:g}",
            missing_at_most=MORE_OFTEN_MISSING_THAN_NOT,
        )

    def counts(self) -> pl.Expr:
        """Whether a value is of this field and sure enough; one without a confidence counts where 0 is asked."""
        sure = pl.col(CONFIDENCE).fill_null(0.0).is_between(self.confidence_at_least, 1.0)
        of_method = pl.col("method").is_in(list(self.methods)) if self.methods else pl.lit(value=True)
        return (pl.col(FIELD) == self.field) & sure & of_method & pl.col(VALUE).is_not_null()

    def read(self) -> pl.Expr:
        """The text in `value` as a number or trimmed text; null where it can't be read."""
        text = pl.col(VALUE).str.strip_chars()
        return (text if self.categories is not None else text.cast(pl.Float64, strict=False)).alias(VALUE)


def with_abstracted(
    rows: pl.LazyFrame, abstracted_values: pl.LazyFrame | None, features: Sequence[AbstractedFeature]
) -> pl.LazyFrame:
    """The rows with a column per abstracted feature, in their order.

    Args:
        rows: of a feature set: `subject_id` and `index_time`, and whatever else.
        abstracted_values: as in `ABSTRACTED_VALUES`; None where a site has no abstractions.
        features: what to add, in column order.
    """
    if abstracted_values is None:
        return rows.with_columns(pl.lit(None, f.feature().declared().type.polars).alias(f.name) for f in features)
    for feature in features:
        found = latest_known(rows, abstracted_values, feature)
        rows = rows.join(found, on=_MOMENT, how="left", maintain_order="left")
    return rows


_MOMENT = ["subject_id", "index_time"]


def latest_known(rows: pl.LazyFrame, abstracted_values: pl.LazyFrame, feature: AbstractedFeature) -> pl.LazyFrame:
    """One row per patient and index time of the rows: `subject_id`, `index_time` and the feature."""
    values = (
        abstracted_values.filter(feature.counts())
        .select("subject_id", KNOWN, CONFIDENCE, "document_id", "method", VALUE)
        .sort(KNOWN, CONFIDENCE, "document_id", "method", VALUE)
        .unique(["subject_id", KNOWN], keep="last", maintain_order=True)
    )
    moments = rows.select(_MOMENT).unique().sort("index_time")
    at_moment = moments.join_asof(
        values.select("subject_id", KNOWN, VALUE).set_sorted(KNOWN),
        left_on="index_time",
        right_on=KNOWN,
        by="subject_id",
        check_sortedness=False,
    )
    of_value = replace(feature.feature(), column=VALUE)
    return at_moment.with_columns(feature.read()).select(*_MOMENT, of_value.value())


def extended(table: Table, features: Sequence[AbstractedFeature]) -> Table:
    """A feature set's declaration with the abstracted features after its own columns."""
    return replace(table, columns=(*table.columns, *(feature.feature().declared() for feature in features)))
