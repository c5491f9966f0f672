"""A store of documents on a disk and in S3: the same listing, versions that change with the bytes, nothing outside."""

import os

import pyarrow.fs as pafs
import pytest

from resources.document_store import DocumentStore, inside
from resources.places import filesystem_of

FILES = {
    "manifest.csv": b"m",
    "files/p1/a b#1.txt": b"first",
    "files/p1/deep/c.pdf": b"",
    ".hidden/x": b"",
    "files/.y": b"",
    "files/.deep/p9/z": b"",
}


@pytest.fixture
def local(tmp_path):
    for path, content in FILES.items():
        (tmp_path / "store" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / path).write_bytes(content)
    return DocumentStore(root=str(tmp_path / "store"))


@pytest.fixture
def remote(local, s3):
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    filesystem = pafs.S3FileSystem(endpoint_override=endpoint, scheme="http")
    pafs.copy_files(local.root, f"{s3.removeprefix('s3://')}/store", destination_filesystem=filesystem)
    return DocumentStore(root=f"{s3}/store")


@pytest.fixture(params=["local", "remote"])
def store(request):
    return request.getfixturevalue(request.param)


def test_a_folder_is_listed_alone_or_with_what_is_below_and_nothing_hidden(store):
    assert set(store.listing()) == {"manifest.csv"}
    assert set(store.listing("files/p1")) == {"files/p1/a b#1.txt"}
    below = store.listing(recursive=True)
    assert set(below) == {"manifest.csv", "files/p1/a b#1.txt", "files/p1/deep/c.pdf"}
    assert {path: each.size for path, each in below.items()} == {path: len(FILES[path]) for path in below}
    assert store.listing("nowhere") == {}
    assert store.folders() == ["files"]
    assert store.is_there()


def test_what_is_hidden_is_nowhere_however_it_is_asked_for(store):
    for folder in (".hidden", "files/.deep", "files/.deep/p9"):
        for recursive in (False, True):
            assert store.listing(folder, recursive=recursive) == {}
            assert store.listings([folder, "files/p1"], recursive=recursive)[folder] == {}
    assert "files/.deep/p9/z" not in store.listings(["", "files"], recursive=True)["files"]


def test_dots_that_lead_to_a_folder_hide_nothing(local):
    for folder, expected in {
        "./files/p1": "./files/p1/a b#1.txt",
        "files/../files/p1": "files/../files/p1/a b#1.txt",
        ".": "./manifest.csv",
    }.items():
        assert set(local.listing(folder)) == {expected}


def test_an_address_leads_back_to_the_object_and_its_bytes(store):
    path = "files/p1/a b#1.txt"
    uri = store.uri(path)
    assert store.path_of(uri) == path
    assert b"".join(store.pieces(path)) == b"first"
    assert b"".join(store.pieces(path, 1, 3)) == b"irs"
    assert store.path_of("s3://elsewhere/x") is None
    with pytest.raises(OSError, match=r".*"):
        list(store.pieces("files/p1/gone.txt"))


@pytest.mark.parametrize("store", ["local", "remote"], indirect=True)
def test_a_version_changes_when_the_bytes_do(store):
    path = "files/p1/a b#1.txt"
    before = store.listing("files/p1")[path].version
    assert store.listing("files/p1", recursive=True)[path].version == before
    with filesystem_of(store.root)[0].open_output_stream(f"{filesystem_of(store.root)[1]}/{path}") as file:
        file.write(b"second")
    assert store.listing("files/p1")[path].version != before


def test_a_version_changes_with_the_bytes_where_size_and_time_of_change_are_kept(local):
    path = local.local("files/p1/a b#1.txt")
    before, facts = local.listing("files/p1"), path.stat()
    while path.stat().st_ctime_ns == facts.st_ctime_ns:  # the clock of files ticks some hundred times a second
        path.write_bytes(b"FIRST")
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert path.stat().st_mtime_ns == facts.st_mtime_ns
    after = local.listing("files/p1")
    assert [after[name].size for name in after] == [before[name].size for name in before] == [5]
    assert [after[name].version for name in after] != [before[name].version for name in before]


@pytest.mark.parametrize(("bucket", "why"), [("no-such-bucket-here", "NoSuchBucket"), ("nobody", "could not be asked")])
def test_a_remote_store_that_cannot_be_listed_is_an_os_error_without_a_word_of_the_request(
    s3, s3_environment, bucket, why
):
    if bucket == "nobody":
        s3_environment("http://127.0.0.1:9")
    with pytest.raises(OSError, match=why) as refused:
        DocumentStore(root=f"s3://{bucket}/patient-of-note").listing("p1")
    assert "patient-of-note" not in str(refused.value)


def test_what_would_never_end_or_leads_nowhere_is_not_listed(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    assert set(DocumentStore(root=str(tmp_path)).listing()) == {"a.txt", "link.txt"}


def test_only_a_local_store_has_local_files(local, remote):
    assert local.local("manifest.csv").read_bytes() == b"m"
    assert remote.local("manifest.csv") is None


def test_a_place_that_is_empty_is_not_there(tmp_path):
    assert not DocumentStore(root=str(tmp_path)).is_there()
    assert not DocumentStore(root=str(tmp_path / "nowhere")).is_there()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", True),
        ("a/b.txt", True),
        ("a/../b", True),
        ("../a", False),
        ("/a", False),
        ("a/../../b", False),
        ("", False),
    ],
)
def test_inside(path, expected):
    assert inside(path) is expected


def test_what_was_fetched_from_s3_is_kept_for_the_next_who_wants_it_once_and_within_bounds(monkeypatch):
    monkeypatch.setattr("resources.document_store.KEPT_BYTES", 10)
    monkeypatch.setattr("resources.document_store.KEPT_EACH", 6)
    store = DocumentStore(root="s3://bucket/prefix")
    assert store.recall("a") is None
    store.keep("a", b"123456")
    store.keep("too large", b"1234567")
    store.keep("no room", b"12345")
    store.keep("b", b"")
    assert (store.recall("too large"), store.recall("no room"), store.recall("b")) == (None, None, b"")
    assert (store.recall("a"), store.recall("a")) == (b"123456", None)
    store.keep("room again", b"12345")
    store.keep("and again", b"54321")
    assert (store.recall("and again"), store.recall("room again")) == (b"54321", b"12345")
    assert DocumentStore(root="s3://bucket/prefix").recall("a") is None


def test_of_local_files_nothing_is_kept(local):
    local.keep("a", b"1")
    assert local.recall("a") is None
