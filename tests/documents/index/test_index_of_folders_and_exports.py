"""The index of folders and of FHIR exports again: every change of a file, a reference or what it refers to is seen.

After a change the rows are those of a new lake and a warehouse that knows nothing: that is what they must be.
"""

import base64
import gzip
import json
import os

import pytest
from indexed_place import ROWS, Place, replaced
from polars.testing import assert_frame_equal

from clinical_assets.documents.index.fhir_files import COMPLETED
from clinical_assets.documents.readers import sniffing


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


@pytest.mark.parametrize("as_second", [False, True])
@pytest.mark.parametrize(
    "url",
    [
        "file://{store}/files/p2/c.txt",
        "file://{store}/Binary/late",
        "Binary/../files/p2/c.txt",
        "fhir+file://{store}/DocumentReference.ndjson#0,9",
        "DocumentReference.ndjson",
        "notes/a.txt#",
        "https://elsewhere.example/a#",
    ],
)
def test_a_url_that_is_refused_is_no_reason_to_look_again(export, url, as_second):
    refused = {"url": url.format(store=export.store)}
    export_as(export, {"d": [{"data": "QQ==", "contentType": "text/html"}, refused] if as_second else [refused]})
    export.write()
    assert export.rows()["status"].to_list() == ["indexed" if as_second else "unresolved_reference"]
    export.write()
    assert export.made == []


# -- other formats -------------------------------------------------------------------------------------------------

SECOND = {"second": [{"url": "files/p1/b.txt", "contentType": "text/html"}, {"url": "files/p1/a.txt"},
                     {"url": "Binary/b2"}, {"url": "Binary/late"}, {"url": "later.txt"}]}  # fmt: skip
OTHERS = {
    "a file": lambda place: place.put("files/p1/a.txt", "Other."),
    "a file that is gone": lambda place: (place.store / "files/p1/a.txt").unlink(),
    "a Binary's line": EXPORTED["the line of a Binary"],
    "a Binary that was a line and is a file": EXPORTED["a Binary that was a line and is a file"],
    "a Binary that comes later": lambda place: place.put("Binary/late.json", "{}"),
    "a file that comes later": lambda place: place.put("later.txt", "Later."),
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_every_change_of_another_format_is_seen_and_none_is_read(export, change):
    export_as(export, SECOND)
    export.write()
    assert len(json.loads(export.rows()["other_formats"].item())) == 4
    assert export.write()[0][1].read == 0
    assert export.made == []
    before = export.rows()
    change(export)
    assert [counted.read for _, counted in export.write()] == [0, 0]
    assert export.made
    assert export.rows()["other_formats"].item() != before["other_formats"].item()
    assert_frame_equal(export.rows(), export.from_scratch())


def test_where_no_format_lies_here_any_of_them_is_taken_that_comes(export):
    export_as(export, {"d": [{"url": "gone.html", "contentType": "text/html"}, {"url": "later.txt"}]})
    export.write()
    assert export.rows()["status"].to_list() == ["unresolved_reference"]
    export.write()
    assert export.made == []
    export.put("later.txt", "Later.")
    export.write()
    assert export.rows().select("status", "fault").rows() == [("indexed", "a better format could not be had")]
