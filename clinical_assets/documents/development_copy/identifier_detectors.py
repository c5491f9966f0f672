"""Finds identifiers in clinical text by rules: names by their surroundings, numbers and addresses by their shape.

A table of patterns, the more certain first; where two overlap the earlier row wins. What these rules cannot see is
said in `deidentification`. Kinds follow the 18 identifiers of the HIPAA Safe Harbor method (45 CFR 164.514(b)(2)).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

NAME, DATE, AGE = "name", "date", "age"


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier found: `text[start:end]` is a `kind`."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Detector:
    """A pattern; its group `it`, or all of it, is an identifier of that kind."""

    kind: str
    pattern: re.Pattern[str]


def _detector(kind: str, pattern: str, flags: int = 0) -> Detector:
    return Detector(kind, re.compile(pattern, flags))


# One word of a name: Smith, O'Brien, McBee, Smith-Jones, D.; or in capitals.
# Every repetition is bounded: an unbounded one makes a long run of hyphens cost the square of its length.
_WORD = r"(?:(?:[A-Z]['’])?(?:Mc|Mac|De|Van|La|Le)?[A-Z][a-zà-ÿ]{1,30}(?:[-'’][A-Z]?[a-zà-ÿ]{1,30}){0,3})"
_CAPITALS = r"(?:[A-Z]['’]?[A-Z]{1,30}(?:[-'’][A-Z]{1,30}){0,3})"
_INITIAL = r"(?:[A-Z]\.?(?![a-z]))"
# Words in capitals, or with one, that stand beside names without being part of them.
_NOT_NAMES = (
    r"(?!(?:The|This|That|He|She|They|We|I|It|Will|Has|Had|Is|Was|In|On|At|By|For|From|With|And|Or|Patient|Name|Date"
    r"|DOB|Age|Sex|Gender|MRN|Seen|Please|Phone|Fax|Address|Plan|History|Department|Hospital|Clinic|Unknown|None|Practitioner"
    r"|Denies|Type|NAME|DATE|AGE|SEX|PATIENT|ATTENDING|ADMIT|SERVICE|STATUS|SIGNED|NOT|MD|DO|RN|NP|PA|PHD|THE|AND|ON"
    r"|AT|FOR|IS|WAS|HAS|URGENCY|ENTRY|DICTATED)\b)"
)
_PART = rf"{_NOT_NAMES}(?:{_WORD}|{_CAPITALS}|{_INITIAL})"
_FULL = rf"(?:{_PART}(?:,?[ \t]+{_PART}){{0,3}})"
_SEVERAL = rf"(?:{_PART}(?:[ \t]+{_PART}){{1,3}})"
# No "mother" or "father": what follows those labels is a diagnosis.
_LABELS = (
    r"(?:patient|pt|full|first|last|legal|preferred|maiden)(?:['’]s)? name|patient|pt"
    r"|attending(?: physician| provider)?|physician|provider|surgeon|assistant|assistant surgeon|co-?surgeon"
    r"|anesthesiologist|radiologist|pathologist|resident|fellow|author|pcp|primary care (?:physician|provider)"
    r"|referring (?:physician|provider|md)|ordering (?:physician|provider)"
    r"|(?:dictated|transcribed|signed|verified|reviewed|read|reported|requested|cosigned|authenticated) by"
    r"|emergency contact|next of kin|guardian|spouse|caregiver|interpreter"
)
_PHYSICIANS = r"attending|surgeon|physician|provider|radiologist|pathologist|resident|fellow|pcp"
_NOT_A_ROLE = (
    rf"{_NOT_NAMES}(?!(?:Attending|Primary|Referring|Covering|Consulting|Ordering|Resident|Outside|Per|Your|Any)\b)"
)
_SIGNING = r"(?:electronically )?signed by|dictated by|transcribed by|verified by|reviewed by"
_TITLES = (
    r"(?:(?:Drs?|Mr|Mrs|Ms|Miss|Mx|Prof|Rev)\b\.?|(?:DRS?|MRS?|MS|PROF|drs?|mrs?|ms|prof)\."
    r"|Professor\b|Doctor\b|Nurse\b)"
)
_SURE_CREDENTIALS = r"(?:M\.?D\.?|R\.?N\.?|Ph\.?D\.?|PA-C|APRN|CRNP|FNP|Pharm\.?D\.?|LCSW)(?!\w)"
_CREDENTIALS = rf"(?:{_SURE_CREDENTIALS}|(?:D\.?O\.?|N\.?P\.?|P\.?A\.?|DDS|DPM)(?!\w))"
_RELATIVES = (
    r"wife|husband|spouse|partner|mother|father|mom|dad|son|daughter|brother|sister|aunt|uncle|grandmother|grandfather"
    r"|friend|neighbor|guardian|caregiver"
)
_STREET = (
    r"Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Place|Way|Terrace|Circle|Highway|Hwy|Parkway|Pkwy"
    r"|Square|Trail"
)
_STATES = (
    "AK|AL|AR|AZ|CA|CO|CT|DC|DE|FL|GA|HI|IA|ID|IL|IN|KS|KY|LA|MA|MD|ME|MI|MN|MO|MS|MT|NC|ND|NE|NH|NJ|NM|NV|NY|OH|OK|OR|PA"
    "|RI|SC|SD|TN|TX|UT|VA|VT|WA|WI|WV|WY"
)
_TOWN = r"[A-Z][A-Za-z.'-]{1,30}(?:\s{1,5}[A-Z][A-Za-z.'-]{1,30}){0,2}"
_PLACE = r"[A-Z][a-z][a-z.'-]{1,30}(?:\s[A-Z][a-z.'-]{1,30}){0,2}"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?|JAN(?:UARY)?|FEB(?:RUARY)?|MAR(?:CH)?|APR(?:IL)?|MAY|JUNE?|JULY?|AUG(?:UST)?"
    r"|SEPT?(?:EMBER)?|OCT(?:OBER)?|NOV(?:EMBER)?|DEC(?:EMBER)?)"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_NTH = r"(?:st|nd|rd|th)?"
# 21xx: the shifted calendar of releases that are shifted already.
_YEAR = r"(?:19|20|21)\d\d"
# "on 3/26" is a day; "pain of 7/10", "4/5 strength" and "2/6 murmur" are not.
_DAY_FOLLOWS = r"(?:on|since|until|dated|admitted|discharged|seen)[: ]+"
_IS_A_GRADE = r"(?!\s*(?:strength|in the|bilateral|systolic|diastolic|pain|murmur|scale))"
_NO_DOSE = r"(?!\s*(?:mg|mcg|ml|%|units|tablets|/|\.\d|-year|:))"
_NO_AMOUNT = r"(?!\s*(?:mg|mcg|ml|cc|g|units|kcal|steps|cells|copies|%|/)|[.,]\d)"
_NUMBER_LABELS = (
    r"(?:MRN|MR ?#|M\.R\.N\.|medical record(?: (?:number|no\.?|#))?|patient (?:id|identifier|number)"
    r"|chart (?:number|no\.?)|account(?: (?:number|no\.?))?|acct|accession(?: (?:number|no\.?))?|member id"
    r"|policy(?: (?:number|no\.?))?|insurance id|health plan(?: id)?|subscriber id|encounter (?:id|number)"
    r"|visit (?:id|number)|medicare|medicaid|csn|npi|dea"
    r"|license(?: (?:number|no\.?))?|serial(?: (?:number|no\.?))?|device id|s/n"
    r"|case (?:number|no\.?)|specimen (?:id|number))"
)
_NUMBER = r"(?=[A-Z0-9-]*\d)[A-Z0-9][A-Z0-9-]{3,19}"
_PHONE_LABELS = r"(?:phone|tel|telephone|cell|fax|mobile|call|home|work)"
_EXTENSION = r"(?:\s*(?:x|ext\.?)\s*\d{1,6})?"
# "Anna Mitchell is a pleasant 40-year-old", "Anna Mitchell, a 40-year-old"
_IS_SO_OLD = (
    r",?[ \t]+(?:(?:is|was)[ \t]+)?an?[ \t]+(?:[a-z]+,?[ \t]+){0,4}\d{1,3}[ -]?(?:year|yr|y\.?o|month|week|day)"
)
# "seen by John Perry", "met with Anna Quist": two names after what people do with one another, unless it is a service.
_MET = (
    r"(?:seen|evaluated|examined|assisted|accompanied|followed|interviewed|performed|supervised|covered|joined|treated)"
    r" by"
    r"|(?:met|meet|spoke|spoken|speak|discussed|reviewed|talked) with"
)
_NO_SERVICE = (
    r"(?!(?:Neuro\w{0,12}|Onco\w{0,6}|Radi\w{0,8}|Cardi\w{0,8}|Surg\w{0,6}|Medic\w{0,4}|Nurs\w{0,4}|Pharmacy|Social|Case|Physical"
    r"|Occupational|Speech|Palliative|Infectious|Interventional|Critical|Intensive|Emergency|Primary|Internal|Family"
    r"|Pediatric\w?|Orthop\w{0,6}|Vascular|General|Home|Blood|Tumor|Risk|Quality|Endocrin\w{0,5}|Gastro\w{0,12}|Hemat\w{0,6}"
    r"|Nephro\w{0,4}|Psych\w{0,6}|Patho\w{0,5}|Pulmo\w{0,6}|Rheuma\w{0,6}|Derm\w{0,8}|Uro\w{0,5}|Trauma|Transplant|Wound|Pain"
    r"|Hospital\w{0,3}|Outpatient|Inpatient|Brain|Head|Chest|Vital|Review|Labs?|Imaging|Anesth\w{0,8}|Ophthal\w{0,6}|Geri\w{0,6}"
    r"|Plastic|Sleep|Stroke|Thoracic|Acute|Care|Consult\w{0,5}|Child|Spiritual|Chaplain\w{0,2}|Respiratory|Nutrition)\b)"
)
_SAYS = (
    r"present(?:ed|s)|reports|reported|denies|denied|states|stated|returns|returned|complains|complained|feels|agrees|agreed"
    r"|called|tells|told|says|said|describes|described|endorses|endorsed|underwent"
)
_NINETY = (
    r"(?:ninety(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?"
    r"|(?:one|a)[ -]hundred(?:[ -](?:and[ -])?(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))?)"
)
# What may stand, with a capital, before a surname without being a given name.
_NO_GIVEN_NAME = (
    r"(?!(?:While|When|As|If|Since|After|Before|Both|Although|However|Today|Overall|Regarding|Because|Until|Did|Does|Can|Per"
    r"|To|Of|Dr|Mr|Mrs|Ms|Miss|Prof|Nurse|Doctor|Professor)\b)"
)
_I = re.IGNORECASE

DETECTORS: tuple[Detector, ...] = (
    _detector("email", r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b"),
    _detector("url", r"\bhttps?://[^\s<>\"')]+|\bwww\.[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}(?:/[^\s<>\"')]*)?", _I),
    _detector("ssn", r"\b\d{3}-\d{2}-\d{4}\b"),
    _detector("ssn", r"\b(?:SSN|social security(?: (?:number|no\.?))?)\s*[:#]?\s*(?P<it>\d[\d -]{7,10}\d)", _I),
    _detector("number", rf"\b{_NUMBER_LABELS}\s*(?:[:#]|is|no\.?)?\s*#?\s*(?P<it>{_NUMBER})\b", _I),
    _detector("number", r"(?<![\w&])#\s?(?P<it>\d{6,12})\b"),
    _detector("number", r"\bID[: #]{1,3}(?P<it>\d{5,12})\b"),
    # the shape of pathology's accession numbers: S19-12345
    _detector("number", r"\b[A-Z]{1,2}\d\d-\d{4,7}\b"),
    _detector(
        "phone",
        rf"(?<![\d.-])(?:\+?1[ .-]?)?(?:\(\d{{3}}\) ?|\d{{3}}[ ./-])\d{{3}}[ .-]\d{{4}}{_EXTENSION}(?![\d-])",
        _I,
    ),
    _detector("phone", rf"\b{_PHONE_LABELS}\s*(?:number|no\.?)?\s*[:#]?\s*(?P<it>\d{{3}}-\d{{4}}|\d{{7,10}})\b", _I),
    _detector("phone", r"\b(?:pager|beeper|pgr)\s*(?:number|no\.?|is)?\s*[:#]?\s*(?P<it>\d{4,10})\b", _I),
    _detector(
        "phone", r"\b(?:ext\.?|extension)\s{0,3}(?:number|no\.?|is|at)?\s{0,3}[:#]?\s{0,3}(?P<it>\d[\d-]{2,6}\d)\b", _I
    ),
    _detector("phone", r"\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]){2,5}\d{2,4}\b"),
    _detector("ip", r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
    _detector(
        "address",
        rf"\b\d{{1,6}}[A-Z]?\s+(?:[NSEW]\.?\s+)?(?:[A-Z][\w'.-]{{0,30}}\s{{1,5}}){{1,4}}(?:{_STREET})\b\.?"
        r"(?:,?\s+(?:Apt|Apartment|Suite|Ste|Unit|#)\.?\s*#?\w{1,6})?",
    ),
    # a house number and a street without its type, where somebody lives
    _detector(
        "address",
        r"\b(?i:liv(?:es?|ing)|resid(?:es?|ing)|stay(?:s|ing)|address)\s{0,3}(?:is )?(?:at|to|:)\s{1,3}"
        rf"(?P<it>\d{{1,6}}[A-Z]?\s[A-Z][\w'-]{{1,30}}(?:\s[A-Z][\w'-]{{1,30}}){{0,3}}\.?(?:,\s{{1,3}}{_TOWN})?)",
    ),
    _detector("address", r"\bP\.?\s?O\.?\s+Box\s+\d+\b", _I),
    _detector("address", rf"\b{_TOWN},?\s+(?:{_STATES})\.?,?\s+\d{{5}}(?:-\d{{4}})?\b"),
    _detector("address", rf"\b(?:from|in|of|near|to)\s{{1,3}}(?P<it>{_PLACE},\s{{1,3}}(?:{_STATES}))(?!\w)"),
    _detector("address", r"\b(?:zip(?: ?code)?)\s*[:#]?\s*(?P<it>\d{5}(?:-\d{4})?)\b", _I),
    # dates with their year, then months, then days without a year where the words before say that they are days
    _detector(DATE, rf"\b{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?=\b|T)"),
    _detector(DATE, rf"(?<![\d/.]){_YEAR}(?P<mark>[/.])(?:0[1-9]|1[0-2])(?P=mark)(?:0[1-9]|[12]\d|3[01])(?![\d/])"),
    _detector(DATE, rf"(?<![\d/.]){_DAY}/{_DAY}/(?:{_YEAR}|\d\d)(?![\d/])"),
    # with a short year only where every part has two digits: 2.1.20 is a number of something
    _detector(
        DATE, r"(?<![\d.-])(?:0[1-9]|[12]\d|3[01])(?P<mark>[.-])(?:0[1-9]|[12]\d|3[01])(?P=mark)\d\d(?![\d.-]\d|\d)"
    ),
    _detector(DATE, rf"\b{_DAY}{_MONTH}(?:{_YEAR}|\d\d)\b"),
    _detector(DATE, rf"\b{_MONTH}\.? ['’]\d\d\b"),
    _detector(DATE, rf"(?<![\d.-]){_DAY}(?P<mark>[.-]){_DAY}(?P=mark){_YEAR}(?![\d-])"),
    _detector(DATE, rf"\b{_MONTH}\.?[ -]{_DAY}{_NTH}(?:,[ ]*|[ -]){_YEAR}\b"),
    _detector(DATE, rf"\b{_DAY}{_NTH}(?: of)?[ -]{_MONTH}\.?(?:,[ ]*|[ -]){_YEAR}\b"),
    _detector(DATE, rf"\b{_MONTH}\.?,? {_YEAR}\b"),
    _detector(DATE, rf"(?<![\d/.])(?:0?[1-9]|1[0-2])/{_YEAR}\b"),
    _detector(DATE, rf"\b{_MONTH}\.? {_DAY}{_NTH}\b{_NO_DOSE}"),
    _detector(DATE, rf"\b{_DAY}{_NTH} (?:of )?{_MONTH}\b"),
    _detector(
        DATE,
        rf"\b(?i:mid|early|late|end of|beginning of|in|since|until|last|next|this)[ -](?P<it>{_MONTH})\b{_NO_DOSE}",
    ),
    _detector(DATE, rf"\b[Oo]n the (?P<it>{_DAY}(?:st|nd|rd|th))(?=[.,;:)]|\s*$)", re.MULTILINE),
    _detector(DATE, rf"\b{_DAY_FOLLOWS}(?P<it>(?:0?[1-9]|1[0-2])/{_DAY})(?![\d/%]){_IS_A_GRADE}", _I),
    _detector(DATE, rf"^[ \t]*(?P<it>(?:0?[1-9]|1[0-2])/{_DAY})(?=:[ \t])", re.MULTILINE),
    _detector(DATE, rf"(?<![\w.-]){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?![\w-])"),
    # a year alone may stay by the rule of Safe Harbor, but beside shifted dates it would give the shift away
    _detector(DATE, rf"\b(?:in|since|from|until|year|circa|early|late|mid)[ -](?P<it>{_YEAR})\b{_NO_AMOUNT}", _I),
    # ages above 89
    _detector(AGE, r"\b(?P<it>9\d|1[0-3]\d)(?=[ -]*(?:year|yr|y)s?[ -]*(?:/|-)?[ -]*(?:old|o)\b)", _I),
    _detector(AGE, r"\b(?:aged?|age is|age of)\s*[:=]?\s*(?P<it>9\d|1[0-3]\d)\b(?!\s*(?:%|days|months|weeks))", _I),
    _detector(AGE, r"\b(?P<it>9\d|1[0-3]\d)(?=[ -]*(?:y\.?o\.?\b|yo[mf]?\b|years of age))", _I),
    _detector(AGE, rf"\b(?P<it>{_NINETY})(?=[ -]years?\b)", _I),
    _detector(
        AGE,
        rf"\b(?:aged|turned|turning|age of)\s{{1,3}}(?P<it>9\d|1[0-3]\d|{_NINETY})\b"
        r"(?!\s*(?:%|degrees|days|months|weeks))",
        _I,
    ),
    # "94F with a fall" opens a sentence or follows an article; "temperature 101 F" does neither
    _detector(
        AGE,
        r"(?:^|[.!?]\s|\b(?:a|an|this)\s)(?P<it>9\d|1[0-3]\d)(?=\s?[FM](?:,|\s(?:with|w/|who|s/p|presenting)))",
        re.MULTILINE,
    ),
    # names by their surroundings
    _detector(NAME, rf"\b(?i:{_LABELS})[ \t]*[:][ \t]*(?P<it>{_FULL})"),
    _detector(NAME, rf"\b(?i:{_SIGNING})[ \t]+(?P<it>{_FULL})"),
    _detector(NAME, rf"\b{_TITLES}[ \t]+(?P<it>{_FULL}(?:[ \t]+(?:and|&)[ \t]+{_FULL})?)"),
    _detector(NAME, rf"\b(?i:{_PHYSICIANS})[ \t]+[-–][ \t]+(?P<it>{_FULL})"),
    _detector(NAME, rf"\b(?P<it>{_NOT_A_ROLE}{_WORD})[ \t]+(?=M\.?D\.?(?!\w))"),
    _detector(NAME, rf"\b(?P<it>{_FULL}),[ \t]+(?={_SURE_CREDENTIALS})"),
    _detector(NAME, rf"\b(?P<it>{_SEVERAL}),?[ \t]+(?={_CREDENTIALS})"),
    _detector(NAME, rf"\b(?i:{_RELATIVES}),?[ \t]+(?P<it>{_NOT_NAMES}{_WORD}(?:[ \t]+{_NOT_NAMES}{_WORD})?)\b"),
    _detector(NAME, rf"\bDear[ \t]+(?P<it>{_FULL})"),
    _detector(NAME, rf"\b(?i:sincerely|regards|respectfully),[ \t]+(?P<it>{_FULL})"),
    _detector(NAME, rf"\b(?i:{_MET})[ \t]+{_NO_SERVICE}(?P<it>{_SEVERAL})"),
    _detector(NAME, rf"\b(?i:named|whose name is)[ \t]+(?P<it>{_FULL})"),
    _detector(NAME, rf"\b(?P<it>{_SEVERAL})(?=[ \t]\((?:{_RELATIVES})\))"),
    _detector(NAME, rf"\b(?i:{_RELATIVES}) of[ \t]+(?P<it>{_SEVERAL})"),
    _detector(NAME, rf"\b{_NO_SERVICE}(?P<it>{_WORD}[ \t]+{_WORD})(?=[ \t](?:{_SAYS})\b)"),
    _detector(NAME, rf"\b(?P<it>{_SEVERAL})(?={_IS_SO_OLD})"),
)

# Words that are names and also medicine, colours, months or plain English: alone they are not replaced elsewhere in
# the text.
ALSO_WORDS = re.compile(
    "white|black|brown|green|gray|grey|young|long|short|stone|day|rose|bell|may|april|june|august|will|grant|hand|foot|head"
    "|back|parkinson|alzheimer|hodgkin|crohn|graves|down|burns|cushing|addison|paget|wilson|barrett|marsh|price|chambers|park"
    "|lake|banks|fields?|woods?|rice|cook|baker|mason|hope|grace|joy|faith|art|mark|bill|rich|frank|dean|major|best|good"
    "|english|french|german|hunt|chase|cross|little|small|large|strong|power|law|love|rush|hall|wall|mills|ray|case|page"
    "|bond|ford|king|knight|bishop|pope|miller|smart|wise|sharp|swift|west|north|south|east|summer|winter|snow|frost|rivers"
)


def detect(text: str, known: Iterable[str] = ()) -> list[Identifier]:
    """Identifiers in a text, in order, not overlapping.

    Args:
        text: any text.
        known: the patient's own identifiers where they are known (names, numbers, address lines): found wherever they
            stand as whole words, in any case.
    """
    taken: list[Identifier] = []
    candidates = [*_known(text, known), *_by_pattern(text)]
    for found in [*candidates, *_repeated_names(text, candidates)]:
        beside = [t for t in taken if t.start < found.end and t.end > found.start]
        if not beside:
            taken.append(found)
        elif found.kind == NAME:
            taken += _uncovered(text, found, beside)
    return sorted(taken, key=lambda identifier: identifier.start)


def _uncovered(text: str, name: Identifier, beside: Sequence[Identifier]) -> Iterator[Identifier]:
    """What is left of a name beside identifiers found: of "John Perry", with "Perry" found, the "John"."""
    for word in re.finditer(r"[\w'’-]+\.?", text[name.start : name.end]):
        start, end = name.start + word.start(), name.start + word.end()
        if all(end <= other.start or start >= other.end for other in beside):
            yield Identifier(start, end, NAME)


def _known(text: str, known: Iterable[str]) -> Iterator[Identifier]:
    for value in sorted({v.strip() for v in known if len(v.strip()) > 1}, key=len, reverse=True):
        words = r"\s+".join(re.escape(word) for word in value.split())
        for match in re.finditer(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE):
            yield Identifier(match.start(), match.end(), "number" if any(c.isdigit() for c in value) else NAME)


def _by_pattern(text: str) -> Iterator[Identifier]:
    for detector in DETECTORS:
        for match in detector.pattern.finditer(text):
            group = "it" if "it" in detector.pattern.groupindex else 0
            yield Identifier(match.start(group), match.end(group), detector.kind)


def _repeated_names(text: str, found: Iterable[Identifier]) -> Iterator[Identifier]:
    """The other mentions of names found once: "Mr. Perry" makes every "Perry", and "John Perry", a name."""
    words = {
        word
        for identifier in found
        if identifier.kind == NAME
        for word in re.findall(r"[\w'’-]+", text[identifier.start : identifier.end])
        if len(word) > 2 and word[0].isupper() and not ALSO_WORDS.fullmatch(word.lower())
    }
    spellings = words | {w.capitalize() for w in words if w.isupper()} | {w.upper() for w in words if len(w) > 3}
    if spellings:
        surname = "|".join(sorted(map(re.escape, spellings), key=len, reverse=True))
        given = rf"(?:{_NO_GIVEN_NAME}{_NOT_NAMES}(?:{_WORD}|[A-Z]\.)[ \t]+){{0,2}}"
        for match in re.finditer(rf"(?<![\w'’-]){given}(?:{surname})(?!\w)", text):
            yield Identifier(match.start(), match.end(), NAME)
