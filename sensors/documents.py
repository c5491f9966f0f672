"""When documents or events appear: cohorts are cut anew and every batch gone through, or the timelines alone made anew.

Going through everything is cheap: what has not changed is not read again. A schedule does so every night, for what no
sensor sees: a document changed in place behind an unchanged manifest, a run that failed, new rows in the lake. Nothing
here is on until somebody turns it on in the UI.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import dagster as dg

from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.tables import PRIORITISED, PRIORITISED_TRIGGERS, TIMELINE
from clinical_assets.documents.timeline.timeline_sources import events_signature
from clinical_assets.jobs import BATCHES_JOB, DOCUMENTS_JOB
from clinical_assets.partitions import PATIENT_BATCH, all_of
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.sources import Sources

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

EVERY_S = 300
FROM_EVENTS = tuple(dg.AssetKey(list(table.key)) for table in (TIMELINE, PRIORITISED, PRIORITISED_TRIGGERS))
"""What is made from events: the timeline, and the notes it chooses."""
NOBODY = "no cohort has a patient"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the sensor saw when it last asked for a run: its cursor.

    Attributes:
        documents: hash of the versions of manifests (or files) and notes.
        events: hash of the versions of the files of events.
        requests: runs asked for so far. It makes a run's key new when files are put back as they once were, and the
            same when a crash came between a run's launch and the cursor's move: then no second run starts.
    """

    documents: str = ""
    events: str = ""
    requests: int = 0

    @classmethod
    def read(cls, cursor: str | None) -> "Seen":
        """From a cursor; nothing seen where it is none of this sensor's."""
        try:
            return cls(**json.loads(cursor or ""))
        except (ValueError, TypeError):
            return cls()

    def written(self) -> str:
        """As a cursor."""
        return json.dumps(asdict(self))


def sensors(jobs: Mapping[str, "Job"]) -> list[dg.SensorDefinition]:
    """What follows the appearance of documents, events and batches; nothing where a site has no documents."""
    return [_new_documents(jobs), _documents_of_batches(jobs)] if DOCUMENTS_JOB in jobs else []


def schedules(jobs: Mapping[str, "Job"]) -> list[dg.ScheduleDefinition]:
    """The nightly pass over every batch; none where a site has no documents."""
    return [_nightly()] if DOCUMENTS_JOB in jobs else []


def _nightly() -> dg.ScheduleDefinition:
    @dg.schedule(
        name="nightly_documents",
        job_name=DOCUMENTS_JOB,
        cron_schedule="30 4 * * *",
        execution_timezone="UTC",
        description="04:30 UTC: the documents of every batch, in one run, after the night's patient tables. Sees what "
        "changed behind an unchanged manifest; what did not change is not read.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        batches = _batches(context.instance)
        if not batches:
            return dg.SkipReason(NOBODY)
        night = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=f"{DOCUMENTS_JOB}:{night}", tags=all_of(batches))

    return nightly


def _new_documents(jobs: Mapping[str, "Job"]) -> dg.SensorDefinition:
    @dg.sensor(
        name="new_documents",
        jobs=[jobs[BATCHES_JOB], jobs[DOCUMENTS_JOB]],
        minimum_interval_seconds=EVERY_S,
        description="Cuts the cohorts anew when the store's manifests, or its files where it has none, or the notes "
        "have changed; makes the timelines of all batches anew when only files of events have. Its cursor holds hashes "
        "of their versions, and moves only with a request.",
    )
    def look(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        sources: dg.ResourceParam[Sources],
        document_store: dg.ResourceParam[DocumentStore],
    ) -> dg.SensorResult | dg.SkipReason:
        seen = Seen.read(context.cursor)
        try:
            documents = DocumentSources(document_store, DocumentStore(root=sources.root), lake).signature()
            found = Seen(documents, events_signature(document_store), seen.requests + 1)
        except OSError as error:
            return dg.SkipReason(f"the store of documents cannot be looked at ({type(error).__name__}); trying again")
        if found.documents != seen.documents:
            # The documents of all batches follow, and their timelines with them: no second run for the events.
            return _asked(seen, found, BATCHES_JOB)
        if found.events == seen.events:
            return dg.SkipReason("no change since the last request")
        batches = _batches(context.instance)
        return _asked(seen, found, DOCUMENTS_JOB, batches) if batches else dg.SkipReason(NOBODY)

    return look


def _asked(seen: Seen, found: Seen, job: str, batches: list[str] | None = None) -> dg.SensorResult:
    """One run: of a job, or for some batches of what is made from events."""
    key = f"{job}:{found.requests}:{seen.documents}{seen.events}:{found.documents}{found.events}"
    request = (
        dg.RunRequest(run_key=key, job_name=job, tags=all_of(batches), asset_selection=FROM_EVENTS)
        if batches
        else dg.RunRequest(run_key=key, job_name=job)
    )
    return dg.SensorResult(run_requests=[request], cursor=found.written())


def _batches(instance: dg.DagsterInstance) -> list[str]:
    return list(instance.get_dynamic_partitions(str(PATIENT_BATCH.name)))


def _documents_of_batches(jobs: Mapping[str, "Job"]) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name="documents_after_batches",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[jobs[BATCHES_JOB]],
        request_job=jobs[DOCUMENTS_JOB],
        description="Goes through the documents of every batch, in one run, once cohorts have been cut.",
    )
    def follow(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        batches = _batches(context.instance)
        if not batches:
            return dg.SkipReason(NOBODY)
        return dg.RunRequest(run_key=f"{DOCUMENTS_JOB}:{context.dagster_run.run_id}", tags=all_of(batches))

    return follow
