"""The ways a model can know the future, one test each: the numbers are those of the clinical reference's list.

Every test runs on the declared feature sets themselves, on one made-up patient whose record touches every input: what
must not matter is changed, and the features must stay. Before the list comes the property behind most of it: whatever
is known only after the index time, in whatever table, changes no feature of any set.
"""

import re
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from leakage_record import (
    CREATININE,
    EVERY_SET,
    FEATURES,
    HEART_RATE,
    IN,
    INDEX,
    LATER,
    MAP,
    SETS,
    TABLES,
    TABLES_OF_SETS,
    _bedside,
    _code,
    _ed_signs,
    _lab,
    _order,
    changed,
    features_of,
    h,
    later_rows,
    lineage,
    of_the_first_stays,
    plus,
    record,
    rows_of,
    same,
    with_facts,
)

from clinical_assets.concepts.tables import CONCEPTS
from clinical_assets.features import ed_triage, sepsis_features, sepsis_hourly
from clinical_assets.features.abstracted import ABSTRACTED_VALUES, AbstractedFeature, with_abstracted
from clinical_assets.features.observation_files import ObservationError, scan
from clinical_assets.features.observations import INDEX_TIME, Plan
from clinical_assets.features.observations import features as observation_features
from clinical_assets.imaging.splits import modality_splits
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.models import hours, prediction
from clinical_assets.models.artefact import ContractError, predict
from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.models.training import NEVER_FEATURES, LightGBMParameters, train
from clinical_assets.stays import splits


def test_the_harness_sees_changes_that_may_matter_and_covers_every_feature_set():
    assert set(SETS) == set(FEATURES)
    assert {path for d in SETS.values() for path in d.inputs.values()} == set(record())
    moved = with_facts("mimic/icu/chartevents", charttime=h(1), storetime=h(1), valuenum=200.0)
    for name in ("mortality_first_day", "sepsis_hourly"):
        assert not features_of(name, record()).equals(features_of(name, moved), null_equal=True)


@EVERY_SET
def test_00_nothing_known_only_after_the_index_time_changes_a_feature(name):
    """Of two records that differ in later events one has them added, deleted or changed: each equals that without."""
    assert set(LATER) == {path for declaration in SETS.values() for path in declaration.inputs.values()}
    plain = of_the_first_stays(name, record())
    assert plain.height == (25 if name == "sepsis_hourly" else 1)

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(later_rows())
    def holds(later):
        read = set(SETS[name].inputs.values())
        patient = {path: [*rows, *(later[path] if path in read else [])] for path, rows in record().items()}
        columns = {path: set(TABLES[path].column_names) for path in read}
        fitting = {p: [{k: v for k, v in r.items() if k in columns.get(p, r)} for r in rs] for p, rs in patient.items()}
        assert of_the_first_stays(name, fitting).equals(plain, null_equal=True)

    holds()


@EVERY_SET
def test_01_codes_of_discharge_are_no_features(name):
    of_this_stay = [_code(10, "I509"), _code(11, "A419"), _code(11, "R6521"), _code(11, "J9601"), _code(11, "C787")]
    same(name, changed(hosp__diagnoses_icd=of_this_stay))
    coded = {"mimic/hosp/drgcodes", "mimic/hosp/procedures_icd", "mimic/hosp/hcpcsevents", "mimic/ed/diagnosis"}
    assert not coded & set(SETS[name].inputs.values())


@pytest.mark.parametrize("name", ["mortality_first_day", "sepsis_hourly"])
def test_02_laboratory_results_count_from_their_store_time(name):
    same(name, plus("mimic/hosp/labevents", _lab(CREATININE, 9.0, h(2), h(24.5), 7)), rows=25)
    same(name, plus("mimic/hosp/labevents", _lab(CREATININE, 9.0, h(2), None, 7)))


def test_03_no_feature_set_reads_a_note():
    assert not {
        p for d in SETS.values() for p in d.inputs.values() if p.startswith(("mimic/note", "documents", "abstr"))
    }


@pytest.mark.parametrize("name", ["mortality_first_day", "sepsis_hourly"])
def test_04_nothing_after_the_index_time_or_onset_enters_a_feature(name):
    later = [
        _bedside(itemid=i, valuenum=v, charttime=h(n), storetime=h(n))
        for n in (24.1, 28, 40) for i, v in ((HEART_RATE, 190.0), (MAP, 30.0))
    ]  # fmt: skip
    same(name, plus("mimic/icu/chartevents", *later), rows=25)


