"""How clinicians say things: for every fact of an abstraction, several wordings of each value.

The passage that is the evidence stands in `«»` (all of the phrase where there are none); `{}` names are filled by the
story. Negation, doubt and history are part of the wordings: "no evidence of residual tumour" is a finding, "cannot
exclude" is not one. Values are those of the abstraction schemas.
"""

from __future__ import annotations

from collections.abc import Mapping

Phrases = Mapping[str, tuple[str, ...]]

OPERATIVE_EXTENT: Phrases = {
    "Gross Total Resection": (
        "«A gross total resection was achieved» under the microscope.",
        "At the end of the procedure «no visible tumor remained»; the cavity walls looked like normal white matter.",
        "«The tumor was removed in its entirety», confirmed with intraoperative ultrasound.",
        "«GTR was accomplished», with clean margins on all sides by inspection.",
        "Inspection of the cavity showed «complete macroscopic removal of the lesion».",
    ),
    "Near Total Resection": (
        "«A near total resection was performed»; a thin rim was left {reason_clause}.",
        "«More than 95% of the tumor was removed», a small remnant being left {reason_clause}.",
        "«Near-total removal (NTR)» was the result; the remnant was left {reason_clause}.",
    ),
    "Partial Resection": (
        "«A partial resection was carried out»; residual tumor was left in place {reason_clause}.",
        "«Debulking only»: roughly {percent}% of the mass was taken, the rest was left {reason_clause}.",
        "We stopped after «subtotal debulking of approximately {percent}% of the tumor» {reason_clause}.",
    ),
    "Biopsy Only": (
        "«Stereotactic biopsy only was performed; no resection was attempted» {reason_clause}.",
        "«Multiple core biopsies were taken» and no further tumor was removed {reason_clause}.",
    ),
}

REASON_CLAUSES = (
    "because of {eloquent}",
    "owing to {eloquent}",
    "as motor evoked potentials dropped with {eloquent}",
)

IMAGING_EXTENT: Phrases = {
    "GTR": (
        "«No residual enhancing tumor is identified», consistent with gross total resection.",
        "«Complete resection of the previously seen mass» without nodular enhancement along the cavity.",
        "Linear enhancement along the margin is postsurgical. «There is no residual mass.»",
    ),
    "STR": (
        "«Small nodular residual enhancement measuring {residual} cm» along the posterior margin: subtotal resection.",
        "«Residual tumor of {residual} cm persists at the deep margin of the cavity» (subtotal resection).",
    ),
    "Partial": (
        "«Large residual tumor measuring {residual} cm» remains after partial resection.",
        "Status post debulking: «a considerable part of the mass, {residual} cm, is still present».",
    ),
    "Biopsy": (
        "Burr hole and small biopsy tract; «the mass itself is unchanged after biopsy», {size} cm.",
        "Expected changes after needle biopsy. «No part of the lesion has been resected.»",
    ),
    "Unknown": (
        "«Extent of resection cannot be assessed» because of blood products and motion.",
        "Blood products obscure the margins; «residual tumor can neither be confirmed nor excluded».",
    ),
}

IMAGING_TYPE: Phrases = {
    "pre_operative": (
        "«New diagnosis of a brain mass, surgical planning.»",
        "«Preoperative study for navigation.»",
        "{deficit_capital}, «evaluate for mass before surgery».",
    ),
    "post_operative": (
        "«Status post craniotomy yesterday, evaluate extent of resection.»",
        "«Immediate postoperative study» after tumor surgery on {surgery_date}.",
        "«Early postoperative follow-up, POD {pod}.»",
    ),
    "surveillance": (
        "«Surveillance of known {short}.»",
        "«Routine follow-up», {short}, surgery on {surgery_date}.",
        "{short_capital} on treatment, «restaging».",
        "«Interval follow-up of treated brain tumor.»",
    ),
}

