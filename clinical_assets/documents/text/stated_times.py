"""When a document was written, as it says itself.

A file in a folder comes without a word on when it was written, and a report among X-ray images too; the formats below
state it. Taken is what the format says in the element made for it. Never a file's time, which is that of a copy, and
never a day found in the text, which may be a birthday. A document that states nothing has no time here.

    author_time     C-CDA `author/time`
    effective_time  C-CDA `effectiveTime`; FHIR `date`, `effectiveDateTime` or `issued`; DICOM content date and time

Sources: HL7 CDA R2 4.2.1 and 4.2.2.2; FHIR R4 DocumentReference, Composition, DiagnosticReport; DICOM PS3.3 C.17.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo

from clinical_assets.documents import moments
from clinical_assets.documents.moments import Moment

STATING = ("author_time", "effective_time")
"""Facts of a document that say when it was written, the best first: an author writes before a document is issued."""

# HL7 and DICOM may stop after the hour: that is a day, not a time of day.
_TO_THE_HOUR = re.compile(r"(?P<hour>\d{10})(?P<offset>[+-]\d{4})?")


def stated(facts: Mapping[str, str], zone: tzinfo | None = None) -> tuple[Moment, str] | None:
    """The moment a document states, and the fact that states it; None where no fact is precise to a day.

    Args:
        facts: what a reader found, see `reading.Reading.facts`.
        zone: the hospital's time zone, see `moments.parse`.
    """
    found = ((_moment(facts[name], zone), name) for name in STATING if name in facts)
    return next(((moment, name) for moment, name in found if moment is not None), None)


def _moment(written: str, zone: tzinfo | None) -> Moment | None:
    hour = _TO_THE_HOUR.fullmatch(written.strip())
    if hour is None:
        return moments.parse(written, zone)
    moment = moments.parse(f"{hour['hour']}00{hour['offset'] or ''}", zone)
    return Moment(moment.date) if moment else None
