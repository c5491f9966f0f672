"""The tables of a hospital fit together: keys, references, and a story that could happen."""

import polars as pl
import pytest

from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.mimic.reader import read
from clinical_assets.sample.hospital import write_hospital
from clinical_assets.sample.writing import FOLDERS, file_of

LAST_YEAR = 2201


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    root = tmp_path_factory.mktemp("hospital") / "sources"
    write_hospital(root, patients=300, seed=5)

    def frame(path):
        with (root / file_of(path)).open("rb") as raw:
            blocks = list(read(raw, file_of(path), TABLES[path]))
        assert not any(len(block.quarantined) for block in blocks)
        return pl.concat(pl.from_arrow(block.table) for block in blocks)

    return {path.removeprefix("mimic/"): frame(path) for path in FOLDERS}


@pytest.mark.parametrize("path", FOLDERS)
def test_columns_obey_the_catalogue(tables, path):
    frame = tables[path.removeprefix("mimic/")]
    for column in TABLES[path].columns:
        values = frame[column.name]
        assert column.nullable or not values.null_count(), column.name
        if column.allowed:
            assert set(values.drop_nulls()) <= set(column.allowed), column.name
        if column.references:
            referred, _, key = column.references.rpartition(".")
            assert set(values.drop_nulls()) <= set(tables[referred][key]), column.name


@pytest.mark.parametrize("path", [path for path in FOLDERS if TABLES[path].primary_key])
def test_primary_keys_are_unique(tables, path):
    assert not tables[path.removeprefix("mimic/")].select(TABLES[path].primary_key).is_duplicated().any()


@pytest.mark.parametrize("path", [p for p in FOLDERS if {"subject_id", "hadm_id"} <= set(TABLES[p].column_names)])
def test_every_admission_belongs_to_the_patient_of_its_row(tables, path):
    frame = tables[path.removeprefix("mimic/")].select("subject_id", "hadm_id").drop_nulls()
    assert frame.join(tables["hosp/admissions"], on=["subject_id", "hadm_id"], how="anti").is_empty()


@pytest.mark.parametrize("module", ["icu", "ed"])
def test_every_stay_belongs_to_the_patient_of_its_row(tables, module):
    stays = tables["icu/icustays" if module == "icu" else "ed/edstays"]
    for path, frame in tables.items():
        if path.startswith(module) and "stay_id" in frame.columns:
            rows = frame.select("subject_id", "stay_id").drop_nulls()
            assert rows.join(stays, on=["subject_id", "stay_id"], how="anti").is_empty(), path


def test_every_code_is_in_its_dictionary_in_its_own_revision(tables):
    for codes, titles in (("diagnoses_icd", "d_icd_diagnoses"), ("procedures_icd", "d_icd_procedures")):
        missing = tables[f"hosp/{codes}"].join(tables[f"hosp/{titles}"], on=["icd_code", "icd_version"], how="anti")
        assert missing.is_empty()
    ed = tables["ed/diagnosis"].join(tables["hosp/d_icd_diagnoses"], on=["icd_code", "icd_version"], how="left")
    assert (ed["icd_title"] == ed["long_title"].str.to_uppercase()).all()


def test_items_stand_under_the_table_they_are_linked_to(tables):
    items = tables["icu/d_items"].select("itemid", "linksto")
    for path in ("chartevents", "datetimeevents", "inputevents", "ingredientevents", "outputevents", "procedureevents"):
        linked = tables[f"icu/{path}"].select("itemid").unique().join(items, on="itemid")
        assert set(linked["linksto"]) == {path}


