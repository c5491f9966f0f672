"""Plain text: decoded, cleaned, with pages at form feeds and sections at headings."""

from __future__ import annotations

from clinical_assets.documents.readers import headings
from clinical_assets.documents.readers.decoding import decode
from clinical_assets.documents.readers.reading import (
    ALONE,
    Circumstances,
    Reading,
    Reason,
    Span,
    SpanKind,
    UnreadableError,
    clean,
)

NAME = "plain"
VERSION = "2"


def read(data: bytes, circumstances: Circumstances = ALONE) -> Reading:
    """Read plain text in any declared or detected encoding; layout (columns, indentation) stays as written.

    Raises:
        UnreadableError: UNDECODABLE for bytes of no encoding, TOO_LONG and TOO_MANY_PAGES beyond the limits.
    """
    decoded = decode(data, circumstances.charset)
    if len(decoded.text) > circumstances.limits.max_characters:
        raise UnreadableError(Reason.TOO_LONG, f"{len(decoded.text)} characters")
    form_feeds = decoded.text.count("\f")
    if form_feeds > circumstances.limits.max_pages:
        raise UnreadableError(Reason.TOO_MANY_PAGES, f"{form_feeds} form feeds")
    text, pages = paged(decoded.text)
    spans = headings.sections(text)
    if pages:
        spans = sorted([*pages, *spans], key=lambda span: (span.start, span.kind != SpanKind.PAGE))
    return Reading(text, NAME, tuple(spans), decoded.cautions, decoded.encoding)


def paged(raw: str) -> tuple[str, list[Span]]:
    """Clean a text and map its pages where form feeds separate them; a text without form feeds has no page map."""
    pieces = [clean(piece) for piece in raw.split("\f")]
    if len(pieces) > 1 and not pieces[-1].strip():
        pieces.pop()
    if len(pieces) == 1:
        return pieces[0], []
    pages: list[Span] = []
    start = 0
    for number, piece in enumerate(pieces, start=1):
        pages.append(Span(SpanKind.PAGE, start, start + len(piece), number=number))
        start += len(piece) + 1
    return "\n".join(pieces), pages
