"""Headers of DICOM images and sizes of JPGs, read without their pixels.

Files are opened through `open_file`, below a release's folder or an object store's prefix, several at a time, and never
copied. A tag that is missing or malformed leaves its column null and is named. A file that says who the patient is, or
that such writing is burnt into its pixels, is refused: of it only the number, the path and the reason are kept, and the
reason names attributes, never what they hold. Reports among the files (SR) are left to `documents/dicom_sr`.

Sources: DICOM PS3.15 Table E.1-1 (attributes to be removed by the basic confidentiality profile), PS3.3 C.7.6.1.1.5
(Burned In Annotation), C.7.6.1.1.6 (Recognizable Visual Features); JPEG: ITU-T T.81 B.1.1.3 and B.2.2.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import polars as pl

from clinical_assets.imaging.released_files import (
    READERS,
    ListFolder,
    OpenFile,
    all_missing,
    facts_of_files,
    files_nobody_named,
)
from clinical_assets.imaging.tables import DICOM_ID, SUBJECT_ID
from clinical_assets.mimic.catalogue.columns import boolean, integer, number, text
from clinical_assets.tables import Table

STATUSES = ("read", "refused", "missing", "not dicom", "unreadable", "report")

FILE_OF_IMAGE = (
    SUBJECT_ID,
    integer("study_id", "The study.", required=True),
    DICOM_ID,
    text("file", "Path below the release's folder.", required=True),
)

DICOM_HEADERS = Table(
    key=("imaging", "dicom_headers"),
    grain="one row per DICOM file looked for, or found beside one",
    meaning="What the headers of the images say, without pixels. Files with identifying attributes or burnt-in writing "
    "are refused and keep nothing but the reason. Structured reports that lie beside the images are told, too "
    "(status report): documents/ reads their text.",
    primary_key=("dicom_id",),
    source="MIMIC-CXR DICOM files; DICOM PS3.3, PS3.15",
    columns=(
        *FILE_OF_IMAGE,
        text("status", "Whether the header could be used.", required=True, allowed=STATUSES),
        text("reason", "Why not, parted by |: names of attributes, never their values."),
        text("sop_class", "Kind of object (SOP Class UID)."),
        text("transfer_syntax", "Encoding of the file (Transfer Syntax UID)."),
        text("modality", "Modality, e.g. DX or CR."),
        text("view_position", "Projection, e.g. AP."),
        text("body_part", "Body part examined."),
        text("photometric", "MONOCHROME1 shows bone dark: invert it before comparing with MONOCHROME2."),
        integer("height", "Rows.", unit="px"),
        integer("width", "Columns.", unit="px"),
        integer("bits_stored", "Bits per pixel that carry grey values.", plausible=(1, 32)),
        number("pixel_spacing_row", "Distance between rows, at the detector where no other is given.", unit="mm"),
        number("pixel_spacing_column", "Distance between columns, likewise.", unit="mm"),
        integer("study_date", "StudyDate as the number yyyymmdd (shifted)."),
        text("study_time", "StudyTime as written, with its leading zeros."),
        text("burned_in_annotation", "YES is refused; NO; null where the header does not say.", allowed=("NO",)),
        integer("n_private_attributes", "Attributes of the maker's own, whose content nobody vouches for."),
        text("missing", "Columns above that the header lacks or has malformed, parted by |."),
        boolean("has_pixels", "Pixel data follow the header; false: the file may be cut short."),
    ),
)

JPG_FILES = Table(
    key=("imaging", "jpg_files"),
    grain="one row per JPG looked for",
    meaning="Sizes of the JPGs of MIMIC-CXR-JPG, from their frame header.",
    primary_key=("dicom_id",),
    source="MIMIC-CXR-JPG files",
    columns=(
        *FILE_OF_IMAGE,
        text("status", "Whether its size could be read.", required=True, allowed=("read", "missing", "not jpg")),
        integer("height", "Height.", unit="px"),
        integer("width", "Width.", unit="px"),
        boolean("as_in_metadata", "The same size as imaging/cxr_images says; null where either is unknown."),
    ),
)

# Attributes the basic confidentiality profile removes or empties that name a person, a place or a way to reach them.
IDENTIFYING = (
    "AccessionNumber",
    "AdditionalPatientHistory",
    "InstitutionAddress",
    "InstitutionName",
    "InstitutionalDepartmentName",
    "IssuerOfPatientID",
    "MedicalRecordLocator",
    "MilitaryRank",
    "NameOfPhysiciansReadingStudy",
    "OperatorsName",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientAddress",
    "PatientBirthDate",
    "PatientBirthName",
    "PatientComments",
    "PatientInsurancePlanCodeSequence",
    "PatientMotherBirthName",
    "PatientName",
    "PatientReligiousPreference",
    "PatientTelephoneNumbers",
    "PerformingPhysicianName",
    "PhysiciansOfRecord",
    "ReferringPhysicianAddress",
    "ReferringPhysicianName",
    "ReferringPhysicianTelephoneNumbers",
    "RegionOfResidence",
    "RequestingPhysician",
    "ResponsiblePerson",
    "StationName",
)
_BLANKED = frozenset(("", "_", "__", "___", "^", "ANONYMOUS", "ANONYMIZED", "DEIDENTIFIED", "REMOVED", "NONE"))
_REPORT_CLASSES = ("1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.")
_TEXTS = {
    "sop_class": "SOPClassUID",
    "modality": "Modality",
    "view_position": "ViewPosition",
    "body_part": "BodyPartExamined",
    "photometric": "PhotometricInterpretation",
    "study_time": "StudyTime",
}
_INTEGERS = {"height": "Rows", "width": "Columns", "bits_stored": "BitsStored", "study_date": "StudyDate"}
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing")

Header = Any  # pydicom's data sets


def dicom_headers(
    images: pl.DataFrame,
    open_file: OpenFile | None,
    list_folder: ListFolder | None = None,
    *,
    readers: int = READERS,
) -> pl.DataFrame:
    """One row per image, and per further file beside them; see `DICOM_HEADERS`.

    Args:
        images: `subject_id`, `study_id`, `dicom_id` and `file`, the path of each.
        open_file: opens a path; called from several threads. None where the release is not at hand: all are missing.
        list_folder: lists a study's folder, in which files may lie that no table names (structured reports); None: only
            the images are looked for.
        readers: files open at a time.
    """
    if open_file is None:
        return all_missing(images, _NUMBERS, DICOM_HEADERS)
    files = images.select(_NUMBERS)
    if list_folder is not None:
        files = pl.concat([files, files_nobody_named(files, DICOM_ID.name, list_folder, ".dcm", readers)])
    with _silent():
        return facts_of_files(
            files, _NUMBERS, lambda row: dicom_facts(row["subject_id"], row["file"], open_file), DICOM_HEADERS, readers
        )


def jpg_files(images: pl.DataFrame, open_file: OpenFile | None, *, readers: int = READERS) -> pl.DataFrame:
    """One row per image; see `JPG_FILES`. `images` also has `height` and `width` as the metadata give them."""
    if open_file is None:
        return all_missing(images, _NUMBERS, JPG_FILES)

    def facts(row: dict[str, Any]) -> dict[str, Any]:
        found = _jpg_facts(row["file"], open_file)
        read = (found.get("height"), found.get("width"))
        known = None not in (*read, row["height"], row["width"])
        return {**found, "as_in_metadata": read == (row["height"], row["width"]) if known else None}

    return facts_of_files(images, _NUMBERS, facts, JPG_FILES, readers)


_NUMBERS = [column.name for column in FILE_OF_IMAGE]


@contextmanager
def _silent() -> Iterator[None]:
    """Pydicom's warnings and log lines repeat the values they complain about, which are patients' data."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)


