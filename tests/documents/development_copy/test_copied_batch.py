import base64
import json
import re
from pathlib import Path

import polars as pl
import pytest
from copied_hospital import (
    BATCHES,
    IN_THE_LAKE,
    KNOWN,
    ONE,
    SECRET,
    frames,
    one_text,
    timeline,
)

from clinical_assets.documents import assets
from clinical_assets.documents.development_copy.column_rules import (
    COPIED,
    EVENT_TABLES,
    LINKS,
    NOT_COPIED,
)
from clinical_assets.documents.development_copy.copied_batch import copied
from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.leaks import LeakError
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.text.text_cache import Key, row_of
from clinical_assets.documents.timeline import timeline_mimic, timeline_store
from clinical_assets.documents.timeline.event_rules import CPT


@pytest.mark.parametrize(
    "table", [table for table in assets.TABLES if table.path not in NOT_COPIED], ids=lambda t: t.path
)
def test_every_declared_column_has_a_fate(table):
    assert set(COPIED[table.path]) == set(table.column_names)


def test_every_table_of_the_documents_is_copied_or_says_why_not():
    assert {table.path for table in assets.TABLES} == {*IN_THE_LAKE, *NOT_COPIED}
    assert set(COPIED[LINKS]) == set(timeline_store.SOURCE_DOCUMENT_SCHEMA)
    assert not set(COPIED) & set(NOT_COPIED)


def test_a_column_nobody_declared_is_left_out():
    index, text = frames(["10000065"])
    events = timeline(["10000065"]).with_columns(room=pl.lit("Silverlock's"))
    made = copied(index.with_columns(room=pl.lit("7")), text, Deidentifier(SECRET), {}, {"documents/timeline": events})
    assert "room" not in made.index.columns
    assert "room" not in made.tables["documents/timeline"].columns


def test_a_name_found_in_one_document_is_replaced_in_the_others():
    index, text = frames(["10000014"])
    words = ["Patient Name: Quillfeather, Kasper\nStable.", "quillfeather was glad. Kasper Quillfeather smiled."]
    text = text.head(2).with_columns(text=pl.Series(words), spans=pl.lit("[]"))
    made = copied(index.head(2), text, Deidentifier(SECRET), {})
    assert not re.search("quillfeather", "\n".join(made.text["text"]), re.IGNORECASE)
    assert sum("smiled" in words for words in made.text["text"]) == 1


def test_failed_extractions_stay_failed():
    index, text = frames(["10000014"])
    text = text.head(1).with_columns(
        text=pl.lit(""), extraction_success=pl.lit(False), text_sha256=pl.lit(None, pl.String), spans=pl.lit("[]"),
        reason=pl.lit("corrupt"),
    )  # fmt: skip
    made = copied(index.head(1), text, Deidentifier(SECRET), {}).text.row(0, named=True)
    assert (made["text"], made["text_sha256"], made["reason"]) == ("", None, "corrupt")


def test_ages_of_ninety_and_more_are_left_out_and_types_that_name_somebody_emptied():
    index, text = frames(["10000014"])
    index = index.head(2).with_columns(
        age_at_document_days=pl.Series([33_500, 20_000]), document_type=pl.Series(["Letter to Dr. Abernathy", "Letter"])
    )
    made = copied(index, text.head(0), Deidentifier(SECRET), {}).index
    assert set(made["age_at_document_days"]) == {None, 20_000}
    assert set(made["document_type"]) == {None, "Letter"}


@pytest.mark.parametrize(
    ("system", "kept"),
    [(CPT, True), ("urn:oid:2.16.840", True), ("per Dr. Abernathy", False), ("http://codes/Silverlock", False)],
)
def test_an_address_of_a_code_system_stays_unless_it_names_somebody(system, kept):
    index, text = frames(["10000065"])
    events = timeline(["10000065"]).with_columns(code_system=pl.lit(system))
    known = {"10000065": ("Silverlock",)}
    made = copied(index, text, Deidentifier(SECRET), known, {"documents/timeline": events}).tables
    assert set(made["documents/timeline"]["code_system"]) == ({system} if kept else {None})


def test_the_leak_is_found_and_not_shown(monkeypatch):
    index, text = frames(["10000014"])
    monkeypatch.setattr("clinical_assets.documents.development_copy.deidentification.detect", lambda *a: [])
    with pytest.raises(LeakError, match=r"^\d+ known identifiers") as raised:
        copied(index, text, Deidentifier(SECRET), {"10000014": ("Quillfeather",)})
    assert "Quillfeather" not in str(raised.value)


