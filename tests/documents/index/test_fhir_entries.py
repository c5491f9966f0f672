"""FHIR DocumentReferences as documents: inline, in a Binary, in a file; and nothing fetched from elsewhere."""

import base64
import datetime as dt
import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.index import packed
from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.index.entries import ManifestError
from clinical_assets.documents.index.fhir_entries import OTHER_FORMAT, bytes_inside, lines
from clinical_assets.documents.readers.reading import UnreadableError
from resources.document_store import DocumentStore


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def reference(name: str, *attachments: dict, **more) -> dict:
    return {
        "resourceType": "DocumentReference", "id": name, "status": "current", "date": "2150-01-03T08:00:00Z",
        "subject": {"reference": "Patient/p1"}, "type": {"coding": [{"display": "Progress note"}]},
        "content": [{"attachment": attachment} for attachment in attachments], **more,
    }  # fmt: skip


RESOURCES = [
    reference("inline", {"contentType": "text/plain", "data": b64("Inline words."), "creation": "2150-01-02"}),
    reference("url", {"contentType": "text/plain", "url": f"data:text/plain;base64,{b64('In a URL.')}"}),
    reference("binary", {"contentType": "text/plain", "url": "https://hospital.example/fhir/Binary/b1"}),
    reference("bulk", {"contentType": "text/plain", "url": "Binary/b2"}),
    reference("file", {"contentType": "text/plain", "url": "notes/f.txt"}),
    reference("elsewhere", {"contentType": "text/plain", "url": "https://elsewhere.example/f.txt"}),
    reference("outside", {"contentType": "text/plain", "url": "../outside.txt"}),
    reference("error", {"data": b64("Wrong patient.")}, status="entered-in-error"),
    reference(
        "best",
        {"contentType": "application/pdf", "data": b64("%PDF")},
        {"contentType": "text/html", "data": b64("<p>B</p>")},
    ),
    reference("other patient", {"data": b64("Not his.")}, subject={"reference": "Patient/p2"}),
    {"resourceType": "Patient", "id": "p1"},
]  # fmt: skip


@pytest.fixture
def sources(tmp_path, lake):
    store = tmp_path / "store"
    (store / "Binary").mkdir(parents=True)
    (store / "notes").mkdir()
    (tmp_path / "outside.txt").write_text("Not ours.")
    (store / "notes" / "f.txt").write_text("From a file.")
    binary = {"resourceType": "Binary", "contentType": "text/plain"}
    (store / "Binary" / "b1.json").write_text(json.dumps({**binary, "id": "b1", "data": b64("A Binary.")}))
    (store / "Binary.ndjson").write_text(json.dumps({**binary, "id": "b2", "data": b64("In bulk.")}) + "\n")
    (store / "DocumentReference.1.ndjson").write_text("\n".join(map(json.dumps, RESOURCES)) + "\n\nnot json\n")
    place = DocumentStore(root=str(store))
    return DocumentSources(place, DocumentStore(root=str(tmp_path / "none")), lake)


def test_each_reference_is_a_document_and_its_bytes_are_found(sources, lake):
    found = {row["document_id"]: row for row in sources.of(["p1"]).to_dicts()}
    assert set(found) == {"inline", "url", "binary", "bulk", "file", "elsewhere", "outside", "error", "best"}
    assert sources.lines_without_document == 2
    bodies = Bodies((sources.store,), lake)
    read = {name: row for name, row in found.items() if not row["refused"]}
    texts = {name: b"".join(bodies._pieces(row["uri"])).decode() for name, row in read.items()}
    inside = json.loads(texts.pop("binary"))
    assert base64.b64decode(inside["data"]) == b"A Binary."
    assert texts == {
        "inline": "Inline words.", "url": "In a URL.", "bulk": "In bulk.", "file": "From a file.", "best": "<p>B</p>",
    }  # fmt: skip
    assert {name: row["refused"] for name, row in found.items() if row["refused"]} == {
        "elsewhere": "unresolved_reference", "outside": "unresolved_reference", "error": "entered_in_error",
    }  # fmt: skip
    assert found["binary"]["binary_id"] == "b1"
    assert all(row["version"] for row in read.values())


def test_author_time_is_the_attachments_stored_time_the_references(sources):
    row = next(r for r in sources.of(["p1"]).to_dicts() if r["document_id"] == "inline")
    assert (row["authored_date"], row["authored_at"]) == (dt.date(2150, 1, 2), None)
    assert row["stored_at"] == dt.datetime(2150, 1, 3, 8)
    assert row["document_type"] == "Progress note"


@given(st.lists(st.binary(max_size=9).map(lambda b: b.replace(b"\n", b"-")), max_size=9), st.integers(1, 7))
def test_lines_lie_where_they_are_said_to_however_the_file_is_cut(content, piece):
    whole = b"\n".join(content) + (b"\n" if content else b"")
    found = list(lines(whole[at : at + piece] for at in range(0, len(whole), piece)))
    assert [line for _, _, line in found] == content
    assert all(whole[offset : offset + length] == line for offset, length, line in found)


