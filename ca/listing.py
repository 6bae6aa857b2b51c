"""Certificates and proposed revocations as people look through them: filters, order, quick find."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Select, false, or_, select

from ca.model import Certificate, Revocation
from ca.store import (
    certificate_of,
    read_certificates,
    read_revocations,
    revocation_of,
)
from ca.tables import certificates, requests, revocations, words
from ca.words import LAST, terms_of
from kernel.store.listing import Listing, equals, since, until

_HEX = re.compile("[0-9a-f]+")
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


def certificates_by(connection: Connection, text: str) -> list[ColumnElement[bool]]:
    """The conditions for certificates that are found by ``text``: by their names, which a request may hold in their place
    (ca.store.add_words), or by the beginning of serial number or fingerprint."""
    owned = (certificates.c.serial, certificates.c.request)
    return _conditions(
        text, lambda term: _holding(connection, _of_word(term).union_all(*_of_number(term)), owned)
    )


def requests_by(connection: Connection, text: str) -> list[ColumnElement[bool]]:
    """The conditions for requests that are found by ``text``."""
    return _conditions(text, lambda term: _holding(connection, _of_word(term), (requests.c.id,)))


def _conditions(text: str, condition: Callable[[str], ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    terms = terms_of(text)
    return [false()] if text.strip() and not terms else [condition(term) for term in terms]


def _holding(
    connection: Connection, found: Select[Any] | CompoundSelect[Any], columns: Sequence[ColumnElement[str]]
) -> ColumnElement[bool]:
    """That one of the columns holds what was found."""
    few = connection.execute(found.limit(_FEW + 1)).scalars().all()
    if len(few) <= _FEW:
        return or_(*(column.in_(sorted(set(few))) for column in columns))
    # no index on that: the list is read in its order until the page is full
    return or_(*(column.concat("").in_(found) for column in columns))


def _of_word(term: str) -> Select[Any]:
    return select(words.c.owner).where(words.c.word >= term, words.c.word < term + LAST)


def _of_number(term: str) -> list[Select[Any]]:
    """The serial numbers of certificates whose own or whose fingerprint begins so; hex, before any "g"."""
    if not _HEX.fullmatch(term):
        return []
    serial, columns = certificates.c.serial, (certificates.c.serial, certificates.c.fingerprint)
    return [select(serial).where(column >= term, column < f"{term}g") for column in columns]
