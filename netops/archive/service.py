"""Reading the archive: texts, differences, the original for a restore, verification."""

from kernel.assets.model import Asset
from kernel.assets.service import Register
from kernel.audit.model import AuditAction
from kernel.blobs import BlobStore
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.secrets import SecretBox
from kernel.store import Database
from netops.archive.model import VERIFY, ArchiveReport
from netops.archive.names import archive_name
from netops.archive.ports import Archive
from netops.collection import store


class ArchiveService:
    """What people do with kept configurations."""

    def __init__(
        self,
        *,
        database: Database,
        access: Access,
        register: Register,
        archive: Archive,
        blobs: BlobStore,
        box: SecretBox,
    ) -> None:
        self._database = database
        self._access = access
        self._register = register
        self._archive = archive
        self._blobs = blobs
        self._box = box

    def text(self, principal: Principal, device: str, version: str = "") -> str:
        """A version's masked text; the newest by default."""
        asset = self._readable(principal, device)
        return self._archive.text(archive_name(asset.name), version)

    def diff(self, principal: Principal, device: str, old: str = "", new: str = "") -> str:
        """Unified diff of two versions; by default of the last two. Empty when there is one version or no difference."""
        asset = self._readable(principal, device)
        name = archive_name(asset.name)
        if not old:
            history = self._archive.history(name, 2)
            if len(history) < 2:
                return ""
            old = history[1].id
        return self._archive.diff(name, old, new)

    def original(self, principal: Principal, device: str, version: str = "", *, reason: str) -> str:
        """The text with its secrets, as it would be put back on the device. Audited with the reason."""
        self._access.require(principal, Permission.NETOPS_CONFIG_RESTORE)
        asset = self._register.asset(device)
        self._access.require(principal, Permission.NETOPS_CONFIG_RESTORE, unit=asset.unit)
        with self._database.begin() as uow:
            row = (
                store.find_version(uow.connection, asset.id, version)
                if version
                else store.newest_version(uow.connection, asset.id)
            )
            if row is None:
                raise NotFound(
                    N_("%(device)s has no version %(version)s."), device=asset.name, version=version
                )
            details = {"device": asset.name, "version": row.id}
            uow.audit(
                principal, AuditAction.NETOPS_RESTORE, f"version:{asset.id}.{row.id}", unit=asset.unit, reason=reason,
                details=details,
            )  # fmt: skip
        sealed = self._blobs.get(row.original).decode()
        return self._box.open(sealed, context=f"netops:{asset.id}").decode()

    def request_verify(self, principal: Principal) -> str:
        """Have a worker verify the archive; the job's id, the same one while it is waiting or running."""
        self._access.require(principal, Permission.NETOPS_ARCHIVE_VERIFY)
        with self._database.begin() as uow:
            job = uow.enqueue(JobRequest(VERIFY, key=VERIFY, requested_by=principal.id))
            uow.audit(principal, AuditAction.JOB_ENQUEUE, job, details={"kind": VERIFY})
        return job

    def verify(self, principal: Principal) -> ArchiveReport:
        """Read every version and check its digest, and that every version the database knows is there; audited."""
        self._access.require(principal, Permission.NETOPS_ARCHIVE_VERIFY)
        report = self._archive.verify()
        faults = (*report.faults, *self._lost())
        with self._database.begin() as uow:
            uow.audit(
                principal,
                AuditAction.NETOPS_ARCHIVE_VERIFY,
                "netops:archive",
                outcome="failure" if faults else "success",
                details={"versions": report.versions, "faults": len(faults)},
            )
        return ArchiveReport(report.versions, faults)

    def _lost(self) -> list[str]:
        """Versions the database knows but the archive does not have with the same digest."""
        with self._database.read() as connection:
            known = store.all_versions(connection)
        kept: dict[str, dict[str, str]] = {}
        lost = []
        for row in known:
            name = archive_name(row.device)
            if name not in kept:
                kept[name] = self._digests(name)
            if kept[name].get(row.id) != row.digest:
                lost.append(f"{row.device} {row.id[:12]}")
        return lost

    def _digests(self, name: str) -> dict[str, str]:
        try:
            return {version.id: version.digest for version in self._archive.history(name, 1_000_000)}
        except NotFound:
            return {}

    def _readable(self, principal: Principal, device: str) -> Asset:
        self._access.require(principal, Permission.NETOPS_CONFIG_READ)
        asset = self._register.asset(device)
        if not self._access.covers(principal, asset.unit):
            raise NotFound(N_("There is no device %(name)s."), name=device[:60])
        return asset
