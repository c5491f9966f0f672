"""XML parsed without network, external entities or entity expansion, in whatever encoding it really is.

Clinical XML needs no entity declarations; a document that has one is refused outright, which ends billion-laughs,
quadratic blow-up and file disclosure alike. HTML's named entities (`&nbsp;`), which careless senders leave in, are
read.
"""

from __future__ import annotations

import html.entities
import re
from typing import Any

from clinical_assets.documents.readers.decoding import Decoded, decode
from clinical_assets.documents.readers.reading import (
    Caution,
    Circumstances,
    ExtractionWarning,
    Reason,
    UnreadableError,
)

Element = Any  # lxml ships no types

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_NAMED_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_OWN = frozenset(("amp", "lt", "gt", "quot", "apos"))
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,300}\?>")


def parse(data: bytes, circumstances: Circumstances) -> tuple[Element, Decoded]:
    """The root element and how the bytes were decoded (with cautions).

    Raises:
        UnreadableError: ENTITIES_REFUSED, CORRUPT for XML that is not well-formed (with the line), TOO_DEEP,
            UNDECODABLE.
    """
    from lxml import etree

    decoded = decode(data, circumstances.charset)
    declaration = _DECLARATION.match(decoded.text)
    text = decoded.text[declaration.end() :] if declaration else decoded.text
    _refuse_entities(text)
    try:
        return _parse(text), decoded
    except (etree.XMLSyntaxError, UnicodeEncodeError) as error:
        # The parser refuses whatever XML does not allow, so illegal characters are looked for only now.
        allowed, illegal = _ILLEGAL.subn("", text)
        if not illegal:
            return _with_named_characters(text, error), decoded
    _refuse_entities(allowed)
    left_out = ExtractionWarning(Caution.UNDECODABLE_BYTES, f"{illegal} characters XML does not allow")
    try:
        root = _parse(allowed)
    except etree.XMLSyntaxError as error:
        root = _with_named_characters(allowed, error)
    return root, Decoded(decoded.text, decoded.encoding, (*decoded.cautions, left_out))


def _refuse_entities(text: str) -> None:
    # A single character is found ten times as fast, and many documents have no exclamation mark.
    if "!" in text and "<!ENTITY" in text:
        raise UnreadableError(Reason.ENTITIES_REFUSED, "the document declares XML entities")


def _with_named_characters(text: str, refused: Exception) -> Element:
    """The root of a document that was refused, where HTML's entities were the reason; the refusal where not."""
    from lxml import etree

    if getattr(refused, "code", 0) != etree.ErrorTypes.ERR_UNDECLARED_ENTITY:
        raise _refusal(refused) from None
    try:
        return _parse(_NAMED_ENTITY.sub(_character, text))
    except etree.XMLSyntaxError as error:
        raise _refusal(error) from None


def raise_if_out_of_memory(error: Exception) -> None:
    """Raise `MemoryError` where libxml2 had none left: lxml says the same class of error as for broken markup."""
    from lxml import etree

    if getattr(error, "code", 0) == etree.ErrorTypes.ERR_NO_MEMORY:
        raise MemoryError from None


def _parse(text: str) -> Element:
    from lxml import etree

    # huge_tree lifts libxml2's 10 MB per text node, which an embedded PDF exceeds; entities are excluded above.
    # collect_ids: senders copy paragraphs with their `xml:id`, and libxml2 takes an identifier that comes twice, or is
    # no name, for an error of the document. It is well-formed all the same (XML 1.0, 3.3.1), and nothing is looked up
    # by `xml:id` here.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=True,
        collect_ids=False,
        remove_comments=True,
        remove_pis=True,
    )
    return etree.fromstring(text.encode("utf-8"), parser)


def _refusal(error: Exception) -> UnreadableError:
    from lxml import etree

    raise_if_out_of_memory(error)
    if getattr(error, "code", 0) == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
        return UnreadableError(Reason.TOO_DEEP, "the XML parser reached its own limit")
    line, code = getattr(error, "lineno", 0), getattr(error, "code", 0)
    return UnreadableError(Reason.CORRUPT, f"XML not well-formed, line {line}, libxml2 error {code}")


def _character(match: re.Match[str]) -> str:
    if match[1] in _XML_OWN:
        return match[0]
    return html.entities.html5.get(match[1] + ";", match[0])


def local_name(element: Element) -> str:
    """An element's name without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Element, name: str) -> list[Element]:
    """The child elements of that local name. Fragments come without the namespace, so names are compared without."""
    return [child for child in element if local_name(child) == name]


def child(element: Element, *path: str) -> Element | None:
    """The first element along a path of local names, or None."""
    for name in path:
        found = children(element, name)
        if not found:
            return None
        element = found[0]
    return element


def attribute(element: Element | None, name: str) -> str | None:
    """An attribute's value, None where it or the element is missing or it is blank."""
    value = element.get(name) if element is not None else None
    return value.strip() or None if value else None
