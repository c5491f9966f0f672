"""Records of the imaging releases that cannot be used as they are: which, why, and what became of them.

Each function gives rows of `tables.INPUT_FAULTS`. What does not belong here: the repair itself; it is where the record
is read (`studies`, `labels`, `splits`, `reflacx`); and faults of stays, which are in `stays/stay_faults`.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.imaging.labels import MENTION, OBSERVATIONS, STUDY
from clinical_assets.imaging.studies import IMAGE, time_status
from clinical_assets.stays.stay_faults import LEFT_OUT, faults
from clinical_assets.stays.usable_ids import with_shared

# What is wrong with an image's time, by time status. The image stays in its study; only its time is gone.
_TIME_FAULTS = {
    "date missing": "study date missing",
    "date invalid": "study date is no day",
    "time missing": "study time missing",
    "time invalid": "study time is not on the clock",
}
_WITHOUT_TIME = "kept without a time"


def image_faults(metadata: pl.LazyFrame, split: pl.LazyFrame) -> pl.LazyFrame:
    """Faulty rows of the two image tables, as rows of `tables.INPUT_FAULTS`."""
    distinct = metadata.unique().with_columns(variants=pl.len().over(IMAGE))
    different = distinct.filter(pl.col("variants") > 1)
    repeated = metadata.group_by(metadata.collect_schema().names()).len().filter(pl.col("len") > 1)
    untimed = distinct.filter(pl.col("variants") == 1).with_columns(status=time_status())
    parts = split.group_by(IMAGE).agg(parts=pl.col("split").n_unique(), rows=pl.len())
    return pl.concat(
        [
            faults(different, "image", "dicom_id", "image id in rows that differ", LEFT_OUT),
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
            faults(split.join(metadata, on=IMAGE, how="anti"), "split row", "dicom_id", "image unknown", LEFT_OUT),
        ]
    )


def shared_faults(metadata: pl.LazyFrame, shared_ids: pl.LazyFrame) -> pl.LazyFrame:
    """Images and studies under an id that several patients have: nobody can say whose they are."""
    path = "mimic/cxr/metadata"
    return pl.concat(
        faults(with_shared(metadata, shared_ids, path, number), record, number, "id of several patients", LEFT_OUT)
        for record, number in (("image", "dicom_id"), ("study", "study_id"))
    )


def study_faults(cxr_studies: pl.LazyFrame) -> pl.LazyFrame:
    """Studies no image of which has a time."""
    return faults(
        cxr_studies.filter(pl.col("study_time").is_null()), "study", "study_id", "no image has a time", "not linked"
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
    shared_ids: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row per faulty record and fault; see `tables.INPUT_FAULTS`."""
    return pl.concat(
        [
            image_faults(metadata, split),
            shared_faults(metadata, shared_ids),
            study_faults(cxr_studies),
            label_faults(chexpert, cxr_studies, "chexpert"),
            label_faults(negbio, cxr_studies, "negbio"),
        ]
    )
