"""Cohorts: each criterion by hand, counts that add up, and what could not have been known."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.definitions import site_of
from clinical_assets.imaging import assets as imaging
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.mimic.inventory import take_inventory
from clinical_assets.mimic.reader import read, to_polars
from clinical_assets.settings import Settings
from clinical_assets.stays import cohort, linkage, stays
from clinical_assets.stays.cohort import COHORT_ATTRITION, COHORT_MEMBERS, Cohort, CohortError
from clinical_assets.stays.tables import ED_STAYS, HOSPITAL_STAYS, ICU_STAYS
from resources.sources import Sources as SourceFiles

START = datetime(2150, 1, 1)
NOTES = {
    n: RELEASE["mimic/note/discharge"].column(n).type.polars
    for n in ("subject_id", "hadm_id", "note_type", "storetime")
}
STUDIES = {"subject_id": pl.Int64, "study_time": pl.Datetime("us")}
SCHEMAS = {
    "icu_stays": ICU_STAYS.polars_schema,
    "hospital_stays": HOSPITAL_STAYS.polars_schema,
    "ed_stays": ED_STAYS.polars_schema,
    "patients": RELEASE["mimic/hosp/patients"].polars_schema,
    "diagnoses_icd": RELEASE["mimic/hosp/diagnoses_icd"].polars_schema,
    "cxr_studies": STUDIES,
    "notes": NOTES,
}


def hour(number):
    return START + timedelta(hours=number)


def sources(**records):
    return {name: pl.DataFrame(list(records.get(name, ())), schema).lazy() for name, schema in SCHEMAS.items()}


def icu(stay_id, begin=0, end=48, subject=1, hadm=11, age=60):
    return {
        "subject_id": subject,
        "stay_id": stay_id,
        "hadm_id": hadm,
        "intime": hour(begin),
        "outtime": None if end is None else hour(end),
        "age": age,
    }


def made(*criteria, stay="icu", index_hours=24):
    return Cohort.model_validate(
        {"cohort": "c", "version": 1, "meaning": "m", "stay": stay, "index_hours": index_hours, "criteria": criteria}
    )


def included(criterion, *stays, stay="icu", **records):
    frames = sources(**{f"{stay}_stays": stays}, **records)
    members = cohort.cohort_members(made(criterion, stay=stay), frames).collect()
    assert dict(members.schema) == dict(COHORT_MEMBERS.polars_schema)
    return sorted(members.filter("included")["stay_id"])


@pytest.mark.parametrize(("age", "is_in"), [(17, False), (18, True), (65, True), (66, False), (None, False)])
def test_age(age, is_in):
    assert included({"kind": "age", "at_least": 18, "at_most": 65}, icu(1, age=age)) == ([1] if is_in else [])


def test_age_in_the_ed_comes_from_the_patient():
    stay = {"subject_id": 1, "stay_id": 31, "intime": hour(0), "outtime": hour(5)}
    patient = {"subject_id": 1, "anchor_age": 16, "anchor_year": 2148}
    assert included({"kind": "age", "at_least": 18}, stay, stay="ed", patients=[patient]) == [31]
    assert included({"kind": "age", "at_least": 19}, stay, stay="ed", patients=[patient]) == []
    assert included({"kind": "age", "at_least": 18}, stay, stay="ed") == []


def test_first_stays():
    stays = [icu(3, begin=50, end=60), icu(2, begin=0), icu(4, begin=90, end=99, hadm=12), icu(9, subject=2)]
    assert included({"kind": "first_stay"}, *stays) == [2, 9]
    assert included({"kind": "first_stay", "of": "admission"}, *stays) == [2, 4, 9]


@pytest.mark.parametrize(("end", "is_in"), [(24, True), (23.9, False), (None, False), (-1, False)])
def test_length_of_stay(end, is_in):
    assert included({"kind": "length_of_stay", "at_least_hours": 24}, icu(1, end=end)) == ([1] if is_in else [])


def code(hadm, icd="4280", version=9, subject=1):
    return {"subject_id": subject, "hadm_id": hadm, "icd_code": icd, "icd_version": version, "seq_num": 1}


HEART_FAILURE = {"kind": "diagnosis", "name": "heart failure", "icd9": "428", "icd10": "I50"}


def test_diagnoses_of_this_admission():
    this = {**HEART_FAILURE, "of": "this_admission"}
    for found, is_in in (
        (code(11), True),
        (code(11, "I509", 10), True),
        (code(11, "4280", 10), False),
        (code(12), False),
        (code(11, subject=2), False),
    ):
        assert included(this, icu(1), diagnoses_icd=[found]) == ([1] if is_in else [])
        assert included({**this, "present": False}, icu(1), diagnoses_icd=[found]) == ([] if is_in else [1])


def test_diagnoses_of_earlier_admissions_only_count_if_they_were_over():
    earlier = {**HEART_FAILURE, "of": "earlier_admissions"}
    before = {"subject_id": 1, "hadm_id": 9, "admittime": hour(-90), "dischtime": hour(-80)}
    overlapping = {**before, "dischtime": hour(1)}
    assert included(earlier, icu(1), diagnoses_icd=[code(9)], hospital_stays=[before]) == [1]
    assert included(earlier, icu(1), diagnoses_icd=[code(9)], hospital_stays=[overlapping]) == []
    assert (
        included(
            earlier, icu(1), diagnoses_icd=[code(11)], hospital_stays=[{**before, "hadm_id": 11, "dischtime": hour(50)}]
        )
        == []
    )


@pytest.mark.parametrize(
    ("taken", "within", "is_in"),
    [
        (5, 6, True),
        (6, 6, True),
        (7, 6, False),
        (-1, 6, False),
        (47, None, True),
        (49, None, False),
        (49, 72, False),
        (None, None, False),
    ],
)
def test_chest_x_rays(taken, within, is_in):
    study = {"subject_id": 1, "study_time": None if taken is None else hour(taken)}
    criterion = {"kind": "has_cxr", "within_hours": within}
    assert included(criterion, icu(1), cxr_studies=[study, study]) == ([1] if is_in else [])
    assert included(criterion, icu(1), cxr_studies=[{**study, "subject_id": 2}]) == []


def test_notes():
    note = {"subject_id": 1, "hadm_id": 11, "note_type": "DS", "storetime": hour(99)}
    assert included({"kind": "has_notes", "types": ["DS"]}, icu(1), notes=[note, note]) == [1]
    assert included({"kind": "has_notes", "types": ["RR"]}, icu(1), notes=[note]) == []
    filed = {"kind": "has_notes", "types": ["DS", "RR"], "within_hours": 24}
    assert included(filed, icu(1), notes=[note]) == []
    assert included(filed, icu(1), notes=[{**note, "storetime": hour(24), "hadm_id": None}]) == [1]
    assert included(filed, icu(1), notes=[{**note, "storetime": None}]) == []


@pytest.mark.parametrize(
    ("criterion", "why"),
    [
        ({"kind": "age", "at_least": 18}, None),
        ({"kind": "first_stay"}, None),
        ({"kind": "length_of_stay", "at_least_hours": 24}, None),
        ({"kind": "length_of_stay", "at_least_hours": 25}, "how long the stay will last"),
        ({**HEART_FAILURE, "of": "earlier_admissions"}, None),
        ({**HEART_FAILURE, "of": "this_admission", "present": False}, "diagnoses coded after discharge"),
        ({"kind": "has_cxr", "within_hours": 24}, None),
        ({"kind": "has_cxr", "within_hours": 30}, "X-rays yet to be taken"),
        ({"kind": "has_cxr"}, "X-rays yet to be taken"),
        ({"kind": "has_notes", "types": ["DS"]}, "notes yet to be written"),
        ({"kind": "has_notes", "types": ["RR"], "within_hours": 12}, None),
    ],
)
def test_what_could_not_be_known_at_the_index_hour_is_flagged(criterion, why):
    question = made(criterion)
    assert question.criteria[0].unknowable(question.index_hours) == why
    row = cohort.attrition(cohort.cohort_members(question, sources()), [question]).collect().row(1, named=True)
    assert (row["unknowable"], row["unknowable_why"]) == (why is not None, why)


def test_a_stay_is_counted_by_the_first_criterion_it_misses():
    question = made(
        {"kind": "age", "at_least": 18}, {"kind": "first_stay"}, {"kind": "length_of_stay", "at_least_hours": 24}
    )
    stays = [
        icu(1, age=5, end=1),
        icu(2, subject=2),
        icu(3, subject=2, begin=60, end=70),
        icu(4, subject=3, end=2),
        icu(5, subject=4),
    ]
    members = cohort.cohort_members(question, sources(icu_stays=stays))
    table = cohort.attrition(members, [question]).collect()
    assert dict(table.schema) == dict(COHORT_ATTRITION.polars_schema)
    assert table.select("step", "criterion", "stays_excluded", "stays_left", "patients_left").rows() == [
        (0, "all icu stays", 0, 5, 4),
        (1, "age 18 or older", 1, 4, 3),
        (2, "first stay of the patient", 1, 3, 3),
        (3, "stay of at least 24 h", 1, 2, 2),
    ]
    row = members.filter(pl.col("stay_id") == 3).collect().row(0, named=True)
    assert (row["included"], row["excluded_at_step"], row["excluded_by"]) == (False, 2, "first stay of the patient")
    assert row["index_time"] == hour(84)


ages = st.none() | st.integers(10, 30)
hours = st.integers(0, 60)


@given(st.lists(st.tuples(st.integers(1, 3), ages, hours, hours), max_size=8), st.randoms(use_true_random=False))
def test_counts_add_up_whatever_the_stays_and_their_order(found, random):
    question = made({"kind": "age", "at_least": 18}, {"kind": "has_cxr", "within_hours": 6}, {"kind": "first_stay"})
    stays = [icu(i, begin=b, end=e, subject=s, age=a) for i, (s, a, b, e) in enumerate(found)]
    studies = [{"subject_id": s, "study_time": hour(b)} for s, _, b, _ in found[::2]]
    members = cohort.cohort_members(question, sources(icu_stays=stays, cxr_studies=studies))
    table = cohort.attrition(members, [question]).collect()
    assert table["stays_left"].to_list() == [len(found) - n for n in table["stays_excluded"].cum_sum()]
    assert members.collect().height == len(found)
    assert members.filter("included").collect().height == table["stays_left"][-1]
    shuffled = cohort.cohort_members(
        question, sources(icu_stays=random.sample(stays, len(stays)), cxr_studies=studies[::-1])
    )
    assert shuffled.sort("stay_id").collect().equals(members.sort("stay_id").collect())


def test_the_projects_cohorts_are_read_and_run():
    found = cohort.cohorts()
    assert [c.cohort for c in found] == ["ed_adults_with_xray", "heart_failure_admissions", "icu_adults_first_day"]
    members = cohort.members_of_all(found, sources())
    table = cohort.attrition(members, found).collect()
    assert table.height == sum(len(c.criteria) + 1 for c in found)
    flagged = set(table.filter("unknowable")["cohort"])
    assert flagged == {"heart_failure_admissions"}


EVERY_RULE = """
cohort: every_rule
version: 3
meaning: One of each.
stay: ed
index_hours: 6
criteria:
  - {kind: age, at_least: 18, at_most: 89}
  - {kind: first_stay, of: patient}
  - {kind: length_of_stay, at_least_hours: 2.5}
  - {kind: diagnosis, name: cancer, icd9: "140", icd10: "C", of: earlier_admissions, present: false}
  - {kind: diagnosis, name: heart failure, icd10: I50, of: this_admission}
  - {kind: has_cxr, within_hours: 6}
  - {kind: has_notes, types: [RR, AR], within_hours: 6}
  - {kind: has_notes, types: [DS]}
