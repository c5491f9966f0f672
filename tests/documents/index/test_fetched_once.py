"""Documents in S3 cost one request each in a run that indexes and reads them, and none in the next."""

import gzip
import json
import os
from collections import Counter

import pyarrow.fs as pafs
import pytest
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
    packed = gzip.compress((json.dumps(reference) + "\n").encode())
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


def test_a_document_in_s3_is_fetched_once_and_not_again(remote, fetched):
    (batch,) = remote.cut()
    fetched.clear()
    remote.run(batch)
    text = remote.text()
    assert text["d1"]["text"].startswith("IMPRESSION:")
    assert text["d0"]["text"] == "Inline words."
    files = {f"files/{path}" for (_, _, path, _), content in FILES.items() if content}
    assert {path: n for path, n in fetched.items() if path.startswith("files/")} == dict.fromkeys(files, 1)
    fetched.clear()
    again = remote.run(batch)
    assert again["documents/index"]["documents_read"].value == 0
    assert not any(path.startswith("files/") for path in fetched)
    assert remote.rows(INDEX).height == len(FILES) + 1
