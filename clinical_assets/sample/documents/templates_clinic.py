"""Templates of notes from the ward and the clinic: consults, progress notes, radiation, medication lists, the rest."""

from __future__ import annotations

_CONSULT = (
    """NEURO-ONCOLOGY CONSULTATION
# Chief Complaint
{deficit_capital}.
# History of Present Illness
{age}-year-old {sex} with a newly found mass of the {location_mark}. {denials}
# Past Medical History
{history}
# Family History
{family_history}
# Physical Exam
{performance} {deficit_capital}. Otherwise intact.
# Assessment and Plan
Likely {short_generic}. Resection is recommended. {conditional}
""",
    """CONSULT NOTE
# Reason for Consultation
Brain mass, {location_mark}.
# History
{denials} {history}
# Family Hx
{family_history}
# Assessment
No diagnosis without tissue. Differential includes lymphoma and metastasis, both less likely.
# Plan
{conditional}
""",
    """OUTPATIENT CONSULTATION - NEUROSURGERY
# History of Present Illness
Referred for a {size} cm tumor, {location_mark}, found after {deficit}. {denials}
# Social History
Never smoker. Works part time.
# Family History
{family_history}
# Recommendations
Surgery within two weeks. Risks were explained: bleeding, infection, weakness, incomplete resection.
""",
)

_INPATIENT = (
    """NEUROSURGERY PROGRESS NOTE
# Subjective
POD {pod}. {denials}
# Objective
{neurological} Incision clean and dry.
# Assessment and Plan
Doing well after surgery of the {location_mark}. Continue \
⟦medication.agent=dexamethasone¦dexamethasone⟧ 4 mg every 6 hours. \
⟦medication.agent=levetiracetam¦Levetiracetam⟧ 500 mg twice daily.
""",
    """PROGRESS NOTE
# Interval History
No events overnight. POD {pod}.
# Exam
{neurological}
# Labs
| Test | Value |
| Sodium | {sodium} |
| Hemoglobin | {hemoglobin} |
# Plan
Mobilize. MRI today if not done. {conditional}
""",
    """DAILY PROGRESS NOTE - NEURO ICU
# Events
Extubated. Drain output minimal.
# Physical Exam
{neurological}
# Impression and Plan
POD {pod} after tumor surgery. Transfer to the floor. No evidence of infection.
""",
    """PROGRESS NOTE (BRIEF)
# Subjective
{denials}
# Assessment
POD {pod}. {neurological}
# Plan
Home tomorrow if steady on stairs.
""",
)

_CLINIC = (
    """NEURO-ONCOLOGY PROGRESS NOTE
# Interval History
{denials} {treatment_response}
# Current Medications
{medication_lines}
# Physical Exam
{performance} {neurological}
# Assessment and Plan
{disease_status}
{agent_action}
{conditional}
""",
    """PROGRESS NOTE
# Subjective
{denials}
# Family History
{family_history}
# Objective
{performance}
{neurological}
# Assessment
{short_capital}. {disease_status} {imaging_interpretation}
# Plan
{agent_action} MRI in {interval} weeks.
""",
    """ONCOLOGY CLINIC NOTE
# Oncologic History
Surgery on {surgery_date}. {diagnosis_words}.
# Interval History
{treatment_response} {denials}
# Exam
{neurological} {performance}
# Impression
{disease_status}
# Plan
{agent_action}
""",
    """FOLLOW-UP VISIT
# History of Present Illness
{age}-year-old {sex} with {short}, seen in follow-up. At diagnosis the tumor was thought to be unresectable; this \
proved wrong. {denials}
# Past Medical History
{history}
# Review of Systems
Negative except as above.
# Assessment and Plan
{imaging_interpretation} {disease_status}
{agent_action} {conditional}
""",
    """NEURO-ONCOLOGY CLINIC NOTE
# Performance Status
{performance}
# Neurological Exam
{neurological}
# Imaging
{imaging_interpretation}
# Impression and Plan
{disease_status} {treatment_response} {agent_action}
""",
    """OUTPATIENT PROGRESS NOTE
# Chief Complaint
Follow-up of brain tumor.
# Subjective
{denials} Sleeps poorly on steroids.
# Assessment and Plan
1. {short_capital}: {disease_status}
2. Treatment: {agent_action}
3. Seizure prevention: continue ⟦medication.agent=levetiracetam¦levetiracetam⟧, no seizures reported.
4. {conditional}
""",
    """VISIT SUMMARY - BRAIN TUMOR CENTER
# Data
| Item | Today |
| Karnofsky | {kps_cell} |
| Weight | {weight} kg |
| Platelets | {platelets} |
# Interval History
{denials}
# Discussion
{disease_status} {conditional}
# Treatment Plan
{agent_action}
""",
    """PROGRESS NOTE - TELEHEALTH
# History
{denials} Family is present on the call. {family_history}
# Assessment
{disease_status} {neurological}
# Plan
{agent_action} Labs weekly.
""",
)

