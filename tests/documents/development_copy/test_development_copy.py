import base64
import datetime as dt
import json
import re
from pathlib import Path
from random import Random

import dagster as dg
import polars as pl
import pytest

from clinical_assets.declaration import BATCH_IO_MANAGER, Site
from clinical_assets.documents import assets, tables
from clinical_assets.documents.development_copy import copying as development_copy
from clinical_assets.documents.development_copy import opening
from clinical_assets.documents.development_copy.column_rules import (
    COPIED,
    EVENT_TABLES,
    INDEX_COLUMNS,
    NOT_COPIED,
    TEXT_COLUMNS,
    Fate,
    LeakError,
    copied,
)
from clinical_assets.documents.development_copy.copying import CopyError, main, write_copy
from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.opening import Opened, OpeningError, open_copy
from clinical_assets.documents.prioritised import prioritised_notes
from clinical_assets.documents.prioritised.note_profiles import ONCOLOGY
from clinical_assets.documents.prioritised.prioritised_assets import prioritised_assets
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.text.text_cache import Key, row_of
from clinical_assets.documents.timeline import timeline_mimic
from clinical_assets.documents.timeline.event_rules import CPT
from clinical_assets.documents.timeline.timeline_store import TimelineError, event_count, events_around
from clinical_assets.mimic.inventory import Inventory
from clinical_assets.partitions import PATIENT_BATCH, all_of
from clinical_assets.sample.documents.formats import WRITTEN, Filed, plain
from clinical_assets.sample.documents.store import header
from clinical_assets.sample.documents.stories import Person, illness
from clinical_assets.sample.documents.templates import templates
from clinical_assets.sample.documents.text import laid_out
from clinical_assets.sample.documents.wording import occasions
from clinical_assets.settings import Settings
from resources import patient_batches
from resources.lake import Lake
from resources.lake_io_manager import BatchIOManager

SECRET = b"a secret for the tests"
DAY = dt.date(2150, 3, 14)
BATCHES = {"everyone-001": ("10000014", "10000047"), "everyone-002": ("10000065",)}
FURTHER = (tables.TIMELINE, tables.PRIORITISED, tables.PRIORITISED_TRIGGERS)
NAMES = {"10000014": "Quillfeather, Kasper", "10000047": "Ormerod, Fenna", "10000065": "Silverlock, Ilse"}


def documents_of(patient: str) -> list[tuple[str, dt.datetime, str]]:
    """Texts of a made-up patient: id, time, text."""
    rng = Random(patient)
    person = Person(
        patient,
        NAMES[patient],
        f"77{patient[-5:]}",
        dt.date(2090, 5, 6),
        True,
        61.0,
        DAY,
        dt.date(2153, 1, 1),
        None,
        (),
    )
    case = illness(person, rng)
    found = []
    for number, occasion in enumerate(occasions(person, case, rng)):
        note = rng.choice(templates(occasion.kind)).filled(
            occasion.slots, header(person, "Achterberg, Tilda", occasion.at, rng)
        )
        found.append((f"{patient}x{number}", occasion.at, laid_out(note, WRITTEN).text))
    return found[:25]


