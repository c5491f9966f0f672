"""The note prioritiser: from every note of a patient to the few around surgery, imaging, treatment and the end.

A note is kept if a trigger of the profile chose it: the first note after an event, or the last before it, within the
window; and so for reports (`note_profiles.Rule.kind`), side by side. Days are calendar days, so a note of the same day
is always within it; where note and event both have a time of day, a note of the same day must also stand on the right
side of the event; where one has none, the note counts.

Kept beside what is nearest: the nearest note of the profile's specialties, where the nearest of all is somebody
else's; of these notes the nearest of a visit, where that one is of none (a call, a summary carried forward); and
documents linked to the event, whatever their number. Every kept note says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from clinical_assets.documents.prioritised.note_judgement import STANDING, at_visit, judgement, of_regions, standing
from clinical_assets.documents.prioritised.note_profiles import (
    FINAL_NOTE,
    LINKED,
    OF_SPECIALTY,
    OF_VISIT,
    ONCOLOGY,
    Kind,
    Profile,
    Trigger,
)
from clinical_assets.documents.timeline.timeline_links import REFERENCE
from clinical_assets.documents.timeline.timeline_store import SOURCE_DOCUMENT_SCHEMA

NOTE_SCHEMA = {
    "document_id": pl.String(),
    "patient_id": pl.String(),
    "note_date": pl.Date(),
    "note_time": pl.Datetime("us"),
    "note_type": pl.String(),
    "title": pl.String(),
    "category": pl.String(),
}
"""Notes: one row per note. `note_time` is null where only the day is known; type, title and category may be null."""

EVENT_COLUMNS = (
    "event_id",
    "patient_id",
    "event_type",
    "event_subtype",
    "start_date",
    "start_time",
    "end_date",
    "end_time",
)
"""What the prioritiser needs of `timeline.EVENT_SCHEMA`; of imaging also the `description`, where there is one."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """How many notes went in, were relevant and were kept.

    Attributes:
        notes: distinct notes.
        duplicates: rows dropped because their document id had been seen.
        undated: notes without a date, which no trigger can place.
        relevant: notes the rules let through, and those only a link brought in.
        kept: notes chosen.
        triggers: edges of events that could choose documents.
        triggers_with_note: of them, those that found one.
        by_reason: notes per reason; a note may have several.
        by_rule: notes per rule that decided them, e.g. `exclude: administrative`.
    """

    notes: int
    duplicates: int
    undated: int
    relevant: int
    kept: int
    triggers: int
    triggers_with_note: int
    by_reason: dict[str, int] = field(default_factory=dict)
    by_rule: dict[str, int] = field(default_factory=dict)

    @property
    def share_kept(self) -> float:
        """Kept notes in parts of all notes; 0 for none."""
        return self.kept / self.notes if self.notes else 0.0


@dataclass(frozen=True, slots=True)
class Prioritised:
    """The prioritiser's answer.

    Attributes:
        kept: one row per kept note: the columns of the notes, `kind`, `reasons` (sorted list), by patient and time.
        reasons: one row per note and trigger that chose it: `document_id`, `patient_id`, `reason`, `event_id` (null
            for the final note), `days` (calendar days from event to note), `order_known` (false where the note is of
            the event's day and one of the two has no time of day).
        triggers: one row per moment of an event that could choose and kind of document: `event_id`, `patient_id`,
            `reason`, `edge`, `direction`, `kind`, `event_date`, `event_time`, `window_days`, and what it chose
            (`document_id`, `days`, `order_known`), null where there is none in its window. What is kept beside it is
            in `reasons` alone.
        judged: one row per distinct note: `document_id`, `relevant`, `rule`.
        elsewhere: imaging events of regions that do not count, one row each: `patient_id`, `event_id`.
        reduction: the counts.
    """

    kept: pl.DataFrame
    reasons: pl.DataFrame
    triggers: pl.DataFrame
    judged: pl.DataFrame
    elsewhere: pl.DataFrame
    reduction: Reduction


def prioritise(
    notes: pl.DataFrame, events: pl.DataFrame, profile: Profile = ONCOLOGY, links: pl.DataFrame | None = None
) -> Prioritised:
    """Choose notes by the profile.

    Args:
        notes: see `NOTE_SCHEMA`; further columns are carried along. Of rows with the same document id the latest is
            taken.
        events: see `EVENT_COLUMNS`.
        profile: rules, triggers and windows.
        links: which documents describe which events, see `timeline_store.SOURCE_DOCUMENT_SCHEMA`; None for none known.

    Raises:
        ValueError: naming columns that are missing or of another type.
    """
    linked = pl.DataFrame(schema=SOURCE_DOCUMENT_SCHEMA) if links is None else links
    _require(notes, NOTE_SCHEMA, "notes")
    _require(events, dict.fromkeys(EVENT_COLUMNS), "events")
    _require(linked, SOURCE_DOCUMENT_SCHEMA, "links")
    distinct = notes.sort("note_date", "note_time", nulls_last=False).unique(
        "document_id", keep="last", maintain_order=True
    )
    by_rules = distinct.with_columns(*judgement(profile)).with_columns(*standing(profile), at_visit(events, linked))
    counted = of_regions(events, by_rules, linked, profile)
    moments = trigger_moments(counted, profile)
    dated = by_rules.filter(pl.col("relevant") & pl.col("note_date").is_not_null())
    possible = _candidates(dated, moments)
    nearest = _first(possible)
    described = _linked(by_rules, counted, linked, profile)
    parts = [nearest, *_beside(possible, nearest, profile), described.select(nearest.columns)]
    reasons = pl.concat([*parts, *(_final_notes(dated, profile) if profile.keep_final_note else ())])
    reasons = reasons.sort("patient_id", "document_id", "reason", "event_id", nulls_last=True)
    judged = _brought_in(by_rules, described)
    kept = _kept(judged.drop("relevant", "rule", *STANDING), reasons)
    reduction = Reduction(
        notes=distinct.height,
        duplicates=notes.height - distinct.height,
        undated=distinct["note_date"].null_count(),
        relevant=int(judged["relevant"].sum()),
        kept=kept.height,
        triggers=moments.select(_EDGE).n_unique(),
        triggers_with_note=nearest.select(_EDGE).n_unique(),
        by_reason=_counts(reasons.select("document_id", "reason").unique(), "reason"),
        by_rule=_counts(judged, "rule"),
    )
    triggers = moments.join(nearest, on=_TRIGGER, how="left", maintain_order="left")
    judgements = judged.select("document_id", "relevant", "rule")
    elsewhere = events.join(counted, on=["patient_id", "event_id"], how="anti").select("patient_id", "event_id")
    return Prioritised(kept, reasons.drop("edge", "direction", "kind"), triggers, judgements, elsewhere, reduction)


def trigger_moments(events: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """One row per event, trigger, dated edge and kind: `_TRIGGER`, `event_date`, `event_time`, `window_days`.

    Of triggers that say the same with several windows the widest counts.
    """
    parts = [
        _moments_of(events, trigger, kind, profile.window_of(trigger, kind))
        for trigger in profile.triggers
        for kind in trigger.kinds
    ]
    moments = pl.concat([_moments_of(events.clear(), Trigger("", "start", "after", ""), "note", 0), *parts])
    of_one = [name for name in moments.columns if name != "window_days"]
    return moments.with_columns(pl.col("window_days").max().over(of_one)).unique(maintain_order=True)


def _wanted(trigger: Trigger) -> pl.Expr:
    wanted = pl.col("event_type") == trigger.event_type
    if trigger.subtypes:
        wanted &= pl.col("event_subtype").is_null() | pl.col("event_subtype").is_in(trigger.subtypes)
    return wanted


def _moments_of(events: pl.DataFrame, trigger: Trigger, kind: Kind, window_days: int) -> pl.DataFrame:
    day, time = pl.col(f"{trigger.edge}_date"), pl.col(f"{trigger.edge}_time")
    return events.filter(_wanted(trigger) & day.is_not_null()).select(
        pl.col("event_id").cast(pl.String),
        pl.col("patient_id").cast(pl.String),
        pl.lit(trigger.reason).alias("reason"),
        pl.lit(trigger.edge).alias("edge"),
        pl.lit(trigger.direction).alias("direction"),
        pl.lit(kind).alias("kind"),
        day.cast(pl.Date).alias("event_date"),
        time.cast(pl.Datetime("us")).alias("event_time"),
        pl.lit(window_days, pl.Int64).alias("window_days"),
    )


_EDGE = ("patient_id", "reason", "event_id", "edge", "direction")
_TRIGGER = (*_EDGE, "kind")


def _candidates(notes: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """Every note a trigger moment could choose, of the kind it asks for, the nearest first.

    Fewer calendar days first. On the event's own day a note known to be on the right side comes before one whose
    order is unknown; of the known ones the nearest in time; of the unknown ones the latest of the day for "after",
    the earliest for "before", which are the likeliest to be on that side.
    """
    after = pl.col("direction") == "after"
    order_known, right_side = _order_known(), _right_side()
    window, days = pl.col("window_days"), pl.col("days")
    in_window = pl.when(after).then(days.is_between(0, window)).otherwise(days.is_between(-window, 0))
    clock = (pl.col("note_time") - pl.col("note_date").cast(pl.Datetime("us"))).dt.total_microseconds()
    towards_event = pl.when(after == order_known).then(clock).otherwise(-clock)
    return (
        notes.filter(~pl.col("elsewhere"))
        .select("document_id", "patient_id", "note_date", "note_time", "kind", "specialist", "at_visit")
        .join(moments, on=["patient_id", "kind"])
        .with_columns(_DAYS)
        .filter(in_window & (~order_known | (days != 0) | right_side))
        .with_columns(order_known.alias("order_known"), towards_event.alias("towards_event"))
        .sort(days.abs(), ~pl.col("order_known"), "towards_event", "document_id", nulls_last=True)
    )


_DAYS = (pl.col("note_date") - pl.col("event_date")).dt.total_days().alias("days")


def _order_known() -> pl.Expr:
    return (pl.col("days") != 0) | (pl.col("note_time").is_not_null() & pl.col("event_time").is_not_null())


def _right_side() -> pl.Expr:
    return (
        pl.when(pl.col("direction") == "after")
        .then(pl.col("note_time") >= pl.col("event_time"))
        .otherwise(pl.col("note_time") <= pl.col("event_time"))
    )


def _first(candidates: pl.DataFrame) -> pl.DataFrame:
    """The nearest note of every trigger moment."""
    return candidates.unique([*_TRIGGER, "event_date", "event_time"], keep="first", maintain_order=True).select(
        "document_id", *_TRIGGER, "days", "order_known"
    )


def _beside(candidates: pl.DataFrame, nearest: pl.DataFrame, profile: Profile) -> Iterator[pl.DataFrame]:
    """The notes kept beside the nearest one of a trigger moment, where that is not of the profile's specialties.

    The nearest that is; and where that is of no visit, the nearest that is of one.
    """
    own = candidates.filter(pl.col("specialist"), pl.col("kind") == "note")
    specialist = _first(own)
    yield _without(specialist, nearest, OF_SPECIALTY)
    if profile.visits:
        yield _without(_first(own.filter("at_visit")), specialist, OF_VISIT)


def _without(found: pl.DataFrame, chosen: pl.DataFrame, why: str) -> pl.DataFrame:
    beside = found.join(chosen, on=["document_id", *_TRIGGER], how="anti")
    return beside.with_columns((pl.col("reason") + why).alias("reason"))


def _linked(notes: pl.DataFrame, events: pl.DataFrame, links: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The dated documents linked to events of the profile's types, one row per document and event.

    What a rule excludes stays out. What no rule knows comes in only where the source itself says what it describes,
    and so does a report of a region that does not count.
    """
    triggers = [trigger for trigger in profile.triggers if trigger.event_type in profile.linked]
    whole_types = set(profile.linked) - {trigger.event_type for trigger in triggers}
    wanted = pl.any_horizontal(pl.col("event_type").is_in(sorted(whole_types)), *map(_wanted, triggers))
    # Events have a rule of their own.
    happened = events.filter(wanted).select("patient_id", "event_id", "start_date", "start_time")
    undecided = pl.col("rule") == _UNDECIDED
    stated = pl.col("method") == REFERENCE
    return (
        links.join(happened, on=["patient_id", "event_id"])
        .join(notes, on=["patient_id", "document_id"])
        .filter(
            pl.col("note_date").is_not_null(),
            (pl.col("relevant") & ~pl.col("elsewhere")) | (stated & (pl.col("relevant") | undecided)),
        )
        .with_columns(
            pl.lit(LINKED).alias("reason"),
            *(pl.lit(None, pl.String).alias(name) for name in ("edge", "direction")),
            pl.col("start_date").cast(pl.Date).alias("event_date"),
            pl.col("start_time").cast(pl.Datetime("us")).alias("event_time"),
        )
        .with_columns(_DAYS)
        .with_columns(_order_known().alias("order_known"))
        .unique(["document_id", "event_id"], keep="any")
    )


_UNDECIDED = "exclude: default"


def _brought_in(notes: pl.DataFrame, described: pl.DataFrame) -> pl.DataFrame:
    """The notes, those that a link alone made relevant judged so."""
    by_link = pl.col("document_id").is_in(described["document_id"].implode()) & ~pl.col("relevant")
    rule = pl.when(by_link).then(pl.lit(f"include: {LINKED}")).otherwise("rule")
    return notes.with_columns((pl.col("relevant") | by_link).alias("relevant"), rule.alias("rule"))


def _final_notes(notes: pl.DataFrame, profile: Profile) -> Iterator[pl.DataFrame]:
    """The last relevant note of every patient, and beside it what `_beside` says of a trigger's note.

    Of one day the one with the latest time. Notes come before reports.
    """
    own = notes.filter(pl.col("specialist"), pl.col("kind") == "note")
    last, specialist = _last(notes, FINAL_NOTE), _last(own, FINAL_NOTE + OF_SPECIALTY)
    yield last
    yield specialist.join(last, on="document_id", how="anti")
    if profile.visits:
        yield _last(own.filter("at_visit"), FINAL_NOTE + OF_VISIT).join(specialist, on="document_id", how="anti")


def _last(notes: pl.DataFrame, reason: str) -> pl.DataFrame:
    return (
        notes.sort(pl.col("kind") == "note", "note_date", "note_time", "document_id", nulls_last=False)
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


def _kept(notes: pl.DataFrame, reasons: pl.DataFrame) -> pl.DataFrame:
    why = reasons.group_by("document_id").agg(pl.col("reason").unique().sort().alias("reasons"))
    return notes.join(why, on="document_id").sort(
        "patient_id", "note_date", "note_time", "document_id", nulls_last=True
    )


def _counts(frame: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(frame.group_by(column).len().sort(column).iter_rows())


def _require(frame: pl.DataFrame, schema: dict[str, pl.DataType | None] | dict[str, pl.DataType], what: str) -> None:
    found = frame.schema
    wrong = [
        f"{name} ({kind or 'missing'}, found {found.get(name, 'nothing')})"
        for name, kind in schema.items()
        if name not in found or (kind is not None and found[name] != kind)
    ]
    if wrong:
        raise ValueError(f"{what}: expected columns missing or of another type: {', '.join(wrong)}")
