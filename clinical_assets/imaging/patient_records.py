"""What one patient's folder holds: his study records as JSON and CSV, a timeline, and links to his images.

    patient.json     studies with images, stay, context and, apart, what was made afterwards: targets, filtered report
    studies.csv, images.csv, labs.csv, medications.csv, diagnoses.csv, timeline.csv
    images/s<study>_<dicom>_<view>.jpg     links to the release's files, where it is at hand

Files are readable by their owner only, as the data use agreement of credentialed data asks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from clinical_assets.imaging.clinical_context import CLINICAL_CONTEXT
from clinical_assets.imaging.study_records import STUDY_RECORDS

_NUMBERS = ("subject_id", "study_id")
_STAY = ("match_type", "ed_stay_id", "icu_stay_id", "hadm_id", "stay_intime", "offset_minutes", "n_candidates")
_MADE_AFTERWARDS = ("n_reflacx_readings", "n_reflacx_ellipses")
_REPORT = tuple(name for name in STUDY_RECORDS.column_names if name.startswith("report_"))
_KNOWN = tuple(
    name
    for name in (*CLINICAL_CONTEXT.column_names, "triage_complaint")
    if name in STUDY_RECORDS.column_names and name not in (*_NUMBERS, "study_time", *_STAY)
)
TIMELINE: dict[str, pl.DataType] = {
    "time": pl.Datetime("us"),
    "known_at": pl.Datetime("us"),
    "event": pl.String(),
    "what": pl.String(),
    "study_id": pl.Int64(),
}


@dataclass(frozen=True)
class Tables:
    """What the folders are made of, already cut to the patients wanted.

    Attributes:
        records: rows of `STUDY_RECORDS`.
        images: rows of `CXR_IMAGES`.
        labs: rows of `CONTEXT_LABS`.
        medications: rows of `CONTEXT_MEDICATIONS`.
        diagnoses: rows of `CONTEXT_DIAGNOSES`.
    """

    records: pl.DataFrame
    images: pl.DataFrame
    labs: pl.DataFrame
    medications: pl.DataFrame
    diagnoses: pl.DataFrame


def by_patient(tables: Tables) -> Iterator[Tables]:
    """One patient's rows after the other, by number; images of studies with a record only."""
    frames = {name: getattr(tables, name) for name in Tables.__dataclass_fields__}
    cut = {name: frame.partition_by("subject_id", as_dict=True) for name, frame in frames.items()}
    for key in sorted(cut["records"]):
        own = {name: parts.get(key, frames[name].clear()) for name, parts in cut.items()}
        own["images"] = own["images"].join(own["records"], on=[*_NUMBERS], how="semi").sort("study_id", "dicom_id")
        yield Tables(**{name: frame.sort("study_id", maintain_order=True) for name, frame in own.items()})


def write_patient(place: Path, patient: Tables, image_root: Path | None) -> None:
    """Write one patient's folder.

    Args:
        place: to be made.
        patient: his rows.
        image_root: the CXR release's folder; where given, each image that is there gets a link.
    """
    subject = int(patient.records["subject_id"][0])
    place.mkdir(mode=0o700)
    studies = [_study(row, patient) for row in patient.records.sort("study_time", "study_id").to_dicts()]
    split = patient.records["split"][0]
    write_json(place / "patient.json", {"subject_id": subject, "split": split, "studies": studies})
    files = {
        "studies": patient.records,
        **{n: getattr(patient, n) for n in ("images", "labs", "medications", "diagnoses")},
    }
    for name, frame in {**files, "timeline": timeline(patient)}.items():
        frame.write_csv(place / f"{name}.csv")
    if image_root is not None:
        _link_images(place / "images", patient.images, image_root)


def _study(row: Mapping[str, Any], patient: Tables) -> dict[str, Any]:
    def own(frame: pl.DataFrame) -> list[dict[str, Any]]:
        return frame.filter(pl.col("study_id") == row["study_id"]).drop(_NUMBERS, "study_time", strict=False).to_dicts()

    return {
        "study_id": row["study_id"],
        "study_time": row["study_time"],
        "views": row["views"],
        "procedure": row["procedure"],
        "images": own(patient.images),
        "stay": {name: row[name] for name in _STAY},
        "known_before": {
            **{name: row[name] for name in _KNOWN},
            "labs": own(patient.labs),
            "medications": own(patient.medications),
            "earlier_diagnoses": own(patient.diagnoses),
        }
        if row["has_context"]
        else None,
        "report": {name: row[name] for name in _REPORT} if row["report_source"] else None,
        "targets": {n: v for n, v in row.items() if n.startswith("target_") or n in _MADE_AFTERWARDS},
    }


def timeline(patient: Tables) -> pl.DataFrame:
    """What happened to one patient as far as his records tell, in order of time, then of event and text.

    `known_at` is when an event could first be read; an event is in a study's context only if that was before the study.
    """
    moments = [
        patient.records.select(
            time="study_time", known_at="study_time", event=pl.lit("chest X-ray"), what="procedure", study_id="study_id"
        ),
        patient.records.drop_nulls("stay_intime").select(
            time="stay_intime",
            known_at="stay_intime",
            event=pl.lit("stay begins"),
            what="match_type",
            study_id=pl.lit(None, pl.Int64),
        ),
        patient.labs.select(
            time="charttime",
            known_at="known_at",
            event=pl.lit("laboratory result"),
            what=pl.format(
                "{} {} {}", *(pl.col(c).fill_null("") for c in ("label", "value", "unit"))
            ).str.strip_chars(),
            study_id="study_id",
        ),
        patient.medications.select(
            time="starttime",
            known_at="known_at",
            event=pl.lit("prescription"),
            what="drug",
            study_id="study_id",
        ),
        patient.diagnoses.select(
            time="known_at",
            known_at="known_at",
            event=pl.lit("diagnosis billed"),
            what=pl.format("ICD-{} {}", "icd_version", "icd_code"),
            study_id="study_id",
        ),
    ]
    joined = pl.concat([m.select(*(pl.col(n).cast(t) for n, t in TIMELINE.items())) for m in moments])
    return joined.unique().drop_nulls("time").sort("time", "event", "what", "study_id", nulls_last=True)


def _link_images(place: Path, images: pl.DataFrame, image_root: Path) -> None:
    place.mkdir(mode=0o700)
    for row in images.iter_rows(named=True):
        file = (image_root / row["file"]).absolute()
        if file.is_file():
            view = "".join(c for c in row["view_position"] or "unknown" if c.isalnum())
            (place / f"s{row['study_id']}_{row['dicom_id']}_{view}{file.suffix}").symlink_to(file)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """A JSON file that only its owner can read."""
    text = json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{text}\n")


def _plain(value: Any) -> Any:  # noqa: ANN401  (whatever a frame's cell or a record holds)
    """Times as ISO text; a number that is none (NaN, infinity) as null, which JSON can say."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
