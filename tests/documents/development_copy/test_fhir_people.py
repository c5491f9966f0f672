import json

import pytest

from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.fhir_people import known_people
from clinical_assets.documents.development_copy.known_identifiers import Alone, Place
from resources.document_store import DocumentStore

PATIENT = {
    "resourceType": "Patient", "id": "p1",
    "identifier": [{"system": "urn:mrn", "value": "K449120"}, {"value": "p1"}],
    "name": [{"family": "Quillfeather", "given": ["Xaviera", "Mae"]}, {"text": "Xavi Quill"}],
    "telecom": [{"system": "phone", "value": "617-555-0100"}, {"system": "email", "value": "xq@mail.example"}],
    "address": [{"line": ["9 Lindenwood Court"], "city": "Quillham", "postalCode": "02134", "state": "MA"}],
    "contact": [{"name": {"family": "Oduya", "given": ["Kwame"]}, "telecom": [{"value": "617-555-0199"}],
                 "address": {"line": ["12 Tallow Street"]}}],
}  # fmt: skip
RELATIVE = {
    "resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/p1"},
    "name": [{"family": "Ormerod", "given": ["Fenna"]}],
}  # fmt: skip
ORDINARY = {
    "resourceType": "Patient", "id": "p2", "name": [{"family": "White", "given": ["Grace"]}],
    "address": [{"city": "Reading"}],
}  # fmt: skip
STRANGER = {"resourceType": "Patient", "id": "p9", "name": [{"family": "Silverlock"}]}


@pytest.fixture
def store(tmp_path):
    (tmp_path / "fhir").mkdir()
    bundle = {"resourceType": "Bundle", "entry": [{"resource": ORDINARY}, {"resource": None}]}
    lines = [json.dumps(each) for each in (PATIENT, STRANGER, bundle)]
    (tmp_path / "fhir" / "Patient.ndjson").write_text("\n".join([*lines, '{"resourceType": "Patient", "id', ""]))
    (tmp_path / "fhir" / "RelatedPerson.ndjson").write_text(json.dumps(RELATIVE) + "\n")
    return DocumentStore(root=str(tmp_path))


def test_who_a_patient_is_is_read_from_his_resources(store):
    known = known_people(store, {"p1", "p2"})
    assert set(known) == {"p1", "p2"}
    assert {"K449120", "Quillfeather", "Xaviera", "Xaviera Quillfeather", "Quillfeather, Xaviera", "Xavi Quill",
            "617-555-0100", "xq@mail.example", "9 Lindenwood Court", "Quillham", "02134", "Oduya", "Kwame Oduya",
            "617-555-0199", "12 Tallow Street", "Fenna Ormerod"} <= set(known["p1"])  # fmt: skip
    assert not {"p1", "Silverlock", "MA"} & set(known["p1"])


def test_a_name_that_is_an_ordinary_word_is_known_only_with_the_rest_of_it(store):
    known = known_people(store, {"p2"})["p2"]
    assert set(known) == {"Grace White", "White, Grace"}
    made = Deidentifier(b"a secret for the tests").text(
        "Grace White was reading; white count normal; WHITE, GRACE", "p2", known
    )
    assert "was reading; white count normal" in made.text
    assert "race" not in made.text
    assert made.text.count("[name-") == 4


def test_a_store_that_is_not_there_knows_nobody(tmp_path):
    assert known_people(DocumentStore(root=str(tmp_path / "none")), {"p1"}) == {}


@pytest.mark.parametrize("odd", [{"name": "Quist"}, {"name": [{"given": "Q", "family": 7}]}, {"telecom": [{}]}, {}])
def test_resources_of_another_form_give_nothing(tmp_path, odd):
    (tmp_path / "fhir").mkdir()
    line = json.dumps({"resourceType": "Patient", "id": "p1"} | odd)
    (tmp_path / "fhir" / "Patient.ndjson").write_text(line + "\n")
    assert known_people(DocumentStore(root=str(tmp_path)), {"p1"}) == {}


def people(tmp_path, *resources):
    (tmp_path / "fhir").mkdir()
    (tmp_path / "fhir" / "Patient.ndjson").write_text("".join(f"{json.dumps(each)}\n" for each in resources))
    return known_people(DocumentStore(root=str(tmp_path)), {"p1"})


@pytest.mark.parametrize(
    "said",
    [
        {"telecom": [{"value": "None"}]}, {"identifier": [{"value": "unknown"}, {"value": "12"}]},
        {"address": [{"line": ["100", "Main", "homeless"], "city": "Reading"}]}, {"name": [{"given": 5, "family": 5}]},
        {"name": "Quist", "address": "Quillham", "telecom": "none"},
    ],
)  # fmt: skip
def test_what_is_no_number_or_address_is_not_known(tmp_path, said):
    assert people(tmp_path, {"resourceType": "Patient", "id": "p1"} | said) == {}


def test_of_a_name_what_can_be_read_is_known(tmp_path):
    known = people(tmp_path, {"resourceType": "Patient", "id": "p1", "name": [{"family": "Quist", "given": 5}]})
    assert known == {"p1": ("Quist",)}


def test_towns_and_addresses_in_one_text_are_known_with_a_capital(tmp_path):
    address = [{"text": "14 Quarrystone Bend, Eastmere"}, {"line": ["Rosebank Cottage"], "city": "Colon"}]
    known = people(tmp_path, {"resourceType": "Patient", "id": "p1", "address": address})["p1"]
    assert set(known) == {
        "14 Quarrystone Bend, Eastmere", "14 Quarrystone Bend", "Eastmere", "Rosebank Cottage", "Colon",
    }  # fmt: skip
    assert {value for value in known if isinstance(value, Place)} == {"Eastmere", "Rosebank Cottage", "Colon"}


def test_a_name_that_is_a_towns_as_well_is_found_in_any_case(tmp_path):
    town = {"resourceType": "Patient", "id": "p1", "address": [{"city": "Quillham"}]}
    name = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Quillham"}]}
    assert [type(value) for value in people(tmp_path, town, name)["p1"]] == [str]


def test_a_name_alone_that_is_a_word_is_known_with_a_capital(tmp_path):
    known = people(tmp_path, {"resourceType": "Patient", "id": "p1", "name": [{"family": "White"}]})["p1"]
    assert known == ("White",)
    assert isinstance(known[0], Alone)


@pytest.mark.parametrize("reference", ["Patient/p1/_history/3", "https://fhir.example/r4/Patient/p1", "urn:uuid:p1"])
def test_relatives_are_found_by_any_reference_and_in_bundles_of_bundles(tmp_path, reference):
    relative = RELATIVE | {"patient": {"reference": reference}}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": relative}, {"resource": 7}, 7]}
    known = people(tmp_path, {"resourceType": "Bundle", "entry": [{"resource": bundle}]})["p1"]
    assert "Ormerod" in known
