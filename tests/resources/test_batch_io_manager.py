"""Tables cut by batches of patients: batch by batch as at once, every patient once, and only his rows of a shard."""

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from clinical_assets.partitions import BACKFILL_IN_ONE_RUN, PATIENT_BATCH, all_of
from resources import patient_batches
from resources.lake import Lake, LakeError
from resources.lake_io_manager import BatchIOManager, LakeIOManager, rows_of_subjects
from resources.sharding import shard_name, shard_names, shard_of

pytestmark = pytest.mark.filterwarnings("ignore:.*backfill_policy", "ignore:InitResourceContext.dagster_run")

BATCHED = {"partitions_def": PATIENT_BATCH, "backfill_policy": BACKFILL_IN_ONE_RUN, "io_manager_key": "batch_io"}
VISITS = pl.DataFrame({"subject_id": [n for n in range(1, 30) for _ in range(n % 3)]}).with_row_index("visit")
PATIENTS = [str(n) for n in range(1, 13)]

visits = dg.AssetSpec("visits", partitions_def=dg.StaticPartitionsDefinition(shard_names(4)))


@dg.asset(
    ins={"visits": dg.AssetIn(key="visits", input_manager_key="batch_io", partition_mapping=dg.AllPartitionMapping())},
    **BATCHED,
)
def letters(visits: pl.LazyFrame) -> pl.LazyFrame:
    return visits.select("visit", patient_id=pl.col("subject_id").cast(pl.String)).sort("patient_id", "visit")


@dg.asset(ins={"letters": dg.AssetIn(key="letters", input_manager_key="batch_io")}, **BATCHED)
def counted(letters: pl.LazyFrame) -> pl.LazyFrame:
    return letters.group_by("patient_id").len("letters").sort("patient_id")


@dg.asset(**BATCHED)
def strangers() -> pl.DataFrame:
    return pl.DataFrame({"patient_id": ["1", "not of this batch"]})


@pytest.fixture
def stored(lake: Lake, warehouse) -> Lake:
    """A lake with the visits in shards; two cohorts of batches, of which three patients are in both."""
    shard = pl.Series(shard_of(VISITS["subject_id"].to_numpy(), 4))
    with lake.write("visits", VISITS.head(0).to_arrow().schema, shard_names(4), {"version": "v1"}) as writer:
        for number in range(4):
            writer.write(shard_name(number, 4), VISITS.filter(shard == number).to_arrow())
    patient_batches.cut(warehouse, "all", "ids", "", PATIENTS, 5)
    patient_batches.cut(warehouse, "board", "ids", "", ["2", "5", "11"], 5)
    return lake


@pytest.fixture
def instance(warehouse, stored):
    with dg.DagsterInstance.ephemeral() as instance:
        names = patient_batches.batches(warehouse)["patient_batch"].to_list()
        instance.add_dynamic_partitions("patient_batch", names)
        yield instance


def run(lake, warehouse, instance, *assets, **how):
    resources = {"io": LakeIOManager(lake=lake), "batch_io": BatchIOManager(lake=lake, warehouse=warehouse)}
    return dg.materialize(
        [letters, counted, strangers, visits], selection=list(assets), resources=resources, instance=instance, **how
    )


def test_one_batch_alone_equals_that_batch_of_a_range(stored, warehouse, instance, lake_at, tmp_path):
    names = instance.get_dynamic_partitions("patient_batch")
    assert names == ["all-00001", "all-00002", "all-00003", "board-00001"]
    run(stored, warehouse, instance, letters, counted, tags=all_of(names))
    at_once = {(t, n): stored.scan(t, [n]).collect() for t in ("letters", "counted") for n in names}
    for name in names:
        run(stored, warehouse, instance, letters, counted, partition_key=name)
    for (table, name), rows in at_once.items():
        assert_frame_equal(stored.scan(table, [name]).collect(), rows)


def test_a_patient_of_two_batches_is_seen_once_and_written_to_both(stored, warehouse, instance):
    names = instance.get_dynamic_partitions("patient_batch")
    run(stored, warehouse, instance, letters, counted, tags=all_of(names))
    board = stored.scan("counted", ["board-00001"]).collect()
    assert dict(board.iter_rows()) == {"2": 2, "5": 2, "11": 2}
    whole = stored.scan("counted", names[:3]).collect()
    expected = {str(n): n % 3 for n in range(1, 13) if n % 3}
    assert dict(whole.iter_rows()) == expected


def test_of_a_sharded_table_only_the_patients_rows_come_and_ids_are_taken_as_written(stored):
    found = rows_of_subjects(stored, "visits", pl.Series(["5", "007", "P-8", "99999"])).collect()
    assert set(found["subject_id"]) == {5}
    assert rows_of_subjects(stored, "visits", pl.Series([], dtype=pl.String)).collect().is_empty()
    (only,) = shard_of(pl.Series([5]).to_numpy(), 4)
    for shard in shard_names(4):
        if shard != shard_name(int(only), 4):
            stored.filesystem.delete_file(stored._file("visits", shard))
    assert rows_of_subjects(stored, "visits", pl.Series(["5"])).collect().height == 2, "other shards were not opened"


def test_rows_of_other_patients_are_refused_and_nothing_is_written(stored, warehouse, instance):
    with pytest.raises(LakeError, match="found 1 rows of other patients"):
        run(stored, warehouse, instance, strangers, partition_key="all-00001")
    assert stored.partitions("strangers") == []


def test_what_a_batch_was_made_from_is_recorded(stored, warehouse, instance):
    run(stored, warehouse, instance, letters, partition_key="all-00001")
    assert stored.stored("letters", "all-00001").metadata[b"input:visits"] == stored.version("visits").encode()
