import csv
import datetime as dt
import re
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.deidentification_trial import made_up_notes, measure
from clinical_assets.documents.development_copy.identifier_detectors import detect
from clinical_assets.documents.development_copy.trial_settings import (
    CLINICAL,
    HARD,
    PARAPHRASES,
    PARAPHRASES_AFRESH,
    PARAPHRASES_UNSEEN,
    SETTINGS,
    VARIANTS,
)
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import Span, SpanKind

SECRET = b"a secret for the tests"
ACI_BENCH = Path(__file__).parents[3] / "../shared/data/documents/aci-bench"


@pytest.fixture(scope="module")
def deidentifier():
    return Deidentifier(SECRET)


def weeks(deidentifier, patient="p1"):
    return deidentifier.shift(patient)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%m/%d/%Y", "Seen {} in clinic"),
        ("%m/%d/%y", "Seen {} in clinic"),
        ("%Y-%m-%d", "Seen {}T10:00"),
        ("%Y%m%d", "Study {}."),
        ("%m-%d-%Y", "Seen {}."),
        ("%B %d, %Y", "On {} she fell"),
        ("%d %b %Y", "On {} she fell"),
        ("%b-%d-%Y", "Started {} -"),
        ("%d-%b-%Y", "Started {} -"),
    ],
)
def test_dates_move_by_the_patients_shift_and_keep_their_form(deidentifier, pattern, text):
    day = dt.date(2019, 11, 23)
    moved = day + weeks(deidentifier)
    got = deidentifier.text(text.format(day.strftime(pattern)), "p1")
    assert got.text == text.format(moved.strftime(pattern))
    assert moved.weekday() == day.weekday()
    assert got.counts == {"date": 1}


@pytest.mark.parametrize(
    ("written", "shifted"),
    [
        ("3/9/2019", (dt.date(2019, 3, 9), "{0.month}/{0.day}/{0.year}")),
        ("26/03/2019", (dt.date(2019, 3, 26), "{0:%d/%m/%Y}")),
        ("APR 20, 2020@17:03", (dt.date(2020, 4, 20), "{0:%b} {0.day}, {0.year}@17:03")),
        ("2150-03-09", (dt.date(2150, 3, 9), "{0}")),
        ("March 2019", (dt.date(2019, 3, 15), "{0:%B} {0.year}")),
        ("03/2019", (dt.date(2019, 3, 15), "{0:%m}/{0.year}")),
        ("since 2014", (dt.date(2014, 7, 1), "since {0.year}")),
        ("2nd of June 2019", (dt.date(2019, 6, 2), None)),
    ],
)
def test_other_forms_of_dates(deidentifier, written, shifted):
    day, pattern = shifted
    got = deidentifier.text(f"Seen {written}.", "p1").text
    moved = day + weeks(deidentifier)
    if pattern is None:
        ending = re.fullmatch(r"Seen (\d+)(st|nd|rd|th) of (\w+) (\d{4})\.", got)
        assert dt.datetime.strptime(f"{ending[1]} {ending[3]} {ending[4]}", "%d %B %Y").date() == moved
    else:
        expected = f"Seen {pattern.format(moved)}."
        assert got.upper() == expected.upper()
        assert ("APR" in written) == (moved.strftime("%b").upper() in got)


def test_a_date_without_a_year_takes_the_documents(deidentifier):
    moved = dt.date(2019, 12, 28) + weeks(deidentifier)
    assert deidentifier.text("seen on 12/28", "p1", document_date=dt.date(2020, 1, 5)).text == f"seen on {moved:%m/%d}"
    assert deidentifier.text("seen on 12/28", "p1").text == "seen on [date]"
    assert deidentifier.text("seen on 2/31", "p1", document_date=dt.date(2020, 1, 5)).text == "seen on [date]"


def test_intervals_are_kept_and_patients_move_differently(deidentifier):
    text = deidentifier.text("Surgery 2019-03-01, MRI 2019-03-04.", "p1").text
    first, second = (dt.date.fromisoformat(d) for d in re.findall(r"\d{4}-\d\d-\d\d", text))
    assert second - first == dt.timedelta(days=3)
    shifts = {deidentifier.shift(f"p{i}") for i in range(50)}
    assert len(shifts) > 30
    assert all(dt.timedelta(weeks=-520) <= s <= dt.timedelta(weeks=-52) and s.days % 7 == 0 for s in shifts)
    assert Deidentifier(b"another secret here").shift("p1") != deidentifier.shift("p1")


