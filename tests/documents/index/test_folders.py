"""The files of a store are listed once, however they are asked for."""

import os
from collections import Counter

import pytest

from clinical_assets.documents.index.folders import MOST_ALONE, Folders
from resources.document_store import DocumentStore
from resources.s3_listing import s3_client

FILES = ("top.txt", "files/p1/a.txt", "files/p1/deep/b.txt", "files/p2/c.txt")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    asked: Counter[str] = Counter()
    listing = DocumentStore.listing

    def counted(self, folder="", *, recursive=False):
        asked[folder] += 1
        return listing(self, folder, recursive=recursive)

    monkeypatch.setattr(DocumentStore, "listing", counted)
    return Folders(DocumentStore(root=str(tmp_path))), asked


def test_every_folder_is_listed_once(folders):
    found, asked = folders
    found.look(["files/p1/a.txt", "files/p1/x.txt", "files/p2/c.txt", "top.txt"])
    found.look(["files/p2/c.txt"])
    assert [found.version(path) is not None for path in (*FILES, "files/p1/x.txt", "files/p3/y.txt")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip
    assert "files/p1/deep/b.txt" in found
    assert asked == dict.fromkeys(("", "files/p1", "files/p1/deep", "files/p2", "files/p3"), 1)


def test_what_lies_below_is_walked_once(folders):
    found, asked = folders
    below = found.below(["files/p1", "files/p2", "files/p3"])
    assert sorted(below) == list(FILES[1:])
    assert found.below(["files/p2", "files/p1"]) == [below[-1], *below[:-1]]
    assert found.version("files/p1/deep/b.txt")
    assert found.version("files/p1/gone.txt") is None
    assert asked == dict.fromkeys(("files/p1", "files/p2", "files/p3"), 1)


@pytest.mark.parametrize("path", ["../x.txt", "/etc/hostname", "a\x00b", "", "files/../../x"])
def test_nothing_outside_the_store_is_looked_for(folders, path):
    found, asked = folders
    found.look([path])
    assert found.version(path) is None
    assert not set(asked) - {""}


@pytest.mark.parametrize("asked_before", [0, MOST_ALONE + 1])
def test_a_file_in_a_hidden_folder_is_not_there_whatever_was_asked_for_before(s3, asked_before):
    client, bucket = s3_client(os.environ["AWS_ENDPOINT_URL"]), s3.removeprefix("s3://")
    siblings = [f"files/p{n}/a.txt" for n in range(MOST_ALONE + 1)]
    for path in (*siblings, "files/.trash/a.txt"):
        client.put_object(Bucket=bucket, Key=path, Body=b"a")
    found = Folders(DocumentStore(root=s3))
    assert all(path in found for path in siblings[:asked_before])
    assert "files/.trash/a.txt" not in found
