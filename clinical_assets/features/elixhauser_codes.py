"""ICD codes of the Elixhauser conditions the emergency department's benchmark uses beyond the Charlson ones.

Source: the enhanced code lists of Quan et al. 2005 (Medical Care 43:1130). Codes have no dot, as in the release; a code
stands for all that begin with it. Compared code by code with three public copies of those lists: the benchmark's own
(nliulab/mimic4ed-benchmark 091ed6f7), the R package comorbidity (ellessenne/comorbidity 8f5f79d3) and the Calgary
group's SAS code as gforge/comorbidities.icd10 1690547e keeps it. What differs: the benchmark leaves out E222 (fluids)
and 2912 (alcohol), which the paper has; the package writes out 2802 to 2807 (deficiency anaemia), 2916 and 2917
(alcohol), which no ICD-9 code begins with.

Names are the benchmark's: HTN1 is *complicated* hypertension there and HTN2 uncomplicated.
"""

from __future__ import annotations

from clinical_assets.concepts.comorbidity_codes import Comorbidity

ELIXHAUSER = (
    Comorbidity(
        name="Arrhythmia",
        meaning="Cardiac arrhythmia",
        icd9="4260 42610 42612 42613 4267 4269 4270 4271 4272 4273 4274 4276 4277 4278 4279 7850 99601 99604 V450 V533",
        icd10="I441 I442 I443 I456 I459 I47 I48 I49 R000 R001 R008 T821 Z450 Z950",
    ),
    Comorbidity(
        name="Valvular",
        meaning="Valvular disease",
        icd9="0932 394 395 396 397 424 7463 7464 7465 7466 V422 V433",
        icd10="A520 I05 I06 I07 I08 I091 I098 I34 I35 I36 I37 I38 I39 Q230 Q231 Q232 Q233 Z952 Z953 Z954",
    ),
    Comorbidity(
        name="PHTN",
        meaning="Disease of the pulmonary circulation",
        icd9="4150 4151 416 4170 4178 4179",
        icd10="I26 I27 I280 I288 I289",
    ),
    Comorbidity(name="HTN1", meaning="Hypertension, complicated", icd9="402 403 404 405", icd10="I11 I12 I13 I15"),
    Comorbidity(name="HTN2", meaning="Hypertension, uncomplicated", icd9="401", icd10="I10"),
    Comorbidity(
        name="NeuroOther",
        meaning="Other neurological disorder",
        icd9="3319 3320 3321 3334 3335 33392 334 335 3362 340 341 345 3481 3483 7803 7843",
        icd10="G10 G11 G12 G13 G20 G21 G22 G254 G255 G312 G318 G319 G32 G35 G36 G37 G40 G41 G931 G934 R470 R56",
    ),
    Comorbidity(
        name="Hypothyroid", meaning="Hypothyroidism", icd9="2409 243 244 2461 2468", icd10="E00 E01 E02 E03 E890"
    ),
    Comorbidity(
        name="Lymphoma",
        meaning="Lymphoma",
        icd9="200 201 202 2030 2386",
        icd10="C81 C82 C83 C84 C85 C88 C96 C900 C902",
    ),
    Comorbidity(
        name="Coagulopathy",
        meaning="Coagulopathy",
        icd9="286 2871 2873 2874 2875",
        icd10="D65 D66 D67 D68 D691 D693 D694 D695 D696",
    ),
    Comorbidity(name="Obesity", meaning="Obesity", icd9="2780", icd10="E66"),
    Comorbidity(
        name="WeightLoss",
        meaning="Weight loss",
        icd9="260 261 262 263 7832 7994",
        icd10="E40 E41 E42 E43 E44 E45 E46 R634 R64",
    ),
    Comorbidity(name="FluidsLytes", meaning="Fluid and electrolyte disorder", icd9="2536 276", icd10="E222 E86 E87"),
    Comorbidity(name="BloodLoss", meaning="Anaemia by blood loss", icd9="2800", icd10="D500"),
    Comorbidity(name="Anemia", meaning="Deficiency anaemia", icd9="2801 2808 2809 281", icd10="D508 D509 D51 D52 D53"),
    Comorbidity(
        name="Alcohol",
        meaning="Alcohol abuse",
        icd9="2652 2911 2912 2913 2915 2918 2919 3030 3039 3050 3575 4255 5353 5710 5711 5712 5713 980 V113",
        icd10="F10 E52 G621 I426 K292 K700 K703 K709 T51 Z502 Z714 Z721",
    ),
    Comorbidity(
        name="Drugs",
        meaning="Drug abuse",
        icd9="292 304 3052 3053 3054 3055 3056 3057 3058 3059 V6542",
        icd10="F11 F12 F13 F14 F15 F16 F18 F19 Z715 Z722",
    ),
    Comorbidity(
        name="Psychoses",
        meaning="Psychosis",
        icd9="2938 295 29604 29614 29644 29654 297 298",
        icd10="F20 F22 F23 F24 F25 F28 F29 F302 F312 F315",
    ),
    Comorbidity(
        name="Depression",
        meaning="Depression",
        icd9="2962 2963 2965 3004 309 311",
        icd10="F204 F313 F314 F315 F32 F33 F341 F412 F432",
    ),
)
