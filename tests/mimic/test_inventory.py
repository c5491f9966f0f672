"""Which releases lie under a root, told by names alone, and quickly even where nobody answers."""

import json
import socket
import time
from pathlib import Path

import pytest

from clinical_assets.mimic.catalogue import RELEASES, TABLES
from clinical_assets.mimic.inventory import SYNTHETIC_MARKER, Inventory, take_inventory
from resources.sources import Sources

LABS, STAYS, TRIAGE = "mimic/hosp/labevents", "mimic/icu/icustays", "mimic/ed/triage"


def lay_out(root: Path, folder: str, *, suffix: str = ".csv.gz", only: str = "mimic/") -> None:
    """The files of a release, of as many bytes as their path is long."""
    for path in RELEASES[folder].tables:
        if path.startswith(only):
            file = root / folder / f"{TABLES[path].file}{suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"x" * len(path))


def inventory(root: Path | str) -> Inventory:
    return take_inventory(Sources(root=str(root)))


def releases_by_table(found: Inventory) -> dict[str, str]:
    return {path: file.release.folder for path, file in found.files.items()}


@pytest.mark.parametrize("folder", RELEASES)
@pytest.mark.parametrize("suffix", [".csv.gz", ".csv"])
def test_every_release_is_found_packed_or_not(tmp_path, folder, suffix):
    lay_out(tmp_path, folder, suffix=suffix)
    found = inventory(tmp_path)
    assert (found.seen, found.releases, found.synthetic) == (True, (folder,), None)
    assert releases_by_table(found) == dict.fromkeys(RELEASES[folder].tables, folder)
    for path, file in found.files.items():
        assert file.path == f"{folder}/{TABLES[path].file}{suffix}"
        assert (tmp_path / file.path).is_file()
        assert file.size_bytes == len(path)


def test_the_newest_release_is_taken_and_the_full_one_before_the_demo(tmp_path):
    for folder in ("mimic-iv-demo/2.2", "mimiciv/2.2", "mimic-iv-ed-demo/2.2"):
        lay_out(tmp_path, folder)
    assert set(releases_by_table(inventory(tmp_path)).values()) == {"mimiciv/2.2", "mimic-iv-ed-demo/2.2"}
    lay_out(tmp_path, "mimiciv/3.1")
    lay_out(tmp_path, "mimic-iv-ed/2.2")
    assert set(releases_by_table(inventory(tmp_path)).values()) == {"mimiciv/3.1", "mimic-iv-ed/2.2"}


def test_what_the_newest_release_lacks_is_not_filled_from_another(tmp_path):
    lay_out(tmp_path, "mimic-iv-demo/2.2")
    lay_out(tmp_path, "mimiciv/3.1", only="mimic/hosp/")
    found = inventory(tmp_path)
    assert found.has(LABS)
    assert not found.has(STAYS)
    assert found.content == "mimiciv/3.1"


def test_the_packed_file_is_taken_where_both_lie_side_by_side(tmp_path):
    lay_out(tmp_path, "mimic-iv-demo/2.2", suffix=".csv")
    lay_out(tmp_path, "mimic-iv-demo/2.2", suffix=".csv.gz")
    assert inventory(tmp_path).files[LABS].path.endswith(".csv.gz")


def test_a_folder_without_known_files_is_no_release(tmp_path):
    lay_out(tmp_path, "mimic-iv-demo/2.2")
    (tmp_path / "mimiciv/3.1/hosp").mkdir(parents=True)
    (tmp_path / "mimiciv/3.1/hosp/index.html").write_text("x")
    assert inventory(tmp_path).releases == ("mimic-iv-demo/2.2",)


def test_columns_and_row_counts_are_those_of_the_release_found(tmp_path):
    lay_out(tmp_path, "mimic-iv-ed-demo/2.2")
    lay_out(tmp_path, "mimic-iv-demo/2.2")
    files = inventory(tmp_path).files
    assert files["mimic/ed/medrecon"].absent_columns == ("etc_rn",)
    assert files[LABS].absent_columns == ()
    assert files[LABS].published_rows == TABLES[LABS].published_rows["mimic-iv-demo/2.2"]
    assert files["mimic/ed/medrecon"].published_rows is None


def test_content_names_the_core_release_else_whatever_there_is(tmp_path):
    lay_out(tmp_path, "mimic-iv-ed/2.2")
    assert inventory(tmp_path).content == "mimic-iv-ed/2.2"
    lay_out(tmp_path, "mimiciv/3.1")
    assert inventory(tmp_path).content == "mimiciv/3.1"


def test_a_synthetic_hospital_says_so_with_its_size_and_seed(tmp_path):
    (tmp_path / SYNTHETIC_MARKER).write_text(json.dumps({"patients": 200, "seed": 7, "rows": {}}))
    assert inventory(tmp_path).synthetic is None, "a marker alone is no hospital"
    lay_out(tmp_path, "mimiciv/3.1")
    found = inventory(tmp_path)
    assert found.content == found.synthetic == "synthetic hospital of 200 patients, seed 7"


@pytest.mark.parametrize("made", [True, False], ids=["empty", "absent"])
def test_with_nothing_there_the_newest_releases_stand_in_and_are_not_seen(tmp_path, made):
    root = tmp_path / "sources"
    if made:
        root.mkdir()
    found = inventory(root)
    assert not found.seen
    assert set(found.files) == set(TABLES)
    assert releases_by_table(found)[STAYS] == "mimiciv/3.1"
    assert releases_by_table(found)[TRIAGE] == "mimic-iv-ed/2.2"


def test_releases_below_an_s3_prefix_are_found(s3):
    from resources.places import filesystem_of

    filesystem, bucket = filesystem_of(s3)
    for path in (LABS, STAYS):
        place = f"{bucket}/physionet/mimiciv/2.2/{TABLES[path].file}.csv.gz"
        with filesystem.open_output_stream(place, compression=None) as file:
            file.write(b"12345")
    found = inventory(f"{s3}/physionet")
    assert (set(found.files), found.releases) == ({LABS, STAYS}, ("mimiciv/2.2",))
    assert found.files[STAYS].size_bytes == 5
    assert not inventory(f"{s3}/elsewhere").seen


def test_an_s3_root_that_nobody_serves_neither_fails_nor_holds_up_the_loading_of_the_graph(s3_environment):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        s3_environment(f"http://127.0.0.1:{closed.getsockname()[1]}")
        began = time.monotonic()
        found = inventory("s3://nobody/there")
        assert time.monotonic() - began < 8
    assert not found.seen
    assert found.root == "s3://nobody/there"
