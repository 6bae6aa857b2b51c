"""What every use case of monitoring stands on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement

from kernel.assets import Asset
from kernel.assets.service import Register
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.store import Database
from monitor.model import POLLED_KINDS

DEFAULT_SNMP_PORT = 161


class Work(StrEnum):
    """Kinds of jobs that people ask for, and the worker by schedule."""

    POLL = "monitor.poll"
    TOPOLOGY = "monitor.topology"
    TLS = "monitor.tls"
    RECORD = "monitor.record"


@dataclass(frozen=True)
class Base:
    """Store, time, rights and the register."""

    database: Database
    clock: Clock
    access: Access
    register: Register

    def polled(self, principal: Principal, names: tuple[str, ...] = ()) -> list[Asset]:
        """Devices with an agent of the principal's units, or the named ones of these; NotFound for any other."""
        return self._chosen(
            principal, names, lambda asset: asset.kind in POLLED_KINDS and bool(asset.address)
        )

    def endpoints(self, principal: Principal, names: tuple[str, ...] = ()) -> list[Asset]:
        """Entries with a TLS port of the principal's units, or the named ones of these."""
        return self._chosen(
            principal, names, lambda asset: bool(asset.address) and "tls_port" in asset.attributes
        )

    def seen_units(self, principal: Principal) -> frozenset[str] | None:
        """Check the right to read; the units whose things the principal sees (None: all)."""
        self.access.require(principal, Permission.MONITOR_READ)
        return self.access.visible_units(principal)

    def scope(self, principal: Principal, column: ColumnElement[Any]) -> tuple[ColumnElement[bool], ...]:
        """Check the right to read; the condition that keeps a list to the principal's units."""
        self.access.require(principal, Permission.MONITOR_READ)
        return self.access.seen(principal, column)

    def request(self, principal: Principal, work: Work, chosen: Sequence[Asset] | None = None) -> str:
        """Have a worker do it, on the chosen entries alone if there are such; the job's id.

        While the same is waiting or running, asking again gives the same job. For services that have checked the permission.
        """
        if chosen is not None and not chosen:  # an empty list would mean every entry there is
            raise NotFound(N_("There is nothing of that kind in the register."))
        names = [asset.id for asset in chosen or ()]
        unit = chosen[0].unit if chosen and len(chosen) == 1 else principal.unit or None
        key = f"{work}:{sha256_hex(canonical_json(names))}"
        wanted = JobRequest(str(work), {"names": names}, key=key, unit=unit, requested_by=principal.id)
        with self.database.begin() as uow:
            job = uow.enqueue(wanted)
            details = {"kind": str(work), "entries": len(names)}
            uow.audit(principal, AuditAction.JOB_ENQUEUE, job, unit=unit, details=details)
        return job

    def _chosen(
        self, principal: Principal, names: tuple[str, ...], wanted: Callable[[Asset], bool]
    ) -> list[Asset]:
        units = self.access.visible_units(principal)
        assets = [
            asset
            for asset in self.register.assets()
            if wanted(asset) and (units is None or asset.unit in units)
        ]
        if not names:
            return assets
        by_name = {asset.name: asset for asset in assets} | {asset.id: asset for asset in assets}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise NotFound(
                N_("%(names)s can not be monitored: not in the register, or without address."),
                mend=N_("See weicheng assets list."),
                names=", ".join(unknown),
            )
        return [by_name[name] for name in names]
