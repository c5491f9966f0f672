import pytest

from clinical_assets.concepts.urine import first_day_urine_output, urine_output

FOLEY, VOID, IRRIGANT_IN, IRRIGANT_OUT = 226559, 226560, 227488, 227489


@pytest.fixture
def outputs(mimic_rows, at):
    def outputevents(*entries):
        return mimic_rows(
            "outputevents",
            *(
                {"subject_id": 1, "stay_id": 100, "charttime": at(hour), "itemid": itemid, "value": value}
                for hour, itemid, value in entries
            ),
        )

    return outputevents


def test_routes_of_one_time_are_added_and_drains_are_not_urine(outputs):
    rows = urine_output(outputs((0, FOLEY, 100), (0, VOID, 50), (0, 226588, 500))).collect()
    assert rows["urineoutput"].to_list() == [150]


def test_irrigation_is_taken_off(outputs):
    rows = urine_output(outputs((0, IRRIGANT_IN, 300), (0, IRRIGANT_OUT, 500), (1, IRRIGANT_IN, 0.5))).collect()
    assert rows.sort("charttime")["urineoutput"].to_list() == [200, -0.5]


def test_irrigation_charted_as_negative_is_not_added(outputs):
    assert urine_output(outputs((0, IRRIGANT_IN, -300))).collect()["urineoutput"].to_list() == [-300]


def test_first_day_begins_at_admission(one_stay, outputs):
    urine = urine_output(outputs((23.9, FOLEY, 1000), (24, FOLEY, 10), (48, FOLEY, 20), (48.1, FOLEY, 1000)))
    assert first_day_urine_output(one_stay, urine).collect()["urineoutput"].to_list() == [30]


def test_no_urine_charted_is_not_no_urine(one_stay, outputs):
    assert first_day_urine_output(one_stay, urine_output(outputs())).collect()["urineoutput"].to_list() == [None]
