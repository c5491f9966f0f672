"""HTML and C-CDA as hypothesis strategies: trees with tables, styles, hidden parts; sections with entries and bodies.

A document is drawn as a flat list of tokens and written as a tree: open elements close in order unless a token closes
the wrong one. So small lists are small documents, and shrinking takes tokens away one by one.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from hypothesis import strategies as st
from words import ENCODING, LINES, NUMBER, PASSAGE, TEXT, TIMES, encoded, several

HTML_TAGS = (
    "p", "div", "span", "b", "i", "sup", "sub", "table", "tr", "td", "th", "tbody", "ul", "ol", "li", "h1", "h2", "h6",
    "pre", "textarea", "select", "option", "button", "label", "del", "s", "a", "font", "svg", "math", "template",
    "noscript", "title", "script", "style", "head", "body", "html", "form", "fieldset", "dl", "dd", "caption", "iframe",
    "object", "plaintext", "xmp", "ruby", "rt", "rp", "details", "o:p", "Zoraquin", "frameset", "center",
)  # fmt: skip
VOID_TAGS = ("br", "hr", "img", "input", "meta", "col", "wbr", "link", "area", "embed", "param")
CDA_TAGS = (
    "paragraph", "list", "item", "content", "caption", "table", "thead", "tbody", "tr", "th", "td", "sup", "sub",
    "footnote", "footnoteRef", "linkHtml", "reference", "renderMultiMedia", "col", "br", "velmorath", "p", "pre", "ul",
)  # fmt: skip
_STYLES = (
    "display:none", "display: NONE !important", "display:block", "display:table-cell", "display:table-row",
    "display:inline", "display:flex", "visibility:hidden", "mso-hide:all", "font-size:0", "font-size:0.0px;",
    "opacity:0", "text-decoration:line-through", "text-decoration-line : underline line-through",
    "white-space:pre", "white-space:pre-wrap", "font-family:Symbol", "font-family:'Wingdings'", "font:12px Symbol",
    "font: bold 12pt/14pt \"Symbol\", serif", "color:red", ";", "{", "}", "/*", "*/", "@media print",
)  # fmt: skip
STYLE = st.lists(st.sampled_from(_STYLES), max_size=3).map(";".join)
_SELECTORS = ("p", "*", ".c", "#i", "td.c", "p.c, #i", "div p", "a:hover", "", ",", ".KUPRANTOS", "p::before", ".1")
_RULE = st.builds("{} {{{}}}".format, st.sampled_from(_SELECTORS), STYLE)
_SHEET_PIECE = _RULE | st.sampled_from(
    ("@import url(x);", "@media print {p{display:none}}", "@charset 'x';", "/*", "*/", "{", "}", "<!--", "-->", ";")
)
SHEET = several(_SHEET_PIECE, 9).map(" ".join)
_ATTRIBUTE = st.one_of(
    st.tuples(st.just("style"), STYLE),
    st.tuples(st.sampled_from(("class", "id")), st.sampled_from(("c", "i", "c i", "", "Zoraquin"))),
    st.tuples(st.sampled_from(("colspan", "rowspan")), NUMBER.map(str) | PASSAGE),
    st.tuples(st.just("type"), st.sampled_from(("hidden", "checkbox", "radio", "text", "number", "password", ""))),
    st.tuples(st.just("face"), st.sampled_from(("Symbol", "Wingdings", "Wingdings 2", "Arial", ""))),
    st.tuples(st.sampled_from(("value", "title", "alt", "href", "src", "content")), TEXT),
    st.sampled_from((("hidden", ""), ("checked", ""), ("selected", ""), ("revised", "delete"))),
    st.sampled_from((("ID", "n1"), ("xml:id", "n1"), ("xml:id", "1 n"))),
    st.tuples(st.sampled_from(("http-equiv", "charset", "xmlns", "a:b", "Velmorath", "on")), TEXT),
)


@dataclass(frozen=True)
class Token:
    """A step in writing a tree.

    Attributes:
        kind: open, void, close, wrong (closes an element that may not be open), text, raw, deep or many.
        name: an element's, or the text.
        attributes: of the element.
        times: levels or copies, for deep and many.
    """

    kind: str
    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    times: int = 1


_RAW = (
    "<!--", "-->", "<!-- Zoraquin -->", "<![CDATA[", "]]>", "<?x velmorath ?>", "&#0;", "&#xD800;", "&#x10FFFF;",
    "&#9;", "&bogus;", "&nbsp;", "&#160", "<", ">", "&", "</", "<a", "<a b='", "<!DOCTYPE html>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "<p/>", "<br/>", "</p>", "</br>", "\x00", "<td colspan=2 rowspan=3>", "<?xml version='1.0' encoding='utf-16'?>",
)  # fmt: skip


def tokens(tags: tuple[str, ...], void: tuple[str, ...] = (), longest: int = 36) -> st.SearchStrategy[list[Token]]:
    """Steps of a tree of these elements."""
    attributes = st.lists(_ATTRIBUTE, max_size=3).map(tuple)
    openings = st.builds(Token, st.just("open"), st.sampled_from(tags), attributes)
    choices = [
        openings,
        st.builds(Token, st.just("text"), TEXT),
        st.just(Token("close", "")),
        openings,
        st.builds(Token, st.just("wrong"), st.sampled_from(tags)),
        st.builds(Token, st.just("raw"), st.sampled_from(_RAW)),
        st.builds(Token, st.sampled_from(("deep", "many")), st.sampled_from(tags), attributes, TIMES),
    ]
    if void:
        choices.append(st.builds(Token, st.just("void"), st.sampled_from(void), attributes))
    return several(st.one_of(choices), longest)


def written(steps: list[Token], *, strict: bool = False) -> str:
    """The tree's markup; strict markup is well-formed XML as far as the steps allow: nothing raw, nothing wrong."""
    out: list[str] = []
    open_ones: list[str] = []
    for step in steps:
        if step.kind == "text":
            out.append(escape(step.name))
        elif step.kind == "raw" and not strict:
            out.append(step.name)
        elif step.kind == "wrong" and not strict:
            out.append(f"</{step.name}>")
        elif step.kind == "close" and open_ones:
            out.append(f"</{open_ones.pop()}>")
        elif step.kind == "void":
            out.append(_tag(step, "/>" if strict else ">"))
        elif step.kind == "many":
            out.append((_tag(step) + "x" + f"</{step.name}>") * step.times)
        elif step.kind in ("open", "deep"):
            out.append(_tag(step) * step.times)
            open_ones += [step.name] * step.times
    out += [f"</{name}>" for name in reversed(open_ones)]
    return "".join(out)


