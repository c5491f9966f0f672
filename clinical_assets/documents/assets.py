"""The assets of `documents/`: what depends on what; the rules are elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from clinical_assets.declaration import LAKE_IO_MANAGER, Site, asset_arguments, code_version, conform
from clinical_assets.documents import batch_cohorts
from clinical_assets.documents.index import index_files
from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import HEADERS, NOTES, DocumentSources
from clinical_assets.documents.prioritised.prioritised_assets import prioritised_assets
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits
from clinical_assets.documents.tables import (
    INDEX,
    PATIENT_BATCHES,
    PRIORITISED,
    PRIORITISED_TRIGGERS,
    TEXT,
    TIMELINE,
)
from clinical_assets.documents.text import text_files
from clinical_assets.documents.text.extracting import Extractor, Tally
from clinical_assets.documents.text.text_files import TextFile
from clinical_assets.documents.timeline.timeline_assets import timeline_asset
from clinical_assets.partitions import PATIENT_BATCH
from clinical_assets.stays.cohort import COHORT_MEMBERS
from clinical_assets.tables import Table
from resources import patient_batches
from resources.document_store import DocumentStore
from resources.lake import Lake, StoredFile
from resources.lake_io_manager import report
from resources.partition_metadata import describe_partitions
from resources.sources import Sources
from resources.warehouse import Warehouse

TABLES: tuple[Table, ...] = (PATIENT_BATCHES, INDEX, TEXT, TIMELINE, PRIORITISED, PRIORITISED_TRIGGERS)
"""The tables of `document_assets`."""

REPORT_EVERY_S = 10.0
"""How often a running asset says how far it is."""


def present(site: Site) -> bool:
    """Whether the site has documents of any kind."""
    return site.document_store or not all(site.lacks(path) for path in NOTES)


def absence(site: Site) -> str | None:
    """A line for the report where the site has no documents."""
    if present(site):
        return None
    return (
        f"no documents: neither {site.settings.documents_root} nor {' and '.join(NOTES)} are there, "
        "so documents/ has no tables"
    )


def document_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The assets that open documents, for one site; none where it has none."""
    if not present(site):
        return []
    return [_patient_batches(site), _index(site), _text(site), timeline_asset(site), prioritised_assets(site)]


# -- batches -------------------------------------------------------------------------------------------------------


class BatchesConfig(dg.Config):
    """Which cohorts are cut; all of them where none is named."""

    cohorts: list[str] = Field(default_factory=list)


def _patient_batches(site: Site) -> dg.AssetsDefinition:
    def batches(
        context: dg.AssetExecutionContext,
        config: BatchesConfig,
        lake: dg.ResourceParam[Lake],
        warehouse: dg.ResourceParam[Warehouse],
        sources: dg.ResourceParam[Sources],
        document_store: dg.ResourceParam[DocumentStore],
    ) -> pl.LazyFrame:
        declared = {c.cohort.cohort: c for c in batch_cohorts.cohorts(batch_cohorts.FOLDER, site.settings.cohorts)}
        unknown = sorted(set(config.cohorts) - set(declared))
        if unknown:
            raise dg.Failure(
                f"expected cohorts of {', '.join(declared)}; found {', '.join(unknown)}; correct the run's config, or "
                "put their files into the folder CLINICAL_COHORTS names",
                allow_retries=False,
            )
        everybody = DocumentSources(document_store, DocumentStore(root=sources.root), lake).patients
        made: list[str] = []
        for name in config.cohorts or declared:
            cohort = declared[name].cohort
            found = batch_cohorts.patients(declared[name], warehouse, lake, everybody)
            size = cohort.batch_patients or site.settings.batch_patients
            new = patient_batches.cut(warehouse, name, cohort.kind, declared[name].sha256, found, size)
            context.log.info(f"{name}: {len(found):,} patients, {len(new):,} new batches")
            made += new
        known = patient_batches.batches(warehouse)
        # All of them, in order: also those that a killed run recorded and never registered.
        context.instance.add_dynamic_partitions(str(PATIENT_BATCH.name), known[patient_batches.AXIS].to_list())
        context.add_asset_metadata({"new_batches": len(made), "patients": int(known["patients"].sum())})
        return conform(known.lazy(), PATIENT_BATCHES)

    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(PATIENT_BATCHES, site, code_version(batches, PATIENT_BATCHES)),
        deps=_across([*_notes(site), COHORT_MEMBERS.path]),
        io_manager_key=LAKE_IO_MANAGER,
    )(batches)
    return asset


