"""Reports of the synthetic hospital's studies: what the labels say, in words, under the headings reports have.

Written as MIMIC-CXR's files, and for some of the studies as notes of MIMIC-IV-Note, with what notes do to a text.
"""

import gzip
import random
from datetime import timedelta
from pathlib import Path

import polars as pl

from clinical_assets.imaging import report_files, studies
from clinical_assets.imaging.labels import OBSERVATIONS
from clinical_assets.mimic.catalogue import TABLES

CXR, NOTES = "mimic-cxr/2.0.0", "mimic-iv-note/2.2/note"
COMPLAINTS = ("cough", "fever", "chest pain", "shortness of breath", "fall", "weakness")
SAID = {
    1.0: ("There is {}.", "Findings are consistent with {}.", "{} is again seen."),
    0.0: ("There is no {}.", "No evidence of {}.", "No {} is seen."),
    -1.0: ("{} cannot be excluded.", "Possible {}."),
}


def report_of(row: dict, rng: random.Random) -> str:
    """One study's report; `row` has the labels and the examination."""
    told = [
        rng.choice(SAID[row[label]]).format(label.lower())
        for label in OBSERVATIONS
        if row[label] is not None and label != "No Finding"
    ]
    rng.shuffle(told)
    findings = " ".join(sentence[0].upper() + sentence[1:] for sentence in told) or "The lungs are clear."
    asked = rng.choice(COMPLAINTS)
    return (
        f"EXAMINATION:  {row['procedure'] or 'CHEST'}\n\nINDICATION:  ___ year old with {asked}. "
        f"Seen {rng.choice(['today', 'at home', 'overnight'])}. Evaluate for pneumonia.\n\nCOMPARISON:  ___\n\n"
        f"FINDINGS: \n\n{findings}\n\nIMPRESSION: \n\n{told[0] if told else 'No acute cardiopulmonary process.'}\n"
    )


def write_reports(sources: Path, *, noted: float = 0.5, seed: int = 1) -> pl.DataFrame:
    """Write the files and the notes; one row per study: `study_id`, `has_file`, `note_id`, `text`.

    A share of the studies has a note as well as a file, a share a note alone, the rest a file alone.
    """
    rng = random.Random(seed)
    read = {n: _read(sources, n) for n in ("metadata", "split", "chexpert")}
    images = studies.cxr_images(read["metadata"].lazy(), read["split"].lazy())
    labelled = read["chexpert"].select("study_id", *OBSERVATIONS)
    taken = studies.cxr_studies(images).with_columns(file=report_files.report_file()).sort("study_id").collect()
    rows, notes, details = [], [], []
    for number, row in enumerate(taken.join(labelled, on="study_id", how="left").iter_rows(named=True)):
        text, share = report_of(row, rng), rng.random()
        has_file, has_note = share > noted / 2, share < noted
        if has_file:
            path = sources / CXR / row["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"                                 FINAL REPORT\n {text}", encoding="utf-8")
        note_id = f"{row['subject_id']}-RR-{number}" if has_note and row["study_time"] else None
        if note_id is not None:
            notes.append(
                {
                    "note_id": note_id,
                    "subject_id": row["subject_id"],
                    "note_type": "RR",
                    "note_seq": number,
                    "charttime": row["study_time"].replace(microsecond=0),
                    "storetime": row["study_time"].replace(microsecond=0) + timedelta(hours=2),
                    "text": text,
                }
            )
            exam = {"note_id": note_id, "subject_id": row["subject_id"], "field_name": "exam_name"}
            details.append({**exam, "field_value": row["procedure"] or "CHEST (PORTABLE AP)", "field_ordinal": 1})
        rows.append({"study_id": row["study_id"], "has_file": has_file, "note_id": note_id, "text": text})
    for name, records in (
        ("radiology", notes),
        ("radiology_detail", details),
        ("discharge", []),
        ("discharge_detail", []),
    ):
        table = TABLES[f"mimic/note/{name}"]
        _write(sources / NOTES / f"{name}.csv.gz", pl.DataFrame(records, table.polars_schema))
    return pl.DataFrame(rows)


def _read(sources: Path, name: str) -> pl.DataFrame:
    table = TABLES[f"mimic/cxr/{name}"]
    return pl.read_csv(
        sources / "mimic-cxr-jpg/2.1.0" / f"{table.file}.csv.gz", schema_overrides=dict(table.polars_schema)
    ).select(table.column_names)


def _write(path: Path, frame: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(frame.write_csv(datetime_format="%Y-%m-%d %H:%M:%S").encode(), mtime=0))
