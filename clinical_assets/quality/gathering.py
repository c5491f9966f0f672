"""What is known about the stored tables, checks and models, gathered for the report and the demo's summary.

From three places: the definitions (what there should be), Dagster's event log (what was checked, when, with what
result) and the lake (what is stored). Counts and names only, never a value of a patient.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from clinical_assets.models.assets import HEADLINE_FIGURES, evaluation_folder
from clinical_assets.models.evaluation import Evaluation
from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.quality.report import CheckFacts, ModelFacts, TableFacts
from clinical_assets.tables import Table
from resources.lake import Lake


def table_facts(tables: Sequence[Table], lake: Lake, checks: Sequence[CheckFacts]) -> list[TableFacts]:
    """Rows, size and missingness of every table, as stored."""
    missing = {
        check.table: {str(r["column"]): float(r["missing %"]) / 100 for r in check.rows}
        for check in checks
        if check.name == "missingness"
    }
    return [_table_facts(table, lake, missing.get(table.path, {})) for table in tables]


def _table_facts(table: Table, lake: Lake, missing: Mapping[str, float]) -> TableFacts:
    partitions: list[str | None] = [*lake.partitions(table.path)] if table.patient_keyed else [None]
    footers = {p: footer for p in partitions if (footer := lake.stored(table.path, p)) is not None}
    by_shard = {str(p): int(footer.num_rows) for p, footer in footers.items() if p is not None}
    return TableFacts(
        path=table.path,
        group=table.group,
        description=table.meaning,
        rows=sum(int(f.num_rows) for f in footers.values()) if footers else None,
        rows_by_shard=by_shard or None,
        size_bytes=sum(_compressed_size(f) for f in footers.values()) if footers else None,
        columns=len(table.columns),
        materialized_at=None,
        missing_share=missing,
    )


def _compressed_size(footer: Any) -> int:  # noqa: ANN401  (pyarrow has no types)
    return sum(
        footer.row_group(group).column(column).total_compressed_size
        for group in range(footer.num_row_groups)
        for column in range(footer.num_columns)
    )


def check_facts(specs: Sequence[dg.AssetCheckSpec], instance: dg.DagsterInstance) -> list[CheckFacts]:
    """The latest result of every check there should be; `passed` is None for one that never ran."""
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([spec.key for spec in specs])
    return [_check_fact(spec, latest.get(spec.key)) for spec in specs]


def _check_fact(spec: dg.AssetCheckSpec, record: Any) -> CheckFacts:  # noqa: ANN401  (a record of Dagster's storage)
    result = record.evaluation if record is not None else None
    findings = result.metadata.get("findings") if result is not None else None
    return CheckFacts(
        table=spec.asset_key.to_user_string(),
        name=spec.name,
        description=spec.description or "",
        passed=result.passed if result is not None else None,
        severity="WARN" if result is not None and result.severity is dg.AssetCheckSeverity.WARN else "ERROR",
        blocking=spec.blocking,
        message=(result.description or "") if result is not None else "",
        rows=tuple(dict(r.data) for r in findings.records) if findings is not None else (),
        evaluated_at=datetime.fromtimestamp(record.create_timestamp, UTC) if result is not None else None,
    )


def model_facts(lake: Lake) -> list[ModelFacts]:
    """The current evaluation of every outcome that has one, with its plots."""
    facts = []
    for outcome in OUTCOMES.values():
        files = lake.read_files(evaluation_folder(outcome))
        if "evaluation.json" not in files:
            continue
        stored = json.loads(files["evaluation.json"])
        judged = Evaluation.from_dict(stored["evaluation"])
        estimates = {name: getattr(judged, name) for name in HEADLINE_FIGURES}
        facts.append(
            ModelFacts(
                outcome=outcome.name,
                description=outcome.description,
                figures={name: (e.value, e.low, e.high, e.reason) for name, e in estimates.items()},
                stays=judged.stays,
                patients=judged.patients,
                events=judged.events,
                pictures={
                    name.removesuffix(".png"): content for name, content in files.items() if name.endswith(".png")
                },
                model_version=stored["model_version"],
            )
        )
    return facts
