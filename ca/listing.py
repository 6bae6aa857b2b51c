"""Certificates and proposed revocations as people look through them: filters, order, quick find."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Select, false, select, union_all

from ca.model import Certificate
from ca.store import (
    certificate_of,
    read_certificates,
)
from ca.tables import certificates, requests, words
from ca.words import LAST, terms_of
from kernel.store.listing import Listing, equals, since, until

_NUMBER = re.compile("[0-9a-f]{4,}")
_SERIAL = words.c.owner < "g"  # hex; a request's id begins with "req"
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


def certificates_by(connection: Connection, text: str) -> list[ColumnElement[bool]]:
    """The conditions for certificates that are found by ``text``: by their names, or by at least four digits with which the
    serial number or fingerprint begins."""
    serial = certificates.c.serial
    return [
        _holding(connection, serial, union_all(_of_word(term, _SERIAL), *_of_number(term)))
        if term
        else false()
        for term in _terms(text)
    ]


def requests_by(connection: Connection, text: str) -> list[ColumnElement[bool]]:
    """The conditions for requests that are found by ``text``."""
    mine = requests.c.id
    return [
        _holding(connection, mine, _of_word(term, ~_SERIAL)) if term else false() for term in _terms(text)
    ]


def _terms(text: str) -> list[str]:
    """What is looked for, an empty term when nothing can be."""
    return terms_of(text) or [""] * bool(text.strip())


def _holding(
    connection: Connection, key: ColumnElement[str], found: Select[Any] | CompoundSelect[Any]
) -> ColumnElement[bool]:
    few = connection.execute(found.limit(_FEW + 1)).scalars().all()
    if len(few) <= _FEW:
        return key.in_(sorted(set(few)))
    # no index on that: the list is read in its order until the page is full
    return key.concat("").in_(found)


def _of_word(term: str, kind: ColumnElement[bool]) -> Select[Any]:
    """The owners, of that kind, of words that begin so."""
    return select(words.c.owner).where(words.c.word >= term, words.c.word < term + LAST, kind)


def _of_number(term: str) -> Iterator[Select[Any]]:
    """Both are in hex: whatever follows the beginning is before any "g"."""
    if _NUMBER.fullmatch(term):
        serial = certificates.c.serial
        for column in (serial, certificates.c.fingerprint):
            yield select(serial).where(column >= term, column < f"{term}g")
