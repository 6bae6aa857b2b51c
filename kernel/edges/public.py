"""What a public service of a room is asked and answers over plain HTTP, whatever server carries it.

A room gives a Site; the console's server (console.public) brings bounds, connections and the general rules of HTTP: HEAD,
If-None-Match, the age of what may be kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol


class Asked(NamedTuple):
    """One request. ``path`` is as it came: percent-encoded, without the query; header names are in lower case."""

    method: str
    path: str
    body: bytes = b""
    query: str = ""
    headers: Mapping[str, str] = MappingProxyType({})
    origin: str = ""


@dataclass(frozen=True)
class Answer:
    """One answer. ``body`` may be a file, which is then sent piece by piece.

    ``max_age`` is for how many seconds a cache may keep it, 0 for not at all; ``headers`` are those besides length and age.
    """

    status: int
    media_type: str
    body: bytes | Path = b""
    max_age: int = 0
    etag: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def size(self) -> int:
        return self.body.stat().st_size if isinstance(self.body, Path) else len(self.body)

    @cached_property
    def head(self) -> bytes:
        """Status line and headers but for those of the age."""
        lines = [f"{name}: {value}\r\n" for name, value in self.headers.items()]
        if self.etag:
            lines.append(f"ETag: {self.etag}\r\n")
        return _common(self.status, self.media_type, self.size) + "".join(lines).encode("latin-1")


@lru_cache(maxsize=256)
def _common(status: int, media_type: str, size: int) -> bytes:
    """What every head begins with; answers of a kind are as long as others."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {media_type}",
        *([] if status == HTTPStatus.NOT_MODIFIED else [f"Content-Length: {size}"]),
        "X-Content-Type-Options: nosniff",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n"


class Site(Protocol):
    """A public service."""

    def quick(self, asked: Asked) -> Answer | None:
        """The answer if it is at hand in memory: called in the event loop, must not wait for anything."""

    def together(self, asked: Asked) -> bool:
        """Whether requests of this kind are cheaper answered many at once."""

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        """The answers in the same order; called in a thread. One request, or several that go together."""


def text(status: int, words: str) -> Answer:
    """A short answer for people."""
    return Answer(status, "text/plain; charset=utf-8", words.encode() + b"\n")
