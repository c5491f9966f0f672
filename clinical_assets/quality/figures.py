"""The report's pictures, as inline SVG: bars, strips and intervals.

Every picture repeats numbers written beside it, so it is hidden from screen readers. Colours come from the page's
style sheet by class; an SVG here holds geometry only and, but for axis labels, no text. What does not belong here:
the plots of a model, which are PNG files made by `models.plots`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clinical_assets.quality.notation import decimal
from clinical_assets.quality.report_facts import Figure

LEAST_VISIBLE = 0.006
"""Bars of something are never narrower than this share of their track."""
SHARD_BAR, SHARD_GAP, SHARD_HEIGHT = 6, 2, 24
WIDEST_SHARDS = 128
STRIP_CELL = 5


def bar(share: float, kind: str = "filled") -> Markup:
    """A horizontal bar filled to `share`; anything above 0 is seen, anything below 1 leaves a gap."""
    width = 100 * share if share in (0, 1) else 100 * min(max(share, LEAST_VISIBLE), 1 - LEAST_VISIBLE)
    return Markup('<svg class="bar" viewBox="0 0 100 6" {}><rect class="{}" width="{:g}" height="6"/></svg>').format(
        _STRETCHED, kind, round(width, 2)
    )


def logarithmic(number: int, largest: int) -> float:
    """How far a bar of `number` reaches where `largest` fills it: each tenfold is a step of equal length."""
    return math.log10(1 + number) / math.log10(1 + largest) if largest else 0.0


def shard_bars(rows: Sequence[int | None]) -> Markup:
    """Upright bars, one per shard, the largest filling the height; hollow for a shard never materialized (None)."""
    largest = max((number for number in rows if number), default=1)
    step = SHARD_BAR + SHARD_GAP
    tops = [SHARD_HEIGHT * (1 - number / largest) if number is not None else 0.0 for number in rows]
    present = "".join(
        f"M{n * step} {SHARD_HEIGHT}V{min(top, SHARD_HEIGHT - 1):.1f}h{SHARD_BAR}V{SHARD_HEIGHT}z"
        for n, (top, number) in enumerate(zip(tops, rows, strict=True))
        if number
    )
    empty = "".join(f"M{n * step} {SHARD_HEIGHT - 1}h{SHARD_BAR}v1h-{SHARD_BAR}z" for n, r in enumerate(rows) if r == 0)
    absent = "".join(
        f"M{n * step + 0.5} {SHARD_HEIGHT - 0.5}V.5h{SHARD_BAR - 1}V{SHARD_HEIGHT - 0.5}z"
        for n, number in enumerate(rows)
        if number is None
    )
    width = max(step * len(rows) - SHARD_GAP, 1)
    return Markup(
        '<svg class="shards" width="{}" height="{}" viewBox="0 0 {} {}" {}>'
        '<path class="filled" d="{}"/><path class="none" d="{}"/><path class="absent" d="{}"/></svg>'
    ).format(min(width, WIDEST_SHARDS), SHARD_HEIGHT, width, SHARD_HEIGHT, _STRETCHED, present, empty, absent)


def strip(shares: Sequence[float]) -> Markup:
    """A heat strip: one cell per column, the more that is missing the stronger; entirely empty columns stand out."""
    # The style sheet sets the cells' size: a page may hold thousands of them.
    cells = Markup("").join(
        Markup('<rect x="{}" class="none"/>').format(n * STRIP_CELL)
        if share == 1
        else Markup('<rect x="{}" fill-opacity="{:g}"/>').format(n * STRIP_CELL, round(0.12 + 0.88 * share, 2))
        for n, share in enumerate(shares)
    )
    width = STRIP_CELL * len(shares)
    return Markup('<svg class="strip" width="{}" height="12" viewBox="0 0 {} 12" {}>{}</svg>').format(
        width, width, _HIDDEN, cells
    )


@dataclass(frozen=True)
class Axis:
    """The scale of one figure, fixed, so that models and reports can be compared by eye.

    Attributes:
        low: left end.
        high: right end.
        reference: what the figure is to be held against, if anything.
        meaning: of the reference, in a word or two.
    """

    low: float
    high: float
    reference: float | None = None
    meaning: str = ""


WIDTH, HEIGHT, MARGIN, MIDDLE = 300, 44, 16, 14
LABEL_ROOM = 0.3
"""An end of the axis keeps its label where the reference's is at least this share of the axis away."""


