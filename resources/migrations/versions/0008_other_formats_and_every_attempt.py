"""Which format of a document was read, and when S3 stored it; every failed attempt with its own limits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SCHEMA, _ATTEMPTS = "document_cache", "failed_attempts"
_TRIED = {
    "tried_at": (sa.ARRAY(sa.DateTime(timezone=True)), "when each of the runs failed"),
    "tried_seconds": (sa.ARRAY(sa.Double), "time each gave it"),
    "tried_memory": (sa.ARRAY(sa.BigInteger), "memory each gave it; null: no limit"),
}


def upgrade() -> None:
    """Add the columns; attempts so far keep their limits, and are put an hour apart, as they were at least."""
    op.add_column(
        "documents",
        sa.Column("s3_last_modified", sa.DateTime(timezone=True), comment="when S3 stored the object, as listed"),
        schema=_SCHEMA,
    )
    op.add_column(
        "documents",
        sa.Column("other_formats", sa.Text, comment="where its other formats lie, JSON; see documents/index"),
        schema=_SCHEMA,
    )
    op.add_column(
        "documents",
        sa.Column("read_instead", JSONB, comment="the other format its text is of, where it is; see documents/text"),
        schema=_SCHEMA,
    )
    for name, (kind, comment) in _TRIED.items():
        op.add_column(_ATTEMPTS, sa.Column(name, kind, comment=comment), schema=_SCHEMA)
    op.execute(
        "UPDATE document_cache.failed_attempts SET tried_seconds = array_fill(seconds, ARRAY[cardinality(runs)]), "
        "tried_memory = array_fill(memory_bytes, ARRAY[cardinality(runs)]), "
        "tried_at = (SELECT array_agg(counted_at - (cardinality(runs) - n) * interval '1 hour' ORDER BY n) "
        "FROM generate_series(1, cardinality(runs)) n)"
    )
    for name in _TRIED:
        op.alter_column(_ATTEMPTS, name, nullable=False, schema=_SCHEMA)
    op.execute(VIEW)  # the one before it is made of columns that go
    for name in ("last_run", "counted_at", "seconds", "memory_bytes"):
        op.drop_column(_ATTEMPTS, name, schema=_SCHEMA)
    _say("runs that count against the last one's limits", "that failed, in order; a run may have had other limits")


# As before, of the format that was read; with what S3 says of the object that it is, or is in. Replaced, with what is
# new at its end: who was granted the view keeps it, and so does what was made from it.
VIEW = r"""
CREATE OR REPLACE VIEW document_cache.extracted_document_text AS
SELECT d.document_id, d.patient_id, r.binary_id, d.document_type, d.category, d.description,
       d.authored_date AS document_date, d.authored_at, d.stored_at, d.age_at_document_days, r.content_type, r.uri,
       CASE WHEN r.file LIKE 's3://%' THEN split_part(r.file, '/', 3) END AS s3_bucket,
       CASE WHEN r.file LIKE 's3://%' THEN substr(r.file, length(split_part(r.file, '/', 3)) + 7) END AS s3_key,
       r.version AS source_version, r.sha256, r.size_bytes, d.read_at AS indexed_at,
       t.text AS extracted_text, t.characters AS text_length, t.text_sha256 AS text_hash, t.extracted_at,
       t.method AS extraction_method, coalesce(t.extractor, f.extractor) AS extractor,
       coalesce(t.extractor_version, f.extractor_version) AS extractor_version,
       CASE WHEN t.success IS NOT NULL THEN t.success WHEN f.reason IS NOT NULL OR r.status <> 'indexed' THEN false END
           AS extraction_success,
       CASE WHEN t.success THEN NULL
            ELSE coalesce(t.reason, f.reason, CASE WHEN r.status <> 'indexed' THEN r.status END) END
           AS extraction_error,
       coalesce(t.detail, f.detail) AS extraction_detail, coalesce(f.attempts, 0) AS failed_attempts,
       t.encoding, t.spans, t.pages, t.sections, t.warnings, t.facts,
       r.s3_last_modified, d.read_instead IS NOT NULL AS other_format_read
