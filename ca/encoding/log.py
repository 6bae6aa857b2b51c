"""The texts of the transparency log that are hashed or signed: leaves and tree heads, in their one byte form. Pure.

Both are canonical JSON (kernel.canonical): the octets that are hashed or signed are the text that is published, so that whoever
checks needs no encoder. A leaf names no person: serial number, digest of the certificate, digest of the issuer's key, what
happened, when, and why.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kernel.canonical import canonical_json

VERSION = 1
_ROOT_SIZE = hashlib.sha256().digest_size


class EntryType(StrEnum):
    """What happened to a certificate."""

    ISSUED = "issued"
    HELD = "held"
    RELEASED = "released"
    REVOKED = "revoked"


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
        return _canonical(vars(self))


@dataclass(frozen=True)
class TreeHead:
    """What a log says at a time: ``size`` leaves with this ``root`` (hex)."""

    log: str
    size: int
    root: str
    at: datetime

    def encoded(self) -> bytes:
        return _canonical(vars(self))


def read_head(text: bytes) -> TreeHead:
    """The tree head in signed octets; ValueError (KeyError, TypeError) for what is none, or is spelled otherwise."""
    values: Mapping[str, Any] = json.loads(text)
    head = TreeHead(
        log=str(values["log"]),
        size=int(values["size"]),
        root=bytes.fromhex(values["root"]).hex(),
        at=datetime.fromisoformat(values["at"]),
    )
    if head.encoded() != text or head.size < 0 or len(head.root) != 2 * _ROOT_SIZE:
        raise ValueError("no tree head")
    return head


def _canonical(values: Mapping[str, Any]) -> bytes:
    return canonical_json({**values, "version": VERSION})
