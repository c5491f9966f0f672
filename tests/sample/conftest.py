"""What tests of the synthetic documents share: a block's story and a small store written of it, once per session."""

from pathlib import Path

import pytest

PATIENTS_WITH_DOCUMENTS, SEED = 12, 22


@pytest.fixture(scope="session")
def story():
    """What happens to forty patients."""
    from clinical_assets.sample.blocks import Block
    from clinical_assets.sample.hospital import told

    return told(Block(20, 0, 40))


@pytest.fixture(scope="session")
def store():
    """Writes a document store of a story: `store(root, story, seed)`; its folder."""
    from clinical_assets.sample.cxr import radiology
    from clinical_assets.sample.documents.store import FOLDER, DocumentFiles

    def write(root: Path, story, seed: int = SEED, patients: int = PATIENTS_WITH_DOCUMENTS) -> Path:
        tables = radiology.tables(story)
        files = DocumentFiles(root, seed, patients)
        files.add(story, tables["mimic/cxr/metadata"], tables["mimic/cxr/chexpert"])
        files.finish()
        return root / FOLDER

    return write


@pytest.fixture(scope="session")
def written(tmp_path_factory, story, store):
    """The folder of that store; one of its patients has a long record."""
    return store(tmp_path_factory.mktemp("documents"), story)
