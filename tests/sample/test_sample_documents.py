import datetime as dt
import hashlib
import json
import re
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers import ocr
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.timeline.fhir_events import from_fhir
from clinical_assets.sample.cxr import radiology
from clinical_assets.sample.documents import phrases as document_phrases
from clinical_assets.sample.documents.everyday import long_record
from clinical_assets.sample.documents.people import person_of
from clinical_assets.sample.documents.store import DOCUMENTS, FOLDER, MANIFEST, READ
from clinical_assets.sample.documents.stories import Person, illness
from clinical_assets.sample.documents.templates import KINDS, templates
from clinical_assets.sample.documents.text import Layout, Note, Section, laid_out, stated, unmarked
from clinical_assets.sample.documents.ward import CHEST
from clinical_assets.sample.documents.wording import occasions
from clinical_assets.sample.hosp.movements import patients as recorded_patients
from clinical_assets.sample.hospital import write_hospital

PATIENTS = 12
# The values of the abstraction schemas that the documents are to be scored against.
ALLOWED = {
    ("imaging_classification", "imaging_type"): {"pre_operative", "post_operative", "surveillance"},
    ("imaging_extent", "extent_of_resection"): {"GTR", "STR", "Partial", "Biopsy", "Unknown"},
    ("operative_report", "extent_of_resection"): {
        "Gross Total Resection",
        "Near Total Resection",
        "Partial Resection",
        "Biopsy Only",
    },
    ("tumor_status", "tumor_status"): {"NED", "Stable", "Increased", "Decreased", "New_Malignancy"},
    ("progress_note", "clinical_disease_status"): {
        "NED",
        "Stable",
        "Progressive",
        "Responding",
        "Recurrence",
        "Uncertain",
    },
    ("progress_note", "neurological_status"): {"improved", "stable", "worsened"},
    ("tumor_location", "laterality"): {"left", "right", "midline"},
}


@pytest.fixture(scope="module")
def truth(written):
    return pl.read_parquet(written / "truth/documents.parquet")


@pytest.fixture(scope="module")
def values(written):
    return pl.read_parquet(written / "truth/values.parquet")


@pytest.fixture(scope="module")
def manifest(written):
    return pl.read_csv(written / "manifest.csv", infer_schema=False)


@pytest.fixture(scope="module")
def tumours(story):
    """Persons and their illnesses, more than the store holds."""
    deaths = recorded_patients(story)["dod"].to_list()
    found = []
    for patient in range(40):
        rng = Random(f"test:{patient}")
        person = person_of(story, patient, deaths[patient], rng)
        case = illness(person, rng)
        if case is not None:
            found.append((person, case))
    assert len(found) > 20
    return found


def sums(root):
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_others(written, story, store, tmp_path):
    assert sums(store(tmp_path / "again", story)) == sums(written)
    other = sums(store(tmp_path / "other", story, seed=24))
    assert not set(other.values()) & {v for k, v in sums(written).items() if k.startswith("files/") and k in other}


def test_the_manifest_names_every_file_once(written, manifest):
    assert tuple(manifest.columns) == MANIFEST
    assert manifest["document_id"].n_unique() == manifest.height
    files = {str(p.relative_to(written)) for p in (written / "files").rglob("*") if p.is_file()}
    assert set(manifest["file"]) == files
    # Somebody without an admission, an X-ray or a tumour has no document.
    assert PATIENTS * 0.7 <= manifest["patient_id"].n_unique() <= PATIENTS
    assert (manifest["stored_at"] > manifest["authored_at"]).all()
    assert manifest.filter(pl.col("file").str.split("/").list.get(1) != pl.col("patient_id")).is_empty()


def test_there_are_fifty_templates_and_more_and_every_one_can_be_filled(story, tumours):
    names = [template.name for kind in KINDS for template in templates(kind)]
    assert len(names) == len(set(names)) >= 50
    filled = set()
    for number, (person, case) in enumerate(tumours[:8]):
        about_it = list(occasions(person, case, Random(number)))
        visits = [occasion for occasion in about_it if occasion.kind == "progress_clinic"]
        for occasion in [*about_it, *long_record(person, case, visits, Random(number))]:
            for template in templates(occasion.kind):
                note = template.filled(occasion.slots, ())
                assert note.sections
                text = laid_out(note, Layout()).text
                assert not re.search(r"[{}⟦⟧«»¦]", text), template.name
                filled.add(template.name)
    oncology = {name for name in names if not name.startswith(("discharge_general", "progress_general", "chest_xray"))}
    assert filled == oncology


