"""The note prioritiser: from every note of a patient to the few around surgery, imaging, treatment and the end.

A note is kept if a trigger of the profile chose it: the first note after an event, or the last before it, within the
window; and so for reports (`note_profiles.Rule.kind`), side by side. Days are calendar days, so a note of the same day
is always within it; where note and event both have a time of day, a note of the same day must also stand on the right
side of the event; where one has none, the note counts.
Every kept note says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from clinical_assets.documents.prioritised.note_profiles import FINAL_NOTE, ONCOLOGY, Kind, Profile, Trigger

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
"""What the prioritiser needs of `timeline.EVENT_SCHEMA`."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """How many notes went in, were relevant and were kept.

    Attributes:
        notes: distinct notes.
        duplicates: rows dropped because their document id had been seen.
        undated: notes without a date, which no trigger can place.
        relevant: notes the rules let through.
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
            `reason`, `edge`, `direction`, `kind`, `event_date`, `event_time`, and what it chose (`document_id`,
            `days`, `order_known`), null where there is none in its window.
        judged: one row per distinct note: `document_id`, `relevant`, `rule`.
        reduction: the counts.
    """

    kept: pl.DataFrame
    reasons: pl.DataFrame
    triggers: pl.DataFrame
    judged: pl.DataFrame
    reduction: Reduction


def prioritise(notes: pl.DataFrame, events: pl.DataFrame, profile: Profile = ONCOLOGY) -> Prioritised:
    """Choose notes by the profile.

    Args:
        notes: see `NOTE_SCHEMA`; further columns are carried along. Of rows with the same document id the latest is
            taken.
        events: see `EVENT_COLUMNS`.
        profile: rules, triggers and window.

    Raises:
        ValueError: naming columns that are missing or of another type.
    """
    _require(notes, NOTE_SCHEMA, "notes")
    _require(events, dict.fromkeys(EVENT_COLUMNS), "events")
    distinct = notes.sort("note_date", "note_time", nulls_last=False).unique(
        "document_id", keep="last", maintain_order=True
    )
    judged = distinct.with_columns(*judgement(profile))
    dated = judged.filter(pl.col("relevant") & pl.col("note_date").is_not_null())
    moments = trigger_moments(events, profile)
    chosen = _chosen(dated, moments, profile.window_days)
    reasons = pl.concat([chosen, _final_notes(dated)]) if profile.keep_final_note else chosen
    reasons = reasons.sort("patient_id", "document_id", "reason", "event_id", nulls_last=True)
    kept = _kept(dated.drop("relevant", "rule"), reasons)
    reduction = Reduction(
        notes=distinct.height,
        duplicates=notes.height - distinct.height,
        undated=distinct["note_date"].null_count(),
        relevant=int(judged["relevant"].sum()),
        kept=kept.height,
        triggers=moments.select(_EDGE).n_unique(),
        triggers_with_note=chosen.select(_EDGE).n_unique(),
        by_reason=_counts(reasons.select("document_id", "reason").unique(), "reason"),
        by_rule=_counts(judged, "rule"),
    )
    triggers = moments.join(chosen, on=_TRIGGER, how="left", maintain_order="left")
    judgements = judged.select("document_id", "relevant", "rule")
    return Prioritised(kept, reasons.drop("edge", "direction", "kind"), triggers, judgements, reduction)


def judgement(profile: Profile) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """`relevant`, `rule` and `kind`: the profile's rules as expressions over a note's type, title and category."""
    described = pl.concat_str("note_type", "title", "category", separator=" \n ", ignore_nulls=True).str.to_lowercase()
    ordered = sorted(profile.rules, key=lambda rule: rule.verdict != "exclude")
    relevant = pl.lit(profile.default == "include")
    rule, kind = pl.lit(f"{profile.default}: default"), pl.lit("note")
    for each in reversed(ordered):
        matches = described.str.contains(each.pattern)
        relevant = pl.when(matches).then(pl.lit(each.verdict == "include")).otherwise(relevant)
        rule = pl.when(matches).then(pl.lit(f"{each.verdict}: {each.name}")).otherwise(rule)
        kind = pl.when(matches).then(pl.lit(each.kind)).otherwise(kind)
    return relevant.alias("relevant"), rule.alias("rule"), kind.alias("kind")


def trigger_moments(events: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """One row per event, trigger, dated edge and kind of document: `_TRIGGER`, `event_date`, `event_time`."""
    parts = [_moments_of(events, trigger, kind) for trigger in profile.triggers for kind in trigger.kinds]
    empty = _moments_of(events.clear(), Trigger("", "start", "after", ""), "note")
    return pl.concat([empty, *parts]).unique(maintain_order=True)


def _moments_of(events: pl.DataFrame, trigger: Trigger, kind: Kind) -> pl.DataFrame:
    wanted = pl.col("event_type") == trigger.event_type
    if trigger.subtypes:
        wanted &= pl.col("event_subtype").is_null() | pl.col("event_subtype").is_in(trigger.subtypes)
    day, time = pl.col(f"{trigger.edge}_date"), pl.col(f"{trigger.edge}_time")
    return events.filter(wanted & day.is_not_null()).select(
        pl.col("event_id").cast(pl.String),
        pl.col("patient_id").cast(pl.String),
        pl.lit(trigger.reason).alias("reason"),
        pl.lit(trigger.edge).alias("edge"),
        pl.lit(trigger.direction).alias("direction"),
        pl.lit(kind).alias("kind"),
        day.cast(pl.Date).alias("event_date"),
        time.cast(pl.Datetime("us")).alias("event_time"),
    )


_EDGE = ("patient_id", "reason", "event_id", "edge", "direction")
_TRIGGER = (*_EDGE, "kind")


def _chosen(notes: pl.DataFrame, moments: pl.DataFrame, window_days: int) -> pl.DataFrame:
    """The nearest note of every trigger moment, of the kind it asks for.

    Fewer calendar days first. On the event's own day a note known to be on the right side comes before one whose
    order is unknown; of the known ones the nearest in time; of the unknown ones the latest of the day for "after",
    the earliest for "before", which are the likeliest to be on that side.
    """
    after = pl.col("direction") == "after"
    days = (pl.col("note_date") - pl.col("event_date")).dt.total_days()
    order_known = (days != 0) | (pl.col("note_time").is_not_null() & pl.col("event_time").is_not_null())
    right_side = (
        pl.when(after)
        .then(pl.col("note_time") >= pl.col("event_time"))
        .otherwise(pl.col("note_time") <= pl.col("event_time"))
    )
    in_window = pl.when(after).then(days.is_between(0, window_days)).otherwise(days.is_between(-window_days, 0))
    clock = (pl.col("note_time") - pl.col("note_date").cast(pl.Datetime("us"))).dt.total_microseconds()
    towards_event = pl.when(after == order_known).then(clock).otherwise(-clock)
    return (
        notes.select("document_id", "patient_id", "note_date", "note_time", "kind")
        .join(moments, on=["patient_id", "kind"])
        .filter(in_window & (~order_known | (days != 0) | right_side))
        .with_columns(days.alias("days"), order_known.alias("order_known"), towards_event.alias("towards_event"))
        .sort(pl.col("days").abs(), ~pl.col("order_known"), "towards_event", "document_id", nulls_last=True)
        .unique([*_TRIGGER, "event_date", "event_time"], keep="first", maintain_order=True)
        .select("document_id", *_TRIGGER, "days", "order_known")
    )


def _final_notes(notes: pl.DataFrame) -> pl.DataFrame:
    """The last relevant note of every patient; of one day, the one with the latest time. Notes come before reports."""
    return (
        notes.sort(pl.col("kind") == "note", "note_date", "note_time", "document_id", nulls_last=False)
        .unique("patient_id", keep="last", maintain_order=True)
        .select(
            "document_id",
            "patient_id",
            pl.lit(FINAL_NOTE).alias("reason"),
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
