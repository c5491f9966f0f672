"""What must hold of the documents beyond their columns."""

from __future__ import annotations

import dagster as dg

from clinical_assets.documents.index import index_checks
from clinical_assets.documents.prioritised import prioritised_checks
from clinical_assets.documents.text import text_checks
from clinical_assets.documents.timeline import timeline_checks

CHECKS: tuple[dg.AssetChecksDefinition, ...] = (
    *index_checks.CHECKS,
    *text_checks.CHECKS,
    *timeline_checks.CHECKS,
    *prioritised_checks.CHECKS,
)
