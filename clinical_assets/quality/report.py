"""The data-quality report: facts in, one self-contained HTML page out.

The page asks nothing of any network, carries its own style sheet and pictures, and forbids the browser everything else
(a content security policy with the hashes of its only style sheet and script). It can be read without that script,
which only filters and sorts. What does not belong here: gathering the facts.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from clinical_assets.models.judgement import meaning_of
from clinical_assets.quality import figures, notation
from clinical_assets.quality.figures import Axis
from clinical_assets.quality.report_facts import FEW_EVENTS, CheckFacts, Figure, ModelFacts, Record, Report, TableFacts
from clinical_assets.quality.verdict import FAILED, Judged, State, judge, tally, verdict

__all__ = ["CheckFacts", "ModelFacts", "Report", "TableFacts", "render"]

MOST_FINDINGS = 100
"""Rows of one check's findings on the page; the rest is counted."""
FINDINGS_UNFOLDED = 6


def render(report: Report) -> str:
    """The report as one HTML page."""
    written = {table.path: table.materialized_at for table in report.tables}
    checks = sorted((judge(check, written.get(check.table)) for check in report.checks), key=_place(report))
    by_table = {path: tuple(own) for path, own in itertools.groupby(_by_path(checks), key=lambda c: c.facts.table)}
    shards = sorted({shard for table in report.tables for shard in table.rows_by_shard or ()})
    views = [_view(table, by_table.get(table.path, ()), shards) for table in report.tables]
    return _template().render(
        report=report,
        verdict=verdict(checks, report.tables),
        checks=checks,
        failed=[_Finding.of(check) for check in checks if check.state in FAILED],
        to_run=[(s, _named_by_table(checks, s)) for s in (State.OUTDATED, State.NEVER_RUN) if tally(checks)[s]],
        groups=[_Group.of(name, views) for name in dict.fromkeys(table.group for table in report.tables)],
        known={table.path for table in report.tables},
        stored=[table for table in report.tables if table.stored],
        most_rows=max((table.rows or 0 for table in report.tables), default=0),
        models=[_Model.of(model) for model in report.models],
    )


@dataclass(frozen=True)
class _View:
    """A table as it is shown."""

    facts: TableFacts
    checks: tuple[Judged, ...]
    missing: float | None
    gaps: tuple[tuple[str, float], ...]
    columns: int
    shards: tuple[int | None, ...]
    absent_shards: tuple[str, ...]

    @property
    def about(self) -> str:
        """The first paragraph of its description."""
        return self.facts.description.strip().partition("\n\n")[0]

    @property
    def empty_columns(self) -> int:
        """Columns without any value."""
        return sum(share == 1 for _, share in self.gaps)

    @property
    def failed(self) -> list[Judged]:
        """Its checks that failed."""
        return [check for check in self.checks if check.state in FAILED]

    @property
    def balance(self) -> str:
        """How evenly its rows lie in the shards, in words."""
        rows = [number for number in self.shards if number is not None]
        fewest, most = min(rows, default=0), max(rows, default=0)
        if not most:
            return "no rows"
        return (
            f"{notation.count(fewest)} to {notation.count(most)}" if fewest < most else f"{notation.count(most)} each"
        )


def _view(table: TableFacts, checks: tuple[Judged, ...], shards: Sequence[str]) -> _View:
    measured = bool(table.missing_share) and bool(table.rows)
    gaps = sorted(((n, s) for n, s in table.missing_share.items() if s and measured), key=lambda gap: (-gap[1], gap[0]))
    columns = max(table.columns, len(table.missing_share))
    own = table.rows_by_shard
    return _View(
        facts=table,
        checks=checks,
        missing=sum(share for _, share in gaps) / columns if measured else None,
        gaps=tuple(gaps),
        columns=columns,
        shards=tuple(own.get(shard) for shard in shards) if own is not None else (),
        absent_shards=tuple(shard for shard in shards if shard not in own) if own else (),
    )


@dataclass(frozen=True)
class _Group:
    """An asset group as it is shown."""

    name: str
    tables: tuple[_View, ...]
    rows: int
    size_bytes: int
    tally: Mapping[State, int]

    @classmethod
    def of(cls, name: str, views: Iterable[_View]) -> _Group:
        """The group's tables and their sums."""
        own = tuple(view for view in views if view.facts.group == name)
        return cls(
            name,
            own,
            sum(view.facts.rows or 0 for view in own),
            sum(view.facts.size_bytes or 0 for view in own),
            tally(check for view in own for check in view.checks),
        )


@dataclass(frozen=True)
class _Finding:
    """A failed check with its table of findings."""

    check: Judged
    columns: tuple[str, ...]
    rows: tuple[Record, ...]
    left_out: int
    folded: bool

    @classmethod
    def of(cls, check: Judged) -> _Finding:
        """Its first rows, and a column for whatever any of them has."""
        rows = check.facts.rows
        shown = rows[:MOST_FINDINGS]
        columns = tuple(dict.fromkeys(str(name) for row in shown for name in row))
        return cls(check, columns, shown, len(rows) - len(shown), len(rows) > FINDINGS_UNFOLDED)

    def is_number(self, column: str) -> bool:
        """Whether a column is set flush right."""
        return all(not isinstance(row.get(column, 0), str) for row in self.rows)


