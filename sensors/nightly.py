"""Every night: all shards of the patient tables in one run, then new predictions; after any run, a new report.

Nothing here is on until somebody turns it on in the UI.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from clinical_assets.jobs import PATIENT_TABLES, PREDICTIONS_JOB, QUALITY_REPORT
from clinical_assets.partitions import RANGE_TAGS, all_of

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

PARTITION_TAG = "dagster/partition"


def schedules(shards: Sequence[str]) -> list[dg.ScheduleDefinition]:
    """The nightly run over every shard."""

    @dg.schedule(
        name="nightly_patient_tables",
        job_name=PATIENT_TABLES,
        cron_schedule="30 2 * * *",
        execution_timezone="UTC",
        description="02:30 UTC: all subject shards of the patient tables, in one run.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        night = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=f"{PATIENT_TABLES}:{night}", tags=all_of(shards))

    return [nightly]


def sensors(jobs: Mapping[str, "Job"]) -> list[dg.SensorDefinition]:
    """What follows other runs."""
    return [_predictions_after_tables(jobs), *_report_after_runs(jobs)]


def _predictions_after_tables(jobs: Mapping[str, "Job"]) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name="predictions_after_patient_tables",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[jobs[PATIENT_TABLES]],
        request_job=jobs[PREDICTIONS_JOB],
        description="Predicts the shards whose tables were just made, with the current models.",
    )
    def follow(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        asked = {k: v for k, v in context.dagster_run.tags.items() if k in (PARTITION_TAG, *RANGE_TAGS)}
        return dg.RunRequest(
            run_key=f"{PREDICTIONS_JOB}:{context.dagster_run.run_id}",
            partition_key=asked.pop(PARTITION_TAG, None),
            tags=asked,
        )

    return follow


def reported(jobs: Mapping[str, "Job"]) -> list[str]:
    """Jobs after which the report is renewed: all but the report's own, which would follow itself for ever."""
    return [name for name in jobs if name != QUALITY_REPORT]


def _report_after_runs(jobs: Mapping[str, "Job"]) -> list[dg.SensorDefinition]:
    monitored = [jobs[name] for name in reported(jobs)]

    def after(status: dg.DagsterRunStatus) -> dg.SensorDefinition:
        @dg.run_status_sensor(
            name=f"quality_report_after_{status.value.lower()}",
            run_status=status,
            monitored_jobs=monitored,
            request_job=jobs[QUALITY_REPORT],
            description=f"Renews the report after every run that ended as {status.value}: it is wanted most then.",
        )
        def renew(context: dg.RunStatusSensorContext) -> dg.RunRequest:
            return dg.RunRequest(run_key=f"{QUALITY_REPORT}:{context.dagster_run.run_id}")

        return renew

    return [after(dg.DagsterRunStatus.SUCCESS), after(dg.DagsterRunStatus.FAILURE)]
