"""The assets of long-format observations: a hospital's own files, their features, and the same of MIMIC's ICU stays.

`declarations` and `file_assets` give what a site has: without a folder `observations/` among the sources only
`features/icu_observations` exists, and `absence` says so for the report. The rules are in the other modules of
observations.
"""

import hashlib
import inspect
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl

from clinical_assets.declaration import Declaration, Site, asset_arguments
from clinical_assets.features import observation_files, observation_folder, observation_sets
from clinical_assets.features.observation_files import ObservationError
from clinical_assets.features.observation_folder import FOLDER, OBSERVATION_RECORDS, ObservationFolder
from clinical_assets.features.observation_sets import ICU_OBSERVATIONS, OBSERVATIONS
from clinical_assets.lineage import ColumnsOf
from clinical_assets.tables import Table
from resources.lake import VERSION, Lake
from resources.lake_io_manager import report
from resources.ownership import owned_name, owner_is_dead
from resources.places import polars_storage_options
from resources.sharding import shard_names, shard_of
from resources.sources import Sources

SCRATCH = "scratch"


@dataclass(frozen=True)
class ObservationSet(Declaration):
    """A feature table of observations: the lineage of hundreds of like columns is asked of a few and told of all."""

    lineage: Callable[[Mapping[str, pl.Schema]], Mapping[str, ColumnsOf]] | None = None

    def _add_lineage(self, context: dg.AssetExecutionContext, schemas: Mapping[str, pl.Schema]) -> None:
        found = self.lineage(schemas) if self.lineage else {}
        deps = {
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey(self.inputs[name].split("/")), column_name=source)
                for name, source in sorted(sources)
            ]
            for column, sources in found.items()
        }
        context.add_asset_metadata({"dagster/column_lineage": dg.TableColumnLineage(deps)})


_ICU_INPUTS = {
    "icu_stays": "stays/icu_stays",
    "hospital_stays": "stays/hospital_stays",
    "chartevents": "mimic/icu/chartevents",
    "labevents": "mimic/hosp/labevents",
}


FROM_FILES = ObservationSet(
    OBSERVATIONS,
    observation_sets.observations,
    {"observation_records": OBSERVATION_RECORDS.path},
    lineage=observation_sets.lineage_of_observations,
)
FROM_MIMIC = ObservationSet(
    ICU_OBSERVATIONS,
    observation_sets.icu_observations,
    _ICU_INPUTS,
    lineage=observation_sets.lineage_of_icu_observations,
)


def folder_at(site: Site) -> ObservationFolder | None:
    """What lies in `observations/` below the site's sources; None where nothing does, or nobody could look."""
    if site.inventory.unreachable:
        return None
    try:
        return observation_folder.folder_of(Sources(root=site.settings.sources_root).sizes(FOLDER))
    except OSError:
        return None


def declarations(site: Site) -> tuple[Declaration, ...]:
    """The feature tables of observations a site has."""
    return (FROM_MIMIC,) if folder_at(site) is None else (FROM_MIMIC, FROM_FILES)


def file_tables(site: Site) -> tuple[Table, ...]:
    """The tables of `file_assets`."""
    return () if folder_at(site) is None else (OBSERVATION_RECORDS,)


def absence(site: Site) -> str | None:
    """A line for the report where the site has no observations of its own."""
    if folder_at(site) is not None:
        return None
    return (
        f"no observations in the long format: {FOLDER}/ below the sources holds no .csv, .csv.gz or .parquet file, so "
        f"{OBSERVATION_RECORDS.path} and {OBSERVATIONS.path} are not made"
    )


def file_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The asset that reads the files, where there are any."""
    folder = folder_at(site)
    return [] if folder is None else [_records(site, folder)]


def _records(site: Site, folder: ObservationFolder) -> dg.AssetsDefinition:
    table = OBSERVATION_RECORDS

    def observation_records(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[Sources], lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        version = _source_version(folder)
        provenance = {"code_version": READER_VERSION, VERSION: version, "source": FOLDER}
        remote = sources.root.startswith("s3://")
        partitions = sorted(context.partition_keys)
        try:
            rows = observation_folder.records(
                folder, lambda path: f"{sources.root}/{path}", polars_storage_options() if remote else None
            )
            with (
                lake.write(table.path, table.arrow_schema, partitions, provenance) as writer,
                _scratch_folder(site.settings.home / SCRATCH) as scratch,
            ):
                for partition, shard in _by_shard(rows, scratch / "rows.parquet", partitions, lake.subject_shards):
                    writer.write(partition, shard.to_arrow())
                    writer.finish(partition)
        except ObservationError as error:
            raise dg.Failure(f"{FOLDER}: {error}", allow_retries=False) from error
        report(context, writer.stored)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(version),
            metadata={
                "files": len(folder.observations),
                "files_not_read": len(folder.others),
                "source_bytes": sum(folder.observations.values()),
                "index_times": folder.index_times or "24 h after the first observation of a visit",
            },
        )

    asset: dg.AssetsDefinition = dg.asset(**asset_arguments(table, site, READER_VERSION))(observation_records)
    return asset


def _by_shard(
    rows: pl.LazyFrame, scratch: Path, partitions: Sequence[str], shards: int
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each partition's rows in file order, one at a time: the whole passes through the disk, never through memory."""
    rows.sink_parquet(scratch, engine="streaming")
    stored = pl.scan_parquet(scratch)
    patients = stored.select(pl.col("subject_id").unique()).collect(engine="streaming")
    number = pl.Series("shard", shard_of(patients["subject_id"].to_numpy(), shards))
    for partition in partitions:
        mine = patients.filter(number == shard_names(shards).index(partition))
        of_shard = stored.join(mine.lazy(), on="subject_id", how="semi").sort(OBSERVATION_RECORDS.sort_by)
        yield partition, of_shard.collect(engine="streaming")


@contextmanager
def _scratch_folder(place: Path) -> Iterator[Path]:
    """A folder of this process, gone at the end; those of processes that were killed are removed first."""
    place.mkdir(parents=True, exist_ok=True)
    for left in place.iterdir():
        if owner_is_dead(left.name):
            shutil.rmtree(left, ignore_errors=True)
    folder = place / owned_name()
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _source_version(folder: ObservationFolder) -> str:
    named = f"{READER_VERSION}|{sorted(folder.observations.items())}|{folder.index_times}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]


READER_VERSION = hashlib.sha256(
    "".join(inspect.getsource(module) for module in (observation_files, observation_folder)).encode()
).hexdigest()[:12]
"""Code version of the records: a hash of the modules that read them."""
