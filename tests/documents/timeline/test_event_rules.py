import pytest

from clinical_assets.documents.timeline.drug_uses import OTHER_USES, POSSIBLY
from clinical_assets.documents.timeline.event_rules import (
    ATC,
    CPT,
    EVENT_TYPES,
    HCPCS,
    ICD9PROC,
    ICD10PCS,
    LOINC,
    MIMIC_ITEMS,
    SNOMED,
    SUBTYPES,
    TYPES,
    V2_0074,
    Coding,
    classify,
)


@pytest.mark.parametrize(
    ("system", "code", "kind"),
    [
        (CPT, "61510", "surgery"),
        (CPT, "61798", "radiation"),  # cranial radiosurgery, although among the neurosurgical codes
        (CPT, "77263", "radiation"),
        (CPT, "77067", "imaging"),
        (CPT, "70553", "imaging"),
        (CPT, "78816", "imaging"),
        (CPT, "88307", "pathology"),
        (CPT, "36556", "other"),
        (CPT, "62270", "other"),
        (CPT, "99213", "other"),
        (ICD10PCS, "00B00ZZ", "surgery"),
        (ICD10PCS, "D0001ZZ", "radiation"),
        (ICD10PCS, "B030ZZZ", "imaging"),
        (ICD10PCS, "02HV33Z", "other"),
        (ICD10PCS, "0BH17EZ", "other"),
        (ICD10PCS, "5A1955Z", "other"),
        (ICD9PROC, "01.59", "surgery"),
        (ICD9PROC, "0159", "surgery"),
        (ICD9PROC, "92.23", "radiation"),
        (ICD9PROC, "88.91", "imaging"),
        (ICD9PROC, "96.04", "other"),
        (ICD9PROC, "38.93", "other"),
        (ICD10PCS, "0DJ08ZZ", "other"),  # looking in takes nothing out
        (ICD10PCS, "0W9G3ZZ", "other"),
        (ICD10PCS, "07DR3ZX", "other"),
        (ICD10PCS, "0W9G0ZZ", "surgery"),
        (ICD10PCS, "00B70ZX", "surgery"),
        (ICD10PCS, "0WJG0ZZ", "surgery"),  # exploratory laparotomy, and as a laparoscopy
        (ICD10PCS, "0WJG4ZZ", "surgery"),
        (ICD10PCS, "0WJG3ZZ", "other"),
        (ICD10PCS, "0WJ10ZZ", "surgery"),
        (ICD10PCS, "009630Z", "surgery"),  # ventricular drain
        (ICD10PCS, "00943ZZ", "surgery"),
        (ICD10PCS, "009430Z", "surgery"),
        (ICD10PCS, "009U3ZX", "other"),  # lumbar puncture and drain
        (ICD10PCS, "009U30Z", "other"),
        (ICD9PROC, "54.11", "surgery"),
        (ICD9PROC, "39.90", "surgery"),  # stent; control of haemorrhage
        (ICD9PROC, "39.98", "surgery"),
        (ICD9PROC, "39.95", "other"),
        (ICD9PROC, "38.97", "other"),
        (ICD9PROC, "45.13", "other"),
        (ICD9PROC, "34.91", "other"),
        (ICD9PROC, "37.22", "other"),
        (ICD9PROC, "45.73", "surgery"),
        (ICD9PROC, "36.13", "surgery"),
        (SNOMED, "387713003", "surgery"),
        (SNOMED, "108290001", "radiation"),
        (SNOMED, "363679005", "imaging"),
        (CPT, "43264", "other"),  # ERCP
        (CPT, "45395", "surgery"),  # proctectomy, among the codes of looking into the rectum
        (CPT, "45378", "other"),
        (CPT, "31600", "surgery"),
        (CPT, "31622", "other"),
        (CPT, "64415", "other"),
        (CPT, "64553", "surgery"),
        (CPT, "32554", "other"),
        (HCPCS, "G6015", "radiation"),
        (HCPCS, "G0339", "radiation"),
        (HCPCS, "C8909", "imaging"),
        (HCPCS, "R0070", "imaging"),
        (HCPCS, "J9271", "medication"),
        (HCPCS, "Q2042", "medication"),
        (HCPCS, "Q2050", "medication"),
        (HCPCS, "C9257", "medication"),
        (HCPCS, "Q2039", "other"),
        (HCPCS, "C9600", "other"),
        (MIMIC_ITEMS, "225470", "surgery"),
        (MIMIC_ITEMS, "225448", "surgery"),
        (MIMIC_ITEMS, "225450", "radiation"),
        (MIMIC_ITEMS, "225459", "imaging"),
        (MIMIC_ITEMS, "225792", "other"),
        (MIMIC_ITEMS, "225400", "other"),
        ("urn:made-up", "61510", "other"),
    ],
)
def test_procedures_by_code(system, code, kind):
    assert classify(TYPES, "Procedure", [Coding(system, code)], "").kind == kind


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Craniotomy for resection of posterior fossa mass", "surgery"),
        ("Laparoscopic appendectomy", "surgery"),
        ("CT-guided needle biopsy", "surgery"),
        ("Stereotactic radiosurgery, left frontal", "radiation"),
        ("Proton beam therapy", "radiation"),
        ("MRI brain with contrast", "imaging"),
        ("Lumbar puncture", "other"),
        ("Blood transfusion", "other"),
        ("Bone marrow aspirate and biopsy", "other"),
        ("Injection, carfilzomib, 1 mg", "medication"),
        ("Trastuzumab not administered within 12 months of diagnosis", "other"),
        ("Haircut", "other"),
        ("", "other"),
    ],
)
def test_procedures_by_words(words, kind):
    assert classify(TYPES, "Procedure", [], words).kind == kind


