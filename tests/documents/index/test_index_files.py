"""The index again: what is unchanged is known without being made, and every kind of change is seen.

After a change the rows are those of a new lake and a warehouse that knows nothing: that is what they must be.
"""

import datetime as dt
import os
import shutil
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from indexed_place import BATCHES, ROWS, Place, replaced
from polars.testing import assert_frame_equal

from clinical_assets.documents.index import index_files, indexing
from clinical_assets.documents.readers import sniffing
from clinical_assets.documents.tables import INDEX
from clinical_assets.mimic.catalogue import TABLES
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.sharding import shard_name, shard_of

DISCHARGE = TABLES["mimic/note/discharge"]


def copied_over(place: Place) -> None:
    """A file of the same size whose time of change is set to what it was, as `cp -p` and `tar` do."""
    path = place.store / "files/p1/a.txt"
    facts = path.stat()
    while path.stat().st_ctime_ns == facts.st_ctime_ns:  # the clock of files ticks some hundred times a second
        path.write_text("sword".join(path.read_text().split("words")))
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def relisted(*changes) -> object:
    """Rows of the manifest replaced by others, or left out."""
    by_id = {row[0]: row for row in changes}
    return lambda place: place.list_as([by_id.pop(row[0], row) for row in ROWS if row[0] != "d3"] + [*by_id.values()])


CHANGES = {
    "a file with other words": lambda place: place.put("files/p1/a.txt", "Other words."),
    "a file of the same size": replaced,
    "a file of the same size and age": copied_over,
    "a file that was missing": lambda place: place.put("files/p2/gone.txt", "Found."),
    "a file that is gone": lambda place: (place.store / "files/p2/c.txt").unlink(),
    "a row with another type": relisted(ROWS[2], (*ROWS[0][:3], "Letter", "2024-07-01")),
    "a row more": relisted(ROWS[2], ("d0", "p2", "files/p2/c.txt", "Copy", "")),
    "a row less": relisted(),
    "a row of another patient": relisted(("d3", "p1", *ROWS[2][2:])),
    "another zone": lambda place: setattr(place, "zone", "America/Chicago"),
    "a manifest packed beside it": lambda place: (place.store / "DocumentReference.ndjson").write_text(
        '{"resourceType": "DocumentReference", "id": "new", "subject": {"reference": "Patient/p1"}, '
        '"content": [{"attachment": {"url": "files/p1/b.txt"}}]}\n'
    ),
}  # fmt: skip


def test_what_is_unchanged_is_not_made_again_nor_written(place):
    first = place.write()
    assert [(counted.documents, counted.read) for _, counted in first] == [(4, 3), (2, 1)]
    files = {path: path.stat().st_mtime_ns for path in Path(place.lake.root).rglob("*.parquet")}
    rows = place.rows()
    for _ in range(2):
        again = place.write()
        assert place.made == []
        assert [(stored.unchanged, counted.documents, counted.read) for stored, counted in again] == [
            (4, 4, 0), (2, 2, 0),
        ]  # fmt: skip
        assert [stored.file for stored, _ in again] == [stored.file for stored, _ in first]
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert_frame_equal(place.rows(), rows)
    assert_frame_equal(rows, place.from_scratch())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_seen_and_the_rows_are_those_of_a_new_start(place, change):
    place.write()
    before = place.rows()
    change(place)
    place.write()
    assert place.made
    assert not place.rows().equals(before)
    assert_frame_equal(place.rows(), place.from_scratch())
    assert_frame_equal(place.known(), place.rows().sort("patient_id", "document_id"))
    place.write()
    assert place.made == []


def test_a_nul_in_a_manifest_costs_nothing(place):
    place.list_as([*ROWS, ("d8", "p1", "files/p1/\x00.txt", "No\x00te", "")])
    place.write()
    (row,) = place.rows().filter(pl.col("document_id") == "d8").to_dicts()
    assert (row["document_type"], row["status"], row["fault"]) == ("No\ufffdte", "missing", "no path below the store")
    assert place.known().height == len(ROWS) + 1
    place.write()
    assert place.made == []


def test_another_patients_documents_leave_a_batch_alone(place):
    place.write()
    place.put("files/p3/e.txt", "Other words.")
    (_, first), (_, second) = place.write()
    assert place.made == [["p3"]]
    assert (first.read, second.read) == (0, 1)


