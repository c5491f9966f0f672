import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.prioritised.prioritisation import prioritise
from clinical_assets.documents.timeline.event_rules import CPT, SNOMED
from clinical_assets.documents.timeline.events import EVENT_SCHEMA, LINK_SCHEMA, medication_courses, near
from clinical_assets.documents.timeline.fhir_events import from_fhir

PATIENT = {"subject": {"reference": "Patient/p1"}}


def resource(kind: str, identifier: str = "1", **fields) -> dict:
    return {"resourceType": kind, "id": identifier, "status": "completed", **PATIENT, **fields}


def concept(system: str | None = None, code: str | None = None, text: str | None = None) -> dict:
    return {"coding": [{"system": system, "code": code}] if code else [], "text": text}


def one(**fields_of) -> dict:
    (kind, fields), *_ = fields_of.items()
    rows = from_fhir([resource(kind, **fields)]).events.rows(named=True)
    assert len(rows) == 1
    return rows[0]


def test_a_procedure_is_a_surgery_with_its_day_and_code():
    row = one(Procedure={"code": concept(CPT, "61510", "Craniotomy for tumor"), "performedDateTime": "2020-03-10"})
    assert row["event_id"] == "Procedure/1"
    assert (row["patient_id"], row["event_type"], row["event_subtype"]) == ("p1", "surgery", "tumor_resection")
    assert (row["start_date"], row["start_time"], row["end_date"]) == (dt.date(2020, 3, 10), None, None)
    assert (row["code"], row["code_system"], row["rule"]) == ("61510", CPT, "CPT surgery")
    assert row["description"] == "Craniotomy for tumor"


@pytest.mark.parametrize(
    ("kind", "fields", "event_type", "subtype", "start", "end"),
    [
        ("Procedure", {"category": concept(SNOMED, "108290001"),
                       "performedPeriod": {"start": "2020-01-02", "end": "2020-02-14"}},
         "radiation", None, "2020-01-02", "2020-02-14"),
        ("ImagingStudy", {"started": "2020-01-02T08:00:00Z",
                          "modality": [{"system": "http://dicom/DCM", "code": "MR"}]},
         "imaging", "MR", "2020-01-02 08:00", None),
        ("DiagnosticReport", {"category": [concept("http://terminology.hl7.org/CodeSystem/v2-0074", "SP")],
                              "effectiveDateTime": "2020-01-02"}, "pathology", None, "2020-01-02", None),
        ("MedicationRequest", {"medicationCodeableConcept": {"text": "temozolomide"}, "authoredOn": "2020-01-02"},
         "medication", "antineoplastic", "2020-01-02", None),
        ("MedicationRequest", {"medicationCodeableConcept": {"text": "x"}, "dosageInstruction": [
            {"timing": {"repeat": {"boundsPeriod": {"start": "2020-01-05", "end": "2020-02-01"}}}}]},
         "medication", "other", "2020-01-05", "2020-02-01"),
        ("MedicationAdministration", {"medication": {"concept": {"text": "Dexamethasone"}},
                                      "occurencePeriod": {"start": "2020-01-02T10:00"}},
         "medication", "corticosteroid", "2020-01-02 10:00", None),
        ("Encounter", {"class": {"code": "IMP"}, "period": {"start": "2020-01-02T10:00", "end": "2020-01-09"}},
         "encounter", "IMP", "2020-01-02 10:00", "2020-01-09"),
        ("Encounter", {"class": [{"coding": [{"code": "AMB"}]}], "actualPeriod": {"end": "2020-01-09"}},
         "encounter", "AMB", "2020-01-09", "2020-01-09"),
    ],
)  # fmt: skip
def test_every_kind_of_event(kind, fields, event_type, subtype, start, end):
    row = one(**{kind: fields})
    said = {edge: row[f"{edge}_time"] or row[f"{edge}_date"] for edge in ("start", "end")}
    assert (row["event_type"], row["event_subtype"]) == (event_type, subtype)
    assert str(said["start"])[:16] == start
    assert (str(said["end"])[:16] if end else said["end"]) == end


def test_times_are_moved_to_the_hospitals_zone_before_the_day_is_taken():
    study = resource("ImagingStudy", started="2020-01-02T02:30:00Z")
    assert from_fhir([study], "America/New_York").events["start_date"].to_list() == [dt.date(2020, 1, 1)]


