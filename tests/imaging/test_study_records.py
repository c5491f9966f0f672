"""Study records join without multiplying; what a patient's folder holds."""

import csv
import json
from datetime import datetime, timedelta

import polars as pl
import pytest

from clinical_assets.imaging import clinical_context, known_before, labels, linkage, splits, studies
from clinical_assets.imaging.patient_folders import Tables, write_patient_folders
from clinical_assets.imaging.reflacx_tables import REFLACX_ANNOTATIONS
from clinical_assets.imaging.report_tables import CXR_REPORTS, REPORT_LINKS
from clinical_assets.imaging.study_records import STUDY_RECORDS, study_records
from clinical_assets.imaging.study_reports import study_reports
from clinical_assets.imaging.tables import CONTEXT_LABS
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.stays.splits import patient_splits
from clinical_assets.stays.tables import ED_STAYS, HOSPITAL_STAYS, ICU_STAYS

TAKEN = datetime(2150, 5, 6, 8, 5, 56)
IN_ED, OUTSIDE, TWO_SIDED = (10000001, 51), (10000001, 52), (10000002, 53)


def frame(table, *records):
    table = RELEASE[f"mimic/{table}"] if isinstance(table, str) else table
    return pl.DataFrame(list(records), table.polars_schema).lazy()


def image(dicom, study, view="AP", time="80556"):
    date = 21500506 if study != OUTSIDE else 21490101
    return {
        "dicom_id": dicom,
        "subject_id": study[0],
        "study_id": study[1],
        "ViewPosition": view,
        "StudyDate": date,
        "StudyTime": time,
    }


IMAGES = (
    image("b", IN_ED, "LATERAL"),
    image("a", IN_ED, "PA", "80600"),
    image("c", OUTSIDE),
    image("d", TWO_SIDED),
    image("e", TWO_SIDED),
)
PARTS = {"a": "train", "b": "train", "c": "train", "d": "train", "e": "test"}


@pytest.fixture(scope="module")
def tables():
    metadata = frame("cxr/metadata", *IMAGES)
    split = frame(
        "cxr/split",
        *(
            {
                "dicom_id": i["dicom_id"],
                "subject_id": i["subject_id"],
                "study_id": i["study_id"],
                "split": PARTS[i["dicom_id"]],
            }
            for i in IMAGES
        ),
    )
    images = studies.cxr_images(metadata, split)
    taken = studies.cxr_studies(images)
    ed = frame(
        ED_STAYS,
        {
            "subject_id": 10000001,
            "stay_id": 31,
            "intime": TAKEN - timedelta(hours=2),
            "outtime": TAKEN + timedelta(hours=2),
            "admission_found": False,
        },
    )
    hospital = frame(
        HOSPITAL_STAYS,
        {
            "subject_id": 10000001,
            "hadm_id": 9,
            "admittime": TAKEN - timedelta(days=9),
            "dischtime": TAKEN - timedelta(days=8),
        },
    )
    links = linkage.cxr_stay_links(taken, ed, frame(ICU_STAYS), hospital)
    lab = {
        "subject_id": 10000001,
        "labevent_id": 1,
        "itemid": 50912,
        "charttime": TAKEN - timedelta(hours=1),
        "storetime": TAKEN - timedelta(minutes=5),
        "value": "1.5",
        "valuenum": 1.5,
        "valueuom": "mg/dL",
    }
    labevents = frame("hosp/labevents", lab)
    drug = {
        "subject_id": 10000001,
        "hadm_id": 9,
        "pharmacy_id": 1,
        "drug_type": "MAIN",
        "drug": "Vancomycin",
        "route": "IV",
        "starttime": TAKEN - timedelta(hours=1),
        "stoptime": TAKEN + timedelta(days=1),
    }
    medications = known_before.context_medications(
        links, frame("hosp/prescriptions", drug), frame("hosp/poe"), hospital
    )
    diagnoses = known_before.context_diagnoses(
        links,
        hospital,
        frame(
            "hosp/diagnoses_icd",
            {"subject_id": 10000001, "hadm_id": 9, "seq_num": 1, "icd_code": "4280", "icd_version": 9},
        ),
    )
    patients = frame("hosp/patients", {"subject_id": 10000001, "gender": "F", "anchor_age": 60, "anchor_year": 2150})
    triage = frame("ed/triage", {"subject_id": 10000001, "stay_id": 31, "chiefcomplaint": "Cough, Pneumonia"})
    context = clinical_context.clinical_context(
        links,
        patients,
        ed,
        triage,
        frame("ed/vitalsign"),
        frame("icu/chartevents"),
        labevents,
        hospital,
        medications,
        diagnoses,
    )
    said = {
        "subject_id": 10000001,
        "study_id": 51,
        "Edema": 1.0,
        "Support Devices": 1.0,
        "Fracture": 0.0,
        "Pneumonia": -1.0,
    }
    mentions = labels.cxr_labels(frame("cxr/chexpert", said), frame("cxr/negbio"), taken)
    sides = splits.modality_splits(patient_splits(patients), split)
    reading = {"subject_id": 10000001, "study_id": 51, "id": "P102R000001", "n_ellipses": 2}
    report = {
        "subject_id": 10000001,
        "study_id": 51,
        "file": "files/p10/p10000001/s51.txt",
        "status": "read",
        "text": "INDICATION: Cough. \n\nIMPRESSION: \n\nPulmonary edema.",
    }
    reports = study_reports(taken, frame(CXR_REPORTS, report), frame(REPORT_LINKS), frame("note/radiology"))
    records = study_records(
        taken,
        images,
        links,
        mentions,
        context,
        sides,
        frame(REFLACX_ANNOTATIONS, reading, {**reading, "id": "P102R000002"}),
        reports,
    )
    labs = known_before.context_labs(
        links, labevents, frame("hosp/d_labitems", {"itemid": 50912, "label": "Creatinine", "fluid": "Blood"})
    )
    return Tables(
        records.collect(),
        images.collect(),
        labs.select(CONTEXT_LABS.column_names).collect(),
        medications.collect(),
        diagnoses.collect(),
    )


