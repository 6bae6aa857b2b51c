"""Status: what relying parties are told, by CRL, OCSP and time-stamp, judged by parsers and clients that are not ours."""

import base64
import subprocess
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.encoding.ocsp import parse_request
from ca.model import IllegalMove, Reason, State
from ca.signer.model import KeyRole, Purpose, SigningRefused
from ca.web import StatusSite
from kernel.clock import FixedClock
from kernel.edges.public import Asked
from kernel.errors import Invalid, NotPermitted, Unavailable
from kernel.identity.model import Principal
from kernel.pki import der, tsp
from kernel.pki.der import MalformedDer
from tests.support.public import fetch, served
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.relying import ask, crl_of, request


@on_both
def test_a_revoked_certificate_is_on_the_next_list_at_once(world: World, clock: FixedClock) -> None:
    issued = world.issue()
    before = crl_of(world).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    world.ca.lifecycle.revoke(
        world.officer,
        issued.serial,
        Reason.KEY_COMPROMISE,
        "丢失",
        invalid_since=clock.now() - timedelta(days=1),
    )
    listed = crl_of(world)
    entry = listed.get_revoked_certificate_by_serial_number(int(issued.serial, 16))
    assert entry is not None
    assert (
        entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        is x509.ReasonFlags.key_compromise
    )
    assert (
        entry.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc < clock.now()
    )
    assert listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == before + 1
    issuing = x509.load_der_x509_certificate(world.ca.authority("issuing").certificate)
    assert listed.is_signature_valid(issuing.public_key())


@on_both
def test_hold_and_release(world: World) -> None:
    issued = world.issue()
    world.ca.lifecycle.hold(world.officer, issued.serial, "出差")
    assert ask(world, int(issued.serial, 16)).revocation_reason is x509.ReasonFlags.certificate_hold
    assert not world.ca.is_good(issued.der)
    world.ca.lifecycle.release(world.officer, issued.serial, "返回")
    assert ask(world, int(issued.serial, 16)).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert crl_of(world).get_revoked_certificate_by_serial_number(int(issued.serial, 16)) is None
    assert world.ca.is_good(issued.der)


def test_revocation_is_for_good(world: World) -> None:
    issued = world.issue()
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.CESSATION_OF_OPERATION, "离职")
    with pytest.raises(IllegalMove):
        world.ca.lifecycle.release(world.officer, issued.serial, "误操作")
    with pytest.raises(Invalid):
        world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.CERTIFICATE_HOLD, "x")


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256()])
def test_ocsp_says_good_revoked_and_unknown(world: World, digest: hashes.HashAlgorithm) -> None:
    issued = world.issue()
    serial = int(issued.serial, 16)
    assert ask(world, serial, digest=digest).certificate_status is ocsp.OCSPCertStatus.GOOD
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.SUPERSEDED, "更换")
    assert ask(world, serial, digest=digest).certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert ask(world, 4711, digest=digest).certificate_status is ocsp.OCSPCertStatus.UNKNOWN


@on_both
def test_ocsp_echoes_the_nonce_and_speaks_for_no_other_ca(world: World) -> None:
    serial = int(world.issue().serial, 16)
    answer = ask(world, serial, nonce=b"n" * 32)
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32
    stranger = (
        ocsp.OCSPRequestBuilder().add_certificate_by_hash(b"x" * 32, b"y" * 32, 1, hashes.SHA256()).build()
    )
    refused = ocsp.load_der_ocsp_response(world.ca.responder.answer(stranger.public_bytes(Encoding.DER)))
    assert refused.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("parameters", "good"),
    [
        (b"\x05\x00", True),
        (b"", True),
        (b"\x05\x01x", False),
        (b"\x04\x01x", False),
        (b"\x05\x00\x05\x00", False),
    ],
)
def test_what_is_echoed_of_a_question_is_what_it_has_to_be(parameters: bytes, good: bool) -> None:
    """The signer refuses an answer with anything strange in it, and with it those that are signed at the same time."""
    algorithm = der.sequence(der.oid("1.3.14.3.2.26"), parameters)
    identifier = der.sequence(
        algorithm, der.octet_string(b"n" * 20), der.octet_string(b"k" * 20), der.integer(5)
    )
    asked = der.sequence(der.sequence(der.sequence(der.sequence(identifier))))
    if good:
        assert parse_request(asked).certificates[0].raw == identifier
    else:
        with pytest.raises(MalformedDer):
            parse_request(asked)


