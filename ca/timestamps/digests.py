"""The digests that are stamped, of files of any length."""

from collections.abc import Callable, Mapping
from typing import BinaryIO

from cryptography.hazmat.primitives import hashes

DIGESTS: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "sm3": hashes.SM3,
}
_PIECE = 1 << 20


def digest_of(stream: BinaryIO, name: str) -> bytes:
    """The digest of all that the stream still has; ``name`` is one of DIGESTS."""
    made = hashes.Hash(DIGESTS[name]())
    while piece := stream.read(_PIECE):
        made.update(piece)
    return made.finalize()
