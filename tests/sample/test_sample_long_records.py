"""Records of several hundred documents: almost all beside the point, and full of traps whose place is known."""

import json
from random import Random

import polars as pl
import pytest

from clinical_assets.documents.prioritised.note_profiles import ONCOLOGY
from clinical_assets.documents.prioritised.prioritisation import prioritise
from clinical_assets.documents.timeline.fhir_events import from_fhir
from clinical_assets.sample.documents import asides
from clinical_assets.sample.documents.everyday import COPIED, EVERYDAY, OTHER_IMAGING, long_record
from clinical_assets.sample.documents.people import person_of
from clinical_assets.sample.documents.store import FIRST_LONG_RECORD, LONG_RECORD_EVERY, READ, TRAPS
from clinical_assets.sample.documents.stories import illness
from clinical_assets.sample.documents.templates import KINDS, templates
from clinical_assets.sample.documents.text import TRAP, Layout, claims, laid_out, tempting, unmarked
from clinical_assets.sample.documents.wording import occasions
from clinical_assets.sample.hosp.movements import patients as recorded_patients

LONG = 300
KIND_NAMES = {everyday.kind for everyday in EVERYDAY}


@pytest.fixture(scope="module")
def truth(written):
    return pl.read_parquet(written / "truth/documents.parquet")


@pytest.fixture(scope="module")
def values(written):
    return pl.read_parquet(written / "truth/values.parquet")


@pytest.fixture(scope="module")
def traps(written):
    return pl.read_parquet(written / "truth/traps.parquet")


@pytest.fixture(scope="module")
def manifest(written):
    return pl.read_csv(written / "manifest.csv", infer_schema=False)


@pytest.fixture(scope="module")
def long_patient(truth):
    counts = truth.group_by("patient_id").len().filter(pl.col("len") >= LONG)
    assert counts.height == 1
    return counts["patient_id"][0]


@pytest.fixture(scope="module")
def record(story):
    """A person, the tumour, the notes about it, and the everyday notes."""
    deaths = recorded_patients(story)["dod"].to_list()
    for patient in range(40):
        rng = Random(f"long:{patient}")
        person = person_of(story, patient, deaths[patient], rng)
        case = illness(person, rng)
        if case is not None and len(case.visits) > 8:
            about_it = list(occasions(person, case, rng))
            visits = [occasion for occasion in about_it if occasion.kind == "progress_clinic"]
            return person, case, visits, list(long_record(person, case, visits, rng))
    raise AssertionError("nobody has so many visits")


def test_one_in_ten_patients_with_a_tumour_has_hundreds_of_documents(truth, long_patient):
    operated = truth.filter(kind="operative")["patient_id"].n_unique()
    assert FIRST_LONG_RECORD < operated < FIRST_LONG_RECORD + LONG_RECORD_EVERY
    own = truth.filter(patient_id=long_patient)
    assert LONG <= own.height <= 750
    assert not set(truth.filter(pl.col("patient_id") != long_patient)["kind"]) & KIND_NAMES


def test_there_are_fifteen_kinds_and_more_each_in_several_wordings():
    assert len(KIND_NAMES) >= 15
    assert set(KINDS) >= KIND_NAMES
    for kind in KIND_NAMES:
        assert len(templates(kind)) >= 2, kind


def test_the_record_is_mostly_beside_the_point_and_lasts_years(truth, manifest, long_patient):
    own = truth.filter(patient_id=long_patient)
    assert len(set(own["kind"]) & KIND_NAMES) >= 15
    assert own["kind"].is_in(KIND_NAMES).mean() > 0.7
    days = manifest.filter(patient_id=long_patient).select(pl.col("authored_at").str.to_datetime())["authored_at"]
    assert (days.max() - days.min()).days > 365


def test_everyday_notes_come_in_the_formats_of_all_others(truth):
    everyday = truth.filter(pl.col("kind").is_in(KIND_NAMES), pl.col("defect").is_null())
    assert {"plain", "plain cp1252", "html", "rtf", "ccda", "pdf", "fhir"} <= set(everyday["format"])


def test_everyday_notes_state_nothing_but_the_drugs_the_patient_takes(values, truth):
    stated = values.join(truth.select("document_id", note="kind"), on="document_id").filter(
        pl.col("note").is_in(KIND_NAMES)
    )
    assert set(stated.select("schema", "field").unique().rows()) == {("medication", "agent")}
    with_a_fact = stated["document_id"].n_unique() / truth["kind"].is_in(KIND_NAMES).sum()
    assert 0 < with_a_fact < 0.15


def test_every_trap_has_its_quote_in_its_place_and_no_fact_in_it(traps, truth, values):
    assert dict(traps.schema) == dict(TRAPS)
    texts = dict(truth.select("document_id", "text").iter_rows())
    facts = values.group_by("document_id").agg("start", "end")
    stated = {document: list(zip(starts, ends, strict=True)) for document, starts, ends in facts.iter_rows()}
    for row in traps.iter_rows(named=True):
        assert texts[row["document_id"]][row["start"] : row["end"]] == row["quote"] != ""
        assert ": " in row["claim"]
        for start, end in stated.get(row["document_id"], ()):
            assert end <= row["start"] or row["end"] <= start


