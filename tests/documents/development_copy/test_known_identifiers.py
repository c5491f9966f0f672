import pytest

from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.known_identifiers import folded, known_in
from clinical_assets.documents.development_copy.nicknames import NICKNAMES

KNOWN = ("Elizabeth Quist-Ormerod", "Jürgen Żuraw", "White, Anna", "617-555-0100", "A-4711-22", "9 Lindenwood Court")


def found(text, known=KNOWN, ordinary=frozenset()):
    covered = sorted({(each.start, each.end) for each in known_in(text, known, ordinary)})
    return [text[start:end] for start, end in covered]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("elizabeth quist-ormerod came", {"elizabeth quist-ormerod", "elizabeth", "quist", "ormerod"}),
        ("The Quists and Ormerod's sister", {"Quists", "Ormerod"}),
        ("seen: E. Quist", {"E. Quist"}),
        ("QUIST reviewed", {"QUIST"}),
        ("Ormerodd, Omerod, Ormeord and Ormarod", {"Ormerodd", "Omerod", "Ormeord", "Ormarod"}),
        ("Liz and Betty came", {"Liz", "Betty"}),
        ("Jurgen and Juergen and Zuraw", {"Jurgen", "Juergen", "Zuraw"}),
        ("call (617) 555 0100 or 6175550100 or 617.555.0100", {"(617) 555 0100", "6175550100", "617.555.0100"}),
        ("at 9 lindenwood court", {"9 lindenwood court"}),
    ],
)
def test_known_identifiers_are_found_as_people_write_them(text, expected):
    assert set(found(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "white count 7.2, White blood cells, Anal fissure",  # of Anna White neither her surname nor a word like it
        "liz in small letters is nobody, nor is betty",
        "quit smoking, ormer, Omer; Quiet night",  # short names are not stretched
        "6175550101, 16175550100, 61755501001, 4711",
        "9 Linden Court",
    ],
)
def test_what_is_only_like_a_known_identifier_stays(text):
    assert found(text) == []


def test_a_word_others_use_is_not_taken_for_a_misspelt_name():
    known = ("Palmer, Josefa",)
    assert found("Palmar erythema", known, frozenset({"palmar"})) == []
    assert found("Palmr signed", known, frozenset({"palmar"})) == ["Palmr"]


def test_the_same_person_has_the_same_token_with_and_without_an_inflection():
    made = Deidentifier(b"a secret for the tests").text("Quist's scan; QUIST agreed", "p", known=["Quist"])
    tokens = {word for word in made.text.replace("'s", "").replace(";", "").split() if word.startswith("[")}
    assert len(tokens) == 1
    assert made.text.endswith("agreed")


def test_accents_fold_and_nicknames_are_in_small_letters():
    assert folded("Żuraw-Łęcka") == "zuraw-lecka"
    assert NICKNAMES["elizabeth"][:2] == ("liz", "lizzie")
    assert all(word == word.lower() for name, called in NICKNAMES.items() for word in (name, *called))
    assert len(NICKNAMES) > 60
