"""While the database is away pages and API say so, in words, and go on when it is back."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from kernel.identity.model import Role
from tests.unit.console.conftest import BASE, Browser, Console

SignedIn = Callable[[Role], Browser]
Away = Callable[[Console, Path], AbstractContextManager[None]]


@contextmanager
def disk_gone(console: Console, tmp_path: Path) -> Iterator[None]:
    console.app.floor.database.engine.dispose()
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    try:
        yield
    finally:
        (tmp_path / "elsewhere").rename(tmp_path / "data")


@contextmanager
def server_gone(console: Console, _tmp_path: Path) -> Iterator[None]:
    """As the driver tells it when nothing answers at the address."""
    engine = console.app.floor.database.engine

    def refused(*_given: object) -> None:
        raise sqlite3.OperationalError("connection refused")

    engine.dispose()
    event.listen(engine, "do_connect", refused)
    try:
        yield
    finally:
        event.remove(engine, "do_connect", refused)


@pytest.mark.parametrize("away", [disk_gone, server_gone])
@pytest.mark.parametrize("path", ["/api/v1/assets/assets", "/assets/assets", "/"])
def test_it_is_told_and_all_goes_on_afterwards(
    console: Console, signed_in: SignedIn, tmp_path: Path, path: str, away: Away
) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)
    assert browser.get(path).status_code == 200
    with away(console, tmp_path):
        answer = browser.get(path)
    assert answer.status_code == 503
    assert "数据库" in answer.text
    assert browser.get(path).status_code == 200


def test_the_api_names_it_for_programs_and_the_log_has_its_cause(console: Console, tmp_path: Path) -> None:
    with server_gone(console, tmp_path), capture_logs() as logged:
        answer = console.flask.test_client().get(
            "/api/v1/assets/assets", base_url=BASE, headers={"Authorization": "Bearer wct_" + "x" * 43}
        )
    assert answer.content_type == "application/problem+json"
    problem = answer.get_json()
    assert (problem["type"], problem["status"]) == ("urn:weicheng:problem:unavailable", 503)
    (failed,) = (one for one in logged if one["log_level"] == "error")
    assert failed["request_id"] == problem["request_id"]
    assert "connection refused" in str(failed["exc_info"])
