import gzip
import hashlib

import polars as pl
import pytest

from clinical_assets.mimic.catalogue import TABLES
from clinical_assets.sample.writing import FOLDERS, Files, LayoutError, file_of, laid_out

OUTPUTS = TABLES["mimic/icu/outputevents"]


def an_output(**other):
    row = {
        "valueuom": "ml",
        "value": 60.0,
        "itemid": 226559,
        "storetime": 4_464_028_861,
        "charttime": 4_464_028_800,
        "caregiver_id": 444,
        "stay_id": 30_000_001,
        "hadm_id": 20_000_001,
        "subject_id": 10_000_001,
    }
    return pl.DataFrame([row | other])


def lines_of(root, path):
    return gzip.decompress((root / file_of(path)).read_bytes()).decode().split("\n")


def test_every_table_of_the_four_releases_has_a_file():
    assert len(FOLDERS) == 22 + 9 + 6 + 4 + 4
    assert file_of("mimic/hosp/labevents") == "mimiciv/3.1/hosp/labevents.csv.gz"
    assert file_of("mimic/ed/edstays") == "mimic-iv-ed/2.2/ed/edstays.csv.gz"
    assert file_of("mimic/cxr/metadata") == "mimic-cxr-jpg/2.1.0/mimic-cxr-2.0.0-metadata.csv.gz"


def test_columns_are_printed_in_the_catalogue_order_with_times_and_whole_numbers_as_releases_print_them(tmp_path):
    with Files(tmp_path) as files:
        files.append("mimic/icu/outputevents", an_output())
        files.append("mimic/icu/outputevents", an_output(value=62.5, caregiver_id=None))
    assert lines_of(tmp_path, "mimic/icu/outputevents") == [
        ",".join(OUTPUTS.column_names),
        "10000001,20000001,30000001,444,2111-06-18 00:00:00,2111-06-18 00:01:01,226559,60,ml",
        "10000001,20000001,30000001,,2111-06-18 00:00:00,2111-06-18 00:01:01,226559,62.5,ml",
        "",
    ]
    assert files.rows["mimic/icu/outputevents"] == 2


def test_text_with_commas_quotes_and_newlines_is_quoted(tmp_path):
    comment = 'READ BACK, "CRITICAL"\nSEE ___'
    with Files(tmp_path) as files:
        files.append(
            "mimic/hosp/d_labitems",
            pl.DataFrame({"itemid": [1], "label": [comment], "fluid": [""], "category": [None]}),
        )
    lines = lines_of(tmp_path, "mimic/hosp/d_labitems")
    assert lines[1:3] == ['1,"READ BACK, ""CRITICAL""', 'SEE ___","",']


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (an_output().drop("itemid"), r"missing \['itemid'\], unknown \[\]"),
        (an_output(heart_rate=80), r"missing \[\], unknown \['heart_rate'\]"),
    ],
)
def test_a_missing_or_unknown_column_is_an_error(frame, found):
    with pytest.raises(LayoutError, match=f"mimic/icu/outputevents: .*{found}"):
        laid_out(frame, OUTPUTS)


def test_bytes_hold_neither_time_nor_file_name(tmp_path):
    sums = []
    for folder in ("a", "b"):
        with Files(tmp_path / folder) as files:
            files.append("mimic/icu/outputevents", an_output())
        data = (tmp_path / folder / file_of("mimic/icu/outputevents")).read_bytes()
        sums.append(hashlib.sha256(data).hexdigest())
        assert data[4:8] == b"\0\0\0\0"
        assert b"outputevents" not in data
    assert sums[0] == sums[1]
