"""Every concept: its table and its function, in an order in which each one's inputs come before it.

A concept's function takes tables by parameter name: those of `mimic/` by their own name (`labevents`, `icustays`), the
concepts by theirs. The tables are declared beside their functions, in the module of their subject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from clinical_assets.concepts import (
    anthropometry,
    antibiotics,
    apsiii,
    blood_gas,
    code_status,
    comorbidity,
    demographics,
    dialysis,
    first_day_laboratory,
    gcs,
    infection,
    invasive_line,
    kdigo,
    laboratory,
    lods,
    medications,
    meld,
    oasis,
    respiratory,
    sapsii,
    sepsis,
    sirs,
    sofa,
    urine,
    urine_rate,
    vasoactive,
    vitals,
)
from clinical_assets.tables import Table

Concept = Callable[..., pl.LazyFrame]

_DECLARED: tuple[tuple[Table, Concept], ...] = (
    # demographics
    (demographics.AGE, demographics.age),
    (demographics.ICUSTAY_DETAIL, demographics.icustay_detail),
    (demographics.ICUSTAY_TIMES, demographics.icustay_times),
    (demographics.ICUSTAY_HOURLY, demographics.icustay_hourly),
    (anthropometry.HEIGHT, anthropometry.height),
    (anthropometry.WEIGHT_DURATIONS, anthropometry.weight_durations),
    # measurements
    (vitals.VITALSIGN, vitals.vitalsign),
    (vitals.ICP, vitals.icp),
    (vitals.RHYTHM, vitals.rhythm),
    (gcs.GCS, gcs.gcs),
    (laboratory.CHEMISTRY, laboratory.chemistry),
    (laboratory.COMPLETE_BLOOD_COUNT, laboratory.complete_blood_count),
    (laboratory.BLOOD_DIFFERENTIAL, laboratory.blood_differential),
    (laboratory.COAGULATION, laboratory.coagulation),
    (laboratory.ENZYME, laboratory.enzyme),
    (laboratory.CARDIAC_MARKER, laboratory.cardiac_marker),
    (laboratory.INFLAMMATION, laboratory.inflammation),
    (blood_gas.BG, blood_gas.bg),
    (urine.URINE_OUTPUT, urine.urine_output),
    (urine_rate.URINE_OUTPUT_RATE, urine_rate.urine_output_rate),
    (respiratory.OXYGEN_DELIVERY, respiratory.oxygen_delivery),
    (respiratory.VENTILATOR_SETTING, respiratory.ventilator_setting),
    # treatments
    (respiratory.VENTILATION, respiratory.ventilation),
    (dialysis.CRRT, dialysis.crrt),
    (dialysis.RRT, dialysis.rrt),
    (vasoactive.DOBUTAMINE, vasoactive.dobutamine),
    (vasoactive.DOPAMINE, vasoactive.dopamine),
    (vasoactive.EPINEPHRINE, vasoactive.epinephrine),
    (vasoactive.NOREPINEPHRINE, vasoactive.norepinephrine),
    (vasoactive.PHENYLEPHRINE, vasoactive.phenylephrine),
    (vasoactive.VASOPRESSIN, vasoactive.vasopressin),
    (vasoactive.MILRINONE, vasoactive.milrinone),
    (vasoactive.VASOACTIVE_AGENT, vasoactive.vasoactive_agent),
    (vasoactive.NOREPINEPHRINE_EQUIVALENT_DOSE, vasoactive.norepinephrine_equivalent_dose),
    (antibiotics.ANTIBIOTIC, antibiotics.antibiotic),
    (antibiotics.ANTIBIOTIC_EXTENDED, antibiotics.antibiotic_extended),
    (medications.ACEI, medications.acei),
    (medications.ARB, medications.arb),
    (medications.NSAID, medications.nsaid),
    (medications.NEUROBLOCK, medications.neuroblock),
    (code_status.CODE_STATUS, code_status.code_status),
    (invasive_line.INVASIVE_LINE, invasive_line.invasive_line),
    # chronic disease
    (comorbidity.CHARLSON, comorbidity.charlson),
    (kdigo.CREATININE_BASELINE, kdigo.creatinine_baseline),
    # the first ICU day
    (vitals.FIRST_DAY_VITALSIGN, vitals.first_day_vitalsign),
    (first_day_laboratory.FIRST_DAY_LAB, first_day_laboratory.first_day_lab),
    (blood_gas.FIRST_DAY_BG, blood_gas.first_day_bg),
    (blood_gas.FIRST_DAY_BG_ART, blood_gas.first_day_bg_art),
    (gcs.FIRST_DAY_GCS, gcs.first_day_gcs),
    (urine.FIRST_DAY_URINE_OUTPUT, urine.first_day_urine_output),
    (anthropometry.FIRST_DAY_HEIGHT, anthropometry.first_day_height),
    (anthropometry.FIRST_DAY_WEIGHT, anthropometry.first_day_weight),
    (dialysis.FIRST_DAY_RRT, dialysis.first_day_rrt),
    (sofa.FIRST_DAY_SOFA, sofa.first_day_sofa),
    # organ failure
    (kdigo.KDIGO_CREATININE, kdigo.kdigo_creatinine),
    (urine_rate.KDIGO_UO, urine_rate.kdigo_uo),
    (kdigo.KDIGO_STAGES, kdigo.kdigo_stages),
    (sofa.SOFA, sofa.sofa),
    # severity of illness
    (apsiii.APSIII, apsiii.apsiii),
    (lods.LODS, lods.lods),
    (meld.MELD, meld.meld),
    (oasis.OASIS, oasis.oasis),
    (sapsii.SAPSII, sapsii.sapsii),
    (sirs.SIRS, sirs.sirs),
    # sepsis
    (infection.SUSPICION_OF_INFECTION, infection.suspicion_of_infection),
    (sepsis.SEPSIS3, sepsis.sepsis3),
    (sepsis.SEPSIS_ONSET, sepsis.sepsis_onset),
)

TABLES: Mapping[str, Table] = {table.key[-1]: table for table, _ in _DECLARED}
"""Every concept's table by its name."""
CONCEPTS: Mapping[str, Concept] = {table.key[-1]: function for table, function in _DECLARED}
"""Every concept's function by its name."""
