"""A stored model is the trained model to the last bit, or refused; a row is predicted by itself."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.models.artefact import (
    ArtefactError,
    ContractError,
    from_files,
    load,
    predict,
    predict_counted,
    save,
    to_files,
)
from clinical_assets.models.training import LightGBMParameters, train

PROVENANCE = {
    "created_at": "2150-01-02T03:04:05Z",
    "index_time": "24 hours after ICU admission",
    "inputs": {"features/mortality_first_day": "5f3a"},
    "split_version": "1",
}
SEXES = ("F", "M")


@pytest.fixture(scope="module")
def stays():
    rng = np.random.default_rng(1)
    n = 300
    lactate, age = rng.gamma(2, 1, n), rng.integers(18, 92, n)
    return pl.DataFrame(
        {
            "subject_id": 987_650_000 + np.arange(n),
            "age": age,
            "lactate": pl.Series(lactate).set(pl.Series(rng.random(n) < 0.3), None),
            "shock": rng.random(n) < 0.2,
            "sex": [SEXES[i] for i in rng.integers(0, 2, n)],
            "died": (lactate + age / 30 + rng.logistic(0, 1, n) > 5.5).astype(int),
        }
    )


@pytest.fixture(scope="module")
def model(stays):
    return train(
        stays,
        feature_names=["age", "lactate", "shock", "sex"],
        categorical={"sex": SEXES},
        label="died",
        parameters=LightGBMParameters(num_threads=1, patience=20),
        units={"age": "a", "lactate": "mmol/L"},
    )


@pytest.fixture(scope="module")
def files(model):
    return to_files(model, PROVENANCE)


rows = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.none() | st.integers(0, 120),
            "lactate": st.none() | st.just(float("nan")) | st.floats(0, 30),
            "shock": st.none() | st.booleans(),
            "sex": st.none() | st.sampled_from([*SEXES, "U", ""]),
        }
    ),
    min_size=1,
    max_size=12,
)
SCHEMA = {"age": pl.Int64, "lactate": pl.Float64, "shock": pl.Boolean, "sex": pl.String}


@given(rows, st.randoms())
@settings(max_examples=60, deadline=None)
def test_a_row_is_predicted_by_itself(model, drawn, random):
    together = predict(model, pl.DataFrame(drawn, schema=SCHEMA)).tolist()
    alone = [predict(model, pl.DataFrame([row], schema=SCHEMA))[0] for row in drawn]
    order = random.sample(range(len(drawn)), len(drawn))
    shuffled = predict(model, pl.DataFrame([drawn[i] for i in order], schema=SCHEMA)).tolist()
    assert together == alone
    assert shuffled == [together[i] for i in order]
    assert all(0 < p < 1 for p in together)


def test_a_loaded_model_is_the_trained_one_to_the_last_bit(model, files, stays):
    loaded = from_files(files)
    assert loaded == model
    assert predict(loaded, stays).tobytes() == predict(model, stays).tobytes()
    assert to_files(loaded, loaded.provenance) == files
    assert loaded.provenance == PROVENANCE
    assert loaded.out_of_fold is None


def test_a_folder_holds_the_two_files_and_no_trace_of_writing(model, files, tmp_path, stays):
    folder = tmp_path / "models" / "mortality"
    save(model, folder, PROVENANCE)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert [path.name for path in folder.parent.iterdir()] == ["mortality"]
    assert load(folder) == model


def test_the_description_can_be_read_by_people(files, model):
    described = json.loads(files["model.json"])
    assert [(f["name"], f["type"], f["unit"]) for f in described["contract"]] == [
        ("age", "integer", "a"),
        ("lactate", "float", "mmol/L"),
        ("shock", "boolean", None),
        ("sex", "text", None),
    ]
    assert described["contract"][0]["missing_values"].startswith("never missing in training")
    assert described["contract"][3]["categories"] == ["F", "M"]
    assert described["training"]["rows"] == 300
    assert described["training"]["events"] == model.training.events
    assert described["training"]["libraries"].keys() == {"lightgbm", "numpy", "polars"}
    assert described["calibration"]["method"] == "platt"


def test_no_patient_is_in_the_files(files, stays):
    text = b"".join(files.values()).decode()
    assert not [subject for subject in stays["subject_id"] if str(subject) in text]


def changed(files, change):
    described = json.loads(files["model.json"])
    change(described)
    return files | {"model.json": json.dumps(described).encode()}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d["contract"][0].update(fill=0.0), "feature contract in model.json"),
        (lambda d: d["contract"].reverse(), "feature contract in model.json"),
        (lambda d: d["contract"][3].update(categories=["M", "F"]), "feature contract in model.json"),
        (lambda d: d["calibration"].update(slope=1.0), "^model.json"),
        (lambda d: d["training"].update(label="dod"), "^model.json"),
        (lambda d: d["provenance"].update(split_version="2"), "^model.json"),
        (lambda d: d["sha256"].pop("rest"), "^model.json"),
        (lambda d: d.pop("contract"), "feature contract in model.json"),
        (lambda d: d.update(format=2), "^model.json: expected format 1; found 2"),
        (lambda d: d.pop("sha256"), "^model.json: expected a model's description"),
    ],
)
def test_a_changed_description_is_refused(files, change, where):
    with pytest.raises(ArtefactError, match=where):
        from_files(changed(files, change))


@given(st.integers(0, 10**9), st.integers(1, 255))
@settings(max_examples=50)
def test_any_changed_byte_of_the_trees_is_refused(files, position, difference):
    trees = bytearray(files["model.txt"])
    trees[position % len(trees)] ^= difference
    with pytest.raises(ArtefactError, match=r"^model\.txt: expected sha256"):
        from_files(files | {"model.txt": bytes(trees)})


def test_new_line_breaks_in_the_description_are_no_tampering(files, model):
    assert from_files(changed(files, lambda described: None)) == model


def test_text_that_is_no_description_is_refused(files):
    with pytest.raises(ArtefactError, match=r"^model\.json: expected a model's description"):
        from_files(files | {"model.json": b"not json"})


@pytest.mark.parametrize("absent", ["model.txt", "model.json"])
def test_a_missing_file_is_named(files, absent, tmp_path):
    rest = {name: content for name, content in files.items() if name != absent}
    with pytest.raises(ArtefactError, match=f"found no .*{absent}"):
        from_files(rest)
    for name, content in rest.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtefactError, match=f"{tmp_path}.*found no .*{absent}"):
        load(tmp_path)


@pytest.mark.parametrize("key", sorted(PROVENANCE))
def test_a_model_nobody_can_trace_is_not_stored(model, key):
    with pytest.raises(ArtefactError, match=f"found none of .*{key}"):
        to_files(model, {k: v for k, v in PROVENANCE.items() if k != key})


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_a_provenance_json_has_no_form_for_is_refused(model, value):
    with pytest.raises(ArtefactError, match="JSON has no form for"):
        to_files(model, PROVENANCE | {"note": value})


def test_storing_again_is_fine_and_replacing_is_refused(model, files, tmp_path):
    folder = tmp_path / "model"
    save(model, folder, PROVENANCE)
    save(model, folder, PROVENANCE)
    with pytest.raises(FileExistsError, match="give each model a folder of its own"):
        save(model, folder, PROVENANCE | {"split_version": "2"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert len(list(tmp_path.iterdir())) == 1


def test_a_run_that_fails_while_writing_leaves_nothing(model, tmp_path, monkeypatch):
    written = Path.write_bytes

    def full_disk(path, content):
        if path.name == "model.json":
            raise OSError("no space left")
        return written(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save(model, tmp_path / "model", PROVENANCE)
    assert list(tmp_path.iterdir()) == []


def test_unknown_categories_are_missing_and_counted(model, stays):
    frame = stays.head(4).with_columns(sex=pl.Series(["F", "U", None, "f"]))
    predicted = predict_counted(model, frame)
    assert predicted.unknown_categories == {"sex": 2}
    missing = predict(model, frame.with_columns(sex=pl.Series(["F", None, None, None])))
    assert predicted.probabilities.tolist() == missing.tolist()


def test_values_missing_for_the_first_time_are_counted(model, stays):
    frame = stays.head(3).with_columns(age=pl.Series([50, None, None]), lactate=None)
    assert predict_counted(model, frame).filled == {"age": 2}


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["M", "F", "X"])])
def test_categories_are_read_by_their_text_not_their_code(model, stays, dtype):
    assert predict(model, stays.with_columns(pl.col("sex").cast(dtype))).tolist() == predict(model, stays).tolist()


def test_other_columns_and_their_order_do_not_matter(model, stays):
    reordered = stays.select("sex", "shock", pl.lit("note").alias("note"), "lactate", "age")
    assert predict(model, reordered).tolist() == predict(model, stays).tolist()


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt16, pl.Float32, pl.Float64])
def test_whole_numbers_and_fractions_stand_for_each_other(model, stays, dtype):
    assert predict(model, stays.with_columns(pl.col("age").cast(dtype))).tolist() == predict(model, stays).tolist()


def test_columns_of_nulls_need_no_type(model):
    untyped = pl.DataFrame({"age": [60], "lactate": [None], "shock": [None], "sex": [None]})
    typed = pl.DataFrame({"age": [60], "lactate": [None], "shock": [None], "sex": [None]}, schema=SCHEMA)
    assert predict(model, untyped).tolist() == predict(model, typed).tolist()


def test_no_rows_no_predictions(model, stays):
    assert predict(model, stays.head(0)).shape == (0,)


def test_what_a_frame_lacks_is_named(model, stays):
    wrong = stays.drop("lactate", "sex").with_columns(pl.col("age").cast(pl.String), pl.col("shock").cast(pl.Int8))
    with pytest.raises(ContractError) as refused:
        predict(model, wrong)
    assert "absent: ['lactate', 'sex']" in str(refused.value)
    assert "age (expected integer, found String), shock (expected boolean, found Int8)" in str(refused.value)


def test_infinite_values_are_refused(model, stays):
    with pytest.raises(ContractError, match=r"infinite values in \{'lactate': 2\}"):
        predict(model, stays.head(2).with_columns(lactate=pl.Series([float("inf"), float("-inf")])))


def test_predictions_follow_the_calibration(model, stays):
    flat = replace(model, calibration=replace(model.calibration, slope=1e-12, intercept=0.0))
    assert predict(flat, stays).tolist() == pytest.approx([0.5] * stays.height)