@pytest.mark.parametrize(
    ("codings", "words", "kind"),
    [
        ([Coding(V2_0074, "SP")], "", "pathology"),
        ([Coding(V2_0074, "RAD")], "Pathologic fracture series", "imaging"),
        ([Coding(V2_0074, "LAB")], "CT ratio", "other"),
        ([Coding(LOINC, "LP29684-5")], "", "imaging"),
        ([], "MR BRAIN W/O CONTRAST", "imaging"),
        ([], "Surgical pathology report", "pathology"),
        ([], "Electrocardiogram", "other"),
    ],
)
def test_reports(codings, words, kind):
    assert classify(TYPES, "DiagnosticReport", codings, words).kind == kind


@pytest.mark.parametrize(
    ("event_type", "codings", "words", "subtype"),
    [
        ("medication", [], "Temozolomide 140 mg capsule", "antineoplastic"),
        ("medication", [Coding(ATC, "L01AX03")], "", "antineoplastic"),
        ("medication", [], "dexAMETHasone 4 mg tablet", "corticosteroid"),
        ("medication", [], "levETIRAcetam", "antiepileptic"),
        ("medication", [], "Acetaminophen", "other"),
        ("medication", [], "tisagenlecleucel infusion", "antineoplastic"),
        ("medication", [], "ondansetron", "other"),
        ("surgery", [Coding(CPT, "61510")], "", "tumor_resection"),
        ("surgery", [Coding(ICD10PCS, "00163J6")], "", "cerebrospinal_fluid_diversion"),
        ("surgery", [Coding(ICD10PCS, "009630Z")], "", "cerebrospinal_fluid_diversion"),
        ("surgery", [Coding(ICD10PCS, "00963ZX")], "", "other"),
        ("surgery", [Coding(ICD10PCS, "00943ZZ")], "", "other"),  # a subdural haematoma, as by CPT 61108
        ("surgery", [], "Craniotomy, excision of infratentorial brain tumor", "tumor_resection"),
        ("surgery", [Coding(CPT, "61750")], "", "biopsy"),
        ("surgery", [], "Ventriculoperitoneal shunt revision", "cerebrospinal_fluid_diversion"),
        ("surgery", [], "Appendectomy", "other"),
        ("imaging", [], "MRI brain", "MR"),
        ("imaging", [], "CTA head", "CT"),
        ("imaging", [], "PET/CT skull to thigh", "PT"),
        ("imaging", [], "US abdomen", "US"),
        ("imaging", [], "Chest (PA and lateral)", "XR"),
    ],
)
def test_subtypes(event_type, codings, words, subtype):
    assert classify(SUBTYPES, event_type, codings, words).kind == subtype


