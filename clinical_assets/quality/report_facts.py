"""What the data-quality report is made of: facts about tables, checks and models, and the `Report` that holds them.

Counts, shares and names only. A fact never carries a patient's value; whoever gathers the facts answers for that.
What does not belong here: gathering them (`gathering`), judging them (`verdict`) and writing the page (`report`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Record = Mapping[str, str | int | float]
Figure = tuple[float | None, float | None, float | None, str | None]
"""Value, lower and upper bound of its 95% interval, and why there is no value or no interval."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FEW_EVENTS = 100
"""Below about this many events an external validation is not reliable (Collins, Ogundimu and Altman 2016)."""


@dataclass(frozen=True)
class TableFacts:
    """One table of the lake.

    Attributes:
        path: the asset key as a path, e.g. `mimic/hosp/labevents`.
        group: the asset group it is shown under.
        description: what it holds; the first paragraph is shown.
        rows: rows of the whole table; None if it is not stored, or stored as something without rows (a model).
        rows_by_shard: rows of each stored subject shard; None for an unpartitioned table.
        size_bytes: bytes stored; None if unknown.
        columns: number of columns.
        materialized_at: when it was last written, with a time zone; None: never or, where there are rows, unknown.
        missing_share: share of rows without a value by column, from 0 to 1; columns without any null as 0, or left
            out while others are there. Empty: not measured, and the report says so.
    """

    path: str
    group: str
    description: str
    rows: int | None
    rows_by_shard: Mapping[str, int] | None
    size_bytes: int | None
    columns: int
    materialized_at: datetime | None
    missing_share: Mapping[str, float]

    def __post_init__(self) -> None:
        _require_time_zone(self.materialized_at, f"table {self.path}: materialized_at")
        wrong = sorted(name for name, share in self.missing_share.items() if not 0 <= share <= 1)
        if wrong:
            raise ValueError(
                f"table {self.path}: expected missing shares from 0 to 1; found others in {wrong}. "
                "Give shares of rows, not percentages or counts."
            )

    @property
    def stored(self) -> bool:
        """Whether there is anything to judge."""
        return self.rows is not None or self.materialized_at is not None


@dataclass(frozen=True)
class CheckFacts:
    """One asset check and its latest evaluation.

    Attributes:
        table: path of the table it judges.
        name: of the check; unique within its table.
        description: what is expected.
        passed: None if the check was never evaluated.
        severity: what a failure is.
        blocking: whether a failure of severity ERROR stops everything downstream.
        message: what was found.
        rows: a small table of findings: counts and column names.
        evaluated_at: when, with a time zone; None: never.
    """

    table: str
    name: str
    description: str
    passed: bool | None
    severity: Literal["ERROR", "WARN"]
    blocking: bool
    message: str
    rows: tuple[Record, ...]
    evaluated_at: datetime | None

    def __post_init__(self) -> None:
        _require_time_zone(self.evaluated_at, f"check {self.table}:{self.name}: evaluated_at")


@dataclass(frozen=True)
class ModelFacts:
    """One model, judged on patients it has never seen.

    Attributes:
        outcome: what it predicts, e.g. `mortality`.
        description: the outcome in a sentence a clinician can check.
        figures: `Figure` by name, e.g. `auroc`; a value that can't be estimated is None, with its reason.
        stays: rows it was judged on: stays, or what `of` says.
        patients: patients these belong to.
        events: rows with the event.
        pictures: PNG files by name, e.g. `roc`.
        model_version: hash of the model.
        of: what a row is, in the plural.
        remarks: what the figures come to, in sentences.
    """

    outcome: str
    description: str
    figures: Mapping[str, Figure]
    stays: int
    patients: int
    events: int
    pictures: Mapping[str, bytes]
    model_version: str
    of: str = "stays"
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        odd = [name for name, figure in self.figures.items() if not _finite(figure)]
        if odd:
            raise ValueError(
                f"model {self.outcome}: expected finite figures, or None with a reason; found NaN or infinity in {odd}"
            )
        other = [name for name, picture in self.pictures.items() if not picture.startswith(PNG_SIGNATURE)]
        if other:
            raise ValueError(f"model {self.outcome}: expected PNG pictures; found another format in {other}")


@dataclass(frozen=True)
class Report:
    """Everything one page shows.

    Attributes:
        title: of the page.
        site: what the data are, e.g. `mimic-iv-demo/2.2`.
        made_at: when the facts were gathered, with a time zone.
        tables: in the order they are to be shown; groups follow the order of their first table.
        checks: in any order.
        models: in the order they are to be shown.
        settings: what the facts were gathered with, by name.
        absent: what this site does not have, a line each; its tables are not among `tables`, or are empty for that
            reason.
    """

    title: str
    site: str
    made_at: datetime
    tables: tuple[TableFacts, ...]
    checks: tuple[CheckFacts, ...]
    models: tuple[ModelFacts, ...]
    settings: Mapping[str, str]
    absent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_time_zone(self.made_at, "report: made_at")
        _require_unique((table.path for table in self.tables), "tables")
        _require_unique((f"{check.table}:{check.name}" for check in self.checks), "checks")
        _require_unique((model.outcome for model in self.models), "models")


def _require_time_zone(moment: datetime | None, where: str) -> None:
    """A time without a zone would be shown hours off, and nobody could tell."""
    if moment is not None and moment.tzinfo is None:
        raise ValueError(
            f"{where}: expected a time with a time zone, found one without; give it one, e.g. datetime.UTC"
        )


def _require_unique(names: Iterable[str], what: str) -> None:
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise ValueError(f"report: expected each of its {what} once; found more than once: {repeated}")


def _finite(figure: Figure) -> bool:
    return all(number is None or math.isfinite(number) for number in figure[:3])
