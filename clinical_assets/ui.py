"""`make ui`: Dagster's web UI on this machine, and beside it the quality report its assets link to.

A browser does not follow a link from a web page to a file, and the lake may be in S3: so the report is served, read
from the lake at each request, on the address `CLINICAL_REPORT_URL` names. Both listen on this machine only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from clinical_assets import home
from clinical_assets.quality.assets import PAGE
from clinical_assets.quality.tables import REPORT
from clinical_assets.settings import Settings, SettingsError
from resources.lake import Lake

HOST = "127.0.0.1"
NOT_MADE = b"The report has not been made yet: materialize quality/report, or run `make demo`.\n"


def main() -> int:
    """Serve until interrupted."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    home.prepare(settings)
    if settings.sources is None and "sources" in home.recorded(settings):
        os.environ["CLINICAL_SOURCES"] = home.recorded(settings)["sources"]
    server = report_server(settings)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"quality report: {settings.report_url}")
    beside = Path(sys.executable).parent / "dagster"
    command = [str(beside) if beside.exists() else shutil.which("dagster") or "dagster"]
    port = os.environ.get("PORT", "3000")
    ui = subprocess.Popen([*command, "dev", "-h", HOST, "-p", port, "-w", "workspace.yaml"])

    def stop(number: int, _frame: FrameType | None) -> None:
        ui.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return ui.wait()


def report_server(settings: Settings) -> ThreadingHTTPServer:
    """A server of the newest report page."""
    lake = Lake(root=settings.lake_root, subject_shards=settings.subject_shards)

    class Report(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = lake.read_files(REPORT.path).get(PAGE)
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8" if page else "text/plain; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page or NOT_MADE)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing per request."""

    return ThreadingHTTPServer((HOST, urlsplit(settings.report_url).port or 80), Report)


if __name__ == "__main__":
    sys.exit(main())
