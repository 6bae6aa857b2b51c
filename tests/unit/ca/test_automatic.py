"""Issuing at once: for profiles that need no approval, one request or many, each with its certificate or its reason."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from ca.cli import commands
from ca.model import Certificate, State
from ca.registration.automatic import MOST, Order, split_csrs
from ca.signer.memory import MemorySigner
from ca.signer.model import ApprovalRules, Signing, SigningRefused
from kernel.audit.chain import audit_records
from kernel.audit.model import AuditAction
from kernel.audit.trail import verify_chain
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.errors import Conflict, Invalid, NeedsApproval, NotFound, NotPermitted, Unavailable, WeichengError
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.support.statements import counting
from tests.unit.ca.conftest import Terminal, World, on_both

KEY = ec.generate_private_key(ec.SECP256R1())


def csr(host: str, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "临江县大数据中心"),
            x509.NameAttribute(NameOID.COMMON_NAME, host),
        ]
    )
    names = x509.SubjectAlternativeName([x509.DNSName(f"{host}.gov.internal")])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    return made.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(
        Encoding.PEM
    )


def issue(world: World, csrs: Sequence[bytes], *, by: Principal | None = None, profile: str = "device-automatic",
          unit: str = "u_county") -> list[Certificate | WeichengError]:  # fmt: skip
    return world.ca.registration.issue(
        by or world.registrar, profile=profile, unit=unit, evidence="设备台账", csrs=csrs
    )


def test_where_officers_have_to_sign_it_is_refused_before_anything_is_kept(world: World) -> None:
    registration = world.ca.registration
    registration._automatic._rules = ApprovalRules(Signing.REQUIRED)
    with pytest.raises(NeedsApproval, match="no officer has approved"):
        issue(world, [csr("cam-9")])
    assert not registration.page(world.registrar, Ask("cam-9")).items
    policies = frozenset(one.oid for one in world.ca.profiles.get("device-automatic").policies)
    registration._automatic._rules = ApprovalRules(Signing.REQUIRED, policies)
    assert isinstance(issue(world, [csr("cam-9")])[0], Certificate)


@on_both
def test_each_request_gets_its_certificate_or_its_reason(world: World) -> None:
    world.ca.registration.issue(
        world.registrar,
        profile="device-automatic",
        unit="u_county",
        evidence="设备台账",
        csrs=[csr("cam-0", KEY)],
    )
    outcomes = issue(world, [csr("cam-1"), b"nonsense", csr("cam-2", KEY), csr("cam 3"), csr("cam-4")])
    first, nonsense, taken, misnamed, last = outcomes
    assert isinstance(first, Certificate)
    assert isinstance(last, Certificate)
    assert {first.state, last.state} == {State.ISSUED}
    parsed = x509.load_der_x509_certificate(first.der)
    assert parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    ) == ["cam-1.gov.internal"]
    assert isinstance(nonsense, Invalid)
    assert isinstance(taken, Conflict)
    assert isinstance(misnamed, Invalid)
    listed = world.ca.registration.page(world.registrar, Ask("cam-4")).items
    assert [(one.state, one.evidence) for one in listed] == [(State.ISSUED, "设备台账")]
    assert world.ca.lifecycle.page(world.registrar, Ask("cam-4.gov")).items[0].serial == last.serial
    with world.ca.database.read() as connection:
        assert verify_chain(connection).intact


def test_the_same_key_is_not_certified_for_two_in_one_file(world: World) -> None:
    first, second = issue(world, [csr("cam-1", KEY), csr("cam-2", KEY)])
    assert isinstance(first, Certificate)
    assert isinstance(second, Conflict)


def test_many_cost_as_many_statements_as_one(world: World) -> None:
    def statements(count: int) -> int:
        with counting(world.ca.database) as asked:
            issued = issue(world, [csr(f"cam-{count}-{number}") for number in range(count)])
        assert all(isinstance(one, Certificate) for one in issued)
        return len(asked)

    issue(world, [csr("first")])
    assert statements(20) == statements(1)


def test_only_profiles_without_approval_and_only_for_the_own_unit(
    world: World, other_registrar: Principal
) -> None:
    with pytest.raises(NeedsApproval):
        issue(world, [csr("cam-1")], profile="device")
    with pytest.raises(NotPermitted):
        issue(world, [csr("cam-1")], by=other_registrar)
    with pytest.raises(NotPermitted):
        issue(world, [csr("cam-1")], by=world.officer)


def test_what_the_signer_could_not_sign_is_issued_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_given: object) -> bytes:
        raise Unavailable("The signer does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(MemorySigner, "sign", away)
        outcomes = issue(world, [csr("cam-1"), csr("cam-2")])
        assert [type(one) for one in outcomes] == [Unavailable, Unavailable]
    assert world.ca.issuance.recover() == 2
    states = [one.state for one in world.ca.lifecycle.page(world.registrar, Ask("cam")).items]
    assert states == [State.ISSUED, State.ISSUED]


@on_both
def test_what_many_ask_for_together_is_answered_to_each(world: World, other_registrar: Principal) -> None:
    def order(by: Principal, *csrs: bytes, profile: str = "device-automatic") -> Order:
        return Order(by, profile, "u_county", "设备台账", csrs)

    answers = world.ca.registration.issue_together(
        [
            order(world.registrar, csr("cam-1", KEY)),
            order(other_registrar, csr("cam-2")),
            order(world.registrar, csr("cam-3"), profile="device"),
            order(world.registrar, csr("cam-4", KEY), csr("cam-5")),
            order(world.registrar, csr("cam-6"), profile="no-such"),
        ]
    )
    (first,) = cast(list[Certificate], answers[0])
    taken, second = cast(list[Certificate], answers[3])
    assert {first.state, second.state} == {State.ISSUED}
    assert isinstance(taken, Conflict)  # the key of the first order's
    assert [type(answers[at]) for at in (1, 2, 4)] == [NotPermitted, NeedsApproval, NotFound]
    asked = select(audit_records.c.actor).where(
        audit_records.c.target.in_([f"certificate:{one.serial}" for one in (first, second)]),
        audit_records.c.action == str(AuditAction.CA_ISSUE),
    )
    with world.ca.database.read() as connection:
        assert connection.execute(asked).scalars().all() == [world.registrar.id] * 2


def test_one_that_the_signer_refuses_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    granted, refused = MemorySigner.granted, []

    def once(*given: Any) -> bytes:
        if not refused:
            refused.append(given)
            raise SigningRefused("No.")
        return granted(*given)

    with monkeypatch.context() as broken:
        broken.setattr(MemorySigner, "granted", once)
        first, second = issue(world, [csr("cam-1"), csr("cam-2")])
    assert isinstance(first, SigningRefused)
    assert isinstance(second, Certificate)
    assert world.ca.issuance.recover() == 1


def test_a_file_holds_one_request_or_many() -> None:
    one = x509.load_pem_x509_csr(csr("cam-1")).public_bytes(Encoding.DER)
    assert split_csrs(one) == [one]
    assert len(split_csrs(b"\n".join([csr("cam-1"), b"comment", csr("cam-2")]))) == 2
    for wrong in (b"-----BEGIN CERTIFICATE REQUEST-----\nhalf", csr("cam-1") * (MOST + 1)):
        with pytest.raises(Invalid):
            split_csrs(wrong)


def test_a_script_learns_by_the_status_how_much_was_issued(
    world: World, clock: FixedClock, tmp_path: Path
) -> None:
    def status(*csrs: bytes) -> int:
        (tmp_path / "csr.pem").write_bytes(b"".join(csrs))
        at = Terminal(world.ca, clock, world.registrar, Output("json"))
        asked = ["issue", "device-automatic", str(tmp_path / "csr.pem"), "--unit", "u_county"]
        arguments = [*asked, "--evidence", "设备台账"]
        done = CliRunner().invoke(commands, arguments, obj=at, standalone_mode=False, catch_exceptions=False)
        return int(done.return_value)

    assert status(csr("cam-1")) == 0
    assert status(csr("cam-2"), csr("cam 3")) == 3
    assert status(csr("cam 4")) == 2
