"""Which notes are worth a language model's time: vocabularies, triggers and windows, as data.

A profile first judges each note by its type, title and category: the first matching exclusion wins, then the first
matching inclusion, then the profile's default. Then its triggers choose, around events of the timeline. A new
specialty is a new profile; a site's own wording comes in through `profile_from`.

Source of the oncology profile: the filter and prioritiser used for paediatric brain tumour abstraction, as recorded
in this project's notes (exclusions before inclusions, default exclude, 7 days, one note per trigger); vocabularies
are our own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Direction = Literal["before", "after"]
Edge = Literal["start", "end"]
Verdict = Literal["include", "exclude"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Notes whose type, title or category contains one of `terms` as whole words get `verdict`.

    Attributes:
        name: what is said about a note the rule decided.
        verdict: include or exclude.
        terms: words or phrases, lower case, separated by ` | `; `*` stands for the rest of a word.
    """

    name: str
    verdict: Verdict
    terms: str

    @property
    def pattern(self) -> str:
        """The terms as one regular expression over lower-case text."""
        return rf"\b(?:{'|'.join(_as_regex(term.strip()) for term in self.terms.split(' | '))})\b"


def _as_regex(term: str) -> str:
    """A term as a regular expression: any separator for a space, any word ending for a star."""
    return re.escape(term).replace(r"\*", r"\w*").replace(r"\ ", r"[\s/_-]+")


@dataclass(frozen=True, slots=True)
class Trigger:
    """Around every event of a type, the nearest note in one direction is kept.

    Attributes:
        event_type: of the timeline, e.g. `surgery`.
        edge: the event's start or its end.
        direction: the first note after it, or the last before.
        reason: what is said about the note kept.
        subtypes: only events of these subtypes; events whose subtype nobody determined always count. Empty for all.
    """

    event_type: str
    edge: Edge
    direction: Direction
    reason: str
    subtypes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """A complete configuration of the prioritiser.

    Attributes:
        name: of the profile.
        rules: judged in order within each verdict, exclusions first.
        default: for notes no rule matches.
        triggers: which events choose notes.
        window_days: how many calendar days from the event a note may be.
        keep_final_note: whether each patient's last relevant note is kept.
    """

    name: str
    rules: tuple[Rule, ...]
    default: Verdict
    triggers: tuple[Trigger, ...]
    window_days: int = 7
    keep_final_note: bool = True


FINAL_NOTE = "final_note"

_ADMINISTRATIVE = Rule(
    "administrative",
    "exclude",
    "telephone* | phone | patient message | mychart | portal message | refill* | scheduling | appointment* | letter"
    " | billing | consent* | authorization | insurance | no show | patient instructions | after visit summary"
    " | education | release of information | interpreter | demographics",
)
_ALLIED = Rule(
    "allied care",
    "exclude",
    "nursing | nurse | nutrition* | dietit* | physical therapy | occupational therapy | speech* | child life"
    " | chaplain* | social work* | case management | lactation | pharmacy | music therapy | school*"
    " | respiratory therapy | flowsheet",
)
_ONCOLOGY = Rule(
    "oncology",
    "include",
    "oncolog* | heme onc | tumor* | tumour* | cancer | chemo* | radiation | radiotherapy | transplant"
    " | immunotherapy | sarcoma* | glioma* | leukemia | lymphoma | neurooncolog*",
)
_SURGERY = Rule(
    "surgery",
    "include",
    "operative | operation | surg* | neurosurg* | brief op | procedure note | post op* | pre op* | postop* | preop*",
)
_REPORTS = Rule("reports", "include", "patholog* | radiology | imaging | mri | mr | ct | pet")
_PHYSICIAN = Rule(
    "physician notes", "include", "progress note* | h&p | history and physical | discharge summary | consult*"
)
_MEDICATION_TRIGGERS = tuple(
    Trigger("medication", edge, direction, f"{'pre' if direction == 'before' else 'post'}_medication_change", subtypes)
    for subtypes in [("antineoplastic",)]
    for edge in get_args(Edge)
    for direction in get_args(Direction)
)

