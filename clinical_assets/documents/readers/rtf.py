r"""RTF to text: what Word shows, without what it keeps to itself.

Font, colour and style tables, pictures, field instructions and unknown destinations are skipped; hidden (`\v`),
deleted (`\deleted`) and struck text is dropped with a caution; field results, footnotes, text boxes, list numbers,
headers and footers are kept. Characters come from the declared code page, the font's character set, `\u` escapes,
and the Symbol font.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from clinical_assets.documents.readers import headings, symbol_fonts
from clinical_assets.documents.readers.reading import (
    ALONE,
    Caution,
    Circumstances,
    ExtractionWarning,
    Reading,
    Reason,
    UnreadableError,
    clean,
)
from clinical_assets.documents.readers.rtf_state import DEFAULT_CHECK_BOX, NO_FONT, CheckBox, Font, Group
from clinical_assets.documents.readers.rtf_words import (
    CODE_PAGE_OF_CHARSET,
    CODE_PAGE_OF_WORD,
    MEANT,
    OWN_PARAGRAPH,
    SHOWN_THOUGH_IGNORABLE,
    SKIPPED,
    SYMBOLS,
    WRITTEN,
    extends_ascii,
    known_code_page,
)

NAME = "rtf"
VERSION = "2"

_TOKEN = re.compile(
    r"(?P<text>[^\\{}\r\n]+)"
    r"|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?"
    r"|(?P<brace>[{}])"
    r"|\\'(?P<hex>[0-9a-fA-F]{2})"
    r"|\\(?P<symbol>.)",
    re.DOTALL,
)

# Nothing tells fonts apart beyond it, and a font may be named in as many pieces as its sender likes.
_LONGEST_FONT_NAME = 100
_BLANK_LINES = re.compile(r"\n{3,}")


def read(data: bytes, circumstances: Circumstances = ALONE) -> Reading:
    r"""Read an RTF document; sections are headings written as text.

    Raises:
        UnreadableError: UNSUPPORTED_TYPE without the `{\rtf` signature, CORRUPT where the document ends inside a
            group, TOO_DEEP, TOO_LONG.
    """
    start = data[:64].find(b"{\\rtf")
    if start < 0 or data[:start].strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise UnreadableError(Reason.UNSUPPORTED_TYPE, "no RTF signature")
    parser = _Parser(data[start:], circumstances)
    text = parser.parse()
    return Reading(text, NAME, tuple(headings.sections(text)), tuple(parser.cautions()), parser.encoding)


@dataclass
class _Parser:
    """One pass over the tokens; `parse` gives the text."""

    data: bytes
    circumstances: Circumstances
    encoding: str = "cp1252"
    group: Group = field(default_factory=Group)
    stack: list[Group] = field(default_factory=list)
    fonts: dict[int, Font] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seen: Counter[Caution] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._out: list[str] = []
        self._length = 0
        # Bytes that wait to be decoded, each as the character of its number.
        self._bytes: list[str] = []
        self._ended = False
        self._to_skip = 0
        self._default_font: int | None = None
        self._ignorable = False
        self._high_surrogate = 0
        self._check_box = CheckBox()
        self._field_is_shown = False
        self._note_starts: list[tuple[int, int]] = []
        self._raw_utf8 = _raw_text_is_utf8(self.data)

    def cautions(self) -> list[ExtractionWarning]:
        return [ExtractionWarning(code, f"{count} places") for code, count in self.seen.items()]

    def parse(self) -> str:
        source = self.data.decode("latin-1")
        position: int | None = 0
        while position is not None:
            position = self._tokens(source, position)
        return self._finish(self._ended)

    def _tokens(self, source: str, position: int) -> int | None:
        """Take tokens until binary data, which is passed over: where to go on, or None at the end."""
        for match in _TOKEN.finditer(source, position):
            kind = match.lastgroup
            if kind == "text":
                self._text(match[0])
            elif kind == "word":
                self._word(match["word"], None)
                if match["word"] == "bin":
                    return match.end()
            elif kind == "number":
                number = int(match["number"])
                self._word(match["word"], number)
                if match["word"] == "bin":
                    return match.end() + max(0, number)
            elif kind == "brace":
                if self._brace(match[0]):
                    self._ended = True
                    return None
            elif kind == "hex":
                self._hex(int(match["hex"], 16))
            else:
                self._symbol(match["symbol"])
        return None

    def _finish(self, ended: bool) -> str:
        self._flush()
        if not ended:
            if len(self.stack) > 1:
                raise UnreadableError(Reason.CORRUPT, f"the document ends inside {len(self.stack)} groups")
            self.seen[Caution.TRUNCATED_MARKUP] += 1
        text = clean("".join([*self._out, *(f"\n{note}" for note in self.notes)]))
        # Line by line: a pattern for trailing space costs the square of a long run of it.
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
        return (_BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text).strip("\n")

    def _brace(self, brace: str) -> bool:
        """Open or close a group; True where the document's own group closes."""
        if self._bytes:
            self._flush()
        self._to_skip = 0
        if brace == "{":
            if len(self.stack) >= self.circumstances.limits.max_depth:
                raise UnreadableError(Reason.TOO_DEEP, f"more than {self.circumstances.limits.max_depth} groups")
            self.stack.append(self.group)
            # The first group of \upr repeats the text for readers without Unicode.
            skipped = self.group.alternatives
            self.group = self.group.inner()
            self.group.skipped = self.group.skipped or skipped
            return False
        closing = self.group
        if closing.destination == "formfield":
            self._write_check_box()
        elif closing.destination in OWN_PARAGRAPH:
            self._write("\n")
        self._ignorable = False
        self.group = self.stack.pop() if self.stack else Group()
        if self._note_starts and self._note_starts[-1][0] > len(self.stack):
            _, start = self._note_starts.pop()
            note = "".join(self._out[start:]).strip()
            self.notes += [note] if note else []
            del self._out[start:]
        return not self.stack

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self._ignorable = True
            return
        if self._skip_fallback():
            return
        self._flush()
        if symbol in SYMBOLS:
            self._write(SYMBOLS[symbol])

    def _text(self, text: str) -> None:
        self._ignorable = False
        if self._to_skip:
            skipped = min(self._to_skip, len(text))
            self._to_skip -= skipped
            text = text[skipped:]
        if text:
            self._bytes.append(text)

    def _hex(self, byte: int) -> None:
        self._ignorable = False
        if self._skip_fallback():
            return
        if self._raw_utf8:
            self._flush()
            self._bytes.append(chr(byte))
            self._flush(escaped=True)
        else:
            self._bytes.append(chr(byte))

    def _skip_fallback(self) -> bool:
        if self._to_skip:
            self._to_skip -= 1
            return True
        return False

    def _word(self, word: str, number: int | None) -> None:
        if self._bytes:
            self._flush()
        if word == "u":
            self._unicode(number or 0)
            return
        ignorable, self._ignorable = self._ignorable, False
        if word in WRITTEN:
            self._to_skip = 0
            self._write(WRITTEN[word])
        elif ignorable or word in MEANT:
            if self._to_skip and word == "bin":
                self._to_skip -= 1
            if not self._destination(word, ignorable):
                self._property(word, number)

    def _destination(self, word: str, ignorable: bool) -> bool:
        """Whether the word names the group it stands in; what becomes of that group's text."""
        group = self.group
        if word == "fonttbl":
            group.skipped = group.font_table = True
        elif word == "formfield":
            group.skipped = group.form_field = True
            group.destination = word
            self._check_box = CheckBox()
        elif word == "upr":
            group.alternatives = True
        elif word == "shptxt" or (word == "ud" and ignorable):
            group.skipped = False
            group.destination = word
            if self.stack:
                self.stack[-1].alternatives = False
        elif word == "shpinst":
            group.skipped = True
        elif word == "fldinst":
            self._field_is_shown = not (group.skipped or group.hidden or group.withdrawn)
            group.skipped = True
        elif word == "footnote":
            self._note_starts.append((len(self.stack), len(self._out)))
        elif word in SKIPPED or (ignorable and word not in SHOWN_THOUGH_IGNORABLE):
            if word == "pict" and not group.skipped:
                self.seen[Caution.IMAGE_NOT_READ] += 1
            group.skipped = True
            # What Word says about a font (panose, alternative name) stands beside its name and is none of it.
            group.font_table = False
        elif word in OWN_PARAGRAPH:
            group.destination = word
            self._write("\n")
        else:
            return False
        return True

    def _property(self, word: str, number: int | None) -> None:
        group = self.group
        on = number != 0
        match word:
            case "v":
                group.hidden = on
            case "deleted" | "strike" | "striked":
                group.withdrawn = on
            case "super" | "up":
                group.raised = "^" if on else ""
            case "sub" | "dn":
                group.raised = "_" if on else ""
            case "nosupersub":
                group.raised = ""
            case "plain":
                group.hidden = group.withdrawn = False
                group.raised = ""
                group.font = self._default_font
            case "uc":
                group.fallback_length = max(0, min(number if number is not None else 1, 8))
            case "f":
                group.font = number
                if group.font_table and number is not None:
                    self.fonts.setdefault(number, Font())
            case "deff":
                self._default_font = group.font = number
            case "ansicpg":
                self.encoding = known_code_page(number) or self.encoding
            case "ansi" | "mac" | "pc" | "pca":
                self.encoding = CODE_PAGE_OF_WORD[word]
            case "fcharset" | "cpg" if group.font_table and group.font in self.fonts:
                self._font_property(self.fonts[group.font], word, number or 0)
            case "fftype" | "ffres" | "ffdefres" if group.form_field:
                slot = {"fftype": "kind", "ffres": "result", "ffdefres": "default"}[word]
                setattr(self._check_box, slot, number or 0)

    def _font_property(self, font: Font, word: str, number: int) -> None:
        if word == "cpg":
            font.code_page = known_code_page(number)
        elif number == 2:
            font.table = font.table or symbol_fonts.SYMBOL
        else:
            font.code_page = CODE_PAGE_OF_CHARSET.get(number, font.code_page)

    def _unicode(self, number: int) -> None:
        code = number + 0x10000 if number < 0 else number
        self._to_skip = self.group.fallback_length
        if 0xD800 <= code < 0xDC00:
            self._high_surrogate = code
            return
        if 0xDC00 <= code < 0xE000 and self._high_surrogate:
            code = 0x10000 + ((self._high_surrogate - 0xD800) << 10) + (code - 0xDC00)
        self._high_surrogate = 0
        if 0 <= code <= 0x10FFFF:
            character = chr(code)
            if "\uf020" <= character <= "\uf0ff":
                table = self._font().table or symbol_fonts.SYMBOL
                character = symbol_fonts.shown(character, table)
            self._write(character)

    def _font(self) -> Font:
        number = self.group.font if self.group.font is not None else self._default_font
        return NO_FONT if number is None else self.fonts.get(number, NO_FONT)

    def _flush(self, escaped: bool = False) -> None:
        """Decode the bytes collected in the code page in force and write them."""
        if not self._bytes:
            return
        raw = "".join(self._bytes)
        self._bytes.clear()
        if self.group.font_table:
            self._font_name(raw)
            return
        if self.group.skipped:
            return
        font = self._font()
        if font.table is not None:
            text = symbol_fonts.shown(raw, font.table)
        else:
            code_page = "utf-8" if self._raw_utf8 and not escaped else font.code_page or self.encoding
            if raw.isascii() and extends_ascii(code_page):
                self._write(raw)
                return
            text = raw.encode("latin-1").decode(code_page, errors="replace")
        if "\ufffd" in text:
            unmapped = font.table is not None
            self.seen[Caution.UNMAPPED_GLYPHS if unmapped else Caution.UNDECODABLE_BYTES] += text.count("\ufffd")
        self._write(text)

    def _font_name(self, raw: str) -> None:
        font = self.fonts.get(self.group.font) if self.group.font is not None else None
        if font is None:
            return
        name, ended, _ = raw.partition(";")
        font.name = (font.name + name)[:_LONGEST_FONT_NAME]
        table = symbol_fonts.table_of(font.name)
        if ended and table is not None:
            font.table = table

    def _write_check_box(self) -> None:
        box = self._check_box
        if not self._field_is_shown:
            return
        if box.kind == 1:
            ticked = box.default if box.result == DEFAULT_CHECK_BOX else box.result
            self._out.append("[x]" if ticked else "[ ]")
        elif box.kind == 2:
            self.seen[Caution.FORM_NOT_READ] += 1

    def _write(self, text: str) -> None:
        group = self.group
        if group.skipped:
            return
        if group.hidden or group.withdrawn:
            if text.strip():
                dropped = Caution.HIDDEN_TEXT_DROPPED if group.hidden else Caution.DELETED_TEXT_DROPPED
                self.seen[dropped] += 1
            return
        if group.raised:
            text = self._marked(group.raised, text)
        self._out.append(text)
        self._length += len(text)
        if self._length > self.circumstances.limits.max_characters:
            raise UnreadableError(Reason.TOO_LONG, f"more than {self.circumstances.limits.max_characters} characters")

    def _marked(self, mark: str, text: str) -> str:
        """Raised and lowered digits are kept apart from the digits before them: 10^9, never 109."""
        last = self._out[-1][-1:] if self._out else ""
        digit = text[:1].isdigit()
        if mark == "^":
            return f"^{text}" if (last.isalnum() or last == ")") and (digit or text[:1] in "+-−") else text
        return f"_{text}" if last.isdigit() and digit else text


def _raw_text_is_utf8(data: bytes) -> bool:
    """RTF is seven-bit by its specification; raw bytes that form UTF-8 come from a sender that did not know."""
    if data.isascii():
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
