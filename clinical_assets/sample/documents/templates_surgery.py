"""Templates of what surgery leaves behind: operative reports, pathology reports, discharge summaries."""

from __future__ import annotations

_OPERATIVE = (
    """OPERATIVE REPORT
# Preoperative Diagnosis
Brain mass, {location_mark}.
# Postoperative Diagnosis
Same, pending final pathology.
# Procedure
{procedure}
# Anesthesia
General endotracheal.
# Procedure in Detail
After informed consent the patient was brought to the operating room, and the head was fixed in pins. \
Navigation was registered to the preoperative MRI.
The dura was opened and the tumor was identified. It was {texture}. {operative_extent}
Hemostasis was obtained. The wound was closed in layers.
# Estimated Blood Loss
{blood_loss} mL
# Complications
{complications}
""",
    """OPERATIVE NOTE
# Indications
{age}-year-old {sex} with {deficit} and a mass of {size} cm of the {location_mark}. \
Alternatives, including observation and biopsy alone, were discussed.
# Operation Performed
{procedure}
# Operative Findings
{texture_capital} tumor with a plane in places. {operative_extent}
# Specimens
1. Brain tumor for frozen and permanent section.
# Complications
{complications}
# Condition
Extubated and following commands. EBL {blood_loss} mL.
""",
    """BRIEF OPERATIVE NOTE
# Procedure
{procedure}
# Findings
Lesion of the {location_mark}. {operative_extent}
# Complications
{complications}
# Disposition
To the neurosurgical intensive care unit in stable condition.
""",
    """REPORT OF OPERATION
# Preop Diagnosis
Tumor of the {location_mark}, suspected {short_generic}.
# Postop Diagnosis
As above.
# Description of Procedure
The patient was positioned and prepped in the usual sterile fashion. {procedure}
Before surgery we had told the family that complete removal might not be possible. {operative_extent}
Cortical mapping was used throughout. {estimated_percent}
# Complications
{complications}
""",
    """Operative Report - Neurosurgery
# Indications for Surgery
MRI showed a lesion in the {location_mark}. {family_history}
# Procedures Performed
{procedure}
# Findings at Surgery
The tumor was {texture} and bled {bleeding}. Frozen section: lesional tissue.
{operative_extent}
{estimated_percent}
# Summary
| Item | Value |
| Blood loss | {blood_loss} mL |
| Complications | {complications} |
| Specimens | Tumor, dura |
""",
    """OPERATIVE REPORT
# Preoperative Diagnosis
{location_capital} tumor.
# Procedure
{procedure}
# Surgeon Statement
{operative_extent} Navigation, ultrasound and 5-ALA were available and used.
# Estimated Percent Resected
{estimated_percent}
# Complications
{complications}
# Plan
MRI within 72 hours. If residual tumor is seen, re-resection would be discussed at tumor board.
""",
    """PROCEDURE NOTE: CRANIAL SURGERY
# History
Prior history: {history} The present illness began with {deficit}.
# Procedure Description
{procedure} The lesion of the {location_mark} was reached through the planned corridor.
A gross total resection had been the goal. The result: {operative_extent_lower}
# Blood Loss
{blood_loss} mL
# Complications
{complications}
""",
    """OPERATIVE DICTATION
# Operation
{procedure}
# Details of Procedure
Time out was performed. Skin incision, craniotomy and durotomy as planned. \
Tumor tissue, {texture}, was met at a depth of 1.5 cm in the {location_mark}.
{operative_extent}
No drain was left. Counts were correct twice.
# Complications
{complications}
""",
)