FROM document_cache.documents d
CROSS JOIN LATERAL (
    SELECT *, CASE WHEN uri LIKE 'fhir+%' THEN regexp_replace(substr(uri, 6), '#[^#]*$', '') ELSE uri END AS file
    FROM (
        SELECT d.uri, d.version, d.binary_id, d.content_type, d.size_bytes, d.sha256, d.status, d.s3_last_modified
        WHERE d.read_instead IS NULL
        UNION ALL
        SELECT i.uri, i.version, i.binary_id, i.content_type, i.size_bytes, i.sha256, 'indexed', i.s3_last_modified
        FROM jsonb_to_record(d.read_instead) AS i(
            uri text, version text, binary_id text, content_type text, size_bytes bigint, sha256 text,
            s3_last_modified timestamptz
        )
        WHERE d.read_instead IS NOT NULL
    ) one
) r
LEFT JOIN LATERAL (
    SELECT * FROM document_cache.extracted_text t
    WHERE t.sha256 = r.sha256 ORDER BY t.extracted_at DESC LIMIT 1
) t ON true
LEFT JOIN LATERAL (
    SELECT f.extractor, f.extractor_version, f.attempts, f.reason, f.detail FROM document_cache.failed_attempts f
    WHERE f.sha256 = r.sha256 AND (t.extracted_at IS NULL OR f.last_failed_at > t.extracted_at)
    ORDER BY f.last_failed_at DESC LIMIT 1
) f ON true
"""
BEFORE = """
CREATE VIEW document_cache.extracted_document_text AS
SELECT d.document_id, d.patient_id, d.binary_id, d.document_type, d.category, d.description,
       d.authored_date AS document_date, d.authored_at, d.stored_at, d.age_at_document_days, d.content_type, d.uri,
       CASE WHEN d.uri LIKE 's3://%' THEN split_part(d.uri, '/', 3) END AS s3_bucket,
       CASE WHEN d.uri LIKE 's3://%' THEN substr(d.uri, length(split_part(d.uri, '/', 3)) + 7) END AS s3_key,
       d.version AS source_version, d.sha256, d.size_bytes, d.read_at AS indexed_at,
       t.text AS extracted_text, t.characters AS text_length, t.text_sha256 AS text_hash, t.extracted_at,
       t.method AS extraction_method, coalesce(t.extractor, f.extractor) AS extractor,
       coalesce(t.extractor_version, f.extractor_version) AS extractor_version,
       CASE WHEN t.success IS NOT NULL THEN t.success WHEN f.reason IS NOT NULL OR d.status <> 'indexed' THEN false END
           AS extraction_success,
       CASE WHEN t.success THEN NULL
            ELSE coalesce(t.reason, f.reason, CASE WHEN d.status <> 'indexed' THEN d.status END) END
           AS extraction_error,
       coalesce(t.detail, f.detail) AS extraction_detail, coalesce(f.attempts, 0) AS failed_attempts,
       t.encoding, t.spans, t.pages, t.sections, t.warnings, t.facts
FROM document_cache.documents d
LEFT JOIN LATERAL (
    SELECT * FROM document_cache.extracted_text t
    WHERE t.sha256 = d.sha256 ORDER BY t.extracted_at DESC LIMIT 1
) t ON true
LEFT JOIN LATERAL (
    SELECT f.extractor, f.extractor_version, f.attempts, f.reason, f.detail FROM document_cache.failed_attempts f
    WHERE f.sha256 = d.sha256 AND (t.extracted_at IS NULL OR f.last_failed_at > t.extracted_at)
    ORDER BY f.last_failed_at DESC LIMIT 1
) f ON true
"""


def downgrade() -> None:
    """The view of the indexed format alone, to be granted again; failed attempts are forgotten and tried again."""
    op.execute("DROP VIEW document_cache.extracted_document_text")
    op.execute("DELETE FROM document_cache.failed_attempts")
    for name in _TRIED:
        op.drop_column(_ATTEMPTS, name, schema=_SCHEMA)
    more = (
        sa.Column("last_run", sa.Text, nullable=False, comment="the last run that failed: each counts once"),
        sa.Column("seconds", sa.Double, nullable=False, comment="time each was given"),
        sa.Column("memory_bytes", sa.BigInteger, comment="memory each was given; null: no limit"),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False, comment="when the last attempt counted"),
    )
    for column in more:
        op.add_column(_ATTEMPTS, column, schema=_SCHEMA)
    _say("runs counted with these limits", "that are counted, in order")
    for name in ("read_instead", "other_formats", "s3_last_modified"):
        op.drop_column("documents", name, schema=_SCHEMA)
    op.execute(BEFORE)


def _say(attempts: str, runs: str) -> None:
    for column, comment in (("attempts", attempts), ("runs", runs)):
        op.alter_column(_ATTEMPTS, column, comment=comment, schema=_SCHEMA)
