"""Study records as one folder per patient, for people and tools that read files.

    python -m clinical_assets.imaging.patient_folders OUT [--subjects FILE] [--cohort NAME] [--split SPLIT]

    OUT/index.csv           one row per patient
    OUT/summary.json        counts, and what the tables are
    OUT/p<subject_id>/      see `patient_records`

The folder appears whole or not at all: it is made beside its place (`.OUT.unfinished`) and renamed at the end. A run
that was stopped is taken up again by the same command: patients that are there are not written again. If the tables or
the choice of patients have changed since, it is refused. One shard's patients are in memory at a time.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from clinical_assets.imaging.file_assets import JPG_FOLDERS
from clinical_assets.imaging.patient_records import Tables, by_patient, write_json, write_patient
from clinical_assets.imaging.study_records import STUDY_RECORDS
from clinical_assets.settings import Settings, SettingsError
from resources.lake import Lake, LakeError
from resources.ownership import owned_name, owner_is_dead

__all__ = ["Tables", "export", "write_patient_folders"]

FORMAT = 2
_CHOICE, _OWNER = "choice.txt", "owner.txt"
_INDEX = pl.Schema(
    {
        "subject_id": pl.Int64,
        "folder": pl.String,
        "split": pl.String,
        "n_studies": pl.Int64,
        "n_images": pl.Int64,
        "n_studies_with_context": pl.Int64,
        "n_studies_labelled": pl.Int64,
        "n_studies_with_report": pl.Int64,
    }
)
_TABLES = {
    "records": STUDY_RECORDS.path,
    "images": "imaging/cxr_images",
    "labs": "imaging/context_labs",
    "medications": "imaging/context_medications",
    "diagnoses": "imaging/context_diagnoses",
}
Tell = Callable[[int], None]


def write_patient_folders(folder: Path, tables: Tables, *, image_root: Path | None = None) -> int:
    """Write one folder per patient of `tables.records`; see `export`."""
    return export(folder, [tables], choice="", image_root=image_root)


def export(
    folder: Path,
    parts: Iterable[Tables],
    *,
    choice: str,
    image_root: Path | None = None,
    tell: Tell = lambda _patients: None,
) -> int:
    """Write one folder per patient of the records of all parts.

    Args:
        folder: to be made; its parent must exist.
        parts: rows of the wanted patients, all of a patient's in one part; taken one at a time.
        choice: what decides the rows (versions of the tables, which patients): an unfinished export of another choice
            is not taken up.
        image_root: the CXR release's folder; where given, each image that is there gets a link.
        tell: called with the number of patients done, after each.

    Returns:
        how many patients the folder holds.

    Raises:
        FileExistsError: `folder` is there already, or an unfinished one of another choice or another running process;
            nothing is overwritten.
    """
    if folder.exists():
        raise FileExistsError(f"expected no {folder}; found one; name another folder or remove that one")
    with _unfinished(folder, choice) as place:
        counts = _Counts()
        for part in parts:
            for patient in by_patient(part):
                _write_once(place, patient, image_root)
                counts.add(patient)
                tell(len(counts.index))
        pl.DataFrame(sorted(counts.index), schema=_INDEX, orient="row").write_csv(place / "index.csv")
        (place / "summary.json").unlink(missing_ok=True)  # of a run stopped between here and the renaming
        write_json(place / "summary.json", counts.summary())
        for own in (_CHOICE, _OWNER):
            (place / own).unlink()
        place.rename(folder)
    return len(counts.index)


@contextmanager
def _unfinished(folder: Path, choice: str) -> Iterator[Path]:
    """The folder an export is made in: a new one, or that of a run of the same choice which was stopped."""
    place = folder.parent / f".{folder.name}.unfinished"
    wanted = f"{FORMAT}\n{choice}\n"
    if place.exists():
        began = (place / _CHOICE).read_text(encoding="utf-8") if (place / _CHOICE).exists() else ""
        if began not in ("", wanted):
            raise FileExistsError(
                f"expected an unfinished export of the same tables and patients at {place}; found one of others; "
                "remove it, or name another folder"
            )
        owner = (place / _OWNER).read_text(encoding="utf-8") if (place / _OWNER).exists() else ""
        if owner and not owner_is_dead(owner) and owner.split("~")[:3] != owned_name().split("~")[:3]:
            raise FileExistsError(
                f"expected nobody to be writing {place}; found process {owner.split('~')[1]} of "
                f"{owner.split('~')[0]} doing so; let it end, or if that machine is gone, remove the folder"
            )
    place.mkdir(mode=0o700, exist_ok=True)
    for name, content in ((_OWNER, owned_name()), (_CHOICE, wanted)):
        (place / name).write_text(content, encoding="utf-8")
    try:
        yield place
    except BaseException:
        # So that whoever runs the command again in this process's lifetime may take it up.
        (place / _OWNER).unlink(missing_ok=True)
        raise


def _write_once(place: Path, patient: Tables, image_root: Path | None) -> None:
    """A patient's folder, whole or not at all; one that is there is left as it is."""
    name = f"p{int(patient.records['subject_id'][0])}"
    if (place / name).exists():
        return
    begun = place / f".{name}"
    shutil.rmtree(begun, ignore_errors=True)
    write_patient(begun, patient, image_root)
    begun.rename(place / name)


