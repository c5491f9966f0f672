"""The report of a study: which text it is, when it was known, and what the filter leaves of it; and the checks."""

import random
from datetime import datetime, timedelta

import polars as pl
import pytest
from made_up_reports import report_of

from clinical_assets.imaging import checks, leakage, text_checks
from clinical_assets.imaging.labels import OBSERVATIONS
from clinical_assets.imaging.report_tables import CXR_REPORTS, REPORT_LINKS, STUDY_REPORTS
from clinical_assets.imaging.study_records import STUDY_RECORDS, target
from clinical_assets.imaging.study_reports import study_reports
from clinical_assets.imaging.tables import CXR_STUDIES
from clinical_assets.mimic.catalogue import TABLES

NOON = datetime(2150, 5, 6, 12)
REPORT = "INDICATION: Cough. Evaluate for pneumonia.\n\nFINDINGS: \n\nClear. No effusion.\n"


def frame(table, *records):
    table = TABLES[table] if isinstance(table, str) else table
    return pl.LazyFrame(list(records), table.polars_schema)


def link(number, study, match="exam and time", offset=0.0, kind="RR"):
    return {
        "subject_id": 1,
        "note_id": f"1-{kind}-{number}",
        "note_type": kind,
        "charttime": NOON,
        "known_at": NOON + timedelta(hours=number),
        "match_type": match,
        "study_id": study,
        "offset_minutes": offset,
        "n_candidates": 1,
    }


def reports(studies, files=(), links=(), notes=()):
    found = study_reports(
        frame(CXR_STUDIES, *({"subject_id": 1, "study_id": s, "study_time": NOON} for s in studies)),
        frame(
            CXR_REPORTS,
            *({"subject_id": 1, "study_id": s, "file": "f", "status": status, "text": t} for s, status, t in files),
        ),
        frame(REPORT_LINKS, *links),
        frame("mimic/note/radiology", *({"subject_id": 1, "note_id": n, "text": t} for n, t in notes)),
    ).collect()
    assert dict(found.schema) == dict(STUDY_REPORTS.polars_schema)
    return {row["study_id"]: row for row in found.to_dicts()}


def test_the_study_s_own_file_is_taken_and_the_note_says_when_it_was_known():
    row = reports([51], [(51, "read", REPORT)], [link(1, 51)], [("1-RR-1", "The note's text.")])[51]
    assert (row["source"], row["text"], row["note_id"]) == ("mimic-cxr", REPORT, "1-RR-1")
    assert (row["known_at"], row["match_type"]) == (NOON + timedelta(hours=1), "exam and time")


def test_without_a_file_the_note_is_taken():
    row = reports([51], [(51, "missing", None)], [link(1, 51)], [("1-RR-1", REPORT)])[51]
    assert (row["source"], row["text"]) == ("mimic-iv-note", REPORT)


def test_a_file_without_a_note_was_known_nobody_knows_when():
    row = reports([51], [(51, "read", REPORT)])[51]
    assert (row["known_at"], row["note_id"], row["match_type"], row["n_addenda"]) == (None, None, None, 0)


def test_of_several_notes_the_surest_then_the_nearest_is_taken():
    links = [link(1, 51, "time", 1.0), link(2, 51, "same text", 900.0), link(3, 51, "same text", -30.0)]
    notes = [(f"1-RR-{n}", f"Text {n}.") for n in (1, 2, 3)]
    assert reports([51], links=links, notes=notes)[51]["note_id"] == "1-RR-3"
    assert reports([51], links=links[::-1], notes=notes)[51]["note_id"] == "1-RR-3"


def test_addenda_are_counted_and_never_read():
    links = [link(1, 51), link(2, 51, "addendum", kind="AR"), link(3, 51, "addendum", kind="AR")]
    row = reports([51], links=links, notes=[("1-RR-1", REPORT), ("1-AR-2", "Pneumonia after all.")])[51]
    assert (row["n_addenda"], row["text"]) == (2, REPORT)


