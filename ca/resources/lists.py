"""Certificate revocation lists: full ones and deltas, of a CA or of one of its shards."""

from datetime import datetime
from typing import Any

from ca.resources.labels import FRESHNESS
from ca.scopes import ListKind
from ca.status.model import ListStatus
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Label,
    Labels,
    Link,
    On,
    Record,
    Resource,
    Tone,
    Verb,
)
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission
KINDS: Labels = {
    ListKind.FULL: Label(N_("full list"), Tone.QUIET),
    ListKind.DELTA: Label(N_("delta list"), Tone.QUIET),
}


class CrlRecord(Record):
    id: str
    authority: str
    name: str
    kind: str
    shard: int
    state: str
    number: int | None
    base: int | None
    this_update: datetime | None
    next_update: datetime | None
    entries: int
    size: int
    url: str


def crl_record(found: ListStatus) -> CrlRecord:
    return CrlRecord(**vars(found) | {"state": str(found.state), "kind": str(found.kind)})


def _crls(app: Any, principal: Principal, ask: Ask) -> Page[CrlRecord]:
    return app.ca.lists.page(principal, ask).map(crl_record)  # type: ignore[no-any-return]


def _crl(app: Any, principal: Principal, name: str) -> CrlRecord:
    return crl_record(app.ca.lists.show(principal, name))


def _publish(app: Any, principal: Principal, name: str, _given: Any) -> Done:
    app.ca.publication.publish(_crl(app, principal, name).authority, principal)
    record = _crl(app, principal, name)
    return Done(N_("CRL number %(number)s is published."), {"number": record.number}, record=record, id=name)


def _octets(app: Any, principal: Principal, name: str) -> File:
    file = f"{name.replace(':', '-')}.crl"
    return File(file, "application/pkix-crl", app.ca.lists.octets(principal, name))


def _prove(app: Any, principal: Principal, serial: str, _given: Any) -> Done:
    found = app.ca.proofs.check(principal, serial)
    rows = [
        {
            N_("Changed"): str(one.changed_at),
            N_("State"): str(one.state),
            N_("Seconds until it was seen everywhere"): "" if one.seconds is None else one.seconds,
        }
        for one in found
    ]
    return Done(N_("Looked at what relying parties see."), rows=rows, id=serial)


def _prepare(app: Any, principal: Principal, _id: str, _given: Any) -> Done:
    return Done(N_("The answers are being prepared."), job=app.ca.preparation.request(principal))


PROVE = Verb(
    "prove",
    N_("Look at what relying parties see"),
    _P.CA_CRL_PUBLISH,
    _prove,
    when=lambda record: record.state in ("held", "revoked"),
    explain=N_(
        "CRL, delta and OCSP are fetched from the addresses in the certificate and held against the last change."
    ),
)
PREPARE = Verb(
    "prepare",
    N_("Prepare OCSP answers now"),
    _P.CA_CRL_PUBLISH,
    _prepare,
    on=On.LIST,
    explain=N_(
        "The worker does this every hour; changed certificates are answered rightly at once in any case."
    ),
)
CRLS = Resource(
    name="ca.crls",
    title=N_("Certificate revocation lists"),
    one=N_("Certificate revocation list"),
    permission=_P.CA_READ,
    record=CrlRecord,
    page=_crls,
    item=_crl,
    headline="name",
    columns=(
        Column("name", N_("Issuing CA"), link=Link("ca.authorities", "authority")),
        Column("kind", N_("Kind of list"), Cell.STATE, KINDS),
        Column("state", N_("State"), Cell.STATE, FRESHNESS),
        Column("number", N_("CRL number"), Cell.CODE),
        Column("this_update", N_("Signed (thisUpdate)"), Cell.TIME),
        Column("next_update", N_("Next by (nextUpdate)"), Cell.TIME),
        Column("entries", N_("Entries on the list"), Cell.NUMBER),
        Column("size", N_("Size of the list"), Cell.OCTETS),
        Column("shard", N_("Shard (0: all certificates)"), Cell.NUMBER, shown=False),
        Column("base", N_("Number of the full list that the delta completes"), Cell.NUMBER, shown=False),
        Column("url", N_("Address for relying parties"), Cell.CODE, shown=False),
        Column("id", N_("Short name"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("kind", N_("Kind of list"), labels=KINDS),
        Filter("state", N_("State"), labels=FRESHNESS),
        Filter("authority", N_("Short name"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "publish",
            N_("Publish a new one now"),
            _P.CA_CRL_PUBLISH,
            _publish,
            bulk=True,
            explain=N_("Lists of all that is revoked now, full and delta, are signed under the next number."),
        ),
        PREPARE,
    ),
    downloads=(
        Download("crl", N_("CRL (DER)"), _P.CA_READ, _octets, lambda record: record.number is not None),
    ),
    empty=N_("There is no CA yet. One officer proposes a ceremony, another performs it."),
)
