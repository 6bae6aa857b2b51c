"""Profiles, and the suite's own services that work with certificates."""

from datetime import datetime
from typing import Any

from ca.model import ServiceStatus
from ca.overview import title
from ca.profiles import Attribute, Profile
from ca.resources.labels import FRESHNESS, KEY_SOURCES, KEY_USAGES, ROLES, USAGES
from ca.signer.model import KeyRole
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    Link,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission


class ProfileRecord(Record):
    id: str
    title: str
    usage: str
    days: int
    renewal_days: int
    approvals: int
    keys: tuple[str, ...]
    own_key: tuple[str, ...]
    subject: tuple[str, ...]
    names: tuple[str, ...]
    names_required: bool
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    policies: tuple[str, ...]
    version: str


def profile_record(profile: Profile) -> ProfileRecord:
    names = [f"dns:*.{suffix}" for suffix in profile.dns_suffixes]
    names += [f"ip:{prefix}" for prefix in profile.ip_prefixes]
    names += [f"email:{profile.email.pattern}"] if profile.email else []
    return ProfileRecord(
        id=profile.id,
        title=title(profile),
        usage=str(profile.usage),
        days=profile.validity.days,
        renewal_days=profile.renewal.days,
        approvals=profile.approvals,
        keys=tuple(sorted(profile.keys)),
        own_key=tuple(sorted(profile.own_key)),
        subject=tuple(_rule(key, rule) for key, rule in profile.subject.items()),
        names=tuple(names),
        names_required=profile.names_required,
        key_usage=profile.key_usage,
        extended_key_usage=profile.extended_key_usage,
        policies=profile.policies,
        version=profile.version,
    )


def _rule(key: str, rule: Attribute) -> str:
    if rule.value is not None:
        return f"{key}={rule.value}"
    pattern = rule.pattern.pattern if rule.pattern else ""
    return f"{key} ~ {pattern}" if rule.required else f"[{key} ~ {pattern}]"


def _profiles(app: Any, principal: Principal, ask: Ask) -> Page[ProfileRecord]:
    return app.ca.overview.profiles(principal, ask).map(profile_record)  # type: ignore[no-any-return]


def _profile(app: Any, principal: Principal, profile_id: str) -> ProfileRecord:
    return profile_record(app.ca.overview.profile(principal, profile_id))


PROFILES = Resource(
    name="ca.profiles",
    title=N_("Certificate profiles"),
    one=N_("Certificate profile"),
    permission=_P.CA_READ,
    record=ProfileRecord,
    page=_profiles,
    item=_profile,
    headline="title",
    columns=(
        Column("title", N_("Name")),
        Column("usage", N_("For whom"), Cell.STATE, USAGES),
        Column("days", N_("Days of validity"), Cell.NUMBER),
        Column("renewal_days", N_("Renewable days before its end"), Cell.NUMBER, shown=False),
        Column("approvals", N_("Approvals needed"), Cell.NUMBER),
        Column("keys", N_("Keys allowed"), Cell.LIST),
        Column("own_key", N_("Where the key comes from"), Cell.LIST, KEY_SOURCES, shown=False),
        Column("subject", N_("Rules of the subject"), Cell.LIST, shown=False),
        Column("names", N_("Alternative names allowed"), Cell.LIST, shown=False),
        Column("names_required", N_("Alternative names required"), Cell.FLAG, shown=False),
        Column("key_usage", N_("Key usage"), Cell.LIST, KEY_USAGES, shown=False),
        Column("extended_key_usage", N_("Extended key usage"), Cell.LIST, KEY_USAGES),
        Column("policies", N_("Certificate policies"), Cell.LIST, shown=False),
        Column("version", N_("Version of the profile"), Cell.CODE),
        Column("id", N_("Short name"), Cell.CODE),
    ),
    filters=(Filter("usage", N_("For whom"), labels=USAGES),),
    related=(Related(N_("Issued certificates"), "ca.certificates", lambda record: {"profile": record.id}),),
    facet="usage",
    empty=N_("No profile fits. Profiles are files of policies/data/cert_profiles."),
    audited=False,
)


class ServiceRecord(Record):
    id: str
    role: str
    state: str
    subject: str
    serial: str
    authority: str
    algorithm: str
    not_after: datetime | None


def service_record(found: ServiceStatus) -> ServiceRecord:
    shown = {name: value for name, value in vars(found).items() if name != "certificate"}
    return ServiceRecord(**shown | {"state": str(found.state)})


def _services(app: Any, principal: Principal, ask: Ask) -> Page[ServiceRecord]:
    return app.ca.overview.services(principal, ask).map(service_record)  # type: ignore[no-any-return]


def _service(app: Any, principal: Principal, service_id: str) -> ServiceRecord:
    return service_record(app.ca.overview.service(principal, service_id))


def _provision(app: Any, principal: Principal, service_id: str, _given: Any) -> Done:
    known = _service(app, principal, service_id)
    (made,) = app.ca.services.provision(principal, KeyRole(known.role), known.authority)
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
    columns=(
        Column("role", N_("Service"), Cell.STATE, ROLES),
        Column("id", N_("Short name"), Cell.CODE, shown=False),
        Column("state", N_("State"), Cell.STATE, FRESHNESS),
        Column("not_after", N_("Valid until"), Cell.TIME),
        Column("serial", N_("Serial number"), Cell.CODE, link=Link("ca.certificates")),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
        Column("authority", N_("Issuing CA"), link=Link("ca.authorities")),
        Column("algorithm", N_("Key algorithm"), Cell.CODE, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=FRESHNESS),),
    verbs=(
        Verb(
            "provision",
            N_("Provision anew"),
            _P.CA_PROVISION,
            _provision,
            explain=N_(
                "A new key is made in the signer and certified; the service works with it from now on."
            ),
        ),
    ),
    downloads=(
        Download(
            "der", N_("Certificate (DER)"), _P.CA_READ, _certificate, lambda record: record.serial != ""
        ),
    ),
)
