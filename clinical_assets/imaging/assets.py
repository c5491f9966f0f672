"""The assets of `imaging/`, and the cohorts, which look at X-rays too: what depends on what; the rules are elsewhere.

`ASSETS` are made from tables of the lake alone; a site without X-rays has only the cohorts (`declarations`).
`file_assets` also open the releases' files (images, readings); a site without such files gets tables that say every
file is missing. Checks are `checks.CHECKS`, for sites with X-rays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import polars as pl

from clinical_assets.declaration import (
    LAKE_IO_MANAGER,
    Declaration,
    Site,
    asset_arguments,
    code_version,
    conform,
    declared,
)
from clinical_assets.imaging import clinical_context as context_rules
from clinical_assets.imaging import dicom_headers as dicom_rules
from clinical_assets.imaging import input_faults as fault_rules
from clinical_assets.imaging import known_before, labels, linkage, reflacx, splits, studies, tables
from clinical_assets.imaging import study_records as record_rules
from clinical_assets.imaging.reflacx_tables import REFLACX_ANNOTATIONS, REFLACX_ELLIPSES, REFLACX_LABELS
from clinical_assets.mimic.catalogue import TABLES as RELEASE_TABLES
from clinical_assets.stays import cohort
from clinical_assets.tables import Table
from resources.lake_io_manager import absent_input
from resources.sources import Sources

# Any: beside them `declared` takes arguments of other types.
_STAYS: dict[str, Any] = {
    "ed_stays": "stays/ed_stays",
    "icu_stays": "stays/icu_stays",
    "hospital_stays": "stays/hospital_stays",
}
_PHASES: dict[str, Any] = {f"phase_{phase}": f"mimic/reflacx/metadata_phase_{phase}" for phase in (1, 2, 3)}
DICOM_FOLDERS = ("mimic-cxr/2.1.0", "mimic-cxr/2.0.0")
JPG_FOLDERS = ("mimic-cxr-jpg/2.1.0", "mimic-cxr-jpg/2.0.0")


@declared(tables.CXR_IMAGES, metadata="mimic/cxr/metadata", split="mimic/cxr/split")
def cxr_images(metadata: pl.LazyFrame, split: pl.LazyFrame) -> pl.LazyFrame:
    """Images."""
    return studies.cxr_images(metadata, split)


@declared(tables.CXR_STUDIES, cxr_images="imaging/cxr_images")
def cxr_studies(cxr_images: pl.LazyFrame) -> pl.LazyFrame:
    """Studies."""
    return studies.cxr_studies(cxr_images)


@declared(tables.CXR_STAY_LINKS, cxr_studies="imaging/cxr_studies", **_STAYS)
def cxr_stay_links(
    cxr_studies: pl.LazyFrame, ed_stays: pl.LazyFrame, icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame
) -> pl.LazyFrame:
    """The stay of each study."""
    return linkage.cxr_stay_links(cxr_studies, ed_stays, icu_stays, hospital_stays)


@declared(tables.CXR_IMAGE_LINKS, cxr_images="imaging/cxr_images", **_STAYS)
def cxr_image_links(
    cxr_images: pl.LazyFrame, ed_stays: pl.LazyFrame, icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame
) -> pl.LazyFrame:
    """The stay of each image."""
    return linkage.cxr_image_links(cxr_images, ed_stays, icu_stays, hospital_stays)


@declared(
    tables.CXR_LABELS, chexpert="mimic/cxr/chexpert", negbio="mimic/cxr/negbio", cxr_studies="imaging/cxr_studies"
)
def cxr_labels(chexpert: pl.LazyFrame, negbio: pl.LazyFrame, cxr_studies: pl.LazyFrame) -> pl.LazyFrame:
    """Labels of two programs."""
    return labels.cxr_labels(chexpert, negbio, cxr_studies)


@declared(tables.MODALITY_SPLITS, patient_splits="stays/patient_splits", cxr_split="mimic/cxr/split")
def modality_splits(patient_splits: pl.LazyFrame, cxr_split: pl.LazyFrame) -> pl.LazyFrame:
    """One split for every modality."""
    return splits.modality_splits(patient_splits, cxr_split)


@declared(
    tables.INPUT_FAULTS,
    metadata="mimic/cxr/metadata",
    split="mimic/cxr/split",
    chexpert="mimic/cxr/chexpert",
    negbio="mimic/cxr/negbio",
    cxr_studies="imaging/cxr_studies",
    **_STAYS,
)
def input_faults(
    metadata: pl.LazyFrame,
    split: pl.LazyFrame,
    chexpert: pl.LazyFrame,
    negbio: pl.LazyFrame,
    cxr_studies: pl.LazyFrame,
    ed_stays: pl.LazyFrame,
    icu_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
) -> pl.LazyFrame:
    """Records that could not be used as they are."""
    return fault_rules.input_faults(metadata, split, chexpert, negbio, cxr_studies, ed_stays, icu_stays, hospital_stays)


@declared(
    tables.CONTEXT_LABS,
    cxr_stay_links="imaging/cxr_stay_links",
    labevents="mimic/hosp/labevents",
    d_labitems="mimic/hosp/d_labitems",
)
def context_labs(cxr_stay_links: pl.LazyFrame, labevents: pl.LazyFrame, d_labitems: pl.LazyFrame) -> pl.LazyFrame:
    """Latest laboratory results known."""
    return known_before.context_labs(cxr_stay_links, labevents, d_labitems)


@declared(
    tables.CONTEXT_MEDICATIONS,
    cxr_stay_links="imaging/cxr_stay_links",
    prescriptions="mimic/hosp/prescriptions",
    poe="mimic/hosp/poe",
    hospital_stays="stays/hospital_stays",
)
def context_medications(
    cxr_stay_links: pl.LazyFrame, prescriptions: pl.LazyFrame, poe: pl.LazyFrame, hospital_stays: pl.LazyFrame
) -> pl.LazyFrame:
    """Prescriptions active."""
    return known_before.context_medications(cxr_stay_links, prescriptions, poe, hospital_stays)


@declared(
    tables.CONTEXT_DIAGNOSES,
    cxr_stay_links="imaging/cxr_stay_links",
    hospital_stays="stays/hospital_stays",
    diagnoses_icd="mimic/hosp/diagnoses_icd",
)
def context_diagnoses(
    cxr_stay_links: pl.LazyFrame, hospital_stays: pl.LazyFrame, diagnoses_icd: pl.LazyFrame
) -> pl.LazyFrame:
    """Diagnoses of earlier admissions."""
    return known_before.context_diagnoses(cxr_stay_links, hospital_stays, diagnoses_icd)


@declared(
    context_rules.CLINICAL_CONTEXT,
    cxr_stay_links="imaging/cxr_stay_links",
    patients="mimic/hosp/patients",
    ed_stays="stays/ed_stays",
    triage="mimic/ed/triage",
    ed_vitalsign="mimic/ed/vitalsign",
    chartevents="mimic/icu/chartevents",
    labevents="mimic/hosp/labevents",
    hospital_stays="stays/hospital_stays",
    context_medications="imaging/context_medications",
    context_diagnoses="imaging/context_diagnoses",
)
def clinical_context(
    cxr_stay_links: pl.LazyFrame,
    patients: pl.LazyFrame,
    ed_stays: pl.LazyFrame,
    triage: pl.LazyFrame,
    ed_vitalsign: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    labevents: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    context_medications: pl.LazyFrame,
    context_diagnoses: pl.LazyFrame,
) -> pl.LazyFrame:
    """What was known before each study."""
    return context_rules.clinical_context(
        cxr_stay_links,
        patients,
        ed_stays,
        triage,
        ed_vitalsign,
        chartevents,
        labevents,
        hospital_stays,
        context_medications,
        context_diagnoses,
    )


@declared(REFLACX_LABELS, **_PHASES)
def reflacx_labels(phase_1: pl.LazyFrame, phase_2: pl.LazyFrame, phase_3: pl.LazyFrame) -> pl.LazyFrame:
    """Radiologists' labels."""
    return reflacx.reflacx_labels(phase_1, phase_2, phase_3)


