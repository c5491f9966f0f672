"""The checks of feature tables: how much is missing against what is declared, and drift against the version before.

They judge the rows a model may be given (`eligible`, where a table has it) of all stored shards. A summary of the
newest complete version and of the one before is kept in the lake beside the tables, `feature_summaries/<set>/`: shares
and rounded bounds, never a patient's value. A version is complete when every shard has been made by the same code from
the same inputs; while a backfill is under way shard by shard, what is there is compared with the newest complete one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import dagster as dg
import polars as pl

from clinical_assets.declaration import Site
from clinical_assets.features import feature_plots, observation_folder
from clinical_assets.features.feature import Feature
from clinical_assets.features.feature_sets import FEATURE_SETS, OBSERVATIONS
from clinical_assets.features.feature_summary import (
    ColumnSummary,
    Drift,
    TableSummary,
    drifts,
    missing_as_expected,
    not_drifted,
    summary_of,
)
from clinical_assets.features.observation_assets import folder_at
from clinical_assets.features.observation_folder import OBSERVATION_RECORDS
from clinical_assets.table_checks import WARN, check_result
from clinical_assets.table_rules import Finding
from clinical_assets.tables import Table
from resources.lake import Lake

MISSINGNESS, DRIFT = "feature_missingness", "feature_drift"
ELIGIBLE = "eligible"
COLUMNS_AT_A_TIME = 24
"""Read together: an hourly table of all patients has gigabytes, a few of its columns have not."""
MOST_PLOTTED = 120
CURRENT, PREVIOUS = "current.json", "previous.json"


def feature_checks(site: Site) -> list[dg.AssetChecksDefinition]:
    """The checks of every feature table a site has."""
    if folder_at(site) is None:
        return [checks_of(chosen.table, chosen.features) for chosen in FEATURE_SETS if chosen is not OBSERVATIONS]
    return [*(checks_of(chosen.table, chosen.features) for chosen in FEATURE_SETS), observation_checks]


def checks_of(table: Table, features: Sequence[Feature]) -> dg.AssetChecksDefinition:
    """Both checks of one feature table, from one reading of it."""
    asset = dg.AssetKey(list(table.key))

    @dg.multi_asset_check(
        name=f"{'__'.join(table.key)}__feature_checks",
        specs=[
            dg.AssetCheckSpec(
                MISSINGNESS,
                asset=asset,
                description="No feature is missing more often than its declaration expects, among eligible rows.",
            ),
            dg.AssetCheckSpec(
                DRIFT,
                asset=asset,
                description="No feature's distribution has moved from the version before: stability index up to 0.2, "
                "or what chance explains; with the distributions.",
            ),
        ],
    )
    def check(lake: dg.ResourceParam[Lake]) -> Iterable[dg.AssetCheckResult]:
        judged = judge(lake, table, features)
        picture = feature_plots.as_markdown(judged.distributions, f"distributions of {table.path}")
        yield check_result(judged.missingness, table, MISSINGNESS, WARN)
        drifted = check_result(judged.drift, table, DRIFT, WARN)
        yield drifted._replace(metadata={**drifted.metadata, "distributions": dg.MetadataValue.md(picture)})

    return check


@dataclass(frozen=True)
class Judged:
    """The findings of both checks, and the distributions as SVG."""

    missingness: Finding
    drift: Finding
    distributions: str


def judge(lake: Lake, table: Table, features: Sequence[Feature]) -> Judged:
    """Summarise the stored table, compare it with its declaration and the version before, keep the summary.

    Args:
        lake: where it is stored.
        table: its declaration.
        features: the columns that are features.
    """
    kept = stored_summaries(lake, table)
    version = complete_version(lake, table)
    newest = kept.get(CURRENT)
    then = kept.get(PREVIOUS) if newest and newest.version == version else newest
    frame = eligible_rows(lake, table)
    rows, patients = frame.select(pl.len(), pl.col("subject_id").n_unique()).collect(engine="streaming").row(0)
    own: dict[str, ColumnSummary] = {}
    compared: dict[str, ColumnSummary] = {}
    for values in columns_of(frame, [feature.name for feature in features]):
        own[values.name] = summary_of(values)
        before = then.columns.get(values.name) if then else None
        compared[values.name] = summary_of(values, before) if before else own[values.name]
    found = drifts(then, compared, patients) if then and rows else None
    if version is not None and (newest is None or newest.version != version):
        keep(lake, table, TableSummary(version=version, rows=rows, patients=patients, columns=own), newest)
    return Judged(
        missing_as_expected(features, own, rows), not_drifted(found, then, rows), distributions(compared, then, found)
    )


def eligible_rows(lake: Lake, table: Table) -> pl.LazyFrame:
    """The rows a model may be given, of every stored shard."""
    frame = lake.scan(table.path, lake.partitions(table.path))
    return frame.filter(ELIGIBLE) if ELIGIBLE in table.column_names else frame


def columns_of(frame: pl.LazyFrame, names: Sequence[str]) -> Iterator[pl.Series]:
    """The columns one by one, read a few at a time."""
    waiting = iter(names)
    while some := list(islice(waiting, COLUMNS_AT_A_TIME)):
        yield from frame.select(some).collect(engine="streaming").iter_columns()


def complete_version(lake: Lake, table: Table) -> str | None:
    """The version of a table whose every shard is stored and of that version; None for one in between."""
    partitions = lake.partitions(table.path)
    versions = {lake.version(table.path, [partition]) for partition in partitions}
    return versions.pop() if len(partitions) == lake.subject_shards and len(versions) == 1 else None


def _folder(table: Table) -> str:
    return f"feature_summaries/{table.key[-1]}"


def stored_summaries(lake: Lake, table: Table) -> Mapping[str, TableSummary]:
    """The summaries kept of a table, by file."""
    files = lake.read_files(_folder(table))
    return {name: TableSummary.from_dict(json.loads(files[name])) for name in (CURRENT, PREVIOUS) if name in files}


def keep(lake: Lake, table: Table, now: TableSummary, before: TableSummary | None) -> None:
    """Keep a new version's summary, and the one before it."""
    files = {CURRENT: now} | ({PREVIOUS: before} if before else {})
    lake.write_files(_folder(table), {name: json.dumps(summary.to_dict()).encode() for name, summary in files.items()})


