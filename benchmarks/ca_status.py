"""Status of one of a million certificates by OCSP over HTTP, a tenth of them revoked: answers per CPU second.

Of all processes that work for them: ours with the signer and PostgreSQL's, against `openssl ocsp` and cfssl ocspserve on the
same register and the same load, round by round in turn. `openssl ocsp` closes each connection, so everybody is measured with a
connection for each request; what keeping connections brings is told beside it. Some answers of each run are judged by
cryptography's reader.
"""

import argparse
import base64
import contextlib
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from benchmarks import http_load
from benchmarks.peers import Issuer, cpu_of, free_port, issuer, program, started
from benchmarks.registered import Registered
from benchmarks.report import line
from benchmarks.served_ca import ISSUING, ServedCa, served_ca
from tests.support.postgres import Postgres

WARM = 10_000  # certificates that are asked for again and again
PREPARED = 20_000  # whose answers are prepared; for all of them it is a job of minutes
ROUNDS = 3
BUFFERS = "128MB"  # as PostgreSQL has by itself, and so has ours (docker-compose.yml)
STORES = ("SQLite", "PostgreSQL")
CACHED_MARK, SIGNED_MARK = 2.5, 0.6
Requests = Sequence[bytes]


class Questions:
    """HTTP requests about the certificates of one issuer."""

    def __init__(self, certificate: x509.Certificate, registered: Registered) -> None:
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        bits = x509.SubjectKeyIdentifier.from_public_key(key).digest
        name = hashes.Hash(hashes.SHA1())
        name.update(certificate.subject.public_bytes())
        self._issuer = name.finalize(), bits
        self._registered = registered
        self._random = Random(1)

    def der(self, n: int, nonce: bytes | None = None) -> bytes:
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            *self._issuer, Registered.serial(n), hashes.SHA1()
        )
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), False)
        return builder.build().public_bytes(Encoding.DER)

    def posts(self, count: int, among: Sequence[int], *, nonce: bool = False) -> Requests:
        """So many requests by POST for random certificates among these, by their numbers in the register."""
        picked = self._random.choices(among, k=count)
        return [_post(self.der(n, secrets.token_bytes(16) if nonce else None)) for n in picked]

    def each(self, kind: str, among: Sequence[int]) -> Requests:
        """One request for each of these, by POST or GET."""
        return [_post(self.der(n)) if kind == "POST" else _get(self.der(n)) for n in among]

    def gets(self, count: int, among: Sequence[int]) -> Requests:
        return [_get(self.der(n)) for n in self._random.choices(among, k=count)]


def _post(der: bytes) -> bytes:
    head = "POST /ocsp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/ocsp-request\r\n"
    return f"{head}Content-Length: {len(der)}\r\n\r\n".encode() + der


def _get(der: bytes) -> bytes:
    path = base64.b64encode(der).decode().replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    return f"GET /ocsp/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def closing(requests: Requests) -> Requests:
    """The same requests, each the last of its connection."""
    return [one.replace(b"\r\nHost:", b"\r\nConnection: close\r\nHost:", 1) for one in requests]


def at_root(requests: Requests) -> Requests:
    """The same requests to a responder that has no path."""
    return [one.replace(b"/ocsp/", b"/", 1).replace(b"/ocsp HTTP", b"/ HTTP", 1) for one in requests]


def judge(answers: Sequence[bytes], registered: Registered) -> None:
    """Exits 1 unless the answers say what the register says."""
    revoked = {Registered.serial(n) for n in range(registered.revoked)}
    for raw in answers:
        answer = ocsp.load_der_ocsp_response(raw)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            sys.exit(f"not answered: {answer.response_status}")
        status = answer.certificate_status
        expected = (
            ocsp.OCSPCertStatus.REVOKED if answer.serial_number in revoked else ocsp.OCSPCertStatus.GOOD
        )
        if status is not expected:
            sys.exit(f"wrong answer for {answer.serial_number:x}")


