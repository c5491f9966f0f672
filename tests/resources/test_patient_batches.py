"""Cohorts cut into batches on a real server: the same again, new patients to new batches, nobody twice."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources import patient_batches
from resources.patient_batches import batches, cut, members


def of(warehouse, cohort="c"):
    """Patients by batch."""
    names = batches(warehouse).filter(cohort=cohort)["patient_batch"].to_list()
    return {name: own["patient_id"].to_list() for (name,), own in members(warehouse, names).group_by("patient_batch")}


def test_a_cohort_is_cut_into_batches_of_the_size_asked_for(warehouse):
    made = cut(warehouse, "c", "ids", "", [f"p{n}" for n in range(7)], 3)
    assert made == ["c-00001", "c-00002", "c-00003"]
    assert {name: len(own) for name, own in of(warehouse).items()} == {"c-00001": 3, "c-00002": 3, "c-00003": 1}
    assert cut(warehouse, "c", "ids", "", [f"p{n}" for n in range(7)], 3) == []


NUMBERS = count()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(st.sampled_from("abcdefghij")), min_size=1, max_size=4), st.integers(1, 4))
def test_however_a_cohort_grows_and_shrinks_batches_never_change(warehouse, steps, size):
    cohort = f"c{next(NUMBERS)}"  # of this example alone: a drawn name comes twice, with another size
    before: dict[str, list[str]] = {}
    for patients in steps:
        cut(warehouse, cohort, "ids", "", patients, size)
        now = of(warehouse, cohort)
        assert {batch: now[batch] for batch in before} == before
        placed = [patient for own in now.values() for patient in own]
        assert len(placed) == len(set(placed))
        assert patients <= set(placed)
        assert all(0 < len(own) <= size for own in now.values())
        before = now


def test_two_runs_that_cut_at_once_make_one_set_of_batches(warehouse):
    patients = [f"p{n}" for n in range(20)]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: cut(warehouse, "c", "ids", "", patients, 4), range(3)))
    assert sorted(map(len, made)) == [0, 0, 5]
    assert sorted(patient for own in of(warehouse).values() for patient in own) == sorted(patients)


def test_a_patient_may_be_in_batches_of_two_cohorts(warehouse):
    cut(warehouse, "c", "ids", "", ["p"], 4)
    cut(warehouse, "d", "sql", "", ["p"], 4)
    assert members(warehouse, ["c-00001", "d-00001"]).rows() == [("c-00001", "p"), ("d-00001", "p")]
    patient_batches.forget(warehouse)
    assert batches(warehouse).is_empty()


def test_a_batch_of_nobody_is_refused(warehouse):
    with pytest.raises(ValueError, match="expected batches of at least one patient"):
        cut(warehouse, "c", "ids", "", ["p"], 0)
