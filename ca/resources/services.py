"""The suite's own services that work with certificates."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from ca.model import ServiceStatus
from ca.resources.labels import (
    FRESHNESS,
    ROLES,
    authority_names,
    key_algorithms,
)
from ca.signer.model import KeyRole
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    Input,
    Link,
    Record,
    Resource,
    Verb,
)
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission


class ServiceRecord(Record):
    id: str
    role: str
    state: str
    subject: str
    serial: str
    authority: str
    authority_name: str
    algorithm: str
    not_after: datetime | None


def service_record(found: ServiceStatus, names: Mapping[str, str]) -> ServiceRecord:
    """``names`` of CAs by id."""
    shown = {name: value for name, value in vars(found).items() if name != "certificate"}
    called = names.get(found.authority, found.authority)
    return ServiceRecord(**shown | {"state": str(found.state), "authority_name": called})


def _services(app: Any, principal: Principal, ask: Ask) -> Page[ServiceRecord]:
    names = authority_names(app, principal)
    return app.ca.overview.services(principal, ask).map(lambda one: service_record(one, names))  # type: ignore[no-any-return]


def _service(app: Any, principal: Principal, service_id: str) -> ServiceRecord:
    return service_record(app.ca.overview.service(principal, service_id), authority_names(app, principal))


class Provision(Input):
    algorithm: str | None = Field(
        None,
        title=N_("Key algorithm"),
        description=N_("One that the service's profile allows; empty: as before."),
    )


def _provision(app: Any, principal: Principal, service_id: str, given: Provision) -> Done:
    known = _service(app, principal, service_id)
    (made,) = app.ca.services.provision(
        principal, KeyRole(known.role), known.authority, algorithm=given.algorithm or ""
    )
    return Done(
        N_("The service works with a new key and certificate %(serial)s."),
        {"serial": made.serial},
        record=_service(app, principal, service_id),
        id=service_id,
    )


def _certificate(app: Any, principal: Principal, service_id: str) -> File:
    found = app.ca.overview.service(principal, service_id)
    return File(f"{service_id}.cer", "application/pkix-cert", found.certificate)


SERVICES = Resource(
    name="ca.services",
    title=N_("Services with certificates"),
    one=N_("Service with a certificate"),
    permission=_P.CA_READ,
    record=ServiceRecord,
    page=_services,
    item=_service,
    headline="role",
    columns=(
        Column("role", N_("Service"), Cell.STATE, ROLES),
        Column("id", N_("Short name"), Cell.CODE, shown=False),
        Column("state", N_("State"), Cell.STATE, FRESHNESS),
        Column("not_after", N_("Valid until"), Cell.TIME),
        Column("serial", N_("Serial number"), Cell.CODE, link=Link("ca.certificates")),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
        Column("authority_name", N_("Issuing CA"), link=Link("ca.authorities", "authority")),
        Column("algorithm", N_("Key algorithm"), shown=False, choices=key_algorithms),
    ),
    filters=(Filter("state", N_("State"), labels=FRESHNESS),),
    verbs=(
        Verb(
            "provision",
            N_("Provision anew"),
            _P.CA_PROVISION,
            _provision,
            Provision,
            explain=N_(
                "A new key is made in the signer and certified; the service works with it from now on."
            ),
            choices={"algorithm": key_algorithms},
        ),
    ),
    downloads=(
        Download(
            "der", N_("Certificate (DER)"), _P.CA_READ, _certificate, lambda record: record.serial != ""
        ),
    ),
)
