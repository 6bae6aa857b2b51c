"""The CA while machines fail: processes killed at every step, signer and database gone, two workers at once.

Real processes: a signer, children that are killed, PostgreSQL. Whatever happens: nothing is issued that is not recorded,
nothing is recorded as issued that was not, no serial is without an owner, and the audit tells of all of it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from ca.intents import IntentState
from ca.model import Certificate, Request, State
from ca.tables import certificates
from console.compose.app import App
from console.compose.tables import import_all_tables
from kernel.audit.chain import audit_records as records
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.config import Settings, Signer
from kernel.errors import Unavailable, WeichengError
from kernel.identity.model import Principal, Role
from kernel.identity.store import units
from kernel.pki.algorithms import algorithm, verify
from tests.conftest import UNITS
from tests.contract.test_signer import SECRET, start
from tests.support.postgres import Postgres
from tests.unit.ca.office import OFFICER, found

REGISTRAR = Principal("usr_3", "registrar", frozenset({Role.REGISTRAR}), "u_city", "password")
CHILD = Path(__file__).with_name("ca_process.py")


@dataclass
class House:
    """A founded CA whose signer is a process of its own."""

    folder: Path
    app: App
    signer: subprocess.Popen[bytes]

    def request(self) -> Request:
        return self.app.ca.registration.file(
            REGISTRAR,
            profile="person",
            subject={"O": "市大数据局", "CN": "陈晓明"},
            names=(),
            unit="u_city",
            evidence="身份证原件",
        )

    def child(self, *arguments: str) -> subprocess.Popen[str]:
        """Another process over the same house."""
        settings = self.app.settings
        environment = {
            **os.environ,
            "WEICHENG_DATA_DIR": str(settings.data_dir),
            "WEICHENG_DATABASE_URL": settings.database,
            "WEICHENG_SIGNER__SOCKET": str(settings.signer_socket),
            "WEICHENG_SECRETS_DIR": str(self.folder / "secrets"),
        }
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        command = [sys.executable, str(CHILD), *arguments]
        return subprocess.Popen(command, env=environment, text=True, **pipes)  # type: ignore[call-overload, no-any-return]

    def kill_signer(self) -> None:
        self.signer.kill()
        self.signer.wait()

    def start_signer(self) -> None:
        (self.folder / "signer.sock").unlink(missing_ok=True)
        self.signer = start(self.folder)

    def rows(self) -> list[object]:
        """Every person's certificate, intended or issued."""
        with self.app.floor.database.read() as connection:
            return list(connection.execute(select(certificates).where(certificates.c.profile == "person")))

    def settled(self) -> None:
        """Recover, then look whether all is as it has to be."""
        self.app.ca.issuance.recover()
        issuing = {one.id: one for one in self.app.ca.authorities()}
        told, intended = self._told(), self._intended()
        for row in self.rows():
            assert row.state == State.ISSUED
            made = x509.load_der_x509_certificate(bytes(row.der))
            by = issuing[row.authority]
            assert f"{made.serial_number:032x}" == row.serial
            assert sha256_hex(made.tbs_certificate_bytes) == intended[row.serial]
            verify(by.spki, algorithm(by.algorithm).digest, made.signature, made.tbs_certificate_bytes)
            assert told[AuditAction.CA_SIGN_INTENT, row.serial] == 1
            assert told[AuditAction.CA_ISSUE, row.serial] == 1
            assert self.app.ca.registration.show(OFFICER, row.request).state is State.ISSUED
            assert (row.tbs, row.warrant) == (b"", None)  # nothing is left that could be signed
        issued = {serial for action, serial in told if action == AuditAction.CA_ISSUE}
        assert {row.serial for row in self.rows()} <= issued

    def _told(self) -> Counter[tuple[str, str]]:
        with self.app.floor.database.read() as connection:
            rows = connection.execute(select(records.c.action, records.c.target))
            return Counter((row.action, row.target.rpartition(":")[2]) for row in rows)

    def _intended(self) -> dict[str, str]:
        """By serial, the digest of what was to be signed, as the audit trail has it."""
        found = select(records.c.target, records.c.body).where(records.c.action == AuditAction.CA_SIGN_INTENT)
        with self.app.floor.database.read() as connection:
            rows = connection.execute(found).all()
        return {row.target.rpartition(":")[2]: json.loads(row.body)["details"]["tbs"] for row in rows}

    def recovered(self) -> int:
        return sum(number for (action, _), number in self._told().items() if action == AuditAction.CA_RECOVER)


