"""Observations in the graph: on the CinC 2019 challenge's patients, from a folder or S3; absent, or refused."""

import gzip
from datetime import datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from clinical_assets.definitions import build_definitions, check_specs, site_of, stored_tables
from clinical_assets.features import observation_sources as sources
from clinical_assets.features.observation_assets import absence
from clinical_assets.features.observation_files import COLUMNS
from clinical_assets.features.observation_folder import OBSERVATION_RECORDS, subject_id_of
from clinical_assets.features.observation_sets import OBSERVATIONS
from clinical_assets.partitions import all_of
from clinical_assets.settings import Settings
from resources.lake import Lake

CINC = next(iter(sorted((Path(__file__).parents[3] / "shared" / "data" / "cinc2019").glob("*.parquet"))), None)
PATIENTS = 300
SHARDS = ["00", "01"]
KEYS = [dg.AssetKey(list(table.key)) for table in (OBSERVATION_RECORDS, OBSERVATIONS)]
GOOD = "c1,v1,pulseRate,88,60,100,2150-03-01 12:30:00,0"


def site(home, root):
    return site_of(Settings.load(home=home, sources=str(root), subject_shards=2))


def materialize(of_site, keys=KEYS, **how):
    definitions = build_definitions(of_site.settings)
    selection = dg.AssetSelection.assets(*keys)
    job = dg.define_asset_job("observations", selection)
    job = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def("observations")
    return job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), raise_on_error=False, **how)


def stored(of_site, table):
    lake = Lake(root=of_site.settings.lake_root, subject_shards=2)
    return {shard: lake.scan(table.path, [shard]).collect() for shard in lake.partitions(table.path)}


@pytest.fixture(scope="module")
def hours():
    if CINC is None:
        pytest.skip("the CinC 2019 data are not at ../shared")
    every = pl.scan_parquet(CINC)
    some = every.select(pl.col("patient_id").unique().sort()).head(PATIENTS)
    return every.join(some, on="patient_id", how="semi").collect().lazy()


@pytest.fixture(scope="module")
def cinc(tmp_path_factory, hours):
    """The challenge as a hospital would send it: a packed CSV and a Parquet file, and the moments of prediction."""
    root = tmp_path_factory.mktemp("cinc") / "sources"
    folder = root / "observations"
    folder.mkdir(parents=True)
    long = sources.from_cinc2019(hours).collect()
    first = pl.col("client").str.tail(1).is_in(list("02468"))
    with gzip.open(folder / "first.csv.gz", "wb") as file:
        long.filter(first).write_csv(file)
    long.filter(~first).write_parquet(folder / "second.parquet")
    sources.cinc2019_index_times(hours, 12).collect().write_csv(folder / "index_times.csv")
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory, cinc):
    """Both tables, all shards in one run."""
    at_once = site(tmp_path_factory.mktemp("at_once"), cinc)
    result = materialize(at_once, tags=all_of(SHARDS))
    assert result.success
    return at_once, result


def test_every_observation_of_the_challenge_is_kept_with_where_it_came_from(made, hours):
    records = pl.concat(stored(made[0], OBSERVATION_RECORDS).values())
    sent = sources.from_cinc2019(hours).collect()
    assert records.height == sent.height > 30_000
    assert set(records["source_file"]) == {"first.csv.gz", "second.parquet"}
    same = ["visit_id", "observation_type_code", "observation_date", "observation_value"]
    assert records.select(same).sort(same).equals(sent.select(same).sort(same))
    assert records["subject_id"].to_list()[0] == subject_id_of(records["client"].to_list()[0])


def test_features_are_those_of_the_hours_before_the_index_time(made, hours):
    found = pl.concat(stored(made[0], OBSERVATIONS).values()).sort("visit_id")
    at = sources.cinc2019_index_times(hours, 12).collect()
    assert found["visit_id"].to_list() == sorted(at["visit_id"])
    direct = (
        hours.filter(pl.col("ICULOS") < 12)
        .group_by(visit_id="patient_id")
        .agg(mean=pl.col("HR").mean(), highest=pl.col("Creatinine").max(), times=pl.col("SBP").count())
        .collect()
    )
    both = found.join(direct, on="visit_id", how="left")
    for ours, theirs in (("pulseRate_mean", "mean"), ("renalMarker_max", "highest")):
        assert both[ours].is_null().equals(both[theirs].is_null()), ours
        assert ((both[ours] - both[theirs]).abs() > 1e-6).sum() == 0, ours
    assert both["bpUpper_count"].cast(pl.Int64).equals(both["times"].fill_null(0).cast(pl.Int64), check_names=False)
    septic = hours.group_by("patient_id").agg(pl.col("SepsisLabel").max()).collect()
    labels = found.join(septic, left_on="visit_id", right_on="patient_id")
    assert (labels["condition_present"] == (labels["SepsisLabel"] == 1)).all()


