"""The record as it stood: what was known about an ICU stay at its index time.

Every event has two times, when it happened and when it was known. A feature may use an event only if both lie at or
before the stay's index time. The views here give each stay a record of its own, cut at that moment, in the shape of
the release's tables, so that the published concept functions can be run on it unchanged: `subject_id` and `stay_id`
both name the ICU stay, and a specimen shared by two stays has a number of its own in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

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


BEFORE_SUSPICION = timedelta(days=4)
"""How much longer before admission orders and cultures are looked at: they make a suspicion up to three days apart."""
_NUMBERED = {"labevents": "specimen_id", "microbiologyevents": "micro_specimen_id"}
"""Numbers that stays of one patient share: each stay gets its own, so that a specimen is cut in each by itself."""


def record_at_index(stays: pl.LazyFrame, **events: pl.LazyFrame) -> View:
    """Each stay's own record, cut at its index time.

    Args:
        stays: `subject_id`, `hadm_id`, `stay_id`, `intime`, `outtime`, `index_time` and `earliest` (the first moment
            any window looks at).
        events: tables of the release by name, of these:
            chartevents, outputevents: known when stored, or when charted where no store time is recorded (the rebuilt
            demo has none); a sixth of outputevents is stored before the time it is charted for: the later counts.
            inputevents, procedureevents: likewise, by their start; most are filed ahead of it. Their end is not known
            yet at the index time and must not be looked at.
            labevents: known when stored; a result without a store time was never known.
            prescriptions: known from their start, the only time they have.
            microbiologyevents: that a culture was taken is known from then, from the day's end where only the day is
            known; what grew is known later and must not be looked at.

    Returns:
        `icustays` and those tables, in which `subject_id` is the ICU stay's id.
    """
    by_stay = stays.select("stay_id", "index_time", "earliest")
    by_patient = stays.select("subject_id", "stay_id", "index_time", "earliest")
    view = {"icustays": stays.select("stay_id", "hadm_id", "intime", "outtime", subject_id="stay_id")}
    for name, frame in events.items():
        known, happened, back = _TIMES[name]
        mine = frame.join(by_stay, on="stay_id") if "stay_id" in frame.collect_schema() else None
        joined = frame.join(by_patient, on="subject_id") if mine is None else mine
        seen = joined.filter(happened >= pl.col("earliest") - back, known <= pl.col("index_time"))
        if name in _NUMBERED:
            number = _NUMBERED[name]
            seen = seen.with_columns(pl.struct("stay_id", number).rank("dense").cast(pl.Int64).alias(number))
        own = seen.with_columns(subject_id="stay_id").drop("index_time", "earliest")
        view[name] = own.drop("stay_id") if mine is None else own
    return view


def _culture_known() -> pl.Expr:
    return pl.coalesce("charttime", pl.col("chartdate").cast(pl.Datetime("us")) + timedelta(days=1))


_NOW = timedelta(0)
_TIMES: Mapping[str, tuple[pl.Expr, pl.Expr, timedelta]] = {
    "chartevents": (charted_known(), pl.col("charttime"), _NOW),
    "outputevents": (charted_known(), pl.col("charttime"), _NOW),
    "inputevents": (charted_known("starttime"), pl.col("starttime"), _NOW),
    "procedureevents": (charted_known("starttime"), pl.col("starttime"), _NOW),
    "labevents": (resulted_known(), pl.col("charttime"), _NOW),
    "prescriptions": (pl.col("starttime"), pl.col("starttime"), BEFORE_SUSPICION),
    "microbiologyevents": (
        _culture_known(),
        pl.coalesce("charttime", pl.col("chartdate").cast(pl.Datetime("us"))),
        BEFORE_SUSPICION,
    ),
}
"""By table: when a row was known, when it happened, and how much longer before `earliest` it is looked at."""


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
