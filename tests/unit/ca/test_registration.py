"""Registration: four eyes, units, profiles, keys; and what bad input gets."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca.encoding.csr import BadCsr, spki_of
from ca.model import TRANSITIONS, Certificate, IllegalMove, Reason, State, move
from ca.profiles import ProfileViolation
from kernel.audit.trail import verify_chain
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotFound, NotPermitted, WeichengError
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.unit.ca.conftest import PLAN, World, on_both


def csr(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "applicant")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


@on_both
def test_a_registrar_files_an_officer_approves_and_the_certificate_says_what_was_asked(world: World) -> None:
    issued = world.issue()
    parsed = x509.load_der_x509_certificate(issued.der)
    common_name = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0]
    assert common_name.value == "陈晓明"
    assert parsed.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value == "CN"
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == ["chen@city.gov.cn"]
    assert parsed.not_valid_after_utc - parsed.not_valid_before_utc == timedelta(days=730)
    assert (issued.state, issued.unit) == (State.ISSUED, "u_county")
    assert issued.profile_version == world.ca.profiles.get("person").version


def test_who_files_can_not_approve(world: World) -> None:
    request = world.request()
    with pytest.raises(NotPermitted):
        world.ca.registration.approve(world.registrar, request.id)
    assert world.ca.registration.show(world.registrar, request.id).state is State.REQUESTED


@on_both
def test_a_registrar_of_another_unit_sees_and_files_nothing_here(
    world: World, other_registrar: Principal
) -> None:
    request = world.request()
    assert world.ca.registration.page(other_registrar, Ask()).items == ()
    with pytest.raises(NotFound):
        world.ca.registration.show(other_registrar, request.id)
    with pytest.raises(NotPermitted):
        world.ca.registration.file(
            other_registrar,
            profile="person",
            subject={"O": "x", "CN": "某人"},
            names=(),
            unit="u_county",
            evidence="x",
        )


@pytest.mark.parametrize("name", ["sysadmin", "auditor", "assessor", "analyst", "dr_admin", "network_admin"])
def test_nobody_else_files_approves_or_revokes(
    world: World, name: str, request: pytest.FixtureRequest
) -> None:
    stranger: Principal = request.getfixturevalue(name)
    filed, issued = world.request(), world.issue()
    with pytest.raises(NotPermitted):
        world.ca.registration.file(
            stranger,
            profile="person",
            subject={"O": "x", "CN": "某人"},
            names=(),
            unit="u_county",
            evidence="x",
        )
    with pytest.raises(NotPermitted):
        world.ca.registration.approve(stranger, filed.id)
    with pytest.raises(NotPermitted):
        world.ca.lifecycle.revoke(stranger, issued.serial, Reason.UNSPECIFIED, "x")


def test_a_rejected_request_stays_rejected(world: World) -> None:
    request = world.request()
    with pytest.raises(Invalid, match="reason"):
        world.ca.registration.reject(world.officer, request.id, " ")
    assert world.ca.registration.reject(world.officer, request.id, "姓名与证件不符").state is State.REJECTED
    with pytest.raises(Conflict):
        world.ca.registration.approve(world.second, request.id)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"subject": {"O": "x"}}, "CN"),
        ({"subject": {"O": "x", "CN": "某人", "C": "US"}}, "C"),
        ({"subject": {"O": "x", "CN": "某人", "L": "临江"}}, "L"),
        ({"subject": {"O": "x" * 65, "CN": "某人"}}, "O"),
        ({"names": ("dns:www.city.gov.cn",)}, "dns:www.city.gov.cn"),
        ({"names": ("email:not-an-address",)}, "email:not-an-address"),
        ({"profile": "tls-server", "subject": {"O": "x", "CN": "a.gov.internal"}, "names": ()}, "names"),
        (
            {
                "profile": "tls-server",
                "subject": {"O": "x", "CN": "a.gov.internal"},
                "names": ("ip:8.8.8.8",),
            },
            "ip:8.8.8.8",
        ),
        (
            {
                "profile": "tls-server",
                "subject": {"O": "x", "CN": "a.gov.internal"},
                "names": ("dns:evilgov.internal",),
            },
            "dns:evilgov.internal",
        ),
    ],
)
def test_a_profile_violation_names_the_place(world: World, changes: dict[str, object], place: str) -> None:
    with pytest.raises(ProfileViolation) as refused:
        world.request(**changes)
    assert refused.value.place == place
    assert refused.value.text("zh_CN") != refused.value.text("en")


def test_profiles_of_the_suite_are_not_for_applicants(world: World) -> None:
    for profile in ("root", "issuing-ca", "ocsp-responder", "timestamp", "evidence-seal"):
        with pytest.raises(Invalid, match="not for applicants"):
            world.request(profile=profile)
    with pytest.raises(NotFound, match="no profile"):
        world.request(profile="passport")
    with pytest.raises(Invalid, match="own key"):
        world.request(profile="software", names=())


def test_weak_and_unproven_keys_are_refused(world: World) -> None:
    small = csr(rsa.generate_private_key(65537, 1024))
    with pytest.raises(WeichengError, match=r"kind|2048"):
        world.request(csr=small)
    odd_curve = csr(ec.generate_private_key(ec.SECP521R1()))
    with pytest.raises(Invalid):
        world.request(csr=odd_curve)
    forged = bytearray(serialization_der(csr(ec.generate_private_key(ec.SECP256R1()))))
    forged[-1] ^= 1
    with pytest.raises(BadCsr, match=r"not signed by its own key|can not be read"):
        world.request(csr=bytes(forged))


def serialization_der(pem: bytes) -> bytes:
    return x509.load_pem_x509_csr(pem).public_bytes(serialization.Encoding.DER)


@on_both
def test_a_key_serves_one_subject_and_dies_with_its_certificate(world: World) -> None:
    applicant = csr(ec.generate_private_key(ec.SECP256R1()))
    issued = world.issue(csr=applicant)
    with pytest.raises(Conflict, match="somebody else"):
        world.request(csr=applicant, subject={"O": "临江县大数据中心", "CN": "另一人"})
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    with pytest.raises(Conflict, match="revoked"):
        world.request(csr=applicant)


@on_both
def test_a_key_made_here_is_handed_over_once_and_only_to_who_filed(
    world: World, other_registrar: Principal, tmp_path: Path
) -> None:
    request = world.request()
    with pytest.raises(Conflict, match="not issued"):
        world.ca.registration.deliver_pkcs12(world.registrar, request.id)
    world.ca.registration.approve(world.officer, request.id)
    with pytest.raises(NotFound):
        world.ca.registration.deliver_pkcs12(other_registrar, request.id)
    (tmp_path / "key.p12").write_bytes(world.ca.registration.deliver_pkcs12(world.registrar, request.id))
    with pytest.raises(Conflict, match="does not learn"):
        world.ca.registration.tell_password(world.registrar, request.id)
    with pytest.raises(NotFound):
        world.ca.registration.tell_password(other_registrar, request.id)
    (tmp_path / "password").write_text(world.ca.registration.tell_password(world.officer, request.id))
    with pytest.raises(Conflict, match="told already"):
        world.ca.registration.tell_password(world.officer, request.id)
    command = ["openssl", "pkcs12", "-in", "key.p12", "-passin", "file:password", "-nokeys", "-info"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.count(b"BEGIN CERTIFICATE") == 2
    with pytest.raises(Conflict, match="handed over"):
        world.ca.registration.deliver_pkcs12(world.registrar, request.id)


@on_both
def test_a_renewal_supersedes_the_old_certificate(world: World) -> None:
    old = world.issue()
    world.issue(replaces=old.serial)
    assert world.ca.lifecycle.show(world.officer, old.serial).state is State.SUPERSEDED


def test_the_ceremony_needs_two_officers_and_happens_once(world: World) -> None:
    with pytest.raises(Conflict, match="founded already"):
        world.ca.ceremonies.propose(world.officer, PLAN)


@given(data=st.binary(max_size=400))
@settings(max_examples=200)
def test_any_bytes_are_a_request_or_a_typed_error(data: bytes) -> None:
    with pytest.raises(WeichengError):
        spki_of(data)


@given(position=st.integers(0, 300), value=st.integers(0, 255))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_request_is_refused_or_still_proven(position: int, value: int) -> None:
    data = bytearray(_GOOD)
    data[position % len(data)] = value
    try:
        spki_of(bytes(data))
    except WeichengError:
        return
    assert bytes(data) == _GOOD or x509.load_der_x509_csr(bytes(data)).is_signature_valid


_GOOD = serialization_der(csr(ec.generate_private_key(ec.SECP256R1())))


def test_the_table_of_states_is_the_whole_truth() -> None:
    for current in State:
        for wanted in State:
            if wanted in TRANSITIONS[current]:
                assert move("x", current, wanted) is wanted
            else:
                with pytest.raises(IllegalMove):
                    move("x", current, wanted)


@on_both
def test_everything_is_audited_and_nothing_secret_is(world: World) -> None:
    from sqlalchemy import select

    from kernel.audit.chain import audit_records

    world.issue()
    with world.ca.database.read() as connection:
        assert verify_chain(connection).intact
        actions = set(connection.execute(select(audit_records.c.action)).scalars())
        bodies = "".join(connection.execute(select(audit_records.c.body)).scalars())
    assert {
        "ca:ceremony:perform",
        "ca:request:file",
        "ca:certificate:sign",
        "ca:certificate:issue",
    } <= actions
    assert "PRIVATE KEY" not in bodies


def test_a_request_is_not_a_certificate(world: World) -> None:
    request = world.request()
    assert not isinstance(request, Certificate)
    assert [
        found.id
        for found in world.ca.registration.page(world.registrar, Ask(filters={"state": ("requested",)})).items
    ] == [request.id]


@pytest.mark.parametrize(
    ("names", "subject"),
    [
        (("dns:*.gov.internal",), "a.gov.internal"),
        (("dns:A.gov.internal",), "a.gov.internal"),
        (("dns:a b.gov.internal",), "a.gov.internal"),
        (("dns:-a.gov.internal",), "a.gov.internal"),
        (("dns:a..gov.internal",), "a.gov.internal"),
        (("dns:" + "a" * 64 + ".gov.internal",), "a.gov.internal"),
        (("dns:a.gov.internal\n",), "a.gov.internal"),
        (("ip:10.0.0.999",), "a.gov.internal"),
        (("uri:http://a.gov.internal",), "a.gov.internal"),
    ],
)
def test_a_server_name_is_a_plain_host_name(world: World, names: tuple[str, ...], subject: str) -> None:
    with pytest.raises(ProfileViolation):
        world.request(profile="tls-server", subject={"O": "x", "CN": subject}, names=names)


@pytest.mark.parametrize("character", ["\x00", "\u202e", "\u200b", "\n"])
def test_a_name_holds_no_character_that_can_not_be_seen(world: World, character: str) -> None:
    with pytest.raises(ProfileViolation):
        world.request(subject={"O": "临江县大数据中心", "CN": f"陈{character}晓明"})


@pytest.mark.parametrize(("bits", "exponent"), [(2048, 3), (1024, 65537), (2304, 65537)])
def test_rsa_keys_of_odd_make_are_refused(world: World, bits: int, exponent: int) -> None:
    with pytest.raises(WeichengError):
        world.request(csr=csr(rsa.generate_private_key(exponent, bits)))


def test_an_rsa_key_is_judged_by_its_real_size(world: World) -> None:
    key = csr(rsa.generate_private_key(65537, 3072))
    issued = world.issue(profile="software", subject={"O": "x", "CN": "政务客户端"}, names=(), csr=key)
    assert issued.state is State.ISSUED
    small = csr(rsa.generate_private_key(65537, 2048))
    with pytest.raises(ProfileViolation, match="rsa2048"):
        world.request(profile="software", subject={"O": "x", "CN": "政务客户端"}, names=(), csr=small)


def test_only_the_like_can_be_renewed(world: World) -> None:
    old = world.issue()
    with pytest.raises(Conflict, match="renewed"):
        world.request(replaces=old.serial, subject={"O": "临江县大数据中心", "CN": "另一人"})
    with pytest.raises(NotFound):
        world.request(replaces="00" * 16)
    world.ca.lifecycle.revoke(world.officer, old.serial, Reason.SUPERSEDED, "更换")
    with pytest.raises(Conflict, match="renewed"):
        world.request(replaces=old.serial)


@on_both
def test_a_request_changed_behind_our_back_is_not_approved(world: World) -> None:
    from sqlalchemy import update

    from ca.tables import requests

    filed = world.request()
    with world.ca.database.begin() as uow:
        changed = update(requests).where(requests.c.id == filed.id)
        uow.execute(changed.values(subject={"C": "CN", "O": "临江县大数据中心", "CN": "王市长"}))
    with pytest.raises(IntegrityFailed, match="not the one that was filed"):
        world.ca.registration.approve(world.officer, filed.id)
    assert world.ca.registration.show(world.officer, filed.id).state is State.REQUESTED


@on_both
def test_two_requests_for_one_key_do_not_both_pass(world: World) -> None:
    applicant = csr(ec.generate_private_key(ec.SECP256R1()))
    first = world.request(csr=applicant)
    second = world.request(csr=applicant, subject={"O": "临江县大数据中心", "CN": "另一人"})
    world.ca.registration.approve(world.officer, first.id)
    with pytest.raises(Conflict, match="somebody else"):
        world.ca.registration.approve(world.officer, second.id)
