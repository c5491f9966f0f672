"""The uncommon, dealt out in turn, so that a hospital of a few hundred patients lacks nothing a release may hold.

Devices, drugs, lines, codes and extreme values that chance alone would leave out of a small hospital are given to a few
*watched* ICU stays of each block, chosen without regard to illness or outcome. What is dealt is in `charting`,
`care`, `results`, `drugs` and `codes`.
"""

from __future__ import annotations

import numpy as np

from clinical_assets.sample.blocks import Block, Integers
from clinical_assets.sample.columns import minutes
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.course.treatments import NOT_DONE

WATCHED = 12
"""Watched stays of a block."""
WHOLE_DAY = 26 * 3600
"""A watched stay lasts so long at least: all that is dealt to it happens on its first day."""
FIRST_MOMENT, LAST_MOMENT = 35, 23 * 60
"""Minutes into the stay."""


def watched(story: Story) -> Integers:
    """The watched stays of the block; none where no stay is long enough."""
    long_enough = np.flatnonzero(story.stays.care_ends - story.stays.start >= WHOLE_DAY)
    return np.sort(story.block.rng("watched stays").permutation(long_enough)[:WATCHED])


def watched_on_a_ventilator(story: Story) -> Integers:
    """Stays with a day or more on a ventilator, at most half as many: those who come off it last."""
    done = story.treatments
    lasted = np.where(done.ventilated_from == NOT_DONE, 0, done.ventilated_to - done.ventilated_from)
    begins_early = done.ventilated_from < story.stays.start + 3 * 3600
    long_enough = np.flatnonzero((lasted >= WHOLE_DAY) & begins_early)
    breathing_alone = (story.stays.care_ends - done.ventilated_to)[long_enough]
    return np.sort(long_enough[np.argsort(breathing_alone, kind="stable")[: WATCHED // 2]])


def hardly_charted(story: Story) -> tuple[Integers, Integers]:
    """A stay whose monitor was never charted, and one with neither chart nor blood tests: two short ones of a block."""
    short = story.block.rng("hardly charted").permutation(np.flatnonzero(story.stays.hours < WHOLE_DAY / 3600))
    return short[:1], short[1:2]


def dealt(count: int, stays: Integers, first: int = 0) -> Integers:
    """A stay for each of `count` things, one after the other in turn; none where there are no stays."""
    if not len(stays):
        return np.empty(0, np.int64)
    turns: Integers = stays[(first + np.arange(count)) % len(stays)]
    return turns


def moments(story: Story, stay: Integers) -> Integers:
    """A minute of its own on the first day for each thing dealt to a stay, in seconds, in the order dealt."""
    if not len(stay):
        return np.empty(0, np.int64)
    order = np.argsort(stay, kind="stable")
    counts = np.bincount(stay)
    number = np.empty(len(stay), np.int64)
    number[order] = np.arange(len(stay)) - np.repeat(np.cumsum(counts) - counts, counts)
    apart = max((LAST_MOMENT - FIRST_MOMENT) // int(counts.max()), 1)
    return minutes(story.stays.start[stay]) + 60 * (FIRST_MOMENT + number * apart)


def in_turn(block: Block, what: str, rows: Integers, count: int, *, blocks: int = 1) -> tuple[Integers, Integers]:
    """Variants for some of the rows, each for one.

    Args:
        block: whose rows they are.
        what: names the draw.
        rows: that may be given one.
        count: variants in all.
        blocks: over how many blocks of patients the variants are spread.

    Returns:
        the rows chosen at random, and the variant of each.
    """
    share = -(-count // blocks)
    chosen = block.rng(f"in turn: {what}").permutation(rows)[:share]
    return chosen, (block.number * share + np.arange(len(chosen))) % count
