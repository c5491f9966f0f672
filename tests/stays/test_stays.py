"""Stays, their links and the patients' splits."""

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.stays import linkage, splits, stays
from clinical_assets.stays.checks import links_stay_within_patients, splits_are_disjoint
from clinical_assets.stays.tables import ED_STAYS, HOSPITAL_STAYS, ICU_STAYS, PATIENT_SPLITS, STAY_LINKS


def at(day, hour=0):
    return datetime(2150, 1, day, hour)


def rows(table, *records):
    """Records of a table, the columns not given null."""
    return pl.DataFrame(list(records), schema=table.polars_schema).lazy()


PATIENTS = rows(
    RELEASE["mimic/hosp/patients"],
    {"subject_id": 1, "gender": "F", "anchor_age": 60, "anchor_year": 2148, "anchor_year_group": "2011 - 2013"},
    {"subject_id": 2, "gender": "M", "anchor_age": 91, "anchor_year": 2150, "anchor_year_group": "2014 - 2016"},
)
ADMISSIONS = rows(
    RELEASE["mimic/hosp/admissions"],
    {"subject_id": 1, "hadm_id": 12, "admittime": at(20), "dischtime": at(22), "hospital_expire_flag": 0},
    {
        "subject_id": 1,
        "hadm_id": 11,
        "admittime": at(1),
        "dischtime": at(5),
        "deathtime": at(5, 3),
        "hospital_expire_flag": 1,
    },
    {"subject_id": 2, "hadm_id": 21, "admittime": at(3), "dischtime": at(4), "hospital_expire_flag": 0},
)
ICUSTAYS = rows(
    RELEASE["mimic/icu/icustays"],
    {"subject_id": 1, "hadm_id": 11, "stay_id": 111, "intime": at(1, 5), "outtime": at(2, 5)},
    {"subject_id": 1, "hadm_id": 11, "stay_id": 112, "intime": at(3), "outtime": at(5, 1)},
    {"subject_id": 2, "hadm_id": 21, "stay_id": 211, "intime": at(2, 23), "outtime": at(3, 5)},
    {"subject_id": 2, "hadm_id": 11, "stay_id": 212, "intime": at(9), "outtime": at(9, 5)},
)
EDSTAYS = rows(
    RELEASE["mimic/ed/edstays"],
    {"subject_id": 1, "hadm_id": 11, "stay_id": 31, "intime": at(1, 0), "outtime": at(1, 4)},
    {"subject_id": 1, "hadm_id": 11, "stay_id": 32, "intime": at(1, 1), "outtime": at(1, 6)},
    {"subject_id": 1, "hadm_id": None, "stay_id": 33, "intime": at(10), "outtime": at(10, 2)},
    {"subject_id": 2, "hadm_id": 11, "stay_id": 34, "intime": at(2), "outtime": at(2, 2)},
)
HOSPITAL = stays.hospital_stays(ADMISSIONS, PATIENTS)
ICU = stays.icu_stays(ICUSTAYS, HOSPITAL)
ED = stays.ed_stays(EDSTAYS, HOSPITAL)


def column(frame, key, name):
    return dict(frame.select(key, name).collect().iter_rows())


def test_age_is_the_anchor_age_plus_the_years_to_admission():
    assert column(HOSPITAL, "hadm_id", "age") == {11: 62, 12: 62, 21: 91}


def test_hospital_stays_are_numbered_by_admission_time():
    assert column(HOSPITAL, "hadm_id", "hospital_stay_number") == {11: 1, 12: 2, 21: 1}


def test_a_death_after_the_recorded_discharge_is_kept_and_marked():
    assert column(HOSPITAL, "hadm_id", "died_after_discharge_time") == {11: True, 12: None, 21: None}


def test_icu_stays_outside_their_hospital_stay_are_kept_and_marked():
    assert column(ICU, "stay_id", "began_before_admission") == {111: False, 112: False, 211: True, 212: None}
    assert column(ICU, "stay_id", "ended_after_discharge") == {111: False, 112: True, 211: False, 212: None}


def test_another_patients_admission_is_no_admission():
    assert column(ICU, "stay_id", "admission_found") == {111: True, 112: True, 211: True, 212: False}
    assert column(ICU, "stay_id", "hospital_expire_flag")[212] is None
    assert column(ED, "stay_id", "admission_found") == {31: True, 32: True, 33: False, 34: False}


@pytest.mark.parametrize(
    ("frame", "table"),
    [(HOSPITAL, HOSPITAL_STAYS), (ICU, ICU_STAYS), (ED, ED_STAYS)],
    ids=lambda x: getattr(x, "path", ""),
)
def test_stays_have_their_declared_columns(frame, table):
    assert dict(frame.collect_schema()) == dict(table.polars_schema)


LINKS = linkage.stay_links(ED, HOSPITAL, ICU)


def test_every_combination_of_ed_stay_and_icu_stay_of_an_admission_is_a_chain():
    chains = LINKS.filter(pl.col("hadm_id") == 11, pl.col("subject_id") == 1).collect()
    assert set(chains.select("ed_stay_id", "icu_stay_id").iter_rows()) == {(31, 111), (31, 112), (32, 111), (32, 112)}
    assert set(chains["ed_stays_of_admission"]) == {2}
    assert set(chains["icu_stays_of_admission"]) == {2}
    assert set(chains["link_type"]) == {"ed+hospital+icu"}


