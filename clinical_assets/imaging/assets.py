"""The assets of `imaging/`, and the cohorts, which look at X-rays too: what depends on what; the rules are elsewhere.

`ASSETS` are made from tables of the lake alone; a site without X-rays has only the cohorts (`declarations`). Assets
that open the releases' files (images, reports, readings) are `file_assets`. Checks are `checks.CHECKS`, for sites with
X-rays.
"""

from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl

from clinical_assets.declaration import Declaration, Site, declared
from clinical_assets.imaging import clinical_context as context_rules
from clinical_assets.imaging import input_faults as fault_rules
from clinical_assets.imaging import known_before, labels, linkage, reflacx, splits, studies, tables
from clinical_assets.imaging import report_links as report_link_rules
from clinical_assets.imaging import study_records as record_rules
from clinical_assets.imaging import study_reports as report_rules
from clinical_assets.imaging.look_back import linked
from clinical_assets.imaging.reflacx_tables import REFLACX_LABELS
from clinical_assets.imaging.report_tables import REPORT_LINKS, STUDY_REPORTS
from clinical_assets.stays import cohort, usable_ids

# Any: beside them `declared` takes arguments of other types.
NEEDED = tables.NEEDED
_STAYS: dict[str, Any] = {
    "ed_stays": "stays/ed_stays",
    "icu_stays": "stays/icu_stays",
    "hospital_stays": "stays/hospital_stays",
}
_PHASES: dict[str, Any] = {f"phase_{phase}": f"mimic/reflacx/metadata_phase_{phase}" for phase in (1, 2, 3)}


@declared(tables.CXR_IMAGES, metadata="mimic/cxr/metadata", split="mimic/cxr/split", shared_ids="stays/shared_ids")
def cxr_images(metadata: pl.LazyFrame, split: pl.LazyFrame, shared_ids: pl.LazyFrame) -> pl.LazyFrame:
    """Images."""
    return studies.cxr_images(usable_ids.without_shared(metadata, shared_ids, NEEDED), split)


@declared(tables.CXR_STUDIES, cxr_images="imaging/cxr_images")
def cxr_studies(cxr_images: pl.LazyFrame) -> pl.LazyFrame:
    """Studies."""
    return studies.cxr_studies(cxr_images)


cxr_stay_links = linked(tables.CXR_STAY_LINKS, linkage.cxr_stay_links, cxr_studies="imaging/cxr_studies", **_STAYS)
cxr_image_links = linked(tables.CXR_IMAGE_LINKS, linkage.cxr_image_links, cxr_images="imaging/cxr_images", **_STAYS)


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
    shared_ids="stays/shared_ids",
)
def input_faults(
    metadata: pl.LazyFrame,
    split: pl.LazyFrame,
    chexpert: pl.LazyFrame,
    negbio: pl.LazyFrame,
    cxr_studies: pl.LazyFrame,
    shared_ids: pl.LazyFrame,
) -> pl.LazyFrame:
    """Records that could not be used as they are."""
    return fault_rules.input_faults(metadata, split, chexpert, negbio, cxr_studies, shared_ids)


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
    REPORT_LINKS,
    radiology="mimic/note/radiology",
    radiology_detail="mimic/note/radiology_detail",
    cxr_studies="imaging/cxr_studies",
    cxr_reports="imaging/cxr_reports",
)
def report_links(
    radiology: pl.LazyFrame, radiology_detail: pl.LazyFrame, cxr_studies: pl.LazyFrame, cxr_reports: pl.LazyFrame
) -> pl.LazyFrame:
    """The study of each radiology report."""
    return report_link_rules.report_links(radiology, radiology_detail, cxr_studies, cxr_reports)


