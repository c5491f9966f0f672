"""All published concepts on a synthetic hospital: seconds, rows a second, peak memory; and how they grow with it.

BENCH_PATIENTS sets its size (default 2,000; run at 10,000 for the README's figure). With MIMIC_CODE naming a checkout
of MIT-LCP/mimic-code, the published SQL is run by DuckDB over the same files beside ours: its tables loaded before the
clock starts, as ours are. Where the open demo is at hand, both are run on it too.
"""

from __future__ import annotations

import inspect
import os
import shutil
import time
from pathlib import Path

import polars as pl

from clinical_assets.concepts.tables import CONCEPTS, TABLES
from clinical_assets.mimic.inventory import take_inventory
from clinical_assets.mimic.reader import read, to_polars
from clinical_assets.sample.hospital import write_hospital
from resources.sources import Sources
from tests.bench.measuring import alone, table
from tests.concepts.published_sql import CHECKOUT, WITHIN_A_CHECKOUT, derive, load

PATIENTS = int(os.environ.get("BENCH_PATIENTS", "2000"))
HERE = "tests.bench.concepts"
RELEASES = Path(__file__).parents[3] / "shared/data/physionet"
SHOWN = 8
"""Concepts whose growth is shown: the ones that take longest."""


def run(folder: Path) -> tuple[str, dict[str, object]]:
    """At a quarter of the size and at the whole, and on the open demo."""
    runs, published = {}, {}
    for patients in (PATIENTS // 4, PATIENTS):
        work = folder / f"concepts-{patients}"
        shutil.rmtree(work, ignore_errors=True)
        # In processes of their own: a child's peak memory is never told as less than its parent's.
        alone(HERE, "hospital", str(work / "sources"), str(patients))
        alone(HERE, "as_parquet", str(work / "sources"), str(work / "tables"))
        runs[f"{patients:,}"] = alone(HERE, "all_concepts", str(work / "tables"))
        published[f"{patients:,}"] = _published(work / "sources")
        shutil.rmtree(work)
    quarter, whole = runs.values()
    of_quarter, of_whole = published.values()
    figures: dict[str, object] = {
        "patients": PATIENTS,
        "wall_s": whole["wall_s"],
        "rows_per_s": whole["rows"] / whole["wall_s"],
        "peak_rss_mb": whole["peak_rss_mb"],
        "wall_growth_for_four_times_the_patients": whole["wall_s"] / quarter["wall_s"],
        "cpu_growth_for_four_times_the_patients": whole["cpu_s"] / quarter["cpu_s"],
        "cpu_growth_by_concept": {name: whole[name] / quarter[name] for name in CONCEPTS},
    }
    if of_quarter and of_whole:
        figures["duckdb_wall_s"] = of_whole["sql_s"]
        figures["duckdb_peak_rss_mb"] = of_whole["peak_rss_mb"]
        figures["duckdb_growth_for_four_times_the_patients"] = of_whole["sql_s"] / of_quarter["sql_s"]
    if (RELEASES / "mimic-iv-demo").is_dir():
        name, work = "open demo", folder / "concepts-demo"
        shutil.rmtree(work, ignore_errors=True)
        alone(HERE, "as_parquet", str(RELEASES), str(work))
        runs[name], published[name] = alone(HERE, "all_concepts", str(work)), _published(RELEASES)
        shutil.rmtree(work)
        figures["demo_wall_s"] = runs[name]["wall_s"]
        if of_demo := published[name]:
            figures["demo_duckdb_wall_s"] = of_demo["sql_s"]
    return f"{_by_size(runs, published)}\n\n{_by_concept(quarter, whole)}", figures


def _by_size(runs: dict[str, dict[str, float]], published: dict[str, dict[str, float] | None]) -> str:
    lines = [
        (
            size,
            f"{r['wall_s']:.2f}",
            f"{r['cpu_s']:.2f}",
            f"{r['rows']:,.0f}",
            f"{r['rows'] / r['wall_s']:,.0f}",
            f"{r['peak_rss_mb']:,.0f}",
            f"{sql['sql_s']:.2f}" if (sql := published[size]) else "",
        )
        for size, r in runs.items()
    ]
    return table(("patients", "wall s", "CPU s", "rows made", "rows/s", "peak RSS MB", "DuckDB wall s"), lines)


def _by_concept(quarter: dict[str, float], whole: dict[str, float]) -> str:
    slowest = sorted(CONCEPTS, key=lambda name: -whole[name])[:SHOWN]
    lines = [
        (n, f"{quarter[n]:.2f}", f"{whole[n]:.2f}", f"{whole[n] / quarter[n]:.1f}", TABLES[n].grain) for n in slowest
    ]
    return table(("concept", "CPU s, a quarter", "CPU s, all", "growth for 4 times", "grain"), lines)


def _published(sources: Path) -> dict[str, float] | None:
    """The published SQL over the same files; None without a checkout."""
    checkout = os.environ.get(CHECKOUT)
    return alone(HERE, "published_sql", str(sources), checkout) if checkout else None


def published_sql(sources: str, checkout: str) -> dict[str, float]:
    """Seconds of all published queries, in order, the release's tables loaded before."""
    database = load(Path(sources))
    started = time.perf_counter()
    made = len(list(derive(database, Path(checkout) / WITHIN_A_CHECKOUT)))
    return {"sql_s": time.perf_counter() - started, "tables": made}


def hospital(sources: str, patients: str) -> None:
    """The files of a synthetic hospital."""
    write_hospital(Path(sources), patients=int(patients))


def as_parquet(sources: str, tables: str) -> None:
    """The release's tables any concept takes, one file each."""
    needed = {name for rule in CONCEPTS.values() for name in inspect.signature(rule).parameters} - set(CONCEPTS)
    Path(tables).mkdir(parents=True)
    place = Sources(root=sources)
    for path, file in take_inventory(place).files.items():
        if path.split("/")[1] in ("hosp", "icu") and path.rpartition("/")[2] in needed:
            with place.open(file.path) as raw:
                parts = [to_polars(rows.table) for rows in read(raw, file.path, file.table, file.absent_columns)]
            pl.concat(parts).write_parquet(Path(tables) / f"{path.rpartition('/')[2]}.parquet")


def all_concepts(tables: str) -> dict[str, float]:
    """Every published concept in order, each computed once from stored inputs: rows, and CPU seconds of each."""
    frames = {f.stem: pl.scan_parquet(f) for f in Path(tables).glob("*.parquet")}
    made, seconds, begun = 0, {}, time.process_time()
    for name, rule in CONCEPTS.items():
        started = time.process_time()
        frame = rule(**{needed: frames[needed] for needed in inspect.signature(rule).parameters}).collect()
        seconds[name] = time.process_time() - started
        made += frame.height
        frames[name] = frame.lazy()
    return {"rows": made, "cpu_s": time.process_time() - begun, **seconds}
