"""Which notes are worth a language model's time: vocabularies, triggers and windows, as data.

A profile first judges each note by its type, title and category: the first matching exclusion wins, then the first
matching inclusion, then the profile's default. Then its triggers choose, around events of the timeline. A new
specialty is a new profile; a site's own wording comes in through `site_profiles`.

Notes and reports are chosen side by side: after a scan the radiologist's report comes first, and must not take the
place of the note in which the oncologist says what follows from it; nor the operative report that of pathology.

What an event chooses is not all that is kept: a document linked to the event (by its source, or by
`timeline_links`) is kept whatever else was chosen, and where the note chosen is another specialty's, the nearest of
the profile's own is kept beside it.

Source of the oncology profile: the filter and prioritiser used for paediatric brain tumour abstraction, as recorded
in this project's notes (exclusions before inclusions, default exclude, 7 days, one note per trigger); vocabularies
are our own, and so are all windows but the seven days. It serves the abstraction of tumours of the brain and the
spine; for tumours elsewhere a site's profile names its own `imaging_regions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from clinical_assets.documents.timeline.body_regions import pattern_of, terms_of

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
        return pattern_of(self.terms)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Around every event of a type, the nearest document of each kind in one direction is kept.

    Attributes:
        event_type: of the timeline, e.g. `surgery`.
        edge: the event's start or its end.
        direction: the first note after it, or the last before.
        reason: what is said about the note kept.
        subtypes: only events of these subtypes; events whose subtype nobody determined always count, and so do those
            that are possibly of one (`drug_uses.POSSIBLY`), which the notes kept say. Empty for all.
        kinds: of what documents it chooses one each.
        window_days: how many calendar days from the event a document may be, where not the profile's.
    """

    event_type: str
    edge: Edge
    direction: Direction
    reason: str
    subtypes: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ("note",)
    window_days: int | None = None


@dataclass(frozen=True, slots=True)
class Regions:
    """Which examinations concern a profile, by the body regions they are said to be of.

    One that names a region of `include` does, whatever else it names; one that names none of them but one of `exclude`
    does not; one that names neither does, for nobody knows.

    Attributes:
        include: terms as in `Rule`.
        exclude: terms as in `Rule`.
    """

    include: str
    exclude: str


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
        kind_windows: how many days for documents of a kind, whatever the trigger says: some are signed out late.
        specialties: terms as in `Rule` of services and types whose notes the profile is after. Where a trigger's note,
            or the last note, is of none of them, the nearest that is one's is kept too. Empty for all.
        visits: whether, where the source links such a note to no encounter, the nearest that it links to one is kept
            too: what is written at a visit, not what carries it forward. Where it links no notes, nothing changes.
        linked: types of events whose documents are kept, however many; of those types that have triggers with subtypes
            only events of these.
        imaging_regions: which imaging counts; None for all.
        pass_over_repeats: whether a note that says nothing but what another kept one says gives its place to the next.
    """

    name: str
    rules: tuple[Rule, ...]
    default: Verdict
    triggers: tuple[Trigger, ...]
    window_days: int = 7
    keep_final_note: bool = True
    kind_windows: tuple[tuple[Kind, int], ...] = ()
    specialties: str = ""
    visits: bool = False
    linked: tuple[str, ...] = ()
    imaging_regions: Regions | None = None
    pass_over_repeats: bool = True

    def window_of(self, trigger: Trigger, kind: Kind) -> int:
        """How many days from an event a document of a kind may be: the kind's, else the trigger's, else the profile's.

        The kind comes first because it is about when such documents are signed, not about the event.
        """
        own = self.window_days if trigger.window_days is None else trigger.window_days
        return dict(self.kind_windows).get(kind, own)


FINAL_NOTE = "final_note"
LINKED = "linked"
OF_SPECIALTY = "_specialty"
OF_VISIT = "_visit"
"""End the reason of a note kept beside the nearest one, because it is of the profile's specialties, or of a visit."""
ADDENDUM = "addendum | addenda"
"""Terms as in `Rule` of what is added to another document, and filed under its day; it never takes that one's place."""
WITH_ADDENDUM = "_addendum"
"""Ends the reason of an addendum kept beside the nearest document: it may correct it."""
INSTEAD_OF_REPEAT, REPEAT = "instead_of_repeat", "repeat"
"""Further reasons: of a note that has the place of one that repeats another (`repeated_text`), and of such a one where
it is kept as there is no other."""

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
# Planning takes its time: from the planning scan to the first fraction a week or two commonly pass.
_RADIATION_TRIGGERS = (
    Trigger("radiation", "start", "before", "pre_radiation", window_days=14),
    Trigger("radiation", "start", "after", "radiation_start"),
    Trigger("radiation", "end", "before", "radiation_end"),
    Trigger("radiation", "end", "after", "post_radiation"),
)
# A resection with immunohistochemistry and molecular work-up is commonly signed out two to three weeks later.
_KIND_WINDOWS: tuple[tuple[Kind, int], ...] = (("pathology", 21),)
# Encounters are left out: every note of a visit is linked to its visit.
_LINKED = ("surgery", "imaging", "pathology", "radiation", "medication")
_ONCOLOGY_SPECIALTIES = (
    "oncolog* | neurooncolog* | heme onc | hematolog* | haematolog* | neurosurg* | neurological surgery | radiation"
    " | radiotherap* | radiosurg* | gamma knife | chemo* | infusion | tumor board | tumour board | palliative*"
    " | supportive care | hospice | transplant | immunotherapy | cancer"
)
# What shows the brain, the spine, or the whole body in search of spread; and what never does. The chest is in neither:
# lungs are where treatment's complications and metastases show.
_NERVOUS_SYSTEM = Regions(
    include=f"{terms_of('head', 'neck', 'spine')} | neuro* | posterior fossa | cerebr* | myelo* | sacr* | whole body"
    " | total body | skeletal survey | bone scan | pet | staging | metasta* | tumor* | tumour*",
    exclude=f"{terms_of('thyroid', 'abdomen', 'pelvis', 'arm', 'leg', 'breast')} | extremit* | joint* | bone age"
    " | dental | teeth | tooth | panorex | urin* | uter* | fetal | colon* | esophag* | swallow* | upper gi",
)
_PHYSICIANS_WORDS = "progress note* | h&p | history and physical | discharge summary | consult*"
_PHYSICIAN = Rule("physician notes", "include", _PHYSICIANS_WORDS)
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
    triggers=(_SURGERY_TRIGGER, _IMAGING_TRIGGER, *_MEDICATION_TRIGGERS, *_RADIATION_TRIGGERS),
    kind_windows=_KIND_WINDOWS,
    specialties=_ONCOLOGY_SPECIALTIES,
    visits=True,
    linked=_LINKED,
    imaging_regions=_NERVOUS_SYSTEM,
)

# MIMIC-IV-Note has two note types, DS and RR; `AR` and `AD` are addenda to them. In records that have all
# kinds (the tests' long ones) whoever is no physician took the place of a third of the visits: allied care is excluded
# as in oncology, and beside a laboratory's or a dentist's note the nearest physician's is kept.
GENERAL = Profile(
    name="general",
    rules=(
        _ADMINISTRATIVE,
        _ALLIED,
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
        *_RADIATION_TRIGGERS,
    ),
    kind_windows=_KIND_WINDOWS,
    specialties=_PHYSICIANS_WORDS,
    visits=True,
    linked=_LINKED,
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (ONCOLOGY, GENERAL)}
