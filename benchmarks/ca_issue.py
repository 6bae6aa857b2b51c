"""Certificates by an authenticated HTTPS API from CSRs (P-256), per CPU second of all processes of the CA together.

Ours: the enrolment service (``weicheng serve enrol``) asked over HTTPS with a token; profile rules and read-back of every
certificate, keys in a process of their own, the intent and the certificate each committed (SQLite, synchronous), audit chain,
evidence and transparency log's queue. One CSR a request, which the service gathers over its connections, and fifty CSRs in one
request. What the worker does of it later (numbering the log, sealing evidence) is not counted.

Peers on the same CSRs: step-ca with its database and one-time tokens, over HTTPS; cfssl without a database, over HTTP, asking
nobody who they are. Mark: 1.5 times step-ca; the ratio to cfssl is told beside it.
"""

import base64
import json
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from benchmarks.peers import cfssl, free_port, issuer, step_ca
from benchmarks.report import line
from benchmarks.served_ca import OFFICER, ServedCa, process_of, served_ca, until
from kernel.identity.model import Principal, Role
from kernel.identity.permissions import APPROVING, permissions_of

ROUNDS, EACH, TOGETHER, CONNECTIONS = 5, 640, 50, 32
MARK = 1.5
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(ROUNDS * EACH)]


class Asked(NamedTuple):
    """A request: path, headers, body; the status that a success has."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int


class Way(NamedTuple):
    """A server to be asked: how one connects, what it is asked for some CSRs, and what its processes have used."""

    name: str
    connect: Callable[[], HTTPConnection]
    ask: Callable[[Sequence[bytes]], list[Asked]]
    cpu: Callable[[], float]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ways = [*_ours(Path(folder) / "ours", stack), *_peers(Path(folder), stack)]
        rates: dict[str, list[float]] = {way.name: [] for way in ways}
        for number in range(ROUNDS):
            hosts = [f"cam-{number}-{n}.gov.internal" for n in range(EACH)]
            made = [_csr(host, KEYS[number * EACH + n]) for n, host in enumerate(hosts)]
            for way in ways:
                rates[way.name].append(_rate(way, made))
        found = {name: median(each) for name, each in rates.items()}
    for ours in ("one a request", "fifty a request"):
        for peer, mark in (("step-ca", MARK), ("cfssl", 1.0)):
            met = found[ours] / found[peer] >= mark
            name = f"ca issue, {ours}" + ("" if peer == "step-ca" else " (stretch)")
            line(
                name,
                "certificates/cpu_s",
                found[ours],
                found[peer],
                peer,
                mark=mark,
                met=met,
                n=ROUNDS * EACH,
            )


# --- ours
def _ours(folder: Path, stack: ExitStack) -> Iterator[Way]:
    folder.mkdir(mode=0o700)
    ca = stack.enter_context(served_ca(folder, issued=1, revoked=0))
    token = _token(ca)
    port, context, pids = stack.enter_context(_door(ca, folder))

    def connect() -> HTTPConnection:
        return HTTPSConnection("127.0.0.1", port, timeout=60, context=context)

    def cpu() -> float:
        return ca.cpu(*pids)

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for name, size in (("one a request", 1), ("fifty a request", TOGETHER)):
        yield Way(name, connect, _asking(headers, size), cpu)


def _asking(headers: dict[str, str], size: int) -> Callable[[Sequence[bytes]], list[Asked]]:
    def ask(csrs: Sequence[bytes]) -> list[Asked]:
        found = []
        for start in range(0, len(csrs), size):
            bundle = base64.b64encode(b"".join(csrs[start : start + size])).decode()
            body = {"profile": "device-automatic", "unit": "u_city", "evidence": "register", "csr": bundle}
            found.append(Asked("/api/v1/ca/certificates/issue", headers, json.dumps(body).encode(), 200))
        return found

    return ask


def _token(ca: ServedCa) -> str:
    """A registrar's, for programs."""
    administrator = Principal(
        "usr_admin", "admin", frozenset({Role.SYSTEM_ADMINISTRATOR}), "u_city", "password"
    )
    account = ca.app.identity.create_user(administrator, "liu.yang", "刘洋", "u_city")
    ca.app.identity.grant_roles(OFFICER, "liu.yang", [Role.REGISTRAR])
    person = Principal(account.user.id, "刘洋", frozenset({Role.REGISTRAR}), "u_city", "password")
    scope = permissions_of(person.roles) - APPROVING
    ends = ca.app.clock.now() + timedelta(days=1)
    return ca.app.floor.tokens.create(person, "benchmark", scope, "u_city", ends).secret


@contextmanager
def _door(ca: ServedCa, folder: Path) -> Iterator[tuple[int, ssl.SSLContext, list[int]]]:
    """``weicheng serve enrol`` as it is installed: a parent and its worker process, both counted."""
    issuer("127.0.0.1").write(folder, "web")
    port = free_port()
    environment = ca.environment | {
        "WEICHENG_ENROL__PORT": str(port),
        "WEICHENG_WEB__CERTIFICATE": str(folder / "web.pem"),
        "WEICHENG_WEB__KEY": str(folder / "web.key"),
        "WEICHENG_WEB__API_PER_MINUTE": "1000000",
    }
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with process_of(environment, "serve", "enrol") as process:
        until(lambda: _healthy(port, context), process)
        yield port, context, ca.children(process.pid)


def _healthy(port: int, context: ssl.SSLContext) -> bool:
    connection = HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    connection.request("GET", "/readyz")
    return connection.getresponse().status == 200


# --- the peers
def _peers(folder: Path, stack: ExitStack) -> Iterator[Way]:
    step, tokens = stack.enter_context(step_ca(folder / "step"))
    json_headers = {"Content-Type": "application/json"}

    def ask_step(csrs: Sequence[bytes]) -> list[Asked]:
        bodies = [{"csr": csr.decode(), "ott": tokens.token(_host_of(csr))} for csr in csrs]
        return [Asked("/1.0/sign", json_headers, json.dumps(body).encode(), 201) for body in bodies]

    yield Way("step-ca", step.connect, ask_step, step.cpu)
    plain = stack.enter_context(cfssl(folder / "cfssl"))

    def ask_cfssl(csrs: Sequence[bytes]) -> list[Asked]:
        bodies = [{"certificate_request": csr.decode(), "hosts": [_host_of(csr)]} for csr in csrs]
        return [Asked("/api/v1/cfssl/sign", json_headers, json.dumps(body).encode(), 200) for body in bodies]

    yield Way("cfssl", plain.connect, ask_cfssl, plain.cpu)


# --- the load
def _rate(way: Way, csrs: Sequence[bytes]) -> float:
    """Certificates per CPU second of the server's processes; the client's own time is not counted."""
    asked = way.ask(csrs)
    before = way.cpu()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda part: _send(way, part), [asked[n::CONNECTIONS] for n in range(CONNECTIONS)]))
    return len(csrs) / (way.cpu() - before)


def _send(way: Way, asked: Sequence[Asked]) -> None:
    connection = way.connect()
    for one in asked:
        connection.request("POST", one.path, one.body, one.headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != one.status or b'"fault":"' in said.replace(b'"fault":""', b""):
            sys.exit(f"{way.name}: {answer.status} {said[:500]!r}")
    connection.close()


def _csr(host: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "卫城市大数据局")
    subject = x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _host_of(csr: bytes) -> str:
    subject = x509.load_pem_x509_csr(csr).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


if __name__ == "__main__":
    main()
