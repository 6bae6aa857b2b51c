"""Real TLS servers on ephemeral ports of 127.0.0.1, each with the certificate it is given."""

import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from kernel.assets.model import Network, Zone
from kernel.identity.model import Role
from tests.conftest import person
from tests.unit.ca.conftest import World

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def declare_loopback(world: World) -> None:
    """The servers are on this machine, and nobody looks at loopback unless the register declares it."""
    zone = Zone("here", "本机", Network.INTERNET, ("127.0.0.0/8",))
    world.ca.inventory._register.put_zone(person("network-admin", Role.NETWORK_ADMINISTRATOR), zone)


@dataclass(frozen=True)
class Identity:
    """PEM of certificates (leaf first) and the key."""

    chain: bytes
    key: Key


def pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def self_signed(
    name: str, *, key: Key | None = None, days: tuple[int, int] = (-1, 100), address: str = ""
) -> Identity:
    """``days``: from and to, from 2026-11-23 on, the day of the tests' clock; ``address``: for it alone, not for a name."""
    used = key or ec.generate_private_key(ec.SECP256R1())
    today = datetime(2026, 11, 23, tzinfo=UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    alternative = x509.IPAddress(ip_address(address)) if address else x509.DNSName(name)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(used.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today + timedelta(days=days[0]))
        .not_valid_after(today + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    )
    return Identity(built.sign(used, hashes.SHA256()).public_bytes(Encoding.PEM), used)


@contextmanager
def served(
    identity: Identity,
    folder: Path,
    only: ssl.TLSVersion | None = None,
    *,
    address: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[int]:
    """A server that shakes hands with whoever comes, in the ``only`` version that it speaks; its port."""
    file = folder / f"{x509.random_serial_number():x}.pem"
    file.touch(mode=0o600)
    file.write_bytes(identity.chain + pem(identity.key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(file)
    if only is not None:
        context.minimum_version = context.maximum_version = only
    listening = socket.create_server((address, port))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                raw, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(raw, server_side=True) as connection:
                    connection.recv(1)
            except OSError:  # the scanner hangs up as soon as it has seen enough
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        stopped.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(timeout=5)


@contextmanager
def openssl_served(first: Identity, second: Identity | None, folder: Path, version: str) -> Iterator[int]:
    """`openssl s_server` with one certificate, or with two for different kinds of keys; ``version``: "-tls1_2", "-tls1_3"."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", version]
    for prefix, one in (("", first), ("d", second)):
        if one is not None:
            file = folder / f"{x509.random_serial_number():x}.pem"
            file.touch(mode=0o600)
            file.write_bytes(one.chain + pem(one.key))
            for what in ("cert", "key", "cert_chain"):
                command += [f"-{prefix}{what}", str(file)]
    said = folder / f"{x509.random_serial_number():x}.log"
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        yield _accepting(process, said)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _accepting(process: "subprocess.Popen[bytes]", said: Path) -> int:
    """The port, once it is told."""
    for _attempt in range(200):
        found = re.search(rb"^ACCEPT \S+:(\d+)$", said.read_bytes(), re.MULTILINE)
        if found:
            return int(found[1])
        assert process.poll() is None, said.read_text()
        time.sleep(0.05)
    raise AssertionError(said.read_text())
