"""Source files on disk and below an S3 prefix, through the same code."""

import gzip
from collections.abc import Callable

import pyarrow as pa
import pytest

from clinical_assets.mimic.reader import read
from clinical_assets.tables import Column, SourceTable, Type
from resources.places import filesystem_of
from resources.sources import Sources

Put = Callable[[str, bytes], None]


@pytest.fixture(params=["disk", "s3"])
def sources(request, tmp_path) -> tuple[Sources, Put]:
    """Sources at a root, and how to put a file there."""
    root = str(tmp_path / "physio net") if request.param == "disk" else f"{request.getfixturevalue('s3')}/physionet"

    def put(path: str, content: bytes) -> None:
        filesystem, base = filesystem_of(root)
        filesystem.create_dir(f"{base}/{path}".rpartition("/")[0], recursive=True)
        with filesystem.open_output_stream(f"{base}/{path}", compression=None) as file:
            file.write(content)

    return Sources(root=root), put


def test_files_and_folders_are_listed_one_level_at_a_time(sources):
    source, put = sources
    put("mimic-cxr-jpg/2.1.0/metadata.csv.gz", b"12345")
    put("mimic-cxr-jpg/2.1.0/files/p10/one.jpg", b"1")
    put("mimiciv/3.1/hosp/labevents.csv.gz", b"123")
    assert source.subfolders() == ["mimic-cxr-jpg", "mimiciv"]
    assert source.subfolders("mimic-cxr-jpg/2.1.0") == ["files"]
    assert source.sizes("mimic-cxr-jpg/2.1.0") == {"mimic-cxr-jpg/2.1.0/metadata.csv.gz": 5}
    assert source.sizes("mimiciv/3.1/hosp") == {"mimiciv/3.1/hosp/labevents.csv.gz": 3}


def test_what_is_not_there_is_empty(sources):
    source, put = sources
    assert (source.subfolders(), source.sizes("mimiciv/3.1")) == ([], {})
    put("marker.json", b"{}")
    assert (source.read_text("marker.json"), source.read_text("another.json")) == ("{}", None)


def test_a_file_that_is_not_there_cannot_be_opened(sources):
    source, put = sources
    put("marker.json", b"{}")
    with pytest.raises(FileNotFoundError), source.open("hosp/labevents.csv.gz"):
        pass


def test_a_packed_csv_is_read_as_a_stream(sources):
    source, put = sources
    table = SourceTable(
        key=("mimic", "hosp", "labevents"),
        grain="one row per result",
        meaning="Results.",
        file="hosp/labevents",
        columns=(
            Column(name="subject_id", type=Type.INTEGER, meaning="Patient."),
            Column(name="value", type=Type.TEXT, meaning="Result."),
        ),
    )
    rows = [{"subject_id": n, "value": f'___ "{n}"\n1-2'} for n in range(20_000)]
    written = "subject_id,value\n" + "".join(
        '{},"{}"\n'.format(row["subject_id"], row["value"].replace('"', '""')) for row in rows
    )
    for name, content in (("labevents.csv.gz", gzip.compress(written.encode())), ("labevents.csv", written.encode())):
        put(name, content)
        with source.open(name) as raw:
            parts = [part.table for part in read(raw, name, table, block_bytes=1 << 15)]
            assert raw.tell() == len(content)
        assert pa.concat_tables(parts).to_pylist() == rows
