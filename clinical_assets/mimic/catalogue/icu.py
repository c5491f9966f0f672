"""The icu module: stays and what the bedside system recorded in them.

Rows can be filed ahead of the time they tell of: in the demo storetime precedes charttime in 16 % of outputevents, and
endtime in 63 % of inputevents. A row counts as known from the later of the two, an amount given from endtime.

Row counts: the row-count validation scripts published with MIMIC-IV; `caregiver` and `ingredientevents` counted in the
demo.
"""

from clinical_assets.mimic.catalogue.columns import HADM_ID, SUBJECT_ID, integer, number, text, timestamp, yes_no
from clinical_assets.tables import Column, SourceTable

SOURCE = "MIMIC-IV documentation, icu module"
DEMO = "mimic-iv-demo/2.2"

STAY_ID = integer("stay_id", "Number of the ICU stay.", required=True, references="icu/icustays.stay_id")
STAY_ID_IF_KNOWN = integer("stay_id", "Number of the ICU stay.", references="icu/icustays.stay_id")
CAREGIVER_ID = integer(
    "caregiver_id", "Number of the caregiver who recorded it.", references="icu/caregiver.caregiver_id"
)
ITEMID = integer("itemid", "What was recorded.", required=True, references="icu/d_items.itemid")
OUT_OF_RANGE = yes_no("warning", "1 where the system warned that the value is out of its expected range.")
# The bounds are a house rule for adults, as all patients of the release are.
PATIENT_WEIGHT = number(
    "patientweight",
    "Weight the order was calculated with, usually the one at admission.",
    unit="kg",
    plausible=(20, 400),
)
ORDER_ID = integer(
    "orderid", "Number shared by the components of one order as given at one rate over one time.", required=True
)
LINKED_ORDER_ID = integer("linkorderid", "The order's first orderid, kept through its rate changes and pauses.")
CONTINUES = yes_no("continueinnextdept", "1 where the order went on after the patient was moved.")
OPEN_BAG = yes_no("isopenbag", "1 where the substance ran from an open bag.")


def _time_span(what: str, *, storetime_required: bool = False) -> tuple[Column, ...]:
    """Start, end and recording time of a continuous event, of which `what` is said in the meanings."""
    return (
        timestamp("starttime", f"When {what} began.", required=True),
        timestamp("endtime", f"When {what} ended; known only once it has passed.", required=True),
        timestamp(
            "storetime",
            "When a caregiver filed or confirmed the row; may precede endtime.",
            required=storetime_required,
        ),
    )


ICUSTAYS = SourceTable(
    key=("mimic", "icu", "icustays"),
    file="icu/icustays",
    grain="one row per ICU stay",
    meaning=(
        "Stays in intensive care, transfers between ICUs merged into one. A stay may begin before its admission or end "
        "after its discharge by minutes to hours. outtime, los and last_careunit are known at the end of the stay only."
    ),
    columns=(
        SUBJECT_ID,
        HADM_ID,
        integer("stay_id", "Number of the ICU stay; unrelated to the ED's stay_id.", required=True),
        text("first_careunit", "ICU the stay began in."),
        text("last_careunit", "ICU the stay ended in; unknown before then."),
        timestamp("intime", "When the patient entered the ICU."),
        timestamp("outtime", "When the patient left the ICU; unknown before that moment."),
        number(
            "los",
            "Length of the stay from intime to outtime; an outcome, known at its end.",
            unit="d",
            plausible=(0, 366),
        ),
    ),
    primary_key=("stay_id",),
    happened="intime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 94_458, "mimiciv/2.2": 73_181, DEMO: 140},
)

CHARTEVENTS = SourceTable(
    key=("mimic", "icu", "chartevents"),
    file="icu/chartevents",
    grain="one row per charted observation; exact repeats occur",
    meaning=(
        "The bedside chart: vital signs, ventilator settings, scores, assessments. Known at storetime, which follows "
        "charttime by minutes to hours. Laboratory values found here may repeat labevents under other times."
    ),
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        CAREGIVER_ID,
        timestamp("charttime", "When the observation was made.", required=True),
        timestamp("storetime", "When a caregiver filed or confirmed it."),
        ITEMID,
        text("value", "What was charted: number or words, e.g. No Response-ETT."),
        number("valuenum", "The value as a number, in valueuom; unfiltered, with entries no patient can have."),
        text("valueuom", "Unit of the value, as charted."),
        OUT_OF_RANGE,
    ),
    happened="charttime",
    known="storetime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 432_997_491, "mimiciv/2.2": 313_645_063, DEMO: 668_862},
)

