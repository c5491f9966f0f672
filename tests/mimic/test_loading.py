"""Rows in file order to sorted shards: the same rows for any budget, in little memory, and nothing left behind."""

import json
import signal
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.mimic.loading import ShardSorter, in_file_order, load
from clinical_assets.tables import Column, Table, Type
from resources.lake import Lake
from resources.ownership import owned_name
from resources.sharding import shard_names, shard_of

EVENTS = Table(
    key=("mimic", "hosp", "events"),
    grain="one row per event",
    meaning="Events.",
    columns=tuple(
        Column(name=name, type=kind, meaning="A column.")
        for name, kind in (
            ("subject_id", Type.INTEGER),
            ("event_id", Type.INTEGER),
            ("time", Type.TIMESTAMP),
            ("text", Type.TEXT),
            ("read_as", Type.INTEGER),
        )
    ),
    primary_key=("event_id",),
    happened="time",
)

events = st.tuples(
    st.integers(1, 12),
    st.one_of(st.none(), st.integers(0, 2)),
    st.one_of(st.none(), st.integers(0, 3).map(lambda hour: datetime(2150, 1, 1, hour))),
    st.sampled_from([None, "", "short", "a text that is much longer than the others " * 4]),
)
files = st.lists(st.lists(events, max_size=8), max_size=6)


def as_blocks(file: list[list[tuple]]) -> list[pa.Table]:
    """The file's blocks as the reader gives them; `read_as` numbers the rows."""
    blocks, read = [], 0
    for records in file:
        columns = [[record[n] for record in records] for n in range(4)]
        numbers = list(range(read, read := read + len(records)))
        blocks.append(pa.table([*columns, numbers], schema=EVENTS.arrow_schema))
    return blocks


def plainly_sorted(blocks: list[pa.Table], shard: int, shards: int) -> list[dict]:
    """What one stable sort of everything gives: by patient, time and key, each with its nulls last."""
    rows = [row for block in blocks for row in block.to_pylist()]
    mine = [row for row in rows if shard_of(pl.Series([row["subject_id"]]).to_numpy(), shards)[0] == shard]
    return sorted(
        mine,
        key=lambda row: (
            row["subject_id"],
            row["time"] or datetime.max,
            99 if row["event_id"] is None else row["event_id"],
        ),
    )


class Files:
    """Keeps what is written, in memory."""

    def __init__(self) -> None:
        self.pieces: dict[str, list[pa.Table]] = {}
        self.finished: set[str] = set()
        self.taken_back: list[str] = []

    def write(self, partition: str, rows: pa.Table) -> None:
        assert partition not in self.finished
        self.pieces.setdefault(partition, []).append(rows)

    def take_back(self, partition: str) -> Iterator[pa.Table]:
        self.taken_back.append(partition)
        yield from self.pieces.pop(partition, [])

    def finish(self, partition: str) -> None:
        self.finished.add(partition)

    def rows(self, partition: str) -> list[dict]:
        return [row for piece in self.pieces.get(partition, []) for row in piece.to_pylist()]


def by_shard(
    blocks: list[pa.Table], shards: int, wanted: list[str], scratch: Path, budget: int
) -> dict[str, list[dict]]:
    files = Files()
    with ShardSorter(EVENTS, shards, wanted, files, scratch=scratch, budget=budget) as sorter:
        for block in blocks:
            sorter.add(block)
        sorter.finish()
    assert files.finished == set(wanted)
    return {name: files.rows(name) for name in wanted}


def encoded(block: pa.Table) -> pa.Table:
    return block.set_column(3, "text", block["text"].combine_chunks().dictionary_encode())


@given(files, st.integers(1, 5), st.integers(1, 4_000), st.sampled_from(["any", "ascending"]), st.booleans(), st.data())
def test_any_budget_gives_the_rows_of_one_stable_sort_and_leaves_no_file(
    file, shards, budget, patients, in_dictionaries, data
):
    if patients == "ascending":
        every = sorted((record for block in file for record in block), key=itemgetter(0))
        file = [every[n : n + 5] for n in range(0, len(every), 5)]
    blocks = as_blocks(file)
    names = shard_names(shards)
    wanted = data.draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
    with tempfile.TemporaryDirectory() as folder:
        given_ = [encoded(block) for block in blocks] if in_dictionaries else blocks
        found = by_shard(given_, shards, wanted, Path(folder) / "scratch", budget)
        assert not list(Path(folder).glob("scratch/*"))
    assert found == {name: plainly_sorted(blocks, names.index(name), shards) for name in wanted}


