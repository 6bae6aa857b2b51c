"""Devices as they are polled."""

from datetime import datetime
from typing import Any, ClassVar

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Nothing,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import ZONE
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from monitor.resources.labels import DEVICE_STATES, PROBLEMS
from monitor.standing import Status


class DeviceRecord(Record):
    """``availability``, ``cpu`` and ``memory`` in percent, ``temperature`` in °C, ``latency`` in ms, ``uptime`` in days."""

    moving: ClassVar[frozenset[str]] = frozenset(
        ("state", "since", "polled_at", "answered_at", "problem", "availability", "cpu", "memory", "temperature",
         "latency", "thresholds", "sys_name", "sys_descr", "location", "uptime", "snmp", "gaps")
    )  # fmt: skip

    id: str
    name: str
    unit: str
    zone: str
    zone_name: str
    address: str
    platform: str
    state: str
    since: datetime | None
    polled_at: datetime | None
    answered_at: datetime | None
    problem: str
    availability: float | None
    cpu: float | None
    memory: float | None
    temperature: float | None
    latency: float | None
    thresholds: tuple[str, ...]
    sys_name: str
    sys_descr: str
    location: str
    uptime: float | None
    snmp: str
    gaps: tuple[str, ...]


def _record(one: Status) -> DeviceRecord:
    device, facts = one.device, one.device.facts
    measured = facts.get("metrics", {})
    values: dict[str, Any] = {
        **{name: getattr(one, name) for name in ("id", "name", "unit", "zone", "address", "platform")},
        **{name: getattr(device, name) for name in ("since", "polled_at", "answered_at")},
        **{name: str(facts.get(name, "")) for name in ("sys_name", "sys_descr", "location", "snmp")},
        **{name: measured.get(name) for name in ("cpu", "memory", "temperature")},
    }
    return DeviceRecord(
        **values,
        zone_name=one.zone_name or one.zone,
        state=str(device.state),
        problem=str(device.problem or ""),
        availability=None if one.availability is None else round(100 * one.availability, 2),
        latency=None if device.latency is None else round(1000 * device.latency, 1),
        thresholds=tuple(f"{crossing.threshold} {crossing.object}".strip() for crossing in one.crossed),
        uptime=round(facts["uptime"] / 86_400, 1) if "uptime" in facts else None,
        gaps=tuple(facts.get("gaps", ())),
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Status] = app.monitor.polling.page(principal, ask)
    return page.map(_record)


def _item(app: Any, principal: Principal, device: str) -> DeviceRecord:
    return _record(app.monitor.polling.get(principal, device))


def _poll(app: Any, principal: Principal, device: str, _given: Nothing) -> Done:
    job = app.monitor.polling.request(principal, (device,) if device else ())
    return Done(N_("The poll is queued."), job=job, id=device)


def _record_evidence(app: Any, principal: Principal, _id: str, _given: Nothing) -> Done:
    return Done(N_("The evidence is being written."), job=app.monitor.records.request(principal))


DEVICES = Resource(
    name="monitor.devices",
    title=N_("Live state of the devices"),
    one=N_("Monitored device"),
    permission=Permission.MONITOR_READ,
    record=DeviceRecord,
    page=_page,
    item=_item,
    headline="name",
    sort="name",
    facet="state",
    columns=(
        Column("name", N_("Device"), sort="name"),
        Column("state", N_("State"), Cell.STATE, labels=DEVICE_STATES, sort="trouble"),
        Column("since", N_("In this state since"), Cell.TIME),
        Column("availability", N_("Available in the last day"), Cell.NUMBER),
        Column("cpu", N_("Processor load"), Cell.NUMBER),
        Column("memory", N_("Memory used"), Cell.NUMBER),
        Column("answered_at", N_("Last answer"), Cell.TIME, sort="answered_at"),
        Column("thresholds", N_("Crossed thresholds"), Cell.LIST),
        Column("zone_name", N_("Zone")),
        Column("address", N_("Address"), Cell.CODE),
        Column("problem", N_("What is wrong"), Cell.STATE, labels=PROBLEMS, shown=False),
        Column("temperature", N_("Temperature, °C"), Cell.NUMBER, shown=False),
        Column("latency", N_("Round trip, ms"), Cell.NUMBER, shown=False),
        Column("platform", N_("Platform"), Cell.CODE, shown=False),
        Column("sys_name", N_("Its own name"), shown=False),
        Column("sys_descr", N_("Its own description"), shown=False),
        Column("location", N_("Its own location"), shown=False),
        Column("uptime", N_("Running for, days"), Cell.NUMBER, shown=False),
        Column("snmp", N_("SNMP version"), Cell.CODE, shown=False),
        Column("gaps", N_("Not told to the end"), Cell.LIST, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=DEVICE_STATES),
        ZONE,
        Filter("platform", N_("Platform"), FilterKind.TEXT),
    ),
    verbs=(
        Verb("poll", N_("Poll now"), Permission.MONITOR_CHECK, _poll, bulk=True, key="o"),
        Verb("poll-all", N_("Poll all now"), Permission.MONITOR_CHECK, _poll, on=On.LIST),
        Verb(
            "record",
            N_("Write into the evidence"),
            Permission.MONITOR_CHECK,
            _record_evidence,
            on=On.LIST,
            explain=N_(
                "Writes what was polled, compared and checked last into the evidence; also done nightly."
            ),
        ),
    ),
    related=(
        Related(N_("Findings"), "monitor.findings", lambda device: {"asset": device.id}),
        Related(N_("Notifications"), "monitor.notifications", lambda device: {"asset": device.id}),
    ),
    empty=N_("No device to poll: register devices and gateways with an address."),
    searched=True,
    live=True,
    audited=False,
)
