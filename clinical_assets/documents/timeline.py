"""One timeline per patient: surgery, imaging, pathology, medication, radiation and encounters, from FHIR resources.

Events are flat records with a start and maybe an end, each a day and maybe a time (`moments`); what never happened
(cancelled, planned, entered in error) is left out and counted. Documents are linked to the events they describe.
MIMIC tables and CSV files reach the same schema elsewhere; everything after this module reads `EVENT_SCHEMA` only.

Source: HL7 FHIR R4; R5 names of the same fields are read too.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from clinical_assets.documents.event_rules import SUBTYPES, TYPES, Coding, classify
from clinical_assets.documents.moments import Moment, parse

Resource = Mapping[str, Any]

EVENT_SCHEMA: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "patient_id": pl.String(),
    "event_type": pl.String(),
    "event_subtype": pl.String(),
    "description": pl.String(),
    "code": pl.String(),
    "code_system": pl.String(),
    "status": pl.String(),
    "start_date": pl.Date(),
    "start_time": pl.Datetime("us"),
    "end_date": pl.Date(),
    "end_time": pl.Datetime("us"),
    "known_date": pl.Date(),
    "known_time": pl.Datetime("us"),
    "encounter_id": pl.String(),
    "rule": pl.String(),
}
"""Events: one row per event. `event_id` is `<resource type>/<id>`. `known_*` is when it was recorded or issued, null
where the resource does not say. Times are the hospital's local time."""

LINK_SCHEMA: dict[str, pl.DataType] = {"document_id": pl.String(), "event_id": pl.String(), "patient_id": pl.String()}
"""Links: one row per document and event it describes; `document_id` is the resource's id."""

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
# Where each resource says when it was: periods before points, R4 before R5.
_WHEN: Mapping[str, tuple[str, ...]] = {
    "Procedure": ("performedPeriod", "performedDateTime", "occurrencePeriod", "occurrenceDateTime"),
    "ImagingStudy": ("started",),
    "DiagnosticReport": ("effectivePeriod", "effectiveDateTime"),
    "MedicationAdministration": ("effectivePeriod", "effectiveDateTime", "occurencePeriod", "occurenceDateTime"),
    "MedicationStatement": ("effectivePeriod", "effectiveDateTime"),
    "MedicationRequest": ("authoredOn",),
    "Encounter": ("period", "actualPeriod"),
}
_KNOWN: Mapping[str, str] = {
    "Procedure": "recorded",
    "DiagnosticReport": "issued",
    "MedicationRequest": "authoredOn",
    "MedicationStatement": "dateAsserted",
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events and document links of the resources read, and what was left out.

    Attributes:
        events: see `EVENT_SCHEMA`, by patient and start.
        links: see `LINK_SCHEMA`.
        left_out: resources that gave no event, by reason.
    """

    events: pl.DataFrame
    links: pl.DataFrame
    left_out: dict[str, int] = field(default_factory=dict)


def from_fhir(resources: Iterable[Resource], zone: str | None = None) -> Timeline:
    """Build the timeline of FHIR resources (or Bundles of them).

    Args:
        resources: Procedure, ImagingStudy, DiagnosticReport, MedicationRequest, MedicationAdministration,
            MedicationStatement, Encounter give events; DocumentReference and DiagnosticReport give links; Medication
            names drugs; others pass by.
        zone: name of the hospital's time zone, see `moments.parse`.
    """
    flat = list(_unbundled(resources))
    medications = {f"Medication/{r.get('id')}": r for r in flat if r.get("resourceType") == "Medication"}
    info = ZoneInfo(zone) if zone else None
    left_out: Counter[str] = Counter()
    rows: dict[str, dict[str, Any]] = {}
    for resource in flat:
        if resource.get("resourceType") in _WHEN:
            outcome = _event(resource, medications, info)
            if isinstance(outcome, str):
                left_out[outcome] += 1
            else:
                rows[outcome["event_id"]] = outcome
    events = pl.DataFrame(list(rows.values()), schema=EVENT_SCHEMA, orient="row")
    links = [link for resource in flat for link in _links(resource, rows)]
    return Timeline(
        events.sort("patient_id", "start_date", "start_time", "event_id"),
        pl.DataFrame(links, schema=LINK_SCHEMA, orient="row").unique(maintain_order=True),
        dict(left_out),
    )


def _unbundled(resources: Iterable[Resource]) -> Iterable[Resource]:
    for resource in resources:
        if resource.get("resourceType") == "Bundle":
            yield from _unbundled(
                e["resource"] for e in _dicts(resource.get("entry")) if isinstance(e.get("resource"), dict)
            )
        else:
            yield resource


def _dicts(value: object) -> list[Resource]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def _string(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _event(resource: Resource, medications: Mapping[str, Resource], zone: dt.tzinfo | None) -> dict[str, Any] | str:
    """The event's row, or why there is none."""
    kind, identifier = resource["resourceType"], _string(resource.get("id"))
    status = _string(resource.get("status"))
    patient = _referred(resource.get("subject") or resource.get("patient"))
    if status in _NEVER_HAPPENED or resource.get("intent") in _INTENDED_ONLY:
        return f"never happened: {kind}"
    if not identifier or not patient:
        return f"without id or patient: {kind}"
    start, end = _when(resource, zone)
    if start is None:
        return f"undated: {kind}"
    concepts = _concepts(resource, medications)
    codings = [coding for concept in concepts for coding in _codings(concept)]
    description = _description(concepts) or _string(resource.get("description")) or ""
    rule = classify(TYPES, kind, codings, description)
    if rule is None:
        return f"unclassified: {kind}"
    subtype = _subtype(resource, rule.kind, codings, description)
    first = next(iter(codings), None)
    known = parse(_string(resource.get(_KNOWN.get(kind, ""))), zone)
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
        **_columns("known", known),
        "encounter_id": _referred(resource.get("encounter") or resource.get("context")),
        "rule": rule.name,
    }


