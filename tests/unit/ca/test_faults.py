"""What goes wrong: power, signer, clock, the CA's own certificate. Nothing is lost, doubled or signed that should not be."""

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from ca.model import Certificate, Reason, State
from ca.signer.model import Purpose
from kernel.clock import FixedClock
from kernel.errors import Conflict, ErrorCode, Unavailable, WeichengError
from kernel.pki import tsp
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.relying import ask, crl_of

PEOPLE = {"profile": ("person",)}


class Killed(BaseException):
    """The power goes."""


def lose_signer(world: World, patched: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> bytes:
        raise Unavailable("The signer does not answer.")

    for way in ("sign", "sign_many"):
        patched.setattr(world.signer, way, gone)


@on_both
def test_a_crash_between_intent_and_result_leaves_no_serial_without_an_owner(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = world.request()

    def power_cut(*_: object) -> bytes:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(world.signer, "sign", power_cut)
        with pytest.raises(Killed):
            world.ca.registration.approve(world.officer, request.id)
    waiting = [
        one for one in world.ca.lifecycle.page(world.officer, Ask()).items if one.state is State.APPROVED
    ]
    assert len(waiting) == 1
    assert ask(world, int(waiting[0].serial, 16)).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    assert world.ca.issuance.recover() == 1
    assert world.ca.issuance.recover() == 0
    issued = world.ca.lifecycle.show(world.officer, waiting[0].serial)
    assert isinstance(issued, Certificate)
    assert issued.state is State.ISSUED
    assert world.ca.registration.show(world.officer, request.id).state is State.ISSUED
    assert x509.load_der_x509_certificate(issued.der).serial_number == int(issued.serial, 16)


@on_both
def test_a_recovery_that_fails_for_one_goes_on_with_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_: object) -> bytes:
        raise Killed

    requests = [world.request() for _ in range(3)]
    with monkeypatch.context() as patched:
        patched.setattr(world.signer, "sign", power_cut)
        for request in requests:
            with pytest.raises(Killed):
                world.ca.registration.approve(world.officer, request.id)
    real, seen = world.signer.sign, []

    def first_fails(name: str, purpose: Purpose, tbs: bytes, *warrant: str) -> bytes:
        seen.append(tbs)
        if len(seen) == 1:
            raise Unavailable("The signer does not answer.")
        return real(name, purpose, tbs, *warrant)

    with monkeypatch.context() as patched:
        patched.setattr(world.signer, "sign", first_fails)
        with pytest.raises(Unavailable):
            world.ca.issuance.recover()
    assert world.ca.issuance.recover() == 1
    assert world.ca.lifecycle.page(world.officer, Ask(filters=PEOPLE | {"state": ("issued",)})).total == 3


def test_a_signer_that_signs_wrongly_is_found_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from kernel.pki.algorithms import SignatureInvalid

    request = world.request()
    monkeypatch.setattr(world.signer, "sign", lambda *_: b"\x30\x06\x02\x01\x01\x02\x01\x01")
    with pytest.raises(SignatureInvalid):
        world.ca.registration.approve(world.officer, request.id)
    assert all(
        one.state is not State.ISSUED
        for one in world.ca.lifecycle.page(world.officer, Ask(filters=PEOPLE)).items
    )


@on_both
def test_without_its_signer_the_ca_revokes_and_the_list_follows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = world.issue()
    serial = int(issued.serial, 16)
    with monkeypatch.context() as patched:
        lose_signer(world, patched)
        with pytest.raises(WeichengError) as told:
            world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
        assert told.value.code is ErrorCode.PARTIAL
        assert ask(world, serial).response_status is ocsp.OCSPResponseStatus.TRY_LATER
        rejected = world.ca.timestamps.answer(tsp.request(b"d" * 32))
        with pytest.raises(tsp.TimeStampRefused):
            tsp.token_of(rejected)
    assert ask(world, serial).certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert crl_of(world).get_revoked_certificate_by_serial_number(serial) is None
    assert world.ca.publication.refresh() == 1
    assert crl_of(world).get_revoked_certificate_by_serial_number(serial) is not None
    assert world.ca.publication.refresh() == 0


def test_with_a_clock_set_back_no_list_and_no_stamp_is_signed(world: World, clock: FixedClock) -> None:
    clock.advance(hours=-2)
    with pytest.raises(Unavailable, match="clock"):
        world.ca.publication.publish("issuing", world.officer)
    with pytest.raises(tsp.TimeStampRefused):
        world.ca.timestamps.token(b"d" * 32)


@on_both
def test_with_a_clock_set_back_no_certificate_is_prepared_and_revocations_are_still_told(
    world: World, clock: FixedClock
) -> None:
    issued, waiting = world.issue(), world.request()
    clock.advance(hours=-2)
    with pytest.raises(Unavailable, match="behind what the CA has signed"):
        world.ca.registration.approve(world.officer, waiting.id)
    assert world.ca.registration.show(world.officer, waiting.id).state is State.REQUESTED
    with pytest.raises(WeichengError) as told:
        world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    assert told.value.code is ErrorCode.PARTIAL
    assert ask(world, int(issued.serial, 16)).certificate_status is ocsp.OCSPCertStatus.REVOKED
    clock.advance(hours=3)
    assert isinstance(world.ca.registration.approve(world.officer, waiting.id), Certificate)
    assert world.ca.publication.refresh()
    entry = crl_of(world).get_revoked_certificate_by_serial_number(int(issued.serial, 16))
    assert entry is not None


@pytest.mark.parametrize("ahead", [400, 4000])
def test_what_a_clock_set_forward_had_signed_stops_nothing_for_good(
    world: World, clock: FixedClock, ahead: int
) -> None:
    """A year ahead the CA signs on, past its end it refuses; put right again, it signs nothing that would be older."""
    waiting = world.request()
    clock.set_forward(seconds=ahead * 86400)
    if ahead == 4000:
        with pytest.raises(Conflict, match="signs no more"):
            world.ca.registration.approve(world.officer, waiting.id)
        clock.advance(days=-ahead)
        assert isinstance(world.ca.registration.approve(world.officer, waiting.id), Certificate)
        return
    early = world.ca.registration.approve(world.officer, waiting.id)
    assert isinstance(early, Certificate)
    clock.advance(days=-ahead)
    with pytest.raises(Unavailable, match="behind what the CA has signed"):
        world.ca.registration.approve(world.officer, world.request().id)


@pytest.mark.parametrize("octet", [0, 20, -1])
def test_a_bit_that_falls_over_in_the_hsm_is_found_before_anything_is_stored(
    world: World, monkeypatch: pytest.MonkeyPatch, octet: int
) -> None:
    from kernel.errors import IntegrityFailed

    issued, request = world.issue(), world.request()
    before = world.ca.publication.crl(issued.authority)
    real = world.signer.sign

    def flipped(*arguments: object) -> bytes:
        made = bytearray(real(*arguments))  # type: ignore[arg-type]
        made[octet] ^= 1
        return bytes(made)

    with monkeypatch.context() as patched:
        patched.setattr(world.signer, "sign", flipped)
        with pytest.raises(IntegrityFailed):
            world.ca.registration.approve(world.officer, request.id)
        with pytest.raises(IntegrityFailed):
            world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.SUPERSEDED, "更换")
        with pytest.raises(IntegrityFailed):
            world.ca.issuance.recover()
    assert world.ca.publication.crl(issued.authority) == before
    assert world.ca.issuance.recover() == 1
    assert world.ca.registration.show(world.officer, request.id).state is State.ISSUED
    assert world.ca.publication.refresh()
    assert crl_of(world).get_revoked_certificate_by_serial_number(int(issued.serial, 16)) is not None


@on_both
def test_a_revoked_ca_signs_nothing_more(world: World) -> None:
    own = x509.load_der_x509_certificate(world.ca.authority("issuing").certificate)
    filed = world.request()
    proposed = world.ca.revocations.propose(
        world.officer, f"{own.serial_number:032x}", Reason.CA_COMPROMISE, "密钥泄露"
    )
    world.ca.revocations.perform(world.second, proposed.id)
    root_list = x509.load_der_x509_crl(world.ca.publication.crl("root"))
    assert root_list.get_revoked_certificate_by_serial_number(own.serial_number) is not None
    with pytest.raises(Conflict, match="signs no more"):
        world.ca.registration.approve(world.officer, filed.id)
    assert world.ca.registration.show(world.officer, filed.id).state is State.REQUESTED


def test_a_ca_at_its_end_signs_nothing_more(world: World, clock: FixedClock) -> None:
    filed = world.request()
    clock.advance(days=3700)
    with pytest.raises(Conflict, match="signs no more"):
        world.ca.registration.approve(world.officer, filed.id)
