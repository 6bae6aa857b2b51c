"""Real TLS servers on ephemeral ports of 127.0.0.1, each with the certificate it is given."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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


def self_signed(name: str, *, key: Key | None = None, days: tuple[int, int] = (-1, 100)) -> Identity:
    """``days``: from and to, from 2026-11-23 on, the day of the tests' clock."""
    used = key or ec.generate_private_key(ec.SECP256R1())
    today = datetime(2026, 11, 23, tzinfo=UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(used.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today + timedelta(days=days[0]))
        .not_valid_after(today + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return Identity(built.sign(used, hashes.SHA256()).public_bytes(Encoding.PEM), used)


@contextmanager
def served(identity: Identity, folder: Path, only: ssl.TLSVersion | None = None) -> Iterator[int]:
    """A server that shakes hands with whoever comes, in the ``only`` version that it speaks; its port."""
    file = folder / f"{x509.random_serial_number():x}.pem"
    file.touch(mode=0o600)
    file.write_bytes(identity.chain + pem(identity.key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(file)
    if only is not None:
        context.minimum_version = context.maximum_version = only
    listening = socket.create_server(("127.0.0.1", 0))
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
