"""What changes an alert, inside the transaction of whoever changes it: state, order of work, timeline, audit, event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kernel.audit.model import AuditAction
from kernel.errors import Conflict, Invalid
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.ids import new_id
from kernel.store import UnitOfWork
from siem.model import Alert, AlertState, Verdict, move_alert, urgency
from siem.store import alert_timeline, alerts


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


def changed() -> Conflict:
    return Conflict(N_("Somebody else changed it meanwhile."), mend=N_("Look at it again."))


def require_text(text: str) -> None:
    """Invalid for an empty reason or note."""
    if not text.strip():
        raise Invalid(N_("Say why: the reason goes into the record."))
