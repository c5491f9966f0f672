"""What tests of the readers share: the table that tesseract answers with, and a clock for workers."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from clinical_assets.documents.readers import worker_pool

_COLUMNS = [
    *("level", "page_num", "block_num", "par_num", "line_num", "word_num"),
    *("left", "top", "width", "height", "conf", "text"),
]


@pytest.fixture(scope="session")
def word_table() -> Callable[..., str]:
    """Makes tesseract's table of the words of a text; all are equally sure, or as sure as they are said to be."""

    def made(text: str, confidence: float | list[float] = 96.0) -> str:
        rows = [_COLUMNS, [1, 1, 0, 0, 0, 0, 0, 0, 1240, 1754, -1, ""], [2, 1, 1, 0, 0, 0, 9, 9, 900, 900, -1, ""]]
        sure = iter(confidence if isinstance(confidence, list) else [confidence] * len(text.split()))
        for number, paragraph in enumerate(text.split("\n\n"), start=1):
            rows.append([3, 1, 1, number, 0, 0, 9, 9, 900, 300, -1, ""])
            for line, words in enumerate(paragraph.split("\n"), start=1):
                rows.append([4, 1, 1, number, line, 0, 9, 9, 900, 30, -1, ""])
                rows += [
                    [5, 1, 1, number, line, i, 9, 9, 90, 30, next(sure), w] for i, w in enumerate(words.split(), 1)
                ]
        return "".join("\t".join(map(str, row)) + "\n" for row in rows)

    return made


@pytest.fixture
def hours_pass(monkeypatch) -> Callable[[Callable[[], bool]], None]:
    """Lets an hour go by at every look at the clock of worker pools, as long as something is the case.

    So no test needs a limit so short that a busy machine exceeds it.
    """

    def as_long_as(this_is_so: Callable[[], bool]) -> None:
        passed = 0.0

        def monotonic() -> float:
            nonlocal passed
            passed += 3_600.0 if this_is_so() else 0.0
            return time.monotonic() + passed

        monkeypatch.setattr(worker_pool, "time", SimpleNamespace(monotonic=monotonic))

    return as_long_as
