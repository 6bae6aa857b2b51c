"""A throw-away certificate chain for tests, made with ``cryptography``'s own builders, so that it checks ours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from kernel.pki import algorithms
from kernel.pki.algorithms import Algorithm

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2036, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LocalKey:
    """A SealingKey whose private key is in this process."""

    private: PrivateKeyTypes
    algorithm: Algorithm
    certificate_der: bytes
    chain_der: Sequence[bytes] = field(default=())

    def sign(self, data: bytes) -> bytes:
        return algorithms.sign(self.private, self.algorithm, data)

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.certificate_der)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def make_root(name: str = "Test Root", algorithm: str = "p256") -> LocalKey:
    return _make(name, None, algorithm, ca=True, usage=None)


def make_leaf(
    issuer: LocalKey, name: str, algorithm: str = "p256", usage: ObjectIdentifier | None = None
) -> LocalKey:
    return _make(name, issuer, algorithm, ca=False, usage=usage)


def make_tsa(issuer: LocalKey, algorithm: str = "p256") -> LocalKey:
    return make_leaf(issuer, "Test TSA", algorithm, ExtendedKeyUsageOID.TIME_STAMPING)


def make_issuing(root: LocalKey, name: str = "Test Issuing") -> LocalKey:
    return _make(name, root, "p256", ca=True, usage=None)


def _make(
    name: str, issuer: LocalKey | None, algorithm: str, *, ca: bool, usage: ObjectIdentifier | None
) -> LocalKey:
    row = algorithms.algorithm(algorithm)
    private = algorithms.generate(row)
    public = private.public_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.private if issuer else private
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(END - timedelta(days=0 if ca else 1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_key_usage(ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    signing = issuer.algorithm if issuer else row
    digest = (
        None
        if signing.family == "ed25519"
        else {"sha256": hashes.SHA256, "sha384": hashes.SHA384}[signing.digest]()
    )
    certificate = builder.sign(signer, digest)
    chain = (
        (issuer.certificate_der, *issuer.chain_der)
        if issuer and issuer.certificate.issuer != issuer.certificate.subject
        else ()
    )
    return LocalKey(private, row, certificate.public_bytes(Encoding.DER), chain)


def _key_usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def public_der(key: LocalKey) -> bytes:
    return key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
