"""Hand-worked windows between antibiotic and culture."""

import pytest

from clinical_assets.concepts.infection import suspicion_of_infection


@pytest.fixture
def suspicions(concept_rows, mimic_rows, at):
    def rows(given, *cultures):
        antibiotics = concept_rows(
            "antibiotic",
            *({"subject_id": 1, "hadm_id": 10, "antibiotic": "x", "starttime": at(hour)} for hour in given),
        )
        taken = mimic_rows(
            "microbiologyevents",
            *(
                {
                    "microevent_id": n,
                    "subject_id": 1,
                    "micro_specimen_id": n,
                    "chartdate": at(24 * (hour // 24)),
                    "charttime": at(hour) if timed else None,
                    "spec_type_desc": f"specimen of {hour}",
                }
                | more
                for n, (hour, timed, more) in enumerate(cultures)
            ),
        )
        return suspicion_of_infection(antibiotics, taken).collect().sort("ab_id")

    return rows


@pytest.mark.parametrize(
    ("culture", "given", "suspected_at"),
    [
        (100, 100.1, 100),  # culture first
        (100, 172, 100),
        (100, 172.1, None),
        (100, 99.9, 99.9),  # antibiotic first
        (100, 76, 76),
        (100, 75.9, None),
        (100, 100, None),  # at the same minute neither window holds
    ],
)
def test_windows_of_a_timed_culture(suspicions, at, culture, given, suspected_at):
    row = suspicions([given], (culture, True, {})).row(0, named=True)
    assert row["suspected_infection"] == (suspected_at is not None)
    assert row["suspected_infection_time"] == (None if suspected_at is None else at(suspected_at))
    assert row["culture_time"] == (None if suspected_at is None else at(culture))


@pytest.mark.parametrize(
    ("given", "suspected_at"),
    [
        (24 * 4 + 23, 96),  # the culture's own day, from its midnight on
        (24 * 7 + 23, 96),  # three days later
        (24 * 8, None),
        (24 * 3, 24 * 3),  # the day before: the antibiotic is the first sign
        (24 * 3 - 1, None),
    ],
)
def test_windows_of_a_culture_with_a_day_only(suspicions, at, given, suspected_at):
    row = suspicions([given], (24 * 4, False, {})).row(0, named=True)
    assert row["suspected_infection_time"] == (None if suspected_at is None else at(suspected_at))


def test_the_earliest_culture_before_the_antibiotic_goes_before_one_after(suspicions, at):
    row = suspicions([100], (110, True, {}), (90, True, {}), (80, True, {})).row(0, named=True)
    assert (row["culture_time"], row["specimen"]) == (at(80), "specimen of 80")


def test_of_cultures_of_one_time_a_positive_one_counts(suspicions):
    grown = {"org_name": "ESCHERICHIA COLI", "org_itemid": 80002, "spec_type_desc": "grown"}
    row = suspicions([100], (90, True, {}), (90, True, grown)).row(0, named=True)
    assert (row["specimen"], row["positive_culture"]) == ("grown", 1)


@pytest.mark.parametrize(
    "not_grown",
    [
        {"org_name": None},
        {"org_name": "CANCELLED", "org_itemid": 80002},
        {"org_name": "", "org_itemid": 80002},
        {"org_name": "X", "org_itemid": 90856},
        {"org_name": "X", "org_itemid": 90760},
        {"org_name": "X", "org_itemid": None},
    ],
)
def test_what_is_no_growth(suspicions, not_grown):
    assert suspicions([100], (90, True, not_grown))["positive_culture"].to_list() == [0]


def test_antibiotics_are_numbered_in_order_of_time(suspicions, at):
    rows = suspicions([200, 100, 150])
    assert rows["ab_id"].to_list() == [1, 2, 3]
    assert rows["antibiotic_time"].to_list() == [at(100), at(150), at(200)]
    assert rows["positive_culture"].to_list() == [None] * 3
