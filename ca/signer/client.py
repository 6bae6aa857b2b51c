"""The signer as other processes see it: the Signer port over its Unix socket."""

import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

from ca.signer.model import KeyInfo, KeyRole, NotActivated, Purpose, SigningRefused, Warranted
from ca.signer.protocol import Channel, Closed, MalformedMessage, Octets, Parts, framed, packed, unpacked
from ca.signer.warrant import Credential, digest_of, is_open, read_warrant, sign_header
from kernel.canonical import canonical_json
from kernel.errors import ErrorCode, Unavailable, WeichengError, rebuild
from kernel.i18n import N_
from kernel.pki.algorithms import UnknownAlgorithm

_TIMEOUT_SECONDS = 60.0
_KINDS: Mapping[str, Callable[..., WeichengError]] = {
    "NotActivated": NotActivated,
    "SigningRefused": SigningRefused,
    "UnknownAlgorithm": UnknownAlgorithm,
}

Reply = tuple[dict[str, Any], bytes]  # header and body


class SocketSigner:
    """Signer over ``path``. Keeps idle connections for the next call; safe to share among threads and over a fork."""

    def __init__(
        self, path: Path, credential: Credential | None = None, *, patience: float = _TIMEOUT_SECONDS
    ) -> None:
        """Without a ``credential`` only what is for everybody is signed: OCSP answers and time-stamps.

        ``patience`` is how many seconds an answer may take.
        """
        self._path = path
        self._patience = patience
        self._credential = credential
        self._lock = Lock()
        self._idle: list[Channel] = []
        self._owner = os.getpid()
        finalize(self, _close_all, self._idle)  # whoever drops the client need not think of its connections

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        request = {"operation": "generate", "name": name, "role": str(role), "algorithm": algorithm}
        return _keys(self.call(request))[0]

    def keys(self) -> Sequence[KeyInfo]:
        return _keys(self.call({"operation": "keys"}))

    def warrant(self, name: str, purpose: Purpose, tbs: Parts, **facts: Any) -> str:
        return canonical_json(self._sealed(sign_header(name, purpose, **facts), tbs)).decode()

    def sign(self, name: str, purpose: Purpose, tbs: Parts, warrant: str | None = None) -> bytes:
        if warrant is not None:
            return self._exchange(read_warrant(warrant, name[:200], purpose), tbs)
        return self.call(sign_header(name, purpose), tbs)

    def sign_many(self, name: str, purpose: Purpose, many: Sequence[bytes]) -> list[bytes]:
        return unpacked(self.call({**sign_header(name, purpose), "many": True}, packed(many)))

    def sign_warranted(self, warranted: Sequence[Warranted]) -> list[bytes | WeichengError]:
        read = [read_warrant(one.warrant, one.key[:200], Purpose.CERTIFICATE) for one in warranted]
        asked = [framed(header, one.tbs) for header, one in zip(read, warranted, strict=True)]
        told = self._told([part for one in asked for part in one], repeatable=True, replies=len(warranted))
        return [_error(reply) if "error" in reply else answer for reply, answer in told]

    def call(self, header: Mapping[str, Any], body: Parts = b"") -> bytes:
        """Ask for an operation of the signer; the body of its answer. A request that is not for everybody gets its MAC."""
        return self._exchange(header if is_open(header) else self._sealed(header, body), body)

    def close(self) -> None:
        with self._lock:
            _close_all(self._idle)

    def _sealed(self, header: Mapping[str, Any], body: Parts) -> Mapping[str, Any]:
        if self._credential is None:
            raise SigningRefused(
                N_("This process may not ask the signer for this."),
                mend=N_("Do it in the console, the worker or on the command line."),
                place="signer",
            )
        return self._credential.seal(header, digest_of(body))

    def _exchange(self, header: Mapping[str, Any], body: Parts) -> bytes:
        # a signer restarted since the last call: signing twice is harmless, making a key twice is not
        return self._ask(framed(header, body), repeatable=header["operation"] in ("sign", "keys"))

    def _ask(self, message: Sequence[Octets], *, repeatable: bool) -> bytes:
        ((reply, answer),) = self._told(message, repeatable=repeatable, replies=1)
        if "error" in reply:
            raise _error(reply)
        return answer

    def _told(self, message: Sequence[Octets], *, repeatable: bool, replies: int) -> list[Reply]:
        channel, fresh = self._take(fresh=not repeatable)
        try:
            channel.send(message)
            told = [(channel.header(), channel.body()) for _ in range(replies)]
        except (OSError, Closed, MalformedMessage) as error:
            channel.socket.close()
            if fresh:
                raise self._gone() from error
            self.close()
            return self._told(message, repeatable=repeatable, replies=replies)
        with self._lock:
            self._idle.append(channel)
        return told

    def _take(self, *, fresh: bool) -> tuple[Channel, bool]:
        with self._lock:
            if self._owner != os.getpid():  # inherited over a fork: the parent's connections are not ours
                _close_all(self._idle)
                self._owner = os.getpid()
            if self._idle and not fresh:
                return self._idle.pop(), False
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._patience)
        try:
            connection.connect(str(self._path))
        except OSError as error:
            connection.close()
            raise self._gone() from error
        return Channel(connection), True

    def _gone(self) -> Unavailable:
        return Unavailable(
            N_("The signer does not answer."),
            mend=N_("Start it: weicheng serve signer."),
            place=str(self._path),
        )


def _close_all(channels: list[Channel]) -> None:
    while channels:
        channels.pop().socket.close()


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
