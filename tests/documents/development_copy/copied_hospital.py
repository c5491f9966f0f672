"""Three made-up patients in two batches: their documents, timelines and prioritised notes, to be copied."""

import datetime as dt
import json
from collections.abc import Iterator
from random import Random

import polars as pl

from clinical_assets.documents import tables
from clinical_assets.documents.development_copy.column_rules import COPIED, LINKS
from clinical_assets.documents.prioritised import prioritised_notes
from clinical_assets.documents.prioritised.note_profiles import ONCOLOGY
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.timeline import timeline_links, timeline_store
from clinical_assets.documents.timeline.event_rules import CPT
from clinical_assets.documents.timeline.events import EVENT_SCHEMA, LINK_SCHEMA, PATIENT_SCHEMA
from clinical_assets.sample.documents.formats import WRITTEN
from clinical_assets.sample.documents.store import header
from clinical_assets.sample.documents.stories import Person, illness
from clinical_assets.sample.documents.templates import templates
from clinical_assets.sample.documents.text import LaidOut, laid_out
from clinical_assets.sample.documents.wording import occasions

SECRET = b"a secret for the tests"
DAY = dt.date(2150, 3, 14)
BATCHES = {"everyone-001": ("10000014", "10000047"), "everyone-002": ("10000065",)}
FURTHER = (tables.TIMELINE, tables.PRIORITISED, tables.PRIORITISED_TRIGGERS)
IN_THE_LAKE = tuple(path for path in COPIED if path != LINKS)
"""The tables copied that lie in the hospital's lake; the links lie in its warehouse."""
NAMES = {"10000014": "Quillfeather, Kasper", "10000047": "Ormerod, Fenna", "10000065": "Silverlock, Ilse"}


def notes_of(patient: str, rng: Random) -> Iterator[LaidOut]:
    """All notes of a made-up patient, with where they state what."""
    yield from (laid for _, _, laid in _notes(patient, rng))


def documents_of(patient: str) -> list[tuple[str, dt.datetime, str]]:
    """Texts of a made-up patient: id, time, text."""
    return [(f"{patient}x{number}", at, laid.text) for number, at, laid in _notes(patient, Random(patient))][:25]


def _notes(patient: str, rng: Random) -> Iterator[tuple[int, dt.datetime, LaidOut]]:
    person = Person(
        patient,
        NAMES[patient],
        f"77{patient[-5:]}",
        dt.date(2090, 5, 6),
        True,
        61.0,
        DAY,
        dt.date(2153, 1, 1),
        None,
        (),
    )
    case = illness(person, rng)
    for number, occasion in enumerate(occasions(person, case, rng)):
        note = rng.choice(templates(occasion.kind)).filled(
            occasion.slots, header(person, "Achterberg, Tilda", occasion.at, rng)
        )
        yield number, occasion.at, laid_out(note, WRITTEN)


