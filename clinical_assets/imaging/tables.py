"""The catalogue of `imaging/`: chest X-ray studies, what they show, whom they belong to and which split they are in.

The tables of what was known before a study are declared with their measurements in `clinical_context`.
"""

from __future__ import annotations

from clinical_assets.mimic.catalogue.columns import boolean, integer, number, text, timestamp
from clinical_assets.stays.stay_faults import FAULT_COLUMNS
from clinical_assets.tables import Table

NEEDED = "mimic/cxr/metadata"
"""Without this table a site has no chest X-rays, and none of the tables about them."""

SPLITS = ("train", "validate", "test")
MENTIONS = ("positive", "negative", "uncertain", "not mentioned")
MATCH_TYPES = (
    "ed",
    "icu",
    "hospital",
    "ed look-back",
    "icu look-back",
    "hospital look-back",
    "none",
    "no study time",
)
TIME_STATUSES = ("valid", "date missing", "date invalid", "time missing", "time invalid")
PROJECTIONS = ("frontal", "lateral", "other", "unknown")

SUBJECT_ID = integer("subject_id", "The patient.", required=True)
STUDY_ID = integer(
    "study_id", "The study: one report with its images. A random number, never a feature.", required=True
)
DICOM_ID = text("dicom_id", "The image.", required=True)
STUDY_TIME = timestamp(
    "study_time",
    "When the study was taken: the earliest valid time of its images, from StudyDate and StudyTime; null where no "
    "image has a valid one.",
)

CXR_IMAGES = Table(
    key=("imaging", "cxr_images"),
    grain="one row per chest X-ray image",
    meaning="Images of MIMIC-CXR-JPG with the time they were taken, their projection and where their file lies. "
    "Repeated rows count once; an image id whose rows differ is left out (see imaging/input_faults).",
    primary_key=("dicom_id",),
    happened="taken_at",
    source="MIMIC-CXR-JPG: metadata, split",
    columns=(
        SUBJECT_ID,
        STUDY_ID,
        DICOM_ID,
        timestamp("taken_at", "When the image was taken, to the microsecond; null where date or time is not valid."),
        text(
            "time_status",
            "Whether StudyDate and StudyTime give a time; hours over 23, minutes or seconds over 59 do not.",
            required=True,
            allowed=TIME_STATUSES,
        ),
        text("view_position", "Projection as the header has it, e.g. AP."),
        text("projection", "Frontal (AP, PA) or lateral.", required=True, allowed=PROJECTIONS),
        text("procedure", "Examination as named by the department."),
        integer("height", "Height of the image.", unit="px"),
        integer("width", "Width of the image.", unit="px"),
        text("official_split", "Part of the published split the image is in.", allowed=SPLITS),
        text("file", "Path of the JPG below the CXR release's folder.", required=True),
    ),
)

CXR_STUDIES = Table(
    key=("imaging", "cxr_studies"),
    grain="one row per chest X-ray study",
    meaning="Studies with their number of images, their views and their time.",
    primary_key=("study_id",),
    happened="study_time",
    source="imaging/cxr_images",
    columns=(
        SUBJECT_ID,
        STUDY_ID,
        STUDY_TIME,
        timestamp("last_image_time", "When its last image was taken."),
        integer("n_images", "How many images it has.", required=True, plausible=(1, 20)),
        integer("n_frontal", "How many of them are frontal.", required=True),
        integer("n_lateral", "How many of them are lateral.", required=True),
        integer("n_images_without_time", "How many of them have no valid time.", required=True),
        text("views", "Distinct projections as the headers have them, in alphabetical order, parted by |."),
        text("procedure", "Examination as named by the department; of several the first in alphabetical order."),
    ),
)

_LINK = (
    text(
        "match_type",
        "How the stay was found: the time lies in an ED stay, else in an ICU stay, else in an admission, else (where a "
        "look-back is configured) a stay ended shortly before.",
        required=True,
        allowed=MATCH_TYPES,
    ),
    integer("ed_stay_id", "The ED stay, if that is what was found."),
    integer("icu_stay_id", "The ICU stay, if that is what was found."),
    integer(
        "hadm_id",
        "Admission of the stay found. That an ED stay leads to one is an outcome: for identifying, never a feature.",
    ),
    timestamp("stay_intime", "When the stay found began; never after the image."),
    number("offset_minutes", "From the beginning of the stay to the image.", unit="min"),
    integer("n_candidates", "How many stays of the match type the time lies in; over 1 is ambiguous.", required=True),
    number("look_back_hours", "The look-back the row was linked with; 0: it was off.", unit="h", required=True),
)

CXR_STAY_LINKS = Table(
    key=("imaging", "cxr_stay_links"),
    grain="one row per chest X-ray study",
    meaning="The stay each study was taken in, by patient and study time; of several the one that began last, then "
    "the one of the smallest id. Never a stay that begins after the study.",
    primary_key=("study_id",),
    happened="study_time",
    source="imaging/cxr_studies, stays/ed_stays, stays/icu_stays, stays/hospital_stays",
    columns=(SUBJECT_ID, STUDY_ID, STUDY_TIME, *_LINK),
)

CXR_IMAGE_LINKS = Table(
    key=("imaging", "cxr_image_links"),
    grain="one row per chest X-ray image",
    meaning="The stay each image was taken in, by the image's own time: images of one study may fall on both sides of "
    "a transfer.",
    primary_key=("dicom_id",),
    happened="taken_at",
    source="imaging/cxr_images, stays/ed_stays, stays/icu_stays, stays/hospital_stays",
    columns=(SUBJECT_ID, STUDY_ID, DICOM_ID, timestamp("taken_at", "When the image was taken."), *_LINK),
)

