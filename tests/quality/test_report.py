"""The report page: what it says, in which order, and that no text in it can become anything but text."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_page import (
    BUSY,
    FAILED,
    HOUR,
    NOON,
    PNG,
    Element,
    Page,
    check,
    headline,
    model,
    page,
    report,
    row_of,
    section,
    table,
)

from clinical_assets.quality import figures, notation
from clinical_assets.quality.figures import Axis
from clinical_assets.quality.report import Report, render
from clinical_assets.quality.verdict import State, judge

# One page, and nothing else


@pytest.mark.parametrize("made", [BUSY, report(tables=(), checks=(), models=(), settings={})], ids=["full", "empty"])
def test_the_page_is_well_formed_and_its_links_lead_somewhere(made):
    root = page(made)
    ids = [e.attributes["id"] for e in root if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    assert {unquote(a.attributes["href"])[1:] for a in root.all("a")} <= set(ids)
    assert all("alt" in image.attributes for image in root.all("img"))
    assert all(head.attributes.get("scope") in ("row", "col") for head in root.all("th"))


def test_the_page_asks_nothing_of_any_network():
    html = render(BUSY)
    for element in Page(html).root:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert element.attributes.get(name, "#").startswith(("#", "data:")), (element.tag, element.attributes)
    assert "://" not in html
    assert "@import" not in html
    assert "url(" not in html


def test_the_browser_is_told_to_run_and_load_nothing_but_the_page_itself():
    root = page(BUSY)
    (policy,) = [e.attributes["content"] for e in root.all("meta", **{"http-equiv": "Content-Security-Policy"})]
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (element,) = root.all(tag)
        source = "".join(str(child) for child in element.children)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert not [e for e in root for name in e.attributes if name.startswith("on") or name == "style"]


def hostile(text: str) -> Report:
    """A report with the text in every field that holds text."""
    path = f"{text}/a"
    own = table(path, group=text, description=text, rows_by_shard={text: 1}, missing_share={text: 0.5})
    finding = ({text: text, f"{text}2": 1},)
    return Report(
        title=text,
        site=text,
        made_at=NOON,
        tables=(
            own,
            table("stays/other", group=f"{text}2", missing_share={}),
            table(f"{text}/b", group=text, rows=None, materialized_at=None),
        ),
        checks=tuple(
            check(f"{text}{n}", table=path, description=text, message=text, passed=passed, rows=finding * times)
            for n, (passed, times) in enumerate([(False, 1), (False, 20), (True, 0), (None, 0)])
        ),
        models=(
            model(
                outcome=text,
                description=text,
                model_version=text,
                pictures={text: PNG},
                figures={f"{text}1": (0.5, None, None, text), f"{text}2": (None, None, None, text)},
            ),
        ),
        settings={text: text},
        absent=(text, f"{text}2"),
    )


def skeleton(made: Report) -> list[tuple[str, list[str]]]:
    return [(e.tag, list(e.attributes)) for e in page(made)]


def test_a_script_in_any_text_stays_text():
    text = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{ 7*7 }}"
    html = render(hostile(text))
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert len(Page(html).root.all("script")) == 1
    assert skeleton(hostile(text)) == skeleton(hostile("plain"))
    assert page(hostile(text)).all("h1")[0].text == text


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1, max_size=12))
def test_no_text_changes_the_structure_of_the_page(text):
    assert skeleton(hostile(text)) == skeleton(hostile("plain"))


# The verdict


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"passed": False}, State.BLOCKING),
        ({"passed": False, "blocking": False}, State.ERROR),
        ({"passed": False, "severity": "WARN", "blocking": False}, State.WARNING),
        ({"passed": False, "severity": "WARN", "blocking": True}, State.WARNING),
        ({"passed": True}, State.PASSED),
        ({"passed": True, "severity": "WARN"}, State.PASSED),
        ({"passed": True, "evaluated_at": NOON - HOUR}, State.OUTDATED),
        ({"passed": False, "evaluated_at": NOON - HOUR}, State.BLOCKING),
        ({"passed": None, "evaluated_at": None}, State.NEVER_RUN),
    ],
)
def test_state_of_a_check(changes, state):
    assert judge(check(**changes), NOON).state is state


def test_a_pass_is_not_outdated_where_nobody_knows_when_the_table_was_written():
    assert judge(check(evaluated_at=NOON), None).state is State.PASSED
    assert judge(check(evaluated_at=NOON), NOON).state is State.PASSED


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ((check(), FAILED), "1 blocking failure in 2 checks"),
        ((check(), replace(FAILED, blocking=False)), "1 error in 2 checks, none of them blocking"),
        ((check(), replace(FAILED, severity="WARN")), "No errors in 2 checks; 1 warning to look at"),
        (
            (check(), check("key", passed=None, evaluated_at=None)),
            "No failures in 1 check that ran, but not every check",
        ),
        (
            (check(evaluated_at=NOON - HOUR),),
            "No failures in 1 check, but not all of them judged the tables as they are",
        ),
        ((check(passed=None, evaluated_at=None),), "Nothing has been checked"),
        ((), "Nothing has been checked"),
        ((check(), check("key")), "All 2 checks passed"),
    ],
)
def test_headline(checks, said):
    assert said in headline(report(checks=checks))


def test_only_a_page_where_everything_passed_is_green():
    def colour(made):
        (verdict,) = page(made).all("section", cls="verdict")
        return verdict.attributes["class"].split()[1]

    assert colour(report()) == "passed"
    assert colour(report(checks=())) == "never-run"
    assert colour(report(checks=(check(), check("key", passed=None, evaluated_at=None)))) == "never-run"
    assert colour(BUSY) == "blocking"


def test_the_tally_counts_every_check_once():
    (tallied,) = page(BUSY).all("ul", cls="tally")
    assert [li.text for li in tallied.all("li")] == [
        "1 blocking failure",
        "0 errors",
        "1 warning",
        "1 outdated pass",
        "1 never run",
        "1 passed",
    ]


def test_what_takes_trust_away_from_the_verdict_is_said_beside_it():
    (verdict,) = page(BUSY).all("section", cls="verdict")
    assert "Do not use mimic/hosp/labevents, nor anything made from it." in verdict.text
    assert "1 check has never run." in verdict.text
    assert "1 check passed before the table was last written, and must run again." in verdict.text
    assert "1 table was never materialized." in verdict.text
    assert "1 stored table has no check at all." in verdict.text
    assert "stays/icu_stays" in section(BUSY, "attention").text


# What failed


def test_failures_come_first_and_the_worst_before_the_others():
    cards = section(BUSY, "attention").all("article")
    assert [card.attributes["class"] for card in cards] == ["card blocking", "card warning"]
    text = render(BUSY)
    assert (
        text.index('id="attention"') < text.index('id="tables"') < text.index('id="models"') < text.index('id="checks"')
    )


def test_a_failure_says_table_check_expected_found_and_when():
    card = section(BUSY, "attention").all("article", cls="blocking")[0]
    assert card.text.startswith("✕ Blocking failure mimic/hosp/labevents · key")
    assert "2026-03-01T13:00:00Z" in card.shown
    assert [dd.text for dd in card.all("dd")] == ["The primary key occurs once.", "found 3 keys on 1206 rows"]
    assert [th.text for th in card.all("th")] == ["column", "rows"]
    assert [td.text for td in card.all("td")] == ["labevent_id", "1,206"]
    assert [td.has("cls", "number") for td in card.all("td")] == [False, True]


def test_findings_may_differ_in_columns_and_long_ones_are_cut_and_counted():
    rows = ({"column": "a", "missing": 1}, {"column": "b", "found": "no nulls"}, *({"column": "c"},) * 200)
    card = section(report(checks=(replace(FAILED, rows=rows),)), "attention").all("article")[0]
    assert [th.text for th in card.all("th")] == ["column", "missing", "found"]
    assert [td.text for td in card.all("td")][:6] == ["a", "1", "", "b", "", "no nulls"]
    assert len(card.all("tr")) == 101
    assert "and 102 more rows, not listed here." in card.text
    assert "202 rows of findings" in card.all("summary")[0].text


def test_a_failure_older_than_its_table_says_so():
    old = section(report(checks=(replace(FAILED, evaluated_at=NOON - HOUR),)), "attention")
    assert "before the table’s last write: run it again" in old.text


def test_a_check_of_an_unknown_table_is_shown_without_a_link():
    made = report(checks=(replace(FAILED, table="gone/away"),))
    card = section(made, "attention").all("article")[0]
    assert "gone/away · key" in card.text
    assert not card.all("a")
    assert len(section(made, "checks").all("tr")) == 2


# The tables


def test_a_table_row_says_rows_size_columns_missing_and_when():
    assert row_of(report(checks=(check(), FAILED))) == {
        "Rows": "107,727",
        "Size": "2.0 MB",
        "Columns": "4",
        "Cells missing": "43.8%",
        "Rows by shard": "7,727 to 100,000",
        "Checks": "✕ key: blocking failure ✓ schema: passed key",
        "Written": "2026-03-01T 12:00:00Z",
    }
    body = page(report()).all("tbody", id="table:mimic/hosp/labevents")[0]
    assert body.all("span", cls="about")[0].text == "Laboratory results."


def test_columns_with_nulls_the_emptiest_first():
    body = page(report()).all("tbody", id="table:mimic/hosp/labevents")[0]
    (listed,) = body.all("ol")
    assert [li.text for li in listed.all("li")] == ["comments 100%", "storetime 50.0%", "value 25.0%"]
    assert body.all("summary")[0].text == "3 of 4 columns with nulls, 1 without any value"
    assert len(body.all("svg", cls="strip")[0].all("rect")) == 3


def test_columns_left_out_of_the_missing_shares_have_no_nulls():
    assert row_of(report(tables=(table(missing_share={"comments": 1.0}),)))["Cells missing"] == "25.0%"


@pytest.mark.parametrize(
    ("changes", "rows", "missing"),
    [
        ({"missing_share": {}}, "107,727", "not measured"),
        ({"missing_share": {"value": 0.0}}, "107,727", "0%"),
        ({"rows": 0, "missing_share": {"value": 0.0}}, "no rows", "–"),
        ({"rows": None, "missing_share": {}}, "–", "–"),
    ],
)
def test_not_measured_is_never_shown_as_complete(changes, rows, missing):
    row = row_of(report(tables=(table(**changes),)))
    assert (row["Rows"], row["Cells missing"]) == (rows, missing)


def test_a_shard_that_other_tables_have_is_missed():
    assert row_of(BUSY, "stays/icu_stays")["Rows by shard"] == "5 each 1 of 2 shards; without 01"
    assert row_of(BUSY)["Rows by shard"] == "7,727 to 100,000"
    assert row_of(report(tables=(table(rows_by_shard={"00": 5, "01": 0}),)))["Rows by shard"] == "0 to 5"
    assert row_of(report(tables=(table(rows=0, rows_by_shard={"00": 0}),)))["Rows by shard"] == "no rows"
    assert row_of(report(tables=(table(rows_by_shard=None),)))["Rows by shard"] == "not sharded"


def test_a_table_never_stored_says_so_and_one_of_unknown_age_too():
    absent = page(BUSY).all("tbody", id="table:stays/later")[0]
    assert "never materialized" in absent.text
    assert row_of(report(tables=(table(materialized_at=None),)))["Written"] == "unknown"


def test_groups_follow_their_first_table_and_sum_up():
    groups = section(BUSY, "tables").all("section", cls="group")
    assert [g.attributes["id"] for g in groups] == ["group:mimic", "group:stays"]
    assert groups[0].text.startswith("mimic 1 table, 107,727 rows, 2.0 MB · ✕ 1 blocking failure ! 1 warning")
    assert "3 tables, 2 of them stored: 215,454 rows, 4.0 MB." in section(BUSY, "tables").text


def test_every_check_is_listed_the_worst_first():
    listed = section(BUSY, "checks").all("tbody")[0].all("tr")
    states = [tr.all("td")[0].text for tr in listed]
    assert states == ["✕ blocking failure", "! warning", "↻ outdated pass", "? never run", "✓ passed"]


# The models


def test_figures_are_given_with_their_interval():
    shown = section(report(), "models")
    row = shown.all("tbody")[0].all("tr")[0]
    assert [cell.text for cell in row.children if isinstance(cell, Element)][1:3] == ["0.688", "0.467 to 0.886"]
    assert "30 stays of 25 patients, 6 events (20.0% of stays)" in shown.text
    assert "Fewer than 100 events: read the intervals, not the values." in shown.text
    assert "37991ea19a601f53" in shown.text


def test_rows_that_are_no_stays_are_called_what_they_are_and_sentences_are_given():
    remark = "With organ points the AUROC is 0.90 <instead> of 0.88."
    figures = {"auroc_per_stay": (0.6, 0.5, 0.7, None), "auroc_difference_with_organ_points": (0.02, -0.01, 0.05, None)}
    hourly = model(outcome="sepsis", of="hours", stays=1200, events=120, remarks=(remark,), figures=figures)
    shown = section(report(models=(hourly,)), "models")
    assert "1,200 hours of 25 patients, 120 events (10.0% of hours)" in shown.text
    assert [item.text for item in shown.all("li")] == [remark]
    rows = [tr.text for tr in shown.all("tbody")[0].all("tr")]
    assert rows[0].startswith("AUROC per stay")
    assert "higher highest probability" in rows[0]
    assert rows[1].startswith("AUROC difference with organ points")
    assert "1 hour of" in section(report(models=(replace(hourly, stays=1, events=1),)), "models").text


def test_no_warning_of_few_events_with_many():
    assert "Fewer than" not in section(report(models=(model(events=100, stays=900),)), "models").text


def test_what_cannot_be_estimated_says_why():
    none = "none of the 30 stays has the event"
    told = section(
        report(
            models=(
                model(figures={"auroc": (None, None, None, none), "brier": (0.03, None, None, "no interval: few")}),
            )
        ),
        "models",
    )
    rows = [tr.text for tr in told.all("tbody")[0].all("tr")]
    assert f"– not estimable: {none}" in rows[0]
    assert "0.030 no interval: few" in rows[1]
    assert "no interval: no interval" not in told.text
    assert len(told.all("svg")) == 1


def test_pictures_are_in_the_page():
    (image,) = section(report(), "models").all("img")
    assert base64.b64decode(image.attributes["src"].removeprefix("data:image/png;base64,")) == PNG
    assert image.attributes["alt"] == "Receiver operating characteristic of the model for mortality"


# Numbers and pictures


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (notation.count(1_234_567), "1,234,567"),
        (notation.count(None), "–"),
        (notation.share(0.1234), "12.3%"),
        (notation.share(0), "0%"),
        (notation.share(1.0), "100%"),
        (notation.share(1e-9), "<0.1%"),
        (notation.share(1 - 1e-9), ">99.9%"),
        (notation.size(0), "0 B"),
        (notation.size(999), "999 B"),
        (notation.size(999_950), "1.0 MB"),
        (notation.size(12_345_678), "12.3 MB"),
        (notation.decimal(-0.0281), "−0.028"),
        (notation.cell(1206), "1,206"),
        (notation.cell(2.8760), "2.876"),
        (notation.cell(100.0), "100"),
        (notation.cell(0.0004), "0.0004"),
        (notation.cell(1234567.5), "1,234,567.5"),
        (notation.cell("0012"), "0012"),
        (notation.cell(True), "yes"),
        (notation.moment(None), "never"),
    ],
)
def test_notation(written, expected):
    assert written == expected


@given(st.floats(0, 1))
def test_some_is_never_written_as_none_or_all(part):
    assert (notation.share(part) == "0%") == (part == 0)
    assert (notation.share(part) == "100%") == (part == 1)
    assert notation.share(part) not in ("0.0%", "100.0%")


def test_times_are_told_in_utc():
    local = NOON.astimezone(timezone(timedelta(hours=-5)))
    assert notation.moment(local) == "2026-03-01T12:00:00Z"
    assert "2026-03-01T14:00:00Z" in page(report()).all("header")[0].shown


@given(st.floats(0, 1))
def test_a_bar_of_something_is_seen_and_short_of_all_leaves_a_gap(part):
    width = float(re.search(r'width="([\d.e-]+)" height="6"', figures.bar(part)).group(1))
    assert (width == 0) == (part == 0)
    assert (width == 100) == (part == 1)


FINITE = st.floats(-1e6, 1e6)


@given(
    st.tuples(FINITE, FINITE, FINITE),
    st.sampled_from([Axis(0, 1, 0.5, "chance"), Axis(-2, 2), Axis(0, 0.5, 0.01, "rate")]),
)
def test_an_interval_stays_on_its_picture_and_says_where_it_goes_on(numbers, axis):
    low, value, high = sorted(numbers)
    drawn = figures.interval((value, low, high, None), axis)
    places = [float(x) for x in re.findall(r'(?:cx|x)="([\d.-]+)"', drawn)]
    places += [float(x) for pair in re.findall(r'class="interval" d="M([\d.-]+) \d+H([\d.-]+)"', drawn) for x in pair]
    assert all(0 <= place <= figures.WIDTH for place in places)
    assert ('class="point"' in drawn) == (axis.low <= value <= axis.high)
    assert ('class="arrow"' in drawn) == (low < axis.low or high > axis.high)


def test_shards_are_drawn_one_by_one():
    drawn = figures.shard_bars([10, 0, None, 5])
    paths = dict(re.findall(r'class="(\w+)" d="([^"]*)"', drawn))
    assert {name: path.count("M") for name, path in paths.items()} == {"filled": 2, "none": 1, "absent": 1}
    assert figures.shard_bars([None, None]).count('d=""') == 2


# What it refuses, and what it costs


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: table(materialized_at=datetime(2026, 3, 1)), "materialized_at: expected a time with a time zone"),
        (lambda: check(evaluated_at=datetime(2026, 3, 1)), "evaluated_at: expected a time with a time zone"),
        (lambda: report(made_at=datetime(2026, 3, 1)), "made_at: expected a time with a time zone"),
        (lambda: table(missing_share={"value": 43.8}), r"shares from 0 to 1; found others in \['value'\]"),
        (lambda: table(missing_share={"value": float("nan")}), "shares from 0 to 1"),
        (lambda: model(figures={"auroc": (float("nan"), None, None, None)}), r"NaN or infinity in \['auroc'\]"),
        (lambda: model(pictures={"roc": b"<svg/>"}), r"expected PNG pictures; found another format in \['roc'\]"),
        (lambda: report(tables=(table(), table())), "found more than once: .*mimic/hosp/labevents"),
        (lambda: report(checks=(check(), check())), "found more than once: .*labevents:schema"),
        (lambda: report(models=(model(), model())), "found more than once: .*mortality"),
    ],
)
def test_facts_that_would_mislead_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_a_large_hospital_takes_less_than_a_second_and_three_megabytes():
    missing = {f"a_rather_long_column_name_{n}": n / 30 for n in range(30)}
    shards = {f"{n:02d}": 1_000_000 + n for n in range(64)}
    findings = tuple({"column": name, "missing": 1_000_000, "missing %": share} for name, share in missing.items())
    paths = [f"mimic/hosp/table_{n}" for n in range(150)]
    large = report(
        tables=tuple(
            table(path, description="What it holds. " * 10, missing_share=missing, rows_by_shard=shards)
            for path in paths
        ),
        checks=tuple(
            check(f"check_{n}", table=paths[n % 150], message="found " * 20, passed=bool(n % 4), rows=findings)
            for n in range(700)
        ),
        models=(model(pictures={}),),
    )
    render(report())  # compiles the template
    started = time.process_time()
    html = render(large)
    assert time.process_time() - started < 1
    assert len(html.encode()) < 3_000_000