def test_one_row_per_study_of_a_patient_with_a_split(tables):
    assert dict(tables.records.schema) == dict(STUDY_RECORDS.polars_schema)
    assert sorted(tables.records["study_id"]) == [51, 52]  # 53's patient is in two parts of the official split


def test_a_record_holds_every_part_once(tables):
    row = tables.records.filter(pl.col("study_id") == 51).row(0, named=True)
    assert (row["split"], row["n_images"], row["match_type"], row["ed_stay_id"], row["has_context"]) == (
        "train",
        2,
        "ed",
        31,
        True,
    )
    assert row["image_files"] == "files/p10/p10000001/s51/a.jpg|files/p10/p10000001/s51/b.jpg"  # frontal first
    assert (row["lab_creatinine"], row["has_antibiotic"], row["n_earlier_diagnoses"], row["age"]) == (1.5, True, 1, 60)
    assert (row["target_edema"], row["target_fracture"], row["target_pneumonia"], row["target_atelectasis"]) == (
        "positive",
        "negative",
        "uncertain",
        "not mentioned",
    )
    assert (row["target_n_positive"], row["target_positive"]) == (1, "Edema")
    assert (row["n_reflacx_readings"], row["n_reflacx_ellipses"]) == (2, 4)
    assert row["triage_complaint"] == "Cough"


def test_a_study_outside_any_stay_has_a_record_without_context_or_targets(tables):
    row = tables.records.filter(pl.col("study_id") == 52).row(0, named=True)
    assert (row["match_type"], row["has_context"], row["labelled"], row["age"]) == ("none", False, False, None)
    assert (row["target_edema"], row["target_n_positive"], row["n_reflacx_readings"]) == (None, None, 0)