def test_a_document_that_was_given_to_another_patient_stays_his(place):
    place.write()
    place.list_as([("d1", "p3", *ROWS[0][2:]), *ROWS[1:]])
    place.write(batches=BATCHES[1:])
    place.write(batches=BATCHES[:1])  # which has it no longer
    known = dict(place.known().select("document_id", "patient_id").iter_rows())
    assert known["d1"] == "p3"
    # And where the first batch's run had looked before the other one wrote.
    before = indexing._known(place.warehouse, ["p3"]).filter(pl.col("document_id") == "d1")
    before = before.with_columns(patient_id=pl.lit("p1"))
    indexing._remember(place.warehouse, ["p1", "p2"], before.drop("sniffed_by").clear(), before)
    known = dict(place.known().select("document_id", "patient_id").iter_rows())
    assert known["d1"] == "p3"
    assert_frame_equal(place.known(), place.rows().sort("patient_id", "document_id"))


def test_a_manifest_written_anew_with_the_same_rows_costs_one_closer_look(place):
    place.write()
    version = place.lake.version(INDEX.path)
    place.list_as([*ROWS, ("d9", "p9", "files/p9/x.txt", "", "")])
    again = place.write()
    assert place.made == [["p1", "p2", "p3"]]
    assert [(stored.unchanged, counted.read) for stored, counted in again] == [(4, 0), (2, 0)]
    assert place.lake.version(INDEX.path) == version
    place.write()
    assert place.made == []


def test_a_change_of_the_zone_reads_no_document(place):
    place.write()
    place.zone = "America/Chicago"
    assert sum(counted.read for _, counted in place.write()) == 0
    times = dict(place.rows().select("document_id", "authored_at").iter_rows())
    assert times["d1"] == dt.datetime(2024, 7, 1, 18, 30)
    assert times["d3"] == dt.datetime(2024, 1, 1, 8)
    place.zone = None
    place.write()
    assert dict(place.rows().select("document_id", "authored_at").iter_rows())["d1"] == dt.datetime(2024, 7, 1, 23, 30)


@pytest.mark.parametrize(
    "forget",
    [
        "TRUNCATE document_cache.documents",
        "DELETE FROM document_cache.documents WHERE document_id = 'd2'",
        "UPDATE document_cache.documents SET patient_id = 'p3' WHERE document_id = 'd2'",
        "UPDATE document_cache.documents SET read_at = now(), document_type = 'X' WHERE document_id = 'd2'",
    ],
)
def test_a_warehouse_that_knows_something_else_is_told_again(place, forget):
    place.write()
    rows = place.rows()
    with place.warehouse.transaction() as connection:
        connection.execute(sa.text(forget))
    place.write()
    assert place.made
    assert_frame_equal(place.known(), rows.sort("patient_id", "document_id"))
    assert_frame_equal(place.rows(), rows)


def test_other_code_or_a_file_that_is_gone_makes_the_batch_again(place):
    place.write()
    place.write(code_version="v2")
    assert place.made == [["p1", "p2", "p3"]]
    shutil.rmtree(Path(place.lake.root) / INDEX.path / "patient_batch=all-00002")
    place.write(code_version="v2")
    assert place.made == [["p3"]]
    assert place.rows().height == len(ROWS)


@pytest.mark.parametrize("code_version", ["v1", "v2"])
def test_documents_of_another_sniffing_are_sniffed_again_once(place, monkeypatch, code_version):
    place.put("files/p3/e.txt", "<section>Declared as nothing</section>")
    place.write()
    rows = place.rows()
    with place.warehouse.transaction() as connection:
        connection.execute(sa.text("UPDATE document_cache.documents SET content_type = 'x', read_at = read_at"))
    monkeypatch.setattr(sniffing, "SNIFFING_VERSION", "another")
    again = place.write(code_version=code_version)
    assert [(counted.documents, counted.read) for _, counted in again] == [(4, 3), (2, 1)]
    assert_frame_equal(place.rows(), rows)
    assert_frame_equal(place.known(), rows.sort("patient_id", "document_id"))
    assert sum(counted.read for _, counted in place.write(code_version=code_version)) == 0
    assert place.made == []
    # Neither where the rows are to be made anew: they were found by the same sniffing.
    assert sum(counted.read for _, counted in place.write(code_version="v3")) == 0


def test_a_document_that_could_not_be_read_is_tried_again(place, monkeypatch):
    pieces = DocumentStore.pieces

    def broken(self, path, *others):
        if path.endswith("a.txt"):
            raise PermissionError(path)
        return pieces(self, path, *others)

    monkeypatch.setattr(DocumentStore, "pieces", broken)
    place.write()
    assert dict(place.rows().select("document_id", "status").iter_rows())["d1"] == "unreadable"
    place.write()
    assert place.made == [["p1", "p2"]]
    monkeypatch.setattr(DocumentStore, "pieces", pieces)
    place.write()
    assert dict(place.rows().select("document_id", "status").iter_rows())["d1"] == "indexed"
    assert place.write()[0][1].read == 0
    assert place.made == []


