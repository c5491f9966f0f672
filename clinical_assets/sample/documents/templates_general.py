"""Templates of notes about the hospital's other patients: discharge summaries, ward notes, chest X-ray reports."""

from __future__ import annotations

_DISCHARGE = (
    """DISCHARGE SUMMARY
# Chief Complaint
{complaint}
# History of Present Illness
{age}-year-old {sex} with a history of {conditions} who presented with {complaint_lower}.
# Past Medical History
{conditions_capital}.
# Family History
{family_history}
# Brief Hospital Course
Treated for {reason}. {icu_sentence} {outcome_sentence}
# Discharge Diagnosis
{reason_capital}
# Discharge Instructions
{instructions}
""",
    """DISCHARGE SUMMARY
# Service
{service}
# History of Present Illness
Presented with {complaint_lower}. Denies travel. {conditions_capital} in the past.
# Pertinent Results
Creatinine and white cell count were followed daily, see laboratory.
# Hospital Course
The course was that of {reason}. {icu_sentence} {outcome_sentence}
# Discharge Disposition
{disposition}
""",
    """HOSPITAL SUMMARY
# Reason for Admission
{reason_capital}.
# Social History
Lives with family. Former smoker.
# Course
{icu_sentence} Antibiotics and fluids as needed. No evidence of pulmonary embolism. {outcome_sentence}
# Final Diagnoses
| Number | Diagnosis |
| 1 | {reason_capital} |
| 2 | {first_condition} |
""",
    """DISCHARGE NOTE
# Admission Diagnosis
{reason_capital}, suspected.
# Brief Hospital Course
{outcome_sentence} {icu_sentence} Code status was confirmed.
# Medications on Discharge
See medication list; no new anticoagulant.
# Followup Instructions
{instructions}
""",
)
_PROGRESS = (
    """PROGRESS NOTE
# Subjective
Feels better than yesterday. Denies chest pain.
# Objective
Vital signs reviewed. Lungs clear at the apices.
# Assessment and Plan
{reason_capital}, day {day}. {icu_sentence} Continue present treatment.
""",
    """MEDICINE PROGRESS NOTE
# Interval History
Hospital day {day} for {reason}. No fever overnight.
# Exam
Comfortable, no distress.
# Plan
Physical therapy. {instructions}
""",
    """WARD ROUND NOTE
# Problems
| Problem | State |
| {reason_capital} | improving |
| {first_condition} | stable |
# Plan
Discharge planning on day {day}.
""",
)
_CHEST = (
    """CHEST (PORTABLE AP)
# Indication
{indication}
# Findings
{chest_findings}
# Impression
{chest_impression}
""",
    """CHEST RADIOGRAPH
# Reason for Exam
{indication}
# Comparison
{comparison}
# Findings
{chest_findings}
# Impression
{chest_impression}
""",
    """CHEST X-RAY REPORT
# Clinical History
{indication}
# Impression
{chest_impression} {chest_findings}
""",
    """CHEST (PA AND LAT)
# History
{indication}
# Findings
The study is of good quality. {chest_findings}
# Conclusion
{chest_impression}
""",
)

TEXTS = {"discharge_general": _DISCHARGE, "progress_general": _PROGRESS, "chest_xray": _CHEST}
