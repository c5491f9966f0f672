"""Who a model may learn from: a split by patient that never moves.

Source of the rule: bucket = stable hash of (salt, subject_id) modulo 100, never of an admission or a stay, so that all
of a patient's rows in every modality fall on one side. Changing salt or boundaries makes a new version.
"""

from __future__ import annotations

import hashlib

import polars as pl

SPLIT_VERSION = "1"
SALT = f"clinical-assets-split-{SPLIT_VERSION}"
BOUNDARIES = {"train": (0, 70), "validate": (70, 80), "test": (80, 100)}
"""First bucket and one past the last of each split."""


def split_bucket(subject_id: int, salt: str = SALT) -> int:
    """A number from 0 to 99 that depends on salt and patient only: SHA-256 of `salt|subject_id`, modulo 100."""
    digest = hashlib.sha256(f"{salt}|{subject_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100


def split_of(bucket: int) -> str:
    """The split a bucket belongs to."""
    return next(name for name, (first, end) in BOUNDARIES.items() if first <= bucket < end)


def patient_splits(patients: pl.LazyFrame) -> pl.LazyFrame:
    """One row per patient with its split."""
    return patients.select(
        "subject_id",
        "anchor_year_group",
        bucket=pl.col("subject_id").map_elements(split_bucket, return_dtype=pl.Int64),
    ).with_columns(
        split=pl.col("bucket").replace_strict(
            list(range(100)), [split_of(bucket) for bucket in range(100)], return_dtype=pl.String
        ),
        split_version=pl.lit(SPLIT_VERSION),
    )
