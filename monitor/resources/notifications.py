"""SNMP traps and informs."""

from datetime import datetime
from typing import Any

from kernel.edges.resources import Cell, Column, Filter, FilterKind, Link, Record, Resource
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from monitor.resources.labels import SEVERITIES, told
from monitor.standing import NamedTrap


class NotificationRecord(Record):
    """``count`` times the same within a minute of each other."""

    id: str
    name: str
    severity: str
    device: str
    asset: str
    source: str
    version: str
    first_at: datetime
    last_at: datetime
    count: int
    varbinds: tuple[str, ...]


def _record(one: NamedTrap) -> NotificationRecord:
    return NotificationRecord(**vars(one.trap) | {"device": one.device, "varbinds": told(one.trap.varbinds)})


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[NamedTrap] = app.monitor.notifications.page(principal, ask)
    return page.map(_record)


def _item(app: Any, principal: Principal, notification: str) -> NotificationRecord:
    return _record(app.monitor.notifications.get(principal, notification))


NOTIFICATIONS = Resource(
    name="monitor.notifications",
    title=N_("SNMP notifications"),
    one=N_("SNMP notification"),
    permission=Permission.MONITOR_READ,
    record=NotificationRecord,
    page=_page,
    item=_item,
    headline="name",
    sort="-last_at",
    facet="severity",
    columns=(
        Column("name", N_("Notification"), Cell.CODE),
        Column("last_at", N_("Last time"), Cell.TIME, sort="last_at"),
        Column("severity", N_("Severity"), Cell.STATE, labels=SEVERITIES),
        Column("device", N_("Device"), link=Link("monitor.devices", "asset")),
        Column("source", N_("Sender's address"), Cell.CODE),
        Column("count", N_("Times"), Cell.NUMBER),
        Column("varbinds", N_("What it carries"), Cell.LIST),
        Column("first_at", N_("First time"), Cell.TIME, shown=False),
        Column("version", N_("SNMP version"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("severity", N_("Severity"), labels=SEVERITIES),
        Filter("name", N_("Notification"), FilterKind.TEXT),
        Filter("source", N_("Sender's address"), FilterKind.TEXT),
        Filter("asset", N_("Device's id"), FilterKind.TEXT),
        Filter("since", N_("From"), FilterKind.TIME),
        Filter("until", N_("Before"), FilterKind.TIME),
    ),
    empty=N_("No notification has arrived: point the devices' traps at the collector."),
    live=True,
    audited=False,
)
