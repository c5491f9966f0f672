"""What the report says of 14 observations, by two labelling programs, side by side.

Four things a program can say are kept apart: 1 positive, 0 negative (the report denies it), -1 uncertain, and blank,
not mentioned. A study the program has no row for is a fifth: null.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.mimic.catalogue.cxr import LABELS

OBSERVATIONS = tuple(LABELS)
MENTION = {1.0: "positive", 0.0: "negative", -1.0: "uncertain"}
"""The published code of each mention; blank is `not mentioned`."""

STUDY = ["subject_id", "study_id"]


def cxr_labels(chexpert: pl.LazyFrame, negbio: pl.LazyFrame, cxr_studies: pl.LazyFrame) -> pl.LazyFrame:
    """One row per labelled study and observation; see `tables.CXR_LABELS`.

    Rows of a study that differ from each other, and rows of a study without images, are left out. A value that is none
    of the published codes leaves its cell null.
    """
    key = [*STUDY, "observation"]
    both = _mentions(chexpert, "chexpert").join(_mentions(negbio, "negbio"), on=key, how="full", coalesce=True)
    return both.join(cxr_studies.select(STUDY), on=STUDY, how="semi").select(
        *key, "chexpert", "negbio", labelers_agree=pl.col("chexpert") == pl.col("negbio")
    )


def _mentions(labels: pl.LazyFrame, program: str) -> pl.LazyFrame:
    usable = labels.unique().filter(pl.len().over(STUDY) == 1)
    value = pl.col("value")
    return usable.unpivot(on=list(OBSERVATIONS), index=STUDY, variable_name="observation", value_name="value").select(
        *STUDY,
        "observation",
        pl.when(value.is_null())
        .then(pl.lit("not mentioned"))
        .otherwise(value.replace_strict(MENTION, default=None, return_dtype=pl.String))
        .alias(program),
    )
