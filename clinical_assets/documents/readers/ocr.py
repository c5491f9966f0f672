"""Optical character recognition of page images by an external `tesseract`, where one is installed.

Used only for pages that have no text of their own. Source of the command line: tesseract 4 and 5 manual page.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence

from clinical_assets.documents.readers.reading import Limits, Reason, clean

PROGRAM = "tesseract"


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


def recognise(rows: Sequence[bytes], width: int, limits: Limits) -> str:
    """The text of a grey image, one byte per pixel and `width` pixels per row.

    Raises:
        OcrFailedError: where the recogniser is absent or fails.
        OcrInterruptedError: where it takes longer than `limits.ocr_seconds` or is ended by a signal.
    """
    image = b"P5\n%d %d\n255\n" % (width, len(rows)) + b"".join(rows)
    command = [PROGRAM, "stdin", "stdout", "-l", limits.ocr_language, "--dpi", str(limits.ocr_dpi)]
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
    return clean(answer.stdout.decode("utf-8", errors="replace")).strip()
