"""The checks of index and text, each passing and each failing."""

import polars as pl
import pytest

from clinical_assets.documents.index import index_checks
from clinical_assets.documents.tables import INDEX, TEXT
from clinical_assets.documents.text import text_checks


def rows(table, *changes, **same):
    """Rows of a table: nulls, then what is the same in all, then each row's own."""
    return pl.DataFrame([{**dict.fromkeys(table.column_names), **same, **own} for own in changes], table.polars_schema)


def test_bytes_that_are_missing_and_faulty_entries_are_counted():
    whole = rows(INDEX, {"document_id": "a"}, {"document_id": "b"}, status="indexed")
    assert index_checks.readable(whole).passed
    found = index_checks.readable(rows(INDEX, {"status": "missing"}, {"status": "indexed", "fault": "no document id"}))
    assert not found.passed
    assert found.counts == {"documents": 2, "missing": 1, "fault: no document id": 1}


@pytest.mark.parametrize(("patients", "passed"), [(("p1", "p1"), True), (("p1", "p2"), False)])
def test_the_same_bytes_under_two_patients_fail_under_one_they_are_counted(patients, passed):
    found = index_checks.bytes_are_one_patients(rows(INDEX, *({"patient_id": p} for p in patients), sha256="s"))
    assert found.passed is passed
    assert found.counts["documents with the bytes of another"] == 1
    assert found.counts["documents of several patients"] == (0 if passed else 2)


def test_bytes_nobody_has_read_are_not_the_same():
    assert index_checks.bytes_are_one_patients(rows(INDEX, {"patient_id": "p1"}, {"patient_id": "p2"})).passed


@pytest.mark.parametrize(
    ("declared", "found", "passed"),
    [
        ("application/pdf", "application/pdf", True),
        ("application/xml", "application/cda+xml", True),
        ("image/x-unknown", "application/pdf", True),
        (None, "application/pdf", True),
        ("application/pdf", None, True),
        ("text/plain; charset=utf-8", "text/rtf", False),
    ],
)
def test_a_declared_type_that_the_bytes_contradict_fails(declared, found, passed):
    judged = index_checks.declared_as_found(rows(INDEX, {"declared_type": declared, "content_type": found}))
    assert judged.passed is passed
    assert judged.counts == {"documents": 0 if passed else 1}


LISTED = pl.DataFrame({"document_id": ["a", "b"], "patient_id": ["p1", "p2"]})


def agreement(index=("a", "b"), listed=LISTED, members=("p1", "p2"), unlisted=0, lines=0):
    frame = rows(INDEX, *({"document_id": d} for d in index), source="manifest")
    return index_checks.agrees_with_manifests(frame, listed, members, unlisted, lines)


def test_the_index_of_what_the_manifest_lists_passes():
    assert agreement().passed
    assert agreement(index=("a",), members=("p1",)).passed, "p2 is in no batch yet"


@pytest.mark.parametrize(
    ("different", "count"),
    [
        ({"index": ("a",)}, "listed and not indexed"),
        ({"index": ("a", "b", "c")}, "indexed and no longer listed"),
        ({"listed": pl.concat([LISTED, pl.DataFrame({"document_id": ["c"], "patient_id": [None]}, LISTED.schema)])},
         "listed without a patient"),
        ({"unlisted": 1}, "files no manifest names"),
        ({"lines": 1}, "lines without a document"),
    ],
)  # fmt: skip
def test_each_way_index_and_manifest_differ_fails(different, count):
    found = agreement(**different)
    assert not found.passed
    assert {name for name, n in found.counts.items() if n} == {count}


GOOD = {
    "patient_id": "p1", "document_id": "a", "sha256": "s", "extraction_success": True, "text": "words",
    "characters": 5, "text_sha256": "t", "spans": '[{"kind": "page", "start": 0, "end": 5}]',
}  # fmt: skip
NO_TEXT = {"text": "", "characters": 0, "text_sha256": None, "spans": "[]"}
FAILED = {**GOOD, **NO_TEXT, "extraction_success": False, "reason": "corrupt"}


def text(*changes):
    return rows(TEXT, *changes).with_columns(length=pl.col("text").str.len_chars())


def test_failed_extractions_are_counted_by_reason():
    assert text_checks.extracted(text(GOOD)).passed
    found = text_checks.extracted(text(GOOD, FAILED, FAILED, {**FAILED, "reason": "timed_out"}))
    assert not found.passed
    assert found.rows == ({"reason": "corrupt", "documents": 2}, {"reason": "timed_out", "documents": 1})
    assert found.counts["worth_another_try"] == 1


def test_documents_that_were_given_up_are_counted_by_reason_and_not_said_to_be_tried_again():
    lost = {**FAILED, "reason": "timed_out", "extractor": "html", "given_up": True, "attempts": 3}
    again = {**lost, "given_up": False, "attempts": 2}
    assert text_checks.dead_letters(text(GOOD, FAILED, again)).passed
    found = text_checks.dead_letters(text(GOOD, lost, lost, again, {**lost, "sha256": "t", "extractor": "pdf"}))
    assert not found.passed
    assert found.counts == {"given_up": 3, "distinct_bytes": 2}
    assert [tuple(row.values()) for row in found.rows] == [("timed_out", "html", 2), ("timed_out", "pdf", 1)]
    assert text_checks.extracted(text(lost, again)).counts["worth_another_try"] == 1


@pytest.mark.parametrize("wrong", [{**GOOD, "text": "", "characters": 0}, {**FAILED, "reason": "no_text"}])
def test_documents_without_text_fail(wrong):
    assert text_checks.not_empty(text(GOOD, FAILED)).passed
    assert not text_checks.not_empty(text(GOOD, wrong)).passed


@pytest.mark.parametrize(
    "wrong",
    [
        {**GOOD, "characters": 6},
        {**GOOD, "reason": "corrupt"},
        {**FAILED, "reason": None},
        {**FAILED, "text": "words", "characters": 5},
        {**GOOD, "text_sha256": None},
    ],
)
def test_text_that_contradicts_itself_fails(wrong):
    assert text_checks.consistent(text(GOOD, FAILED), 0).passed
    assert not text_checks.consistent(text(GOOD, wrong), 0).passed


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (0, 6), (4, 3)])
def test_a_passage_outside_the_text_fails(start, end):
    outside = {**GOOD, "spans": f'[{{"kind": "page", "start": {start}, "end": {end}}}]'}
    assert text_checks.passages_outside(text(GOOD, FAILED)) == 0
    assert text_checks.passages_outside(text(GOOD, outside)) == 1
    assert not text_checks.consistent(text(GOOD), 1).passed


@pytest.mark.parametrize("other", [{"sha256": "changed"}, {"document_id": "b"}, {"sha256": None}])
def test_text_of_other_documents_or_bytes_fails(other):
    columns = ("patient_id", "document_id", "sha256")
    index = rows(INDEX, {name: GOOD[name] for name in columns}).select(columns)
    assert text_checks.of_the_index(text(GOOD).select(columns), index).passed
    found = text_checks.of_the_index(text({**GOOD, **other}).select(columns), index)
    assert found.counts == {"without text": 1, "of other bytes": 1}
    assert not found.passed
