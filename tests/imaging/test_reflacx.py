"""REFLACX readings: mapped by path, keyed by reading, their folders read with every fault counted."""

import polars as pl
import pytest

from clinical_assets.imaging import reflacx
from clinical_assets.imaging.reflacx_tables import REFLACX_ANNOTATIONS, REFLACX_ELLIPSES, REFLACX_LABELS
from clinical_assets.mimic.catalogue import TABLES as RELEASE

PATH = "physionet.org/files/mimic-cxr/2.0.0/files/p10/p10000032/s50414267/{}.dcm"
READING = {
    "id": "P102R009922",
    "split": "train",
    "eye_tracking_data_discarded": False,
    "image": PATH.format("aa-bb"),
    "dicom_id": "aa-bb",
    "subject_id": 10000032,
    "image_size_x": 2500,
    "image_size_y": 3000,
}


def phases(first=(), second=(), third=()):
    return [
        pl.DataFrame(
            [{**READING, **r} for r in records], RELEASE[f"mimic/reflacx/metadata_phase_{n}"].polars_schema
        ).lazy()
        for n, records in enumerate((first, second, third), 1)
    ]


@pytest.mark.parametrize(
    ("changes", "study", "mapped"),
    [
        ({}, 50414267, True),
        ({"image": "p10000032/s50414267/aa-bb.dcm"}, 50414267, True),
        ({"subject_id": 10000033}, None, False),
        ({"dicom_id": "cc-dd"}, None, False),
        ({"image": "aa-bb.dcm"}, None, False),
        ({"image": PATH.format("aa-bb") + ".jpg"}, None, False),
    ],
)
def test_the_study_is_in_the_path(changes, study, mapped):
    row = reflacx.readings(*phases([changes])).collect().row(0, named=True)
    assert (row["study_id"], row["mapped"]) == (study, mapped)


def test_five_readings_of_one_image_are_five_rows():
    five = [{"id": f"P102R00992{n}"} for n in range(5)]
    found = reflacx.readings(*phases(five, [{"id": "P202R000001"}], [{"id": "P300R000001"}])).collect()
    assert found["id"].n_unique() == 7
    assert found["dicom_id"].n_unique() == 1
    assert sorted(found["phase"]) == [1, 1, 1, 1, 1, 2, 3]


def test_each_phase_has_its_own_labels():
    first = {
        "Atelectasis": 4.0,
        "Nodule": 0.0,
        "Other": "hiatal hernia|azygos lobe",
        "Support devices": True,
        "Quality issue": False,
    }
    labels = (
        reflacx.reflacx_labels(*phases([first], [{"id": "P202R000001"}])).select(REFLACX_LABELS.column_names).collect()
    )
    assert dict(labels.schema) == dict(REFLACX_LABELS.polars_schema)
    assert labels.group_by("phase").len().sort("phase").rows() == [(1, 18), (2, 16)]
    said = {row["label"]: row for row in labels.filter(pl.col("phase") == 1).to_dicts()}
    assert (said["Atelectasis"]["certainty"], said["Atelectasis"]["present"]) == (4.0, True)
    assert (said["Nodule"]["certainty"], said["Nodule"]["present"]) == (0.0, False)
    assert said["Fibrosis"]["present"] is None  # nothing recorded is not "not seen"
    assert (said["Support devices"]["certainty"], said["Support devices"]["present"]) == (None, True)
    assert said["Quality issue"]["present"] is False
    assert (said["Other"]["present"], said["Other"]["words"]) == (True, "hiatal hernia|azygos lobe")
    assert said["Atelectasis"]["study_id"] == 50414267


FOLDER = {
    "chest_bounding_box.csv": "xmin,ymin,xmax,ymax\r\n100,200,2300,2800\r\n",
    "anomaly_location_ellipses.csv": (
        "xmin,ymin,xmax,ymax,certainty,Atelectasis,Consolidation,Support devices\r\n"
        "10,20,110,220,4,True,True,False\r\n"
        "2400,20,2600,220,,False,False,False\r\n"
    ),
    "transcription.txt": "Left basilar opacity. No pneumothorax.\r\n",
    "timestamps_transcription.csv": "word,timestamp_start_word,timestamp_end_word\r\nLeft,1.5,1.9\r\n.,9.25,9.5\r\n",
    "fixations.csv": (
        "timestamp_start_fixation,timestamp_end_fixation,x_position,y_position,pupil_area_normalized\r\n"
        "-0.250,0.250,100,,0.9\r\n"
        "0.500,1.000,,,\r\n"
    ),
}


