import pytest

from clinical_assets.concepts.dialysis import PRESENT_ITEMS, RUNNING_ITEMS, crrt, first_day_rrt, rrt

SYSTEM, MODE = 224146, 227290


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("Active", (1, None, None, None)),
        ("Reinitiated", (1, None, None, None)),
        ("Discontinued", (0, None, None, None)),
        ("Clots Present", (None, 1, None, None)),
        ("No Clot Present", (None, 0, None, None)),
        ("Clot Increasing", (None, None, 1, None)),
        ("Clotted", (None, None, None, 1)),
        ("Line pressure inconsistent", (None, None, None, None)),
    ],
)
def test_the_state_of_the_circuit(chart, text, states):
    row = crrt(chart((0, SYSTEM, text))).collect()
    assert row.select("system_active", "clots", "clots_increasing", "clotted").row(0) == states


def test_running_goes_before_recirculating_at_one_time(chart):
    assert crrt(chart((0, SYSTEM, "Active"), (0, SYSTEM, "Recirculating"))).collect()["system_active"].to_list() == [1]


def test_an_entry_without_a_text_is_left_out(chart):
    assert crrt(chart((0, 224144, 150))).collect().is_empty()


@pytest.fixture
def dialysis(chart, mimic_rows, at):
    def rows(texts=(), procedures=(), additives=()):
        def intervals(table, entries, **more):
            stay = {"subject_id": 1, "stay_id": 100, **more}
            return mimic_rows(
                table,
                *(stay | {"itemid": i, "starttime": at(a), "endtime": at(b)} for i, a, b in entries),
            )

        found = rrt(
            chart(*texts),
            intervals("inputevents", additives, amount=1.0),
            intervals("procedureevents", procedures, value=1.0),
        )
        return found.collect().sort("charttime", "dialysis_type")

    return rows


def signs(frame):
    return frame.select("dialysis_present", "dialysis_active", "dialysis_type").rows()


@pytest.mark.parametrize(
    ("itemid", "text", "active", "kind"),
    [
        (MODE, "CVVHDF", 0, "CVVHDF"),
        (226499, "500", 1, "IHD"),
        (225806, "2000", 1, "Peritoneal"),
        (225965, "In use", 1, "Peritoneal"),
        (225965, "Capped", 0, "Peritoneal"),
        (224144, "150", 1, None),
        (227124, "Tunneled", 0, None),
    ],
)
def test_signs_of_dialysis_in_the_chart(dialysis, itemid, text, active, kind):
    assert signs(dialysis([(0, itemid, text)])) == [(1, active, kind)]


@pytest.mark.parametrize(
    ("itemid", "active", "kind"),
    [(225441, 1, "IHD"), (225802, 1, "CRRT"), (225955, 1, "SCUF"), (224270, 0, None), (225436, 0, None)],
)
def test_procedures(dialysis, itemid, active, kind):
    assert signs(dialysis(procedures=[(itemid, 0, 4)])) == [(1, active, kind)]


def test_additives_of_the_circuit_are_crrt(dialysis):
    assert signs(dialysis(additives=[(227525, 0, 1)])) == [(1, 1, "CRRT")]


def test_a_procedure_goes_before_the_entries_it_covers(dialysis):
    found = dialysis([(1, 227124, "Tunneled"), (5, 227124, "Tunneled")], procedures=[(225441, 0, 4)])
    assert signs(found) == [(1, 1, "IHD"), (1, 1, "IHD"), (1, 0, None)]


def test_no_item_both_proves_dialysis_running_and_merely_present():
    assert set(RUNNING_ITEMS).isdisjoint(PRESENT_ITEMS)
    assert len(set(RUNNING_ITEMS)) == len(RUNNING_ITEMS)
    assert len(set(PRESENT_ITEMS)) == len(PRESENT_ITEMS)


def test_first_day_lists_each_kind_once(dialysis, one_stay):
    found = dialysis([(25, MODE, "SCUF"), (26, MODE, "CVVH"), (27, MODE, "SCUF"), (60, 226499, "1")])
    row = first_day_rrt(one_stay, found.lazy()).collect().row(0, named=True)
    assert (row["dialysis_present"], row["dialysis_active"], row["dialysis_type"]) == (1, 0, "CVVH, SCUF")


def test_first_day_of_one_entry(dialysis, one_stay):
    row = first_day_rrt(one_stay, dialysis([(25, 226499, "500")]).lazy()).collect().row(0, named=True)
    assert (row["dialysis_active"], row["dialysis_type"]) == (1, "IHD")


def test_a_stay_without_dialysis(dialysis, one_stay):
    assert first_day_rrt(one_stay, dialysis().lazy()).collect().row(0)[2:] == (None, None, None)
