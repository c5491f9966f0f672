"""The reflacx module: chest X-rays read by radiologists with eye tracking (REFLACX).

One table per phase of data collection; the files have CRLF line ends. The key is the reading, not the image: in phases
1 and 2 five radiologists read each image. There is no study_id column: it is the `s...` part of `image`.
Row counts: 3,052 readings of 2,616 images, of which 20 have their eye tracking discarded; phase 1 is 59 and phase 2 is
50 images by five readers each, phase 3 is 2,507 images by one.
"""

from collections.abc import Mapping

from clinical_assets.mimic.catalogue.columns import boolean, integer, number, text
from clinical_assets.tables import Column, SourceTable

SOURCE = "REFLACX documentation, 1.0.0"

READING = (
    text("id", "Identifier of one reading, e.g. P102R009922, also the name of its folder.", required=True),
    text(
        "split",
        "Part of the MIMIC-CXR split the image belongs to.",
        required=True,
        allowed=("train", "validate", "test"),
    ),
    boolean(
        "eye_tracking_data_discarded",
        "True where eye tracking and transcription were dropped for quality and have no files.",
        required=True,
    ),
    text("image", "Path of the DICOM file in MIMIC-CXR: .../p<subject>/s<study>/<dicom_id>.dcm.", required=True),
    text("dicom_id", "Identifier of the image read.", required=True, references="cxr/metadata.dicom_id"),
    integer("subject_id", "Number standing for one patient, as in MIMIC-CXR.", required=True),
    integer("image_size_x", "Width of the image.", unit="px", required=True),
    integer("image_size_y", "Height of the image.", unit="px", required=True),
)

PHASE_1_LABELS = (
    "Airway wall thickening",
    "Atelectasis",
    "Consolidation",
    "Emphysema",
    "Enlarged cardiac silhouette",
    "Fibrosis",
    "Fracture",
    "Groundglass opacity",
    "Mass",
    "Nodule",
    "Other",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary edema",
    "Quality issue",
    "Support devices",
    "Wide mediastinum",
)
PHASES_2_AND_3_LABELS = (
    "Abnormal mediastinal contour",
    "Acute fracture",
    "Atelectasis",
    "Consolidation",
    "Enlarged cardiac silhouette",
    "Enlarged hilum",
    "Groundglass opacity",
    "Hiatal hernia",
    "High lung volume / emphysema",
    "Interstitial lung disease",
    "Lung nodule or mass",
    "Other",
    "Pleural abnormality",
    "Pneumothorax",
    "Pulmonary edema",
    "Support devices",
)
_NOT_A_CERTAINTY: Mapping[str, Column] = {
    "Other": text("Other", "Findings the list lacks, in the radiologist's words, parted by |."),
    "Quality issue": boolean("Quality issue", "True where the radiologist found the image poor."),
    "Support devices": boolean("Support devices", "True where lines, tubes or other devices are seen."),
}


def _label(name: str) -> Column:
    """A label's column: a certainty, except for the three that are not."""
    return _NOT_A_CERTAINTY.get(name) or number(
        name,
        f"The radiologist's highest certainty of {name.lower()}: 0 not seen, 1 unlikely (<10 %), 2 less likely (25 %), "
        "3 possible (50 %), 4 probable (75 %), 5 consistent with it (>90 %).",
        plausible=(0, 5),
    )


def _phase(phase: int, labels: tuple[str, ...], readings: int) -> SourceTable:
    """The table of one phase."""
    return SourceTable(
        key=("mimic", "reflacx", f"metadata_phase_{phase}"),
        file=f"main_data/metadata_phase_{phase}",
        grain="one row per reading of an image by a radiologist",
        meaning=f"Readings of phase {phase} with the radiologist's labels. Made for the study, never known in care.",
        columns=(*READING, *(_label(name) for name in labels)),
        primary_key=("id",),
        source=SOURCE,
        published_rows={"reflacx/1.0.0": readings, "reflacx-xray-localization/1.0.0": readings},
    )


METADATA_PHASE_1 = _phase(1, PHASE_1_LABELS, 295)
METADATA_PHASE_2 = _phase(2, PHASES_2_AND_3_LABELS, 250)
METADATA_PHASE_3 = _phase(3, PHASES_2_AND_3_LABELS, 2_507)

REFLACX = (METADATA_PHASE_1, METADATA_PHASE_2, METADATA_PHASE_3)
