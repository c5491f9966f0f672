"""Templates of other clinics and of allied care, and of progress notes that copy an earlier one.

They use oncology's words for other things: a lesion that is stable, a therapy that shows response (`asides.IN_PLACE`).
`{aside}` is a sentence that tempts, or nothing; `{copied...}` is an earlier note's own text.
"""

from __future__ import annotations

_PHYSICAL = (
    """PHYSICAL THERAPY TREATMENT NOTE
# Subjective
{feels} {aside}
# Treatment
{exercise}, {minutes} minutes. Gait belt used.
# Assessment
{walks_better} Balance has improved compared with the first session.
# Plan
Twice weekly, {visits_left} visits left.
""",
    """PT PROGRESS NOTE
# Objective
| Measure | Today | Before |
| Timed up and go | {seconds} s | {seconds_before} s |
| Gait speed | 0.9 m/s | 0.8 m/s |
# Assessment
{endurance} {aside}
""",
    """PHYSICAL THERAPY RE-EVALUATION
# History
{age}-year-old {sex}, therapy session {session}. {aside}
# Goals
Stairs with one rail: met. Floor to stand: not met, continue.
""",
)
_OCCUPATIONAL = (
    """OCCUPATIONAL THERAPY NOTE
# Session
{exercise}. Needs setup for dressing. {aside}
# Plan
Adaptive cutlery ordered.
""",
    """OT DRIVING EVALUATION
# Findings
Reaction time slightly slow, visual fields full to confrontation. {aside}
# Recommendation
No driving for six months after the last seizure; repeat then.
""",
)
_SPEECH = (
    """SPEECH THERAPY NOTE
# Session
Naming 48 of 60 pictures, before 44. {feels}
# Assessment
Mild anomia, improving. {aside}
""",
    """SPEECH-LANGUAGE PATHOLOGY TREATMENT NOTE
# Swallowing
Regular diet, thin liquids, no aspiration seen.
# Plan
Home program, {minutes} minutes daily. {aside}
""",
)
_DIETITIAN = (
    """DIETITIAN NOTE
# Assessment
Weight {weight} kg, stable over {days} days. Eats {meals} meals. {aside}
# Plan
Protein with each meal; recheck in four weeks.
""",
    """CLINICAL NUTRITION CONSULT
# Reason
Weight gain on steroids.
# Recommendations
Fewer sweet drinks. Asked about a sugar-free diet to starve the tumor: no evidence for it. {aside}
""",
)
_SOCIAL = (
    """SOCIAL WORK NOTE
# Contact
Met with the patient and family. {feels} {aside}
# Plan
Application for paid leave; support group dates given.
""",
    """CARE COORDINATION NOTE
# Case Management
Home health starts {future_date}. Equipment: shower chair. {aside}
""",
)
_NURSING_VISIT = (
    """NURSING NOTE - INFUSION CENTER
# Visit
Vitals stable. Port flushed. {feels} {aside}
# Teaching
Mouth care reviewed.
""",
    """HOME HEALTH NURSING VISIT
# Assessment
Pill box filled for a week. Lungs clear. Skin intact. {aside}
# Plan
Next visit in {days} days.
""",
    """NURSING TELEPHONE FOLLOW-UP
# Call
Day-after call. {denials_short} Eats and sleeps as usual. {aside}
""",
)
_EYE = (
    """OPHTHALMOLOGY PROGRESS NOTE
# Exam
Visual acuity {acuity} right, {acuity_left} left. Pressure {pressure} mm Hg both eyes.
{choroidal_nevus}
# Assessment
Dry eyes. Nevus without suspicious features. {aside}
# Plan
Artificial tears. Return in a year.
""",
    """EYE CLINIC NOTE
# History
Blurred vision when reading. {aside}
# Impression
{cataract} No papilledema.
# Plan
New glasses; surgery when it disturbs.
""",
    """VISUAL FIELD REPORT
# Result
{eye_capital} eye: mean deviation -2.1 dB, reliable. Unchanged from the prior field.
# Interpretation
No field defect. {aside}
""",
)
_SKIN = (
    """DERMATOLOGY PROGRESS NOTE
# History
Full skin check. {aside}
# Exam
{skin_site_capital}: brown lesion of {lesion} cm, {keratosis_grows}.
# Assessment and Plan
Seborrheic keratosis, benign. Sunscreen. Return in one year.
""",
    """DERMATOLOGY PROCEDURE VISIT
# Procedure
Shave biopsy of a {lesion} cm lesion of the {skin_site}. No complications.
# Plan
Await the result; wound care explained. {aside}
""",
    """DERMATOLOGY FOLLOW-UP
# Assessment
Rash of the {skin_site} has responded to the cream, {rash_cleared} {aside}
""",
)
_SKIN_PATHOLOGY = (
    """SURGICAL PATHOLOGY REPORT
# Specimen
Skin, {skin_site}, shave.
# Final Diagnosis
{keratosis_removed}
# Gross Description
Tan skin, {lesion} cm.
""",
    """DERMATOPATHOLOGY REPORT
# Final Diagnosis
Compound melanocytic nevus, {skin_site}; no melanoma. {skin_nevus_removed}
# Comment
Ki-67 was not done. {aside}
""",
)
_PRIMARY = (
    """PRIMARY CARE PROGRESS NOTE
# Interval History
Annual visit. {feels} {denials_short}
# Problem List
| Problem | State |
| Hypertension | controlled |
| Knee pain | stable |
# Family History
{family_history}
# Plan
Colon screening offered. {aside}
""",
    """INTERNAL MEDICINE OFFICE VISIT
# Subjective
{complaint} for {days} days. {aside}
# Assessment and Plan
Viral illness, improving. {home_drug} continued.
""",
    """WELLNESS VISIT
# Review
Sleep fair. Two falls last year. {aside}
# Plan
Bone density test. Advance directive on file.
""",
)
_HEART = (
    """CARDIOLOGY CONSULT NOTE
# Reason for Consultation
Palpitations.
# Impression
Benign extrasystoles. Echocardiogram normal, no mass, no thrombus. {aside}
# Recommendations
No new treatment.
""",
    """CARDIOLOGY PROGRESS NOTE
# Interval History
{feels} Blood pressure {pressure_high} at home.
# Plan
{home_drug} unchanged. {aside}
""",
)
_DENTAL = (
    """DENTAL NOTE
# Exam
Caries of one molar; fibroma of the cheek, 0.4 cm, unchanged for years.
# Treatment
Filling, local anesthesia. {aside}
""",
    """DENTAL CLEARANCE
# Opinion
No focus of infection. Fit for treatment. {aside}
""",
)
_PHARMACIST = (
    """PHARMACY NOTE - ANTICOAGULATION CLINIC
# Data
INR {inr}. Dose unchanged. {aside}
""",
    """PHARMACIST MEDICATION REVIEW
# Review
{home_drug}: keep. No interaction found. {pharmacist_asks}
""",
)
_KNEE = (
    """X-RAY KNEE, 3 VIEWS
# Indication
Knee pain. {aside}
# Findings
Moderate medial joint space narrowing, {joint_space}. No fracture. No bone lesion.
# Impression
Degenerative change without progression.
""",
    """RADIOGRAPHS OF THE KNEE
# Clinical History
Fall. {history}
# Impression
No acute fracture. {knee_effusion}
""",
)
_ABDOMEN = (
    """ULTRASOUND ABDOMEN
# Indication
Raised liver enzymes. {aside}
# Findings
Hepatic hemangioma, {nevus} cm, unchanged. Simple renal cyst. No ascites.
# Impression
{liver_clear}
""",
    """US ABDOMEN LIMITED
# Clinical History
Right upper quadrant pain, rule out stones.
# Findings
Gallstones. Common duct normal. {gallbladder_polyp}
# Impression
Cholelithiasis; polyp, follow-up in a year.
""",
)
_COPIED = (
    """NEURO-ONCOLOGY PROGRESS NOTE
# History of Present Illness
{age}-year-old {sex} with {short}. {copied_status} {copied_imaging}
# Interval History
{denials} Seen for counts before the next cycle.
# Physical Exam
{copied_performance} {copied_neurological}
# Assessment and Plan
Counts reviewed: platelets {platelets}. No change. {aside}
""",
    """ONCOLOGY TREATMENT VISIT
# Oncologic History
Text carried over from the note of {copied_date}: {copied_imaging} {copied_status} {copied_performance}
# Today
{denials} Tolerates treatment.
# Current Medications
{running_medications}
# Plan
Continue. Next visit as scheduled. {aside}
""",
    """NEURO-ONCOLOGY PROGRESS NOTE (BRIEF)
# Subjective
{denials} {aside}
# Assessment
{copied_status}
{copied_neurological}
# Plan
{copied_plan}
Labs in a week.
""",
    """PROGRESS NOTE - RESEARCH VISIT
# Eligibility Review
From the chart: {copied_performance} {copied_imaging} {copied_status}
# Visit
Questionnaires completed. {denials}
# Plan
Not enrolled today.
""",
)

TEXTS = {
    "physical_therapy": _PHYSICAL,
    "occupational_therapy": _OCCUPATIONAL,
    "speech_therapy": _SPEECH,
    "dietitian": _DIETITIAN,
    "social_work": _SOCIAL,
    "nursing_visit": _NURSING_VISIT,
    "eye_clinic": _EYE,
    "dermatology": _SKIN,
    "skin_pathology": _SKIN_PATHOLOGY,
    "primary_care": _PRIMARY,
    "cardiology": _HEART,
    "dental": _DENTAL,
    "pharmacist": _PHARMACIST,
    "knee_xray": _KNEE,
    "abdomen_ultrasound": _ABDOMEN,
    "copied_progress": _COPIED,
}