def test_when_it_was_known_is_kept_apart_from_when_it_was():
    row = one(
        DiagnosticReport={
            "code": concept(text="MRI brain"),
            "effectiveDateTime": "2020-01-02",
            "issued": "2020-01-04T09:00:00Z",
        }
    )
    assert (row["start_date"], row["known_time"]) == (dt.date(2020, 1, 2), dt.datetime(2020, 1, 4, 9))


def test_drugs_named_elsewhere_are_found():
    drug = {"resourceType": "Medication", "id": "m", "code": {"text": "lomustine"}}
    inside = {**drug, "id": "c"}
    given_ = [
        resource("MedicationRequest", "1", medicationReference={"reference": "Medication/m"}, authoredOn="2020-01-02"),
        resource(
            "MedicationRequest",
            "2",
            medicationReference={"reference": "#c"},
            contained=[inside],
            authoredOn="2020-01-02",
        ),
    ]
    bundle = {"resourceType": "Bundle", "entry": [{"resource": r} for r in [*given_, drug]]}
    assert from_fhir([bundle]).events["event_subtype"].to_list() == ["antineoplastic"] * 2


def test_what_never_happened_is_left_out_and_counted():
    surgery = {"code": concept(CPT, "61510"), "performedDateTime": "2020-03-10"}
    timeline = from_fhir(
        [
            resource("Procedure", "1", **{**surgery, "status": "not-done"}),
            resource("Procedure", "2", **{**surgery, "status": "entered-in-error"}),
            resource("MedicationRequest", "3", intent="proposal", authoredOn="2020-01-01"),
            resource("Procedure", "4", code=concept(CPT, "61510")),
            resource("Procedure", "5", **{**surgery, "subject": {}}),
            resource("Procedure", "6", **{**surgery, "performedDateTime": "2020"}),
            {"resourceType": "Observation", "id": "7", **PATIENT},
        ]
    )
    assert timeline.events.is_empty()
    assert timeline.left_out == {
        "never happened: Procedure": 2,
        "never happened: MedicationRequest": 1,
        "undated: Procedure": 2,
        "without id or patient: Procedure": 1,
    }


def test_documents_are_linked_to_what_they_describe():
    surgery = resource("Procedure", "s", code=concept(CPT, "61510"), performedDateTime="2020-03-10")
    study = resource("ImagingStudy", "i", started="2020-03-11")
    report = resource(
        "DiagnosticReport", "r", code=concept(text="MRI"), effectiveDateTime="2020-03-11",
        presentedForm=[{"contentType": "text/plain"}], imagingStudy=[{"reference": "ImagingStudy/i"}],
    )  # fmt: skip
    note = resource(
        "DocumentReference", "d",
        context={"related": [{"reference": "https://ehr.example/Procedure/s/_history/2"}, {"reference": "Procedure/"}]},
    )  # fmt: skip
    addendum = resource("DocumentReference", "a", context={"related": [{"reference": "DiagnosticReport/r"}]})
    lone = resource(
        "DiagnosticReport", "alone", code=concept(text="MRI"), effectiveDateTime="2020-03-12",
        presentedForm=[{"contentType": "text/plain"}], imagingStudy=[{"reference": "ImagingStudy/elsewhere"}],
    )  # fmt: skip
    timeline = from_fhir([surgery, study, report, note, addendum, lone])
    # One examination is one event: the study, and the report where there is no study.
    assert timeline.events["event_id"].to_list() == ["Procedure/s", "ImagingStudy/i", "DiagnosticReport/alone"]
    assert timeline.left_out == {"told by its study: DiagnosticReport": 1}
    assert timeline.links.sort("document_id", "event_id").rows() == [
        ("a", "ImagingStudy/i", "p1"),
        ("alone", "DiagnosticReport/alone", "p1"),
        ("d", "Procedure/s", "p1"),
        ("r", "ImagingStudy/i", "p1"),
    ]


def dose(identifier: str, day: int, drug: str = "temozolomide", patient: str = "p1", **fields) -> dict:
    at = (dt.date(2020, 1, 1) + dt.timedelta(days=day)).isoformat()
    said = {"subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": at, **fields}
    return resource("MedicationAdministration", identifier, medicationCodeableConcept={"text": drug}, **said)


