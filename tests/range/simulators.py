"""A simulated device: an SSH server and an SNMP agent in the one event loop."""

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


class Simulator:
    """One simulated device with the secrets of a state."""

    def __init__(
        self, host: Host, plan: Plan, folder: Folder, state: Mapping[str, Any], faults: Faults | None
    ) -> None:
        self._host = host
        self._plan = plan
        self._folder = folder
        self._state = state
        self._faults = faults
        self._server: SshDevice | None = None
        self._agent: asyncio.BaseTransport | None = None

    async def start(self) -> None:
        """Listen at the host's SSH and SNMP ports; OSError when one is taken."""
        self._server = self._ssh_device()
        await self._server.start()
        agent = self._snmp_agent()
        self._agent, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: AgentEndpoint(agent), local_addr=(self._host.address, self._plan.ports["snmp"])
        )

    async def stop(self) -> None:
        if self._agent is not None:
            self._agent.close()
        if self._server is not None:
            await self._server.stop()

    def _ssh_device(self) -> SshDevice:
        credential = self._state["credential"]
        neighbours = self._plan.neighbours(self._host.name)
        device = Device(self._host, load_dialect(self._host.platform), neighbours, credential["enable"])
        public_key = self._folder.client_key.with_suffix(".pub").read_text()
        login = Login(credential["username"], credential["password"], public_key)
        host_key = self._folder.host_key(self._host).read_text()
        return SshDevice(device, login, host_key, self._plan.ports["ssh"], self._faults)

    def _snmp_agent(self) -> Agent:
        credential = self._state["credential"]
        engine = Engine.of(self._host, self._state["started"])
        user = User.at(engine.id, credential["snmp_user"], credential["snmp_auth"], credential["snmp_priv"])
        table = build_table(self._host, self._plan.neighbours(self._host.name))
        return Agent(engine, user, table, self._host.community)
