"""Lists of compromised keys (Debian's of CVE-2008-0166 among them), brought over by an officer, looked into at every request.

Two forms that are published are read: badkeys' ``blocklist.dat`` (sorted records: 15 octets of a SHA-256 and one that names
the list they come from) and openssl-blacklist's text (the last 80 bits of a SHA-1 in hex, a line each). They are kept as sorted
records and searched in the file itself, so that lists of millions of keys cost no memory.
"""

import hashlib
import json
import mmap
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from sqlalchemy import Connection, Row, select

from ca.encoding.csr import BadCsr
from ca.encoding.weakness import fingerprints
from kernel.audit.chain import audit_records
from kernel.audit.model import AuditAction, Outcome
from kernel.canonical import sha256_hex
from kernel.errors import Conflict, Invalid, NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.algorithms import public_key
from kernel.secrets import write_private
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of

LARGEST = 256 * 1024 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LINE = re.compile(rb"[0-9a-f]{20}")
_WIDTH: Mapping[str, tuple[int, int]] = {
    "sha256": (16, 15),
    "sha1": (10, 10),
}  # octets of a record, of its key


@dataclass(frozen=True)
class Blocklist:
    """A list in use: ``kind`` is the digest it goes by, ``keys`` how many it holds, ``sha256`` that of its records.

    Who loaded it last, when and why is what the audit trail says; None and "" where that says nothing.
    """

    name: str
    kind: str
    keys: int
    sha256: str
    loaded_at: datetime | None
    loaded_by: str
    reason: str


