"""Polling: agents asked, states moved, rates and thresholds worked out, samples kept (MON-1, MON-3, MON-6)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from kernel.assets import Asset
from kernel.assets.store import assets
from kernel.audit.model import AuditAction
from kernel.credentials import Credential, Credentials
from kernel.errors import NotFound
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import UnitOfWork
from kernel.store.listing import Ask, Page
from monitor import store
from monitor.counters import with_rates
from monitor.listings import DEVICES
from monitor.mib import query_for, read
from monitor.model import Device, DeviceState, Interface, Neighbour, Problem, Reading, Sample, next_state
from monitor.platforms import platform_of
from monitor.ports import Agent, Answer, Query, SnmpClient
from monitor.services.base import DEFAULT_SNMP_PORT, Base, Work
from monitor.standing import Status
from monitor.thresholds import Crossing, Threshold, interface_samples, judge

ANSWERED = "answered"  # the metric: 1 for a poll with an answer, 0 for one without
_AT_ONCE = 200  # devices between two reports of progress
_STATE_SEVERITY = {
    DeviceState.UP: "info",
    DeviceState.DEGRADED: "medium",
    DeviceState.UNKNOWN: "medium",
    DeviceState.DOWN: "high",
}
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Polled:
    """One device after a poll."""

    asset: Asset
    device: Device
    interfaces: int = 0
    neighbours: int = 0
    version: str = ""  # SNMP version of the question: v3 or v2c


class Polling:
    """Asks agents and remembers what they said."""

    def __init__(
        self, base: Base, credentials: Credentials, client: SnmpClient, thresholds: Sequence[Threshold]
    ) -> None:
        self._base = base
        self._credentials = credentials
        self._client = client
        self._thresholds = {threshold.id: threshold for threshold in thresholds}

    def poll(
        self, principal: Principal, names: tuple[str, ...] = (), progress: Progress = lambda done, total: None
    ) -> list[Polled]:
        """Poll all devices of the principal's units, or the named ones; one that does not answer stops no other."""
        self._base.access.require(principal, Permission.MONITOR_CHECK)
        chosen = self._base.polled(principal, names)
        results: list[Polled] = []
        for start in range(0, len(chosen), _AT_ONCE):
            results += self._poll_some(chosen[start : start + _AT_ONCE])
            progress(len(results), len(chosen))
        answered = sum(result.device.problem is None for result in results)
        details = {"polled": len(results), "answered": answered}
        with self._base.database.begin() as uow:
            uow.audit(
                principal, AuditAction.MONITOR_POLL, "monitor", unit=principal.unit or None, details=details
            )
        return results

    def request(self, principal: Principal, names: tuple[str, ...] = ()) -> str:
        """Have a worker poll all devices of the principal's units, or the named ones; the job's id."""
        self._base.access.require(principal, Permission.MONITOR_CHECK)
        return self._base.request(principal, Work.POLL, self._base.polled(principal, names))

    def page(self, principal: Principal, ask: Ask) -> Page[Status]:
        """Monitored devices of the principal's units, never polled ones too."""
        scope = self._base.scope(principal, assets.c.unit)
        with self._base.database.read() as connection:
            page = DEVICES.page(connection, ask, *scope)
            return replace(page, items=self._complete(connection, page.items))

    def get(self, principal: Principal, name: str) -> Status:
        """One device by id or name; NotFound also when it is another unit's."""
        scope = self._base.scope(principal, assets.c.unit)
        named = (assets.c.id == name) | (assets.c.name == name)
        with self._base.database.read() as connection:
            row = connection.execute(DEVICES.query.where(named, *scope)).first()
            if row is None:
                raise NotFound(N_("There is no entry %(value)s in the register."), value=name[:60])
            return self._complete(connection, [DEVICES.row(row)])[0]

    def _complete(self, connection: Connection, listed: Sequence[Status]) -> tuple[Status, ...]:
        """With crossed thresholds and the last day's availability."""
        ids = [one.id for one in listed]
        crossed: dict[str, list[Crossing]] = {}
        for crossing in store.read_crossings(connection, ids).values():
            if crossing.crossed:
                crossed.setdefault(crossing.asset, []).append(crossing)
        since = self._base.clock.now() - timedelta(days=1)
        answered = store.mean_by_asset(connection, ids, ANSWERED, since)
        return tuple(
            replace(one, crossed=tuple(crossed.get(one.id, ())), availability=answered.get(one.id))
            for one in listed
        )

    def neighbours(self, principal: Principal, name: str) -> tuple[Neighbour, ...]:
        """What the device's last poll told of its neighbours."""
        asset = self._visible(principal, name)
        with self._base.database.read() as connection:
            return store.read_neighbours(connection, asset.id).get(asset.id, ())

    def interfaces(self, principal: Principal, name: str) -> list[Interface]:
        """A device's interfaces in the order of ifIndex."""
        asset = self._visible(principal, name)
        with self._base.database.read() as connection:
            return list(store.read_interfaces(connection, asset.id).values())

    def samples(
        self, principal: Principal, name: str, metric: str, obj: str = "", *, since: datetime | None = None
    ) -> list[Sample]:
        """Measured values for a graph, oldest first; the last day unless ``since`` says otherwise."""
        return self.measured(principal, name, {obj: (metric,)}, since=since).get((obj, metric), [])

    def measured(
        self,
        principal: Principal,
        name: str,
        wanted: Mapping[str, Sequence[str]],
        *,
        since: datetime | None = None,
    ) -> dict[tuple[str, str], list[Sample]]:
        """Values of several metrics of each object ("" the device itself), by object and metric."""
        asset = self._visible(principal, name)
        begin = since or self._base.clock.now() - timedelta(days=1)
        found: dict[tuple[str, str], list[Sample]] = {}
        with self._base.database.read() as connection:
            for sample in store.read_samples(connection, asset.id, wanted, begin):
                found.setdefault((sample.object, sample.metric), []).append(sample)
        return found

    def forget(self, uow: UnitOfWork, asset: str) -> None:
        """Drop the state of an entry that has retired; its samples stay for the reports."""
        store.delete_device(uow.connection, asset)

    def _visible(self, principal: Principal, name: str) -> Asset:
        units = self._base.seen_units(principal)
        asset = self._base.register.asset(name)
        if units is not None and asset.unit not in units:
            raise NotFound(N_("There is no entry %(value)s in the register."), value=name[:60])
        return asset

    # --- one round
    def _poll_some(self, chosen: Sequence[Asset]) -> list[Polled]:
        questions: dict[str, tuple[Agent, Query]] = {}
        answers: dict[str, Answer] = {}
        for asset in chosen:
            try:
                credential = self._credentials.get(str(asset.attributes.get("credential", "")))
            except NotFound:
                answers[asset.id] = Answer(problem=Problem.CREDENTIAL)
            else:
                questions[asset.id] = (_agent(asset, credential), query_for(platform_of(asset.platform)))
        at = self._base.clock.now()
        answers |= self._client.fetch(list(questions.values()))
        versions = {
            key: "v3" if agent.credential.snmp_user else "v2c" for key, (agent, _) in questions.items()
        }
        return [self._keep(asset, answers[asset.id], at, versions.get(asset.id, "")) for asset in chosen]

    def _keep(self, asset: Asset, answer: Answer, at: datetime, version: str) -> Polled:
        """Store what one device said, in one transaction with what follows from it."""
        reading = read(answer, platform_of(asset.platform), at) if answer.answered else None
        with self._base.database.begin() as uow:
            before = store.read_device(uow.connection, asset.id) or Device(asset.id)
            crossings: Mapping[tuple[str, str, str], Crossing] = store.read_crossings(
                uow.connection, [asset.id]
            )
            store.insert_samples(uow.connection, _answered(asset, answer, at))
            if reading is not None:
                crossings = self._keep_reading(uow, asset, reading, answer, at, crossings)
            crossed = any(crossing.crossed for crossing in crossings.values())
            after = _after(before, answer, reading, at, version, crossed=crossed)
            store.write_device(uow.connection, after)
            if after.state is not before.state:
                _announce_state(uow, asset, before, after)
        counts = (len(reading.interfaces), len(reading.neighbours)) if reading else (0, 0)
        return Polled(asset, after, *counts, version)

    def _keep_reading(
        self,
        uow: UnitOfWork,
        asset: Asset,
        reading: Reading,
        answer: Answer,
        at: datetime,
        before: Mapping[tuple[str, str, str], Crossing],
    ) -> dict[tuple[str, str, str], Crossing]:
        known = store.read_interfaces(uow.connection, asset.id)
        interfaces = [with_rates(interface, known.get(interface.name)) for interface in reading.interfaces]
        store.write_interfaces(uow.connection, asset.id, interfaces)
        store.write_neighbours(uow.connection, asset.id, reading.neighbours)
        measured = dict(reading.metrics) | {"latency": answer.latency or 0.0}
        samples = [Sample(asset.id, "", metric, at, value) for metric, value in measured.items()]
        for interface in interfaces:
            samples += interface_samples(asset.id, interface, at)
        store.insert_samples(uow.connection, samples)
        touched = judge(samples, self._thresholds.values(), before, asset.platform)
        store.write_crossings(uow.connection, touched)
        self._announce_crossings(uow, asset, before, touched)
        return {**before, **{crossing.key: crossing for crossing in touched}}

    def _announce_crossings(
        self,
        uow: UnitOfWork,
        asset: Asset,
        before: Mapping[tuple[str, str, str], Crossing],
        touched: Sequence[Crossing],
    ) -> None:
        for crossing in touched:
            was = before.get(crossing.key)
            if crossing.crossed == (was.crossed if was else False):
                continue
            kind = (
                EventKind.MONITOR_THRESHOLD_CROSSED
                if crossing.crossed
                else EventKind.MONITOR_THRESHOLD_CLEARED
            )
            threshold = self._thresholds[crossing.threshold]
            data = {
                "device": asset.name,
                "address": asset.address,
                "threshold": threshold.id,
                "metric": threshold.metric,
                "object": crossing.object,
                "value": crossing.value,
            }
            severity = threshold.severity if crossing.crossed else "info"
            uow.emit(Event(kind, asset.id, data, asset.unit, severity))


