"""The export of patient folders: whole or not at all, taken up where it was stopped, never another's."""

import json
import os
import signal
from datetime import datetime

import polars as pl
import pytest

from clinical_assets.imaging import patient_folders, patient_records
from clinical_assets.imaging.patient_folders import Tables, export, main
from clinical_assets.imaging.study_records import STUDY_RECORDS
from clinical_assets.imaging.tables import CONTEXT_DIAGNOSES, CONTEXT_LABS, CONTEXT_MEDICATIONS, CXR_IMAGES
from clinical_assets.stays.cohort import COHORT_MEMBERS
from resources.lake import Lake
from resources.ownership import owned_name
from resources.sharding import shard_name, shard_of

NOON = datetime(2150, 5, 6, 12)


def record(subject, split="train"):
    return {
        "subject_id": subject,
        "study_id": subject + 50_000_000,
        "split": split,
        "study_time": NOON,
        "n_images": 1,
        "has_context": False,
        "labelled": False,
        "n_reflacx_readings": 0,
    }


def image(subject):
    row = {"subject_id": subject, "study_id": subject + 50_000_000, "dicom_id": f"d{subject}"}
    return {**row, "taken_at": NOON, "time_status": "valid", "projection": "frontal", "file": f"files/{subject}.jpg"}


def part(*subjects):
    return Tables(
        pl.DataFrame([record(s) for s in subjects], STUDY_RECORDS.polars_schema),
        pl.DataFrame([image(s) for s in subjects], CXR_IMAGES.polars_schema),
        CONTEXT_LABS.empty(),
        CONTEXT_MEDICATIONS.empty(),
        CONTEXT_DIAGNOSES.empty(),
    )


def patients(folder):
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("p"))


def stopped_at(monkeypatch, subject, error):
    """Makes the writing of one patient fail half-way."""
    write = patient_records.write_json

    def write_or_fail(path, content):
        write(path, content)
        if path.parent.name == f".p{subject}":
            raise error

    monkeypatch.setattr(patient_records, "write_json", write_or_fail)


def test_parts_make_one_folder_with_one_index(tmp_path):
    told = []
    assert export(tmp_path / "out", [part(3, 1), part(2)], choice="a", tell=told.append) == 3
    assert patients(tmp_path / "out") == ["p1", "p2", "p3"]
    index = pl.read_csv(tmp_path / "out" / "index.csv")
    assert index["subject_id"].to_list() == [1, 2, 3]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["images"] == 3
    assert told == [1, 2, 3]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full")])
def test_a_failure_on_the_way_leaves_nothing_that_looks_finished(tmp_path, monkeypatch, error):
    stopped_at(monkeypatch, 2, error)
    with pytest.raises(type(error)):
        export(tmp_path / "out", [part(1, 2, 3)], choice="a")
    assert not (tmp_path / "out").exists()
    assert patients(tmp_path / ".out.unfinished") == ["p1"]