@declared(
    record_rules.STUDY_RECORDS,
    cxr_studies="imaging/cxr_studies",
    cxr_images="imaging/cxr_images",
    cxr_stay_links="imaging/cxr_stay_links",
    cxr_labels="imaging/cxr_labels",
    clinical_context="imaging/clinical_context",
    modality_splits="imaging/modality_splits",
    reflacx_annotations="imaging/reflacx_annotations",
)
def study_records(
    cxr_studies: pl.LazyFrame,
    cxr_images: pl.LazyFrame,
    cxr_stay_links: pl.LazyFrame,
    cxr_labels: pl.LazyFrame,
    clinical_context: pl.LazyFrame,
    modality_splits: pl.LazyFrame,
    reflacx_annotations: pl.LazyFrame,
) -> pl.LazyFrame:
    """The multimodal records."""
    return record_rules.study_records(
        cxr_studies, cxr_images, cxr_stay_links, cxr_labels, clinical_context, modality_splits, reflacx_annotations
    )


@declared(
    cohort.COHORT_MEMBERS,
    patients="mimic/hosp/patients",
    diagnoses_icd="mimic/hosp/diagnoses_icd",
    discharge="mimic/note/discharge",
    radiology="mimic/note/radiology",
    metadata="mimic/cxr/metadata",
    split="mimic/cxr/split",
    **_STAYS,
)
def cohort_members(
    patients: pl.LazyFrame,
    diagnoses_icd: pl.LazyFrame,
    discharge: pl.LazyFrame,
    radiology: pl.LazyFrame,
    metadata: pl.LazyFrame,
    split: pl.LazyFrame,
    ed_stays: pl.LazyFrame,
    icu_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
) -> pl.LazyFrame:
    """Stays of every cohort."""
    of_a_note = ("subject_id", "hadm_id", "note_type", "storetime")
    sources = {
        "patients": patients,
        "diagnoses_icd": diagnoses_icd,
        "notes": pl.concat([discharge.select(of_a_note), radiology.select(of_a_note)]),
        # From the release's own tables: cohorts exist where there are no X-rays.
        "cxr_studies": studies.cxr_studies(studies.cxr_images(metadata, split)),
        "ed_stays": ed_stays,
        "icu_stays": icu_stays,
        "hospital_stays": hospital_stays,
    }
    return cohort.members_of_all(cohort.cohorts(), sources)


