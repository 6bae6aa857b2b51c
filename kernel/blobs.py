"""Content-addressed store for what is too large for a table row: attachments, sealed configurations, packages."""

import os
import re
import tempfile
from pathlib import Path
from typing import Protocol

from kernel.canonical import sha256_hex
from kernel.errors import IntegrityFailed, Invalid, NotFound
from kernel.i18n import N_

_DIGEST = re.compile(r"[0-9a-f]{64}")


class BlobStore(Protocol):
    """Keeps bytes under their SHA-256 (64 hex digits)."""

    def put(self, data: bytes) -> str:
        """Store durably, return the digest; storing the same bytes again changes nothing."""

    def get(self, digest: str) -> bytes:
        """The bytes; NotFound when absent, IntegrityFailed when they no longer match their digest."""


class FolderBlobs:
    """Blobs as files ``ab/abcdef…`` below one folder, written beside and renamed, so that none is ever half there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        digest = sha256_hex(data)
        path = self._path(digest)
        if path.exists():
            return digest
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).rename(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return digest

    def get(self, digest: str) -> bytes:
        path = self._path(digest)
        if not path.exists():
            raise NotFound(N_("There is no stored object %(digest)s."), digest=digest)
        data = path.read_bytes()
        if sha256_hex(data) != digest:
            raise IntegrityFailed(
                N_("The stored object %(digest)s has been changed."),
                mend=N_("Restore it from a backup."),
                digest=digest,
            )
        return data

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise Invalid(N_("%(digest)s is no SHA-256 digest."), digest=repr(digest)[:80])
        return self._folder / digest[:2] / digest


class MemoryBlobs:
    """Blobs in memory, for tests."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        digest = sha256_hex(data)
        self._blobs[digest] = data
        return digest

    def get(self, digest: str) -> bytes:
        if digest not in self._blobs:
            raise NotFound(N_("There is no stored object %(digest)s."), digest=digest)
        return self._blobs[digest]
