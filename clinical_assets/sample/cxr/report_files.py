"""The reports of chest X-rays as MIMIC-CXR releases them: one text file per study, beside the folder of its images.

The words are those of the same report in the note module, as both releases are cut from one record; what the labels
say, the report says. Traps, as real ones have: a preliminary reading first ("WET READ") that knows of nothing and may
be wrong, an addendum above the report, reports without headings, ages and dates as `___`, comparison with the study
before ("resolved" names what is no longer there). Dirt: studies without a file, one empty file.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from clinical_assets.sample.course.story import Story
from clinical_assets.sample.cxr.imaging_files import DICOM_RELEASE
from clinical_assets.sample.documents.notes import chest_reports

MARGIN = " " * 33
WITHOUT_FILE, WITH_WET_READ = 0.02, 0.08
EMPTY = 7
"""Which file, counted from 0, is empty."""
WET_READS = (
    "No acute findings on preliminary review.",
    "Preliminary: nothing acute. Final report to follow.",
    "Lines and lungs look unremarkable, to be read by the attending.",
)


class ReportFiles:
    """Writes the report files of a hospital's first labelled studies, block by block."""

    def __init__(self, root: Path, seed: int, studies: int) -> None:
        self._root, self._seed = root, seed
        self._left = studies
        self._written = 0

    def add(self, story: Story) -> None:
        """Write the files of a block's first studies, as many as are still wanted."""
        if self._left <= 0:
            return
        rng = Random(f"{self._seed}:{story.block.number}:report files")  # noqa: S311 - repeatable, nothing secret
        for subject, study, text, addendum in chest_reports(story):
            if self._left == 0:
                return
            self._left -= 1
            if rng.random() < WITHOUT_FILE:
                continue
            path = self._root / DICOM_RELEASE / f"files/p{str(subject)[:2]}/p{subject}/s{study}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("" if self._written == EMPTY else released(text, addendum, rng), encoding="utf-8")
            self._written += 1


def released(text: str, addendum: str | None, rng: Random) -> str:
    """A report's text as a file of the release: titles in the middle, lines behind a blank, headings in capitals."""
    parts = []
    if addendum is not None:
        parts.append(f"{MARGIN}FINAL ADDENDUM\n{_indented(addendum)}{' ' * 22}{'_' * 30}\n")
    if rng.random() < WITH_WET_READ:
        hour, minute = rng.randrange(1, 12), rng.randrange(60)
        parts.append(
            f"{MARGIN}WET READ: ___ ___ {hour}:{minute:02} PM\n{_indented(rng.choice(WET_READS))}\n{'_' * 54}\n"
        )
    parts.append(f"{MARGIN}FINAL REPORT\n{_indented(text)}")
    return "".join(parts)


def _indented(text: str) -> str:
    """Lines behind a blank; a heading alone in its line stands in capitals."""
    lines = (line.upper() if line.endswith(":") else line for line in text.rstrip("\n").split("\n"))
    return "".join(f" {line}\n" for line in lines)
