"""An offline root: requests are carried out, signed by a key file alone, carried back; nothing false is taken in."""

import json
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ca.cli import commands
from ca.hierarchy.machine import OfflineMachine
from ca.hierarchy.model import CeremonyState, OfflineState
from ca.hierarchy.offline import read_answer, read_request
from ca.hierarchy.plan import CeremonyPlan, plan_from_file
from ca.model import Authority, Reason
from ca.service import CaService
from ca.signer.memory import MemoryKeys, MemorySigner
from ca.signer.model import KeyRole, Purpose
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.errors import (
    Conflict,
    IntegrityFailed,
    Invalid,
    NotFound,
    NotPermitted,
    Unavailable,
    WeichengError,
)
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask
from tests.support.hierarchy import one_ca
from tests.unit.ca.conftest import Terminal, build


@dataclass
class Town:
    """A CA whose root is on another machine."""

    ca: CaService
    signer: MemorySigner
    machine: OfflineMachine
    officer: Principal
    second: Principal
    clock: FixedClock

    def waiting(self) -> str:
        """The one request that waits."""
        (found,) = self.ca.hierarchy.offline.page(self.officer, Ask(filters={"state": ("waiting",)})).items
        return found.id

    def exported(self) -> bytes:
        return self.ca.hierarchy.offline.export(self.second, self.waiting())

    def signed(self) -> bytes:
        return self.machine.sign(read_request(self.exported()), "王五").encode()

    def carry(self) -> None:
        """One way out and back."""
        self.ca.hierarchy.offline.take(self.second, self.signed())

    def authority(self, authority_id: str) -> Authority:
        return self.ca.authority(authority_id)


def plan() -> CeremonyPlan:
    small = one_ca("卫城市大数据局", "离线根 CA", "签发 CA", "张敏")
    return replace(small, root=replace(small.root, offline=True))


@pytest.fixture
def empty(
    database: Database, clock: FixedClock, tmp_path: Path, officer: Principal, second_officer: Principal
) -> Town:
    """The ceremony is approved; the root is asked for."""
    signer = MemorySigner(clock=clock)
    ca, _ = build(database, clock, signer, tmp_path / "ca")
    machine = OfflineMachine(MemoryKeys(), tmp_path / "journal", clock.now)
    ca.ceremonies.perform(second_officer, ca.ceremonies.propose(officer, plan()))
    return Town(ca, signer, machine, officer, second_officer, clock)


@pytest.fixture
def town(empty: Town) -> Town:
    """Founded: root and issuing CA, the root's first list."""
    empty.carry()
    empty.carry()
    return empty


def test_who_performs_is_told_what_to_carry(empty: Town) -> None:
    (ceremony,) = empty.ca.ceremonies.page(empty.officer, Ask()).items
    waiting = empty.waiting()
    terminal = Terminal(empty.ca, empty.clock, empty.second, Output("table"))
    done = CliRunner().invoke(
        commands, ["ceremony", "perform", ceremony.id], obj=terminal, catch_exceptions=False
    )
    assert f"weicheng ca offline export {waiting}" in done.stderr
    empty.carry()
    empty.carry()
    done = CliRunner().invoke(
        commands, ["ceremony", "show", ceremony.id], obj=terminal, catch_exceptions=False
    )
    assert "offline export" not in done.stderr
    assert "已由两名安全保密管理员执行" in done.stderr


def test_the_roots_key_is_never_here(town: Town) -> None:
    assert [key.name for key in town.signer.keys()] == ["issuing"]
    root, issuing = town.authority("root"), town.authority("issuing")
    assert root.offline
    assert not root.signs_here
    loaded = [x509.load_der_x509_certificate(one.certificate) for one in (root, issuing)]
    loaded[0].verify_directly_issued_by(loaded[0])
    loaded[1].verify_directly_issued_by(loaded[0])
    listed = x509.load_der_x509_crl(town.ca.publication.crl("root"))
    assert listed.is_signature_valid(loaded[0].public_key())  # type: ignore[arg-type]
    assert listed.next_update_utc == town.clock.now() + timedelta(days=365)
    (ceremony,) = town.ca.ceremonies.page(town.officer, Ask()).items
    assert ceremony.state is CeremonyState.PERFORMED
    assert town.ca.issuance.recover() == 0