def _notes(site: Site) -> list[str]:
    return [path for path in NOTES if not site.lacks(path)]


def _across(paths: list[str]) -> list[dg.AssetDep]:
    """All partitions of tables that are cut by another axis, or by none."""
    return [dg.AssetDep(dg.AssetKey(path.split("/")), partition_mapping=dg.AllPartitionMapping()) for path in paths]


# -- the index -----------------------------------------------------------------------------------------------------


def _index(site: Site) -> dg.AssetsDefinition:
    zone = site.settings.time_zone
    version = "@".join(filter(None, (code_version(index_files.write_indexes, INDEX), zone)))

    def index(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        warehouse: dg.ResourceParam[Warehouse],
        sources: dg.ResourceParam[Sources],
        document_store: dg.ResourceParam[DocumentStore],
    ) -> dg.MaterializeResult[None]:
        lake.claim(site.inventory.content if site.inventory.seen else None)
        found = DocumentSources(document_store, DocumentStore(root=sources.root), lake, zone)
        bodies = Bodies((found.store, found.sources), lake)
        documents = read = size = 0
        say = _now_and_then(context.log.info)
        files: dict[str | None, StoredFile] = {}
        batches = _members(context, warehouse)
        for stored, indexed in index_files.write_indexes(batches, found, bodies, warehouse, version):
            files[stored.batch] = stored.file
            documents, read = documents + indexed.documents, read + indexed.read
            size += indexed.size_read
            say(f"{INDEX.path}: {documents:,} documents, of them {read:,} read, {size / 1e6:,.0f} MB")
        found.record()
        report(context, files)
        return dg.MaterializeResult(
            metadata={
                "documents": documents,
                "documents_read": read,
                "documents_unchanged": documents - read,
                "bytes_read": size,
                **({"lines_without_document": found.lines_without_document} if found.was_read else {}),
                "source": document_store.root,
            }
        )

    read_of = [*_notes(site), *([HEADERS] if not site.lacks("mimic/cxr/metadata") else [])]
    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(INDEX, site, version), deps=[dg.AssetDep(_key(PATIENT_BATCHES)), *_across(read_of)]
    )(index)
    return asset


def _key(table: Table) -> dg.AssetKey:
    return dg.AssetKey(list(table.key))


