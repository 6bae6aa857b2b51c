"""Tables of disaster recovery and the statements on them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from backup.codec import (
    drill_row,
    finding_of,
    outcome_of,
    receipt_of,
    verification_row,
)
from backup.model import Drill, Level, Run, RunState, Verdict, Verification, move
from backup.receipts import Receipt, body
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.store import Json, UtcDateTime, metadata

backup_claims = Table(
    "backup_claims",
    metadata,
    Column("plan", String(40), primary_key=True),
    Column("work", String(20), nullable=False),
    Column("token", String(60), nullable=False),
    Column("host", String(200), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process", String(40), nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False),
)
backup_runs = Table(
    "backup_runs",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("plan", String(40), nullable=False),
    Column("unit", String(80), nullable=False),
    Column("state", String(20), nullable=False),
    Column("receipt", Integer, nullable=False, default=0),
    Column("error", Text, nullable=False, default=""),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    # one plan's list, that of several, and the counts of states
    Index("ix_backup_runs_listed", "plan", "started_at", "id"),
    Index("ix_backup_runs_started", "started_at", "id"),
    Index("ix_backup_runs_state", "plan", "state"),
)
backup_receipts = Table(
    "backup_receipts",
    metadata,
    Column("plan", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),  # the very bytes that the digest covers
    Index("ix_backup_receipts_listed", "plan", "at", "digest"),
    Index("ix_backup_receipts_at", "at", "digest"),
)
backup_replicas = Table(
    "backup_replicas",
    metadata,
    Column("plan", String(40), primary_key=True),
    Column("site", String(40), primary_key=True),
    Column("receipt", Integer, nullable=False, default=0),  # newest copied there
    Column("proved", Integer, nullable=False, default=0),  # newest ever proved there by a verification
    Column("copied_at", UtcDateTime),
    Column("tried_at", UtcDateTime),
    Column("error", Text, nullable=False, default=""),
)
backup_verifications = Table(
    "backup_verifications",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("plan", String(40), nullable=False),
    Column("site", String(40), nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("reached", Integer, nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("receipt", Integer, nullable=False),
    Column("findings", Json, nullable=False),
    Column("outcomes", Json, nullable=False),
    Column("files_read", Integer, nullable=False),
    Column("bytes_read", BigInteger, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    # one plan's list, one replica's, that of several plans, and the counts of verdicts
    Index("ix_backup_verifications_listed", "plan", "finished_at", "id"),
    Index("ix_backup_verifications_site", "plan", "site", "finished_at", "id"),
    Index("ix_backup_verifications_finished", "finished_at", "id"),
    Index("ix_backup_verifications_verdict", "plan", "site", "verdict"),
)
backup_coverage = Table(
    "backup_coverage",
    metadata,
    Column("plan", String(40), primary_key=True),
    Column("site", String(40), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("read_at", UtcDateTime, nullable=False),
    Column("sound", Boolean, nullable=False),
    Index("ix_backup_coverage_read", "plan", "site", "read_at"),
)
backup_heartbeats = Table(
    "backup_heartbeats",
    metadata,
    Column("plan", String(40), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)
backup_drills = Table(
    "backup_drills",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("plan", String(40), nullable=False),
    Column("site", String(40), nullable=False),
    Column("receipt", Integer, nullable=False),
    Column("reached", Integer, nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("rto", Float, nullable=False),
    Column("rpo", Float),
    Column("comparison", Json, nullable=False),
    Column("checks", Json, nullable=False),
    Column("findings", Json, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    Index("ix_backup_drills_decided", "decided_at", "id"),
    Index("ix_backup_drills_site", "plan", "site", "finished_at", "id"),
)


# --- claims: one piece of work on a plan at a time
def claim_row(connection: Connection, plan: str) -> Row[Any] | None:
    query = select(backup_claims).where(backup_claims.c.plan == plan).with_for_update()
    return connection.execute(query).one_or_none()


def put_claim(connection: Connection, values: Mapping[str, Any]) -> None:
    connection.execute(delete(backup_claims).where(backup_claims.c.plan == values["plan"]))
    connection.execute(insert(backup_claims).values(values))


def drop_claim(connection: Connection, plan: str, token: str) -> None:
    mine = (backup_claims.c.plan == plan) & (backup_claims.c.token == token)
    connection.execute(delete(backup_claims).where(mine))


# --- runs
def insert_run(connection: Connection, run: Run) -> None:
    connection.execute(insert(backup_runs).values(**{**vars(run), "state": str(run.state)}))


def move_run(connection: Connection, run_id: str, target: RunState, **values: Any) -> None:
    """Bring a run into its next state; Conflict when the table of states has no such move."""
    current = get_run(connection, run_id).state
    move(run_id, current, target)
    changed = update(backup_runs).where(backup_runs.c.id == run_id)
    connection.execute(changed.values(state=str(target), **values))


def note_error(connection: Connection, run_id: str, error: str) -> None:
    connection.execute(update(backup_runs).where(backup_runs.c.id == run_id).values(error=error))


def get_run(connection: Connection, run_id: str) -> Run:
    row = connection.execute(select(backup_runs).where(backup_runs.c.id == run_id)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no backup run %(run)s."), run=run_id)
    return run_of(row)


def last_runs(connection: Connection, plans: Collection[str]) -> dict[str, Run]:
    """The newest run of each plan that ever ran."""
    if not plans:
        return {}
    ordered = select(backup_runs.c.id).order_by(backup_runs.c.started_at.desc(), backup_runs.c.id.desc())
    newest = [ordered.where(backup_runs.c.plan == plan).limit(1).scalar_subquery() for plan in plans]
    query = select(backup_runs).where(backup_runs.c.id.in_(newest))
    return {row.plan: run_of(row) for row in connection.execute(query)}


def unfinished_runs(connection: Connection, plan: str) -> list[Run]:
    open_states = [str(RunState.PLANNED), str(RunState.RUNNING)]
    query = select(backup_runs).where(backup_runs.c.plan == plan, backup_runs.c.state.in_(open_states))
    return [run_of(row) for row in connection.execute(query)]


def run_of_receipt(connection: Connection, plan: str, seq: int) -> Run | None:
    query = select(backup_runs).where(backup_runs.c.plan == plan, backup_runs.c.receipt == seq)
    row = connection.execute(query).one_or_none()
    return run_of(row) if row else None


# --- receipts
def insert_receipt(connection: Connection, receipt: Receipt) -> None:
    values = {"plan": receipt.plan, "seq": receipt.seq, "at": receipt.at, "digest": receipt.digest}
    connection.execute(insert(backup_receipts).values(**values, body=body(receipt).decode()))


def receipts_of(connection: Connection, plan: str) -> list[Receipt]:
    """Oldest first."""
    query = select(backup_receipts).where(backup_receipts.c.plan == plan).order_by(backup_receipts.c.seq)
    return [receipt_of(row.body, row.digest) for row in connection.execute(query)]


# --- replicas
def replicas_of(connection: Connection, plans: Collection[str]) -> dict[tuple[str, str], Row[Any]]:
    """What each site of the plans holds, with its newest receipt (``body`` and ``digest``; None before the first), the
    number of the plan's newest (``newest``), and when the longest-unread file there was read (``read_at``)."""
    held, read, made = backup_replicas.c, backup_coverage.c, backup_receipts.alias()
    newest = select(func.max(made.c.seq)).where(made.c.plan == held.plan).scalar_subquery()
    oldest = select(func.min(read.read_at, type_=UtcDateTime())).where(
        read.plan == held.plan, read.site == held.site
    )
    same = (backup_receipts.c.plan == held.plan) & (backup_receipts.c.seq == held.receipt)
    query = (
        select(
            backup_replicas,
            backup_receipts.c.body,
            backup_receipts.c.digest,
            newest.label("newest"),
            oldest.scalar_subquery().label("read_at"),
        )
        .join(backup_receipts, same, isouter=True)
        .where(held.plan.in_(plans))
    )
    return {(row.plan, row.site): row for row in connection.execute(query)}


