"""Officers with keys of their own: certificates bound to accounts, and what OpenSSL signs with them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca.model import Certificate
from kernel.identity.model import Principal
from kernel.identity.store import user_certificates, users
from kernel.pki.pem import certificate_pem
from tests.unit.ca.conftest import World


@dataclass
class Officer:
    """An officer, the certificate, and where the key is."""

    principal: Principal
    certificate: Certificate
    folder: Path

    def sign(self, document: bytes, *options: str) -> bytes:
        """Detached CMS, as OpenSSL makes it."""
        (self.folder / "document").write_bytes(document)
        command = ["openssl", "cms", "-sign", "-binary", "-in", "document", "-outform", "DER"]
        done = subprocess.run(
            [*command, "-signer", "certificate.pem", "-inkey", "key.pem", *options],
            cwd=self.folder,
            capture_output=True,
            check=True,
        )
        return done.stdout


def csr_of(folder: Path) -> bytes:
    """A PKCS#10 of a new key, which lies in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(private)
    empty = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return empty.sign(key, SHA256()).public_bytes(Encoding.PEM)


def account(world: World, who: Principal) -> None:
    """An account in which the officer signs in."""
    row = {
        "id": who.id,
        "login": who.name,
        "name": who.name,
        "unit": who.unit,
        "state": "active",
        "password_hash": "none",
        "totp_step": 0,
        "failures": 0,
        "must_change": False,
        "created_at": world.ca.clock.now(),
    }
    with world.ca.database.begin() as uow:
        uow.execute(users.insert().values(row))


def bind(world: World, who: Principal, certificate: Certificate) -> None:
    row = {"fingerprint": certificate.fingerprint, "user": who.id, "certificate": certificate.der}
    with world.ca.database.begin() as uow:
        uow.execute(user_certificates.insert().values(**row, bound_at=world.ca.clock.now()))


def appoint(world: World, who: Principal, by: Principal, folder: Path, profile: str = "officer") -> Officer:
    """A certificate that makes ``who`` an officer, approved by another one and bound to an account."""
    subject = {"O": "市大数据局", "CN": who.name.ljust(2, "."), "UID": who.name}
    filed = world.request(profile=profile, subject=subject, names=(), csr=csr_of(folder))
    certificate = world.ca.registration.approve(by, filed.id)
    assert isinstance(certificate, Certificate)
    (folder / "certificate.pem").write_bytes(certificate_pem(certificate.der))
    account(world, who)
    bind(world, who, certificate)
    return Officer(who, certificate, folder)
