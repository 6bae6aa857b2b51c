"""Certificates and proposed revocations as people look through them: filters, order, quick find."""

from sqlalchemy import ColumnElement, Connection, false, select

from ca.model import Certificate, Revocation
from ca.store import (
    certificate_of,
    read_certificates,
    read_revocations,
    revocation_of,
)
from ca.tables import certificates, revocations, words
from ca.words import LAST, terms_of
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
