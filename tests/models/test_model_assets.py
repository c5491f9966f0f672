"""The model assets on a real lake and a real PostgreSQL: hourly and emergency outcomes through the same code."""

import json
from datetime import datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from clinical_assets.features.assets import ASSETS
from clinical_assets.models import assets, stored
from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.models.tables import PREDICTIONS
from clinical_assets.partitions import all_of
from clinical_assets.stays.splits import patient_splits
from resources.sharding import shard_names, shard_of

SHARDS = shard_names(4)
SETS = {declaration.table.path: declaration.table for declaration in ASSETS}
SEPSIS, REVISIT = OUTCOMES["sepsis"], OUTCOMES["ed_revisit"]
IN = datetime(2150, 3, 1, 12)
PATIENTS, HOURS = 90, 20


def hours_of_stays(gap=0):
    """Every third patient has an onset at the end, and a heart that speeds up before it."""
    random = np.random.default_rng(6)
    rows = []
    for patient in range(PATIENTS):
        septic = patient % 3 == 0
        for hour in range(HOURS):
            soon = int(septic and hour >= HOURS - 6)
            rows.append(
                {
                    "subject_id": patient, "hadm_id": 100 + patient, "stay_id": 1000 + patient, "hr": hour,
                    "index_time": IN + timedelta(hours=hour), "eligible": True, SEPSIS.label: soon,
                    "horizon_hours": 6, "gap_hours": gap, "heart_rate": 80 + 15.0 * soon + 8 * random.normal(),
                    "renal_sofa": float(soon + random.integers(0, 2)), "gender": "F", "icu_los_so_far": float(hour),
                }
            )  # fmt: skip
    return rows


def emergencies(every=3):
    return [
        {
            "subject_id": patient, "stay_id": 1000 + patient, "index_time": IN, "eligible": True,
            "disposition_time": IN + timedelta(hours=4), REVISIT.eligible: True, "outcome_hospitalization": 0,
            "outcome_critical": 0, REVISIT.label: int(patient % every == 0), "age": 50.0 + 10 * (patient % every == 0),
        }
        for patient in range(PATIENTS)
    ]  # fmt: skip


class Held(dg.IOManager):
    """Feature sets from memory, cut by shard as the lake cuts them; keeps the predictions."""

    def __init__(self, tables):
        self.tables, self.made = tables, {}

    def load_input(self, context):
        path = context.asset_key.to_user_string()
        if path == "stays/patient_splits":
            people = pl.LazyFrame({"subject_id": list(range(PATIENTS)), "anchor_year_group": "2014 - 2016"})
            return patient_splits(people)
        rows = pl.DataFrame(self.tables.get(path, []), schema=SETS[path].polars_schema)
        of = pl.Series([SHARDS[n] for n in shard_of(rows["subject_id"].to_numpy(), len(SHARDS))], dtype=pl.String)
        return rows.filter(of.is_in(list(context.asset_partition_keys))).lazy()

    def handle_output(self, context, obj):
        self.made[context.partition_key if context.has_partition_key else "all"] = obj.collect()


@pytest.fixture
def graph(lake, warehouse):
    site = SimpleNamespace(shards=dg.StaticPartitionsDefinition(SHARDS), lacks=lambda _: False)
    made = assets.model_assets(site)
    own = {asset.key for asset in made}
    upstream = {key for asset in made for key in asset.keys_by_input_name.values()} - own
    read = [dg.AssetSpec(key, partitions_def=site.shards) for key in upstream]

    def run(asset, tables, **how):
        held = Held(tables)
        result = dg.materialize(
            [*made, *read], selection=[f"models/{asset}"], raise_on_error=how.pop("raise_on_error", True),
            resources={"lake_io_manager": held, "lake": lake, "warehouse": warehouse}, **how,
        )  # fmt: skip
        events = result.asset_materializations_for_node(f"models__{asset}") if result.success else []
        return SimpleNamespace(
            success=result.success, made=held.made, result=result,
            metadata={name: value.value for event in events for name, value in event.metadata.items()},
        )  # fmt: skip

    return run


