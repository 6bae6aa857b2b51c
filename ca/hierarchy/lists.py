"""The revocation list of an offline CA: one full list for months, carried to its key and back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ca.hierarchy.acts.base import Work
from ca.hierarchy.orders import Order, OrderKind
from ca.model import Authority
from ca.scopes import ListKind
from ca.status.making import ListMaker
from ca.status.model import RevocationList
from kernel.canonical import iso_utc
from kernel.identity.model import Principal

YEAR = timedelta(days=365)
_TIMES = ("since", "this_update", "next_update")


def ordered(maker: ListMaker, authority: Authority, validity: timedelta) -> tuple[Order, dict[str, Any]]:
    """The order for a list of all that is revoked now, and the list's record (JSON)."""
    record, tbs = maker.unsigned(authority, validity)
    kept = {**vars(record), "kind": str(record.kind)}
    return Order.by(authority, OrderKind.CRL, tbs), kept | {name: iso_utc(kept[name]) for name in _TIMES}


def taken(
    maker: ListMaker,
    authority: Authority,
    kept: Mapping[str, Any],
    signature: bytes,
    work: Work,
    by: Principal,
) -> str:
    """Publish the list that has come back; a line for the minutes."""
    times = {name: datetime.fromisoformat(kept[name]) for name in _TIMES}
    record = RevocationList(**{**kept, **times, "kind": ListKind(kept["kind"])})
    tbs = next(order.tbs for order in work.orders if order.kind is OrderKind.CRL)
    made = maker.signed_elsewhere(authority, record, tbs, signature, by)
    return f"{authority.id}: CRL {made.number}; {iso_utc(made.next_update)}; SHA-256 {made.digest}"
