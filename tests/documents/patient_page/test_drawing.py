"""The picture of the patient page: every mark once, none over another while there is room, nothing taken as markup."""

import datetime as dt
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.patient_page.drawing import MOST_ROWS, Lane, Line, Mark, picture

NOON = dt.datetime(2150, 3, 10, 12)
NUMBERS = re.compile(r"[-\d.]+")


def mark(key, start=NOON, end=None, kind="imaging", title="MRI"):
    return Mark(key, start, end, kind, title, f"e-{key}")


def drawn(lanes, lines=()):
    names, time = picture(lanes, lines)
    return ET.fromstring(names), ET.fromstring(time)


def links(svg):
    return {link.get("href"): link for link in svg.iter("a")}


def test_every_mark_is_drawn_once_and_leads_to_its_part_of_the_page():
    names, time = drawn([Lane("imaging", (mark("a"), mark("b"))), Lane("kept notes", (mark("c", kind="kept"),))])
    assert [text.text for text in names.iter("text")] == ["imaging", "kept notes"]
    assert sorted(links(time)) == ["#e-a", "#e-b", "#e-c"]


def test_moments_are_circles_days_are_hollow_and_what_lasts_is_as_long_as_it_lasted():
    day, later = NOON.date(), NOON + dt.timedelta(days=5)
    _, time = drawn([Lane("x", (mark("moment"), mark("day", start=day), mark("lasting", end=later)))])
    found = links(time)
    assert found["#e-moment"].find("circle") is not None
    assert found["#e-day"].get("class") == "imaging day"
    lasting, whole_day = found["#e-lasting"].find("rect"), found["#e-day"].find("rect")
    assert abs(float(lasting.get("width")) - 5 * float(whole_day.get("width"))) < 1


def test_a_line_goes_from_the_edge_that_chose_to_the_note():
    event = mark("event", end=NOON + dt.timedelta(days=10), kind="radiation")
    note = mark("note", start=NOON + dt.timedelta(days=12), kind="kept")
    lanes = [Lane("radiation", (event,)), Lane("kept", (note,))]
    edges = []
    for at_end in (False, True):
        _, time = drawn(lanes, [Line("event", "note", at_end, "radiation"), Line("nobody", "note", False, "other")])
        (line,) = [path for path in time.iter("path") if path.get("class").startswith("line")]
        assert line.get("class") == "line radiation"
        edges.append([float(n) for n in NUMBERS.findall(line.get("d"))])
    bar = links(time)["#e-event"].find("rect")
    left, width = float(bar.get("x")), float(bar.get("width"))
    assert edges[0][0] == left
    assert abs(edges[1][0] - (left + width)) < 0.2
    assert edges[0][2:] == edges[1][2:]


def test_quiet_times_are_cut_short_and_say_how_long_they_were():
    _, time = drawn([Lane("x", (mark("a"), mark("b", start=NOON + dt.timedelta(days=800))))])
    (quiet,) = [rect for rect in time.iter("rect") if rect.get("class") == "quiet"]
    assert quiet.find("title").text == "2.2 years without an entry"


def test_words_of_a_record_are_never_markup():
    _, time = drawn([Lane("x", (mark('"><script>', title="</title><script>alert(1)</script>"),))])
    assert not list(time.iter("script"))
    assert next(time.iter("title")).text == "</title><script>alert(1)</script>"


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=1, max_size=40))
def test_no_mark_lies_over_another_while_there_are_rows(times):
    start = NOON.replace(hour=0)
    marks = tuple(
        mark(str(n), start + dt.timedelta(days=a), start + dt.timedelta(days=a + length, hours=1))
        for n, (a, length) in enumerate(times)
    )
    _, time = drawn([Lane("x", marks)])
    bars = [link.find("rect") for link in links(time).values()]
    rows: dict[str, list[tuple[float, float]]] = {}
    for bar in bars:
        left = float(bar.get("x"))
        rows.setdefault(bar.get("y"), []).append((left, left + float(bar.get("width"))))
    assert len(bars) == len(times)
    assert len(rows) <= MOST_ROWS
    if len(rows) < MOST_ROWS:
        for row in map(sorted, rows.values()):
            assert all(a[1] < b[0] for a, b in pairwise(row))
