"""A warrant stands with what it is for: one row less for each certificate."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_certificates = sa.table("ca_certificates", *map(sa.column, ("serial", "warrant")))
_warrants = sa.table("ca_warrants", *map(sa.column, ("serial", "warrant")))


def upgrade() -> None:
    op.add_column("ca_certificates", sa.Column("warrant", sa.Text()))
    mine = sa.select(_warrants.c.warrant).where(_warrants.c.serial == _certificates.c.serial)
    waiting = _certificates.c.serial.in_(sa.select(_warrants.c.serial))
    op.execute(sa.update(_certificates).where(waiting).values(warrant=mine.scalar_subquery()))
    op.drop_table("ca_warrants")


def downgrade() -> None:
    op.create_table(
        "ca_warrants",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("warrant", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["serial"], ["ca_certificates.serial"], name=op.f("fk_ca_warrants_serial_ca_certificates")
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_ca_warrants")),
    )
    waiting = sa.select(_certificates.c.serial, _certificates.c.warrant)
    waiting = waiting.where(_certificates.c.warrant.is_not(None))
    op.execute(sa.insert(_warrants).from_select(["serial", "warrant"], waiting))
    op.drop_column("ca_certificates", "warrant")
