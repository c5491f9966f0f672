"""What was ordered, dispensed and given: provider orders, prescriptions, pharmacy and the medication record.

Doses are text because the wards write them so: `1-2`, `25,000`, `0.5-1`, `___`. Nothing may turn them into numbers
without saying how. Links between these tables are loose: a few per cent of emar, pharmacy and prescription rows name an
order or a pharmacy row that is not published (demo: 1,063 of 35,835 emar rows), so those columns declare no reference.
Row counts: the row-count validation scripts published with MIMIC-IV.
"""

from clinical_assets.mimic.catalogue.columns import (
    HADM_ID,
    HADM_ID_IF_ADMITTED,
    SUBJECT_ID,
    integer,
    number,
    text,
    timestamp,
)
from clinical_assets.tables import SourceTable

SOURCE = "MIMIC-IV documentation, hosp module"

# A dose every half hour is 48 a day; more is a slip of the pen.
DOSES_PER_24_HRS = number(
    "doses_per_24_hrs",
    "Doses per 24 hours at this frequency; 0 where it is not regular.",
    unit="1/d",
    plausible=(0, 48),
)

POE = SourceTable(
    key=("mimic", "hosp", "poe"),
    file="hosp/poe",
    grain="one row per provider order",
    meaning=(
        "Orders entered by providers: medication, laboratory, imaging, diet, moves. Whether an order was later stopped "
        "is known later than ordertime."
    ),
    columns=(
        text("poe_id", "Patient's number, a hyphen and the order's number, e.g. 10002930-456.", required=True),
        integer("poe_seq", "Order's number within the patient, rising with time.", required=True),
        SUBJECT_ID,
        HADM_ID_IF_ADMITTED,
        timestamp("ordertime", "When the order was entered.", required=True),
        text("order_type", "Class of order, e.g. Medications.", required=True),
        text("order_subtype", "Class within the order type, e.g. IV fluids."),
        text("transaction_type", "What the provider did, e.g. New, Change or D/C (discontinue)."),
        text("discontinue_of_poe_id", "The earlier order that this one stops."),
        text("discontinued_by_poe_id", "The later order that stops this one; unknown before that order."),
        text("order_provider_id", "Code of the ordering provider.", references="hosp/provider.provider_id"),
        text("order_status", "Active or Inactive when the data were extracted, not at ordertime."),
    ),
    primary_key=("poe_id",),
    happened="ordertime",
    known="ordertime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 52_212_109, "mimiciv/2.2": 39_366_291, "mimic-iv-demo/2.2": 45_154},
)

POE_DETAIL = SourceTable(
    key=("mimic", "hosp", "poe_detail"),
    file="hosp/poe_detail",
    grain="one row per order and field",
    meaning="Further fields of an order, as name and value; known when the order is, at hosp/poe.ordertime.",
    columns=(
        text("poe_id", "Order the field belongs to.", required=True, references="hosp/poe.poe_id"),
        integer("poe_seq", "Order's number within the patient.", required=True),
        SUBJECT_ID,
        text("field_name", "What the field says, e.g. Admit category.", required=True),
        text("field_value", "Field's content."),
    ),
    primary_key=("poe_id", "field_name"),
    source=SOURCE,
    published_rows={"mimiciv/3.1": 8_504_982, "mimiciv/2.2": 3_879_418, "mimic-iv-demo/2.2": 3_795},
)

