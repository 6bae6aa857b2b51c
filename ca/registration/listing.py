"""Requests as people look through them: filters, order, and what waits for whose decision."""

from dataclasses import replace

from sqlalchemy import ColumnElement, false, select

from ca.model import Request, State
from ca.registration.tables import batch_rows
from ca.store import read_requests, request_of
from ca.tables import requests
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.store import approval_votes, users
from kernel.store.listing import Listing, equals


def _filed_by(names: tuple[str, ...]) -> ColumnElement[bool]:
    """Requests of people by their id, login or name."""
    people = select(users.c.id).where(users.c.login.in_(names) | users.c.name.in_(names))
    return requests.c.requested_by.in_(names) | requests.c.requested_by.in_(people)


def _filed_in(values: tuple[str, ...]) -> ColumnElement[bool]:
    """Requests that those batches filed."""
    return requests.c.id.in_(select(batch_rows.c.request).where(batch_rows.c.batch.in_(values)))


REQUESTS: Listing[Request] = Listing(
    query=read_requests(),
    key=requests.c.id,
    orders={"filed": requests.c.id},  # ids sort by the time of their making
    default="-filed",
    row=request_of,
    filters={
        "state": equals(requests.c.state),
        "profile": equals(requests.c.profile),
        "unit": equals(requests.c.unit),
        "requested_by": _filed_by,
        "batch": _filed_in,
    },
    facets={"state": requests.c.state},
)


def requests_of(principal: Principal, *, approves: bool) -> Listing[Request]:
    """The listing with the filter of what waits for this person's decision; ``approves`` is whether they may decide."""
    voted = select(approval_votes.c.approval).where(approval_votes.c.person == principal.id)
    undecided = (
        (requests.c.state == str(State.REQUESTED))
        & (requests.c.requested_by != principal.id)
        & requests.c.approval.not_in(voted)
    )

    def waiting(values: tuple[str, ...]) -> ColumnElement[bool]:
        if values != ("me",):
            raise Invalid(N_("This filter has one value: me."), place="waiting")
        return undecided if approves else false()

    return replace(REQUESTS, filters={**REQUESTS.filters, "waiting": waiting})
