"""The language of the catalogues refuses declarations that contradict themselves."""

import pytest

from clinical_assets.mimic.catalogue.columns import integer, text, timestamp
from clinical_assets.tables import Axis, Column, Table, Type

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


def test_rows_lie_by_patient_time_and_key_each_column_once():
    columns = (integer("subject_id", "P."), timestamp("charttime", "T."), integer("itemid", "I."), integer("n", "N."))
    table = Table(
        key=("a", "b"), grain="g", meaning="m", columns=columns, happened="charttime",
        primary_key=("subject_id", "charttime", "itemid"),
    )  # fmt: skip
    assert table.sort_by == ["subject_id", "charttime", "itemid"]


def test_a_table_cut_by_batches_has_patients_by_their_text_ids():
    columns = (text("patient_id", "P."), text("document_id", "D."))
    table = Table(key=("a", "b"), grain="g", meaning="m", columns=columns, axis=Axis.PATIENT_BATCH)
    assert table.sort_by == ["patient_id"]
    with pytest.raises(ValueError, match=r"'subject_id'.* not declared"):
        Table(key=("a", "b"), grain="g", meaning="m", columns=columns)
