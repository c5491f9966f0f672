"""Small PDFs written by hand for the tests: text at places, AcroForm fields, encryption, many pages, scans."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def escaped(text: str) -> bytes:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode("cp1252")


def show(text: str, x: float, y: float, size: float = 11, font: str = "F1") -> bytes:
    """Content that shows one string at a place (points from the lower left corner)."""
    return b"BT /%s %g Tf %g %g Td (%s) Tj ET\n" % (font.encode(), size, x, y, escaped(text))


def lines(*texts: str, top: float = 760, leading: float = 14) -> bytes:
    """Content of one page: lines from the top down."""
    return b"".join(show(text, 50, top - leading * i) for i, text in enumerate(texts))


def assembled(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    out = bytearray(b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(content), content)


FONTS = (
    b"<< /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> "
    b"/F2 << /Type /Font /Subtype /Type1 /BaseFont /Symbol >> >>"
)


def pdf(*pages: bytes, catalog: bytes = b"", more: Sequence[bytes] = (), page_entries: bytes = b"") -> bytes:
    """A PDF of these page contents; `more` objects are numbered after the pages' own (from 3 + 2 * pages)."""
    kids = b" ".join(b"%d 0 R" % (3 + 2 * i) for i in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
    ]
    for i, content in enumerate(pages):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font %s %s >> /Contents %d 0 R %s >>"
            % (
                FONTS,
                b"/XObject << /Im %d 0 R >>" % (3 + 2 * len(pages)) if b"/Im Do" in content else b"",
                4 + 2 * i,
                page_entries,
            )
        )
        objects.append(stream(content))
    return assembled([*objects, *more])


def scanned(*pages: bytes) -> bytes:
    """A PDF whose pages are a grey image and nothing else."""
    image = stream(
        b"\x80" * 64, b"/Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray /BitsPerComponent 8"
    )
    return pdf(*(pages or (b"q 500 0 0 700 50 50 cm /Im Do Q",)), more=[image])


def many_pages(count: int) -> bytes:
    """A PDF whose page tree names one page `count` times."""
    kids = b"3 0 R " * count
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font %s >> /Contents 4 0 R >>" % FONTS
    tree = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count)
    return assembled([b"<< /Type /Catalog /Pages 2 0 R >>", tree, page, stream(lines("again"))])


def rc4(key: bytes, data: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def encrypted(text: str, password: bytes = b"secret") -> bytes:
    """A PDF with 40-bit RC4 encryption (ISO 32000-1, 7.6.3); an empty password is one every viewer opens."""
    pad = lambda p: (p + PADDING)[:32]  # noqa: E731
    owner = rc4(hashlib.md5(pad(b"owner")).digest()[:5], pad(password))
    identifier, permissions = b"0123456789abcdef", -4
    key = hashlib.md5(pad(password) + owner + permissions.to_bytes(4, "little", signed=True) + identifier).digest()[:5]
    sealed = rc4(hashlib.md5(key + (4).to_bytes(3, "little") + b"\x00\x00").digest()[:10], lines(text))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font %s >> /Contents 4 0 R >>" % FONTS,
        stream(sealed),
        b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P %d >>"
        % (owner.hex().encode(), rc4(key, PADDING).hex().encode(), permissions),
    ]
    identity = identifier.hex().encode()
    return assembled(objects, b"/Encrypt 5 0 R /ID [<%s> <%s>]" % (identity, identity))
