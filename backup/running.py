"""A backup run: heartbeat, consistent copies, engine, inventory, receipt, replicas."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from backup import store
from backup.codec import encode_manifest
from backup.inventory import Inventory, InventoryEntry, presence_findings
from backup.manifest import look, steady
from backup.model import FindingKind, Layer, ManifestEntry, Plan, PlannedSet, StoredSet
from backup.ports import Progress, Stored
from backup.receipts import GENESIS, Receipt, sealed
from backup.room import Room
from kernel.errors import IntegrityFailed, NotFound, WeichengError
from kernel.i18n import N_


def store_sets(room: Room, plan: Plan, progress: Progress) -> tuple[list[StoredSet], list[str]]:
    """Store every set of the plan at its primary site; a set that fails is named and does not stop the others."""
    engine, repository = room.engine(plan), room.site(plan.primary.name).repository(plan.id)
    engine.version()
    engine.prepare(repository)
    stored, faults = [], []
    for number, planned in enumerate(plan.sets):
        progress(number, len(plan.sets), planned.source)
        try:
            stored.append(_store_set(room, plan, planned, repository))
        except WeichengError as error:
            faults.append(f"{planned.source}: {error.text()}")
    if not stored:
        raise NotFound(N_("Nothing could be backed up: %(faults)s"), place=plan.id, faults="; ".join(faults))
    return stored, faults


def _store_set(room: Room, plan: Plan, planned: PlannedSet, repository: Path) -> StoredSet:
    if planned.source not in room.sources:
        raise NotFound(
            N_("This installation has no source %(source)s."),
            mend=N_("Known sources: %(known)s."),
            source=planned.source,
            known=", ".join(sorted(room.sources)) or "-",
        )
    with room.claims.folder() as scratch, room.sources[planned.source].open(scratch) as opened:
        before = look(opened.folder)
        stored = room.engine(plan).store(repository, opened.folder, planned.source)
        entries = steady(opened.folder, before)
        return _stored_set(room, planned, stored, entries, opened.as_of)


def _stored_set(
    room: Room, planned: PlannedSet, stored: Stored, entries: tuple[ManifestEntry, ...], as_of: datetime
) -> StoredSet:
    manifest = room.blobs.put(encode_manifest(entries))
    layer = Layer(planned.layer)
    return StoredSet(
        planned.source, layer, stored.snapshot, stored.tree, stored.files, stored.bytes, manifest, as_of
    )


def take_inventory(
    room: Room, plan: Plan, last: Receipt | None
) -> tuple[Inventory, tuple[str, ...], list[tuple[str, int, bool]]]:
    """The files of the primary repository now, those that retention took away, and those read for it.

    Old files are known by the last receipt; new ones are read back and compared with the digest their name promises.
    IntegrityFailed when a file of an earlier backup is missing or cut, or a new one is not what its name says.
    """
    engine, known = room.engine(plan), room.inventory(last) if last else Inventory([])
    sizes = room.sizes(plan, plan.primary.name)
    _refuse_damage(plan, known, sizes)
    removed = _retain(room, plan, last)
    sizes = room.sizes(plan, plan.primary.name) if removed is not None else sizes
    kept = [entry for name, entry in known.by_name.items() if name in sizes]
    reads, fresh = [], []
    for read in room.site(plan.primary.name).read(plan.id, sorted(set(sizes) - set(known.by_name))):
        promised = engine.digest_of_name(read.name)
        if read.error or promised not in (None, read.sha256):
            raise _primary_damaged(plan, read.name)
        fresh.append(InventoryEntry(read.name, read.size, read.sha256))
        reads.append((read.name, read.size, True))
    gone = tuple(sorted(set(known.by_name) - set(sizes)))
    return Inventory([*kept, *fresh]), gone, reads


def _retain(room: Room, plan: Plan, last: Receipt | None) -> int | None:
    """Once a day, after all earlier files were seen to be there: forget what the plan no longer keeps."""
    if last is None or last.at.date() == room.clock.now().date():
        return None
    return room.engine(plan).retain(room.site(plan.primary.name).repository(plan.id), plan.keep)


def _refuse_damage(plan: Plan, known: Inventory, sizes: dict[str, int]) -> None:
    damage = (FindingKind.MISSING, FindingKind.TRUNCATED)
    for finding in presence_findings(plan.primary.name, known, sizes):
        if finding.kind in damage:
            raise _primary_damaged(plan, finding.file)


def _primary_damaged(plan: Plan, file: str) -> IntegrityFailed:
    return IntegrityFailed(
        N_("File %(file)s of earlier backups is missing or damaged at the primary site."),
        mend=N_("Verify all sites, then mend this one from a good site."),
        place=plan.primary.name,
        file=file,
    )


def make_receipt(
    room: Room,
    plan: Plan,
    run: str,
    last: Receipt | None,
    sets: Sequence[StoredSet],
    inventory: Inventory,
    removed: tuple[str, ...],
) -> Receipt:
    """The next receipt of the plan's chain, its inventory kept in the blob store."""
    return sealed(
        Receipt(
            plan=plan.id,
            seq=last.seq + 1 if last else 1,
            run=run,
            at=room.clock.now(),
            engine=room.engine(plan).version(),
            sets=tuple(sets),
            files=len(inventory.by_name),
            bytes=inventory.total,
            inventory=room.blobs.put(inventory.encode()),
            root=inventory.root,
            removed=removed,
            previous=last.digest if last else GENESIS,
        )
    )


def beat(room: Room, plan: Plan) -> None:
    """Commit the record that dates the data that is about to be copied."""
    with room.database.begin() as uow:
        store.put_heartbeat(uow.connection, plan.id, room.clock.now())
