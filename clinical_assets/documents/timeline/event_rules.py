"""What kind of event a resource is: classification rules as tables, first match wins.

Two tables: `TYPES` says surgery, imaging, pathology, medication, radiation, encounter or other; `SUBTYPES` refines it
where an abstraction or a trigger needs it (which surgeries removed tumour, which medications treat it). Codes come
before words, and what is no surgery although its code lies among surgeries (a line, a lumbar puncture) comes before
the surgeries.

Sources: CPT section ranges (AMA); ICD-10-PCS sections (CMS); ICD-9-CM volume 3 chapters; SNOMED CT procedure
    categories as in FHIR R4 `Procedure.category`; HL7 v2 table 0074 and US Core LOINC parts for report categories;
    WHO ATC groups; HCPCS level II chapters (CMS); items charted as procedures in MIMIC-IV's `icu/d_items`. Word lists
    are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from clinical_assets.documents.timeline.drug_uses import IN_A_VEIN, OTHER_USES, POSSIBLY

CPT = "http://www.ama-assn.org/go/cpt"
ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
ICD10PCS_HL7 = "http://hl7.org/fhir/sid/icd-10-pcs"
ICD9PROC = "http://hl7.org/fhir/sid/icd-9-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
V2_0074 = "http://terminology.hl7.org/CodeSystem/v2-0074"
ATC = "http://www.whocc.no/atc"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
MIMIC_ITEMS = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-d-items"

EVENT_TYPES = ("surgery", "imaging", "pathology", "medication", "radiation", "encounter", "other")


@dataclass(frozen=True, slots=True)
class Coding:
    """A code in a code system."""

    system: str | None
    code: str


@dataclass(frozen=True, slots=True)
class EventRule:
    """A resource is `kind` if a code of one of `systems` matches `codes` in full, or its words contain `words`.

    Attributes:
        kind: event type or subtype.
        resources: FHIR resource types the rule speaks of, or event types for a subtype.
        name: what is said about an event the rule decided.
        systems: code systems of `codes`.
        codes: regular expression over whole codes, dots removed; empty for none.
        words: regular expression over the lower-case description; empty for none.
    """

    kind: str
    resources: tuple[str, ...]
    name: str
    systems: tuple[str, ...] = ()
    codes: str = ""
    words: str = ""

    def matches(self, resource: str, codings: Iterable[Coding], description: str) -> bool:
        """Whether the rule decides this resource."""
        if resource not in self.resources:
            return False
        if self.codes and any(
            coding.system in self.systems and re.fullmatch(self.codes, coding.code.replace(".", ""))
            for coding in codings
        ):
            return True
        if self.words:
            return re.search(self.words, description.lower()) is not None
        return not self.codes


_PROCEDURE, _REPORT = ("Procedure",), ("DiagnosticReport",)
_PCS = (ICD10PCS, ICD10PCS_HL7)

# The same bedside procedures in three code systems: lines, taps, tubes, marrow.
_BEDSIDE_CPT = r"36[0-6]\d\d|31500|6227[02]|6232[89]|3822[0-2]|5170[1-3]|3255[01]|01\d{3}|9\d{4}|8[0-7]\d{3}"
_BEDSIDE_PCS = r"0BH1[78]EZ|009U3Z[XZ]|0[256]H[A-Z0-9]3[23]Z|[1-9A-Z][A-Z0-9]{6}"
# Of ICD-9 39.9 only injections, cannulas, perfusions and the unnamed rest: a stent (39.90, as by ICD-10-PCS 047),
# freeing a vessel (39.91) and stopping a bleeding (39.98, as by 0W3) are operations.
_BEDSIDE_ICD9 = r"0331|389\d|399[2-79]|9604|9[3-9]\d{0,2}|89\d{0,2}|9[01]\d{0,2}"
# Looking in through an opening or a needle takes nothing out that a surgeon would: root operation J (inspection) but
# through a cut (approaches 0 and 4: laparotomy, laparoscopy), drainage (9) through skin or openings, marrow by needle.
# Draining the central nervous system (body system 0) is a neurosurgeon's, but for the spinal canal through the skin (as
# CPT 62272). ICD-9: endoscopies, heart catheters, thoracic and peritoneal taps, marrow.
_ENDOSCOPY_PCS = (
    r"0[A-Z0-9]J[A-Z0-9][1-35-9A-Z][A-Z0-9]{2}|0[1-9A-Z]9[A-Z0-9][378][A-Z0-9]{2}|009U3[A-Z0-9]{2}"
    r"|07D[QRS][A-Z0-9]{3}"
)
_ENDOSCOPY_ICD9 = r"332[1-4]|3491|372[1-3]|413[18]|422[1-3]|441[1-3]|451[1-4]|452[1-5]|482[1-3]|5110|5491"
# CPT's endoscopies: larynx and bronchi, gullet to duodenum with ERCP, gut through a stoma, rectum and colon, anus,
# bladder. And injections into nerves for anaesthesia, taps of the chest and the belly.
_ENDOSCOPY_CPT = (
    r"315[0-7]\d|316[2-5]\d|3161[5]|4319\d|432[0-7]\d|443[6-9]\d|4440[0-8]|453[0-8]\d|4539[0-38]|466[01]\d|5200[0-5]"
    r"|644\d\d|645[0-3]\d|3255[4-7]|4908[2-4]"
)
# HCPCS level II: radiation delivery and stereotactic radiosurgery; mammography, PET, MR and echo with contrast,
# portable films; drugs given (J) and biosimilars (Q51).
_HCPCS_RADIATION = r"G60(?:0[1-9]|1[0-7])|G0173|G0251|G0339|G0340"
_HCPCS_IMAGING = r"C89\d\d|G020[246]|G0219|G0235|G0252|R007[0-6]"
_HCPCS_DRUGS = r"J\d{4}|Q51\d\d"
# Antineoplastic agents by name: the drugs of the trigger "treatment changed". ATC L01 and L02 where the code says so.
# The stem -leucel is that of cells made to act against a tumour (INN). `drug_uses` has those of another ordinary use.
_ANTINEOPLASTIC = (
    "temozolomide|bevacizumab|lomustine|carmustine|vincristine|vinblastine|vinorelbine|carboplatin|cisplatin|oxaliplatin"
    "|etoposide|irinotecan|topotecan|procarbazine|cyclophosphamide|ifosfamide|methotrexate|mercaptopurine|thioguanine"
    "|cytarabine|fludarabine|clofarabine|nelarabine|asparaginase|pegaspargase|calaspargase|busulfan|melphalan|thiotepa"
    "|bendamustine|dacarbazine|dactinomycin|bleomycin|doxorubicin|daunorubicin|idarubicin|epirubicin|mitoxantrone"
    "|paclitaxel|docetaxel|cabazitaxel|eribulin|gemcitabine|fluorouracil|capecitabine|pemetrexed|trifluridine"
    "|azacitidine|decitabine|imatinib|dasatinib|nilotinib|ponatinib|sorafenib|sunitinib|pazopanib|cabozantinib"
    "|lenvatinib|regorafenib|erlotinib|gefitinib|afatinib|osimertinib|lapatinib|neratinib|tucatinib|dabrafenib"
    "|trametinib|vemurafenib|cobimetinib|encorafenib|binimetinib|selumetinib|mirdametinib|tovorafenib|vorasidenib"
    "|ivosidenib|enasidenib|larotrectinib|entrectinib|repotrectinib|crizotinib|alectinib|brigatinib|lorlatinib"
    "|ceritinib|everolimus|temsirolimus|palbociclib|ribociclib|abemaciclib|olaparib|niraparib|rucaparib|talazoparib"
    "|venetoclax|ibrutinib|acalabrutinib|zanubrutinib|ruxolitinib|bortezomib|carfilzomib|ixazomib|lenalidomide"
    "|pomalidomide|rituximab|obinutuzumab|trastuzumab|pertuzumab|cetuximab|panitumumab|ramucirumab|dinutuximab"
    "|naxitamab|blinatumomab|inotuzumab|gemtuzumab|brentuximab|polatuzumab|enfortumab|sacituzumab|daratumumab"
    "|pembrolizumab|nivolumab|ipilimumab|atezolizumab|durvalumab|avelumab|cemiplimab|tamoxifen|letrozole|anastrozole"
    "|exemestane|fulvestrant|leuprolide|goserelin|bicalutamide|enzalutamide|abiraterone|apalutamide|tretinoin"
    r"|isotretinoin|hydroxyurea|mitotane|avapritinib|tazemetostat|onc201|dordaviprone|\w+leucel"
)
# HCPCS codes of antineoplastics outside the chapter of chemotherapy: cells, codes of one maker or of a drug's first
# quarters (C), commercial payers' (S).
HCPCS_ANTINEOPLASTICS = {
    "C9021": "obinutuzumab",
    "C9024": "daunorubicin and cytarabine, liposomal",
    "C9025": "ramucirumab",
    "C9027": "pembrolizumab",
    "C9028": "inotuzumab ozogamicin",
    "C9030": "copanlisib",
    "C9038": "mogamulizumab",
    "C9257": "bevacizumab",
    "C9442": "belinostat",
    "C9449": "blinatumomab",
    "C9453": "nivolumab",
    "C9467": "rituximab and hyaluronidase",
    "C9472": "talimogene laherparepvec",
    "C9474": "irinotecan, liposomal",
    "C9475": "necitumumab",
    "C9476": "daratumumab",
    "C9477": "elotuzumab",
    "C9480": "trabectedin",
    "C9483": "atezolizumab",
    "C9485": "olaratumab",
    "C9491": "avelumab",
    "C9492": "durvalumab",
    "Q2017": "teniposide",
    "Q2040": "tisagenlecleucel",
    "Q2041": "axicabtagene ciloleucel",
    "Q2042": "tisagenlecleucel",
    "Q2043": "sipuleucel-T",
    "Q2049": "doxorubicin, liposomal, imported",
    "Q2050": "doxorubicin, liposomal",
    "Q2053": "brexucabtagene autoleucel",
    "Q2054": "lisocabtagene maraleucel",
    "Q2055": "idecabtagene vicleucel",
    "Q2056": "ciltacabtagene autoleucel",
    "Q2057": "afamitresgene autoleucel",
    "Q2058": "obecabtagene autoleucel",
    "S0088": "imatinib",
    "S0108": "mercaptopurine",
    "S0156": "exemestane",
    "S0170": "anastrozole",
    "S0172": "chlorambucil",
    "S0175": "flutamide",
    "S0176": "hydroxyurea",
    "S0178": "lomustine",
    "S0179": "megestrol",
    "S0182": "procarbazine",
    "S0187": "tamoxifen",
}
# HCPCS codes in the chapter of chemotherapy (J8501-J9999) that treat no tumour: against nausea, to protect or to carry,
# and antibodies against other diseases.
HCPCS_NO_ANTINEOPLASTICS = {
    "J8501": "aprepitant",
    "J8515": "cabergoline",
    "J8597": "antiemetic, not otherwise specified",
    "J8650": "nabilone",
    "J8655": "netupitant and palonosetron",
    "J8670": "rolapitant",
    "J9175": "Elliotts B solution",
    "J9209": "mesna",
    "J9210": "emapalumab",
    "J9332": "efgartigimod alfa",
    "J9333": "rozanolixizumab",
    "J9334": "efgartigimod alfa and hyaluronidase",
    "J9376": "pozelimab",
    "J9381": "teplizumab",
}
_SUPPORTIVE = (
    r"antiemetic|non.?chemotherapeutic|\w*pitant|\w+setron|nabilone|dronabinol|mesna|amifostine|dexrazoxane"
    r"|(?:levo)?leucovorin|glucarpidase|rasburicase|palifermin|\w*grastim|sargramostim|\w*poetin|elliotts|cabergoline"
    r"|emapalumab|efgartigimod|rozanolixizumab|pozelimab|teplizumab|axatilimab"
)
# MIMIC-IV's items among procedureevents. To the operating room and back, chest opened, tracheostomies, surgery at the
# bedside, PEG, liver biopsy, ventricular drain put in; then scans, films, angiography, echo, fluoroscopy.
_ITEMS_SURGERY = "225469|225470|225478|225467|225448|226237|229585|225446|225442|226475"
_ITEMS_IMAGING = (
    "221214|221216|221217|221219|221255|223253|225427|225432|225440|225443|225457|225459|225460|225461|225462|225463"
    "|228715|229575|229581|229582"
)
_BEDSIDE_WORDS = (
    r"venipuncture|intubat|lumbar puncture|spinal tap|catheteri[sz]|(?:central|arterial|picc|venous) (?:line|cath)"
    r"|phlebotomy|transfusion|dialysis|ventilat|an[ae]+sthesia|consultation|immuni[sz]ation|vaccin|bone marrow|counsel"
)
_RADIATION_WORDS = (
    r"radiotherap|radiation (?:therap|treat|oncolog)|brachytherap|radiosurg|gamma ?knife|cyber ?knife"
    r"|proton (?:beam|therap)|\b(?:imrt|sbrt|srs|wbrt|xrt)\b|teletherap"
)
_IMAGING_REPORT_WORDS = (
    r"\b(?:mri?|mra|ct|cta|pet|x-?ray|radiograph\w*|ultraso\w*|echocardiogra\w*|mammogra\w*)\b|tomograph|scintigra"
)
_SURGERY_WORDS = (
    r"resect|crani(?:ot|ect)omy|excision|\w{3,}(?:ectomy|ostomy|otomy|plasty|rrhaphy)\b|biopsy|shunt|debulk|\bfusion"
    r"|decompress|transplant|amputat|surg(?:ery|ical)|laparosc|implantation|bypass"
)
_IMAGING_WORDS = r"\b(?:mri|ct scan|pet scan|x-?ray|ultraso\w*|echocardiogra\w*)\b|tomograph"
_V2_LABORATORY = "LAB|HM|CH|MB|BLB|IMM|SR|TX|URN|OTH|GE|VR|MCB|PHR"

TYPES: tuple[EventRule, ...] = (
    EventRule("encounter", ("Encounter",), "encounters"),
    EventRule("medication", ("MedicationRequest", "MedicationAdministration", "MedicationStatement"), "medications"),
    EventRule("imaging", ("ImagingStudy",), "imaging studies"),
    # reports
    EventRule("pathology", _REPORT, "v2-0074 pathology", (V2_0074,), "SP|CP|PAT"),
    EventRule("pathology", _REPORT, "LOINC pathology", (LOINC,), "LP7839-6|11526-1|60568-3|22634-0|22637-3"),
    EventRule("imaging", _REPORT, "v2-0074 imaging", (V2_0074,), "RAD|CT|NMR|NMS|RUS|VUS|OUS|CUS|XRC|RX"),
    EventRule("imaging", _REPORT, "LOINC imaging", (LOINC,), "LP29684-5|18748-4|18726-0"),
    EventRule("other", _REPORT, "v2-0074 laboratory", (V2_0074,), _V2_LABORATORY),
    EventRule("pathology", _REPORT, "pathology by words", words=r"patholog|histolog|cytolog|frozen section|biopsy"),
    EventRule("imaging", _REPORT, "imaging by words", words=_IMAGING_REPORT_WORDS),
    # procedures: radiation before imaging (CPT 77xxx) and before surgery (radiosurgery has CPT codes of neurosurgery)
    EventRule(
        "radiation", _PROCEDURE, "CPT radiation oncology", (CPT,), r"77(?:2[6-9]|[3-7]\d)\d|6179[6-9]|61800|6362[01]"
    ),
    EventRule("radiation", _PROCEDURE, "ICD-10-PCS section D", _PCS, r"D[A-Z0-9]{6}"),
    EventRule("radiation", _PROCEDURE, "ICD-9 92.2-92.4", (ICD9PROC,), r"92[234]\d?"),
    EventRule("radiation", _PROCEDURE, "SNOMED radiotherapy", (SNOMED,), "108290001|1217123003|1287742003"),
    EventRule("radiation", _PROCEDURE, "HCPCS radiation", (HCPCS,), _HCPCS_RADIATION),
    EventRule("radiation", _PROCEDURE, "MIMIC items, radiation", (MIMIC_ITEMS,), "225450"),
    EventRule("radiation", _PROCEDURE, "radiation by words", words=_RADIATION_WORDS),
    EventRule("imaging", _PROCEDURE, "CPT radiology", (CPT,), r"7[0-6]\d{3}|77[01]\d\d|78\d{3}"),
    EventRule("imaging", _PROCEDURE, "ICD-10-PCS sections B and C", _PCS, r"[BC][A-Z0-9]{6}"),
    EventRule("imaging", _PROCEDURE, "ICD-9 87, 88, 92.0-92.1", (ICD9PROC,), r"8[78]\d{0,2}|92[01]\d?"),
    EventRule("imaging", _PROCEDURE, "SNOMED imaging", (SNOMED,), "363679005"),
    EventRule("pathology", _PROCEDURE, "CPT surgical pathology", (CPT,), r"883\d\d|881[0-7]\d"),
    EventRule("other", _PROCEDURE, "CPT bedside procedures", (CPT,), _BEDSIDE_CPT),
    EventRule("other", _PROCEDURE, "CPT endoscopies, nerve blocks and taps", (CPT,), _ENDOSCOPY_CPT),
    EventRule("imaging", _PROCEDURE, "HCPCS imaging", (HCPCS,), _HCPCS_IMAGING),
    EventRule("medication", _PROCEDURE, "HCPCS drugs", (HCPCS,), _HCPCS_DRUGS),
    EventRule("medication", _PROCEDURE, "HCPCS antineoplastics elsewhere", (HCPCS,), "|".join(HCPCS_ANTINEOPLASTICS)),
    # HCPCS names a drug in these words: the codes that are newer than the table.
    EventRule(
        "medication",
        _PROCEDURE,
        "injected antineoplastic by name",
        words=rf"^injection, [^.]*\b(?:{_ANTINEOPLASTIC})\b",
    ),
    EventRule("other", _PROCEDURE, "HCPCS other services", (HCPCS,), r"[A-Z]\d{4}"),
    EventRule("surgery", _PROCEDURE, "MIMIC items, surgery", (MIMIC_ITEMS,), _ITEMS_SURGERY),
    EventRule("imaging", _PROCEDURE, "MIMIC items, imaging", (MIMIC_ITEMS,), _ITEMS_IMAGING),
    EventRule("other", _PROCEDURE, "MIMIC items, bedside procedures", (MIMIC_ITEMS,), r"2\d{5}"),
    EventRule("other", _PROCEDURE, "ICD-10-PCS bedside procedures", _PCS, _BEDSIDE_PCS),
    EventRule("other", _PROCEDURE, "ICD-9 bedside procedures", (ICD9PROC,), _BEDSIDE_ICD9),
    EventRule("other", _PROCEDURE, "ICD-10-PCS inspection and drainage", _PCS, _ENDOSCOPY_PCS),
    EventRule("other", _PROCEDURE, "ICD-9 endoscopy, catheters and taps", (ICD9PROC,), _ENDOSCOPY_ICD9),
    EventRule("surgery", _PROCEDURE, "CPT surgery", (CPT,), r"[1-6]\d{4}"),
    EventRule("surgery", _PROCEDURE, "ICD-10-PCS section 0", _PCS, r"0[A-Z0-9]{6}"),
    EventRule("surgery", _PROCEDURE, "ICD-9 01-86", (ICD9PROC,), r"(?:0[1-9]|[1-7]\d|8[0-6])\d{0,2}"),
    EventRule("other", _PROCEDURE, "bedside procedures by words", words=_BEDSIDE_WORDS),
    EventRule("imaging", _PROCEDURE, "imaging by words", words=_IMAGING_WORDS),
    EventRule("surgery", _PROCEDURE, "SNOMED surgical procedure", (SNOMED,), "387713003"),
    EventRule("surgery", _PROCEDURE, "surgery by words", words=_SURGERY_WORDS),
    EventRule("other", _PROCEDURE, "procedures no rule knows"),
    EventRule("other", _REPORT, "reports no rule knows"),
)

_CORTICOSTEROID = "dexamethasone|prednisone|prednisolone|methylprednisolone|hydrocortisone|betamethasone"
_ANTIEPILEPTIC = (
    "levetiracetam|lacosamide|phenytoin|fosphenytoin|valproate|valproic|divalproex|carbamazepine|oxcarbazepine"
    "|lamotrigine|topiramate|zonisamide|clobazam|brivaracetam|phenobarbital|perampanel"
)
_TUMOR = r"(?:tumou?r|neoplasm|lesion|mass|glioma|mening\w+oma|metasta)"
_REMOVED = r"(?:resect|excis|remov|debulk|crani(?:ot|ect)omy)"
# Craniotomy and craniectomy for tumour, pituitary and skull base tumours, spinal tumours.
_TUMOR_CPT = r"6151[0289]|6152[016]|61530|6154[568]|6157[56]|6216[45]|6327[5-9]|6328[0-7]"
_SHUNT_CPT = r"622(?:0[01]|2[035]|30|5[68])|6219[02]|61107|61210"
# Bypass of ventricle (6) or spinal canal (U); drainage, not for diagnosis, of the spaces of the fluid: subarachnoid
# (5), ventricle, spinal canal. A subdural haematoma drained (4) is other surgery, as by CPT 61108 and 61154.
_SHUNT_PCS = r"001[6U][A-Z0-9]{3}|009[56U][A-Z0-9]{2}Z"
_DRUG, _SURGERY, _IMAGING = ("medication",), ("surgery",), ("imaging",)
_POSSIBLY = f"{POSSIBLY}antineoplastic"


def _beside(names: str, clues: str, brands: str, unless: str = "", never: str = "") -> str:
    """Words in which one of the names stands anywhere beside one of the clues, or one of the brands.

    All are whole words, of which a digit before is no part ("10mg"). Beside `unless` a clue tells nothing, and beside
    `never` nor does a brand.
    """
    word = r"(?<![a-z])(?:{})(?![a-z])".format
    no_clue, nothing = (rf"(?!.*{word(words)})" if words else "" for words in (unless, never))
    found = [rf"^{nothing}{no_clue}(?=.*{word(names)})(?=.*{word(clues)})"] if clues else []
    return "|".join(found + ([rf"^{nothing}(?=.*{word(brands)})"] if brands else []))


def _told(kind: str, words_and_codes: Iterable[tuple[str, str, str]]) -> tuple[EventRule, ...]:
    """Rules of a kind for drugs, from their names, and the words and codes that tell; none where nothing does."""
    return tuple(
        EventRule(kind, _DRUG, drug, (HCPCS, ATC) if codes else (), codes, words)
        for drug, words, codes in words_and_codes
        if words or codes
    )


# What tells that a drug is against a tumour comes before what tells that it is not.
_TUMOR_DRUGS = _told(
    "antineoplastic",
    ((f"{d.drug} against a tumour", _beside(d.names, d.only_tumor, d.brands_tumor), d.codes_tumor) for d in OTHER_USES),
)
_OTHER_DRUGS = _told(
    "other",
    (
        (f"{d.drug} {d.use}", _beside(d.names, d.only_other, d.brands_other, d.unless, IN_A_VEIN), d.codes_other)
        for d in OTHER_USES
    ),
)
_UNTOLD_DRUGS = tuple(
    rule
    for d in OTHER_USES
    for rule in (
        *_told(_POSSIBLY, [(f"{d.drug}, or {d.use}", "", d.codes)]),
        *_told(d.else_, [(f"{d.drug}, or {d.use}", rf"\b(?:{d.names})\b", "")]),
    )
)
_ATC_UNTOLD = "|".join(d.codes for d in OTHER_USES if d.codes)
_ONLY_ANTINEOPLASTIC = "|".join(
    name for name in _ANTINEOPLASTIC.split("|") if not any(re.fullmatch(d.names, name) for d in OTHER_USES)
)

SUBTYPES: tuple[EventRule, ...] = (
    *_TUMOR_DRUGS,
    EventRule("antineoplastic", _DRUG, "ATC L01, L02", (ATC,), rf"(?!(?:{_ATC_UNTOLD})$)L0[12][A-Z0-9]*"),
    EventRule("antineoplastic", _DRUG, "antineoplastic by name", words=rf"\b(?:{_ONLY_ANTINEOPLASTIC})\b"),
    *_OTHER_DRUGS,
    *_UNTOLD_DRUGS,
    EventRule("corticosteroid", _DRUG, "ATC H02", (ATC,), r"H02[A-Z0-9]*"),
    EventRule("antiepileptic", _DRUG, "ATC N03", (ATC,), r"N03[A-Z0-9]*"),
    EventRule("corticosteroid", _DRUG, "corticosteroid by name", words=rf"\b(?:{_CORTICOSTEROID})\b"),
    EventRule("antiepileptic", _DRUG, "antiepileptic by name", words=rf"\b(?:{_ANTIEPILEPTIC})\b"),
    # The chapter of chemotherapy holds what goes with it too: a name decides before the range.
    EventRule("antineoplastic", _DRUG, "HCPCS antineoplastics elsewhere", (HCPCS,), "|".join(HCPCS_ANTINEOPLASTICS)),
    EventRule("corticosteroid", _DRUG, "HCPCS oral dexamethasone", (HCPCS,), "J8540"),
    EventRule("other", _DRUG, "HCPCS no antineoplastics", (HCPCS,), "|".join(HCPCS_NO_ANTINEOPLASTICS)),
    EventRule("other", _DRUG, "supportive care by name", words=rf"\b(?:{_SUPPORTIVE})\b"),
    EventRule("antineoplastic", _DRUG, "HCPCS chemotherapy drugs", (HCPCS,), r"J8[5-9]\d\d|J9\d{3}"),
    EventRule("other", _DRUG, "other medications"),
    EventRule("tumor_resection", _SURGERY, "CPT surgery for tumour", (CPT,), _TUMOR_CPT),
    EventRule("biopsy", _SURGERY, "CPT biopsy of brain", (CPT,), r"61140|6175[01]"),
    EventRule("cerebrospinal_fluid_diversion", _SURGERY, "CPT shunts", (CPT,), _SHUNT_CPT),
    EventRule("cerebrospinal_fluid_diversion", _SURGERY, "ICD-10-PCS shunts and drains", _PCS, _SHUNT_PCS),
    EventRule("cerebrospinal_fluid_diversion", _SURGERY, "MIMIC items, ventricular drain", (MIMIC_ITEMS,), "226475"),
    EventRule(
        "tumor_resection",
        _SURGERY,
        "tumour resection by words",
        words=rf"{_REMOVED}[^.]{{0,60}}{_TUMOR}|{_TUMOR}[^.]{{0,40}}{_REMOVED}|debulk",
    ),
    EventRule("biopsy", _SURGERY, "biopsy by words", words=r"biops"),
    EventRule(
        "cerebrospinal_fluid_diversion",
        _SURGERY,
        "shunts by words",
        words=r"shunt|ventriculostomy|external ventricular|\bevd\b|\betv\b",
    ),
    EventRule("other", _SURGERY, "other surgery"),
    EventRule("XR", _IMAGING, "MIMIC items, films", (MIMIC_ITEMS,), "225460|225461|225463"),
    EventRule("MR", _IMAGING, "MR by words", words=r"\b(?:mri?|mra|mrv|nmr)\b|magnetic resonance"),
    EventRule("PT", _IMAGING, "PET by words", words=r"\bpet\b|positron"),
    EventRule("CT", _IMAGING, "CT by words", words=r"\bcta?\b|computed tomogra|cat scan"),
    EventRule("US", _IMAGING, "ultrasound by words", words=r"ultraso|\bus\b|\becho\b|echocardiogra|doppler"),
    EventRule("XR", _IMAGING, "radiography by words", words=r"x-?ray|\bxr\b|radiograph|portable|chest \(?pa"),
    EventRule("other", _IMAGING, "other imaging"),
)


def classify(
    rules: Iterable[EventRule], resource: str, codings: Iterable[Coding], description: str
) -> EventRule | None:
    """The first rule that decides a resource (or, for subtypes, an event type); None where none does."""
    codings = tuple(codings)
    return next((rule for rule in rules if rule.matches(resource, codings, description)), None)
