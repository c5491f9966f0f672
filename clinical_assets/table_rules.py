"""What any table must satisfy, judged from its declaration. Pure: frames in, findings out.

Counts and column names only: a finding never quotes a value, since values are patients'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from clinical_assets.tables import Table

Record = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Finding:
    """The judgement of one rule on one table.

    Attributes:
        passed: whether the rule holds.
        description: what was expected and what was found, in a sentence.
        counts: figures behind it.
        rows: a small table behind it (column, count ...), as records.
    """

    passed: bool
    description: str
    counts: Mapping[str, int | float] = field(default_factory=dict)
    rows: tuple[Record, ...] = ()


def schema(found: pl.Schema, nulls: Mapping[str, int], table: Table, others: Sequence[str] = ()) -> Finding:
    """Declared columns, in order, of the declared types, and no null where none is allowed.

    Args:
        found: the stored schema.
        nulls: null count of each column.
        table: the declaration.
        others: partitions with other columns, which were left out of `found` and `nulls`.
    """
    if others:
        return Finding(
            False,
            f"expected {len(table.columns)} declared columns in every partition; found {len(others)} partitions with "
            f"others, the first {others[0]}: another version of the code made them. Materialize {table.path} for them",
            {"partitions_with_other_columns": len(others)},
        )
    faults: list[Record] = [
        {"column": c.name, "expected": str(c.type.polars), "found": str(found.get(c.name, "missing"))}
        for c in table.columns
        if found.get(c.name) != c.type.polars
    ]
    faults += [
        {"column": name, "expected": "no such column", "found": str(kind)}
        for name, kind in found.items()
        if name not in table.column_names
    ]
    faults += [
        {"column": c.name, "expected": "no nulls", "found": f"{nulls[c.name]} nulls"}
        for c in table.columns
        if not c.nullable and nulls.get(c.name)
    ]
    if not faults and list(found) != table.column_names:
        faults = [{"column": "(order)", "expected": ", ".join(table.column_names), "found": ", ".join(found)}]
    wrong = ", ".join(sorted({str(f["column"]) for f in faults}))
    return Finding(
        not faults,
        f"expected {len(table.columns)} declared columns; found {len(faults)} fault(s) in {wrong}"
        if faults
        else f"{len(table.columns)} columns as declared",
        {"faults": len(faults)},
        tuple(faults),
    )


def key(frame: pl.LazyFrame, table: Table, within: Sequence[str] = ()) -> Finding:
    """Each combination of the primary key's columns occurs once (nulls count as a value).

    Args:
        frame: the rows.
        table: the declaration.
        within: columns whose every value may have the key once.
    """
    repeated = frame.group_by(*within, *table.primary_key).len("times").filter(pl.col("times") > 1)
    found = repeated.select(keys=pl.len(), rows=pl.col("times").sum()).collect(engine="streaming")
    keys, rows = int(found["keys"][0]), int(found["rows"][0] or 0)
    names = ", ".join(table.primary_key)
    return Finding(
        keys == 0,
        f"({names}) is unique"
        if not keys
        else f"expected ({names}) to be unique; found {keys:,} repeated keys on {rows:,} rows",
        {"repeated_keys": keys, "rows_with_repeated_keys": rows},
    )


def published_rows(rows: int, published: int, partitions_missing: int) -> Finding:
    """The row count the release's publisher counted; only comparable with every shard present."""
    if partitions_missing:
        return Finding(True, f"not compared: {partitions_missing} shard(s) not materialized yet", {"rows": rows})
    return Finding(
        rows == published,
        f"expected {published:,} rows as published; found {rows:,}",
        {"rows": rows, "published_rows": published, "difference": rows - published},
    )


def references(orphans: Mapping[str, int | None], table: Table) -> Finding:
    """Values that must occur elsewhere do.

    Args:
        orphans: distinct values not found, by column; None where the other table is not at hand.
        table: the declaration.
    """
    rows: tuple[Record, ...] = tuple(
        {"column": name, "must occur in": str(table.column(name).references), "not found": count}
        for name, count in orphans.items()
        if count
    )
    skipped = sorted(name for name, count in orphans.items() if count is None)
    said = f"{len(orphans) - len(skipped)} reference(s) checked" + (
        f", {_list(skipped)} without their table" if skipped else ""
    )
    return Finding(
        not rows,
        said if not rows else f"{said}; values not found for {_list([str(r['column']) for r in rows])}",
        {},
        rows,
    )


def plausible(counts: Mapping[str, int], rows: int, table: Table) -> Finding:
    """Numbers inside their plausible bounds, texts among those allowed.

    Args:
        counts: implausible values by column.
        rows: rows of the table.
        table: the declaration.
    """
    found: tuple[Record, ...] = tuple(
        {
            "column": name,
            "implausible": count,
            "per 1000 rows": round(1000 * count / rows, 3),
            "expected": _bounds(name, table),
        }
        for name, count in counts.items()
        if count
    )
    return Finding(
        not found,
        f"{len(counts)} column(s) within bounds"
        if not found
        else f"implausible values in {_list([str(f['column']) for f in found])}",
        {},
        found,
    )


def missingness(nulls: Mapping[str, int], rows: int) -> Finding:
    """Share of nulls per column; a column without any value is worth a warning."""
    shares: tuple[Record, ...] = tuple(
        {"column": name, "missing": count, "missing %": round(100 * count / rows, 2) if rows else 0.0}
        for name, count in nulls.items()
        if count
    )
    empty = [str(s["column"]) for s in shares if rows and s["missing"] == rows]
    said = f"{len(shares)} of {len(nulls)} columns have nulls"
    return Finding(
        not empty, said if not empty else f"{said}; no value at all in {_list(empty)}", {"rows": rows}, shares
    )


def implausible(table: Table) -> dict[str, pl.Expr]:
    """For each column with bounds or a closed set of values, how many values lie outside."""
    outside = {c.name: ~pl.col(c.name).is_between(*c.plausible) for c in table.columns if c.plausible}
    outside |= {c.name: ~pl.col(c.name).is_in(list(c.allowed)) for c in table.columns if c.allowed}
    return {name: rule.sum() for name, rule in outside.items()}


MOST_NAMED = 8
"""Columns a message names; the findings list them all."""


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _bounds(name: str, table: Table) -> str:
    column = table.column(name)
    if column.plausible:
        return f"{column.plausible[0]:g} to {column.plausible[1]:g} {column.unit or ''}".strip()
    return f"one of {len(column.allowed or ())} values"