PRESCRIPTIONS = SourceTable(
    key=("mimic", "hosp", "prescriptions"),
    file="hosp/prescriptions",
    grain="one row per drug of a prescription",
    meaning=(
        "What was prescribed: an intention. What was given is in emar. starttime may lie after or before the order "
        "was entered (hosp/poe.ordertime), and stoptime is a plan that a later order may cut short."
    ),
    columns=(
        SUBJECT_ID,
        HADM_ID,
        integer("pharmacy_id", "Pharmacy row the drug was dispensed under.", required=True),
        text("poe_id", "Order behind the prescription, where there is one."),
        integer("poe_seq", "Order's number within the patient."),
        text("order_provider_id", "Code of the ordering provider.", references="hosp/provider.provider_id"),
        timestamp("starttime", "From when the drug was to be given."),
        timestamp("stoptime", "Until when the drug was to be given; sometimes before starttime."),
        text(
            "drug_type",
            "Part the drug plays in the prescription: MAIN, the carrier fluid (BASE) or ADDITIVE.",
            required=True,
            allowed=("MAIN", "BASE", "ADDITIVE"),
        ),
        text("drug", "Drug's name as prescribed, free text.", required=True),
        text("formulary_drug_cd", "Hospital's own code of the drug, e.g. FENT2I."),
        text("gsn", "Generic sequence number of the drug with leading zeros; may hold several, parted by blanks."),
        text("ndc", "National Drug Code of 11 digits with leading zeros; 0 stands for none."),
        text("prod_strength", "Product's strength as printed, e.g. 25mg Tablet."),
        text("form_rx", "Form asked for; seldom filled."),
        text("dose_val_rx", "Dose prescribed, as written: may be 1-2, 25,000 or ___."),
        text("dose_unit_rx", "Unit of the dose prescribed."),
        text("form_val_disp", "How many of the dispensed form make one dose, as written."),
        text("form_unit_disp", "Dispensed form, e.g. TAB."),
        DOSES_PER_24_HRS,
        text("route", "How it was to be given, e.g. IV or PO/NG; empty in a few rows."),
    ),
    primary_key=("pharmacy_id", "drug_type", "drug"),
    happened="starttime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 20_292_611, "mimiciv/2.2": 15_416_708, "mimic-iv-demo/2.2": 18_087},
)

PHARMACY = SourceTable(
    key=("mimic", "hosp", "pharmacy"),
    file="hosp/pharmacy",
    grain="one row per drug order as the pharmacy filled it",
    meaning="Frequency, schedule, duration and dispensing of drug orders. Known at entertime; status and stop later.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        integer("pharmacy_id", "Number of this pharmacy row.", required=True),
        text("poe_id", "Order behind the pharmacy row, where there is one."),
        timestamp("starttime", "From when the drug was to be given."),
        timestamp("stoptime", "Until when the drug was to be given, as last changed."),
        text("medication", "Drug's name."),
        text("proc_type", "How the pharmacy prepared it, e.g. IV Piggyback or Unit Dose.", required=True),
        text("status", "State of the order when the data were extracted, e.g. Discontinued; not known at entertime."),
        timestamp("entertime", "When the order was entered in the pharmacy system.", required=True),
        timestamp("verifiedtime", "When a pharmacist verified the order."),
        text("route", "How it was to be given."),
        text("frequency", "How often, e.g. BID for twice daily."),
        text("disp_sched", "Hours of the day it was to be given, e.g. 08, 20."),
        text("infusion_type", "Letter for the kind of infusion: B, C, N, N1, O or R."),
        text("sliding_scale", "Y where the dose follows a sliding scale."),
        text("lockout_interval", "Least time between two doses a patient can trigger, as written."),
        number("basal_rate", "Background rate of patient-controlled analgesia; no unit is published."),
        text("one_hr_max", "Most that may be given in an hour, as written."),
        DOSES_PER_24_HRS,
        number("duration", "How long or how often to give it, in duration_interval."),
        text("duration_interval", "Unit of the duration: Ongoing, Doses, Hours, Days, Weeks or Minutes."),
        integer("expiration_value", "Shelf life after dispensing, in expiration_unit.", plausible=(0, 366)),
        text("expiration_unit", "Unit of the shelf life: Hours or Days, or Enter on Label."),
        timestamp("expirationdate", "Date after which the product may not be used; seldom filled."),
        text("dispensation", "Where it was dispensed from, e.g. Omnicell."),
        text("fill_quantity", "How much the formulary fills at once; seldom filled."),
    ),
    primary_key=("pharmacy_id",),
    happened="starttime",
    known="entertime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 17_847_567, "mimiciv/2.2": 13_584_514, "mimic-iv-demo/2.2": 15_306},
)