def replica_rows(connection: Connection, plan: str) -> dict[str, Row[Any]]:
    query = select(backup_replicas).where(backup_replicas.c.plan == plan)
    return {row.site: row for row in connection.execute(query)}


def put_replica(connection: Connection, plan: str, site: str, **values: Any) -> None:
    where = (backup_replicas.c.plan == plan) & (backup_replicas.c.site == site)
    if connection.execute(update(backup_replicas).where(where).values(**values)).rowcount == 0:
        fresh = {"receipt": 0, "proved": 0, "error": "", **values}
        connection.execute(insert(backup_replicas).values(plan=plan, site=site, **fresh))


def lagging_since(connection: Connection, plan: str) -> datetime | None:
    """When a site that lacks the newest receipt was last tried; None when none lags."""
    newest = select(func.max(backup_receipts.c.seq)).where(backup_receipts.c.plan == plan).scalar_subquery()
    lagging = (backup_replicas.c.plan == plan) & (backup_replicas.c.receipt < newest)
    query = select(func.max(backup_replicas.c.tried_at)).where(lagging)
    moment: datetime | None = connection.execute(query).scalar()
    return moment


# --- verifications, drills
def insert_verification(connection: Connection, found: Verification) -> None:
    connection.execute(insert(backup_verifications).values(verification_row(found)))


