"""Identity papers of applicants: what there is, and the file for who registers or decides."""

from datetime import datetime
from typing import Any

from ca.registration.papers import Paper
from kernel.edges.resources import Cell, Column, Download, File, Filter, FilterKind, Link, Record, Resource
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page


class PaperRecord(Record):
    id: str
    request: str
    name: str
    media_type: str
    size: int
    sha256: str
    attacher: str
    attached_at: datetime
    unit: str


def paper_record(paper: Paper) -> PaperRecord:
    return PaperRecord(
        id=paper.id,
        request=paper.request,
        name=paper.name,
        media_type=paper.media_type,
        size=paper.size,
        sha256=paper.sha256,
        attacher=paper.attacher or paper.attached_by,
        attached_at=paper.attached_at,
        unit=paper.unit,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[PaperRecord]:
    return app.ca.registration.papers.page(principal, ask).map(paper_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, paper_id: str) -> PaperRecord:
    return paper_record(app.ca.registration.papers.get(principal, paper_id))


def _file(app: Any, principal: Principal, paper_id: str) -> File:
    paper, data = app.ca.registration.papers.view(principal, paper_id)
    return File(paper.name, paper.media_type, data)


PAPERS = Resource(
    name="ca.papers",
    title=N_("Identity papers"),
    one=N_("Identity paper"),
    permission=Permission.CA_PAPER_READ,
    record=PaperRecord,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("name", N_("File name")),
        Column("media_type", N_("Kind of file"), Cell.CODE),
        Column("size", N_("Size of the file"), Cell.OCTETS),
        Column("attacher", N_("Attached by")),
        Column("attached_at", N_("Attached at"), Cell.TIME, sort="attached"),
        Column("request", N_("Certificate request"), Cell.CODE, link=Link("ca.requests")),
        Column("unit", N_("Unit"), Cell.UNIT, shown=False),
        Column("sha256", N_("SHA-256"), Cell.CODE, shown=False),
        Column("id", N_("Paper number"), Cell.CODE, shown=False),
    ),
    filters=(Filter("request", N_("Certificate request"), FilterKind.TEXT),),
    downloads=(
        Download("file", N_("The file (looking at it is recorded)"), Permission.CA_PAPER_READ, _file),
    ),
    sort="-attached",
    empty=N_("No paper is attached. A registrar attaches scans when filing or on the request's page."),
)
