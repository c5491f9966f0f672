"""Assets see as many shards as their run was given, and give the same rows however the shards were run."""

import dagster as dg
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from clinical_assets.partitions import BACKFILL_IN_ONE_RUN, all_of
from resources.lake import FILE, Lake, LakeError
from resources.lake_io_manager import LakeIOManager, absent_input
from resources.sharding import shard_names, shard_of

pytestmark = pytest.mark.filterwarnings("ignore:.*backfill_policy", "ignore:InitResourceContext.dagster_run")

NAMES = shard_names(4)
SHARDED = {"partitions_def": dg.StaticPartitionsDefinition(NAMES), "backfill_policy": BACKFILL_IN_ONE_RUN}
VISITS = pl.DataFrame(
    {
        "subject_id": [p for p in range(1, 40) for _ in range(p % 4)],
        "hours": [h * 7 % 23 for p in range(1, 40) for h in range(p % 4)],
    }
)
ABSENT = pa.schema([("subject_id", pa.int64()), ("seen", pa.timestamp("us")), ("note", pa.large_string())])


def in_shards(names: list[str]) -> pl.LazyFrame:
    shard = pl.Series([NAMES[n] for n in shard_of(VISITS["subject_id"].to_numpy(), 4)])
    return VISITS.filter(shard.is_in(names)).lazy()


@dg.asset(key_prefix="stays", code_version="v7", io_manager_key="io", **SHARDED)
def visits(context: dg.AssetExecutionContext) -> pl.LazyFrame:
    return in_shards(list(context.partition_keys))


@dg.asset(
    key_prefix="stays", ins={"visits": dg.AssetIn(key=visits.key)}, code_version="v1", io_manager_key="io", **SHARDED
)
def long_visits(visits: pl.LazyFrame) -> pl.LazyFrame:
    return visits.filter(pl.col("hours") > 15).with_columns(days=pl.col("hours") / 24)


@dg.asset(ins={"visits": dg.AssetIn(key=visits.key)}, io_manager_key="io")
def visits_in_reading_order(visits: pl.LazyFrame) -> pl.DataFrame:
    return visits.with_row_index("read_as").collect()


@dg.asset(
    ins={"letters": dg.AssetIn(key="letters", metadata=absent_input(ABSENT), input_manager_key="io")},
    io_manager_key="io",
)
def answered_letters(letters: pl.LazyFrame) -> pl.LazyFrame:
    return letters


def run(lake: Lake, assets: list[dg.AssetsDefinition], **how) -> dg.ExecuteInProcessResult:
    upstream = [dg.AssetSpec("letters")] if answered_letters in assets else []
    needed = [] if visits in assets or not {long_visits, visits_in_reading_order} & set(assets) else [visits]
    return dg.materialize(
        [*assets, *upstream, *needed], selection=assets, resources={"io": LakeIOManager(lake=lake)}, **how
    )


def rows(lake: Lake, asset: dg.AssetsDefinition, name: str) -> pl.DataFrame:
    return lake.scan(asset.key.to_user_string(), [name]).collect()


@pytest.fixture(params=["disk", "s3"])
def anywhere(request, lake_at, tmp_path) -> Lake:
    return lake_at(tmp_path / "lake" if request.param == "disk" else f"{request.getfixturevalue('s3')}/lake")


def test_one_shard_alone_equals_that_shard_of_a_range_and_of_all(anywhere, lake_at, tmp_path):
    both = [visits, long_visits]
    run(anywhere, both, partition_key="01")
    run(anywhere, both, tags=all_of(NAMES[2:]))
    assert anywhere.partitions("stays/visits") == anywhere.partitions("stays/long_visits") == ["01", "02", "03"]
    run(anywhere, both, partition_key="00")
    at_once = lake_at(tmp_path / "at once")
    run(at_once, both, tags=all_of(NAMES))
    for name in NAMES:
        assert_frame_equal(rows(anywhere, visits, name), in_shards([name]).collect())
        assert_frame_equal(rows(anywhere, long_visits, name), rows(at_once, long_visits, name))
    assert sum(rows(at_once, visits, name).height for name in NAMES) == VISITS.height