_PATHOLOGY = (
    """SURGICAL PATHOLOGY REPORT
# Clinical Information
{age}-year-old {sex}, mass of the {location_mark}.
# Gross Description
Received in formalin: several fragments of gray-tan tissue, {gross} cm in aggregate.
# Microscopic Description
{microscopy}
# Final Diagnosis
Brain, {location_mark}, {specimen}: {diagnosis_mark}.
# Molecular Studies
| Marker | Result |
{marker_rows}
""",
    """PATHOLOGY REPORT
# Final Diagnosis
{diagnosis_mark}.
# Comment
{marker_sentences}
The findings exclude metastatic carcinoma.
# Specimen
Brain, {location_mark}, {specimen}.
""",
    """NEUROPATHOLOGY CONSULTATION
# Diagnosis
Integrated diagnosis: {diagnosis_mark}
# Microscopic Examination
{microscopy} No necrosis was seen in the frozen section; permanent sections are described here.
# Immunohistochemistry
{marker_sentences}
# Gross Examination
Fragments of soft tissue, {gross} cm.
""",
    """SURGICAL PATHOLOGY - FINAL
# Specimen
{specimen_capital}, {location_mark}
# Diagnosis
{diagnosis_mark}. Margins cannot be assessed in fragmented material.
# Ancillary Studies
| Test | Finding |
{marker_rows}
# Comment
Frozen section had been reported as "lesional tissue, glial versus other".
""",
    """PATHOLOGY ADDENDUM REPORT
# Addendum
Molecular results have become available and are integrated with morphology: {diagnosis_mark}.
{marker_sentences}
# Comment
This addendum replaces the preliminary wording "tumor, classification pending".
""",
    """DEPARTMENT OF PATHOLOGY
# Clinical History
{history} Now {deficit}.
# Macroscopic Description
{gross} cm of tissue, entirely submitted.
# Microscopic Findings
{microscopy}
# Pathologic Diagnosis
{diagnosis_mark}.
# Markers
{marker_sentences}
""",
    """TISSUE DIAGNOSIS REPORT
# Diagnosis
Tissue from the {location_mark} ({specimen}): {diagnosis_mark}.
# Results
| Study | Result |
{marker_rows}
# Opinion
{microscopy}
""",
)

_DISCHARGE = (
    """DISCHARGE SUMMARY
# Admission Diagnosis
Brain mass.
# Discharge Diagnosis
{discharge_diagnosis}
# Hospital Course
The patient underwent {procedure_lower} on {surgery_date}. {operative_extent} {course_event}
Postoperative MRI: {imaging_extent}
# Discharge Medications
{medication_lines}
# Followup Instructions
Clinic in two weeks with pathology results. Call for fever, drainage or seizures.
""",
    """DISCHARGE SUMMARY
# History of Present Illness
{age}-year-old {sex} who presented with {deficit}.
# Past Medical History
{history}
# Family History
{family_history}
# Brief Hospital Course
{procedure} {operative_extent} ⟦medication.agent=dexamethasone¦Dexamethasone⟧ was tapered. {course_event}
# Discharge Condition
Alert, oriented, walking independently.
# Discharge Diagnosis
{discharge_diagnosis}
# Discharge Medications
| Drug | Instructions |
| ⟦medication.agent=levetiracetam¦levetiracetam⟧ | 500 mg twice daily |
| ⟦medication.agent=dexamethasone¦dexamethasone⟧ | taper over 2 weeks |
""",
    """HOSPITAL DISCHARGE NOTE
# Reason for Admission
Elective tumor surgery, {location_mark}.
# Course
Surgery took place on {surgery_date}. {imaging_extent} {course_event}
# Disposition
{disposition}
# Final Diagnoses
{discharge_diagnosis}
# Plan
{conditional}
""",
    """NEUROSURGERY DISCHARGE SUMMARY
# Procedures
{procedure}
# Hospital Course
{operative_extent} {course_event} No seizures were observed.
# Discharge Exam
{neurological}
# Discharge Meds
{medication_lines}
# Disposition
{disposition}
""",
    """DISCHARGE SUMMARY (TRANSCRIBED)
# Hospital Course
Uneventful night in intensive care, then the ward. {course_event} Early MRI: {imaging_extent}
Pathology was pending on the day of discharge.
# Instructions
No driving. Keep the wound dry for 5 days. {conditional}
# Discharge Diagnosis
{discharge_diagnosis}
""",
)

TEXTS = {"operative": _OPERATIVE, "pathology": _PATHOLOGY, "discharge": _DISCHARGE}
