"""The CA's authorities."""

from datetime import datetime
from typing import Any

from ca.model import AuthorityStatus
from ca.resources.labels import CERTIFICATE_STATES
from kernel.edges.resources import (
    Cell,
    Column,
    Download,
    File,
    Filter,
    Link,
    Record,
    Related,
    Resource,
)
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission


# --- authorities
class AuthorityRecord(Record):
    id: str
    name: str
    state: str
    parent: str
    algorithm: str
    serial: str
    not_before: datetime
    not_after: datetime
    certificates: int
    fingerprint: str


def authority_record(found: AuthorityStatus) -> AuthorityRecord:
    return AuthorityRecord(
        id=found.authority.id,
        name=found.authority.name,
        state=str(found.state),
        parent=found.authority.parent or "",
        algorithm=found.authority.algorithm,
        serial=found.serial,
        not_before=found.not_before,
        not_after=found.not_after,
        certificates=found.certificates,
        fingerprint=found.fingerprint,
    )


def _authorities(app: Any, principal: Principal, ask: Ask) -> Page[AuthorityRecord]:
    return app.ca.overview.authorities(principal, ask).map(authority_record)  # type: ignore[no-any-return]


def _authority(app: Any, principal: Principal, authority_id: str) -> AuthorityRecord:
    return authority_record(app.ca.overview.authority(principal, authority_id))


def _authority_der(app: Any, principal: Principal, authority_id: str) -> File:
    found = app.ca.overview.authority(principal, authority_id)
    return File(f"{authority_id}.cer", "application/pkix-cert", found.authority.certificate)


def _authority_pem(app: Any, principal: Principal, authority_id: str) -> File:
    from kernel.pki.pem import certificate_pem

    found = app.ca.overview.authority(principal, authority_id)
    return File(f"{authority_id}.pem", "application/x-pem-file", certificate_pem(found.authority.certificate))


AUTHORITIES = Resource(
    name="ca.authorities",
    title=N_("Certification authorities"),
    one=N_("Certification authority"),
    permission=_P.CA_READ,
    record=AuthorityRecord,
    page=_authorities,
    item=_authority,
    headline="name",
    columns=(
        Column("name", N_("Name")),
        Column("state", N_("State"), Cell.STATE, CERTIFICATE_STATES),
        Column("certificates", N_("Living certificates"), Cell.NUMBER),
        Column("algorithm", N_("Key algorithm"), Cell.CODE),
        Column("parent", N_("Superior CA"), link=Link("ca.authorities")),
        Column("not_after", N_("Valid until"), Cell.TIME),
        Column("not_before", N_("Valid from"), Cell.TIME, shown=False),
        Column("serial", N_("Serial number"), Cell.CODE, shown=False),
        Column("fingerprint", N_("SHA-256"), Cell.CODE),
        Column("id", N_("Short name"), Cell.CODE, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=CERTIFICATE_STATES),),
    downloads=(
        Download("der", N_("Certificate (DER)"), _P.CA_READ, _authority_der),
        Download("pem", N_("Certificate (PEM)"), _P.CA_READ, _authority_pem),
    ),
    related=(
        Related(N_("Proposed revocations"), "ca.revocations", lambda record: {"serial": record.serial}),
        Related(N_("Newest CRLs"), "ca.crls", lambda record: {"authority": record.id}),
        Related(N_("Issued certificates"), "ca.certificates", lambda record: {"authority": record.id}),
    ),
    sort="rank",
    empty=N_("There is no CA yet. One officer proposes a ceremony, another performs it."),
)
