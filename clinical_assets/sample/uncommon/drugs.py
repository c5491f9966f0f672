"""Drugs that are seldom prescribed, under the names of the generic or the brand; each takes the place of a usual one.

Beside those a release is searched for by name, there are antibiotics no published list knows, forms for eye, ear and
skin that do not count as treatment of an infection, and a fluid ordered as the carrier of an antibiotic.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clinical_assets.sample.blocks import Block, Integers
from clinical_assets.sample.hosp.formulary import ANTIBIOTICS, CEFEPIME, DRUGS, Drug
from clinical_assets.sample.uncommon.dealing import in_turn

# fmt: off
_ANTIBIOTICS = (
    "Adoxa", "Ala-Tet", "Alodox", "Amikacin", "Amikin", "Amoxicillin", "Amphotericin B", "Ampicillin", "Ancef",
    "Anidulafungin", "Augmentin", "Avelox", "Avidoxy", "Cefuroxime Axetil", "Azactam", "Azithromycin", "Aztreonam",
    "Bactocill", "Bactrim", "Bactroban", "Bethkis", "Biaxin", "Bicillin L-A", "Cayston", "Cedax", "Cefaclor",
    "Cefadroxil", "CefazoLIN", "Cefdinir", "Cefditoren", "CefePIME", "Cefotan", "Cefotaxime", "CefoTEtan", "CefOXitin",
    "Cefpirome", "Cefpodoxime Proxetil", "Cefprozil", "Ceftaroline", "CefTAZidime", "Ceftibuten", "Ceftin",
    "CefTRIAXone", "Cefuroxime", "Cephalexin", "Cephalothin", "Cephapririn", "Chloramphenicol", "Cipro",
    "Ciprofloxacin", "Claforan", "Clarithromycin", "Amoxicillin-Clavulanate", "Cleocin", "Clindamycin", "Cubicin",
    "DiCLOXacillin", "Dirithromycin", "Doryx", "Doxycycline Hyclate", "Duricef", "Dynacin", "Ery-Tab", "Eryc", "EryPed",
    "Erythrocin", "Erythromycin", "Factive", "Flagyl", "Fortaz", "Furadantin", "Garamycin", "Gentamicin", "Kanamycin",
    "Keflex", "Kefzol", "Ketek", "Levaquin", "LevoFLOXacin", "Lincocin", "Linezolid", "Macrobid", "Macrodantin",
    "Maxipime", "Mefoxin", "Meropenem", "Methicillin", "MetroNIDAZOLE", "Minocin", "Minocycline", "Monodox", "Monurol",
    "Morgidox", "Moxatag", "Moxifloxacin", "Mupirocin", "Myrac", "Nafcillin", "Neomycin Sulfate", "Nicazel Doxy 30",
    "Nitrofurantoin", "Norfloxacin", "Noroxin", "Ocudox", "Ofloxacin", "Omnicef", "Oracea", "Oraxyl", "Oxacillin",
    "Panixine", "PC Pen VK", "PCE Dispertab", "Pediazole", "Penicillin G Potassium", "Periostat", "Pfizerpen",
    "Piperacillin", "Primsol", "ProQuin", "Raniclor", "Rifadin", "Rifampin", "Rocephin", "Septra", "Septra DS",
    "SMZ-TMP", "Solodyn", "Spectracef", "Streptomycin", "Sulfadiazine", "Sulfamethoxazole-Trimethoprim", "Sulfatrim",
    "SulfiSOXAZOLE", "Suprax", "Synercid", "Tazicef", "Tazobactam", "Tetracycline", "Timentin", "Tobramycin",
    "Trimethoprim", "Unasyn", "Vancocin", "Vancomycin", "Vantin", "Vibativ", "Vibra-Tabs", "Vibramycin", "Zinacef",
    "Zithromax", "Zosyn", "Zyvox",
)
_UNLISTED_ANTIBIOTICS = (
    "Ertapenem Sodium", "Imipenem-Cilastatin", "Doripenem", "Daptomycin", "Tigecycline", "Colistin", "Colistimethate",
    "Polymyxin B Sulfate", "Micafungin", "Caspofungin", "Fidaxomicin", "Telavancin", "Dalbavancin", "Oritavancin",
    "Tedizolid", "Ceftolozane", "Eravacycline", "Fosfomycin Tromethamine", "Fluconazole", "Voriconazole",
)
_ACE_INHIBITORS = (
    "Benazepril", "Captopril", "Enalapril Maleate", "Fosinopril", "Lisinopril", "Moexipril", "Perindopril",
    "Quinapril", "Ramipril", "Trandolapril",
)
_RECEPTOR_BLOCKERS = (
    "Azilsartan", "Edarbi", "Candesartan", "Atacand", "Irbesartan", "Avapro", "Losartan Potassium", "Cozaar",
    "Olmesartan", "Benicar", "Telmisartan", "Micardis", "Valsartan", "Diovan", "Sacubitril", "Entresto",
)
_PAINKILLERS = (
    "Aspirin EC", "Bromfenac", "Celecoxib", "Diclofenac Sodium", "Diflunisal", "Etodolac", "Fenoprofen", "Flurbiprofen",
    "Ibuprofen", "Indomethacin", "Ketoprofen", "Mefenamic Acid", "Meloxicam", "Nabumetone", "Naproxen", "Nepafenac",
    "Oxaprozin", "Piroxicam", "Sulindac", "Tolmetin",
)
_NOT_SYSTEMIC = (
    ("Ciprofloxacin 0.3% Soln", "OU"), ("Gentamicin 0.3% Soln", "OS"), ("Tobramycin 0.3% Soln", "OD"),
    ("Ofloxacin 0.3% Soln", "AU"), ("Ciprofloxacin HC", "AS"), ("Neomycin Susp", "AD"), ("Mupirocin 2%", "TP"),
    ("Ciprofloxacin 0.2% Soln", "BOTH EARS"), ("Moxifloxacin 0.5% Soln", "RIGHT EYE"), ("Gentamicin 0.1% Cream", "EX"),
    ("Clindamycin 1% Gel", "EX"), ("Penicillin Desensitization", "IV"), ("Erythromycin 0.5% Ophth Oint", "BE"),
)
# fmt: on


def _drug(name: str, route: str | None = "PO", drug_type: str = "MAIN") -> Drug:
    code = "".join(letter for letter in name.upper() if letter.isalnum())[:8]
    return Drug(
        name,
        code,
        None,
        "0",
        "",
        "1",
        "DOSE",
        "1",
        "EA",
        2,
        route,
        "BID",
        days=3,
        drug_type=drug_type,
    )


_CARRIER = _drug(CEFEPIME.drug, "IV", "BASE")
_WITHOUT_ROUTE = _drug("Vancomycin", None)
_IN_PLACE_OF_ANTIBIOTICS = (
    *(_drug(name, "PO" if n % 3 else "IV") for n, name in enumerate(_ANTIBIOTICS)),
    *(_drug(name, "IV") for name in _UNLISTED_ANTIBIOTICS),
)
_IN_PLACE_OF_PRESSURE_TABLETS = tuple(_drug(name) for name in (*_ACE_INHIBITORS, *_RECEPTOR_BLOCKERS))
_IN_PLACE_OF_PARACETAMOL = tuple(_drug(name) for name in _PAINKILLERS)
_IN_PLACE_OF_SOFTENERS = (*(_drug(*entry) for entry in _NOT_SYSTEMIC), _CARRIER, _WITHOUT_ROUTE)
UNCOMMON: tuple[Drug, ...] = (
    *_IN_PLACE_OF_ANTIBIOTICS,
    *_IN_PLACE_OF_PRESSURE_TABLETS,
    *_IN_PLACE_OF_PARACETAMOL,
    *_IN_PLACE_OF_SOFTENERS,
)
"""They stand behind `DRUGS` and `ANTIBIOTICS` in the formulary."""
BLOCKS_OF_ANTIBIOTICS = 3
"""Each block has a third of them: a hospital gives mostly what it is used to."""

_USUAL = (*DRUGS, *ANTIBIOTICS)
_PLACES: Mapping[str, tuple[tuple[str, ...], tuple[Drug, ...], int]] = {
    "antibiotics": (tuple(d.drug for d in ANTIBIOTICS), _IN_PLACE_OF_ANTIBIOTICS, BLOCKS_OF_ANTIBIOTICS),
    "pressure tablets": (("Lisinopril", "Losartan Potassium"), _IN_PLACE_OF_PRESSURE_TABLETS, 1),
    "paracetamol": (("Acetaminophen",), _IN_PLACE_OF_PARACETAMOL, 1),
    "softeners": (("Docusate Sodium", "Senna"), _IN_PLACE_OF_SOFTENERS, 1),
}
"""Usual drugs by name, what is given in their place, and over how many blocks it is spread."""


def in_place_of_usual(block: Block, drug: Integers) -> Integers:
    """The drugs of prescriptions (index in the formulary) with some replaced by uncommon ones."""
    result = drug.copy()
    first = len(_USUAL)
    for what, (usual, uncommon, blocks) in _PLACES.items():
        of_kind = [n for n, d in enumerate(_USUAL) if d.drug in usual]
        rows, variant = in_turn(block, what, np.flatnonzero(np.isin(drug, of_kind)), len(uncommon), blocks=blocks)
        result[rows] = first + variant
        first += len(uncommon)
    return result