def test_the_same_identifier_is_the_same_token_for_one_patient(deidentifier):
    first = deidentifier.text("Dr. Okonkwo, MRN: 12345678, call (617) 555-0100", "p1")
    again = deidentifier.text("DR. OKONKWO; mrn 12345678; phone 617-555-0100", "p1")
    other = deidentifier.text("Dr. Okonkwo, MRN: 12345678", "p2")
    tokens = re.findall(r"\[[a-z]+-[0-9a-f]{6}\]", first.text)
    assert len(tokens) == 3
    assert re.findall(r"\[[a-z]+-[0-9a-f]{6}\]", again.text)[:2] == tokens[:2]
    assert set(re.findall(r"\[[a-z]+-[0-9a-f]{6}\]", other.text)).isdisjoint(tokens)
    assert not re.search(r"Okonkwo|12345678|555", first.text + again.text, re.IGNORECASE)


def test_a_name_found_once_is_replaced_everywhere(deidentifier):
    text = "Mr. John Perry came. Perry's wife, John Perry and JOHN PERRY signed. White count normal. Dr. White agreed."
    got = deidentifier.text(text, "p1").text
    assert not re.search("perry|john", got, re.IGNORECASE)
    assert "White count normal" in got
    assert "Dr. White" not in got


def test_what_the_record_knows_is_found_wherever_it_stands(deidentifier):
    text = "spoke to amelie today; Amelie   Quist at 9 Lindenwood. Chart A-77 / a-77, A-778."
    got = deidentifier.text(text, "p1", known=["Amelie Quist", "amelie", "9 Lindenwood", "A-77", "x"])
    assert got.text.count("[name-") == 3
    assert not re.search("amelie|quist|lindenwood|A-77[^8]", got.text, re.IGNORECASE)
    assert "A-778" in got.text


def test_ages_above_89_are_one_group(deidentifier):
    text = "94-year-old, 89-year-old, 101 y.o., aged 90, age 91%, 95 mg"
    assert deidentifier.text(text, "p1").text == "90+-year-old, 89-year-old, 90+ y.o., aged 90+, age 91%, 95 mg"


@pytest.mark.parametrize("phrase", CLINICAL)
def test_clinical_text_is_left_alone(deidentifier, phrase):
    assert deidentifier.text(f"{phrase}.", "p1").text == f"{phrase}."


def test_what_is_known_is_found_in_the_name_of_a_file(deidentifier):
    got = deidentifier.text("see Quist_Anna_MRI.pdf and Quistgaard", "p1", known=["Quist", "Anna"]).text
    assert "Quist_" not in got
    assert "Anna" not in got
    assert got.endswith("_MRI.pdf and Quistgaard")


def test_spans_move_with_the_text(deidentifier):
    extraction = extract(
        b"PATIENT: Perry, John\nFINDINGS: seen 03/04/2019, clear.\nIMPRESSION: stable per Dr. Abernathy."
    )
    got = deidentifier.text(extraction.text, "p1")
    for span in extraction.sections:
        moved = got.moved(span)
        passage = got.text[moved.start : moved.end]
        assert moved.title == span.title
        assert passage.startswith(span.title)
    assert got.text[moved.start : moved.end].startswith("IMPRESSION: stable per Dr. [name-")
    assert moved.end == len(got.text)
    named = Span(SpanKind.SECTION, 9, 20, title="Perry, John")
    assert got.moved(named).title is None
    file = Span(SpanKind.ATTACHMENT, 0, 40, title="Perry_John_1956-03-04_MRI.txt")
    assert got.moved(file).title is None, "the name of a file stands nowhere in the text"
    inside = Span(SpanKind.SECTION, 10, 12)
    assert got.text[got.moved(inside).start : got.moved(inside).end].startswith("[name-")


def test_tables_are_shifted_by_row(deidentifier):
    frame = pl.DataFrame(
        {
            "subject_id": [1, 2, None],
            "name": ["a", "b", "c"],
            "day": [dt.date(2020, 1, 1)] * 3,
            "at": [dt.datetime(2020, 1, 1, 9)] * 3,
            "value": [1, 2, 3],
        }
    )
    got = deidentifier.frame(frame, "subject_id", ["day", "at"], drop=["name"])
    assert got.columns == ["subject_id", "day", "at", "value"]
    assert got.schema["day"] == pl.Date
    assert got["subject_id"].to_list() == [deidentifier.pseudonym("1"), deidentifier.pseudonym("2"), None]
    for row, patient in zip(got.rows(named=True), ("1", "2"), strict=False):
        assert row["day"] == dt.date(2020, 1, 1) + deidentifier.shift(patient)
        assert row["at"] == dt.datetime(2020, 1, 1, 9) + deidentifier.shift(patient)
    assert got.row(2)[:3] == (None, None, None)


