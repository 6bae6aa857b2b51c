"""The inventory of certificates: real TLS servers are scanned, and what is wrong with each is found, followed and gone."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca.inventory import scanning
from ca.inventory.judging import facts_of
from ca.inventory.model import Elsewhere, FindingState, Range, Target, network_of, ports_of
from ca.inventory.scanning import Pace
from ca.inventory.service import SCAN
from ca.jobs import handlers
from ca.model import Reason
from ca.validation import reading
from kernel.assets.model import Asset, AssetKind, Network, Zone
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.queue import JobContext, JobQueue
from kernel.pki.pem import certificate_pem
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.foreign import Foreign
from tests.unit.ca.signing import server_csr
from tests.unit.ca.tls_servers import Identity, declare_loopback, openssl_served, self_signed, served


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture(autouse=True)
def this_machine(world: World) -> None:
    declare_loopback(world)


def scan(world: World, clock: FixedClock) -> None:
    """As the worker does it."""
    queue = JobQueue(world.ca.database, clock, Access(world.ca.database))
    queue.register({SCAN: handlers(world.ca)[SCAN]})
    world.ca.inventory.request(world.officer)
    assert queue.run_next("w1")


def add_range(world: World, *ports: int, network: str = "127.0.0.1/32") -> Range:
    return world.ca.inventory.ranges.add(
        world.officer, name="机房", network=network, ports=ports, unit="u_county", reason="盘点"
    )


def faults(world: World, port: int) -> set[str]:
    return {str(one) for one in world.ca.inventory.show(world.officer, f"127.0.0.1:{port}").faults}


def ours(world: World, name: str = "web.gov.internal") -> tuple[Identity, str]:
    """A server's certificate of our CA with the chain, and its serial."""
    key, csr = server_csr(name)
    issued = world.issue(
        profile="tls-server", subject={"O": "临江县大数据中心", "CN": name}, names=(f"dns:{name}",), csr=csr
    )
    chain = certificate_pem(issued.der) + certificate_pem(world.ca.authority("issuing").certificate)
    return Identity(chain, key), issued.serial


@on_both
def test_what_endpoints_present_is_told_apart(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack
) -> None:
    mine, serial = ours(world)
    foreign = Foreign.make()
    others = Identity(certificate_pem(foreign.leaf) + certificate_pem(foreign.issuing), foreign.leaf_key)
    weak = self_signed("weak", key=rsa.generate_private_key(65537, 1024))
    dead = self_signed("dead", days=(-100, -2))
    ends = self_signed("ends", days=(-100, 9))
    ports = [stack.enter_context(served(one, tmp_path)) for one in (mine, others, weak, dead, ends)]
    add_range(world, *ports)
    scan(world, clock)
    assert faults(world, ports[0]) == set()
    seen = world.ca.inventory.show(world.officer, f"127.0.0.1:{ports[0]}")
    assert (str(seen.origin), seen.serial, len(seen.chain), seen.unit) == ("ours", serial, 2, "u_county")
    assert faults(world, ports[1]) == {"foreign"}
    assert faults(world, ports[2]) == {"weak_key", "self_signed"}
    assert faults(world, ports[3]) == {"expired", "self_signed"}
    assert faults(world, ports[4]) == {"expires_soon", "self_signed"}
    figures = world.ca.inventory.figures(world.officer)
    assert figures.origins == {"ours": 1, "foreign": 1, "self_signed": 3}
    assert (figures.ends["<0"], figures.ends["0-30"], sum(figures.ends.values())) == (1, 1, 5)
    page = world.ca.inventory.page(world.officer, Ask(filters={"fault": ("expired",)}))
    assert [one.port for one in page.items] == [ports[3]]
    [kept] = world.evidence.find(subject="inventory")
    assert kept.summary["endpoints"] == 5


def test_what_bears_our_name_and_is_not_ours_is_the_worst(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack
) -> None:
    forged = _forged(world)
    port = stack.enter_context(served(forged, tmp_path))
    add_range(world, port)
    scan(world, clock)
    assert "unknown" in faults(world, port)
    page = world.ca.inventory.findings.page(world.officer, Ask())
    assert (str(page.items[0].fault), page.items[0].severity) == ("unknown", "critical")


