import pytest

from clinical_assets.concepts import vasoactive

NOREPINEPHRINE, VASOPRESSIN, PHENYLEPHRINE = 221906, 222315, 221749


@pytest.fixture
def infused(mimic_rows, at):
    def inputevents(*infusions):
        return mimic_rows(
            "inputevents",
            *(
                {"subject_id": 1, "stay_id": 100, "itemid": item, "starttime": at(a), "endtime": at(b), "rate": rate}
                | more
                for item, a, b, rate, more in infusions
            ),
        )

    return inputevents


@pytest.mark.parametrize(
    ("unit", "weight", "charted", "rate"),
    [("mcg/kg/min", 80, 0.1, 0.1), ("mg/kg/min", 80, 0.0001, 0.1), ("mg/kg/min", 1, 0.1, 0.1), (None, 80, 0.1, 0.1)],
)
def test_norepinephrine_charted_in_milligrams(infused, unit, weight, charted, rate):
    events = infused((NOREPINEPHRINE, 0, 1, charted, {"rateuom": unit, "patientweight": weight}))
    assert vasoactive.norepinephrine(events).collect()["vaso_rate"].to_list() == [pytest.approx(rate)]


def test_phenylephrine_per_minute_is_divided_by_the_weight(infused):
    events = infused((PHENYLEPHRINE, 0, 1, 40, {"rateuom": "mcg/min", "patientweight": 80}))
    assert vasoactive.phenylephrine(events).collect()["vaso_rate"].to_list() == [0.5]


def test_vasopressin_per_minute_becomes_per_hour(infused):
    events = infused((VASOPRESSIN, 0, 1, 0.04, {"rateuom": "units/min"}))
    assert vasoactive.vasopressin(events).collect()["vaso_rate"].to_list() == [pytest.approx(2.4)]


def agents(events):
    drugs = ("dobutamine", "dopamine", "epinephrine", "norepinephrine", "phenylephrine", "vasopressin", "milrinone")
    return vasoactive.vasoactive_agent(**{drug: getattr(vasoactive, drug)(events) for drug in drugs})


def test_each_change_of_any_drug_begins_an_interval(infused, at):
    rows = agents(
        infused((NOREPINEPHRINE, 0, 4, 0.2, {}), (VASOPRESSIN, 1, 2, 2.4, {}), (NOREPINEPHRINE, 6, 7, 0.1, {}))
    )
    found = rows.collect().sort("starttime").select("starttime", "endtime", "norepinephrine", "vasopressin").rows()
    assert found == [
        (at(0), at(1), 0.2, None),
        (at(1), at(2), 0.2, 2.4),
        (at(2), at(4), 0.2, None),
        (at(4), at(6), None, None),
        (at(6), at(7), 0.1, None),
    ]


def test_two_infusions_of_one_drug_at_once_give_two_rows(infused):
    rows = agents(infused((NOREPINEPHRINE, 0, 2, 0.2, {}), (NOREPINEPHRINE, 0, 2, 0.3, {}))).collect()
    assert sorted(rows["norepinephrine"]) == [0.2, 0.3]


@pytest.mark.parametrize(
    ("drug", "rate", "equivalent"),
    [
        ("norepinephrine", 0.1, 0.1),
        ("epinephrine", 0.1, 0.1),
        ("phenylephrine", 1, 0.1),
        ("dopamine", 10, 0.1),
        ("vasopressin", 2.4, 0.1),
    ],
)
def test_norepinephrine_equivalents(concept_rows, at, drug, rate, equivalent):
    interval = concept_rows("vasoactive_agent", {"stay_id": 100, "starttime": at(0), "endtime": at(1), drug: rate})
    doses = vasoactive.norepinephrine_equivalent_dose(interval).collect()["norepinephrine_equivalent_dose"]
    assert doses.to_list() == [equivalent]


@pytest.mark.parametrize("drug", ["dobutamine", "milrinone"])
def test_inotropes_alone_are_no_vasopressor(concept_rows, at, drug):
    interval = concept_rows("vasoactive_agent", {"stay_id": 100, "starttime": at(0), "endtime": at(1), drug: 5.0})
    assert vasoactive.norepinephrine_equivalent_dose(interval).collect().is_empty()


def test_an_infusion_without_a_stay_is_in_no_interval_of_another_patient(mimic_rows, at):
    infusions = [
        {"subject_id": n, "itemid": NOREPINEPHRINE, "starttime": at(n), "endtime": at(n + 10), "rate": 0.2}
        for n in (1, 2)
    ]
    rows = agents(mimic_rows("inputevents", *infusions)).collect().sort("subject_id")
    assert rows.select("subject_id", "stay_id", "starttime", "endtime", "norepinephrine").rows() == [
        (1, None, at(1), at(11), None),
        (2, None, at(2), at(12), None),
    ]
