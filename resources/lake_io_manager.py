"""Dagster's way into the lake: frames in, frames out, whatever partitions the run was given.

An asset's function takes lazy frames holding however many shards (or batches of patients) the run asked for and
returns one frame; the IO manager cuts the result. So one function serves one shard on one of many machines and all
shards in one process. (Dagster's own `UPathIOManager` cannot write several partitions in one run.)
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl
import pyarrow as pa
import pyarrow.ipc as paipc
from dagster._core.definitions.partitions.context import partition_loading_context

from resources import patient_batches
from resources.lake import VERSION, Lake, LakeError, StoredFile
from resources.partition_metadata import describe_partitions
from resources.patient_batches import AXIS
from resources.sharding import shard_name, shard_of
from resources.warehouse import Warehouse

_ABSENT = "absent_schema"


def absent_input(schema: pa.Schema) -> dict[str, str]:
    """Input metadata that makes the IO manager hand out an empty frame: for a table the sources do not have."""
    return {_ABSENT: base64.b64encode(schema.serialize()).decode()}


class LakeIOManager(dg.ConfigurableIOManager):
    """Stores an asset's frame in the lake under its asset key, cut by the shard of `partition_column`."""

    lake: dg.ResourceDependency[Lake]
    partition_column: str = "subject_id"

    def handle_output(self, context: dg.OutputContext, obj: pl.LazyFrame | pl.DataFrame) -> None:
        """Write the run's shards (or the one unpartitioned file) atomically; report rows, bytes and place of each."""
        frame = obj.collect() if isinstance(obj, pl.LazyFrame) else obj
        table = context.asset_key.to_user_string()
        partitions = sorted(context.asset_partition_keys) if context.has_asset_partitions else None
        schema = frame.head(0).to_arrow().schema
        provenance = self._provenance(context, partitions)
        with self.lake.write(table, schema, partitions, provenance) as writer:
            if partitions is None:
                writer.write(None, frame.to_arrow())
            else:
                for name, rows in self._cut(frame, partitions).items():
                    writer.write(name, rows.to_arrow())
        report(context, writer.stored)

    def _cut(self, frame: pl.DataFrame, partitions: Sequence[str]) -> Mapping[str, pl.DataFrame]:
        del partitions  # the writer refuses rows of a shard that the run was not given
        shard = pl.Series("shard", shard_of(frame[self.partition_column].to_numpy(), self.lake.subject_shards))
        return {
            shard_name(int(number), self.lake.subject_shards): frame.filter(shard == number)
            for number in shard.unique().sort().to_list()
        }

    def _provenance(self, context: dg.OutputContext, partitions: Sequence[str] | None) -> dict[str, str]:
        code_version = context.asset_spec.code_version or "unversioned"
        inputs = {
            key.to_user_string(): self._version(key.to_user_string(), partitions)
            for key in sorted(dep.asset_key for dep in context.asset_spec.deps)
        }
        digest = hashlib.sha256("|".join([code_version, *(f"{k}={v}" for k, v in inputs.items())]).encode())
        return {
            "code_version": code_version,
            VERSION: digest.hexdigest()[:16],
            **{f"input:{table}": version for table, version in inputs.items()},
        }

    def _version(self, table: str, partitions: Sequence[str] | None) -> str:
        return self.lake.version(table, partitions)

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """The upstream table's rows in the shards this run has, in order; all of them for an unpartitioned reader.

        Raises:
            LakeError: the upstream table was not materialized.
        """
        absent = (context.definition_metadata or {}).get(_ABSENT)
        if absent is not None:
            schema = paipc.read_schema(pa.py_buffer(base64.b64decode(absent)))
            return pl.DataFrame(schema.empty_table()).lazy()
        partitions = sorted(context.asset_partition_keys) if context.has_asset_partitions else None
        return self._scan(context, context.asset_key.to_user_string(), partitions)

    def _scan(self, context: dg.InputContext, table: str, partitions: Sequence[str] | None) -> pl.LazyFrame:
        del context
        return self.lake.scan(table, partitions)


