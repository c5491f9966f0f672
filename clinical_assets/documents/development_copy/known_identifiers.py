"""Identifiers that are known of a patient, as people write them: the most reliable source there is.

A known name stands in documents inflected, in parts, with initials, under a nickname, without its accents, and with a
letter wrong; a known number with other spaces and hyphens. Whole known values are found in any case; what is derived
from them only where it is no ordinary word (`capitalised_words.Vocabulary`): of Anna White every "Anna" goes, and
"white count" stays. "White" with a capital is for `names_that_are_words`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

from clinical_assets.documents.development_copy.capitalised_words import Vocabulary
from clinical_assets.documents.development_copy.identifiers import NAME, NUMBER, Identifier
from clinical_assets.documents.development_copy.nicknames import NICKNAMES

_PART = re.compile(r"[^\W\d_]{2,40}")
_TOKEN = re.compile(r"[^\W\d_]{2,40}(?:['’][^\W\d_]{1,20})?")
_LONG = 6
"""Letters from which a name is still itself with one of them wrong."""
_MEDICINE = Vocabulary(frozenset())
_FEWEST_DIGITS = 6
_MOST_DIGITS = 20
# Names that are words, or months, or colours: alone they say nothing. Beside those `medical_capitals` lists.
ALSO_WORDS = re.compile(
    "white|black|brown|green|gray|grey|young|long|short|stone|day|rose|bell|may|april|june|august|will|grant|hand"
    "|foot|head"
    "|back|parkinson|alzheimer|hodgkin|crohn|graves|down|burns|cushing|addison|paget|wilson|barrett|marsh|price"
    "|chambers|park"
    "|lake|banks|fields?|woods?|rice|cook|baker|mason|hope|grace|joy|faith|art|mark|bill|rich|frank|dean|major"
    "|best|good"
    "|english|french|german|hunt|chase|cross|little|small|large|strong|power|law|love|rush|hall|wall|mills|ray"
    "|case|page"
    "|bond|ford|king|knight|bishop|pope|miller|smart|wise|sharp|swift|west|north|south|east|summer|winter|snow"
    "|frost|rivers"
)


class Alone(str):
    """A name without the rest of it that is a word as well: found only with a capital (`names_that_are_words`)."""

    __slots__ = ()


class Place(str):
    """A town, or a line of an address without a number: found only with a capital (`names_that_are_words`)."""

    __slots__ = ()


def written(value: str) -> re.Pattern[str]:
    """An identifier as whole words, in any case, for composed text (NFC); in a file's name underscores part words."""
    words = r"\s+".join(re.escape(word) for word in unicodedata.normalize("NFC", value).split())
    return re.compile(rf"(?<![^\W_]){words}(?![^\W_])", re.IGNORECASE)


def known_in(text: str, known: Iterable[str], ordinary: frozenset[str] = frozenset()) -> Iterator[Identifier]:
    """Where a text holds what is known, or something close to it; the more certain first.

    Args:
        text: any text.
        known: names, numbers, addresses.
        ordinary: words known to be nobody's, in small letters.
    """
    anyhow = (unicodedata.normalize("NFC", value).strip() for value in known if not isinstance(value, (Alone, Place)))
    values = sorted({value for value in anyhow if len(value) > 1}, key=lambda value: (-len(value), value))
    for value in values:
        kind = NUMBER if any(c.isdigit() for c in value) else NAME
        for match in written(value).finditer(text):
            yield Identifier(match.start(), match.end(), kind)
    for value in values:
        yield from _as_digits(text, value)
    names = [value for value in values if is_name_of_words(value)]
    yield from _as_names(text, names, Vocabulary(ordinary))


def _as_digits(text: str, value: str) -> Iterator[Identifier]:
    """A number in other groups: 617-555-0100 as (617) 555 0100."""
    digits = re.sub(r"\D", "", value)
    if not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS or len(digits) * 2 < sum(c.isalnum() for c in value):
        return
    for match in re.finditer(r"(?<!\d)\(?" + r"[ ()./-]{0,2}".join(digits) + r"(?!\d)", text):
        yield Identifier(match.start(), match.end(), NUMBER)


def _as_names(text: str, names: Iterable[str], vocabulary: Vocabulary) -> Iterator[Identifier]:
    parts = {part for name in names for part in _parts(name, vocabulary)}
    called = {nickname for part in parts for nickname in NICKNAMES.get(part, ())}
    close: dict[str, set[str]] = defaultdict(set)
    for part in parts:
        for less in _one_letter_less(part) if len(part) >= _LONG else ():
            close[less].add(part)
    if not parts:
        return
    for token in _TOKEN.finditer(text):
        word = re.sub(r"['’].*$", "", token[0])
        plain = folded(word)
        singular = plain.removesuffix("s")
        capital = word[0].isupper()
        if plain in parts or (capital and (singular in parts or plain in called)) or _is_close(word, close, vocabulary):
            yield Identifier(_with_initials(text, token.start()), token.start() + len(word), NAME)


def is_name_of_words(value: str) -> bool:
    """Whether a known identifier is a name: no number, address or account."""
    return not any(c.isdigit() or c in "@/" for c in value)


def says_nothing_alone(word: str) -> bool:
    """Whether a name is a word as well: of English, or of medicine."""
    return ALSO_WORDS.fullmatch(folded(word)) is not None or _MEDICINE.holds(word.capitalize())


def _parts(name: str, vocabulary: Vocabulary) -> Iterator[str]:
    """The words of a name that say something alone, in small letters and without accents."""
    for part in _PART.findall(name):
        plain = folded(part)
        alone = len(plain) > 2 and not ALSO_WORDS.fullmatch(plain) and not vocabulary.holds(part.capitalize())
        if alone:
            yield plain
            yield from {_umlauts(part)} - {plain}


def folded(word: str) -> str:
    """A word in small letters without its accents."""
    marks = unicodedata.normalize("NFKD", word.casefold().replace("ł", "l").replace("ø", "o"))
    return "".join(c for c in marks if not unicodedata.combining(c))


def _umlauts(word: str) -> str:
    return folded(word.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue"))


def _one_letter_less(word: str) -> Iterator[str]:
    yield word
    yield from (word[:i] + word[i + 1 :] for i in range(len(word)))


def _is_close(word: str, close: dict[str, set[str]], vocabulary: Vocabulary) -> bool:
    """Whether a word with a capital is a known name but for one letter: left out, added, wrong or exchanged."""
    if not close or not word[0].isupper() or len(word) < _LONG - 1 or vocabulary.holds(word.capitalize()):
        return False
    plain = folded(word)
    return any(_differ_by_one(plain, name) for less in _one_letter_less(plain) for name in close.get(less, ()))


def _differ_by_one(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, rest_other = one[start:], other[start:]
    exchanged = rest[:2] == rest_other[:2][::-1] and rest[2:] == rest_other[2:]
    return exchanged or rest[1:] == rest_other[1:] or rest[1:] == rest_other or rest == rest_other[1:]


def _with_initials(text: str, at: int) -> int:
    initials = re.search(r"(?<![\w.])(?:[A-Z]\.[ ]?){1,3}$", text[max(0, at - 12) : at])
    return at - len(initials[0]) if initials else at
