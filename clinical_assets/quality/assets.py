"""The asset of `quality/`: one self-contained page over all check results."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources

import dagster as dg
import polars as pl

from clinical_assets.declaration import Site, asset_arguments, code_version
from clinical_assets.quality import gathering, report
from clinical_assets.quality.report import CheckFacts, Report
from clinical_assets.quality.tables import REPORT
from clinical_assets.tables import Table
from resources.lake import Lake

PAGE = "report.html"


def report_asset(
    site: Site,
    tables: Sequence[Table],
    upstream: Sequence[dg.AssetKey],
    checks: Sequence[dg.AssetCheckSpec],
    absent: Sequence[str] = (),
) -> dg.AssetsDefinition:
    """The report over everything there is.

    Args:
        site: named in the report.
        tables: every stored table.
        upstream: every asset, so that a run of everything makes the report last.
        checks: every check there should be.
        absent: what this site does not have, a line each.
    """

    def data_quality_report(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        judged = gathering.check_facts(checks, context.instance)
        page = Report(
            title="Data quality",
            site=site.inventory.content,
            made_at=datetime.now(UTC),
            tables=tuple(gathering.table_facts(tables, lake, context.instance, judged)),
            checks=tuple(judged),
            models=tuple(gathering.model_facts(lake)),
            settings={
                "Subject shards": str(site.settings.subject_shards),
                "Releases": ", ".join(site.inventory.releases),
            },
            absent=tuple(absent),
        )
        with lake.write(REPORT.path, REPORT.arrow_schema, None, {}) as writer:
            writer.write(None, check_results(judged).to_arrow())
        lake.write_files(REPORT.path, {PAGE: report.render(page).encode()})
        where = report_location(lake)
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.url(site.settings.report_url),
                "dagster/uri": where,
                "dagster/row_count": len(judged),
                "summary": dg.MetadataValue.md(as_markdown(judged)),
            }
        )

    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(REPORT, site, _page_version()),
        deps=[dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping()) for key in upstream],
    )(data_quality_report)
    return asset


def _page_version() -> str:
    """Of the code that writes the page, its template and its style."""
    files = "".join(
        (resources.files(report.__package__) / name).read_text("utf-8") for name in ("report.html", "report.css")
    )
    return hashlib.sha256((code_version(report.render, REPORT) + files).encode()).hexdigest()[:12]


def report_location(lake: Lake) -> str:
    """Where the page lies."""
    return f"{lake.location(REPORT.path).removesuffix('/part-0.parquet')}/{PAGE}"


def check_results(checks: Sequence[CheckFacts]) -> pl.DataFrame:
    """The latest results as a table."""
    rows = [
        {
            "table": check.table,
            "check": check.name,
            "passed": check.passed,
            "severity": check.severity,
            "blocking": check.blocking,
            "message": check.message,
            "evaluated_at": check.evaluated_at.replace(tzinfo=None) if check.evaluated_at else None,
        }
        for check in checks
    ]
    return pl.DataFrame(rows, schema=REPORT.polars_schema)


def as_markdown(checks: Sequence[CheckFacts]) -> str:
    """The verdict and what did not pass, for the UI."""
    failed = [check for check in checks if check.passed is False]
    errors = sum(check.severity == "ERROR" for check in failed)
    never = sum(check.passed is None for check in checks)
    lines = [
        f"**{len(checks)} checks**: {len(checks) - len(failed) - never} passed, {errors} errors, "
        f"{len(failed) - errors} warnings, {never} never run.",
        "",
        "| table | check | severity | found |",
        "|---|---|---|---|",
        *(f"| {c.table} | {c.name} | {c.severity} | {c.message.replace('|', '/')} |" for c in failed),
    ]
    return "\n".join(lines)