def many_blocks(patients: int = 40, rounds: int = 12) -> list[pa.Table]:
    start = datetime(2150, 1, 1)
    return as_blocks(
        [
            [(p, n % 3, start + timedelta(hours=(p * 7 + n * 5) % 11), f"note {p} {n} " * 5) for p in range(patients)]
            for n in range(rounds)
        ]
    )


def test_a_shard_larger_than_the_budget_comes_in_consecutive_ranges_of_whole_patients(tmp_path):
    blocks, files = many_blocks(), Files()
    with ShardSorter(EVENTS, 1, ["00"], files, scratch=tmp_path, budget=4_000) as sorter:
        for block in blocks:
            sorter.add(block)
        assert list(tmp_path.iterdir()), "not in the order of its patients"
        sorter.finish()
    pieces = [piece.to_pylist() for piece in files.pieces["00"]]
    assert len(pieces) > 5
    assert files.taken_back == ["00"]
    patients = [{row["subject_id"] for row in piece} for piece in pieces]
    assert all(max(a) < min(b) for a, b in pairwise(patients))
    assert [row for piece in pieces for row in piece] == plainly_sorted(blocks, 0, 1)


def test_a_file_in_the_order_of_its_patients_is_written_as_it_comes_and_needs_no_scratch_file(tmp_path):
    every = [row for block in many_blocks() for row in block.to_pylist()]
    ordered = pa.Table.from_pylist(sorted(every, key=itemgetter("subject_id")), EVENTS.arrow_schema)
    files, written = Files(), []
    with ShardSorter(EVENTS, 1, ["00"], files, scratch=tmp_path / "scratch", budget=4_000) as sorter:
        for start in range(0, ordered.num_rows, 25):
            sorter.add(ordered.slice(start, 25))
            written.append(len(files.rows("00")))
        sorter.finish()
    assert written[len(written) // 2] > ordered.num_rows / 4
    assert (files.taken_back, list(tmp_path.iterdir())) == ([], [])
    assert files.rows("00") == plainly_sorted([ordered], 0, 1)


def test_text_that_varies_is_stored_with_the_words_it_has_and_no_others(tmp_path):
    words = pa.array([f"word {n}" for n in range(100)] * 10, pa.large_string()).dictionary_encode()
    columns = [range(1000), [1] * 1000, [None] * 1000, words, range(1000)]
    files = Files()
    with ShardSorter(EVENTS, 64, shard_names(64), files, scratch=tmp_path) as sorter:
        sorter.add(pa.table(dict(zip(EVENTS.column_names, columns, strict=True))))
        sorter.finish()
    pieces = [piece for pieces in files.pieces.values() for piece in pieces]
    assert sum(piece.num_rows for piece in pieces) == 1000
    for piece in pieces:
        column = piece["text"].combine_chunks()
        assert set(column.dictionary.to_pylist()) == set(column.to_pylist())


def test_one_shard_alone_equals_that_shard_of_all(tmp_path):
    blocks, names = many_blocks(), shard_names(4)
    every = by_shard(blocks, 4, names, tmp_path, 2_000)
    assert sum(map(len, every.values())) == sum(block.num_rows for block in blocks)
    for name in names:
        for budget in (2_000, 1 << 30):
            assert by_shard(blocks, 4, [name], tmp_path, budget) == {name: every[name]}


def test_rows_without_a_time_come_last_of_their_patient():
    rows = as_blocks([[(2, 1, None, None), (1, 1, None, None), (1, 2, datetime(2150, 1, 1), None)]])[0]
    assert in_file_order(rows, EVENTS)["event_id"].to_pylist() == [2, 1, 1]


far = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3), st.integers(-9, 9).map(lambda n: n * 1_000_000))


