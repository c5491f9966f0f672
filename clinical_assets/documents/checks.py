"""What must hold of the documents beyond their columns."""

from __future__ import annotations

import dagster as dg

from clinical_assets.documents import index_checks, prioritised_checks, text_checks, timeline_checks

CHECKS: tuple[dg.AssetChecksDefinition, ...] = (
    *index_checks.CHECKS,
    *text_checks.CHECKS,
    *timeline_checks.CHECKS,
    *prioritised_checks.CHECKS,
)
