"""The statements on the inventory's tables, and its lists."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from asn1crypto import core
from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, update

from ca.inventory.model import (
    WEIGHT,
    Endpoint,
    Facts,
    Fault,
    Finding,
    FindingState,
    Origin,
    Range,
)
from ca.inventory.tables import endpoints, findings, ranges
from ca.store import name_of
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import units
from kernel.store.listing import Listing, equals, since, until

_FACTS = tuple(one.name for one in fields(Facts) if one.name not in ("serial", "names"))
_ENDPOINT = (
    "id",
    "address",
    "port",
    "server_name",
    "unit",
    "source",
    "tls",
    "serial",
    "first_seen",
    "last_seen",
    "gone_at",
)
_RANGE = tuple(one.name for one in fields(Range) if one.name != "unit_name")
_FINDING = tuple(one.name for one in fields(Finding) if one.name != "unit_name")
_ranges: Select[Any] = select(
    *(ranges.c[name] for name in _RANGE), name_of(units, ranges.c.unit).label("unit_name")
)
_endpoints: Select[Any] = select(endpoints, name_of(units, endpoints.c.unit).label("unit_name"))
_findings: Select[Any] = select(
    *(findings.c[name] for name in _FINDING), name_of(units, findings.c.unit).label("unit_name")
)


def _range(row: Row[Any]) -> Range:
    values = {name: getattr(row, name) for name in _RANGE} | {"ports": tuple(row.ports)}
    return Range(**values, unit_name=row.unit_name or "")


def _endpoint(row: Row[Any]) -> Endpoint:
    facts = {name: getattr(row, name) for name in _FACTS}
    values = {name: getattr(row, name) for name in _ENDPOINT}
    return Endpoint(
        **values,
        facts=Facts(**facts, serial=row.certificate_serial, names=tuple(row.names)),
        origin=Origin(row.origin),
        faults=tuple(Fault(one) for one in row.faults),
        chain=_parted(bytes(row.chain)),
        unit_name=row.unit_name or "",
    )


def _finding(row: Row[Any]) -> Finding:
    values = {name: getattr(row, name) for name in _FINDING}
    typed = {"fault": Fault(row.fault), "state": FindingState(row.state)}
    return Finding(**values | typed, unit_name=row.unit_name or "")


def _parted(octets: bytes) -> tuple[bytes, ...]:
    """The DER structures that stand one after another."""
    found = []
    while octets:
        one = core.Any.load(octets).dump()
        found.append(one)
        octets = octets[len(one) :]
    return tuple(found)


def _with_fault(values: tuple[str, ...]) -> ColumnElement[bool]:
    told = select(findings.c.endpoint).where(findings.c.fault.in_(values), findings.c.state != "gone")
    return endpoints.c.id.in_(told)


def _present(values: tuple[str, ...]) -> ColumnElement[bool]:
    return endpoints.c.gone_at.is_not(None) if "no" in values else endpoints.c.gone_at.is_(None)


RANGES: Listing[Range] = Listing(
    query=_ranges,
    key=ranges.c.id,
    orders={"made": ranges.c.id},
    default="-made",
    row=_range,
    text=(ranges.c.name, ranges.c.network),
    filters={"unit": equals(ranges.c.unit)},
)
ENDPOINTS: Listing[Endpoint] = Listing(
    query=_endpoints,
    key=endpoints.c.id,
    orders={"expires": endpoints.c.not_after},
    default="expires",
    row=_endpoint,
    text=(endpoints.c.id, endpoints.c.server_name, endpoints.c.subject, endpoints.c.fingerprint),
    filters={
        "origin": equals(endpoints.c.origin),
        "unit": equals(endpoints.c.unit),
        "source": equals(endpoints.c.source),
        "issuer": equals(endpoints.c.issuer),
        "serial": equals(endpoints.c.serial),
        "fingerprint": equals(endpoints.c.fingerprint),
        "key": equals(endpoints.c.key_digest),
        "fault": _with_fault,
        "present": _present,
        "expires_before": until(endpoints.c.not_after),
        "expires_after": since(endpoints.c.not_after),
    },
    facets={"origin": endpoints.c.origin},
)
FINDINGS: Listing[Finding] = Listing(
    query=_findings,
    key=findings.c.id,
    orders={"weight": findings.c.weight},
    default="-weight",
    row=_finding,
    text=(findings.c.endpoint, findings.c.subject),
    filters={
        "state": equals(findings.c.state),
        "fault": equals(findings.c.fault),
        "severity": equals(findings.c.severity),
        "unit": equals(findings.c.unit),
        "endpoint": equals(findings.c.endpoint),
    },
    facets={"state": findings.c.state},
)


# --- ranges
def read_range(connection: Connection, range_id: str) -> Range:
    row = connection.execute(_ranges.where(ranges.c.id == range_id)).one_or_none()
    if row is None:
        raise no_range(range_id)
    return _range(row)


def no_range(range_id: str) -> NotFound:
    return NotFound(N_("There is no range %(id)s."), id=range_id[:60])


def living_ranges(connection: Connection, only: Sequence[str] | None = None) -> list[Range]:
    """Those that are looked at; of ``only`` these, which may be none, or of all."""
    query = _ranges.where(ranges.c.enabled.is_(True)).order_by(ranges.c.id)
    if only is not None:
        query = query.where(ranges.c.id.in_(only))
    return [_range(row) for row in connection.execute(query)]


def networks(connection: Connection, but: str = "") -> list[tuple[str, str]]:
    """(network, unit) of every range but that one."""
    query = select(ranges.c.network, ranges.c.unit).where(ranges.c.id != but)
    return [(row.network, row.unit) for row in connection.execute(query)]


def put_range(connection: Connection, one: Range) -> None:
    row = {name: getattr(one, name) for name in _RANGE} | {"ports": list(one.ports)}
    connection.execute(delete(ranges).where(ranges.c.id == one.id))
    connection.execute(insert(ranges).values(row))


def remove_range(connection: Connection, range_id: str) -> None:
    connection.execute(delete(ranges).where(ranges.c.id == range_id))


# --- endpoints
def put_endpoint(connection: Connection, one: Endpoint, range_id: str) -> None:
    """What was seen; the first time it was seen stays."""
    row: dict[str, Any] = {name: getattr(one, name) for name in _ENDPOINT}
    row |= {name: getattr(one.facts, name) for name in _FACTS}
    row |= {"certificate_serial": one.facts.serial, "names": list(one.facts.names), "range": range_id}
    row |= {
        "origin": str(one.origin),
        "faults": [str(fault) for fault in one.faults],
        "chain": b"".join(one.chain),
    }
    old = select(endpoints.c.first_seen).where(endpoints.c.id == one.id)
    before = connection.execute(old).scalar_one_or_none()
    if before is None:
        connection.execute(insert(endpoints).values(row))
    else:
        row["first_seen"] = before
        connection.execute(update(endpoints).where(endpoints.c.id == one.id).values(row))


def read_endpoint(connection: Connection, endpoint_id: str) -> Endpoint:
    row = connection.execute(_endpoints.where(endpoints.c.id == endpoint_id)).one_or_none()
    if row is None:
        raise no_endpoint(endpoint_id)
    return _endpoint(row)


def no_endpoint(endpoint_id: str) -> NotFound:
    return NotFound(N_("There is no endpoint %(id)s."), id=endpoint_id[:80])


def known_at(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Which of these endpoints have shown a certificate before and are not gone."""
    query = select(endpoints.c.id).where(endpoints.c.id.in_(list(ids)), endpoints.c.gone_at.is_(None))
    return set(connection.execute(query).scalars())


