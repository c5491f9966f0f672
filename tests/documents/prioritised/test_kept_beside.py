"""What is kept beside the nearest note: linked documents, the profile's own specialties, visits; which scans count."""

import datetime as dt
import re
import textwrap

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.prioritised import site_profiles
from clinical_assets.documents.prioritised.note_profiles import GENERAL, ONCOLOGY, PROFILES, Regions, Rule
from clinical_assets.documents.prioritised.prioritisation import NOTE_SCHEMA, prioritise
from clinical_assets.documents.prioritised.site_profiles import profile_from
from clinical_assets.documents.timeline.event_rules import EVENT_TYPES
from clinical_assets.documents.timeline.events import EVENT_SCHEMA
from clinical_assets.documents.timeline.timeline_links import REFERENCE
from clinical_assets.documents.timeline.timeline_store import SOURCE_DOCUMENT_SCHEMA

ONCOLOGIST, DERMATOLOGIST, UNKNOWN = ("Progress Note", "Neuro-Oncology"), ("Progress Note", "Dermatology"), ("Bericht",)
WITHOUT_FINAL = profile_from({"name": "oncology", "keep_final_note": False})


def day(offset: int) -> dt.date:
    return dt.date(2150, 3, 10) + dt.timedelta(days=offset)


def notes(*rows) -> pl.DataFrame:
    """Rows of (document id, day, (type[, category]))."""
    made = [(name, "p", day(at), None, kind, None, *category, *[None] * (1 - len(category)))
            for name, at, (kind, *category) in rows]  # fmt: skip
    return pl.DataFrame(made, schema=NOTE_SCHEMA, orient="row")


def events(*rows) -> pl.DataFrame:
    """Rows of (event id, type, first day, further columns)."""
    made = [{"event_id": name, "patient_id": "p", "event_type": kind, "start_date": day(at)} | dict(*more)
            for name, kind, at, *more in rows]  # fmt: skip
    return pl.DataFrame(made, schema=EVENT_SCHEMA)


def links(*pairs: tuple[str, ...]) -> pl.DataFrame:
    """Pairs of (event id, document id[, method])."""
    made = [("p", event, document, *(method or [REFERENCE])) for event, document, *method in pairs]
    return pl.DataFrame(made, schema=SOURCE_DOCUMENT_SCHEMA, orient="row")


def why(written, happened, profile=WITHOUT_FINAL, linked=None) -> dict[str, list[str]]:
    return dict(prioritise(written, happened, profile, linked).kept.select("document_id", "reasons").iter_rows())


# --- Windows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [ONCOLOGY, GENERAL])
@pytest.mark.parametrize(
    ("kind", "at", "kept"),
    [("Surgical Pathology Report", 21, True), ("Surgical Pathology Report", 22, False),
     ("Operative Report", 7, True), ("Operative Report", 8, False)],
)  # fmt: skip
def test_pathology_may_be_signed_out_within_three_weeks_all_else_within_one(profile, kind, at, kept):
    result = prioritise(notes(("d", at, (kind,))), events(("s", "surgery", 0)), profile)
    assert result.reduction.by_reason.get("post_surgery", 0) == kept
    assert dict(result.triggers.select("kind", "window_days").iter_rows()) == {
        "note": 7, "operative": 7, "pathology": 21
    }  # fmt: skip


def test_of_triggers_that_say_the_same_the_widest_window_counts():
    said = {"event_type": "surgery", "edge": "start", "direction": "after", "reason": "r"}
    triggers = [said | {"window_days": 3}, said | {"window_days": 9}]
    profile = profile_from({"triggers": triggers, "keep_final_note": False})
    result = prioritise(notes(("d", 9, ONCOLOGIST)), events(("s", "surgery", 0)), profile)
    assert result.triggers.select("document_id", "window_days").rows() == [("d", 9)]


# --- Radiation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [WITHOUT_FINAL, profile_from({"base": "general", "keep_final_note": False})])
def test_a_course_of_radiation_is_surrounded(profile):
    written = notes(*((str(at), at, ("Progress Note", "Radiation Oncology")) for at in (-15, -13, 2, 9, 38, 44, 60)))
    course = events(("r", "radiation", 0, {"end_date": day(42)}))
    assert why(written, course, profile) == {
        "-13": ["pre_radiation"], "2": ["radiation_start"], "38": ["radiation_end"], "44": ["post_radiation"]
    }  # fmt: skip


# --- Linked documents -------------------------------------------------------------------------------------------------