def _tag(step: Token, end: str = ">") -> str:
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in dict(step.attributes).items())
    return f"<{step.name}{attributes}{end}"


_HEADS = ("", "<!DOCTYPE html>", "<html>", "<html><head>", "<meta charset=utf-8>",
          "<html><meta charset='windows-1252'>", "<meta http-equiv=Content-Type content='text/html; charset=utf-16'>",
          "<?xml version='1.0'?><html>")  # fmt: skip
_TAILS = ("", "</html>", "</body></html>", "<p>Stable.</p></body></html>", "<p>Stable.")
HTML_TEXT = st.builds(
    lambda head, sheet, body, tail: f"{head}<style>{sheet}</style>{body}{tail}" if sheet else head + body + tail,
    st.sampled_from(_HEADS), SHEET, tokens(HTML_TAGS, VOID_TAGS).map(written), st.sampled_from(_TAILS),
)  # fmt: skip
HTML: st.SearchStrategy[bytes] = st.builds(encoded, HTML_TEXT, ENCODING)
NARRATIVE = st.builds(
    written, tokens(CDA_TAGS, ("br", "col", "footnoteRef"), 15), strict=st.sampled_from((True, True, True, False))
)

_OIDS = ("2.16.840.1.113883.6.1", "2.16.840.1.113883.6.96", "1.2.3", "Zoraquin", "")
_CODE = st.builds(
    '<code code="{}" codeSystem="{}" displayName="{}"/>'.format,
    st.sampled_from(("10157-6", "59776-5", "Zoraquin", "x" * 30, "", "29554 3")), st.sampled_from(_OIDS),
    TEXT.map(escape),
)  # fmt: skip
_MEDIA_TYPES = ("text/plain", "text/html", "text/rtf", "application/pdf", "image/png", "Zoraquin", "", "text/xml")
_COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "ZL": zlib.compress,
    "DF": lambda data: zlib.compress(data)[2:-4],
    "GZ": lambda data: data,
    "Z": lambda data: data,
    "Zoraquin": lambda data: data,
}


