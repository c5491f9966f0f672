"""The open demo's tables as the assets read them; makes the folder's made-up record (`leakage_record`) importable."""

import sys
from functools import lru_cache
from pathlib import Path

import polars as pl
import pytest

from clinical_assets.mimic.inventory import take_inventory
from clinical_assets.mimic.reader import read, to_polars
from resources.sources import Sources

sys.path.insert(0, str(Path(__file__).parent))

PHYSIONET = Path(__file__).parents[3] / "shared" / "data" / "physionet"


@pytest.fixture(scope="session")
def demo_frames():
    sources = Sources(root=str(PHYSIONET))
    inventory = take_inventory(sources)

    @lru_cache
    def table(path):
        file = inventory.files[path]
        with sources.open(file.path) as raw:
            parts = read(raw, file.path, file.table, file.absent_columns)
            return pl.concat([to_polars(part.table) for part in parts]).lazy()

    return table