@dataclass
class _Counts:
    """The index, and the sums over all patients."""

    index: list[tuple[Any, ...]] = field(default_factory=list)
    sums: Counter[str] = field(default_factory=Counter)
    sides: Counter[str] = field(default_factory=Counter)

    def add(self, patient: Tables) -> None:
        """Count one patient in."""
        records = patient.records
        subject, split = int(records["subject_id"][0]), str(records["split"][0])
        context, labelled = (int(records[name].sum()) for name in ("has_context", "labelled"))
        reported = records["report_source"].count()
        images = patient.images.height
        self.index.append((subject, f"p{subject}", split, records.height, images, context, labelled, reported))
        self.sides[split] += 1
        self.sums.update(
            studies=records.height, images=images, with_context=context, labelled=labelled, with_report=reported
        )

    def summary(self) -> Mapping[str, Any]:
        """What `summary.json` holds."""
        return {
            "format": FORMAT,
            "patients": len(self.index),
            "studies": self.sums["studies"],
            "images": self.sums["images"],
            **{f"studies_{name}": self.sums[name] for name in ("with_context", "labelled", "with_report")},
            "patients_by_split": dict(sorted(self.sides.items())),
            "inputs": "images, stay, known_before",
            "made_afterwards": "targets and report: never inputs of what is to be used when the image is taken",
        }


def of_lake(lake: Lake, shards: Sequence[str], subjects: pl.Series | None) -> Iterator[Tables]:
    """The tables, one shard's at a time.

    Args:
        lake: that holds them.
        shards: in which order.
        subjects: which patients; None for all.
    """
    for shard in shards:
        frames = {name: lake.scan(path, [shard]) for name, path in _TABLES.items()}
        if subjects is not None:
            wanted = pl.col("subject_id").is_in(subjects.implode())
            frames = {name: frame.filter(wanted) for name, frame in frames.items()}
        yield Tables(**{name: frame.collect() for name, frame in frames.items()})


def chosen(lake: Lake, subjects_file: Path | None, cohort: str | None, split: str | None) -> pl.Series | None:
    """Numbers of the wanted patients: in all of the file, the cohort and the split that are given; None for all.

    Raises:
        ValueError: the file holds something else than numbers, or the cohort or split is unknown; it says which are.
    """
    parts = []
    if subjects_file is not None:
        lines = subjects_file.read_text(encoding="utf-8").split()
        wrong = next((n for n, line in enumerate(lines, 1) if not line.isdecimal()), None)
        if wrong is not None:
            raise ValueError(f"{subjects_file}: expected one subject_id a line; found something else at entry {wrong}")
        parts.append({int(line) for line in lines})
    for path, column, wanted, restriction in (
        ("stays/cohort_members", "cohort", cohort, pl.col("included") if cohort else None),
        (STUDY_RECORDS.path, "split", split, None),
    ):
        if wanted is None:
            continue
        rows = lake.scan(path, lake.partitions(path))
        known = rows.select(pl.col(column).unique().sort()).collect()[column].to_list()
        if wanted not in known:
            raise ValueError(f"--{column}: expected one of {', '.join(known)}; found {wanted!r}")
        rows = rows.filter(pl.col(column) == wanted)
        rows = rows if restriction is None else rows.filter(restriction)
        parts.append(set(rows.select("subject_id").unique().collect()["subject_id"].to_list()))
    return pl.Series("subject_id", sorted(set.intersection(*parts)), pl.Int64) if parts else None


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 when the folder is there."""
    parser = argparse.ArgumentParser(
        prog="python -m clinical_assets.imaging.patient_folders", description="Study records as one folder per patient."
    )
    parser.add_argument("out", type=Path, help="folder to be made")
    parser.add_argument("--subjects", type=Path, help="file with one subject_id a line; default all patients")
    parser.add_argument("--cohort", help="only patients with a stay included in this cohort")
    parser.add_argument("--split", help="only patients of this side: train, validate or test")
    asked = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        lake = Lake(root=settings.lake_root, subject_shards=settings.subject_shards)
        shards = lake.partitions(STUDY_RECORDS.path)
        if not shards:
            raise LakeError(f"no {STUDY_RECORDS.path} in {settings.lake_root}: materialize imaging/ first")
        subjects = chosen(lake, asked.subjects, asked.cohort, asked.split)
        done = export(
            asked.out.absolute(),
            of_lake(lake, shards, subjects),
            choice=_choice(lake, subjects),
            image_root=_images(settings.sources_root),
            tell=_progress(_wanted(lake, shards, subjects)),
        )
    except (SettingsError, LakeError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{done:,} patients in {asked.out}")
    return 0


def _choice(lake: Lake, subjects: pl.Series | None) -> str:
    versions = "|".join(f"{path}={lake.version(path)}" for path in _TABLES.values())
    whom = "all" if subjects is None else ",".join(map(str, subjects))
    return hashlib.sha256(f"{versions}|{whom}".encode()).hexdigest()


def _images(sources_root: str) -> Path | None:
    """The folder links lead to: the newest release of images, where the sources are on a disk."""
    if "://" in sources_root:
        return None
    return next((Path(sources_root) / folder for folder in JPG_FOLDERS if (Path(sources_root) / folder).is_dir()), None)


def _wanted(lake: Lake, shards: Sequence[str], subjects: pl.Series | None) -> int:
    patients = lake.scan(STUDY_RECORDS.path, shards).select("subject_id").unique()
    if subjects is not None:
        patients = patients.filter(pl.col("subject_id").is_in(subjects.implode()))
    return int(patients.select(pl.len()).collect().item())


def _progress(of: int, every_s: float = 2.0) -> Tell:
    """Says how many patients are done and how long the rest will take, every few seconds."""
    started = said = time.monotonic()

    def tell(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < every_s:
            return
        said = now
        left = (now - started) / done * (of - done)
        print(f"{done:,} of {of:,} patients, about {left:,.0f} s left", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    sys.exit(main())
