"""Training: deterministic, by patient, blind to held-out patients, sober with few of them."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from clinical_assets.models.artefact import ContractError, predict
from clinical_assets.models.training import DEFAULT, NEVER_FEATURES, LightGBMParameters, patient_folds, train
from clinical_assets.tables import Type

UNITS = ("CCU", "MICU", "SICU")
QUICK = LightGBMParameters(num_threads=1, patience=20)
FEATURES = ["heart_rate", "lactate", "ventilated", "care_unit"]


def hospital(n, *, seed=0, strength=1.5, deaths=0.15):
    """One row per ICU stay, about 1.3 stays a patient; lactate, ventilation and unit matter, heart rate does not."""
    rng = np.random.default_rng(seed)
    lactate, ventilated, unit = rng.gamma(2, 1, n), rng.random(n) < 0.4, rng.integers(0, 3, n)
    risk = strength * (lactate - 2 + ventilated + (unit == 1))
    log_odds = risk - np.quantile(risk, 1 - deaths) + rng.logistic(0, 1, n)
    return pl.DataFrame(
        {
            "subject_id": 10_000_000 + rng.integers(0, max(2, int(n / 1.3)), n),
            "heart_rate": rng.integers(50, 150, n),
            "lactate": pl.Series(lactate).set(pl.Series(rng.random(n) < 0.3), None),
            "ventilated": ventilated,
            "care_unit": [UNITS[u] for u in unit],
            "died": (log_odds > 0).astype(int),
        }
    )


def trained(frame, **options):
    given = {"feature_names": FEATURES, "categorical": {"care_unit": UNITS}, "label": "died", "parameters": QUICK}
    return train(frame, **given | options)


@pytest.fixture(scope="module")
def stays():
    return hospital(600)


@pytest.fixture(scope="module")
def model(stays):
    return trained(stays)


def test_the_same_stays_give_the_same_bytes_in_any_order(stays, model):
    shuffled = trained(stays.sample(fraction=1.0, shuffle=True, seed=4))
    assert shuffled == model
    assert shuffled.booster_text == model.booster_text


def test_another_seed_gives_another_model(stays, model):
    assert trained(stays, seed=21).booster_text != model.booster_text


def test_threads_change_no_prediction(stays, model):
    double = trained(stays, parameters=LightGBMParameters(num_threads=2, patience=20))
    assert predict(double, stays).tolist() == predict(model, stays).tolist()


def test_what_matters_is_learned_and_stays_calibrated(stays, model):
    scored = model.out_of_fold
    assert roc_auc_score(scored["died"], scored["raw"]) > 0.8
    assert model.training.log_loss < 0.9 * model.training.event_rate_log_loss
    assert scored["probability"].mean() == pytest.approx(stays["died"].mean(), abs=0.01)
    unseen = hospital(2000, seed=9)
    assert roc_auc_score(unseen["died"], predict(model, unseen)) > 0.8


def test_noise_is_not_mistaken_for_knowledge():
    model = trained(hospital(600, strength=0.0))
    assert model.training.log_loss > 0.97 * model.training.event_rate_log_loss
    probabilities = model.out_of_fold["probability"].to_numpy()
    assert probabilities.std() < 0.1


def test_out_of_fold_rows_come_in_the_order_given(stays, model):
    scored = model.out_of_fold
    assert scored.columns == ["subject_id", "died", "fold", "raw", "probability"]
    assert scored["subject_id"].equals(stays["subject_id"])
    assert scored["died"].equals(stays["died"])
    expected = model.calibration.apply(scored["raw"].to_numpy())
    assert scored["probability"].to_list() == expected.tolist()


@pytest.mark.parametrize("fold", [0, 3])
def test_nobody_is_scored_by_trees_bins_or_fills_that_saw_that_fold(stays, fold):
    # One round, so that held-out patients can't act through the choice of rounds either.
    once = LightGBMParameters(most_rounds=1, num_threads=1)
    before = trained(stays, parameters=once).out_of_fold
    held_out = before["fold"] == fold
    spoilt = held_out & (stays["subject_id"] % 2 == 0)
    changed = stays.with_columns(
        heart_rate=pl.when(spoilt).then(None).otherwise("heart_rate"),
        lactate=pl.when(spoilt).then(99.0 * pl.col("died")).otherwise("lactate"),
    )
    after = trained(changed, parameters=once).out_of_fold
    assert before["fold"].equals(after["fold"])
    same_fold = held_out & ~spoilt
    assert same_fold.sum() > 20
    assert before.filter(same_fold)["raw"].equals(after.filter(same_fold)["raw"])
    assert not before.filter(~held_out)["raw"].equals(after.filter(~held_out)["raw"])


def test_folds_with_fewer_deaths_do_not_score_their_stays_higher():
    # Each fold's trees start from the event rate of the other folds: the fewer deaths held out, the higher.
    frame = hospital(70).with_columns(subject_id=pl.int_range(70), died=(pl.int_range(70) % 10 == 0).cast(pl.Int8))
    scored = trained(frame.with_columns(lactate=1.0), feature_names=["lactate"], categorical={}).out_of_fold
    assert scored.filter(died=1).group_by("fold").len()["len"].n_unique() > 1
    assert scored["raw"].to_list() == pytest.approx([np.log(7 / 63)] * 70, abs=1e-9)


def test_a_heart_rate_missing_in_held_out_stays_alone_is_not_read_as_zero_either():
    frame = hospital(600, seed=3).with_columns(died=(pl.col("heart_rate") < 75).cast(pl.Int64))
    alive = frame["died"].index_of(0)
    model = trained(
        frame.with_columns(heart_rate=pl.when(pl.int_range(pl.len()) != alive).then("heart_rate")),
        feature_names=["heart_rate"],
        categorical={},
    )
    assert model.out_of_fold["probability"][alive] < 0.1


patients_and_labels = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=4, max_size=60)


@given(patients_and_labels, st.integers(0, 99), st.randoms())
@settings(max_examples=150)
def test_folds_keep_patients_whole_and_both_classes_in_training(rows, seed, random):
    patients, labels = np.array([r[0] for r in rows]), np.array([int(r[1]) for r in rows])
    with_event, without = len(set(patients[labels == 1])), len(set(patients[labels == 0]))
    if min(with_event, without) < 2:
        with pytest.raises(ValueError, match=f"found {with_event} with and {without} without"):
            patient_folds(patients, labels, seed=seed)
        return
    folds = patient_folds(patients, labels, seed=seed)
    assert folds.max() + 1 == len(set(folds)) == min(5, with_event, without)
    assert len(set(zip(patients, folds, strict=True))) == len(set(patients))
    for fold in set(folds):
        assert set(labels[folds != fold]) == {0, 1}
        assert labels[folds == fold].any()
    order = random.sample(range(len(rows)), len(rows))
    assert patient_folds(patients[order], labels[order], seed=seed).tolist() == folds[order].tolist()


def test_seventy_patients_with_ten_deaths():
    frame = hospital(70, seed=2).with_columns(
        subject_id=pl.int_range(70), died=(pl.int_range(70) % 7 == 0).cast(pl.Int8)
    )
    model = trained(frame)
    assert (model.training.rows, model.training.patients, model.training.events) == (70, 70, 10)
    assert model.training.folds == 5
    assert predict(model, frame).max() < 0.6  # labels were drawn without regard to the features
    assert predict(model, frame).mean() == pytest.approx(1 / 7, abs=0.04)


def test_fewer_deaths_than_folds():
    frame = hospital(70, seed=2).with_columns(subject_id=pl.int_range(70), died=(pl.int_range(70) % 25 == 0))
    assert trained(frame).training.folds == 3


def test_two_patients_of_each_class_are_the_least():
    frame = hospital(4).with_columns(subject_id=pl.int_range(4), died=pl.Series([1, 1, 0, 0]))
    model = trained(frame)
    assert model.training.folds == 2
    assert predict(model, frame).tolist() == pytest.approx([0.5] * 4, abs=0.01)


@pytest.mark.parametrize(
    ("died", "found"), [([0] * 4, "0 with and 4"), ([1] * 4, "4 with and 0"), ([1, 0, 0, 0], "1 with")]
)
def test_one_class_is_refused_with_what_to_do(died, found):
    with pytest.raises(ValueError, match=f"expected at least 2 .*found {found}.*train on more patients"):
        trained(hospital(4).with_columns(subject_id=pl.int_range(4), died=pl.Series(died)))


def test_features_that_never_vary_leave_the_event_rate(stays):
    model = trained(stays.with_columns(lactate=None, heart_rate=70, ventilated=True, care_unit=pl.lit("MICU")))
    assert predict(model, stays.head(3)).tolist() == pytest.approx([stays["died"].mean()] * 3, abs=0.01)


def test_the_contract_says_how_each_column_is_read(model):
    by_name = {feature.name: feature for feature in model.contract.features}
    assert model.contract.names == FEATURES
    assert {name: feature.type for name, feature in by_name.items()} == {
        "heart_rate": Type.INTEGER,
        "lactate": Type.FLOAT,
        "ventilated": Type.BOOLEAN,
        "care_unit": Type.TEXT,
    }
    assert by_name["care_unit"].categories == UNITS
    assert by_name["lactate"].fill is None
    assert "never missing in training" in by_name["heart_rate"].missing_values


def test_units_are_recorded(stays):
    model = trained(stays, units={"heart_rate": "/min"})
    assert [feature.unit for feature in model.contract.features] == ["/min", None, None, None]


def test_a_heart_rate_missing_for_the_first_time_is_read_as_the_median_and_never_as_zero():
    frame = hospital(600, seed=3).with_columns(died=(pl.col("heart_rate") < 75).cast(pl.Int64))
    model = trained(frame)
    one = frame.filter(pl.col("heart_rate") > 90).head(1)

    def with_rate(value):
        return predict(model, one.with_columns(heart_rate=pl.lit(value, dtype=pl.Int64)))[0]

    median = frame["heart_rate"].sort()[(600 - 1) // 2]
    assert with_rate(None) == with_rate(median)
    assert with_rate(0) - with_rate(None) > 0.5


def test_a_value_missing_once_in_training_was_seen_missing(stays):
    frame = stays.with_columns(heart_rate=pl.when(pl.int_range(pl.len()) > 0).then("heart_rate"))
    assert trained(frame).contract.features[0].fill is None


def test_unknown_categories_are_counted_and_read_as_missing(stays):
    frame = stays.with_columns(
        care_unit=pl.when(pl.int_range(pl.len()) < 7).then(pl.lit("TSICU")).otherwise("care_unit")
    )
    model = trained(frame)
    assert model.training.unknown_categories == {"care_unit": 7}
    nulled = trained(frame.with_columns(care_unit=pl.col("care_unit").replace("TSICU", None)))
    assert model.booster_text == nulled.booster_text


def test_labels_may_be_booleans(stays, model):
    assert trained(stays.with_columns(pl.col("died").cast(pl.Boolean))).booster_text == model.booster_text


@pytest.mark.parametrize("leak", [*NEVER_FEATURES, "died"])
def test_identifiers_and_what_is_known_afterwards_are_no_features(stays, leak):
    with pytest.raises(ContractError, match=f"leaking: .*{leak}"):
        trained(stays.with_columns(pl.lit(1).alias(leak)) if leak not in stays.columns else stays, feature_names=[leak])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_names": ["lactate", "lactate"]}, "repeated: .*lactate"),
        ({"feature_names": ["lactat"]}, "absent: .*lactat"),
        ({"feature_names": []}, "0 names"),
        ({"categorical": {}}, "nor declared as category: .*care_unit"),
        ({"categorical": {"care_unit": ("CCU", "CCU")}}, "repeated ones for .*care_unit"),
        ({"categorical": {"care_unit": UNITS, "lactate": ("low",)}}, r"lactate \(expected text, found Float64\)"),
    ],
)
def test_wrong_feature_lists_are_named(stays, options, message):
    with pytest.raises(ContractError, match=message):
        trained(stays, **options)


def test_times_are_no_features(stays):
    frame = stays.with_columns(intime=pl.lit("2150-01-01").str.to_datetime())
    with pytest.raises(ContractError, match=r"neither number .*intime"):
        trained(frame, feature_names=["lactate", "intime"])


@pytest.mark.parametrize(
    ("column", "value", "message"), [("died", None, "found 1 rows"), ("subject_id", None, "1 rows")]
)
def test_stays_without_outcome_or_patient_are_refused(stays, column, value, message):
    with pytest.raises(ValueError, match=message):
        trained(stays.with_columns(pl.when(pl.int_range(pl.len()) > 0).then(column).otherwise(value).alias(column)))


def test_a_label_that_is_no_flag_is_refused(stays):
    with pytest.raises(ValueError, match="expected 0 or 1"):
        trained(stays.with_columns(died=pl.col("died") * 2))


def test_every_setting_has_its_reason():
    assert all(len(reason) > 20 for reason in LightGBMParameters.reasons().values())
    assert set(LightGBMParameters.reasons()) == {*vars(DEFAULT)}


def test_classes_are_not_reweighted():
    given = DEFAULT.lightgbm(seed=1)
    assert not {"is_unbalance", "scale_pos_weight"} & set(given)
    assert given["deterministic"] is True


def test_importing_the_modules_loads_no_heavy_library():
    modules = ("artefact", "calibration", "evaluation", "explanation", "outcomes", "plots", "training")
    code = f"import sys; {'; '.join(f'import clinical_assets.models.{m}' for m in modules)}; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [heavy for heavy in ("'lightgbm'", "'sklearn'", "'matplotlib'", "'scipy'") if heavy in loaded]
