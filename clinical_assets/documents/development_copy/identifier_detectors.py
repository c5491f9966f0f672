"""Finds identifiers in clinical text by rules: what is known, phrasings that announce one, then general signals.

A table of patterns, the more certain first; where two overlap the earlier wins: known identifiers, the phrasings of
this module, the shapes of `general_detectors`, the capitals of `capitalised_words`, other mentions of names found. What
these rules cannot see is said in `deidentification`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence

from clinical_assets.documents.development_copy.capitalised_words import small_words, unknown_capitals
from clinical_assets.documents.development_copy.general_detectors import GENERAL
from clinical_assets.documents.development_copy.identifier_words import (
    AFTER,
    CAPITALS,
    CLOCK,
    CREDENTIALS,
    DAY,
    DAY_FOLLOWS,
    DEAD_OR_ALIVE,
    EXTENSION,
    FULL,
    IS_A_GRADE,
    IS_SO_OLD,
    LABELS,
    MET,
    MONTH,
    MONTH_DAY,
    NINETY,
    NO_AMOUNT,
    NO_DOSE,
    NO_GIVEN_NAME,
    NO_PERSON,
    NO_REGION,
    NO_SERVICE,
    NO_TERM,
    NOT_A_ROLE,
    NOT_NAMES,
    NTH,
    NUMBER,
    NUMBER_LABELS,
    PASSED_ON,
    PEOPLE_LABELS,
    PERSON,
    PERSON_SAYS,
    PERSON_WAS,
    PERSON_WILL,
    PERSONS,
    PHONE_LABELS,
    PHYSICIANS,
    PLACE,
    RELATIVES,
    ROLES,
    SALUTATION,
    SAYS,
    SEVERAL,
    SIGNING,
    STATES,
    STATES_IN_FULL,
    STREET,
    SURE_CREDENTIALS,
    TITLES,
    TOLD,
    TOWN,
    TOWN_ONLY,
    WORD,
    YEAR,
)
from clinical_assets.documents.development_copy.identifiers import (
    AGE,
    DATE,
    LOCATION,
    NAME,
    ORGANISATION,
    Detector,
    Identifier,
    detector,
)
from clinical_assets.documents.development_copy.known_identifiers import ALSO_WORDS, known_in
from clinical_assets.documents.development_copy.medical_capitals import NEVER_NAMES, NO_GIVEN_NAMES
from clinical_assets.documents.development_copy.names_that_are_words import NOBODY, NamesThatAreWords

_I = re.IGNORECASE

DETECTORS: tuple[Detector, ...] = (
    detector("email", r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b"),
    detector(
        "email", r"\b[\w.+-]{1,64} (?:at|\(at\)|\[at\]) [\w-]{1,63}(?: (?:dot|\(dot\)|\[dot\]) [a-z]{2,12}){1,3}\b", _I
    ),
    detector("url", r"\bhttps?://[^\s<>\"')]+|\bwww\.[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}(?:/[^\s<>\"')]*)?", _I),
    detector("ssn", r"\b\d{3}-\d{2}-\d{4}\b"),
    detector("ssn", r"\b(?:SSN|social security(?: (?:number|no\.?))?)\s*[:#]?\s*(?P<it>\d[\d -]{7,10}\d)", _I),
    detector("number", rf"\b{NUMBER_LABELS}\s*(?:[:#]|is|no\.?)?\s*#?\s*(?P<it>{NUMBER})\b", _I),
    # a device's: "SN VP123456"; in small letters it is something else
    detector("number", rf"\bSN\s*[:#]?\s*(?P<it>{NUMBER})\b"),
    detector("number", r"(?<![\w&])#\s?(?P<it>\d{6,12})\b"),
    detector("number", r"\bID[: #]{1,3}(?P<it>\d{5,12})\b"),
    # the shape of pathology's accession numbers: S19-12345
    detector("number", r"\b[A-Z]{1,2}\d\d-\d{4,7}\b"),
    detector(
        "phone",
        rf"(?<![\d.-])(?:\+?1[ .-]?)?(?:\(\d{{3}}\) ?|\d{{3}}[ ./-])\d{{3}}[ .-]\d{{4}}{EXTENSION}(?![\d-])",
        _I,
    ),
    detector("phone", rf"\b{PHONE_LABELS}\s*(?:number|no\.?)?\s*[:#]?\s*(?P<it>\d{{3}}-\d{{4}}|\d{{7,10}})\b", _I),
    detector("phone", r"\b(?:pager|beeper|pgr)\s*(?:number|no\.?|is)?\s*[:#]?\s*(?P<it>\d{4,10})\b", _I),
    detector(
        "phone", r"\b(?:ext\.?|extension)\s{0,3}(?:number|no\.?|is|at)?\s{0,3}[:#]?\s{0,3}(?P<it>\d[\d-]{2,6}\d)\b", _I
    ),
    # "fellow x41234"; "3 x 1000 mg" is a dose
    detector("phone", rf"(?<=[a-z] )x(?P<it>\d{{4,5}})\b{NO_AMOUNT}"),
    detector("phone", r"\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]){2,5}\d{2,4}\b"),
    detector("ip", r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
    # with what stands before and behind it: the flat, the town
    detector(
        "address",
        r"\b(?:(?:Apt|Apartment|Unit|Suite|Ste)\.?\s*#?\w{1,6},?\s{1,3})?"
        rf"\d{{1,6}}[A-Z]?\s{{1,3}}(?:[NSEW]\.?\s{{1,3}})?(?:[A-Z][\w'-]{{0,30}}\s{{1,5}}){{1,4}}(?:{STREET})\b\.?,\s{{1,3}}"
        rf"{NO_PERSON}{TOWN_ONLY}(?:,?\s{{1,3}}(?:{STATES})\b(?:,?\s{{1,3}}\d{{5}}(?:-\d{{4}})?\b)?)?",
    ),
    detector(
        "address",
        r"\b(?:Apt|Apartment|Unit|Suite|Ste)\.?\s*#?\w{1,6},?\s{1,3}"
        rf"\d{{1,6}}[A-Z]?\s{{1,3}}(?:[A-Z][\w'-]{{0,30}}\s{{1,5}}){{1,4}}(?:{STREET})\b\.?",
    ),
    detector(
        "address",
        rf"\b\d{{1,6}}[A-Z]?\s+(?:[NSEW]\.?\s+)?(?:[A-Z][\w'.-]{{0,30}}\s{{1,5}}){{1,4}}(?:{STREET})\b\.?"
        r"(?:,?\s+(?:Apt|Apartment|Suite|Ste|Unit|#)\.?\s*#?\w{1,6})?",
    ),
    # a house number and a street without its type, where somebody lives
    detector(
        "address",
        r"\b(?i:liv(?:es?|ing)|resid(?:es?|ing)|stay(?:s|ing)|address)\s{0,3}(?:is )?(?:at|to|:)\s{1,3}"
        rf"(?P<it>\d{{1,6}}[A-Z]?\s[A-Z][\w'-]{{1,30}}(?:\s[A-Z][\w'-]{{1,30}}){{0,3}}\.?(?:,\s{{1,3}}{TOWN})?)",
    ),
    detector("address", r"\bP\.?\s?O\.?\s+Box\s+\d+\b", _I),
    detector("address", rf"\b{TOWN},?\s+(?:{STATES})\.?,?\s+\d{{5}}(?:-\d{{4}})?\b"),
    detector("address", rf"\b(?:from|in|of|near|to)\s{{1,3}}(?P<it>{PLACE},\s{{1,3}}(?:{STATES}))(?!\w)"),
    detector("address", rf"\b(?:from|in|of|near|to)\s{{1,3}}(?P<it>{PLACE},\s{{1,3}}(?:{STATES_IN_FULL}))(?!\w)"),
    detector("address", r"\b(?:zip(?: ?code)?)\s*[:#]?\s*(?P<it>\d{5}(?:-\d{4})?)\b", _I),
    # dates with their year, then months, then days without a year where the words before say that they are days
    detector(DATE, rf"\b{YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?=\b|T)"),
    detector(DATE, rf"(?<![\d/.]){YEAR}(?P<mark>[/.])(?:0[1-9]|1[0-2])(?P=mark)(?:0[1-9]|[12]\d|3[01])(?![\d/])"),
    detector(DATE, rf"(?<![\d/.]){DAY}/{DAY}/(?:{YEAR}|\d\d)(?![\d/])"),
    # with a short year only where every part has two digits: 2.1.20 is a number of something
    detector(
        DATE, r"(?<![\d.-])(?:0[1-9]|[12]\d|3[01])(?P<mark>[.-])(?:0[1-9]|[12]\d|3[01])(?P=mark)\d\d(?![\d.-]\d|\d)"
    ),
    detector(DATE, rf"\b{DAY}{MONTH}(?:{YEAR}|\d\d)\b"),
    detector(DATE, rf"\b{MONTH}\.? ['’]\d\d\b"),
    detector(DATE, rf"(?<![\d.-]){DAY}(?P<mark>[.-]){DAY}(?P=mark){YEAR}(?![\d-])"),
    # "June 3-7, 2019", "June 3 and 7"
    detector(
        DATE,
        rf"\b{MONTH}\.? {DAY}{NTH}(?: ?[-–] ?| and | to | through ){DAY}{NTH}(?:,? {YEAR})?\b(?![/-])",
    ),
    detector(DATE, rf"\b{MONTH}\.?[ -]{DAY}{NTH}(?:,[ ]*|[ -]){YEAR}\b"),
    detector(DATE, rf"\b{DAY}{NTH}(?: of)?[ -]{MONTH}\.?(?:,[ ]*|[ -]){YEAR}\b"),
    detector(DATE, rf"\b{MONTH}\.?,? {YEAR}\b"),
    detector(DATE, rf"(?<![\d/.])(?:0?[1-9]|1[0-2])/{YEAR}\b"),
    detector(DATE, rf"\b{MONTH}\.? {DAY}{NTH}\b{NO_DOSE}"),
    detector(DATE, rf"\b{DAY}{NTH} (?:of )?{MONTH}\b"),
    detector(
        DATE,
        rf"\b(?i:mid|early|late|end of|beginning of|in|since|until|last|next|this)[ -](?P<it>{MONTH})\b{NO_DOSE}",
    ),
    detector(DATE, rf"\b[Oo]n the (?P<it>{DAY}(?:st|nd|rd|th))(?=[.,;:)]|\s*$)", re.MULTILINE),
    detector(DATE, rf"\b{DAY_FOLLOWS}(?P<it>(?:0?[1-9]|1[0-2])/{DAY})(?![\d/%]){IS_A_GRADE}", _I),
    detector(
        DATE, rf"\b{DAY_FOLLOWS}(?:0?[1-9]|1[0-2])/{DAY}(?: and |, | to | through | ?[-–&] ?)(?P<it>{MONTH_DAY})", _I
    ),
    # "POD 2 (3/14)", "HD#3 (3/14)"; "3/14 06:00", "3/14 at 0600"
    detector(DATE, rf"\b(?:POD|HD|PPD) ?#? ?\d{{1,3}} ?[(,:] ?(?P<it>{MONTH_DAY})", _I),
    detector(DATE, rf"(?<![\d/.])(?P<it>(?:0?[1-9]|1[0-2])/{DAY})(?= (?:at |@ ?)?{CLOCK})"),
    # "03/19": no ratio is written with a nought before it
    detector(DATE, r"(?<![\d/.])0[1-9]/\d\d(?![\d/%.])"),
    detector(
        DATE,
        r"\b(?:MRI?|CTA?|PET|scan|imaging|echo|EEG|surgery|resection|biopsy|visit|admission)s? ?"
        r"\((?P<it>1[0-2]/\d\d)\)",
    ),
    detector(DATE, rf"^[ \t]*(?P<it>(?:0?[1-9]|1[0-2])/{DAY})(?=:[ \t])", re.MULTILINE),
    detector(DATE, rf"(?<![\w.-]){YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?![\w-])"),
    # a year alone may stay by the rule of Safe Harbor, but beside shifted dates it would give the shift away
    detector(DATE, rf"\b(?:in|since|from|until|year|circa|early|late|mid)[ -](?P<it>{YEAR})\b{NO_AMOUNT}", _I),
    detector(
        DATE,
        rf"\b(?:s/p|status post|h/o|history of|hx of|hx)\b[^.;\n\d]{{1,60}}?(?P<it>{YEAR})\b{NO_AMOUNT}(?![-/])",
        _I,
    ),
    detector(DATE, rf"\b(?:spring|summer|fall|autumn|winter)(?: of)? (?P<it>{YEAR})\b{NO_AMOUNT}", _I),
    detector(DATE, rf"\((?P<it>{YEAR})\)"),
    detector(DATE, rf"(?<![\w.,/-])(?P<it>{YEAR})(?= ?[-–] ?{YEAR}\b(?!-){NO_AMOUNT})", _I),
    detector(DATE, rf"(?<![\w.,/-]){YEAR} ?[-–] ?(?P<it>{YEAR})\b(?!-){NO_AMOUNT}", _I),
    # ages above 89
    detector(AGE, r"\b(?P<it>9\d|1[0-3]\d)(?=[ -]*(?:year|yr|y)s?[ -]*(?:/|-)?[ -]*(?:old|o)\b)", _I),
    detector(AGE, r"\b(?:aged?|age is|age of)\s*[:=]?\s*(?P<it>9\d|1[0-3]\d)\b(?!\s*(?:%|days|months|weeks))", _I),
    detector(AGE, r"\b(?P<it>9\d|1[0-3]\d)(?=[ -]*(?:y\.?o\.?\b|yo[mf]?\b|years of age))", _I),
    detector(AGE, rf"\b(?P<it>{NINETY})(?=[ -]years?\b)", _I),
    detector(
        AGE,
        rf"\b(?:aged|turned|turning|age of)\s{{1,3}}(?P<it>9\d|1[0-3]\d|{NINETY})\b"
        r"(?!\s*(?:%|degrees|days|months|weeks))",
        _I,
    ),
    # "94F with a fall" opens a sentence or follows an article; "temperature 101 F" does neither
    detector(
        AGE,
        r"(?:^|[.!?]\s|\b(?:a|an|this)\s)(?P<it>9\d|1[0-3]\d)(?=\s?[FM](?:,|\s(?:with|w/|who|s/p|presenting)))",
        re.MULTILINE,
    ),
    # "in his 90s"; pulses and pressures are "in the 90s"
    detector(AGE, r"\b(?:his|her|their) (?:(?:early|mid|late)[- ])?(?P<it>90['’]?s|nineties|100s)\b", _I),
    detector(
        AGE, rf"\b{DEAD_OR_ALIVE}(?: \w{{1,10}})? at (?:the )?(?:age )?(?:of )?(?P<it>9\d|1[01]\d)\b(?!:|\s*%)", _I
    ),
    # names by their surroundings
    detector(NAME, rf"\b(?i:{LABELS})[ \t]*[:][ \t]*(?P<it>{FULL})"),
    detector(NAME, rf"\b(?i:{SIGNING})[ \t]+(?P<it>{FULL})"),
    detector(NAME, rf"\b{TITLES}[ \t]+(?P<it>{FULL}(?:[ \t]+(?:and|&)[ \t]+{FULL})?)"),
    detector(NAME, rf"\b(?i:{PHYSICIANS})[ \t]+[-–][ \t]+(?P<it>{FULL})"),
    detector(NAME, rf"\b(?P<it>{NOT_A_ROLE}{WORD})[ \t]+(?=M\.?D\.?(?!\w))"),
    detector(NAME, rf"\b(?P<it>{FULL}),[ \t]+(?={SURE_CREDENTIALS})"),
    detector(NAME, rf"\b(?P<it>{SEVERAL}),?[ \t]+(?={CREDENTIALS})"),
    detector(NAME, rf"\b(?i:{RELATIVES}),?[ \t]+(?P<it>{NOT_NAMES}{WORD}(?:[ \t]+{NOT_NAMES}{WORD})?)\b"),
    detector(NAME, rf"\bDear[ \t]+(?P<it>{FULL})"),
    detector(NAME, rf"\b(?i:sincerely|regards|respectfully),[ \t]+(?P<it>{FULL})"),
    detector(NAME, rf"\b(?i:{MET})[ \t]+{NO_SERVICE}(?P<it>{SEVERAL})"),
    detector(NAME, rf"\b(?i:named|whose name is)[ \t]+(?P<it>{FULL})"),
    detector(NAME, rf"\b(?P<it>{SEVERAL})(?=[ \t]\((?:{RELATIVES})\))"),
    detector(NAME, rf"\b(?i:{RELATIVES}) of[ \t]+(?P<it>{SEVERAL})"),
    detector(NAME, rf"\b{NO_SERVICE}(?P<it>{WORD}[ \t]+{WORD})(?=[ \t](?:{SAYS})\b)"),
    detector(NAME, rf"\b(?i:{PASSED_ON})[ \t]+(?P<it>{NO_PERSON}{FULL})"),
    detector(NAME, rf"\b(?i:{TOLD})[ \t]+(?P<it>{PERSONS})"),
    detector(
        NAME,
        rf"(?<=[a-z,] ){AFTER} (?P<it>{NO_PERSON}{WORD} {NO_PERSON}{NO_TERM}{WORD})(?= [a-z(]|[.,;)]|$)",
        re.MULTILINE,
    ),
    detector(NAME, rf"\b(?:{ROLES})[ \t]+(?P<it>{PERSON})\b(?!/)"),
    detector(NAME, rf"\b(?i:{PEOPLE_LABELS})[ \t]*[:][ \t]*(?P<it>{NO_PERSON}{FULL}(?:;[ \t]{{0,3}}{FULL}){{0,4}})"),
    detector(NAME, rf"\b(?i:team|service)[ \t]*:[ \t]*(?P<it>{PERSON}(?:/{WORD}){{1,4}})"),
    detector(NAME, rf"\b{SALUTATION}:[ \t]*(?P<it>{PERSONS})"),
    detector(NAME, rf"(?:^|[.!?][ \t]{{1,3}})(?P<it>{PERSON})(?=[ \t](?:{PERSON_SAYS})\b)", re.MULTILINE),
    detector(NAME, rf"\b(?P<it>{NO_PERSON}{WORD}[ \t]+{WORD})(?=[ \t]{PERSON_WAS}\b)"),
    detector(NAME, rf"(?:^|[.!?][ \t]{{1,3}})(?P<it>{PERSON})(?=[ \t]{PERSON_WILL}\b)", re.MULTILINE),
    detector(
        NAME,
        rf"^[ \t]{{0,8}}(?P<it>{NO_REGION}{CAPITALS},[ \t]{{0,3}}{NO_REGION}{CAPITALS}(?:[ \t][A-Z]\.?)?)[ \t]*$",
        re.MULTILINE,
    ),
    detector(NAME, rf"\b(?P<it>{SEVERAL})(?={IS_SO_OLD})"),
)


def detect(
    text: str,
    known: Iterable[str] = (),
    ordinary: frozenset[str] = frozenset(),
    words_too: NamesThatAreWords = NOBODY,
) -> list[Identifier]:
    """Identifiers in a text, in order, not overlapping.

    Args:
        text: any text.
        known: the patient's own identifiers where they are known (names, numbers, address lines): found wherever they
            stand as whole words, in any case.
        ordinary: words known to be nobody's, in small letters; see `capitalised_words`.
        words_too: the patient's names that are words as well.
    """
    taken: list[Identifier] = []
    named = list(words_too.find(text, ordinary | small_words(text))) if words_too != NOBODY else []
    told = [*known_in(text, known, ordinary)]
    certain = {*told, *named}
    # Of "April 3, 2019" the whole is a date, though somebody be called April.
    months = [each for each in told if _MONTH.fullmatch(text, each.start, each.end)]
    first = [each for each in told if each not in months]
    candidates = [*first, *_by_pattern(text), *months, *named, *unknown_capitals(text, ordinary)]
    for each in [*candidates, *_repeated_names(text, candidates, ordinary)]:
        found = _without_title(text, each) if each.kind == NAME else each
        if found.start == found.end and each not in certain:
            continue
        found = each if found.start == found.end else found
        beside = _overlapping(taken, found)
        if not beside:
            insort(taken, found, key=_start)
        elif found.kind in (NAME, LOCATION, ORGANISATION):
            for rest in _uncovered(text, found, beside):
                insort(taken, rest, key=_start)
    return taken


def _start(identifier: Identifier) -> int:
    return identifier.start


def _overlapping(taken: Sequence[Identifier], found: Identifier) -> list[Identifier]:
    """Those of some identifiers, in order and apart from one another, that share a character with another."""
    end = bisect_left(taken, found.end, key=_start)
    first = end
    while first > 0 and taken[first - 1].end > found.start:
        first -= 1
    return list(taken[first:end])


_MONTH = re.compile(MONTH, _I)
_FIRST_WORD = re.compile(r"([^\W\d_]+)(?![\w'’-])\.?\s*")


def _without_title(text: str, name: Identifier) -> Identifier:
    """A name without the titles, trades and kin that stand before it: empty if it is no more."""
    start = name.start
    while (word := _FIRST_WORD.match(text, start, name.end)) and word[1].lower() in NO_GIVEN_NAMES:
        start = word.end()
    return Identifier(start, name.end, NAME)


def _uncovered(text: str, name: Identifier, beside: Sequence[Identifier]) -> Iterator[Identifier]:
    """What is left of a name beside identifiers found: of "John Perry", with "Perry" found, the "John"."""
    for word in re.finditer(r"[\w'’-]+\.?", text[name.start : name.end]):
        start, end = name.start + word.start(), name.start + word.end()
        if all(end <= other.start or start >= other.end for other in beside):
            yield Identifier(start, end, name.kind)


def _by_pattern(text: str) -> Iterator[Identifier]:
    for each in (*DETECTORS, *GENERAL):
        yield from each.find(text)


def _repeated_names(text: str, found: Iterable[Identifier], ordinary: frozenset[str]) -> Iterator[Identifier]:
    """The other mentions of names found once: "Mr. Perry" makes every "Perry", and "John Perry", a name."""
    words = {
        word
        for identifier in found
        if identifier.kind == NAME
        for word in re.findall(r"[\w'’-]+", text[identifier.start : identifier.end])
        if len(word) > 2
        and word[0].isupper()
        and not ALSO_WORDS.fullmatch(word.lower())
        and word.lower() not in NEVER_NAMES
    }
    spellings = words | {w.capitalize() for w in words if w.isupper()} | {w.upper() for w in words if len(w) > 3}
    if spellings:
        surname = "|".join(sorted(map(re.escape, spellings), key=len, reverse=True))
        given = rf"(?:{NO_GIVEN_NAME}{NOT_NAMES}(?:{WORD}|[A-Z]\.)[ \t]+){{0,2}}"
        for match in re.finditer(rf"(?<![\w'’-]){given}(?P<known>{surname})(?!\w)", text):
            start = match.start()
            while (word := _FIRST_WORD.match(text, start, match.start("known"))) and _is_no_given_name(
                word[1], ordinary
            ):
                start = word.end()
            yield Identifier(start, match.end(), NAME)


def _is_no_given_name(word: str, ordinary: frozenset[str]) -> bool:
    small = word.lower()
    return (small in ordinary or small in NEVER_NAMES) and not ALSO_WORDS.fullmatch(small)
