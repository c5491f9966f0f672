"""Every concept on the open demo: against the golden tables, the published row counts, and its own declaration."""

import inspect

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from clinical_assets.concepts.tables import CONCEPTS, TABLES

STAYS = 140
ROWS_ON_THE_DEMO = {
    "age": 275,
    "icustay_detail": STAYS,
    "chemistry": 3289,
    "complete_blood_count": 2959,
    "blood_differential": 2763,
    "coagulation": 1630,
    "enzyme": 1411,
    "bg": 889,
    "gcs": 3279,
    "vitalsign": 21085,
    "urine_output": 7317,
    "weight_durations": 576,
    "icustay_hourly": 15569,
    "urine_output_rate": 7317,
    "kdigo_creatinine": 1272,
    "kdigo_uo": 7317,
    "kdigo_stages": 8554,
    "norepinephrine": 947,
    "phenylephrine": 625,
    "vasopressin": 55,
    "epinephrine": 36,
    "dobutamine": 44,
    "dopamine": 28,
    "milrinone": 15,
    "vasoactive_agent": 1874,
    "norepinephrine_equivalent_dose": 1748,
    "crrt": 577,
    "rrt": 4336,
    "oxygen_delivery": 1154,
    "ventilator_setting": 2061,
    "antibiotic": 903,
    "suspicion_of_infection": 903,
    "charlson": 275,
    "invasive_line": 216,
    "sofa": 12209,
    "sepsis3": 62,
    "sepsis_onset": 62,
    "icustay_times": STAYS,
    "height": 69,
    "icp": 303,
    "rhythm": 12439,
    "cardiac_marker": 283,
    "inflammation": 42,
    "acei": 107,
    "arb": 35,
    "nsaid": 202,
    "code_status": 389,
    "creatinine_baseline": 275,
    "ventilation": 0,
    "neuroblock": 0,
    "antibiotic_extended": 76,
    "first_day_vitalsign": STAYS,
    "first_day_lab": STAYS,
    "first_day_bg": STAYS,
    "first_day_bg_art": STAYS,
    "first_day_gcs": STAYS,
    "first_day_urine_output": STAYS,
    "first_day_height": STAYS,
    "first_day_weight": STAYS,
    "first_day_rrt": STAYS,
    "first_day_sofa": STAYS,
    "apsiii": STAYS,
    "lods": STAYS,
    "meld": STAYS,
    "oasis": STAYS,
    "sapsii": STAYS,
    "sirs": STAYS,
}
GOLDEN_KEYS = {
    "first_day_vitalsign": ["stay_id"],
    "icustay_hourly": ["stay_id", "hr"],
    "antibiotic": ["subject_id", "hadm_id", "starttime", "stoptime", "antibiotic", "route", "stay_id"],
    "suspicion_of_infection": ["subject_id", "ab_id"],
    "sofa": ["stay_id", "hr"],
    "sepsis3": ["stay_id"],
    "first_day_sofa": ["stay_id"],
}


def assert_same_cells(found: pl.DataFrame, expected: pl.DataFrame, key: list[str]) -> None:
    """Every cell of the golden table, in its columns and order, rows matched on the key."""
    fractions = pl.selectors.float() | pl.selectors.decimal()
    whole = pl.selectors.integer()
    expected = expected.with_columns(fractions.cast(pl.Float64), whole.cast(pl.Int64)).sort(key, nulls_last=True)
    found = found.select(expected.columns).sort(key, nulls_last=True)
    assert found.height == expected.height
    for name in expected.columns:
        pairs = pl.DataFrame({"found": found[name], "expected": expected[name]})
        same = pl.col("found").eq_missing(pl.col("expected"))
        if expected.schema[name].is_float():
            close = (pl.col("found") - pl.col("expected")).abs() <= 1e-9 + 1e-6 * pl.col("expected").abs()
            same |= close.fill_null(value=False)
        assert pairs.filter(~same).is_empty(), f"{name}: {pairs.filter(~same).head()}"


@pytest.mark.parametrize(("name", "key"), GOLDEN_KEYS.items())
def test_every_cell_equals_the_published_table(concepts, golden, name, key):
    assert_same_cells(concepts[name], golden(name), key)


def test_every_concept_is_counted():
    assert set(ROWS_ON_THE_DEMO) == set(TABLES)


