"""The items of the chart that speak of dialysis, with the labels of the release's dictionary and their units.

Source: the published `rrt` concept.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DialysisItem:
    """An item of the chart.

    Attributes:
        itemid: as in `d_items`.
        label: as in `d_items`.
        unit: of its number, None for texts and ticks.
        running: whether it is only charted while dialysis runs.
        peritoneal: whether it speaks of peritoneal dialysis.
    """

    itemid: int
    label: str
    unit: str | None = None
    running: bool = False
    peritoneal: bool = False


DIALYSIS_ITEMS = (
    # volumes and rates
    DialysisItem(226499, "Hemodialysis Output", "mL", running=True),
    DialysisItem(224154, "Dialysate Rate", "mL/h", running=True),
    DialysisItem(225183, "Current Goal", "mL", running=True),
    DialysisItem(227438, "Volume not removed", "mL", running=True),
    DialysisItem(224191, "Hourly Patient Fluid Removal", "mL", running=True),
    DialysisItem(225806, "Volume In (PD)", "mL", running=True, peritoneal=True),
    DialysisItem(225807, "Volume Out (PD)", "mL", running=True, peritoneal=True),
    DialysisItem(228004, "Citrate (ACD-A)", "mL/h", running=True),
    DialysisItem(228005, "PBP (Prefilter) Replacement Rate", "mL/h", running=True),
    DialysisItem(228006, "Post Filter Replacement Rate", "mL/h", running=True),
    DialysisItem(224144, "Blood Flow (ml/min)", "mL/min", running=True),
    DialysisItem(224145, "Heparin Dose (per hour)", "[U]/h", running=True),
    DialysisItem(224153, "Replacement Rate", "mL/h", running=True),
    DialysisItem(226457, "Ultrafiltrate Output", "mL", running=True),
    # catheters, fluids and pressures: a patient on dialysis, not necessarily at that moment
    DialysisItem(226118, "Dialysis Catheter placed in outside facility"),
    DialysisItem(227357, "Dialysis Catheter Dressing Occlusive"),
    DialysisItem(225725, "Dialysis Catheter Tip Cultured"),
    DialysisItem(225810, "Dwell Time (Peritoneal Dialysis)", "h", peritoneal=True),
    DialysisItem(225959, "Medication Added Amount  #1 (Peritoneal Dialysis)", peritoneal=True),
    DialysisItem(227639, "Medication Added Amount  #2 (Peritoneal Dialysis)", peritoneal=True),
    DialysisItem(224149, "Access Pressure", "mm[Hg]"),
    DialysisItem(224150, "Filter Pressure", "mm[Hg]"),
    DialysisItem(224151, "Effluent Pressure", "mm[Hg]"),
    DialysisItem(224152, "Return Pressure", "mm[Hg]"),
    DialysisItem(224404, "ART Lumen Volume", "mL"),
    DialysisItem(224406, "VEN Lumen Volume", "mL"),
    DialysisItem(224135, "Dialysis Access Site"),
    DialysisItem(224139, "Dialysis Site Appearance"),
    DialysisItem(224146, "System Integrity"),
    DialysisItem(225323, "Dialysis Catheter Site Appear"),
    DialysisItem(225740, "Dialysis Catheter Discontinued"),
    DialysisItem(225776, "Dialysis Catheter Dressing Type"),
    DialysisItem(225951, "Peritoneal Dialysis Fluid Appearance", peritoneal=True),
    DialysisItem(225952, "Medication Added #1 (Peritoneal Dialysis)", peritoneal=True),
    DialysisItem(225953, "Solution (Peritoneal Dialysis)", peritoneal=True),
    DialysisItem(225954, "Dialysis Access Type"),
    DialysisItem(225956, "Reason for CRRT Filter Change"),
    DialysisItem(225958, "Heparin Concentration (units/mL)"),
    DialysisItem(225961, "Medication Added Units #1 (Peritoneal Dialysis)", peritoneal=True),
    DialysisItem(225963, "Peritoneal Dialysis Catheter Type", peritoneal=True),
    DialysisItem(225965, "Peritoneal Dialysis Catheter Status", peritoneal=True),
    DialysisItem(225976, "Replacement Fluid"),
    DialysisItem(225977, "Dialysate Fluid"),
    DialysisItem(227124, "Dialysis Catheter Type"),
    DialysisItem(227290, "CRRT mode"),
    DialysisItem(227638, "Medication Added #2 (Peritoneal Dialysis)", peritoneal=True),
    DialysisItem(227640, "Medication Added Units #2 (Peritoneal Dialysis)", peritoneal=True),
    DialysisItem(227753, "Dialysis Catheter Placement Confirmed by X-ray"),
)
RUNNING_ITEMS = tuple(item.itemid for item in DIALYSIS_ITEMS if item.running)
"""Entries that are only charted while dialysis runs: volumes and rates."""
PRESENT_ITEMS = tuple(item.itemid for item in DIALYSIS_ITEMS if not item.running)
"""Entries about catheters, fluids and pressures: a patient on dialysis, not necessarily at that moment."""
PERITONEAL_ITEMS = tuple(item.itemid for item in DIALYSIS_ITEMS if item.peritoneal)
