"""Events from FHIR resources: procedures, studies, reports, medications and encounters become rows of the timeline.

What never happened (cancelled, planned, entered in error) is left out and counted. Of several versions of a resource
the newest counts, so that what was withdrawn later is no event; the order resources come in changes nothing. Of when
an event was, and from when it could be known, see `fhir_times`.

Source: HL7 FHIR R4; R5 names of the same fields are read too.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from clinical_assets.documents.moments import Moment, parse
from clinical_assets.documents.timeline.event_rules import SUBTYPES, TYPES, Coding, classify
from clinical_assets.documents.timeline.events import (
    EVENT_SCHEMA,
    LINK_SCHEMA,
    PATIENT_SCHEMA,
    EventFileError,
    Timeline,
    ends_before,
)
from clinical_assets.documents.timeline.fhir_times import WHEN, Resource, dicts, inside, known, string, when

_NEVER_HAPPENED = frozenset(
    (
        "entered-in-error",
        "cancelled",
        "not-done",
        "draft",
        "planned",
        "preparation",
        "revoked",
        "abandoned",
        "not-taken",
    )
)
_INTENDED_ONLY = frozenset(("proposal", "plan"))
EVENT_RESOURCES = (*WHEN, "Bundle", "DocumentReference", "Medication", "Patient")
"""Types of resources that tell of events, or of whom and what they are about."""


def from_fhir(resources: Iterable[Resource], zone: str | None = None) -> Timeline:
    """Build the timeline of FHIR resources (or Bundles of them).

    Args:
        resources: Procedure, ImagingStudy, DiagnosticReport, MedicationRequest, MedicationAdministration,
            MedicationStatement, Encounter give events; DocumentReference and DiagnosticReport give links; Medication
            names drugs; others pass by.
        zone: name of the hospital's time zone, see `moments.parse`.
    """
    flat = _newest(_unbundled(resources))
    medications = {f"Medication/{r.get('id')}": r for r in flat if r.get("resourceType") == "Medication"}
    info = ZoneInfo(zone) if zone else None
    left_out: Counter[str] = Counter()
    doubtful: Counter[str] = Counter()
    rows: dict[str, dict[str, Any]] = {}
    for resource in flat:
        if resource.get("resourceType") in WHEN:
            outcome = _event(resource, medications, info, doubtful)
            if isinstance(outcome, str):
                left_out[outcome] += 1
            else:
                rows[outcome["event_id"]] = outcome
    told_by = _reports_of_studies(flat, rows)
    for report in told_by:
        left_out["told by its study: DiagnosticReport"] += 1
        del rows[report]
    events = pl.DataFrame(list(rows.values()), schema=EVENT_SCHEMA, orient="row")
    links = [link for resource in flat for link in _links(resource, rows, told_by)]
    people = [_patient(resource, info) for resource in flat if resource.get("resourceType") == "Patient"]
    return Timeline(
        events.sort("patient_id", "start_date", "start_time", "event_id"),
        pl.DataFrame(links, schema=LINK_SCHEMA, orient="row").unique().sort("document_id", "event_id"),
        pl.DataFrame(filter(None, people), schema=PATIENT_SCHEMA, orient="row").sort("patient_id"),
        dict(sorted(left_out.items())),
        dict(sorted(doubtful.items())),
    )


_PATIENT = re.compile(rb'"(?:[^"]*/)?Patient/([A-Za-z0-9.-]{1,64})')


def resources_of(lines: Iterable[bytes], name: str, patients: Collection[str]) -> Iterator[Resource]:
    """The resources of a file of FHIR JSON, one a line (NDJSON), that may be about some patients.

    Lines that name other patients only are passed over unread; the rest is for `from_fhir` to judge.

    Args:
        lines: the file's lines.
        name: the file's name, for messages.
        patients: ids wanted.

    Raises:
        EventFileError: naming file and line of what is no JSON object. A file that stops in the middle of a line has
            lost events, and nobody can say whose.
    """
    wanted = {patient.encode() for patient in patients}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        named = _PATIENT.findall(line)
        whole = line.rstrip().endswith(b"}")
        if whole and named and wanted.isdisjoint(named):
            continue
        resource = _object(line) if whole else None
        if resource is None:
            raise EventFileError(
                f"{name}, line {number}: expected one FHIR resource in JSON; found {len(line):,} bytes that are none. "
                "The file may have been cut off: export it again, or correct the line."
            )
        if resource.get("resourceType") != "Patient" or resource.get("id") in patients:
            yield _without_documents(resource)


def _without_documents(resource: Resource) -> Resource:
    """The resource without the documents inside it, which may be many megabytes and tell of no event."""
    if resource.get("resourceType") == "DocumentReference":
        return {name: value for name, value in resource.items() if name != "content"}
    forms = [{"title": string(form.get("title"))} for form in dicts(resource.get("presentedForm"))]
    return {**resource, "presentedForm": forms} if forms else resource


def _object(line: bytes) -> Resource | None:
    try:
        resource = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return resource if isinstance(resource, dict) else None


def _newest(resources: Iterable[Resource]) -> list[Resource]:
    """One version of every resource that has an id, in an order that does not depend on the order given."""
    versions: dict[tuple[str, str], tuple[dt.datetime, int, str]] = {}
    chosen: dict[tuple[str, str], Resource] = {}
    for resource in resources:
        written = json.dumps(resource, sort_keys=True, default=str)
        key = (str(resource.get("resourceType")), string(resource.get("id")) or written)
        version = (*_version(resource), written)
        if key not in versions or version > versions[key]:
            versions[key], chosen[key] = version, resource
    return [chosen[key] for key in sorted(chosen)]


def _version(resource: Resource) -> tuple[dt.datetime, int]:
    """When the server last changed a resource, and how often; the least of each where it does not say."""
    updated = string(inside(resource, "meta", "lastUpdated")) or ""
    number = string(inside(resource, "meta", "versionId")) or ""
    try:
        at = dt.datetime.fromisoformat(updated).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        at = dt.datetime.min.replace(tzinfo=dt.UTC)
    return at, int(number) if re.fullmatch(r"[0-9]{1,18}", number) else 0


def _patient(resource: Resource, zone: dt.tzinfo | None) -> dict[str, Any] | None:
    identifier = string(resource.get("id"))
    if not identifier:
        return None
    born = string(resource.get("birthDate")) or ""
    day, died = parse(born, zone), parse(string(resource.get("deceasedDateTime")), zone)
    year = re.match(r"([0-9]{4})(?:-|$)", born)
    return {
        "patient_id": identifier,
        "birth_year": int(year[1]) if year else None,
        "birth_date": day.date if day else None,
        "death_date": died.date if died else None,
    }


def _unbundled(resources: Iterable[Resource]) -> Iterable[Resource]:
    for resource in resources:
        if resource.get("resourceType") == "Bundle":
            yield from _unbundled(
                e["resource"] for e in dicts(resource.get("entry")) if isinstance(e.get("resource"), dict)
            )
        else:
            yield resource


def _event(
    resource: Resource, medications: Mapping[str, Resource], zone: dt.tzinfo | None, doubtful: Counter[str]
) -> dict[str, Any] | str:
    """The event's row, or why there is none; what had to be dropped of a row is counted in `doubtful`."""
    kind, identifier = resource["resourceType"], string(resource.get("id"))
    status = string(resource.get("status"))
    patient = _referred(resource.get("subject") or resource.get("patient"))
    if status in _NEVER_HAPPENED or resource.get("intent") in _INTENDED_ONLY:
        return f"never happened: {kind}"
    if not identifier or not patient:
        return f"without id or patient: {kind}"
    start, end = when(resource, zone)
    if start is None:
        return f"undated: {kind}"
    if ends_before(start, end):
        doubtful[f"end before start, dropped: {kind}"] += 1
        end = None
    concepts = _concepts(resource, medications)
    codings = [coding for concept in concepts for coding in _codings(concept)]
    description = _description(concepts) or string(resource.get("description")) or ""
    rule = classify(TYPES, kind, codings, description)
    if rule is None:
        return f"unclassified: {kind}"
    subtype = _subtype(resource, rule.kind, codings, description)
    first = next(iter(codings), None)
    return {
        "event_id": f"{kind}/{identifier}",
        "patient_id": patient,
        "event_type": rule.kind,
        "event_subtype": subtype,
        "description": description or None,
        "code": first.code if first else None,
        "code_system": first.system if first else None,
        "status": status,
        **_columns("start", start),
        **_columns("end", end),
        **_columns("known", known(resource, start, end, zone)),
        "encounter_id": _referred(resource.get("encounter") or resource.get("context")),
        "rule": rule.name,
    }