def frames(patients) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An index and texts with every declared column."""
    index, text = [], []
    for patient in patients:
        for document, at, words in documents_of(patient):
            extraction = extract(words.encode())
            index.append(
                {
                    "patient_id": patient, "document_id": document, "source": "manifest", "document_type": "Note",
                    "category": "Oncology", "description": f"Note on {NAMES[patient]}", "authored_date": at.date(),
                    "authored_at": at, "stored_date": at.date(), "stored_at": at + dt.timedelta(hours=3),
                    "age_at_document_days": 22_000, "content_type": "text/plain", "size_bytes": len(words),
                    "sha256": extraction.bytes_sha256, "uri": f"file:///store/{patient}/{document}.txt",
                    "status": "indexed",
                }
            )  # fmt: skip
            spans = [
                {"kind": s.kind.value, "start": s.start, "end": s.end, "title": s.title, "level": s.level}
                for s in extraction.spans
            ]
            text.append(
                {
                    "patient_id": patient, "document_id": document, "sha256": extraction.bytes_sha256,
                    "extraction_success": True, "text": words, "characters": len(words), "spans": json.dumps(spans),
                    "text_sha256": extraction.text_sha256, "n_pages": 0, "n_sections": len(spans), "method": "plain",
                    "extractor": "plain", "extractor_version": "1", "n_warnings": 0, "warnings": "[]",
                    "facts": json.dumps({"effective_time": at.isoformat()}),
                }
            )  # fmt: skip
    return tuple(
        pl.DataFrame(rows, schema=table.polars_schema) for rows, table in ((index, tables.INDEX), (text, tables.TEXT))
    )


def timeline(patients) -> pl.DataFrame:
    """An admission, a surgery and a treatment of each patient, in the words of people who name people."""
    rows = []
    for patient in patients:
        first = documents_of(patient)[2][1]
        said = {"patient_id": patient, "encounter_id": f"H{patient}", "code_system": CPT, "rule": "test"}
        for event, kind, hours, words in (
            (f"admissions/H{patient}", "encounter", -30, None),
            (f"Procedure/{patient}-7", "surgery", -2, f"Craniotomy of {NAMES[patient]} on {first:%m/%d/%Y} for tumor"),
            (f"csv/registry/{patient}", "medication", 90, "temozolomide, by Dr. Achterberg"),
        ):
            at = first + dt.timedelta(hours=hours)
            code = NAMES[patient].split(",")[0] if kind == "medication" else "61510"
            rows.append(
                said
                | {"event_id": event, "event_type": kind, "description": words, "n_documents": 0, "status": "completed",
                   "code": code, "start_date": at.date(), "start_time": at,
                   "end_date": at.date() + dt.timedelta(days=3), "known_date": at.date(), "known_time": at}
            )  # fmt: skip
    return pl.DataFrame(rows, schema=tables.TIMELINE.polars_schema).sort(tables.TIMELINE.sort_by)


def prioritised(index, text, events) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the prioritiser makes of them: notes kept, and what each trigger chose."""
    result = prioritised_notes.prioritised(index, text, events, ONCOLOGY)
    kept = prioritised_notes.kept_notes(result, ONCOLOGY)
    return kept, prioritised_notes.trigger_outcomes(result, events, ONCOLOGY)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    made = Lake(root=str(tmp_path_factory.mktemp("lake")), subject_shards=2)
    for batch, patients in BATCHES.items():
        index, text = frames(patients)
        events = timeline(patients)
        kept, chosen = prioritised(index, text, events)
        for table, frame in zip(COPIED, (index, text, events, kept, chosen), strict=True):
            write(made, table, batch, frame)
    return made


def write(lake, table, batch, frame):
    rows = frame.to_arrow()
    with lake.write(table, rows.schema, [batch], {}) as writer:
        writer.write(batch, rows)


@pytest.fixture(scope="module")
def known():
    return {patient: (name, *name.split(", "), f"77{patient[-5:]}") for patient, name in NAMES.items()}


@pytest.fixture(scope="module")
def copy(lake, known, tmp_path_factory):
    out = tmp_path_factory.mktemp("copies") / "copy"
    report = write_copy(lake, out, Deidentifier(SECRET), known)
    return Lake(root=str(out), subject_shards=2), report


def read(lake, table):
    return lake.scan(table, lake.partitions(table)).collect()


@pytest.mark.parametrize(
    "table", [table for table in assets.TABLES if table.path not in NOT_COPIED], ids=lambda t: t.path
)
def test_every_declared_column_has_a_fate(table):
    assert set(COPIED[table.path]) == set(table.column_names)


def test_every_table_of_the_documents_is_copied_or_says_why_not():
    assert {table.path for table in assets.TABLES} == {*COPIED, *NOT_COPIED}
    assert not set(COPIED) & set(NOT_COPIED)


def test_a_column_nobody_declared_is_left_out():
    index, text = frames(["10000065"])
    events = timeline(["10000065"]).with_columns(room=pl.lit("Silverlock's"))
    made = copied(index.with_columns(room=pl.lit("7")), text, Deidentifier(SECRET), {}, {"documents/timeline": events})
    assert "room" not in made.index.columns
    assert "room" not in made.tables["documents/timeline"].columns


def test_the_copy_holds_every_document_and_no_column_that_leads_back(lake, copy):
    made, report = copy
    assert (COPIED["documents/index"], COPIED["documents/text"]) == (INDEX_COLUMNS, TEXT_COLUMNS)
    for table, fates in COPIED.items():
        original, new = read(lake, table), read(made, table)
        assert new.height == original.height
        assert set(new.columns) == {name for name, fate in fates.items() if fate is not Fate.LEFT_OUT}
        for identifier in {"document_id", "event_id", "encounter_id"} & set(original.columns):
            assert not set(new[identifier].drop_nulls()) & set(original[identifier]), identifier
        assert not set(new["patient_id"]) & set(NAMES)
        assert new["patient_id"].n_unique() == len(NAMES)
    assert made.partitions("documents/text") == sorted(BATCHES)
    assert (report.batches, report.patients) == (2, 3)


