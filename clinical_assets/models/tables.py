"""The catalogue of `models/`: what trained models leave behind, and what they predict."""

from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.tables import Column, Table, Type

PREDICTIONS = Table(
    key=("models", "predictions"),
    grain="one row per outcome, stay and moment of prediction: hourly for sepsis, once a stay for the others",
    meaning="Calibrated probabilities by the current models; published to PostgreSQL `analytics.predictions`. Stays of "
    "training patients are marked by their split: their probabilities are too good to judge a model by.",
    primary_key=("outcome", "stay_id", "predicted_for"),
    known="predicted_for",
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient."),
        Column(
            name="hadm_id",
            type=Type.INTEGER,
            meaning="The hospital stay; null for stays in the emergency department, where it is part of the outcome.",
        ),
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The ICU or ED stay: see stay_type."),
        Column(
            name="stay_type",
            type=Type.TEXT,
            nullable=False,
            allowed=("icu", "ed"),
            meaning="Whose number stay_id is; ICU and ED stays are numbered without regard to one another.",
        ),
        Column(
            name="hr",
            type=Type.INTEGER,
            unit="h",
            meaning="Hours since ICU admission, for an outcome predicted at every hour; null for the others.",
        ),
        Column(
            name="outcome",
            type=Type.TEXT,
            nullable=False,
            allowed=tuple(OUTCOMES),
            meaning="What is predicted; also the partition of the model.",
        ),
        Column(
            name="predicted_for",
            type=Type.TIMESTAMP,
            nullable=False,
            meaning="The index time: nothing known later was used.",
        ),
        Column(
            name="probability",
            type=Type.FLOAT,
            unit="1",
            nullable=False,
            plausible=(0, 1),
            meaning="Calibrated probability of the outcome.",
        ),
        Column(
            name="split",
            type=Type.TEXT,
            nullable=False,
            allowed=("train", "validate", "test"),
            meaning="The patient's split.",
        ),
        Column(
            name="model_version",
            type=Type.TEXT,
            nullable=False,
            meaning="Hash of the model's trees, contract and calibration.",
        ),
    ),
)

RISK_MODEL = Table(
    key=("models", "risk_model"),
    grain="one model per outcome",
    meaning="A calibrated LightGBM model per outcome, trained on the training patients' eligible rows: `model.txt` "
    "(LightGBM's text) and `model.json` (feature contract, calibration, provenance and hashes). Models it is compared "
    "with lie beside it, their files' names led by how they differ. An outcome too few patients have has no model.",
    patient_keyed=False,
    kinds=frozenset({"lightgbm", "json"}),
    columns=(
        Column(name="feature", type=Type.TEXT, nullable=False, meaning="Name of an input, in the contract's order."),
        Column(name="type", type=Type.TEXT, nullable=False, meaning="Type of the input."),
        Column(name="unit", type=Type.TEXT, meaning="Unit the input must be in."),
        Column(name="categories", type=Type.TEXT, meaning="Closed set of values of a text input."),
        Column(name="missing_values", type=Type.TEXT, meaning="What a missing value is read as."),
    ),
)

EVALUATION = Table(
    key=("models", "evaluation"),
    grain="one evaluation per outcome",
    meaning="The model judged once on patients it has never seen (split `test`), with 95 % intervals by bootstrap over "
    "patients. Figures that the number of events does not allow are reported as not estimable.",
    patient_keyed=False,
    kinds=frozenset({"json", "png"}),
    columns=(
        Column(name="figure", type=Type.TEXT, nullable=False, meaning="Name of the figure, e.g. auroc."),
        Column(name="value", type=Type.FLOAT, meaning="Its value; null where not estimable."),
        Column(name="low", type=Type.FLOAT, meaning="2.5 % percentile of the bootstrap."),
        Column(name="high", type=Type.FLOAT, meaning="97.5 % percentile of the bootstrap."),
        Column(name="reason", type=Type.TEXT, meaning="Why there is no value or no interval."),
    ),
)
