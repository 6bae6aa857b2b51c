"""What a certificate costs to write and sign: ours against ``cryptography``'s CertificateBuilder, the same certificate.

P-256 server certificates with eight extensions, a new subject, serial and alternative names each, per CPU second of one
process, in turn. Mark: two and a half times the builder. Beside it what reading back costs (mark: under 100 microseconds).
"""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.report import line
from ca.encoding import certificate as encoding
from ca.encoding import conformity
from ca.encoding import names as naming
from ca.profiles import profile_of
from ca.profiles.extensions import constant_extensions, pointers
from ca.scopes import Scope
from kernel.pki.algorithms import algorithm
from policies.registry import load

CERTIFICATES, ROUNDS, MARK, MOST = 5_000, 7, 2.5, 100
ROW = algorithm("p256")
START = datetime(2026, 11, 23, tzinfo=UTC)
END = START + timedelta(days=397)


class Subjects:
    """A CA, a subject's key, and what is asked for: another host each time."""

    def __init__(self) -> None:
        documents = (document.value for document in load(part="cert_profiles").documents)
        profile = profile_of(next(one for one in documents if one["id"] == "tls-server"))
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject_key = ec.generate_private_key(ec.SECP256R1()).public_key()
        self.spki = self.subject_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.issuer = naming.name({"C": "CN", "O": "卫城市大数据局", "CN": "设备签发 CA"})
        own = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        policy = x509.PolicyInformation(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), None)
        self.extensions = [
            *constant_extensions(profile),
            (x509.CertificatePolicies([policy]), False),
            *pointers(profile, Scope("devices"), "http://pki.city.gov.cn")[:2],
        ]
        self.key_id = encoding.key_id(own)
        self.number = 0

    def next(self) -> tuple[int, dict[str, str], list[str]]:
        """Serial, subject, alternative names."""
        self.number += 1
        host = f"host{self.number}.gov.internal"
        serial = secrets.randbits(126) | 1 << 126
        return serial, {"C": "CN", "O": "卫城市大数据局", "CN": host}, [f"dns:{host}"]


def to_be_signed(
    template: encoding.Template, spki: bytes, serial: int, subject: dict[str, str], names: list[str]
) -> bytes:
    return encoding.tbs_certificate(
        template,
        serial=serial,
        subject=naming.name(subject).public_bytes(),
        spki=spki,
        not_before=START,
        not_after=END,
        names=naming.alternative_names(names),
    )


def by_template(subjects: Subjects) -> Callable[[], object]:
    template = encoding.compile_template(
        ROW, subjects.issuer.public_bytes(), subjects.key_id, subjects.extensions
    )

    def one() -> bytes:
        serial, subject, names = subjects.next()
        tbs = to_be_signed(template, subjects.spki, serial, subject, names)
        return encoding.signed(tbs, ROW.identifier, subjects.key.sign(tbs, ec.ECDSA(SHA256())))

    return one


def by_builder(subjects: Subjects) -> Callable[[], object]:
    def one() -> bytes:
        serial, subject, names = subjects.next()
        builder = (
            x509.CertificateBuilder()
            .serial_number(serial)
            .subject_name(naming.name(subject))
            .issuer_name(subjects.issuer)
            .public_key(subjects.subject_key)
            .not_valid_before(START)
            .not_valid_after(END)
            .add_extension(x509.AuthorityKeyIdentifier(subjects.key_id, None, None), critical=False)
        )
        for value, critical in subjects.extensions:
            builder = builder.add_extension(value, critical=critical)
        own = x509.SubjectKeyIdentifier(encoding.key_id(subjects.spki))
        listed = naming.alternative_names(names)
        assert listed is not None
        builder = builder.add_extension(own, critical=False).add_extension(listed, critical=False)
        return builder.sign(subjects.key, SHA256()).public_bytes(Encoding.DER)

    return one


def reading_back(subjects: Subjects) -> Callable[[], object]:
    """The check that every certificate passes before its intent is stored."""
    issuer = subjects.issuer.public_bytes()
    template = encoding.compile_template(ROW, issuer, subjects.key_id, subjects.extensions)
    expected = conformity.expect(ROW.identifier, issuer, subjects.key_id, subjects.extensions)
    serial, subject, names = subjects.next()
    tbs = to_be_signed(template, subjects.spki, serial, subject, names)
    asked = conformity.Asked(serial, subject, subjects.spki, START, END, names)
    return lambda: conformity.differences(tbs, expected, asked)


def seconds(one: Callable[[], object]) -> float:
    """CPU seconds of one call, over many."""
    begin = time.process_time()
    for _ in range(CERTIFICATES):
        one()
    return (time.process_time() - begin) / CERTIFICATES


def main() -> None:
    subjects = Subjects()
    ours, peer = by_template(subjects), by_builder(subjects)
    pairs = [(1 / seconds(ours), 1 / seconds(peer)) for _ in range(ROUNDS)]
    mine, theirs = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    met = mine >= MARK * theirs
    line("ca-writer", "cert/cpu_s", mine, theirs, "CertificateBuilder", mark=MARK, met=met, n=CERTIFICATES)
    check, built = seconds(reading_back(subjects)) * 1e6, 1e6 / theirs
    line(
        "ca-conformity", "us", check, built, "CertificateBuilder", mark=MOST, met=check < MOST, n=CERTIFICATES
    )


if __name__ == "__main__":
    main()
