"""Certificate profiles: those in force."""

from typing import Any

from ca.overview import title
from ca.profiles import Attribute, Lint, Profile
from ca.resources.labels import KEY_SOURCES, KEY_USAGES, USAGES
from kernel.edges.resources import Cell, Column, Filter, Label, Labels, Record, Related, Resource
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

LINTS: Labels = {
    Lint.NONE: Label(N_("own check alone")),
    Lint.PKIX: Label(N_("rules of RFC 5280")),
    Lint.SERVER: Label(N_("CA/Browser Forum rules for TLS servers")),
    Lint.MAIL: Label(N_("CA/Browser Forum rules for S/MIME")),
}


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
    addresses: tuple[str, ...]
    lint: str
    listed: bool
    version: str


def profile_record(profile: Profile) -> ProfileRecord:
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
        names=tuple(profile.names.described()),
        names_required=profile.names.required,
        key_usage=profile.key_usage,
        extended_key_usage=profile.extended_key_usage,
        policies=tuple(f"{policy.oid} {policy.cps}".strip() for policy in profile.policies),
        addresses=tuple(f"{kind}: {url}" for kind, urls in profile.addresses.items() for url in urls),
        lint=str(profile.lint),
        listed=profile.listed,
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
    permission=Permission.CA_READ,
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
        Column("addresses", N_("Addresses of status and issuer"), Cell.LIST, shown=False),
        Column("lint", N_("Checked before it is signed"), Cell.STATE, LINTS),
        Column("listed", N_("Listed in the directory"), Cell.FLAG, shown=False),
        Column("version", N_("Version of the profile"), Cell.CODE),
        Column("id", N_("Short name"), Cell.CODE),
    ),
    filters=(Filter("usage", N_("For whom"), labels=USAGES),),
    related=(Related(N_("Issued certificates"), "ca.certificates", lambda record: {"profile": record.id}),),
    facet="usage",
    empty=N_("No profile fits. Profiles are files of policies/data/cert_profiles."),
    audited=False,
)
