"""The open MIMIC-IV demo through the whole graph."""

import json

import polars as pl
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from clinical_assets import home
from clinical_assets.definitions import build_definitions, check_specs, stored_tables
from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.quality import gathering
from resources.lake import Lake
from resources.warehouse import Warehouse
from tests.identifiers import found_in

# Counted by the release's publisher and, for the last three, on the files.
ROWS = {
    "hosp/patients": 100, "hosp/admissions": 275, "hosp/transfers": 1190, "hosp/diagnoses_icd": 4506,
    "hosp/procedures_icd": 722, "hosp/drgcodes": 454, "hosp/emar": 35835, "hosp/emar_detail": 72018,
    "hosp/hcpcsevents": 61, "hosp/labevents": 107727, "hosp/microbiologyevents": 2899, "hosp/omr": 2964,
    "hosp/pharmacy": 15306, "hosp/poe": 45154, "hosp/poe_detail": 3795, "hosp/prescriptions": 18087,
    "hosp/services": 319, "hosp/d_hcpcs": 89200, "hosp/d_icd_diagnoses": 109775, "hosp/d_icd_procedures": 85257,
    "hosp/d_labitems": 1622, "icu/icustays": 140, "icu/d_items": 4014, "icu/chartevents": 668862,
    "icu/datetimeevents": 15280, "icu/inputevents": 20404, "icu/outputevents": 9362, "icu/procedureevents": 1468,
    "ed/edstays": 222, "ed/diagnosis": 545, "ed/pyxis": 1082, "ed/triage": 222, "ed/vitalsign": 1038,
    "hosp/provider": 40508, "icu/caregiver": 15468, "icu/ingredientevents": 25728,
}  # fmt: skip


@pytest.fixture(scope="module")
def lake(physionet_site):
    return Lake(root=physionet_site.settings.lake_root, subject_shards=physionet_site.settings.subject_shards)


def rows_of(lake, path):
    return lake.scan(path, lake.partitions(path) or None)


def test_every_table_has_its_published_number_of_rows(lake):
    found = {path: rows_of(lake, f"mimic/{path}").select(pl.len()).collect().item() for path in ROWS}
    assert found == ROWS


def test_every_stored_table_lies_where_it_should_and_any_parquet_tool_reads_it(physionet_site, lake):
    root = physionet_site.settings.home / "lake"
    for table in stored_tables(physionet_site):
        files = sorted((root / table.path).rglob("*.parquet"))
        if table.patient_keyed:
            assert [f.parent.name for f in files] == [f"subject_shard={i:02d}" for i in range(8)], table.path
        else:
            assert len(files) == 1, table.path
        for file in files:
            assert pq.read_schema(file).names == table.column_names, file
    assert not list((root / ".staging").rglob("*.parquet"))


def test_facts_about_the_demo_hold_in_stays(lake):
    icu = rows_of(lake, "stays/icu_stays").collect()
    assert icu.height == 140
    assert icu["subject_id"].n_unique() == 100
    assert icu["hadm_id"].n_unique() == 128
    assert icu["began_before_admission"].sum() == 2
    assert icu["ended_after_discharge"].sum() == 22
    assert icu["hospital_expire_flag"].sum() == 20
    assert (icu["los_hours"] < 24).sum() == 23
    hospital = rows_of(lake, "stays/hospital_stays").collect()
    assert hospital["hospital_expire_flag"].sum() == 15
    assert hospital["died_after_discharge_time"].sum() == 4
    assert hospital["edregtime"].is_not_null().sum() == 182
    links = rows_of(lake, "stays/stay_links").collect()
    assert links["ed_stay_id"].drop_nulls().n_unique() == 222
    assert links["icu_stay_id"].drop_nulls().n_unique() == 140
    assert links["hadm_id"].drop_nulls().n_unique() == 275


def test_no_error_and_no_check_left_out(physionet_site):
    definitions = build_definitions(physionet_site.settings)
    with home.instance(physionet_site.settings) as instance:
        checks = gathering.check_facts(check_specs(definitions), instance)
    assert len(checks) > 300
    assert [c for c in checks if c.passed is None] == []
    assert [(c.table, c.name, c.message) for c in checks if not c.passed and c.severity == "ERROR"] == []


