"""A batch's documents prioritised: which of them a language model reads, and why; `prioritisation` holds the rules.

A document that could not be read is no candidate: kept, it would take the place of a readable note beside it.
"""

from __future__ import annotations

import hashlib

import polars as pl

from clinical_assets.documents.prioritised.note_judgement import judgement
from clinical_assets.documents.prioritised.note_profiles import Profile
from clinical_assets.documents.prioritised.prioritisation import NOTE_SCHEMA, Prioritised, prioritise
from clinical_assets.documents.tables import DATED_BY, PRIORITISED, PRIORITISED_TRIGGERS

SEPARATOR = ", "
"""Between the reasons of a note."""

TEXT_COLUMNS = ("document_id", "extraction_success", "characters", "stated_date", "stated_at", "stated_by")
"""Columns of `tables.TEXT` that say which documents there are and of when. Of their texts only whether one repeats
another is asked, see `worth_comparing`."""

_EDGE = ("patient_id", "event_id", "reason", "edge", "direction")
COUNTS = (
    "documents",
    "without text",
    "dated by themselves",
    "undated",
    "relevant",
    "kept",
    "triggers",
    "triggers with a note",
)
"""What `reduction` counts of each patient."""


def profile_version(profile: Profile) -> str:
    """A hash of what a profile says, so that notes chosen by another one show as stale."""
    return hashlib.sha256(repr(profile).encode()).hexdigest()[:8]


def candidates(index: pl.DataFrame, text: pl.DataFrame) -> pl.DataFrame:
    """The readable documents as the prioritiser takes them: `prioritisation.NOTE_SCHEMA`, `dated_by`, `characters`.

    A document is dated by the index, and where that has no day by what it states itself: day and time of one source.
    That places it among events, and says nothing of when it could be read: what a report states as its effective time
    may be the examination's. It is known (`known_date`, `known_time`) from when the index says it was stored, and no
    earlier than it was written; where the index does not say, nobody knows.

    Args:
        index: see `tables.INDEX`.
        text: `TEXT_COLUMNS` of `tables.TEXT`.
    """
    readable = text.filter(pl.col("extraction_success"), pl.col("characters") > 0)
    indexed = pl.col("authored_date").is_not_null()
    columns = {
        **{name: pl.col(name) for name in NOTE_SCHEMA},
        "note_date": pl.coalesce("authored_date", "stated_date"),
        "note_time": pl.when(indexed).then("authored_at").otherwise("stated_at"),
        "note_type": pl.col("document_type"),
        "title": pl.col("description"),
    }
    return index.join(readable.select(TEXT_COLUMNS).drop("extraction_success"), on="document_id").select(
        *(columns[name].cast(kind).alias(name) for name, kind in NOTE_SCHEMA.items()),
        pl.when(indexed).then(pl.lit(DATED_BY[0])).otherwise("stated_by").alias("dated_by"),
        *_known(columns["note_date"], columns["note_time"]),
        "characters",
    )


