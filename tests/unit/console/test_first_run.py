"""From an empty folder to three administrators at the command line."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kernel.identity.passwords import totp_code


class Terminal:
    """One person's shell on the suite's machine."""

    def __init__(self, home: Path, data: Path) -> None:
        self._env = {
            **os.environ,
            "HOME": str(home),
            "WEICHENG_DATA_DIR": str(data),
            "LANG": "en_GB.UTF-8",
        }

    def run(self, *arguments: str, given: str = "", status: int = 0) -> Any:
        command = [sys.executable, "-m", "console.main", "-o", "json", *arguments]
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, env=self._env, check=False
        )
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr


def code(uri: str, ahead: float = 0) -> str:
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    return totp_code(secret, time.time() + ahead)


OWN = "Wan-li-chang-cheng-2026"
SETUP = ("setup", "--sysadmin", "wang.wei:王伟", "--officer", "li.na:李娜", "--auditor", "zhang.min:张敏")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, tmp_path / "data")


def test_set_up_sign_in_work_sign_out(terminal: Terminal, tmp_path: Path) -> None:
    three = {row["login"]: row for row in terminal.run(*SETUP)}
    assert "set up already" in terminal.run(*SETUP, status=6)
    me = three["wang.wei"]
    terminal.run(
        "login", "--user", "wang.wei", "--password-file", "-", "--code", "000000", given="wrong\n", status=5
    )
    signing_in = ("login", "--user", "wang.wei", "--password-file", "-", "--code", code(me["totp"]))
    terminal.run(*signing_in, given=me["password"] + "\n")
    session = tmp_path / ".weicheng" / "session"
    assert session.stat().st_mode & 0o077 == 0
    assert "known to somebody else" in terminal.run("whoami", status=5)
    assert "account password" in terminal.run("account", "list", status=5)
    terminal.run("account", "password", "--from", "-", given=f"{me['password']}\n{OWN}\n")
    assert terminal.run("whoami")["roles"] == ["system_administrator"]
    terminal.run("account", "add-unit", "u_county", "--parent", "u_city", "--name", "临江县大数据中心")
    token = terminal.run("token", "create", "夜间报表", "--may", "identity:user:read", "--days", "7")
    assert [row["name"] for row in terminal.run("token", "list")] == ["夜间报表"]
    terminal.run("token", "revoke", token["id"], "--reason", "no longer needed")
    assert token["token"] not in str(terminal.run("token", "list"))
    assert terminal.run("token", "list")[0]["state"] == "revoked"
    added = terminal.run("account", "add", "liu.yang", "--name", "刘洋", "--unit", "u_county")
    assert added["password"]
    assert "may not do this" in terminal.run("account", "grant", "liu.yang", "registrar", status=5)
    assert "may not do this" in terminal.run("audit", "verify", status=5)
    terminal.run("logout")
    assert "not signed in" in terminal.run("whoami", status=5)


def test_the_auditor_verifies_exports_and_finds_what_was_tampered_with(
    terminal: Terminal, tmp_path: Path
) -> None:
    three = {row["login"]: row for row in terminal.run(*SETUP)}
    me = three["zhang.min"]
    signing_in = ("login", "--user", "zhang.min", "--password-file", "-", "--code", code(me["totp"]))
    terminal.run(*signing_in, given=me["password"] + "\n")
    terminal.run("account", "password", "--from", "-", given=f"{me['password']}\n{OWN}\n")
    assert terminal.run("audit", "verify")["intact"] is True
    terminal.run("audit", "export", str(tmp_path / "trail.jsonl"))
    assert len((tmp_path / "trail.jsonl").read_text().splitlines()) >= 5
    import sqlite3

    with sqlite3.connect(tmp_path / "data" / "weicheng.sqlite") as connection:
        connection.execute("DROP TRIGGER audit_records_no_update")
        connection.execute("UPDATE audit_records SET body = replace(body, '王伟', '王五') WHERE seq = 1")
        connection.execute("UPDATE audit_records SET actor = 'nobody' WHERE seq = 2")
    connection.close()
    done = subprocess.run(
        [sys.executable, "-m", "console.main", "--lang", "en", "-o", "json", "audit", "verify"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "WEICHENG_DATA_DIR": str(tmp_path / "data")},
    )
    assert done.returncode == 7
    assert 2 in [fault["seq"] for fault in json.loads(done.stdout)]


def test_an_update_whose_second_step_was_forgotten_is_told_with_it(
    terminal: Terminal, tmp_path: Path
) -> None:
    """The program is new and the database is not: nothing is tried on tables that are not there."""
    from alembic.script import ScriptDirectory

    from console.commands.db import alembic_config
    from console.compose.schema import newest

    terminal.run(*SETUP)
    file = tmp_path / "data" / "weicheng.sqlite"
    assert newest() == ScriptDirectory.from_config(alembic_config(f"sqlite:///{file}")).get_current_head()
    for other in ("0009", "9999"):
        with closing(sqlite3.connect(file)) as database:
            database.execute("UPDATE alembic_version SET version_num = ?", (other,))
            database.commit()
        told = terminal.run("account", "list", status=1)
        assert f"of revision {other}" in told
        assert "weicheng db upgrade" in told
