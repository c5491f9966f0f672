"""Names, places and organisations by one general signal: a capital where English writes none.

A word with a capital in the middle of a sentence is somebody, somewhere or something of medicine. What medicine writes
with a capital is known (`medical_capitals`), and so is what the documents themselves also write without one; what is
left is replaced, unless its surroundings say that it is a thing: a dose or a score follows, "sign" or "catheter", an
article or a possessive stands before it, or it is one of a list of drugs. At the beginning of a sentence a capital says
nothing, so that there a second signal is needed: a verb of people, an initial, a second such word.

What does not belong here: patterns of single phrasings (`identifier_detectors`), numbers and dates
(`general_detectors`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from clinical_assets.documents.development_copy.identifier_words import NO_PERSON
from clinical_assets.documents.development_copy.identifiers import LOCATION, NAME, ORGANISATION, Identifier
from clinical_assets.documents.development_copy.medical_capitals import BRANDS, ENDINGS, MEDICAL_CAPITALS
from clinical_assets.documents.development_copy.neighbouring_words import (
    ARTICLES,
    FAMILY,
    GIVES_A_DRUG,
    ORGANISATIONS,
    PARTICLES,
    PLACES,
    THINGS,
)

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"(?<=[^\W\d_])['’]s$")
_SMALL = re.compile(r"(?<![\w'’-])[a-zà-ÿ]{3,30}(?![\w'’-])")
_NOBODY = re.compile(NO_PERSON)
_BRANDS = frozenset(BRANDS.split())
_JOINED_PARTICLE = re.compile(r"(?:al|el|ibn|bin|ben|abd|d|l|n|t)[-'’](?=[^\W\d_a-zà-ÿ])")
_MEASURED = re.compile(
    r"[ \t]{0,3}(?:[\d<>=~±+#%]|(?:mg|mcg|ml|mL|units?|tabs?|caps?|BID|TID|QID|QD|QHS|PRN|prn|PO|po|IV|IM|SQ|SC|SL"
    r"|bid|tid|qid|qd|qhs|daily|nightly|XR|XL|ER|SR|CR|LA|DS|HCT|HFA)(?!\w))"
)
# What only people do, or is done with them.
_PERSON_DOES = re.compile(
    r"[ \t](?:reports?|reported|denie[sd]|states?|stated|says|said|tells|told|asks|asked|called|calls|feels|felt|thinks"
    r"|thought|wants|wanted|wishes|wished|hopes|agrees|agreed|lives|lived|works|worked|came|comes|went|goes|arrived"
    r"|walked|walks|ambulated|ate|eats|drinks|drank|slept|sleeps|smiled|laughed|cried|spoke|speaks|met|saw|lost|fell"
    r"|drove|drives|enjoys|likes|loves|prefers|prefer|requested|requests|requesting|refused|refuses|declined|declines"
    r"|understands|understood|verbalizes|verbalized|expressed|expresses|appears (?:tired|well|anxious|comfortable)"
    r"|was (?:seen|brought|admitted|born|tearful|pleasant|accompanied|cooperative|told|referred|married|asked)"
    r"|is (?:a|an|very|doing|married|divorced|widowed|single|retired|pleasant|hoping|\d)|has been|had been|did well"
    r"|tolerated|will (?:call|bring|come|see|follow|arrange|stay|return)|knows|remembers|tried|notes|noted|noticed"
    r"|mentioned|explained|underwent|attended|attends|visited|visits|and (?:his|her|their)|needs|helps|helped"
    r"|at (?:the )?bedside|aware|updated|notified|tearful|calm|cooperative"
    r"|asleep|awake|resting|sitting|sleeping|ambulating|complains?|complaining|c/o|asking|crying|smiling|anxious|eager"
    r"|motivated|present|in (?:the )?(?:room|chair)|on (?:the )?phone|is here|here)(?!\w)"
    r"|['’]s[ \t](?:wife|husband|spouse|partner|mother|father|mom|dad|parents|son|daughter|brother|sister|family"
    r"|friend|goals?"
    r"|room|house|home|apartment|car|dog|cat|school|job|employer|insurance|birthday)(?!\w)"
)
_LABEL_ENDS = re.compile(r"[ \t]?(?::|-[ \t]|[ \t]-)")
_IS_KIN = re.compile(
    r"(?:,[ \t]|[ \t]\()(?:(?:pt|patient|his|her|their|the|a)(?:['’]s)?[ \t])?(?:ex-)?(?:wife|husband|spouse|partner"
    r"|mother|father|mom|dad|son|daughter|brother|sister|aunt|uncle|niece|nephew|cousin|grand\w{3,10}|girlfriend"
    r"|boyfriend"
    r"|fiancee?|friend|neighbou?r|caregiver|carer|guardian|proxy|HCP|POA|RN|LPN|CNA|MD|NP|PA|SW|RT|OT|PT|PCT|tech"
    r"|\d{1,3}[ -]?(?:y|M|F))(?!\w)"
)
_INITIAL_FOLLOWS = re.compile(r",[ \t][A-Z]\.(?!\w)")
_AND = re.compile(r"(?:,[ \t]|[ \t](?:and|&)[ \t]|,[ \t]and[ \t]|[ \t]?/[ \t]?)\Z")
_ENDS_A_SENTENCE = ".!?:;\n\r\t|•*–—>="
_ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Drs|Mr|Mrs|Ms|Mx|St|Prof|Rev|Sr|Sra|Fr|vs|approx|pt|incl|resp|attn)|(?<!\d)(?<!\d )\b[A-Z])\.$"
)
_ANNOUNCES = re.compile(r"\b(?:by|for|from|per|saw|met)[ \t]\Z")
_SHORTEST = 3
_FEWEST_WRITERS = 3
_LONGEST_HEADING = 300


@dataclass(frozen=True, slots=True)
class _Word:
    """A word as it stands, without a possessive's ending."""

    start: int
    end: int
    written: str

    @property
    def is_initial(self) -> bool:
        return len(self.written) == 1 and self.written.isupper()

    @property
    def has_capital(self) -> bool:
        """Anna, McBee, al-Farouq; not MRI, not CTs."""
        word = self.written
        begins = word[0].isupper() or _JOINED_PARTICLE.match(word) is not None
        return begins and len(word) > 1 and any(c.islower() for c in word.removesuffix("s"))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which words are ordinary: medicine's, and those that a text or its batch writes without a capital."""

    small: frozenset[str]

    def holds(self, word: str) -> bool:
        """Whether every part of a word that has a capital is ordinary, or too short or odd to be a name."""
        parts = [part for part in re.split(r"['’-]", word) if part[:1].isupper()]
        if len(parts) > 0 and not word.isupper():  # the IDH of IDH-mutant
            parts = [part for part in parts if len(part) == 1 or not part.isupper()]
        return all(self._is_ordinary(part.lower()) for part in parts)

    def _is_ordinary(self, word: str) -> bool:
        return (
            len(word) < _SHORTEST
            or word in MEDICAL_CAPITALS
            or word in THINGS
            or _NOBODY.match(word.capitalize()) is None
            or word in self.small
            or ENDINGS.fullmatch(word) is not None
            or (not set(word).intersection("aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýÿœ") and word.isascii())
        )


