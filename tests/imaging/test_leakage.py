"""The leakage filter: whole words, whole sentences, no label, and a probe that finds what is left."""

import inspect
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.imaging import leakage
from clinical_assets.imaging.leakage_vocabulary import VOCABULARY, pattern
from clinical_assets.mimic.catalogue.cxr import LABELS
from clinical_assets.mimic.catalogue.reflacx import PHASE_1_LABELS, PHASES_2_AND_3_LABELS

REPORT = """EXAMINATION:  CHEST (PA AND LAT)

INDICATION:  ___ year old woman with cough and fever, seen by Dr. Smith. She denies chest
pain.  Evaluate for pneumonia.

COMPARISON:  ___

FINDINGS:

The patient was well positioned.  There is a 2.5 cm mass.

IMPRESSION:

Normal.
"""


def kept(text, kind="report"):
    return leakage.without_findings(text, kind).text


def test_a_report_keeps_why_it_was_asked_for_and_loses_what_it_says():
    left = kept(REPORT)
    assert "cough and fever, seen by Dr. Smith." in left
    assert "She denies chest pain." in left
    for gone in ("pneumonia", "mass", "2.5", "positioned", "Normal", "IMPRESSION", "FINDINGS"):
        assert gone not in left, gone


@pytest.mark.parametrize(
    "text",
    [
        "Seen by the doctor, direct from clinic, abdomen intact.",  # no "ct"
        "Massachusetts resident.",
        "He was admitted last summer.",
        "Exercise leaders met him.",
        "Portland native.",
        "Patient is amassing debts.",
        "Mr. Smith has a cough.",
    ],
)
def test_terms_are_whole_words(text):
    assert kept(text) == text


@pytest.mark.parametrize(
    "text", ["CT was done.", "ct was done.", "A (CT) was done.", "CT-guided biopsy.", "Pt had CT, then left."]
)
def test_a_term_is_found_in_any_case_and_beside_any_sign(text):
    assert kept(text) == ""


@pytest.mark.parametrize(
    "denial",
    ["No pneumothorax.", "There is no focal consolidation or effusion.", "Heart size is within normal limits."],
)
def test_a_denial_goes_like_the_finding(denial):
    found = leakage.without_findings(f"Cough. {denial} Fever.", "report")
    assert found.text == "Cough. Fever."
    assert len(found.removed) == 1


def test_a_negation_stays_with_what_it_denies():
    assert kept("She denies chest pain. He has not smoked.") == "She denies chest pain. He has not smoked."
    assert kept("No fever, no cough, no pneumonia.") == ""


def test_complaints_are_judged_one_by_one():
    assert kept("Dyspnea, PNA, Cough", "triage") == "Dyspnea, Cough"
    assert kept("ABNORMAL CXR, s/p Fall", "triage") == "s/p Fall"
    assert kept(None, "triage") == ""


def test_decimals_and_titles_end_no_sentence():
    sentences = leakage.without_findings("Temp was 38.5 C per Dr. Who. Cough; no rash", "report").sentences
    text = "Temp was 38.5 C per Dr. Who. Cough; no rash"
    assert [text[s.start : s.end] for s in sentences] == ["Temp was 38.5 C per Dr. Who.", "Cough;", "no rash"]


@pytest.mark.parametrize(
    "label", sorted({*LABELS, *PHASE_1_LABELS, *PHASES_2_AND_3_LABELS} - {"No Finding", "Other", "Quality issue"})
)
def test_the_vocabulary_covers_every_observation_by_its_name(label):
    assert kept(f"There is {label.replace(' / ', ' or ').lower()} today.") == ""


def test_the_filter_cannot_see_a_label():
    assert list(inspect.signature(leakage.without_findings).parameters) == ["text", "kind"]


words = st.sampled_from(
    [
        "cough",
        "denies",
        "No",
        "effusion",
        "the",
        "doctor",
        "ct",
        ".",
        ". ",
        "\n\n",
        "FINDINGS:",
        ", ",
        " ",
        "38.5",
        "Dr.",
    ]
)


@given(st.lists(words, max_size=25).map(" ".join), st.sampled_from(["report", "triage"]))
def test_whatever_the_text(text, kind):
    found = leakage.without_findings(text, kind)
    assert all(not p.search(found.text) for p in map(pattern, VOCABULARY.values()))  # no term is left
    assert leakage.without_findings(found.text, kind).text == found.text  # nothing more goes the second time
    ends = [0]
    for s in found.sentences:  # in order, apart, and nothing but white space and separators between them
        assert ends[-1] <= s.start < s.end
        assert not set(text[ends[-1] : s.start]) - set(" \n\t,;")
        ends.append(s.end)
    stays = [text[s.start : s.end] for s in found.sentences if not s.reasons]
    assert all(" ".join(s.split()) in found.text for s in stays)


def test_metrics_count_what_went():
    texts = ["Cough. No effusion. Edema.", "Fever.", "Pneumonia.", "", None]
    found = leakage.metrics(texts, [leakage.without_findings(t, "report") for t in texts])
    assert (found.texts, found.sentences, found.removed, found.removed_denials, found.emptied) == (3, 5, 3, 1, 1)
    assert found.reasons == {"finding": 3}
    assert found.characters_kept == pytest.approx(len("Cough.Fever.") / len("".join(texts[:3])))


def texts_of(n, tell):
    rng = random.Random(0)
    truth = [rng.random() < 0.5 for _ in range(n)]
    raw = []
    for positive in truth:
        said = "There is pneumonia." if positive else "No pneumonia."
        hint = "Sputum was green." if tell and positive else "Seen at noon."
        raw.append(f"{rng.choice(['Cough', 'Fever', 'Fall'])} since {rng.randint(1, 9)} days. {said} {hint}")
    return raw, truth


def probe(raw, truth, **options):
    filtered = [kept(text) for text in raw]
    return leakage.residual_leakage(raw, filtered, {"Pneumonia": truth}, list(range(len(raw))), **options)[0]


def test_the_probe_finds_no_label_in_text_that_tells_none():
    found = probe(*texts_of(150, tell=False))
    assert found.auroc_raw > 0.99
    assert 0.35 < found.auroc_filtered < 0.65


def test_the_probe_finds_what_the_filter_missed():
    found = probe(*texts_of(150, tell=True))
    assert found.auroc_filtered > 0.95


def test_the_probe_sees_that_more_was_removed():
    raw, truth = texts_of(150, tell=False)
    longer = [f"{text} Cough. Fever. Chills." if positive else text for text, positive in zip(raw, truth, strict=True)]
    assert probe(longer, truth).auroc_filtered > 0.9


def test_the_probe_survives_texts_of_which_nothing_is_left():
    _, truth = texts_of(100, tell=False)
    found = leakage.residual_leakage(["pneumonia"] * 100, [""] * 100, {"Pneumonia": truth}, list(range(100)))[0]
    assert found.auroc_filtered == 0.5


def test_too_few_patients_are_not_measured():
    raw, truth = texts_of(150, tell=False)
    assert probe(raw[:30], truth[:30]).auroc_raw is None
    one_patient = leakage.residual_leakage(raw, raw, {"Pneumonia": truth}, [1] * len(raw))[0]
    assert (one_patient.texts, one_patient.auroc_raw) == (150, None)


def test_texts_without_the_label_are_left_out():
    found = leakage.residual_leakage(["a"] * 3, ["a"] * 3, {"Edema": [True, None, False]}, [1, 2, 3])[0]
    assert (found.texts, found.positive) == (2, 1)
