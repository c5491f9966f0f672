"""The language every catalogue is written in: `Table` and `Column`.

A table's columns, types, units, meaning and rules are declared once, with these classes. The reader, the schema and
key checks, the UI's column schema, the documentation and the synthetic hospital are all derived from that declaration.
Nothing here knows Dagster.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa


class Type(enum.Enum):
    """A column's type, the same in CSV, Arrow, polars, Parquet and PostgreSQL."""

    INTEGER = "integer"
    FLOAT = "float"
    TEXT = "text"
    TIMESTAMP = "timestamp"
    DATE = "date"
    BOOLEAN = "boolean"

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type files are written with; timestamps carry microseconds and no time zone (MIMIC has none)."""
        return _ARROW[self]

    @property
    def polars(self) -> pl.DataType:
        """The polars type frames carry."""
        return _POLARS[self]


_ARROW: Mapping[Type, pa.DataType] = {
    Type.INTEGER: pa.int64(),
    Type.FLOAT: pa.float64(),
    Type.TEXT: pa.large_string(),
    Type.TIMESTAMP: pa.timestamp("us"),
    Type.DATE: pa.date32(),
    Type.BOOLEAN: pa.bool_(),
}
_POLARS: Mapping[Type, pl.DataType] = {
    Type.INTEGER: pl.Int64(),
    Type.FLOAT: pl.Float64(),
    Type.TEXT: pl.String(),
    Type.TIMESTAMP: pl.Datetime("us"),
    Type.DATE: pl.Date(),
    Type.BOOLEAN: pl.Boolean(),
}


class Axis(enum.Enum):
    """What a patient-keyed table is cut by; the value is the column that holds the patient.

    SUBJECT_SHARD: hash buckets of MIMIC's numbers. PATIENT_BATCH: named lists of patients of any hospital, whose ids
    are text; MIMIC's numbers are written as text there.
    """

    SUBJECT_SHARD = "subject_id"
    PATIENT_BATCH = "patient_id"

    @property
    def patient_column(self) -> str:
        """The column that holds the patient."""
        return self.value


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its name, type, meaning, unit and the rules its values obey.

    Attributes:
        name: as published.
        type: see `Type`. Codes (ICD, NDC, GSN, DRG) and ordinals such as `1.10` are text: each zero is information.
        meaning: one sentence a clinician can check.
        unit: UCUM-like unit of the values, or None for unitless and mixed-unit columns.
        nullable: False means the schema check fails on a null.
        references: `"module/table.column"` (within MIMIC) or an asset path plus column that every value must occur in.
        plausible: inclusive bounds; values outside give a warning, never an error.
        allowed: the complete set of values; others give a warning.
        quarantined: a value of the wrong type sends its *row* to the quarantine (counted) instead of failing the table;
            only for columns known to be dirty in the release.
    """

    name: str
    type: Type
    meaning: str
    unit: str | None = None
    nullable: bool = True
    references: str | None = None
    plausible: tuple[float, float] | None = None
    allowed: tuple[str, ...] | None = None
    quarantined: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: its key in the asset graph, grain, columns and keys.

    Attributes:
        key: the asset key, and below the lake's root the path, e.g. `("mimic", "hosp", "labevents")`.
        grain: "one row per ...".
        meaning: what the table is, in a sentence or two.
        columns: in file order.
        primary_key: columns that together identify a row; empty where the release has none.
        happened: the column that says when the row's event happened, if any.
        known: the column that says when the row could first be known, if any (labs: storetime).
        patient_keyed: True where each row is a patient's and the table is cut by `axis`; False for dictionaries.
        axis: what a patient-keyed table is cut by.
        source: where the table's definition was published.
        owners: who answers for it.
        kinds: what the UI shows beside it.
    """

    key: tuple[str, ...]
    grain: str
    meaning: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    happened: str | None = None
    known: str | None = None
    patient_keyed: bool = True
    axis: Axis = Axis.SUBJECT_SHARD
    source: str | None = None
    owners: tuple[str, ...] = ("team:clinical-data",)
    kinds: frozenset[str] = frozenset({"polars", "parquet"})

    def __post_init__(self) -> None:
        names = self.column_names
        repeated = sorted({n for n in names if names.count(n) > 1})
        if repeated:
            raise ValueError(f"table {self.path}: column names must be unique, found twice: {repeated}")
        named = {*self.primary_key, *filter(None, (self.happened, self.known))}
        if self.patient_keyed:
            named.add(self.axis.patient_column)
        missing = sorted(named - set(names))
        if missing:
            raise ValueError(f"table {self.path}: {missing} used as key or time column but not declared")

    @property
    def path(self) -> str:
        """The key as a path, e.g. `mimic/hosp/labevents`."""
        return "/".join(self.key)

    @property
    def group(self) -> str:
        """The asset group: the first part of the key."""
        return self.key[0]

    @property
    def column_names(self) -> list[str]:
        """Names in file order."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """The column of that name; KeyError naming the table otherwise."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.path} has no column {name!r}; it has {self.column_names}")

    @property
    def arrow_schema(self) -> pa.Schema:
        """The schema of the table's Parquet files."""
        return pa.schema([pa.field(c.name, c.type.arrow) for c in self.columns])

    @property
    def polars_schema(self) -> pl.Schema:
        """The schema of the table's frames."""
        return pl.Schema({c.name: c.type.polars for c in self.columns})

    @property
    def sort_by(self) -> list[str]:
        """Rows lie in files by patient, then time, then primary key."""
        patient = self.axis.patient_column if self.patient_keyed else None
        return list(dict.fromkeys(filter(None, (patient, self.happened, *self.primary_key))))

    def empty(self) -> pl.DataFrame:
        """A frame of this table's types with no rows."""
        return pl.DataFrame(schema=self.polars_schema)


@dataclass(frozen=True, kw_only=True)
class SourceTable(Table):
    """A table of a published release, read from one CSV file.

    Attributes:
        file: path below the release's root without `.csv`/`.csv.gz`, e.g. `hosp/labevents`.
        published_rows: row count per release folder, e.g. `{"mimiciv/3.1": 158_374_764}`; missing where unpublished.
        repeats_left_out: whether all that reads the table leaves rows with a repeated key out and counts them, so that
            such a key need not stop what follows.
    """

    file: str
    published_rows: Mapping[str, int] = field(default_factory=dict)
    repeats_left_out: bool = False
    kinds: frozenset[str] = frozenset({"csv", "parquet"})
