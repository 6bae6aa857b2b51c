"""Which files a repository consists of, with sizes and digests, and how two sites differ. Pure.

An inventory is digested as a Merkle tree over 256 buckets (first octet of the SHA-256 of a file's name), so that two sites
compare 256 digests (8 KB) and look closer only where they differ.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from backup.model import Finding, FindingKind
from kernel.canonical import canonical_json
from kernel.errors import IntegrityFailed
from kernel.i18n import N_

BUCKETS = 256


@dataclass(frozen=True)
class InventoryEntry:
    """A file of a repository: path relative to it with ``/``, octets, SHA-256 as lower-case hex."""

    name: str
    size: int
    sha256: str


class Inventory:
    """The files of one repository at one moment."""

    def __init__(self, entries: Iterable[InventoryEntry]) -> None:
        self.by_name: Mapping[str, InventoryEntry] = {
            entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)
        }

    @property
    def total(self) -> int:
        """Octets of all files."""
        return sum(entry.size for entry in self.by_name.values())

    @cached_property
    def bucket_digests(self) -> tuple[str, ...]:
        """256 SHA-256 digests, one a bucket, each over the bucket's entries in order of name."""
        buckets: dict[int, list[InventoryEntry]] = defaultdict(list)
        for entry in self.by_name.values():
            buckets[bucket_of(entry.name)].append(entry)
        return tuple(_digest([_row(entry) for entry in buckets[number]]) for number in range(BUCKETS))

    @property
    def root(self) -> str:
        """One digest that speaks for all files."""
        return _digest(list(self.bucket_digests))

    def encode(self) -> bytes:
        """The form kept in the blob store."""
        return canonical_json([_row(entry) for entry in self.by_name.values()])


def decode(data: bytes) -> Inventory:
    """The inventory of such bytes; IntegrityFailed when they are none."""
    try:
        rows = json.loads(data)
        if not isinstance(rows, list):  # an empty mapping or text would pass for an empty list
            raise TypeError(type(rows))
        return Inventory(InventoryEntry(str(name), int(size), str(digest)) for name, size, digest in rows)
    except (ValueError, TypeError) as error:
        raise IntegrityFailed(N_("The stored list of a repository's files can not be read.")) from error


def bucket_of(name: str) -> int:
    """The bucket of a file name: first octet of its SHA-256."""
    return hashlib.sha256(name.encode()).digest()[0]


def presence_findings(site: str, reference: Inventory, sizes: Mapping[str, int]) -> list[Finding]:
    """Missing, extra and truncated files of a site, from names and sizes alone, nothing read."""
    findings = [
        Finding(FindingKind.MISSING, site, entry.name, entry.sha256, "")
        for entry in reference.by_name.values()
        if entry.name not in sizes
    ]
    for name, size in sorted(sizes.items()):
        known = reference.by_name.get(name)
        if known is None:
            findings.append(Finding(FindingKind.EXTRA, site, name, "", str(size)))
        elif known.size != size:
            findings.append(Finding(FindingKind.TRUNCATED, site, name, str(known.size), str(size)))
    return findings


def _row(entry: InventoryEntry) -> list[str | int]:
    return [entry.name, entry.size, entry.sha256]


def _digest(value: object) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()