def _known(day: pl.Expr, time: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """`known_date` and `known_time` of a note of a day and maybe a time: the later of that and its being stored.

    Of one day the later time; where one has none nobody knows but that it could be read when the day was over.
    """
    stored_day, stored_time = pl.col("stored_date"), pl.col("stored_at")
    known = pl.when(stored_day.is_not_null()).then(pl.max_horizontal(stored_day, day))
    later = (
        pl.when((stored_day != day).fill_null(value=True))
        .then(pl.when((day > stored_day).fill_null(value=False)).then(time).otherwise(stored_time))
        .when(stored_time.is_not_null() & time.is_not_null())
        .then(pl.max_horizontal(stored_time, time))
    )
    known_time = pl.when(stored_day.is_not_null()).then(later)
    return known.alias("known_date"), known_time.cast(pl.Datetime("us")).alias("known_time")


def worth_comparing(index: pl.DataFrame, text: pl.DataFrame, profile: Profile) -> pl.Series:
    """Ids of the documents whose texts are worth comparing: those a rule of the profile lets through."""
    judged = candidates(index, text).with_columns(*judgement(profile))
    return judged.filter("relevant")["document_id"]


def prioritised(
    index: pl.DataFrame,
    text: pl.DataFrame,
    events: pl.DataFrame,
    profile: Profile,
    links: pl.DataFrame | None = None,
    told: pl.DataFrame | None = None,
) -> Prioritised:
    """Choose among a batch's documents.

    Args:
        index: see `tables.INDEX`.
        text: see `candidates`.
        events: see `tables.TIMELINE`.
        profile: rules, triggers and windows.
        links: see `prioritisation.prioritise`.
        told: see `prioritisation.prioritise`.
    """
    return prioritise(candidates(index, text), events, profile, links, told)


def kept_notes(result: Prioritised, profile: Profile) -> pl.DataFrame:
    """One row per kept note; see `tables.PRIORITISED`."""
    nearest = (
        result.reasons.filter(pl.col("event_id").is_not_null())
        .sort("document_id", pl.col("days").abs(), "reason", "event_id")
        .unique("document_id", keep="first", maintain_order=True)
        .select("document_id", "event_id", "days", "order_known")
    )
    return (
        result.kept.join(nearest, on="document_id", how="left")
        .join(result.judged.select("document_id", "rule"), on="document_id", how="left")
        .with_columns(
            pl.col("reasons").list.join(SEPARATOR),
            pl.lit(profile.name).alias("profile"),
            pl.col("characters").cast(pl.Int64),
        )
        .select(PRIORITISED.column_names)
    )


def trigger_outcomes(result: Prioritised, events: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """One row per trigger, with what it chose; see `tables.PRIORITISED_TRIGGERS`."""
    types = events.select("patient_id", "event_id", "event_type")
    return (
        result.triggers.join(types, on=["patient_id", "event_id"], how="left")
        .with_columns(pl.lit(profile.name).alias("profile"))
        .select(PRIORITISED_TRIGGERS.column_names)
    )


def by_trigger(triggers: pl.DataFrame) -> pl.DataFrame:
    """One row per trigger of the profile: `reason`, `triggers` (edges of events) and how many `found` a document.

    Args:
        triggers: see `Prioritised.triggers`: one row per edge and kind of document; of any kind counts.
    """
    edges = triggers.group_by(_EDGE).agg(pl.col("document_id").is_not_null().any().alias("found"))
    return edges.group_by("reason").agg(pl.len().alias("triggers"), pl.col("found").sum()).sort("reason")


def reduction(index: pl.DataFrame, text: pl.DataFrame, result: Prioritised) -> pl.DataFrame:
    """What became of every document: one row per patient of the index, `patient_id` and `COUNTS`.

    Counts add up over patients, so that a batch's are the sum of its patients'.
    """
    notes = candidates(index, text).join(result.judged, on="document_id")
    relevant = pl.col("relevant").fill_null(value=False)
    judged = notes.group_by("patient_id").agg(
        pl.len().alias("with text"),
        (pl.col("note_date").is_not_null() & (pl.col("dated_by") != DATED_BY[0])).sum().alias("dated by themselves"),
        (relevant & pl.col("note_date").is_null()).sum().alias("undated"),
        relevant.sum().alias("relevant"),
    )
    per_patient = [
        index.group_by("patient_id").agg(pl.len().alias("documents")),
        judged,
        result.kept.group_by("patient_id").agg(pl.len().alias("kept")),
        result.triggers.group_by(_EDGE)
        .agg(pl.col("document_id").count())
        .group_by("patient_id")
        .agg(pl.len().alias("triggers"), (pl.col("document_id") > 0).sum().alias("triggers with a note")),
    ]
    counts = per_patient[0]
    for more in per_patient[1:]:
        counts = counts.join(more, on="patient_id", how="left")
    return (
        counts.with_columns(pl.exclude("patient_id").fill_null(0).cast(pl.Int64))
        .with_columns((pl.col("documents") - pl.col("with text")).alias("without text"))
        .select("patient_id", *COUNTS)
        .sort("patient_id")
    )