@pytest.mark.parametrize(
    ("code", "words", "subtype"),
    [
        ("J8540", "Dexamethasone, oral, 0.25 mg", "corticosteroid"),
        ("J8540", "", "corticosteroid"),
        ("J8501", "Aprepitant, oral, 5 mg", "other"),
        ("J8498", "Antiemetic drug, rectal/suppository, not otherwise specified", "other"),
        ("J8499", "Prescription drug, oral, non chemotherapeutic, nos", "other"),
        ("J8597", "Antiemetic drug, oral, not otherwise specified", "other"),
        ("J8650", "", "other"),
        ("J9175", "Injection, elliotts' b solution, 1 ml", "other"),
        ("J9209", "Injection, mesna, 200 mg", "other"),
        ("J9332", "Injection, efgartigimod alfa-fcab, 2 mg", "other"),
        ("J9333", "", "other"),
        ("J9334", "", "other"),
        ("J9376", "", "other"),
        ("J9381", "Injection, teplizumab-mzwv, 5 mcg", "other"),
        ("J9500", "Injection, tbo-filgrastim, 1 microgram", "other"),  # a name decides before the range
        ("J9501", "", "antineoplastic"),
        ("J8700", "Temozolomide, oral, 5 mg", "antineoplastic"),
        ("J8999", "Prescription drug, oral, chemotherapeutic, nos", "antineoplastic"),
        ("J9190", "", "antineoplastic"),
        ("J9202", "", "possibly_antineoplastic"),  # goserelin, rituximab: see the drugs of another use below
        ("J9214", "Injection, interferon, alfa-2b, recombinant, 1 million units", "antineoplastic"),
        ("J9312", "", "possibly_antineoplastic"),
        ("J9999", "Not otherwise classified, antineoplastic drugs", "antineoplastic"),
        ("Q2040", "", "antineoplastic"),
        ("Q2041", "", "antineoplastic"),
        ("Q2042", "", "antineoplastic"),
        ("Q2043", "", "antineoplastic"),
        ("Q2049", "", "antineoplastic"),
        ("Q2050", "", "antineoplastic"),
        ("Q2053", "", "antineoplastic"),
        ("Q2058", "", "antineoplastic"),
        ("C9257", "", "possibly_antineoplastic"),  # bevacizumab in the dose for the eye
        ("C9499", "Injection, carfilzomib, 1 mg", "antineoplastic"),  # newer than the table
        ("Q5107", "Injection, bevacizumab-awwb, biosimilar, (mvasi), 10 mg", "antineoplastic"),
        ("Q5101", "Injection, filgrastim-sndz, biosimilar, (zarxio), 1 microgram", "other"),
    ],
)
def test_billed_drugs_treat_a_tumour_or_do_not(code, words, subtype):
    coding = [Coding(HCPCS, code)]
    assert classify(TYPES, "Procedure", coding, words).kind == "medication"
    assert classify(SUBTYPES, "medication", coding, words).kind == subtype


