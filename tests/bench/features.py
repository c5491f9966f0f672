"""Feature sets on a synthetic hospital: seconds, rows a second, peak memory, growth, and the same features in pandas.

BENCH_PATIENTS sets its size (default 2,000; run at 10,000 for the README's figure). Both read the same Parquet tables,
each in a process of its own, and write what they made; every feature pandas makes is compared cell by cell.

The pandas program is run in two ways. Stay by stay, a groupby with a function for each, is how such pipelines are
written: `speedup_over_pandas` is against that, for `sepsis_hourly`. In whole columns it is what a careful author would
make of it. CPU seconds are given beside wall seconds, since they say the same on a busy machine.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import polars as pl

from clinical_assets.features import mortality_first_day, sepsis_hourly
from clinical_assets.features.known import concept
from clinical_assets.mimic.inventory import take_inventory
from clinical_assets.mimic.reader import read, to_polars
from clinical_assets.sample.hospital import write_hospital
from clinical_assets.stays import stays
from resources.sources import Sources
from tests.bench.measuring import alone, table

PATIENTS = int(os.environ.get("BENCH_PATIENTS", "2000"))
HERE = "tests.bench.features"
SETS = ("sepsis_hourly", "mortality_first_day")
STAYS_ONE_BY_ONE = 60
"""Stays of the program that goes stay by stay; its time grows with their number, and more would take hours."""
TOLERANCE = 1e-8


def run(folder: Path) -> tuple[str, dict[str, object]]:
    """At a quarter of the size and at the whole; pandas at the whole."""
    runs: dict[tuple[str, str], dict[str, float]] = {}
    quarter, whole = PATIENTS // 4, PATIENTS
    for patients in (quarter, whole):
        work = folder / f"features-{patients}"
        shutil.rmtree(work, ignore_errors=True)
        alone(HERE, "prepare", str(work), str(patients))
        for name in SETS:
            runs[f"{patients:,} patients", name] = alone(HERE, "ours", str(work), name)
        if patients == whole:
            for name in SETS:
                runs["pandas, whole columns", name] = alone(HERE, "in_pandas", str(work), name, "columns")
                alone(HERE, "compare", str(work), name)
            runs["pandas, stay by stay", "sepsis_hourly"] = alone(
                HERE, "in_pandas", str(work), "sepsis_hourly", "stays"
            )
        shutil.rmtree(work)
    lines = [
        (
            name, what, f"{r['wall_s']:.2f}", f"{r['cpu_s']:.2f}", f"{r['rows']:,.0f}",
            f"{r['rows'] / r['wall_s']:,.0f}", f"{r['peak_rss_mb']:,.0f}",
        )
        for (what, name), r in sorted(runs.items(), key=lambda entry: entry[0][1])
    ]  # fmt: skip
    return table(("feature set", "run", "wall s", "CPU s", "rows", "rows/s", "peak RSS MB"), lines), figures(
        runs, quarter, whole
    )


def figures(runs: dict[tuple[str, str], dict[str, float]], quarter: int, whole: int) -> dict[str, object]:
    """What is kept; a speed is rows a second, since the stay-by-stay program is given fewer stays."""
    ours = {name: runs[f"{whole:,} patients", name] for name in SETS}
    small = {name: runs[f"{quarter:,} patients", name] for name in SETS}

    def faster(other: dict[str, float], mine: dict[str, float], what: str) -> float:
        """How many times as many rows a second."""
        return (mine["rows"] / mine[what]) / (other["rows"] / other[what])

    one_by_one = runs["pandas, stay by stay", "sepsis_hourly"]
    columns = {name: runs["pandas, whole columns", name] for name in SETS}
    return {
        "patients": whole,
        "speedup_over_pandas": faster(one_by_one, ours["sepsis_hourly"], "wall_s"),
        "cpu_speedup_over_pandas": faster(one_by_one, ours["sepsis_hourly"], "cpu_s"),
        "speedup_over_pandas_whole_columns": {n: faster(columns[n], ours[n], "wall_s") for n in SETS},
        "cpu_speedup_over_pandas_whole_columns": {n: faster(columns[n], ours[n], "cpu_s") for n in SETS},
        "rows_per_s": ours["sepsis_hourly"]["rows"] / ours["sepsis_hourly"]["wall_s"],
        "peak_rss_mb": max(run["peak_rss_mb"] for run in ours.values()),
        "wall_growth_for_four_times_the_patients": {n: ours[n]["wall_s"] / small[n]["wall_s"] for n in SETS},
        "cpu_growth_for_four_times_the_patients": {n: ours[n]["cpu_s"] / small[n]["cpu_s"] for n in SETS},
        "sets": {n: {"ours": ours[n], "pandas": columns[n]} for n in SETS},
        "stay_by_stay": one_by_one,
    }


EVENTS = (
    "chartevents", "labevents", "outputevents", "inputevents", "procedureevents", "prescriptions",
    "microbiologyevents", "services", "diagnoses_icd",
)  # fmt: skip


def prepare(work: str, patients: str) -> None:
    """The hospital and its tables; in a process of its own, since a child is charged with its parent's peak memory."""
    write_hospital(Path(work, "sources"), patients=int(patients))
    as_parquet(Path(work, "sources"), Path(work, "tables"))


