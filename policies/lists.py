"""Looking through systems, assessments, results, remediations, packages and controls, page by page.

A principal sees what belongs to their units; anything else is not there for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of
from policies import listings, store
from policies.assessment.conclusion import Tally
from policies.assessment.model import Assessment, Outcome, Remediation, RemediationState, Result
from policies.catalogue.model import Catalogue, Place
from policies.listings import ASSESSMENTS, PACKAGES, SYSTEMS, Mended, Units
from policies.package.state import PackageRow
from policies.systems.model import System

T = TypeVar("T")


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


class PolicyLists:
    """What the principal's units have under graded protection."""

    def __init__(self, database: Database, clock: Clock, access: Access, catalogue: Catalogue) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._catalogue = catalogue

    def systems(self, principal: Principal, ask: Ask) -> Page[System]:
        """Filters: state, unit, level."""
        units = self._units(principal)
        with self._database.read() as connection:
            return SYSTEMS.page(connection, ask, units)

    def system_names(self, principal: Principal) -> dict[str, str]:
        """Name and level by id: what one chooses from."""
        units = self._units(principal)
        with self._database.read() as connection:
            return listings.system_names(connection, units)

    # --- assessments and their results
    def assessments(self, principal: Principal, ask: Ask) -> Page[ListedAssessment]:
        """Newest first. Filters: system (its id), since, until."""
        units = self._units(principal)
        with self._database.read() as connection:
            page = ASSESSMENTS.page(connection, ask, units)
            counts = listings.counts(connection, [made.id for made, _system in page.items])
        return page.map(lambda found: ListedAssessment(*found, counts[found[0].id]))

    def assessment(self, principal: Principal, assessment_id: str) -> ListedAssessment:
        units = self._units(principal)
        with self._database.read() as connection:
            made, system = _there(ASSESSMENTS.item(connection, assessment_id, units), assessment_id)
            return ListedAssessment(made, system, listings.counts(connection, [made.id])[made.id])

    def assessment_names(self, principal: Principal) -> dict[str, tuple[str, datetime]]:
        """(system's name, time) of the newest assessments by id: what one chooses from."""
        units = self._units(principal)
        with self._database.read() as connection:
            return listings.assessment_names(connection, units)

    def latest(self, principal: Principal) -> dict[str, tuple[Assessment, list[Tally]]]:
        """The newest assessment of each system with its results counted, by the system's id."""
        units = self._units(principal)
        with self._database.read() as connection:
            made = listings.latest(connection, units)
            tallies = store.tallies_of(connection, list(made))
        return {one.system: (one, tallies[one.id]) for one, _system in made.values()}

    def results(self, principal: Principal, ask: Ask) -> Page[ListedResult]:
        """In catalogue order. Filters: assessment (without it: the newest of each system), item, chapter, outcome, state,
        object (an asset's or the system's id)."""
        units, filters = self._units(principal), dict(ask.filters)
        asked = filters.pop("assessment", ())
        with self._database.read() as connection:
            if asked:
                known = listings.assessment_names(connection, units, asked)
            else:
                latest = listings.latest(connection, units).items()
                known = {key: (system, made.made_at) for key, (made, system) in latest}
            page = listings.result_page(connection, replace(ask, filters=filters), sorted(known))
        return page.map(lambda result: self._listed(result, known))

    def result(self, principal: Principal, result_id: str) -> ListedResult:
        units = self._units(principal)
        with self._database.read() as connection:
            result = _there(store.get_result(connection, result_id), result_id)
            known = listings.assessment_names(connection, units, [result.assessment])
        return self._listed(result, known) if known else _there(None, result_id)

    # --- remediations and packages
    def remediations(self, principal: Principal, ask: Ask) -> Page[ListedRemediation]:
        """By date. Filters: state (also ``overdue``), result, assessment."""
        units, filters = self._units(principal), dict(ask.filters)
        states, now = filters.pop("state", ()), self._clock.now()
        with self._database.read() as connection:
            asked = replace(ask, filters=filters)
            return listings.remediation_page(connection, asked, units, states, now).map(self._dated)

    def remediation(self, principal: Principal, remediation_id: str) -> ListedRemediation:
        units = self._units(principal)
        with self._database.read() as connection:
            found = listings.remediation_item(connection, remediation_id, units)
        return self._dated(_there(found, remediation_id))

    def packages(self, principal: Principal, ask: Ask) -> Page[PackageRow]:
        """Newest first. Filters: assessment, state, since, until."""
        units = self._units(principal)
        with self._database.read() as connection:
            return PACKAGES.page(connection, ask, units)

    def package(self, principal: Principal, package_id: str) -> PackageRow:
        units = self._units(principal)
        with self._database.read() as connection:
            return _there(PACKAGES.item(connection, package_id, units), package_id)

    # --- the catalogue
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
    def _units(self, principal: Principal) -> Units:
        self._access.require(principal, Permission.POLICIES_READ)
        return self._access.visible_units(principal)

    def _listed(self, result: Result, known: Mapping[str, tuple[str, datetime]]) -> ListedResult:
        return ListedResult(result, self._catalogue.place(result.item), *known[result.assessment])

    def _dated(self, found: Mended) -> ListedRemediation:
        remediation, item, object_name, assessment = found
        late = remediation.state is RemediationState.OPEN and remediation.due < self._clock.now()
        return ListedRemediation(remediation, item, object_name, assessment, late)


def _texts(place: Place) -> tuple[str, ...]:
    return tuple(text for one in (place.point.title, place.item.text) for text in (one.zh, one.en))


def _there(found: T | None, name: str) -> T:
    if found is None:
        raise NotFound(N_("There is nothing named %(name)s under graded protection."), name=name[:80])
    return found
