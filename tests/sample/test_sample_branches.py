"""The synthetic hospital reaches every branch of every concept: nothing the concepts' own tables name is missing in it.

What to look for is read from the concepts' modules, so that a concept that learns a new item or text asks it of the
hospital at once. What cannot occur is listed with its reason.
"""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from clinical_assets import concepts as package
from clinical_assets.concepts import (
    antibiotics,
    code_status,
    comorbidity_codes,
    dialysis,
    gcs,
    infection,
    invasive_line,
    medications,
    sapsii,
    ventilation_modes,
)
from clinical_assets.concepts.icd import coded_as
from clinical_assets.concepts.tables import CONCEPTS, TABLES
from clinical_assets.mimic.inventory import take_inventory
from clinical_assets.mimic.reader import read, to_polars
from clinical_assets.sample.hospital import write_hospital
from clinical_assets.tables import Type
from resources.sources import Sources

PATIENTS, SEED = 600, 11
ITEM_IDS = ((50_000, 53_999), (220_000, 230_999))
"""Of the laboratory and of intensive care; other numbers of the modules are no items."""
NO_LISTED_LINE_IS_LABELLED_SO = {
    "A-Line",
    "CCO PA Line",
    "Dialysis Line",
    "Hickman",
    "IABP",
    "Multi-lumen",
    "PA line",
    "PICC line",
    "Pre-Sep Catheter",
    "Trauma Line",
    "TripleIntroducer",
    "Portacath",
}
"""Names of an older chart that the rule still maps; the items of MIMIC-IV carry the other spelling."""
# fmt: off
NOT_IN_THE_AMERICAN_REVISION = {
    "043", "044", "I792", "F00", "F051", "E100", "E107", "E117", "E120", "E121", "E122", "E123", "E124", "E125", "E126",
    "E127", "E128", "E129", "E137", "E140", "E141", "E142", "E143", "E144", "E145", "E146", "E147", "E148", "E149",
    "Z491", "Z492", "I859", "I982", "B21", "B22", "B24",
}
# fmt: on
"""Families of the WHO's ICD-10 (and withdrawn ones of ICD-9) with which no code of the release's dictionary begins."""
NEVER_AT_ITS_MOST = {
    "apsiii": "sums of components that no one stay has all at their worst",
    "sapsii": "sums of components that no one stay has all at their worst",
    "oasis": "sums of components that no one stay has all at their worst",
    "lods": "sums of components that no one stay has all at their worst",
    "sofa_24hours": "sums of components that no one stay has all at their worst",
    "sofa_score": "sums of components that no one stay has all at their worst",
    "sofa": "sums of components that no one stay has all at their worst",
    "charlson_comorbidity_index": "sums of conditions that nobody has all",
}
COPIES_OF_SOFA = {"sepsis3", "sepsis_onset"}
"""They show the scores of the few hours that crossed a threshold; the scores are looked at where they are made."""
NOT_BOTH_ENDS = {
    ("rrt", "dialysis_present"): "there are no rows without a sign of dialysis",
    ("first_day_rrt", "dialysis_present"): "null, not 0, where there is no sign",
    ("crrt", "clots_increasing"): "null, not 0, where they do not",
    ("crrt", "clotted"): "null, not 0, where it has not",
    ("kdigo_stages", "aki_stage_crrt"): "stage 3 or null",
    ("meld", "rrt"): "null, not 0, without dialysis",
    ("sapsii", "pao2fio2_score"): "6 points at least where there is a ratio at all",
    ("sepsis3", "sepsis3"): "only stays with sepsis have a row",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> dict[str, pl.DataFrame]:
    root = tmp_path_factory.mktemp("hospital") / "sources"
    write_hospital(root, patients=PATIENTS, seed=SEED)
    place = Sources(root=str(root))
    needed = {name for rule in CONCEPTS.values() for name in inspect.signature(rule).parameters} - set(CONCEPTS)
    frames = {}
    for path, file in take_inventory(place).files.items():
        name = path.rpartition("/")[2]
        if name in needed and path.split("/")[1] in ("hosp", "icu"):
            with place.open(file.path) as raw:
                frames[name] = pl.concat(to_polars(rows.table) for rows in read(raw, file.path, file.table))
    return frames


@pytest.fixture(scope="module")
def computed(release) -> dict[str, pl.DataFrame]:
    return _computed(release)


def _computed(release: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    frames = {name: frame.lazy() for name, frame in release.items()}
    for name, rule in CONCEPTS.items():
        frames[name] = (
            rule(**{needed: frames[needed] for needed in inspect.signature(rule).parameters}).collect().lazy()
        )
    return {name: frames[name].collect() for name in CONCEPTS}


def _numbers(value: object) -> Iterator[int]:
    """Every whole number within a value of a module: bare, in collections, in dataclasses."""
    if isinstance(value, bool | str):
        return
    if isinstance(value, int):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(key)
            yield from _numbers(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _numbers(inner)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _numbers(getattr(value, field.name))


THE_WIRING = ("assets", "catalogue", "catalogue_asset", "tables")
"""Modules that know no item themselves."""


def items_by_module() -> dict[str, set[int]]:
    """Item ids by the concept module that names them."""
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.name in THE_WIRING:
            continue
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        numbers = {n for value in vars(loaded).values() for n in _numbers(value)}
        items = {n for n in numbers if any(low <= n <= high for low, high in ITEM_IDS)}
        if items:
            found[module.name] = items
    return found


def test_the_modules_name_their_items():
    """Should the walk through the modules stop finding anything, the tests below would prove nothing."""
    items = items_by_module()
    assert len(items) >= 12
    assert len(set().union(*items.values())) > 220


@pytest.mark.parametrize("module", items_by_module())
def test_every_item_occurs_with_a_value(release, module):
    tables = {"chartevents": "value", "labevents": "value", "outputevents": "value", "procedureevents": "value"}
    occurring = {
        item
        for table, column in {**tables, "inputevents": "amount"}.items()
        for item in release[table].drop_nulls(column)["itemid"].unique()
    }
    assert items_by_module()[module] <= occurring


def _texts(table: object) -> set[str]:
    if isinstance(table, str):
        return {table}
    inner = table.values() if isinstance(table, Mapping) else table
    return set().union(*(_texts(value) for value in inner))


VENTILATION_TEXTS = {
    name: _texts(value) for name, value in vars(ventilation_modes).items() if name.isupper() and name != "KINDS"
}
WHERE_TEXTS_STAND = {
    **{name: ("chartevents", "value", texts) for name, texts in VENTILATION_TEXTS.items()},
    "tube": ("chartevents", "value", {gcs.TUBE}),
    "system states": ("chartevents", "value", _texts([yes + no for yes, no in dialysis.SYSTEM_STATES.values()])),
    "kinds of continuous dialysis": ("chartevents", "value", {"CVVH", "CVVHD", "CVVHDF", "SCUF"}),
    "peritoneal catheter": ("chartevents", "value", {dialysis.IN_USE}),
    "charted code status": ("chartevents", "value", _texts(code_status.CHARTED)),
    "ordered code status": ("poe_detail", "field_value", _texts(code_status.ORDERED)),
    "sites": ("procedureevents", "location", set(invasive_line.SITES) | set(invasive_line.SITES.values())),
    "labels of lines": ("d_items", "label", set(invasive_line.TYPES) - NO_LISTED_LINE_IS_LABELLED_SO),
    "routes": ("prescriptions", "route", set(antibiotics.ROUTES_OF_EYE_AND_EAR)),
    "units of rates": (
        "inputevents",
        "rateuom",
        {"mg/kg/min", "mcg/kg/min", "mcg/min", "units/min", "units/hour"},
    ),
    "kinds of admission": ("admissions", "admission_type", {sapsii.ELECTIVE}),
    "organisms": ("microbiologyevents", "org_name", {"CANCELLED", "NEGATIVE"}),
}


@pytest.mark.parametrize("what", WHERE_TEXTS_STAND)
def test_every_text_occurs(release, what):
    table, column, texts = WHERE_TEXTS_STAND[what]
    assert texts
    assert texts - set(release[table][column].drop_nulls()) == set()


@pytest.mark.parametrize(
    ("column", "parts"),
    [
        ("drug", antibiotics.NAMES),
        ("drug", antibiotics.NOT_SYSTEMIC),
        ("route", antibiotics.ROUTE_PARTS_OF_EYE_AND_EAR),
        ("drug", medications.ACE_INHIBITORS),
        ("drug", medications.ANGIOTENSIN_RECEPTOR_BLOCKERS),
        ("drug", medications.NSAIDS),
    ],
)
def test_every_name_is_prescribed(release, column, parts):
    written = release["prescriptions"][column].drop_nulls().unique().str.to_lowercase()
    assert [part for part in parts if not written.str.contains(part, literal=True).any()] == []


@pytest.mark.parametrize("comorbidity", comorbidity_codes.COMORBIDITIES, ids=lambda c: c.name)
def test_every_family_of_codes_is_coded(release, comorbidity):
    codes = release["diagnoses_icd"].select("icd_version", "icd_code").unique()
    families = [("icd9", family) for family in comorbidity.icd9.split()]
    families += [("icd10", family) for family in comorbidity.icd10.split()]
    absent = {
        family
        for revision, family in families
        if codes.filter(coded_as(**{"icd9": "", "icd10": "", revision: family})).is_empty()
    }
    assert absent <= NOT_IN_THE_AMERICAN_REVISION


@pytest.mark.parametrize("disease", sapsii.CHRONIC_DISEASES)
def test_every_chronic_disease_of_the_severity_score_is_coded_in_both_revisions(release, disease):
    codes = release["diagnoses_icd"].filter(sapsii.CHRONIC_DISEASES[disease])
    assert set(codes["icd_version"]) == {9, 10}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_a_value_somewhere(computed, name):
    frame = computed[name]
    assert [column for column in frame.columns if frame[column].null_count() == frame.height] == []


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if any(c.allowed for c in table.columns)])
def test_every_allowed_text_is_reached(computed, name):
    for column in TABLES[name].columns:
        if column.allowed:
            assert set(computed[name][column.name].drop_nulls()) == set(column.allowed), column.name


@pytest.mark.parametrize("name", [name for name, t in TABLES.items() if any(c.plausible for c in t.columns)])
def test_every_flag_and_score_reaches_both_ends(computed, name):
    for column in TABLES[name].columns:
        if column.plausible and column.type is Type.INTEGER and column.name not in NEVER_AT_ITS_MOST:
            if (name, column.name) in NOT_BOTH_ENDS or name in COPIES_OF_SOFA:
                continue
            values = computed[name][column.name]
            assert (values.min(), values.max()) == column.plausible, column.name


@pytest.mark.parametrize(
    ("table", "column", "of"),
    [
        ("labevents", "hadm_id", pl.lit(value=True)),
        ("microbiologyevents", "hadm_id", pl.lit(value=True)),
        ("microbiologyevents", "charttime", pl.lit(value=True)),
        ("microbiologyevents", "org_itemid", pl.col("org_name").is_not_null()),
        ("prescriptions", "route", pl.lit(value=True)),
        ("prescriptions", "starttime", pl.lit(value=True)),
        ("inputevents", "stay_id", pl.lit(value=True)),
        ("inputevents", "rate", pl.col("itemid").is_in([221555, 222062, 221749])),
        ("procedureevents", "value", pl.col("itemid") == 225802),
        ("chartevents", "value", pl.lit(value=True)),
    ],
    ids=str,
)
def test_what_may_be_missing_is_missing_somewhere_and_somewhere_not(release, table, column, of):
    values = release[table].filter(of)[column]
    assert 0 < values.null_count() < len(values)


def test_cultures_meet_both_ends_of_each_window_with_and_without_a_time(release, computed):
    cultures = (
        release["microbiologyevents"]
        .group_by("micro_specimen_id")
        .agg(pl.col("subject_id", "charttime").max(), day=pl.col("chartdate").max().cast(pl.Datetime("us")))
    )
    pairs = computed["antibiotic"].join(cultures, on="subject_id")
    started, taken, day = pl.col("starttime"), pl.col("charttime"), pl.col("day")
    of_the_day = started.dt.truncate("1d") - day
    met = pairs.select(
        at_72_hours=(started - taken == infection.CULTURE_THEN_ANTIBIOTIC).any(),
        at_24_hours=(taken - started == infection.ANTIBIOTIC_THEN_CULTURE).any(),
        at_the_same_minute=(started == taken).any(),
        within_72_hours=((started > taken) & (started - taken < infection.CULTURE_THEN_ANTIBIOTIC)).any(),
        within_24_hours=((taken > started) & (taken - started < infection.ANTIBIOTIC_THEN_CULTURE)).any(),
        on_the_day=(taken.is_null() & (of_the_day == pl.duration(days=0))).any(),
        days_after=(taken.is_null() & of_the_day.is_between(pl.duration(days=1), pl.duration(days=3))).any(),
        the_day_before=(taken.is_null() & (of_the_day == pl.duration(days=-1))).any(),
    )
    assert [name for name, found in met.row(0, named=True).items() if not found] == []


def _ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows in one order, whatever the last bits of means and sums, which depend on the order of addition."""
    return frame.sort(~pl.selectors.float(), pl.selectors.float().round_sig_figs(6), nulls_last=True)


def test_no_branch_makes_patients_depend_on_one_another(release, computed):
    """Shards: each concept of a part of the patients is that part of the whole concept, on every branch."""
    of_parts = []
    for part in range(2):
        mine = pl.col("subject_id") % 2 == part
        shard = {name: f.filter(mine) if "subject_id" in f.columns else f for name, f in release.items()}
        of_parts.append(_computed(shard))
    for name, whole in computed.items():
        together = pl.concat([part[name] for part in of_parts])
        # Held against each other, not rounded: values that differ in the last bit may round apart.
        assert_frame_equal(_ordered(together), _ordered(whole), rel_tol=1e-10, abs_tol=1e-10)
