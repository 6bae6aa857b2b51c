"""Alerts in the order of work and with the words they are found by, their timelines; events of cases; tests of rules."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_FIRST = {"new": 2000, "acknowledged": 1000, "in_case": 1000, "closed": 0}
_ALERT_INDICES = {
    "ix_siem_alerts_urgency": ["urgency", "id"],
    "ix_siem_alerts_last_seen": ["last_seen", "id"],
    "ix_siem_alerts_state_urgency": ["state", "urgency", "id"],
    "ix_siem_alerts_unit_state_urgency": ["unit", "state", "urgency", "id"],
    "ix_siem_alerts_assignee_urgency": ["assignee", "urgency", "id"],
    "ix_siem_alerts_case_id": ["case_id"],
}
_CASE_INDICES = {
    "ix_siem_cases_opened_at": ["opened_at", "id"],
    "ix_siem_cases_state_opened_at": ["state", "opened_at", "id"],
    "ix_siem_cases_unit_opened_at": ["unit", "opened_at", "id"],
}


def upgrade() -> None:
    _make_tables()
    with op.batch_alter_table("siem_alerts") as batch:
        batch.add_column(sa.Column("urgency", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("words", sa.Text(), nullable=True))
    _fill()
    _number_observables()
    with op.batch_alter_table("siem_alerts") as batch:
        batch.alter_column("urgency", existing_type=sa.Integer(), nullable=False)
        batch.alter_column("words", existing_type=sa.Text(), nullable=False)
        batch.drop_index("ix_siem_alerts_state_risk")
    for table, indices in (("siem_alerts", _ALERT_INDICES), ("siem_cases", _CASE_INDICES)):
        for name, columns in indices.items():
            op.create_index(name, table, columns)


def _number_observables() -> None:
    names = ("case_id", "kind", "value")
    table = sa.table("siem_case_observables", *(sa.column(name, sa.String()) for name in ("id", *names)))
    op.add_column("siem_case_observables", sa.Column("id", sa.String(length=60), nullable=True))
    for row in op.get_bind().execute(sa.select(table)).all():
        same = sa.and_(*(table.c[name] == getattr(row, name) for name in names))
        said = "\0".join(getattr(row, name) for name in names)
        made = "obs_" + hashlib.sha256(said.encode()).hexdigest()[:32]
        op.execute(table.update().where(same).values(id=made))
    with op.batch_alter_table("siem_case_observables") as batch:
        batch.alter_column("id", existing_type=sa.String(length=60), nullable=False)
        batch.create_unique_constraint(op.f("uq_siem_case_observables_id"), ["id"])


def _make_tables() -> None:
    op.create_table(
        "siem_alert_timeline",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("alert_id", sa.String(length=60), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["siem_alerts.id"], name=op.f("fk_siem_alert_timeline_alert_id_siem_alerts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_siem_alert_timeline")),
    )
    op.create_index(op.f("ix_siem_alert_timeline_alert_id"), "siem_alert_timeline", ["alert_id"])
    op.create_table(
        "siem_case_events",
        sa.Column("case_id", sa.String(length=60), nullable=False),
        sa.Column("event_id", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["siem_cases.id"], name=op.f("fk_siem_case_events_case_id_siem_cases")
        ),
        sa.PrimaryKeyConstraint("case_id", "event_id", name=op.f("pk_siem_case_events")),
    )
    op.create_table(
        "siem_rule_tests",
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("tested_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("rule", name=op.f("pk_siem_rule_tests")),
    )


def _fill() -> None:
    """What is derived of an alert, for those that are there: its place in the order of work, its words."""
    alerts = sa.table(
        "siem_alerts",
        sa.column("id"),
        sa.column("state"),
        sa.column("risk"),
        sa.column("rule_name"),
        sa.column("titles", Json),
        sa.column("group_values", Json),
        sa.column("asset"),
        sa.column("urgency"),
        sa.column("words"),
    )
    assets = sa.table("assets_assets", sa.column("id"), sa.column("name"))
    connection = op.get_bind()
    names = {row.id: row.name for row in connection.execute(sa.select(assets.c.id, assets.c.name))}
    for row in connection.execute(sa.select(alerts)).all():
        titles, group = _mapping(row.titles), _mapping(row.group_values)
        found = [row.rule_name, *titles.values(), *map(str, group.values()), names.get(row.asset, "")]
        values = {
            "urgency": _FIRST[row.state] + row.risk,
            "words": "\n".join(dict.fromkeys(filter(None, found))),
        }
        connection.execute(alerts.update().where(alerts.c.id == row.id).values(**values))


def _mapping(value: object) -> dict[str, str]:
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}
