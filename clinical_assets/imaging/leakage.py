"""Report and triage text without the sentences that say what the image shows.

A model that is given text beside the image must not read the answer in it. The filter judges each sentence by one
vocabulary for all studies and all labels, on word boundaries ("ct" is not in "doctor"), and never sees a label: what it
removes would otherwise tell the label. A sentence goes or stays whole, so that a negation always stays with what it
denies ("denies chest pain" is never turned into "chest pain"). "No pneumothorax" goes like "pneumothorax" does: denials
left standing would say what was not found. Nothing marks the gap: the number of gaps is a hint too.

What is left may still tell: `residual_leakage` measures how well a bag of its words predicts each label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from clinical_assets.imaging.leakage_vocabulary import NEGATIONS, READING_SECTIONS, VOCABULARY, pattern

TextKind = Literal["report", "triage"]

_KINDS = {kind: pattern(terms) for kind, terms in VOCABULARY.items()}
_NEGATED = pattern(NEGATIONS)
_HEADING = re.compile(r"^[ \t]*([A-Za-z][A-Za-z /&-]{2,40}):", re.MULTILINE)
# A full stop ends a sentence before white space, unless a title or a single initial stands before it. Decimals have no
# white space behind their point.
_END_OF_SENTENCE = re.compile(
    r"(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bvs)(?<!\b[A-Za-z])[.!?]+(?=\s|$)|;|\n[ \t]*\n"
)
_END_OF_COMPLAINT = re.compile(r"[,;\n]")


@dataclass(frozen=True)
class Sentence:
    """A stretch of a text and why it goes, if it does.

    Attributes:
        start: offset of its first character.
        end: one past its last.
        reasons: kinds of the vocabulary it uses, or `section`; empty where it stays.
        negated: it holds a word of denial.
    """

    start: int
    end: int
    reasons: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class Filtered:
    """A text without what states findings.

    Attributes:
        text: the sentences that stay, word for word, joined by single spaces (complaints by commas).
        sentences: all of them, in order.
    """

    text: str
    sentences: tuple[Sentence, ...]

    @property
    def removed(self) -> tuple[Sentence, ...]:
        """The sentences that went."""
        return tuple(s for s in self.sentences if s.reasons)


def without_findings(text: str | None, kind: TextKind) -> Filtered:
    """The text without sentences that state findings.

    Args:
        text: of a report, or a triage complaint (whose parts are parted by commas); None is empty.
        kind: which of the two.
    """
    written = text or ""
    cut = _sentences_of_report if kind == "report" else _complaints
    sentences = tuple(_judged(written, start, end, section) for start, end, section in cut(written))
    kept = (" ".join(written[s.start : s.end].split()) for s in sentences if not s.reasons)
    return Filtered((" " if kind == "report" else ", ").join(kept), sentences)


def _judged(text: str, start: int, end: int, section: str) -> Sentence:
    said = text[start:end]
    reasons = [kind for kind, words in _KINDS.items() if words.search(said)]
    if section in READING_SECTIONS:
        reasons = ["section", *reasons]
    return Sentence(start, end, tuple(reasons), bool(_NEGATED.search(said)))


def _sentences_of_report(text: str) -> Iterator[tuple[int, int, str]]:
    """Offsets of each sentence with the heading it stands under, in lower case."""
    headings = [*_HEADING.finditer(text)]
    begins = [0, *(h.start() for h in headings)]
    names = ["", *(" ".join(h.group(1).lower().split()) for h in headings)]
    for begin, end, name in zip(begins, [*begins[1:], len(text)], names, strict=True):
        for start, stop in _cut(text, begin, end, _END_OF_SENTENCE):
            yield start, stop, name


def _complaints(text: str) -> Iterator[tuple[int, int, str]]:
    for start, end in _cut(text, 0, len(text), _END_OF_COMPLAINT, keep_mark=False):
        yield start, end, ""


def _cut(
    text: str, begin: int, end: int, mark: re.Pattern[str], *, keep_mark: bool = True
) -> Iterator[tuple[int, int]]:
    start = begin
    marks = [*mark.finditer(text, begin, end)]
    for after, stop in [*((m.end(), m.end() if keep_mark else m.start()) for m in marks), (end, end)]:
        piece = text[start:stop]
        if piece.strip():
            yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
        start = after


@dataclass(frozen=True)
class FilterMetrics:
    """What the filter did to a set of texts.

    Attributes:
        texts: how many had any words.
        sentences: of all of them.
        removed: sentences that went.
        removed_denials: of them, those with a word of denial.
        emptied: texts of which nothing is left.
        characters_kept: share of the characters, 0 to 1; None without texts.
        reasons: removed sentences by reason; one may have several.
    """

    texts: int
    sentences: int
    removed: int
    removed_denials: int
    emptied: int
    characters_kept: float | None
    reasons: Mapping[str, int] = field(default_factory=dict)


def metrics(texts: Sequence[str | None], filtered: Sequence[Filtered]) -> FilterMetrics:
    """What was removed from the texts; `filtered` are the same texts' results, in the same order."""
    pairs = [(t, f) for t, f in zip(texts, filtered, strict=True) if t and t.strip()]
    removed = [s for _, f in pairs for s in f.removed]
    before = sum(len(t) for t, _ in pairs)
    return FilterMetrics(
        texts=len(pairs),
        sentences=sum(len(f.sentences) for _, f in pairs),
        removed=len(removed),
        removed_denials=sum(s.negated for s in removed),
        emptied=sum(not f.text for _, f in pairs),
        characters_kept=sum(len(f.text) for _, f in pairs) / before if before else None,
        reasons=dict(sorted(Counter(reason for s in removed for reason in s.reasons).items())),
    )


