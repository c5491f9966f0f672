"""The outcomes: what is predicted, from what, and when."""

import pytest

from clinical_assets.features import ed_features, sepsis_features
from clinical_assets.features.assets import ASSETS
from clinical_assets.models.outcomes import BY_TIME_ALONE, OUTCOMES, WITH_ORGAN_POINTS
from clinical_assets.models.training import NEVER_FEATURES

TABLES = {declaration.table.path: declaration.table for declaration in ASSETS}
EVERY_OUTCOME = pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)


def test_an_outcome_is_found_by_its_partition_key():
    assert {name: outcome.name for name, outcome in OUTCOMES.items()} == {
        name: name for name in ("mortality", "sepsis", "hospitalisation", "critical_outcome", "ed_revisit")
    }


def test_the_outcomes_cannot_be_changed_from_elsewhere():
    with pytest.raises(TypeError):
        OUTCOMES["stroke"] = OUTCOMES["mortality"]


@EVERY_OUTCOME
def test_every_outcome_is_complete_and_its_label_is_no_feature(outcome):
    group, table = outcome.feature_set.split("/")
    assert group == "features"
    assert table.isidentifier()
    assert outcome.label in NEVER_FEATURES
    assert outcome.label != outcome.eligible
    assert outcome.description.endswith(".")


@EVERY_OUTCOME
def test_every_column_an_outcome_names_is_in_its_feature_set(outcome):
    table = TABLES[outcome.feature_set]
    named = {outcome.label, outcome.eligible, outcome.known, *outcome.row_key, *outcome.label_window}
    for features in (outcome.features, *outcome.compared.values()):
        taken = [f.name for f in features]
        assert {*named, *taken} <= set(table.column_names)
        assert len(taken) == len(set(taken)) > 0
        assert not set(taken) & {*NEVER_FEATURES, *named}
    assert set(table.primary_key) <= set(outcome.row_key)


def test_no_outcome_of_a_feature_set_is_a_feature_of_another():
    labels = {outcome.label for outcome in OUTCOMES.values()}
    assert not labels & {f.name for outcome in OUTCOMES.values() for f in outcome.features}


def test_mortality_is_predicted_a_day_after_icu_admission():
    mortality = OUTCOMES["mortality"]
    assert (mortality.feature_set, mortality.label, mortality.eligible) == (
        "features/mortality_first_day",
        "hospital_expire_flag",
        "eligible",
    )
    assert mortality.index_time.startswith("24 hours after ICU admission")


def test_sepsis_is_predicted_without_what_makes_its_label_and_compared_with_it():
    sepsis = OUTCOMES["sepsis"]
    assert not {f for f in sepsis.features if f.label_derived}
    more = set(sepsis.compared[WITH_ORGAN_POINTS]) - set(sepsis.features)
    assert more == set(sepsis_features.LABEL_DERIVED)
    assert all(f.label_derived for f in more)
    assert [f.name for f in sepsis.compared[BY_TIME_ALONE]] == ["hour_of_admission", "icu_los_so_far"]
    assert sepsis.row_key == ["subject_id", "stay_id", "hr"]


def test_emergency_outcomes_of_triage_know_nothing_of_the_stay_and_only_the_revisit_does():
    during = {f.name for f in ed_features.DURING_STAY}
    for name in ("hospitalisation", "critical_outcome"):
        assert not {f.name for f in OUTCOMES[name].features} & during
        assert OUTCOMES[name].known == "index_time"
    revisit = OUTCOMES["ed_revisit"]
    assert {f.name for f in revisit.features} > during
    assert (revisit.known, revisit.eligible) == ("disposition_time", ed_features.SENT_HOME)
