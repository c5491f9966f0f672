import pytest

from clinical_assets.concepts.first_day_laboratory import first_day_lab
from clinical_assets.concepts.laboratory import (
    blood_differential,
    cardiac_marker,
    chemistry,
    coagulation,
    complete_blood_count,
    enzyme,
    inflammation,
)


@pytest.mark.parametrize(
    ("column", "itemid", "most"),
    [
        ("albumin", 50862, 10),
        ("total_protein", 50976, 20),
        ("bun", 51006, 300),
        ("creatinine", 50912, 150),
        ("sodium", 50983, 200),
        ("potassium", 50971, 30),
        ("globulin", 50930, 10),
        ("aniongap", 50868, 10_000),
        ("bicarbonate", 50882, 10_000),
        ("calcium", 50893, 10_000),
        ("chloride", 50902, 10_000),
        ("glucose", 50931, 10_000),
    ],
)
def test_impossible_chemistry_is_removed_but_the_specimen_is_kept(blood, column, itemid, most):
    rows = chemistry(blood((0, itemid, most), (1, itemid, most + 0.1))).collect().sort("charttime")
    assert rows[column].to_list() == [most, None]


def test_only_the_anion_gap_may_be_zero_or_less(blood):
    rows = chemistry(blood((0, 50868, -2), (1, 50983, 0), (2, 50983, -1))).collect()
    assert rows["aniongap"].to_list() == [-2]


@pytest.mark.parametrize(
    ("panel", "itemid", "usable"),
    [
        (complete_blood_count, 51301, [0.1]),
        (enzyme, 50861, [0.1]),
        (inflammation, 50889, [0.1]),
        (blood_differential, 51256, [0, 0.1]),
        (coagulation, 51237, [-1, 0, 0.1]),
        (cardiac_marker, 51003, [-1, 0, 0.1]),
    ],
)
def test_which_results_are_usable(blood, panel, itemid, usable):
    rows = panel(blood((0, itemid, -1), (1, itemid, 0), (2, itemid, 0.1))).collect()
    assert rows.height == len(usable)


def test_the_highest_of_repeated_results_of_a_specimen(blood):
    rows = chemistry(blood((0, 50912, 1.1), (0, 50912, 1.3), (0, 50983, 140))).collect()
    assert rows.select("creatinine", "sodium").rows() == [(1.3, 140)]


def test_a_result_without_a_number_makes_no_row(blood):
    for panel in (chemistry, complete_blood_count, enzyme, inflammation, coagulation, cardiac_marker):
        assert panel(blood((0, 50912, "HEMOLYZED"), (0, 51003, "<0.01"))).collect().is_empty()


def test_total_bilirubin_is_not_mistaken_for_direct_or_indirect(blood):
    row = enzyme(blood((0, 50885, 3.0), (0, 50883, 1.0), (0, 50884, 2.0))).collect().row(0, named=True)
    assert (row["bilirubin_total"], row["bilirubin_direct"], row["bilirubin_indirect"]) == (3, 1, 2)


NEUTROPHILS, NEUTROPHILS_ABSOLUTE, WHITE_CELLS = 51256, 52075, 51301


def differential(*results):
    return blood_differential(*results).collect().row(0, named=True)


def test_an_absolute_count_follows_from_percentage_and_white_cells(blood):
    row = differential(blood((0, NEUTROPHILS, 70), (0, WHITE_CELLS, 12.3)))
    assert (row["neutrophils"], row["neutrophils_abs"]) == (70, pytest.approx(8.61))


def test_a_counted_absolute_goes_before_a_computed_one(blood):
    row = differential(blood((0, NEUTROPHILS, 70), (0, NEUTROPHILS_ABSOLUTE, 8.5), (0, WHITE_CELLS, 12.3)))
    assert row["neutrophils_abs"] == 8.5


def test_no_absolute_count_without_white_cells_or_where_all_percentages_are_zero(blood):
    assert differential(blood((0, NEUTROPHILS, 70)))["neutrophils_abs"] is None
    assert differential(blood((0, NEUTROPHILS, 0), (0, WHITE_CELLS, 5)))["neutrophils_abs"] is None


def test_counts_per_microlitre_are_brought_to_thousands(blood):
    assert differential(blood((0, 52769, 1500)))["lymphocytes_abs"] == 1.5
    assert differential(blood((0, 51133, 1.5)))["lymphocytes_abs"] == 1.5


def test_the_first_day_is_by_patient_and_renames_platelets(one_stay, blood):
    results = blood((18, 51265, 90), (40, 51265, 300), (49, 51265, 5), (30, 50912, 2.0))
    panels = [f(results) for f in (complete_blood_count, chemistry, blood_differential, coagulation, enzyme)]
    row = first_day_lab(one_stay, *panels).collect().row(0, named=True)
    assert (row["platelets_min"], row["platelets_max"]) == (90, 300)
    assert (row["creatinine_min"], row["creatinine_max"], row["inr_max"]) == (2, 2, None)


def test_blood_drawn_at_an_unknown_time_is_kept_but_in_no_first_day(one_stay, mimic_rows):
    result = {"labevent_id": 1, "subject_id": 1, "specimen_id": 7, "itemid": 50912, "valuenum": 1.0}
    results = mimic_rows("labevents", result)
    assert chemistry(results).collect().select("charttime", "creatinine").rows() == [(None, 1.0)]
    panels = [f(results) for f in (complete_blood_count, chemistry, blood_differential, coagulation, enzyme)]
    assert first_day_lab(one_stay, *panels).collect()["creatinine_max"].to_list() == [None]