@dataclass(frozen=True)
class _Estimate:
    """A model's figure as it is shown."""

    title: str
    meaning: str
    value: str
    interval: str
    remark: str
    picture: Markup


@dataclass(frozen=True)
class _Model:
    """A model as it is shown."""

    facts: ModelFacts
    estimates: tuple[_Estimate, ...]
    pictures: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, model: ModelFacts) -> _Model:
        """Its figures in words and its plots as data URLs."""
        rate = model.events / model.stays if model.stays else 0.0
        return cls(
            model,
            tuple(_estimate(name, figure, rate) for name, figure in model.figures.items()),
            tuple(
                (_titled(name, PICTURES), f"data:image/png;base64,{base64.b64encode(png).decode()}")
                for name, png in model.pictures.items()
            ),
        )

    @property
    def event_rate(self) -> float | None:
        """Share of stays with the event."""
        return self.facts.events / self.facts.stays if self.facts.stays else None


FIGURES: Mapping[str, tuple[str, Callable[[float], Axis]]] = {
    "auroc": ("AUROC", lambda _: Axis(0, 1, 0.5, "chance")),
    "auroc_per_stay": ("AUROC per stay", lambda _: Axis(0, 1, 0.5, "chance")),
    "auprc": ("AUPRC (average precision)", lambda rate: Axis(0, 1, rate, "event rate")),
    "brier": ("Brier score", lambda rate: Axis(0, 0.5, rate * (1 - rate), "event rate alone")),
    "scaled_brier": ("Scaled Brier score", lambda _: Axis(-1, 1, 0, "event rate alone")),
    "calibration_slope": ("Calibration slope", lambda _: Axis(-1, 3, 1, "perfect")),
    "calibration_intercept": ("Calibration intercept", lambda _: Axis(-2, 2, 0, "perfect")),
    "expected_calibration_error": ("Expected calibration error", lambda _: Axis(0, 0.5, 0, "perfect")),
}
"""Title of each figure, and its axis given the event rate; meanings are `METRICS` of the evaluation."""
PICTURES: Mapping[str, str] = {
    "roc": "Receiver operating characteristic",
    "precision_recall": "Precision and recall",
}


def _estimate(name: str, figure: Figure, rate: float) -> _Estimate:
    value, low, high, reason = figure
    bounded = low is not None and high is not None
    axis = FIGURES[name][1](rate) if name in FIGURES else figures.axis_of(figure)
    why = (reason or "").removeprefix("no interval: ") or "no reason was recorded"
    remark = f"not estimable: {why}" if value is None else "" if bounded else f"no interval: {why}"
    return _Estimate(
        title=_titled(name, {key: title for key, (title, _) in FIGURES.items()}),
        meaning=meaning_of(name),
        value=notation.UNKNOWN if value is None else notation.decimal(value),
        interval=f"{notation.decimal(low)} to {notation.decimal(high)}" if low is not None and high is not None else "",
        remark=remark,
        picture=figures.interval(figure, axis) if value is not None else Markup(""),
    )


def _titled(name: str, titles: Mapping[str, str]) -> str:
    words = name.replace("_", " ").replace("auroc", "AUROC").replace("auprc", "AUPRC")
    return titles.get(name) or words[:1].upper() + words[1:]


def _place(report: Report) -> Callable[[Judged], tuple[int, int, str, str]]:
    """Worst first, then as the tables are shown, then by name."""
    states, shown = list(State), {table.path: n for n, table in enumerate(report.tables)}
    return lambda c: (states.index(c.state), shown.get(c.facts.table, len(shown)), c.facts.table, c.facts.name)


def _by_path(checks: Iterable[Judged]) -> list[Judged]:
    return sorted(checks, key=lambda check: check.facts.table)


def _named_by_table(checks: Iterable[Judged], state: State) -> list[tuple[str, list[str]]]:
    own = [check for check in checks if check.state is state]
    return [
        (path, [check.facts.name for check in of_table])
        for path, of_table in itertools.groupby(own, key=lambda check: check.facts.table)
    ]


def _anchor(*names: str) -> str:
    """An element id: anything but white space, which ids may not have."""
    return "_".join(":".join(names).split())


def _source_hash(text: str) -> str:
    """An inline script or style sheet as a content security policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def _template() -> jinja2.Template:
    folder = resources.files(__package__)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "count": notation.count,
        "share": notation.share,
        "size": notation.size,
        "moment": notation.moment,
        "cell": notation.cell,
        "source_hash": _source_hash,
        "link": functools.partial(quote, safe="/:"),
    }
    environment.globals |= {
        "State": State,
        "FEW_EVENTS": FEW_EVENTS,
        "anchor": _anchor,
        "several": notation.several,
        "bar": figures.bar,
        "logarithmic": figures.logarithmic,
        "shard_bars": figures.shard_bars,
        "strip": figures.strip,
        "style": Markup(folder.joinpath("report.css").read_text("utf-8")),  # noqa: S704 -- the package's own file
    }
    return environment.from_string(folder.joinpath("report.html").read_text("utf-8"))
