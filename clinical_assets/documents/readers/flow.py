"""Flowing text: a stream of words, line ends and table cells becomes clean text with spans.

`FlowedText` is the writer that HTML, C-CDA narrative, RTF and content trees share. Its one rule: separation is
decided by structure, never by the markup's white space. Words are joined by one space however the source is indented,
inline markup adds nothing, cells of a row are separated by tabs, rows and blocks by line ends. Offsets of spans are
those of the finished text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clinical_assets.documents.readers.reading import Reading, Reason, Span, SpanKind, UnreadableError, clean

_INDENTATION = " \n\t\r"


@dataclass(slots=True)
class OpenSpan:
    """A span being written; `start` is unknown until its first character is."""

    kind: SpanKind
    title: str | None = None
    code: str | None = None
    code_system: str | None = None
    number: int | None = None
    level: int = 1
    method: str | None = None
    start: int | None = None
    end: int | None = None


class FlowedText:
    """A writer of flowing text. White space is pending until something visible follows, so nothing trails.

    Args:
        max_characters: beyond it `UnreadableError(TOO_LONG)` is raised.
    """

    def __init__(self, max_characters: int) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._space = False
        self._tabs = 0
        self._line_ends = 0
        self._mark: str | None = None
        self._one_line = 0
        self._awaiting_start: list[OpenSpan] = []
        self._spans: list[OpenSpan] = []
        self._inserted: list[Span] = []
        self._max_characters = max_characters

    def __len__(self) -> int:
        return self._length

    def inline(self, raw: str) -> None:
        """Write running text: white space of any amount is one space, at the edges only if it is there."""
        if not raw:
            return
        if raw[0] in _INDENTATION and not raw.strip(_INDENTATION):
            self._space = True
            return
        if raw.isascii() and raw.isprintable():
            # Most of it by far: nothing to clean, and no white space but the space.
            text = " ".join(raw.split()) if "  " in raw else raw.strip(" ")
        else:
            raw = clean(raw)
            text = " ".join(raw.split())
        if not text:
            self._space = self._space or bool(raw)
        elif len(text) == len(raw):
            self._emit(text)
        else:
            self._space = self._space or raw[0].isspace()
            self._emit(text)
            self._space = raw[-1].isspace()

    def verbatim(self, raw: str) -> None:
        """Write preformatted text: spaces and line ends as they are."""
        cleaned = clean(raw)
        if not cleaned.strip():
            self.end_lines(min(cleaned.count("\n"), 2))
            self._space = self._space or bool(cleaned)
            return
        body = cleaned.rstrip()
        kept = body.lstrip("\n")
        if len(kept) < len(body):
            self.end_lines(min(len(body) - len(kept), 2))
        if self._line_ends or not self._parts:
            self._space = False
        self._emit(kept)
        trailing = cleaned[len(body) :]
        self._space = bool(trailing)
        self.end_lines(min(trailing.count("\n"), 2))

    def space(self) -> None:
        """Separate what follows by at least a space."""
        self._space = True

    def tab(self, count: int = 1) -> None:
        """Move on by `count` table cells."""
        self._tabs += count

    def line(self) -> None:
        """What follows begins a line."""
        self.end_lines(1)

    def blank_line(self) -> None:
        """What follows begins a paragraph."""
        self.end_lines(2)

    def line_break(self) -> None:
        """An explicit line break; a second one leaves a blank line."""
        self.end_lines(min(self._line_ends + 1, 2))

    @property
    def at_line_start(self) -> bool:
        """Whether what follows begins a line."""
        return not self._parts or self._line_ends > 0

    def hold_line(self) -> None:
        """Until `release_line`, line ends are spaces: a cell of one line stays on its row's line."""
        self._one_line += 1

    def release_line(self) -> None:
        """End the innermost `hold_line`."""
        self._one_line -= 1

    def end_lines(self, count: int) -> None:
        """What follows stands below at least so many line ends; with none, nothing is said."""
        if not count:
            return
        if self._one_line:
            self._space = True
            return
        if count > self._line_ends:
            self._line_ends = count
        self._tabs = 0
        self._space = False
        self._mark = None

    def raised(self) -> None:
        """What follows stands raised: `10` raised `9` is 10^9, never 109."""
        self._mark = "^"

    def lowered(self) -> None:
        """What follows stands lowered: a lowered digit after a digit is kept apart by an underscore."""
        self._mark = "_"

    def level(self) -> None:
        """What follows stands on the line again."""
        self._mark = None

    def _emit(self, text: str) -> None:
        """Write visible text after the white space that is due."""
        parts = self._parts
        gap = ""
        if self._line_ends:
            gap = "\n" * self._line_ends if parts else ""
            self._line_ends = 0
        if self._tabs:
            gap += "\t" * self._tabs
            self._tabs = 0
        elif self._space and parts and not gap:
            gap = " "
        self._space = False
        if self._mark:
            if not gap and self._needs_mark(text):
                gap = self._mark
            self._mark = None
        if self._awaiting_start:
            for span in self._awaiting_start:
                span.start = self._length + len(gap)
            self._awaiting_start.clear()
        parts.append(gap + text)
        self._length += len(gap) + len(text)
        if self._length > self._max_characters:
            raise UnreadableError(Reason.TOO_LONG, f"more than {self._max_characters} characters")

    def _needs_mark(self, text: str) -> bool:
        last = self._parts[-1][-1] if self._parts else ""
        if self._mark == "^":
            return (last.isalnum() or last == ")") and (text[0].isdigit() or text[0] in "+-−")
        return last.isdigit() and text[0].isdigit()

    def open(self, span: OpenSpan) -> OpenSpan:
        """Begin a span at the next visible character; give it back to `close`."""
        self._awaiting_start.append(span)
        self._spans.append(span)
        return span

    def insert(self, text: str, spans: Iterable[Span], level: int) -> None:
        """Write finished text as it is; its spans stand `level` levels further in."""
        kept = text.rstrip()
        if kept:
            self._emit(kept)
            start = self._length - len(kept)
            self._inserted += [span.within(len(kept)).shifted(start, level) for span in spans]

    def embed(self, reading: Reading, attachment: OpenSpan) -> None:
        """Write another document's text as it is, on lines of its own, with its spans inside `attachment`."""
        self.blank_line()
        self.open(attachment)
        attachment.method = reading.method
        self.insert(reading.text, reading.spans, attachment.level)
        self.close(attachment)
        self.blank_line()

    def close(self, span: OpenSpan) -> None:
        """End a span after the last visible character; a span nothing was written in is empty."""
        if span.start is None:
            span.start = self._length
            self._awaiting_start = [waiting for waiting in self._awaiting_start if waiting is not span]
        span.end = self._length

    def drop(self, span: OpenSpan) -> None:
        """Forget a span that turned out not to be one."""
        self._spans = [kept for kept in self._spans if kept is not span]
        self._awaiting_start = [waiting for waiting in self._awaiting_start if waiting is not span]

    def between(self, start: int, end: int) -> str:
        """The text written so far from `start` to `end`."""
        return self.text()[start:end]

    def text(self) -> str:
        """The text written so far."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def spans(self) -> list[Span]:
        """The spans written so far, by start, the wider first; open ones are closed."""
        for span in self._spans:
            if span.end is None:
                self.close(span)
        finished = [
            Span(
                s.kind,
                s.start or 0,
                s.end or 0,
                _label(s.title),
                _label(s.code),
                _label(s.code_system),
                s.number,
                s.level,
                s.method,
            )
            for s in self._spans
        ]
        finished += self._inserted
        return sorted(finished, key=lambda span: (span.start, span.level, -span.end))


def _label(value: str | None) -> str | None:
    """A title or code as storable text on one line."""
    return " ".join(clean(value).split()) or None if value else None
