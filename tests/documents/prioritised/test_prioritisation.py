import datetime as dt
import re

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.prioritised.note_profiles import (
    GENERAL,
    ONCOLOGY,
    Profile,
    Rule,
    Trigger,
)
from clinical_assets.documents.prioritised.prioritisation import NOTE_SCHEMA, Prioritised, prioritise
from clinical_assets.documents.prioritised.site_profiles import profile_from, profile_named

EVENT_SCHEMA = {
    "event_id": pl.String,
    "patient_id": pl.String,
    "event_type": pl.String,
    "event_subtype": pl.String,
    "start_date": pl.Date,
    "start_time": pl.Datetime("us"),
    "end_date": pl.Date,
    "end_time": pl.Datetime("us"),
}
DAY = dt.date(2020, 3, 10)


def moment(at):
    if at is None:
        return None, None
    if isinstance(at, dt.datetime):
        return at.date(), at
    return at, None


def day(offset: int, hour: int | None = None):
    date = DAY + dt.timedelta(days=offset)
    return date if hour is None else dt.datetime.combine(date, dt.time(hour))


def notes(*rows) -> pl.DataFrame:
    """Rows of (document id, moment[, type[, patient]])."""
    made = []
    for document_id, at, *rest in rows:
        kind, patient, *_ = [*rest, "Oncology progress note", "p1"][:2] if len(rest) == 0 else [*rest, "p1"][:2]
        made.append((document_id, patient, *moment(at), kind, None, None))
    return pl.DataFrame(made, schema=NOTE_SCHEMA, orient="row")


def events(*rows) -> pl.DataFrame:
    """Rows of (event id, type, start[, end[, subtype[, patient]]])."""
    made = []
    for event_id, kind, start, *rest in rows:
        end, subtype, patient = (*rest, *(None, None, "p1")[len(rest) :])
        made.append((event_id, patient, kind, subtype, *moment(start), *moment(end)))
    return pl.DataFrame(made, schema=EVENT_SCHEMA, orient="row")


def why(result: Prioritised) -> dict[str, list[str]]:
    return {row["document_id"]: row["reasons"] for row in result.kept.iter_rows(named=True)}


NO_FINAL = Profile("test", ONCOLOGY.rules, "exclude", ONCOLOGY.triggers, keep_final_note=False)


def post_surgery(surgery, *rows) -> list[str]:
    return list(why(prioritise(notes(*rows), events(("s", "surgery", surgery)), NO_FINAL)))


@pytest.mark.parametrize(
    ("surgery", "rows", "kept"),
    [
        # the same day
        (day(0), [("a", day(0))], ["a"]),
        (day(0), [("a", day(0, 7))], ["a"]),
        (day(0, 14), [("a", day(0))], ["a"]),
        (day(0, 14), [("before", day(0, 7)), ("after", day(0, 18))], ["after"]),
        (day(0, 14), [("at once", day(0, 14))], ["at once"]),
        (day(0, 14), [("before", day(0, 7))], []),
        (day(0, 14), [("undated", day(0)), ("after", day(0, 18))], ["after"]),
        (day(0, 14), [("undated", day(0)), ("tomorrow", day(1, 8))], ["undated"]),
        (day(0), [("morning", day(0, 7)), ("evening", day(0, 20)), ("tomorrow", day(1))], ["evening"]),
        # the window
        (day(0), [("a", day(7)), ("b", day(8))], ["a"]),
        (day(0, 23), [("a", day(7, 23))], ["a"]),
        (day(0), [("b", day(8))], []),
        (day(0), [("yesterday", day(-1))], []),
        # the first after
        (day(0), [("third", day(3)), ("second", day(2, 23)), ("later", day(2))], ["second"]),
        (None, [("a", day(0))], []),
    ],
)
def test_the_first_note_after_surgery(surgery, rows, kept):
    assert post_surgery(surgery, *rows) == kept


