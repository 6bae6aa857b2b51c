"""What was signed or stamped: octets in memory, or a file of any size that is read piece by piece."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from kernel.errors import Invalid, LimitExceeded
from kernel.i18n import N_

MOST_WHOLE = 256 * 2**20  # octets of a file whose signatures are inside it
_PIECE = 2**20


class Content:
    """Gives digests of itself, each computed once."""

    def __init__(self, opened: Callable[[], BinaryIO], size: int) -> None:
        self._opened = opened
        self.size = size
        self._digests: dict[str, bytes] = {}

    @classmethod
    def of(cls, data: bytes) -> "Content":
        return cls(lambda: io.BytesIO(data), len(data))

    @classmethod
    def of_file(cls, path: Path) -> "Content":
        return cls(lambda: path.open("rb"), path.stat().st_size)

    @property
    def sha256(self) -> str:
        return self.digest("sha256").hex()

    def digest(self, algorithm: str) -> bytes:
        """By the name of the algorithm; Invalid for one that is not known."""
        if algorithm not in self._digests:
            try:
                running = hashlib.new(algorithm)
            except ValueError:
                raise Invalid(N_("This digest is not known: %(name)s."), name=algorithm[:40]) from None
            with self._opened() as stream:
                while piece := stream.read(_PIECE):
                    running.update(piece)
            self._digests[algorithm] = running.digest()
        return self._digests[algorithm]

    def begins_with(self, start: bytes) -> bool:
        with self._opened() as stream:
            return stream.read(len(start)) == start

    def whole(self) -> bytes:
        """All octets; LimitExceeded for more than MOST_WHOLE."""
        if self.size > MOST_WHOLE:
            raise LimitExceeded(N_("The file is larger than %(most)s MiB."), most=MOST_WHOLE // 2**20)
        with self._opened() as stream:
            return stream.read()


def digest_of(algorithm: str, octets: bytes) -> bytes:
    """The digest of octets in memory, as ``Content.digest``."""
    return Content.of(octets).digest(algorithm)
