"""Registering systems and walking them through their filing (GP-1)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from kernel.assets.model import AssetKind
from kernel.assets.service import Register
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database, UnitOfWork
from policies import store
from policies.systems.model import System, SystemState, moved, parse_level


class SystemsService:
    """Systems of the principal's units."""

    def __init__(self, database: Database, clock: Clock, access: Access, register: Register) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._register = register

    def propose(
        self, principal: Principal, *, name: str, unit: str, level: str, owner: str, boundary: Sequence[str]
    ) -> System:
        """Register a system with its proposed level (S3A3G3); ``boundary`` names assets of the register."""
        self._access.require(principal, Permission.POLICIES_SYSTEM_WRITE, unit=unit)
        if not name.strip() or not owner.strip():
            raise Invalid(
                N_("A system needs a name and an owner."), place="name" if owner.strip() else "owner"
            )
        system = System(
            id=new_id("sys"),
            name=name.strip(),
            unit=unit,
            level=parse_level(level),
            owner=owner.strip(),
            boundary=self._boundary(principal, boundary),
            state=SystemState.PROPOSED,
            proposed_by=principal.id,
            changed_at=self._clock.now(),
        )
        with self._database.begin() as uow:
            if store.get_system(uow.connection, system.name) is not None:
                raise Conflict(N_("There is a system named %(name)s."), name=system.name)
            self._put(uow, principal, AuditAction.POLICIES_SYSTEM_PROPOSE, system)
        return system

    def change(
        self,
        principal: Principal,
        id_or_name: str,
        *,
        level: str | None = None,
        boundary: Sequence[str] | None = None,
        reason: str,
    ) -> System:
        """Change level or boundary; the way to the filing starts anew, by whoever changes it."""
        with self._database.begin() as uow:
            old = self._held(uow, principal, id_or_name)
            moved(old.state, SystemState.PROPOSED) if old.state is not SystemState.PROPOSED else None
            system = replace(
                old,
                level=parse_level(level) if level else old.level,
                boundary=self._boundary(principal, boundary) if boundary is not None else old.boundary,
                state=SystemState.PROPOSED,
                proposed_by=principal.id,
                changed_at=self._clock.now(),
            )
            self._put(uow, principal, AuditAction.POLICIES_SYSTEM_CHANGE, system, reason)
        return system

    def move(
        self,
        principal: Principal,
        id_or_name: str,
        to: SystemState,
        *,
        document: str,
        filing_number: str = "",
        filed_on: date | None = None,
        reason: str = "",
    ) -> System:
        """Take the next step, resting on a paper (``document``: its reference). Who proposed a system can not approve it.

        The step to FILED needs the number of the filing certificate and its date.
        """
        if not document.strip():
            raise Invalid(N_("A step needs the reference of the paper it rests on."), place="document")
        if to is SystemState.FILED and not (filing_number.strip() and filed_on):
            raise Invalid(N_("A filing needs its number and its date."), place="filing_number")
        with self._database.begin() as uow:
            old = self._held(uow, principal, id_or_name)
            if to is SystemState.APPROVED and principal.id == old.proposed_by:
                raise NotPermitted(
                    N_("%(name)s proposed this system and can not approve it."),
                    mend=N_("A second person has to decide."),
                    place=old.name,
                    name=principal.name,
                )
            system = replace(
                old,
                state=moved(old.state, to),
                changed_at=self._clock.now(),
                documents={**old.documents, str(to): document.strip()},
                filing_number=filing_number.strip() or old.filing_number,
                filed_on=filed_on or old.filed_on,
            )
            self._put(uow, principal, AuditAction.POLICIES_SYSTEM_MOVE, system, reason or document)
        return system

    def get(self, principal: Principal, id_or_name: str) -> System:
        """NotFound also for a system of a unit the principal does not see."""
        self._access.require(principal, Permission.POLICIES_READ)
        with self._database.read() as connection:
            return self._visible(principal, store.get_system(connection, id_or_name), id_or_name)

    def _held(self, uow: UnitOfWork, principal: Principal, id_or_name: str) -> System:
        self._access.require(principal, Permission.POLICIES_SYSTEM_WRITE)
        return self._visible(principal, store.get_system(uow.connection, id_or_name, lock=True), id_or_name)

    def _visible(self, principal: Principal, system: System | None, asked: str) -> System:
        if system is None or not self._access.covers(principal, system.unit):
            raise NotFound(N_("There is no system %(name)s."), name=asked[:200])
        return system

    def _boundary(self, principal: Principal, names: Sequence[str]) -> tuple[str, ...]:
        """Asset ids of the names; only what the principal sees and what is no person."""
        listed = [self._register.show(principal, name) for name in names]
        if not listed or any(asset.kind is AssetKind.PERSON for asset in listed):
            raise Invalid(N_("The boundary names at least one asset, and no person."), place="boundary")
        return tuple(dict.fromkeys(asset.id for asset in listed))

    def _put(
        self, uow: UnitOfWork, principal: Principal, action: AuditAction, system: System, reason: str = ""
    ) -> None:
        store.put_system(uow.connection, system)
        uow.audit(
            principal,
            action,
            system.id,
            unit=system.unit,
            reason=reason or None,
            details={"name": system.name, "level": str(system.level), "state": str(system.state)},
        )
