"""The agents, asked by net-snmp's tools, and the traps, received by pysnmp."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.range.__main__ import main
from tests.range.snmp import usm
from tests.range.snmp.agent import Agent
from tests.range.snmp.ber import encode_oid, read_all, read_oid
from tests.range.snmp.objects import build_table
from tests.unit.range.conftest import PLAN, SIMULATED, Network

SYS_NAME, SYS_UPTIME = ".1.3.6.1.2.1.1.5.0", ".1.3.6.1.2.1.1.3.0"
IF_HC_IN = ".1.3.6.1.2.1.31.1.1.1.6"
LLDP_REMOTE_NAME = ".1.0.8802.1.1.2.1.4.1.1.9"
LLDP_REMOTE_PORT = ".1.0.8802.1.1.2.1.4.1.1.7"


def values(shown: str) -> list[str]:
    return [
        line.partition(" = ")[2].partition(": ")[2].strip('"') for line in shown.splitlines() if " = " in line
    ]


@pytest.mark.parametrize("name", [host.name for host in PLAN.hosts if host.kind != "seen"])
def test_every_agent_answers_version_3_with_its_own_name(network: Network, name: str) -> None:
    answer = network.snmp("snmpget", name, SYS_NAME)
    assert answer.returncode == 0, answer.stderr
    assert values(answer.stdout) == [name]


@pytest.mark.parametrize("name", SIMULATED)
def test_walk_and_bulk_walk_see_the_same_objects(network: Network, name: str) -> None:
    """Each whole tree once by GETNEXT and once by GETBULK; counters may have grown between the two."""
    walked, bulk = (network.snmp(tool, name, ".1") for tool in ("snmpwalk", "snmpbulkwalk"))
    names = [[line.partition(" = ")[0] for line in shown.stdout.splitlines()] for shown in (walked, bulk)]
    assert names[0] == names[1]
    assert len(names[0]) > 40


def test_counters_of_a_busy_port_grow_and_those_of_a_closed_one_do_not(network: Network) -> None:
    def read() -> list[int]:
        shown = network.snmp("snmpget", "ww-core-ios", f"{IF_HC_IN}.1", f"{IF_HC_IN}.5", SYS_UPTIME)
        busy, closed, uptime = shown.stdout.splitlines()
        return [
            int(busy.split()[-1]),
            int(closed.split()[-1]),
            int(uptime.partition("(")[2].partition(")")[0]),
        ]

    first = read()
    time.sleep(1.0)
    second = read()
    seconds = (second[2] - first[2]) / 100
    assert (second[0] - first[0]) / seconds == pytest.approx(5_200_000, rel=0.1)
    assert second[1] == first[1] == 0


@pytest.mark.parametrize("name", [n for n in SIMULATED if n not in PLAN.lldp_silent])
def test_lldp_tables_show_the_planned_cables(network: Network, name: str) -> None:
    remote = zip(
        values(network.snmp("snmpbulkwalk", name, LLDP_REMOTE_NAME).stdout),
        values(network.snmp("snmpbulkwalk", name, LLDP_REMOTE_PORT).stdout),
        strict=True,
    )
    assert sorted(remote) == sorted((n.host.name, n.host_port) for n in PLAN.neighbours(name))


def test_the_unregistered_switch_and_the_bypass_are_seen(network: Network) -> None:
    assert "nw-rogue-sw" in values(network.snmp("snmpbulkwalk", "nw-acc-h3c", LLDP_REMOTE_NAME).stdout)
    assert "ww-core-ios" in values(network.snmp("snmpbulkwalk", "nw-core-vrp", LLDP_REMOTE_NAME).stdout)


def community_get(network: Network, name: str, community: str) -> "subprocess.CompletedProcess[str]":
    entry = network.entry(name)
    command = [
        "snmpget",
        "-v2c",
        "-c",
        community,
        "-r",
        "0",
        "-t",
        "1",
        "-On",
        f"{entry['address']}:{entry['snmp_port']}",
    ]
    return subprocess.run([*command, SYS_NAME], capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize("name", [host.name for host in PLAN.hosts if host.kind != "seen"])
def test_community_public_opens_exactly_the_planted_device(network: Network, name: str) -> None:
    answer = community_get(network, name, "public")
    assert (answer.returncode == 0) == (name == "ww-core-ios")


def test_another_community_opens_nothing(network: Network) -> None:
    assert community_get(network, "ww-core-ios", "private").returncode != 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"auth": "not-the-pass-phrase"}, "Authentication failure"),
        ({"priv": "not-the-pass-phrase"}, "Decryption error"),
        ({"user": "somebody"}, "Unknown user name"),
    ],
)
def test_wrong_keys_get_the_report_of_rfc_3414(network: Network, changed: dict[str, str], said: str) -> None:
    answer = network.snmp("snmpget", "nw-core-vrp", SYS_NAME, **changed)
    assert answer.returncode != 0
    assert said in answer.stderr


def test_nothing_can_be_set(network: Network) -> None:
    answer = network.snmp("snmpset", "nw-core-vrp", SYS_NAME, "s", "other")
    assert "notWritable" in answer.stderr


def test_what_is_not_there_is_said_not_to_be_there(network: Network) -> None:
    shown = network.snmp("snmpget", "nw-core-vrp", ".1.3.6.1.2.1.1.3.1", ".1.3.6.1.9.9.0").stdout
    assert "No Such Instance" in shown
    assert "No Such Object" in shown


# --- traps
@pytest.fixture
def receiver(network: Network) -> Iterator[Any]:
    """pysnmp's notification receiver; gives its port and the list of what arrived."""
    from pysnmp.carrier.asyncio.dgram import udp
    from pysnmp.entity import config, engine
    from pysnmp.entity.rfc3413 import ntfrcv
    from pysnmp.proto.rfc1902 import OctetString

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    snmp, arrived = engine.SnmpEngine(), []
    transport = udp.UdpAsyncioTransport(loop=loop).open_server_mode(("127.0.0.1", 0))
    config.add_transport(snmp, udp.DOMAIN_NAME, transport)
    config.add_v1_system(snmp, "practice", "practice")
    credential = network.credential
    for name in SIMULATED:
        config.add_v3_user(
            snmp, credential["snmp_user"], config.USM_AUTH_HMAC192_SHA256, credential["snmp_auth"],
            config.USM_PRIV_CFB128_AES, credential["snmp_priv"],
            securityEngineId=OctetString(hexValue=network.entry(name)["engine_id"]),
        )  # fmt: skip

    def note(_engine: Any, _state: Any, _context: Any, _name: Any, bindings: Any, _data: Any) -> None:
        arrived.append({str(oid): value.prettyPrint() for oid, value in bindings})

    ntfrcv.NotificationReceiver(snmp, note)
    loop.run_until_complete(asyncio.sleep(0.1))
    port = transport.transport.get_extra_info("sockname")[1]

    def wait() -> dict[str, str]:
        deadline = time.monotonic() + 5
        while not arrived and time.monotonic() < deadline:
            loop.run_until_complete(asyncio.sleep(0.05))
        return arrived.pop() if arrived else {}

    yield port, wait
    snmp.close_dispatcher()
    loop.run_until_complete(asyncio.sleep(0.1))
    loop.close()
    asyncio.set_event_loop(None)


