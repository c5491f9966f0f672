"""The project's home on one machine: DAGSTER_HOME with its configuration, and what the home was last used for."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from clinical_assets.settings import Settings

INSTANCE_CONFIG = Path(__file__).resolve().parents[1] / "deploy" / "local" / "dagster.yaml"
RECORD = "demo.json"


def prepare(settings: Settings) -> None:
    """Make DAGSTER_HOME, with the local instance's configuration, and point Dagster at it."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(INSTANCE_CONFIG, settings.dagster_home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)


def instance(settings: Settings) -> dg.DagsterInstance:
    """The home's Dagster instance for runs in this very process, whose terminal stays the person's.

    The usual one would catch the process's output step by step into files.
    """
    uncaught = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    place = InstanceRef.from_dir(str(settings.dagster_home), overrides={"compute_logs": uncaught})
    return dg.DagsterInstance.from_ref(place)


def recorded(settings: Settings) -> dict[str, Any]:
    """What the last demo in this home was made of; empty if there was none."""
    path = settings.home / RECORD
    return dict(json.loads(path.read_text())) if path.exists() else {}


def record(settings: Settings, content: str) -> None:
    """Remember what a demo in this home is made of, so that `make ui` shows the same and the next demo can tell."""
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / RECORD).write_text(json.dumps({"sources": settings.sources_root, "content": content}, indent=1))


def clear(settings: Settings) -> None:
    """Remove what a demo made: the lake and Dagster's history. Sources, the database server and benchmarks stay."""
    for folder in (settings.home / "lake", settings.dagster_home):
        shutil.rmtree(folder, ignore_errors=True)
