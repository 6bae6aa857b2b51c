"""One's own certificates, for whoever has one bound to the account."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from ca.model import Certificate
from ca.resources.labels import CERTIFICATE_STATES, common_name_of, profile_titles
from kernel.edges.resources import Cell, Column, Done, Filter, Input, Record, Resource, Verb
from kernel.edges.shared import Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.pki.names import respelled
from kernel.store.listing import Ask, Page


class OwnRecord(Record):
    serial: str
    common_name: str
    subject: str
    profile_title: str
    state: str
    not_before: datetime
    not_after: datetime
    renewable: bool


class RenewOwn(Input):
    csr: Base64Bytes = Field(
        title=N_("Signing request (PKCS#10)"),
        description=N_("In PEM or DER, by a new key of yours. The names are those of the old certificate."),
        json_schema_extra={"widget": "file"},
    )


def own_record(found: Certificate, titles: Mapping[str, str]) -> OwnRecord:
    return OwnRecord(
        serial=found.serial,
        common_name=common_name_of(found.subject),
        subject=respelled(found.subject),
        profile_title=titles.get(found.profile, found.profile),
        state=str(found.state),
        not_before=found.not_before,
        not_after=found.not_after,
        renewable=found.request is not None,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[OwnRecord]:
    titles = profile_titles(app, principal)
    page = app.ca.holders.page(principal, ask)
    return page.map(lambda one: own_record(one, titles))  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, serial: str) -> OwnRecord:
    return own_record(app.ca.holders.get(principal, serial), profile_titles(app, principal))


def _renew(app: Any, principal: Principal, serial: str, given: RenewOwn) -> Done:
    filed = app.ca.holders.renew(principal, serial, given.csr)
    return Done(
        N_("Request %(id)s for the newer certificate is filed; a second person has to approve it."),
        {"id": filed.id},
        id=serial,
    )


def _suspend(app: Any, principal: Principal, serial: str, given: Reason) -> Done:
    app.ca.holders.suspend(principal, serial, given.reason)
    return Done(N_("The certificate is suspended; relying parties refuse it."), id=serial)


OWN = Resource(
    name="ca.own",
    title=N_("My certificates"),
    one=N_("My certificate"),
    permission=None,
    record=OwnRecord,
    page=_page,
    item=_item,
    key="serial",
    headline="common_name",
    columns=(
        Column("common_name", N_("Common name")),
        Column("state", N_("State"), Cell.STATE, CERTIFICATE_STATES),
        Column("profile_title", N_("Certificate profile")),
        Column("not_after", N_("Valid until"), Cell.TIME, sort="expires"),
        Column("not_before", N_("Valid from"), Cell.TIME, shown=False),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
        Column("serial", N_("Serial number"), Cell.CODE),
    ),
    filters=(Filter("state", N_("State"), labels=CERTIFICATE_STATES),),
    verbs=(
        Verb(
            "renew",
            N_("Ask for a renewal"),
            None,
            _renew,
            RenewOwn,
            when=lambda record: record.state == "issued" and record.renewable,
            explain=N_(
                "For who is signed in with a certificate. The old one is replaced when the newer is issued."
            ),
        ),
        Verb(
            "suspend",
            N_("Suspend my certificate"),
            None,
            _suspend,
            Reason,
            when=lambda record: record.state == "issued",
            danger=True,
            explain=N_("At once, as when a token is lost. A security officer releases or revokes it."),
        ),
    ),
    sort="-issued",
    facet="state",
    empty=N_("No certificate is bound to your account. The system administrator binds one to it."),
    audited=False,
)
