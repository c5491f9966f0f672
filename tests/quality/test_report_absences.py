"""A data set that is not there is a line in the report, never an exception and never a silent zero."""

from datetime import UTC, datetime

import pytest

from clinical_assets.definitions import _absences, build_definitions
from clinical_assets.definitions import site_of as _site_of
from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.quality.report import Report, render
from clinical_assets.quality.report_absences import DATA_SETS, absent_data_sets
from clinical_assets.settings import Settings

FILES = {
    "mimiciv/3.1/hosp": ["patients", "admissions"],
    "mimiciv/3.1/icu": [p.split("/")[2] for p in TABLES if p.startswith("mimic/icu/")],
    "mimic-iv-ed/2.2/ed": [p.split("/")[2] for p in TABLES if p.startswith("mimic/ed/")],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with intensive care and the ED, two tables of the hospital's records, and nothing else."""
    root = tmp_path_factory.mktemp("site")
    for folder, names in FILES.items():
        (root / "sources" / folder).mkdir(parents=True)
        for name in names:
            (root / "sources" / folder / f"{name}.csv").touch()
    return _site_of(Settings.load(home=root / "home", sources=str(root / "sources")))


@pytest.fixture(scope="module")
def lines(site):
    definitions = build_definitions(site.settings)
    return absent_data_sets(site, [a for a in definitions.assets if hasattr(a, "specs")])


def test_a_missing_data_set_is_one_line_with_who_reads_it_as_empty(lines):
    (note,) = [line for line in lines if "MIMIC-IV-Note" in line]
    assert note.startswith("no MIMIC-IV-Note (mimic/note) among the sources: read as empty by ")
    assert "stays/cohort_members" in note
    assert len([line for line in lines if "MIMIC-CXR-JPG" in line]) == 1


def test_a_data_set_that_is_there_in_part_names_what_it_lacks(lines):
    (hospital,) = [line for line in lines if "mimic/hosp" in line.partition(":")[0]]
    assert "labevents" in hospital
    assert "patients" not in hospital.partition(":")[0]
    assert " more" in hospital


def test_a_data_set_that_is_there_has_no_line(lines):
    assert not [line for line in lines if "mimic/icu" in line.partition(":")[0] or "mimic/ed" in line.partition(":")[0]]


def test_every_data_set_of_the_catalogue_has_a_title():
    assert set(DATA_SETS) == {path.split("/")[1] for path in TABLES}


def test_where_everything_may_be_there_nothing_is_said(tmp_path):
    nowhere = _site_of(Settings.load(home=tmp_path, sources=str(tmp_path / "nowhere")))
    assert absent_data_sets(nowhere, []) == []


def test_the_lines_of_the_groups_come_first(site):
    said = _absences(site, [])
    assert said[0].startswith("no chest X-rays")
    assert len(said) > 1


def page(absent):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return render(Report("Data quality", "here", now, (), (), (), {}, tuple(absent)))


def test_the_report_shows_the_lines_before_the_tables():
    html = page(["no chest X-rays: <b>none</b>", "no notes"])
    assert html.index("no chest X-rays: &lt;b&gt;none") < html.index('<section id="tables">')
    assert html.count("<li>no ") == 2
    assert 'href="#absent"' in html


def test_a_report_of_a_site_that_lacks_nothing_has_no_such_section():
    assert "What is not there" not in page([])
