"""Templates of what fills a long record between visits: calls, messages, refills, appointments, letters, forms, shots.

Nothing here states a fact of an abstraction schema unless a slot says so; `{aside}` is a sentence that tempts to find
one, or nothing.
"""

from __future__ import annotations

_REFILL = (
    """REFILL REQUEST
# Medication
{home_drug}
# Request
Pharmacy asks for {count} days with {refills} refills. Last filled {past_date}.
# Outcome
Sent to the pharmacy on file. {aside}
""",
    """MEDICATION RENEWAL
# Request
Patient calls for {home_drug}. Takes it as directed, no side effects. {aside}
# Decision
Renewed, {refills} refills. Blood pressure check at the next visit.
""",
    """PHARMACY REFILL AUTHORIZATION
# Details
| Item | Entry |
| Drug | {home_drug} |
| Quantity | {count} |
| Refills | {refills} |
# Comment
Requested too early; patient travels next week. {aside}
""",
)
_PORTAL = (
    """PATIENT PORTAL MESSAGE
# Message
"{question} Thank you." {aside}
# Reply
{answer}
""",
    """MYCHART MESSAGE
# From Patient
"Sorry to bother you again. {question}"
# From Clinic
{answer} {aside}
""",
    """PORTAL MESSAGE THREAD
# Thread
Patient: "{question}"
Nurse: {answer}
Patient: "Good, see you then." {aside}
# Status
Closed.
""",
)
_TRIAGE = (
    """TELEPHONE ENCOUNTER
# Caller
Spouse.
# Reason for Call
{complaint} since {days} days. {denials_short}
# Advice
{advice} {aside}
""",
    """NURSE TRIAGE CALL
# Symptom
{complaint}.
# Assessment
Protocol followed. Temperature at home {temperature} F. {aside}
# Disposition
{advice}
""",
    """TELEPHONE NOTE
# Call
Called back about {complaint_lower}. Left a message, second attempt tomorrow. {aside}
""",
)
_SCHEDULING = (
    """SCHEDULING NOTE
# Appointment
{clinic} visit moved to {future_date} at the patient's request.
# Comment
Parking and check-in were explained. {aside}
""",
    """APPOINTMENT REMINDER
# Details
| Item | Entry |
| Clinic | {clinic} |
| Date | {future_date} |
| Arrive | 15 minutes early |
# Note
Bring a list of medicines. {aside}
""",
    """NO SHOW
# Visit
Did not come to {clinic}. Letter sent, first missed visit this year. {aside}
""",
    """TRANSPORT AND LODGING REQUEST
# Request
Needs a ride on {future_date}, {clinic}. Two-hour drive. {aside}
""",
)
_LETTER = (
    """LETTER TO INSURANCE
# Re
Prior authorization of {service}.
# Letter
We ask for approval of {service} for this {age}-year-old {sex}. Denial would delay care. {aside}
""",
    """DISABILITY FORM LETTER
# Statement
The patient may return to light work on {future_date}, at most four hours a day, no driving of heavy machinery.
# Remarks
{aside}
Form returned by fax.
""",
    """OUTSIDE RECORDS RECEIVED
# Contents
{pages} pages by fax from a community hospital, scanned into the chart, not reviewed by a physician. {aside}
""",
)
_INSTRUCTIONS = (
    """AFTER VISIT SUMMARY
# What to Do
Drink enough. Call for fever above 100.4 F, new weakness or a seizure. {aside}
# Your Next Visits
{clinic}, {future_date}
""",
    """PATIENT INSTRUCTIONS
# Instructions
{advice} Wash hands often. Ask before taking herbal products.
# General Information
{general_advice} This sheet is the same for everyone.
""",
    """EDUCATION RECORD
# Topic
{topic}
# Method
Handout and teach-back, understood. Interpreter not needed. {aside}
""",
)
_VACCINATION = (
    """IMMUNIZATION NOTE
# Vaccine
{vaccine}, 0.5 mL, {arm} deltoid, lot {lot}.
# Screening
No fever. No allergy to eggs. {aside}
# Observation
15 minutes, no reaction.
""",
    """VACCINE ADMINISTRATION RECORD
# Record
| Vaccine | Site | Lot |
| {vaccine} | {arm} deltoid | {lot} |
# Comment
Live vaccines are to be avoided while on steroids. {aside}
""",
    """FLU CLINIC VISIT
# Visit
{vaccine} given. Patient feels well today and declined the other shot. {aside}
""",
)
_CONSENT = (
    """CONSENT FORM
# Procedure
{service}
# Risks
Bleeding, infection, reaction to contrast, incomplete result and need for another procedure were explained.
# Signature
Patient signed; witness present. {aside}
""",
    """CONSENT FOR RELEASE OF INFORMATION
# Release To
{clinic}
# Scope
All notes of the past two years. Valid until {future_date}. {aside}
""",
)
_LABORATORY = (
    """LABORATORY REPORT
# Results
| Test | Value | Range |
| Sodium | {sodium} | 135-145 |
| Hemoglobin | {hemoglobin} | 12.0-16.0 |
| Platelets | {platelets} | 150-400 |
# Comment
Specimen slightly hemolyzed.
""",
    """CUMULATIVE LABORATORY SUMMARY
# Chemistry
| Day | Sodium | Creatinine |
| {past_date} | {sodium} | 0.9 |
# Hematology
Hemoglobin {hemoglobin}, platelets {platelets}. No blasts seen on the smear. {aside}
""",
    """OUTSIDE LABORATORY RESULT
# Result
TSH within the reference range. Vitamin D low. Tumor markers: not ordered. {aside}
""",
)

TEXTS = {
    "refill_request": _REFILL,
    "portal_message": _PORTAL,
    "telephone_triage": _TRIAGE,
    "scheduling": _SCHEDULING,
    "letter": _LETTER,
    "instructions": _INSTRUCTIONS,
    "vaccination": _VACCINATION,
    "consent": _CONSENT,
    "laboratory_report": _LABORATORY,
}
