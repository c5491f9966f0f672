"""Walks a markup tree the way it is seen: roles of elements to flowing text, tables as rows.

Knows tables, lists, headings, preformatted and struck text; does not know HTML or C-CDA: each gives a `Dialect` that
says which role an element has. Deep trees are walked without recursion.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from clinical_assets.documents.readers import symbol_fonts
from clinical_assets.documents.readers.flow import FlowedText
from clinical_assets.documents.readers.reading import Caution, ExtractionWarning, Reason, UnreadableError
from clinical_assets.documents.readers.safe_xml import Element

Glyphs = Mapping[str, str]


class Role(enum.Enum):
    """What an element does to the flow of text."""

    INLINE = enum.auto()
    BLOCK = enum.auto()
    PARAGRAPH = enum.auto()
    BREAK = enum.auto()
    HEADING = enum.auto()
    PREFORMATTED = enum.auto()
    TABLE = enum.auto()
    ROW = enum.auto()
    CELL = enum.auto()
    RAISED = enum.auto()
    LOWERED = enum.auto()
    WORD = enum.auto()
    """Set apart by spaces, e.g. a form field's value."""
    UNSEEN = enum.auto()
    """Never text: scripts, styles, machine-readable parts."""
    HIDDEN = enum.auto()
    """Text that is not shown; dropped with a caution."""
    STRUCK = enum.auto()
    """Text shown as withdrawn; dropped with a caution."""
    REPLACED = enum.auto()
    """Shown as something else; the dialect writes it."""


# Tuples, not sets: an enum member's hash is computed in Python, once per element.
_LINE_MAKERS = (
    Role.BLOCK,
    Role.PARAGRAPH,
    Role.BREAK,
    Role.HEADING,
    Role.PREFORMATTED,
    Role.ROW,
    Role.TABLE,
    Role.CELL,
)
_SKIPPED = (Role.UNSEEN, Role.HIDDEN, Role.STRUCK, Role.REPLACED)
_DROPPED_WITH: Mapping[Role, Caution] = {
    Role.HIDDEN: Caution.HIDDEN_TEXT_DROPPED,
    Role.STRUCK: Caution.DELETED_TEXT_DROPPED,
}
# HTML Living Standard, "forming a table": colspan is at most 1000; rowspan is kept to the same here.
_WIDEST_SPAN = 1000


@dataclass(frozen=True)
class Dialect:
    """One markup language.

    Attributes:
        role: the role of an element.
        replaced: writes a REPLACED element, given the writer.
        heading_level: the level of a HEADING element, from 1.
        glyphs: the glyph table an element's font sets for its text (see `symbol_fonts`), given the table in force.
    """

    role: Callable[[Element], Role]
    replaced: Callable[[Element, FlowedText], None]
    heading_level: Callable[[Element], int] = lambda element: 1
    glyphs: Callable[[Element, Glyphs | None], Glyphs | None] = lambda element, in_force: in_force


@dataclass(slots=True)
class _Grid:
    """Where in a table the writer stands, with columns still covered by cells that span rows from above."""

    column: int = 0
    written: int = 0
    carried: dict[int, int] = field(default_factory=dict)
    opened: dict[int, int] = field(default_factory=dict)
    several_lines: bool = False
    open_rows: int = 0
    without_table: bool = False

    def next_row(self) -> None:
        self.carried = {column: rows - 1 for column, rows in self.carried.items() if rows > 1} | self.opened
        self.opened = {}
        self.column = self.written = 0
        self.several_lines = False

    def next_cell(self, colspan: int, rowspan: int) -> int:
        """How many columns the writer has to move on to stand at this cell."""
        while self.carried.get(self.column):
            self.column += 1
        moved = self.column - self.written
        self.written = self.column
        if rowspan > 1:
            self.opened.update(dict.fromkeys(range(self.column, self.column + colspan), rowspan - 1))
        self.column += colspan
        return moved


@dataclass(frozen=True, slots=True)
class HeadingMark:
    """Where a heading element's text stands, and its level."""

    start: int
    end: int
    level: int


