"""Folders of a bucket are listed together as they would be one by one, in no more requests."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resources import s3_listing
from resources.s3_listing import Bucket, Page, UnorderedError, of_folders


class Made:
    """A bucket of keys in memory, few to a page, that counts what it is asked."""

    ordered = True

    def __init__(self, keys, *, to_a_page=3):
        self.to_a_page = to_a_page
        self.keys = sorted(set(keys))
        self.asked = 0

    def page(self, prefix, after):
        self.asked += 1
        found = [{"Key": key} for key in self.keys if key.startswith(prefix) and key > after]
        return Page(found[: self.to_a_page], len(found) > self.to_a_page)

    def every(self, prefix, after, *, recursive):
        beside = [key for key in self.keys if key.startswith(prefix) and key > after]
        own = [key for key in beside if recursive or "/" not in key[len(prefix) :]]
        # Each further folder is an entry of a page, too.
        others = {key[len(prefix) :].partition("/")[0] for key in beside} if not recursive else set()
        self.asked += max(1, -(-(len(own) + len(others)) // self.to_a_page))
        return iter([{"Key": key} for key in own])


class Crowd(NamedTuple):
    """Keys of a bucket, folders of it, and how many keys come to a page."""

    keys: Sequence[str]
    prefixes: Sequence[str]
    to_a_page: int


@st.composite
def crowds(draw):
    """Folders of files and of folders, all called like their neighbours: `1`, and what lies just behind `1/`."""
    names = st.sets(st.sampled_from(["1", "1!", "10", "2"]))
    keys, below = [], []
    for patient in ("p", "p0", "q"):
        folders = [f"{patient}/{name}" for name in sorted(draw(names))]
        keys += [f"{patient}/{name}" for name in sorted(draw(names))]
        keys += [f"{folder}/{n}" for folder in folders for n in range(draw(st.integers(1, 3)))]
        below += [f"{folder}/" for folder in folders]
    asked = draw(st.sets(st.sampled_from(["p/", "p0/", "q/", *below]), min_size=1))
    return Crowd(keys, sorted(asked), draw(st.integers(1, 3)))


def one_by_one(keys, prefixes, *, recursive):
    made = Made(keys)
    return {
        prefix: [each["Key"] for each in made.every(prefix, "", recursive=recursive)] for prefix in prefixes
    }, made.asked


NAMES = st.sampled_from(["a", "b", "ab", "a!", "a0", "é", "\U0001f600", "z"])
KEYS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=40)
PREFIXES = st.lists(st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + "/"), max_size=8)


@given(KEYS, PREFIXES, st.booleans())
@example(["a/a/a", "a/a/b", "a/a/z", "a/b", "b/a"], ["a/", "b/"], False)
@example([f"a/a/{n}" for n in range(9)] + ["a/z", "b/a"], ["a/", "b/"], False)
@example(["a/b/a", "a/b/b"], ["a/", "a/b/"], True)
@example(["a/b/1", "a/b/2", "a/b/3", "a/b/4", "a/b0"], ["a/", "z/"], False)
def test_folders_together_hold_what_each_holds(keys, prefixes, recursive):
    found = of_folders(Made(keys), prefixes, recursive=recursive)
    expected, _ = one_by_one(keys, prefixes, recursive=recursive)
    assert {prefix: [each["Key"] for each in entries] for prefix, entries in found.items()} == expected


@given(crowds(), st.booleans())
def test_however_long_the_pages_nothing_is_lost_where_one_ends_among_neighbours(crowd, recursive):
    found = of_folders(Made(crowd.keys, to_a_page=crowd.to_a_page), crowd.prefixes, recursive=recursive)
    expected, _ = one_by_one(crowd.keys, crowd.prefixes, recursive=recursive)
    assert {prefix: [each["Key"] for each in entries] for prefix, entries in found.items()} == expected


class Backwards(Made):
    """A bucket whose pages come in another order than that of their keys."""

    def page(self, prefix, after):
        entries, more = super().page(prefix, after)
        return Page(entries[::-1], more)


def test_a_page_out_of_order_is_noticed_and_costs_no_object():
    keys = [f"p{n}/{m}" for n in range(5) for m in range(2)]
    prefixes = [f"p{n}/" for n in range(5)]
    with pytest.raises(UnorderedError):
        s3_listing._Walk(Backwards(keys), prefixes, recursive=True).through()
    found = of_folders(Backwards(keys), prefixes, recursive=True)
    assert sum(map(len, found.values())) == len(keys)


@pytest.mark.parametrize(("bucket", "ordered"), [("notes", True), ("notes--use1-az4--x-s3", False)])
def test_the_keys_of_a_directory_bucket_are_in_no_order(bucket, ordered):
    assert Bucket(bucket).ordered is ordered
    made = Backwards([f"p{n}/a" for n in range(5)])
    made.ordered = ordered
    assert sum(map(len, of_folders(made, [f"p{n}/" for n in range(5)], recursive=True).values())) == 5
    assert made.asked == (6 if ordered else 5)


def test_neighbours_come_together_and_who_lives_apart_costs_one_request():
    everybody = [f"files/p{n:04d}/{name}" for n in range(1_000) for name in ("a.txt", "deep/b.txt")]

    def asked(numbers, *below):
        made = Made(everybody, to_a_page=10)
        prefixes = [f"files/p{n:04d}/{folder}" for n in numbers for folder in ("", *below)]
        found = of_folders(made, prefixes, recursive=False)
        assert all(len(entries) == 1 for entries in found.values())
        return made.asked

    assert asked(range(30), "deep/") == 7
    assert asked(range(30)) <= 12, "where a page ends in a folder nobody asks for, what lies beside that"
    assert asked(range(0, 1_000, 100)) == 10
    assert asked(random.Random(1).sample(range(1_000), 50)) <= 50


def test_a_large_folder_nobody_asks_for_is_passed_over():
    keys = [*(f"p1/images/{n:05d}" for n in range(300)), "p1/note.txt", "p2/note.txt"]
    made = Made(keys)
    found = of_folders(made, ["p1/", "p2/"], recursive=False)
    assert [each["Key"] for entries in found.values() for each in entries] == ["p1/note.txt", "p2/note.txt"]
    assert made.asked == 3, "a page that ends among the images, what lies beside them, the next folder"