CXR_LABELS = Table(
    key=("imaging", "cxr_labels"),
    grain="one row per labelled study and observation",
    meaning="What the report says of 14 observations, as two programs read it. They label the report's text, not the "
    "image, and were made afterwards: targets, never features.",
    primary_key=("study_id", "observation"),
    source="MIMIC-CXR-JPG: chexpert, negbio",
    columns=(
        SUBJECT_ID,
        STUDY_ID,
        text("observation", "The observation, as published.", required=True),
        text(
            "chexpert",
            "CheXpert labeler: 1 positive, 0 negative, -1 uncertain, blank not mentioned; null where it has no row for "
            "the study.",
            allowed=MENTIONS,
        ),
        text("negbio", "NegBio labeler, likewise.", allowed=MENTIONS),
        boolean("labelers_agree", "Both programs say the same; null where one of them has no row."),
    ),
)

MODALITY_SPLITS = Table(
    key=("imaging", "modality_splits"),
    grain="one row per patient of any modality",
    meaning="The split of a patient once chest X-rays are in use. The published split wins over the hash; a patient in "
    "several parts of it is in none, and is left out of whatever learns.",
    primary_key=("subject_id",),
    source="MIMIC-CXR-JPG: split; stays/patient_splits",
    columns=(
        SUBJECT_ID,
        text("split", "Where all of the patient's rows belong; null: left out.", allowed=SPLITS),
        text("official_split", "Part of the published CXR split; null without X-rays or in several.", allowed=SPLITS),
        text("hash_split", "The patient's split in stays/patient_splits.", required=True, allowed=SPLITS),
        integer("n_official_splits", "In how many parts of the published split the patient is.", required=True),
        text(
            "conflict",
            "Several parts of the published split, or another part than the hash's; null where there is none.",
            allowed=("several official splits", "official differs from hash"),
        ),
        boolean(
            "same_side_everywhere",
            "What was fitted under the hash split (such as an ICU model) may be combined with X-rays for this patient.",
            required=True,
        ),
    ),
)

INPUT_FAULTS = Table(
    key=("imaging", "input_faults"),
    grain="one row per faulty record and fault",
    meaning="Records of the releases that could not be used as they are, and what became of them. Nothing is left out "
    "without a row here.",
    primary_key=("subject_id", "record", "record_id", "fault"),
    source="MIMIC-CXR-JPG: metadata, split, chexpert, negbio",
    columns=FAULT_COLUMNS,
)

_KNOWN_AT = timestamp("known_at", "When it could first be read; never after the study.", required=True)
_AT_STUDY = (
    SUBJECT_ID,
    STUDY_ID,
    timestamp("study_time", "When the study was taken; the row's index time.", required=True),
)

CONTEXT_LABS = Table(
    key=("imaging", "context_labs"),
    grain="one row per linked study and laboratory test",
    meaning="The latest result of every test in the 24 h before the study that the laboratory had stored by then.",
    primary_key=("study_id", "itemid"),
    happened="charttime",
    known="known_at",
    source="MIMIC-IV hosp: labevents, d_labitems",
    columns=(
        *_AT_STUDY,
        integer("itemid", "The test.", required=True, references="hosp/d_labitems.itemid"),
        text("label", "What is measured."),
        text("fluid", "In which fluid."),
        text("value", "Result as reported."),
        number("valuenum", "Result as a number, in its unit."),
        text("unit", "Unit of the result, as the laboratory writes it."),
        boolean("abnormal", "The laboratory marked it so.", required=True),
        timestamp("charttime", "When the specimen was taken.", required=True),
        _KNOWN_AT,
        number("minutes_before", "From the specimen to the study.", unit="min", plausible=(0, 1440)),
        integer("n_results", "Results of this test known of the 24 h.", required=True),
    ),
)

CONTEXT_MEDICATIONS = Table(
    key=("imaging", "context_medications"),
    grain="one row per linked study and drug of a prescription",
    meaning="Prescriptions ordered and begun before the study and active within the 48 h before it; carrier fluids "
    "left out. Intentions, not doses given.",
    primary_key=("study_id", "pharmacy_id", "drug_type", "drug"),
    happened="starttime",
    known="known_at",
    source="MIMIC-IV hosp: prescriptions, poe; antibiotics as in concepts/antibiotic",
    columns=(
        *_AT_STUDY,
        integer("pharmacy_id", "The pharmacy row it was dispensed under.", required=True),
        text("drug_type", "Part the drug plays in the prescription.", required=True, allowed=("MAIN", "ADDITIVE")),
        text("drug", "Drug as prescribed.", required=True),
        text("route", "Route as prescribed."),
        text("dose", "Dose as written: may be 1-2 or ___."),
        text("dose_unit", "Unit of the dose."),
        timestamp("starttime", "From when it was to be given."),
        _KNOWN_AT,
        boolean("stopped", "It had ended by the time of the study.", required=True),
        boolean("antibiotic", "A systemic antibiotic by name and route.", required=True),
    ),
)

CONTEXT_DIAGNOSES = Table(
    key=("imaging", "context_diagnoses"),
    grain="one row per linked study and code of an earlier admission",
    meaning="Diagnoses billed for admissions that were over before the study. Those of the study's own admission are "
    "coded after it and never appear.",
    primary_key=("study_id", "icd_version", "icd_code"),
    happened="known_at",
    known="known_at",
    source="MIMIC-IV hosp: diagnoses_icd, admissions",
    columns=(
        *_AT_STUDY,
        integer("icd_version", "Revision of the code.", required=True, plausible=(9, 10)),
        text("icd_code", "Code without its dot.", required=True),
        integer("n_admissions", "Earlier admissions it was billed for.", required=True),
        integer("lowest_seq_num", "Its best rank; 1 is the principal diagnosis.", required=True),
        _KNOWN_AT,
    ),
)
