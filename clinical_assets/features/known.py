"""The record as it stood: what was known about an ICU stay at its index time.

Every event has two times, when it happened and when it was known. A feature may use an event only if both lie at or
before the stay's index time. The views here give each stay a record of its own, cut at that moment, in the shape of
the release's tables, so that the published concept functions can be run on it unchanged: `subject_id` and `stay_id`
both name the ICU stay, and a specimen shared by two stays has a number of its own in each.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from clinical_assets.concepts.tables import CONCEPTS

View = dict[str, pl.LazyFrame]


def charted_known(happened: str = "charttime") -> pl.Expr:
    """When a row of the chart was known: once it had happened and was stored; unstored (the rebuilt demo), as charted.

    Rows are filed ahead of their time (a sixth of outputevents, most of inputevents), so the later of both counts.
    """
    return pl.max_horizontal(happened, pl.coalesce("storetime", happened))


def resulted_known() -> pl.Expr:
    """When a laboratory result was known: drawn and stored. One without a store time was never known: null."""
    return pl.when(pl.col("storetime").is_not_null()).then(pl.max_horizontal("charttime", "storetime"))


def record_at_index(
    stays: pl.LazyFrame, chartevents: pl.LazyFrame, labevents: pl.LazyFrame, outputevents: pl.LazyFrame
) -> View:
    """Each stay's own record, cut at its index time.

    Args:
        stays: `subject_id`, `hadm_id`, `stay_id`, `intime`, `outtime`, `index_time` and `earliest` (the first moment
            any window looks at).
        chartevents: known when stored, or when charted where no store time is recorded (the rebuilt demo has none).
        labevents: known when stored; a result without a store time was never known.
        outputevents: as chartevents; a sixth is stored before the time it is charted for, so the later of both counts.

    Returns:
        `icustays`, `chartevents`, `labevents` and `outputevents`, in which `subject_id` is the ICU stay's id.
    """
    moments = stays.select("stay_id", "index_time", "earliest")
    by_stay = {
        name: _cut(events.join(moments, on="stay_id"), known=charted_known())
        for name, events in {"chartevents": chartevents, "outputevents": outputevents}.items()
    }
    results = labevents.join(stays.select("subject_id", "stay_id", "index_time", "earliest"), on="subject_id")
    return {
        "icustays": stays.select("stay_id", "hadm_id", "intime", "outtime", subject_id="stay_id"),
        **by_stay,
        "labevents": _cut(results, known=resulted_known())
        .with_columns(specimen_id=pl.struct("stay_id", "specimen_id").rank("dense").cast(pl.Int64))
        .drop("stay_id"),
    }


def _cut(events: pl.LazyFrame, known: pl.Expr) -> pl.LazyFrame:
    """Events between `earliest` and the index time, known by then, of a patient who is the stay."""
    seen = events.filter(pl.col("charttime") >= pl.col("earliest"), known <= pl.col("index_time"))
    return seen.with_columns(subject_id="stay_id").drop("index_time", "earliest")


def concept(name: str, view: Mapping[str, pl.LazyFrame], made: View | None = None) -> pl.LazyFrame:
    """A published concept computed on a view, its own inputs computed on it first.

    Args:
        name: of the concept, e.g. `first_day_lab`.
        view: the release's tables as they stood.
        made: concepts already computed on this view; added to.
    """
    from inspect import signature

    made = {} if made is None else made
    if name in view:
        return view[name]
    if name not in made:
        rule = CONCEPTS[name]
        made[name] = rule(**{needed: concept(needed, view, made) for needed in signature(rule).parameters})
    return made[name]
