"""What makes a note a repeat of another, and what makes it none."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.prioritised.repeated_text import FEWEST_SENTENCES, SAID_SCHEMA, repeats, said

NOTE = """NEURO-ONCOLOGY PROGRESS NOTE
Date of service: 03/10/2150 10:02

HISTORY:
54-year-old woman with an oligodendroglioma of the left frontal lobe, resected
in full last spring. No evidence of recurrence on the MRI of 2150-03-08.

REVIEW OF SYSTEMS
Headache: no
Seizures: yes

ASSESSMENT
- Karnofsky 90. HER2- as before.
- Continue temozolomide 140 mg, cycle 4.
Electronically signed by Dr. A. Weber 3/10/2150 10:40
"""
DAY = dt.date(2150, 3, 10)
PLACES = {"document_id": pl.String, "patient_id": pl.String, "note_date": pl.Date, "note_time": pl.Datetime("us")}


def places(*rows: tuple) -> pl.DataFrame:
    """Rows of (document id, days after `DAY`[, hour[, patient]])."""
    made = []
    for name, at, *more in rows:
        hour, patient = (*more, *(None, "p")[len(more) :])
        day = DAY + dt.timedelta(days=at)
        made.append((name, patient, day, None if hour is None else dt.datetime.combine(day, dt.time(hour))))
    return pl.DataFrame(made, schema=PLACES, orient="row")


def told(texts: dict[str, str]) -> pl.DataFrame:
    frame = pl.DataFrame(list(texts.items()), schema={"document_id": pl.String, "text": pl.String}, orient="row")
    return said(frame.lazy(), frame["document_id"])


def found(texts: dict[str, str], *rows: tuple) -> dict[str, str]:
    notes = places(*rows)
    return dict(repeats(notes, notes, told(texts)).iter_rows())


def is_repeat(text: str) -> bool:
    return found({"first": NOTE, "later": text}, ("first", 0), ("later", 30)) == {"later": "first"}


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        ("", ""), ("03/10/2150 10:02", "14 Apr 2150 9:30 am"), ("54-year-old", "55 y/o"), ("ASSESSMENT", "Assessment"),
        ("resected\nin full last", "resected in\nfull last"), ("- Karnofsky 90.", "• Karnofsky 90."),
        ("Dr. A. Weber 3/10/2150 10:40", "B. Okafor, MD, 4/14/2150"), ("no\nSeizures", "no\n\n  Seizures"),
        ("Date of service: 03/10/2150 10:02", "Visit date: Monday, April 14, 2150\nPage 1 of 2"),
    ],
)  # fmt: skip
def test_a_note_carried_forward_is_a_repeat_however_it_is_laid_out_and_signed(what, becomes):
    assert what in NOTE
    assert is_repeat(NOTE.replace(what, becomes))


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        ("No evidence", "Evidence"), ("No evidence", "Questionable evidence"), ("2150-03-08", "2150-04-12"),
        ("140 mg", "120 mg"), ("cycle 4", "cycle 5"), ("HER2-", "HER2+"), ("Karnofsky 90", "Karnofsky 60"),
        ("Headache: no\nSeizures: yes", "Headache: yes\nSeizures: no"), ("left frontal", "right frontal"),
        ("resected\nin full", "resected\nin part"), ("cycle 4.", "cycle 4.\nAddendum: MRI shows growth."),
        ("cycle 4.", "cycle 4. Died."), ("woman", "man"), ("recurrence on", "recurrence? On"),
        ("Electronically signed by", "Growth was seen by"), ("3/10/2150 10:40", "3/10/2150; the tumor has grown"),
        # What is left out is news too: the drug is off the list. It was once taken for a repeat.
        ("- Continue temozolomide 140 mg, cycle 4.\n", ""), ("Headache: no\n", ""), ("ASSESSMENT\n", ""),
        ("- Karnofsky 90.", "Karnofsky 90."), ("spring.", "spring. Her mother was a 54-year-old."),
    ],
)  # fmt: skip
def test_whatever_is_said_anew_makes_it_none(what, becomes):
    assert what in NOTE
    assert not is_repeat(NOTE.replace(what, becomes))


SEEN = """Patient seen in the clinic with family.
He tolerates the treatment well so far.
Exam is without focal deficit today.
Plan is to continue the current course.
"""
DRUGS = "CONTINUE:\n- Dexamethasone 4 mg\n- Temozolomide 140 mg\nSTOP:\n- Lisinopril 10 mg\n"
BREASTS = "LEFT BREAST\nThere is a palpable mass.\nRIGHT BREAST\nThere is no mass that can be felt.\n"
MORE = (
    "KPS\n90\nECOG\n1\n", "5.1 11.2 200\n", "WBC\tHgb\tPlt\n5.1\t11.2\t200\n", "Date | WBC\n01/01 06:00 | 5.1\n",
    "Vitals:\n98.6 | 72 | 120/80\n 97.5 | 80 | 110/70\n", DRUGS, BREASTS, "- fever chills\n", "NEXT SCAN\n03/08/2150\n",
    "PRIOR RESECTION\nDate: 03/08/2150\n", "FOLLOW-UP\nVisit date: 03/08/2150\n", "Signed by wife: DNR\n",
)  # fmt: skip


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        ("KPS\n90", "KPS\n40"), ("5.1 11.2 200\n", "0.4 6.1 12\n"), ("5.1\t11.2\t200", "0.4\t6.1\t12"),
        ("01/01 06:00 | 5.1", "01/08 06:00 | 0.4"), ("97.5 | 80 | 110/70", "103.5 | 140 | 60/30"),
        ("- Temozolomide 140 mg\nSTOP:\n", "STOP:\n- Temozolomide 140 mg\n"), ("- Temozolomide 140 mg\n", ""),
        ("a palpable mass.\nRIGHT BREAST\nThere is no mass that can be felt.",
         "no mass that can be felt.\nRIGHT BREAST\nThere is a palpable mass."),
        ("- fever chills", "fever chills"), ("- fever chills", "• fever chills"), ("SCAN\n03/08", "SCAN\n04/08"),
        ("RESECTION\nDate: 03/08", "RESECTION\nDate: 04/08"), ("Visit date: 03/08", "Visit date: 04/08"),
        ("Signed by wife: DNR\n", ""), ("Signed by wife: DNR", "Signed by Dr. Weber: hospice"), ("5.1\t", "\t5.1\t"),
        ("Signed by wife: DNR", "Signed by Dr. Weber on 3/8/2150 patient declines"), ("200\n", "200\n10²\n"),
    ],
)  # fmt: skip
def test_values_under_a_label_and_places_in_a_list_count(what, becomes):
    text = SEEN + "".join(MORE)
    assert what in text
    assert found({"a": text, "b": text}, ("a", 0), ("b", 1)) == {"b": "a"}
    assert found({"a": text, "b": text.replace(what, becomes)}, ("a", 0), ("b", 1)) == {}
    assert found({"a": text.replace(what, becomes), "b": text}, ("a", 0), ("b", 1)) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LAST SEIZURE\nDate: 3/8/2150\n{}", "LAST SEIZURE\nDate: 3/9/2150\n{}"),
        ("Date: 3/8/2150 KPS 90\n{}", "Date: 3/8/2150 KPS 40\n{}"),
        ("Date of birth: 3/8/2100\n{}", "Date of birth: 3/9/2100\n{}"),
        ("{}SIGNED BY PATIENT REFUSES RADIATION\n", "{}"), ("{}Signed by Dr. Weber DNR\n", "{}"),
        ("{}Mother, 54 years old.", "{}Mother, 55 years old."), ("{}54-year-old scar", "{}55-year-old scar"),
        ("{}5.1\t\t12", "{}5.1\t12\t"), ("{}H  I\n     12", "{}H  I\n12"), ("{}5\n\n12", "{}5\n12"),
        ("{}Hepatitis B. Negative for C", "{}Hepatitis B Negative for C"), ("{}Seizure?", "{}Seizure"),
    ],
)  # fmt: skip
def test_what_only_looks_like_head_signature_age_or_layout_counts(one, other):
    texts = {"a": one.format(SEEN), "b": other.format(SEEN)}
    assert found(texts, ("a", 0), ("b", 1)) == {}
    assert found(texts, ("a", 1), ("b", 0)) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Clinic note\nPatient: X\nDate: 3/8/2150\nTime: 10:02\n{}", "Clinic note\nPatient: X\nDate: 4/8/2150\n{}"),
        ("Visit Note\nDate of Service: March 8, 2150\n{}", "Visit Note\nDate of Service: 2150-04-08T10:00:00Z\n{}"),
        ("{}Signed by Anna Weber, MD on 3/8/2150 at 10:02 AM", "{}Electronically signed by: Weber, Anna B., M.D.\n"),
        ("Ms. Y is a 54 year old left-handed woman.\n{}", "Ms. Y is a 55-year-old left-handed woman.\n{}"),
        ("{}• Alpha\n• beta", "{}- Alpha\n• beta"), ("{}A\nb", "{}A\r\nb\r\n"),
    ],
)  # fmt: skip
def test_head_signature_age_and_layout_do_not_count(one, other):
    assert found({"a": one.format(SEEN), "b": other.format(SEEN)}, ("a", 0), ("b", 1)) == {"b": "a"}


def test_the_power_of_ten_is_no_digit_of_the_number():
    assert found({"a": f"{SEEN}WBC 10²", "b": f"{SEEN}WBC 102"}, ("a", 0), ("b", 1)) == {}


@given(st.permutations(MORE), st.data())
@settings(max_examples=60, deadline=None)
def test_another_number_order_or_negation_or_a_line_less_is_news(parts, data):
    lines = (SEEN + "".join(parts)).splitlines()
    changed = list(lines)
    at = data.draw(st.integers(0, len(lines) - 1))
    how = data.draw(st.sampled_from(["number", "less", "swapped", "negated", "more"]))
    if how == "number":
        at = data.draw(st.sampled_from([i for i, line in enumerate(lines) if any(c.isdigit() for c in line)]))
        digits = [i for i, c in enumerate(lines[at]) if c.isdigit()]
        place = data.draw(st.sampled_from(digits))
        other = data.draw(st.sampled_from([d for d in "0123456789" if d != lines[at][place]]))
        changed[at] = lines[at][:place] + other + lines[at][place + 1 :]
    elif how == "less":
        del changed[at]
    elif how == "swapped":
        other = data.draw(st.integers(0, len(lines) - 1).filter(lambda n: lines[n] != lines[at]))
        changed[at], changed[other] = changed[other], changed[at]
    else:
        changed.insert(at, "No." if how == "negated" else lines[at])
    texts = {"a": "\n".join(lines), "b": "\n".join(changed)}
    assert found({"a": texts["a"], "b": texts["a"]}, ("a", 0), ("b", 1)) == {"b": "a"}
    assert found(texts, ("a", 0), ("b", 1)) == {}


@pytest.mark.parametrize("cut", range(4))
@pytest.mark.parametrize("places", [[0, 9], [9, 0], [0, 0]])
def test_a_part_of_a_note_is_no_repeat_of_it(cut, places):
    whole = [*SEEN.splitlines(), *DRUGS.splitlines()]
    part = whole[: len(whole) - 1 - cut] if cut % 2 else whole[1 + cut :]
    at = zip("ab", places, strict=True)
    assert found({"a": "\n".join(whole), "b": "\n".join(part)}, *at) == {}


def test_the_answers_of_other_questions_are_no_answers():
    form = (
        "Was the resection complete?\nYes\nIs there residual tumor?\nNo\nAny new deficit?\nNo\nWas it biopsied?\nYes\n"
    )
    crossed = form.replace("Yes", "-").replace("No", "Yes").replace("-", "No")
    assert found({"a": form, "b": form}, ("a", 0), ("b", 1)) == {"b": "a"}
    assert found({"a": form, "b": crossed}, ("a", 0), ("b", 1)) == {}


def test_of_copies_the_earliest_stands_and_an_addendum_makes_another_note():
    # Once the one with the addendum stood for the others: but what was added, and what left out, nobody can tell.
    fuller = f"{NOTE}\nAddendum: pathology confirms a grade 3 tumor.\n"
    texts = {"a": NOTE, "b": NOTE, "c": fuller}
    assert found(texts, ("a", 0), ("b", 9), ("c", 20)) == {"b": "a"}
    assert found(texts, ("a", 20), ("b", 9), ("c", 0)) == {"a": "b"}
    assert found(texts, ("a", 0, 8), ("b", 0, 9), ("c", 0, 18)) == {"b": "a"}
    assert found(texts, ("a", 0, 9), ("b", 0, 8)) == {"a": "b"}
    assert found(texts, ("a", 0), ("b", 0)) == {"b": "a"}


def test_other_patients_say_nothing_of_him():
    assert found({"a": NOTE, "b": NOTE}, ("a", 0, None, "p"), ("b", 1, None, "q")) == {}


@pytest.mark.parametrize("text", ["", "Stable. Continue.", "Date: 3/10/2150\n" * 9, None])
def test_of_a_note_of_few_words_nobody_can_tell(text):
    assert found({"a": text, "b": text}, ("a", 0), ("b", 1)) == {}


def test_nobody_told_is_no_repeat():
    notes = places(("a", 0), ("b", 1))
    assert repeats(notes, notes, pl.DataFrame(schema=SAID_SCHEMA)).is_empty()


def test_a_document_met_twice_is_read_once():
    frame = pl.DataFrame({"document_id": ["a", "a", "b"], "text": [NOTE, NOTE, NOTE]})
    got = said(frame.lazy(), pl.Series(["a", "a"]))
    assert got.schema == SAID_SCHEMA
    assert got["document_id"].to_list() == ["a"]


SENTENCES = [f"Finding number {n} is as it was described." for n in range(8)]


@given(
    st.lists(
        st.tuples(st.sampled_from([(0, 1, 2, 3), (0, 1, 2, 3, 4), (1, 0, 2, 3), (0, 1, 2), (4, 5, 6, 7)]),
                  st.integers(0, 2), st.none() | st.integers(0, 2), st.sampled_from("pq")),
        max_size=7,
    )
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_it_is_the_rule_of_equal_texts_in_a_strict_order(rows):
    # Once that of contained sets: but what changed places or was left out is news.
    texts = {f"d{i}": "\n".join(SENTENCES[s] for s in says) for i, (says, *_) in enumerate(rows)}
    placed = [(f"d{i}", *place) for i, (_, *place) in enumerate(rows)]

    def stands(other: int, mine: int) -> bool:
        (theirs, day, hour, who), (own, own_day, own_hour, myself) = rows[other], rows[mine]
        if who != myself or own != theirs or other == mine:
            return False
        return (day, hour or 0, f"d{other}") < (own_day, own_hour or 0, f"d{mine}")

    got = found(texts, *placed)
    all_others = {m: [o for o in range(len(rows)) if stands(o, m)] for m in range(len(rows))}
    expected = {f"d{m}" for m, others in all_others.items() if others and len(rows[m][0]) >= FEWEST_SENTENCES}
    assert set(got) == expected
    assert all(int(other[1:]) in all_others[int(note[1:])] for note, other in got.items())
    assert all(not set(all_others[o]) & {m} for m, others in all_others.items() for o in others), "never both ways"
    assert not set(got.values()) & set(got), "what is repeated stands itself"
    notes = places(*reversed(placed))
    assert dict(repeats(notes, notes, told(texts).reverse()).iter_rows()) == got, "whatever the order"
