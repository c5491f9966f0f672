"""The asset `documents/timeline`: events of a batch's patients, into PostgreSQL and the lake."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import polars as pl

from clinical_assets.declaration import Site, asset_arguments, code_version, conform, input_of, io_manager_of
from clinical_assets.documents.tables import TIMELINE
from clinical_assets.documents.timeline import timeline_links, timeline_store
from clinical_assets.documents.timeline.event_rules import EVENT_TYPES
from clinical_assets.documents.timeline.events import EventFileError, Timeline
from clinical_assets.documents.timeline.scans import scans
from clinical_assets.documents.timeline.timeline_mimic import SOURCES
from clinical_assets.documents.timeline.timeline_sources import timeline_of
from clinical_assets.imaging.tables import CXR_STUDIES
from clinical_assets.mimic.catalogue import TABLES as RELEASE_TABLES
from resources import patient_batches
from resources.document_store import DocumentStore
from resources.partition_metadata import describe_partitions
from resources.patient_batches import AXIS
from resources.warehouse import Warehouse

_XRAYS = "mimic/cxr/metadata"
PATIENTS_AT_ONCE = 400
"""Patients whose sources are read together, whole batches of them: their events are held in memory."""
_OF_DOCUMENTS = {"index": "documents/index", "text": "documents/text"}
_INDEX_COLUMNS = ("document_id", "patient_id", "document_type", "category", "description", "authored_date")


def timeline_asset(site: Site) -> dg.AssetsDefinition:
    """`documents/timeline`, for one site: of the tables it has, in its time zone."""
    zone = site.settings.time_zone
    # A site without X-rays has no table of studies, not even an absent one.
    read = {_name(path): path for path in SOURCES if path != CXR_STUDIES.path or not site.lacks(_XRAYS)}

    def timeline(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        document_store: dg.ResourceParam[DocumentStore],
        index: pl.LazyFrame,
        text: pl.LazyFrame,
        **frames: pl.LazyFrame,
    ) -> pl.LazyFrame:
        tables = {path: frames[_name(path)] if _name(path) in read else _empty(path) for path in SOURCES}
        # Not the texts: only what they state of themselves.
        stated = text.select("document_id", "stated_date").collect()
        documents = timeline_links.written(index.select(_INDEX_COLUMNS).collect(), stated)
        members = patient_batches.members(warehouse, sorted(context.partition_keys))
        parts, told = [], {}
        for group in _groups(members):
            own = members.filter(pl.col(AXIS).is_in(group))
            patients = own["patient_id"].unique()
            try:
                found = timeline_of(patients.to_list(), document_store, tables, zone)
                mine = documents.filter(pl.col("patient_id").is_in(patients.implode()))
                described = timeline_links.source_documents(mine, found.events, found.links)
                for batch, part in own.group_by(AXIS, maintain_order=True):
                    loaded = _load(warehouse, part["patient_id"], found, described)
                    told[str(batch[0])] = _batch_metadata(found.events, part, loaded)
            except (EventFileError, timeline_store.TimelineError) as error:
                raise dg.Failure(str(error), allow_retries=False) from error
            context.log.info(
                f"{found.events.height:,} events of {len(patients):,} patients; left out: "
                f"{found.left_out or 'nothing'}; without an end that cannot be true: {found.doubtful or 'none'}"
            )
            parts.append(_with_scans(_with_documents(found.events, described)))
        describe_partitions(context, told)
        # A patient of two batches is met twice where they are far apart.
        events = pl.concat([TIMELINE.empty(), *parts]).unique(TIMELINE.primary_key)
        return conform(events.lazy(), TIMELINE)

    # Another zone moves events to other times: what was made in the old one is stale.
    version = "-".join(filter(None, (code_version(timeline, TIMELINE), zone)))
    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(TIMELINE, site, version),
        ins={name: input_of(TIMELINE, path, site) for name, path in (read | _OF_DOCUMENTS).items()},
        io_manager_key=io_manager_of(TIMELINE),
    )(timeline)
    return asset


def _groups(members: pl.DataFrame) -> Iterator[list[str]]:
    """Batches, in order, put together as long as their patients are not too many; one too large stands alone."""
    group: list[str] = []
    held = 0
    for batch, size in members.group_by(AXIS, maintain_order=True).len().iter_rows():
        if group and held + size > PATIENTS_AT_ONCE:
            yield group
            group, held = [], 0
        group.append(batch)
        held += size
    if group:
        yield group


def _with_documents(events: pl.DataFrame, described: pl.DataFrame) -> pl.DataFrame:
    counts = described.group_by("patient_id", "event_id").agg(pl.len().cast(pl.Int64).alias("n_documents"))
    counted = events.join(counts, on=["patient_id", "event_id"], how="left")
    return counted.with_columns(pl.col("n_documents").fill_null(0))


def _with_scans(events: pl.DataFrame) -> pl.DataFrame:
    of_scans = events.join(scans(events), on=["patient_id", "event_id"], how="left")
    return of_scans.select(TIMELINE.column_names)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _empty(path: str) -> pl.LazyFrame:
    table = CXR_STUDIES if path == CXR_STUDIES.path else RELEASE_TABLES[path]
    return table.empty().lazy()


def _load(warehouse: Warehouse, patients: pl.Series, found: Timeline, described: pl.DataFrame) -> timeline_store.Loaded:
    """One batch into the warehouse, in one transaction."""
    people, events, documents = (
        frame.filter(pl.col("patient_id").is_in(patients.implode()))
        for frame in (found.patients, found.events, described)
    )
    return timeline_store.load(warehouse, patients.to_list(), people, events, documents)


def _batch_metadata(events: pl.DataFrame, own: pl.DataFrame, loaded: timeline_store.Loaded) -> Mapping[str, Any]:
    mine = events.join(own, on="patient_id", how="semi")
    by_type = dict(mine.group_by("event_type").len().iter_rows())
    return {
        "patients": loaded.patients,
        "patients_without_events": loaded.patients - mine["patient_id"].n_unique(),
        "source_documents": loaded.source_documents,
        "loaded_into": "timeline.events",
        **{f"events: {kind}": by_type.get(kind, 0) for kind in EVENT_TYPES},
    }
