"""ICD codes of the conditions of the Charlson index.

Source: the code lists of Quan et al. 2005 as published with MIMIC-IV. Codes have no dot, as in the release. A code
stands for all that begin with it; `4254-4259` for all whose first four characters lie between the two.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Comorbidity:
    """A condition and its ICD codes, separated by blanks."""

    name: str
    meaning: str
    icd9: str
    icd10: str


COMORBIDITIES = (
    Comorbidity(
        name="myocardial_infarct",
        meaning="Myocardial infarction",
        icd9="410 412",
        icd10="I21 I22 I252",
    ),
    Comorbidity(
        name="congestive_heart_failure",
        meaning="Congestive heart failure",
        icd9="428 39891 40201 40211 40291 40401 40403 40411 40413 40491 40493 4254-4259",
        icd10="I43 I50 I099 I110 I130 I132 I255 I420 I425 I426 I427 I428 I429 P290",
    ),
    Comorbidity(
        name="peripheral_vascular_disease",
        meaning="Peripheral vascular disease",
        icd9="440 441 0930 4373 4471 5571 5579 V434 4431-4439",
        icd10="I70 I71 I731 I738 I739 I771 I790 I792 K551 K558 K559 Z958 Z959",
    ),
    Comorbidity(
        name="cerebrovascular_disease",
        meaning="Cerebrovascular disease",
        icd9="430-438 36234",
        icd10="G45 G46 I60-I69 H340",
    ),
    Comorbidity(
        name="dementia",
        meaning="Dementia",
        icd9="290 2941 3312",
        icd10="F00 F01 F02 F03 G30 F051 G311",
    ),
    Comorbidity(
        name="chronic_pulmonary_disease",
        meaning="Chronic pulmonary disease",
        icd9="490-505 4168 4169 5064 5081 5088",
        icd10="J40-J47 J60-J67 I278 I279 J684 J701 J703",
    ),
    Comorbidity(
        name="rheumatic_disease",
        meaning="Rheumatic disease",
        icd9="725 4465 7100 7101 7102 7103 7104 7140 7141 7142 7148",
        icd10="M05 M06 M32 M33 M34 M315 M351 M353 M360",
    ),
    Comorbidity(
        name="peptic_ulcer_disease",
        meaning="Peptic ulcer disease",
        icd9="531 532 533 534",
        icd10="K25 K26 K27 K28",
    ),
    Comorbidity(
        name="mild_liver_disease",
        meaning="Mild liver disease",
        icd9="570 571 0706 0709 5733 5734 5738 5739 V427 07022 07023 07032 07033 07044 07054",
        icd10="B18 K73 K74 K700 K701 K702 K703 K709 K713 K714 K715 K717 K760 K762 K763 K764 K768 K769 Z944",
    ),
    Comorbidity(
        name="diabetes_without_cc",
        meaning="Diabetes without chronic complications",
        icd9="2500 2501 2502 2503 2508 2509",
        icd10=(
            "E100 E101 E106 E108 E109 E110 E111 E116 E118 E119 E120 E121 E126 E128 E129 E130 E131 E136 E138 E139 "
            "E140 E141 E146 E148 E149"
        ),
    ),
    Comorbidity(
        name="diabetes_with_cc",
        meaning="Diabetes with chronic complications",
        icd9="2504 2505 2506 2507",
        icd10=(
            "E102 E103 E104 E105 E107 E112 E113 E114 E115 E117 E122 E123 E124 E125 E127 E132 E133 E134 E135 E137 "
            "E142 E143 E144 E145 E147"
        ),
    ),
    Comorbidity(
        name="paraplegia",
        meaning="Hemiplegia or paraplegia",
        icd9="342 343 3341 3440 3441 3442 3443 3444 3445 3446 3449",
        icd10="G81 G82 G041 G114 G801 G802 G830 G831 G832 G833 G834 G839",
    ),
    Comorbidity(
        name="renal_disease",
        meaning="Renal disease",
        icd9="582 585 586 V56 5880 V420 V451 5830-5837 40301 40311 40391 40402 40403 40412 40413 40492 40493",
        icd10=(
            "N18 N19 I120 I131 N032 N033 N034 N035 N036 N037 N052 N053 N054 N055 N056 N057 N250 Z490 Z491 Z492 "
            "Z940 Z992"
        ),
    ),
    Comorbidity(
        name="malignant_cancer",
        meaning="Cancer other than of the skin, leukemia and lymphoma",
        icd9="140-172 1740-1958 200-208 2386",
        icd10="C43 C88 C00-C26 C30-C34 C37-C41 C45-C58 C60-C76 C81-C85 C90-C97",
    ),
    Comorbidity(
        name="severe_liver_disease",
        meaning="Severe liver disease",
        icd9="4560 4561 4562 5722-5728",
        icd10="I850 I859 I864 I982 K704 K711 K721 K729 K765 K766 K767",
    ),
    Comorbidity(
        name="metastatic_solid_tumor",
        meaning="Metastatic solid tumor",
        icd9="196 197 198 199",
        icd10="C77 C78 C79 C80",
    ),
    Comorbidity(
        name="aids",
        meaning="AIDS",
        icd9="042 043 044",
        icd10="B20 B21 B22 B24",
    ),
)
