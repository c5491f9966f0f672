"""What becomes of every column of the documents' tables in a development copy.

One row per column: kept, kept where it names nobody, shifted with the patient's dates, replaced by a pseudonym, made
anew, or left out. A column without a row is left out, and a test fails. Addresses, file versions and hashes of original
bytes are left out: each of them leads back to the original. How a batch is copied by these rules is in `copied_batch`.
"""

from __future__ import annotations

import codecs
import enum
from collections.abc import Callable, Mapping

from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.readers.sniffing import parse_declared
from clinical_assets.documents.timeline.fhir_events import EVENT_RESOURCES


class Fate(enum.StrEnum):
    """What becomes of a column."""

    KEPT = "kept"
    UNNAMED = "kept where it names nobody"
    SHIFTED = "shifted"
    PSEUDONYM = "pseudonym"
    MADE_ANEW = "made anew"
    LEFT_OUT = "left out"


PATIENT, DOCUMENT, EVENT, ENCOUNTER = "patient_id", "document_id", "event_id", "encounter_id"
SCAN = "scan_id"
OLDEST_DAYS = 90 * 365
"""Ages of ninety and more are one group (45 CFR 164.514(b)(2)(i)(C)); here they are left out."""

INDEX_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((PATIENT, DOCUMENT), Fate.PSEUDONYM),
    **dict.fromkeys(("authored_date", "authored_at", "stored_date", "stored_at"), Fate.SHIFTED),
    **dict.fromkeys(("source", "content_type", "status"), Fate.KEPT),
    # A store's own words.
    **dict.fromkeys(("document_type", "category"), Fate.UNNAMED),
    **dict.fromkeys(("age_at_document_days", "description", "declared_type"), Fate.MADE_ANEW),
    # Addresses, and what is unique to the original bytes.
    **dict.fromkeys(("fault", "uri", "version", "binary_id", "sha256", "size_bytes", "other_formats"), Fate.LEFT_OUT),
}
TEXT_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((PATIENT, DOCUMENT), Fate.PSEUDONYM),
    **dict.fromkeys(("text", "characters", "text_sha256", "spans", "warnings", "extractor_version"), Fate.MADE_ANEW),
    # It may repeat what a sender declared.
    "detail": Fate.UNNAMED,
    **dict.fromkeys(("stated_date", "stated_at"), Fate.SHIFTED),
    **dict.fromkeys(
        ("extraction_success", "reason", "n_pages", "n_sections", "method", "extractor", "encoding",
         "n_warnings", "stated_by", "attempts", "given_up"),
        Fate.KEPT,
    ),
    # Facts hold times and ids of the original.
    **dict.fromkeys(("sha256", "facts", "read_instead"), Fate.LEFT_OUT),
}  # fmt: skip
TIMELINE_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((PATIENT, EVENT, ENCOUNTER, SCAN), Fate.PSEUDONYM),
    **dict.fromkeys(("start_date", "start_time", "end_date", "end_time", "known_date", "known_time"), Fate.SHIFTED),
    "description": Fate.MADE_ANEW,
    # From a CSV file these are whatever somebody wrote there.
    **dict.fromkeys(("event_subtype", "code", "code_system", "status"), Fate.UNNAMED),
    **dict.fromkeys(("event_type", "rule", "n_documents"), Fate.KEPT),
}
PRIORITISED_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((PATIENT, DOCUMENT, EVENT), Fate.PSEUDONYM),
    **dict.fromkeys(("note_date", "note_time", "known_date", "known_time"), Fate.SHIFTED),
    **dict.fromkeys(("note_type", "category"), Fate.UNNAMED),
    **dict.fromkeys(("title", "characters"), Fate.MADE_ANEW),
    **dict.fromkeys(("kind", "rule", "reasons", "days", "order_known", "profile", "dated_by"), Fate.KEPT),
}
TRIGGER_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((PATIENT, DOCUMENT, EVENT), Fate.PSEUDONYM),
    **dict.fromkeys(("event_date", "event_time"), Fate.SHIFTED),
    **dict.fromkeys(
        ("event_type", "reason", "edge", "direction", "kind", "days", "order_known", "profile", "window_days"),
        Fate.KEPT,
    ),
}
LINK_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((PATIENT, EVENT, DOCUMENT), Fate.PSEUDONYM),
    "method": Fate.KEPT,
}

INDEX, TEXT, TIMELINE = "documents/index", "documents/text", "documents/timeline"
LINKS = "documents/source_documents"
"""Which document describes which event: in the hospital only in PostgreSQL (`timeline.source_documents`), so that the
copy has a table of them of its own."""
COPIED: Mapping[str, Mapping[str, Fate]] = {
    INDEX: INDEX_COLUMNS,
    TEXT: TEXT_COLUMNS,
    TIMELINE: TIMELINE_COLUMNS,
    "documents/prioritised": PRIORITISED_COLUMNS,
    "documents/prioritised_triggers": TRIGGER_COLUMNS,
    LINKS: LINK_COLUMNS,
}
"""The tables copied, batch by batch, and their columns' fates."""

NOT_COPIED: Mapping[str, str] = {
    "documents/patient_batches": "made anew by `opening`, where the copy is used: it belongs to a warehouse",
}
"""Other tables of the group, and why they stay."""

WORDS: Mapping[str, Mapping[str, str]] = {
    INDEX: {"description": "authored_date"},
    TIMELINE: {"description": "start_date"},
    "documents/prioritised": {"title": "note_date"},
}
"""By table: columns of a person's words, and the day that gives the year of dates in them."""


def _pseudonym(of: str) -> Callable[[Deidentifier, str], str]:
    return lambda deidentifier, value: deidentifier.pseudonym(value, of=of)


EVENT_TABLES = frozenset(
    {*EVENT_RESOURCES, "csv", "admissions", "edstays", "emar", "prescriptions", "radiology", "cxr_studies",
     "procedures_icd", "hcpcsevents", "procedureevents"}
)  # fmt: skip
"""What an event's id may begin with: FHIR resource types, MIMIC's tables, and events of a site's CSV files."""


def _event(deidentifier: Deidentifier, value: str) -> str:
    """The table or resource type stays where it is one; an encounter's id is the same as in `encounter_id`."""
    table, _, identifier = value.partition("/")
    if table not in EVENT_TABLES or not identifier:
        return deidentifier.pseudonym(value, of="event")
    return f"{table}/{deidentifier.pseudonym(identifier, of='event')}"


PSEUDONYMS: Mapping[str, Callable[[Deidentifier, str], str]] = {
    DOCUMENT: _pseudonym("document"),
    EVENT: _event,
    SCAN: _event,
    ENCOUNTER: _pseudonym("event"),
}
"""How ids other than the patient's are renamed."""


def _media_type(declared: str) -> str | None:
    """A declared type without its parameters, which name files and people; None for none the readers know."""
    known = parse_declared(declared).content_type
    return declared.partition(";")[0].strip().lower() if known else None


def _version(extractor_version: str) -> str:
    """A reader's version, with the declared charset where it is one, by Python's name for it; see `text_cache`."""
    version, *further = extractor_version.split(";")
    stated = next((each.removeprefix("charset=") for each in further if each.startswith("charset=")), "")
    try:
        return f"{version};charset={codecs.lookup(stated).name}"
    except (LookupError, ValueError):
        return version


REDUCED: Mapping[str, Callable[[str], str | None]] = {"declared_type": _media_type, "extractor_version": _version}
"""Columns that carry what a sender declared, reduced to what is known beforehand."""