def body(media_type: str, compression: str, broken: str, integrity: str, reference: str, inner: bytes) -> str:
    """A `text` element that carries another document in base64."""
    attributes = f'mediaType="{media_type}" representation="B64"'
    attributes += f' compression="{compression}"' if compression else ""
    attributes += f' integrityCheck="{integrity}"' if integrity else ""
    packed = base64.b64encode(_COMPRESSIONS[compression](inner)).decode()
    return f"<text {attributes}>{reference}{packed[: len(packed) // 2]}{broken}{packed[len(packed) // 2 :]}</text>"


def bodies(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[str]:
    """Bodies and entry texts that carry documents, most of them whole."""
    references = ("", "", "<reference value='#n1'/>", "<reference value='http://velmorath/x'/>", "<reference/>")
    packed = st.builds(
        body, st.sampled_from(_MEDIA_TYPES), st.sampled_from(("", "", "", *_COMPRESSIONS)),
        st.sampled_from(("", "", "", "\n ", "é", "=", "*")), st.sampled_from(("", "", "", "AAAA", "Zoraquin")),
        st.sampled_from(references), inner,
    )  # fmt: skip
    plain = st.builds(
        "<text mediaType='{}'>{}{}</text>".format, st.sampled_from(_MEDIA_TYPES), st.sampled_from(references),
        LINES.map(lambda text: escape(_of_xml(text))),
    )  # fmt: skip
    return packed | plain


def _of_xml(text: str) -> str:
    return "".join(character for character in text if character >= " " or character in "\t\n")


def ccda(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """C-CDA documents, sections and unstructured bodies, with documents of `inner` inside."""
    attached = bodies(inner)
    entry = st.builds("<entry><act><code/>{}</act></entry>".format, attached)
    title = TEXT.map(lambda text: f"<title>{escape(_of_xml(text))}</title>")
    section = st.builds(
        lambda code, named, text, entries: f"{code}{named}<text>{text}</text>{''.join(entries)}",
        _CODE | st.just(""), title | st.just(""), NARRATIVE.map(_of_xml), st.lists(entry, max_size=2),
    )  # fmt: skip
    sections = st.lists(section, min_size=1, max_size=4)
    nested = st.builds(_nested, sections, st.booleans(), st.sampled_from((1, 1, 1, 60)))
    structured = nested.map(lambda sections: f"<component><structuredBody>{sections}</structuredBody></component>")
    unstructured = attached.map(lambda text: f"<component><nonXMLBody>{text}</nonXMLBody></component>")
    stamps = st.sampled_from(("20450314", "Zoraquin", "", "\n"))
    header = st.builds(
        '{}{}<effectiveTime value="{}"/><author><time value="{}"/></author>'.format, title, _CODE, stamps, stamps
    )
    whole = st.builds(
        lambda space, head, parts: f"<ClinicalDocument{space}>{head}{''.join(parts)}</ClinicalDocument>",
        st.sampled_from((' xmlns="urn:hl7-org:v3"', "", ' xmlns="velmorath"', ' xmlns:x="urn:hl7-org:v3"')),
        header, st.lists(structured | structured | unstructured, max_size=2),
    )  # fmt: skip
    fragment = section.map(lambda inside: f'<section codeSystem="x">{inside}</section>') | unstructured
    prolog = st.sampled_from(
        ("", "", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="ISO-8859-1"?>', "<!-- Zoraquin -->",
         '<?xml version="1.0" encoding="utf-16"?>', "<!DOCTYPE a [<!ENTITY b 'c'>]>", "\ufeff")
    )  # fmt: skip
    return st.builds(lambda start, root, encoding: encoded(start + root, encoding), prolog, whole | fragment, ENCODING)


def _nested(sections: list[str], inside: bool, times: int) -> str:
    """Sections beside one another or inside one another, the first repeated."""
    sections = [sections[0]] * times + sections[1:]
    if not inside:
        return "".join(f"<component><section>{section}</section></component>" for section in sections)
    opened = "".join(f"<component><section>{section}" for section in sections)
    return opened + "</section></component>" * len(sections)
