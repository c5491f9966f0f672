"""The documents' sensors and schedule on real ticks: a change asks once, the cursor moves only with a request."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from clinical_assets.definitions import build_definitions
from clinical_assets.jobs import BATCHES_JOB, DOCUMENTS_JOB, jobs
from clinical_assets.settings import Settings
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.places import filesystem_of
from resources.sources import Sources
from sensors import documents

BATCHES = ["c-00001", "c-00002", "c-00003"]
MADE_FROM_EVENTS = {"documents/timeline", "documents/prioritised", "documents/prioritised_triggers"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The whole graph of a site that has nothing yet: the sensors' requests are checked against it."""
    home = tmp_path_factory.mktemp("home")
    return build_definitions(Settings.load(home=home, sources=str(home / "nowhere"))).get_repository_def()


@pytest.fixture(scope="module")
def looking(repository):
    """The sensor over a store."""
    return repository.get_sensor_def("new_documents")


@pytest.fixture
def instance():
    """Dagster's own storage, with batches of patients."""
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("patient_batch", BATCHES)
        yield made


@pytest.fixture
def tick(looking, repository, lake, instance):
    """Looks at a store, from a cursor on; a tick that gets no further than its requests moves no cursor."""

    def look(store, cursor=None):
        resources = {
            "lake": lake,
            "sources": Sources(root=str(Path(lake.root).parent / "none")),
            "document_store": DocumentStore(root=str(store)),
        }
        with dg.build_sensor_context(
            instance=instance, cursor=cursor, resources=resources, repository_def=repository
        ) as context:
            return looking.evaluate_tick(context)

    return look


def asked(found) -> list[str]:
    return [request.job_name for request in found.run_requests]


def test_documents_that_appear_ask_for_new_batches_once(tick, tmp_path):
    (tmp_path / "manifest.csv").write_text("document_id,patient_id,file\n")
    first = tick(tmp_path)
    assert asked(first) == [BATCHES_JOB]
    again = tick(tmp_path, first.cursor)
    assert again.run_requests == []
    assert again.skip_message == "no change since the last request"
    assert again.cursor == first.cursor
    (tmp_path / "manifest.csv").write_text("document_id,patient_id,file\nd,p,f.txt\n")
    changed = tick(tmp_path, first.cursor)
    assert asked(changed) == [BATCHES_JOB]
    assert changed.run_requests[0].run_key != first.run_requests[0].run_key
    (tmp_path / "p2").mkdir()
    (tmp_path / "p2" / "a.txt").write_text("With a manifest, files count when it names them.")
    assert tick(tmp_path, changed.cursor).run_requests == []


def test_without_a_manifest_every_new_file_asks(tick, tmp_path):
    (tmp_path / "p1").mkdir()
    (tmp_path / "p1" / "a.txt").write_text("One.")
    first = tick(tmp_path)
    (tmp_path / "p1" / "b.txt").write_text("Two.")
    second = tick(tmp_path, first.cursor)
    assert asked(second) == [BATCHES_JOB]
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "facts.csv").write_text("Not a document.")
    assert tick(tmp_path, second.cursor).run_requests == []


EVENTS = "patient_id,event_type,start\np1,surgery,2150-03-10\n"


def local_put(store: Path, path: str, content: str | None) -> None:
    place = store / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        place.unlink()
    else:
        place.write_text(content)


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path):
    """An empty store, in a folder and in S3, with what puts a file into it or, without content, takes it out."""
    if request.param == "folder":
        (tmp_path / "store").mkdir()
        return str(tmp_path / "store"), lambda path, content: local_put(tmp_path / "store", path, content)
    bucket = request.getfixturevalue("s3")
    filesystem, base = filesystem_of(bucket)

    def put(path, content):
        if content is None:
            filesystem.delete_file(f"{base}/store/{path}")
            return
        with filesystem.open_output_stream(f"{base}/store/{path}") as file:
            file.write(content.encode())

    return f"{bucket}/store", put


@pytest.mark.parametrize("path", ["fhir/Procedure.ndjson", "Encounter-2.ndjson", "timeline/registry.csv"])
def test_files_of_events_make_the_timelines_of_all_batches_anew(tick, store, path):
    root, put = store
    put("manifest.csv", "document_id,patient_id,file\n")
    cursor = tick(root).cursor
    seen = []
    for content in (EVENTS, f"{EVENTS}p2,imaging,2150-03-11\n", None):
        put(path, content)
        found = tick(root, cursor)
        (request,) = found.run_requests
        assert request.job_name == DOCUMENTS_JOB
        assert {key.to_user_string() for key in request.asset_selection} == MADE_FROM_EVENTS
        assert request.tags["dagster/asset_partition_range_start"] == BATCHES[0]
        assert request.tags["dagster/asset_partition_range_end"] == BATCHES[-1]
        assert tick(root, found.cursor).run_requests == [], "a change asks once"
        cursor = found.cursor
        seen.append(request.run_key)
    assert len(set(seen)) == 3
    put("timeline/readme.md", "no events")
    assert tick(root, cursor).run_requests == []


