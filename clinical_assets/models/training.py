"""Training one outcome's model: gradient boosted trees over one row per stay, then calibration.

The frame given here holds the *training* patients only. Everything that is learned (how long to boost, what a missing
value means, the calibration) is learned from them, and inside cross-validation from the fold's own training patients:
nobody is ever scored by trees, fills or bins that saw them. The same `FeatureContract` turns frames into numbers for
training and for prediction, so the two can't drift apart.

What does not belong here: which stays and which features (`features/`), what a model is (`artefact`), metrics
(`evaluation`).
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from clinical_assets.models.artefact import ContractError, Feature, FeatureContract, TrainedModel, TrainingSummary
from clinical_assets.models.calibration import fit_calibration
from clinical_assets.models.parameters import DEFAULT, LightGBMParameters
from clinical_assets.tables import Type

if TYPE_CHECKING:
    import lightgbm

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_FOLDS = 5
ROWS_PER_THREAD = 50_000
LIBRARIES = ("lightgbm", "numpy", "polars")

NEVER_FEATURES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("subject_id", "hadm_id", "stay_id", "study_id", "dicom_id", "transfer_id", "specimen_id", "subject_shard"),
            "an identifier: random numbers a tree can learn patients by",
        ),
        **dict.fromkeys(("anchor_year", "anchor_year_group"), "a calendar year shifted per patient"),
        **dict.fromkeys(
            ("dod", "deathtime", "hospital_expire_flag", "dischtime", "discharge_location", "disposition"),
            "the outcome, or known only after it",
        ),
        **dict.fromkeys(
            ("sepsis_onset_within_horizon", "onset_known_time", "suspected_infection_time", "sofa_time"),
            "the outcome, or what it is made of",
        ),
        **dict.fromkeys(
            ("outcome_hospitalization", "outcome_critical", "outcome_ed_revisit_3d"),
            "an outcome: known only after the moment of prediction",
        ),
        **dict.fromkeys(("outtime", "los", "last_careunit"), "known only at the end of the stay"),
        **dict.fromkeys(("icd_code", "drg_code", "hcpcs_cd"), "coded at discharge"),
    }
)
"""Columns no feature list may hold, with the reason; the last line of defence behind the feature sets' own tests."""


class TooFewEventsError(ValueError):
    """There are not enough patients with or without the outcome to learn from."""


def train(
    features: pl.DataFrame,
    *,
    feature_names: Sequence[str],
    categorical: Mapping[str, tuple[str, ...]],
    label: str,
    patient: str = "subject_id",
    seed: int = 20,
    parameters: LightGBMParameters = DEFAULT,
    units: Mapping[str, str | None] = MappingProxyType({}),
    weight: str | None = None,
) -> TrainedModel:
    """Train a calibrated model on the training patients.

    The order of rows does not matter, and the same rows give the same model, byte for byte.

    Args:
        features: one row per stay (or hour of one) of the training patients.
        feature_names: columns to learn from.
        categorical: the closed set of values of each text column among them; other values are read as missing.
        label: column with 1 or true where the outcome happened.
        patient: column naming the patient; all stays of one fall into the same fold.
        seed: of folds and trees.
        parameters: of the trees.
        units: of the features, recorded in the contract.
        weight: column that says how many rows a row stands for, where rows are a sample; each counts as one without.

    Raises:
        ContractError: a feature is absent, of a type no tree can read, or one that would leak.
        TooFewEventsError: fewer than two patients are in a class.
        ValueError: labels, patients or weights are missing.
    """
    labels, patients, weights = _labels(features, label), _patients(features, patient), _weights(features, weight)
    bare = _contract(features, feature_names, categorical, label, patient, units)
    encoded = bare.encode(features)
    parameters = replace(parameters, num_threads=threads(len(labels), parameters.num_threads))
    folds = patient_folds(patients, labels, seed=seed)

    # Trees add numbers in row order: a canonical order makes the model independent of how files were read.
    order = np.lexsort((weights, *encoded.matrix.T, labels, patients))
    rows = _Rows(encoded.matrix[order], labels[order], folds[order], weights[order])
    chosen = _cross_validate(rows, bare, parameters, seed)
    raw = np.empty(len(order))
    raw[order] = chosen.raw
    calibration = fit_calibration(chosen.raw, rows.labels, rows.weights)

    fills = _fills(rows.matrix, bare)
    booster = _booster(rows, fills, bare, parameters, seed)
    for _ in range(chosen.rounds):
        booster.update()
    summary = TrainingSummary(
        label=label,
        patient=patient,
        rows=len(labels),
        stands_for=None if weight is None else float(features[weight].sum()),
        patients=int(patients.max()) + 1,
        events=int(labels.sum()),
        seed=seed,
        parameters=asdict(parameters),
        folds=int(folds.max()) + 1,
        rounds=chosen.rounds,
        log_loss=chosen.log_loss,
        event_rate_log_loss=chosen.event_rate_log_loss,
        unknown_categories=dict(encoded.unknown_categories),
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
    )
    return TrainedModel(
        booster_text=booster.model_to_string(),
        contract=_filling(bare, fills),
        calibration=calibration,
        training=summary,
        out_of_fold=features.select(patient, label, *([] if weight is None else [weight])).with_columns(
            pl.Series("fold", folds), pl.Series("raw", raw), pl.Series("probability", calibration.apply(raw))
        ),
    )


