"""Measures the de-identifier on made-up notes: recall by kind and setting, and what clinical text it damages.

Two sorts of notes, both invented throughout. Generated ones put one identifier after the other into sentences
(`trial_settings`), from a seed, so that the measurement can be repeated. Written ones are whole notes in which every
identifier is marked (`development_notes.yaml`, `unseen_notes.yaml`): in these all other words are clinical, and what
is replaced of them is damage. Sets the rules were built for stand beside sets written down before any rule was tried
on them. All are reported: the latter are the honest half. Real notes are harder than these; recall here is an upper
bound, not a promise.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml

from clinical_assets.documents.development_copy.capitalised_words import words_of_several
from clinical_assets.documents.development_copy.identifier_detectors import detect
from clinical_assets.documents.development_copy.trial_results import RESULTS
from clinical_assets.documents.development_copy.trial_settings import CLINICAL, SETTINGS, Setting

DEVELOPMENT_NOTES = Path(__file__).with_name("development_notes.yaml")
UNSEEN_NOTES = Path(__file__).with_name("unseen_notes.yaml")


@dataclass(frozen=True, slots=True)
class Planted:
    """An identifier put into a note: `text[start:end]`, what kind it is and in what setting it stands."""

    start: int
    end: int
    kind: str
    setting: str


@dataclass(frozen=True, slots=True)
class MadeUpNote:
    """A made-up note.

    Attributes:
        text: its text.
        planted: the identifiers in it.
        clinical: where the clinical phrases, or words, stand that must survive: start and end.
    """

    text: str
    planted: tuple[Planted, ...]
    clinical: tuple[tuple[int, int], ...]


_MARKED = re.compile(r"\{(\w+)\|([^{}]*)\}")


def marked_notes(file: Path) -> list[MadeUpNote]:
    """The notes of a YAML file: a list of `style` and `text`, in which `{kind|words}` marks an identifier."""
    return [_unmarked(note["text"], note["style"]) for note in yaml.safe_load(file.read_text(encoding="utf-8"))]


def _unmarked(marked: str, style: str) -> MadeUpNote:
    parts: list[str] = []
    planted: list[Planted] = []
    clinical: list[tuple[int, int]] = []
    length = done = 0
    for mark in [*_MARKED.finditer(marked), None]:
        between = marked[done : mark.start() if mark else len(marked)]
        clinical += [(length + word.start(), length + word.end()) for word in re.finditer(r"\w+", between)]
        length += len(between)
        parts.append(between)
        if mark:
            planted.append(Planted(length, length + len(mark[2]), mark[1], style))
            length, done = length + len(mark[2]), mark.end()
            parts.append(mark[2])
    return MadeUpNote("".join(parts), tuple(planted), tuple(clinical))


def made_up_notes(seed: int, count: int, settings: Iterable[Setting] = SETTINGS) -> list[MadeUpNote]:
    """Generate notes; every setting occurs once in each, in random order, between clinical sentences."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
    return [_note(rng, list(settings)) for _ in range(count)]


def _note(rng: random.Random, settings: list[Setting]) -> MadeUpNote:
    rng.shuffle(settings)
    parts: list[str] = []
    planted: list[Planted] = []
    clinical: list[tuple[int, int]] = []
    length = 0
    for setting in settings:
        phrase = rng.choice(CLINICAL)
        before, after = setting.sentence.split("{}")
        value = setting.value(rng)
        start = length + len(before)
        planted.append(Planted(start, start + len(value), setting.kind, setting.setting))
        parts.append(f"{before}{value}{after}\n{phrase}.\n")
        length += len(parts[-1])
        clinical.append((length - len(phrase) - 2, length - 2))
    return MadeUpNote("".join(parts), tuple(planted), tuple(clinical))


@dataclass(frozen=True, slots=True)
class Measured:
    """What the trial found.

    Attributes:
        recall: one row per kind and setting: `kind`, `setting`, `planted`, `found`, `recall`. An identifier counts as
            found where every letter and digit of it would be replaced.
        clinical_kept: share of the clinical phrases, or words, left untouched.
    """

    recall: pl.DataFrame
    clinical_kept: float

    @property
    def overall(self) -> float:
        """Found in parts of all planted."""
        return float(self.recall["found"].sum()) / max(1, int(self.recall["planted"].sum()))


def measure(notes: Iterable[MadeUpNote], ordinary: frozenset[str] = frozenset()) -> Measured:
    """Run the detector, without any known identifiers, over made-up notes.

    Args:
        notes: the notes.
        ordinary: words known to be nobody's, as `capitalised_words.words_of_several` finds them in a batch.
    """
    rows: list[tuple[str, str, bool]] = []
    phrases = kept = 0
    for note in notes:
        covered = bytearray(len(note.text))
        for identifier in detect(note.text, (), ordinary):
            covered[identifier.start : identifier.end] = b"\x01" * (identifier.end - identifier.start)
        for each in note.planted:
            letters = [i for i in range(each.start, each.end) if note.text[i].isalnum()]
            rows.append((each.kind, each.setting, all(covered[i] for i in letters)))
        phrases += len(note.clinical)
        kept += sum(not any(covered[start:end]) for start, end in note.clinical)
    table = pl.DataFrame(rows, schema={"kind": pl.String, "setting": pl.String, "hit": pl.Boolean}, orient="row")
    recall = (
        table.group_by("kind", "setting")
        .agg(pl.len().alias("planted"), pl.col("hit").sum().alias("found"), pl.col("hit").mean().alias("recall"))
        .sort("kind", "setting")
    )
    return Measured(recall, kept / phrases if phrases else 1.0)


_RESULT = re.compile(r"\{([^{}]*)\}")


def results_kept(sentences: Iterable[str] = RESULTS) -> tuple[int, int]:
    """How many of the results marked in sentences stay as they are, and of how many."""
    kept = of = 0
    for sentence in sentences:
        text = _RESULT.sub(r"\1", sentence)
        found = detect(text)
        for number, mark in enumerate(_RESULT.finditer(sentence)):
            start = mark.start() - 2 * number
            of += 1
            kept += all(each.end <= start or each.start >= start + len(mark[1]) for each in found)
    return kept, of


def measure_as_a_batch(notes: Sequence[MadeUpNote]) -> Measured:
    """The same, as a copy reads a batch: every note another patient's, and all told what words the others use."""
    return measure(notes, words_of_several((str(number), note.text) for number, note in enumerate(notes)))
