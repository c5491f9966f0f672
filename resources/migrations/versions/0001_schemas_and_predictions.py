"""The warehouse's schemas, and the table predictions are published to."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMAS = ("timeline", "document_cache", "workflow_metadata", "qa_review", "analytics")


def upgrade() -> None:
    """Make the schemas and `analytics.predictions`."""
    for schema in SCHEMAS:
        op.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
    op.create_table(
        "predictions",
        sa.Column("stay_id", sa.BigInteger, nullable=False, comment="ICU stay"),
        sa.Column("outcome", sa.Text, nullable=False, comment="what is predicted, e.g. mortality"),
        sa.Column("subject_id", sa.BigInteger, nullable=False, comment="patient"),
        sa.Column("hadm_id", sa.BigInteger, comment="hospital stay"),
        sa.Column("subject_shard", sa.Text, nullable=False, comment="shard the row was published from"),
        sa.Column("predicted_for", sa.DateTime, nullable=False, comment="index time: nothing known later was used"),
        sa.Column("probability", sa.Double, nullable=False, comment="calibrated probability of the outcome"),
        sa.Column("split", sa.Text, nullable=False, comment="train, validate or test patient"),
        sa.Column("model_version", sa.Text, nullable=False, comment="hash of the model that predicted"),
        sa.PrimaryKeyConstraint("outcome", "stay_id"),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name="probability_is_one"),
        schema="analytics",
        comment="Current predictions, one row per ICU stay and outcome; replaced shard by shard.",
    )
    op.create_index("predictions_by_shard", "predictions", ["subject_shard", "outcome"], schema="analytics")
    op.create_index("predictions_by_patient", "predictions", ["subject_id"], schema="analytics")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("predictions", schema="analytics")
    for schema in SCHEMAS:
        op.execute(sa.schema.DropSchema(schema))