def test_documents_and_events_that_come_together_ask_for_one_run(tick, tmp_path):
    local_put(tmp_path, "manifest.csv", "document_id,patient_id,file\n")
    local_put(tmp_path, "timeline/registry.csv", EVENTS)
    first = tick(tmp_path)
    assert asked(first) == [BATCHES_JOB], "the documents of all batches follow it, with their timelines"
    assert tick(tmp_path, first.cursor).run_requests == []


def test_files_put_back_and_changed_again_ask_every_time(tick, tmp_path):
    cursor, keys = None, []
    for turn in range(5):
        local_put(tmp_path, "p1/a.txt", "One." if turn % 2 else "Another.")
        if turn % 2:
            local_put(tmp_path, "p1/b.txt", "Two.")
        elif turn:
            local_put(tmp_path, "p1/b.txt", None)
        found = tick(tmp_path, cursor)
        cursor = found.cursor
        keys += [request.run_key for request in found.run_requests]
    assert len(set(keys)) == len(keys) == 5


def test_a_crash_between_a_runs_launch_and_the_cursors_move_starts_no_second_run(tick, tmp_path):
    local_put(tmp_path, "manifest.csv", "document_id,patient_id,file\n")
    cursor = tick(tmp_path).cursor
    local_put(tmp_path, "fhir/Procedure.ndjson", EVENTS)
    launched, after_the_crash = tick(tmp_path, cursor), tick(tmp_path, cursor)
    assert launched.run_requests[0].run_key == after_the_crash.run_requests[0].run_key


def test_events_wait_for_the_first_batch(tick, instance, tmp_path):
    local_put(tmp_path, "manifest.csv", "document_id,patient_id,file\n")
    cursor = tick(tmp_path).cursor
    for batch in BATCHES:
        instance.delete_dynamic_partition("patient_batch", batch)
    local_put(tmp_path, "timeline/registry.csv", EVENTS)
    waiting = tick(tmp_path, cursor)
    assert (waiting.run_requests, waiting.skip_message, waiting.cursor) == ([], documents.NOBODY, cursor)
    instance.add_dynamic_partitions("patient_batch", BATCHES[:1])
    assert asked(tick(tmp_path, cursor)) == [DOCUMENTS_JOB]


@pytest.mark.parametrize("cursor", ["0123456789abcdef", "[1]", '{"other": 1}', ""])
def test_a_cursor_of_another_time_is_as_none(tick, tmp_path, cursor):
    local_put(tmp_path, "p1/a.txt", "One.")
    assert asked(tick(tmp_path, cursor)) == [BATCHES_JOB]


def test_a_store_that_cannot_be_reached_is_no_change(tick, tmp_path, monkeypatch):
    def unreachable(*_args, **_options):
        raise OSError

    monkeypatch.setattr(DocumentStore, "listing", unreachable)
    found = tick(tmp_path, "before")
    assert found.run_requests == []
    assert (found.cursor, "cannot be looked at" in found.skip_message) == ("before", True)


def test_a_bucket_that_is_not_there_is_no_change(tick, s3):
    found = tick("s3://no-such-bucket-anywhere/store", "before")
    assert (found.run_requests, found.cursor) == ([], "before")
    assert "cannot be looked at" in found.skip_message


def test_an_s3_server_that_does_not_answer_is_no_change(tick, s3, s3_environment, closed_port):
    s3_environment(f"http://127.0.0.1:{closed_port}")
    found = tick(f"{s3}/store", "before")
    assert (found.run_requests, found.cursor) == ([], "before")
    assert "cannot be looked at" in found.skip_message


@pytest.fixture
def closed_port(monkeypatch):
    """A port nobody listens on, and a client that does not try it again and again."""
    import socket

    from resources import document_store

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    document_store._s3_client.cache_clear()
    with socket.socket() as taken:  # and nobody else takes it before the test is over
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
    document_store._s3_client.cache_clear()


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


def test_every_night_goes_through_every_batch_once(repository):
    schedule = repository.get_schedule_def("nightly_documents")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    at = datetime(2026, 5, 4, 4, 30, tzinfo=UTC)

    def night(instance):
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=at, repository_def=repository
        ) as context:
            return schedule.evaluate_tick(context)

    with dg.instance_for_test() as instance:  # a schedule's context takes none that is in memory
        assert (night(instance).run_requests, night(instance).skip_message) == ([], documents.NOBODY)
        instance.add_dynamic_partitions("patient_batch", BATCHES)
        (request,) = night(instance).run_requests
        assert request.tags["dagster/asset_partition_range_start"] == BATCHES[0]
        assert request.tags["dagster/asset_partition_range_end"] == BATCHES[-1]
        assert request.run_key == f"{DOCUMENTS_JOB}:2026-05-04" == night(instance).run_requests[0].run_key


def test_a_site_without_documents_has_none_of_them():
    assert documents.sensors(jobs(documents=False)) == []
    assert documents.schedules(jobs(documents=False)) == []
