"""Cohorts cut into patient batches, the documents known, and the cache of their text."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def upgrade() -> None:
    """Make the tables of `workflow_metadata` and `document_cache`, and the view over a document and its text."""
    _batches()
    _documents()
    _extracted_text()
    op.execute(VIEW)


def _batches() -> None:
    op.create_table(
        "cohorts",
        sa.Column("cohort", sa.Text, primary_key=True, comment="name of the cohort"),
        sa.Column("kind", sa.Text, nullable=False, comment="how its patients are said: stays, sql, ids or documents"),
        sa.Column("definition_sha256", sa.Text, nullable=False, comment="of its file, when it was last cut"),
        sa.Column("last_cut_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        schema="workflow_metadata",
        comment="Cohorts that were cut into batches, one row each.",
    )
    op.create_table(
        "patient_batches",
        sa.Column("patient_batch", sa.Text, primary_key=True, comment="the partition's key: cohort and number"),
        sa.Column("cohort", sa.Text, sa.ForeignKey("workflow_metadata.cohorts.cohort"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False, comment="of the batch in its cohort, from 1"),
        sa.Column("patients", sa.Integer, nullable=False, comment="members; never changes"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.UniqueConstraint("cohort", "number", name="number_once_in_a_cohort"),
        sa.CheckConstraint("patients > 0", name="batch_has_patients"),
        schema="workflow_metadata",
        comment="Batches of patients, one row each; their members never change.",
    )
    op.create_table(
        "batch_members",
        sa.Column("cohort", sa.Text, nullable=False),
        sa.Column("patient_id", sa.Text, nullable=False, comment="the patient, as the documents name him"),
        sa.Column(
            "patient_batch", sa.Text, sa.ForeignKey("workflow_metadata.patient_batches.patient_batch"), nullable=False
        ),
        # Nobody is in two batches of a cohort.
        sa.PrimaryKeyConstraint("cohort", "patient_id"),
        schema="workflow_metadata",
        comment="Who is in which batch, one row per cohort and patient.",
    )
    op.create_index("batch_members_by_batch", "batch_members", ["patient_batch"], schema="workflow_metadata")


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("document_id", sa.Text, primary_key=True, comment="stable id of the document"),
        sa.Column("patient_id", sa.Text, nullable=False, comment="the patient"),
        sa.Column("source", sa.Text, nullable=False, comment="manifest, fhir, tree, note or dicom_sr"),
        sa.Column("uri", sa.Text, nullable=False, comment="where its bytes lie"),
        sa.Column("version", sa.Text, comment="ETag, or size and time of change; null where the bytes are missing"),
        sa.Column("binary_id", sa.Text, comment="id of the FHIR Binary that holds the bytes, if one does"),
        sa.Column("document_type", sa.Text, comment="type in words"),
        sa.Column("category", sa.Text, comment="category in words"),
        sa.Column("description", sa.Text, comment="description in words"),
        sa.Column("authored_date", sa.Date, comment="day it was written"),
        sa.Column("authored_at", sa.DateTime, comment="time it was written, where one is known"),
        sa.Column("stored_date", sa.Date, comment="day it could first be read"),
        sa.Column("stored_at", sa.DateTime, comment="time it could first be read, where one is known"),
        sa.Column("age_at_document_days", sa.Integer, comment="days from birth, where the source gives a birth date"),
        sa.Column("declared_type", sa.Text, comment="content type as declared"),
        sa.Column("content_type", sa.Text, comment="content type found in the bytes"),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("sha256", sa.Text, comment="of the bytes"),
        sa.Column("status", sa.Text, nullable=False, comment="indexed, or why there are no bytes"),
        sa.Column("fault", sa.Text, comment="what is wrong with its entry, if anything"),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        schema="document_cache",
        comment="Documents known, one row each; what need not be read again while its version stays.",
    )
    op.create_index("documents_by_patient", "documents", ["patient_id"], schema="document_cache")
    op.create_index("documents_by_bytes", "documents", ["sha256"], schema="document_cache")


def _extracted_text() -> None:
    op.create_table(
        "extracted_text",
        sa.Column("sha256", sa.Text, nullable=False, comment="of the document's bytes"),
        sa.Column("extractor", sa.Text, nullable=False, comment="reader the bytes went to"),
        sa.Column("extractor_version", sa.Text, nullable=False, comment="of reader, libraries and what else decides"),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("success", sa.Boolean, nullable=False, comment="whether text is the document's whole text"),
        sa.Column("text", sa.Text, nullable=False, comment="empty on failure"),
        sa.Column("characters", sa.Integer, nullable=False, comment="length of text"),
        sa.Column("text_sha256", sa.Text, comment="of text in UTF-8; null on failure"),
        sa.Column("method", sa.Text, nullable=False, comment="how it was read, e.g. pdf(tesseract)"),
        sa.Column("encoding", sa.Text, comment="character encoding, where the format has a choice"),
        sa.Column("spans", JSONB, nullable=False, comment="pages, sections, attachments as offsets into text"),
        sa.Column("pages", sa.Integer, nullable=False, comment="pages among the spans"),
        sa.Column("sections", sa.Integer, nullable=False, comment="sections among the spans"),
        sa.Column("warnings", JSONB, nullable=False, comment="cautions: code and detail"),
        sa.Column("reason", sa.Text, comment="why there is no text; null on success"),
        sa.Column("detail", sa.Text, nullable=False, comment="more on the reason, free of the document's words"),
        sa.Column("facts", JSONB, nullable=False, comment="what the format states about the document"),
        sa.Column("extracted_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("sha256", "extractor", "extractor_version"),
        sa.CheckConstraint("success = (reason IS NULL)", name="failure_has_a_reason"),
        schema="document_cache",
        comment="Text of documents by content: one row per bytes and extractor version, whoever's documents they are.",
    )


# The newest extraction of each document's bytes, as people ask for it.
VIEW = """
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
    """Drop what `upgrade` made."""
    op.execute("DROP VIEW document_cache.extracted_document_text")
    for table in ("extracted_text", "documents"):
        op.drop_table(table, schema="document_cache")
    for table in ("batch_members", "patient_batches", "cohorts"):
        op.drop_table(table, schema="workflow_metadata")
