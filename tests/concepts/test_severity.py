"""SIRS, MELD, OASIS, LODS, SAPS II and APS III on one hand-made ICU stay; tables not given are empty."""

import inspect
import math

import pytest

from clinical_assets.concepts.apsiii import apsiii
from clinical_assets.concepts.kdigo import creatinine_baseline
from clinical_assets.concepts.lods import lods
from clinical_assets.concepts.meld import meld
from clinical_assets.concepts.oasis import oasis
from clinical_assets.concepts.sapsii import sapsii
from clinical_assets.concepts.sirs import sirs
from clinical_assets.concepts.tables import TABLES


@pytest.fixture
def scored(concept_rows, mimic_rows, one_stay, at):
    """The row of a score, from rows by table; each row is of the stay unless it says otherwise."""

    def row(score, **tables):
        stay = {"subject_id": 1, "hadm_id": 10, "stay_id": 100}
        admission = stay | {"admittime": at(0), "admission_type": "URGENT"}
        given = {"admissions": [admission], "age": [{"age": 50}]} | tables
        frames = {"icustays": one_stay}
        for name in inspect.signature(score).parameters:
            if name not in frames:
                make = concept_rows if name in TABLES else mimic_rows
                frames[name] = make(name, *(stay | entry for entry in given.get(name, ())))
        return score(**frames).collect().row(0, named=True)

    return row


@pytest.mark.parametrize("score", [sirs, oasis, lods, apsiii])
def test_what_was_not_observed_has_no_points(scored, score):
    row = scored(score)
    unknown = [name for name, value in row.items() if value is None]
    assert row[score.__name__] == {"sirs": 0, "oasis": 3 + 2 + 6, "lods": 0, "apsiii": 0}[score.__name__]
    assert len(unknown) >= 4


VENTILATED = {"ventilation_status": "InvasiveVent"}


@pytest.mark.parametrize(
    ("table", "values", "column", "points"),
    [
        ("first_day_vitalsign", {"temperature_min": 35.9, "temperature_max": 37}, "temp_score", 1),
        ("first_day_vitalsign", {"temperature_min": 36, "temperature_max": 38}, "temp_score", 0),
        ("first_day_vitalsign", {"temperature_min": 36, "temperature_max": 38.1}, "temp_score", 1),
        ("first_day_vitalsign", {"heart_rate_max": 90}, "heart_rate_score", 0),
        ("first_day_vitalsign", {"heart_rate_max": 91}, "heart_rate_score", 1),
        ("first_day_vitalsign", {"resp_rate_max": 21}, "resp_score", 1),
        ("first_day_bg_art", {"pco2_min": 31}, "resp_score", 1),
        ("first_day_bg_art", {"pco2_min": 32}, "resp_score", 0),
        ("first_day_lab", {"wbc_min": 3.9, "wbc_max": 5}, "wbc_score", 1),
        ("first_day_lab", {"wbc_min": 4, "wbc_max": 12}, "wbc_score", 0),
        ("first_day_lab", {"bands_max": 11}, "wbc_score", 1),
    ],
)
def test_sirs(scored, table, values, column, points):
    row = scored(sirs, **{table: [values]})
    assert (row[column], row["sirs"]) == (points, points)


def test_meld_of_a_healthy_liver_is_the_least(scored):
    row = scored(meld, first_day_lab=[{"creatinine_max": 0.8, "bilirubin_total_max": 0.5, "inr_max": 0.9}])
    assert (row["meld_initial"], row["meld"], row["rrt"]) == (6, 6, None)


def test_meld_worked_by_hand(scored):
    row = scored(
        meld, first_day_lab=[{"creatinine_max": 2.0, "bilirubin_total_max": 3.0, "inr_max": 1.5, "sodium_min": 130}]
    )
    tenth = 0.957 * math.log(2) + 0.378 * math.log(3) + 1.12 * math.log(1.5) + 0.643
    initial = round(tenth, 1) * 10
    assert row["meld_initial"] == pytest.approx(initial)
    assert row["meld"] == pytest.approx(initial + 1.32 * 7 - 0.033 * initial * 7)


def test_dialysis_counts_as_the_highest_creatinine(scored):
    dialysed = scored(meld, first_day_lab=[{"creatinine_max": 1.0}], first_day_rrt=[{"dialysis_present": 1}])
    assert dialysed["meld_initial"] == scored(meld, first_day_lab=[{"creatinine_max": 9.0}])["meld_initial"] == 20


