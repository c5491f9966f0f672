"""What must hold of the timelines beyond their columns: judgements on frames, and the checks that make them."""

import dagster as dg
import polars as pl

from clinical_assets.documents.tables import TIMELINE
from clinical_assets.documents.timeline import timeline_store
from clinical_assets.table_checks import WARN, check_result, rows_as_declared
from clinical_assets.table_rules import Finding
from clinical_assets.tables import Table
from resources.lake import Lake
from resources.warehouse import Warehouse

UNCLASSIFIED = ("procedures no rule knows", "reports no rule knows")
"""Rules of `event_rules.TYPES` that only say that no other held."""
MOST_UNCLASSIFIED = 0.05
"""Share of events above which the classification rules do not know this site's codes."""
REPORTED = ("surgery", "imaging", "pathology", "radiation")
"""Events that somebody writes a report about."""
LEAST_REPORTED = 0.5
"""Share of such events with a document below which documents, or the links to them, are missing."""


def types_known(events: pl.DataFrame) -> Finding:
    """Few events are of a kind no rule knows.

    Args:
        events: `event_type` and `rule` of the timeline.
    """
    unknown = events.filter(pl.col("rule").is_in(UNCLASSIFIED)).height
    kinds = dict(events["event_type"].value_counts().sort("event_type").iter_rows())
    return Finding(
        unknown <= MOST_UNCLASSIFIED * events.height,
        f"expected at most {MOST_UNCLASSIFIED:.0%} of {events.height:,} events of a kind no rule knows; found "
        f"{unknown:,}",
        {"of no known kind": unknown, **{f"events: {kind}": count for kind, count in kinds.items()}},
    )


def reports_found(events: pl.DataFrame) -> Finding:
    """Of the events somebody writes a report about, most have a document that describes them.

    Args:
        events: `event_type` and `n_documents` of the timeline.
    """
    counted = (
        events.filter(pl.col("event_type").is_in(REPORTED))
        .group_by("event_type")
        .agg(pl.len().alias("events"), (pl.col("n_documents") == 0).sum().alias("without a document"))
        .sort("event_type")
    )
    scarce = counted.filter(pl.col("without a document") > (1 - LEAST_REPORTED) * pl.col("events"))["event_type"]
    return Finding(
        scarce.is_empty(),
        f"expected a document for at least {LEAST_REPORTED:.0%} of each of {', '.join(REPORTED)}; found fewer for "
        f"{', '.join(scarce) or 'none'}",
        {
            "events": int(counted["events"].sum()),
            "without a document": int(counted["without a document"].sum()),
        },
        tuple(counted.iter_rows(named=True)),
    )


def within_life(outside: pl.DataFrame) -> Finding:
    """No event began before its patient's birth or after his death.

    Args:
        outside: see `timeline_store.events_outside_life`.
    """
    early, late = int(outside["before_birth"].sum()), int(outside["after_death"].sum())
    return Finding(
        not early and not late,
        f"expected every event within its patient's life; found {early:,} before birth and {late:,} after death",
        {"before birth": early, "after death": late},
        tuple(outside.iter_rows(named=True)),
    )


def known_once_begun(events: pl.DataFrame) -> Finding:
    """No event is known before it began: a question by what was known then would be told the future.

    Args:
        events: `event_type`, `start_date`, `start_time`, `known_date`, `known_time` of the timeline.
    """
    early = events.filter((pl.col("known_date") < pl.col("start_date")) | (pl.col("known_time") < pl.col("start_time")))
    found = early.group_by("event_type").agg(pl.len().alias("known before they began")).sort("event_type")
    return Finding(
        early.is_empty(),
        f"expected no event to be known before it began; found {early.height:,}",
        {"events": events.height, "known before they began": early.height, "never known": _never_known(events)},
        tuple(found.iter_rows(named=True)),
    )


def _never_known(events: pl.DataFrame) -> int:
    return int(events["known_date"].null_count())


def both_stores_agree(in_lake: int, in_warehouse: int) -> Finding:
    """The lake and PostgreSQL hold equally many events."""
    return Finding(
        in_lake == in_warehouse,
        f"expected as many events in PostgreSQL as in the lake; found {in_warehouse:,} and {in_lake:,}. Materialize "
        f"{TIMELINE.path} anew where they differ.",
        {"in the lake": in_lake, "in PostgreSQL": in_warehouse},
    )


def rows_of(lake: Lake, table: Table, *columns: str) -> pl.DataFrame:
    """Some columns of a table cut by batches; the rows of a patient who is in two batches once."""
    rows = rows_as_declared(lake, table).select({*table.primary_key, *columns}).unique(table.primary_key)
    return rows.select(columns).collect(engine="streaming")


_KEY = dg.AssetKey(list(TIMELINE.key))


@dg.asset_check(asset=_KEY, description="Few events are of a kind that no classification rule knows.")
def event_types_known(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts events by type."""
    finding = types_known(rows_of(lake, TIMELINE, "event_type", "rule"))
    return check_result(finding, TIMELINE, "event_types_known", WARN)


@dg.asset_check(asset=_KEY, description="Surgery, imaging, pathology and radiation have documents about them.")
def events_documented(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts events without a source document by type."""
    finding = reports_found(rows_of(lake, TIMELINE, "event_type", "n_documents"))
    return check_result(finding, TIMELINE, "events_documented", WARN)


@dg.asset_check(asset=_KEY, description="No event began before its patient's birth or after his death.")
def events_within_life(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Counts events outside life by type."""
    finding = within_life(timeline_store.events_outside_life(warehouse))
    return check_result(finding, TIMELINE, "events_within_life", WARN)


@dg.asset_check(asset=_KEY, description="No event is known before it began.")
def events_known_once_begun(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts events known too early by type; an error, as what is told too early leaks."""
    moments = rows_of(lake, TIMELINE, "event_type", "start_date", "start_time", "known_date", "known_time")
    return check_result(known_once_begun(moments), TIMELINE, "events_known_once_begun")


@dg.asset_check(asset=_KEY, description="PostgreSQL and the lake hold the same number of events.")
def stores_agree(lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Tells a warehouse that was restored, or emptied, from one that is up to date."""
    in_lake = rows_of(lake, TIMELINE, *TIMELINE.primary_key).height
    finding = both_stores_agree(in_lake, timeline_store.event_count(warehouse))
    return check_result(finding, TIMELINE, "stores_agree", WARN)


CHECKS = (event_types_known, events_documented, events_within_life, events_known_once_begun, stores_agree)
