"""The lists of systems, assessments, results, remediations and packages, each within some units, and what goes with them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from kernel.store.listing import MOST, Ask, Listing, Page, equals, since, until
from policies import store
from policies.assessment.model import Assessment, Outcome, Remediation, RemediationState, Result

T = TypeVar("T")
Units = Collection[str] | None  # whose things are seen; None: everybody's
Mended = tuple[
    Remediation, str, str, str
]  # with the item, the object's name and the assessment that it is about
OVERDUE = "overdue"  # beside the states of a remediation: open, and its date has passed
_systems, _assessments, _results = store.systems.c, store.assessments.c, store.results.c
_remediations, _packages = store.remediations.c, store.packages.c
# so that a remediation leads to its result, and not all results of an assessment to their remediations
_OF_RESULT = func.coalesce(_results.assessment, "")


@dataclass(frozen=True)
class OfUnits(Generic[T]):
    """A list of which one sees what belongs to some units; ``unit`` is the column that says to which."""

    unit: ColumnElement[str]
    listing: Listing[T]

    def page(self, connection: Connection, ask: Ask, units: Units) -> Page[T]:
        return self.listing.page(connection, ask, _within(self.unit, units))

    def item(self, connection: Connection, key: str, units: Units) -> T | None:
        return _item(connection, self.listing, key, _within(self.unit, units))


def _within(column: ColumnElement[str], units: Units) -> ColumnElement[bool]:
    return column.is_not(None) if units is None else column.in_(sorted(units))


def _item(connection: Connection, listing: Listing[T], key: str, scope: ColumnElement[bool]) -> T | None:
    row = connection.execute(listing.query.where(scope, listing.key == key)).one_or_none()
    return None if row is None else listing.row(row)


def _remediation(row: Row[Any]) -> Mended:
    return store.remediation_of(row), row.item, row.object_name, row.assessment


def _in_chapter(values: tuple[str, ...]) -> ColumnElement[bool]:
    return or_(*(_results.item.contains(f"-{value}.", autoescape=True) for value in values))


SYSTEMS = OfUnits(
    _systems.unit,
    Listing(
        query=select(store.systems),
        key=_systems.id,
        orders={"name": _systems.name, "changed_at": _systems.changed_at},
        default="name",
        row=store.system_of,
        text=(_systems.name, _systems.owner, _systems.filing_number),
        filters={
            "state": equals(_systems.state),
            "unit": equals(_systems.unit),
            "level": equals(_systems.level),
        },
        facets={"state": _systems.state},
    ),
)
ASSESSMENTS = OfUnits(
    _assessments.unit,
    Listing(
        query=select(store.assessments, _systems.name).join(
            store.systems, _systems.id == _assessments.system
        ),
        key=_assessments.id,
        orders={"made_at": _assessments.made_at},
        default="-made_at",
        row=lambda row: (store.assessment_of(row), row.name),
        text=(_systems.name, _assessments.id),
        filters={
            "system": equals(_assessments.system),
            "since": since(_assessments.made_at),
            "until": until(_assessments.made_at),
        },
    ),
)
_RESULTS = Listing(
    query=select(store.results),
    key=_results.id,
    orders={"position": _results.position},
    default="position",
    row=store.result_of,
    text=(_results.item, _results.unit_id, _results.object_name, _results.note),
    filters={
        "item": equals(_results.item),
        "outcome": equals(_results.outcome),
        "state": equals(_results.state),
        "object": equals(_results.object_id),
        "chapter": _in_chapter,
    },
    facets={"outcome": _results.outcome},
)
_REMEDIATIONS = Listing(
    query=select(store.remediations, _results.item, _results.object_name, _results.assessment).join(
        store.results, _results.id == _remediations.result
    ),
    key=_remediations.id,
    orders={"due": _remediations.due, "opened_at": _remediations.opened_at},
    default="due",
    row=_remediation,
    text=(_remediations.owner, _remediations.action, _results.item, _results.object_name),
    filters={"result": equals(_remediations.result), "assessment": equals(_OF_RESULT)},
)
PACKAGES = OfUnits(
    _packages.unit,
    Listing(
        query=select(store.packages),
        key=_packages.id,
        orders={"made_at": _packages.made_at, "size": _packages.size},
        default="-made_at",
        row=store.package_of,
        text=(_packages.id, _packages.sha256),
        filters={
            "assessment": equals(_packages.assessment),
            "state": equals(_packages.state),
            "since": since(_packages.made_at),
            "until": until(_packages.made_at),
        },
        facets={"state": _packages.state},
    ),
)


def result_page(connection: Connection, ask: Ask, assessments: Sequence[str]) -> Page[Result]:
    """Results of these assessments. One is read by the index of its own order; several by that of all results, which SQLite
    would leave for that of the assessment and a sort of every row, did the condition name the bare column."""
    if len(assessments) == 1:
        return _RESULTS.page(connection, ask, _results.assessment == assessments[0])
    return _RESULTS.page(connection, ask, func.coalesce(_results.assessment, "").in_(assessments))


def remediation_page(
    connection: Connection, ask: Ask, units: Units, states: Sequence[str], now: datetime
) -> Page[Mended]:
    """Remediations of these states (none: of all); ``overdue`` is one of them."""
    scope = [_remediable(units)]
    if states:
        late = and_(_remediations.state == str(RemediationState.OPEN), _remediations.due < now)
        named = _remediations.state.in_([state for state in states if state != OVERDUE])
        scope.append(or_(named, late) if OVERDUE in states else named)
    return _REMEDIATIONS.page(connection, ask, *scope)


def remediation_item(connection: Connection, key: str, units: Units) -> Mended | None:
    return _item(connection, _REMEDIATIONS, key, _remediable(units))


def _remediable(units: Units) -> ColumnElement[bool]:
    return _OF_RESULT.in_(select(_assessments.id).where(_within(_assessments.unit, units)))


def system_names(connection: Connection, units: Units) -> dict[str, str]:
    """Name and level by id."""
    query = select(store.systems).where(_within(_systems.unit, units)).order_by(_systems.name).limit(MOST)
    return {row.id: f"{row.name} {row.level}" for row in connection.execute(query)}


def assessment_names(
    connection: Connection, units: Units, asked: Sequence[str] = ()
) -> dict[str, tuple[str, datetime]]:
    """(system's name, time) of the newest assessments by id, or of those ``asked`` for."""
    query = ASSESSMENTS.listing.query.where(_within(_assessments.unit, units))
    if asked:
        query = query.where(_assessments.id.in_(asked))
    newest = query.order_by(_assessments.made_at.desc(), _assessments.id.desc()).limit(MOST)
    return {row.id: (row.name, row.made_at) for row in connection.execute(newest)}


def latest(connection: Connection, units: Units) -> dict[str, tuple[Assessment, str]]:
    """The newest assessment of each system and the system's name, by the assessment's id."""
    seen = _within(_assessments.unit, units)
    newest = select(func.max(_assessments.id)).where(seen).group_by(_assessments.system)
    query = ASSESSMENTS.listing.query.where(seen, _assessments.id.in_(newest))
    return {row.id: (store.assessment_of(row), row.name) for row in connection.execute(query)}


def counts(connection: Connection, ids: Sequence[str]) -> dict[str, dict[Outcome, int]]:
    """Results of assessments by outcome; every outcome is there."""
    columns = (_results.assessment, _results.outcome)
    query = select(*columns, func.count().label("number")).where(_results.assessment.in_(ids))
    found = {name: dict.fromkeys(Outcome, 0) for name in ids}
    for row in connection.execute(query.group_by(*columns)):
        found[row.assessment][Outcome(row.outcome)] = row.number
    return found
