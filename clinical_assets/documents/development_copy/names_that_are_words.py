"""Known names that are words as well, and places: Anna White, Harold Cooper, Will Mason, a town called Colon.

A known name that says nothing alone (see `known_identifiers`: an eponym, a word of English, an ending of medicine's) is
found where it is written with a capital, or in capitals: "Cooper slept well", "met with WHITE". It stays in small
letters, and where the next word makes it a thing ("Cooper test", "White blood cells"). What the patterns of
`identifier_detectors` find comes first, so that "April 3, 2019" moves as a date though somebody be called April. Only
names that are given are looked for so, never those a document seems to name: a wrong guess would take a word of
medicine out of a patient's whole record.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clinical_assets.documents.development_copy.identifier_words import STATES, STATES_IN_FULL
from clinical_assets.documents.development_copy.identifiers import LOCATION, NAME, Identifier
from clinical_assets.documents.development_copy.known_identifiers import (
    Alone,
    Place,
    folded,
    is_name_of_words,
    says_nothing_alone,
)
from clinical_assets.documents.development_copy.neighbouring_words import THINGS

_PART = re.compile(r"[^\W\d_]{3,40}")
_TOKEN = re.compile(r"(?<![^\W\d_])[^\W\d_]{3,40}(?![^\W\d_])")
_NEXT_WORD = re.compile(r"(?:['’]s)?(?:[-–/][A-Z]\w{1,30})?(?:[ \t]{1,3}|-)([A-Za-z]{1,30})")
_PLURAL_FROM = 5
"""Letters from which the Coopers are a family; hands are hands."""

# Of a record that has no name; they would be found in every line.
_NO_NAMES_WRITTEN = (
    "patient unknown none name names test baby boy girl male female infant newborn anonymous deceased person doe not"
    " given available trauma mother father self same nil null missing redacted private confidential"
)
_NO_NAMES = frozenset(_NO_NAMES_WRITTEN.split())
# Nouns that a colour, a size or an age stands before, beside `THINGS`.
_NOUNS_WRITTEN = (
    "blood bloody bleeding count counts matter bowel man woman male female gentleman lady boy girl adult adults amount"
    " amounts discussion term acting toe finger fingers sputum stool stools vision motion discharge drainage urine"
    " hematuria pus edema hemoptysis melena depression depressive regards wishes possible condition color colour tone"
    " mucus plaque plaques exudate coating tongue axis bone bones intestine saphenous standing breath breaths segment"
    " cyst cysts ligament ligaments operation thickness motor risk surgeon surgery hemoglobin"
    " increase decrease improvement response children child"
)
_NOUNS = frozenset(_NOUNS_WRITTEN.split())
# What a sentence says that begins with the verb.
_VERBS_WRITTEN = (
    "be have need continue follow start stop hold call return see require take use give try discuss plan obtain check"
    " repeat consider proceed schedule refer increase decrease resume switch monitor send order get also not likely"
    " then benefit represent reflect keep come want wean defer discharge transfer arrange initiate ask add change do"
    " remain attempt await reassess recheck advance titrate trend make go review place provide contact talk speak set"
    " move let work still now need receive undergo we he she they the this"
)
_VERBS = frozenset(_VERBS_WRITTEN.split())
_MODALS = frozenset(("will", "may"))
_CUE = re.compile(
    r"\b(?:in|from|near|to|outside|around|home|lives?|(?:town|city|resident|native) of|city:)[ \t]{1,3}\Z",
    re.IGNORECASE,
)
_STATE = re.compile(rf",?[ \t]{{1,3}}(?:{STATES}|{STATES_IN_FULL})\b")


@dataclass(frozen=True, slots=True)
class NamesThatAreWords:
    """What is found of a patient only with a capital.

    Attributes:
        names: in small letters without accents.
        places: as they are given.
    """

    names: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()

    @classmethod
    def of(cls, known: Iterable[str]) -> NamesThatAreWords:
        """Those of known identifiers: the parts of names of several words, and what stands alone."""
        names, places = set(), set()
        for value in known:
            if isinstance(value, Place):
                places.add(unicodedata.normalize("NFC", value))
            elif is_name_of_words(value) and (isinstance(value, Alone) or " " in value.strip()):
                parts = _PART.findall(unicodedata.normalize("NFC", value))
                names |= {folded(part) for part in parts if says_nothing_alone(part)} - _NO_NAMES
        return cls(frozenset(names), frozenset(places))

    def find(self, text: str, ordinary: frozenset[str]) -> Iterator[Identifier]:
        """Where they stand in a text.

        Args:
            text: composed (NFC).
            ordinary: words that this text and others write in small letters: a place so called needs a word before it.
        """
        for token in _TOKEN.finditer(text) if self.names else ():
            if token[0][0].isupper() and self._names(token[0]) and not _is_a_thing(text, token):
                yield Identifier(token.start(), token.end(), NAME)
        for place in sorted(self.places, key=lambda place: (-len(place), place)):
            said = place.lower() in ordinary or says_nothing_alone(place)
            spellings = "|".join(r"\s+".join(map(re.escape, each.split())) for each in (place, place.upper()))
            for match in re.finditer(rf"(?<![^\W_])(?:{spellings})(?![^\W_])", text):
                announced = _CUE.search(text, max(0, match.start() - 20), match.start()) or _STATE.match(
                    text, match.end()
                )
                if announced or not (said or _is_a_thing(text, match)):
                    yield Identifier(match.start(), match.end(), LOCATION)

    def _names(self, word: str) -> bool:
        plain = folded(word)
        return plain in self.names or (len(plain) > _PLURAL_FROM and plain.removesuffix("s") in self.names)


NOBODY = NamesThatAreWords()
"""Of whom nothing is known."""


def _is_a_thing(text: str, word: re.Match[str]) -> bool:
    """Whether the word behind it makes it one, or begins a sentence's verb: "White cells", "Will continue"."""
    following = _NEXT_WORD.match(text, word.end())
    if following is None:
        return False
    small = following[1].lower()
    if word[0].lower() in _MODALS and small in _VERBS:
        return True
    return small in THINGS or small in _NOUNS
