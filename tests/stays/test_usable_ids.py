"""Ids that are not one record of one patient: found over all patients, left out in every shard, counted, reported."""

import gzip
from datetime import datetime, timedelta

import dagster as dg
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.declaration import LAKE_IO_MANAGER
from clinical_assets.definitions import site_of
from clinical_assets.mimic.assets import absent_table, mimic_assets
from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.settings import Settings
from clinical_assets.stays import assets as stays
from clinical_assets.stays import checks
from clinical_assets.stays.stay_faults import STAY_FAULTS, stay_faults
from clinical_assets.stays.usable_ids import SHARED_IDS, shared_ids, usable
from resources.lake import Lake
from resources.lake_io_manager import LakeIOManager
from resources.sources import Sources

DAY = datetime(2150, 5, 6)
EDSTAYS, ADMISSIONS = "mimic/ed/edstays", "mimic/hosp/admissions"


def ed(subject, stay, begin=0, hours=4, hadm=None, **rest):
    row = {"subject_id": subject, "hadm_id": hadm, "stay_id": stay, "intime": DAY + timedelta(hours=begin)}
    return {**row, "outtime": DAY + timedelta(hours=begin + hours), "gender": "F", **rest}


def admission(subject, hadm, hours=48):
    row = {"subject_id": subject, "hadm_id": hadm, "admittime": DAY, "dischtime": DAY + timedelta(hours=hours)}
    return {**row, "admission_type": "URGENT", "race": "UNKNOWN", "hospital_expire_flag": 0}


def patient(subject):
    return {
        "subject_id": subject,
        "gender": "F",
        "anchor_age": 60,
        "anchor_year": 2150,
        "anchor_year_group": "2011 - 2013",
    }


def frame(path, *rows):
    return pl.LazyFrame(list(rows), TABLES[path].polars_schema)


def test_an_id_of_one_patient_is_nobody_else_s():
    rows = frame(EDSTAYS, ed(1, 31), ed(1, 31, 2), ed(2, 32))
    assert shared_ids([(EDSTAYS, rows)]).collect().is_empty()  # one patient's, if twice


def test_an_id_of_several_patients_is_told_with_its_rows():
    rows = frame(EDSTAYS, ed(1, 31), ed(2, 31), ed(2, 31, 5), ed(3, 33), ed(3, 34))
    found = shared_ids([(EDSTAYS, rows), (ADMISSIONS, frame(ADMISSIONS, admission(1, 7), admission(2, 7)))]).collect()
    assert set(found.rows()) == {(EDSTAYS, "stay_id", "31", 2, 3), (ADMISSIONS, "hadm_id", "7", 2, 2)}
    assert dict(found.schema) == dict(SHARED_IDS.polars_schema)


def test_repeated_rows_count_once_and_rows_that_differ_not_at_all():
    rows = frame(EDSTAYS, ed(1, 31), ed(1, 31), ed(1, 32), ed(1, 32, 1), ed(2, 33), ed(3, 34), ed(4, 34))
    kept = usable(rows, shared_ids([(EDSTAYS, rows)]), EDSTAYS).collect()
    assert sorted(kept.select("subject_id", "stay_id").rows()) == [(1, 31), (2, 33)]


def test_every_stay_left_out_has_its_fault():
    edstays = frame(
        EDSTAYS, ed(1, 31), ed(1, 31), ed(1, 32), ed(1, 32, 1), ed(3, 34), ed(4, 34), ed(5, 35, hours=-1),
        ed(5, 36, outtime=None), ed(6, 37, hadm=7), ed(6, 38, hadm=8),
    )  # fmt: skip
    admissions = frame(ADMISSIONS, admission(6, 7), admission(5, 8), admission(5, 9, hours=-2))
    icustays = frame(
        "mimic/icu/icustays", {"subject_id": 6, "hadm_id": 99, "stay_id": 41, "intime": DAY, "outtime": DAY}
    )
    found = stay_faults(admissions, icustays, edstays, shared_ids([(EDSTAYS, edstays)])).collect()
    assert dict(found.schema) == dict(STAY_FAULTS.polars_schema)
    assert set(found.select("subject_id", "record", "record_id", "fault", "consequence", "rows").rows()) == {
        (1, "ed stay", "31", "row repeated", "counted once", 2),
        (1, "ed stay", "32", "id in rows that differ", "left out", 2),
        (3, "ed stay", "34", "id of several patients", "left out", 1),
        (4, "ed stay", "34", "id of several patients", "left out", 1),
        (5, "ed stay", "35", "ends before it begins", "kept; holds no X-ray", 1),
        (5, "ed stay", "36", "has no beginning or no end", "kept; holds no X-ray", 1),
        (6, "ed stay", "38", "its admission is not the patient's", "kept unlinked", 1),
        (5, "hospital stay", "9", "ends before it begins", "kept; holds no X-ray", 1),
        (6, "icu stay", "41", "its admission is not the patient's", "kept unlinked", 1),
    }


stays_of_some = st.lists(st.tuples(st.integers(1, 4), st.integers(31, 35), st.integers(0, 2)), max_size=12)


