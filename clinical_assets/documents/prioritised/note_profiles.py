"""Which notes are worth a language model's time: vocabularies, triggers and windows, as data.

A profile first judges each note by its type, title and category: the first matching exclusion wins, then the first
matching inclusion, then the profile's default. Then its triggers choose, around events of the timeline. A new
specialty is a new profile; a site's own wording comes in through `profile_from`.

Notes and reports are chosen side by side: after a scan the radiologist's report comes first, and must not take the
place of the note in which the oncologist says what follows from it; nor the operative report that of pathology.

Source of the oncology profile: the filter and prioritiser used for paediatric brain tumour abstraction, as recorded
in this project's notes (exclusions before inclusions, default exclude, 7 days, one note per trigger); vocabularies
are our own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from clinical_assets.documents.timeline.event_rules import EVENT_TYPES

Direction = Literal["before", "after"]
Edge = Literal["start", "end"]
Verdict = Literal["include", "exclude"]
Kind = Literal["note", "operative", "imaging", "pathology"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Notes whose type, title or category contains one of `terms` as whole words get `verdict`.

    Attributes:
        name: what is said about a note the rule decided.
        verdict: include or exclude.
        terms: words or phrases, lower case, separated by ` | `; `*` stands for the rest of a word.
        kind: a report on an operation, a scan or a specimen, or a note on the patient.
    """

    name: str
    verdict: Verdict
    terms: str
    kind: Kind = "note"

    @property
    def pattern(self) -> str:
        """The terms as one regular expression over lower-case text."""
        return rf"\b(?:{'|'.join(_as_regex(term.strip()) for term in self.terms.split(' | '))})\b"


def _as_regex(term: str) -> str:
    """A term as a regular expression: any separator for a space, any word ending for a star."""
    return re.escape(term).replace(r"\*", r"\w*").replace(r"\ ", r"[\s/_-]+")


@dataclass(frozen=True, slots=True)
class Trigger:
    """Around every event of a type, the nearest document of each kind in one direction is kept.

    Attributes:
        event_type: of the timeline, e.g. `surgery`.
        edge: the event's start or its end.
        direction: the first note after it, or the last before.
        reason: what is said about the note kept.
        subtypes: only events of these subtypes; events whose subtype nobody determined always count. Empty for all.
        kinds: of what documents it chooses one each.
    """

    event_type: str
    edge: Edge
    direction: Direction
    reason: str
    subtypes: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ("note",)


@dataclass(frozen=True, slots=True)
class Profile:
    """A complete configuration of the prioritiser.

    Attributes:
        name: of the profile.
        rules: judged in order within each verdict, exclusions first.
        default: for documents no rule matches; they are notes.
        triggers: which events choose notes.
        window_days: how many calendar days from the event a note may be.
        keep_final_note: whether each patient's last relevant note is kept; of patients without notes, the last report.
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
_SURGERY = (
    Rule(
        "surgery",
        "include",
        "operative report | operative note | operation | brief op | op note | procedure note",
        "operative",
    ),
    Rule("surgery", "include", "surgical patholog*", "pathology"),
    Rule("surgery", "include", "operative | surg* | neurosurg* | post op* | pre op* | postop* | preop*"),
)
_REPORTS = (
    Rule("reports", "include", "patholog* | cytolog*", "pathology"),
    Rule("reports", "include", "radiology | imaging | mri | mr | ct | pet | x-ray | xray | ultrasound", "imaging"),
)
_SURGERY_TRIGGER = Trigger("surgery", "start", "after", "post_surgery", kinds=("note", "operative", "pathology"))
_IMAGING_TRIGGER = Trigger("imaging", "start", "after", "post_imaging", kinds=("note", "imaging"))
_PHYSICIAN = Rule(
    "physician notes", "include", "progress note* | h&p | history and physical | discharge summary | consult*"
)
_MEDICATION_TRIGGERS = tuple(
    Trigger(
        "medication",
        edge,
        direction,
        f"{'pre' if direction == 'before' else 'post'}_medication_change",
        subtypes,
    )
    for subtypes in [("antineoplastic",)]
    for edge in get_args(Edge)
    for direction in get_args(Direction)
)

ONCOLOGY = Profile(
    name="oncology",
    rules=(_ADMINISTRATIVE, _ALLIED, _ONCOLOGY, *_SURGERY, *_REPORTS, _PHYSICIAN),
    default="exclude",
    triggers=(_SURGERY_TRIGGER, _IMAGING_TRIGGER, *_MEDICATION_TRIGGERS),
)

# MIMIC-IV-Note has two note types, DS and RR; `AR` and `AD` are addenda to them.
GENERAL = Profile(
    name="general",
    rules=(
        _ADMINISTRATIVE,
        Rule("mimic notes", "include", "ds | ad"),
        Rule("mimic notes", "include", "rr | ar", "imaging"),
        *_SURGERY,
        *_REPORTS,
        _PHYSICIAN,
    ),
    default="include",
    triggers=(
        _SURGERY_TRIGGER,
        _IMAGING_TRIGGER,
        Trigger("encounter", "end", "after", "post_encounter"),
        *(Trigger(t.event_type, t.edge, t.direction, t.reason) for t in _MEDICATION_TRIGGERS),
    ),
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (ONCOLOGY, GENERAL)}


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
    if not {"name", "verdict", "terms"} == set(item) - {"kind"} or not str(item["terms"]).strip(" |"):
        raise ValueError(f"note profile: a rule has name, verdict and terms and may have a kind, found {sorted(item)}")
    terms = " | ".join(item["terms"]) if isinstance(item["terms"], list) else str(item["terms"])
    verdict, kind = _one_of(item["verdict"], Verdict, "verdict"), _one_of(item.get("kind", "note"), Kind, "kind")
    return Rule(str(item["name"]), verdict, terms.lower(), kind)


def _trigger(item: Mapping[str, Any]) -> Trigger:
    required, allowed = {"event_type", "edge", "direction", "reason"}, {"subtypes", "kinds"}
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
    return Trigger(item["event_type"], edge, direction, str(item["reason"]), tuple(map(str, subtypes)), chosen)
