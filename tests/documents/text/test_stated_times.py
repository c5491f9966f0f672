"""The moment a document states itself: of which fact, how precise, in which zone; and never a guess."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.moments import Moment
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.text.stated_times import STATING, stated

DAY = dt.date(2020, 3, 1)
CCDA = """<ClinicalDocument xmlns="urn:hl7-org:v3">{}<component><structuredBody><component><section>
<title>Plan</title><text>Rest.</text></section></component></structuredBody></component></ClinicalDocument>"""
EFFECTIVE = '<effectiveTime value="20200302"/>'
AUTHORED = '<author><time value="{}"/></author>'
REFERENCE = '{{"resourceType": "DocumentReference", {}"content": [{{"attachment": {{"data": "UmVzdC4="}}}}]}}'


@pytest.mark.parametrize(
    ("facts", "moment", "fact"),
    [
        ({"author_time": "20200301"}, Moment(DAY), "author_time"),
        ({"author_time": "20200301", "effective_time": "20200302"}, Moment(DAY), "author_time"),
        ({"effective_time": "2020-03-01"}, Moment(DAY), "effective_time"),
        # Too coarse to be a day, or no day at all: the next fact says it.
        ({"author_time": "202003", "effective_time": "20200301"}, Moment(DAY), "effective_time"),
        ({"author_time": "20200230", "effective_time": "20200301"}, Moment(DAY), "effective_time"),
        ({"effective_time": "20200301093000"}, Moment(DAY, dt.datetime(2020, 3, 1, 9, 30)), "effective_time"),
        # DICOM and HL7 may stop after the hour: a day, since nobody wrote on the hour.
        ({"effective_time": "2020030109"}, Moment(DAY), "effective_time"),
        ({"effective_time": "2020030109-0600"}, Moment(DAY), "effective_time"),
    ],
)
def test_the_best_fact_that_is_precise_to_a_day_says_it(facts, moment, fact):
    assert stated(facts) == (moment, fact)


@pytest.mark.parametrize(
    "facts", [{}, {"author_time": "2020"}, {"effective_time": "soon"}, {"document_code": "20200301"}, {"replaces": "1"}]
)
def test_a_document_that_states_no_day_has_none(facts):
    assert stated(facts) is None


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("20200301003000+0000", Moment(dt.date(2020, 2, 29), dt.datetime(2020, 2, 29, 18, 30))),
        ("2020030100+0000", Moment(dt.date(2020, 2, 29))),
        ("20200301003000", Moment(DAY, dt.datetime(2020, 3, 1, 0, 30))),
        ("20200301", Moment(DAY)),
    ],
)
def test_a_time_with_an_offset_is_moved_into_the_hospitals_zone(written, moment):
    assert stated({"author_time": written}, ZoneInfo("America/Chicago")) == (moment, "author_time")


@pytest.mark.parametrize(
    ("document", "kind", "expected"),
    [
        (CCDA.format(EFFECTIVE + AUTHORED.format("202003010930")), None, (DAY, "author_time")),
        (CCDA.format(EFFECTIVE), None, (dt.date(2020, 3, 2), "effective_time")),
        (CCDA.format(""), None, None),
        (REFERENCE.format('"date": "2020-03-01T09:30:00Z", '), None, (DAY, "effective_time")),
        (REFERENCE.format(""), None, None),
        ("Dictated 2020-03-01.", "text/plain", None),
        ("<html><head><meta name='date' content='2020-03-01'></head><p>On 2020-03-01.</p></html>", "text/html", None),
    ],
)
def test_what_readers_find_is_enough_and_days_in_the_text_are_not_taken(document, kind, expected):
    found = stated(extract(document.encode(), kind).facts)
    assert (found and (found[0].date, found[1])) == expected


@given(st.dictionaries(st.sampled_from([*STATING, "document_code", "status"]), st.text(max_size=20)))
def test_whatever_a_document_says_is_a_moment_or_nothing(facts):
    found = stated(facts)
    assert found is None or (found[1] in facts and isinstance(found[0].date, dt.date))
