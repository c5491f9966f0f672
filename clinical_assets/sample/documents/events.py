"""A made-up illness as FHIR R4 resources: what the timeline is built from.

Ids are `<patient>-<event>`. Times carry no zone: the shifted calendar has none, so they are the hospital's wall clock
(R4 asks for a zone where there is a time; real exports of shifted data leave it out too).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from clinical_assets.sample.documents.stories import Illness, Person
from clinical_assets.sample.documents.wording import imaging_time

Resource = dict[str, Any]

_CPT, _LOINC, _ATC = "http://www.ama-assn.org/go/cpt", "http://loinc.org", "http://www.whocc.no/atc"
_ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/v2-0074"
_CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
# CPT: stereotactic biopsy; craniotomy for supratentorial tumour, for meningioma, infratentorial tumour; radiation.
_BIOPSY, _CRANIOTOMY, _MENINGIOMA, _INFRATENTORIAL, _RADIATION = "61750", "61510", "61512", "61518", "77385"
_BELOW_THE_TENT = ("cerebellum", "fourth ventricle", "pons")


def resources(person: Person, told: Illness) -> Iterator[Resource]:
    """The patient and every event, each resource once."""
    made = _Made(person, told)
    yield made.patient()
    yield made.condition()
    yield from made.operations()
    yield from made.scans()
    yield from made.treatments()
    yield from made.visits()


class _Made:
    def __init__(self, person: Person, told: Illness) -> None:
        self._person, self._told = person, told
        self._subject = {"reference": f"Patient/{person.patient_id}"}

    def _resource(self, kind: str, what: str, **fields: object) -> Resource:
        return {"resourceType": kind, "id": f"{self._person.patient_id}-{what}", **fields}

    def patient(self) -> Resource:
        died = self._person.died
        return {
            "resourceType": "Patient",
            "id": self._person.patient_id,
            "gender": "female" if self._person.female else "male",
            "birthDate": self._person.born.isoformat(),
            **({"deceasedDateTime": died.isoformat()} if died else {}),
        }

    def condition(self) -> Resource:
        tumour = self._told.tumour
        return self._resource(
            "Condition", "tumor", subject=self._subject, code=_coded(_ICD10, tumour.icd10, tumour.name),
            onsetDateTime=self._told.found.isoformat(), recordedDate=self._told.operations[0].home.isoformat(),
        )  # fmt: skip

    def operations(self) -> Iterator[Resource]:
        site, tumour = self._told.site.location, self._told.tumour.name
        for surgery in self._told.operations:
            stay = {"reference": f"Encounter/{self._person.patient_id}-surgery-{surgery.number}"}
            biopsy = surgery.extent == "Biopsy Only"
            code = _INFRATENTORIAL if site in _BELOW_THE_TENT else _CRANIOTOMY
            code = _BIOPSY if biopsy else _MENINGIOMA if tumour == "Meningioma" else code
            words = f"Stereotactic biopsy of {site} lesion" if biopsy else f"Craniotomy for resection of {site} tumor"
            begins, ends = _at(surgery.day, 8), _at(surgery.day, 11)
            yield self._resource(
                "Encounter", f"surgery-{surgery.number}", status="finished", subject=self._subject,
                **{"class": {"system": _CLASS, "code": "IMP"}},
                period={"start": _at(surgery.day, 6), "end": _at(surgery.home, 14)},
            )  # fmt: skip
            yield self._resource(
                "Procedure", f"surgery-{surgery.number}", status="completed", subject=self._subject, encounter=stay,
                code=_coded(_CPT, code, words), performedPeriod={"start": begins, "end": ends},
            )  # fmt: skip
            yield self._resource(
                "DiagnosticReport", f"pathology-{surgery.number}", status="final", subject=self._subject,
                encounter=stay, category=[_coded(_CATEGORY, "PAT", "Pathology")],
                code=_coded(_LOINC, "11526-1", "Surgical pathology report"), effectiveDateTime=ends,
                issued=_at(surgery.reported, 18),
            )  # fmt: skip

    def scans(self) -> Iterator[Resource]:
        for number, scan in enumerate(self._told.scans, start=1):
            started = dt.datetime.combine(scan.day, imaging_time(number)).isoformat()
            yield self._resource(
                "ImagingStudy", f"mri-{number}", status="available", subject=self._subject, started=started,
                modality=[{"system": _DICOM, "code": "MR"}], description="MRI brain with and without contrast",
            )  # fmt: skip
            yield self._resource(
                "DiagnosticReport", f"mri-{number}", status="final", subject=self._subject,
                category=[_coded(_CATEGORY, "NMR", "MRI")], effectiveDateTime=started,
                code=_coded(_LOINC, "24590-2", "MR Brain WO and W contrast IV"),
                imagingStudy=[{"reference": f"ImagingStudy/{self._person.patient_id}-mri-{number}"}],
            )  # fmt: skip

    def treatments(self) -> Iterator[Resource]:
        radiation = self._told.radiation
        if radiation:
            words = f"Radiation therapy, {radiation.technique}"
            yield self._resource(
                "Procedure", "radiation", status="completed", subject=self._subject,
                code=_coded(_CPT, _RADIATION, words),
                performedPeriod={"start": radiation.start.isoformat(), "end": radiation.end.isoformat()},
            )  # fmt: skip
        for number, course in enumerate(self._told.drugs, start=1):
            bounds = {"start": course.start.isoformat(), "end": course.end.isoformat()}
            yield self._resource(
                "MedicationRequest", f"drug-{number}", intent="order", subject=self._subject,
                status="stopped" if course.outcome == "stop" else "completed",
                medicationCodeableConcept=_coded(_ATC, course.drug.atc, course.drug.name),
                authoredOn=course.start.isoformat(),
                dosageInstruction=[{"text": course.drug.dose, "timing": {"repeat": {"boundsPeriod": bounds}}}],
            )  # fmt: skip

    def visits(self) -> Iterator[Resource]:
        for number, visit in enumerate(self._told.visits, start=1):
            yield self._resource(
                "Encounter", f"visit-{number}", status="finished", subject=self._subject,
                **{"class": {"system": _CLASS, "code": "AMB"}}, period={"start": visit.day.isoformat()},
            )  # fmt: skip


def _coded(system: str, code: str, words: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": words}], "text": words}


def _at(day: dt.date, hour: int) -> str:
    return dt.datetime.combine(day, dt.time(hour)).isoformat()
