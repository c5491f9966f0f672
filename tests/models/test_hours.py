"""Hours to learn from: every hour before an event, a bounded spread of the others, and weights that give them back."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.models.hours import WEIGHT, thinned


def hours_of(stays):
    """Stays by number: how many quiet hours, then how many with the event."""
    return pl.DataFrame(
        [
            {"subject_id": stay // 2, "stay_id": stay, "hr": hour, "event": int(hour >= quiet)}
            for stay, (quiet, before) in stays.items()
            for hour in range(quiet + before)
        ],
        schema={"subject_id": pl.Int64, "stay_id": pl.Int64, "hr": pl.Int64, "event": pl.Int64},
    )


def kept(rows, most=12):
    return thinned(rows.lazy(), label="event", most_quiet=most).collect().sort("stay_id", "hr")


sizes = st.dictionaries(
    st.integers(1, 10_000), st.tuples(st.integers(0, 120), st.integers(0, 6)), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(1, 20))
def test_the_weights_of_a_stay_add_up_to_its_hours_and_no_event_is_left_out(stays, most):
    rows = hours_of(stays)
    found = kept(rows, most)
    for stay, (quiet, before) in stays.items():
        mine = found.filter(pl.col("stay_id") == stay)
        calm, event = mine.filter(pl.col("event") == 0), mine.filter(pl.col("event") == 1)
        assert event.height == before
        assert event[WEIGHT].to_list() == [1.0] * before
        assert calm[WEIGHT].sum() == pytest.approx(quiet)
        assert min(quiet, max(1, most // 2)) <= calm.height <= most or quiet == 0


@settings(max_examples=30, deadline=None)
@given(sizes, st.randoms(use_true_random=False))
def test_what_is_kept_of_a_stay_depends_on_neither_order_nor_company(stays, random):
    rows = hours_of(stays)
    shuffled = rows[random.sample(range(rows.height), rows.height)]
    assert kept(shuffled).equals(kept(rows))
    one = next(iter(stays))
    assert kept(rows.filter(pl.col("stay_id") == one)).equals(kept(rows).filter(pl.col("stay_id") == one))


def test_hours_are_spread_over_the_stay_and_stays_begin_at_hours_of_their_own():
    found = kept(hours_of({24: (240, 0), 25: (240, 0)}))
    gaps = found.group_by("stay_id").agg(pl.col("hr").diff().drop_nulls().unique())
    assert gaps["hr"].to_list() == [[20], [20]]
    assert found.group_by("stay_id").agg(pl.col("hr").min())["hr"].n_unique() == 2


def test_hours_without_a_label_are_not_learnt_from():
    rows = hours_of({1: (5, 2)}).with_columns(event=pl.when(pl.col("hr") != 3).then("event"))
    assert kept(rows)["hr"].to_list() == [0, 1, 2, 4, 5, 6]
    assert kept(rows)[WEIGHT].sum() == 6