def test_the_unfiltered_complaint_is_nowhere(tables):
    assert "triage_chiefcomplaint" not in tables.records.columns
    assert "pneumonia" not in tables.records.drop("target_positive").write_csv().lower().replace("target_pneumonia", "")


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_per_patient_with_an_index(tables, tmp_path):
    assert write_patient_folders(tmp_path / "export", tables) == 1
    index = read_csv(tmp_path / "export" / "index.csv")
    assert [(r["subject_id"], r["folder"], r["n_studies"], r["n_images"]) for r in index] == [
        ("10000001", "p10000001", "2", "3")
    ]
    summary = json.loads((tmp_path / "export" / "summary.json").read_text())
    assert (summary["patients"], summary["studies"], summary["patients_by_split"]) == (1, 2, {"train": 1})
    place = tmp_path / "export" / "p10000001"
    assert {p.name for p in place.iterdir()} == {
        "patient.json",
        *(f"{n}.csv" for n in ("studies", "images", "labs", "medications", "diagnoses", "timeline")),
    }
    assert len(read_csv(place / "images.csv")) == 3
    assert [r["label"] for r in read_csv(place / "labs.csv")] == ["Creatinine"]


def test_the_json_keeps_inputs_and_targets_apart(tables, tmp_path):
    write_patient_folders(tmp_path / "export", tables)
    patient = json.loads((tmp_path / "export" / "p10000001" / "patient.json").read_text())
    outside, in_ed = patient["studies"]  # in order of time
    assert outside["known_before"] is None
    assert in_ed["study_time"] == "2150-05-06T08:05:56"
    assert in_ed["known_before"]["lab_creatinine"] == 1.5
    assert in_ed["known_before"]["labs"][0]["valuenum"] == 1.5
    assert in_ed["known_before"]["earlier_diagnoses"][0]["icd_code"] == "4280"
    assert not [name for name in in_ed["known_before"] if name.startswith(("target", "label", "n_reflacx"))]
    assert in_ed["targets"]["target_edema"] == "positive"
    assert in_ed["targets"]["n_reflacx_readings"] == 2
    assert in_ed["report"]["report_text_without_findings"] == "INDICATION: Cough."
    assert outside["report"] is None
    assert "edema" not in json.dumps({**in_ed, "targets": None}).lower()


def test_the_timeline_is_in_order_and_says_when_each_event_was_known(tables, tmp_path):
    write_patient_folders(tmp_path / "export", tables)
    rows = read_csv(tmp_path / "export" / "p10000001" / "timeline.csv")
    assert [r["time"] for r in rows] == sorted(r["time"] for r in rows)
    assert [r["event"] for r in rows] == [
        "chest X-ray",
        "diagnosis billed",
        "stay begins",
        "laboratory result",
        "prescription",
        "chest X-ray",
    ]
    lab = next(r for r in rows if r["event"] == "laboratory result")
    assert lab["what"] == "Creatinine 1.5 mg/dL"
    assert lab["known_at"] > lab["time"]


def test_images_that_are_there_are_linked(tables, tmp_path):
    source = tmp_path / "cxr" / "files/p10/p10000001/s51"
    source.mkdir(parents=True)
    (source / "a.jpg").write_bytes(b"jpg")
    write_patient_folders(tmp_path / "export", tables, image_root=tmp_path / "cxr")
    (link,) = (tmp_path / "export" / "p10000001" / "images").iterdir()
    assert link.name == "s51_a_PA.jpg"
    assert link.read_bytes() == b"jpg"


def test_nothing_is_overwritten(tables, tmp_path):
    (tmp_path / "export").mkdir()
    with pytest.raises(FileExistsError, match="name another folder"):
        write_patient_folders(tmp_path / "export", tables)
    assert [p.name for p in tmp_path.iterdir()] == ["export"]


def test_only_the_owner_can_enter(tables, tmp_path):
    write_patient_folders(tmp_path / "export", tables)
    assert (tmp_path / "export").stat().st_mode & 0o077 == 0
    assert (tmp_path / "export" / "p10000001").stat().st_mode & 0o077 == 0


def test_a_number_that_is_none_is_null_in_json(tables, tmp_path):
    odd = Tables(
        tables.records.with_columns(lab_creatinine=pl.lit(float("nan"))),
        tables.images,
        tables.labs,
        tables.medications,
        tables.diagnoses,
    )
    write_patient_folders(tmp_path / "export", odd)
    patient = json.loads((tmp_path / "export" / "p10000001" / "patient.json").read_text())
    assert patient["studies"][1]["known_before"]["lab_creatinine"] is None