@given(st.lists(st.tuples(far, far, far), max_size=12))
def test_however_far_apart_numbers_and_times_are_rows_lie_in_their_order(records):
    numbers = range(len(records))
    columns = [[record[n] for record in records] for n in range(3)]
    subject, event, time = (pa.array(column, pa.int64()) for column in columns)
    nothing = pa.nulls(len(records), pa.large_string())
    rows = pa.table(
        [subject, event, time.cast(pa.timestamp("us")), nothing, pa.array(numbers)], schema=EVENTS.arrow_schema
    )
    found = in_file_order(rows, EVENTS)["read_as"].to_pylist()
    assert found == sorted(numbers, key=lambda n: (records[n][0], records[n][2], records[n][1]))


@pytest.mark.parametrize("before", [[], [[]]], ids=["no block", "an empty block"])
def test_a_shard_without_rows_is_finished_too(tmp_path, before):
    assert by_shard(as_blocks(before), 2, ["01"], tmp_path, 1) == {"01": []}


def test_a_row_without_a_patient_is_refused(tmp_path):
    block = as_blocks([[(1, 1, None, None), (None, 2, None, None)]])[0]
    with (
        ShardSorter(EVENTS, 2, ["00", "01"], Files(), scratch=tmp_path) as sorter,
        pytest.raises(ValueError, match=r"1 of 2 missing"),
    ):
        sorter.add(block)


class FullDisk(Files):
    def __init__(self, pieces: int) -> None:
        super().__init__()
        self._room = pieces

    def write(self, partition: str, rows: pa.Table) -> None:
        if not self._room:
            raise OSError("disk full")
        self._room -= 1
        super().write(partition, rows)


@pytest.mark.parametrize("room", [0, 1, 4])
def test_an_error_while_rows_come_in_or_go_out_leaves_no_file(tmp_path, room):
    def load() -> None:
        with ShardSorter(EVENTS, 1, ["00"], FullDisk(room), scratch=tmp_path, budget=4_000) as sorter:
            for block in many_blocks():
                sorter.add(block)
            assert list(tmp_path.iterdir())
            sorter.finish()

    with pytest.raises(OSError, match="disk full"):
        load()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_load_left_is_swept_by_the_next_and_nothing_else(tmp_path, child):
    killed = child(
        """
import os, pathlib, signal
from resources.lake import Lake
from resources.ownership import owned_name
folder = pathlib.Path(scratch) / owned_name()
folder.mkdir()
(folder / "00.arrow").write_bytes(b"rows")
os.kill(os.getpid(), signal.SIGKILL)
""",
        scratch=str(tmp_path),
    )
    killed.join(timeout=60)
    assert killed.exitcode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    others = [tmp_path / owned_name(), tmp_path / "another-machine~1~1~00000000", tmp_path / "notes"]
    for other in others:
        other.mkdir()
    by_shard(many_blocks(), 2, ["00", "01"], tmp_path, 1_000)
    assert not left.exists()
    assert sorted(tmp_path.iterdir()) == sorted(others)


