"""CSV.gz to typed, subject-sharded Parquet: ours beside DuckDB, polars and pandas, on one file in one run.

The file is chartevents-like: the columns, types, value mix and order of the release. BENCH_ROWS sets its size (default
2,000,000); BENCH_ORDER=scattered spreads every patient over the whole file, which no release does.
"""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl

from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.mimic.loading import load
from resources.lake import Lake
from resources.sharding import shard_names
from tests.bench.measuring import alone, table

CHARTEVENTS = TABLES["mimic/icu/chartevents"]
SHARDS = 8
ROWS = int(os.environ.get("BENCH_ROWS", "2000000"))
SCATTERED = os.environ.get("BENCH_ORDER", "release") == "scattered"
HERE = "tests.bench.mimic_reader"


def run(folder: Path) -> tuple[str, dict[str, object]]:
    """Every tool once, each in its own process, on the same file."""
    work = folder / "mimic_reader"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    source = work / "chartevents.csv.gz"
    write_chartevents(source, ROWS, scattered=SCATTERED)
    runs = {}
    for tool in ("ours", "duckdb", "polars", "pandas"):
        out = work / tool
        runs[tool] = alone(HERE, f"with_{tool}", str(source), str(out))
        runs[tool]["mb_out"] = sum(f.stat().st_size for f in out.rglob("*.parquet")) / 1e6
        shutil.rmtree(out)
    lines = [
        (tool, f"{r['wall_s']:.1f}", f"{ROWS / r['wall_s']:,.0f}", f"{r['peak_rss_mb']:,.0f}", f"{r['mb_out']:.1f}")
        for tool, r in runs.items()
    ]
    figures = {
        "rows": ROWS,
        "wall_s": runs["ours"]["wall_s"],
        "wall_ratio_to_duckdb": runs["ours"]["wall_s"] / runs["duckdb"]["wall_s"],
        "wall_ratio_to_polars": runs["ours"]["wall_s"] / runs["polars"]["wall_s"],
        "wall_ratio_to_pandas": runs["ours"]["wall_s"] / runs["pandas"]["wall_s"],
        "peak_rss_mb": runs["ours"]["peak_rss_mb"],
        "tools": runs,
    }
    shutil.rmtree(work)
    return table(("tool", "wall s", "rows/s", "peak RSS MB", "output MB"), lines), figures


def write_chartevents(path: Path, rows: int, *, scattered: bool = False, block: int = 200_000) -> None:
    """Rows as the release has them, in the order of their patients; or with every patient scattered over the file.

    As in the open demo: some 5,000 rows a stay, 39 % of them numeric with 2,500 different values, 24 % with a unit.
    """
    chance = np.random.default_rng(7)
    patients = np.sort(10_000_000 + chance.permutation(9_999_999)[: max(rows // 5000, 10)])
    items = np.concatenate([[220045, 220210, 220277, 220179, 220180, 220181], chance.integers(220000, 230000, 300)])
    texts = np.array(["Alert", "Oriented x 3", "SR (Sinus Rhythm)", "Clear", "1-2", "None", "Yes", "Regular"] * 4)
    texts[:2] = "Warm, dry", 'said "ok"'
    with gzip.open(path, "wb", compresslevel=4) as file:
        for start in range(0, rows, block):
            n = min(block, rows - start)
            which = chance.integers(0, len(patients), n) if scattered else np.arange(start, start + n) // 5000
            who = patients[np.minimum(which, len(patients) - 1)]
            seconds = chance.integers(0, 86400 * 10, n) // 900 * 900
            number = np.round(chance.normal(90, 25, n), 1)
            numeric = chance.random(n) < 0.39
            charttime = np.datetime64("2150-01-01") + (seconds + who % 9973 * 86400).astype("timedelta64[s]")
            charttime = charttime.astype("datetime64[us]")
            frame = pl.DataFrame(
                {
                    "subject_id": who,
                    "hadm_id": who + 10_000_000,
                    "stay_id": who + 20_000_000,
                    "caregiver_id": chance.integers(1, 99999, n),
                    "charttime": charttime,
                    "storetime": charttime + chance.integers(60, 3600, n).astype("timedelta64[s]"),
                    "itemid": items[(chance.random(n) ** 3 * len(items)).astype(int)],
                    "value": np.where(numeric, number.astype(str), texts[chance.integers(0, len(texts), n)]),
                    "valuenum": number,
                    "valueuom": np.where(numeric & (chance.random(n) < 0.62), "mmHg", ""),
                    "warning": (chance.random(n) < 0.02).astype(int),
                }
            ).with_columns(
                valuenum=pl.when(pl.Series(numeric)).then("valuenum"),
                valueuom=pl.when(pl.col("valueuom") != "").then("valueuom"),
            )
            file.write(frame.write_csv(datetime_format="%Y-%m-%d %H:%M:%S", include_header=start == 0).encode())


def with_ours(source: str, out: str) -> dict[str, float]:
    """The project's own path, as the asset runs it."""
    lake = Lake(root=out, subject_shards=SHARDS)
    with Path(source).open("rb") as raw:
        loaded = load(raw, source, CHARTEVENTS, lake, shard_names(SHARDS), scratch=Path(out) / "scratch")
    return {"rows": sum(f.rows for f in loaded.stored.values())}


def with_duckdb(source: str, out: str) -> dict[str, float]:
    """COPY from read_csv with explicit types, partitioned by shard; unsorted."""
    import duckdb

    types = {"integer": "BIGINT", "float": "DOUBLE", "text": "VARCHAR", "timestamp": "TIMESTAMP"}
    columns = {c.name: types[c.type.value] for c in CHARTEVENTS.columns}
    Path(out).mkdir()
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(
        f"COPY (SELECT *, subject_id % {SHARDS} AS shard FROM read_csv('{source}', header=true, columns={columns})) "
        f"TO '{out}' (FORMAT parquet, PARTITION_BY (shard), OVERWRITE_OR_IGNORE)"
    )
    return {}


def with_polars(source: str, out: str) -> dict[str, float]:
    """Read whole, sort, write a file per shard."""
    frame = pl.read_csv(source, schema=CHARTEVENTS.polars_schema).sort("subject_id", "charttime")
    for (shard,), part in (
        frame.with_columns(shard=pl.col("subject_id") % SHARDS).partition_by("shard", as_dict=True).items()
    ):
        Path(f"{out}/{shard}").mkdir(parents=True)
        part.write_parquet(f"{out}/{shard}/part.parquet")
    return {}


def with_pandas(source: str, out: str) -> dict[str, float]:
    """In chunks of a million rows, a file per chunk and shard; unsorted."""
    import pandas as pd

    times = ["charttime", "storetime"]
    text = {c.name: "str" for c in CHARTEVENTS.columns if c.type.value == "text"}
    chunks = pd.read_csv(source, chunksize=1_000_000, parse_dates=times, dtype=text)
    for number, chunk in enumerate(chunks):
        for shard, part in chunk.groupby(chunk["subject_id"] % SHARDS):
            Path(f"{out}/{shard}").mkdir(parents=True, exist_ok=True)
            part.to_parquet(f"{out}/{shard}/part-{number}.parquet", compression="zstd")
    return {}