def test_05_no_filter_or_window_depends_on_the_label():
    for name, patient in (
        ("sepsis_hourly", changed(concepts__sepsis_onset=[])),
        ("mortality_first_day", with_facts("stays/icu_stays", hospital_expire_flag=1, deathtime=h(70))),
        ("ed_triage", with_facts("stays/ed_stays", hadm_id=None, admission_found=False)),
    ):
        same(name, patient)  # also: the same rows


def test_06_an_order_counts_when_it_begins_and_no_given_drug_is_read_from_orders():
    early = changed(hosp__prescriptions=[_order("Vancomycin", h(5), h(80))])
    late = changed(hosp__prescriptions=[_order("Vancomycin", h(24.5), h(80))])
    flag = [features_of("mortality_first_day", p)["suspected_infection"].item() for p in (early, late)]
    assert flag == [1, 0]
    readers = {
        feature for feature, sources in lineage("mortality_first_day").items()
        if "mimic/hosp/prescriptions" in {path for path, _ in sources}
    }  # fmt: skip
    assert readers == {"suspected_infection", "sepsis_flag"}
    assert "mimic/hosp/prescriptions" not in SETS["sepsis_hourly"].inputs.values()


@EVERY_SET
def test_07_outcomes_and_what_is_known_only_at_the_end_are_no_features(name):
    forbidden = {
        "dod", "deathtime", "hospital_expire_flag", "discharge_location", "los_hours", "los_days", "last_careunit",
        "disposition", "died_after_discharge_time", "ended_after_discharge",
    }  # fmt: skip
    for feature in FEATURES[name]:
        assert not {column for _, column in lineage(name)[feature.name]} & forbidden, feature.name
    longer = with_facts("stays/icu_stays", outtime=h(59), los_hours=59.0, last_careunit="Neuro Stepdown")
    same(name, longer, rows=59)
    same(name, with_facts("stays/hospital_stays", dischtime=h(300), discharge_location="DIED", los_days=12.6))


def test_08_what_makes_the_sepsis_label_is_no_feature_of_it_or_declared_as_derived():
    read = set(SETS["sepsis_hourly"].inputs.values())
    assert not read & {"mimic/hosp/prescriptions", "mimic/hosp/microbiologyevents", "mimic/hosp/emar"}
    derived = {f.name for f in sepsis_hourly.ALL_FEATURES if f.label_derived}
    assert derived == {f.name for f in sepsis_hourly.LABEL_DERIVED}
    assert not derived & {f.name for f in sepsis_hourly.FEATURES}
    for feature in sepsis_hourly.ALL_FEATURES:
        assert "concepts/sepsis_onset" not in {path for path, _ in lineage("sepsis_hourly")[feature.name]}
    drugs = {f for f, sources in lineage("sepsis_hourly").items() if ("mimic/icu/inputevents", "rate") in sources}
    assert drugs == {"cardiovascular_sofa"}


def test_09_a_gap_between_the_features_and_the_event_can_be_asked_for():
    hours = pl.LazyFrame({"stay_id": [111] * 30, "index_time": [h(n) for n in range(30)]})
    onset = pl.LazyFrame({"stay_id": [111], "onset_known_time": [h(28)]})
    for gap in (0, 2, 5):
        found = sepsis_hourly.labelled(hours, onset, gap=timedelta(hours=gap)).collect()
        positive = found.filter(pl.col(sepsis_hourly.LABEL) == 1)["index_time"]
        assert (positive.min(), positive.max()) == (h(28 - 6 - gap), h(28 - 1 - gap))


def test_10_who_is_left_out_is_known_at_the_index_time():
    def eligible(**facts):
        return rows_of("mortality_first_day", with_facts("stays/icu_stays", **facts))["eligible"].item()

    assert not eligible(outtime=h(23))
    assert all(eligible(outtime=h(n), deathtime=h(n), hospital_expire_flag=1) for n in (24.1, 30, 500))
    hours = rows_of("sepsis_hourly", with_facts("stays/icu_stays", outtime=h(30)))
    assert hours["hr"].to_list() == list(range(30))  # the last hours before leaving stay in


def _cohort(n=240, seed=3):
    random = np.random.default_rng(seed)
    lactate = random.gamma(2, 1, n)
    frame = pl.DataFrame(
        {
            "subject_id": 10_000_000 + np.arange(n) // 2,
            "stay_id": np.arange(n),
            "lactate": pl.Series(lactate).set(pl.Series(random.random(n) < 0.3), None),
            "heart_rate": random.integers(50, 150, n).astype(float),
            OUTCOMES["mortality"].label: (lactate + random.normal(0, 1, n) > 3).astype(int),
            "eligible": True,
        }
    )
    people = pl.DataFrame({"subject_id": frame["subject_id"].unique(), "anchor_year_group": "2014 - 2016"})
    return frame, splits.patient_splits(people.lazy())