def dicom_facts(subject_id: int, path: str, open_file: OpenFile) -> dict[str, Any]:
    """The columns of `DICOM_HEADERS` for one file, beside its numbers."""
    import pydicom

    try:
        with open_file(path) as file:
            header = pydicom.dcmread(file, stop_before_pixels=True)
            has_pixels = bool(file.read(1))  # reading stopped in front of them
    except FileNotFoundError:
        return {"status": "missing"}
    except pydicom.errors.InvalidDicomError:
        return {"status": "not dicom"}
    except Exception as error:  # pydicom raises whatever a damaged element happens to cause
        return {"status": "unreadable", "reason": type(error).__name__}
    try:
        return _facts_of(header, subject_id, has_pixels)
    except Exception as error:
        return {"status": "unreadable", "reason": type(error).__name__}


def _facts_of(header: Header, subject_id: int, has_pixels: bool) -> dict[str, Any]:
    reasons = list(refusals(header, subject_id))
    if reasons:
        return {"status": "refused", "reason": "|".join(reasons)}
    sop_class = str(header.get("SOPClassUID", ""))
    if sop_class.startswith(_REPORT_CLASSES):
        return {"status": "report", "sop_class": sop_class}
    if not sop_class and "Rows" not in header:
        return {"status": "unreadable", "reason": "neither class nor size of an image"}
    facts: dict[str, Any] = {column: _text(header, keyword) for column, keyword in _TEXTS.items()}
    facts |= {column: _integer(header, keyword) for column, keyword in _INTEGERS.items()}
    facts["pixel_spacing_row"], facts["pixel_spacing_column"] = _spacing(header)
    meta = getattr(header, "file_meta", {})
    return {
        **facts,
        "status": "read",
        "reason": None if has_pixels else "no pixel data",
        "transfer_syntax": str(meta.get("TransferSyntaxUID", "")) or None,
        "burned_in_annotation": "NO" if _upper(header, "BurnedInAnnotation") == "NO" else None,
        "n_private_attributes": sum(1 for element in header if element.tag.is_private),
        "missing": "|".join(name for name, value in facts.items() if value is None) or None,
        "has_pixels": has_pixels,
    }


