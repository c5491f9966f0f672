"""Words that say what a chest image shows, by kind, as data.

One list for every study. It is not chosen by label: a filter that looks at a study's own label tells it by what it
leaves out. Terms are lower case and stand for whole words; `*` is the rest of a word, a blank any white
space or hyphen.
Source: the 14 observations of MIMIC-CXR-JPG, the labels of REFLACX, and the everyday words of chest reports for the
same things.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# fmt: off
FINDINGS = (
    "abscess*", "airspace", "airway thickening", "aneurysm*", "aspiration", "atelecta*", "azygos lobe", "bibasilar",
    "blunting", "bronchiectasis", "bronchograms", "bullae", "bullous", "calcifi*", "cardiac enlargement",
    "cardiac silhouette", "cardiomediastin*", "cardiomegaly", "cavit*", "cephalization", "chf", "collapse*",
    "congestion", "congestive", "consolidat*", "contusion*", "copd", "costophrenic", "dissection", "edema*",
    "effusion*", "embol*", "emphysema*", "empyema", "enlarged heart", "enlarged hilum", "enlargement", "fibros*",
    "fibrotic", "fluid overload", "fracture*", "free air", "fx", "granuloma*", "ground glass", "groundglass",
    "haziness", "hazy", "heart failure", "hemidiaphragm*", "hemithorax", "hemothorax", "hernia*", "hila", "hilar",
    "hilum", "hydropneumothorax", "hyperexpan*", "hyperinflat*", "ild", "infect*", "infiltrat*", "interstitial",
    "kerley", "lesion*", "low lung volumes", "lucency", "lymphadenopathy", "malignan*", "mass", "masses",
    "mediastin*", "metast*", "nodul*", "oedema", "opaci*", "overinflat*", "perihilar", "pleura*", "pleural", "pna",
    "pneumomediastinum", "pneumonia*", "pneumonitis", "pneumoperitoneum", "pneumothora*", "ptx",
    "pulmonary vascular*", "reticular", "retrocardiac", "scar", "scarring", "scolio*", "septal", "silhouette*",
    "thickening", "tortuous", "tuberculosis", "tumor*", "tumour*", "vascular redistribution", "volume loss",
    "volume overload", "whiteout",
)
"""Abnormalities and the places they are named by."""

DEVICES = (
    "catheter*", "central line*", "chest tube*", "clips", "defibrillator", "device*", "dobhoff", "drain",
    "endotracheal", "enteric tube", "ett", "feeding tube", "gastric tube", "generator", "icd", "ij", "intubat*",
    "lead", "leads", "line tip", "nasogastric", "ng tube", "ngt", "og tube", "ogt", "orogastric", "pacemaker*",
    "pacer", "picc", "pigtail", "port a cath", "portacath", "prosthe*", "sternotomy", "subclavian", "svc",
    "swan ganz", "tracheostomy", "valve*", "wires",
)
"""Lines, tubes and what else is seen and was put there (the observation Support Devices)."""

NORMALITY = (
    "acute cardiopulmonary", "acute cardiothoracic", "acute intrathoracic", "acute process", "clear lungs",
    "clear to auscultation", "lungs are clear", "lungs clear", "no abnormalit*", "no acute", "no change",
    "no evidence of", "normal chest", "normal heart", "normal in size", "normal limits", "top normal", "unchanged",
    "unremarkable", "well expanded", "well inflated", "within normal",
)
"""That nothing is found is a finding (the observation No Finding)."""

IMAGING = (
    "angiogra*", "chest film", "ct scan", "ct", "cta", "cxr", "cxrs", "echo", "echocardiogra*", "film", "imag*",
    "mri", "portable chest", "radiogra*", "radiolog*", "roentgen*", "scan", "scans", "sonogra*", "tte", "ultrasound",
    "wet read", "x ray*", "xr", "xray*",
)
"""What somebody saw on this or another image."""

INTERPRETATION = (
    "cannot be excluded", "cannot exclude", "cannot rule out", "compatible with", "concern for", "concerning for",
    "consistent with", "differential includes", "findings", "impression", "in keeping with", "indicative of",
    "likely", "may reflect", "may represent", "most likely", "possibly", "probable", "probably", "raises concern",
    "represents", "suggest*", "suspicious for", "worrisome for",
)
"""How a reading is worded."""
# fmt: on

VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "finding": FINDINGS,
    "device": DEVICES,
    "normality": NORMALITY,
    "imaging": IMAGING,
    "interpretation": INTERPRETATION,
}

READING_SECTIONS = (
    "findings",
    "findings/impression",
    "findings and impression",
    "impression",
    "impressions",
    "conclusion",
    "conclusions",
    "interpretation",
    "wet read",
    "wet read version",
    "preliminary report",
    "provisional findings impression",
    "notification",
    "recommendation",
    "recommendations",
)
"""Sections of a report that say nothing but what the image shows: left out whole."""

NEGATIONS = (
    "no",
    "not",
    "without",
    "denies",
    "denied",
    "negative",
    "free of",
    "absence of",
    "absent",
    "never",
    "nor",
    "neither",
)
"""Words by which a removed sentence counts as a denial; for the metrics only."""


def pattern(terms: tuple[str, ...]) -> re.Pattern[str]:
    """One expression that finds any of the terms as whole words, in any case."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(_as_regex, terms))})(?!\w)", re.IGNORECASE)


def _as_regex(term: str) -> str:
    return re.escape(term).replace(r"\*", r"\w*").replace(r"\ ", r"[\s-]+")