def threads(rows: int, most: int) -> int:
    """How many threads are worth their waiting for one another.

    On a busy machine, few rows take ten times as long in two threads as in one. The trees are the same either way.
    """
    return max(1, min(most, rows // ROWS_PER_THREAD))


def patient_folds(patients: npt.ArrayLike, labels: npt.ArrayLike, *, seed: int, most: int = MOST_FOLDS) -> Integers:
    """The fold of each row: patients whole, classes spread evenly, the same whatever the order of rows.

    Patients are dealt like cards: first those with events only, then those with both kinds of stay, then those with
    none, so that every fold's training part holds both classes.

    Args:
        patients: who each row belongs to.
        labels: 0 or 1 for each row.
        seed: of the shuffle within each kind and number of stays.
        most: folds, where each class has that many patients; else as many as the smaller class has patients.

    Raises:
        TooFewEventsError: a class has fewer than two patients.
    """
    names, codes = np.unique(np.asarray(patients), return_inverse=True)
    happened = np.asarray(labels, dtype=np.int64)
    stays = np.bincount(codes, minlength=len(names))
    events = np.bincount(codes, weights=happened, minlength=len(names)).astype(np.int64)
    with_event, without = int((events > 0).sum()), int((events < stays).sum())
    count = min(most, with_event, without)
    if count < 2:
        raise TooFewEventsError(
            f"expected at least 2 patients with the outcome and 2 without, to train and to cross-validate; "
            f"found {with_event} with and {without} without, in {len(happened)} rows; "
            "train on more patients, or check that the label column is the right one"
        )
    kind = np.select([events == stays, events > 0], [0, 1], default=2)
    chance = np.random.default_rng(seed).permutation(len(names))
    fold_of_patient = np.empty(len(names), dtype=np.int64)
    fold_of_patient[np.lexsort((chance, -stays, kind))] = np.arange(len(names)) % count
    return np.asarray(fold_of_patient[codes], dtype=np.int64)


def _labels(features: pl.DataFrame, label: str) -> Integers:
    if label not in features.columns:
        raise ValueError(f"expected a label column {label!r}; found none; name the outcome's label column")
    wrong = features.height - int(features[label].cast(pl.Int64).is_in([0, 1]).sum())
    if wrong:
        raise ValueError(
            f"column {label}: expected 0 or 1 (or a boolean) in every row; found {wrong} rows of {features.height} "
            "with something else or nothing; leave out stays whose outcome is not known"
        )
    return np.asarray(features[label].cast(pl.Int64).to_numpy(), dtype=np.int64)


def _patients(features: pl.DataFrame, patient: str) -> Integers:
    """Patients as consecutive codes in the order of their ids."""
    missing = features[patient].null_count() if patient in features.columns else features.height
    if patient not in features.columns or missing:
        raise ValueError(
            f"expected a patient in column {patient!r} of every row; found {missing} rows without; "
            "splits and folds are by patient, so every stay needs one"
        )
    codes = np.unique(features[patient].to_numpy(), return_inverse=True)[1]
    return np.asarray(codes, dtype=np.int64)


def _weights(features: pl.DataFrame, weight: str | None) -> Floats:
    """How much each row counts, 1 on average: evidence is the rows there are, not those they stand for."""
    if weight is None:
        return np.ones(features.height)
    given = features[weight].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    wrong = int((~(np.isfinite(given) & (given > 0))).sum())
    if wrong:
        raise ValueError(
            f"column {weight}: expected a weight above 0 in every row; found {wrong} rows of {features.height} "
            "without; give each row the number of rows it stands for"
        )
    return np.asarray(given / given.mean(), dtype=np.float64)


def _contract(
    features: pl.DataFrame,
    names: Sequence[str],
    categorical: Mapping[str, tuple[str, ...]],
    label: str,
    patient: str,
    units: Mapping[str, str | None],
) -> FeatureContract:
    """The contract before anything is learned about missing values."""
    never = {name: NEVER_FEATURES[name] for name in names if name in NEVER_FEATURES}
    never |= {name: "the label or the patient" for name in (label, patient) if name in names}
    unreadable = [n for n in names if not re.fullmatch(r"\w+", n, re.ASCII)]
    repeated = sorted({n for n in names if list(names).count(n) > 1})
    undeclared = [
        n for n in names if n not in categorical and n in features.columns and not _is_number(features.schema[n])
    ]
    if never or unreadable or repeated or undeclared or not names:
        raise ContractError(
            f"expected a list of distinct features, each a number, a flag or a declared category; found "
            f"{len(names)} names, of which leaking: {never or 'none'}; repeated: {repeated or 'none'}; "
            f"not made of letters, digits and _: {unreadable or 'none'}; "
            f"neither number nor flag nor declared as category: {undeclared or 'none'}; correct the feature list"
        )
    repetitive = sorted(n for n, c in categorical.items() if len(set(c)) != len(c) or not c)
    if repetitive:
        raise ContractError(
            f"expected distinct categories; found none or repeated ones for {repetitive}; list each once"
        )
    return FeatureContract(
        tuple(
            Feature(name=n, type=_type(features, n, categorical), unit=units.get(n), categories=categorical.get(n))
            for n in names
        )
    )


def _is_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype == pl.Boolean() or dtype == pl.Null()


def _type(features: pl.DataFrame, name: str, categorical: Mapping[str, tuple[str, ...]]) -> Type:
    dtype = features.schema.get(name, pl.Null())
    if name in categorical:
        return Type.TEXT
    if dtype == pl.Boolean():
        return Type.BOOLEAN
    return Type.INTEGER if dtype.is_integer() else Type.FLOAT


class _Rows(NamedTuple):
    matrix: Floats
    labels: Integers
    folds: Integers
    weights: Floats

    def where(self, chosen: npt.NDArray[np.bool_]) -> _Rows:
        return _Rows(self.matrix[chosen], self.labels[chosen], self.folds[chosen], self.weights[chosen])


class _Chosen(NamedTuple):
    rounds: int
    raw: Floats
    log_loss: float
    event_rate_log_loss: float


def _fills(matrix: Floats, contract: FeatureContract) -> Floats:
    """What a missing value is read as, per column; NaN where the trees decide.

    LightGBM reads a missing value as 0 in a column it never saw missing: a heart rate of 0. Such columns get their
    median instead. A missing category needs none: it is in no split's set of categories either way.
    """
    never_missing = np.array([f.categories is None for f in contract.features]) & ~np.isnan(matrix).any(axis=0)
    fills = np.full(matrix.shape[1], np.nan)
    # The lower median is a value some patient had, for flags too.
    fills[never_missing] = np.quantile(matrix[:, never_missing], 0.5, axis=0, method="lower")
    return fills


def _filling(contract: FeatureContract, fills: Floats) -> FeatureContract:
    each = zip(contract.features, fills.tolist(), strict=True)
    return FeatureContract(tuple(replace(f, fill=None if np.isnan(fill) else fill) for f, fill in each))


def _dataset(rows: _Rows, fills: Floats, contract: FeatureContract, params: dict[str, object]) -> lightgbm.Dataset:
    import lightgbm

    return lightgbm.Dataset(
        np.where(np.isnan(rows.matrix), fills, rows.matrix),
        rows.labels,
        weight=_uneven(rows.weights),
        feature_name=contract.names,
        categorical_feature=contract.categorical,
        params=params,
    )


def _uneven(weights: Floats) -> Floats | None:
    """The weights, or none where all are 1: LightGBM is faster and as exact without."""
    return None if (weights == 1).all() else weights


def _booster(
    rows: _Rows, fills: Floats, contract: FeatureContract, parameters: LightGBMParameters, seed: int
) -> lightgbm.Booster:
    import lightgbm

    params = parameters.lightgbm(seed)
    return lightgbm.Booster(params, _dataset(rows, fills, contract, params))


def _cross_validate(rows: _Rows, contract: FeatureContract, parameters: LightGBMParameters, seed: int) -> _Chosen:
    """Boost all folds side by side until their pooled log loss stops falling; score everyone at the best round."""
    held_out = [rows.folds == fold for fold in range(int(rows.folds.max()) + 1)]
    learnt_from, judged = [rows.where(~out) for out in held_out], [rows.where(out) for out in held_out]
    fills = [_fills(learnt.matrix, contract) for learnt in learnt_from]
    scored = [np.where(np.isnan(out.matrix), fill, out.matrix) for out, fill in zip(judged, fills, strict=True)]
    boosters = [
        _booster(learnt, fill, contract, parameters, seed) for learnt, fill in zip(learnt_from, fills, strict=True)
    ]
    for booster, out, matrix in zip(boosters, judged, scored, strict=True):
        held = booster.train_set.create_valid(matrix, out.labels, weight=_uneven(out.weights), params=booster.params)
        booster.add_valid(held, "held out")

    sizes = [out.weights.sum() for out in judged]
    losses: list[float] = []
    while len(losses) < parameters.most_rounds and len(losses) - int(np.argmin(losses or [0])) <= parameters.patience:
        for booster in boosters:
            booster.update()
        losses.append(float(np.average([booster.eval_valid()[0][2] for booster in boosters], weights=sizes)))
    rounds = int(np.argmin(losses)) + 1

    raw = np.empty(len(rows.labels))
    overall = _log_odds(rows)
    null_loss = 0.0
    for booster, mask, learnt, out, matrix in zip(boosters, held_out, learnt_from, judged, scored, strict=True):
        # Trees start from their fold's event rate, which is low where the held-out rate is high: taking the overall
        # rate instead keeps that see-saw out of the calibration.
        start = _log_odds(learnt)
        raw[mask] = np.asarray(booster.predict(matrix, num_iteration=rounds, raw_score=True)) - start + overall
        null_loss += float((out.weights * np.logaddexp(0, np.where(out.labels == 1, -start, start))).sum())
    return _Chosen(rounds, raw, losses[rounds - 1], null_loss / float(rows.weights.sum()))


def _log_odds(rows: _Rows) -> float:
    rate = np.average(rows.labels, weights=rows.weights)
    return float(np.log(rate / (1 - rate)))
