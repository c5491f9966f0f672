"""What names documents: whose they are is never guessed, and none is lost or overwritten."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.index.entries import (
    ENTRIES,
    ManifestError,
    manifest_entries,
    merged,
    note_entries,
    report_entries,
    tree_entries,
)
from clinical_assets.mimic.catalogue import TABLES


def manifest(*rows, **more):
    return manifest_entries(pl.DataFrame(rows, orient="row", **more), "the manifest")


def test_a_manifest_gives_one_entry_per_row():
    found = manifest(
        {
            "document_id": "d1", "patient_id": " p1 ", "file": "files\\p1\\a.txt", "document_type": "Note",
            "authored_at": "2150-03-02T10:00:00", "stored_at": "2150-03-03", "content_type": "text/plain",
            "birth_date": "2150-03-01", "description": "",
        },
    )  # fmt: skip
    assert found.schema == ENTRIES
    row = found.row(0, named=True)
    assert (row["document_id"], row["patient_id"], row["uri"]) == ("d1", "p1", "files/p1/a.txt")
    assert (row["authored_date"], row["authored_at"]) == (dt.date(2150, 3, 2), dt.datetime(2150, 3, 2, 10))
    assert (row["stored_date"], row["stored_at"]) == (dt.date(2150, 3, 3), None)
    assert row["age_at_document_days"] == 1
    assert (row["description"], row["refused"], row["fault"]) == (None, None, None)


@pytest.mark.parametrize("file", ["/etc/passwd", "../other/a.txt", "a/../../b.txt", "", None, "a\x00b"])
def test_a_path_that_leaves_the_store_is_not_followed(file):
    row = manifest({"document_id": "d", "patient_id": "p", "file": file}).row(0, named=True)
    assert (row["refused"], row["fault"]) == ("missing", "no path below the store")


def test_a_document_without_an_id_gets_a_stable_one_and_a_fault():
    rows = [{"document_id": None, "patient_id": "p", "file": f"{name}.txt"} for name in "ab"]
    first, again = manifest(*rows), manifest(*reversed(rows))
    assert set(first["document_id"]) == set(again["document_id"])
    assert first["document_id"].n_unique() == 2
    assert set(first["fault"]) == {"no document id"}


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["a", "b", "a~2"]), max_size=12))
def test_whatever_ids_are_given_every_entry_is_kept_under_an_id_of_its_own(ids):
    found = manifest(
        *({"document_id": i, "patient_id": str(n), "file": f"{n}.txt"} for n, i in enumerate(ids)),
        schema={"document_id": pl.String, "patient_id": pl.String, "file": pl.String},
    )
    assert found.height == len(ids) == found["document_id"].n_unique()
    assert found["uri"].to_list() == [f"{n}.txt" for n in range(len(ids))]
    renamed = pl.Series(ids, dtype=pl.String) != found["document_id"]
    assert found["fault"].is_not_null().equals(renamed)
    assert renamed.sum() >= len(ids) - len(set(ids))
    both = merged([found, found])
    assert both["document_id"].n_unique() == 2 * len(ids)


def test_a_manifest_without_its_columns_says_which():
    with pytest.raises(ManifestError, match=r"the manifest: expected the columns .*; found id; add patient_id, file"):
        manifest_entries(pl.DataFrame({"id": ["x"]}), "the manifest")


def test_folders_say_whose_a_document_is_and_what_type():
    found = tree_entries(["files/p2/Pathology/x.pdf", "files/p1/a.txt", "files/loose.txt"], "files")
    assert found.select("patient_id", "uri", "document_type").rows() == [
        ("p1", "files/p1/a.txt", None), ("p2", "files/p2/Pathology/x.pdf", "Pathology"),
    ]  # fmt: skip
    assert (
        found["document_id"].to_list()
        == tree_entries(reversed(found["uri"].to_list()), "files")["document_id"].to_list()
    )


def test_a_note_of_midnight_has_a_day_and_no_time():
    table = TABLES["mimic/note/discharge"]
    rows = [
        ("1-DS-1", 1, 9, "DS", 1, dt.datetime(2150, 1, 2), dt.datetime(2150, 1, 4, 5), "words"),
        ("1-AD-2", 1, 9, "AD", 2, dt.datetime(2150, 1, 2, 3), None, "words"),
    ]
    found = note_entries(pl.LazyFrame(rows, table.polars_schema, orient="row"), table.path)
    assert found.schema == ENTRIES
    columns = ("document_id", "patient_id", "uri", "document_type", "authored_date", "authored_at", "stored_at")
    assert found.select(columns).rows() == [
        ("1-DS-1", "1", "lake:mimic/note/discharge#1-DS-1", "Discharge summary", dt.date(2150, 1, 2), None,
         dt.datetime(2150, 1, 4, 5)),
        ("1-AD-2", "1", "lake:mimic/note/discharge#1-AD-2", "Discharge summary addendum", dt.date(2150, 1, 2),
         dt.datetime(2150, 1, 2, 3), None),
    ]  # fmt: skip


def test_only_reports_among_the_images_are_documents():
    headers = pl.LazyFrame({"subject_id": [1, 1], "dicom_id": ["x", "y"], "status": ["read", "report"]})
    found = report_entries(headers, pl.lit("mimic-cxr/2.1.0/") + pl.col("dicom_id"))
    assert found.schema == ENTRIES
    assert found.select("document_id", "patient_id", "uri").rows() == [("dicom-y", "1", "mimic-cxr/2.1.0/y")]
