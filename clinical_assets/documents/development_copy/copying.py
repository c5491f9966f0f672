"""A copy of the documents' tables for development: `python -m clinical_assets.documents.development_copy OUT`.

Index, texts, timeline and prioritised notes, as far as a batch has them. Dates are shifted per patient, identifiers
replaced, under a secret that is drawn for the copy and kept nowhere (or read from a file of the hospital's, where
several copies must agree). The copy is a lake of its own: with CLINICAL_LAKE pointing at it, and a CLINICAL_HOME of its
own, `--open` makes its batches known there (`opening`), and the next stage runs on it. Beside it stands what was
replaced and how much the rules find on a seeded set of made-up notes. **A copy made by rules is still protected health
information**; `deidentification` says what the rules cannot see, and so does the command.

What does not belong here: what becomes of each column (`column_rules`) and how identifiers are found.
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

from clinical_assets.documents.development_copy import deidentification_trial as trial
from clinical_assets.documents.development_copy import trial_settings
from clinical_assets.documents.development_copy.column_rules import (
    COPIED,
    INDEX,
    TEXT,
    Copied,
    Known,
    LeakError,
    copied,
)
from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.opening import CONTENT, OpeningError, open_copy
from clinical_assets.settings import Settings, SettingsError
from resources.lake import Lake, LakeError
from resources.warehouse import Warehouse

REPORT = "development_copy.json"
TRIAL_SEED, TRIAL_NOTES = 20_260_101, 25
TRIAL: Mapping[str, Sequence[trial_settings.Setting]] = {
    "phrasings the rules were written for": (*trial_settings.SETTINGS, *trial_settings.VARIANTS),
    "phrasings the rules were later made to read": (*trial_settings.PARAPHRASES, *trial_settings.PARAPHRASES_AFRESH),
    "phrasings written down before the rules saw them": trial_settings.PARAPHRASES_UNSEEN,
    "what rules of this kind cannot see": trial_settings.HARD,
}
CANNOT = (
    "It is still protected health information until an expert has determined otherwise.",
    "Not found: names standing alone in no known context, in lower case, nicknames, misspellings; hospitals, "
    "employers, places; dates in words; numbers without a label; rare events that point to one person; images.",
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
        recall: one row per set and kind: `set`, `kind`, `planted`, `found`, `recall`.
    """

    batches: int = 0
    patients: int = 0
    documents: int = 0
    texts: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    without: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    recall: pl.DataFrame = field(default_factory=pl.DataFrame)

    def lines(self) -> list[str]:
        """What a person reads."""
        out = [
            f"{self.documents:,} documents, {self.texts:,} texts, {self.patients:,} patients, {self.batches} batches"
        ]
        out += [f"  {self.rows[path]:>8,} rows of {path}" for path in COPIED if path in self.rows]
        out += [f"  {batches:,} batches without {path}" for path, batches in sorted(self.without.items())]
        out += [f"  replaced {count:>8,}  {kind}" for kind, count in sorted(self.replaced.items())]
        for name in TRIAL:
            rows = self.recall.filter(pl.col("set") == name)
            found, planted = int(rows["found"].sum()), int(rows["planted"].sum())
            out.append(f"recall on {name}: {found / planted:.0%} ({found} of {planted})")
            out += [f"  {r['recall']:>6.0%}  {r['kind']} ({r['found']} of {r['planted']})" for r in rows.to_dicts()]
        return [*out, "What this copy is not:", *(f"  {line}" for line in CANNOT)]

    def record(self) -> str:
        """The same as JSON."""
        counts: dict[str, object] = {
            name: getattr(self, name) for name in ("batches", "patients", "documents", "texts")
        }
        counts |= {"rows": dict(self.rows), "batches_without": dict(self.without)}
        body = {**counts, "replaced": dict(self.replaced), "recall": self.recall.to_dicts(), "cannot": list(CANNOT)}
        return json.dumps(body, indent=1) + "\n"


@cache
def recall_by_kind() -> pl.DataFrame:
    """Recall of the detector on the seeded sets: one row per set and kind."""
    parts = []
    for name, settings in TRIAL.items():
        measured = trial.measure(trial.made_up_notes(TRIAL_SEED, TRIAL_NOTES, settings))
        kinds = measured.recall.group_by("kind").agg(pl.col("planted", "found").sum()).sort("kind")
        parts.append(kinds.select(pl.lit(name).alias("set"), "kind", "planted", "found"))
    return pl.concat(parts).with_columns(recall=pl.col("found") / pl.col("planted"))


def write_copy(
    lake: Lake, out: Path, deidentifier: Deidentifier, known: Known, batches: Sequence[str] | None = None
) -> Report:
    """Write a de-identified copy of the lake's documents to a new folder, batch by batch.

    Args:
        lake: with `documents/index` and `documents/text`; the other tables of `COPIED` where it has them.
        out: folder to be made; written beside its place and renamed into it at the end.
        deidentifier: with the secret of this copy.
        known: identifiers known beforehand, by patient.
        batches: which; None for all.

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
    report = Report(recall=recall_by_kind())
    try:
        copy = Lake(root=str(unfinished), subject_shards=lake.subject_shards)
        copy.claim(CONTENT)
        held = {path: set(lake.partitions(path)) for path in COPIED}
        for batch in sorted(wanted):
            own = {path: lake.scan(path, [batch]).collect() for path in COPIED if batch in held[path]}
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


def _secret(file: Path | None) -> bytes:
    """The hospital's secret, or one for this copy alone that nobody can look up afterwards."""
    if file is None:
        return secrets.token_bytes(32)
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise CopyError(f"expected a secret of 16 bytes or more in {file}; found {type(error).__name__}") from None


def _opened(lake: Lake, settings: Settings) -> str:
    url = settings.warehouse_url.get_secret_value() if settings.warehouse_url else ""
    opened = open_copy(lake, Warehouse(url=url, embedded_folder=str(settings.home / "postgres")))
    return (
        f"{opened.batches} batches of {opened.patients:,} patients recorded, {opened.events:,} events loaded; "
        "materialize documents/patient_batches once, and they are partitions\n"
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
    parser.add_argument("--known", type=Path, help="CSV with patient_id and identifier: names, numbers, addresses")
    parser.add_argument("--secret-file", type=Path, help="secret of 16 bytes or more; default: a new one, kept nowhere")
    wanted = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        lake = Lake(root=settings.lake_root, subject_shards=settings.subject_shards)
        if wanted.open:
            sys.stdout.write(_opened(lake, settings))
            return 0
        known = known_identifiers(wanted.known) if wanted.known else {}
        batches = wanted.batches.split(",") if wanted.batches else None
        report = write_copy(lake, wanted.out, Deidentifier(_secret(wanted.secret_file)), known, batches)
    except (CopyError, OpeningError, LeakError, LakeError, SettingsError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return 0