def test_readers_give_the_texts_of_the_truth_and_refuse_what_is_broken(written, manifest, truth):
    files = dict(manifest.select("document_id", "file").iter_rows())
    types = dict(manifest.select("document_id", "content_type").iter_rows())
    read = 0
    for row in truth.iter_rows(named=True):
        if row["format"] == "scan" and ocr.version() is None:
            continue
        extraction = extract((written / files[row["document_id"]]).read_bytes(), types[row["document_id"]])
        assert (extraction.reason.value if extraction.reason else READ) == row["expected"], row["format"]
        if row["exact"]:
            assert extraction.text.rstrip("\n") == row["text"], row["template"]
            read += 1
    assert read > 200


def test_every_fact_has_its_quote_in_its_place(truth, values):
    assert dict(truth.schema) == dict(DOCUMENTS)
    texts = dict(truth.select("document_id", "text").iter_rows())
    assert values.height > 400
    for row in values.iter_rows(named=True):
        assert texts[row["document_id"]][row["start"] : row["end"]] == row["quote"] != ""


@pytest.mark.parametrize(("schema", "field"), ALLOWED)
def test_values_are_those_of_the_abstraction_schemas(values, schema, field):
    found = set(values.filter(pl.col("schema") == schema, pl.col("field") == field)["value"])
    assert found
    assert found <= ALLOWED[schema, field]


def test_no_fact_is_taken_from_history_family_or_plans_that_depend(values):
    distractors = " ".join(
        (*document_phrases.FAMILY_HISTORY, *document_phrases.HISTORY, *document_phrases.CONDITIONAL_PLANS)
    )
    long_quotes = {quote.replace("\n", " ") for quote in values["quote"] if len(quote) > 20}
    assert not [quote for quote in long_quotes if quote in distractors]


NUMBERS = ("current_size", "prior_size", "measurement", "total_dose_gy", "fractions", "kps", "ecog", "ki_67")


@pytest.mark.parametrize("field", NUMBERS)
def test_a_number_stands_in_its_own_quote(values, field):
    rows = values.filter(pl.col("field") == field)
    assert rows.height
    for value, quote in rows.select("value", "quote").iter_rows():
        assert value in quote.replace("\n", " ")


def test_an_agent_stands_in_its_own_quote_and_a_place_in_its_words(values):
    for value, quote in values.filter(pl.col("field") == "agent").select("value", "quote").iter_rows():
        assert value in quote.lower()
    for value, quote in values.filter(pl.col("field") == "laterality").select("value", "quote").iter_rows():
        assert (value == "midline") or value in quote.lower()


def test_wordings_deny_doubt_and_tell_of_others(truth):
    text = " ".join(truth["text"].drop_nulls().to_list()).lower()
    for words in (
        "no evidence of",
        "cannot be excluded",
        "denies",
        "family history",
        "father",
        "history of",
        "if the next",
    ):
        assert words in text, words


def test_nothing_happens_after_death_or_during_a_stay_elsewhere(tumours, story):
    for person, case in tumours:
        days = [s.day for s in case.scans] + [v.day for v in case.visits] + [o.home for o in case.operations]
        assert max(days) <= person.last_day
        for visit in case.visits:
            assert not person.is_away(visit.day)
        for operation in case.operations:
            assert not any(person.is_away(operation.day + dt.timedelta(days=n)) for n in range(5))


def test_a_scan_follows_every_operation_within_three_days_and_agrees_with_what_was_left(tumours):
    for _, case in tumours:
        for operation in case.operations:
            after = [s for s in case.scans if s.phase == "post_operative" and 0 < (s.day - operation.day).days <= 3]
            assert len(after) == 1
            if operation.extent == "Biopsy Only":
                assert after[0].extent in ("Biopsy", "Unknown")
                assert after[0].size == after[0].prior or after[0].extent == "Unknown"
            assert (after[0].extent != "GTR") or after[0].size == 0


def test_a_status_is_what_the_sizes_say(tumours):
    seen = set()
    for _, case in tumours:
        for scan in (s for s in case.scans if s.phase == "surveillance"):
            seen.add(scan.status)
            if scan.status == "Increased" and scan.prior:
                assert scan.size >= 1.2 * scan.prior
            if scan.status == "Decreased":
                assert scan.size <= 0.8 * scan.prior
            if scan.status == "Stable":
                assert scan.size == scan.prior > 0
            if scan.status == "NED":
                assert scan.size == scan.prior == 0
    assert {"NED", "Stable", "Increased", "Decreased"} <= seen