class BatchIOManager(LakeIOManager):
    """The same for tables cut by batches of patients: who is in which batch is asked of the warehouse.

    An asset's function sees every patient of its run's batches once, also one who is in batches of two cohorts; his
    rows are written to each of his batches. Of a sharded table it gets its patients' rows only, and reads only the
    shards they lie in.
    """

    warehouse: dg.ResourceDependency[Warehouse]
    partition_column: str = "patient_id"

    def _cut(self, frame: pl.DataFrame, partitions: Sequence[str]) -> Mapping[str, pl.DataFrame]:
        members = patient_batches.members(self.warehouse, partitions)
        strangers = frame.join(members, on=self.partition_column, how="anti").height
        if strangers:
            raise LakeError(
                f"expected rows of the patients of {len(partitions)} batch(es), {partitions[0]} to {partitions[-1]}; "
                f"found {strangers:,} rows of other patients. The asset's rule must keep to its inputs' patients."
            )
        own = {name[0]: part for name, part in members.partition_by(AXIS, as_dict=True, include_key=False).items()}
        return {
            name: frame.join(part, on=self.partition_column, how="semi", maintain_order="left")
            for name, part in own.items()
        }

    def _version(self, table: str, partitions: Sequence[str] | None) -> str:
        present = self.lake.partitions(table)
        return self.lake.version(table, None if present and present[0].isdecimal() else partitions)

    def _scan(self, context: dg.InputContext, table: str, partitions: Sequence[str] | None) -> pl.LazyFrame:
        if partitions is None:
            return self.lake.scan(table)
        if isinstance(context.asset_partitions_def, dg.DynamicPartitionsDefinition):
            return rows_of_batches(self.lake, self.warehouse, table, partitions)
        batches = _partitions_of_run(context)
        patients = patient_batches.members(self.warehouse, batches)[self.partition_column].unique()
        return rows_of_subjects(self.lake, table, patients)


def _partitions_of_run(context: dg.InputContext) -> list[str]:
    step = context.step_context
    axis = step.run_partitions_def
    if axis is None:
        raise LakeError("expected a run of one batch of patients or a range of them; found a run without partitions")
    with partition_loading_context(dynamic_partitions_store=context.instance):
        return sorted(axis.get_partition_keys_in_range(step.partition_key_range))


def rows_of_batches(lake: Lake, warehouse: Warehouse, table: str, batches: Sequence[str]) -> pl.LazyFrame:
    """The rows of some batches of a table, every patient's once: from the first of his batches.

    Raises:
        LakeError: the table was not materialized for one of the batches.
    """
    members = patient_batches.members(warehouse, batches)
    again = members.filter(pl.col("patient_id").is_duplicated())
    if again.is_empty():
        return lake.scan(table, batches)
    elsewhere = again.filter(pl.col("patient_id").cum_count().over("patient_id") > 1)
    parts = []
    for batch in batches:
        taken = elsewhere.filter(pl.col(AXIS) == batch)["patient_id"].to_list()
        parts.append(lake.scan(table, [batch]).filter(~pl.col("patient_id").is_in(taken)))
    return pl.concat(parts)


def rows_of_subjects(lake: Lake, table: str, patients: pl.Series) -> pl.LazyFrame:
    """The rows of a sharded table that are of some patients, given by MIMIC's numbers as text.

    Patients with other ids (another hospital's) have no rows here.

    Raises:
        LakeError: the table was not materialized for a shard these patients lie in.
    """
    numbers = patients.cast(pl.Int64, strict=False).drop_nulls().unique().sort()
    # Only ids that are written as the number is: 007 is not MIMIC's 7.
    numbers = numbers.filter(numbers.cast(pl.String).is_in(patients.implode()))
    shards = sorted(
        {shard_name(int(n), lake.subject_shards) for n in shard_of(numbers.to_numpy(), lake.subject_shards)}
    )
    if not shards:
        shards = lake.partitions(table)[:1]
    return lake.scan(table, shards).filter(pl.col("subject_id").is_in(numbers.implode()))


def report(context: dg.OutputContext | dg.AssetExecutionContext, stored: Mapping[str | None, StoredFile]) -> None:
    """Row count, size and place of what was written, on each partition's materialization."""
    described = {
        partition: {
            "dagster/row_count" if partition is None else "dagster/partition_row_count": file.rows,
            "dagster/uri": file.uri,
            "size_bytes": file.size_bytes,
        }
        for partition, file in stored.items()
    }
    describe_partitions(context, described)