def refusals(header: Header, subject_id: int) -> Iterator[str]:
    """Why a file may not be used: names of attributes, never what they hold."""
    for keyword in ("BurnedInAnnotation", "RecognizableVisualFeatures"):
        if _upper(header, keyword) == "YES":
            yield keyword
    for element in header.iterall():
        if element.keyword in IDENTIFYING and _says_something(element):
            yield element.keyword
    # The release's own number stands for the patient; any other is one of the hospital's.
    number = _upper(header, "PatientID").lstrip("P")
    if number not in _BLANKED and number != str(subject_id):
        yield "PatientID"


def _says_something(element: Header) -> bool:
    values = element.value if element.VM > 1 or element.VR == "SQ" else [element.value]
    return any(value is not None and str(value).strip().upper() not in _BLANKED for value in values)


def _upper(header: Header, keyword: str) -> str:
    return (_text(header, keyword) or "").upper()


def _text(header: Header, keyword: str) -> str | None:
    try:
        value = header.get(keyword)
    except Exception:  # a malformed element is a missing one
        return None
    return str(value).strip() or None if value is not None else None


def _integer(header: Header, keyword: str) -> int | None:
    written = _text(header, keyword)
    return int(written) if written and written.isdecimal() else None


def _spacing(header: Header) -> tuple[float | None, float | None]:
    for keyword in _SPACINGS:
        try:
            row, column = (float(value) for value in header.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        return row, column
    return None, None


def _jpg_facts(path: str, open_file: OpenFile) -> dict[str, Any]:
    try:
        with open_file(path) as file:
            size = jpg_size(file)
    except FileNotFoundError:
        return {"status": "missing"}
    if size is None:
        return {"status": "not jpg"}
    return {"status": "read", "height": size[0], "width": size[1]}


_START_OF_IMAGE, _START_OF_SCAN, _END_OF_IMAGE = 0xD8, 0xDA, 0xD9
_STAND_ALONE = (0x01, *range(0xD0, 0xD8))
# Start-of-frame markers; C4, C8 and CC among them are something else.
_FRAMES: Sequence[int] = [m for m in range(0xC0, 0xD0) if m not in (0xC4, 0xC8, 0xCC)]


def jpg_size(file: BinaryIO) -> tuple[int, int] | None:
    """Height and width from a JPG's frame header, None where the bytes are no JPG or end before it."""
    if file.read(2) != bytes((0xFF, _START_OF_IMAGE)):
        return None
    while True:
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] in (_START_OF_SCAN, _END_OF_IMAGE):
            return None
        if marker[1] == 0xFF:  # a fill byte
            file.seek(-1, 1)
            continue
        if marker[1] in _STAND_ALONE:
            continue
        length = int.from_bytes(file.read(2), "big")
        if marker[1] in _FRAMES:
            frame = file.read(5)
            size = (int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big"))
            return size if len(frame) == 5 and all(size) else None
        if length < 2:
            return None
        file.seek(length - 2, 1)