def interval(figure: Figure, axis: Axis) -> Markup:
    """A point with its 95% interval on an axis; an arrow head where either lies beyond the end of it."""
    value, low, high, _ = figure
    parts = [Markup('<path class="axis" d="M{} {}H{}"/>').format(MARGIN, HEIGHT - 14, WIDTH - MARGIN)]
    parts += _reference(axis)
    if low is not None and high is not None:
        parts.append(
            Markup('<path class="interval" d="M{:.1f} {}H{:.1f}"/>').format(
                _across(low, axis), MIDDLE, _across(high, axis)
            )
        )
        parts += [_arrow(axis, bound) for bound in (low, high) if not axis.low <= bound <= axis.high]
    if value is not None:
        inside = axis.low <= value <= axis.high
        parts.append(
            Markup('<circle class="point" cx="{:.1f}" cy="{}" r="4.5"/>').format(_across(value, axis), MIDDLE)
            if inside
            else _arrow(axis, value)
        )
    return Markup('<svg class="forest" width="{}" height="{}" viewBox="0 0 {} {}" {}>{}</svg>').format(
        WIDTH, HEIGHT, WIDTH, HEIGHT, _HIDDEN, Markup("").join(parts)
    )


def axis_of(figure: Figure) -> Axis:
    """A scale for a figure nobody described: what it spans, and a quarter more on each side."""
    numbers = [n for n in figure[:3] if isinstance(n, float | int)] or [0.0, 1.0]
    room = (max(numbers) - min(numbers)) / 4 or 0.5
    return Axis(min(numbers) - room, max(numbers) + room)


def _across(number: float, axis: Axis) -> float:
    share = (min(max(number, axis.low), axis.high) - axis.low) / (axis.high - axis.low)
    return MARGIN + share * (WIDTH - 2 * MARGIN)


def _arrow(axis: Axis, beyond: float) -> Markup:
    end, way = (MARGIN, -1) if beyond < axis.low else (WIDTH - MARGIN, 1)
    return Markup('<path class="arrow" d="M{} {}v10l{} -5z"/>').format(end, MIDDLE - 5, way * 9)


def _reference(axis: Axis) -> list[Markup]:
    """The reference as an upright line, and the labels below the axis that leave it room."""
    ends = [(axis.low, "start"), (axis.high, "end")]
    if axis.reference is None:
        return [_label(axis, number, f"{number:g}", anchor) for number, anchor in ends]
    place = (axis.reference - axis.low) / (axis.high - axis.low)
    anchor = "start" if place < LABEL_ROOM else "end" if place > 1 - LABEL_ROOM else "middle"
    said = f"{axis.meaning} {_short(axis.reference)}".strip()
    line = Markup('<path class="reference" d="M{:.1f} 2V{}"/>').format(_across(axis.reference, axis), HEIGHT - 14)
    free = [(n, a) for n, a, away in ((*ends[0], place), (*ends[1], 1 - place)) if away >= LABEL_ROOM]
    return [
        line,
        _label(axis, axis.reference, said, anchor),
        *(_label(axis, n, _short(n), a) for n, a in free),
    ]


def _label(axis: Axis, number: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
        _across(number, axis), HEIGHT - 3, anchor, text.replace("-", "−")
    )


def _short(number: float) -> str:
    return decimal(number).rstrip("0").rstrip(".")


_HIDDEN = Markup('aria-hidden="true"')
_STRETCHED = Markup('preserveAspectRatio="none" aria-hidden="true"')
