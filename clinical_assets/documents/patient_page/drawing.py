"""The picture of one patient's time: a lane for each kind of event, two for documents, lines from events to notes.

Geometry and titles only; colours come from the page's style sheet by class. What does not belong here: what is drawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clinical_assets.documents.patient_page.time_axis import BREAK, TimeAxis

ROW, PADDING, TOP = 11.0, 7.0, 26.0
MOST_ROWS = 16
"""Rows of a lane; what finds no free place after them is drawn over others."""
LEAST_BAR = 5.0
APART = 2.0
NAMES = 118


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was: at a moment, on a day, or from one to another.

    Attributes:
        key: by which lines find it.
        start: a day where no time is known.
        end: None for what has no length.
        kind: class of its colour.
        title: what is told of it when pointed at.
        link: id of the part of the page that tells more.
    """

    key: str
    start: dt.date
    end: dt.date | None
    kind: str
    title: str
    link: str


@dataclass(frozen=True, slots=True)
class Lane:
    """Marks under one name."""

    name: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """From an event's mark, at one of its edges, to a note's."""

    event: str
    note: str
    at_end: bool
    kind: str


@dataclass(frozen=True, slots=True)
class _Placed:
    mark: Mark
    left: float
    right: float
    y: float


def picture(lanes: Sequence[Lane], lines: Iterable[Line]) -> tuple[Markup, Markup]:
    """The lanes' names, and the picture beside them, which may be wider than the page.

    Raises:
        ValueError: there is no mark.
    """
    axis = TimeAxis.of(day for lane in lanes for mark in lane.marks for day in _days(mark))
    placed: dict[str, _Placed] = {}
    names: list[Markup] = []
    floor = TOP
    shades: list[Markup] = []
    for number, lane in enumerate(lanes):
        own, rows = _rows(lane, axis, floor + PADDING)
        height = rows * ROW + 2 * PADDING
        shades.append(
            Markup('<rect class="lane{}" y="{:g}" width="{:g}" height="{:g}"/>').format(
                " odd" if number % 2 else "", floor, axis.width, height
            )
        )
        names.append(
            Markup('<text x="{}" y="{:g}" text-anchor="end">{}</text>').format(
                NAMES - 10, floor + height / 2 + 4, lane.name
            )
        )
        placed |= {each.mark.key: each for each in own}
        floor += height
    drawn = Markup("").join(
        [*shades, _quiet(axis, floor), _dates(axis), _lines(placed, lines), *map(_drawn, placed.values())]
    )
    size = Markup('height="{:g}"').format(floor)
    words = "Events and documents of the patient on one line of time; the tables below tell the same."
    return (
        Markup('<svg class="names" width="{}" {} aria-hidden="true">{}</svg>').format(
            NAMES, size, Markup("").join(names)
        ),
        Markup('<svg class="time" width="{:g}" {} role="img" aria-label="{}">{}</svg>').format(
            axis.width, size, words, drawn
        ),
    )


def _days(mark: Mark) -> Iterable[dt.date]:
    for moment in (mark.start, mark.end):
        if moment is not None:
            yield moment.date() if isinstance(moment, dt.datetime) else moment


def _rows(lane: Lane, axis: TimeAxis, top: float) -> tuple[list[_Placed], int]:
    """Every mark in the first row that is free where it lies."""
    ends: list[float] = []
    placed = []
    for mark in sorted(lane.marks, key=lambda each: (axis.x(each.start), each.key)):
        left, right = _reach(mark, axis)
        free = (row for row, end in enumerate(ends) if end + APART <= left)
        row = next(free, len(ends))
        if row == len(ends) and len(ends) < MOST_ROWS:
            ends.append(right)
        elif row == len(ends):
            row = min(range(len(ends)), key=ends.__getitem__)
        ends[row] = max(ends[row], right)
        placed.append(_Placed(mark, left, right, top + (row + 0.5) * ROW))
    return placed, max(len(ends), 1)


def _reach(mark: Mark, axis: TimeAxis) -> tuple[float, float]:
    """From where to where it is drawn; a day without a time of day is the whole day."""
    left = axis.x(mark.start)
    last = mark.end if mark.end is not None else mark.start
    right = axis.x(last) + (0 if isinstance(last, dt.datetime) else axis.per_day)
    return left, max(right, left + LEAST_BAR)


def _drawn(each: _Placed) -> Markup:
    mark, height = each.mark, ROW - 4
    kind = mark.kind if isinstance(mark.start, dt.datetime) else f"{mark.kind} day"
    shape = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:g}" rx="2"/>').format(
        each.left, each.y - height / 2, each.right - each.left, height
    )
    if mark.end is None and isinstance(mark.start, dt.datetime):
        shape = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4"/>').format(each.left, each.y)
    return Markup('<a href="#{}" class="{}">{}<title>{}</title></a>').format(mark.link, kind, shape, mark.title)


def _lines(placed: dict[str, _Placed], lines: Iterable[Line]) -> Markup:
    drawn = []
    for line in lines:
        event, note = placed.get(line.event), placed.get(line.note)
        if event is None or note is None:
            continue
        start = event.right if line.at_end and event.mark.end is not None else event.left
        drawn.append(
            Markup('<path class="line {}" d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>').format(
                line.kind, start, event.y, note.left, note.y
            )
        )
    return Markup("").join(drawn)


def _quiet(axis: TimeAxis, floor: float) -> Markup:
    shape = Markup('<rect class="quiet" x="{:.1f}" y="{:g}" width="{:g}" height="{:g}"><title>{}</title></rect>')
    return Markup("").join(
        shape.format(each.left + 3, TOP, BREAK - 6, floor - TOP, f"{_long(each.days)} without an entry")
        for each in axis.breaks
    )


def _dates(axis: TimeAxis) -> Markup:
    return Markup("").join(
        Markup('<text class="date" x="{:.1f}" y="{:g}">{}</text><path class="date" d="M{:.1f} {:g}v6"/>').format(
            place, TOP - 10, day, place, TOP - 6
        )
        for place, day in axis.labels()
    )


def _long(days: int) -> str:
    if days < 90:
        return f"{days} days"
    return f"{days / 30.44:.0f} months" if days < 730 else f"{days / 365.25:.1f} years"
