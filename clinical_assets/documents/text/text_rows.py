"""The rows of `documents/text`: a document of the index with the text of its bytes, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import lru_cache
from typing import Any

from clinical_assets.documents.readers.extraction import failed
from clinical_assets.documents.readers.reading import Caution, Reason
from clinical_assets.documents.readers.sniffing import contradicts, parse_declared
from clinical_assets.documents.text.stated_times import stated
from clinical_assets.documents.text.text_cache import Key, Row, row_of

_NO_BYTES = {
    Reason.UNRESOLVED_REFERENCE.value: Reason.UNRESOLVED_REFERENCE,
    Reason.ENTERED_IN_ERROR.value: Reason.ENTERED_IN_ERROR,
}


def reason_without_bytes(status: str) -> Reason:
    """Why a document has no text whose bytes could not be had, from its status in the index."""
    return _NO_BYTES.get(status, Reason.SOURCE_UNREADABLE)


def text_without_bytes(status: str) -> Row:
    """What stands for the text of such a document."""
    return _nothing(Key("", "none", "0"), reason_without_bytes(status), status, "none")


def text_not_read(key: Key, reason: Reason, detail: str) -> Row:
    """What stands for the text of bytes that were not given to their reader."""
    return _nothing(key, reason, detail, key.extractor)


def _nothing(key: Key, reason: Reason, detail: str, method: str) -> Row:
    return {**row_of(key, failed(b"", reason, detail)), "method": method}


def text_row(
    document: Mapping[str, Any],
    text: Row,
    zone: tzinfo | None = None,
    attempts: int = 0,
    *,
    given_up: bool = False,
    read_instead: str | None = None,
    not_read: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """One row of `tables.TEXT`: a document with the text of its bytes, and what it adds to the cautions itself.

    Args:
        document: a row of the index, or what it would be with the other format in it that was read.
        text: of the cache, or what stands for one.
        zone: the hospital's, see `stated_times.stated`.
        attempts: runs that failed to read these bytes.
        given_up: whether that is not tried again.
        read_instead: of the other format that was read, where one was.
        not_read: cautions about formats that could not be read.
    """
    own = _mismatch(document["declared_type"], document["content_type"])
    warnings = [*not_read, *own, *json.loads(text["warnings"])]
    said = stated(json.loads(text["facts"]), zone)
    return {
        "patient_id": document["patient_id"],
        "document_id": document["document_id"],
        "sha256": document["sha256"],
        "extraction_success": text["success"],
        "reason": text["reason"],
        "detail": text["detail"] or None,
        "text": text["text"],
        "characters": text["characters"],
        "text_sha256": text["text_sha256"],
        "n_pages": text["pages"],
        "n_sections": text["sections"],
        "spans": text["spans"],
        "method": text["method"],
        "extractor": text["extractor"],
        "extractor_version": text["extractor_version"],
        "encoding": text["encoding"],
        "n_warnings": len(warnings),
        "warnings": json.dumps(warnings, ensure_ascii=False),
        "facts": text["facts"],
        "stated_date": said[0].date if said else None,
        "stated_at": said[0].time if said else None,
        "stated_by": said[1] if said else None,
        "attempts": attempts,
        "given_up": given_up,
        "read_instead": read_instead,
    }


@lru_cache(maxsize=1024)  # a store has the same few types over and over
def _mismatch(declared_type: str | None, content_type: str | None) -> Sequence[Mapping[str, str]]:
    declared = parse_declared(declared_type).content_type
    if declared is None or content_type is None:
        return []
    found = parse_declared(content_type).content_type
    if found is None or not contradicts(declared, found):
        return []
    return [{"code": Caution.DECLARED_TYPE_MISMATCH.value, "detail": f"declared {declared.value}, is {content_type}"}]
