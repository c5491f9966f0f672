"""The tables of `documents/`: batches of patients, the index of documents, their text."""

from __future__ import annotations

from typing import get_args

from clinical_assets.documents.prioritised.note_profiles import Kind
from clinical_assets.documents.readers.reading import Reason
from clinical_assets.documents.text.stated_times import STATING
from clinical_assets.documents.timeline.event_rules import EVENT_TYPES
from clinical_assets.mimic.catalogue.columns import boolean, date, integer, text, timestamp
from clinical_assets.tables import Axis, Table

PATIENT_ID = text("patient_id", "The patient, as the source names him; MIMIC's number as text.", required=True)
DOCUMENT_ID = text("document_id", "Stable id of the document.", required=True)
SHA256 = "SHA-256 of the document's bytes, hexadecimal"

INDEXED = "indexed"
MISSING, UNREADABLE = "missing", "unreadable"
DATED_BY = ("index", *STATING)
STATUSES = (INDEXED, MISSING, UNREADABLE, Reason.UNRESOLVED_REFERENCE.value, Reason.ENTERED_IN_ERROR.value)
SOURCES = ("manifest", "fhir", "tree", "note", "dicom_sr")

PATIENT_BATCHES = Table(
    key=("documents", "patient_batches"),
    grain="one row per batch of patients",
    meaning="The batches that cohorts are cut into: the partitions of everything about documents. Who is in which is "
    "recorded in PostgreSQL, `workflow_metadata.batch_members`; names carry no identity.",
    primary_key=("patient_batch",),
    patient_keyed=False,
    source="documents/cohorts/*.yaml and the files of CLINICAL_COHORTS",
    kinds=frozenset({"postgres", "parquet"}),
    columns=(
        text("patient_batch", "The partition's key: cohort and number.", required=True),
        text("cohort", "The cohort it was cut from.", required=True),
        integer("number", "Of the batch in its cohort, from 1.", required=True),
        integer("patients", "Its members; they never change.", required=True, plausible=(1, 1000)),
    ),
)

INDEX = Table(
    key=("documents", "index"),
    axis=Axis.PATIENT_BATCH,
    grain="one row per document",
    meaning="The documents of a batch's patients wherever they lie: what each is, when it was written, and a hash of "
    "its bytes. A document whose bytes have not changed is not read again.",
    primary_key=("document_id",),
    happened="authored_at",
    known="stored_at",
    source="document store (manifest, FHIR DocumentReference or folders), MIMIC-IV-Note, DICOM structured reports",
    kinds=frozenset({"python", "parquet"}),
    columns=(
        PATIENT_ID,
        DOCUMENT_ID,
        text("source", "What named the document.", required=True, allowed=SOURCES),
        text("document_type", "Type, in the source's words."),
        text("category", "Category, in the source's words."),
        text("description", "Description, in the source's words."),
        date("authored_date", "Day it was written."),
        timestamp("authored_at", "Time it was written, local time of the hospital; empty where only the day is known."),
        date("stored_date", "Day it could first be read."),
        timestamp("stored_at", "Time it could first be read; empty where only the day is known, or nothing."),
        integer("age_at_document_days", "Age when it was written, where the source gives a birth date.", unit="d"),
        text("declared_type", "Content type as declared, with a charset if it has one; a hint, never trusted."),
        text("content_type", "Content type found in the bytes; empty where there are none."),
        integer("size_bytes", "Size.", unit="By"),
        text("sha256", f"{SHA256}; empty where there are none."),
        text("uri", "Where the bytes lie.", required=True),
        text("version", "The bytes' version there: ETag, or size and time of change; empty where they are missing."),
        text("binary_id", "Id of the FHIR Binary that holds the bytes, if one does."),
        text("status", "Whether the bytes were read, or why not.", required=True, allowed=STATUSES),
        text("fault", "What is wrong with the document's entry in its source, if anything."),
        text(
            "other_formats",
            "Where the same document lies in other formats, the best first, as a JSON list of objects: uri, version "
            "(none where there are no bytes), declared_type, binary_id, refused (why it is not looked for); empty "
            "where it has no other.",
        ),
    ),
)