# --- peers
@contextmanager
def openssl_ocsp(folder: Path, registered: Registered) -> Iterator[tuple[Issuer, int, Callable[[], float]]]:
    """`openssl ocsp` with a P-256 key and an index of the same register."""
    folder.mkdir()
    above, port = issuer("bench issuing"), free_port()
    above.write(folder, "ca")
    _write_index(folder / "index.txt", registered)
    key = ["-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key", "-ndays", "1"]
    with (folder / "log").open("wb") as log:
        command = [program("openssl"), "ocsp", "-port", str(port), *key]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        # no look at the port: a connection on which nothing comes has it read for ever
        while b"waiting for OCSP client connections" not in (folder / "log").read_bytes():
            if process.poll() is not None:
                sys.exit(f"openssl ocsp did not start: {(folder / 'log').read_text()[-500:]}")
            time.sleep(0.1)
        yield above, port, lambda: cpu_of([process.pid])
    finally:
        process.kill()
        process.wait()


def _write_index(file: Path, registered: Registered) -> None:
    until = f"{datetime.now(UTC).year % 100 + 1:02}0101000000Z"
    with file.open("w") as index:
        for n in range(registered.issued):
            serial = f"{Registered.serial(n):032X}"
            state = (
                f"R\t{until}\t260101000000Z,cessationOfOperation"
                if n < registered.revoked
                else f"V\t{until}\t"
            )
            index.write(f"{state}\t{serial}\tunknown\t/CN={n}\n")


@contextmanager
def cfssl_ocspserve(folder: Path, answers: Sequence[bytes]) -> Iterator[tuple[int, Callable[[], float]]]:
    """cfssl with answers that are signed already."""
    folder.mkdir()
    (folder / "answers").write_text("".join(base64.b64encode(one).decode() + "\n" for one in answers))
    port = free_port()
    where = ["-address", "127.0.0.1", "-port", str(port), "-loglevel", "5"]
    with started([program("cfssl"), "ocspserve", *where, "-responses", "answers"], port, folder) as server:
        yield port, server.cpu


# --- measuring
@dataclass(frozen=True)
class Responder:
    """Who answers on a port, what CPU seconds that has taken, and whether its answers are ours to judge."""

    port: int
    cpu: Callable[[], float]
    registered: Registered | None = None

    def rate(self, requests: Requests, *, keep: bool = False) -> float:
        """Answers per CPU second."""
        rate, sample = http_load.run(self.port, requests, self.cpu, keep=keep)
        if self.registered is not None:
            judge(sample, self.registered)
        return rate


Round = Callable[[], float]


def in_turn(*rounds: Round) -> list[float]:
    """The median of each, all of them taken in turn, so that what else the machine does hits all alike."""
    return [median(rates) for rates in zip(*[[one() for one in rounds] for _ in range(ROUNDS)], strict=True)]


