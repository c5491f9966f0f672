"""One shard at a time gives what all shards at once give, and a repeated run changes nothing."""

import dagster as dg
import polars as pl
import pytest

from clinical_assets.definitions import build_definitions, site_of, stored_tables
from clinical_assets.jobs import MODELS_JOB, PATIENT_TABLES, PREDICTIONS_JOB
from clinical_assets.partitions import all_of
from clinical_assets.settings import Settings
from clinical_assets.tables import Axis
from resources.lake import Lake

SHARDS = ["00", "01"]
# The first test waits for two graphs, and the machine may be busy with others: this ends what hangs, nothing else.
pytestmark = pytest.mark.timeout(1_200)


def materialize(definitions, job, **how):
    result = definitions.resolve_job_def(job).execute_in_process(instance=dg.DagsterInstance.ephemeral(), **how)
    assert result.success
    return result


@pytest.fixture(scope="module")
def sites(tmp_path_factory, small_hospital):
    """The same sources twice: all shards in one run, and each shard in a run of its own."""

    def site(name):
        return site_of(Settings.load(home=tmp_path_factory.mktemp(name), sources=str(small_hospital), subject_shards=2))

    at_once, one_by_one = site("at_once"), site("one_by_one")
    whole = build_definitions(at_once.settings)
    materialize(whole, PATIENT_TABLES, tags=all_of(SHARDS))
    materialize(whole, MODELS_JOB, partition_key="mortality")
    materialize(whole, PREDICTIONS_JOB, tags=all_of(SHARDS))
    single = build_definitions(one_by_one.settings)
    for shard in reversed(SHARDS):
        materialize(single, PATIENT_TABLES, partition_key=shard)
    materialize(single, MODELS_JOB, partition_key="mortality")
    for shard in SHARDS:
        materialize(single, PREDICTIONS_JOB, partition_key=shard)
    return at_once, one_by_one


def rows(site, path):
    lake = Lake(root=site.settings.lake_root, subject_shards=2)
    return {shard: lake.scan(path, [shard]).collect() for shard in lake.partitions(path)}


def difference(a, b):
    """The first column that differs. Means may differ in the last digit: polars adds in an order of its own."""
    for name in a.columns:
        if a.schema[name].is_float():
            apart = ((a[name] - b[name]).abs() > 1e-12 * a[name].abs()).any() or not a[name].is_null().equals(
                b[name].is_null()
            )
        else:
            apart = not a[name].equals(b[name], null_equal=True)
        if apart:
            return name
    return None


def test_every_table_is_the_same_shard_by_shard_and_row_by_row(sites):
    at_once, one_by_one = sites
    compared = 0
    for table in stored_tables(at_once):
        if not table.patient_keyed or table.axis is not Axis.SUBJECT_SHARD:
            continue
        a, b = rows(at_once, table.path), rows(one_by_one, table.path)
        assert sorted(a) == sorted(b) == SHARDS, table.path
        for shard in SHARDS:
            assert difference(a[shard], b[shard]) is None, (
                f"{table.path} shard {shard}: {difference(a[shard], b[shard])}"
            )
            compared += a[shard].height
    assert compared > 10_000


def test_shards_share_no_patient(sites):
    whole = rows(sites[0], "mimic/hosp/patients")
    both = pl.concat([frame.select("subject_id") for frame in whole.values()])
    assert both["subject_id"].n_unique() == both.height == 60
    assert all(frame.height for frame in whole.values())


def test_range_runs_report_each_partitions_own_row_count(sites):
    definitions = build_definitions(sites[0].settings)
    result = materialize(
        definitions, PATIENT_TABLES, tags=all_of(SHARDS), asset_selection=[dg.AssetKey(["stays", "patient_splits"])]
    )
    counts = {
        event.partition: event.step_materialization_data.materialization.metadata["dagster/partition_row_count"].value
        for event in result.get_asset_materialization_events()
    }
    whole = rows(sites[0], "stays/patient_splits")
    assert counts == {shard: frame.height for shard, frame in whole.items()}


def test_making_a_table_again_leaves_the_same_bytes(sites):
    site = sites[0]
    definitions = build_definitions(site.settings)
    keys = [dg.AssetKey(["mimic", "icu", "chartevents"]), dg.AssetKey(["concepts", "vitalsign"])]
    folder = site.settings.home / "lake"
    before = {f: f.read_bytes() for k in keys for f in (folder / k.to_user_string()).rglob("*.parquet")}
    materialize(definitions, PATIENT_TABLES, tags=all_of(SHARDS), asset_selection=keys)
    assert {f: f.read_bytes() for f in before} == before


def test_another_number_of_shards_is_refused_with_the_reason(sites, small_hospital):
    settings = Settings.load(home=sites[0].settings.home, sources=str(small_hospital), subject_shards=4)
    result = (
        build_definitions(settings)
        .resolve_job_def(PATIENT_TABLES)
        .execute_in_process(
            instance=dg.DagsterInstance.ephemeral(),
            partition_key="00",
            asset_selection=[dg.AssetKey(["mimic", "hosp", "patients"])],
            raise_on_error=False,
        )
    )
    assert not result.success
    error = next(e for e in result.all_events if e.is_step_failure).event_specific_data.error
    assert "expected subject_shards=4, found 2" in str(error)


def test_lineage_and_versions_come_with_each_materialization(sites):
    definitions = build_definitions(sites[0].settings)
    result = materialize(
        definitions, PATIENT_TABLES, partition_key="01", asset_selection=[dg.AssetKey(["stays", "hospital_stays"])]
    )
    metadata = result.asset_materializations_for_node("stays__hospital_stays")[0].metadata
    lineage = metadata["dagster/column_lineage"].value.deps_by_column
    assert {(d.asset_key.to_user_string(), d.column_name) for d in lineage["gender"]} == {
        ("mimic/hosp/patients", "gender")
    }
    assert metadata["dagster/uri"].value.endswith("/lake/stays/hospital_stays/subject_shard=01/part-0.parquet")
    lake = Lake(root=sites[0].settings.lake_root, subject_shards=2)
    provenance = lake.stored("stays/hospital_stays", "01").metadata
    assert provenance[b"code_version"]
    assert provenance[b"input:mimic/hosp/admissions"] not in (b"", b"absent")
