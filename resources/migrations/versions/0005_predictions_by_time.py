"""Predictions of several moments of a stay, and of stays in the emergency department.

A stay may be predicted at every hour, so the moment belongs to the key; numbers of ED and ICU stays are unrelated, so
each row says whose its number is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the key, and say what kind of stay and which hour a row is about."""
    stay_type = sa.Column(
        "stay_type", sa.Text, nullable=False, server_default="icu", comment="whose stay_id it is: icu or ed"
    )
    op.add_column("predictions", stay_type, schema="analytics")
    op.add_column(
        "predictions",
        sa.Column("hr", sa.Integer, comment="hours since ICU admission, where every hour is predicted"),
        schema="analytics",
    )
    op.alter_column("predictions", "stay_id", comment="ICU or ED stay, see stay_type", schema="analytics")
    op.drop_constraint("predictions_pkey", "predictions", type_="primary", schema="analytics")
    op.create_primary_key(
        "predictions_pkey", "predictions", ["outcome", "stay_id", "predicted_for"], schema="analytics"
    )
    op.create_check_constraint("stay_type_is_known", "predictions", "stay_type IN ('icu', 'ed')", schema="analytics")
    op.create_table_comment(
        "predictions",
        "Current predictions, one row per outcome, stay and moment of prediction; replaced shard by shard.",
        schema="analytics",
    )


def downgrade() -> None:
    """Narrow the key again; rows it has no place for are dropped, since they can be predicted again."""
    op.execute("DELETE FROM analytics.predictions WHERE hr IS NOT NULL OR stay_type <> 'icu'")
    op.drop_constraint("predictions_pkey", "predictions", type_="primary", schema="analytics")
    op.create_primary_key("predictions_pkey", "predictions", ["outcome", "stay_id"], schema="analytics")
    op.drop_constraint("stay_type_is_known", "predictions", type_="check", schema="analytics")
    op.drop_column("predictions", "hr", schema="analytics")
    op.drop_column("predictions", "stay_type", schema="analytics")
    op.alter_column("predictions", "stay_id", comment="ICU stay", schema="analytics")
    op.create_table_comment(
        "predictions",
        "Current predictions, one row per ICU stay and outcome; replaced shard by shard.",
        schema="analytics",
    )
