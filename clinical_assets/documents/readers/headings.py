"""Section headings of clinical notes written as lines of text: where each section begins and what it is.

Used for formats that have no sections of their own (plain text, RTF, PDF, and HTML without heading tags). A heading
is a line that stands alone and names a section of `SECTIONS`, or such a name followed by a colon and the text, or a
line in capitals ending in a colon or standing between blank lines. A section runs to the next heading.

The vocabulary is data: one row per section, with the LOINC code that C-CDA gives the same section, so that "family
history" is 10157-6 whether the note came as XML or as a fax.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from clinical_assets.documents.readers.reading import Span, SpanKind

# One row per section: its LOINC code (None where C-CDA has none) and the headings it goes by, lower case.
# Codes: HL7 C-CDA R2.1 section templates; radiology and pathology reports: LOINC document ontology. Headings: the words
# notes use. "Impression" opens an assessment in visit notes too; its code is the imaging report's.
SECTIONS: tuple[tuple[str | None, str], ...] = (
    ("10154-3", "chief complaint | cc | presenting complaint | reason for admission"),
    ("46239-0", "chief complaint and reason for visit | reason for visit/chief complaint"),
    ("29299-5", "reason for visit | reason for consultation | reason for consult"),
    ("42349-1", "reason for referral"),
    ("10164-2", "history of present illness | hpi | interval history | subjective | present illness | history"),
    ("11348-0", "past medical history | pmh | pmhx | medical history | past history | history of past illness"),
    (
        "47519-4",
        "procedures | past surgical history | psh | surgical history | past surgical hx | procedures performed",
    ),
    ("47519-4", "major surgical or invasive procedure"),
    ("10157-6", "family history | fh | fhx | family hx | family medical history"),
    ("29762-2", "social history | sh | shx | social hx"),
    ("48765-2", "allergies | allergies and adverse reactions | drug allergies | adverse reactions"),
    ("10160-0", "medications | current medications | home medications | meds | current meds | outpatient medications"),
    ("42346-7", "medications on admission | admission medications | preadmission medications"),
    ("10183-2", "discharge medications | medications on discharge | discharge meds"),
    ("11369-6", "immunizations | vaccinations"),
    ("11450-4", "problem list | problems | active problems"),
    ("10187-3", "review of systems | ros"),
    ("8716-3", "vital signs | vitals | vitals reviewed | vs"),
    ("29545-1", "physical exam | physical examination | exam | examination | pe | physical findings | objective"),
    ("30954-2", "results | labs | laboratory data | laboratory results | lab results | pertinent results | data"),
    ("30954-2", "diagnostic studies | laboratory"),
    ("51848-0", "assessment | impression and assessment"),
    ("51847-2", "assessment and plan | assessment & plan | a/p | a&p | assessment/plan | impression and plan"),
    ("18776-5", "plan | plan of care | treatment plan | plan of treatment | recommendations"),
    ("8648-8", "hospital course | brief hospital course | course in hospital | course"),
    ("46241-6", "admission diagnosis | admitting diagnosis | admission diagnoses"),
    ("11535-2", "discharge diagnosis | discharge diagnoses | final diagnoses | hospital discharge diagnosis"),
    ("8653-8", "discharge instructions | instructions | followup instructions | follow-up instructions"),
    ("8653-8", "patient instructions"),
    ("10184-0", "discharge physical | discharge exam | physical exam on discharge | discharge condition"),
    # operative notes
    ("10219-4", "preoperative diagnosis | pre-operative diagnosis | preop diagnosis"),
    ("10218-6", "postoperative diagnosis | post-operative diagnosis | postop diagnosis"),
    ("29554-3", "procedure | operation | operative procedure | procedure description | description of procedure"),
    ("29554-3", "operation performed | details of procedure | procedure in detail"),
    ("59768-2", "indications | procedure indications | indications for procedure | indications for surgery"),
    ("59776-5", "procedure findings | operative findings | intraoperative findings"),
    ("59774-0", "anesthesia | anaesthesia"),
    ("59770-8", "estimated blood loss | ebl | blood loss"),
    ("59773-2", "specimens | specimens removed | specimens taken | specimen"),
    ("55109-3", "complications"),
    # imaging reports
    ("18785-6", "indication | clinical indication | reason for examination | reason for exam | reason for study"),
    ("55752-0", "clinical information | clinical history"),
    ("55111-9", "technique | examination technique | procedure comments"),
    ("18834-2", "comparison | comparisons | comparison study"),
    ("18782-3", "findings | study findings | imaging findings"),
    ("19005-8", "impression | impressions | conclusion | conclusions | opinion | wet read"),
    # pathology reports
    ("22634-0", "gross description | gross examination | macroscopic description"),
    ("22635-7", "microscopic description | microscopic examination | microscopic findings"),
    ("22637-3", "final diagnosis | pathologic diagnosis | pathological diagnosis | diagnosis | histologic diagnosis"),
    ("22638-1", "comment | comments"),
    (None, "addendum | attestation | service | disposition | facility | condition | signed | history of treatment"),
)

_LOINC_BY_HEADING: dict[str, str | None] = {
    heading: loinc for loinc, headings in SECTIONS for heading in headings.split(" | ")
}
LOINC = "LOINC"

# A candidate line: up to 60 characters without sentence punctuation, then a colon or the end. It is looked for behind
# the line feed before it, which `re` finds at once; `^` it would try at every character.
_CANDIDATE = re.compile(
    r"\n[ \t]*+(?P<heading>[A-Za-z][^\n:.;!?|\t]{0,59}+)[\t]*+(?:(?P<colon>:)(?P<rest>[^\n]*+)|$)", re.MULTILINE
)
_CAPITALS = re.compile(r"[A-Z][A-Z0-9 ,/&()'-]{3,59}")
_LONGEST_HEADING_WORDS = 8


class Heading(NamedTuple):
    """A heading in a text: where it begins, its words, its section's LOINC code, and its level."""

    start: int
    title: str
    loinc: str | None
    level: int = 1


