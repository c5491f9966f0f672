"""The lake keeps its word: all of a write or nothing of it, whoever is killed when, on disk and in S3."""

import json
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.lake import FILE, IDENTITY, STAGING, Lake, LakeError, TableWriter
from resources.ownership import owned_name

TABLE = "stays/icu_stays"
SCHEMA = pa.schema([("subject_id", pa.int64()), ("made_by", pa.large_string())])
PROVENANCE = {"code_version": "abc", "version": "v1", "input:mimic/icu/icustays": "v0"}
SHARDS = ["00", "01", "02", "03"]


@pytest.fixture(params=["disk", "s3"])
def anywhere(request, lake_at, tmp_path) -> Lake:
    """A lake on disk, and one in S3."""
    return lake_at(
        tmp_path / "a [lake] with * and ?" if request.param == "disk" else f"{request.getfixturevalue('s3')}/lake"
    )


def made_by(writer: str, patients: int = 3) -> pa.Table:
    return pa.table([list(range(patients)), [writer] * patients], schema=SCHEMA)


def fill(lake: Lake, writer: str, partitions=tuple(SHARDS), table: str = TABLE, **provenance: str) -> None:
    with lake.write(table, SCHEMA, list(partitions), PROVENANCE | provenance) as out:
        for name in partitions:
            out.write(name, made_by(writer))


def write(lake: Lake, partitions: list[str], block: Callable[[TableWriter], object]) -> None:
    """What a block does with a writer of the table."""
    with lake.write(TABLE, SCHEMA, partitions, PROVENANCE) as out:
        block(out)


def writers(lake: Lake, partitions=tuple(SHARDS), table: str = TABLE) -> list[str]:
    """Who made the rows of each partition, in order."""
    found = [lake.scan(table, [name]).collect()["made_by"].unique().to_list() for name in partitions]
    assert all(len(names) == 1 for names in found), found
    return [name for (name,) in found]


def staged(lake: Lake, table: str = TABLE) -> list[str]:
    """What lies in the table's staging folder."""
    import pyarrow.fs as pafs

    selector = pafs.FileSelector(lake._path(STAGING, table), allow_not_found=True, recursive=True)
    return [entry.path for entry in lake.filesystem.get_file_info(selector)]


# --- Writing and reading ------------------------------------------------------------------------------------------


def test_rows_come_back_in_the_order_of_the_partitions_asked_for(anywhere):
    with anywhere.write(TABLE, SCHEMA, SHARDS, PROVENANCE) as out:
        for name in reversed(SHARDS):
            out.write(name, made_by(name, 1))
            out.write(name, made_by(f"{name} again", 1))
    rows = anywhere.scan(TABLE, ["02", "00"]).collect()
    assert rows["made_by"].to_list() == ["02", "02 again", "00", "00 again"]
    assert rows.schema == pl.Schema({"subject_id": pl.Int64(), "made_by": pl.String()})


def test_every_named_partition_gets_a_file_an_empty_one_where_no_row_was_written(anywhere):
    with anywhere.write(TABLE, SCHEMA, SHARDS[:3], PROVENANCE) as out:
        out.write("01", made_by("one"))
    assert anywhere.partitions(TABLE) == SHARDS[:3]
    assert [anywhere.stored(TABLE, name).num_rows for name in SHARDS[:3]] == [0, 3, 0]
    assert anywhere.scan(TABLE, ["00", "02"]).collect().schema == anywhere.scan(TABLE, ["01"]).collect_schema()
    assert anywhere.stored(TABLE, "03") is None
    assert {name: file.rows for name, file in out.stored.items()} == {"00": 0, "01": 3, "02": 0}


def test_an_unpartitioned_table_is_one_file(anywhere):
    for writer in ("first", "second"):
        with anywhere.write("mimic/icu/d_items", SCHEMA, None, PROVENANCE) as out:
            out.write(None, made_by(writer))
    assert anywhere.scan("mimic/icu/d_items").collect()["made_by"].to_list() == ["second"] * 3
    assert anywhere.partitions("mimic/icu/d_items") == []
    assert out.stored[None].uri == f"{anywhere.location('mimic/icu/d_items')}/{FILE}"


def test_other_partitions_stay_as_they_are(anywhere):
    fill(anywhere, "old")
    fill(anywhere, "new", ["01", "03"])
    assert writers(anywhere) == ["old", "new", "old", "new"]


def test_tables_whose_paths_begin_alike_do_not_touch(anywhere):
    fill(anywhere, "stays")
    fill(anywhere, "events", table=f"{TABLE}/events")
    fill(anywhere, "other", table=f"{TABLE}_other")
    assert writers(anywhere) == ["stays"] * 4
    assert writers(anywhere, table=f"{TABLE}/events") == ["events"] * 4
    assert anywhere.partitions(TABLE) == SHARDS


