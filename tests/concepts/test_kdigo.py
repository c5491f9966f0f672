import pytest

from clinical_assets.concepts.kdigo import creatinine_baseline, kdigo_creatinine, kdigo_stages
from clinical_assets.concepts.tables import TABLES

CREATININE = 50912


@pytest.fixture
def creatinine(one_stay, blood):
    def rows(*results):
        events = blood(*((hour, CREATININE, value) for hour, value in results))
        return kdigo_creatinine(one_stay, events).collect().sort("charttime")

    return rows


def test_lows_look_back_48_hours_and_7_days_without_the_present(creatinine):
    rows = creatinine((-144, 0.8), (20, 1.2), (30, 1.0), (68, 2.0))
    assert rows["creat_low_past_48hr"].to_list() == [None, None, 1.2, 1.0]
    # Hour -144 is 6 days 20 h before hour 20, 7 days 6 h before hour 30.
    assert rows["creat_low_past_7day"].to_list() == [None, 0.8, 1.2, 1.0]


@pytest.mark.parametrize(("hour", "kept"), [(-144.1, False), (-144, True), (72, True), (72.1, False)])
def test_results_from_a_week_before_admission_to_discharge(creatinine, hour, kept):
    assert creatinine((hour, 1.0))["creat"].to_list() == ([1.0] if kept else [None])


def test_a_stay_without_creatinine_has_one_row(creatinine):
    assert creatinine().select("stay_id", "charttime", "creat").rows() == [(100, None, None)]


@pytest.fixture
def staged(concept_rows, one_stay, at):
    def rows(creatinine=(), urine=(), dialysis=()):
        def table(name, entries):
            stay = {"subject_id": 1, "hadm_id": 10, "stay_id": 100}
            return concept_rows(name, *(stay | {"charttime": at(hour)} | columns for hour, columns in entries))

        tables = (table("kdigo_creatinine", creatinine), table("kdigo_uo", urine), table("crrt", dialysis))
        return kdigo_stages(one_stay, *tables).collect().sort("charttime")

    return rows


@pytest.mark.parametrize(
    ("creat", "low_48", "low_7", "stage"),
    [
        (1.0, 1.0, 1.0, 0),
        (1.3, 1.0, 1.0, 1),
        (1.5, 1.4, 1.0, 1),
        (2.0, 2.0, 1.0, 2),
        (3.0, 3.0, 1.0, 3),
        (4.0, 3.7, 3.0, 3),
        (4.0, 3.9, 3.0, 0),
        (4.0, None, None, 0),
    ],
)
def test_stage_by_creatinine(staged, creat, low_48, low_7, stage):
    columns = {"creat": creat, "creat_low_past_48hr": low_48, "creat_low_past_7day": low_7}
    assert staged([(30, columns)])["aki_stage_creat"].to_list() == [stage]


def urine(six, twelve=None, day=None, covered=24):
    rates = {"uo_rt_6hr": six, "uo_rt_12hr": twelve, "uo_rt_24hr": day}
    return rates | {f"uo_tm_{h}hr": covered for h in (6, 12, 24)}


@pytest.mark.parametrize(
    ("hour", "columns", "stage"),
    [
        (40, urine(0.5, 0.5, 0.3), 0),
        (40, urine(0.4, 0.5, 0.3), 1),
        (40, urine(0.4, 0.4, 0.3), 2),
        (40, urine(0.4, 0.0, 0.3), 3),
        (40, urine(0.4, 0.4, 0.2), 3),
        (40, urine(0.4, 0.4, 0.2, covered=12), 2),
        (30, urine(0.1, 0.0, 0.1), 0),  # within six hours of admission
        (40, urine(None, 0.1, 0.1), None),
    ],
)
def test_stage_by_urine_output(staged, hour, columns, stage):
    assert staged(urine=[(hour, columns)])["aki_stage_uo"].to_list() == [stage]


def test_continuous_dialysis_is_stage_3(staged):
    rows = staged(dialysis=[(40, {"crrt_mode": "CVVH"}), (41, {"crrt_mode": None})])
    assert rows.select("aki_stage_crrt", "aki_stage").rows() == [(3, 3)]


def test_the_highest_stage_and_its_six_hours(staged):
    two = {"creat": 2.0, "creat_low_past_48hr": 2.0, "creat_low_past_7day": 1.0}
    rows = staged([(40, two)], [(46, urine(0.4)), (46.1, urine(0.4))])
    assert rows["aki_stage"].to_list() == [2, 1, 1]
    assert rows["aki_stage_smoothed"].to_list() == [2, 2, 1]


def test_a_stay_without_any_observation_has_one_row_of_stage_0(staged):
    rows = staged()
    assert rows.select("charttime", "aki_stage_creat", "aki_stage", "aki_stage_smoothed").rows() == [(None, None, 0, 0)]


@pytest.mark.parametrize(
    ("lowest", "code", "age", "gender", "baseline"),
    [
        (0.9, None, 60, "M", 0.9),
        (1.1, None, 60, "M", 1.1),
        (1.2, None, 60, "M", (75 / 186 / 60**-0.203) ** (-1 / 1.154)),
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


def test_stages_are_declared_from_0_to_3():
    staged = [column for column in TABLES["kdigo_stages"].columns if column.name.startswith("aki_stage")]
    assert [column.plausible for column in staged] == [(0, 3)] * 5