DATETIMEEVENTS = SourceTable(
    key=("mimic", "icu", "datetimeevents"),
    file="icu/datetimeevents",
    grain="one row per charted date or time",
    meaning="Charted items whose value is itself a time, such as the day a line was placed.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        CAREGIVER_ID,
        timestamp("charttime", "When the observation was made.", required=True),
        timestamp("storetime", "When a caregiver filed or confirmed it."),
        ITEMID,
        timestamp("value", "The date or time that was charted; midnight where only a day was.", required=True),
        text("valueuom", "Whether the value is a Date or a Date and Time."),
        OUT_OF_RANGE,
    ),
    primary_key=("stay_id", "itemid", "charttime"),
    happened="charttime",
    known="storetime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 9_979_761, "mimiciv/2.2": 7_112_999, DEMO: 15_280},
)

INPUTEVENTS = SourceTable(
    key=("mimic", "icu", "inputevents"),
    file="icu/inputevents",
    grain="one row per substance and stretch of time in which it was given at one rate",
    meaning=(
        "Infusions, boluses and feeds given in the ICU; each change of rate begins a new row. The amount is that of "
        "the whole stretch, so it is not known before endtime, which storetime often precedes."
    ),
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID_IF_KNOWN,
        CAREGIVER_ID,
        *_time_span("giving at this rate"),
        ITEMID,
        number("amount", "Amount given from starttime to endtime, in amountuom."),
        text("amountuom", "Unit of the amount."),
        number("rate", "Rate of giving, in rateuom; empty for boluses."),
        text("rateuom", "Unit of the rate; per kg of patientweight where it says kg."),
        ORDER_ID,
        LINKED_ORDER_ID,
        text("ordercategoryname", "Class of the order, e.g. 01-Drips."),
        text("secondaryordercategoryname", "Second class of the order, e.g. the carrier fluid's."),
        text(
            "ordercomponenttypedescription",
            "Whether the row is the order's main substance, a mixed solution or an additive.",
        ),
        text(
            "ordercategorydescription",
            "How it was given: Continuous Med, Continuous IV, Bolus, Drug Push or Non Iv Meds.",
        ),
        PATIENT_WEIGHT,
        number("totalamount", "Amount in the whole bag, in totalamountuom."),
        text("totalamountuom", "Unit of the bag's amount."),
        OPEN_BAG,
        CONTINUES,
        text(
            "statusdescription",
            "How the row ended, e.g. FinishedRunning, ChangeDose/Rate or Stopped; known at endtime.",
        ),
        number("originalamount", "Amount in the bag when this row began."),
        number("originalrate", "Rate as entered by the caregiver, which the rate given need not equal."),
    ),
    primary_key=("orderid", "itemid"),
    happened="starttime",
    known="storetime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 10_953_713, "mimiciv/2.2": 8_978_893, DEMO: 20_404},
)

INGREDIENTEVENTS = SourceTable(
    key=("mimic", "icu", "ingredientevents"),
    file="icu/ingredientevents",
    grain="one row per ingredient and stretch of time in which it was given at one rate",
    meaning="Water, calories, protein and other ingredients of what inputevents records, under the same orderid.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID_IF_KNOWN,
        CAREGIVER_ID,
        *_time_span("giving at this rate"),
        ITEMID,
        number("amount", "Amount of the ingredient given from starttime to endtime, in amountuom."),
        text("amountuom", "Unit of the amount."),
        number("rate", "Rate of giving, in rateuom."),
        text("rateuom", "Unit of the rate."),
        ORDER_ID,
        LINKED_ORDER_ID,
        text(
            "statusdescription",
            "How the row ended, e.g. FinishedRunning, ChangeDose/Rate or Stopped; known at endtime.",
        ),
        number("originalamount", "Amount of the ingredient in the bag when this row began; 0 throughout the demo."),
        number("originalrate", "Rate as entered by the caregiver."),
    ),
    happened="starttime",
    known="storetime",
    source=SOURCE,
    published_rows={DEMO: 25_728},
)