def test_rows_of_a_partition_that_is_not_being_replaced_are_refused(anywhere):
    fill(anywhere, "old")
    with pytest.raises(LakeError, match=r"expected rows of partitions \['00'\]; found rows of '01'"):
        write(anywhere, ["00"], lambda out: [out.write(name, made_by("new")) for name in ("00", "01")])
    assert writers(anywhere) == ["old"] * 4
    assert staged(anywhere) == []


def test_an_error_in_the_block_leaves_the_table_as_it_was_and_no_file(anywhere):
    fill(anywhere, "old")

    def fail_at_the_end(out: TableWriter) -> None:
        for name in SHARDS:
            out.write(name, made_by("new"))
        out.finish("00")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write(anywhere, SHARDS, fail_at_the_end)
    assert writers(anywhere) == ["old"] * 4
    assert staged(anywhere) == []
    fill(anywhere, "new")
    assert writers(anywhere) == ["new"] * 4


def test_rows_with_other_columns_than_the_schema_are_refused(anywhere):
    fill(anywhere, "old")
    with pytest.raises(ValueError, match="names"):
        write(anywhere, ["00"], lambda out: out.write("00", made_by("new").rename_columns(["subject_id", "author"])))
    assert writers(anywhere) == ["old"] * 4


def test_nothing_is_written_to_a_partition_that_was_finished(lake):
    def write_on(out: TableWriter) -> None:
        out.write("00", made_by("new"))
        out.finish("00")
        out.write("00", made_by("more"))

    with pytest.raises((AssertionError, LakeError)):
        write(lake, ["00"], write_on)
    assert lake.partitions(TABLE) == []


def test_a_table_that_is_not_there_is_named_with_what_to_do(anywhere):
    with pytest.raises(LakeError, match=rf"table {TABLE}: .*Materialize {TABLE}"):
        anywhere.scan(TABLE, ["00"])
    fill(anywhere, "old", ["00"])
    with pytest.raises(LakeError, match=r"expected 3 Parquet file\(s\), 2 missing, .*subject_shard=01"):
        anywhere.scan(TABLE, ["00", "01", "02"])
    with pytest.raises(LakeError, match="1 missing"):
        anywhere.scan(TABLE)


# --- Files --------------------------------------------------------------------------------------------------------


def test_files_are_plain_zstd_parquet_with_their_provenance(anywhere):
    fill(anywhere, "old")
    path = anywhere._path(TABLE, "subject_shard=02", FILE)
    metadata = pq.read_metadata(path, filesystem=anywhere.filesystem)
    columns = [metadata.row_group(0).column(n) for n in range(metadata.num_columns)]
    assert {column.compression for column in columns} == {"ZSTD"}
    schema = pq.read_schema(path, filesystem=anywhere.filesystem)
    assert schema.remove_metadata() == SCHEMA
    assert {k.decode(): v.decode() for k, v in schema.metadata.items()} == PROVENANCE
    assert {
        k.decode(): v.decode() for k, v in anywhere.stored(TABLE, "02").metadata.items()
    }.items() >= PROVENANCE.items()
    with anywhere.filesystem.open_input_file(path) as file:
        assert pq.read_table(file).replace_schema_metadata() == made_by("old")


def test_files_can_be_opened_by_their_reported_uri(lake):
    with lake.write(TABLE, SCHEMA, ["01"], PROVENANCE) as out:
        out.write("01", made_by("old"))
    file = out.stored["01"]
    path = Path(unquote(urlsplit(file.uri).path))
    assert file.uri == lake.location(TABLE, "01")
    assert (path.stat().st_size, pl.read_parquet(path).height) == (file.size_bytes, file.rows)


def test_locations_in_s3_are_s3_uris(lake_at):
    lake = lake_at("s3://bucket/some/lake/")
    assert lake.location(TABLE) == "s3://bucket/some/lake/stays/icu_stays"
    assert lake.location(TABLE, "07") == "s3://bucket/some/lake/stays/icu_stays/subject_shard=07/part-0.parquet"


def test_the_same_input_gives_the_same_bytes(lake):
    def content() -> list[bytes]:
        return [Path(lake._path(TABLE, f"subject_shard={name}", FILE)).read_bytes() for name in SHARDS]

    fill(lake, "old")
    before = content()
    fill(lake, "old")
    assert content() == before


def test_a_table_s_version_changes_with_that_of_any_shard(anywhere):
    assert anywhere.version(TABLE) == "absent"
    fill(anywhere, "old")
    first = anywhere.version(TABLE)
    fill(anywhere, "other rows of the same inputs and code")
    assert anywhere.version(TABLE) == first
    fill(anywhere, "new", ["03"], version="v2")
    assert anywhere.version(TABLE) != first
    with anywhere.write("mimic/icu/d_items", SCHEMA, None, PROVENANCE):
        pass
    assert anywhere.version("mimic/icu/d_items") == "v1"


