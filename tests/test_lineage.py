"""Column lineage is read off what polars asks its sources for."""

import polars as pl

from clinical_assets.lineage import column_lineage

PATIENTS = pl.Schema({"subject_id": pl.Int64(), "gender": pl.String(), "anchor_age": pl.Int64(), "dod": pl.Date()})
EVENTS = pl.Schema(
    {"subject_id": pl.Int64(), "itemid": pl.Int64(), "valuenum": pl.Float64(), "charttime": pl.Datetime("us")}
)


def test_a_column_comes_from_the_columns_its_expression_uses():
    def rule(patients: pl.LazyFrame) -> pl.LazyFrame:
        return patients.select("subject_id", female=pl.col("gender") == "F", age=pl.col("anchor_age") + 1)

    assert column_lineage(rule, {"patients": PATIENTS}) == {
        "subject_id": {("patients", "subject_id")},
        "female": {("patients", "gender")},
        "age": {("patients", "anchor_age")},
    }


def test_join_keys_and_filters_choose_rows_and_are_not_the_source_of_a_value():
    def rule(patients: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:
        heart_rates = (
            events.filter(pl.col("itemid") == 220045)
            .group_by("subject_id")
            .agg(highest=pl.col("valuenum").max(), last=pl.col("charttime").max())
        )
        return patients.join(heart_rates, on="subject_id").select("gender", "highest", "last")

    found = column_lineage(rule, {"patients": PATIENTS, "events": EVENTS})
    assert found["gender"] == {("patients", "gender")}
    assert found["highest"] == {("events", "valuenum")}
    assert found["last"] == {("events", "charttime")}


def test_a_union_has_both_sides_as_sources():
    def rule(patients: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:
        return pl.concat(
            [
                patients.select("subject_id", value=pl.col("anchor_age").cast(pl.Float64)),
                events.select("subject_id", value="valuenum"),
            ]
        )

    found = column_lineage(rule, {"patients": PATIENTS, "events": EVENTS})
    assert found["value"] == {("patients", "anchor_age"), ("events", "valuenum")}