def _trained(frame, patient_splits):
    rows = prediction.eligible(frame.lazy(), patient_splits, OUTCOMES["mortality"], split="train")
    return train(
        rows, feature_names=["lactate", "heart_rate"], categorical={}, label=OUTCOMES["mortality"].label,
        parameters=LightGBMParameters(num_threads=1, most_rounds=60, patience=20),
    )  # fmt: skip


def _hours(n=160, hours_each=30, seed=4):
    """Hours of stays, one stay each: some with an onset at the end."""
    random = np.random.default_rng(seed)
    septic = random.random(n) < 0.4
    frame = pl.DataFrame(
        {
            "subject_id": np.repeat(10_000_000 + np.arange(n), hours_each),
            "stay_id": np.repeat(np.arange(n), hours_each),
            "hr": np.tile(np.arange(hours_each), n),
            "heart_rate": random.normal(90, 10, n * hours_each),
            sepsis_features.LABEL: (np.repeat(septic, hours_each) & np.tile(np.arange(hours_each) >= 24, n)).astype(
                int
            ),
            sepsis_features.HORIZON_HOURS: 6,
            sepsis_features.GAP_HOURS: 0,
            "eligible": True,
        }
    )
    people = pl.DataFrame({"subject_id": frame["subject_id"].unique(), "anchor_year_group": "2014 - 2016"})
    return frame, splits.patient_splits(people.lazy())


def _held_out(frame, patient_splits, split):
    members = patient_splits.filter(pl.col("split").is_in(split)).collect()["subject_id"]
    return pl.col("subject_id").is_in(members.implode())


def test_11_nothing_is_fitted_on_patients_outside_training():
    frame, patient_splits = _cohort()
    others = _held_out(frame, patient_splits, ["validate", "test"])
    wild = frame.with_columns(pl.when(others).then(1e6).otherwise(n).alias(n) for n in ("lactate", "heart_rate"))
    assert not wild.equals(frame)
    assert _trained(wild, patient_splits) == _trained(frame, patient_splits)
    # nor are hours thinned and weighted by others than the training patients: everybody else keeps every hour
    by_hour, of_hours = _hours()
    outcome = OUTCOMES["sepsis"]
    learnt = prediction.to_learn_from(by_hour.lazy(), of_hours, outcome)
    alone = by_hour.filter(_held_out(by_hour, of_hours, ["train"]))
    assert learnt.equals(prediction.to_learn_from(alone.lazy(), of_hours, outcome))
    assert learnt.height < alone.height
    judged = prediction.eligible(by_hour.lazy(), of_hours, outcome, split="test")
    assert judged.height == by_hour.filter(_held_out(by_hour, of_hours, ["test"])).height
    assert hours.WEIGHT not in judged.columns
    # and no feature set fills, scales or selects: what was not measured is null in every one of them
    for name in FEATURES:
        assert any(features_of(name, changed(ed__triage=[])).null_count().row(0)), name


def test_12_splits_are_by_patient_never_by_stay():
    frame, patient_splits = _cohort()
    given = frame.lazy().join(patient_splits, on="subject_id").collect()
    assert given.group_by("subject_id").agg(pl.col("split").n_unique()).filter(pl.col("split") != 1).is_empty()
    chosen = {
        s: set(prediction.eligible(frame.lazy(), patient_splits, OUTCOMES["mortality"], split=s)["subject_id"])
        for s in splits.BOUNDARIES
    }
    assert all(chosen.values())
    assert not chosen["train"] & chosen["test"]
    assert not chosen["validate"] & (chosen["train"] | chosen["test"])


def test_12_hours_of_a_patient_never_straddle_two_folds():
    by_hour, of_hours = _hours()
    learnt = prediction.to_learn_from(by_hour.lazy(), of_hours, OUTCOMES["sepsis"])
    model = train(
        learnt, feature_names=["heart_rate"], categorical={}, label=sepsis_features.LABEL, weight=hours.WEIGHT,
        parameters=LightGBMParameters(num_threads=1, most_rounds=5, patience=2),
    )  # fmt: skip
    folds = model.out_of_fold.group_by("subject_id").agg(pl.col("fold").n_unique())
    assert folds["fold"].to_list() == [1] * learnt["subject_id"].n_unique()