def test_batches_together_are_what_they_are_one_by_one(place, monkeypatch):
    place.write()
    together = place.rows()
    monkeypatch.setattr(index_files, "BATCHES_AT_ONCE", 1)
    with place.warehouse.transaction() as connection:
        connection.execute(sa.text("TRUNCATE document_cache.documents"))
    alone = place.new_lake()
    place.write(alone)
    assert place.made == [["p1", "p2"], ["p3"]]
    assert_frame_equal(place.rows(alone), together)


def test_a_patient_of_two_batches_is_in_both_and_read_once(place):
    batches = [("all-00001", ["p1", "p2"]), ("board-00001", ["p2"])]
    (_, first), (_, second) = place.write(batches=batches)
    assert place.made == [["p1", "p2"]]
    assert (first.documents, second.documents) == (4, 2)
    place.write(batches=batches)
    assert place.made == []
    place.put("files/p2/c.txt", "Other words.")
    place.write(batches=batches[:1])
    place.write(batches=batches)
    assert place.made == [["p2"]]  # the other batch's: the first knows already
    both = [place.lake.scan(INDEX.path, [name]).collect().filter(pl.col("document_id") == "d3") for name, _ in batches]
    assert_frame_equal(*both)


def put_notes(lake: Lake, rows: list[tuple], version: str) -> None:
    """Notes into the lake."""
    made = [
        {"note_id": name, "subject_id": subject, "hadm_id": 1, "note_type": "DS", "note_seq": 1,
         "charttime": dt.datetime(2150, 1, 2), "storetime": dt.datetime(2150, 1, 3), "text": words}
        for name, subject, words in rows
    ]  # fmt: skip
    whole = pl.DataFrame(made, DISCHARGE.polars_schema)
    shard = pl.Series(shard_of(whole["subject_id"].to_numpy(), lake.subject_shards))
    names = [shard_name(n, lake.subject_shards) for n in range(lake.subject_shards)]
    with lake.write(DISCHARGE.path, DISCHARGE.arrow_schema, names, {"version": version}) as writer:
        for number, name in enumerate(names):
            writer.write(name, whole.filter(shard == number).to_arrow())


def test_notes_are_looked_at_again_when_their_table_is_another(place, monkeypatch):
    from clinical_assets.documents.index import bodies

    monkeypatch.setattr(bodies, "_PATIENTS_AT_ONCE", 1)
    batches = [("notes-00001", ["10", "11"]), ("notes-00002", ["12"])]
    notes = [("10-DS-1", 10, "First."), ("11-DS-1", 11, "Zweite: größer."), ("12-DS-1", 12, "First.")]
    put_notes(place.lake, notes, "v1")
    assert [counted.read for _, counted in place.write(batches=batches)] == [2, 1]
    place.write(batches=batches)
    assert place.made == []
    put_notes(place.lake, [*notes[:2], ("12-DS-1", 12, "Corrected.")], "v2")
    assert [counted.documents for _, counted in place.write(batches=batches)] == [2, 1]
    known = place.lake.scan(INDEX.path, ["notes-00001", "notes-00002"]).collect()
    assert known["sha256"].n_unique() == 3
    assert known["size_bytes"].to_list() == [6, len("Zweite: größer.".encode()), 10]


@pytest.mark.parametrize("given", [["12-DS-1"], ["12-DS-1", "12-DS-1~note"]])
def test_an_id_that_a_manifest_has_for_another_patient_names_a_note_the_same_in_every_run(place, given):
    place.list_as([(name, "11", "files/p1/a.txt", "Note", "") for name in given])
    put_notes(place.lake, [("12-DS-1", 12, "Of twelve."), ("12-DS-2", 12, "Another.")], "v1")
    batches = [("all-00001", ["11"]), ("all-00002", ["12"])]
    expected = [(name, "11") for name in given] + [("12-DS-1" + "~note" * len(given), "12"), ("12-DS-2", "12")]

    def named():
        return sorted(place.rows().select("document_id", "patient_id").rows())

    place.write(batches=batches)
    assert named() == sorted(expected)
    for several in ([batches[1]], [batches[0]], batches, [batches[1]]):
        place.write(batches=several, code_version="v2")
        assert named() == sorted(expected)
    known = indexing._known(place.warehouse, ["11", "12"]).select("document_id", "patient_id").rows()
    assert sorted(known) == sorted(expected)
    for batch in batches:
        place.write(batches=[batch], code_version="v2")
        assert place.made == []