# --- What a lake is -----------------------------------------------------------------------------------------------


def test_a_lake_is_claimed_on_first_use_and_its_content_when_it_is_known(anywhere, lake_at):
    assert anywhere.identity() == {}
    fill(anywhere, "old")
    assert anywhere.identity() == {"format": 1, "subject_shards": 4, "shard_hash": "splitmix64-1"}
    for _ in range(2):
        anywhere.claim("mimiciv/3.1")
        anywhere.claim()
        assert anywhere.identity()["content"] == "mimiciv/3.1"


def test_another_number_of_shards_is_refused_with_the_reason(anywhere):
    fill(anywhere, "old")
    other = Lake(root=anywhere.root, subject_shards=8)
    for use in (other.claim, lambda: fill(other, "new"), lambda: other.write_files("models/x", {"a": b""})):
        with pytest.raises(LakeError, match=r"expected subject_shards=8, found 4.*CLINICAL_SUBJECT_SHARDS"):
            use()
    assert writers(anywhere) == ["old"] * 4


def test_another_content_is_refused_with_the_reason(anywhere):
    anywhere.claim("mimiciv/3.1")
    with pytest.raises(LakeError, match=r"holds patients of 'mimiciv/3.1'; the sources are 'synthetic hospital"):
        anywhere.claim("synthetic hospital of 200 patients, seed 1")
    assert anywhere.identity()["content"] == "mimiciv/3.1"


def test_another_shard_hash_is_refused(lake):
    lake.claim()
    recorded = Path(lake._path(IDENTITY))
    recorded.write_text(json.dumps(json.loads(recorded.read_text()) | {"shard_hash": "md5"}))
    with pytest.raises(LakeError, match="expected shard_hash=splitmix64-1, found md5"):
        lake.claim()


# --- Files that belong together -----------------------------------------------------------------------------------

MODEL = "models/risk_model/outcome=mortality"


def test_files_that_belong_together_come_back_byte_for_byte(anywhere):
    assert anywhere.read_files(MODEL) == {}
    files = {
        "model.json": b"{}",
        "trees.txt.gz": b"not packed at all",
        "empty": b"",
        "plot.png": bytes(range(256)) * 500,
    }
    anywhere.write_files(MODEL, files)
    assert anywhere.read_files(MODEL) == files
    anywhere.write_files(MODEL, {name: content + b"2" for name, content in files.items()})
    assert anywhere.read_files(MODEL) == {name: content + b"2" for name, content in files.items()}
    with anywhere.filesystem.open_input_file(anywhere._path(MODEL, "trees.txt.gz")) as file:
        assert file.readall() == b"not packed at all2"
    assert staged(anywhere, MODEL) == []


def test_files_stay_as_they_were_when_one_of_the_new_ones_cannot_be_written(anywhere):
    anywhere.write_files(MODEL, {"model.json": b"old", "trees.txt": b"old"})
    with pytest.raises(TypeError):
        anywhere.write_files(MODEL, {"model.json": b"new", "trees.txt": 3.5})
    assert anywhere.read_files(MODEL) == {"model.json": b"old", "trees.txt": b"old"}
    assert staged(anywhere, MODEL) == []


# --- Killed -------------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
import pyarrow as pa
from resources import lake as module

lake = module.Lake(root=root, subject_shards=4)
schema = pa.schema([("subject_id", pa.int64()), ("made_by", pa.large_string())])
lines = 0

def count(frame, event, argument):
    global lines
    if frame.f_code.co_filename != module.__file__:
        return None
    if event == "line":
        lines += 1
        if lines == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
    return count

sys.settrace(count)
if kind == "table":
    with lake.write(place, schema, ["00", "01", "02"], {"code_version": "new"}) as out:
        for name in ("00", "01", "02"):
            out.write(name, pa.table([list(range(3)), ["new"] * 3], schema=schema))
else:
    lake.write_files(place, {"model.json": b"new", "trees.txt": b"new", "contract.json": b"new"})
sys.settrace(None)
with open(told, "w") as file:
    file.write(str(lines))
"""


def killed_at_every_stage(child, tmp_path: Path, kind: str, place: str, points: int):
    """Kill a writer at lines of the lake's own code, spread over the whole write; yields a lake after each."""

    def write(number: int) -> Lake:
        root = tmp_path / f"killed-{number}"
        shutil.copytree(tmp_path / "lake", root)
        process = child(KILLED, root=str(root), kill_at=number, kind=kind, place=place, told=str(tmp_path / "lines"))
        process.join(timeout=60)
        assert process.exitcode == (-signal.SIGKILL if number else 0)
        return Lake(root=str(root), subject_shards=4)

    write(0)
    lines = int((tmp_path / "lines").read_text())
    assert lines > points
    for number in sorted({round(1 + n * (lines - 1) / (points - 1)) for n in range(points)}):
        yield write(number)


