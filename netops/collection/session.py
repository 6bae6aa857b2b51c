"""One session with one device over netmiko: log in with the host key pinned, read the configuration, leave.

The slow imports live here; the collector imports this module when it first has something to fetch.
"""

import base64
import hashlib
import time
from typing import Any

import paramiko  # type: ignore[import-untyped]
from netmiko.exceptions import (
    NetmikoAuthenticationException,
    NetmikoBaseException,
    NetmikoTimeoutException,
    ReadException,
)
from paramiko.ssh_exception import IncompatiblePeer, NoValidConnectionsError  # type: ignore[import-untyped]

from kernel.errors import ErrorCode, WeichengError
from kernel.i18n import N_
from netops.collection.drivers import connection_class
from netops.collection.model import (
    Fetched,
    HostKey,
    HostKeyChanged,
    LegacyAlgorithmsOnly,
    LoginFailed,
    NotFetched,
    Outcome,
    SessionBroken,
    Target,
    Unreachable,
)
from netops.collection.terminal import Terminal

# What current devices need not offer any more (RFC 9142 for key exchange, RFC 8332 for ssh-rsa).
OUTDATED = {
    "kex": [
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
    ],
    "keys": ["ssh-rsa", "ssh-dss"],
    "pubkeys": ["ssh-rsa", "ssh-dss"],
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc", "blowfish-cbc"],
    "macs": ["hmac-md5", "hmac-md5-96", "hmac-sha1-96"],
}


class PinnedHostKey(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """Asked before any authentication: lets the pinned key (or, without a pin, the first one) through."""

    def __init__(self, place: str, pinned: HostKey | None) -> None:
        self._place = place
        self._pinned = pinned
        self.shown: HostKey | None = None

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        self.shown = HostKey(key.get_name(), fingerprint(key.asbytes()))
        if self._pinned is not None and self._pinned.fingerprint != self.shown.fingerprint:
            raise HostKeyChanged(self._place, self._pinned, self.shown)


def fetch_one(target: Target, connect_seconds: float) -> Outcome:
    """The screen or the typed error of one device; never raises."""
    started = time.monotonic()
    place = f"{target.name} ({target.address}:{target.port})"
    try:
        screen, key = _session(target, place, connect_seconds)
    except WeichengError as error:
        error.place = error.place or place
        return NotFetched(target, error, time.monotonic() - started)
    except Exception as error:  # noqa: BLE001 - a driver's fault is this device's alone, and the others go on
        return NotFetched(target, _unexpected(place, error), time.monotonic() - started)
    return Fetched(target, screen, key, time.monotonic() - started)


def _session(target: Target, place: str, connect_seconds: float) -> tuple[str, HostKey]:
    policy = PinnedHostKey(place, target.pinned)
    connection = _connection(target, policy, connect_seconds)
    try:
        _open(connection, place)
        return _read(connection, target, place, connect_seconds), _proven(policy, place)
    finally:
        _drop(connection)


def _connection(target: Target, policy: PinnedHostKey, connect_seconds: float) -> Any:
    credential = target.credential
    connection = connection_class(target.vendor)(
        host=target.address,
        port=target.port,
        username=credential.username,
        password=credential.password or None,
        use_keys=bool(credential.key_file),
        key_file=credential.key_file or None,
        allow_agent=False,
        device_type=target.vendor.driver,
        encoding="latin-1",  # octets as they are: netmiko drops a character that arrives in two pieces
        conn_timeout=connect_seconds,
        auth_timeout=connect_seconds,
        banner_timeout=connect_seconds,
        disabled_algorithms=None
        if target.legacy
        else {kind: list(names) for kind, names in OUTDATED.items()},
        auto_connect=False,
    )
    connection.key_policy = policy
    return connection


def fingerprint(key: bytes) -> str:
    """A host key's fingerprint as OpenSSH shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _open(connection: Any, place: str) -> None:
    try:
        connection.establish_connection()  # without netmiko's preparations, which type a RETURN out of step
    except NetmikoAuthenticationException:
        raise LoginFailed(place) from None
    except NetmikoTimeoutException as error:
        raise _transport_error(place, error.__context__ or error) from None  # netmiko buries the reason there
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _transport_error(place, error) from None
    except (ReadException, NetmikoBaseException) as error:
        raise SessionBroken(place, N_("The session broke off: %(detail)s"), detail=_reason(error)) from None


def _read(connection: Any, target: Target, place: str, connect_seconds: float) -> str:
    """The configuration as shown, without echo and prompt."""
    try:
        terminal = Terminal(connection, target.vendor, place, connect_seconds)
        terminal.log_in(target.credential.enable)
        return terminal.run(target.vendor.config_command, target.timeout)
    except (ReadException, OSError, EOFError, paramiko.SSHException) as error:
        raise SessionBroken(place, N_("The session broke off: %(detail)s"), detail=_reason(error)) from None


def _drop(connection: Any) -> None:
    """Close the transport at once: netmiko's own good-bye takes two seconds per device."""
    client = connection.remote_conn_pre
    if client is not None:
        client.close()


def _proven(policy: PinnedHostKey, place: str) -> HostKey:
    if policy.shown is None:
        raise SessionBroken(place, N_("The device showed no host key."))
    return policy.shown


def _transport_error(place: str, error: BaseException) -> WeichengError:
    if isinstance(error, IncompatiblePeer):
        return LegacyAlgorithmsOnly(place, _reason(error))
    return Unreachable(place, _reason(error))


def _unexpected(place: str, error: Exception) -> WeichengError:
    return WeichengError(
        ErrorCode.INTERNAL,
        N_("The driver failed with %(kind)s."),
        mend=N_("Report it with the platform and its software version."),
        place=place,
        kind=type(error).__name__,
    )


def _reason(error: BaseException) -> str:
    """The first telling line of a library's error; its texts name hosts and time limits, never a password."""
    if isinstance(error, NoValidConnectionsError):
        error = next(iter(error.errors.values()))
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:160] if lines else type(error).__name__
