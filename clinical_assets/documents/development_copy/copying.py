"""A copy of the documents' tables for development: `python -m clinical_assets.documents.development_copy OUT`.

Index, texts, timeline, its links to documents and prioritised notes, as far as a batch has them. Dates are shifted per
patient, identifiers replaced, under a secret that is drawn for the copy and kept nowhere (or read from a file of the
hospital's, where several copies must agree). The copy is a lake of its own: with CLINICAL_LAKE pointing at it, and a
CLINICAL_HOME of its own, `--open` makes its batches known there (`opening`), and the next stage runs on it. Beside it
stands what was replaced and how much the rules find on made-up notes. **A copy made by rules is still protected health
information**; `deidentification` says what the rules cannot see, and so does the command.

What does not belong here: what becomes of each column (`column_rules`, `copied_batch`) and how identifiers are found.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow as pa
from sqlalchemy.exc import SQLAlchemyError

from clinical_assets.documents.development_copy import deidentification_trial as trial
from clinical_assets.documents.development_copy import trial_settings
from clinical_assets.documents.development_copy.column_rules import COPIED, INDEX, LINKS, TEXT, TIMELINE
from clinical_assets.documents.development_copy.copied_batch import Copied, Known, copied
from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.fhir_people import known_people
from clinical_assets.documents.development_copy.leaks import LeakError
from clinical_assets.documents.development_copy.names_that_are_words import NamesThatAreWords
from clinical_assets.documents.development_copy.opening import CONTENT, OpeningError, open_copy
from clinical_assets.documents.index.packed import PackedError
from clinical_assets.documents.prioritised.prioritised_assets import source_documents
from clinical_assets.settings import Settings, SettingsError
from resources.document_store import DocumentStore
from resources.lake import Lake, LakeError
from resources.warehouse import Warehouse

REPORT = "development_copy.json"
TRIAL_SEED, TRIAL_NOTES = 20_260_101, 25
TRIAL: Mapping[str, Sequence[trial_settings.Setting]] = {
    "phrasings the rules were written for": (*trial_settings.SETTINGS, *trial_settings.VARIANTS),
    "phrasings the rules were later made to read": (*trial_settings.PARAPHRASES, *trial_settings.PARAPHRASES_AFRESH),
    "phrasings written down before the rules saw them": trial_settings.PARAPHRASES_UNSEEN,
    "what rules of this kind hardly see": trial_settings.HARD,
}
WRITTEN_NOTES: Mapping[str, Path] = {
    "whole notes the general rules were made with": trial.DEVELOPMENT_NOTES,
    "whole notes written when the rules were finished": trial.UNSEEN_NOTES,
}
CANNOT = (
    "It is still protected health information until an expert has determined otherwise.",
    "Not found unless known: names in lower case, names that are ordinary words, first names that open a sentence, "
    "many names in notes in capitals; institutions and employers without a word that says so; short numbers without a "
    "label; times of day; rare events that point to one person; images.",
    "Known names that are ordinary words are not found in small letters, nor towns; nor are towns that are such words.",
    "Some words of medicine are taken for names: of whole notes nobody had in mind about one clinical word in eighty.",
    "Recall was measured on made-up notes; real notes are harder.",
)


class CopyError(Exception):
    """The copy cannot be made; the message says what was expected, what was found and what to do."""


@dataclass
class Report:
    """What a copy holds and what its rules find.

    Attributes:
        batches: copied.
        patients: in them.
        documents: rows of the index.
        texts: rows of text.
        rows: rows of every table, by path.
        without: tables that some batches have not, with how many batches.
        replaced: identifiers replaced, by kind.
        only_with_a_capital: known names and places that are words as well, see `names_that_are_words`.
        recall: one row per set and kind: `set`, `kind`, `planted`, `found`, `recall`.
    """

    batches: int = 0
    patients: int = 0
    documents: int = 0
    texts: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    without: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    only_with_a_capital: int = 0
    recall: pl.DataFrame = field(default_factory=pl.DataFrame)

    def lines(self) -> list[str]:
        """What a person reads."""
        out = [
            f"{self.documents:,} documents, {self.texts:,} texts, {self.patients:,} patients, {self.batches} batches"
        ]
        out += [f"  {self.rows[path]:>8,} rows of {path}" for path in COPIED if path in self.rows]
        out += [f"  {batches:,} batches without {path}" for path, batches in sorted(self.without.items())]
        out += [f"  replaced {count:>8,}  {kind}" for kind, count in sorted(self.replaced.items())]
        out.append(f"  {self.only_with_a_capital:>8,} known names and places looked for only with a capital")
        for name, of_set in measured().items():
            rows = self.recall.filter(pl.col("set") == name)
            found, planted = int(rows["found"].sum()), int(rows["planted"].sum())
            out.append(
                f"recall on {name}: {found / planted:.0%} ({found} of {planted}), {of_set.clinical_kept:.1%} of the "
                "clinical words kept"
            )
            out += [f"  {r['recall']:>6.0%}  {r['kind']} ({r['found']} of {r['planted']})" for r in rows.to_dicts()]
        kept, of = trial.results_kept()
        out.append(f"results written like dates, years or telephone numbers: {kept} of {of} kept as they are")
        return [*out, "What this copy is not:", *(f"  {line}" for line in CANNOT)]

    def record(self) -> str:
        """The same as JSON."""
        counts: dict[str, object] = {
            name: getattr(self, name) for name in ("batches", "patients", "documents", "texts")
        }
        counts |= {"rows": dict(self.rows), "batches_without": dict(self.without)}
        kept = {name: of_set.clinical_kept for name, of_set in measured().items()}
        body = {**counts, "replaced": dict(self.replaced), "recall": self.recall.to_dicts(), "clinical_kept": kept}
        body["only_with_a_capital"] = self.only_with_a_capital
        body["results_kept"] = dict(zip(("kept", "of"), trial.results_kept(), strict=True))
        body["cannot"] = list(CANNOT)
        return json.dumps(body, indent=1) + "\n"


@cache
def measured() -> Mapping[str, trial.Measured]:
    """What the detector finds, without being told of anybody, in each set of made-up notes."""
    generated = {
        name: trial.measure(trial.made_up_notes(TRIAL_SEED, TRIAL_NOTES, settings)) for name, settings in TRIAL.items()
    }
    whole = {name: trial.measure_as_a_batch(trial.marked_notes(file)) for name, file in WRITTEN_NOTES.items()}
    return generated | whole


def recall_by_kind() -> pl.DataFrame:
    """Recall of the detector on the sets of made-up notes: one row per set and kind."""
    parts = []
    for name, of_set in measured().items():
        kinds = of_set.recall.group_by("kind").agg(pl.col("planted", "found").sum()).sort("kind")
        parts.append(kinds.select(pl.lit(name).alias("set"), "kind", "planted", "found"))
    return pl.concat(parts).with_columns(recall=pl.col("found") / pl.col("planted"))


def write_copy(
    lake: Lake,
    out: Path,
    deidentifier: Deidentifier,
    known: Known,
    batches: Sequence[str] | None = None,
    warehouse: Warehouse | None = None,
) -> Report:
    """Write a de-identified copy of the lake's documents to a new folder, batch by batch.

    Args:
        lake: with `documents/index` and `documents/text`; the other tables of `COPIED` where it has them.
        out: folder to be made; written beside its place and renamed into it at the end.
        deidentifier: with the secret of this copy.
        known: identifiers known beforehand, by patient.
        batches: which; None for all.
        warehouse: that holds which documents describe which events; None for none: then `opening` infers them.

    Raises:
        CopyError: `out` is in use or lies in the lake (or the other way round), or there is nothing to copy.
        LeakError: a known identifier was left; nothing is written.
    """
    _refuse_places(lake.root, out)
    there = [name for name in lake.partitions(TEXT) if name in lake.partitions(INDEX)]
    wanted = there if batches is None else list(batches)
    absent = sorted(set(wanted) - set(there))
    if absent or not wanted:
        raise CopyError(
            f"expected batches with an index and texts in {lake.root}; found {len(there)} of them, without "
            f"{absent or 'any to copy'}; materialize {INDEX} and {TEXT} first or name others with --batches"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}-unfinished-", dir=out.parent))
    words_too = [NamesThatAreWords.of(values) for values in known.values()]
    capitals = sum(len(each.names) + len(each.places) for each in words_too)
    report = Report(recall=recall_by_kind(), only_with_a_capital=capitals)
    try:
        copy = Lake(root=str(unfinished), subject_shards=lake.subject_shards)
        copy.claim(CONTENT)
        held = {path: set(lake.partitions(path)) for path in COPIED}
        for batch in sorted(wanted):
            own = {path: lake.scan(path, [batch]).collect() for path in COPIED if batch in held[path]}
            links = _links(warehouse, own.get(TIMELINE))
            own |= {} if links is None else {LINKS: links}
            report.without.update(path for path in COPIED if path not in own)
            made = copied(own.pop(INDEX), own.pop(TEXT), deidentifier, known, own)
            for path, frame in made.tables.items():
                _write(copy, path, batch, frame)
            _count(report, made)
        (unfinished / REPORT).write_text(report.record(), encoding="utf-8")
        unfinished.chmod(0o700)
        unfinished.replace(out)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return report


def _links(warehouse: Warehouse | None, timeline: pl.DataFrame | None) -> pl.DataFrame | None:
    """The documents of a timeline's events; None where nobody has them, or the warehouse has those of another run."""
    if warehouse is None or timeline is None:
        return None
    event = ["patient_id", "event_id"]
    links = source_documents(warehouse, timeline["patient_id"]).join(timeline, on=event, how="semi")
    held = timeline.join(links.group_by(event).len("held"), on=event, how="left")
    return links if held["held"].fill_null(0).eq(held["n_documents"]).all() else None


