"""Minutes signed and time-stamped once the CA can do so, and handed out so that OpenSSL alone verifies them."""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from typing import Protocol

from ca import store
from ca.hierarchy import minutes
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.model import Ceremony
from ca.model import AuthorityKind
from ca.provisioning import Services
from ca.signer.model import KeyRole
from ca.timestamps.service import Timestamps
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.errors import Conflict, Unavailable
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.pem import certificate_pem
from kernel.store import Database

_HOW = """openssl cms -verify -binary -inform DER -in minutes.p7s -content minutes.txt -CAfile root.pem -purpose any
openssl ts -verify -data minutes.txt -in minutes.tst -token_in -CAfile root.pem -untrusted chain.pem
"""


class Sealer(Protocol):
    """The evidence key and the time-stamping authority."""

    def ready(self) -> bool: ...
    def seal(self, content: bytes) -> bytes: ...
    def timestamp(self, digest: bytes) -> bytes: ...


@dataclass(frozen=True)
class Seals:
    """The evidence key of ``services`` and the time-stamping authority as a Sealer."""

    services: Services
    timestamps: Timestamps

    def ready(self) -> bool:
        return self.services.ready(KeyRole.EVIDENCE) and self.services.ready(KeyRole.TIMESTAMP)

    def seal(self, content: bytes) -> bytes:
        return self.services.seal(content)

    def timestamp(self, digest: bytes) -> bytes:
        return self.timestamps.token(digest)


class Minutes:
    """Minutes of ceremonies that are over."""

    def __init__(self, database: Database, access: Access, sealer: Sealer) -> None:
        self._database = database
        self._access = access
        self._sealer = sealer

    def text(self, principal: Principal, ceremony_id: str) -> bytes:
        """The minutes that are signed, UTF-8; Conflict before the ceremony is over."""
        return self._over(principal, ceremony_id).minutes.encode()

    def html(self, principal: Principal, ceremony_id: str) -> bytes:
        """The same as a page, in the reader's language."""
        return minutes.html(self._over(principal, ceremony_id)).encode()

    def package(self, principal: Principal, ceremony_id: str) -> bytes:
        """ZIP of minutes, signature, time-stamp, certificates, and the two commands that verify them."""
        found = self._over(principal, ceremony_id)
        if not found.seal:
            raise Conflict(
                N_("The minutes are not signed yet."),
                mend=N_("Provision evidence and timestamp, then: weicheng ca ceremony seal."),
                place=ceremony_id,
            )
        with self._database.read() as connection:
            known = store.read_authorities(connection)
        roots = [one.certificate for one in known if one.kind is AuthorityKind.ROOT]
        below = [one.certificate for one in known if one.kind is AuthorityKind.ISSUING]
        files = {
            "minutes.txt": found.minutes.encode(),
            "minutes.html": minutes.html(found).encode(),
            "minutes.p7s": found.seal,
            "minutes.tst": found.stamp,
            "root.pem": b"".join(map(certificate_pem, roots)),
            "chain.pem": b"".join(map(certificate_pem, below)),
            "verify.txt": _HOW.encode(),
        }
        return _zip(files)

    def seal(self, principal: Principal) -> int:
        """Sign and time-stamp all minutes that wait for it; returns how many. Unavailable before the services have keys."""
        self._access.require_root(principal, Permission.CA_PROVISION)
        if not self._sealer.ready():
            raise Unavailable(
                N_("There are no keys yet that sign and time-stamp minutes."),
                mend=N_("Run: weicheng ca provision evidence, and timestamp."),
                place="minutes",
            )
        return self._seal_all(principal)

    def seal_waiting(self) -> int:
        """As ``seal`` for the worker; nothing while the services have no keys."""
        return self._seal_all(Principal.system("ca")) if self._sealer.ready() else 0

    def _seal_all(self, by: Principal) -> int:
        with self._database.read() as connection:
            waiting = hierarchy_store.unsealed_ceremonies(connection)
        for one in waiting:
            content = one.minutes.encode()
            seal = self._sealer.seal(content)
            stamp = self._sealer.timestamp(hashlib.sha256(content).digest())
            with self._database.begin() as uow:
                hierarchy_store.change_ceremony(uow.connection, one.id, seal=seal, stamp=stamp)
                details = {
                    "minutes": sha256_hex(content),
                    "seal": sha256_hex(seal),
                    "stamp": sha256_hex(stamp),
                }
                uow.audit(by, AuditAction.CA_CEREMONY_SEAL, f"ceremony:{one.id}", details=details)
        return len(waiting)

    def _over(self, principal: Principal, ceremony_id: str) -> Ceremony:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = hierarchy_store.read_ceremony(connection, ceremony_id)
        if not found.minutes:
            raise Conflict(N_("The ceremony is not over yet."), place=ceremony_id)
        return found


def _zip(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return made.getvalue()
