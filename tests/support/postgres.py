"""A real PostgreSQL for the tests: Debian's server, in a temporary folder, on a unix socket and a free loopback port."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.process import Missing, Server, server_folder, stepping_down

SERVERS = Path("/usr/lib/postgresql")
USER = "weicheng"
MEMORY, ROOM = Path("/dev/shm"), 2**30


def programs() -> Path:
    """The folder of the newest installed server's programs; Missing if there is none."""
    found = [path for path in SERVERS.glob("*/bin/initdb") if path.parts[-3].isdigit()]
    if not found:
        raise Missing("PostgreSQL's server is missing: apt-get install postgresql")
    return max(found, key=lambda path: int(path.parts[-3])).parent


def quickest_folder() -> Path:
    """In memory where that has a GiB to spare: to make a database is to make a thousand files."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if roomy else Path("/var/tmp")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Postgres:
    """One server for a test session; ``fresh_database`` gives each test an empty database of its own."""

    def __init__(self, *, durable: bool = False, parent: Path | None = None, memory: str = "64MB") -> None:
        """With ``durable`` what it acknowledged survives ``crash``; its files lie in ``parent``, ``memory`` is its buffers'."""
        self._durable = durable
        self._memory = memory
        self._programs = programs()
        self._folder = server_folder("weicheng-postgres-", parent or quickest_folder())
        self._password = secrets.token_urlsafe(16)
        self._server: Server | None = None
        self.port = free_port()

    def start(self) -> "Postgres":
        """Make the cluster and wait until it answers; clean up and raise if it does not."""
        try:
            self._initialise()
            self._launch().wait_until(self._answers, 60)
        except BaseException:
            self.stop()
            raise
        return self

    def _initialise(self) -> None:
        password = self._folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._password)
        if os.geteuid() == 0:
            shutil.chown(password, "nobody", "nogroup")
        where = ["--pgdata", str(self._folder / "data"), "--encoding", "UTF8", "--locale", "C.UTF-8"]
        who = ["--username", USER, "--pwfile", str(password), "--auth", "scram-sha-256"]
        command = [str(self._programs / "initdb"), *where, *who, "--no-sync"]
        done = subprocess.run(stepping_down(command), cwd="/", capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _launch(self) -> Server:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "fsync": "off",  # the data is thrown away; tests kill the server's clients, they don't cut its power
            "synchronous_commit": "on" if self._durable else "off",
            "full_page_writes": "off",
            "shared_buffers": self._memory,
            "max_wal_size": "128MB",
            "max_connections": 60,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), *options]
        log = self._folder / "log"
        self._server = Server("PostgreSQL", command, log, dict(os.environ), signal.SIGINT)  # fast shutdown
        return self._server

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def fresh_database(self, pattern: str = "") -> str:
        """Create an empty database, or a copy of the one at the URL ``pattern``, and return its SQLAlchemy URL."""
        name = f"test_{uuid.uuid4().hex}"
        copied = sql.Identifier(pattern.rsplit("/", 1)[1] if pattern else "template1")
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(name), copied)
        )
        return self._address(name).replace("postgresql:", "postgresql+psycopg:")

    def drop_database(self, url: str) -> None:
        """Drop it again, with whoever still holds a connection."""
        name = sql.Identifier(url.rsplit("/", 1)[1])
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _address(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def processes(self) -> list[int]:
        """The server and those that serve its clients."""
        if self._server is None:
            return []
        pid = self._server.pid
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def crash(self) -> None:
        """Kill it as a failing machine would; ``recover`` starts it again on the same port and data."""
        if self._server is not None:
            os.kill(self._server.pid, signal.SIGKILL)
            self._server.stop()

    def recover(self) -> None:
        """Start it again; what the dead one's children still hold is free after a moment."""
        for _attempt in range(10):
            try:
                self._launch().wait_until(self._answers, 60)
            except RuntimeError:
                time.sleep(0.5)
            else:
                return
        raise RuntimeError("PostgreSQL does not come back")

    def stop(self) -> None:
        """End the server and remove all its files."""
        if self._server is not None:
            self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
