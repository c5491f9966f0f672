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
MAY_BE_EMPTY = (VALUE, LOW, HIGH, KNOWN)
MOST_NAMED = 10
"""So many faults an error names; the rest are counted."""
_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M")
"""A date alone is refused: at which hour of the day it was decides what was known."""
_TRUE, _FALSE = ("1", "true"), ("0", "false")


class ObservationError(ValueError):
    """A file is not observations in the long format; the message names row, column and value."""


def scan(path: str | Path) -> pl.LazyFrame:
    """The observations of a checked file, typed, as a stream. Errors count rows from 1, a CSV's header apart.

    Raises:
        ObservationError: the file lacks columns, or holds a value that can't be read or contradicts another.
    """
    raw = _raw(path)
    present = [name for name in (*COLUMNS, *OPTIONAL) if name in raw.collect_schema()]
    missing = [name for name in COLUMNS if name not in present]
    if missing:
        raise ObservationError(f"{_name(path)}: expected the columns {list(COLUMNS)}; {missing} are missing")
    types = {**COLUMNS, **OPTIONAL}
    read = raw.select(_typed(name, types[name], raw.collect_schema()[name]) for name in present)
    _check(raw, read, present, path)
    return read


def _name(path: str | Path) -> str:
    return Path(path).name


def _raw(path: str | Path) -> pl.LazyFrame:
    suffixes = [s.lower() for s in Path(path).suffixes]
    if ".parquet" in suffixes:
        return pl.scan_parquet(path)
    if ".csv" in suffixes:
        return pl.scan_csv(path, infer_schema=False)
    raise ObservationError(f"{_name(path)}: expected a .csv, .csv.gz or .parquet file")


def _typed(name: str, type_: Type, found: pl.DataType) -> pl.Expr:
    """The column in its type; null where it can't be read."""
    column = pl.col(name)
    if type_ is Type.TEXT:
        text = column.cast(pl.String).str.strip_chars()
        return pl.when(text != "").then(text).alias(name)
    if found != pl.String():
        flag = type_ is Type.BOOLEAN and found.is_numeric()
        wanted = column.cast(type_.polars, strict=False)
        return pl.when(column.is_in([0, 1])).then(wanted).alias(name) if flag else wanted.alias(name)
    text = column.str.strip_chars()
    if type_ is Type.TIMESTAMP:
        times = [text.str.to_datetime(form, strict=False, time_unit="us") for form in _FORMATS]
        return pl.coalesce(times).alias(name)
    if type_ is Type.BOOLEAN:
        lower = text.str.to_lowercase()
        return (
            pl.when(lower.is_in(_TRUE)).then(statement=True).when(lower.is_in(_FALSE)).then(statement=False).alias(name)
        )
    return text.cast(pl.Float64, strict=False).alias(name)


def _check(raw: pl.LazyFrame, read: pl.LazyFrame, present: list[str], path: str | Path) -> None:
    """Refuse the file, naming its first faults."""
    asked = raw.select(pl.col(name).cast(pl.String).alias(f"{name}__raw") for name in present)
    rows = pl.concat([read, asked], how="horizontal").with_row_index("row", offset=1)
    faulty = rows.filter(pl.any_horizontal(_faults(present).values()))
    found = faulty.select("row", *(f"{name}__raw" for name in present), *_faulty_columns(present))
    first = found.head(MOST_NAMED).collect(engine="streaming")
    if first.height:
        total = faulty.select(pl.len()).collect(engine="streaming").item()
        raise ObservationError(f"{_name(path)}: {total} rows can't be read. {_sentences(first, present)}")
    _check_visits(read, path)


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
                    f"Row {record['row']}, column {name}: expected {_EXPECTED.get(name, 'a text')}, found {value!r}."
                )
    return " ".join(said[:MOST_NAMED])


def _check_visits(read: pl.LazyFrame, path: str | Path) -> None:
    """A visit is one patient's and has one label."""
    facts = (
        read.with_row_index("row", offset=1)
        .group_by(VISIT)
        .agg(
            pl.col(CLIENT, LABEL).n_unique(),
            *(
                pl.col("row").filter(pl.col(name) != pl.col(name).first()).first().alias(f"{name}__row")
                for name in (CLIENT, LABEL)
            ),
        )
    )
    torn = facts.filter((pl.col(CLIENT) > 1) | (pl.col(LABEL) > 1)).sort(VISIT).head(MOST_NAMED)
    found = torn.collect(engine="streaming").to_dicts()
    if found:
        said = [
            f"Row {visit[f'{name}__row']}, column {name}: expected one value per visit, found {visit[name]} of them."
            for visit in found
            for name in (CLIENT, LABEL)
            if visit[name] > 1
        ]
        raise ObservationError(f"{_name(path)}: visits contradict themselves. {' '.join(said)}")


def labels(observations: pl.LazyFrame) -> pl.LazyFrame:
    """One row per visit: `client`, `visit_id`, `condition_present`. The label is read here and nowhere else."""
    return observations.group_by(VISIT).agg(pl.col(CLIENT, LABEL).first())