OUTPUTEVENTS = SourceTable(
    key=("mimic", "icu", "outputevents"),
    file="icu/outputevents",
    grain="one row per measured output",
    meaning="Urine, drain and other output: what collected since the last row. storetime may precede charttime.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        CAREGIVER_ID,
        timestamp("charttime", "When the output was measured.", required=True),
        timestamp("storetime", "When a caregiver filed or confirmed it.", required=True),
        ITEMID,
        number("value", "Volume since the last measurement.", unit="mL", required=True, plausible=(0, 10_000)),
        text("valueuom", "Unit of the value, ml."),
    ),
    primary_key=("stay_id", "charttime", "itemid"),
    happened="charttime",
    known="storetime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 5_359_395, "mimiciv/2.2": 4_234_967, DEMO: 9_362},
)

PROCEDUREEVENTS = SourceTable(
    key=("mimic", "icu", "procedureevents"),
    file="icu/procedureevents",
    grain="one row per procedure",
    meaning=(
        "Ventilation, dialysis, lines, imaging and other procedures documented in the ICU. Some releases spell the "
        "last two headings in capitals."
    ),
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        CAREGIVER_ID,
        *_time_span("the procedure", storetime_required=True),
        ITEMID,
        number("value", "How long the procedure lasted, in valueuom, or 1 for a task."),
        text("valueuom", "Unit of the value: min, hour or day; None for a task."),
        text("location", "Where on the body, e.g. Right IJ."),
        text("locationcategory", "Kind of site, e.g. Invasive Venous."),
        integer("orderid", "Number of the procedure's order.", required=True),
        LINKED_ORDER_ID,
        text("ordercategoryname", "Class of the procedure, e.g. Invasive Lines."),
        text("ordercategorydescription", "Whether it is a Task or a ContinuousProcess."),
        PATIENT_WEIGHT,
        OPEN_BAG,
        CONTINUES,
        text("statusdescription", "How it ended, e.g. FinishedRunning."),
        number("originalamount", "Value that was ordered; without a documented use."),
        number("originalrate", "1 for a continuous process, 0 for a task."),
    ),
    primary_key=("orderid",),
    happened="starttime",
    known="storetime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 808_706, "mimiciv/2.2": 696_092, DEMO: 1_468},
)

D_ITEMS = SourceTable(
    key=("mimic", "icu", "d_items"),
    file="icu/d_items",
    grain="one row per kind of recorded item",
    meaning="What each itemid of the icu module stands for, and in which table it is found.",
    columns=(
        integer("itemid", "Number of the item.", required=True),
        text("label", "What is recorded.", required=True),
        text("abbreviation", "Label as abbreviated on the bedside screen.", required=True),
        text("linksto", "Table whose rows carry the item, e.g. chartevents.", required=True),
        text("category", "Group the item belongs to, e.g. Routine Vital Signs.", required=True),
        text("unitname", "Unit the item is recorded in; the word None for unitless."),
        text("param_type", "Kind of value: Numeric, Text, Date and time, Solution and others.", required=True),
        number("lownormalvalue", "Lower end of the normal range, in unitname."),
        number("highnormalvalue", "Upper end of the normal range, in unitname."),
    ),
    primary_key=("itemid",),
    patient_keyed=False,
    source=SOURCE,
    published_rows={"mimiciv/3.1": 4_095, "mimiciv/2.2": 4_014, DEMO: 4_014},
)

CAREGIVER = SourceTable(
    key=("mimic", "icu", "caregiver"),
    file="icu/caregiver",
    grain="one row per caregiver",
    meaning="All caregiver numbers of the icu module; nothing else is published about them.",
    columns=(integer("caregiver_id", "Random number standing for one caregiver.", required=True),),
    primary_key=("caregiver_id",),
    patient_keyed=False,
    source=SOURCE,
    published_rows={DEMO: 15_468},
)

ICU = (
    ICUSTAYS,
    CHARTEVENTS,
    DATETIMEEVENTS,
    INPUTEVENTS,
    INGREDIENTEVENTS,
    OUTPUTEVENTS,
    PROCEDUREEVENTS,
    D_ITEMS,
    CAREGIVER,
)
