"""FHIR DocumentReferences as documents: inline, in a Binary, in a file; and nothing fetched from elsewhere."""

import base64
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.index.fhir_entries import bytes_inside, lines
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