def test_linked_documents_are_kept_however_many_and_however_far():
    written = notes(("near", 1, ONCOLOGIST), *((f"week {w}", 7 * w, ONCOLOGIST) for w in (2, 3, 9)))
    linked = links(*(("s", f"week {w}") for w in (2, 3, 9)), ("s", "of another patient"))
    result = prioritise(written, events(("s", "surgery", 0)), WITHOUT_FINAL, linked)
    assert dict(result.kept.select("document_id", "reasons").iter_rows()) == {
        "near": ["post_surgery"], "week 2": ["linked"], "week 3": ["linked"], "week 9": ["linked"]
    }  # fmt: skip
    assert result.reasons.filter(reason="linked")["days"].to_list() == [14, 21, 63]
    assert result.triggers.filter(kind="note").select("document_id", "reason").rows() == [("near", "post_surgery")]


def test_a_link_is_a_reason_beside_others():
    assert why(notes(("d", 1, ONCOLOGIST)), events(("s", "surgery", 0)), linked=links(("s", "d"))) == {
        "d": ["linked", "post_surgery"]
    }


@pytest.mark.parametrize(
    ("kind", "method", "kept"),
    [(UNKNOWN, REFERENCE, True), (UNKNOWN, "operative report", False), (ONCOLOGIST, "operative report", True),
     (("Nursing Note",), REFERENCE, False), (("Consent Form",), REFERENCE, False)],
)  # fmt: skip
def test_the_sources_own_word_brings_in_what_no_rule_knows_but_nothing_a_rule_excludes(kind, method, kept):
    result = prioritise(notes(("d", 30, kind)), events(("s", "surgery", 0)), WITHOUT_FINAL, links(("s", "d", method)))
    assert result.kept["document_id"].to_list() == ["d"] * kept
    assert result.reduction.relevant == kept
    if kind == UNKNOWN:
        assert result.judged["rule"].to_list() == ["include: linked" if kept else "exclude: default"]


def test_what_only_a_link_brings_in_takes_nobodys_place():
    written = notes(("unknown", 0, UNKNOWN), ("visit", 2, ONCOLOGIST))
    got = why(written, events(("s", "surgery", 0)), linked=links(("s", "unknown")))
    assert got == {"unknown": ["linked"], "visit": ["post_surgery"]}


@pytest.mark.parametrize(
    ("event", "subtype", "kept"),
    [("surgery", None, True), ("pathology", None, True), ("radiation", None, True), ("encounter", None, False),
     ("medication", "antineoplastic", True), ("medication", None, True), ("medication", "other", False)],
)  # fmt: skip
def test_links_count_to_the_events_the_profile_is_about(event, subtype, kept):
    happened = events(("e", event, 0, {"event_subtype": subtype}))
    assert why(notes(("d", 50, ONCOLOGIST)), happened, linked=links(("e", "d"))) == ({"d": ["linked"]} if kept else {})


def test_a_profile_without_links_keeps_none():
    profile = profile_from({"linked": [], "keep_final_note": False})
    assert why(notes(("d", 50, ONCOLOGIST)), events(("s", "surgery", 0)), profile, links(("s", "d"))) == {}


# --- Specialties and visits -------------------------------------------------------------------------------------------


def test_beside_another_clinics_note_the_oncologists_is_kept():
    written = notes(("skin", 1, DERMATOLOGIST), ("oncology", 5, ONCOLOGIST), ("later", 6, ONCOLOGIST))
    assert why(written, events(("i", "imaging", 0))) == {
        "skin": ["post_imaging"],
        "oncology": ["post_imaging_specialty"],
    }
    assert why(written.tail(2), events(("i", "imaging", 0))) == {"oncology": ["post_imaging"]}
    assert why(notes(("skin", 1, DERMATOLOGIST), ("late", 8, ONCOLOGIST)), events(("i", "imaging", 0))) == {
        "skin": ["post_imaging"]
    }


@pytest.mark.parametrize(
    "kind",
    [("Progress Note", "Hematology/Oncology"), ("Neurosurgery Clinic Note",), ("Progress Note", "Radiation Oncology"),
     ("Tumor Board Conference",), ("Consult Note", "Palliative Medicine"), ("Consult Note", "Haematology")],
)  # fmt: skip
def test_these_are_oncologys_specialties(kind):
    written = notes(("skin", 1, DERMATOLOGIST), ("own", 5, kind))
    profile = profile_from({"keep_final_note": False, "default": "include"})
    assert why(written, events(("i", "imaging", 0)), profile)["own"] == ["post_imaging_specialty"]


