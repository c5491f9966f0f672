import pytest

from clinical_assets.concepts.antibiotics import EXTENDED_NAMES, NAMES, antibiotic, antibiotic_extended


@pytest.fixture
def prescribed(mimic_rows, one_stay, at):
    def rows(*orders, concept=antibiotic):
        prescriptions = mimic_rows(
            "prescriptions",
            *(
                {"subject_id": 1, "hadm_id": 10, "drug_type": "MAIN", "route": "IV", "starttime": at(30)} | order
                for order in orders
            ),
        )
        return concept(prescriptions, one_stay).collect()

    return rows


@pytest.mark.parametrize(
    ("drug", "route", "counts"),
    [
        ("Vancomycin", "IV", True),
        ("VANCOMYCIN oral liquid", "PO", True),
        ("Piperacillin-Tazobactam", "IV", True),
        ("Heparin", "IV", False),
        ("Mupirocin Cream 2%", "IV", False),
        ("MetRONIDAZOLE Topical 1 % Gel", "IV", False),
        ("Erythromycin 0.5% Ophth Oint", "IV", False),
        ("Penicillin Desensitization", "IV", False),
        ("Ofloxacin", "LEFT EAR", False),
        ("Ofloxacin", "Both Eyes", False),
        ("Tobramycin", "OS", False),
        ("Clindamycin", "TP", False),
        ("Cefazolin", None, False),
    ],
)
def test_antibiotics_by_name_that_reach_the_body(prescribed, drug, route, counts):
    assert prescribed({"drug": drug, "route": route}).height == counts


@pytest.mark.parametrize(("hour", "stay"), [(23.9, None), (24, 100), (71.9, 100), (72, None), (None, None)], ids=str)
def test_the_icu_stay_it_began_in(prescribed, at, hour, stay):
    rows = prescribed({"drug": "Cefazolin", "starttime": None if hour is None else at(hour)})
    assert rows["stay_id"].to_list() == [stay]


@pytest.mark.parametrize("drug_type", ["MAIN", "BASE", "ADDITIVE"])
def test_a_row_counts_whatever_its_part_in_the_bag(prescribed, drug_type):
    """So that no patient's rows depend on what another was prescribed, as those of the published query do."""
    row = {"drug": "Cefazolin", "drug_type": drug_type}
    assert prescribed(row).height == 1
    assert prescribed(row, {"drug": "Cefazolin"}).height == 2


def test_repeated_orders_are_kept(prescribed):
    assert prescribed({"drug": "Cefazolin"}, {"drug": "Cefazolin"}).height == 2


def test_names_are_lower_case_and_listed_once():
    assert len(NAMES) == len(set(NAMES)) == 152
    assert all(name == name.lower().strip() for name in NAMES)


@pytest.mark.parametrize(
    "drug",
    ["Ertapenem Sodium", "Imipenem-Cilastatin", "Daptomycin", "Tigecycline", "Colistin", "Micafungin", "Fluconazole"],
)
def test_what_the_published_list_lacks_has_its_own_table(prescribed, drug):
    assert prescribed({"drug": drug}).is_empty()
    assert prescribed({"drug": drug}, concept=antibiotic_extended).height == 1


@pytest.mark.parametrize("drug", ["Vancomycin", "Meropenem", "CefTAZidime-Avycaz", "Neomycin-Polymyxin B"])
def test_what_is_on_the_published_list_is_never_in_the_extended_table(prescribed, drug):
    assert prescribed({"drug": drug}).height == 1
    assert prescribed({"drug": drug}, concept=antibiotic_extended).is_empty()


def test_the_extended_list_has_the_same_rules_for_routes_and_stays(prescribed, at):
    order = {"drug": "Ertapenem Sodium"}
    assert prescribed(order, concept=antibiotic_extended)["stay_id"].to_list() == [100]
    assert prescribed(order | {"route": None}, concept=antibiotic_extended).is_empty()
    assert prescribed(order | {"route": "OU"}, concept=antibiotic_extended).is_empty()
    assert prescribed(order | {"starttime": at(80)}, concept=antibiotic_extended)["stay_id"].to_list() == [None]


def test_the_two_lists_share_no_name():
    assert len(EXTENDED_NAMES) == len(set(EXTENDED_NAMES))
    assert all(name == name.lower().strip() for name in EXTENDED_NAMES)
    assert not [name for name in EXTENDED_NAMES if any(listed in name for listed in NAMES)]