def test_stays_without_a_partner_are_kept():
    kinds = {(row["ed_stay_id"], row["icu_stay_id"]): row["link_type"] for row in LINKS.collect().to_dicts()}
    assert kinds[(33, None)] == "ed"
    assert kinds[(34, None)] == "ed"  # names another patient's admission: no link
    assert kinds[(None, 212)] == "icu"
    assert kinds[(None, 211)] == "hospital+icu"
    assert LINKS.filter(pl.col("hadm_id") == 12).collect()["link_type"].to_list() == ["hospital"]


def test_ed_to_icu_hours_may_be_negative():
    hours = {(r["ed_stay_id"], r["icu_stay_id"]): r["ed_to_icu_hours"] for r in LINKS.collect().to_dicts()}
    assert hours[(31, 111)] == 1
    assert hours[(32, 111)] == -1


def test_links_have_their_declared_columns_and_key():
    links = LINKS.collect()
    assert dict(links.schema) == dict(STAY_LINKS.polars_schema)
    assert not links.select(STAY_LINKS.primary_key).is_duplicated().any()


ids = st.integers(1, 4)


@given(
    ed=st.lists(st.tuples(ids, st.none() | ids), max_size=8),
    admissions=st.dictionaries(ids, ids, max_size=4),
    icu=st.lists(st.tuples(ids, ids), max_size=8),
)
def test_links_lose_no_stay_and_never_cross_patients(ed, admissions, icu):
    when = {"intime": at(1), "outtime": at(2)}
    hospital = stays.hospital_stays(
        rows(
            RELEASE["mimic/hosp/admissions"],
            *({"subject_id": s, "hadm_id": h, "admittime": at(1), "dischtime": at(2)} for h, s in admissions.items()),
        ),
        PATIENTS,
    )
    eds = stays.ed_stays(
        rows(
            RELEASE["mimic/ed/edstays"],
            *({"subject_id": s, "hadm_id": h, "stay_id": 100 + i, **when} for i, (s, h) in enumerate(ed)),
        ),
        hospital,
    )
    icus = stays.icu_stays(
        rows(
            RELEASE["mimic/icu/icustays"],
            *({"subject_id": s, "hadm_id": h, "stay_id": 200 + i, **when} for i, (s, h) in enumerate(icu)),
        ),
        hospital,
    )
    links = linkage.stay_links(eds, hospital, icus).collect()
    assert set(links["ed_stay_id"].drop_nulls()) == {100 + i for i in range(len(ed))}
    assert set(links["icu_stay_id"].drop_nulls()) == {200 + i for i in range(len(icu))}
    assert set(admissions) <= set(links["hadm_id"].drop_nulls())
    owners = {100 + i: s for i, (s, _) in enumerate(ed)} | {200 + i: s for i, (s, _) in enumerate(icu)}
    for link in links.to_dicts():
        assert {owners[link[k]] for k in ("ed_stay_id", "icu_stay_id") if link[k]} <= {link["subject_id"]}
    assert links_stay_within_patients(links.filter(pl.col("link_type") != "icu")).passed


def test_a_stay_linked_to_two_patients_fails_the_check():
    links = LINKS.collect()
    stolen = links.with_columns(
        subject_id=pl.when(pl.col("ed_stay_id") == 31).then(pl.int_range(pl.len())).otherwise("subject_id")
    )
    assert not links_stay_within_patients(stolen).passed


def test_the_split_hash_never_moves():
    # Fixed for the life of split version 1: a change here moves patients between training and test.
    assert [splits.split_bucket(s) for s in (10000032, 10001217, 19999987)] == [62, 46, 14]
    assert splits.SPLIT_VERSION == "1"


def test_boundaries_cover_every_bucket_once():
    assert [splits.split_of(b) for b in (0, 69, 70, 79, 80, 99)] == ["train"] * 2 + ["validate"] * 2 + ["test"] * 2


def test_splits_depend_on_the_patient_alone_and_fill_as_intended():
    many = rows(RELEASE["mimic/hosp/patients"], *({"subject_id": 10_000_000 + i} for i in range(5000)))
    whole = splits.patient_splits(many).collect()
    part = splits.patient_splits(many.filter(pl.col("subject_id") % 7 == 3)).collect()
    assert whole.join(part, on=["subject_id", "split", "bucket"], how="semi").height == part.height
    shares = {name: count / 5000 for name, count in whole["split"].value_counts().iter_rows()}
    assert shares["train"] == pytest.approx(0.7, abs=0.02)
    assert shares["validate"] == pytest.approx(0.1, abs=0.02)
    assert shares["test"] == pytest.approx(0.2, abs=0.02)
    assert dict(whole.select(PATIENT_SPLITS.column_names).schema) == dict(PATIENT_SPLITS.polars_schema)


def test_the_split_check_fails_for_a_patient_on_two_sides_and_for_a_moved_one():
    good = splits.patient_splits(PATIENTS).collect()
    assert splits_are_disjoint(good).passed
    moved = good.with_columns(split=pl.lit("validate"))
    assert not splits_are_disjoint(moved).passed
    assert not splits_are_disjoint(pl.concat([good, good.head(1)])).passed
    two_versions = good.with_columns(split_version=pl.Series(["1", "2"]))
    assert not splits_are_disjoint(two_versions).passed