def test_nothing_that_names_a_patient_is_left_in_any_file(copy, known):
    made, _ = copy
    texts = "\n".join(read(made, "documents/text")["text"])
    told = [read(made, table).select(pl.col(pl.String).exclude("text")) for table in COPIED]
    texts += "\n".join(str(value) for frame in told for row in frame.iter_rows() for value in row)
    for identifiers in known.values():
        for value in identifiers:
            assert not re.search(rf"\b{value}\b", texts)
    assert "Achterberg" not in texts
    assert texts.count("tumor") > 20


def test_dates_of_a_patient_move_together_in_index_and_text(lake, copy):
    made, _ = copy
    shifter = Deidentifier(SECRET)
    original = {row["document_id"]: row for row in read(lake, "documents/index").iter_rows(named=True)}
    new = {row["document_id"]: row for row in read(made, "documents/index").iter_rows(named=True)}
    texts = dict(read(made, "documents/text").select("document_id", "text").iter_rows())
    in_text = 0
    for document, row in original.items():
        name = shifter.pseudonym(document, of="document")
        moved = row["authored_date"] + shifter.shift(row["patient_id"])
        assert new[name]["authored_date"] == moved
        assert new[name]["stored_at"] - new[name]["authored_at"] == dt.timedelta(hours=3)
        in_text += any(moved.strftime(form) in texts[name] for form in ("%m/%d/%Y", "%Y-%m-%d", "%d %b %Y"))
        assert row["authored_date"].isoformat() not in texts[name]
    assert in_text > 10


def test_dates_and_ids_of_a_patient_fit_together_in_all_tables(lake, copy):
    made, _ = copy
    shifter = Deidentifier(SECRET)
    original = {row["event_id"]: row for row in read(lake, "documents/timeline").iter_rows(named=True)}
    new = {row["event_id"]: row for row in read(made, "documents/timeline").iter_rows(named=True)}
    assert len(new) == len(original) == 9
    moments = ("start_date", "start_time", "end_date", "known_date", "known_time")
    for event, row in original.items():
        table, _, identifier = event.partition("/")
        name = f"{table}/{shifter.pseudonym(identifier, of='event')}"
        for moment in moments:
            assert new[name][moment] == row[moment] + shifter.shift(row["patient_id"])
        assert new[name]["patient_id"] == shifter.pseudonym(row["patient_id"])
        if table == "admissions":
            assert new[name]["encounter_id"] == name.partition("/")[2], "an encounter has one name"
    words = {row["event_type"]: row["description"] for row in new.values()}
    assert re.fullmatch(r"Craniotomy of .*\[name-\w+\].* on \d\d/\d\d/\d{4} for tumor", words["surgery"])
    assert re.fullmatch(r"temozolomide, by Dr\. \[name-\w+\]", words["medication"])
    # A patient's name in a column of codes is emptied.
    assert {(row["event_type"], row["code"]) for row in new.values()} == {
        ("encounter", "61510"), ("surgery", "61510"), ("medication", None),
    }  # fmt: skip
    assert {row["code_system"] for row in new.values()} == {CPT}
    kept = read(made, "documents/prioritised")
    documents = dict(read(made, "documents/text").select("document_id", "characters").iter_rows())
    assert kept.height > 3
    assert set(kept["document_id"]) <= set(documents)
    assert set(kept["event_id"].drop_nulls()) <= set(new)
    assert {row["document_id"]: row["characters"] for row in kept.iter_rows(named=True)}.items() <= documents.items()


@pytest.mark.parametrize("batch", BATCHES)
def test_the_prioritiser_finds_on_the_copy_what_it_found_on_the_original(copy, batch):
    made, _ = copy
    index, text, events, kept, chosen = (made.scan(table, [batch]).collect() for table in COPIED)
    found = prioritised(index, text, events)
    for again, stored in zip(found, (kept, chosen), strict=True):
        assert again.height == stored.height
        assert again.select(stored.columns).sort(pl.all()).equals(stored.sort(pl.all()))


