"""How a concept table is declared, and how a frame is brought to its declaration.

The concepts follow the tables published with MIMIC-IV (see `published`): the same names, columns, order and cells. One
thing is added: tables published without a patient get `subject_id` as their first column, because a patient's rows lie
in one shard and the shard follows from it. What does not belong here: any clinical rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from clinical_assets.concepts.plausibility import limits_of
from clinical_assets.concepts.published import source_of
from clinical_assets.tables import Column, Table, Type


def integer(name: str, meaning: str, unit: str | None = None) -> Column:
    """A column of whole numbers."""
    return Column(name=name, type=Type.INTEGER, meaning=meaning, unit=unit)


def number(name: str, meaning: str, unit: str | None = None) -> Column:
    """A column of measurements."""
    return Column(name=name, type=Type.FLOAT, meaning=meaning, unit=unit)


def text(name: str, meaning: str, allowed: tuple[str, ...] | None = None) -> Column:
    """A column of text; `allowed` names the complete set of values where there is one."""
    return Column(name=name, type=Type.TEXT, meaning=meaning, allowed=allowed)


def timestamp(name: str, meaning: str, *, nullable: bool = True) -> Column:
    """A column of times in the patient's own shifted calendar."""
    return Column(name=name, type=Type.TIMESTAMP, meaning=meaning, nullable=nullable)


def flag(name: str, meaning: str) -> Column:
    """A column of 0 and 1, as published (an integer, not a boolean)."""
    return Column(name=name, type=Type.INTEGER, meaning=meaning, plausible=(0, 1))


def points(name: str, meaning: str, most: int) -> Column:
    """A column of score points from 0 to `most`."""
    return Column(name=name, type=Type.INTEGER, meaning=meaning, unit="points", plausible=(0, most))


SUBJECT_ID = Column(name="subject_id", type=Type.INTEGER, meaning="The patient.", nullable=False)
HADM_ID = Column(name="hadm_id", type=Type.INTEGER, meaning="The hospital stay; null where none was recorded.")
STAY_ID = Column(name="stay_id", type=Type.INTEGER, meaning="The ICU stay.", nullable=False)
CHARTTIME = timestamp("charttime", "When the observation holds.", nullable=False)
DRAWN = timestamp("charttime", "When the blood was drawn; known only later, when the result was stored.")
GIVEN_STAY_ID = integer("stay_id", "The ICU stay; the release allows infusions without one.")


def concept(
    name: str,
    *,
    grain: str,
    meaning: str,
    columns: Iterable[Column],
    primary_key: tuple[str, ...] = (),
    happened: str | None = None,
    source: str | None = None,
) -> Table:
    """Declare the concept table `concepts/<name>`; `subject_id` is put in front where `columns` lack it.

    Measured columns get the limits of `plausibility`; without a `source` the concept is a published one.
    """
    listed = tuple(map(_limited, columns))
    if all(column.name != "subject_id" for column in listed):
        listed = (SUBJECT_ID, *listed)
    return Table(
        key=("concepts", name),
        grain=grain,
        meaning=meaning,
        columns=listed,
        primary_key=primary_key,
        happened=happened,
        source=source or source_of(name),
    )


def _limited(column: Column) -> Column:
    limits = limits_of(column.name, column.unit) if column.type is Type.FLOAT and not column.plausible else None
    return replace(column, plausible=limits) if limits else column


def conform(frame: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """The table's columns of `frame`, in the table's order and types; a missing one is polars' ColumnNotFoundError."""
    return frame.select(pl.col(column.name).cast(column.type.polars) for column in table.columns)
