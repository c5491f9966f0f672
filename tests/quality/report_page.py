"""A report page read back as a tree, and made-up facts to put on one."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from clinical_assets.quality.report import CheckFacts, ModelFacts, Report, TableFacts, render

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
VOID = {"meta", "link", "input", "img", "br", "wbr", "rect", "path", "circle"}


@dataclass
class Element:
    """An element of the page, with what lies in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child

    @property
    def text(self) -> str:
        """Its text as a reader sees it."""
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())

    @property
    def shown(self) -> str:
        """Its text without gaps at the borders of elements."""
        return re.sub(r"\s+", "", self.text)

    def all(self, tag: str, **wanted: str) -> list[Element]:
        """Elements of a tag; `cls` among their classes, other attributes equal."""
        return [e for e in self if e.tag == tag and all(e.has(name, value) for name, value in wanted.items())]

    def has(self, name: str, value: str) -> bool:
        if name == "cls":
            return value in self.attributes.get("class", "").split()
        return self.attributes.get(name) == value


class Page(HTMLParser):
    """Builds the tree and refuses tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]
        self.feed(html)
        self.close()
        assert [e.tag for e in self.open] == [""], "elements left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        assert len(element.attributes) == len(attrs), f"an attribute of <{tag}> is given twice"
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop().tag == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def table(path: str = "mimic/hosp/labevents", **changed: Any) -> TableFacts:
    facts = TableFacts(
        path=path,
        group=path.split("/")[0],
        description="Laboratory results.\n\nGrain: one row per result.",
        rows=107_727,
        rows_by_shard={"00": 100_000, "01": 7_727},
        size_bytes=2_000_000,
        columns=4,
        materialized_at=NOON,
        missing_share={"subject_id": 0.0, "value": 0.25, "storetime": 0.5, "comments": 1.0},
    )
    return replace(facts, **changed)


def check(name: str = "schema", **changed: Any) -> CheckFacts:
    facts = CheckFacts(
        table="mimic/hosp/labevents",
        name=name,
        description="Columns as declared.",
        passed=True,
        severity="ERROR",
        blocking=True,
        message="4 columns as declared",
        rows=(),
        evaluated_at=NOON + HOUR,
    )
    return replace(facts, **changed)


def model(**changed: Any) -> ModelFacts:
    facts = ModelFacts(
        outcome="mortality",
        description="Death in hospital.",
        figures={"auroc": (0.6875, 0.467, 0.886, None)},
        stays=30,
        patients=25,
        events=6,
        pictures={"roc": PNG},
        model_version="37991ea19a601f53",
    )
    return replace(facts, **changed)


def report(**changed: Any) -> Report:
    made = Report(
        title="Data quality",
        site="mimic-iv-demo/2.2",
        made_at=NOON + 2 * HOUR,
        tables=(table(),),
        checks=(check(),),
        models=(model(),),
        settings={"Subject shards": "2"},
    )
    return replace(made, **changed)


FAILED = check(
    "key",
    passed=False,
    description="The primary key occurs once.",
    message="found 3 keys on 1206 rows",
    rows=({"column": "labevent_id", "rows": 1206},),
)
BUSY = report(
    checks=(
        check(),
        FAILED,
        check("plausible", passed=False, severity="WARN", rows=({"column": "valuenum", "share": 0.5},) * 9),
        check("missingness", passed=None, evaluated_at=None),
        check("references", evaluated_at=NOON - HOUR),
    ),
    tables=(
        table(),
        table("stays/icu_stays", rows_by_shard={"00": 5}),
        table("stays/later", rows=None, materialized_at=None),
    ),
)


def page(made: Report) -> Element:
    return Page(render(made)).root


def section(made: Report, name: str) -> Element:
    return page(made).all("section", id=name)[0]


def headline(made: Report) -> str:
    return page(made).all("p", cls="headline")[0].text


def row_of(made: Report, path: str = "mimic/hosp/labevents") -> dict[str, str]:
    body = page(made).all("tbody", id=f"table:{path}")[0]
    return {td.attributes["data-label"]: td.text for td in body.all("td") if "data-label" in td.attributes}
