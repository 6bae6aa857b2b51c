"""Looking through systems, assessments, results, remediations, packages and controls, page by page.

A principal sees what belongs to their units; anything else is not there for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import MOST, Ask, Listing, Page, equals, page_of, since, until
from policies import store
from policies.assessment.conclusion import Tally
from policies.assessment.model import Assessment, Outcome, Remediation, RemediationState, Result
from policies.catalogue.model import Catalogue, Place
from policies.package.state import PackageRow
from policies.systems.model import System

T = TypeVar("T")
_OF_RESULT = func.coalesce(
    store.results.c.assessment, ""
)  # by way of the remediation, not of all its results
OVERDUE = "overdue"  # beside the states of a remediation: open, and its date has passed
_systems, _assessments, _results = store.systems.c, store.assessments.c, store.results.c
_remediations, _packages = store.remediations.c, store.packages.c


@dataclass(frozen=True)
class ListedAssessment:
    """An assessment with its system's name and how many results have which outcome."""

    assessment: Assessment
    system: str
    counts: Mapping[Outcome, int]


@dataclass(frozen=True)
class ListedResult:
    """A result, the place of its item in the catalogue, and the system that was assessed."""

    result: Result
    place: Place
    system: str
    assessed_at: datetime


@dataclass(frozen=True)
class ListedRemediation:
    """A remediation with what it mends. ``overdue``: open, and its date has passed."""

    remediation: Remediation
    item: str
    object_name: str
    assessment: str
    overdue: bool


def _remediation(row: Row[Any]) -> tuple[Remediation, str, str, str]:
    return store.remediation_of(row), row.item, row.object_name, row.assessment


def _in_chapter(values: tuple[str, ...]) -> ColumnElement[bool]:
    return or_(*(_results.item.contains(f"-{value}.", autoescape=True) for value in values))


