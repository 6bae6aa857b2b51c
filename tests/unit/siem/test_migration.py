"""Alerts and observables that were there before lists needed more of them get it with the new schema."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Column, DateTime, MetaData, Table, create_engine, insert, select

from console.commands.db import alembic_config, upgrade_database
from kernel.store import Json, UtcDateTime

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_old_alerts_are_found_and_ordered(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = (
        request.getfixturevalue("postgres_url")
        if kind == "postgresql"
        else f"sqlite:///{tmp_path / 'x.sqlite'}"
    )
    command.upgrade(alembic_config(url), "0005")
    engine = create_engine(url)
    with engine.begin() as connection:
        known = MetaData()
        known.reflect(connection, only=["siem_alerts", "siem_cases", "siem_case_observables"])
        connection.execute(
            insert(_typed(known.tables["siem_alerts"])), [_alert("a1", "new"), _alert("a2", "closed")]
        )
        case = {
            "id": "c1",
            "title": "x",
            "level": "high",
            "state": "open",
            "unit": "u",
            "owner": "",
            "opened_at": NOW,
        }
        connection.execute(
            insert(_typed(known.tables["siem_cases"])), [{**case, "summary": "", "version": 1}]
        )
        seen = {"case_id": "c1", "kind": "ip", "value": "203.0.113.5"}
        connection.execute(insert(known.tables["siem_case_observables"]), [seen])
    upgrade_database(url)
    with engine.begin() as connection:
        known = MetaData()
        known.reflect(connection, only=["siem_alerts", "siem_case_observables"])
        alerts = known.tables["siem_alerts"].c
        rows = connection.execute(select(alerts.id, alerts.urgency, alerts.words).order_by(alerts.id)).all()
        assert [(row.id, row.urgency) for row in rows] == [("a1", 2060), ("a2", 60)]
        assert set(rows[0].words.splitlines()) == {"brute-force", "暴力破解", "Guessing", "203.0.113.5"}
        ids = connection.execute(select(known.tables["siem_case_observables"].c.id)).scalars().all()
    from siem.moves import observable_id

    assert ids == [observable_id("c1", "ip", "203.0.113.5")]
    engine.dispose()


def _typed(table: Table) -> Table:
    """The reflected table with values as Python has them: SQLite tells neither JSON nor zones of times."""
    columns = [Column(column.name, _type(column)) for column in table.c]
    return Table(table.name, MetaData(), *columns)


def _type(column: Column[Any]) -> Any:
    if column.name in ("titles", "group_values", "tags"):
        return Json
    return UtcDateTime() if isinstance(column.type, DateTime) else column.type


def _alert(name: str, state: str) -> dict[str, object]:
    return {
        "id": name,
        "key": name,
        "rule_id": "r",
        "rule_name": "brute-force",
        "titles": {"zh_CN": "暴力破解", "en": "Guessing"},
        "level": "high",
        "risk": 60,
        "state": state,
        "count": 1,
        "first_seen": NOW,
        "last_seen": NOW,
        "group_values": {"source.ip": "203.0.113.5"},
        "tags": [],
        "unit": "u",
        "asset": "",
        "assignee": "",
        "created_at": NOW,
        "version": 1,
    }
