"""Files of observations in the long format, CSV or Parquet: what they must hold, and reading them as a stream.

Columns: `client` (the patient), `visit_id`, `observation_type_code`, `observation_value` (a number or empty),
`reference_range_min`, `reference_range_max` (numbers or empty), `observation_date` (date and time) and
`condition_present` (the label: 0/1 or true/false, the same in all rows of a visit); optionally `observation_known`
(when the value was known, if later). Nothing is guessed and no row is dropped: a file with a value that can't be read
is refused, and the error says where the first such values are.

Neither checking nor reading ever holds more of a file than polars streams at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from clinical_assets.features.observations import CODE, HIGH, KNOWN, LOW, TIME, VALUE, VISIT
from clinical_assets.tables import Type

CLIENT, LABEL = "client", "condition_present"
COLUMNS: Mapping[str, Type] = {
    CLIENT: Type.TEXT,
    VISIT: Type.TEXT,
    CODE: Type.TEXT,
    VALUE: Type.FLOAT,
    LOW: Type.FLOAT,
    HIGH: Type.FLOAT,
    TIME: Type.TIMESTAMP,
    LABEL: Type.BOOLEAN,
}
OPTIONAL: Mapping[str, Type] = {KNOWN: Type.TIMESTAMP}
FILE, ROW = "source_file", "source_row"
"""Where a row came from: the file's name and the row in it, counted from 1."""
MAY_BE_EMPTY = (VALUE, LOW, HIGH, KNOWN)
MOST_NAMED = 10
"""So many faults an error names; the rest are counted."""
_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M")
"""A date alone is refused: at which hour of the day it was decides what was known."""
_TRUE, _FALSE = ("1", "true"), ("0", "false")


class ObservationError(ValueError):
    """A file is not observations in the long format; the message names row, column and value."""


def scan(path: str | Path, storage_options: Mapping[str, str] | None = None) -> pl.LazyFrame:
    """The observations of a checked file, typed, as a stream. Errors count rows from 1, a CSV's header apart.

    Args:
        path: a local path or `s3://bucket/key`, of a .csv, .csv.gz or .parquet file.
        storage_options: what polars needs to reach a store other than the environment says.

    Raises:
        ObservationError: the file lacks columns, or holds a value that can't be read or contradicts another.
    """
    raw = raw_rows(path, storage_options)
    found = raw.collect_schema()
    present = [name for name in (*COLUMNS, *OPTIONAL) if name in found]
    missing = [name for name in COLUMNS if name not in present]
    if missing:
        raise ObservationError(f"{_name(path)}: expected the columns {list(COLUMNS)}; {missing} are missing")
    types = {**COLUMNS, **OPTIONAL}
    typed = [_typed(name, types[name], found[name]) for name in present]
    _check(raw.select(*typed, *(pl.col(name).cast(pl.String).alias(f"{name}__raw") for name in present)), present, path)
    read = raw.select(typed)
    check_visits(read.with_row_index(ROW, offset=1).with_columns(pl.lit(_name(path)).alias(FILE)))
    return read


def _name(path: str | Path) -> str:
    return Path(path).name


def raw_rows(path: str | Path, storage_options: Mapping[str, str] | None = None) -> pl.LazyFrame:
    """The file's rows as they are; a CSV's values as text.

    Raises:
        ObservationError: it is neither .csv, .csv.gz nor .parquet.
    """
    suffixes = [s.lower() for s in Path(path).suffixes]
    options = dict(storage_options) if storage_options else None
    if suffixes[-1:] == [".parquet"]:
        return pl.scan_parquet(path, storage_options=options, glob=False, hive_partitioning=False)
    if suffixes[-1:] == [".csv"] or suffixes[-2:] == [".csv", ".gz"]:
        return pl.scan_csv(path, infer_schema=False, storage_options=options, glob=False)
    raise ObservationError(f"{_name(path)}: expected a .csv, .csv.gz or .parquet file")


def _typed(name: str, type_: Type, found: pl.DataType) -> pl.Expr:
    """The column in its type; null where it can't be read."""
    column = pl.col(name)
    if type_ is Type.TEXT:
        text = column.cast(pl.String).str.strip_chars()
        return pl.when(text != "").then(text).alias(name)
    if type_ is Type.TIMESTAMP:
        return typed_time(name, found)
    if found != pl.String():
        flag = type_ is Type.BOOLEAN and found.is_numeric()
        wanted = column.cast(type_.polars, strict=False)
        return pl.when(column.is_in([0, 1])).then(wanted).alias(name) if flag else wanted.alias(name)
    text = column.str.strip_chars()
    if type_ is Type.BOOLEAN:
        lower = text.str.to_lowercase()
        return (
            pl.when(lower.is_in(_TRUE)).then(statement=True).when(lower.is_in(_FALSE)).then(statement=False).alias(name)
        )
    return text.cast(pl.Float64, strict=False).alias(name)


