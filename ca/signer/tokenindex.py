"""Which keys of a token are the suite's, and what each is for: a file that only the token itself can authenticate.

HMAC-SHA256 over the whole file by a secret key that was made on the token and can not leave it. Whoever edits the file
without the PIN is found out; whoever has the PIN and not the file can not make a key known to the signer.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as faults

from ca.signer.cryptoki import REFUSALS, Lease, TokenPool
from ca.signer.keyfile import file_lock
from ca.signer.model import KeyInfo, KeyRole
from kernel.canonical import canonical_json
from kernel.errors import IntegrityFailed, Unavailable
from kernel.i18n import N_
from kernel.secrets import write_private

_PREFIX = "weicheng"
_ID_OCTETS = 16


@dataclass(frozen=True)
class Entry:
    """One key. ``id`` is its CKA_ID; ``spki`` is empty from the intention to make it until it is made."""

    name: str
    role: KeyRole
    algorithm: str
    id: bytes
    spki: bytes = b""

    @property
    def label(self) -> str:
        """CKA_LABEL of both halves."""
        return f"{_PREFIX}:{self.role}:{self.name}"

    @property
    def info(self) -> KeyInfo:
        return KeyInfo(self.name, self.role, self.algorithm, self.spki)


class TokenIndex:
    """The entries of the file ``path``, read again when another process has replaced it."""

    def __init__(self, path: Path, pool: TokenPool) -> None:
        self._path, self._pool = path, pool
        self._stamp: tuple[int, int] | None = None
        self._mac_id = b""
        self._entries: dict[str, Entry] = {}

    def entries(self) -> Sequence[Entry]:
        """Finished keys by name. IntegrityFailed when the file was changed, lost, or belongs to another token."""
        self._refresh()
        return [entry for _, entry in sorted(self._entries.items()) if entry.spki]

    def find(self, name: str) -> Entry | None:
        self._refresh()
        entry = self._entries.get(name)
        return entry if entry is not None and entry.spki else None

    def check(self) -> None:
        """Have the token authenticate the file anew."""
        self._stamp = None
        self._refresh()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While keys are made: one process at a time."""
        with file_lock(self._path):
            yield

    def intend(
        self, name: str, role: KeyRole, algorithm: str, discard: Callable[[Lease, Entry], None]
    ) -> Entry:
        """Note a key before it is made. What an interrupted making of that name left is discarded."""
        self._refresh()
        left = self._entries.get(name)
        if left is not None:
            self._pool.run(lambda lease: discard(lease, left))
        entry = Entry(name, role, algorithm, secrets.token_bytes(_ID_OCTETS))
        self._write({**self._entries, name: entry})
        return entry

    def complete(self, entry: Entry, spki: bytes) -> Entry:
        """The key is made: from now on it is listed and signs."""
        made = replace(entry, spki=spki)
        self._write({**self._entries, entry.name: made})
        return made

    # --- the file
    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            if self._stamp is None:
                self._pool.run(self._refuse_strangers)
                return
            raise self._lost() from None
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._read()
            self._stamp = stamp

    def _read(self) -> None:
        try:
            content = json.loads(self._path.read_bytes())
            mac_id, told = bytes.fromhex(content["mac_key"]), content["mac"]
            entries = {row["name"]: _entry(row) for row in content["keys"]}
        except (ValueError, KeyError, TypeError) as error:
            raise self._changed() from error
        if not hmac.compare_digest(self._mac(mac_id, entries), str(told)):
            raise self._changed()
        self._mac_id, self._entries = mac_id, entries

    def _write(self, entries: Mapping[str, Entry]) -> None:
        mac_id = self._mac_id or self._pool.run(self._make_mac_key, repeatable=False)
        content = _content(mac_id, entries) | {"mac": self._mac(mac_id, entries)}
        write_private(self._path, json.dumps(content, indent=1).encode())
        status = self._path.stat()
        self._stamp = (status.st_mtime_ns, status.st_ino)
        self._mac_id, self._entries = mac_id, dict(entries)

    # --- its authentication
    def _mac(self, mac_id: bytes, entries: Mapping[str, Entry]) -> str:
        """Hex; asked of the token."""
        content = canonical_json(_content(mac_id, entries))
        try:
            return self._pool.run(lambda lease: _mac_by(lease, mac_id, content)).hex()
        except faults.NoSuchKey as error:  # the token is there, its key for this index is not
            raise self._changed() from error

    def _make_mac_key(self, lease: Lease) -> bytes:
        mac_id = secrets.token_bytes(_ID_OCTETS)
        try:
            lease.session.generate_key(
                KeyType.GENERIC_SECRET,
                256,
                id=mac_id,
                label=f"{_PREFIX}:index",
                store=True,
                capabilities=MechanismFlag.SIGN,
                template={
                    Attribute.PRIVATE: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.MODIFIABLE: False,
                },
            )
        except REFUSALS as error:
            raise Unavailable(
                N_("The token %(label)s makes no HMAC key, which its index needs."),
                mend=N_("Use a token with CKM_GENERIC_SECRET_KEY_GEN and CKM_SHA256_HMAC."),
                label=self._pool.label,
            ) from error
        return mac_id

    def _refuse_strangers(self, lease: Lease) -> None:
        """Without an index there may be none of the suite's keys: they would be out of sight."""
        wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        for found in list(lease.session.get_objects(wanted)):
            if str(found[Attribute.LABEL]).startswith(f"{_PREFIX}:"):
                raise self._lost()

    def _lost(self) -> IntegrityFailed:
        return IntegrityFailed(
            N_("The index of the keys on the token %(label)s is missing."),
            mend=N_("Restore the file from a backup."),
            place=str(self._path),
            label=self._pool.label,
        )

    def _changed(self) -> IntegrityFailed:
        return IntegrityFailed(
            N_("The index of the keys on the token %(label)s was changed, or belongs to another token."),
            mend=N_("Restore the file and the token from the same backup."),
            place=str(self._path),
            label=self._pool.label,
        )


def _mac_by(lease: Lease, mac_id: bytes, content: bytes) -> bytes:
    """HMAC-SHA256 by the token's key; NoSuchKey without it."""
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: mac_id}
    found = list(lease.session.get_objects(wanted))
    if not found:
        raise faults.NoSuchKey
    key: Any = found[0]
    return bytes(key.sign(content, mechanism=Mechanism.SHA256_HMAC))


def _content(mac_id: bytes, entries: Mapping[str, Entry]) -> dict[str, Any]:
    return {"version": 1, "mac_key": mac_id.hex(), "keys": [_row(one) for one in entries.values()]}


def _row(entry: Entry) -> dict[str, str]:
    return {
        "name": entry.name,
        "role": str(entry.role),
        "algorithm": entry.algorithm,
        "id": entry.id.hex(),
        "spki": entry.spki.hex(),
    }


def _entry(row: Mapping[str, str]) -> Entry:
    return Entry(
        row["name"],
        KeyRole(row["role"]),
        row["algorithm"],
        bytes.fromhex(row["id"]),
        bytes.fromhex(row["spki"]),
    )