_RADIATION_PLAN = (
    """RADIATION ONCOLOGY CONSULTATION
# History of Present Illness
{short_capital} of the {location_mark}, surgery on {surgery_date}.
# Assessment and Plan
We recommend adjuvant radiation: {radiation_dose}. {concurrent} Start planned for {radiation_start}.
Side effects were explained. {conditional}
""",
    """RADIATION SIMULATION AND PLANNING NOTE
# Procedure
CT simulation with a thermoplastic mask. Target: cavity and residual tumor, {location_mark}, with margin.
# Plan
Prescription: {radiation_dose}, {technique}. First fraction {radiation_start}. Prior radiation: none.
""",
)
_RADIATION_VISIT = (
    """RADIATION ON-TREATMENT VISIT
# Subjective
Fraction {fraction} of {fractions}. {denials}
# Assessment
Tolerating radiation as expected. {neurological} No treatment break.
""",
    """WEEKLY TREATMENT NOTE - RADIATION ONCOLOGY
# Dose to Date
{dose_to_date} Gy in {fraction} fractions (planned: {fractions}).
# Interval History
{denials} Mild alopecia.
# Plan
Continue as prescribed.
""",
)
_RADIATION_SUMMARY = (
    """RADIATION TREATMENT COMPLETION SUMMARY
# Diagnosis
{diagnosis_words}, {location_mark}.
# Treatment
{radiation_course}
# Tolerance
No grade 3 toxicity. One day was missed for a machine failure.
""",
    """END OF TREATMENT NOTE
# Summary
| Item | Value |
| Site | {location_mark} |
| Technique | {technique} |
| Dates | {radiation_start} to {radiation_end} |
# Course
{radiation_course} Had the plan been changed to 40 Gy in 15 fractions, it would have been noted here.
""",
    """RADIATION ONCOLOGY SUMMARY LETTER
# Course
Thank you for referring this {age}-year-old {sex}. {radiation_course} {concurrent}
# Follow-up
MRI four weeks after the end of treatment. {conditional}
""",
)

_MEDICATIONS = (
    """MEDICATION LIST
# Current Medications
{medication_lines}
# Allergies
No known drug allergies.
""",
    """ACTIVE OUTPATIENT MEDICATIONS
# Medications
| Drug | Dose | Route |
{medication_rows}
# Discontinued
ibuprofen (stopped before surgery)
""",
    """MEDICATION RECONCILIATION
# Home Medications
{medication_lines}
lisinopril 10 mg daily
# Allergies
Penicillin (rash).
# Comments
Patient never took warfarin. {conditional}
""",
    """CHEMOTHERAPY ORDER SUMMARY
# Treatment Plan
{agent_action}
# Current Meds
{medication_lines}
# Comments
Hold for platelets below 100 or neutrophils below 1.5.
""",
)

_NURSING = (
    """NURSING NOTE
# Assessment
Alert. Pain 2/10. Dressing dry. Family asked whether all of the tumor was removed; referred to the surgeon.
# Intervention
Turned every 2 hours. Fall precautions.
""",
    """NURSING SHIFT NOTE
# Events
Ate half of the meal, {sodium_words}. Walked in the corridor with one person.
""",
    """INFUSION NURSING NOTE
# Visit
Port accessed without difficulty. Platelets {platelets}. Infusion tolerated. Instructions were given.
""",
)
_TELEPHONE = (
    """TELEPHONE ENCOUNTER
# Reason for Call
Refill of ⟦medication.agent=levetiracetam¦levetiracetam⟧.
# Response
Prescription sent. Caller says the headaches are no worse.
""",
    """PATIENT MESSAGE
# Message
"I read my report and it says progression, is that right?" Answered: the doctor will discuss results at the visit.
""",
    """TELEPHONE NOTE - SCHEDULING
# Call
MRI moved by a week at the family's request. No clinical question.
""",
)
_NUTRITION = (
    """NUTRITION NOTE
# Assessment
Weight {weight} kg. Appetite increased on dexamethasone.
# Plan
High-protein diet. Follow up in one month.
""",
    """CLINICAL NUTRITION FOLLOW-UP
# Interval History
Nausea on days of chemotherapy. No weight loss.
# Recommendations
Small frequent meals.
""",
)

TEXTS = {
    "consult": _CONSULT,
    "progress_inpatient": _INPATIENT,
    "progress_clinic": _CLINIC,
    "radiation_plan": _RADIATION_PLAN,
    "radiation_visit": _RADIATION_VISIT,
    "radiation_summary": _RADIATION_SUMMARY,
    "medication_list": _MEDICATIONS,
    "nursing": _NURSING,
    "telephone": _TELEPHONE,
    "nutrition": _NUTRITION,
}
