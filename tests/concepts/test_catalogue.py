"""The concept catalogue says what is computed: every table, its items, its parity; as a page, a table and an asset."""

import inspect
import re

import dagster as dg
import polars as pl
import pytest

from clinical_assets.concepts import catalogue
from clinical_assets.concepts.catalogue import CATALOGUE, CHOICES, EQUAL, EVENTS, OURS, bounds
from clinical_assets.concepts.catalogue_asset import PAGE, catalogue_asset
from clinical_assets.concepts.measurements import Measurement
from clinical_assets.concepts.tables import CONCEPTS, TABLES
from clinical_assets.declaration import LAKE_IO_MANAGER
from clinical_assets.definitions import site_of
from clinical_assets.settings import Settings
from resources.lake import Lake

LABELS = {220045: ("Heart Rate", "bpm"), 50912: ("Creatinine", "")}


@pytest.fixture(scope="module")
def entries():
    return {entry.name: entry for entry in catalogue.entries(LABELS)}


@pytest.fixture(scope="module")
def page(entries):
    return catalogue.page(list(entries.values()), "a release of one patient")


def test_every_concept_is_in_it_with_its_parity(entries):
    assert list(entries) == list(TABLES)
    assert {name for name, entry in entries.items() if entry.parity == OURS} == {"sepsis_onset", "antibiotic_extended"}
    assert sum(entry.parity == EQUAL for entry in entries.values()) == 65


def test_where_the_publication_leaves_it_open_is_said_of_known_concepts():
    assert set(CHOICES) <= set(TABLES)


def test_an_item_has_its_label_unit_column_and_bounds(entries):
    (item,) = [item for item in entries["vitalsign"].items if item.itemid == 220045]
    assert (item.label, item.unit, item.column, item.believed) == ("Heart Rate", "/min", "heart_rate", "> 0, < 300")
    (item,) = [item for item in entries["chemistry"].items if item.itemid == 50912]
    assert (item.label, item.unit, item.believed) == ("Creatinine", "mg/dL", "≤ 150")


def test_an_infusion_has_the_unit_of_its_rate(entries):
    assert [(item.itemid, item.unit) for item in entries["vasopressin"].items] == [(222315, "[U]/h")]


def test_items_are_those_the_rule_reads(entries):
    assert [item.itemid for item in entries["gcs"].items] == [220739, 223900, 223901]
    assert len(entries["rrt"].items) == 58
    assert len(entries["invasive_line"].items) == 24
    assert {223835, 52033, 50816, 50821} <= {item.itemid for item in entries["bg"].items}
    assert entries["first_day_vitalsign"].items == ()


@pytest.mark.parametrize(
    "name", [n for n, rule in CONCEPTS.items() if EVENTS & set(inspect.signature(rule).parameters)]
)
def test_a_concept_of_events_names_its_items(entries, name):
    assert entries[name].items


def test_definitions_are_long_enough_to_check(entries):
    for name, entry in entries.items():
        assert len(entry.definition) > 25, name
        assert entry.table.source, name


@pytest.mark.parametrize(
    ("rule", "words"),
    [({"above": 0, "below": 300}, "> 0, < 300"), ({"at_least": 0, "at_most": 10_000}, "≥ 0, ≤ 10,000"), ({}, "")],
)
def test_bounds_in_words(rule, words):
    assert bounds(Measurement(name="x", itemids=(1,), unit=None, meaning="X", **rule)) == words


def test_the_table_is_as_declared(entries):
    table = catalogue.rows(list(entries.values()))
    assert table.schema == CATALOGUE.polars_schema
    assert table["concept"].is_unique().all()
    for column in CATALOGUE.columns:
        assert column.nullable or table[column.name].null_count() == 0


def test_the_page_is_whole_and_asks_nothing_of_a_network(page):
    sections = re.findall(r'<section id="(\w+)">', page)
    assert sections == list(TABLES)
    assert set(re.findall(r'href="#(\w+)"', page)) <= set(sections)
    assert not re.search(r"<script|<img|<link|\ssrc=|url\(|@import", page)
    links = re.findall(r"https?://[^\"]+", page)
    assert len(links) == 65
    assert all(link.startswith("https://github.com/MIT-LCP/mimic-code/blob/8bcbd190/") for link in links)
    assert "a release of one patient" in page
    assert "65 equal to the published table" in page


def test_the_page_escapes_what_it_shows(entries):
    hostile = catalogue.entries({220045: ("<b>Heart & Rate</b>", "bpm")})
    assert "&lt;b&gt;Heart &amp; Rate&lt;/b&gt;" in catalogue.page(hostile, "x")


def test_the_dictionary_has_labels_of_both_and_no_unit_called_none():
    charted = pl.DataFrame({"itemid": [1, 2], "label": ["Heart Rate", "FiO2"], "unitname": ["bpm", "None"]})
    blood = pl.DataFrame({"itemid": [3], "label": [None]}, schema={"itemid": pl.Int64, "label": pl.String})
    assert catalogue.dictionary(charted, blood) == {1: ("Heart Rate", "bpm"), 2: ("FiO2", ""), 3: ("", "")}


def test_the_asset_writes_page_and_table(tmp_path):
    site = site_of(Settings.load(home=tmp_path, sources=str(tmp_path / "nowhere")))
    lake = Lake(root=f"file://{tmp_path}/lake", subject_shards=2)
    items = pl.LazyFrame({"itemid": [220045], "label": ["Heart Rate"], "unitname": ["bpm"]})

    class Dictionaries(dg.IOManager):
        def load_input(self, context):
            return items

        def handle_output(self, context, obj):
            raise AssertionError("the asset writes by itself")

    asset = catalogue_asset(site)
    needed = [dg.AssetSpec(key) for key in asset.dependency_keys]
    done = dg.materialize([asset, *needed], resources={"lake": lake, LAKE_IO_MANAGER: Dictionaries()})
    assert done.success
    assert b"Heart Rate" in lake.read_files(CATALOGUE.path)[PAGE]
    (event,) = done.get_asset_materialization_events()
    assert event.materialization.metadata["dagster/row_count"].value == len(TABLES)
    assert "| gcs |" in event.materialization.metadata["concepts"].value
    assert lake.scan(CATALOGUE.path).collect().height == len(TABLES)
