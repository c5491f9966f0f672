"""REFLACX readings: the three phases as one, mapped to studies, with what each reading's folder holds.

The study is in the image's path (`.../p<subject>/s<study>/<dicom_id>.dcm`), not in a column; a path that contradicts
the row's patient or image maps to nothing. The key is the reading: five radiologists read each image of phases 1 and 2.
Folders are read through `read_text`, one file at a time; a file that can't be read is a fault of its reading, not an
end of the run. Source of the layouts: REFLACX 1.0.0.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from clinical_assets.imaging.reflacx_tables import REFLACX_ANNOTATIONS, REFLACX_ELLIPSES
from clinical_assets.mimic.catalogue.reflacx import PHASE_1_LABELS, PHASES_2_AND_3_LABELS

FOLDER = "main_data"
PHASES: Mapping[int, tuple[str, ...]] = {1: PHASE_1_LABELS, 2: PHASES_2_AND_3_LABELS, 3: PHASES_2_AND_3_LABELS}
YES_OR_NO = ("Support devices", "Quality issue")
IN_WORDS = "Other"
READERS = 8
"""Files read at a time: from object storage each costs a round trip."""

ReadText = Callable[[str], str | None]
"""The text of a file below the release's folder, None where there is none."""

_IMAGE_PATH = r"(?:^|/)p(?P<subject>\d+)/s(?P<study>\d+)/(?P<dicom>[^/]+)\.dcm$"
_BOX = ("xmin", "ymin", "xmax", "ymax")
_READING = ["subject_id", "id", "study_id", "dicom_id"]


def readings(phase_1: pl.LazyFrame, phase_2: pl.LazyFrame, phase_3: pl.LazyFrame) -> pl.LazyFrame:
    """One row per reading: its numbers, its phase, the study its image is of, and whether that mapping holds."""
    return pl.concat([_mapped(frame, phase) for phase, frame in enumerate((phase_1, phase_2, phase_3), 1)])


def _mapped(metadata: pl.LazyFrame, phase: int) -> pl.LazyFrame:
    path = pl.col("image").str.extract_groups(_IMAGE_PATH)
    subject = path.struct.field("subject").cast(pl.Int64, strict=False)
    agrees = (subject == pl.col("subject_id")) & (path.struct.field("dicom") == pl.col("dicom_id"))
    mapped = agrees.fill_null(value=False)
    return metadata.select(
        "subject_id",
        "id",
        study_id=pl.when(mapped).then(path.struct.field("study").cast(pl.Int64, strict=False)),
        dicom_id="dicom_id",
        phase=pl.lit(phase, pl.Int64),
        split="split",
        eye_tracking_discarded="eye_tracking_data_discarded",
        mapped=mapped,
        image_width="image_size_x",
        image_height="image_size_y",
    )


def reflacx_labels(phase_1: pl.LazyFrame, phase_2: pl.LazyFrame, phase_3: pl.LazyFrame) -> pl.LazyFrame:
    """One row per reading and label of its phase; see `reflacx_tables.REFLACX_LABELS`."""
    return pl.concat([_labels_of(frame, phase) for phase, frame in enumerate((phase_1, phase_2, phase_3), 1)])


def _labels_of(metadata: pl.LazyFrame, phase: int) -> pl.LazyFrame:
    index = [*_READING, "phase"]
    named = _mapped(metadata, phase).select(index)
    certain = [label for label in PHASES[phase] if label not in YES_OR_NO and label != IN_WORDS]
    decided = [label for label in PHASES[phase] if label in YES_OR_NO]
    certainty, words = pl.col("certainty"), pl.col("words")
    certainties = metadata.unpivot(on=certain, index="id", variable_name="label", value_name="certainty").select(
        "id", "label", "certainty", present=certainty > 0, words=pl.lit(None, pl.String)
    )
    decisions = metadata.unpivot(on=decided, index="id", variable_name="label", value_name="present").select(
        "id", "label", certainty=pl.lit(None, pl.Float64), present="present", words=pl.lit(None, pl.String)
    )
    others = metadata.select(
        "id",
        label=pl.lit(IN_WORDS),
        certainty=pl.lit(None, pl.Float64),
        present=(pl.col(IN_WORDS).str.strip_chars() != "").fill_null(value=False),
        words=pl.col(IN_WORDS),
    ).with_columns(words=pl.when("present").then(words))
    return named.join(pl.concat([certainties, decisions, others]), on="id")


