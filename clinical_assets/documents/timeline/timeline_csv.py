"""Events from a CSV file: what a site has in no other form (a tumour registry's surgeries, an old system's radiation).

Columns, by name and in any order; the first three are needed, the others may be missing or empty:

    patient_id, event_type, start, end, known, event_id, event_subtype, description, code, code_system, status,
    encounter_id, document_id

Moments are days or times in FHIR or HL7 notation (`moments.parse`). `known` is when the event was recorded; one that
is said to be known before it began is known as it begins. An empty
event type is judged by code and description, as a FHIR Procedure is. `document_id` names a document that describes
the event. A row without an id of its own gets one from its content, so that the file's order does not matter.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from clinical_assets.documents.moments import Moment, parse
from clinical_assets.documents.timeline.event_rules import EVENT_TYPES, SUBTYPES, TYPES, Coding, classify
from clinical_assets.documents.timeline.events import (
    EVENT_SCHEMA,
    LINK_SCHEMA,
    EventFileError,
    Timeline,
    ends_before,
    known_from,
)

REQUIRED = ("patient_id", "event_type", "start")
OPTIONAL = (
    "end",
    "known",
    "event_id",
    "event_subtype",
    "description",
    "code",
    "code_system",
    "status",
    "encounter_id",
    "document_id",
)
MOST_NAMED = 5
"""Faults a message names; the count is of all."""
_RULE = "stated in the file"


def from_csv(lines: Iterable[str], name: str, patients: Collection[str], zone: str | None = None) -> Timeline:
    """The events of some patients in a CSV file; rows of others pass by unread.

    Args:
        lines: the file's lines.
        name: the file's name, for ids and messages.
        patients: whose rows are wanted.
        zone: name of the hospital's time zone, see `moments.parse`.

    Raises:
        EventFileError: columns are missing or unknown, or rows of these patients are wrong; it names file, line and
            column, what was expected and what to do, and quotes no value.
    """
    reader = csv.reader(lines, strict=True)
    info = ZoneInfo(zone) if zone else None
    wanted = set(patients)
    left_out: Counter[str] = Counter()
    faults: list[str] = []
    events: dict[str, dict[str, Any]] = {}
    links: list[tuple[str, str, str]] = []
    try:
        header = _header(next(reader, []), name)
        for cells in reader:
            row = {column: cell.strip() for column, cell in zip(header, cells, strict=False)}
            if not any(row.values()):
                continue
            if not row.get("patient_id"):
                left_out["without patient: CSV row"] += 1
            elif row["patient_id"] in wanted:
                wrong = _faults(row, len(cells), len(header), info)
                event = _event(row, name, info) if not wrong else {}
                known = events.setdefault(event["event_id"], event) if event else event
                if known != event:
                    wrong = ["column event_id: expected an id of one event; found it before with other content"]
                left_out["repeated: CSV row"] += known is not event
                faults += [f"line {reader.line_num}, {fault}" for fault in wrong]
                if event and row.get("document_id"):
                    links.append((row["document_id"], event["event_id"], row["patient_id"]))
    except csv.Error as error:
        raise EventFileError(f"{name}, line {reader.line_num}: expected CSV; {error}. Correct the line.") from None
    if faults:
        more = f"; and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
        raise EventFileError(f"{name}: {'; '.join(faults[:MOST_NAMED])}{more}. Correct these rows.")
    return Timeline(
        pl.DataFrame(list(events.values()), schema=EVENT_SCHEMA, orient="row").sort(
            "patient_id", "start_date", "start_time", "event_id"
        ),
        pl.DataFrame(links, schema=LINK_SCHEMA, orient="row").unique().sort("document_id", "event_id"),
        left_out={reason: count for reason, count in sorted(left_out.items()) if count},
    )


def _header(cells: list[str], name: str) -> list[str]:
    header = [cell.strip().removeprefix("\ufeff") for cell in cells]
    missing = [column for column in REQUIRED if column not in header]
    unknown = [column for column in header if column not in REQUIRED + OPTIONAL]
    repeated = sorted({column for column in header if header.count(column) > 1})
    if missing or unknown or repeated:
        raise EventFileError(
            f"{name}, line 1: expected the columns {', '.join(REQUIRED)} and maybe {', '.join(OPTIONAL)}; missing "
            f"{missing}, unknown {unknown}, given twice {repeated}. Rename or add columns in the first line."
        )
    return header


def _faults(row: Mapping[str, str], cells: int, columns: int, zone: dt.tzinfo | None) -> list[str]:
    """What is wrong with a row, in words without its values."""
    if cells != columns:
        return [f"expected {columns} cells, found {cells}"]
    found = []
    if row["event_type"] not in ("", *EVENT_TYPES):
        found.append(f"column event_type: expected one of {', '.join(EVENT_TYPES)} or nothing")
    moments = {column: _moment(row, column, zone) for column in ("start", "end", "known")}
    for column, moment in moments.items():
        if moment is None and (column == "start" or row.get(column)):
            found.append(f"column {column}: expected a day or a time such as 2150-03-10 or 2150-03-10T09:30")
    start = moments["start"]
    if start and ends_before(start, moments["end"]):
        found.append("column end: expected no moment before start")
    return found


def _moment(row: Mapping[str, str], column: str, zone: dt.tzinfo | None) -> Moment | None:
    return parse(row.get(column), zone)


def _event(row: Mapping[str, str], name: str, zone: dt.tzinfo | None) -> dict[str, Any]:
    codings = (Coding(row.get("code_system") or None, row["code"]),) if row.get("code") else ()
    words = row.get("description", "")
    rule = classify(TYPES, "Procedure", codings, words) if not row["event_type"] else None
    kind = rule.kind if rule else row["event_type"]
    subtype = classify(SUBTYPES, kind, codings, words)
    moments: dict[str, dt.date | dt.datetime | None] = {}
    start = _moment(row, "start", zone)
    known = known_from(start, _moment(row, "known", zone)) if start else None
    for edge, moment in (("start", start), ("end", _moment(row, "end", zone)), ("known", known)):
        moments |= {
            f"{edge}_date": moment.date if moment else None,
            f"{edge}_time": moment.time if moment else None,
        }
    plain = ("description", "code", "code_system", "status", "encounter_id")
    return {
        "event_id": f"csv/{PurePosixPath(name).stem}/{row.get('event_id') or _digest(row)}",
        "patient_id": row["patient_id"],
        "event_type": kind,
        "event_subtype": row.get("event_subtype") or (subtype.kind if subtype else None),
        **{column: row.get(column) or None for column in plain},
        **moments,
        "rule": rule.name if rule else _RULE,
    }


def _digest(row: Mapping[str, str]) -> str:
    said = [f"{column}={row[column]}" for column in sorted(row) if row[column] and column != "document_id"]
    return hashlib.sha256("\x1f".join(said).encode()).hexdigest()[:16]
