"""Which rows a model may see, what it says of them, and how that is published."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from clinical_assets.models import artefact, hours
from clinical_assets.models.outcomes import Outcome
from resources.sharding import shard_names, shard_of
from resources.warehouse import Warehouse


def eligible(
    features: pl.LazyFrame, patient_splits: pl.LazyFrame, outcome: Outcome, split: str | None = None
) -> pl.DataFrame:
    """The rows the outcome may be predicted for, with their patient's split.

    A patient without a split belongs nowhere and is left out.

    Args:
        features: the outcome's feature set.
        patient_splits: as in `stays/patient_splits`.
        outcome: what is predicted.
        split: only these patients' rows, and of them only those whose outcome is known: to learn from or to judge by.

    Raises:
        ValueError: the labels of a split's rows ask different things.
    """
    rows = _eligible(features, patient_splits, outcome, split).sort(outcome.row_key).collect()
    if split is not None:
        _one_question(rows, outcome)
    return rows


def to_learn_from(features: pl.LazyFrame, patient_splits: pl.LazyFrame, outcome: Outcome) -> pl.DataFrame:
    """The training patients' rows; of a stay with a row for every hour only some, with their weight.

    Raises:
        ValueError: as `eligible`.
    """
    rows = _eligible(features, patient_splits, outcome, "train")
    if outcome.hourly:
        rows = hours.thinned(rows, label=outcome.label)
    learnt = rows.collect(engine="streaming").sort(outcome.row_key)
    _one_question(learnt, outcome)
    return learnt


def weight_of(outcome: Outcome) -> str | None:
    """The column of `to_learn_from` that says how many rows each stands for."""
    return hours.WEIGHT if outcome.hourly else None


def label_window(rows: pl.DataFrame, outcome: Outcome) -> dict[str, int]:
    """What the rows' labels ask, by column; empty where the outcome has one meaning only, or there are no rows."""
    return {name: rows[name][0] for name in outcome.label_window} if rows.height else {}


def _eligible(
    features: pl.LazyFrame, patient_splits: pl.LazyFrame, outcome: Outcome, split: str | None
) -> pl.LazyFrame:
    rows = features.filter(pl.col(outcome.eligible)).join(
        patient_splits.select("subject_id", "split"), on="subject_id", how="inner"
    )
    return rows if split is None else rows.filter(pl.col("split") == split, pl.col(outcome.label).is_not_null())


def _one_question(rows: pl.DataFrame, outcome: Outcome) -> None:
    asked = rows.select(outcome.label_window).unique() if outcome.label_window else pl.DataFrame()
    if asked.height > 1:
        found = "; ".join(str(row) for row in sorted(asked.iter_rows()))
        raise ValueError(
            f"{outcome.feature_set}: expected one {' and '.join(outcome.label_window)} in every row; found {found}; "
            "materialize all of its shards with the same horizon and gap"
        )


def model_version(model: artefact.TrainedModel) -> str:
    """A hash of what decides a prediction: trees, feature contract and calibration."""
    parts = (model.booster_text, repr(model.contract), repr(model.calibration))
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def predictions(
    model: artefact.TrainedModel, features: pl.LazyFrame, patient_splits: pl.LazyFrame, outcome: Outcome
) -> pl.DataFrame:
    """One row per eligible row with its calibrated probability; columns as in `tables.PREDICTIONS`."""
    rows = eligible(features, patient_splits, outcome)
    hospital_stay = pl.col("hadm_id") if "hadm_id" in rows.columns else pl.lit(None, pl.Int64)
    hour = pl.col("hr") if outcome.hourly else pl.lit(None, pl.Int64)
    return rows.select(
        "subject_id",
        hospital_stay.alias("hadm_id"),
        "stay_id",
        pl.lit(outcome.stay_type).alias("stay_type"),
        hour.alias("hr"),
        pl.lit(outcome.name).alias("outcome"),
        pl.col(outcome.known).alias("predicted_for"),
        pl.Series("probability", artefact.predict(model, rows), dtype=pl.Float64),
        "split",
        pl.lit(model_version(model)).alias("model_version"),
    )


def publish(warehouse: Warehouse, rows: pl.DataFrame, shards: Sequence[str], shard_count: int) -> int:
    """Replace the shards' rows in `analytics.predictions`, in one transaction; returns the rows published.

    Rows are copied rather than inserted: a prediction for every hour of every stay is a large table.
    """
    table = sa.Table("predictions", sa.MetaData(), schema="analytics", autoload_with=warehouse.engine())
    names = shard_names(shard_count)
    shard = [names[number] for number in shard_of(rows["subject_id"].to_numpy(), shard_count)]
    published = rows.with_columns(subject_shard=pl.Series(shard, dtype=pl.String))
    with warehouse.transaction() as connection:
        connection.execute(sa.delete(table).where(table.c.subject_shard.in_(list(shards))))
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY {table.fullname} ({', '.join(published.columns)}) FROM STDIN") as copy:
            for row in published.iter_rows():
                copy.write_row(row)
    return published.height