class Blocklists:
    """The lists in a folder of the data directory."""

    def __init__(self, folder: Path, database: Database, access: Access) -> None:
        self._folder = folder
        self._database = database
        self._access = access

    def page(self, principal: Principal, ask: Ask) -> Page[Blocklist]:
        """The lists in use, by name. Filter: kind."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = self._in_use(connection)
        return page_of(
            found,
            ask,
            key=lambda one: one.name,
            text=lambda one: (one.name, one.reason),
            filters={"kind": lambda one: one.kind},
        )

    def get(self, principal: Principal, name: str) -> Blocklist:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = next((one for one in self._in_use(connection) if one.name == name), None)
        if found is None:
            raise NotFound(N_("There is no list of compromised keys %(name)s."), name=name[:60])
        return found

    def load(self, principal: Principal, name: str, content: bytes, reason: str) -> Blocklist:
        """Take a list into use, in place of the one of that name; Invalid names the line or record that is wrong.

        One officer is enough, because it only ever refuses more: Conflict for a list that leaves out keys of that one.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        if not _NAME.fullmatch(name):
            raise Invalid(
                N_("%(name)s is no name for a list."), mend=N_("Use a-z, 0-9 and hyphen."), name=name[:40]
            )
        if not 0 < len(content) <= LARGEST:
            raise Invalid(N_("The list is empty or larger than %(limit)s bytes."), place=name, limit=LARGEST)
        kind, records = _records(name, content)
        path = self._folder / f"{name}.{kind}"
        self._refuse_smaller(name, kind, records)
        with self._database.begin() as uow:
            details = {"kind": kind, "keys": len(records) // _WIDTH[kind][0], "sha256": sha256_hex(records)}
            uow.audit(
                principal, AuditAction.CA_BLOCKLIST_LOAD, f"blocklist:{name}", reason=reason, details=details
            )
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, records)
        return self.get(principal, name)

    def _refuse_smaller(self, name: str, kind: str, records: bytes) -> None:
        for path in self._paths():
            if path.stem == name and (path.suffix[1:] != kind or _drops(path, records, *_WIDTH[kind])):
                raise Conflict(
                    N_("The list leaves out keys that the list %(name)s in use holds."),
                    mend=N_("Take it into use under another name, beside that one."),
                    place=name,
                    name=name,
                )

    def refuse(self, spki: bytes) -> None:
        """BadCsr for a key (DER SubjectPublicKeyInfo) that a list holds."""
        listed = self.naming(public_key(spki))
        if listed:
            raise BadCsr(
                N_("The key is on a list of compromised keys (%(list)s)."),
                mend=N_("Make a new key pair."),
                place="public key",
                list=listed,
            )

    def naming(self, key: PublicKeyTypes) -> str:
        """The name of a list that holds the key; "" when none does."""
        lists = self._paths()
        wanted = fingerprints(key) if lists else {}
        return next((path.stem for path in lists if _holds(path, wanted.get(path.suffix[1:]))), "")

    def _paths(self) -> list[Path]:
        """Looked up at every key, so that a list counts from the moment it is loaded."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        return [self._folder / name for name in sorted(names) if name.rpartition(".")[2] in _WIDTH]

    def _in_use(self, connection: Connection) -> list[Blocklist]:
        loaded = _loaded(connection)
        return [_told(path, loaded.get(path.stem)) for path in self._paths()]


def _loaded(connection: Connection) -> dict[str, Row[Any]]:
    """The audit record of each list that was loaded last, by name."""
    columns = (audit_records.c[name] for name in ("object", "at", "actor", "body"))
    done = audit_records.c.action == str(AuditAction.CA_BLOCKLIST_LOAD)
    well = audit_records.c.outcome == str(Outcome.SUCCESS)
    query = select(*columns).where(done, well).order_by(audit_records.c.seq)
    return {row.object: row for row in connection.execute(query)}


def _told(path: Path, loaded: Row[Any] | None) -> Blocklist:
    kind, stands = path.suffix[1:], path.stat()
    return Blocklist(
        name=path.stem,
        kind=kind,
        keys=stands.st_size // _WIDTH[kind][0],
        sha256=_digest(path, stands.st_size, stands.st_mtime_ns),
        loaded_at=loaded.at if loaded else None,
        loaded_by=loaded.actor if loaded else "",
        reason=json.loads(loaded.body)["reason"] if loaded else "",
    )


@lru_cache(maxsize=64)
def _digest(path: Path, _size: int, _changed: int) -> str:
    """In hex, reckoned once for each state of the file: lists may be hundreds of megabytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _holds(path: Path, fingerprint: bytes | None) -> bool:
    """Bisection in the sorted records of the file."""
    if fingerprint is None:
        return False
    width, size = _WIDTH[path.suffix[1:]]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as records:
        low, high = 0, len(records) // width
        while low < high:
            middle = (low + high) // 2
            found = records[middle * width : middle * width + size]
            if found == fingerprint:
                return True
            low, high = (middle + 1, high) if found < fingerprint else (low, middle)
    return False


def _drops(path: Path, records: bytes, width: int, size: int) -> bool:
    """Whether a key of the list in use is not among the sorted records."""
    at = 0
    with path.open("rb") as file:
        while record := file.read(width):
            while at < len(records) and records[at : at + size] < record[:size]:
                at += width
            if records[at : at + size] != record[:size]:
                return True
    return False


def _records(name: str, content: bytes) -> tuple[str, bytes]:
    if re.match(rb"\s*#|[0-9a-f]{20}\s", content):
        return "sha1", _of_text(name, content)
    width, size = _WIDTH["sha256"]
    if len(content) % width:
        raise _wrong(name, len(content) // width)
    keys = [content[at : at + size] for at in range(0, len(content), width)]
    for number, (before, after) in enumerate(pairwise(keys)):
        if before >= after:
            raise _wrong(name, number + 1)
    return "sha256", content


def _of_text(name: str, content: bytes) -> bytes:
    found: set[bytes] = set()
    for number, line in enumerate(content.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith(b"#"):
            continue
        if not _LINE.fullmatch(bare):
            raise _wrong(name, number)
        found.add(bytes.fromhex(bare.decode()))
    if not found:
        raise _wrong(name, 1)
    return b"".join(sorted(found))


def _wrong(name: str, number: int) -> Invalid:
    return Invalid(
        N_("This is no list of compromised keys: record %(number)s."),
        mend=N_("Give badkeys' blocklist.dat or a list of openssl-blacklist."),
        place=name,
        number=number,
    )
