"""The assets of `models/`: one model and one evaluation per outcome, predictions per shard.

Models live in the lake as `models/risk_model/outcome=<name>/model.{txt,json}`, evaluations beside them.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl

from clinical_assets import partitions
from clinical_assets.declaration import LAKE_IO_MANAGER, Site, asset_arguments, code_version, conform
from clinical_assets.features import mortality_first_day
from clinical_assets.features.feature import Feature
from clinical_assets.models import artefact, evaluation, explanation, plots, prediction, training
from clinical_assets.models.outcomes import OUTCOMES, Outcome
from clinical_assets.models.tables import EVALUATION, PREDICTIONS, RISK_MODEL
from clinical_assets.stays.splits import SPLIT_VERSION
from clinical_assets.tables import Table
from resources.lake import Lake
from resources.warehouse import Warehouse

SEED = 20
FEATURE_SETS: Mapping[str, tuple[Feature, ...]] = {
    mortality_first_day.MORTALITY_FIRST_DAY.path: mortality_first_day.FEATURES
}
"""The features of each feature set a model may be trained on."""
_SPLITS = "stays/patient_splits"


def model_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Training, evaluation and prediction, for every outcome."""
    return [_risk_model(site), _evaluation(site), _predictions(site)]


def _per_outcome(table: Table, site: Site, rule: Callable[..., Any]) -> dict[str, Any]:
    return asset_arguments(table, site, code_version(rule, table)) | {
        "partitions_def": partitions.outcome(OUTCOMES),
        "backfill_policy": dg.BackfillPolicy.multi_run(1),
        # Trees learned from patients are kept where patients' rows are kept.
        "tags": {"phi": "derived"},
    }


def _whole(path: str) -> dg.AssetIn:
    return dg.AssetIn(
        key=dg.AssetKey(path.split("/")),
        input_manager_key=LAKE_IO_MANAGER,
        partition_mapping=dg.AllPartitionMapping(),
    )


def _feature_inputs() -> dict[str, dg.AssetIn]:
    paths = dict.fromkeys(outcome.feature_set for outcome in OUTCOMES.values())
    return {path.rpartition("/")[2]: _whole(path) for path in paths} | {"patient_splits": _whole(_SPLITS)}


def _risk_model(site: Site) -> dg.AssetsDefinition:
    def risk_model(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        patient_splits: pl.LazyFrame,
        **feature_sets: pl.LazyFrame,
    ) -> dg.MaterializeResult[None]:
        outcome = OUTCOMES[context.partition_key]
        features = FEATURE_SETS[outcome.feature_set]
        rows = prediction.eligible(_rows_of(outcome, feature_sets), patient_splits, outcome, split="train")
        model = training.train(
            rows,
            feature_names=[f.name for f in features],
            categorical={f.name: f.categories for f in features if f.categories is not None},
            units={f.name: f.unit for f in features},
            label=outcome.label,
            seed=SEED,
        )
        files = artefact.to_files(
            model,
            {
                "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "outcome": outcome.name,
                "index_time": outcome.index_time,
                "inputs": {path: lake.version(path) for path in (outcome.feature_set, _SPLITS)},
                "split_version": SPLIT_VERSION,
            },
        )
        crossed = cross_validated(model, outcome)
        lake.write_files(
            model_folder(outcome), {**files, CROSS_VALIDATION: json.dumps(crossed.to_dict(), indent=1).encode()}
        )
        importance = explanation.importance(model, rows)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(prediction.model_version(model)),
            metadata={
                "dagster/row_count": model.training.rows,
                "dagster/uri": lake.location(model_folder(outcome)),
                "training_patients": model.training.patients,
                "training_events": model.training.events,
                "boosting_rounds": model.training.rounds,
                "cross_validated_auroc": str(crossed.auroc),
                "cross_validated_log_loss": model.training.log_loss,
                "log_loss_of_the_event_rate": model.training.event_rate_log_loss,
                "calibration": f"{model.calibration.method}, slope {model.calibration.slope:.3f}",
                "split_version": SPLIT_VERSION,
                "seed": SEED,
                "contract_sha256": hashlib.sha256(files["model.json"]).hexdigest(),
                "feature_contract": _table(RISK_MODEL, _contract_rows(model)),
                "most_important": _table_of(importance.head(20)),
            },
        )

    asset: dg.AssetsDefinition = dg.asset(**_per_outcome(RISK_MODEL, site, risk_model), ins=_feature_inputs())(
        risk_model
    )
    return asset


