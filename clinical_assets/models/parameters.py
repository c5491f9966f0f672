"""How trees are grown: LightGBM's settings, each with its reason.

What does not belong here: learning (`training`), and which outcome uses which settings (`outcomes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TypeVar

Setting = TypeVar("Setting", int, float)


def _because(value: Setting, reason: str) -> Setting:
    return field(default=value, metadata={"reason": reason})


@dataclass(frozen=True, kw_only=True)
class LightGBMParameters:
    """The settings of the trees, each with its reason (`LightGBMParameters.reasons()`).

    One set serves 70 patients and 100,000: the penalties are counts of evidence, which weigh much in a small hospital
    and nothing in a large one. Classes are not re-weighted: that would trade calibration for nothing.
    """

    learning_rate: float = _because(0.03, "small steps, so that the number of rounds can be chosen finely")
    most_rounds: int = _because(2000, "a bound; cross-validation chooses the number of rounds below it")
    patience: int = _because(100, "rounds without a better cross-validated log loss before boosting stops")
    num_leaves: int = _because(15, "interactions of a few measurements; more leaves gained nothing at 5,000 stays")
    max_depth: int = _because(5, "keeps exact SHAP values cheap and trees readable")
    min_data_in_leaf: int = _because(5, "a leaf describes at least five stays, so that 70 stays can still be split")
    min_sum_hessian_in_leaf: float = _because(
        1.0, "p(1-p) summed: about 8 stays at 14 % mortality, 100 at 1 %: evidence, not rows, allows a leaf"
    )
    lambda_l2: float = _because(10.0, "shrinks leaves with little evidence towards no opinion")
    feature_fraction: float = _because(0.5, "vital signs come as min, mean and max: trees share the credit among them")
    bagging_fraction: float = _because(0.8, "each tree sees four fifths of the stays: less variance at small n")
    bagging_freq: int = _because(1, "draws them anew for every tree")
    min_data_per_group: int = _because(
        10, "categories with fewer stays are read together (LightGBM's 100 is for clicks)"
    )
    max_bin: int = _because(255, "finer than any bedside measurement needs; LightGBM's default")
    bin_construct_sample_cnt: int = _because(
        10_000_000, "bins from every row: from a sample, a rarely missing value would be taken for never missing"
    )
    num_threads: int = _because(2, "the same on every machine; shards and outcomes run side by side")

    @classmethod
    def reasons(cls) -> Mapping[str, str]:
        """Why each setting has its default, by name."""
        return {f.name: f.metadata["reason"] for f in fields(cls)}

    def lightgbm(self, seed: int) -> dict[str, object]:
        """The settings as LightGBM takes them; the fixed ones make the same rows give the same trees, byte for byte."""
        own = {name: value for name, value in asdict(self).items() if name not in {"most_rounds", "patience"}}
        return own | {
            "objective": "binary",
            "metric": "binary_logloss",
            "boost_from_average": True,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "verbosity": -1,
        }


DEFAULT = LightGBMParameters()

HOURLY = replace(DEFAULT, learning_rate=0.05, patience=50, min_data_in_leaf=20)
"""For rows by the hour: neighbouring hours say much the same, so a leaf needs more of them; rows are many, so steps may
be larger."""
