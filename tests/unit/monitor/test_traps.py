"""Traps and informs as net-snmp's own tools send them; what is broken or not ours is counted and changes nothing."""

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from kernel.credentials import Credential
from kernel.errors import Unavailable
from kernel.events import event_outbox
from kernel.identity.model import Principal, Role
from monitor.adapters.trapdecoder import TrapDecoder
from monitor.adapters.traps import TrapReceiver
from monitor.model import Trap
from monitor.trapnames import name_of, varbinds_of
from tests.unit.monitor.conftest import World
from tests.unit.monitor.netsnmp import V2C, V3, notify

LINK_DOWN, LINK_UP, COLD_START, AUTH = (f"1.3.6.1.6.3.1.1.5.{number}" for number in (3, 4, 1, 5))
IF_INDEX, IF_NAME = "1.3.6.1.2.1.2.2.1.1.3", "1.3.6.1.2.1.31.1.1.1.1.3"


class Receiver:
    """A receiver on a port of its own, and what it took."""

    def __init__(self, folder: Path) -> None:
        self.traps: list[Trap] = []
        self.errors: list[Exception] = []
        self.folder = folder
        self.sink: Callable[[Trap], None] = self.traps.append
        self.real = TrapReceiver("127.0.0.1", 0, [V3, V2C], lambda trap: self.sink(trap), self.errors.append)
        self.real.start()

    def send(
        self, *arguments: str, credential: Credential = V3, inform: bool = False, level: str = "authPriv"
    ) -> int:
        folder = self.folder / secrets.token_hex(4)
        options = {"inform": inform, "level": level}
        status = notify(folder, self.real.port, credential, list(arguments), **options)  # type: ignore[arg-type]
        self.settle()
        return status

    def settle(self) -> None:
        """Wait until everything received was decoded."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            time.sleep(0.05)
            counts = self.real.counts
            done = counts.accepted + counts.answered + counts.malformed + counts.refused + counts.failed
            if done == counts.received:
                return

    def rest(self) -> None:
        """Wait until nothing has changed for a while, however busy the machine is."""
        before, quiet = None, 0
        for _ in range(300):
            time.sleep(0.1)
            quiet = quiet + 1 if self.real.counts == before else 0
            before = self.real.counts
            if quiet >= 10:
                return


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path)
    yield made
    made.real.stop()


def names(receiver: Receiver) -> list[tuple[str, str]]:
    return [(trap.version, name_of(trap)[0]) for trap in receiver.traps]


def test_traps_of_version_2c_and_3_are_named(receiver: Receiver) -> None:
    receiver.send(LINK_DOWN, IF_INDEX, "i", "3", IF_NAME, "s", "GigabitEthernet0/0/3", credential=V2C)
    receiver.send("-e", "0x80001f8880aabbcc01", AUTH)
    receiver.send("-e", "0x80001f8880aabbcc02", COLD_START)
    assert names(receiver) == [("v2c", "linkDown"), ("v3", "authenticationFailure"), ("v3", "coldStart")]
    assert varbinds_of(receiver.traps[0]) == {"ifIndex": 3, "ifName": "GigabitEthernet0/0/3"}
    assert {trap.source for trap in receiver.traps} == {"127.0.0.1"}
    assert receiver.traps[1].user == V3.snmp_user
    assert receiver.real.counts.accepted == 3


def test_informs_are_confirmed_to_their_sender(receiver: Receiver) -> None:
    assert receiver.send(LINK_UP, credential=V2C, inform=True) == 0
    assert receiver.send(LINK_UP, inform=True) == 0
    assert names(receiver) == [("v2c", "linkUp"), ("v3", "linkUp")]
    assert all(trap.inform for trap in receiver.traps)


def test_an_inform_that_could_not_be_kept_is_not_confirmed(receiver: Receiver) -> None:
    full = iter([True, False])

    def sink(trap: Trap) -> None:
        if next(full, False):
            raise OSError("disk full")
        receiver.traps.append(trap)

    receiver.sink = sink
    assert receiver.send(LINK_UP, inform=True) == 0  # confirmed at the second try, which was kept
    assert names(receiver) == [("v3", "linkUp")]
    assert receiver.real.counts.failed == 1
    receiver.sink = lambda trap: (_ for _ in ()).throw(OSError("disk full"))
    assert receiver.send(LINK_UP, credential=V2C, inform=True) != 0
    assert receiver.send(COLD_START, inform=True, level="noAuthNoPriv") != 0


def test_who_can_not_prove_itself_is_refused(receiver: Receiver) -> None:
    engine = "0x80001f8880aabbcc03"
    receiver.send(
        "-e",
        engine,
        AUTH,
        credential=Credential(snmp_user=V3.snmp_user, snmp_auth="guessed-it", snmp_priv="guessed-it"),
    )
    receiver.send(
        "-e", engine, AUTH, credential=Credential(snmp_user="nobody", snmp_auth="a" * 8, snmp_priv="b" * 8)
    )
    receiver.send(LINK_DOWN, credential=Credential(snmp_community="public"))
    receiver.send("-e", engine, AUTH, level="noAuthNoPriv")
    assert receiver.traps == []
    assert receiver.real.counts.refused == 4
    receiver.send("-e", engine, AUTH)  # its true owner is heard all the same
    assert names(receiver) == [("v3", "authenticationFailure")]


def test_broken_datagrams_are_counted_and_the_next_trap_is_taken(receiver: Receiver) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for junk in (b"", b"\x30", b"\x30\x82\xff\xff", b"GET / HTTP/1.1", bytes(60)):
            sender.sendto(junk, ("127.0.0.1", receiver.real.port))
    receiver.settle()
    receiver.send(LINK_DOWN, credential=V2C)
    assert names(receiver) == [("v2c", "linkDown")]
    assert receiver.real.counts.received == 6
    assert receiver.real.counts.malformed + receiver.real.counts.refused == 5


def test_a_trap_that_can_not_be_kept_is_told_and_stops_no_other(receiver: Receiver) -> None:
    def full(trap: Trap) -> None:
        raise OSError("disk full")

    receiver.sink = full
    receiver.send(LINK_DOWN, credential=V2C)
    receiver.sink = receiver.traps.append
    receiver.send(LINK_UP, credential=V2C)
    assert names(receiver) == [("v2c", "linkUp")]
    assert (receiver.real.counts.failed, len(receiver.errors)) == (1, 1)


def test_a_port_that_is_taken_is_named(receiver: Receiver) -> None:
    with pytest.raises(Unavailable, match=f"127.0.0.1:{receiver.real.port}/udp.*collector.trap_port"):
        TrapReceiver("127.0.0.1", receiver.real.port, [], receiver.sink, receiver.errors.append)


def test_of_a_storm_all_is_taken_or_told_as_lost(receiver: Receiver) -> None:
    capture = capture_of(receiver)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(1500):
            sender.sendto(capture, ("127.0.0.1", receiver.real.port))
        receiver.rest()
        sender.sendto(capture, ("127.0.0.1", receiver.real.port))  # what was lost is told with the next one
    receiver.rest()
    counts = receiver.real.counts
    assert counts.accepted > 200
    assert counts.accepted + counts.dropped + counts.lost == 1501


def capture_of(receiver: Receiver) -> bytes:
    """One v2c trap's datagram as net-snmp sends it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        notify(receiver.folder / "capture", listener.getsockname()[1], V2C, [LINK_DOWN, IF_INDEX, "i", "3"])
        return listener.recv(65_535)


