"""How much is found in whole notes, and how much clinical text survives, in figures that the command reports."""

import csv
import re
from pathlib import Path
from random import Random

import polars as pl
import pytest
from copied_hospital import BATCHES, NAMES, notes_of

from clinical_assets.documents.development_copy.capitalised_words import words_of_several
from clinical_assets.documents.development_copy.deidentification_trial import (
    DEVELOPMENT_NOTES,
    UNSEEN_NOTES,
    made_up_notes,
    marked_notes,
    measure_as_a_batch,
)
from clinical_assets.documents.development_copy.identifier_detectors import detect
from clinical_assets.sample.documents.text import TRAP

ACI_BENCH = Path(__file__).parents[3] / "../shared/data/documents/aci-bench"
# Doses, results and sizes with their units, and drugs by generic name and brand, as the sample's notes write them.
CLINICAL = re.compile(
    r"\b\d+(?:\.\d+)? ?(?:mg/m2|mg|mcg|mL|cc|g/dL|mmol/L|mEq|units|cm|mm|Gy|cGy|%)(?!\w)"
    r"|\b(?:temozolomide|bevacizumab|lomustine|carmustine|levetiracetam|dexamethasone|lacosamide|ondansetron|heparin"
    r"|omeprazole|pantoprazole|Keppra|Decadron|Vimpat|Zofran|Temodar|Avastin|Gliadel)\b"
)


def by_kind(measured):
    kinds = measured.recall.group_by("kind").agg(pl.col("found").sum() / pl.col("planted").sum())
    return dict(kinds.iter_rows())


def test_recall_in_whole_notes_nobody_had_in_mind():
    """Written when the rules were finished; no rule may be changed for them.

    Rules were changed after that for faults a reviewer found, without a look at these notes, which found as much of
    them as before: 267 of 329.
    """
    notes = marked_notes(UNSEEN_NOTES)
    measured = measure_as_a_batch(notes)
    assert (len(notes), measured.recall["planted"].sum()) == (40, 329)
    assert measured.overall >= 0.81
    assert measured.clinical_kept >= 0.985
    kinds = by_kind(measured)
    floors = {"name": 0.85, "date": 0.82, "place": 0.94, "phone": 0.92, "age": 1.0, "email": 1.0, "number": 0.62}
    assert all(kinds[kind] >= floor for kind, floor in floors.items()), kinds
    assert kinds["organisation"] < 0.7, "what the documentation says is missed, is"


def test_recall_in_the_notes_the_rules_were_made_with():
    measured = measure_as_a_batch(marked_notes(DEVELOPMENT_NOTES))
    assert measured.overall == 1.0
    assert measured.clinical_kept >= 0.995


def test_marks_are_taken_out_and_everything_else_is_clinical(tmp_path):
    (tmp_path / "notes.yaml").write_text("- style: test\n  text: |\n    Mr. {name|Quist-O} on {date|3/9}. Well.\n")
    (note,) = marked_notes(tmp_path / "notes.yaml")
    assert note.text == "Mr. Quist-O on 3/9. Well.\n"
    assert [(each.kind, note.text[each.start : each.end], each.setting) for each in note.planted] == [
        ("name", "Quist-O", "test"), ("date", "3/9", "test"),
    ]  # fmt: skip
    assert [note.text[start:end] for start, end in note.clinical] == ["Mr", "on", "Well"]


def test_clinical_phrases_of_generated_notes_stand_where_they_are_said_to():
    for note in made_up_notes(4, 2):
        assert len(note.clinical) == len(note.planted)
        assert all(note.text[end : end + 2] == ".\n" for _, end in note.clinical)
        assert all(note.text[start - 1] == "\n" for start, _ in note.clinical)


@pytest.fixture(scope="module")
def sample_notes():
    """Whose each note of the synthetic hospital is, its text, and where it states which fact."""
    return [(patient, laid) for patient in NAMES for laid in notes_of(patient, Random(patient))]


def test_facts_drugs_doses_and_results_of_the_synthetic_hospital_are_kept(sample_notes):
    ordinary = words_of_several((patient, laid.text) for patient, laid in sample_notes)
    facts, terms = [], []
    for patient, laid in sample_notes:
        covered = bytearray(len(laid.text))
        for each in detect(laid.text, (NAMES[patient], patient), ordinary):
            if each.kind != "date":  # dates move, and are not lost
                covered[each.start : each.end] = b"\x01" * (each.end - each.start)
        facts += [not any(covered[e.start : e.end]) for e in laid.evidence if not e.field.startswith(TRAP)]
        terms += [not any(covered[slice(*term.span())]) for term in CLINICAL.finditer(laid.text)]
        assert NAMES[patient] not in "".join(c for c, hit in zip(laid.text, covered, strict=True) if not hit)
    assert len(BATCHES) < len(sample_notes)
    assert (len(facts) > 300, len(terms) > 150) == (True, True)
    assert sum(facts) / len(facts) >= 0.998
    assert sum(terms) / len(terms) >= 0.998


@pytest.mark.skipif(not ACI_BENCH.exists(), reason="shared open documents absent: aci-bench")
def test_little_of_real_visit_notes_is_replaced():
    """Names and dates are about one word in a hundred of these notes; more would be clinical text."""
    csv.field_size_limit(10**8)
    with (ACI_BENCH / "train.csv").open(encoding="utf-8", newline="") as rows:
        notes = [row["note"] for row in csv.DictReader(rows)]
    ordinary = words_of_several((str(number), note) for number, note in enumerate(notes))
    words = replaced = 0
    for note in notes:
        words += len(re.findall(r"\w+", note))
        for each in detect(note, (), ordinary):
            replaced += len(re.findall(r"\w+", note[each.start : each.end]))
    assert words > 28_000
    assert replaced / words <= 0.012
