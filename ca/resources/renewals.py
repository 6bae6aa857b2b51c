"""Certificates that somebody has to renew."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ca.registration.renewals import Due
from ca.resources.labels import PROFILE, common_name_of, profile_titles
from ca.resources.renewing import RENEW
from kernel.edges.resources import Cell, Column, Link, Record, Resource
from kernel.edges.shared import UNIT
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.names import respelled
from kernel.store.listing import Ask, Page


class DueRecord(Record):
    serial: str
    common_name: str
    subject: str
    profile: str
    profile_title: str
    unit: str
    unit_name: str
    not_after: datetime
    reminded_at: datetime


def due_record(due: Due, titles: Mapping[str, str]) -> DueRecord:
    return DueRecord(
        serial=due.serial,
        common_name=common_name_of(due.subject),
        subject=respelled(due.subject),
        profile=due.profile,
        profile_title=titles.get(due.profile, due.profile),
        unit=due.unit,
        unit_name=due.unit_name,
        not_after=due.not_after,
        reminded_at=due.reminded_at,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[DueRecord]:
    titles = profile_titles(app, principal)
    page = app.ca.renewals.page(principal, ask)
    return page.map(lambda one: due_record(one, titles))  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, serial: str) -> DueRecord:
    return due_record(app.ca.renewals.get(principal, serial), profile_titles(app, principal))


RENEWALS = Resource(
    name="ca.renewals",
    title=N_("Certificates to be renewed"),
    one=N_("Certificate to be renewed"),
    permission=Permission.CA_READ,
    record=DueRecord,
    page=_page,
    item=_item,
    key="serial",
    headline="common_name",
    columns=(
        Column("common_name", N_("Common name")),
        Column("not_after", N_("Valid until"), Cell.TIME, sort="ends"),
        Column("profile_title", N_("Certificate profile"), link=Link("ca.profiles", "profile")),
        Column("unit_name", N_("Unit")),
        Column("serial", N_("Serial number"), Cell.CODE, link=Link("ca.certificates")),
        Column("reminded_at", N_("Found at"), Cell.TIME, shown=False),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
    ),
    filters=(PROFILE, UNIT),
    verbs=(replace(RENEW, when=lambda _record: True),),
    sort="ends",
    empty=N_("Nothing has to be renewed now. What comes into its renewal window is found every day."),
)
