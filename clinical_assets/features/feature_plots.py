"""Small distributions of many features on one sheet, as SVG: filled as they are, an outline as they were before.

Written by hand rather than drawn by a plotting library: forty panels take a millisecond and some kilobytes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from clinical_assets.features.feature_summary import ColumnSummary

PANELS_IN_A_ROW = 5
WIDTH, HEIGHT, HEAD, GAP = 160, 62, 26, 12
NOW, THEN, INK, GREY = "#2f6690", "#b3432b", "#1f2933", "#7b8794"
LONGEST_NAME = 26


def sheet(
    columns: Mapping[str, ColumnSummary],
    before: Mapping[str, ColumnSummary],
    remarks: Mapping[str, str],
    shown: Sequence[str],
) -> str:
    """The SVG of the features named in `shown`, in that order.

    Args:
        columns: as they are; in the bins of `before` where that has the feature.
        before: the version before; may be empty.
        remarks: a few words below a feature's name.
        shown: features to show.
    """
    rows = -(-len(shown) // PANELS_IN_A_ROW)
    width = PANELS_IN_A_ROW * (WIDTH + GAP)
    height = max(rows, 1) * (HEIGHT + HEAD + GAP)
    panels = "".join(
        _panel(name, columns[name], before.get(name), remarks.get(name, ""), *divmod(number, PANELS_IN_A_ROW))
        for number, name in enumerate(shown)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="10"><rect width="{width}" height="{height}" fill="#fff"/>{panels}</svg>'
    )


def _panel(name: str, now: ColumnSummary, then: ColumnSummary | None, remark: str, row: int, place: int) -> str:
    left, top = place * (WIDTH + GAP) + GAP // 2, row * (HEIGHT + HEAD + GAP)
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    bars, old = _bars(now), _bars(then) if then else []
    most = max((height for _, _, height in (*bars, *old)), default=0) or 1
    outline = f'<path d="{_outline(old, most)}" fill="none" stroke="{THEN}"/>' if old else ""
    return (
        f'<g transform="translate({left},{top})"><title>{escape(name)}</title>'
        f'<text y="11" fill="{INK}">{escape(short)}</text><text y="22" fill="{GREY}">{escape(remark)}</text>'
        f'<g transform="translate(0,{HEAD})"><path d="{_filled(bars, most)}" fill="{NOW}" fill-opacity=".45"/>{outline}'
        f'<path d="M0 {HEIGHT}h{WIDTH}" stroke="{GREY}"/></g></g>'
    )


Bar = tuple[float, float, float]
"""Left edge and width as shares of the panel, and height."""


def _bars(column: ColumnSummary) -> list[Bar]:
    if column.levels:
        width = 1 / len(column.levels)
        return [(n * width, 0.8 * width, share) for n, share in enumerate(column.shares)]
    if len(column.bounds) < 2:
        return [(0.0, 1.0, 1.0)] if column.bounds else []
    first, last = column.bounds[0], column.bounds[-1]
    span = last - first
    # The two outer bins are open: there is no telling how wide they are, so their density can't be drawn.
    return [
        ((low - first) / span, (high - low) / span, share * span / (high - low))
        for (low, high), share in zip(pairwise(column.bounds), column.shares[1:-1], strict=True)
    ]


def _filled(bars: Sequence[Bar], most: float) -> str:
    return "".join(
        f"M{x * WIDTH:.0f} {HEIGHT}v{-tall / most * HEIGHT:.0f}h{max(width * WIDTH, 1):.0f}V{HEIGHT}z"
        for x, width, tall in bars
    )


def _outline(bars: Sequence[Bar], most: float) -> str:
    return "".join(
        f"M{x * WIDTH:.0f} {HEIGHT - tall / most * HEIGHT:.0f}h{max(width * WIDTH, 1):.0f}" for x, width, tall in bars
    )


def as_markdown(svg: str, alternative: str) -> str:
    """The picture as Markdown that carries it in itself."""
    return f"![{alternative}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
