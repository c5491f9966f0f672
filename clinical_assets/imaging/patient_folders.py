"""Study records as one folder per patient, for people and tools that read files.

    <folder>/index.csv              one row per patient
    <folder>/summary.json           counts, and what the tables are
    <folder>/p<subject_id>/patient.json     studies with images, stay, context and, apart, targets
                           studies.csv, images.csv, labs.csv, medications.csv, diagnoses.csv, timeline.csv
                           images/s<study>_<dicom>_<view>.jpg     links to the release's files, where it is at hand

The folder appears whole or not at all: it is written beside its place and renamed. Files are readable by their owner
only, as the data use agreement of credentialed data asks.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from clinical_assets.imaging.clinical_context import CLINICAL_CONTEXT
from clinical_assets.imaging.study_records import STUDY_RECORDS

FORMAT = 1
_NUMBERS = ("subject_id", "study_id")
_STAY = ("match_type", "ed_stay_id", "icu_stay_id", "hadm_id", "stay_intime", "offset_minutes", "n_candidates")
_MADE_AFTERWARDS = ("n_reflacx_readings", "n_reflacx_ellipses")
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


def write_patient_folders(folder: Path, tables: Tables, *, image_root: Path | None = None) -> int:
    """Write one folder per patient of `tables.records`.

    Args:
        folder: to be made; its parent must exist.
        tables: rows of the wanted patients.
        image_root: the CXR release's folder; where given, each image that is there gets a link.

    Returns:
        how many patients were written.

    Raises:
        FileExistsError: `folder` is there already; nothing is overwritten.
    """
    if folder.exists():
        raise FileExistsError(f"expected no {folder}; found one; name another folder or remove that one")
    # mkdtemp makes folders only their owner can enter.
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-unfinished-", dir=folder.parent))
    try:
        index = [_write_patient(unfinished, rows, image_root) for rows in _by_patient(tables)]
        pl.DataFrame(index, schema=_INDEX, orient="row").write_csv(unfinished / "index.csv")
        _write_json(unfinished / "summary.json", _summary(tables))
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return len(index)


_INDEX = pl.Schema(
    {
        "subject_id": pl.Int64,
        "folder": pl.String,
        "split": pl.String,
        "n_studies": pl.Int64,
        "n_images": pl.Int64,
        "n_studies_with_context": pl.Int64,
        "n_studies_labelled": pl.Int64,
    }
)


def _by_patient(tables: Tables) -> Iterator[Tables]:
    frames = {name: getattr(tables, name) for name in Tables.__dataclass_fields__}
    cut = {name: frame.partition_by("subject_id", as_dict=True) for name, frame in frames.items()}
    for key in sorted(cut["records"]):
        own = {name: parts.get(key, frames[name].clear()) for name, parts in cut.items()}
        own["images"] = own["images"].join(own["records"], on=[*_NUMBERS], how="semi").sort("study_id", "dicom_id")
        yield Tables(**{name: frame.sort("study_id", maintain_order=True) for name, frame in own.items()})


def _write_patient(folder: Path, patient: Tables, image_root: Path | None) -> tuple[Any, ...]:
    subject = int(patient.records["subject_id"][0])
    place = folder / f"p{subject}"
    place.mkdir(mode=0o700)
    studies = [_study(row, patient) for row in patient.records.sort("study_time", "study_id").to_dicts()]
    split = patient.records["split"][0]
    _write_json(place / "patient.json", {"subject_id": subject, "split": split, "studies": studies})
    files = {
        "studies": patient.records,
        **{n: getattr(patient, n) for n in ("images", "labs", "medications", "diagnoses")},
    }
    for name, frame in {**files, "timeline": timeline(patient)}.items():
        frame.write_csv(place / f"{name}.csv")
    if image_root is not None:
        _link_images(place / "images", patient.images, image_root)
    context, labelled = (int(patient.records[name].sum()) for name in ("has_context", "labelled"))
    return (subject, place.name, split, len(studies), patient.images.height, context, labelled)


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


def _summary(tables: Tables) -> dict[str, Any]:
    sides = tables.records.unique("subject_id")["split"].value_counts().sort("split")
    return {
        "format": FORMAT,
        "patients": tables.records["subject_id"].n_unique(),
        "studies": tables.records.height,
        "studies_with_context": int(tables.records["has_context"].sum()),
        "studies_labelled": int(tables.records["labelled"].sum()),
        "patients_by_split": dict(sides.iter_rows()),
        "inputs": "images, stay, known_before",
        "targets": "targets: made afterwards, never inputs",
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
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