def test_meld_is_at_most_40(scored):
    row = scored(meld, first_day_lab=[{"creatinine_max": 5.0, "bilirubin_total_max": 40.0, "inr_max": 9.0}])
    assert row["meld_initial"] == 40


@pytest.mark.parametrize(
    ("values", "points", "scored_on"),
    [
        ({"heart_rate_min": 60, "heart_rate_max": 126}, 6, 126),
        ({"heart_rate_min": 32, "heart_rate_max": 80}, 4, 32),
        ({"heart_rate_min": 60, "heart_rate_max": 107}, 3, 107),
        ({"heart_rate_min": 60, "heart_rate_max": 89}, 1, 89),
        ({"heart_rate_min": 60, "heart_rate_max": 106.5}, 0, 83.25),  # between the published bands
        ({"heart_rate_min": 60, "heart_rate_max": 80}, 0, 70),
    ],
)
def test_oasis_heart_rate(scored, values, points, scored_on):
    row = scored(oasis, first_day_vitalsign=[values])
    assert (row["heart_rate_score"], row["heartrate"]) == (points, scored_on)


@pytest.mark.parametrize(
    ("values", "points", "scored_on"),
    [
        ({"temperature_min": 36, "temperature_max": 39.9}, 6, 39.9),
        ({"temperature_min": 35.9, "temperature_max": 37}, 4, 35.9),
        ({"temperature_min": 33, "temperature_max": 37}, 3, 33),
        ({"temperature_min": 36.3, "temperature_max": 36.5}, 2, 36.3),
        ({"temperature_min": 36.5, "temperature_max": 37}, 2, 37),
        ({"temperature_min": 36.5, "temperature_max": 36.8}, 0, 36.65),
    ],
)
def test_oasis_temperature(scored, values, points, scored_on):
    row = scored(oasis, first_day_vitalsign=[values])
    assert (row["temp_score"], row["temp"]) == (points, pytest.approx(scored_on))


@pytest.mark.parametrize(("hours", "points"), [(0, 5), (1, 3), (5, 0), (24, 2), (400, 1)])
def test_oasis_wait_before_the_icu(scored, at, hours, points):
    row = scored(oasis, admissions=[{"admittime": at(24 - hours), "admission_type": "URGENT"}])
    assert (row["preiculos"], row["preiculos_score"]) == (hours * 60, points)


@pytest.mark.parametrize(
    ("kind", "service", "hour", "elective"),
    [
        ("ELECTIVE", "CSURG", 0, 1),
        ("ELECTIVE", "ORTHO", 47, 1),
        ("ELECTIVE", "SURG", 48, 0),
        ("ELECTIVE", "MED", 0, 0),
        ("URGENT", "SURG", 0, 0),
    ],
)
def test_oasis_elective_surgery(scored, at, kind, service, hour, elective):
    row = scored(
        oasis,
        admissions=[{"admittime": at(0), "admission_type": kind}],
        services=[{"curr_service": service, "transfertime": at(hour)}],
    )
    assert (row["electivesurgery"], row["electivesurgery_score"]) == (elective, 0 if elective else 6)


@pytest.mark.parametrize(
    ("start", "end", "ventilated"), [(0, 23.9, 0), (0, 24, 1), (30, 40, 1), (0, 90, 1), (48.1, 60, 0)]
)
def test_oasis_ventilation_on_the_first_day(scored, at, start, end, ventilated):
    row = scored(oasis, ventilation=[VENTILATED | {"starttime": at(start), "endtime": at(end)}])
    assert (row["mechvent"], row["mechvent_score"]) == (ventilated, 9 * ventilated)


def test_oasis_probability(scored):
    row = scored(oasis)
    assert row["oasis_prob"] == pytest.approx(1 / (1 + math.exp(6.1746 - 0.1275 * row["oasis"])))


