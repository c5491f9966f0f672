import datetime as dt
import re

import pytest

from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.deidentification_trial import results_kept
from clinical_assets.documents.development_copy.identifier_detectors import detect
from clinical_assets.documents.development_copy.trial_results import RESULTS

DEIDENTIFIER = Deidentifier(b"a secret for the tests")


@pytest.mark.parametrize(
    ("text", "identifier", "kind"),
    [
        ("Will return after {} as planned", "Thanksgiving", "date"),
        ("since {} she is well", "Ramadan", "date"),
        ("seen {} for review", "14. März 2021", "date"),
        ("el {} en la consulta", "3 de abril de 2019", "date"),
        ("Thursday {}: drain out", "11/21", "date"),
        ("the drain came out {}.", "3/19", "date"),
        ("back on Sunday the {}.", "9th", "date"),
        ("worse since {}", "Q3 2021", "date"),
        ("retired in {} and well", "'09", "date"),
        ("the {} of this month", "twenty-first", None),
        ("reach her at {}", "0161 496 0733", "phone"),
        ("prefers to be reached on {}", "555-0147", "phone"),
        ("passport {} was seen", "X4471992", "number"),
        ("plate number {}", "7GKT204", "number"),
        ("wristband {} scanned", "7745120", "number"),
        ("the film {} was compared", "90041288", "number"),
        ("username: {}", "quill_44", "number"),
        ("the pump's serial is {}", "MR-55-00417", "number"),
        ("handle {} online", "@quill.feather", "url"),
        ("see {} for it", "portal.example.org/p/17", "url"),
        ("device at {}", "00:1B:44:11:3A:B7", "ip"),
        ("fell at the corner of {}", "Elm and Quarry", "address"),
        ("posted to {}", "SW1A 1AA", "address"),
        ("lives on {} now", "Tallow Street", "address"),
        ("a {} from the village", "centenarian", "age"),
        ("before her {}rd birthday", "93", "age"),
        ("initials {} on the form", "A.K.V.", "name"),
    ],
)
def test_shapes_that_identify(text, identifier, kind):
    whole = text.format(identifier)
    start = text.index("{}")
    covering = [each for each in detect(whole) if each.start <= start + 1 < each.end]
    assert covering, whole
    assert kind is None or covering[0].kind == kind
    covered = {i for each in detect(whole) for i in range(each.start, each.end)}
    assert all(i in covered for i in range(start, start + len(identifier)) if whole[i].isalnum())


@pytest.mark.parametrize(
    "text",
    [
        "3/14 nodes positive, 2/8 cores, 5/11 teeth, score 7/9, 3/8 inch",
        "SNOMED none; WBC 12000, platelets 250,000, copies 48000/mL, heparin 25000 units",
        "T 101.2, BP 120/80, HR 72, 98% on 2 L, 1900-2100 mL",
        "the 5th finger, 12th rib, 10th percentile, the 9th cranial nerve",
        "ratio of 1:80,000; 18-20 weeks; 1500-2000 kcal; CD4 350-400",
        "room air, unit of blood, flat affect, lot of pain, 2 units of PRBC",
        "Section 4.2, levels C5-6 and 12-14, ICD none, p=0.003, 0.12345",
        "pain 5/5 on walking, seen for 4/5 weakness",
        "drip at 12 mL/h, 75 mg/m2, 60 Gy in 30 fractions, 1 in 20",
        "Test Value Range\nSodium 140 135-145\nPlatelets 259 150-400\nLot\nCOVID-19 vaccine",
        "From the chart: KPS 100%. Call for fever above 100.4 F or 38.5 C",
        "Temperature at home 97.2 F. Worries what happens",
        "call if worse; reach overhead; dial down the pump to 5",
    ],
)
def test_numbers_of_medicine_stay(text):
    assert [text[each.start : each.end] for each in detect(text)] == []


def test_a_date_no_rule_can_move_is_dropped():
    made = DEIDENTIFIER.text("Seen 14. März 2021, home by Easter.", "p", document_date=dt.date(2021, 3, 20))
    assert made.text == "Seen [date], home by [date]."


def test_results_written_like_dates_or_telephone_numbers_are_kept():
    assert results_kept() == (88, 88)
    for sentence in RESULTS:
        text = re.sub(r"[{}]", "", sentence)
        assert DEIDENTIFIER.text(text, "p", document_date=dt.date(2018, 5, 5)).text == text


def test_what_is_replaced_of_a_result_is_counted():
    assert results_kept(["Seen {3/19/2019}, Hgb {9.1}, on {4/14/2018}."]) == (1, 3)


@pytest.mark.parametrize(
    "text",
    ["The drain came out {}.", "Cast removed {}.", "drawn {}, well", "tests {} and well", "It hurts {}, not now"],
)
def test_a_date_that_may_be_a_result_is_dropped_and_never_moved(text):
    made = DEIDENTIFIER.text(text.format("3/19"), "p", document_date=dt.date(2021, 3, 20))
    assert made.text == text.format("[date]")


@pytest.mark.parametrize("text", ["quit about 2004, and well", "colectomy 2004, then well", "biopsy, 2004; none since"])
def test_a_year_without_a_word_of_time_is_dropped_and_never_moved(text):
    assert DEIDENTIFIER.text(text, "p").text == text.replace("2004", "[date]")
