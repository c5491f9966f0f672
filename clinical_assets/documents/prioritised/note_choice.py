"""The choice among the notes that could be a trigger's: the nearest, what is kept beside it, the last, and no repeats.

A note that repeats another kept one (`repeated_text`) gives its place to the next that could have it, and keeps it only
where there is none: so no trigger goes without its note. What is said by the note that stands is kept in any case. The
only note of an encounter is never passed over: that a stay or a visit ended as the last one did is said nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from clinical_assets.documents.prioritised.note_profiles import (
    FINAL_NOTE,
    INSTEAD_OF_REPEAT,
    OF_SPECIALTY,
    OF_VISIT,
    REPEAT,
    WITH_ADDENDUM,
    Profile,
)
from clinical_assets.documents.prioritised.repeated_text import repeats

EDGE = ("patient_id", "reason", "event_id", "edge", "direction")
TRIGGER = (*EDGE, "kind")
"""Which moment of which event, and which kind of document it asks for."""

_REPEATED = {"document_id": pl.String(), "repeated": pl.String()}


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen.

    Attributes:
        nearest: the note of every trigger moment that has one: `document_id`, `TRIGGER`, `days`, `order_known`.
        reasons: one row per note and why it is kept: the columns of `nearest`.
        repeats: one row per note that would have been chosen and repeats one that is kept: `document_id`, `repeated`.
    """

    nearest: pl.DataFrame
    reasons: pl.DataFrame
    repeats: pl.DataFrame


def choose(
    notes: pl.DataFrame, moments: pl.DataFrame, described: pl.DataFrame, told: pl.DataFrame | None, profile: Profile
) -> Choice:
    """Choose notes for trigger moments.

    Args:
        notes: judged notes with their `note_judgement.STANDING`, those that do not count (`relevant`, `note_date`) as
            well.
        moments: see `prioritisation.trigger_moments`.
        described: documents kept as they are linked to an event: columns of `Choice.nearest` and others.
        told: what the notes say, see `repeated_text.SAID_SCHEMA`; None where nobody looked.
        profile: specialties, visits, the final note and repeats.
    """
    dated = notes.filter(pl.col("relevant") & pl.col("note_date").is_not_null())
    possible = _candidates(dated, moments)
    repeated = pl.DataFrame(schema=_REPEATED)
    nearest, reasons = _chosen(possible, dated, described, repeated, profile)
    if told is None or not profile.pass_over_repeats:
        return Choice(nearest, reasons, repeated)
    before = reasons
    # What takes a repeat's place may be one itself. A note that stands is never passed over later for another that
    # does not, as the order of repeats is strict; so this ends.
    while True:
        stands = notes.join(reasons, on="document_id", how="semi").join(repeated, on="document_id", how="anti")
        # A linked document is kept whatever it says; to pass it over elsewhere would keep one more.
        own = stands.filter(~pl.col("alone_at_visit"), kind="note").join(described, on="document_id", how="anti")
        more = repeats(own, stands, told)
        if more.is_empty():
            break
        repeated = pl.concat([repeated, more])
        nearest, reasons = _chosen(possible, dated, described, repeated, profile)
    # What was found to stand at first may have been passed over since for what it repeats itself.
    repeated = repeats(notes.join(repeated, on="document_id", how="semi"), stands, told)
    return Choice(nearest, pl.concat([reasons, *_because_of_repeats(reasons, before, repeated)]), repeated)


