"""What the log holds and what is signed of it: leaves, tree heads, proofs, and their one byte form. Pure.

A leaf and a tree head are canonical JSON (kernel.canonical): the octets that are hashed or signed are the text that is
published, so that whoever checks needs no encoder. A leaf names no person: serial number, digest of the certificate, digest of
the issuer's key, what happened, when, and why.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ca.transparency import merkle
from kernel.canonical import canonical_json

VERSION = 1


class EntryType(StrEnum):
    """What happened to a certificate."""

    ISSUED = "issued"
    HELD = "held"
    RELEASED = "released"
    REVOKED = "revoked"


class Fault(StrEnum):
    """Why no tree head is signed any more, until an officer starts the log anew."""

    NONE = ""
    ROLLED_BACK = (
        "rolled_back"  # the database knows less, or other things, than the newest head that was signed
    )
    DAMAGED = "damaged"  # entries, tree and heads do not belong together


@dataclass(frozen=True)
class Leaf:
    """``serial`` is lower-case hex, ``certificate`` the SHA-256 of its DER, ``issuer_key`` that of the issuer's
    SubjectPublicKeyInfo (RFC 9162 issuer_key_hash), both hex; ``reason`` an RFC 5280 reason in lower case, or None."""

    type: EntryType
    serial: str
    certificate: str
    issuer_key: str
    at: datetime
    reason: str | None = None

    def encoded(self) -> bytes:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return canonical_json({**values, "version": VERSION})


@dataclass(frozen=True)
class Entry:
    """A leaf at its place in the log; ``leaf`` are the octets that are hashed."""

    number: int
    type: EntryType
    serial: str
    at: datetime
    leaf: bytes

    @property
    def hash(self) -> bytes:
        return merkle.leaf_hash(self.leaf)


@dataclass(frozen=True)
class TreeHead:
    """What a log says at a time: ``size`` leaves with this ``root`` (hex)."""

    log: str
    size: int
    root: str
    at: datetime

    def encoded(self) -> bytes:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return canonical_json({**values, "version": VERSION})


@dataclass(frozen=True)
class SignedHead:
    """A tree head with its signature; ``text`` are the signed octets, ``certificate`` the SHA-256 of the log's certificate."""

    number: int
    head: TreeHead
    text: bytes
    signature: bytes
    certificate: str


@dataclass(frozen=True)
class Inclusion:
    """An entry with the proof that it is in the tree of a signed head."""

    entry: Entry
    head: SignedHead
    path: tuple[bytes, ...]

    @property
    def steps(self) -> list[merkle.Step]:
        """From the leaf to the root; empty for a tree of one leaf, and for a path that does not fit."""
        return merkle.climb(self.entry.hash, self.entry.number, self.head.head.size, self.path) or []

    @property
    def holds(self) -> bool:
        wanted = bytes.fromhex(self.head.head.root)
        return merkle.included(self.entry.hash, self.entry.number, self.head.head.size, self.path, wanted)


@dataclass(frozen=True)
class LogState:
    """The log as it stands: its id, its entries so far, and whether something is wrong with it."""

    log: str
    size: int
    fault: Fault
    fault_at: datetime | None = None


def read_head(text: bytes) -> TreeHead:
    """The tree head in signed octets; ValueError (KeyError, TypeError) for what is none, or is spelled otherwise."""
    values: Mapping[str, Any] = json.loads(text)
    head = TreeHead(
        log=str(values["log"]),
        size=int(values["size"]),
        root=bytes.fromhex(values["root"]).hex(),
        at=datetime.fromisoformat(values["at"]),
    )
    if head.encoded() != text or head.size < 0 or len(head.root) != 2 * merkle.HASH_SIZE:
        raise ValueError("no tree head")
    return head
