"""Papers by which an applicant's identity was shown: sealed files of a request, each viewing of them audited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select

from ca import store
from ca.model import Request, State
from ca.ports import Box, Evidence
from ca.registration.tables import papers
from ca.store import name_of
from ca.tables import requests
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.edges.plain import file_name
from kernel.errors import Conflict, IntegrityFailed, Invalid, LimitExceeded, NotFound
from kernel.evidence.model import EvidenceKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.identity.store import users
from kernel.ids import new_id
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Listing, Page, equals

LARGEST = 4 * 2**20  # octets of one file
MOST = 10  # files of one request
# media type -> (how such a file begins, what stands near its end, within how many octets)
_KINDS = {
    "application/pdf": (b"%PDF-", b"%%EOF", 1024),
    "image/png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", 8),
    "image/jpeg": (b"\xff\xd8\xff", b"\xff\xd9", 65536),  # cameras write previews behind it
}


@dataclass(frozen=True)
class Handed:
    """A file as it is handed in."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Paper:
    """A file of a request without its octets; ``sha256`` is of what was handed in, lower-case hex."""

    id: str
    request: str
    name: str
    media_type: str
    size: int
    sha256: str
    attached_by: str
    attached_at: datetime
    unit: str
    attacher: str = ""  # the name of ``attached_by``, where it has an account


_COLUMNS = ("id", "request", "name", "media_type", "size", "sha256", "attached_by", "attached_at")
_QUERY: Select[Any] = select(
    *(papers.c[name] for name in _COLUMNS), requests.c.unit, name_of(users, papers.c.attached_by).label("who")
).select_from(papers.join(requests, requests.c.id == papers.c.request))


def _paper(row: Row[Any]) -> Paper:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return Paper(**values, unit=row.unit, attacher=row.who or "")


PAPERS: Listing[Paper] = Listing(
    query=_QUERY,
    key=papers.c.id,
    orders={"attached": papers.c.id},  # ids sort by the time of their making
    default="-attached",
    row=_paper,
    filters={"request": equals(papers.c.request)},
)


class Papers:
    """Attaches papers and shows them to who registers and who decides, in their own units only."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, box: Box, evidence: Evidence
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._box = box
        self._evidence = evidence

    def attach(self, principal: Principal, request_id: str, handed: Sequence[Handed]) -> list[Paper]:
        """Add papers to a request that waits for its decision; Invalid names a file that is none of PDF, PNG, JPEG."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        with self._database.begin() as uow:
            request = store.read_request(uow.connection, request_id, lock=True)
            if not self._access.covers(principal, request.unit):
                raise NotFound(N_("There is no request %(id)s."), id=request_id[:60])
            if request.state is not State.REQUESTED:
                raise Conflict(
                    N_("This is decided already (%(state)s)."), place=request.id, state=request.state
                )
            ids = self.keep(uow, principal, request, handed)
            found = uow.connection.execute(_QUERY.where(papers.c.id.in_(ids)).order_by(papers.c.id))
            return [_paper(row) for row in found]

    def keep(
        self, uow: UnitOfWork, filer: Principal, request: Request, handed: Sequence[Handed]
    ) -> list[str]:
        """Seal and keep the files with their audit record and evidence; who files checks permissions. Their ids."""
        if not handed:
            return []
        if _count(uow.connection, request.id) + len(handed) > MOST:
            raise LimitExceeded(
                N_("A request has at most %(most)s papers."),
                mend=N_("Put several pages into one PDF."),
                place=request.id,
                most=MOST,
            )
        rows = [self._row(filer, request, one) for one in handed]
        uow.connection.execute(insert(papers), rows)
        listed = [{name: row[name] for name in ("sha256", "media_type", "size")} for row in rows]
        target = f"request:{request.id}"
        uow.audit(filer, AuditAction.CA_PAPER_ATTACH, target, unit=request.unit, details={"papers": listed})
        self._evidence.record(
            uow,
            kind=EvidenceKind.IDENTITY_PAPERS,
            subject=target,
            source="ca",
            summary={"papers": listed},
            unit=request.unit,
        )
        return [row["id"] for row in rows]

    def page(self, principal: Principal, ask: Ask) -> Page[Paper]:
        """What papers there are; looking into one is ``view``. Filter: request."""
        self._access.require(principal, Permission.CA_PAPER_READ)
        seen = self._access.seen(principal, requests.c.unit)
        with self._database.read() as connection:
            return PAPERS.page(connection, ask, *seen)

    def get(self, principal: Principal, paper_id: str) -> Paper:
        self._access.require(principal, Permission.CA_PAPER_READ)
        with self._database.read() as connection:
            row = connection.execute(_QUERY.where(papers.c.id == paper_id)).one_or_none()
        if row is None or not self._access.covers(principal, row.unit):
            raise NotFound(N_("There is no paper %(id)s."), id=paper_id[:60])
        return _paper(row)

    def view(self, principal: Principal, paper_id: str) -> tuple[Paper, bytes]:
        """The paper and its octets; who looked is audited. IntegrityFailed for what is not what was handed in."""
        paper = self.get(principal, paper_id)
        with self._database.begin() as uow:
            query = select(papers.c.sealed).where(papers.c.id == paper.id)
            sealed: bytes = uow.connection.execute(query).scalar_one()
            data = self._box.open(bytes(sealed).decode("ascii"), context=_context(paper.request, paper.id))
            if sha256_hex(data) != paper.sha256:
                raise IntegrityFailed(N_("The paper is not what was handed in."), place=paper.id)
            details = {"paper": paper.id, "sha256": paper.sha256}
            target = f"request:{paper.request}"
            uow.audit(principal, AuditAction.CA_PAPER_READ, target, unit=paper.unit, details=details)
        return paper, data

    def _row(self, filer: Principal, request: Request, handed: Handed) -> dict[str, Any]:
        media_type, paper_id = media_type_of(handed), new_id("pap")
        sealed = self._box.seal(handed.data, context=_context(request.id, paper_id))
        return {
            "id": paper_id,
            "request": request.id,
            "name": file_name(handed.name)[:200],
            "media_type": media_type,
            "size": len(handed.data),
            "sha256": sha256_hex(handed.data),
            "sealed": sealed.encode("ascii"),
            "attached_by": filer.id,
            "attached_at": self._clock.now(),
        }


def media_type_of(handed: Handed) -> str:
    """What the octets are, whatever the name says; LimitExceeded for too many, Invalid for another kind or half a file."""
    data, place = handed.data, handed.name[:200]
    if len(data) > LARGEST:
        raise LimitExceeded(
            N_("The file is larger than %(limit)s bytes."),
            mend=N_("Scan with fewer dots per inch, or in black and white."),
            place=place,
            limit=LARGEST,
        )
    for media_type, (beginning, ending, within) in _KINDS.items():
        if data.startswith(beginning) and ending in data[-within:]:
            return media_type
    raise Invalid(
        N_("The file is no whole PDF, PNG or JPEG."),
        mend=N_("Save the scan anew as one of these."),
        place=place,
    )


def _context(request_id: str, paper_id: str) -> str:
    return f"ca:paper:{request_id}:{paper_id}"


def _count(connection: Connection, request_id: str) -> int:
    counted = select(func.count()).select_from(papers).where(papers.c.request == request_id)
    found: int = connection.execute(counted).scalar_one()
    return found
