"""The search that guards against identifiers in events must find them in every form, and nothing by chance."""

import pytest

from tests.identifiers import found_in


@pytest.mark.parametrize(
    "text",
    [
        "subject_id=10009035",
        '{"min": 10009035.0}',
        '{"min": 10009035.25, "max": 1}',
        "p10/p10009035/s50414267.dcm",
        "[1,10009035,2]",
        "subject10009035stay",
        "stay 10009035.",
        r"first line\n10009035",
        "10009035-2180-05-06",
        "a10009035b" * 3,
    ],
)
def test_an_identifier_is_found_in_every_form(text):
    assert found_in(text, [10009034, 10009035]) == [10009035]


@pytest.mark.parametrize(
    "text",
    [
        "1795291610.10009035",
        "0.36210009035443487",
        "1.10009035e-05",
        "710009035",
        "e3b0c44298fc1c14910009035996fb92427ae41e4649b934ca495991b7852b85",
        "10009035-1b2c-4d5e-8f90-a1b2c3d4e5f6",
    ],
)
def test_fractions_digests_and_ids_of_runs_are_no_identifiers(text):
    assert found_in(text, [10009035]) == []
