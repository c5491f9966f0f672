"""The generated checks on a stored table: right in one-shard and range runs, and blocking what follows a fault."""

from pathlib import Path

import dagster as dg
import polars as pl
import pyarrow as pa
import pytest

from clinical_assets.declaration import (
    LAKE_IO_MANAGER,
    Declaration,
    Site,
    TableMismatchError,
    asset_arguments,
    conform,
)
from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.mimic.inventory import Inventory
from clinical_assets.partitions import all_of
from clinical_assets.settings import Settings
from clinical_assets.table_checks import findings, reference_path, table_checks
from clinical_assets.tables import Column, Table, Type
from resources.lake import Lake
from resources.lake_io_manager import LakeIOManager
from resources.sharding import shard_of

STAYS = Table(
    key=("stays", "things"),
    grain="one row per thing",
    meaning="Things that happened to patients.",
    primary_key=("thing_id",),
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient."),
        Column(name="thing_id", type=Type.INTEGER, nullable=False, meaning="The thing."),
        Column(name="value", type=Type.FLOAT, plausible=(0, 10), unit="mg/dL", meaning="Its value."),
    ),
)
AFTER = Table(
    key=("features", "after"),
    grain="one row per thing",
    meaning="What follows.",
    primary_key=("thing_id",),
    columns=(STAYS.columns[0], STAYS.columns[1]),
)
STAYS_KEY = dg.AssetKey(list(STAYS.key))
PATIENTS = list(range(100, 140))


@pytest.fixture
def world(tmp_path):
    """A site of four shards with two assets, the second after the first; what the first makes can be set."""
    site = Site(
        Settings.load(home=tmp_path, subject_shards=4, sources=str(tmp_path)), Inventory(str(tmp_path), {}, seen=True)
    )
    rows = {"now": pl.DataFrame({"subject_id": PATIENTS, "thing_id": PATIENTS, "value": [1.0] * 40})}
    lake = Lake(root=str(tmp_path / "lake"), subject_shards=4)

    def things_of_shard(context: dg.AssetExecutionContext) -> pl.LazyFrame:
        wanted = [int(k) for k in context.partition_keys]
        shard = pl.Series(shard_of(rows["now"]["subject_id"].to_numpy(), 4))
        return conform(rows["now"].filter(shard.is_in(wanted)).lazy(), STAYS)

    first = dg.asset(**asset_arguments(STAYS, site, "1"), io_manager_key=LAKE_IO_MANAGER)(things_of_shard)

    def after(things: pl.LazyFrame) -> pl.LazyFrame:
        return things.select("subject_id", "thing_id")

    second = Declaration(AFTER, after, {"things": "stays/things"}).build(site)
    definitions = dg.Definitions(
        assets=[first, second],
        asset_checks=[table_checks(STAYS, site), table_checks(AFTER, site)],
        jobs=[dg.define_asset_job("all", "*")],
        resources={"lake": lake, LAKE_IO_MANAGER: LakeIOManager(lake=lake)},
    )
    instance = dg.DagsterInstance.ephemeral()

    def run(**how):
        return definitions.resolve_job_def("all").execute_in_process(instance=instance, raise_on_error=False, **how)

    return rows, run, lake


EVERYTHING = all_of(["00", "03"])


def verdicts(result):
    return {(e.asset_key.to_user_string(), e.check_name): e.passed for e in result.get_asset_check_evaluations()}


def test_a_good_table_passes_every_check_in_a_range_run(world):
    _, run, lake = world
    result = run(tags=EVERYTHING)
    assert result.success
    assert set(verdicts(result).values()) == {True}
    assert ("stays/things", "plausible") in verdicts(result)
    assert lake.scan("features/after", lake.partitions("features/after")).collect().height == 40


def test_a_repeated_key_stops_everything_downstream(world):
    rows, run, lake = world
    rows["now"] = pl.concat([rows["now"], rows["now"].head(1)])
    result = run(tags=EVERYTHING)
    assert not result.success
    assert verdicts(result)[("stays/things", "key")] is False
    assert lake.partitions("features/after") == []


def test_a_null_where_none_is_allowed_stops_everything_downstream(world):
    rows, run, lake = world
    rows["now"] = rows["now"].with_columns(
        thing_id=pl.when(pl.col("subject_id") == 107).then(None).otherwise("thing_id")
    )
    result = run(tags=EVERYTHING)
    assert verdicts(result)[("stays/things", "schema")] is False
    assert lake.partitions("features/after") == []


def test_an_implausible_value_warns_and_lets_everything_pass(world):
    rows, run, lake = world
    rows["now"] = rows["now"].with_columns(value=pl.lit(11.0))
    result = run(tags=EVERYTHING)
    assert result.success
    assert verdicts(result)[("stays/things", "plausible")] is False
    assert len(lake.partitions("features/after")) == 4