STREAM = """
import json, pathlib, resource
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from clinical_assets.mimic.loading import ShardSorter
from clinical_assets.tables import Column, Table, Type

table = Table(
    key=("mimic", "hosp", "events"), grain="one row per event", meaning="Events.", happened="time",
    columns=tuple(
        Column(name=n, type=t, meaning="A column.")
        for n, t in (("subject_id", Type.INTEGER), ("time", Type.TIMESTAMP), ("text", Type.TEXT))
    ),
)
rng, empty = np.random.default_rng(0), pa.scalar("", pa.large_string())

def block(rows):
    patients = pa.array(rng.integers(1, 50_000, rows))
    text = pc.binary_join_element_wise(patients.cast(pa.large_string()), pa.scalar("x" * 90, pa.large_string()), empty)
    times = pa.array(rng.integers(0, 10**15, rows), pa.timestamp("us"))
    return pa.table([patients, times, text], schema=table.arrow_schema)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10

class Watch:
    # Checks what is written and lets it go; what may be taken back is kept on disk.

    def __init__(self):
        self.rows, self.ordered, self.last = 0, True, {}

    def write(self, name, piece):
        patients, times = piece["subject_id"].to_numpy(), piece["time"].cast(pa.int64()).to_numpy()
        later = (patients[1:] > patients[:-1]) | ((patients[1:] == patients[:-1]) & (times[1:] >= times[:-1]))
        first = (int(patients[0]), int(times[0]))
        self.ordered = bool(self.ordered and later.all() and first >= self.last.get(name, (0, 0)))
        self.last[name] = (int(patients[-1]), int(times[-1]))
        self.rows += piece.num_rows
        with pa.OSFile(f"{scratch}/{name}.written", "wb") as file, pa.ipc.new_stream(file, piece.schema) as out:
            out.write_table(piece)

    def take_back(self, name):
        if name not in self.last:
            return
        with pa.OSFile(f"{scratch}/{name}.written", "rb") as file:
            back = pa.ipc.open_stream(file).read_all()
        self.rows -= back.num_rows
        del self.last[name]
        yield back

    def finish(self, name):
        pass

watch = Watch()
with ShardSorter(table, shards, wanted, watch, scratch=pathlib.Path(scratch) / "s", budget=budget) as sorter:
    sorter.add(block(50_000))
    before, streamed = peak(), 0
    for _ in range(blocks - 1):
        some = block(50_000)
        streamed += some.nbytes
        sorter.add(some)
    sorter.finish()
result = {"streamed": streamed, "rows": watch.rows, "grew": peak() - before, "ordered": watch.ordered}
pathlib.Path(scratch, "result.json").write_text(json.dumps(result))
"""


# So many blocks that half of them is far above what threads and allocators may hold, which is never twice the same.
@pytest.mark.parametrize(
    ("shards", "wanted", "blocks"), [(2, ["00", "01"], 100), (64, ["07"], 60)], ids=["all shards", "one shard of many"]
)
def test_memory_stays_bounded_however_long_the_file(tmp_path, child, shards, wanted, blocks):
    process = child(STREAM, scratch=str(tmp_path), shards=shards, wanted=wanted, budget=8 << 20, blocks=blocks)
    process.join(timeout=120)
    assert process.exitcode == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["ordered"]
    assert result["rows"] == 50_000 * blocks if shards == 2 else 20_000 < result["rows"] < 80_000
    assert result["streamed"] > 300 << 20
    assert result["grew"] < result["streamed"] / 2


# --- The whole path, as the asset runs it ---------------------------------------------------------------------------


def test_a_table_without_patients_keeps_the_order_of_its_file(tmp_path):
    table, lake = TABLES["mimic/hosp/d_labitems"], Lake(root=str(tmp_path / "lake"), subject_shards=2)
    text = ",".join(table.column_names) + "\n2,Second,Blood,Gas\n1,First,,Gas\n"
    loaded = load(BytesIO(text.encode()), "d_labitems.csv", table, lake, None, scratch=tmp_path / "scratch")
    assert {name: file.rows for name, file in loaded.stored.items()} == {None: 2}
    assert lake.scan(table.path).collect().rows() == [(2, "Second", "Blood", "Gas"), (1, "First", None, "Gas")]


def test_rows_of_a_file_lie_sorted_in_the_shard_of_their_patient(tmp_path):
    table, lake = TABLES["mimic/ed/vitalsign"], Lake(root=str(tmp_path / "lake"), subject_shards=2)
    assert len(set(table.sort_by)) == len(table.sort_by), "its time is part of its key"
    rows = [f"{s},{s}0,2150-01-0{day} 00:00:00,,,,,,,,\n" for day in (2, 1) for s in (3, 1, 2)]
    text = ",".join(table.column_names) + "\n" + "".join(rows)
    loaded = load(BytesIO(text.encode()), "vitalsign.csv", table, lake, ["00", "01"], scratch=tmp_path / "scratch")
    assert sum(file.rows for file in loaded.stored.values()) == 6
    for name in ("00", "01"):
        found = lake.scan(table.path, [name]).collect()
        assert set(shard_of(found["subject_id"].to_numpy(), 2)) <= {int(name)}
        assert found.equals(found.sort("subject_id", "charttime"))
    assert not list(tmp_path.glob("scratch/*"))
