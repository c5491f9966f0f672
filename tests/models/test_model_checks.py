"""The checks of models, evaluations and predictions: each passes on what is right and fails on its fault."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from clinical_assets.models import artefact, checks, evaluation, prediction, training
from clinical_assets.models.tables import PREDICTIONS
from resources.sharding import shard_names, shard_of

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
    {"outcome": ["mortality"] * 2, "stay_id": [1, 2], "predicted_for": [datetime(2150, 1, 2)] * 2,
     "subject_id": [10, 20], "model_version": ["a"] * 2, "probability": [0.1, 0.2]}
)  # fmt: skip


@pytest.mark.parametrize(
    ("published", "counts"),
    [
        (STORED, {"not published": 0, "published only": 0, "different": 0}),
        (STORED.head(1), {"not published": 1, "published only": 0, "different": 0}),
        (pl.concat([STORED, STORED.head(1).with_columns(stay_id=pl.lit(3, pl.Int64))]),
         {"not published": 0, "published only": 1, "different": 0}),
        (STORED.with_columns(probability=pl.lit(0.1)), {"not published": 0, "published only": 0, "different": 1}),
        (STORED.with_columns(predicted_for=pl.lit(datetime(2150, 1, 3))),
         {"not published": 2, "published only": 2, "different": 0}),
        (STORED.with_columns(model_version=pl.lit("b")), {"not published": 2, "published only": 2, "different": 0}),
    ],
)  # fmt: skip
def test_what_is_published_is_compared_row_by_row(published, counts):
    finding = checks.published_as_stored(STORED, published)
    assert finding.passed is (sum(counts.values()) == 0)
    assert {name: finding.counts[name] for name in counts} == counts


def test_an_outcome_with_rows_and_without_a_model_is_named():
    assert checks.every_outcome([]).passed
    finding = checks.every_outcome(["sepsis", "ed_revisit"])
    assert not finding.passed
    assert "ed_revisit, sepsis" in finding.description


HOURLY = pl.DataFrame(
    {"subject_id": [8, 8], "hadm_id": [None, None], "stay_id": [1, 1], "stay_type": ["icu"] * 2, "hr": [0, 1],
     "outcome": ["sepsis"] * 2, "predicted_for": [datetime(2150, 1, 2), datetime(2150, 1, 2, 1)],
     "probability": [0.1, 0.2], "split": ["test"] * 2, "model_version": ["a"] * 2},
    schema=PREDICTIONS.polars_schema,
)  # fmt: skip


@pytest.mark.parametrize(("published", "passed"), [(HOURLY, True), (HOURLY.head(1), False)])
def test_every_hour_published_is_held_against_every_hour_stored(lake, warehouse, monkeypatch, published, passed):
    monkeypatch.setattr(checks, "ROWS_AT_ONCE", 1)
    shard = shard_names(4)[int(shard_of(HOURLY["subject_id"].to_numpy(), 4)[0])]
    with lake.write(PREDICTIONS.path, PREDICTIONS.arrow_schema, [shard], {}) as writer:
        writer.write(shard, HOURLY.to_arrow())
    prediction.publish(warehouse, published, [shard], 4)
    result = checks.published(lake=lake, warehouse=warehouse)
    assert result.passed is passed
    assert ("1 not published" in result.description) is not passed