def find_headings(text: str, level: int = 1) -> list[Heading]:
    """The headings of a text, in order, at `level`.

    A name of `SECTIONS` counts in any case, other words only in capitals.
    """
    found = []
    for match in _CANDIDATE.finditer("\n" + text):
        # The line feed put before the text makes the match's start the line's, its other offsets one too many.
        heading, colon, rest = match.groups()
        title = heading.rstrip()
        name = _name(title)
        if name in _LOINC_BY_HEADING:
            # A bare word such as "Plan" or "history" inside running text is no heading: it needs a colon or capitals
            # at its start.
            stands = colon or (title[0].isupper() and _begins_block(text, match.start()))
        else:
            stands = _in_capitals(title) and (
                not rest.strip()
                if colon
                else len(title) > 4 and _begins_block(text, match.start()) and _ends_block(text, match.end() - 1)
            )
        if stands:
            found.append(Heading(match.start("heading") - 1, title, _LOINC_BY_HEADING.get(name), level))
    return found


def _name(title: str) -> str:
    """A title as `SECTIONS` writes it."""
    lower = title.lower()
    return lower if lower in _LOINC_BY_HEADING else " ".join(lower.split())


def _in_capitals(title: str) -> bool:
    return title.isupper() and bool(_CAPITALS.fullmatch(title)) and len(title.split()) <= _LONGEST_HEADING_WORDS


def _begins_block(text: str, line_start: int) -> bool:
    """Whether the line before is blank, or there is none."""
    before = text.rfind("\n", 0, max(line_start - 1, 0))
    return line_start == 0 or not text[before + 1 : line_start].strip()


def _ends_block(text: str, line_end: int) -> bool:
    after = text.find("\n", line_end + 1)
    return not text[line_end + 1 : after if after >= 0 else len(text)].strip()


def sections(text: str, marked: Sequence[Heading] = ()) -> list[Span]:
    """One span per section: from its heading to the next heading of its level or above, trailing blank space left out.

    Args:
        text: the finished text.
        marked: headings the format itself marks (`h1`-`h6`), with levels. Headings written as text stand one level
            below them.
    """
    written = find_headings(text, max((heading.level for heading in marked), default=0) + 1)
    if marked:
        by_start = {heading.start: heading for heading in [*written, *map(_coded, marked)]}
        found = [by_start[start] for start in sorted(by_start)]
    else:
        found = written
    shallowest = min((heading.level for heading in found), default=1)
    return [
        Span(
            SpanKind.SECTION,
            heading.start,
            heading.start + len(text[heading.start : end].rstrip()),
            heading.title,
            heading.loinc,
            LOINC if heading.loinc else None,
            number,
            heading.level - shallowest + 1,
        )
        for number, (heading, end) in enumerate(zip(found, _ends(found, len(text)), strict=True), start=1)
    ]


def _ends(found: Sequence[Heading], length: int) -> list[int]:
    """Where the section of each heading ends: at the next of its level or above, or with the text."""
    ends = [length] * len(found)
    open_ones: list[int] = []
    for index, heading in enumerate(found):
        while open_ones and found[open_ones[-1]].level >= heading.level:
            ends[open_ones.pop()] = heading.start
        open_ones.append(index)
    return ends


def _coded(heading: Heading) -> Heading:
    """A heading marked by the format, with the code its words stand for."""
    loinc = _LOINC_BY_HEADING.get(_name(heading.title.rstrip(" :.-")))
    return Heading(heading.start, heading.title, loinc, heading.level)