def test_the_evaluation_is_on_test_patients_and_says_how_wide_its_intervals_are(lake):
    files = lake.read_files("models/evaluation/outcome=mortality")
    judged = json.loads(files["evaluation.json"])["evaluation"]
    splits = rows_of(lake, "stays/patient_splits").collect()
    test = splits.filter(pl.col("split") == "test")["subject_id"]
    features = rows_of(lake, "features/mortality_first_day").filter(pl.col("eligible")).collect()
    assert judged["stays"] == features.filter(pl.col("subject_id").is_in(test.implode())).height
    auroc = judged["auroc"]
    assert auroc["low"] < auroc["value"] < auroc["high"]
    assert auroc["high"] - auroc["low"] > 0.2  # a hundred patients can't say more


def test_the_model_is_text_and_json_and_knows_its_features(lake):
    files = lake.read_files("models/risk_model/outcome=mortality")
    assert set(files) == {"model.txt", "model.json", "cross_validation.json"}
    assert files["model.txt"].startswith(b"tree\n")
    described = json.loads(files["model.json"])
    assert described["contract"][0]["name"] == "age"
    assert set(described["provenance"]["inputs"]) == {"features/mortality_first_day", "stays/patient_splits"}


def test_predictions_are_published_as_stored(physionet_site, lake):
    stored = rows_of(lake, "models/predictions").collect().sort("outcome", "stay_id", "predicted_for")
    warehouse = Warehouse(embedded_folder=str(physionet_site.settings.home / "postgres"))
    with warehouse.transaction() as connection:
        published = connection.execute(
            sa.text(
                "SELECT outcome, stay_id, predicted_for, hr, probability, split FROM analytics.predictions "
                'ORDER BY outcome COLLATE "C", stay_id, predicted_for'
            )
        ).all()
    columns = ["outcome", "stay_id", "predicted_for", "hr", "probability", "split"]
    assert [tuple(r) for r in published] == list(stored.select(columns).iter_rows())
    predicted = dict(stored.group_by("outcome").len().iter_rows())
    eligible = {
        outcome: rows_of(lake, OUTCOMES[outcome].feature_set)
        .filter(pl.col(OUTCOMES[outcome].eligible))
        .collect()
        .height
        for outcome in predicted
    }
    assert predicted == eligible
    assert set(predicted) >= {"mortality", "sepsis", "hospitalisation", "critical_outcome"}
    assert predicted["mortality"] == 117
    hourly = stored.filter(pl.col("outcome") == "sepsis")
    onsets = rows_of(lake, "concepts/sepsis_onset").select("stay_id", "onset_known_time").collect()
    late = hourly.join(onsets, on="stay_id").filter(pl.col("predicted_for") >= pl.col("onset_known_time"))
    assert late.is_empty()


def test_models_with_and_without_what_the_label_is_made_of_are_compared_in_one_evaluation(lake):
    judged = json.loads(lake.read_files("models/evaluation/outcome=sepsis")["evaluation.json"])
    compared = judged["compared"]["with_organ_points"]["auroc"]
    assert compared["ours"]["value"] == judged["evaluation"]["auroc"]["value"]
    assert compared["difference"]["low"] <= compared["difference"]["value"] <= compared["difference"]["high"]
    assert any("organ points the AUROC is" in remark for remark in judged["remarks"])
    assert judged["stays"]["discrimination"]["stays"] < judged["evaluation"]["stays"]
    page = lake.read_files("quality/report")["report.html"].decode()
    for remark in judged["remarks"]:
        assert remark in page


def test_the_report_is_one_self_contained_page_over_all_checks(lake):
    page = lake.read_files("quality/report")["report.html"].decode()
    assert "mimic-iv-demo/2.2" in page
    assert "mortality_first_day" in page
    for outside in ('src="http', 'href="http', "url(http", "@import"):
        assert outside not in page


def test_no_identifier_of_a_patient_is_in_metadata_or_logs(physionet_site, lake):
    named = {
        "mimic/hosp/patients": "subject_id",
        "mimic/hosp/admissions": "hadm_id",
        "mimic/icu/icustays": "stay_id",
        "mimic/ed/edstays": "stay_id",
    }
    identifiers = [
        i for path, column in named.items() for i in rows_of(lake, path).select(column).collect()[column].to_list()
    ]
    assert len(identifiers) == sum(ROWS[path.removeprefix("mimic/")] for path in named)
    with home.instance(physionet_site.settings) as instance:
        events = [
            record.event_log_entry.to_json()
            for run in instance.get_runs()
            for record in instance.get_records_for_run(run.run_id, limit=100_000).records
        ]
    text = "\n".join(events)
    assert len(text) > 100_000
    assert found_in(text, identifiers) == []
