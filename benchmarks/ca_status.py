"""Status of one of a million certificates by OCSP over HTTP, a tenth of them revoked: answers per CPU second.

Of all processes that work for them: ours with the signer, against `openssl ocsp` and cfssl ocspserve on the same register
and the same load. `openssl ocsp` closes each connection, so everybody is measured with a connection for each request; what
keeping connections brings is told beside it. Some answers of each run are judged by cryptography's reader.
"""

import argparse
import base64
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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

WARM = 10_000  # certificates that are asked for again and again
ROUNDS = 3
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

    def posts(self, count: int, among: int, *, nonce: bool = False) -> Requests:
        """So many requests by POST for random certificates among the first of the register."""
        picked = [self._random.randrange(among) for _ in range(count)]
        return [_post(self.der(n, secrets.token_bytes(16) if nonce else None)) for n in picked]

    def gets(self, count: int, among: int) -> Requests:
        return [_get(self.der(self._random.randrange(among))) for _ in range(count)]


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
def best(port: int, requests: Callable[[], Requests], cpu: Callable[[], float], *, keep: bool) -> float:
    return median(http_load.run(port, requests(), cpu, keep=keep)[0] for _ in range(ROUNDS))


def measure(folder: Path, ca: ServedCa, count: int) -> None:
    registered = ca.registered
    certificate = x509.load_der_x509_certificate(ca.app.ca.authority(ISSUING).certificate)
    questions = Questions(certificate, registered)
    prepared = ca.app.ca.preparation.all()
    print(f"{prepared} answers prepared", file=sys.stderr)
    warm = ca.app.ca.responder.answers([questions.der(n) for n in range(WARM)])
    with (
        ca.status_service() as processes,
        openssl_ocsp(folder / "openssl", registered) as (above, peer_port, peer_cpu),
        cfssl_ocspserve(folder / "cfssl", [one.octets for one in warm]) as (cfssl_port, cfssl_cpu),
    ):
        ours = Peers(ca.port, lambda: ca.cpu(*processes), registered)
        theirs = Questions(above.certificate, registered)
        openssl_rate = best(
            peer_port, lambda: at_root(closing(theirs.posts(count // 2, WARM))), peer_cpu, keep=False
        )
        cfssl_rate = best(
            cfssl_port, lambda: at_root(closing(questions.posts(count, WARM))), cfssl_cpu, keep=False
        )
        for kind, asked in (("POST", questions.posts), ("GET", questions.gets)):
            ours.rate(asked(WARM * 3, WARM), keep=True)
            rate = ours.rate(closing(asked(count, WARM)), keep=False)
            _line(f"cached, {kind}", rate, openssl_rate, "openssl ocsp", CACHED_MARK, count)
            kept = ours.rate(asked(count * 3, WARM), keep=True)
            _line(
                f"cached, {kind}, connections kept",
                kept,
                openssl_rate,
                "openssl ocsp",
                CACHED_MARK,
                count * 3,
            )
        _line("cached, POST", rate, cfssl_rate, "cfssl ocspserve", 1.0, count)
        rate = ours.rate(closing(questions.posts(count, registered.issued)), keep=False)
        _line("prepared, any of all", rate, openssl_rate, "openssl ocsp", 0.0, count)
        signed = ours.rate(closing(questions.posts(count, registered.issued, nonce=True)), keep=False)
        nonces = best(
            peer_port,
            lambda: at_root(closing(theirs.posts(count // 2, registered.issued, nonce=True))),
            peer_cpu,
            keep=False,
        )
        _line("signed on demand (nonce)", signed, nonces, "openssl ocsp", SIGNED_MARK, count)


class Peers:
    """Our service under load."""

    def __init__(self, port: int, cpu: Callable[[], float], registered: Registered) -> None:
        self._port = port
        self._cpu = cpu
        self._registered = registered

    def rate(self, requests: Requests, *, keep: bool) -> float:
        rates = []
        for _ in range(ROUNDS):
            rate, sample = http_load.run(self._port, requests, self._cpu, keep=keep)
            judge(sample, self._registered)
            rates.append(rate)
        return median(rates)


def _line(what: str, ours: float, peer: float, peer_name: str, mark: float, count: int) -> None:
    line(
        f"ca-status: OCSP, {what}",
        "answers/CPU s",
        ours,
        peer,
        peer_name,
        mark=mark,
        met=ours >= mark * peer,
        n=count,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--database-url", default="", help="PostgreSQL; SQLite unless given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        with served_ca(data, given.certificates, given.certificates // 10, given.database_url) as ca:
            measure(Path(folder), ca, given.requests)


if __name__ == "__main__":
    main()
