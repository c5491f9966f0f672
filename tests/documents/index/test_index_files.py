"""The index again: what is unchanged is known without being made, and every kind of change is seen.

After a change the rows are those of a new lake and a warehouse that knows nothing: that is what they must be.
"""

import base64
import csv
import datetime as dt
import gzip
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from clinical_assets.documents.index import index_files, indexing
from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.index.fhir_files import COMPLETED
from clinical_assets.documents.readers import sniffing
from clinical_assets.documents.tables import INDEX
from clinical_assets.mimic.catalogue import TABLES
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.sharding import shard_name, shard_of

BATCHES = [("all-00001", ["p1", "p2"]), ("all-00002", ["p3"])]
COLUMNS = ("document_id", "patient_id", "file", "document_type", "authored_at")
ROWS = [
    ("d1", "p1", "files/p1/a.txt", "Note", "2024-07-01T23:30:00Z"),
    ("d2", "p1", "files/p1/b.txt", "Note", "2024-01-01"),
    ("d3", "p2", "files/p2/c.txt", "Note", "2024-01-01T08:00:00"),
    ("d4", "p2", "files/p2/gone.txt", "Note", ""),
    ("d5", "p3", "files/p3/e.txt", "Note", ""),
    ("d6", "p3", "../outside.txt", "Note", ""),
]
DISCHARGE = TABLES["mimic/note/discharge"]


@dataclass
class Place:
    """A store in a folder, and the index of two batches over it."""

    root: Path
    warehouse: object
    lakes: int = 0
    zone: str | None = None
    made: list[list[str]] = field(default_factory=list)

    def __post_init__(self):
        self.lake = self.new_lake()

    @property
    def store(self) -> Path:
        return self.root / "store"

    def new_lake(self) -> Lake:
        self.lakes += 1
        return Lake(root=str(self.root / f"lake{self.lakes}"), subject_shards=2)

    def put(self, path: str, words: str) -> None:
        (self.store / path).parent.mkdir(parents=True, exist_ok=True)
        (self.store / path).write_text(words)

    def list_as(self, rows) -> None:
        with (self.store / "manifest.csv").open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows])

    def write(self, lake: Lake | None = None, batches=BATCHES, code_version: str = "v1"):
        """Index the batches; for each its counts, and whether its file was there already."""
        sources = DocumentSources(
            DocumentStore(root=str(self.store)),
            DocumentStore(root=str(self.root / "none")),
            lake or self.lake,
            self.zone,
        )
        bodies = Bodies((sources.store, sources.sources), sources.lake)
        self.made.clear()
        return list(index_files.write_indexes(batches, sources, bodies, self.warehouse, code_version))

    def rows(self, lake: Lake | None = None) -> pl.DataFrame:
        return (lake or self.lake).scan(INDEX.path, [name for name, _ in BATCHES]).collect()

    def known(self) -> pl.DataFrame:
        """What the warehouse knows of these patients, as `rows` has it."""
        found = indexing._known(self.warehouse, [p for _, patients in BATCHES for p in patients])
        return found.select(INDEX.column_names)

    def from_scratch(self) -> pl.DataFrame:
        """The rows that a new lake and a warehouse without a memory give; the warehouse is left as it was."""
        with self.warehouse.transaction() as connection:
            connection.execute(sa.text("CREATE TABLE document_cache.kept AS TABLE document_cache.documents"))
            connection.execute(sa.text("TRUNCATE document_cache.documents"))
        lake = self.new_lake()
        shutil.copytree(self.lake.root, lake.root, dirs_exist_ok=True)
        shutil.rmtree(Path(lake.root) / INDEX.path, ignore_errors=True)
        self.write(lake)
        with self.warehouse.transaction() as connection:
            connection.execute(sa.text("TRUNCATE document_cache.documents"))
            connection.execute(sa.text("INSERT INTO document_cache.documents TABLE document_cache.kept"))
            connection.execute(sa.text("DROP TABLE document_cache.kept"))
        return self.rows(lake)


@pytest.fixture
def place(tmp_path, warehouse, monkeypatch):
    place = Place(tmp_path, warehouse)
    for _, _, path, _, _ in ROWS:
        if "gone" not in path and ".." not in path:
            place.put(path, f"The words of {path}.")
    place.list_as(ROWS)
    index = indexing.index

    def counted(patients, *others):
        place.made.append(list(patients))
        return index(patients, *others)

    monkeypatch.setattr(indexing, "index", counted)
    return place


@pytest.fixture
def folders(place):
    """The same without a manifest: whose a document is, its folder says."""
    (place.store / "manifest.csv").unlink()
    return place


def replaced(place: Place) -> None:
    """A file of the same size, and one nanosecond younger."""
    path = place.store / "files/p1/a.txt"
    facts = path.stat()
    path.write_text(path.read_text().replace("words", "sword"))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))


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
    indexing._remember(place.warehouse, ["p1", "p2"], place.known().clear(), before)
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


def test_a_fhir_file_with_what_it_refers_to_is_sniffed_again_whole(folders, monkeypatch):
    folders.put("files/p1/report.json", json.dumps({
        "resourceType": "DiagnosticReport", "id": "r", "presentedForm": [{"url": "Binary/b1"}]
    }))  # fmt: skip
    folders.put("Binary/b1.json", json.dumps({"resourceType": "Binary", "id": "b1", "data": "QQ=="}))
    folders.write()
    rows = folders.rows()
    assert rows["uri"].str.ends_with(COMPLETED).any()
    monkeypatch.setattr(sniffing, "SNIFFING_VERSION", "another")
    assert sum(counted.read for _, counted in folders.write()) == rows.height
    assert_frame_equal(folders.rows(), rows)


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