_KIN = (
    r"(?:wife|husband|spouse|partner|mother|father|mom|dad|son|daughter|brother|sister|aunt|uncle|niece|nephew|cousin"
    r"|grand\w{3,10}|girlfriend|boyfriend|fianc\w{1,3}|friend|neighbou?r|caregiver|roommate)"
)
# "daughter valdemara at bedside": where a name stands, whatever is written there.
_BESIDE_KIN = re.compile(
    rf"(?<=[\s(])(?:(?P<kin>{_KIN}),? )(?:named )?[a-zà-ÿ]{{3,30}}(?![\w'’-])"
    rf"|(?<![\w'’-])[a-zà-ÿ]{{3,30}}(?= at (?:the )?bedside|,? \(?(?:(?:his|her|their|pt['’]s) )?{_KIN}(?:\)|,))",
)


def small_words(text: str) -> frozenset[str]:
    """The words that a text writes without a capital, where no name is to be expected."""
    return frozenset(_SMALL.findall(_BESIDE_KIN.sub(lambda found: found["kin"] or " ", text)))


def words_of_several(documents: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The words that the documents of at least three people write without a capital: nobody's names.

    Of two people in all, the words of both. One writer in a hurry, or two, must not make a name ordinary for all.

    Args:
        documents: whose each is, and its text.
    """
    writers: dict[str, set[str]] = {}
    people = set()
    for whose, text in documents:
        people.add(whose)
        for word in small_words(text):
            of_word = writers.setdefault(word, set())
            if len(of_word) < _FEWEST_WRITERS:
                of_word.add(whose)
    fewest = max(2, min(_FEWEST_WRITERS, len(people)))
    return frozenset(word for word, of_word in writers.items() if len(of_word) >= fewest)


def unknown_capitals(text: str, ordinary: frozenset[str] = frozenset()) -> Iterator[Identifier]:
    """Words with capitals that are nobody's but somebody's: see the module.

    Args:
        text: any text.
        ordinary: further words known to be ordinary, in small letters: those of other documents.
    """
    words = [_word(match) for match in _WORD.finditer(text)]
    vocabulary = Vocabulary(small_words(text) | ordinary)
    found: list[Identifier] = []
    for first, last in _runs(text, words):
        found += _judged(text, words, first, last, vocabulary, found[-1] if found else None)
    yield from found
    yield from _shouted(text, vocabulary)


_SHOUTED = re.compile(r"[^\W\d_a-zà-ÿ]{3,30}(?:['’-][^\W\d_a-zà-ÿ]{1,30})*(?![\w'’])")
_SHOUTED_CUE = re.compile(
    r"\b(?:PT|PATIENT|DR|DOCTOR|MR|MRS|MS|MISS|RN|LPN|CNA|NURSE|AIDE|TECH|WIFE|HUSBAND|SPOUSE|PARTNER|MOTHER"
    r"|FATHER|MOM|DAD"
    r"|SON|DAUGHTER|BROTHER|SISTER|AUNT|UNCLE|NIECE|NEPHEW|FRIEND|NEIGHBOR|NAME|NAMED|CONTACT|CALLED|NOTIFIED"
    r"|PAGED|MD|NP|PA"
    r"|BY|FROM|LIVES IN|RESIDES IN|SEEN BY|PER|WITH|CC|ATTN|DEAR|SIGNED|REPORT TO|GIVEN TO|D/W)\.?:?[ \t]{1,3}\Z"
)
_MOSTLY_CAPITALS = 0.8


def _shouted(text: str, vocabulary: Vocabulary) -> Iterator[Identifier]:
    """Names in lines that are written in capitals throughout, where the words before them announce somebody."""
    at = 0
    for line in text.splitlines(keepends=True):
        letters = [c for c in line if c.isalpha()]
        if len(letters) > 12 and sum(c.isupper() for c in letters) > _MOSTLY_CAPITALS * len(letters):
            yield from _shouted_in(line, at, vocabulary)
        at += len(line)


def _shouted_in(line: str, at: int, vocabulary: Vocabulary) -> Iterator[Identifier]:
    until = -9
    for word in _SHOUTED.finditer(line):
        follows = 0 < word.start() - until < 3 and not line[until : word.start()].strip(" ,")
        if not follows and not _SHOUTED_CUE.search(line, max(0, word.start() - 20), word.start()):
            continue
        if vocabulary.holds(word[0]) or _MEASURED.match(line, word.end()):
            continue
        until = word.end()
        yield Identifier(at + word.start(), at + word.end(), NAME)


def _word(match: re.Match[str]) -> _Word:
    written = _POSSESSIVE.sub("", match[0])
    return _Word(match.start(), match.start() + len(written), written)


def _runs(text: str, words: Sequence[_Word]) -> Iterator[tuple[int, int]]:
    """Words with capitals that stand side by side, particles between them: first and last, by number."""
    number = 0
    while number < len(words):
        if not (words[number].has_capital or words[number].is_initial):
            number += 1
            continue
        last = end = number
        while end + 1 < len(words) and _stand_together(text, words[end], words[end + 1]):
            end += 1
            if words[end].has_capital or (words[end].is_initial and end == last + 1):
                last = end
            elif words[end].written not in PARTICLES or end - last > 3:
                break
        if any(word.has_capital for word in words[number : last + 1]):
            yield number, last
        number = last + 1


def _stand_together(text: str, one: _Word, other: _Word) -> bool:
    gap = text[one.end : other.start]
    if gap in (" ", " & ", "'s ", "’s "):
        return True
    short = len(one.written) == 1 or one.written in ("St", "Ste", "Mt", "Ft")
    return short and gap in (". ", ".")


def _judged(
    text: str, words: Sequence[_Word], first: int, last: int, vocabulary: Vocabulary, before: Identifier | None
) -> Iterator[Identifier]:
    """The part of a run that names somebody, if any."""
    if words[first].is_initial and not _is_initial(text, words[first]):
        first += 1
    unknown = [n for n in range(first, last + 1) if words[n].has_capital and not vocabulary.holds(words[n].written)]
    if not unknown:
        return
    organisation = [n for n in range(unknown[0], last + 1) if words[n].written.lower() in ORGANISATIONS]
    if organisation and (organisation[-1] > unknown[0] or unknown[0] > first):
        start = unknown[0] if _begins_sentence(text, words[first].start) else first
        kind = LOCATION if words[organisation[-1]].written.lower() in PLACES else ORGANISATION
        yield Identifier(words[start].start, words[max(organisation[-1], unknown[-1])].end, kind)
        return
    start, end = unknown[0], unknown[-1]
    start = _with_particles_and_initials(text, words, first, start)
    if not _is_somebody(text, words, first, start, end, before) or _is_a_thing(text, words, start, end):
        return
    initial = _INITIAL_FOLLOWS.match(text, words[end].end)
    yield Identifier(words[start].start, initial.end() if initial else words[end].end, _kind(text, words, start))


def _with_particles_and_initials(text: str, words: Sequence[_Word], first: int, start: int) -> int:
    while start > first and (_is_initial(text, words[start - 1]) or words[start - 1].written in PARTICLES):
        start -= 1
    while start > 0 and words[start - 1].written in PARTICLES and words[start].start - words[start - 1].end == 1:
        start -= 1
    return start


def _is_initial(text: str, word: _Word) -> bool:
    """Whether a single capital is one of a name's: not the F of "97.2 F. Worries about it"."""
    return word.is_initial and not text[max(0, word.start - 2) : word.start].strip().isdigit()


def _is_somebody(
    text: str, words: Sequence[_Word], first: int, start: int, end: int, before: Identifier | None
) -> bool:
    """Whether the capital says something here, or what stands beside it does."""
    begins = _begins_sentence(text, words[first].start)
    if begins and _LABEL_ENDS.match(text, words[end].end):
        return False
    if start > first or not begins:
        return not _is_heading(text, words[start].start, words[end].end)
    if words[start].is_initial or _INITIAL_FOLLOWS.match(text, words[end].end):
        return True
    if before is not None and before.kind == NAME and _AND.fullmatch(text[before.end : words[start].start]):
        return True
    if sum(words[n].has_capital for n in range(start, end + 1)) > 1:
        return not _is_heading(text, words[start].start, words[end].end)
    return _PERSON_DOES.match(text, words[end].end) is not None or _IS_KIN.match(text, words[end].end) is not None


def _begins_sentence(text: str, at: int) -> bool:
    """Whether a capital is due here: after a full stop or a colon, at the beginning of a line or of a list's item."""
    before = text[max(0, at - 40) : at].rstrip(" \"'“”‘(")
    if not before or before[-1] in _ENDS_A_SENTENCE:
        return not (before and before[-1] == "." and _ABBREVIATION.search(before))
    return (before[-1] == "-" and (len(before) == 1 or before[-2] in " \n\t")) or (
        before[-1] in ")]" and _numbers(before)
    )


def _numbers(before: str) -> bool:
    return re.search(r"(?:^|[\n ])\(?\d{1,2}[)\]]$", before) is not None


def _is_heading(text: str, start: int, end: int) -> bool:
    """Whether all words of the line have capitals, and there is more on it than a name could be."""
    # Headings are short; a line without an end must not be read again for each of its words.
    line_start = text.rfind("\n", max(0, start - _LONGEST_HEADING), start) + 1
    line_end = text.find("\n", end, end + _LONGEST_HEADING)
    if (line_start == 0 and start > _LONGEST_HEADING) or (line_end < 0 and len(text) - end > _LONGEST_HEADING):
        return False
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    if _ANNOUNCES.search(text, max(0, start - 8), start):
        return False
    longer = [word for word in _WORD.findall(line) if len(word) > 3]
    if len(longer) < 2 or not all(word[0].isupper() for word in longer):
        return False
    return line.strip().endswith(":") or (end - start < len(line.strip().rstrip(".,")) and "," not in line)


def _is_a_thing(text: str, words: Sequence[_Word], start: int, end: int) -> bool:
    """Whether what stands beside it says that it is no person: a dose, "sign", an article, a list of drugs."""
    behind = words[end + 1] if end + 1 < len(words) else None
    if _MEASURED.match(text, words[end].end):
        return True
    beside = behind is not None and text[words[end].end : behind.start].strip("'’s") in (" ", "-")
    if behind is not None and beside and behind.written.lower() in THINGS:
        return True
    ahead = words[start - 1] if start > 0 else None
    if ahead is None or text[ahead.end : words[start].start] not in (" ", "/", ", "):
        return False
    said, gap = ahead.written.lower(), text[ahead.end : words[start].start]
    if gap == " " and said in ARTICLES:
        return not (behind is not None and behind.written.lower() in FAMILY)
    if gap == " " and said in GIVES_A_DRUG:
        return start == end
    drugs = {said, words[start - 2].written.lower() if start > 1 and said in ("and", "or", "with") else said}
    return bool(drugs & _BRANDS)


def _kind(text: str, words: Sequence[_Word], start: int) -> str:
    if start == 0 or text[words[start - 1].end : words[start].start] != " ":
        return NAME
    return LOCATION if words[start - 1].written in ("in", "near", "around", "outside") else NAME
