"""Documents that are not listed in a manifest: notes in the lake, folders, DICOM reports; read, and read once."""

import datetime as dt

import polars as pl
import pytest
from document_graph import Graph
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from clinical_assets.documents.index.document_sources import HEADERS
from clinical_assets.documents.tables import INDEX, TEXT
from clinical_assets.imaging.dicom_headers import DICOM_HEADERS
from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.tables import Table
from resources.sharding import shard_name, shard_of

DISCHARGE = TABLES["mimic/note/discharge"]
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"


def put(lake, table: Table, rows: list[dict], version: str = "v1") -> None:
    """Rows into a sharded table of the lake."""
    whole = pl.DataFrame([dict.fromkeys(table.column_names) | row for row in rows], table.polars_schema)
    shard = pl.Series(shard_of(whole["subject_id"].to_numpy(), lake.subject_shards))
    names = [shard_name(n, lake.subject_shards) for n in range(lake.subject_shards)]
    with lake.write(table.path, table.arrow_schema, names, {"version": version}) as writer:
        for number, name in enumerate(names):
            writer.write(name, whole.filter(shard == number).to_arrow())


def note(number: int, subject: int, text: str) -> dict:
    when = dt.datetime(2150, 1, number)
    return {
        "note_id": f"{subject}-DS-{number}", "subject_id": subject, "hadm_id": 1, "note_type": "DS",
        "note_seq": number, "charttime": when, "storetime": when + dt.timedelta(hours=30), "text": text,
    }  # fmt: skip


@pytest.fixture
def graph(tmp_path, warehouse):
    (tmp_path / "store").mkdir()
    return Graph(tmp_path / "home", tmp_path / "store", warehouse, size=10, checked=False)


def test_notes_of_the_lake_are_documents_and_read_again_only_when_the_table_is_another(graph):
    notes = [note(1, 10, "First."), note(2, 10, "Zweite: größer."), note(1, 11, "First.")]
    put(graph.lake, DISCHARGE, notes)
    (batch,) = graph.cut()
    first = graph.run(batch)
    text = graph.text()
    assert {d: row["text"] for d, row in text.items()} == {n["note_id"]: n["text"] for n in notes}
    assert first["documents/text"]["extracted"].value == 2
    row = next(r for r in graph.rows(INDEX).to_dicts() if r["document_id"] == "10-DS-1")
    assert (row["patient_id"], row["document_type"], row["source"]) == ("10", "Discharge summary", "note")
    assert (row["authored_date"], row["authored_at"]) == (dt.date(2150, 1, 1), None)
    assert row["stored_at"] == dt.datetime(2150, 1, 2, 6)
    assert graph.run(batch)["documents/index"]["documents_read"].value == 0
    put(graph.lake, DISCHARGE, [*notes[:2], note(1, 11, "Corrected.")], version="v2")
    again = graph.run(batch)
    assert again["documents/text"]["extracted"].value == 1
    assert graph.text()["11-DS-1"]["text"] == "Corrected."


def test_folders_of_patients_are_documents_without_a_manifest(graph, tmp_path):
    for path in ("p1/Pathology/report.txt", "p1/loose.txt", "p2/a.txt", "truth/facts.csv", ".trash/p3/x.txt"):
        place = tmp_path / "store" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path)
    (batch,) = graph.cut()
    graph.run(batch)
    rows = graph.rows(INDEX).select("patient_id", "document_type", "source").sort("patient_id", "document_type")
    assert rows.rows() == [("p1", None, "tree"), ("p1", "Pathology", "tree"), ("p2", None, "tree")]
    assert set(graph.rows(TEXT)["text"]) == {"p1/Pathology/report.txt", "p1/loose.txt", "p2/a.txt"}


def structured_report(words: str) -> Dataset:
    item = Dataset()
    item.ValueType, item.RelationshipType, item.TextValue = "TEXT", "CONTAINS", words
    report, meta = Dataset(), FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = BASIC_TEXT_SR, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid()
    report.file_meta, report.SOPClassUID, report.SOPInstanceUID = meta, BASIC_TEXT_SR, meta.MediaStorageSOPInstanceUID
    report.ValueType, report.ContentSequence = "CONTAINER", Sequence([item])
    return report


def test_structured_reports_among_the_x_rays_are_documents(graph, tmp_path):
    put(graph.lake, DISCHARGE, [note(1, 10000032, "A note.")])
    image = {"subject_id": 10000032, "study_id": 5, "file": ""}
    put(graph.lake, DICOM_HEADERS, [
        {**image, "dicom_id": "sr", "status": "report"}, {**image, "dicom_id": "gone", "status": "report"},
        {**image, "dicom_id": "picture", "status": "read"},
    ])  # fmt: skip
    assert graph.lake.partitions(HEADERS)
    place = tmp_path / "home" / "sources" / "mimic-cxr" / "2.1.0" / "files" / "p10" / "p10000032" / "s5"
    place.mkdir(parents=True)
    structured_report("No pneumothorax.").save_as(place / "sr.dcm", enforce_file_format=True)
    (batch,) = graph.cut()
    graph.run(batch)
    text = graph.text()
    assert set(text) == {"10000032-DS-1", "dicom-sr", "dicom-gone"}
    assert text["dicom-sr"]["text"].strip() == "No pneumothorax."
    assert text["dicom-gone"]["reason"] == "source_unreadable"


def test_another_time_zone_changes_the_index_and_has_nothing_read_again(tmp_path, warehouse):
    store = tmp_path / "store"
    store.mkdir()
    (store / "a.txt").write_text("A note.")
    (store / "manifest.csv").write_text("document_id,patient_id,file,authored_at\nd1,p1,a.txt,2150-07-01T02:30:00Z\n")
    runs = {}
    for zone in (None, "America/Chicago", ""):
        graph = Graph(tmp_path / "home", store, warehouse, size=10, checked=False, time_zone=zone)
        (batch,) = graph.cut()
        runs[zone] = graph.run(batch), graph.rows(INDEX)["authored_at"].item()
    assert {zone: time for zone, (_, time) in runs.items()} == {
        None: dt.datetime(2150, 7, 1, 2, 30),
        "America/Chicago": dt.datetime(2150, 6, 30, 21, 30),
        "": dt.datetime(2150, 7, 1, 2, 30),
    }
    for zone in ("America/Chicago", ""):
        metadata, _ = runs[zone]
        assert metadata["documents/index"]["documents_read"].value == 0
        assert metadata["documents/text"]["extracted"].value == 0