@pytest.mark.parametrize(
    ("start", "rows", "pre", "post"),
    [
        (day(0), [("a", day(-7)), ("b", day(-3)), ("c", day(4)), ("d", day(5))], "b", "c"),
        (day(0), [("a", day(-8)), ("d", day(8))], None, None),
        (day(0), [("same", day(0))], "same", "same"),
        (day(0, 12), [("am", day(0, 9)), ("pm", day(0, 15))], "am", "pm"),
        (day(0, 12), [("am", day(0, 9)), ("dawn", day(0, 5)), ("pm", day(0, 15)), ("night", day(0, 22))], "am", "pm"),
        (day(0), [("am", day(0, 9)), ("pm", day(0, 15))], "am", "pm"),
        (day(0), [("a", day(-2, 9)), ("b", day(-2, 18))], "b", None),
    ],
)
def test_the_notes_around_a_change_of_medication(start, rows, pre, post):
    medication = events(("m", "medication", start, None, "antineoplastic"))
    reasons = prioritise(notes(*rows), medication, NO_FINAL).reasons
    got = dict(reasons.select("reason", "document_id").iter_rows())
    assert (got.get("pre_medication_change"), got.get("post_medication_change")) == (pre, post)


def test_a_stop_is_a_change_too_and_both_are_counted():
    course = events(("m", "medication", day(0), day(30), "antineoplastic"))
    result = prioritise(notes(("a", day(1)), ("b", day(29)), ("c", day(31))), course, NO_FINAL)
    assert why(result) == {
        "a": ["post_medication_change"],
        "b": ["pre_medication_change"],
        "c": ["post_medication_change"],
    }
    assert (result.reduction.triggers, result.reduction.triggers_with_note) == (4, 3)


def test_only_treatment_triggers_in_oncology_and_what_nobody_classified():
    around = notes(("a", day(1)))
    for subtype, kept in (("antineoplastic", 1), ("other", 0), (None, 1)):
        assert prioritise(around, events(("m", "medication", day(0), None, subtype)), NO_FINAL).kept.height == kept
    general = Profile("g", GENERAL.rules, "include", GENERAL.triggers, keep_final_note=False)
    assert prioritise(around, events(("m", "medication", day(0), None, "other")), general).kept.height == 1


def test_one_note_may_have_several_reasons_and_says_how_far_it_is():
    result = prioritise(
        notes(("a", day(2)), ("b", day(40))), events(("s", "surgery", day(0)), ("i", "imaging", day(1, 9))), ONCOLOGY
    )
    assert why(result) == {"a": ["post_imaging", "post_surgery"], "b": ["final_note"]}
    rows = result.reasons.select("document_id", "reason", "event_id", "days", "order_known").rows()
    assert rows == [
        ("a", "post_imaging", "i", 1, True),
        ("a", "post_surgery", "s", 2, True),
        ("b", "final_note", None, None, True),
    ]


def test_a_note_whose_order_on_the_day_is_unknown_says_so():
    result = prioritise(notes(("a", day(0))), events(("s", "surgery", day(0, 14))), NO_FINAL)
    assert result.reasons["order_known"].to_list() == [False]


def test_patients_do_not_mix():
    result = prioritise(
        notes(("a", day(1), "oncology", "p1"), ("b", day(1), "oncology", "p2")),
        events(("s", "surgery", day(0), None, None, "p2")),
        NO_FINAL,
    )
    assert list(why(result)) == ["b"]


def test_the_final_note_is_the_last_relevant_one():
    result = prioritise(
        notes(("a", day(1, 9)), ("b", day(1, 17)), ("c", day(1)), ("d", day(5), "Telephone encounter")), events()
    )
    assert why(result) == {"b": ["final_note"]}


def test_duplicates_and_undated_notes_are_counted_not_kept():
    result = prioritise(notes(("a", day(0)), ("a", day(1)), ("b", None)), events(("s", "surgery", day(0))))
    assert why(result) == {"a": ["final_note", "post_surgery"]}
    assert result.kept["note_date"].to_list() == [day(1)]
    counts = result.reduction
    assert (counts.notes, counts.duplicates, counts.undated, counts.kept) == (2, 1, 1, 1)


def test_further_columns_are_carried_along():
    extra = notes(("a", day(0))).with_columns(pl.lit("s3://x").alias("uri"))
    assert prioritise(extra, events()).kept["uri"].to_list() == ["s3://x"]


