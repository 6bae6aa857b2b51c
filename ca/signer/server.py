"""The signer process: the keys, a Unix socket, nothing else.

It is off the network and closed to debuggers (ca.signer.hardening), talks only to processes of its own
user (SO_PEERCRED), wants a MAC with whatever is not for everybody (ca.signer.warrant), and parses whatever it is asked to sign.
Bounds: message sizes, connections, idle time.
"""

import json
import os
import signal
import socket
import struct
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from ca.signer.control import OPERATIONS, Control
from ca.signer.guard import Guarded
from ca.signer.model import WHERE_POSSIBLE, ApprovalRules, KeyInfo, KeyRole, Purpose
from ca.signer.officers import Officers
from ca.signer.ports import Keys
from ca.signer.protocol import Channel, Closed, MalformedMessage, framed, packed, unpacked
from ca.signer.signed import Signed
from ca.signer.warrant import Credential, check_digest, digest_of, is_open
from kernel.errors import ErrorCode, Invalid, Unavailable, WeichengError
from kernel.i18n import N_

_IDLE_SECONDS = 300.0
MAX_CONNECTIONS = 64

_log = structlog.get_logger("signer")


class SignerServer:
    """Serves keys at ``path`` until stopped. One thread a connection, at most MAX_CONNECTIONS."""

    def __init__(
        self,
        keys: Keys,
        path: Path,
        credential: Credential,
        control: Control | None = None,
        rules: ApprovalRules = WHERE_POSSIBLE,
        officers: Officers | None = None,
        signed: Signed | None = None,
    ) -> None:
        self._keys = keys
        self._control = control
        self._guard = Guarded(keys, credential, rules, officers=officers, signed=signed)
        self._credential = credential
        self._path = path
        self._stop = threading.Event()
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._listener = self._listen()

    def run(self) -> None:
        """Accept connections until ``stop``; the socket file is removed at the end."""
        try:
            while not self._stop.is_set():
                try:
                    connection, _ = self._listener.accept()
                except TimeoutError:
                    continue
                self._serve_in_thread(connection)
        finally:
            self._listener.close()
            self._path.unlink(missing_ok=True)

    def stop(self) -> None:
        self._stop.set()

    def _listen(self) -> socket.socket:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._path.is_socket():
            _refuse_if_alive(self._path)
            self._path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)  # the socket file is 0600 from its first moment
        try:
            listener.bind(str(self._path))
        finally:
            os.umask(old)
        listener.listen(MAX_CONNECTIONS)
        listener.settimeout(0.2)
        return listener

    def _serve_in_thread(self, connection: socket.socket) -> None:
        if not _same_user(connection) or not self._slots.acquire(blocking=False):
            _log.warning("connection refused")
            connection.close()
            return
        threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_IDLE_SECONDS)
        try:
            with connection:
                channel = Channel(connection)
                while True:
                    self._answer(channel, channel.header())
        except Closed:
            pass
        except (MalformedMessage, OSError) as error:
            _log.warning("connection dropped", cause=type(error).__name__)
        finally:
            self._slots.release()

    def _answer(self, channel: Channel, header: Mapping[str, Any]) -> None:
        try:
            reply, body = {}, self._act(header, channel)
        except (MalformedMessage, ConnectionError, TimeoutError):
            raise
        except WeichengError as error:
            _log.warning("request refused", code=str(error.code), place=error.place)
            reply, body = _told(error), b""
        except Exception as error:  # noqa: BLE001 - one bad request must not end the process that holds the keys
            _log.error("request failed", exc_info=error)
            reply = {"error": str(ErrorCode.INTERNAL), "message": N_("The signer failed; see its log.")}
            body = b""
        channel.drain()
        channel.answer(framed(reply, body))

    def _sign(self, header: Mapping[str, Any], channel: Channel) -> bytes:
        if not header.get("many"):
            return self._guard.granted(header, channel.pieces())
        many = self._guard.sign_many(
            str(header["name"]), Purpose(header["purpose"]), unpacked(channel.body())
        )
        return b"".join(packed(many))

    def _act(self, header: Mapping[str, Any], channel: Channel) -> bytes:
        try:
            operation, name = header["operation"], str(header.get("name", ""))
            if operation == "sign":
                Purpose(header["purpose"]), header["name"]
            elif operation == "generate":
                role, algorithm = KeyRole(header["role"]), str(header["algorithm"])
            elif operation != "keys" and (self._control is None or operation not in OPERATIONS):
                raise ValueError(operation)
        except (KeyError, ValueError) as error:
            raise Invalid(N_("The signer does not know this request.")) from error
        if operation == "sign":
            return self._sign(header, channel)
        if not is_open(header):
            self._credential.check(header)
        if operation == "generate":
            made = self._guard.generate(name, role, algorithm)
            _log.info("key made", key=name, role=str(role), algorithm=algorithm)
            return _listed([made])
        if operation == "keys" or self._control is None:
            return _listed(self._keys.keys())
        body = channel.body()
        if not is_open(header):
            check_digest(header, digest_of(body))
        return self._control.answer(header, body)


def serve(
    keys: Keys,
    path: Path,
    credential: Credential,
    control: Control | None = None,
    rules: ApprovalRules = WHERE_POSSIBLE,
    officers: Officers | None = None,
    signed: Signed | None = None,
) -> int:
    """Run the signer process, which was hardened before, until SIGTERM or SIGINT; 0 at an orderly end."""
    server = SignerServer(keys, path, credential, control, rules, officers, signed)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    server.run()
    return 0


def _told(error: WeichengError) -> dict[str, Any]:
    params = {name: str(value) for name, value in error.params.items()}
    told = {"message": error.message, "mend": error.mend, "place": error.place, "params": params}
    return {"error": str(error.code), "kind": type(error).__name__, **told}


def _listed(keys: Any) -> bytes:
    return json.dumps([_row(key) for key in keys]).encode()


def _row(key: KeyInfo) -> dict[str, str]:
    return {"name": key.name, "role": str(key.role), "algorithm": key.algorithm, "spki": key.spki.hex()}


def _same_user(connection: socket.socket) -> bool:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", raw)
    return bool(uid == os.getuid())


def _refuse_if_alive(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return
    raise Unavailable(N_("A signer is running at this socket already."), place=str(path))
