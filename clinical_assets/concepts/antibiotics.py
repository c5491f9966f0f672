"""Antibiotics as prescribed in the hospital, with the ICU stay they were started in.

A prescription is an order, not a dose: `starttime` is when it was to begin. Drugs are recognised by name. Not every
antibiotic is on the published list (ertapenem, imipenem, daptomycin by its generic name, tigecycline, colistin and
micafungin are missing), and oral vancomycin, which treats the gut only, is counted. Those missing have a table of their
own, `antibiotic_extended`: no prescription is in both, and nothing published is computed from the second.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import HADM_ID, SUBJECT_ID, concept, conform, integer, text, timestamp
from clinical_assets.concepts.interval_joins import left_join_where

# fmt: off
NAMES = (
    "adoxa", "ala-tet", "alodox", "amikacin", "amikin", "amoxicill", "amphotericin", "ampicillin", "ancef",
    "anidulafungin", "augmentin", "avelox", "avidoxy", "axetil", "azactam", "azithromycin", "aztreonam", "bactocill",
    "bactrim", "bactroban", "bethkis", "biaxin", "bicillin l-a", "cayston", "cedax", "cefaclor", "cefadroxil",
    "cefazolin", "cefdinir", "cefditoren", "cefepime", "cefotan", "cefotaxime", "cefotetan", "cefoxitin", "cefpirome",
    "cefpodoxime", "cefprozil", "ceftaroline", "ceftazidime", "ceftibuten", "ceftin", "ceftriaxone", "cefuroxime",
    "cephalexin", "cephalothin", "cephapririn", "chloramphenicol", "cipro", "ciprofloxacin", "claforan",
    "clarithromycin", "clavulanate", "cleocin", "clindamycin", "cubicin", "dicloxacillin", "dirithromycin", "doryx",
    "doxycy", "duricef", "dynacin", "ery-tab", "eryc", "eryped", "erythrocin", "erythromycin", "factive", "flagyl",
    "fortaz", "furadantin", "garamycin", "gentamicin", "kanamycin", "keflex", "kefzol", "ketek", "levaquin",
    "levofloxacin", "lincocin", "linezolid", "macrobid", "macrodantin", "maxipime", "mefoxin", "meropenem",
    "methicillin", "metronidazole", "minocin", "minocycline", "monodox", "monurol", "morgidox", "moxatag",
    "moxifloxacin", "mupirocin", "myrac", "nafcillin", "neomycin", "nicazel doxy 30", "nitrofurantoin", "norfloxacin",
    "noroxin", "ocudox", "ofloxacin", "omnicef", "oracea", "oraxyl", "oxacillin", "panixine", "pc pen vk",
    "pce dispertab", "pediazole", "penicillin", "periostat", "pfizerpen", "piperacillin", "primsol", "proquin",
    "raniclor", "rifadin", "rifampin", "rocephin", "septra", "septra ds", "smz-tmp", "solodyn", "spectracef",
    "streptomycin", "sulfadiazine", "sulfamethoxazole", "sulfatrim", "sulfisoxazole", "suprax", "synercid", "tazicef",
    "tazobactam", "tetracycline", "timentin", "tobramycin", "trimethoprim", "unasyn", "vancocin", "vancomycin",
    "vantin", "vibativ", "vibra-tabs", "vibramycin", "zinacef", "zithromax", "zosyn", "zyvox",
)
"""Lower-case parts of the names of antibiotics, generic and of brands, as published."""
# fmt: on

# fmt: off
EXTENDED_NAMES = (
    # carbapenems and newer beta-lactams
    "ertapenem", "invanz", "imipenem", "primaxin", "doripenem", "doribax", "merrem", "ceftolozane", "zerbaxa",
    "cefiderocol", "fetroja", "avycaz", "teflaro", "ticarcillin",
    # lipopeptides, glycopeptides and oxazolidinones
    "daptomycin", "telavancin", "dalbavancin", "dalvance", "oritavancin", "orbactiv", "tedizolid", "sivextro",
    "quinupristin",
    # tetracyclines of later generations
    "tigecycline", "tygacil", "eravacycline", "xerava", "omadacycline", "nuzyra", "demeclocycline",
    # polymyxins, aminoglycosides and fluoroquinolones
    "colistin", "colistimethate", "coly-mycin", "polymyxin b", "plazomicin", "paromomycin", "delafloxacin",
    "gemifloxacin",
    # others against bacteria
    "fosfomycin", "fidaxomicin", "dificid", "rifaximin", "rifabutin", "methenamine", "secnidazole", "tinidazole",
    "pentamidine", "dapsone", "ethambutol", "isoniazid", "pyrazinamide",
    # against fungi, of which the published list has amphotericin and anidulafungin
    "micafungin", "mycamine", "caspofungin", "cancidas", "fluconazole", "diflucan", "voriconazole", "posaconazole",
    "isavuconazon", "flucytosine",
)
"""Lower-case parts of the names of anti-infectives the published list lacks, generic and of brands, by class."""
# fmt: on
EXTENDED_SOURCE = "anti-infectives of the ATC groups A07AA, J01, J02, J04 and P01 that the published list lacks"

ROUTES_OF_EYE_AND_EAR = ("OU", "OS", "OD", "AU", "AS", "AD", "TP")
"""Both, left and right eye or ear, and topical: not given for an infection of the body."""
ROUTE_PARTS_OF_EYE_AND_EAR = ("ear", "eye")
NOT_SYSTEMIC = ("cream", "desensitization", "ophth oint", "gel")

_COLUMNS = (
    SUBJECT_ID,
    HADM_ID,
    integer("stay_id", "The ICU stay the prescription began in; null outside the ICU."),
    text("antibiotic", "Drug as prescribed."),
    text("route", "Route as prescribed."),
    timestamp("starttime", "When it was to begin."),
    timestamp("stoptime", "When it was to end."),
)

ANTIBIOTIC = concept(
    "antibiotic",
    grain="one row per prescription of an antibiotic (rows may repeat)",
    meaning="Antibiotics ordered by mouth or into the body, not on skin, eye or ear.",
    columns=_COLUMNS,
    happened="starttime",
)
ANTIBIOTIC_EXTENDED = concept(
    "antibiotic_extended",
    grain="one row per prescription of an anti-infective that the published list lacks (rows may repeat)",
    meaning="Anti-infectives missing among the published antibiotics, such as ertapenem, daptomycin, tigecycline and "
    "colistin, ordered by mouth or into the body. Never mixed with `antibiotic`: no prescription is in both, and "
    "suspicion of infection looks at none of these rows.",
    columns=_COLUMNS,
    happened="starttime",
    source=EXTENDED_SOURCE,
)


def antibiotic(prescriptions: pl.LazyFrame, icustays: pl.LazyFrame) -> pl.LazyFrame:
    """Antibiotics. One row per prescription; a prescription without a route is left out.

    A row counts whatever its `drug_type`. The published query leaves out the pairs of drug and route that occur in the
    whole release only as a carrier (`drug_type` BASE): which pairs those are depends on other patients, and so on the
    shards of a run. In a release that holds such a pair (neither the open demo nor the synthetic hospital does) this
    table has these rows besides the published ones; everywhere else the two are equal.
    """
    return conform(_ordered(prescriptions, icustays, _named(NAMES)), ANTIBIOTIC)


def antibiotic_extended(prescriptions: pl.LazyFrame, icustays: pl.LazyFrame) -> pl.LazyFrame:
    """Anti-infectives the published list lacks. One row per prescription; without a route it is left out."""
    return conform(_ordered(prescriptions, icustays, _named(EXTENDED_NAMES) & ~_named(NAMES)), ANTIBIOTIC_EXTENDED)


def _named(parts: tuple[str, ...]) -> pl.Expr:
    """Whether the drug's name contains any of them."""
    return pl.col("drug").str.to_lowercase().str.contains_any(list(parts))


def _ordered(prescriptions: pl.LazyFrame, icustays: pl.LazyFrame, named: pl.Expr) -> pl.LazyFrame:
    """The prescriptions of such drugs that reach the body, each with the ICU stay it began in."""
    drug, route = pl.col("drug"), pl.col("route")
    systemic = ~(
        drug.str.to_lowercase().str.contains_any(list(NOT_SYSTEMIC))
        | route.str.to_lowercase().str.contains_any(list(ROUTE_PARTS_OF_EYE_AND_EAR))
        | route.is_in(ROUTES_OF_EYE_AND_EAR)
    )
    ordered = prescriptions.filter(named, systemic).select(
        "subject_id", "hadm_id", "route", "starttime", "stoptime", antibiotic="drug"
    )
    started = pl.col("starttime")
    return left_join_where(
        ordered,
        icustays.select("hadm_id", "stay_id", "intime", "outtime"),
        on="hadm_id",
        where=(started >= pl.col("intime")) & (started < pl.col("outtime")),
        by=["starttime"],
        values=["stay_id"],
    )
