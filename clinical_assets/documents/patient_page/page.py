"""`python -m clinical_assets.documents.patient_page PATIENT OUT.html`: one patient's record on one page.

On top a picture: the events of his timeline, his documents below them, and from each event a line to the note it chose.
Then the kept notes with why each was kept and its text, what found no note, all events, and the documents not kept. So
an abstractor sees at a glance whether what a language model will read is what he would have read.

The page is made for one reader on his machine; it holds everything the lake holds of the patient, and says so on top.
Only its owner may read the file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
from markupsafe import Markup

from clinical_assets.documents.patient_page.drawing import Lane, Line, Mark, picture
from clinical_assets.documents.tables import INDEX, INDEXED, PRIORITISED, PRIORITISED_TRIGGERS, TEXT, TIMELINE
from clinical_assets.documents.timeline.event_rules import EVENT_TYPES
from clinical_assets.settings import Settings, SettingsError
from clinical_assets.tables import Table
from resources.lake import Lake, LakeError

LANES = ("encounter", *(kind for kind in EVENT_TYPES if kind not in ("encounter", "other")), "other")
KEPT, NOT_KEPT = "kept notes", "not kept"


class PageError(ValueError):
    """There is no page to be made; the message says what was expected and what to do."""


@dataclass(frozen=True)
class PatientRecord:
    """What the lake holds of one patient.

    Attributes:
        patient_id: the patient.
        events: rows of `documents/timeline`, by start.
        documents: rows of `documents/index` with `day` and `time` (when each was written, as the index or the document
            says), `extraction_success`, `reason` and `warnings` of its text, and `kept`; by day.
        kept: rows of `documents/prioritised` with `text` and `method`, by time.
        triggers: rows of `documents/prioritised_triggers`, by event.
    """

    patient_id: str
    events: pl.DataFrame
    documents: pl.DataFrame
    kept: pl.DataFrame
    triggers: pl.DataFrame


def record_of(lake: Lake, patient_id: str) -> PatientRecord:
    """One patient's record; what is not materialized yet is empty.

    Raises:
        PageError: the lake has no document and no event of that patient.
    """
    rows = {
        table: _rows(lake, table, patient_id) for table in (INDEX, TEXT, TIMELINE, PRIORITISED, PRIORITISED_TRIGGERS)
    }
    if rows[INDEX].is_empty() and rows[TIMELINE].is_empty():
        raise PageError(
            f"expected a patient of {INDEX.path} or {TIMELINE.path}; found nothing of the one named. Write his id as "
            f"the source does, or materialize the batch he is in (`{lake.root}` is the lake)"
        )
    read = rows[TEXT].select(
        "document_id", "text", "method", "extraction_success", "reason", "warnings", "stated_date", "stated_at"
    )
    kept = rows[PRIORITISED].join(read.select("document_id", "text", "method"), on="document_id", how="left")
    documents = (
        rows[INDEX]
        .join(read.drop("text", "method"), on="document_id", how="left")
        .with_columns(
            day=pl.coalesce("authored_date", "stated_date"),
            time=pl.coalesce("authored_at", "stated_at"),
            kept=pl.col("document_id").is_in(kept["document_id"].implode()),
        )
    )
    return PatientRecord(
        patient_id,
        rows[TIMELINE].sort("start_date", "start_time", "event_id"),
        documents.sort("day", "time", "document_id", nulls_last=True),
        kept.sort("note_date", "note_time", "document_id"),
        rows[PRIORITISED_TRIGGERS].sort("event_date", "event_time", "event_id", "reason", "kind"),
    )


def _rows(lake: Lake, table: Table, patient_id: str) -> pl.DataFrame:
    """The patient's rows of a table, whatever version of the code made each batch: what one lacks is empty."""
    parts = [table.empty()]
    for batch in lake.partitions(table.path):
        rows = lake.scan(table.path, [batch])
        held = rows.collect_schema()
        known = [name for name in table.column_names if name in held]
        parts.append(rows.filter(pl.col("patient_id") == patient_id).select(known).collect())
    # A patient of two cohorts is in two batches, with the same rows in both.
    return pl.concat(parts, how="diagonal").unique(table.primary_key, keep="first", maintain_order=True)