TEXT = Table(
    key=("documents", "text"),
    axis=Axis.PATIENT_BATCH,
    grain="one row per document",
    meaning="Each document's text with the map of its pages and sections, how it was read, and what to know about it; "
    "for a document that cannot be read the reason, and no text.",
    primary_key=("document_id",),
    source="documents/index, through the cache document_cache.extracted_text",
    kinds=frozenset({"python", "parquet", "postgres"}),
    columns=(
        PATIENT_ID,
        DOCUMENT_ID,
        text("sha256", f"{SHA256} the text is of; empty where there are none."),
        boolean("extraction_success", "Whether `text` is the document's whole text.", required=True),
        text("reason", "Why there is no text.", allowed=tuple(reason.value for reason in Reason)),
        text("detail", "More on the reason; holds no words of the document."),
        text("text", "The text; line feeds end lines, tabs separate table cells. Empty on failure.", required=True),
        integer("characters", "Length of the text in characters (code points).", required=True),
        text("text_sha256", "SHA-256 of the text in UTF-8, hexadecimal."),
        integer("n_pages", "Pages in the map; 0 for formats without pages.", required=True),
        integer("n_sections", "Sections in the map.", required=True),
        text(
            "spans",
            "Pages, sections and attachments as a JSON list of objects: kind, start and end (offsets into `text` in "
            "characters, end exclusive), title, code, code_system, number, level, method, confidence (0 to 100; pages "
            "read by OCR).",
            required=True,
        ),
        text("method", "How the text was read, e.g. `pdf(tesseract)`.", required=True),
        text("extractor", "The reader.", required=True),
        text("extractor_version", "Version of the reader, of its libraries and of what else decides.", required=True),
        text("encoding", "Character encoding, for formats that have a choice."),
        integer("n_warnings", "Cautions about the text.", required=True),
        text("warnings", "Cautions as a JSON list of objects: code, detail.", required=True),
        text("facts", "What the format states about the document (codes, times), a JSON object.", required=True),
        date("stated_date", "Day the document itself says it was written; empty where it says none."),
        timestamp("stated_at", "Time it says it was written, local time of the hospital; empty where it says a day."),
        text("stated_by", "The fact that says so, see text/stated_times.py.", allowed=STATING),
        integer("attempts", "Runs that could not read it for want of time or memory, or by a fault.", required=True),
        boolean("given_up", "Whether it failed so often that it is not tried again.", required=True),
        text(
            "read_instead",
            "Where the text is of another format than the index's, whose bytes could not be read: a JSON object with "
            "its uri, version, content_type, size_bytes and sha256, and in instead_of the sha256 of the index's.",
        ),
    ),
)

EVENT_ID = text("event_id", "Table or FHIR resource type, and the event's id there.", required=True)

TIMELINE = Table(
    key=("documents", "timeline"),
    axis=Axis.PATIENT_BATCH,
    grain="one row per event of a patient",
    meaning="What happened to a batch's patients: surgery, imaging, pathology, medication, radiation and encounters, "
    "from FHIR resources, MIMIC's tables and CSV files. Also in PostgreSQL, schema `timeline`, with the documents that "
    "describe each event, for questions by patient, day and type; here for the tables made from it.",
    primary_key=("patient_id", "event_id"),
    happened="start_date",
    known="known_date",
    source="fhir/ and timeline/ of the document store, MIMIC-IV, MIMIC-CXR; classified by timeline/event_rules.py",
    kinds=frozenset({"polars", "parquet", "postgres"}),
    columns=(
        PATIENT_ID,
        EVENT_ID,
        text("event_type", "What kind of event.", required=True, allowed=EVENT_TYPES),
        text(
            "event_subtype", "Refinement, e.g. tumor_resection, antineoplastic, MR, IMP; `possibly_` before a doubtful."
        ),
        text("description", "In the source's words."),
        text("code", "Code, the first the source gives."),
        text("code_system", "System of the code, as a URI."),
        text("status", "In the source's words."),
        date("start_date", "Day it began.", required=True),
        timestamp("start_time", "Time it began, local time of the hospital; empty where only the day is known."),
        date("end_date", "Day it ended; empty for what has no end, goes on, or has none recorded."),
        timestamp("end_time", "Time it ended; empty where only the day is known."),
        date("known_date", "Day its beginning was recorded or issued; empty where the source does not say."),
        timestamp("known_time", "Time its beginning was recorded or issued."),
        text("encounter_id", "Encounter it belongs to, the source's id."),
        text(
            "scan_id", "Imaging: the event that stands for its scan, see timeline/scans.py; its own id, or another's."
        ),
        text("rule", "What decided its type.", required=True),
        integer("n_documents", "Documents of the index that describe it.", required=True),
    ),
)