@dataclass(frozen=True)
class Course:
    """All that is measured on one store: us and the peers, each with the questions it understands."""

    store: str
    count: int
    ours: Responder
    asked: Questions
    openssl: Responder
    openssl_asked: Questions
    cfssl: Responder

    def cached(self, kind: str) -> None:
        """From memory, by POST or GET."""
        warm = range(WARM)
        mine, theirs = ((q.posts if kind == "POST" else q.gets) for q in (self.asked, self.openssl_asked))
        self.ours.rate(self.asked.each(kind, warm), keep=True)
        new, kept, peer = in_turn(
            lambda: self.ours.rate(closing(mine(self.count, warm))),
            lambda: self.ours.rate(mine(self.count * 3, warm), keep=True),
            lambda: self.openssl.rate(at_root(closing(theirs(self.count, warm)))),
        )
        self._line(f"cached, {kind}", new, peer, "openssl ocsp", CACHED_MARK)
        self._line(f"cached, {kind}, connections kept", kept, peer, "openssl ocsp", CACHED_MARK)

    def beside_cfssl(self) -> None:
        """From memory by POST: its answers were signed before it was started."""
        warm = range(WARM)
        new, peer = in_turn(
            lambda: self.ours.rate(closing(self.asked.posts(self.count, warm))),
            lambda: self.cfssl.rate(at_root(closing(self.asked.posts(self.count, warm)))),
        )
        self._line("cached, POST", new, peer, "cfssl ocspserve", 1.0)

    def signed(self, among: Sequence[int]) -> None:
        """Signed on demand, because of the nonce."""
        new, kept, peer = in_turn(
            lambda: self.ours.rate(closing(self.asked.posts(self.count, among, nonce=True))),
            lambda: self.ours.rate(self.asked.posts(self.count, among, nonce=True), keep=True),
            lambda: self.openssl.rate(
                at_root(closing(self.openssl_asked.posts(self.count, among, nonce=True)))
            ),
        )
        self._line("signed on demand (nonce)", new, peer, "openssl ocsp", SIGNED_MARK)
        self._line("signed on demand (nonce), connections kept", kept, peer, "openssl ocsp", SIGNED_MARK)

    def prepared(self, among: Sequence[int]) -> None:
        """Prepared in the register, not in memory: more of them than are asked for twice."""
        new, peer = in_turn(
            lambda: self.ours.rate(closing(self.asked.posts(self.count, among))),
            lambda: self.openssl.rate(at_root(closing(self.openssl_asked.posts(self.count, among)))),
        )
        self._line("prepared", new, peer, "openssl ocsp", 0.0)

    def _line(self, what: str, ours: float, peer: float, peer_name: str, mark: float) -> None:
        name = f"ca-status on {self.store}: OCSP, {what}"
        line(name, "answers/CPU s", ours, peer, peer_name, mark=mark, met=ours >= mark * peer, n=self.count)


def measure(folder: Path, store: str, ca: ServedCa, database: Callable[[], list[int]], count: int) -> None:
    registered = ca.registered
    questions = Questions(
        x509.load_der_x509_certificate(ca.app.ca.authority(ISSUING).certificate), registered
    )
    prepared = prepare(ca)
    warm = ca.app.ca.responder.answers([questions.der(n) for n in range(WARM)])
    with (
        ca.status_service() as processes,
        openssl_ocsp(folder / "openssl", registered) as (above, port, cpu),
        cfssl_ocspserve(folder / "cfssl", [one.octets for one in warm]) as (cfssl_port, cfssl_cpu),
    ):
        course = Course(
            store,
            count,
            Responder(ca.port, lambda: ca.cpu(*processes, *database()), registered),
            questions,
            Responder(port, cpu),
            Questions(above.certificate, registered),
            Responder(cfssl_port, cfssl_cpu),
        )
        course.prepared(prepared)
        course.cached("POST")
        course.beside_cfssl()
        course.cached("GET")
        course.signed(range(registered.issued))


class _Enough(Exception):
    """So many answers are prepared."""


def prepare(ca: ServedCa) -> Sequence[int]:
    """Have answers prepared, in the order of serials as the worker does; the numbers of their certificates."""

    def until_enough(looked: int) -> None:
        if looked >= PREPARED:
            raise _Enough

    with contextlib.suppress(_Enough):
        ca.app.ca.preparation.all(until_enough)
    return sorted(range(ca.registered.issued), key=Registered.serial)[:PREPARED]


@contextmanager
def database_of(store: str) -> Iterator[tuple[str, Callable[[], list[int]]]]:
    """Its URL, and its own processes: none with SQLite."""
    if store == "SQLite":
        yield "", list
        return
    server = Postgres(durable=True, parent=Path("/var/tmp"), memory=BUFFERS).start()
    try:
        yield server.fresh_database(), server.processes
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    given = parser.parse_args()
    for store in given.stores:
        with tempfile.TemporaryDirectory() as folder, database_of(store) as (url, processes):
            data = Path(folder) / "data"
            data.mkdir()
            with served_ca(data, given.certificates, given.certificates // 10, url) as ca:
                measure(Path(folder), store, ca, processes, given.requests)


if __name__ == "__main__":
    main()
