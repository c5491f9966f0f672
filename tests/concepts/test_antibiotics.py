import pytest

from clinical_assets.concepts.antibiotics import NAMES, antibiotic


@pytest.fixture
def prescribed(mimic_rows, one_stay, at):
    def rows(*orders):
        prescriptions = mimic_rows(
            "prescriptions",
            *(
                {"subject_id": 1, "hadm_id": 10, "drug_type": "MAIN", "route": "IV", "starttime": at(30)} | order
                for order in orders
            ),
        )
        return antibiotic(prescriptions, one_stay).collect()

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


def test_a_carrier_counts_only_beside_a_main_drug_of_the_same_name_and_route(prescribed):
    carrier = {"drug": "Cefazolin", "drug_type": "BASE"}
    assert prescribed(carrier).is_empty()
    assert prescribed(carrier, {"drug": "Cefazolin", "route": "IM"}).height == 1
    assert prescribed(carrier, {"drug": "Cefazolin"}).height == 2


def test_repeated_orders_are_kept(prescribed):
    assert prescribed({"drug": "Cefazolin"}, {"drug": "Cefazolin"}).height == 2


def test_names_are_lower_case_and_listed_once():
    assert len(NAMES) == len(set(NAMES)) == 152
    assert all(name == name.lower().strip() for name in NAMES)