def test_a_batch_without_a_timeline_is_copied_without_and_said_so(lake, known, tmp_path):
    poor = Lake(root=str(tmp_path / "poor"), subject_shards=2)
    for table in ("documents/index", "documents/text"):
        for batch in BATCHES:
            write(poor, table, batch, lake.scan(table, [batch]).collect())
    write(poor, "documents/timeline", "everyone-001", lake.scan("documents/timeline", ["everyone-001"]).collect())
    report = write_copy(poor, tmp_path / "copy", Deidentifier(SECRET), known)
    assert report.without == {
        "documents/timeline": 1, "documents/prioritised": 2, "documents/prioritised_triggers": 2,
    }  # fmt: skip
    assert "  1 batches without documents/timeline" in report.lines()
    assert Lake(root=str(tmp_path / "copy"), subject_shards=2).partitions("documents/timeline") == ["everyone-001"]


@pytest.fixture
def opened(copy, warehouse):
    made, _ = copy
    return made, warehouse, open_copy(made, warehouse)


def test_a_copy_opened_is_known_to_the_warehouse(opened):
    made, warehouse, told = opened
    assert told == Opened(batches=2, patients=3, events=9)
    assert open_copy(made, warehouse) == told, "the same again changes nothing"
    assert event_count(warehouse) == 9
    names = {Deidentifier(SECRET).pseudonym(patient): batch for batch, own in BATCHES.items() for patient in own}
    members = patient_batches.members(warehouse, list(BATCHES))
    assert dict(members.select("patient_id", "patient_batch").iter_rows()) == names
    surgery = read(made, "documents/timeline").filter(pl.col("event_type") == "surgery").row(0, named=True)
    around = events_around(warehouse, surgery["patient_id"], surgery["start_date"], days=10)
    assert set(around["event_type"]) == {"surgery", "encounter", "medication"}


def test_the_next_asset_of_the_graph_runs_on_an_opened_copy(opened, tmp_path, copy):
    made, warehouse, _ = opened
    before = {table.path: read(made, table.path).sort(pl.all()) for table in FURTHER[1:]}
    site = Site(Settings.load(home=tmp_path, lake=made.root, subject_shards=2), Inventory(root="", files={}))
    upstream = (tables.INDEX, tables.TEXT, tables.TIMELINE)
    definitions = dg.Definitions(
        assets=[prioritised_assets(site), *(dg.AssetSpec(list(t.key), partitions_def=PATIENT_BATCH) for t in upstream)],
        jobs=[dg.define_asset_job("next", dg.AssetSelection.assets(*(list(table.key) for table in FURTHER[1:])))],
        resources={
            "warehouse": warehouse,
            "lake": made,
            BATCH_IO_MANAGER: BatchIOManager(lake=made, warehouse=warehouse),
        },
        executor=dg.in_process_executor,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(PATIENT_BATCH.name), patient_batches.batches(warehouse)["patient_batch"])
        result = definitions.resolve_job_def("next").execute_in_process(instance=instance, tags=all_of(list(BATCHES)))
    assert result.success
    assert all(read(made, path).select(rows.columns).sort(pl.all()).equals(rows) for path, rows in before.items())


def test_only_a_copy_is_opened_and_only_where_its_names_are_free(lake, copy, warehouse):
    made, _ = copy
    with pytest.raises(OpeningError, match="point CLINICAL_LAKE at the copy"):
        open_copy(lake, warehouse)
    patient_batches.record(warehouse, "everyone-001", ["somebody", "else"])
    with pytest.raises(OpeningError, match=r"batch everyone-001: expected a new one; .* name another CLINICAL_HOME"):
        open_copy(made, warehouse)
    assert event_count(warehouse) == 0


def test_a_refusal_at_the_last_batch_leaves_nothing_in_the_warehouse(copy, warehouse):
    made, _ = copy
    own = made.scan("documents/index", ["everyone-002"]).collect()["patient_id"].unique()
    patient_batches.record(warehouse, "everyone-009", own)  # nobody may be in two batches of a cohort
    before = patient_batches.batches(warehouse)
    with pytest.raises(OpeningError, match="batch everyone-002: expected a new one"):
        open_copy(made, warehouse)
    assert patient_batches.batches(warehouse).equals(before)
    assert event_count(warehouse) == 0


