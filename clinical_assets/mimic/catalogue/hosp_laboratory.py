"""What the laboratories found: labs and microbiology of the hosp module.

Row counts: the row-count validation scripts published with MIMIC-IV.
"""

from clinical_assets.mimic.catalogue.columns import HADM_ID_IF_ADMITTED, SUBJECT_ID, integer, number, text, timestamp
from clinical_assets.tables import SourceTable

SOURCE = "MIMIC-IV documentation, hosp module"

LABEVENTS = SourceTable(
    key=("mimic", "hosp", "labevents"),
    file="hosp/labevents",
    grain="one row per result of one test on one specimen",
    meaning=(
        "Laboratory results of blood and other fluids, in and out of hospital. A result is known at storetime, not "
        "when the specimen was drawn; about a quarter of rows carry no hadm_id and belong to a stay by time only."
    ),
    columns=(
        integer("labevent_id", "Number of this result.", required=True),
        SUBJECT_ID,
        HADM_ID_IF_ADMITTED,
        integer("specimen_id", "Number of the specimen: results of one draw share it.", required=True),
        integer("itemid", "Which test was done.", required=True, references="hosp/d_labitems.itemid"),
        text("order_provider_id", "Code of the ordering provider.", references="hosp/provider.provider_id"),
        timestamp("charttime", "When the specimen was taken."),
        timestamp("storetime", "When the result could be read in the laboratory system; empty in about 1 % of rows."),
        text("value", "Result as reported: number, words, or ___ where de-identification removed it."),
        number("valuenum", "Result as a number, in valueuom; negative values occur and are not all errors."),
        text("valueuom", "Unit of valuenum, as the laboratory writes it."),
        number("ref_range_lower", "Lower end of the normal range, in valueuom."),
        number("ref_range_upper", "Upper end of the normal range, in valueuom."),
        text("flag", "The word abnormal where the laboratory marked the result so."),
        text("priority", "Whether the test was ordered ROUTINE or STAT."),
        text("comments", "Free text with the result, de-identified; sometimes the only place it is stated."),
    ),
    primary_key=("labevent_id",),
    happened="charttime",
    known="storetime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 158_374_764, "mimiciv/2.2": 118_171_367, "mimic-iv-demo/2.2": 107_727},
)

D_LABITEMS = SourceTable(
    key=("mimic", "hosp", "d_labitems"),
    file="hosp/d_labitems",
    grain="one row per kind of laboratory test",
    meaning="What each itemid of labevents measures, and in which fluid.",
    columns=(
        integer("itemid", "Number of the test.", required=True),
        text("label", "What is measured."),
        text("fluid", "Fluid or material it is measured in, e.g. Blood."),
        text("category", "Kind of test: Blood Gas, Chemistry or Hematology."),
    ),
    primary_key=("itemid",),
    patient_keyed=False,
    source=SOURCE,
    published_rows={"mimiciv/3.1": 1_650, "mimiciv/2.2": 1_622, "mimic-iv-demo/2.2": 1_622},
)

MICROBIOLOGYEVENTS = SourceTable(
    key=("mimic", "hosp", "microbiologyevents"),
    file="hosp/microbiologyevents",
    grain="one row per specimen, test, organism and tested antibiotic",
    meaning=(
        "Cultures and other microbiology with organisms and sensitivities; a negative culture is a row with no "
        "organism. Known at storetime, often days after charttime; where charttime is empty only chartdate is known."
    ),
    columns=(
        integer("microevent_id", "Number of this row.", required=True),
        SUBJECT_ID,
        HADM_ID_IF_ADMITTED,
        integer("micro_specimen_id", "Number of the specimen: all rows of one culture share it.", required=True),
        text("order_provider_id", "Code of the ordering provider.", references="hosp/provider.provider_id"),
        timestamp("chartdate", "Day the specimen was taken, as midnight of that day.", required=True),
        timestamp("charttime", "Time the specimen was taken; empty where only the day is known."),
        integer("spec_itemid", "Code of the kind of specimen; no dictionary of it is published.", required=True),
        text("spec_type_desc", "Kind of specimen, e.g. BLOOD CULTURE.", required=True),
        integer("test_seq", "Numbers the bottles or tests of one specimen.", required=True),
        timestamp("storedate", "Day the result was last updated, as midnight of that day."),
        timestamp("storetime", "Time the result was last updated: organisms and sensitivities are not known sooner."),
        integer("test_itemid", "Code of the test."),
        text("test_name", "Test done on the specimen."),
        integer("org_itemid", "Code of the organism; empty where nothing grew."),
        text("org_name", "Organism that grew; empty where nothing grew, CANCELLED where the test was called off."),
        integer("isolate_num", "Numbers the colonies of one organism that were tested apart."),
        text("quantity", "How much grew, where stated."),
        integer("ab_itemid", "Code of the antibiotic tested."),
        text("ab_name", "Antibiotic tested."),
        text("dilution_text", "Inhibiting dilution as reported, e.g. <=0.25."),
        text("dilution_comparison", "Sign of the dilution: <=, = or =>, padded with blanks."),
        number("dilution_value", "Number of the dilution; the release names no unit, by custom it is ug/mL."),
        text(
            "interpretation",
            "S sensitive, I intermediate, R resistant or P pending.",
            allowed=("S", "I", "R", "P"),
        ),
        text("comments", "Free text with the result, de-identified; the whole result for many tests."),
    ),
    primary_key=("microevent_id",),
    happened="charttime",
    known="storetime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 3_988_224, "mimiciv/2.2": 3_228_713, "mimic-iv-demo/2.2": 2_899},
)
