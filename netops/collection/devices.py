"""Which devices are collected from, how the last attempt went and what is wrong with them."""

from dataclasses import replace

from kernel.assets.store import assets
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page
from netops.collection import store
from netops.collection.listings import DEVICES
from netops.collection.model import DeviceStanding
from netops.compliance.store import counts


class DeviceService:
    """The register's devices as the archive of configurations sees them."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    def page(self, principal: Principal, ask: Ask) -> Page[DeviceStanding]:
        """Devices of the principal's units, with their findings by severity where the principal may read those."""
        self._access.require(principal, Permission.NETOPS_CONFIG_READ)
        scope = self._access.seen(principal, assets.c.unit)
        judged = self._access.allows(principal, Permission.NETOPS_FINDING_READ)
        with self._database.read() as connection:
            page = DEVICES.page(connection, ask, *scope)
            found = counts(connection, [one.id for one in page.items]) if judged else {}
        return page.map(lambda one: replace(one, findings=found.get(one.id, {})))

    def get(self, principal: Principal, name: str) -> DeviceStanding:
        """One device by id or name, with its pinned host key; NotFound also when it is another unit's."""
        self._access.require(principal, Permission.NETOPS_CONFIG_READ)
        judged = self._access.allows(principal, Permission.NETOPS_FINDING_READ)
        named = (assets.c.id == name) | (assets.c.name == name)
        with self._database.read() as connection:
            row = connection.execute(DEVICES.query.where(named)).first()
            if row is None or not self._access.covers(principal, row.unit):
                raise NotFound(N_("There is no device %(name)s."), name=name[:60])
            found = counts(connection, [row.id]) if judged else {}
            key = store.pinned_key(connection, row.id)
        return replace(DEVICES.row(row), findings=found.get(row.id, {}), host_key=key)
