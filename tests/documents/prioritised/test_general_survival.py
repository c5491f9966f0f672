"""How much of what the synthetic hospital's MIMIC-IV-Note states survives the general profile, and how much is kept.

The release's own layout from end to end: its tables become the timeline, its notes the index, both as the graph makes
them. The real module needs credentials and is not here; the synthetic one has its two kinds of note, addenda, reports
of nobody's admission and days without a time. Truth is the hospital's story, never a text.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pytest

from clinical_assets.documents.index.entries import note_entries
from clinical_assets.documents.prioritised.note_profiles import GENERAL
from clinical_assets.documents.prioritised.prioritisation import Prioritised
from clinical_assets.documents.prioritised.prioritised_notes import prioritised, worth_comparing
from clinical_assets.documents.prioritised.repeated_text import said
from clinical_assets.documents.tables import INDEX
from clinical_assets.documents.timeline.events import Timeline
from clinical_assets.documents.timeline.scans import scans
from clinical_assets.documents.timeline.timeline_links import source_documents
from clinical_assets.documents.timeline.timeline_mimic import SOURCES, from_mimic
from clinical_assets.imaging.tables import CXR_STUDIES
from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.sample.blocks import Block
from clinical_assets.sample.course.problems import REASONS
from clinical_assets.sample.cxr import radiology
from clinical_assets.sample.hosp import dictionaries
from clinical_assets.sample.hospital import DOMAINS, told

PATIENTS = 250
NOTE_TABLES = ("mimic/note/discharge", "mimic/note/radiology")
NO_DISEASE = ("No Finding", "Support Devices")


@dataclass(frozen=True)
class Hospital:
    """Notes and timeline of the synthetic hospital, and what is true of them.

    Attributes:
        index: see `tables.INDEX`, one row per note.
        texts: `document_id` and `text`.
        timeline: from MIMIC's tables.
        facts: one row per fact: `document_id`, `patient_id`, `what` it is, and the `value`.
    """

    index: pl.DataFrame
    texts: pl.DataFrame
    timeline: Timeline
    facts: pl.DataFrame


def typed(path: str, frame: pl.DataFrame) -> pl.LazyFrame:
    """The sample's rows as the lake has them: the columns read, times from seconds."""
    kinds = TABLES[path].polars_schema
    moments = {name for name, kind in kinds.items() if kind.is_temporal()}
    columns = [
        pl.from_epoch(name, time_unit="s").cast(kinds[name]) if name in moments and frame.schema[name].is_integer()
        else pl.col(name).cast(kinds[name])
        for name in frame.columns if name in kinds
    ]  # fmt: skip
    return frame.lazy().select(columns)


def chest_studies(story) -> pl.DataFrame:
    """The hospital's X-ray studies: `CXR_STUDIES`' columns that are read, and what each shows (`shows`)."""
    taken = radiology.taken(story)
    exams = radiology.imaged(story, taken).group_by("study_id").agg(
        procedure=pl.col("ProcedureCodeSequence_CodeMeaning").first()
    )  # fmt: skip
    labels = radiology.labels(story, taken).drop("subject_id", strict=False)
    names = [name for name in labels.columns if name not in ("study_id", *NO_DISEASE)]
    shown = labels.select(
        "study_id",
        shows=pl.concat_list(pl.when(pl.col(n) == 1).then(pl.lit(n)) for n in names).list.drop_nulls(),
    )
    at = pl.from_epoch("time", time_unit="s").cast(pl.Datetime("us"))
    patients = story.people.subject_id[story.encounters.patient[taken["encounter"].to_numpy()]]
    return taken.select("study_id", study_time=at, last_image_time=at, subject_id=pl.Series(patients)).join(
        exams, on="study_id"
    ).join(shown, on="study_id", how="left")  # fmt: skip


def hospital_of(patients: int) -> Hospital:
    """The hospital of so many patients, small, fixed and as the lake would have it."""
    story = told(Block(20, 0, patients))
    made = dictionaries.tables() | {path: frame for domain in DOMAINS for path, frame in domain.tables(story).items()}
    studies = chest_studies(story)
    frames = {path: typed(path, made[path]) for path in SOURCES if path in made}
    frames[CXR_STUDIES.path] = studies.lazy()
    notes = {path: typed(path, made[path]) for path in NOTE_TABLES}
    entries = pl.concat([note_entries(frame, path) for path, frame in notes.items()])
    absent = [pl.lit(None, kind).alias(n) for n, kind in INDEX.polars_schema.items() if n not in entries.columns]
    written = pl.concat([frame.collect() for frame in notes.values()], how="diagonal")
    texts = written.select("text", document_id="note_id")
    facts = pl.concat([diagnoses(story, written), findings(studies, written)])
    return Hospital(entries.with_columns(absent).select(INDEX.column_names), texts, from_mimic(frames), facts)


FACTS = ("document_id", "patient_id", "what", "value")


def diagnoses(story, written: pl.DataFrame) -> pl.DataFrame:
    """What each discharge summary gives as the reason of the stay, where its template does."""
    stays = story.encounters
    reasons = pl.DataFrame({"hadm_id": stays.hadm_id, "value": [REASONS[int(reason)].name for reason in stays.reason]})
    summaries = written.filter(note_type="DS").join(reasons, on="hadm_id")
    stated = summaries.filter(
        pl.col("text").str.to_lowercase().str.contains(pl.col("value").str.to_lowercase(), literal=True)
    )
    is_last = pl.col("charttime") == pl.col("charttime").max().over("subject_id")
    return stated.select(
        document_id="note_id",
        patient_id=pl.col("subject_id").cast(pl.String),
        what=pl.when(is_last).then(pl.lit("last discharge diagnosis")).otherwise(pl.lit("earlier discharge diagnosis")),
        value="value",
    ).select(FACTS)


