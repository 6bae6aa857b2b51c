"""Backup runs and their chained receipts."""

from datetime import datetime
from typing import Any

from backup.listings import ListedReceipt
from backup.model import Run
from backup.resources.labels import CHAIN, PLAN, RUN_STATES
from kernel.edges.resources import Cell, Column, Download, File, Filter, Link, Record, Related, Resource
from kernel.edges.shared import SINCE, UNTIL
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page


class RunRecord(Record):
    id: str
    plan: str
    unit: str
    state: str
    receipt: int
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    error: str


class ReceiptRecord(Record):
    name: str
    digest: str
    plan: str
    number: int
    run: str
    at: datetime
    chain: str
    engine: str
    sets: tuple[str, ...]
    files: int
    octets: int
    removed: int
    root: str
    previous: str


def run_record(run: Run) -> RunRecord:
    ended = run.finished_at
    return RunRecord(
        **vars(run) | {"state": str(run.state)},
        seconds=round((ended - run.started_at).total_seconds(), 1) if ended else None,
    )


def receipt_record(listed: ListedReceipt) -> ReceiptRecord:
    receipt = listed.receipt
    return ReceiptRecord(
        name=f"{receipt.plan} {receipt.seq}",
        digest=receipt.digest,
        plan=receipt.plan,
        number=receipt.seq,
        run=receipt.run,
        at=receipt.at,
        chain="sound" if listed.sound else "broken",
        engine=receipt.engine,
        sets=tuple(stored.source for stored in receipt.sets),
        files=receipt.files,
        octets=receipt.bytes,
        removed=len(receipt.removed),
        root=receipt.root,
        previous=receipt.previous,
    )


def _runs(app: Any, principal: Principal, ask: Ask) -> Page[RunRecord]:
    return app.backup.lists.runs(principal, ask).map(run_record)  # type: ignore[no-any-return]


def _run(app: Any, principal: Principal, run_id: str) -> RunRecord:
    return run_record(app.backup.lists.run(principal, run_id))


def _receipts(app: Any, principal: Principal, ask: Ask) -> Page[ReceiptRecord]:
    return app.backup.lists.receipts(principal, ask).map(receipt_record)  # type: ignore[no-any-return]


def _receipt(app: Any, principal: Principal, digest: str) -> ReceiptRecord:
    return receipt_record(app.backup.lists.receipt(principal, digest))


def _receipt_file(app: Any, principal: Principal, digest: str) -> File:
    listed = app.backup.lists.receipt(principal, digest)
    name = f"{listed.receipt.plan}-receipt-{listed.receipt.seq:08d}.json"
    return File(name, "application/json", listed.body.encode())


RUNS = Resource(
    name="backup.runs",
    title=N_("Backup runs"),
    one=N_("Backup run"),
    permission=Permission.BACKUP_READ,
    record=RunRecord,
    page=_runs,
    item=_run,
    headline="plan",
    columns=(
        Column("started_at", N_("Started"), Cell.TIME, sort="started_at"),
        Column("plan", N_("Backup plan"), Cell.CODE, link=Link("backup.plans")),
        Column("state", N_("State"), Cell.STATE, RUN_STATES),
        Column("receipt", N_("Receipt number"), Cell.NUMBER),
        Column("seconds", N_("Seconds taken"), Cell.NUMBER),
        Column("error", N_("What went wrong"), Cell.LONG),
        Column("finished_at", N_("Stored at"), Cell.TIME, shown=False),
        Column("unit", N_("Unit"), Cell.UNIT, shown=False),
        Column("id", N_("Identifier"), Cell.CODE, shown=False),
    ),
    filters=(PLAN, Filter("state", N_("State"), labels=RUN_STATES), SINCE, UNTIL),
    related=(Related(N_("Receipts of the plan"), "backup.receipts", lambda record: {"plan": record.plan}),),
    sort="-started_at",
    facet="state",
    empty=N_("No plan has run yet. Open a backup plan and run it now, or wait for its schedule."),
    live=True,
    audited=False,
)
RECEIPTS = Resource(
    name="backup.receipts",
    title=N_("Backup receipts"),
    one=N_("Backup receipt"),
    permission=Permission.BACKUP_READ,
    record=ReceiptRecord,
    page=_receipts,
    item=_receipt,
    key="digest",
    headline="name",
    columns=(
        Column("at", N_("Made at"), Cell.TIME, sort="at"),
        Column("plan", N_("Backup plan"), Cell.CODE, link=Link("backup.plans")),
        Column("number", N_("Receipt number"), Cell.NUMBER),
        Column("chain", N_("Receipt chain"), Cell.STATE, CHAIN),
        Column("sets", N_("Stored sets"), Cell.LIST),
        Column("files", N_("Files in the repository"), Cell.NUMBER),
        Column("octets", N_("Octets in the repository"), Cell.OCTETS),
        Column("removed", N_("Files removed by retention"), Cell.NUMBER),
        Column("run", N_("Backup run"), Cell.CODE, link=Link("backup.runs"), shown=False),
        Column("engine", N_("Backup engine"), shown=False),
        Column("root", N_("Merkle root of the files"), Cell.CODE, shown=False),
        Column("previous", N_("Digest of the receipt before"), Cell.CODE, shown=False),
        Column("digest", N_("Digest"), Cell.CODE, shown=False),
    ),
    filters=(PLAN, SINCE, UNTIL),
    downloads=(
        Download("receipt", N_("Receipt as it was sealed (JSON)"), Permission.BACKUP_READ, _receipt_file),
    ),
    sort="-at",
    empty=N_("A receipt is made by each backup run; none has been stored yet."),
    audited=False,
)
