"""CAs come and go: several issue, are renewed, roll their keys over, certify foreign ones; OpenSSL judges the chains."""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca.authorities import authority_for
from ca.hierarchy.model import OwnKind
from ca.hierarchy.plan import PlannedAuthority
from ca.model import AuthorityKind, AuthorityState, Certificate, Reason
from ca.resources.plans import plan_lines
from ca.service import CaService
from ca.signer.memory import MemorySigner
from ca.signer.model import KeyRole
from kernel.clock import FixedClock
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotPermitted, Unavailable
from kernel.identity.model import Principal
from kernel.pki.pem import certificate_pem
from kernel.store import Database
from kernel.store.listing import Ask
from tests.support.hierarchy import confirm_all
from tests.unit.ca.conftest import World, build

REASON = "换代"


def do(world: World, ceremony: str) -> None:
    """The second officer performs what the first proposed."""
    world.ca.ceremonies.perform(world.second, ceremony)


def told(world: World, certificate: Certificate) -> str:
    """What OCSP says."""
    return world.ca.relying_party.standing(world.officer, certificate.serial).ocsp


class Verifier:
    """`openssl verify` over files of a folder, with the clock of the tests."""

    def __init__(self, folder: Path, clock: FixedClock) -> None:
        self._folder = folder
        self._clock = clock

    def __call__(
        self,
        leaf: bytes,
        trusted: Sequence[bytes],
        untrusted: Sequence[bytes] = (),
        crls: Sequence[bytes] = (),
    ) -> str:
        """ "" when it verifies, else what OpenSSL says."""
        (self._folder / "leaf.pem").write_bytes(certificate_pem(leaf))
        (self._folder / "root.pem").write_bytes(b"".join(map(certificate_pem, trusted)))
        (self._folder / "chain.pem").write_bytes(b"".join(map(certificate_pem, untrusted)))
        command = ["openssl", "verify", "-x509_strict", "-attime", str(int(self._clock.now().timestamp()))]
        command += ["-CAfile", "root.pem"]
        command += ["-untrusted", "chain.pem"] if untrusted else []
        if crls:
            pem = [x509.load_der_x509_crl(one).public_bytes(Encoding.PEM) for one in crls]
            (self._folder / "crls.pem").write_bytes(b"".join(pem))
            command += ["-crl_check_all", "-CRLfile", "crls.pem"]
        done = subprocess.run(
            [*command, "leaf.pem"], cwd=self._folder, capture_output=True, text=True, check=False
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture
def verify(tmp_path: Path, clock: FixedClock) -> Verifier:
    return Verifier(tmp_path, clock)


@pytest.fixture
def city(
    database: Database, clock: FixedClock, tmp_path: Path, officer: Principal, second_officer: Principal
) -> CaService:
    """Four issuing CAs with a checklist, as the policies have them, but the root's key in the signer."""
    ca, _ = build(database, clock, MemorySigner(clock=clock), tmp_path)
    plan = ca.ceremonies.plan(officer, "卫城市大数据局", ("张敏", "吴静"), "government")
    ceremony = ca.ceremonies.propose(officer, replace(plan, root=replace(plan.root, offline=False)))
    ca.ceremonies.perform(second_officer, ceremony)
    confirm_all(ca, second_officer, ceremony, "张敏")
    return ca


# --- several issuing CAs
def test_each_profile_comes_from_the_ca_that_issues_it(city: CaService, officer: Principal) -> None:
    expected = {"person": "people", "device": "devices", "tls-server": "servers", "software": "software"}
    with city.database.read() as connection:
        found = {profile: authority_for(connection, profile).id for profile in expected}
    assert found == expected
    for role in (KeyRole.OCSP, KeyRole.TIMESTAMP, KeyRole.EVIDENCE):
        city.services.provision(officer, role)
    speaking = {one.authority for one in city.overview.services(officer, _ask()).items if one.role == "ocsp"}
    assert speaking == {"people", "devices", "servers", "software"}


def test_every_hierarchy_of_the_policies_issues_every_profile(city: CaService, officer: Principal) -> None:
    for hierarchy in city.ceremonies.titles():
        plan = city.ceremonies.plan(officer, "局", ("张敏",), hierarchy)
        plan.check(city.profiles)
        named = {profile for one in plan.issuing for profile in one.profiles}
        missing = {one.id for one in city.profiles.all() if one.usage != "authority"} - named
        assert "*" in named or missing == {"ocsp-responder"}


def test_without_a_ca_for_it_nothing_is_issued_and_the_mend_is_named(world: World) -> None:
    do(world, world.ca.hierarchy.proposals.assign(world.officer, "issuing", ["device"]))
    with pytest.raises(Unavailable, match="No CA issues certificates of profile person") as refused:
        world.issue()
    assert "assign" in refused.value.mend
    do(world, world.ca.hierarchy.proposals.assign(world.officer, "issuing", ["device", "*"]))
    assert world.issue().authority == "issuing"


def test_one_more_ca_takes_a_profile_over(world: World, verify: Verifier) -> None:
    planned = PlannedAuthority("people", "人员 CA", "p384", 5, ("person",))
    do(world, world.ca.hierarchy.proposals.extend(world.officer, planned, "卫城市大数据局"))
    issued = world.issue()
    assert issued.authority == "people"
    people, root = world.ca.authority("people"), world.ca.authority("root")
    assert verify(issued.der, [root.certificate], [people.certificate]) == ""
    with pytest.raises(Invalid, match="short name"):
        world.ca.hierarchy.proposals.extend(world.officer, planned, "卫城市大数据局")


def test_no_profile_has_two_cas(world: World) -> None:
    for number in (1, 2):
        planned = PlannedAuthority(f"people{number}", f"人员 CA {number}", "p256", 5, ("person",))
        if number == 1:
            do(world, world.ca.hierarchy.proposals.extend(world.officer, planned, "局"))
        else:
            with pytest.raises(Conflict, match="issues profile person"):
                world.ca.hierarchy.proposals.extend(world.officer, planned, "局")


# --- renewal
def test_a_renewed_ca_breaks_no_chain(world: World, clock: FixedClock, verify: Verifier) -> None:
    before, old = world.issue(), world.ca.authority("issuing")
    clock.advance(days=3 * 365)
    do(world, world.ca.hierarchy.proposals.renew(world.officer, "issuing", 10))
    after, new, root = world.issue(), world.ca.authority("issuing"), world.ca.authority("root")
    assert (new.spki, new.subject) == (old.spki, old.subject)
    assert new.certificate != old.certificate
    assert _ends(new.certificate) > _ends(old.certificate)
    clock.advance(days=-3 * 365 + 1)
    assert verify(before.der, [root.certificate], [old.certificate]) == ""
    clock.advance(days=3 * 365)
    for leaf in (after.der,):
        for issuing in (old.certificate, new.certificate):
            assert verify(leaf, [root.certificate], [issuing]) == ""
    assert world.ca.overview.chain_certificates(world.officer, after.serial)[1] == new.certificate
    world.ca.services.provision(world.officer, KeyRole.OCSP)
    assert told(world, after) == "good"
    kinds = [one.kind for one in world.ca.hierarchy.cross.certificates(world.officer, "issuing")]
    assert kinds == [OwnKind.OWN, OwnKind.OWN]


def test_a_renewed_root_is_trusted_for_what_was_issued_before(
    world: World, clock: FixedClock, verify: Verifier
) -> None:
    issued, old = world.issue(), world.ca.authority("root")
    clock.advance(days=30)
    do(world, world.ca.hierarchy.proposals.renew(world.officer, "root", 25))
    new, issuing = world.ca.authority("root"), world.ca.authority("issuing")
    assert _ends(new.certificate) > _ends(old.certificate)
    for root in (old.certificate, new.certificate):
        assert verify(issued.der, [root], [issuing.certificate]) == ""
    assert x509.load_der_x509_certificate(new.certificate).subject.public_bytes() == old.subject


# --- roll-over
def test_an_issuing_ca_rolls_over_and_the_old_one_tells_status_only(
    world: World, clock: FixedClock, verify: Verifier
) -> None:
    before = world.issue()
    clock.advance(days=400)
    do(world, world.ca.hierarchy.proposals.roll_over(world.officer, "issuing", 10))
    old, new, root = (world.ca.authority(one) for one in ("issuing", "issuing-g2", "root"))
    assert (old.state, new.state) == (AuthorityState.RETIRING, AuthorityState.ACTIVE)
    assert (new.generation, new.predecessor, new.name) == (2, "issuing", f"{old.name} G2")
    world.ca.services.provision(world.officer, KeyRole.OCSP)
    for one in (old, new, root):
        world.ca.publication.publish(one.id, world.officer)
    after = world.issue()
    assert after.authority == "issuing-g2"
    crls = [world.ca.publication.crl(one.id) for one in (old, new, root)]
    below = [old.certificate, new.certificate]
    for leaf in (before, after):
        assert verify(leaf.der, [root.certificate], below, crls) == ""
        assert told(world, leaf) == "good"
    world.ca.lifecycle.revoke(world.officer, before.serial, Reason.KEY_COMPROMISE, "泄露")
    assert told(world, before) == "revoked"
    assert "revoked" in verify(
        before.der, [root.certificate], below, [world.ca.publication.crl("issuing"), *crls[1:]]
    )


def test_a_root_rolls_over_and_links_join_both_generations(
    world: World, clock: FixedClock, verify: Verifier
) -> None:
    before = world.issue()
    clock.advance(days=400)
    do(world, world.ca.hierarchy.proposals.roll_over(world.officer, "root", 20))
    old, new = world.ca.authority("root"), world.ca.authority("root-g2")
    assert (old.state, new.kind, new.subject) == (AuthorityState.RETIRING, AuthorityKind.ROOT, old.subject)
    links = {
        one.kind: one.der
        for authority in ("root", "root-g2")
        for one in world.ca.hierarchy.cross.certificates(world.officer, authority)
    }
    old_issuing = world.ca.authority("issuing")
    do(world, world.ca.hierarchy.proposals.renew(world.officer, "issuing", 10))
    after, issuing = world.issue(), world.ca.authority("issuing")
    assert issuing.parent == "root-g2"
    # who trusts the old root alone reaches what the new one has signed, and the other way round
    assert verify(after.der, [old.certificate], [issuing.certificate, links[OwnKind.NEW_WITH_OLD]]) == ""
    assert verify(before.der, [new.certificate], [old_issuing.certificate, links[OwnKind.OLD_WITH_NEW]]) == ""
    assert verify(after.der, [new.certificate], [issuing.certificate]) == ""
    assert verify(after.der, [old.certificate], [issuing.certificate]) != ""
    # leaves of before are good below the renewed certificate too: the key is the same
    assert verify(before.der, [new.certificate], [issuing.certificate]) == ""


def test_a_retired_ca_signs_nothing_and_only_once_nothing_of_it_lives(
    world: World, clock: FixedClock
) -> None:
    do(world, world.ca.hierarchy.proposals.roll_over(world.officer, "issuing", 10))
    with pytest.raises(Conflict, match="still in their time"):
        world.ca.hierarchy.proposals.retire(world.officer, "issuing")
    for role in (KeyRole.OCSP, KeyRole.TIMESTAMP, KeyRole.EVIDENCE, KeyRole.LOG):
        world.ca.services.provision(world.officer, role)
    clock.advance(days=3700)
    world.ca.lifecycle.expire()
    do(world, world.ca.hierarchy.proposals.retire(world.officer, "issuing"))
    assert world.ca.authority("issuing").state is AuthorityState.RETIRED
    assert not world.ca.authority("issuing").signs_here
    with pytest.raises(Conflict, match="no key that signs"):
        world.ca.hierarchy.proposals.renew(world.officer, "issuing", 5)


# --- who may
def test_one_officer_alone_changes_nothing(world: World) -> None:
    proposals = world.ca.hierarchy.proposals
    for propose in (
        lambda: proposals.renew(world.officer, "issuing", 5),
        lambda: proposals.assign(world.officer, "issuing", ["person"]),
    ):
        ceremony = propose()
        with pytest.raises(NotPermitted):
            world.ca.ceremonies.perform(world.officer, ceremony)
        with pytest.raises(Conflict, match="not finished"):
            propose()
        world.ca.ceremonies.reject(world.second, ceremony, REASON)
    assert world.ca.authority("issuing").profiles == ("*",)


# --- foreign CAs
def foreign_csr(folder: Path, name: str) -> bytes:
    command = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += [
        "-keyout",
        "foreign.key",
        "-utf8",
        "-subj",
        f"/C=CN/O=Province/CN={name}",
        "-out",
        "foreign.csr",
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "foreign.csr").read_bytes()


def sign_below(folder: Path, issuer: bytes, name: str) -> bytes:
    """A server's certificate by the foreign CA's own OpenSSL."""
    (folder / "foreign.pem").write_bytes(certificate_pem(issuer))
    (folder / "leaf.ext").write_text(
        f"subjectAltName=DNS:{name}\nbasicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    for command in (
        f"openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout l.key -subj /CN={name} -out l.csr",
        "openssl x509 -req -in l.csr -CA foreign.pem -CAkey foreign.key -extfile leaf.ext -days 30 -outform DER -out l.der",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return (folder / "l.der").read_bytes()


def test_a_foreign_ca_is_certified_within_its_names(world: World, verify: Verifier, tmp_path: Path) -> None:
    csr = foreign_csr(tmp_path, "Province CA")
    ceremony = world.ca.hierarchy.proposals.certify(world.officer, csr, 5, ["dns:province.gov.cn"])
    do(world, ceremony)
    (found,) = world.ca.lifecycle.page(world.officer, _ask(profile="cross-ca")).items
    assert found.authority == "root"
    constraints = x509.load_der_x509_certificate(found.der).extensions.get_extension_for_class(
        x509.NameConstraints
    )
    assert constraints.critical
    root = world.ca.authority("root").certificate
    within, beyond = (
        sign_below(tmp_path, found.der, name) for name in ("a.province.gov.cn", "a.city.gov.cn")
    )
    # OpenSSL's x509 knows only the real time
    judge = Verifier(tmp_path, FixedClock(datetime.now(UTC) + timedelta(seconds=5)))
    assert judge(within, [root], [found.der]) == ""
    assert "permitted subtree violation" in judge(beyond, [root], [found.der])


@pytest.mark.parametrize(
    ("permitted", "wrong"),
    [([], Invalid), (["dns:example.com"], Invalid), (["x:y"], Invalid), (["ip:8.8.0.0/16"], Invalid)],
)
def test_a_foreign_ca_gets_no_names_beyond_the_profile(
    world: World, tmp_path: Path, permitted: list[str], wrong: type[Exception]
) -> None:
    with pytest.raises(wrong):
        world.ca.hierarchy.proposals.certify(world.officer, foreign_csr(tmp_path, "X"), 5, permitted)


def test_a_superior_ca_certifies_ours(
    world: World, verify: Verifier, tmp_path: Path, clock: FixedClock
) -> None:
    (tmp_path / "ours.p10").write_bytes(world.ca.hierarchy.cross.request(world.officer, "root"))
    (tmp_path / "ca.ext").write_text(
        "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    for command in (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout s.key -subj /C=CN/CN=Superior "
        "-days 3650 -out s.pem -addext keyUsage=critical,keyCertSign,cRLSign",
        "openssl req -inform DER -in ours.p10 -verify -noout",
        "openssl x509 -req -inform DER -in ours.p10 -CA s.pem -CAkey s.key -extfile ca.ext -days 1800 -out cross.pem",
        "openssl x509 -in s.pem -outform DER -out s.der",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    given = (tmp_path / "cross.pem").read_bytes()
    with pytest.raises(IntegrityFailed, match="is missing"):
        world.ca.hierarchy.proposals.adopt(world.officer, "root", given)
    with pytest.raises(Invalid, match="name and key of CA issuing"):
        world.ca.hierarchy.proposals.adopt(world.officer, "issuing", given)
    given += (tmp_path / "s.pem").read_bytes()
    proposed = world.ca.hierarchy.proposals.adopt(world.officer, "root", given)
    told = "\n".join(plan_lines(world.ca.ceremonies.show(world.second, proposed)))
    superior_sha256 = sha256((tmp_path / "s.der").read_bytes()).hexdigest()
    assert "CN=Superior" in told
    assert superior_sha256 in told
    with pytest.raises(NotPermitted, match="can not approve it"):
        world.ca.ceremonies.perform(world.officer, proposed)
    assert not [one for one in world.ca.authorities() if one.kind is AuthorityKind.SUPERIOR]
    world.ca.ceremonies.perform(world.second, proposed)
    assert superior_sha256 in world.ca.ceremonies.show(world.officer, proposed).minutes
    with pytest.raises(Conflict, match="here already"):
        world.ca.hierarchy.proposals.adopt(world.officer, "root", given)
    (superior,) = (one for one in world.ca.authorities() if one.kind is AuthorityKind.SUPERIOR)
    cross = world.ca.hierarchy.cross.certificates(world.officer, "root")[0]
    judge = Verifier(tmp_path, FixedClock(datetime.now(UTC) + timedelta(seconds=5)))
    issuing = world.ca.authority("issuing").certificate
    assert judge(issuing, [superior.certificate], [cross.der]) == ""
    bundle = tmp_path / "root.p7c"
    bundle.write_bytes(world.ca.hierarchy.cross.bundle("root"))
    listed = subprocess.run(
        ["openssl", "pkcs7", "-inform", "DER", "-in", str(bundle), "-print_certs"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.count("BEGIN CERTIFICATE") == 3
    assert world.ca.publication.refresh() == 0  # a foreign CA's list is not ours to make


def _ends(certificate: bytes) -> object:
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc


def _ask(**filters: str) -> Ask:
    return Ask(filters={name: (value,) for name, value in filters.items()})