def verifications_of(
    connection: Connection, plan: str, site: str | None = None, limit: int = 50
) -> list[Verification]:
    """Newest first."""
    query = select(backup_verifications).where(backup_verifications.c.plan == plan)
    if site is not None:
        query = query.where(backup_verifications.c.site == site)
    rows = connection.execute(query.order_by(backup_verifications.c.id.desc()).limit(limit))
    return [verification_of(row) for row in rows]


def newest_of(
    connection: Connection, table: Table, plans: Collection[str]
) -> dict[tuple[str, str], Row[Any]]:
    """The newest verification (or drill) at each site that ever was copied to: one step of an index each."""
    one, held = table.alias(), backup_replicas.c
    there = select(one.c.id).where(one.c.plan == held.plan, one.c.site == held.site)
    newest = there.order_by(one.c.finished_at.desc(), one.c.id.desc()).limit(1).scalar_subquery()
    query = select(table).select_from(backup_replicas).join(table, table.c.id == newest)
    return {(row.plan, row.site): row for row in connection.execute(query.where(held.plan.in_(plans)))}


def insert_drill(connection: Connection, drill: Drill) -> None:
    connection.execute(insert(backup_drills).values(drill_row(drill)))


# --- coverage ledger
def put_coverage(
    connection: Connection, plan: str, site: str, reads: Sequence[tuple[str, int, bool]], at: datetime
) -> None:
    """Note that these files (name, size, sound) were read whole at the site at that time."""
    where = (backup_coverage.c.plan == plan) & (backup_coverage.c.site == site)
    for start in range(0, len(reads), 500):
        part = reads[start : start + 500]
        names = [name for name, _size, _sound in part]
        connection.execute(delete(backup_coverage).where(where, backup_coverage.c.name.in_(names)))
        rows = [
            {"plan": plan, "site": site, "name": name, "size": size, "read_at": at, "sound": sound}
            for name, size, sound in part
        ]
        connection.execute(insert(backup_coverage), rows)


def coverage_of(connection: Connection, plan: str, site: str) -> dict[str, datetime]:
    """When each file was last read whole at the site."""
    query = select(backup_coverage.c.name, backup_coverage.c.read_at).where(
        backup_coverage.c.plan == plan, backup_coverage.c.site == site
    )
    return {row.name: row.read_at for row in connection.execute(query)}


def drop_coverage(connection: Connection, plan: str, names: Sequence[str]) -> None:
    """Forget files that retention took away, at every site."""
    for start in range(0, len(names), 500):
        gone = backup_coverage.c.name.in_(names[start : start + 500])
        connection.execute(delete(backup_coverage).where(backup_coverage.c.plan == plan, gone))


def put_heartbeat(connection: Connection, plan: str, at: datetime) -> None:
    """The record that dates the data: committed just before the copy, looked for after a restore."""
    changed = update(backup_heartbeats).where(backup_heartbeats.c.plan == plan).values(at=at)
    if connection.execute(changed).rowcount == 0:
        connection.execute(insert(backup_heartbeats).values(plan=plan, at=at))


def latest(connection: Connection, plan: str, work: str) -> datetime | None:
    """When the plan was last run, verified or drilled; None when never."""
    column, table = {
        "run": (backup_runs.c.started_at, backup_runs),
        "verify": (backup_verifications.c.started_at, backup_verifications),
        "drill": (backup_drills.c.decided_at, backup_drills),
    }[work]
    moment: datetime | None = connection.execute(
        select(func.max(column)).where(table.c.plan == plan)
    ).scalar()
    return moment


def run_of(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        plan=row.plan,
        unit=row.unit,
        state=RunState(row.state),
        receipt=row.receipt,
        error=row.error,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def verification_of(row: Row[Any]) -> Verification:
    return Verification(
        id=row.id,
        plan=row.plan,
        site=row.site,
        wanted=Level(row.wanted),
        reached=Level(row.reached),
        verdict=Verdict(row.verdict),
        receipt=row.receipt,
        findings=tuple(finding_of(value) for value in row.findings),
        outcomes=tuple(outcome_of(value) for value in row.outcomes),
        files_read=row.files_read,
        bytes_read=row.bytes_read,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
