import pytest

from clinical_assets.concepts.comorbidity import GRADED, WEIGHTS, charlson
from clinical_assets.concepts.comorbidity_codes import COMORBIDITIES


@pytest.fixture
def index(mimic_rows, concept_rows):
    def row(*codes, age=40):
        admissions = mimic_rows("admissions", {"subject_id": 1, "hadm_id": 10})
        diagnoses = mimic_rows(
            "diagnoses_icd",
            *({"subject_id": 1, "hadm_id": 10, "icd_version": version, "icd_code": code} for version, code in codes),
        )
        ages = concept_rows("age", {"subject_id": 1, "hadm_id": 10, "age": age})
        return charlson(admissions, diagnoses, ages).collect().row(0, named=True)

    return row


@pytest.mark.parametrize(("age", "points"), [(49, 0), (50, 1), (60, 2), (70, 3), (79, 3), (80, 4), (91, 4)])
def test_age(index, age, points):
    row = index(age=age)
    assert (row["age_score"], row["charlson_comorbidity_index"]) == (points, points)


@pytest.mark.parametrize(
    ("version", "code", "condition", "points"),
    [
        (9, "41071", "myocardial_infarct", 1),
        (10, "I252", "myocardial_infarct", 1),
        (10, "I5023", "congestive_heart_failure", 1),
        (9, "4254", "congestive_heart_failure", 1),
        (10, "I639", "cerebrovascular_disease", 1),
        (10, "J449", "chronic_pulmonary_disease", 1),
        (10, "E1122", "diabetes_with_cc", 2),
        (10, "E119", "diabetes_without_cc", 1),
        (10, "N186", "renal_disease", 2),
        (10, "G8191", "paraplegia", 2),
        (10, "K7290", "severe_liver_disease", 3),
        (10, "K7460", "mild_liver_disease", 1),
        (10, "C3490", "malignant_cancer", 2),
        (10, "C787", "metastatic_solid_tumor", 6),
        (9, "042", "aids", 6),
    ],
)
def test_conditions(index, version, code, condition, points):
    row = index((version, code))
    assert row[condition] == 1
    assert row["charlson_comorbidity_index"] == points


def test_of_a_milder_and_a_severer_form_the_severer_counts(index):
    assert index((10, "C3490"), (10, "C787"))["charlson_comorbidity_index"] == 6
    assert index((10, "E119"), (10, "E1122"))["charlson_comorbidity_index"] == 2
    assert index((10, "K7460"), (10, "K7290"))["charlson_comorbidity_index"] == 3


def test_a_stay_without_diagnoses_has_no_condition(index):
    assert index()["charlson_comorbidity_index"] == 0


def test_every_condition_has_points():
    weighed = [*WEIGHTS, *(name for pair in GRADED for name in pair)]
    assert sorted(weighed) == sorted(c.name for c in COMORBIDITIES)
    assert len(COMORBIDITIES) == 17
