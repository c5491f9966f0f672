"""Which records of a release can be told apart: repeated rows, ids in rows that differ, ids that several patients have.

An id is one record of one patient. Where a release breaks that, nobody can say which row is right: identical rows count
once, and rows that differ under one id are left out, all of them. An id that two patients have is seen in no shard
alone, since the two may lie in different ones: such ids are looked for in the files, over all patients, and left out in
every shard alike. Nothing is lost: the rows stay in `mimic/`, and each is counted in `stays/stay_faults` or
`imaging/input_faults`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from clinical_assets.mimic.catalogue.columns import integer, text
from clinical_assets.tables import Table

SHARED_IDS = Table(
    key=("stays", "shared_ids"),
    grain="one row per id that rows of several patients have",
    meaning="Ids of stays, X-ray studies and images that a release gives to several patients. Records under them are "
    "left out of everything derived, in every shard alike; none are expected.",
    primary_key=("table", "id_column", "id"),
    patient_keyed=False,
    source="the files of the releases, over all patients",
    columns=(
        text("table", "Source table.", required=True),
        text("id_column", "Column of that table that holds the id.", required=True),
        text("id", "The id.", required=True),
        integer("n_patients", "Patients it is given to.", required=True, plausible=(2, 1_000_000)),
        integer("n_rows", "Rows that have it.", required=True),
    ),
)

UNIQUE_IDS: Mapping[str, tuple[str, ...]] = {
    "mimic/hosp/admissions": ("hadm_id",),
    "mimic/icu/icustays": ("stay_id",),
    "mimic/ed/edstays": ("stay_id",),
    "mimic/cxr/metadata": ("dicom_id", "study_id"),
}
"""By source table: columns of which each value is one patient's."""


def shared_ids(tables: Iterable[tuple[str, pl.LazyFrame]]) -> pl.LazyFrame:
    """One row per id of several patients; see `SHARED_IDS`.

    Args:
        tables: path of each source table of `UNIQUE_IDS` with its `subject_id` and id columns, of all patients.
    """
    found = [SHARED_IDS.empty().lazy()]
    for path, frame in tables:
        for column in UNIQUE_IDS[path]:
            found.append(
                frame.drop_nulls(column)
                .group_by(column)
                .agg(
                    n_patients=pl.col("subject_id").n_unique().cast(pl.Int64),
                    n_rows=pl.len().cast(pl.Int64),
                )
                .filter(pl.col("n_patients") > 1)
                .select(
                    pl.lit(path).alias("table"),
                    pl.lit(column).alias("id_column"),
                    pl.col(column).cast(pl.String).alias("id"),
                    "n_patients",
                    "n_rows",
                )
            )
    return pl.concat(found)


def without_shared(frame: pl.LazyFrame, shared: pl.LazyFrame, path: str) -> pl.LazyFrame:
    """The rows none of whose ids is several patients'."""
    for column in UNIQUE_IDS[path]:
        frame = frame.join(_shared(shared, path, column), on=column, how="anti")
    return frame


def with_shared(frame: pl.LazyFrame, shared: pl.LazyFrame, path: str, column: str) -> pl.LazyFrame:
    """The rows whose id is several patients'."""
    return frame.join(_shared(shared, path, column), on=column, how="semi")


def _shared(shared: pl.LazyFrame, path: str, column: str) -> pl.LazyFrame:
    own = shared.filter(pl.col("table") == path, pl.col("id_column") == column)
    of_text = column == "dicom_id"
    return own.select(pl.col("id").cast(pl.String if of_text else pl.Int64, strict=False).alias(column)).drop_nulls()


def usable(frame: pl.LazyFrame, shared: pl.LazyFrame, path: str) -> pl.LazyFrame:
    """The rows of a table of stays under ids that are one record of one patient, each once."""
    (column,) = UNIQUE_IDS[path]
    once = frame.unique().filter(pl.len().over("subject_id", column) == 1)
    return without_shared(once, shared, path)
