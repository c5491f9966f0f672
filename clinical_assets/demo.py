"""`make demo`: the whole graph on the synthetic hospital, or on the files CLINICAL_SOURCES names, with a summary.

Everything is materialized through the same jobs the UI and the schedules use, into the same Dagster instance, so that
`make ui` afterwards shows these runs.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from clinical_assets import home
from clinical_assets.declaration import Site
from clinical_assets.definitions import build_definitions, check_specs, site_of, stored_tables, warehouse_of
from clinical_assets.documents import assets as documents
from clinical_assets.documents.timeline import timeline_store
from clinical_assets.jobs import (
    BATCHES_JOB,
    COHORTS_JOB,
    DOCUMENTS_JOB,
    MODELS_JOB,
    PATIENT_TABLES,
    PREDICTIONS_JOB,
    QUALITY_REPORT,
)
from clinical_assets.models.assets import outcomes_of
from clinical_assets.partitions import PATIENT_BATCH, all_of
from clinical_assets.quality import gathering
from clinical_assets.quality.assets import report_location
from clinical_assets.quality.summary import summary
from clinical_assets.sample.hospital import MARKER, ForeignFolderError, write_hospital
from clinical_assets.settings import Settings, SettingsError
from resources import patient_batches
from resources.lake import Lake

PROGRESS = "progress"
STUDIES_WITH_FILES = 24
"""Of the synthetic hospital's X-ray studies, how many come with image files."""
STUDIES_WITH_REPORTS = 500
"""How many come with a report file; the note module has reports of all."""
PATIENTS_WITH_DOCUMENTS = 40
"""Of its patients, how many come with notes in files: two batches."""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; 0 when every run succeeded."""
    parser = argparse.ArgumentParser(prog="python -m clinical_assets.demo", description=__doc__)
    parser.add_argument("--patients", type=int, default=1000, help="size of the synthetic hospital (default 1000)")
    parser.add_argument("--seed", type=int, default=20, help="seed of the synthetic hospital (default 20)")
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    started = time.monotonic()
    if settings.sources is None:
        _write_hospital(Path(settings.sources_root), chosen.patients, chosen.seed)
    succeeded = run(settings)
    print(f"\n{'Done' if succeeded else 'FAILED'} in {time.monotonic() - started:.0f} s. `make ui` opens the graph.")
    return 0 if succeeded else 1


def _write_hospital(root: Path, patients: int, seed: int) -> None:
    def tell(done: int, of: int) -> None:
        _line(f"synthetic hospital: {done:,} of {of:,} patients")

    write = partial(
        write_hospital,
        root,
        patients=patients,
        seed=seed,
        progress=tell,
        studies_with_files=STUDIES_WITH_FILES,
        studies_with_reports=STUDIES_WITH_REPORTS,
        patients_with_documents=PATIENTS_WITH_DOCUMENTS,
    )
    try:
        rows = write()
    except ForeignFolderError:
        if not (root / MARKER).exists():
            raise
        # Another synthetic hospital, of another size or made by another version: it can be made again any time.
        shutil.rmtree(root)
        rows = write()
    _line(f"synthetic hospital: {patients:,} patients, {sum(rows.values()):,} rows in {len(rows)} tables", last=True)


def run(settings: Settings) -> bool:
    """Materialize everything; whether every run succeeded."""
    site = site_of(settings)
    before = home.recorded(settings).get("content")
    if before not in (None, site.inventory.content):
        print(f"This home held a demo of {before}; it is made anew for {site.inventory.content}.")
        home.clear(settings)
        patient_batches.forget(warehouse_of(settings))
        timeline_store.forget(warehouse_of(settings))
    home.prepare(settings)
    home.record(settings, site.inventory.content)
    definitions = dg.Definitions.merge(
        build_definitions(settings), dg.Definitions(loggers={PROGRESS: dg.LoggerDefinition(_progress_logger)})
    )
    shards = all_of(site.shards.get_partition_keys())
    with home.instance(settings) as instance:
        succeeded = _execute(definitions, instance, PATIENT_TABLES, tags=shards)
        if succeeded:
            succeeded = _execute(definitions, instance, COHORTS_JOB) and _documents(definitions, instance, site)
            outcomes = outcomes_of(site)
            trained = [_execute(definitions, instance, MODELS_JOB, partition_key=outcome) for outcome in outcomes]
            succeeded = succeeded and all(trained) and _execute(definitions, instance, PREDICTIONS_JOB, tags=shards)
        # The report is wanted most when something failed.
        succeeded = _execute(definitions, instance, QUALITY_REPORT) and succeeded
        _say_what_came_out(definitions, instance, site)
    return succeeded


def _documents(definitions: dg.Definitions, instance: dg.DagsterInstance, site: Site) -> bool:
    """Cut cohorts into batches and go through the documents of all of them, where the site has documents."""
    if not documents.present(site):
        return True
    succeeded = _execute(definitions, instance, BATCHES_JOB)
    batches = instance.get_dynamic_partitions(str(PATIENT_BATCH.name))
    return succeeded and (not batches or _execute(definitions, instance, DOCUMENTS_JOB, tags=all_of(batches)))


def _say_what_came_out(definitions: dg.Definitions, instance: dg.DagsterInstance, site: Site) -> None:
    lake = Lake(root=site.settings.lake_root, subject_shards=site.settings.subject_shards)
    checks = gathering.check_facts(check_specs(definitions), instance)
    tables = gathering.table_facts(stored_tables(site), lake, instance, checks)
    print()
    print(summary(tables, checks, gathering.model_facts(lake)))
    print(f"\nreport: {report_location(lake)}\nlake:   {lake.location('')}")


def _execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    tags: Mapping[str, str] | None = None,
    partition_key: str | None = None,
) -> bool:
    started = time.monotonic()
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        run_config={"loggers": {PROGRESS: {}}},
        tags=dict(tags or {}),
        partition_key=partition_key,
        raise_on_error=False,
    )
    made = len(result.get_asset_materialization_events())
    checked = result.get_asset_check_evaluations()
    failed = sum(not c.passed for c in checked)
    _line(
        f"{job}: {'ok' if result.success else 'FAILED'}, {made} materializations, {len(checked)} checks "
        f"({failed} not passed), {time.monotonic() - started:.1f} s",
        last=True,
    )
    return bool(result.success)


def _progress_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's events as a person wants to see them while waiting."""
    logger = logging.Logger("clinical_assets.progress", logging.INFO)
    logger.addHandler(_ProgressHandler())
    return logger


class _ProgressHandler(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._done = 0

    def emit(self, entry: logging.LogRecord) -> None:
        meta: Mapping[str, Any] = getattr(entry, "dagster_meta", {})
        event = meta.get("dagster_event")
        if event is None:
            return
        if event.event_type_value == "STEP_SUCCESS":
            self._done += 1
            _line(f"{event.job_name}: {self._done} steps, {event.step_key.replace('__', '/')}")
        elif event.event_type_value in ("STEP_FAILURE", "RUN_FAILURE"):
            error = getattr(event.event_specific_data, "error", None)
            cause = getattr(error, "cause", None) or error
            said = cause.message.strip() if cause else event.message
            _line(f"{event.step_key or event.job_name}: {said}", last=True)


def _line(text: str, *, last: bool = False) -> None:
    """A line that the next one replaces on a terminal; elsewhere only the last of its kind is printed."""
    terminal = sys.stdout.isatty()
    if terminal:
        print(f"\r\x1b[2K{text[:160] if not last else text}", end="\n" if last else "", flush=True)
    elif last:
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
