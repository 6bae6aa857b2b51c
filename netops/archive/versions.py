"""The versions of all devices: found, read beside what the rules say of them, compared."""

from dataclasses import replace
from itertools import islice

from kernel.assets.service import Register
from kernel.errors import NotFound
from kernel.i18n import N_, current_language
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page
from netops.archive.names import archive_name, checked_version
from netops.archive.ports import Archive
from netops.archive.review import MOST_ROWS, Comparison, Note, Reviewed, rows_of
from netops.collection import store
from netops.collection.listings import VERSION_KEY, VERSIONS
from netops.collection.model import KeptVersion
from netops.collection.targets import Targets
from netops.compliance.detect import Checker
from netops.compliance.store import of_device
from netops.config.text import CleanConfig


class VersionService:
    """Looks through kept versions; texts are masked."""

    def __init__(
        self,
        *,
        database: Database,
        access: Access,
        register: Register,
        archive: Archive,
        targets: Targets,
        checker: Checker,
    ) -> None:
        self._database = database
        self._access = access
        self._register = register
        self._archive = archive
        self._targets = targets
        self._checker = checker

    def page(self, principal: Principal, ask: Ask) -> Page[KeptVersion]:
        """Versions of the principal's units, newest first."""
        self._access.require(principal, Permission.NETOPS_CONFIG_READ)
        scope = self._access.seen(principal, store.versions.c.unit)
        with self._database.read() as connection:
            return VERSIONS.page(connection, ask, *scope)

    def get(self, principal: Principal, version_id: str) -> KeptVersion:
        """One version by the id that the list gives it; NotFound also when it is another unit's."""
        self._access.require(principal, Permission.NETOPS_CONFIG_READ)
        with self._database.read() as connection:
            row = connection.execute(VERSIONS.query.where(VERSION_KEY.in_([version_id]))).one_or_none()
        if row is None or not self._access.covers(principal, row.unit):
            raise NotFound(N_("There is no version %(version)s."), version=version_id[:160])
        return VERSIONS.row(row)

    def text(self, principal: Principal, version_id: str) -> str:
        """The masked text."""
        return self._text(self.get(principal, version_id))

    def diff(self, principal: Principal, version_id: str) -> str:
        """What changed since the version before, as a unified diff; "" for a first one."""
        later = self.get(principal, version_id)
        earlier = self._before(principal, later)
        return self._archive.diff(archive_name(later.device), earlier.version, later.version)

    def review(self, principal: Principal, version_id: str) -> Reviewed:
        """The masked lines with what the rules in force say of them, for whoever may read findings."""
        return self._reviewed(principal, self.get(principal, version_id))

    def compare(self, principal: Principal, device: str, old: str = "", new: str = "") -> Comparison:
        """Two versions of a device, by default the newest and the one before it; a first one is compared with itself."""
        later = self._chosen(principal, device, new)
        earlier = self._chosen(principal, device, old) if old else self._before(principal, later)
        diff = self._archive.diff(archive_name(later.device), earlier.version, later.version)
        rows = tuple(islice(rows_of(diff), MOST_ROWS + 1))
        return Comparison(
            self._reviewed(principal, earlier),
            self._reviewed(principal, later),
            rows[:MOST_ROWS],
            len(rows) > MOST_ROWS,
        )

    def _chosen(self, principal: Principal, device: str, version: str) -> KeptVersion:
        """The version of the device whose name begins so; its newest for ""."""
        self._access.require(principal, Permission.NETOPS_CONFIG_READ)
        asset = self._register.asset(device)
        if not self._access.covers(principal, asset.unit):
            raise NotFound(N_("There is no device %(name)s."), name=device[:60])
        with self._database.read() as connection:
            row = (
                store.find_version(connection, asset.id, checked_version(version))
                if version
                else store.newest_version(connection, asset.id)
            )
        if row is None:
            raise NotFound(
                N_("%(device)s has no version %(version)s."), device=asset.name, version=version[:64]
            )
        return self.get(principal, f"{asset.id}.{row.id}")

    def _before(self, principal: Principal, later: KeptVersion) -> KeptVersion:
        until = later.collected_at.isoformat()
        found = self.page(principal, Ask(limit=1).narrowed(device_id=later.device_id, until=until))
        return found.items[0] if found.items else later

    def _text(self, version: KeptVersion) -> str:
        return self._archive.text(archive_name(version.device), version.version)

    def _reviewed(self, principal: Principal, version: KeptVersion) -> Reviewed:
        config = CleanConfig(self._text(version))
        notes: dict[int, tuple[Note, ...]] = {}
        if self._access.allows(principal, Permission.NETOPS_FINDING_READ):
            for note in self._notes(version, config):
                line = note.deviation.line
                notes[line] = (*notes.get(line, ()), note)
        return Reviewed(version, tuple(config.lines), notes)

    def _notes(self, version: KeptVersion, config: CleanConfig) -> list[Note]:
        """Masks stay readable as masks, so that a kept text gives the findings that its original gave."""
        vendor = self._targets.vendor(version.platform)
        if vendor is None:
            return []
        asset = self._register.asset(version.device_id)
        circumstances = self._targets.circumstances([asset])[asset.id]
        report = self._checker.check(config, vendor, replace(circumstances, legacy_ssh=version.legacy_ssh))
        with self._database.read() as connection:
            kept = of_device(connection, version.device_id)
        titles = {rule.id: rule.title.text(current_language()) for rule in self._checker.book.rules}
        return [Note(one, titles[one.rule], kept.get(one.identity)) for one in report.deviations]