class Walker:
    """Writes a tree's visible text into `flow`.

    Attributes:
        flow: where the text goes.
        headings: heading elements met, in order.
        dropped: what was left out, by caution.
    """

    def __init__(self, dialect: Dialect, flow: FlowedText, max_depth: int) -> None:
        self.flow = flow
        self.headings: list[HeadingMark] = []
        self.dropped: Counter[Caution] = Counter()
        self._dialect = dialect
        self._max_depth = max_depth
        self._grids: list[_Grid] = []
        self._held: list[bool] = []
        self._preformatted = 0
        self._glyphs: list[Glyphs | None] = [None]
        self._heading_starts: list[int] = []

    def walk(self, root: Element) -> None:
        """Write everything below `root` (and its own text).

        Raises:
            UnreadableError: TOO_DEEP beyond the depth limit, TOO_LONG from the writer.
        """
        from lxml import etree

        roles: list[Role] = []
        role_of, glyphs_of = self._dialect.role, self._dialect.glyphs
        events = etree.iterwalk(root, events=("start", "end"))
        for event, element in events:
            if event == "start":
                role = role_of(element)
                roles.append(role)
                if len(roles) > self._max_depth:
                    raise UnreadableError(Reason.TOO_DEEP, f"more than {self._max_depth} levels of markup")
                if role in _SKIPPED:
                    events.skip_subtree()
                    self._skip(element, role)
                    continue
                self._glyphs.append(glyphs_of(element, self._glyphs[-1]))
                if role is not Role.INLINE:
                    self._enter(element, role)
                self._write(element.text)
            else:
                role = roles.pop()
                if role not in _SKIPPED:
                    self._glyphs.pop()
                if role is not Role.INLINE:
                    self._leave(element, role)
                if roles:
                    self._write(element.tail)

    def cautions(self) -> list[ExtractionWarning]:
        """What was left out, with counts."""
        return [ExtractionWarning(code, f"{count} elements") for code, count in self.dropped.items()]

    def _write(self, text: str | None) -> None:
        if not text:
            return
        if not self._preformatted and not text.strip("\n "):
            # The indentation of the source, between most elements.
            self.flow.space()
            return
        glyphs = self._glyphs[-1]
        if glyphs is not None:
            text = symbol_fonts.shown(text, glyphs)
        if self._preformatted:
            self.flow.verbatim(text)
        else:
            self.flow.inline(text)

    def _skip(self, element: Element, role: Role) -> None:
        if role is Role.REPLACED:
            self._dialect.replaced(element, self.flow)
        elif role in _DROPPED_WITH and any(text.strip() for text in element.itertext()):
            self.dropped[_DROPPED_WITH[role]] += 1

    def _enter(self, element: Element, role: Role) -> None:
        match role:
            case Role.BLOCK:
                self.flow.line()
            case Role.PARAGRAPH:
                self.flow.blank_line()
            case Role.BREAK:
                self.flow.line_break()
            case Role.HEADING:
                self.flow.blank_line()
                self._heading_starts.append(len(self.flow))
            case Role.PREFORMATTED:
                self.flow.line()
                self._preformatted += 1
            case Role.TABLE:
                self.flow.blank_line()
                self._grids.append(_Grid())
            case Role.ROW:
                self.flow.line()
                if not self._grids:
                    self._grids.append(_Grid(without_table=True))
                self._grids[-1].open_rows += 1
                self._grids[-1].next_row()
            case Role.CELL:
                self._enter_cell(element)
            case Role.RAISED:
                self.flow.raised()
            case Role.LOWERED:
                self.flow.lowered()
            case Role.WORD:
                self.flow.space()

    def _leave(self, element: Element, role: Role) -> None:
        match role:
            case Role.BLOCK:
                self.flow.line()
            case Role.ROW:
                self.flow.line()
                self._grids[-1].open_rows -= 1
                if self._grids[-1].without_table and not self._grids[-1].open_rows:
                    self._grids.pop()
            case Role.CELL:
                if self._held.pop():
                    self.flow.release_line()
            case Role.PARAGRAPH:
                self.flow.blank_line()
            case Role.HEADING:
                self._leave_heading(element)
            case Role.PREFORMATTED:
                self._preformatted -= 1
                self.flow.line()
            case Role.TABLE:
                self._grids.pop()
                self.flow.blank_line()
            case Role.RAISED | Role.LOWERED:
                self.flow.level()
            case Role.WORD:
                self.flow.space()

    def _leave_heading(self, element: Element) -> None:
        start = self._heading_starts.pop()
        if len(self.flow) > start:
            self.headings.append(HeadingMark(start, len(self.flow), self._dialect.heading_level(element)))
        self.flow.blank_line()

    def _enter_cell(self, element: Element) -> None:
        """Cells of one line share the row's line; a cell of several lines, and the one after it, begin their own."""
        several = self._has_several_lines(element)
        if self._grids:
            grid = self._grids[-1]
            moved = grid.next_cell(_span(element, "colspan"), _span(element, "rowspan"))
            if several or grid.several_lines:
                self.flow.line()
            else:
                self.flow.tab(moved)
            grid.several_lines = several
        else:
            self.flow.tab(0 if self.flow.at_line_start else 1)
        self._held.append(not several)
        if not several:
            self.flow.hold_line()

    def _has_several_lines(self, cell: Element) -> bool:
        if not len(cell):
            return bool(self._preformatted) and "\n" in (cell.text or "").strip()
        from lxml import etree

        lines, begun = 0, True
        events = etree.iterwalk(cell, events=("start", "end"))
        for event, element in events:
            role = self._dialect.role(element)
            if element is not cell:
                if role is Role.TABLE:
                    return True
                begun = begun or role in _LINE_MAKERS
            text = element.text if event == "start" else element.tail
            if event == "start" and role in _SKIPPED:
                events.skip_subtree()
                continue
            if (event == "end" and element is cell) or not text or not text.strip():
                continue
            if (role is Role.PREFORMATTED or self._preformatted) and "\n" in text.strip():
                return True
            lines += begun
            begun = False
            if lines > 1:
                return True
        return False


def _span(element: Element, attribute: str) -> int:
    value = (element.get(attribute) or "").strip()
    return min(int(value), _WIDEST_SPAN) if value.isascii() and value.isdigit() and int(value[:9]) > 0 else 1
