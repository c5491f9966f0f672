"""The text cache on a real server: one row per bytes and version, whoever writes when."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS
from clinical_assets.documents.text import text_cache
from clinical_assets.documents.text.text_cache import READ_AT_ONCE, Cached, Key, in_pieces, key_of, row_of

HASH = "0" * 64


def row(text: str, version: str = "1") -> dict:
    extraction = extract(text.encode(), "text/plain")
    return row_of(Key(extraction.bytes_sha256 or "", extraction.extractor, version), extraction)


def key(made: dict) -> Key:
    return Key(made["sha256"], made["extractor"], made["extractor_version"])


def test_what_is_stored_is_read_back(warehouse):
    made = row("IMPRESSION:\nNo change.\n")
    text_cache.store(warehouse, [made])
    found = text_cache.read(warehouse, [key(made), Key(HASH, "plain", "1")])
    assert set(found) == {key(made)}
    for name in ("text", "characters", "text_sha256", "method", "sections", "success", "reason"):
        assert found[key(made)][name] == made[name], name
    assert text_cache.known(warehouse, [key(made), key(made)._replace(extractor_version="2")]) == {
        key(made): Cached(23, None)
    }


def test_a_new_version_is_another_row_and_the_old_one_stays(warehouse):
    old, new = row("Words.", "1"), row("Words.", "2")
    text_cache.store(warehouse, [old])
    text_cache.store(warehouse, [new])
    assert set(text_cache.known(warehouse, [key(old), key(new)])) == {key(old), key(new)}


def test_writers_at_the_same_time_leave_every_row_once(warehouse):
    made = [row(f"Note {n}.") for n in range(40)]
    orders = [made, made[::-1], made[20:] + made[:20], made]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda rows: text_cache.store(warehouse, rows), orders))
    with warehouse.transaction() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM document_cache.extracted_text")).scalar() == 40
    assert len(text_cache.known(warehouse, map(key, made))) == 40


def test_characters_postgresql_refuses_do_not_lose_the_document(warehouse):
    extraction = extract(b"Words.", "text/plain")
    spans = tuple(dataclasses.replace(s, title="a\x00b\ud800") for s in extract(b"A:\nb\n\nC:\nd\n", None).spans)
    made = row_of(Key(HASH, "plain", "1"), dataclasses.replace(extraction, spans=spans))
    text_cache.store(warehouse, [made])
    assert text_cache.read(warehouse, [key(made)])[key(made)]["text"] == "Words."


def test_the_view_shows_a_document_with_its_newest_text(warehouse):
    made = row("Words.")
    text_cache.store(warehouse, [made])
    document = {"d": "a", "p": "p1", "u": "s3://bucket/notes/a/b.txt", "h": made["sha256"]}
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO document_cache.documents (document_id, patient_id, source, uri, sha256, status) "
                "VALUES (:d, :p, 'tree', :u, :h, 'indexed')"
            ),
            document,
        )
        found = connection.execute(sa.text("SELECT * FROM document_cache.extracted_document_text")).mappings().one()
    assert (found["s3_bucket"], found["s3_key"]) == ("bucket", "notes/a/b.txt")
    assert (found["extracted_text"], found["extraction_success"], found["extraction_error"]) == ("Words.", True, None)


# What a table of extracted documents is asked for, and the view's name for it; a FHIR patient's id is `patient_id`, the
# type of the DocumentReference is `document_type`, and what the format states besides is in `facts`.
ASKED_FOR = {
    "document_id": "document_id", "patient_fhir_id": "patient_id", "binary_id": "binary_id",
    "document_type": "document_type", "document_date": "document_date", "content_type": "content_type",
    "dr_type_text": "document_type", "dr_category_text": "category", "dr_description": "description",
    "extracted_text": "extracted_text", "text_length": "text_length", "text_hash": "text_hash",
    "extraction_timestamp": "extracted_at", "extraction_method": "extraction_method",
    "extraction_version": "extractor_version", "extractor_agent": "extractor", "s3_bucket": "s3_bucket",
    "s3_key": "s3_key", "s3_last_modified": "s3_last_modified", "extraction_success": "extraction_success",
    "extraction_error": "extraction_error", "age_at_document_days": "age_at_document_days",
    "additional_metadata": "facts", "created_at": "indexed_at",
}  # fmt: skip


def test_the_view_has_every_field_that_is_asked_for(warehouse):
    with warehouse.transaction() as connection:
        columns = set(connection.execute(sa.text("SELECT * FROM document_cache.extracted_document_text")).keys())
    assert {name: ours for name, ours in ASKED_FOR.items() if ours not in columns} == {}
    assert {"other_format_read", "failed_attempts", "warnings", "spans", "sha256", "source_version"} <= columns


@pytest.mark.parametrize(
    ("declared", "limits", "ending"),
    [
        ("text/plain", DEFAULT_LIMITS, ""),
        ("text/plain; charset=UTF-8", DEFAULT_LIMITS, ";charset=utf-8"),
        (None, dataclasses.replace(DEFAULT_LIMITS, seconds=1.0), ""),
        (None, dataclasses.replace(DEFAULT_LIMITS, max_pages=3), ";limits="),
    ],
)
def test_a_key_says_all_that_decides_a_text_and_nothing_else(declared, limits, ending):
    plain = key_of(HASH, "text/plain", None)
    found = key_of(HASH, "text/plain", declared, limits)
    assert found.extractor_version.startswith(plain.extractor_version + ending)
    assert (found == plain) is (ending == "")


@given(st.lists(st.one_of(st.none(), st.integers(0, READ_AT_ONCE * 2)), max_size=30))
def test_pieces_hold_every_document_once_in_order_and_no_more_text_than_allowed(lengths):
    keys = [None if length is None else Key(str(n), "plain", "1") for n, length in enumerate(lengths)]
    by_key = {k: length or 0 for k, length in zip(keys, lengths, strict=True) if k}
    pieces = list(in_pieces(keys, by_key))
    assert [position for piece in pieces for position in piece] == list(range(len(keys)))
    for piece in pieces:
        assert len(piece) == 1 or sum(lengths[position] or 0 for position in piece) <= READ_AT_ONCE
