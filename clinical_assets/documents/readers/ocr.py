"""Optical character recognition of page images by an external `tesseract`, where one is installed.

Used only for pages that have no text of their own. Its answer is a table of words with the confidence of each: the text
is put together from them, and says how far it may be trusted. Source of the command line and of the table: tesseract 4
and 5 manual page, `tessedit_create_tsv`.
"""

from __future__ import annotations

import functools
import math
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from clinical_assets.documents.readers.reading import Limits, Reason, clean

PROGRAM = "tesseract"

DOUBTFUL = 80.0
"""Mean confidence of a page below which its words are to be doubted.

Measured with tesseract 5.3 on two printed pages, each of them clean and blurred, coarse, speckled, noisy or askew in
fourteen degrees: on the pages of 80 and more (to 94.5) 70 to 92 % of the words were right, on those below it 0 to 83 %,
and on those below 75 never more than 41 %.
"""

# The columns of the table, and the level of a row that is a word.
_COLUMNS = (
    "level", "page_num", "block_num", "par_num", "line_num", "word_num", "left", "top", "width", "height", "conf",
    "text",
)  # fmt: skip
_WORD = 5
# The variable itself: the configuration `tsv` that sets it is a file, which folders of language data may come without.
# Tesseract then passes it over, and answers with bare text as if nothing were amiss.
_AS_TABLE = ("-c", "tessedit_create_tsv=1")


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was recognised on a page.

    Attributes:
        text: lines of words, a blank line between paragraphs; empty where nothing was recognised.
        confidence: mean of the words' confidences, each weighted by its characters, 0 to 100; 0 for no words.
    """

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class _Word:
    paragraph: tuple[int, int, int]
    line: int
    text: str
    confidence: float


class OcrFailedError(Exception):
    """The recogniser failed on a page; the message holds its exit status only."""


class OcrInterruptedError(Exception):
    """The recogniser was not given the time or memory for a page, which it may have another time.

    Attributes:
        reason: `TIMED_OUT`, or `WORKER_DIED` where the system ended it.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@functools.cache
def version() -> str | None:
    """The installed recogniser's name and version, e.g. `tesseract-5.3.0`; None where there is none."""
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, timeout=20, check=False, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = (answer.stdout or answer.stderr).split()
    return f"{PROGRAM}-{words[1]}" if len(words) > 1 and words[0] == PROGRAM else None


def recognise(rows: Sequence[bytes], width: int, limits: Limits) -> Recognised:
    """The text of a grey image, one byte per pixel and `width` pixels per row.

    Raises:
        OcrFailedError: where the recogniser is absent, fails, or answers with something else than its table.
        OcrInterruptedError: where it takes longer than `limits.ocr_seconds` or is ended by a signal.
    """
    image = b"P5\n%d %d\n255\n" % (width, len(rows)) + b"".join(rows)
    command = [PROGRAM, "stdin", "stdout", "-l", limits.ocr_language, "--dpi", str(limits.ocr_dpi), *_AS_TABLE]
    # One thread: the worker pool already uses every core.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        answer = subprocess.run(
            command, input=image, capture_output=True, timeout=limits.ocr_seconds, check=False, env=environment
        )
    except FileNotFoundError:
        raise OcrFailedError(f"{PROGRAM} is not installed") from None
    except subprocess.TimeoutExpired:
        detail = f"{PROGRAM} gave no answer within {limits.ocr_seconds:g} s"
        raise OcrInterruptedError(Reason.TIMED_OUT, detail) from None
    if answer.returncode < 0:
        raise OcrInterruptedError(Reason.WORKER_DIED, f"{PROGRAM} was ended by signal {-answer.returncode}")
    if answer.returncode != 0:
        raise OcrFailedError(f"exit status {answer.returncode}")
    return recognised(answer.stdout.decode("utf-8", errors="replace"))


def recognised(table: str) -> Recognised:
    """The text and the confidence of a page from tesseract's table of words (tab-separated, one row per element).

    Raises:
        OcrFailedError: it is no such table.
    """
    words = list(_words(table))
    paragraphs = (
        "\n".join(" ".join(word.text for word in line) for _, line in groupby(paragraph, attrgetter("line")))
        for _, paragraph in groupby(words, attrgetter("paragraph"))
    )
    characters = sum(len(word.text) for word in words)
    weighed = math.fsum(len(word.text) * word.confidence for word in words)
    return Recognised("\n\n".join(paragraphs), weighed / characters if characters else 0.0)


def _words(table: str) -> Iterator[_Word]:
    header, *rows = table.split("\n")
    if tuple(header.rstrip("\r").split("\t")) != _COLUMNS:
        raise OcrFailedError(f"no table of words, expected the columns {', '.join(_COLUMNS)}")
    for number, row in enumerate(filter(None, rows), start=1):
        level, *place, confidence, written = _cells(row, number)
        text = clean(written).strip()
        if level == str(_WORD) and text:  # a picture is a word of blanks
            try:
                page, block, paragraph, line = map(int, place[:4])
                sure = float(confidence)
            except ValueError:
                sure = math.nan
            if not 0.0 <= sure <= 100.0:
                raise OcrFailedError(
                    f"row {number} of the table of words: a place or a confidence is no number in range"
                )
            yield _Word((page, block, paragraph), line, text, sure)


def _cells(row: str, number: int) -> Iterable[str]:
    cells = row.rstrip("\r").split("\t", len(_COLUMNS) - 1)
    if len(cells) != len(_COLUMNS):
        raise OcrFailedError(f"row {number} of the table of words has {len(cells)} cells, expected {len(_COLUMNS)}")
    return cells