@pytest.mark.parametrize(
    ("table", "values", "organ", "points"),
    [
        ("first_day_gcs", {"gcs_min": 5}, "neurologic", 5),
        ("first_day_gcs", {"gcs_min": 13}, "neurologic", 1),
        ("first_day_gcs", {"gcs_min": 2}, "neurologic", None),
        ("first_day_vitalsign", {"heart_rate_min": 29, "heart_rate_max": 80}, "cardiovascular", 5),
        ("first_day_vitalsign", {"sbp_min": 69, "sbp_max": 100}, "cardiovascular", 3),
        ("first_day_vitalsign", {"sbp_min": 90, "sbp_max": 239}, "cardiovascular", 0),
        ("first_day_vitalsign", {"heart_rate_min": 60, "heart_rate_max": 140}, "cardiovascular", 1),
        ("first_day_lab", {"bun_max": 80, "creatinine_max": 4}, "renal", None),  # no urine output known
        ("first_day_lab", {"wbc_min": 0.9, "wbc_max": 2}, "hematologic", 3),
        ("first_day_lab", {"platelets_min": 49}, "hematologic", 1),
        ("first_day_lab", {"pt_min": 12, "pt_max": 15}, "hepatic", 0),
        ("first_day_lab", {"pt_min": 12, "pt_max": 15.1}, "hepatic", 1),
        ("first_day_lab", {"bilirubin_total_max": 2}, "hepatic", 1),
    ],
)
def test_lods(scored, table, values, organ, points):
    assert scored(lods, **{table: [values]})[organ] == points


@pytest.mark.parametrize(
    ("bun", "creatinine", "urine", "points"),
    [
        (7, 1, 1000, 0),
        (7.5, 1, 1000, 1),
        (28, 1, 1000, 3),
        (7, 1.6, 1000, 3),
        (7, 1, 749, 3),
        (7, 1, 10000, 3),
        (7, 1, 499, 5),
        (56, 1, 1000, 5),
    ],
)
def test_lods_kidneys(scored, bun, creatinine, urine, points):
    labs = {"bun_max": bun, "creatinine_max": creatinine}
    row = scored(lods, first_day_lab=[labs], first_day_urine_output=[{"urineoutput": urine}])
    assert row["renal"] == points


@pytest.mark.parametrize(("hour", "points"), [(28.9, 0), (29, 3), (34, 3), (34.1, 0)])
def test_a_mask_counts_for_lods_from_an_hour_before_to_four_after(scored, at, hour, points):
    mask = {"itemid": 226732, "charttime": at(30), "value": "CPAP mask "}
    row = scored(lods, chartevents=[mask], bg=[{"charttime": at(hour), "pao2fio2ratio": 100}])
    assert row["pulmonary"] == points


def test_lods_lungs_without_ventilator_or_mask_have_no_points(scored, at):
    gas = {"charttime": at(30), "pao2fio2ratio": 100}
    ventilated = VENTILATED | {"starttime": at(30), "endtime": at(31)}
    assert scored(lods, bg=[gas])["pulmonary"] == 0
    assert scored(lods, bg=[gas], ventilation=[ventilated])["pulmonary"] == 3
    assert scored(lods, bg=[gas | {"hadm_id": None}], ventilation=[ventilated])["pulmonary"] == 0


@pytest.mark.parametrize(
    ("table", "values", "column", "points"),
    [
        ("age", {"age": 39}, "age_score", 0),
        ("age", {"age": 75}, "age_score", 16),
        ("age", {"age": 80}, "age_score", 18),
        ("vitalsign", {"heart_rate": 39}, "hr_score", 11),
        ("vitalsign", {"heart_rate": 69}, "hr_score", 2),
        ("vitalsign", {"heart_rate": 120}, "hr_score", 4),
        ("vitalsign", {"sbp": 99}, "sysbp_score", 5),
        ("vitalsign", {"sbp": 200}, "sysbp_score", 2),
        ("vitalsign", {"temperature": 39}, "temp_score", 3),
        ("chemistry", {"bun": 84}, "bun_score", 10),
        ("chemistry", {"potassium": 5}, "potassium_score", 3),
        ("chemistry", {"sodium": 124}, "sodium_score", 5),
        ("chemistry", {"bicarbonate": 19}, "bicarbonate_score", 3),
        ("enzyme", {"bilirubin_total": 6}, "bilirubin_score", 9),
        ("complete_blood_count", {"wbc": 20}, "wbc_score", 3),
        ("gcs", {"gcs": 5}, "gcs_score", 26),
        ("gcs", {"gcs": 14}, "gcs_score", 0),
        ("urine_output", {"urineoutput": 499}, "uo_score", 11),
        ("urine_output", {"urineoutput": 1000}, "uo_score", 0),
        ("diagnoses_icd", {"icd_version": 9, "icd_code": "042"}, "comorbidity_score", 17),
        ("diagnoses_icd", {"icd_version": 9, "icd_code": "20300"}, "comorbidity_score", 10),
        ("diagnoses_icd", {"icd_version": 10, "icd_code": "C787"}, "comorbidity_score", 9),
        ("diagnoses_icd", {"icd_version": 10, "icd_code": "I10"}, "comorbidity_score", 0),
    ],
)
def test_sapsii(scored, at, table, values, column, points):
    times = {"charttime": at(30)} if "charttime" in _columns(table) else {}
    assert scored(sapsii, **{table: [values | times]})[column] == points