@declared(
    STUDY_REPORTS,
    cxr_studies="imaging/cxr_studies",
    cxr_reports="imaging/cxr_reports",
    report_links="imaging/report_links",
    radiology="mimic/note/radiology",
)
def study_reports(
    cxr_studies: pl.LazyFrame, cxr_reports: pl.LazyFrame, report_links: pl.LazyFrame, radiology: pl.LazyFrame
) -> pl.LazyFrame:
    """The report of each study, filtered."""
    return report_rules.study_reports(cxr_studies, cxr_reports, report_links, radiology)


@declared(
    record_rules.STUDY_RECORDS,
    cxr_studies="imaging/cxr_studies",
    cxr_images="imaging/cxr_images",
    cxr_stay_links="imaging/cxr_stay_links",
    cxr_labels="imaging/cxr_labels",
    clinical_context="imaging/clinical_context",
    modality_splits="imaging/modality_splits",
    reflacx_annotations="imaging/reflacx_annotations",
    study_reports="imaging/study_reports",
)
def study_records(
    cxr_studies: pl.LazyFrame,
    cxr_images: pl.LazyFrame,
    cxr_stay_links: pl.LazyFrame,
    cxr_labels: pl.LazyFrame,
    clinical_context: pl.LazyFrame,
    modality_splits: pl.LazyFrame,
    reflacx_annotations: pl.LazyFrame,
    study_reports: pl.LazyFrame,
) -> pl.LazyFrame:
    """The multimodal records."""
    return record_rules.study_records(
        cxr_studies,
        cxr_images,
        cxr_stay_links,
        cxr_labels,
        clinical_context,
        modality_splits,
        reflacx_annotations,
        study_reports,
    )


def of_cohorts(declaration: Declaration) -> Declaration:
    """The declaration of a table that also depends on what the cohorts' files say: its code version follows them."""
    return CohortDeclaration(declaration.table, declaration.rule, declaration.inputs)


@dataclass(frozen=True)
class CohortDeclaration(Declaration):
    """A table made by the cohorts' files as much as by code."""

    def build(self, site: Site) -> dg.AssetsDefinition:
        """The asset, for a site's shards and source tables."""
        said = cohort.said_by_files()
        return (
            super()
            .build(site)
            .map_asset_specs(lambda spec: spec.replace_attributes(code_version=f"{spec.code_version}-{said}"))
        )


@of_cohorts
@declared(
    cohort.COHORT_MEMBERS,
    patients="mimic/hosp/patients",
    diagnoses_icd="mimic/hosp/diagnoses_icd",
    discharge="mimic/note/discharge",
    radiology="mimic/note/radiology",
    metadata="mimic/cxr/metadata",
    split="mimic/cxr/split",
    shared_ids="stays/shared_ids",
    **_STAYS,
)
def cohort_members(
    patients: pl.LazyFrame,
    diagnoses_icd: pl.LazyFrame,
    discharge: pl.LazyFrame,
    radiology: pl.LazyFrame,
    metadata: pl.LazyFrame,
    split: pl.LazyFrame,
    shared_ids: pl.LazyFrame,
    ed_stays: pl.LazyFrame,
    icu_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
) -> pl.LazyFrame:
    """Stays of every cohort."""
    pictures = usable_ids.without_shared(metadata, shared_ids, NEEDED)
    of_a_note = ("subject_id", "hadm_id", "note_type", "storetime")
    sources = {
        "patients": patients,
        "diagnoses_icd": diagnoses_icd,
        "notes": pl.concat([discharge.select(of_a_note), radiology.select(of_a_note)]),
        # From the release's own tables: cohorts exist where there are no X-rays.
        "cxr_studies": studies.cxr_studies(studies.cxr_images(pictures, split)),
        "ed_stays": ed_stays,
        "icu_stays": icu_stays,
        "hospital_stays": hospital_stays,
    }
    return cohort.members_of_all(cohort.cohorts(), sources)


@of_cohorts
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
    report_links,
    study_reports,
    study_records,
    cohort_members,
    cohort_attrition,
)
COHORTS = (cohort_members, cohort_attrition)


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
