"""Which texts of the chart speak of which kind of ventilation. Some texts end in a blank; it is part of them.

Source: the published `ventilation` concept (device item 226732; mode items 223849 and 229314, the latter of Hamilton).
"""

from __future__ import annotations

KINDS = ("Tracheostomy", "InvasiveVent", "NonInvasiveVent", "HFNC", "SupplementalOxygen", "None")

TRACHEOSTOMY_DEVICES = ("Tracheostomy tube", "Trach mask ")
INVASIVE_DEVICES = ("Endotracheal tube",)
INVASIVE_MODES = (
    "(S) CMV",
    "APRV",
    "APRV/Biphasic+ApnPress",
    "APRV/Biphasic+ApnVol",
    "APV (cmv)",
    "Ambient",
    "Apnea Ventilation",
    "CMV",
    "CMV/ASSIST",
    "CMV/ASSIST/AutoFlow",
    "CMV/AutoFlow",
    "CPAP/PPS",
    "CPAP/PSV",
    "CPAP/PSV+Apn TCPL",
    "CPAP/PSV+ApnPres",
    "CPAP/PSV+ApnVol",
    "MMV",
    "MMV/AutoFlow",
    "MMV/PSV",
    "MMV/PSV/AutoFlow",
    "P-CMV",
    "PCV+",
    "PCV+/PSV",
    "PCV+Assist",
    "PRES/AC",
    "PRVC/AC",
    "PRVC/SIMV",
    "PSV/SBT",
    "SIMV",
    "SIMV/AutoFlow",
    "SIMV/PRES",
    "SIMV/PSV",
    "SIMV/PSV/AutoFlow",
    "SIMV/VOL",
    "SYNCHRON MASTER",
    "SYNCHRON SLAVE",
    "VOL/AC",
)
INVASIVE_HAMILTON_MODES = (
    "APRV",
    "APV (cmv)",
    "Ambient",
    "(S) CMV",
    "P-CMV",
    "SIMV",
    "APV (simv)",
    "P-SIMV",
    "VS",
    "ASV",
)
NON_INVASIVE_DEVICES = ("Bipap mask ", "CPAP mask ")
NON_INVASIVE_HAMILTON_MODES = ("DuoPaP", "NIV", "NIV-ST")
HIGH_FLOW_DEVICES = ("High flow nasal cannula",)
SUPPLEMENTAL_OXYGEN_DEVICES = (
    "Non-rebreather",
    "Face tent",
    "Aerosol-cool",
    "Venti mask ",
    "Medium conc mask ",
    "Ultrasonic neb",
    "Vapomist",
    "Oxymizer",
    "High flow neb",
    "Nasal cannula",
)
NO_DEVICE = "None"
