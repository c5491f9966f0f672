"""Addresses of code systems: those of bodies that publish them stay, a hospital's own become a token.

`http://loinc.org` is nobody's; `https://fhir.mercyhill.example.org/mrn` says where a patient was.
"""

from __future__ import annotations

import re

_PUBLISHERS = (
    r"hl7\.org|loinc\.org|snomed\.info|ama-assn\.org|nlm\.nih\.gov|who\.int|whocc\.no|cms\.gov|cdc\.gov"
    r"|dicom\.nema\.org|nema\.org|mimic\.mit\.edu|unitsofmeasure\.org|ihtsdo\.org|fda\.gov|nubc\.org|nucc\.org"
    r"|ihe\.net|iso\.org|ietf\.org"
)
_PUBLISHED = re.compile(rf"https?://(?:[\w-]{{1,63}}\.){{0,3}}(?:{_PUBLISHERS})(?:[/#?].*)?", re.IGNORECASE)
# The roots, HL7's own tables and code systems (not its branches for organisations, 3 and 4), and DICOM.
_OID = re.compile(
    r"urn:oid:(?:2\.16\.840(?:\.1(?:\.113883(?:\.(?:1|2|5|6|11|12|18)(?:\.\d{1,9}){0,12})?)?)?"
    r"|1\.2\.840\.10008(?:\.\d{1,9}){0,12})"
)
_ADDRESS = re.compile(r"[:/.\\@]")


def is_published(system: str) -> bool:
    """Whether a code system is one that anybody may use, or a short name without an address (LOINC)."""
    return not _ADDRESS.search(system) or any(known.fullmatch(system) for known in (_PUBLISHED, _OID))
