"""What must hold of models, their evaluation and what was published of them."""

from collections.abc import Iterable, Mapping

import dagster as dg
import polars as pl
import sqlalchemy as sa

from clinical_assets.models import artefact, evaluated
from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.models.stored import model_folder, models_in, stored_judgement
from clinical_assets.models.tables import EVALUATION, PREDICTIONS, RISK_MODEL
from clinical_assets.table_checks import ERROR, WARN, check_result
from clinical_assets.table_rules import Finding, Record
from resources.lake import Lake
from resources.warehouse import Warehouse

ROWS_AT_ONCE = 100_000


def intact(models: Mapping[str, Mapping[str, bytes]]) -> Finding:
    """Every stored model's files are as they were written (their hashes agree)."""
    broken: list[str] = []
    for outcome, files in models.items():
        try:
            artefact.from_files(files)
        except artefact.ArtefactError as error:
            broken.append(f"{outcome}: {error}")
    return Finding(
        not broken,
        "; ".join(broken) or f"{len(models)} model(s) intact",
        {"models": len(models), "broken": len(broken)},
    )


def every_outcome(without: Iterable[str]) -> Finding:
    """Every outcome there are rows to predict for has a model; `without` names those that have none."""
    names = sorted(without)
    return Finding(
        not names,
        f"no model, so no predictions: {', '.join(names)}" if names else "every outcome has a model",
        {"without a model": len(names)},
    )


def learned_something(models: Mapping[str, artefact.TrainedModel]) -> Finding:
    """Cross-validated log loss is below that of always predicting the event rate."""
    rows: tuple[Record, ...] = tuple(
        {
            "outcome": outcome,
            "log loss": round(model.training.log_loss, 4),
            "of the event rate": round(model.training.event_rate_log_loss, 4),
        }
        for outcome, model in models.items()
    )
    idle = [r["outcome"] for r in rows if float(r["log loss"]) >= float(r["of the event rate"])]
    return Finding(
        not idle,
        f"no better than the event rate: {idle}" if idle else "better than the event rate in cross-validation",
        {"models": len(rows)},
        rows,
    )


def above_chance(evaluations: Mapping[str, evaluated.Evaluation]) -> Finding:
    """The interval of the test patients' AUROC lies above one half; too few events count as not shown."""
    shown = {
        outcome: judged.auroc.low is not None and judged.auroc.low > 0.5 for outcome, judged in evaluations.items()
    }
    said = "; ".join(f"{outcome}: AUROC {judged.auroc}" for outcome, judged in evaluations.items())
    return Finding(all(shown.values()), said, {"outcomes": len(shown), "not shown": sum(not s for s in shown.values())})


def calibrated(evaluations: Mapping[str, evaluated.Evaluation]) -> Finding:
    """The calibration slope's interval holds 1 and the intercept's holds 0."""
    off = [
        outcome
        for outcome, judged in evaluations.items()
        if not (_holds(judged.calibration_slope, 1) and _holds(judged.calibration_intercept, 0))
    ]
    said = "; ".join(
        f"{outcome}: slope {judged.calibration_slope}, intercept {judged.calibration_intercept}"
        for outcome, judged in evaluations.items()
    )
    return Finding(not off, said, {"outcomes": len(evaluations), "off": len(off)})


def _holds(estimate: evaluated.Estimate, value: float) -> bool:
    """Whether the interval holds the value; without an interval nothing speaks against it."""
    return estimate.low is None or estimate.high is None or estimate.low <= value <= estimate.high


def published_as_stored(stored: pl.DataFrame, published: pl.DataFrame) -> Finding:
    """PostgreSQL holds exactly the predictions the lake holds."""
    key = ["outcome", "stay_id", "predicted_for", "subject_id", "model_version"]
    missing = stored.join(published, on=key, how="anti").height
    extra = published.join(stored, on=key, how="anti").height
    both = stored.join(published, on=key, how="inner", suffix="_published")
    other = both.filter((pl.col("probability") - pl.col("probability_published")).abs() > 1e-12).height
    return Finding(
        not (missing or extra or other),
        f"{stored.height} predictions stored; {missing} not published, {extra} published only, {other} differ",
        {"stored": stored.height, "not published": missing, "published only": extra, "different": other},
    )


