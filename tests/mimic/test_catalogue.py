"""The MIMIC catalogue against itself, and against the open demo: real files of 100 real patients."""

import csv
import functools
import gzip
from collections import Counter
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pytest

from clinical_assets.mimic.catalogue import RELEASES, TABLES
from clinical_assets.tables import SourceTable, Type

DATA = Path(__file__).parents[2] / "../shared/data/physionet"
DEMOS = ("mimic-iv-demo/2.2", "mimic-iv-ed-demo/2.2")
DEMO_FOLDER = {path: folder for folder in DEMOS for path in RELEASES[folder].tables}

every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
every_demo_table = pytest.mark.parametrize("path", DEMO_FOLDER)


def demo_file(path: str) -> Path:
    file = DATA / DEMO_FOLDER[path] / f"{TABLES[path].file}.csv.gz"
    if not file.exists():
        pytest.skip(f"the open demo is not at ../shared/data: no {DEMO_FOLDER[path]}/{TABLES[path].file}.csv.gz")
    return file


def header(path: str) -> list[str]:
    with gzip.open(demo_file(path), "rt", encoding="utf-8") as lines:
        return [name.lower() for name in next(csv.reader(lines))]


@functools.cache
def demo(path: str) -> pa.Table:
    """The demo's table, read strictly with the declared types: a value of another type raises."""
    names = header(path)
    return pa_csv.read_csv(
        demo_file(path),
        read_options=pa_csv.ReadOptions(column_names=names, skip_rows=1),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: TABLES[path].column(name).type.arrow for name in names},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def target_of(references: str) -> tuple[str, str]:
    table, column = references.split(".")
    return f"mimic/{table}", column


# --- The catalogue against itself ---------------------------------------------------------------------------------


def test_tables_per_module():
    assert Counter(table.key[1] for table in TABLES.values()) == {
        "hosp": 22,
        "icu": 9,
        "ed": 6,
        "cxr": 4,
        "note": 4,
        "reflacx": 3,
    }


def test_tables_are_found_by_their_path():
    assert all(table.path == path and path.startswith("mimic/") for path, table in TABLES.items())


@every_table
def test_every_column_says_what_it_means(table: SourceTable):
    for column in table.columns:
        words = column.meaning.lower().rstrip(".").replace(" ", "_")
        assert column.meaning.endswith("."), column
        assert words != column.name.lower(), column
        assert len(column.meaning.split()) >= 2, column


@every_table
def test_every_table_says_its_grain_meaning_and_source(table: SourceTable):
    assert table.grain.startswith("one row per ")
    assert table.meaning.endswith(".")
    assert table.source


@every_table
def test_references_name_a_column_of_the_catalogue_with_the_same_type(table: SourceTable):
    for column in filter(lambda c: c.references, table.columns):
        path, name = target_of(column.references)
        assert TABLES[path].column(name).type is column.type, column


@every_table
def test_key_columns_are_never_empty(table: SourceTable):
    assert [n for n in table.primary_key if table.column(n).nullable] == []


@every_table
def test_times_are_times(table: SourceTable):
    for name in filter(None, (table.happened, table.known)):
        assert table.column(name).type in {Type.TIMESTAMP, Type.DATE}


@every_table
def test_bounds_stand_on_numbers_and_value_sets_on_text(table: SourceTable):
    for column in table.columns:
        if column.plausible is not None:
            low, high = column.plausible
            assert column.type in {Type.INTEGER, Type.FLOAT}, column
            assert low < high, column
        if column.allowed is not None:
            assert column.type is Type.TEXT, column


@every_table
def test_all_but_dictionaries_are_patient_keyed(table: SourceTable):
    name = table.key[-1]
    is_dictionary = name.startswith("d_") or name in {"provider", "caregiver"}
    assert table.patient_keyed is not is_dictionary
    if table.patient_keyed:
        assert not table.column("subject_id").nullable


