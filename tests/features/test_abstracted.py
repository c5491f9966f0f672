"""Features from abstracted values: the newest known by the index time, sure enough, and nothing known later."""

from datetime import datetime, timedelta
from functools import partial

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.declaration import column_schema, conform
from clinical_assets.features.abstracted import ABSTRACTED_VALUES, AbstractedFeature, extended, with_abstracted
from clinical_assets.features.mortality_features import MORTALITY_FIRST_DAY
from clinical_assets.lineage import column_lineage
from clinical_assets.tables import Column, Table, Type

INDEX = datetime(2150, 3, 2, 12)
EXTENT = AbstractedFeature(
    name="extent_of_resection",
    meaning="How much of the tumour the operation took away.",
    field="extent_of_resection",
    categories=("GTR", "STR", "Biopsy"),
    confidence_at_least=0.75,
)
KPS = AbstractedFeature(
    name="performance_status",
    meaning="Karnofsky performance status.",
    field="kps",
    unit="%",
    plausible=(0, 100),
    confidence_at_least=0.5,
    methods=("rules",),
)
ROWS = Table(
    key=("features", "a_set"),
    grain="one row per stay",
    meaning="A feature set.",
    primary_key=("stay_id",),
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient."),
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The stay."),
        Column(name="index_time", type=Type.TIMESTAMP, nullable=False, meaning="The moment of prediction."),
    ),
)


def value(text, hours, confidence=0.9, field="extent_of_resection", patient=1, document="d1", method="rules"):
    """A value known so many hours after the index time (negative: before)."""
    return {
        "subject_id": patient, "document_id": document, "field": field, "value": text,
        "known_time": INDEX + timedelta(hours=hours), "confidence": confidence, "method": method,
    }  # fmt: skip


def found(*values, features=(EXTENT, KPS), stays=((1, 11, INDEX),)):
    rows = pl.DataFrame(list(stays), schema=ROWS.polars_schema, orient="row").lazy()
    abstracted = pl.DataFrame(list(values), schema=ABSTRACTED_VALUES.polars_schema).lazy()
    return with_abstracted(rows, abstracted, features).collect()


def test_the_newest_value_known_by_the_index_time_counts():
    extents = found(value("Biopsy", -50), value("GTR", -2), value("STR", 0), value("GTR", 0.1), features=(EXTENT,))
    assert extents["extent_of_resection"].to_list() == ["STR"]


def test_a_value_that_is_not_sure_enough_is_passed_over():
    assert found(value("GTR", -9), value("STR", -1, confidence=0.7))["extent_of_resection"].to_list() == ["GTR"]
    assert found(value("GTR", -9, confidence=None))["extent_of_resection"].to_list() == [None]
    assert found(value("GTR", -9, confidence=0.75))["extent_of_resection"].to_list() == ["GTR"]
    assert found(value("GTR", -9, confidence=1.5))["extent_of_resection"].to_list() == [None]


def test_of_values_known_together_the_most_confident_counts_and_then_the_last_document():
    together = [value("GTR", -1, 0.8), value("STR", -1, 0.95, document="d0"), value("Biopsy", -1, 0.8, document="d9")]
    assert found(*together)["extent_of_resection"].to_list() == ["STR"]
    assert found(together[0], together[2])["extent_of_resection"].to_list() == ["Biopsy"]


def test_only_values_read_by_the_named_methods_count():
    given_by = [value("90", -2, field="kps"), value("40", -1, field="kps", method="a language model")]
    assert found(*given_by)["performance_status"].to_list() == [90]


@pytest.mark.parametrize(
    ("text", "read"), [("80", 80.0), (" 70 ", 70.0), ("101", None), ("eighty", None), ("nan", None), ("", None)]
)
def test_a_number_is_read_from_text_and_kept_within_its_bounds(text, read):
    assert found(value(text, -1, field="kps"))["performance_status"].to_list() == [read]


def test_a_text_outside_the_categories_is_null_and_hides_older_values_and_one_that_does_not_say_hides_nothing():
    assert found(value("GTR", -9), value("everything", -1))["extent_of_resection"].to_list() == [None]
    assert found(value("GTR", -9), value(None, -1))["extent_of_resection"].to_list() == ["GTR"]


