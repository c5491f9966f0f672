"""All published concepts on a synthetic hospital: seconds, rows a second, peak memory; and how they grow with it.

BENCH_PATIENTS sets its size (default 2,000; run at 10,000 for the README's figure).
"""

from __future__ import annotations

import inspect
import os
import shutil
from pathlib import Path

import polars as pl

from clinical_assets.concepts.tables import CONCEPTS
from clinical_assets.mimic.inventory import take_inventory
from clinical_assets.mimic.reader import read, to_polars
from clinical_assets.sample.hospital import write_hospital
from resources.sources import Sources
from tests.bench.measuring import alone, table

PATIENTS = int(os.environ.get("BENCH_PATIENTS", "2000"))
HERE = "tests.bench.concepts"


def run(folder: Path) -> tuple[str, dict[str, object]]:
    """At a quarter of the size and at the whole."""
    runs = {}
    for patients in (PATIENTS // 4, PATIENTS):
        work = folder / f"concepts-{patients}"
        shutil.rmtree(work, ignore_errors=True)
        write_hospital(work / "sources", patients=patients)
        as_parquet(work / "sources", work / "tables")
        runs[patients] = alone(HERE, "all_concepts", str(work / "tables"))
        shutil.rmtree(work)
    whole, quarter = runs[PATIENTS], runs[PATIENTS // 4]
    lines = [
        (
            f"{p:,}",
            f"{r['wall_s']:.2f}",
            f"{r['rows']:,.0f}",
            f"{r['rows'] / r['wall_s']:,.0f}",
            f"{r['peak_rss_mb']:,.0f}",
        )
        for p, r in runs.items()
    ]
    figures = {
        "patients": PATIENTS,
        "wall_s": whole["wall_s"],
        "rows_per_s": whole["rows"] / whole["wall_s"],
        "peak_rss_mb": whole["peak_rss_mb"],
        "wall_growth_for_four_times_the_patients": whole["wall_s"] / quarter["wall_s"],
    }
    return table(("patients", "wall s", "rows made", "rows/s", "peak RSS MB"), lines), figures


def as_parquet(sources: Path, tables: Path) -> None:
    """The release's tables any concept takes, one file each."""
    needed = {name for rule in CONCEPTS.values() for name in inspect.signature(rule).parameters} - set(CONCEPTS)
    tables.mkdir(parents=True)
    place = Sources(root=str(sources))
    for path, file in take_inventory(place).files.items():
        if path.split("/")[1] in ("hosp", "icu") and path.rpartition("/")[2] in needed:
            with place.open(file.path) as raw:
                parts = [to_polars(rows.table) for rows in read(raw, file.path, file.table, file.absent_columns)]
            pl.concat(parts).write_parquet(tables / f"{path.rpartition('/')[2]}.parquet")


def all_concepts(tables: str) -> dict[str, float]:
    """Every concept in order, each computed once from stored inputs."""
    frames = {f.stem: pl.scan_parquet(f) for f in Path(tables).glob("*.parquet")}
    made = 0
    for name, rule in CONCEPTS.items():
        frame = rule(**{needed: frames[needed] for needed in inspect.signature(rule).parameters}).collect()
        made += frame.height
        frames[name] = frame.lazy()
    return {"rows": made}
