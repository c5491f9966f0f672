"""The drugs of the hospital: names, codes, strengths, doses and routes as MIMIC-IV's tables write them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Carrier:
    """What else is in the bag, a row of the same prescription: the fluid (BASE) or what is added to one (ADDITIVE)."""

    drug: str
    code: str
    gsn: str | None
    ndc: str
    strength: str
    dose: str
    unit: str
    form: str
    form_unit: str
    drug_type: str = "BASE"


MINI_BAG = Carrier(
    "0.9% Sodium Chloride (Mini Bag Plus)", "NS/MBP100I", "001210", "00338055318", "100mL Bag", "100", "mL", "1", "BAG"
)
ISO_DEXTROSE = Carrier("Iso-Osmotic Dextrose", "VANCOBASE", None, "0", "200ml Bag", "200", "mL", "200", "mL")
SMALL_BAG = Carrier("Bag", "BAG50", None, "0", "50 mL Bag", "1", "BAG", "1", "BAG")
CALCIUM_BAG = Carrier("0.9% Sodium Chloride", "NS100CG", None, "0", "100 mL Bag", "1", "BAG", "1", "BAG")
POTASSIUM = Carrier(
    "Potassium Chl 20 mEq / 1000 mL", "KCL20/LR", "001271", "0", "20 mEq", "20", "mEq", "10", "mL", "ADDITIVE"
)
DEXTROSE = Carrier("5% Dextrose", "HEPBASE", None, "0", "HEPARIN BASE", "250", "mL", "250", "mL")


@dataclass(frozen=True)
class Drug:
    """One line of the formulary.

    Attributes:
        drug: name as prescribed.
        code: the hospital's own.
        gsn: generic sequence number.
        ndc: National Drug Code.
        strength: of the product.
        dose: as written.
        unit: of the dose.
        form: how many of the form make a dose.
        form_unit: the form.
        per_day: doses in 24 hours, None where given as needed.
        route: of giving.
        frequency: as the pharmacy writes it.
        share: of admissions it is prescribed in.
        when: `any`, `intensive`, `operated`, a chronic condition's name, or empty for antibiotics (see `REGIMENS`).
        days: median duration.
        carrier: fluid of an intravenous drug.
        item: ICU inputevents item of antibiotics.
        drug_type: `MAIN`, or `BASE` for fluids ordered by themselves.
    """

    drug: str
    code: str
    gsn: str | None
    ndc: str
    strength: str
    dose: str
    unit: str
    form: str
    form_unit: str
    per_day: float | None
    route: str | None
    frequency: str
    share: float = 0.0
    when: str = ""
    days: float = 3.0
    carrier: Carrier | None = None
    item: int | None = None
    drug_type: str = "MAIN"


# fmt: off
DRUGS: tuple[Drug, ...] = (
    Drug("Sodium Chloride 0.9%  Flush", "NACLFLUSH", None, "0", "10 mL Syringe", "3", "mL", "0.3", "SYR", 3, "IV",
        "Q8H", 0.9, "any", 4),
    Drug("Sodium Chloride 0.9%  Flush", "NACLFLUSH", None, "0", "10 mL Syringe", "3-10", "mL", "0.3-1", "SYR", 3,
        "IV", "Q8H", 0.08, "any", 4),
    Drug("Heparin", "HEPA5I", "006549", "63323026201", "5000 Units / mL- 1mL Vial", "5000", "UNIT", "1", "mL", 3,
        "SC", "TID", 0.6, "any", 4),
    Drug("Acetaminophen", "ACET325", "004489", "51079000220", "325mg Tablet", "650", "mg", "2", "TAB", None, "PO/NG",
        "Q6H:PRN", 0.55, "any", 4),
    Drug("Acetaminophen", "ACET325", "004489", "51079000220", "325mg Tablet", "325-650", "mg", "1-2", "TAB", None,
        "PO/NG", "Q6H:PRN", 0.07, "any", 4),
    Drug("Docusate Sodium", "DOCU100", "003009", "00904224461", "100mg Capsule", "100", "mg", "1", "CAP", 2, "PO/NG",
        "BID", 0.45, "any", 4),
    Drug("Senna", "SENN187", "019964", "00904516561", "8.6 mg Tablet", "8.6", "mg", "1", "TAB", None, "PO/NG",
        "BID:PRN", 0.35, "any", 4),
    Drug("Bisacodyl", "BISA10R", "002944", "00574705050", "10mg Suppository", "10", "mg", "1", "SUPP", None, "PR",
        "DAILY:PRN", 0.2, "any", 4),
    Drug("Ondansetron", "ONDAN4I", "061716", "00641607825", "2mg/mL-2mL", "4", "mg", "1", "VIAL", None, "IV",
        "Q8H:PRN", 0.35, "any", 3),
    Drug("Pantoprazole", "PANT40", "027462", "00008084199", "40mg Tablet", "40", "mg", "1", "TAB", 1, "PO", "Q24H",
        0.35, "any", 4),
    Drug("OxyCODONE (Immediate Release)", "OXYC5", "004225", "00406055262", "5mg Tablet", "5-10", "mg", "1-2", "TAB",
        None, "PO/NG", "Q4H:PRN", 0.25, "any", 3),
    Drug("Morphine Sulfate", "MORP2I", "070021", "00409189001", "2mg/mL Syringe", "2-4", "mg", "1-2", "SYR", None,
        "IV", "Q4H:PRN", 0.2, "any", 2),
    Drug("Magnesium Sulfate", "MAG2PM", "016546", "00409672924", "2 g / 50 mL Premix Bag", "2", "gm", "1", "BAG", 1,
        "IV", "ONCE", 0.35, "any", 0.3, SMALL_BAG),
    Drug("Potassium Chloride", "MICROK10", "001275", "00245004101", "10mEq ER Tablet", "40", "mEq", "4", "TAB", 1,
        "PO", "ONCE", 0.3, "any", 0.3),
    Drug("Lactated Ringers", "LR1000", "001187", "00338011704", "1000ml Bag", "1000", "mL", "1", "BAG", None, "IV",
        "ASDIR", 0.25, "any", 1, drug_type="BASE"),
    Drug("Lactated Ringers", "LR1000", "001187", "00338011704", "1000ml Bag", "1000", "mL", "1", "BAG", None, "IV",
        "ASDIR", 0.02, "any", 1, POTASSIUM, drug_type="BASE"),
    Drug("Sodium Chloride 0.9%", "NS1000", "001210", "00338004904", "1000mL Bag", "1000", "mL", "1000", "mL", None,
        "IV", "ASDIR", 0.3, "any", 0.5, drug_type="BASE"),
    Drug("Influenza Vaccine Quadrivalent", "FLU0.5SYR", "069742", "19515089111", "0.5 mL Syringe", "0.5", "mL", "1",
        "SYR", 0, "IM", "NOW X1", 0.12, "any", 1),
    Drug("Artificial Tears", "ARTI15OPH", "007995", "00536650094", "15mL Btl", "1-2", "DROP", "0.1", "BTL", None,
        "BOTH EYES", "PRN", 0.05, "any", 3),
    Drug("Erythromycin 0.5% Ophth Oint", "ERYT3.5O", "007950", "24208091055", "3.5g Tube", "0.5", "in", "1", "TUBE",
        4, "LEFT EYE", "QID", 0.02, "any", 3),
    Drug("Mupirocin Ointment 2%", "BACT2022G", "007732", "45802011222", "22 g Tube", "1", "Appl", "0.1", "TUBE", 2,
        "TP", "BID", 0.03, "any", 5),
    Drug("Neomycin-Polymyxin-Bacitracin", "NEOM30O", "007694", "00168001231", "30g Ointment", "1", "Appl", "1",
        "TUBE", 1, "TP", "PRN", 0.03, "any", 3),
    Drug("Heparin Sodium", "HEPPREMIX", "060301", "00264958720", "25,000 unit Premix Bag", "25,000", "UNIT", "1",
        "BAG", None, "IV", "ASDIR", 0.1, "any", 2, DEXTROSE),
    Drug("Furosemide", "FURO20I", "008205", "00409610202", "20mg/2mL Vial", "20", "mg", "1", "VIAL", 1, "IV", "ONCE",
        0.12, "any", 0.3),
    Drug("Famotidine", "FAMO20PM", "021732", "00338519741", "20mg Premix Bag", "20", "mg", "1", "BAG", 2, "IV",
        "Q12H", 0.25, "intensive", 3),
    Drug("Propofol", "PROP100IG", "016796", "63323026965", "1000mg/100mL Vial", "1000", "mg", "1", "VIAL", None,
        "IV DRIP", "TITRATE TO", 0.35, "intensive", 1.5),
    Drug("Fentanyl Citrate", "FENT2.550", "048287", "61553011841", "2.5mg / 50 mL Premix Bag", "2.5", "mg", "1",
        "BAG", None, "IV DRIP", "TITRATE TO", 0.3, "intensive", 1.5),
    Drug("NORepinephrine", "NORE8/250N", "066419", "61553012011", "8 mg / 250 mL Premix Bag", "8", "mg", "1", "BAG",
        None, "IV DRIP", "TITRATE TO", 0.2, "intensive", 1.5),
    Drug("Calcium Gluconate", "CALCG2/100NS", "066576", "61553005148", "2 g / 100 mL Premix Bag", "2", "g", "1",
        "BAG", None, "IV", "PRN", 0.4, "intensive", 2, CALCIUM_BAG),
    Drug("Potassium Chloride", "KCL20PM", "045309", "00338070341", "20mEq/50mL Premix", "20", "mEq", "50", "mL",
        None, "IV", "PRN", 0.3, "intensive", 2),
    Drug("Chlorhexidine Gluconate 0.12% Oral Rinse", "CHLO15L", "057959", "54569523500", "15ml Cup", "15", "mL", "1",
        "UDCUP", 2, "ORAL", "BID", 0.35, "intensive", 2),
    Drug("Insulin", "HUMU100I", "027413", "00002751001", "100 Units / mL - 10 mL Vial", "0", "UNIT", "0", "VIAL",
        None, "SC", "ASDIR", 0.95, "diabetes", 4),
    Drug("Glucagon", "GLUC1I", "041660", "55390000401", "1mg Vial", "1", "mg", "1", "VIAL", None, "IM", "Q15MIN:PRN",
        0.8, "diabetes", 4),
    Drug("Dextrose 50%", "DEX50SY", "001989", "00409490234", "25 g / 50 mL Syringe", "12.5", "gm", "0.5", "SYR",
        None, "IV", "PRN", 0.8, "diabetes", 4),
    Drug("Aspirin", "ASA81", "004380", "00904404073", "81mg Tab", "81", "mg", "1", "TAB", 1, "PO/NG", "DAILY", 0.85,
        "coronary disease", 4),
    Drug("Atorvastatin", "ATOR40", "029968", "51079020820", "40mg Tablet", "40", "mg", "1", "TAB", 1, "PO/NG", "QPM",
        0.75, "hyperlipidaemia", 4),
    Drug("Metoprolol Tartrate", "METO25", "005131", "51079025520", "25mg Tablet", "12.5", "mg", "0.5", "TAB", 2,
        "PO/NG", "BID", 0.6, "atrial fibrillation", 4),
    Drug("Lisinopril", "LISI10", "000393", "51079098220", "10mg Tablet", "10", "mg", "1", "TAB", 1, "PO/NG", "DAILY",
        0.35, "hypertension", 4),
    Drug("Losartan Potassium", "LOSA25", "023381", "68084034601", "25mg Tablet", "50", "mg", "2", "TAB", 1, "PO/NG",
        "DAILY", 0.2, "hypertension", 4),
    Drug("Furosemide", "FURO40I", "008205", "00409610204", "40mg/4mL Vial", "40", "mg", "1", "VIAL", 2, "IV", "BID",
        0.7, "heart failure", 3),
    Drug("Levothyroxine Sodium", "LEVO75", "006652", "00074518211", "75mcg Tablet", "75", "mcg", "1", "TAB", 1,
        "PO/NG", "DAILY", 0.9, "hypothyroidism", 4),
    Drug("Albuterol 0.083% Neb Soln", "ALBU3H", "005039", "49502069724", "0.083%;3mL Vial", "1", "NEB", "1", "VIAL",
        None, "IH", "Q4H:PRN", 0.85, "chronic lung disease", 4),
    Drug("Lactulose", "LACT30L", "003067", "00121457740", "20gm/30mL Cup", "30", "mL", "1", "UDCUP", 3, "PO/NG",
        "TID", 0.8, "cirrhosis", 4),
    Drug("Thiamine", "THIA100", "002451", "00904054460", "100mg Tablet", "100", "mg", "1", "TAB", 1, "PO/NG",
        "DAILY", 0.8, "alcohol dependence", 4),
    Drug("Sevelamer CARBONATE", "SEVE800", "063481", "58468013001", "800mg Tablet", "800", "mg", "1", "TAB", 3, "PO",
        "TID W/MEALS", 0.7, "end stage renal disease", 4),
    Drug("CefazoLIN", "CEFA2D", "068632", "00264310511", "2g Duplex Bag", "2", "g", "1", "BAG", 3, "IV", "Q8H", 0.9,
        "operated", 1, None, 225850),
)

VANCOMYCIN = Drug("Vancomycin", "VANC1F", "043952", "00338355248", "1g Frozen Bag", "1000", "mg", "1", "BAG", 2,
    "IV", "Q12H", days=3, carrier=ISO_DEXTROSE, item=225798)
CEFEPIME = Drug("CefePIME", "CEFE2I", "024095", "60505068104", "2g Vial", "2", "g", "1", "VIAL", 2, "IV", "Q12H",
    days=4, carrier=MINI_BAG, item=225851)
PIPERACILLIN = Drug("Piperacillin-Tazobactam", "ZOSY4FPB", "040819", "00206886202", "4.5 g Frozen Bag", "4.5", "g",
    "1", "BAG", 3, "IV", "Q8H", days=4, item=225893)
CEFTRIAXONE = Drug("CeftriaXONE", "CEFX1F", "059424", "00338500241", "1g Frozen Bag", "1", "gm", "1", "BAG", 1, "IV",
    "Q24H", days=4, item=225855)
MEROPENEM = Drug("Meropenem", "MERO500I", "026488", "00310032520", "500mg Vial", "500", "mg", "1", "VIAL", 4, "IV",
    "Q6H", days=5, carrier=MINI_BAG, item=225883)
METRONIDAZOLE = Drug("MetRONIDAZOLE (FLagyl)", "METR500PM", "009588", "00338105548", "500mg Premix Bag", "500", "mg",
    "1", "BAG", 3, "IV", "Q8H", days=4, item=225884)
LEVOFLOXACIN = Drug("Levofloxacin", "LEVO750PM", "046770", "50458016601", "750mg Premix Bag", "750", "mg", "1",
    "BAG", 1, "IV", "Q24H", days=3, item=225879)
AZITHROMYCIN = Drug("Azithromycin", "AZIT250", "027252", "00904670806", "250 mg Tablet", "250", "mg", "1", "TAB", 1,
    "PO/NG", "Q24H", days=4)
CIPROFLOXACIN = Drug("Ciprofloxacin HCl", "CIPR500", "009510", "68084007001", "500mg Tab", "500", "mg", "1", "TAB",
    2, "PO/NG", "Q12H", days=5)
ORAL_VANCOMYCIN = Drug("Vancomycin Oral Liquid", "VANC125L", "009329", "63323031461", "125mg Oral Syringe", "125",
    "mg", "2.5", "mL", 4, "PO/NG", "Q6H", days=7)
DAPTOMYCIN = Drug("Daptomycin", "DAPT500I", "052891", "67919001101", "500mg Vial", "450", "mg", "0.9", "VIAL", 1,
    "IV", "Q24H", days=5, carrier=MINI_BAG)
UNROUTED = Drug("Vancomycin", "VANC1F", "043952", "00338355248", "1g Frozen Bag", "1000", "mg", "1", "BAG", 1, None,
    "ONCE", days=0.5)
"""Without a route, as a few prescriptions are."""

ANTIBIOTICS: tuple[Drug, ...] = (
    VANCOMYCIN, CEFEPIME, PIPERACILLIN, CEFTRIAXONE, MEROPENEM, METRONIDAZOLE, LEVOFLOXACIN, AZITHROMYCIN,
        CIPROFLOXACIN,
    ORAL_VANCOMYCIN, DAPTOMYCIN, UNROUTED,
)
REGIMENS: tuple[tuple[float, tuple[tuple[Drug, float], ...]], ...] = (
    (0.30, ((VANCOMYCIN, 0), (CEFEPIME, 0.5), (LEVOFLOXACIN, 70))),
    (0.20, ((VANCOMYCIN, 0.3), (PIPERACILLIN, 0), (CIPROFLOXACIN, 90))),
    (0.22, ((CEFTRIAXONE, 0), (AZITHROMYCIN, 1))),
    (0.10, ((CEFTRIAXONE, 0), (METRONIDAZOLE, 0.5), (CIPROFLOXACIN, 80))),
    (0.07, ((VANCOMYCIN, 0), (MEROPENEM, 0.6))),
    (0.06, ((LEVOFLOXACIN, 0),)),
    (0.02, ((ORAL_VANCOMYCIN, 0), (METRONIDAZOLE, 2))),
    (0.02, ((DAPTOMYCIN, 12), (CEFEPIME, 0))),
    (0.01, ((UNROUTED, 0), (CEFEPIME, 1))),
)
"""Share of infections, and the drugs with the hours after the first dose at which each is ordered."""

HOME_DRUGS: tuple[tuple[str, str, str, str, str, str], ...] = (
    # condition it is taken for, name, gsn, ndc, etccode, etcdescription
    ("heart failure", "furosemide", "008208", "10544013130", "00000250", "Diuretic - Loop"),
    ("coronary disease", "aspirin", "016995", "10135017301", "00005843",
        "Platelet Aggregation Inhibitors - Salicylates"),
    ("any", "pantoprazole", "027462", "13668009705", "00000445",
        "Gastric Acid Secretion Reducing Agents - Proton Pump Inhibitors (PPIs)"),
    ("any", "multivitamin", "002524", "10770012801", "00000701", "Multivitamins"),
    ("any", "docusate sodium", "003009", "10135011101", "00000414", "Laxative - Surfactant"),
    ("any", "cholecalciferol (vitamin D3)", "064176", "10939052444", "00000670", "Vitamins - D Derivatives"),
    ("hypertension", "losartan", "023382", "13107019630", "00000225", "Angiotensin II Receptor Blockers (ARBs)"),
    ("hyperlipidaemia", "atorvastatin", "029968", "10135065005", "00002747",
        "Antihyperlipidemic - HMG CoA Reductase Inhibitors (statins)"),
    ("diabetes", "metformin", "040974", "10544063030", "00000156", "Insulin Response Enhancers - Biguanides"),
    ("diabetes", "insulin glargine [Lantus]", "047780", "49999099410", "00006094", "Insulin Analogs - Long Acting"),
    ("chronic lung disease", "albuterol sulfate [ProAir HFA]", "028090", "21695042308", "00005970",
        "Asthma/COPD Therapy - Beta 2-Adrenergic Agents, Inhaled, Short Acting"),
    ("depression", "fluoxetine", "046214", "10544006530", "00000530",
        "Antidepressant - Selective Serotonin Reuptake Inhibitors (SSRIs)"),
    ("any", "oxycodone", "013467", "10544038028", "00000583", "Analgesic Opioid Agonists"),
    ("any", "hydrocodone-acetaminophen", "047430", "10544035630", "00006637",
        "Analgesic Opioid Hydrocodone and Non-Salicylate Combinations"),
)
DISPENSED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Morphine Sulfat 4mg/1mL 1mL VIAL", ("074851",)),
    ("Vancomycin", ("043952", "009329")),
    ("HYDROmorphone (D 1mg/1mL 1mL SYR", ("062823",)),
    ("Ondansetron 4mg/2mL 2mL VIAL", ("061716", "015869")),
    ("Acetaminophen 500mg TAB", ("004490",)),
    ("Insulin Human Regular", ("001723",)),
    ("Lactulose", ("029054", "068217", "003067")),
    ("Dextrose 50%", ("001989",)),
    ("Thiamine", ("002451", "016981")),
)
# fmt: on
