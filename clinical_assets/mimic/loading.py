"""A stream of typed rows to sorted, sharded Parquet, in one pass and bounded memory however large the file.

The releases' files come in the order of their patients. So whenever enough rows are held, the patients that are
complete are sorted by (subject_id, time, key), stably, and written behind those before; the newest one waits for the
rest of its rows. A file in another order costs more, never memory: a shard that meets a patient it has passed goes to a
scratch file, what it had written first, and is sorted at the end, a range of patients at a time.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import MappingProxyType, TracebackType
from typing import BinaryIO, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as paipc

from clinical_assets.mimic.reader import NOTHING_REFUSED, read
from clinical_assets.tables import SourceTable, Table
from resources.lake import Lake, StoredFile
from resources.ownership import owned_name, owner_is_dead
from resources.sharding import shard_names, shard_of

BUDGET_BYTES = 32 << 20
"""Rows collected before they are sorted; while those are, as many again are collected. More is slower: fresh memory
costs more than the sorting."""
SORTED_BUDGETS = 4
"""How many budgets of sorted rows, of all shards together, are held before they are written."""
SORTERS = 2
"""Shards sorted and written at a time."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Loaded:
    """What a load left in the lake, and the rows it refused (see `reader.QUARANTINE_SCHEMA`)."""

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
    refused = [NOTHING_REFUSED]
    with (
        lake.write(table.path, table.arrow_schema, partitions, provenance) as writer,
        ShardSorter(table, lake.subject_shards, partitions or (), writer, scratch=scratch) as sorter,
    ):
        for rows in read(raw, file, table, absent, encode_text=True):
            refused.append(rows.quarantined)
            if partitions is None:
                writer.write(None, rows.table)
            else:
                sorter.add(rows.table)
            tell(rows.table.num_rows)
        if partitions is not None:
            sorter.finish()
    return Loaded(writer.stored, pa.concat_tables(refused))


class ShardFiles(Protocol):
    """Where sorted rows go, one file a shard (see `resources.lake.TableWriter`)."""

    def write(self, partition: str, rows: pa.Table) -> None:
        """Append rows to the shard's file."""

    def take_back(self, partition: str) -> Iterator[pa.Table]:
        """The rows written so far, in order; the file begins anew."""

    def finish(self, partition: str) -> None:
        """Close the shard's file."""


