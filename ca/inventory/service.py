"""The inventory: scans of the ranges, what other parts of the suite saw, and how the certificates in use stand (CA-12)."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Protocol

from ca.inventory import store
from ca.inventory.findings import Findings
from ca.inventory.judging import SOON, facts_of, faults_of
from ca.inventory.model import (
    Elsewhere,
    Endpoint,
    Facts,
    Figures,
    KeyKind,
    Origin,
    Presented,
    Range,
    Target,
)
from ca.inventory.origins import Origins
from ca.inventory.ranges import Ranges
from ca.inventory.tables import endpoints
from ca.ports import Evidence
from ca.profiles.register import Profiles
from kernel.assets.service import Register
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.evidence.model import EvidenceKind
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.jobs.queue import JobContext
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page

SCAN = "ca.inventory-scan"
_BATCH = 64  # kept, told and cancelled so often: 6 s where nobody answers
_ENDS = (0, 30, 90, 180, 365)  # days, the bounds of the picture of ages


class Scanner(Protocol):
    """Asks endpoints for their certificates (ca.inventory.scanning)."""

    def scan(self, targets: Sequence[Target]) -> Iterable[tuple[Target, tuple[Presented, ...]]]: ...


# what other parts of the suite have seen: console/compose joins the rooms
Feed = Callable[[], Iterable[Elsewhere]]


class Inventory:
    """Scans, and tells what was seen."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        register: Register,
        evidence: Evidence,
        profiles: Profiles,
        scanner: Scanner,
        feed: Feed = lambda: (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._register = register
        self._evidence = evidence
        self._profiles = profiles
        self._scanner = scanner
        self._feed = feed
        self.ranges = Ranges(database, clock, access, register)
        self.findings = Findings(database, clock, access)

    # --- looking
    def page(self, principal: Principal, ask: Ask) -> Page[Endpoint]:
        """Endpoints of the principal's units, first to end first. Filters: origin, unit, source, issuer, serial, fingerprint,
        key, fault, present, expires_before, expires_after."""
        self._access.require(principal, Permission.CA_INVENTORY_READ)
        with self._database.read() as connection:
            return store.ENDPOINTS.page(connection, ask, *self._access.seen(principal, endpoints.c.unit))

    def show(self, principal: Principal, endpoint_id: str) -> Endpoint:
        self._access.require(principal, Permission.CA_INVENTORY_READ)
        with self._database.read() as connection:
            found = store.read_endpoint(connection, endpoint_id)
        if not self._access.covers(principal, found.unit):
            raise store.no_endpoint(endpoint_id)
        return found

    def figures(self, principal: Principal) -> Figures:
        """Numbers of the endpoints that answer: by origin, by issuer, by days to the end ("<0" has ended)."""
        self._access.require(principal, Permission.CA_INVENTORY_READ)
        seen = self._access.seen(principal, endpoints.c.unit)
        now = self._clock.now()
        with self._database.read() as connection:
            ends = store.count_ending(connection, [now + timedelta(days=days) for days in _ENDS], *seen)
            names = ["<0", *(f"{a}-{b}" for a, b in itertools.pairwise(_ENDS)), f">{_ENDS[-1]}"]
            return Figures(
                store.count_by(connection, endpoints.c.origin, *seen),
                store.count_by(connection, endpoints.c.issuer, *seen),
                dict(zip(names, ends, strict=True)),
            )

    # --- scanning
    def request(self, principal: Principal, ranges: Sequence[str] = ()) -> str:
        """Have these ranges (none: all of the principal's units) scanned now; returns the job."""
        self._access.require(principal, Permission.CA_INVENTORY_WORK)
        with self._database.begin() as uow:
            found = store.living_ranges(uow.connection, ranges or None)
            wanted = [one.id for one in found if self._access.covers(principal, one.unit)]
            asked = JobRequest(
                SCAN,
                {"ranges": wanted},
                key=f"{SCAN}:{principal.unit}",
                unit=principal.unit,
                requested_by=principal.id,
            )
            job = uow.enqueue(asked)
            uow.audit(
                principal, AuditAction.CA_INVENTORY_SCAN, job, unit=principal.unit, details={"ranges": wanted}
            )
        return job

    def run(self, context: JobContext) -> None:
        """The job: batch by batch, each kept at once, so that a cancelled or interrupted scan loses nothing it saw."""
        with self._database.read() as connection:
            found = store.living_ranges(connection, context.payload.get("ranges"))
        targets = list(self._targets(found))
        for start in range(0, len(targets), _BATCH):
            if context.cancelled():
                return
            self._look(targets[start : start + _BATCH])
            context.progress(min(start + _BATCH, len(targets)), len(targets))
        self._take_over({target.id for target in targets})
        with context.finish({"targets": len(targets)}) as uow:
            self._judge_all(uow)
            self._record(uow)

    def _targets(self, found: Sequence[Range]) -> Iterator[Target]:
        """Every address and port once; name and unit as the register has them, otherwise those of the range."""
        known = self._registered()
        told = set()
        for one in found:
            for address in ip_network(one.network).hosts():
                for port in one.ports:
                    plain = Target(str(address), port, "", one.unit, one.id)
                    if plain.id not in told:
                        told.add(plain.id)
                        name, unit = known.get(plain.id, ("", one.unit))
                        yield replace(plain, server_name=name, unit=unit)

    def _registered(self) -> Mapping[str, tuple[str, str]]:
        """(name to ask for, unit) of the endpoints in the register."""
        found = {}
        for asset in self._register.assets():
            port = asset.attributes.get("tls_port")
            if asset.address and port:
                name = str(asset.attributes.get("server_name", ""))
                found[Target(asset.address, int(port)).id] = (name, asset.unit)
        return found

    def _look(self, batch: Sequence[Target]) -> None:
        answers = [(target, one) for target, found in self._scanner.scan(batch) for one in found]
        now = self._clock.now()
        with self._database.begin() as uow:
            origins = Origins(uow.connection)
            known = store.known_at(uow.connection, [each for target in batch for each in target.ids])
            for target, presented in answers:
                facts = facts_of(presented.chain[0])
                if facts is None:
                    continue
                known.discard(target.id_of(presented.kind))
                standing = origins.of(uow.connection, facts, presented.chain, now)
                one = _endpoint(target, "scan", presented.tls, facts, now, presented.kind)
                one = replace(one, origin=standing.origin, serial=standing.serial, chain=presented.chain)
                store.put_endpoint(uow.connection, one, target.range)
            self._gone(uow, known, now)

    def _gone(self, uow: UnitOfWork, ids: Iterable[str], now: datetime) -> None:
        """Who answers no more shows no fault any more."""
        lost = list(ids)
        store.set_gone(uow.connection, lost, now)
        for endpoint_id in lost:
            self.findings.reconcile(uow, store.read_endpoint(uow.connection, endpoint_id), now)

    def _take_over(self, scanned: set[str]) -> None:
        """What others saw where the scan did not look."""
        seen = [one for one in self._feed() if one.target.id not in scanned]
        with self._database.begin() as uow:
            origins = Origins(uow.connection)
            for one in seen:
                standing = origins.of(uow.connection, one.facts, (), one.at)
                made = _endpoint(one.target, "monitor", "", one.facts, one.at)
                made = replace(made, origin=standing.origin, serial=standing.serial)
                store.put_endpoint(uow.connection, made, "")

    def _judge_all(self, uow: UnitOfWork) -> None:
        """Every endpoint again: time passes, certificates are revoked, keys turn up elsewhere."""
        now = self._clock.now()
        origins = Origins(uow.connection)
        windows = {one.id: one.renewal for one in self._profiles.all()}
        living = list(store.living_endpoints(uow.connection))
        hosts = store.hosts_of_keys(uow.connection, {one.facts.key_digest for one in living})
        for one in living:
            standing = origins.of(uow.connection, one.facts, one.chain, now)
            shared = len(hosts.get(one.facts.key_digest, ())) > 1
            faults = faults_of(
                one.facts,
                standing.origin,
                one.server_name,
                now,
                revoked=standing.revoked,
                shared=shared,
                complete=origins.complete(one.chain),
                tls=one.tls,
                address=one.address,
                soon=windows.get(standing.profile, SOON),
            )
            judged = replace(one, origin=standing.origin, serial=standing.serial, faults=faults)
            store.set_faults(uow.connection, judged)
            self.findings.reconcile(uow, judged, now)

    def _record(self, uow: UnitOfWork) -> None:
        """What was found, as evidence."""
        origins = store.count_by(uow.connection, endpoints.c.origin)
        summary = {
            "endpoints": sum(origins.values()),
            "origins": origins,
            "findings": store.count_standing(uow.connection),
        }
        self._evidence.record(
            uow, kind=EvidenceKind.INVENTORY_SCANNED, subject="inventory", source="ca", summary=summary
        )


def _endpoint(
    target: Target, source: str, tls: str, facts: Facts, now: datetime, kind: KeyKind | None = None
) -> Endpoint:
    return Endpoint(
        id=target.id_of(kind),
        address=target.address,
        port=target.port,
        server_name=target.server_name,
        unit=target.unit,
        source=source,
        tls=tls,
        facts=facts,
        origin=Origin.FOREIGN,
        faults=(),
        serial="",
        first_seen=now,
        last_seen=now,
    )
