"""The report files of MIMIC-CXR: where they lie, that they say what the labels say, and the traps they set."""

import re
from random import Random

import polars as pl
import pytest

from clinical_assets.imaging.report_files import report_facts, report_file
from clinical_assets.imaging.report_links import report_links
from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.sample.blocks import Block
from clinical_assets.sample.cxr import radiology, report_files
from clinical_assets.sample.cxr.imaging_files import DICOM_RELEASE
from clinical_assets.sample.documents import notes
from clinical_assets.sample.documents.ward import CHEST, RESOLVED, STILL_THERE
from clinical_assets.sample.hospital import told, write_hospital
from clinical_assets.sample.writing import laid_out

WORDS = {1.0: 0, 0.0: 1, -1.0: 2}


@pytest.fixture(scope="module")
def story():
    return told(Block(7, 0, 200))


@pytest.fixture(scope="module")
def root(story, tmp_path_factory):
    root = tmp_path_factory.mktemp("reports")
    report_files.ReportFiles(root, 7, 10_000).add(story)
    return root / DICOM_RELEASE


@pytest.fixture(scope="module")
def labels(story):
    return radiology.labels(story, radiology.taken(story)).with_columns(file=report_file())


@pytest.fixture(scope="module")
def files(root, labels):
    """Reports by study: the rows of `imaging/cxr_reports`."""
    facts = [
        row | report_facts(row["file"], lambda path: (root / path).open("rb"))
        for row in labels.select("subject_id", "study_id", "file").iter_rows(named=True)
    ]
    schema = {"subject_id": pl.Int64, "study_id": pl.Int64, "file": pl.String, "status": pl.String, "text": pl.String}
    return pl.DataFrame(facts, schema)


def wordings(name, value):
    return [words.replace("«", "").replace("»", "") for words in CHEST[name][WORDS[value]]]


def final(text):
    """The report proper: behind addendum and preliminary reading."""
    return text.partition("FINAL REPORT")[2]


def test_a_file_lies_where_the_release_has_it_and_there_is_no_other(root, files):
    found = {str(path.relative_to(root)) for path in root.rglob("*.txt")}
    assert found == set(files.filter(pl.col("status") != "missing")["file"])
    assert all(re.fullmatch(r"files/p\d\d/p(\d{8})/s\d{8}\.txt", path) for path in found)
    assert dict(files["status"].value_counts().iter_rows())["empty"] == 1
    assert 0 < files.filter(status="missing").height < 0.06 * files.height
    assert files.filter(status="not text").is_empty()


def test_a_report_says_what_the_labels_say_and_nothing_else(files, labels):
    read = files.filter(status="read").join(labels.drop("subject_id", "file"), on="study_id")
    assert read.height > 200
    for row in read.iter_rows(named=True):
        report = final(row["text"])
        for name in (n for n in CHEST if n != "No Finding"):
            said = {value for value in WORDS if any(words in report for words in wordings(name, value))}
            assert said == ({row[name]} if row[name] is not None else set()), (name, report)
        normal = any(words in report for words in wordings("No Finding", 1.0))
        assert normal == (row["No Finding"] == 1.0)


def test_some_have_no_headings_some_a_preliminary_reading_and_some_an_addendum(files):
    texts = files.filter(status="read")["text"]
    preliminary = texts.filter(texts.str.contains("WET READ: ___ ___"))
    headless = texts.filter(~texts.str.contains("(IMPRESSION|CONCLUSION):"))
    addenda = texts.filter(texts.str.contains("FINAL ADDENDUM\n ADDENDUM:"))
    assert 0.03 * len(texts) < len(preliminary) < 0.15 * len(texts)
    assert 0.03 * len(texts) < len(headless) < 0.15 * len(texts)
    assert 0 < len(addenda) < 0.06 * len(texts)
    # A preliminary reading knows of nothing, whatever the final report finds.
    assert any(
        any(words in final(text) for words in wordings("Pleural Effusion", 1.0) + wordings("Edema", 1.0))
        for text in preliminary
    )


