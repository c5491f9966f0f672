"""The lake over years: objects too large for one copy, what killed writers of other machines left, files that go."""

import os
import time
from datetime import timedelta
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources import lake as module
from resources import s3_copy
from resources.lake import FILE, STAGING
from resources.ownership import owned_name, owner_is_elsewhere

TABLE, MODEL = "stays/icu_stays", "models/risk_model/outcome=mortality"
SCHEMA = pa.schema([("subject_id", pa.int64()), ("noise", pa.binary())])


# --- Large objects in S3 ------------------------------------------------------------------------------------------

MIB = 1 << 20


@pytest.fixture
def small_parts(monkeypatch):
    """Copies in parts of what S3 takes as the smallest."""
    monkeypatch.setattr(s3_copy, "COPY_IN_PARTS_ABOVE", 6 * MIB)
    monkeypatch.setattr(s3_copy, "PART", 5 * MIB)


def noisy(mebibytes: int) -> pa.Table:
    return pa.table([list(range(mebibytes)), [os.urandom(MIB) for _ in range(mebibytes)]], schema=SCHEMA)


def bucket_and_key(path: str) -> dict[str, str]:
    bucket, _, key = path.partition("/")
    return {"Bucket": bucket, "Key": key}


def parts_of(path: str) -> int:
    """From how many parts an object was made, which its ETag says: 1 where it was one request."""
    etag = boto3.client("s3").head_object(**bucket_and_key(path))["ETag"].strip('"')
    return int(etag.partition("-")[2] or 1)


def test_a_large_file_is_committed_by_a_copy_in_parts(s3, lake_at, small_parts, monkeypatch):
    lake, rows = lake_at(f"{s3}/lake"), {"00": noisy(12), "01": noisy(1)}
    whole = []
    monkeypatch.setattr(s3_copy, "copy_in_parts", seen := Recorder(s3_copy.copy_in_parts, whole))
    with lake.write(TABLE, SCHEMA, ["00", "01"], {}) as out:
        for name, table in rows.items():
            out.write(name, table)
    assert [target for _, target in whole] == [lake._path(TABLE, "subject_shard=00", FILE)]
    assert seen.sizes == [out.stored["00"].size_bytes]
    assert parts_of(whole[0][1]) == 3
    for name, table in rows.items():
        assert pq.read_table(lake._path(TABLE, f"subject_shard={name}", FILE), filesystem=lake.filesystem).equals(table)
    assert lake.partitions(TABLE) == ["00", "01"]
    listed = boto3.client("s3").list_objects_v2(Bucket=s3.removeprefix("s3://"))["Contents"]
    # (pyarrow leaves an empty object for the folder above one it deleted)
    assert not [entry["Key"] for entry in listed if STAGING in entry["Key"] and entry["Size"]]


class Recorder:
    """Does what it stands for and keeps what it was asked."""

    def __init__(self, done, pairs):
        self.done, self.pairs, self.sizes = done, pairs, []

    def __call__(self, source, target, size_bytes, endpoint):
        self.pairs.append((source, target))
        self.sizes.append(size_bytes)
        self.done(source, target, size_bytes, endpoint)


def test_a_copy_that_fails_leaves_the_target_as_it_was_and_no_upload(s3, s3_server, small_parts):
    client, bucket = boto3.client("s3"), s3.removeprefix("s3://")
    client.put_object(Bucket=bucket, Key="from", Body=bytes(7 * MIB))
    client.put_object(Bucket=bucket, Key="to", Body=b"old")
    with pytest.raises(OSError, match="S3 would not copy"):  # a part beyond the object's end
        s3_copy.copy_in_parts(f"{bucket}/from", f"{bucket}/to", 20 * MIB, s3_server)
    with pytest.raises(OSError, match="would not begin to copy"):
        s3_copy.copy_in_parts(f"{bucket}/gone", f"{bucket}/to", 7 * MIB, s3_server)
    assert client.get_object(Bucket=bucket, Key="to")["Body"].read() == b"old"
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_parts_are_within_what_s3_allows():
    smallest, one_copy, most_parts, largest_object = 5 * MIB, 5 * 10**9, 10_000, 5 * 10**12
    assert smallest <= s3_copy.PART <= one_copy
    assert one_copy >= s3_copy.COPY_IN_PARTS_ABOVE
    assert s3_copy.PART * most_parts >= largest_object


# --- What killed writers left -------------------------------------------------------------------------------------


