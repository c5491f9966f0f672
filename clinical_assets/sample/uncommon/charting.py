"""What is seldom charted, and what is charted on the seldom patient: rows of chartevents dealt to the watched stays.

A *scene* is a handful of entries that belong together: a ventilator's mode, two devices at one minute, a scale half
filled in. The texts are those of MIMIC-IV's chart; some end in a blank.
"""

from __future__ import annotations

from itertools import cycle

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Integers
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.icu.observations import EYES, MOVEMENT, SPEECH
from clinical_assets.sample.uncommon.dealing import dealt, moments, watched, watched_on_a_ventilator

Entry = tuple[int, int, str | None, float | None]
"""Minutes after the scene begins, itemid, text, number (text and number both None: an empty entry)."""
Scene = tuple[Entry, ...]

DEVICE, FLOW, MASK_FLOW, SECOND_FLOW = 226732, 223834, 227582, 227287
MODE, HAMILTON_MODE, MAKE = 223849, 229314, 223848
EYE, VERBAL, MOTOR = 220739, 223900, 223901
TUBE_NO_VOICE = "No Response-ETT"
AGAIN = 5
"""Minutes until a device is charted again: one entry makes no period."""

# fmt: off
_DEVICES = (
    "Endotracheal tube", "Tracheostomy tube", "Trach mask ", "Bipap mask ", "CPAP mask ", "High flow nasal cannula",
    "Non-rebreather", "Face tent", "Aerosol-cool", "Venti mask ", "Medium conc mask ", "Ultrasonic neb", "Vapomist",
    "Oxymizer", "High flow neb", "Nasal cannula", "None", "T-piece", "Other",
)
_MODES = (
    "(S) CMV", "APRV", "APRV/Biphasic+ApnPress", "APRV/Biphasic+ApnVol", "APV (cmv)", "Ambient", "Apnea Ventilation",
    "CMV", "CMV/ASSIST", "CMV/ASSIST/AutoFlow", "CMV/AutoFlow", "CPAP/PPS", "CPAP/PSV", "CPAP/PSV+Apn TCPL",
    "CPAP/PSV+ApnPres", "CPAP/PSV+ApnVol", "MMV", "MMV/AutoFlow", "MMV/PSV", "MMV/PSV/AutoFlow", "P-CMV", "PCV+",
    "PCV+/PSV", "PCV+Assist", "PRES/AC", "PRVC/AC", "PRVC/SIMV", "PSV/SBT", "SIMV", "SIMV/AutoFlow", "SIMV/PRES",
    "SIMV/PSV", "SIMV/PSV/AutoFlow", "SIMV/VOL", "SYNCHRON MASTER", "SYNCHRON SLAVE", "VOL/AC", "Standby",
)
_HAMILTON_MODES = (
    "APRV", "APV (cmv)", "Ambient", "(S) CMV", "P-CMV", "SIMV", "APV (simv)", "P-SIMV", "VS", "ASV", "DuoPaP", "NIV",
    "NIV-ST", "SPONT",
)
_CODES = (
    "Full code", "DNR (do not resuscitate)", "DNI (do not intubate)", "DNR / DNI", "Comfort measures only",
    "DNAR (Do Not Attempt Resuscitation)  [DNR]", None,
)
_FILTER_STATES = (
    "Active", "Initiated", "Reinitiated", "New Filter", "Recirculating", "Discontinued", "Clots Present",
    "No Clot Present", "Clots Increasing", "Clot Increasing", "Clotted", "Line pressure inconsistent",
)
_DIALYSIS_TEXTS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (227290, ("CVVH", "CVVHD", "CVVHDF", "SCUF")),
    (224146, _FILTER_STATES),
    (224135, ("Right IJ",)), (224139, ("WDL",)), (225323, ("WDL",)), (225740, ("Discontinued",)),
    (225776, ("Transparent",)), (225951, ("Clear",)), (225952, ("Heparin",)), (225953, ("Dianeal 2.5% dextrose",)),
    (225954, ("Catheter", "AV fistula")), (225956, ("Clotted",)), (225958, ("1000 units/mL",)), (225961, ("units",)),
    (225963, ("Tenckhoff",)), (225965, ("In use", "Capped")), (225976, ("Prismasate K2",)),
    (225977, ("Prismasate K4",)),
    (227124, ("Temporary Dialysis Catheter",)), (227638, ("Potassium",)), (227640, ("mEq",)), (227753, ("Yes",)),
)
_DIALYSIS_NUMBERS: tuple[tuple[int, float], ...] = (
    (226118, 1), (227357, 1), (225725, 0), (226499, 1500), (224154, 600), (225810, 4), (225959, 500), (227639, 4),
    (225183, -50), (227438, 100), (224191, 150), (225806, 2000), (225807, 2250), (228004, 180), (228005, 1400),
    (228006, 200), (224144, 180), (224145, 450), (224149, -60), (224150, 110), (224151, -2), (224152, 46),
    (224153, 1600), (224404, 1.2), (224406, 1.3), (226457, 270),
)
_ECTOPY = (224650, 224651, 226479, 226480)
_NUMBERS: tuple[tuple[int, tuple[float, ...]], ...] = (
    # Values on both sides of the bounds within which the concepts and scores believe or grade them.
    (220045, (28, 36, 46, 65, 104, 115, 130, 148, 165, 190, 300, 301)),
    (220181, (18, 38, 45, 55, 65, 75, 110, 125, 135, 150, 300)),
    (220052, (20, 50, 61)),
    (220179, (35, 60, 85, 95, 205, 245, 275, 400)),
    (220180, (20, 300)),
    (225309, (92, 118)), (225310, (48, 61)), (225312, (63, 80)),
    (220210, (4, 9, 13, 23, 28, 38, 46, 58, 70)),
    (224690, (5, 24, 71)),
    (223762, (31.5, 33.3, 33.8, 34.6, 35.6, 36.2, 37.5, 39.4, 39.95, 40.8, 10, 50)),
    (223761, (89.6, 98.6, 104.9, 70, 120)),
    (220277, (72, 100, 101)),
    (225664, (33, 270, 0)), (220621, (55, 190, 380)), (226537, (61, 210)),
    (220765, (8, 0, 100)), (227989, (12, 0, 101)),
    (224688, (14, 22)), (224689, (0, 9)), (224687, (7.4, 11.2)), (224686, (410, 620)), (224691, (45, 60)),
    (224684, (450,)), (224685, (470,)), (224696, (22,)), (224700, (6, 15)), (220339, (5, 101, -1)),
    (223835, (0.2, 0.21, 0.4, 1, 15, 19.9, 20, 45, 100, 121)),
    (226730, (119, 120, 172, 229, 230)), (226707, (47, 66, 90.6)),
    (226512, (0, 74.2, 1500)), (224639, (0, 76.4, 1499)),
)
_RESPONSES = (
    # Eyes, voice, movement: what the acute physiology score tells apart, and combinations it calls implausible.
    (1, 1, 2), (1, 1, 4), (1, 1, 6), (1, 2, 2), (1, 3, 4), (2, 1, 1), (3, 1, 3), (2, 1, 5), (2, 2, 2), (3, 3, 4),
    (2, 3, 5), (2, 2, 6), (2, 4, 4), (2, 4, 5), (2, 4, 6), (2, 5, 5), (2, 5, 6), (1, 5, 6), (1, 2, 6),
)
# fmt: on


