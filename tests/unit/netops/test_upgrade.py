"""What an installation had collected before the lists came keeps its standing through the upgrade."""

import json
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from console.commands.db import alembic_config

AT = "2026-11-23 01:00:00.000000"
LATER = "2026-11-23 02:00:00.000000"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        made: str = request.getfixturevalue("postgres_url")
        return made
    return f"sqlite:///{tmp_path / 'weicheng.sqlite'}"


BEFORE = (
    "INSERT INTO netops_results (run, device_id, device, unit, state, version, millis, at) "
    f"VALUES ('run_1', 'asset_1', 'core', 'u_city', 'first', 'v1', 9, '{AT}')",
    "INSERT INTO netops_results (run, device_id, device, unit, state, millis, error, at) "
    f"VALUES ('run_2', 'asset_1', 'core', 'u_city', 'failed', 9, '100% refused', '{LATER}')",
    "INSERT INTO netops_versions (id, device_id, device, unit, platform, digest, original, lines, unread, legacy_ssh, "
    "source, actor, collected_at, seen_at) VALUES ('v1', 'asset_1', 'core', 'u_city', 'cisco_ios', 'd', 'o', 9, 0, "
    f"false, 'scheduled', 'system:worker', '{AT}', '{AT}')",
    *(
        "INSERT INTO netops_findings (id, device_id, identity, device, unit, rule, severity, controls, line, text, path, "
        f"mend, state, version, first_seen, last_seen, owner, reason, changed_by) VALUES ('f_{state}_{severity}', "
        f"'asset_1', '{state}{severity}', 'core', 'u_city', 'r', '{severity}', '[]', 1, 't', '[]', '[]', '{state}', "
        f"'v1', '{AT}', '{AT}', '', '', '')"
        for state, severity in (("open", "low"), ("excepted", "critical"), ("fixed", "high"))
    ),
    "INSERT INTO monitor_findings (id, kind, asset, subject, details, state, severity, unit, first_seen, last_seen, "
    f"reason) VALUES ('m_1', 'missing-link', 'asset_1', 's', '{{}}', 'open', 'info', 'u_city', '{AT}', '{AT}', '')",
    "INSERT INTO monitor_certificates (asset, endpoint, reachable, tls, problem, facts, checked_at) VALUES "
    f"('asset_2', '10.0.0.1:443', true, 'TLSv1.3', '', '{json.dumps({'not_after': '2027-01-01T00:00:00+00:00'})}', "
    f"'{AT}')",
)


def test_standings_weights_and_ends_are_filled_in(url: str) -> None:
    config = alembic_config(url)
    command.upgrade(config, "0004")
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in BEFORE:
            connection.exec_driver_sql(statement.replace("%", "%%") if "postgres" in url else statement)
    command.upgrade(config, "0005")
    with engine.begin() as connection:
        standing = connection.execute(text("SELECT state, version, error FROM netops_standings")).one()
        assert tuple(standing) == ("failed", "v1", "100%% refused")
        rows = connection.execute(text("SELECT id, weight FROM netops_findings")).all()
        weights = {row.id: row.weight for row in rows}
        assert weights == {"f_open_low": 1, "f_excepted_critical": 4, "f_fixed_high": 0}
        assert connection.execute(text("SELECT weight FROM monitor_findings")).scalar() == 1
        state, end = connection.execute(text("SELECT state, not_after FROM monitor_certificates")).one()
        assert (state, str(end)[:10]) == ("never", "2027-01-01")
    command.downgrade(config, "0004")
    engine.dispose()