def _columns(table):
    return TABLES[table].column_names if table in TABLES else []


@pytest.mark.parametrize(("hour", "points"), [(24, None), (24.1, 11), (48, 11), (48.1, None)])
def test_the_day_of_sapsii_begins_after_admission(scored, at, hour, points):
    assert scored(sapsii, vitalsign=[{"charttime": at(hour), "heart_rate": 30}])["hr_score"] == points


@pytest.mark.parametrize(
    ("kind", "service", "points"),
    [("ELECTIVE", "SURG", 0), ("URGENT", "SURG", 8), ("URGENT", "MED", 6), ("ELECTIVE", "MED", 6)],
)
def test_sapsii_kind_of_admission_by_the_first_service(scored, at, kind, service, points):
    services = [{"curr_service": service, "transfertime": at(1)}, {"curr_service": "SURG", "transfertime": at(2)}]
    row = scored(sapsii, admissions=[{"admittime": at(0), "admission_type": kind}], services=services)
    assert row["admissiontype_score"] == points


def test_sapsii_oxygen_only_on_ventilator_or_mask(scored, at):
    gas = {"charttime": at(30), "specimen": "ART.", "pao2fio2ratio": 150}
    mask = {"itemid": 226732, "charttime": at(29), "value": "BiPAP mask "}
    assert scored(sapsii, bg=[gas])["pao2fio2_score"] is None
    assert scored(sapsii, bg=[gas], chartevents=[mask])["pao2fio2_score"] == 9
    period = VENTILATED | {"starttime": at(29), "endtime": at(31)}
    assert scored(sapsii, bg=[gas], ventilation=[period])["pao2fio2_score"] == 9


def test_sapsii_probability(scored):
    row = scored(sapsii)
    assert row["sapsii"] == 7 + 6
    assert row["sapsii_prob"] == pytest.approx(1 / (1 + math.exp(7.7631 - 0.0737 * 13 - 0.9971 * math.log(14))))


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ({"heart_rate_min": 60, "heart_rate_max": 80}, 0),
        ({"heart_rate_min": 45, "heart_rate_max": 80}, 5),
        ({"heart_rate_min": 60, "heart_rate_max": 160}, 17),
        ({"heart_rate_min": 45, "heart_rate_max": 105}, 5),  # equally far from 75: the one with more points
    ],
)
def test_apsiii_scores_the_value_further_from_normal(scored, values, points):
    assert scored(apsiii, first_day_vitalsign=[values])["hr_score"] == points


@pytest.mark.parametrize(("start", "points"), [(24, 0), (60, 8)])
def test_a_slow_breath_on_the_ventilator_has_no_points(scored, at, start, points):
    row = scored(
        apsiii,
        first_day_vitalsign=[{"resp_rate_min": 8, "resp_rate_max": 20}],
        ventilation=[VENTILATED | {"starttime": at(start), "endtime": at(70)}],
    )
    assert row["resp_rate_score"] == points


@pytest.mark.parametrize(
    ("code", "urine", "points"), [("I10", 409, 10), ("I10", 410, 4), ("N184", 409, 4), (None, 409, 4)]
)
def test_creatinine_in_acute_renal_failure(scored, code, urine, points):
    diagnoses = [{"icd_version": 10, "icd_code": code}] if code else []
    row = scored(
        apsiii,
        first_day_lab=[{"creatinine_min": 1.0, "creatinine_max": 1.6}],
        first_day_urine_output=[{"urineoutput": urine}],
        diagnoses_icd=diagnoses,
    )
    assert row["creatinine_score"] == points


@pytest.mark.parametrize(
    ("eyes", "verbal", "motor", "unable", "points"),
    [
        (1, 1, 1, 0, 48),
        (1, 1, 6, 0, 16),
        (1, 3, 4, 0, 24),
        (1, 5, 6, 0, None),
        (4, 5, 6, 0, 0),
        (3, 4, 5, 0, 8),
        (4, 2, 6, 0, 10),
        (1, 0, 1, 1, 0),
        (None, 5, 6, 0, None),
    ],
)
def test_apsiii_consciousness(scored, eyes, verbal, motor, unable, points):
    responses = {"gcs_eyes": eyes, "gcs_verbal": verbal, "gcs_motor": motor, "gcs_unable": unable}
    assert scored(apsiii, first_day_gcs=[responses])["gcs_score"] == points