def _columns(prefix: str, moment: Moment | None) -> dict[str, dt.date | dt.datetime | None]:
    return {f"{prefix}_date": moment.date if moment else None, f"{prefix}_time": moment.time if moment else None}


def _concepts(resource: Resource, medications: Mapping[str, Resource]) -> list[Resource]:
    """The concepts that say what the event is, the most specific first."""
    found = dicts(resource.get("code")) + dicts(resource.get("medicationCodeableConcept"))
    reference = inside(resource, "medicationReference", "reference") or inside(
        resource, "medication", "reference", "reference"
    )
    found += dicts(inside(resource, "medication", "concept"))
    drug = medications.get(str(reference)) or _contained(resource, str(reference))
    found += dicts(drug.get("code")) if drug else []
    for name in ("procedureCode", "type", "category", "modality"):
        # ImagingStudy.modality is a Coding, not a CodeableConcept.
        found += [
            item if "coding" in item or "text" in item else {"coding": [item]} for item in dicts(resource.get(name))
        ]
    return found


def _contained(resource: Resource, reference: str) -> Resource | None:
    return next((c for c in dicts(resource.get("contained")) if reference == f"#{c.get('id')}"), None)


def _codings(concept: Resource) -> list[Coding]:
    return [
        Coding(string(item.get("system")), code)
        for item in dicts(concept.get("coding"))
        if (code := string(item.get("code")))
    ]