def render(record: PatientRecord, *, texts: bool = True) -> str:
    """The page, self-contained: no script, nothing fetched.

    Args:
        record: what is shown.
        texts: whether the kept notes' words are on it.
    """
    lanes = [*_event_lanes(record.events), *_document_lanes(record)]
    names, drawn = picture(lanes, _lines(record)) if any(lane.marks for lane in lanes) else (Markup(""), Markup(""))
    chosen = record.triggers.filter(pl.col("document_id").is_not_null())
    choosers = {str(name): part.to_dicts() for (name,), part in chosen.group_by("document_id", maintain_order=True)}
    events = {row["event_id"]: row for row in record.events.to_dicts()}
    rest = record.documents.filter(~pl.col("kept"))
    return _template().render(
        patient=record.patient_id,
        names=names,
        picture=drawn,
        lanes=[lane.name for lane in lanes],
        counts=_counts(record),
        profile=record.kept["profile"].to_list()[:1],
        kept=[row | {"chosen_by": choosers.get(row["document_id"], [])} for row in record.kept.to_dicts()],
        events=events,
        nothing=record.triggers.filter(pl.col("document_id").is_null()).to_dicts(),
        documents=[row | {"cautions": _cautions(row["warnings"])} for row in rest.to_dicts()],
        texts=texts,
        style=Markup((resources.files(__package__) / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string((resources.files(__package__) / "page.html").read_text(encoding="utf-8"))


def _counts(record: PatientRecord) -> Mapping[str, int]:
    documents = record.documents
    return {
        "events": record.events.height,
        "documents": documents.height,
        "without text": documents.filter(~pl.col("extraction_success").fill_null(value=False)).height,
        "without a day": documents["day"].null_count(),
        "notes kept": record.kept.height,
    }


def _cautions(warnings: str | None) -> list[str]:
    return sorted({str(each["code"]) for each in json.loads(warnings or "[]")})


def _event_lanes(events: pl.DataFrame) -> list[Lane]:
    lanes = []
    for kind in LANES:
        marks = []
        for row in events.filter(pl.col("event_type") == kind).to_dicts():
            start = row["start_time"] or row["start_date"]
            end = row["end_time"] or row["end_date"]
            marks.append(Mark(row["event_id"], start, end, kind, _told_event(row), f"e-{row['event_id']}"))
        if marks:
            lanes.append(Lane(kind, tuple(marks)))
    return lanes


def _told_event(row: Mapping[str, Any]) -> str:
    when = _until(row["start_time"] or row["start_date"], row["end_time"] or row["end_date"])
    return " · ".join(filter(None, (when, row["event_subtype"], row["description"], row["event_id"])))


def _until(start: object, end: object) -> str:
    return str(start) if end is None or end == start else f"{start} to {end}"


def _document_lanes(record: PatientRecord) -> list[Lane]:
    """Kept and others; a kept note lies where the prioritiser dated it."""
    kept = [
        Mark(
            row["document_id"],
            row["note_time"] or row["note_date"],
            None,
            "kept",
            " · ".join(filter(None, (str(row["note_time"] or row["note_date"]), row["note_type"], row["reasons"]))),
            f"d-{row['document_id']}",
        )
        for row in record.kept.to_dicts()
    ]
    others = [
        Mark(
            row["document_id"],
            row["time"] or row["day"],
            None,
            "left" if row["extraction_success"] else "failed",
            " · ".join(filter(None, (str(row["time"] or row["day"]), row["document_type"], _state(row)))),
            f"d-{row['document_id']}",
        )
        for row in record.documents.filter(~pl.col("kept") & pl.col("day").is_not_null()).to_dicts()
    ]
    return [Lane(name, tuple(marks)) for name, marks in ((KEPT, kept), (NOT_KEPT, others)) if marks]


def _state(row: Mapping[str, Any]) -> str | None:
    """Why there is no text, if there is none."""
    if row["extraction_success"]:
        return None
    return str(row["reason"] or (row["status"] if row["status"] != INDEXED else "not read yet"))


def _lines(record: PatientRecord) -> list[Line]:
    """From events to the notes they chose; where a note was kept for its link alone, from the event it is linked to."""
    kinds = dict(record.events.select("event_id", "event_type").iter_rows())
    chosen = record.triggers.filter(pl.col("document_id").is_not_null())
    linked = record.kept.join(chosen, on="document_id", how="anti").filter(pl.col("event_id").is_not_null())
    ends = [
        *chosen.select("event_id", "document_id", pl.col("edge") == "end").iter_rows(),
        *linked.select("event_id", "document_id", pl.lit(value=False)).iter_rows(),
    ]
    return [Line(event, note, at_end, kinds.get(event, "other")) for event, note, at_end in ends]


def write(page: str, out: Path) -> None:
    """The page into a file that only its owner may read; what was there is replaced at once or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    handle, staged = tempfile.mkstemp(dir=out.absolute().parent, prefix=".page-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        Path(staged).replace(out)
    except BaseException:
        Path(staged).unlink(missing_ok=True)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 when the page is there."""
    parser = argparse.ArgumentParser(
        prog="python -m clinical_assets.documents.patient_page",
        description="One patient's timeline, documents and kept notes as one HTML page.",
        epilog="The page holds a patient's record: keep it where such records are kept.",
    )
    parser.add_argument("patient", help="the patient's id, as the source writes it")
    parser.add_argument("out", type=Path, help="HTML file to be written; one that is there is replaced")
    parser.add_argument("--without-text", action="store_true", help="leave the words of the notes out")
    asked = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        lake = Lake(root=settings.lake_root, subject_shards=settings.subject_shards)
        record = record_of(lake, asked.patient)
        write(render(record, texts=not asked.without_text), asked.out)
    except (SettingsError, LakeError, PageError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    counts = ", ".join(f"{number:,} {name}" for name, number in _counts(record).items())
    sys.stdout.write(f"{asked.out}: {counts}\n")
    return 0