def _columns(prefix: str, moment: Moment | None) -> dict[str, dt.date | dt.datetime | None]:
    return {f"{prefix}_date": moment.date if moment else None, f"{prefix}_time": moment.time if moment else None}


def _when(resource: Resource, zone: dt.tzinfo | None) -> tuple[Moment | None, Moment | None]:
    """An event's start and end. A request runs as long as its dosage says, where it says so."""
    if resource["resourceType"] == "MedicationRequest":
        for dosage in _dicts(resource.get("dosageInstruction")):
            for bounds in _dicts(_inside(dosage, "timing", "repeat", "boundsPeriod")):
                start = parse(_string(bounds.get("start")), zone)
                if start:
                    return start, parse(_string(bounds.get("end")), zone)
    for name in _WHEN[resource["resourceType"]]:
        value = resource.get(name)
        if isinstance(value, dict):
            start, end = parse(_string(value.get("start")), zone), parse(_string(value.get("end")), zone)
            if start or end:
                return start or end, end
        elif moment := parse(_string(value), zone):
            return moment, None
    return None, None


def _inside(value: object, *path: str) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _concepts(resource: Resource, medications: Mapping[str, Resource]) -> list[Resource]:
    """The concepts that say what the event is, the most specific first."""
    found = _dicts(resource.get("code")) + _dicts(resource.get("medicationCodeableConcept"))
    reference = _inside(resource, "medicationReference", "reference") or _inside(
        resource, "medication", "reference", "reference"
    )
    found += _dicts(_inside(resource, "medication", "concept"))
    drug = medications.get(str(reference)) or _contained(resource, str(reference))
    found += _dicts(drug.get("code")) if drug else []
    for name in ("procedureCode", "type", "category", "modality"):
        # ImagingStudy.modality is a Coding, not a CodeableConcept.
        found += [
            item if "coding" in item or "text" in item else {"coding": [item]} for item in _dicts(resource.get(name))
        ]
    return found


def _contained(resource: Resource, reference: str) -> Resource | None:
    return next((c for c in _dicts(resource.get("contained")) if reference == f"#{c.get('id')}"), None)


def _codings(concept: Resource) -> list[Coding]:
    return [
        Coding(_string(item.get("system")), code)
        for item in _dicts(concept.get("coding"))
        if (code := _string(item.get("code")))
    ]


def _description(concepts: Iterable[Resource]) -> str | None:
    """The words of the first concept that has any: its text, else the display of its first coding that has one."""
    for concept in concepts:
        displays = (_string(item.get("display")) for item in _dicts(concept.get("coding")))
        words = _string(concept.get("text")) or next(filter(None, displays), None)
        if words:
            return words
    return None


def _subtype(resource: Resource, kind: str, codings: list[Coding], description: str) -> str | None:
    if kind == "encounter":
        classes = _dicts(resource.get("class"))
        inner = [c for item in classes for c in _dicts(item.get("coding"))] or classes
        return next(filter(None, (_string(item.get("code")) for item in inner)), None)
    if resource["resourceType"] == "ImagingStudy":
        modality = next((c.code for c in codings if c.system and c.system.endswith("DCM") and len(c.code) == 2), None)
        if modality:
            return modality
    rule = classify(SUBTYPES, kind, codings, description)
    return rule.kind if rule else None


