import datetime as dt
import gzip
import json
import re
import shutil

import polars as pl
import pytest
from copied_hospital import BATCHES, IN_THE_LAKE, NAMES, SECRET, load, prioritised, read, write

from clinical_assets.documents.development_copy import copying as development_copy
from clinical_assets.documents.development_copy.column_rules import (
    COPIED,
    INDEX_COLUMNS,
    TEXT_COLUMNS,
    Fate,
)
from clinical_assets.documents.development_copy.copying import CopyError, main, write_copy
from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.leaks import LeakError
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.timeline.event_rules import CPT
from clinical_assets.sample.documents.formats import Filed, plain
from clinical_assets.sample.documents.templates import templates
from resources.lake import Lake


def test_the_copy_holds_every_document_and_no_column_that_leads_back(lake, copy):
    made, report = copy
    assert (COPIED["documents/index"], COPIED["documents/text"]) == (INDEX_COLUMNS, TEXT_COLUMNS)
    for table in IN_THE_LAKE:
        fates, original, new = COPIED[table], read(lake, table), read(made, table)
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
    index, text, events, kept, chosen, links = (made.scan(table, [batch]).collect() for table in COPIED)
    found = prioritised(index, text, events, links)
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
        "documents/source_documents": 2,
    }  # fmt: skip
    assert "  1 batches without documents/timeline" in report.lines()
    assert Lake(root=str(tmp_path / "copy"), subject_shards=2).partitions("documents/timeline") == ["everyone-001"]


@pytest.mark.parametrize("counted", ["as the warehouse has them", "otherwise"])
def test_links_of_another_run_than_the_timelines_are_not_copied(lake, known, warehouse, tmp_path, counted):
    old = Lake(root=str(shutil.copytree(lake.root, tmp_path / "old")), subject_shards=2)
    events = lake.scan("documents/timeline", ["everyone-001"]).collect()
    if counted == "otherwise":
        write(old, "documents/timeline", "everyone-001", events.with_columns(n_documents=pl.col("n_documents") + 1))
    load(warehouse)
    report = write_copy(old, tmp_path / "copy", Deidentifier(SECRET), known, ["everyone-001"], warehouse)
    assert report.without == ({} if counted != "otherwise" else {"documents/source_documents": 1})
    assert report.rows["documents/source_documents"] == (4 if counted != "otherwise" else 0)


def test_the_command_copies_the_links_of_the_warehouse_it_is_told_of(lake, warehouse, monkeypatch, tmp_path, capsys):
    load(warehouse)
    monkeypatch.setenv("CLINICAL_LAKE", lake.root)
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    monkeypatch.setenv("CLINICAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLINICAL_WAREHOUSE_URL", warehouse.engine().url.render_as_string(hide_password=False))
    assert main([str(tmp_path / "linked")]) == 0
    assert re.search(r"\b6 rows of documents/source_documents", capsys.readouterr().out)
    monkeypatch.setenv("CLINICAL_WAREHOUSE_URL", "postgresql://me:hush@127.0.0.1:1/nothing")
    assert main([str(tmp_path / "unlinked")]) == 1
    said = capsys.readouterr().err
    assert "expected the warehouse of the settings to answer; found OperationalError" in said
    assert "hush" not in said
    assert not (tmp_path / "unlinked").exists()
    monkeypatch.delenv("CLINICAL_WAREHOUSE_URL")
    assert main([str(tmp_path / "unlinked")]) == 0, "a hospital without a warehouse"
    assert "2 batches without documents/source_documents" in capsys.readouterr().out
    assert not (tmp_path / "home").exists(), "none is made for a copy"


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


