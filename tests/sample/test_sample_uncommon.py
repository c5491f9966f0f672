"""How the uncommon is dealt out: to whom, when, and that nothing depends on how sick they are."""

import numpy as np
import polars as pl
import pytest

from clinical_assets.sample.blocks import blocks
from clinical_assets.sample.course.people import HOUR
from clinical_assets.sample.hosp.formulary import ANTIBIOTICS, DRUGS
from clinical_assets.sample.hosp.laboratory import drawn
from clinical_assets.sample.hospital import told
from clinical_assets.sample.uncommon import codes as uncommon_codes
from clinical_assets.sample.uncommon import drugs as uncommon_drugs
from clinical_assets.sample.uncommon.charting import scenes
from clinical_assets.sample.uncommon.dealing import (
    WATCHED,
    WHOLE_DAY,
    dealt,
    hardly_charted,
    in_turn,
    moments,
    watched,
    watched_on_a_ventilator,
)


@pytest.fixture(scope="module")
def stories():
    return [told(block) for block in blocks(600, 5)]


def test_watched_stays_are_a_few_that_last_a_day(stories):
    for story in stories:
        stays = watched(story)
        assert len(stays) == WATCHED
        assert ((story.stays.care_ends - story.stays.start)[stays] >= WHOLE_DAY).all()
        ventilated = watched_on_a_ventilator(story)
        assert 0 < len(ventilated) <= WATCHED // 2
        assert (story.treatments.ventilated_from[ventilated] < story.stays.start[ventilated] + 3 * HOUR).all()


def test_a_stay_that_was_hardly_charted_is_not_watched(stories):
    for story in stories:
        no_monitor, no_chart = hardly_charted(story)
        assert len({*no_monitor, *no_chart}) == 2
        assert not np.isin(watched(story), [*no_monitor, *no_chart]).any()
        assert not np.isin(drawn(story).encounter, story.stays.encounter[no_chart]).any()


def test_a_hospital_too_small_to_watch_anybody_is_no_error():
    alone = [told(block) for seed in range(12) for block in blocks(1, seed)]
    unwatched = [story for story in alone if not len(watched(story))]
    assert unwatched
    for story in unwatched:
        assert not scenes(story)["itemid"].is_in([223758, 220045]).any()


def test_things_are_dealt_in_turn():
    stays = np.array([3, 5, 8])
    assert dealt(4, stays).tolist() == [3, 5, 8, 3]
    assert dealt(2, stays, first=2).tolist() == [8, 3]
    assert dealt(4, stays[:0]).tolist() == []


def test_each_thing_has_its_own_minute_of_the_first_day(stories):
    story = stories[0]
    stay = dealt(200, watched(story))
    at = moments(story, stay)
    assert len({*zip(stay, at, strict=True)}) == 200
    since = at - story.stays.start[stay]
    assert since.min() > 0
    assert since.max() < 24 * HOUR


def test_three_blocks_cover_what_is_spread_over_three():
    rows, seen = np.arange(40), set()
    for block in blocks(600, 1):
        chosen, variant = in_turn(block, "anything", rows, 100, blocks=3)
        assert len(set(chosen)) == len(chosen) == 34
        seen |= set(variant)
    assert seen == set(range(100))


def test_uncommon_drugs_take_the_place_of_usual_ones_of_their_kind(stories):
    usual = [*DRUGS, *ANTIBIOTICS]
    drug = np.repeat(np.arange(len(usual)), 30)
    after = uncommon_drugs.in_place_of_usual(stories[0].block, drug)
    changed = after != drug
    assert set(after[changed]) <= set(range(len(usual), len(usual) + len(uncommon_drugs.UNCOMMON)))
    replaced = {usual[n].drug for n in set(drug[changed])}
    assert replaced <= {d.drug for d in ANTIBIOTICS} | {
        "Lisinopril",
        "Losartan Potassium",
        "Acetaminophen",
        "Docusate Sodium",
        "Senna",
    }


def test_codes_are_dealt_in_the_revision_of_their_admission(stories):
    for story in stories:
        versions = np.where(np.arange(len(story.encounters.patient)) % 3 == 0, 10, 9)
        rows = uncommon_codes.coded_besides(story, versions)
        assert rows.height > 60
        assert (versions[rows["encounter"].to_numpy()] == rows["icd_version"].to_numpy()).all()
        assert {(code, version) for _, code, version in rows.rows()} <= set(uncommon_codes.TITLES)


def test_watching_is_blind_to_the_outcome():
    """Of twenty blocks, those watched die about as often as any stay of a day."""
    died, of_all = [], []
    for block in blocks(4_000, 9):
        story = told(block)
        whole_day = story.stays.care_ends - story.stays.start >= WHOLE_DAY
        died += story.encounters.died[story.stays.encounter[watched(story)]].tolist()
        of_all += story.encounters.died[story.stays.encounter[whole_day]].tolist()
    assert pl.Series(died).mean() == pytest.approx(pl.Series(of_all).mean(), abs=0.06)