def _forged(world: World) -> Identity:
    """Signed by somebody who calls themselves as our issuing CA does."""
    from cryptography import x509

    from tests.unit.ca.tls_servers import self_signed as made

    issuing = x509.load_der_x509_certificate(world.ca.authority("issuing").certificate)
    theirs = ec.generate_private_key(ec.SECP256R1())
    plain = made("forged")
    leaf = x509.load_pem_x509_certificate(plain.chain)
    built = (
        x509.CertificateBuilder()
        .subject_name(leaf.subject)
        .issuer_name(issuing.subject)
        .public_key(leaf.public_key())
        .serial_number(1234567)
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    return Identity(built.sign(theirs, hashes.SHA256()).public_bytes(Encoding.PEM), plain.key)


def test_a_revoked_certificate_that_is_still_at_work_is_found_and_goes_with_it(
    world: World, clock: FixedClock, tmp_path: Path
) -> None:
    mine, serial = ours(world)
    with served(mine, tmp_path) as port:
        add_range(world, port)
        scan(world, clock)
        world.ca.lifecycle.revoke(world.officer, serial, Reason.KEY_COMPROMISE, "失窃")
        clock.advance(days=1)
        scan(world, clock)
        assert faults(world, port) == {"revoked"}
        [finding] = world.ca.inventory.findings.page(world.officer, Ask()).items
        taken = world.ca.inventory.findings.take(world.officer, finding.id, "已通知")
        clock.advance(days=1)
        scan(world, clock)
        again = world.ca.inventory.findings.show(world.officer, finding.id)
        assert (again.state, again.note) == (FindingState.TAKEN, "已通知")
    clock.advance(days=1)
    scan(world, clock)
    assert world.ca.inventory.findings.show(world.officer, taken.id).state is FindingState.GONE
    assert world.ca.inventory.show(world.officer, f"127.0.0.1:{port}").gone_at is not None
    assert world.ca.inventory.findings.standing(world.officer) == 0
    with pytest.raises(Conflict):
        world.ca.inventory.findings.take(world.officer, taken.id, "太晚")


def test_one_key_at_two_hosts_and_a_name_that_does_not_fit(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack
) -> None:
    one = self_signed("a.gov.internal")
    port = stack.enter_context(served(one, tmp_path))
    facts = facts_of(reading.certificates(one.chain)[0])
    assert facts is not None
    elsewhere = Elsewhere(Target("10.9.9.9", 443, "", "u_county"), facts, clock.now())
    world.ca.inventory._feed = lambda: [elsewhere]
    register = world.ca.inventory._register
    attributes = {"tls_port": port, "server_name": "b.gov.internal"}
    asset = Asset("", AssetKind.SERVICE, "门户", "u_other", address="127.0.0.1", attributes=attributes)
    register.put_asset(_network_admin(), asset)
    add_range(world, port)
    scan(world, clock)
    assert faults(world, port) == {"self_signed", "shared_key", "name_mismatch"}
    assert world.ca.inventory.show(world.officer, f"127.0.0.1:{port}").unit == "u_other"
    assert world.ca.inventory.show(world.officer, "10.9.9.9:443").source == "monitor"


def _network_admin() -> Principal:
    from kernel.identity.model import Role
    from tests.conftest import person

    return person("network-admin", Role.NETWORK_ADMINISTRATOR)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_a_chain_without_its_issuer_and_an_old_protocol_are_told(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack
) -> None:
    """Browsers mend the first by what they have kept of others, programs do not."""
    mine, _serial = ours(world)
    mark = b"-----END CERTIFICATE-----\n"
    alone = Identity(mine.chain[: mine.chain.index(mark) + len(mark)], mine.key)
    other, _serial = ours(world, "old.gov.internal")
    ports = (
        stack.enter_context(served(alone, tmp_path)),
        stack.enter_context(served(other, tmp_path, ssl.TLSVersion.TLSv1)),
        stack.enter_context(served(other, tmp_path, ssl.TLSVersion.TLSv1_2)),
    )
    add_range(world, *ports)
    scan(world, clock)
    assert [faults(world, port) for port in ports] == [{"incomplete_chain"}, {"old_protocol"}, set()]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_server_with_a_certificate_for_each_kind_of_key_has_both_looked_at(
    world: World, clock: FixedClock, tmp_path: Path, version: str
) -> None:
    """Browsers are shown the new one; the one that old programs are shown has been forgotten and ends."""
    mine, serial = ours(world)
    forgotten = self_signed("old", key=rsa.generate_private_key(65537, 2048), days=(-100, 9))
    with openssl_served(mine, forgotten, tmp_path, version) as port:
        add_range(world, port)
        scan(world, clock)
        place = f"127.0.0.1:{port}"
        first, second = (world.ca.inventory.show(world.officer, one) for one in (place, f"{place}~rsa"))
        assert (first.serial, first.facts.key, first.faults) == (serial, "ec 256", ())
        assert (str(second.origin), second.facts.key, second.port) == ("self_signed", "rsa 2048", port)
        assert {str(one) for one in second.faults} == {"self_signed", "expires_soon"}
        page = world.ca.inventory.findings.page(world.officer, Ask(filters={"endpoint": (second.id,)}))
        assert len(page.items) == 2
        scan(world, clock)
        assert len(world.ca.inventory.page(world.officer, Ask()).items) == 2


def test_the_second_certificate_goes_alone(world: World, clock: FixedClock, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    old, new = self_signed("old", key=key), self_signed("new")
    with openssl_served(old, new, tmp_path, "-tls1_3") as port:
        add_range(world, port)
        scan(world, clock)
        ids = {one.id for one in world.ca.inventory.page(world.officer, Ask()).items}
        assert len(ids) == 2
    with served(new, tmp_path, port=port):
        scan(world, clock)
    present = world.ca.inventory.page(world.officer, Ask(filters={"present": ("yes",)})).items
    assert [(one.id, one.facts.key) for one in present] == [(f"127.0.0.1:{port}", "ec 256")]


def test_a_certificate_for_another_address_is_at_the_wrong_host(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack
) -> None:
    """Copied with its key from another server; a certificate for names is judged where the register knows the name."""
    identities = (
        self_signed("a", address="10.7.7.7"),
        self_signed("b", address="127.0.0.1"),
        self_signed("c.gov.internal"),
    )
    ports = [stack.enter_context(served(one, tmp_path)) for one in identities]
    add_range(world, *ports)
    scan(world, clock)
    found = [faults(world, port) - {"self_signed"} for port in ports]
    assert found == [{"name_mismatch"}, set(), set()]


def test_what_ends_soon_is_what_its_profile_says(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack
) -> None:
    """A device's certificate is renewed in its last 60 days, a server's in its last 30; of a stranger's 30 days count."""
    key, csr = server_csr("ww-acc-07")
    subject = {"O": "临江县大数据中心", "CN": "ww-acc-07", "serialNumber": "FOC2451X07Q"}
    issued = world.issue(profile="device", subject=subject, names=("ip:10.20.0.7",), csr=csr)
    issuer = certificate_pem(world.ca.authority("issuing").certificate)
    device = Identity(certificate_pem(issued.der) + issuer, key)
    strange = self_signed("stranger", days=(-1, (issued.not_after - clock.now()).days))
    ports = [stack.enter_context(served(one, tmp_path)) for one in (device, strange)]
    add_range(world, *ports)
    ends = []
    for left in (70, 50, 20):
        clock.advance(days=(issued.not_after - clock.now()).days - left)
        scan(world, clock)
        ends.append(["expires_soon" in faults(world, port) for port in ports])
    assert ends == [[False, False], [True, False], [True, True]]


def test_a_whole_network_is_looked_at_in_bounded_time_with_progress(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """254 addresses, of which three answer."""
    addresses = [f"127.77.5.{last}" for last in (1, 130, 254)]
    port = stack.enter_context(served(self_signed("a"), tmp_path, address=addresses[0]))
    for address in addresses[1:]:
        stack.enter_context(served(self_signed(address), tmp_path, address=address, port=port))
    add_range(world, port, network="127.77.5.0/24")
    told: list[tuple[int, int]] = []
    real = JobContext.progress

    def progress(context: JobContext, done: int, total: int) -> None:
        told.append((done, total))
        real(context, done, total)

    monkeypatch.setattr(JobContext, "progress", progress)
    most = _connections(monkeypatch)
    began = time.process_time()
    scan(world, clock)
    assert time.process_time() - began < 10
    assert told == [(64, 254), (128, 254), (192, 254), (254, 254)]
    assert sorted(one.address for one in world.ca.inventory.page(world.officer, Ask()).items) == addresses
    assert most() <= Pace().at_once


def _connections(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Counts the handshakes under way; the most there were at once."""
    real, lock, under_way, most = scanning._handshake, threading.Lock(), 0, 0

    def counted(*arguments: Any) -> Any:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        try:
            return real(*arguments)
        finally:
            with lock:
                under_way -= 1

    monkeypatch.setattr(scanning, "_handshake", counted)
    return lambda: most


def test_a_trusted_ca_is_no_stranger(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack
) -> None:
    foreign = Foreign.make()
    chain = certificate_pem(foreign.leaf) + certificate_pem(foreign.issuing)
    port = stack.enter_context(served(Identity(chain, foreign.leaf_key), tmp_path))
    add_range(world, port)
    anchor = world.ca.anchors.propose(world.officer, foreign.root, name="省根", note="核对过")
    world.ca.anchors.accept(world.second, anchor.id)
    scan(world, clock)
    seen = world.ca.inventory.show(world.officer, f"127.0.0.1:{port}")
    assert (str(seen.origin), seen.faults) == ("trusted", ())


def test_who_speaks_no_tls_is_left_alone(world: World, clock: FixedClock) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        add_range(world, silent.getsockname()[1])
        scan(world, clock)
    assert not world.ca.inventory.page(world.officer, Ask()).items


@pytest.mark.parametrize(
    "network",
    [
        *("8.8.8.0/24", "10.0.0.0/8", "10.0.0.1/24", "no network", "::/0"),
        *(
            "169.254.169.254/32",
            "0.0.0.0/32",
            "::1/128",
            "fe80::/120",
            "::ffff:127.0.0.1/128",
            "224.0.0.0/24",
        ),
    ],
)
def test_only_what_is_ours_and_not_too_wide_is_looked_at(world: World, network: str) -> None:
    with pytest.raises(Invalid):
        add_range(world, 443, network=network)


def test_a_declared_zone_may_be_public_and_a_network_is_there_once(world: World) -> None:
    zone = Zone("dmz", "互联网区", Network.INTERNET, ("203.0.113.0/24",))
    world.ca.inventory._register.put_zone(_network_admin(), zone)
    made = add_range(world, 443, network="203.0.113.0/25")
    with pytest.raises(Conflict):
        add_range(world, 8443, network="203.0.113.0/25")
    ranges = world.ca.inventory.ranges
    changed = ranges.change(
        world.officer, made.id, name="新名", ports=(443, 8443, 443), enabled=False, reason="x"
    )
    assert (changed.ports, changed.enabled) == ((443, 8443), False)
    ranges.remove(world.officer, made.id, "不再使用")
    with pytest.raises(NotFound):
        ranges.show(world.officer, made.id)
    assert str(network_of("fd00::/120", ())) == "fd00::/120"
    with pytest.raises(Invalid):
        ports_of((0,))


def test_nobody_takes_over_what_another_unit_looks_at(world: World) -> None:
    """A part of another unit's network would hand its endpoints and findings over at the next scan."""
    add_range(world, 443, network="10.7.0.0/24")
    stranger = replace(world.officer, unit="u_other")
    for network in ("10.7.0.0/25", "10.7.0.0/23", "10.7.0.0/24"):
        with pytest.raises(Conflict):
            world.ca.inventory.ranges.add(
                stranger, name="x", network=network, ports=(443,), unit="u_other", reason="x"
            )
    add_range(world, 443, network="10.7.0.0/25")  # who looks after both units may part them


def test_who_has_no_range_has_none_scanned(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack
) -> None:
    made = add_range(world, stack.enter_context(served(self_signed("a"), tmp_path)))
    queue = JobQueue(world.ca.database, clock, Access(world.ca.database))
    queue.register({SCAN: handlers(world.ca)[SCAN]})
    stranger = replace(world.officer, unit="u_other")
    for wanted in ((), (made.id,)):
        world.ca.inventory.request(stranger, wanted)
        assert queue.run_next("w1")
        assert not world.ca.inventory.page(world.officer, Ask()).items


def test_units_see_their_own(
    world: World, clock: FixedClock, tmp_path: Path, stack: ExitStack, other_registrar: Principal
) -> None:
    port = stack.enter_context(served(self_signed("a"), tmp_path))
    made = add_range(world, port)
    scan(world, clock)
    assert len(world.ca.inventory.page(world.registrar, Ask()).items) == 1
    assert not world.ca.inventory.page(other_registrar, Ask()).items
    assert not world.ca.inventory.findings.page(other_registrar, Ask()).items
    with pytest.raises(NotFound):
        world.ca.inventory.show(other_registrar, f"127.0.0.1:{port}")
    with pytest.raises(NotPermitted):
        world.ca.inventory.request(world.registrar)
    stranger = replace(_network_admin(), unit="u_other")
    with pytest.raises(NotFound):
        world.ca.inventory.ranges.remove(stranger, made.id, "x")


def test_a_cancelled_scan_keeps_what_it_saw(
    world: World,
    clock: FixedClock,
    tmp_path: Path,
    stack: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ca.inventory.service._BATCH", 1)
    ports = [stack.enter_context(served(self_signed(name), tmp_path)) for name in "ab"]
    add_range(world, *ports)
    queue = JobQueue(world.ca.database, clock, Access(world.ca.database))
    queue.register({SCAN: handlers(world.ca)[SCAN]})
    job = world.ca.inventory.request(world.officer)
    look = world.ca.inventory._scanner.scan

    def once(targets: object) -> object:
        queue.cancel(_network_admin(), job, "太忙")
        return look(targets)  # type: ignore[arg-type]

    monkeypatch.setattr(world.ca.inventory._scanner, "scan", once)
    assert queue.run_next("w1")
    assert str(queue.get(_network_admin(), job).state) == "cancelled"
    assert len(world.ca.inventory.page(world.officer, Ask()).items) == 1
