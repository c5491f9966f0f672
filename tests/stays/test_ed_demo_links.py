"""The 222 ED stays of the open demo, linked to its hospital and ICU stays: counts derived by hand from the files."""

from pathlib import Path

import polars as pl
import pytest

from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.stays import linkage, stays
from clinical_assets.stays.stay_faults import stay_faults
from clinical_assets.stays.usable_ids import UNIQUE_IDS, shared_ids, usable

DEMO = Path(__file__).parents[3] / "shared" / "data" / "physionet"
FILES = {
    "mimic/hosp/admissions": "mimic-iv-demo/2.2",
    "mimic/hosp/patients": "mimic-iv-demo/2.2",
    "mimic/icu/icustays": "mimic-iv-demo/2.2",
    "mimic/ed/edstays": "mimic-iv-ed-demo/2.2",
}


@pytest.fixture(scope="module")
def tables():
    """The demo's tables of stays, typed."""
    if not DEMO.is_dir():
        pytest.skip("the open demo is not at ../shared/data/physionet")
    return {path: read(path) for path in FILES}


def read(path):
    table = TABLES[path]
    written = pl.read_csv(DEMO / FILES[path] / f"{table.file}.csv.gz", infer_schema=False)
    typed = {pl.Datetime("us"): lambda c: c.str.to_datetime("%Y-%m-%d %H:%M:%S"), pl.Date(): lambda c: c.str.to_date()}
    columns = (
        typed.get(kind, lambda c, kind=kind: c.cast(kind))(pl.col(name)) for name, kind in table.polars_schema.items()
    )
    return written.select(columns).lazy()


@pytest.fixture(scope="module")
def found(tables):
    """Hospital, ICU and ED stays, and their links."""
    shared = shared_ids((path, tables[path]) for path in UNIQUE_IDS if path in tables)
    hospital, icu, ed = (
        usable(tables[path], shared, path)
        for path in ("mimic/hosp/admissions", "mimic/icu/icustays", "mimic/ed/edstays")
    )
    admitted = stays.hospital_stays(hospital, tables["mimic/hosp/patients"]).collect().lazy()
    intensive, emergency = stays.icu_stays(icu, admitted), stays.ed_stays(ed, admitted)
    return emergency.collect(), linkage.stay_links(emergency, admitted, intensive).collect()


def test_every_ed_stay_that_names_an_admission_finds_it(found):
    ed, _ = found
    assert (ed.height, ed["subject_id"].n_unique()) == (222, 64)
    assert ed["hadm_id"].count() == ed["admission_found"].sum() == 172
    assert ed["hadm_id"].drop_nulls().n_unique() == 171  # two ED stays lead to one admission


def test_chains_are_as_many_as_expected(found):
    _, links = found
    assert dict(links["link_type"].value_counts().iter_rows()) == {
        "ed": 50,
        "ed+hospital": 100,
        "ed+hospital+icu": 78,
        "hospital": 47,
        "hospital+icu": 63,
    }
    from_ed = links.filter(pl.col("ed_stay_id").is_not_null())
    assert (from_ed.height, from_ed["ed_stay_id"].n_unique()) == (228, 222)
    assert links["icu_stay_id"].drop_nulls().n_unique() == 140
    assert links["ed_stays_of_admission"].max() == 2


def test_admissions_are_recorded_before_the_patient_leaves_the_ed(found):
    _, links = found
    assert links.unique("ed_stay_id")["admitted_before_ed_exit"].sum() == 171  # of 172


def test_the_demo_s_stays_have_no_faults(tables):
    shared = shared_ids((path, tables[path]) for path in UNIQUE_IDS if path in tables)
    found = stay_faults(
        tables["mimic/hosp/admissions"], tables["mimic/icu/icustays"], tables["mimic/ed/edstays"], shared
    )
    assert shared.collect().is_empty()
    assert found.collect().is_empty()
