"""The SSH server of a simulated device: asyncssh with password and public key, and the vendor's few terminal lines."""

import asyncio
import hmac
from dataclasses import dataclass

import asyncssh

from tests.range.ssh.shell import Device, Shell
from tests.range.ssh.terminal import Faults, Terminal

SESSIONS = 5  # VTY lines of a device: vty 0 4
TRIES = 3


@dataclass(frozen=True)
class Login:
    """Who may log in, and how."""

    username: str
    password: str
    public_key: str  # one line of authorized_keys


class SshDevice:
    """One device listening at its address. ``faults`` may be replaced while it runs; new sessions suffer the new ones."""

    def __init__(
        self, device: Device, login: Login, host_key: str, port: int, faults: Faults | None = None
    ) -> None:
        self.device = device
        self.login = login
        self.faults = faults or Faults()
        self.sessions = 0
        self._host_key = asyncssh.import_private_key(host_key)
        self._port = port
        self._server: asyncssh.SSHAcceptor | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.get_port()

    async def start(self) -> None:
        """Listen; OSError when the address or port is taken."""
        self._server = await asyncssh.create_server(
            lambda: _Connection(self),
            self.device.host.address,
            self._port,
            server_host_keys=[self._host_key],
            server_version="SSH-" + self.device.dialect.platform.replace("_", "-"),
            process_factory=self._session,
            line_editor=False,
            encoding=None,
            login_timeout=30,
            allow_scp=False,
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _session(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        terminal = Terminal(process, Shell(self.device), self.faults)
        try:
            if process.command is None:
                await terminal.run()
            elif self.device.dialect.exec:
                await terminal.once(process.command)
            process.exit(0 if process.command is None or self.device.dialect.exec else 1)
        except (asyncssh.Error, OSError, asyncio.CancelledError):
            process.close()  # the client is gone; what it had asked for is of no use any more


class _Connection(asyncssh.SSHServer):
    """One client: banner, limits of sessions and of tries, password or key."""

    def __init__(self, owner: SshDevice) -> None:
        self._owner = owner
        self._tries = 0
        self._counted = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn
        if self._owner.sessions >= SESSIONS:
            conn.abort()
            return
        self._owner.sessions += 1
        self._counted = True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._counted:
            self._owner.sessions -= 1

    def begin_auth(self, username: str) -> bool:
        if self._owner.device.dialect.banner:
            self._conn.send_auth_banner(self._owner.device.dialect.banner)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        login = self._owner.login
        right = hmac.compare_digest(password.encode(), login.password.encode()) and username == login.username
        self._tries += not right
        if self._tries >= TRIES:
            raise asyncssh.DisconnectError(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many authentication failures"
            )
        return right

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        login = self._owner.login
        return username == login.username and key == asyncssh.import_public_key(login.public_key)
