"""A site's own note profile: a YAML file that says what it changes of one of `note_profiles`, and what is wrong in it.

name: sarcoma
base: oncology
window_days: 10
kind_windows: {pathology: 28}
specialties: [oncolog*, orthopedic oncolog*, sarcoma*]
linked: [surgery, pathology, radiation]
imaging_regions:
  include: [leg, pelvi*, chest, whole body]
  exclude: [dental, mammogra*]
extra_rules:
  - {name: survivorship, verdict: include, terms: [survivorship*, late effects]}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from clinical_assets.documents.prioritised.note_profiles import (
    ONCOLOGY,
    PROFILES,
    Direction,
    Edge,
    Kind,
    Profile,
    Regions,
    Rule,
    Trigger,
    Verdict,
)
from clinical_assets.documents.timeline.event_rules import EVENT_TYPES

_KEYS = frozenset(
    {
        "name", "base", "window_days", "default", "keep_final_note", "rules", "triggers", "extra_rules", "kind_windows",
        "specialties", "visits", "linked", "imaging_regions", "pass_over_repeats",
    }
)  # fmt: skip


def profile_named(named: str) -> Profile:
    """The profile of that name, or of that YAML file (see `profile_from`).

    Raises:
        ValueError: there is no such profile or file, or what it holds is no profile; it names those there are.
    """
    if named in PROFILES:
        return PROFILES[named]
    path = Path(named).expanduser()
    if path.suffix not in (".yaml", ".yml"):
        raise ValueError(
            f"note profile: no profile {named!r}; there are {sorted(PROFILES)}, or name a YAML file with a site's own"
        )
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"note profile: expected YAML in {path}; {error}") from None
    if not isinstance(settings, dict):
        raise ValueError(f"note profile: expected a mapping in {path}; found {type(settings).__name__}")
    try:
        return profile_from(settings)
    except ValueError as error:
        raise ValueError(f"{error} (in {path})") from None


def profile_from(settings: Mapping[str, Any]) -> Profile:
    """A profile from configuration (a YAML mapping): a base profile with what the site changes.

    Keys: `name`; `base` (a profile's name, default `oncology`); `window_days`; `default`; `keep_final_note`; `rules`
        and `triggers`, lists of mappings with the attributes of `Rule` and `Trigger` that replace the base's;
        `extra_rules`, put before them; `kind_windows` (kind: days), `specialties` (terms), `visits`, `linked` (event
        types), `imaging_regions` (`include` and `exclude`, terms; null for all) and `pass_over_repeats`, each in place
        of the base's.

    Raises:
        ValueError: naming the unknown key or value and what would be allowed.
    """
    unknown = sorted(set(settings) - _KEYS)
    if unknown:
        raise ValueError(f"note profile: unknown keys {unknown}; known are {sorted(_KEYS)}")
    base_name = settings.get("base", ONCOLOGY.name)
    if base_name not in PROFILES:
        raise ValueError(f"note profile: no base profile {base_name!r}; there are {sorted(PROFILES)}")
    base = PROFILES[base_name]
    rules = tuple(_rule(item) for item in settings["rules"]) if "rules" in settings else base.rules
    triggers = tuple(_trigger(item) for item in settings["triggers"]) if "triggers" in settings else base.triggers
    return Profile(
        name=str(settings.get("name", f"{base.name} (site)")),
        rules=(*(_rule(item) for item in settings.get("extra_rules", ())), *rules),
        default=_one_of(settings.get("default", base.default), Verdict, "default"),
        triggers=triggers,
        window_days=_days(settings.get("window_days", base.window_days), "window_days"),
        keep_final_note=bool(settings.get("keep_final_note", base.keep_final_note)),
        kind_windows=_kind_windows(settings.get("kind_windows", dict(base.kind_windows))),
        specialties=_terms(settings.get("specialties", base.specialties)),
        visits=bool(settings.get("visits", base.visits)),
        linked=_event_types(settings.get("linked", base.linked)),
        imaging_regions=_regions(settings["imaging_regions"])
        if "imaging_regions" in settings
        else base.imaging_regions,
        pass_over_repeats=bool(settings.get("pass_over_repeats", base.pass_over_repeats)),
    )


def _days(value: Any, where: str) -> int:  # noqa: ANN401 - whatever YAML may hold
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"note profile: {where} must be a whole number of days, found {value!r}")
    return value


def _terms(value: Any) -> str:  # noqa: ANN401 - whatever YAML may hold
    """Terms as `Rule` has them, from a list or from text."""
    return (" | ".join(map(str, value)) if isinstance(value, list) else str(value or "")).lower()


def _kind_windows(value: Any) -> tuple[tuple[Kind, int], ...]:  # noqa: ANN401 - whatever YAML may hold
    if not isinstance(value, Mapping):
        raise ValueError(f"note profile: kind_windows has days by kind, one of {get_args(Kind)}, found {value!r}")
    return tuple(
        (_one_of(kind, Kind, "kind_windows"), _days(days, f"kind_windows: {kind}")) for kind, days in value.items()
    )


def _event_types(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever YAML may hold
    if not isinstance(value, (list, tuple)) or not set(value) <= set(EVENT_TYPES):
        raise ValueError(f"note profile: linked is a list of {EVENT_TYPES}, found {value!r}")
    return tuple(value)


def _regions(value: Any) -> Regions | None:  # noqa: ANN401 - whatever YAML may hold
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) != {"include", "exclude"} or not all(map(_terms, value.values())):
        raise ValueError(f"note profile: imaging_regions has terms to include and to exclude, found {value!r}")
    return Regions(_terms(value["include"]), _terms(value["exclude"]))


def _one_of(value: Any, allowed: Any, where: str) -> Any:  # noqa: ANN401 - one check for three literals
    if value not in get_args(allowed):
        raise ValueError(f"note profile: {where} must be one of {get_args(allowed)}, found {value!r}")
    return value


def _rule(item: Mapping[str, Any]) -> Rule:
    if not {"name", "verdict", "terms"} == set(item) - {"kind"} or not str(item["terms"]).strip(" |"):
        raise ValueError(f"note profile: a rule has name, verdict and terms and may have a kind, found {sorted(item)}")
    verdict, kind = _one_of(item["verdict"], Verdict, "verdict"), _one_of(item.get("kind", "note"), Kind, "kind")
    return Rule(str(item["name"]), verdict, _terms(item["terms"]), kind)


def _trigger(item: Mapping[str, Any]) -> Trigger:
    required, allowed = {"event_type", "edge", "direction", "reason"}, {"subtypes", "kinds", "window_days"}
    if not required <= set(item) <= required | allowed:
        may = " and ".join(sorted(allowed))
        raise ValueError(f"note profile: a trigger has {sorted(required)} and may have {may}, found {sorted(item)}")
    edge, direction = _one_of(item["edge"], Edge, "edge"), _one_of(item["direction"], Direction, "direction")
    if item["event_type"] not in EVENT_TYPES:
        raise ValueError(f"note profile: event_type must be one of {EVENT_TYPES}, found {item['event_type']!r}")
    subtypes = item.get("subtypes", ())
    if isinstance(subtypes, str):
        raise ValueError(f"note profile: subtypes is a list, found the text {subtypes!r}")
    kinds = item.get("kinds", ("note",))
    if isinstance(kinds, str) or not kinds:
        raise ValueError(f"note profile: kinds is a list of {get_args(Kind)}, found {kinds!r}")
    chosen = tuple(_one_of(kind, Kind, "kinds") for kind in kinds)
    window = None if item.get("window_days") is None else _days(item["window_days"], "window_days of a trigger")
    return Trigger(item["event_type"], edge, direction, str(item["reason"]), tuple(map(str, subtypes)), chosen, window)
