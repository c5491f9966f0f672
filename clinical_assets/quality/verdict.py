"""What a check's latest evaluation amounts to, and what all of them together say, in words.

A passed check is no comfort where its table was written again since: it judged rows that are no longer there.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from clinical_assets.quality.notation import several
from clinical_assets.quality.report_facts import CheckFacts, TableFacts


class State(enum.Enum):
    """What became of a check, the worst first: its mark, and its name for one and for several."""

    BLOCKING = ("✕", "blocking failure", "blocking failures")
    ERROR = ("✕", "error", "errors")
    WARNING = ("!", "warning", "warnings")
    OUTDATED = ("↻", "outdated pass", "outdated passes")
    NEVER_RUN = ("?", "never run", "never run")
    PASSED = ("✓", "passed", "passed")

    def __init__(self, mark: str, one: str, several: str) -> None:
        self.mark, self.one, self.several = mark, one, several

    @property
    def slug(self) -> str:
        """For the style sheet."""
        return self.name.lower().replace("_", "-")


FAILED = (State.BLOCKING, State.ERROR, State.WARNING)


@dataclass(frozen=True)
class Judged:
    """A check and its state.

    Attributes:
        facts: the check.
        state: what became of it.
        outdated: whether its table was written after the evaluation, whatever the outcome was.
    """

    facts: CheckFacts
    state: State
    outdated: bool


def judge(check: CheckFacts, materialized_at: datetime | None) -> Judged:
    """The state of a check, given when its table was last written."""
    evaluated_at = check.evaluated_at
    outdated = evaluated_at is not None and materialized_at is not None and evaluated_at < materialized_at
    if check.passed is None:
        return Judged(check, State.NEVER_RUN, outdated=False)
    if check.passed:
        return Judged(check, State.OUTDATED if outdated else State.PASSED, outdated)
    # Dagster stops downstream work only for a failure that is both blocking and of severity ERROR.
    failure = {("ERROR", True): State.BLOCKING, ("ERROR", False): State.ERROR}
    return Judged(check, failure.get((check.severity, check.blocking), State.WARNING), outdated)


@dataclass(frozen=True)
class Verdict:
    """The whole report in a line.

    Attributes:
        state: the worst state found; None where there are no checks at all.
        headline: it in a few words.
        remarks: what else must be known before the headline is believed.
        tally: checks in each state, every state listed.
        unchecked: paths of stored tables no check judges.
    """

    state: State | None
    headline: str
    remarks: tuple[str, ...]
    tally: Mapping[State, int]
    unchecked: tuple[str, ...]


def tally(checks: Iterable[Judged]) -> dict[State, int]:
    """How many checks are in each state; every state is listed."""
    found = Counter(check.state for check in checks)
    return {state: found[state] for state in State}


def verdict(checks: Iterable[Judged], tables: Iterable[TableFacts]) -> Verdict:
    """Sum up all checks of all tables."""
    checks, tables = tuple(checks), tuple(tables)
    counts = tally(checks)
    worst = next((state for state in State if counts[state]), None)
    never_stored = sum(not table.stored for table in tables)
    checked = {check.facts.table for check in checks}
    unchecked = tuple(table.path for table in tables if table.stored and table.path not in checked)
    blocked = sorted({check.facts.table for check in checks if check.state is State.BLOCKING})
    remarks = (
        (len(blocked), f"Do not use {_listed(blocked)}, nor anything made from {_them(blocked)}."),
        (counts[State.NEVER_RUN], f"{several(counts[State.NEVER_RUN], 'check has', 'checks have')} never run."),
        (
            counts[State.OUTDATED],
            f"{several(counts[State.OUTDATED], 'check')} passed before the table was last written, and must run again.",
        ),
        (never_stored, f"{several(never_stored, 'table was', 'tables were')} never materialized."),
        (len(unchecked), f"{several(len(unchecked), 'stored table has', 'stored tables have')} no check at all."),
    )
    ran = len(checks) - counts[State.NEVER_RUN]
    return Verdict(
        state=worst,
        headline=_headline(worst, counts, ran),
        remarks=tuple(said for number, said in remarks if number),
        tally=counts,
        unchecked=unchecked,
    )


MOST_NAMED = 3


def _listed(names: list[str]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {several(rest, 'more table')}" if rest > 0 else "")


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _headline(worst: State | None, counts: Mapping[State, int], ran: int) -> str:
    number = counts[worst] if worst else 0
    among = f"in {several(ran, 'check')} that ran" if counts[State.NEVER_RUN] else f"in {several(ran, 'check')}"
    if worst is None or not ran:
        return "Nothing has been checked"
    return {
        State.BLOCKING: f"{several(number, State.BLOCKING.one, State.BLOCKING.several)} {among}",
        State.ERROR: f"{several(number, State.ERROR.one, State.ERROR.several)} {among}, none of them blocking",
        State.WARNING: f"No errors {among}; {several(number, State.WARNING.one, State.WARNING.several)} to look at",
        State.OUTDATED: f"No failures {among}, but not all of them judged the tables as they are now",
        State.NEVER_RUN: f"No failures {among}, but not every check has run",
        State.PASSED: "The only check passed" if number == 1 else f"All {several(number, 'check')} passed",
    }[worst]