@settings(max_examples=40)
@given(stays_of_some, st.randoms(use_true_random=False))
def test_whatever_the_rows_what_is_kept_is_one_record_of_one_patient(found, random):
    rows = [ed(*row) for row in found]

    def kept(written):
        table = frame(EDSTAYS, *written)
        shared = shared_ids([(EDSTAYS, table)])
        used = usable(table, shared, EDSTAYS).collect()
        faults = stay_faults(frame(ADMISSIONS), frame("mimic/icu/icustays"), table, shared).collect()
        return used, set(faults.filter(pl.col("consequence") == "left out").select("subject_id", "record_id").rows())

    used, left_out = kept(rows)
    assert used["stay_id"].is_unique().all()
    assert used.sort("stay_id").equals(kept(random.sample(rows, len(rows)))[0].sort("stay_id"))
    everything = {(s, str(i)) for s, i, _ in found}
    assert {(s, str(i)) for s, i in used.select("subject_id", "stay_id").rows()} | left_out == everything  # none lost
    for shard in ([r for r in rows if r["subject_id"] % 2 == n] for n in (0, 1)):  # a shard alone gives the same
        whole = shared_ids([(EDSTAYS, frame(EDSTAYS, *rows))])
        alone = usable(frame(EDSTAYS, *shard), whole, EDSTAYS).collect()
        wanted = used.filter(pl.col("subject_id").is_in([r["subject_id"] for r in shard]))
        assert alone.sort("stay_id").equals(wanted.sort("stay_id"))


# -- in the graph ---------------------------------------------------------------------------------------------------

SUBJECTS = range(1, 9)
RELEASE = {
    "mimic/hosp/patients": ("mimiciv/3.1", [patient(s) for s in SUBJECTS]),
    ADMISSIONS: ("mimiciv/3.1", [*(admission(s, 100 + s) for s in SUBJECTS), admission(2, 101)]),
    EDSTAYS: (
        "mimic-iv-ed/2.2",
        [*(ed(s, 30 + s) for s in SUBJECTS), *(ed(s, 77, 10) for s in SUBJECTS), ed(8, 38)],
    ),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Eight patients in two shards, all of whom share an ED stay's number, and two an admission's."""
    root = tmp_path_factory.mktemp("release")
    for path, (release, rows) in RELEASE.items():
        file = root / "sources" / release / f"{TABLES[path].file}.csv.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        table = pl.DataFrame(rows, TABLES[path].polars_schema)
        file.write_bytes(gzip.compress(table.write_csv(datetime_format="%Y-%m-%d %H:%M:%S").encode()))
    return site_of(Settings.load(home=root / "home", sources=str(root / "sources"), subject_shards=2))


def made(site, root, *, shards):
    """The stays, made shard by shard or at once; their lake."""
    lake = Lake(root=str(root), subject_shards=2)
    derived = [stays.shared_ids_asset(site), *(d.build(site) for d in stays.ASSETS)]
    read = {d.asset_key.to_user_string() for a in derived for spec in a.specs for d in spec.deps}
    loaded = [a for a in mimic_assets(site) if a.key.to_user_string() in read]
    job = dg.define_asset_job("stays", "*")
    definitions = dg.Definitions(
        assets=[*loaded, *derived, *(absent_table(p, site) for p in sorted(read) if site.lacks(p))],
        jobs=[job],
        resources={
            "lake": lake,
            "sources": Sources(root=site.settings.sources_root),
            LAKE_IO_MANAGER: LakeIOManager(lake=lake),
        },
        executor=dg.in_process_executor,
    )
    for how in shards:
        definitions.resolve_job_def("stays").execute_in_process(instance=dg.DagsterInstance.ephemeral(), **how)
    return lake


@pytest.fixture(scope="module")
def at_once(site, tmp_path_factory):
    tags = {"dagster/asset_partition_range_start": "00", "dagster/asset_partition_range_end": "01"}
    return made(site, tmp_path_factory.mktemp("lake"), shards=[{"tags": tags}])


def rows(lake, path):
    return lake.scan(path, lake.partitions(path) or None).collect()


def test_ids_of_patients_in_different_shards_are_left_out_of_every_shard(at_once):
    assert sorted(rows(at_once, "stays/ed_stays")["stay_id"]) == [30 + s for s in SUBJECTS]  # 38 is there twice, alike
    assert sorted(rows(at_once, "stays/hospital_stays")["hadm_id"]) == [100 + s for s in SUBJECTS if s != 1]
    assert rows(at_once, "stays/shared_ids").select("table", "id", "n_patients").rows() == [
        (EDSTAYS, "77", 8),
        (ADMISSIONS, "101", 2),
    ]
    shared = rows(at_once, "stays/stay_faults").filter(pl.col("fault") == "id of several patients")
    assert sorted(shared["record_id"]) == ["101"] * 2 + ["77"] * 8


def test_one_shard_after_the_other_gives_the_same(site, at_once, tmp_path):
    by_shard = made(site, tmp_path, shards=[{"partition_key": "00"}, {"partition_key": "01"}])
    for path in ("stays/shared_ids", "stays/ed_stays", "stays/hospital_stays", "stays/stay_faults", "stays/stay_links"):
        assert rows(by_shard, path).equals(rows(at_once, path)), path


# -- checks ---------------------------------------------------------------------------------------------------------


def test_a_shared_id_is_reported_with_its_table(at_once):
    finding = checks.ids_are_one_patient_s(rows(at_once, "stays/shared_ids"))
    assert not finding.passed
    assert finding.counts == {"ids of several patients": 2, "rows left out": 10}
    assert {(r["table"], r["ids"]) for r in finding.rows} == {(EDSTAYS, 1), (ADMISSIONS, 1)}
    assert checks.ids_are_one_patient_s(SHARED_IDS.empty()).passed


def test_few_faulty_stays_pass_and_many_fail(at_once):
    faults = rows(at_once, "stays/stay_faults")
    finding = checks.few_stay_faults(faults, 20)
    assert not finding.passed
    assert {(r["fault"], r["records"]) for r in finding.rows if r["record"] == "ed stay"} == {
        ("id of several patients", 8),
        ("row repeated", 1),
    }
    assert checks.few_stay_faults(faults, 1000).passed
    assert checks.few_stay_faults(faults.clear(), 0).passed
