"""Which rows a model learns from, is judged on and predicts; and predictions of every kind of stay in PostgreSQL."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from clinical_assets.models import prediction
from clinical_assets.models.hours import MOST_QUIET_HOURS, WEIGHT
from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.models.parameters import LightGBMParameters
from clinical_assets.models.tables import PREDICTIONS
from clinical_assets.models.training import train
from clinical_assets.stays.splits import patient_splits

SEPSIS, MORTALITY, REVISIT = OUTCOMES["sepsis"], OUTCOMES["mortality"], OUTCOMES["ed_revisit"]
IN = datetime(2150, 3, 1, 12)
QUICK = LightGBMParameters(num_threads=1, most_rounds=20, patience=5)
PATIENTS = 60


def splits():
    people = pl.LazyFrame({"subject_id": list(range(PATIENTS)), "anchor_year_group": "2014 - 2016"})
    return patient_splits(people)


def hourly(hours=30, **facts):
    """A stay for each patient; every third has its onset an hour after the last eligible row."""
    rows = [
        {
            "subject_id": patient, "hadm_id": 100 + patient, "stay_id": 1000 + patient, "hr": hour,
            "index_time": IN + timedelta(hours=hour), "eligible": hour < hours - 2, "horizon_hours": 6, "gap_hours": 0,
            SEPSIS.label: None if hour >= hours - 2 else int(patient % 3 == 0 and hour >= hours - 8),
            "heart_rate": 80.0 + hour * (patient % 3 == 0),
        }
        for patient in range(PATIENTS)
        for hour in range(hours)
    ]  # fmt: skip
    return pl.DataFrame(rows).with_columns(**facts).lazy()


@pytest.fixture(scope="module")
def model():
    rows = prediction.to_learn_from(hourly(), splits(), SEPSIS)
    return train(
        rows, feature_names=["heart_rate"], categorical={}, label=SEPSIS.label, weight=WEIGHT, parameters=QUICK
    )


def test_hours_to_learn_from_are_thinned_and_those_to_judge_by_are_all():
    learnt = prediction.to_learn_from(hourly(), splits(), SEPSIS)
    judged = prediction.eligible(hourly(), splits(), SEPSIS, split="test")
    assert learnt.group_by("stay_id").agg((pl.col(SEPSIS.label) == 0).sum().alias("quiet"))["quiet"].max() <= (
        MOST_QUIET_HOURS
    )
    assert learnt[WEIGHT].sum() == pytest.approx(learnt["stay_id"].n_unique() * 28)
    assert judged.group_by("stay_id").len()["len"].unique().to_list() == [28]
    assert set(learnt["subject_id"]).isdisjoint(judged["subject_id"])


def test_rows_whose_outcome_cannot_be_told_are_predicted_but_neither_learnt_from_nor_judged_by(model):
    """An onset within the gap: the hour before it is no negative, yet somebody lies there."""
    unlabelled = hourly().with_columns(pl.when(pl.col("hr") != 27).then(SEPSIS.label).alias(SEPSIS.label))
    assert 27 not in set(prediction.to_learn_from(unlabelled, splits(), SEPSIS)["hr"])
    assert 27 not in set(prediction.eligible(unlabelled, splits(), SEPSIS, split="test")["hr"])
    assert 27 in set(prediction.predictions(model, unlabelled, splits(), SEPSIS)["hr"])


@pytest.mark.parametrize("column", ["horizon_hours", "gap_hours"])
def test_rows_that_ask_different_things_train_and_judge_nothing(column):
    mixed = hourly().with_columns(pl.when(pl.col("subject_id") % 2 == 0).then(12).otherwise(column).alias(column))
    for use in (
        lambda: prediction.to_learn_from(mixed, splits(), SEPSIS),
        lambda: prediction.eligible(mixed, splits(), SEPSIS, split="test"),
    ):
        with pytest.raises(ValueError, match="expected one horizon_hours and gap_hours"):
            use()
    learnt = prediction.to_learn_from(hourly(gap_hours=pl.lit(2)), splits(), SEPSIS)
    assert prediction.label_window(learnt, SEPSIS) == {"horizon_hours": 6, "gap_hours": 2}


def test_predictions_are_keyed_by_stay_and_hour_and_stop_at_onset(model):
    found = prediction.predictions(model, hourly(), splits(), SEPSIS)
    assert dict(found.schema) == dict(PREDICTIONS.polars_schema)
    assert not found.select(PREDICTIONS.primary_key).is_duplicated().any()
    assert found.height == PATIENTS * 28
    assert set(found["hr"]) == set(range(28))
    assert found.select((pl.col("predicted_for") == IN + pl.duration(hours="hr")).all()).item()


def emergency():
    return pl.LazyFrame(
        {
            "subject_id": list(range(PATIENTS)), "stay_id": [1000 + n for n in range(PATIENTS)],
            "index_time": IN, "disposition_time": IN + timedelta(hours=5), "eligible_at_disposition": True,
            REVISIT.label: [n % 3 == 0 for n in range(PATIENTS)], "heart_rate": [60.0 + n % 3 for n in range(PATIENTS)],
        }
    ).with_columns(pl.col(REVISIT.label).cast(pl.Int64))  # fmt: skip


def test_every_kind_of_stay_is_published_and_a_shard_replaces_its_own(warehouse, model):
    revisit = train(
        prediction.to_learn_from(emergency(), splits(), REVISIT),
        feature_names=["heart_rate"], categorical={}, label=REVISIT.label, parameters=QUICK,
    )  # fmt: skip
    rows = pl.concat(
        [
            prediction.predictions(model, hourly(), splits(), SEPSIS),
            prediction.predictions(revisit, emergency(), splits(), REVISIT),
        ]
    )
    every = ["00", "01", "02", "03"]
    for _ in range(2):
        assert prediction.publish(warehouse, rows, every, 4) == rows.height == PATIENTS * 29
    with warehouse.transaction() as connection:
        stored = connection.execute(
            sa.text(
                "SELECT stay_type, outcome, count(*), count(hr), count(hadm_id), min(predicted_for), "
                "sum(probability) FROM analytics.predictions GROUP BY 1, 2 ORDER BY 1"
            )
        ).all()
    total = dict(rows.group_by("outcome").agg(pl.col("probability").sum()).iter_rows())
    assert [row[:6] for row in stored] == [
        ("ed", "ed_revisit", PATIENTS, 0, 0, IN + timedelta(hours=5)),
        ("icu", "sepsis", PATIENTS * 28, PATIENTS * 28, PATIENTS * 28, IN),
    ]
    for row in stored:
        assert row[6] == pytest.approx(total[row[1]], rel=1e-12)
    assert prediction.publish(warehouse, rows.clear(), ["00"], 4) == 0
    with warehouse.transaction() as connection:
        left = connection.execute(sa.text("SELECT DISTINCT subject_shard FROM analytics.predictions")).scalars().all()
    assert sorted(left) == every[1:]


def test_rows_that_cannot_be_stored_leave_those_that_were(warehouse, model):
    rows = prediction.predictions(model, hourly(), splits(), SEPSIS)
    shards = ["00", "01", "02", "03"]
    prediction.publish(warehouse, rows, shards, 4)
    twice = pl.concat([rows, rows.head(1)])
    with pytest.raises(psycopg.errors.UniqueViolation):
        prediction.publish(warehouse, twice, shards, 4)
    with warehouse.transaction() as connection:
        count = connection.execute(sa.text("SELECT count(*) FROM analytics.predictions")).scalar()
    assert count == rows.height


def revisions():
    """The migrations, the newest first."""
    from alembic.script import ScriptDirectory

    from resources.warehouse import MIGRATIONS

    return ScriptDirectory(str(MIGRATIONS)).walk_revisions()


def test_the_old_schema_comes_back_with_the_rows_it_has_a_place_for(warehouse, model):
    from resources.warehouse import migrate

    steps = [script.revision for script in revisions()].index("0005") + 1
    rows = prediction.predictions(model, hourly(), splits(), SEPSIS)
    whole = rows.filter(pl.col("hr") == 0).with_columns(hr=pl.lit(None, pl.Int64), outcome=pl.lit("mortality"))
    prediction.publish(warehouse, pl.concat([rows, whole]), ["00", "01", "02", "03"], 4)
    engine = warehouse.engine()
    try:
        migrate(engine, f"-{steps}")
        with engine.connect() as connection:
            kept = connection.execute(sa.text("SELECT outcome, count(*) FROM analytics.predictions GROUP BY 1")).all()
        assert [tuple(row) for row in kept] == [("mortality", PATIENTS)]
    finally:
        migrate(engine)


def test_a_weighted_sample_learns_the_event_rate_of_all_rows():
    """Three of four quiet rows are left out and the fourth counts for four: probabilities are those of all rows."""
    random = np.random.default_rng(2)
    risk = random.normal(size=4000)
    everyone = pl.DataFrame(
        {
            "subject_id": np.arange(4000) // 4,
            "risk": risk,
            "event": (random.random(4000) < 1 / (1 + np.exp(3 - risk))).astype(int),
        }
    )
    event, place = pl.col("event") == 1, pl.int_range(pl.len())
    sample = everyone.filter(event | (place % 4 == 0)).with_columns(weight=pl.when(event).then(1.0).otherwise(4.0))
    whole, weighted, plain = (
        train(rows, feature_names=["risk"], categorical={}, label="event", weight=weight, parameters=QUICK)
        for rows, weight in ((everyone, None), (sample, "weight"), (sample, None))
    )
    rate = everyone["event"].mean()

    def mean(model):
        from clinical_assets.models.artefact import predict

        return predict(model, everyone).mean()

    assert mean(whole) == pytest.approx(rate, rel=0.1)
    assert mean(weighted) == pytest.approx(rate, rel=0.1)
    assert mean(plain) > 2 * rate
    assert weighted.training.stands_for == pytest.approx(4000, rel=0.05)
    assert whole.training.stands_for is None


@pytest.mark.parametrize("wrong", [0.0, -1.0, None, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(wrong):
    rows = pl.DataFrame({"subject_id": range(8), "x": range(8), "event": [0, 1] * 4, "weight": [1.0] * 7 + [wrong]})
    with pytest.raises(ValueError, match="column weight: expected a weight above 0 in every row; found 1 rows of 8"):
        train(rows, feature_names=["x"], categorical={}, label="event", weight="weight", parameters=QUICK)