def test_beside_another_clinics_last_note_the_oncologists_last_is_kept():
    written = notes(("first", 0, ONCOLOGIST), ("last own", 9, ONCOLOGIST), ("last", 30, DERMATOLOGIST))
    assert why(written, events(), ONCOLOGY) == {"last own": ["final_note_specialty"], "last": ["final_note"]}
    assert why(written, events(), GENERAL) == {"last": ["final_note"]}


def test_beside_a_note_of_no_visit_the_nearest_visits_is_kept_where_the_source_tells():
    written = notes(("carried on", 1, ONCOLOGIST), ("visit", 3, ONCOLOGIST), ("again", 9, ONCOLOGIST))
    happened = events(("i", "imaging", 0), ("e", "encounter", 3))
    kept = {
        "carried on": ["post_imaging"],
        "visit": ["final_note_visit", "post_imaging_visit"],
        "again": ["final_note"],
    }
    assert why(written, happened, ONCOLOGY, links(("e", "visit"))) == kept
    nearest = {"carried on": ["post_imaging"], "again": ["final_note"]}
    assert why(written, happened, ONCOLOGY, links(("e", "visit", "visit note"))) == nearest
    assert why(written, happened, profile_from({"visits": False}), links(("e", "visit"))) == nearest


# --- Addenda ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [WITHOUT_FINAL, profile_from({"base": "general", "keep_final_note": False})])
def test_an_addendum_takes_nobodys_place_and_is_kept_beside(profile):
    # Filed under its summary's day, and first by its name.
    written = notes(("a", 0, ("Discharge summary addendum",)), ("b", 0, ("Discharge summary",)))
    assert why(written, events(("s", "surgery", 0)), profile) == {
        "a": ["post_surgery_addendum"], "b": ["post_surgery"]
    }  # fmt: skip
    alone = written.head(1)
    assert why(alone, events(("s", "surgery", 0)), profile) == {"a": ["post_surgery"]}
    reports = notes(("a", 0, ("Radiology report addendum",)), ("b", 0, ("Radiology report",)))
    assert why(reports, events(("i", "imaging", 0)), profile) == {
        "a": ["post_imaging_addendum"], "b": ["post_imaging"]
    }  # fmt: skip


def test_the_last_note_is_no_addendum_of_its_day():
    written = notes(("b", 0, ONCOLOGIST), ("c", 0, ("Oncology addendum",)), ("a", -9, ONCOLOGIST))
    assert why(written, events(), ONCOLOGY) == {"b": ["final_note"]}


# --- Regions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("description", "counts"),
    [("MRI brain with and without contrast", True), ("X-ray knee, 3 views", False), ("Ultrasound abdomen", False),
     ("CT chest, abdomen and pelvis for staging", True), ("MRI hippocampal protocol", True), ("MRI", True),
     ("CT chest", True), (None, True), ("US HIP", False), ("Spine survey and pelvis", True),
     ("MRI of the left femoral head", False), ("CT, neck of femur", False), ("Computerized axial tomography", True)],
)  # fmt: skip
def test_scans_of_regions_the_profile_does_not_care_about_choose_nothing(description, counts):
    happened = events(("i", "imaging", 0, {"description": description}))
    written = notes(("visit", 1, ONCOLOGIST))
    assert bool(why(written, happened)) == counts
    assert why(written, happened, profile_from({"imaging_regions": None, "keep_final_note": False}))
    assert prioritise(written, happened).elsewhere.rows() == [("p", "i")] * (not counts)
    surgery = events(("s", "surgery", 0, {"description": description}))
    assert why(written, surgery), "of imaging only"


@pytest.mark.parametrize(
    ("reports", "counts"),
    [(["X-ray Knee"], False), (["MRI Brain"], True), (["Radiology Report"], True), (["X-ray Knee", "MRI Brain"], True),
     (["X-ray Knee", "Radiology Report"], True), ([], True)],
)  # fmt: skip
def test_a_scan_that_says_no_region_is_of_its_reports_region(reports, counts):
    written = notes(("visit", 1, ONCOLOGIST), *((f"r{i}", 0, (kind,)) for i, kind in enumerate(reports)))
    linked = links(*(("i", f"r{i}") for i in range(len(reports))))
    got = why(written, events(("i", "imaging", 0)), linked=linked)
    assert ("visit" in got) == counts