def test_a_run_changes_no_shard_but_its_own(lake):
    run(lake, [visits], tags=all_of(NAMES))
    before = lake.filesystem.get_file_info([lake._file("stays/visits", name) for name in NAMES])
    run(lake, [visits], partition_key="02")
    after = lake.filesystem.get_file_info([lake._file("stays/visits", name) for name in NAMES])
    assert [a.mtime_ns != b.mtime_ns for a, b in zip(before, after, strict=True)] == [False, False, True, False]


def test_an_unpartitioned_reader_gets_all_shards_in_their_order(anywhere):
    run(anywhere, [visits], tags=all_of(NAMES))
    run(anywhere, [visits_in_reading_order])
    read = anywhere.scan("visits_in_reading_order").collect()
    assert_frame_equal(read.drop("read_as"), pl.concat([in_shards([name]).collect() for name in NAMES]))
    assert read["read_as"].is_sorted()


def test_an_input_the_sources_lack_is_an_empty_frame_of_its_types(lake):
    run(lake, [answered_letters])
    empty = lake.scan("answered_letters").collect()
    assert empty.height == 0
    assert empty.schema == pl.Schema({"subject_id": pl.Int64, "seen": pl.Datetime("us"), "note": pl.String})


def test_an_input_that_was_never_made_is_named(lake):
    result = run(lake, [long_visits], partition_key="00", raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "Materialize stays/visits" in str(failure.event_specific_data)


def test_rows_of_shards_that_the_run_was_not_given_are_refused(lake):
    @dg.asset(key_prefix="stays", io_manager_key="io", **SHARDED)
    def everyone() -> pl.DataFrame:
        return VISITS

    with pytest.raises(LakeError, match=r"expected rows of partitions \['01'\]; found rows of '00'"):
        run(lake, [everyone], partition_key="01")
    assert lake.partitions("stays/everyone") == []
    run(lake, [everyone], tags=all_of(NAMES))
    assert sum(rows(lake, everyone, name).height for name in NAMES) == VISITS.height


def test_a_row_without_a_patient_is_refused(lake):
    @dg.asset(io_manager_key="io", **SHARDED)
    def unknown() -> pl.DataFrame:
        return pl.DataFrame({"subject_id": [1, None]})

    with pytest.raises(ValueError, match="1 of 2 missing"):
        run(lake, [unknown], tags=all_of(NAMES))


def test_a_shard_without_rows_has_a_file_with_all_columns(lake):
    @dg.asset(io_manager_key="io", **SHARDED)
    def nobody() -> pl.LazyFrame:
        return in_shards([]).with_columns(seen=pl.lit(None, pl.Date))

    run(lake, [nobody], tags=all_of(NAMES))
    assert lake.partitions("nobody") == NAMES
    assert rows(lake, nobody, "03").schema == pl.Schema({"subject_id": pl.Int64, "hours": pl.Int64, "seen": pl.Date})


def test_every_shard_of_a_range_run_reports_its_own_rows_bytes_and_place(lake):
    events = run(lake, [visits], tags=all_of(NAMES)).asset_materializations_for_node("stays__visits")
    assert sorted(event.partition for event in events) == NAMES
    for event in events:
        metadata = {name: value.value for name, value in event.metadata.items()}
        file = lake.filesystem.get_file_info(lake._file("stays/visits", event.partition))
        assert metadata["dagster/partition_row_count"] == rows(lake, visits, event.partition).height
        assert metadata["dagster/uri"] == lake.location("stays/visits", event.partition)
        assert metadata["size_bytes"] == file.size


def test_an_unpartitioned_table_reports_its_rows(lake):
    run(lake, [visits], tags=all_of(NAMES))
    (event,) = run(lake, [visits_in_reading_order]).asset_materializations_for_node("visits_in_reading_order")
    assert event.partition is None
    assert event.metadata["dagster/row_count"].value == VISITS.height
    assert event.metadata["dagster/uri"].value.endswith(f"/visits_in_reading_order/{FILE}")


def test_files_say_which_code_and_inputs_they_come_from(lake):
    run(lake, [visits, long_visits], tags=all_of(NAMES))
    made_of_visits, made_of_nothing = (
        {key.decode(): value.decode() for key, value in lake.stored(f"stays/{table}", "01").metadata.items()}
        for table in ("long_visits", "visits")
    )
    assert made_of_nothing["code_version"] == "v7"
    assert made_of_visits["code_version"] == "v1"
    assert made_of_visits["input:stays/visits"] == lake.version("stays/visits")
    assert len(made_of_visits["version"]) == 16
