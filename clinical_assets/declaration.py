"""How a table becomes a Dagster asset: the one place that says what every asset of the graph carries.

`@declared(TABLE, parameter="upstream/table")` on a thin function gives a `Declaration`; `build` turns it into an asset
for one site (its shards, the tables it has). Key, group, description, owners, kinds, tags, column schema, partitions,
backfill policy and code version all come from the table's declaration and the source of the rules behind it.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import dagster as dg
import polars as pl

from clinical_assets import partitions, pieces
from clinical_assets.lineage import column_lineage
from clinical_assets.mimic.catalogue import TABLES as RELEASE_TABLES
from clinical_assets.mimic.inventory import Inventory
from clinical_assets.settings import Settings
from clinical_assets.tables import Axis, Column, Table
from resources.lake import Lake
from resources.lake_io_manager import absent_input

LAKE_IO_MANAGER = "lake_io_manager"
BATCH_IO_MANAGER = "batch_io_manager"


@dataclass(frozen=True)
class Site:
    """One installation: its settings, the source tables it has, and whether it has a store of documents."""

    settings: Settings
    inventory: Inventory
    document_store: bool = True

    @property
    def shards(self) -> dg.StaticPartitionsDefinition:
        """The site's subject shards."""
        return partitions.subject_shard(self.settings.subject_shards)

    def lacks(self, path: str) -> bool:
        """Whether a table is one of the releases' and not among this site's sources."""
        return path in RELEASE_TABLES and not self.inventory.has(path)


class TableMismatchError(TypeError):
    """A rule returned other columns or types than its table declares."""


@dataclass(frozen=True)
class Declaration:
    """A table and the rule that makes it, not yet bound to a site."""

    table: Table
    rule: Callable[..., pl.LazyFrame]
    inputs: Mapping[str, str]
    parts: Sequence[Callable[..., pl.LazyFrame]] = ()

    def build(self, site: Site) -> dg.AssetsDefinition:
        """The asset, for a site's shards and source tables."""

        def compute(
            context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], **frames: pl.LazyFrame
        ) -> pl.LazyFrame:
            return self.rows(context, site, lake, frames)

        return self.asset(site, compute)

    def asset(self, site: Site, compute: Callable[..., pl.LazyFrame]) -> dg.AssetsDefinition:
        """The asset that `compute` makes the rows of."""
        table = self.table
        asset: dg.AssetsDefinition = dg.asset(
            **asset_arguments(table, site, code_version(self.rule, table)),
            ins={name: input_of(table, path, site) for name, path in self.inputs.items()},
            io_manager_key=io_manager_of(table),
        )(compute)
        return asset

    def rows(
        self,
        context: dg.AssetExecutionContext,
        site: Site,
        lake: Lake,
        frames: Mapping[str, pl.LazyFrame],
        **said: object,
    ) -> pl.LazyFrame:
        """The rows of the run's partitions, computed a few shards at a time (see `pieces`).

        Args:
            context: of the run.
            site: whose table it is.
            lake: what the inputs lie in.
            frames: the inputs, by parameter name of the rule.
            said: further arguments of the rule, from the run's configuration.
        """
        self._add_lineage(context, {name: frame.collect_schema() for name, frame in frames.items()})
        whole = {**frames, **said}
        if not (self.table.patient_keyed and self.table.axis is Axis.SUBJECT_SHARD):
            return conform(self.rule(**whole), self.table)
        shards = sorted(context.partition_keys)
        there = {name: path for name, path in self.inputs.items() if not site.lacks(path)}
        sharded = {name: path for name, path in there.items() if lake.partitions(path)}
        cut = list(pieces.in_pieces(shards, pieces.sizes(lake, sharded.values(), shards)))
        if len(cut) == 1:
            return conform(self.rule(**whole), self.table)
        made = []
        for piece in cut:
            own = {name: lake.scan(path, piece) for name, path in sharded.items()}
            made.append(conform(self.rule(**{**whole, **own}), self.table).collect())
        return pl.concat(made).lazy()

    def _add_lineage(self, context: dg.AssetExecutionContext, schemas: Mapping[str, pl.Schema]) -> None:
        deps = {
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey(self.inputs[name].split("/")), column_name=source)
                for name, source in sorted(sources)
            ]
            for part in reversed(self.parts or (self.rule,))  # a key is the first part's
            for column, sources in column_lineage(part, schemas).items()
        }
        context.add_asset_metadata({"dagster/column_lineage": dg.TableColumnLineage(deps)})


def declared(
    table: Table,
    *,
    parts: Sequence[Callable[..., pl.LazyFrame]] = (),
    **inputs: str,
) -> Callable[[Callable[..., pl.LazyFrame]], Declaration]:
    """Declare the rule that makes a table.

    Args:
        table: what the rule returns, column for column.
        parts: the rule as independent rules of the same inputs, where a column's lineage is that of its part alone.
        inputs: upstream table path by parameter name of the rule.
    """

    def declare(rule: Callable[..., pl.LazyFrame]) -> Declaration:
        expected = set(inspect.signature(rule).parameters)
        if expected != set(inputs):
            raise TypeError(f"{table.path}: the rule takes {sorted(expected)}, the declaration gives {sorted(inputs)}")
        return Declaration(table, rule, inputs, parts)

    return declare


BATCHED_GROUPS = ("documents", "abstractions")
"""Groups whose patient-keyed tables are cut by batches of patients."""


def io_manager_of(table: Table) -> str:
    """What cuts a table's rows and gives it its inputs' rows: by shards, or by batches of patients."""
    return BATCH_IO_MANAGER if table.patient_keyed and table.axis is Axis.PATIENT_BATCH else LAKE_IO_MANAGER