def test_every_row_keeps_its_place_and_sees_its_own_patient_at_its_own_time():
    stays = [(2, 21, INDEX), (1, 12, INDEX), (1, 11, INDEX - timedelta(days=2)), (3, 31, INDEX)]
    extents = found(value("GTR", -24), value("STR", -100), value("Biopsy", -1, patient=2), stays=stays)
    assert extents["stay_id"].to_list() == [21, 12, 11, 31]
    assert extents["extent_of_resection"].to_list() == ["Biopsy", "GTR", "STR", None]


def test_without_abstractions_the_columns_are_there_and_null():
    rows = pl.DataFrame([(1, 11, INDEX)], schema=ROWS.polars_schema, orient="row").lazy()
    absent = with_abstracted(rows, None, (EXTENT, KPS)).collect()
    assert absent.schema == found().schema
    assert absent.equals(found(), null_equal=True)


def test_declaration_documentation_and_serving_schema_follow_from_the_feature():
    table = extended(ROWS, (EXTENT, KPS))
    conform(found(value("GTR", -1)).lazy(), table)
    columns = {column.name: column for column in column_schema(table).columns}
    assert "confidence of at least 0.75" in columns["extent_of_resection"].description
    assert "abstracted by rules" in columns["performance_status"].description
    assert table.column("performance_status").plausible == (0, 100)
    assert KPS.feature().serving_schema()["maximum"] == 100
    assert EXTENT.feature().serving_schema()["enum"] == ["GTR", "STR", "Biopsy", None]
    assert len(extended(MORTALITY_FIRST_DAY, (EXTENT,)).columns) == len(MORTALITY_FIRST_DAY.columns) + 1


def test_lineage_leads_to_the_value_and_what_chooses_it():
    lineage = column_lineage(
        partial(lambda rows, abstracted: with_abstracted(rows, abstracted, (EXTENT,))),
        {"rows": ROWS.polars_schema, "abstracted": ABSTRACTED_VALUES.polars_schema},
    )
    sources = {column for source, column in lineage["extent_of_resection"] if source == "abstracted"}
    assert {"value", "known_time", "confidence", "field"} <= sources
    assert not {source for source, _ in lineage["stay_id"]} & {"abstracted"}


def test_a_feature_that_cannot_be_read_from_text_is_refused():
    with pytest.raises(ValueError, match="confidence from 0 to 1"):
        AbstractedFeature(name="x", meaning="X.", field="x", categories=("a",), confidence_at_least=75)
    with pytest.raises(ValueError, match="expected categories, or a unit and bounds"):
        AbstractedFeature(name="x", meaning="X.", field="x", unit="%", confidence_at_least=0.5)


abstracted = st.builds(
    value,
    st.sampled_from(["GTR", "STR", "Biopsy", "90", "nothing", None]),
    st.integers(-72, 72),
    st.none() | st.floats(0, 1),
    st.sampled_from(["extent_of_resection", "kps", "other"]),
    st.sampled_from([1, 2]),
    st.sampled_from(["d1", "d2", "d3"]),
    st.sampled_from(["rules", "a language model"]),
)
STAYS = [(1, 11, INDEX), (1, 12, INDEX - timedelta(hours=30)), (2, 21, INDEX)]


@settings(max_examples=60, deadline=None)
@given(st.lists(abstracted, max_size=12), st.lists(abstracted, max_size=6))
def test_adding_changing_or_deleting_values_known_only_later_changes_nothing(values, others):
    def known(of, patient, by):
        return [v for v in of if v["subject_id"] == patient and v["known_time"] <= by]

    for stay in STAYS:
        patient, _, by = stay
        before = found(*known(values, patient, by), stays=[stay])
        added = found(*values, *(o for o in others if o["known_time"] > by), stays=[stay])
        assert before.equals(added, null_equal=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(abstracted, max_size=10), st.randoms())
def test_the_order_of_values_does_not_matter(values, chance):
    before = found(*values, stays=STAYS)
    shuffled = list(values)
    chance.shuffle(shuffled)
    assert before.equals(found(*shuffled, stays=STAYS), null_equal=True)