def test_a_report_of_another_region_does_not_take_the_place_of_the_scans_own():
    written = notes(("knee", 0, ("X-ray Knee", "Radiology")), ("brain", 1, ("MRI Brain", "Radiology")))
    happened = events(("i", "imaging", 0, {"description": "MRI brain"}))
    assert why(written, happened, linked=links(("i", "knee", "imaging report"))) == {"brain": ["post_imaging"]}
    assert why(written, happened, linked=links(("i", "knee"))) == {"knee": ["linked"], "brain": ["post_imaging"]}


def test_a_site_may_look_for_a_part_of_a_bone():
    profile = profile_from(
        {"keep_final_note": False, "imaging_regions": {"include": ["femoral head"], "exclude": ["head"]}}
    )
    written = notes(("visit", 1, ONCOLOGIST))
    for description, counts in (("MRI of left femoral head", True), ("MRI head", False)):
        assert bool(why(written, events(("i", "imaging", 0, {"description": description})), profile)) == counts


def test_events_without_descriptions_count():
    written, happened = notes(("visit", 1, ONCOLOGIST)), events(("i", "imaging", 0)).drop("description")
    assert why(written, happened) == {"visit": ["post_imaging"]}


# --- What may be ------------------------------------------------------------------------------------------------------


def test_a_drug_that_may_be_given_for_something_else_chooses_and_the_notes_say_so():
    written = notes(("before", -1, ONCOLOGIST), ("linked", 60, ONCOLOGIST))
    happened = events(("m", "medication", 0, {"event_subtype": "possibly_antineoplastic"}))
    assert why(written, happened, linked=links(("m", "linked"))) == {
        "before": ["possibly_antineoplastic", "pre_medication_change"], "linked": ["linked", "possibly_antineoplastic"]
    }  # fmt: skip
    sure = events(("m", "medication", 0, {"event_subtype": "antineoplastic"}))
    assert why(written, sure) == {"before": ["pre_medication_change"]}
    trigger = {"event_type": "medication", "edge": "start", "direction": "before", "reason": "r"}
    steroid = profile_from(
        {"keep_final_note": False, "linked": [], "triggers": [trigger | {"subtypes": ["corticosteroid"]}]}
    )
    assert why(written, happened, steroid) == {}


def test_where_every_drug_counts_there_is_no_doubt_to_be_told():
    written = notes(("before", -1, ONCOLOGIST))
    happened = events(("m", "medication", 0, {"event_subtype": "possibly_antineoplastic"}))
    profile = profile_from({"base": "general", "keep_final_note": False})
    assert why(written, happened, profile) == {"before": ["pre_medication_change"]}


# --- Scans ------------------------------------------------------------------------------------------------------------


def told_twice(*descriptions: str | None) -> pl.DataFrame:
    """A scan told by several events, the first of which stands for it."""
    rows = [(f"e{i}", "imaging", 0, {"description": words}) for i, words in enumerate(descriptions)]
    return events(*rows).with_columns(scan_id=pl.lit("e0"))


def test_of_a_scan_told_by_several_events_one_chooses():
    written = notes(("visit", 1, ONCOLOGIST), ("report", 0, ("MRI Brain",)))
    result = prioritise(written, told_twice("MRI brain", "MR head", None), WITHOUT_FINAL)
    assert result.triggers.select("event_id", "kind", "document_id").sort("kind").rows() == [
        ("e0", "imaging", "report"), ("e0", "note", "visit")
    ]  # fmt: skip
    assert result.reduction.triggers == 1
    apart = prioritise(written, told_twice("MRI brain", "MR head", None).drop("scan_id"), WITHOUT_FINAL)
    assert apart.reduction.triggers == 3
    assert apart.kept["document_id"].to_list() == result.kept["document_id"].to_list()


@pytest.mark.parametrize(
    ("descriptions", "counts"),
    [(("X-ray", "X-ray knee"), False), (("X-ray knee", None), False), (("X-ray", None), True),
     (("MRI knee", "MRI brain"), True)],
)  # fmt: skip
def test_what_one_event_of_a_scan_says_of_its_region_holds_for_the_scan(descriptions, counts):
    written = notes(("visit", 1, ONCOLOGIST))
    assert bool(why(written, told_twice(*descriptions))) == counts


def test_a_document_linked_to_any_event_of_a_scan_is_kept():
    written = notes(("late report", 30, ("MRI Brain",)))
    assert why(written, told_twice("MRI brain", None), linked=links(("e1", "late report"))) == {
        "late report": ["linked"]
    }