def frames(patients) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An index and texts with every declared column."""
    index, text = [], []
    for patient in patients:
        for document, at, words in documents_of(patient):
            extraction = extract(words.encode())
            index.append(
                {
                    "patient_id": patient, "document_id": document, "source": "manifest",
                    "document_type": "Operative Note" if document.endswith("x2") else "Note",
                    "category": "Oncology", "description": f"Note on {NAMES[patient]}", "authored_date": at.date(),
                    "authored_at": at, "stored_date": at.date(), "stored_at": at + dt.timedelta(hours=3),
                    "age_at_document_days": 22_000, "content_type": "text/plain", "size_bytes": len(words),
                    "sha256": extraction.bytes_sha256, "uri": f"file:///store/{patient}/{document}.txt",
                    "status": "indexed",
                }
            )  # fmt: skip
            spans = [
                {"kind": s.kind.value, "start": s.start, "end": s.end, "title": s.title, "level": s.level}
                for s in extraction.spans
            ]
            text.append(
                {
                    "patient_id": patient, "document_id": document, "sha256": extraction.bytes_sha256,
                    "extraction_success": True, "text": words, "characters": len(words), "spans": json.dumps(spans),
                    "text_sha256": extraction.text_sha256, "n_pages": 0, "n_sections": len(spans), "method": "plain",
                    "extractor": "plain", "extractor_version": "1", "n_warnings": 0, "warnings": "[]",
                    "facts": json.dumps({"effective_time": at.isoformat()}),
                }
            )  # fmt: skip
    return tuple(
        pl.DataFrame(rows, schema=table.polars_schema) for rows, table in ((index, tables.INDEX), (text, tables.TEXT))
    )


def timeline(patients) -> pl.DataFrame:
    """An admission, a surgery and a treatment of each patient, in the words of people who name people."""
    rows = []
    for patient in patients:
        first = documents_of(patient)[2][1]
        said = {"patient_id": patient, "encounter_id": f"H{patient}", "code_system": CPT, "rule": "test"}
        for event, kind, hours, words in (
            (f"admissions/H{patient}", "encounter", -30, None),
            (f"Procedure/{patient}-7", "surgery", -2, f"Craniotomy of {NAMES[patient]} on {first:%m/%d/%Y} for tumor"),
            (f"csv/registry/{patient}", "medication", 90, "temozolomide, by Dr. Achterberg"),
        ):
            at = first + dt.timedelta(hours=hours)
            code = NAMES[patient].split(",")[0] if kind == "medication" else "61510"
            rows.append(
                said
                | {"event_id": event, "event_type": kind, "description": words, "n_documents": 0, "status": "completed",
                   "code": code, "start_date": at.date(), "start_time": at,
                   "end_date": at.date() + dt.timedelta(days=3), "known_date": at.date(), "known_time": at}
            )  # fmt: skip
    made = pl.DataFrame(rows, schema=tables.TIMELINE.polars_schema).sort(tables.TIMELINE.sort_by)
    counted = links(patients, made).group_by("patient_id", "event_id").agg(pl.len().cast(pl.Int64).alias("n_documents"))
    joined = made.drop("n_documents").join(counted, on=["patient_id", "event_id"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("n_documents").fill_null(0)).select(made.columns)


def links(patients, events) -> pl.DataFrame:
    """The documents of events: by the rules, and a late document that only a source says is of the surgery."""
    index, _ = frames(patients)
    late = [{"document_id": documents_of(p)[-2][0], "event_id": f"Procedure/{p}-7", "patient_id": p} for p in patients]
    return timeline_links.source_documents(index, events, pl.DataFrame(late, schema=LINK_SCHEMA))


def prioritised(index, text, events, linked) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the prioritiser makes of them: notes kept, and what each trigger chose."""
    result = prioritised_notes.prioritised(index, text, events, ONCOLOGY, linked)
    kept = prioritised_notes.kept_notes(result, ONCOLOGY)
    return kept, prioritised_notes.trigger_outcomes(result, events, ONCOLOGY)


def load(warehouse):
    """The timelines and their links into a warehouse, as `documents/timeline` leaves them there."""
    for patients in BATCHES.values():
        events = timeline(patients)
        nobody = pl.DataFrame(schema=PATIENT_SCHEMA)
        timeline_store.load(warehouse, patients, nobody, events.select(list(EVENT_SCHEMA)), links(patients, events))


def write(lake, table, batch, frame):
    rows = frame.to_arrow()
    with lake.write(table, rows.schema, [batch], {}) as writer:
        writer.write(batch, rows)


def read(lake, table):
    return lake.scan(table, lake.partitions(table)).collect()


ONE = "10000065"
KNOWN = {ONE: ("Silverlock", "Ilse", "4711")}


def one_text(**columns) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An index and a text of one patient, with these values in the text's columns."""
    index, text = frames([ONE])
    plain = {"text": "FINDINGS: no mass.", "spans": "[]"} | columns
    return index.head(1), text.head(1).with_columns(pl.lit(value).alias(name) for name, value in plain.items())