def _referred(reference: object) -> str | None:
    """The id a reference names: `Patient/123`, a full URL or `urn:uuid:`."""
    written = _string(_inside(reference, "reference"))
    if not written:
        return _string(_inside(reference, "identifier", "value"))
    return written.split("/_history/")[0].rpartition("/")[2].removeprefix("urn:uuid:") or None


def _links(resource: Resource, events: Mapping[str, dict[str, Any]]) -> Iterable[tuple[str, str, str]]:
    """Which events a document describes: as its reference says, and a report with a form is a document of itself."""
    kind, identifier = resource.get("resourceType"), _string(resource.get("id"))
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
        targets = _targets(_inside(context, "related")) + _targets(_inside(context, "encounter")) + _targets(context)
    else:
        return
    for target in targets:
        if target in events:
            yield identifier, target, events[target]["patient_id"]


def _targets(references: object) -> list[str]:
    found = []
    for item in _dicts(references):
        written = _string(item.get("reference"))
        if written:
            found.append("/".join(written.split("/_history/")[0].split("/")[-2:]))
    return found


def medication_courses(events: pl.DataFrame, longest_gap_days: int = 28) -> pl.DataFrame:
    """Merge doses of one drug into courses, so that a change of treatment is one event and not every dose.

    Medication events of one patient with the same code (or description, where there is no code) that lie at most
    `longest_gap_days` apart, four weeks being the usual cycle, become one: the first one's row with the last one's
    end. Other events pass unchanged. A course still running at the end of the data ends with its last dose known.
    """
    doses = events.filter(pl.col("event_type") == "medication")
    if doses.is_empty():
        return events
    drug = pl.coalesce("code", pl.col("description").str.to_lowercase(), "event_id")
    last_date = pl.max_horizontal("start_date", "end_date")
    ordered = doses.with_columns(drug.alias("_drug"), last_date.alias("_last")).sort(
        "patient_id", "_drug", "start_date", "start_time", "event_id"
    )
    group = ["patient_id", "_drug"]
    seen = pl.col("_last").cum_max().shift(1).over(group)
    begins = ((pl.col("start_date") - seen).dt.total_days() > longest_gap_days).fill_null(True)
    ordered = ordered.with_columns(begins.cum_sum().over(group).alias("_course"))
    latest = pl.struct("_last", pl.coalesce("end_time", "start_time"))
    courses = ordered.group_by([*group, "_course"], maintain_order=True).agg(
        *(pl.col(name).first() for name in events.columns if name not in ("patient_id", "end_date", "end_time")),
        pl.when(pl.len() > 1).then(pl.col("_last").max()).otherwise(pl.col("end_date").first()).alias("end_date"),
        pl.when(pl.len() > 1).then(pl.coalesce("end_time", "start_time").sort_by(latest).last())
        .otherwise(pl.col("end_time").first()).alias("end_time"),
    )  # fmt: skip
    # A time belongs to the end only if it is of that day.
    same_day = pl.col("end_time").dt.date() == pl.col("end_date")
    courses = courses.with_columns(pl.when(same_day).then("end_time").alias("end_time")).select(events.columns)
    others = events.filter(pl.col("event_type").ne_missing("medication"))
    return pl.concat([others, courses]).sort("patient_id", "start_date", "start_time", "event_id")


def near(moments: pl.DataFrame, events: pl.DataFrame, days: int = 30) -> pl.DataFrame:
    """Every event within `days` calendar days of a patient's moments (an event with an end counts as long as it lasts).

    Args:
        moments: with `patient_id` and `note_date`, e.g. prioritised notes.
        events: see `EVENT_SCHEMA`.
        days: on either side.

    Returns:
        One row per moment and event: the columns of both, and `days_from_event` (negative before its start, 0 while
        it lasts).
    """
    end = pl.coalesce("end_date", "start_date")
    before = (pl.col("note_date") - pl.col("start_date")).dt.total_days()
    after = (pl.col("note_date") - end).dt.total_days()
    away = pl.when(before < 0).then(before).when(after > 0).then(after).otherwise(0)
    return (
        moments.join(events, on="patient_id", suffix="_event", maintain_order="left")
        .with_columns(away.alias("days_from_event"))
        .filter(pl.col("days_from_event").abs() <= days)
    )