@dg.multi_asset_check(
    name="models__risk_model__checks",
    specs=[
        dg.AssetCheckSpec(
            "intact",
            asset=dg.AssetKey(list(RISK_MODEL.key)),
            blocking=True,
            description="The stored files' hashes agree with the recorded ones.",
        ),
        dg.AssetCheckSpec(
            "learned_something",
            asset=dg.AssetKey(list(RISK_MODEL.key)),
            description="Cross-validated log loss beats the event rate.",
        ),
        dg.AssetCheckSpec(
            "every_outcome",
            asset=dg.AssetKey(list(RISK_MODEL.key)),
            description="Every outcome there are rows to predict for has a model.",
        ),
    ],
)
def risk_model_checks(lake: dg.ResourceParam[Lake]) -> Iterable[dg.AssetCheckResult]:
    """The stored models of all outcomes."""
    stored = {
        f"{name} {how}".strip(): files
        for name, outcome in OUTCOMES.items()
        for how, files in models_in(outcome, lake.read_files(model_folder(outcome))).items()
    }
    integrity = intact(stored)
    yield check_result(integrity, RISK_MODEL, "intact", ERROR)
    models = {name: artefact.from_files(content) for name, content in stored.items()} if integrity.passed else {}
    yield check_result(learned_something(models), RISK_MODEL, "learned_something", WARN)
    without = [n for n, o in OUTCOMES.items() if n not in stored and _has_rows(lake, o.feature_set)]
    yield check_result(every_outcome(without), RISK_MODEL, "every_outcome", WARN)


def _has_rows(lake: Lake, path: str) -> bool:
    footers = (lake.stored(path, partition) for partition in lake.partitions(path))
    return any(footer is not None and footer.num_rows for footer in footers)


@dg.multi_asset_check(
    name="models__evaluation__checks",
    specs=[
        dg.AssetCheckSpec(
            "above_chance",
            asset=dg.AssetKey(list(EVALUATION.key)),
            description="On test patients the AUROC's interval lies above one half.",
        ),
        dg.AssetCheckSpec(
            "calibrated",
            asset=dg.AssetKey(list(EVALUATION.key)),
            description="On test patients the calibration slope's interval holds 1, the intercept's 0.",
        ),
    ],
)
def evaluation_checks(lake: dg.ResourceParam[Lake]) -> Iterable[dg.AssetCheckResult]:
    """The stored evaluations of all outcomes."""
    evaluations = stored_evaluations(lake)
    yield check_result(above_chance(evaluations), EVALUATION, "above_chance", WARN)
    yield check_result(calibrated(evaluations), EVALUATION, "calibrated", WARN)


@dg.asset_check(
    asset=dg.AssetKey(list(PREDICTIONS.key)),
    description="PostgreSQL analytics.predictions holds what the lake holds.",
)
def published(lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Lake and warehouse agree."""
    stored = lake.scan(PREDICTIONS.path, lake.partitions(PREDICTIONS.path)).collect()
    columns = ("outcome", "stay_id", "predicted_for", "subject_id", "model_version", "probability")
    types = {name: PREDICTIONS.column(name).type.polars for name in columns}
    with warehouse.transaction() as connection:
        found = connection.execution_options(stream_results=True).execute(
            sa.text(f"SELECT {', '.join(columns)} FROM analytics.predictions")  # noqa: S608
        )
        # Rows of every hour of every stay are many: as tuples only some at a time.
        parts = (pl.DataFrame([tuple(r) for r in part], types, orient="row") for part in found.partitions(ROWS_AT_ONCE))
        finding = published_as_stored(stored, pl.concat([pl.DataFrame(schema=types), *parts]))
    return check_result(finding, PREDICTIONS, "published")


def stored_evaluations(lake: Lake) -> dict[str, evaluated.Evaluation]:
    """The evaluation of each outcome that has one."""
    found = {name: stored_judgement(lake, outcome) for name, outcome in OUTCOMES.items()}
    return {name: judged.rows for name, judged in found.items() if judged is not None}


CHECKS = (risk_model_checks, evaluation_checks, published)
