"""How the report writes numbers, shares, sizes and times. Nothing is rounded to none or to all."""

from __future__ import annotations

from datetime import UTC, datetime

UNKNOWN = "–"
BYTES_PER_UNIT = 1000
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
SMALLEST_SHARE = 0.001
"""Shares nearer to 0 or 1 than this are written as `<0.1%` and `>99.9%`."""
LEAST_PLAIN_DECIMAL = 0.001


def count(number: int | None) -> str:
    """`1,234,567`; a dash where unknown."""
    return UNKNOWN if number is None else f"{number:,}"


def share(part: float | None) -> str:
    """`12.3%`; `0%` and `100%` only where that is exact."""
    if part is None:
        return UNKNOWN
    if part in (0, 1):
        return f"{part:.0%}"
    if part < SMALLEST_SHARE:
        return "<0.1%"
    return ">99.9%" if part > 1 - SMALLEST_SHARE else f"{part:.1%}"


def size(number: int | None) -> str:
    """Bytes in the largest unit they fill, decimal: `12.3 MB`."""
    if number is None:
        return UNKNOWN
    shown, unit = float(number), 0
    while round(shown, 1) >= BYTES_PER_UNIT and unit + 1 < len(UNITS):
        shown, unit = shown / BYTES_PER_UNIT, unit + 1
    return f"{shown:.1f} {UNITS[unit]}" if unit else f"{number} B"


def moment(when: datetime | None) -> str:
    """ISO 8601 in UTC, to the second: `2026-03-01T12:00:00Z`."""
    return "never" if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def decimal(number: float) -> str:
    """Three decimals, with a true minus sign: `−0.028`."""
    return f"{number:.3f}".replace("-", "−")


def cell(value: str | int | float) -> str:
    """A cell of a table of findings: text as it is, numbers with thousands separators."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return f"{value:.2g}" if 0 < abs(value) < LEAST_PLAIN_DECIMAL else f"{value:,.3f}".rstrip("0").rstrip(".")
    return value


def several(number: int, thing: str, things: str | None = None) -> str:
    """`1 table`, `2 tables`."""
    return f"{count(number)} {thing if number == 1 else things or thing + 's'}"
