"""When a FHIR resource says that something happened, and from when that could be known.

What a resource says of the patient is of its clinical time (`effective`, `performed`); it could be known from the time
it was written, and never before it began:

    DiagnosticReport, Procedure, MedicationAdministration, MedicationStatement, MedicationRequest
        when it was issued, recorded, asserted, ordered (see `_KNOWN`); where that is not said (R4 has no such field of
        a Procedure), when the server last changed it (`meta.lastUpdated`), which is no earlier. But where a server's
        clock stood before the event it tells of, one of the two was shifted: then nobody knows.
    Encounter, ImagingStudy
        as they begin: the arrival, the examination.

A report's effective time is never when it was known. Where nobody knows, `known` is empty, and a question that says by
when it must have been known is not answered with it (`timeline_store`).

Source: HL7 FHIR R4; R5 names of the same fields are read too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from clinical_assets.documents.moments import Moment, parse
from clinical_assets.documents.timeline.events import ends_before, known_from

Resource = Mapping[str, Any]

# Periods before points, R4 before R5.
WHEN: Mapping[str, tuple[str, ...]] = {
    "Procedure": ("performedPeriod", "performedDateTime", "occurrencePeriod", "occurrenceDateTime"),
    "ImagingStudy": ("started",),
    "DiagnosticReport": ("effectivePeriod", "effectiveDateTime"),
    "MedicationAdministration": ("effectivePeriod", "effectiveDateTime", "occurencePeriod", "occurenceDateTime"),
    "MedicationStatement": ("effectivePeriod", "effectiveDateTime"),
    "MedicationRequest": ("authoredOn",),
    "Encounter": ("period", "actualPeriod"),
}
"""Where each type of resource says when it was."""
_KNOWN: Mapping[str, str] = {
    "Procedure": "recorded",
    "DiagnosticReport": "issued",
    "MedicationRequest": "authoredOn",
    "MedicationAdministration": "recorded",
    "MedicationStatement": "dateAsserted",
}
# What is recorded by beginning: an arrival, an examination. Known from its start where nothing else is said.
_KNOWN_FROM_THE_START = frozenset(("Encounter", "ImagingStudy"))


def when(resource: Resource, zone: dt.tzinfo | None) -> tuple[Moment | None, Moment | None]:
    """An event's start and end. A request runs as long as its dosage says, where it says so."""
    if resource["resourceType"] == "MedicationRequest":
        for dosage in dicts(resource.get("dosageInstruction")):
            for bounds in dicts(inside(dosage, "timing", "repeat", "boundsPeriod")):
                start = parse(string(bounds.get("start")), zone)
                if start:
                    return start, parse(string(bounds.get("end")), zone)
    for name in WHEN[resource["resourceType"]]:
        value = resource.get(name)
        if isinstance(value, dict):
            start, end = parse(string(value.get("start")), zone), parse(string(value.get("end")), zone)
            if start or end:
                return start or end, end
        elif moment := parse(string(value), zone):
            return moment, None
    return None, None


def known(resource: Resource, start: Moment, end: Moment | None, zone: dt.tzinfo | None) -> Moment | None:
    """When it could be known that an event had begun; see the module."""
    kind = resource["resourceType"]
    if kind in _KNOWN_FROM_THE_START:
        return start
    recorded = parse(string(resource.get(_KNOWN[kind])), zone)
    return known_from(start, recorded or _last_changed(resource, end or start, zone))


def _last_changed(resource: Resource, happened: Moment, zone: dt.tzinfo | None) -> Moment | None:
    """When the server last changed a resource, unless it stood before what it tells."""
    changed = parse(string(inside(resource, "meta", "lastUpdated")), zone)
    if changed is not None and zone is None and changed.date < dt.date.max:
        # A server's clock is often Greenwich's; which day it is in the hospital then, nobody says.
        changed = Moment(changed.date + dt.timedelta(days=1))
    return None if changed is None or ends_before(happened, changed) else changed


def inside(value: object, *path: str) -> object:
    """What lies at a path of names; None where there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def dicts(value: object) -> list[Resource]:
    """The objects of a list, or the one that stands for a list of one."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def string(value: object) -> str | None:
    """A text without the space around it; None for blanks and for what is no text."""
    return value.strip() or None if isinstance(value, str) else None