def test_doses_become_courses():
    doses = [dose(f"{i}", day) for i, day in enumerate([0, 1, 2, 28, 29, 60, 61])]
    doses += [
        dose("x", 30, "lomustine"),
        dose("y", 0, patient="p2"),
        resource("ImagingStudy", "i", started="2020-01-05"),
    ]
    timeline = from_fhir(doses)
    courses = medication_courses(timeline.events)
    assert courses.schema == pl.Schema(EVENT_SCHEMA)
    got = courses.select("patient_id", "event_type", "description", "start_date", "end_date").rows()
    start = dt.date(2020, 1, 1)
    assert got == [
        ("p1", "medication", "temozolomide", start, start + dt.timedelta(29)),
        ("p1", "imaging", None, dt.date(2020, 1, 5), None),
        ("p1", "medication", "lomustine", start + dt.timedelta(30), None),
        ("p1", "medication", "temozolomide", start + dt.timedelta(60), start + dt.timedelta(61)),
        ("p2", "medication", "temozolomide", start, None),
    ]


def test_a_long_course_is_not_cut_by_a_short_one_inside_it():
    period = {"effectivePeriod": {"start": "2020-01-01", "end": "2020-12-31"}, "effectiveDateTime": None}
    timeline = from_fhir([dose("a", 0, **period), dose("b", 5), dose("c", 300)])
    courses = medication_courses(timeline.events)
    assert courses.select("start_date", "end_date").rows() == [(dt.date(2020, 1, 1), dt.date(2020, 12, 31))]


def test_the_timeline_feeds_the_prioritiser():
    timeline = from_fhir([dose("a", 0), dose("b", 14), resource("ImagingStudy", "i", started="2020-02-01T10:00")])
    notes = pl.DataFrame(
        {
            "document_id": ["n1", "n2", "n3"],
            "patient_id": ["p1"] * 3,
            "note_date": [dt.date(2020, 1, 1), dt.date(2020, 1, 16), dt.date(2020, 2, 1)],
            "note_time": [None, None, dt.datetime(2020, 2, 1, 9)],
            "note_type": ["oncology"] * 3,
            "title": [None] * 3,
            "category": [None] * 3,
        },
        schema_overrides={"note_time": pl.Datetime("us"), "title": pl.String, "category": pl.String},
    )
    kept = prioritise(notes, medication_courses(timeline.events)).kept
    assert dict(kept.select("document_id", "reasons").iter_rows()) == {
        "n1": ["post_medication_change", "pre_medication_change"],
        "n2": ["post_medication_change"],
        "n3": ["final_note"],  # written an hour before the study
    }


def test_events_near_a_note():
    events = from_fhir(
        [
            resource("ImagingStudy", "before", started="2020-01-01"),
            resource("ImagingStudy", "long before", started="2019-12-01"),
            resource("Encounter", "during", period={"start": "2019-01-01", "end": "2020-01-20"}),
            resource("ImagingStudy", "after", started="2020-02-09"),
            resource("ImagingStudy", "other", **{"started": "2020-01-10", "subject": {"reference": "Patient/p2"}}),
        ]
    ).events
    notes = pl.DataFrame({"document_id": ["n"], "patient_id": ["p1"], "note_date": [dt.date(2020, 1, 10)]})
    got = dict(near(notes, events).select("event_id", "days_from_event").iter_rows())
    assert got == {"ImagingStudy/before": 9, "Encounter/during": 0, "ImagingStudy/after": -30}


KEYS = ["coding", "code", "system", "text", "start", "end", "reference", "display"]
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
JSON = st.recursive(
    LEAVES | st.sampled_from(["2020-01-02", "Patient/p1", "completed"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
FIELD_NAMES = (
    "id subject code performedPeriod period started class category type modality context encounter status "
    "effectivePeriod medication medicationReference dosageInstruction contained presentedForm entry"
)
FIELDS = st.sampled_from(FIELD_NAMES.split(" "))
KINDS = [
    "Procedure",
    "Encounter",
    "ImagingStudy",
    "MedicationRequest",
    "DiagnosticReport",
    "DocumentReference",
    "Bundle",
]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(FIELDS, JSON, max_size=6)), max_size=4))
@settings(max_examples=80, deadline=None)
def test_any_shape_of_resource_gives_a_timeline(drawn):
    timeline = from_fhir([{"resourceType": kind, **fields} for kind, fields in drawn])
    assert timeline.events.schema == pl.Schema(EVENT_SCHEMA)
    assert timeline.links.schema == pl.Schema(LINK_SCHEMA)