@pytest.mark.parametrize(
    "change",
    [
        lambda place: place.put("files/p1/new.txt", "New."),
        lambda place: place.put("files/p1/Letters/new.txt", "New."),
        lambda place: (place.store / "files/p1/a.txt").rename(place.store / "files/p1/z.txt"),
        lambda place: (place.store / "files/p1/a.txt").rename(place.store / "files/p2/a.txt"),
        lambda place: (place.store / "files/p1/a.txt").unlink(),
        replaced,
        lambda place: place.list_as(ROWS),
        lambda place: (place.store / os.fsdecode(b"files/p1/\xff.txt")).write_text("Whose name is no text."),
    ],
)  # fmt: skip
def test_every_change_of_folders_is_seen(folders, change):
    folders.write()
    folders.write()
    assert folders.made == []
    before = folders.rows()
    change(folders)
    folders.write()
    assert folders.made
    assert not folders.rows().equals(before)
    assert_frame_equal(folders.rows(), folders.from_scratch())


@pytest.fixture
def export(place):
    """The same store with a bulk export in place of the manifest."""
    (place.store / "manifest.csv").unlink()
    words = base64.b64encode(b"In a line.").decode()
    place.put("Binary/b1.json", json.dumps({"resourceType": "Binary", "id": "b1", "data": words}))
    place.put("Binary.ndjson", json.dumps({"resourceType": "Binary", "id": "b2", "data": words}))
    attachments = {
        "file": [{"url": "files/p1/a.txt"}],
        "binary": [{"url": "Binary/b1"}],
        "bulk": [{"url": "Binary/b2"}],
        "inline": [{"data": words}],
    }
    export_as(place, attachments)
    return place


def export_as(place: Place, attachments, **more) -> None:
    lines = [
        {"resourceType": "DocumentReference", "id": name, "subject": {"reference": "Patient/p1"},
         "date": "2024-07-01T12:00:00Z", "content": [{"attachment": each} for each in several], **more}
        for name, several in attachments.items()
    ]  # fmt: skip
    place.put("DocumentReference.ndjson", "\n".join(map(json.dumps, lines)))


EXPORTED = {
    "a file": lambda place: place.put("files/p1/a.txt", "Other."),
    "a Binary": lambda place: place.put("Binary/b1.json", '{"resourceType": "Binary", "id": "b1", "data": "QQ=="}'),
    "a Binary under the name that is looked for first": lambda place: place.put("Binary/b1", "As it is."),
    "a Binary that was a line and is a file": lambda place: place.put("Binary/b2", "As it is."),
    "the line of a Binary": lambda place: place.put(
        "Binary.ndjson", json.dumps({"resourceType": "Binary", "id": "b2", "data": "QQ=="})
    ),
    "a Binary that is gone": lambda place: (place.store / "Binary.ndjson").unlink(),
    "the export": lambda place: export_as(place, {"inline": [{"data": "QQ=="}]}),
    "the export, packed": lambda place: (
        (place.store / "DocumentReference.ndjson.gz").write_bytes(
            gzip.compress((place.store / "DocumentReference.ndjson").read_bytes())
        ),
        (place.store / "DocumentReference.ndjson").unlink(),
    ),
    "withdrawn": lambda place: export_as(place, {"inline": [{"data": "QQ=="}]}, status="entered-in-error"),
    "the zone": lambda place: setattr(place, "zone", "America/Chicago"),
}


@pytest.mark.parametrize("change", EXPORTED.values(), ids=EXPORTED)
def test_every_change_of_an_export_is_seen(export, change):
    export.write()
    export.write()
    assert export.made == []
    before = export.rows()
    assert set(before["status"]) == {"indexed"}
    change(export)
    export.write()
    assert export.made
    assert not export.rows().equals(before)
    assert_frame_equal(export.rows(), export.from_scratch())


def test_a_better_format_that_comes_later_is_taken(export):
    export_as(export, {"d": [{"url": "files/p1/a.html", "contentType": "text/html"}, {"url": "files/p1/a.txt"}]})
    export.write()
    assert export.rows()["fault"].to_list() == ["a better format could not be had"]
    export.put("files/p1/a.html", "<p>Better.</p>")
    export.write()
    assert export.rows().select("fault", "declared_type").rows() == [(None, "text/html")]
    assert_frame_equal(export.rows(), export.from_scratch())


@pytest.mark.parametrize(
    ("url", "path"),
    [("./later.txt", "later.txt"), ("deep/later.txt", "deep/later.txt"), ("Binary/late", "Binary/late.json")],
)
def test_what_lay_nowhere_is_looked_for_without_reading_the_export_again(export, url, path):
    export_as(export, {"late": [{"url": url}], "elsewhere": [{"url": "https://elsewhere.example/x"}]})
    export.write()
    assert set(export.rows()["status"]) == {"unresolved_reference"}
    export.write()
    assert export.made == []
    export.put(path, "{}")
    export.write()
    assert dict(export.rows().select("document_id", "status").iter_rows()) == {
        "late": "indexed", "elsewhere": "unresolved_reference",
    }  # fmt: skip
    assert_frame_equal(export.rows(), export.from_scratch())


def test_withdrawn_documents_are_no_reason_to_look_again(export):
    export_as(export, {"inline": [{"data": "QQ=="}], "file": [{"url": "files/p1/a.txt"}]}, status="entered-in-error")
    export.write()
    assert set(export.rows()["status"]) == {"entered_in_error"}
    export.write()
    assert export.made == []


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
