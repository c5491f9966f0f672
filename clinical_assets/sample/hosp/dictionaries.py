"""The dictionaries: every code that occurs, and a few that do not, with its published label."""

from __future__ import annotations

import polars as pl

from clinical_assets.sample.course.problems import ICD_TITLES
from clinical_assets.sample.hosp.billing import HCPCS, PROCEDURE_TITLES
from clinical_assets.sample.hosp.lab_tests import LAB_TESTS
from clinical_assets.sample.hosp.staff import CAREGIVERS, PROVIDERS
from clinical_assets.sample.icu.items import ITEMS
from clinical_assets.sample.uncommon import codes as uncommon_codes

_ICD = ["icd_code", "icd_version", "long_title"]


def tables() -> dict[str, pl.DataFrame]:
    """The seven tables that hold no patient."""
    return {
        "mimic/hosp/provider": pl.DataFrame({"provider_id": PROVIDERS}),
        "mimic/hosp/d_labitems": lab_items(),
        "mimic/hosp/d_icd_diagnoses": _titles(ICD_TITLES | uncommon_codes.TITLES),
        "mimic/hosp/d_icd_procedures": _titles(PROCEDURE_TITLES),
        "mimic/hosp/d_hcpcs": pl.DataFrame(
            HCPCS, schema=["code", "category", "long_description", "short_description"], orient="row"
        ),
        "mimic/icu/d_items": items(),
        "mimic/icu/caregiver": pl.DataFrame({"caregiver_id": CAREGIVERS}),
    }


def lab_items() -> pl.DataFrame:
    """One row per laboratory test."""
    rows = [(test.itemid, test.label, test.fluid, test.category) for test in LAB_TESTS]
    return pl.DataFrame(rows, schema=["itemid", "label", "fluid", "category"], orient="row").sort("itemid")


def items() -> pl.DataFrame:
    """One row per item of intensive care."""
    columns = {
        "itemid": pl.Int64,
        "label": pl.String,
        "abbreviation": pl.String,
        "linksto": pl.String,
        "category": pl.String,
        "unitname": pl.String,
        "param_type": pl.String,
        "lownormalvalue": pl.Float64,
        "highnormalvalue": pl.Float64,
    }
    return pl.DataFrame(ITEMS, schema=columns, orient="row").sort("itemid")


def _titles(titles: dict[tuple[str, int], str]) -> pl.DataFrame:
    rows = [(code, version, title) for (code, version), title in titles.items()]
    return pl.DataFrame(rows, schema=_ICD, orient="row").sort("icd_code", "icd_version")
