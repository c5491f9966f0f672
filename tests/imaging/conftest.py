"""Hand-made records of the releases, and hypothetical stays."""

from datetime import datetime

import polars as pl
import pytest

from clinical_assets.mimic.catalogue import TABLES as RELEASE


def rows_of(table, *records):
    """Records of a table, the columns not given null."""
    table = RELEASE[table] if isinstance(table, str) else table
    return pl.DataFrame(list(records), schema=table.polars_schema, orient="row").lazy()


def day(number, hour=0, minute=0):
    return datetime(2150, 1, number, hour, minute)


@pytest.fixture(scope="session")
def rows():
    return rows_of


@pytest.fixture(scope="session")
def at():
    return day
