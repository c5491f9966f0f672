"""Measures the de-identifier on made-up notes: recall by kind and setting, and what clinical text it damages.

The notes are generated from a seed, so the measurement can be repeated; names, places and numbers are invented.
Settings the rules are built for (`SETTINGS`, and `VARIANTS` of them) stand beside phrasings written down before any
rule was tried on them (`PARAPHRASES`) and beside what no rule of this kind can see (`HARD`). All are reported: the last
two are the honest half. Real notes are harder than these; recall here is an upper bound, not a promise.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from clinical_assets.documents.development_copy.identifier_detectors import detect

_FIRST = (
    "Alma Bruno Celia Dario Elsa Farid Greta Hugo Ines Jonas Kiran Lotte Milan Nadia Oskar Petra Quentin Rosa Samir"
)
_LAST = (
    "Abernathy Bellweather Castellan O'Donnell Eastbrook Farnsworth Gunnarsson Hollingworth Ivanescu Jankowska"
    " Kowalczyk McAllister Nakagawa Okonkwo Pellegrini Quist Rasmussen Smith-Larkin Tran Underhill Vasquez Wojcik"
)
_STREETS = "Maple Juniper Old Mill Harbor View Lindenwood Saint Clair"
_TOWNS = "Fairhaven Northbrook Elmsford Rockport"
_STATES = "MA OH PA TX"
_MONTHS = "January February March April June July August September October November December"

# Phrases of clinical text that look like identifiers; replacing them damages the note.
CLINICAL = (
    "MR BRAIN WITH CONTRAST shows stable post-operative change",
    "MS Contin 15 mg twice daily",
    "strength is 4/5 in the left arm",
    "pain rated 7/10 and murmur 2/6",
    "degenerative change at C5-6 and L4-5",
    "14 Fr Foley catheter placed",
    "White blood cell count 7.2, Hgb 9.1, platelets 250",
    "blood pressure 120/80, pulse 72, SpO2 98% on 2 L",
    "Parkinson disease and Hodgkin lymphoma in remission",
    "Chest PA and lateral without effusion",
    "oxycodone 5-10 mg every 4-6 hours",
    "Karnofsky 90, ECOG 1",
    "EF 55-60%, QTc 440",
    "Mother: Melanoma. Father: Diabetes.",
    "temozolomide 75 mg/m2 on days 1-42",
    "lesion measures 2.1 x 1.8 x 2.0 cm, image 45 of series 7",
)


@dataclass(frozen=True, slots=True)
class Planted:
    """An identifier put into a note: `text[start:end]`, what kind it is and in what setting it stands."""

    start: int
    end: int
    kind: str
    setting: str


@dataclass(frozen=True, slots=True)
class MadeUpNote:
    """A generated note, the identifiers in it, and the clinical phrases that must survive."""

    text: str
    planted: tuple[Planted, ...]
    clinical: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """How an identifier is written: a sentence around `{}`, and what goes there."""

    kind: str
    setting: str
    sentence: str
    value: Callable[[random.Random], str]


def _pick(words: str) -> Callable[[random.Random], str]:
    choices = words.split()
    return lambda rng: rng.choice(choices)


_first, _last = _pick(_FIRST), _pick(_LAST)


def _full(rng: random.Random) -> str:
    return f"{_first(rng)} {_last(rng)}"


def _day(rng: random.Random) -> dt.date:
    return dt.date(2012, 1, 1) + dt.timedelta(days=rng.randrange(4_000))


def _dated(pattern: str) -> Callable[[random.Random], str]:
    return lambda rng: _day(rng).strftime(pattern)


def _digits(pattern: str) -> Callable[[random.Random], str]:
    return lambda rng: "".join(str(rng.randrange(10)) if c == "#" else c for c in pattern).replace(
        "N", str(rng.randrange(2, 10))
    )


def _address(rng: random.Random) -> str:
    return f"{rng.randrange(1, 9999)} {rng.choice(_STREETS.split())} {rng.choice(['Street', 'Ave', 'Road', 'Lane'])}"


def _town(rng: random.Random) -> str:
    return f"{rng.choice(_TOWNS.split())}, {rng.choice(_STATES.split())} {rng.randrange(10_000, 99_999)}"


SETTINGS: tuple[Setting, ...] = (
    Setting("name", "after a title", "Discussed with Dr. {} at length.", _last),
    Setting("name", "after a title, full", "Mr. {} is a 61-year-old male.", _full),
    Setting(
        "name", "after a label", "Patient Name: {}", lambda rng: f"{_last(rng)}, {_first(rng)} {rng.choice('ABCEL')}."
    ),
    Setting("name", "in capitals after a label", "DICTATED BY: {}", lambda rng: f"{_last(rng)}, {_first(rng)}".upper()),
    Setting("name", "before credentials", "{}, MD, Neurosurgery", _full),
    Setting("name", "after a relative", "His daughter {} was present.", _first),
    Setting("name", "signature", "Electronically signed by {} 17:07", _full),
    Setting("date", "numeric", "Seen on {} in clinic.", _dated("%m/%d/%Y")),
    Setting("date", "numeric, short year", "Last MRI {} was stable.", _dated("%m/%d/%y")),
    Setting("date", "ISO", "Resection {} without complication.", _dated("%Y-%m-%d")),
    Setting("date", "month by name", "Admitted {}.", lambda rng: _dated(f"{rng.choice(_MONTHS.split())} %d, %Y")(rng)),
    Setting("date", "day first by name", "Shunt placed {}.", _dated("%d %b %Y")),
    Setting("date", "month and year", "Diagnosed in {}.", _dated("%B %Y")),
    Setting("date", "no year", "She was discharged on {}.", _dated("%m/%d")),
    Setting("number", "record number", "MRN: {}", _digits("########")),
    Setting("number", "account", "Account # {}", _digits("A#######")),
    Setting("number", "accession", "Accession number: {}", _digits("S##-#####")),
    Setting("ssn", "formatted", "SSN {} on file.", _digits("###-##-####")),
    Setting("phone", "formatted", "Call {} with questions.", _digits("(N##) N##-####")),
    Setting("phone", "dashes", "Mobile {}.", _digits("N##-N##-####")),
    Setting("phone", "pager", "pager {}", _digits("#####")),
    Setting("email", "plain", "Write to {}.", lambda rng: f"{_first(rng)}.{rng.randrange(99)}@example.org".lower()),
    Setting("url", "plain", "Portal https://portal.example.org/{} for results.", _digits("p/########")),
    Setting("address", "street", "Lives at {} with family.", _address),
    Setting("address", "town", "Home in {}.", _town),
    Setting("age", "years old", "This {}-year-old woman fell.", lambda rng: str(rng.randrange(90, 104))),
    Setting("age", "abbreviated", "Pt is {} y.o.", lambda rng: str(rng.randrange(90, 104))),
)

VARIANTS: tuple[Setting, ...] = (
    Setting("name", "title in lower case", "Discussed with dr. {} at length.", _last),
    Setting("name", "two after one title", "Drs. {} rounded.", lambda rng: f"{_last(rng)} and {_last(rng)}"),
    Setting("name", "label with a dash", "Attending - {}", _last),
    Setting("name", "surname before MD without comma", "{} MD reviewed the films.", _last),
    Setting("name", "seen by, no title", "The patient was seen by {} in clinic.", _full),
    Setting("name", "full name and age", "{} is a pleasant 61-year-old male.", _full),
    Setting("name", "possessive", "Mrs. {} husband drove.", lambda rng: f"{_last(rng)}'s"),
    Setting("date", "day of month", "Return on the {}.", _pick("5th 12th 21st 30th")),
    Setting("date", "compact", "Study date {}.", _dated("%Y%m%d")),
    Setting("date", "no year, no preposition", "{}: febrile overnight.", _dated("%m/%d")),
    Setting("date", "year only", "Resected in {}.", lambda rng: str(rng.randrange(2001, 2023))),
    Setting("number", "lower-case label", "mrn {}", _digits("#######")),
    Setting("number", "hash only", "Patient #{} arrived.", _digits("#######")),
    Setting("phone", "dots", "Reach me at {}.", _digits("N##.N##.####")),
    Setting("phone", "extension", "Ward extension {}.", _digits("#-####")),
    Setting(
        "address",
        "no street type",
        "Lives at {}.",
        lambda rng: f"{rng.randrange(1, 999)} {rng.choice(_STREETS.split())}",
    ),
    Setting("age", "in words", "A {}-year-old woman.", _pick("ninety-one ninety-four")),
)

# Written before the rules were run on them, and not added to since: what people write, in no rule's words. A rule that
# becomes able to read one of these must be a general one.
PARAPHRASES: tuple[Setting, ...] = (
    Setting("name", "met with", "I met with {} and her family.", _full),
    Setting("name", "subject of a sentence", "{} presented for follow-up.", _full),
    Setting("name", "first name as subject", "{} reports feeling well.", _first),
    Setting("name", "copy line", "cc: {}", lambda rng: f"{_last(rng)}, {_first(rng)}"),
    Setting("name", "letter's subject", "Re: {}", _full),
    Setting("name", "letter's end", "Sincerely, {}", _full),
    Setting("name", "after per", "Continue plan as per {}.", _last),
    Setting("name", "named", "Her husband is named {}.", _first),
    Setting("name", "assisted by", "Closure was assisted by {}.", _full),
    Setting("name", "on call", "On call tonight: {}", _last),
    Setting("name", "before parenthesis", "{} (daughter) agrees.", _full),
    Setting("name", "relative, of", "Mother of {} called.", _full),
    Setting("date", "slashes, year first", "Reviewed {}.", _dated("%Y/%m/%d")),
    Setting("date", "dots, short year", "Seen {}.", _dated("%d.%m.%y")),
    Setting("date", "dashes, short year", "Seen {}.", _dated("%m-%d-%y")),
    Setting("date", "run together by name", "Given {}.", lambda rng: _dated("%d%b%Y")(rng).upper()),
    Setting("date", "apostrophe year", "Surgery in {}.", lambda rng: f"{_day(rng):%b} '{_day(rng):%y}"),
    Setting(
        "date", "week of", "Return the week of {}.", lambda rng: f"{rng.choice(_MONTHS.split())} {rng.randrange(1, 29)}"
    ),
    Setting("date", "middle of a month", "Symptoms began mid-{}.", _pick(_MONTHS)),
    Setting(
        "date",
        "weekday and day",
        "Next visit Tuesday {}.",
        lambda rng: f"{rng.randrange(1, 29)} {rng.choice(_MONTHS.split())}",
    ),
    Setting("number", "in parentheses", "Patient seen (MRN {}).", _digits("#######")),
    Setting("number", "ID", "ID {}", _digits("00######")),
    Setting("number", "insurance", "Medicare {}", _digits("#EG#-TE#-MK##")),
    Setting("number", "specimen as word", "Slides of {} were reviewed.", _digits("S##-#####")),
    Setting("phone", "slash", "tel. {}", _digits("N##/N##-####")),
    Setting("phone", "spaces", "Reach family on {}.", _digits("N## N## ####")),
    Setting("phone", "seven digits", "Call {} at night.", _digits("N##-####")),
    Setting("email", "spelled out", "Mail {} for copies.", lambda rng: f"{_first(rng)} at example dot org".lower()),
    Setting(
        "address",
        "town and state",
        "A retired teacher from {}.",
        lambda rng: f"{rng.choice(_TOWNS.split())}, {rng.choice(_STATES.split())}",
    ),
    Setting(
        "address",
        "street, abbreviated, town",
        "Moved to {}.",
        lambda rng: f"{rng.randrange(1, 99)} {rng.choice(_STREETS.split())} St., {rng.choice(_TOWNS.split())}",
    ),
    Setting("age", "letter for sex", "{}F with a fall.", lambda rng: str(rng.randrange(90, 104))),
    Setting("age", "turned", "Turned {} last month.", lambda rng: str(rng.randrange(90, 104))),
    Setting("age", "in words, aged", "A woman aged {}.", _pick("ninety-three ninety-eight")),
)

HARD: tuple[Setting, ...] = (
    Setting("name", "bare first name", "Seen with {} today in clinic.", _first),
    Setting("name", "lower case", "spoke to {} on the phone.", lambda rng: _full(rng).lower()),
    Setting("date", "in words", "She fell on {}.", _pick("Thanksgiving Christmas Easter")),
    Setting("place", "hospital", "Transferred from {}.", lambda rng: f"{rng.choice(_TOWNS.split())} General"),
    Setting("place", "employer", "He works at {}.", lambda rng: f"{_last(rng)} Brothers"),
    Setting("number", "without a label", "Film {} reviewed.", _digits("########")),
)


def made_up_notes(seed: int, count: int, settings: Iterable[Setting] = SETTINGS) -> list[MadeUpNote]:
    """Generate notes; every setting occurs once in each, in random order, between clinical sentences."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
    return [_note(rng, list(settings)) for _ in range(count)]