@declared(cohort.COHORT_ATTRITION, cohort_members="stays/cohort_members")
def cohort_attrition(cohort_members: pl.LazyFrame) -> pl.LazyFrame:
    """Counts of every cohort's exclusions."""
    return cohort.attrition(cohort_members, cohort.cohorts())


ASSETS = (
    cxr_images,
    cxr_studies,
    cxr_stay_links,
    cxr_image_links,
    cxr_labels,
    modality_splits,
    input_faults,
    context_labs,
    context_medications,
    context_diagnoses,
    clinical_context,
    reflacx_labels,
    study_records,
    cohort_members,
    cohort_attrition,
)
COHORTS = (cohort_members, cohort_attrition)
NEEDED = "mimic/cxr/metadata"
"""Without this table a site has no chest X-rays, and none of the tables about them."""


def declarations(site: Site) -> tuple[Declaration, ...]:
    """What a site has: all of `ASSETS`, or the cohorts alone where it has no X-rays."""
    return COHORTS if site.lacks(NEEDED) else ASSETS


def absence(site: Site) -> str | None:
    """A line for the report where the site has no X-rays."""
    if not site.lacks(NEEDED):
        return None
    return (
        f"no chest X-rays: {NEEDED} is not among the sources, so imaging/ has no tables and has_cxr is met by no stay"
    )


