"""One scan told by several sources is one scan, and two scans are two."""

import datetime as dt
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.timeline.events import EVENT_SCHEMA
from clinical_assets.documents.timeline.scans import MOST_HOURS, MOST_HOURS_CHARTED, regions_of, scans
from clinical_assets.documents.timeline.timeline_mimic import SOURCES, from_mimic
from clinical_assets.imaging.tables import CXR_STUDIES
from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.sample.blocks import Block
from clinical_assets.sample.cxr import radiology
from clinical_assets.sample.documents import notes
from clinical_assets.sample.hospital import told

DAY = dt.datetime(2150, 3, 10)


def event(source: str, at: float | None, words: str | None, modality: str | None = "XR", **more) -> dict:
    """An event of a source at an hour of the day, or of the day alone; `more` are further columns."""
    time = None if at is None else DAY + dt.timedelta(hours=at)
    return {"event_id": f"{source}/{at}", "patient_id": "p", "event_type": "imaging", "event_subtype": modality,
            "description": words, "start_date": (time or DAY).date(), "start_time": time} | more  # fmt: skip


def together(*rows: dict) -> list[set[str]]:
    """The scans of more than one event."""
    found = scans(pl.DataFrame(list(rows), schema=EVENT_SCHEMA))
    return [set(ids) for _, ids in found.group_by("scan_id", maintain_order=True).agg("event_id").iter_rows()
            if len(ids) > 1]  # fmt: skip


STUDY = event("cxr_studies", 4.0, "CHEST (PORTABLE AP)")
REPORT = event("radiology", 4.1, "CHEST (PORTABLE AP)")
CHART = event("procedureevents", 3.5, "Portable Chest X-Ray")
BILL = event("procedures_icd", None, "Routine chest x-ray, so described")


def test_a_study_its_report_its_chart_and_its_bill_are_one_scan():
    assert together(STUDY, REPORT, CHART, BILL) == [{e["event_id"] for e in (STUDY, REPORT, CHART, BILL)}]


def test_the_earliest_that_has_a_time_stands_for_it():
    found = scans(pl.DataFrame([BILL, STUDY, REPORT, CHART], schema=EVENT_SCHEMA))
    assert set(found["scan_id"]) == {CHART["event_id"]}
    assert found["event_id"].to_list() == sorted(e["event_id"] for e in (BILL, STUDY, REPORT, CHART))


@pytest.mark.parametrize(
    "other",
    [
        event("radiology", 4 + MOST_HOURS + 0.1, "CHEST (PORTABLE AP)"),
        event("procedureevents", 4 + MOST_HOURS_CHARTED + 0.1, "Chest X-Ray"),
        event("radiology", 4.0, "CHEST CT", "CT"),
        event("radiology", 4.0, "KNEE (2 VIEWS)"),
        event("radiology", 4.0, "CHEST", None),
        event("radiology", 4.0, "CHEST", "other"),
        event("radiology", 4.0, "Chest, guidance for placement of a line"),
        event("radiology", 4.0, "CHEST", patient_id="q"),
        event("cxr_studies", 4.1, "CHEST (PORTABLE AP)"),
        event("procedures_icd", None, "X-ray"),
        event("radiology", 4.0, "CHEST", event_type="other"),
        event("procedures_icd", None, "Chest x-ray", start_date=dt.date(2150, 3, 11)),
    ],
)
def test_what_may_be_another_scan_is_another(other):
    assert together(STUDY, other) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "one"),
    [
        ("MRI brain", "MR HEAD W/ CONTRAST", True), ("MRI brain", "MRI", True), ("MRI brain", None, True),
        ("MRI brain", "MRI lumbar spine", False), ("MRI knee left", "MRI of right knee", False),
        ("MRI knee left", "MRI of left knee", True), ("MRI knees, bilateral", "MRI of left knee", False),
        ("MRI brain", "MRI brain and cervical spine", True),
    ],
)  # fmt: skip
def test_of_regions_and_sides_that_exclude_each_other_there_are_two(mine, theirs, one):
    assert bool(together(event("ImagingStudy", 9, mine, "MR"), event("Procedure", 10, theirs, "MR"))) == one


@pytest.mark.parametrize(
    ("bill", "report", "one"),
    [
        # compUTERized: of no pelvis
        ("Computerized Tomography (CT Scan) of Chest", "CT ABD & PELVIS WITH CONTRAST", False),
        ("Computerized Tomography (CT Scan) of Chest", "CT CHEST W/CONTRAST", True),
        ("Computerized Tomography (CT Scan) of Abdomen", "CT ABD & PELVIS WITH CONTRAST", True),
        ("CT of the right femoral head", "CT HEAD W/O CONTRAST", False),
        ("CT of the neck of the femur", "CT NECK", False),
        ("CT of right femoral head", "CT RIGHT FEMUR", True),
        ("CT adrenal glands", "CT renal colic", True),  # both of the abdomen
        ("Fluoroscopy with C-arm, chest", "CT ARM", False),
        ("CT thoracic aorta", "CT THORACIC SPINE", False),
        ("CT of gall bladder", "CT BLADDER", False),
    ],
)
def test_regions_are_whole_words_and_parts_of_bones_are_the_bones(bill, report, one):
    events = event("procedures_icd", None, bill, "CT"), event("radiology", 4.0, report, "CT")
    assert bool(together(*events)) == one


