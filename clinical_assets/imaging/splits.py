"""One split for every modality: the published CXR split where a patient has X-rays, else the patient's hash.

A patient on two sides would let a model recognise whom it was tested on. Two such conflicts exist. A patient in several
parts of the published split has no split at all and is left out. A patient whom the published split and the hash put on
different sides keeps the published one, but whatever was fitted under the hash (an ICU model, say) may have learnt from
him: `same_side_everywhere` is false, and work that combines the two leaves him out too.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.stays import splits


def modality_splits(patient_splits: pl.LazyFrame, cxr_split: pl.LazyFrame) -> pl.LazyFrame:
    """One row per patient of MIMIC-IV or MIMIC-CXR; see `tables.MODALITY_SPLITS`."""
    official = cxr_split.group_by("subject_id").agg(parts=pl.col("split").drop_nulls().unique())
    hashed = patient_splits.select("subject_id", hash_split="split")
    # Not every patient with X-rays is in MIMIC-IV; the hash needs nothing but his number.
    of_all = pl.concat([hashed, _hashed(official.select("subject_id").join(hashed, on="subject_id", how="anti"))])
    several = pl.col("n_official_splits") > 1
    differs = pl.col("official_split") != pl.col("hash_split")
    return (
        of_all.join(official, on="subject_id", how="left")
        .with_columns(n_official_splits=pl.col("parts").list.len().fill_null(0).cast(pl.Int64))
        .with_columns(official_split=pl.when(pl.col("n_official_splits") == 1).then(pl.col("parts").list.first()))
        .select(
            "subject_id",
            split=pl.when(~several).then(pl.coalesce("official_split", "hash_split")),
            official_split="official_split",
            hash_split="hash_split",
            n_official_splits="n_official_splits",
            conflict=pl.when(several)
            .then(pl.lit("several official splits"))
            .when(differs)
            .then(pl.lit("official differs from hash")),
            same_side_everywhere=~several & ~differs.fill_null(value=False),
        )
    )


def _hashed(subjects: pl.LazyFrame) -> pl.LazyFrame:
    with_year = subjects.with_columns(anchor_year_group=pl.lit(None, pl.String))
    return splits.patient_splits(with_year).select("subject_id", hash_split="split")


def split_counts(modality_splits: pl.DataFrame) -> dict[str, int]:
    """Patients by conflict, and by side: what the asset check reports."""
    sides = {f"{side or 'no split'} patients": n for side, n in modality_splits["split"].value_counts().iter_rows()}
    conflicts = modality_splits["conflict"].drop_nulls().value_counts()
    return {**sides, **{f"conflict: {kind}": n for kind, n in conflicts.iter_rows()}}
