"""Certificate authorities and responders that we did not write, started on loopback for measurements.

They are looked for in the folder that WEICHENG_PEERS names, then on the PATH; a measurement that needs one that is not there
ends with exit status 1.
"""

import base64
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_STARTED_WITHIN = 20.0
_SCHEDULED = 2  # CPUCLOCK_SCHED: what the scheduler counted of a process


def program(name: str) -> str:
    """Path of a peer's program; exits 1 when it is not there."""
    found = shutil.which(name, path=os.environ.get("WEICHENG_PEERS")) or shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not installed; put it on the PATH, or into a folder that WEICHENG_PEERS names")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_of(pids: Sequence[int]) -> float:
    """User and system seconds that the processes, and what they started and waited for, have used so far.

    By each process's own clock (clock_getcpuclockid(3)), which counts nanoseconds; of those waited for, ticks of 10 ms.
    """
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[13:15]))
    own = sum(time.clock_gettime((~pid << 3) | _SCHEDULED) for pid in pids)
    return own + ticks / os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A started peer: where it listens, and its process."""

    port: int
    process: subprocess.Popen[bytes]
    context: ssl.SSLContext | None = None

    def connect(self) -> HTTPConnection:
        if self.context is None:
            return HTTPConnection("127.0.0.1", self.port, timeout=30)
        return HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context)

    def cpu(self) -> float:
        return cpu_of([self.process.pid])


@contextmanager
def started(
    command: Sequence[str], port: int, folder: Path, context: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """``command`` until it listens; ended with the block."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        _wait_for(port, process, folder / "log")
        yield Server(port, process, context)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"a peer did not start: {log.read_text()[-500:]}")


# --- a small hierarchy for peers
@dataclass(frozen=True)
class Issuer:
    """A CA certificate with its key, P-256."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, folder: Path, name: str) -> None:
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (folder / f"{name}.key").write_bytes(key)
        (folder / f"{name}.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))


def issuer(name: str, above: Issuer | None = None) -> Issuer:
    """A root, or a CA below another."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.certificate.subject if above else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Issuer(builder.sign((above.key if above else key), hashes.SHA256()), key)


# --- step-ca
class StepTokens:
    """One-time tokens (JWT, ES256) of a JWK provisioner."""

    def __init__(self, port: int) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._audience = f"https://127.0.0.1:{port}/1.0/sign"

    def provisioner(self) -> dict[str, object]:
        numbers = self._key.public_key().public_numbers()
        point = {"x": _b64(numbers.x.to_bytes(32)), "y": _b64(numbers.y.to_bytes(32))}
        return {
            "type": "JWK",
            "name": "bench",
            "key": {"use": "sig", "kty": "EC", "kid": "bench", "crv": "P-256", "alg": "ES256", **point},
        }

    def token(self, host: str) -> str:
        now = int(time.time())
        claims = {
            "aud": self._audience,
            "iss": "bench",
            "sub": host,
            "sans": [host],
            "jti": secrets.token_hex(16),
        }
        claims |= {"iat": now, "nbf": now - 60, "exp": now + 290}
        head = {"alg": "ES256", "kid": "bench", "typ": "JWT"}
        signed = ".".join(_b64(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_b64(r.to_bytes(32) + s.to_bytes(32))}"


@contextmanager
def step_ca(folder: Path) -> Iterator[tuple[Server, StepTokens]]:
    """step-ca with its badger database and a JWK provisioner, over HTTPS."""
    folder.mkdir()
    root = issuer("bench root")
    root.write(folder, "root")
    issuer("bench issuing", root).write(folder, "issuing")
    port = free_port()
    tokens = StepTokens(port)
    settings = {
        "root": "root.pem",
        "crt": "issuing.pem",
        "key": "issuing.key",
        "address": f"127.0.0.1:{port}",
        "dnsNames": ["127.0.0.1"],
        "logger": {"format": "text"},
        "db": {"type": "badgerv2", "dataSource": "db"},
        "authority": {"provisioners": [tokens.provisioner()]},
    }
    (folder / "ca.json").write_text(json.dumps(settings))
    context = ssl.create_default_context(cafile=str(folder / "root.pem"))
    with started([program("step-ca"), "ca.json"], port, folder, context) as server:
        yield server, tokens


# --- cfssl
@contextmanager
def cfssl(folder: Path) -> Iterator[Server]:
    """cfssl serve without a database, over HTTP, asking nobody who they are."""
    folder.mkdir()
    issuer("bench issuing").write(folder, "ca")
    usages = ["digital signature", "server auth"]
    (folder / "config.json").write_text(
        json.dumps({"signing": {"default": {"usages": usages, "expiry": "2160h"}}})
    )
    port = free_port()
    where = ["-address", "127.0.0.1", "-port", str(port)]
    command = [
        program("cfssl"),
        "serve",
        *where,
        "-ca",
        "ca.pem",
        "-ca-key",
        "ca.key",
        "-config",
        "config.json",
    ]
    with started([*command, "-loglevel", "3"], port, folder) as server:
        yield server


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
