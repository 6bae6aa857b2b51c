"""Certificate profiles: those in force, and the versions from proposal to retirement."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from ca.overview import title
from ca.profiles import Attribute, Lint, Profile
from ca.profiles.comparison import called, shown
from ca.profiles.model import ProfileVersion, VersionState
from ca.profiles.reading import text_of
from ca.resources.labels import (
    KEY_SOURCES,
    KEY_USAGES,
    PROFILE,
    USAGES,
    key_algorithms,
)
from ca.resources.sheets import TEMPLATES
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    Input,
    Label,
    Labels,
    Link,
    On,
    Record,
    Related,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import Reason, reason_field
from kernel.i18n import N_, current_language, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

LINTS: Labels = {
    Lint.NONE: Label(N_("own check alone")),
    Lint.PKIX: Label(N_("rules of RFC 5280")),
    Lint.SERVER: Label(N_("CA/Browser Forum rules for TLS servers")),
    Lint.MAIL: Label(N_("CA/Browser Forum rules for S/MIME")),
}
VERSION_STATES: Labels = {
    VersionState.PROPOSED: Label(N_("proposed, waits for a second person"), Tone.BUSY),
    VersionState.ACTIVE: Label(N_("the version in force"), Tone.GOOD),
    VersionState.RETIRED: Label(N_("was in force before")),
    VersionState.REJECTED: Label(N_("proposal turned down"), Tone.QUIET),
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


class ProposeProfile(Input):
    document: str = Field(
        min_length=1,
        max_length=60_000,
        title=N_("Document of the profile"),
        description=N_("YAML, as the schema of certificate profiles says."),
        json_schema_extra={"widget": "document", "place": "cert_profiles/document"},
    )
    reason: str = reason_field()


class Decide(Input):
    reason: str = Field(
        "", max_length=500, title=N_("Remark for the audit trail"), json_schema_extra={"widget": "area"}
    )


def _propose(app: Any, principal: Principal, _id: str, given: ProposeProfile) -> Done:
    found = app.ca.profile_changes.propose(principal, given.document.encode(), given.reason)
    return Done(
        N_("Version %(number)s of profile %(profile)s is proposed; a second person has to approve it."),
        {"number": found.number, "profile": found.id},
        record=version_record(found),
        id=found.id,
    )


def _as_it_is(app: Any, principal: Principal, profile_id: str) -> Mapping[str, Any]:
    found = app.ca.profile_changes.show(principal, profile_id)
    return {"document": text_of(found.document)}


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
        Column("keys", N_("Keys allowed"), Cell.LIST, choices=key_algorithms),
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
    downloads=TEMPLATES,
    verbs=(
        Verb(
            "propose",
            N_("Propose a change"),
            Permission.CA_PROFILE_PROPOSE,
            _propose,
            ProposeProfile,
            key="e",
            second=Permission.CA_PROFILE_APPROVE,
            initial=_as_it_is,
            explain=N_(
                "The document as it is in force. Change it; a second person decides on what you make of it."
            ),
        ),
        Verb(
            "propose-new",
            N_("Propose a new profile"),
            Permission.CA_PROFILE_PROPOSE,
            _propose,
            ProposeProfile,
            On.NEW,
            second=Permission.CA_PROFILE_APPROVE,
        ),
    ),
    related=(
        Related(N_("Versions of the profile"), "ca.profile-versions", lambda record: {"profile": record.id}),
        Related(N_("Issued certificates"), "ca.certificates", lambda record: {"profile": record.id}),
    ),
    facet="usage",
    empty=N_("No profile fits. Profiles are files of policies/data/cert_profiles."),
    audited=False,
)


# --- versions
class ProfileVersionRecord(Record):
    key: str
    profile: str
    number: int
    title: str
    state: str
    version: str
    proposed_by: str
    proposer: str
    proposed_at: datetime
    reason: str
    approval: str
    decided_at: datetime | None
    document: str


def version_record(found: ProfileVersion) -> ProfileVersionRecord:
    return ProfileVersionRecord(
        key=found.key,
        profile=found.id,
        number=found.number,
        title=found.document["title"]["en" if current_language() == "en" else "zh"],
        state=str(found.state),
        version=found.version,
        proposed_by=found.proposed_by,
        proposer=found.proposer or found.proposed_by,
        proposed_at=found.proposed_at,
        reason=found.reason,
        approval=found.approval,
        decided_at=found.decided_at,
        document=text_of(found.document),
    )


def _versions(app: Any, principal: Principal, ask: Ask) -> Page[ProfileVersionRecord]:
    return app.ca.profile_changes.page(principal, ask).map(version_record)  # type: ignore[no-any-return]


def _version(app: Any, principal: Principal, key: str) -> ProfileVersionRecord:
    return version_record(app.ca.profile_changes.show(principal, key))


def _approve(app: Any, principal: Principal, key: str, given: Decide) -> Done:
    found = app.ca.profile_changes.approve(principal, key, given.reason)
    return Done(
        N_("Version %(number)s of profile %(profile)s is in force."),
        {"number": found.number, "profile": found.id},
        record=version_record(found),
        id=found.key,
    )


def _reject(app: Any, principal: Principal, key: str, given: Reason) -> Done:
    found = app.ca.profile_changes.reject(principal, key, given.reason)
    return Done(N_("The version is turned down."), record=version_record(found), id=found.key)


def _consequences(app: Any, principal: Principal, key: str) -> list[str]:
    """What changes, and which requests have to be filed again."""
    lines = [
        f"{called(change.path)}: {_side(change.before)} → {_side(change.after)}"
        for change in app.ca.profile_changes.differences(principal, key)
    ]
    waiting = app.ca.profile_changes.consequences(principal, key)
    if waiting:
        lines.append(translate(N_("%(number)s requests that wait have to be filed again."), number=waiting))
    return lines


def _side(value: Any) -> str:
    return "—" if value is None else shown(value)


def _yaml(app: Any, principal: Principal, key: str) -> File:
    found = app.ca.profile_changes.show(principal, key)
    return File(f"{found.key}.yaml", "application/yaml", text_of(found.document).encode())


PROFILE_VERSIONS = Resource(
    name="ca.profile-versions",
    title=N_("Versions of certificate profiles"),
    one=N_("Version of a certificate profile"),
    permission=Permission.CA_READ,
    record=ProfileVersionRecord,
    page=_versions,
    item=_version,
    key="key",
    headline="key",
    columns=(
        Column("key", N_("Version number"), Cell.CODE),
        Column("title", N_("Name"), link=Link("ca.profiles", "profile")),
        Column("state", N_("State"), Cell.STATE, VERSION_STATES),
        Column("proposer", N_("Proposed by")),
        Column("proposed_at", N_("Proposed at"), Cell.TIME, sort="proposed"),
        Column("reason", N_("Reason"), Cell.LONG),
        Column("decided_at", N_("Decided at"), Cell.TIME, shown=False),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("version", N_("Digest of the version"), Cell.CODE, shown=False),
        Column("document", N_("Document of the profile"), Cell.LONG, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=VERSION_STATES), PROFILE),
    verbs=(
        Verb(
            "approve",
            N_("Approve and put in force"),
            Permission.CA_PROFILE_APPROVE,
            _approve,
            Decide,
            when=lambda record: record.state == VersionState.PROPOSED,
            not_by="proposed_by",
            key="a",
            preview=_consequences,
            explain=N_(
                "Certificates are made by this version from now on; those that exist stay as they are."
            ),
        ),
        Verb(
            "reject",
            N_("Turn the version down"),
            Permission.CA_PROFILE_APPROVE,
            _reject,
            Reason,
            when=lambda record: record.state == VersionState.PROPOSED,
            danger=True,
            key="x",
        ),
    ),
    downloads=(Download("yaml", N_("Document (YAML)"), Permission.CA_READ, _yaml),),
    related=(
        Related(
            N_("Certificates made by this version"),
            "ca.certificates",
            lambda record: {"profile": record.profile, "profile_version": record.version},
        ),
    ),
    sort="-proposed",
    facet="state",
    empty=N_("The shipped profiles are in force. Versions are kept from the first certificate on."),
)
