"""The open demo's MIMIC tables, typed as the catalogue says, and every concept computed from them once per session."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from clinical_assets.concepts.tables import CONCEPTS
from clinical_assets.concepts.tables import TABLES as CONCEPT_TABLES
from clinical_assets.mimic.catalogue import TABLES as MIMIC
from clinical_assets.mimic.reader import read

SHARED = Path(__file__).parents[3] / "shared"
DEMO = SHARED / "data/physionet/mimic-iv-demo/2.2"
GOLDEN = SHARED / "golden"


def sources() -> set[str]:
    """The MIMIC tables that any concept takes, and the dictionary of laboratory items."""
    taken = {name for concept in CONCEPTS.values() for name in inspect.signature(concept).parameters}
    return (taken - set(CONCEPTS)) | {"d_labitems"}


def _computed(mimic: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Every concept from those MIMIC tables."""
    frames = {name: frame.lazy() for name, frame in mimic.items()}
    for name, concept in CONCEPTS.items():
        inputs = {parameter: frames[parameter] for parameter in inspect.signature(concept).parameters}
        frames[name] = concept(**inputs).collect().lazy()
    return {name: frames[name].collect() for name in CONCEPTS}


@pytest.fixture(scope="session")
def demo() -> dict[str, pl.DataFrame]:
    if not DEMO.is_dir():
        pytest.skip("the open MIMIC-IV demo is not at ../shared/data/physionet")
    frames = {}
    for table in MIMIC.values():
        name = table.key[-1]
        if table.key[1] in ("hosp", "icu") and name in sources():
            file = f"{table.file}.csv.gz"
            with (DEMO / file).open("rb") as raw:
                parts = [pl.from_arrow(rows.table) for rows in read(raw, file, table)]
            frames[name] = pl.concat(parts)
    return frames


@pytest.fixture(scope="session")
def computed():
    return _computed


@pytest.fixture(scope="session")
def concepts(demo: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return _computed(demo)


@pytest.fixture(scope="session")
def golden():
    def read_golden(name: str) -> pl.DataFrame:
        file = GOLDEN / f"{name}.parquet"
        if not file.is_file():
            pytest.skip("the golden tables are not at ../shared/golden")
        return pl.read_parquet(file)

    return read_golden


MIDNIGHT = datetime(2150, 1, 1)


@pytest.fixture(scope="session")
def at():
    """A time so many hours after a fixed midnight."""

    def at_hour(hours: float) -> datetime:
        return MIDNIGHT + timedelta(hours=hours)

    return at_hour


@pytest.fixture(scope="session")
def mimic_rows():
    """A MIMIC table of a few rows given as dicts, typed as the catalogue says; columns left out are null."""

    def rows(table: str, *records: Mapping[str, object]) -> pl.LazyFrame:
        schema = next(t for t in MIMIC.values() if t.key[-1] == table and t.key[1] in ("hosp", "icu")).polars_schema
        return pl.LazyFrame([{name: record.get(name) for name in schema} for record in records], schema=schema)

    return rows


@pytest.fixture(scope="session")
def concept_rows():
    """A concept table of a few rows given as dicts; columns left out are null."""

    def rows(concept: str, *records: Mapping[str, object]) -> pl.LazyFrame:
        schema = CONCEPT_TABLES[concept].polars_schema
        return pl.LazyFrame([{name: record.get(name) for name in schema} for record in records], schema=schema)

    return rows


@pytest.fixture(scope="session")
def chart(mimic_rows, at):
    """ICU chart entries of one patient and stay as (hour, item id, number or text)."""

    def chartevents(*entries: tuple[float, int, float | str | None]) -> pl.LazyFrame:
        return mimic_rows(
            "chartevents",
            *(
                {
                    "subject_id": 1,
                    "hadm_id": 10,
                    "stay_id": 100,
                    "charttime": at(hour),
                    "itemid": itemid,
                    "value": entry if isinstance(entry, str) else None,
                    "valuenum": None if isinstance(entry, str) else entry,
                }
                for hour, itemid, entry in entries
            ),
        )

    return chartevents


@pytest.fixture(scope="session")
def blood(mimic_rows, at):
    """Laboratory results of one patient as (hour, item id, number or text); results of one hour are one specimen."""

    def labevents(*results: tuple[float, int, float | str | None]) -> pl.LazyFrame:
        return mimic_rows(
            "labevents",
            *(
                {
                    "labevent_id": n,
                    "subject_id": 1,
                    "hadm_id": 10,
                    "specimen_id": int(hour * 60),
                    "charttime": at(hour),
                    "itemid": itemid,
                    "value": result if isinstance(result, str) else None,
                    "valuenum": None if isinstance(result, str) else result,
                }
                for n, (hour, itemid, result) in enumerate(results)
            ),
        )

    return labevents


@pytest.fixture(scope="session")
def one_stay(mimic_rows, at):
    """One ICU stay of 48 h, admitted at hour 24."""
    return mimic_rows(
        "icustays", {"subject_id": 1, "hadm_id": 10, "stay_id": 100, "intime": at(24), "outtime": at(72), "los": 2.0}
    )


@pytest.fixture(scope="session")
def score_of_each(concept_rows, mimic_rows, at):
    """A severity score of many ICU stays at once, each of another patient, admitted at hour 24 for 48 h.

    `score_of_each(apsiii, first_day_lab=[{...}, {...}], bg=...)`: a list gives each stay its own row of the table, a
    dict gives all the same one, tables not named are empty. Returns one dict per stay, in order.
    """

    def score(function, **tables):
        stays = max([len(rows) for rows in tables.values() if isinstance(rows, list)], default=1)
        keys = [{"subject_id": n, "hadm_id": 10 * n, "stay_id": 100 * n} for n in range(1, stays + 1)]
        given = {
            "icustays": {"intime": at(24), "outtime": at(72)},
            "admissions": {"admittime": at(0), "admission_type": "URGENT"},
            "age": {"age": 50},
        }
        frames = {}
        for name in inspect.signature(function).parameters:
            rows = (given | tables).get(name, [])
            rows = [rows] * stays if isinstance(rows, dict) else rows
            make = concept_rows if name in CONCEPT_TABLES else mimic_rows
            frames[name] = make(name, *(key | row for key, row in zip(keys, rows, strict=False)))
        return function(**frames).collect().sort("stay_id").to_dicts()

    return score
