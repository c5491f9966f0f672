"""Gzipped files: unpacked as gzip does it, however they are cut; never beyond the bound, and whole or not at all."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.index.packed import PackedError, Unpacked, unpacked, unpacked_pieces
from resources.document_store import DocumentStore

CONTENT = b"".join(b"line %d of a file that is packed\n" % n for n in range(20_000))


def cut(data: bytes, size: int):
    return (data[at : at + size] for at in range(0, len(data), size))


@given(
    st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50), st.integers(0, 3), st.integers(0, 9)
)
def test_any_members_however_cut_come_back_as_they_were(members, size, padding, level):
    packed = b"".join(gzip.compress(each, level) for each in members) + bytes(padding)
    assert b"".join(unpacked(cut(packed, size))) == b"".join(members)


@pytest.mark.parametrize("size", [1 << 20, 1000, 7])
def test_what_unpacks_to_many_pieces_is_whole(size):
    content = CONTENT * 5  # some megabytes out of a few kilobytes: several pieces of output for one of input
    assert b"".join(unpacked(cut(gzip.compress(content), size))) == content


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (b"", "ends early"),
        (gzip.compress(CONTENT)[:-9], "ends early"),
        (gzip.compress(CONTENT)[:100], "ends early"),
        (b"PK\x03\x04" + bytes(50), "found bytes that are none"),
        (gzip.compress(CONTENT) + b"garbage", "found bytes that are none"),
        (gzip.compress(CONTENT)[:-8] + bytes(8), "found bytes that are none"),  # its checksum is another's
        (gzip.compress(bytes(1_000_000)), "at most 100 times its packed size"),
    ],
    # Not the bytes: gzip puts the time into them, and every process of a run must call the tests the same.
    ids=["empty", "cut off", "cut short", "a zip", "garbage behind it", "another's checksum", "a bomb"],
)
def test_what_is_not_whole_or_unpacks_beyond_belief_is_refused(packed, said):
    with pytest.raises(PackedError, match=said):
        list(unpacked(cut(packed, 1000), always_allowed=100_000))


def test_a_bomb_is_given_up_before_it_has_filled_anything():
    given_out = []
    pieces = unpacked([gzip.compress(bytes(300_000_000), 1)], always_allowed=5_000_000)
    with pytest.raises(PackedError):
        given_out.extend(map(len, pieces))
    assert 0 < sum(given_out) <= 101 * 1_400_000


def test_passages_are_read_in_any_order_from_one_unpacking(tmp_path):
    (tmp_path / "x.ndjson.gz").write_bytes(gzip.compress(CONTENT))
    store = DocumentStore(root=str(tmp_path))
    assert b"".join(unpacked_pieces(store, "x.ndjson.gz")) == CONTENT
    files = Unpacked()
    assert files.passage(store, "x.ndjson.gz", 500_000, 70) == CONTENT[500_000:500_070]
    (tmp_path / "x.ndjson.gz").unlink()
    assert files.passage(store, "x.ndjson.gz", 3, 5) == CONTENT[3:8]
    with pytest.raises(FileNotFoundError):
        files.passage(store, "y.ndjson.gz", 0, 1)


def test_what_cannot_be_unpacked_leaves_no_half_behind(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(CONTENT)[:-1])
    files = Unpacked()
    for _ in range(2):
        with pytest.raises(PackedError, match="ends early"):
            files.passage(DocumentStore(root=str(tmp_path)), "x.gz", 0, 1)
    assert not files.files
