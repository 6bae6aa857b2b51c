"""The enrolment service as it is installed: its process, the signer's, and programs that ask over HTTPS."""

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from ca.model import State
from ca.tables import certificates, requests
from kernel.audit.chain import audit_records
from kernel.audit.model import AuditAction
from kernel.audit.trail import verify_chain
from kernel.identity.model import Principal, Role
from kernel.identity.permissions import APPROVING, permissions_of
from kernel.pki.algorithms import algorithm, verify
from kernel.store.listing import Ask
from tests.flow.test_ca_faults import House, opened
from tests.support.certificates import TestCa
from tests.support.postgres import Postgres
from tests.unit.ca.office import OFFICER
from tests.unit.console.test_enrolment import PATH, csr

ADMINISTRATOR = Principal("usr_admin", "admin", frozenset({Role.SYSTEM_ADMINISTRATOR}), "u_city", "password")


@dataclass
class Enrolment:
    """The service's process, and a registrar's token."""

    house: House
    folder: Path
    port: int
    person: Principal
    token: str
    process: subprocess.Popen[bytes] | None = None
    trust: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        self.trust = ssl.create_default_context(cafile=self.folder / "ca.pem")

    def start(self) -> None:
        settings = self.house.app.settings
        environment = {
            **os.environ,
            "WEICHENG_DATA_DIR": str(settings.data_dir),
            "WEICHENG_DATABASE_URL": settings.database,
            "WEICHENG_SIGNER__SOCKET": str(settings.signer_socket),
            "WEICHENG_SECRETS_DIR": str(self.house.folder / "secrets"),
            "WEICHENG_WEB__CERTIFICATE": str(self.folder / "server-127.0.0.1.pem"),
            "WEICHENG_WEB__KEY": str(self.folder / "server-127.0.0.1.key"),
            "WEICHENG_WEB__API_PER_MINUTE": "100000",
            "WEICHENG_ENROL__PORT": str(self.port),
            "WEICHENG_LOG_LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "console.main", "serve", "enrol"]
        self.process = subprocess.Popen(command, env=environment, start_new_session=True)
        deadline = time.monotonic() + 60
        while not self.ready():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def kill(self) -> None:
        """All its processes at once, as when the power fails."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def ready(self) -> bool:
        try:
            with closing(self.connect()) as connection:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
        except OSError:
            return False

    def connect(self) -> HTTPSConnection:
        return HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.trust)

    def ask(
        self, connection: HTTPSConnection, csrs: bytes, key: str = "", **changes: str
    ) -> tuple[int, dict[str, object]]:
        given = {"profile": "device-automatic", "unit": "u_county", "evidence": "register"} | changes
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        body = json.dumps(given | {"csr": base64.b64encode(csrs).decode()})
        connection.request("POST", PATH, body, headers | ({"Idempotency-Key": key} if key else {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def issued(
        self, connection: HTTPSConnection, host: str, key: ec.EllipticCurvePrivateKey
    ) -> x509.Certificate:
        """The certificate of a device that asks for one."""
        status, told = self.ask(connection, csr(host, key))
        assert status == 200, told
        (row,) = told["rows"]  # type: ignore[misc]
        return x509.load_pem_x509_certificate(row["certificate"].encode())

    def settled(self) -> set[str]:
        """Look whether all is as it has to be; the serial numbers of what was issued to devices."""
        app = self.house.app
        app.ca.issuance.recover()
        issuing = {one.id: one for one in app.ca.authorities()}
        with app.floor.database.read() as connection:
            assert verify_chain(connection).intact
            waiting = select(certificates.c.serial).where(certificates.c.warrant.is_not(None))
            assert connection.execute(waiting).all() == []
            mine = select(certificates).where(certificates.c.profile == "device-automatic")
            rows = connection.execute(mine).all()
            filed = set(
                connection.execute(select(requests.c.id).where(requests.c.state == State.ISSUED)).scalars()
            )
            told = select(audit_records.c.target).where(audit_records.c.action == AuditAction.CA_ISSUE)
            audited = [target.rpartition(":")[2] for target in connection.execute(told).scalars()]
        for row in rows:
            assert row.state == State.ISSUED
            assert row.request in filed
            assert audited.count(row.serial) == 1
            made, by = x509.load_der_x509_certificate(bytes(row.der)), issuing[row.authority]
            verify(by.spki, algorithm(by.algorithm).digest, made.signature, made.tbs_certificate_bytes)
        return {row.serial for row in rows}


@contextmanager
def enrolling(folder: Path, url: str = "") -> Iterator[Enrolment]:
    (folder / "house").mkdir(parents=True)
    with opened(folder / "house", url) as house:
        TestCa(folder).server()
        account = house.app.identity.create_user(ADMINISTRATOR, "liu.yang", "刘洋", "u_county")
        house.app.identity.grant_roles(OFFICER, "liu.yang", [Role.REGISTRAR])
        person = Principal(account.user.id, "刘洋", frozenset({Role.REGISTRAR}), "u_county", "password")
        made = house.app.floor.tokens.create(
            person,
            "devices",
            permissions_of(person.roles) - APPROVING,
            "u_county",
            house.app.clock.now() + timedelta(days=1),
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        enrolment = Enrolment(house, folder, port, person, made.secret)
        enrolment.start()
        try:
            yield enrolment
        finally:
            enrolment.stop()


@pytest.fixture(scope="module")
def enrolment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enrolment]:
    with enrolling(tmp_path_factory.mktemp("enrolment")) as made:
        yield made


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_device_gets_its_certificate_with_openssl_and_curl(enrolment: Enrolment, tmp_path: Path) -> None:
    request = ("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    names = (
        "-subj",
        "/O=临江县大数据中心/CN=cam-curl",
        "-addext",
        "subjectAltName=DNS:cam-curl.gov.internal",
    )
    key, made = str(tmp_path / "cam.key"), str(tmp_path / "cam.csr")
    run("openssl", *request, "-utf8", *names, "-keyout", key, "-out", made)
    given = {"profile": "device-automatic", "unit": "u_county", "evidence": "设备台账"}
    bundle = base64.b64encode(Path(made).read_bytes()).decode()
    (tmp_path / "body").write_text(json.dumps(given | {"csr": bundle}))
    (tmp_path / "token").write_text(f"Authorization: Bearer {enrolment.token}")
    told = run(
        *("curl", "--silent", "--show-error", "--fail", "--cacert", str(enrolment.folder / "ca.pem")),
        *("--header", f"@{tmp_path / 'token'}", "--json", f"@{tmp_path / 'body'}"),
        f"https://127.0.0.1:{enrolment.port}{PATH}",
    )
    (row,) = json.loads(told)["rows"]
    (tmp_path / "cam.pem").write_text(row["certificate"])
    for one in enrolment.house.app.ca.authorities():
        with (tmp_path / ("root.pem" if one.parent is None else "issuing.pem")).open("wb") as file:
            file.write(ssl.DER_cert_to_PEM_cert(one.certificate).encode())
    chain = ("-CAfile", str(tmp_path / "root.pem"), "-untrusted", str(tmp_path / "issuing.pem"))
    assert run("openssl", "verify", *chain, str(tmp_path / "cam.pem")).endswith("OK\n")
    public = run("openssl", "pkey", "-in", key, "-pubout")
    assert run("openssl", "x509", "-in", str(tmp_path / "cam.pem"), "-noout", "-pubkey") == public


def test_many_at_once_each_get_their_own(enrolment: Enrolment) -> None:
    def device(number: int) -> list[str]:
        found = []
        with closing(enrolment.connect()) as connection:
            for turn in range(5):
                host, key = f"cam-{number}-{turn}", ec.generate_private_key(ec.SECP256R1())
                made = enrolment.issued(connection, host, key)
                assert made.public_key() == key.public_key()
                assert f"CN={host}" in made.subject.rfc4514_string()
                found.append(f"{made.serial_number:032x}")
            assert enrolment.ask(connection, csr("x"), profile="device")[0] == 409
            assert enrolment.ask(connection, csr("x"), unit="u_other")[0] == 403
        return found

    with ThreadPoolExecutor(12) as pool:
        told = [serial for found in pool.map(device, range(12)) for serial in found]
    assert len(set(told)) == 60
    assert set(told) <= enrolment.settled()


def test_two_hundred_in_one_request_and_no_more(enrolment: Enrolment) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    many = [csr(f"many-{number}") for number in range(200)]
    with closing(enrolment.connect()) as connection:
        status, told = enrolment.ask(connection, b"".join(many))
        assert (status, len(told["rows"])) == (200, 200)  # type: ignore[arg-type]
        assert enrolment.ask(connection, b"".join(many) + csr("one-more", key))[0] == 422
    with closing(enrolment.connect()) as connection:
        connection.request("POST", PATH, b"{" * (3 << 20), {"Authorization": f"Bearer {enrolment.token}"})
        with closing(connection.getresponse()) as answer:
            assert answer.status == 413


def test_a_revoked_token_ends_at_once(enrolment: Enrolment) -> None:
    tokens, app = enrolment.house.app.floor.tokens, enrolment.house.app
    scope = permissions_of(enrolment.person.roles) - APPROVING
    ends = app.clock.now() + timedelta(days=1)
    made = tokens.create(enrolment.person, "stolen", scope, "u_county", ends)
    other = Enrolment(enrolment.house, enrolment.folder, enrolment.port, enrolment.person, made.secret)
    with closing(other.connect()) as connection:
        assert other.ask(connection, csr("before"))[0] == 200
        tokens.revoke(enrolment.person, made.token.id, "stolen")
        assert other.ask(connection, csr("after"))[0] == 401
    assert tokens.page(enrolment.person, Ask()).items[0].last_used_at is not None


def killed_in_a_busy_hour(enrolment: Enrolment) -> None:
    """What was acknowledged is there, and nothing is issued without a record; what was not is asked again and done once."""
    acknowledged: dict[str, str] = {}
    unheard: dict[str, bytes] = {}

    def device(number: int) -> None:
        with closing(enrolment.connect()) as connection:
            for turn in range(200):
                name = f"power-{number}-{turn}"
                made = csr(name)
                try:
                    status, told = enrolment.ask(connection, made, key=name)
                except (OSError, HTTPException):
                    unheard[name] = made
                    return
                assert status == 200, told
                acknowledged[name] = told["rows"][0]["serial"]  # type: ignore[index]

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(device, number) for number in range(8)]
        time.sleep(1.5)
        enrolment.kill()
        for one in asking:
            one.result(60)
    assert acknowledged
    assert len(unheard) == 8
    known = enrolment.settled()
    assert set(acknowledged.values()) <= known
    enrolment.start()
    with closing(enrolment.connect()) as connection:
        for name, made in unheard.items():
            status = enrolment.ask(connection, made, key=name)[0]
            assert status in (200, 409)  # 409: it was interrupted, nobody knows how far it came
            if status == 409:  # its owner looks, and asks for it anew
                assert enrolment.ask(connection, made, key=f"{name}-again")[0] == 200
    enrolment.settled()


def test_what_was_acknowledged_survives_kill_9(enrolment: Enrolment) -> None:
    killed_in_a_busy_hour(enrolment)


@pytest.mark.slow
@pytest.mark.postgres
def test_it_does_on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = Postgres(durable=True).start()
    try:
        with enrolling(tmp_path_factory.mktemp("grown"), server.fresh_database()) as made:
            killed_in_a_busy_hour(made)
            test_many_at_once_each_get_their_own(made)
    finally:
        server.stop()


def test_it_ends_in_order_when_it_is_told_to(enrolment: Enrolment) -> None:
    assert enrolment.stop() == 0
    assert not enrolment.ready()
    enrolment.start()