@contextmanager
def opened(folder: Path, url: str = "") -> Iterator[House]:
    import_all_tables()
    signer = start(folder)
    section = Signer(socket=folder / "signer.sock", token_key=SecretStr(SECRET))
    app = App(Settings(data_dir=folder / "data", database_url=url, signer=section))
    house = House(folder, app, signer)
    try:
        app.floor.database.create_all()
        with app.floor.database.begin() as uow:
            for row in UNITS:
                uow.execute(units.insert().values(row))
        found(app)
        yield house
    finally:
        house.kill_signer()
        app.floor.database.close()
        with suppress(WeichengError):  # its idle connections would outlive the test
            app.ca.issuance._signer.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Postgres]]:
    """On a PostgreSQL of its own that may be killed."""
    server = Postgres(durable=True).start()
    try:
        with opened(tmp_path_factory.mktemp("grown"), server.fresh_database()) as made:
            yield made, server
    finally:
        server.stop()


# --- killed
STEPS = {
    "in the intent's transaction": False,
    "before the signature": True,
    "after the signature": True,
    "in the result's transaction": True,
    "after the result": None,  # nothing is left to do
}


def killed_at(house: House, step: str) -> None:
    request = house.request()
    before = house.recovered()
    with house.child("approve", step, request.id) as child:
        said, _ = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL, said
    left = [row for row in house.rows() if row.state == State.APPROVED]
    assert len(left) == (1 if STEPS[step] else 0)
    house.settled()
    assert house.recovered() - before == len(left)
    shown = house.app.ca.registration.show(OFFICER, request.id)
    if STEPS[step] is False:  # nothing was done: the officer decides again
        assert shown.state is State.REQUESTED
        assert isinstance(house.app.ca.registration.approve(OFFICER, request.id), Certificate)
    else:
        assert shown.state is State.ISSUED
    house.settled()


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_while_it_issues_leaves_one_certificate_or_none(house: House, step: str) -> None:
    killed_at(house, step)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("step", STEPS)
def test_nor_does_it_on_postgresql(grown: tuple[House, Postgres], step: str) -> None:
    killed_at(grown[0], step)


def test_a_signer_killed_in_a_busy_hour_is_found_back_by_recovery(house: House) -> None:
    requests = [house.request() for _ in range(24)]
    approve = house.app.ca.registration.approve
    died = threading.Event()

    def decide(request: Request) -> bool:
        try:
            approve(OFFICER, request.id)
        except WeichengError:
            died.set()
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(decide, request) for request in requests[:12]]
        time.sleep(0.05)
        house.kill_signer()
        futures += [pool.submit(decide, request) for request in requests[12:]]
        done = [future.result(60) for future in futures]
    assert died.is_set()
    waiting = [row for row in house.rows() if row.state == State.APPROVED]
    assert len(waiting) == done.count(False)
    with pytest.raises(WeichengError):
        house.app.ca.issuance.recover()  # not yet: nothing changes
    house.start_signer()
    house.settled()


def test_two_workers_that_recover_at_once_finish_each_certificate_once(house: House) -> None:
    house.kill_signer()
    for _ in range(8):
        with pytest.raises(WeichengError):
            house.app.ca.registration.approve(OFFICER, house.request().id)
    house.start_signer()
    before = house.recovered()
    with ExitStack() as stack:
        children = [stack.enter_context(house.child("recover")) for _ in range(2)]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        assert [child.wait(60) for child in children] == [0, 0]
    assert house.recovered() - before == 8
    house.settled()


# --- the database
@contextmanager
def full(house: House) -> Iterator[None]:
    """The disk has no room for another page."""
    engine = house.app.floor.database.engine
    engine.dispose()

    def no_room(connection: object, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        connection.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]

    from sqlalchemy import event

    event.listen(engine, "connect", no_room)
    try:
        yield
    finally:
        event.remove(engine, "connect", no_room)
        engine.dispose()


def test_a_full_disk_issues_nothing_that_is_not_recorded(house: House) -> None:
    filler = [house.request() for _ in range(3)]
    with full(house), house.app.floor.database.engine.connect() as connection:
        free = connection.execute(text("PRAGMA freelist_count")).scalar_one()
    failed = 0
    with full(house):
        for request in filler:
            try:
                house.app.ca.registration.approve(OFFICER, request.id)
            except SQLAlchemyError:
                failed += 1
    assert failed or free
    house.settled()
    for request in filler:
        if house.app.ca.registration.show(OFFICER, request.id).state is State.REQUESTED:
            assert isinstance(house.app.ca.registration.approve(OFFICER, request.id), Certificate)
    house.settled()


