"""The note prioritiser: from every note of a patient to the few around surgery, imaging, treatment and the end.

A note is kept if a trigger of the profile chose it: the first note after an event, or the last before it, within the
window; and so for reports (`note_profiles.Rule.kind`), side by side. Days are calendar days, so a note of the same day
is always within it; where note and event both have a time of day, a note of the same day must also stand on the right
side of the event; where one has none, the note counts.

Kept beside what is nearest: the nearest addendum, which never takes another document's place; the nearest note of the
profile's specialties, where the nearest of all is somebody else's; of these notes the nearest of a visit, where that
one is of none (a call, a summary carried forward); and documents linked to the event, whatever their number. A note
that only repeats another kept one gives its place to the next (`note_choice`). Every kept note says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from clinical_assets.documents.prioritised.note_choice import DAYS, EDGE, TRIGGER, choose, order_known
from clinical_assets.documents.prioritised.note_judgement import (
    STANDING,
    alone_at_visit,
    at_visit,
    judgement,
    of_regions,
    scan_of,
    standing,
)
from clinical_assets.documents.prioritised.note_profiles import LINKED, ONCOLOGY, Kind, Profile, Trigger
from clinical_assets.documents.timeline.drug_uses import POSSIBLY
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
"""What the prioritiser needs of `timeline.EVENT_SCHEMA`; of imaging also `description` and `scan_id`, where there are
any: of a scan told by several events one chooses."""


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
        repeats: one row per note that would have been chosen and says nothing that another kept one does not say:
            `patient_id`, `document_id`, `repeated`, the note that stands, and `kept`, whether it is kept all the same
            as a trigger has no other.
        reduction: the counts.
    """

    kept: pl.DataFrame
    reasons: pl.DataFrame
    triggers: pl.DataFrame
    judged: pl.DataFrame
    elsewhere: pl.DataFrame
    repeats: pl.DataFrame
    reduction: Reduction


def prioritise(
    notes: pl.DataFrame,
    events: pl.DataFrame,
    profile: Profile = ONCOLOGY,
    links: pl.DataFrame | None = None,
    told: pl.DataFrame | None = None,
) -> Prioritised:
    """Choose notes by the profile.

    Args:
        notes: see `NOTE_SCHEMA`; further columns are carried along. Of rows with the same document id the latest is
            taken.
        events: see `EVENT_COLUMNS`.
        profile: rules, triggers and windows.
        links: which documents describe which events, see `timeline_store.SOURCE_DOCUMENT_SCHEMA`; None for none known.
        told: what notes say, to tell repeats, see `repeated_text.SAID_SCHEMA`; None where nobody looked.

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
    ruled = distinct.with_columns(*judgement(profile))
    by_rules = ruled.with_columns(*standing(profile), at_visit(events, linked), alone_at_visit(ruled, events, linked))
    counted = of_regions(events, by_rules, linked, profile)
    moments = trigger_moments(counted.filter(scan_of(counted) == pl.col("event_id")), profile)
    described = _linked(by_rules, counted, linked, profile)
    choice = choose(by_rules, moments, described, told, profile)
    reasons = pl.concat([choice.reasons, _doubtful(choice.reasons, events, profile)])
    reasons = reasons.sort("patient_id", "document_id", "reason", "event_id", nulls_last=True)
    judged = _brought_in(by_rules, described)
    kept = _kept(judged.drop("relevant", "rule", *STANDING), reasons)
    reduction = Reduction(
        notes=distinct.height,
        duplicates=notes.height - distinct.height,
        undated=distinct["note_date"].null_count(),
        relevant=int(judged["relevant"].sum()),
        kept=kept.height,
        triggers=moments.select(EDGE).n_unique(),
        triggers_with_note=choice.nearest.select(EDGE).n_unique(),
        by_reason=_counts(reasons.select("document_id", "reason").unique(), "reason"),
        by_rule=_counts(judged, "rule"),
    )
    triggers = moments.join(choice.nearest, on=TRIGGER, how="left", maintain_order="left")
    judgements = judged.select("document_id", "relevant", "rule")
    elsewhere = events.join(counted, on=["patient_id", "event_id"], how="anti").select("patient_id", "event_id")
    repeated = _repeated(choice.repeats, distinct, kept)
    without_edges = reasons.drop("edge", "direction", "kind")
    return Prioritised(kept, without_edges, triggers, judgements, elsewhere, repeated, reduction)


def trigger_moments(events: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """One row per event, trigger, dated edge and kind: `TRIGGER`, `event_date`, `event_time`, `window_days`.

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
        subtype = pl.col("event_subtype")
        wanted &= subtype.is_null() | subtype.str.strip_prefix(POSSIBLY).is_in(trigger.subtypes)
    return wanted


def _repeated(repeats: pl.DataFrame, notes: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """`Prioritised.repeats` of the choice's."""
    whose = repeats.join(notes.select("document_id", "patient_id"), on="document_id")
    is_kept = pl.col("document_id").is_in(kept["document_id"].implode())
    return whose.select("patient_id", "document_id", "repeated", kept=is_kept).sort("patient_id", "document_id")


def _doubtful(reasons: pl.DataFrame, events: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """Further reasons: of what an event chose, or is linked to, that only may be of the subtype wanted."""
    told_apart = sorted({trigger.event_type for trigger in profile.triggers if trigger.subtypes})
    in_doubt = events.filter(
        pl.col("event_type").is_in(told_apart), pl.col("event_subtype").str.starts_with(POSSIBLY)
    ).select("patient_id", "event_id", doubt="event_subtype")
    said = reasons.join(in_doubt, on=["patient_id", "event_id"]).with_columns(reason="doubt")
    return said.select(reasons.columns).unique(maintain_order=True)


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
        .with_columns(DAYS)
        .with_columns(order_known().alias("order_known"))
        .unique(["document_id", "event_id"], keep="any")
    )


_UNDECIDED = "exclude: default"


def _brought_in(notes: pl.DataFrame, described: pl.DataFrame) -> pl.DataFrame:
    """The notes, those that a link alone made relevant judged so."""
    by_link = pl.col("document_id").is_in(described["document_id"].implode()) & ~pl.col("relevant")
    rule = pl.when(by_link).then(pl.lit(f"include: {LINKED}")).otherwise("rule")
    return notes.with_columns((pl.col("relevant") | by_link).alias("relevant"), rule.alias("rule"))


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
