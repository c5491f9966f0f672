"""The catalogue of `quality/`."""

from clinical_assets.tables import Column, Table, Type

REPORT = Table(
    key=("quality", "report"),
    grain="one row per check there should be",
    meaning="The data-quality report: one self-contained HTML page (`report.html`) over every table, check and model, "
    "and the check results behind it as a table.",
    primary_key=("table", "check"),
    patient_keyed=False,
    kinds=frozenset({"html", "parquet"}),
    columns=(
        Column(name="table", type=Type.TEXT, nullable=False, meaning="The asset that was checked."),
        Column(name="check", type=Type.TEXT, nullable=False, meaning="Name of the check."),
        Column(name="passed", type=Type.BOOLEAN, meaning="Its latest result; null if it never ran."),
        Column(
            name="severity",
            type=Type.TEXT,
            nullable=False,
            allowed=("ERROR", "WARN"),
            meaning="Whether a failure is an error or a warning.",
        ),
        Column(name="blocking", type=Type.BOOLEAN, nullable=False, meaning="A failure stops everything downstream."),
        Column(name="message", type=Type.TEXT, nullable=False, meaning="What was expected and found; counts only."),
        Column(name="evaluated_at", type=Type.TIMESTAMP, meaning="When the latest result came about, UTC."),
    ),
)