def test_13_no_choice_about_the_model_is_made_on_test_patients():
    frame, patient_splits = _cohort()
    label = OUTCOMES["mortality"].label
    test = _held_out(frame, patient_splits, ["test"])
    flipped = frame.with_columns(pl.when(test).then(1 - pl.col(label)).otherwise(label).alias(label))
    assert not flipped.equals(frame)
    assert _trained(flipped, patient_splits) == _trained(frame, patient_splits)


def test_14_how_long_an_antibiotic_goes_on_decides_nothing():
    def suspicion(stop):
        patient = changed(hosp__prescriptions=[_order("Vancomycin", h(5), stop)])
        frames = {
            n: pl.DataFrame(patient[p], schema=TABLES[p].polars_schema).lazy()
            for n, p in ((n, f"mimic/hosp/{n}") for n in ("prescriptions", "microbiologyevents"))
        }  # fmt: skip
        stays = pl.DataFrame(
            [{"subject_id": 1, "hadm_id": 11, "stay_id": 111, "intime": IN, "outtime": h(60)}],
            schema=RELEASE["mimic/icu/icustays"].polars_schema,
        ).lazy()
        given = CONCEPTS["antibiotic"](prescriptions=frames["prescriptions"], icustays=stays)
        found = CONCEPTS["suspicion_of_infection"](antibiotic=given, microbiologyevents=frames["microbiologyevents"])
        return found.collect()

    assert suspicion(h(6)).equals(suspicion(h(500)), null_equal=True)
    assert suspicion(h(6))["suspected_infection"].to_list() == [1]
    same("mortality_first_day", changed(hosp__prescriptions=[_order("Vancomycin", h(5), h(6))]))


def test_15_a_date_without_a_time_is_not_taken_for_midnight(tmp_path):
    def culture(day):
        return {
            "subject_id": 1,
            "hadm_id": 11,
            "micro_specimen_id": 3,
            "chartdate": day,
            "spec_type_desc": "BLOOD CULTURE",
        }

    def suspected(day):
        patient = changed(
            hosp__microbiologyevents=[culture(day)], hosp__prescriptions=[_order("Vancomycin", h(20), h(90))]
        )
        return features_of("mortality_first_day", patient)["suspected_infection"].item()

    assert suspected(IN.replace(hour=0)) == 1  # the day of admission ends 12 hours before the index time
    assert suspected(INDEX.replace(hour=0)) == 0  # it may have been taken after the index time
    path = tmp_path / "observations.csv"
    path.write_text(
        "client,visit_id,observation_type_code,observation_value,reference_range_min,reference_range_max,"
        "observation_date,condition_present\nc,v,pulseRate,80,,,2150-03-01,0\n"
    )
    with pytest.raises(ObservationError, match="observation_date"):
        scan(path)


def test_16_no_date_of_death_is_read_and_the_label_is_death_in_this_hospital_stay():
    for name in FEATURES:
        for column, sources in lineage(name).items():
            assert "dod" not in {source for _, source in sources}, (name, column)
    died_at_home = with_facts("mimic/hosp/patients", dod=h(97).date())
    for name in FEATURES:
        assert rows_of(name, died_at_home).equals(rows_of(name, record()), null_equal=True)


def test_17_a_patient_whom_the_published_xray_split_puts_elsewhere_trains_nothing_that_is_tested_on_him():
    people = pl.DataFrame({"subject_id": range(300), "anchor_year_group": "2014 - 2016"}).lazy()
    ours = splits.patient_splits(people)
    parts = ("train", "validate", "test")
    published = pl.DataFrame(
        [{"subject_id": n, "study_id": n, "dicom_id": f"d{n}", "split": parts[n % 3]} for n in range(0, 300, 2)]
        + [{"subject_id": 0, "study_id": 1, "dicom_id": "other", "split": "test"}]  # in two parts of it
    ).lazy()
    found = modality_splits(ours, published).join(ours.select("subject_id", own="split"), on="subject_id").collect()
    assert found.filter(subject_id=0)["split"].item() is None
    official = found.filter(pl.col("subject_id").is_in(range(2, 300, 2)))
    assert (official["split"] == official["official_split"]).all()  # the published one wins
    moved = found.filter(pl.col("split") != pl.col("own"))
    assert moved.height > 50
    assert not moved["same_side_everywhere"].any()
    together = found.filter("same_side_everywhere")  # whoever combines the modalities keeps these
    assert together.height > 150
    assert (together["split"] == together["own"]).all()


