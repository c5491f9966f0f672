"""Every item id against the release's own dictionary: the label it should have, and the unit it is charted in."""

import polars as pl
import pytest

from clinical_assets.concepts import (
    anthropometry,
    blood_gas,
    code_status,
    dialysis,
    gcs,
    invasive_line,
    laboratory,
    medications,
    respiratory,
    urine,
    vasoactive,
    vitals,
)
from clinical_assets.concepts.dialysis_items import DIALYSIS_ITEMS

LAB_LABELS = {
    "albumin": {"Albumin"},
    "globulin": {"Globulin"},
    "total_protein": {"Protein, Total"},
    "aniongap": {"Anion Gap"},
    "bicarbonate": {"Bicarbonate"},
    "bun": {"Urea Nitrogen"},
    "calcium": {"Calcium, Total"},
    "chloride": {"Chloride"},
    "creatinine": {"Creatinine"},
    "glucose": {"Glucose"},
    "sodium": {"Sodium"},
    "potassium": {"Potassium"},
    "hematocrit": {"Hematocrit"},
    "hemoglobin": {"Hemoglobin"},
    "mch": {"MCH"},
    "mchc": {"MCHC"},
    "mcv": {"MCV"},
    "platelet": {"Platelet Count"},
    "rbc": {"Red Blood Cells"},
    "rdw": {"RDW"},
    "rdwsd": {"Platelet Aggregation"},  # the published mistake, kept and said in the column's meaning
    "wbc": {"White Blood Cells", "WBC Count"},
    "basophils_abs": {"Absolute Basophil Count"},
    "eosinophils_abs": {"Absolute Eosinophil Count", "Eosinophil Count"},
    "lymphocytes_abs": {"Absolute Lymphocyte Count"},
    "monocytes_abs": {"Absolute Monocyte Count", "Monocyte Count"},
    "neutrophils_abs": {"Absolute Neutrophil Count"},
    "basophils": {"Basophils"},
    "eosinophils": {"Eosinophils"},
    "lymphocytes": {"Lymphocytes", "Lymphocytes, Percent"},
    "monocytes": {"Monocytes"},
    "neutrophils": {"Neutrophils"},
    "atypical_lymphocytes": {"Atypical Lymphocytes"},
    "bands": {"Bands"},
    "immature_granulocytes": {"Immature Granulocytes"},
    "metamyelocytes": {"Metamyelocytes"},
    "nrbc": {"Nucleated Red Cells"},
    "d_dimer": {"D-Dimer"},
    "fibrinogen": {"Fibrinogen, Functional"},
    "thrombin": {"Thrombin"},
    "inr": {"INR(PT)"},
    "pt": {"PT"},
    "ptt": {"PTT"},
    "alt": {"Alanine Aminotransferase (ALT)"},
    "alp": {"Alkaline Phosphatase"},
    "ast": {"Asparate Aminotransferase (AST)"},
    "amylase": {"Amylase"},
    "bilirubin_total": {"Bilirubin, Total"},
    "bilirubin_direct": {"Bilirubin, Direct"},
    "bilirubin_indirect": {"Bilirubin, Indirect"},
    "ck_cpk": {"Creatine Kinase (CK)"},
    "ck_mb": {"Creatine Kinase, MB Isoenzyme"},
    "ggt": {"Gamma Glutamyltransferase"},
    "ld_ldh": {"Lactate Dehydrogenase (LD)"},
    "troponin_t": {"Troponin T"},
    "ntprobnp": {"NTproBNP"},
    "crp": {"C-Reactive Protein"},
}
GAS_LABELS = {
    "so2": {"Oxygen Saturation"},
    "po2": {"pO2"},
    "pco2": {"pCO2"},
    "fio2": {"Oxygen"},
    "aado2": {"Alveolar-arterial Gradient"},
    "ph": {"pH"},
    "baseexcess": {"Base Excess"},
    "bicarbonate": {"Calculated Bicarbonate, Whole Blood"},
    "totalco2": {"Calculated Total CO2"},
    "hematocrit": {"Hematocrit, Calculated"},
    "hemoglobin": {"Hemoglobin"},
    "carboxyhemoglobin": {"Carboxyhemoglobin"},
    "methemoglobin": {"Methemoglobin"},
    "chloride": {"Chloride, Whole Blood"},
    "calcium": {"Free Calcium"},
    "temperature": {"Temperature"},
    "potassium": {"Potassium, Whole Blood"},
    "sodium": {"Sodium, Whole Blood"},
    "lactate": {"Lactate"},
    "glucose": {"Glucose"},
}
CHART_LABELS = {
    "heart_rate": {"Heart Rate"},
    "sbp": {"Non Invasive Blood Pressure systolic", "Arterial Blood Pressure systolic", "ART BP Systolic"},
    "dbp": {"Non Invasive Blood Pressure diastolic", "Arterial Blood Pressure diastolic", "ART BP Diastolic"},
    "mbp": {"Non Invasive Blood Pressure mean", "Arterial Blood Pressure mean", "ART BP Mean"},
    "sbp_ni": {"Non Invasive Blood Pressure systolic"},
    "dbp_ni": {"Non Invasive Blood Pressure diastolic"},
    "mbp_ni": {"Non Invasive Blood Pressure mean"},
    "resp_rate": {"Respiratory Rate", "Respiratory Rate (Total)"},
    "temperature": {"Temperature Fahrenheit", "Temperature Celsius"},
    "fahrenheit": {"Temperature Fahrenheit"},
    "celsius": {"Temperature Celsius"},
    "spo2": {"O2 saturation pulseoxymetry"},
    "glucose": {"Glucose finger stick (range 70-100)", "Glucose (serum)", "Glucose (whole blood)"},
    "icp": {"Intra Cranial Pressure", "Intra Cranial Pressure #2"},
    "height": {"Height (cm)", "Height"},
    "weight": {"Admission Weight (Kg)", "Daily Weight"},
    "o2_flow": {"O2 Flow", "BiPap O2 Flow"},
    "o2_flow_additional": {"O2 Flow (additional cannula)"},
    "respiratory_rate_set": {"Respiratory Rate (Set)"},
    "respiratory_rate_total": {"Respiratory Rate (Total)"},
    "respiratory_rate_spontaneous": {"Respiratory Rate (spontaneous)"},
    "minute_volume": {"Minute Volume"},
    "tidal_volume_set": {"Tidal Volume (set)"},
    "tidal_volume_observed": {"Tidal Volume (observed)"},
    "tidal_volume_spontaneous": {"Tidal Volume (spontaneous)"},
    "plateau_pressure": {"Plateau Pressure"},
    "peep": {"PEEP set", "Total PEEP Level"},
    "fio2": {"Inspired O2 Fraction"},
    "flow_rate": {"Flow Rate (L/min)"},
    "access_pressure": {"Access Pressure"},
    "blood_flow": {"Blood Flow (ml/min)"},
    "citrate": {"Citrate (ACD-A)"},
    "current_goal": {"Current Goal"},
    "dialysate_rate": {"Dialysate Rate"},
    "effluent_pressure": {"Effluent Pressure"},
    "filter_pressure": {"Filter Pressure"},
    "heparin_dose": {"Heparin Dose (per hour)"},
    "hourly_patient_fluid_removal": {"Hourly Patient Fluid Removal"},
    "prefilter_replacement_rate": {"PBP (Prefilter) Replacement Rate"},
    "postfilter_replacement_rate": {"Post Filter Replacement Rate"},
    "replacement_rate": {"Replacement Rate"},
    "return_pressure": {"Return Pressure"},
    "ultrafiltrate_output": {"Ultrafiltrate Output"},
}
LABS = (
    *laboratory.CHEMISTRY_RESULTS,
    *laboratory.BLOOD_COUNT,
    laboratory.WHITE_CELLS,
    *laboratory.ABSOLUTE_COUNTS,
    *laboratory.COUNTS_PER_MICROLITRE,
    *laboratory.PERCENTAGES,
    *laboratory.IMMATURE_CELLS,
    *laboratory.COAGULATION_RESULTS,
    *laboratory.ENZYMES_AND_BILIRUBIN,
    *laboratory.HEART_MARKERS,
    *laboratory.INFLAMMATION_MARKERS,
)
GASES = (
    blood_gas.SO2,
    blood_gas.PO2,
    blood_gas.PCO2,
    blood_gas.FIO2,
    blood_gas.AADO2,
    *blood_gas.REST,
)
CHARTED = (
    *vitals.VITAL_SIGNS,
    vitals.FAHRENHEIT,
    vitals.CELSIUS,
    vitals.INTRACRANIAL_PRESSURE,
    anthropometry.BODY_HEIGHT,
    anthropometry.BODY_WEIGHT,
    respiratory.O2_FLOW,
    respiratory.O2_FLOW_ADDITIONAL,
    *respiratory.SETTINGS,
    *dialysis.CRRT_SETTINGS,
)
UNITS = {
    "mm Hg": "mm[Hg]",
    "mmHg": "mm[Hg]",
    "mEq/L": "meq/L",
    "K/uL": "10*3/uL",
    "m/uL": "10*6/uL",
    "#/uL": "10*3/uL",  # divided by 1000
    "IU/L": "[IU]/L",
    "sec": "s",
    "ng/mL FEU": "ng/mL{FEU}",
    "units": "[pH]",
    "bpm": "/min",
    "insp/min": "/min",
    "°F": "[degF]",
    "°C": "Cel",
    "cmH2O": "cm[H2O]",
    "ml/min": "mL/min",
    "ml/hr": "mL/h",
    "Inch": "cm",  # converted
}
"""Units as charted and as declared; those not named are the same."""