class ShardSorter:
    """Takes rows in file order, writes each shard's rows sorted; holds a few times `budget` bytes of them.

    Args:
        table: whose rows.
        shards: of the lake.
        wanted: the shards to write; rows of others are dropped.
        files: where they go.
        scratch: folder for the shards of a file that is not in the order of its patients.
        budget: bytes of rows collected before they are sorted.
    """

    def __init__(
        self,
        table: Table,
        shards: int,
        wanted: Sequence[str],
        files: ShardFiles,
        *,
        scratch: Path,
        budget: int = BUDGET_BYTES,
    ) -> None:
        self._table = table
        self._shards = shards
        self._numbers = {name: number for number, name in enumerate(shard_names(shards)) if name in wanted}
        self._files = files
        self._budget = budget
        self._held: list[pa.Table] = []
        self._held_bytes = 0
        self._written_to: dict[str, int] = {}
        self._sorted: dict[str, list[pa.Table]] = {}
        self._spills: dict[str, _Spill] = {}
        self._scratch = _Scratch(scratch)
        self._threads = ThreadPoolExecutor(SORTERS)
        self._under_way: list[Future[pa.Table]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._threads.shutdown(cancel_futures=True)
        for spill in self._spills.values():
            spill.close()
        self._scratch.remove()

    def add(self, rows: pa.Table) -> None:
        """Take the rows that lie in the wanted shards.

        Raises:
            ValueError: a row without a subject_id.
        """
        if len(self._numbers) < self._shards or rows["subject_id"].null_count:
            shard = shard_of(rows["subject_id"].to_numpy(), self._shards)
            rows = rows.filter(pa.array(np.isin(shard, list(self._numbers.values()))))
        self._held.append(rows)
        self._held_bytes += rows.nbytes
        if self._held_bytes > self._budget:
            self._sort_held(complete=False)

    def finish(self) -> None:
        """Write what is still held; every shard's file is closed afterwards."""
        self._sort_held(complete=True)
        self._wait()
        list(self._threads.map(self._finish_shard, self._numbers))

    def _sort_held(self, *, complete: bool) -> None:
        """Give the held rows to the threads, shard by shard, with what the last ones left."""
        rows = _in_one_piece([*self._wait(), *self._held], self._table)
        self._held, self._held_bytes = [], 0
        shard = shard_of(rows["subject_id"].to_numpy(), self._shards)
        self._under_way = [
            self._threads.submit(self._take, name, rows, np.flatnonzero(shard == number), complete)
            for name, number in self._numbers.items()
        ]

    def _wait(self) -> list[pa.Table]:
        """What the rows given to the threads left over: those of patients that may not be complete."""
        waiting, self._under_way = self._under_way, []
        return [left for job in waiting if (left := job.result()).num_rows]

    def _take(self, name: str, rows: pa.Table, mine: Places, complete: bool) -> pa.Table:
        """Write a shard's rows; those of the newest patient are given back unless everything is `complete`."""
        patients = rows["subject_id"].to_numpy()[mine]
        nothing = rows.slice(0, 0)
        if not mine.size:
            return nothing
        if name not in self._spills and patients.min() <= self._written_to.get(name, patients.min() - 1):
            self._spills[name] = _Spill(self._scratch.file(name))
            for piece in (*self._files.take_back(name), *self._sorted.pop(name, ())):
                self._spills[name].append(piece.cast(rows.schema))
        if name in self._spills:
            self._spills[name].append(rows.take(pa.array(mine)))
            return nothing
        newest = patients.max()
        ready = mine if complete else mine[patients < newest]
        if ready.size:
            self._write(name, _compact(_sorted(rows, ready, self._table)))
            self._written_to[name] = newest if complete else patients[patients < newest].max()
        return nothing if complete else rows.take(pa.array(mine[patients == newest]))

    def _write(self, name: str, rows: pa.Table) -> None:
        """Write sorted rows, a good many at a time: readers pay for every group of rows."""
        pieces = self._sorted.setdefault(name, [])
        pieces.append(rows)
        if sum(piece.nbytes for piece in pieces) > SORTED_BUDGETS * self._budget // self._shards:
            self._write_sorted(name)

    def _write_sorted(self, name: str) -> None:
        if pieces := self._sorted.pop(name, []):
            self._files.write(name, pa.concat_tables(pieces).unify_dictionaries())

    def _finish_shard(self, name: str) -> None:
        self._write_sorted(name)
        if name in self._spills:
            for piece in self._spills[name].in_ranges(max(self._budget // SORTERS, 1)):
                rows = _in_one_piece(piece, self._table)
                self._files.write(name, _compact(in_file_order(rows, self._table)))
        self._files.finish(name)


class _Scratch:
    """A folder of this process for scratch files, made when first needed."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._folder: Path | None = None
        self._one_thread = Lock()

    def file(self, name: str) -> Path:
        with self._one_thread:
            if self._folder is None:
                self._folder = self._place / owned_name()
                self._folder.mkdir(parents=True)
                for left in self._place.iterdir():
                    if owner_is_dead(left.name):
                        shutil.rmtree(left, ignore_errors=True)
        return self._folder / f"{name}.arrow"

    def remove(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


class _Spill:
    """Rows of one shard on disk, as an Arrow stream, with the row count of each of its patients."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes_in_memory = 0
        self._patient_rows: dict[int, int] = {}
        self._file = pa.OSFile(str(path), "wb")
        self._writer: paipc.RecordBatchStreamWriter | None = None

    def append(self, rows: pa.Table) -> None:
        if self._writer is None:
            options = paipc.IpcWriteOptions(compression="lz4")
            self._writer = paipc.new_stream(self._file, rows.schema, options=options)
        self._bytes_in_memory += rows.nbytes
        patients, counts = np.unique(rows["subject_id"].to_numpy(), return_counts=True)
        for patient, count in zip(patients.tolist(), counts.tolist(), strict=True):
            self._patient_rows[patient] = self._patient_rows.get(patient, 0) + count
        self._writer.write_table(rows)

    def in_ranges(self, budget: int) -> Iterator[Iterable[pa.Table]]:
        """The rows, in the order they came, of consecutive ranges of patients of about `budget` bytes each."""
        self.close()
        pieces = -(-self._bytes_in_memory // budget)
        if pieces <= 1:
            yield self._batches()
        else:
            yield from self._ranges(_range_ends(self._patient_rows, pieces))
        self._path.unlink()

    def _ranges(self, upper: Sequence[int]) -> Iterator[Iterable[pa.Table]]:
        parts = [_Spill(self._path.with_suffix(f".{number}.arrow")) for number in range(len(upper))]
        try:
            for rows in self._batches():
                part = np.searchsorted(upper, rows["subject_id"].to_numpy())
                for number in np.unique(part).tolist():
                    parts[number].append(rows.filter(pa.array(part == number)))
        finally:
            for part in parts:
                part.close()
        for part in parts:
            yield part._batches()
            part._path.unlink()

    def _batches(self) -> Iterator[pa.Table]:
        with pa.OSFile(str(self._path), "rb") as file, paipc.open_stream(file) as stream:
            for batch in stream:
                yield pa.Table.from_batches([batch])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._file.close()


def _range_ends(patient_rows: Mapping[int, int], pieces: int) -> list[int]:
    """Last patient of each of about `pieces` consecutive ranges with equal numbers of rows."""
    patients = sorted(patient_rows)
    running = np.cumsum([patient_rows[p] for p in patients])
    at = np.searchsorted(running, running[-1] * np.arange(1, pieces + 1) / pieces)
    return sorted({patients[min(int(i), len(patients) - 1)] for i in at})


def in_file_order(rows: pa.Table, table: Table) -> pa.Table:
    """Rows as they lie in files: by patient, then time, then key; ties keep the order they came in, nulls come last."""
    return _sorted(rows, np.arange(rows.num_rows), table)


def _sorted(rows: pa.Table, places: Places, table: Table) -> pa.Table:
    """The rows at `places`, in file order."""
    order = _order_of_numbers([rows[name] for name in table.sort_by], places)
    return rows.take(order if order is not None else _order_of_anything(rows, places, table))


def _order_of_numbers(keys: Sequence[pa.ChunkedArray], places: Places) -> pa.Array | None:
    """The places in order of keys that are numbers or times; None where there are others, or they span too much.

    One whole number a row holds every key and, to keep ties as they are, the row's position; those are sorted.
    """
    width = places.size.bit_length()
    packed, room = np.zeros(places.size, np.int64), 63 - width
    for key in keys:
        if key.null_count or not (pa.types.is_int64(key.type) or pa.types.is_timestamp(key.type)):
            return None
        values = key.to_numpy().view(np.int64)[places]
        if values.size and int(values.max()) - int(values.min()) >= 1 << 62:
            return None
        codes = _codes(values)
        bits = int(codes.max(initial=0)).bit_length()
        room -= bits
        if room < 0:
            return None
        packed = packed << bits | codes
    packed = packed << width | np.arange(places.size)
    packed.sort()
    return pa.array(places[packed & ((1 << width) - 1)])


def _codes(values: Places) -> Places:
    """Small whole numbers from 0 on in the same order as the values."""
    if not values.size:
        return values
    steps = np.diff(values)
    if (steps >= 0).all():
        return np.concatenate([[0], np.cumsum(steps > 0)])
    codes: Places = values - values.min()
    seconds, rest = np.divmod(codes, 1_000_000)
    return codes if rest.any() else seconds


def _order_of_anything(rows: pa.Table, places: Places, table: Table) -> pa.Array:
    """The places in file order."""
    chosen = pa.array(places)
    keys = rows.select(table.sort_by).take(chosen)
    # Arrow does not sort by dictionary-encoded text.
    keys = keys.cast(pa.schema([table.arrow_schema.field(name) for name in table.sort_by]))
    return chosen.take(pc.sort_indices(keys, [(name, "ascending", "at_end") for name in table.sort_by]))


def _in_one_piece(tables: Iterable[pa.Table], table: Table) -> pa.Table:
    pieces = list(tables) or [table.arrow_schema.empty_table()]
    return pa.concat_tables(pieces).unify_dictionaries().combine_chunks()


def _compact(rows: pa.Table) -> pa.Table:
    """The rows without most of the text their dictionaries name and they do not have."""
    for number, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type) and rows.num_rows:
            column = rows.column(number).combine_chunks()
            if len(column.dictionary) > len(column) // 2:
                rows = rows.set_column(number, field, column.cast(pa.large_string()).dictionary_encode())
    return rows
