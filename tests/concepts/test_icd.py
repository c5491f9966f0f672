import polars as pl
import pytest

from clinical_assets.concepts.icd import coded_as, flags_of_stays


def is_coded(version, code, icd9="", icd10=""):
    frame = pl.DataFrame(
        {"icd_version": [version], "icd_code": [code]}, schema={"icd_version": pl.Int64, "icd_code": pl.String}
    )
    return frame.select(coded_as(icd9, icd10).fill_null(value=False))[0, 0]


@pytest.mark.parametrize(
    ("code", "meant"), [("410", True), ("41001", True), ("41", False), ("4254", True), ("4259", True), ("425", False)]
)
def test_a_code_stands_for_those_that_begin_with_it(code, meant):
    assert is_coded(9, code, icd9="410 4254-4259") is meant


@pytest.mark.parametrize(
    ("code", "meant"), [("I600", True), ("I69", True), ("I7", False), ("I5999", False), ("G46", True)]
)
def test_ranges_compare_the_first_characters(code, meant):
    assert is_coded(10, code, icd10="G46 I60-I69") is meant


def test_a_code_counts_only_in_its_own_version():
    assert not is_coded(10, "410", icd9="410")
    assert not is_coded(9, "E10", icd10="E10")


@pytest.mark.parametrize(("version", "code"), [(9, None), (None, "410"), (None, None)])
def test_an_unknown_code_is_none(version, code):
    assert not is_coded(version, code, icd9="410", icd10="I21")


def test_one_row_per_stay_with_a_diagnosis(mimic_rows):
    diagnoses = mimic_rows(
        "diagnoses_icd",
        {"hadm_id": 1, "icd_code": "410", "icd_version": 9},
        {"hadm_id": 1, "icd_code": "V10", "icd_version": 9},
        {"hadm_id": 2, "icd_code": "V10", "icd_version": 9},
        {"hadm_id": 3},
    )
    flags = flags_of_stays(diagnoses, heart=coded_as("410", "")).collect().sort("hadm_id")
    assert flags.rows() == [(1, 1), (2, 0), (3, 0)]
