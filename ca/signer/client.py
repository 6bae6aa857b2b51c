"""The signer as other processes see it: the Signer port over its Unix socket."""

import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

from ca.signer.model import KeyInfo, KeyRole, Purpose, SigningRefused
from ca.signer.protocol import Closed, MalformedMessage, pack, read_message
from kernel.errors import ErrorCode, Unavailable, WeichengError, rebuild
from kernel.i18n import N_
from kernel.pki.algorithms import UnknownAlgorithm

_TIMEOUT_SECONDS = 60.0
_KINDS: Mapping[str, Callable[..., WeichengError]] = {
    "SigningRefused": SigningRefused,
    "UnknownAlgorithm": UnknownAlgorithm,
}


class SocketSigner:
    """Signer over ``path``. Keeps idle connections for the next call; safe to share among threads and over a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._idle: list[socket.socket] = []
        self._owner = os.getpid()
        finalize(self, _close_all, self._idle)  # whoever drops the client need not think of its connections

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        request = {"operation": "generate", "name": name, "role": str(role), "algorithm": algorithm}
        return _keys(self._call(request))[0]

    def keys(self) -> Sequence[KeyInfo]:
        return _keys(self._call({"operation": "keys"}))

    def sign(self, name: str, purpose: Purpose, tbs: bytes) -> bytes:
        return self._call({"operation": "sign", "name": name[:200], "purpose": str(purpose)}, tbs)

    def close(self) -> None:
        with self._lock:
            _close_all(self._idle)

    def _call(self, header: Mapping[str, Any], body: bytes = b"") -> bytes:
        message = pack(header, body)
        # a signer restarted since the last call: signing twice is harmless, making a key twice is not
        connection, fresh = self._take(fresh=header["operation"] == "generate")
        try:
            reply, answer = self._exchange(connection, message)
        except (OSError, Closed, MalformedMessage) as error:
            connection.close()
            if fresh:
                raise self._gone() from error
            self.close()
            return self._call(header, body)
        with self._lock:
            self._idle.append(connection)
        if "error" in reply:
            raise _error(reply)
        return answer

    def _exchange(self, connection: socket.socket, message: bytes) -> tuple[dict[str, Any], bytes]:
        connection.sendall(message)
        return read_message(connection.recv)

    def _take(self, *, fresh: bool) -> tuple[socket.socket, bool]:
        with self._lock:
            if self._owner != os.getpid():  # inherited over a fork: the parent's connections are not ours
                _close_all(self._idle)
                self._owner = os.getpid()
            if self._idle and not fresh:
                return self._idle.pop(), False
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_TIMEOUT_SECONDS)
        try:
            connection.connect(str(self._path))
        except OSError as error:
            connection.close()
            raise self._gone() from error
        return connection, True

    def _gone(self) -> Unavailable:
        return Unavailable(
            N_("The signer does not answer."),
            mend=N_("Start it: weicheng serve signer."),
            place=str(self._path),
        )


def _close_all(connections: list[socket.socket]) -> None:
    while connections:
        connections.pop().close()


def _keys(answer: bytes) -> list[KeyInfo]:
    return [
        KeyInfo(row["name"], KeyRole(row["role"]), row["algorithm"], bytes.fromhex(row["spki"]))
        for row in json.loads(answer)
    ]


def _error(reply: Mapping[str, Any]) -> WeichengError:
    params = {str(name): value for name, value in dict(reply.get("params", {})).items()}
    message, mend, place = (str(reply.get(name, "")) for name in ("message", "mend", "place"))
    kind = _KINDS.get(str(reply.get("kind")))
    if kind is not None:
        return kind(message, mend=mend, place=place, **params)
    return rebuild(ErrorCode(reply["error"]), message, mend=mend, place=place, **params)
