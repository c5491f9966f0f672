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
        ("- Continue temozolomide 140 mg, cycle 4.\n", ""),
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
    ],
)  # fmt: skip
def test_whatever_is_said_anew_makes_it_none(what, becomes):
    assert what in NOTE
    assert not is_repeat(NOTE.replace(what, becomes))


def test_the_answers_of_other_questions_are_no_answers():
    form = (
        "Was the resection complete?\nYes\nIs there residual tumor?\nNo\nAny new deficit?\nNo\nWas it biopsied?\nYes\n"
    )
    crossed = form.replace("Yes", "-").replace("No", "Yes").replace("-", "No")
    assert found({"a": form, "b": form}, ("a", 0), ("b", 1)) == {"b": "a"}
    assert found({"a": form, "b": crossed}, ("a", 0), ("b", 1)) == {}


def test_of_several_days_the_earliest_stands_and_of_one_day_the_most_complete():
    fuller = f"{NOTE}\nAddendum: pathology confirms a grade 3 tumor.\n"
    texts = {"a": NOTE, "b": NOTE, "c": fuller}
    assert found(texts, ("a", 0), ("b", 9), ("c", 20)) == {"b": "a"}
    assert found(texts, ("a", 20), ("b", 9), ("c", 0)) == {"a": "c", "b": "c"}
    assert found(texts, ("a", 0, 8), ("b", 0, 9), ("c", 0, 18)) == {"a": "c", "b": "c"}
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
        st.tuples(st.sets(st.integers(0, 7), max_size=8), st.integers(0, 2), st.none() | st.integers(0, 2),
                  st.sampled_from("pq")),
        max_size=7,
    )
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_it_is_the_rule_of_sets_in_a_strict_order(rows):
    texts = {f"d{i}": "\n".join(SENTENCES[s] for s in sorted(says)) for i, (says, *_) in enumerate(rows)}
    placed = [(f"d{i}", *place) for i, (_, *place) in enumerate(rows)]

    def stands(other: int, mine: int) -> bool:
        (theirs, day, hour, who), (own, own_day, own_hour, myself) = rows[other], rows[mine]
        if who != myself or not own <= theirs or other == mine:
            return False
        if day != own_day:
            return day < own_day
        return len(theirs) > len(own) or ((hour or 0), f"d{other}") < ((own_hour or 0), f"d{mine}")

    got = found(texts, *placed)
    all_others = {m: [o for o in range(len(rows)) if stands(o, m)] for m in range(len(rows))}
    expected = {f"d{m}" for m, others in all_others.items() if others and len(rows[m][0]) >= FEWEST_SENTENCES}
    assert set(got) == expected
    assert all(int(other[1:]) in all_others[int(note[1:])] for note, other in got.items())
    assert all(not set(all_others[o]) & {m} for m, others in all_others.items() for o in others), "never both ways"
    notes = places(*reversed(placed))
    assert dict(repeats(notes, notes, told(texts).reverse()).iter_rows()) == got, "whatever the order"
