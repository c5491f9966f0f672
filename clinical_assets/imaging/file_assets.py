"""The assets of `imaging/` that open files of the releases: images, reports, readings.

A site whose releases come without such files gets tables that say every file is missing.
"""

from collections.abc import Callable, Iterator

import dagster as dg
import polars as pl

from clinical_assets.declaration import LAKE_IO_MANAGER, Site, asset_arguments, code_version, conform, input_of
from clinical_assets.imaging import dicom_headers as dicom_rules
from clinical_assets.imaging import reflacx, report_files, studies
from clinical_assets.imaging.reflacx_tables import REFLACX_ANNOTATIONS, REFLACX_ELLIPSES
from clinical_assets.imaging.released_files import ListFolder, OpenFile
from clinical_assets.imaging.report_tables import CXR_REPORTS
from clinical_assets.imaging.tables import NEEDED
from clinical_assets.tables import Table
from resources.sources import Sources

DICOM_FOLDERS = ("mimic-cxr/2.1.0", "mimic-cxr/2.0.0")
"""MIMIC-CXR: images and, one beside each study's folder, reports."""
JPG_FOLDERS = ("mimic-cxr-jpg/2.1.0", "mimic-cxr-jpg/2.0.0")
_PHASES = {f"phase_{phase}": f"mimic/reflacx/metadata_phase_{phase}" for phase in (1, 2, 3)}
_READINGS = {"annotations": REFLACX_ANNOTATIONS, "ellipses": REFLACX_ELLIPSES}

FILE_TABLES = (*_READINGS.values(), dicom_rules.DICOM_HEADERS, dicom_rules.JPG_FILES, CXR_REPORTS)
"""The tables of `file_assets`."""


def file_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The assets that open files of the releases, for one site; none where it has no X-rays."""
    if site.lacks(NEEDED):
        return []
    return [_reflacx(site), _dicom_headers(site), _jpg_files(site), _cxr_reports(site)]


def _reflacx(site: Site) -> dg.AssetsDefinition:
    """Annotations and ellipses: one reading of each folder gives both."""
    version = code_version(reflacx.annotated, REFLACX_ANNOTATIONS)
    release = site.inventory.files.get(_PHASES["phase_1"])
    folder = release.release.folder if release else "reflacx/1.0.0"

    @dg.multi_asset(
        name="imaging__reflacx_files",
        outs={name: _out(table, site, version) for name, table in _READINGS.items()},
        ins={name: input_of(REFLACX_ANNOTATIONS, path, site) for name, path in _PHASES.items()},
        partitions_def=site.shards,
        backfill_policy=asset_arguments(REFLACX_ANNOTATIONS, site, version)["backfill_policy"],
        group_name=REFLACX_ANNOTATIONS.group,
    )
    def read_folders(
        sources: dg.ResourceParam[Sources], phase_1: pl.LazyFrame, phase_2: pl.LazyFrame, phase_3: pl.LazyFrame
    ) -> Iterator[dg.Output[pl.LazyFrame]]:
        readings = reflacx.readings(phase_1, phase_2, phase_3).collect()
        given = reflacx.reflacx_labels(phase_1, phase_2, phase_3).collect()
        found = reflacx.annotated(readings, given, lambda path: sources.read_text(f"{folder}/{path}"))
        for (name, table), frame in zip(_READINGS.items(), found, strict=True):
            yield dg.Output(conform(frame.lazy(), table), output_name=name)

    return read_folders


def _dicom_headers(site: Site) -> dg.AssetsDefinition:
    table = dicom_rules.DICOM_HEADERS

    def headers(sources: dg.ResourceParam[Sources], cxr_images: pl.LazyFrame) -> pl.LazyFrame:
        images = cxr_images.with_columns(file=studies.image_file("dcm")).collect()
        release = _newest(sources, DICOM_FOLDERS)
        found = dicom_rules.dicom_headers(images, _opener(sources, release), _lister(sources, release))
        return conform(found.lazy(), table)

    return _file_asset(headers, table, site, dicom_rules.dicom_headers, cxr_images="imaging/cxr_images")


def _jpg_files(site: Site) -> dg.AssetsDefinition:
    table = dicom_rules.JPG_FILES

    def sizes(sources: dg.ResourceParam[Sources], cxr_images: pl.LazyFrame) -> pl.LazyFrame:
        opener = _opener(sources, _newest(sources, JPG_FOLDERS))
        return conform(dicom_rules.jpg_files(cxr_images.collect(), opener).lazy(), table)

    return _file_asset(sizes, table, site, dicom_rules.jpg_files, cxr_images="imaging/cxr_images")


def _cxr_reports(site: Site) -> dg.AssetsDefinition:
    def reports(sources: dg.ResourceParam[Sources], cxr_studies: pl.LazyFrame) -> pl.LazyFrame:
        wanted = cxr_studies.select("subject_id", "study_id", file=report_files.report_file()).collect()
        opener = _opener(sources, _newest(sources, DICOM_FOLDERS))
        return conform(report_files.cxr_reports(wanted, opener).lazy(), CXR_REPORTS)

    return _file_asset(reports, CXR_REPORTS, site, report_files.cxr_reports, cxr_studies="imaging/cxr_studies")


def _file_asset(
    function: Callable[..., pl.LazyFrame],
    table: Table,
    site: Site,
    rule: Callable[..., pl.DataFrame],
    **inputs: str,
) -> dg.AssetsDefinition:
    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(table, site, code_version(rule, table)),
        ins={name: input_of(table, path, site) for name, path in inputs.items()},
        io_manager_key=LAKE_IO_MANAGER,
    )(function)
    return asset


def _newest(sources: Sources, folders: tuple[str, ...]) -> str | None:
    """The newest of a data set's releases that is there, if any is."""
    return next((f for f in folders if f.partition("/")[2] in sources.subfolders(f.partition("/")[0])), None)


def _opener(sources: Sources, release: str | None) -> OpenFile | None:
    return None if release is None else lambda path: sources.open(f"{release}/{path}")


def _lister(sources: Sources, release: str | None) -> ListFolder | None:
    if release is None:
        return None
    return lambda folder: [path.removeprefix(f"{release}/") for path in sources.sizes(f"{release}/{folder}")]


def _out(table: Table, site: Site, version: str) -> dg.AssetOut:
    arguments = asset_arguments(table, site, version)
    unused = ("partitions_def", "backfill_policy", "group_name")
    return dg.AssetOut(
        io_manager_key=LAKE_IO_MANAGER, **{name: value for name, value in arguments.items() if name not in unused}
    )
