"""Which input columns each column of a table is computed from, found by watching what polars asks its sources for.

The rule is run on one made-up row per input, once for each output column; projection pushdown then requests exactly the
columns that output needs, join keys and filters included. Columns that *every* output needs choose the rows rather than
make the value, so they are left out unless nothing else remains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

ColumnsOf = frozenset[tuple[str, str]]
"""Pairs of input name and column name."""

# The same value in every key and time: joins find a partner, so that polars has to ask both sides.
_MADE_UP: Mapping[Any, Any] = {
    pl.Int64: 1,
    pl.Float64: 1.0,
    pl.String: "1",
    pl.Boolean: True,
    pl.Date: date(2150, 1, 1),
    pl.Datetime: datetime(2150, 1, 1),
}
# Shared subplans would be asked for the union of what all their users need.
_FLAGS = pl.QueryOptFlags(comm_subplan_elim=False)


def column_lineage(rule: Callable[..., pl.LazyFrame], inputs: Mapping[str, pl.Schema]) -> dict[str, ColumnsOf]:
    """The input columns behind each output column of a rule.

    Args:
        rule: takes the inputs as keyword arguments, returns a lazy frame.
        inputs: schema of each input, by parameter name.

    Returns:
        For each output column the (input, column) pairs its values come from.
    """
    asked: set[tuple[str, str]] = set()
    output = rule(**{name: _watched(name, schema, asked) for name, schema in inputs.items()})
    needed: dict[str, ColumnsOf] = {}
    for column in output.collect_schema().names():
        asked.clear()
        output.select(column).collect(optimizations=_FLAGS)
        needed[column] = frozenset(asked)
    if len(needed) < 2:
        return needed
    by_all = frozenset.intersection(*needed.values())
    return {column: (columns - by_all) or columns for column, columns in needed.items()}


def _watched(name: str, schema: pl.Schema, asked: set[tuple[str, str]]) -> pl.LazyFrame:
    """A source of one row that notes the columns it is asked for."""

    def rows(
        with_columns: list[str] | None, predicate: pl.Expr | None, _rows: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        columns = list(schema.names()) if with_columns is None else with_columns
        asked.update((name, column) for column in columns)
        if predicate is not None:
            # Noted but not applied: a row must come through for the rest of the plan to be asked.
            asked.update((name, column) for column in predicate.meta.root_names())
        made_up = {column: [_MADE_UP[schema[column].base_type()]] for column in columns}
        yield pl.DataFrame(made_up, schema={column: schema[column] for column in columns})

    return register_io_source(rows, schema=schema)
