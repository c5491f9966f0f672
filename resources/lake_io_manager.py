"""Dagster's way into the lake: frames in, frames out, whatever shards the run was given.

An asset's function takes lazy frames holding however many shards the run asked for and returns one frame; this IO
manager cuts the result by shard. So one function serves one shard on one of many machines and all shards in one
process. (Dagster's own `UPathIOManager` cannot write several partitions in one run.)
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl
import pyarrow as pa
import pyarrow.ipc as paipc

from resources.lake import VERSION, Lake, StoredFile
from resources.sharding import shard_name, shard_of

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
                for name, rows in self._by_shard(frame).items():
                    writer.write(name, rows.to_arrow())
        report(context, writer.stored)

    def _by_shard(self, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
        shard = pl.Series("shard", shard_of(frame[self.partition_column].to_numpy(), self.lake.subject_shards))
        return {
            shard_name(int(number), self.lake.subject_shards): frame.filter(shard == number)
            for number in shard.unique().sort().to_list()
        }

    def _provenance(self, context: dg.OutputContext, partitions: Sequence[str] | None) -> dict[str, str]:
        code_version = context.asset_spec.code_version or "unversioned"
        inputs = {
            key.to_user_string(): self.lake.version(key.to_user_string(), partitions)
            for key in sorted(dep.asset_key for dep in context.asset_spec.deps)
        }
        digest = hashlib.sha256("|".join([code_version, *(f"{k}={v}" for k, v in inputs.items())]).encode())
        return {
            "code_version": code_version,
            VERSION: digest.hexdigest()[:16],
            **{f"input:{table}": version for table, version in inputs.items()},
        }

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """The upstream table's rows in the shards this run has, in order; all of them for an unpartitioned reader.

        Raises:
            LakeError: the upstream table was not materialized.
        """
        absent = (context.definition_metadata or {}).get(_ABSENT)
        if absent is not None:
            schema = paipc.read_schema(pa.py_buffer(base64.b64decode(absent)))
            return pl.DataFrame(schema.empty_table()).lazy()
        table = context.asset_key.to_user_string()
        partitions = sorted(context.asset_partition_keys) if context.has_asset_partitions else None
        return self.lake.scan(table, partitions)


def report(context: dg.OutputContext | dg.AssetExecutionContext, stored: Mapping[str | None, StoredFile]) -> None:
    """Row count, size and place of what was written, on each partition's materialization."""
    step = context.step_context if isinstance(context, dg.OutputContext) else context
    for partition, file in stored.items():
        counted = "dagster/row_count" if partition is None else "dagster/partition_row_count"
        step.add_asset_metadata(
            asset_key=context.asset_key,
            partition_key=partition,
            metadata={
                counted: file.rows,
                "dagster/uri": file.uri,
                "size_bytes": file.size_bytes,
            },
        )
