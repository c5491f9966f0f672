"""One CSV file of a release to typed Arrow tables, in one streaming pass and bounded memory.

Every value keeps its meaning: text stays text (`___`, `1-2`, `007`), an empty field is null, nothing is guessed. A
value that is not of its column's declared type stops the file with its line, column and value; in a column declared
dirty (`Column.quarantined`) it sends its row to the quarantine instead, and is counted.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from clinical_assets.mimic.csv_records import (
    BLOCK_BYTES,
    BYTE_ORDER_MARK,
    Block,
    SourceFileError,
    blocks,
    check_records,
    outside_quotes,
    positions,
)
from clinical_assets.tables import SourceTable, Type

LONGEST_HEADER = 10_000
"""Characters of a header line; the widest table of the catalogue has about 500."""
PARSERS = 2
"""Blocks parsed at a time."""
ENCODED_TEXT = pa.dictionary(pa.int32(), pa.large_string())
MOST_DIFFERENT = 0.1
"""Of the first block's values, the share that may differ for text to be worth encoding."""

QUARANTINE_SCHEMA = pa.schema(
    [("line", pa.int64()), ("column", pa.large_string()), ("value", pa.large_string()), ("record", pa.large_string())]
)
"""One row per refused row of a file: its line, the first wrong column, that value, and the whole record as text."""
NOTHING_REFUSED = QUARANTINE_SCHEMA.empty_table()


@dataclass(frozen=True)
class Rows:
    """Typed rows of one block, and the rows of that block that were refused."""

    table: pa.Table
    quarantined: pa.Table


def read(
    raw: BinaryIO,
    file: str,
    table: SourceTable,
    absent: Sequence[str] = (),
    *,
    block_bytes: int = BLOCK_BYTES,
    encode_text: bool = False,
) -> Iterator[Rows]:
    """Read a file of `table`.

    Args:
        raw: the file's bytes, gzip or plain.
        file: path named in errors.
        table: the declaration; its columns come out in declared order and type.
        absent: columns this release may lack; they come out null where the header does not name them.
        block_bytes: about how many inflated bytes are parsed at a time.
        encode_text: text of few different values comes out dictionary-encoded, which is much cheaper to sort and
            store. Which columns those are the first block decides, for the whole file.

    Yields:
        At least one `Rows`, in file order; a file with only a header yields an empty one.

    Raises:
        SourceFileError: wrong header, a value of the wrong type, a wrong number of fields, a truncated or corrupt
            gzip, a stray quote; with file, line, column and value. Of several faults, the first one in the file.
    """
    stream = blocks(raw, file, block_bytes=block_bytes)
    first = next(stream, None)
    if first is None:
        raise SourceFileError(file, "expected a header line; found an empty file. Download it again.")
    check_records(first, file)
    header = _header(first, file, table, absent)
    parser = _BlockParser(file, table, header)
    first = first.without_first_line()
    rows = parser.parse(first) if first.data else Rows(table.arrow_schema.empty_table(), NOTHING_REFUSED)
    if encode_text:
        rows = parser.encode_text_like(rows)
    yield rows
    yield from _ahead(parser.parse, stream)


def _ahead(parse: Callable[[Block], Rows], stream: Iterator[Block]) -> Iterator[Rows]:
    """Parse a few blocks while the caller works on the ones before; results stay in order."""
    threads = ThreadPoolExecutor(PARSERS)
    pending: deque[Future[Rows]] = deque()
    try:
        while (block := _next_or_first_fault(stream, pending)) is not None:
            pending.append(threads.submit(parse, block))
            if len(pending) > PARSERS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # Not waiting, for the same reason as the reading of the file.
        threads.shutdown(wait=False, cancel_futures=True)


def _next_or_first_fault(stream: Iterator[Block], pending: deque[Future[Rows]]) -> Block | None:
    """The next block; where there is none because of a fault, a fault of the blocks before it comes first."""
    try:
        return next(stream, None)
    except SourceFileError:
        while pending:
            pending.popleft().result()
        raise