def annotate(files, **changes):
    frames = phases([changes])
    read = {f"main_data/{READING['id']}/{name}": text for name, text in files.items()}.get
    found, drawn = reflacx.annotated(
        reflacx.readings(*frames).collect(), reflacx.reflacx_labels(*frames).collect(), read
    )
    assert dict(found.schema) == dict(REFLACX_ANNOTATIONS.polars_schema)
    assert dict(drawn.schema) == dict(REFLACX_ELLIPSES.polars_schema)
    return found.row(0, named=True), drawn.to_dicts()


def test_a_folder_read():
    row, (first, second) = annotate(FOLDER, Atelectasis=3.0, **{"Support devices": True})
    assert [row[f"chest_{edge}"] for edge in ("xmin", "ymin", "xmax", "ymax")] == [100, 200, 2300, 2800]
    assert (row["transcription"], row["n_words"], row["dictation_seconds"]) == (
        "Left basilar opacity. No pneumothorax.",
        2,
        8.0,
    )
    assert (row["n_fixations"], row["fixation_seconds"], row["first_fixation_seconds"]) == (2, 1.0, -0.25)
    assert row["mean_pupil_area"] == 0.9
    assert (row["n_ellipses"], row["n_labels_present"], row["faults"]) == (2, 2, None)
    # an earlier system kept the first label of an ellipse only
    assert (first["labels"], first["n_labels"], first["certainty"], first["inside_image"]) == (
        "Atelectasis|Consolidation",
        2,
        4,
        True,
    )
    assert (second["labels"], second["certainty"], second["inside_image"]) == (None, None, False)
    assert (first["study_id"], first["id"], [first["number"], second["number"]]) == (50414267, READING["id"], [1, 2])


def test_a_discarded_reading_has_no_gaze_and_that_is_no_fault():
    kept = {name: FOLDER[name] for name in ("chest_bounding_box.csv", "anomaly_location_ellipses.csv")}
    row, drawn = annotate(kept, eye_tracking_data_discarded=True)
    assert (row["faults"], row["n_fixations"], row["transcription"], len(drawn)) == (None, None, None, 2)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("fixations.csv", None, "fixations.csv: missing"),
        ("fixations.csv", "a,b\n1,2\n", "fixations.csv: expected columns"),
        (
            "chest_bounding_box.csv",
            "xmin,ymin,xmax,ymax\n1,2,x,4\n",
            "chest_bounding_box.csv: column xmax: expected a number",
        ),
        ("chest_bounding_box.csv", "xmin,ymin,xmax,ymax\n", "chest_bounding_box.csv: expected one box, found 0"),
        (
            "chest_bounding_box.csv",
            "xmin,ymin,xmax,ymax\n9,2,3,4\n",
            "chest_bounding_box.csv: a box ends before it begins",
        ),
        (
            "timestamps_transcription.csv",
            "word,timestamp_start_word,timestamp_end_word\nx,1\n",
            "line 2 has another number",
        ),
        ("anomaly_location_ellipses.csv", None, "anomaly_location_ellipses.csv: missing"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_fault_of_its_reading_alone(name, text, fault):
    files = {**FOLDER, name: text}
    row, _ = annotate({k: v for k, v in files.items() if v is not None})
    assert fault in row["faults"]
    assert row["id"] == READING["id"]
    assert name == "transcription.txt" or row["transcription"]


def test_a_missing_file_of_ellipses_is_not_an_image_without_anomalies():
    row, drawn = annotate({k: v for k, v in FOLDER.items() if "ellipses" not in k})
    assert row["n_ellipses"] is None
    assert drawn == []
    row, _ = annotate({**FOLDER, "anomaly_location_ellipses.csv": "xmin,ymin,xmax,ymax,certainty,Mass\n"})
    assert (row["n_ellipses"], row["faults"]) == (0, None)


def test_bytes_that_are_no_text_are_a_fault():
    def read(path):
        if path.endswith("transcription.txt"):
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid")
        return FOLDER[path.rpartition("/")[2]]

    folder = reflacx.read_folder("P102R009922", read, tracked=True, width=None, height=None)
    assert folder.faults == ["transcription.txt: not text"]


def test_studies_are_flagged_by_their_readings():
    rows = [
        {"subject_id": 1, "study_id": 5, "n_ellipses": 2},
        {"subject_id": 1, "study_id": 5, "n_ellipses": None},
        {"subject_id": 1, "study_id": None, "n_ellipses": 9},
    ]
    flags = reflacx.study_flags(pl.LazyFrame(rows)).collect()
    assert flags.rows() == [(1, 5, 2, 2)]


def test_faults_are_counted_by_kind():
    assert reflacx.fault_counts([None, "a: missing|b: x", "a: missing"]) == {"a: missing": 2, "b: x": 1}
