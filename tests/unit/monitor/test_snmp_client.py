"""Asking agents: the real client on net-snmp's agent, and the one suite that the memory client passes too."""

import random
import re
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from kernel.credentials import Credential
from kernel.errors import Invalid
from monitor.adapters.snmp import MemoryAgents, PysnmpClient, security_of
from monitor.mib import IF_DESCR, SYS_NAME, SYS_OBJECT_ID, SYS_UPTIME, query_for, read
from monitor.model import Oid, Problem, Value
from monitor.platforms import platform_of
from monitor.ports import Agent, Query, SnmpClient
from tests.unit.monitor.netsnmp import V2C, V3, Snmpd, free_udp_port

ABSENT = (1, 3, 6, 1, 2, 1, 1, 99, 0)
QUERY = Query((SYS_NAME, SYS_OBJECT_ID, ABSENT), ((IF_DESCR,), ((1, 3, 6, 1, 2, 1, 99),)))


def agent(snmpd: Snmpd, credential: Credential = V3, name: str = "server") -> Agent:
    return Agent(name, "127.0.0.1", snmpd.port, credential)


def recorded(snmpd: Snmpd) -> dict[Oid, Value]:
    """The agent's values as net-snmp's own tool reads them, for the client in memory."""
    values: dict[Oid, Value] = {}
    for line in (snmpd.walk("1.3.6.1.2.1.1") + snmpd.walk("1.3.6.1.2.1.2.2.1.2")).splitlines():
        match = re.match(r"\.([\d.]+) = (?:Hex-STRING: ([0-9A-F ]+)|OID: \.([\d.]+)|STRING: \"(.*)\")", line)
        if match:
            oid = tuple(map(int, match[1].split(".")))
            text = bytes.fromhex(match[2]).rstrip(b"\0") if match[2] else (match[4] or "").encode()
            values[oid] = tuple(map(int, match[3].split("."))) if match[3] else text
    return values


@pytest.fixture(params=["pysnmp", "memory"])
def client(request: pytest.FixtureRequest, snmpd: Snmpd) -> Callable[[str], SnmpClient]:
    if request.param == "pysnmp":
        return lambda _name: PysnmpClient()
    return lambda name: MemoryAgents({name: recorded(snmpd)})


def test_scalars_and_columns_come_back_and_what_is_absent_does_not(
    client: Callable[[str], SnmpClient], snmpd: Snmpd
) -> None:
    answer = client("server").fetch([(agent(snmpd), QUERY)])["server"]
    assert answer.answered
    assert answer.latency is not None
    assert answer.values[SYS_NAME] == b"city-server"
    assert answer.values[SYS_OBJECT_ID] == (1, 3, 6, 1, 4, 1, 8072, 3, 2, 10)
    assert ABSENT not in answer.values
    assert b"lo" in answer.values.values()
    assert all(oid[: len(IF_DESCR)] == IF_DESCR for oid in answer.values.keys() - {SYS_NAME, SYS_OBJECT_ID})


def test_v2c_reads_the_same_as_v3(snmpd: Snmpd) -> None:
    answers = PysnmpClient().fetch([(agent(snmpd, V3, "v3"), QUERY), (agent(snmpd, V2C, "v2c"), QUERY)])
    assert answers["v3"].values == answers["v2c"].values
    assert len(answers["v3"].values) > 2


def test_a_reading_of_a_real_linux_agent(snmpd: Snmpd) -> None:
    linux = platform_of("linux")
    answer = PysnmpClient().fetch([(agent(snmpd), query_for(linux))])["server"]
    reading = read(answer, linux, datetime.now(UTC))
    assert (reading.sys_name, reading.location, reading.lldp) == ("city-server", "一号机房", False)
    loopback = next(interface for interface in reading.interfaces if interface.name == "lo")
    assert loopback.oper_up
    assert loopback.counters is not None
    assert loopback.counters.bits == 64
    assert 0 < reading.metrics["memory"] <= 100


def test_who_does_not_answer_or_refuses_us_stops_nobody_else(snmpd: Snmpd) -> None:
    wrong = Credential(snmp_user=V3.snmp_user, snmp_auth="not-the-password", snmp_priv=V3.snmp_priv)
    dead = Agent("dead", "127.0.0.1", free_udp_port(), V3)
    asked = [
        agent(snmpd, wrong, "wrong"),
        agent(snmpd, Credential(snmp_user="nobody", snmp_auth="a" * 8, snmp_priv="b" * 8), "stranger"),
        dead,
        agent(snmpd, Credential(), "no-credential"),
        agent(snmpd, Credential(snmp_user="x", snmp_auth="short", snmp_priv="short"), "short"),
        *(agent(snmpd, V3, f"good-{n}") for n in range(3)),
    ]
    begun = time.monotonic()
    answers = PysnmpClient(timeout=1.2, retries=1).fetch([(one, QUERY) for one in asked])
    assert time.monotonic() - begun < 15
    problems = {name: answer.problem for name, answer in answers.items()}
    assert problems == {
        "wrong": Problem.AUTHENTICATION,
        "stranger": Problem.AUTHENTICATION,
        "dead": Problem.TIMEOUT,
        "no-credential": Problem.CREDENTIAL,
        "short": Problem.CREDENTIAL,
        "good-0": None,
        "good-1": None,
        "good-2": None,
    }


