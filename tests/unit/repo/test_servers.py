"""The servers that tests stand on are real, fresh for each test, and gone afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest

from tests.support import elasticsearch as elasticsearch_module
from tests.support.plugin import lacking
from tests.support.process import Server


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg:", "postgresql:")


@pytest.mark.postgres
class TestPostgres:
    def test_a_real_server_of_at_least_15_answers(self, postgres_url: str) -> None:
        with psycopg.connect(plain(postgres_url)) as connection:
            assert connection.info.server_version >= 150000

    @pytest.mark.parametrize("_turn", [1, 2])
    def test_each_test_begins_with_an_empty_database(self, postgres_url: str, _turn: int) -> None:
        with psycopg.connect(plain(postgres_url)) as connection:
            connection.execute("CREATE TABLE only_once (name text)")  # would fail on a used database
            connection.execute("INSERT INTO only_once VALUES ('卫城')")

    def test_a_wrong_password_is_refused(self, postgres_url: str) -> None:
        before, after = plain(postgres_url).rsplit("@", 1)
        user = before.rsplit(":", 1)[0]
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(f"{user}:wrong@{after}")


@pytest.mark.elasticsearch
class TestElasticsearch:
    def test_a_real_node_of_version_9_answers(self, elasticsearch_url: str) -> None:
        with urllib.request.urlopen(elasticsearch_url, timeout=10) as answer:
            assert answer.headers["X-Elastic-Product"] == "Elasticsearch"
            assert json.load(answer)["version"]["number"].startswith("9.")

    def test_it_listens_on_loopback_only(self, elasticsearch_url: str) -> None:
        assert elasticsearch_url.startswith("http://127.0.0.1:")


def test_the_cache_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEICHENG_CACHE", str(tmp_path))
    assert elasticsearch_module.cache() == tmp_path


def test_a_jre_or_an_old_jdk_will_not_do(tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.write_text('IMPLEMENTOR="x"\nJAVA_VERSION="17.0.15"\n')
    assert elasticsearch_module._major(release) == 17
    assert elasticsearch_module._major(tmp_path / "absent") == 0


def test_what_a_machine_lacks_skips_at_home_and_fails_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install"):
        lacking("apt-get install x")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install"):
        lacking("apt-get install x")


def test_a_server_that_ends_by_itself_shows_its_log(tmp_path: Path) -> None:
    server = Server("toy", ["sh", "-c", "echo cannot bind; exit 3"], tmp_path / "log", {}, signal.SIGTERM)
    with pytest.raises(RuntimeError, match="cannot bind"):
        server.wait_until(lambda: False, 10)


def test_a_server_dies_with_tests_that_are_killed(tmp_path: Path) -> None:
    """kill -9 of the process that started it leaves no server behind."""
    script = (
        "import signal, sys, time; from pathlib import Path; from tests.support.process import Server\n"
        "environment = {'PATH': '/usr/bin:/bin'}\n"
        "server = Server('sleeper', ['sleep', '300'], Path(sys.argv[1]), environment, signal.SIGTERM)\n"
        "print(server.pid, flush=True); time.sleep(300)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent, parent.stdout:
        child = int(parent.stdout.readline())
        while not Path(f"/proc/{child}/cmdline").read_text().startswith("sleep\0"):
            time.sleep(0.05)  # setpriv is about to become the server
        parent.kill()
    assert gone(child)


def gone(pid: int) -> bool:
    for _attempt in range(50):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False