def test_the_timeline_of_the_resources_holds_what_the_notes_tell_of(written, values, truth):
    lines = [line for p in sorted((written / "fhir").glob("*.ndjson")) for line in p.read_text().splitlines()]
    timeline = from_fhir(json.loads(line) for line in lines)
    kinds = set(timeline.events["event_type"])
    assert {"surgery", "imaging", "pathology", "medication", "radiation", "encounter"} <= kinds
    assert "other" not in kinds
    operated = set(truth.filter(pl.col("kind") == "operative")["patient_id"])
    surgery = timeline.events.filter(pl.col("event_type") == "surgery")
    assert set(surgery["patient_id"]) == operated
    assert set(surgery["event_subtype"]) <= {"tumor_resection", "biopsy"}
    operative = truth.filter(pl.col("kind") == "operative")["document_id"]
    linked = timeline.links.filter(pl.col("event_id").is_in(surgery["event_id"].implode()))
    assert set(operative) <= set(linked["document_id"])


def test_an_operative_note_is_dated_with_its_operation(written, manifest, truth):
    lines = (written / "fhir/Procedure.ndjson").read_text().splitlines()
    days = {
        (r["subject"]["reference"].split("/")[1], r["performedPeriod"]["start"][:10])
        for r in map(json.loads, lines)
        if "surgery" in r["id"]
    }
    operative = manifest.join(truth.filter(pl.col("kind") == "operative").select("document_id"), on="document_id")
    assert operative.height
    assert {(p, at[:10]) for p, at in operative.select("patient_id", "authored_at").iter_rows()} == days


def test_x_ray_reports_say_what_the_labels_say(story, values, truth):
    labels = radiology.tables(story)["mimic/cxr/chexpert"]
    word = {1.0: "present", 0.0: "absent", -1.0: "uncertain"}
    chest = values.filter(pl.col("schema") == "chest_xray", pl.col("field") != "no_finding")
    assert chest.height > 5
    said = chest.group_by("patient_id", "document_id").agg(pl.struct("field", "value"))
    for patient, _, facts in said.iter_rows():
        own = labels.filter(pl.col("subject_id") == int(patient))
        studies = [
            {
                n.lower().replace(" ", "_"): word[v]
                for n, v in row.items()
                if n in CHEST and n != "No Finding" and v is not None
            }
            for row in own.iter_rows(named=True)
        ]
        assert {f["field"]: f["value"] for f in facts} in studies


def test_the_hospital_writes_documents_only_where_they_are_wanted(tmp_path):
    rows = write_hospital(tmp_path / "with", patients=4, patients_with_documents=2)
    write_hospital(tmp_path / "without", patients=4)
    assert not (tmp_path / "without" / FOLDER).exists()
    listed = pl.read_csv(tmp_path / "with" / FOLDER / "manifest.csv", infer_schema=False)
    people = pl.read_csv(tmp_path / "with/mimiciv/3.1/hosp/patients.csv.gz", infer_schema=False)
    assert set(listed["patient_id"]) <= set(people["subject_id"][:2])
    assert "documents/manifest" not in rows
    tables = {k: v for k, v in sums(tmp_path / "with").items() if not k.startswith(("documents", "synthetic"))}
    assert tables == {k: v for k, v in sums(tmp_path / "without").items() if not k.startswith("synthetic")}


def test_records_that_end_early_tell_of_no_tumour():
    day = dt.date(2150, 1, 1)
    person = Person("1", "A, B", "1", dt.date(2090, 1, 1), True, 60.0, day, day + dt.timedelta(days=9), None, ())
    assert illness(person, Random(1)) is None


WORD = st.text(alphabet="abcdefg.µ", min_size=1, max_size=9)
PARAGRAPH = st.lists(
    st.lists(WORD, min_size=1, max_size=8).map(" ".join)
    | st.lists(WORD, min_size=1, max_size=8).map(lambda w: stated(" ".join(w), {"s.f": "v", "s.g": "w"})),
    min_size=1,
    max_size=5,
).map(" ".join)


@given(
    st.lists(st.lists(PARAGRAPH, min_size=1, max_size=6), min_size=1, max_size=3),
    st.sampled_from([None, 10, 30]),
    st.sampled_from([None, 2, 5]),
)
@settings(max_examples=80, deadline=None)
def test_marks_keep_their_words_in_every_layout(sections, width, lines_per_page):
    note = Note("TITLE", ("header",), tuple(Section("Heading", tuple(blocks)) for blocks in sections), "x")
    made = laid_out(
        note,
        Layout(after_title="\n", after_header="\n", between_sections="\n", width=width, lines_per_page=lines_per_page),
    )
    marked = re.findall("¦([^⟧]*)⟧", " ".join(b for blocks in sections for b in blocks))
    quotes = [" ".join(made.text[e.start : e.end].split()) for e in made.evidence]
    assert quotes == [words for words in marked for _ in range(2)]
    flat = " ".join(unmarked(b) for blocks in sections for b in ["Heading:", *blocks])
    assert made.text.split() == ["TITLE", "header", *flat.split()]