def test_a_warehouse_of_other_patients_takes_no_copy(copy, warehouse):
    made, _ = copy
    patient_batches.cut(warehouse, "hospital", "ids", "", ["somebody", "else"], 1)
    before = patient_batches.batches(warehouse)
    expected = (
        r"expected a warehouse that holds no patients but this copy's; found 2 batches of others, hospital-00001 the "
        r"first; open a copy with a warehouse of its own: name another CLINICAL_HOME or CLINICAL_WAREHOUSE_URL"
    )
    with pytest.raises(OpeningError, match=expected):
        open_copy(made, warehouse)
    assert patient_batches.batches(warehouse).equals(before)
    assert event_count(warehouse) == 0


def test_a_cohort_of_nobody_and_one_of_the_copys_patients_are_no_others(opened):
    made, warehouse, told = opened
    patient_batches.cut(warehouse, "declared", "sql", "", [], 5)
    patient_batches.cut(warehouse, "mine", "ids", "", read(made, "documents/index")["patient_id"].unique(), 5)
    assert open_copy(made, warehouse) == told


def test_a_timeline_that_cannot_be_loaded_leaves_nothing_in_the_warehouse(copy, warehouse, monkeypatch):
    made, _ = copy
    load, loads = opening.timeline_store.load, []

    def fails_at_the_second(*arguments):
        loads.append(arguments)
        if len(loads) == 2:
            raise TimelineError("events that break a rule")
        return load(*arguments)

    monkeypatch.setattr(opening.timeline_store, "load", fails_at_the_second)
    with pytest.raises(TimelineError):
        open_copy(made, warehouse)
    assert patient_batches.batches(warehouse).is_empty()
    assert event_count(warehouse) == 0
    assert open_copy(made, warehouse) == Opened(batches=2, patients=3, events=9)


def test_sections_stand_where_their_titles_are(copy):
    made, _ = copy
    seen = 0
    for row in read(made, "documents/text").iter_rows(named=True):
        for span in json.loads(row["spans"]):
            assert 0 <= span["start"] <= span["end"] <= row["characters"] == len(row["text"])
            if "title" in span:
                assert row["text"][span["start"] :].startswith(span["title"])
                seen += 1
    assert seen > 50


def test_the_same_secret_gives_the_same_copy_and_another_secret_another(lake, known, copy, tmp_path):
    write_copy(lake, tmp_path / "same", Deidentifier(SECRET), known, ["everyone-002"])
    write_copy(lake, tmp_path / "other", Deidentifier(b"another secret here"), known, ["everyone-002"])
    first = copy[0].scan("documents/text", ["everyone-002"]).collect()
    same, other = (read(Lake(root=str(tmp_path / n), subject_shards=2), "documents/text") for n in ("same", "other"))
    assert same.equals(first)
    assert not set(other["patient_id"]) & set(first["patient_id"])
    assert SECRET not in b"".join(p.read_bytes() for p in (tmp_path / "same").rglob("*") if p.is_file())


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


def test_a_known_identifier_left_in_a_text_stops_the_copy(lake, monkeypatch, tmp_path, known):
    monkeypatch.setattr(
        development_copy, "copied", lambda *a: (_ for _ in ()).throw(LeakError("1 known identifiers are left"))
    )
    with pytest.raises(LeakError):
        write_copy(lake, tmp_path / "copy", Deidentifier(SECRET), known)
    assert list(tmp_path.iterdir()) == []


def test_the_leak_is_found_and_not_shown(monkeypatch):
    index, text = frames(["10000014"])
    monkeypatch.setattr("clinical_assets.documents.development_copy.deidentification.detect", lambda *a: [])
    with pytest.raises(LeakError, match=r"^\d+ known identifiers") as raised:
        copied(index, text, Deidentifier(SECRET), {"10000014": ("Quillfeather",)})
    assert "Quillfeather" not in str(raised.value)


ONE = "10000065"
KNOWN = {ONE: ("Silverlock", "Ilse", "4711")}


def one_text(**columns) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An index and a text of one patient, with these values in the text's columns."""
    index, text = frames([ONE])
    plain = {"text": "FINDINGS: no mass.", "spans": "[]"} | columns
    return index.head(1), text.head(1).with_columns(pl.lit(value).alias(name) for name, value in plain.items())


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


@pytest.mark.parametrize("where", [".", "inside/it", ".."])
def test_no_copy_into_the_lake_or_around_it(lake, where, known, monkeypatch, tmp_path):
    place = development_copy.Path(lake.root) / where
    with pytest.raises(CopyError, match=r"name another folder"):
        write_copy(lake, place, Deidentifier(SECRET), known)


