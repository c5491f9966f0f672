"""What the graph declares: it loads with nothing around it, and no asset is without what a reader needs to know."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from clinical_assets.declaration import BATCHED_GROUPS
from clinical_assets.definitions import build_definitions, check_specs
from clinical_assets.partitions import PATIENT_BATCH
from clinical_assets.settings import Settings
from clinical_assets.table_checks import BLOCKING

ROOT = Path(__file__).parents[1]
SNAPSHOT = Path(__file__).parent / "golden" / "asset_specs.json"


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    """Of a site with no data at all: the newest release of every data set stands in."""
    home = tmp_path_factory.mktemp("home")
    return build_definitions(Settings.load(home=home, sources=str(home / "nowhere")))


@pytest.fixture(scope="module")
def specs(definitions):
    return sorted(definitions.resolve_all_asset_specs(), key=lambda s: s.key)


def test_definitions_load_with_no_network_no_data_and_no_environment(tmp_path):
    code = (
        "import socket\n"
        "def refused(*a, **k): raise OSError('no network')\n"
        "socket.socket.connect = refused\n"
        "socket.getaddrinfo = refused\n"
        "import dagster as dg\n"
        "from clinical_assets.definitions import defs\n"
        "loaded = defs() if callable(defs) else defs.load()\n"
        "dg.Definitions.validate_loadable(loaded)\n"
        "print(len(list(loaded.resolve_all_asset_specs())))\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:clinical_assets", "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 100
    assert not (tmp_path / ".clinical").exists(), "loading wrote to the disk"


def test_every_asset_says_what_it_is_whose_it_is_and_what_it_holds(specs):
    for spec in specs:
        path = spec.key.to_user_string()
        assert spec.group_name not in (None, "default"), path
        assert spec.group_name == path.split("/")[0], path
        assert len(spec.description or "") > 30, path
        assert spec.owners, path
        assert spec.kinds, path
        assert spec.tags.get("phi") in {"yes", "no", "derived"}, path
        assert spec.code_version, path
        schema = spec.metadata["dagster/column_schema"]
        assert schema.columns, path
        for column in schema.columns:
            assert column.description, f"{path}.{column.name}"


def test_patient_keyed_assets_are_sharded_and_every_partitioned_one_names_its_backfill_policy(definitions):
    for asset in definitions.resolve_asset_graph().asset_nodes:
        if asset.partitions_def is not None:
            assert asset.backfill_policy is not None, asset.key
        if asset.tags.get("phi") == "yes" and asset.is_materializable:
            if asset.group_name in BATCHED_GROUPS:
                assert asset.partitions_def == PATIENT_BATCH, asset.key
            else:
                assert asset.partitions_def.get_partition_keys() == [f"{i:02d}" for i in range(8)], asset.key


def test_every_stored_table_has_a_blocking_schema_check_and_a_key_check_if_it_has_a_key(definitions, specs):
    checks = {(s.asset_key, s.name): s for s in check_specs(definitions)}
    for spec in specs:
        if spec.group_name in {"mimic", "stays", "concepts", "documents", "features"}:
            assert checks[(spec.key, "schema")].blocking, spec.key
            if "\n\nKey: " in spec.description:
                assert (spec.key, "key") in checks, spec.key
    blocking = {check for check, spec in checks.items() if spec.blocking}
    expected = {check for check in checks if check[1] in BLOCKING}
    # Whatever reads images leaves repeated ids out.
    assert {(asset.to_user_string(), name) for asset, name in expected - blocking} == {("mimic/cxr/metadata", "key")}
    assert not {name for _, name in blocking} & {"plausible", "missingness"}


def test_units_are_given_for_measured_columns(specs):
    by_path = {s.key.to_user_string(): s for s in specs}
    columns = {c.name: c for c in by_path["features/mortality_first_day"].metadata["dagster/column_schema"].columns}
    assert "Unit: mm[Hg]." in columns["sbp_min"].description
    assert columns["sbp_min"].tags == {"unit": "mm_Hg"}


def _axis(partitions):
    if partitions == PATIENT_BATCH:
        return [partitions.name]
    return partitions.get_partition_keys()[:1] if partitions else None


def test_the_specs_are_those_of_the_snapshot(specs):
    """Keys, groups, partitions, dependencies and columns. Renew it with UPDATE_SNAPSHOT=1 when a change is meant."""
    found = {
        spec.key.to_user_string(): {
            "partitions": _axis(spec.partitions_def),
            "deps": sorted(d.asset_key.to_user_string() for d in spec.deps) if spec.group_name != "quality" else "all",
            "columns": [c.name for c in spec.metadata["dagster/column_schema"].columns],
        }
        for spec in specs
    }
    text = json.dumps(found, indent=0, sort_keys=True)
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(text)
    assert json.loads(SNAPSHOT.read_text()) == found


def test_jobs_schedules_and_sensors_are_those_expected(definitions):
    repository = definitions.get_repository_def()
    assert {j.name for j in repository.get_all_jobs() if not j.name.startswith("__")} == {
        "patient_tables", "cohort_attrition", "patient_batches", "documents", "risk_models", "predictions",
        "quality_report",
    }  # fmt: skip
    assert {s.name for s in repository.schedule_defs} == {"nightly_patient_tables", "nightly_documents"}
    assert {s.name for s in repository.sensor_defs} == {
        "predictions_after_patient_tables", "quality_report_after_success", "quality_report_after_failure",
        "new_documents", "documents_after_batches",
    }  # fmt: skip


def test_one_asset_per_present_table_and_placeholders_for_what_is_read_but_absent(tmp_path):
    hosp = tmp_path / "mimiciv" / "3.1" / "hosp"
    hosp.mkdir(parents=True)
    (hosp / "patients.csv").write_text("subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n")
    definitions = build_definitions(Settings.load(home=tmp_path / "home", sources=str(tmp_path)))
    nodes = {n.key.to_user_string(): n for n in definitions.resolve_asset_graph().asset_nodes}
    present = {path for path, node in nodes.items() if path.startswith("mimic/") and node.is_materializable}
    assert present == {"mimic/hosp/patients"}
    assert not nodes["mimic/ed/edstays"].is_materializable
    assert "Not among this site's sources" in nodes["mimic/ed/edstays"].description
    assert "mimic/cxr/negbio" not in nodes


def test_materializing_without_sources_says_what_was_looked_for_and_what_to_do(tmp_path):
    definitions = build_definitions(Settings.load(home=tmp_path, sources=str(tmp_path / "nowhere")))
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[dg.AssetKey(["mimic", "icu", "caregiver"])],
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )
    failure = next(e for e in result.all_events if e.is_step_failure)
    said = failure.event_specific_data.error.message + str(failure.event_specific_data.user_failure_data)
    assert "expected PhysioNet releases under" in said
    assert "make demo" in said
