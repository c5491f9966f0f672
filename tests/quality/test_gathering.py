"""Facts gathered from Dagster's event log: of checks that ran, and of those a failed run never came to."""

import dagster as dg

from clinical_assets.quality.gathering import check_facts


def results_of(*, fails):
    """What is known of a check after a run in which its table was made, or was not."""

    @dg.asset
    def table():
        if fails:
            raise ValueError("no such file")

    @dg.asset_check(asset=table, description="Rows are there.")
    def rows():
        return dg.AssetCheckResult(passed=True, description="3 rows")

    definitions = dg.Definitions(assets=[table], asset_checks=[rows], executor=dg.in_process_executor)
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=instance, raise_on_error=False)
        return check_facts(list(rows.check_specs), instance)


def test_a_check_that_ran_is_told_with_its_result_and_time():
    (fact,) = results_of(fails=False)
    assert (fact.table, fact.name, fact.passed, fact.message) == ("table", "rows", True, "3 rows")
    assert fact.evaluated_at is not None


def test_a_check_planned_in_a_run_that_failed_before_it_never_ran_and_the_report_is_made():
    (fact,) = results_of(fails=True)
    assert (fact.passed, fact.message, fact.evaluated_at) == (None, "", None)
