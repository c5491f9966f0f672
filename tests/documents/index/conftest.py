"""A small store and its index for the tests of this folder, and the module that makes it (`indexed_place`)."""

import sys
from pathlib import Path

import pytest

from clinical_assets.documents.index import indexing

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def place(tmp_path, warehouse, monkeypatch):
    from indexed_place import ROWS, Place

    place = Place(tmp_path, warehouse)
    for _, _, path, _, _ in ROWS:
        if "gone" not in path and ".." not in path:
            place.put(path, f"The words of {path}.")
    place.list_as(ROWS)
    index = indexing.index

    def counted(patients, *others):
        place.made.append(list(patients))
        return index(patients, *others)

    monkeypatch.setattr(indexing, "index", counted)
    return place


@pytest.fixture
def folders(place):
    """The same without a manifest: whose a document is, its folder says."""
    (place.store / "manifest.csv").unlink()
    return place
