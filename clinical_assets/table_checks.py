"""The asset checks every table has, generated from its declaration; the rules themselves are in `table_rules`.

Checks judge the whole stored table, not only the run's shards, so that a green mark never hides another shard's fault,
in a one-shard run, a range run or on their own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from clinical_assets import table_rules
from clinical_assets.declaration import Site
from clinical_assets.table_rules import Finding
from clinical_assets.tables import Axis, SourceTable, Table
from resources.lake import Lake
from resources.patient_batches import AXIS

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
BLOCKING = {"schema", "key"}
"""Checks that stop everything downstream when they fail."""
ERRORS = {*BLOCKING, "published_rows"}
"""Checks whose failure is an error; the others warn."""


def table_checks(table: Table, site: Site) -> dg.AssetChecksDefinition:
    """One op that runs every check of a table."""
    referenced = {c.name: reference_path(c.references) for c in table.columns if c.references}
    published = _published_rows(table, site)
    tolerated = {"key"} if isinstance(table, SourceTable) and table.repeats_left_out else set()
    blocking, errors = BLOCKING - tolerated, ERRORS - tolerated
    names = ["schema", "missingness"]
    names += ["key"] if table.primary_key else []
    names += ["published_rows"] if published is not None else []
    names += ["references"] if referenced else []
    names += ["plausible"] if table_rules.implausible(table) else []
    specs = [
        dg.AssetCheckSpec(
            name,
            asset=dg.AssetKey(list(table.key)),
            description=DESCRIPTIONS[name],
            blocking=name in blocking,
            additional_deps=_reference_deps(table, referenced, site) if name == "references" else None,
        )
        for name in names
    ]

    @dg.multi_asset_check(specs=specs, name=f"{'__'.join(table.key)}__checks")
    def check(lake: dg.ResourceParam[Lake]) -> Iterable[dg.AssetCheckResult]:
        for name, finding in findings(lake, table, referenced, published, names):
            yield check_result(finding, table, name, ERROR if name in errors else WARN)

    return check


DESCRIPTIONS = {
    "schema": "Every declared column is there, of its type, and has no null where none is allowed.",
    "key": "The primary key occurs once.",
    "published_rows": "As many rows as the release's publisher counted.",
    "references": "Every value that must occur in another table does.",
    "plausible": "Numbers lie within plausible bounds, texts among those allowed.",
    "missingness": "No column is entirely empty; the share of nulls of each.",
}


def findings(
    lake: Lake, table: Table, referenced: Mapping[str, str], published: int | None, names: Iterable[str]
) -> Iterator[tuple[str, Finding]]:
    """Judge a stored table by each named rule; of partitions of another version of the code, that they are."""
    partitions = lake.partitions(table.path) if table.patient_keyed else None
    others: list[str] = []
    if partitions is not None:
        declared = lake.with_columns(table.path, partitions, table.column_names)
        # Where none is as declared, all are alike, and the schema says in what they differ.
        if declared:
            others = [partition for partition in partitions if partition not in declared]
            partitions = declared
    frame = lake.scan(table.path, partitions)
    stored = frame.collect_schema()
    present = [name for name in table.column_names if name in stored]
    counted = {f"null {name}": pl.col(name).null_count() for name in present}
    counted |= {f"out {name}": rule for name, rule in table_rules.implausible(table).items() if name in present}
    figures = frame.select(pl.len().alias("rows"), **counted).collect(engine="streaming").row(0, named=True)
    rows = int(figures["rows"])
    nulls = {name: int(figures[f"null {name}"] or 0) for name in present}
    judged = {
        "schema": lambda: table_rules.schema(stored, nulls, table, others),
        "key": lambda: _key(lake, table, partitions, frame),
        "published_rows": lambda: table_rules.published_rows(
            rows, published or 0, lake.subject_shards - len(partitions) if partitions is not None else 0
        ),
        "references": lambda: table_rules.references(
            {name: _orphans(frame, name, path, lake) for name, path in referenced.items()}, table
        ),
        "plausible": lambda: table_rules.plausible(
            {name.removeprefix("out "): int(n or 0) for name, n in figures.items() if name.startswith("out ")},
            rows,
            table,
        ),
        "missingness": lambda: table_rules.missingness(nulls, rows),
    }
    for name in names:
        yield name, judged[name]()


def rows_as_declared(lake: Lake, table: Table, partitions: Sequence[str] | None = None) -> pl.LazyFrame:
    """The rows of those partitions that have just the declared columns; none where no partition has.

    What judges a whole table judges these: that others are of another version of the code the schema check says.

    Args:
        lake: that holds them.
        table: patient-keyed.
        partitions: only these; all where none are named.
    """
    wanted = lake.partitions(table.path) if partitions is None else partitions
    declared = lake.with_columns(table.path, wanted, table.column_names)
    return lake.scan(table.path, declared) if declared else table.empty().lazy()


def _key(lake: Lake, table: Table, partitions: Sequence[str] | None, frame: pl.LazyFrame) -> Finding:
    if partitions is None or table.axis is not Axis.PATIENT_BATCH:
        return table_rules.key(frame, table)
    # A patient may be in batches of two cohorts, and his rows are then in both.
    parts = [
        lake.scan(table.path, [batch]).select(table.primary_key).with_columns(pl.lit(batch).alias(AXIS))
        for batch in partitions
    ]
    return table_rules.key(pl.concat(parts), table, within=[AXIS])


def check_result(
    finding: Finding, table: Table, name: str, severity: dg.AssetCheckSeverity = ERROR
) -> dg.AssetCheckResult:
    """A finding as Dagster reports it."""
    metadata: dict[str, Any] = dict(finding.counts)
    if finding.rows:
        metadata["findings"] = dg.TableMetadataValue(
            records=[dg.TableRecord(dict(row)) for row in finding.rows],
            schema=dg.TableSchema(
                columns=[dg.TableColumn(name=str(c), type=_kind(finding, c)) for c in finding.rows[0]]
            ),
        )
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=dg.AssetKey(list(table.key)),
        passed=finding.passed,
        severity=severity,
        description=finding.description,
        metadata=metadata,
    )


def _kind(finding: Finding, column: str) -> str:
    value = finding.rows[0][column]
    return "string" if isinstance(value, str) else "int" if isinstance(value, int) else "float"


def reference_path(reference: str) -> str:
    """`hosp/patients.subject_id` as `mimic/hosp/patients.subject_id`; asset paths of other groups stay as they are."""
    return f"mimic/{reference}" if reference.split("/")[0] in MIMIC_MODULES else reference


MIMIC_MODULES = {"hosp", "icu", "ed", "cxr", "note", "reflacx"}


def _published_rows(table: Table, site: Site) -> int | None:
    if not isinstance(table, SourceTable) or site.inventory.synthetic or not site.inventory.has(table.path):
        return None
    return site.inventory.files[table.path].published_rows


def _reference_deps(table: Table, referenced: Mapping[str, str], site: Site) -> list[dg.AssetKey]:
    paths = {path.rpartition(".")[0] for path in referenced.values()} - {table.path}
    return [dg.AssetKey(path.split("/")) for path in sorted(paths) if not site.lacks(path)]


def _orphans(frame: pl.LazyFrame, column: str, reference: str, lake: Lake) -> int | None:
    """Distinct values of a column that its reference lacks; None if the referenced table was never stored."""
    path, _, other = reference.rpartition(".")
    partitions = lake.partitions(path) or None
    if partitions is None and lake.stored(path) is None:
        return None
    known = lake.scan(path, partitions).select(pl.col(other).alias(column)).unique()
    values = frame.select(column).drop_nulls().unique()
    return int(values.join(known, on=column, how="anti").select(pl.len()).collect(engine="streaming").item())
