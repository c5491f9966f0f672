"""Labels keep their five meanings apart; splits keep a patient on one side."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.imaging import labels, splits
from clinical_assets.imaging.input_faults import label_faults
from clinical_assets.imaging.tables import CXR_LABELS, INPUT_FAULTS, MODALITY_SPLITS
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.stays.splits import patient_splits, split_bucket, split_of

CHEXPERT, SPLIT, PATIENTS = (RELEASE[f"mimic/{t}"] for t in ("cxr/chexpert", "cxr/split", "hosp/patients"))
STUDIES = pl.LazyFrame({"subject_id": [1, 1, 2], "study_id": [51, 52, 53]})


def labelled(*records):
    return pl.DataFrame([{"subject_id": 1, "study_id": 51, **r} for r in records], CHEXPERT.polars_schema).lazy()


def said(chexpert, negbio, observation="Edema"):
    found = labels.cxr_labels(chexpert, negbio, STUDIES).filter(pl.col("observation") == observation)
    return found.collect()


@pytest.mark.parametrize(
    ("value", "mention"), [(1, "positive"), (0, "negative"), (-1, "uncertain"), (None, "not mentioned"), (2, None)]
)
def test_each_code_has_its_own_meaning(value, mention):
    assert said(labelled({"Edema": value}), labelled({}))["chexpert"].item() == mention


def test_both_programs_stand_side_by_side():
    row = said(labelled({"Edema": 1}), labelled({"Edema": -1})).row(0, named=True)
    assert (row["chexpert"], row["negbio"], row["labelers_agree"]) == ("positive", "uncertain", False)
    assert said(labelled({"Edema": 0}), labelled({"Edema": 0}))["labelers_agree"].item() is True


def test_a_study_one_program_has_no_row_for_is_not_one_it_does_not_mention():
    row = said(labelled({"Edema": 1}), labelled()).row(0, named=True)
    assert (row["negbio"], row["labelers_agree"]) == (None, None)
    assert said(labelled(), labelled({}))["chexpert"].item() is None


def test_every_study_has_fourteen_observations_once():
    found = labels.cxr_labels(labelled({}, {"study_id": 52}), labelled({}), STUDIES).collect()
    assert found.height == 28
    assert not found.select(CXR_LABELS.primary_key).is_duplicated().any()
    assert dict(found.schema) == dict(CXR_LABELS.polars_schema)


def test_contradictory_and_homeless_rows_are_left_out_and_counted():
    rows = labelled({"Edema": 1}, {"Edema": 0}, {"study_id": 99}, {"study_id": 53}, {"study_id": 52, "Edema": 3})
    found = labels.cxr_labels(rows, labelled(), STUDIES).collect()
    assert set(found["study_id"]) == {52}  # 53 is another patient's
    faults = label_faults(rows, STUDIES, "chexpert").collect()
    assert dict(faults.schema) == dict(INPUT_FAULTS.polars_schema)
    assert set(faults.select("record", "record_id", "fault", "rows").iter_rows()) == {
        ("chexpert row", "51", "study in rows that differ", 2),
        ("chexpert row", "99", "study has no images", 1),
        ("chexpert row", "53", "study has no images", 1),
        ("chexpert row", "52", "value is none of 1, 0, -1", 1),
    }


def test_a_row_repeated_word_for_word_counts_once():
    assert said(labelled({"Edema": 1}, {"Edema": 1}), labelled())["chexpert"].to_list() == ["positive"]


def sides(official, patients=(1, 2, 3)):
    rows = [{"subject_id": s, "study_id": s, "dicom_id": str(i), "split": part} for i, (s, part) in enumerate(official)]
    known = patient_splits(pl.DataFrame([{"subject_id": s} for s in patients], PATIENTS.polars_schema).lazy())
    frame = splits.modality_splits(known, pl.DataFrame(rows, SPLIT.polars_schema).lazy())
    return {row["subject_id"]: row for row in frame.collect().to_dicts()}


def other_than(split):
    return next(s for s in ("train", "validate", "test") if s != split)


HASH = {s: split_of(split_bucket(s)) for s in range(1, 50)}


def test_without_x_rays_the_hash_decides():
    row = sides([])[1]
    assert (row["split"], row["official_split"], row["conflict"]) == (HASH[1], None, None)
    assert row["same_side_everywhere"]


def test_the_official_split_wins_and_the_difference_is_marked():
    official = other_than(HASH[1])
    row = sides([(1, official), (1, official)])[1]
    assert (row["split"], row["hash_split"], row["conflict"]) == (official, HASH[1], "official differs from hash")
    assert not row["same_side_everywhere"]
    assert sides([(1, HASH[1])])[1]["same_side_everywhere"]


def test_a_patient_in_two_parts_of_the_official_split_is_in_none():
    row = sides([(1, "train"), (1, "test")])[1]
    assert (row["split"], row["conflict"], row["n_official_splits"]) == (None, "several official splits", 2)
    assert not row["same_side_everywhere"]


def test_a_patient_of_the_x_rays_only_has_a_split_too():
    assert sides([(40, "validate")])[40]["split"] == "validate"
    assert sides([(40, "validate")])[40]["hash_split"] == HASH[40]


@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["train", "validate", "test"])), max_size=12))
def test_every_patient_is_on_one_side(official):
    found = sides(official)
    assert set(found) == {1, 2, 3} | {s for s, _ in official}
    for subject, row in found.items():
        named = {part for s, part in official if s == subject}
        assert row["split"] == (None if len(named) > 1 else named.pop() if named else HASH[subject])


def test_counts_name_sides_and_conflicts():
    frame = pl.DataFrame(list(sides([(1, "train"), (1, "test")]).values()), MODALITY_SPLITS.polars_schema)
    counts = splits.split_counts(frame)
    assert counts["no split patients"] == 1
    assert counts["conflict: several official splits"] == 1