def findings(studies: pl.DataFrame, written: pl.DataFrame) -> pl.DataFrame:
    """What each report of a chest X-ray states that is abnormal: of its study, by patient and minute."""
    minute = pl.col("study_time").dt.truncate("1m")
    own = studies.with_columns(charttime=minute).filter(pl.len().over("subject_id", "charttime") == 1)
    return (
        written.filter(note_type="RR")
        .join(own, on=["subject_id", "charttime"])
        .explode("shows")
        .drop_nulls("shows")
        .select(document_id="note_id", patient_id=pl.col("subject_id").cast(pl.String),
                what=pl.lit("abnormal finding"), value="shows")
        .select(FACTS)
    )  # fmt: skip


def chosen(hospital: Hospital, profile=GENERAL, *, linked: bool = True) -> Prioritised:
    """As the graph chooses: text, links, scans and repeats known."""
    events = hospital.timeline.events.join(scans(hospital.timeline.events), on=["patient_id", "event_id"], how="left")
    text = hospital.index.select(
        "document_id", extraction_success=pl.lit(True), characters=pl.lit(9), stated_date=pl.lit(None, pl.Date),
        stated_at=pl.lit(None, pl.Datetime("us")), stated_by=pl.lit(None, pl.String),
    )  # fmt: skip
    links = source_documents(hospital.index, events, hospital.timeline.links) if linked else None
    compared = said(hospital.texts.lazy(), worth_comparing(hospital.index, text, profile))
    return prioritised(hospital.index, text, events, profile, links, compared)


def surviving(hospital: Hospital, kept: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Facts whose document is kept, and all facts, by what they are."""
    is_kept = pl.col("document_id").is_in(kept["document_id"].implode())
    counted = hospital.facts.group_by("what").agg(is_kept.sum().alias("kept"), pl.len().alias("facts")).sort("what")
    return {what: (survived, facts) for what, survived, facts in counted.iter_rows()}


@pytest.fixture(scope="module")
def hospital():
    """A small fixed hospital."""
    return hospital_of(PATIENTS)


@pytest.fixture(scope="module")
def result(hospital):
    """What the general profile chooses there."""
    return chosen(hospital)


def test_the_hospital_has_what_is_looked_for(hospital):
    assert set(hospital.index["document_type"]) == {
        "Discharge summary", "Discharge summary addendum", "Radiology report", "Radiology report addendum"
    }  # fmt: skip
    facts = dict(hospital.facts["what"].value_counts().iter_rows())
    assert facts["earlier discharge diagnosis"] >= 50
    assert facts["last discharge diagnosis"] >= 100
    assert facts["abnormal finding"] >= 200


@pytest.mark.parametrize("linked", [True, False])
def test_what_discharge_summaries_and_abnormal_reports_state_is_kept(hospital, linked):
    survived = surviving(hospital, chosen(hospital, linked=linked).kept)
    assert {what: of for what, of in survived.items() if of[0] < of[1]} == {}


def test_the_last_visit_of_every_patient_is_kept(hospital, result):
    stays = hospital.index.filter(document_type="Discharge summary")
    last = stays.filter(pl.col("authored_date") == pl.col("authored_date").max().over("patient_id"))
    assert last.join(result.kept, on="document_id", how="anti").is_empty()
    whys = result.kept.filter(pl.col("reasons").list.contains("final_note"))["patient_id"]
    assert set(whys) == set(hospital.index["patient_id"]), "each patient has a last note"


def test_an_addendum_does_not_take_the_place_of_its_summary(hospital, result):
    summaries, addenda = (
        hospital.index.filter(document_type=kind) for kind in ("Discharge summary", "Discharge summary addendum")
    )
    same_day = summaries.join(addenda, on=["patient_id", "authored_date"], how="semi")
    assert same_day.height >= 3
    kept = set(result.kept["document_id"])
    assert set(same_day["document_id"]) | set(addenda["document_id"]) <= kept


def test_a_film_told_by_study_and_report_chooses_once(hospital, result):
    films = hospital.timeline.events.filter(
        pl.col("event_type") == "imaging", pl.col("event_id").str.contains("^(?:radiology|cxr_studies)/")
    )
    triggered = result.triggers.join(films, on=["patient_id", "event_id"]).select("patient_id", "event_id").unique()
    assert triggered.height < 0.7 * films.height


def test_nothing_of_it_is_known_before_it_was_filed(hospital):
    early = hospital.timeline.events.filter(
        (pl.col("known_date") < pl.col("start_date")) | (pl.col("known_time") < pl.col("start_time"))
    )
    assert early.is_empty()


def test_a_patient_without_stays_or_films_keeps_nothing_of_others(hospital):
    events = hospital.timeline.events
    one = events["patient_id"][0]
    other = Hospital(
        hospital.index.filter(pl.col("patient_id") != one),
        hospital.texts,
        Timeline(events.filter(patient_id=one), hospital.timeline.links),
        hospital.facts,
    )
    assert set(chosen(other).kept["reasons"].explode()) == {"final_note"}
