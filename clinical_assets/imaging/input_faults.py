"""Records of the imaging releases that cannot be used as they are: which, why, and what became of them.

Each function gives rows of `tables.INPUT_FAULTS`. What does not belong here: the repair itself; it is where the record
is read (`studies`, `linkage`, `labels`, `splits`, `reflacx`).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from clinical_assets.imaging.labels import MENTION, OBSERVATIONS, STUDY
from clinical_assets.imaging.studies import IMAGE, time_status


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


# What is wrong with an image's time, by time status. The image stays in its study; only its time is gone.
_TIME_FAULTS = {
    "date missing": "study date missing",
    "date invalid": "study date is no day",
    "time missing": "study time missing",
    "time invalid": "study time is not on the clock",
}
_WITHOUT_TIME = "kept without a time"
_LEFT_OUT = "left out"


def image_faults(metadata: pl.LazyFrame, split: pl.LazyFrame) -> pl.LazyFrame:
    """Faulty rows of the two image tables, as rows of `tables.INPUT_FAULTS`."""
    distinct = metadata.unique().with_columns(variants=pl.len().over(IMAGE))
    different = distinct.filter(pl.col("variants") > 1)
    repeated = metadata.group_by(metadata.collect_schema().names()).len().filter(pl.col("len") > 1)
    untimed = distinct.filter(pl.col("variants") == 1).with_columns(status=time_status())
    parts = split.group_by(IMAGE).agg(parts=pl.col("split").n_unique(), rows=pl.len())
    return pl.concat(
        [
            faults(different, "image", "dicom_id", "image id in rows that differ", _LEFT_OUT),
            faults(repeated, "image", "dicom_id", "row repeated", "counted once", rows=pl.col("len").sum()),
            *(
                faults(untimed.filter(pl.col("status") == status), "image", "dicom_id", fault, _WITHOUT_TIME)
                for status, fault in _TIME_FAULTS.items()
            ),
            faults(
                parts.filter(pl.col("parts") > 1),
                "image",
                "dicom_id",
                "in several official splits",
                "has no split",
                rows=pl.col("rows").sum(),
            ),
            faults(
                distinct.join(split, on=IMAGE, how="anti"), "image", "dicom_id", "in no official split", "has no split"
            ),
            faults(split.join(metadata, on=IMAGE, how="anti"), "split row", "dicom_id", "image unknown", _LEFT_OUT),
        ]
    )


def study_faults(cxr_studies: pl.LazyFrame) -> pl.LazyFrame:
    """Studies no image of which has a time."""
    return faults(
        cxr_studies.filter(pl.col("study_time").is_null()), "study", "study_id", "no image has a time", "not linked"
    )


def stay_faults(stays: Mapping[str, tuple[pl.LazyFrame, str, str, str]]) -> pl.LazyFrame:
    """Stays that no image can be placed in.

    Args:
        stays: by kind of stay: the frame and the names of its id, begin and end.
    """
    return pl.concat(
        faults(frame.filter(condition), f"{kind} stay", stay_id, fault, "not linked")
        for kind, (frame, stay_id, begin, end) in stays.items()
        for fault, condition in {
            "ends before it begins": pl.col(end) < pl.col(begin),
            "has no beginning or no end": pl.col(end).is_null() | pl.col(begin).is_null(),
        }.items()
    )


def label_faults(labels: pl.LazyFrame, cxr_studies: pl.LazyFrame, program: str) -> pl.LazyFrame:
    """Faulty rows of one program's labels, as rows of `tables.INPUT_FAULTS`."""
    distinct = labels.unique()
    record = f"{program} row"
    no_code = pl.any_horizontal(pl.col(OBSERVATIONS).is_not_null() & ~pl.col(OBSERVATIONS).is_in(list(MENTION)))
    different = distinct.filter(pl.len().over(STUDY) > 1)
    unknown = distinct.join(cxr_studies, on=STUDY, how="anti")
    return pl.concat(
        [
            faults(different, record, "study_id", "study in rows that differ", "left out"),
            faults(unknown, record, "study_id", "study has no images", "left out"),
            faults(distinct.filter(no_code), record, "study_id", "value is none of 1, 0, -1", "cell left empty"),
        ]
    )


def input_faults(
    metadata: pl.LazyFrame,
    split: pl.LazyFrame,
    chexpert: pl.LazyFrame,
    negbio: pl.LazyFrame,
    cxr_studies: pl.LazyFrame,
    ed_stays: pl.LazyFrame,
    icu_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row per faulty record and fault; see `tables.INPUT_FAULTS`."""
    return pl.concat(
        [
            image_faults(metadata, split),
            study_faults(cxr_studies),
            label_faults(chexpert, cxr_studies, "chexpert"),
            label_faults(negbio, cxr_studies, "negbio"),
            stay_faults(
                {
                    "ed": (ed_stays, "stay_id", "intime", "outtime"),
                    "icu": (icu_stays, "stay_id", "intime", "outtime"),
                    "hospital": (hospital_stays, "hadm_id", "admittime", "dischtime"),
                }
            ),
        ]
    )
