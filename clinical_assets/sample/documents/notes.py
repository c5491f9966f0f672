"""The note module: discharge summaries of the admissions and reports of the chest X-rays, as MIMIC-IV-Note has them.

The same templates as the document store's, in the module's own form: identifiers are `___`, headings stand in lines of
their own. Dirt: addenda, reports without headings, reports of nobody's admission, notes filed days later or without a
time of filing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import numpy as np
import polars as pl

from clinical_assets.sample.course.people import DAY, HOUR
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.cxr import radiology
from clinical_assets.sample.documents.formats import WRITTEN
from clinical_assets.sample.documents.templates import templates
from clinical_assets.sample.documents.text import Note, laid_out, unmarked
from clinical_assets.sample.documents.ward import chest_occasion, ward_slots
from clinical_assets.sample.documents.wording import Occasion

HEADER = ("Name:  ___                     Unit No:   ___", "Attending: ___", "Date of Birth:  ___")
WITH_ADDENDUM, WITHOUT_STORETIME, WITHOUT_SUMMARY = 0.02, 0.004, 0.03
WITHOUT_HEADINGS = 0.08
"""Share of reports told in one go."""
AGED = {True: ("___ year old woman with", "___F with"), False: ("___ year old man with", "___M with")}
"""The patient in an indication, by whether she is a woman; ages are left out as the release does."""
ADDENDUM = "ADDENDUM:\nThe above was discussed with ___ by telephone. No change to the findings."
EXAM_CODES = {"CHEST (PORTABLE AP)": ("C11", "71045"), "CHEST (PA AND LAT)": ("C12", "71046")}
"""Codes of the examinations in the radiology system, and CPT."""

Row = dict[str, Any]


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """The four tables of MIMIC-IV-Note."""
    summaries = _numbered(_summaries(story))
    reports = _numbered(_reports(story))
    return {
        "mimic/note/discharge": _notes(summaries),
        "mimic/note/discharge_detail": _details(summaries),
        "mimic/note/radiology": _notes(reports),
        "mimic/note/radiology_detail": _details(reports),
    }


def _summaries(story: Story) -> Iterator[Row]:
    """One note per summary or addendum, by patient and time."""
    told, rng = story.encounters, Random(f"{story.block.seed}:{story.block.number}:summaries")  # noqa: S311 - repeatable
    for encounter in np.flatnonzero(told.admitted):
        if rng.random() < WITHOUT_SUMMARY:
            continue
        patient = int(told.patient[encounter])
        age, female = int(told.age[encounter]), bool(story.people.female[patient])
        left = int(told.discharge[encounter])
        occasion = Occasion("discharge_general", _moment(left), ward_slots(story, int(encounter), age, female, rng))
        note: Row = {
            "subject_id": int(story.people.subject_id[patient]),
            "hadm_id": int(told.hadm_id[encounter]),
            "note_type": "DS",
            # The day the note belongs to, at midnight; it is filed days later.
            "charttime": left // DAY * DAY,
            "storetime": left + rng.randrange(1, 90) * HOUR,
            "text": _written(occasion, rng, HEADER),
            "details": [("author", "___")] if rng.random() < 0.6 else [],
        }
        yield from _with_addendum(note, "AD", rng)


def chest_reports(story: Story) -> Iterator[tuple[int, int, str, str | None]]:
    """Every labelled study's report: subject_id, study_id, text, and the text of its addendum where there is one."""
    waiting: Row | None = None
    for note in _reports(story):
        if note["note_type"] == "AR":
            assert waiting is not None
            yield waiting["subject_id"], waiting["study_id"], waiting["text"], note["text"]
            waiting = None
            continue
        if waiting is not None:
            yield waiting["subject_id"], waiting["study_id"], waiting["text"], None
        waiting = note
    if waiting is not None:
        yield waiting["subject_id"], waiting["study_id"], waiting["text"], None