TUMOR_STATUS: Phrases = {
    "NED": (
        "«No evidence of residual or recurrent tumor.»",
        "Stable resection cavity «without new or nodular enhancement».",
        "«There is no recurrent mass»; FLAIR signal along the cavity is unchanged and likely gliosis.",
    ),
    "Stable": (
        "«The residual lesion is unchanged», {size} cm (previously {prior} cm).",
        "«No significant interval change» in the {location} lesion, now {size} cm compared with {prior} cm.",
        "«Stable disease»: the lesion measures {size} cm, prior {prior} cm, within measurement error.",
    ),
    "Increased": (
        "«The enhancing lesion has enlarged to {size} cm», from {prior} cm, concerning for progression.",
        "«Interval growth»: {size} cm now, {prior} cm before, with more surrounding edema.",
        "«Increase in size of the {location} mass» ({size} cm; was {prior} cm).",
    ),
    "Decreased": (
        "«The lesion has decreased in size», now {size} cm, previously {prior} cm.",
        "«Partial response»: {size} cm compared with {prior} cm on the prior study.",
        "«Interval reduction of the enhancing component» to {size} cm (prior {prior} cm).",
    ),
    "New_Malignancy": (
        "«A new enhancing lesion of {size} cm remote from the treated site» was not present before.",
        "«New separate focus of tumor», {size} cm, away from the resection cavity.",
    ),
}
REGROWTH = (
    "«New nodular enhancement of {size} cm along the resection cavity», not present before, suspicious for recurrence.",
    "«A new enhancing nodule, {size} cm, at the margin of the cavity» is consistent with recurrent tumor.",
)
DOUBTFUL_INCREASE = (
    "«Enhancement has increased to {size} cm» from {prior} cm; pseudoprogression cannot be excluded.",
    "«Interval enlargement», {size} cm from {prior} cm. Differential: radiation necrosis versus true progression.",
)

ENHANCEMENT = (
    "After contrast there is «{enhancing}».",
    "Postcontrast images show «{enhancing}».",
    "Contrast behavior: «{enhancing}».",
)

DISEASE_STATUS: Phrases = {
    "NED": (
        "«No evidence of disease» on examination and imaging.",
        "Remains «free of tumor» clinically and radiographically.",
        "«NED» after resection of {short}.",
    ),
    "Stable": (
        "«Clinically and radiographically stable disease.»",
        "{short_capital}, «stable on current management».",
        "Overall picture is one of «stability»; no sign of growth.",
    ),
    "Progressive": (
        "«Progressive disease» on MRI together with clinical worsening.",
        "Findings are «consistent with progression of the residual tumor».",
        "Unfortunately «the tumor has progressed» despite treatment.",
    ),
    "Responding": (
        "«Responding to therapy»: the lesion is smaller and symptoms are fewer.",
        "«Good partial response» to the current regimen.",
    ),
    "Recurrence": (
        "«Recurrence» at the margin of the cavity after a long interval without disease.",
        "New nodular enhancement represents «recurrent tumor».",
    ),
    "Uncertain": (
        "«Unclear whether this is pseudoprogression or true progression»; repeat MRI in 6 weeks.",
        "«Disease status indeterminate» at this time, treatment effect is possible.",
    ),
}

NEUROLOGICAL: Phrases = {
    "improved": (
        "Compared with the last visit «{deficit} has improved».",
        "«Neurological examination is better», with less {deficit}.",
    ),
    "stable": (
        "«Neurological examination unchanged»: {deficit} persists, no new deficit.",
        "«Neurologically stable», without new focal findings.",
    ),
    "worsened": (
        "«{deficit_capital} has worsened» since the last visit.",
        "«Neurologically worse», with more {deficit} and new headaches in the morning.",
    ),
    "not_documented": (
        "Vital signs were taken by telephone equipment at home.",
        "General: comfortable, eating breakfast.",
    ),
}

TREATMENT_RESPONSE: Phrases = {
    "Stable": (
        "«Tolerating therapy without dose-limiting toxicity.»",
        "«Disease control continues on the present plan.»",
    ),
    "Progressive": ("«Treatment has failed to hold the tumor.»", "«No benefit from the present regimen.»"),
    "Recurrence": ("«The disease-free interval has ended.»",),
    "Responding": ("«Clear benefit from treatment.»", "«Tumor shrinkage on therapy.»"),
    "Uncertain": ("«Response cannot be judged yet.»",),
    "NED": ("«Complete response is maintained.»",),
}

