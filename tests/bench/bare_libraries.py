"""The libraries alone, as a reader of documents without care would call them: what `documents` is measured against.

Imports nothing but what each needs, so that a process of it starts as fast as it can.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path


def bare_pdf(data: bytes) -> str:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    parts = []
    for page in document:
        text = page.get_textpage()
        parts.append(text.get_text_range())
        text.close()
        page.close()
    document.close()
    return "\n".join(parts)


def bare_html(data: bytes) -> str:
    import lxml.html

    return str(lxml.html.document_fromstring(data).text_content())


def bare_xml(data: bytes) -> str:
    import lxml.etree

    return "".join(lxml.etree.fromstring(data).itertext())


def bare_json(data: bytes) -> str:
    found = json.loads(data)
    inner = found.get("data") or found["content"][0]["attachment"].get("data", "")
    body = base64.b64decode(inner)
    return bare_html(body) if body.lstrip().startswith(b"<") else body.decode()


def bare_dicom(data: bytes) -> str:
    import pydicom

    return str(pydicom.dcmread(io.BytesIO(data)))


def bare_text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def bare_rtf(data: bytes) -> str:
    """No library reads RTF here: the reader itself, without what surrounds it."""
    from clinical_assets.documents.readers import rtf

    return rtf.read(data).text


BARE: dict[str, Callable[[bytes], str]] = {
    "pdf": bare_pdf,
    "html": bare_html,
    "ccda": bare_xml,
    "fhir": bare_json,
    "dicom": bare_dicom,
    "plain": bare_text,
    "rtf": bare_rtf,
}


def main() -> None:
    """Read the documents named on standard input, each by its library, or with the argument `ours` by our readers."""
    documents = json.load(sys.stdin)
    if sys.argv[1:] == ["ours"]:
        from clinical_assets.documents.readers.extraction import extract

        for _, path in documents:
            extract(Path(path).read_bytes())
        return
    for name, path in documents:
        BARE[name](Path(path).read_bytes())


if __name__ == "__main__":
    main()
