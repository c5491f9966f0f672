"""Explanations add up to the prediction they explain."""

import numpy as np
import polars as pl
import pytest

from clinical_assets.models.artefact import predict
from clinical_assets.models.explanation import contributions, importance, top_contributions
from clinical_assets.models.training import LightGBMParameters, train

UNITS = ("CCU", "MICU")


@pytest.fixture(scope="module")
def stays():
    rng = np.random.default_rng(5)
    n = 400
    lactate = rng.gamma(2, 1, n)
    return pl.DataFrame(
        {
            "subject_id": np.arange(n),
            "stay_id": 30_000_000 + np.arange(n),
            "constant": np.ones(n),
            "lactate": pl.Series(lactate).set(pl.Series(rng.random(n) < 0.2), None),
            "heart_rate": rng.normal(85, 15, n),
            "shock": rng.random(n) < 0.3,
            "care_unit": [UNITS[i] for i in rng.integers(0, 2, n)],
            "died": (lactate + rng.logistic(0, 0.7, n) > 3.5).astype(int),
        }
    )


@pytest.fixture(scope="module")
def model(stays):
    return train(
        stays,
        feature_names=["constant", "heart_rate", "lactate", "shock", "care_unit"],
        categorical={"care_unit": UNITS},
        label="died",
        parameters=LightGBMParameters(num_threads=1, patience=20),
        units={"lactate": "mmol/L"},
    )


def test_contributions_add_up_to_the_predicted_log_odds(model, stays):
    explained = contributions(model, stays)
    predicted = predict(model, stays)
    assert explained.values.shape == (400, 5)
    assert explained.base + explained.values.sum(axis=1) == pytest.approx(np.log(predicted / (1 - predicted)), abs=1e-9)


def test_a_row_is_explained_by_itself(model, stays):
    assert contributions(model, stays[7:8]).values[0].tolist() == contributions(model, stays).values[7].tolist()


def test_the_feature_that_decides_weighs_most(model, stays):
    weighed = importance(model, stays)
    assert weighed.columns == ["feature", "unit", "mean_absolute"]
    assert weighed.row(0)[:2] == ("lactate", "mmol/L")
    assert weighed["mean_absolute"].is_sorted(descending=True)
    assert weighed.filter(feature="constant")["mean_absolute"].item() == 0
    expected = np.abs(contributions(model, stays).values).mean(axis=0)[2]
    assert weighed["mean_absolute"][0] == pytest.approx(expected)


def test_high_lactate_raises_and_low_lactate_lowers(model, stays):
    ends = stays.head(2).with_columns(lactate=pl.Series([8.0, 0.2]))
    high, low = contributions(model, ends).values[:, 2]
    assert high > 0 > low


def test_the_weightiest_features_of_each_stay(model, stays):
    frame = stays.head(3).with_columns(
        lactate=pl.Series([8.0, None, 2.123456]),
        shock=pl.Series([True, False, None]),
        care_unit=pl.Series(["CCU", "X", "CCU"]),
    )
    top = top_contributions(model, frame, most=4, keys=["stay_id"])
    values = contributions(model, frame).values
    assert top.columns == ["stay_id", "row", "rank", "feature", "value", "unit", "contribution"]
    for row in range(3):
        one = top.filter(row=row)
        assert one["stay_id"].unique().to_list() == [30_000_000 + row]
        assert one["rank"].to_list() == list(range(1, one.height + 1))
        expected = sorted(abs(values[row]), reverse=True)[: one.height]
        assert one["contribution"].abs().to_list() == pytest.approx(expected)
    assert top.row(0, named=True) | {"contribution": None} == {
        "stay_id": 30_000_000,
        "row": 0,
        "rank": 1,
        "feature": "lactate",
        "value": "8",
        "unit": "mmol/L",
        "contribution": None,
    }
    shown = {(r["row"], r["feature"]): r["value"] for r in top.iter_rows(named=True)}
    assert shown[1, "lactate"] is None
    assert shown[2, "lactate"] == "2.123"
    assert shown.get((0, "shock"), "yes") == "yes"
    assert shown.get((1, "care_unit")) is None
    assert "constant" not in top["feature"]


def test_no_rows_no_explanations(model, stays):
    none = stays.head(0)
    assert contributions(model, none).values.shape == (0, 5)
    assert np.isfinite(contributions(model, none).base)
    assert importance(model, none)["mean_absolute"].to_list() == [0.0] * 5
    assert top_contributions(model, none, keys=["stay_id"]).is_empty()
