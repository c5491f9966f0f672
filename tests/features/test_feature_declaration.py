"""A feature is declared once: column, documentation, bounds, lineage and serving schema all come from it."""

import json

import jsonschema
import polars as pl
import pytest

from clinical_assets.declaration import column_schema
from clinical_assets.definitions import build_definitions
from clinical_assets.features.feature import EXPECTED_MISSING, Feature
from clinical_assets.features.feature_sets import FEATURE_SETS, PREDICTED_FROM
from clinical_assets.features.mortality_features import FEATURES as MORTALITY
from clinical_assets.features.mortality_features import MORTALITY_FIRST_DAY
from clinical_assets.features.mortality_named import NAMED, OURS
from clinical_assets.models.training import NEVER_FEATURES
from clinical_assets.settings import Settings
from clinical_assets.tables import Type

EVERY_SET = pytest.mark.parametrize("chosen", FEATURE_SETS, ids=lambda chosen: chosen.table.key[-1])
SERVED = pytest.mark.parametrize("chosen", PREDICTED_FROM, ids=lambda chosen: chosen.table.key[-1])


@EVERY_SET
def test_columns_units_bounds_and_documentation_come_from_the_features(chosen):
    shown = {column.name: column for column in column_schema(chosen.table).columns}
    for feature in chosen.features:
        column = chosen.table.column(feature.name)
        assert column.type is (Type.TEXT if feature.categories else Type.FLOAT)
        assert (column.unit, column.plausible, column.allowed) == (feature.unit, feature.plausible, feature.categories)
        assert column.meaning.startswith(feature.described())
        said = shown[feature.name].description
        assert all(
            text in said for text in (feature.window, feature.aggregation, feature.available, feature.unit or "")
        )
        assert feature.plausible is None or any("plausible" in r for r in shown[feature.name].constraints.other)
    order = [name for name in chosen.table.column_names if name in {f.name for f in chosen.features}]
    assert order == [feature.name for feature in chosen.features]
    assert not set(order) & set(NEVER_FEATURES)


@SERVED
def test_every_feature_of_a_set_models_are_trained_on_says_when_a_value_counts(chosen):
    silent = [f.name for f in chosen.features if not f.available and f.source not in ("stays", "patients", "ed_stays")]
    assert [name for name in silent if chosen.table is MORTALITY_FIRST_DAY] == []
    assert all(0 < feature.expected_missing <= 1 for feature in chosen.features)


def row(features, **values):
    """A row of plausible values."""
    return {
        f.name: f.categories[0] if f.categories else (f.plausible[0] if f.plausible else 1.0) for f in features
    } | values  # fmt: skip


@EVERY_SET
def test_the_serving_schema_takes_a_row_of_the_table_and_refuses_anything_else(chosen):
    schema = json.loads(json.dumps(chosen.serving_schema))
    validator = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert validator.is_valid(row(chosen.features))
    assert validator.is_valid(dict.fromkeys(row(chosen.features)))
    bounded = next(f for f in chosen.features if f.plausible)
    refused = [
        row(chosen.features, **{bounded.name: bounded.plausible[1] + 1}),
        row(chosen.features, **{bounded.name: "12"}),
        row(chosen.features, stay_id=1),
        {k: v for k, v in row(chosen.features).items() if k != bounded.name},
    ]
    refused += [row(chosen.features, **{f.name: "no such category"}) for f in chosen.features if f.categories]
    assert [validator.is_valid(wrong) for wrong in refused] == [False] * len(refused)
    assert list(schema["properties"]) == schema["required"] == [f.name for f in chosen.features]


def test_what_the_table_makes_of_a_value_is_what_serving_accepts():
    feature = Feature(name="sbp", meaning="Pressure.", unit="mm[Hg]", source="vitalsign", plausible=(0, 400))
    made = pl.DataFrame({"sbp": [-1.0, 0.0, 400.0, 401.0, None]}).select(feature.value())["sbp"].to_list()
    assert made == [None, 0, 400, None, None]
    assert feature.serving_schema() == {
        "description": "Pressure.", "x-source": "vitalsign", "x-unit": "mm[Hg]", "type": ["number", "null"],
        "minimum": 0, "maximum": 400,
    }  # fmt: skip


def test_the_ui_shows_the_serving_schema_of_the_sets_models_are_trained_on(tmp_path):
    definitions = build_definitions(Settings.load(home=tmp_path, sources=str(tmp_path / "nowhere")))
    shown = {
        spec.key.path[-1]: spec.metadata["serving_schema"].value
        for spec in definitions.resolve_all_asset_specs()
        if "serving_schema" in spec.metadata
    }
    assert shown == {chosen.table.key[-1]: chosen.serving_schema for chosen in PREDICTED_FROM}


def test_the_table_says_which_names_are_the_public_lists_and_which_are_ours():
    assert len(MORTALITY) == 111
    assert len(set(NAMED) - set(OURS)) == 61
    assert "61 of a public model's metadata and four of ours" in MORTALITY_FIRST_DAY.meaning
    assert "In the public list of 61: worst_sbp_24h, min_sbp_24h." in MORTALITY_FIRST_DAY.column("sbp_min").meaning
    ours = [n for n in MORTALITY_FIRST_DAY.column_names if "our four" in MORTALITY_FIRST_DAY.column(n).meaning]
    assert ours == ["hours_before_icu", "calcium_min", "pao2fio2ratio_min", "urine_output"]


def test_expected_missingness_is_the_sources_unless_a_feature_says_otherwise():
    by_name = {feature.name: feature.expected_missing for feature in MORTALITY}
    assert by_name["albumin_min"] == 0.85
    assert by_name["creatinine_max"] == EXPECTED_MISSING["first_day_lab"]
    assert by_name["bnp_max"] == 0.99
