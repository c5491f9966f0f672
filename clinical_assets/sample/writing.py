"""Frames to the CSV files of a release: columns in the catalogue's order, gzip streams open while blocks come.

A generator names its columns; the catalogue says which there are, in what order and of what type. The bytes depend on
the rows alone: gzip headers carry neither time nor file name.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import polars as pl

from clinical_assets.mimic.catalogue import RELEASES, TABLES
from clinical_assets.tables import SourceTable, Type

HOSPITAL_RELEASES = ("mimiciv/3.1", "mimic-iv-ed/2.2", "mimic-cxr-jpg/2.1.0", "mimic-iv-note/2.2")
COMPRESSION = 1

FOLDERS: Mapping[str, str] = {path: folder for folder in HOSPITAL_RELEASES for path in RELEASES[folder].tables}
"""The release folder of every table the hospital writes, by table path."""


class LayoutError(ValueError):
    """A generated frame doesn't have the catalogue's columns."""


def file_of(path: str) -> str:
    """The file of a table below the hospital's root, e.g. `mimiciv/3.1/hosp/labevents.csv.gz`."""
    return f"{FOLDERS[path]}/{TABLES[path].file}.csv.gz"


def laid_out(frame: pl.DataFrame, table: SourceTable) -> pl.DataFrame:
    """The frame with the table's columns in file order, as they are printed.

    Args:
        frame: times as whole seconds since 1970 (or as dates and datetimes), everything else as in the catalogue.
        table: what the file must look like.

    Raises:
        LayoutError: a column is missing or unknown.
    """
    missing = [c for c in table.column_names if c not in frame.columns]
    unknown = [c for c in frame.columns if c not in table.column_names]
    if missing or unknown:
        raise LayoutError(
            f"{table.path}: expected exactly the catalogue's columns; found missing {missing}, unknown {unknown}; "
            "correct the generator or the catalogue"
        )
    return frame.select(_printed(pl.col(c.name), c.type, frame.schema[c.name]).alias(c.name) for c in table.columns)


def _printed(column: pl.Expr, of_type: Type, found: pl.DataType) -> pl.Expr:
    if found == pl.Null:
        return column.cast(pl.String)
    if of_type in (Type.TIMESTAMP, Type.DATE):
        if found.is_numeric():
            column = pl.from_epoch(column.cast(pl.Int64), time_unit="s")
        return column.cast(pl.Datetime("us") if of_type is Type.TIMESTAMP else pl.Date)
    if of_type is Type.INTEGER:
        return column.cast(pl.Int64)
    if found.is_float():
        # Releases write 98, not 98.0.
        return column.cast(pl.String).str.strip_suffix(".0")
    return column.cast(pl.String)


class Files:
    """The open files of a hospital; use as a context manager.

    Attributes:
        rows: written so far, by table path.
    """

    def __init__(self, root: Path) -> None:
        self.rows: dict[str, int] = dict.fromkeys(FOLDERS, 0)
        self._root = root
        self._streams: dict[str, gzip.GzipFile] = {}
        self._open = ExitStack()

    def __enter__(self) -> Files:
        for path in FOLDERS:
            file = self._root / file_of(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            raw = self._open.enter_context(file.open("wb"))
            stream = self._open.enter_context(
                gzip.GzipFile(filename="", mode="wb", compresslevel=COMPRESSION, fileobj=raw, mtime=0)
            )
            stream.write((",".join(TABLES[path].column_names) + "\n").encode())
            self._streams[path] = stream
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def append(self, path: str, frame: pl.DataFrame) -> None:
        """Append a frame's rows to a table's file.

        Raises:
            KeyError: the hospital has no such table.
            LayoutError: the frame doesn't have the table's columns.
        """
        buffer = io.BytesIO()
        laid_out(frame, TABLES[path]).write_csv(
            buffer, include_header=False, datetime_format="%Y-%m-%d %H:%M:%S", date_format="%Y-%m-%d"
        )
        self._streams[path].write(buffer.getbuffer())
        self.rows[path] += frame.height
