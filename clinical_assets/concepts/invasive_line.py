"""Invasive lines: arterial, central venous, dialysis and other catheters, with the two charts' names made one."""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import STAY_ID, concept, conform, text, timestamp
from clinical_assets.concepts.measurements import is_item

# fmt: off
LINES = (
    224263, 224264, 224267, 224268, 224269, 224270, 224272, 224273, 224560, 225199, 225202, 225203, 225204, 225205,
    225315, 225752, 225761, 225789, 226124, 227719, 228169, 228201, 228202, 228286,
)
# fmt: on
TYPES = {
    "Arterial Line": "Arterial",
    "A-Line": "Arterial",
    "CCO PA Line": "Continuous Cardiac Output PA",
    "CCO PAC": "Continuous Cardiac Output PA",
    "Dialysis Catheter": "Dialysis",
    "Dialysis Line": "Dialysis",
    "Hickman": "Hickman",
    "Tunneled (Hickman) Line": "Hickman",
    "IABP": "IABP",
    "IABP line": "IABP",
    "Multi Lumen": "Multi Lumen",
    "Multi-lumen": "Multi Lumen",
    "PA Catheter": "PA",
    "PA line": "PA",
    "PICC Line": "PICC",
    "PICC line": "PICC",
    "Pre-Sep Catheter": "Pre-Sep",
    "Presep Catheter": "Pre-Sep",
    "Trauma Line": "Trauma",
    "Trauma line": "Trauma",
    "Triple Introducer": "Triple Introducer",
    "TripleIntroducer": "Triple Introducer",
    "Portacath": "Portacath",
    "Indwelling Port (PortaCath)": "Portacath",
}
"""Labels of `d_items` and the name of the kind; other labels stay as they are."""
SITES = {
    "Left Antecub": "Left Antecube",
    "Left Axilla.": "Left Axilla",
    "Left Brachial.": "Left Brachial",
    "Left Femoral.": "Left Femoral",
    "Right Antecub": "Right Antecube",
    "Right Axilla.": "Right Axilla",
    "Right Brachial.": "Right Brachial",
    "Right Femoral.": "Right Femoral",
}
"""Spellings of a site and the one used; other sites stay as they are."""

INVASIVE_LINE = concept(
    "invasive_line",
    grain="one row per line (repeated where one line was charted twice)",
    meaning="Invasive lines and the time they lay.",
    columns=(
        STAY_ID,
        text("line_type", "Kind of line."),
        text("line_site", "Where it lay; null where not charted."),
        timestamp("starttime", "When it was placed or first charted.", nullable=False),
        timestamp("endtime", "When it was removed.", nullable=False),
    ),
    happened="starttime",
)


def invasive_line(procedureevents: pl.LazyFrame, d_items: pl.LazyFrame) -> pl.LazyFrame:
    """Invasive lines. One row per charted line."""
    rows = (
        procedureevents.filter(is_item(LINES))
        .join(d_items.select("itemid", "label"), on="itemid")
        .with_columns(line_type=pl.col("label").replace(TYPES), line_site=pl.col("location").replace(SITES))
    )
    return conform(rows, INVASIVE_LINE)