def as_parquet(sources: Path, tables: Path) -> None:
    """The tables the feature sets take: those of the release, stays, and the concept the label is made of."""
    tables.mkdir(parents=True)
    place = Sources(root=str(sources))
    release: dict[str, pl.LazyFrame] = {}
    for path, file in take_inventory(place).files.items():
        name = path.rpartition("/")[2]
        if path.split("/")[1] in ("hosp", "icu") and (name in EVENTS or name in ("admissions", "patients", "icustays")):
            with place.open(file.path) as raw:
                parts = [to_polars(rows.table) for rows in read(raw, file.path, file.table, file.absent_columns)]
            pl.concat(parts).write_parquet(tables / f"{name}.parquet")
            release[name] = pl.scan_parquet(tables / f"{name}.parquet")
    hospital = stays.hospital_stays(release["admissions"], release["patients"]).collect().lazy()
    made = {
        "hospital_stays": hospital,
        "icu_stays": stays.icu_stays(release["icustays"], hospital),
        "sepsis_onset": concept("sepsis_onset", release, {}),
    }
    for name, frame in made.items():
        frame.collect().write_parquet(tables / f"{name}.parquet")


def ours(work: str, name: str) -> dict[str, float]:
    """A feature set as the asset makes it."""
    started = time.process_time()
    at = {f.stem: pl.scan_parquet(f) for f in Path(work, "tables").glob("*.parquet")}
    if name == "sepsis_hourly":
        inputs = ("icu_stays", "chartevents", "labevents", "inputevents", "outputevents", "sepsis_onset")
        rows = sepsis_hourly.sepsis_hourly(*(at[i] for i in inputs))
    else:
        rows = mortality_first_day.mortality_first_day(
            at["icu_stays"], at["hospital_stays"], **{event: at[event] for event in EVENTS}
        )
    found = rows.collect()
    cpu = time.process_time() - started
    found.write_parquet(Path(work, f"{name}.parquet"))
    return {"rows": found.height, "cpu_s": cpu}


def in_pandas(work: str, name: str, how: str) -> dict[str, float]:
    """The same in pandas."""
    import pandas as pd

    from tests.bench import features_in_pandas as program

    columns = ["subject_id", "stay_id", "itemid", "charttime", "storetime", "valuenum"]
    needed = {
        "icu_stays": ["subject_id", "stay_id", "intime", "outtime"],
        "chartevents": columns,
        "labevents": [*(c for c in columns if c != "stay_id"), "specimen_id"],
        "outputevents": [*columns[:-1], "value"],
    }
    tables: dict[str, Any] = {
        t: pd.read_parquet(Path(work, "tables", f"{t}.parquet"), columns=c) for t, c in needed.items()
    }
    if how == "stays":
        some = tables["icu_stays"].head(STAYS_ONE_BY_ONE)
        tables |= {"icu_stays": some} | {
            t: tables[t][tables[t]["subject_id"].isin(some["subject_id"])] for t in ("chartevents", "labevents")
        }
    started = time.process_time()
    if name == "sepsis_hourly":
        found = program.sepsis_hourly(tables, stay_by_stay=how == "stays")
    else:
        found = program.mortality_first_day(tables)
    cpu = time.process_time() - started
    found.to_parquet(Path(work, f"{name} in pandas.parquet"))
    return {"rows": len(found), "cpu_s": cpu}


def compare(work: str, name: str) -> None:
    """Every feature pandas made is the project's, cell by cell.

    Raises:
        AssertionError: it names the features that differ.
    """
    key = ["stay_id", "hr"] if name == "sepsis_hourly" else ["stay_id"]
    mine, theirs = (pl.read_parquet(Path(work, f"{file}.parquet")) for file in (name, f"{name} in pandas"))
    features = [c for c in theirs.columns if c in mine.columns and c not in key]
    both = mine.select(*key, *features).join(theirs.select(*key, *features), on=key, suffix=" in pandas")
    assert both.height == mine.height, f"{name}: {both.height} of {mine.height} rows are in both"
    far = {
        c: both.filter(
            pl.col(c).is_null()
            != pl.col(f"{c} in pandas").fill_nan(None).is_null()
            | ((pl.col(c) - pl.col(f"{c} in pandas")).abs() > TOLERANCE * pl.col(c).abs().clip(lower_bound=1))
        ).height
        for c in features
    }
    differing = {c: n for c, n in far.items() if n}
    assert not differing, f"{name}: features that differ from pandas, with the number of rows: {differing}"
