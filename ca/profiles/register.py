"""The profiles in force, as every part of the CA asks for them, and every version there ever was.

The shipped documents are in force until the first certificate is prepared: that transaction keeps them as the first versions.
From then on the database alone says what is in force; one small statement shows whether that has changed.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from ca.profiles import store
from ca.profiles.model import VersionState
from ca.profiles.profile import Profile
from ca.profiles.reading import profile_of
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, NotFound
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.store import Database, UnitOfWork

Active = tuple[tuple[str, str], ...]  # id and version of each profile in force, by id


class Profiles:
    """All profiles by id. ``shipped`` are the documents that come with the software."""

    def __init__(self, database: Database, clock: Clock, shipped: Iterable[Mapping[str, Any]]) -> None:
        self._database = database
        self._clock = clock
        self.shipped = {document["id"]: document for document in shipped}
        first = [profile_of(document) for document in self.shipped.values()]
        self._first = {profile.id: profile for profile in first}
        self._seen: tuple[Active, dict[str, Profile]] = ((), self._first)
        self._kept = lru_cache(maxsize=512)(self._read)

    def get(self, profile_id: str, connection: Connection | None = None) -> Profile:
        """The profile in force; NotFound names those there are. With ``connection``: as that transaction sees it."""
        known = self._known(connection)
        if profile_id in known:
            return known[profile_id]
        mend = N_("Known: %(known)s.")
        if profile_id in self.shipped:
            mend = N_("It came with a newer release and waits for its approval: weicheng ca profile history.")
        known_ids = ", ".join(sorted(known))
        message = N_("There is no profile %(profile)s.")
        raise NotFound(message, mend=mend, profile=profile_id[:60], known=known_ids)

    def all(self) -> list[Profile]:
        """The profiles in force, by id."""
        return [profile for _, profile in sorted(self._known(None).items())]

    def version(self, profile_id: str, version: str) -> Profile:
        """The profile as that version of it says, whether in force or not; NotFound when it was never kept."""
        shipped = self._first.get(profile_id)
        if shipped is not None and shipped.version == version:
            return shipped
        return self._kept(profile_id, version)

    def require_current(self, uow: UnitOfWork, by: Principal, profile: Profile) -> None:
        """Conflict unless this version is in force in the transaction; the first use of all keeps the shipped versions."""
        active = store.active(uow.connection)
        if not active:
            self.adopt(uow, by)
            active = store.active(uow.connection)
        if (profile.id, profile.version) not in active:
            raise Conflict(
                N_("Profile %(profile)s has changed since the request was filed."),
                mend=N_("Reject the request and have it filed again."),
                profile=profile.id,
            )

    def adopt(self, uow: UnitOfWork, by: Principal) -> None:
        """Keep the shipped documents as the first versions; nothing when versions are kept already."""
        if store.active(uow.connection):
            return
        for profile in self._first.values():
            row = {
                "id": profile.id,
                "number": 1,
                "version": profile.version,
                "document": self.shipped[profile.id],
                "state": str(VersionState.ACTIVE),
                "proposed_by": by.id,
                "proposed_at": self._clock.now(),
                "reason": "",
                "approval": "",
                "decided_at": self._clock.now(),
            }
            if store.adopt(uow.connection, row):
                details = {"version": profile.version}
                uow.audit(by, AuditAction.CA_PROFILE_ADOPT, f"profile:{profile.id}@1", details=details)

    def _known(self, connection: Connection | None) -> dict[str, Profile]:
        if connection is None:
            with self._database.read() as own:
                return self._known(own)
        active = store.active(connection)
        if not active:
            return self._first
        seen, known = self._seen
        if active != seen:
            known = {profile_id: self.version(profile_id, version) for profile_id, version in active}
            self._seen = (active, known)
        return known

    def _read(self, profile_id: str, version: str) -> Profile:
        with self._database.read() as connection:
            document = store.document(connection, profile_id, version)
        if document is None:
            raise store.no_version(f"{profile_id}@{version}")
        return profile_of(document)