def test_who_carries_and_signs_is_on_record(town: Town) -> None:
    first, second = town.ca.hierarchy.offline.page(town.officer, Ask()).items
    for one in (first, second):
        assert (one.state, one.signed_by) == (OfflineState.ANSWERED, "王五")
        assert one.exported_at is not None
        told = town.ca.hierarchy.offline.described(town.officer, one.id)
        assert any(one.digest in line for line in told)
    minutes = town.ca.hierarchy.minutes.text(town.officer, str(first.ceremony)).decode()
    assert first.digest in minutes
    assert "王五" in minutes


def test_a_request_is_signed_once(town: Town) -> None:
    town.ca.hierarchy.offline.order_list(town.officer, "root", 180)
    asked = read_request(town.exported())
    town.machine.sign(asked, "王五")
    with pytest.raises(Conflict, match="signed here already"):
        town.machine.sign(asked, "王五")


def test_an_answer_is_taken_once(town: Town) -> None:
    town.ca.hierarchy.offline.order_list(town.officer, "root", 180)
    answer = town.signed()
    town.ca.hierarchy.offline.take(town.second, answer)
    with pytest.raises(Conflict, match="does not wait"):
        town.ca.hierarchy.offline.take(town.second, answer)


def test_an_answer_to_a_replaced_request_is_refused(town: Town) -> None:
    town.ca.hierarchy.offline.order_list(town.officer, "root", 180)
    old = town.signed()
    town.ca.hierarchy.offline.order_list(town.officer, "root", 90)
    with pytest.raises(Conflict, match="does not wait"):
        town.ca.hierarchy.offline.take(town.second, old)
    town.carry()
    listed = x509.load_der_x509_crl(town.ca.publication.crl("root"))
    assert listed.next_update_utc == town.clock.now() + timedelta(days=90)


def test_a_changed_request_is_not_signed(town: Town) -> None:
    town.ca.hierarchy.offline.order_list(town.officer, "root", 180)
    content = json.loads(town.exported())
    content["about"]["title"] = "另一个"
    with pytest.raises(IntegrityFailed, match="changed"):
        read_request(json.dumps(content).encode())


def test_a_request_that_is_wholly_forged_gives_an_answer_that_is_refused(town: Town) -> None:
    """Who rewrites the digest too can have other bytes signed, but not taken in."""
    town.ca.hierarchy.offline.order_list(town.officer, "root", 180)
    asked = read_request(town.exported())
    forged = replace(asked, about={**asked.about, "title": "另一个"})
    with pytest.raises(IntegrityFailed, match="not to this request"):
        town.ca.hierarchy.offline.take(town.second, town.machine.sign(forged, "王五").encode())


def test_a_foreign_machines_answer_is_refused(empty: Town, tmp_path: Path) -> None:
    empty.carry()
    asked = read_request(empty.exported())
    foreign = MemoryKeys()
    foreign.generate("root", KeyRole.ROOT, "p384")
    with pytest.raises(NotFound, match="key that shall sign"):
        OfflineMachine(foreign, tmp_path / "other", empty.clock.now).sign(asked, "李四")
    good = json.loads(empty.machine.sign(asked, "王五").encode())
    other = foreign.sign("root", Purpose.CERTIFICATE, asked.orders[0].tbs)
    good["answers"][0] = b64encode(other).decode()
    with pytest.raises(WeichengError) as refused:
        empty.ca.hierarchy.offline.take(empty.second, json.dumps(good).encode())
    assert isinstance(refused.value, IntegrityFailed)
    assert [one.id for one in empty.ca.authorities()] == ["root"]


def test_another_root_than_asked_for_is_refused(empty: Town) -> None:
    asked = read_request(empty.exported())
    (order,) = asked.orders
    assert order.root is not None
    longer = replace(order, root=replace(order.root, not_after=order.root.not_after + timedelta(days=1)))
    answer = empty.machine.sign(replace(asked, orders=(longer,)), "王五")
    with pytest.raises(IntegrityFailed, match="not to this request"):
        empty.ca.hierarchy.offline.take(empty.second, replace(answer, digest=asked.digest).encode())
    assert empty.ca.authorities() == []


