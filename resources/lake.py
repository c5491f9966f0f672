"""The lake: Parquet files under one root, a local folder or an S3 prefix, through the same code.

Layout: `<root>/<table path>/part-0.parquet` for an unpartitioned table,
`<root>/<table path>/subject_shard=NN/part-0.parquet` for a sharded one and
`<root>/<table path>/patient_batch=<name>/part-0.parquet` for one cut by batches of patients: a partition's name says
which, since shards are numbers and batches begin with a letter. Any Parquet tool can read it.

Writes are atomic. A writer stages complete files under `<root>/.staging/`, then writes a small commit record and moves
them into place one by one. Killed before the record, the run has changed nothing; killed after it, the next reader or
writer finishes the moves. So nobody who comes through this module ever sees some shards of one write and some of
another.

What a killed writer staged without a record is removed by the next writer of the same table: at once where it ran on
the same machine, whose processes can be asked; after `ABANDONED_AFTER` without a change where it ran on another.

What does not belong here: what a table means, and how assets come and go (see `lake_io_manager`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import dagster as dg
import polars as pl
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from resources import s3_copy
from resources.ownership import owned_name, owner_is_dead, owner_is_elsewhere
from resources.places import filesystem_of, local_path, polars_storage_options, s3_endpoint
from resources.sharding import SHARD_HASH

SHARD_FOLDER, BATCH_FOLDER = "subject_shard", "patient_batch"
FILE = "part-0.parquet"
STAGING = ".staging"
COMMIT = "commit.json"
IDENTITY = "lake.json"
ROWS_PER_GROUP = 1 << 20
PAGE_BYTES = 8 << 20
ABANDONED_AFTER = timedelta(days=7)
"""How long nothing may change in another machine's staging folder before it counts as left by a killed writer: longer
than any run, and than any difference between two machines' clocks."""
VERSION = "version"
"""Key in a Parquet file's metadata: a hash of its producer's code version and of its inputs' versions."""


class LakeError(RuntimeError):
    """The lake can't do what was asked; the message says what was expected, what was found and what to do."""


@dataclass(frozen=True)
class StoredFile:
    """One Parquet file of the lake after a commit."""

    uri: str
    rows: int
    size_bytes: int


