"""The web UI as a person meets it: `make ui`'s own command, a real browser, a materialization started from its API."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from clinical_assets import home
from clinical_assets.settings import Settings

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
# How long something may take that happens: the machine may be busy with others.
DEADLINE_S = 240
pytestmark = pytest.mark.timeout(3 * DEADLINE_S)


def ask(url, query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return json.load(answer)["data"]


def until(what, condition):
    """Ask until the condition holds; fails after the deadline."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {DEADLINE_S} s")


def free_ports(count):
    """Ports nobody listens on, below those the system hands out itself: nothing takes one before the server does."""
    with ExitStack() as held:
        found = []
        for port in range(20_000 + os.getpid() % 10_000, 32_000):
            probe = held.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise AssertionError(f"expected {count} free ports below 32000; found {len(found)}")


@pytest.fixture(scope="module")
def site(tmp_path_factory, small_hospital):
    settings = Settings.load(home=tmp_path_factory.mktemp("ui"), sources=str(small_hospital))
    home.prepare(settings)
    port, report_port = free_ports(2)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("CLINICAL_", "DAGSTER_"))},
        "CLINICAL_HOME": str(settings.home),
        "CLINICAL_REPORT_URL": f"http://127.0.0.1:{report_port}/",
        "PORT": str(port),
    }
    # As after `make demo SOURCES=...`: the sources come from the home's record, not from the environment.
    home.record(settings, "the small hospital")
    log = (settings.home / "ui.log").open("wb")
    command = [sys.executable, "-m", "clinical_assets.ui"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        until("the code location", lambda: ask(url, LOCATIONS)["repositoriesOrError"].get("nodes"))
        yield url, f"http://127.0.0.1:{report_port}/"
    finally:
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
        log.close()


LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
LAUNCH = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}


def launch(url, *path, tags=()):
    node = ask(url, LOCATIONS)["repositoriesOrError"]["nodes"][0]
    params = {
        "selector": {
            "repositoryName": node["name"],
            "repositoryLocationName": node["location"]["name"],
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": list(path)}],
            "assetCheckSelection": None,
        },
        "mode": "default",
        "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags]},
    }
    launched = ask(url, LAUNCH, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run = launched["run"]["runId"]

    def finished():
        status = ask(url, STATUS, id=run)["runOrError"]["status"]
        return status if status in FINISHED else None

    return until("the end of the run", finished)


def test_a_materialization_started_from_the_uis_api_finishes_green(site):
    ui, _ = site
    assert launch(ui, "mimic", "icu", "caregiver") == "SUCCESS"
    assert launch(ui, "mimic", "hosp", "patients", tags=[("dagster/partition", "03")]) == "SUCCESS"
    rows = ask(
        ui,
        """{ assetNodeOrError(assetKey: {path: ["mimic", "icu", "caregiver"]}) { ... on AssetNode {
        assetMaterializations(limit: 1) { metadataEntries { label ... on IntMetadataEntry { intValue } } } } } }""",
    )
    entries = rows["assetNodeOrError"]["assetMaterializations"][0]["metadataEntries"]
    assert {e["label"]: e.get("intValue") for e in entries}["dagster/row_count"] > 0


def test_the_report_made_from_the_uis_api_opens_at_its_link(site):
    ui, report = site
    assert launch(ui, "quality", "report") == "SUCCESS"
    answer = ask(
        ui,
        """{ assetNodeOrError(assetKey: {path: ["quality", "report"]}) { ... on AssetNode {
        assetMaterializations(limit: 1) { metadataEntries { label ... on UrlMetadataEntry { url } } } } } }""",
    )
    entries = answer["assetNodeOrError"]["assetMaterializations"][0]["metadataEntries"]
    assert {e["label"]: e.get("url") for e in entries}["page"] == report
    with urllib.request.urlopen(report, timeout=DEADLINE_S) as page:
        assert "<title>Data quality" in page.read().decode()


@pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the UI was not looked at; install Debian's `chromium`")
def test_the_graph_page_lists_every_group_and_asks_nobody_to_sign_up(site):
    ui, _ = site
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(1000 * DEADLINE_S)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{ui}/asset-groups/")
        for group in ("mimic", "stays", "concepts", "features", "models", "quality"):
            page.get_by_text(group, exact=True).first.wait_for()
        text = page.inner_text("body")
        assert "Global asset lineage" in text
        assert "newsletter" not in text.lower()
        assert "sign up" not in text.lower()
        page.goto(f"{ui}/assets/stays/icu_stays")
        page.get_by_text("one row per ICU stay").first.wait_for()
        page.get_by_text("Entering the ICU.").first.wait_for()
        browser.close()
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {ui.split("/")[2]}
