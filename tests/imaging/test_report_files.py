"""MIMIC-CXR's report files: what is read, what is said of what cannot be read."""

import io
from contextlib import contextmanager

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.imaging import checks, report_files
from clinical_assets.imaging.report_tables import CXR_REPORTS

STUDIES = pl.DataFrame({"subject_id": [10000032, 10000032, 19999999], "study_id": [50000001, 50000002, 50000003]})
WANTED = STUDIES.with_columns(file=report_files.report_file())


def opener(files):
    @contextmanager
    def open_file(path):
        if path not in files:
            raise FileNotFoundError(path)
        yield io.BytesIO(files[path])

    return open_file


def facts(content):
    return report_files.report_facts("a", opener({"a": content}))


def test_a_report_lies_beside_its_study_s_folder():
    assert WANTED["file"].to_list() == [
        "files/p10/p10000032/s50000001.txt",
        "files/p10/p10000032/s50000002.txt",
        "files/p19/p19999999/s50000003.txt",
    ]


def test_every_study_has_a_row_in_order_and_one_bad_file_disturbs_no_other():
    found = report_files.cxr_reports(
        WANTED, opener({WANTED["file"][0]: b"Clear.", WANTED["file"][2]: b"\x00\x01"}), readers=2
    )
    assert dict(found.schema) == dict(CXR_REPORTS.polars_schema)
    assert found.select("study_id", "status", "text").rows() == [
        (50000001, "read", "Clear."),
        (50000002, "missing", None),
        (50000003, "not text", None),
    ]


def test_of_a_release_that_is_not_at_hand_no_file_is_asked_for():
    found = report_files.cxr_reports(WANTED, None)
    assert dict(found.schema) == dict(CXR_REPORTS.polars_schema)
    assert set(found["status"]) == {"missing"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"\xef\xbb\xbfClear.", "read"),
        ("Über.".encode(), "read"),
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"PK\x03\x04\x00\x00", "not text"),
        (b"\xff\xfe\xfd", "not text"),
        (b"a" * (report_files.LARGEST + 1), "not text"),
    ],
)
def test_status(content, status):
    found = facts(content)
    assert found["status"] == status
    assert ("text" in found) == (status == "read")
    assert not found.get("text", "").startswith("\ufeff")


def test_broken_files_fail_the_check_and_missing_ones_do_not():
    found = report_files.cxr_reports(WANTED, opener({WANTED["file"][0]: b"Clear.", WANTED["file"][2]: b" "}))
    finding = checks.files_usable(found, ("read",))
    assert not finding.passed
    assert finding.counts == {"empty": 1, "missing": 1, "read": 1}
    assert checks.files_usable(found.head(2), ("read",)).passed


@given(st.binary(max_size=50))
def test_no_bytes_end_the_run(content):
    found = facts(content)
    assert found["status"] in ("read", "empty", "not text")
    if found["status"] == "read":
        assert found["text"].encode() == content.removeprefix(b"\xef\xbb\xbf")
