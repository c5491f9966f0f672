"""Infusions, lines, dialysis and urine that are seldom seen, dealt to the watched stays.

Rates of vasopressors come in more than one unit, a few rows know no ICU stay or give the patient a weight of 1 kg, and
boluses have no rate: all of it as in MIMIC-IV. Each entry says what is given and for whom; how its row is filed is the
business of `infusions`, `procedures` and `bedside`.
"""

from __future__ import annotations

from dataclasses import dataclass

NO_STAY, WEIGHT_OF_ONE = "no stay", "weight of one"
"""What is wrong with a row. No vasopressor lacks its stay: the published `vasoactive_agent` would take all patients
without a stay for one, and so has no answer to compare with."""


@dataclass(frozen=True)
class Infusion:
    """One stretch of a rate, or one bolus.

    Attributes:
        item: of d_items.
        unit: of the amount.
        rate_unit: None for a bolus.
        rate: None for a bolus.
        amount: None where the rate, the weight and the time say it.
        quirk: what is wrong with the row, None where nothing is.
    """

    item: int
    unit: str
    rate_unit: str | None
    rate: float | None
    amount: float | None = None
    quirk: str | None = None


NOREPINEPHRINE, VASOPRESSIN, PHENYLEPHRINE, EPINEPHRINE = 221906, 222315, 221749, 221289
DOPAMINE, DOBUTAMINE, MILRINONE, VECURONIUM, CISATRACURIUM = 221662, 221653, 221986, 222062, 221555
POTASSIUM_OF_CRRT, CALCIUM_OF_CRRT = 227536, 227525
PER_WEIGHT = "mcg/kg/min"
INFUSIONS: tuple[Infusion, ...] = (
    Infusion(NOREPINEPHRINE, "mg", PER_WEIGHT, 0.05),
    Infusion(NOREPINEPHRINE, "mg", PER_WEIGHT, 0.22),
    Infusion(NOREPINEPHRINE, "mg", "mg/kg/min", 0.0001, 0.5),
    Infusion(NOREPINEPHRINE, "mg", "mg/kg/min", 0.15, 0.6, WEIGHT_OF_ONE),
    Infusion(PHENYLEPHRINE, "mg", PER_WEIGHT, 1.1),
    Infusion(PHENYLEPHRINE, "mg", "mcg/min", 80, 4.8),
    Infusion(PHENYLEPHRINE, "mg", None, None, 0.1),
    Infusion(VASOPRESSIN, "units", "units/hour", 2.4, 2.4),
    Infusion(VASOPRESSIN, "units", "units/min", 0.04, 2.4),
    Infusion(EPINEPHRINE, "mg", PER_WEIGHT, 0.04),
    Infusion(EPINEPHRINE, "mg", PER_WEIGHT, 0.18),
    Infusion(DOPAMINE, "mg", PER_WEIGHT, 3),
    Infusion(DOPAMINE, "mg", PER_WEIGHT, 8),
    Infusion(DOPAMINE, "mg", PER_WEIGHT, 17),
    Infusion(DOBUTAMINE, "mg", PER_WEIGHT, 4),
    Infusion(MILRINONE, "mg", PER_WEIGHT, 0.375),
    Infusion(VECURONIUM, "mg", PER_WEIGHT, 0.9),
    Infusion(VECURONIUM, "mg", None, None, 10),
    Infusion(CISATRACURIUM, "mg", PER_WEIGHT, 2.5),
    Infusion(CISATRACURIUM, "mg", PER_WEIGHT, 2.1, quirk=NO_STAY),
    Infusion(CISATRACURIUM, "mg", None, None, 14),
    Infusion(POTASSIUM_OF_CRRT, "mEq.", "mEq./hour", 4, 4),
    Infusion(POTASSIUM_OF_CRRT, "mEq.", "mEq./hour", 0, 0),
    Infusion(POTASSIUM_OF_CRRT, "mEq.", "mEq./hour", 4, 4, NO_STAY),
    Infusion(CALCIUM_OF_CRRT, "grams", "grams/hour", 1.5, 1.5),
)
INFUSION_MINUTES = 60

# fmt: off
LINES = (
    224263, 224264, 224267, 224268, 224269, 224270, 224272, 224273, 224560, 225199, 225202, 225203, 225204, 225205,
    225315, 225752, 225761, 225789, 226124, 227719, 228169, 228201, 228202, 228286,
)
"""Every kind of invasive line."""
SITES: tuple[str | None, ...] = (
    "Left Antecub", "Left Antecube", "Left Axilla", "Left Axilla.", "Left Brachial", "Left Brachial.", "Left Femoral",
    "Left Femoral.", "Right Antecub", "Right Antecube", "Right Axilla", "Right Axilla.", "Right Brachial",
    "Right Brachial.", "Right Femoral", "Right Femoral.", "Left Subclavian", None,
)
"""With the spellings of one place side by side, as charted."""
# fmt: on

DIALYSIS: tuple[tuple[int, float | None], ...] = (
    # itemid, minutes it is filed with
    (225441, 90),
    (225802, 90),
    (225802, None),
    (225803, 90),
    (225805, 90),
    (225809, 90),
    (225955, 90),
    (225436, 1),
)
DIALYSIS_MINUTES = 90

URINE: tuple[tuple[tuple[int, float], ...], ...] = (
    # itemid and mL; what stands together is charted at one minute
    ((226557, 60),),
    ((226558, 45),),
    ((226561, 220),),
    ((226563, 180),),
    ((226564, 75),),
    ((226565, 90),),
    ((226567, 350),),
    ((226584, 240),),
    ((226559, 110), (226560, 30)),
    ((227488, 300), (227489, 460)),
    ((227488, 250),),
    ((227488, 0), (227489, 120)),
    ((226560, 2_900), (226559, 4_200)),
    ((226560, 4_900), (226559, 5_600)),
)
