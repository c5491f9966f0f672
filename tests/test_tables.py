"""The language of the catalogues refuses declarations that contradict themselves."""

import pytest

from clinical_assets.tables import Column, Table, Type

SUBJECT = Column(name="subject_id", type=Type.INTEGER, meaning="The patient.")


def test_rows_lie_by_patient_then_time_then_key():
    table = Table(
        key=("g", "t"),
        grain="one",
        meaning="A table.",
        primary_key=("stay_id",),
        happened="charttime",
        columns=(
            SUBJECT,
            Column(name="stay_id", type=Type.INTEGER, meaning="The stay."),
            Column(name="charttime", type=Type.TIMESTAMP, meaning="When."),
        ),
    )
    assert table.sort_by == ["subject_id", "charttime", "stay_id"]
    assert table.empty().schema == table.polars_schema
    assert table.arrow_schema.names == ["subject_id", "stay_id", "charttime"]


def test_a_column_may_be_named_once():
    with pytest.raises(ValueError, match=r"found twice: \['subject_id'\]"):
        Table(key=("g", "t"), grain="one", meaning="A table.", columns=(SUBJECT, SUBJECT))


def test_keys_and_times_must_be_columns():
    with pytest.raises(ValueError, match="charttime"):
        Table(key=("g", "t"), grain="one", meaning="A table.", columns=(SUBJECT,), happened="charttime")
    with pytest.raises(ValueError, match="subject_id"):
        Table(key=("g", "t"), grain="one", meaning="A table.", columns=())


def test_an_unknown_column_is_named_with_those_there_are():
    table = Table(key=("g", "t"), grain="one", meaning="A table.", columns=(SUBJECT,))
    with pytest.raises(KeyError, match="subject_id"):
        table.column("stay")
