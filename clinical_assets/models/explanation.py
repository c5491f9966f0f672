"""Why a probability is what it is: exact SHAP values, in calibrated log-odds.

LightGBM computes the values from the trees themselves, without sampling. They are scaled by the calibration's slope,
so that a row's base value and contributions add up to the log-odds of the very probability that was predicted. They
explain the model, not the patient: a contribution is no cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from clinical_assets.models.artefact import Feature, TrainedModel

Floats = npt.NDArray[np.float64]


class Contributions(NamedTuple):
    """Additive explanation of predictions.

    Attributes:
        values: log-odds each feature adds, one row per row of the frame and one column per feature of the contract.
        base: log-odds before any feature; `base + values.sum(axis=1)` is the predicted log-odds.
    """

    values: Floats
    base: float


def contributions(model: TrainedModel, frame: pl.DataFrame) -> Contributions:
    """Explain each row's prediction.

    Raises:
        ContractError: the frame is not what the model's feature contract asks for.
    """
    matrix = model.contract.encode(frame).matrix
    rows = matrix if len(matrix) else np.zeros((1, len(model.contract.features)))  # LightGBM needs a row for the base
    raw = np.asarray(model.booster.predict(rows, pred_contrib=True, num_threads=model.num_threads))
    base = float(model.calibration.log_odds(raw[0, -1]))
    return Contributions(raw[: len(matrix), :-1] * model.calibration.slope, base)


def importance(model: TrainedModel, frame: pl.DataFrame) -> pl.DataFrame:
    """How much each feature moves predictions over the rows of `frame`.

    Returns:
        One row per feature, the weightiest first, ties in the contract's order: feature, unit, mean_absolute
        (mean absolute contribution, log-odds; 0 for an empty frame).
    """
    values = contributions(model, frame).values
    mean = np.abs(values).mean(axis=0) if len(values) else np.zeros(values.shape[1])
    return pl.DataFrame(
        {
            "feature": model.contract.names,
            "unit": pl.Series([f.unit for f in model.contract.features], dtype=pl.String),
            "mean_absolute": mean,
        }
    ).sort("mean_absolute", descending=True, maintain_order=True)


def top_contributions(
    model: TrainedModel, frame: pl.DataFrame, *, most: int = 5, keys: Sequence[str] = ()
) -> pl.DataFrame:
    """The features that move each row's prediction most.

    Args:
        model: that predicted.
        frame: rows to explain.
        most: features per row; fewer where fewer contribute at all.
        keys: columns of `frame` to carry along, e.g. stay_id.

    Returns:
        One row per row of `frame` and rank, in that order: the keys, row (position in `frame`), rank (from 1), feature,
        value (text; null where missing or an unknown category), unit, contribution (log-odds; above 0 raises the
        probability).
    """
    values = contributions(model, frame).values
    features = model.contract.features
    chosen = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :most]
    rows = np.repeat(np.arange(len(values)), chosen.shape[1])
    columns = chosen.ravel()
    shown = [_texts(feature, frame) for feature in features]
    return (
        frame.select(keys)[rows]
        .with_columns(
            pl.Series("row", rows, dtype=pl.Int64),
            pl.Series("rank", np.tile(np.arange(1, chosen.shape[1] + 1), len(values)), dtype=pl.Int64),
            pl.Series("feature", [features[c].name for c in columns], dtype=pl.String),
            pl.Series("value", [shown[c][r] for r, c in zip(rows, columns, strict=True)], dtype=pl.String),
            pl.Series("unit", [features[c].unit for c in columns], dtype=pl.String),
            pl.Series("contribution", values[rows, columns], dtype=pl.Float64),
        )
        .filter(pl.col("contribution") != 0)
    )


def _texts(feature: Feature, frame: pl.DataFrame) -> list[str | None]:
    """A feature's values as a clinician reads them."""
    column = frame[feature.name]
    if feature.categories is not None:
        known = set(feature.categories)
        return [text if text in known else None for text in column.cast(pl.String)]
    if column.dtype == pl.Boolean():
        return [None if flag is None else "yes" if flag else "no" for flag in column]
    return [None if number is None or np.isnan(number) else f"{number:.4g}" for number in column.cast(pl.Float64)]
