"""The spool: received lines on disk before anything else happens to them.

Append-only segment files. A record is ``WCS1``, length and CRC-32 of its payload (big-endian 32 bits each), payload.
A writer holds its segment's lock while it lives, so a reader can tell a record that is being written from a torn
tail, which it cuts off.
"""

import fcntl
import os
import shutil
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from kernel.clock import Clock
from kernel.errors import Conflict, Unavailable
from kernel.i18n import N_
from kernel.ids import new_id
from siem.parsing.parser import Raw

MAGIC = b"WCS1"
_HEAD = struct.Struct(">4sII")
_META = struct.Struct(">QBBH")  # milliseconds received, flags, octets of transport, octets of source
SEGMENT_SIZE = 64 * 1024 * 1024
CHUNK = 8 * 1024 * 1024  # octets read at a time; several times the longest record
LONGEST = 1024 * 1024  # payload octets; a longer length field is damage
_TRUNCATED = 1
SUFFIX = ".spool"
FILE_LINE = 65_536  # octets of a line of a file; a longer one is cut and goes on as the next


class SpoolFull(Unavailable):
    """The line could not be kept; it is not acknowledged."""


def encode(transport: str, source: str, data: bytes, received_at: datetime, *, truncated: bool) -> bytes:
    """One record."""
    sender, way = source.encode()[:300], transport.encode()
    millis = int(received_at.timestamp() * 1000)
    payload = _META.pack(millis, _TRUNCATED if truncated else 0, len(way), len(sender)) + way + sender + data
    return _HEAD.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def _decode(segment: str, offset: int, payload: bytes) -> Raw:
    millis, flags, way, sender = _META.unpack_from(payload)
    start = _META.size
    middle = start + way
    return Raw(
        id=f"{segment.removeprefix('seg_')}-{offset:08x}",
        received_at=datetime.fromtimestamp(millis / 1000, UTC),
        transport=payload[start:middle].decode(),
        source=payload[middle : middle + sender].decode(errors="replace"),
        data=payload[middle + sender :],
        truncated=bool(flags & _TRUNCATED),
    )


class SpoolWriter:
    """Appends for one process. ``append`` hands the record to the operating system, ``sync`` puts it on the disk."""

    def __init__(self, folder: Path, clock: Clock, segment_size: int = SEGMENT_SIZE) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._clock = clock
        self._segment_size = segment_size
        self._name = new_id("seg")
        self._segments = 0
        self._lock = threading.Lock()
        self._file = -1
        self._size = 0
        self._dirty = False

    def append(self, transport: str, source: str, data: bytes, *, truncated: bool = False) -> None:
        """Write one line; SpoolFull when the disk takes no more, and then the segment is as it was before."""
        record = encode(transport, source, data, self._clock.now(), truncated=truncated)
        with self._lock:
            if self._file < 0 or self._size + len(record) > self._segment_size:
                self._rotate()
            try:
                if os.write(self._file, record) != len(record):
                    raise OSError("short write")
            except OSError as error:
                self._undo()
                raise _full(self._folder, error) from None
            self._size += len(record)
            self._dirty = True

    def sync(self) -> None:
        """Return when everything appended so far is on the disk."""
        with self._lock:
            if not self._dirty:
                return
            try:
                os.fdatasync(self._file)
            except OSError as error:
                raise _full(self._folder, error) from None
            self._dirty = False

    def close(self) -> None:
        self.sync()
        self.abandon()

    def abandon(self) -> None:
        """Let go of the segment without asking for the disk."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _rotate(self) -> None:
        if self._file >= 0:
            os.fdatasync(self._file)
            os.close(self._file)
            self._file = -1
        self._segments += 1
        path = self._folder / f"{self._name}-{self._segments:06d}{SUFFIX}"
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _full(self._folder, error) from None
        self._size = 0

    def _undo(self) -> None:
        os.ftruncate(self._file, self._size)


def _full(folder: Path, error: OSError) -> SpoolFull:
    return SpoolFull(
        N_("The spool can't be written: %(detail)s"),
        mend=N_("Make room on this disk; senders by TCP and TLS keep what was not acknowledged."),
        place=str(folder),
        detail=os.strerror(error.errno) if error.errno else error,
    )


def spool_file(folder: Path, clock: Clock, file: BinaryIO, source: str) -> int:
    """Put a file's lines into the spool and return their number; on a full disk none of them stays behind."""
    staging = folder / "staging" / new_id("file")
    writer, count = SpoolWriter(staging, clock), 0
    try:
        while line := file.readline(FILE_LINE):
            if line.strip(b"\r\n\0 "):
                cut = len(line) == FILE_LINE and not line.endswith(b"\n")
                writer.append("file", source, line, truncated=cut)
                count += 1
        writer.close()
        for segment in sorted(staging.glob(f"*{SUFFIX}")):
            segment.rename(folder / segment.name)
    finally:
        writer.abandon()
        shutil.rmtree(staging)
    return count


