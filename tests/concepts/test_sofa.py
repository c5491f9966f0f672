"""SOFA, the rule read aloud."""

import inspect

import pytest

from clinical_assets.concepts.sofa import first_day_sofa, sofa

HOUR_ZERO = 24


@pytest.fixture
def hourly(concept_rows, one_stay, at):
    """SOFA of one stay whose hour 0 ends at hour 24; tables not given are empty."""

    def rows(hours=range(-24, 30), **tables):
        stay = {"subject_id": 1, "hadm_id": 10, "stay_id": 100}
        grid = [stay | {"hr": hr, "endtime": at(HOUR_ZERO + hr)} for hr in hours]
        given = {"icustays": one_stay, "icustay_hourly": concept_rows("icustay_hourly", *grid)}
        for name in inspect.signature(sofa).parameters:
            if name not in given:
                given[name] = concept_rows(name, *(stay | row for row in tables.get(name, ())))
        return sofa(**given).collect().sort("hr")

    return rows


def at_hour_5(frame):
    return frame.row(5, named=True)


@pytest.mark.parametrize(
    ("platelets", "points"),
    [(19.9, 4), (20, 3), (49.9, 3), (50, 2), (99, 2), (100, 1), (149, 1), (150, 0), (None, None)],
)
def test_coagulation(hourly, at, platelets, points):
    row = at_hour_5(hourly(complete_blood_count=[{"charttime": at(29), "platelet": platelets}]))
    assert (row["platelet_min"], row["coagulation"]) == (platelets, points)
    assert row["coagulation_24hours"] == (points or 0)


@pytest.mark.parametrize(
    ("bilirubin", "points"), [(1.19, 0), (1.2, 1), (1.99, 1), (2.0, 2), (6.0, 3), (11.9, 3), (12.0, 4), (None, None)]
)
def test_liver(hourly, at, bilirubin, points):
    assert at_hour_5(hourly(enzyme=[{"charttime": at(29), "bilirubin_total": bilirubin}]))["liver"] == points


@pytest.mark.parametrize(
    ("gcs", "points"), [(3, 4), (5, 4), (6, 3), (9, 3), (10, 2), (12, 2), (13, 1), (14, 1), (15, 0), (None, None)]
)
def test_cns(hourly, at, gcs, points):
    assert at_hour_5(hourly(gcs=[{"charttime": at(29), "gcs": gcs}]))["cns"] == points


@pytest.mark.parametrize(
    ("creatinine", "points"), [(1.1, 0), (1.2, 1), (2.0, 2), (3.4, 2), (3.5, 3), (4.9, 3), (5.0, 4), (None, None)]
)
def test_renal_by_creatinine(hourly, at, creatinine, points):
    assert at_hour_5(hourly(chemistry=[{"charttime": at(29), "creatinine": creatinine}]))["renal"] == points


@pytest.mark.parametrize(
    ("urine", "covered", "day", "points"),
    [
        (199, 24, 199, 4),
        (200, 24, 200, 3),
        (499, 24, 499, 3),
        (500, 24, 500, 0),
        (250, 30, 200, 3),
        (100, 21.9, None, None),
        (100, 30.1, None, None),
    ],
)
def test_renal_by_urine_of_a_day(hourly, at, urine, covered, day, points):
    entry = {"charttime": at(29), "urineoutput_24hr": urine, "uo_tm_24hr": covered}
    row = at_hour_5(hourly(urine_output_rate=[entry]))
    assert (row["uo_24hr"], row["renal"]) == (day, points)


@pytest.mark.parametrize(
    ("drug", "rate", "points"),
    [
        ("dopamine", 15.1, 4),
        ("dopamine", 15, 3),
        ("dopamine", 5, 2),
        ("dobutamine", 0.1, 2),
        ("epinephrine", 0.11, 4),
        ("epinephrine", 0.1, 3),
        ("norepinephrine", 0.11, 4),
        ("norepinephrine", 0.1, 3),
        ("norepinephrine", 0.01, 3),
        ("norepinephrine", None, None),
    ],
)
def test_circulation_by_vasopressors(hourly, at, drug, rate, points):
    infusion = {"starttime": at(28.5), "endtime": at(29.5), "vaso_rate": rate}
    assert at_hour_5(hourly(**{drug: [infusion]}))["cardiovascular"] == points


@pytest.mark.parametrize(("pressure", "points"), [(69.9, 1), (70, 0), (None, None)])
def test_circulation_by_pressure(hourly, at, pressure, points):
    assert at_hour_5(hourly(vitalsign=[{"charttime": at(29), "mbp": pressure}]))["cardiovascular"] == points


@pytest.mark.parametrize(
    ("start", "end", "hours"), [(28, 29, [5]), (28.1, 28.9, []), (28.9, 30, [5, 6]), (27, 29.9, [4, 5])]
)
def test_a_vasopressor_counts_where_it_runs_at_the_hour_s_end(hourly, at, start, end, hours):
    rows = hourly(norepinephrine=[{"starttime": at(start), "endtime": at(end), "vaso_rate": 0.2}])
    assert [hr for hr, points in rows.select("hr", "cardiovascular").rows() if points] == hours


