"""Two models of one outcome on the same rows: what one is worth more than the other.

The difference is resampled as a whole: in each resample of the patients both models are judged on the same rows, so the
interval of the difference is far narrower than those of the two figures would suggest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clinical_assets.models.evaluated import Estimate
from clinical_assets.models.evaluation import (
    bootstrap,
    figures_of,
    one_class_reason,
    ranked,
    too_few_reason,
    with_interval,
)

COMPARED = ("auroc", "auprc", "brier")


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One figure of two models.

    Attributes:
        ours: of the model that is used.
        theirs: of the other.
        difference: theirs less ours, with the interval of the difference itself.
    """

    ours: Estimate
    theirs: Estimate
    difference: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Compared:
        """What `to_dict` described."""
        return cls(**{name: Estimate(**estimate) for name, estimate in described.items()})


def compare(
    labels: npt.ArrayLike,
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    seed: int,
    resamples: int = 1000,
) -> dict[str, Compared]:
    """The figures `COMPARED` of both models, and of their difference.

    Args:
        labels: 0 or 1, one per row.
        ours: probabilities of the model that is used.
        theirs: probabilities of the other, for the same rows.
        patients: whose row it is.
        seed: of the bootstrap.
        resamples: of the patients.
    """
    both = [ranked(labels, probabilities, patients) for probabilities in (ours, theirs)]
    count = len(both[0].happened)
    reason = one_class_reason(count, int(both[0].happened.sum()))
    if reason:
        nothing = Estimate(None, reason=reason)
        return {name: Compared(ours=nothing, theirs=nothing, difference=nothing) for name in COMPARED}
    uncertain = too_few_reason(both[0])
    wanted = resamples if uncertain is None else 0
    whole = [figures_of(rows, np.ones((1, count)), [], lines=False) for rows in both]
    # The same seed draws the same patients for both, and the same resamples are of one class.
    drawn = [bootstrap(rows, [], seed, wanted, lines=False)[0] for rows in both]

    def compared(name: str) -> Compared:
        (a, b), (first, second) = (float(w[name][0]) for w in whole), (d.get(name, np.empty(0)) for d in drawn)
        return Compared(
            ours=with_interval(a, first, resamples, uncertain),
            theirs=with_interval(b, second, resamples, uncertain),
            difference=with_interval(b - a, second - first, resamples, uncertain),
        )

    return {name: compared(name) for name in COMPARED}


def in_words(how: str, compared: Mapping[str, Compared]) -> str:
    """What another set of features changes, in a sentence: never a difference the interval does not show.

    Args:
        how: the other model differs, e.g. "with organ points".
        compared: as from `compare`; the AUROC is spoken of.
    """
    auroc = compared["auroc"]
    difference = auroc.difference
    how = how[:1].upper() + how[1:]
    if difference.value is None:
        return f"{how}: {difference.reason}."
    said = f"{how} the AUROC is {auroc.theirs} instead of {auroc.ours}, a difference of {difference}:"
    if difference.low is None or difference.high is None:
        return f"{said} too few patients to say whether that is more than chance."
    if difference.low > 0:
        return f"{said} better than the model that is used."
    if difference.high < 0:
        return f"{said} worse than the model that is used."
    return f"{said} the interval holds 0, so no difference can be shown."
