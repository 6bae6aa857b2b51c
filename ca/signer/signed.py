"""What the signer has signed, so that it signs nothing else in its place, also after a restart.

A serial number of a CA (RFC 5280 section 4.1.2.2) and a request that officers approved each stand for one certificate. Of each
the digest of the signed bytes is kept, in memory and in a file that is only appended to: 48 octets, written before the key
signs. What has to be repeated after a crash is the very same bytes and passes. The newest 200,000 of each kind are kept, apart,
so that no number of certificates issued by machines pushes out what officers approved.
"""

import errno
import hashlib
import os
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from kernel.errors import IntegrityFailed
from kernel.i18n import N_
from kernel.secrets import write_private

KEPT = 200_000  # 10 MB of file and 60 MB of memory at most for each kind
_MARK, _DIGEST = 16, 32  # octets of a record: whose it is (SHA-256, cut off), what was signed (SHA-256)
_RECORD = _MARK + _DIGEST
_HEAD = b"weicheng signed 1\n".ljust(_RECORD)


class Signed:
    """Both kinds. Without paths they are kept for the run alone."""

    def __init__(
        self, serials: Path | None = None, approved: Path | None = None, *, kept: int = KEPT
    ) -> None:
        """IntegrityFailed when a file is there that is none of these."""
        self._serials = _Marks(serials, kept)
        self._approved = _Marks(approved, kept)

    def serial(self, key: str, serial: int, digest: bytes) -> bool:
        """Whether nothing but the bytes with this SHA-256 was or is signed under this serial; from now on it is kept."""
        return self._serials.first(f"{key}\0{serial:x}", digest)

    def approved(self, key: str, request: str, digest: bytes) -> bool:
        """As ``serial`` for a request that officers approved."""
        return self._approved.first(f"{key}\0{request}", digest)


class _Marks:
    """Digests by mark, the newest ``kept``."""

    def __init__(self, path: Path | None, kept: int) -> None:
        self._path = path
        self._kept = kept
        self._lock = Lock()
        self._known: OrderedDict[bytes, bytes] = OrderedDict()
        self._written = 0  # records in the file
        self._file = -1
        if path is not None:
            self._load(path)

    def first(self, mark: str, digest: bytes) -> bool:
        short = hashlib.sha256(mark.encode()).digest()[:_MARK]
        with self._lock:
            before = self._known.get(short)
            if before is None:
                self._keep(short, digest)
            return before in (None, digest)

    def _keep(self, short: bytes, digest: bytes) -> None:
        """Into the file first: what can not be kept is not signed."""
        if self._path is not None:
            self._append(short + digest)
        self._known[short] = digest
        if len(self._known) > self._kept:
            self._known.popitem(last=False)
        if self._path is not None and self._written > 2 * self._kept:
            self._rewrite(self._path)

    def _append(self, record: bytes) -> None:
        if os.write(self._file, record) != _RECORD:  # the disk is full
            os.ftruncate(self._file, (self._written + 1) * _RECORD)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._written += 1

    def _load(self, path: Path) -> None:
        if not path.exists():
            write_private(path, _HEAD)
        octets = path.read_bytes()
        if octets[:_RECORD] != _HEAD:
            raise IntegrityFailed(
                N_("The signer's record of what it has signed can not be read."),
                mend=N_("Restore it from a backup, or look for who changed it."),
                place=str(path),
            )
        whole = len(octets) - len(octets) % _RECORD
        self._written = whole // _RECORD - 1
        for at in range(max(_RECORD, whole - self._kept * _RECORD), whole, _RECORD):
            self._known[octets[at : at + _MARK]] = octets[at + _MARK : at + _RECORD]
        self._open(path)
        os.ftruncate(self._file, whole)  # half a record, of a full disk: nothing was signed on it

    def _rewrite(self, path: Path) -> None:
        """With the newest alone."""
        write_private(path, _HEAD + b"".join(mark + digest for mark, digest in self._known.items()))
        self._written = len(self._known)
        self._open(path)

    def _open(self, path: Path) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
