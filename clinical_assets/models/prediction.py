"""Which stays a model may see, what it says of them, and how that is published."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from clinical_assets.models import artefact
from clinical_assets.models.outcomes import Outcome
from resources.sharding import shard_names, shard_of
from resources.warehouse import Warehouse


def eligible(
    features: pl.LazyFrame, patient_splits: pl.LazyFrame, outcome: Outcome, split: str | None = None
) -> pl.DataFrame:
    """The stays the outcome may be predicted for, with their patient's split; of one split if it is named.

    A patient without a split belongs nowhere and is left out.
    """
    rows = features.filter(pl.col(outcome.eligible)).join(
        patient_splits.select("subject_id", "split"), on="subject_id", how="inner"
    )
    if split is not None:
        rows = rows.filter(pl.col("split") == split)
    return rows.sort("subject_id", "stay_id").collect()


def model_version(model: artefact.TrainedModel) -> str:
    """A hash of what decides a prediction: trees, feature contract and calibration."""
    parts = (model.booster_text, repr(model.contract), repr(model.calibration))
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def predictions(
    model: artefact.TrainedModel, features: pl.LazyFrame, patient_splits: pl.LazyFrame, outcome: Outcome
) -> pl.DataFrame:
    """One row per eligible stay with its calibrated probability."""
    rows = eligible(features, patient_splits, outcome)
    return rows.select(
        "subject_id",
        "hadm_id",
        "stay_id",
        outcome=pl.lit(outcome.name),
        predicted_for="index_time",
        probability=pl.Series(artefact.predict(model, rows), dtype=pl.Float64),
        split="split",
        model_version=pl.lit(model_version(model)),
    )


def publish(warehouse: Warehouse, rows: pl.DataFrame, shards: Sequence[str], shard_count: int) -> int:
    """Replace the shards' rows in `analytics.predictions`, in one transaction; returns the rows published."""
    table = sa.Table("predictions", sa.MetaData(), schema="analytics", autoload_with=warehouse.engine())
    names = shard_names(shard_count)
    shard = [names[number] for number in shard_of(rows["subject_id"].to_numpy(), shard_count)]
    published = rows.with_columns(subject_shard=pl.Series(shard, dtype=pl.String))
    return warehouse.replace(table, table.c.subject_shard.in_(list(shards)), published.to_dicts())
