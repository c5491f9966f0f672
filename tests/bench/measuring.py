"""Wall time and peak memory of a function in a process of its own, and a table of such runs."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def alone(module: str, function: str, *arguments: str) -> dict[str, float]:
    """Run `module.function(*arguments)` in a new process: seconds within the call, peak RSS of the process in MB.

    What the function returns (a mapping of numbers) is added.
    """
    command = [sys.executable, "-m", "tests.bench.measuring", module, function, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module}.{function} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *[[str(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _main() -> None:
    import importlib

    module, function, *arguments = sys.argv[1:]
    called = getattr(importlib.import_module(module), function)
    started = time.perf_counter()
    found = called(*arguments) or {}
    wall = time.perf_counter() - started
    print(json.dumps({"wall_s": wall, "peak_rss_mb": _peak_rss_mb(), **found}))


def _peak_rss_mb() -> float:
    """This program's peak; what `getrusage` says begins, on Linux, with that of the process it was started from."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return float(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 1024


if __name__ == "__main__":
    _main()