VENTILATED = {"ventilation_status": "InvasiveVent"}


@pytest.mark.parametrize(
    ("ratio", "free", "ventilated"), [(99, 2, 4), (199, 2, 3), (200, 2, 2), (299, 2, 2), (300, 1, 1), (400, 0, 0)]
)
def test_respiration_without_a_ventilator_has_two_points_at_most(hourly, at, ratio, free, ventilated):
    gas = {"charttime": at(29), "specimen": "ART.", "pao2fio2ratio": ratio}
    period = VENTILATED | {"starttime": at(29), "endtime": at(30)}
    assert at_hour_5(hourly(bg=[gas]))["respiration"] == free
    assert at_hour_5(hourly(bg=[gas], ventilation=[period]))["respiration"] == ventilated
    masked = period | {"ventilation_status": "NonInvasiveVent"}
    assert at_hour_5(hourly(bg=[gas], ventilation=[masked]))["respiration"] == free


def test_venous_gases_do_not_count(hourly, at):
    gas = {"charttime": at(29), "specimen": "VEN.", "pao2fio2ratio": 50}
    assert at_hour_5(hourly(bg=[gas]))["respiration"] is None


@pytest.mark.parametrize(("hour", "hr"), [(29, 5), (29.01, 6), (30, 6)])
def test_an_event_on_the_full_hour_belongs_to_the_hour_that_ends_there(hourly, at, hour, hr):
    rows = hourly(gcs=[{"charttime": at(hour), "gcs": 3}])
    assert [n for n, points in rows.select("hr", "cns").rows() if points] == [hr]


def test_the_worst_of_an_hour_and_the_23_before_counts(hourly, at):
    rows = hourly(gcs=[{"charttime": at(29), "gcs": 3}, {"charttime": at(30), "gcs": 15}])
    assert [hr for hr, points in rows.select("hr", "cns_24hours").rows() if points == 4] == list(range(5, 29))


def test_hours_before_admission_take_part_but_have_no_row(hourly, at):
    rows = hourly(complete_blood_count=[{"charttime": at(HOUR_ZERO - 10), "platelet": 10}])
    assert rows["hr"].min() == 0
    assert [hr for hr, points in rows.select("hr", "sofa_24hours").rows() if points == 4] == list(range(14))


def test_the_score_is_the_sum_of_the_six_worst(hourly, at):
    rows = hourly(
        gcs=[{"charttime": at(26), "gcs": 14}],
        complete_blood_count=[{"charttime": at(28), "platelet": 90}],
        enzyme=[{"charttime": at(29), "bilirubin_total": 7}],
    )
    assert rows["sofa_24hours"].to_list()[:6] == [0, 0, 1, 1, 3, 6]


@pytest.fixture
def first_day(concept_rows, one_stay):
    def row(**tables):
        stay = {"subject_id": 1, "hadm_id": 10, "stay_id": 100}
        given = {"icustays": one_stay}
        for name in inspect.signature(first_day_sofa).parameters:
            if name not in given:
                given[name] = concept_rows(name, *(stay | row for row in tables.get(name, ())))
        return first_day_sofa(**given).collect().row(0, named=True)

    return row


def test_first_day_of_nothing_observed_is_zero_with_unknown_organs(first_day):
    row = first_day()
    assert row["sofa"] == 0
    assert row["respiration"] is None
    assert row["renal"] is None


def test_first_day_adds_up(first_day):
    row = first_day(
        first_day_vitalsign=[{"mbp_min": 60}],
        first_day_lab=[{"platelets_min": 40, "bilirubin_total_max": 2, "creatinine_max": 1.5}],
        first_day_gcs=[{"gcs_min": 8}],
        first_day_urine_output=[{"urineoutput": 450}],
    )
    organs = ("cardiovascular", "coagulation", "liver", "renal", "cns", "sofa")
    assert tuple(row[organ] for organ in organs) == (1, 3, 2, 3, 3, 12)


@pytest.mark.parametrize(("start", "points"), [(17.9, None), (18, 4), (48, 4), (48.1, None)])
def test_first_day_vasopressors_by_their_start(first_day, at, start, points):
    infusion = {"starttime": at(start), "endtime": at(60), "vaso_rate": 0.2}
    assert first_day(epinephrine=[infusion])["cardiovascular"] == points


def test_first_day_gas_on_the_ventilator(first_day, at):
    gas = {"charttime": at(29), "specimen": "ART.", "pao2fio2ratio": 150}
    assert first_day(bg=[gas])["respiration"] == 2
    assert first_day(bg=[gas], ventilation=[VENTILATED | {"starttime": at(28), "endtime": at(30)}])["respiration"] == 3
