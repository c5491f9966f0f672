"""Walks a markup tree the way it is seen: roles of elements to flowing text, tables as rows.

Knows tables, lists, headings, preformatted and struck text; does not know HTML or C-CDA: each gives a `Dialect` that
says which role an element has. Deep trees are walked without recursion.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clinical_assets.documents.readers import symbol_fonts
from clinical_assets.documents.readers.flow import FlowedText
from clinical_assets.documents.readers.reading import Caution, ExtractionWarning, Reason, UnreadableError
from clinical_assets.documents.readers.safe_xml import Element

Glyphs = Mapping[str, str]


class Role(enum.Enum):
    """What an element does to the flow of text.

    Attributes:
        line_ends: how many at least stand before and after it.
        written: whether the walker writes what is in it.
    """

    INLINE = enum.auto()
    BLOCK = enum.auto(), 1
    PARAGRAPH = enum.auto(), 2
    BREAK = enum.auto()
    HEADING = enum.auto(), 2
    PREFORMATTED = enum.auto(), 1
    TABLE = enum.auto(), 2
    ROW = enum.auto(), 1
    CELL = enum.auto()
    RAISED = enum.auto()
    LOWERED = enum.auto()
    WORD = enum.auto()
    """Set apart by spaces, e.g. a form field's value."""
    UNSEEN = enum.auto(), 0, False
    """Never text: scripts, styles, machine-readable parts."""
    HIDDEN = enum.auto(), 0, False
    """Text that is not shown; dropped with a caution."""
    STRUCK = enum.auto(), 0, False
    """Text shown as withdrawn; dropped with a caution."""
    REPLACED = enum.auto(), 0, False
    """Shown as something else; the dialect writes it."""

    def __init__(self, number: int, line_ends: int = 0, written: bool = True) -> None:
        self.line_ends = line_ends
        self.written = written

    # An enum hashes its member's name in Python, here several times per element.
    __hash__ = object.__hash__


_LINE_MAKERS = frozenset(
    (
        Role.BLOCK,
        Role.PARAGRAPH,
        Role.BREAK,
        Role.HEADING,
        Role.PREFORMATTED,
        Role.ROW,
        Role.TABLE,
        Role.CELL,
    )
)
_INLINE = Role.INLINE
_DROPPED_WITH: Mapping[Role, Caution] = {
    Role.HIDDEN: Caution.HIDDEN_TEXT_DROPPED,
    Role.STRUCK: Caution.DELETED_TEXT_DROPPED,
}
# HTML Living Standard, "forming a table": colspan is at most 1000; rowspan is kept to the same here.
_WIDEST_SPAN = 1000
# A few bytes may ask for a thousand columns of a thousand rows; no table that is read has so many places under spans.
_MOST_COVERED = 2_000_000
_MOST_CELLS_IN_CELLS = 20


class RoleOfTag(dict[Any, Role]):
    """The roles of elements by tag, for one document: a tag not met before is asked for once.

    Args:
        known: the roles of tags to begin with.
        otherwise: the role of any other tag.
    """

    def __init__(self, known: Mapping[str, Role], otherwise: Callable[[str], Role]) -> None:
        super().__init__(known)
        self._otherwise = otherwise

    def __missing__(self, tag: object) -> Role:
        # What is no element (an entity left unresolved) has no name for a tag.
        role = self[tag] = self._otherwise(tag) if isinstance(tag, str) else Role.UNSEEN
        return role


