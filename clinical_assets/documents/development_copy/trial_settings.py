"""How identifiers are written in the notes of `deidentification_trial`: sentences, and what stands in them.

Names, places and numbers are invented. `SETTINGS` and `VARIANTS` are what the rules are built for; the three sets of
paraphrases were each written before the rules saw them; `HARD` was beyond any rule of phrasings.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass

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

# What people write, in no rule's words; written before the rules were run on it. Most rules below the first hundred
# were then made with these and the next in view: what they say of phrasings that nobody had in mind is in the third.
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

# A second such set, written before the rules were changed for the first.
PARAPHRASES_AFRESH: tuple[Setting, ...] = (
    Setting("name", "health care proxy", "HCP: {} (brother)", _full),
    Setting("name", "spoke with, short", "Spoke w/ {}, who understands the plan.", _full),
    Setting("name", "handed off", "Handed off to {} at 7 pm.", _last),
    Setting("name", "discussed with, short", "D/w {}, who agrees.", _last),
    Setting("name", "surname to do", "{} to follow up final cultures.", _last),
    Setting("name", "referring letter", "Thank you for referring {} to our clinic.", _full),
    Setting("name", "pleasure of seeing", "I had the pleasure of seeing {} today.", _full),
    Setting("name", "consent from", "Consent was obtained from {}, his wife.", _full),
    Setting("name", "surgeons", "Surgeons: {}", lambda rng: f"{_full(rng)}; {_full(rng)}"),
    Setting("name", "PCP without colon", "Will forward to PCP {} after discharge.", _last),
    Setting("name", "was admitted", "{} was admitted overnight.", _full),
    Setting("name", "line of its own", "{}", lambda rng: f"{_last(rng)}, {_first(rng)}".upper()),
    Setting("name", "goes by", "Goes by {} at home.", _first),
    Setting("name", "report called to", "Critical result called to {} at 04:10.", _full),
    Setting("name", "on behalf of", "Seen on behalf of {}.", _full),
    Setting("name", "team", "Team: {}", lambda rng: f"{_last(rng)}/{_last(rng)}/{_last(rng)}"),
    Setting(
        "date",
        "range within a month",
        "Inpatient {}.",
        lambda rng: f"June {rng.randrange(2, 9)}-{rng.randrange(10, 28)}, 2019",
    ),
    Setting("date", "two days", "Fever on {}.", lambda rng: f"{rng.randrange(1, 12)}/3 and {rng.randrange(1, 12)}/14"),
    Setting("date", "month and short year", "MRI ({}) stable.", _dated("%m/%y")),
    Setting("date", "year after a procedure", "s/p CABG {}.", lambda rng: str(rng.randrange(2001, 2023))),
    Setting("date", "season", "Diagnosed in the spring of {}.", lambda rng: str(rng.randrange(2001, 2023))),
    Setting(
        "date",
        "years from and to",
        "Smoked {}.",
        lambda rng: f"{rng.randrange(1980, 1999)}-{rng.randrange(2000, 2020)}",
    ),
    Setting("date", "day in parentheses", "Extubated POD 2 ({}).", _dated("%m/%d")),
    Setting(
        "date",
        "weekday and month",
        "Clinic Wednesday, {}.",
        lambda rng: f"{rng.choice(_MONTHS.split())} {rng.randrange(1, 29)}",
    ),
    Setting("date", "with an hour", "Drawn {} 0600.", _dated("%m/%d")),
    Setting(
        "date",
        "the nth of a month",
        "Back on the {}.",
        lambda rng: f"{rng.randrange(4, 20)}th of {rng.choice(_MONTHS.split())}",
    ),
    Setting("number", "unit number", "Unit No: {}", _digits("###-##-##")),
    Setting("number", "account, run together", "Acct#{}", _digits("#########")),
    Setting("number", "specimen, hyphens", "Specimen: {}", _digits("SP-##-#####")),
    Setting("number", "implant", "Valve implanted, SN {}.", _digits("VP######")),
    Setting("number", "lot", "Vaccine lot {}.", _digits("EK####")),
    Setting("number", "study", "Enrolled as subject {}.", _digits("###-####")),
    Setting("phone", "area code and spaces", "Contact: {}", _digits("(N##) N## ####")),
    Setting("phone", "letter x", "Radiology fellow x{}.", _digits("#####")),
    Setting("phone", "can be reached", "Daughter can be reached at {}.", _digits("N##-N##-####")),
    Setting("email", "underscore", "cc {}", lambda rng: f"{_first(rng)}_{rng.randrange(99)}@mail.example.org".lower()),
    Setting(
        "address",
        "state in full",
        "Resident of {}.",
        lambda rng: f"{rng.choice(_TOWNS.split())}, {rng.choice(['Massachusetts', 'Ohio', 'Texas'])}",
    ),
    Setting("address", "apartment first", "Home: {}", lambda rng: f"Apt {rng.randrange(1, 40)}, {_address(rng)}"),
    Setting("address", "whole on one line", "Discharged to {}.", lambda rng: f"{_address(rng)}, {_town(rng)}"),
    Setting("age", "slashes", "{} y/o woman with syncope.", lambda rng: str(rng.randrange(90, 104))),
    Setting("age", "abbreviated year", "A {}-yr-old man.", lambda rng: str(rng.randrange(90, 104))),
    Setting("age", "in his nineties", "Father alive in his {}.", _pick("90s nineties")),
    Setting("age", "at the age of", "Died at {} of old age.", lambda rng: str(rng.randrange(90, 104))),
)

# A third, written when the rules read the other two. No rule was made for it, but one that knows no phrasing (two words
# with capitals after a preposition) was added after it had been measured at 0.295, as it had been before all of them:
# 0.41. The general rules were made without a look at its sentences (the names of eight were known): 0.84.
PARAPHRASES_UNSEEN: tuple[Setting, ...] = (
    Setting("name", "chaperone", "Exam chaperoned by {}.", _full),
    Setting("name", "wife, between commas", "He lives with his wife, {}, and two sons.", _first),
    Setting("name", "left a message", "Left voicemail for {} regarding results.", _full),
    Setting("name", "dialect of a phone note", "Rec'd call from {}, pt's niece.", _full),
    Setting("name", "credentials in brackets", "Reviewed with {} (MD).", _full),
    Setting("name", "initialled", "Prepared by: {}", lambda rng: f"{_first(rng)[0]}. {_last(rng)}"),
    Setting("name", "whose mother", "{} mother is at the bedside.", lambda rng: f"{_first(rng)}'s"),
    Setting("name", "greeting", "Hi {}, your results are back.", _first),
    Setting("name", "scheduled with", "Scheduled with {} next week.", _last),
    Setting("name", "patient, then name", "Patient {} tolerated the procedure well.", _full),
    Setting("name", "roommate", "His roommate {} found him down.", _first),
    Setting("name", "donor", "Kidney donated by his cousin {}.", _full),
    Setting("date", "day and month, European", "Seen {}.", _dated("%d/%m/%Y")),
    Setting("date", "weekday abbreviated", "Appt Tues {}.", _dated("%m/%d/%y")),
    Setting(
        "date",
        "ordinal, month, year",
        "Born {}.",
        lambda rng: f"{rng.randrange(4, 20)}th {rng.choice(_MONTHS.split())} 1948",
    ),
    Setting("date", "from and to", "Admitted {}.", lambda rng: f"{_day(rng):%m/%d/%y} - {_day(rng):%m/%d/%y}"),
    Setting("date", "quarter", "Last colonoscopy Q3 {}.", lambda rng: str(rng.randrange(2001, 2023))),
    Setting("date", "class of", "Retired teacher, class of {}.", lambda rng: str(rng.randrange(1960, 1990))),
    Setting("date", "underscores", "Image taken {}.", _dated("%Y_%m_%d")),
    Setting("date", "as of", "Off steroids as of {}.", _dated("%m/%d")),
    Setting("number", "bracelet", "Wristband {} verified.", _digits("#########")),
    Setting("number", "passport", "Passport no. {}", _digits("C########")),
    Setting("number", "room and bed", "Transferred to bed {}.", _digits("#W-##")),
    Setting("number", "confirmation", "Prior auth #{}", _digits("PA########")),
    Setting("phone", "dotted, with country", "Call +1.{}.", _digits("N##.N##.####")),
    Setting("phone", "after hours line", "After hours: {}", _digits("N##-N##-####")),
    Setting(
        "email", "in brackets", "Portal account <{}>", lambda rng: f"{_last(rng)}@example.com".lower().replace("'", "")
    ),
    Setting("url", "without a scheme", "See example.org/{}.", _digits("r/#######")),
    Setting("address", "corner", "Found at the corner of {}.", lambda rng: f"{rng.choice(_STREETS.split())} and 5th"),
    Setting(
        "address",
        "highway",
        "Collision on {}.",
        lambda rng: f"Route {rng.randrange(2, 99)} in {rng.choice(_TOWNS.split())}",
    ),
    Setting("age", "months over ninety", "{} y 4 mo old man.", lambda rng: str(rng.randrange(90, 104))),
    Setting("age", "birthday", "Celebrated her {}th birthday.", lambda rng: str(rng.randrange(94, 100))),
)

HARD: tuple[Setting, ...] = (
    Setting("name", "bare first name", "Seen with {} today in clinic.", _first),
    Setting("name", "lower case", "spoke to {} on the phone.", lambda rng: _full(rng).lower()),
    Setting("date", "in words", "She fell on {}.", _pick("Thanksgiving Christmas Easter")),
    Setting("place", "hospital", "Transferred from {}.", lambda rng: f"{rng.choice(_TOWNS.split())} General"),
    Setting("place", "employer", "He works at {}.", lambda rng: f"{_last(rng)} Brothers"),
    Setting("number", "without a label", "Film {} reviewed.", _digits("########")),
)