def test_an_unknown_answer_is_refused(town: Town) -> None:
    answer = read_answer(town.ca.hierarchy.offline.page(town.officer, Ask()).items[0].answer.encode())
    with pytest.raises(NotFound, match="no request"):
        town.ca.hierarchy.offline.take(town.second, replace(answer, request="ofr_other").encode())


def test_only_officers_carry(empty: Town, registrar: Principal) -> None:
    for act in (
        lambda: empty.ca.hierarchy.offline.export(registrar, empty.waiting()),
        lambda: empty.ca.hierarchy.offline.take(registrar, b"{}"),
        lambda: empty.ca.hierarchy.offline.order_list(registrar, "root", 180),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_a_void_request_is_asked_anew(empty: Town) -> None:
    request = empty.waiting()
    empty.ca.hierarchy.offline.void(empty.second, request, "介质遗失")
    (ceremony,) = empty.ca.ceremonies.page(empty.officer, Ask()).items
    empty.ca.ceremonies.perform(empty.second, ceremony.id)
    assert empty.waiting() != request
    empty.carry()
    assert [one.id for one in empty.ca.authorities()] == ["root"]


def test_a_renewal_and_a_new_root_are_carried_too(town: Town) -> None:
    proposals = town.ca.hierarchy.proposals
    town.clock.advance(days=300)
    town.ca.ceremonies.perform(town.second, proposals.renew(town.officer, "issuing", 10))
    before = town.authority("issuing").certificate
    town.carry()
    assert town.authority("issuing").certificate != before
    town.ca.ceremonies.perform(town.second, proposals.roll_over(town.officer, "root", 20, offline=True))
    town.carry()  # the new key
    town.carry()  # the links, by both keys
    kinds = {
        str(one.kind)
        for authority in ("root", "root-g2")
        for one in town.ca.hierarchy.cross.certificates(town.officer, authority)
    }
    assert kinds == {"own", "new-with-old", "old-with-new"}
    assert [key.name for key in town.signer.keys()] == ["issuing"]


def test_a_root_moves_from_the_signer_to_an_offline_machine(
    database: Database, clock: FixedClock, tmp_path: Path, officer: Principal, second_officer: Principal
) -> None:
    signer = MemorySigner(clock=clock)
    ca, _ = build(database, clock, signer, tmp_path / "ca")
    small = one_ca("卫城市大数据局", "根 CA", "签发 CA", "张敏")
    ca.ceremonies.perform(second_officer, ca.ceremonies.propose(officer, small))
    machine = OfflineMachine(MemoryKeys(), tmp_path / "journal", clock.now)
    town = Town(ca, signer, machine, officer, second_officer, clock)
    rollover = ca.hierarchy.proposals.roll_over(officer, "root", 20, offline=True)
    ca.ceremonies.perform(second_officer, rollover)
    town.carry()
    town.carry()  # one link by the new key, there; the other by the old one, here
    assert ca.ceremonies.show(officer, rollover).state is CeremonyState.PERFORMED
    old, new = (
        x509.load_der_x509_certificate(town.authority(one).certificate) for one in ("root", "root-g2")
    )
    links = {
        str(one.kind): x509.load_der_x509_certificate(one.der)
        for authority in ("root", "root-g2")
        for one in ca.hierarchy.cross.certificates(officer, authority)
    }
    links["new-with-old"].verify_directly_issued_by(old)
    links["old-with-new"].verify_directly_issued_by(new)
    assert links["new-with-old"].public_key() == new.public_key()
    assert [key.name for key in signer.keys()] == ["issuing", "root"]


def test_the_superiors_request_is_signed_there(town: Town) -> None:
    cross = town.ca.hierarchy.cross
    with pytest.raises(WeichengError, match="on another machine"):
        cross.request(town.officer, "root")
    town.carry()
    csr = x509.load_der_x509_csr(cross.request(town.officer, "root"))
    assert csr.is_signature_valid
    assert csr.subject.public_bytes() == town.authority("root").subject


def test_a_revocation_below_the_offline_root_waits_for_its_list(town: Town) -> None:
    (own,) = town.ca.lifecycle.page(town.officer, Ask(filters={"profile": ("issuing-ca",)})).items
    revocation = town.ca.revocations.propose(town.officer, own.serial, Reason.CA_COMPROMISE, "泄露")
    with pytest.raises(WeichengError, match="new CRL is missing"):
        town.ca.revocations.perform(town.second, revocation.id)
    town.ca.hierarchy.offline.order_list(town.officer, "root", 180)
    town.carry()
    listed = x509.load_der_x509_crl(town.ca.publication.crl("root"))
    assert listed.get_revoked_certificate_by_serial_number(int(own.serial, 16)) is not None
    with pytest.raises((Conflict, Unavailable)):
        town.ca.publication.publish("root", town.officer)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_other_file_is_refused_with_a_typed_error(data: bytes) -> None:
    for read in (read_request, read_answer):
        with pytest.raises(Invalid):
            read(data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    data=st.binary(max_size=200)
    | st.binary(max_size=60).map(lambda one: b"-----BEGIN CERTIFICATE-----\n" + one)
    | st.tuples(st.integers(0, 500), st.integers(0, 255))
)
@example(data=(12, 1))  # the version
def test_what_is_no_certificate_is_not_taken_over(town: Town, data: bytes | tuple[int, int]) -> None:
    given_bytes = data
    if isinstance(data, tuple):  # one octet of a true certificate is another
        place, value = data
        der = bytearray(town.authority("root").certificate)
        der[place % len(der)] = value
        armoured = b64encode(der)
        given_bytes = b"-----BEGIN CERTIFICATE-----\n" + armoured + b"\n-----END CERTIFICATE-----\n"
    with pytest.raises((Invalid, IntegrityFailed)):
        town.ca.hierarchy.proposals.adopt(town.officer, "root", bytes(given_bytes))


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["root", "issuing", "id", "name", "years"]), inner)
        ),
        max_leaves=12,
    ).map(lambda one: json.dumps(one).encode())
)
def test_what_is_no_hierarchy_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        plan_from_file(data, "局", ("张敏",))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    place=st.sampled_from(["id", "orders", "about", "digest", "format"]),
    value=st.none() | st.integers() | st.text(max_size=5) | st.lists(st.dictionaries(st.text(), st.none())),
)
def test_a_request_with_other_values_is_refused(empty: Town, place: str, value: object) -> None:
    content = json.loads(empty.ca.hierarchy.offline.show(empty.officer, empty.waiting()).file)
    if content[place] != value:
        with pytest.raises((Invalid, IntegrityFailed)):
            read_request(json.dumps({**content, place: value}).encode())


