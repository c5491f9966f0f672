"""What the document store's FHIR resources say of who a patient is: names, numbers, addresses, and his contacts'.

Read when a copy is made and written nowhere: the copy replaces them in that patient's documents. A word that is
ordinary (a Miss White, a town called Reading) is taken only beside the words that make it a name.

Source: HL7 FHIR R4, Patient and RelatedPerson.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from clinical_assets.documents.development_copy.capitalised_words import Vocabulary
from clinical_assets.documents.development_copy.known_identifiers import ALSO_WORDS
from clinical_assets.documents.index.fhir_entries import lines_of
from clinical_assets.documents.timeline.timeline_sources import fhir_files
from resources.document_store import DocumentStore

_PEOPLE = (b"Patient", b"RelatedPerson")
_SHORTEST = 3
_MEDICINE = Vocabulary(frozenset())


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
    found: dict[str, set[str]] = defaultdict(set)
    for path in fhir_files(store):
        for _, _, line in lines_of(store, path):
            if any(kind in line for kind in _PEOPLE):
                for patient, resource in _people(line):
                    if patient in patients:
                        found[patient] |= set(_identifiers(resource)) - {patient}
    return {patient: tuple(sorted(values)) for patient, values in found.items() if values}


def _people(line: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The patients and relatives in a resource, by the patient they are of."""
    try:
        resource = json.loads(line)
    except (ValueError, RecursionError):
        return
    for each in (resource, *(entry.get("resource") for entry in _dicts(resource, "entry"))):
        if not isinstance(each, dict):
            continue
        if each.get("resourceType") == "Patient":
            yield str(each.get("id")), each
        elif each.get("resourceType") == "RelatedPerson":
            patient = each.get("patient")
            reference = patient.get("reference") if isinstance(patient, dict) else None
            yield str(reference).rpartition("/")[2], each


def _identifiers(person: Mapping[str, Any]) -> Iterator[str]:
    for name in _dicts(person, "name"):
        yield from _names(name)
    for each in (*_dicts(person, "telecom"), *_dicts(person, "identifier")):
        yield from _long_enough([each.get("value")])
    for address in _dicts(person, "address"):
        lines = address.get("line")
        yield from _long_enough(lines if isinstance(lines, list) else [])
        yield from _telling([address.get("city"), address.get("postalCode")])
    for contact in _dicts(person, "contact"):
        alike = {**contact, "name": [contact.get("name")], "address": [contact.get("address")]}
        yield from _identifiers({key: value for key, value in alike.items() if key != "contact"})


def _names(name: Mapping[str, Any]) -> Iterator[str]:
    given = [each for each in name.get("given") or () if isinstance(each, str)]
    family = name.get("family") if isinstance(name.get("family"), str) else None
    yield from _long_enough([name.get("text")] if " " in str(name.get("text")).strip() else [])
    if family and given:
        yield from (f"{given[0]} {family}", f"{family}, {given[0]}", f"{' '.join(given)} {family}")
    yield from _telling([family, *given])


def _long_enough(values: Iterable[Any]) -> Iterator[str]:
    yield from (value.strip() for value in values if isinstance(value, str) and len(value.strip()) >= _SHORTEST)


def _telling(values: Iterable[Any]) -> Iterator[str]:
    """The values that are no ordinary words: those would be replaced wherever they stand."""
    for value in _long_enough(values):
        if any(c.isdigit() for c in value) or not (
            ALSO_WORDS.fullmatch(value.lower()) or _MEDICINE.holds(value.capitalize())
        ):
            yield value


def _dicts(of: object, key: str) -> list[Mapping[str, Any]]:
    values = of.get(key) if isinstance(of, dict) else None
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