def input_of(table: Table, path: str, site: Site) -> dg.AssetIn:
    """An upstream table as an input of `table`.

    Into a table cut by batches a sharded table comes whole: a batch's patients may be in any shard. Only their rows are
    read (see `BatchIOManager`).
    """
    across = io_manager_of(table) == BATCH_IO_MANAGER and path.split("/")[0] not in BATCHED_GROUPS
    return dg.AssetIn(
        key=dg.AssetKey(path.split("/")),
        input_manager_key=io_manager_of(table),
        metadata=absent_input(RELEASE_TABLES[path].arrow_schema) if site.lacks(path) else None,
        partition_mapping=dg.AllPartitionMapping() if across else None,
    )


def asset_arguments(table: Table, site: Site, version: str) -> dict[str, Any]:
    """What every asset carries, from its table's declaration."""
    axis = site.shards if table.axis is Axis.SUBJECT_SHARD else partitions.PATIENT_BATCH
    cut = {"partitions_def": axis, "backfill_policy": partitions.BACKFILL_IN_ONE_RUN}
    return {
        "key": dg.AssetKey(list(table.key)),
        "group_name": table.group,
        "description": describe(table),
        "owners": list(table.owners),
        "kinds": set(table.kinds),
        "tags": {"phi": "yes" if table.patient_keyed else "no"},
        "metadata": {"dagster/column_schema": column_schema(table), "grain": table.grain},
        "code_version": version,
        **(cut if table.patient_keyed else {}),
    }


def describe(table: Table) -> str:
    """The description the UI shows, in Markdown."""
    known = f"\n\nHappened: `{table.happened}`." if table.happened else ""
    known += f" Known from: `{table.known}`." if table.known else ""
    key = f"\n\nKey: {', '.join(f'`{k}`' for k in table.primary_key)}." if table.primary_key else ""
    source = f"\n\nSource: {table.source}." if table.source else ""
    return f"{table.meaning}\n\nGrain: {table.grain}.{known}{key}{source}"


def column_schema(table: Table) -> dg.TableSchema:
    """The columns with meaning, unit and constraints, as the UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type.value,
                description=_column_description(column),
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=table.primary_key == (column.name,), other=_other_rules(column)
                ),
                tags={"unit": _as_tag(column.unit)} if column.unit else None,
            )
            for column in table.columns
        ]
    )


def _column_description(column: Column) -> str:
    return f"{column.meaning} Unit: {column.unit}." if column.unit else column.meaning


def _as_tag(unit: str) -> str:
    """A unit in the characters a tag may have."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in unit.replace("%", "percent"))[:63].strip("_") or "1"


def _other_rules(column: Column) -> list[str]:
    rules = []
    if column.references:
        rules.append(f"in {column.references}")
    if column.plausible:
        rules.append(f"plausible {column.plausible[0]:g} to {column.plausible[1]:g}")
    if column.allowed:
        rules.append(f"one of {', '.join(column.allowed)}")
    return rules


def conform(frame: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """The frame with exactly the table's columns, in order, its rows in an order that depends on the rows alone.

    By patient, time and key; a table without a key by every column, since a join or grouping leaves ties anyhow.

    Raises:
        TableMismatchError: a column is missing, undeclared or of another type; it names each.
    """
    found = frame.collect_schema()
    wrong = [f"{c.name}: missing" for c in table.columns if c.name not in found]
    wrong += [f"{name}: not declared" for name in found if name not in table.column_names]
    wrong += [
        f"{c.name}: expected {c.type.polars}, found {found[c.name]}"
        for c in table.columns
        if c.name in found and found[c.name] != c.type.polars
    ]
    if wrong:
        raise TableMismatchError(f"{table.path} does not have its declared columns: {'; '.join(wrong)}")
    order = table.sort_by if table.primary_key else dict.fromkeys([*table.sort_by, *table.column_names])
    return frame.select(table.column_names).sort(list(order), nulls_last=True, maintain_order=True)


def code_version(rule: Callable[..., Any], table: Table) -> str:
    """A hash of what decides the rows: the table's declaration, the rule, and the modules with its knowledge.

    A change elsewhere in the project leaves it alone, so that only what may differ shows as stale.
    """
    sources = [repr(table.columns), inspect.getsource(rule)]
    sources += [inspect.getsource(module) for module in knowledge_of(rule)]
    return hashlib.sha256("\x00".join(sources).encode()).hexdigest()[:12]


def knowledge_of(rule: Callable[..., Any]) -> Sequence[ModuleType]:
    """The pure modules a rule's result depends on: those it names, and those they import, in name order."""
    own = sys.modules[rule.__module__]
    globals_of_rule: Mapping[str, Any] = getattr(rule, "__globals__", {})
    named = [globals_of_rule[name] for name in rule.__code__.co_names if name in globals_of_rule]
    waiting = [own, *filter(None, map(_module_of, named))]
    found: dict[str, ModuleType] = {}
    while waiting:
        module = waiting.pop()
        if _is_knowledge(module) and module.__name__ not in found:
            found[module.__name__] = module
            waiting += filter(None, map(_module_of, vars(module).values()))
    return [found[name] for name in sorted(found)]


def _module_of(thing: object) -> ModuleType | None:
    return thing if isinstance(thing, ModuleType) else sys.modules.get(getattr(thing, "__module__", None) or "")


def _is_knowledge(module: ModuleType) -> bool:
    """Whether a module holds rules: not a declaration of assets, not the language tables are declared in."""
    name = module.__name__
    if not name.startswith("clinical_assets.") or name.rpartition(".")[2] in {"assets", "checks"}:
        return False
    return name.count(".") > 1
