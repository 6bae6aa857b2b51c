"""Officers and the signer: how it stands, activation by shares, and handing out new shares. Every act is audited."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ca.signer.control import KeyStatus, SignerControl, SignerStatus
from ca.signer.holders import chosen_holders, possible_holders
from ca.signer.shares import Share, check_numbers
from kernel.audit.model import AuditAction, Outcome
from kernel.errors import NotFound, Unavailable, WeichengError
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of

T = TypeVar("T")
_TARGET = "signer"


class Custody:
    """The signer in the hands of several officers. A share is presented and collected by the person it belongs to."""

    def __init__(self, database: Database, access: Access, control: SignerControl) -> None:
        self._database = database
        self._access = access
        self._control = control

    # --- looking
    def status(self, principal: Principal) -> SignerStatus:
        """How the signer stands, also when it does not run."""
        self._access.require_root(principal, Permission.CA_SIGNER_READ)
        return self._status()

    def seen(self, principal: Principal) -> tuple[SignerStatus, ...]:
        """The signer as a list of one for the topmost unit, of none for any other: it signs for every unit."""
        self._access.require(principal, Permission.CA_SIGNER_READ)
        return (self._status(),) if self._access.topmost(principal) else ()

    def officers(self, principal: Principal) -> dict[str, str]:
        """Who may be given a share: login -> name of active security officers."""
        self._access.require_root(principal, Permission.CA_SIGNER_OPERATE)
        with self._database.read() as connection:
            return {one.login: one.name for one in possible_holders(connection)}

    def keys(self, principal: Principal, ask: Ask) -> Page[KeyStatus]:
        """The keys of an active signer, for the topmost unit. Filters: role, place."""
        return page_of(
            [key for status in self.seen(principal) for key in status.keys],
            ask,
            key=lambda one: one.name,
            text=lambda one: (one.name, one.fingerprint),
            filters={"role": lambda one: one.role, "place": lambda one: one.place},
            facets=("place",),
        )

    def key(self, principal: Principal, name: str) -> KeyStatus:
        keys = [key for status in self.seen(principal) for key in status.keys]
        found = next((one for one in keys if one.name == name), None)
        if found is None:
            raise NotFound(N_("There is no key %(name)s."), name=name[:80])
        return found

    # --- activation
    def present(self, principal: Principal, share: Share) -> SignerStatus:
        """Present one's own share; the last that is needed activates the signer, or agrees to new shares."""
        self._allow(principal, AuditAction.CA_SIGNER_PRESENT)
        self._acted(
            principal,
            AuditAction.CA_SIGNER_PRESENT,
            lambda: self._control.present(principal.id, share),
            details={"set": share.set.hex(), "share": share.number},
            then=AuditAction.CA_SIGNER_ACTIVATE,
        )
        return self._control.status()

    def deactivate(self, principal: Principal, reason: str) -> SignerStatus:
        """Make the signer forget its keys until enough shares are presented again."""
        self._allow(principal, AuditAction.CA_SIGNER_DEACTIVATE)
        self._acted(principal, AuditAction.CA_SIGNER_DEACTIVATE, self._control.deactivate, reason=reason)
        return self._control.status()

    # --- new shares
    def begin(self, principal: Principal, threshold: int, logins: Sequence[str], reason: str) -> SignerStatus:
        """Begin a new set of which ``threshold`` of the officers named by their logins have to come together.

        The set in force stays so until its holders have agreed and every new holder has confirmed.
        """
        self._allow(principal, AuditAction.CA_SIGNER_SHARES_BEGIN)
        check_numbers(threshold, len(set(logins)))
        with self._database.read() as connection:
            holders = chosen_holders(connection, logins)
        self._acted(
            principal,
            AuditAction.CA_SIGNER_SHARES_BEGIN,
            lambda: self._control.begin(threshold, holders),
            reason=reason,
            details={"threshold": threshold, "holders": sorted(holders)},
        )
        return self._control.status()

    def collect(self, principal: Principal) -> Share:
        """One's own new share; it is in force once every holder has confirmed."""
        self._allow(principal, AuditAction.CA_SIGNER_SHARES_COLLECT)
        return self._acted(
            principal,
            AuditAction.CA_SIGNER_SHARES_COLLECT,
            lambda: self._control.collect(principal.id),
        )

    def confirm(self, principal: Principal, share: Share) -> SignerStatus:
        """Prove that one's new share is kept safe and can be opened; the last puts the new set in force."""
        self._allow(principal, AuditAction.CA_SIGNER_SHARES_CONFIRM)
        self._acted(
            principal,
            AuditAction.CA_SIGNER_SHARES_CONFIRM,
            lambda: self._control.confirm(principal.id, share),
            details={"set": share.set.hex(), "share": share.number},
            then=AuditAction.CA_SIGNER_SHARES_RENEW,
        )
        return self._control.status()

    def cancel(self, principal: Principal, reason: str) -> SignerStatus:
        """Drop a new set before it is in force; the old one stays."""
        self._allow(principal, AuditAction.CA_SIGNER_SHARES_CANCEL)
        self._acted(principal, AuditAction.CA_SIGNER_SHARES_CANCEL, self._control.cancel, reason=reason)
        return self._control.status()

    # --- inside
    def _status(self) -> SignerStatus:
        try:
            return self._control.status()
        except Unavailable:
            return SignerStatus(running=False)

    def _allow(self, principal: Principal, act: AuditAction) -> None:
        self._access.require_root(principal, Permission.CA_SIGNER_OPERATE)
        self._access.require_person(principal, act)

    def _acted(
        self,
        principal: Principal,
        action: AuditAction,
        act: Callable[[], T],
        *,
        reason: str | None = None,
        details: Mapping[str, object] | None = None,
        then: AuditAction | None = None,
    ) -> T:
        """Do and record it in one unit of work: nothing is asked when nothing can be recorded. ``then`` follows a True."""
        try:
            with self._database.begin() as uow:
                done = act()
                uow.audit(principal, action, _TARGET, reason=reason, details=details)
                if then is not None and done is True:
                    uow.audit(principal, then, _TARGET, details=details)
                return done
        except WeichengError as error:
            self._refused(principal, action, error, details)
            raise

    def _refused(
        self,
        principal: Principal,
        action: AuditAction,
        error: WeichengError,
        details: Mapping[str, object] | None,
    ) -> None:
        told = {**(details or {}), "code": str(error.code), "message": error.message}
        with self._database.begin() as uow:
            uow.audit(principal, action, _TARGET, outcome=Outcome.FAILURE, details=told)
