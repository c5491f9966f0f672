"""Why patients come and what they live with: tables of problems with their codes, care and effect on the organs.

Codes and titles are those of ICD-9-CM, ICD-10-CM, MS-DRG and APR-DRG; frequencies and effects are this hospital's own
and measured on no patient. What the effects do to vital signs and laboratory values is `physiology`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass

ORGANS = ("lungs", "circulation", "kidneys", "liver", "coagulation", "brain", "inflammation")
"""The parts of a patient that get sicker or better, in the order of every effect below."""

Effects = tuple[float, float, float, float, float, float, float]


@dataclass(frozen=True)
class Reason:
    """A reason to come to hospital.

    Attributes:
        name: this hospital's word for it.
        weight: relative frequency.
        icd9: principal diagnosis before October 2015.
        icd10: and after.
        complaints: as a triage nurse types them.
        service: service that admits.
        careunit: intensive care unit it goes to.
        ward: ward it goes to.
        arrival: `emergency`, `urgent` or `elective`.
        illness: mean severity.
        intensive: log odds of intensive care at severity 0.
        effects: on `ORGANS`.
        infection: where an infection sits (`LUNG`, `URINE`, `ABDOMEN`, `BLOOD`), or None.
        drgs: (HCFA code, description, APR code, description).
    """

    name: str
    weight: float
    icd9: str
    icd10: str
    complaints: tuple[str, ...]
    service: str
    careunit: str
    ward: str
    arrival: str
    illness: float
    intensive: float
    effects: Effects
    infection: str | None
    drgs: tuple[str, str, str, str]


MICU = "Medical Intensive Care Unit (MICU)"
SICU = "Surgical Intensive Care Unit (SICU)"
MIXED = "Medical/Surgical Intensive Care Unit (MICU/SICU)"
CVICU = "Cardiac Vascular Intensive Care Unit (CVICU)"
CCU = "Coronary Care Unit (CCU)"
TSICU = "Trauma SICU (TSICU)"
NEURO = "Neuro Surgical Intensive Care Unit (Neuro SICU)"
STEPDOWN = "Neuro Stepdown"

_SEPSIS = ("871", "SEPTICEMIA OR SEVERE SEPSIS W/O MV 96+ HOURS W MCC", "720", "SEPTICEMIA & DISSEMINATED INFECTIONS")
_HEART = ("291", "HEART FAILURE & SHOCK W MCC", "194", "HEART FAILURE")

# fmt: off
REASONS: tuple[Reason, ...] = (
    Reason("pneumonia", 8, "486", "J189", ("Dyspnea", "Cough, Dyspnea", "SHORTNESS OF BREATH", "Fever, Cough"),
           "MED", MICU, "Medicine", "emergency", 0.35, 0.2, (1.5, 0.5, 0.3, 0, 0.2, 0.2, 1.2), "LUNG",
           ("193", "SIMPLE PNEUMONIA & PLEURISY W MCC", "139", "OTHER PNEUMONIA")),
    Reason("urinary sepsis", 7, "5990", "N390", ("Fever", "Dysuria", "Altered mental status", "Hypotension"),
           "MED", MIXED, "Medicine", "emergency", 0.25, 0.0, (0.3, 1.0, 0.9, 0, 0.3, 0.4, 1.3), "URINE", _SEPSIS),
    Reason("sepsis of unknown source", 5, "0389", "A419", ("Hypotension", "Fever", "SEPSIS, Transfer"),
           "MED", MICU, "Medicine", "emergency", 0.75, 0.9, (0.8, 1.3, 0.9, 0.4, 0.7, 0.5, 1.5), "BLOOD", _SEPSIS),
    Reason("cholangitis", 3, "5761", "K830", ("Abd pain", "Abd pain, Jaundice", "RUQ abdominal pain, Fever"),
           "SURG", SICU, "Med/Surg", "emergency", 0.3, 0.2, (0.2, 0.8, 0.4, 1.8, 0.5, 0.1, 1.3), "ABDOMEN",
           ("444", "DISORDERS OF THE BILIARY TRACT W MCC", "284", "DISORDERS OF GALLBLADDER & BILIARY TRACT")),
    Reason("diverticulitis", 3, "56211", "K5732", ("LLQ abdominal pain", "Abd pain, N/V"),
           "SURG", SICU, "Med/Surg", "emergency", -0.3, -1.0, (0, 0.2, 0.1, 0, 0, 0, 0.9), "ABDOMEN",
           ("392", "ESOPHAGITIS, GASTROENT & MISC DIGEST DISORDERS W/O MCC", "244",
               "DIVERTICULITIS & DIVERTICULOSIS")),
    Reason("heart failure", 9, "42823", "I5023", ("Dyspnea", "Leg swelling", "Dyspnea on exertion, B Leg swelling"),
           "CMED", CCU, "Medicine/Cardiology", "emergency", 0.15, 0.0, (1.0, 1.1, 0.6, 0.3, 0.1, 0, 0), None, _HEART),
    Reason("myocardial infarction", 6, "41071", "I214", ("Chest pain", "Chest pain, Transfer", "STEMI"),
           "CMED", CCU, "Medicine/Cardiology", "emergency", 0.05, 0.5, (0.3, 1.1, 0.2, 0.1, 0, 0, 0.2), None,
           ("280", "ACUTE MYOCARDIAL INFARCTION, DISCHARGED ALIVE W MCC", "190", "ACUTE MYOCARDIAL INFARCTION")),
    Reason("coronary bypass", 7, "41401", "I2510", ("Chest pain",),
           "CSURG", CVICU, "Cardiac Surgery", "elective", -0.25, 3.0, (0.6, 0.8, 0.1, 0, 0.5, 0.3, 0.2), None,
           ("236", "CORONARY BYPASS W/O CARDIAC CATH W/O MCC", "166", "CORONARY BYPASS W/O AMI OR COMPLEX PDX")),
    Reason("intracerebral haemorrhage", 4, "431", "I619", ("HEAD BLEED", "Headache, SAH, Transfer", "UNRESPONSIVE"),
           "NSURG", NEURO, "Neurology", "emergency", 0.6, 1.4, (0.3, 0.3, 0, 0, 0.1, 2.2, 0.1), None,
           ("064", "INTRACRANIAL HEMORRHAGE OR CEREBRAL INFARCTION W MCC", "044", "INTRACRANIAL HEMORRHAGE")),
    Reason("ischaemic stroke", 4, "43491", "I639", ("Slurred speech, R Weakness", "CODE STROKE", "L Facial droop"),
           "NMED", STEPDOWN, "Neurology", "emergency", 0.05, 0.0, (0.1, 0.1, 0, 0, 0, 1.3, 0.1), None,
           ("065", "INTRACRANIAL HEMORRHAGE OR CEREBRAL INFARCTION W CC", "045",
               "CVA & PRECEREBRAL OCCLUSIONS W INFARCT")),
    Reason("gastrointestinal bleed", 6, "5789", "K922", ("BRBPR", "Hematemesis", "Melena, Dizziness"),
           "MED", MIXED, "Medicine", "emergency", 0.1, 0.4, (0, 1.0, 0.3, 0.3, 0.6, 0, 0.1), None,
           ("378", "G.I. HEMORRHAGE W CC", "241", "PEPTIC ULCER & GASTRITIS")),
    Reason("chronic lung disease", 5, "49121", "J441", ("Dyspnea", "SOB", "Dyspnea, Wheezing"),
           "MED", MICU, "Medicine", "emergency", 0.05, 0.0, (1.6, 0.2, 0, 0, 0, 0.2, 0.4), None,
           ("190", "CHRONIC OBSTRUCTIVE PULMONARY DISEASE W MCC", "140", "CHRONIC OBSTRUCTIVE PULMONARY DISEASE")),
    Reason("head injury", 4, "85221", "S065X0A", ("s/p Fall, SDH", "s/p Fall", "MVC", "Fall, Head injury"),
           "TRAUM", TSICU, "Med/Surg/Trauma", "emergency", 0.0, 0.9, (0.3, 0.3, 0, 0, 0.4, 1.3, 0.3), None,
           ("086", "TRAUMATIC STUPOR & COMA, COMA <1 HR W CC", "055", "HEAD TRAUMA W COMA >1 HR OR HEMORRHAGE")),
    Reason("ketoacidosis", 2, "25013", "E1010", ("Hyperglycemia", "N/V, Hyperglycemia"),
           "MED", MICU, "Medicine", "emergency", -0.1, 1.2, (0.2, 0.4, 0.8, 0, 0, 0.3, 0.3), None,
           ("638", "DIABETES W CC", "420", "DIABETES")),
    Reason("liver failure", 3, "5715", "K7460", ("Abdominal distention", "Altered mental status", "Jaundice"),
           "MED", MICU, "Transplant", "emergency", 0.6, 0.4, (0.2, 0.7, 0.7, 2.2, 1.2, 0.8, 0.2), None,
           ("432", "CIRRHOSIS & ALCOHOLIC HEPATITIS W MCC", "279",
               "HEPATIC COMA & OTHER MAJOR ACUTE LIVER DISORDERS")),
    Reason("acute kidney failure", 4, "5849", "N179", ("Abnormal labs", "Weakness", "ABNORMAL LABS, N/V/D"),
           "MED", MIXED, "Medicine", "emergency", 0.1, -0.6, (0.2, 0.3, 2.2, 0, 0.1, 0.2, 0.1), None,
           ("683", "RENAL FAILURE W CC", "460", "RENAL FAILURE")),
    Reason("overdose", 3, "9694", "T424X2A", ("OVERDOSE", "SI, Overdose", "Unresponsive"),
           "MED", MICU, "Medicine", "emergency", -0.4, 1.0, (0.5, 0.2, 0.1, 0.2, 0, 1.5, 0), None,
           ("917", "POISONING & TOXIC EFFECTS OF DRUGS W MCC", "812", "POISONING OF MEDICINAL AGENTS")),
    Reason("aortic surgery", 4, "4414", "I714", ("Abd pain, AAA",),
           "VSURG", CVICU, "Vascular", "urgent", 0.05, 2.2, (0.5, 0.8, 0.6, 0.1, 0.6, 0, 0.3), None,
           ("238", "MAJOR CARDIOVASC PROCEDURES W/O MCC", "169", "MAJOR THORACIC & ABDOMINAL VASCULAR PROCEDURES")),
    Reason("knee replacement", 5, "71536", "M1711", ("Knee pain",),
           "ORTHO", SICU, "Med/Surg", "elective", -1.1, -2.2, (0, 0, 0, 0, 0.2, 0, 0), None,
           ("470", "MAJOR JOINT REPLACEMENT OF LOWER EXTREMITY W/O MCC", "302", "KNEE JOINT REPLACEMENT")),
    Reason("chemotherapy", 4, "V5811", "Z5111", ("Febrile neutropenia", "Weakness"),
           "OMED", MICU, "Hematology/Oncology", "urgent", 0.0, -1.6, (0, 0.1, 0.1, 0.2, 1.0, 0, 0.2), None,
           ("847", "CHEMOTHERAPY W/O ACUTE LEUKEMIA W CC", "693", "CHEMOTHERAPY")),
    Reason("chest pain", 9, "78650", "R079", ("Chest pain", "Chest pain, Dizziness", "CHEST PAIN"),
           "CMED", CCU, "Medicine/Cardiology", "emergency", -1.2, -2.6, (0, 0, 0, 0, 0, 0, 0), None,
           ("313", "CHEST PAIN", "203", "CHEST PAIN")),
    Reason("syncope", 6, "7802", "R55", ("Syncope", "Syncope, s/p Fall", "Dizziness"),
           "MED", MIXED, "Medicine", "emergency", -1.0, -2.4, (0, 0.2, 0, 0, 0, 0.2, 0), None,
           ("312", "SYNCOPE & COLLAPSE", "204", "SYNCOPE & COLLAPSE")),
    Reason("abdominal pain", 9, "78900", "R109", ("Abd pain", "Abd pain, N/V", "Epigastric pain", "R Flank pain"),
           "SURG", SICU, "Med/Surg/GYN", "emergency", -1.1, -2.6, (0, 0, 0, 0.1, 0, 0, 0.2), None,
           ("392", "ESOPHAGITIS, GASTROENT & MISC DIGEST DISORDERS W/O MCC", "251", "ABDOMINAL PAIN")),
)
# fmt: on


@dataclass(frozen=True)
class Condition:
    """A chronic disease.

    Attributes:
        name: this hospital's word for it.
        icd9: code before October 2015.
        icd10: code after.
        share: of sixty-year-olds who have it.
        per_decade: how the log odds grow with each decade of age.
        effects: on `ORGANS`.
        burden: what it adds to frailty.
    """

    name: str
    icd9: str
    icd10: str
    share: float
    per_decade: float
    effects: Effects
    burden: float


# fmt: off
CONDITIONS: tuple[Condition, ...] = (
    Condition("hypertension", "4019", "I10", 0.50, 0.45, (0, 0, 0.1, 0, 0, 0, 0), 0.0),
    Condition("hyperlipidaemia", "2724", "E785", 0.40, 0.40, (0, 0, 0, 0, 0, 0, 0), 0.0),
    Condition("diabetes", "25000", "E119", 0.28, 0.25, (0, 0, 0.2, 0, 0, 0, 0.1), 0.1),
    Condition("heart failure", "4280", "I509", 0.18, 0.60, (0.3, 0.4, 0.2, 0.1, 0, 0, 0), 0.3),
    Condition("coronary disease", "41401", "I2510", 0.25, 0.50, (0, 0.1, 0, 0, 0, 0, 0), 0.1),
    Condition("atrial fibrillation", "42731", "I4891", 0.17, 0.70, (0, 0.2, 0, 0, 0, 0, 0), 0.1),
    Condition("chronic lung disease", "496", "J449", 0.16, 0.30, (0.6, 0, 0, 0, 0, 0, 0), 0.2),
    Condition("chronic kidney disease", "5859", "N189", 0.15, 0.40, (0, 0, 1.2, 0, 0, 0, 0), 0.3),
    Condition("end stage renal disease", "5856", "N186", 0.03, 0.05, (0, 0.1, 2.5, 0, 0.1, 0, 0), 0.4),
    Condition("cirrhosis", "5715", "K7460", 0.05, 0.00, (0, 0.2, 0.2, 1.2, 0.9, 0.1, 0), 0.6),
    Condition("lung cancer", "1629", "C3490", 0.04, 0.30, (0.4, 0, 0, 0, 0.1, 0, 0.1), 0.7),
    Condition("metastatic cancer", "1970", "C780", 0.05, 0.25, (0.2, 0.1, 0, 0.2, 0.2, 0, 0.1), 0.9),
    Condition("dementia", "2900", "F0390", 0.04, 1.10, (0, 0, 0, 0, 0, 0.6, 0), 0.5),
    Condition("alcohol dependence", "30391", "F1020", 0.08, -0.35, (0, 0, 0, 0.4, 0.2, 0.1, 0), 0.2),
    Condition("depression", "311", "F329", 0.20, -0.05, (0, 0, 0, 0, 0, 0, 0), 0.0),
    Condition("obesity", "27800", "E669", 0.18, -0.15, (0.1, 0, 0, 0, 0, 0, 0), 0.0),
    Condition("hypothyroidism", "2449", "E039", 0.12, 0.25, (0, 0, 0, 0, 0, 0, 0), 0.0),
)
# fmt: on


@dataclass(frozen=True)
class Complication:
    """An acute diagnosis coded at discharge because an organ failed.

    Attributes:
        icd9: code before October 2015.
        icd10: code after.
        organ: index in `ORGANS`; None: coded from the story (see `when`).
        threshold: organ state at the worst hour above which half of the stays are coded.
        when: `sepsis`, `shock`, `ventilated`, `died`, `fall` or empty for organ thresholds.
    """

    icd9: str
    icd10: str
    organ: int | None = None
    threshold: float = 0.0
    when: str = ""


COMPLICATIONS: tuple[Complication, ...] = (
    Complication("51881", "J9601", organ=0, threshold=2.2),
    Complication("5849", "N179", organ=2, threshold=1.9),
    Complication("5845", "N170", organ=2, threshold=3.2),
    Complication("2762", "E872", organ=1, threshold=2.2),
    Complication("2761", "E871", organ=2, threshold=2.5),
    Complication("2875", "D696", organ=4, threshold=1.8),
    Complication("2851", "D62", organ=4, threshold=2.3),
    Complication("5722", "K7290", organ=3, threshold=2.8),
    Complication("99591", "A419", when="sepsis"),
    Complication("99592", "R6520", when="sepsis"),
    Complication("78552", "R6521", when="shock"),
    Complication("V667", "Z515", when="died"),
    Complication("E8809", "E8809", when="fall"),
    Complication("V103", "Z853", when="history"),
)
"""`E8809` is a fall in ICD-9 and a disorder of plasma proteins in ICD-10: a join on the code alone mixes them."""

ICD_TITLES: dict[tuple[str, int], str] = {
    ("486", 9): "Pneumonia, organism unspecified",
    ("5990", 9): "Urinary tract infection, site not specified",
    ("0389", 9): "Unspecified septicemia",
    ("5761", 9): "Cholangitis",
    ("56211", 9): "Diverticulitis of colon (without mention of hemorrhage)",
    ("42823", 9): "Acute on chronic systolic heart failure",
    ("41071", 9): "Subendocardial infarction, initial episode of care",
    ("41401", 9): "Coronary atherosclerosis of native coronary artery",
    ("431", 9): "Intracerebral hemorrhage",
    ("43491", 9): "Cerebral artery occlusion, unspecified with cerebral infarction",
    ("5789", 9): "Hemorrhage of gastrointestinal tract, unspecified",
    ("49121", 9): "Obstructive chronic bronchitis with (acute) exacerbation",
    ("85221", 9): "Subdural hemorrhage following injury without mention of open intracranial wound, "
    "with no loss of consciousness",
    ("25013", 9): "Diabetes with ketoacidosis, type I [juvenile type], uncontrolled",
    ("5715", 9): "Cirrhosis of liver without mention of alcohol",
    ("5849", 9): "Acute kidney failure, unspecified",
    ("9694", 9): "Poisoning by benzodiazepine-based tranquilizers",
    ("4414", 9): "Abdominal aneurysm without mention of rupture",
    ("71536", 9): "Osteoarthrosis, localized, not specified whether primary or secondary, lower leg",
    ("V5811", 9): "Encounter for antineoplastic chemotherapy",
    ("78650", 9): "Chest pain, unspecified",
    ("7802", 9): "Syncope and collapse",
    ("78900", 9): "Abdominal pain, unspecified site",
    ("4019", 9): "Unspecified essential hypertension",
    ("2724", 9): "Other and unspecified hyperlipidemia",
    ("25000", 9): "Diabetes mellitus without mention of complication, type II or unspecified type, "
    "not stated as uncontrolled",
    ("4280", 9): "Congestive heart failure, unspecified",
    ("42731", 9): "Atrial fibrillation",
    ("496", 9): "Chronic airway obstruction, not elsewhere classified",
    ("5859", 9): "Chronic kidney disease, unspecified",
    ("5856", 9): "End stage renal disease",
    ("1629", 9): "Malignant neoplasm of bronchus and lung, unspecified",
    ("1970", 9): "Secondary malignant neoplasm of lung",
    ("2900", 9): "Senile dementia, uncomplicated",
    ("30391", 9): "Other and unspecified alcohol dependence, continuous",
    ("311", 9): "Depressive disorder, not elsewhere classified",
    ("27800", 9): "Obesity, unspecified",
    ("2449", 9): "Unspecified acquired hypothyroidism",
    ("51881", 9): "Acute respiratory failure",
    ("5845", 9): "Acute kidney failure with lesion of tubular necrosis",
    ("2762", 9): "Acidosis",
    ("2761", 9): "Hyposmolality and/or hyponatremia",
    ("2875", 9): "Thrombocytopenia, unspecified",
    ("2851", 9): "Acute posthemorrhagic anemia",
    ("5722", 9): "Hepatic encephalopathy",
    ("99591", 9): "Sepsis",
    ("99592", 9): "Severe sepsis",
    ("78552", 9): "Septic shock",
    ("V667", 9): "Encounter for palliative care",
    ("E8809", 9): "Accidental fall on or from other stairs or steps",
    ("V103", 9): "Personal history of malignant neoplasm of breast",
    ("J189", 10): "Pneumonia, unspecified organism",
    ("N390", 10): "Urinary tract infection, site not specified",
    ("A419", 10): "Sepsis, unspecified organism",
    ("K830", 10): "Cholangitis",
    ("K5732", 10): "Diverticulitis of large intestine without perforation or abscess without bleeding",
    ("I5023", 10): "Acute on chronic systolic (congestive) heart failure",
    ("I214", 10): "Non-ST elevation (NSTEMI) myocardial infarction",
    ("I2510", 10): "Atherosclerotic heart disease of native coronary artery without angina pectoris",
    ("I619", 10): "Nontraumatic intracerebral hemorrhage, unspecified",
    ("I639", 10): "Cerebral infarction, unspecified",
    ("K922", 10): "Gastrointestinal hemorrhage, unspecified",
    ("J441", 10): "Chronic obstructive pulmonary disease with (acute) exacerbation",
    ("S065X0A", 10): "Traumatic subdural hemorrhage without loss of consciousness, initial encounter",
    ("E1010", 10): "Type 1 diabetes mellitus with ketoacidosis without coma",
    ("K7460", 10): "Unspecified cirrhosis of liver",
    ("N179", 10): "Acute kidney failure, unspecified",
    ("T424X2A", 10): "Poisoning by benzodiazepines, intentional self-harm, initial encounter",
    ("I714", 10): "Abdominal aortic aneurysm, without rupture",
    ("M1711", 10): "Unilateral primary osteoarthritis, right knee",
    ("Z5111", 10): "Encounter for antineoplastic chemotherapy",
    ("R079", 10): "Chest pain, unspecified",
    ("R55", 10): "Syncope and collapse",
    ("R109", 10): "Unspecified abdominal pain",
    ("I10", 10): "Essential (primary) hypertension",
    ("E785", 10): "Hyperlipidemia, unspecified",
    ("E119", 10): "Type 2 diabetes mellitus without complications",
    ("I509", 10): "Heart failure, unspecified",
    ("I4891", 10): "Unspecified atrial fibrillation",
    ("J449", 10): "Chronic obstructive pulmonary disease, unspecified",
    ("N189", 10): "Chronic kidney disease, unspecified",
    ("N186", 10): "End stage renal disease",
    ("C3490", 10): "Malignant neoplasm of unspecified part of unspecified bronchus or lung",
    ("C780", 10): "Secondary malignant neoplasm of lung",
    ("F0390", 10): "Unspecified dementia without behavioral disturbance",
    ("F1020", 10): "Alcohol dependence, uncomplicated",
    ("F329", 10): "Major depressive disorder, single episode, unspecified",
    ("E669", 10): "Obesity, unspecified",
    ("E039", 10): "Hypothyroidism, unspecified",
    ("J9601", 10): "Acute respiratory failure with hypoxia",
    ("N170", 10): "Acute kidney failure with tubular necrosis",
    ("E872", 10): "Acidosis",
    ("E871", 10): "Hypo-osmolality and hyponatremia",
    ("D696", 10): "Thrombocytopenia, unspecified",
    ("D62", 10): "Acute posthemorrhagic anemia",
    ("K7290", 10): "Hepatic failure, unspecified without coma",
    ("R6520", 10): "Severe sepsis without septic shock",
    ("R6521", 10): "Severe sepsis with septic shock",
    ("Z515", 10): "Encounter for palliative care",
    ("Z853", 10): "Personal history of malignant neoplasm of breast",
    ("E8809", 10): "Other disorders of plasma-protein metabolism, not elsewhere classified",
    ("V103", 10): "Person boarding or alighting a pedal cycle injured in collision with pedestrian or animal",
}
"""Titles of every diagnosis code that occurs, and of `V103` in ICD-10 too, because the dictionary holds both."""
