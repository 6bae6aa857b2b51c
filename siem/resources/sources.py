"""Senders of logs and how well they are heard; what was lost; a log file taken in."""

from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from kernel.edges.resources import Cell, Column, Done, Filter, Input, Link, On, Record, Resource, Verb
from kernel.edges.shared import UNIT
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from siem.resources.labels import LOSS_CAUSES, SOURCE_STATES
from siem.sources import Loss, SourceView


class SourceRecord(Record):
    id: str
    source: str
    state: str
    asset: str
    asset_name: str
    unit: str
    received: int
    malformed: int
    truncated: int
    first_at: datetime
    last_at: datetime


class LossRecord(Record):
    name: str
    cause: str
    value: int
    updated_at: datetime


class Import(Input):
    file: Base64Bytes = Field(
        title=N_("Log file"),
        description=N_("Text, a line an event; larger files by weicheng siem ingest."),
        json_schema_extra={"widget": "file"},
    )
    source: str = Field(
        min_length=1,
        max_length=200,
        title=N_("Sender"),
        description=N_("Name or address of the device that wrote it: decides how the lines are read."),
    )


def record_of(view: SourceView) -> SourceRecord:
    health = view.health
    return SourceRecord(
        id=view.id,
        source=health.source,
        state=str(view.state),
        asset=view.asset,
        asset_name=view.asset_name,
        unit=view.unit,
        received=health.received,
        malformed=health.malformed,
        truncated=health.truncated,
        first_at=health.first_at,
        last_at=health.last_at,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[SourceView] = app.siem.sources.page(principal, ask)
    return page.map(record_of)


def _item(app: Any, principal: Principal, source_id: str) -> SourceRecord:
    return record_of(app.siem.sources.source(principal, source_id))


def _import(app: Any, principal: Principal, _id: str, given: Import) -> Done:
    lines, job = app.siem.upload(principal, given.file, given.source)
    return Done(N_("%(lines)s lines are safe and being processed."), {"lines": lines}, job=job)


def _losses(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Loss] = app.siem.sources.losses(principal, ask)
    return page.map(
        lambda loss: LossRecord(name=loss.name, cause=loss.name, value=loss.value, updated_at=loss.updated_at)
    )


SOURCES = Resource(
    name="siem.sources",
    title=N_("Senders of logs"),
    one=N_("Sender of logs"),
    permission=Permission.SIEM_EVENT_READ,
    record=SourceRecord,
    page=_page,
    item=_item,
    headline="source",
    sort="source",
    facet="state",
    live=True,
    audited=False,
    empty=N_("Nobody has sent anything yet. Point the devices' syslog at the collector."),
    columns=(
        Column("source", N_("Sender"), Cell.CODE, sort="source"),
        Column("asset_name", N_("Asset"), link=Link("assets.assets", "asset")),
        Column("state", N_("State"), Cell.STATE, SOURCE_STATES),
        Column("last_at", N_("Last heard"), Cell.TIME, sort="last_at"),
        Column("received", N_("Lines received"), Cell.NUMBER, sort="received"),
        Column("malformed", N_("Not understood"), Cell.NUMBER, sort="malformed"),
        Column("truncated", N_("Lines cut"), Cell.NUMBER),
        Column("first_at", N_("First heard"), Cell.TIME, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=SOURCE_STATES),
        UNIT,
    ),
    verbs=(
        Verb(
            "import",
            N_("Take in a log file"),
            Permission.SIEM_EVENT_IMPORT,
            _import,
            Import,
            on=On.LIST,
            explain=N_("Its lines are processed like those that devices send, and may raise alerts."),
        ),
    ),
)
LOSSES = Resource(
    name="siem.losses",
    title=N_("Lost log lines"),
    one=N_("Loss"),
    permission=Permission.SIEM_EVENT_READ,
    record=LossRecord,
    page=_losses,
    item=None,
    key="name",
    audited=False,
    empty=N_("The collector has counted nothing yet."),
    columns=(
        Column("cause", N_("Cause of the loss"), Cell.STATE, LOSS_CAUSES),
        Column("value", N_("Lines or connections lost"), Cell.NUMBER),
        Column("updated_at", N_("Counted last"), Cell.TIME),
    ),
)
