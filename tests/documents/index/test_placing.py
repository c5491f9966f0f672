"""Addresses and versions of a document's formats: what is in a row of the index changes with the bytes alone."""

import polars as pl
import pytest

from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.entries import ENTRIES
from clinical_assets.documents.index.folders import Folders
from clinical_assets.documents.index.other_formats import Format, as_read, as_written
from clinical_assets.documents.index.placing import placed
from resources.document_store import DocumentStore, StoredObject

STORE = DocumentStore(root="s3://bucket/store")


def stored_at(time: str, version: str = "v") -> Folders:
    """A store of two files as S3 would list it."""
    files = {path: StoredObject(path, 1, version, time) for path in ("notes/a.html", "notes/a.txt")}
    return Folders(STORE, listed={"notes": files})


def test_when_s3_stored_the_same_bytes_of_another_format_changes_no_row():
    entry = {"document_id": "d", "source": "fhir", "uri": "notes/a.html"}
    formats = as_written([Format("notes/a.txt", "text/plain")])
    found = pl.DataFrame([{**dict.fromkeys(ENTRIES), **entry, "other_formats": formats}], ENTRIES)
    earlier, later, other = (
        placed(found, stored_at(*how)).collect().row(0, named=True)
        for how in (("2150-01-01T00:00:00Z",), ("2150-01-02T00:00:00Z",), ("2150-01-02T00:00:00Z", "w"))
    )
    assert as_read(earlier["other_formats"]) == (Format("s3://bucket/store/notes/a.txt", "text/plain", None, "v"),)
    assert earlier.pop("s3_last_modified") != later.pop("s3_last_modified")
    assert earlier == later
    assert later["other_formats"] != other["other_formats"]


def test_when_s3_stored_a_format_is_told_of_the_version_that_was_indexed(lake):
    bodies = Bodies((STORE,), lake, _folders={STORE.root: stored_at("2150-01-01T00:00:00Z")})
    html, text, line = (
        f"{before}s3://bucket/store/notes/{name}"
        for before, name in (("", "a.html"), ("", "a.txt"), ("fhir+", "a.txt#0,1"))
    )
    assert bodies.s3_last_modified({html: "v", text: "older", line: "v"}) == dict.fromkeys(
        (html, line), "2150-01-01T00:00:00Z"
    )


def test_of_files_there_is_no_such_time(tmp_path, lake):
    (tmp_path / "a.txt").write_text("A.")
    store = DocumentStore(root=str(tmp_path))
    assert Bodies((store,), lake).s3_last_modified({store.uri("a.txt"): store.listing()["a.txt"].version}) == {}


def test_formats_with_what_is_no_longer_written_are_read():
    before = '[{"s3_last_modified": "2150-01-01T00:00:00Z", "uri": "file:///a", "version": "1"}]'
    assert as_read(before) == (Format("file:///a", version="1"),)


@pytest.mark.parametrize("source", ["manifest", "tree"])
def test_a_file_called_like_an_address_is_a_file(source):
    entry = {"document_id": "d", "source": source, "uri": "fhir+x/a.txt"}
    listed = {"fhir+x": {"fhir+x/a.txt": StoredObject("fhir+x/a.txt", 1, "v")}}
    found = pl.DataFrame([{**dict.fromkeys(ENTRIES), **entry}], ENTRIES)
    row = placed(found, Folders(STORE, listed=listed)).collect().row(0, named=True)
    assert (row["uri"], row["version"]) == ("s3://bucket/store/fhir+x/a.txt", "v")