def distributions(
    columns: Mapping[str, ColumnSummary], then: TableSummary | None, found: Sequence[Drift] | None
) -> str:
    """The distributions of the features that moved farthest, or of the first ones where nothing is compared."""
    indices = {drift.feature: drift for drift in found or ()}
    shown = [*indices][:MOST_PLOTTED] or [*columns][:MOST_PLOTTED]
    remarks = {name: _remark(columns[name], indices.get(name)) for name in shown}
    return feature_plots.sheet(columns, then.columns if then else {}, remarks, shown)


def _remark(column: ColumnSummary, drift: Drift | None) -> str:
    """What the middle nine tenths lie between, how much is missing, and how far it has moved."""
    said = [f"{column.bounds[0]:g} to {column.bounds[-1]:g}"] if column.bounds else []
    said += [f"{100 * column.missing:.0f} % missing"]
    return ", ".join([*said, f"index {drift.index:.2f}"] if drift else said)


RECORDS = dg.AssetKey(list(OBSERVATION_RECORDS.key))


@dg.multi_asset_check(
    name="features__observation_records__own_checks",
    specs=[
        dg.AssetCheckSpec(
            "repeated",
            asset=RECORDS,
            description="No observation of a visit is sent twice: a file may lie there twice.",
        ),
        dg.AssetCheckSpec(
            "codes",
            asset=RECORDS,
            description="Every code is one that features are made of; others count in the totals over all codes alone.",
        ),
    ],
)
def observation_checks(lake: dg.ResourceParam[Lake]) -> Iterable[dg.AssetCheckResult]:
    """What a hospital should be told about the observations it sent."""
    stored = lake.scan(OBSERVATION_RECORDS.path, lake.partitions(OBSERVATION_RECORDS.path))
    yield check_result(observation_folder.repeated(stored), OBSERVATION_RECORDS, "repeated", WARN)
    yield check_result(observation_folder.unknown_codes(stored), OBSERVATION_RECORDS, "codes", WARN)
