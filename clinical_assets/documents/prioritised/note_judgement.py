"""What a note is to a profile, by its type, title and category, and which imaging counts: the rules as expressions.

Reads what sources say of documents and events, never a text.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.documents.prioritised.note_profiles import Profile, pattern_of
from clinical_assets.documents.timeline.timeline_links import REFERENCE

STANDING = ("specialist", "elsewhere", "at_visit")
"""Columns of `standing` and `at_visit`."""

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


def standing(profile: Profile) -> tuple[pl.Expr, pl.Expr]:
    """`specialist`, whether a note is of the profile's specialties, and `elsewhere`, a report of no region of its."""
    specialist = _DESCRIBED.str.contains(pattern_of(profile.specialties)) if profile.specialties else pl.lit(True)
    elsewhere = (pl.col("kind") == "imaging") & ~_concerns(_DESCRIBED, profile).fill_null(value=True)
    return specialist.alias("specialist"), elsewhere.alias("elsewhere")


def at_visit(events: pl.DataFrame, links: pl.DataFrame) -> pl.Expr:
    """`at_visit`: whether the source itself says that a note belongs to an encounter.

    The links by rule do not tell: of two notes of a day both would be of the visit.
    """
    encounters = events.filter(pl.col("event_type") == "encounter")
    stated = links.filter(pl.col("method") == REFERENCE)
    written = stated.join(encounters, on=["patient_id", "event_id"], how="semi")["document_id"]
    return pl.col("document_id").is_in(written.implode()).alias("at_visit")


def _concerns(words: pl.Expr, profile: Profile) -> pl.Expr:
    """Whether imaging described so is of a region that counts; null where it names none."""
    regions = profile.imaging_regions
    if regions is None:
        return pl.lit(None, pl.Boolean)
    return (
        pl.when(words.str.contains(pattern_of(regions.include)))
        .then(pl.lit(True))
        .when(words.str.contains(pattern_of(regions.exclude)))
        .then(pl.lit(False))
    )


def of_regions(events: pl.DataFrame, notes: pl.DataFrame, links: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The events without imaging of regions that do not count, as its description says or else its own reports."""
    if profile.imaging_regions is None:
        return events
    own = links.filter(pl.col("method") == REFERENCE).join(notes, on=["document_id", "patient_id"])
    reported = own.group_by("patient_id", "event_id").agg(
        _concerns(_DESCRIBED, profile).any(ignore_nulls=False).alias("_reported")
    )
    words = pl.col("description") if "description" in events.columns else pl.lit(None, pl.String)
    counts = pl.coalesce(_concerns(words.str.to_lowercase(), profile), "_reported").fill_null(value=True)
    joined = events.join(reported, on=["patient_id", "event_id"], how="left", maintain_order="left")
    return joined.filter((pl.col("event_type") != "imaging") | counts).select(events.columns)