def test_18_the_stays_later_vital_signs_are_no_features_of_triage():
    at_triage = [f.name for f in ed_triage.AT_TRIAGE]
    later = changed(
        ed__vitalsign=[_ed_signs(charttime=h(-2), heartrate=200.0)], ed__pyxis=[], ed__medrecon=[],
        stays__ed_stays=[record()["stays/ed_stays"][0] | {"outtime": h(3), "disposition": "EXPIRED"}],
    )  # fmt: skip
    ours, theirs = features_of("ed_triage", record()), features_of("ed_triage", later)
    assert ours.select(at_triage).equals(theirs.select(at_triage), null_equal=True)
    assert not ours.equals(theirs, null_equal=True)


def test_19_splits_do_not_depend_on_the_order_of_rows():
    people = pl.DataFrame({"subject_id": list(range(500)), "anchor_year_group": ["2014 - 2016"] * 500})
    in_order = splits.patient_splits(people.lazy()).collect()
    shuffled = splits.patient_splits(people.sample(fraction=1.0, shuffle=True, seed=1).lazy()).collect()
    assert shuffled.sort("subject_id").equals(in_order.sort("subject_id"))
    fewer = splits.patient_splits(people.tail(100).lazy()).collect()
    assert fewer.equals(in_order.tail(100))


def test_20_what_is_served_is_what_was_trained_column_for_column():
    for name, features in FEATURES.items():
        assert [c for c in SETS[name].table.column_names if c in {f.name for f in features}] == [
            f.name for f in features
        ]
    for outcome in OUTCOMES.values():
        columns = TABLES_OF_SETS[outcome.feature_set].column_names
        assert [c for c in columns if c in {f.name for f in outcome.features}] == [f.name for f in outcome.features]
    frame, patient_splits = _cohort()
    model = _trained(frame, patient_splits)
    assert predict(model, frame.select("lactate", "heart_rate")).tolist() == predict(model, frame).tolist()
    with pytest.raises(ContractError, match="lactate"):
        predict(model, frame.drop("lactate"))
    plan = Plan(combination="all")
    one = pl.LazyFrame({"visit_id": ["v"], INDEX_TIME: [INDEX]})
    schema = {
        "visit_id": pl.String, "observation_type_code": pl.String, "observation_value": pl.Float64,
        "reference_range_min": pl.Float64, "reference_range_max": pl.Float64, "observation_date": pl.Datetime("us"),
    }  # fmt: skip
    nothing = observation_features(pl.LazyFrame(schema=schema), one, plan).collect()
    assert nothing.columns == ["visit_id", INDEX_TIME, *plan.feature_names]


def test_21_what_was_abstracted_from_a_newer_text_is_not_known_whenever_it_was_abstracted():
    grade = AbstractedFeature(
        name="grade", meaning="Grade.", field="grade", confidence_at_least=0.5, unit="{score}", plausible=(1, 4)
    )

    def value(document, text, known):
        return {"subject_id": 1, "document_id": document, "field": "grade", "value": text, "known_time": known,
                "confidence": 0.9, "method": "rules"}  # fmt: skip

    def read(*values):
        rows = rows_of("mortality_first_day", record()).lazy()
        given = pl.DataFrame(list(values), schema=ABSTRACTED_VALUES.polars_schema).lazy()
        return with_abstracted(rows, given, [grade]).collect()["grade"].item()

    before, after = value("a", "2", INDEX), value("b", "4", INDEX + timedelta(minutes=1))
    corrected = value("a", "3", INDEX + timedelta(days=2))  # the same document, completed later
    assert read(before) == 2
    assert read(before, after, corrected) == 2
    assert read(after, corrected) is None
    # the table says when the text could be read, and nothing of when it was abstracted
    assert ABSTRACTED_VALUES.known == "known_time"
    assert not {c for c in ABSTRACTED_VALUES.column_names if re.search("(abstracted|created|run)_(at|time)", c)}


@EVERY_SET
def test_22_no_identifier_and_no_calendar_year_is_a_feature(name):
    names = {f.name for f in FEATURES[name]}
    assert not names & set(NEVER_FEATURES)
    assert not {n for n in names if re.search(r"(^|_)(id|year|date|time)(_|$)", n)}
    # A patient moved by 28 years, under other numbers, has the same features.
    years = timedelta(days=28 * 365 + 7)
    numbers = {"subject_id": 900, "hadm_id": 7000, "stay_id": 5000, "specimen_id": 300, "micro_specimen_id": 40}

    def moved(key, value):
        if isinstance(value, datetime):
            return value + years
        return value + numbers[key] if key in numbers and value is not None else value

    elsewhere = {path: [{k: moved(k, v) for k, v in row.items()} for row in rows] for path, rows in record().items()}
    elsewhere["mimic/hosp/patients"][0]["anchor_year"] += 28
    same(name, elsewhere)