def between(house: House, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have something happen after the signature and before its result is stored."""
    signer = house.app.ca.issuance._signer
    real = signer.sign_warranted

    def then(*arguments: object) -> list[object]:
        made: list[object] = real(*arguments)  # type: ignore[arg-type]
        act()
        return made

    monkeypatch.setattr(signer, "sign_warranted", then)


def test_a_database_locked_by_another_keeps_the_intent(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    request = house.request()
    path = house.folder / "data" / "weicheng.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    engine = house.app.floor.database.engine
    engine.dispose()
    from sqlalchemy import event

    def impatient(connection: object, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout=200")  # type: ignore[attr-defined]

    event.listen(engine, "connect", impatient)
    with monkeypatch.context() as patched:
        between(house, lambda: other.execute("BEGIN EXCLUSIVE"), patched)
        with pytest.raises(SQLAlchemyError, match="locked"):
            house.app.ca.registration.approve(OFFICER, request.id)
    other.execute("ROLLBACK")
    other.close()
    event.remove(engine, "connect", impatient)
    engine.dispose()
    assert [row.state for row in house.rows()].count(State.APPROVED) == 1
    house.settled()
    assert house.app.ca.registration.show(OFFICER, request.id).state is State.ISSUED


def test_a_database_that_was_removed_is_not_written_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is put back from the backup knows the request, and the certificate was told to nobody."""
    folder = tmp_path / "house"
    folder.mkdir()
    with opened(folder) as house:
        request = house.request()
        path = folder / "data" / "weicheng.sqlite"
        files = [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")]

        def remove() -> None:
            for file in files:
                file.rename(file.with_name(file.name + ".away"))

        with monkeypatch.context() as patched:
            between(house, remove, patched)
            with pytest.raises((SQLAlchemyError, Unavailable)):
                house.app.ca.registration.approve(OFFICER, request.id)
        house.app.floor.database.engine.dispose()
        for file in files:
            if (away := file.with_name(file.name + ".away")).exists():
                file.unlink(missing_ok=True)
                away.rename(file)
        house.settled()
        assert house.app.ca.registration.show(OFFICER, request.id).state is State.ISSUED


@pytest.mark.postgres
def test_postgresql_killed_after_a_signature_loses_no_serial(
    grown: tuple[House, Postgres], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, server = grown
    request = house.request()
    with monkeypatch.context() as patched:
        between(house, server.crash, patched)
        with pytest.raises(SQLAlchemyError):
            house.app.ca.registration.approve(OFFICER, request.id)
    with pytest.raises(SQLAlchemyError):
        house.app.ca.issuance.recover()
    server.recover()
    with suppress(SQLAlchemyError):  # connections of the pool that died with it
        house.app.ca.registration.show(OFFICER, request.id)
    assert [row.state for row in house.rows()].count(State.APPROVED) == 1
    house.settled()
    assert house.app.ca.registration.show(OFFICER, request.id).state is State.ISSUED


# --- who changes the database
def test_what_was_changed_in_the_database_is_not_signed(house: House) -> None:
    """An intent whose bytes or warrant were changed behind the CA's back stays unsigned, and that is told."""
    house.kill_signer()
    with pytest.raises(WeichengError):
        house.app.ca.registration.approve(OFFICER, house.request().id)
    house.start_signer()
    (row,) = [one for one in house.rows() if one.state == State.APPROVED]
    changed = bytes(row.tbs).replace("陈晓明".encode(), "陈晓东".encode())
    assert changed != bytes(row.tbs)
    database = house.app.floor.database

    def put(tbs: bytes) -> None:
        with database.begin() as uow:
            mine = certificates.c.serial == row.serial
            uow.execute(certificates.update().where(mine).values(tbs=tbs))

    put(changed)
    assert house.app.ca.issuance.recover() == 0
    told = house.app.ca.intents.get(OFFICER, row.serial)
    assert told.state is IntentState.REFUSED
    assert "not those of the request" in str(told.refusal)
    put(bytes(row.tbs))
    with database.begin() as uow:
        warrant, mine = (
            json.loads(row.warrant),
            certificates.update().where(certificates.c.serial == row.serial),
        )
        uow.execute(mine.values(warrant=json.dumps({**warrant, "profile": "device"})))
    with pytest.raises(WeichengError, match="may not ask"):
        house.app.ca.intents.again(OFFICER, row.serial)
    with database.begin() as uow:
        uow.execute(mine.values(warrant=row.warrant))
    house.app.ca.intents.again(OFFICER, row.serial)
    house.settled()