# --- the command of the other machine: a key file, no database, no application
@pytest.fixture
def stick(empty: Town, tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "request.json").write_bytes(empty.exported())
    (tmp_path / "stick" / "phrase").write_text("离线机的口令离线机的口令离线机")
    return tmp_path / "stick"


class Bare:
    """The application of a machine that has nothing but the program."""

    out = Output("json")


def test_the_other_machine_shows_asks_and_signs(empty: Town, stick: Path) -> None:
    command = ["offline", "sign", str(stick / "request.json"), str(stick / "answer.json"), "--by", "王五"]
    command += ["--keys", str(stick / "root.keys"), "--passphrase-file", str(stick / "phrase")]
    refused = CliRunner().invoke(commands, command, obj=Bare(), input="n\n")
    assert refused.exit_code == 1
    assert not (stick / "answer.json").exists()
    assert "离线根 CA" in refused.output
    done = CliRunner().invoke(commands, command, obj=Bare(), input="y\n", catch_exceptions=False)
    assert done.exit_code == 0
    empty.ca.hierarchy.offline.take(empty.second, (stick / "answer.json").read_bytes())
    assert [one.id for one in empty.ca.authorities()] == ["root"]
    assert (stick / "root.keys").stat().st_mode & 0o077 == 0
    again = CliRunner().invoke(commands, [*command, "--yes"], obj=Bare())
    assert isinstance(again.exception, Conflict)