@dataclass(frozen=True)
class Dialect:
    """One markup language.

    Attributes:
        role_of_tag: the role of an element without attributes.
        with_attributes: the role of an element with attributes, given its tag's.
        replaced: writes a REPLACED element, given the writer.
        heading_level: the level of a HEADING element, from 1.
        glyphs: the glyph table an element's font sets for its text (see `symbol_fonts`), given the table in force.
    """

    role_of_tag: RoleOfTag
    with_attributes: Callable[[Element, Role], Role]
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
        if self.carried or self.opened:
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
        self.dropped: dict[Caution, int] = {}
        self._dialect = dialect
        self._max_depth = max_depth
        self._grids: list[_Grid] = []
        self._held: list[bool] = []
        self._covered = 0
        self._preformatted = 0
        self._glyphs: Glyphs | None = None
        self._heading_starts: list[int] = []

    def walk(self, root: Element) -> None:
        """Write everything below `root` (and its own text).

        Raises:
            UnreadableError: TOO_DEEP beyond the depth limit, TOO_LONG from the writer.
        """
        write, role_of_tag = self._write, self._dialect.role_of_tag
        above: list[tuple[Iterator[Element], Element, Role, Glyphs | None]] = []
        siblings: Iterator[Element] = iter((root,))
        while True:
            for element in siblings:
                role = role_of_tag[element.tag]
                glyphs = self._glyphs
                if element.attrib:
                    role = self._dialect.with_attributes(element, role)
                    self._glyphs = self._dialect.glyphs(element, glyphs)
                if len(above) >= self._max_depth:
                    raise UnreadableError(Reason.TOO_DEEP, f"more than {self._max_depth} levels of markup")
                if role.written:
                    if role is not _INLINE:
                        self._enter(element, role)
                    if text := element.text:
                        write(text)
                    if len(element):
                        above.append((siblings, element, role, glyphs))
                        siblings = iter(element)
                        break
                    if role is not _INLINE:
                        self._leave(element, role)
                else:
                    self._skip(element, role)
                self._glyphs = glyphs
                if above and (tail := element.tail):
                    write(tail)
            else:
                if not above:
                    return
                siblings, element, role, self._glyphs = above.pop()
                if role is not _INLINE:
                    self._leave(element, role)
                if above and (tail := element.tail):
                    write(tail)

    def cautions(self) -> list[ExtractionWarning]:
        """What was left out since this was last asked, with counts."""
        dropped, self.dropped = self.dropped, {}
        return [ExtractionWarning(code, f"{count} elements") for code, count in dropped.items()]

    def _write(self, text: str) -> None:
        if self._glyphs is not None:
            text = symbol_fonts.shown(text, self._glyphs)
        if self._preformatted:
            self.flow.verbatim(text)
        else:
            self.flow.inline(text)

    def _skip(self, element: Element, role: Role) -> None:
        if role is Role.REPLACED:
            self._dialect.replaced(element, self.flow)
        elif role in _DROPPED_WITH and any(text.strip() for text in element.itertext()):
            caution = _DROPPED_WITH[role]
            self.dropped[caution] = self.dropped.get(caution, 0) + 1

    def _enter(self, element: Element, role: Role) -> None:
        if role.line_ends:
            self.flow.end_lines(role.line_ends)
        special = _ENTERING.get(role)
        if special is not None:
            special(self, element)

    def _leave(self, element: Element, role: Role) -> None:
        special = _LEAVING.get(role)
        if special is not None:
            special(self, element)
        if role.line_ends:
            self.flow.end_lines(role.line_ends)

    def _leave_heading(self, element: Element) -> None:
        start = self._heading_starts.pop()
        if len(self.flow) > start:
            self.headings.append(HeadingMark(start, len(self.flow), self._dialect.heading_level(element)))

    def _preformat(self, by: int) -> None:
        self._preformatted += by

    def _enter_row(self) -> None:
        if not self._grids:
            self._grids.append(_Grid(without_table=True))
        grid = self._grids[-1]
        grid.open_rows += 1
        grid.next_row()
        self._cover(len(grid.carried))

    def _cover(self, places: int) -> None:
        self._covered += places
        if self._covered > _MOST_COVERED:
            raise UnreadableError(Reason.TOO_MANY_PARTS, f"cells that span more than {_MOST_COVERED} places of tables")

    def _leave_row(self) -> None:
        grid = self._grids[-1]
        grid.open_rows -= 1
        if grid.without_table and not grid.open_rows:
            self._grids.pop()

    def _enter_cell(self, element: Element) -> None:
        """Cells of one line share the row's line; a cell of several lines, and the one after it, begin their own."""
        several = self._has_several_lines(element)
        if self._grids:
            grid = self._grids[-1]
            spans = (_span(element, "colspan"), _span(element, "rowspan")) if element.attrib else (1, 1)
            moved = grid.next_cell(*spans)
            self._cover(spans[0] if spans[1] > 1 else 0)
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

    def _leave_cell(self) -> None:
        if self._held.pop():
            self.flow.release_line()

    def _role(self, element: Element) -> Role:
        role = self._dialect.role_of_tag[element.tag]
        return self._dialect.with_attributes(element, role) if element.attrib else role

    def _has_several_lines(self, cell: Element) -> bool:
        # A cell of one line has none of several inside. Cells in cells would each look through all that is inside them.
        if True in self._held:
            return False
        if len(self._held) > len(self._grids) + _MOST_CELLS_IN_CELLS:
            return True
        if not len(cell):
            return bool(self._preformatted) and "\n" in (cell.text or "").strip()
        if not self._preformatted and not any(self._role(inner) in _LINE_MAKERS for inner in cell.iterdescendants()):
            return False
        from lxml import etree

        lines, begun = 0, True
        events = etree.iterwalk(cell, events=("start", "end"))
        for event, element in events:
            role = self._role(element)
            if element is not cell:
                if role is Role.TABLE:
                    return True
                begun = begun or role in _LINE_MAKERS
            text = element.text if event == "start" else element.tail
            if event == "start" and not role.written:
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


# What a role does besides ending lines. Looked up once per element, which a chain of comparisons is too slow for.
_ENTERING: Mapping[Role, Callable[[Walker, Element], None]] = {
    Role.BREAK: lambda walker, _: walker.flow.line_break(),
    Role.HEADING: lambda walker, _: walker._heading_starts.append(len(walker.flow)),
    Role.PREFORMATTED: lambda walker, _: walker._preformat(1),
    Role.TABLE: lambda walker, _: walker._grids.append(_Grid()),
    Role.ROW: lambda walker, _: walker._enter_row(),
    Role.CELL: Walker._enter_cell,
    Role.RAISED: lambda walker, _: walker.flow.raised(),
    Role.LOWERED: lambda walker, _: walker.flow.lowered(),
    Role.WORD: lambda walker, _: walker.flow.space(),
}
_LEAVING: Mapping[Role, Callable[[Walker, Element], object]] = {
    Role.HEADING: Walker._leave_heading,
    Role.PREFORMATTED: lambda walker, _: walker._preformat(-1),
    Role.TABLE: lambda walker, _: walker._grids.pop(),
    Role.ROW: lambda walker, _: walker._leave_row(),
    Role.CELL: lambda walker, _: walker._leave_cell(),
    Role.RAISED: lambda walker, _: walker.flow.level(),
    Role.LOWERED: lambda walker, _: walker.flow.level(),
    Role.WORD: lambda walker, _: walker.flow.space(),
}