def _header(block: Block, file: str, table: SourceTable, absent: Sequence[str]) -> list[str]:
    """The file's columns by their declared names."""
    end = block.data.find(b"\n") + 1
    line = block.data[:end].decode("utf-8", "replace").rstrip("\r\n")
    # Longer than any header: something else than CSV, which need not be shown whole.
    found = next(csv.reader([line]), []) if len(line) <= LONGEST_HEADER else [line[:40] + "..."]
    # The demo 2.2 spells two columns of procedureevents in capitals.
    declared = {name.lower(): name for name in table.column_names}
    names = [declared.get(name.lower(), name) for name in found]
    missing = [name for name in declared.values() if name not in names and name not in absent]
    unexpected = [name for name in names if name not in declared.values()]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if missing or unexpected or repeated:
        faults = {"missing": missing, "unexpected": unexpected, "repeated": repeated}
        raise SourceFileError(
            file,
            f"expected the header of {table.path} ({', '.join(declared.values())}); found "
            + "; ".join(f"{fault}: {', '.join(map(repr, which))}" for fault, which in faults.items() if which)
            + ". Check that the file belongs to a release the catalogue knows.",
            line=1,
        )
    return names


class _BlockParser:
    """Parses the blocks of one file: fast with Arrow's typed parser, slowly when a value is not of its type."""

    def __init__(self, file: str, table: SourceTable, header: list[str]) -> None:
        self._file = file
        self._table = table
        self._header = header
        self._schema = table.arrow_schema
        self._types = {name: self._schema.field(name).type for name in header}
        self._finite = [c.name for c in table.columns if c.type is Type.FLOAT and c.name in header]

    def encode_text_like(self, first: Rows) -> Rows:
        """From now on encode the text that is worth it judging by the file's first rows; these are given back so."""
        for name, to in self._types.items():
            if pa.types.is_large_string(to):
                encoded = first.table[name].combine_chunks().dictionary_encode()
                if len(encoded) and len(encoded.dictionary) <= len(encoded) * MOST_DIFFERENT:
                    self._types[name] = ENCODED_TEXT
                    self._schema = self._schema.set(self._schema.get_field_index(name), pa.field(name, ENCODED_TEXT))
        return Rows(first.table.cast(self._schema), first.quarantined)

    def parse(self, block: Block) -> Rows:
        quoted_line_ends = check_records(block, self._file)
        try:
            parsed = self._parse(block, self._types, quoted_line_ends)
        except pa.ArrowInvalid:
            return self._parse_with_care(block, quoted_line_ends)
        for name in self._finite:
            # Arrow reads "nan" and "inf" as numbers; no release writes them.
            if pc.all(pc.is_finite(parsed[name])).as_py() is False:
                return self._parse_with_care(block, quoted_line_ends)
        return Rows(self._declared(parsed), NOTHING_REFUSED)

    def _parse(self, block: Block, types: Mapping[str, pa.DataType], quoted_line_ends: bool) -> pa.Table:
        # At the beginning of what it is given Arrow drops a byte order mark; only the file's own may go.
        data = BYTE_ORDER_MARK + block.data if block.data.startswith(BYTE_ORDER_MARK) else block.data
        return pacsv.read_csv(
            pa.BufferReader(data),
            # In one piece, since a record may be as long as the block; other blocks keep the other cores busy.
            read_options=pacsv.ReadOptions(column_names=self._header, block_size=len(data) + 1, use_threads=False),
            parse_options=pacsv.ParseOptions(newlines_in_values=quoted_line_ends, ignore_empty_lines=False),
            convert_options=pacsv.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                # The releases write an absent value as nothing and an empty text as "": two different facts.
                quoted_strings_can_be_null=False,
                timestamp_parsers=[pacsv.ISO8601],
            ),
        )

    def _declared(self, parsed: pa.Table) -> pa.Table:
        columns = [
            parsed[field.name].cast(field.type) if field.name in self._types else pa.nulls(parsed.num_rows, field.type)
            for field in self._schema
        ]
        return pa.table(columns, schema=self._schema)

    def _parse_with_care(self, block: Block, quoted_line_ends: bool) -> Rows:
        """Read every field as text, then find the values that are not of their type."""
        try:
            text = self._parse(block, dict.fromkeys(self._header, pa.large_string()), quoted_line_ends)
        except pa.ArrowInvalid:
            raise self._malformed_record(block) from None
        lines = self._lines(block, text, quoted_line_ends)
        bad: dict[int, str] = {}
        good: dict[str, pa.ChunkedArray] = {}
        # Dirty columns last: a row is never hidden in the quarantine for one of them if another column is wrong too.
        for name in sorted(self._header, key=lambda name: self._table.column(name).quarantined):
            values, wrong = _convert(text[name].combine_chunks(), self._types[name])
            good[name] = values
            for row in wrong:
                bad.setdefault(row, name)
        for row in sorted(bad):
            if not self._table.column(bad[row]).quarantined:
                raise SourceFileError(
                    self._file,
                    f"expected {self._table.column(bad[row]).type.value}; found {text[bad[row]][row].as_py()[:40]!r}. "
                    "Correct the value, or declare the column quarantined in the catalogue if the release is known "
                    "to hold such values.",
                    line=int(lines[row]),
                    column=bad[row],
                )
        keep = pa.array(np.isin(np.arange(text.num_rows), list(bad), invert=True))
        kept = pa.table({name: good[name] for name in self._header}).filter(keep)
        return Rows(self._declared(kept), self._quarantine(lines, text, bad))

    @staticmethod
    def _quarantine(lines: npt.NDArray[np.int64], text: pa.Table, bad: dict[int, str]) -> pa.Table:
        records = [list(text.slice(row, 1).to_pylist()[0].values()) for row in sorted(bad)]
        return pa.table(
            [
                [int(lines[row]) for row in sorted(bad)],
                [bad[row] for row in sorted(bad)],
                [text[bad[row]][row].as_py() for row in sorted(bad)],
                [_as_csv(record) for record in records],
            ],
            schema=QUARANTINE_SCHEMA,
        )

    @staticmethod
    def _lines(block: Block, text: pa.Table, quoted_line_ends: bool) -> npt.NDArray[np.int64]:
        """The line each record starts on: one per record before it, and one per newline inside their quotes."""
        within = np.zeros(text.num_rows, np.int64)
        if quoted_line_ends:
            for values in text.columns:
                within += pc.fill_null(pc.count_substring(values, "\n"), 0).to_numpy()
        lines: npt.NDArray[np.int64] = block.first_line + np.arange(text.num_rows) + np.cumsum(within) - within
        return lines

    def _malformed_record(self, block: Block) -> SourceFileError:
        """Which record has a wrong number of fields, or is not UTF-8."""
        try:
            block.data.decode("utf-8")
        except UnicodeDecodeError as error:
            return SourceFileError(
                self._file,
                f"expected UTF-8; found the bytes {block.data[error.start : error.start + 4]!r}. Convert the file.",
                line=block.first_line + block.data.count(b"\n", 0, error.start),
            )
        commas = positions(block.data, b",")
        commas, ends = commas[outside_quotes(commas, block.quotes)], block.ends
        fields = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
        wrong = np.flatnonzero(fields != len(self._header))
        if not wrong.size:
            return SourceFileError(self._file, "expected CSV; found a block Arrow can't parse", line=block.first_line)
        start = int(ends[wrong[0] - 1]) + 1 if wrong[0] else 0
        return SourceFileError(
            self._file,
            f"expected {len(self._header)} fields; found {int(fields[wrong[0]])}. Correct the line.",
            line=block.first_line + block.data.count(b"\n", 0, start),
        )


