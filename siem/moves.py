"""What changes an alert or a case, inside the transaction of whoever changes it: state, timeline, audit, event."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.errors import Conflict, Invalid
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.ids import new_id
from kernel.store import UnitOfWork, insert_if_absent
from siem.model import Alert, AlertState, Case, Verdict, move_alert, urgency
from siem.store import alert_timeline, alerts, case_observables, case_timeline


def change_alert(uow: UnitOfWork, alert: Alert, changes: Mapping[str, Any]) -> None:
    """Only if nobody changed its state or assignee meanwhile; a growing count is no such change."""
    same = (alerts.c.id == alert.id) & (alerts.c.state == alert.state) & (alerts.c.assignee == alert.assignee)
    order = urgency(AlertState(changes.get("state", alert.state)), alert.risk)
    values = {**changes, "urgency": order, "version": alerts.c.version + 1}
    if not uow.execute(alerts.update().where(same).values(**values)).rowcount:
        raise changed()


def tell(uow: UnitOfWork, principal: Principal, alert: Alert, at: datetime, kind: str, text: str) -> None:
    """A line of the alert's timeline."""
    row = {"id": new_id("note"), "alert_id": alert.id, "at": at, "actor": principal.name}
    uow.execute(alert_timeline.insert().values(**row, kind=kind, text=text))


def close_alert(
    uow: UnitOfWork, principal: Principal, alert: Alert, at: datetime, verdict: Verdict, reason: str
) -> None:
    """Close it with a verdict, audited and announced."""
    change_alert(uow, alert, {"state": move_alert(alert.state, AlertState.CLOSED), "verdict": verdict})
    tell(uow, principal, alert, at, "closed", reason)
    details = {"verdict": str(verdict)}
    uow.audit(principal, AuditAction.ALERT_CLOSE, alert.id, unit=alert.unit, reason=reason, details=details)
    told = {"rule": alert.rule_name, "verdict": str(verdict)}
    uow.emit(Event(EventKind.ALERT_CLOSED, alert.id, told, alert.unit, "info"))


def put_into_case(uow: UnitOfWork, principal: Principal, alert: Alert, at: datetime, case_id: str) -> None:
    """It is then worked on there, by whoever put it in."""
    state = move_alert(alert.state, AlertState.IN_CASE)
    change_alert(uow, alert, {"state": state, "case_id": case_id, "assignee": principal.id})
    tell(uow, principal, alert, at, "case", case_id)


def note_in_case(
    uow: UnitOfWork, principal: Principal, case_id: str, at: datetime, kind: str, text: str
) -> None:
    """A line of the case's timeline."""
    row = {"id": new_id("note"), "case_id": case_id, "at": at, "actor": principal.name}
    uow.execute(case_timeline.insert().values(**row, kind=kind, text=text))


def audit_case(
    uow: UnitOfWork, principal: Principal, case: Case, details: Mapping[str, Any], reason: str = ""
) -> None:
    """Something was added to a case or taken out of it."""
    action = AuditAction.CASE_EXTEND
    uow.audit(principal, action, case.id, unit=case.unit, reason=reason or None, details=details)


def observe(uow: UnitOfWork, case_id: str, found: Sequence[tuple[str, str]]) -> int:
    """Add observables (kind, value) that are not there yet; how many."""
    rows = [
        {"id": observable_id(case_id, kind, value), "case_id": case_id, "kind": kind, "value": value}
        for kind, value in found
    ]
    return sum(insert_if_absent(uow.connection, case_observables, row) for row in rows)


def observable_id(case_id: str, kind: str, value: str) -> str:
    """The id of an observable: the same for the same value in the same case."""
    return "obs_" + sha256_hex("\0".join((case_id, kind, value)).encode())[:32]


def changed() -> Conflict:
    return Conflict(N_("Somebody else changed it meanwhile."), mend=N_("Look at it again."))


def require_text(text: str) -> None:
    """Invalid for an empty reason or note."""
    if not text.strip():
        raise Invalid(N_("Say why: the reason goes into the record."))
