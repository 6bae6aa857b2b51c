"""The lists of runs, receipts, verifications and drills, each within some plans, and the statement on a plan's history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from backup import store
from backup.codec import drill_of, receipt_of
from backup.model import Run
from backup.receipts import GENESIS, Receipt
from kernel.canonical import sha256_hex
from kernel.store.listing import Ask, Listing, Page, equals, since, until

T = TypeVar("T")
_runs, _receipts = store.backup_runs.c, store.backup_receipts.c
_verifications, _drills = store.backup_verifications.c, store.backup_drills.c
_before = store.backup_receipts.alias("before")


@dataclass(frozen=True)
class OfPlans(Generic[T]):
    """A list of which one sees what belongs to some plans; ``plan`` is the column that says to which."""

    plan: ColumnElement[str]
    listing: Listing[T]

    def page(self, connection: Connection, ask: Ask, plans: Sequence[str]) -> Page[T]:
        return self.listing.page(connection, ask, self._within(plans))

    def item(self, connection: Connection, key: str, plans: Sequence[str]) -> T | None:
        query = self.listing.query.where(self._within(plans), self.listing.key == key)
        row = connection.execute(query).one_or_none()
        return None if row is None else self.listing.row(row)

    def _within(self, plans: Sequence[str]) -> ColumnElement[bool]:
        """One plan is read by the index of its own order; several by that of all rows, which SQLite would leave for that
        of the plan and a sort of every row, did the condition name the bare column."""
        return self.plan == plans[0] if len(plans) == 1 else func.coalesce(self.plan, "").in_(plans)


@dataclass(frozen=True)
class ListedReceipt:
    """A receipt, its bytes as stored, and whether these bytes and the tie to the receipt before it are sound."""

    receipt: Receipt
    body: str
    sound: bool


@dataclass(frozen=True)
class HistoryEntry:
    """One run of a plan: how long it took until stored, and how much it read at the sources (None: nothing was stored)."""

    run: Run
    seconds: float | None
    octets: int | None


def _listed_receipt(row: Row[Any]) -> ListedReceipt:
    receipt = receipt_of(row.body, row.digest)
    tied = receipt.previous == (row.before or (GENESIS if row.seq == 1 else None))
    return ListedReceipt(receipt, row.body, tied and row.digest == sha256_hex(row.body.encode()))


RUNS = OfPlans(
    _runs.plan,
    Listing(
        query=select(store.backup_runs),
        key=_runs.id,
        orders={"started_at": _runs.started_at},
        default="-started_at",
        row=store.run_of,
        text=(_runs.id, _runs.error),
        filters={
            "plan": equals(_runs.plan),
            "state": equals(_runs.state),
            "since": since(_runs.started_at),
            "until": until(_runs.started_at),
        },
        facets={"state": _runs.state},
    ),
)
RECEIPTS = OfPlans(
    _receipts.plan,
    Listing(
        query=select(store.backup_receipts, _before.c.digest.label("before")).join(
            _before, and_(_before.c.plan == _receipts.plan, _before.c.seq == _receipts.seq - 1), isouter=True
        ),
        key=_receipts.digest,
        orders={"at": _receipts.at},
        default="-at",
        row=_listed_receipt,
        text=(_receipts.digest,),
        filters={
            "plan": equals(_receipts.plan),
            "since": since(_receipts.at),
            "until": until(_receipts.at),
        },
    ),
)
VERIFICATIONS = OfPlans(
    _verifications.plan,
    Listing(
        query=select(store.backup_verifications),
        key=_verifications.id,
        orders={"finished_at": _verifications.finished_at},
        default="-finished_at",
        row=store.verification_of,
        text=(_verifications.id,),
        filters={
            "plan": equals(_verifications.plan),
            "site": equals(_verifications.site),
            "verdict": equals(_verifications.verdict),
            "since": since(_verifications.finished_at),
            "until": until(_verifications.finished_at),
        },
        facets={"verdict": _verifications.verdict},
    ),
)
DRILLS = OfPlans(
    _drills.plan,
    Listing(
        query=select(store.backup_drills),
        key=_drills.id,
        orders={"decided_at": _drills.decided_at, "rto": _drills.rto},
        default="-decided_at",
        row=lambda row: drill_of({column.name: row._mapping[column] for column in store.backup_drills.c}),
        text=(_drills.id,),
        filters={
            "plan": equals(_drills.plan),
            "site": equals(_drills.site),
            "verdict": equals(_drills.verdict),
            "since": since(_drills.decided_at),
            "until": until(_drills.decided_at),
        },
        facets={"verdict": _drills.verdict},
    ),
)


def history(connection: Connection, plan: str, most: int) -> list[HistoryEntry]:
    """The newest runs of a plan, oldest first."""
    joined = and_(_receipts.plan == _runs.plan, _receipts.seq == _runs.receipt)
    query = (
        select(store.backup_runs, _receipts.body)
        .join(store.backup_receipts, joined, isouter=True)
        .where(_runs.plan == plan)
        .order_by(_runs.started_at.desc(), _runs.id.desc())
    )
    rows = connection.execute(query.limit(most)).all()
    return [_history(row) for row in reversed(rows)]


def _history(row: Row[Any]) -> HistoryEntry:
    run = store.run_of(row)
    seconds = (run.finished_at - run.started_at) / timedelta(seconds=1) if run.finished_at else None
    octets = sum(stored.bytes for stored in receipt_of(row.body, "").sets) if row.body else None
    return HistoryEntry(run, seconds, octets)
