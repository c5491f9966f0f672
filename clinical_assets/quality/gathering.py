"""What is known about the stored tables, checks and models, gathered for the report and the demo's summary.

From three places: the definitions (what there should be), Dagster's event log (what was checked, when, with what
result) and the lake (what is stored). Counts and names only, never a value of a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.models.stored import evaluation_folder, stored_cross_validation, stored_judgement
from clinical_assets.quality.report import CheckFacts, ModelFacts, TableFacts
from clinical_assets.tables import Table
from resources.lake import Lake


def table_facts(
    tables: Sequence[Table], lake: Lake, instance: dg.DagsterInstance, checks: Sequence[CheckFacts]
) -> list[TableFacts]:
    """Rows, size, missingness and last write of every table, as stored."""
    missing = {check.table: check for check in checks if check.name == "missingness" and check.passed is not None}
    keys = [dg.AssetKey(list(table.key)) for table in tables]
    records = {r.asset_entry.asset_key.to_user_string(): r.asset_entry for r in instance.get_asset_records(keys)}
    return [_table_facts(t, lake, _written(records.get(t.path)), missing.get(t.path)) for t in tables]


def _written(entry: Any) -> datetime | None:  # noqa: ANN401  (an entry of Dagster's storage)
    record = entry.last_materialization_record if entry is not None else None
    return datetime.fromtimestamp(record.timestamp, UTC) if record is not None else None


def _table_facts(table: Table, lake: Lake, written: datetime | None, missing: CheckFacts | None) -> TableFacts:
    partitions: list[str | None] = [*lake.partitions(table.path)] if table.patient_keyed else [None]
    footers = {p: footer for p in partitions if (footer := lake.stored(table.path, p)) is not None}
    by_shard = {str(p): int(footer.num_rows) for p, footer in footers.items() if p is not None}
    rows = sum(int(f.num_rows) for f in footers.values())
    return TableFacts(
        path=table.path,
        group=table.group,
        description=table.meaning,
        rows=rows if footers else None,
        rows_by_shard=by_shard or None,
        size_bytes=sum(_compressed_size(f) for f in footers.values()) if footers else None,
        columns=len(table.columns),
        materialized_at=written,
        missing_share=_missing_shares(table, missing, rows) if missing is not None else {},
    )


def _missing_shares(table: Table, missing: CheckFacts, rows: int) -> dict[str, float]:
    """Share of nulls per column. The check may have seen other rows than are stored now; it is dated in the report."""
    counted = {str(row["column"]): int(row["missing"]) for row in missing.rows}
    return {name: min(counted.get(name, 0) / rows, 1.0) if rows else 0.0 for name in table.column_names}


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
    if not isinstance(result, dg.AssetCheckEvaluation):  # planned in a run that failed before it came to it
        result = None
    findings: Any = result.metadata.get("findings") if result is not None else None
    return CheckFacts(
        table=spec.asset_key.to_user_string(),
        name=spec.name,
        description=spec.description or "",
        passed=result.passed if result is not None else None,
        severity="WARN" if result is not None and result.severity is dg.AssetCheckSeverity.WARN else "ERROR",
        blocking=spec.blocking,
        message=(result.description or "") if result is not None else "",
        rows=tuple(dict(r.data) for r in findings.records) if findings is not None else (),
        # not the record's own time, which is when the check was planned
        evaluated_at=datetime.fromtimestamp(record.event.timestamp, UTC) if result is not None else None,
    )


def model_facts(lake: Lake) -> list[ModelFacts]:
    """The current evaluation of every outcome that has one, with its plots."""
    facts = []
    for outcome in OUTCOMES.values():
        judged = stored_judgement(lake, outcome)
        if judged is None:
            continue
        files = lake.read_files(evaluation_folder(outcome))
        estimates = judged.figures
        crossed = stored_cross_validation(lake, outcome)
        if crossed is not None:
            estimates["cross_validated_auroc"] = crossed.auroc
        facts.append(
            ModelFacts(
                outcome=outcome.name,
                description=outcome.description,
                figures={name: (e.value, e.low, e.high, e.reason) for name, e in estimates.items()},
                stays=judged.rows.stays,
                patients=judged.rows.patients,
                events=judged.rows.events,
                of=judged.rows.of,
                remarks=tuple(judged.remarks),
                pictures={
                    name.removesuffix(".png"): content for name, content in files.items() if name.endswith(".png")
                },
                model_version=judged.model_version,
            )
        )
    return facts