def _reports(story: Story) -> Iterator[Row]:
    """One note per report of a labelled study, by patient and time; an addendum follows its report."""
    told, rng = story.encounters, Random(f"{story.block.seed}:{story.block.number}:reports")  # noqa: S311 - repeatable
    studies = radiology.taken(story)
    exams = radiology.imaged(story, studies).group_by("study_id").agg(
        exam=pl.col("ProcedureCodeSequence_CodeMeaning").first()
    )  # fmt: skip
    # A study that no labeler read has no report here either.
    labelled = studies.join(radiology.labels(story, studies), on="study_id", maintain_order="left")
    labelled = labelled.join(exams, on="study_id", maintain_order="left").sort("subject_id", "time", "study_id")
    before: Row = {}
    for study in labelled.iter_rows(named=True):
        encounter, time = study["encounter"], study["time"]
        inside = told.admitted[encounter] and told.admit[encounter] <= time <= told.over[encounter]
        code, cpt = EXAM_CODES[study["exam"]]
        prior = before if before.get("subject_id") == study["subject_id"] else None
        occasion = chest_occasion(study, _moment(time), rng, prior)
        patient = rng.choice(AGED[bool(story.people.female[told.patient[encounter]])])
        note: Row = {
            "subject_id": study["subject_id"],
            "study_id": study["study_id"],
            "hadm_id": int(told.hadm_id[encounter]) if inside else None,
            "note_type": "RR",
            "charttime": time // 60 * 60,
            "storetime": time // 60 * 60 + rng.randrange(20, 1_500) * 60,
            "text": _reported(occasion, rng, patient, f"EXAMINATION:  {study['exam']}", compared=prior is not None),
            "details": [("exam_name", study["exam"]), ("exam_code", code), ("cpt_code", cpt)],
        }
        before = study
        yield from _with_addendum(note, "AR", rng)


def _reported(occasion: Occasion, rng: Random, patient: str, examination: str, *, compared: bool) -> str:
    """A report as released: ages, dates and names are `___`; some are told in one go."""
    asked = str(occasion.slots["indication"])
    slots = {
        **occasion.slots,
        "indication": f"{patient} {asked[0].lower()}{asked[1:]}",
        "comparison": "Chest radiograph of ___." if compared else "None.",
    }
    at_length = _written(Occasion(occasion.kind, occasion.at, slots), rng, (examination,))
    if rng.random() >= WITHOUT_HEADINGS:
        return at_length
    told = (slots["chest_findings"], slots["chest_impression"])
    return f"{examination.partition(':')[2].strip()} ___\n\n{' '.join(unmarked(str(words)) for words in told)}\n"


def _written(occasion: Occasion, rng: Random, header: tuple[str, ...]) -> str:
    filled = rng.choice(templates(occasion.kind)).filled(occasion.slots, header)
    sections = filled.sections
    return laid_out(Note(" ", filled.header, sections, filled.loinc), WRITTEN).text.lstrip() + "\n"


def _with_addendum(note: Row, kind: str, rng: Random) -> Iterator[Row]:
    yield note if rng.random() >= WITHOUT_STORETIME else {**note, "storetime": None}
    if rng.random() < WITH_ADDENDUM:
        later = note["storetime"] + rng.randrange(1, 48) * HOUR
        yield {**note, "note_type": kind, "storetime": later, "text": ADDENDUM, "details": "parent"}


def _numbered(notes: Iterable[Row]) -> list[Row]:
    """Give notes their number within patient and type, and addenda the note they belong to."""
    counts: dict[tuple[int, str], int] = {}
    numbered: list[Row] = []
    for note in sorted(notes, key=lambda n: (n["subject_id"], n["charttime"])):
        key = (note["subject_id"], note["note_type"])
        counts[key] = counts.get(key, 0) + 1
        note_id = f"{key[0]}-{key[1]}-{counts[key]}"
        details = note["details"]
        if details == "parent":
            details = [("parent_note_id", numbered[-1]["note_id"])]
        numbered.append({**note, "note_id": note_id, "note_seq": counts[key], "details": details})
    return numbered


def _notes(notes: list[Row]) -> pl.DataFrame:
    names = ("note_id", "subject_id", "hadm_id", "note_type", "note_seq", "charttime", "storetime", "text")
    text = ("note_id", "note_type", "text")
    schema = {name: pl.String() if name in text else pl.Int64() for name in names}
    return pl.DataFrame([{name: note[name] for name in names} for note in notes], schema=schema)


def _details(notes: list[Row]) -> pl.DataFrame:
    rows = [(note["note_id"], note["subject_id"], name, value, 1) for note in notes for name, value in note["details"]]
    schema = {"note_id": pl.String(), "subject_id": pl.Int64(), "field_name": pl.String(), "field_value": pl.String()}
    return pl.DataFrame(rows, schema={**schema, "field_ordinal": pl.Int64()}, orient="row")


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)
