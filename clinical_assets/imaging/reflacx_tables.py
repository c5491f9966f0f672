"""The catalogue of the REFLACX readings: radiologists' labels, ellipses, dictation and gaze, by reading.

Everything here was made for a study of reading, years after care: targets and explanations, never features.
"""

from __future__ import annotations

from clinical_assets.imaging.tables import DICOM_ID, SPLITS, SUBJECT_ID
from clinical_assets.mimic.catalogue.columns import boolean, integer, number, text
from clinical_assets.tables import Table

SOURCE = "REFLACX 1.0.0: metadata_phase_1..3 and the folder of each reading"

READING_ID = text(
    "id", "The reading: one image read by one radiologist. Up to five readings share an image.", required=True
)
STUDY_ID = integer(
    "study_id", "The MIMIC-CXR study, from the image's path; null where the path contradicts the row's other numbers."
)
PHASE = integer(
    "phase", "Phase of data collection, 1 to 3; their lists of labels differ.", required=True, plausible=(1, 3)
)

REFLACX_ANNOTATIONS = Table(
    key=("imaging", "reflacx_annotations"),
    grain="one row per reading of an image by a radiologist",
    meaning="Readings with eye tracking, mapped to the studies of MIMIC-CXR, with the chest's bounding box, the "
    "dictated text and a summary of the fixations.",
    primary_key=("id",),
    source=SOURCE,
    columns=(
        SUBJECT_ID,
        READING_ID,
        STUDY_ID,
        DICOM_ID,
        PHASE,
        text("split", "Part of the published CXR split, as copied into REFLACX.", allowed=SPLITS),
        boolean("eye_tracking_discarded", "Gaze and dictation were dropped for quality.", required=True),
        boolean("mapped", "The image's path names patient, study and image, and agrees with the row.", required=True),
        integer("image_width", "Width of the image; all coordinates are in its pixels.", unit="px"),
        integer("image_height", "Height of the image.", unit="px"),
        number("chest_xmin", "Left edge of the box around lungs and mediastinum.", unit="px"),
        number("chest_ymin", "Its upper edge.", unit="px"),
        number("chest_xmax", "Its right edge.", unit="px"),
        number("chest_ymax", "Its lower edge.", unit="px"),
        integer("n_ellipses", "Ellipses drawn around anomalies; null where there is no file of them."),
        integer("n_labels_present", "Labels given with any certainty.", required=True),
        text("transcription", "What was dictated. It states the findings: never shown to what should find them."),
        integer("n_words", "Words dictated, with their times."),
        number("dictation_seconds", "From the first word to the last.", unit="s"),
        integer("n_fixations", "Fixations recorded."),
        number("fixation_seconds", "Their durations together.", unit="s"),
        number(
            "first_fixation_seconds", "Start of the first, from the beginning of the audio; may be negative.", unit="s"
        ),
        number("mean_pupil_area", "Mean normalised pupil area over the fixations."),
        text("faults", "What was wrong with the reading's files, parted by |; null where nothing was."),
    ),
)

REFLACX_LABELS = Table(
    key=("imaging", "reflacx_labels"),
    grain="one row per reading and label of its phase",
    meaning="The radiologists' image-level labels with their certainty, as published for each phase.",
    primary_key=("id", "label"),
    source=SOURCE,
    columns=(
        SUBJECT_ID,
        READING_ID,
        STUDY_ID,
        DICOM_ID,
        PHASE,
        text("label", "The label, as published.", required=True),
        number(
            "certainty",
            "0 not seen, 1 unlikely (<10 %), 2 less likely (25 %), 3 possible (50 %), 4 probable (75 %), 5 consistent "
            "with it (>90 %); null for labels without certainty.",
            plausible=(0, 5),
        ),
        boolean("present", "Given with any certainty above 0, or said yes to; null where nothing is recorded."),
        text("words", "Label Other: the findings in words, parted by |."),
    ),
)

REFLACX_ELLIPSES = Table(
    key=("imaging", "reflacx_ellipses"),
    grain="one row per ellipse drawn in a reading",
    meaning="Ellipses around anomalies, each with its certainty and every label it was drawn for.",
    primary_key=("id", "number"),
    source=SOURCE,
    columns=(
        SUBJECT_ID,
        READING_ID,
        STUDY_ID,
        DICOM_ID,
        integer("number", "Place in the file, from 1.", required=True),
        number("xmin", "Left edge of the box the ellipse fills.", unit="px", required=True),
        number("ymin", "Its upper edge.", unit="px", required=True),
        number("xmax", "Its right edge.", unit="px", required=True),
        number("ymax", "Its lower edge.", unit="px", required=True),
        number("certainty", "Certainty of the finding, 1 to 5.", plausible=(1, 5)),
        text("labels", "All its labels in the file's order, parted by |; null where it has none."),
        integer("n_labels", "How many.", required=True),
        boolean("inside_image", "It lies within the image.", required=True),
    ),
)