def test_a_stopped_export_is_taken_up_and_what_was_done_is_not_done_again(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stopped_at(patch, 3, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            export(tmp_path / "out", [part(1, 2, 3)], choice="a")
    made = []
    write = patient_records.write_patient
    monkeypatch.setattr(
        patient_folders, "write_patient", lambda place, *rest: (made.append(place.name), write(place, *rest))
    )
    assert export(tmp_path / "out", [part(1, 2, 3)], choice="a") == 3
    assert made == [".p3"]
    export(tmp_path / "at_once", [part(1, 2, 3)], choice="a")
    assert contents(tmp_path / "out") == contents(tmp_path / "at_once")


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_unfinished_export_of_other_rows_is_not_taken_up(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stopped_at(patch, 1, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            export(tmp_path / "out", [part(1)], choice="a")
    with pytest.raises(FileExistsError, match="unfinished export of the same tables"):
        export(tmp_path / "out", [part(1)], choice="b")
    assert not (tmp_path / "out").exists()


def test_an_export_somebody_else_is_writing_is_left_alone(tmp_path):
    place = tmp_path / ".out.unfinished"
    place.mkdir()
    machine, _, started, _ = owned_name().split("~")
    (place / "owner.txt").write_text(f"another-machine~1~{started}~0")
    with pytest.raises(FileExistsError, match="found process 1 of another-machine"):
        export(tmp_path / "out", [part(1)], choice="a")
    (place / "owner.txt").write_text(f"{machine}~{2**22 + 1}~{started}~0")  # a process that is no more
    assert export(tmp_path / "out", [part(1)], choice="a") == 1


KILLED = """
import os, signal
from pathlib import Path
from clinical_assets.imaging import patient_folders
written = patient_folders.write_patient
def write(place, *rest):
    written(place, *rest)
    if place.name == ".p2":
        os.kill(os.getpid(), signal.SIGKILL)
patient_folders.write_patient = write
os.environ |= environment
patient_folders.main([out])
"""


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Nine patients in a lake of two shards, five of them in a cohort."""
    home = tmp_path_factory.mktemp("home")
    lake, names = Lake(root=str(home / "lake"), subject_shards=2), [shard_name(n, 2) for n in range(2)]
    numbers = pl.Series(range(1, 10), dtype=pl.Int64)
    shards = shard_of(numbers.to_numpy(), 2)
    member = {"cohort_version": 1, "stay_kind": "ed", "intime": NOON, "index_time": NOON}
    rows = {
        STUDY_RECORDS: [record(s, "test" if s > 7 else "train") for s in numbers],
        CXR_IMAGES: [image(s) for s in numbers],
        COHORT_MEMBERS: [
            {"subject_id": s, "cohort": "adults", "stay_id": s, "included": s > 4, **member} for s in numbers
        ],
        CONTEXT_LABS: [], CONTEXT_MEDICATIONS: [], CONTEXT_DIAGNOSES: [],
    }  # fmt: skip
    for table, records in rows.items():
        with lake.write(table.path, table.arrow_schema, names, {"version": "v1"}) as out:
            for n, name in enumerate(names):
                own = [r for r in records if shards[r["subject_id"] - 1] == n]
                out.write(name, pl.DataFrame(own, table.polars_schema).to_arrow())
    (home / "sources" / "mimic-cxr-jpg" / "2.1.0" / "files").mkdir(parents=True)
    (home / "sources" / "mimic-cxr-jpg" / "2.1.0" / "files" / "1.jpg").write_bytes(b"jpg")
    return home


@pytest.fixture
def command(lake, monkeypatch):
    """The command, at that home."""
    monkeypatch.setenv("CLINICAL_HOME", str(lake))
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    for name in ("CLINICAL_LAKE", "CLINICAL_SOURCES"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments: main([str(a) for a in arguments])


def test_the_command_writes_every_patient_of_every_shard(command, tmp_path, capsys):
    assert command(tmp_path / "out") == 0
    assert patients(tmp_path / "out") == [f"p{n}" for n in range(1, 10)]
    assert [p.name for p in (tmp_path / "out" / "p1" / "images").iterdir()] == ["s50000001_d1_unknown.jpg"]
    assert "9 patients in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--split", "test"), [8, 9]),
        (("--cohort", "adults"), [5, 6, 7, 8, 9]),
        (("--cohort", "adults", "--split", "train"), [5, 6, 7]),
        (("--subjects", "FILE"), [2, 6]),
        (("--subjects", "FILE", "--cohort", "adults"), [6]),
    ],
)
def test_the_command_takes_the_patients_it_is_asked_for(command, tmp_path, arguments, expected):
    (tmp_path / "wanted").write_text("2\n6\n77\n")
    assert command(tmp_path / "out", *(tmp_path / "wanted" if a == "FILE" else a for a in arguments)) == 0
    assert patients(tmp_path / "out") == [f"p{n}" for n in expected]


def test_the_command_killed_on_the_way_goes_on_where_it_was(command, tmp_path, child):
    # A child has the environment in which the first child of the session was started.
    environment = {name: value for name, value in os.environ.items() if name.startswith("CLINICAL_")}
    killed = child(KILLED, out=str(tmp_path / "out"), environment=environment)
    killed.join(timeout=120)
    assert killed.exitcode == -signal.SIGKILL
    done = patients(tmp_path / ".out.unfinished")
    assert not (tmp_path / "out").exists()
    before = {name: (tmp_path / ".out.unfinished" / name).stat().st_ino for name in done}
    assert command(tmp_path / "out") == 0
    assert patients(tmp_path / "out") == [f"p{n}" for n in range(1, 10)]
    assert {name: (tmp_path / "out" / name).stat().st_ino for name in done} == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--split", "tset"), "--split: expected one of test, train; found 'tset'"),
        (("--cohort", "children"), "--cohort: expected one of adults; found 'children'"),
        (("--subjects", "FILE"), "expected one subject_id a line; found something else at entry 2"),
    ],
)
def test_the_command_says_what_it_expected(command, tmp_path, capsys, arguments, said):
    (tmp_path / "wanted").write_text("2\nJohn\n")
    assert command(tmp_path / "out", *(tmp_path / "wanted" if a == "FILE" else a for a in arguments)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_without_records_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CLINICAL_HOME", str(tmp_path))
    assert main([str(tmp_path / "out")]) == 2
    assert "materialize imaging/ first" in capsys.readouterr().err


def test_progress_tells_how_long_the_rest_will_take(capsys):
    tell = patient_folders._progress(4, every_s=0.0)
    tell(2)
    assert capsys.readouterr().err.startswith("2 of 4 patients, about ")