@dataclass(frozen=True)
class Position:
    """How far a segment is read. ``finished``: its writer is gone, nothing is left. ``lost``: octets of damage passed over."""

    offset: int
    finished: bool = False
    lost: int = 0


@dataclass(frozen=True)
class SpoolBatch:
    """Lines to process and the positions that are true once they are processed."""

    lines: tuple[Raw, ...]
    positions: Mapping[str, Position]

    @property
    def lost(self) -> dict[str, int]:
        return {segment: position.lost for segment, position in self.positions.items() if position.lost}


class SpoolReader:
    """Reads what all writers of a folder have appended."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the one process that processes this spool; Conflict when another one is."""
        file = os.open(self._folder / "reader.lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise Conflict(
                N_("The collector is at work on this spool."),
                mend=N_("Leave the lines to it; they are stored within seconds."),
                place=str(self._folder),
            ) from None
        try:
            yield
        finally:
            os.close(file)

    def read(self, done: Mapping[str, tuple[int, bool]], limit: int) -> SpoolBatch:
        """At most ``limit`` lines from where ``done`` (segment -> octets, finished) ends, oldest segment first."""
        lines: list[Raw] = []
        positions: dict[str, Position] = {}
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            offset, finished = done.get(path.stem, (0, False))
            if finished:
                continue
            if len(lines) >= limit:
                break
            found, position = _read_segment(path, offset, limit - len(lines))
            lines += found
            if position != Position(offset):
                positions[path.stem] = position
        return SpoolBatch(tuple(lines), positions)

    def remove(self, segments: Iterable[str]) -> None:
        """Delete finished segments."""
        for segment in segments:
            (self._folder / f"{segment}{SUFFIX}").unlink(missing_ok=True)


def _read_segment(path: Path, offset: int, limit: int) -> tuple[list[Raw], Position]:
    """Lines from ``offset``; at the end of a segment without a writer, what is left is damage and is cut off."""
    with path.open("r+b") as file:
        alone = _locked(file.fileno())  # asked before reading: after it no writer adds anything
        file.seek(offset)
        data = file.read(CHUNK)
        more = len(data) == CHUNK
        lines: list[Raw] = []
        at, lost = 0, 0
        while at < len(data) and len(lines) < limit:
            payload = _payload(data, at)
            if payload is not None:
                lines.append(_decode(path.stem, offset + at, payload))
                at += _HEAD.size + len(payload)
                continue
            if not alone or (more and len(data) - at < LONGEST * 2):
                break  # still being written, or cut by the end of this chunk
            following = _next_record(data, at + 1)
            lost += following - at
            if following == len(data) and not more:
                file.truncate(offset + at)
            at = following
        return lines, Position(offset + at, alone and not more and at >= len(data), lost)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _payload(data: bytes, at: int) -> bytes | None:
    """The payload of the whole and undamaged record at ``at``; None when there is none."""
    if at + _HEAD.size > len(data):
        return None
    magic, length, crc = _HEAD.unpack_from(data, at)
    if magic != MAGIC or not _META.size <= length <= LONGEST + 400:
        return None
    payload = data[at + _HEAD.size : at + _HEAD.size + length]
    return payload if len(payload) == length and zlib.crc32(payload) == crc else None


def _next_record(data: bytes, at: int) -> int:
    """Where the next undamaged record begins; the end when there is none."""
    while (at := data.find(MAGIC, at)) >= 0:
        if _payload(data, at) is not None:
            return at
        at += 1
    return len(data)