def judged(profile: Profile, *kinds: str | None) -> list[tuple[bool, str]]:
    frame = notes(*((f"{i:02}", day(0), kind) for i, kind in enumerate(kinds)))
    return [(r, rule) for _, r, rule in prioritise(frame, events(), profile).judged.sort("document_id").iter_rows()]


@pytest.mark.parametrize(
    ("kind", "relevant", "rule"),
    [
        ("Neuro-Oncology Progress Note", True, "include: oncology"),
        ("ONCOLOGY TELEPHONE ENCOUNTER", False, "exclude: administrative"),
        ("Oncology Nursing Note", False, "exclude: allied care"),
        ("Brief Op Note", True, "include: surgery"),
        ("Post-operative check", True, "include: surgery"),
        ("MR BRAIN W WO CONTRAST", True, "include: reports"),
        ("Surgical Pathology", True, "include: surgery"),
        ("H&P", True, "include: physician notes"),
        ("Child Life", False, "exclude: allied care"),
        ("Dermatology clinic", False, "exclude: default"),
        ("Mammography", False, "exclude: default"),
        (None, False, "exclude: default"),
    ],
)
def test_relevance_for_oncology(kind, relevant, rule):
    assert judged(ONCOLOGY, kind) == [(relevant, rule)]


def test_the_general_profile_keeps_mimic_notes_and_by_default():
    got = judged(GENERAL, "DS", "RR", "Dermatology clinic", "Telephone encounter", None)
    assert [relevant for relevant, _ in got] == [True, True, True, False, True]


def test_the_reduction_says_where_every_note_went():
    kinds = ["Oncology progress note", "Telephone encounter", "Nursing note", "Dermatology clinic"]
    rows = [(f"{kind} {i}", day(i), kind) for kind in kinds for i in range(50)]
    surgeries = events(("s1", "surgery", day(3)), ("s2", "surgery", day(20)), ("s3", "surgery", day(300)))
    result = prioritise(notes(*rows), surgeries).reduction
    assert (result.notes, result.relevant, result.kept) == (200, 50, 3)
    assert (result.triggers, result.triggers_with_note) == (3, 2)
    assert result.by_reason == {"final_note": 1, "post_surgery": 2}
    assert result.by_rule == {
        "exclude: administrative": 50,
        "exclude: allied care": 50,
        "exclude: default": 50,
        "include: oncology": 50,
    }
    assert result.share_kept == 0.015


def test_a_missing_or_mistyped_column_is_named():
    with pytest.raises(ValueError, match=r"notes: .*note_date \(Date, found String\)"):
        prioritise(notes(("a", day(0))).with_columns(pl.col("note_date").cast(pl.String)), events())
    with pytest.raises(ValueError, match=r"events: .*event_subtype \(missing"):
        prioritise(notes(("a", day(0))), events().drop("event_subtype"))


def test_a_site_changes_the_profile_in_yaml():
    written = """
    name: children's
    base: oncology
    window_days: 3
    extra_rules:
      - {name: survivorship, verdict: include, terms: [survivorship*, late effects]}
    triggers:
      - {event_type: radiation, edge: end, direction: after, reason: post_radiation}
    """
    profile = profile_from(yaml.safe_load(written))
    assert (profile.name, profile.window_days, profile.default) == ("children's", 3, "exclude")
    assert profile.triggers == (Trigger("radiation", "end", "after", "post_radiation"),)
    assert judged(profile, "Late-Effects clinic") == [(True, "include: survivorship")]
    radiation = events(("r", "radiation", day(-40), day(0)))
    assert why(prioritise(notes(("a", day(3)), ("b", day(9))), radiation, profile)) == {
        "a": ["post_radiation"],
        "b": ["final_note"],
    }