def _evaluation(site: Site) -> dg.AssetsDefinition:
    def evaluation_of_test_patients(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        patient_splits: pl.LazyFrame,
        **feature_sets: pl.LazyFrame,
    ) -> dg.MaterializeResult[None]:
        outcome = OUTCOMES[context.partition_key]
        model = stored_model(lake, outcome)
        rows = prediction.eligible(_rows_of(outcome, feature_sets), patient_splits, outcome, split="test")
        labels, patients = rows[outcome.label].to_numpy(), rows["subject_id"].to_numpy()
        probabilities = artefact.predict(model, rows)
        judged = evaluation.evaluate(labels, probabilities, patients, seed=SEED)
        pictures = {
            "roc": plots.roc(labels, probabilities, judged),
            "precision_recall": plots.precision_recall(labels, probabilities, judged),
            "calibration": plots.calibration(probabilities, judged),
            "score_distribution": plots.score_distribution(labels, probabilities, judged),
            "feature_importance": plots.feature_importance(explanation.importance(model, rows), judged),
        }
        described = {
            "outcome": outcome.name,
            "model_version": prediction.model_version(model),
            "evaluation": judged.to_dict(),
        }
        folder = evaluation_folder(outcome)
        lake.write_files(
            folder,
            {"evaluation.json": json.dumps(described, indent=1).encode()}
            | {f"{name}.png": picture for name, picture in pictures.items()},
        )
        figures = {name: getattr(judged, name) for name in HEADLINE_FIGURES}
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": judged.stays,
                "dagster/uri": lake.location(folder),
                "test_patients": judged.patients,
                "test_events": judged.events,
                "model_version": prediction.model_version(model),
                "summary": dg.MetadataValue.md(
                    "\n\n".join(f"**{name}**: {figure}" for name, figure in figures.items())
                ),
                "figures": _table(EVALUATION, _figure_rows(figures)),
                **{name: figure.value for name, figure in figures.items() if figure.value is not None},
                **{
                    name: dg.MetadataValue.md(plots.markdown_image(picture, name.replace("_", " ")))
                    for name, picture in pictures.items()
                },
            }
        )

    asset: dg.AssetsDefinition = dg.asset(
        **_per_outcome(EVALUATION, site, evaluation_of_test_patients),
        ins=_feature_inputs(),
        deps=[dg.AssetDep(dg.AssetKey(list(RISK_MODEL.key)))],
    )(evaluation_of_test_patients)
    return asset


CROSS_VALIDATION = "cross_validation.json"


def cross_validated(model: artefact.TrainedModel, outcome: Outcome) -> evaluation.Evaluation:
    """The training patients judged out of fold.

    More events than the test patients have, so narrower intervals; slightly optimistic, since the number of rounds and
    the calibration were chosen on the same patients.
    """
    rows = model.out_of_fold
    assert rows is not None  # a model just trained has them
    return evaluation.evaluate(
        rows[outcome.label].to_numpy(), rows["probability"].to_numpy(), rows["subject_id"].to_numpy(), seed=SEED
    )


HEADLINE_FIGURES = ("auroc", "auprc", "brier", "scaled_brier", "calibration_slope", "calibration_intercept")