ONCOLOGY = Profile(
    name="oncology",
    rules=(_ADMINISTRATIVE, _ALLIED, _ONCOLOGY, _SURGERY, _REPORTS, _PHYSICIAN),
    default="exclude",
    triggers=(
        Trigger("surgery", "start", "after", "post_surgery"),
        Trigger("imaging", "start", "after", "post_imaging"),
        *_MEDICATION_TRIGGERS,
    ),
)

# MIMIC-IV-Note has two note types, DS and RR; `AR` and `AD` are addenda to them.
GENERAL = Profile(
    name="general",
    rules=(
        _ADMINISTRATIVE,
        Rule("mimic notes", "include", "ds | ad | rr | ar"),
        _SURGERY,
        _REPORTS,
        _PHYSICIAN,
    ),
    default="include",
    triggers=(
        Trigger("surgery", "start", "after", "post_surgery"),
        Trigger("imaging", "start", "after", "post_imaging"),
        Trigger("encounter", "end", "after", "post_encounter"),
        *(Trigger(t.event_type, t.edge, t.direction, t.reason) for t in _MEDICATION_TRIGGERS),
    ),
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (ONCOLOGY, GENERAL)}


def profile_from(settings: Mapping[str, Any]) -> Profile:
    """A profile from configuration (a YAML mapping): a base profile with what the site changes.

    Keys: `name`; `base` (a profile's name, default `oncology`); `window_days`; `default`; `keep_final_note`; `rules`
        and `triggers`, lists of mappings with the attributes of `Rule` and `Trigger` that replace the base's;
        `extra_rules`, put before them.

    Raises:
        ValueError: naming the unknown key or value and what would be allowed.
    """
    known = {"name", "base", "window_days", "default", "keep_final_note", "rules", "triggers", "extra_rules"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ValueError(f"note profile: unknown keys {unknown}; known are {sorted(known)}")
    base_name = settings.get("base", ONCOLOGY.name)
    if base_name not in PROFILES:
        raise ValueError(f"note profile: no base profile {base_name!r}; there are {sorted(PROFILES)}")
    base = PROFILES[base_name]
    rules = tuple(_rule(item) for item in settings["rules"]) if "rules" in settings else base.rules
    triggers = tuple(_trigger(item) for item in settings["triggers"]) if "triggers" in settings else base.triggers
    window = settings.get("window_days", base.window_days)
    if not isinstance(window, int) or isinstance(window, bool) or window < 0:
        raise ValueError(f"note profile: window_days must be a whole number of days, found {window!r}")
    return Profile(
        name=str(settings.get("name", f"{base.name} (site)")),
        rules=(*(_rule(item) for item in settings.get("extra_rules", ())), *rules),
        default=_one_of(settings.get("default", base.default), Verdict, "default"),
        triggers=triggers,
        window_days=window,
        keep_final_note=bool(settings.get("keep_final_note", base.keep_final_note)),
    )


def _one_of(value: Any, allowed: Any, where: str) -> Any:  # noqa: ANN401 - one check for three literals
    if value not in get_args(allowed):
        raise ValueError(f"note profile: {where} must be one of {get_args(allowed)}, found {value!r}")
    return value


def _rule(item: Mapping[str, Any]) -> Rule:
    if not {"name", "verdict", "terms"} == set(item) or not str(item["terms"]).strip(" |"):
        raise ValueError(f"note profile: a rule has name, verdict and terms, found {sorted(item)}")
    terms = " | ".join(item["terms"]) if isinstance(item["terms"], list) else str(item["terms"])
    return Rule(str(item["name"]), _one_of(item["verdict"], Verdict, "verdict"), terms.lower())


def _trigger(item: Mapping[str, Any]) -> Trigger:
    required, allowed = {"event_type", "edge", "direction", "reason"}, {"subtypes"}
    if not required <= set(item) <= required | allowed:
        raise ValueError(f"note profile: a trigger has {sorted(required)} and may have subtypes, found {sorted(item)}")
    return Trigger(
        str(item["event_type"]),
        _one_of(item["edge"], Edge, "edge"),
        _one_of(item["direction"], Direction, "direction"),
        str(item["reason"]),
        tuple(item.get("subtypes", ())),
    )
