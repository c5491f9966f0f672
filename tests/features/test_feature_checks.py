"""Checks of feature tables: missing more than declared, moved from the version before, nothing told of a patient."""

import base64
import json
import re
from xml.etree import ElementTree as ET

import dagster as dg
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.features.checks import CURRENT, DRIFT, MISSINGNESS, PREVIOUS, checks_of, judge, stored_summaries
from clinical_assets.features.feature import Feature
from clinical_assets.features.feature_plots import as_markdown, sheet
from clinical_assets.features.feature_summary import (
    OTHER,
    ColumnSummary,
    TableSummary,
    drifts,
    limit,
    missing_as_expected,
    not_drifted,
    stability_index,
    summary_of,
)
from clinical_assets.tables import Column, Table, Type
from resources.lake import VERSION
from resources.sharding import shard_names, shard_of
from tests.identifiers import found_in

FEATURES = (
    Feature(name="heart_rate", meaning="Heart rate.", unit="/min", source="vitalsign", plausible=(0, 300)),
    Feature(name="lactate", meaning="Lactate.", unit="mmol/L", source="bg", plausible=(0, 40), missing_at_most=0.5),
    Feature(name="ward", meaning="Ward.", source="stays", categories=("A", "B")),
)
TABLE = Table(
    key=("features", "a_set"),
    grain="one row per stay",
    meaning="A feature set for tests.",
    primary_key=("stay_id",),
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient."),
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The stay."),
        Column(name="eligible", type=Type.BOOLEAN, nullable=False, meaning="May be predicted."),
        *(feature.declared() for feature in FEATURES),
    ),
)


def patients(n=400, seed=1, *, faster=0.0, lactate_missing=0.2, ward_a=0.5):
    chance = np.random.default_rng(seed)
    lactate = pl.Series(chance.gamma(2, 1, n))
    return pl.DataFrame(
        {
            "subject_id": np.arange(n) + 10,
            "stay_id": np.arange(n) + 1000,
            "eligible": np.ones(n, dtype=bool),
            "heart_rate": chance.normal(85 + faster, 15, n),
            "lactate": pl.select(pl.when(pl.Series(chance.random(n) >= lactate_missing)).then(lactate)).to_series(),
            "ward": np.where(chance.random(n) < ward_a, "A", "B"),
        },
        schema=TABLE.polars_schema,
    )


def store(lake, frame, version, shards=None):
    """Write a version of the table, of some shards only where named."""
    names = shard_names(lake.subject_shards)
    of_row = pl.Series(shard_of(frame["subject_id"].to_numpy(), lake.subject_shards))
    wanted = shards or names
    with lake.write(TABLE.path, TABLE.arrow_schema, wanted, {VERSION: version}) as writer:
        for name in wanted:
            writer.write(name, frame.filter(of_row == names.index(name)).to_arrow())


def summarised(frame, like=None):
    columns = {f.name: summary_of(frame[f.name], like.columns[f.name] if like else None) for f in FEATURES}
    return TableSummary(version="v", rows=frame.height, patients=frame["subject_id"].n_unique(), columns=columns)


def moved(before, after):
    then = summarised(before)
    return {d.feature for d in drifts(then, summarised(after, then).columns, after.height) if d.moved}


def test_another_sample_of_the_same_patients_has_not_moved_and_a_shifted_one_has():
    assert moved(patients(), patients(seed=2)) == set()
    assert moved(patients(), patients(seed=2, faster=12)) == {"heart_rate"}
    assert moved(patients(), patients(seed=2, ward_a=0.95)) == {"ward"}
    assert moved(patients(), patients(seed=2, lactate_missing=0.7)) == {"lactate"}


def test_few_patients_differ_by_chance_and_are_not_called_moved():
    for seed in range(20):
        assert moved(patients(25, seed), patients(25, seed + 100)) == set(), seed
    assert limit(20, (25, 25)) > 2
    assert limit(20, (5000, 5000)) == 0.2


