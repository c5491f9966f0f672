"""Which stay a chest X-ray was taken in.

X-rays carry a patient and a time, no stay. In this order: the ED stay, the ICU stay, the admission whose time holds the
X-ray's (both ends included); of several of one kind the one that began last, which is the nearest, then the smallest
id. Where a look-back is configured, an X-ray in no stay belongs to one that ended up to that long before. A stay that
begins after the X-ray is never taken: that it would come was not known.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

KINDS = ("ed", "icu", "hospital")
"""In the order of match."""
LOOK_BACK: timedelta | None = None
"""Off. A week after a visit, as once used, links X-rays to stays they have nothing to do with."""

_STAY = ("kind", "stay_id", "hadm_id", "intime")


def cxr_stay_links(
    cxr_studies: pl.LazyFrame,
    ed_stays: pl.LazyFrame,
    icu_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    look_back: timedelta | None = LOOK_BACK,
) -> pl.LazyFrame:
    """One row per study; see `tables.CXR_STAY_LINKS`."""
    studies = cxr_studies.select("subject_id", "study_id", "study_time")
    return _linked(studies, "study_id", "study_time", stay_intervals(ed_stays, icu_stays, hospital_stays), look_back)


def cxr_image_links(
    cxr_images: pl.LazyFrame,
    ed_stays: pl.LazyFrame,
    icu_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    look_back: timedelta | None = LOOK_BACK,
) -> pl.LazyFrame:
    """One row per image; see `tables.CXR_IMAGE_LINKS`."""
    images = cxr_images.select("subject_id", "study_id", "dicom_id", "taken_at")
    return _linked(images, "dicom_id", "taken_at", stay_intervals(ed_stays, icu_stays, hospital_stays), look_back)


def stay_intervals(ed_stays: pl.LazyFrame, icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame) -> pl.LazyFrame:
    """One row per stay of any kind that has a beginning and a later end; others hold no moment (see stay_faults)."""
    own_admission = pl.when("admission_found").then("hadm_id")
    stays = [
        ed_stays.select("subject_id", "stay_id", "intime", "outtime", hadm_id=own_admission, kind=pl.lit(0)),
        icu_stays.select("subject_id", "stay_id", "intime", "outtime", hadm_id=own_admission, kind=pl.lit(1)),
        hospital_stays.select(
            "subject_id",
            stay_id="hadm_id",
            intime="admittime",
            outtime="dischtime",
            hadm_id="hadm_id",
            kind=pl.lit(2),
        ),
    ]
    columns = ["subject_id", *_STAY, "outtime"]
    return pl.concat([frame.select(columns) for frame in stays]).filter(pl.col("intime") <= pl.col("outtime"))


def _linked(
    taken: pl.LazyFrame, number: str, time: str, stays: pl.LazyFrame, look_back: timedelta | None
) -> pl.LazyFrame:
    if look_back is not None and look_back <= timedelta(0):
        raise ValueError(f"expected a look-back over 0 or none; found {look_back}: it would look ahead")
    key = ["subject_id", number]
    moment = pl.col(time)
    inside = moment.is_between("intime", "outtime")
    shortly_after = (
        pl.lit(value=False)
        if look_back is None
        else (moment > pl.col("outtime")) & (moment - pl.col("outtime") <= look_back)
    )
    # The kinds in order, then the same kinds by look-back.
    rank = pl.col("kind") + pl.when(inside).then(0).otherwise(len(KINDS))
    candidates = (
        taken.select(*key, time)
        .join(stays, on="subject_id")
        .filter(inside | shortly_after)
        .with_columns(rank=rank, distance=(moment - pl.col("intime")).abs())
        .filter(pl.col("rank") == pl.col("rank").min().over(key))
    )
    nearest = candidates.group_by(key).agg(
        pl.col("rank", *_STAY).sort_by("distance", "stay_id").first(), n_candidates=pl.len().cast(pl.Int64)
    )
    found = [*KINDS, *(f"{kind} look-back" for kind in KINDS)]
    return (
        taken.join(nearest, on=key, how="left")
        .with_columns(
            match_type=pl.when(moment.is_null())
            .then(pl.lit("no study time"))
            .otherwise(pl.col("rank").replace_strict(dict(enumerate(found)), default="none", return_dtype=pl.String)),
            ed_stay_id=pl.when(pl.col("kind") == 0).then("stay_id"),
            icu_stay_id=pl.when(pl.col("kind") == 1).then("stay_id"),
            stay_intime="intime",
            offset_minutes=(moment - pl.col("intime")).dt.total_microseconds() / 60e6,
            n_candidates=pl.col("n_candidates").fill_null(0),
            look_back_hours=pl.lit(0.0 if look_back is None else look_back / timedelta(hours=1)),
        )
        .drop("rank", "kind", "stay_id", "intime")
    )