def test_a_short_secret_is_refused_and_no_secret_is_shown():
    with pytest.raises(ValueError, match="at least 16"):
        Deidentifier(b"short")
    assert "secret" not in repr(Deidentifier(SECRET))


# Recall on the seeded set. SETTINGS: what the rules were written for; VARIANTS: the same otherwise; PARAPHRASES:
# written before the rules were tried on them; HARD: beyond rules.
NOTES = 25
SEED = 20_260_101


def test_recall_on_the_seeded_set_is_what_we_report():
    measured = measure(made_up_notes(SEED, NOTES))
    missed = measured.recall.filter(pl.col("recall") < 1)
    assert measured.recall["planted"].sum() == NOTES * len(SETTINGS)
    assert missed.is_empty()
    assert measured.clinical_kept == 1.0


def test_recall_on_variants_is_what_we_report():
    measured = measure(made_up_notes(SEED, NOTES, VARIANTS))
    assert measured.overall == 1.0
    assert measured.clinical_kept == 1.0


@pytest.mark.parametrize(
    ("phrasings", "at_least"),
    [(PARAPHRASES, 0.99), (PARAPHRASES_AFRESH, 0.97)],
    ids=["written before the rules", "written before they were changed"],
)
def test_recall_on_paraphrases_the_rules_were_since_made_with(phrasings, at_least):
    measured = measure(made_up_notes(SEED, NOTES, phrasings))
    assert measured.overall >= at_least
    assert measured.clinical_kept == 1.0


def test_recall_on_phrasings_nobody_had_in_mind():
    """0.41 by rules of phrasings alone; the general rules were made without a look at these phrasings."""
    measured = measure(made_up_notes(SEED, NOTES, PARAPHRASES_UNSEEN))
    assert measured.overall >= 0.83
    assert measured.clinical_kept == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "Discussed with Infectious Disease and Interventional Radiology.",
        "Seen by Physical Therapy. Evaluated by Palliative Care.",
        "Emergency Department called. Social Work states the plan.",
        "Vital Signs reported as stable.",
        "Temperature 101 F with chills. BP 98/60.",
        "Pain on the 5th finger and the 12th rib; fracture of the 3rd metatarsal.",
        "Lesion 2.1.20 of the list; ratio 10-45-14 was 1.2.",
        "Section 4.2, levels C5-6 and 12-14.",
        "Home at 9 AM. Moved to 6 North.",
        "IN, OR and OK are words; referred to OR, PA catheter in place.",
        "ninety percent of the tumor was removed",
        "CD45-positive, S100-negative, Ki-67 of 12%",
        "2 drinks per Week. As per Protocol. Hospital course per PROBLEM LIST.",
        "Nursing reports no events. Also denies fever. Currently reports pain. Caller says so.",
        "Treated with Bactrim Forte, then by Wound Care; transferred to Rehab Facility for Down Syndrome.",
        "Foley Catheter was placed and Chest Tube was removed.",
        "NECK, CHEST\nNAUSEA, VOMITING\nAPPENDICITIS, ACUTE",
        "Motor 5/5, sentinel nodes (1/12), vision (20/40), pain (7/10), grade (2/6).",
        "heart rate in the 90s, saturation in the high 90s, died at 95% saturation",
        "intake 1900-2100 mL, 3 x 1000 mg, x 4500 mL, 2000-2010 kcal",
        "Plan to follow. Will see. Neurosurgery to follow.",
        "Patient informed; consent obtained from Wound Care.",
    ],
)
def test_what_looks_like_an_identifier_and_is_none_stays(deidentifier, text):
    assert deidentifier.text(text, "p1").text == text


@pytest.mark.parametrize(
    ("written", "counts"),
    [
        ("June 3-7, 2019", {"date": 1}), ("June 3 and 7", {"date": 1}), ("June 28 to 30, 2019", {"date": 1}),
        ("on 3/9 and 3/12", {"date": 2}), ("1985-2004", {"date": 2}), ("Smoked (2004)", {"date": 1}),
    ],
)  # fmt: skip
def test_a_range_keeps_none_of_its_days(deidentifier, written, counts):
    got = deidentifier.text(f"Seen {written}.", "p1", document_date=dt.date(2019, 6, 30))
    assert got.counts == counts
    for number in re.findall(r"\d+", written):
        years = str((dt.date(int(number), 7, 1) + weeks(deidentifier)).year) if len(number) == 4 else None
        assert not re.search(rf"\b{number}\b", got.text) or years == number or got.text.count("/") == 2


