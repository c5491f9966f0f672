"""FHIR JSON as a hypothesis strategy: documents, bundles and compositions, with values of the wrong kind among them."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import strategies as st
from markup_documents import HTML_TEXT
from words import DECLARED, ENCODING, NUMBER, TEXT, encoded

_ODD = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT | st.just("\ud800") | st.sampled_from((1e308, float("nan"))),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(("id", "data", "text")), inside),
    max_leaves=4,
)
_IDS = ("b1", "b2", "#b1", "", "Zoraquin")
_URLS = ("#b1", "#", "Binary/b1", "https://velmorath.example/Binary/b2/_history/1", "urn:uuid:1", "data:",
         "data:,x%41%", "data:text/html;base64,PHA+eDw=", "data:Zoraquin;base64,*", "file:///etc/x", "")  # fmt: skip


def mostly(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value of its kind in nineteen of twenty; else anything JSON has."""
    return st.integers(0, 19).flatmap(lambda n: _ODD if n == 19 else value)


def _type(name: str) -> st.SearchStrategy[Any]:
    return mostly(st.just(name))


def lone_or_list(value: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[Any]:
    """A list, or a lone value where a list should be."""
    return mostly(st.lists(value, max_size=most) | value)


_CODING = st.fixed_dictionaries(
    {},
    optional={
        "system": mostly(st.sampled_from(("http://loinc.org", "http://snomed.info/sct", "velmorath"))),
        "code": mostly(st.sampled_from(("11504-8", "59776-5", "Zoraquin", ""))),
    },
)
_CONCEPT = st.fixed_dictionaries({}, optional={"coding": lone_or_list(_CODING), "text": mostly(TEXT)})
_DIVISION = HTML_TEXT.map(lambda markup: f'<div xmlns="http://www.w3.org/1999/xhtml">{markup}</div>')
_NARRATIVE = st.fixed_dictionaries({"div": mostly(_DIVISION)}, optional={"status": TEXT})
_STATUS = mostly(st.sampled_from(("current", "final", "preliminary", "entered-in-error", "draft", "Zoraquin")))


def fhir(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Resources that carry documents of `inner`."""
    packed = st.builds(
        lambda data, broken: base64.b64encode(data).decode() + broken,
        inner,
        st.sampled_from(("", "", "", "*", "=", "\n")),
    )
    attachment = st.fixed_dictionaries(
        {"data": mostly(packed)},
        optional={
            "contentType": mostly(DECLARED),
            "title": mostly(TEXT),
            "size": mostly(NUMBER),
            "hash": mostly(st.sampled_from(("", "AAAA", "Zoraquin"))),
        },
    ) | st.fixed_dictionaries({"url": mostly(st.sampled_from(_URLS))}, optional={"contentType": mostly(DECLARED)})
    binary = st.fixed_dictionaries(
        {"resourceType": _type("Binary"), "id": mostly(st.sampled_from(_IDS))},
        optional={"data": mostly(packed), "content": mostly(packed), "contentType": mostly(DECLARED)},
    )
    common = {
        "id": mostly(st.sampled_from(_IDS)),
        "status": _STATUS,
        "docStatus": _STATUS,
        "date": mostly(st.sampled_from(("2145-03-14", "Zoraquin", "\x00"))),
        "contained": lone_or_list(binary),
        "text": lone_or_list(_NARRATIVE),
        "relatesTo": lone_or_list(
            st.just({"code": "replaces", "target": {"reference": "DocumentReference/velmorath"}})
        ),
    }
    reference = st.fixed_dictionaries(
        {
            "resourceType": _type("DocumentReference"),
            "content": lone_or_list(st.fixed_dictionaries({"attachment": lone_or_list(attachment, 1)})),
        },
        optional={**common, "type": lone_or_list(_CONCEPT)},
    )
    report = st.fixed_dictionaries(
        {"resourceType": _type("DiagnosticReport")},
        optional={
            **common, "code": mostly(_CONCEPT), "conclusion": mostly(TEXT), "presentedForm": lone_or_list(attachment)
        },
    )  # fmt: skip
    composition = st.fixed_dictionaries(
        {"resourceType": _type("Composition")},
        optional={**common, "title": mostly(TEXT), "section": mostly(_sections())},
    )
    single = st.one_of(reference, report, composition, binary)
    entry = st.fixed_dictionaries(
        {"resource": mostly(single)},
        optional={"fullUrl": mostly(st.sampled_from(("urn:uuid:1", "https://x/Binary/b1")))},
    )
    bundle = st.fixed_dictionaries({"resourceType": _type("Bundle"), "entry": lone_or_list(entry, 3)})
    bundles = st.builds(_bundled, bundle, st.sampled_from((0, 0, 1, 3, 60, 200)))
    return st.builds(_dumped, single | bundles, st.booleans(), ENCODING)


def _sections() -> st.SearchStrategy[Any]:
    leaf = st.fixed_dictionaries(
        {}, optional={"title": mostly(TEXT), "code": mostly(_CONCEPT), "text": lone_or_list(_NARRATIVE, 1)}
    )
    section = st.builds(lambda own, below: {**own, "section": below}, leaf, st.lists(leaf, max_size=2)) | leaf
    return st.builds(_deep, section, st.sampled_from((0, 0, 0, 2, 60)))


def _deep(section: Any, times: int) -> Any:
    for _ in range(times):
        section = {"title": "x", "section": [section]}
    return [section]


def _bundled(bundle: Any, times: int) -> Any:
    for _ in range(times):
        bundle = {"resourceType": "Bundle", "entry": [{"resource": bundle}]}
    return bundle


def _dumped(resource: Any, ascii_only: bool, encoding: str) -> bytes:
    text = json.dumps(resource, ensure_ascii=ascii_only)
    return encoded(text, encoding)
