"""The concepts as published: their SQL run by DuckDB over the CSV files of a hospital.

The SQL is not part of this repository. `folder` below is `mimic-iv/concepts_duckdb` in a checkout of MIT-LCP/mimic-code
at the commit the declarations name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import polars as pl

from clinical_assets.mimic.inventory import take_inventory
from clinical_assets.tables import Type
from resources.sources import Sources

CHECKOUT = "MIMIC_CODE"
"""The environment variable that names the checkout."""
WITHIN_A_CHECKOUT = "mimic-iv/concepts_duckdb"
MODULES = ("hosp", "icu")
RELATIVE, ABSOLUTE = 1e-6, 1e-9
_DUCKDB: Mapping[Type, str] = {
    Type.INTEGER: "BIGINT",
    Type.FLOAT: "DOUBLE",
    Type.TEXT: "VARCHAR",
    Type.TIMESTAMP: "TIMESTAMP",
    Type.DATE: "DATE",
    Type.BOOLEAN: "BOOLEAN",
}


def scripts(folder: Path) -> dict[str, str]:
    """The SQL of every concept by its name, each after the concepts it reads."""
    texts = {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*/*.sql")}
    if not texts:
        raise FileNotFoundError(f"no */*.sql in {folder}: set {CHECKOUT} to a checkout")
    reads = {name: set(re.findall(r"mimiciv_derived\.(\w+)", text)) - {name} for name, text in texts.items()}
    return {name: texts[name] for name in TopologicalSorter(reads).static_order()}


def load(root: Path) -> duckdb.DuckDBPyConnection:
    """A database of the hospital's core tables under `root`, read by DuckDB itself, typed as our catalogue says."""
    database = duckdb.connect()
    for schema in ("mimiciv_derived", *(f"mimiciv_{module}" for module in MODULES)):
        database.execute(f"CREATE SCHEMA {schema}")
    for path, file in take_inventory(Sources(root=str(root))).files.items():
        _, module, name = path.split("/")
        if module in MODULES:
            absent = set(file.absent_columns)
            types = {c.name: _DUCKDB[c.type] for c in file.table.columns if c.name not in absent}
            columns = ", ".join(f"'{column}': '{kind}'" for column, kind in types.items())
            database.execute(
                f"CREATE TABLE mimiciv_{module}.{name} AS SELECT * FROM "
                f"read_csv(?, header = true, quote = '\"', escape = '\"', columns = {{{columns}}})",
                [str(root / file.path)],
            )
    return database


def mimic_tables(database: duckdb.DuckDBPyConnection, names: set[str]) -> dict[str, pl.DataFrame]:
    """Those of the hospital's tables, as the database read them."""
    return {
        name: database.sql(f"SELECT * FROM {schema}.{name}").pl() for schema, name in _listed(database) if name in names
    }


def _listed(database: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    rows = database.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
    yield from ((schema, name) for schema, name in rows if schema != "mimiciv_derived")


def derive(database: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[str]:
    """Run every script; the name of each when its table is there."""
    for name, text in scripts(folder).items():
        database.execute(text)
        yield name


def derived(database: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    """The published table, numbers as 64 bits."""
    frame = database.sql(f"SELECT * FROM mimiciv_derived.{name}").pl()
    return comparable(frame)


def comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """Whole numbers, fractions, times and truth values each in one type, whatever the engine chose."""
    return frame.with_columns(
        (pl.selectors.float() | pl.selectors.decimal()).cast(pl.Float64),
        pl.selectors.integer().cast(pl.Int64),
        pl.selectors.boolean().cast(pl.Int64),
        pl.selectors.datetime().cast(pl.Datetime("us")),
    )


def differences(ours: pl.DataFrame, published: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What differs, by column: some of the row, and both values. Empty where both hold the same multiset of rows.

    Rows are brought into one order by all that is no fraction, then by the fractions; columns only we have are left
    aside. A different number of rows, or a column we lack, is reported under its own name.
    """
    missing = [name for name in published.columns if name not in ours.columns]
    if missing:
        return {"columns we lack": pl.DataFrame({"column": missing})}
    ours = comparable(ours.select(published.columns))
    fractions = [name for name in published.columns if ours[name].dtype.is_float() or published[name].dtype.is_float()]
    exact = [name for name in published.columns if name not in fractions]
    order = [*exact, *(pl.col(name).cast(pl.Float64).round_sig_figs(9) for name in fractions)]
    ours, published = (frame.sort(order, nulls_last=True) for frame in (ours, published))
    if ours.height != published.height:
        return {
            "number of rows": pl.DataFrame({"ours": [ours.height], "published": [published.height]}),
            "only ours": ours.join(published, on=exact, how="anti", nulls_equal=True),
            "only published": published.join(ours, on=exact, how="anti", nulls_equal=True),
        }
    return {name: rows for name in published.columns if (rows := _unequal(ours, published, name)).height}


def _unequal(ours: pl.DataFrame, published: pl.DataFrame, name: str) -> pl.DataFrame:
    some = published.select(published.columns[:4]).rename(lambda column: f"{column} of the row")
    pairs = some.with_columns(ours=ours[name], published=published[name])
    same = pl.col("ours").eq_missing(pl.col("published"))
    if pairs["ours"].dtype.is_float() or pairs["published"].dtype.is_float():
        near = (pl.col("ours") - pl.col("published")).abs() <= ABSOLUTE + RELATIVE * pl.col("published").abs()
        same |= near.fill_null(value=False)
    return pairs.filter(~same)
