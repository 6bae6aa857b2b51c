"""Traps and informs: named, told apart from repetitions, kept, announced (MON-1)."""

from sqlalchemy import ColumnElement, select

from kernel.assets.store import assets
from kernel.canonical import canonical_json, sha256_hex
from kernel.errors import NotFound
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.ids import new_id
from kernel.store.listing import Ask, Page
from monitor import store
from monitor.listings import TRAPS
from monitor.model import REPEAT_WINDOW, Trap, TrapRecord
from monitor.services.base import Base
from monitor.standing import NamedTrap
from monitor.trapnames import name_of, varbinds_of


class Notifications:
    """Takes what the receiver decoded."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def receive(self, trap: Trap) -> None:
        """Keep one notification and announce it; the same one within a minute only counts up (a storm is one event)."""
        name, severity = name_of(trap)
        varbinds = varbinds_of(trap)
        now = self._base.clock.now()
        digest = sha256_hex(canonical_json([trap.source, name, trap.version, varbinds]))
        sender = self._base.register.asset_at(trap.source)
        with self._base.database.begin() as uow:
            if store.count_repeat(uow.connection, digest, now - REPEAT_WINDOW, now):
                return
            asset = sender.id if sender else ""
            record = TrapRecord(
                new_id("trap"), asset, trap.source, name, trap.version, severity, now, now, 1, varbinds
            )
            store.insert_trap(uow.connection, record, digest)
            data = {
                "device": sender.name if sender else "",
                "address": trap.source,
                "trap": name,
                "version": trap.version,
                "inform": trap.inform,
                "varbinds": varbinds,
            }
            unit = sender.unit if sender else None
            uow.emit(Event(EventKind.MONITOR_TRAP_RECEIVED, asset or trap.source, data, unit, severity))

    def page(self, principal: Principal, ask: Ask) -> Page[NamedTrap]:
        """Notifications of the principal's units, newest first; those of unknown senders only for the topmost unit."""
        scope = self._scope(principal)
        with self._base.database.read() as connection:
            return TRAPS.page(connection, ask, *scope)

    def get(self, principal: Principal, trap_id: str) -> NamedTrap:
        """One notification; NotFound also when it is another unit's."""
        wanted = TRAPS.query.where(store.traps.c.id == trap_id, *self._scope(principal))
        with self._base.database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise NotFound(N_("There is no notification %(id)s."), id=trap_id[:60])
        return TRAPS.row(row)

    def _scope(self, principal: Principal) -> tuple[ColumnElement[bool], ...]:
        seen = self._base.scope(principal, assets.c.unit)
        return (store.traps.c.asset.in_(select(assets.c.id).where(*seen)),) if seen else ()