def _coma(after: int, eyes: int | None, voice: int | None, movement: int | None) -> Scene:
    """The components given; a voice of 0 is a tube."""
    entries: list[Entry] = []
    if eyes is not None:
        entries.append((after, EYE, EYES[eyes - 1], float(eyes)))
    if voice is not None:
        text = SPEECH[voice - 1] if voice else TUBE_NO_VOICE
        entries.append((after, VERBAL, text, float(max(voice, 1))))
    if movement is not None:
        entries.append((after, MOTOR, MOVEMENT[movement - 1], float(movement)))
    return tuple(entries)


COMA_SCALES: tuple[Scene, ...] = (
    *(_coma(0, *response) for response in _RESPONSES),
    # A component missing at a time, with the one before it near, at six hours, and behind a tube.
    (*_coma(0, 3, 4, 6), *_coma(50, None, None, 5), *_coma(95, 4, None, None), *_coma(140, None, 5, None)),
    (*_coma(0, 3, None, 5), *_coma(45, None, None, 6)),
    (*_coma(0, 2, 0, 4), *_coma(40, 3, None, 5), *_coma(80, 3, None, None)),
    (*_coma(0, None, 0, None), *_coma(30, 4, 4, None), *_coma(60, None, None, 6)),
    (*_coma(0, 3, 0, 5), *_coma(20, None, 2, 5)),
)
OXYGEN: tuple[Scene, ...] = (
    *(
        ((0, DEVICE, device, None), (0, FLOW, None, 4.0), (AGAIN, DEVICE, device, None), (AGAIN, FLOW, None, 4.0))
        for device in _DEVICES
    ),
    # Several devices at once, with flows that compete, one empty, one flow without a device, one device without a flow.
    (
        (0, DEVICE, "Nasal cannula", None),
        (0, DEVICE, "CPAP mask ", None),
        (0, FLOW, None, 6.0),
        (0, FLOW, None, 8.0),
        (0, SECOND_FLOW, None, 3.0),
    ),
    (
        (0, DEVICE, "Face tent", None),
        (0, DEVICE, "Nasal cannula", None),
        (0, DEVICE, "Bipap mask ", None),
        (0, DEVICE, "Venti mask ", None),
        (0, DEVICE, "Oxymizer", None),
        (0, MASK_FLOW, None, 5.0),
        (0, FLOW, None, 12.0),
    ),
    ((0, SECOND_FLOW, None, 2.0), (60, MASK_FLOW, None, 5.0), (90, DEVICE, "CPAP mask ", None)),
    ((0, FLOW, None, None), (0, DEVICE, None, None), (30, FLOW, None, 3.0), (30, DEVICE, None, None)),
    # One device, charted again only after the gap that ends a period.
    (
        (0, DEVICE, "High flow neb", None),
        (0, FLOW, None, 9.0),
        (15 * 60, DEVICE, "High flow neb", None),
        (15 * 60, FLOW, None, 9.0),
    ),
)
MODES: tuple[Scene, ...] = (
    *(
        ((0, MODE, mode, None), (0, MAKE, make, None))
        for mode, make in zip(_MODES, cycle(("Drager", "Other")), strict=False)
    ),
    *(((0, HAMILTON_MODE, mode, None), (0, MAKE, "Hamilton", None)) for mode in _HAMILTON_MODES),
    ((0, MODE, None, None), (0, 224685, None, None)),
)
DIALYSIS: tuple[Scene, ...] = (
    *(((0, item, text, None),) for item, texts in _DIALYSIS_TEXTS for text in texts),
    *(((0, item, None, number),) for item, number in _DIALYSIS_NUMBERS),
    *(((0, item, None, None),) for item in (224144, 224146, 225965, 226499)),
)
RHYTHMS: tuple[Scene, ...] = (
    ((0, 220048, "SR (Sinus Rhythm)", None), (0, 220048, "1st AV (First degree AV Block) ", None)),
    ((0, 220048, "AF (Atrial Fibrillation)", None), (0, 220048, "V Paced", None), (0, 224650, "PVCs", None)),
    tuple((0, item, text, None) for item, text in zip(_ECTOPY, ("PVCs", "Occasional", "PACs", "Rare"), strict=True)),
    ((0, 224650, "PACs", None), (0, 224651, "Frequent", None)),
    ((0, 220048, None, None), (0, 224642, "Tympanic", None), (0, 224642, "Oral", None)),
)
BODY: tuple[Scene, ...] = (
    ((0, 226730, None, 168.0), (0, 226707, None, 66.0), (30, 226730, None, 170.0), (60, 226707, None, 67.0)),
    ((0, 226512, None, 81.5), (120, 226512, None, 82.5), (240, 224639, None, 83.0)),
)
OF_THE_WATCHED: tuple[tuple[Scene, ...], ...] = (
    COMA_SCALES,
    OXYGEN,
    RHYTHMS,
    BODY,
    tuple(((0, 223758, code, None),) for code in _CODES),
    *(tuple(((0, item, None, number),) for number in numbers) for item, numbers in _NUMBERS),
)
"""Scenes of one kind go to one stay after the other, so that no two extremes of an item meet in one."""
DIALYSED = 2
"""Watched stays that share the scenes of dialysis."""
UNITS = {223761: "°F", 223762: "°C", 226730: "cm", 226707: "Inch", 226512: "kg", 224639: "kg"}