@pytest.mark.parametrize(
    ("ph", "pco2", "points"),
    [
        (7.1, 49, 12),
        (7.1, 50, 4),
        (7.25, 29, 9),
        (7.25, 50, 2),
        (7.32, 44, 0),
        (7.4, 29, 5),
        (7.4, 45, 1),
        (7.47, 45, 12),
        (7.55, 39, 3),
        (7.65, 24, 0),
        (7.65, 40, 12),
        (7.4, None, None),
    ],
)
def test_apsiii_acid_base(scored, at, ph, pco2, points):
    gas = {"charttime": at(30), "specimen": "ART.", "ph": ph, "pco2": pco2}
    assert scored(apsiii, bg=[gas])["acidbase_score"] == points


@pytest.mark.parametrize(
    ("gas", "ventilated", "points"),
    [
        ({"po2": 49}, False, 15),
        ({"po2": 79, "fio2": 40}, False, 2),
        ({"po2": 49, "fio2": 50}, False, None),
        ({"po2": 49}, True, None),
        ({"aado2": 350, "fio2": 50}, True, 11),
        ({"aado2": 350, "fio2_chartevents": 60}, True, 11),
        ({"aado2": 350, "fio2": 49}, True, None),
        ({"aado2": 500, "fio2": 100}, True, 14),
    ],
)
def test_apsiii_oxygen_or_gradient(scored, at, gas, ventilated, points):
    period = VENTILATED | {"starttime": at(25), "endtime": at(40)}
    row = scored(
        apsiii, bg=[gas | {"charttime": at(30), "specimen": "ART."}], ventilation=[period] if ventilated else []
    )
    assert row["pao2_aado2_score"] == points


def test_apsiii_takes_glucose_from_laboratory_and_chart(scored):
    row = scored(
        apsiii,
        first_day_lab=[{"glucose_min": 100, "glucose_max": 120}],
        first_day_vitalsign=[{"glucose_min": 39, "glucose_max": 110}],
    )
    assert row["glucose_score"] == 8


@pytest.mark.parametrize("score", [apsiii, lods, meld, oasis, sapsii, sirs])
def test_no_score_on_the_demo_exceeds_its_declared_most(concepts, score):
    table = TABLES[score.__name__]
    for column in table.columns:
        if column.unit == "points" and column.plausible:
            assert concepts[score.__name__][column.name].drop_nulls().is_between(*column.plausible).all(), column.name


@pytest.mark.parametrize(
    ("lowest", "code", "age", "gender", "baseline"),
    [
        (0.9, None, 60, "M", 0.9),
        (1.1, None, 60, "M", 1.1),
        (2.5, "N183", 60, "M", 2.5),
        (2.5, None, 60, "M", (75 / 186 / 60**-0.203) ** (-1 / 1.154)),
        (2.5, None, 60, "F", (75 / 186 / 60**-0.203 / 0.742) ** (-1 / 1.154)),
        (None, None, 60, "M", (75 / 186 / 60**-0.203) ** (-1 / 1.154)),
    ],
)
def test_baseline_creatinine(concept_rows, mimic_rows, lowest, code, age, gender, baseline):
    stay = {"subject_id": 1, "hadm_id": 10}
    codes = [stay | {"icd_version": 10, "icd_code": code}] if code else []
    row = creatinine_baseline(
        concept_rows("age", stay | {"age": age}),
        mimic_rows("patients", {"subject_id": 1, "gender": gender}),
        concept_rows("chemistry", stay | {"creatinine": 9.0}, stay | {"creatinine": lowest})
        if lowest
        else concept_rows("chemistry"),
        mimic_rows("diagnoses_icd", *codes),
    ).collect()
    assert row["scr_baseline"].to_list() == [pytest.approx(baseline)]


def test_children_have_no_baseline(concept_rows, mimic_rows):
    frames = (mimic_rows("patients"), concept_rows("chemistry"), mimic_rows("diagnoses_icd"))
    assert creatinine_baseline(concept_rows("age", {"age": 17, "hadm_id": 1}), *frames).collect().is_empty()
