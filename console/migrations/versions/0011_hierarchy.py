"""Several issuing CAs, each with the profiles it issues, and an OCSP responder for each of them.

The one issuing CA there was issues every profile, as before.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from kernel.store import Json

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_authorities = sa.table(
    "ca_authorities",
    sa.column("id"),
    sa.column("parent"),
    sa.column("kind"),
    sa.column("profiles", Json),
    sa.column("state"),
    sa.column("offline"),
    sa.column("generation"),
)
_ADDED: tuple[tuple[str, Any], ...] = (
    ("kind", sa.String(length=20)),
    ("profiles", Json),
    ("state", sa.String(length=20)),
    ("offline", sa.Boolean()),
    ("generation", sa.Integer()),
)


def upgrade() -> None:
    for name, kind in _ADDED:
        op.add_column("ca_authorities", sa.Column(name, kind, nullable=True))
    common = {"state": "active", "offline": False, "generation": 1}
    root = _authorities.update().where(_authorities.c.parent.is_(None))
    op.execute(root.values(kind="root", profiles=[], **common))
    issuing = _authorities.update().where(_authorities.c.parent.is_not(None))
    op.execute(issuing.values(kind="issuing", profiles=["*"], **common))
    with op.batch_alter_table("ca_authorities") as batch:
        for name, kind in _ADDED:
            batch.alter_column(name, existing_type=kind, nullable=False)
        batch.alter_column("key", existing_type=sa.String(length=60), nullable=True)
        batch.add_column(sa.Column("predecessor", sa.String(length=60), nullable=True))
        batch.create_foreign_key(
            op.f("fk_ca_authorities_predecessor"), "ca_authorities", ["predecessor"], ["id"]
        )
    with op.batch_alter_table("ca_services") as batch:
        batch.drop_constraint(op.f("pk_ca_services"), type_="primary")
        batch.create_primary_key(op.f("pk_ca_services"), ["role", "authority"])


def downgrade() -> None:
    with op.batch_alter_table("ca_services") as batch:
        batch.drop_constraint(op.f("pk_ca_services"), type_="primary")
        batch.create_primary_key(op.f("pk_ca_services"), ["role"])
    with op.batch_alter_table("ca_authorities") as batch:
        batch.drop_constraint(op.f("fk_ca_authorities_predecessor"), type_="foreignkey")
        batch.drop_column("predecessor")
        for name, _kind in _ADDED:
            batch.drop_column(name)