def _predictions(site: Site) -> dg.AssetsDefinition:
    by_name = {o.feature_set.rpartition("/")[2]: o.feature_set for o in OUTCOMES.values()}

    def predictions(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        warehouse: dg.ResourceParam[Warehouse],
        patient_splits: pl.LazyFrame,
        **feature_sets: pl.LazyFrame,
    ) -> pl.LazyFrame:
        frames = [
            prediction.predictions(
                stored_model(lake, outcome), _rows_of(outcome, feature_sets), patient_splits, outcome
            )
            for outcome in OUTCOMES.values()
        ]
        rows = pl.concat([PREDICTIONS.empty(), *frames])
        published = prediction.publish(warehouse, rows, sorted(context.partition_keys), lake.subject_shards)
        context.add_asset_metadata(
            {
                "published_rows": published,
                "published_to": "analytics.predictions",
                "dagster/column_lineage": dg.TableColumnLineage({"probability": _feature_columns()}),
            }
        )
        return conform(rows.lazy(), PREDICTIONS)

    shard_inputs = {
        name: dg.AssetIn(key=dg.AssetKey(path.split("/")), input_manager_key=LAKE_IO_MANAGER)
        for name, path in (by_name | {"patient_splits": _SPLITS}).items()
    }
    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(PREDICTIONS, site, code_version(predictions, PREDICTIONS)),
        ins=shard_inputs,
        deps=[dg.AssetDep(dg.AssetKey(list(RISK_MODEL.key)), partition_mapping=dg.AllPartitionMapping())],
        io_manager_key=LAKE_IO_MANAGER,
    )(predictions)
    return asset


def model_folder(outcome: Outcome) -> str:
    """Where an outcome's model lies in the lake."""
    return f"{RISK_MODEL.path}/outcome={outcome.name}"


def evaluation_folder(outcome: Outcome) -> str:
    """Where an outcome's evaluation lies in the lake."""
    return f"{EVALUATION.path}/outcome={outcome.name}"


def stored_model(lake: Lake, outcome: Outcome) -> artefact.TrainedModel:
    """The outcome's current model, its hashes verified."""
    files = lake.read_files(model_folder(outcome))
    if not files:
        raise dg.Failure(
            f"expected a model for {outcome.name} in {lake.location(model_folder(outcome))}; found none. "
            f"Materialize {RISK_MODEL.path} for the partition {outcome.name} first.",
            allow_retries=False,
        )
    return artefact.from_files(files)


def _feature_columns() -> list[dg.TableColumnDep]:
    """Every feature a probability is computed from."""
    return [
        dg.TableColumnDep(asset_key=dg.AssetKey(path.split("/")), column_name=feature.name)
        for path in dict.fromkeys(outcome.feature_set for outcome in OUTCOMES.values())
        for feature in FEATURE_SETS[path]
    ]


def _rows_of(outcome: Outcome, feature_sets: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    return feature_sets[outcome.feature_set.rpartition("/")[2]]


def _contract_rows(model: artefact.TrainedModel) -> list[dict[str, Any]]:
    return [
        {
            "feature": f.name,
            "type": f.type.value,
            "unit": f.unit,
            "categories": ", ".join(f.categories) if f.categories else None,
            "missing_values": f.missing_values,
        }
        for f in model.contract.features
    ]


def _figure_rows(figures: Mapping[str, evaluation.Estimate]) -> list[dict[str, Any]]:
    return [
        {"figure": name, "value": f.value, "low": f.low, "high": f.high, "reason": f.reason}
        for name, f in figures.items()
    ]


def _table(table: Table, rows: Iterable[Mapping[str, Any]]) -> dg.TableMetadataValue:
    schema = dg.TableSchema(columns=[dg.TableColumn(c.name, c.type.value, c.meaning) for c in table.columns])
    return dg.MetadataValue.table(records=[dg.TableRecord(dict(row)) for row in rows], schema=schema)


def _table_of(frame: pl.DataFrame) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(records=[dg.TableRecord(row) for row in frame.to_dicts()])