FILE_TABLES = (REFLACX_ANNOTATIONS, REFLACX_ELLIPSES, dicom_rules.DICOM_HEADERS, dicom_rules.JPG_FILES)
"""The tables of `file_assets`."""


def file_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The assets that open files of the releases, for one site; none where it has no X-rays."""
    if site.lacks(NEEDED):
        return []
    return [_reflacx(site), _dicom_headers(site), _jpg_files(site)]


def _reflacx(site: Site) -> dg.AssetsDefinition:
    """Annotations and ellipses: one reading of each folder gives both."""
    version = code_version(reflacx.annotated, REFLACX_ANNOTATIONS)
    release = site.inventory.files.get(_PHASES["phase_1"])
    folder = release.release.folder if release else "reflacx/1.0.0"

    @dg.multi_asset(
        name="imaging__reflacx_files",
        outs={name: _out(table, site, version) for name, table in _READINGS.items()},
        ins={name: _input(path, site) for name, path in _PHASES.items()},
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


_READINGS = {"annotations": REFLACX_ANNOTATIONS, "ellipses": REFLACX_ELLIPSES}


def _dicom_headers(site: Site) -> dg.AssetsDefinition:
    table = dicom_rules.DICOM_HEADERS

    def headers(sources: dg.ResourceParam[Sources], cxr_images: pl.LazyFrame) -> pl.LazyFrame:
        images = cxr_images.with_columns(file=studies.image_file("dcm")).collect()
        folder = _folder_of(sources, DICOM_FOLDERS)
        found = dicom_rules.dicom_headers(images, lambda path: sources.open(f"{folder}/{path}"))
        return conform(found.lazy(), table)

    return _file_asset(headers, table, site)


def _jpg_files(site: Site) -> dg.AssetsDefinition:
    table = dicom_rules.JPG_FILES

    def sizes(sources: dg.ResourceParam[Sources], cxr_images: pl.LazyFrame) -> pl.LazyFrame:
        folder = _folder_of(sources, JPG_FOLDERS)
        found = dicom_rules.jpg_files(cxr_images.collect(), lambda path: sources.open(f"{folder}/{path}"))
        return conform(found.lazy(), table)

    return _file_asset(sizes, table, site)


def _file_asset(rule: Callable[..., pl.LazyFrame], table: Table, site: Site) -> dg.AssetsDefinition:
    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(table, site, code_version(dicom_rules.dicom_headers, table)),
        ins={"cxr_images": dg.AssetIn(key=dg.AssetKey(["imaging", "cxr_images"]), input_manager_key=LAKE_IO_MANAGER)},
        io_manager_key=LAKE_IO_MANAGER,
    )(rule)
    return asset


def _folder_of(sources: Sources, folders: tuple[str, ...]) -> str:
    """The newest of a data set's releases that is there; the newest known where none is."""
    there = (f for f in folders if f.partition("/")[2] in sources.subfolders(f.partition("/")[0]))
    return next(there, folders[0])


def _out(table: Table, site: Site, version: str) -> dg.AssetOut:
    arguments = asset_arguments(table, site, version)
    unused = ("partitions_def", "backfill_policy", "group_name")
    return dg.AssetOut(
        io_manager_key=LAKE_IO_MANAGER, **{name: value for name, value in arguments.items() if name not in unused}
    )


def _input(path: str, site: Site) -> dg.AssetIn:
    return dg.AssetIn(
        key=dg.AssetKey(path.split("/")),
        input_manager_key=LAKE_IO_MANAGER,
        metadata=absent_input(RELEASE_TABLES[path].arrow_schema) if site.lacks(path) else None,
    )
