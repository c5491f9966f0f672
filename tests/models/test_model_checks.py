"""The checks of models, evaluations and predictions: each passes on what is right and fails on its fault."""

import numpy as np
import polars as pl
import pytest

from clinical_assets.models import artefact, checks, evaluation, training

PROVENANCE = {"created_at": "2026-01-01T00:00:00+00:00", "index_time": "24 h", "inputs": {}, "split_version": "1"}
FEW = training.LightGBMParameters(num_threads=1, patience=20, most_rounds=60)


def stays(n, signal, seed=1):
    chance = np.random.default_rng(seed)
    risk = chance.normal(size=n)
    died = chance.random(n) < 1 / (1 + np.exp(2 - signal * risk))
    return pl.DataFrame({"subject_id": np.arange(n), "risk": risk, "noise": chance.normal(size=n), "died": died})


def trained(signal):
    rows = stays(300, signal)
    return training.train(rows, feature_names=["risk", "noise"], categorical={}, label="died", parameters=FEW)


@pytest.fixture(scope="module")
def good():
    return trained(signal=2.5)


def judged(signal, n, seed=3, shift=0.0):
    rows = stays(n, signal, seed)
    probabilities = 1 / (1 + np.exp(2 - signal * rows["risk"].to_numpy() - shift))
    return evaluation.evaluate(
        rows["died"].to_numpy(), probabilities, rows["subject_id"].to_numpy(), seed=1, resamples=200
    )


def test_intact_files_pass_and_a_changed_tree_fails_by_outcome(good):
    files = artefact.to_files(good, PROVENANCE)
    assert checks.intact({"mortality": files}).passed
    tampered = files | {"model.txt": files["model.txt"] + b"\n"}
    finding = checks.intact({"mortality": tampered})
    assert not finding.passed
    assert "mortality" in finding.description


def test_a_model_that_learned_beats_the_event_rate_and_one_of_noise_does_not(good):
    assert checks.learned_something({"mortality": good}).passed
    idle = trained(signal=0.0)
    assert idle.training.log_loss >= idle.training.event_rate_log_loss - 1e-3
    shown = checks.learned_something({"mortality": good, "noise": worse_than_the_rate(idle)})
    assert not shown.passed
    assert "noise" in shown.description


def worse_than_the_rate(model):
    from dataclasses import replace

    return replace(model, training=replace(model.training, log_loss=model.training.event_rate_log_loss + 0.01))


def test_above_chance_needs_the_whole_interval_above_one_half():
    assert checks.above_chance({"mortality": judged(2.5, 800)}).passed
    assert not checks.above_chance({"mortality": judged(0.0, 60)}).passed


def test_too_few_events_to_estimate_are_not_above_chance():
    none = evaluation.evaluate(np.zeros(20), np.full(20, 0.1), np.arange(20), seed=1, resamples=50)
    finding = checks.above_chance({"mortality": none})
    assert not finding.passed
    assert "not estimable" in finding.description


def test_calibrated_probabilities_pass_and_shifted_ones_fail():
    assert checks.calibrated({"mortality": judged(1.5, 2000)}).passed
    assert not checks.calibrated({"mortality": judged(1.5, 2000, shift=2.0)}).passed


STORED = pl.DataFrame(
    {"outcome": ["mortality"] * 2, "stay_id": [1, 2], "subject_id": [10, 20], "model_version": ["a"] * 2,
     "probability": [0.1, 0.2]}
)  # fmt: skip


@pytest.mark.parametrize(
    ("published", "counts"),
    [
        (STORED, {"not published": 0, "published only": 0, "different": 0}),
        (STORED.head(1), {"not published": 1, "published only": 0, "different": 0}),
        (pl.concat([STORED, STORED.head(1).with_columns(stay_id=pl.lit(3, pl.Int64))]),
         {"not published": 0, "published only": 1, "different": 0}),
        (STORED.with_columns(probability=pl.lit(0.1)), {"not published": 0, "published only": 0, "different": 1}),
        (STORED.with_columns(model_version=pl.lit("b")), {"not published": 2, "published only": 2, "different": 0}),
    ],
)  # fmt: skip
def test_what_is_published_is_compared_row_by_row(published, counts):
    finding = checks.published_as_stored(STORED, published)
    assert finding.passed is (sum(counts.values()) == 0)
    assert {name: finding.counts[name] for name in counts} == counts
