"""What holds at a place of an RTF document: the properties of its group, its fonts, the check box being described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_CHECK_BOX = 25
r"""\ffres25: the box stands as its default."""


@dataclass(slots=True)
class Group:
    """The properties in force in one group; a nested group starts with a copy."""

    skipped: bool = False
    font: int | None = None
    fallback_length: int = 1
    hidden: bool = False
    withdrawn: bool = False
    raised: str = ""
    font_table: bool = False
    form_field: bool = False
    alternatives: bool = False
    destination: str = ""

    def inner(self) -> Group:
        """What a group inside this one begins with."""
        return Group(
            self.skipped,
            self.font,
            self.fallback_length,
            self.hidden,
            self.withdrawn,
            self.raised,
            self.font_table,
            self.form_field,
        )


@dataclass(slots=True)
class Font:
    """What the font table says of one font."""

    code_page: str | None = None
    name: str = ""
    table: Mapping[str, str] | None = None


NO_FONT = Font()
"""Where no font is chosen; never written to."""


@dataclass(slots=True)
class CheckBox:
    """A form field: its type, its result and its default as written."""

    kind: int = 0
    result: int = DEFAULT_CHECK_BOX
    default: int = 0
