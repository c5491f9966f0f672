"""The outcomes: what is predicted, from what, and when."""

import pytest

from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.models.training import NEVER_FEATURES


def test_an_outcome_is_found_by_its_partition_key():
    assert {name: outcome.name for name, outcome in OUTCOMES.items()} == {"mortality": "mortality"}


def test_the_outcomes_cannot_be_changed_from_elsewhere():
    with pytest.raises(TypeError):
        OUTCOMES["sepsis"] = OUTCOMES["mortality"]


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_every_outcome_is_complete_and_its_label_is_no_feature(outcome):
    group, table = outcome.feature_set.split("/")
    assert group == "features"
    assert table.isidentifier()
    assert outcome.label in NEVER_FEATURES
    assert outcome.label != outcome.eligible
    assert outcome.description.endswith(".")


def test_mortality_is_predicted_a_day_after_icu_admission():
    mortality = OUTCOMES["mortality"]
    assert (mortality.feature_set, mortality.label, mortality.eligible) == (
        "features/mortality_first_day",
        "hospital_expire_flag",
        "eligible",
    )
    assert mortality.index_time.startswith("24 hours after ICU admission")
