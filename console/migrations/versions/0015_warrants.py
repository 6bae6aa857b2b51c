"""What is prepared for the signer is kept with its warrant; decisions may be signed by who makes them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ca_warrants",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("warrant", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["serial"], ["ca_certificates.serial"], name=op.f("fk_ca_warrants_serial_ca_certificates")
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_ca_warrants")),
    )
    op.create_table(
        "identity_approval_signatures",
        sa.Column("approval", sa.String(length=60), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval"],
            ["identity_approvals.id"],
            name=op.f("fk_identity_approval_signatures_approval_identity_approvals"),
        ),
        sa.PrimaryKeyConstraint("approval", "person", name=op.f("pk_identity_approval_signatures")),
    )


def downgrade() -> None:
    op.drop_table("identity_approval_signatures")
    op.drop_table("ca_warrants")
