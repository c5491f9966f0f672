"""The cxr module: tables of MIMIC-CXR-JPG, the chest X-rays of patients who came to the ED.

A study (one report) has one or more images. Nothing here carries an admission or stay: studies are linked by patient
and time. Not every patient of these tables is in MIMIC-IV, so `subject_id` declares no reference. Files of release
2.1.0 keep 2.0.0 in their names. Row counts: 377,110 images; labels of 227,827 reports (8 of the 227,835 studies have
none).
"""

from collections.abc import Mapping

from clinical_assets.mimic.catalogue.columns import integer, number, text
from clinical_assets.tables import Column, SourceTable

SOURCE = "MIMIC-CXR-JPG documentation, 2.1.0"
IMAGES: Mapping[str, int] = {"mimic-cxr-jpg/2.1.0": 377_110, "mimic-cxr-jpg/2.0.0": 377_110}
LABELLED_STUDIES: Mapping[str, int] = {"mimic-cxr-jpg/2.1.0": 227_827, "mimic-cxr-jpg/2.0.0": 227_827}

SUBJECT_ID = integer("subject_id", "Number standing for one patient, as in MIMIC-IV.", required=True)
STUDY_ID = integer("study_id", "Number of the study: one report with its images.", required=True)
STUDY_ID_OF_IMAGES = integer(
    "study_id", "Number of the study: one report with its images.", required=True, references="cxr/metadata.study_id"
)
DICOM_ID = text("dicom_id", "Identifier of one image, also its file's name.", required=True)

LABELS: Mapping[str, str] = {
    "Atelectasis": "collapse of lung tissue",
    "Cardiomegaly": "an enlarged heart",
    "Consolidation": "consolidated lung",
    "Edema": "pulmonary edema",
    "Enlarged Cardiomediastinum": "a widened heart and mediastinum",
    "Fracture": "a fracture",
    "Lung Lesion": "a nodule, mass or other lung lesion",
    "Lung Opacity": "an opacity of the lung of any cause",
    "No Finding": "no abnormal finding at all",
    "Pleural Effusion": "pleural effusion",
    "Pleural Other": "a pleural finding other than effusion",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
    "Support Devices": "lines, tubes or other devices",
}


def _labels() -> tuple[Column, ...]:
    """The 14 CheXpert labels, named as published."""
    return tuple(
        number(
            name,
            f"Whether the report states {finding}: 1 yes, 0 no, -1 uncertain, empty not mentioned.",
            plausible=(-1, 1),
        )
        for name, finding in LABELS.items()
    )


METADATA = SourceTable(
    key=("mimic", "cxr", "metadata"),
    file="mimic-cxr-2.0.0-metadata",
    repeats_left_out=True,
    grain="one row per image",
    meaning="View, size and time of each image, from its DICOM header. Names are the DICOM attributes'.",
    columns=(
        DICOM_ID,
        SUBJECT_ID,
        STUDY_ID,
        text("PerformedProcedureStepDescription", "Examination as named by the department, e.g. CHEST (PORTABLE AP)."),
        text("ViewPosition", "Projection, e.g. AP, PA or LATERAL; empty where the header has none."),
        integer("Rows", "Height of the image.", unit="px"),
        integer("Columns", "Width of the image.", unit="px"),
        integer("StudyDate", "Shifted day of the study as the number yyyymmdd."),
        text(
            "StudyTime",
            "Time of day as the number hhmmss.fff which has lost its leading zeros: fill the whole part to six digits, "
            "so that 80556.875 is 08:05:56.875.",
        ),
        text("ProcedureCodeSequence_CodeMeaning", "Coded procedure in words."),
        text("ViewCodeSequence_CodeMeaning", "Coded view in words, e.g. postero-anterior."),
        text("PatientOrientationCodeSequence_CodeMeaning", "How the patient was held: Erect or Recumbent, if stated."),
    ),
    primary_key=("dicom_id",),
    source=SOURCE,
    published_rows=IMAGES,
)

SPLIT = SourceTable(
    key=("mimic", "cxr", "split"),
    file="mimic-cxr-2.0.0-split",
    grain="one row per image",
    meaning="The published split into train, validate and test, made by patient; it wins over any other split.",
    columns=(
        text("dicom_id", "Identifier of one image.", required=True, references="cxr/metadata.dicom_id"),
        STUDY_ID_OF_IMAGES,
        SUBJECT_ID,
        text("split", "Part the image belongs to.", required=True, allowed=("train", "validate", "test")),
    ),
    primary_key=("dicom_id",),
    source=SOURCE,
    published_rows=IMAGES,
)

CHEXPERT = SourceTable(
    key=("mimic", "cxr", "chexpert"),
    file="mimic-cxr-2.0.0-chexpert",
    grain="one row per labelled study",
    meaning="Findings in the report as read by the CheXpert labeler: labels of the text, not of the image.",
    columns=(SUBJECT_ID, STUDY_ID_OF_IMAGES, *_labels()),
    primary_key=("study_id",),
    source=SOURCE,
    published_rows=LABELLED_STUDIES,
)

NEGBIO = SourceTable(
    key=("mimic", "cxr", "negbio"),
    file="mimic-cxr-2.0.0-negbio",
    grain="one row per labelled study",
    meaning="Findings in the report as read by the NegBio labeler: labels of the text, not of the image.",
    columns=(SUBJECT_ID, STUDY_ID_OF_IMAGES, *_labels()),
    primary_key=("study_id",),
    source=SOURCE,
    published_rows=LABELLED_STUDIES,
)

CXR = (METADATA, SPLIT, CHEXPERT, NEGBIO)
