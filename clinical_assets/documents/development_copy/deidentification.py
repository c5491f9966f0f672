"""De-identification for development copies: dates shifted per patient, identifiers replaced consistently.

What this can do: with a secret kept by the hospital, every patient's dates move by one number of weeks (weekdays and
intervals stay), and the same identifier of the same patient always becomes the same token, so a copy remains usable
for development. Identifiers are found by what the caller says they are (`known_identifiers`: names and numbers from
the patient's record, as people write them, by far the most reliable source), by phrasings (`identifier_detectors`), by
the general shapes of numbers, dates and addresses (`general_detectors`), and by capitals where English writes none
(`capitalised_words`).

What this cannot do: it is a set of rules, not a guarantee, and its output is still protected health information in law
until an expert has determined otherwise or every Safe Harbor identifier is known to be gone. Of whole notes that nobody
had in mind it finds four identifiers out of five. Unless they are known it misses names in lower case, names that are
ordinary words or medicine's (Miss Grace; Dr. Wilson, away from his title; where they are known it misses them in lower
case), a first name that opens a sentence without a verb of people, most names in notes in capitals, institutions and
employers named without a word such as "Hospital", short numbers without a label, and rare diseases or events that point
to one person; it sees nothing in an image. It leaves times of day. And it takes some words of medicine for names: an
eponym or a brand it does not list.
`deidentification_trial` measures all this on made-up notes, by kind; a made-up set flatters any rule.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from clinical_assets.documents.development_copy.composed_text import composed
from clinical_assets.documents.development_copy.identifier_detectors import detect
from clinical_assets.documents.development_copy.identifiers import AGE, DATE, NAME
from clinical_assets.documents.development_copy.names_that_are_words import NOBODY, NamesThatAreWords
from clinical_assets.documents.readers.reading import Span

_SHORTEST_SECRET = 16
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_NUMERIC = re.compile(r"(\d{1,4})([/.-])(\d{1,2})(?:\2(\d{2,4}))?")
_MONTH_AND_YEAR = re.compile(r"(\d{1,2})/(\d{4})")
_WITH_NAME = re.compile(r"[A-Za-z]{3,}")
# Two-digit years: as far ahead of the present as a scheduled visit, the rest in the past century.
_PIVOT = 35
# A month without a day moves with its middle.
_MID_MONTH = 15


@dataclass(frozen=True, slots=True)
class Replacement:
    """`text[start:end]` of the original became `written`."""

    start: int
    end: int
    kind: str
    written: str


@dataclass(frozen=True, slots=True)
class Deidentified:
    """A text without the identifiers found.

    Attributes:
        text: the new text.
        replacements: in order of the original text. They hold no original words.
        counts: replacements by kind.
    """

    text: str
    replacements: tuple[Replacement, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    def moved(self, span: Span) -> Span:
        """A span of the original text as a span of the new one; an edge inside a replacement moves to that side of it.

        Its title stays only where the new text has it at that place: an attachment's title is a file's name, stands
        nowhere in the text, and no rule has read it.
        """
        start, end = self._offset(span.start, later=False), self._offset(span.end, later=True)
        stands = span.title is not None and self.text.startswith(span.title, start)
        return replace(span, start=start, end=end, title=span.title if stands else None)

    def _offset(self, at: int, later: bool) -> int:
        shift = 0
        for each in self.replacements:
            if each.end <= at:
                shift += len(each.written) - (each.end - each.start)
            elif each.start < at:
                begin = each.start + shift
                return begin + len(each.written) if later else begin
            else:
                break
        return at + shift


@dataclass(frozen=True)
class Deidentifier:
    """Replaces identifiers consistently under one secret.

    Attributes:
        secret: at least 16 bytes, kept by the hospital and away from the copies: who has it can link them.
        fewest_weeks: the least a patient's dates move back.
        most_weeks: the most.
        day_first: whether 3/4/2020 is the third of April.
    """

    secret: bytes
    fewest_weeks: int = 52
    most_weeks: int = 520
    day_first: bool = False

    def __post_init__(self) -> None:
        if len(self.secret) < _SHORTEST_SECRET:
            raise ValueError(f"the secret has {len(self.secret)} bytes; expected at least {_SHORTEST_SECRET}")
        if not 0 < self.fewest_weeks <= self.most_weeks:
            raise ValueError(f"dates must move by 1 or more weeks, found {self.fewest_weeks} to {self.most_weeks}")

    def __repr__(self) -> str:
        return f"Deidentifier({self.fewest_weeks}-{self.most_weeks} weeks)"

    def shift(self, patient_id: str) -> dt.timedelta:
        """How far a patient's dates move: always the same, always back, a whole number of weeks."""
        span = self.most_weeks - self.fewest_weeks + 1
        weeks = self.fewest_weeks + int.from_bytes(self._digest("shift", patient_id)[:8], "big") % span
        return -dt.timedelta(weeks=weeks)

    def pseudonym(self, identifier: str, of: str = "patient") -> str:
        """The name of a patient, or of another thing with an id, in the copy: 16 hexadecimal digits."""
        return self._digest(of, identifier).hex()[:16]

    def token(self, patient_id: str, kind: str, value: str) -> str:
        """What stands for an identifier of a patient, e.g. `[name-3f9a1c]`; upper and lower case are the same."""
        normal = re.sub(r"[\s.-]+", " ", value).strip().casefold()
        return f"[{kind}-{self._digest(kind, patient_id, normal).hex()[:6]}]"

    def text(
        self,
        text: str,
        patient_id: str,
        known: Iterable[str] = (),
        document_date: dt.date | None = None,
        ordinary: frozenset[str] = frozenset(),
        words_too: NamesThatAreWords = NOBODY,
    ) -> Deidentified:
        """Replace the identifiers of one document.

        Args:
            text: its text.
            patient_id: whose it is; decides the shift and the tokens.
            known: the patient's own identifiers, see `known_identifiers`.
            document_date: gives the year of dates written without one; without it such dates become `[date]`.
            ordinary: words known to be nobody's, in small letters; see `capitalised_words`.
            words_too: the patient's names that are words as well, see `names_that_are_words`.
        """
        shift = self.shift(patient_id)
        replacements: list[Replacement] = []
        read = composed(text)
        for found in detect(read.text, known, ordinary, words_too):
            value = read.text[found.start : found.end]
            if found.kind == DATE and found.weak:
                written = "[date]"
            elif found.kind == DATE:
                written = self._date(value, shift, document_date)
            elif found.kind == AGE:
                written = "90+"
            elif found.kind == NAME:
                written = re.sub(r"[\w'’-]+\.?", lambda word: self.token(patient_id, NAME, word[0]), value)
            else:
                written = self.token(patient_id, found.kind, value)
            replacements.append(Replacement(*read.original(found.start, found.end), found.kind, written))
        out: list[str] = []
        done = 0
        for each in replacements:
            out += [text[done : each.start], each.written]
            done = each.end
        counts = dict(Counter(each.kind for each in replacements))
        return Deidentified("".join([*out, text[done:]]), tuple(replacements), counts)

    def frame(
        self, frame: pl.DataFrame, patient: str, moments: Sequence[str], drop: Sequence[str] = ()
    ) -> pl.DataFrame:
        """De-identify a table: the patient column by pseudonyms, dates and times shifted, named columns dropped.

        Args:
            frame: one patient per row.
            patient: the patient's column; becomes text.
            moments: Date and Datetime columns.
            drop: columns that identify and are of no use (names, addresses).
        """
        patients = frame[patient].unique().drop_nulls().to_list()
        keys = pl.DataFrame(
            {
                patient: pl.Series(patients, dtype=frame.schema[patient]),
                "_pseudonym": [self.pseudonym(str(p)) for p in patients],
                "_shift": pl.Series([self.shift(str(p)) for p in patients], dtype=pl.Duration("us")),
            }
        )
        joined = frame.drop(*drop).join(keys, on=patient, how="left", maintain_order="left")
        # A row without a patient has no shift: its dates are dropped, not kept.
        shifted = (
            (pl.col(name) + pl.col("_shift")).cast(frame.schema[name]).alias(name)
            for name in moments
            if name not in drop
        )
        return joined.with_columns(pl.col("_pseudonym").alias(patient), *shifted).drop("_pseudonym", "_shift")

    def _digest(self, *parts: str) -> bytes:
        return hmac.new(self.secret, "\x1f".join(parts).encode("utf-8", "replace"), hashlib.sha256).digest()

    def _date(self, written: str, shift: dt.timedelta, document_date: dt.date | None) -> str:
        """The shifted date in the form it was written in; `[date]` where it is no date we can move."""
        try:
            if _WITH_NAME.search(written):
                return _shifted_with_name(written, shift, document_date)
            return self._shifted_numeric(written, shift, document_date)
        except (ValueError, OverflowError):
            return "[date]"

    def _shifted_numeric(self, written: str, shift: dt.timedelta, document_date: dt.date | None) -> str:
        if len(written) == 4 and written.isdigit():
            return str((dt.date(int(written), 7, 1) + shift).year)
        if len(written) == 8 and written.isdigit():
            return (dt.datetime.strptime(written, "%Y%m%d").date() + shift).strftime("%Y%m%d")
        monthly = _MONTH_AND_YEAR.fullmatch(written)
        if monthly:
            moved = dt.date(int(monthly[2]), int(monthly[1]), _MID_MONTH) + shift
            return f"{_padded(moved.month, monthly[1])}/{moved.year}"
        match = _NUMERIC.fullmatch(written)
        if match is None:
            raise ValueError
        first, separator, second, third = match.groups()
        if len(first) == 4:
            moved = dt.date(int(first), int(second), int(third)) + shift
            return moved.strftime(f"%Y{separator}%m{separator}%d")
        if third is None:
            moved = _nearest(int(first), int(second), document_date) + shift
            return f"{_padded(moved.month, first)}{separator}{_padded(moved.day, second)}"
        month, day = (int(second), int(first)) if self.day_first else (int(first), int(second))
        swapped = month > 12
        if swapped:
            month, day = day, month
        moved = dt.date(_full_year(third), month, day) + shift
        day_leads = self.day_first != swapped
        lead, follow = (moved.day, moved.month) if day_leads else (moved.month, moved.day)
        year = f"{moved.year}" if len(third) == 4 else f"{moved.year % 100:02}"
        return f"{_padded(lead, first)}{separator}{_padded(follow, second)}{separator}{year}"


