"""Failed attempts to read documents, so that one that never can be read is given up; the view shows them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def upgrade() -> None:
    """Make `document_cache.failed_attempts`, and show its reasons where there is no text."""
    op.create_table(
        "failed_attempts",
        sa.Column("sha256", sa.Text, nullable=False, comment="of the document's bytes"),
        sa.Column("extractor", sa.Text, nullable=False, comment="reader the bytes went to"),
        sa.Column("extractor_version", sa.Text, nullable=False, comment="of reader, libraries and what else decides"),
        sa.Column("attempts", sa.Integer, nullable=False, comment="runs that failed with these limits or smaller ones"),
        sa.Column("last_run", sa.Text, nullable=False, comment="the last run that failed: each counts once"),
        sa.Column("seconds", sa.Double, nullable=False, comment="time the document was given, the most of all runs"),
        sa.Column("memory_bytes", sa.BigInteger, comment="memory it was given, the most of all runs; null: no limit"),
        sa.Column("reason", sa.Text, nullable=False, comment="why there is no text"),
        sa.Column("detail", sa.Text, nullable=False, comment="more on the reason, free of the document's words"),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("sha256", "extractor", "extractor_version"),
        sa.CheckConstraint("attempts > 0", name="failed_at_least_once"),
        schema="document_cache",
        comment="Documents whose reading failed for want of time or memory or by a fault of the reader, one row per "
        "bytes and extractor version; a row goes when they are read after all.",
    )
    op.execute("DROP VIEW document_cache.extracted_document_text")
    op.execute(VIEW)


# As before, with what failed and is not in the cache, and what the index says of documents without bytes.
VIEW = """
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
    SELECT * FROM document_cache.failed_attempts f
    WHERE f.sha256 = d.sha256 AND (t.extracted_at IS NULL OR f.last_failed_at > t.extracted_at)
    ORDER BY f.last_failed_at DESC LIMIT 1
) f ON true
"""
BEFORE = """
CREATE VIEW document_cache.extracted_document_text AS
SELECT d.document_id, d.patient_id, d.binary_id, d.document_type, d.category, d.description,
       d.authored_date AS document_date, d.authored_at, d.stored_at, d.age_at_document_days, d.content_type, d.uri,
       CASE WHEN d.uri LIKE 's3://%' THEN split_part(d.uri, '/', 3) END AS s3_bucket,
       CASE WHEN d.uri LIKE 's3://%' THEN substr(d.uri, length(split_part(d.uri, '/', 3)) + 7) END AS s3_key,
       d.version AS source_version, d.sha256, d.size_bytes,
       t.text AS extracted_text, t.characters AS text_length, t.text_sha256 AS text_hash, t.extracted_at,
       t.method AS extraction_method, t.extractor, t.extractor_version, t.success AS extraction_success,
       coalesce(t.reason, CASE WHEN d.status <> 'indexed' THEN d.status END) AS extraction_error,
       t.detail AS extraction_detail, t.encoding, t.spans, t.pages, t.sections, t.warnings, t.facts
FROM document_cache.documents d
LEFT JOIN LATERAL (
    SELECT * FROM document_cache.extracted_text t
    WHERE t.sha256 = d.sha256 ORDER BY t.extracted_at DESC LIMIT 1
) t ON true
"""


def downgrade() -> None:
    """The view without failed attempts; these are forgotten, and what was given up is tried again."""
    op.execute("DROP VIEW document_cache.extracted_document_text")
    op.execute(BEFORE)
    op.drop_table("failed_attempts", schema="document_cache")