def _convert(values: pa.Array, to: pa.DataType) -> tuple[pa.Array, list[int]]:
    """Values in type `to` (null where they are not of it), and the rows where they are not."""
    if pa.types.is_large_string(to) or pa.types.is_dictionary(to):
        return values, []
    if pa.types.is_integer(to) or pa.types.is_floating(to) or pa.types.is_date(to):
        values = pc.ascii_trim(values, " \t")  # as Arrow's typed parser does
    wrong = _not_of_type(values, to, 0)
    if wrong:
        values = pc.if_else(pa.array(np.isin(np.arange(len(values)), wrong)), pa.scalar(None, values.type), values)
    return values.cast(to), wrong


def _not_of_type(values: pa.Array, to: pa.DataType, offset: int) -> list[int]:
    """Rows whose text Arrow can't read as `to`, by halving: cheap when they are few."""
    try:
        read = values.cast(to)
        if not pa.types.is_floating(to) or pc.all(pc.is_finite(read)).as_py() is not False:
            return []
    except pa.ArrowInvalid:
        pass
    if len(values) == 1:
        return [offset]
    half = len(values) // 2
    return _not_of_type(values[:half], to, offset) + _not_of_type(values[half:], to, offset + half)


def _as_csv(record: Sequence[str | None]) -> str:
    """The record as a CSV line that reads back as the same values, null and empty text apart."""
    return ",".join("" if value is None else _quoted(value) for value in record)


def _quoted(value: str) -> str:
    if value and not any(special in value for special in ',"\r\n'):
        return value
    return '"' + value.replace('"', '""') + '"'


def to_polars(rows: pa.Table) -> pl.DataFrame:
    """The same rows as a polars frame, without copying."""
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return frame