def test_a_known_identifier_left_in_a_text_stops_the_copy(lake, monkeypatch, tmp_path, known):
    monkeypatch.setattr(
        development_copy, "copied", lambda *a: (_ for _ in ()).throw(LeakError("1 known identifiers are left"))
    )
    with pytest.raises(LeakError):
        write_copy(lake, tmp_path / "copy", Deidentifier(SECRET), known)
    assert list(tmp_path.iterdir()) == []


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
    assert re.search(r"recall on phrasings written down before the rules saw them: 8\d%", said)
    assert re.search(r"recall on phrasings the rules were later made to read: 9\d%", said)
    assert re.search(r"recall on what rules of this kind hardly see: 8\d%", said)
    assert re.search(r"notes the general rules were made with: 100% \(112 of 112\), 99\.\d% of the clinical", said)
    assert re.search(r"notes written when the rules were finished: 81% \(26\d of 329\), 98\.\d% of the clin", said)
    for kind in ("name", "date", "number", "phone", "address", "age"):
        assert re.search(rf"\d+%  {kind} \(", said), kind
    assert "still protected health information" in said
    assert "Silverlock" not in said
    recorded = json.loads((tmp_path / "copy" / development_copy.REPORT).read_text())
    sets = {*development_copy.TRIAL, *development_copy.WRITTEN_NOTES}
    assert {row["set"] for row in recorded["recall"]} == set(recorded["clinical_kept"]) == sets
    assert main(command) == 1
    assert "found something there" in capsys.readouterr().err


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


def test_the_command_knows_whom_the_stores_fhir_resources_name(lake, tmp_path, monkeypatch, capsys):
    name = {"family": "Temmerman", "given": ["Josefa"]}
    (tmp_path / "store" / "fhir").mkdir(parents=True)
    people = ({"resourceType": "Patient", "id": who, "name": [name]} for who in NAMES)
    (tmp_path / "store" / "fhir" / "Patient.ndjson").write_text("".join(f"{json.dumps(each)}\n" for each in people))
    told = Lake(root=str(shutil.copytree(lake.root, tmp_path / "told")), subject_shards=2)
    text = lake.scan("documents/text", ["everyone-002"]).collect()
    said = pl.Series(["saw j. temmerman; Josefa; Temerman; peppi", *text["text"].to_list()[1:]])
    write(told, "documents/text", "everyone-002", text.with_columns(text=said, spans=pl.lit("[]")))
    monkeypatch.setenv("CLINICAL_LAKE", told.root)
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    monkeypatch.setenv("CLINICAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLINICAL_DOCUMENTS", str(tmp_path / "store"))
    assert main([str(tmp_path / "copy"), "--batches", "everyone-002"]) == 0
    assert "emmerman" not in capsys.readouterr().out
    texts = read(Lake(root=str(tmp_path / "copy"), subject_shards=2), "documents/text")["text"]
    (made,) = (words for words in texts if "peppi" in words)
    assert not re.search("temm?erman|josefa", made, re.IGNORECASE)


def test_a_store_that_cannot_be_read_is_said_in_a_sentence(lake, tmp_path, monkeypatch, capsys):
    (tmp_path / "store" / "fhir").mkdir(parents=True)
    line = json.dumps({"resourceType": "Patient", "id": "10000065", "name": [{"family": "Silverlock"}]}) + "\n"
    packed = gzip.compress("".join(line.replace("lock", f"lock{n}") for n in range(500)).encode())
    (tmp_path / "store" / "fhir" / "Patient.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    monkeypatch.setenv("CLINICAL_LAKE", lake.root)
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    monkeypatch.setenv("CLINICAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLINICAL_DOCUMENTS", str(tmp_path / "store"))
    assert main([str(tmp_path / "copy")]) == 1
    said = capsys.readouterr().err
    assert "found PackedError (expected a whole gzipped file" in said
    assert "ilverlock" not in said
    assert not (tmp_path / "copy").exists()


def test_the_report_counts_names_found_only_with_a_capital_and_results_kept(copy):
    _, report = copy
    assert "         0 known names and places looked for only with a capital" in report.lines()
    assert any(re.fullmatch(r"results written like .*: 88 of 88 kept as they are", line) for line in report.lines())
    recorded = json.loads(report.record())
    assert (recorded["only_with_a_capital"], recorded["results_kept"]) == (0, {"kept": 88, "of": 88})
