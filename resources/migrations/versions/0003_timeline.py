"""One timeline per patient: patients, events, and the documents that describe them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

EVENT_TYPES = ("surgery", "imaging", "pathology", "medication", "radiation", "encounter", "other")


def upgrade() -> None:
    """Make the tables of `timeline`, with the index window queries are served by."""
    op.create_table(
        "patients",
        sa.Column("patient_id", sa.Text, primary_key=True, comment="the patient, as the documents name him"),
        sa.Column("birth_year", sa.Integer, comment="year of birth, where known"),
        sa.Column("birth_date", sa.Date, comment="day of birth, where known to the day"),
        sa.Column("death_date", sa.Date, comment="day of death, where known; an outcome, never a feature"),
        schema="timeline",
        comment="Patients whose timelines are loaded, one row each.",
    )
    _events()
    op.create_table(
        "source_documents",
        sa.Column("patient_id", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("document_id", sa.Text, nullable=False, comment="as in document_cache.documents"),
        sa.Column("method", sa.Text, nullable=False, comment="why: the source refers to it, or the rule that fits"),
        sa.PrimaryKeyConstraint("patient_id", "event_id", "document_id"),
        sa.ForeignKeyConstraint(
            ["event_id", "patient_id"],
            ["timeline.events.event_id", "timeline.events.patient_id"],
            ondelete="CASCADE",
            name="source_documents_event",
        ),
        schema="timeline",
        comment="Which documents describe which events, one row per pair.",
    )
    op.create_index("source_documents_by_document", "source_documents", ["document_id"], schema="timeline")


def _events() -> None:
    types = ", ".join(f"'{kind}'" for kind in EVENT_TYPES)
    op.create_table(
        "events",
        sa.Column("patient_id", sa.Text, sa.ForeignKey("timeline.patients.patient_id"), nullable=False),
        sa.Column("event_id", sa.Text, nullable=False, comment="resource type or table, and the id there"),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("event_subtype", sa.Text, comment="refinement, e.g. tumor_resection, antineoplastic, MR"),
        sa.Column("description", sa.Text, comment="in the source's words"),
        sa.Column("code", sa.Text),
        sa.Column("code_system", sa.Text),
        sa.Column("status", sa.Text, comment="as the source has it"),
        sa.Column("start_date", sa.Date, nullable=False, comment="day it began"),
        sa.Column("start_time", sa.DateTime, comment="time it began, local, where one is known"),
        sa.Column("end_date", sa.Date, comment="day it ended; null for what has no end or goes on"),
        sa.Column("end_time", sa.DateTime, comment="time it ended, local, where one is known"),
        sa.Column("known_date", sa.Date, comment="day its beginning was recorded; null where the source is silent"),
        sa.Column("known_time", sa.DateTime, comment="time it was recorded, local, where one is known"),
        sa.Column("encounter_id", sa.Text),
        sa.Column("rule", sa.Text, nullable=False, comment="what decided its type"),
        sa.Column(
            "last_date",
            sa.Date,
            sa.Computed("coalesce(end_date, start_date)", persisted=True),
            nullable=False,
            comment="last day it may matter: its end, else its start",
        ),
        # The patient last: looking events up by patient is what the index below is for.
        sa.PrimaryKeyConstraint("event_id", "patient_id"),
        sa.CheckConstraint(f"event_type IN ({types})", name="event_type_known"),
        sa.CheckConstraint("end_date >= start_date", name="ends_after_start"),
        sa.CheckConstraint("start_time::date = start_date", name="start_time_on_its_day"),
        sa.CheckConstraint("end_time::date = end_date", name="end_time_on_its_day"),
        sa.CheckConstraint("known_time::date = known_date", name="known_time_on_its_day"),
        schema="timeline",
        comment="What happened to patients, one row per event; replaced patient by patient.",
    )
    op.create_index(
        "events_by_patient_and_day",
        "events",
        ["patient_id", "start_date", "last_date", "event_type"],
        schema="timeline",
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    for table in ("source_documents", "events", "patients"):
        op.drop_table(table, schema="timeline")
