"""What a note is to a profile, by its type, title and category, and which imaging counts: the rules as expressions.

Reads what sources say of documents and events, never a text.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.documents.prioritised.note_profiles import ADDENDUM, Profile
from clinical_assets.documents.timeline.body_regions import pattern_of, plainly
from clinical_assets.documents.timeline.timeline_links import REFERENCE

STANDING = ("specialist", "elsewhere", "addendum", "at_visit", "alone_at_visit")
"""Columns of `standing`, `at_visit` and `alone_at_visit`."""

_DESCRIBED = pl.concat_str("note_type", "title", "category", separator=" \n ", ignore_nulls=True).str.to_lowercase()


def judgement(profile: Profile) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """`relevant`, `rule` and `kind`: the profile's rules as expressions over a note's type, title and category."""
    ordered = sorted(profile.rules, key=lambda rule: rule.verdict != "exclude")
    relevant = pl.lit(profile.default == "include")
    rule, kind = pl.lit(f"{profile.default}: default"), pl.lit("note")
    for each in reversed(ordered):
        matches = _DESCRIBED.str.contains(each.pattern)
        relevant = pl.when(matches).then(pl.lit(each.verdict == "include")).otherwise(relevant)
        rule = pl.when(matches).then(pl.lit(f"{each.verdict}: {each.name}")).otherwise(rule)
        kind = pl.when(matches).then(pl.lit(each.kind)).otherwise(kind)
    return relevant.alias("relevant"), rule.alias("rule"), kind.alias("kind")


def standing(profile: Profile) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """`specialist`, `elsewhere` and `addendum` of a note.

    Whether it is of the profile's specialties, a report of no region of its, and what calls itself an addendum.
    """
    specialist = _DESCRIBED.str.contains(pattern_of(profile.specialties)) if profile.specialties else pl.lit(True)
    elsewhere = (pl.col("kind") == "imaging") & ~_concerns(_DESCRIBED, profile).fill_null(value=True)
    addendum = _DESCRIBED.str.contains(pattern_of(ADDENDUM)).fill_null(value=False)
    return specialist.alias("specialist"), elsewhere.alias("elsewhere"), addendum.alias("addendum")


def at_visit(events: pl.DataFrame, links: pl.DataFrame) -> pl.Expr:
    """`at_visit`: whether the source itself says that a note belongs to an encounter.

    The links by rule do not tell: of two notes of a day both would be of the visit.
    """
    written = _stated_visits(events, links)["document_id"]
    return pl.col("document_id").is_in(written.implode()).alias("at_visit")


def alone_at_visit(notes: pl.DataFrame, events: pl.DataFrame, links: pl.DataFrame) -> pl.Expr:
    """`alone_at_visit`: whether a note is the only relevant one that the source itself gives an encounter.

    What it says, be it in the words of an earlier one, is then all that is said of that encounter.
    """
    of_visits = _stated_visits(events, links).join(
        notes.filter("relevant", kind="note"), on=["patient_id", "document_id"], how="semi"
    )
    alone = of_visits.filter(pl.len().over("patient_id", "event_id") == 1)["document_id"]
    return pl.col("document_id").is_in(alone.implode()).alias("alone_at_visit")


def _stated_visits(events: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Documents and encounters that the source itself links: one row per pair."""
    encounters = events.filter(pl.col("event_type") == "encounter")
    stated = links.filter(pl.col("method") == REFERENCE).join(encounters, on=["patient_id", "event_id"], how="semi")
    return stated.select("patient_id", "event_id", "document_id").unique()


def _concerns(words: pl.Expr, profile: Profile) -> pl.Expr:
    """Whether imaging described so is of a region that counts; null where it names none."""
    regions = profile.imaging_regions
    if regions is None:
        return pl.lit(None, pl.Boolean)
    plain = plainly(words)
    return (
        pl.when(plain.str.contains(pattern_of(regions.include)))
        .then(pl.lit(True))
        .when(plain.str.contains(pattern_of(regions.exclude)))
        .then(pl.lit(False))
    )


def of_regions(events: pl.DataFrame, notes: pl.DataFrame, links: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The events without imaging of regions that do not count, as its description says or else its own reports.

    What one event of a scan says holds for the scan; where two say otherwise of it, it counts.
    """
    if profile.imaging_regions is None:
        return events
    own = links.filter(pl.col("method") == REFERENCE).join(notes, on=["document_id", "patient_id"])
    reported = own.group_by("patient_id", "event_id").agg(
        _concerns(_DESCRIBED, profile).any(ignore_nulls=False).alias("_reported")
    )
    words = pl.col("description") if "description" in events.columns else pl.lit(None, pl.String)
    joined = events.join(reported, on=["patient_id", "event_id"], how="left", maintain_order="left")
    of_scan = ("patient_id", scan_of(events))
    said = [_concerns(words.str.to_lowercase(), profile), pl.col("_reported")]
    # True above False, and whoever says nothing says neither.
    counts = pl.coalesce(each.max().over(of_scan) for each in said).fill_null(value=True)
    return joined.filter((pl.col("event_type") != "imaging") | counts).select(events.columns)


def scan_of(events: pl.DataFrame) -> pl.Expr:
    """The event that stands for an event's scan (`timeline.scans`); where nobody looked, and for others, itself."""
    return pl.coalesce(*(name for name in ("scan_id", "event_id") if name in events.columns))