def test_ids_look_like_those_of_mimic(tables):
    for path, column, digit in (
        ("hosp/patients", "subject_id", 1),
        ("hosp/admissions", "hadm_id", 2),
        ("icu/icustays", "stay_id", 3),
        ("ed/edstays", "stay_id", 3),
        ("cxr/metadata", "study_id", 5),
    ):
        assert (tables[path][column] // 10_000_000 == digit).all(), path
    assert not set(tables["icu/icustays"]["stay_id"]) & set(tables["ed/edstays"]["stay_id"])


def test_the_dead_are_dead_everywhere(tables):
    admissions = tables["hosp/admissions"].join(tables["hosp/patients"], on="subject_id")
    died = pl.col("hospital_expire_flag") == 1
    assert admissions.filter(died)["deathtime"].null_count() == 0
    assert admissions.filter(~died)["deathtime"].is_null().all()
    assert (admissions.filter(died)["discharge_location"] == "DIED").all()
    assert not (admissions.filter(~died)["discharge_location"].fill_null("") == "DIED").any()
    assert (admissions.filter(died)["deathtime"].dt.date() == admissions.filter(died)["dod"]).all()
    after = admissions.filter(died).select("subject_id", "deathtime").join(tables["hosp/admissions"], on="subject_id")
    assert (after["admittime"] < after["deathtime"]).all()


def test_deaths_at_home_come_within_a_year_of_the_last_discharge(tables):
    last = (
        tables["hosp/admissions"]
        .group_by("subject_id")
        .agg(pl.col("dischtime").max(), pl.col("hospital_expire_flag").max())
    )
    later = tables["hosp/patients"].drop_nulls("dod").join(last, on="subject_id").filter(hospital_expire_flag=0)
    assert later.height > 5
    assert ((later["dod"] - later["dischtime"].dt.date()).dt.total_days()).is_between(0, 366).all()


@pytest.mark.parametrize(
    ("path", "time"),
    [
        ("icu/chartevents", "charttime"),
        ("hosp/labevents", "charttime"),
        ("icu/inputevents", "starttime"),
        ("icu/outputevents", "charttime"),
    ],
)
def test_nothing_is_measured_on_the_dead(tables, path, time):
    deaths = tables["hosp/admissions"].drop_nulls("deathtime").select("subject_id", "deathtime")
    assert (tables[path].join(deaths, on="subject_id").filter(pl.col(time) > pl.col("deathtime"))).is_empty()


def test_ages_years_and_dates_agree(tables):
    patients = tables["hosp/patients"]
    assert patients["anchor_age"].is_between(18, 91).all()
    assert not patients["anchor_age"].is_between(90, 90).any()
    first = tables["hosp/admissions"].group_by("subject_id").agg(pl.col("admittime").min().dt.year())
    assert (
        first.join(patients, on="subject_id").select(pl.col("admittime") - pl.col("anchor_year")).to_series() >= 0
    ).all()
    for path, frame in tables.items():
        for name, dtype in frame.schema.items():
            if dtype in (pl.Date, pl.Datetime("us")):
                years = frame[name].drop_nulls().dt.year()
                assert years.is_between(2109, LAST_YEAR).all(), (path, name)


def test_admissions_of_a_patient_do_not_overlap(tables):
    ordered = tables["hosp/admissions"].sort("subject_id", "admittime")
    assert (ordered["admittime"] < ordered["dischtime"]).all()
    following = ordered.select(
        gap=pl.col("admittime").shift(-1).over("subject_id") - pl.max_horizontal("dischtime", "deathtime")
    ).drop_nulls()
    assert (following["gap"].dt.total_hours() > 0).all()


def test_transfers_follow_each_other_and_hold_the_icu_stays(tables):
    moves = tables["hosp/transfers"].drop_nulls("hadm_id").sort("hadm_id", "intime")
    joined = moves.select(
        seam=pl.col("intime").shift(-1).over("hadm_id") - pl.col("outtime"), outtime="outtime"
    ).drop_nulls("outtime")
    assert (joined["seam"].dt.total_seconds() == 0).all()
    assert (moves.group_by("hadm_id").agg((pl.col("eventtype") == "discharge").sum())["eventtype"] == 1).all()
    assert (moves.group_by("hadm_id").agg((pl.col("eventtype") == "admit").sum())["eventtype"] == 1).all()
    stays = tables["icu/icustays"]
    begun = stays.join(moves, on=["hadm_id", "intime"], how="left")
    assert (begun["first_careunit"] == begun["careunit"]).all()
    ended = stays.join(moves, on=["hadm_id", "outtime"], how="left")
    assert (ended["last_careunit"] == ended["careunit"]).all()
    assert ((stays["outtime"] - stays["intime"]).dt.total_seconds() / 86_400 - stays["los"]).abs().max() < 1e-6


def test_the_ed_stay_agrees_with_the_transfers(tables):
    whole = tables["ed/edstays"].filter(pl.col("hadm_id").is_null() | pl.col("hadm_id").is_unique())
    moves = tables["hosp/transfers"].filter(eventtype="ED")
    found = whole.join(moves, on=["subject_id", "intime", "outtime"], how="semi")
    assert found.height == whole.height


def ed_visits(tables):
    """ED stays of each patient in order, with the hours from leaving to the next arrival."""
    ordered = tables["ed/edstays"].sort("subject_id", "intime", "stay_id")
    return ordered.with_columns(
        home=(pl.col("intime").shift(-1).over("subject_id") - pl.col("outtime")).dt.total_seconds() / 3_600
    )


def test_nobody_is_in_the_emergency_department_twice_at_a_time(tables):
    assert (tables["ed/edstays"]["intime"] < tables["ed/edstays"]["outtime"]).all()
    assert (ed_visits(tables)["home"].drop_nulls() > 0).all()


def test_a_few_come_back_within_three_days_and_all_of_them_had_been_sent_home(tables):
    visits = ed_visits(tables)
    soon = visits.filter(pl.col("home") < 72)
    # Two halves of one visit are minutes apart and name the same admission.
    back = soon.filter(pl.col("disposition") != "ADMITTED")
    assert 0.005 < back.height / visits.height < 0.06
    assert back["hadm_id"].is_null().all()
    assert (back["home"] >= 1.5).all()
    assert (soon.filter(pl.col("disposition") == "ADMITTED")["home"] < 1).all()


def test_whoever_comes_back_was_neither_in_hospital_nor_dead_in_between(tables):
    back = ed_visits(tables).filter(pl.col("home") < 72, pl.col("disposition") != "ADMITTED")
    assert back.height
    between = back.join(tables["hosp/admissions"], on="subject_id", suffix="_of_admission").filter(
        pl.col("admittime") > pl.col("outtime"),
        pl.col("admittime") < pl.col("outtime") + pl.duration(seconds=(pl.col("home") * 3_600).cast(pl.Int64)),
    )
    assert between.is_empty()
    died = back.join(tables["hosp/patients"].drop_nulls("dod"), on="subject_id")
    assert died.filter(pl.col("dod") < pl.col("outtime").dt.date()).is_empty()


def test_a_patients_images_are_in_one_part_of_the_split(tables):
    parts = tables["cxr/split"].group_by("subject_id").agg(pl.col("split").n_unique())
    assert (parts["split"] == 1).all()
    assert (
        tables["cxr/split"]
        .join(tables["cxr/metadata"], on=["dicom_id", "study_id", "subject_id"], how="anti")
        .is_empty()
    )


def test_orders_number_the_patients_time(tables):
    orders = tables["hosp/poe"].sort("subject_id", "poe_seq")
    assert (orders["poe_id"] == orders["subject_id"].cast(pl.String) + "-" + orders["poe_seq"].cast(pl.String)).all()
    assert (
        orders.select(pl.col("ordertime").diff().over("subject_id")).to_series().drop_nulls().dt.total_seconds() >= 0
    ).all()
    stops = orders.drop_nulls("discontinue_of_poe_id")
    assert stops.height > 50
    back = stops.join(orders, left_on="discontinue_of_poe_id", right_on="poe_id", suffix="_of_stopped")
    assert back.height == stops.height
    assert (back["discontinued_by_poe_id_of_stopped"] == back["poe_id"]).all()


def test_infusion_amounts_are_rate_times_time(tables):
    given = tables["icu/inputevents"].filter(pl.col("rateuom") == "mcg/kg/min", pl.col("amountuom") == "mg")
    lasted = (given["endtime"] - given["starttime"]).dt.total_seconds() / 60
    expected = given["rate"] * given["patientweight"] * lasted / 1_000
    assert given.height > 50
    assert ((given["amount"] - expected).abs() <= 1e-6 + 1e-6 * expected).all()
