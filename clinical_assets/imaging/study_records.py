"""One record per chest X-ray study: images, stay, what was known before, targets and split.

What a model may look at (images, context, filtered complaint) and what was made afterwards (`target_*`, readings, the
filtered report) stand in one row under names that keep them apart. Patients in several parts of the published split are
left out; they are counted in `modality_splits`. Nothing is joined on anything but patient and study, each side one row
per study, so no join can multiply rows.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.imaging.clinical_context import CLINICAL_CONTEXT
from clinical_assets.imaging.labels import OBSERVATIONS
from clinical_assets.imaging.leakage import without_findings
from clinical_assets.imaging.reflacx import study_flags
from clinical_assets.imaging.report_tables import STUDY_REPORTS
from clinical_assets.imaging.tables import (
    CXR_STAY_LINKS,
    CXR_STUDIES,
    MENTIONS,
    SPLITS,
    STUDY_ID,
    SUBJECT_ID,
)
from clinical_assets.mimic.catalogue.columns import boolean, integer, text
from clinical_assets.tables import Column, Table

STUDY = ["subject_id", "study_id"]
NOT_AN_ANOMALY = ("No Finding", "Support Devices")

_TAKEN = ("study_time", "n_images", "n_frontal", "n_lateral", "views", "procedure")
_FOUND = ("match_type", "ed_stay_id", "icu_stay_id", "hadm_id", "stay_intime", "offset_minutes", "n_candidates")
_RAW_TEXT = "triage_chiefcomplaint"
_CONTEXT = tuple(
    column for column in CLINICAL_CONTEXT.columns if column.name not in (*STUDY, "study_time", "match_type", _RAW_TEXT)
)


def target(observation: str) -> str:
    """The column an observation's label is in, e.g. `target_pleural_effusion`."""
    return f"target_{observation.lower().replace(' ', '_')}"


_OF_REPORT = ("source", "known_at", "text_without_findings", "n_sentences", "n_removed")
"""Of the report, under names that begin with `report_`."""


def _nullable(column: Column, name: str | None = None) -> Column:
    """A column of another table as a study without a row there has it."""
    return Column(
        name=name or column.name,
        type=column.type,
        meaning=column.meaning,
        unit=column.unit,
        plausible=column.plausible,
        allowed=column.allowed,
    )


STUDY_RECORDS = Table(
    key=("imaging", "study_records"),
    grain="one row per chest X-ray study of a patient with a split",
    meaning="The multimodal record: images, the stay, what was known when the study was taken, and, apart from these, "
    "the targets. Columns named target_* and report_* and the reflacx counts were made afterwards and are never inputs "
    "of what is to be used when the image is taken; of the report only what the leakage filter left is here.",
    primary_key=("study_id",),
    happened="study_time",
    source="the tables of imaging/",
    columns=(
        SUBJECT_ID,
        STUDY_ID,
        text("split", "Side of all of the patient's rows.", required=True, allowed=SPLITS),
        boolean("same_side_everywhere", "May be combined with models fitted under the hash split.", required=True),
        *(CXR_STUDIES.column(name) for name in _TAKEN),
        text("image_files", "Paths of the JPGs below the CXR release, frontal ones first, parted by |.", required=True),
        *(CXR_STAY_LINKS.column(name) for name in _FOUND),
        boolean(
            "has_context", "The study was taken in a stay, so that what was known before it is told.", required=True
        ),
        *(_nullable(column) for column in _CONTEXT),
        text("triage_complaint", "Complaint at triage without what it says of the image; null where nothing is left."),
        boolean("labelled", "The CheXpert labeler has a row for the study.", required=True),
        *(
            text(target(o), f"CheXpert label of {o}; null where the study is not labelled.", allowed=MENTIONS)
            for o in OBSERVATIONS
        ),
        integer("target_n_positive", "Positive observations, No Finding and Support Devices not counted."),
        text("target_positive", "Which, in alphabetical order, parted by |; null where there is none."),
        integer("n_reflacx_readings", "Radiologists' readings with eye tracking.", required=True),
        integer("n_reflacx_ellipses", "Ellipses drawn in them.", required=True),
        *(_nullable(STUDY_REPORTS.column(name), f"report_{name}") for name in _OF_REPORT),
    ),
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
    """One row per study of a patient with a split; see `STUDY_RECORDS`."""
    sides = modality_splits.filter(pl.col("split").is_not_null())
    context = clinical_context.select(*STUDY, *(c.name for c in _CONTEXT), _RAW_TEXT, has_context=pl.lit(value=True))
    parts = [
        _files(cxr_images),
        cxr_stay_links.select(*STUDY, *_FOUND),
        context,
        _targets(cxr_labels),
        study_flags(reflacx_annotations),
        study_reports.select(*STUDY, *(pl.col(name).alias(f"report_{name}") for name in _OF_REPORT)),
    ]
    records = cxr_studies.select(*STUDY, *_TAKEN).join(
        sides.select("subject_id", "split", "same_side_everywhere"), on="subject_id"
    )
    for part in parts:
        records = records.join(part, on=STUDY, how="left")
    return records.with_columns(
        pl.col("has_context", "labelled").fill_null(value=False),
        pl.col("n_reflacx_readings", "n_reflacx_ellipses").fill_null(0),
        triage_complaint=pl.col(_RAW_TEXT).map_elements(_filtered_complaint, return_dtype=pl.String),
    ).select(STUDY_RECORDS.column_names)


def _filtered_complaint(text: str) -> str | None:
    return without_findings(text, "triage").text or None


def _files(cxr_images: pl.LazyFrame) -> pl.LazyFrame:
    frontal_first = [pl.col("projection") != "frontal", pl.col("taken_at"), pl.col("dicom_id")]
    return cxr_images.group_by(STUDY).agg(image_files=pl.col("file").sort_by(frontal_first).str.join("|"))


def _targets(cxr_labels: pl.LazyFrame) -> pl.LazyFrame:
    """One row per study the CheXpert labeler has a row for."""
    observation, said = pl.col("observation"), pl.col("chexpert")
    anomaly = (said == "positive") & ~observation.is_in(NOT_AN_ANOMALY)
    labelled = cxr_labels.filter(said.is_not_null())
    return (
        labelled.group_by(STUDY)
        .agg(
            *(said.filter(observation == o).first().alias(target(o)) for o in OBSERVATIONS),
            target_n_positive=anomaly.sum().cast(pl.Int64),
            target_positive=observation.filter(anomaly).sort().str.join("|"),
            labelled=pl.lit(value=True).first(),
        )
        .with_columns(target_positive=pl.when(pl.col("target_positive") != "").then("target_positive"))
    )
