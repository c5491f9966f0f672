"""The axis of the patient page: days in order, to scale where there are entries, short where there are none."""

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clinical_assets.documents.patient_page.time_axis import BREAK, LABEL, MARGIN, QUIET_DAYS, WIDTH, TimeAxis

DAY = dt.date(2150, 3, 10)
days = st.integers(0, 4000).map(lambda n: DAY + dt.timedelta(days=n))
moments = st.one_of(days, st.builds(dt.datetime.combine, days, st.times()))


def day(offset):
    return DAY + dt.timedelta(days=offset)


@given(st.lists(days, min_size=1, max_size=40), st.lists(moments, min_size=2, max_size=20))
@example([DAY], [dt.datetime.combine(DAY, dt.time.max), day(1), day(-1)])
def test_what_was_later_is_never_drawn_further_left(busy, asked):
    axis = TimeAxis.of(busy)
    order = sorted(
        asked, key=lambda when: when if isinstance(when, dt.datetime) else dt.datetime.combine(when, dt.time())
    )
    places = [axis.x(when) for when in order]
    assert places == sorted(places)
    assert all(MARGIN <= place <= axis.width - MARGIN for place in places)


@given(st.lists(days, min_size=1, max_size=40))
def test_a_busy_day_has_its_width_and_a_quiet_time_has_a_breaks(busy):
    axis = TimeAxis.of(busy)
    for each in busy:
        assert axis.x(dt.datetime.combine(each, dt.time(12))) - axis.x(each) == pytest.approx(axis.per_day / 2)
    gaps = [(b - a).days - 1 for a, b in pairwise(sorted(set(busy)))]
    assert [each.days for each in axis.breaks] == [gap for gap in gaps if gap > QUIET_DAYS]
    for left, right, quiet in zip(axis.stretches[:-1], axis.stretches[1:], axis.breaks, strict=True):
        assert right.left - quiet.left == pytest.approx(BREAK)
        assert axis.x(left.last) < quiet.left < axis.x(right.first)


@given(st.lists(days, min_size=1, max_size=40))
def test_dates_are_written_in_order_without_overlapping(busy):
    labels = TimeAxis.of(busy).labels()
    assert labels[0][1] == min(busy).isoformat()
    assert [written for _, written in labels] == sorted(written for _, written in labels)
    assert all(b - a >= LABEL for (a, _), (b, _) in pairwise(labels))


def test_a_few_days_fill_no_more_than_the_page_and_ten_years_scroll():
    assert TimeAxis.of([DAY, day(3)]).width < WIDTH / 2
    assert TimeAxis.of([day(n) for n in range(0, 100)]).width == pytest.approx(WIDTH)
    assert TimeAxis.of([day(n) for n in range(0, 3650, 10)]).width > WIDTH


def test_an_end_nobody_knows_lies_behind_a_break():
    axis = TimeAxis.of([dt.date(2149, 11, 20), dt.date(2150, 2, 1), dt.date(9999, 12, 31), dt.date.max])
    assert [each.days for each in axis.breaks] == [72, (dt.date.max - dt.date(2150, 2, 1)).days - 1]
    assert axis.width < WIDTH


def test_every_month_is_labelled_where_there_is_room():
    axis = TimeAxis.of([dt.date(2149, 11, 20) + dt.timedelta(days=n) for n in range(100)])
    assert [day for _, day in axis.labels()] == ["2149-11-20", "2149-12-01", "2150-01-01", "2150-02-01"]
    assert axis.x(dt.date(2149, 12, 1)) - axis.x(dt.date(2149, 11, 20)) > LABEL


def test_no_day_at_all_is_an_error():
    with pytest.raises(ValueError, match="expected at least one day"):
        TimeAxis.of([])
