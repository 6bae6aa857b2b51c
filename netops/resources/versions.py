"""Kept versions of configurations."""

from datetime import datetime
from typing import Any, ClassVar

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Link,
    Nothing,
    On,
    Record,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from netops.collection.model import KeptVersion
from netops.resources.labels import SOURCES, platforms

_TEXT = "text/plain; charset=utf-8"


class VersionRecord(Record):
    """``unread`` counts lines that the reader did not understand; ``added`` and ``removed`` against the version before."""

    moving: ClassVar[frozenset[str]] = frozenset(("seen_at", "unread"))

    id: str
    name: str
    version: str
    device: str
    device_id: str
    unit: str
    platform: str
    digest: str
    lines: int
    added: int | None
    removed: int | None
    unread: int
    source: str
    actor: str
    collected_at: datetime
    seen_at: datetime


def _record(one: KeptVersion) -> VersionRecord:
    values = {name: value for name, value in vars(one).items() if name in VersionRecord.model_fields}
    return VersionRecord(id=one.id, name=f"{one.device} {one.version[:12]}", **values)


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[KeptVersion] = app.netops.versions.page(principal, ask)
    return page.map(_record)


def _item(app: Any, principal: Principal, version_id: str) -> VersionRecord:
    return _record(app.netops.versions.get(principal, version_id))


def _text(app: Any, principal: Principal, version_id: str) -> File:
    found = app.netops.versions.get(principal, version_id)
    text = app.netops.versions.text(principal, version_id)
    return File(f"{found.device}-{found.version[:12]}.cfg", _TEXT, text.encode())


def _diff(app: Any, principal: Principal, version_id: str) -> File:
    found = app.netops.versions.get(principal, version_id)
    text = app.netops.versions.diff(principal, version_id)
    return File(f"{found.device}-{found.version[:12]}.diff", _TEXT, text.encode())


def _original(app: Any, principal: Principal, version_id: str, given: Reason) -> Done:
    found = app.netops.versions.get(principal, version_id)
    text = app.netops.archive.original(principal, found.device_id, found.version, reason=given.reason)
    label = N_("The configuration with its secrets")
    return Done(N_("This is what would be put back on the device."), secrets={label: text}, id=version_id)


def _verify(app: Any, principal: Principal, _id: str, _given: Nothing) -> Done:
    return Done(N_("The check of the archive is queued."), job=app.netops.archive.request_verify(principal))


VERSIONS = Resource(
    name="netops.versions",
    title=N_("Versions of configurations"),
    one=N_("Version"),
    permission=Permission.NETOPS_CONFIG_READ,
    record=VersionRecord,
    page=_page,
    item=_item,
    headline="name",
    sort="-collected_at",
    columns=(
        Column("name", N_("Version"), Cell.CODE),
        Column("device", N_("Device"), sort="device", link=Link("netops.devices", "device_id")),
        Column("collected_at", N_("Collected"), Cell.TIME, sort="collected_at"),
        Column("added", N_("Lines added"), Cell.NUMBER),
        Column("removed", N_("Lines removed"), Cell.NUMBER),
        Column("lines", N_("Lines"), Cell.NUMBER),
        Column("source", N_("Why"), Cell.STATE, labels=SOURCES),
        Column("actor", N_("Collected by")),
        Column("platform", N_("Platform"), choices=platforms, shown=False),
        Column("version", N_("Whole version number"), Cell.CODE, shown=False),
        Column("digest", N_("SHA-256 digest"), Cell.CODE, shown=False),
        Column("unread", N_("Lines not understood"), Cell.NUMBER, shown=False),
        Column("seen_at", N_("Last seen on the device"), Cell.TIME, shown=False),
    ),
    filters=(
        Filter("device", N_("Device"), FilterKind.TEXT),
        Filter("device_id", N_("Device's id"), FilterKind.TEXT),
        Filter("platform", N_("Platform"), choices=platforms),
        Filter("source", N_("Why"), labels=SOURCES),
        Filter("since", N_("Collected from"), FilterKind.TIME),
        Filter("until", N_("Collected before"), FilterKind.TIME),
    ),
    verbs=(
        Verb(
            "original",
            N_("Show it with its secrets"),
            Permission.NETOPS_CONFIG_RESTORE,
            _original,
            Reason,
            danger=True,
            explain=N_("For a restore: passwords and keys are shown as they were on the device."),
        ),
        Verb(
            "verify",
            N_("Verify the archive"),
            Permission.NETOPS_ARCHIVE_VERIFY,
            _verify,
            on=On.LIST,
            explain=N_("A worker reads every version and checks its digest."),
        ),
    ),
    downloads=(
        Download("text", N_("Configuration, masked"), Permission.NETOPS_CONFIG_READ, _text),
        Download("diff", N_("What changed since the version before"), Permission.NETOPS_CONFIG_READ, _diff),
    ),
    empty=N_("Nothing has been collected yet: collect from the devices."),
)