def set_gone(connection: Connection, ids: Iterable[str], now: datetime) -> None:
    gone = update(endpoints).where(endpoints.c.id.in_(list(ids)))
    connection.execute(gone.values(gone_at=now))


def hosts_of_keys(connection: Connection, digests: Iterable[str]) -> Mapping[str, set[str]]:
    """Addresses at which each key is at work."""
    wanted = [one for one in digests if one]
    query = select(endpoints.c.key_digest, endpoints.c.address).where(
        endpoints.c.key_digest.in_(wanted), endpoints.c.gone_at.is_(None)
    )
    found: dict[str, set[str]] = {}
    for digest, address in connection.execute(query):
        found.setdefault(digest, set()).add(address)
    return found


def living_endpoints(connection: Connection) -> Iterable[Endpoint]:
    """All that answer, by id."""
    query = _endpoints.where(endpoints.c.gone_at.is_(None)).order_by(endpoints.c.id)
    for row in connection.execute(query):
        yield _endpoint(row)


def set_faults(connection: Connection, one: Endpoint) -> None:
    told = {"faults": [str(fault) for fault in one.faults], "origin": str(one.origin), "serial": one.serial}
    connection.execute(update(endpoints).where(endpoints.c.id == one.id).values(told))


def count_by(
    connection: Connection, column: ColumnElement[Any], *scope: ColumnElement[bool]
) -> dict[str, int]:
    """Endpoints that answer, counted by a column's values; the most frequent first."""
    number = func.count().label("number")
    query = select(column, number).where(endpoints.c.gone_at.is_(None), *scope).group_by(column)
    return {
        str(row[0]): row[1] for row in connection.execute(query.order_by(number.desc(), column).limit(12))
    }


def count_ending(
    connection: Connection, bounds: Sequence[datetime], *scope: ColumnElement[bool]
) -> list[int]:
    """How many end before the first bound, between each and the next, and after the last."""
    end = endpoints.c.not_after
    edges: list[datetime | None] = [None, *bounds, None]
    numbers = []
    for start, stop in itertools.pairwise(edges):
        span = [end >= start] if start else []
        span += [end < stop] if stop else []
        numbers.append(
            select(func.count()).where(endpoints.c.gone_at.is_(None), *span, *scope).scalar_subquery()
        )
    return list(connection.execute(select(*numbers)).one())


# --- findings
def findings_of(connection: Connection, endpoint: str) -> list[Finding]:
    """All of an endpoint, gone ones too."""
    return [_finding(row) for row in connection.execute(_findings.where(findings.c.endpoint == endpoint))]


def read_finding(connection: Connection, finding_id: str, *, lock: bool = False) -> Finding:
    query = _findings.where(findings.c.id == finding_id)
    row = connection.execute(query.with_for_update(of=findings) if lock else query).one_or_none()
    if row is None:
        raise no_finding(finding_id)
    return _finding(row)


def no_finding(finding_id: str) -> NotFound:
    return NotFound(N_("There is no finding %(id)s."), id=finding_id[:60])


def put_finding(connection: Connection, one: Finding) -> None:
    row: dict[str, Any] = {name: getattr(one, name) for name in _FINDING}
    row |= {"fault": str(one.fault), "state": str(one.state)}
    row["weight"] = 0 if one.state is FindingState.GONE else WEIGHT[one.severity]
    changed = connection.execute(update(findings).where(findings.c.id == one.id).values(row))
    if not changed.rowcount:
        connection.execute(insert(findings).values(row))


def count_standing(connection: Connection, *scope: ColumnElement[bool]) -> int:
    query = select(func.count()).where(findings.c.weight > 0, *scope)
    return int(connection.execute(query).scalar_one())
