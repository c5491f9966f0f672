"""The note module: discharge summaries and radiology reports (MIMIC-IV-Note), de-identified with `___`.

Row counts: the row-count validation script published with MIMIC-IV-Note.
"""

from clinical_assets.mimic.catalogue.columns import HADM_ID, HADM_ID_IF_ADMITTED, SUBJECT_ID, integer, text, timestamp
from clinical_assets.tables import Column, SourceTable

SOURCE = "MIMIC-IV-Note documentation, note module"
RELEASE = "mimic-iv-note/2.2"


def _note(hadm_id: Column, note_type: Column, charttime_meaning: str) -> tuple[Column, ...]:
    """The columns of a note, alike in discharge and radiology."""
    return (
        text("note_id", "Patient's number, the note's type and its number, e.g. 10000032-DS-21.", required=True),
        SUBJECT_ID,
        hadm_id,
        note_type,
        integer("note_seq", "Note's number within the patient and type, rising with time.", required=True),
        timestamp("charttime", charttime_meaning, required=True),
        timestamp("storetime", "When the note was filed: it could not be read before. May be empty."),
        text("text", "The whole note.", required=True),
    )


def _detail(of_table: str) -> tuple[Column, ...]:
    """The columns of a table of further fields of the notes in `of_table`."""
    return (
        text("note_id", "Note the field belongs to.", required=True, references=f"note/{of_table}.note_id"),
        SUBJECT_ID,
        text("field_name", "What the field says, e.g. author or exam_name.", required=True),
        text("field_value", "Field's content.", required=True),
        integer("field_ordinal", "Numbers the values of one field of one note.", required=True),
    )


DISCHARGE = SourceTable(
    key=("mimic", "note", "discharge"),
    file="note/discharge",
    grain="one row per discharge summary or addendum",
    meaning=(
        "Discharge summaries of hospital admissions. They tell the whole admission with its outcome and are known at "
        "storetime, often days after discharge: never a source for predictions during the admission."
    ),
    columns=_note(
        HADM_ID,
        text("note_type", "DS a summary, AD an addendum to one.", required=True, allowed=("DS", "AD")),
        "Day the note belongs to, usually midnight of the day of discharge.",
    ),
    primary_key=("note_id",),
    happened="charttime",
    known="storetime",
    source=SOURCE,
    published_rows={RELEASE: 331_793},
)

DISCHARGE_DETAIL = SourceTable(
    key=("mimic", "note", "discharge_detail"),
    file="note/discharge_detail",
    grain="one row per note, field and ordinal",
    meaning="Further fields of discharge summaries, such as the author; known when the note is.",
    columns=_detail("discharge"),
    source=SOURCE,
    published_rows={RELEASE: 186_138},
)

RADIOLOGY = SourceTable(
    key=("mimic", "note", "radiology"),
    file="note/radiology",
    grain="one row per radiology report or addendum",
    meaning="Radiology reports of all kinds of imaging, in and out of hospital, known at storetime.",
    columns=_note(
        HADM_ID_IF_ADMITTED,
        text("note_type", "RR a report, AR an addendum to one.", required=True, allowed=("RR", "AR")),
        "When the images were taken.",
    ),
    primary_key=("note_id",),
    happened="charttime",
    known="storetime",
    source=SOURCE,
    published_rows={RELEASE: 2_321_355},
)

RADIOLOGY_DETAIL = SourceTable(
    key=("mimic", "note", "radiology_detail"),
    file="note/radiology_detail",
    grain="one row per note, field and ordinal",
    meaning="Further fields of radiology reports, such as the examination's name and code; known when the report is.",
    columns=_detail("radiology"),
    source=SOURCE,
    published_rows={RELEASE: 6_046_121},
)

NOTE = (DISCHARGE, DISCHARGE_DETAIL, RADIOLOGY, RADIOLOGY_DETAIL)