SYSTEMS = Listing(
    query=select(store.systems),
    key=_systems.id,
    orders={"name": _systems.name, "changed_at": _systems.changed_at},
    default="name",
    row=store.system_of,
    text=(_systems.name, _systems.owner, _systems.filing_number),
    filters={"state": equals(_systems.state), "unit": equals(_systems.unit), "level": equals(_systems.level)},
    facets={"state": _systems.state},
)
ASSESSMENTS = Listing(
    query=select(store.assessments, _systems.name).join(store.systems, _systems.id == _assessments.system),
    key=_assessments.id,
    orders={"made_at": _assessments.made_at},
    default="-made_at",
    row=lambda row: ListedAssessment(store.assessment_of(row), row.name, {}),
    text=(_systems.name, _assessments.id),
    filters={
        "system": equals(_assessments.system),
        "since": since(_assessments.made_at),
        "until": until(_assessments.made_at),
    },
)
RESULTS = Listing(
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
REMEDIATIONS = Listing(
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
PACKAGES = Listing(
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
)


class PolicyLists:
    """What the principal's units have under graded protection."""

    def __init__(self, database: Database, clock: Clock, access: Access, catalogue: Catalogue) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._catalogue = catalogue

    def systems(self, principal: Principal, ask: Ask) -> Page[System]:
        """Filters: state, unit, level."""
        return self._page(SYSTEMS, ask, self._of_units(principal, _systems.unit))

    def assessments(self, principal: Principal, ask: Ask) -> Page[ListedAssessment]:
        """Newest first. Filters: system (its id), since, until."""
        page = self._page(ASSESSMENTS, ask, self._of_units(principal, _assessments.unit))
        counts = self._counts([listed.assessment.id for listed in page.items])
        return page.map(lambda listed: replace(listed, counts=counts[listed.assessment.id]))

    def assessment(self, principal: Principal, assessment_id: str) -> ListedAssessment:
        scope = self._of_units(principal, _assessments.unit)
        return replace(
            self._item(ASSESSMENTS, assessment_id, scope), counts=self._counts([assessment_id])[assessment_id]
        )

    def system_names(self, principal: Principal) -> dict[str, str]:
        """Name and level by id: what one chooses from."""
        query = select(store.systems).where(self._of_units(principal, _systems.unit)).order_by(_systems.name)
        with self._database.read() as connection:
            return {row.id: f"{row.name} {row.level}" for row in connection.execute(query.limit(MOST))}

    def assessment_names(self, principal: Principal) -> dict[str, tuple[str, datetime]]:
        """(system's name, time) of the newest assessments by id: what one chooses from."""
        seen = self._of_units(principal, _assessments.unit)
        query = ASSESSMENTS.query.where(seen).order_by(_assessments.made_at.desc(), _assessments.id.desc())
        with self._database.read() as connection:
            return {row.id: (row.name, row.made_at) for row in connection.execute(query.limit(MOST))}

    def latest(self, principal: Principal) -> dict[str, tuple[Assessment, list[Tally]]]:
        """The newest assessment of each system with its results counted, by the system's id."""
        newest = select(func.max(_assessments.id)).where(self._of_units(principal, _assessments.unit))
        query = select(store.assessments).where(_assessments.id.in_(newest.group_by(_assessments.system)))
        with self._database.read() as connection:
            made = [store.assessment_of(row) for row in connection.execute(query)]
            tallies = store.tallies_of(connection, [one.id for one in made])
        return {one.system: (one, tallies[one.id]) for one in made}

    def results(self, principal: Principal, ask: Ask) -> Page[ListedResult]:
        """In catalogue order. Filters: assessment (without it: the newest of each system), item, chapter, outcome, state,
        object (an asset's or the system's id)."""
        self._access.require(principal, Permission.POLICIES_READ)
        filters = dict(ask.filters)
        known = self._assessments(principal, filters.pop("assessment", ()))
        page = self._page(RESULTS, replace(ask, filters=filters), _of_assessments(sorted(known)))
        return page.map(lambda result: self._listed(result, known))

    def result(self, principal: Principal, result_id: str) -> ListedResult:
        with self._database.read() as connection:
            result = store.get_result(connection, result_id)
        known = self._assessments(principal, (result.assessment,) if result else ("",))
        if result is None or result.assessment not in known:
            raise _nothing(result_id)
        return self._listed(result, known)

    def remediations(self, principal: Principal, ask: Ask) -> Page[ListedRemediation]:
        """By date. Filters: state (also ``overdue``), result, assessment."""
        scope = [self._remediable(principal)]
        filters = dict(ask.filters)
        scope += self._in_states(filters.pop("state", ()))
        return self._page(REMEDIATIONS, replace(ask, filters=filters), *scope).map(self._dated)

    def remediation(self, principal: Principal, remediation_id: str) -> ListedRemediation:
        return self._dated(self._item(REMEDIATIONS, remediation_id, self._remediable(principal)))

    def packages(self, principal: Principal, ask: Ask) -> Page[PackageRow]:
        """Newest first. Filters: assessment, state, since, until."""
        return self._page(PACKAGES, ask, self._of_units(principal, _packages.unit))

    def package(self, principal: Principal, package_id: str) -> PackageRow:
        return self._item(PACKAGES, package_id, self._of_units(principal, _packages.unit))

    def controls(self, principal: Principal, ask: Ask) -> Page[Place]:
        """The catalogue, which all may read who read assessments. Filters: chapter, automation, object."""
        self._access.require(principal, Permission.POLICIES_READ)
        places = [self._catalogue.place(item.id) for item in self._catalogue.items]
        order = {place.item.id: f"{number:04d}" for number, place in enumerate(places)}
        return page_of(
            places,
            ask,
            key=lambda place: place.item.id,
            text=lambda place: (place.item.id, place.item.unit, *_texts(place)),
            filters={
                "chapter": lambda place: place.group.clause,
                "automation": lambda place: str(place.item.automation),
                "object": lambda place: str(place.item.object),
            },
            orders={"position": lambda place: order[place.item.id]},
            default="position",
            facets=("automation",),
        )

    def control(self, principal: Principal, item_id: str) -> Place:
        self._access.require(principal, Permission.POLICIES_READ)
        return self._catalogue.place(item_id)

    # --- small things
    def _of_units(self, principal: Principal, column: ColumnElement[str]) -> ColumnElement[bool]:
        self._access.require(principal, Permission.POLICIES_READ)
        units = self._access.visible_units(principal)
        return column.is_not(None) if units is None else column.in_(sorted(units))

    def _remediable(self, principal: Principal) -> ColumnElement[bool]:
        visible = select(_assessments.id).where(self._of_units(principal, _assessments.unit))
        return _OF_RESULT.in_(visible)

    def _in_states(self, states: Sequence[str]) -> list[ColumnElement[bool]]:
        if not states:
            return []
        late = and_(_remediations.state == str(RemediationState.OPEN), _remediations.due < self._clock.now())
        named = _remediations.state.in_([state for state in states if state != OVERDUE])
        return [or_(named, late) if OVERDUE in states else named]

    def _assessments(self, principal: Principal, asked: Sequence[str]) -> dict[str, tuple[str, datetime]]:
        """(system's name, time) by assessment: those asked for and seen; asked for none, the newest of each system."""
        seen = self._of_units(principal, _assessments.unit)
        wanted = (
            _assessments.id.in_(asked)
            if asked
            else _assessments.id.in_(
                select(func.max(_assessments.id)).where(seen).group_by(_assessments.system)
            )
        )
        query = ASSESSMENTS.query.where(seen, wanted)
        with self._database.read() as connection:
            return {row.id: (row.name, row.made_at) for row in connection.execute(query)}

    def _listed(self, result: Result, known: Mapping[str, tuple[str, datetime]]) -> ListedResult:
        return ListedResult(result, self._catalogue.place(result.item), *known[result.assessment])

    def _dated(self, found: tuple[Remediation, str, str, str]) -> ListedRemediation:
        remediation, item, object_name, assessment = found
        late = remediation.state is RemediationState.OPEN and remediation.due < self._clock.now()
        return ListedRemediation(remediation, item, object_name, assessment, late)

    def _counts(self, ids: Sequence[str]) -> dict[str, dict[Outcome, int]]:
        columns = (_results.assessment, _results.outcome)
        query = select(*columns, func.count().label("number")).where(_results.assessment.in_(ids))
        counts = {name: dict.fromkeys(Outcome, 0) for name in ids}
        with self._database.read() as connection:
            for row in connection.execute(query.group_by(*columns)):
                counts[row.assessment][Outcome(row.outcome)] = row.number
        return counts

    def _page(self, listing: Listing[T], ask: Ask, *scope: ColumnElement[bool]) -> Page[T]:
        with self._database.read() as connection:
            return listing.page(connection, ask, *scope)

    def _item(self, listing: Listing[T], wanted: str, scope: ColumnElement[bool]) -> T:
        with self._database.read() as connection:
            row = connection.execute(listing.query.where(scope, listing.key == wanted)).one_or_none()
        if row is None:
            raise _nothing(wanted)
        return listing.row(row)


def _of_assessments(ids: Sequence[str]) -> ColumnElement[bool]:
    """One assessment is read by the index of its own order; several by that of all results, which SQLite would leave for
    that of the assessment and a sort of every row, did the condition name the bare column."""
    if len(ids) == 1:
        return _results.assessment == ids[0]
    return func.coalesce(_results.assessment, "").in_(ids)


def _texts(place: Place) -> tuple[str, ...]:
    return tuple(text for one in (place.point.title, place.item.text) for text in (one.zh, one.en))


def _nothing(name: str) -> NotFound:
    return NotFound(N_("There is nothing named %(name)s under graded protection."), name=name[:80])