@given(data=st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_are_an_ocsp_request_or_malformed(data: bytes) -> None:
    try:
        assert parse_request(data).certificates
    except MalformedDer:
        return


@on_both
def test_an_old_list_never_follows_a_newer_one(world: World, clock: FixedClock) -> None:
    numbers = []
    for _ in range(3):
        world.ca.publication.publish("issuing", world.officer)
        numbers.append(crl_of(world).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
    assert numbers == sorted(set(numbers))
    assert world.ca.publication.refresh() == 0
    clock.advance(days=2)
    assert world.ca.publication.refresh() == 2


def test_only_an_officer_publishes_by_hand(world: World, network_admin: Principal) -> None:
    with pytest.raises(NotPermitted):
        world.ca.publication.publish("issuing", network_admin)


def test_a_certificate_is_good_only_in_its_time(world: World, clock: FixedClock) -> None:
    issued = world.issue()
    assert world.ca.is_good(issued.der)
    assert not world.ca.is_good(issued.der + b"x")
    clock.advance(days=731)
    assert not world.ca.is_good(issued.der)


def test_openssl_accepts_chain_list_and_stamp(world: World, tmp_path: Path) -> None:
    """The clock of these tests stands in November 2026; OpenSSL is told that time."""
    issued = world.issue()
    for name, data in (
        ("root", world.ca.authority("root").certificate),
        ("issuing", world.ca.authority("issuing").certificate),
        ("leaf", issued.der),
    ):
        (tmp_path / f"{name}.pem").write_bytes(
            x509.load_der_x509_certificate(data).public_bytes(Encoding.PEM)
        )
    at = int(world.ca.clock.now().timestamp())
    lists = b"".join(
        x509.load_der_x509_crl(world.ca.publication.crl(one)).public_bytes(Encoding.PEM)
        for one in ("root", "issuing")
    )
    (tmp_path / "crls.pem").write_bytes(lists)
    verify = [
        "openssl",
        "verify",
        "-attime",
        str(at),
        "-x509_strict",
        "-crl_check_all",
        "-CRLfile",
        "crls.pem",
    ]
    verify += ["-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem"]
    done = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "data").write_bytes(b"document")
    query = ["openssl", "ts", "-query", "-data", "data", "-sha384", "-cert"]
    asked = subprocess.run(query, cwd=tmp_path, capture_output=True, check=True).stdout
    (tmp_path / "query").write_bytes(asked)
    (tmp_path / "reply").write_bytes(world.ca.timestamps.answer(asked))
    check = ["openssl", "ts", "-verify", "-queryfile", "query", "-in", "reply", "-CAfile", "root.pem"]
    check += ["-untrusted", "issuing.pem", "-attime", str(at)]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout + done.stderr, done.stderr


def test_the_status_service_answers_over_http(world: World) -> None:
    with served(StatusSite(world.ca)) as url:
        assert fetch(f"{url}/crl/issuing.crl").headers["Content-Type"] == "application/pkix-crl"
        assert fetch(f"{url}/ca/root.cer").body == world.ca.authority("root").certificate
        assert fetch(f"{url}/crl/none.crl").status == 404
        assert fetch(f"{url}/crl/../../etc/passwd").status == 404
        malformed = ocsp.load_der_ocsp_response(fetch(f"{url}/ocsp", b"garbage").body)
        assert malformed.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
        assert fetch(f"{url}/ocsp/%%%").headers["Content-Type"] == "application/ocsp-response"
        assert fetch(f"{url}/tsa", b"garbage").headers["Content-Type"] == "application/timestamp-reply"
        assert fetch(f"{url}/ocsp", b"x" * 100_000).status == 413
        assert fetch(f"{url}/crl/issuing.crl", b"").status == 405


def test_keys_sign_only_what_they_are_for(world: World) -> None:
    with pytest.raises(SigningRefused):
        world.signer.sign("issuing", Purpose.OCSP, b"anything")
    with pytest.raises(SigningRefused):
        world.signer.sign("root", Purpose.CERTIFICATE, b"\x30\x00")
    crl = x509.load_der_x509_crl(world.ca.publication.crl("issuing"))
    service = world.ca.services.key(KeyRole.EVIDENCE)
    with pytest.raises(SigningRefused):
        world.signer.sign(service.name, Purpose.CRL, crl.tbs_certlist_bytes)


def test_services_without_a_key_say_so(world: World) -> None:
    from sqlalchemy import delete

    from ca.tables import services

    with world.ca.database.begin() as uow:
        uow.execute(delete(services))
    assert not world.ca.can_seal()
    with pytest.raises(Unavailable, match="no key yet"):
        world.ca.services.seal(b"x")
    answer = ask(world)
    assert answer.response_status is ocsp.OCSPResponseStatus.TRY_LATER


@on_both
def test_a_revoked_certificate_stays_listed_once_after_its_end(world: World, clock: FixedClock) -> None:
    issued = world.issue()
    serial = int(issued.serial, 16)
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.SUPERSEDED, "更换")
    clock.advance(days=731)
    world.ca.publication.publish("issuing", world.officer)
    assert crl_of(world).get_revoked_certificate_by_serial_number(serial) is not None
    world.ca.publication.publish("issuing", world.officer)
    assert crl_of(world).get_revoked_certificate_by_serial_number(serial) is None