@pytest.fixture(scope="module")
def decoder() -> TrapDecoder:
    return TrapDecoder([V3, V2C])


@pytest.fixture(scope="module")
def datagram(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        folder = tmp_path_factory.mktemp("capture")
        notify(folder, listener.getsockname()[1], V3, ["-e", "0x80001f8880aabbcc09", AUTH])
        return listener.recv(65_535)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_give_traps_or_a_count(decoder: TrapDecoder, datagram: bytes, data: st.DataObject) -> None:
    changed = bytearray(datagram)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    for hostile in (
        bytes(changed),
        data.draw(st.binary(max_size=80)),
        bytes(changed)[: data.draw(st.integers(0, 60))],
    ):
        decoded = decoder.decode(hostile, ("127.0.0.1", 4000))
        assert decoded.outcome in ("accepted", "answered", "malformed", "refused")
        assert bool(decoded.traps) == (decoded.outcome == "accepted")


# --- what the room does with them
def trap(source: str = "10.1.0.2", oid: str = LINK_DOWN, port: int = 3) -> Trap:
    index = (1, 3, 6, 1, 2, 1, 2, 2, 1, 1, port)
    status = (1, 3, 6, 1, 2, 1, 2, 2, 1, 8, port)
    community = (1, 3, 6, 1, 6, 3, 18, 1, 4, 0)
    varbinds = ((index, port), (status, 2), (community, b"hidden"), ((1, 3, 6, 1, 4, 1, 9, 1), b"\xff\x00"))
    return Trap(source, "v3", "weicheng", False, tuple(map(int, oid.split("."))), 100, varbinds)


def test_a_trap_is_kept_under_its_sender_s_name_and_announced(world: World, network_admin: Principal) -> None:
    world.service.notifications.receive(trap())
    (record,) = world.traps(network_admin)
    assert (record.asset, record.name, record.severity, record.count) == (
        world.id("nw-acc"),
        "linkDown",
        "medium",
        1,
    )
    assert record.varbinds == {"ifIndex": 3, "ifOperStatus": "down", "1.3.6.1.4.1.9.1": "ff 00"}
    with world.database.read() as connection:
        row = connection.execute(
            select(event_outbox).where(event_outbox.c.kind == "monitor:trap:received")
        ).one()
    assert (row.unit, row.severity, row.data["device"]) == ("u_county", "medium", "nw-acc")
    assert "hidden" not in str(row.data)


def test_a_storm_of_the_same_trap_is_one_record_and_one_event(world: World, network_admin: Principal) -> None:
    for _ in range(5):
        world.service.notifications.receive(trap())
        world.clock.advance(seconds=20)
    world.service.notifications.receive(trap(port=4))
    world.clock.advance(seconds=120)
    world.service.notifications.receive(trap())
    counts = [record.count for record in world.traps(network_admin)]
    assert counts == [1, 1, 5]
    with world.database.read() as connection:
        kinds = select(event_outbox.c.id).where(event_outbox.c.kind == "monitor:trap:received")
        assert len(connection.execute(kinds).all()) == 3


def test_who_sees_whose_traps(world: World, network_admin: Principal) -> None:
    world.service.notifications.receive(trap())
    world.service.notifications.receive(trap("10.1.0.1"))
    world.service.notifications.receive(trap("192.0.2.7"))  # a sender nobody registered
    local = Principal("usr_l", "l", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_county", "password")
    assert len(world.traps(network_admin)) == 3
    assert [record.source for record in world.traps(local)] == ["10.1.0.2"]


def test_an_unknown_notification_bears_its_number() -> None:
    assert name_of(trap(oid="1.3.6.1.4.1.2011.5.25.1")) == ("1.3.6.1.4.1.2011.5.25.1", "info")
