"""Fixtures that start real servers for tests.

``postgres_url``       a new, empty PostgreSQL database for each test
``chromium``           Debian's browser, headless, for the whole session
``elasticsearch_url``  one Elasticsearch node for the whole session; use names of your own, data streams stay

Where a server's programs are missing the test is skipped and says what to install; under CI that is a failure.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.elasticsearch import Elasticsearch
from tests.support.postgres import Postgres
from tests.support.process import Missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Chromium keeps to the page it is given: no calls home, no sandbox as root in a container.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Startable(Protocol):
    def start(self) -> object: ...


S = TypeVar("S", bound=Startable)


def started(make: Callable[[], S]) -> S:
    """Make and start the server; skip (fail under CI) when its programs are missing."""
    try:
        server = make()
        server.start()
    except Missing as missing:
        lacking(str(missing))
    return server


def lacking(reason: str) -> NoReturn:
    """Skip the test for what this machine lacks; CI has everything, so there it is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = started(Postgres)
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    url = postgres.fresh_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[Elasticsearch]:
    server = started(Elasticsearch)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def elasticsearch_url(elasticsearch: Elasticsearch) -> str:
    return elasticsearch.url


# A module's, not the session's: while it lives, Playwright's event loop runs in this thread and nobody else can start one.
@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        lacking("chromium is missing: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(QUIET))
        yield browser
        browser.close()


# --- two at a time (pytest-xdist)
_ONE_NETWORK = ("tests/flow/", "tests/unit/range/", "tests/unit/netops/", "tests/unit/monitor/")
# flows with folders, sockets and ports of their own
_BY_THEMSELVES = tuple(
    f"tests/flow/test_{name}.py"
    for name in ("ca", "ca_faults", "ca_waiting", "ceremony", "hsm", "log_killed")
)


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """What shares the practice network's addresses or the served demo's port follows one another; the rest file by file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        shared = file.startswith(_ONE_NETWORK) and file not in _BY_THEMSELVES
        return "the practice network" if shared else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)
