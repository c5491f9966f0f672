"""HTML as it is seen: blocks and rows on their own lines, cells separated, inline markup without effect.

Two well-known ways to misread a laboratory table are avoided by construction: gluing cells ("Hgb9.1") and breaking
sentences at bold words ("No evidence of / pneumonia"). Struck-through text is withdrawn text and is dropped with a
caution; a drop-down list gives its chosen option only; check boxes give `[x]` or `[ ]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from clinical_assets.documents.readers import headings, symbol_fonts
from clinical_assets.documents.readers.decoding import decode
from clinical_assets.documents.readers.flow import FlowedText
from clinical_assets.documents.readers.markup import Dialect, Glyphs, HeadingMark, Role, RoleOfTag, Walker
from clinical_assets.documents.readers.reading import (
    ALONE,
    Caution,
    Circumstances,
    ExtractionWarning,
    Reading,
    Reason,
    Span,
    UnreadableError,
)
from clinical_assets.documents.readers.safe_xml import Element, raise_if_out_of_memory

NAME = "html"
VERSION = "2"

_TAGS: dict[Role, str] = {
    Role.PARAGRAPH: "p blockquote section article table-caption ul ol dl hr fieldset figure main",
    Role.BLOCK: "html body div li dt dd address aside center footer form header nav details summary legend caption"
    " figcaption option optgroup menu dir thead tbody tfoot",
    Role.BREAK: "br",
    Role.HEADING: "h1 h2 h3 h4 h5 h6",
    Role.PREFORMATTED: "pre listing xmp textarea plaintext",
    Role.TABLE: "table",
    Role.ROW: "tr",
    Role.CELL: "td th",
    Role.RAISED: "sup",
    Role.LOWERED: "sub",
    Role.STRUCK: "del s strike",
    Role.WORD: "button label",
    Role.UNSEEN: "head script style title meta link template noscript noframes colgroup col datalist map param source"
    " track base rp",
    Role.REPLACED: "input select img object embed iframe video audio canvas",
}
_ROLE_OF_TAG: dict[str, Role] = {tag: role for role, tags in _TAGS.items() for tag in tags.split()}


def role_of_tag(tag: str) -> Role:
    """The role of an HTML element by its name alone."""
    return _ROLE_OF_TAG.get(tag, Role.INLINE)


# CSS `display` values that change what a tag does to the flow.
_ROLE_OF_DISPLAY: dict[str, Role] = {
    "block": Role.BLOCK,
    "flex": Role.BLOCK,
    "grid": Role.BLOCK,
    "list-item": Role.BLOCK,
    "flow-root": Role.BLOCK,
    "table-caption": Role.BLOCK,
    "table": Role.TABLE,
    "table-row": Role.ROW,
    "table-cell": Role.CELL,
    "inline-block": Role.WORD,
    "inline-flex": Role.WORD,
    "inline": Role.INLINE,
}
_RESTYLED = frozenset({Role.INLINE, Role.BLOCK, Role.PARAGRAPH, Role.WORD})

_HIDING = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|mso-hide\s*:\s*all"
    r"|font-size\s*:\s*0(?:\.0*)?\s*(?:px|pt|em|rem|%)?\s*(?:!|;|$)|opacity\s*:\s*0(?:\.0*)?\s*(?:!|;|$))",
    re.IGNORECASE,
)
_STRIKING = re.compile(r"text-decoration(?:-line)?\s*:[^;]{0,200}line-through", re.IGNORECASE)
_DISPLAY = re.compile(r"(?:^|;)\s*display\s*:\s*([a-z-]+)", re.IGNORECASE)
_KEEPING_LINES = re.compile(r"white-space\s*:\s*(?:pre|break-spaces)", re.IGNORECASE)
_SIMPLE_SELECTOR = re.compile(r"([a-z][a-z0-9]*)?(?:([.#])([\w-]+))?", re.IGNORECASE)
# Style sheets and attributes are as long as their sender likes: no pattern here may cost more than the length.
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_CSS_BRACE = re.compile(r"([{}])")
_CSS_AT_RULE = re.compile(r"\s*@")
_FONT_FAMILY = re.compile(
    r"""(?:^|;)\s*font(?:-family\s{0,9}:|\s{0,9}:[^;"']{0,200})\s{0,9}["']?\s{0,9}([A-Za-z][\w -]*)""", re.IGNORECASE
)
_LONGEST_TITLE = 200
_TYPED_VALUES = frozenset(
    ("", "text", "number", "date", "datetime-local", "month", "week", "time", "email", "tel", "url", "search")
)


def read(data: bytes, circumstances: Circumstances = ALONE) -> Reading:
    """Read an HTML document or fragment.

    Sections are the heading elements (`h1`-`h6`) and headings written as text, nested by level.

    Raises:
        UnreadableError: UNDECODABLE, TOO_DEEP, TOO_LONG; CORRUPT where nothing can be parsed.
    """
    decoded = decode(data, circumstances.charset)
    text, spans, cautions = visible_text(decoded.text, circumstances)
    return Reading(text, NAME, tuple(spans), (*decoded.cautions, *cautions), decoded.encoding)


def visible_text(markup: str, circumstances: Circumstances = ALONE) -> tuple[str, list[Span], list[ExtractionWarning]]:
    """The visible text of an HTML string with its sections and cautions; the body of `read`."""
    root = _parse(markup)
    flow = FlowedText(circumstances.limits.max_characters)
    if root is None:
        return "", [], []
    page = _Page()
    page.read_styles(root)
    dialect = Dialect(page.role_of_tag(), page.role, page.replaced, lambda element: int(element.tag[1]), _glyphs)
    walker = Walker(dialect, flow, circumstances.limits.max_depth)
    walker.walk(root)
    cautions = [*walker.cautions(), *page.cautions()]
    tail = markup[-2048:].lower()
    if "<html" in markup[:2048].lower() and "</html" not in tail and "</body" not in tail:
        cautions.append(ExtractionWarning(Caution.TRUNCATED_MARKUP, "no closing html tag"))
    text = flow.text()
    return text, headings.sections(text, [_heading(text, mark) for mark in walker.headings]), cautions


def _heading(text: str, mark: HeadingMark) -> headings.Heading:
    written = text[mark.start : mark.end]
    # An unclosed heading element swallows what follows; its title is its first line.
    title = written.strip().split("\n")[0][:_LONGEST_TITLE]
    return headings.Heading(mark.start + len(written) - len(written.lstrip()), title, None, mark.level)


def _parse(markup: str) -> Element | None:
    from lxml import etree

    # huge_tree: without it libxml2 silently cuts documents at 256 levels and text nodes at 10 MB.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = etree.fromstring(markup.replace("\x00", "").encode("utf-8", errors="replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if not markup.strip():
            return None
        raise_if_out_of_memory(error)
        raise UnreadableError(Reason.CORRUPT, f"no HTML: {type(error).__name__}") from None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise UnreadableError(Reason.TOO_DEEP, "the HTML parser reached its own limit and would have cut the document")
    return root


@dataclass
class _Page:
    """What a page's style sheets and form fields say about its elements."""

    styled: dict[tuple[str, str, str], Role] = field(default_factory=dict)
    images: int = 0
    embedded: int = 0
    unchosen: int = 0
    rules_not_applied: int = 0

    def cautions(self) -> list[ExtractionWarning]:
        counted = (
            (Caution.IMAGE_NOT_READ, self.images),
            (Caution.EMBEDDED_FILE_NOT_READ, self.embedded),
            (Caution.FORM_NOT_READ, self.unchosen),
            (Caution.STYLE_RULE_NOT_APPLIED, self.rules_not_applied),
        )
        return [ExtractionWarning(code, f"{count} elements") for code, count in counted if count]

    def read_styles(self, root: Element) -> None:
        """Collect the simple selectors that hide or strike text; others are counted, not applied."""
        for style in root.iter("style"):
            sheet, conditional = _without_at_rules(_CSS_COMMENT.sub(" ", style.text or ""))
            self.rules_not_applied += conditional
            for selectors, declarations in _css_rules(sheet):
                role = _styled_role(declarations)
                if role is None:
                    continue
                for selector in selectors.split(","):
                    self._apply(selector.strip(), role)

    def _apply(self, selector: str, role: Role) -> None:
        simple = _SIMPLE_SELECTOR.fullmatch(selector)
        if not simple or not selector:
            self.rules_not_applied += 1
            return
        tag, kind, name = simple.groups(default="")
        self.styled[tag.lower(), kind, name] = role

    def role_of_tag(self) -> RoleOfTag:
        """The role of each tag by itself, as the page's style sheets have it."""
        styled = {tag: role for (tag, kind, _), role in self.styled.items() if not kind}
        known = {**_ROLE_OF_TAG, **{tag: role for tag, role in styled.items() if role_of_tag(tag) is not Role.UNSEEN}}
        return RoleOfTag(known, role_of_tag)

    def role(self, element: Element, role: Role) -> Role:
        """The role of an element with attributes, given its tag's."""
        if role is Role.UNSEEN:
            return role
        attributes = element.attrib
        if "hidden" in attributes or (element.tag == "input" and attributes.get("type", "").lower() == "hidden"):
            return Role.HIDDEN
        if self.styled and (styled := self._styled(element.tag, attributes)):
            return styled
        style = attributes.get("style")
        return _restyled(role, style) if style else role

    def _styled(self, tag: str, attributes: Mapping[str, str]) -> Role | None:
        names = [(".", name) for name in attributes.get("class", "").split()]
        names += [("#", attributes["id"])] if "id" in attributes else []
        keys = [(tag, "", "")] + [(owner, kind, name) for kind, name in names for owner in ("", tag)]
        return next((self.styled[key] for key in keys if key in self.styled), None)

    def replaced(self, element: Element, flow: FlowedText) -> None:
        """Write what stands in place of a form field; count what cannot be read."""
        if element.tag == "input":
            self._input(element, flow)
        elif element.tag == "select":
            self._select(element, flow)
        elif element.tag == "img":
            flow.space()
            self.images += 1
        else:
            self.embedded += 1

    def _input(self, element: Element, flow: FlowedText) -> None:
        kind = element.get("type", "").strip().lower()
        shown = None
        if kind in ("checkbox", "radio"):
            shown = "[x]" if "checked" in element.attrib else "[ ]"
        elif kind in _TYPED_VALUES:
            shown = element.get("value")
        flow.space()
        if shown:
            flow.verbatim(shown) if shown == "[ ]" else flow.inline(shown)
            flow.space()

    def _select(self, element: Element, flow: FlowedText) -> None:
        """Only the chosen option is a statement; with none marked the page's script knew, and we do not."""
        chosen = [option for option in element.iter("option") if "selected" in option.attrib]
        if not chosen:
            self.unchosen += 1
        flow.space()
        for option in chosen:
            flow.inline("".join(option.itertext()))
            flow.space()


def _glyphs(element: Element, in_force: Glyphs | None) -> Glyphs | None:
    """Word writes µ as an m in the Symbol font; any other font named below it ends that."""
    if not element.attrib:
        return in_force
    face = element.get("face") if element.tag == "font" else None
    family = _FONT_FAMILY.search(element.get("style", ""))
    name = family[1] if family else face
    return symbol_fonts.table_of(name) if name else in_force


def _styled_role(declarations: str) -> Role | None:
    if _HIDING.search(declarations):
        return Role.HIDDEN
    return Role.STRUCK if _STRIKING.search(declarations) else None


def _restyled(role: Role, style: str) -> Role:
    styled = _styled_role(style)
    if styled:
        return styled
    if role not in _RESTYLED:
        return role
    if _KEEPING_LINES.search(style) and role is not Role.INLINE:
        return Role.PREFORMATTED
    display = _DISPLAY.search(style)
    return _ROLE_OF_DISPLAY.get(display[1].lower(), role) if display else role


def _without_at_rules(sheet: str) -> tuple[str, int]:
    """The sheet without its conditional blocks (@media print ...), and how many of those would have hidden text."""
    kept: list[str] = []
    hiding = 0
    for block in _top_level_blocks(sheet):
        if block.lstrip().startswith("@"):
            hiding += bool(_HIDING.search(block.replace("{", ";")))
        else:
            kept.append(block)
    return "".join(kept), hiding


def _css_rules(sheet: str) -> Iterable[tuple[str, str]]:
    """Selectors and declarations of every innermost block."""
    pieces = _CSS_BRACE.split(sheet)
    for at in range(0, len(pieces) - 4, 2):
        if pieces[at + 1] == "{" and pieces[at + 3] == "}":
            yield pieces[at], pieces[at + 2]


def _top_level_blocks(sheet: str) -> Iterable[str]:
    depth = start = 0
    at_rule = _CSS_AT_RULE.match(sheet) is not None
    for match in re.finditer(r"[{};]", sheet):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth = max(depth - 1, 0)
        # A statement at-rule (@import, @charset) ends at its semicolon.
        if depth == 0 and (match[0] == "}" or at_rule):
            yield sheet[start : match.end()]
            start = match.end()
            at_rule = _CSS_AT_RULE.match(sheet, start) is not None
    yield sheet[start:]
