"""Files behind some of the chest X-rays: small DICOM images, JPGs, and readings of them with eye tracking (REFLACX).

Only for the first studies of a hospital: at a thousand patients every study would be thousands of files. The images are
tiny and show nothing; their true sizes are not those the metadata state. What the readings say follows the studies'
labels. Dirt: a file that is no DICOM, one with burnt-in writing, one whose header has gaps, a reading without its eye
tracking, one whose path names another patient, one without its box.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.mimic.catalogue.reflacx import PHASE_1_LABELS, PHASES_2_AND_3_LABELS
from clinical_assets.tables import Type

JPG_RELEASE, DICOM_RELEASE, REFLACX_RELEASE = "mimic-cxr-jpg/2.1.0", "mimic-cxr/2.0.0", "reflacx/1.0.0"
SCALE = 32
"""Images have this much fewer rows and columns than the metadata state."""
NOT_A_DICOM, BURNT_IN, WITH_GAPS = 3, 5, 7
"""Which images, counted from 0, are dirty in their own way."""
READERS_OF_AN_IMAGE = {1: 5, 2: 5, 3: 1}
"""Radiologists per image in each phase."""
IMAGES_OF_PHASE = {1: 2, 2: 1}
"""The rest are of phase 3."""
DISCARDED, OF_ANOTHER_PATIENT, WITHOUT_BOX = 2, 4, 6
"""Which readings, counted from 0, are dirty in their own way."""

# What a report's label is called by the readers of phase 1, and of phases 2 and 3.
_CALLED: Mapping[str, tuple[str, str]] = {
    "Atelectasis": ("Atelectasis", "Atelectasis"),
    "Cardiomegaly": ("Enlarged cardiac silhouette", "Enlarged cardiac silhouette"),
    "Consolidation": ("Consolidation", "Consolidation"),
    "Edema": ("Pulmonary edema", "Pulmonary edema"),
    "Enlarged Cardiomediastinum": ("Wide mediastinum", "Abnormal mediastinal contour"),
    "Fracture": ("Fracture", "Acute fracture"),
    "Lung Lesion": ("Nodule", "Lung nodule or mass"),
    "Lung Opacity": ("Groundglass opacity", "Groundglass opacity"),
    "Pleural Effusion": ("Pleural effusion", "Pleural abnormality"),
    "Pneumothorax": ("Pneumothorax", "Pneumothorax"),
}
_YES_OR_NO = ("Support devices", "Quality issue")
_ELLIPSE = ("xmin", "ymin", "xmax", "ymax", "certainty")
_FIXATION = (
    "timestamp_start_fixation,timestamp_end_fixation,x_position,y_position,pupil_area_normalized,"
    "angular_resolution_x_pixels_per_degree,angular_resolution_y_pixels_per_degree,window_width,window_level,"
    "xmin_shown_from_image,ymin_shown_from_image,xmax_shown_from_image,ymax_shown_from_image,"
    "xmin_in_screen_coordinates,ymin_in_screen_coordinates,xmax_in_screen_coordinates,ymax_in_screen_coordinates"
)


class ImageFiles:
    """Writes the files of a hospital's first studies, block by block, then the tables of readings."""

    def __init__(self, root: Path, seed: int, studies: int) -> None:
        self._root = root
        self._rng = np.random.default_rng([seed, zlib.crc32(b"image files")])
        self._left = studies
        self._wanted = studies > 0
        self._images = 0
        self._readings: dict[int, list[dict[str, Any]]] = {phase: [] for phase in READERS_OF_AN_IMAGE}
        self._read_images = dict.fromkeys(READERS_OF_AN_IMAGE, 0)

    def add(self, metadata: pl.DataFrame, split: pl.DataFrame, chexpert: pl.DataFrame) -> None:
        """Write the files of a block's first studies, as many as are still wanted."""
        chosen = metadata["study_id"].unique(maintain_order=True).head(max(self._left, 0))
        self._left -= len(chosen)
        images = metadata.filter(pl.col("study_id").is_in(chosen.implode())).join(
            split.select("dicom_id", "split"), on="dicom_id", maintain_order="left"
        )
        said = {row["study_id"]: row for row in chexpert.iter_rows(named=True)}
        for image in images.iter_rows(named=True):
            self._write_image(image)
            if image["ViewPosition"] in ("AP", "PA"):
                self._read(image, said.get(image["study_id"], {}))

    def finish(self) -> None:
        """Write the tables of readings, with the release's line ends."""
        if not self._wanted:
            return
        for phase, readings in self._readings.items():
            table = TABLES[f"mimic/reflacx/metadata_phase_{phase}"]
            frame = pl.DataFrame(readings, schema=table.polars_schema)
            printed = frame.with_columns(
                # True and False, as the release writes them.
                pl.col(c.name).cast(pl.String).str.to_titlecase()
                for c in table.columns
                if c.type is Type.BOOLEAN
            )
            self._write(f"{REFLACX_RELEASE}/{table.file}.csv", printed.write_csv(line_terminator="\r\n").encode())

    def _write(self, path: str, content: bytes) -> None:
        place = self._root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def _write_image(self, image: Mapping[str, Any]) -> None:
        subject = str(image["subject_id"])
        stem = f"files/p{subject[:2]}/p{subject}/s{image['study_id']}/{image['dicom_id']}"
        pixels = self._rng.normal(1800, 300, (image["Rows"] // SCALE, image["Columns"] // SCALE)).clip(0, 4095)
        dicom = dicom_file(
            image, pixels.astype("<u2"), burnt_in=self._images == BURNT_IN, gaps=self._images == WITH_GAPS
        )
        self._write(f"{DICOM_RELEASE}/{stem}.dcm", b"not an image" if self._images == NOT_A_DICOM else dicom)
        self._write(f"{JPG_RELEASE}/{stem}.jpg", jpg_file(pixels))
        self._images += 1

    def _read(self, image: Mapping[str, Any], said: Mapping[str, Any]) -> None:
        phase = next((p for p, most in IMAGES_OF_PHASE.items() if self._read_images[p] < most), 3)
        self._read_images[phase] += 1
        for reader in range(READERS_OF_AN_IMAGE[phase]):
            number = sum(map(len, self._readings.values()))
            folder = f"P300R{number:06d}" if phase == 3 else f"P{phase}{reader + 1:02d}R{number:06d}"
            self._readings[phase].append(self._reading(folder, number, phase, image, said))

    def _reading(
        self, folder: str, number: int, phase: int, image: Mapping[str, Any], said: Mapping[str, Any]
    ) -> dict[str, Any]:
        discarded = number == DISCARDED
        subject = image["subject_id"] + (number == OF_ANOTHER_PATIENT)
        names = PHASE_1_LABELS if phase == 1 else PHASES_2_AND_3_LABELS
        present = self._seen(said, phase)
        labels = {name: float(present.get(name, 0)) for name in names if name not in (*_YES_OR_NO, "Other")}
        width, height = image["Columns"], image["Rows"]
        self._write_folder(f"{REFLACX_RELEASE}/main_data/{folder}", present, names, (width, height), number, discarded)
        return {
            "id": folder,
            "split": image["split"],
            "eye_tracking_data_discarded": discarded,
            "image": f"physionet.org/files/mimic-cxr/2.0.0/files/p{str(subject)[:2]}/p{subject}/s{image['study_id']}"
            f"/{image['dicom_id']}.dcm",
            "dicom_id": image["dicom_id"],
            "subject_id": image["subject_id"],
            "image_size_x": width,
            "image_size_y": height,
            **labels,
            "Support devices": said.get("Support Devices") == 1,
            **({"Quality issue": bool(self._rng.random() < 0.05)} if phase == 1 else {}),
            "Other": "azygos lobe|hiatal hernia" if self._rng.random() < 0.1 else None,
        }

    def _seen(self, said: Mapping[str, Any], phase: int) -> dict[str, int]:
        """Certainty by label: what the report states is mostly seen, what it doubts sometimes."""
        chance = {1.0: 0.85, -1.0: 0.5}
        return {
            called[min(phase, 2) - 1]: int(self._rng.integers(2, 6))
            for name, called in _CALLED.items()
            if self._rng.random() < chance.get(said.get(name) or 0.0, 0.03)
        }

    def _write_folder(
        self,
        folder: str,
        present: Mapping[str, int],
        names: tuple[str, ...],
        size: tuple[int, int],
        number: int,
        discarded: bool,
    ) -> None:
        columns = [name for name in names if name != "Other"]
        lines = [",".join((*_ELLIPSE, *columns))]
        for name, certainty in present.items():
            x, y = (int(self._rng.integers(0, most * 3 // 4)) for most in size)
            w, h = (int(self._rng.integers(most // 20, most // 4)) for most in size)
            lines.append(",".join(map(str, (x, y, x + w, y + h, certainty, *(c == name for c in columns)))))
        files = {"anomaly_location_ellipses.csv": lines}
        if number != WITHOUT_BOX:
            box = (size[0] // 10, size[1] // 8, size[0] * 9 // 10, size[1] * 7 // 8)
            files["chest_bounding_box.csv"] = ["xmin,ymin,xmax,ymax", ",".join(map(str, box))]
        if not discarded:
            words = " ".join(f"{name.lower()} ." for name in present).split() or ["normal", "chest", "."]
            times = 1 + np.cumsum(self._rng.uniform(0.2, 0.8, len(words)))
            files["transcription.txt"] = [" ".join(words).capitalize().replace(" .", ".")]
            spoken = [f"{word},{t:.3f},{t + 0.15:.3f}" for word, t in zip(words, times, strict=True)]
            files["timestamps_transcription.csv"] = ["word,timestamp_start_word,timestamp_end_word", *spoken]
            files["fixations.csv"] = self._fixations(size, float(times[-1]))
        for name, content in files.items():
            self._write(f"{folder}/{name}", ("\r\n".join(content) + "\r\n").encode())

    def _fixations(self, size: tuple[int, int], seconds: float) -> list[str]:
        starts = np.sort(self._rng.uniform(-0.5, seconds, 12))
        lines = [_FIXATION]
        for start in starts:
            away = self._rng.random() < 0.1  # looking beside the image: no position
            x, y = ("", "") if away else (str(int(self._rng.integers(0, most))) for most in size)
            shown = f"0,0,{size[0]},{size[1]},300,0,1800,2160"
            lines.append(
                f"{start:.3f},{start + 0.25:.3f},{x},{y},{self._rng.normal(1, 0.1):.3f},100,100,4096,2048,{shown}"
            )
        return lines


def dicom_file(
    image: Mapping[str, Any], pixels: np.ndarray[Any, np.dtype[np.uint16]], *, burnt_in: bool, gaps: bool
) -> bytes:
    """A valid image object, de-identified as the release's are.

    Args:
        image: a row of the metadata.
        pixels: grey values of 12 bits.
        burnt_in: its header says that writing is burnt into the pixels.
        gaps: its header lacks what headers often lack.
    """
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    made, meta = Dataset(), FileMetaDataset()
    made.SOPClassUID = DigitalXRayImageStorageForPresentation
    made.SOPInstanceUID = generate_uid(entropy_srcs=[image["dicom_id"]])
    made.StudyInstanceUID = generate_uid(entropy_srcs=["study", str(image["study_id"])])
    made.SeriesInstanceUID = generate_uid(entropy_srcs=["series", image["dicom_id"]])
    made.StudyDate = str(image["StudyDate"])
    whole, _, fraction = image["StudyTime"].partition(".")
    # Some times are of no clock, as in the metadata: that is meant, and need not be warned of.
    with pydicom.config.disable_value_validation():
        made.add_new("StudyTime", "TM", f"{whole.zfill(6)}.{fraction or '0'}")
    made.Modality, made.BodyPartExamined = "DX", "CHEST"
    made.PatientID, made.PatientName, made.AccessionNumber = str(image["subject_id"]), "", ""
    made.BurnedInAnnotation = "YES" if burnt_in else "NO"
    if not gaps:
        made.ViewPosition = image["ViewPosition"] or ""
        made.PixelSpacing = [f"{0.139 * SCALE:.3f}"] * 2
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.add_new("PixelData", "OW", pixels.tobytes())
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta = meta
    out = io.BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def jpg_file(pixels: np.ndarray[Any, np.dtype[Any]]) -> bytes:
    """The same pixels in 8 bits."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray((pixels / 16).astype(np.uint8)).save(out, "JPEG", quality=70)
    return out.getvalue()
