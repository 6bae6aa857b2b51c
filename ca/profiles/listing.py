"""The versions of profiles as people look through them."""

from sqlalchemy import ColumnElement, String, cast

from ca.profiles.model import ProfileVersion
from ca.profiles.store import read_versions, version_of_row
from ca.profiles.tables import profile_versions as table
from kernel.store.listing import Listing, equals

_KEY: ColumnElement[str] = table.c.id + "@" + cast(table.c.number, String)

VERSIONS: Listing[ProfileVersion] = Listing(
    query=read_versions(),
    key=_KEY,
    orders={"proposed": table.c.proposed_at},
    default="-proposed",
    row=version_of_row,
    text=(table.c.id, table.c.reason),
    filters={"profile": equals(table.c.id), "state": equals(table.c.state)},
    facets={"state": table.c.state},
)
