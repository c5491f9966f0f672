"""Reading many small files of a release, several at a time, into one table; nothing is copied to disk.

A file that is not there or cannot be read is a row that says so: one broken file never takes the others down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, BinaryIO

import polars as pl

from clinical_assets.tables import Table

OpenFile = Callable[[str], AbstractContextManager[BinaryIO]]
"""A file's bytes by its path; FileNotFoundError where there is none."""

ListFolder = Callable[[str], Iterable[str]]
"""Paths of the files directly in a folder; none where there is no such folder."""

READERS = 8
BATCH = 2_000
"""Files whose facts are held as Python objects at a time."""


def facts_of_files(
    files: pl.DataFrame,
    numbers: Sequence[str],
    facts: Callable[[dict[str, Any]], dict[str, Any]],
    table: Table,
    readers: int = READERS,
) -> pl.DataFrame:
    """One row of `table` per row of `files`, in the same order.

    Args:
        files: what to read.
        numbers: columns of `files` that the table takes over.
        facts: the table's other columns for one row, those that are null left out; called from several threads.
        table: what the rows are of.
        readers: files open at a time.
    """
    frames = [table.empty()]
    with ThreadPoolExecutor(readers) as pool:
        for rows in _batches(files.iter_rows(named=True)):
            found = [
                {**{n: row[n] for n in numbers}, **fact} for row, fact in zip(rows, pool.map(facts, rows), strict=True)
            ]
            frames.append(pl.DataFrame(found, schema=table.polars_schema))
    return pl.concat(frames)


def files_nobody_named(
    files: pl.DataFrame, number: str, list_folder: ListFolder, suffix: str, readers: int = READERS
) -> pl.DataFrame:
    """Files that lie in the folders of `files` beside them, as further rows: a report (SR) among images, say.

    Args:
        files: `file` and numbers, the same for all files of a folder but for `number`.
        number: column with the name of the file, without its suffix; files of a name in it are not told again.
        list_folder: lists a folder; called from several threads.
        suffix: of the files wanted, e.g. `.dcm`.
        readers: folders listed at a time.
    """
    folder = pl.col("file").str.replace(r"/[^/]*$", "")
    folders = files.with_columns(folder=folder).unique("folder", keep="first", maintain_order=True)
    with ThreadPoolExecutor(readers) as pool:
        listed = pool.map(lambda path: sorted(list_folder(path)), folders["folder"])
        found = [
            {**row, "file": path, number: path.rpartition("/")[2].removesuffix(suffix)}
            for row, paths in zip(folders.drop("folder").iter_rows(named=True), listed, strict=True)
            for path in paths
            if path.endswith(suffix)
        ]
    return pl.DataFrame(found, files.schema).join(files, on=number, how="anti").unique(number, maintain_order=True)


def all_missing(files: pl.DataFrame, numbers: Sequence[str], table: Table) -> pl.DataFrame:
    """The same rows where the release is not at hand: no file need be asked for."""
    absent: Mapping[str, pl.Expr] = {
        column.name: pl.lit("missing" if column.name == "status" else None, column.type.polars)
        for column in table.columns
        if column.name not in numbers
    }
    return files.select(*numbers, **absent).select(table.column_names)


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH)):
        yield batch
