"""Batches whose text is left alone: the view shows it whatever the warehouse forgot in between."""

import json

import pytest
import sqlalchemy as sa

from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.index.index_files import write_index
from clinical_assets.documents.text import text_files
from clinical_assets.documents.text.extracting import Extractor
from resources.document_store import DocumentStore
from resources.lake import Lake

ZIP = b"PK\x03\x04" + bytes(40)
SEVERAL = [{"contentType": "text/html", "url": "best.html"}, {"contentType": "text/plain", "url": "next.txt"}]


class Hospital:
    """A store of two patients' documents, one each a batch, and the index and the text of them."""

    def __init__(self, root, warehouse):
        self.root, self.warehouse = root / "store", warehouse
        self.root.mkdir()
        self.place, self.nothing = DocumentStore(root=str(self.root)), DocumentStore(root=str(root / "nothing"))
        self.lake = Lake(root=str(root / "lake"), subject_shards=1)
        self.write("best.html", ZIP)
        self.write("next.txt", b"From a file.")
        self.name("several", "single")

    def write(self, name: str, content: bytes) -> None:
        (self.root / name).write_bytes(content)

    def name(self, *documents: str) -> None:
        """The manifest names these, each of the patient called so; only `several` has several formats."""
        lines = [
            json.dumps({
                "resourceType": "DocumentReference", "id": name, "subject": {"reference": f"Patient/{name}"},
                "content": [{"attachment": each} for each in (SEVERAL if name == "several" else SEVERAL[1:])],
            })
            for name in documents
        ]  # fmt: skip
        self.write("DocumentReference.ndjson", "\n".join(lines).encode())

    def index(self, code_version: str = "1") -> None:
        sources = DocumentSources(self.place, self.nothing, self.lake)
        for name in ("several", "single"):
            write_index(name, [name], sources, self._bodies(), self.warehouse, code_version)

    def text(self, batch: str = "several") -> bool:
        """Whether the batch's text was left alone."""
        extractor = Extractor(self.warehouse, self._bodies(), workers=1)
        (made,) = text_files.write_text([batch], extractor, self.lake, "1")
        return made.unchanged

    def _bodies(self) -> Bodies:
        return Bodies((self.place, self.nothing), self.lake)

    def seen(self) -> tuple:
        query = "SELECT extracted_text, extraction_error, other_format_read, uri FROM {} WHERE document_id = 'several'"
        with self.warehouse.transaction() as connection:
            shown = connection.execute(sa.text(query.format("document_cache.extracted_document_text")))
            return tuple(shown.one())


@pytest.fixture
def hospital(tmp_path, warehouse):
    return Hospital(tmp_path, warehouse)


@pytest.mark.parametrize("version", ["1", "2"], ids=["the same index", "an index made by other code"])
@pytest.mark.parametrize("earlier", [False, True], ids=["", "a file of an earlier version"])
def test_a_document_that_was_another_for_a_while_or_gone_has_its_text_in_the_view_again(
    hospital, monkeypatch, version, earlier
):
    hospital.index()
    with monkeypatch.context() as patched:
        if earlier:
            patched.setattr(text_files, "SEVERAL", "nobody looks here")
        assert not hospital.text()
    seen = hospital.seen()
    assert seen == ("From a file.", None, True, hospital.place.uri("next.txt"))

    hospital.write("best.html", ZIP + b"1")
    hospital.index(version)
    assert hospital.seen() != seen
    hospital.write("best.html", ZIP)
    hospital.index(version)
    assert hospital.text()
    assert hospital.seen() == seen

    hospital.name("single")
    hospital.index(version)
    hospital.name("several", "single")
    hospital.index(version)
    assert hospital.text()
    assert hospital.seen() == seen


def test_of_a_batch_without_other_formats_the_view_is_told_nothing_again(hospital, monkeypatch):
    hospital.index()
    assert not hospital.text("single")
    assert not hospital.text("several")
    told = []
    monkeypatch.setattr(text_files, "tell_again", lambda *given: told.append(given[1]))
    assert hospital.text("single")
    assert told == []
    assert hospital.text("several")
    assert [each.document_id for each in told[0]] == ["several"]