def _note(rng: random.Random, settings: list[Setting]) -> MadeUpNote:
    rng.shuffle(settings)
    parts: list[str] = []
    planted: list[Planted] = []
    clinical: list[str] = []
    length = 0
    for setting in settings:
        phrase = rng.choice(CLINICAL)
        before, after = setting.sentence.split("{}")
        value = setting.value(rng)
        start = length + len(before)
        planted.append(Planted(start, start + len(value), setting.kind, setting.setting))
        clinical.append(phrase)
        parts.append(f"{before}{value}{after}\n{phrase}.\n")
        length += len(parts[-1])
    return MadeUpNote("".join(parts), tuple(planted), tuple(clinical))


@dataclass(frozen=True, slots=True)
class Measured:
    """What the trial found.

    Attributes:
        recall: one row per kind and setting: `kind`, `setting`, `planted`, `found`, `recall`. An identifier counts as
            found where every letter and digit of it would be replaced.
        clinical_kept: share of the clinical phrases left untouched.
    """

    recall: pl.DataFrame
    clinical_kept: float

    @property
    def overall(self) -> float:
        """Found in parts of all planted."""
        return float(self.recall["found"].sum()) / max(1, int(self.recall["planted"].sum()))


def measure(notes: Iterable[MadeUpNote]) -> Measured:
    """Run the detector, without any known identifiers, over generated notes."""
    rows: list[tuple[str, str, bool]] = []
    phrases = kept = 0
    for note in notes:
        found = detect(note.text)
        covered = bytearray(len(note.text))
        for identifier in found:
            covered[identifier.start : identifier.end] = b"\x01" * (identifier.end - identifier.start)
        for each in note.planted:
            letters = [i for i in range(each.start, each.end) if note.text[i].isalnum()]
            rows.append((each.kind, each.setting, all(covered[i] for i in letters)))
        at = 0
        for phrase in note.clinical:
            at = note.text.index(phrase, at)
            phrases += 1
            kept += not any(covered[at : at + len(phrase)])
            at += len(phrase)
    table = pl.DataFrame(rows, schema={"kind": pl.String, "setting": pl.String, "hit": pl.Boolean}, orient="row")
    recall = (
        table.group_by("kind", "setting")
        .agg(pl.len().alias("planted"), pl.col("hit").sum().alias("found"), pl.col("hit").mean().alias("recall"))
        .sort("kind", "setting")
    )
    return Measured(recall, kept / phrases if phrases else 1.0)