class Lake(dg.ConfigurableResource[Any]):
    """A lake at `root` (local path or `s3://bucket/prefix`) whose patients are cut into `subject_shards` shards."""

    root: str
    subject_shards: int

    # -- places ------------------------------------------------------------------------------------------------------

    @property
    def _place(self) -> tuple[pafs.FileSystem, str]:
        return filesystem_of(self.root)

    @property
    def filesystem(self) -> pafs.FileSystem:
        """The file system the lake lies in."""
        return self._place[0]

    def _path(self, *parts: str) -> str:
        return "/".join((self._place[1].rstrip("/"), *parts))

    def location(self, table: str, partition: str | None = None) -> str:
        """URI of a table's folder, or of one partition's file."""
        base = self.root if self.root.startswith("s3://") else Path(local_path(self.root)).absolute().as_uri()
        return "/".join((base.rstrip("/"), table, *(_within(partition) if partition is not None else ())))

    # -- identity ----------------------------------------------------------------------------------------------------

    def claim(self, content: str | None = None) -> None:
        """Record what this lake is on first use; refuse to work with one that is something else.

        Args:
            content: what the rows are of (a release, a synthetic hospital); None leaves that open.

        Raises:
            LakeError: the lake was made with another number of shards, another shard hash or from another content.
        """
        recorded = self.identity()
        wanted = {"format": 1, "subject_shards": self.subject_shards, "shard_hash": SHARD_HASH}
        for name, value in wanted.items():
            if recorded and recorded.get(name) != value:
                raise LakeError(
                    f"lake {self.root}: expected {name}={value}, found {recorded.get(name)} in its {IDENTITY}. A "
                    f"patient's shard depends on it, so rows would be lost or doubled. Set CLINICAL_SUBJECT_SHARDS to "
                    f"the recorded number, or name another lake (CLINICAL_LAKE) to start afresh."
                )
        known = recorded.get("content")
        if content is not None and known not in (None, content):
            raise LakeError(
                f"lake {self.root}: it holds patients of {known!r}; the sources are {content!r}. Mixing them would "
                "give tables of two hospitals. Name another CLINICAL_HOME or CLINICAL_LAKE, or delete this lake first."
            )
        identity = {**recorded, **wanted, **({"content": content} if content else {})}
        if identity != recorded:
            self._write_small(self._path(IDENTITY), identity)

    def identity(self) -> dict[str, Any]:
        """What `claim` recorded; empty for a new lake."""
        return self._read_small(self._path(IDENTITY)) or {}

    # -- reading -----------------------------------------------------------------------------------------------------

    def partitions(self, table: str) -> list[str]:
        """Partitions a table has files for, in order."""
        self._finish_commits(table)
        found = self.filesystem.get_file_info(pafs.FileSelector(self._path(table), allow_not_found=True))
        parts = [f.base_name.partition("=") for f in found]
        return sorted(name for folder, _, name in parts if folder in (SHARD_FOLDER, BATCH_FOLDER))

    def scan(self, table: str, partitions: Sequence[str] | None = None) -> pl.LazyFrame:
        """The table's rows: of the given partitions in their order, or of the one unpartitioned file.

        Raises:
            LakeError: a file is missing (the table was never materialized), naming it.
        """
        self._finish_commits(table)
        files = [self._file(table, p) for p in partitions] if partitions is not None else [self._file(table, None)]
        missing = [f.path for f in self.filesystem.get_file_info(files) if f.type != pafs.FileType.File]
        if missing:
            raise LakeError(
                f"table {table}: expected {len(files)} Parquet file(s), {len(missing)} missing, the first "
                f"{missing[0]}. Materialize {table} (all the partitions that are asked for) first."
            )
        if isinstance(self.filesystem, pafs.S3FileSystem):
            return pl.scan_parquet(
                [f"s3://{f}" for f in files],
                glob=False,
                hive_partitioning=False,
                storage_options=polars_storage_options(),
            )
        return pl.scan_parquet(files, glob=False, hive_partitioning=False)

    def with_columns(self, table: str, partitions: Sequence[str], columns: Sequence[str]) -> list[str]:
        """Those of the partitions whose files have just these columns: others are of another version of the code.

        One scan cannot read both: whoever judges a whole table judges those, and says that the others are to be made.
        """
        footers = ((partition, self.stored(table, partition)) for partition in partitions)
        wanted = set(columns)
        return [
            name
            for name, footer in footers
            if footer is not None and set(footer.schema.to_arrow_schema().names) == wanted
        ]

    def stored(self, table: str, partition: str | None = None) -> pq.FileMetaData | None:
        """The Parquet footer of one file (row count, provenance), or None where there is no such file."""
        self._finish_commits(table)
        path = self._file(table, partition)
        if not self._is_file(path):
            return None
        with self.filesystem.open_input_file(path) as file:
            return pq.read_metadata(file)

    def held(self, table: str, partition: str | None = None) -> StoredFile | None:
        """Rows, size and place of one file, as `write` reported them; None where there is no such file."""
        footer = self.stored(table, partition)
        if footer is None:
            return None
        file = self.filesystem.get_file_info(self._file(table, partition))
        return StoredFile(self.location(table, partition or ""), footer.num_rows, file.size or 0)

    def version(self, table: str, partitions: Sequence[str] | None = None) -> str:
        """The version of a stored table, of those of the given partitions it has; `absent` without files.

        Args:
            table: path of the table.
            partitions: None for all.
        """
        present = self.partitions(table)
        wanted = [p for p in present if partitions is None or p in partitions]
        names: list[str | None] = [*wanted] or ([] if present else [None])
        footers = [footer for name in names if (footer := self.stored(table, name)) is not None]
        if not footers:
            return "absent"
        versions = [(f.metadata or {}).get(VERSION.encode(), b"unversioned").decode() for f in footers]
        return versions[0] if len(versions) == 1 else hashlib.sha256("|".join(versions).encode()).hexdigest()[:16]

    # -- writing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def write(
        self, table: str, schema: pa.Schema, partitions: Sequence[str] | None, provenance: Mapping[str, str]
    ) -> Iterator[TableWriter]:
        """Replace the given partitions (None: the whole unpartitioned table) when the block ends without an error.

        Every named partition gets a file, an empty one where no row was written: "no rows" is not "never made".

        Args:
            table: path of the table, e.g. `stays/icu_stays`.
            schema: the files' schema.
            partitions: those to replace; others stay as they are.
            provenance: kept in every file's Parquet metadata (code version, input versions); no time, so that the
                same input gives the same bytes.
        """
        names: list[str | None] = [None] if partitions is None else list(partitions)
        moves: dict[str, str] = {}
        with self._staging(table, moves) as folder:
            writer = TableWriter(self.filesystem, folder, schema.with_metadata(dict(provenance)), names)
            try:
                yield writer
                writer.close()
            except BaseException:
                writer.discard()
                raise
            moves |= {writer.staged(name): self._file(table, name) for name in names}
        files = self.filesystem.get_file_info(list(moves.values()))
        writer.stored = {
            name: StoredFile(self.location(table, name or ""), writer.rows[name], file.size or 0)
            for name, file in zip(names, files, strict=True)
        }

    def write_files(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Replace files that belong together (a model and its contract) in one atomic write.

        Files of the folder that are not among the new ones go, so that nobody reads a new model beside an old plot; a
        table's own Parquet file in the same folder stays.

        Args:
            folder: path below the root, e.g. `models/risk_model/outcome=mortality`.
            files: content by name.
        """
        moves: dict[str, str] = {}
        removes: list[str] = []
        with self._staging(folder, moves, removes) as staging:
            removes += sorted(f.path for f in self._files_in(folder) if f.base_name not in (*files, FILE))
            for name, content in files.items():
                # Else a name that ends in .gz would be packed, once more if it already is.
                with self.filesystem.open_output_stream(f"{staging}/{name}", compression=None) as file:
                    file.write(content)
                moves[f"{staging}/{name}"] = self._path(folder, name)

    def read_files(self, folder: str) -> dict[str, bytes]:
        """The files of a folder by name; empty where there is none."""
        self._finish_commits(folder)
        contents: dict[str, bytes] = {}
        for entry in self._files_in(folder):
            with self.filesystem.open_input_stream(entry.path, compression=None) as file:
                contents[entry.base_name] = file.readall()
        return contents

    def _files_in(self, folder: str) -> list[pafs.FileInfo]:
        found = self.filesystem.get_file_info(pafs.FileSelector(self._path(folder), allow_not_found=True))
        return [entry for entry in found if entry.type == pafs.FileType.File]

    @contextmanager
    def _staging(self, target: str, moves: Mapping[str, str], removes: Sequence[str] = ()) -> Iterator[str]:
        """A folder to stage files in; at the end of the block they are moved as `moves` says, on an error dropped."""
        self.claim()
        self._finish_commits(target)
        self._sweep(target)
        folder = self._path(STAGING, target, owned_name())
        self._make_folder(folder)
        try:
            yield folder
            self._write_small(f"{folder}/{COMMIT}", {"moves": dict(moves), "removes": list(removes)})
        except BaseException:
            with suppress(OSError):
                self.filesystem.delete_dir(folder)
            raise
        self._finish_commit(folder)

    def _file(self, table: str, partition: str | None) -> str:
        return self._path(table, *_within(partition or ""))

    def _finish_commits(self, table: str) -> None:
        """Finish what writers left between their commit record and the last move."""
        selector = pafs.FileSelector(self._path(STAGING, table), allow_not_found=True)
        for entry in self.filesystem.get_file_info(selector):
            if entry.type == pafs.FileType.Directory:
                self._finish_commit(entry.path)

    def _finish_commit(self, folder: str) -> None:
        record = self._read_small(f"{folder}/{COMMIT}")
        if record is None:
            return
        for staged, final in record["moves"].items():
            self._make_folder(final.rpartition("/")[0])
            # A reader may be finishing the same commit at the same time: whoever comes second finds the file gone.
            if self._is_file(staged):
                try:
                    self._move(staged, final)
                except OSError:
                    if self._is_file(staged):
                        raise
        for number, old in enumerate(record.get("removes", ())):
            # Into the staging folder, which is gone once the commit is finished: whoever comes late removes nothing
            # that was written since.
            if self._is_file(f"{folder}/{COMMIT}") and self._is_file(old):
                try:
                    self.filesystem.move(old, f"{folder}/removed-{number}")
                except OSError:
                    if self._is_file(f"{folder}/{COMMIT}") and self._is_file(old):
                        raise
        with suppress(FileNotFoundError):
            self.filesystem.delete_dir(folder)

    def _move(self, staged: str, final: str) -> None:
        if isinstance(self.filesystem, pafs.S3FileSystem):
            size = self.filesystem.get_file_info(staged).size or 0
            if size > s3_copy.COPY_IN_PARTS_ABOVE:
                s3_copy.copy_in_parts(staged, final, size, s3_endpoint())
                self.filesystem.delete_file(staged)
                return
        self.filesystem.move(staged, final)

    def _sweep(self, table: str) -> None:
        """Remove what killed writers staged and never committed."""
        selector = pafs.FileSelector(self._path(STAGING, table), allow_not_found=True)
        for entry in self.filesystem.get_file_info(selector):
            if entry.type != pafs.FileType.Directory:
                continue
            left = owner_is_dead(entry.base_name) or (owner_is_elsewhere(entry.base_name) and self._abandoned(entry))
            if left:
                with suppress(FileNotFoundError):
                    self.filesystem.delete_dir(entry.path)

    def _abandoned(self, folder: pafs.FileInfo) -> bool:
        """Whether nothing in a staging folder has changed for so long that nobody can be writing to it."""
        within = self.filesystem.get_file_info(pafs.FileSelector(folder.path, allow_not_found=True, recursive=True))
        changed = [entry.mtime for entry in (folder, *within) if entry.mtime is not None]
        return bool(changed) and datetime.now(UTC) - max(changed) > ABANDONED_AFTER

    def _make_folder(self, path: str) -> None:
        """Make a folder; S3 needs none, and would take a request for each level of it to mark them."""
        if not isinstance(self.filesystem, pafs.S3FileSystem):
            self.filesystem.create_dir(path, recursive=True)

    def _is_file(self, path: str) -> bool:
        return bool(self.filesystem.get_file_info(path).type == pafs.FileType.File)

    def _read_small(self, path: str) -> dict[str, Any] | None:
        try:
            with self.filesystem.open_input_stream(path) as file:
                return cast(dict[str, Any], json.loads(file.readall()))
        except FileNotFoundError:
            return None

    def _write_small(self, path: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file atomically: a stream to a new name, then a move."""
        self._make_folder(path.rpartition("/")[0])
        unfinished = f"{path}.{uuid.uuid4().hex}"
        with self.filesystem.open_output_stream(unfinished) as file:
            file.write(json.dumps(content, indent=1, sort_keys=True).encode())
        self.filesystem.move(unfinished, path)


class TableWriter:
    """Stages one file per partition; made by `Lake.write`."""

    def __init__(
        self, filesystem: pafs.FileSystem, folder: str, schema: pa.Schema, partitions: Sequence[str | None]
    ) -> None:
        self._filesystem = filesystem
        self._folder = folder
        self._schema = schema
        self._writers: dict[str | None, pq.ParquetWriter] = {}
        self.rows: dict[str | None, int] = dict.fromkeys(partitions, 0)
        self.stored: dict[str | None, StoredFile] = {}

    def staged(self, partition: str | None) -> str:
        """Where the partition's file is staged."""
        return f"{self._folder}/{'whole' if partition is None else partition}.parquet"

    def write(self, partition: str | None, rows: pa.Table) -> None:
        """Append rows to a partition's file.

        Raises:
            LakeError: the partition is not among those being replaced.
        """
        if partition not in self.rows:
            raise LakeError(f"expected rows of partitions {sorted(map(str, self.rows))}; found rows of {partition!r}")
        if partition not in self._writers:
            schema = _as_encoded(self._schema, rows.schema)
            self._writers[partition] = pq.ParquetWriter(
                self.staged(partition),
                schema,
                filesystem=self._filesystem,
                compression="zstd",
                store_schema=False,
                **_encodings(schema),
            )
            # The declared schema, not how text was encoded in memory.
            stored = {"ARROW:schema": base64.b64encode(self._schema.serialize()).decode()}
            self._writers[partition].add_key_value_metadata({**stored, **_text(self._schema.metadata)})
        self._writers[partition].write_table(rows.cast(self._writers[partition].schema), row_group_size=ROWS_PER_GROUP)
        self.rows[partition] += rows.num_rows

    def take_back(self, partition: str | None) -> Iterator[pa.Table]:
        """The rows written to a partition so far, in order; afterwards its file begins anew."""
        if partition not in self._writers:
            return
        self._writers.pop(partition).close()
        self.rows[partition] = 0
        with self._filesystem.open_input_file(self.staged(partition)) as file:
            written = pq.ParquetFile(file)
            for group in range(written.num_row_groups):
                yield written.read_row_group(group).cast(self._schema)

    def finish(self, partition: str | None) -> None:
        """Close a partition's file before the others, to give its memory back; an empty one if nothing was written."""
        if partition not in self._writers:
            self.write(partition, self._schema.empty_table())
        self._writers[partition].close()

    def close(self) -> None:
        """Close every file."""
        for partition in self.rows:
            self.finish(partition)

    def discard(self) -> None:
        """Close what is open; the staged files are about to be deleted."""
        for writer in self._writers.values():
            with suppress(Exception):
                writer.close()


def _text(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (metadata or {}).items()}


def _as_encoded(declared: pa.Schema, found: pa.Schema) -> pa.Schema:
    """The declared schema, with text as its rows have it: plain, or with a dictionary."""
    for field in found:
        if pa.types.is_dictionary(field.type) and field.name in declared.names:
            declared = declared.set(declared.get_field_index(field.name), field)
    return declared


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """How columns are stored: whole numbers, days and times as differences, the rest with a dictionary.

    On chart events that takes two thirds of the bytes of a dictionary for everything, and with a page for a whole group
    of rows and ranges for those columns alone (nobody looks for a range of text) half of the time.
    """
    stepwise = [
        f.name for f in schema if pa.types.is_int64(f.type) or pa.types.is_timestamp(f.type) or pa.types.is_date(f.type)
    ]
    return {
        "use_dictionary": [f.name for f in schema if f.name not in stepwise],
        "column_encoding": dict.fromkeys(stepwise, "DELTA_BINARY_PACKED"),
        "write_statistics": stepwise,
        "max_rows_per_page": ROWS_PER_GROUP,
        "data_page_size": PAGE_BYTES,
        "write_batch_size": 1 << 16,
    }


def _within(partition: str) -> tuple[str, ...]:
    if not partition:
        return (FILE,)
    return (f"{SHARD_FOLDER if partition.isdecimal() else BATCH_FOLDER}={partition}", FILE)