def test_the_stability_index_of_a_hand_worked_case():
    then = ColumnSummary(missing=0.0, levels=("A", OTHER), shares=(0.5, 0.5))
    now = ColumnSummary(missing=0.0, levels=("A", OTHER), shares=(0.8, 0.2))
    expected = 0.3 * np.log(0.8 / 0.5) + (-0.3) * np.log(0.2 / 0.5)
    assert stability_index(then, now, (10**9, 10**9)) == pytest.approx(expected, abs=1e-6)
    assert stability_index(then, then, (100, 100)) == 0


def test_bins_hold_a_twentieth_each_with_rounded_bounds():
    values = pl.Series(np.random.default_rng(1).normal(123.456, 20, 10_000))
    found = summary_of(values)
    assert len(found.bounds) == 19
    assert sum(found.shares) == pytest.approx(1)
    assert all(abs(share - 0.05) < 0.03 for share in found.shares)
    assert all(float(f"{bound:.3g}") == bound for bound in found.bounds)


def test_flags_and_texts_are_told_apart_by_level_and_rare_ones_are_put_together():
    flags = summary_of(pl.Series([0.0] * 30 + [1.0] * 10))
    assert (flags.levels, flags.shares) == (("0.0", "1.0", OTHER), (0.75, 0.25, 0.0))
    wards = summary_of(pl.Series(["A"] * 18 + ["a name nobody shares"] * 2))
    assert wards.levels == ("A", OTHER)
    assert wards.shares == (0.9, 0.1)
    assert summary_of(pl.Series(["B"] * 4), wards).shares == (0, 1)


def test_a_column_without_values_and_a_table_without_rows_can_be_summarised():
    empty = pl.Series([None, None], dtype=pl.Float64)
    assert summary_of(empty).missing == 1
    assert summary_of(empty, summary_of(pl.Series(np.arange(100.0)))).missing == 1
    assert summary_of(empty.head(0)).missing == 0
    assert summary_of(pl.Series([float("nan"), 1.0])).missing == 0.5
    then = summarised(patients())
    assert drifts(then, {"heart_rate": summary_of(empty, then.columns["heart_rate"])}, 2)[0].index > 0.2


@settings(max_examples=30)
@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=60))
def test_a_summary_survives_being_stored_and_its_shares_add_up(values):
    column = summary_of(pl.Series(values, dtype=pl.Float64))
    table = TableSummary(version="v", rows=len(values), patients=1, columns={"x": column})
    assert TableSummary.from_dict(json.loads(json.dumps(table.to_dict()))) == table
    assert not column.shares or sum(column.shares) == pytest.approx(0 if column.missing in (0, 1) and not any(
        v is not None for v in values) else 1)  # fmt: skip


def test_missing_more_often_than_declared_is_found_and_less_is_not():
    fine = missing_as_expected(FEATURES, summarised(patients(lactate_missing=0.4)).columns, 400)
    assert fine.passed
    wrong = missing_as_expected(FEATURES, summarised(patients(lactate_missing=0.6)).columns, 400)
    assert not wrong.passed
    assert "lactate" in wrong.description
    assert [row["feature"] for row in wrong.rows] == ["lactate"]
    assert missing_as_expected(FEATURES, summarised(patients(0)).columns, 0).passed


def test_drift_is_a_finding_with_the_farthest_moved_first():
    then = summarised(patients())
    shifted = summarised(patients(seed=3, faster=12), then)
    wrong = not_drifted(drifts(then, shifted.columns, 400), then, 400)
    assert not wrong.passed
    assert wrong.rows[0]["feature"] == "heart_rate"
    same = not_drifted(drifts(then, summarised(patients(seed=4), then).columns, 400), then, 400)
    assert same.passed
    assert not_drifted(None, None, 400).passed


