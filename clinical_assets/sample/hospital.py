"""The synthetic hospital: a folder shaped like the MIMIC releases, with no patient behind it.

For running, testing and measuring everything with neither credential nor network. Written beside its place and renamed
into it at the end, so a killed run leaves nothing that looks finished.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from clinical_assets.sample import emergency
from clinical_assets.sample.blocks import Block, blocks
from clinical_assets.sample.course.encounters import encounters, icu_stays
from clinical_assets.sample.course.people import patients as draw_patients
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.course.treatments import treatments
from clinical_assets.sample.cxr import imaging_files, radiology
from clinical_assets.sample.cxr.report_files import ReportFiles
from clinical_assets.sample.documents import notes as document_notes
from clinical_assets.sample.documents.store import DocumentFiles
from clinical_assets.sample.hosp import billing, dictionaries, laboratory, microbiology, movements, orders
from clinical_assets.sample.icu import bedside, infusions, procedures
from clinical_assets.sample.writing import Files

MARKER = "synthetic_hospital.json"
GENERATOR_VERSION = 7
"""Raise it whenever the same arguments would give other bytes."""

DOMAINS = (
    movements,
    emergency,
    bedside,
    infusions,
    laboratory,
    microbiology,
    orders,
    procedures,
    billing,
    radiology,
    document_notes,
)
"""Each has `tables(story) -> {table path: frame}`; together they write every table but the dictionaries."""


class ForeignFolderError(FileExistsError):
    """The folder to write to holds something this generator did not make with these arguments."""


def write_hospital(
    root: Path,
    *,
    patients: int = 1000,
    seed: int = 20,
    studies_with_files: int = 0,
    studies_with_reports: int = 0,
    patients_with_documents: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Write a hospital; do nothing where the same one is already there.

    Args:
        root: folder to be made; its parent is made too.
        patients: how many, 1 to 400,000. A smaller hospital is not a part of a larger one.
        seed: same seed and patients, same bytes.
        studies_with_files: for how many chest X-ray studies, from the first on, images and readings are written.
        studies_with_reports: for how many labelled studies, from the first on, MIMIC-CXR's report files are written.
        patients_with_documents: for how many patients, from the first on, notes and FHIR resources are written.
        progress: called with (patients written, patients in all) after each block.

    Returns:
        rows by table path, e.g. `mimic/hosp/labevents`.

    Raises:
        ForeignFolderError: `root` exists and is not exactly this hospital.
        ValueError: more patients than there are ids for, or none.
    """
    to_do = list(blocks(patients, seed))
    arguments = {
        "patients": patients,
        "seed": seed,
        "studies_with_files": studies_with_files,
        "studies_with_reports": studies_with_reports,
        "patients_with_documents": patients_with_documents,
        "generator_version": GENERATOR_VERSION,
    }
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        return _rows_of_the_same(root, arguments)
    root.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{root.name}-unfinished-", dir=root.parent))
    try:
        images = imaging_files.ImageFiles(unfinished, seed, studies_with_files)
        reports = ReportFiles(unfinished, seed, studies_with_reports)
        documents = DocumentFiles(unfinished, seed, patients_with_documents)
        with Files(unfinished) as files:
            for path, frame in dictionaries.tables().items():
                files.append(path, frame)
            for block in to_do:
                _write_block(block, files, images, reports, documents)
                if progress:
                    progress(min((block.number + 1) * to_do[0].patients, patients), patients)
        images.finish()
        documents.finish()
        marker = {**arguments, "rows": files.rows}
        (unfinished / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
        unfinished.chmod(0o755)
        unfinished.replace(root)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return dict(files.rows)


def _write_block(
    block: Block, files: Files, images: imaging_files.ImageFiles, reports: ReportFiles, documents: DocumentFiles
) -> None:
    story = told(block)
    reports.add(story)
    for domain in DOMAINS:
        tables = domain.tables(story)
        for path, frame in tables.items():
            files.append(path, frame)
        if domain is radiology:
            images.add(*(tables[f"mimic/cxr/{name}"] for name in ("metadata", "split", "chexpert")))
            documents.add(story, tables["mimic/cxr/metadata"], tables["mimic/cxr/chexpert"])


def told(block: Block) -> Story:
    """Everything that happens to a block's patients."""
    people = draw_patients(block)
    story = encounters(block, people)
    stays = icu_stays(block, story)
    return Story(block, people, story, stays, treatments(block, people, story, stays))


def _rows_of_the_same(root: Path, arguments: dict[str, int]) -> dict[str, int]:
    marker = root / MARKER
    if not marker.is_file():
        raise ForeignFolderError(
            f"expected no folder, an empty one or a synthetic hospital at {root}; found other files and no {MARKER}; "
            "name another folder"
        )
    found = json.loads(marker.read_text(encoding="utf-8"))
    if any(found.get(name) != value for name, value in arguments.items()):
        made_with = {name: found.get(name) for name in arguments}
        raise ForeignFolderError(
            f"expected the hospital made with {arguments} at {root}; found one made with {made_with}; "
            "name another folder or remove that one"
        )
    rows: dict[str, int] = found["rows"]
    return rows