@pytest.fixture(scope="session")
def labels(demo):
    """Label of each item, laboratory and ICU."""
    frames = [demo[name].select("itemid", "label") for name in ("d_labitems", "d_items")]
    return dict(pl.concat(frames).iter_rows())


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [(m, LAB_LABELS[m.name]) for m in LABS]
    + [(m, GAS_LABELS[m.name]) for m in GASES]
    + [(m, CHART_LABELS[m.name]) for m in CHARTED],
    ids=lambda value: getattr(value, "name", ""),
)
def test_items_are_what_their_column_says(labels, measurement, expected):
    found = {labels[itemid] for itemid in measurement.itemids}
    assert found <= expected
    assert len(set(measurement.itemids)) == len(measurement.itemids)


def test_all_labels_of_a_measurement_are_read(labels):
    read = {(m.name, labels[i]) for m in CHARTED for i in m.itemids}
    assert read == {(name, label) for name, expected in CHART_LABELS.items() for label in expected}
    read = {(m.name, labels[i]) for m in LABS for i in m.itemids}
    assert read == {(name, label) for name, expected in LAB_LABELS.items() for label in expected}
    assert {m.name for m in GASES} == set(GAS_LABELS)


@pytest.mark.parametrize("measurement", LABS + GASES + CHARTED, ids=lambda m: m.name)
def test_units_are_those_the_items_are_charted_in(demo, measurement):
    events = demo["chartevents" if measurement.itemids[0] > 200_000 else "labevents"]
    charted = events.filter(pl.col("itemid").is_in(measurement.itemids))["valueuom"].drop_nulls().str.strip_chars()
    units = {UNITS.get(unit, unit) for unit in charted.unique()} - {"", " "}
    if measurement is vitals.TEMPERATURE:
        units.discard("[degF]")  # converted
    if measurement.name == "heparin_dose":
        units = {f"{unit}/h" for unit in units} & {"units/h"} and {"[U]/h"}  # the label says "per hour"
    if measurement.name in ("mchc", "rdwsd"):
        units.discard("%")  # a few results are charted in %, which is the same number
    assert units <= {measurement.unit}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([blood_gas.SPECIMEN], {"Specimen Type"}),
        ([blood_gas.FIO2_CHART, respiratory.FIO2_SET], {"Inspired O2 Fraction"}),
        ([laboratory.GRANULOCYTES], {"Granulocyte Count"}),
        ([respiratory.O2_DEVICE], {"O2 Delivery Device(s)"}),
        ([code_status.CODE_STATUS_ITEM], {"Code Status"}),
        ([vitals.TEMPERATURE_SITE], {"Temperature Site"}),
        ([dialysis.SYSTEM_INTEGRITY], {"System Integrity"}),
        ([dialysis.HEMODIALYSIS_OUTPUT], {"Hemodialysis Output"}),
        ([dialysis.CATHETER], {"Dialysis Catheter"}),
        ([dialysis.FILTER_CHANGE], {"CRRT Filter Change"}),
        (dialysis.CRRT_ADDITIVES, {"KCl (CRRT)", "Calcium Gluconate (CRRT)"}),
        (medications.NEUROMUSCULAR_BLOCKERS, {"Vecuronium", "Cisatracurium"}),
        ([urine.IRRIGANT_IN], {"GU Irrigant Volume In"}),
        (
            urine.URINE_ITEMS,
            {"R Ureteral Stent", "L Ureteral Stent", "Foley", "Void", "Condom Cath", "Suprapubic", "R Nephrostomy"}
            | {
                "L Nephrostomy",
                "Straight Cath",
                "Ileoconduit",
                "GU Irrigant Volume In",
                "GU Irrigant/Urine Volume Out",
            },
        ),
    ],
    ids=lambda value: str(value) if not isinstance(value, set) else "named",
)
def test_single_items(labels, items, expected):
    assert {labels[itemid] for itemid in items} == expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (
            gcs.COMPONENTS,
            {
                "gcs_motor": "GCS - Motor Response",
                "gcs_verbal": "GCS - Verbal Response",
                "gcs_eyes": "GCS - Eye Opening",
            },
        ),
        (
            vitals.ECTOPY | {"rhythm": vitals.HEART_RHYTHM},
            {
                "rhythm": "Heart Rhythm",
                "ectopy_type": "Ectopy Type 1",
                "ectopy_frequency": "Ectopy Frequency 1",
                "ectopy_type_secondary": "Ectopy Type 2",
                "ectopy_frequency_secondary": "Ectopy Frequency 2",
            },
        ),
        (
            respiratory.VENTILATOR_TEXTS,
            {
                "ventilator_mode": "Ventilator Mode",
                "ventilator_mode_hamilton": "Ventilator Mode (Hamilton)",
                "ventilator_type": "Ventilator Type",
            },
        ),
        (
            {name: itemid for name, (itemid, _) in dialysis.CRRT_TEXTS.items()},
            {
                "crrt_mode": "CRRT mode",
                "dialysate_fluid": "Dialysate Fluid",
                "heparin_concentration": "Heparin Concentration (units/mL)",
                "replacement_fluid": "Replacement Fluid",
            },
        ),
        (
            {drug.name: drug.itemid for drug in vasoactive.DRUGS},
            {d.name: d.name.capitalize() for d in vasoactive.DRUGS},
        ),
        (
            {kind: itemid for itemid, kind in dialysis.PROCEDURES.items()},
            {
                "IHD": "Hemodialysis",
                "CRRT": "Dialysis - CRRT",
                "CVVHD": "Dialysis - CVVHD",
                "Peritoneal": "Peritoneal Dialysis",
                "CVVHDF": "Dialysis - CVVHDF",
                "SCUF": "Dialysis - SCUF",
            },
        ),
    ],
    ids=["gcs", "rhythm", "ventilator", "crrt", "vasoactive", "dialysis"],
)
def test_named_items(labels, named, expected):
    assert {name: labels[itemid] for name, itemid in named.items()} == expected