def scenes(story: Story) -> pl.DataFrame:
    """The entries dealt to the block: stay, charttime, itemid, value, valuenum, valueuom, warning."""
    stays, ventilated = watched(story), watched_on_a_ventilator(story)
    told: list[Scene] = []
    of: list[Integers] = []
    for number, kind in enumerate(OF_THE_WATCHED):
        told += kind[: len(kind) if len(stays) else 0]
        of.append(dealt(len(kind), stays, first=5 * number))
    told += DIALYSIS if len(stays) else ()
    of.append(dealt(len(DIALYSIS), stays[:DIALYSED]))
    told += MODES if len(ventilated) else ()
    of.append(dealt(len(MODES), ventilated))
    stay = np.concatenate(of)
    begins = moments(story, stay)
    rows = [
        (int(at), int(begin) + 60 * after, itemid, text, number, UNITS.get(itemid))
        for at, begin, scene in zip(stay, begins, told, strict=True)
        for after, itemid, text, number in scene
    ]
    schema = {
        "stay": pl.Int64,
        "charttime": pl.Int64,
        "itemid": pl.Int64,
        "value": pl.String,
        "valuenum": pl.Float64,
        "valueuom": pl.String,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(warning=pl.lit(0, pl.Int64))
    # Scenes that begin late in a day would outlast a short stay.
    ends = pl.Series(story.stays.care_ends).gather(frame["stay"])
    return frame.filter(frame["charttime"] < ends)