def test_the_name_of_an_attachment_is_not_copied():
    attachment = {
        "contentType": "text/plain", "title": "Silverlock_Ilse_1956-03-04.txt",
        "data": base64.b64encode(b"Findings: no mass.").decode(),
    }  # fmt: skip
    document = {"resourceType": "DocumentReference", "content": [{"attachment": attachment}]}
    spans = row_of(Key("", "", ""), extract(json.dumps(document).encode()))["spans"]
    assert "Silverlock_Ilse_1956-03-04" in spans
    for known in ({}, KNOWN):
        made = copied(*one_text(text="Findings: no mass.", spans=spans), Deidentifier(SECRET), known).text
        new = {span["kind"]: span.get("title") for span in json.loads(made["spans"].item())}
        assert new == {"attachment": None, "section": "Findings"}


def test_codes_and_cautions_that_name_somebody_are_emptied_and_others_stay():
    spans = [
        {"kind": "section", "start": 0, "end": 9, "code": code, "code_system": system, "level": 1}
        for code, system in (("18782-3", "LOINC"), ("371524004", "http://snomed.info/sct"), ("Silverlock-1", "LOINC"))
    ]
    cautions = [{"code": "form_not_read", "detail": detail} for detail in ("page 3", "declared text/silverlock")]
    text = one_text(spans=json.dumps(spans), warnings=json.dumps(cautions), detail="for Ilse")
    made = copied(*text, Deidentifier(SECRET), KNOWN).text.row(0, named=True)
    assert [(span.get("code"), span["code_system"]) for span in json.loads(made["spans"])] == [
        ("18782-3", "LOINC"), ("371524004", "http://snomed.info/sct"), (None, "LOINC"),
    ]  # fmt: skip
    assert json.loads(made["warnings"]) == [{"code": "form_not_read", "detail": "page 3"}, {"code": "form_not_read"}]
    assert made["detail"] is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("method", "read by Silverlock"), ("extractor", "silverlock_ilse"), ("encoding", "4711"), ("reason", "Ilse"),
        ("spans", json.dumps([{"kind": "page", "start": 0, "end": 1, "level": 1, "method": "of Ilse"}])),
        ("warnings", json.dumps([{"code": "not_final", "by": "S\u0069lverlock"}])),
    ],
)  # fmt: skip
def test_a_known_identifier_in_any_string_stops_the_copy(column, value):
    index, text = one_text(**{column: value})
    assert copied(index, text, Deidentifier(SECRET), {}).text.height == 1, "nobody is known"
    with pytest.raises(LeakError, match=rf"^[12] known .* left in documents/text, column {column};") as raised:
        copied(index, text, Deidentifier(SECRET), KNOWN)
    assert not re.search("silverlock|ilse|4711", str(raised.value), re.IGNORECASE)


def test_a_known_identifier_in_another_table_stops_the_copy():
    events = timeline([ONE]).with_columns(rule=pl.lit("as Silverlock said"))
    with pytest.raises(LeakError, match="documents/timeline, column rule;"):
        copied(*one_text(), Deidentifier(SECRET), KNOWN, {"documents/timeline": events})


def test_somebody_called_as_our_own_words_are_can_be_copied():
    spans = json.dumps([{"kind": "page", "start": 0, "end": 9, "number": 1, "level": 1}])
    cautions = json.dumps([{"code": "page_read_by_ocr", "detail": "page 3"}])
    known = {ONE: ("Page", "Note", "Manifest", "Surgery")}
    made = copied(
        *one_text(spans=spans, warnings=cautions), Deidentifier(SECRET), known, {"documents/timeline": timeline([ONE])}
    )
    assert json.loads(made.text["spans"].item())[0]["kind"] == "page"
    assert json.loads(made.text["warnings"].item()) == [{"code": "page_read_by_ocr"}]
    assert set(made.index["source"]) == {"manifest"}


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ('application/fhir+json; name="Quist_Anna.json"', "application/fhir+json"),
        ("Text/HTML;charset=utf-8", "text/html"),
        ("application/x-pdf", "application/x-pdf"),
        ("application/quist-anna", None),
        ("Anna Quist", None),
        (None, None),
    ],
)
def test_of_a_declared_type_only_a_known_media_type_is_copied(declared, kept):
    index, text = one_text()
    made = copied(index.with_columns(declared_type=pl.lit(declared, pl.String)), text, Deidentifier(SECRET), {})
    assert made.index["declared_type"].item() == kept


