"""A made-up note before it is a file: title, header lines, sections; and the text a reader should give back of it.

Passages that state facts are marked `⟦field=value;field=value¦words⟧` where they are written, so that the ground truth
(value, quote and place) comes from the very sentence a reader sees and can never drift from it. `laid_out` takes the
marks out.
No clinical knowledge and no file format lives here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Rows = tuple[tuple[str, ...], ...]
Block = str | Rows
"""A paragraph, or a table's rows of cells; words may carry marks."""

_MARK = re.compile("⟦([^¦⟧]*)¦([^⟧]*)⟧")
_QUOTED = re.compile("«([^»]*)»")


def stated(words: str, facts: Mapping[str, object]) -> str:
    """Words that state facts: the passage in `«»`, or all of them, e.g. `stated("is «stable»", {"status": "Stable"})`.

    Facts whose value is None are left out.
    """
    listed = ";".join(f"{field}={value}" for field, value in facts.items() if value is not None)
    if not listed:
        return _QUOTED.sub(r"\1", words)
    if "«" not in words:
        return f"⟦{listed}¦{words}⟧"
    return _QUOTED.sub(lambda found: f"⟦{listed}¦{found[1]}⟧", words)


TRAP = "trap"
"""What stands for a schema where a passage only tempts: `trap.<kind>`, with the claim a careless reader would make."""


def tempting(words: str, kind: str, claim: str) -> str:
    """Words that tempt to claim what they don't state, e.g. of a relative's tumour; no fact is in them."""
    return stated(words, {f"{TRAP}.{kind}": claim})


def claims(words: str) -> dict[str, str]:
    """What marked words state, value by field, e.g. `{"progress_note.kps": "90"}`."""
    facts = (fact.partition("=") for mark in _MARK.finditer(words) for fact in mark[1].split(";"))
    return {field: value for field, _, value in facts}


def unmarked(words: str) -> str:
    """The words without their marks."""
    return _MARK.sub(r"\2", words)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its LOINC code where it has one, and what stands under it."""

    heading: str
    blocks: tuple[Block, ...]
    loinc: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A note as its author means it.

    Attributes:
        title: first line.
        header: lines below the title, e.g. `Patient: ...`.
        sections: in order.
        loinc: document type.
    """

    title: str
    header: tuple[str, ...]
    sections: tuple[Section, ...]
    loinc: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """`text[start:end]` of a laid-out note states `field` to be `value`."""

    field: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A note's text as a reader of one format gives it, and where it states what."""

    text: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pieces of a note stand in the text of one format.

    Attributes:
        after_title: between the title and what follows.
        header: whether header lines are part of the text.
        after_header: between the header lines and the first section.
        after_heading: between a heading and its first block.
        between_blocks: between the blocks of a section.
        between_sections: between sections.
        between_cells: between the cells of a row; rows are lines.
        prefix: before every block.
        width: longest line, broken at spaces; None for no limit.
        lines_per_page: None where the format has no pages.
    """

    after_title: str = "\n\n"
    header: bool = True
    after_header: str = "\n\n"
    after_heading: str = ":\n"
    between_blocks: str = "\n"
    between_sections: str = "\n\n"
    between_cells: str = "\t"
    prefix: str = ""
    width: int | None = None
    lines_per_page: int | None = None


def laid_out(note: Note, layout: Layout) -> LaidOut:
    """The text of a note in a layout, with the places of its marks."""
    marked = "".join(_pieces(note, layout))
    parts: list[str] = []
    evidence: list[Evidence] = []
    length = done = 0
    for found in _MARK.finditer(marked):
        before = marked[done : found.start()]
        start = length + len(before)
        end = start + len(found[2])
        parts += [before, found[2]]
        for fact in found[1].split(";"):
            field, _, value = fact.partition("=")
            evidence.append(Evidence(field, value, start, end))
        length, done = end, found.end()
    text = "".join([*parts, marked[done:]])
    if layout.width:
        text = _wrapped(text, layout.width)
    if layout.lines_per_page:
        return _paged(text, evidence, layout.lines_per_page)
    return LaidOut(text, tuple(evidence))


def _pieces(note: Note, layout: Layout) -> Iterator[str]:
    yield note.title + layout.after_title
    if layout.header and note.header:
        yield "\n".join(note.header) + layout.after_header
    for number, section in enumerate(note.sections):
        yield (layout.between_sections if number else "") + section.heading + layout.after_heading
        yield layout.between_blocks.join(layout.prefix + _block(block, layout) for block in section.blocks)


def _block(block: Block, layout: Layout) -> str:
    if isinstance(block, str):
        return block
    return "\n".join(layout.between_cells.join(row) for row in block)


def _wrapped(text: str, width: int) -> str:
    """Lines of at most `width` characters: some spaces become line ends, so every offset stays."""
    out: list[str] = []
    for line in text.split("\n"):
        rest = line
        while len(rest) > width and (cut := rest.rfind(" ", 0, width + 1)) > 0:
            out.append(rest[:cut])
            rest = rest[cut + 1 :]
        out.append(rest)
    return "\n".join(out)


def _paged(text: str, evidence: list[Evidence], lines_per_page: int) -> LaidOut:
    """Pages are a blank line apart; what lies behind a page's end moves by one character for each."""
    lines = text.split("\n")
    pages = ["\n".join(lines[i : i + lines_per_page]) for i in range(0, len(lines), lines_per_page)]
    ends: list[int] = []
    for page in pages[:-1]:
        ends.append((ends[-1] + 1 if ends else 0) + len(page))

    def moved(at: int) -> int:
        return at + sum(end < at for end in ends)

    placed = tuple(Evidence(e.field, e.value, moved(e.start), moved(e.end)) for e in evidence)
    return LaidOut("\n\n".join(pages), placed)
