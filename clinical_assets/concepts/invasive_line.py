"""Invasive lines: arterial, central venous, dialysis and other catheters, with the two charts' names made one."""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import STAY_ID, concept, conform, text, timestamp
from clinical_assets.concepts.measurements import is_item

LABELS = {
    224263: "Multi Lumen",
    224264: "PICC Line",
    224267: "Cordis/Introducer",
    224268: "Trauma line",
    224269: "CCO PAC",
    224270: "Dialysis Catheter",
    224272: "IABP line",
    224273: "Presep Catheter",
    224560: "PA Catheter",
    225199: "Triple Introducer",
    225202: "Indwelling Port (PortaCath)",
    225203: "Pheresis Catheter",
    225204: "Midline",
    225205: "RIC",
    225315: "Tunneled (Hickman) Line",
    225752: "Arterial Line",
    225761: "Sheath Insertion",
    225789: "Sheath (Venous)",
    226124: "ICP Catheter",
    227719: "AVA",
    228169: "Impella Line",
    228201: "Tandem Heart Inflow Line",
    228202: "Tandem Heart Outflow Line",
    228286: "Intraosseous Device",
}
"""Items of invasive lines with the labels of `d_items`, from which the kind is told."""
LINES = tuple(LABELS)
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
