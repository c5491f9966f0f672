"""The laboratory's tests: item, what it reads, unit, reference range and the panel it is ordered in.

Items, labels, units and reference ranges are those of MIMIC-IV's laboratory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from clinical_assets.sample.blocks import Floats

Range = tuple[float | None, float | None]
Values = dict[str, Floats]


@dataclass(frozen=True)
class Panel:
    """Tests ordered together on one specimen.

    Attributes:
        name: of the panel.
        specimen: panels of one name share a tube, and so a specimen_id.
        always: share of draws in intensive care that include it.
        otherwise: share of other draws.
        minutes: median time to the result.
    """

    name: str
    specimen: str
    always: float
    otherwise: float
    minutes: float


PANELS: tuple[Panel, ...] = (
    Panel("electrolytes", "chemistry", 0.97, 0.92, 72),
    Panel("minerals", "chemistry", 0.60, 0.22, 72),
    Panel("blood count", "haematology", 0.90, 0.75, 62),
    Panel("differential", "haematology", 0.10, 0.20, 75),
    Panel("manual count", "haematology", 0.01, 0.02, 90),
    Panel("clotting", "clotting", 0.38, 0.16, 70),
    Panel("fibrinogen", "clotting", 0.07, 0.01, 80),
    Panel("liver", "chemistry", 0.38, 0.20, 80),
    Panel("albumin", "chemistry", 0.14, 0.08, 80),
    Panel("heart", "chemistry", 0.16, 0.10, 85),
    Panel("natriuretic", "chemistry", 0.05, 0.04, 95),
    Panel("inflammation", "chemistry", 0.05, 0.03, 95),
    Panel("red cell indices", "haematology", 0.25, 0.20, 62),
    Panel("absolute counts", "haematology", 0.03, 0.05, 75),
    Panel("counts per microlitre", "haematology", 0.004, 0.006, 75),
    Panel("manual differential", "haematology", 0.01, 0.02, 90),
    Panel("another analyser", "haematology", 0.003, 0.003, 62),
    Panel("clots", "clotting", 0.01, 0.01, 80),
    Panel("proteins", "chemistry", 0.03, 0.03, 80),
    Panel("pancreas", "chemistry", 0.02, 0.01, 80),
    Panel("bilirubin fractions", "chemistry", 0.03, 0.01, 80),
    Panel("muscle", "chemistry", 0.05, 0.03, 85),
    Panel("cell damage", "chemistry", 0.08, 0.05, 85),
    Panel("gas electrolytes", "gas", 0.08, 0.005, 12),
    Panel("oximetry", "gas", 0.06, 0.003, 12),
    Panel("gas settings", "gas", 0.05, 0.002, 12),
    Panel("lactate", "gas", 0.42, 0.07, 14),
    Panel("gas", "gas", 0.30, 0.02, 12),
    Panel("urine", "urine", 0.07, 0.09, 60),
    Panel("filtration", "chemistry", 0.03, 0.04, 72),
    Panel("hold", "hold", 0.12, 0.12, 60),
)


@dataclass(frozen=True)
class LabTest:
    """One test.

    Attributes:
        itemid: as in MIMIC-IV.
        label: as in MIMIC-IV.
        panel: it is ordered in.
        reads: a signal or derived value, empty for tests answered in words.
        unit: of the number.
        normal: reference range of men.
        women: reference range of women where it differs.
        decimals: as reported.
        category: as in MIMIC-IV.
        fluid: as in MIMIC-IV.
        value: words of the `value` column, for tests without a number.
        comments: words of the `comments` column, for tests answered there; drawn at random.
    """

    itemid: int
    label: str
    panel: str
    reads: str = ""
    unit: str | None = None
    normal: Range = (None, None)
    women: tuple[float, float] | None = None
    decimals: int = 0
    category: str = "Chemistry"
    fluid: str = "Blood"
    value: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()


def _hem(
    itemid: int,
    label: str,
    panel: str,
    reads: str,
    unit: str | None,
    normal: Range,
    decimals: int = 0,
    women: tuple[float, float] | None = None,
) -> LabTest:
    return LabTest(itemid, label, panel, reads, unit, normal, women, decimals, "Hematology")


def _gas(
    itemid: int, label: str, reads: str, unit: str | None, normal: Range, decimals: int = 0, panel: str = "gas"
) -> LabTest:
    return LabTest(itemid, label, panel, reads, unit, normal, None, decimals, "Blood Gas")


def _urine(
    itemid: int, label: str, reads: str = "", unit: str | None = None, decimals: int = 0, comments: tuple[str, ...] = ()
) -> LabTest:
    return LabTest(
        itemid, label, "urine", reads, unit, (None, None), None, decimals, "Hematology", "Urine", (), comments
    )


_DETECTED = ("NEG.", "NEG.", "NEG.", "TR.", "SM .", "MOD.", "LG.")
LAB_TESTS: tuple[LabTest, ...] = (
    LabTest(50983, "Sodium", "electrolytes", "sodium", "mEq/L", (133, 145)),
    LabTest(50971, "Potassium", "electrolytes", "potassium", "mEq/L", (3.3, 5.1), None, 1),
    LabTest(50902, "Chloride", "electrolytes", "chloride", "mEq/L", (96, 108)),
    LabTest(50882, "Bicarbonate", "electrolytes", "bicarbonate", "mEq/L", (22, 32)),
    LabTest(50868, "Anion Gap", "electrolytes", "anion gap", "mEq/L", (8, 20)),
    LabTest(51006, "Urea Nitrogen", "electrolytes", "urea nitrogen", "mg/dL", (6, 20)),
    LabTest(50912, "Creatinine", "electrolytes", "creatinine", "mg/dL", (0.5, 1.2), (0.4, 1.1), 1),
    LabTest(50931, "Glucose", "electrolytes", "glucose", "mg/dL", (70, 100)),
    LabTest(50893, "Calcium, Total", "minerals", "calcium", "mg/dL", (8.4, 10.3), None, 1),
    LabTest(50960, "Magnesium", "minerals", "magnesium", "mg/dL", (1.6, 2.6), None, 1),
    LabTest(50970, "Phosphate", "minerals", "phosphate", "mg/dL", (2.7, 4.5), None, 1),
    _hem(51222, "Hemoglobin", "blood count", "haemoglobin", "g/dL", (13.7, 17.5), 1, (11.2, 15.7)),
    _hem(51221, "Hematocrit", "blood count", "haematocrit", "%", (40, 51), 1, (34, 45)),
    _hem(51301, "White Blood Cells", "blood count", "white cells", "K/uL", (4, 10), 1),
    _hem(51265, "Platelet Count", "blood count", "platelets", "K/uL", (150, 400)),
    _hem(51250, "MCV", "blood count", "cell volume", "fL", (82, 98)),
    _hem(51277, "RDW", "blood count", "red cell width", "%", (10.5, 15.5), 1),
    _hem(51256, "Neutrophils", "differential", "neutrophils", "%", (34, 71), 1),
    _hem(51244, "Lymphocytes", "differential", "lymphocytes", "%", (19, 53), 1),
    _hem(51254, "Monocytes", "differential", "monocytes", "%", (5, 13), 1),
    _hem(51200, "Eosinophils", "differential", "eosinophils", "%", (1, 7), 1),
    _hem(51146, "Basophils", "differential", "basophils", "%", (0, 2), 1),
    _hem(52075, "Absolute Neutrophil Count", "absolute counts", "neutrophil count", "K/uL", (1.6, 6.1), 2),
    _hem(51133, "Absolute Lymphocyte Count", "absolute counts", "lymphocyte count", "K/uL", (1.2, 3.7), 2),
    _hem(52074, "Absolute Monocyte Count", "absolute counts", "monocyte count", "K/uL", (0.2, 0.8), 2),
    _hem(52073, "Absolute Eosinophil Count", "absolute counts", "eosinophil count", "K/uL", (0.04, 0.54), 2),
    _hem(52069, "Absolute Basophil Count", "absolute counts", "basophil count", "K/uL", (0.01, 0.08), 2),
    _hem(51218, "Granulocyte Count", "counts per microlitre", "granulocytes per uL", "#/uL", (2200, 8250)),
    _hem(52769, "Absolute Lymphocyte Count", "counts per microlitre", "lymphocytes per uL", "#/uL", (None, None)),
    _hem(51253, "Monocyte Count", "counts per microlitre", "monocytes per uL", "#/uL", (None, None)),
    _hem(51199, "Eosinophil Count", "counts per microlitre", "eosinophils per uL", "#/uL", (None, None)),
    _hem(51144, "Bands", "manual differential", "bands", "%", (0, 5)),
    _hem(51143, "Atypical Lymphocytes", "manual differential", "seldom cells", "%", (0, 0)),
    _hem(51251, "Metamyelocytes", "manual differential", "seldom cells", "%", (0, 0)),
    _hem(51257, "Nucleated Red Cells", "manual differential", "seldom cells", "%", (0, 0), 1),
    _hem(52135, "Immature Granulocytes", "manual differential", "seldom cells", "%", (0, 0.6), 1),
    _hem(51245, "Lymphocytes, Percent", "manual differential", "lymphocytes", "%", (19, 53)),
    _hem(51248, "MCH", "red cell indices", "cell haemoglobin", "pg", (27, 32), 1),
    _hem(51249, "MCHC", "red cell indices", "cell concentration", "g/dL", (32, 37), 1),
    _hem(51279, "Red Blood Cells", "red cell indices", "red cells", "m/uL", (4.6, 6.1), 2, (3.9, 5.2)),
    LabTest(51755, "White Blood Cells", "another analyser", "white cells", "K/uL", (4, 10), None, 1),
    _hem(52159, "Platelet Aggregation", "another analyser", "aggregation", "%", (None, None)),
    _hem(51300, "WBC Count", "manual count", "white cells", "K/uL", (4, 10), 1),
    _hem(51237, "INR(PT)", "clotting", "inr", None, (0.9, 1.1), 1),
    _hem(51274, "PT", "clotting", "prothrombin", "sec", (9.4, 12.5), 1),
    _hem(51275, "PTT", "clotting", "ptt", "sec", (25, 36.5), 1),
    _hem(51214, "Fibrinogen, Functional", "fibrinogen", "fibrinogen", "mg/dL", (180, 400)),
    LabTest(50861, "Alanine Aminotransferase (ALT)", "liver", "alanine", "IU/L", (0, 40)),
    LabTest(50878, "Asparate Aminotransferase (AST)", "liver", "aspartate", "IU/L", (0, 40)),
    LabTest(50863, "Alkaline Phosphatase", "liver", "alkaline", "IU/L", (40, 130)),
    LabTest(50885, "Bilirubin, Total", "liver", "bilirubin", "mg/dL", (0, 1.5), None, 1),
    _hem(51196, "D-Dimer", "clots", "d-dimer", "ng/mL FEU", (0, 500)),
    _hem(51297, "Thrombin", "clots", "thrombin", "sec", (10.3, 16.3), 1),
    LabTest(50883, "Bilirubin, Direct", "bilirubin fractions", "direct bilirubin", "mg/dL", (0, 0.3), None, 1),
    LabTest(50884, "Bilirubin, Indirect", "bilirubin fractions", "indirect bilirubin", "mg/dL", (None, None), None, 1),
    LabTest(50867, "Amylase", "pancreas", "amylase", "IU/L", (0, 100)),
    LabTest(50910, "Creatine Kinase (CK)", "muscle", "creatine kinase", "IU/L", (47, 322)),
    LabTest(50911, "Creatine Kinase, MB Isoenzyme", "muscle", "heart muscle", "ng/mL", (0, 10)),
    LabTest(50954, "Lactate Dehydrogenase (LD)", "cell damage", "lactate dehydrogenase", "IU/L", (94, 250)),
    LabTest(50927, "Gamma Glutamyltransferase", "pancreas", "glutamyltransferase", "IU/L", (8, 61)),
    LabTest(50976, "Protein, Total", "proteins", "total protein", "g/dL", (6.4, 8.3), None, 1),
    LabTest(50930, "Globulin", "proteins", "globulin", "g/dL", (2, 4), None, 1),
    LabTest(50862, "Albumin", "albumin", "albumin", "g/dL", (3.5, 5.2), None, 1),
    LabTest(51003, "Troponin T", "heart", "troponin", "ng/mL", (0, 0.01), None, 2),
    LabTest(50963, "NTproBNP", "natriuretic", "natriuretic", "pg/mL", (0, 178)),
    LabTest(50889, "C-Reactive Protein", "inflammation", "c-reactive", "mg/L", (0, 5), None, 1),
    LabTest(50813, "Lactate", "lactate", "lactate", "mmol/L", (0.5, 2), None, 1, "Blood Gas"),
    _gas(50820, "pH", "acidity", "units", (7.35, 7.45), 2),
    _gas(50818, "pCO2", "carbon dioxide", "mm Hg", (35, 45)),
    _gas(50821, "pO2", "oxygen", "mm Hg", (85, 105)),
    _gas(50802, "Base Excess", "base excess", "mEq/L", (None, None)),
    _gas(50804, "Calculated Total CO2", "total carbon dioxide", "mEq/L", (21, 30)),
    _gas(50816, "Oxygen", "inspired", "%", (None, None)),
    _gas(50803, "Calculated Bicarbonate, Whole Blood", "bicarbonate", "mEq/L", (21, 30), 0, "gas electrolytes"),
    _gas(50806, "Chloride, Whole Blood", "chloride", "mEq/L", (96, 108), 0, "gas electrolytes"),
    _gas(50808, "Free Calcium", "free calcium", "mmol/L", (1.12, 1.32), 2, "gas electrolytes"),
    _gas(50809, "Glucose", "glucose", "mg/dL", (70, 105), 0, "gas electrolytes"),
    _gas(50810, "Hematocrit, Calculated", "haematocrit", "%", (None, None), 0, "gas electrolytes"),
    _gas(50811, "Hemoglobin", "haemoglobin", "g/dL", (14, 18), 1, "gas electrolytes"),
    _gas(50822, "Potassium, Whole Blood", "potassium", "mEq/L", (3.5, 5.4), 1, "gas electrolytes"),
    _gas(50824, "Sodium, Whole Blood", "sodium", "mEq/L", (135, 148), 0, "gas electrolytes"),
    _gas(50805, "Carboxyhemoglobin", "carboxyhaemoglobin", "%", (0, 5), 0, "oximetry"),
    _gas(50814, "Methemoglobin", "methaemoglobin", "%", (0, 2), 0, "oximetry"),
    _gas(50817, "Oxygen Saturation", "saturation", "%", (None, None), 0, "oximetry"),
    _gas(50801, "Alveolar-arterial Gradient", "gradient", "mm Hg", (None, None), 0, "gas settings"),
    _gas(50815, "O2 Flow", "oxygen flow", "L/min", (None, None), 0, "gas settings"),
    _gas(50819, "PEEP", "end-expiratory pressure", None, (None, None), 0, "gas settings"),
    _gas(50823, "Required O2", "required oxygen", None, (None, None), 0, "gas settings"),
    _gas(50825, "Temperature", "temperature", None, (None, None), 1, "gas settings"),
    LabTest(50807, "Comments", "gas settings", category="Blood Gas", value=("NASAL LINE", "INTUBATED", "CONTROLLED")),
    LabTest(
        52033,
        "Specimen Type",
        "gas",
        category="Blood Gas",
        value=("ART.", "VEN.", "MIX.", "CENTRAL VENOUS."),
        comments=("___",),
    ),
    _urine(51491, "pH", "urine acidity", "units", 1),
    _urine(51498, "Specific Gravity", "urine gravity", " ", 3),
    _urine(51486, "Leukocytes", comments=_DETECTED),
    _urine(51487, "Nitrite", comments=("NEG.", "NEG.", "NEG.", "POS.")),
    _urine(51508, "Urine Color", comments=("Yellow.", "Straw.", "Yellow.", "Amber.")),
    LabTest(
        50920,
        "Estimated GFR (MDRD equation)",
        "filtration",
        comments=(
            "Using this patient's age, gender, and serum creatinine value of ___,   "
            "Estimated GFR = 53 if non African-American, "
            "64 if African-American.",
        ),
    ),
    LabTest(50979, "Red Top Hold", "hold", value=("HOLD.",), comments=("HOLD.",)),
    LabTest(
        50887,
        "Blue Top Hold",
        "hold",
        category="Chemistry",
        value=("HOLD.  DISCARD GREATER THAN 24 HRS OLD.",),
        comments=("___",),
    ),
)
"""`51300` and `51301` are both white cells: the same blood under two items."""

SPECIMEN_TYPE = 52033
SPECIMEN_TYPE_SHARES = (0.71, 0.22, 0.045, 0.025)
VENOUS_OXYGEN = 42.0
"""Typical oxygen tension of a venous gas, mm Hg."""


def _total_carbon_dioxide(v: Values) -> Floats:
    # Henderson-Hasselbalch at 37 degrees, plus the dissolved gas.
    result: Floats = 0.0307 * v["carbon dioxide"] * (10 ** (v["acidity"] - 6.105) + 1)
    return result


DERIVED: Mapping[str, Callable[[Values], Floats]] = {
    # The analyser's gap is a little more than the three ions leave.
    "chloride": lambda v: np.clip(v["sodium"] - v["bicarbonate"] - v["anion gap"] + 1.5, 75, 140),
    "haematocrit": lambda v: np.maximum(v["haemoglobin"] * 2.98 + 0.4, 10),
    "lymphocytes": lambda v: np.clip((100 - v["neutrophils"]) * 0.68, 0, 95),
    # What is not neutrophils is mostly lymphocytes.
    "monocytes": lambda v: np.clip((100 - v["neutrophils"]) * 0.22, 0, 60),
    "eosinophils": lambda v: np.clip((100 - v["neutrophils"]) * 0.07, 0, 40),
    "basophils": lambda v: np.clip((100 - v["neutrophils"]) * 0.03, 0, 20),
    "neutrophil count": lambda v: v["neutrophils"] / 100 * v["white cells"],
    "lymphocyte count": lambda v: v["lymphocytes"] / 100 * v["white cells"],
    "monocyte count": lambda v: v["monocytes"] / 100 * v["white cells"],
    "eosinophil count": lambda v: v["eosinophils"] / 100 * v["white cells"],
    "basophil count": lambda v: v["basophils"] / 100 * v["white cells"],
    "granulocytes per uL": lambda v: v["neutrophil count"] * 1000,
    "lymphocytes per uL": lambda v: v["lymphocyte count"] * 1000,
    "monocytes per uL": lambda v: v["monocyte count"] * 1000,
    "eosinophils per uL": lambda v: v["eosinophil count"] * 1000,
    "seldom cells": lambda v: np.clip(v["bands"] / 6 - 0.4, 0, 12),
    "red cells": lambda v: 10 * v["haemoglobin"] / v["cell haemoglobin"],
    "cell concentration": lambda v: np.clip(100 * v["haemoglobin"] / v["haematocrit"], 26, 38),
    "aggregation": lambda v: np.clip(v["platelets"] / 4, 0, 100),
    "direct bilirubin": lambda v: 0.45 * v["bilirubin"],
    "indirect bilirubin": lambda v: 0.55 * v["bilirubin"],
    "heart muscle": lambda v: np.clip(0.02 * v["creatine kinase"] + 20 * v["troponin"], 1, 600),
    "total protein": lambda v: v["albumin"] + v["globulin"],
    "free calcium": lambda v: v["calcium"] / 7.85,
    "gradient": lambda v: np.clip(7.13 * v["inspired"] - v["carbon dioxide"] / 0.8 - v["oxygen"], 0, 650),
    "oxygen flow": lambda v: np.clip((v["inspired"] - 20) / 4, 1, 15),
    "end-expiratory pressure": lambda v: np.clip(v["inspired"] / 8, 5, 16),
    "required oxygen": lambda v: np.clip(v["inspired"] + 5, 21, 100),
    "prothrombin": lambda v: 11.3 * v["inr"] ** 0.98,
    "total carbon dioxide": lambda v: np.clip(_total_carbon_dioxide(v), 5, 60),
    "base excess": lambda v: np.clip(_total_carbon_dioxide(v) - 25.2 + 16.2 * (v["acidity"] - 7.4), -28, 24),
}
"""Values calculated from others of the same draw, as analysers do."""