def test_a_date_with_an_apostrophe_is_dropped_not_misread(deidentifier):
    assert deidentifier.text("Surgery in Mar '19.", "p1").text == "Surgery in [date]."


def test_rules_do_not_see_what_the_docstring_says_they_do_not():
    measured = measure(made_up_notes(SEED, NOTES, HARD))
    assert set(measured.recall.filter(pl.col("recall") < 0.5)["setting"]) == {"lower case"}


def test_the_seed_fixes_the_set():
    assert made_up_notes(1, 2) == made_up_notes(1, 2)
    assert made_up_notes(1, 2) != made_up_notes(2, 2)
    for note in made_up_notes(3, 3):
        for each in note.planted:
            assert note.text[each.start : each.end].strip()


@pytest.mark.skipif(not ACI_BENCH.exists(), reason="shared open documents absent: aci-bench")
def test_patient_names_in_visit_notes():
    """Every mention of the patient's first or family name in 67 notes, without telling the detector who they are."""
    with (ACI_BENCH / "train_metadata.csv").open(encoding="utf-8") as rows:
        names = {
            r["encounter_id"]: {r["patient_firstname"], r["patient_familyname"]} - {""} for r in csv.DictReader(rows)
        }
    csv.field_size_limit(10**8)
    with (ACI_BENCH / "train.csv").open(encoding="utf-8", newline="") as rows:
        notes = {r["encounter_id"]: r["note"] for r in csv.DictReader(rows)}
    mentions = found = 0
    for key, note in notes.items():
        covered = {i for identifier in detect(note) for i in range(identifier.start, identifier.end)}
        for name in names[key]:
            for mention in re.finditer(rf"\b{re.escape(name)}\b", note):
                mentions += 1
                found += covered.issuperset(range(*mention.span()))
    assert (mentions, found) == (66, 66)


@pytest.mark.parametrize(
    "piece",
    [
        "O'",
        "Aa-",
        "A. ",
        "1-",
        "x@",
        "12 Ab ",
        "Mr. Aa ",
        "(1)",
        "Patient:\t",
        "AA, ",
        "\u00e9'",
        "seen by Aa ",
        "lives at 1 Aa ",
        "in Aa, ",
        "Aa Aa denies ",
        "aged ",
        "Aa Bb (",
        "son of Aa ",
        "01.02.",
        "mid-",
        "s/p aa ",
        "June 3-",
        "1985-",
        "(1985",
        "died aa at ",
        "AA, AA A",
        "AA-",
        "team: Aa/",
        "hcp: Aa; ",
        "by Aa Aa ",
        "as per Aa ",
        "Aa Aa was ",
        "Apt 1, 1 Aa ",
        "a at aa dot ",
        "on 1/1 and ",
        "specimen SP-",
        "van ",
        "de 1 Mai ",
        "1-1-",
        "00:",
        "'19 ",
        "Aa St ",
        "Aa Street and ",
        "PT AA ",
        "Apt 1 ",
        "ref no ",
        "call a ",
        "al-Aa ",
        "/s/ A ",
        "1/7 ",
    ],
)
def test_no_text_takes_long(piece):
    # Of this process alone: the machine may be busy with others.
    started = time.process_time()
    detect(piece * (30_000 // len(piece)))
    assert time.process_time() - started < 3


@given(
    st.text(max_size=80)
    | st.lists(
        st.sampled_from(["Dr. ", "Smith", " 3/4", "/20", " MRN", ": ", "12345", "-", "é", "\n"]), max_size=15
    ).map("".join)
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_replacements_never_overlap_and_describe_the_new_text(text):
    got = Deidentifier(SECRET).text(text, "p1", known=["Smith"])
    done, rebuilt = 0, ""
    for each in got.replacements:
        assert done <= each.start < each.end <= len(text)
        rebuilt += text[done : each.start] + each.written
        done = each.end
    assert rebuilt + text[done:] == got.text
    whole = got.moved(Span(SpanKind.PAGE, 0, len(text)))
    assert (whole.start, whole.end) == (0, len(got.text))
