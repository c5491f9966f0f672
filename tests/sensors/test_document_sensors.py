"""The documents' sensors on real ticks: a change asks once, the cursor moves only with a request."""

import dagster as dg
import pytest

from clinical_assets.jobs import BATCHES_JOB, DOCUMENTS_JOB, jobs
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.sources import Sources
from sensors import documents


@pytest.fixture
def looking():
    """The sensor over a store, its resources bound."""
    sensor, _ = documents.sensors(jobs())
    return sensor


def tick(sensor, root, lake, instance, cursor):
    resources = {
        "lake": lake,
        "sources": Sources(root=str(root / "none")),
        "document_store": DocumentStore(root=str(root)),
    }
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        return sensor.evaluate_tick(context)


def test_documents_that_appear_ask_for_new_batches_once(looking, tmp_path, lake):
    (tmp_path / "manifest.csv").write_text("document_id,patient_id,file\n")
    with dg.DagsterInstance.ephemeral() as instance:
        first = tick(looking, tmp_path, lake, instance, None)
        assert len(first.run_requests) == 1
        again = tick(looking, tmp_path, lake, instance, first.cursor)
        assert again.run_requests == []
        assert again.skip_message == "no change since the last request"
        assert again.cursor == first.cursor
        (tmp_path / "manifest.csv").write_text("document_id,patient_id,file\nd,p,f.txt\n")
        changed = tick(looking, tmp_path, lake, instance, first.cursor)
        assert len(changed.run_requests) == 1
        assert changed.run_requests[0].run_key != first.run_requests[0].run_key
        (tmp_path / "p2").mkdir()
        (tmp_path / "p2" / "a.txt").write_text("With a manifest, files count when it names them.")
        assert tick(looking, tmp_path, lake, instance, changed.cursor).run_requests == []


def test_without_a_manifest_every_new_file_asks(looking, tmp_path, lake):
    (tmp_path / "p1").mkdir()
    (tmp_path / "p1" / "a.txt").write_text("One.")
    with dg.DagsterInstance.ephemeral() as instance:
        first = tick(looking, tmp_path, lake, instance, None)
        (tmp_path / "p1" / "b.txt").write_text("Two.")
        second = tick(looking, tmp_path, lake, instance, first.cursor)
        assert len(second.run_requests) == 1
        (tmp_path / "truth").mkdir()
        (tmp_path / "truth" / "facts.csv").write_text("Not a document.")
        assert tick(looking, tmp_path, lake, instance, second.cursor).run_requests == []


def test_a_store_that_cannot_be_reached_is_no_change(looking, tmp_path, lake, monkeypatch):
    def unreachable(*_args, **_options):
        raise OSError

    monkeypatch.setattr(DocumentStore, "listing", unreachable)
    with dg.DagsterInstance.ephemeral() as instance:
        found = tick(looking, tmp_path, lake, instance, "before")
    assert found.run_requests == []
    assert (found.cursor, "cannot be looked at" in found.skip_message) == ("before", True)


@pytest.fixture(scope="module")
def following():
    """The run-status sensor in definitions that have the two jobs."""

    @dg.asset(key=["documents", "patient_batches"])
    def cut() -> None: ...

    @dg.asset(key=["documents", "index"], group_name="documents")
    def index() -> None: ...

    wanted = {name: job for name, job in jobs().items() if name in (BATCHES_JOB, DOCUMENTS_JOB)}
    sensors = documents.sensors(wanted)
    resources = {"lake": Lake(root="", subject_shards=1), "sources": Sources(root="")}
    return dg.Definitions(
        [cut, index], jobs=list(wanted.values()), sensors=sensors,
        resources={**resources, "document_store": DocumentStore(root="")},
    )  # fmt: skip


@pytest.mark.parametrize("batches", [[], ["c-00001", "c-00002", "c-00003"]])
def test_once_cohorts_are_cut_every_batch_is_gone_through_in_one_run(following, batches):
    sensor = following.get_repository_def().get_sensor_def("documents_after_batches")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("patient_batch", batches)
        run = instance.create_run_for_job(following.resolve_job_def(BATCHES_JOB), status=dg.DagsterRunStatus.SUCCESS)
        event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_SUCCESS.value, job_name=BATCHES_JOB)
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor.name, dagster_event=event, dagster_instance=instance, dagster_run=run
        )
        asked = sensor(context)
    if not batches:
        assert isinstance(asked, dg.SkipReason)
        return
    assert asked.tags["dagster/asset_partition_range_start"] == "c-00001"
    assert asked.tags["dagster/asset_partition_range_end"] == "c-00003"
    assert asked.run_key == f"{DOCUMENTS_JOB}:{run.run_id}"


def test_a_site_without_documents_has_none_of_them():
    assert documents.sensors(jobs(documents=False)) == []