@pytest.mark.parametrize(
    "line", [b"", b"[]", b'{"resourceType": "Patient"}', b'{"resourceType": "Binary", "data": "%"}']
)
def test_a_line_without_a_document_is_refused(line):
    with pytest.raises(UnreadableError):
        bytes_inside(line)


def of_formats(name: str, *attachments: dict, **more) -> dict:
    """A document in several formats: HTML before plain text before PDF, as readers keep their structure."""
    kinds = ("text/html", "text/plain", "application/pdf")
    return reference(name, *({"contentType": k, **a} for k, a in zip(kinds, attachments, strict=False)), **more)


AS_TEXT = {"data": b64("P")}
FORMATS = {
    "best inside": ([{"data": b64("H")}, AS_TEXT], "H", None),
    "best is no base64": ([{"data": "%%"}, AS_TEXT], "P", OTHER_FORMAT),
    "best is a file that is gone": ([{"url": "gone.html"}, AS_TEXT], "P", OTHER_FORMAT),
    "best is elsewhere": ([{"url": "https://x.example/a"}, {"url": "notes/f.txt"}], "F", OTHER_FORMAT),
    "best is a Binary that is no base64": ([{"url": "Binary/bad"}, AS_TEXT], "P", OTHER_FORMAT),
    "best is a Binary": ([{"url": "Binary/b2"}, AS_TEXT], "B", None),
    "second is no data URL": ([{"data": "%"}, {"url": "data:x"}, {"data": b64("%PDF")}], "%PDF", OTHER_FORMAT),
}


@pytest.mark.parametrize("status", ["current", "superseded"])
@pytest.mark.parametrize(("attachments", "words", "fault"), FORMATS.values(), ids=FORMATS)
def test_of_several_formats_the_best_that_can_be_had_is_taken_and_the_entry_says_so(
    tmp_path, lake, attachments, words, fault, status
):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "f.txt").write_text("F")
    binaries = [
        {"resourceType": "Binary", "id": "b2", "data": b64("B")},
        {"resourceType": "Binary", "id": "bad", "data": "%%"},
    ]
    (tmp_path / "Binary.ndjson").write_text("\n".join(map(json.dumps, binaries)))
    (tmp_path / "DocumentReference.ndjson").write_text(json.dumps(of_formats("f", *attachments, status=status)))
    place = DocumentStore(root=str(tmp_path))
    row = DocumentSources(place, place, lake).of(["p1"]).row(0, named=True)
    superseded = "superseded" if status == "superseded" else None
    assert (row["fault"], row["refused"]) == ("; ".join(filter(None, (superseded, fault))) or None, None)
    assert Bodies((place,), lake).whole(row["uri"], 0) == words.encode()
    kinds = {"H": "text/html", "P": "text/plain", "F": "text/plain", "B": "text/html", "%PDF": "application/pdf"}
    assert row["declared_type"] == kinds[words]


def test_where_no_format_can_be_had_the_best_says_why(tmp_path, lake):
    resources = [
        of_formats("decoding", {"data": "%%"}, {"data": "%"}),
        of_formats("missing", {"url": "gone.html"}, {"url": "gone.txt"}),
    ]
    (tmp_path / "DocumentReference.ndjson").write_text("\n".join(map(json.dumps, resources)))
    place = DocumentStore(root=str(tmp_path))
    found = {row["document_id"]: row for row in DocumentSources(place, place, lake).of(["p1"]).to_dicts()}
    assert (found["missing"]["refused"], found["missing"]["declared_type"]) == ("unresolved_reference", "text/html")
    with pytest.raises(UnreadableError, match="bad_base64"):
        Bodies((place,), lake).whole(found["decoding"]["uri"], 0)


def gzipped(folder, *names) -> None:
    """Files in a folder replaced by themselves gzipped."""
    for name in names:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()


def without_versions(entries: pl.DataFrame) -> pl.DataFrame:
    """Entries without the versions of files, their own and those of other formats."""
    named = pl.col("other_formats").str.replace_all(r',"version":"[^"]*"', "")
    return entries.drop("version").with_columns(named)


def test_a_gzipped_export_is_read_as_the_export_is(sources, lake):
    store = sources.store
    plain = without_versions(sources.of(["p1", "p2"]))
    assert plain["other_formats"].count() == 1
    words = {
        row["document_id"]: Bodies((store,), lake).whole(row["uri"], 0)
        for row in plain.to_dicts()
        if not row["refused"]
    }
    assert len(words) == 7
    gzipped(Path(store.root), "DocumentReference.1.ndjson", "Binary.ndjson")
    again = DocumentSources(store, store, lake)
    found = without_versions(again.of(["p1", "p2"]))
    unpacked = pl.col("uri", "other_formats").str.replace(".ndjson.gz#", ".ndjson#", literal=True)
    assert found.with_columns(unpacked).equals(plain)
    bodies = Bodies((store,), lake)
    assert {row["document_id"]: bodies.whole(row["uri"], 0) for row in found.to_dicts() if not row["refused"]} == words
    assert again.lines_without_document == 2
    assert again.unlisted() == sources.unlisted() == []


