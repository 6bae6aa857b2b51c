"""An officer's approval is signed with the officer's own key, and the signer believes nobody else."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ca.model import Certificate, Reason, State
from ca.registration.signatures import SignatureNeeded
from ca.signer.model import ApprovalRules, KeyRole, Purpose, Signing, SigningRefused
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import FixedClock
from kernel.errors import IntegrityFailed, NotFound, NotPermitted, WeichengError
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.signatures import Officer, account, appoint, csr_of
from tests.unit.ca.test_signer_guard import crl

WAITING = {"state": ("approved",)}


@pytest.fixture
def li(world: World, tmp_path: Path) -> Officer:
    """The officer of the tests, with a certificate that the second one approved."""
    return appoint(world, world.officer, world.second, tmp_path / "li")


def approve(world: World, officer: Officer, request_id: str, *options: str) -> object:
    document = world.ca.registration.approval_document(officer.principal, request_id)
    signature = officer.sign(document, *options)
    return world.ca.registration.approve(officer.principal, request_id, "核对无误", signature)


@pytest.mark.parametrize("options", [(), ("-cades",), ("-md", "sha384")])
def test_what_openssl_signs_is_an_approval(world: World, li: Officer, options: tuple[str, ...]) -> None:
    issued = approve(world, li, world.request().id, *options)
    assert isinstance(issued, Certificate)
    assert issued.state is State.ISSUED


def test_the_document_says_what_is_approved_by_whom_and_is_the_same_each_time(
    world: World, li: Officer
) -> None:
    request = world.request()
    document = world.ca.registration.approval_document(world.officer, request.id)
    assert document == world.ca.registration.approval_document(world.officer, request.id)
    told = json.loads(document)
    assert (told["officer"], told["filed_by"]) == (world.officer.name, world.registrar.id)
    assert told["what"]["subject"] == dict(request.subject)
    assert told["what"]["names"] == list(request.names)
    assert told["what"]["spki"] == request.spki.hex()
    assert told["digest"] == sha256_hex(canonical_json(told["what"]))


def test_an_officer_with_a_certificate_has_to_sign_and_one_without_has_not(world: World, li: Officer) -> None:
    request = world.request()
    assert world.ca.registration.signature_wanted(world.officer)
    with pytest.raises(SignatureNeeded):
        world.ca.registration.approve(world.officer, request.id)
    assert world.ca.registration.show(world.officer, request.id).state is State.REQUESTED
    assert not world.ca.registration.signature_wanted(world.second)
    assert isinstance(world.ca.registration.approve(world.second, request.id), Certificate)


def test_suspending_one_s_certificate_is_no_way_around_the_signature(world: World, li: Officer) -> None:
    """Whoever stole the session of an officer may suspend the certificate, and gains nothing by it."""
    request = world.request()
    world.ca.holders.suspend(world.officer, li.certificate.serial, "丢失")
    with pytest.raises(SignatureNeeded):
        world.ca.registration.approve(world.officer, request.id)
    with pytest.raises(IntegrityFailed, match="officer's certificate"):
        approve(world, li, request.id)
    assert world.ca.registration.show(world.officer, request.id).state is State.REQUESTED


def test_a_revoked_certificate_signs_no_approval(world: World, li: Officer) -> None:
    request = world.request()
    signature = li.sign(world.ca.registration.approval_document(world.officer, request.id))
    world.ca.lifecycle.revoke(world.second, li.certificate.serial, Reason.KEY_COMPROMISE, "丢失")
    with pytest.raises(IntegrityFailed, match="officer's certificate"):
        world.ca.registration.approve(world.officer, request.id, "", signature)
    assert not world.ca.registration.signature_wanted(world.officer)


@pytest.mark.parametrize("spoil", ["another request", "another officer", "a bit", "no CMS", "a flood"])
def test_a_signature_over_something_else_is_none(
    world: World, li: Officer, tmp_path: Path, spoil: str
) -> None:
    request, other = world.request(), world.request()
    document = world.ca.registration.approval_document(world.officer, request.id)
    signature = li.sign(document)
    if spoil == "another request":
        signature = li.sign(world.ca.registration.approval_document(world.officer, other.id))
    elif spoil == "another officer":
        wang = appoint(
            world, world.second, replace(world.officer, id="usr_third", name="third"), tmp_path / "wang"
        )
        signature = wang.sign(document)
    elif spoil == "a bit":
        signature = signature[:-3] + bytes((signature[-3] ^ 1,)) + signature[-2:]
    else:
        signature = b"\x30\x80" * 10 if spoil == "no CMS" else b"\x30" * 100_000
    with pytest.raises(WeichengError) as told:
        world.ca.registration.approve(world.officer, request.id, "", signature)
    assert told.value.code in ("integrity", "invalid")
    assert world.ca.registration.show(world.officer, request.id).state is State.REQUESTED


def test_a_person_s_certificate_makes_nobody_an_officer(world: World, tmp_path: Path) -> None:
    mere = appoint(world, world.officer, world.second, tmp_path / "mere", profile="person")
    request = world.request()
    assert not world.ca.registration.signature_wanted(world.officer)
    with pytest.raises(IntegrityFailed, match="officer's certificate"):
        approve(world, mere, request.id)


def test_who_may_not_approve_is_told_nothing(world: World, other_registrar: Principal) -> None:
    request = world.request()
    with pytest.raises(NotPermitted):
        world.ca.registration.approval_document(world.registrar, request.id)
    elsewhere = replace(world.officer, unit="u_other")
    with pytest.raises(NotFound):
        world.ca.registration.approval_document(elsewhere, request.id)


# --- the signer by itself: whoever asks has the secret of the processes that prepare, and lies
@pytest.fixture
def strict(world: World, li: Officer) -> World:
    """The signer demands signatures from now on."""
    world.signer.rule(ApprovalRules(Signing.REQUIRED))
    return world


def intended(
    world: World, li: Officer, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, bytes, dict[str, object]]:
    """Key, to-be-signed bytes and header of a certificate that was approved and is not signed yet."""
    request = world.request()
    caught: list[tuple[str, bytes, str]] = []

    def catch(name: str, purpose: Purpose, tbs: bytes, warrant: str) -> bytes:
        caught.append((name, tbs, warrant))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(world.signer, "sign", catch)
        with pytest.raises(KeyboardInterrupt):
            approve(world, li, request.id)
    name, tbs, warrant = caught[0]
    return name, tbs, json.loads(warrant)


def ask(world: World, name: str, tbs: bytes, header: dict[str, object]) -> bytes:
    """Have it signed as a process would that holds the secret and says what it likes."""
    facts = {
        key: header[key] for key in ("serial", "profile", "version", "request", "approvals") if key in header
    }
    made = world.signer.warrant(name, Purpose.CERTIFICATE, tbs, **facts)
    return world.signer.sign(name, Purpose.CERTIFICATE, tbs, made)


def test_where_signatures_are_required_nothing_is_issued_without(strict: World, li: Officer) -> None:
    assert isinstance(approve(strict, li, strict.request().id), Certificate)
    with pytest.raises(SigningRefused, match="not approved by officers"):
        strict.ca.registration.approve(strict.second, strict.request().id)
    left = strict.ca.lifecycle.page(strict.officer, Ask(filters=WAITING))
    assert left.total == 1  # the intent has an owner and no certificate


def test_the_suite_s_own_services_need_no_officer(strict: World) -> None:
    assert strict.ca.services.provision(strict.officer, KeyRole.EVIDENCE)


def _another_key(document: dict[str, object]) -> None:
    document["what"]["spki"] = "00"  # type: ignore[index]


def _another_name(document: dict[str, object]) -> None:
    document["what"]["subject"]["CN"] = "别人"  # type: ignore[index]


def _another_verdict(document: dict[str, object]) -> None:
    document["verdict"] = "reject"


def _another_request(document: dict[str, object]) -> None:
    document["subject"] = "request:req_another"


def _himself(document: dict[str, object]) -> None:
    document["filed_by"] = document["officer"]


def _more_people(document: dict[str, object]) -> None:
    document["needed"] = 2


def _names(document: dict[str, object]) -> None:
    document["what"]["names"] = []  # type: ignore[index]


def _profile(document: dict[str, object]) -> None:
    document["what"]["profile"] = "officer"  # type: ignore[index]


def _no_digest(document: dict[str, object]) -> None:
    document["digest"] = "0" * 64


@pytest.mark.parametrize(
    "lie",
    [
        _another_key,
        _another_name,
        _another_verdict,
        _another_request,
        _himself,
        _more_people,
        _names,
        _profile,
        _no_digest,
    ],
)
def test_an_officer_s_signature_over_another_document_moves_no_signer(
    strict: World, li: Officer, monkeypatch: pytest.MonkeyPatch, lie: Callable[[dict[str, object]], None]
) -> None:
    name, tbs, header = intended(strict, li, monkeypatch)
    told = json.loads(header["approvals"][0]["document"])  # type: ignore[index]
    lie(told)
    if lie is not _no_digest:
        told["digest"] = sha256_hex(canonical_json(told["what"]))
    document = canonical_json(told)
    one = {"document": document.decode(), "signature": b64encode(li.sign(document)).decode()}
    with pytest.raises(SigningRefused):
        ask(strict, name, tbs, {**header, "approvals": [one]})
    assert ask(strict, name, tbs, header)  # the true one is signed


@pytest.mark.parametrize("lie", ["request", "profile", "version", "none", "document", "twice"])
def test_a_process_that_lies_to_the_signer_gets_nothing(
    strict: World, li: Officer, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    name, tbs, header = intended(strict, li, monkeypatch)
    one = header["approvals"][0]  # type: ignore[index]
    lies: dict[str, dict[str, object]] = {
        "request": {"request": "req_another"},
        "profile": {"profile": "tls-server"},
        "version": {"version": "0" * 16},
        "none": {"approvals": []},
        "document": {"approvals": [{**one, "document": one["document"].replace("approve", "approved")}]},
        "twice": {"approvals": [one, {**one, "signature": "no base64"}]},
    }
    with pytest.raises(SigningRefused):
        ask(strict, name, tbs, {**header, **lies[lie]})


def test_an_officer_s_certificate_that_has_ended_approves_nothing(
    strict: World, li: Officer, monkeypatch: pytest.MonkeyPatch, clock: FixedClock
) -> None:
    name, tbs, header = intended(strict, li, monkeypatch)
    clock.advance(days=731)
    with pytest.raises(SigningRefused, match="does not hold"):
        ask(strict, name, tbs, header)


def test_a_revoked_officer_approves_nothing_whatever_the_signer_is_told(
    strict: World, li: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signer has signed the list itself; a later list without the entry changes nothing."""
    name, tbs, header = intended(strict, li, monkeypatch)
    strict.ca.lifecycle.revoke(strict.second, li.certificate.serial, Reason.KEY_COMPROMISE, "丢失")
    with pytest.raises(SigningRefused, match="does not hold"):
        ask(strict, name, tbs, header)
    key = next(one for one in strict.signer.keys() if one.name == name)
    assert strict.signer.sign(name, Purpose.CRL, crl(key))
    with pytest.raises(SigningRefused, match="does not hold"):
        ask(strict, name, tbs, header)