INTERPRETATION: Phrases = {
    "NED": ("MRI of {when}: «no tumor», in our reading.", "We reviewed the MRI of {when}; «the cavity is clean»."),
    "Stable": ("MRI of {when} was reviewed, «unchanged».", "The scan of {when} «shows no change»."),
    "Increased": ("MRI of {when}, reviewed today: «larger».", "The scan of {when} «shows growth», we agree."),
    "Decreased": ("MRI of {when}: «smaller».", "On the scan of {when} «the lesion is smaller»."),
    "New_Malignancy": ("MRI of {when} «shows a new lesion elsewhere».",),
}

LOCATION_IN = (
    "There is a mass in the «{location}» measuring {size} cm.",
    "A {size} cm lesion is centered in the «{location}».",
    "«{location_capital}» lesion, {size} cm, with surrounding FLAIR signal.",
)

COMPLICATIONS: Phrases = {
    "none": ("«None.»", "«There were no complications.»", "«No immediate complications.»"),
    "venous bleeding": ("«Brisk venous bleeding, controlled with packing.»",),
    "transient speech arrest": ("«Transient speech arrest during cortical stimulation, resolved.»",),
    "dural tear": ("«Small dural tear repaired primarily.»",),
}

AGENT_ACTION: Phrases = {
    "start": ("«Start {drug} {dose}.»", "Will begin «{drug}», {dose}.", "Plan to initiate «{drug}» at {dose}."),
    "continue": ("«Continue {drug}» {dose}.", "Remains on «{drug}», {dose}, next cycle as planned."),
    "stop": ("«Discontinue {drug}» because of progression.", "«{drug_capital} is stopped today.»"),
    "hold": ("«Hold {drug}» for platelets of {platelets}; resume when above 100.",),
    "complete": ("«{drug_capital} completed», {cycles} cycles given.",),
}

HISTORY = (
    "Hypertension, on lisinopril. No prior malignancy.",
    "Appendectomy in childhood. Denies prior head surgery.",
    "History of breast cancer, treated by lumpectomy, in remission for nine years.",
    "Type 2 diabetes. Hypothyroidism. No history of radiation exposure.",
    "Migraine since adolescence, different in character from the present headaches.",
    "Remote resection of a benign colon polyp, complete.",
    "Basal cell carcinoma excised from the nose, margins clear.",
)
FAMILY_HISTORY = (
    "Father died of glioblastoma at 61. Mother alive with hypertension.",
    "No family history of brain tumors.",
    "Sister with recurrent breast cancer, progressive despite chemotherapy.",
    "Maternal uncle had a meningioma, gross totally resected. Otherwise negative for cancer.",
    "Mother: melanoma, metastatic. Father: coronary disease.",
    "Negative for neurofibromatosis and Li-Fraumeni syndrome.",
)
DENIALS = (
    "Denies headache, vomiting, seizures or visual change.",
    "No fever, no falls, no new weakness.",
    "No seizures since the last visit. Denies nausea.",
    "Reports fatigue in the afternoon; no headaches.",
    "Occasional headache relieved by acetaminophen. No diplopia.",
)
CONDITIONAL_PLANS = (
    "If the next MRI shows growth, re-resection would be discussed.",
    "Should the tumor progress, bevacizumab is an option.",
    "Bevacizumab was considered but not started.",
    "Return sooner for seizures, fever or new weakness.",
    "Would consider a clinical trial at the time of recurrence.",
)
INCIDENTAL = (
    "No hydrocephalus. No acute infarct.",
    "Mild mucosal thickening of the left maxillary sinus.",
    "No restricted diffusion to suggest acute ischemia. Ventricles are normal in size.",
    "Unchanged developmental venous anomaly of the right cerebellum.",
    "Scattered white matter changes, likely microvascular. No hemorrhage.",
)