@pytest.mark.parametrize(("name", "rows"), ROWS_ON_THE_DEMO.items())
def test_as_many_rows_as_the_published_table(concepts, name, rows):
    assert concepts[name].height == rows


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.primary_key == ("stay_id",)])
def test_at_most_one_row_per_icu_stay(concepts, demo, name):
    stays = concepts[name]["stay_id"]
    assert stays.is_unique().all()
    assert stays.is_in(demo["icustays"]["stay_id"].implode()).all()
    if name.startswith("first_day") or name in ("apsiii", "lods", "meld", "oasis", "sapsii", "sirs"):
        assert len(stays) == STAYS


@pytest.mark.parametrize("name", TABLES)
def test_frames_are_exactly_as_declared(concepts, name):
    assert concepts[name].schema == TABLES[name].polars_schema


@pytest.mark.parametrize("name", TABLES)
def test_declared_rules_hold_on_the_demo(concepts, name):
    table, frame = TABLES[name], concepts[name]
    assert not frame.is_empty() or name in EMPTY_ON_THE_DEMO
    for column in table.columns:
        values = frame[column.name]
        if not column.nullable:
            assert values.null_count() == 0, column.name
        if column.type.value == "float":
            assert not values.is_nan().any(), f"{column.name} holds NaN where null is meant"
            assert not values.is_infinite().any(), column.name
        if column.plausible:
            believable = values.drop_nulls().is_between(*column.plausible)
            assert believable.all() != ((name, column.name) in ARTEFACTS_OF_THE_DEMO), column.name
        if column.allowed:
            assert set(values.drop_nulls()) <= set(column.allowed), column.name
    if table.primary_key:
        assert not frame.select(table.primary_key).is_duplicated().any()


ARTEFACTS_OF_THE_DEMO = {
    ("ventilator_setting", "minute_volume"),
    ("ventilator_setting", "tidal_volume_observed"),
    ("ventilator_setting", "tidal_volume_spontaneous"),
}
"""Breaths of 600 litres: published values no lung can hold, kept and warned of."""
EMPTY_ON_THE_DEMO = {"ventilation", "neuroblock"}
"""The demo's chart has no texts, so no ventilation; and it has no neuromuscular blockade."""


@pytest.mark.parametrize("name", TABLES)
def test_every_column_says_what_it_means(name):
    table = TABLES[name]
    assert table.grain.startswith("one row per")
    assert table.source
    for column in table.columns:
        assert column.meaning.endswith("."), column.name
        assert column.meaning[0].isupper() or column.meaning.startswith(("pH", "1 where"))
        assert ".." not in column.meaning


def test_a_concept_comes_after_the_concepts_it_takes():
    seen: set[str] = set()
    for name, concept in CONCEPTS.items():
        assert concept.__name__ == name
        assert {p for p in inspect.signature(concept).parameters if p in CONCEPTS} <= seen
        seen.add(name)


def assert_same_rows(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """The same rows in any order, but for the last bits of means and sums: they depend on the order of addition.

    Values are held against each other, not rounded first: two that differ in the last bit may round apart.
    """
    exact, fractions = ~pl.selectors.float(), pl.selectors.float().round_sig_figs(6)
    in_order = (frame.sort(exact, fractions, nulls_last=True) for frame in (found, expected))
    assert_frame_equal(*in_order, rel_tol=1e-10, abs_tol=1e-10)


@pytest.mark.parametrize("parts", [2, 5])
def test_patients_do_not_depend_on_one_another(demo, concepts, computed, parts):
    """Shards: each concept of a part of the patients is that part of the whole concept."""
    of_parts = []
    for part in range(parts):
        mine = pl.col("subject_id") % parts == part
        shard = {name: frame.filter(mine) if "subject_id" in frame.columns else frame for name, frame in demo.items()}
        of_parts.append(computed(shard))
    for name, whole in concepts.items():
        together = pl.concat([part[name] for part in of_parts])
        assert_same_rows(together, whole)


def test_no_rows_in_gives_no_rows_out(demo, computed):
    """A new hospital or an empty shard is no error."""
    for name, frame in computed({name: frame.clear() for name, frame in demo.items()}).items():
        assert frame.is_empty(), name
        assert frame.schema == TABLES[name].polars_schema, name


def test_the_order_of_input_rows_does_not_matter(demo, concepts, computed):
    shuffled = computed({name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in demo.items()})
    for name, frame in concepts.items():
        assert_same_rows(shuffled[name], frame)


def test_golden_comparison_would_see_a_difference(concepts):
    frame = concepts["first_day_vitalsign"]
    off = frame.with_columns(pl.col("heart_rate_min") * (1 + 1e-5))
    with pytest.raises(AssertionError, match="heart_rate_min"):
        assert_same_cells(off, frame, ["stay_id"])
