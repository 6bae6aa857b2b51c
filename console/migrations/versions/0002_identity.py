"""Programs sign in with tokens, people keep their preferences, one place can't try on and on; lists of people have indices."""

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INDICES = (
    ("identity_approvals", "opened_at"),
    ("identity_approvals", "requested_by"),
    ("identity_sessions", "last_seen_at"),
    ("identity_users", "unit"),
)
NEW = (("identity_tokens", "created_at"), ("identity_tokens", "user"), ("identity_origins", "since"))


def upgrade() -> None:
    op.create_table(
        "identity_tokens",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("scope", Json, nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["unit"], ["identity_units.id"], name=op.f("fk_identity_tokens_unit")),
        sa.ForeignKeyConstraint(["user"], ["identity_users.id"], name=op.f("fk_identity_tokens_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_identity_tokens_token_hash")),
    )
    op.create_table(
        "identity_preferences",
        sa.Column("user", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["identity_users.id"], name=op.f("fk_identity_preferences_user")),
        sa.PrimaryKeyConstraint("user", "name", name=op.f("pk_identity_preferences")),
    )
    op.create_table(
        "identity_origins",
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_identity_origins")),
    )
    for table, column in (*INDICES, *NEW):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


def downgrade() -> None:
    for table, column in INDICES:
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
    for table in ("identity_origins", "identity_preferences", "identity_tokens"):
        op.drop_table(table)
