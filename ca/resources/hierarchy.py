"""The CA's authorities."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from ca.model import AuthorityKind, AuthorityState, AuthorityStatus
from ca.resources.labels import (
    AUTHORITY_KINDS,
    AUTHORITY_STATES,
    CERTIFICATE_STATES,
    assignable,
    authority_names,
    key_algorithms,
    profile_titles,
)
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    HandedOver,
    Input,
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


# --- authorities
class AuthorityRecord(Record):
    id: str
    name: str
    kind: str
    working: str
    state: str
    profiles: tuple[str, ...]
    profile_titles: tuple[str, ...]
    offline: bool
    generation: int
    predecessor: str
    parent: str
    parent_name: str
    algorithm: str
    serial: str
    not_before: datetime
    not_after: datetime
    certificates: int
    fingerprint: str


class Renewal(Input):
    years: int = Field(10, ge=1, le=30, title=N_("Years of validity"))


class Rollover(Input):
    years: int = Field(10, ge=1, le=30, title=N_("Years of validity"))
    algorithm: str = Field(
        "", title=N_("Key algorithm"), description=N_("That of the present key, when left empty.")
    )
    offline: bool = Field(
        False,
        title=N_("Key on an offline machine"),
        description=N_("For a root: its new key is made there and stays there."),
    )


class Assignment(Input):
    profiles: tuple[str, ...] = Field(
        title=N_("Profiles that it issues"),
    )


class Adoption(Input):
    certificates: Base64Bytes = Field(
        title=N_("What the superior CA gave"),
        description=N_("Our certificate and those above it up to its root, PEM or PKCS#7."),
        json_schema_extra={"widget": "file"},
    )
    certificates_name: str = Field("", json_schema_extra={"widget": "hidden"})


def authority_record(
    found: AuthorityStatus, titles: Mapping[str, str], names: Mapping[str, str]
) -> AuthorityRecord:
    """``titles`` of profiles and ``names`` of authorities by id."""
    parent = found.authority.parent or ""
    return AuthorityRecord(
        id=found.authority.id,
        name=found.authority.name,
        kind=str(found.authority.kind),
        working=str(found.authority.state),
        profiles=found.authority.profiles,
        profile_titles=tuple(titles.get(one, one) for one in found.authority.profiles),
        offline=found.authority.offline,
        generation=found.authority.generation,
        predecessor=found.authority.predecessor or "",
        state=str(found.state),
        parent=parent,
        parent_name=names.get(parent, parent),
        algorithm=found.authority.algorithm,
        serial=found.serial,
        not_before=found.not_before,
        not_after=found.not_after,
        certificates=found.certificates,
        fingerprint=found.fingerprint,
    )


def _authorities(app: Any, principal: Principal, ask: Ask) -> Page[AuthorityRecord]:
    titles, names = profile_titles(app, principal), authority_names(app, principal)
    page = app.ca.overview.authorities(principal, ask)
    return page.map(lambda one: authority_record(one, titles, names))  # type: ignore[no-any-return]


def _authority(app: Any, principal: Principal, authority_id: str) -> AuthorityRecord:
    found = app.ca.overview.authority(principal, authority_id)
    return authority_record(found, profile_titles(app, principal), authority_names(app, principal))


def _authority_der(app: Any, principal: Principal, authority_id: str) -> File:
    found = app.ca.overview.authority(principal, authority_id)
    return File(f"{authority_id}.cer", "application/pkix-cert", found.authority.certificate)


def _authority_pem(app: Any, principal: Principal, authority_id: str) -> File:
    from kernel.pki.pem import certificate_pem

    found = app.ca.overview.authority(principal, authority_id)
    return File(f"{authority_id}.pem", "application/x-pem-file", certificate_pem(found.authority.certificate))


def _authority_bundle(app: Any, _principal: Principal, authority_id: str) -> File:
    data = app.ca.hierarchy.cross.bundle(authority_id)
    return File(f"{authority_id}.p7c", "application/pkcs7-mime", data)


def _proposed(app: Any, principal: Principal, authority_id: str, ceremony_id: str) -> Done:
    record = _authority(app, principal, authority_id)
    told = {"ceremony": ceremony_id}
    message = N_("Ceremony %(ceremony)s is proposed; a second officer performs it.")
    return Done(message, told, record=record, id=authority_id)


def _renew(app: Any, principal: Principal, authority_id: str, given: Renewal) -> Done:
    made = app.ca.hierarchy.proposals.renew(principal, authority_id, given.years)
    return _proposed(app, principal, authority_id, made)


def _roll_over(app: Any, principal: Principal, authority_id: str, given: Rollover) -> Done:
    proposals = app.ca.hierarchy.proposals
    made = proposals.roll_over(principal, authority_id, given.years, given.algorithm, offline=given.offline)
    return _proposed(app, principal, authority_id, made)


def _assign(app: Any, principal: Principal, authority_id: str, given: Assignment) -> Done:
    made = app.ca.hierarchy.proposals.assign(principal, authority_id, given.profiles)
    return _proposed(app, principal, authority_id, made)


def _retire(app: Any, principal: Principal, authority_id: str, _given: Any) -> Done:
    made = app.ca.hierarchy.proposals.retire(principal, authority_id)
    return _proposed(app, principal, authority_id, made)


def _request(app: Any, principal: Principal, authority_id: str, _given: Any) -> Done:
    data = app.ca.hierarchy.cross.request(principal, authority_id)
    record = _authority(app, principal, authority_id)
    message = N_("Send the request to the superior CA, and take over what it gives.")
    file = HandedOver(f"{authority_id}.p10", "application/pkcs10", data)
    return Done(message, record=record, id=authority_id, file=file)


def _adopt(app: Any, principal: Principal, authority_id: str, given: Adoption) -> Done:
    made = app.ca.hierarchy.proposals.adopt(principal, authority_id, given.certificates)
    return _proposed(app, principal, authority_id, made)


def _profiles_now(app: Any, principal: Principal, authority_id: str) -> dict[str, Any]:
    return {"profiles": list(_authority(app, principal, authority_id).profiles)}


def _ours(record: AuthorityRecord) -> bool:
    return record.kind != AuthorityKind.SUPERIOR and record.working != AuthorityState.RETIRED


def _active(record: AuthorityRecord) -> bool:
    return _ours(record) and record.working == AuthorityState.ACTIVE


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
        Column("kind", N_("Kind of CA"), Cell.STATE, AUTHORITY_KINDS),
        Column("working", N_("What its key signs"), Cell.STATE, AUTHORITY_STATES),
        Column("state", N_("State"), Cell.STATE, CERTIFICATE_STATES),
        Column("profile_titles", N_("Profiles that it issues"), Cell.LIST),
        Column("offline", N_("Key on an offline machine"), Cell.FLAG, shown=False),
        Column("generation", N_("Generation"), Cell.NUMBER, shown=False),
        Column("predecessor", N_("Predecessor"), shown=False, link=Link("ca.authorities")),
        Column("certificates", N_("Living certificates"), Cell.NUMBER),
        Column("algorithm", N_("Key algorithm"), choices=key_algorithms),
        Column("parent_name", N_("Superior CA"), link=Link("ca.authorities", "parent")),
        Column("not_after", N_("Valid until"), Cell.TIME),
        Column("not_before", N_("Valid from"), Cell.TIME, shown=False),
        Column("serial", N_("Serial number"), Cell.CODE, shown=False),
        Column("fingerprint", N_("SHA-256"), Cell.CODE, shown=False),
        Column("id", N_("Short name"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=CERTIFICATE_STATES),
        Filter("kind", N_("Kind of CA"), labels=AUTHORITY_KINDS),
        Filter("working", N_("What its key signs"), labels=AUTHORITY_STATES),
    ),
    verbs=(
        Verb(
            "renew",
            N_("Propose to renew its certificate"),
            _P.CA_CEREMONY_PROPOSE,
            _renew,
            Renewal,
            when=_ours,
            second=_P.CA_CEREMONY_APPROVE,
            explain=N_("The same key gets a new certificate; what it has signed verifies with both."),
        ),
        Verb(
            "roll-over",
            N_("Propose to roll its key over"),
            _P.CA_CEREMONY_PROPOSE,
            _roll_over,
            Rollover,
            when=_active,
            second=_P.CA_CEREMONY_APPROVE,
            choices={"algorithm": key_algorithms},
            explain=N_("A next generation with a new key issues from then on; this one only tells status."),
        ),
        Verb(
            "assign",
            N_("Propose which profiles it issues"),
            _P.CA_CEREMONY_PROPOSE,
            _assign,
            Assignment,
            when=lambda record: _active(record) and record.kind == AuthorityKind.ISSUING,
            second=_P.CA_CEREMONY_APPROVE,
            choices={"profiles": assignable},
            initial=_profiles_now,
        ),
        Verb(
            "retire",
            N_("Propose to retire it"),
            _P.CA_CEREMONY_PROPOSE,
            _retire,
            when=_ours,
            second=_P.CA_CEREMONY_APPROVE,
            danger=True,
            explain=N_("It issues no more; once nothing of it is in its time, it signs nothing at all."),
        ),
        Verb(
            "request",
            N_("Make a request to a superior CA"),
            _P.CA_CEREMONY_PROPOSE,
            _request,
            when=_ours,
            explain=N_("A PKCS#10 request by the key of this CA."),
        ),
        Verb(
            "adopt",
            N_("Propose to take over a superior CA's certificate"),
            _P.CA_CEREMONY_PROPOSE,
            _adopt,
            Adoption,
            when=_ours,
            second=_P.CA_CEREMONY_APPROVE,
        ),
    ),
    downloads=(
        Download("der", N_("Certificate (DER)"), _P.CA_READ, _authority_der),
        Download("pem", N_("Certificate (PEM)"), _P.CA_READ, _authority_pem),
        Download(
            "p7c",
            N_("All its certificates, with links and superiors (PKCS#7)"),
            _P.CA_READ,
            _authority_bundle,
        ),
    ),
    related=(
        Related(N_("Proposed revocations"), "ca.revocations", lambda record: {"serial": record.serial}),
        Related(N_("Newest CRLs"), "ca.crls", lambda record: {"authority": record.id}),
        Related(N_("Issued certificates"), "ca.certificates", lambda record: {"authority": record.id}),
    ),
    sort="rank",
    empty=N_("There is no CA yet. One officer proposes a ceremony, another performs it."),
)
