"""The simulated devices, all in one event loop: an SSH server and an SNMP agent each."""

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.range.plan import Host, Plan
from tests.range.snmp.agent import Agent, AgentEndpoint
from tests.range.snmp.objects import build_table
from tests.range.snmp.usm import Engine, User
from tests.range.ssh.dialect import load_dialect
from tests.range.ssh.server import Login, SshDevice
from tests.range.ssh.shell import Device
from tests.range.ssh.terminal import Faults
from tests.range.state import Folder


class Simulators:
    """Starts and stops simulated devices with the secrets of one state."""

    def __init__(
        self, plan: Plan, folder: Folder, state: Mapping[str, Any], faults: Mapping[str, Faults]
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._state = state
        self._faults = faults
        self._servers: list[SshDevice] = []
        self._agents: list[asyncio.BaseTransport] = []

    async def start(self, host: Host) -> None:
        """Listen at the host's SSH and SNMP ports; OSError when one is taken."""
        credential = self._state["credential"]
        device = Device(
            host, load_dialect(host.platform), self._plan.neighbours(host.name), credential["enable"]
        )
        public_key = self._folder.client_key.with_suffix(".pub").read_text()
        login = Login(credential["username"], credential["password"], public_key)
        host_key = self._folder.host_key(host).read_text()
        server = SshDevice(device, login, host_key, self._plan.ports["ssh"], self._faults.get(host.name))
        await server.start()
        self._servers.append(server)
        await self._start_agent(host)

    async def _start_agent(self, host: Host) -> None:
        credential = self._state["credential"]
        engine = Engine.of(host, self._state["started"])
        user = User.at(engine.id, credential["snmp_user"], credential["snmp_auth"], credential["snmp_priv"])
        agent = Agent(engine, user, build_table(host, self._plan.neighbours(host.name)), host.community)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: AgentEndpoint(agent), local_addr=(host.address, self._plan.ports["snmp"])
        )
        self._agents.append(transport)

    async def stop(self) -> None:
        for transport in self._agents:
            transport.close()
        for server in self._servers:
            await server.stop()
