"""What the document store's FHIR resources say of who a patient is: names, numbers, addresses, and his contacts'.

Read when a copy is made and written nowhere: the copy replaces them in that patient's documents. Of a Miss White the
whole name is told, of which `names_that_are_words` finds the parts; a town called Reading is not, and nor is what
stands where nothing is known: a telephone "None", an identifier "unknown".

Source: HL7 FHIR R4, Patient and RelatedPerson.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from clinical_assets.documents.development_copy.known_identifiers import Alone, Place, says_nothing_alone
from clinical_assets.documents.index.fhir_entries import lines_of
from clinical_assets.documents.timeline.timeline_sources import fhir_files
from resources.document_store import DocumentStore

_PEOPLE = (b"Patient", b"RelatedPerson")
_SHORTEST = 3
_SHORTEST_NUMBER = 4
# A house's or a street's name without a number: two words with capitals.
_NAMED = re.compile(r"[A-Z][a-zà-ÿ'’.-]+")
_NAMED_LINE = re.compile(r"(?:[A-Z][\w'’.-]+ ){1,4}[A-Z][\w'’.-]+")


def known_people(store: DocumentStore, patients: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The identifiers of patients that the store's FHIR files give.

    Args:
        store: the document store; one that is empty or absent gives nothing.
        patients: their ids; nobody else's are read.

    Returns:
        By patient, those of whom anything is given. A line that cannot be read gives nothing: the timeline names it.

    Raises:
        OSError: the store cannot be read.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path in fhir_files(store):
        for _, _, line in lines_of(store, path):
            if any(kind in line for kind in _PEOPLE):
                for patient, resource in _people(line):
                    if patient in patients:
                        for value in _identifiers(resource):
                            # A name that is a town's as well is a name: found in any case.
                            if value != patient and type(found[patient].get(value)) is not str:
                                found[patient][value] = value
    return {patient: tuple(sorted(values.values())) for patient, values in found.items() if values}


def _people(line: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The patients and relatives in a resource, or in Bundles in it, by the patient they are of."""
    try:
        waiting = [json.loads(line)]
    except (ValueError, RecursionError):
        return
    while waiting:
        each = waiting.pop()
        if not isinstance(each, dict):
            continue
        waiting += [entry.get("resource") for entry in _dicts(each, "entry")]
        if each.get("resourceType") == "Patient":
            yield str(each.get("id")), each
        elif each.get("resourceType") == "RelatedPerson":
            yield _referred(each.get("patient")), each


def _referred(patient: object) -> str:
    """The id a reference names: `Patient/123`, a version of it, a full address or `urn:uuid:`."""
    reference = str(patient.get("reference")) if isinstance(patient, dict) else ""
    return reference.split("/_history/")[0].rpartition("/")[2].removeprefix("urn:uuid:")


def _identifiers(person: Mapping[str, Any]) -> Iterator[str]:
    for name in _dicts(person, "name"):
        yield from _names(name)
    for each in (*_dicts(person, "telecom"), *_dicts(person, "identifier")):
        yield from _numbers([each.get("value")])
    for address in _dicts(person, "address"):
        yield from _places(address)
    for contact in _dicts(person, "contact"):
        alike = {**contact, "name": [contact.get("name")], "address": [contact.get("address")]}
        yield from _identifiers({key: value for key, value in alike.items() if key != "contact"})


def _names(name: Mapping[str, Any]) -> Iterator[str]:
    given = _strings(name.get("given"))
    family = name.get("family") if isinstance(name.get("family"), str) else None
    yield from _long_enough([name.get("text")] if " " in str(name.get("text")).strip() else [])
    if family and given:
        yield from (f"{given[0]} {family}", f"{family}, {given[0]}", f"{' '.join(given)} {family}")
    told = list(_telling([family, *given]))
    yield from told
    if not (family and given):
        yield from (Alone(value) for value in _long_enough([family, *given]) if value not in told)


def _places(address: Mapping[str, Any]) -> Iterator[str]:
    """Its lines and its town; of an address in one text, its parts and the whole."""
    written = _strings([address.get("text")])
    parts = [part.strip() for each in written for part in re.split("[,\n]", each)]
    lines = [*_strings(address.get("line")), *written, *parts]
    yield from _numbers(lines)
    yield from (Place(line.strip()) for line in lines if _NAMED_LINE.fullmatch(line.strip()))
    yield from _telling([address.get("postalCode")])
    towns = [address.get("city"), *(part for part in parts if _NAMED.fullmatch(part))]
    yield from (Place(town) for town in _telling(towns))


def _long_enough(values: Iterable[Any]) -> Iterator[str]:
    yield from (value.strip() for value in values if isinstance(value, str) and len(value.strip()) >= _SHORTEST)


def _numbers(values: Iterable[Any]) -> Iterator[str]:
    """The values with a digit, or addresses of mail; others say that nothing is known, or are words."""
    for value in _long_enough(values):
        if "@" in value or (len(value) >= _SHORTEST_NUMBER and any(c.isdigit() for c in value)):
            yield value


def _telling(values: Iterable[Any]) -> Iterator[str]:
    """The values that are no ordinary words: those would be replaced wherever they stand."""
    for value in _long_enough(values):
        if any(c.isdigit() for c in value) or not says_nothing_alone(value):
            yield value


def _strings(values: object) -> list[str]:
    return [each for each in values if isinstance(each, str)] if isinstance(values, list) else []


def _dicts(of: object, key: str) -> list[Mapping[str, Any]]:
    values = of.get(key) if isinstance(of, dict) else None
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