def _description(concepts: Iterable[Resource]) -> str | None:
    """The words of the first concept that has any: its text, else the display of its first coding that has one."""
    for concept in concepts:
        displays = (string(item.get("display")) for item in dicts(concept.get("coding")))
        words = string(concept.get("text")) or next(filter(None, displays), None)
        if words:
            return words
    return None


def _subtype(resource: Resource, kind: str, codings: list[Coding], description: str) -> str | None:
    if kind == "encounter":
        classes = dicts(resource.get("class"))
        inner = [c for item in classes for c in dicts(item.get("coding"))] or classes
        return next(filter(None, (string(item.get("code")) for item in inner)), None)
    if resource["resourceType"] == "ImagingStudy":
        modality = next((c.code for c in codings if c.system and c.system.endswith("DCM") and len(c.code) == 2), None)
        if modality:
            return modality
    rule = classify(SUBTYPES, kind, codings, description)
    return rule.kind if rule else None


def _referred(reference: object) -> str | None:
    """The id a reference names: `Patient/123`, a full URL or `urn:uuid:`."""
    written = string(inside(reference, "reference"))
    if not written:
        return string(inside(reference, "identifier", "value"))
    return written.split("/_history/")[0].rpartition("/")[2].removeprefix("urn:uuid:") or None


def _reports_of_studies(resources: Iterable[Resource], events: Mapping[str, dict[str, Any]]) -> Mapping[str, list[str]]:
    """Imaging reports whose studies are events themselves, with those: one examination is one event."""
    found = {}
    for resource in resources:
        report = f"{resource.get('resourceType')}/{string(resource.get('id'))}"
        studies = [
            target for name in ("imagingStudy", "study") for target in _targets(resource.get(name)) if target in events
        ]
        if studies and report in events and events[report]["event_type"] == "imaging":
            found[report] = studies
    return found


def _links(
    resource: Resource, events: Mapping[str, dict[str, Any]], told_by: Mapping[str, list[str]]
) -> Iterable[tuple[str, str, str]]:
    """Which events a document describes: as its reference says, and a report with a form is a document of itself.

    What describes a report that is told by its study describes the study.
    """
    kind, identifier = resource.get("resourceType"), string(resource.get("id"))
    if not identifier:
        return
    if kind == "DiagnosticReport" and resource.get("presentedForm"):
        targets = [
            f"DiagnosticReport/{identifier}",
            *_targets(resource.get("imagingStudy")),
            *_targets(resource.get("study")),
        ]
    elif kind == "DocumentReference":
        context = resource.get("context")
        targets = _targets(inside(context, "related")) + _targets(inside(context, "encounter")) + _targets(context)
    else:
        return
    for target in targets:
        for event in told_by.get(target, [target]):
            if event in events:
                yield identifier, event, events[event]["patient_id"]


def _targets(references: object) -> list[str]:
    found = []
    for item in dicts(references):
        written = string(item.get("reference"))
        if written:
            found.append("/".join(written.split("/_history/")[0].split("/")[-2:]))
    return found