def test_sepsis_is_trained_compared_judged_and_predicted_by_stay_and_hour(graph, lake, warehouse):
    tables = {SEPSIS.feature_set: hours_of_stays()}
    trained = graph("risk_model", tables, partition_key="sepsis")
    assert trained.metadata["horizon_hours"] == 6
    assert trained.metadata["dagster/row_count"] < trained.metadata["rows_stood_for"]
    files = lake.read_files(stored.model_folder(SEPSIS))
    assert set(stored.models_in(SEPSIS, files)) == {"", "with_organ_points", "by_time_alone"}
    assert json.loads(files["model.json"])["provenance"]["label_window"] == {"horizon_hours": 6, "gap_hours": 0}
    read = {f["name"] for f in json.loads(files["model.json"])["contract"]}
    assert not {name for name in read if name.endswith("_sofa")}

    judged = graph("evaluation", tables, partition_key="sepsis").metadata
    assert judged["auroc"] > 0.8
    assert judged["dagster/row_count"] == judged["test_patients"] * HOURS
    assert judged["auroc_difference_with_organ_points"] == pytest.approx(
        judged["auroc_with_organ_points"] - judged["auroc"]
    )
    assert "An alarm in 5% of hours" in judged["summary"]
    assert "organ points the AUROC is" in judged["summary"]

    at_once = graph("predictions", tables, tags=all_of(SHARDS))
    assert at_once.metadata["rows_by_outcome"] == {"sepsis": PATIENTS * HOURS}
    assert set(at_once.metadata["outcomes_without_a_model"]) == set(OUTCOMES) - {"sepsis"}
    (together,) = at_once.made.values()
    one_by_one = [next(iter(graph("predictions", tables, partition_key=s).made.values())) for s in SHARDS]
    assert pl.concat(one_by_one).sort(PREDICTIONS.primary_key).equals(together.sort(PREDICTIONS.primary_key))
    with warehouse.transaction() as connection:
        count = connection.execute(sa.text("SELECT count(*), count(DISTINCT hr) FROM analytics.predictions")).one()
    assert tuple(count) == (PATIENTS * HOURS, HOURS)


def test_an_outcome_too_few_have_gets_no_model_says_so_and_keeps_no_other_from_being_predicted(graph, lake):
    tables = {REVISIT.feature_set: emergencies(every=1000), SEPSIS.feature_set: hours_of_stays()}
    trained = graph("risk_model", tables, partition_key="ed_revisit")
    assert "expected at least 2 patients with the outcome" in trained.metadata["not_trained"]
    assert lake.read_files(stored.model_folder(REVISIT)) == {}
    assert graph("evaluation", tables, partition_key="ed_revisit").metadata["not_evaluated"]
    without = graph("predictions", tables, tags=all_of(SHARDS), raise_on_error=False)
    assert not without.success  # no outcome has a model yet
    graph("risk_model", tables, partition_key="sepsis")
    assert "ed_revisit" in graph("predictions", tables, tags=all_of(SHARDS)).metadata["outcomes_without_a_model"]


def test_a_model_that_cannot_be_trained_anew_is_kept_and_the_run_fails(graph, lake):
    graph("risk_model", {REVISIT.feature_set: emergencies()}, partition_key="ed_revisit")
    before = lake.read_files(stored.model_folder(REVISIT))
    again = graph(
        "risk_model", {REVISIT.feature_set: emergencies(every=1000)}, partition_key="ed_revisit", raise_on_error=False
    )
    assert not again.success
    assert lake.read_files(stored.model_folder(REVISIT)) == before != {}
    graph("evaluation", {REVISIT.feature_set: emergencies()}, partition_key="ed_revisit")
    predicted = graph("predictions", {REVISIT.feature_set: emergencies()}, tags=all_of(SHARDS))
    (rows,) = predicted.made.values()
    assert rows["stay_type"].unique().to_list() == ["ed"]
    assert rows["predicted_for"].unique().to_list() == [IN + timedelta(hours=4)]


def test_a_site_without_an_emergency_department_has_no_outcomes_of_one():
    site = SimpleNamespace(lacks=lambda path: path.startswith("mimic/ed/"))
    assert list(assets.outcomes_of(site)) == ["mortality", "sepsis"]


def test_shards_whose_labels_ask_different_things_train_nothing(graph, lake):
    mixed = [row | {"gap_hours": 2 * (row["subject_id"] % 2)} for row in hours_of_stays()]
    refused = graph("risk_model", {SEPSIS.feature_set: mixed}, partition_key="sepsis", raise_on_error=False)
    assert not refused.success
    error = next(e for e in refused.result.all_events if e.is_step_failure).event_specific_data.error
    assert "expected one horizon_hours and gap_hours in every row" in str(error)
    assert lake.read_files(stored.model_folder(SEPSIS)) == {}
