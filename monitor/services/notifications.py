"""Traps and informs: named, told apart from repetitions, kept, announced (MON-1)."""

from datetime import datetime, timedelta

from kernel.canonical import canonical_json, sha256_hex
from kernel.events import Event, EventKind
from kernel.identity.model import Principal
from kernel.ids import new_id
from monitor import store
from monitor.model import REPEAT_WINDOW, Trap, TrapRecord
from monitor.services.base import Base
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

    def list(
        self, principal: Principal, *, since: datetime | None = None, limit: int = 200
    ) -> "list[TrapRecord]":
        """Notifications of the principal's units, newest first; those of unknown senders for who sees all units only."""
        units = self._base.seen_units(principal)
        assets = {asset.id: asset for asset in self._base.register.assets()}
        whole = units is None or all(asset.unit in units for asset in assets.values())
        begin = since or self._base.clock.now() - timedelta(days=7)
        with self._base.database.read() as connection:
            records = store.read_traps(connection, begin, max(1, min(limit, 1000)))
        return [
            record
            for record in records
            if whole or (record.asset in assets and units and assets[record.asset].unit in units)
        ]
