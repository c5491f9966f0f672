"""What is run together: each job is one selection of the graph with one partition axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from clinical_assets.documents.tables import PATIENT_BATCHES
from clinical_assets.models.tables import EVALUATION, PREDICTIONS, RISK_MODEL
from clinical_assets.stays.cohort import COHORT_ATTRITION
from clinical_assets.tables import Table

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

PATIENT_TABLES = "patient_tables"
COHORTS_JOB = "cohort_attrition"
BATCHES_JOB = "patient_batches"
DOCUMENTS_JOB = "documents"
MODELS_JOB = "risk_models"
PREDICTIONS_JOB = "predictions"
QUALITY_REPORT = "quality_report"


def jobs(*, documents: bool = True) -> dict[str, Job]:
    """All jobs by name, in the order they depend on one another; without those of documents where a site has none."""
    of_documents = (
        (BATCHES_JOB, _assets(PATIENT_BATCHES), "Cut cohorts into batches of patients, the partitions of documents."),
        (
            DOCUMENTS_JOB,
            dg.AssetSelection.groups("documents") - _assets(PATIENT_BATCHES),
            "Documents of one batch of patients, or a range of batches in one run: found, read to text, prioritised, "
            "laid on the timeline.",
        ),
    )
    declared = (
        (
            PATIENT_TABLES,
            dg.AssetSelection.groups("mimic", "stays", "concepts", "imaging", "features") - _assets(COHORT_ATTRITION),
            "Source files to typed tables, stays, concepts, X-rays and features, with their checks. One subject "
            "shard, or a range of them in one run.",
        ),
        (
            COHORTS_JOB,
            _assets(COHORT_ATTRITION),
            "What each cohort's exclusions cost, over all shards: run when every shard has been made.",
        ),
        *(of_documents if documents else ()),
        (
            MODELS_JOB,
            _assets(RISK_MODEL, EVALUATION),
            "Train on the training patients, evaluate once on the test patients; one outcome a run.",
        ),
        (
            PREDICTIONS_JOB,
            _assets(PREDICTIONS),
            "Predict every eligible stay with the current models and publish to PostgreSQL.",
        ),
        (QUALITY_REPORT, dg.AssetSelection.groups("quality"), "One page over the latest result of every check."),
    )
    return {
        name: dg.define_asset_job(name, selection, description=description) for name, selection, description in declared
    }


def _assets(*tables: Table) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(dg.AssetKey(list(table.key)) for table in tables))
