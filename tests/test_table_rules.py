"""The rules every table is judged by: each passes on a good table and fails on the fault it is for."""

import polars as pl
import pytest

from clinical_assets import table_rules
from clinical_assets.tables import Column, Table, Type

TABLE = Table(
    key=("group", "table"),
    grain="one row per stay",
    meaning="A table.",
    primary_key=("stay_id",),
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient."),
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The stay."),
        Column(name="heart_rate", type=Type.FLOAT, unit="/min", plausible=(0, 300), meaning="Heart rate."),
        Column(name="gender", type=Type.TEXT, allowed=("F", "M"), meaning="Gender."),
    ),
)
GOOD = pl.DataFrame(
    {"subject_id": [1, 2], "stay_id": [10, 20], "heart_rate": [80.0, None], "gender": ["F", "M"]},
    schema=TABLE.polars_schema,
)


def nulls(frame):
    return dict(zip(frame.columns, frame.null_count().row(0), strict=True))


def test_a_table_as_declared_passes_the_schema_rule():
    assert table_rules.schema(GOOD.schema, nulls(GOOD), TABLE).passed


@pytest.mark.parametrize(
    ("fault", "column"),
    [
        (GOOD.drop("gender"), "gender"),
        (GOOD.with_columns(extra=pl.lit(1)), "extra"),
        (GOOD.with_columns(pl.col("stay_id").cast(pl.String)), "stay_id"),
        (GOOD.with_columns(stay_id=pl.lit(None, pl.Int64)), "stay_id"),
        (GOOD.select("stay_id", "subject_id", "heart_rate", "gender"), "(order)"),
    ],
)
def test_the_schema_rule_names_the_column_at_fault(fault, column):
    finding = table_rules.schema(fault.schema, nulls(fault), TABLE)
    assert not finding.passed
    assert [row["column"] for row in finding.rows] == [column]


def test_the_key_rule_counts_repeated_keys_and_their_rows():
    assert table_rules.key(GOOD.lazy(), TABLE).passed
    repeated = table_rules.key(pl.concat([GOOD, GOOD, GOOD.head(1)]).lazy(), TABLE)
    assert not repeated.passed
    assert repeated.counts == {"repeated_keys": 2, "rows_with_repeated_keys": 5}


def test_a_null_in_a_key_counts_as_a_value():
    frame = GOOD.with_columns(stay_id=pl.lit(None, pl.Int64))
    assert not table_rules.key(frame.lazy(), TABLE).passed
    assert table_rules.key(frame.head(1).lazy(), TABLE).passed


@pytest.mark.parametrize(("rows", "missing_shards", "passed"), [(100, 0, True), (99, 0, False), (40, 3, True)])
def test_published_rows_are_compared_only_when_every_shard_is_there(rows, missing_shards, passed):
    assert table_rules.published_rows(rows, 100, missing_shards).passed is passed


def test_references_name_the_columns_with_orphans_and_those_that_could_not_be_checked():
    table = Table(
        key=("group", "t"),
        grain="one",
        meaning="A table.",
        columns=(
            Column(name="subject_id", type=Type.INTEGER, references="hosp/patients.subject_id", meaning="The patient."),
            Column(name="hadm_id", type=Type.INTEGER, references="hosp/admissions.hadm_id", meaning="The stay."),
        ),
    )
    assert table_rules.references({"subject_id": 0, "hadm_id": 0}, table).passed
    finding = table_rules.references({"subject_id": 3, "hadm_id": None}, table)
    assert not finding.passed
    assert finding.rows[0]["not found"] == 3
    assert "hadm_id" in finding.description


def test_implausible_numbers_and_foreign_texts_are_counted_and_nulls_are_not():
    frame = GOOD.vstack(
        pl.DataFrame(
            {"subject_id": [3, 4], "stay_id": [30, 40], "heart_rate": [301.0, 300.0], "gender": ["X", None]},
            schema=TABLE.polars_schema,
        )
    )
    counts = frame.select(**table_rules.implausible(TABLE)).row(0, named=True)
    assert counts == {"heart_rate": 1, "gender": 1}
    assert not table_rules.plausible(counts, frame.height, TABLE).passed
    assert table_rules.plausible({"heart_rate": 0, "gender": 0}, frame.height, TABLE).passed


def test_a_column_without_any_value_is_worth_a_warning_and_partly_missing_ones_are_not():
    assert table_rules.missingness({"a": 0, "b": 3}, 10).passed
    finding = table_rules.missingness({"a": 10, "b": 3}, 10)
    assert not finding.passed
    assert finding.description.endswith("no value at all in a")
    assert table_rules.missingness({"a": 0}, 0).passed


def test_findings_hold_counts_and_column_names_but_no_value_of_a_patient():
    frame = GOOD.with_columns(heart_rate=pl.lit(987654.0), gender=pl.lit("SECRET"))
    counts = frame.select(**table_rules.implausible(TABLE)).row(0, named=True)
    finding = table_rules.plausible(counts, frame.height, TABLE)
    assert "987654" not in repr(finding)
    assert "SECRET" not in repr(finding)
