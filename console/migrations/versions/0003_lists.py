"""Lists of the kernel's objects: what they are narrowed by has indices, jobs keep a log, links have ids."""

import hashlib

import sqlalchemy as sa
from alembic import op

from kernel.audit.chain import PROTECTION
from kernel.store import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

AUDIT = ("action", "actor", "target")
NARROWED = (
    ("audit_records", "seq", ("actor", "action", "object", "unit", "outcome")),
    ("evidence_records", "seq", ("kind", "subject", "unit")),
    ("jobs", "id", ("state", "kind", "unit", "requested_by")),
)
REGISTER = {
    "ix_assets_assets_zone": ["zone"],
    "ix_assets_assets_by_name": ["retired_at", "name", "address", "platform", "kind", "unit"],
    "ix_assets_assets_by_address": ["retired_at", "address"],
}
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name in (*AUDIT, "target_seq"):
        op.drop_index(f"ix_audit_records_{name}", table_name="audit_records")
    for name in ("kind", "subject"):
        op.drop_index(f"ix_evidence_records_{name}", table_name="evidence_records")
    op.drop_index("ix_assets_assets_kind", table_name="assets_assets")
    _name_actors_and_objects()
    _number_links()
    op.create_table(
        "jobs_log",
        sa.Column("id", _Id, autoincrement=True, nullable=False),
        sa.Column("job", sa.String(length=60), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs_log")),
    )
    op.create_index(op.f("ix_jobs_log_job_id"), "jobs_log", ["job", "id"])
    for name, ordered in REGISTER.items():
        op.create_index(name, "assets_assets", ordered)
    op.create_index(op.f("ix_assets_links_b"), "assets_links", ["b"])
    for table, order, columns in NARROWED:
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}_{order}"), table, [column, order])


def downgrade() -> None:
    for table, order, columns in NARROWED:
        for column in columns:
            op.drop_index(f"ix_{table}_{column}_{order}", table_name=table)
    op.drop_index("ix_assets_links_b", table_name="assets_links")
    for name in REGISTER:
        op.drop_index(name, table_name="assets_assets")
    op.drop_table("jobs_log")
    with op.batch_alter_table("assets_links") as links:
        links.drop_constraint("uq_assets_links_id", type_="unique")
        links.drop_column("id")
    for name in ("actor_name", "object"):
        op.drop_column("audit_records", name)
    op.create_index("ix_assets_assets_kind", "assets_assets", ["kind"])
    for name in ("kind", "subject"):
        op.create_index(f"ix_evidence_records_{name}", "evidence_records", [name])
    for name in AUDIT:
        op.create_index(f"ix_audit_records_{name}", "audit_records", [name])
    op.create_index("ix_audit_records_target_seq", "audit_records", ["target", "seq"])


def _name_actors_and_objects() -> None:
    """Two more columns of what the bodies say; the triggers that keep records as they are stand aside meanwhile."""
    op.add_column("audit_records", sa.Column("actor_name", sa.String(200), nullable=False, server_default=""))
    op.add_column("audit_records", sa.Column("object", sa.String(300), nullable=False, server_default=""))
    grown = op.get_bind().dialect.name == "postgresql"
    trigger = "audit_records_append_only ON audit_records" if grown else "audit_records_no_update"
    name = "body::json ->> 'actor_name'" if grown else "json_extract(body, '$.actor_name')"
    place = "position(':' in target)" if grown else "instr(target, ':')"
    op.execute(f"DROP TRIGGER {trigger}")
    op.execute(
        f"UPDATE audit_records SET actor_name = substr({name}, 1, 200), object = "  # noqa: S608 - our own words
        f"CASE WHEN {place} BETWEEN 1 AND length(target) - 1 THEN substr(target, {place} + 1) ELSE target END"
    )
    op.execute(PROTECTION["postgresql"][1] if grown else PROTECTION["sqlite"][0])


def _number_links() -> None:
    ends = ("a", "a_port", "b", "b_port")
    links = sa.table("assets_links", *(sa.column(name, sa.String()) for name in ("id", *ends)))
    op.add_column("assets_links", sa.Column("id", sa.String(60), nullable=True))
    for row in op.get_bind().execute(sa.select(links)).all():
        same = sa.and_(*(links.c[name] == getattr(row, name) for name in ends))
        said = "\0".join(getattr(row, name) for name in ends)
        made = "link_" + hashlib.sha256(said.encode()).hexdigest()[:32]
        op.execute(links.update().where(same).values(id=made))
    with op.batch_alter_table("assets_links") as batch:
        batch.alter_column("id", existing_type=sa.String(60), nullable=False)
        batch.create_unique_constraint(op.f("uq_assets_links_id"), ["id"])
