"""The main job on PostgreSQL and Elasticsearch: the same findings as on the embedded stores, and again after it."""

import json
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.flow.conftest import ROOT, run_demo
from tests.flow.test_demo import STEPS

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.elasticsearch]


def planted(room: str) -> list[str]:
    faults = yaml.safe_load((ROOT / "tests" / "range" / "faults.yaml").read_text())["faults"]
    return sorted(
        fault["id"] for fault in faults if any(entry["room"] == room for entry in fault["expected"])
    )


def test_the_main_job_finds_the_same_on_the_grown_stores(
    tmp_path: Path, postgres_url: str, elasticsearch_url: str
) -> None:
    stores = {"WEICHENG_DATABASE_URL": postgres_url, "WEICHENG_EVENTS_URL": elasticsearch_url}
    folder = tmp_path / "demo"
    for _again in range(2):
        done = run_demo(folder, **stores)
        assert done.returncode == 0, done.stdout + done.stderr
        assert_found_what_was_planted(folder)
    assert not (folder / "data" / "weicheng.sqlite").exists()
    assert not (folder / "data" / "events").exists()
    assert databases_for_drills(postgres_url) == 0
    password = make_url(postgres_url).password
    assert password
    assert [path for path in sorted(folder.rglob("*")) if holds(path, password)] == [
        folder / "secrets" / name for name in ("backup__drill_database_url", "database_url")
    ]
    another = run_demo(tmp_path / "another", **stores)
    assert another.returncode == 6, "the stores of one demo are not another's to empty"


def assert_found_what_was_planted(folder: Path) -> None:
    steps = {step["name"]: step for step in json.loads((folder / "summary.json").read_text())["steps"]}
    assert tuple(steps) == STEPS
    for name, step in steps.items():
        assert sorted(step["found"]) == sorted(step["expected"]), name
        assert [check for check in step["checks"] if not check["ok"]] == []
    for room in ("netops", "monitor", "siem", "backup"):
        assert sorted(steps[room]["found"]) == planted(room) != []


def databases_for_drills(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        count = text("SELECT count(*) FROM pg_database WHERE datname LIKE 'weicheng_drill%'")
        left: int = connection.execute(count).scalar_one()
    engine.dispose()
    return left


def holds(path: Path, secret: str) -> bool:
    return path.is_file() and secret.encode() in path.read_bytes()
