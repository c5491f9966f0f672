"""The shard of a patient, which no release of this project may ever change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.sharding import SHARD_HASH, shard_name, shard_names, shard_of

WORD = 0xFFFFFFFFFFFFFFFF


def splitmix64(number: int) -> int:
    """The published finaliser, in whole numbers of any size."""
    x = (number + 0x9E3779B97F4A7C15) & WORD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
    return x ^ (x >> 31)


def test_the_hash_is_the_published_one():
    # The first outputs of the published generator seeded with 0 and 1234567.
    assert splitmix64(0) == 0xE220A8397B1DCDAF
    assert splitmix64(1234567) == 6457827717110365317
    assert SHARD_HASH == "splitmix64-1"


def test_shards_of_some_patients_are_what_every_lake_was_written_with():
    ids = np.array([0, 1, 10000032, 10002428, 19999987, -1, 2**63 - 1], dtype=np.int64)
    assert shard_of(ids, 8).tolist() == [7, 1, 5, 3, 1, 0, 7]
    assert shard_of(ids, 64).tolist() == [47, 1, 13, 59, 17, 32, 39]


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(1, 5_000))
def test_the_shard_is_the_hash_modulo_the_number_of_shards(ids, shards):
    found = shard_of(np.array(ids, dtype=np.int64), shards)
    assert found.tolist() == [splitmix64(number & WORD) % shards for number in ids]
    assert found.dtype == np.int64


@pytest.mark.parametrize("shards", [2, 8, 64, 100])
def test_patients_numbered_one_after_the_other_are_spread_evenly(shards):
    patients = np.arange(10_000_000, 10_000_000 + 1_000 * shards)
    counts = np.bincount(shard_of(patients, shards), minlength=shards)
    # Binomial with a mean of 1000: five standard deviations.
    assert abs(counts - 1_000).max() < 5 * np.sqrt(1_000)


def test_no_ids_have_no_shards():
    assert shard_of(np.array([], dtype=np.int64), 8).tolist() == []


@pytest.mark.parametrize("ids", [np.array([1.0, np.nan]), np.array([1.0, 2.0])])
def test_ids_with_a_null_among_them_have_no_shard(ids):
    with pytest.raises(ValueError, match="expected a whole-number id on every row"):
        shard_of(ids, 8)


def test_names_are_padded_with_zeros_so_that_they_sort_as_numbers():
    assert [shard_name(7, n) for n in (1 + 7, 10, 100, 101, 1_000, 1_001)] == ["07", "07", "07", "007", "007", "0007"]
    assert shard_names(3) == ["00", "01", "02"]
    for shards in (1, 10, 100, 101, 1_001):
        names = shard_names(shards)
        assert names == sorted(names)
        assert len(set(names)) == shards
        assert len({len(name) for name in names}) == 1
