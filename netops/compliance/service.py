"""Findings: kept in step with the configurations, and decided on by people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound
from kernel.events import Event, EventKind
from kernel.i18n import N_, current_language
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page, page_of
from netops.compliance import store
from netops.compliance.model import Deviation, Finding, FindingState, Move, moved
from netops.compliance.rules import Rule, RuleBook

LONGEST_EXCEPTION = timedelta(days=366)


@dataclass(frozen=True)
class Place:
    """Where deviations were found: the device and the version of its configuration."""

    device_id: str
    device: str
    unit: str | None
    version: str


@dataclass(frozen=True)
class Synced:
    """How a device's findings moved: opened (also again) and fixed."""

    opened: tuple[Finding, ...]
    fixed: tuple[Finding, ...]
    present: tuple[Finding, ...]


class RuleService:
    """The baseline rules in force, to look at."""

    def __init__(self, access: Access, book: RuleBook) -> None:
        self._access = access
        self._book = book

    def page(self, principal: Principal, ask: Ask) -> Page[Rule]:
        """Rules by id; the filter ``platform`` takes those that run on it."""
        self._access.require(principal, Permission.NETOPS_FINDING_READ)
        platforms = ask.filters.get("platform", ())
        rules = [rule for rule in self._book.rules if not platforms or set(platforms) & set(rule.platforms)]
        return page_of(
            rules,
            replace(ask, filters={name: ask.filters[name] for name in ask.filters if name != "platform"}),
            key=lambda rule: rule.id,
            text=lambda rule: (rule.id, rule.title.zh, rule.title.en, *rule.controls),
            filters={"severity": lambda rule: rule.severity.value},
            orders={"rule": lambda rule: rule.id, "severity": lambda rule: rule.severity.rank},
            default="rule",
            facets=("severity",),
        )

    def titles(self) -> Mapping[str, str]:
        """Rule -> its title in the reader's language."""
        language = current_language()
        return {rule.id: rule.title.text(language) for rule in self._book.rules}

    def title(self, rule_id: str) -> str:
        """The title of a rule; of one that is no longer in force its id."""
        return self.titles().get(rule_id, rule_id)

    def get(self, principal: Principal, rule_id: str) -> Rule:
        self._access.require(principal, Permission.NETOPS_FINDING_READ)
        return self._book.get(rule_id)