def test_a_suspension_passes(strict: World, li: Officer, monkeypatch: pytest.MonkeyPatch) -> None:
    name, tbs, header = intended(strict, li, monkeypatch)
    strict.ca.lifecycle.hold(strict.second, li.certificate.serial, "出差")
    strict.ca.lifecycle.release(strict.second, li.certificate.serial, "返回")
    assert ask(strict, name, tbs, header)


def test_a_certificate_of_another_ca_makes_no_officer(
    strict: World, li: Officer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same names and policy under a key that is not the signer's."""
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    name, tbs, header = intended(strict, li, monkeypatch)
    true = x509.load_der_x509_certificate(li.certificate.der)
    csr_of(tmp_path / "false")
    key = load_pem_private_key((tmp_path / "false" / "key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = strict.ca.clock.now()
    made = x509.CertificateBuilder(true.issuer, true.subject, key.public_key(), true.serial_number)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    for extension in true.extensions:
        made = made.add_extension(extension.value, extension.critical)
    from cryptography.hazmat.primitives.serialization import Encoding

    forged = made.sign(ec.generate_private_key(ec.SECP256R1()), SHA256())
    (tmp_path / "false" / "certificate.pem").write_bytes(forged.public_bytes(Encoding.PEM))
    false = Officer(li.principal, li.certificate, tmp_path / "false")
    document = header["approvals"][0]["document"]  # type: ignore[index]
    one = {"document": document, "signature": b64encode(false.sign(document.encode())).decode()}
    with pytest.raises(SigningRefused, match="does not hold"):
        ask(strict, name, tbs, {**header, "approvals": [one]})


def test_nobody_makes_themselves_an_officer(
    strict: World, li: Officer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signer refuses it too, when the service that should have done so does not."""
    monkeypatch.setattr("ca.registration.decision.refuse_own", lambda *_: None)
    subject = {"O": "市大数据局", "CN": "李某", "UID": li.principal.name}
    filed = strict.request(profile="officer", subject=subject, names=(), csr=csr_of(tmp_path / "own"))
    with pytest.raises(SigningRefused, match="become an officer"):
        approve(strict, li, filed.id)


def test_nobody_makes_themselves_an_officer_without_a_signature_either(world: World, tmp_path: Path) -> None:
    """The first certificate of an officer, who has none to sign with, is approved by another one."""
    account(world, world.officer)
    subject = {"O": "市大数据局", "CN": "李某", "UID": world.officer.name}
    filed = world.request(profile="officer", subject=subject, names=(), csr=csr_of(tmp_path / "own"))
    with pytest.raises(NotPermitted, match="become an officer"):
        world.ca.registration.approve(world.officer, filed.id)
    assert isinstance(world.ca.registration.approve(world.second, filed.id), Certificate)


def test_no_key_of_the_signer_s_own_is_an_officer_s(world: World) -> None:
    """Or whoever may ask for seals of evidence could make approvals of them."""
    from ca.writing import Wanted

    key = world.signer.generate("evidence-x", KeyRole.EVIDENCE, "p256")
    profile = world.ca.profiles.get("officer")
    subject = profile.complete_subject({"O": "市大数据局", "CN": "无人", "UID": "nobody"})
    wanted = Wanted(profile, subject, (), key.spki, "u_city")
    with world.ca.database.begin() as uow:
        authority = next(one for one in world.ca.authorities() if one.parent is not None)
        token = world.ca.issuance.prepare(uow, world.officer, authority, wanted)
    with pytest.raises(SigningRefused, match="no officer's"):
        world.ca.issuance.sign(token)


def test_nobody_else_answers_ocsp_requests(world: World, tmp_path: Path) -> None:
    """A responder's certificate for a key elsewhere could say of any certificate that it is good."""
    from ca.encoding.csr import spki_of
    from ca.writing import Wanted

    profile = world.ca.profiles.get("ocsp-responder")
    subject = profile.complete_subject({"O": "市大数据局", "CN": "别处的 OCSP"})
    wanted = Wanted(profile, subject, (), spki_of(csr_of(tmp_path / "x")), "u_city")
    with world.ca.database.begin() as uow:
        authority = next(one for one in world.ca.authorities() if one.parent is not None)
        token = world.ca.issuance.prepare(uow, world.officer, authority, wanted)
    with pytest.raises(SigningRefused, match="answers OCSP"):
        world.ca.issuance.sign(token)


@on_both
def test_the_signature_is_kept_with_the_decision_and_audited(world: World, li: Officer) -> None:
    request = world.request()
    approve(world, li, request.id)
    with world.ca.database.begin() as uow:
        from sqlalchemy import select

        from kernel.identity.store import approval_signatures

        kept = uow.execute(
            select(approval_signatures).where(approval_signatures.c.approval == request.approval)
        ).one()
    assert kept.person == world.officer.id
    assert json.loads(kept.document)["approval"] == request.approval
    assert b64decode(b64encode(kept.signature))


def test_an_automatic_profile_is_issued_where_the_signer_s_own_setting_names_its_policy(
    strict: World, li: Officer, tmp_path: Path
) -> None:
    from ca.encoding.csr import spki_of
    from ca.writing import Wanted

    profile = strict.ca.profiles.get("device-automatic")
    subject = profile.complete_subject({"O": "市大数据局", "CN": "sensor-1"})
    wanted = Wanted(
        profile, subject, ("dns:sensor-1.gov.internal",), spki_of(csr_of(tmp_path / "d")), "u_city"
    )
    with strict.ca.database.begin() as uow:
        authority = next(one for one in strict.ca.authorities() if one.parent is not None)
        token = strict.ca.issuance.prepare(uow, strict.officer, authority, wanted)
    with pytest.raises(SigningRefused, match="not approved by officers"):
        strict.ca.issuance.sign(token)
    strict.signer.rule(ApprovalRules(Signing.REQUIRED, frozenset(one.oid for one in profile.policies)))
    assert strict.ca.issuance.sign(token).state is State.ISSUED


def test_what_was_approved_becomes_one_certificate(strict: World, li: Officer) -> None:
    """Whoever holds console and database can not have a revoked certificate made anew from the approvals there."""
    from ca.tables import certificates
    from ca.writing import Wanted

    request = strict.request()
    issued = approve(strict, li, request.id)
    assert isinstance(issued, Certificate)
    strict.ca.lifecycle.revoke(strict.second, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    with strict.ca.database.begin() as uow:
        uow.execute(certificates.update().where(certificates.c.request == request.id).values(request=None))
        given = strict.ca.registration._signatures.given(uow.connection, request.approval)
        profile = strict.ca.profiles.get(request.profile)
        wanted = Wanted(profile, request.subject, request.names, request.spki, request.unit, request.id)
        authority = next(one for one in strict.ca.authorities() if one.parent is not None)
        token = strict.ca.issuance.prepare(uow, strict.officer, authority, replace(wanted, approvals=given))
    with pytest.raises(SigningRefused, match="signed already"):
        strict.ca.issuance.sign(token)
