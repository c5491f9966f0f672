import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.development_copy.capitalised_words import (
    Vocabulary,
    small_words,
    unknown_capitals,
    words_of_several,
)


def found(text, ordinary=frozenset()):
    return [text[each.start : each.end] for each in unknown_capitals(text, ordinary)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("We discussed this with Xaviera at length.", ["Xaviera"]),
        ("The patient, Xaviera Quillfeather, agrees.", ["Xaviera Quillfeather"]),
        ("seen by Johannes van der Quill and de la Rosana", ["Johannes van der Quill", "de la Rosana"]),
        ("his brother Rashid al-Farouqi and McQuillan-Oduya", ["Rashid al-Farouqi", "McQuillan-Oduya"]),
        ("a friend, Łucja Wiśniewska, and Nguyễn Thị Hoa", ["Łucja Wiśniewska", "Nguyễn Thị Hoa"]),
        ("Xaviera lives alone.", ["Xaviera"]),
        ("Xaviera's mother is here.", ["Xaviera"]),
        ("Today Xaviera is better.", ["Xaviera"]),
        ("Present: Quillfeather, T. and others", ["Quillfeather, T."]),
        ("Xaviera (daughter) agrees", ["Xaviera"]),
        ("transferred from Lakeville Hospital by air", ["Lakeville Hospital"]),
        ("he attended Royal Quillham Infirmary", ["Royal Quillham Infirmary"]),
        ("grew up in Quillham as a child", ["Quillham"]),
        ("the Quillfeather family was told", ["Quillfeather"]),
        ("PATIENT QUILLFEATHER, XAVIERA TO CT NOW. RN ODUYA AWARE.", ["QUILLFEATHER", "XAVIERA", "ODUYA"]),
    ],
)
def test_what_has_a_capital_and_is_no_word_of_medicine_is_somebody(text, names):
    assert found(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "There was a positive Romberg sign and a Babinski reflex.",
        "a Quillham score of 3, Quillham 14, and the Quillham was removed",  # an article, a number, a thing
        "started on Quillhamab 5 mg, then Quillhamab daily; given Keppra and Zofran",
        "on Plavix, Lipitor, and Quillhamine",  # a list of drugs
        "Her Quillham was refilled. Quillham catheter in place.",
        "Wound dressed. Hemovac removed. Dressing was changed.",
        "Referred to Interventional Radiology and Palliative Care.",
        "IDH-mutant astrocytoma; MRI, CTs and the ICU; pH 7.4; von Willebrand factor",
        "History of Present Illness:\nPast Surgical History\nSocial Work Assessment",
        "E. coli, C. Diff and S. Aureus",
        "Speaks Spanish, is Jewish; seen on Monday in March",
        "NO ACUTE DISTRESS. HEART REGULAR. PATIENT STABLE WITH OXYGEN.",
    ],
)
def test_what_medicine_writes_with_a_capital_stays(text):
    assert found(text) == []


def test_a_word_that_others_write_without_a_capital_is_ordinary():
    text = "Placed beside the Trellis for comfort. A gift of Trellis wire."
    assert found("given by Trellis to us")
    assert found(text.replace("the ", ""), frozenset({"trellis"})) == []
    assert found("given by Trellis to us, as any trellis is") == []


def test_ordinary_is_what_at_least_two_people_write():
    documents = [("p1", "amelie came, dressing dry"), ("p1", "amelie again"), ("p2", "dressing wet")]
    assert words_of_several(documents) == {"dressing"}
    assert small_words("Dry dressing in 3rd room's corner, x-ray") == {"dressing", "corner"}


@pytest.mark.parametrize("name", ["Clement", "Ingram", "Paloma", "Jennings", "Chase", "Oneal", "Pascual", "Coates"])
def test_endings_of_medicine_take_no_common_name(name):
    assert not Vocabulary(frozenset()).holds(name)


@pytest.mark.parametrize("word", ["Glioblastoma", "Craniotomy", "Levetiracetam", "Bevacizumab", "Neurology", "Foley"])
def test_words_of_medicine_are_known_by_list_or_ending(word):
    assert Vocabulary(frozenset()).holds(word)


@given(st.text(alphabet=string.ascii_letters + " .,:'-\n\t()áŁ/0", max_size=120))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_is_found_are_whole_words_in_order(text):
    before = 0
    for each in sorted(unknown_capitals(text), key=lambda identifier: identifier.start):
        assert 0 <= each.start < each.end <= len(text)
        assert any(c.isupper() for c in text[each.start : each.end])
        assert each.start == 0 or not (text[each.start - 1].isalpha() and text[each.start].isalpha())
        before = max(before, each.end)


def test_what_few_write_or_what_stands_beside_kin_is_not_ordinary():
    beside = "daughter valdemara at bedside; xaviera (wife) and her son kofi"
    documents = [(who, f"{beside}; dressing dry") for who in "abc"] + [(who, "given by trellis") for who in "ab"]
    assert not words_of_several(documents) & {"valdemara", "kofi", "trellis", "xaviera"}
    assert {"dressing", "daughter", "bedside"} <= words_of_several(documents)
    assert "trellis" in words_of_several([*documents, ("c", "trellis")])


def test_a_name_in_small_letters_elsewhere_in_the_note_disarms_nothing():
    assert found("daughter valdemara at bedside. We sat with Valdemara today.") == ["Valdemara"]