def typed_time(name: str, found: pl.DataType) -> pl.Expr:
    """The column as a moment; null where it can't be read.

    A date alone, a number or a time of a time zone is none: which moment of the hospital's day it means is a guess.
    """
    moment = Type.TIMESTAMP.polars
    if isinstance(found, pl.Datetime) and found.time_zone is None:
        return pl.col(name).cast(moment)
    if found != pl.String():
        return pl.lit(None, moment).alias(name)
    text = pl.col(name).str.strip_chars()
    return pl.coalesce(text.str.to_datetime(form, strict=False, time_unit="us") for form in _FORMATS).alias(name)


def _check(rows: pl.LazyFrame, present: list[str], path: str | Path) -> None:
    """Refuse the file, naming its first faults. `rows` has every column typed, and as given with `__raw`."""
    faulty = rows.with_row_index(ROW, offset=1).filter(pl.any_horizontal(_faults(present).values()))
    found = faulty.select(ROW, *(f"{name}__raw" for name in present), *_faulty_columns(present))
    first = found.head(MOST_NAMED).collect(engine="streaming")
    if first.height:
        total = faulty.select(pl.len()).collect(engine="streaming").item()
        raise ObservationError(f"{_name(path)}: {total} rows can't be read. {_sentences(first, present)}")


def _faults(present: list[str]) -> dict[str, pl.Expr]:
    """Per column what makes a row's value unusable."""
    faults = {}
    for name in present:
        given = pl.col(f"{name}__raw").fill_null("").str.strip_chars() != ""
        unread = pl.col(name).is_null()
        faults[name] = (given & unread) if name in MAY_BE_EMPTY else unread
    for name in (VALUE, LOW, HIGH):
        faults[name] |= (~pl.col(name).is_finite()).fill_null(value=False)
    faults[HIGH] |= (pl.col(LOW) > pl.col(HIGH)).fill_null(value=False)
    if KNOWN in present:
        faults[KNOWN] |= (pl.col(KNOWN) < pl.col(TIME)).fill_null(value=False)
    return faults


def _faulty_columns(present: list[str]) -> list[pl.Expr]:
    return [fault.alias(f"{name}__faulty") for name, fault in _faults(present).items()]


_EXPECTED = {
    VALUE: "a number or nothing",
    LOW: "a number or nothing",
    HIGH: "a number not below reference_range_min, or nothing",
    TIME: "a date with a time, as 2150-03-01 12:30:00",
    KNOWN: "a date with a time not before observation_date, or nothing",
    LABEL: "0, 1, true or false",
}


def _sentences(first: pl.DataFrame, present: list[str]) -> str:
    said = []
    for record in first.to_dicts():
        for name in present:
            if record[f"{name}__faulty"]:
                value = record[f"{name}__raw"]
                said.append(
                    f"Row {record[ROW]}, column {name}: expected {_EXPECTED.get(name, 'a text')}, found {value!r}."
                )
    return " ".join(said[:MOST_NAMED])


def check_visits(observations: pl.LazyFrame) -> None:
    """A visit is one patient's and has one label, in all the files it occurs in.

    Args:
        observations: typed, with the name of the file and the row in it (`FILE`, `ROW`).

    Raises:
        ObservationError: it names the first row that contradicts one before.
    """
    differing = observations.group_by(VISIT).agg(pl.col(CLIENT, LABEL).n_unique())
    torn = differing.filter((pl.col(CLIENT) > 1) | (pl.col(LABEL) > 1)).select(VISIT).sort(VISIT).head(MOST_NAMED)
    visits = torn.collect(engine="streaming")
    if visits.is_empty():
        return
    rows = observations.join(visits.lazy(), on=VISIT, how="semi").select(VISIT, FILE, ROW, CLIENT, LABEL)
    said = [
        _torn(of_visit, name)
        for of_visit in rows.collect(engine="streaming").sort(VISIT, FILE, ROW).partition_by(VISIT, maintain_order=True)
        for name in (CLIENT, LABEL)
        if of_visit[name].n_unique() > 1
    ]
    raise ObservationError(f"visits contradict themselves. {' '.join(said)}")


def _torn(of_visit: pl.DataFrame, name: str) -> str:
    at = of_visit.filter(pl.col(name) != pl.col(name).first()).row(0, named=True)
    return (
        f"{at[FILE]}: Row {at[ROW]}, column {name}: expected one value per visit, found {of_visit[name].n_unique()} "
        "of them."
    )


def labels(observations: pl.LazyFrame) -> pl.LazyFrame:
    """One row per visit: `client`, `visit_id`, `condition_present`. The label is read here and nowhere else."""
    return observations.group_by(VISIT).agg(pl.col(CLIENT, LABEL).first())
