"""Registration keeps papers, pass-phrases, passwords to be told, reminders and batches."""

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _of_requests()
    _reminders()
    _batches()


def downgrade() -> None:
    for name in ("ca_batch_rows", "ca_batches", "ca_reminders", "ca_passwords", "ca_phrases", "ca_papers"):
        op.drop_table(name)


def _request(name: str, *, primary: bool = False) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("request", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["ca_requests.id"], name=op.f(f"fk_{name}_request_ca_requests")),
        *([sa.PrimaryKeyConstraint("request", name=op.f(f"pk_{name}"))] if primary else []),
    ]


def _of_requests() -> None:
    op.create_table(
        "ca_papers",
        sa.Column("id", sa.String(length=60), nullable=False),
        *_request("ca_papers"),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=80), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("attached_by", sa.String(length=80), nullable=False),
        sa.Column("attached_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_papers")),
    )
    op.create_index("ix_ca_papers_by_request", "ca_papers", ["request", "id"])
    op.create_table(
        "ca_phrases",
        *_request("ca_phrases", primary=True),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.Column("set_by", sa.String(length=80), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "ca_passwords",
        *_request("ca_passwords", primary=True),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("handed_to", sa.String(length=80), nullable=False),
        sa.Column("handed_at", UtcDateTime(), nullable=False),
    )


def _reminders() -> None:
    op.create_table(
        "ca_reminders",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("not_after", UtcDateTime(), nullable=False),
        sa.Column("reminded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["serial"], ["ca_certificates.serial"], name=op.f("fk_ca_reminders_serial_ca_certificates")
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_ca_reminders")),
    )
    op.create_index("ix_ca_reminders_by_end", "ca_reminders", ["not_after", "serial"])
    op.create_index("ix_ca_reminders_by_unit", "ca_reminders", ["unit", "not_after", "serial"])


def _batches() -> None:
    op.create_table(
        "ca_batches",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("profile", sa.String(length=60), nullable=False),
        sa.Column("profile_version", sa.String(length=20), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("together", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("approval", sa.String(length=60), nullable=False),
        sa.Column("filed_at", UtcDateTime(), nullable=False),
        sa.Column("keys", sa.LargeBinary(), nullable=True),
        sa.Column("passwords", sa.LargeBinary(), nullable=True),
        sa.Column("keys_to", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_batches")),
    )
    op.create_index("ix_ca_batches_by_state", "ca_batches", ["state", "id"])
    op.create_index("ix_ca_batches_by_unit", "ca_batches", ["unit", "id", "state"])
    op.create_table(
        "ca_batch_rows",
        sa.Column("batch", sa.String(length=60), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("request", sa.String(length=60), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["batch"], ["ca_batches.id"], name=op.f("fk_ca_batch_rows_batch_ca_batches")),
        sa.ForeignKeyConstraint(
            ["request"], ["ca_requests.id"], name=op.f("fk_ca_batch_rows_request_ca_requests")
        ),
        sa.PrimaryKeyConstraint("batch", "number", name=op.f("pk_ca_batch_rows")),
        sa.UniqueConstraint("request", name=op.f("uq_ca_batch_rows_request")),
    )