def test_a_folder_in_use_is_left_alone(lake, known, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(CopyError, match="found something there"):
        write_copy(lake, tmp_path, Deidentifier(SECRET), known)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_batches_that_are_not_there_are_named(lake, known, tmp_path):
    with pytest.raises(CopyError, match=r"without \['everyone-009'\]"):
        write_copy(lake, tmp_path / "copy", Deidentifier(SECRET), known, ["everyone-009"])
    with pytest.raises(CopyError, match="materialize documents/index and documents/text first"):
        write_copy(Lake(root=str(tmp_path / "empty"), subject_shards=2), tmp_path / "copy", Deidentifier(SECRET), {})


def test_the_command_reports_recall_by_type_and_what_it_cannot_do(lake, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CLINICAL_LAKE", lake.root)
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    (tmp_path / "known.csv").write_text("patient_id,identifier\n10000065,Silverlock\n")
    command = [str(tmp_path / "copy"), "--batches", "everyone-002", "--known", str(tmp_path / "known.csv")]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert re.search(r"recall on phrasings the rules were written for: 100%", said)
    assert re.search(r"recall on phrasings written down before the rules saw them: [34]\d%", said)
    assert re.search(r"recall on phrasings the rules were later made to read: 9\d%", said)
    assert re.search(r"recall on what rules of this kind cannot see: 0%", said)
    for kind in ("name", "date", "number", "phone", "address", "age"):
        assert re.search(rf"\d+%  {kind} \(", said), kind
    assert "still protected health information" in said
    assert "Silverlock" not in said
    recorded = json.loads((tmp_path / "copy" / development_copy.REPORT).read_text())
    assert {row["set"] for row in recorded["recall"]} == set(development_copy.TRIAL)
    assert main(command) == 1
    assert "found something there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("batch", "patients", "message"),
    [
        ("everyone", ["p"], "expected a batch of a cohort and a number"),
        ("everyone-x", ["p"], "expected a batch of a cohort and a number"),
        ("everyone-00002", [], "with patients; found everyone-00002, 0 patients"),
        ("everyone-00001", ["a"], "expected a new one"),
        ("everyone-00002", ["a", "c"], "patients of it, in a batch recorded before"),
    ],
)
def test_a_batch_is_recorded_once_and_nobody_twice_in_a_cohort(warehouse, batch, patients, message):
    for _ in range(2):
        patient_batches.record(warehouse, "everyone-00001", ["b", "a"])
    with pytest.raises(ValueError, match=message):
        patient_batches.record(warehouse, batch, patients)
    assert patient_batches.batches(warehouse).rows() == [("everyone-00001", "everyone", 1, 2)]
    assert patient_batches.cut(warehouse, "everyone", "ids", "", ["a", "b", "c"], 5) == ["everyone-00002"]


def test_the_command_opens_a_copy_and_nothing_else(copy, lake, warehouse, monkeypatch, tmp_path, capsys):
    url = warehouse.engine().url.render_as_string(hide_password=False)
    monkeypatch.setenv("CLINICAL_WAREHOUSE_URL", url)
    monkeypatch.setenv("CLINICAL_HOME", str(tmp_path))
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    monkeypatch.setenv("CLINICAL_LAKE", copy[0].root)
    assert main(["--open"]) == 0
    assert capsys.readouterr().out.startswith("2 batches of 3 patients recorded, 9 events loaded;")
    assert event_count(warehouse) == 9
    monkeypatch.setenv("CLINICAL_LAKE", lake.root)
    assert main(["--open"]) == 1
    assert "point CLINICAL_LAKE at the copy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("--secret-file", b"short", "at least 16"),
        ("--secret-file", None, "expected a secret of 16 bytes"),
        ("--known", b"a,b\n1,2\n", "expected the columns patient_id, identifier"),
        ("--known", None, "expected a CSV of known identifiers"),
    ],
)
def test_what_the_command_is_given_is_checked(lake, tmp_path, monkeypatch, capsys, option, content, message):
    monkeypatch.setenv("CLINICAL_LAKE", lake.root)
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    assert main([str(tmp_path / "copy"), option, str(tmp_path / "file")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


def test_a_written_note_is_what_the_copy_is_tested_with():
    filed = Filed("d", "10000014", NAMES["10000014"], "Doe, Jon", "2150-01-01T10:00:00", "2150-01-01T12:00:00")
    note = templates("telephone")[0].filled({}, ("Patient Name: Quillfeather, Kasper",))
    assert NAMES["10000014"] in extract(plain(note, filed)).text