def leave(lake, age: timedelta, *, host: str = "another-machine", committed: bool = False) -> Path:
    """A staging folder of a writer of another machine, last changed so long ago."""
    folder = Path(lake._path(STAGING, TABLE, f"{host}~1~1~00000000"))
    folder.mkdir(parents=True)
    staged = folder / "00.parquet"
    pq.write_table(pa.table([[1], [b"theirs"]], schema=SCHEMA), staged)
    if committed:
        lake._write_small(str(folder / "commit.json"), {"moves": {str(staged): lake._file(TABLE, "00")}})
    then = time.time() - age.total_seconds()
    for path in (*folder.iterdir(), folder):
        os.utime(path, (then, then))
    return folder


def fill(lake) -> None:
    with lake.write(TABLE, SCHEMA, ["01"], {}) as out:
        out.write("01", pa.table([[1], [b"ours"]], schema=SCHEMA))


def test_what_a_killed_writer_of_another_machine_left_goes_after_a_week(lake):
    old, young = leave(lake, timedelta(days=8)), leave(lake, timedelta(days=6), host="third-machine")
    fill(lake)
    assert not old.exists()
    assert young.is_dir()


def test_a_folder_counts_as_changed_when_any_of_its_files_is(lake):
    folder = leave(lake, timedelta(days=30))
    (folder / "01.parquet").write_bytes(b"just begun")
    fill(lake)
    assert folder.is_dir()


def test_an_old_commit_of_another_machine_is_finished_not_swept(lake):
    folder = leave(lake, timedelta(days=30), committed=True)
    fill(lake)
    assert not folder.exists()
    assert lake.scan(TABLE, ["00"]).collect()["noise"].to_list() == [b"theirs"]


def test_in_s3_too_what_another_machine_left_goes_by_age(s3, lake_at, monkeypatch):
    lake = lake_at(f"{s3}/lake")
    staged = lake._path(STAGING, TABLE, "another-machine~1~1~00000000", "00.parquet")
    pq.write_table(pa.table([[1], [b"theirs"]], schema=SCHEMA), staged, filesystem=lake.filesystem)
    fill(lake)
    assert lake._is_file(staged)
    monkeypatch.setattr(module, "ABANDONED_AFTER", timedelta(0))
    fill(lake)
    assert not lake._is_file(staged)


def test_only_names_of_other_machines_are_judged_by_age():
    assert owner_is_elsewhere("another-machine~1~1~00000000")
    assert not owner_is_elsewhere(owned_name())
    assert not owner_is_elsewhere("subject_shard=00")


# --- Files that belong together -----------------------------------------------------------------------------------


@pytest.fixture(params=["disk", "s3"])
def anywhere(request, lake_at, tmp_path):
    """A lake on disk, and one in S3."""
    return lake_at(tmp_path / "lake" if request.param == "disk" else f"{request.getfixturevalue('s3')}/lake")


def test_files_that_are_not_among_the_new_ones_go(anywhere):
    anywhere.write_files(MODEL, {"model.txt": b"old", "calibration.png": b"old"})
    anywhere.write_files(f"{MODEL}/history", {"calibration.png": b"of another folder"})
    anywhere.write_files(MODEL, {"model.txt": b"new", "contract.json": b"new"})
    assert anywhere.read_files(MODEL) == {"model.txt": b"new", "contract.json": b"new"}
    assert anywhere.read_files(f"{MODEL}/history") == {"calibration.png": b"of another folder"}


def test_a_table_s_own_file_stays_beside_new_files(anywhere):
    with anywhere.write("quality/report", SCHEMA, None, {}) as out:
        out.write(None, pa.table([[1], [b"x"]], schema=SCHEMA))
    anywhere.write_files("quality/report", {"report.html": b"<p>"})
    assert set(anywhere.read_files("quality/report")) == {"report.html", FILE}
    assert anywhere.scan("quality/report").collect().height == 1


def test_a_commit_killed_before_its_removals_is_finished_by_the_next_reader(anywhere):
    anywhere.write_files(MODEL, {"model.txt": b"old", "calibration.png": b"old"})
    folder = anywhere._path(STAGING, MODEL, owned_name())
    anywhere._make_folder(folder)
    record = {"moves": {}, "removes": [anywhere._path(MODEL, "calibration.png"), anywhere._path(MODEL, "never.was")]}
    anywhere._write_small(f"{folder}/commit.json", record)
    assert anywhere.read_files(MODEL) == {"model.txt": b"old"}


def test_an_error_removes_nothing(lake):
    lake.write_files(MODEL, {"model.txt": b"old", "calibration.png": b"old"})
    with pytest.raises(TypeError):
        lake.write_files(MODEL, {"model.txt": 3.5})
    assert set(lake.read_files(MODEL)) == {"model.txt", "calibration.png"}