# --- Whatever else is known, nothing is lost --------------------------------------------------------------------------


KINDS = [ONCOLOGIST, DERMATOLOGIST, ("MRI Brain",), UNKNOWN, ("Telephone Encounter",)]


@given(
    documents=st.lists(st.tuples(st.integers(-9, 9), st.sampled_from(KINDS)), min_size=1, max_size=6),
    happened=st.lists(st.tuples(st.sampled_from(EVENT_TYPES), st.integers(-9, 9)), min_size=1, max_size=4),
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=8, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_what_is_kept_beside_takes_nothing_away(documents, happened, pairs):
    written = notes(*((f"d{i}", at, kind) for i, (at, kind) in enumerate(documents)))
    timeline = events(*((f"e{i}", kind, at) for i, (kind, at) in enumerate(happened)))
    bare = profile_from({"specialties": "", "visits": False, "linked": []})
    least, most = (
        why(written, timeline, bare),
        why(written, timeline, ONCOLOGY, links(*((f"e{e}", f"d{d}") for e, d in pairs))),
    )
    assert all(set(reasons) <= set(most.get(document, ())) for document, reasons in least.items())
    for e, d in pairs:
        if e < len(happened) and happened[e][0] in ONCOLOGY.linked and d < len(documents):
            assert ("linked" in most.get(f"d{d}", ())) == (documents[d][1] != ("Telephone Encounter",))


# --- A site's own -----------------------------------------------------------------------------------------------------


def test_a_site_says_all_of_it_in_yaml():
    profile = profile_from(
        yaml.safe_load("""
        name: sarcoma
        kind_windows: {pathology: 28, imaging: 3}
        specialties: [Orthopedic Oncolog*, sarcoma*]
        visits: false
        linked: [surgery]
        imaging_regions: {include: [leg, knee*], exclude: brain | head}
        triggers:
          - {event_type: imaging, edge: start, direction: after, reason: r, kinds: [imaging, note], window_days: 5}
        """)
    )
    assert profile.kind_windows == (("pathology", 28), ("imaging", 3))
    assert profile.specialties == "orthopedic oncolog* | sarcoma*"
    assert (profile.visits, profile.linked) == (False, ("surgery",))
    assert profile.imaging_regions == Regions("leg | knee*", "brain | head")
    result = prioritise(notes(), events(("k", "imaging", 0, {"description": "MRI knee"}),
                                        ("b", "imaging", 0, {"description": "MRI brain"})), profile)  # fmt: skip
    assert result.triggers.select("event_id", "kind", "window_days").rows() == [("k", "imaging", 3), ("k", "note", 5)]


def test_what_a_site_does_not_say_is_its_bases():
    profile = profile_from({"name": "oncology"})
    assert profile == ONCOLOGY
    assert profile_from({"name": "general", "base": "general"}) == GENERAL


def test_the_example_beside_the_settings_is_a_profile():
    example = textwrap.dedent((site_profiles.__doc__ or "").partition("\n\n")[2])
    assert profile_from(yaml.safe_load(example)).imaging_regions == Regions(
        "leg | pelvi* | chest | whole body", "dental | mammogra*"
    )


TRIGGER = {"event_type": "surgery", "edge": "start", "direction": "after", "reason": "r"}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"kind_windows": {"letter": 3}}, "kind_windows must be one of"),
        ({"kind_windows": {"note": "3"}}, "kind_windows: note must be a whole number of days, found '3'"),
        ({"kind_windows": 21}, "days by kind"),
        ({"linked": ["surgeries"]}, "linked is a list of"),
        ({"linked": "surgery"}, "linked is a list of"),
        ({"imaging_regions": {"include": ["brain"]}}, "terms to include and to exclude"),
        ({"imaging_regions": {"include": ["brain"], "exclude": []}}, "terms to include and to exclude"),
        ({"imaging_regions": ["brain"]}, "terms to include and to exclude"),
        ({"triggers": [TRIGGER | {"window_days": -1}]}, "window_days of a trigger must be a whole number"),
    ],
)
def test_a_wrong_setting_is_refused(said, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        profile_from(said)


@pytest.mark.parametrize("profile", PROFILES.values())
def test_the_profiles_name_events_and_kinds_there_are(profile):
    assert {trigger.event_type for trigger in profile.triggers} | set(profile.linked) <= set(EVENT_TYPES)
    assert all(isinstance(rule, Rule) and rule.pattern for rule in profile.rules)
