"""Which sniffing found a document's content type; which runs are counted among its failed attempts, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ATTEMPTS = "failed_attempts"
_SCHEMA = "document_cache"


def upgrade() -> None:
    """Add the columns; forget attempts so far: their limits may be the most of several runs, which nobody tried."""
    op.add_column(
        "documents", sa.Column("sniffed_by", sa.Text, comment="version of what found content_type"), schema=_SCHEMA
    )
    op.execute("DELETE FROM document_cache.failed_attempts")
    op.add_column(
        _ATTEMPTS,
        sa.Column("runs", sa.ARRAY(sa.Text), nullable=False, comment="that are counted, in order"),
        schema=_SCHEMA,
    )
    op.add_column(
        _ATTEMPTS,
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False, comment="when the last attempt counted"),
        schema=_SCHEMA,
    )
    _say("runs counted with these limits", "time each was given", "memory each was given; null: no limit")


def downgrade() -> None:
    """Drop what `upgrade` added; failed attempts are forgotten, and what was given up is tried again."""
    op.execute("DELETE FROM document_cache.failed_attempts")
    op.drop_column(_ATTEMPTS, "counted_at", schema=_SCHEMA)
    op.drop_column(_ATTEMPTS, "runs", schema=_SCHEMA)
    _say(
        "runs that failed with these limits or smaller ones",
        "time the document was given, the most of all runs",
        "memory it was given, the most of all runs; null: no limit",
    )
    op.drop_column("documents", "sniffed_by", schema=_SCHEMA)


def _say(attempts: str, seconds: str, memory_bytes: str) -> None:
    for column, comment in (("attempts", attempts), ("seconds", seconds), ("memory_bytes", memory_bytes)):
        op.alter_column(_ATTEMPTS, column, comment=comment, schema=_SCHEMA)