class FindingService:
    """Lists, decides and keeps findings."""

    def __init__(self, database: Database, clock: Clock, access: Access) -> None:
        self._database = database
        self._clock = clock
        self._access = access

    # --- by a collection, in its transaction
    def sync(self, uow: UnitOfWork, place: Place, deviations: Sequence[Deviation]) -> Synced:
        """Open what is new or back, refresh what is still there, mark as fixed what is gone; with events."""
        known = store.of_device(uow.connection, place.device_id)
        now = self._clock.now()
        current = {deviation.identity: deviation for deviation in reversed(deviations)}
        opened, present = [], []
        for identity, deviation in current.items():
            finding, is_opened = self._seen(uow, place, known.get(identity), identity, deviation, now)
            present.append(finding)
            if is_opened:
                opened.append(finding)
        gone = [
            finding for identity, finding in known.items() if identity not in current and finding.is_present
        ]
        fixed = [self._gone(uow, finding, place.version, now) for finding in gone]
        for finding in opened:
            uow.emit(_event(EventKind.NETOPS_FINDING_OPENED, finding))
        for finding in fixed:
            uow.emit(_event(EventKind.NETOPS_FINDING_FIXED, finding, severity="info"))
        return Synced(tuple(opened), tuple(fixed), tuple(present))

    def _seen(
        self,
        uow: UnitOfWork,
        place: Place,
        known: Finding | None,
        identity: str,
        deviation: Deviation,
        now: datetime,
    ) -> tuple[Finding, bool]:
        fresh = store.from_deviation(deviation)
        if known is None:
            made = Finding(
                id=new_id("fnd"), device_id=place.device_id, device=place.device, unit=place.unit, rule=deviation.rule,
                file=f"{place.device}.cfg", state=FindingState.OPEN, version=place.version, first_seen=now,
                last_seen=now, **fresh,
            )  # fmt: skip
            return made, store.insert(uow, made, identity)
        back = not known.is_present
        state = moved(known.state, Move.REAPPEAR) if back else known.state
        decided: dict[str, Any] = {"owner": "", "reason": "", "until": None} if back else {}
        renewed = replace(
            known, state=state, version=place.version, last_seen=now, unit=place.unit, **decided, **fresh
        )
        store.update(uow, renewed, known.state)
        return renewed, back

    @staticmethod
    def _gone(uow: UnitOfWork, finding: Finding, version: str, now: datetime) -> Finding:
        fixed = replace(finding, state=moved(finding.state, Move.DISAPPEAR), version=version, last_seen=now)
        store.update(uow, fixed, finding.state)
        return fixed

    # --- by people
    def page(self, principal: Principal, ask: Ask) -> Page[Finding]:
        """Findings of the principal's units: what is there first, the heaviest first."""
        self._access.require(principal, Permission.NETOPS_FINDING_READ)
        scope = self._access.seen(principal, store.findings.c.unit)
        with self._database.read() as connection:
            return store.LISTING.page(connection, ask, *scope)

    def get(self, principal: Principal, finding_id: str) -> Finding:
        """One finding; NotFound also when it is another unit's."""
        self._access.require(principal, Permission.NETOPS_FINDING_READ)
        with self._database.read() as connection:
            finding = store.one(connection, finding_id)
        if finding is None or (finding.unit is not None and not self._access.covers(principal, finding.unit)):
            raise NotFound(N_("There is no finding %(finding)s."), finding=finding_id)
        return finding

    def acknowledge(self, principal: Principal, finding_id: str, *, reason: str) -> Finding:
        """Somebody has taken it on; it stays until a collection no longer sees it."""
        changes = {"reason": _said(reason), "owner": principal.name}
        action = AuditAction.NETOPS_FINDING_ACKNOWLEDGE
        return self._decide(
            principal, finding_id, Move.ACKNOWLEDGE, Permission.NETOPS_FINDING_ACKNOWLEDGE, action, changes
        )

    def grant_exception(
        self, principal: Principal, finding_id: str, *, owner: str, until: datetime, reason: str
    ) -> Finding:
        """Accept it until a date, at most a year ahead, with somebody who answers for it."""
        now = self._clock.now()
        if not now < until <= now + LONGEST_EXCEPTION:
            raise Invalid(
                N_("An exception ends in the future, at most a year ahead."),
                mend=N_("Give another end date."),
                place="until",
            )
        if not owner.strip():
            raise Invalid(
                N_("An exception needs an owner."), mend=N_("Name who answers for it."), place="owner"
            )
        changes = {"reason": _said(reason), "owner": owner.strip(), "until": until}
        action = AuditAction.NETOPS_FINDING_EXCEPT
        return self._decide(
            principal, finding_id, Move.EXCEPT, Permission.NETOPS_FINDING_EXCEPT, action, changes
        )

    def confirm_fix(self, principal: Principal, finding_id: str, *, reason: str) -> Finding:
        """A second person confirms that what collections no longer see was mended, not hidden."""
        action = AuditAction.NETOPS_FINDING_VERIFY
        changes = {"reason": _said(reason)}
        return self._decide(
            principal, finding_id, Move.VERIFY, Permission.NETOPS_FINDING_VERIFY, action, changes
        )

    def expire(self, principal: Principal) -> int:
        """Reopen findings whose exception has ended; returns how many. Run by the schedule."""
        self._access.require(principal, Permission.NETOPS_FINDING_EXCEPT)
        with self._database.begin() as uow:
            due = store.expired(uow.connection, self._clock.now())
            for finding in due:
                again = replace(finding, state=moved(finding.state, Move.EXPIRE), until=None)
                store.update(uow, again, finding.state)
                uow.audit(
                    principal, AuditAction.NETOPS_FINDING_EXPIRE, f"finding:{finding.id}", unit=finding.unit
                )
                uow.emit(_event(EventKind.NETOPS_FINDING_OPENED, again))
        return len(due)

    def _decide(
        self,
        principal: Principal,
        finding_id: str,
        move: Move,
        permission: Permission,
        action: AuditAction,
        changes: Mapping[str, Any],
    ) -> Finding:
        before = self.get(principal, finding_id)
        self._access.require(principal, permission, unit=before.unit)
        after = replace(before, state=moved(before.state, move), changed_by=principal.id, **changes)
        with self._database.begin() as uow:
            if not store.update(uow, after, before.state):
                raise Conflict(
                    N_("Somebody else has just changed the finding."), mend=N_("Look at it again.")
                )
            details = {"rule": before.rule, "device": before.device, "from": before.state, "to": after.state}
            uow.audit(
                principal,
                action,
                f"finding:{before.id}",
                unit=before.unit,
                reason=after.reason,
                details=details,
            )
        return after


def _said(reason: str) -> str:
    if not reason.strip():
        raise Invalid(N_("A decision needs a reason."), mend=N_("Say why."), place="reason")
    return reason.strip()


def _event(kind: EventKind, finding: Finding, severity: str | None = None) -> Event:
    data = {
        "finding": finding.id,
        "device": finding.device,
        "device_id": finding.device_id,
        "rule": finding.rule,
        "controls": list(finding.controls),
        "file": finding.file,
        "line": finding.line,
        "text": finding.text,
        "version": finding.version,
    }
    return Event(kind, f"finding:{finding.id}", data, finding.unit, severity or finding.severity.value)
