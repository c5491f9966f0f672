"""Short forms to declare columns with, and the identifiers that many MIMIC tables share.

A column is declared `required` only where the build script published with the release says it is never empty or makes
it part of a primary key, and the open demo agrees. (MIMIC-CXR and REFLACX have no build script: there, only identifiers
and what the code that made the release always writes.) `references` names a table and column that hold every non-empty
value of the demo; most, not all, are foreign keys of the build script too, and 3.0 is known to break one.
"""

from functools import partial

from clinical_assets.tables import Column, Type


def _column(
    of_type: Type,
    name: str,
    meaning: str,
    *,
    required: bool = False,
    unit: str | None = None,
    references: str | None = None,
    plausible: tuple[float, float] | None = None,
    allowed: tuple[str, ...] | None = None,
) -> Column:
    return Column(
        name=name,
        type=of_type,
        meaning=meaning,
        unit=unit,
        nullable=not required,
        references=references,
        plausible=plausible,
        allowed=allowed,
    )


integer = partial(_column, Type.INTEGER)
number = partial(_column, Type.FLOAT)
text = partial(_column, Type.TEXT)
timestamp = partial(_column, Type.TIMESTAMP)
date = partial(_column, Type.DATE)
boolean = partial(_column, Type.BOOLEAN)
yes_no = partial(_column, Type.INTEGER, plausible=(0, 1))

SUBJECT_ID = integer(
    "subject_id",
    "Number standing for one patient, the same in every MIMIC module.",
    required=True,
    references="hosp/patients.subject_id",
)
HADM_ID = integer("hadm_id", "Number of the hospital admission.", required=True, references="hosp/admissions.hadm_id")
HADM_ID_IF_ADMITTED = integer(
    "hadm_id",
    "Number of the hospital admission; empty where the row lies outside one or could not be linked.",
    references="hosp/admissions.hadm_id",
)

FEMALE_OR_MALE = ("F", "M")
ICD_VERSIONS = (9, 10)
