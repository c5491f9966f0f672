"""The dirt of the open demo is in the synthetic hospital too, at about its rates (of the demo, in the comments)."""

import polars as pl
import pytest

from clinical_assets.sample.dirt import CHART_SLIPS, ED_SLIPS, LAB_SLIPS
from clinical_assets.sample.hospital import write_hospital
from clinical_assets.sample.writing import FOLDERS, file_of

WHEN = ("admittime", "dischtime", "deathtime", "intime", "outtime", "charttime", "storetime", "starttime", "stoptime")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Every table as text, times parsed and numbers of measured values too."""
    root = tmp_path_factory.mktemp("hospital") / "sources"
    write_hospital(root, patients=400, seed=13)

    def frame(path):
        table = pl.read_csv(root / file_of(path), infer_schema=False)
        times = [name for name in WHEN if name in table.columns]
        return table.with_columns(pl.col(times).str.to_datetime()) if times else table

    return {path.removeprefix("mimic/"): frame(path) for path in FOLDERS}


@pytest.fixture(scope="module")
def labs(raw):
    return raw["hosp/labevents"].with_columns(pl.col("valuenum").cast(pl.Float64))


@pytest.fixture(scope="module")
def chart(raw):
    return raw["icu/chartevents"].with_columns(pl.col("valuenum").cast(pl.Float64))


def share(of):
    return of.mean()


def test_a_quarter_of_lab_rows_have_no_admission(labs):  # 26 %
    assert 0.20 < share(labs["hadm_id"].is_null()) < 0.32


def test_lab_values_are_blanked_mostly_with_their_number_left(labs):  # 6.3 %, 2 % of them without a number
    blanked = labs.filter(value="___")
    assert 0.04 < blanked.height / labs.height < 0.08
    assert 0 < share(blanked["valuenum"].is_null()) < 0.1


def test_lab_values_are_negative_as_base_excess_and_by_mistake(labs):  # 0.5 %
    negative = labs.filter(pl.col("valuenum") < 0)
    assert 0.002 < negative.height / labs.height < 0.015
    assert negative["itemid"].n_unique() > 3
    assert (negative["itemid"] == "50802").mean() > 0.6


def test_a_hundredth_of_labs_are_never_stored(labs):  # 0.9 %
    assert 0.004 < share(labs["storetime"].is_null()) < 0.02


def test_results_take_an_hour_and_sometimes_far_longer(labs):  # median 65, p90 177, p99 617 minutes
    minutes = (labs["storetime"] - labs["charttime"]).dt.total_minutes().drop_nulls()
    assert 50 < minutes.median() < 80
    assert 130 < minutes.quantile(0.9) < 230
    assert 350 < minutes.quantile(0.99) < 900
    assert minutes.min() >= 0


def test_comments_have_commas_quotes_and_newlines(labs, raw):
    for needle in (",", '"', "\n"):
        assert labs["comments"].str.contains(needle, literal=True).any()
    assert raw["hosp/microbiologyevents"]["comments"].str.contains("\n", literal=True).any()


def test_prescriptions_stop_before_they_start(raw):  # 4.2 %
    drugs = raw["hosp/prescriptions"]
    early = drugs.filter(pl.col("stoptime") < pl.col("starttime"))
    assert 0.025 < early.height / drugs.height < 0.06
    assert (early["starttime"] - early["stoptime"]).dt.total_minutes().median() == 60
    assert drugs["starttime"].null_count() > 0
    assert drugs["stoptime"].null_count() > 0


def test_doses_are_ranges_and_have_thousands_separators(raw):
    doses = set(raw["hosp/prescriptions"]["dose_val_rx"])
    assert {"1-2", "25,000", "3-10", "325-650"} <= doses
    assert "___" in set(raw["hosp/emar_detail"]["dose_given"])


def test_prescriptions_come_with_their_fluid_and_some_without_a_route(raw):
    drugs = raw["hosp/prescriptions"]
    assert set(drugs["drug_type"]) == {"MAIN", "BASE", "ADDITIVE"}
    assert drugs["route"].null_count() > 0
    assert {"LEFT EYE", "TP", "IV", "PO/NG"} <= set(drugs["route"])


@pytest.mark.parametrize("typed", ["13", "unable", "UA", "ett", "o"])
def test_ed_pain_is_typed_as_in_the_demo(raw, typed):
    assert typed in set(raw["ed/triage"]["pain"]) | set(raw["ed/vitalsign"]["pain"])


def test_ed_stays_lack_admissions_and_share_them(raw):  # 23 %
    admitted = raw["ed/edstays"]["hadm_id"]
    assert 0.15 < share(admitted.is_null()) < 0.4
    assert admitted.drop_nulls().is_duplicated().any()
    forgotten = raw["ed/edstays"].filter(pl.col("hadm_id").is_null() & (pl.col("disposition") == "ADMITTED"))
    assert forgotten.height > 0


def test_icu_stays_begin_before_admission_and_end_after_discharge(raw):  # 1.4 % and 16 %
    stays = raw["icu/icustays"].join(raw["hosp/admissions"], on="hadm_id")
    assert 0 < share(stays["intime"] < stays["admittime"]) < 0.04
    assert 0.08 < share(stays["outtime"] > stays["dischtime"]) < 0.22


def test_some_die_after_their_discharge(raw):  # 4 of 15
    died = raw["hosp/admissions"].drop_nulls("deathtime")
    assert 0 < share(died["deathtime"] > died["dischtime"]) < 0.35


def test_the_chart_starts_before_some_stays(raw, chart):  # 0.4 %
    early = chart.join(raw["icu/icustays"], on="stay_id").filter(pl.col("charttime") < pl.col("intime"))
    assert 0 < early.height / chart.height < 0.02
    assert (early["intime"] - early["charttime"]).dt.total_minutes().max() <= 60


@pytest.mark.parametrize(
    ("items", "low", "high"),
    [
        (["220045"], 0, 0),
        (["220045"], 999, 999),
        (["220050", "220179"], 10_000, 99_999),
        (["220052"], -99, 0),
        (["223762"], 80, 120),
        (["223761"], 25, 45),
    ],
)
def test_vital_signs_are_out_of_range_now_and_then(chart, items, low, high):
    of_item = chart.filter(pl.col("itemid").is_in(items))
    wrong = of_item["valuenum"].is_between(low, high).sum()
    assert 0 < wrong < 0.1 * of_item.height


def test_some_rows_are_charted_twice_alike_and_otherwise(chart):
    one_at_a_time = chart.filter(pl.col("itemid") != "226732")  # two masks may be worn at once
    at_once = one_at_a_time.group_by("stay_id", "charttime", "itemid").agg(
        rows=pl.len(), values=pl.col("value").n_unique()
    )
    twice = at_once.filter(pl.col("rows") > 1)
    assert 0.001 < twice.height / at_once.height < 0.01
    assert set(twice["values"]) == {1, 2}


def test_the_tube_leaves_no_voice_to_score(chart):
    silent = chart.filter(itemid="223900", value="No Response-ETT")
    assert silent.height > 20
    assert (silent["valuenum"] == 1).all()
    assert {"Oriented", "Confused"} <= set(chart.filter(itemid="223900")["value"])


def test_cultures_lack_times_and_admissions(raw):  # 6 % and 34 %
    cultures = raw["hosp/microbiologyevents"]
    assert 0.02 < share(cultures["charttime"].is_null()) < 0.15
    assert 0.2 < share(cultures["hadm_id"].is_null()) < 0.5
    assert "CANCELLED" in set(cultures["org_name"])


def test_both_revisions_are_coded_and_one_code_means_two_things(raw):
    assert set(raw["hosp/diagnoses_icd"]["icd_version"]) == {"9", "10"}
    titles = raw["hosp/d_icd_diagnoses"].filter(icd_code="E8809")
    assert titles["icd_version"].n_unique() == 2
    assert titles["long_title"].n_unique() == 2


def test_codes_are_padded_with_blanks_as_published(raw):
    assert raw["hosp/d_hcpcs"]["code"].str.ends_with("   ").any()
    assert raw["hosp/microbiologyevents"]["dilution_comparison"].drop_nulls().str.ends_with(" ").all()


def test_emar_begins_with_the_later_patients(raw):
    groups = raw["hosp/emar"].join(raw["hosp/patients"], on="subject_id")["anchor_year_group"]
    assert "2008 - 2010" not in set(groups)
    assert raw["hosp/patients"]["anchor_year_group"].eq("2008 - 2010").any()


def test_study_times_have_lost_zeros_and_a_few_are_impossible(raw):
    clock = raw["cxr/metadata"]["StudyTime"].str.split(".").list.first()
    lengths = set(clock.str.len_chars())
    assert {5, 6} <= lengths
    assert min(lengths) < 5
    impossible = clock.str.zfill(6).str.slice(0, 2).cast(pl.Int64) > 23
    assert 0 < impossible.mean() < 0.02


def test_some_images_have_no_view_and_some_studies_no_label(raw):
    assert 0 < share(raw["cxr/metadata"]["ViewPosition"].is_null()) < 0.15
    studies = raw["cxr/metadata"].select("study_id").unique()
    unlabelled = studies.join(raw["cxr/chexpert"], on="study_id", how="anti").height
    assert 0 < unlabelled < 0.03 * studies.height
    assert set(raw["cxr/chexpert"]["Pneumonia"]) == {None, "1", "0", "-1"}


def test_studies_lie_in_ed_icu_ward_and_outside(raw):
    images = (
        raw["cxr/metadata"]
        .unique("study_id")
        .with_columns(
            t=(pl.col("StudyDate") + pl.col("StudyTime").str.split(".").list.first().str.zfill(6)).str.to_datetime(
                "%Y%m%d%H%M%S", strict=False
            )
        )
    )
    images = images.drop_nulls("t").select("subject_id", "study_id", "t")

    def within(stays, start, end):
        joined = images.join(stays, on="subject_id").filter(pl.col("t").is_between(pl.col(start), pl.col(end)))
        return set(joined["study_id"])

    ed = within(raw["ed/edstays"], "intime", "outtime")
    icu = within(raw["icu/icustays"], "intime", "outtime")
    admitted = within(raw["hosp/admissions"], "admittime", "dischtime")
    everything = set(images["study_id"])
    for some in (ed, icu, admitted - icu - ed, everything - ed - icu - admitted):
        assert len(some) > 0.03 * len(everything)


@pytest.mark.parametrize("slips", [CHART_SLIPS, LAB_SLIPS, ED_SLIPS])
def test_slips_are_rare_and_named_once(slips):
    assert all(0 < slip.share <= 0.1 for slip in slips)
    assert len({slip.name for slip in slips}) == len(slips)
