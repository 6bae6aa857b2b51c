"""A device to log in to that misbehaves on request: a real SSH server (asyncssh) on a free loopback port.

``behaviour``: whole, cut (the session ends in mid-configuration), hang (it falls silent), paged (the pager stays on),
refuse (the command is unknown), noise (answers one byte at a time).
"""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import asyncssh


@dataclass
class Behaviour:
    """What the device does; may be changed between sessions."""

    kind: str = "whole"
    password: str = "right-Password-1"
    prompt: str = "r1#"
    command: str = "show running-config"
    config: str = ""
    refusal: str = "% Invalid input detected at '^' marker."
    login_question: str = ""
    encoding: str = "utf-8"
    piece: int = 0  # octets sent at a time, 0: all at once
    sessions: int = 0
    passwords_seen: list[str] = field(default_factory=list)
    commands_seen: list[str] = field(default_factory=list)


class _Server(asyncssh.SSHServer):
    def __init__(self, behaviour: Behaviour, connections: list[asyncssh.SSHServerConnection]) -> None:
        self._behaviour = behaviour
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.append(conn)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._behaviour.passwords_seen.append(password)
        return username == "weicheng" and password == self._behaviour.password


class SshDevice:
    """Runs in a thread of its own; ``with SshDevice(behaviour) as device: device.port``."""

    def __init__(self, behaviour: Behaviour, *, legacy: bool = False) -> None:
        self.behaviour = behaviour
        self.port = 0
        self._legacy = legacy
        self._key = asyncssh.generate_private_key("ssh-rsa" if legacy else "ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._connections: list[asyncssh.SSHServerConnection] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def new_host_key(self) -> None:
        """Restart on the same port with another host key."""
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        asyncio.run_coroutine_threadsafe(self._restart(), self._loop).result(10)

    def __enter__(self) -> "SshDevice":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        old: dict[str, Any] = {}
        if self._legacy:
            old = {
                "kex_algs": ["diffie-hellman-group14-sha1"],
                "encryption_algs": ["aes128-cbc"],
                "signature_algs": ["ssh-rsa"],
            }
        self._server = await asyncssh.create_server(
            lambda: _Server(self.behaviour, self._connections), "127.0.0.1", self.port, server_host_keys=[self._key],
            process_factory=self._session, line_editor=False, encoding=None, **old,
        )  # fmt: skip
        self.port = self._server.get_port()

    async def _stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()
        for connection in self._connections:
            connection.abort()
            await connection.wait_closed()
        await asyncio.sleep(0)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _restart(self) -> None:
        self._server.close()
        await self._server.wait_closed()
        await self._start()

    async def _session(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        behaviour = self.behaviour
        behaviour.sessions += 1
        try:
            await self._write(process, behaviour.login_question or f"\r\n{behaviour.prompt}")
            line = ""
            while True:
                char = (await process.stdin.read(1)).decode("latin-1")
                if not char:
                    return
                if char not in "\r\n":
                    line += char
                    await self._write(process, char)
                    continue
                await self._answer(process, line.strip())
                line = ""
        except (asyncssh.BreakReceived, asyncssh.TerminalSizeChanged, ConnectionError, BrokenPipeError):
            process.exit(1)

    async def _answer(self, process: "asyncssh.SSHServerProcess[bytes]", command: str) -> None:
        behaviour, config = self.behaviour, self.behaviour.config
        if command:
            behaviour.commands_seen.append(command)
        await self._write(process, "\r\n")
        if command != behaviour.command:
            await self._write(process, behaviour.prompt)
            return
        text = config.replace("\n", "\r\n")
        half = len(text) // 2
        if behaviour.kind == "cut":
            await self._write(process, text[:half])
            await asyncio.sleep(0.1)
            process.exit(0)
        elif behaviour.kind == "hang":
            await self._write(process, text[:half])
        elif behaviour.kind == "refuse":
            await self._write(process, behaviour.refusal + "\r\n\r\n" + behaviour.prompt)
        elif behaviour.kind == "paged":
            await self._write(process, text[:half] + "\r\n --More-- ")
        elif behaviour.kind == "lost_end":
            await self._write(process, text[:half] + "\r\n" + behaviour.prompt)
        else:
            await self._write(process, text + "\r\n" + behaviour.prompt)

    async def _write(self, process: "asyncssh.SSHServerProcess[bytes]", text: str) -> None:
        octets, piece = text.encode(self.behaviour.encoding), self.behaviour.piece or 1_000_000
        for start in range(0, len(octets), piece):
            process.stdout.write(octets[start : start + piece])
            if self.behaviour.piece:
                await process.stdout.drain()
                await asyncio.sleep(0)