def test_many_at_once_are_all_answered(snmpd: Snmpd) -> None:
    asked = [(agent(snmpd, V3, f"a{n}"), Query((SYS_NAME, SYS_UPTIME))) for n in range(60)]
    answers = PysnmpClient(in_flight=20).fetch(asked)
    assert [name for name, answer in answers.items() if not answer.answered] == []


def test_a_table_without_end_is_a_gap_and_what_comes_before_is_kept(snmpd: Snmpd) -> None:
    everything = ((1, 3, 6, 1, 2, 1),)
    answer = PysnmpClient(max_values=100).fetch([(agent(snmpd), Query((SYS_NAME,), (everything,)))])["server"]
    assert (answer.problem, answer.gaps) == (None, (everything,))
    assert answer.values[SYS_NAME] == b"city-server"
    assert 100 <= len(answer.values) < 300


def test_lost_answers_to_big_questions_are_asked_for_in_smaller_ones(snmpd: Snmpd) -> None:
    narrow = Narrow(snmpd.port, 700)
    try:
        asked = Agent("server", "127.0.0.1", narrow.port, V2C)
        columns = ((1, 3, 6, 1, 2, 1, 1),)
        answer = PysnmpClient(timeout=1.0, retries=0).fetch([(asked, Query((SYS_NAME,), (columns,)))])[
            "server"
        ]
    finally:
        narrow.stop()
    assert narrow.dropped > 0
    assert (answer.problem, answer.gaps) == (None, ())
    assert len(answer.values) > 10


def test_a_credential_without_snmp_is_named_and_no_secret_is_shown() -> None:
    with pytest.raises(Invalid):
        security_of(Agent("x", "127.0.0.1", 161, Credential(username="admin", password="hidden-password")))
    assert V3.snmp_auth not in repr(Agent("x", "127.0.0.1", 161, V3))


class Proxy(ABC):
    """Stands between client and agent and may change or drop the answers."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port: int = self._socket.getsockname()[1]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @abstractmethod
    def change(self, answer: bytes) -> bytes | None:
        """What the client gets instead; None drops it."""

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                request, client = self._socket.recvfrom(65_535)
            except TimeoutError:
                continue
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
                agent.settimeout(0.2)
                agent.sendto(request, ("127.0.0.1", self._target))
                try:
                    answer = self.change(agent.recv(65_535))
                except TimeoutError:
                    continue
            if answer is not None:
                self._socket.sendto(answer, client)


class Narrow(Proxy):
    """A path on which big datagrams are lost."""

    def __init__(self, target: int, size: int) -> None:
        self._size = size
        self.dropped = 0
        super().__init__(target)

    def change(self, answer: bytes) -> bytes | None:
        if len(answer) <= self._size:
            return answer
        self.dropped += 1
        return None


class Garbler(Proxy):
    """Some bytes changed, cut off, or replaced by noise."""

    def __init__(self, target: int, seed: int) -> None:
        self._random = random.Random(seed)
        self.spoiled = 0
        super().__init__(target)

    def change(self, answer: bytes) -> bytes | None:
        self.spoiled += 1
        way = self._random.randrange(4)
        if way == 0:
            return self._random.randbytes(len(answer))
        if way == 1:
            return answer[: self._random.randrange(len(answer))]
        changed = bytearray(answer)
        for _ in range(self._random.randrange(1, 5)):
            changed[self._random.randrange(len(changed))] = self._random.randrange(256)
        return bytes(changed)


@pytest.mark.parametrize("seed", range(2))
def test_garbled_answers_are_a_problem_of_that_agent_alone(snmpd: Snmpd, seed: int) -> None:
    garbler = Garbler(snmpd.port, seed)
    try:
        credentials = [V2C, V3] * 10
        asked = [Agent(f"bad-{n}", "127.0.0.1", garbler.port, one) for n, one in enumerate(credentials)]
        asked += [agent(snmpd, V3, "good-v3"), agent(snmpd, V2C, "good-v2c")]
        answers = PysnmpClient(timeout=0.8, retries=1).fetch([(one, QUERY) for one in asked])
    finally:
        garbler.stop()
    assert garbler.spoiled >= 20
    assert (answers["good-v3"].problem, answers["good-v2c"].problem) == (None, None)
    for name, answer in answers.items():
        assert answer.problem in (None, *Problem), name
        read(answer, platform_of("linux"), datetime.now(UTC))
    assert sum(answer.problem is not None for answer in answers.values()) >= 10
