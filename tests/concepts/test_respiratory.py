"""Oxygen devices and ventilation on hand-made charts: the open demo carries no texts."""

import pytest

from clinical_assets.concepts.respiratory import oxygen_delivery, ventilation, ventilator_setting

FLOW, BIPAP_FLOW, ADDITIONAL_FLOW, DEVICE = 223834, 227582, 227287, 226732
MODE, HAMILTON_MODE = 223849, 229314


@pytest.fixture
def stored(mimic_rows, at):
    """Chart entries of hour 0 as (item id, text, number, hour stored)."""

    def chartevents(*entries):
        return mimic_rows(
            "chartevents",
            *(
                {
                    "subject_id": 1,
                    "stay_id": 100,
                    "charttime": at(0),
                    "storetime": None if hour is None else at(hour),
                    "itemid": item,
                    "value": value,
                    "valuenum": number,
                }
                for item, value, number, hour in entries
            ),
        )

    return chartevents


def test_the_flow_stored_last_counts(stored):
    entries = stored((FLOW, "2", 2, 1), (BIPAP_FLOW, "6", 6, 2), (FLOW, "15", 15, None), (ADDITIONAL_FLOW, "4", 4, 1))
    row = oxygen_delivery(entries).collect().row(0, named=True)
    assert (row["o2_flow"], row["o2_flow_additional"]) == (6, 4)


def test_devices_are_listed_from_the_one_stored_last(stored):
    devices = [(DEVICE, name, None, hour) for name, hour in [("a", 1), ("b", 3), ("c", 2), ("d", 0), ("e", None)]]
    row = oxygen_delivery(stored((FLOW, "2", 2, 1), *devices)).collect().row(0, named=True)
    assert [row[f"o2_delivery_device_{n}"] for n in range(1, 5)] == ["b", "c", "a", "d"]


def test_a_device_without_a_flow_has_no_row(stored):
    assert oxygen_delivery(stored((DEVICE, "Nasal cannula", None, 1))).collect().is_empty()


@pytest.mark.parametrize(("number", "percent"), [(0.2, 20), (0.5, 50), (1, 100), (5, None), (20, 20), (101, None)])
def test_inspired_oxygen_set_on_the_ventilator(stored, number, percent):
    assert ventilator_setting(stored((223835, "x", number, 0))).collect()["fio2"].to_list() == [percent]


@pytest.mark.parametrize(("number", "peep"), [(-1, None), (0, 0), (100, 100), (101, None)])
def test_impossible_peep_is_removed(stored, number, peep):
    assert ventilator_setting(stored((220339, "x", number, 0))).collect()["peep"].to_list() == [peep]


def test_a_setting_without_a_text_is_left_out(stored):
    assert ventilator_setting(stored((220339, None, 5, 0))).collect().is_empty()


@pytest.fixture
def periods(concept_rows, at):
    """Periods of ventilation from (hour, columns of oxygen_delivery) and (hour, columns of ventilator_setting)."""

    def rows(devices=(), settings=()):
        def entries(table, charted):
            stay = {"subject_id": 1, "stay_id": 100}
            return concept_rows(table, *({**stay, "charttime": at(hour), **columns} for hour, columns in charted))

        found = ventilation(entries("ventilator_setting", settings), entries("oxygen_delivery", devices))
        return found.collect().sort("starttime").select("starttime", "endtime", "ventilation_status").rows()

    return rows


def device(name, n=1):
    return {f"o2_delivery_device_{n}": name}


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        (device("Tracheostomy tube"), "Tracheostomy"),
        (device("Trach mask "), "Tracheostomy"),
        (device("Endotracheal tube"), "InvasiveVent"),
        (device("Bipap mask "), "NonInvasiveVent"),
        (device("CPAP mask ", 3), "NonInvasiveVent"),
        (device("High flow nasal cannula"), "HFNC"),
        (device("Nasal cannula"), "SupplementalOxygen"),
        (device("None"), "None"),
        (device("Other"), None),
        (device("Bipap mask"), None),  # the chart's text ends in a blank
        (device("Endotracheal tube", 2), None),
    ],
)
def test_kind_by_device(periods, at, columns, kind):
    assert periods([(0, columns), (1, columns)]) == ([(at(0), at(1), kind)] if kind else [])


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"ventilator_mode": "CMV/ASSIST"}, "InvasiveVent"),
        ({"ventilator_mode_hamilton": "ASV"}, "InvasiveVent"),
        ({"ventilator_mode_hamilton": "NIV-ST"}, "NonInvasiveVent"),
        ({"ventilator_mode": "Standby"}, None),
    ],
)
def test_kind_by_mode(periods, at, columns, kind):
    assert periods(settings=[(0, columns), (1, columns)]) == ([(at(0), at(1), kind)] if kind else [])


def test_a_tracheostomy_goes_before_the_ventilator_s_mode(periods, at):
    found = periods(
        [(0, device("Tracheostomy tube")), (1, device("Tracheostomy tube"))],
        [(0, {"ventilator_mode": "CMV"}), (1, {"ventilator_mode": "CMV"})],
    )
    assert found == [(at(0), at(1), "Tracheostomy")]


def test_a_period_ends_where_the_next_kind_is_first_charted(periods, at):
    tube, cannula = device("Endotracheal tube"), device("Nasal cannula")
    assert periods([(0, tube), (2, tube), (5, cannula), (7, cannula)]) == [
        (at(0), at(5), "InvasiveVent"),
        (at(5), at(7), "SupplementalOxygen"),
    ]


def test_a_kind_charted_once_makes_no_period(periods, at):
    tube, cannula = device("Endotracheal tube"), device("Nasal cannula")
    assert periods([(0, tube), (2, tube), (3, cannula), (4, tube), (5, tube)]) == [
        (at(0), at(3), "InvasiveVent"),
        (at(4), at(5), "InvasiveVent"),
    ]


@pytest.mark.parametrize(("gap", "periods_found"), [(13.9, 1), (14, 2)])
def test_fourteen_clock_hours_without_an_entry_end_a_period(periods, at, gap, periods_found):
    tube = device("Endotracheal tube")
    found = periods([(0, tube), (1, tube), (1 + gap, tube), (2 + gap, tube)])
    assert len(found) == periods_found
    assert found[0][1] == (at(2 + gap) if periods_found == 1 else at(1))
