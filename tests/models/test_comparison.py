"""Two models on the same rows: the difference has an interval of its own, and words never claim more than it shows."""

import numpy as np
import pytest

from clinical_assets.models.comparison import COMPARED, Compared, compare, in_words
from clinical_assets.models.evaluation import evaluate

SEED = 5


def rows(n=400, better=0.0, seed=1):
    random = np.random.default_rng(seed)
    patients = np.arange(n) // 2
    risk = random.normal(-1, 1, n)
    labels = (random.random(n) < 1 / (1 + np.exp(-risk))).astype(int)
    ours = 1 / (1 + np.exp(-(risk + random.normal(0, 2, n))))
    theirs = np.clip(ours + better * (labels - ours), 0, 1)
    return labels, ours, theirs, patients


def test_the_figures_of_each_are_those_it_has_alone():
    labels, ours, theirs, patients = rows(better=0.2)
    found = compare(labels, ours, theirs, patients, seed=SEED, resamples=200)
    alone = [evaluate(labels, p, patients, seed=SEED, resamples=200) for p in (ours, theirs)]
    assert set(found) == set(COMPARED)
    for name in COMPARED:
        assert found[name].ours == getattr(alone[0], name)
        assert found[name].theirs == getattr(alone[1], name)
        assert found[name].difference.value == pytest.approx(found[name].theirs.value - found[name].ours.value)


def test_the_same_model_twice_differs_by_nothing_and_says_so():
    labels, ours, _, patients = rows()
    found = compare(labels, ours, ours, patients, seed=SEED, resamples=200)
    assert found["auroc"].difference.value == 0
    assert found["auroc"].difference.low is None
    assert "too few patients" in in_words("with points", found)


def test_the_difference_is_told_more_exactly_than_the_two_figures():
    labels, ours, theirs, patients = rows(better=0.1)
    found = compare(labels, ours, theirs, patients, seed=SEED, resamples=300)["auroc"]
    wide = found.ours.high - found.ours.low
    assert 0 < found.difference.high - found.difference.low < wide / 2


@pytest.mark.parametrize(
    ("better", "said"), [(0.3, "better than"), (-0.3, "worse than"), (0.0, "no difference can be shown")]
)
def test_words_follow_the_interval(better, said):
    labels, ours, theirs, patients = rows(better=better)
    if not better:
        theirs = np.clip(ours + np.random.default_rng(9).normal(0, 0.05, len(ours)), 0, 1)
    sentence = in_words("with points", compare(labels, ours, theirs, patients, seed=SEED, resamples=300))
    assert said in sentence
    assert sentence.startswith("With points the AUROC is 0.")


def test_without_an_event_nothing_is_estimable_and_nothing_fails():
    found = compare(np.zeros(20), np.full(20, 0.1), np.full(20, 0.2), np.arange(20), seed=SEED)
    assert found["auroc"].difference.value is None
    assert "none of the 20 stays" in in_words("with points", found)


def test_a_comparison_is_read_as_it_was_written():
    labels, ours, theirs, patients = rows(better=0.2)
    found = compare(labels, ours, theirs, patients, seed=SEED, resamples=50)["brier"]
    assert Compared.from_dict(found.to_dict()) == found
