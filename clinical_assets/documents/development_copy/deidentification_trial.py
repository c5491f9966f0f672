"""Measures the de-identifier on made-up notes: recall by kind and setting, and what clinical text it damages.

The notes are generated from a seed, so the measurement can be repeated; names, places and numbers are invented.
Settings the rules are built for stand beside phrasings written down before any rule was tried on them and beside what
no rule of this kind can see (`trial_settings`). All are reported: the last two are the honest half. Real notes are
harder than these; recall here is an upper bound, not a promise.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from clinical_assets.documents.development_copy.identifier_detectors import detect
from clinical_assets.documents.development_copy.trial_settings import CLINICAL, SETTINGS, Setting


@dataclass(frozen=True, slots=True)
class Planted:
    """An identifier put into a note: `text[start:end]`, what kind it is and in what setting it stands."""

    start: int
    end: int
    kind: str
    setting: str


@dataclass(frozen=True, slots=True)
class MadeUpNote:
    """A generated note, the identifiers in it, and the clinical phrases that must survive."""

    text: str
    planted: tuple[Planted, ...]
    clinical: tuple[str, ...]


def made_up_notes(seed: int, count: int, settings: Iterable[Setting] = SETTINGS) -> list[MadeUpNote]:
    """Generate notes; every setting occurs once in each, in random order, between clinical sentences."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
    return [_note(rng, list(settings)) for _ in range(count)]


def _note(rng: random.Random, settings: list[Setting]) -> MadeUpNote:
    rng.shuffle(settings)
    parts: list[str] = []
    planted: list[Planted] = []
    clinical: list[str] = []
    length = 0
    for setting in settings:
        phrase = rng.choice(CLINICAL)
        before, after = setting.sentence.split("{}")
        value = setting.value(rng)
        start = length + len(before)
        planted.append(Planted(start, start + len(value), setting.kind, setting.setting))
        clinical.append(phrase)
        parts.append(f"{before}{value}{after}\n{phrase}.\n")
        length += len(parts[-1])
    return MadeUpNote("".join(parts), tuple(planted), tuple(clinical))


@dataclass(frozen=True, slots=True)
class Measured:
    """What the trial found.

    Attributes:
        recall: one row per kind and setting: `kind`, `setting`, `planted`, `found`, `recall`. An identifier counts as
            found where every letter and digit of it would be replaced.
        clinical_kept: share of the clinical phrases left untouched.
    """

    recall: pl.DataFrame
    clinical_kept: float

    @property
    def overall(self) -> float:
        """Found in parts of all planted."""
        return float(self.recall["found"].sum()) / max(1, int(self.recall["planted"].sum()))


def measure(notes: Iterable[MadeUpNote]) -> Measured:
    """Run the detector, without any known identifiers, over generated notes."""
    rows: list[tuple[str, str, bool]] = []
    phrases = kept = 0
    for note in notes:
        found = detect(note.text)
        covered = bytearray(len(note.text))
        for identifier in found:
            covered[identifier.start : identifier.end] = b"\x01" * (identifier.end - identifier.start)
        for each in note.planted:
            letters = [i for i in range(each.start, each.end) if note.text[i].isalnum()]
            rows.append((each.kind, each.setting, all(covered[i] for i in letters)))
        at = 0
        for phrase in note.clinical:
            at = note.text.index(phrase, at)
            phrases += 1
            kept += not any(covered[at : at + len(phrase)])
            at += len(phrase)
    table = pl.DataFrame(rows, schema={"kind": pl.String, "setting": pl.String, "hit": pl.Boolean}, orient="row")
    recall = (
        table.group_by("kind", "setting")
        .agg(pl.len().alias("planted"), pl.col("hit").sum().alias("found"), pl.col("hit").mean().alias("recall"))
        .sort("kind", "setting")
    )
    return Measured(recall, kept / phrases if phrases else 1.0)