@dataclass(frozen=True)
class Residual:
    """How well words predict one label, before and after filtering.

    Attributes:
        label: which.
        texts: how many have the label or its absence.
        positive: how many have it.
        auroc_raw: of the words as written, out of fold; None where there are too few to tell.
        auroc_filtered: of the words left and their number; 0.5 tells nothing.
    """

    label: str
    texts: int
    positive: int
    auroc_raw: float | None
    auroc_filtered: float | None


def residual_leakage(
    raw: Sequence[str],
    filtered: Sequence[str],
    labels: Mapping[str, Sequence[bool | None]],
    patients: Sequence[int],
    *,
    folds: int = 5,
    fewest: int = 20,
) -> list[Residual]:
    """How well a bag of words predicts each label, by logistic regression on other patients' texts.

    Args:
        raw: texts as written.
        filtered: what the filter left of them.
        labels: by name, one per text; None where the text has no such label.
        patients: whose the texts are; no patient is on both sides of a fold.
        folds: of the cross-validation.
        fewest: texts with and without the label, and patients of either, below which nothing is measured.
    """
    bags = [_bag_of_words(texts) for texts in (raw, filtered)]
    found = []
    for label, values in labels.items():
        known = [i for i, value in enumerate(values) if value is not None]
        truth = [bool(values[i]) for i in known]
        owners = [patients[i] for i in known]
        enough = min(_patients_with(owners, truth, wanted) for wanted in (True, False)) >= fewest
        measured = [_out_of_fold_auroc(bag[known], truth, owners, folds) if enough else None for bag in bags]
        found.append(Residual(label, len(known), sum(truth), *measured))
    return found


def _patients_with(owners: Iterable[int], truth: Iterable[bool], wanted: bool) -> int:
    return len({owner for owner, value in zip(owners, truth, strict=True) if value is wanted})


def _bag_of_words(texts: Sequence[str]) -> Any:  # noqa: ANN401  (a sparse matrix; scipy has no types)
    """Which words and pairs of words each text has, and how many words. No label is looked at."""
    import numpy as np
    from scipy.sparse import csr_matrix, hstack  # type: ignore[import-untyped]
    from sklearn.feature_extraction.text import CountVectorizer

    # The number of words is a feature of its own: what was removed shows in what is left.
    lengths = csr_matrix(np.log1p([[len(text.split())] for text in texts]))
    try:
        words = CountVectorizer(binary=True, ngram_range=(1, 2), max_features=20_000).fit_transform(texts)
    except ValueError:  # nothing but empty texts
        return lengths
    return hstack([words, lengths]).tocsr()


def _out_of_fold_auroc(bag: Any, truth: list[bool], owners: list[int], folds: int) -> float:  # noqa: ANN401
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    y, groups = np.array(truth), np.array(owners)
    predicted = np.zeros(len(truth))
    for fit, held_out in StratifiedGroupKFold(folds, shuffle=True, random_state=0).split(y, y, groups):
        model = LogisticRegression(C=0.5, solver="liblinear", class_weight="balanced", random_state=0)
        predicted[held_out] = model.fit(bag[fit], y[fit]).decision_function(bag[held_out])
    return float(roc_auc_score(y, predicted))
