"""Certificates: suspended, released, revoked, renewed; and as files."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from ca.encoding.decoded import is_authority, names_in
from ca.model import Certificate, Reason
from ca.resources.automatic import ISSUE
from ca.resources.impact import touched
from ca.resources.labels import (
    CERTIFICATE_STATES,
    PROFILE,
    REASON_LABELS,
    REVOCATION_REASONS,
    authority_names,
    common_name_of,
    profile_titles,
    reason_name,
)
from ca.resources.lists import PROVE
from ca.resources.renewing import RENEW
from ca.resources.telephone import HOLD_BY_PHONE
from ca.status.lifecycle import Outcomes
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Input,
    Link,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import UNIT, reason_field
from kernel.edges.shared import Reason as Reasoned
from kernel.errors import WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.names import respelled
from kernel.store.listing import Ask, Page

_LIVING = ("issued", "held", "superseded")


class CertificateRecord(Record):
    serial: str
    common_name: str
    subject: str
    names: tuple[str, ...]
    profile: str
    profile_title: str
    profile_version: str
    version_key: str
    authority: str
    authority_name: str
    unit: str
    unit_name: str
    state: str
    issued: datetime
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    reason: str
    fingerprint: str
    request: str
    is_authority: bool


RevocationReason = StrEnum("RevocationReason", {name.upper(): name for name in REVOCATION_REASONS})  # type: ignore[misc]


class Revoke(Input):
    code: RevocationReason = Field(
        title=N_("What relying parties are told"), json_schema_extra={"labels": REVOCATION_REASONS}
    )
    invalid_since: AwareDatetime | None = Field(
        None,
        title=N_("Key doubtful since"),
        description=N_("The CRL tells it, so that older signatures can be judged (invalidityDate)."),
        json_schema_extra={"widget": "datetime"},
    )
    reason: str = reason_field()


def certificate_record(found: Certificate, titles: Mapping[str, str]) -> CertificateRecord:
    return CertificateRecord(
        serial=found.serial,
        common_name=common_name_of(found.subject),
        subject=respelled(found.subject),
        names=names_in(found.der),
        profile=found.profile,
        profile_title=titles.get(found.profile, found.profile),
        profile_version=found.profile_version,
        version_key=f"{found.profile}@{found.profile_version}",
        authority=found.authority,
        authority_name=found.authority_name,
        unit=found.unit,
        unit_name=found.unit_name or found.unit,
        state=str(found.state),
        issued=found.intent_at,
        not_before=found.not_before,
        not_after=found.not_after,
        revoked_at=found.revoked_at,
        reason=reason_name(found.reason),
        fingerprint=found.fingerprint,
        request=found.request or "",
        is_authority=is_authority(found.der),
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[CertificateRecord]:
    titles = profile_titles(app, principal)
    page = app.ca.lifecycle.page(principal, ask)
    return page.map(lambda one: certificate_record(one, titles))  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, serial: str) -> CertificateRecord:
    return certificate_record(app.ca.lifecycle.show(principal, serial), profile_titles(app, principal))


def _done(app: Any, principal: Principal, message: str, changed: Certificate) -> Done:
    record = certificate_record(changed, profile_titles(app, principal))
    return Done(message, {"serial": changed.serial}, record=record, id=changed.serial)


_HELD = N_("Certificate %(serial)s is suspended; a new CRL tells of it.")
_RELEASED = N_("Certificate %(serial)s is in use again; a new CRL tells of it.")
_REVOKED = N_("Certificate %(serial)s is revoked; a new CRL tells of it.")
Each = Mapping[str, Done | WeichengError]


def _each(app: Any, principal: Principal, message: str, found: Outcomes) -> Each:
    return {
        serial: one if isinstance(one, WeichengError) else _done(app, principal, message, one)
        for serial, one in found.items()
    }


def _hold_many(app: Any, principal: Principal, serials: tuple[str, ...], given: Reasoned) -> Each:
    return _each(app, principal, _HELD, app.ca.lifecycle.hold_many(principal, serials, given.reason))


def _release_many(app: Any, principal: Principal, serials: tuple[str, ...], given: Reasoned) -> Each:
    return _each(app, principal, _RELEASED, app.ca.lifecycle.release_many(principal, serials, given.reason))


def _revoke_many(app: Any, principal: Principal, serials: tuple[str, ...], given: Revoke) -> Each:
    found = app.ca.lifecycle.revoke_many(
        principal, serials, Reason[given.code.name], given.reason, invalid_since=given.invalid_since
    )
    return _each(app, principal, _REVOKED, found)


def _hold(app: Any, principal: Principal, serial: str, given: Reasoned) -> Done:
    held = app.ca.lifecycle.hold(principal, serial, given.reason)
    return _done(app, principal, _HELD, held)


def _release(app: Any, principal: Principal, serial: str, given: Reasoned) -> Done:
    released = app.ca.lifecycle.release(principal, serial, given.reason)
    return _done(app, principal, _RELEASED, released)


def _revoke(app: Any, principal: Principal, serial: str, given: Revoke) -> Done:
    revoked = app.ca.lifecycle.revoke(
        principal, serial, Reason[given.code.name], given.reason, invalid_since=given.invalid_since
    )
    return _done(app, principal, _REVOKED, revoked)


def _propose(app: Any, principal: Principal, serial: str, given: Revoke) -> Done:
    proposed = app.ca.revocations.propose(
        principal, serial, Reason[given.code.name], given.reason, invalid_since=given.invalid_since
    )
    return Done(N_("Proposed as %(id)s; a second officer has to perform it."), {"id": proposed.id}, id=serial)


def _propose_release(app: Any, principal: Principal, serial: str, given: Reasoned) -> Done:
    proposed = app.ca.revocations.propose_release(principal, serial, given.reason)
    return Done(N_("Proposed as %(id)s; a second officer has to perform it."), {"id": proposed.id}, id=serial)


def _pem(app: Any, principal: Principal, serial: str) -> File:
    from kernel.pki.pem import certificate_pem

    found = app.ca.lifecycle.show(principal, serial)
    return File(f"{found.serial}.pem", "application/x-pem-file", certificate_pem(found.der))


def _der(app: Any, principal: Principal, serial: str) -> File:
    found = app.ca.lifecycle.show(principal, serial)
    return File(f"{found.serial}.cer", "application/pkix-cert", found.der)


def _chain(app: Any, principal: Principal, serial: str) -> File:
    from kernel.pki.pem import certificate_pem

    chain = app.ca.overview.chain_certificates(principal, serial)
    return File(f"{serial}-chain.pem", "application/x-pem-file", b"".join(map(certificate_pem, chain)))


def _pkcs7(app: Any, principal: Principal, serial: str) -> File:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    chain = [
        x509.load_der_x509_certificate(one) for one in app.ca.overview.chain_certificates(principal, serial)
    ]
    data = pkcs7.serialize_certificates(chain, Encoding.DER)
    return File(f"{serial}.p7b", "application/x-pkcs7-certificates", data)


_P = Permission
_DOWNLOADS = (
    Download("pem", N_("Certificate (PEM)"), _P.CA_READ, _pem, lambda record: record.fingerprint != ""),
    Download("der", N_("Certificate (DER)"), _P.CA_READ, _der, lambda record: record.fingerprint != ""),
    Download(
        "chain", N_("Chain up to the root (PEM)"), _P.CA_READ, _chain, lambda record: record.fingerprint != ""
    ),
    Download("pkcs7", N_("Chain (PKCS#7)"), _P.CA_READ, _pkcs7, lambda record: record.fingerprint != ""),
)
_VERBS = (
    ISSUE,
    Verb(
        "hold",
        N_("Suspend the certificate"),
        _P.CA_HOLD,
        _hold,
        Reasoned,
        when=lambda record: record.state == "issued",
        danger=True,
        bulk=True,
        many=_hold_many,
        key="h",
        explain=N_("Relying parties refuse it until it is released."),
    ),
    HOLD_BY_PHONE,
    Verb(
        "release",
        N_("Release the certificate"),
        _P.CA_HOLD,
        _release,
        Reasoned,
        when=lambda record: record.state == "held" and not record.is_authority,
        bulk=True,
        many=_release_many,
        key="l",
        explain=N_("The suspension ends; relying parties accept it again."),
    ),
    Verb(
        "propose-release",
        N_("Propose to release this CA"),
        _P.CA_HOLD,
        _propose_release,
        Reasoned,
        when=lambda record: record.state == "held" and record.is_authority,
        second=_P.CA_CEREMONY_APPROVE,
        explain=N_(
            "The suspension ends once another officer has performed it; it issues again from then on."
        ),
    ),
    Verb(
        "revoke",
        N_("Revoke the certificate"),
        _P.CA_REVOKE,
        _revoke,
        Revoke,
        when=lambda record: record.state in _LIVING and not record.is_authority,
        danger=True,
        bulk=True,
        many=_revoke_many,
        key="r",
        preview=touched,
    ),
    Verb(
        "propose-revocation",
        N_("Propose to revoke this CA"),
        _P.CA_REVOKE,
        _propose,
        Revoke,
        when=lambda record: record.state in _LIVING and record.is_authority,
        danger=True,
        preview=touched,
        second=_P.CA_CEREMONY_APPROVE,
    ),
    PROVE,
    RENEW,
)
CERTIFICATES = Resource(
    name="ca.certificates",
    title=N_("Issued certificates"),
    one=N_("Certificate"),
    permission=_P.CA_READ,
    record=CertificateRecord,
    page=_page,
    item=_item,
    key="serial",
    headline="common_name",
    columns=(
        Column("common_name", N_("Common name")),
        Column("state", N_("State"), Cell.STATE, CERTIFICATE_STATES),
        Column("profile_title", N_("Certificate profile"), link=Link("ca.profiles", "profile")),
        Column("unit_name", N_("Unit")),
        Column("not_after", N_("Valid until"), Cell.TIME, sort="expires"),
        Column("issued", N_("Issued at"), Cell.TIME, sort="issued"),
        Column("serial", N_("Serial number"), Cell.CODE),
        Column("names", N_("Alternative names"), Cell.LIST, shown=False),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
        Column("authority_name", N_("Issuing CA"), shown=False, link=Link("ca.authorities", "authority")),
        Column("not_before", N_("Valid from"), Cell.TIME, shown=False),
        Column("revoked_at", N_("Revoked or suspended at"), Cell.TIME, shown=False),
        Column("reason", N_("What relying parties are told"), Cell.STATE, REASON_LABELS, shown=False),
        Column("fingerprint", N_("SHA-256"), Cell.CODE, shown=False),
        Column("request", N_("Request number"), Cell.CODE, shown=False, link=Link("ca.requests")),
        Column(
            "profile_version",
            N_("Version of the profile"),
            Cell.CODE,
            shown=False,
            link=Link("ca.profile-versions", "version_key"),
        ),
    ),
    filters=(
        Filter("state", N_("State"), labels=CERTIFICATE_STATES),
        PROFILE,
        UNIT,
        Filter("authority", N_("Issuing CA"), choices=authority_names),
        Filter("expires_before", N_("Ends before"), FilterKind.TIME),
        Filter("expires_after", N_("Ends after"), FilterKind.TIME),
        Filter("revoked_since", N_("Revoked since"), FilterKind.TIME),
        Filter("request", N_("Request number"), FilterKind.TEXT),
        Filter("profile_version", N_("Version of the profile"), FilterKind.TEXT),
    ),
    verbs=_VERBS,
    downloads=_DOWNLOADS,
    related=(
        Related(
            N_("Evidence"), "evidence.records", lambda record: {"subject": f"certificate:{record.serial}"}
        ),
    ),
    sort="-issued",
    facet="state",
    empty=N_("No certificate fits. Approve a request to issue one."),
    searched=True,
)