@on_both
def test_what_ends_is_marked_expired(world: World, clock: FixedClock) -> None:
    issued, revoked = world.issue(), world.issue()
    world.ca.lifecycle.revoke(world.officer, revoked.serial, Reason.SUPERSEDED, "更换")
    assert world.ca.lifecycle.expire() == 0
    clock.advance(days=731)
    assert world.ca.lifecycle.expire() >= 1
    assert world.ca.lifecycle.show(world.officer, issued.serial).state is State.EXPIRED
    assert world.ca.lifecycle.show(world.officer, revoked.serial).state is State.REVOKED
    with pytest.raises(IllegalMove):
        world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "x")


@on_both
def test_the_services_renew_their_certificates_in_time(world: World, clock: FixedClock) -> None:
    before = world.ca.services.key(KeyRole.OCSP).certificate_der
    assert world.ca.services.renew() == 0
    clock.advance(days=61)  # 90 days of validity, renewed 30 days before the end
    assert world.ca.services.renew() == 1
    assert world.ca.services.key(KeyRole.OCSP).certificate_der != before
    assert world.ca.services.renew() == 0


def test_an_expired_responder_says_try_later_not_something_wrong(world: World, clock: FixedClock) -> None:
    serial = int(world.issue().serial, 16)
    clock.advance(days=91)
    assert ask(world, serial).response_status is ocsp.OCSPResponseStatus.TRY_LATER


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (1, ocsp.OCSPResponseStatus.SUCCESSFUL),
        (128, ocsp.OCSPResponseStatus.SUCCESSFUL),
        (129, ocsp.OCSPResponseStatus.MALFORMED_REQUEST),
    ],
)
def test_a_nonce_has_1_to_128_octets(world: World, size: int, status: ocsp.OCSPResponseStatus) -> None:
    assert ask(world, 4711, nonce=b"n" * size).response_status is status


def test_an_ocsp_path_may_hold_any_base64(world: World) -> None:
    """Two slashes in a row, plus signs and equals signs, percent-encoded or not (RFC 6960 appendix A.1)."""
    site = StatusSite(world.ca)
    for filler in range(256):
        asked = request(world, 4711, bytes((255, 255, 255, filler)) * 4)
        path = base64.b64encode(asked).decode()
        if "//" in path:
            break
    assert "//" in path
    for text in (path, quote(path, safe="")):
        told = site.answer([Asked("GET", f"/ocsp/{text}")])[0]
        assert isinstance(told.body, bytes)
        answer = ocsp.load_der_ocsp_response(told.body)
        assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


@on_both
def test_no_two_stamps_bear_one_serial(world: World) -> None:
    serials = {tsp.read_token(world.ca.timestamps.token(b"d" * 32)).serial for _ in range(20)}
    assert len(serials) == 20