def test_versions_are_compared_with_the_complete_one_before(lake):
    store(lake, patients(), "v1")
    first = judge(lake, TABLE, FEATURES)
    assert first.missingness.passed
    assert "the first version" in first.drift.description
    assert {k: s.version for k, s in stored_summaries(lake, TABLE).items()} == {CURRENT: "v1"}
    store(lake, patients(seed=2, faster=12), "v2")
    for _ in range(2):  # judged again, the same version is compared with the one before, not with itself
        assert not judge(lake, TABLE, FEATURES).drift.passed
    kept = {k: s.version for k, s in stored_summaries(lake, TABLE).items()}
    assert kept == {CURRENT: "v2", PREVIOUS: "v1"}
    store(lake, patients(seed=5, faster=12), "v3")
    assert judge(lake, TABLE, FEATURES).drift.passed


def test_a_backfill_shard_by_shard_is_judged_against_the_last_complete_version_until_it_is_done(lake):
    store(lake, patients(), "v1")
    judge(lake, TABLE, FEATURES)
    changed = patients(seed=2, faster=12)
    found = []
    for shard in shard_names(lake.subject_shards):
        store(lake, changed, "v2", [shard])
        found.append(judge(lake, TABLE, FEATURES).drift)
        done = shard == shard_names(lake.subject_shards)[-1]
        assert stored_summaries(lake, TABLE)[CURRENT].version == ("v2" if done else "v1")
    assert not found[-1].passed
    assert all("v1" in finding.description for finding in found)


def test_rows_that_are_not_eligible_are_not_judged(lake):
    frame = patients().with_columns(eligible=pl.col("lactate").is_not_null())
    store(lake, frame, "v1")
    judged = judge(lake, TABLE, FEATURES)
    assert judged.missingness.counts["rows"] == frame["lactate"].count()
    assert not judged.missingness.rows


def test_the_checks_report_both_findings_with_the_distributions(lake):
    store(lake, patients(lactate_missing=0.8), "v1")
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(dg.AssetKey(list(TABLE.key)))],
        asset_checks=[checks_of(TABLE, FEATURES)],
        resources={"lake": lake},
    )
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=dg.DagsterInstance.ephemeral()
    )
    found = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert not found[MISSINGNESS].passed
    assert found[MISSINGNESS].severity is dg.AssetCheckSeverity.WARN
    assert found[DRIFT].passed
    picture = found[DRIFT].metadata["distributions"].value
    encoded = re.fullmatch(r"!\[.*\]\(data:image/svg\+xml;base64,(.*)\)", picture).group(1)
    svg = ET.fromstring(base64.b64decode(encoded))
    assert [t.text for t in svg.iter("{http://www.w3.org/2000/svg}title")] == ["heart_rate", "lactate", "ward"]


def test_nothing_kept_or_shown_is_a_patients_value(lake):
    frame = patients()
    store(lake, frame, "v1")
    judged = judge(lake, TABLE, FEATURES)
    told = json.dumps({k: s.to_dict() for k, s in stored_summaries(lake, TABLE).items()}) + judged.distributions
    for value in [*frame["heart_rate"].to_list(), *frame["lactate"].drop_nulls().to_list()]:
        assert repr(value) not in told
    assert found_in(told, [frame["subject_id"].max()]) == []


def test_a_sheet_shows_now_filled_and_before_as_an_outline_and_escapes_names():
    columns = summarised(patients()).columns
    names = {"<b>": columns["heart_rate"], "ward": columns["ward"]}
    alone = sheet(names, {}, {}, list(names))
    assert ET.fromstring(alone) is not None
    assert alone.count('fill="none"') == 0
    both = sheet(names, {"ward": columns["ward"]}, {"ward": "missing 3 %"}, list(names))
    assert both.count('fill="none"') == 1
    assert "missing 3 %" in both
    assert as_markdown(alone, "x").startswith("![x](data:image/svg+xml;base64,")
