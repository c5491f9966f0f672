"""Files of observations: CSV and Parquet read alike, and every fault named by row, column and value."""

from datetime import datetime

import polars as pl
import pytest

from clinical_assets.features.observation_files import COLUMNS, ObservationError, labels, scan

HEADER = ",".join(COLUMNS)
GOOD = ("c1,v1,pulseRate,88,60,100,2150-03-01 12:30:00,0", "c1,v1,lactateLevel,,,,2150-03-01T13:00:00,0")


def csv(folder, *lines, header=HEADER):
    path = folder / "observations.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_csv_and_parquet_are_read_alike(tmp_path):
    from_csv = scan(csv(tmp_path, *GOOD)).collect()
    assert dict(from_csv.schema) == {name: type_.polars for name, type_ in COLUMNS.items()}
    assert from_csv["observation_value"].to_list() == [88, None]
    assert from_csv["observation_date"].to_list()[1] == datetime(2150, 3, 1, 13)
    assert from_csv["condition_present"].to_list() == [False, False]
    from_csv.write_parquet(tmp_path / "observations.parquet")
    assert scan(tmp_path / "observations.parquet").collect().equals(from_csv)
    as_integers = from_csv.with_columns(pl.col("condition_present").cast(pl.Int64), pl.lit(7).alias("visit_id"))
    as_integers.write_parquet(tmp_path / "numbers.parquet")
    assert scan(tmp_path / "numbers.parquet").collect()["visit_id"].to_list() == ["7", "7"]


@pytest.mark.parametrize(
    ("line", "column", "value"),
    [
        ("c1,v1,pulseRate,88 bpm,60,100,2150-03-01 12:30:00,0", "observation_value", "'88 bpm'"),
        ("c1,v1,pulseRate,inf,60,100,2150-03-01 12:30:00,0", "observation_value", "'inf'"),
        ("c1,v1,pulseRate,nan,60,100,2150-03-01 12:30:00,0", "observation_value", "'nan'"),
        ("c1,v1,pulseRate,88,low,100,2150-03-01 12:30:00,0", "reference_range_min", "'low'"),
        ("c1,v1,pulseRate,88,100,60,2150-03-01 12:30:00,0", "reference_range_max", "'60'"),
        ("c1,v1,pulseRate,88,60,100,01.03.2150,0", "observation_date", "'01.03.2150'"),
        ("c1,v1,pulseRate,88,60,100,2150-03-01,0", "observation_date", "'2150-03-01'"),
        ("c1,v1,pulseRate,88,60,100,,0", "observation_date", "None"),
        ("c1,v1,pulseRate,88,60,100,2150-03-01 12:30:00,yes", "condition_present", "'yes'"),
        ("c1,v1,,88,60,100,2150-03-01 12:30:00,0", "observation_type_code", "None"),
        ("c1,,pulseRate,88,60,100,2150-03-01 12:30:00,0", "visit_id", "None"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_row_column_and_value(tmp_path, line, column, value):
    with pytest.raises(ObservationError) as refused:
        scan(csv(tmp_path, *GOOD, line))
    message = str(refused.value)
    assert "observations.csv: 1 rows" in message
    assert f"Row 3, column {column}:" in message
    assert f"found {value}" in message
    assert str(tmp_path) not in message


def test_missing_columns_and_unknown_formats_are_refused(tmp_path):
    with pytest.raises(ObservationError, match=r"'observation_date'.* are missing"):
        scan(csv(tmp_path, "c1,v1", header="client,visit_id"))
    with pytest.raises(ObservationError, match=r"expected a .csv"):
        scan(tmp_path / "observations.xlsx")


def test_a_visit_with_two_labels_or_two_patients_is_refused(tmp_path):
    other_label = "c1,v1,pulseRate,90,60,100,2150-03-01 14:00:00,1"
    with pytest.raises(
        ObservationError, match="Row 3, column condition_present: expected one value per visit, found 2"
    ):
        scan(csv(tmp_path, *GOOD, other_label))
    other_patient = "c2,v1,pulseRate,90,60,100,2150-03-01 14:00:00,0"
    with pytest.raises(ObservationError, match="Row 3, column client: expected one value per visit"):
        scan(csv(tmp_path, *GOOD, other_patient))


def test_a_value_known_before_it_was_made_is_refused(tmp_path):
    lines = [f"{line},2150-03-01 20:00:00" for line in GOOD] + [f"{GOOD[0]},2150-03-01 12:00:00"]
    with pytest.raises(ObservationError, match="Row 3, column observation_known"):
        scan(csv(tmp_path, *lines, header=f"{HEADER},observation_known"))


def test_many_faults_are_counted_and_the_first_named(tmp_path):
    lines = [GOOD[0].replace("88", "x")] * 500
    with pytest.raises(ObservationError, match="500 rows") as refused:
        scan(csv(tmp_path, *lines))
    assert "Row 10," in str(refused.value)
    assert "Row 11," not in str(refused.value)


def test_labels_are_one_per_visit(tmp_path):
    found = (
        labels(scan(csv(tmp_path, *GOOD, "c2,v2,pulseRate,90,,,2150-03-01 14:00:00,true"))).collect().sort("visit_id")
    )
    assert found["condition_present"].to_list() == [False, True]
