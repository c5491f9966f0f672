"""Every concept against the published SQL itself, run by DuckDB over the same files: cell by cell, at several seeds.

The SQL is not ours to ship. With MIMIC_CODE naming a checkout of MIT-LCP/mimic-code at the commit the declarations
name, these tests run; without it they are skipped.
"""

import inspect
import os
from pathlib import Path

import polars as pl
import pytest

from clinical_assets.concepts.published import PUBLISHED
from clinical_assets.concepts.tables import CONCEPTS, TABLES
from clinical_assets.sample.hospital import write_hospital
from tests.concepts.published_sql import (
    CHECKOUT,
    WITHIN_A_CHECKOUT,
    derive,
    derived,
    differences,
    load,
    mimic_tables,
    scripts,
)

RELEASES = Path(__file__).parents[3] / "shared/data/physionet"


@pytest.fixture(scope="module")
def folder():
    checkout = os.environ.get(CHECKOUT)
    if not checkout:
        pytest.skip(f"set {CHECKOUT} to a checkout of MIT-LCP/mimic-code to compare with the published SQL")
    path = Path(checkout) / WITHIN_A_CHECKOUT
    if not path.is_dir():
        pytest.fail(
            f"expected {WITHIN_A_CHECKOUT} in the checkout {CHECKOUT} names; found no such folder in {checkout}"
        )
    return path


@pytest.fixture(
    scope="module",
    params=[
        "open demo",
        "150 patients, seed 1",
        "600 patients, seed 2",
        "600 patients, seed 3",
        "400 patients, seed 20",
    ],
)
def both(request, folder, tmp_path_factory, computed):
    """Our tables and the database of the published ones."""
    if request.param == "open demo":
        root = RELEASES
        if not (root / "mimic-iv-demo").is_dir():
            pytest.skip("the open MIMIC-IV demo is not at ../shared/data/physionet")
    else:
        patients, seed = (int(word) for word in request.param.replace(",", "").split() if word.isdigit())
        root = tmp_path_factory.mktemp("hospital") / "sources"
        write_hospital(root, patients=patients, seed=seed)
    database = load(root)
    published = set(derive(database, folder))
    needed = {name for concept in CONCEPTS.values() for name in inspect.signature(concept).parameters} - set(CONCEPTS)
    return computed(mimic_tables(database, needed)), database, published


def test_every_published_table_is_ours_and_its_source_is_where_we_say(folder):
    assert set(scripts(folder)) == set(PUBLISHED)
    assert set(PUBLISHED) <= set(TABLES)
    for file in PUBLISHED.values():
        assert (folder / file).is_file(), file


@pytest.mark.timeout(1_200)
def test_every_cell_equals_the_published_table(both):
    ours, database, published = both
    different = {
        name: found for name in sorted(published) if (found := differences(ours[name], derived(database, name)))
    }
    assert not different, different


@pytest.mark.parametrize(
    ("ours", "theirs", "where"),
    [
        ([1.0, None], [1.0 + 1e-8, None], set()),
        ([1.0, 2.0], [2.0, 1.0], set()),
        ([1.0, 2.0], [1.0, 2.0001], {"number"}),
        ([1.0, None], [1.0, 2.0], {"number"}),
        ([1.0, 1.0], [1.0], {"number of rows", "only ours", "only published"}),
    ],
)
def test_the_comparison_sees_what_it_should(ours, theirs, where):
    def frame(numbers):
        return pl.DataFrame(
            {"stay_id": [7] * len(numbers), "number": numbers}, schema={"stay_id": pl.Int64, "number": pl.Float64}
        )

    assert set(differences(frame(ours), frame(theirs))) == where


def test_a_column_we_lack_is_a_difference():
    published = pl.DataFrame({"stay_id": [7], "gcs": [15.0]})
    assert differences(published.drop("gcs"), published)["columns we lack"]["column"].to_list() == ["gcs"]
