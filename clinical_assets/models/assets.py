"""The assets of `models/`: the models and one evaluation per outcome, predictions per shard.

Where they lie in the lake is `stored`'s to know.
"""

import hashlib
import json
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl

from clinical_assets import partitions
from clinical_assets.declaration import LAKE_IO_MANAGER, Site, asset_arguments, code_version, conform
from clinical_assets.features.feature import Feature
from clinical_assets.models import artefact, explanation, judgement, plots, prediction, stored, training
from clinical_assets.models.evaluated import Estimate
from clinical_assets.models.outcomes import OUTCOMES, Outcome
from clinical_assets.models.tables import EVALUATION, PREDICTIONS, RISK_MODEL
from clinical_assets.stays.splits import SPLIT_VERSION
from clinical_assets.tables import Table
from resources.lake import Lake
from resources.warehouse import Warehouse

SEED = 20
_SPLITS = "stays/patient_splits"


def outcomes_of(site: Site) -> dict[str, Outcome]:
    """The outcomes there is anybody to predict for at a site, by partition key; all of them at a site without data."""
    return {name: o for name, o in OUTCOMES.items() if not site.lacks(o.needs)} or dict(OUTCOMES)


def model_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Training, evaluation and prediction, for every outcome of the site."""
    outcomes = outcomes_of(site)
    return [make(site, outcomes) for make in (_risk_model, _evaluation, _predictions)]


def _per_outcome(table: Table, site: Site, outcomes: Mapping[str, Outcome], rule: Callable[..., Any]) -> dict[str, Any]:
    return asset_arguments(table, site, code_version(rule, table)) | {
        "partitions_def": partitions.outcome(outcomes),
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


def _feature_sets(outcomes: Mapping[str, Outcome]) -> list[str]:
    return list(dict.fromkeys(outcome.feature_set for outcome in outcomes.values()))


def _feature_inputs(outcomes: Mapping[str, Outcome]) -> dict[str, dg.AssetIn]:
    sets = {path.rpartition("/")[2]: _whole(path) for path in _feature_sets(outcomes)}
    return sets | {"patient_splits": _whole(_SPLITS)}


def _trained(rows: pl.DataFrame, outcome: Outcome, features: Iterable[Feature]) -> artefact.TrainedModel:
    features = tuple(features)
    return training.train(
        rows,
        feature_names=[f.name for f in features],
        categorical={f.name: f.categories for f in features if f.categories is not None},
        units={f.name: f.unit for f in features},
        label=outcome.label,
        seed=SEED,
        parameters=outcome.parameters,
        weight=prediction.weight_of(outcome),
    )


def _risk_model(site: Site, outcomes: Mapping[str, Outcome]) -> dg.AssetsDefinition:
    def risk_model(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        patient_splits: pl.LazyFrame,
        **feature_sets: pl.LazyFrame,
    ) -> dg.MaterializeResult[None]:
        outcome = outcomes[context.partition_key]
        folder = stored.model_folder(outcome)
        rows = prediction.to_learn_from(_rows_of(outcome, feature_sets), patient_splits, outcome)
        try:
            model = _trained(rows, outcome, outcome.features)
            others = {how: _trained(rows, outcome, features) for how, features in outcome.compared.items()}
        except training.TooFewEventsError as error:
            if lake.read_files(folder):
                raise dg.Failure(f"{error}. The model there was stays.", allow_retries=False) from error
            context.log.warning(f"{outcome.name}: no model: {error}")
            return dg.MaterializeResult(metadata={"not_trained": str(error), "training_rows": rows.height})
        provenance = {
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "outcome": outcome.name,
            "index_time": outcome.index_time,
            "inputs": {path: lake.version(path) for path in (outcome.feature_set, _SPLITS)},
            "split_version": SPLIT_VERSION,
            "label_window": prediction.label_window(rows, outcome),
        }
        files = artefact.to_files(model, provenance)
        crossed = judgement.cross_validated(model, outcome, weight=prediction.weight_of(outcome), seed=SEED)
        beside = [stored.beside(how, artefact.to_files(other, provenance)) for how, other in others.items()]
        figures = {stored.CROSS_VALIDATION: json.dumps(crossed.to_dict(), indent=1).encode()}
        lake.write_files(folder, dict(ChainMap(files, figures, *beside)))
        return dg.MaterializeResult(
            data_version=dg.DataVersion(prediction.model_version(model)),
            metadata={
                "dagster/row_count": model.training.rows,
                "dagster/uri": lake.location(folder),
                **_described(model),
                "cross_validated_auroc": str(crossed.auroc),
                **{f"cross_validated_log_loss_{how}": other.training.log_loss for how, other in others.items()},
                **prediction.label_window(rows, outcome),
                "contract_sha256": hashlib.sha256(files[artefact.DESCRIPTION]).hexdigest(),
                "feature_contract": _table(RISK_MODEL, _contract_rows(model)),
                "most_important": _table_of(explanation.importance(model, rows).head(20)),
            },
        )

    asset: dg.AssetsDefinition = dg.asset(
        **_per_outcome(RISK_MODEL, site, outcomes, risk_model), ins=_feature_inputs(outcomes)
    )(risk_model)
    return asset


def _described(model: artefact.TrainedModel) -> dict[str, Any]:
    of = model.training
    return {
        "training_patients": of.patients,
        "training_events": of.events,
        **({} if of.stands_for is None else {"rows_stood_for": of.stands_for}),
        "boosting_rounds": of.rounds,
        "cross_validated_log_loss": of.log_loss,
        "log_loss_of_the_event_rate": of.event_rate_log_loss,
        "calibration": f"{model.calibration.method}, slope {model.calibration.slope:.3f}",
        "split_version": SPLIT_VERSION,
        "seed": SEED,
    }


def _evaluation(site: Site, outcomes: Mapping[str, Outcome]) -> dg.AssetsDefinition:
    def evaluation_of_test_patients(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        patient_splits: pl.LazyFrame,
        **feature_sets: pl.LazyFrame,
    ) -> dg.MaterializeResult[None]:
        outcome = outcomes[context.partition_key]
        models = stored.stored_models(lake, outcome)
        if "" not in models:
            return dg.MaterializeResult(metadata={"not_evaluated": f"{outcome.name} has no model"})
        model = models.pop("")
        rows = prediction.eligible(_rows_of(outcome, feature_sets), patient_splits, outcome, split="test")
        judged = judgement.judge(model, models, rows, outcome, seed=SEED)
        pictures = _pictures(model, rows, outcome, judged)
        folder = stored.evaluation_folder(outcome)
        lake.write_files(
            folder,
            {stored.JUDGEMENT: judged.to_json()} | {f"{name}.png": picture for name, picture in pictures.items()},
        )
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": judged.rows.stays,
                "dagster/uri": lake.location(folder),
                "test_patients": judged.rows.patients,
                "test_events": judged.rows.events,
                "model_version": judged.model_version,
                "summary": dg.MetadataValue.md(
                    "\n\n".join([*(f"**{n}**: {figure}" for n, figure in judged.figures.items()), *judged.remarks])
                ),
                "figures": _table(EVALUATION, _figure_rows(judged.figures)),
                **{name: figure.value for name, figure in judged.figures.items() if figure.value is not None},
                **{
                    name: dg.MetadataValue.md(plots.markdown_image(picture, name.replace("_", " ")))
                    for name, picture in pictures.items()
                },
            }
        )

    asset: dg.AssetsDefinition = dg.asset(
        **_per_outcome(EVALUATION, site, outcomes, evaluation_of_test_patients),
        ins=_feature_inputs(outcomes),
        deps=[dg.AssetDep(dg.AssetKey(list(RISK_MODEL.key)))],
    )(evaluation_of_test_patients)
    return asset


def _pictures(
    model: artefact.TrainedModel, rows: pl.DataFrame, outcome: Outcome, judged: judgement.Judgement
) -> dict[str, bytes]:
    labels, probabilities = rows[outcome.label].to_numpy(), artefact.predict(model, rows)
    return {
        "roc": plots.roc(labels, probabilities, judged.rows),
        "precision_recall": plots.precision_recall(labels, probabilities, judged.rows),
        "calibration": plots.calibration(probabilities, judged.rows),
        "score_distribution": plots.score_distribution(labels, probabilities, judged.rows),
        "feature_importance": plots.feature_importance(explanation.importance(model, rows), judged.rows),
    }


def _predictions(site: Site, outcomes: Mapping[str, Outcome]) -> dg.AssetsDefinition:
    def predictions(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        warehouse: dg.ResourceParam[Warehouse],
        patient_splits: pl.LazyFrame,
        **feature_sets: pl.LazyFrame,
    ) -> pl.LazyFrame:
        models = {name: found[""] for name, o in outcomes.items() if "" in (found := stored.stored_models(lake, o))}
        if not models:
            raise dg.Failure(
                f"expected a model for one of {', '.join(outcomes)} in {lake.location(RISK_MODEL.path)}; found none. "
                f"Materialize {RISK_MODEL.path} first.",
                allow_retries=False,
            )
        frames = [
            prediction.predictions(model, _rows_of(outcomes[name], feature_sets), patient_splits, outcomes[name])
            for name, model in models.items()
        ]
        rows = pl.concat([PREDICTIONS.empty(), *frames])
        published = prediction.publish(warehouse, rows, sorted(context.partition_keys), lake.subject_shards)
        context.add_asset_metadata(
            {
                "published_rows": published,
                "published_to": "analytics.predictions",
                "rows_by_outcome": dict(rows.group_by("outcome").len().sort("outcome").iter_rows()),
                "outcomes_without_a_model": [name for name in outcomes if name not in models],
                "dagster/column_lineage": dg.TableColumnLineage({"probability": _feature_columns(outcomes)}),
            }
        )
        return conform(rows.lazy(), PREDICTIONS)

    shard_inputs = {
        path.rpartition("/")[2]: dg.AssetIn(key=dg.AssetKey(path.split("/")), input_manager_key=LAKE_IO_MANAGER)
        for path in (*_feature_sets(outcomes), _SPLITS)
    }
    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(PREDICTIONS, site, code_version(predictions, PREDICTIONS)),
        ins=shard_inputs,
        deps=[dg.AssetDep(dg.AssetKey(list(RISK_MODEL.key)), partition_mapping=dg.AllPartitionMapping())],
        io_manager_key=LAKE_IO_MANAGER,
    )(predictions)
    return asset


def _feature_columns(outcomes: Mapping[str, Outcome]) -> list[dg.TableColumnDep]:
    """Every feature a probability is computed from."""
    read = dict.fromkeys((o.feature_set, feature.name) for o in outcomes.values() for feature in o.features)
    return [dg.TableColumnDep(asset_key=dg.AssetKey(path.split("/")), column_name=name) for path, name in read]


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


def _figure_rows(figures: Mapping[str, Estimate]) -> list[dict[str, Any]]:
    return [
        {"figure": name, "value": f.value, "low": f.low, "high": f.high, "reason": f.reason}
        for name, f in figures.items()
    ]


def _table(table: Table, rows: Iterable[Mapping[str, Any]]) -> dg.TableMetadataValue:
    schema = dg.TableSchema(columns=[dg.TableColumn(c.name, c.type.value, c.meaning) for c in table.columns])
    return dg.MetadataValue.table(records=[dg.TableRecord(dict(row)) for row in rows], schema=schema)


def _table_of(frame: pl.DataFrame) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(records=[dg.TableRecord(row) for row in frame.to_dicts()])
