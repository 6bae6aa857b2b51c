"""Ceremonies of every kind with their steps and minutes; requests to offline CAs; every certificate of each CA.

What was founded before has its plan in today's form, and its CAs their first certificates.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_ceremonies = sa.table(
    "ca_ceremonies",
    sa.column("id"),
    sa.column("kind"),
    sa.column("plan", Json),
    sa.column("state"),
    sa.column("performed_at", UtcDateTime),
)
_ADDED: tuple[tuple[str, Any], ...] = (
    ("performed_by", sa.String(length=80)),
    ("minutes", sa.Text()),
    ("seal", sa.LargeBinary()),
    ("stamp", sa.LargeBinary()),
)


def upgrade() -> None:
    for name, kind in (("kind", sa.String(length=20)), ("state", sa.String(length=20)), *_ADDED):
        op.add_column("ca_ceremonies", sa.Column(name, kind, nullable=True))
    for row in op.get_bind().execute(sa.select(_ceremonies)).all():
        state = "proposed" if row.performed_at is None else "performed"
        values = {"kind": "founding", "state": state, "plan": _plan(row.plan)}
        op.execute(_ceremonies.update().where(_ceremonies.c.id == row.id).values(values))
    with op.batch_alter_table("ca_ceremonies") as batch:
        for name in ("kind", "state"):
            batch.alter_column(name, existing_type=sa.String(length=20), nullable=False)
    _create_steps()
    _create_offline_requests()
    _create_own_certificates()


def _plan(old: dict[str, Any]) -> dict[str, Any]:
    """A plan of one issuing CA as plans are now."""
    if "root" in old:
        return {"checklist": [], **old, "root": {"offline": False, **old["root"]}}
    issuing = {"id": "issuing", "name": old["issuing_name"], "algorithm": "p256"}
    issuing |= {"years": old["issuing_years"], "profiles": ["*"], "offline": False}
    root = {"id": "root", "name": old["root_name"], "algorithm": old["algorithm"]}
    root |= {"years": old["root_years"], "profiles": [], "offline": False}
    common = {name: old[name] for name in ("organisation", "witnesses")}
    return {**common, "root": root, "issuing": [issuing], "checklist": []}


def _create_steps() -> None:
    op.create_table(
        "ca_ceremony_steps",
        sa.Column("ceremony", sa.String(length=60), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("title", Json, nullable=False),
        sa.Column("about", sa.String(length=60), nullable=False),
        sa.Column("work", Json, nullable=True),
        sa.Column("result", Json, nullable=True),
        sa.Column("person", sa.String(length=200), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("done_by", sa.String(length=80), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ceremony"], ["ca_ceremonies.id"], name=op.f("fk_ca_ceremony_steps_ceremony")
        ),
        sa.PrimaryKeyConstraint("ceremony", "number", name=op.f("pk_ca_ceremony_steps")),
    )


def _create_offline_requests() -> None:
    op.create_table(
        "ca_offline_requests",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("ceremony", sa.String(length=60), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("work", Json, nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("exported_at", UtcDateTime(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("signed_by", sa.String(length=200), nullable=True),
        sa.Column("signed_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ceremony"], ["ca_ceremonies.id"], name=op.f("fk_ca_offline_requests_ceremony")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_offline_requests")),
    )
    op.create_index("ix_ca_offline_requests_step", "ca_offline_requests", ["ceremony", "number"])


def _create_own_certificates() -> None:
    table = op.create_table(
        "ca_authority_certificates",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["authority"], ["ca_authorities.id"], name=op.f("fk_ca_authority_certificates_authority")
        ),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_ca_authority_certificates")),
    )
    op.create_index(
        op.f("ix_ca_authority_certificates_authority"), "ca_authority_certificates", ["authority"]
    )
    found = sa.text("SELECT id, certificate FROM ca_authorities")
    for row in op.get_bind().execute(found).all():
        der = bytes(row.certificate)
        known = {"fingerprint": sha256(der).hexdigest(), "authority": row.id, "kind": "own", "der": der}
        op.execute(table.insert().values(**known, added_at=datetime.now(UTC)))


def downgrade() -> None:
    for name in ("ca_authority_certificates", "ca_offline_requests", "ca_ceremony_steps"):
        op.drop_table(name)
    with op.batch_alter_table("ca_ceremonies") as batch:
        for name in ("kind", "state", *(name for name, _kind in _ADDED)):
            batch.drop_column(name)