def test_every_way_to_be_tempted_occurs(traps):
    wanted = {aside.kind for aside in (*asides.ASIDES, *asides.IN_PLACE.values())} | {"copied", "copied_outdated"}
    # The rarest may be absent from one patient's record.
    assert len(wanted) - 2 <= len(set(traps["kind"])) <= len(wanted)
    assert set(traps["kind"]) <= wanted
    assert {"copied", "copied_outdated", "family_history", "other_person", "other_organ"} <= set(traps["kind"])
    assert len(wanted) >= 10


def test_a_copied_passage_stands_word_for_word_in_an_earlier_visit_and_is_marked_where_it_no_longer_holds(record):
    _, _, visits, everyday = record
    copies = [occasion for occasion in everyday if occasion.kind == COPIED]
    assert len(copies) > 5
    outdated = 0
    for copy in copies:
        earlier = [visit for visit in visits if visit.at < copy.at]
        assert earlier
        words = str(copy.slots["copied_status"])
        before = [v for v in earlier if unmarked(str(v.slots["disease_status"])) == unmarked(words)]
        assert before
        now = claims(str(max(earlier, key=lambda visit: visit.at).slots["disease_status"]))
        said = claims(words)
        if f"{TRAP}.copied_outdated" in said:
            outdated += 1
            assert said[f"{TRAP}.copied_outdated"] not in {f"{field}: {value}" for field, value in now.items()}
        else:
            assert said[f"{TRAP}.copied"] in {f"{field}: {value}" for field, value in now.items()}
    assert outdated


def test_nothing_is_written_before_its_time(record):
    person, case, _, everyday = record
    recovered = {e.kind for e in EVERYDAY if e.since == "recovery"}
    for occasion in everyday:
        assert person.first_day <= occasion.at.date() <= person.last_day
        assert not person.is_away(occasion.at.date())
        if occasion.kind in recovered:
            assert occasion.at.date() > case.operations[0].home
        before = occasion.at.date() < case.found
        said = str(occasion.slots["aside"])
        late = [aside for aside in asides.ASIDES if aside.since != "always" and aside.words in said]
        assert not (before and late)


def test_what_tempts_is_no_fact_and_keeps_its_words():
    words = tempting("Father died of glioblastoma.", "family_history", "pathology.diagnosis: Glioblastoma")
    assert unmarked(words) == "Father died of glioblastoma."
    assert claims(words) == {"trap.family_history": "pathology.diagnosis: Glioblastoma"}


def test_every_everyday_template_can_be_filled(record):
    _, _, _, everyday = record
    for kind in KIND_NAMES:
        occasion = next(o for o in everyday if o.kind == kind)
        for template in templates(kind):
            text = laid_out(template.filled(occasion.slots, ()), Layout()).text
            assert text.count("\n") >= 3
            assert not set(text) & set("{}⟦⟧«»¦"), template.name


def notes_of(manifest, truth):
    at = pl.col("authored_at").str.to_datetime(time_unit="us")
    return manifest.join(truth.select("document_id", "expected", truth_kind="kind"), on="document_id").filter(
        expected=READ
    ).select(
        "document_id", "patient_id", "truth_kind", "category", note_date=at.dt.date(), note_time=at,
        note_type="document_type", title=pl.lit(None, pl.String),
    )  # fmt: skip


def test_other_scans_are_on_the_timeline_beside_those_of_the_brain(written, truth, long_patient):
    lines = [line for p in sorted((written / "fhir").glob("*.ndjson")) for line in p.read_text().splitlines()]
    events = from_fhir(json.loads(line) for line in lines)
    other = events.events.filter(pl.col("event_id").str.contains("-other-"))
    assert set(other["patient_id"]) == {long_patient}
    assert set(other["event_type"]) == {"imaging"}
    documents = events.links.filter(pl.col("event_id").is_in(other["event_id"].implode()))["document_id"]
    assert set(truth.filter(pl.col("document_id").is_in(documents.implode()))["kind"]) <= set(OTHER_IMAGING)


def test_the_prioritiser_brings_hundreds_to_dozens_and_keeps_most_of_what_scans_say(
    written, manifest, truth, values, long_patient
):
    lines = [line for p in sorted((written / "fhir").glob("*.ndjson")) for line in p.read_text().splitlines()]
    events = from_fhir(json.loads(line) for line in lines).events
    notes = notes_of(manifest, truth).filter(patient_id=long_patient)
    kept = prioritise(notes, events.filter(patient_id=long_patient), ONCOLOGY).kept
    assert 10 <= kept.height <= 0.15 * notes.height
    # Without links a report filed twice is kept once.
    scans = values.filter(pl.col("schema") == "tumor_status").join(notes, on="document_id")
    assert scans.height
    assert scans.join(kept, on="document_id", how="semi").height >= 0.95 * scans.height
    kinds = set(truth.join(kept, on="document_id", how="semi")["kind"])
    assert not kinds & set(OTHER_IMAGING)
