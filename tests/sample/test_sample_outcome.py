"""Death can be foreseen from the first day, but from no single column, and from nothing that was left in by mistake."""

import numpy as np
import polars as pl
import pytest

from clinical_assets.sample.hospital import write_hospital
from clinical_assets.sample.writing import file_of

PATIENTS = 1_000
MEASURED = ("anchor_age",)
GIVEN_AWAY = ("subject_id", "hadm_id", "stay_id", "anchor_year")


@pytest.fixture(scope="module")
def stays(tmp_path_factory):
    """One row per ICU stay: the last value of every item and test known within the first day, and whether it died."""
    root = tmp_path_factory.mktemp("hospital") / "sources"
    write_hospital(root, patients=PATIENTS, seed=20)

    def table(path):
        return pl.read_csv(root / file_of(path), infer_schema=False)

    def times(frame, *names):
        return frame.with_columns(pl.col(*names).str.to_datetime())

    icu = times(table("mimic/icu/icustays"), "intime")
    rows = [
        times(table(path), "storetime")
        .join(icu.select("subject_id", "stay_id", "intime"), on=on)
        .select("stay_id", "intime", "storetime", "itemid", pl.col("valuenum").cast(pl.Float64))
        for path, on in (("mimic/icu/chartevents", ["subject_id", "stay_id"]), ("mimic/hosp/labevents", "subject_id"))
    ]
    since = pl.col("storetime") - pl.col("intime")
    known = pl.concat(rows).drop_nulls().filter(since.is_between(pl.duration(hours=-6), pl.duration(hours=24)))
    last = known.sort("storetime").group_by("stay_id", "itemid").agg(pl.col("valuenum").last())
    wide = last.pivot(on="itemid", index="stay_id", values="valuenum")
    admissions = table("mimic/hosp/admissions").select("hadm_id", died=pl.col("hospital_expire_flag").cast(pl.Int64))
    patients = table("mimic/hosp/patients").select("subject_id", "anchor_age", "anchor_year")
    joined = icu.join(admissions, on="hadm_id").join(patients, on="subject_id").join(wide, on="stay_id", how="left")
    return joined.with_columns(pl.col(*GIVEN_AWAY, *MEASURED).cast(pl.Int64))


def measured(stays):
    return [name for name in stays.columns if name.isdigit() or name in MEASURED]


def auroc(died, score):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(died, score)


def test_a_tenth_of_icu_stays_end_in_death(stays):
    assert 0.085 < stays["died"].mean() < 0.13


def test_the_hospital_has_the_asked_for_size(stays):
    assert 700 <= stays.height <= 1_000
    assert stays["hadm_id"].is_duplicated().any()
    assert stays["subject_id"].value_counts()["count"].max() >= 4


def test_a_model_foresees_death_and_no_single_column_does(stays):
    from lightgbm import LGBMClassifier

    names = measured(stays)
    x = stays.select(pl.col(names).cast(pl.Float64)).to_numpy()
    y, patient = stays["died"].to_numpy(), stays["subject_id"].to_numpy()
    part = np.random.default_rng(0).integers(0, 4, PATIENTS * 2)[np.unique(patient, return_inverse=True)[1]]
    scores = np.zeros(len(y))
    for fold in range(4):
        model = LGBMClassifier(
            n_estimators=100, learning_rate=0.04, num_leaves=7, min_child_samples=15, colsample_bytree=0.4,
            reg_lambda=5, verbose=-1, n_jobs=1,
        )  # fmt: skip
        model.fit(x[part != fold], y[part != fold])
        scores[part == fold] = model.predict_proba(x[part == fold])[:, 1]
    assert 0.76 < auroc(y, scores) < 0.92
    for place, name in enumerate(names):
        seen = np.isfinite(x[:, place])
        if seen.mean() > 0.3:
            alone = auroc(y[seen], x[seen, place])
            assert max(alone, 1 - alone) < 0.84, name


@pytest.mark.parametrize("name", GIVEN_AWAY)
def test_ids_and_shifted_years_tell_nothing(stays, name):
    assert abs(auroc(stays["died"].to_numpy(), stays[name].to_numpy()) - 0.5) < 0.1