"""


def test_every_rule_can_be_said_in_yaml_and_is_counted_by_its_words():
    question = cohort.read_cohort(EVERY_RULE, "every_rule.yaml")
    assert {c.kind for c in question.criteria} == {
        "age", "first_stay", "length_of_stay", "diagnosis", "has_cxr", "has_notes",
    }  # fmt: skip
    stays = [{**icu(n, end=8, subject=n, hadm=n), "age": None} for n in (1, 2)]
    frames = sources(
        ed_stays=[{k: v for k, v in s.items() if k != "age"} for s in stays],
        patients=[{"subject_id": n, "anchor_age": 60, "anchor_year": START.year} for n in (1, 2)],
        hospital_stays=[{"subject_id": n, "hadm_id": n, "dischtime": hour(99)} for n in (1, 2)],
        diagnoses_icd=[
            {"subject_id": n, "hadm_id": n, "icd_code": "I5020", "icd_version": 10, "seq_num": 1} for n in (1, 2)
        ],
        cxr_studies=[{"subject_id": n, "study_time": hour(1)} for n in (1, 2)],
        notes=[
            *({"subject_id": n, "hadm_id": n, "note_type": "RR", "storetime": hour(2)} for n in (1, 2)),
            {"subject_id": 1, "hadm_id": 1, "note_type": "DS", "storetime": hour(200)},
        ],
    )
    members = cohort.cohort_members(question, frames)
    assert members.filter("included").collect()["stay_id"].to_list() == [1]
    table = cohort.attrition(members, [question]).collect()
    assert table.select("criterion", "stays_excluded", "unknowable").rows() == [
        ("all ed stays", 0, False),
        ("age 18 or older and 89 or younger", 0, False),
        ("first stay of the patient", 0, False),
        ("stay of at least 2.5 h", 0, False),
        ("no cancer coded for earlier admissions", 0, False),
        ("heart failure coded for this admission", 0, True),
        ("chest X-ray within 6 h", 0, False),
        ("note of type RR or AR filed within 6 h", 0, False),
        ("note of type DS of the admission", 1, True),
    ]


def test_what_the_files_say_is_part_of_the_tables_code_version(tmp_path):
    (tmp_path / "a.yaml").write_text(VALID)
    before = cohort.said_by_files(tmp_path)
    assert before == cohort.said_by_files(tmp_path)
    (tmp_path / "a.yaml").write_text(VALID.replace("24", "48"))
    assert cohort.said_by_files(tmp_path) != before
    site = site_of(Settings.load(home=tmp_path, sources=str(tmp_path / "nowhere")))
    for declaration in imaging.COHORTS:
        (spec,) = declaration.build(site).specs
        assert spec.code_version.endswith(cohort.said_by_files())


VALID = "cohort: a\nversion: 1\nmeaning: m\nstay: icu\nindex_hours: 24\ncriteria: [{kind: first_stay}]\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (VALID.replace("first_stay", "shoe_size"), "x.yaml: criteria.0: .*shoe_size"),
        (VALID.replace("kind: first_stay", "kind: age, at_leest: 18"), "at_leest"),
        (VALID.replace("stay: icu", "stay: spa"), "x.yaml: stay: "),
        (VALID.replace("index_hours: 24", "index_hours: -1"), "index_hours"),
        (VALID.replace("cohort: a", "cohort: A B"), "cohort: "),
        (
            VALID.replace("{kind: first_stay}", "{kind: diagnosis, name: n, of: this_admission}"),
            "expected codes in icd9 or icd10",
        ),
        ("a: [", "x.yaml: expected YAML"),
        ("just words", "x.yaml"),
    ],
)
def test_a_file_that_says_no_cohort_is_refused_with_its_place(content, message):
    with pytest.raises(CohortError, match=message):
        cohort.read_cohort(content, "x.yaml")


def test_two_cohorts_of_one_name_are_refused(tmp_path):
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(VALID)
    with pytest.raises(CohortError, match=r"found twice: \['a'\]"):
        cohort.cohorts(tmp_path)
    assert cohort.members_of_all((), sources()).collect().is_empty()
    assert cohort.attrition(COHORT_MEMBERS.empty().lazy(), ()).collect().is_empty()


# -- the open demo: 100 patients, 222 ED stays -----------------------------------------------------------------------

PHYSIONET = Path(__file__).parents[3] / "shared" / "data" / "physionet"


@pytest.fixture(scope="module")
def demo():
    if not PHYSIONET.exists():
        pytest.skip("needs the open MIMIC-IV and MIMIC-IV-ED demos beside the repository (../shared/data)")
    files = SourceFiles(root=str(PHYSIONET))
    inventory = take_inventory(files)

    def table(path):
        file = inventory.files[f"mimic/{path}"]
        with files.open(file.path) as raw:
            return pl.concat([to_polars(p.table) for p in read(raw, file.path, file.table, file.absent_columns)]).lazy()

    patients = table("hosp/patients")
    hospital = stays.hospital_stays(table("hosp/admissions"), patients)
    return {
        **sources(),
        "patients": patients,
        "hospital_stays": hospital,
        "icu_stays": stays.icu_stays(table("icu/icustays"), hospital),
        "ed_stays": stays.ed_stays(table("ed/edstays"), hospital),
        "diagnoses_icd": table("hosp/diagnoses_icd"),
    }


def test_the_demos_ed_stays_link_to_its_hospital_stays(demo):
    links = linkage.stay_links(demo["ed_stays"], demo["hospital_stays"], demo["icu_stays"]).collect()
    assert dict(links["link_type"].value_counts().iter_rows()) == {
        "ed": 50,
        "ed+hospital": 100,
        "ed+hospital+icu": 78,
        "hospital": 47,
        "hospital+icu": 63,
    }
    ed = demo["ed_stays"].collect()
    assert (ed.height, ed["admission_found"].sum(), ed["subject_id"].n_unique()) == (222, 172, 64)
    assert links.drop_nulls("ed_stay_id").drop_nulls("icu_stay_id")["ed_stay_id"].n_unique() == 72


def test_the_demos_attrition(demo):
    found = cohort.cohorts()
    table = cohort.attrition(cohort.members_of_all(found, demo), found).collect()
    left = {name: rows["stays_left"].to_list() for (name,), rows in table.group_by("cohort", maintain_order=True)}
    assert left == {
        "ed_adults_with_xray": [222, 222, 0],  # no X-rays are open
        "heart_failure_admissions": [275, 275, 220, 54, 0],  # nor notes
        "icu_adults_first_day": [140, 140, 100, 85],
    }