@pytest.mark.parametrize(
    ("settings_", "complaint"),
    [
        ({"windows": 3}, "unknown keys ['windows']"),
        ({"base": "cardiology"}, "no base profile 'cardiology'"),
        ({"window_days": "7"}, "whole number of days, found '7'"),
        ({"default": "maybe"}, "one of ('include', 'exclude'), found 'maybe'"),
        ({"rules": [{"name": "x", "verdict": "include"}]}, "a rule has name, verdict and terms"),
        ({"triggers": [{"event_type": "x", "edge": "start", "direction": "around", "reason": "r"}]}, "found 'around'"),
    ],
)
def test_a_wrong_profile_is_refused_with_what_would_be_right(settings_, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        profile_from(settings_)


def test_a_profile_is_named_or_a_file(tmp_path):
    assert profile_named("general") is GENERAL
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: mine\nwindow_days: 3\n")
    assert (profile_named(str(mine)).name, profile_named(str(mine)).window_days) == ("mine", 3)


@pytest.mark.parametrize(
    ("named", "written", "complaint"),
    [
        ("a.yaml", "triggers: [{event_type: surgery, edge: end, direction: after, reason: r, kinds: note}]", "a list"),
        ("a.yaml", "triggers: [{event_type: other, edge: end, direction: after, reason: r, kinds: [x]}]", "found 'x'"),
        ("a.yaml", "rules: [{name: n, verdict: include, terms: t, kind: letter}]", "found 'letter'"),
        ("cardiology", None, "no profile 'cardiology'; there are ['general', 'oncology']"),
        ("missing.yaml", None, "expected YAML in"),
        ("a.yaml", "{", "expected YAML in"),
        ("a.yaml", "- oncology", "expected a mapping in"),
        ("a.yaml", "window_days: -1", "whole number of days, found -1 (in "),
        (
            "a.yaml",
            "triggers: [{event_type: surgeries, edge: start, direction: after, reason: r}]",
            "event_type must be",
        ),
        (
            "a.yaml",
            "triggers: [{event_type: surgery, edge: start, direction: after, reason: r, subtypes: x}]",
            "a list",
        ),
    ],
)
def test_a_profile_that_is_none_is_refused_with_those_there_are(tmp_path, named, written, complaint):
    if written is not None:
        (tmp_path / named).write_text(written)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        profile_named(str(tmp_path / named) if named.endswith(".yaml") else named)


def test_every_trigger_says_what_it_chose_or_that_it_found_nothing():
    surgeries = events(("found", "surgery", day(0)), ("alone", "surgery", day(30, 9)))
    result = prioritise(notes(("a", day(2))), surgeries)
    columns = ("event_id", "kind", "document_id", "days", "order_known", "event_date", "event_time")
    assert result.triggers.sort("event_date", "kind").select(columns).rows() == [
        ("found", "note", "a", 2, True, day(0), None),
        ("found", "operative", None, None, None, day(0), None),
        ("found", "pathology", None, None, None, day(0), None),
        *(("alone", kind, None, None, None, day(30), day(30, 9)) for kind in ("note", "operative", "pathology")),
    ]
    assert (result.reduction.triggers, result.reduction.triggers_with_note) == (2, 1)


def test_a_report_does_not_take_the_place_of_the_note():
    written = notes(("report", day(0, 11), "MRI Brain"), ("later report", day(1), "MRI Brain"), ("visit", day(3)))
    kept = prioritise(written, events(("i", "imaging", day(0, 9))), NO_FINAL).kept
    assert kept.select("document_id", "kind", "reasons").rows() == [
        ("report", "imaging", ["post_imaging"]),
        ("visit", "note", ["post_imaging"]),
    ]


def test_after_surgery_the_operative_report_and_pathology_are_kept_beside_the_note():
    written = notes(
        ("operation", day(0, 12), "Operative Report"), ("mri", day(1), "MRI Brain"), ("visit", day(2)),
        ("pathology", day(5), "Surgical Pathology Report"), ("late", day(8), "Surgical Pathology Report"),
    )  # fmt: skip
    assert list(why(prioritise(written, events(("s", "surgery", day(0, 8))), NO_FINAL))) == [
        "operation", "visit", "pathology"
    ]  # fmt: skip


def test_medication_changes_choose_notes_only():
    written = notes(("report", day(1), "MRI Brain"), ("visit", day(2)))
    medication = events(("m", "medication", day(0), None, "antineoplastic"))
    assert list(why(prioritise(written, medication, NO_FINAL))) == ["visit"]


def test_the_last_note_is_final_and_a_report_where_there_is_no_note():
    written = notes(("visit", day(1)), ("report", day(5), "MRI Brain"), ("other", day(5), "MRI Brain", "p2"))
    assert why(prioritise(written, events())) == {"visit": ["final_note"], "other": ["final_note"]}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Operative Report", "operative"), ("Brief Op Note", "operative"), ("Surgical Pathology Report", "pathology"),
        ("MRI Brain", "imaging"), ("Radiology report", "imaging"), ("Neurosurgery progress note", "note"),
        ("Cytology", "pathology"),
        ("Post-operative check", "note"), ("Neuro-Oncology Progress Note", "note"), ("Discharge Summary", "note"),
        ("Consult Note", "note"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("profile", [ONCOLOGY, GENERAL])
def test_reports_are_told_from_notes(kind, expected, profile):
    assert prioritise(notes(("a", day(0), kind)), events(), profile).kept["kind"].to_list() == [expected]


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 23)), min_size=1, max_size=8),
    st.integers(-20, 20),
    st.integers(0, 10),
)
@settings(max_examples=60, deadline=None)
def test_a_window_reaches_as_far_back_as_it_reaches_forward(at, event, window):
    around = Profile(
        "around", (), "include", window_days=window, keep_final_note=False,
        triggers=(Trigger("surgery", "start", "after", "after"), Trigger("surgery", "start", "before", "before")),
    )  # fmt: skip

    def found(sign: int) -> dict[str, int]:
        # Time runs backwards: what lay before the event lies after it.
        written = notes(*((str(i), day(sign * offset)) for i, (offset, _) in enumerate(at)))
        reasons = prioritise(written, events(("s", "surgery", day(sign * event))), around).reasons
        return dict(reasons.select("reason", pl.col("days").abs()).iter_rows())

    forward, backward = found(1), found(-1)
    assert forward == {{"after": "before", "before": "after"}[reason]: days for reason, days in backward.items()}
    assert all(days <= window for days in forward.values())
    offsets = [offset - event for offset, _ in at]
    assert ("after" in forward) == any(0 <= offset <= window for offset in offsets)


