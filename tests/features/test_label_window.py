"""What the sepsis label asks is a setting of the run, and stands in the table and its metadata."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import polars as pl
import pytest

from clinical_assets.concepts.tables import TABLES as CONCEPT_TABLES
from clinical_assets.features.assets import sepsis_hourly
from clinical_assets.features.sepsis_features import GAP_HOURS, HORIZON_HOURS, LABEL
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.partitions import all_of
from clinical_assets.stays.tables import ICU_STAYS
from resources.lake import Lake

IN = datetime(2150, 3, 1, 12)
SHARDS = ["00", "01"]
STAY = {
    "subject_id": 1, "hadm_id": 11, "stay_id": 111, "intime": IN, "outtime": IN + timedelta(hours=40), "gender": "F",
    "age": 70, "icu_stay_number": 1, "admission_found": True,
}  # fmt: skip
ONSET = {"subject_id": 1, "stay_id": 111, "onset_known_time": IN + timedelta(hours=30)}


class Held(dg.IOManager):
    """Gives one stay with its onset, and keeps what is made of them."""

    def load_input(self, context):
        path = context.asset_key.to_user_string()
        table = {ICU_STAYS.path: ICU_STAYS, "concepts/sepsis_onset": CONCEPT_TABLES["sepsis_onset"]} | RELEASE
        rows = {ICU_STAYS.path: [STAY], "concepts/sepsis_onset": [ONSET]}
        return pl.DataFrame(rows.get(path, []), schema=table[path].polars_schema).lazy()

    def handle_output(self, context, obj):
        self.made = obj.collect()


def run(config=None, **how):
    site = SimpleNamespace(shards=dg.StaticPartitionsDefinition(SHARDS), lacks=lambda _: False)
    held, asset = Held(), sepsis_hourly.build(site)
    read = [dg.AssetSpec(key, partitions_def=site.shards) for key in asset.keys_by_input_name.values()]
    result = dg.materialize(
        [asset, *read],
        selection=[asset],
        resources={"lake_io_manager": held, "lake": Lake(root="nowhere", subject_shards=len(SHARDS))},
        run_config={"ops": {"features__sepsis_hourly": {"config": config}}} if config else None,
        **(how or {"partition_key": "00"}),
    )
    metadata = result.asset_materializations_for_node("features__sepsis_hourly")[0].metadata
    return held.made, {name: metadata[name].value for name in (HORIZON_HOURS, GAP_HOURS)}


def test_without_settings_six_hours_are_asked_about_and_no_gap_is_left():
    rows, recorded = run()
    assert recorded == {HORIZON_HOURS: 6, GAP_HOURS: 0}
    assert rows.filter(pl.col(LABEL) == 1)["hr"].to_list() == list(range(24, 30))


@pytest.mark.parametrize("how", [{"partition_key": "01"}, {"tags": all_of(SHARDS)}], ids=["one shard", "a range"])
def test_another_window_is_asked_about_recorded_and_in_every_row(how):
    rows, recorded = run({"horizon_hours": 12, "gap_hours": 2}, **how)
    assert recorded == {HORIZON_HOURS: 12, GAP_HOURS: 2}
    assert rows.select(HORIZON_HOURS, GAP_HOURS).unique().rows() == [(12, 2)]
    assert rows.filter(pl.col(LABEL) == 1)["hr"].to_list() == list(range(16, 28))


@pytest.mark.parametrize("config", [{"horizon_hours": 0}, {"gap_hours": -1}, {"horizon_hours": 49}, {"gap": 2}])
def test_a_window_that_makes_no_sense_is_refused_before_anything_is_read(config):
    with pytest.raises((dg.DagsterInvalidConfigError, ValueError)):
        run(config)
