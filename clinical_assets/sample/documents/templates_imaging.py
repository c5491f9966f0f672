"""Templates of imaging reports of the brain: before surgery, within days after it, and in surveillance."""

from __future__ import annotations

_TECHNIQUE = "Multiplanar multisequence MRI of the brain before and after intravenous gadolinium."

_PREOPERATIVE = (
    f"""MRI BRAIN WITH AND WITHOUT CONTRAST
# Indication
{{imaging_type}}
# Technique
{_TECHNIQUE}
# Comparison
None.
# Findings
{{location_sentence}} {{enhancement}} {{incidental}}
# Impression
1. Mass of the {{location_mark}}, most consistent with {{short_generic}}; metastasis is considered less likely.
2. No midline shift.
""",
    """MR BRAIN W/WO CONTRAST
# Clinical History
{imaging_type} {history}
# Findings
{location_sentence}
{enhancement}
{incidental}
# Impression
{location_capital} mass as above. Abscess cannot be excluded on imaging alone but is unlikely.
""",
    f"""RADIOLOGY REPORT: MRI HEAD
# Reason for Exam
{{imaging_type}}
# Procedure Comments
{_TECHNIQUE} Navigation sequences were obtained.
# Study Findings
{{enhancement}} {{location_sentence}} Mass effect on the adjacent ventricle.
{{incidental}}
# Conclusion
Tumor, {{size}} cm. No second lesion.
""",
    """MRI BRAIN, TUMOR PROTOCOL
# Indication
{imaging_type}
# Findings
| Feature | Description |
| Mass effect | mild |
| Edema | moderate |
{location_sentence}
{enhancement}
# Impression
Intracranial neoplasm. {incidental}
""",
)

_POSTOPERATIVE = (
    f"""MRI BRAIN WITH AND WITHOUT CONTRAST
# Indication
{{imaging_type}}
# Technique
{_TECHNIQUE}
# Comparison
Preoperative MRI of {{prior_date}}.
# Findings
Interval craniotomy. Expected postoperative air and blood products in the cavity. {{imaging_extent}}
{{incidental}}
# Impression
Postoperative changes of the {{location_mark}}. No new infarct.
""",
    """POSTOPERATIVE MRI BRAIN
# Clinical History
{imaging_type}
# Findings
{imaging_extent} Small extra-axial collection without mass effect.
# Impression
1. Status post surgery of the {location_mark} as described.
2. {incidental}
""",
    """MR BRAIN W/WO CONTRAST
# Reason for Study
{imaging_type}
# Comparison
{prior_date}
# Findings
Thin restricted diffusion along the cavity, expected. T1 shortening from blood products was subtracted.
# Impression
{imaging_extent} The surgeon's impression is not available to the radiologist.
""",
    """INTERPRETATION OF EARLY POSTOPERATIVE MRI
# Indication
{imaging_type}
# Findings
Craniotomy flap in place. {incidental} {imaging_extent}
# Opinion
As above; follow-up in three months is suggested.
""",
)

_SURVEILLANCE = (
    f"""MRI BRAIN WITH AND WITHOUT CONTRAST
# Indication
{{imaging_type}}
# Technique
{_TECHNIQUE}
# Comparison
MRI of {{prior_date}}.
# Findings
{{tumor_status}} {{enhancement}}
{{incidental}}
# Impression
Treated tumor of the {{location_mark}}, see findings.
""",
    """MR BRAIN W/WO CONTRAST
# Clinical History
{imaging_type} History of surgery and radiation.
# Comparison
{prior_date}
# Findings
Postsurgical changes. {incidental}
# Impression
{tumor_status}
""",
    """MRI BRAIN FOLLOW-UP
# Reason for Exam
{imaging_type}
# Findings
The resection cavity of the {location_mark} is again seen. {enhancement}
No hydrocephalus. No evidence of acute hemorrhage.
# Impression
1. {tumor_status}
2. {incidental}
""",
    """RADIOLOGY REPORT
# Indication
{imaging_type}
# Findings
Compared with {prior_date}: {tumor_status} Perfusion is noncontributory.
On the study before that one the radiologist had described possible progression, which was not confirmed.
# Conclusion
See above. {incidental}
""",
    """MRI BRAIN, TUMOR PROTOCOL
# Indication
{imaging_type}
# Comparison
Outside study of {prior_date}.
# Findings
| Region | Finding |
| Ventricles | normal |
| Posterior fossa | normal |
{tumor_status}
# Impression
Recommend continued surveillance. {incidental}
""",
    """MR HEAD
# History
{imaging_type}
# Findings
{incidental} {tumor_status}
{enhancement}
# Impression
No new lesion outside the treated area unless stated above.
""",
    """BRAIN TUMOR IMAGING REPORT
# Clinical Information
{imaging_type}
# Comparison Study
{prior_date}
# Study Findings
FLAIR signal around the cavity. {tumor_status}
# Opinion
Correlate clinically. {incidental}
""",
    """MRI BRAIN W CONTRAST
# Indication
{imaging_type}
# Findings
No leptomeningeal enhancement. {enhancement} {incidental}
# Impression
{tumor_status} Discussed with the ordering team.
""",
)

_CT = (
    """CT HEAD WITHOUT CONTRAST
# Indication
{deficit_capital}. Rule out hemorrhage.
# Findings
Hypodense area in the {location_mark} with mass effect. No acute hemorrhage. {incidental}
# Impression
Possible mass of the {location_mark}; MRI with contrast is recommended.
""",
    """CT HEAD
# Reason for Exam
Fall from standing, headache.
# Findings
No intracranial hemorrhage. Postsurgical changes cannot be excluded on this study. {incidental}
# Impression
No acute abnormality.
""",
)

TEXTS = {
    "mri_preoperative": _PREOPERATIVE,
    "mri_postoperative": _POSTOPERATIVE,
    "mri_surveillance": _SURVEILLANCE,
    "ct_head": _CT,
}
