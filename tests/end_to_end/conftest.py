"""Whole homes, made once per session: each is a demo as a person would run it."""

from pathlib import Path

import pytest

from clinical_assets import demo
from clinical_assets.definitions import site_of
from clinical_assets.sample.hospital import write_hospital
from clinical_assets.settings import Settings

PHYSIONET = Path(__file__).parents[3] / "shared" / "data" / "physionet"


@pytest.fixture(scope="session")
def physionet_site(tmp_path_factory):
    """The open MIMIC-IV demo, everything materialized."""
    if not PHYSIONET.is_dir():
        pytest.skip("the open MIMIC-IV demo is not at ../shared/data/physionet")
    settings = Settings.load(home=tmp_path_factory.mktemp("physionet"), sources=str(PHYSIONET))
    assert demo.run(settings), "the demo failed on the open MIMIC-IV demo"
    return site_of(settings)


@pytest.fixture(scope="session")
def small_hospital(tmp_path_factory):
    """Source files of a synthetic hospital of 60 patients."""
    root = tmp_path_factory.mktemp("hospital") / "sources"
    write_hospital(root, patients=60, seed=3)
    return root