def test_a_writer_killed_at_any_point_leaves_all_old_or_all_new_rows(lake, tmp_path, child):
    fill(lake, "old")
    seen: Counter[tuple[int, str]] = Counter()
    for left in killed_at_every_stage(child, tmp_path, "table", TABLE, points=45):
        moved = sum(
            pl.read_parquet(left._path(TABLE, f"subject_shard={name}", FILE))["made_by"][0] == "new" for name in SHARDS
        )
        found = writers(left)
        assert found in (["old"] * 4, ["new", "new", "new", "old"])
        if moved:
            assert found[0] == "new"
        seen[moved, found[0]] += 1
        fill(left, "newest", SHARDS[:2])
        assert writers(left) == ["newest", "newest", *found[2:]]
        assert staged(left) == []
    # Killed before the commit record, between it and the first move, between moves and after the last.
    assert set(seen) == {(0, "old"), (0, "new"), (1, "new"), (2, "new"), (3, "new")}, seen


def test_a_writer_of_files_killed_at_any_point_leaves_all_old_or_all_new_ones(lake, tmp_path, child):
    names = ("contract.json", "model.json", "trees.txt")
    lake.write_files(MODEL, dict.fromkeys(names, b"old"))
    seen = set()
    for left in killed_at_every_stage(child, tmp_path, "files", MODEL, points=20):
        moved = sum(Path(left._path(MODEL, name)).read_bytes() == b"new" for name in names)
        (content,) = set(left.read_files(MODEL).values())
        assert set(left.read_files(MODEL)) == set(names)
        if moved:
            assert content == b"new"
        seen.add((moved, content))
        left.write_files(MODEL, dict.fromkeys(names, b"newest"))
        assert left.read_files(MODEL) == dict.fromkeys(names, b"newest")
        assert staged(left, MODEL) == []
    assert {(0, b"old"), (1, b"new"), (3, b"new")} <= seen


def leave_commit(lake: Lake, writer: str) -> None:
    """A commit of that writer, recorded and with no file moved yet, as a kill at that point leaves it."""
    folder = lake._path(STAGING, TABLE, owned_name())
    moves = {}
    lake.filesystem.create_dir(folder, recursive=True)
    for name in SHARDS:
        pq.write_table(made_by(writer), f"{folder}/{name}.parquet", filesystem=lake.filesystem)
        moves[f"{folder}/{name}.parquet"] = lake._file(TABLE, name)
    lake._write_small(f"{folder}/commit.json", {"moves": moves})


@pytest.mark.parametrize(
    "read",
    [
        lambda lake: lake.scan(TABLE, SHARDS),
        lambda lake: lake.stored(TABLE, "00"),
        lambda lake: lake.partitions(TABLE),
        lambda lake: lake.version(TABLE),
    ],
    ids=["scan", "stored", "partitions", "version"],
)
def test_whoever_reads_next_finishes_a_recorded_commit(anywhere, read):
    fill(anywhere, "old")
    leave_commit(anywhere, "new")
    read(anywhere)
    assert staged(anywhere) == []
    assert writers(anywhere) == ["new"] * 4


def test_many_readers_may_finish_the_same_commit_at_once(lake):
    fill(lake, "old")
    for round_ in range(10):
        leave_commit(lake, f"new {round_}")
        together, found, failed = threading.Barrier(6), [], []

        def read(together=together, found=found, failed=failed):
            together.wait()
            try:
                found.append(set(lake.scan(TABLE, SHARDS).collect()["made_by"]))
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert found == [{f"new {round_}"}] * 6


def test_a_living_writer_is_not_swept_by_another_of_the_same_table(anywhere):
    with anywhere.write(TABLE, SCHEMA, SHARDS, PROVENANCE) as slow:
        slow.write("00", made_by("slow"))
        fill(anywhere, "quick")
        assert writers(anywhere) == ["quick"] * 4
        for name in SHARDS[1:]:
            slow.write(name, made_by("slow"))
    assert writers(anywhere) == ["slow"] * 4
    assert staged(anywhere) == []


def test_staged_files_of_another_machine_are_left_alone(lake):
    other = Path(lake._path(STAGING, TABLE, "another-machine~1~1~00000000"))
    other.mkdir(parents=True)
    fill(lake, "new")
    assert other.is_dir()


def test_a_local_root_may_be_written_as_a_file_uri(tmp_path):
    folder = tmp_path / "a lake"
    as_uri, as_path = Lake(root=folder.as_uri(), subject_shards=4), Lake(root=str(folder), subject_shards=4)
    fill(as_uri, "old")
    assert as_path.partitions(TABLE) == as_uri.partitions(TABLE) != []
    assert as_path.location(TABLE) == as_uri.location(TABLE)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a lake"]
