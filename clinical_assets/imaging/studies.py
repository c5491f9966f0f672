"""Chest X-ray images and studies: when they were taken and what they are.

`StudyTime` is the number hhmmss.fff that has lost its leading zeros: 80556.875 is 08:05:56.875 and 5.0 is five seconds
past midnight. A study's time is that of its earliest image with a valid one. MIMIC-CXR's times are shifted per patient
by the same days as MIMIC-IV's.
"""

from __future__ import annotations

import polars as pl

_PROJECTION = {"AP": "frontal", "PA": "frontal", "LATERAL": "lateral", "LL": "lateral"}
"""`ViewPosition` to projection; other positions (obliques, decubitus, swimmer's) are `other`."""

_CLOCK = r"^(\d{1,6})(?:\.\d*)?$"
_FRACTION = r"^\d{1,6}\.(\d+)$"
IMAGE = ["subject_id", "dicom_id"]


def cxr_images(metadata: pl.LazyFrame, split: pl.LazyFrame) -> pl.LazyFrame:
    """One row per image with a usable id; see `tables.CXRIMAGES`.

    Args:
        metadata: the release's table of images.
        split: the release's table of parts; an image it does not name, or names with several parts, has none.
    """
    images = metadata.unique().filter(pl.len().over(IMAGE) == 1)
    return images.join(_parts_of_images(split), on=IMAGE, how="left").select(
        "subject_id",
        "study_id",
        "dicom_id",
        taken_at=pl.when(time_status() == "valid").then(_taken_at()),
        time_status=time_status(),
        view_position="ViewPosition",
        projection=pl.when(pl.col("ViewPosition").is_null())
        .then(pl.lit("unknown"))
        .otherwise(pl.col("ViewPosition").replace_strict(_PROJECTION, default="other", return_dtype=pl.String)),
        procedure="PerformedProcedureStepDescription",
        height="Rows",
        width="Columns",
        official_split="official_split",
        file=image_file(),
    )


def image_file(suffix: str = "jpg") -> pl.Expr:
    """Path of an image below its release's folder: `files/p10/p10000032/s50414267/<dicom_id>.jpg`."""
    subject = pl.col("subject_id").cast(pl.String)
    return pl.format(
        "files/p{}/p{}/s{}/{}.{}", subject.str.slice(0, 2), subject, "study_id", "dicom_id", pl.lit(suffix)
    )


def _parts_of_images(split: pl.LazyFrame) -> pl.LazyFrame:
    parts = split.group_by(IMAGE).agg(pl.col("split").unique())
    return parts.filter(pl.col("split").list.len() == 1).select(*IMAGE, official_split=pl.col("split").list.first())


def time_status() -> pl.Expr:
    """What `StudyDate` and `StudyTime` of a row amount to, as one of `tables.TIME_STATUSES`."""
    hour, minute, second = (_clock().str.slice(start, 2).cast(pl.Int64, strict=False) for start in (0, 2, 4))
    on_the_clock = _clock().is_not_null() & (hour <= 23) & (minute <= 59) & (second <= 59)
    return (
        pl.when(pl.col("StudyDate").is_null())
        .then(pl.lit("date missing"))
        .when(_day().is_null())
        .then(pl.lit("date invalid"))
        .when(pl.col("StudyTime").is_null() | (pl.col("StudyTime").str.strip_chars() == ""))
        .then(pl.lit("time missing"))
        .when(on_the_clock)
        .then(pl.lit("valid"))
        .otherwise(pl.lit("time invalid"))
    )


def _day() -> pl.Expr:
    written = pl.col("StudyDate").cast(pl.String)
    # Parsing alone would read seven digits as a day of some year.
    return pl.when(written.str.len_chars() == 8).then(written).str.to_date("%Y%m%d", strict=False)


def _clock() -> pl.Expr:
    """The whole part as hhmmss, its leading zeros back in place; null where it is not a number of up to six digits."""
    return pl.col("StudyTime").str.strip_chars().str.extract(_CLOCK, 1).str.zfill(6)


def _taken_at() -> pl.Expr:
    fraction = pl.col("StudyTime").str.strip_chars().str.extract(_FRACTION, 1).fill_null("")
    hour, minute, second = (_clock().str.slice(start, 2).cast(pl.Int64, strict=False) for start in (0, 2, 4))
    return _day().cast(pl.Datetime("us")) + pl.duration(
        hours=hour,
        minutes=minute,
        seconds=second,
        microseconds=fraction.str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64, strict=False),
    )


def cxr_studies(cxr_images: pl.LazyFrame) -> pl.LazyFrame:
    """One row per study; see `tables.CXR_STUDIES`."""
    views = pl.col("view_position").drop_nulls().unique().sort()
    return (
        cxr_images.group_by("subject_id", "study_id")
        .agg(
            study_time=pl.col("taken_at").min(),
            last_image_time=pl.col("taken_at").max(),
            n_images=pl.len().cast(pl.Int64),
            n_frontal=(pl.col("projection") == "frontal").sum().cast(pl.Int64),
            n_lateral=(pl.col("projection") == "lateral").sum().cast(pl.Int64),
            n_images_without_time=pl.col("taken_at").null_count().cast(pl.Int64),
            views=views.str.join("|"),
            procedure=pl.col("procedure").min(),
        )
        .with_columns(views=pl.when(pl.col("views") != "").then("views"))
    )
