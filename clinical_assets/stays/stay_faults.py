"""Stays that cannot be used as they are recorded: which, why, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from clinical_assets.mimic.catalogue.columns import integer, text
from clinical_assets.stays.usable_ids import UNIQUE_IDS, with_shared
from clinical_assets.tables import Column, Table

FAULT_COLUMNS: tuple[Column, ...] = (
    integer("subject_id", "The patient.", required=True),
    text("record", "Kind of record, e.g. image or ed stay.", required=True),
    text("record_id", "Its number.", required=True),
    text("fault", "What is wrong with it.", required=True),
    text("consequence", "What became of it.", required=True),
    integer("rows", "Rows of the release it concerns.", required=True, plausible=(1, 1000)),
)

STAY_FAULTS = Table(
    key=("stays", "stay_faults"),
    grain="one row per faulty stay and fault",
    meaning="Stays of the releases that could not be used as they are, and what became of them. Nothing is left out "
    "without a row here.",
    primary_key=("subject_id", "record", "record_id", "fault"),
    source="MIMIC-IV: admissions, icustays; MIMIC-IV-ED: edstays",
    columns=FAULT_COLUMNS,
)

STAYS: Mapping[str, tuple[str, str, str]] = {
    "hospital": ("mimic/hosp/admissions", "admittime", "dischtime"),
    "icu": ("mimic/icu/icustays", "intime", "outtime"),
    "ed": ("mimic/ed/edstays", "intime", "outtime"),
}
"""By kind of stay: its source table, and its columns for begin and end."""

LEFT_OUT = "left out"
_KEPT = "kept; holds no X-ray"


def faults(
    frame: pl.LazyFrame, record: str, record_id: str, fault: str, consequence: str, rows: pl.Expr | None = None
) -> pl.LazyFrame:
    """One row per record found in the frame (`subject_id` and the column `record_id`).

    Args:
        frame: the faulty rows.
        record: kind of record.
        record_id: the column with its number.
        fault: what is wrong.
        consequence: what becomes of it.
        rows: how many rows of the release each record stands for; its rows in the frame where not given.
    """
    counted = frame.group_by("subject_id", record_id).agg(rows=(pl.len() if rows is None else rows).cast(pl.Int64))
    return counted.select(
        "subject_id",
        record=pl.lit(record),
        record_id=pl.col(record_id).cast(pl.String),
        fault=pl.lit(fault),
        consequence=pl.lit(consequence),
        rows="rows",
    )


def stay_faults(
    admissions: pl.LazyFrame, icustays: pl.LazyFrame, edstays: pl.LazyFrame, shared_ids: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per faulty stay and fault; see `STAY_FAULTS`."""
    frames = {"hospital": admissions, "icu": icustays, "ed": edstays}
    known = admissions.select("subject_id", "hadm_id").unique()
    found = [part for kind, frame in frames.items() for part in _of_kind(kind, frame, shared_ids)]
    for kind, frame in (("icu", icustays), ("ed", edstays)):
        strange = frame.drop_nulls("hadm_id").join(known, on=["subject_id", "hadm_id"], how="anti")
        found.append(faults(strange, f"{kind} stay", "stay_id", "its admission is not the patient's", "kept unlinked"))
    return pl.concat(found)


def _of_kind(kind: str, frame: pl.LazyFrame, shared_ids: pl.LazyFrame) -> list[pl.LazyFrame]:
    path, begin, end = STAYS[kind]
    (number,) = UNIQUE_IDS[path]
    record = f"{kind} stay"
    repeated = frame.group_by(frame.collect_schema().names()).len().filter(pl.col("len") > 1)
    different = frame.unique().filter(pl.len().over("subject_id", number) > 1)
    return [
        faults(repeated, record, number, "row repeated", "counted once", rows=pl.col("len").sum()),
        faults(different, record, number, "id in rows that differ", LEFT_OUT),
        faults(with_shared(frame, shared_ids, path, number), record, number, "id of several patients", LEFT_OUT),
        *time_faults(frame, record, number, begin, end),
    ]


def time_faults(frame: pl.LazyFrame, record: str, number: str, begin: str, end: str) -> list[pl.LazyFrame]:
    """Stays that no moment can lie in."""
    conditions = {
        "ends before it begins": pl.col(end) < pl.col(begin),
        "has no beginning or no end": pl.col(end).is_null() | pl.col(begin).is_null(),
    }
    return [faults(frame.filter(c), record, number, fault, _KEPT) for fault, c in conditions.items()]
