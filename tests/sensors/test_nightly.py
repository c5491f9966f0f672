"""Schedules and sensors, evaluated on real ticks of an ephemeral instance."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from clinical_assets.definitions import build_definitions
from clinical_assets.jobs import (
    BATCHES_JOB,
    COHORTS_JOB,
    DOCUMENTS_JOB,
    MODELS_JOB,
    PATIENT_TABLES,
    PREDICTIONS_JOB,
    QUALITY_REPORT,
    jobs,
)
from clinical_assets.settings import Settings
from sensors import nightly


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return build_definitions(Settings.load(home=home, sources=str(home / "nowhere"), subject_shards=4))


def tick(definitions, name, job, status, tags, instance):
    """What the sensor requests after a run of the job ended so."""
    sensor = definitions.get_repository_def().get_sensor_def(name)
    job_definition = definitions.resolve_job_def(job)
    run = instance.create_run_for_job(job_definition, status=status, tags=tags)
    kind = dg.DagsterEventType.RUN_SUCCESS if status is dg.DagsterRunStatus.SUCCESS else dg.DagsterEventType.RUN_FAILURE
    event = dg.DagsterEvent(event_type_value=kind.value, job_name=job)
    context = dg.build_run_status_sensor_context(
        sensor_name=name, dagster_event=event, dagster_instance=instance, dagster_run=run
    )
    return run, sensor(context)


def test_every_night_asks_for_all_shards_in_one_run_and_once(definitions):
    schedule = definitions.get_repository_def().get_schedule_def("nightly_patient_tables")
    at = datetime(2026, 5, 4, 2, 30, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=at)
    request = schedule.evaluate_tick(context).run_requests[0]
    assert request.tags["dagster/asset_partition_range_start"] == "00"
    assert request.tags["dagster/asset_partition_range_end"] == "03"
    again = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at)).run_requests[0]
    assert again.run_key == request.run_key
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize(
    "tags",
    [
        {"dagster/partition": "02"},
        {"dagster/asset_partition_range_start": "01", "dagster/asset_partition_range_end": "03"},
    ],
)
def test_predictions_follow_for_the_same_shards(definitions, tags):
    with dg.DagsterInstance.ephemeral() as instance:
        run, request = tick(
            definitions, "predictions_after_patient_tables", PATIENT_TABLES, dg.DagsterRunStatus.SUCCESS, tags, instance
        )
    asked = dict(request.tags) | ({"dagster/partition": request.partition_key} if request.partition_key else {})
    assert {k: v for k, v in asked.items() if k in tags} == tags
    assert request.run_key == f"{PREDICTIONS_JOB}:{run.run_id}"


@pytest.mark.parametrize("ended", ["success", "failure"])
def test_the_report_is_renewed_however_a_run_ends_and_once_per_run(definitions, ended):
    status = dg.DagsterRunStatus[ended.upper()]
    with dg.DagsterInstance.ephemeral() as instance:
        run, request = tick(definitions, f"quality_report_after_{ended}", PATIENT_TABLES, status, {}, instance)
    assert request.run_key == f"{QUALITY_REPORT}:{run.run_id}"


def test_the_report_follows_every_job_but_itself():
    assert nightly.reported(jobs()) == [
        PATIENT_TABLES, COHORTS_JOB, BATCHES_JOB, DOCUMENTS_JOB, MODELS_JOB, PREDICTIONS_JOB,
    ]  # fmt: skip


def test_nothing_starts_by_itself_before_somebody_turns_it_on(definitions):
    sensors = definitions.get_repository_def().sensor_defs
    assert {sensor.default_status for sensor in sensors} == {dg.DefaultSensorStatus.STOPPED}
