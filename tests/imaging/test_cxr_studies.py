"""Images and studies: times from two numbers, duplicates, and what is reported of them."""

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.imaging import studies
from clinical_assets.imaging.input_faults import image_faults, shared_faults, study_faults
from clinical_assets.imaging.tables import CXR_IMAGES, CXR_STUDIES, INPUT_FAULTS
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.stays.usable_ids import shared_ids, without_shared

METADATA, SPLIT = RELEASE["mimic/cxr/metadata"], RELEASE["mimic/cxr/split"]


def metadata(*records):
    return pl.DataFrame(
        [{"subject_id": 10000001, "study_id": 50000001, **r} for r in records], METADATA.polars_schema
    ).lazy()


def parts(*records):
    return pl.DataFrame(
        [{"subject_id": 10000001, "study_id": 50000001, **r} for r in records], SPLIT.polars_schema
    ).lazy()


def images(*records, split=()):
    return studies.cxr_images(metadata(*records), parts(*split))


def timed(date, time):
    return images({"dicom_id": "a", "StudyDate": date, "StudyTime": time}).collect().row(0, named=True)


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        (21800506, "213014.531", datetime(2180, 5, 6, 21, 30, 14, 531000)),
        (21800506, "80556.875", datetime(2180, 5, 6, 8, 5, 56, 875000)),  # two leading zeros lost
        (21800506, "5.0", datetime(2180, 5, 6, 0, 0, 5)),
        (21800506, "0", datetime(2180, 5, 6)),
        (21800506, "235959.9999999", datetime(2180, 5, 6, 23, 59, 59, 999999)),
        (21800506, "120000.", datetime(2180, 5, 6, 12)),
        (21810229, "1.5", None),  # no leap year
        (21810229, "100", None),
        (2180050, "100", None),
        (21800506, "240000", None),
        (21800506, "6000.0", None),  # sixty minutes past midnight
        (21800506, "60", None),
        (21800506, "246199.25", None),
        (21800506, "1234567", None),
        (21800506, "-5", None),
        (21800506, "1e5", None),
        (21800506, "___", None),
        (21800506, "", None),
        (21800506, None, None),
        (None, "120000", None),
    ],
)
def test_the_time_of_an_image(date, time, expected):
    assert timed(date, time)["taken_at"] == expected


@pytest.mark.parametrize(
    ("date", "time", "status"),
    [
        (21800506, "0", "valid"),
        (None, "0", "date missing"),
        (21801306, "0", "date invalid"),
        (21800506, None, "time missing"),
        (21800506, " ", "time missing"),
        (21800506, "240000", "time invalid"),
        (21800506, "abc", "time invalid"),
    ],
)
def test_why_an_image_has_no_time(date, time, status):
    assert timed(date, time)["time_status"] == status


@given(st.datetimes(min_value=datetime(2100, 1, 1), max_value=datetime(2211, 1, 1)))
def test_every_moment_is_read_back_from_its_two_numbers(moment):
    whole = int(moment.strftime("%H%M%S"))  # as a number: its leading zeros are gone
    fraction = f"{moment.microsecond:06d}".rstrip("0") or "0"
    assert timed(int(moment.strftime("%Y%m%d")), f"{whole}.{fraction}")["taken_at"] == moment


def test_an_image_has_its_view_split_and_file():
    image = (
        images({"dicom_id": "a", "ViewPosition": "AP"}, split=[{"dicom_id": "a", "split": "test"}])
        .collect()
        .row(0, named=True)
    )
    assert (image["projection"], image["official_split"]) == ("frontal", "test")
    assert image["file"] == "files/p10/p10000001/s50000001/a.jpg"


@pytest.mark.parametrize(
    ("view", "projection"),
    [
        ("AP", "frontal"),
        ("PA", "frontal"),
        ("LATERAL", "lateral"),
        ("LL", "lateral"),
        ("LAO", "other"),
        (None, "unknown"),
    ],
)
def test_projections(view, projection):
    assert images({"dicom_id": "a", "ViewPosition": view}).collect()["projection"].item() == projection


def test_a_split_that_says_two_things_of_an_image_multiplies_nothing():
    both = [{"dicom_id": "a", "split": "test"}, {"dicom_id": "a", "split": "train"}]
    found = images({"dicom_id": "a"}, split=both).collect()
    assert found.height == 1
    assert found["official_split"].item() is None


FAULTY = (
    {"dicom_id": "a", "StudyDate": 21800506, "StudyTime": "100000"},
    {"dicom_id": "a", "StudyDate": 21800506, "StudyTime": "100000"},  # repeated
    {"dicom_id": "b", "StudyDate": 21800506, "StudyTime": "90000"},
    {"dicom_id": "b", "StudyDate": 21800507, "StudyTime": "90000"},  # which of the two?
    {"dicom_id": "c", "StudyDate": 21800506, "StudyTime": "246199"},
    {"dicom_id": "d", "StudyTime": "10", "study_id": 50000002},
)