def test_ages_and_dates_are_blanked_and_priors_are_compared_with(files):
    texts = files.filter(status="read")["text"]
    assert texts.str.contains("___").mean() > 0.99
    assert not texts.str.contains(r"\b\d{1,3}[- ]year|\b[12]\d{3}\b|\d/\d").any()
    compared = texts.filter(texts.str.contains("Chest radiograph of ___.", literal=True))
    assert 0.05 < len(compared) / len(texts) < 0.6
    assert texts.str.contains("|".join(STILL_THERE)).any()
    assert texts.str.contains("|".join(RESOLVED)).any()


def test_a_first_study_has_nothing_to_compare_with_and_a_finding_resolves_only_where_it_was(story, labels, files):
    taken = radiology.taken(story).select("study_id", "time")
    ordered = labels.join(taken, on="study_id").sort("subject_id", "time", "study_id")
    before = ordered.with_columns(pl.col(*(n for n in CHEST)).shift().over("subject_id").name.suffix(" before"))
    first = before.with_columns(first=pl.col("study_id").shift().over("subject_id").is_null())
    for row in first.join(files.filter(status="read"), on="study_id").iter_rows(named=True):
        report = final(row["text"])
        comparing = [words for words in (*STILL_THERE, *RESOLVED) if words in report]
        assert not (row["first"] and comparing)
        for name in CHEST:
            denied = (f"{words}: {sentence}" for words in RESOLVED for sentence in wordings(name, 0.0))
            assert row[f"{name} before"] == 1.0 or not any(words in report for words in denied)


def test_most_files_have_the_words_of_their_note_and_link_to_it(story, files):
    tables = {path: laid_out(frame, TABLES[path]) for path, frame in notes.tables(story).items()}
    studies = radiology.taken(story)
    exams = radiology.imaged(story, studies).group_by("study_id").agg(
        procedure=pl.col("ProcedureCodeSequence_CodeMeaning").first()
    )  # fmt: skip
    taken = studies.with_columns(
        subject_id=pl.Series(story.subject_of(studies["encounter"].to_numpy())),
        study_time=pl.from_epoch("time", "s").cast(pl.Datetime("us")),
    ).join(exams, on="study_id")
    links = report_links(
        tables["mimic/note/radiology"].lazy(),
        tables["mimic/note/radiology_detail"].lazy(),
        taken.select("subject_id", "study_id", "study_time", "procedure").lazy(),
        files.select("subject_id", "study_id", "text").lazy(),
    ).collect()
    by_text = links.filter(match_type="same text")
    assert by_text.height > 0.6 * links.height
    assert (by_text["offset_minutes"].abs() < 1).mean() > 0.95


def test_as_many_studies_as_are_wanted_over_the_blocks(story, tmp_path):
    wanted = report_files.ReportFiles(tmp_path, 7, 12)
    wanted.add(story)
    some = {path.name for path in tmp_path.rglob("*.txt")}
    assert 10 <= len(some) <= 12
    wanted.add(story)
    assert {path.name for path in tmp_path.rglob("*.txt")} == some


def test_an_addendum_stands_above_the_report_and_both_keep_their_words():
    text = report_files.released("EXAMINATION:  CHEST\n\nFindings:\nNo edema.\n", "ADDENDUM:\nCalled.", Random(4))
    assert text.index("FINAL ADDENDUM") < text.index(" Called.") < text.index("FINAL REPORT") < text.index(" No edema.")
    assert "\n FINDINGS:\n No edema.\n" in text


def test_the_hospital_writes_report_files_only_where_they_are_wanted(tmp_path):
    write_hospital(tmp_path / "with", patients=40, studies_with_reports=5)
    write_hospital(tmp_path / "without", patients=40)
    assert 3 <= len(list((tmp_path / "with" / DICOM_RELEASE).rglob("*.txt"))) <= 5
    assert not (tmp_path / "without" / DICOM_RELEASE).exists()
