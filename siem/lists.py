"""How alerts and cases are looked through: filters, orders and what the quick find reads."""

from collections.abc import Iterable, Mapping

from sqlalchemy import select

from kernel.identity.model import Principal
from kernel.store.listing import Ask, Listing, equals, since, until
from siem.model import Alert, Case, Observable, OfCase
from siem.store import (
    SELECT_ALERTS,
    SELECT_CASES,
    SELECT_TASKS,
    alert_of,
    alerts,
    case_observables,
    case_of,
    case_tasks,
    cases,
    task_of,
)

ME, NOBODY = "me", "nobody"  # values of the filter by person, besides ids

ALERTS: Listing[Alert] = Listing(
    query=SELECT_ALERTS,
    key=alerts.c.id,
    orders={
        "urgency": alerts.c.urgency,
        "risk": alerts.c.risk,
        "last_seen": alerts.c.last_seen,
        "count": alerts.c.count,
    },
    default="-urgency",
    row=alert_of,
    text=(alerts.c.words,),
    filters={
        "state": equals(alerts.c.state),
        "level": equals(alerts.c.level),
        "verdict": equals(alerts.c.verdict),
        "rule": equals(alerts.c.rule_name),
        "asset": equals(alerts.c.asset),
        "unit": equals(alerts.c.unit),
        "assignee": equals(alerts.c.assignee),
        "case": equals(alerts.c.case_id),
        "key": equals(alerts.c.key),
        "since": since(alerts.c.last_seen),
        "until": until(alerts.c.last_seen),
    },
    facets={"state": alerts.c.state},
    bare=alerts,
)

CASES: Listing[Case] = Listing(
    query=SELECT_CASES,
    key=cases.c.id,
    orders={"opened_at": cases.c.opened_at, "state": cases.c.state},
    default="-opened_at",
    row=case_of,
    text=(cases.c.title, cases.c.id),
    filters={
        "state": equals(cases.c.state),
        "level": equals(cases.c.level),
        "verdict": equals(cases.c.verdict),
        "owner": equals(cases.c.owner),
        "unit": equals(cases.c.unit),
        "since": since(cases.c.opened_at),
        "until": until(cases.c.opened_at),
    },
    facets={"state": cases.c.state},
    bare=cases,
)


_OBSERVABLES = select(
    *case_observables.c, cases.c.title.label("case_title"), cases.c.unit.label("case_unit")
).select_from(case_observables.join(cases, cases.c.id == case_observables.c.case_id))

TASKS: Listing[OfCase] = Listing(
    query=SELECT_TASKS,
    key=case_tasks.c.id,
    orders={"id": case_tasks.c.id, "state": case_tasks.c.state},
    default="-state",  # open ones before those that are done
    row=lambda row: OfCase(task_of(row), row.case_id, row.case_title, row.case_unit),
    text=(case_tasks.c.title, cases.c.title),
    filters={
        "case": equals(case_tasks.c.case_id),
        "state": equals(case_tasks.c.state),
        "assignee": equals(case_tasks.c.assignee),
        "unit": equals(cases.c.unit),
    },
    facets={"state": case_tasks.c.state},
)

OBSERVABLES: Listing[OfCase] = Listing(
    query=_OBSERVABLES,
    key=case_observables.c.id,
    orders={"value": case_observables.c.value, "kind": case_observables.c.kind},
    default="kind",
    row=lambda row: OfCase(
        Observable(row.kind, row.value, row.id), row.case_id, row.case_title, row.case_unit
    ),
    text=(case_observables.c.value, cases.c.title),
    filters={
        "case": equals(case_observables.c.case_id),
        "kind": equals(case_observables.c.kind),
        "value": equals(case_observables.c.value),
        "unit": equals(cases.c.unit),
    },
    facets={"kind": case_observables.c.kind},
)


def of_person(ask: Ask, name: str, principal: Principal) -> Ask:
    """The same with "me" and "nobody" in the filter ``name`` as what the column holds."""
    told = {ME: principal.id, NOBODY: ""}
    values = tuple(told.get(value, value) for value in ask.filters.get(name, ()))
    return Ask(ask.text, {**ask.filters, name: values}, ask.sort, ask.cursor, ask.limit)


def words_of(
    rule_name: str, titles: Mapping[str, str], group: Mapping[str, str], others: Iterable[str]
) -> str:
    """What the quick find reads of an alert: rule, titles, values it groups by, the asset's name."""
    return "\n".join(dict.fromkeys([rule_name, *titles.values(), *group.values(), *others]))