@pytest.mark.parametrize(
    "told",
    [{i.itemid: i.label for i in DIALYSIS_ITEMS}, invasive_line.LABELS, urine.URINE_LABELS],
    ids=["dialysis", "lines", "urine"],
)
def test_labels_in_the_tables_are_those_of_the_dictionary(labels, told):
    assert told == {itemid: labels[itemid] for itemid in told}


def test_peritoneal_items_are_labelled_so(labels):
    assert all("Peritoneal Dialysis" in labels[i] or "(PD)" in labels[i] for i in dialysis.PERITONEAL_ITEMS)


def test_signs_of_dialysis_are_about_dialysis(labels):
    machine = ("Pressure", "Replacement", "Lumen", "System Integrity", "Heparin", "Current Goal", "Citrate", "CRRT")
    machine += ("Dialys", "dialys", "(PD)", "Fluid Removal", "Blood Flow", "Volume not removed", "Ultrafiltrate")
    strange = [
        labels[i]
        for i in (*dialysis.RUNNING_ITEMS, *dialysis.PRESENT_ITEMS)
        if not any(m in labels[i] for m in machine)
    ]
    assert strange == []
    assert (len(dialysis.RUNNING_ITEMS), len(dialysis.PRESENT_ITEMS), len(dialysis.PERITONEAL_ITEMS)) == (14, 34, 13)


def test_lines_are_lines(labels):
    found = {labels[itemid] for itemid in invasive_line.LINES}
    assert found == {
        "AVA",
        "Arterial Line",
        "CCO PAC",
        "Cordis/Introducer",
        "Dialysis Catheter",
        "IABP line",
        "ICP Catheter",
        "Impella Line",
        "Indwelling Port (PortaCath)",
        "Intraosseous Device",
        "Midline",
        "Multi Lumen",
        "PA Catheter",
        "PICC Line",
        "Pheresis Catheter",
        "Presep Catheter",
        "RIC",
        "Sheath (Venous)",
        "Sheath Insertion",
        "Tandem Heart Inflow Line",
        "Tandem Heart Outflow Line",
        "Trauma line",
        "Triple Introducer",
        "Tunneled (Hickman) Line",
    }
