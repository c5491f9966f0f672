"""The folder of a hospital's own observations: `observations/` below the sources' root, of any hospital.

Every `.csv`, `.csv.gz` and `.parquet` file in it is observations in the long format (see `observation_files`), but one
named `index_times`: it gives the moment of prediction of each visit (`visit_id`, `index_time`). Without it every visit
is predicted for 24 hours after its first observation, whatever came later.

Whose rows they are is told by `client`, a text of the sending hospital. The lake is cut by whole numbers, so the
patient's `subject_id` is made from `client` by a stable hash. It lies far above MIMIC's numbers: a client can never be
taken for a patient of MIMIC with the same digits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from clinical_assets.features.observation_files import (
    CLIENT,
    FILE,
    LABEL,
    MOST_NAMED,
    OPTIONAL,
    ROW,
    ObservationError,
    check_visits,
    raw_rows,
    scan,
    typed_time,
)
from clinical_assets.features.observations import CODE, CODES, HIGH, INDEX_TIME, KNOWN, LOW, TIME, VALUE, VISIT
from clinical_assets.table_rules import Finding, Record
from clinical_assets.tables import Column, Table, Type

FOLDER = "observations"
INDEX_TIMES = "index_times"
SUFFIXES = (".csv", ".csv.gz", ".parquet")
AFTER_FIRST = timedelta(hours=24)
FIRST_ID = 1 << 52
"""Ids of clients have 53 bits: exact in JSON and in every spreadsheet, above all of MIMIC's, which have 27."""

SUBJECT = Column(
    name="subject_id",
    type=Type.INTEGER,
    nullable=False,
    meaning="The patient: a stable hash of client, at least 2^52, never a number of MIMIC's. Never a feature.",
)
OBSERVATION_RECORDS = Table(
    key=("features", "observation_records"),
    grain="one row per observation",
    meaning="A hospital's own observations in the long format, as sent: checked, typed, nothing dropped, units "
    "unchanged. With the moment each visit is predicted for.",
    primary_key=(FILE, ROW),
    happened=TIME,
    known=KNOWN,
    source="files below observations/ of the sources",
    kinds=frozenset({"csv", "parquet"}),
    columns=(
        SUBJECT,
        Column(name=CLIENT, type=Type.TEXT, nullable=False, meaning="The patient, as the hospital names them."),
        Column(name=VISIT, type=Type.TEXT, nullable=False, meaning="The visit, of one client."),
        Column(name=CODE, type=Type.TEXT, nullable=False, meaning="What was observed."),
        Column(name=VALUE, type=Type.FLOAT, meaning="The value, in the hospital's own unit; null: no result."),
        Column(name=LOW, type=Type.FLOAT, meaning="Lower end of what the laboratory calls normal."),
        Column(name=HIGH, type=Type.FLOAT, meaning="Upper end of what the laboratory calls normal."),
        Column(name=TIME, type=Type.TIMESTAMP, nullable=False, meaning="When it was observed."),
        Column(name=KNOWN, type=Type.TIMESTAMP, meaning="When it was known, where that is later; else null."),
        Column(
            name=LABEL,
            type=Type.BOOLEAN,
            nullable=False,
            meaning="Whether the visit has the condition, at any time of it. The label; never a feature.",
        ),
        Column(
            name=INDEX_TIME,
            type=Type.TIMESTAMP,
            meaning="The moment the visit is predicted for: of the file index_times, else 24 h after the visit's first "
            "observation; null for a visit that file does not name.",
        ),
        Column(name=FILE, type=Type.TEXT, nullable=False, meaning="The file it was read from."),
        Column(name=ROW, type=Type.INTEGER, nullable=False, meaning="Its row there, from 1, a header apart."),
    ),
)


@dataclass(frozen=True)
class ObservationFolder:
    """What lies in the folder: paths below the sources' root, in name order.

    Attributes:
        observations: the files of observations, with their sizes in bytes.
        index_times: the file of index times, if any.
        others: files that are not read.
    """

    observations: Mapping[str, int]
    index_times: str | None = None
    others: tuple[str, ...] = ()


def folder_of(sizes: Mapping[str, int]) -> ObservationFolder | None:
    """What a listing of the folder means; None where it holds no file of observations.

    Args:
        sizes: size in bytes by path.

    Raises:
        ObservationError: two files of index times.
    """
    read = {path: size for path, size in sorted(sizes.items()) if path.lower().endswith(SUFFIXES)}
    times = [path for path in read if path.rpartition("/")[2].split(".")[0] == INDEX_TIMES]
    if len(times) > 1:
        raise ObservationError(f"{FOLDER}: expected one file of index times, found {times}; keep the one that is meant")
    observations = {path: size for path, size in read.items() if path not in times}
    others = tuple(path for path in sorted(sizes) if path not in read)
    return ObservationFolder(observations, times[0] if times else None, others) if observations else None


def subject_id_of(client: str) -> int:
    """The patient's number in the lake: 52 bits of SHA-256 of `observations|client`, with the 53rd set."""
    digest = hashlib.sha256(f"observations|{client}".encode()).digest()
    return FIRST_ID | (int.from_bytes(digest[:8], "big") >> 12)


