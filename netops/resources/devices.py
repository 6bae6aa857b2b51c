"""Devices as the archive of configurations sees them."""

from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    Input,
    Link,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import ZONE, Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from netops.collection.model import DeviceStanding
from netops.compliance.model import Severity
from netops.resources.labels import DEVICE_STATES, platforms


class DeviceRecord(Record):
    """``critical`` to ``low`` count the findings that are there."""

    moving: ClassVar[frozenset[str]] = frozenset(
        ("state", "at", "version", "version_at", "version_id", "error", "critical", "high", "medium", "low")
    )

    id: str
    name: str
    unit: str
    zone: str
    zone_name: str
    address: str
    platform: str
    state: str
    at: datetime | None
    version: str
    version_at: datetime | None
    version_id: str
    error: str
    critical: int
    high: int
    medium: int
    low: int
    host_key: str


class Collect(Input):
    accept_shrink: bool = Field(
        default=False, title=N_("Keep a configuration that has lost more than half of its lines")
    )


class Trust(Reason):
    fingerprint: str = Field(
        title=N_("Fingerprint of the new host key"),
        description=N_("SHA256:… as the device's own console shows it, not as the network shows it."),
        pattern=r"^SHA256:[A-Za-z0-9+/]{43}$",
        examples=["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"],
    )


def _record(one: DeviceStanding) -> DeviceRecord:
    return DeviceRecord(
        id=one.id,
        name=one.name,
        unit=one.unit,
        zone=one.zone,
        zone_name=one.zone_name or one.zone,
        address=one.address,
        platform=one.platform,
        state=one.state.value,
        at=one.at,
        version=one.version[:12],
        version_at=one.version_at,
        version_id=f"{one.id}.{one.version}" if one.version else "",
        error=one.error.text() if one.error else "",
        host_key=one.host_key.fingerprint if one.host_key else "",
        **{severity.value: one.findings.get(severity, 0) for severity in Severity},
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[DeviceStanding] = app.netops.devices.page(principal, ask)
    return page.map(_record)


def _item(app: Any, principal: Principal, device: str) -> DeviceRecord:
    return _record(app.netops.devices.get(principal, device))


def _collect(app: Any, principal: Principal, device: str, given: Collect) -> Done:
    wanted = [device] if device else []
    job = app.netops.collection.request(principal, wanted, accept_shrink=given.accept_shrink)
    return Done(N_("The collection is queued."), job=job, id=device)


def _trust(app: Any, principal: Principal, device: str, given: Trust) -> Done:
    app.netops.collection.trust(principal, device, given.fingerprint, reason=given.reason)
    return Done(N_("The new host key is pinned; collect again."), id=device)


def _newest(app: Any, principal: Principal, device: str) -> File:
    found = app.netops.devices.get(principal, device)
    text = app.netops.archive.text(principal, found.id)
    return File(f"{found.name}.cfg", "text/plain; charset=utf-8", text.encode())


DEVICES = Resource(
    name="netops.devices",
    title=N_("Devices and their configurations"),
    one=N_("Device"),
    permission=Permission.NETOPS_CONFIG_READ,
    record=DeviceRecord,
    page=_page,
    item=_item,
    headline="name",
    sort="name",
    facet="state",
    columns=(
        Column("name", N_("Device"), sort="name"),
        Column("state", N_("Last collection"), Cell.STATE, labels=DEVICE_STATES, sort="state"),
        Column("at", N_("Tried"), Cell.TIME, sort="at"),
        Column("version_at", N_("Newest version from"), Cell.TIME, sort="version_at"),
        Column("version", N_("Newest version"), Cell.CODE, link=Link("netops.versions", "version_id")),
        Column("critical", N_("Critical findings"), Cell.NUMBER),
        Column("high", N_("High findings"), Cell.NUMBER),
        Column("medium", N_("Medium findings"), Cell.NUMBER),
        Column("low", N_("Low findings"), Cell.NUMBER),
        Column("zone_name", N_("Zone")),
        Column("platform", N_("Platform"), choices=platforms, sort="platform"),
        Column("address", N_("Address"), Cell.CODE),
        Column("error", N_("Why it failed"), Cell.LONG, shown=False),
        Column("host_key", N_("Pinned host key"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("Last collection"), labels=DEVICE_STATES),
        Filter("platform", N_("Platform"), choices=platforms),
        ZONE,
    ),
    verbs=(
        Verb(
            "collect",
            N_("Collect now"),
            Permission.NETOPS_CONFIG_COLLECT,
            _collect,
            Collect,
            bulk=True,
            key="o",
            explain=N_("A worker fetches the configuration, keeps it if it changed and checks it."),
        ),
        Verb(
            "collect-all",
            N_("Collect all now"),
            Permission.NETOPS_CONFIG_COLLECT,
            _collect,
            Collect,
            on=On.LIST,
            explain=N_("A worker collects from every device of your units."),
        ),
        Verb(
            "trust",
            N_("Trust a new host key"),
            Permission.NETOPS_HOSTKEY_TRUST,
            _trust,
            Trust,
            danger=True,
            explain=N_(
                "Only after somebody has read the fingerprint on the device itself: "
                "a changed key may be another machine in between."
            ),
        ),
    ),
    downloads=(
        Download(
            "newest",
            N_("Newest configuration, masked"),
            Permission.NETOPS_CONFIG_READ,
            _newest,
            when=lambda device: bool(device.version),
        ),
    ),
    related=(
        Related(N_("Versions"), "netops.versions", lambda device: {"device_id": device.id}),
        Related(N_("Findings"), "netops.findings", lambda device: {"device_id": device.id}),
    ),
    empty=N_("No device to collect from: register devices with a platform and an address."),
    searched=True,
    live=True,
)
