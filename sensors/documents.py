"""When documents appear: cohorts are cut anew, then the documents of every batch are gone through in one run.

Going through everything is cheap: what has not changed is not read again. Nothing here is on until somebody turns it
on in the UI.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.jobs import BATCHES_JOB, DOCUMENTS_JOB
from clinical_assets.partitions import PATIENT_BATCH, all_of
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.sources import Sources

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

EVERY_S = 300


def sensors(jobs: Mapping[str, "Job"]) -> list[dg.SensorDefinition]:
    """What follows the appearance of documents and of batches; nothing where a site has no documents."""
    return [_new_documents(jobs), _documents_of_batches(jobs)] if DOCUMENTS_JOB in jobs else []


def _new_documents(jobs: Mapping[str, "Job"]) -> dg.SensorDefinition:
    @dg.sensor(
        name="new_documents",
        job=jobs[BATCHES_JOB],
        minimum_interval_seconds=EVERY_S,
        description="Cuts the cohorts anew when the store's manifests, or its files where it has none, or the notes "
        "have changed. Its cursor is a hash of their versions, and moves only with a request.",
    )
    def look(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        sources: dg.ResourceParam[Sources],
        document_store: dg.ResourceParam[DocumentStore],
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            found = DocumentSources(document_store, DocumentStore(root=sources.root), lake).signature()
        except OSError as error:
            return dg.SkipReason(f"the store of documents cannot be looked at ({type(error).__name__}); trying again")
        if found == context.cursor:
            return dg.SkipReason("no change since the last request")
        # The signature before is part of the key: documents put back as they were are asked for again.
        key = f"{BATCHES_JOB}:{context.cursor or 'first'}:{found}"
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)], cursor=found)

    return look


def _documents_of_batches(jobs: Mapping[str, "Job"]) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name="documents_after_batches",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[jobs[BATCHES_JOB]],
        request_job=jobs[DOCUMENTS_JOB],
        description="Goes through the documents of every batch, in one run, once cohorts have been cut.",
    )
    def follow(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        batches = context.instance.get_dynamic_partitions(str(PATIENT_BATCH.name))
        if not batches:
            return dg.SkipReason("no cohort has a patient")
        return dg.RunRequest(run_key=f"{DOCUMENTS_JOB}:{context.dagster_run.run_id}", tags=all_of(batches))

    return follow
