"""What every feature set must be: declared in full, and the same for a patient whichever others are in the run."""

from pathlib import Path

import polars as pl
import pytest

from clinical_assets.concepts.tables import TABLES as CONCEPT_TABLES
from clinical_assets.declaration import conform
from clinical_assets.features import ed_triage, mortality_first_day, sepsis_hourly
from clinical_assets.features.assets import ASSETS
from clinical_assets.features.known import concept
from clinical_assets.stays import stays as stay_rules
from clinical_assets.tables import Type

SETS = {declaration.table.key[-1]: declaration for declaration in ASSETS}
FEATURES = {
    "mortality_first_day": mortality_first_day.FEATURES,
    "sepsis_hourly": sepsis_hourly.ALL_FEATURES,
    "ed_triage": ed_triage.AT_DISPOSITION,
}
DEMO = Path(__file__).parents[3] / "shared" / "data" / "physionet"
EVERY_SET = pytest.mark.parametrize("name", sorted(FEATURES))


@EVERY_SET
def test_a_feature_set_is_declared_in_full(name):
    table = SETS[name].table
    assert table.key == ("features", name)
    assert table.patient_keyed
    assert table.primary_key
    assert table.known == "index_time"
    for feature in FEATURES[name]:
        column = table.column(feature.name)
        assert column.meaning.startswith(feature.meaning)
        assert column.type is (Type.TEXT if feature.categories else Type.FLOAT)
        assert feature.categories or feature.plausible or feature.source == "stays", feature.name
        assert feature.categories or feature.unit or feature.source == "stays", feature.name


@pytest.fixture(scope="module")
def demo(demo_frames):
    """Every input of the feature sets, from the open demo."""
    paths = {path for declaration in SETS.values() for path in declaration.inputs.values()}
    inputs = {path: demo_frames(path) for path in paths if path.startswith("mimic/")}
    hospital = stay_rules.hospital_stays(demo_frames("mimic/hosp/admissions"), inputs["mimic/hosp/patients"])
    release = {path.rpartition("/")[2]: frame for path, frame in inputs.items() if "/ed/" not in path}
    release |= {"icustays": demo_frames("mimic/icu/icustays"), "admissions": demo_frames("mimic/hosp/admissions")}
    assert "sepsis_onset" in CONCEPT_TABLES
    return inputs | {
        "stays/hospital_stays": hospital,
        "stays/icu_stays": stay_rules.icu_stays(release["icustays"], hospital),
        "stays/ed_stays": stay_rules.ed_stays(demo_frames("mimic/ed/edstays"), hospital),
        "concepts/sepsis_onset": concept("sepsis_onset", release, {}).collect().lazy(),
    }


@pytest.mark.skipif(not DEMO.exists(), reason="the open demo is not at ../shared")
@EVERY_SET
def test_a_patients_rows_are_the_same_in_a_run_of_all_shards_and_of_one(name, demo):
    declaration = SETS[name]

    def rows(of=None):
        inputs = {
            parameter: demo[path] if of is None else demo[path].filter(pl.col("subject_id") % 3 == of)
            for parameter, path in declaration.inputs.items()
        }
        return conform(declaration.rule(**inputs), declaration.table).collect()

    together = rows()
    apart = pl.concat([rows(shard) for shard in range(3)]).sort(declaration.table.sort_by, nulls_last=True)
    assert together.height > 100
    assert apart.equals(together.sort(declaration.table.sort_by, nulls_last=True), null_equal=True)
    assert together.select(declaration.table.primary_key).is_duplicated().sum() == 0


@pytest.mark.skipif(not DEMO.exists(), reason="the open demo is not at ../shared")
@EVERY_SET
def test_on_the_demo_every_value_lies_within_its_declared_bounds_and_every_feature_is_found(name, demo):
    declaration = SETS[name]
    found = declaration.rule(**{parameter: demo[path] for parameter, path in declaration.inputs.items()}).collect()
    absent = {"cardiac_arrest_flag"}  # nobody of the hundred had one charted on the first day
    for feature in FEATURES[name]:
        values = found[feature.name].drop_nulls()
        assert values.len(), feature.name
        if feature.plausible:
            assert values.is_between(*feature.plausible).all(), feature.name
        assert values.n_unique() > 1 or feature.name in absent, feature.name