@pytest.mark.parametrize(
    ("version", "kept"),
    [
        ("3 lxml-6.0", "3 lxml-6.0"),
        ("1;charset=latin-1", "1;charset=iso8859-1"),
        ("1;charset=quist", "1"),
        ("1;charset=utf8;anna quist;limits=0a1b2c3d", "1;charset=utf-8"),
        ("1;charset=f\u00fcr\x00anna", "1"),
    ],
)
def test_of_a_declared_charset_only_one_that_exists_is_copied(version, kept):
    assert (
        copied(*one_text(extractor_version=version), Deidentifier(SECRET), {}).text["extractor_version"].item() == kept
    )


@pytest.mark.parametrize("event", ["QUIST-4711-op1", "Quist_Anna/1", "Procedure/", "/4711"])
def test_an_event_id_that_begins_with_no_table_is_renamed_whole(event):
    events = timeline([ONE]).head(1).with_columns(event_id=pl.lit(event))
    made = copied(*one_text(), Deidentifier(SECRET), {}, {"documents/timeline": events}).tables["documents/timeline"]
    assert made["event_id"].item() == Deidentifier(SECRET).pseudonym(event, of="event")


def test_every_table_of_mimic_that_gives_events_may_begin_an_event_id():
    sources = Path(timeline_mimic.__file__).parent.glob("*.py")
    named = {name for file in sources for name in re.findall(r'row_id\(\s*"(\w+)"', file.read_text())}
    assert {"admissions", "emar", "procedures_icd"} <= named <= EVENT_TABLES


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Telephone Encounter", True),
        ("Wound Vac Change", True),
        ("Quillham Procedure Note", True),
        ("Note for Xaviera", False),
        ("Letter to Dr. Xaviera", False),
        ("Silverlock Family Letter", False),
    ],
)
def test_a_type_all_in_capitals_is_kept_unless_it_names_somebody_known(said, kept):
    index, text = one_text()
    made = copied(index.with_columns(document_type=pl.lit(said)), text, Deidentifier(SECRET), KNOWN).index
    assert made["document_type"].item() == (said if kept else None)


def test_a_title_all_in_capitals_is_copied_as_it_is_but_for_who_is_known():
    index, text = one_text()
    made = copied(
        index.with_columns(description=pl.lit("Telephone Encounter Silverlock")), text, Deidentifier(SECRET), KNOWN
    )
    assert re.fullmatch(r"Telephone Encounter \[name-\w{6}\]", made.index["description"].item())


def test_words_two_patients_write_are_nobodys_in_a_batch():
    index, text = (pl.concat([frames([who])[number].head(1) for who in BATCHES["everyone-001"]]) for number in (0, 1))
    words = ["He wore it. A trellis was put up. We gave it to Trellis.", "By the trellis. Xaviera and Trellis came."]
    text = text.with_columns(text=pl.Series(words), spans=pl.lit("[]"))
    alone = copied(
        index.head(1), text.head(1).with_columns(text=pl.lit("We gave it to Trellis.")), Deidentifier(SECRET), {}
    )
    assert "Trellis" not in alone.text["text"].item()
    both = copied(index, text, Deidentifier(SECRET), {}).text["text"]
    assert sum("it to Trellis." in words for words in both) == 1


@pytest.mark.parametrize(
    ("system", "kept"),
    [
        ("http://hl7.org/fhir/sid/icd-10-pcs", True),
        ("https://terminology.hl7.org/CodeSystem/v3-ActCode", True),
        ("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-d-items", True),
        ("urn:oid:2.16.840.1.113883.6.96", True),
        ("LOINC", True),
        ("https://fhir.mercyhill.example.org/mrn", False),
        ("https://loinc.org.mercyhill.example/mrn", False),
        ("urn:oid:2.16.840.1.113883.3.7101", False),
        ("urn:mercyhill:orders", False),
    ],
)
def test_of_code_systems_only_published_ones_stay(system, kept):
    spans = json.dumps([{"kind": "section", "start": 0, "end": 9, "level": 1, "code": "7-1", "code_system": system}])
    events = timeline([ONE]).with_columns(code_system=pl.lit(system))
    made = copied(*one_text(spans=spans), Deidentifier(SECRET), {}, {"documents/timeline": events})
    found = {*made.tables["documents/timeline"]["code_system"], json.loads(made.text["spans"].item())[0]["code_system"]}
    assert len(found) == 1
    (new,) = found
    assert new == system if kept else re.fullmatch(r"\[system-[0-9a-f]{6}\]", new)
