"""A model judged once on patients it has never seen: row by row, stay by stay, and against models with other features.

What does not belong here: how a figure is worked out (`evaluation`, `stay_alarms`, `comparison`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from clinical_assets.models import artefact
from clinical_assets.models.comparison import COMPARED, Compared, compare, in_words
from clinical_assets.models.evaluated import METRICS, Estimate, Evaluation
from clinical_assets.models.evaluation import evaluate
from clinical_assets.models.outcomes import Outcome
from clinical_assets.models.prediction import model_version
from clinical_assets.models.stay_alarms import StayEvaluation, evaluate_stays

HEADLINE_FIGURES = ("auroc", "auprc", "brier", "scaled_brier", "calibration_slope", "calibration_intercept")
_OF_STAYS = {
    "auroc_per_stay": "chance that a stay with the event has a higher highest probability than one without",
    "auprc_per_stay": "average precision over stays by their highest probability",
}


def meaning_of(figure: str) -> str:
    """What a figure of a judgement means; empty for one that is not known."""
    if figure in METRICS or figure in _OF_STAYS:
        return METRICS.get(figure) or _OF_STAYS[figure]
    if "_difference_" in figure:
        return "that of the model with other features less that of the model used, on the same rows"
    compared = any(figure.startswith(f"{name}_") for name in COMPARED)
    return "of a model with other features on the same rows, for comparison only" if compared else ""


MOST_RESAMPLES, LEAST_RESAMPLES, CELLS = 1000, 200, 3_000_000
"""Resamples times rows take the time: from 3,000 rows on there are fewer, of which 95 % intervals can still be made."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Everything said of one model.

    Attributes:
        outcome: its name.
        model_version: of the model judged.
        rows: the figures of the test patients' rows.
        stays: the same probabilities stay by stay, where a stay has many rows.
        compared: figures of this model and of another, by how the other differs.
    """

    outcome: str
    model_version: str
    rows: Evaluation
    stays: StayEvaluation | None = None
    compared: Mapping[str, Mapping[str, Compared]] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, Estimate]:
        """Every figure with an interval, by name: those of rows, of stays, and of models with more features."""
        found = {name: getattr(self.rows, name) for name in HEADLINE_FIGURES}
        if self.stays is not None:
            found["auroc_per_stay"] = self.stays.discrimination.auroc
            found["auprc_per_stay"] = self.stays.discrimination.auprc
        for how, figures in self.compared.items():
            for name, both in figures.items():
                found[f"{name}_{how}"] = both.theirs
                found[f"{name}_difference_{how}"] = both.difference
        return found

    @property
    def remarks(self) -> list[str]:
        """What the figures of stays and of other feature sets come to, in sentences."""
        alarms = [] if self.stays is None else [a.in_words(self.stays.discrimination) for a in self.stays.alarms]
        return [*alarms, *(in_words(how.replace("_", " "), figures) for how, figures in self.compared.items())]

    def to_json(self) -> bytes:
        """As it is stored."""
        described = {
            "outcome": self.outcome,
            "model_version": self.model_version,
            "evaluation": self.rows.to_dict(),
            "stays": None if self.stays is None else self.stays.to_dict(),
            "compared": {how: {name: c.to_dict() for name, c in of.items()} for how, of in self.compared.items()},
            "remarks": self.remarks,
        }
        return json.dumps(described, indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Judgement:
        """What `to_json` wrote."""
        described = json.loads(text)
        stays = described.get("stays")
        return cls(
            outcome=described["outcome"],
            model_version=described["model_version"],
            rows=Evaluation.from_dict(described["evaluation"]),
            stays=None if stays is None else StayEvaluation.from_dict(stays),
            compared={
                how: {name: Compared.from_dict(both[name]) for name in COMPARED}
                for how, both in described.get("compared", {}).items()
            },
        )


def judge(
    model: artefact.TrainedModel,
    others: Mapping[str, artefact.TrainedModel],
    rows: pl.DataFrame,
    outcome: Outcome,
    *,
    seed: int,
) -> Judgement:
    """Judge a model on rows of patients it has never seen.

    Args:
        model: the outcome's.
        others: models with other features, by how they differ.
        rows: as from `prediction.eligible`, of test patients.
        outcome: what is predicted.
        seed: of the bootstraps.
    """
    probability = artefact.predict(model, rows)
    labels, patients = rows[outcome.label].to_numpy(), rows["subject_id"].to_numpy()
    resamples = resamples_for(rows.height)
    by_hour = rows.select(*outcome.row_key, outcome.label, probability=pl.Series(probability, dtype=pl.Float64))
    return Judgement(
        outcome=outcome.name,
        model_version=model_version(model),
        rows=evaluate(labels, probability, patients, seed=seed, resamples=resamples, of=outcome.of),
        stays=evaluate_stays(by_hour, label=outcome.label, seed=seed) if outcome.hourly else None,
        compared={
            how: compare(labels, probability, artefact.predict(other, rows), patients, seed=seed, resamples=resamples)
            for how, other in others.items()
        },
    )


def resamples_for(rows: int) -> int:
    """How often to resample that many rows."""
    return max(LEAST_RESAMPLES, min(MOST_RESAMPLES, CELLS // max(rows, 1)))


def cross_validated(model: artefact.TrainedModel, outcome: Outcome, *, weight: str | None, seed: int) -> Evaluation:
    """The training patients judged out of fold.

    More events than the test patients have, so narrower intervals; slightly optimistic, since the number of rounds and
    the calibration were chosen on the same patients.
    """
    rows = model.out_of_fold
    assert rows is not None  # a model just trained has them
    return evaluate(
        rows[outcome.label].to_numpy(),
        rows["probability"].to_numpy(),
        rows["subject_id"].to_numpy(),
        seed=seed,
        weights=None if weight is None else rows[weight].to_numpy(),
        resamples=resamples_for(rows.height),
        of=outcome.of,
    )
