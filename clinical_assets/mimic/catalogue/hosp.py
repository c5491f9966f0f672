"""The hosp module: the 22 tables of the hospital-wide record, declared in four files by what they are about."""

from clinical_assets.mimic.catalogue.hosp_billing import (
    D_HCPCS,
    D_ICD_DIAGNOSES,
    D_ICD_PROCEDURES,
    DIAGNOSES_ICD,
    DRGCODES,
    HCPCSEVENTS,
    PROCEDURES_ICD,
)
from clinical_assets.mimic.catalogue.hosp_laboratory import D_LABITEMS, LABEVENTS, MICROBIOLOGYEVENTS
from clinical_assets.mimic.catalogue.hosp_medication import EMAR, EMAR_DETAIL, PHARMACY, POE, POE_DETAIL, PRESCRIPTIONS
from clinical_assets.mimic.catalogue.hosp_patients import ADMISSIONS, OMR, PATIENTS, PROVIDER, SERVICES, TRANSFERS

HOSP = (
    PATIENTS,
    ADMISSIONS,
    TRANSFERS,
    SERVICES,
    OMR,
    PROVIDER,
    LABEVENTS,
    D_LABITEMS,
    MICROBIOLOGYEVENTS,
    POE,
    POE_DETAIL,
    PRESCRIPTIONS,
    PHARMACY,
    EMAR,
    EMAR_DETAIL,
    DIAGNOSES_ICD,
    PROCEDURES_ICD,
    DRGCODES,
    HCPCSEVENTS,
    D_ICD_DIAGNOSES,
    D_ICD_PROCEDURES,
    D_HCPCS,
)