def test_a_one_shard_run_never_hides_another_shards_fault(world):
    rows, run, _ = world
    shard = {p: int(shard_of(pl.Series([p]).to_numpy(), 4)[0]) for p in PATIENTS}
    in_third = next(p for p in PATIENTS if shard[p] == 3)
    good = rows["now"]
    rows["now"] = pl.concat([good, good.filter(pl.col("subject_id") == in_third)])
    assert verdicts(run(tags=EVERYTHING))[("stays/things", "key")] is False
    rows["now"] = good
    assert verdicts(run(partition_key="00"))[("stays/things", "key")] is False
    assert verdicts(run(partition_key="03"))[("stays/things", "key")] is True


def test_shards_of_another_version_are_named_and_the_others_judged_by_every_rule(world):
    _, run, lake = world
    run(tags=EVERYTHING)
    older = lake.scan(STAYS.path, ["03"]).drop("value").collect().to_arrow()
    with lake.write(STAYS.path, older.schema, ["03"], {}) as writer:
        writer.write("03", older)
    result = run(partition_key="00")
    judged = {e.check_name: e for e in result.get_asset_check_evaluations() if e.asset_key == STAYS_KEY}
    assert {name: each.passed for name, each in judged.items()} == {
        "schema": False, "key": True, "plausible": True, "missingness": True,
    }  # fmt: skip
    said = judged["schema"].description
    assert "found 1 partitions with others, the first 03" in said
    assert "Materialize stays/things for them" in said
    assert "features/after" not in {e.asset_key.to_user_string() for e in result.get_asset_materialization_events()}
    assert verdicts(run(tags=EVERYTHING))[("stays/things", "schema")] is True


def test_where_every_shard_is_of_another_version_the_schema_says_what_differs(world):
    _, run, lake = world
    run(tags=EVERYTHING)
    for shard in lake.partitions(STAYS.path):
        older = lake.scan(STAYS.path, [shard]).drop("value").collect().to_arrow()
        with lake.write(STAYS.path, older.schema, [shard], {}) as writer:
            writer.write(shard, older)
    finding = dict(findings(lake, STAYS, {}, None, ["schema"]))["schema"]
    assert not finding.passed
    assert [dict(row) for row in finding.rows] == [{"column": "value", "expected": "Float64", "found": "missing"}]


def test_a_rule_that_returns_other_columns_is_refused_by_name():
    frame = pl.LazyFrame({"subject_id": [1], "thing_id": ["1"], "more": [2]})
    with pytest.raises(TableMismatchError) as refused:
        conform(frame, STAYS)
    assert "more: not declared" in str(refused.value)
    assert "value: missing" in str(refused.value)
    assert "thing_id: expected Int64, found String" in str(refused.value)


def test_rows_of_a_table_without_a_key_have_an_order_that_depends_on_the_rows_alone():
    table = Table(key=("g", "t"), grain="one", meaning="A table.", columns=STAYS.columns)
    frame = pl.DataFrame(
        {"subject_id": [1, 1, 1], "thing_id": [3, 1, 2], "value": [1.0, None, 2.0]}, schema=table.polars_schema
    )
    orders = [conform(frame.sample(fraction=1, shuffle=True, seed=s).lazy(), table).collect() for s in range(5)]
    assert all(order.equals(orders[0]) for order in orders)


def test_references_are_read_within_mimic_unless_they_name_a_group():
    assert reference_path("hosp/patients.subject_id") == "mimic/hosp/patients.subject_id"
    assert reference_path("stays/icu_stays.stay_id") == "stays/icu_stays.stay_id"


def test_no_file_of_the_project_is_imported_by_the_resources():
    for source in (Path(__file__).parents[1] / "resources").rglob("*.py"):
        text = source.read_text()
        assert "import clinical_assets" not in text, source
        assert "from clinical_assets" not in text, source
        assert "from sensors" not in text, source


@pytest.fixture
def images(lake, tmp_path):
    """X-ray images with one id twice, and what their key check says."""
    site = Site(Settings.load(home=tmp_path, subject_shards=4), Inventory(root="nowhere", files={}))
    table = TABLES["mimic/cxr/metadata"]
    row = dict.fromkeys(table.column_names) | {"dicom_id": "a", "subject_id": 100, "study_id": 1}
    with lake.write(table.path, table.arrow_schema, ["00", "01", "02", "03"], {}) as out:
        out.write("00", pa.Table.from_pylist([row, row], schema=table.arrow_schema))
    checks = table_checks(table, site)
    keys = dg.AssetSpec(dg.AssetKey(list(table.key)))
    job = dg.Definitions(
        assets=[keys],
        asset_checks=[checks],
        jobs=[dg.define_asset_job("judge", dg.AssetSelection.all_asset_checks())],
        resources={"lake": lake},
    ).resolve_job_def("judge")
    found = job.execute_in_process(instance=dg.DagsterInstance.ephemeral()).get_asset_check_evaluations()
    return checks, {result.check_name: result for result in found}


def test_a_repeated_key_that_all_readers_leave_out_warns_and_stops_nothing(images):
    checks, found = images
    assert {spec.name: spec.blocking for spec in checks.check_specs if spec.name in ("schema", "key")} == {
        "schema": True,
        "key": False,
    }
    assert (found["key"].passed, found["key"].severity) == (False, dg.AssetCheckSeverity.WARN)