@pytest.mark.parametrize("community", ["", "practice"])
def test_a_trap_reaches_a_receiver(network: Network, receiver: Any, community: str) -> None:
    port, wait = receiver
    arguments = [
        "trap",
        "nw-core-vrp",
        "link-down",
        "--port",
        "GigabitEthernet0/0/1",
        "--to",
        f"127.0.0.1:{port}",
    ]
    arguments += ["--state", str(network.folder.path)] + (["--community", community] if community else [])
    assert main(arguments) == 0
    arrived = wait()
    assert arrived["1.3.6.1.6.3.1.1.4.1.0"] == "1.3.6.1.6.3.1.1.5.3"
    assert arrived["1.3.6.1.2.1.2.2.1.8.5"] == "2"
    assert arrived["1.3.6.1.2.1.31.1.1.1.1.5"] == "GigabitEthernet0/0/1"


def test_a_trap_for_a_port_that_does_not_exist_is_refused(network: Network, capsys: Any) -> None:
    folder = str(network.folder.path)
    assert main(["trap", "nw-core-vrp", "link-down", "--port", "Gi9/9/9", "--state", folder]) == 1
    assert "Gi9/9/9" in capsys.readouterr().err


# --- bytes from anybody
def agent() -> Agent:
    host = PLAN.host("ww-core-ios")
    engine = usm.Engine.of(host, time.time())
    user = usm.User.at(engine.id, "weicheng", "first pass phrase", "second pass phrase")
    return Agent(engine, user, build_table(host, PLAN.neighbours(host.name)), "public")


AGENT = agent()
DISCOVERY = bytes.fromhex(
    "303e020103301102042b6e2ac4020300ffe3040104020103041030"
    "0e0400020100020100040004000400301404000400a00e0204"
    "317a5d1b0201000201003000"
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, len(DISCOVERY) - 1), st.integers(0, 255)).map(
    lambda change: DISCOVERY[: change[0]] + bytes((change[1],)) + DISCOVERY[change[0] + 1 :]
))  # fmt: skip
def test_whatever_arrives_gets_a_message_or_silence(datagram: bytes) -> None:
    answer = AGENT.handle(datagram)
    assert answer is None or read_all(answer)[0].tag == 0x30


def test_discovery_tells_the_engine_id() -> None:
    answer = AGENT.handle(DISCOVERY)
    assert answer is not None
    assert usm.engine_id(PLAN.host("ww-core-ios")) in answer


@given(st.tuples(st.integers(0, 2), st.integers(0, 39), st.integers(0, 2**32 - 1), st.integers(0, 2**40)))
def test_object_identifiers_survive_encoding(oid: tuple[int, ...]) -> None:
    assert read_oid(read_all(encode_oid(oid))[0]) == oid
