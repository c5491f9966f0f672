"""Documents in S3 cost one request each in a run that indexes and reads them, and none in the next."""

import gzip
import json
import os
from collections import Counter

import pyarrow.fs as pafs
import pytest
import sqlalchemy as sa
from document_graph import FILES, Graph, write_store

from clinical_assets.documents.tables import INDEX


@pytest.fixture
def remote(tmp_path, s3, warehouse):
    """The small store in S3, its manifest packed, and the graph over it."""
    store = write_store(tmp_path / "store")
    reference = {
        "resourceType": "DocumentReference", "id": "d0", "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "SW5saW5lIHdvcmRzLg=="}}],
    }  # fmt: skip
    for name, content in {
        "zip.html": b"PK\x03\x04" + bytes(40),
        "second.txt": b"Second.",
        "fine.html": b"Fine.",
    }.items():
        (store / "notes").mkdir(exist_ok=True)
        (store / "notes" / name).write_bytes(content)
    several = {
        "d10": [("text/html", "notes/zip.html"), ("text/plain", "notes/second.txt")],
        "d11": [("text/html", "notes/fine.html"), ("text/plain", "notes/never.txt")],
    }
    lines = [reference] + [
        {**reference, "id": name, "content": [{"attachment": {"contentType": k, "url": u}} for k, u in formats]}
        for name, formats in several.items()
    ]
    (store / "notes" / "never.txt").write_text("Never read.")
    packed = gzip.compress("\n".join(map(json.dumps, lines)).encode())
    (store / "DocumentReference.ndjson.gz").write_bytes(packed)
    (store / "manifest.csv.gz").write_bytes(gzip.compress((store / "manifest.csv").read_bytes()))
    (store / "manifest.csv").unlink()
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    filesystem = pafs.S3FileSystem(endpoint_override=endpoint, scheme="http")
    pafs.copy_files(str(store), f"{s3.removeprefix('s3://')}/store", destination_filesystem=filesystem)
    return Graph(tmp_path / "home", f"{s3}/store", warehouse, size=10, checked=False)


@pytest.fixture
def fetched(monkeypatch):
    """How often the bytes of each object were asked for."""
    from moto.s3.responses import S3Response

    asked: Counter[str] = Counter()
    get = S3Response._key_response_get

    def counted(self, query, key_name):
        asked[key_name.removeprefix("store/")] += 1
        return get(self, query, key_name)

    monkeypatch.setattr(S3Response, "_key_response_get", counted)
    return asked


def stored(warehouse):
    """What the view says of where documents lie, by document."""
    columns = "document_id, s3_bucket, s3_key, s3_last_modified"
    with warehouse.transaction() as connection:
        rows = connection.execute(sa.text(f"SELECT {columns} FROM document_cache.extracted_document_text"))
        return {row.document_id: row for row in rows}


def test_a_document_in_s3_is_fetched_once_and_not_again(remote, fetched, warehouse, s3):
    (batch,) = remote.cut()
    fetched.clear()
    remote.run(batch)
    text = remote.text()
    assert text["d1"]["text"].startswith("IMPRESSION:")
    assert text["d0"]["text"] == "Inline words."
    assert (text["d10"]["text"], text["d11"]["text"]) == ("Second.", "Fine.")
    in_lake = [text["d10"]["read_instead"], *remote.rows(INDEX)["other_formats"]]
    assert not any("s3_last_modified" in written for written in in_lake if written), "the view alone says when"
    # Another format is fetched where it is wanted, and once; a format nobody needs is not.
    notes = {path: n for path, n in fetched.items() if path.startswith("notes/")}
    assert notes == {"notes/zip.html": 1, "notes/second.txt": 1, "notes/fine.html": 1}
    files = {f"files/{path}" for (_, _, path, _), content in FILES.items() if content}
    assert {path: n for path, n in fetched.items() if path.startswith("files/")} == dict.fromkeys(files, 1)
    seen = stored(warehouse)
    assert {d: row.s3_key for d, row in seen.items()} == {
        "d0": "store/DocumentReference.ndjson.gz",
        "d10": "store/notes/second.txt",
        "d11": "store/notes/fine.html",
        **{document: f"store/files/{path}" for document, _, path, _ in FILES},
    }
    assert {row.s3_bucket for row in seen.values()} == {s3.removeprefix("s3://")}
    from resources.s3_listing import s3_client

    listed = s3_client(os.environ["AWS_ENDPOINT_URL"]).list_objects_v2(Bucket=s3.removeprefix("s3://"))["Contents"]
    times = {entry["Key"]: entry["LastModified"] for entry in listed}
    assert {d: row.s3_last_modified for d, row in seen.items()} == {d: times.get(row.s3_key) for d, row in seen.items()}
    assert seen["d8"].s3_last_modified is None, "there is no such object"
    fetched.clear()
    again = remote.run(batch)
    assert again["documents/index"]["documents_read"].value == 0
    assert not any(path.startswith(("files/", "notes/")) for path in fetched)
    assert remote.rows(INDEX).height == len(FILES) + 3
