"""What a key signs as a certificate: the keys of issuing CAs none of a CA, those of roots nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.encoding import certificate as writer
from ca.signer.checks import check_signable
from ca.signer.model import KeyInfo, KeyRole, Purpose, SigningRefused
from kernel.pki import der
from kernel.pki.algorithms import algorithm, generate

ROW = algorithm("p256")
SPKI = generate(ROW).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[union-attr]
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "签发 CA")]).public_bytes()
ISSUING, ROOT = (KeyInfo("k", role, "p256", SPKI) for role in (KeyRole.ISSUING, KeyRole.ROOT))
NOBODY, CA, CA_1 = (x509.BasicConstraints(*given) for given in ((False, None), (True, None), (True, 1)))
USAGE = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])


def tbs(*extensions: bytes) -> bytes:
    template = writer.Template(ROW.identifier, NAME, b"".join(extensions))
    now = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    period = {"not_before": now, "not_after": now + timedelta(days=90)}
    return writer.tbs_certificate(template, serial=1 << 126, subject=NAME, spki=SPKI, **period)


def made(value: x509.ExtensionType, *, critical: bool = True) -> bytes:
    return writer.encode_extension(value, critical)


def raw(value: bytes) -> bytes:
    return der.extension("2.5.29.19", value, critical=True)


def signs(key: KeyInfo, data: bytes) -> bool:
    try:
        check_signable(key, ROW, Purpose.CERTIFICATE, data)
    except SigningRefused:
        return False
    return True


@pytest.mark.parametrize("critical", [True, False])
def test_of_a_ca_only_a_root_signs(critical: bool) -> None:
    usage = made(USAGE, critical=False)
    subject = tbs(usage, made(NOBODY, critical=critical))
    assert (signs(ISSUING, subject), signs(ROOT, subject)) == (True, False)
    for constraints in (CA, CA_1):
        authority = tbs(made(constraints, critical=critical), usage)
        assert (signs(ISSUING, authority), signs(ROOT, authority)) == (False, True)


@pytest.mark.parametrize(
    "extensions",
    [
        [],
        [made(USAGE)],
        [made(NOBODY), made(NOBODY)],
        [made(NOBODY), made(CA)],
        [made(CA), made(NOBODY)],
        [made(NOBODY), made(USAGE), made(USAGE)],
        [raw(b"")],
        [raw(b"\x30\x03\x01\x01\x00")],  # FALSE written out, which DER does not do
        [raw(b"\x30\x03\x01\x01\x01")],
        [raw(b"\x30\x03\x02\x01\x00")],
        [raw(b"\x30\x00\x05\x00")],
        [raw(b"\x31\x00")],
    ],
    ids=range(12),
)
def test_what_leaves_it_open_whether_it_is_of_a_ca_is_not_signed(extensions: list[bytes]) -> None:
    assert not signs(ISSUING, tbs(*extensions))


SUBJECT, AUTHORITY = tbs(made(USAGE), made(NOBODY)), tbs(made(USAGE), made(CA))


@settings(max_examples=400)
@given(st.data())
def test_whatever_is_changed_in_it_no_issuing_key_signs_what_others_read_as_a_cas(
    data: st.DataObject,
) -> None:
    """Bits turned, octets taken out or put in: it is refused, or a certificate that nobody takes for that of a CA."""
    octets = bytearray(data.draw(st.sampled_from([SUBJECT, AUTHORITY])))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(octets) - 1))
        match data.draw(st.sampled_from(["turn", "drop", "put"])):
            case "turn":
                octets[at] ^= 1 << data.draw(st.integers(0, 7))
            case "drop":
                del octets[at]
            case "put":
                octets.insert(at, data.draw(st.integers(0, 255)))
    changed = bytes(octets)
    if signs(ISSUING, changed):
        read = x509.load_der_x509_certificate(writer.signed(changed, ROW.identifier, b""))
        try:
            constraints = read.extensions.get_extension_for_class(x509.BasicConstraints).value
        except (
            ValueError,
            x509.UnsupportedGeneralNameType,
        ):  # another extension's value: relying parties refuse it
            return
        assert not constraints.ca
