"""A lake of made-up patients and a development copy of it, made once for all tests of this folder."""

import sys
from pathlib import Path

import pytest

from clinical_assets.documents.development_copy.copying import write_copy
from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.timeline import timeline_store
from resources.lake import Lake
from resources.warehouse import Warehouse

sys.path.insert(0, str(Path(__file__).parent))

from copied_hospital import BATCHES, IN_THE_LAKE, NAMES, SECRET, frames, links, load, prioritised, timeline, write


@pytest.fixture(scope="session")
def lake(tmp_path_factory):
    made = Lake(root=str(tmp_path_factory.mktemp("lake")), subject_shards=2)
    for batch, patients in BATCHES.items():
        index, text = frames(patients)
        events = timeline(patients)
        kept, chosen = prioritised(index, text, events, links(patients, events))
        for table, frame in zip(IN_THE_LAKE, (index, text, events, kept, chosen), strict=True):
            write(made, table, batch, frame)
    return made


@pytest.fixture(scope="session")
def known():
    return {patient: (name, *name.split(", "), f"77{patient[-5:]}") for patient, name in NAMES.items()}


@pytest.fixture(scope="session")
def copy(lake, known, tmp_path_factory, postgres):
    out = tmp_path_factory.mktemp("copies") / "copy"
    warehouse = Warehouse(embedded_folder=postgres)
    load(warehouse)
    report = write_copy(lake, out, Deidentifier(SECRET), known, warehouse=warehouse)
    timeline_store.forget(warehouse)
    return Lake(root=str(out), subject_shards=2), report