EMAR = SourceTable(
    key=("mimic", "hosp", "emar"),
    file="hosp/emar",
    grain="one row per event of the electronic medication administration record",
    meaning=(
        "What was given at the bedside, by barcode. Many events are no giving (Not Given, Hold Dose, Stopped): read "
        "event_txt. The system came in from 2011 to 2013, so earlier patients have no rows: not no drugs."
    ),
    columns=(
        SUBJECT_ID,
        HADM_ID_IF_ADMITTED,
        text("emar_id", "Patient's number, a hyphen and the event's number.", required=True),
        integer("emar_seq", "Event's number within the patient, rising with time.", required=True),
        text("poe_id", "Order that was carried out; some orders are not published.", required=True),
        integer("pharmacy_id", "Pharmacy row the drug was dispensed under; some are not published."),
        text("enter_provider_id", "Code of the provider who entered it.", references="hosp/provider.provider_id"),
        timestamp("charttime", "When the drug was given, or the event happened.", required=True),
        text("medication", "Drug's name."),
        text("event_txt", "What happened, e.g. Administered, Not Given or Stopped."),
        timestamp("scheduletime", "When the drug was due."),
        timestamp("storetime", "When the event was filed.", required=True),
    ),
    primary_key=("emar_id",),
    happened="charttime",
    known="storetime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 42_808_593, "mimiciv/2.2": 26_850_359, "mimic-iv-demo/2.2": 35_835},
)

EMAR_DETAIL = SourceTable(
    key=("mimic", "hosp", "emar_detail"),
    file="hosp/emar_detail",
    grain="one row per event and product scanned, plus one without an ordinal for the event as a whole; repeats occur",
    meaning=(
        "Doses due and given, products, rates and sites of the events in emar, known when they are, at "
        "hosp/emar.storetime. The event's row (no parent_field_ordinal) holds the dose due, route and "
        "site; the numbered rows hold product and dose given."
    ),
    columns=(
        SUBJECT_ID,
        text("emar_id", "Event the details belong to.", required=True, references="hosp/emar.emar_id"),
        integer("emar_seq", "Event's number within the patient.", required=True),
        text("parent_field_ordinal", "Which product of the event, e.g. 1.1 the first; text, as 1.10 is not 1.1."),
        text("administration_type", "Kind of giving, e.g. IV Infusion; on the event's row only."),
        integer("pharmacy_id", "Pharmacy row the product was dispensed under; some are not published."),
        text("barcode_type", "Kind of barcode scanned, e.g. if for a formulary item."),
        text("reason_for_no_barcode", "Why nothing was scanned."),
        text("complete_dose_not_given", "Yes where not all of the dose was given."),
        text("dose_due", "Dose that was due, as written: may be 1-2, 25,000 or ___; on the event's row only."),
        text("dose_due_unit", "Unit of the dose due."),
        text("dose_given", "Dose that was given, as written; on the numbered rows only."),
        text("dose_given_unit", "Unit of the dose given."),
        text("will_remainder_of_dose_be_given", "Yes where the rest of the dose was still to be given."),
        text("product_amount_given", "How much of the product was given, as written."),
        text("product_unit", "Unit of the product amount, e.g. TAB."),
        text("product_code", "Hospital's own code of the product."),
        text("product_description", "Product's name."),
        text("product_description_other", "Product's name where it has no code."),
        text("prior_infusion_rate", "Rate before this event, as written."),
        text("infusion_rate", "Rate from this event on, as written."),
        text("infusion_rate_adjustment", "What was done to the rate, e.g. Rate Changed."),
        text("infusion_rate_adjustment_amount", "By how much the rate was changed, as written."),
        text("infusion_rate_unit", "Unit of the rates, e.g. mL/hr."),
        text("route", "How it was given."),
        text("infusion_complete", "Y where the infusion was complete, N where not."),
        text("completion_interval", "Within what time it was completed, in words."),
        text("new_iv_bag_hung", "Y where a new bag was hung."),
        text("continued_infusion_in_other_location", "Y where the infusion went on elsewhere."),
        text("restart_interval", "When it is to be restarted, in words."),
        text("side", "Side of the body it was given on."),
        text("site", "Part of the body it was given at."),
        text("non_formulary_visual_verification", "Y where a non-formulary product was checked by eye."),
    ),
    source=SOURCE,
    published_rows={"mimiciv/3.1": 87_371_064, "mimiciv/2.2": 54_744_789, "mimic-iv-demo/2.2": 72_018},
)