def test_one_shard_at_a_time_gives_the_same_rows(made, cinc, tmp_path):
    one_by_one = site(tmp_path, cinc)
    for shard in reversed(SHARDS):
        assert materialize(one_by_one, partition_key=shard).success
    for table in (OBSERVATION_RECORDS, OBSERVATIONS):
        at_once, apart = stored(made[0], table), stored(one_by_one, table)
        assert sorted(at_once) == sorted(apart) == SHARDS
        assert all(at_once[shard].equals(apart[shard], null_equal=True) for shard in SHARDS), table.path
        assert all(frame.height for frame in apart.values())


def test_checks_lineage_and_counts_come_with_the_tables_and_tell_no_patient(made):
    _, result = made
    judged = {(e.asset_key.path[-1], e.check_name): e.passed for e in result.get_asset_check_evaluations()}
    assert judged["observation_records", "key"]
    assert judged["observation_records", "schema"]
    assert judged["observations", "feature_missingness"]
    assert judged["observations", "feature_drift"]
    events = result.get_asset_materialization_events()
    of_features = next(e for e in events if e.asset_key == KEYS[1]).materialization.metadata
    lineage = of_features["dagster/column_lineage"].value.deps_by_column
    assert {dep.column_name for dep in lineage["pulseRate_mean"]} == {"observation_value"}
    of_records = next(e for e in events if e.asset_key == KEYS[0]).materialization.metadata
    assert of_records["files"].value == 2
    assert "p10" not in str({name: value.value for name, value in of_records.items() if name != "dagster/uri"})


def test_a_site_without_the_folder_has_no_such_tables_and_says_so(tmp_path):
    without = site(tmp_path / "home", tmp_path / "nothing")
    assert "no observations in the long format" in absence(without)
    assert {t.path for t in stored_tables(without)} & {OBSERVATION_RECORDS.path, OBSERVATIONS.path} == set()
    definitions = build_definitions(without.settings)
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert not set(KEYS) & keys
    assert dg.AssetKey(["features", "icu_observations"]) in keys
    assert not [spec for spec in check_specs(definitions) if spec.asset_key in KEYS]


def test_a_file_that_cannot_be_read_is_refused_by_row_and_the_table_stays_as_it_was(tmp_path):
    folder = tmp_path / "sources" / "observations"
    folder.mkdir(parents=True)
    header = ",".join(COLUMNS)
    (folder / "a.csv").write_text(f"{header}\n{GOOD}\n")
    place = site(tmp_path / "home", tmp_path / "sources")
    assert absence(place) is None
    assert materialize(place, KEYS[:1], tags=all_of(SHARDS)).success
    before = stored(place, OBSERVATION_RECORDS)
    (folder / "a.csv").write_text(f"{header}\n{GOOD}\n{GOOD.replace('88', '88 bpm')}\n")
    result = materialize(place, KEYS[:1], tags=all_of(SHARDS))
    failure = next(e for e in result.all_events if e.is_step_failure).event_specific_data
    said = failure.error.message + str(failure.user_failure_data)
    assert "a.csv: 1 rows can't be read. Row 2, column observation_value: expected a number or nothing" in said
    after = stored(place, OBSERVATION_RECORDS)
    assert all(before[shard].equals(after[shard]) for shard in SHARDS)
    assert not list((tmp_path / "home" / "scratch").iterdir())


def test_observations_are_read_from_s3(s3, tmp_path):
    from resources.places import filesystem_of

    filesystem, root = filesystem_of(s3)
    with filesystem.open_output_stream(f"{root}/sources/observations/a.csv.gz", compression=None) as file:
        file.write(gzip.compress(f"{','.join(COLUMNS)}\n{GOOD}\n".encode()))
    parquet = pl.DataFrame(
        {
            "client": ["c2"], "visit_id": ["v2"], "observation_type_code": ["pulseRate"], "observation_value": [70.0],
            "reference_range_min": [60.0], "reference_range_max": [100.0],
            "observation_date": [datetime(2150, 3, 1, 8)], "condition_present": [True],
        }
    )  # fmt: skip
    parquet.write_parquet(tmp_path / "b.parquet")
    with filesystem.open_output_stream(f"{root}/sources/observations/b.parquet") as file:
        file.write((tmp_path / "b.parquet").read_bytes())
    place = site_of(Settings.load(home=tmp_path / "home", sources=f"{s3}/sources", subject_shards=2))
    assert materialize(place, tags=all_of(SHARDS)).success
    assert sorted(pl.concat(stored(place, OBSERVATIONS).values())["visit_id"]) == ["v1", "v2"]
