import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.sample.blocks import BLOCKS, MOST_PATIENTS, PATIENTS_PER_BLOCK, Block, blocks


@given(patients=st.integers(1, 5_000))
def test_blocks_hold_every_patient_once(patients):
    made = list(blocks(patients, seed=1))
    assert sum(b.patients for b in made) == patients
    assert [b.number for b in made] == list(range(len(made)))
    assert all(b.patients == PATIENTS_PER_BLOCK for b in made[:-1])


@pytest.mark.parametrize("patients", [0, -3, MOST_PATIENTS + 1])
def test_a_hospital_without_patients_or_beyond_the_ids_is_refused(patients):
    with pytest.raises(ValueError, match=f"expected 1 to {MOST_PATIENTS} patients; found {patients}"):
        next(blocks(patients, seed=1))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), numbers=st.sets(st.integers(0, BLOCKS - 1), min_size=2, max_size=4))
def test_ids_of_different_blocks_never_meet(seed, numbers):
    ids = [Block(seed, n, 200).identifiers("hadm_id", 5_000, lowest=20_000_000) for n in numbers]
    together = np.concatenate(ids)
    assert len(np.unique(together)) == 5_000 * len(numbers)
    assert together.min() >= 20_000_000
    assert together.max() < 30_000_000


def test_fewer_ids_are_the_first_of_more():
    block = Block(7, 3, 200)
    some, more = (block.identifiers("stay_id", n, lowest=0) for n in (10, 25))
    assert some.tolist() == more[:10].tolist()


def test_more_ids_than_a_block_owns_are_refused():
    with pytest.raises(ValueError, match="block 0: expected at most 5000 ids of kind 'hadm_id'; found 5001 rows"):
        Block(1, 0, 200).identifiers("hadm_id", 5_001, lowest=0)


def test_subject_ids_are_eight_digits_ascending_and_distinct_to_the_last_block():
    ids = np.concatenate([Block(5, n, 200).subject_ids() for n in (0, 1, BLOCKS - 1)])
    assert (np.diff(ids) > 0).all()
    assert ids[0] >= 10_000_000
    assert ids[-1] < 20_000_000


def test_drawing_in_one_domain_leaves_the_others_alone():
    block = Block(1, 0, 200)
    before = block.rng("laboratory").random()
    block.rng("pharmacy").random(1_000)
    assert block.rng("laboratory").random() == before
    assert block.rng("pharmacy").random() != before