NAMES = {
    "head": "head brain skull cerebral cerebellar intracranial sinuses sinus orbits facial sella pituitary paranasal",
    "neck": "neck carotid jugular", "thyroid": "thyroid parathyroid",
    "spine": "spine spinal cervical thoracic thoracolumbar lumbar sacrum",
    "chest": "chest thorax lung lungs pulmonary ribs", "heart": "heart coronary myocardium",
    "abdomen": "abdomen abdominal liver hepatobiliary gallbladder pancreas spleen kidney kidneys renal adrenal"
    " retroperitoneum digestive mesenteric",
    "pelvis": "pelvis pelvic bladder prostate uterus ovary ovaries obstetrical vagina scrotum testicle testicles",
    "arm": "shoulder clavicle humerus elbow forearm wrist wrists hand hands finger arm",
    "leg": "hip femur knee tibia fibula ankle foot toe calcaneus leg", "breast": "breast breasts",
}  # fmt: skip
"""The words of MIMIC's titles of each region, written down by hand."""
DICTIONARY = Path(__file__).parents[3] / "../shared/data/physionet/mimic-iv-demo/2.2/hosp/d_icd_procedures.csv.gz"


@pytest.mark.skipif(not DICTIONARY.exists(), reason="MIMIC-IV's dictionary of procedures is not at ../shared/data")
def test_the_regions_of_mimics_ct_and_mr_titles_are_those_its_words_name():
    titles = pl.read_csv(DICTIONARY, columns=["long_title"])["long_title"].unique().sort()
    imaging = titles.filter(titles.str.contains(r"(?i)\b(?:ct|mri?|mra)\b|tomogra|magnetic resonance"))
    assert len(imaging) >= 1000
    limbs = {r"(?i)upper extremit(?:y|ies)": "arm", r"(?i)lower extremit(?:y|ies)": "leg", "Thoracic Aorta": "Aorta"}
    read = imaging
    for words, name in limbs.items():
        read = read.str.replace_all(words, name)
    words = read.str.to_lowercase().str.extract_all(r"[a-z]+")
    named = [{region for region, own in NAMES.items() if set(own.split()) & set(said)} for said in words]
    found = pl.DataFrame({"description": imaging}).select(regions_of(pl.col("description"))).to_series()
    pairs = zip(imaging, map(set, found), named, strict=True)
    assert [title for title, got, want in pairs if got != want] == []


def test_plain_films_have_many_names():
    assert together(event("ImagingStudy", 9, "Chest", "DX"), event("Procedure", 9, "Chest x-ray", "XR"))


def test_of_two_encounters_there_are_two():
    study, report = (event(s, 9, "MRI brain", "MR", encounter_id=e) for s, e in (("ImagingStudy", "7"), ("b", "8")))
    assert together(study, report) == []
    assert together(study, report | {"encounter_id": None}) != []


def test_films_of_one_morning_go_to_their_own_reports():
    films = [event("cxr_studies", hour, "CHEST") for hour in (4, 7, 10)]
    reports = [event("radiology", hour + 0.2, "CHEST") for hour in (4, 7, 10)]
    own = [{f["event_id"], r["event_id"]} for f, r in zip(films, reports, strict=True)]
    assert sorted(map(sorted, together(*films, *reports))) == sorted(map(sorted, own))


def test_what_could_be_either_of_two_is_neither():
    films = [event("cxr_studies", hour, "CHEST") for hour in (4, 5)]
    assert together(*films, event("radiology", 4.5, "CHEST")) == []
    assert together(*films, BILL) == []


def test_three_that_are_not_one_with_one_another_stay_apart():
    chain = [event("a", 1, "CHEST"), event("b", 1.75, "CHEST"), event("c", 2.5, "CHEST")]
    assert all(together(*two) for two in pairwise(chain))
    assert together(*chain) == []


def test_a_scan_around_midnight_is_one():
    assert together(event("a", 23.5, "CHEST"), event("b", 24.5, "CHEST"))
    assert together(event("ImagingStudy", 22.5, "CHEST"), event("Procedure", 24.5, "CHEST"))


def test_a_file_of_events_is_a_source():
    assert together(event("csv/registry", 9, "CHEST"), event("csv/archive", 9.5, "CHEST"))
    assert together(event("csv/registry", 9, "CHEST"), event("csv/registry", 9.5, "CHEST")) == []


EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from(["cxr_studies", "radiology", "procedureevents", "csv/a", "csv/b"]),
        st.none() | st.sampled_from([0, 1, 1.5, 3, 5, 23, 24.5]),
        st.sampled_from([None, "CHEST", "KNEE left", "KNEE right", "SPINE AND CHEST"]),
        st.sampled_from(["XR", "DX", "CT", None]),
        patient_id=st.sampled_from(["p", "q"]),
    ),
    max_size=9,
    unique_by=lambda made: (made["patient_id"], made["event_id"]),
)


@given(EVENTS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_events_changes_nothing_nor_does_meeting_one_twice(rows, rng):
    frame = pl.DataFrame(rows, schema=EVENT_SCHEMA)
    found = scans(frame)
    rng.shuffle(rows)
    again = pl.DataFrame([*rows, *rows[:2]], schema=EVENT_SCHEMA).join(
        found, on=["patient_id", "event_id"], how="left", maintain_order="left"
    )
    assert scans(again).equals(found)
    assert scans(again.drop("description", "encounter_id")).height == found.height
    everybody = [scans(frame.filter(patient_id=who)) for who in ("p", "q")]
    assert pl.concat(everybody).equals(found), "each patient for himself"


@given(EVENTS)
@settings(max_examples=60, deadline=None)
def test_no_two_events_of_a_source_and_none_that_exclude_each_other_are_one_scan(rows):
    found = scans(pl.DataFrame(rows, schema=EVENT_SCHEMA))
    assert found["event_id"].len() == len(rows)
    by_id = {(row["patient_id"], row["event_id"]): row for row in rows}
    for (patient, scan), group in found.group_by("patient_id", "scan_id"):
        own = [by_id[patient, name] for name in group["event_id"]]
        assert scan in set(group["event_id"])
        sources = [row["event_id"].rpartition("/")[0] for row in own]
        assert len(set(sources)) == len(sources)
        if len(own) > 1:
            assert len({row["event_subtype"] or row["event_id"] for row in own} - {"DX"}) <= 1
            assert not {"KNEE left", "KNEE right"} <= {row["description"] for row in own}
            times = [row["start_time"] for row in own if row["start_time"]]
            assert not times or max(times) - min(times) <= dt.timedelta(hours=MOST_HOURS_CHARTED)


def _with_times(frame: pl.DataFrame) -> pl.DataFrame:
    """The sample's rows, whose times are seconds."""
    times = [name for name in ("charttime", "storetime") if name in frame.columns]
    return frame.with_columns(pl.from_epoch(name, time_unit="s").cast(pl.Datetime("us")) for name in times)


@pytest.fixture(scope="module")
def chest_films():
    """The timeline of the synthetic hospital's chest X-rays, and which report is of which study."""
    story = told(Block(20, 0, 40))
    taken = radiology.taken(story)
    exams = radiology.imaged(story, taken).group_by("study_id").agg(
        procedure=pl.col("ProcedureCodeSequence_CodeMeaning").first()
    )  # fmt: skip
    at = pl.from_epoch(pl.col("time"), time_unit="s").cast(pl.Datetime("us"))
    patient = pl.Series("subject_id", story.people.subject_id[story.encounters.patient[taken["encounter"].to_numpy()]])
    studies = (
        taken.with_columns(patient)
        .join(exams, on="study_id")
        .select("subject_id", "study_id", "procedure", study_time=at, last_image_time=at)
    )
    written = {path: _with_times(frame) for path, frame in notes.tables(story).items()}
    frames = {path: (CXR_STUDIES if path == CXR_STUDIES.path else TABLES[path]).empty().lazy() for path in SOURCES}
    frames |= {path: frame.lazy() for path, frame in written.items() if path in frames}
    frames[CXR_STUDIES.path] = studies.lazy()
    reports = written["mimic/note/radiology"].filter(note_type="RR")
    minute = pl.col("study_time").dt.truncate("1m")
    truth = reports.join(studies.with_columns(charttime=minute), on=["subject_id", "charttime"])
    truth = truth.filter(pl.len().over("note_id") == 1).select("note_id", "study_id")
    return from_mimic(frames).events, truth


def test_the_synthetic_hospitals_reports_find_their_studies_and_no_other(chest_films):
    events, truth = chest_films
    found = scans(events)
    pairs = found.join(found, on=["patient_id", "scan_id"]).filter(
        pl.col("event_id").str.starts_with("radiology/"), pl.col("event_id_right").str.starts_with("cxr_studies/")
    )
    joined = {(r.partition("/")[2], s.partition("/")[2]) for r, s in pairs.select("event_id", "event_id_right").rows()}
    true = {(note, str(study)) for note, study in truth.iter_rows()}
    assert len(true) >= 50
    assert joined <= true
    assert len(joined) >= 0.9 * len(true)
