import datetime as dt

import polars as pl
import pytest

from clinical_assets.documents.readers.extraction import extract
from clinical_assets.imaging.report_links import report_links
from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.sample.blocks import Block
from clinical_assets.sample.cxr import radiology
from clinical_assets.sample.documents import notes as document_notes
from clinical_assets.sample.documents.ward import CHEST
from clinical_assets.sample.hosp import movements
from clinical_assets.sample.hospital import told
from clinical_assets.sample.writing import laid_out


@pytest.fixture(scope="module")
def story():
    return told(Block(7, 0, 200))


@pytest.fixture(scope="module")
def tables(story):
    return {path: laid_out(frame, TABLES[path]) for path, frame in document_notes.tables(story).items()}


@pytest.fixture(scope="module")
def summaries(tables):
    return tables["mimic/note/discharge"]


@pytest.fixture(scope="module")
def reports(tables):
    return tables["mimic/note/radiology"]


def test_numbers_rise_with_time_within_patient_and_type(summaries, reports):
    for notes in (summaries, reports):
        assert notes["note_id"].is_unique().all()
        made = pl.format("{}-{}-{}", "subject_id", "note_type", "note_seq")
        assert notes.filter(made != pl.col("note_id")).is_empty()
        ordered = notes.sort("subject_id", "note_type", "note_seq")
        falling = ordered.with_columns(before=pl.col("charttime").shift().over("subject_id", "note_type"))
        assert falling.filter(pl.col("before") > pl.col("charttime")).is_empty()


def test_a_note_is_filed_after_it_was_written_and_sometimes_nobody_knows_when(summaries, reports):
    both = pl.concat([summaries, reports])
    assert both.filter(pl.col("storetime") < pl.col("charttime")).is_empty()
    assert 0 < both["storetime"].null_count() < both.height / 50


def test_most_admissions_have_a_summary_of_the_day_of_discharge(story, summaries):
    admissions = laid_out(movements.tables(story)["mimic/hosp/admissions"], TABLES["mimic/hosp/admissions"])
    joined = summaries.filter(pl.col("note_type") == "DS").join(admissions, on=["subject_id", "hadm_id"])
    assert joined.height == summaries.filter(pl.col("note_type") == "DS").height
    assert 0.9 < joined.height / admissions.height < 1
    assert joined.filter(pl.col("charttime") != pl.col("dischtime").dt.truncate("1d")).is_empty()


def test_reports_lie_in_the_admission_they_name(story, reports):
    admissions = laid_out(movements.tables(story)["mimic/hosp/admissions"], TABLES["mimic/hosp/admissions"])
    inside = reports.join(admissions.select("hadm_id", "admittime"), on="hadm_id")
    assert 0 < reports["hadm_id"].null_count() < reports.height
    assert inside.height == reports.height - reports["hadm_id"].null_count()
    assert inside.filter(pl.col("charttime") < pl.col("admittime") - dt.timedelta(minutes=1)).is_empty()


def test_addenda_name_the_note_they_belong_to(tables, reports):
    addenda = reports.filter(pl.col("note_type") == "AR")
    assert addenda.height
    parents = tables["mimic/note/radiology_detail"].filter(pl.col("field_name") == "parent_note_id")
    assert set(parents["note_id"]) == set(addenda["note_id"])
    assert set(parents["field_value"]) <= set(reports.filter(pl.col("note_type") == "RR")["note_id"])


def test_notes_are_deidentified_and_have_sections(summaries):
    assert summaries.filter(~pl.col("text").str.contains("___")).is_empty()
    for text in summaries.filter(pl.col("note_type") == "DS")["text"].head(40):
        assert len(extract(text.encode()).sections) >= 3


def test_a_report_says_what_its_study_is_labelled(story, reports):
    labels = radiology.labels(story, radiology.taken(story))
    wordings = {
        name: [w.replace("«", "").replace("»", "") for kind in words for w in kind] for name, words in CHEST.items()
    }
    effusions = labels.filter(pl.col("Pleural Effusion") == 1.0).height
    said = reports.filter(
        pl.col("note_type") == "RR",
        pl.any_horizontal(pl.col("text").str.contains(w, literal=True) for w in wordings["Pleural Effusion"][:2]),
    )
    assert said.height == effusions > 10


def test_every_report_can_be_linked_to_its_study(story, tables, reports):
    studies = radiology.taken(story).with_columns(
        subject_id=pl.Series(story.subject_of(radiology.taken(story)["encounter"].to_numpy())),
        study_time=pl.from_epoch("time", "s").cast(pl.Datetime("us")),
    )
    exams = radiology.imaged(story, radiology.taken(story)).group_by("study_id").agg(
        procedure=pl.col("ProcedureCodeSequence_CodeMeaning").first()
    )  # fmt: skip
    studies = studies.join(exams, on="study_id").select("subject_id", "study_id", "study_time", "procedure")
    no_reports = pl.LazyFrame(schema={"subject_id": pl.Int64, "study_id": pl.Int64, "text": pl.String})
    links = report_links(
        reports.lazy(), tables["mimic/note/radiology_detail"].lazy(), studies.lazy(), no_reports
    ).collect()
    assert (links["study_id"].null_count() / links.height) < 0.02
