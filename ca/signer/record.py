"""What stands on the disk while officers hold the shares: who holds which, and the secrets, sealed under what the shares give.

The file is JSON, 0600, replaced whole. Set, threshold and holders are authenticated with the secrets (AES-256-GCM), so that
nobody lowers the number needed by editing. A share is known by a commitment that tells nothing about it.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ca.signer.backends import Secrets
from kernel.canonical import canonical_json
from kernel.errors import IntegrityFailed
from kernel.i18n import N_
from kernel.secrets import write_private

_NONCE_OCTETS = 12


@dataclass(frozen=True)
class Holder:
    """An officer with a share: account, name as people call it, the share's commitment."""

    number: int
    account: str
    name: str
    commitment: str


@dataclass(frozen=True)
class Plan:
    """A set of shares: ``threshold`` of the holders have to come together."""

    set: str
    threshold: int
    holders: tuple[Holder, ...]
    made_at: str

    def of(self, account: str) -> Holder | None:
        return next((holder for holder in self.holders if holder.account == account), None)


class Record:
    """The file ``path``, if there is one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self) -> bool:
        return self._path.exists()

    def plan(self) -> Plan:
        """Who holds which share; authentic only once ``open`` has succeeded."""
        return _plan(self._read())

    def open(self, key: bytes) -> list[Secrets]:
        """The secrets, the newest first: two while they are being changed. IntegrityFailed when the file was changed."""
        content = self._read()
        try:
            sealed, nonce = b64decode(content["sealed"]), b64decode(content["nonce"])
            raw = AESGCM(key).decrypt(nonce, sealed, canonical_json(asdict(_plan(content))))
        except (InvalidTag, ValueError, KeyError, TypeError) as error:
            raise self._changed() from error
        return [Secrets(**one) for one in json.loads(raw)]

    def write(self, plan: Plan, key: bytes, secrets: Sequence[Secrets]) -> None:
        nonce = os.urandom(_NONCE_OCTETS)
        raw = canonical_json([asdict(one) for one in secrets])
        sealed = AESGCM(key).encrypt(nonce, raw, canonical_json(asdict(plan)))
        content = {"version": 1, **asdict(plan)}
        content |= {"nonce": b64encode(nonce).decode(), "sealed": b64encode(sealed).decode()}
        write_private(self._path, json.dumps(content, indent=1, ensure_ascii=False).encode())

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_bytes())
            _plan(content)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._changed() from error
        return dict(content)

    def _changed(self) -> IntegrityFailed:
        return IntegrityFailed(
            N_("The signer's activation file is missing or was changed."),
            mend=N_("Restore the file from a backup."),
            place=str(self._path),
        )


def _plan(content: dict[str, Any]) -> Plan:
    holders = tuple(Holder(**one) for one in content["holders"])
    return Plan(str(content["set"]), int(content["threshold"]), holders, str(content["made_at"]))
