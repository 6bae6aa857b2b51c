"""Which officers' certificates the signer has seen on a list of its own: what was revoked once approves nothing any more.

The signer asks no database. It learns of officers by the certificates it signs and the approvals it checks, and of their
revocation by the lists it signs; both are kept in a file beside the keys. Whoever could have a list signed without an entry
brings no revoked officer back. A suspension (certificateHold) is not remembered: it may be lifted, and the service heeds it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from kernel.errors import IntegrityFailed
from kernel.i18n import N_
from kernel.pki import der
from kernel.secrets import write_private

# a suspension, and the end of one in a delta list (RFC 5280 section 5.3.1)
_PASSING = tuple(der.extension("2.5.29.21", der.enumerated(reason)) for reason in (6, 8))


class Officers:
    """Serial numbers by key: True when revoked. Without a ``path`` they are kept for the run alone."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = Lock()
        self._known: dict[str, dict[str, bool]] = _read(path) if path is not None else {}

    def add(self, key: str, serial: int) -> None:
        """Watch for this certificate of an officer."""
        with self._lock:
            if f"{serial:x}" not in self._known.setdefault(key, {}):
                self._known[key][f"{serial:x}"] = False
                self._write()

    def revoked(self, serial: int) -> bool:
        """Whether a list that was signed here has named it. Serials are random: no two CAs share one."""
        return any(known.get(f"{serial:x}", False) for known in self._known.values())

    def watch(self, key: str) -> "Watch":
        """What looks through a list that this key is to sign."""
        with self._lock:
            waiting = [int(serial, 16) for serial, gone in self._known.get(key, {}).items() if not gone]
        return Watch(waiting)

    def note(self, key: str, found: set[int]) -> None:
        """These were on a list."""
        if found:
            with self._lock:
                self._known[key] |= {f"{serial:x}": True for serial in found}
                self._write()

    def _write(self) -> None:
        if self._path is not None:
            write_private(self._path, json.dumps(self._known, indent=1).encode())


class Watch:
    """Looks for some serials among whole entries of a list."""

    def __init__(self, serials: list[int]) -> None:
        self._wanted = {serial: der.integer(serial) for serial in serials}
        self.found: set[int] = set()

    def look(self, entries: bytes) -> None:
        """Whole entries, one after another."""
        self.found.update(serial for serial, octets in self._wanted.items() if any(_named(entries, octets)))


def _named(entries: bytes, octets: bytes) -> Iterator[bool]:
    """For each entry with this serial: whether it is more than a suspension."""
    at = entries.find(octets)
    while at >= 2:
        head, length = entries[at - 2], entries[at - 1]
        if head == der.SEQUENCE and length < 0x80:  # with a longer one there is more in it than a reason
            rest = entries[at + len(octets) : at + length]
            yield not any(passing in rest for passing in _PASSING)
        else:
            yield True
        at = entries.find(octets, at + 1)


def _read(path: Path) -> dict[str, dict[str, bool]]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_bytes())
        if all(isinstance(gone, bool) for known in content.values() for gone in known.values()):
            return dict(content)
        raise ValueError("not a record of officers")
    except (ValueError, AttributeError, TypeError) as error:
        raise IntegrityFailed(
            N_("The signer's record of officers can not be read."),
            mend=N_("Restore it from a backup, or look for who changed it."),
            place=str(path),
        ) from error
