import gzip
import hashlib
import json
import resource
import subprocess
import sys

import pytest

from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.sample import hospital
from clinical_assets.sample.__main__ import main
from clinical_assets.sample.hosp import billing
from clinical_assets.sample.hospital import MARKER, ForeignFolderError, write_hospital
from clinical_assets.sample.writing import FOLDERS, file_of


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("hospital") / "sources"
    return root, write_hospital(root, patients=60, seed=20)


def sums(root):
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_every_table_is_written_with_the_catalogue_header_and_the_counted_rows(written):
    root, rows = written
    assert set(rows) == set(FOLDERS)
    for path, count in rows.items():
        text = gzip.decompress((root / file_of(path)).read_bytes()).decode()
        header, body = text.split("\n", 1)
        assert header == ",".join(TABLES[path].column_names), path
        assert count > 0, path
        # A newline inside quotes ends no row.
        outside = "".join(body.split('"')[::2])
        assert outside.count("\n") == count, path


def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_others(written, tmp_path):
    root, _ = written
    write_hospital(tmp_path / "again", patients=60, seed=20)
    write_hospital(tmp_path / "other", patients=60, seed=21)
    assert sums(tmp_path / "again") == sums(root)
    other, same_everywhere = sums(tmp_path / "other"), {file_of(p) for p in TABLES if p.split("/")[-1].startswith("d_")}
    same_everywhere |= {file_of("mimic/hosp/provider"), file_of("mimic/icu/caregiver")}
    assert {name for name, value in sums(root).items() if other[name] == value} == same_everywhere


def test_a_hospital_already_there_is_left_alone_and_its_counts_returned(written):
    root, rows = written
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    assert write_hospital(root, patients=60, seed=20) == rows
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before


@pytest.mark.parametrize(("patients", "seed"), [(61, 20), (60, 19)])
def test_another_hospital_is_never_written_over_one(written, patients, seed):
    root, _ = written
    before = sums(root)
    with pytest.raises(
        ForeignFolderError, match=f"expected the hospital made with .*{patients}.*{seed}.*found one made"
    ):
        write_hospital(root, patients=patients, seed=seed)
    assert sums(root) == before


def test_a_hospital_of_an_older_generator_is_not_taken_for_this_one(tmp_path):
    root = tmp_path / "sources"
    write_hospital(root, patients=3)
    marker = json.loads((root / MARKER).read_text())
    (root / MARKER).write_text(json.dumps(marker | {"generator_version": marker["generator_version"] - 1}))
    with pytest.raises(ForeignFolderError, match="name another folder or remove that one"):
        write_hospital(root, patients=3)


def test_a_folder_of_somebody_else_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ForeignFolderError, match=f"found other files and no {MARKER}"):
        write_hospital(tmp_path, patients=3)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "sources").write_text("")
    with pytest.raises(ForeignFolderError):
        write_hospital(tmp_path / "sources", patients=3)


def test_an_empty_folder_and_absent_parents_are_fine(tmp_path):
    (tmp_path / "empty").mkdir()
    assert write_hospital(tmp_path / "empty", patients=3) == write_hospital(tmp_path / "deep/down", patients=3)


def test_a_failure_on_the_way_leaves_nothing(tmp_path, monkeypatch):
    def breaks(_story):
        raise KeyboardInterrupt

    monkeypatch.setattr(billing, "tables", breaks)
    with pytest.raises(KeyboardInterrupt):
        write_hospital(tmp_path / "sources", patients=3)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_no_hospital(tmp_path):
    script = (
        "import os, pathlib, signal, sys\n"
        "from clinical_assets.sample.hospital import write_hospital\n"
        "kill = lambda done, of: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_hospital(pathlib.Path(sys.argv[1]), patients=201, progress=kill)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "sources")], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "sources").exists()
    write_hospital(tmp_path / "sources", patients=3)
    assert (tmp_path / "sources" / MARKER).is_file()


def test_progress_counts_patients(tmp_path):
    seen = []
    write_hospital(tmp_path / "sources", patients=410, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(200, 410), (400, 410), (410, 410)]


def test_memory_does_not_grow_with_the_hospital(tmp_path):
    def peak_of(patients):
        command = [sys.executable, "-m", "clinical_assets.sample", "--patients", str(patients)]
        subprocess.run([*command, "--out", str(tmp_path / str(patients))], check=True, capture_output=True)
        # The largest child so far: the smaller hospital must come first.
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

    small = peak_of(400)  # two blocks: the second is written while the first is still about
    assert peak_of(1_000) < small * 1.2


def test_the_command_writes_a_hospital_and_names_its_rows(tmp_path, capsys):
    assert main(["--patients", "3", "--out", str(tmp_path / "sources")]) == 0
    assert f"{3:>12,}  mimic/hosp/patients" in capsys.readouterr().out
    assert main(["--patients", "4", "--out", str(tmp_path / "sources")]) == 1
    assert "found one made with" in capsys.readouterr().err


def test_every_table_is_told_by_one_domain_only():
    story = hospital.told(hospital.Block(20, 0, 20))
    told = [path for domain in hospital.DOMAINS for path in domain.tables(story)]
    assert len(told) == len(set(told))
    assert set(told) | set(hospital.dictionaries.tables()) == set(FOLDERS)