def _padded(number: int, like: str) -> str:
    return f"{number:02}" if like.startswith("0") or len(like) == 2 else str(number)


def _full_year(written: str) -> int:
    year = int(written)
    if len(written) == 4:
        return year
    return 2000 + year if year <= _PIVOT else 1900 + year


def _nearest(month: int, day: int, around: dt.date | None) -> dt.date:
    """The date of that month and day nearest to another date; ValueError without one."""
    if around is None:
        raise ValueError("a date without a year, in a document without a date")
    years = (around.year - 1, around.year, around.year + 1)
    return min((_date_or_28th(year, month, day) for year in years), key=lambda date: abs(date - around))


def _date_or_28th(year: int, month: int, day: int) -> dt.date:
    return dt.date(year, month, 28 if (month, day) == (2, 29) else day)


def _shifted_with_name(written: str, shift: dt.timedelta, document_date: dt.date | None) -> str:
    """Shift `March 27, 2009`, `27-Mar-2009`, `March 2009` or `March 27`, keeping the form; not `Mar '09`."""
    if "'" in written or "’" in written:
        raise ValueError
    name = _WITH_NAME.search(written)
    assert name is not None
    month = _MONTHS.index(name[0][:3].lower()) + 1
    numbers = re.findall(r"\d+", written)
    year = next((int(n) for n in numbers if len(n) == 4), None)
    days = [int(n) for n in numbers if len(n) <= 2]
    if len(days) > 1:  # several days of a month may move to two months
        raise ValueError
    day = next(iter(days), None)
    if year is None:
        moved = _nearest(month, day or _MID_MONTH, document_date) + shift
    else:
        moved = dt.date(year, month, day or _MID_MONTH) + shift
    out = written.replace(name[0], _named_like(moved.month, name[0]), 1)
    if year is not None:
        out = re.sub(r"\d{4}", str(moved.year), out, count=1)
    if day is not None:
        out = re.sub(r"(?<!\d)\d{1,2}(?:st|nd|rd|th)?(?!\d)", lambda old: _day_like(moved.day, old[0]), out, count=1)
    return out


def _named_like(month: int, like: str) -> str:
    full = _MONTH_NAMES[month - 1]
    short = len(like) <= 4 and like.lower() not in ("june", "july")
    name = full[:3] if short else full
    return name.upper() if like.isupper() else name


def _day_like(day: int, like: str) -> str:
    number = _padded(day, re.match(r"\d+", like)[0]) if like.startswith("0") else str(day)  # type: ignore[index]
    if not like[-1].isalpha():
        return number
    ending = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return number + ending
