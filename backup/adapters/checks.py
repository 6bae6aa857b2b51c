"""Application checks of restore drills: each asks restored data what its application would ask."""

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from backup.model import CheckResult
from kernel.i18n import N_, current_language, translate

_SECONDS = 300


class DatabaseCheck:
    """The suite's database: whole by its own check, and the heartbeat that dates it. SQLite file or pg_dump archive."""

    name = "database"

    def __init__(self, source: str) -> None:
        self.needs = frozenset({source})
        self._source = source

    def check(self, restored: Mapping[str, Path]) -> CheckResult:
        folder = restored[self._source]
        dump = folder / "database.pgdump"
        if dump.exists():
            return self._dump(dump)
        files = sorted(folder.glob("*.sqlite"))
        if len(files) != 1:
            return CheckResult(
                self.name, False, None, {"files": len(files)}, translate(N_("there is no database"))
            )
        return self._sqlite(files[0])

    def _sqlite(self, file: Path) -> CheckResult:
        try:
            connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
            try:
                said = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
                dangling = len(connection.execute("PRAGMA foreign_key_check").fetchall())
                tables = connection.execute(
                    "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
                ).fetchone()[0]
                beat = connection.execute("SELECT max(at) FROM backup_heartbeats").fetchone()[0]
            finally:
                connection.close()
        except sqlite3.Error as error:
            return CheckResult(self.name, False, None, {}, str(error)[:300])
        newest = datetime.fromisoformat(beat).replace(tzinfo=UTC) if beat else None
        facts = {"tables": tables, "dangling_references": dangling}
        return CheckResult(self.name, said == "ok" and not dangling, newest, facts, said[:300])

    def _dump(self, dump: Path) -> CheckResult:
        whole = _run(["pg_restore", "--file=/dev/null", str(dump)])
        if whole[0] != 0:
            return CheckResult(self.name, False, None, {}, whole[1][-300:])
        _code, text = _run(["pg_restore", "--data-only", "--table=backup_heartbeats", "--file=-", str(dump)])
        beats = re.findall(
            r"^[^\t\n]+\t(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d(?::?\d\d)?)$", text, re.M
        )
        newest = max((_moment(beat) for beat in beats), default=None)
        tables = len(re.findall(r" TABLE DATA ", _run(["pg_restore", "--list", str(dump)])[1]))
        return CheckResult(
            self.name,
            newest is not None,
            newest,
            {"tables": tables},
            translate(N_("pg_restore read all of it")),
        )


class GitCheck:
    """The archive of device configurations: every object whole and every version reachable, by git itself."""

    name = "configurations"

    def __init__(self, source: str) -> None:
        self.needs = frozenset({source})
        self._source = source

    def check(self, restored: Mapping[str, Path]) -> CheckResult:
        repository = str(restored[self._source] / "mirror.git")
        code, said = _run(["git", "-C", repository, "fsck", "--full", "--strict"])
        if code != 0:
            return CheckResult(self.name, False, None, {}, said[-300:])
        _code, count = _run(["git", "-C", repository, "rev-list", "--all", "--count"])
        versions = int(count) if count.strip().isdigit() else 0
        return CheckResult(
            self.name,
            versions > 0,
            None,
            {"versions": versions},
            translate(N_("git fsck finds every object whole")),
        )


class CommandCheck:
    """A check that runs as a process of its own, so that it shares nothing with the living application.

    The command prints one JSON object: ``ok`` (true or false), ``newest`` (ISO 8601 or null), ``facts`` and ``said``.
    """

    def __init__(
        self, name: str, needs: frozenset[str], command: Callable[[Mapping[str, Path]], Sequence[str]]
    ) -> None:
        self.name = name
        self.needs = needs
        self._command = command

    def check(self, restored: Mapping[str, Path]) -> CheckResult:
        code, out, err = _start(self._command(restored))
        try:
            answer = json.loads(out)
            newest = datetime.fromisoformat(answer["newest"]) if answer.get("newest") else None
            ok = code == 0 and answer["ok"] is True
            return CheckResult(
                self.name, ok, newest, dict(answer.get("facts") or {}), str(answer.get("said", ""))[:300]
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return CheckResult(
                self.name, False, None, {"status": code}, err.strip()[-300:] or translate(N_("no answer"))
            )


def _run(command: Sequence[str]) -> tuple[int, str]:
    code, out, err = _start(command)
    return code, out + err


def _start(command: Sequence[str]) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RESTIC_")}
    environment["WEICHENG_LANGUAGE"] = current_language()
    try:
        done = subprocess.run(
            list(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return 127, "", translate(N_("The program %(program)s is not installed."), program=command[0])
    except subprocess.TimeoutExpired:
        return (
            124,
            "",
            translate(
                N_("%(program)s did not end within %(seconds)s seconds."),
                program=command[0],
                seconds=_SECONDS,
            ),
        )
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def _moment(text: str) -> datetime:
    """PostgreSQL's text of a timestamptz, whose offset may lack minutes."""
    padded = text if re.search(r"[+-]\d\d:?\d\d$", text) else f"{text}:00"
    return datetime.fromisoformat(padded)
