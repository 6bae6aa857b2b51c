"""OCSP over HTTP (RFC 6960 appendix A, RFC 5019): requests by POST and GET, answers kept in memory as long as they are right.

A kept answer is given while the version of its CA's statuses is the one it was made at. The versions are looked at each second,
by one of the requests that come in; if that can not be done, nothing kept is given. Of what was never issued nothing is kept.
"""

import base64
import binascii
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha1
from threading import Lock
from time import monotonic
from typing import cast
from urllib.parse import unquote

from ca.encoding import ocsp
from ca.status.responder import RENEWED, Responder, Told
from kernel.clock import Clock
from kernel.edges.public import Answer, Asked, text

LOOKED = 1.0  # seconds after which the versions are looked at again
TRUSTED = 3.0  # and after which nothing kept is given
KEPT = 20_000  # answers, each about a kilobyte, in each process
LONGEST = 512  # octets of a request whose answer is kept: one certificate's has about a hundred
CACHED = (
    60  # seconds that others may keep an answer: a revocation is seen through every cache within a minute
)
_TYPE = "application/ocsp-response"
_PATH = "/ocsp/"
Key = bytes | str  # the body of a POST, the path of a GET


@dataclass(frozen=True)
class _Kept:
    answer: Answer
    authority: str
    version: int
    until: datetime


class Desk:
    """Takes requests and keeps answers; the kept ones are given without any waiting."""

    def __init__(self, responder: Responder, clock: Clock) -> None:
        self._responder = responder
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._versions: Mapping[str, int] = {}
        self._looked = float("-inf")
        self._looking = False

    def quick(self, asked: Asked) -> Answer | None:
        """The kept answer, if there is one that is right."""
        kept = self._kept.get(_key(asked))
        if kept is None or not self._trusted():
            return None
        if self._versions.get(kept.authority, 0) != kept.version or self._clock.now() >= kept.until:
            with self._lock:
                self._kept.pop(_key(asked), None)
            return None
        return kept.answer

    def _trusted(self) -> bool:
        """Whether the versions are known well enough; one request a second is let through to look at them."""
        age = monotonic() - self._looked
        if age <= LOOKED:
            return True
        if self._looking and age <= TRUSTED:
            return True
        self._looking = True
        return False

    def answers(self, asked: Sequence[Asked]) -> list[Answer]:
        """The answers to requests of any kind, in their order."""
        looked = monotonic()
        requests = [_request(one) for one in asked]
        read = [one for one in requests if isinstance(one, bytes)]
        told = iter(self._responder.answers(read))
        self._versions, self._looked, self._looking = self._responder.versions, looked, False
        return [
            self._answer(one, next(told)) if isinstance(request, bytes) else request
            for one, request in zip(asked, requests, strict=True)
        ]

    def _answer(self, asked: Asked, told: Told) -> Answer:
        key = _key(asked)
        if told.next_update is None or not told.keepable or len(key) > LONGEST:
            return Answer(200, _TYPE, told.octets)
        produced, ends = cast(datetime, told.produced_at), told.next_update
        left = int((ends - self._clock.now()).total_seconds())
        age = max(0, min(CACHED, left)) if isinstance(key, str) else 0
        etag = f'"{sha1(told.octets, usedforsecurity=False).hexdigest()}"' if age else ""
        headers = {"Last-Modified": format_datetime(produced.astimezone(UTC), usegmt=True)} if age else {}
        answer = Answer(200, _TYPE, told.octets, age, etag, headers)
        self._keep(key, _Kept(answer, told.authority, told.version, ends - RENEWED / 2))
        return answer

    def _keep(self, key: Key, kept: _Kept) -> None:
        with self._lock:
            self._kept[key] = kept
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def _key(asked: Asked) -> Key:
    return asked.body if asked.method == "POST" else asked.path


def _request(asked: Asked) -> bytes | Answer:
    """The DER request that came, or the answer to what is none."""
    if asked.method == "POST":
        return asked.body
    if asked.method not in ("GET", "HEAD") or not asked.path.startswith(_PATH):
        return text(405, "OCSP requests come by POST or GET (RFC 6960 appendix A).")
    try:  # base64, percent-encoded; some clients double the slashes of the path
        return base64.b64decode(unquote(asked.path.removeprefix(_PATH)), validate=True)
    except (binascii.Error, ValueError):
        return Answer(200, _TYPE, ocsp.failure(ocsp.MALFORMED_REQUEST))
