"""How jobs are looked through, in the order in which they were asked for."""

from sqlalchemy import select

from kernel.identity.store import users
from kernel.jobs.model import Job
from kernel.jobs.store import job_of, jobs
from kernel.store.listing import Listing, equals, since, until

_c = jobs.c
_asker = select(users.c.name).where(users.c.id == _c.requested_by).scalar_subquery()

JOBS: Listing[Job] = Listing(
    select(jobs, users.c.name.label("asker")).outerjoin(users, users.c.id == _c.requested_by),
    key=_c.id,
    orders={"created": _c.id},
    default="-created",
    row=lambda row: job_of(row, row.asker),
    text=(_c.id, _c.kind, _asker, _c.message, _c.error),
    filters={
        "state": equals(_c.state),
        "kind": equals(_c.kind),
        "unit": equals(_c.unit),
        "requested_by": equals(_c.requested_by),
        "since": since(_c.created_at),
        "until": until(_c.created_at),
    },
    facets={"state": _c.state},
    bare=jobs,
)