def records(
    folder: ObservationFolder, place: Callable[[str], str], storage_options: Mapping[str, str] | None = None
) -> pl.LazyFrame:
    """Every observation of the folder, as a stream; columns as in `OBSERVATION_RECORDS`.

    Args:
        folder: what to read.
        place: where a file of it lies, for polars.
        storage_options: what polars needs to reach it.

    Raises:
        ObservationError: a file is not observations, or files contradict one another; it names file, row and column.
    """
    rows = pl.concat(
        [_numbered(scan(place(path), storage_options), path.rpartition("/")[2]) for path in folder.observations]
    )
    if len(folder.observations) > 1:
        check_visits(rows)
    visits = _visits(rows)
    if folder.index_times is not None:
        at = read_index_times(place(folder.index_times), storage_options)
        visits = visits.drop(INDEX_TIME).join(at, on=VISIT, how="left")
    return rows.join(visits.lazy().drop(CLIENT), on=VISIT, how="left").select(OBSERVATION_RECORDS.column_names)


def _numbered(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    if KNOWN not in rows.collect_schema():
        rows = rows.with_columns(pl.lit(None, OPTIONAL[KNOWN].polars).alias(KNOWN))
    numbered = rows.with_row_index(ROW, offset=1)
    return numbered.with_columns(pl.lit(name).alias(FILE), pl.col(ROW).cast(pl.Int64))


def _visits(rows: pl.LazyFrame) -> pl.DataFrame:
    """One row per visit: client, its number, and 24 h after the first observation."""
    visits = (
        rows.group_by(VISIT)
        .agg(pl.col(CLIENT).first(), (pl.col(TIME).min() + AFTER_FIRST).alias(INDEX_TIME))
        .collect(engine="streaming")
    )
    clients = visits.select(pl.col(CLIENT).unique())
    clients = clients.with_columns(
        subject_id=pl.Series([subject_id_of(client) for client in clients[CLIENT]], dtype=pl.Int64)
    )
    if clients["subject_id"].n_unique() != clients.height:
        raise ObservationError(
            f"{FOLDER}: expected a number of its own for each of {clients.height} clients; the hash gives two of them "
            "the same. Rename one of the clients: their rows would be taken for one patient's."
        )
    return visits.join(clients, on=CLIENT)


def read_index_times(path: str, storage_options: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The moment of prediction of each visit: `visit_id`, `index_time`.

    Raises:
        ObservationError: a column is missing, a value can't be read, or a visit has two times.
    """
    name = path.rpartition("/")[2]
    raw = raw_rows(path, storage_options).collect(engine="streaming").with_row_index(ROW, offset=1)
    missing = [column for column in (VISIT, INDEX_TIME) if column not in raw.columns]
    if missing:
        raise ObservationError(f"{name}: expected the columns {[VISIT, INDEX_TIME]}; {missing} are missing")
    read = raw.select(
        ROW,
        pl.col(VISIT).cast(pl.String).str.strip_chars(),
        typed_time(INDEX_TIME, raw.schema[INDEX_TIME]),
        given=pl.col(INDEX_TIME).cast(pl.String),
    )
    unread = read.filter(pl.col(INDEX_TIME).is_null() | (pl.col(VISIT).fill_null("") == ""))
    again = read.filter(~pl.col(VISIT).is_first_distinct())
    said = [
        f"Row {row}, column {INDEX_TIME}: expected a visit and a date with a time, found {given!r}."
        for row, given in unread.select(ROW, "given").head(MOST_NAMED).rows()
    ]
    said += [
        f"Row {row}, column {VISIT}: expected one row per visit, found another of the same."
        for row in again[ROW].head(MOST_NAMED)
    ]
    if said:
        raise ObservationError(f"{name}: {unread.height + again.height} rows can't be used. {' '.join(said)}")
    return read.select(VISIT, INDEX_TIME)


def repeated(observations: pl.LazyFrame) -> Finding:
    """No observation (visit, code, time and value) is there twice: it would count twice in every feature."""
    times = observations.group_by(VISIT, CODE, TIME, VALUE).len("times").filter(pl.col("times") > 1)
    again = times.select(rows=(pl.col("times") - 1).sum(), visits=pl.col(VISIT).n_unique())
    rows, visits = again.collect(engine="streaming").row(0)
    return Finding(
        not rows,
        f"expected every observation once; found {rows or 0:,} repeated in {visits:,} visits"
        if rows
        else "none repeated",
        {"repeated rows": rows or 0, "visits": visits},
    )


FEWEST_ROWS = 5
"""A code that fewer rows have may be a slip of the pen that tells of a patient: it is counted and not named."""


def unknown_codes(observations: pl.LazyFrame) -> Finding:
    """Every code is one of those features are made of."""
    counts = observations.group_by(CODE).len("rows").collect(engine="streaming")
    others = counts.filter(~pl.col(CODE).is_in(CODES)).sort("rows", CODE, descending=[True, False])
    named: tuple[Record, ...] = tuple(
        {"code": code, "rows": rows} for code, rows in others.filter(pl.col("rows") >= FEWEST_ROWS).head(20).rows()
    )
    return Finding(
        others.is_empty(),
        f"expected codes among the {len(CODES)} that features are made of; found {others.height} others in "
        f"{others['rows'].sum():,} of {counts['rows'].sum():,} rows"
        if others.height
        else f"{counts.height} codes, features are made of all of them",
        {"other codes": others.height, "their rows": int(others["rows"].sum()), "rows": int(counts["rows"].sum())},
        named,
    )
