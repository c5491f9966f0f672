"""Antibiotics as prescribed in the hospital, with the ICU stay they were started in.

A prescription is an order, not a dose: `starttime` is when it was to begin. Drugs are recognised by name. Not every
antibiotic is on the published list (ertapenem, imipenem, daptomycin by its generic name, tigecycline, colistin and
micafungin are missing), and oral vancomycin, which treats the gut only, is counted.
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

ROUTES_OF_EYE_AND_EAR = ("OU", "OS", "OD", "AU", "AS", "AD", "TP")
"""Both, left and right eye or ear, and topical: not given for an infection of the body."""
ROUTE_PARTS_OF_EYE_AND_EAR = ("ear", "eye")
NOT_SYSTEMIC = ("cream", "desensitization", "ophth oint", "gel")

ANTIBIOTIC = concept(
    "antibiotic",
    grain="one row per prescription of an antibiotic (rows may repeat)",
    meaning="Antibiotics ordered by mouth or into the body, not on skin, eye or ear.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        integer("stay_id", "The ICU stay the prescription began in; null outside the ICU."),
        text("antibiotic", "Drug as prescribed."),
        text("route", "Route as prescribed."),
        timestamp("starttime", "When it was to begin."),
        timestamp("stoptime", "When it was to end."),
    ),
    happened="starttime",
)


def antibiotic(prescriptions: pl.LazyFrame, icustays: pl.LazyFrame) -> pl.LazyFrame:
    """Antibiotics. One row per prescription; a prescription without a route is left out.

    A carrier (`drug_type` BASE) counts only where the same patient was also prescribed that drug by that route as a
    main drug. As published, it counts where *any* patient was; then a patient's rows would depend on other patients,
    and so on the shards of a run.
    """
    drug, route = pl.col("drug"), pl.col("route")
    systemic = ~(
        drug.str.to_lowercase().str.contains_any(list(NOT_SYSTEMIC))
        | route.str.to_lowercase().str.contains_any(list(ROUTE_PARTS_OF_EYE_AND_EAR))
        | route.is_in(ROUTES_OF_EYE_AND_EAR)
    )
    ordered = (
        prescriptions.filter(drug.str.to_lowercase().str.contains_any(list(NAMES)), systemic)
        .filter((pl.col("drug_type") != "BASE").any().over("subject_id", "drug", "route"))
        .select("subject_id", "hadm_id", "route", "starttime", "stoptime", antibiotic="drug")
    )
    started = pl.col("starttime")
    rows = left_join_where(
        ordered,
        icustays.select("hadm_id", "stay_id", "intime", "outtime"),
        on="hadm_id",
        where=(started >= pl.col("intime")) & (started < pl.col("outtime")),
        by=["starttime"],
        values=["stay_id"],
    )
    return conform(rows, ANTIBIOTIC)