def _write(copy: Lake, table: str, batch: str, frame: pl.DataFrame) -> None:
    rows: pa.Table = frame.to_arrow()
    with copy.write(table, rows.schema, [batch], {"made_by": "development_copy"}) as writer:
        writer.write(batch, rows)


def _count(report: Report, made: Copied) -> None:
    report.batches += 1
    report.patients += made.index["patient_id"].n_unique()
    report.documents += made.index.height
    report.texts += made.text.height
    report.rows.update({path: frame.height for path, frame in made.tables.items()})
    report.replaced += made.replaced


def _refuse_places(lake_root: str, out: Path) -> None:
    here = out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CopyError(f"expected no folder or an empty one at {out}; found something there; name another folder")
    if "://" in lake_root and not lake_root.startswith("file://"):
        return
    lake = Path(lake_root.removeprefix("file://")).resolve()
    if here == lake or lake in here.parents or here in lake.parents:
        raise CopyError(
            f"expected a folder apart from the lake {lake}; found {here}, which is in it, around it or the same: a "
            "copy must never stand where originals do; name another folder"
        )


def known_identifiers(file: Path) -> dict[str, tuple[str, ...]]:
    """Identifiers by patient, from a CSV with the columns patient_id and identifier.

    Raises:
        CopyError: the file is no such table.
    """
    try:
        table = pl.read_csv(file, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CopyError(f"expected a CSV of known identifiers at {file}; found none ({type(error).__name__})") from None
    if not {"patient_id", "identifier"} <= set(table.columns):
        raise CopyError(f"{file}: expected the columns patient_id, identifier; found {', '.join(table.columns)}")
    found: dict[str, list[str]] = defaultdict(list)
    for patient, identifier in table.select("patient_id", "identifier").drop_nulls().iter_rows():
        found[patient].append(identifier)
    return {patient: tuple(values) for patient, values in found.items()}


def _with_people(told: Known, lake: Lake, store: DocumentStore) -> Known:
    """What the command is told of patients, and what the store's FHIR resources say of them."""
    index = lake.scan(INDEX, lake.partitions(INDEX)) if lake.partitions(INDEX) else None
    patients = set() if index is None else set(index.select("patient_id").unique().collect()["patient_id"])
    people = known_people(store, patients)
    return {who: (*told.get(who, ()), *people.get(who, ())) for who in {*told, *people}}


def _secret(file: Path | None) -> bytes:
    """The hospital's secret, or one for this copy alone that nobody can look up afterwards."""
    if file is None:
        return secrets.token_bytes(32)
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise CopyError(f"expected a secret of 16 bytes or more in {file}; found {type(error).__name__}") from None


def _warehouse(settings: Settings) -> Warehouse:
    url = settings.warehouse_url.get_secret_value() if settings.warehouse_url else ""
    return Warehouse(url=url, embedded_folder=str(settings.home / "postgres"))


def _originals(settings: Settings) -> Warehouse | None:
    """The hospital's warehouse, where it has one: none is made for a copy."""
    there = settings.warehouse_url or (settings.home / "postgres").is_dir()
    return _warehouse(settings) if there else None


def _opened(lake: Lake, settings: Settings) -> str:
    opened = open_copy(lake, _warehouse(settings))
    return (
        f"{opened.batches} batches of {opened.patients:,} patients recorded, {opened.events:,} events with "
        f"{opened.links:,} links to documents loaded; materialize documents/patient_batches once, and they are "
        "partitions\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a copy and say what it holds and what it cannot do; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m clinical_assets.documents.development_copy",
        description="Copy the documents' index, texts, timeline and prioritised notes with dates shifted and "
        "identifiers replaced; or, with --open, make the batches of the copy that CLINICAL_LAKE names known here.",
        epilog=" ".join(CANNOT),
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("out", type=Path, nargs="?", help="folder to be made")
    what.add_argument("--open", action="store_true", help="record the copy's batches and load its timeline")
    parser.add_argument("--batches", help="names of batches, parted by commas; default all")
    parser.add_argument(
        "--known",
        type=Path,
        help="CSV with patient_id and identifier: names, numbers, "
        "addresses; beside what the FHIR Patient resources of the document store say",
    )
    parser.add_argument("--secret-file", type=Path, help="secret of 16 bytes or more; default: a new one, kept nowhere")
    wanted = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        lake = Lake(root=settings.lake_root, subject_shards=settings.subject_shards)
        if wanted.open:
            sys.stdout.write(_opened(lake, settings))
            return 0
        told = known_identifiers(wanted.known) if wanted.known else {}
        batches = wanted.batches.split(",") if wanted.batches else None
        deidentifier = Deidentifier(_secret(wanted.secret_file))
        known = _with_people(told, lake, DocumentStore(root=settings.documents_root))
        report = write_copy(lake, wanted.out, deidentifier, known, batches, _originals(settings))
    except (CopyError, OpeningError, LeakError, LakeError, SettingsError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        # A path may name a patient.
        said = str(error) if isinstance(error, PackedError) else error.strerror or "no more is said"
        sys.stderr.write(
            "expected a lake, a document store and a folder that can be read and written; found "
            f"{type(error).__name__} ({said}); mend the file or the folder, and run this again\n"
        )
        return 1
    except SQLAlchemyError as error:
        # Its message may quote a statement's parameters: patients.
        sys.stderr.write(
            f"expected the warehouse of the settings to answer; found {type(error).__name__}; start it, or correct "
            "CLINICAL_WAREHOUSE_URL\n"
        )
        return 1
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return 0
