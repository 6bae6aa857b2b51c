"""How profiles change: one security officer proposes a version, another decides; what was shipped anew is proposed, too."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from ca.profiles import store
from ca.profiles.comparison import changes
from ca.profiles.listing import VERSIONS
from ca.profiles.model import Change, ProfileVersion, VersionState
from ca.profiles.reading import profile_of, version_of
from ca.profiles.register import Profiles
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, Invalid
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import ApprovalState, Principal
from kernel.identity.permissions import Permission
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page

# the YAML of one profile, held against the schema: its document, or Invalid naming the line
Reader = Callable[[bytes], Mapping[str, Any]]
SHIPPED = "shipped with the software"


class ProfileChanges:
    """The versions of profiles and the decisions on them. They concern every unit: people of the topmost one decide."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        approvals: Approvals,
        profiles: Profiles,
        reader: Reader,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._approvals = approvals
        self._profiles = profiles
        self._reader = reader

    # --- acts
    def propose(self, principal: Principal, document: bytes, reason: str) -> ProfileVersion:
        """Propose the profile that a YAML document describes, as a new one or as the next version of its id.

        Invalid names the line of the document; Conflict when another version of it waits, or nothing would change.
        """
        self._access.require_root(principal, Permission.CA_PROFILE_PROPOSE)
        if not reason.strip():
            raise Invalid(N_("Say why the profile shall change."), place="reason")
        read = self._reader(document)
        with self._database.begin() as uow:
            self._profiles.adopt(uow, principal)
            return self._propose(uow, principal, read, reason)

    def approve(self, principal: Principal, key: str, reason: str = "") -> ProfileVersion:
        """Put a proposed version in force as the second person; the version before it is retired."""
        self._access.require_root(principal, Permission.CA_PROFILE_APPROVE)
        with self._database.begin() as uow:
            found = self._waiting(uow, key)
            approval = self._approvals.decide(uow, found.approval, principal, approve=True, reason=reason)
            if approval.digest != _digest(found):
                raise IntegrityFailed(
                    N_("The version of the profile is not the one that was proposed."),
                    mend=N_("Reject it, and look for who changed it."),
                    place=found.key,
                )
            if approval.state is ApprovalState.APPROVED:
                store.decide(uow.connection, found, VersionState.ACTIVE, self._clock.now())
                self._audit(uow, principal, AuditAction.CA_PROFILE_APPROVE, found, reason)
            return store.read_version(uow.connection, found.id, found.number)

    def reject(self, principal: Principal, key: str, reason: str) -> ProfileVersion:
        """Turn a proposed version down; what is in force stays so."""
        self._access.require_root(principal, Permission.CA_PROFILE_APPROVE)
        with self._database.begin() as uow:
            found = self._waiting(uow, key)
            self._approvals.decide(uow, found.approval, principal, approve=False, reason=reason)
            store.decide(uow.connection, found, VersionState.REJECTED, self._clock.now())
            self._audit(uow, principal, AuditAction.CA_PROFILE_REJECT, found, reason)
            return store.read_version(uow.connection, found.id, found.number)

    def offer_shipped(self) -> int:
        """Propose what the software has shipped otherwise than any version there was; returns how many that are.

        Nothing before the shipped versions were adopted, nor while another version of the profile waits.
        """
        actor, offered = Principal.system("ca"), 0
        with self._database.begin() as uow:
            if not store.active(uow.connection):
                return 0
            for profile_id, document in self._profiles.shipped.items():
                known = store.document(uow.connection, profile_id, version_of(document)) is not None
                if not known and not store.numbers(uow.connection, profile_id, VersionState.PROPOSED):
                    self._propose(uow, actor, document, SHIPPED)
                    offered += 1
        return offered

    # --- looks
    def page(self, principal: Principal, ask: Ask) -> Page[ProfileVersion]:
        """Versions, newest first. Filters: profile, state."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return VERSIONS.page(connection, ask)

    def show(self, principal: Principal, key: str) -> ProfileVersion:
        """A version by ``id@number`` or, as certificates name it, ``id@version``; by ``id`` alone the one in force."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            if not store.active(connection) and key in self._profiles.shipped:
                return self._not_kept_yet(key)
            return store.read_version(connection, *_place(connection, key))

    def _not_kept_yet(self, profile_id: str) -> ProfileVersion:
        """The shipped version, as it will be kept with the first certificate."""
        return ProfileVersion(
            id=profile_id,
            number=1,
            version=self._profiles.get(profile_id).version,
            document=self._profiles.shipped[profile_id],
            state=VersionState.ACTIVE,
            proposed_by="",
            proposed_at=self._clock.now(),
            reason="",
            approval="",
        )

    def differences(self, principal: Principal, key: str, against: str = "") -> list[Change]:
        """What a version has otherwise than another, "" for the one in force or, for that one, the one before it."""
        found = self.show(principal, key)
        if against:
            return changes(self.show(principal, against).document, found.document)
        with self._database.read() as connection:
            number = self._other(found, store.numbers(connection, found.id, VersionState.ACTIVE), connection)
            other = store.read_version(connection, found.id, number) if number else None
        return changes(other.document if other else None, found.document)

    def consequences(self, principal: Principal, key: str) -> int:
        """How many requests that wait under the version in force would have to be filed again."""
        found = self.show(principal, key)
        with self._database.read() as connection:
            return store.waiting(connection, found.id)

    # --- how
    def _propose(
        self, uow: UnitOfWork, by: Principal, document: Mapping[str, Any], reason: str
    ) -> ProfileVersion:
        profile = profile_of(document)
        waiting = store.numbers(uow.connection, profile.id, VersionState.PROPOSED)
        if waiting:
            raise Conflict(
                N_("Version %(number)s of profile %(profile)s waits for its decision."),
                mend=N_("Have it approved or rejected first."),
                place=profile.id,
                number=waiting[0],
                profile=profile.id,
            )
        if (profile.id, profile.version) in store.active(uow.connection):
            raise Conflict(N_("Profile %(profile)s is so already."), place=profile.id, profile=profile.id)
        number = store.last_number(uow.connection, profile.id) + 1
        return self._store(uow, by, document, number, reason)

    def _store(
        self, uow: UnitOfWork, by: Principal, document: Mapping[str, Any], number: int, reason: str
    ) -> ProfileVersion:
        found = ProfileVersion(
            id=document["id"],
            number=number,
            version=version_of(document),
            document=document,
            state=VersionState.PROPOSED,
            proposed_by=by.id,
            proposed_at=self._clock.now(),
            reason=reason,
            approval="",
        )
        approval = self._approvals.open(
            uow,
            kind="ca:profile",
            subject=f"profile-version:{found.key}",
            title=f"{document['title']['zh']} {document['title']['en']} ({found.key})",
            digest=_digest(found),
            requested_by=by,
            permission=Permission.CA_PROFILE_APPROVE,
        )
        store.add(uow.connection, found, approval.id)
        self._audit(uow, by, AuditAction.CA_PROFILE_PROPOSE, found, reason)
        return store.read_version(uow.connection, found.id, number)

    @staticmethod
    def _waiting(uow: UnitOfWork, key: str) -> ProfileVersion:
        found = store.read_version(uow.connection, *_place(uow.connection, key), lock=True)
        if found.state is not VersionState.PROPOSED:
            raise Conflict(N_("This is decided already (%(state)s)."), place=found.key, state=found.state)
        return found

    @staticmethod
    def _audit(uow: UnitOfWork, by: Principal, act: AuditAction, found: ProfileVersion, reason: str) -> None:
        target = f"profile-version:{found.key}"
        uow.audit(by, act, target, reason=reason or None, details={"version": found.version})

    @staticmethod
    def _other(found: ProfileVersion, active: list[int], connection: Connection) -> int:
        """The number of the version that one compares with, 0 for none."""
        if active and active[0] != found.number:
            return active[0]
        retired = store.numbers(connection, found.id, VersionState.RETIRED)
        return next((number for number in retired if number < found.number), 0)


def _place(connection: Connection, key: str) -> tuple[str, int]:
    """The id and number that ``key`` stands for."""
    profile_id, _, version = key.partition("@")
    if not version:
        active = store.numbers(connection, profile_id, VersionState.ACTIVE)
        return profile_id, active[0] if active else 0
    if version.isascii() and version.isdigit() and len(version) < 10:
        return profile_id, int(version)
    return profile_id, store.number_of(connection, profile_id, version)


def _digest(found: ProfileVersion) -> str:
    """What an approval is given for."""
    return sha256_hex(canonical_json({"profile": found.key, "document": found.document}))
