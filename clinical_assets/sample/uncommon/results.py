"""Blood tests seldom asked for, and results far out of the common: two draws for everything on each watched stay.

What is asked of such a draw is every panel the laboratory has; a few of its results are replaced by values on both
sides of the bounds at which the concepts and scores believe or grade them.
"""

from __future__ import annotations

from itertools import cycle

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Integers
from clinical_assets.sample.columns import minutes
from clinical_assets.sample.course.people import HOUR
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.hosp.lab_tests import SPECIMEN_TYPE
from clinical_assets.sample.uncommon.dealing import watched, watched_on_a_ventilator

WORKUP_HOURS = (3.3, 17.6)
"""After the start of a watched stay."""
VENTILATOR_HOURS = 8.4

# fmt: off
RESULTS: tuple[tuple[int, tuple[float, ...]], ...] = (
    # itemid, results; of one draw at most one each
    (50862, (1.5, 2.2, 4.8, 10, 11)), (50930, (9.9, 12)), (50976, (20, 21)), (50868, (-2, 0, 10_001)),
    (50882, (10, 14, 17, 10_001)), (51006, (8, 18, 30, 60, 90, 300, 301)), (50893, (10_001,)),
    (50902, (10_001,)), (50912, (0.3, 1.3, 1.7, 2.4, 3.6, 5.5, 150, 151)), (50931, (30, 60, 250, 400, 10_001)),
    (50983, (110, 122, 124, 133, 147, 158, 200, 201)), (50971, (2.4, 5.2, 6.8, 30, 31)),
    (51221, (35, 47, 55)), (51301, (0.5, 0.9, 2.2, 2.8, 22, 27, 55)), (51265, (12, 35, 80, 120)),
    (50885, (2.4, 4.5, 7, 9, 13)), (51274, (2.5, 17, 30)), (51237, (1.6, 2.3, 4.5)),
    (50809, (45, 300, 10_001)), (50810, (22, 100, 101)), (50813, (4.5, 9, 10_001)), (50817, (62, 100, 101)),
    (50816, (0.2, 0.21, 0.4, 1, 1.5, 20, 21, 50, 100, 101)),
    (50821, (45, 55, 75, 90, 110, 190, 290)), (51144, (15, 22)), (50889, (0.4, 180)), (51003, (0.4, 2.5)),
)
"""The first results of an item fall on different stays."""
ACID_BASE: tuple[tuple[float, float], ...] = (
    # pH, partial pressure of carbon dioxide: every region of the acid-base chart
    (7.10, 40), (7.12, 60), (7.25, 25), (7.26, 35), (7.27, 45), (7.28, 55), (7.32, 25), (7.33, 40), (7.34, 50),
    (7.38, 25), (7.40, 40), (7.42, 50), (7.46, 25), (7.47, 32), (7.48, 40), (7.49, 50), (7.55, 35), (7.57, 45),
    (7.65, 20), (7.66, 30), (7.67, 45),
)
PH, CARBON_DIOXIDE = 50820, 50818
ON_A_VENTILATOR: tuple[dict[int, float], ...] = (
    # Arterial oxygen, inspired oxygen, gradient: of patients who stay on the ventilator
    {50821: 62, 50816: 100, 50801: 520}, {50821: 150, 50816: 100, 50801: 400}, {50821: 95, 50816: 60, 50801: 300},
    {50821: 180, 50816: 80, 50801: 150}, {50821: 210, 50816: 60, 50801: 80}, {50821: 75, 50816: 80, 50801: 360},
)
TYPES = ("ART.", "ART.", "ART.", None, "VEN.", "ART.", "MIX.", "ART.", "CENTRAL VENOUS.")
# fmt: on


def workups(story: Story) -> tuple[Integers, Integers]:
    """Stay and time (seconds) of the draws for everything: all first ones, all second ones, those on a ventilator."""
    stays, ventilated = watched(story), watched_on_a_ventilator(story)
    stay = np.concatenate([*([stays] * len(WORKUP_HOURS)), ventilated])
    draws_of = [*([len(stays)] * len(WORKUP_HOURS)), len(ventilated)]
    hours = np.repeat(np.array((*WORKUP_HOURS, VENTILATOR_HOURS)), draws_of)
    return stay, minutes(story.stays.start[stay] + hours * HOUR)


def _replacements(draws: Integers, ventilated: Integers) -> pl.DataFrame:
    """What is written instead: draw, itemid, number or word (both null: the result is left out)."""
    rows: list[tuple[int, int, float | None, str | None]] = []
    for place, (itemid, results) in enumerate(RESULTS):
        rows += [(place * 7 + n, itemid, float(result), None) for n, result in enumerate(results)]
    for n, (acidity, carbon_dioxide) in enumerate(ACID_BASE):
        rows += [(n, PH, acidity, None), (n, CARBON_DIOXIDE, carbon_dioxide, None)]
    rows += [(n, SPECIMEN_TYPE, None, kind) for n, kind in zip(range(len(draws)), cycle(TYPES), strict=False)]
    schema = {"place": pl.Int64, "itemid": pl.Int64, "number": pl.Float64, "word": pl.String}
    frame = pl.DataFrame(rows if len(draws) else [], schema=schema, orient="row")
    turns = frame["place"].to_numpy() % max(len(draws), 1)
    of_watched = frame.with_columns(draw=pl.Series(draws[turns], dtype=pl.Int64)).drop("place")
    gases = [
        (itemid, number, word, int(draw))
        for draw, gas in zip(ventilated, ON_A_VENTILATOR, strict=False)
        for itemid, number, word in ((SPECIMEN_TYPE, None, "ART."), *((i, float(x), None) for i, x in gas.items()))
    ]
    return pl.concat([of_watched, pl.DataFrame(gases, schema=of_watched.schema, orient="row")])


def replaced(results: pl.DataFrame, story: Story, draws: Integers) -> pl.DataFrame:
    """The results with some of the draws for everything replaced.

    Args:
        results: draw, itemid, valuenum, value and what else they say.
        story: of the block.
        draws: of the `workups`, in order.
    """
    both = len(WORKUP_HOURS) * len(watched(story))
    new = _replacements(draws[:both], draws[both:]).unique(["draw", "itemid"], keep="first", maintain_order=True)
    number = pl.col("number")
    text = number.cast(pl.String).str.strip_suffix(".0")
    joined = results.join(
        new.with_columns(replaced=pl.lit(value=True)), on=["draw", "itemid"], how="left", maintain_order="left"
    )
    return (
        joined.filter(pl.col("replaced").is_null() | number.is_not_null() | pl.col("word").is_not_null())
        .with_columns(
            valuenum=pl.when("replaced").then(number).otherwise("valuenum"),
            value=pl.when("replaced").then(pl.coalesce("word", text)).otherwise("value"),
        )
        .select(results.columns)
    )
