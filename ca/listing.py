"""Requests, certificates and revocations as people look through them: whose are seen, filters, order, quick find."""

from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, false, select

from ca.model import Certificate, Request, Revocation, State
from ca.registration.tables import batch_rows
from ca.store import (
    certificate_of,
    read_certificates,
    read_requests,
    read_revocations,
    request_of,
    revocation_of,
)
from ca.tables import certificates, requests, revocations, words
from ca.words import LAST, terms_of
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.store import approval_votes, users
from kernel.store.listing import Listing, equals, since, until

_FEW = 1000  # owners that are named one by one; more are looked up row by row, where a page is soon full

CERTIFICATES: Listing[Certificate] = Listing(
    query=read_certificates(),
    key=certificates.c.serial,
    orders={"issued": certificates.c.intent_at, "expires": certificates.c.not_after},
    default="-issued",
    row=certificate_of,
    filters={
        "state": equals(certificates.c.state),
        "profile": equals(certificates.c.profile),
        "profile_version": equals(certificates.c.profile_version),
        "unit": equals(certificates.c.unit),
        "authority": equals(certificates.c.authority),
        "request": equals(certificates.c.request),
        "expires_before": until(certificates.c.not_after),
        "expires_after": since(certificates.c.not_after),
        "revoked_since": since(certificates.c.revoked_at),
    },
    facets={"state": certificates.c.state},
)


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


REVOCATIONS: Listing[Revocation] = Listing(
    query=read_revocations(),
    key=revocations.c.id,
    orders={"proposed": revocations.c.id},
    default="-proposed",
    row=revocation_of,
    text=(certificates.c.subject, revocations.c.serial),
    filters={"state": equals(revocations.c.state), "serial": equals(revocations.c.serial)},
    facets={"state": revocations.c.state},
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


def found_by(connection: Connection, key: ColumnElement[str], text: str) -> list[ColumnElement[bool]]:
    """The conditions for what is found by ``text``; ``key`` is a request's id or a certificate's serial."""
    terms = terms_of(text)
    if text.strip() and not terms:
        return [false()]
    return [_holding(connection, key, term) for term in terms]


def _holding(connection: Connection, key: ColumnElement[str], term: str) -> ColumnElement[bool]:
    owners = select(words.c.owner).where(words.c.word >= term, words.c.word < term + LAST)
    few = connection.execute(owners.limit(_FEW + 1)).scalars().all()
    if len(few) <= _FEW:
        return key.in_(sorted(set(few)))
    return key.concat("").in_(
        owners
    )  # no index on that: the list is read in its order until the page is full
