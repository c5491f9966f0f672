import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.readers.headings import SECTIONS, find_headings, sections


def found(text):
    return [(h.title, h.loinc) for h in find_headings(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CHIEF COMPLAINT\n\nBack pain.", [("CHIEF COMPLAINT", "10154-3")]),
        ("Impression: No acute disease.", [("Impression", "19005-8")]),
        ("intro\nimpression: clear", [("impression", "19005-8")]),
        ("HPI:\nShe fell.", [("HPI", "10164-2")]),
        ("text\n\nPlan\n\nrest", [("Plan", "18776-5")]),
        ("text\n\nFAMILY HISTORY:\nMother: melanoma.", [("FAMILY HISTORY", "10157-6")]),
        ("TUMOR BOARD NOTE:\nx", [("TUMOR BOARD NOTE", None)]),
        ("\nRADIATION ONCOLOGY\n\nx", [("RADIATION ONCOLOGY", None)]),
        # no headings
        ("the plan\nis to wait", []),
        ("We made a\nplan\nand left.", []),
        ("family history of melanoma: mother", []),
        ("HIV", []),
        ("*** NOT YET COSIGNED ***", []),
        ("WBC 7.2\nHGB 9.1", []),
        ("Lungs are clear. Impression was good.", []),
    ],
)
def test_headings(text, expected):
    assert found(text) == expected


def test_a_section_runs_to_the_next_heading():
    text = "J. Doe\n\nFINDINGS: Clear lungs.\nNo effusion.\n\nIMPRESSION:\nNormal.\n"
    spans = sections(text)
    assert [text[s.start : s.end] for s in spans] == [
        "FINDINGS: Clear lungs.\nNo effusion.",
        "IMPRESSION:\nNormal.",
    ]
    assert [s.code_system for s in spans] == ["LOINC", "LOINC"]


def test_every_heading_belongs_to_one_section():
    names = [heading for _, headings in SECTIONS for heading in headings.split(" | ")]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)


def mod10(code: str) -> int:
    """The LOINC check digit (LOINC Users' Guide): double every second digit from the right, Luhn."""
    digits = [int(d) for d in reversed(code)]
    total = sum(digits[1::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[0::2])
    return -total % 10


@pytest.mark.parametrize("code", sorted({loinc for loinc, _ in SECTIONS if loinc}))
def test_section_codes_carry_a_valid_check_digit(code):
    number, check = code.split("-")
    assert mod10(number) == int(check)


LINES = st.lists(
    st.sampled_from(
        [
            "Plan:",
            "  plan: wait",
            "HISTORY :",
            "TUMOR BOARD:",
            "\tExam:\t",
            "a: b",
            "Family  history: x",
            "no heading",
            "",
            "x" * 61 + ":",
        ]
    )
)


@given(LINES)
def test_a_heading_with_a_colon_is_found_on_whatever_line_it_stands(lines):
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    alone = [
        (start + h.start, h.title, h.loinc)
        for start, line in zip(starts, lines, strict=True)
        for h in find_headings(line)
    ]
    text = "\n".join(lines)
    assert [(h.start, h.title, h.loinc) for h in find_headings(text)] == alone
    assert all(text.startswith(title, start) for start, title, _ in alone)