def _chosen(
    possible: pl.DataFrame, dated: pl.DataFrame, described: pl.DataFrame, repeated: pl.DataFrame, profile: Profile
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`nearest` and `reasons` of a `Choice` where these notes are known to be repeats."""
    is_repeat = pl.col("document_id").is_in(repeated["document_id"].implode())
    ranked = possible.sort(is_repeat, maintain_order=True)
    nearest = _first(ranked)
    parts = [nearest, *_beside(ranked, nearest, profile), described.select(nearest.columns)]
    final = _final_notes(dated.with_columns(is_repeat.alias("is_repeat")), profile) if profile.keep_final_note else ()
    return nearest, pl.concat([*parts, *final])


def _because_of_repeats(
    reasons: pl.DataFrame, before: pl.DataFrame, repeated: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Further reasons: of notes that have a repeat's place, and of repeats that are kept as nothing else could be."""
    alone = reasons.join(repeated, on="document_id", how="semi")
    # The final note has no event: null is like null.
    instead = reasons.join(before, on=["document_id", *TRIGGER], how="anti", nulls_equal=True)
    instead = instead.join(repeated, on="document_id", how="anti")
    return (
        instead.with_columns(pl.lit(INSTEAD_OF_REPEAT).alias("reason")).unique(maintain_order=True),
        alone.with_columns(pl.lit(REPEAT).alias("reason")).unique(maintain_order=True),
    )


def _candidates(notes: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """Every note a trigger moment could choose, of the kind it asks for, the nearest first.

    Fewer calendar days first; of one day addenda last. On the event's own day a note known to be on the right side
    comes before one whose order is unknown; of the known ones the nearest in time; of the unknown ones the latest of
    the day for "after", the earliest for "before", which are the likeliest to be on that side.
    """
    after = pl.col("direction") == "after"
    known, right_side = order_known(), _right_side()
    window, days = pl.col("window_days"), pl.col("days")
    in_window = pl.when(after).then(days.is_between(0, window)).otherwise(days.is_between(-window, 0))
    clock = (pl.col("note_time") - pl.col("note_date").cast(pl.Datetime("us"))).dt.total_microseconds()
    towards_event = pl.when(after == known).then(clock).otherwise(-clock)
    return (
        notes.filter(~pl.col("elsewhere"))
        .select("document_id", "patient_id", "note_date", "note_time", "kind", "specialist", "at_visit", "addendum")
        .join(moments, on=["patient_id", "kind"])
        .with_columns(DAYS)
        .filter(in_window & (~known | (days != 0) | right_side))
        .with_columns(known.alias("order_known"), towards_event.alias("towards_event"))
        .sort(days.abs(), "addendum", ~pl.col("order_known"), "towards_event", "document_id", nulls_last=True)
    )


DAYS = (pl.col("note_date") - pl.col("event_date")).dt.total_days().alias("days")
"""From event to document, in calendar days."""


def order_known() -> pl.Expr:
    """Whether it is known which came first, event or document."""
    return (pl.col("days") != 0) | (pl.col("note_time").is_not_null() & pl.col("event_time").is_not_null())


def _right_side() -> pl.Expr:
    return (
        pl.when(pl.col("direction") == "after")
        .then(pl.col("note_time") >= pl.col("event_time"))
        .otherwise(pl.col("note_time") <= pl.col("event_time"))
    )


def _first(candidates: pl.DataFrame) -> pl.DataFrame:
    """The nearest note of every trigger moment."""
    return candidates.unique([*TRIGGER, "event_date", "event_time"], keep="first", maintain_order=True).select(
        "document_id", *TRIGGER, "days", "order_known"
    )


def _beside(candidates: pl.DataFrame, nearest: pl.DataFrame, profile: Profile) -> Iterator[pl.DataFrame]:
    """The documents kept beside the nearest one of a trigger moment.

    The nearest addendum; of notes, where the nearest is not of the profile's specialties, the nearest that is; and
    where that is of no visit, the nearest that is of one.
    """
    yield _without(_first(candidates.filter("addendum")), nearest, WITH_ADDENDUM)
    own = candidates.filter(pl.col("specialist"), pl.col("kind") == "note")
    specialist = _first(own)
    yield _without(specialist, nearest, OF_SPECIALTY)
    if profile.visits:
        yield _without(_first(own.filter("at_visit")), specialist, OF_VISIT)


def _without(found: pl.DataFrame, chosen: pl.DataFrame, why: str) -> pl.DataFrame:
    beside = found.join(chosen, on=["document_id", *TRIGGER], how="anti")
    return beside.with_columns((pl.col("reason") + why).alias("reason"))


def _final_notes(notes: pl.DataFrame, profile: Profile) -> Iterator[pl.DataFrame]:
    """The last relevant note of every patient, and beside it what `_beside` says of a trigger's note.

    Of one day the one with the latest time, and addenda after other notes. Notes come before reports, and repeats after
    other notes.
    """
    own = notes.filter(pl.col("specialist"), pl.col("kind") == "note")
    last, specialist = _last(notes, FINAL_NOTE), _last(own, FINAL_NOTE + OF_SPECIALTY)
    yield last
    yield specialist.join(last, on="document_id", how="anti")
    if profile.visits:
        yield _last(own.filter("at_visit"), FINAL_NOTE + OF_VISIT).join(specialist, on="document_id", how="anti")


def _last(notes: pl.DataFrame, reason: str) -> pl.DataFrame:
    nearer = ("note_date", ~pl.col("addendum"), "note_time", "document_id")
    order = (pl.col("kind") == "note", ~pl.col("is_repeat"), *nearer)
    return (
        notes.sort(order, nulls_last=False)
        .unique("patient_id", keep="last", maintain_order=True)
        .select(
            "document_id",
            "patient_id",
            pl.lit(reason).alias("reason"),
            *(pl.lit(None, pl.String).alias(name) for name in ("event_id", "edge", "direction")),
            "kind",
            pl.lit(None, pl.Int64).alias("days"),
            pl.lit(True).alias("order_known"),
        )
    )