MOMENTS = st.tuples(st.integers(-10, 10), st.none() | st.integers(0, 23)).map(lambda at: day(*at))
SMALL = Profile(
    "small",
    (Rule("no", "exclude", "nursing"),),
    "include",
    (Trigger("surgery", "start", "after", "post_surgery"), Trigger("surgery", "start", "before", "pre_surgery")),
    window_days=4,
)


def could_be(note, event, direction) -> bool:
    """The rule, said once more without frames: within the window, and not known to be on the wrong side."""
    (note_date, note_time), (event_date, event_time) = moment(note), moment(event)
    days = (note_date - event_date).days * (1 if direction == "after" else -1)
    if not 0 <= days <= SMALL.window_days:
        return False
    if days or note_time is None or event_time is None:
        return True
    return note_time >= event_time if direction == "after" else note_time <= event_time


@given(
    st.lists(st.tuples(MOMENTS, st.sampled_from(["progress", "nursing"]), st.sampled_from(["p1", "p2"])), max_size=12),
    st.lists(st.tuples(MOMENTS, st.sampled_from(["p1", "p2"])), max_size=4),
)
@settings(max_examples=80, deadline=None)
def test_every_trigger_finds_the_nearest_note_that_could_be_its_own(note_rows, event_rows):
    written = {f"n{i}": row for i, row in enumerate(note_rows)}
    happened = {f"e{i}": row for i, row in enumerate(event_rows)}
    result = prioritise(
        notes(*((key, *row) for key, row in written.items())),
        events(*((key, "surgery", at, None, None, who) for key, (at, who) in happened.items())),
        SMALL,
    )
    chosen = {(e, r): d for d, r, e in result.reasons.select("document_id", "reason", "event_id").iter_rows() if e}
    for key, (at, who) in happened.items():
        for direction, reason in (("after", "post_surgery"), ("before", "pre_surgery")):
            could = {
                k: abs((moment(n)[0] - moment(at)[0]).days)
                for k, (n, kind, patient) in written.items()
                if kind == "progress" and patient == who and could_be(n, at, direction)
            }
            got = chosen.get((key, reason))
            assert (got is None) == (not could)
            if got:
                assert could[got] == min(could.values())
    kept = set(result.kept["document_id"])
    assert kept == set(result.reasons["document_id"])
    assert all(written[k][1] == "progress" for k in kept)
    assert result.kept["reasons"].list.len().min() in (None, *range(1, 4))