def test_repeated_images_count_once_and_contradictory_ones_not_at_all():
    assert sorted(images(*FAULTY).collect()["dicom_id"]) == ["a", "c", "d"]


def test_every_image_that_is_not_used_as_it_is_has_its_fault():
    split = parts(*({"dicom_id": d, "split": "train"} for d in "abcd"), {"dicom_id": "z", "split": "test"})
    faults = image_faults(metadata(*FAULTY), split).collect()
    assert set(faults.select("record", "record_id", "fault", "rows").iter_rows()) == {
        ("image", "a", "row repeated", 2),
        ("image", "b", "image id in rows that differ", 2),
        ("image", "c", "study time is not on the clock", 1),
        ("image", "d", "study date missing", 1),
        ("split row", "z", "image unknown", 1),
    }
    assert dict(faults.schema) == dict(INPUT_FAULTS.polars_schema)


def test_images_without_a_split_or_in_two_are_faults():
    both = parts({"dicom_id": "a", "split": "test"}, {"dicom_id": "a", "split": "train"})
    rows = metadata(
        {"dicom_id": "a", "StudyDate": 21800506, "StudyTime": "1"},
        {"dicom_id": "b", "StudyDate": 21800506, "StudyTime": "1"},
    )
    assert set(image_faults(rows, both).collect().select("record_id", "fault", "rows").iter_rows()) == {
        ("a", "in several official splits", 2),
        ("b", "in no official split", 1),
    }


def test_a_study_has_the_time_of_its_earliest_image_that_has_one():
    found = studies.cxr_studies(
        images(
            {"dicom_id": "a", "StudyDate": 21800506, "StudyTime": "100230", "ViewPosition": "PA"},
            {"dicom_id": "b", "StudyDate": 21800506, "StudyTime": "95959.5", "ViewPosition": "LATERAL"},
            {"dicom_id": "c", "StudyDate": 21800506, "StudyTime": "246199", "ViewPosition": "PA"},
            {"dicom_id": "d", "StudyDate": 21800506, "StudyTime": "246199", "study_id": 50000002},
        )
    ).collect()
    assert dict(found.schema) == {**dict(found.schema), **dict(CXR_STUDIES.polars_schema)}
    study = found.filter(pl.col("study_id") == 50000001).row(0, named=True)
    assert study["study_time"] == datetime(2180, 5, 6, 9, 59, 59, 500000)
    assert study["last_image_time"] == datetime(2180, 5, 6, 10, 2, 30)
    assert (study["n_images"], study["n_frontal"], study["n_lateral"], study["n_images_without_time"]) == (3, 2, 1, 1)
    assert study["views"] == "LATERAL|PA"
    untimed = found.filter(pl.col("study_id") == 50000002).row(0, named=True)
    assert (untimed["study_time"], untimed["views"], untimed["n_images_without_time"]) == (None, None, 1)
    assert study_faults(found.lazy()).collect()["record_id"].to_list() == ["50000002"]


def test_tables_are_as_declared():
    assert dict(images({"dicom_id": "a"}).collect_schema()) == dict(CXR_IMAGES.polars_schema)
    assert set(studies.cxr_studies(images({"dicom_id": "a"})).collect_schema()) == set(CXR_STUDIES.column_names)


def test_images_and_studies_of_two_patients_are_left_out_and_told():
    rows = metadata(
        {"dicom_id": "a", "StudyDate": 21800506, "StudyTime": "1"},
        {"dicom_id": "b", "StudyDate": 21800506, "StudyTime": "1", "study_id": 50000002},
        {"dicom_id": "b", "StudyDate": 21800506, "StudyTime": "1", "study_id": 50000003, "subject_id": 10000009},
        {"dicom_id": "c", "StudyDate": 21800506, "StudyTime": "1", "study_id": 50000003},
    )
    shared = shared_ids([("mimic/cxr/metadata", rows)])
    assert set(shared.collect().select("id_column", "id", "n_patients").iter_rows()) == {
        ("dicom_id", "b", 2),
        ("study_id", "50000003", 2),
    }
    left = studies.cxr_images(without_shared(rows, shared, "mimic/cxr/metadata"), parts()).collect()
    assert left["dicom_id"].to_list() == ["a"]
    faults = shared_faults(rows, shared).collect()
    assert sorted(faults.select("record", "record_id", "consequence").iter_rows()) == [
        ("image", "b", "left out"),
        ("image", "b", "left out"),  # of each patient
        ("study", "50000003", "left out"),
        ("study", "50000003", "left out"),
    ]