def _agent(asset: Asset, credential: Credential) -> Agent:
    port = int(asset.attributes.get("snmp_port", DEFAULT_SNMP_PORT))
    return Agent(asset.id, asset.address, port, credential)


def _answered(asset: Asset, answer: Answer, at: datetime) -> list[Sample]:
    """1 or 0: whether it answered; nothing when our own credential kept us from asking rightly."""
    if answer.problem in (Problem.CREDENTIAL, Problem.AUTHENTICATION):
        return []
    return [Sample(asset.id, "", ANSWERED, at, 1.0 if answer.answered else 0.0)]


def _after(
    before: Device, answer: Answer, reading: Reading | None, at: datetime, version: str, *, crossed: bool
) -> Device:
    failures = 0 if answer.answered else before.failures + 1
    state = next_state(before.state, problem=answer.problem, failures=failures, crossed=crossed)
    moved = replace(
        before,
        state=state,
        since=at if state is not before.state or before.since is None else before.since,
        polled_at=at,
        failures=failures,
        problem=answer.problem,
        latency=answer.latency,
    )
    if reading is None:
        return moved
    facts = {
        "sys_name": reading.sys_name,
        "sys_descr": reading.sys_descr,
        "sys_object_id": reading.sys_object_id,
        "location": reading.location,
        "uptime": reading.uptime // 100,
        "chassis": reading.chassis,
        "metrics": dict(reading.metrics),
        "snmp": version,
        "gaps": sorted(set(reading.gaps)),
    }
    return replace(moved, answered_at=at, lldp=reading.lldp, facts=facts)


def _announce_state(uow: UnitOfWork, asset: Asset, before: Device, after: Device) -> None:
    data = {
        "device": asset.name,
        "address": asset.address,
        "from": str(before.state),
        "to": str(after.state),
        "problem": str(after.problem) if after.problem else "",
    }
    uow.emit(Event(EventKind.MONITOR_DEVICE_STATE, asset.id, data, asset.unit, _STATE_SEVERITY[after.state]))