def test_what_was_unpacked_and_left_beside_is_read_once(sources, lake):
    root = Path(sources.store.root)
    for name in ("DocumentReference.1.ndjson", "Binary.ndjson"):
        (root / f"{name}.gz").write_bytes(gzip.compress((root / name).read_bytes()))
    again = DocumentSources(sources.store, sources.store, lake)
    assert again.manifests == ["DocumentReference.1.ndjson"]
    assert again.of(["p1"]).equals(sources.of(["p1"]))
    assert again.unlisted() == []


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.ndjson"])
def test_a_gzipped_manifest_is_one(tmp_path, lake, name):
    (tmp_path / "a.txt").write_text("A.")
    line = json.dumps(reference("d1", {"contentType": "text/plain", "url": "a.txt"}))
    words = "document_id,patient_id,file\nd1,p1,a.txt\n" if name.endswith("csv") else line
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(words.encode()))
    place = DocumentStore(root=str(tmp_path))
    row = DocumentSources(place, place, lake).of(["p1"]).row(0, named=True)
    assert (row["document_id"], row["size_bytes"], row["refused"]) == ("d1", 2, None)


@pytest.mark.parametrize("name", ["manifest.csv.gz", "DocumentReference.ndjson.gz", "Binary.ndjson.gz"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: gzip.compress(b"document_id,patient_id,file\n" * 99)[:-4], "ends early"),
        (lambda: b"plain", "bytes that are none"),
        (lambda: gzip.compress(bytes(3_000_000), 9), "at most 100 times"),
    ],
    ids=["cut off", "not gzipped", "a bomb"],
)
def test_a_packed_file_that_is_not_whole_stops_the_run_and_is_named(tmp_path, lake, monkeypatch, name, content, said):
    monkeypatch.setattr(packed, "ALWAYS_ALLOWED", 1_000_000)
    (tmp_path / name).write_bytes(content())
    if name.startswith("Binary"):
        (tmp_path / "DocumentReference.ndjson").write_text(json.dumps(reference("d", {"url": "Binary/b"})))
    place = DocumentStore(root=str(tmp_path))
    with pytest.raises(ManifestError, match=f"{name}: .*{said}"):
        DocumentSources(place, place, lake).of(["p1"])


def test_half_a_surrogate_pair_costs_no_entry(tmp_path, lake):
    line = json.dumps(reference("d1", {"data": b64("A."), "title": "?"})).replace('"?"', '"\\ud83d x"')
    (tmp_path / "DocumentReference.ndjson").write_text(line)
    place = DocumentStore(root=str(tmp_path))
    row = DocumentSources(place, place, lake).of(["p1"]).row(0, named=True)
    assert row["description"] == "? x"


@pytest.mark.parametrize(
    ("written", "day", "time"),
    [
        ("2024-03-10T07:59:00Z", dt.date(2024, 3, 10), dt.datetime(2024, 3, 10, 1, 59)),  # before summer time begins
        ("2024-03-10T08:00:00Z", dt.date(2024, 3, 10), dt.datetime(2024, 3, 10, 3)),
        ("2024-11-03T06:30:00Z", dt.date(2024, 11, 3), dt.datetime(2024, 11, 3, 1, 30)),  # the hour there is twice
        ("2024-11-03T07:30:00Z", dt.date(2024, 11, 3), dt.datetime(2024, 11, 3, 1, 30)),
        ("2024-07-01T04:30:00Z", dt.date(2024, 6, 30), dt.datetime(2024, 6, 30, 23, 30)),  # the day before
        ("2024-07-01T06:30:00+02:00", dt.date(2024, 6, 30), dt.datetime(2024, 6, 30, 23, 30)),
        ("2024-07-01T04:30:00", dt.date(2024, 7, 1), dt.datetime(2024, 7, 1, 4, 30)),  # no offset: the wall clock's
        ("2024-07-01", dt.date(2024, 7, 1), None),
    ],
)
def test_times_with_an_offset_are_the_hospitals(tmp_path, lake, written, day, time):
    resource = reference("d1", {"data": b64("A."), "creation": written}, date=written)
    (tmp_path / "DocumentReference.ndjson").write_text(json.dumps(resource))
    (tmp_path / "manifest.csv").write_text(
        "document_id,patient_id,file,authored_at,stored_at\n" + f"d2,p1,a.txt,{written},{written}\n"
    )
    place = DocumentStore(root=str(tmp_path))
    rows = DocumentSources(place, place, lake, "America/Chicago").of(["p1"])
    columns = ("authored_date", "authored_at", "stored_date", "stored_at")
    assert rows.select(columns).rows() == [(day, time, day, time)] * 2
