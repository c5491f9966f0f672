"""One asset per table of the releases at hand: a CSV file read once, written as typed, subject-sharded Parquet."""

import hashlib
import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pyarrow as pa

from clinical_assets.declaration import Site, asset_arguments
from clinical_assets.mimic import csv_records, loading, reader
from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.mimic.inventory import Inventory, SourceFile
from clinical_assets.mimic.reader import QUARANTINE_SCHEMA
from resources.lake import VERSION, Lake
from resources.lake_io_manager import report
from resources.sources import Sources

SCRATCH = "scratch"
REPORT_EVERY_S = 10.0
"""How often a running load says how far it is."""


def mimic_assets(site: Site) -> list[dg.AssetsDefinition]:
    """An asset for every table the site has."""
    return [_load_asset(site.inventory.files[path], site) for path in TABLES if site.inventory.has(path)]


def absent_table(path: str, site: Site) -> dg.AssetSpec:
    """A placeholder in the graph for a table that something reads and this site lacks."""
    table = TABLES[path]
    arguments = asset_arguments(table, site, "absent")
    return dg.AssetSpec(
        arguments["key"],
        group_name=table.group,
        description=f"**Not among this site's sources; read as empty.**\n\n{arguments['description']}",
        owners=arguments["owners"],
        kinds={"absent"},
        tags=arguments["tags"],
        metadata=arguments["metadata"],
    )


def _load_asset(source: SourceFile, site: Site) -> dg.AssetsDefinition:
    table, inventory = source.table, site.inventory

    def load(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[Sources], lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        _claim(lake, inventory)
        partitions = sorted(context.partition_keys) if table.patient_keyed else None
        version = _source_version(source)
        provenance = {"code_version": READER_VERSION, VERSION: version, "source": source.path}
        refused = _load(source, sources, lake, partitions, provenance, context, site.settings.home)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(version),
            metadata={"source": source.path, "release": source.release.folder, "quarantined_rows": refused},
        )

    asset: dg.AssetsDefinition = dg.asset(**asset_arguments(table, site, READER_VERSION))(load)
    return asset


def _claim(lake: Lake, inventory: Inventory) -> None:
    if inventory.unreachable:
        raise dg.Failure(
            f"expected to list the sources at {inventory.root} when the code was loaded; the place could not be "
            "reached. Check network, credentials and CLINICAL_SOURCES, then reload the code location and run again."
        )
    if not inventory.seen:
        raise dg.Failure(
            f"expected PhysioNet releases under {inventory.root} (folders such as mimiciv/3.1, mimic-iv-ed/2.2, "
            "mimic-iv-demo/2.2); found none. Set CLINICAL_SOURCES to the folder that holds them, or run `make demo` "
            "for the synthetic hospital.",
            allow_retries=False,
        )
    lake.claim(inventory.content)


def _source_version(source: SourceFile) -> str:
    named = f"{READER_VERSION}|{source.path}|{source.size_bytes}|{source.table.columns!r}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _load(
    source: SourceFile,
    sources: Sources,
    lake: Lake,
    partitions: list[str] | None,
    provenance: dict[str, str],
    context: dg.AssetExecutionContext,
    home: Path,
) -> int:
    """Read the file into the lake; returns the number of rows sent to the quarantine."""
    with sources.open(source.path) as raw:
        loaded = loading.load(
            raw,
            source.path,
            source.table,
            lake,
            partitions,
            scratch=home / SCRATCH,
            absent=source.absent_columns,
            provenance=provenance,
            tell=_progress(context, source, raw.tell),
        )
    report(context, loaded.stored)
    return _quarantine(lake, source.table.path, loaded.quarantined, provenance)


def _quarantine(lake: Lake, table: str, refused: pa.Table, provenance: dict[str, str]) -> int:
    """Keep the refused rows beside the table, so that nothing is lost; an emptied quarantine is emptied there too."""
    place = f"quarantine/{table}"
    if refused.num_rows or lake.stored(place) is not None:
        with lake.write(place, QUARANTINE_SCHEMA, None, provenance) as writer:
            writer.write(None, refused)
    return int(refused.num_rows)


def _progress(
    context: dg.AssetExecutionContext, source: SourceFile, position: Callable[[], int]
) -> Callable[[int], None]:
    """Says rows, MB/s of the compressed file and the time left, every few seconds."""
    started = said = time.monotonic()
    rows = 0

    def tell(more: int) -> None:
        nonlocal said, rows
        rows += more
        now = time.monotonic()
        if now - said < REPORT_EVERY_S:
            return
        said = now
        done = position()
        rate = done / (now - started)
        left = (source.size_bytes - done) / rate if rate else float("inf")
        context.log.info(
            f"{source.table.path}: {rows:,} rows, {done / 1e6:,.0f} of {source.size_bytes / 1e6:,.0f} MB, "
            f"{rate / 1e6:.1f} MB/s, about {left:,.0f} s left"
        )

    return tell


def _sources_of(*modules: object) -> Iterator[str]:
    for module in modules:
        yield inspect.getsource(module)  # type: ignore[arg-type]


READER_VERSION = hashlib.sha256("".join(_sources_of(csv_records, reader, loading)).encode()).hexdigest()[:12]
"""Code version of every source table: a hash of the modules that read them."""