def test_every_code_and_written_dose_stays_text():
    text = {
        *("icd_code", "drg_code", "hcpcs_cd", "code", "gsn", "ndc", "etccode", "formulary_drug_cd", "product_code"),
        *("poe_id", "emar_id", "provider_id", "order_provider_id", "admit_provider_id", "enter_provider_id"),
        *("dose_val_rx", "form_val_disp", "dose_due", "dose_given", "product_amount_given", "parent_field_ordinal"),
        *("pain", "StudyTime", "result_value", "infusion_rate", "prior_infusion_rate", "note_id", "dicom_id"),
    }
    found = {c.name: c.type for table in TABLES.values() for c in table.columns if c.name in text}
    assert found == dict.fromkeys(text, Type.TEXT)


def test_no_column_is_a_known_time_of_billing_codes():
    billing = [TABLES[f"mimic/hosp/{n}"] for n in ("diagnoses_icd", "procedures_icd", "drgcodes", "hcpcsevents")]
    assert [table.known for table in billing] == [None] * 4
    assert all("known at discharge at the earliest" in table.meaning for table in billing)


def test_outcomes_of_a_stay_are_not_stamped_with_its_beginning():
    assert [TABLES[p].known for p in ("mimic/hosp/admissions", "mimic/icu/icustays", "mimic/ed/edstays")] == [None] * 3


@pytest.mark.parametrize("labels", ["chexpert", "negbio"])
def test_report_labels_keep_their_published_names(labels: str):
    names = TABLES[f"mimic/cxr/{labels}"].column_names
    assert names[:2] == ["subject_id", "study_id"]
    assert names[2:] == sorted(names[2:])
    assert len(names) == 16
    assert {"Enlarged Cardiomediastinum", "No Finding"} <= set(names)


def test_reflacx_tables_begin_alike_and_end_with_the_labels_of_their_phase():
    one, two, three = (TABLES[f"mimic/reflacx/metadata_phase_{n}"] for n in (1, 2, 3))
    assert one.columns[:8] == two.columns[:8] == three.columns[:8]
    assert two.columns == three.columns
    assert (len(one.columns), len(two.columns)) == (8 + 18, 8 + 16)
    assert [c.name for c in one.columns if c.type is Type.BOOLEAN] == [
        "eye_tracking_data_discarded",
        "Quality issue",
        "Support devices",
    ]
    assert sum(t.published_rows["reflacx/1.0.0"] for t in (one, two, three)) == 3_052


# --- Releases -----------------------------------------------------------------------------------------------------


def test_releases_are_found_by_their_folder():
    assert all(release.folder == folder for folder, release in RELEASES.items())
    assert set(RELEASES) == {
        *("mimiciv/3.1", "mimiciv/3.0", "mimiciv/2.2", "mimic-iv-demo/2.2", "mimic-iv-ed/2.2", "mimic-iv-ed-demo/2.2"),
        *("mimic-cxr-jpg/2.1.0", "mimic-cxr-jpg/2.0.0", "mimic-iv-note/2.2"),
        *("reflacx/1.0.0", "reflacx-xray-localization/1.0.0"),
    }
    assert RELEASES["mimiciv/3.1"].modules == ("hosp", "icu")
    assert (RELEASES["mimic-iv-ed/2.2"].dataset, RELEASES["mimic-iv-ed/2.2"].version) == ("mimic-iv-ed", "2.2")


def test_every_table_comes_in_a_release():
    assert {path for release in RELEASES.values() for path in release.tables} == set(TABLES)


@every_table
def test_row_counts_belong_to_releases_that_hold_the_table(table: SourceTable):
    for folder, rows in table.published_rows.items():
        assert table.path in RELEASES[folder].tables
        assert rows > 0


