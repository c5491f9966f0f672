"""The files of `documents/text`: written batch by batch, left alone where nothing changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from clinical_assets.documents.index.index_files import digest
from clinical_assets.documents.tables import INDEX, TEXT
from clinical_assets.documents.text import extracting
from clinical_assets.documents.text.batches import NEEDED, Batch, Outcome, Told, tell_again
from clinical_assets.documents.text.extracting import Extractor
from resources.lake import VERSION, Lake, LakeError, StoredFile

OUTCOME = "outcome"
"""Key in a text file's metadata: how its documents came out, see `extracting.Outcome`."""
MADE_OF = "made_of"
"""Key in a text file's metadata: the version of the index's file it was made of, and of all readers. Where both are the
same, nobody need look at the index."""
SEVERAL = "several"
"""Key in a text file's metadata: how many of its documents have several formats, of which the view is told."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A batch's file of text.

    Attributes:
        batch: its name.
        file: as stored.
        outcome: how its documents came out.
        unchanged: whether it was there already and was left alone.
    """

    batch: str
    file: StoredFile
    outcome: Outcome
    unchanged: bool


def write_text(batches: Iterable[str], extractor: Extractor, lake: Lake, code_version: str) -> Iterator[TextFile]:
    """Store the text of each batch's indexed documents.

    A batch whose stored text was made from the same bytes by the same readers is left alone, unless a document of it
    failed for the circumstances and is worth another try. The view is told of it all the same.
    """
    same: list[TextFile] = []
    made_of: dict[str, str] = {}
    version = digest(code_version, extracting.readers_version(extractor.limits, extractor.zone))

    def changed() -> Iterator[Batch]:
        for name in batches:
            index = lake.stored(INDEX.path, name)
            content = (index.metadata or {}).get(VERSION.encode(), b"").decode() if index else ""
            made_of[name] = f"{content}:{version}"
            held = _held_text(lake, name, extractor, made_of[name], code_version)
            if isinstance(held, Batch):
                yield held
            else:
                same.append(held)

    for batch, outcome, pieces in extractor.extract(changed()):
        provenance = _provenance(code_version, digest(code_version, _content(batch, extractor)))
        several = batch.documents["other_formats"].is_not_null().sum()
        provenance |= {MADE_OF: made_of[batch.name], OUTCOME: _as_written(outcome), SEVERAL: str(several)}
        with lake.write(TEXT.path, TEXT.arrow_schema, [batch.name], provenance) as writer:
            for piece in pieces:
                writer.write(batch.name, piece.to_arrow())
        yield TextFile(batch.name, writer.stored[batch.name], outcome, unchanged=False)
    yield from same


def _held_text(lake: Lake, name: str, extractor: Extractor, made_of: str, code_version: str) -> TextFile | Batch:
    """The batch's file, where it is what would be made of the index again; else the batch, to be made."""
    footer = lake.stored(TEXT.path, name)
    known = {key.decode(): value.decode() for key, value in ((footer.metadata or {}) if footer else {}).items()}
    outcome = _as_read(known.get(OUTCOME))
    settled = outcome is not None and not outcome.unsettled
    if outcome is not None and settled and known.get(MADE_OF) == made_of and not outcome.given_up:
        return _left_alone(lake, name, outcome, extractor, known.get(SEVERAL))
    if not lake.with_columns(INDEX.path, [name], INDEX.column_names):
        raise LakeError(
            f"{INDEX.path} of {name}: expected its declared columns; found others, of another version of the code; "
            f"materialize {INDEX.path} for it first"
        )
    index = lake.scan(INDEX.path, [name]).select(NEEDED).collect()
    batch = Batch.of(name, index, extractor.limits)
    same = settled and known.get(VERSION) == digest(code_version, _content(batch, extractor))
    if outcome is not None and same and (not outcome.given_up or extractor.still_given_up(outcome)):
        return _left_alone(lake, name, outcome, extractor, known.get(SEVERAL))
    return batch


def _left_alone(lake: Lake, name: str, outcome: Outcome, extractor: Extractor, several: str | None) -> TextFile:
    held = lake.held(TEXT.path, name)
    if held is None:
        raise LakeError(f"{TEXT.path}: expected the file of {name}; it went while this run looked at it; run again")
    if several != "0":  # a file of an earlier version does not say
        tell_again(extractor.warehouse, _told(lake, name), extractor.bodies)
    return TextFile(name, held, outcome, unchanged=True)


def _told(lake: Lake, name: str) -> list[Told]:
    """What the view was told of a batch when its text was made."""
    document = ["patient_id", "document_id"]
    index = lake.scan(INDEX.path, [name]).filter(pl.col("other_formats").is_not_null())
    text = lake.scan(TEXT.path, [name]).select(*document, "read_instead")
    rows = index.select(*document, "sha256", "other_formats").join(text, on=document, maintain_order="left")
    return [Told(*row) for row in rows.collect().iter_rows()]


def _content(batch: Batch, extractor: Extractor) -> str:
    return f"{batch.version}|{extractor.zone or ''}"


def _as_written(outcome: Outcome) -> str:
    counts = {"reasons": outcome.reasons, "unsettled": outcome.unsettled, "given_up": outcome.given_up}
    return json.dumps({**counts, "dead": outcome.dead})


def _as_read(written: str | None) -> Outcome | None:
    """What was written; None for a file of an earlier version of this project, which is then made anew."""
    if written is None:
        return None
    said = json.loads(written)
    if "dead" not in said:
        return None
    return Outcome(Counter(said["reasons"]), said["unsettled"], said["given_up"], tuple(said["dead"]))


def _provenance(code_version: str, version: str) -> dict[str, str]:
    return {"code_version": code_version, VERSION: version}
