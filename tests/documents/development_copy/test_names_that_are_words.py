import datetime as dt
import unicodedata

import polars as pl
import pytest
from copied_hospital import ONE, SECRET, one_text, timeline

from clinical_assets.documents.development_copy.copied_batch import copied
from clinical_assets.documents.development_copy.deidentification import Deidentified, Deidentifier
from clinical_assets.documents.development_copy.known_identifiers import Alone, Place, known_in
from clinical_assets.documents.development_copy.leaks import LeakError, refuse_leaks_of
from clinical_assets.documents.development_copy.names_that_are_words import NOBODY, NamesThatAreWords

SURNAMES = (
    "Brown Miller Wilson Thomas Jackson Martin Thompson White Harris Clark Robinson Walker Young Allen King Green Adams"
    " Baker Hall Turner Edwards Morris Murphy Cook Cooper Reed Kelly Ward Wood Gray Price Long Foster"
)


def found(text, *known, ordinary=frozenset()):
    too = NamesThatAreWords.of(known)
    return [text[each.start : each.end] for each in too.find(text, ordinary)]


def made(text, *known):
    index, texts = one_text(text=text)
    index = index.with_columns(description=pl.lit("Note"))
    return copied(index, texts, Deidentifier(SECRET), {ONE: known}).text["text"].item()


@pytest.mark.parametrize("family", SURNAMES.split())
def test_a_common_surname_that_is_a_word_is_replaced_wherever_it_has_a_capital(family):
    text = f"{family} slept well. Met with {family} and family; {family}'s son agrees. {family.upper()} IS WELL."
    got = made(text, f"Ann {family}", f"{family}, Ann")
    assert family.lower() not in got.lower()
    assert got.count("[name-") == 4


def test_names_that_are_words_stay_in_small_letters_and_before_things():
    text = "white count, White blood cells, WHITE CELLS; Cooper test; Wilson disease; Murphy's sign; Will continue. "
    known = ("Grace White", "Ann Cooper", "Wilson, Will", "Mark Murphy")
    assert found(text, *known) == []
    assert found("Will White, Cooper and the Wilsons saw Murphy", *known) == [
        "Will", "White", "Cooper", "Wilsons", "Murphy",
    ]  # fmt: skip


def test_what_stands_for_no_name_is_nobodys():
    assert NamesThatAreWords.of(("Unknown Patient", "Baby Boy", "Test, None")) == NOBODY
    assert NamesThatAreWords.of((Alone("White"), Alone("Quist"))).names == {"white"}
    assert list(known_in("white and colon, White and Colon", (Alone("White"), Place("Colon")))) == []


def test_a_date_moves_though_somebody_is_called_as_its_month():
    for known in ("April", "April Quist"):
        got = made("DOB April 3, 1961. April is well.", known)
        assert "3, 1961" not in got
        assert got.count("[name-") == 1


def test_a_place_needs_a_capital_and_before_it_a_word_where_it_is_a_word():
    too = (Place("Independence"), Place("New Quillham"))
    text = "Independence was reached; lives in Independence. Moved from New  Quillham; INDEPENDENCE, MO; new quillham"
    places = ["Independence", "INDEPENDENCE", "New  Quillham"]
    assert sorted(found(text, *too, ordinary=frozenset({"independence"}))) == sorted(places)
    assert found("Colon resected. The Sigmoid Colon.", Place("Colon"), ordinary=frozenset({"colon"})) == []


def test_the_last_look_knows_them_too():
    too = NamesThatAreWords.of(("Wilson, Ann",))
    refuse_leaks_of("Wilson disease; wilson", Deidentified("Wilson disease; wilson"), (), too, frozenset())
    with pytest.raises(LeakError, match=r"^1 known identifiers are left in a text;"):
        refuse_leaks_of("Met with Wilson", Deidentified("Met with Wilson"), (), too, frozenset())


def test_a_type_with_such_a_name_is_emptied_for_its_patient_and_for_nobody_else():
    index, text = one_text()
    index = index.with_columns(document_type=pl.lit("Hand Note"))
    for who, kept in ((ONE, None), ("somebody", "Hand Note")):
        made = copied(index, text, Deidentifier(SECRET), {who: ("Anna Hand",)})
        assert made.index["document_type"].item() == kept


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_written_apart_hide_no_name_and_move_no_span(form):
    text = unicodedata.normalize(form, "Über den Tag: José Muñoz, 55, was seen. muñoz agrees. Façade stays.")
    known = (unicodedata.normalize("NFD" if form == "NFC" else "NFC", "Muñoz"), "José Muñoz")
    got = Deidentifier(SECRET).text(text, "p", known)
    assert got.counts["name"] == 2
    assert got.text.startswith(text.partition("José"[:3])[0])
    assert got.text.endswith(unicodedata.normalize(form, "Façade stays."))
    assert not any(part in unicodedata.normalize("NFC", got.text).lower() for part in ("muñ", "jos", "oz"))
    first, *_, last = got.replacements
    assert unicodedata.normalize("NFC", text[first.start : first.end]) == "José Muñoz"
    assert unicodedata.normalize("NFC", text[last.start : last.end]) == "muñoz"
    with pytest.raises(LeakError):
        refuse_leaks_of(text, Deidentified(text), known, NOBODY, frozenset())


@pytest.mark.parametrize(
    ("known", "columns"),
    [
        ("61510", {"code": "61510"}),
        ("Sun", {"rule": "fluorouracil, or on sun-damaged skin"}),
        ("oncology", {"rule": "oncology"}),
    ],
)
def test_one_patients_postal_code_or_name_in_our_own_values_stops_no_copy(known, columns):
    events = timeline([ONE]).with_columns(description=pl.lit("x"), **{k: pl.lit(v) for k, v in columns.items()})
    events = events.with_columns(rule=pl.lit("encounters")) if "rule" not in columns else events
    made = copied(*one_text(), Deidentifier(SECRET), {ONE: (known,)}, {"documents/timeline": events})
    ((name, value),) = columns.items()
    assert set(made.tables["documents/timeline"][name]) == {value}


def test_a_code_that_is_a_patients_own_number_stays_only_in_a_published_system():
    events = timeline([ONE]).with_columns(description=pl.lit("x"), code=pl.lit("4471192"), code_system=pl.lit("MRN"))
    made = copied(*one_text(), Deidentifier(SECRET), {ONE: ("4471192",)}, {"documents/timeline": events})
    assert set(made.tables["documents/timeline"]["code"]) == {None}


def test_what_was_written_into_a_text_is_no_leak():
    deidentifier = Deidentifier(SECRET)
    year = str((dt.date(2019, 7, 1) + deidentifier.shift(ONE)).year)
    text = "Mr. Quist had pain. Resection in 2019. Seen Mar 27, 2009, Jun 27, 2009, Sep 2, 2010 and Dec 3, 2011."
    for known in (year, "name", "Jan", "Feb", "Apr", "May", "Nov"):
        got = made(text, known)
        assert "Quist" not in got
    assert year in made(text, "name")


def test_a_place_of_which_one_word_is_a_name_too_is_replaced_and_no_leak():
    got = made("He went to New Quillham today.", "Quillham", Place("New Quillham"))
    assert "Quillham" not in got
