"""Which certificates fit a selection, and what revoking them would touch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from ca.bulk.selection import MOST, Selection
from ca.inventory.tables import endpoints
from ca.tables import certificates
from kernel.canonical import canonical_json, sha256_hex
from kernel.identity.store import user_certificates


@dataclass(frozen=True)
class Preview:
    """What a bulk revocation would touch: how many, of which profiles and units, where they were seen at work (endpoints), how
    many sign people in; ``left_out`` are CA certificates, which are revoked one by one. ``sample`` holds (serial, subject);
    ``digest`` is the SHA-256 of all serials (``digest_of``)."""

    total: int
    profiles: Mapping[str, int]
    units: Mapping[str, int]
    endpoints: int
    accounts: int
    left_out: int
    sample: tuple[tuple[str, str], ...]
    digest: str


def digest_of(serials: Sequence[str]) -> str:
    """By which a proposal is compared with the dry run before it: of the serials in their order, in hex."""
    return sha256_hex(canonical_json(sorted(serials)))


def fitting(
    connection: Connection, selection: Selection, seen: Sequence[ColumnElement[bool]]
) -> list[tuple[str, str, bytes]]:
    """(serial, subject, DER) of certificates that fit and can be revoked, one more than MOST at the most."""
    columns = (certificates.c.serial, certificates.c.subject, certificates.c.der)
    query = select(*columns).where(*selection.conditions(), *seen).order_by(certificates.c.serial)
    return [(row.serial, row.subject, bytes(row.der)) for row in connection.execute(query.limit(MOST + 1))]


def preview(
    connection: Connection, serials: list[str], sample: list[tuple[str, str]], left_out: int
) -> Preview:
    """What revoking these would touch; ``sample`` and ``left_out`` as in Preview."""
    mine = certificates.c.serial.in_(serials)
    prints = select(certificates.c.fingerprint).where(mine)
    used = (endpoints.c.serial.in_(serials)) & endpoints.c.gone_at.is_(None)
    signing_in = user_certificates.c.fingerprint.in_(prints)
    return Preview(
        total=len(serials),
        profiles=_grouped(connection, certificates.c.profile, mine),
        units=_grouped(connection, certificates.c.unit, mine),
        endpoints=connection.execute(select(func.count()).select_from(endpoints).where(used)).scalar_one(),
        accounts=connection.execute(
            select(func.count()).select_from(user_certificates).where(signing_in)
        ).scalar_one(),
        left_out=left_out,
        sample=tuple(sample),
        digest=digest_of(serials),
    )


def _grouped(connection: Connection, column: Any, *wanted: Any) -> dict[str, int]:
    query = select(column, func.count()).where(*wanted).group_by(column)
    return {str(row[0]): row[1] for row in connection.execute(query)}