def test_counts_of_the_current_release_are_as_published():
    published = {
        "mimic/hosp/patients": 364_627,
        "mimic/hosp/admissions": 546_028,
        "mimic/hosp/labevents": 158_374_764,
        "mimic/hosp/emar_detail": 87_371_064,
        "mimic/icu/icustays": 94_458,
        "mimic/icu/chartevents": 432_997_491,
    }
    assert {path: TABLES[path].published_rows["mimiciv/3.1"] for path in published} == published
    assert TABLES["mimic/icu/icustays"].published_rows["mimiciv/2.2"] == 73_181


def test_a_column_a_release_may_lack_can_be_filled_with_nulls():
    lacking = [
        (TABLES[path], name)
        for release in RELEASES.values()
        for path, names in release.absent_columns.items()
        for name in names
    ]
    assert [(table.path, name) for table, name in lacking] == [
        ("mimic/ed/medrecon", "etc_rn"),
        ("mimic/ed/pyxis", "med_rn"),
        ("mimic/ed/pyxis", "gsn_rn"),
    ]
    assert all(table.column(name).nullable and name not in table.primary_key for table, name in lacking)


# --- The catalogue against the demo ---------------------------------------------------------------------------------


@every_demo_table
def test_columns_are_those_of_the_file_in_its_order(path: str):
    absent = RELEASES[DEMO_FOLDER[path]].absent_columns.get(path, ())
    assert [name for name in TABLES[path].column_names if name not in absent] == header(path)


@every_demo_table
def test_every_value_has_the_declared_type_and_no_row_is_missing(path: str):
    published = TABLES[path].published_rows.get(DEMO_FOLDER[path])
    rows = demo(path).num_rows
    # Copies of the ED demo's medrecon differ in rows, so none is published for it.
    assert rows > 0 if path == "mimic/ed/medrecon" else rows == published


@every_demo_table
def test_required_columns_are_never_empty(path: str):
    rows = demo(path)
    required = [c.name for c in TABLES[path].columns if not c.nullable]
    assert {name: rows[name].null_count for name in required if rows[name].null_count} == {}


@every_demo_table
def test_primary_keys_identify_rows(path: str):
    key = list(TABLES[path].primary_key)
    if not key:
        pytest.skip("the release has no key for this table")
    rows = pl.from_arrow(demo(path).select(key))
    assert rows.n_unique() == rows.height


@every_demo_table
def test_references_are_found(path: str):
    for column in filter(lambda c: c.references, TABLES[path].columns):
        target, name = target_of(column.references)
        values = pc.unique(demo(path)[column.name].drop_null())
        orphans = pc.sum(pc.invert(pc.is_in(values, value_set=pc.unique(demo(target)[name])))).as_py()
        assert not orphans, f"{path}.{column.name} -> {column.references}"


@every_demo_table
def test_value_sets_are_complete(path: str):
    for column in filter(lambda c: c.allowed, TABLES[path].columns):
        assert set(demo(path)[column.name].drop_null().unique().to_pylist()) <= set(column.allowed)


@every_demo_table
def test_bounds_fit_all_but_stray_values(path: str):
    rows = demo(path)
    for column in filter(lambda c: c.plausible and c.name in rows.column_names, TABLES[path].columns):
        values = rows[column.name].drop_null()
        low, high = column.plausible
        outside = [v for v in values.to_pylist() if not low <= v <= high]
        if column.unit == "[degF]":
            # Five stays of the demo charted in Celsius make 6 % of all its temperatures.
            outside = [v for v in outside if not 26 <= v <= 45]
        assert len(outside) <= 0.02 * len(values), f"{path}.{column.name}: {len(outside)} of {len(values)} outside"


def test_release_2_2_spells_two_headings_in_capitals():
    """Why headers are compared without case."""
    with gzip.open(demo_file("mimic/icu/procedureevents"), "rt", encoding="utf-8") as lines:
        assert next(csv.reader(lines))[-2:] == ["ORIGINALAMOUNT", "ORIGINALRATE"]
    assert TABLES["mimic/icu/procedureevents"].column_names[-2:] == ["originalamount", "originalrate"]
