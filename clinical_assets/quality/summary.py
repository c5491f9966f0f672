"""The short account a person reads in the terminal after everything has run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from clinical_assets.quality.report_facts import FEW_EVENTS, CheckFacts, ModelFacts, TableFacts


def summary(tables: Sequence[TableFacts], checks: Sequence[CheckFacts], models: Sequence[ModelFacts]) -> str:
    """Rows per table, checks passed and failed, and each model's figures with their intervals."""
    return "\n".join([*_tables(tables), "", *_checks(checks), "", *_models(models)])


def _tables(tables: Sequence[TableFacts]) -> list[str]:
    lines = []
    for group, members in groupby(sorted(tables, key=lambda t: t.path), key=lambda t: t.group):
        lines.append(f"{group}")
        for table in members:
            rows = "not made" if table.rows is None else f"{table.rows:,} rows"
            lines.append(f"  {table.path.removeprefix(group + '/'):<36}{rows:>18}")
    return lines


def _checks(checks: Sequence[CheckFacts]) -> list[str]:
    failed = [c for c in checks if c.passed is False]
    passed = sum(c.passed is True for c in checks)
    never = sum(c.passed is None for c in checks)
    errors = [c for c in failed if c.severity == "ERROR"]
    lines = [
        f"checks: {passed} passed, {len(errors)} errors, {len(failed) - len(errors)} warnings"
        + (f", {never} never run" if never else "")
    ]
    return lines + [f"  {c.severity:<6}{c.table} {c.name}: {c.message}" for c in failed]


def _models(models: Sequence[ModelFacts]) -> list[str]:
    lines = []
    for model in models:
        lines.append(
            f"model {model.outcome}, judged once on {model.patients} held-out patients "
            f"({model.stays} {model.of}, {model.events} with the outcome):"
        )
        for name, (value, low, high, reason) in model.figures.items():
            if value is None:
                said = f"not estimable: {reason}"
            elif low is None or high is None:
                said = f"{value:.3f} (no interval: {reason})"
            else:
                said = f"{value:.3f} (95 % interval {low:.3f} to {high:.3f})"
            lines.append(f"  {name:<36}{said}")
        lines += [f"  {remark}" for remark in model.remarks]
        if model.events < FEW_EVENTS:
            lines.append(f"  Fewer than {FEW_EVENTS} events: read the intervals, not the values.")
    return lines
