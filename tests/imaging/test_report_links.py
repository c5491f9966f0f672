"""Which study a report is about: every branch by hand, and what holds whatever the notes."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.imaging import report_links as rules
from clinical_assets.imaging.report_tables import CXR_REPORTS, REPORT_LINKS
from clinical_assets.imaging.tables import CXR_STUDIES
from clinical_assets.mimic.catalogue import TABLES

NOON = datetime(2150, 5, 6, 12)
PORTABLE, UPRIGHT = "CHEST (PORTABLE AP)", "CHEST (PA AND LAT)"
WORDS = "EXAMINATION: CHEST (PORTABLE AP)\n\nIMPRESSION: Moderate cardiomegaly, unchanged from ___."


def minutes(number):
    return NOON + timedelta(minutes=number)


def frame(table, *records):
    table = TABLES[table] if isinstance(table, str) else table
    return pl.LazyFrame(list(records), table.polars_schema)


def note(number, at, text="A report.", subject=1, kind="RR"):
    return {
        "note_id": f"{subject}-{kind}-{number}",
        "subject_id": subject,
        "note_type": kind,
        "note_seq": number,
        "charttime": minutes(at),
        "storetime": minutes(at + 90),
        "text": text,
    }


def detail(of, name, value, ordinal=1):
    row = {"note_id": of["note_id"], "subject_id": of["subject_id"], "field_name": name}
    return {**row, "field_value": value, "field_ordinal": ordinal}


def exam(of, name=PORTABLE):
    return detail(of, "exam_name", name)


def study(number, at, procedure=PORTABLE, subject=1):
    time = None if at is None else minutes(at)
    return {"subject_id": subject, "study_id": number, "study_time": time, "procedure": procedure}


def file(number, text, subject=1):
    return {"subject_id": subject, "study_id": number, "file": "f", "status": "read", "text": text}


def link(notes, details=(), studies=(), files=()):
    found = rules.report_links(
        frame("mimic/note/radiology", *notes),
        frame("mimic/note/radiology_detail", *details),
        frame(CXR_STUDIES, *studies),
        frame(CXR_REPORTS, *files),
    ).collect()
    assert dict(found.schema) == dict(REPORT_LINKS.polars_schema)
    assert sorted(found["note_id"]) == sorted(n["note_id"] for n in notes)  # one row per note, none lost
    return {row["note_id"]: row for row in found.to_dicts()}


def only(*args, **kwargs):
    (row,) = link(*args, **kwargs).values()
    return row


def found(row):
    return row["match_type"], row["study_id"], row["n_candidates"]


def test_a_chest_xray_of_the_same_name_near_in_time_is_the_study():
    one = note(1, 10)
    row = only([one], [exam(one)], [study(51, 0)])
    assert found(row) == ("exam and time", 51, 1)
    assert (row["offset_minutes"], row["study_time"], row["known_at"]) == (10.0, NOON, minutes(100))


def test_a_chest_xray_of_another_name_is_the_study_by_time():
    one = note(1, -10)
    row = only([one], [exam(one, "CHEST (SINGLE VIEW)")], [study(51, 0)])
    assert (*found(row), row["offset_minutes"]) == ("time", 51, 1, -10.0)
    assert found(only([one], [exam(one)], [study(51, 0, procedure=None)])) == ("time", 51, 1)


def test_the_same_name_counts_before_the_nearer_time():
    one = note(1, 0)
    near, same = study(51, 5, UPRIGHT), study(52, 60, "Chest (portable AP)")
    assert found(only([one], [exam(one)], [near, same])) == ("exam and time", 52, 2)
    assert found(only([one], [exam(one)], [study(51, 5), study(52, 60)])) == ("exam and time", 51, 2)


def test_a_study_that_says_no_examination_is_not_put_behind_one_that_does():
    one, other = note(1, 0), note(2, 90)
    rows = link([one, other], [exam(one), exam(other)], [study(51, 1, procedure=None), study(52, 91)])
    assert [found(rows[f"1-RR-{n}"]) for n in (1, 2)] == [("time", 51, 2), ("exam and time", 52, 2)]


@pytest.mark.parametrize("at", [-120, 120])
def test_the_window_has_its_ends_and_no_more(at):
    one = note(1, at)
    assert found(only([one], [exam(one)], [study(51, 0)]))[0] == "exam and time"
    later = note(1, at + (1 if at > 0 else -1))
    assert found(only([later], [exam(later)], [study(51, 0)])) == ("none", None, 0)


def test_one_study_has_one_report():
    near, far = note(1, 5), note(2, 20)
    rows = link([far, near], [exam(near), exam(far)], [study(51, 0)])
    assert found(rows["1-RR-1"]) == ("exam and time", 51, 1)
    assert found(rows["1-RR-2"]) == ("none", None, 1)


def test_two_reports_and_two_studies_in_one_hour_find_each_other():
    first, second = note(1, 2), note(2, 32)
    rows = link([first, second], [exam(first), exam(second)], [study(51, 0), study(52, 30)])
    assert [found(rows[f"1-RR-{n}"]) for n in (1, 2)] == [("exam and time", 51, 2), ("exam and time", 52, 2)]


def test_ties_go_to_the_smallest_numbers():
    one, other = note(1, 0), note(2, 0)
    for studies in ([study(51, 10), study(52, -10)], [study(52, -10), study(51, 10)]):
        assert found(only([one], [exam(one)], studies)) == ("exam and time", 51, 2)
    rows = link([other, one], [exam(one), exam(other)], [study(51, 0)])
    assert (rows["1-RR-1"]["study_id"], rows["1-RR-2"]["study_id"]) == (51, None)


@pytest.mark.parametrize(
    "name",
    ["CT CHEST W/CONTRAST", "CTA CHEST", "MR CHEST", "CHEST U.S.", "CHEST FLUOROSCOPY", "ABDOMEN (SUPINE)",
     "CT-GUIDED CHEST BIOPSY", "CHEST TUBE DRAINAGE", "LUNG SCAN (CHEST)"],
)  # fmt: skip
def test_another_examination_is_never_linked_by_time(name):
    one = note(1, 0)
    assert found(only([one], [exam(one, name)], [study(51, 0)])) == ("not a chest X-ray", None, 0)


@pytest.mark.parametrize(
    "name", [PORTABLE, "CHEST (PRE-OP PA & LAT)", "CHEST PORT. LINE PLACEMENT", "DX CHEST & RIBS", "TRAUMA (AP CXR)"]
)
def test_a_plain_chest_xray_is_known_by_its_name(name):
    assert pl.select(rules.is_chest_xray(pl.lit(name))).item()


def test_a_report_of_several_examinations_counts_if_one_is_a_chest_xray():
    one = note(1, 0)
    names = [detail(one, "exam_name", "PORTABLE ABDOMEN", 1), detail(one, "exam_name", PORTABLE, 2)]
    row = only([one], names, [study(51, 0)])
    assert (row["exam"], row["study_id"]) == (f"PORTABLE ABDOMEN|{PORTABLE}", 51)


def test_without_a_detail_the_heading_names_the_examination():
    row = only([note(1, 0, WORDS)], (), [study(51, 0)])
    assert (row["exam"], *found(row)) == (PORTABLE, "exam and time", 51, 1)
    assert found(only([note(1, 0, "No heading.")], (), [study(51, 0)]))[0] == "not a chest X-ray"


def test_the_words_of_the_study_s_own_report_come_before_time_and_examination():
    one = note(1, 0, WORDS)
    theirs = f"                FINAL REPORT\n {WORDS.replace(chr(10), ' ').replace('___', '____')}  "
    far = study(52, 60 * 24 * 30, UPRIGHT)
    row = only([one], [exam(one)], [study(51, 0), far], [file(52, theirs), file(51, "Another report altogether.")])
    assert found(row) == ("same text", 52, 1)
    assert row["offset_minutes"] == -60 * 24 * 30


def test_words_tell_even_where_the_study_has_no_time_or_the_note_no_examination():
    one = note(1, 0, WORDS.partition("\n")[2])
    row = only([one], [], [study(51, None)], [file(51, one["text"])])
    assert (*found(row), row["offset_minutes"]) == ("same text", 51, 1, None)


def test_of_studies_with_the_same_words_the_nearest_is_taken():
    one = note(1, 0, WORDS)
    files = [file(51, WORDS), file(52, WORDS)]
    assert found(only([one], [], [study(51, 600), study(52, 300)], files)) == ("same text", 52, 2)


def test_a_few_words_prove_nothing():
    one = note(1, 0, "No change.")
    assert found(only([one], [], [study(51, 0)], [file(51, "No change.")]))[0] == "not a chest X-ray"


def test_a_study_that_has_its_report_by_its_words_is_out_of_reach_of_time():
    told, other = note(1, 30, WORDS), note(2, 0)
    rows = link([told, other], [exam(told), exam(other)], [study(51, 0)], [file(51, WORDS)])
    assert rows["1-RR-1"]["match_type"] == "same text"
    assert found(rows["1-RR-2"]) == ("none", None, 0)


def test_an_addendum_follows_its_report():
    one, more = note(1, 0), note(2, 300, kind="AR")
    parent = detail(more, "parent_note_id", "1-RR-1")
    rows = link([one, more], [exam(one), exam(more), parent], [study(51, 0), study(52, 300)])
    assert (*found(rows["1-AR-2"]), rows["1-AR-2"]["offset_minutes"]) == ("addendum", 51, 1, 300.0)


def test_an_addendum_without_its_report_is_about_nothing_known():
    more = note(2, 0, kind="AR")
    assert found(only([more], [exam(more)], [study(51, 0)])) == ("none", None, 0)
    parent = detail(more, "parent_note_id", "2-RR-1")
    rows = link([more, note(1, 0, subject=2)], [exam(more), parent], [study(51, 0)])
    assert rows["1-AR-2"]["study_id"] is None  # the report is another patient's


def test_another_patient_s_study_is_none():
    one = note(1, 0, WORDS)
    rows = only([one], [exam(one)], [study(51, 0, subject=2)], [file(51, WORDS, subject=2)])
    assert found(rows) == ("none", None, 0)


times = st.integers(-200, 200)
notes = st.lists(
    st.tuples(st.integers(1, 2), times, st.sampled_from([PORTABLE, UPRIGHT, "CT CHEST", None])), max_size=6
)
taken = st.lists(
    st.tuples(st.integers(1, 2), st.none() | times, st.sampled_from([PORTABLE, UPRIGHT, None])), max_size=6
)


@settings(max_examples=40)
@given(notes, taken, st.randoms(use_true_random=False))
def test_whatever_the_notes(written, made, random):
    rows = [note(n, at, subject=s) for n, (s, at, _) in enumerate(written)]
    details = [exam(row, name) for row, (_, _, name) in zip(rows, written, strict=True) if name]
    studies = [study(50 + n, at, name, subject) for n, (subject, at, name) in enumerate(made)]
    links = link(rows, details, studies)
    shuffled = (random.sample(part, len(part)) for part in (rows, details, studies))
    assert link(*shuffled) == links  # the order of rows decides nothing

    owners = {s["study_id"]: s["subject_id"] for s in studies}
    linked = [row for row in links.values() if row["study_id"] is not None]
    assert len({row["study_id"] for row in linked}) == len(linked)  # a study has one report
    for row in linked:
        assert owners[row["study_id"]] == row["subject_id"]  # never crosses patients
        assert abs(row["offset_minutes"]) <= 120
        assert row["n_candidates"] >= 1
    names = {row["note_id"]: name for row, (_, _, name) in zip(rows, written, strict=True)}

    def place(row, other):  # how far a note and a study of one patient are from one another; None: out of reach
        if row["subject_id"] != other["subject_id"] or other["study_time"] is None:
            return None
        distance = abs(other["study_time"] - row["charttime"])
        chest = names[row["note_id"]] in (PORTABLE, UPRIGHT)
        differs = other["procedure"] not in (None, names[row["note_id"]])
        return (differs, distance) if chest and distance <= rules.WITHIN else None

    for row in links.values():
        assert (row["study_id"] is None) == (row["match_type"] in ("none", "not a chest X-ray"))
        near = [(*place(row, s), s["study_id"]) for s in studies if place(row, s)]
        assert row["n_candidates"] == len(near)
        if near:  # linked to its best study, unless that one has a better report
            *reach, best = min(near)
            of_best = next(s for s in studies if s["study_id"] == best)
            better = min((*place(other, of_best), other["note_id"]) for other in rows if place(other, of_best))
            assert row["study_id"] == (best if better == (*reach, row["note_id"]) else None)