@pytest.mark.parametrize(
    ("code", "words", "subtype"),
    [
        # everolimus: by code, brand, strength
        (Coding(HCPCS, "J7527"), "Everolimus, oral, 0.25 mg", "other"),
        (Coding(HCPCS, "J7527"), "", "other"),
        (None, "Zortress 0.75 mg tablet", "other"),
        (None, "everolimus (Zortress) 1 mg tab", "other"),
        (None, "everolimus 0.5 mg tablet", "other"),
        (None, "everolimus 7.5 mg tablet", "antineoplastic"),
        (None, "Afinitor 5 mg tablet", "antineoplastic"),
        (None, "Everolimus", "possibly_antineoplastic"),
        (Coding(ATC, "L04AH02"), "everolimus", "other"),
        (Coding(ATC, "L01EG02"), "everolimus", "antineoplastic"),
        # methotrexate: by route, dose, device; ATC puts every tablet among the immunosuppressants
        (None, "Methotrexate Sodium", "possibly_antineoplastic"),
        (None, "methotrexate 2.5 mg tablet", "possibly_antineoplastic"),
        (Coding(ATC, "L04AX03"), "methotrexate 2.5 mg tablet", "possibly_antineoplastic"),
        (Coding(ATC, "L01BA01"), "methotrexate", "antineoplastic"),
        (None, "methotrexate 12 mg intrathecal", "antineoplastic"),
        (None, "High-dose methotrexate", "antineoplastic"),
        (None, "methotrexate 8,000 mg in dextrose", "antineoplastic"),
        (None, "Methotrexate 15 mg/0.3 mL auto-injector", "other"),
        (None, "OTREXUP 15 mg", "other"),
        # on the skin, in the eye
        (None, "Fluorouracil 5% cream", "other"),
        (None, "fluorouracil 2,400 mg continuous infusion", "antineoplastic"),
        (None, "Tretinoin 0.025% gel", "other"),
        (None, "tretinoin 10 mg capsule", "antineoplastic"),
        (None, "tretinoin", "possibly_antineoplastic"),
        (None, "ruxolitinib 1.5 % cream", "other"),
        (None, "ruxolitinib 5 mg tablet", "possibly_antineoplastic"),
        (None, "bevacizumab 1.25 mg intravitreal", "other"),
        (None, "bevacizumab 400 mg", "antineoplastic"),
        (None, "bevacizumab-awwb", "antineoplastic"),
        (Coding(HCPCS, "C9257"), "Injection, bevacizumab, 0.25 mg", "possibly_antineoplastic"),
        # what is mixed in, given beside it or done to the dose is not the drug's strength or form
        (None, "fluorouracil (adrucil) 4,150 mg in sodium chloride 0.9 % 250 mL chemo infusion", "antineoplastic"),
        (None, "fluorouracil in dextrose 5 %", "antineoplastic"),
        (None, "fluorouracil 5 % in dextrose", "antineoplastic"),
        (None, "fluorouracil, apply emla cream to port", "antineoplastic"),
        (None, "fluorouracil infusion, hold Efudex", "antineoplastic"),
        (None, "fluorouracil 50 mg/mL vial, topical lidocaine", "antineoplastic"),
        (None, "fluorouracil 0.9 %", "antineoplastic"),
        (None, "fluorouracil (EFUDEX) 5 % cream 40 g", "other"),
        (None, "fluorouracil 0.5%", "other"),
        (None, "Topical fluorouracil", "other"),
        (None, "ruxolitinib 10 mg tab, dose reduced 50%", "possibly_antineoplastic"),
        (None, "ruxolitinib 10 mg tab, hydrocortisone 1 % cream", "possibly_antineoplastic"),
        (None, "tretinoin 0.05 % cream to temporal and perioral skin", "other"),
        (None, "tretinoin, hydrocortisone 1 % cream", "possibly_antineoplastic"),
        (None, "bevacizumab 400 mg, ophthalmic drops", "antineoplastic"),
        (None, "bevacizumab 10 mg/kg IV, see left eye", "antineoplastic"),
        (None, "methotrexate 12 mg IT, epinephrine auto-injector", "possibly_antineoplastic"),
        (None, "leuprolide 7.5 mg, pediatric oncology", "possibly_antineoplastic"),
        (None, "everolimus 5 mg + 1 mg", "possibly_antineoplastic"),
        (None, "everolimus 5 + 1 mg", "possibly_antineoplastic"),
        (None, "everolimus 1 mg and 5mg tablets", "possibly_antineoplastic"),
        (None, "everolimus 5 mg, stem cell transplant", "possibly_antineoplastic"),
        (None, "everolimus, stem cell transplant", "possibly_antineoplastic"),
        (None, "everolimus, kidney transplant", "other"),
        (None, "everolimus 0.25 mg + 0.5 mg", "other"),
        (None, "everolimus 10mg", "antineoplastic"),
        # by brand
        (None, "Siklos 100 mg tablet", "other"),
        (None, "hydroxyurea 500 mg capsule", "possibly_antineoplastic"),
        (None, "isotretinoin (Claravis) 40 mg", "other"),
        (None, "isotretinoin 20 mg", "possibly_antineoplastic"),
        (None, "rituximab-abbs", "possibly_antineoplastic"),
        (None, "rituximab and hyaluronidase", "antineoplastic"),
        (None, "Eligard 22.5 mg", "antineoplastic"),
        (None, "leuprolide acetate (pediatric) 11.25 mg", "other"),
        # nothing tells
        (None, "mercaptopurine 50 mg tablet", "possibly_antineoplastic"),
        (None, "cyclophosphamide", "possibly_antineoplastic"),
        (None, "tamoxifen 20 mg", "possibly_antineoplastic"),
        (Coding(HCPCS, "S0179"), "Megestrol acetate, oral, 20 mg", "possibly_antineoplastic"),
        # a drug of no other use beside it tells
        (None, "R-CHOP: rituximab, cyclophosphamide, doxorubicin, vincristine, prednisone", "antineoplastic"),
        (None, "temsirolimus", "antineoplastic"),
        (None, "tacrolimus 1 mg capsule, transplant", "other"),
    ],
)
def test_drugs_of_another_use_are_told_by_code_brand_strength_and_form_or_said_to_be_doubtful(code, words, subtype):
    assert classify(SUBTYPES, "medication", [code] if code else [], words).kind == subtype


@pytest.mark.parametrize("drug", OTHER_USES, ids=lambda drug: drug.drug)
@pytest.mark.parametrize(
    "mixed",
    ["500 mg in sodium chloride 0.9 % 250 mL", "in dextrose 5 %", "5 % IV", "chemo infusion", "apply emla cream"],
)
def test_no_start_is_missed_for_what_a_drug_is_mixed_in_or_given_beside(drug, mixed):
    assert classify(SUBTYPES, "medication", [], f"{drug.drug} {mixed}").kind.endswith("antineoplastic")


def test_no_drug_of_another_use_is_lost_where_nothing_is_said_of_its_use():
    for drug in OTHER_USES:
        said = classify(SUBTYPES, "medication", [], drug.drug).kind
        assert said.removeprefix(POSSIBLY) == "antineoplastic", drug.drug
        for code in (drug.codes.replace(r"\d", "0").replace("[0-7]", "0")).split("|") if drug.codes else ():
            system = ATC if code[1:3].isdigit() and code[3].isalpha() else HCPCS
            assert classify(SUBTYPES, "medication", [Coding(system, code)], "").kind == f"{POSSIBLY}antineoplastic", (
                code
            )


def test_every_rule_gives_a_known_type():
    assert {rule.kind for rule in TYPES} <= set(EVENT_TYPES)
    assert all(resource in EVENT_TYPES for rule in SUBTYPES for resource in rule.resources)
