"""A stream of typed rows to sorted, sharded Parquet, in bounded memory however large the file.

Rows are kept per shard in memory up to a budget; beyond it they go to scratch files, one per shard, in file order. At
the end each shard is sorted by (subject_id, time, key), stably, and written. A shard too large for the budget is first
cut into ranges of patients from its exact row counts, so that its sort fits too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import BinaryIO, Self

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc as paipc

from clinical_assets.mimic.reader import QUARANTINE_SCHEMA, read, to_polars
from clinical_assets.tables import SourceTable, Table
from resources.lake import Lake, StoredFile
from resources.ownership import owned_name, owner_is_dead
from resources.sharding import shard_names, shard_of

BUDGET_BYTES = 192 << 20
"""Rows held in memory at a time; sorting takes about three times as much."""

_SHARD = "shard of the row"


@dataclass(frozen=True)
class Loaded:
    """What a load left in the lake, and the rows it refused (see `QUARANTINE_SCHEMA`)."""

    stored: Mapping[str | None, StoredFile]
    quarantined: pa.Table


def load(
    raw: BinaryIO,
    file: str,
    table: SourceTable,
    lake: Lake,
    partitions: Sequence[str] | None,
    *,
    scratch: Path,
    absent: Sequence[str] = (),
    provenance: Mapping[str, str] = MappingProxyType({}),
    tell: Callable[[int], None] = lambda rows: None,
) -> Loaded:
    """Replace a table's partitions by what a file holds for them, in one pass over the file.

    Args:
        raw: the file's bytes, gzip or plain.
        file: path named in errors.
        table: the declaration.
        lake: where to.
        partitions: shards to replace; None for an unpartitioned table, whose rows keep the file's order.
        scratch: folder for what does not fit in memory.
        absent: columns this release may lack.
        provenance: kept in the Parquet files.
        tell: called with the number of rows of each block read.

    Raises:
        SourceFileError: the file is not what it should be; the table stays as it was.
    """
    refused = [QUARANTINE_SCHEMA.empty_table()]
    with (
        lake.write(table.path, table.arrow_schema, partitions, provenance) as writer,
        ShardSorter(table, lake.subject_shards, scratch=scratch) as sorter,
    ):
        for rows in read(raw, file, table, absent):
            refused.append(rows.quarantined)
            if partitions is None:
                writer.write(None, rows.table)
            else:
                sorter.add(rows.table, partitions)
            tell(rows.table.num_rows)

        def finish(partition: str) -> None:
            for piece in sorter.sorted_rows(partition):
                writer.write(partition, piece)
            writer.finish(partition)

        # Sorting and compressing one shard leaves a core idle; two shards at a time keep both busy.
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(finish, partitions or ()))
    return Loaded(writer.stored, pa.concat_tables(refused))


class ShardSorter:
    """Takes rows in file order, gives back each shard's rows sorted; holds at most about `budget` bytes of them."""

    def __init__(self, table: Table, shards: int, *, scratch: Path, budget: int = BUDGET_BYTES) -> None:
        self._table = table
        self._shards = shards
        self._names = shard_names(shards)
        self._budget = budget
        self._held: dict[str, list[pl.DataFrame]] = {}
        self._held_bytes = 0
        self._scratch = scratch
        self._folder: Path | None = None
        self._spills: dict[str, _Spill] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for spill in self._spills.values():
            spill.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, rows: pa.Table, wanted: Sequence[str]) -> None:
        """Take the rows that lie in the wanted shards."""
        shard = shard_of(rows["subject_id"].to_numpy(), self._shards)
        if len(wanted) == self._shards:
            parts = to_polars(rows).with_columns(pl.Series(_SHARD, shard)).partition_by(_SHARD, as_dict=True)
            for (number,), part in parts.items():
                self._hold(self._names[number], part.drop(_SHARD))
        else:
            for number in np.unique(shard).tolist():
                name = self._names[number]
                if name in wanted:
                    # Arrow's filter copies; polars' parts would keep the text of the whole block in memory.
                    self._hold(name, to_polars(rows.filter(pa.array(shard == number))))
        if self._held_bytes > self._budget:
            for name in list(self._held):
                self._spill(name)

    def _hold(self, name: str, rows: pl.DataFrame) -> None:
        self._held.setdefault(name, []).append(rows)
        self._held_bytes += int(rows.estimated_size())

    def _spill(self, name: str) -> None:
        if self._folder is None:
            self._scratch.mkdir(parents=True, exist_ok=True)
            for left in self._scratch.iterdir():
                if owner_is_dead(left.name):
                    shutil.rmtree(left, ignore_errors=True)
            self._folder = self._scratch / owned_name()
            self._folder.mkdir()
        if name not in self._spills:
            self._spills[name] = _Spill(self._folder / f"{name}.arrow", self._table.arrow_schema)
        frames = self._held.pop(name)
        self._held_bytes -= sum(int(f.estimated_size()) for f in frames)
        self._spills[name].append(frames)

    def sorted_rows(self, name: str) -> Iterator[pa.Table]:
        """The shard's rows, sorted, in one or more consecutive pieces; may be called once per shard."""
        if name not in self._spills:
            held = self._held.pop(name, [])
            self._held_bytes -= sum(int(f.estimated_size()) for f in held)
            yield self._sorted(held)
            return
        if name in self._held:
            self._spill(name)
        spill = self._spills.pop(name)
        spill.close()
        if spill.bytes_in_memory <= self._budget:
            yield self._sorted(spill.frames())
        else:
            yield from self._sorted_ranges(spill)
        spill.path.unlink()

    def _sorted_ranges(self, spill: _Spill) -> Iterator[pa.Table]:
        pieces = -(-spill.bytes_in_memory // self._budget)
        upper = _range_ends(spill.patient_rows, pieces)
        parts = [
            _Spill(spill.path.with_suffix(f".{i}.arrow"), self._table.arrow_schema, compressed=False)
            for i in range(len(upper))
        ]
        for frame in spill.frames():
            piece = np.searchsorted(upper, frame["subject_id"].to_numpy())
            for number in np.unique(piece).tolist():
                parts[number].append([frame.filter(pl.Series(piece == number))])
        for part in parts:
            part.close()
        for part in parts:
            yield self._sorted(part.frames())
            part.path.unlink()

    def _sorted(self, frames: Sequence[pl.DataFrame] | Iterator[pl.DataFrame]) -> pa.Table:
        whole = pl.concat([self._table.empty(), *frames])
        return in_file_order(whole, self._table).to_arrow()


class _Spill:
    """Rows of one shard on disk, as an Arrow stream, with the row count of each of its patients."""

    def __init__(self, path: Path, schema: pa.Schema, *, compressed: bool = True) -> None:
        self.path = path
        self.bytes_in_memory = 0
        self.patient_rows: dict[int, int] = {}
        self._schema = schema
        options = paipc.IpcWriteOptions(compression="lz4" if compressed else None)
        self._file = pa.OSFile(str(path), "wb")
        self._writer = paipc.new_stream(self._file, schema, options=options)

    def append(self, frames: Sequence[pl.DataFrame]) -> None:
        for frame in frames:
            self.bytes_in_memory += int(frame.estimated_size())
            patients, rows = np.unique(frame["subject_id"].to_numpy(), return_counts=True)
            for patient, count in zip(patients.tolist(), rows.tolist(), strict=True):
                self.patient_rows[patient] = self.patient_rows.get(patient, 0) + count
            self._writer.write_table(frame.to_arrow().cast(self._schema))

    def frames(self) -> Iterator[pl.DataFrame]:
        with pa.OSFile(str(self.path), "rb") as file, paipc.open_stream(file) as stream:
            for batch in stream:
                yield to_polars(pa.Table.from_batches([batch]))

    def close(self) -> None:
        self._writer.close()
        self._file.close()


def _range_ends(patient_rows: Mapping[int, int], pieces: int) -> list[int]:
    """Last patient of each of about `pieces` consecutive ranges with equal numbers of rows."""
    patients = sorted(patient_rows)
    running = np.cumsum([patient_rows[p] for p in patients])
    at = np.searchsorted(running, running[-1] * np.arange(1, pieces + 1) / pieces)
    return sorted({patients[min(int(i), len(patients) - 1)] for i in at})


def in_file_order(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows as they lie in files: by patient, then time, then key; ties keep the order they came in, nulls come last."""
    return frame.sort(table.sort_by, nulls_last=True, maintain_order=True)