PRIORITISED = Table(
    key=("documents", "prioritised"),
    axis=Axis.PATIENT_BATCH,
    grain="one row per note kept",
    meaning="The notes worth a language model's time: those the site's profile finds relevant and an event of the "
    "timeline chose or is linked to, and each patient's last. The profile (CLINICAL_NOTE_PROFILE) has vocabulary, "
    "triggers, windows.",
    primary_key=("document_id",),
    happened="note_date",
    known="known_date",
    source="documents/prioritised/note_profiles.py, documents/prioritised/prioritisation.py",
    columns=(
        PATIENT_ID,
        DOCUMENT_ID,
        date("note_date", "Day it was written.", required=True),
        timestamp("note_time", "Time it was written; empty where only the day is known."),
        text("dated_by", "What says so: the index, or the fact the document states.", required=True, allowed=DATED_BY),
        date("known_date", "Day it could first be read, no earlier than it was written; empty where nobody says."),
        timestamp("known_time", "Time it could first be read; empty where only the day is known, and so its end."),
        text("note_type", "Type, in the source's words."),
        text("title", "Description, in the source's words."),
        text("category", "Category, in the source's words."),
        integer("characters", "Length of its text in characters (code points).", required=True),
        text("kind", "A note on the patient, or a report of some kind.", required=True, allowed=get_args(Kind)),
        text("rule", "The rule that found it relevant.", required=True),
        text("reasons", "Why it was kept, in alphabetical order, parted by commas.", required=True),
        text("event_id", "The nearest event that chose it; empty where it is only the patient's last."),
        integer("days", "From that event to the note, in calendar days; negative before it.", unit="d"),
        boolean("order_known", "False where note and event are of one day and one of them has no time of day."),
        text("profile", "Name of the profile.", required=True),
    ),
)

PRIORITISED_TRIGGERS = Table(
    key=("documents", "prioritised_triggers"),
    axis=Axis.PATIENT_BATCH,
    grain="one row per event, edge and direction that could choose, and kind of document",
    meaning="What every trigger of the profile chose, or that there was nothing in its window: where documents are "
    "missing, it shows here.",
    primary_key=("patient_id", "event_id", "reason", "edge", "direction", "kind"),
    happened="event_date",
    source="documents/prioritised/note_profiles.py, documents/prioritised/prioritisation.py",
    columns=(
        PATIENT_ID,
        EVENT_ID,
        text("event_type", "What kind of event.", required=True, allowed=EVENT_TYPES),
        text("reason", "What is said about a note it keeps.", required=True),
        text("edge", "The event's start or its end.", required=True, allowed=("start", "end")),
        text("direction", "The first note after it or the last before.", required=True, allowed=("before", "after")),
        text("kind", "What it chooses: a note or a report of some kind.", required=True, allowed=get_args(Kind)),
        date("event_date", "Day of that edge.", required=True),
        timestamp("event_time", "Time of that edge; empty where only the day is known."),
        text("document_id", "The document chosen; empty where there was none in the window."),
        integer("days", "From the event to the note, in calendar days; negative before it.", unit="d"),
        boolean("order_known", "False where note and event are of one day and one of them has no time of day."),
        text("profile", "Name of the profile.", required=True),
        integer("window_days", "How far from the event a note may be, in calendar days.", unit="d", required=True),
    ),
)