class ReadingFileError(ValueError):
    """A file of a reading is not what the release says it is; the message names file and column, never a value."""


@dataclass
class Folder:
    """What a reading's folder holds.

    Attributes:
        facts: columns of `REFLACX_ANNOTATIONS` the files give.
        ellipses: rows of `REFLACX_ELLIPSES` without the reading's numbers.
        faults: files that are missing though they should be there, or can't be read.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    ellipses: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_folder(
    reading_id: str, read_text: ReadText, *, tracked: bool, width: int | None, height: int | None
) -> Folder:
    """Read what a reading's folder holds.

    Args:
        reading_id: names the folder.
        read_text: reads a file below the release's folder.
        tracked: gaze and dictation were kept, so their files belong there.
        width: of the image in pixels.
        height: likewise.
    """
    found = Folder()
    parsers: dict[str, Callable[[str], dict[str, Any]]] = {"chest_bounding_box.csv": chest_box}
    if tracked:
        parsers |= {
            "transcription.txt": lambda text: {"transcription": text.strip()},
            "timestamps_transcription.csv": dictation,
            "fixations.csv": fixations,
        }
    for name, parse in parsers.items():
        text = _text_of(reading_id, name, read_text, found)
        if text is not None:
            try:
                found.facts |= parse(text)
            except ReadingFileError as error:
                found.faults.append(f"{name}: {error}")
    drawn = _text_of(reading_id, "anomaly_location_ellipses.csv", read_text, found)
    if drawn is not None:
        try:
            found.ellipses = list(ellipses(drawn, width, height))
            found.facts["n_ellipses"] = len(found.ellipses)
        except ReadingFileError as error:
            found.faults.append(f"anomaly_location_ellipses.csv: {error}")
    return found


def _text_of(reading_id: str, name: str, read_text: ReadText, found: Folder) -> str | None:
    try:
        text = read_text(f"{FOLDER}/{reading_id}/{name}")
    except UnicodeDecodeError:
        found.faults.append(f"{name}: not text")
        return None
    if text is None:
        found.faults.append(f"{name}: missing")
    return text


def chest_box(text: str) -> dict[str, Any]:
    """The box around the chest: columns `chest_*`."""
    rows = list(_rows(text, _BOX))
    if len(rows) != 1:
        raise ReadingFileError(f"expected one box, found {len(rows)}")
    box = _box(rows[0])
    return {f"chest_{edge}": box[edge] for edge in _BOX}


def ellipses(text: str, width: int | None, height: int | None) -> Iterator[dict[str, Any]]:
    """Every ellipse with all its labels: an earlier system kept the first label only."""
    for number, row in enumerate(_rows(text, (*_BOX, "certainty")), 1):
        labels = [name for name, value in row.items() if name not in (*_BOX, "certainty") and value.strip() == "True"]
        box = _box(row)
        inside = box["xmin"] >= 0 and box["ymin"] >= 0
        inside &= width is None or box["xmax"] <= width
        inside &= height is None or box["ymax"] <= height
        yield {
            "number": number,
            **box,
            "certainty": _number(row, "certainty") if row["certainty"].strip() else None,
            "labels": "|".join(labels) or None,
            "n_labels": len(labels),
            "inside_image": inside,
        }


def dictation(text: str) -> dict[str, Any]:
    """Number of words and seconds from the first to the last."""
    rows = list(_rows(text, ("word", "timestamp_start_word", "timestamp_end_word")))
    if not rows:
        return {"n_words": 0, "dictation_seconds": None}
    first = min(_number(r, "timestamp_start_word") for r in rows)
    last = max(_number(r, "timestamp_end_word") for r in rows)
    return {"n_words": len(rows), "dictation_seconds": round(last - first, 3)}


def fixations(text: str) -> dict[str, Any]:
    """Number, duration, beginning and pupil of the fixations."""
    begin, end, pupil = "timestamp_start_fixation", "timestamp_end_fixation", "pupil_area_normalized"
    rows = list(_rows(text, (begin, end, pupil)))
    pupils = [_number(r, pupil) for r in rows if r[pupil].strip()]
    return {
        "n_fixations": len(rows),
        "fixation_seconds": round(sum(_number(r, end) - _number(r, begin) for r in rows), 3),
        "first_fixation_seconds": min((_number(r, begin) for r in rows), default=None),
        "mean_pupil_area": round(sum(pupils) / len(pupils), 6) if pupils else None,
    }


def _rows(text: str, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in needed if name not in (rows.fieldnames or ())]
    if missing:
        raise ReadingFileError(f"expected columns {list(needed)}, {missing} missing")
    for row in rows:
        if None in row.values() or None in row:
            raise ReadingFileError(f"line {rows.line_num} has another number of fields than the header")
        yield row


def _box(row: Mapping[str, str]) -> dict[str, float]:
    box = {edge: _number(row, edge) for edge in _BOX}
    if box["xmax"] < box["xmin"] or box["ymax"] < box["ymin"]:
        raise ReadingFileError("a box ends before it begins")
    return box


def _number(row: Mapping[str, str], name: str) -> float:
    try:
        return float(row[name])
    except ValueError:
        raise ReadingFileError(f"column {name}: expected a number") from None


def annotated(
    readings: pl.DataFrame, labels: pl.DataFrame, read_text: ReadText, *, readers: int = READERS
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The readings with what their folders hold.

    Args:
        readings: rows of `readings`.
        labels: rows of `reflacx_labels` of the same readings.
        read_text: reads a file below the release's folder; called from several threads.
        readers: files read at a time.

    Returns:
        rows of `REFLACX_ANNOTATIONS` and of `REFLACX_ELLIPSES`, both in the readings' order.
    """
    given = labels.group_by("id").agg(n_labels_present=pl.col("present").sum().cast(pl.Int64))
    rows = readings.join(given, on="id", how="left", maintain_order="left").to_dicts()

    def folder_of(row: Mapping[str, Any]) -> Folder:
        return read_folder(
            row["id"],
            read_text,
            tracked=not row["eye_tracking_discarded"],
            width=row["image_width"],
            height=row["image_height"],
        )

    with ThreadPoolExecutor(readers) as pool:
        folders = list(pool.map(folder_of, rows))
    annotations = [_annotation(row, folder) for row, folder in zip(rows, folders, strict=True)]
    drawn = [
        {**{name: row[name] for name in _READING}, **ellipse}
        for row, folder in zip(rows, folders, strict=True)
        for ellipse in folder.ellipses
    ]
    return (
        pl.DataFrame(annotations, schema=REFLACX_ANNOTATIONS.polars_schema),
        pl.DataFrame(drawn, schema=REFLACX_ELLIPSES.polars_schema),
    )


def _annotation(row: Mapping[str, Any], folder: Folder) -> dict[str, Any]:
    faults = [*folder.faults, *([] if row["mapped"] else ["image path contradicts the row"])]
    return {
        **row,
        "n_labels_present": row["n_labels_present"] or 0,
        **folder.facts,
        "faults": "|".join(faults) or None,
    }


def study_flags(annotations: pl.LazyFrame) -> pl.LazyFrame:
    """One row per study that was read: how many readings and ellipses it has."""
    return (
        annotations.drop_nulls("study_id")
        .group_by("subject_id", "study_id")
        .agg(
            n_reflacx_readings=pl.len().cast(pl.Int64),
            n_reflacx_ellipses=pl.col("n_ellipses").sum().cast(pl.Int64),
        )
    )


def fault_counts(faults: Iterable[str | None]) -> dict[str, int]:
    """How often each fault occurs, for the asset check."""
    counts: dict[str, int] = {}
    for said in faults:
        for fault in (said or "").split("|"):
            if fault:
                counts[fault] = counts.get(fault, 0) + 1
    return counts