def test_a_study_without_a_report_has_no_row_and_a_linked_note_without_a_study_neither():
    unlinked = link(1, None, "none")
    assert reports([51, 52], [(51, "read", REPORT), (52, "empty", None)], [unlinked], [("1-RR-1", "x")]).keys() == {51}


def test_what_the_filter_left_and_took_is_counted():
    row = reports([51], [(51, "read", REPORT)])[51]
    assert row["text_without_findings"] == "INDICATION: Cough."
    assert (row["n_sentences"], row["n_removed"], row["n_removed_denials"]) == (5, 4, 1)  # the bare heading is one
    nothing = reports([51], [(51, "read", "Pneumothorax.")])[51]
    assert (nothing["text_without_findings"], nothing["n_removed"]) == (None, 1)


# -- checks ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told():
    """160 patients' reports that say their labels, and the records with these labels."""
    rng = random.Random(5)
    records, written = [], []
    for number in range(160):
        labels = dict.fromkeys(OBSERVATIONS) | {"Edema": float(number % 2), "Fracture": rng.choice([1.0, 0.0])}
        text = report_of({**labels, "procedure": "CHEST (PORTABLE AP)"}, rng)
        said = {target(o): {1.0: "positive", 0.0: "negative", None: "not mentioned"}[v] for o, v in labels.items()}
        records.append({"subject_id": number, "study_id": number, **said})
        left = leakage.without_findings(text, "report").text
        written.append({"study_id": number, "text": text, "text_without_findings": left})
    schema = {n: t for n, t in STUDY_RECORDS.polars_schema.items() if n in records[0]}
    return pl.DataFrame(records, schema), pl.DataFrame(written)


def test_reports_that_tell_nothing_pass_with_what_their_words_predict(told):
    finding = text_checks.reports_are_filtered(*told)
    assert finding.passed
    by_label = {row["label"]: row for row in finding.rows}
    assert by_label.keys() == {"target_edema", "target_fracture"}
    assert all(row["AUROC raw"] > 0.95 for row in by_label.values())
    assert all(row["AUROC filtered"] < 0.65 for row in by_label.values())
    assert finding.counts["removed"] > 2 * finding.counts["texts"] == 320
    assert finding.counts["largest of AUROC filtered"] == max(r["AUROC filtered"] for r in by_label.values())


def test_a_report_that_was_not_filtered_fails(told):
    records, written = told
    unfiltered = written.with_columns(
        text_without_findings=pl.when(pl.col("study_id") == 7).then("text").otherwise("text_without_findings")
    )
    finding = text_checks.reports_are_filtered(records.head(5), unfiltered)
    assert not finding.passed
    assert finding.counts["with words of the vocabulary"] == 1


def test_no_reports_at_all_pass(told):
    records, written = told
    assert text_checks.reports_are_filtered(records, written.clear()).passed


STUDIES = pl.DataFrame({"subject_id": [1, 1, 2], "study_id": [51, 52, 53]})


def links(*rows):
    return pl.DataFrame(list(rows), REPORT_LINKS.polars_schema)


def test_reports_of_the_patient_s_own_studies_pass():
    good = links(
        link(1, 51), link(2, 51, "addendum", 900.0, "AR"), link(3, 52, "same text", 9e5), link(4, None, "none")
    )
    finding = checks.reports_belong_to_studies(good, STUDIES)
    assert finding.passed
    assert finding.counts["match: addendum"] == 1


@pytest.mark.parametrize(
    "bad",
    [
        [link(1, 53)],  # another patient's
        [link(1, 51, offset=121.0)],
        [link(1, 51), link(2, 51)],  # two reports of one study, by time
        [link(1, 51, "same text"), link(2, 51, "time")],
    ],
)
def test_a_report_that_cannot_be_of_its_study_fails(bad):
    assert not checks.reports_belong_to_studies(links(*bad), STUDIES).passed