def _members(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[tuple[str, list[str]]]:
    """The run's batches in order, each with its patients."""
    batches = sorted(context.partition_keys)
    members = patient_batches.members(warehouse, batches)
    own = {str(name): part["patient_id"].to_list() for (name,), part in members.group_by(patient_batches.AXIS)}
    strange = [batch for batch in batches if batch not in own]
    if strange:
        raise dg.Failure(
            f"expected batches recorded in the warehouse; found {len(strange)} that are not, the first {strange[0]}; "
            f"materialize {PATIENT_BATCHES.path}, and delete partitions of another warehouse",
            allow_retries=False,
        )
    yield from ((batch, own[batch]) for batch in batches)


# -- the text ------------------------------------------------------------------------------------------------------


class TextConfig(dg.Config):
    """How much of one document the readers take on.

    Attributes:
        seconds: time for one document; beyond it the document is given up.
        max_bytes: size of a document.
        max_pages: pages of a PDF.
        workers: processes; 0 for one a core.
        worker_memory_bytes: memory a reader may take for one document; 0 for no limit.
        retry_dead_letters: whether documents that were given up after several failed runs are tried again.
    """

    seconds: float = DEFAULT_LIMITS.seconds
    max_bytes: int = DEFAULT_LIMITS.max_bytes
    max_pages: int = DEFAULT_LIMITS.max_pages
    workers: int = 0
    worker_memory_bytes: int = DEFAULT_LIMITS.worker_memory_bytes or 0
    retry_dead_letters: bool = False


def _text(site: Site) -> dg.AssetsDefinition:
    zone = site.settings.time_zone
    # Another zone moves the times documents state: what was made in the old one is stale.
    version = "-".join(filter(None, (code_version(text_files.write_text, TEXT), zone)))

    def text(
        context: dg.AssetExecutionContext,
        config: TextConfig,
        lake: dg.ResourceParam[Lake],
        warehouse: dg.ResourceParam[Warehouse],
        sources: dg.ResourceParam[Sources],
        document_store: dg.ResourceParam[DocumentStore],
    ) -> dg.MaterializeResult[None]:
        limits = Limits(
            seconds=config.seconds,
            max_bytes=config.max_bytes,
            max_pages=config.max_pages,
            worker_memory_bytes=config.worker_memory_bytes or None,
        )
        bodies = Bodies((document_store, DocumentStore(root=sources.root)), lake, limits)
        extractor = Extractor(
            warehouse,
            bodies,
            limits,
            config.workers or None,
            partial(_tell, _now_and_then(context.log.info)),
            zone=zone,
            run=context.run.run_id,
            retry_dead_letters=config.retry_dead_letters,
        )
        made = list(text_files.write_text(sorted(context.partition_keys), extractor, lake, version))
        report(context, {each.batch: each.file for each in made})
        describe_partitions(context, {each.batch: _of_batch(each) for each in made})
        return dg.MaterializeResult(metadata=_of_run(extractor.tally, made))

    asset: dg.AssetsDefinition = dg.asset(**asset_arguments(TEXT, site, version), deps=[dg.AssetDep(_key(INDEX))])(text)
    return asset


def _tell(say: Callable[[str], None], tally: Tally) -> None:
    say(
        f"{TEXT.path}: {tally.documents:,} documents, {tally.extracted:,} read ({tally.size_bytes / 1e6:,.0f} MB), "
        f"{tally.hits:,} from the cache, {sum(tally.reasons.values()):,} without text"
    )


def _of_batch(made: TextFile) -> Mapping[str, Any]:
    """How one batch's documents came out."""
    return {
        "without_text_in_batch": sum(made.outcome.reasons.values()),
        "given_up_in_batch": made.outcome.given_up,
        "worth_another_try_in_batch": made.outcome.unsettled,
        "unchanged": made.unchanged,
    }


def _of_run(tally: Tally, made: Sequence[TextFile]) -> Mapping[str, Any]:
    """What the run did, and how the documents of all its batches came out, those left alone included."""
    unchanged = sum(each.file.rows for each in made if each.unchanged)
    reasons: Counter[str] = sum((each.outcome.reasons for each in made), Counter())
    return {
        "documents": tally.documents + unchanged,
        "documents_unchanged": unchanged,
        "cache_hits": tally.hits,
        # Where no text was wanted there is no rate: 0 would look as if the cache had failed.
        **({"cache_hit_rate": round(tally.hit_rate, 4)} if tally.hits + tally.extracted else {}),
        "extracted": tally.extracted,
        "bytes_extracted": tally.size_bytes,
        "without_text": sum(reasons.values()),
        "dead_letters": sum(each.outcome.given_up for each in made),
        **{f"without_text: {reason}": count for reason, count in sorted(reasons.items())},
    }


def _now_and_then(say: Callable[[str], None]) -> Callable[[str], None]:
    """Says what it is told, at most every `REPORT_EVERY_S` seconds."""
    last = time.monotonic()

    def tell(words: str) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_EVERY_S:
            last = time.monotonic()
            say(words)

    return tell
