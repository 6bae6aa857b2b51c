"""Bringing sites up to the newest receipt, and mending a damaged one from a good one.

Replication never overwrites and takes only bytes whose digest is the promised one, so it can not carry damage from site to
site. It deletes only what a receipt says retention took away.
"""

from collections.abc import Iterable

from backup import store
from backup.inventory import Inventory, InventoryEntry
from backup.model import Finding, FindingKind, Plan, ReplicaCopy
from backup.ports import SiteStore
from backup.receipts import Receipt, body
from backup.room import Room, byte_finding
from kernel.errors import IntegrityFailed, WeichengError
from kernel.i18n import N_


def replicate(room: Room, plan: Plan, receipts: list[Receipt]) -> list[ReplicaCopy]:
    """Copy what each site lacks; a site that fails is named and does not stop the others."""
    reference = room.inventory(receipts[-1])
    return [_copy_to(room, plan, site.name, reference, receipts) for site in plan.sites]


def _copy_to(room: Room, plan: Plan, site: str, reference: Inventory, receipts: list[Receipt]) -> ReplicaCopy:
    newest = receipts[-1]
    try:
        copy = _bring(room, plan, site, reference, receipts)
    except WeichengError as error:
        with room.database.begin() as uow:
            now = room.clock.now()
            store.put_replica(uow.connection, plan.id, site, tried_at=now, error=error.text())
        return ReplicaCopy(site, 0, 0, error.text())
    with room.database.begin() as uow:
        now = room.clock.now()
        store.put_replica(
            uow.connection, plan.id, site, receipt=newest.seq, copied_at=now, tried_at=now, error=""
        )
    return copy


def _bring(room: Room, plan: Plan, site: str, reference: Inventory, receipts: list[Receipt]) -> ReplicaCopy:
    target = room.site(site)
    if site != plan.primary.name:
        target.sweep(plan.id)
        source, there = room.site(plan.primary.name), target.sizes(plan.id)
        # in order of name config comes before data and snapshots come last: no snapshot is there before its data
        lacking = [entry for name, entry in reference.by_name.items() if name not in there]
        octets = sum(_copy_file(plan, source, target, entry) for entry in lacking)
        _delete_retired(plan, target, reference, receipts)
    else:
        lacking, octets = [], 0
    for receipt in receipts:
        target.put_receipt(plan.id, receipt.seq, body(receipt))
    return ReplicaCopy(site, len(lacking), octets)


def _copy_file(plan: Plan, source: SiteStore, target: SiteStore, entry: InventoryEntry) -> int:
    with source.fetch(plan.id, entry.name) as pieces:
        return target.put(plan.id, entry.name, pieces, entry.sha256)


def _delete_retired(plan: Plan, target: SiteStore, reference: Inventory, receipts: Iterable[Receipt]) -> None:
    for receipt in receipts:
        for name in receipt.removed:
            if name not in reference.by_name:
                target.remove(plan.id, name)


def mend(room: Room, plan: Plan, site: str, findings: Iterable[Finding]) -> list[str]:
    """Replace the named damaged or missing files at ``site`` from a site whose copy is good; returns their names.

    The damaged file is kept aside. IntegrityFailed when no site has a good copy of one: nothing is changed then.
    """
    receipts = _receipts(room, plan)
    reference = room.inventory(receipts[-1])
    mendable = (FindingKind.CHANGED, FindingKind.TRUNCATED, FindingKind.MISSING, FindingKind.UNREADABLE)
    names = sorted({finding.file for finding in findings if finding.kind in mendable})
    wanted = [reference.by_name[name] for name in names if name in reference.by_name]
    sources = [(entry, _good_site(room, plan, entry, site)) for entry in wanted]
    target = room.site(site)
    for entry, source in sources:
        target.set_aside(plan.id, entry.name)
        _copy_file(plan, room.site(source), target, entry)
    return [entry.name for entry in wanted]


def _good_site(room: Room, plan: Plan, entry: InventoryEntry, damaged: str) -> str:
    for site in plan.sites:
        if site.name != damaged and _is_good(room, plan, site.name, entry):
            return site.name
    raise IntegrityFailed(
        N_("No site has a good copy of %(file)s."),
        mend=N_("Start a new repository: what depended on this file is lost."),
        file=entry.name,
    )


def _is_good(room: Room, plan: Plan, site: str, entry: InventoryEntry) -> bool:
    try:
        found = next(iter(room.site(site).read(plan.id, [entry.name])))
    except WeichengError:
        return False  # this site can not be reached: ask the next
    return byte_finding(site, entry.name, entry.sha256, found.sha256, found.error) is None


def _receipts(room: Room, plan: Plan) -> list[Receipt]:
    with room.database.read() as connection:
        return store.receipts_of(connection, plan.id)
